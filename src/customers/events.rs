//! Effects of Stripe's events about customers and payment methods. They may come twice, late and in any order, so each has the
//! customer read again.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::Deserialize;
use souk_entity::{CustomerId, payment_method, tax_id};

use crate::db::Tx;
use crate::error::Result;
use crate::jobs::{self, Job};
use crate::stripe::{Effect, Event, EventObject};

const NO_CUSTOMER: Effect = Effect::Ignored("no customer of ours");
const NO_METHOD: Effect = Effect::Ignored("nothing of ours has saved this payment method");

/// `customer.updated` and `customer.deleted`.
pub async fn customer(tx: &Tx, event: &Event) -> Result<Effect> {
    reread_customer(tx, &event.about()?).await
}

/// Stages a re-read of a customer.
pub async fn reread_customer(tx: &Tx, object: &EventObject) -> Result<Effect> {
    let (Some(account), Some(id)) = (&object.account, &object.id) else {
        return Ok(NO_CUSTOMER);
    };
    let found = super::by_stripe_id(tx, account, object.livemode, id).await?;
    match found {
        Some(found) => stage(tx, found.id).await,
        None => Ok(NO_CUSTOMER),
    }
}

/// `payment_method.attached`, `.detached`, `.updated` and `.automatically_updated`.
pub async fn payment_method(tx: &Tx, event: &Event) -> Result<Effect> {
    reread_method(tx, &event.about()?).await
}

/// Stages a re-read of the customer whose payment method it is. A detached one no longer says whose it was.
pub async fn reread_method(tx: &Tx, object: &EventObject) -> Result<Effect> {
    use payment_method::Column as C;
    let (Some(account), Some(id)) = (&object.account, &object.id) else {
        return Ok(NO_METHOD);
    };
    let found = payment_method::Entity::find_by_id(id.clone())
        .filter(C::StripeAccount.eq(account.clone()))
        .filter(C::Livemode.eq(object.livemode))
        .one(tx)
        .await?;
    match found {
        Some(found) => stage(tx, found.customer_id).await,
        None => Ok(NO_METHOD),
    }
}

/// `customer.tax_id.created`, `.updated` and `.deleted`.
pub async fn tax_id(tx: &Tx, event: &Event) -> Result<Effect> {
    #[derive(Deserialize)]
    struct Of {
        customer: Option<String>,
    }
    let customer = event.object::<Of>()?.customer;
    let about = event.about()?;
    reread_customer(
        tx,
        &EventObject {
            id: customer,
            ..about
        },
    )
    .await
}

/// Stages a re-read of the customer whose tax id it is. One that we have never seen doesn't say whose it is.
pub async fn reread_tax_id(tx: &Tx, object: &EventObject) -> Result<Effect> {
    use tax_id::Column as C;
    let (Some(account), Some(id)) = (&object.account, &object.id) else {
        return Ok(NO_CUSTOMER);
    };
    let found = tax_id::Entity::find()
        // As the index says it, word for word, so that SQLite sees that it will do.
        .filter(Expr::cust("stripe_tax_id IS NOT NULL"))
        .filter(C::StripeAccount.eq(account.clone()))
        .filter(C::Livemode.eq(object.livemode))
        .filter(C::StripeTaxId.eq(id.as_str()))
        .one(tx)
        .await?;
    match found {
        Some(found) => stage(tx, found.customer_id).await,
        None => Ok(NO_CUSTOMER),
    }
}

async fn stage(tx: &Tx, customer: CustomerId) -> Result<Effect> {
    jobs::stage(tx, &Job::SyncCustomer { customer }).await?;
    Ok(Effect::Applied)
}

//! Effects of Stripe's events about customers and payment methods. They may come twice, late and in any order, so each has the
//! customer read again.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use souk_entity::{CustomerId, payment_method};

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

async fn stage(tx: &Tx, customer: CustomerId) -> Result<Effect> {
    jobs::stage(tx, &Job::SyncCustomer { customer }).await?;
    Ok(Effect::Applied)
}

//! The payment methods that a buyer has saved. A row comes only from what a setup intent or a paid payment of ours has saved,
//! and holds no more than a person needs to tell one card from another.

use std::collections::BTreeSet;

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};
use serde_json::json;
use souk_entity::payment_method::{self, Column as C};
use souk_entity::{CustomerId, SetupIntentId, customer, seller};

use super::{DEFAULT_METHOD, find, is_of, lock, note_changes, theirs};
use crate::app::App;
use crate::audit;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::identity::Buyer;
use crate::ids;
use crate::stripe::requests::customers as requests;
use crate::stripe::views::PaymentMethodView;

/// What has saved a payment method.
pub struct Bringer<'a> {
    /// Our setup intent or payment.
    pub id: &'a str,
    /// The setup intent by which the buyer agreed to charges while they aren't there.
    pub mandate: Option<&'a SetupIntentId>,
}

/// Notes a payment method that a setup intent or a paid payment of ours has saved with a customer. One that was detached
/// since is not noted: it is no longer the customer's.
///
/// # Errors
/// The database failed.
pub async fn keep(
    tx: &Tx,
    customer: &customer::Model,
    view: &PaymentMethodView,
    by: Bringer<'_>,
) -> Result<()> {
    let Some(known) = &customer.stripe_customer else {
        return Ok(());
    };
    if !view.is_of(known) {
        return Ok(());
    }
    let (exp_month, exp_year) = view.expiry().unzip();
    let new = payment_method::Model {
        id: view.id.clone(),
        customer_id: customer.id.clone(),
        stripe_account: customer.stripe_account.clone(),
        livemode: customer.livemode,
        kind: view.r#type.clone(),
        brand: view.brand().map(str::to_owned),
        last4: view.last4().map(str::to_owned),
        exp_month,
        exp_year,
        wallet: view.wallet().map(str::to_owned),
        brought_by: by.id.to_owned(),
        mandate_id: by.mandate.cloned(),
        detached_at: None,
        expiry_told: None,
        created_at: tx.now(),
        updated_at: tx.now(),
    };
    let mut again = OnConflict::column(C::Id);
    again.update_columns([
        C::Brand,
        C::Last4,
        C::ExpMonth,
        C::ExpYear,
        C::Wallet,
        C::UpdatedAt,
    ]);
    if by.mandate.is_some() {
        // The newest agreement counts. A payment without one takes none away.
        again.update_column(C::MandateId);
    }
    payment_method::Entity::insert(new.into_active_model())
        .on_conflict(again)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// The ids of what a customer has saved and still has, as far as we know.
pub(super) async fn known_ids<D: ConnectionTrait>(db: &D, id: &CustomerId) -> Result<Vec<String>> {
    let ids = payment_method::Entity::find()
        .select_only()
        .column(C::Id)
        .filter(C::CustomerId.eq(id.clone()))
        .filter(C::DetachedAt.is_null())
        .into_tuple()
        .all(db)
        .await?;
    Ok(ids)
}

/// Brings the rows of a customer to what Stripe lists. `known` are the ids that were known before it was asked: only of those
/// does it say anything that they are not in its list. What it lists and we have no row of was saved by somebody else, and
/// stays theirs.
pub(super) async fn mirror(
    tx: &Tx,
    customer: &customer::Model,
    listed: &[PaymentMethodView],
    known: &[String],
) -> Result<()> {
    let rows = payment_method::Entity::find()
        .filter(C::CustomerId.eq(customer.id.clone()))
        .filter(C::DetachedAt.is_null())
        .order_by_asc(C::Id)
        .lock_exclusive()
        .all(tx)
        .await?;
    for row in rows {
        match listed.iter().find(|view| view.id == row.id) {
            Some(view) => update(tx, row, view).await?,
            None if known.contains(&row.id) => {
                detached(tx, &row.id).await?;
            }
            None => {}
        }
    }
    Ok(())
}

/// Takes over what has changed of a card, such as its expiry when the bank has sent a new one.
async fn update(tx: &Tx, row: payment_method::Model, view: &PaymentMethodView) -> Result<()> {
    let (exp_month, exp_year) = view.expiry().unzip();
    let now = payment_method::Model {
        brand: view.brand().map(str::to_owned),
        last4: view.last4().map(str::to_owned),
        exp_month,
        exp_year,
        wallet: view.wallet().map(str::to_owned),
        ..row.clone()
    };
    if now == row {
        return Ok(());
    }
    let now = payment_method::Model {
        updated_at: tx.now(),
        ..now
    };
    payment_method::Entity::update(now.into_active_model().reset_all())
        .exec(tx)
        .await?;
    Ok(())
}

async fn detached(tx: &Tx, id: &str) -> Result<bool> {
    let done = payment_method::Entity::update_many()
        .col_expr(C::DetachedAt, Expr::value(tx.now()))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id))
        .filter(C::DetachedAt.is_null())
        .exec(tx)
        .await?;
    Ok(done.rows_affected == 1)
}

/// Notes that all of a customer's are gone, since the customer is.
pub(super) async fn detach_all(tx: &Tx, customer: &CustomerId) -> Result<()> {
    payment_method::Entity::update_many()
        .col_expr(C::DetachedAt, Expr::value(tx.now()))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::CustomerId.eq(customer.clone()))
        .filter(C::DetachedAt.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// A saved payment method of a buyer's own, with their customer. One that is another's, or was detached, is none.
///
/// # Errors
/// 404.
pub async fn of_buyer<D: ConnectionTrait>(
    db: &D,
    buyer: &Buyer,
    id: &str,
) -> Result<(payment_method::Model, customer::Model)> {
    let missing = Error::NotFound("payment method");
    let row = payment_method::Entity::find_by_id(id.to_owned())
        .filter(C::DetachedAt.is_null())
        .one(db)
        .await?;
    let Some(row) = row else {
        return Err(missing);
    };
    match find(db, &row.customer_id).await? {
        Some(customer) if is_of(&customer, buyer) => Ok((row, customer)),
        _ => Err(missing),
    }
}

/// The payment methods that a buyer has saved and that are still theirs, all or those with one seller.
pub async fn saved<D: ConnectionTrait>(
    db: &D,
    buyer: &Buyer,
    livemode: bool,
    with: Option<&seller::Model>,
) -> Result<(
    Vec<customer::Model>,
    sea_orm::Select<payment_method::Entity>,
)> {
    use customer::Column as K;
    let mut customers = customer::Entity::find()
        .filter(theirs(buyer))
        .filter(K::Livemode.eq(livemode));
    if let Some(seller) = with {
        let account = seller.stripe_account.as_ref().map_or("", AsRef::as_ref);
        customers = customers.filter(K::StripeAccount.eq(account));
    }
    let customers = customers.all(db).await?;
    let ids: Vec<CustomerId> = customers.iter().map(|one| one.id.clone()).collect();
    let query = payment_method::Entity::find()
        .filter(C::CustomerId.is_in(ids))
        .filter(C::DetachedAt.is_null());
    Ok((customers, query))
}

/// Makes a payment method the one that invoices, and charges while the buyer isn't there, are paid with
/// (docs.stripe.com/api/customers/update, `invoice_settings.default_payment_method`). Stripe is told by the customer's one
/// job, so that of two choices the later one is the last that Stripe hears of.
///
/// # Errors
/// 404 for one that isn't the buyer's.
pub async fn make_default(
    app: &App,
    buyer: &Buyer,
    id: &str,
) -> Result<(payment_method::Model, customer::Model)> {
    let (_, customer) = of_buyer(&app.db.read, buyer, id).await?;
    let tx = app.db.begin_write().await?;
    let mut customer = lock(&tx, &customer.id).await?;
    // It may have been detached since.
    let (method, _) = of_buyer(&tx, buyer, id).await?;
    if customer.default_payment_method.as_deref() == Some(id) {
        return Ok((method, customer));
    }
    customer.default_payment_method = Some(id.to_owned());
    let changed = BTreeSet::from([DEFAULT_METHOD.to_owned()]);
    let customer = note_changes(&tx, customer, changed).await?;
    let actor = buyer.actor();
    audit::record(&tx, &actor, "payment_method.made_default", id, json!({})).await?;
    tx.commit().await?;
    Ok((method, customer))
}

/// Takes a payment method from the buyer's customer, for good: Stripe lets nobody use it again
/// (docs.stripe.com/api/payment_methods/detach).
///
/// # Errors
/// 404 for one that isn't the buyer's; no answer from Stripe.
pub async fn detach(
    app: &App,
    buyer: &Buyer,
    id: &str,
) -> Result<(payment_method::Model, customer::Model)> {
    let (method, customer) = of_buyer(&app.db.read, buyer, id).await?;
    let scope = app.stripe.at(&customer.stripe_account);
    // Detaching twice does no harm, so each request has a new key.
    let key = format!("detach:{}", ids::random_token());
    match scope
        .post::<PaymentMethodView, _>(&requests::detach(id), &key)
        .await
    {
        Ok(_) => {}
        // Stripe refuses what is attached to nobody any more: then it is done already.
        Err(Error::StripeRefused(fault)) => {
            let read = requests::payment_method(known(&customer), id);
            match scope.get::<PaymentMethodView, _>(&read).await {
                Err(Error::StripeRefused(_)) => {}
                Ok(_) => return Err(Error::StripeRefused(fault)),
                Err(e) => return Err(e),
            }
        }
        Err(e) => return Err(e),
    }
    let tx = app.db.begin_write().await?;
    let mut customer = lock(&tx, &customer.id).await?;
    if detached(&tx, id).await? {
        let actor = buyer.actor();
        audit::record(&tx, &actor, "payment_method.detached", id, json!({})).await?;
    }
    if customer.default_payment_method.as_deref() == Some(id) {
        customer.default_payment_method = None;
        let changed = BTreeSet::from([DEFAULT_METHOD.to_owned()]);
        customer = note_changes(&tx, customer, changed).await?;
    }
    let detached_at = Some(tx.now());
    tx.commit().await?;
    let method = payment_method::Model {
        detached_at,
        ..method
    };
    Ok((method, customer))
}

fn known(customer: &customer::Model) -> &str {
    customer.stripe_customer.as_deref().unwrap_or_default()
}

//! Customers: a buyer's Stripe customer on a seller's account, and the payment methods and tax ids that they have saved there.
//!
//! It is made when the buyer first saves something there, once for each buyer, account and mode. A user's is theirs by their id and
//! never by their address. A guest's is theirs by an address that they have proved; whoever only types an address has none.

pub mod at_stripe;
pub mod events;
pub mod expiry;
pub mod guests;
pub mod methods;
pub mod routes;
pub mod tax_ids;

use std::collections::BTreeSet;

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QuerySelect,
};
use serde_json::json;
use souk_entity::customer::{self, Address};
use souk_entity::{AccountId, CustomerId, JsonText, Metadata, order, seller, user};

use crate::app::App;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::http::{check_metadata, merge_metadata};
use crate::identity::Buyer;
use crate::jobs::{self, Job};
use crate::stripe::key_until;
use crate::{audit, countries, ids};

pub use at_stripe::{ensure, sync};

/// What the names in `unsent` are called.
pub(crate) const DEFAULT_METHOD: &str = "default_payment_method";
const IN_METADATA: &str = "metadata.";

/// A customer by its id.
pub async fn find<C: ConnectionTrait>(db: &C, id: &CustomerId) -> Result<Option<customer::Model>> {
    Ok(customer::Entity::find_by_id(id.clone()).one(db).await?)
}

/// Whether a customer is a buyer's.
pub fn is_of(customer: &customer::Model, buyer: &Buyer) -> bool {
    match buyer {
        Buyer::User(caller) => customer.user_id.as_ref() == Some(caller.id()),
        Buyer::Guest(address) => customer.verified_email.as_ref() == Some(&address.email),
    }
}

/// Where mail to a customer goes: a user's address, or the one that a guest has proved.
///
/// # Errors
/// The database failed.
pub async fn address(app: &App, customer: &customer::Model) -> Result<String> {
    let nobody = || Error::internal(format!("{} is nobody's", customer.id));
    let Some(user) = &customer.user_id else {
        return customer.verified_email.clone().ok_or_else(nobody);
    };
    let user = user::Entity::find_by_id(user.clone()).one(&app.db.read);
    let user = user.await?.ok_or_else(nobody)?;
    Ok(user.email)
}

/// The customers of a buyer.
pub fn theirs(buyer: &Buyer) -> Expr {
    use customer::Column as C;
    match buyer {
        Buyer::User(caller) => C::UserId.eq(caller.id().clone()),
        Buyer::Guest(address) => C::VerifiedEmail.eq(address.email.as_str()),
    }
}

/// A buyer's customer on an account.
pub async fn of_buyer<C: ConnectionTrait>(
    db: &C,
    buyer: &Buyer,
    account: &AccountId,
    livemode: bool,
) -> Result<Option<customer::Model>> {
    use customer::Column as C;
    Ok(customer::Entity::find()
        .filter(theirs(buyer))
        .filter(C::StripeAccount.eq(account.clone()))
        .filter(C::Livemode.eq(livemode))
        .one(db)
        .await?)
}

/// A customer by Stripe's id on an account.
pub async fn by_stripe_id<D: ConnectionTrait>(
    db: &D,
    account: &AccountId,
    livemode: bool,
    known: &str,
) -> Result<Option<customer::Model>> {
    use customer::Column as C;
    Ok(customer::Entity::find()
        // As the index says it, word for word, so that SQLite sees that it will do.
        .filter(Expr::cust("stripe_customer IS NOT NULL"))
        .filter(C::StripeAccount.eq(account.clone()))
        .filter(C::Livemode.eq(livemode))
        .filter(C::StripeCustomer.eq(known))
        .one(db)
        .await?)
}

/// The customer, on an account, of whoever has bought an order: a user, or a guest who has proved the order's address.
///
/// # Errors
/// The database failed.
pub async fn of_order<D: ConnectionTrait>(
    db: &D,
    (account, livemode): (&AccountId, bool),
    order: &order::Model,
) -> Result<Option<customer::Model>> {
    use customer::Column as C;
    let theirs = match (&order.buyer_id, &order.email) {
        (Some(user), _) => C::UserId.eq(user.clone()),
        (None, Some(email)) => C::VerifiedEmail.eq(email.as_str()),
        (None, None) => return Ok(None),
    };
    Ok(customer::Entity::find()
        .filter(theirs)
        .filter(C::StripeAccount.eq(account.clone()))
        .filter(C::Livemode.eq(livemode))
        .one(db)
        .await?)
}

/// Stages a re-read of a customer that Stripe may not know any more: account, mode and Stripe's id.
///
/// # Errors
/// The database failed.
pub async fn look_again(
    tx: &Tx,
    (account, livemode, known): (&AccountId, bool, &str),
) -> Result<()> {
    match by_stripe_id(tx, account, livemode, known).await? {
        Some(row) => jobs::stage(tx, &Job::SyncCustomer { customer: row.id }).await,
        None => Ok(()),
    }
}

/// A customer by its id, locked until the transaction ends.
async fn lock(tx: &Tx, id: &CustomerId) -> Result<customer::Model> {
    let row = customer::Entity::find_by_id(id.clone())
        .lock_exclusive()
        .one(tx)
        .await?;
    row.ok_or_else(|| Error::internal(format!("customer {id} is missing")))
}

/// The buyer's customer on an account, whose row is written now if there is none. The unique index decides between two at
/// once. Nothing is asked of Stripe.
async fn row(app: &App, buyer: &Buyer, account: &AccountId) -> Result<customer::Model> {
    use customer::Column as C;
    let livemode = app.stripe.livemode();
    if let Some(row) = of_buyer(&app.db.read, buyer, account, livemode).await? {
        return Ok(row);
    }
    let tx = app.db.begin_write().await?;
    let user = buyer.user().map(|caller| &caller.user);
    let owner = match buyer {
        Buyer::User(_) => C::UserId,
        Buyer::Guest(_) => C::VerifiedEmail,
    };
    let new = customer::Model {
        id: ids::new(tx.now()),
        user_id: user.map(|user| user.id.clone()),
        verified_email: user.is_none().then(|| buyer.email().to_owned()),
        stripe_account: account.clone(),
        livemode,
        stripe_customer: None,
        deleted_customer: None,
        name: user.map(|user| user.name.clone()),
        email: Some(buyer.email().to_owned()),
        phone: None,
        address: None,
        metadata: JsonText::default(),
        default_payment_method: None,
        unsent: JsonText::default(),
        revision: 0,
        key_number: 1,
        key_until: key_until(tx.now()),
        synced_at: None,
        created_at: tx.now(),
        updated_at: tx.now(),
    };
    if let Some(user) = user {
        // Who takes a guest's customer over (`guests`) locks the user first, too: so the two wait for each other in one order.
        let user = user::Entity::find_by_id(user.id.clone()).lock_shared();
        user.one(&tx).await?;
    }
    let id = new.id.clone();
    let inserted = customer::Entity::insert(new.into_active_model())
        .on_conflict(
            OnConflict::columns([owner, C::StripeAccount, C::Livemode])
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(&tx)
        .await;
    if db::inserted(inserted)?.is_some_and(|rows| rows > 0) {
        let data = json!({ "stripe_account": account });
        let actor = buyer.actor();
        audit::record(&tx, &actor, "customer.created", id.as_ref(), data).await?;
    }
    let row = of_buyer(&tx, buyer, account, livemode).await?;
    tx.commit().await?;
    row.ok_or_else(|| Error::internal("a customer went away"))
}

/// A change of a customer. `None` leaves a field as it is.
#[derive(Debug, Default)]
pub struct CustomerChange {
    /// Null: none.
    pub name: Option<Option<String>>,
    /// Null: none.
    pub phone: Option<Option<String>>,
    /// Replaced as a whole; null: none.
    pub address: Option<Option<Address>>,
    /// Merged name by name; an empty value removes its name.
    pub metadata: Option<Metadata>,
}

/// Changes what the buyer is called and billed as with a seller. Stripe is told afterwards, if it knows them.
///
/// # Errors
/// Names the field that is wrong.
pub async fn update(
    app: &App,
    buyer: &Buyer,
    account: &AccountId,
    change: CustomerChange,
) -> Result<customer::Model> {
    check(&change)?;
    let id = row(app, buyer, account).await?.id;
    let tx = app.db.begin_write().await?;
    let mut row = lock(&tx, &id).await?;
    let mut changed = BTreeSet::new();
    if let Some(name) = change.name {
        row.name = name;
        changed.insert("name".to_owned());
    }
    if let Some(phone) = change.phone {
        row.phone = phone;
        changed.insert("phone".to_owned());
    }
    if let Some(address) = change.address {
        // An address of nothing is none.
        let address = address.filter(|address| *address != Address::default());
        row.address = address.map(JsonText);
        changed.insert("address".to_owned());
    }
    if let Some(metadata) = change.metadata {
        let names = metadata.keys().map(|name| format!("{IN_METADATA}{name}"));
        changed.extend(names);
        row.metadata = JsonText(merge_metadata(row.metadata.0, metadata)?);
    }
    if changed.is_empty() {
        return Ok(row);
    }
    let row = note_changes(&tx, row, changed).await?;
    let actor = buyer.actor();
    audit::record(&tx, &actor, "customer.updated", id.as_ref(), json!({})).await?;
    tx.commit().await?;
    Ok(row)
}

/// Writes a customer down with what Stripe hasn't been sent of it, and stages the job that sends it.
async fn note_changes(
    tx: &Tx,
    mut row: customer::Model,
    changed: BTreeSet<String>,
) -> Result<customer::Model> {
    row.unsent.0.extend(changed);
    row.revision += 1;
    row.updated_at = tx.now();
    let id = row.id.clone();
    let row = customer::Entity::update(row.into_active_model().reset_all())
        .exec(tx)
        .await?;
    if row.stripe_customer.is_some() {
        jobs::stage(tx, &Job::SyncCustomer { customer: id }).await?;
    }
    Ok(row)
}

/// Stripe's limits (docs.stripe.com/api/customers/create), and ours where it states none.
fn check(change: &CustomerChange) -> Result<()> {
    let fits = |param: &str, text: Option<&String>, longest: usize| match text {
        Some(text)
            if text.is_empty()
                || text.chars().count() > longest
                || text.chars().any(char::is_control) =>
        {
            Err(Error::invalid(
                param,
                format!("{param} has 1 to {longest} characters, none of them a control character."),
            ))
        }
        _ => Ok(()),
    };
    if let Some(metadata) = &change.metadata {
        check_metadata(metadata)?;
    }
    fits("name", change.name.iter().flatten().next(), 256)?;
    fits("phone", change.phone.iter().flatten().next(), 20)?;
    let Some(Some(address)) = &change.address else {
        return Ok(());
    };
    fits("address.line1", address.line1.as_ref(), 200)?;
    fits("address.line2", address.line2.as_ref(), 200)?;
    fits("address.postal_code", address.postal_code.as_ref(), 20)?;
    fits("address.city", address.city.as_ref(), 100)?;
    fits("address.state", address.state.as_ref(), 100)?;
    match &address.country {
        Some(code) if !countries::is_country(code) => Err(Error::invalid(
            "address.country",
            "country must be a country's two capital letters (ISO 3166-1), such as DE.",
        )),
        _ => Ok(()),
    }
}

/// The customers of a seller's account, for its owner and admins.
pub fn of_seller(seller: &seller::Model) -> sea_orm::Select<customer::Entity> {
    use customer::Column as C;
    let account = seller.stripe_account.clone();
    customer::Entity::find()
        .filter(C::StripeAccount.eq(account.unwrap_or_else(|| AccountId(String::new()))))
        .filter(C::Livemode.eq(seller.livemode))
}

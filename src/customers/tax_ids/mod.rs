//! Tax ids of a buyer with a seller (docs.stripe.com/billing/customer/tax-ids). Whether a number may be one only Stripe knows, so each
//! is sent by a request of its own as soon as it is given, and Stripe's refusal is the answer. Sent with the creation of the
//! customer (`tax_id_data`) a wrong one would refuse the customer, too, and with it the card that is being saved.

mod mirror;

use std::collections::HashMap;

use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};
use serde_json::json;
use souk_entity::tax_id::{self, Column as C, TaxIdStatus};
use souk_entity::{AccountId, CustomerId, TaxIdId, customer};

use super::{at_stripe, find as find_customer, is_of as is_customer_of, lock as lock_customer};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result, StripeFault};
use crate::identity::Buyer;
use crate::jobs::{self, Job};
use crate::stripe::requests::tax_ids as requests;
use crate::stripe::views::{IdView, TaxIdView};
use crate::stripe::{IdempotentCreate, Scope, key_until};
use crate::{audit, ids};

pub(super) use mirror::{forget, known_ids, mirror, resume};

/// How long a request may go unanswered before its job repeats it.
const RETRY_AFTER_MS: i64 = 15_000;
/// The most tax ids of a customer.
const MOST: usize = 10;
/// The most characters of a number. Stripe states no limit.
const LONGEST: usize = 100;
/// Stripe's code for a number that can't be of its type (docs.stripe.com/error-codes#tax-id-invalid), and ours.
const INVALID: &str = "tax_id_invalid";
/// Stripe's code for what the customer has already.
const EXISTS: &str = "resource_already_exists";

/// A tax id as the API is given it.
pub struct NewTaxId {
    /// Stripe's type.
    pub kind: String,
    /// The number.
    pub value: String,
}

/// Names the field that is wrong.
fn check(new: &NewTaxId) -> Result<()> {
    if !requests::TYPES.contains(&new.kind.as_str()) {
        let why = "type must be one of Stripe's types of tax ids, such as eu_vat (docs.stripe.com/billing/customer/tax-ids).";
        return Err(Error::invalid("type", why));
    }
    let length = new.value.chars().count();
    let is_wrong = length > LONGEST || new.value.chars().any(char::is_control);
    if is_wrong || plain(&new.value).is_empty() {
        return Err(Error::invalid(
            "value",
            format!(
                "value has 1 to {LONGEST} characters, some of them letters or digits and none a control character."
            ),
        ));
    }
    Ok(())
}

/// A number without what people put between its parts, to compare it by.
fn plain(value: &str) -> String {
    let kept = value.chars().filter(|c| c.is_alphanumeric());
    kept.flat_map(char::to_uppercase).collect()
}

/// A text of Stripe's that a database can hold.
fn clean(text: &str) -> String {
    text.replace('\0', "")
}

fn is_same(row: &tax_id::Model, kind: &str, value: &str) -> bool {
    row.kind == kind && plain(&row.value) == plain(value)
}

async fn find<D: ConnectionTrait>(db: &D, id: &TaxIdId) -> Result<Option<tax_id::Model>> {
    Ok(tax_id::Entity::find_by_id(id.clone()).one(db).await?)
}

async fn require(app: &App, id: &TaxIdId) -> Result<tax_id::Model> {
    let row = find(&app.db.read, id).await?;
    row.ok_or_else(|| Error::internal(format!("tax id {id} is missing")))
}

async fn lock(tx: &Tx, id: &TaxIdId) -> Result<tax_id::Model> {
    let row = tax_id::Entity::find_by_id(id.clone()).lock_exclusive();
    let row = row.one(tx).await?;
    row.ok_or_else(|| Error::internal(format!("tax id {id} is missing")))
}

/// The tax ids of customers but for those that are gone, oldest first.
///
/// # Errors
/// The database failed.
pub async fn of<D: ConnectionTrait>(
    db: &D,
    customers: Vec<CustomerId>,
) -> Result<HashMap<CustomerId, Vec<tax_id::Model>>> {
    let mut found: HashMap<CustomerId, Vec<tax_id::Model>> = HashMap::new();
    let rows = tax_id::Entity::find()
        .filter(C::CustomerId.is_in(customers))
        .filter(C::Status.ne(TaxIdStatus::Removed))
        .order_by_asc(C::Id)
        .all(db)
        .await?;
    for row in rows {
        found.entry(row.customer_id.clone()).or_default().push(row);
    }
    Ok(found)
}

/// A buyer's own; 404 for anybody else, and for one that is gone.
///
/// # Errors
/// 404.
pub async fn of_buyer(app: &App, buyer: &Buyer, id: &TaxIdId) -> Result<tax_id::Model> {
    let missing = Error::NotFound("tax id");
    let row = find(&app.db.read, id).await?;
    let Some(row) = row.filter(|row| row.status != TaxIdStatus::Removed) else {
        return Err(missing);
    };
    match find_customer(&app.db.read, &row.customer_id).await? {
        Some(customer) if is_customer_of(&customer, buyer) => Ok(row),
        _ => Err(missing),
    }
}

/// Gives the buyer a tax id with a seller. One that they have there already is answered, and no second one is made.
///
/// # Errors
/// Names the field that is wrong, by our check or Stripe's (`tax_id_invalid`); `too_many_tax_ids`. Without an answer from Stripe a job
/// repeats the same request.
pub async fn add(
    app: &App,
    buyer: &Buyer,
    account: &AccountId,
    (id, may_resume): (TaxIdId, bool),
    new: NewTaxId,
) -> Result<tax_id::Model> {
    if may_resume && let Some(row) = find(&app.db.read, &id).await? {
        return send(app, row).await;
    }
    check(&new)?;
    let (customer, _) = at_stripe::ensure(app, buyer, account).await?;
    // One that is to go is gone first, or Stripe would still have it.
    for row in theirs(&app.db.read, &customer.id).await? {
        if row.status == TaxIdStatus::Removing && is_same(&row, &new.kind, &new.value) {
            send(app, row).await?;
        }
    }
    let row = place(app, buyer, &customer, id, new).await?;
    send(app, row).await
}

async fn theirs<D: ConnectionTrait>(db: &D, customer: &CustomerId) -> Result<Vec<tax_id::Model>> {
    let rows = tax_id::Entity::find()
        .filter(C::CustomerId.eq(customer.clone()))
        .order_by_asc(C::Id);
    Ok(rows.all(db).await?)
}

/// Writes a tax id down before anything is sent, unless the customer has it, and stages the job that repeats the request.
async fn place(
    app: &App,
    buyer: &Buyer,
    customer: &customer::Model,
    id: TaxIdId,
    new: NewTaxId,
) -> Result<tax_id::Model> {
    use TaxIdStatus::{Added, Adding, Refused};
    let tx = app.db.begin_write().await?;
    lock_customer(&tx, &customer.id).await?;
    let rows = theirs(&tx, &customer.id).await?;
    let same = |row: &&tax_id::Model| is_same(row, &new.kind, &new.value);
    let held = |row: &&tax_id::Model| matches!(row.status, Adding | Added);
    if let Some(row) = rows.iter().filter(held).find(same) {
        return Ok(row.clone());
    }
    if rows.iter().filter(held).count() >= MOST {
        return Err(Error::conflict(
            "too_many_tax_ids",
            format!("You have {MOST} tax ids with this seller; remove one first."),
        ));
    }
    for row in rows.iter().filter(same) {
        if row.status == Refused {
            end(&tx, &row.id, TaxIdStatus::Removed).await?;
        }
    }
    let row = tax_id::Model {
        kind: new.kind,
        value: new.value.trim().to_owned(),
        ..empty(&tx, customer, id)
    };
    tax_id::Entity::insert(row.clone().into_active_model())
        .exec_without_returning(&tx)
        .await?;
    let tax_id = row.id.clone();
    let repeat = Job::SendTaxId { tax_id };
    jobs::stage_at(&tx, &repeat, tx.now().plus_ms(RETRY_AFTER_MS)).await?;
    let (actor, data) = (buyer.actor(), json!({ "type": row.kind }));
    audit::record(&tx, &actor, "tax_id.created", row.id.as_ref(), data).await?;
    tx.commit().await?;
    Ok(row)
}

fn empty(tx: &Tx, customer: &customer::Model, id: TaxIdId) -> tax_id::Model {
    tax_id::Model {
        id,
        customer_id: customer.id.clone(),
        stripe_account: customer.stripe_account.clone(),
        livemode: customer.livemode,
        kind: String::new(),
        value: String::new(),
        country: None,
        stripe_tax_id: None,
        status: TaxIdStatus::Adding,
        verification: None,
        failure: None,
        failure_code: None,
        key_number: 1,
        key_until: key_until(tx.now()),
        created_at: tx.now(),
        updated_at: tx.now(),
    }
}

/// Takes a tax id from the buyer.
///
/// # Errors
/// 404 for one that isn't the buyer's. Without an answer from Stripe a job goes on with it.
pub async fn remove(app: &App, buyer: &Buyer, id: &TaxIdId) -> Result<tax_id::Model> {
    let row = of_buyer(app, buyer, id).await?;
    let tx = app.db.begin_write().await?;
    let row = lock(&tx, &row.id).await?;
    let next = match row.status {
        TaxIdStatus::Adding | TaxIdStatus::Added => TaxIdStatus::Removing,
        TaxIdStatus::Refused => TaxIdStatus::Removed,
        TaxIdStatus::Removing | TaxIdStatus::Removed => row.status,
    };
    if next != row.status {
        end(&tx, id, next).await?;
        if next == TaxIdStatus::Removing {
            let repeat = Job::SendTaxId { tax_id: id.clone() };
            jobs::stage_at(&tx, &repeat, tx.now().plus_ms(RETRY_AFTER_MS)).await?;
        }
        let actor = buyer.actor();
        audit::record(&tx, &actor, "tax_id.removed", id.as_ref(), json!({})).await?;
    }
    tx.commit().await?;
    send(app, require(app, id).await?).await
}

/// The job: has Stripe add a tax id, or take it away. One whose customer Stripe doesn't know waits until it does.
///
/// # Errors
/// Stripe has not answered. A refusal is stored and is no error.
pub async fn run(app: &App, id: &TaxIdId) -> Result<()> {
    let Some(row) = find(&app.db.read, id).await? else {
        return Ok(());
    };
    match send(app, row).await {
        Ok(_) | Err(Error::InvalidWith { .. } | Error::StripeRefused(_)) => Ok(()),
        Err(e) => Err(e),
    }
}

/// Does at Stripe what a tax id waits for.
async fn send(app: &App, row: tax_id::Model) -> Result<tax_id::Model> {
    match row.status {
        TaxIdStatus::Adding => send_new(app, row).await,
        TaxIdStatus::Removing => send_removal(app, row).await,
        TaxIdStatus::Added | TaxIdStatus::Removed => Ok(row),
        TaxIdStatus::Refused => {
            let words = row.failure.clone().unwrap_or_default();
            Err(refusal(&row.kind, row.failure_code, words))
        }
    }
}

/// Stripe's refusal as the buyer is told it.
fn refusal(kind: &str, code: Option<String>, words: String) -> Error {
    match code.as_deref() {
        Some(INVALID) => Error::invalid_with(
            INVALID,
            "value",
            format!("Stripe says that this is no number of the type {kind}: {words}"),
        ),
        _ => Error::StripeRefused(Box::new(StripeFault {
            code,
            message: words,
            ..StripeFault::default()
        })),
    }
}

/// A customer's tax ids as Stripe lists them.
pub(in crate::customers) async fn listed(scope: &Scope, known: &str) -> Result<Vec<TaxIdView>> {
    let page = |last: Option<&str>| requests::list(known, last);
    scope.all(page).await
}

async fn listed_same(scope: &Scope, known: &str, row: &tax_id::Model) -> Result<Option<TaxIdView>> {
    let mut all = listed(scope, known).await?.into_iter();
    Ok(all.find(|view| is_of(view, row)))
}

fn is_of(view: &TaxIdView, row: &tax_id::Model) -> bool {
    match (&view.r#type, &view.value) {
        (Some(kind), Some(value)) => is_same(row, kind, value),
        _ => false,
    }
}

/// Has Stripe make it, once, under the row's key.
async fn create(app: &App, row: &tax_id::Model, known: &str) -> Result<TaxIdView> {
    let scope = app.stripe.at(&row.stripe_account);
    let request = requests::create(known, &row.kind, &row.value);
    let made = IdempotentCreate::of(tax_id::Entity, &row.id, row.key_number, row.key_until)
        .make(
            &app.db,
            app.clock.now(),
            listed_same(&scope, known, row),
            async |n| {
                scope
                    .post(&request, &format!("tax_id:{}:{n}", row.id))
                    .await
            },
        )
        .await;
    match made {
        // Somebody has given it to the customer in the dashboard.
        Err(Error::StripeRefused(fault)) if fault.code.as_deref() == Some(EXISTS) => {
            let there = listed_same(&scope, known, row).await?;
            there.ok_or(Error::StripeRefused(fault))
        }
        made => made,
    }
}

async fn send_new(app: &App, row: tax_id::Model) -> Result<tax_id::Model> {
    let Some(known) = known(app, &row).await? else {
        return Ok(row);
    };
    match create(app, &row, &known).await {
        Ok(view) => attach(app, &row.id, &view).await,
        // The customer was deleted there: it is made anew when the buyer next saves something, and gets this one, too.
        Err(Error::StripeRefused(fault)) if fault.is_missing() => {
            at_stripe::forget(app, &row.customer_id, &known).await?;
            Err(Error::Busy(
                "The customer was deleted at this moment; try again.".to_owned(),
            ))
        }
        Err(Error::StripeRefused(fault)) => {
            refuse(app, &row.id, fault.code.as_deref(), &fault.message).await?;
            Err(refusal(&row.kind, fault.code, fault.message))
        }
        Err(e) => Err(e),
    }
}

async fn known(app: &App, row: &tax_id::Model) -> Result<Option<String>> {
    let customer = find_customer(&app.db.read, &row.customer_id).await?;
    Ok(customer.and_then(|customer| customer.stripe_customer))
}

/// Stores that Stripe has it. One that was removed meanwhile goes on to be removed there.
async fn attach(app: &App, id: &TaxIdId, view: &TaxIdView) -> Result<tax_id::Model> {
    let tx = app.db.begin_write().await?;
    let row = lock(&tx, id).await?;
    let row = take_over(&tx, row, view).await?;
    tx.commit().await?;
    Ok(row)
}

/// Brings a row to what Stripe shows of it.
async fn take_over(tx: &Tx, row: tax_id::Model, view: &TaxIdView) -> Result<tax_id::Model> {
    let job = Job::SendTaxId {
        tax_id: row.id.clone(),
    };
    let shown = view.verification.as_ref().and_then(|it| it.status.clone());
    let now = tax_id::Model {
        stripe_tax_id: Some(view.id.clone()),
        value: view
            .value
            .as_deref()
            .map_or_else(|| row.value.clone(), clean),
        country: view.country.clone(),
        verification: shown,
        status: match row.status {
            TaxIdStatus::Adding => TaxIdStatus::Added,
            other => other,
        },
        ..row.clone()
    };
    if now == row {
        return Ok(row);
    }
    if now.status == TaxIdStatus::Removing {
        jobs::stage(tx, &job).await?;
    } else {
        jobs::settle(tx, &job).await?;
    }
    let now = tax_id::Model {
        updated_at: tx.now(),
        ..now
    };
    let now = tax_id::Entity::update(now.into_active_model().reset_all());
    Ok(now.exec(tx).await?)
}

/// Stores Stripe's refusal: it isn't there and won't be.
async fn refuse(app: &App, id: &TaxIdId, code: Option<&str>, words: &str) -> Result<()> {
    let tx = app.db.begin_write().await?;
    tax_id::Entity::update_many()
        .col_expr(C::Status, Expr::value(TaxIdStatus::Refused))
        .col_expr(C::Failure, Expr::value(words))
        .col_expr(C::FailureCode, Expr::value(code))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id.clone()))
        .filter(C::Status.eq(TaxIdStatus::Adding))
        .exec(&tx)
        .await?;
    jobs::settle(&tx, &Job::SendTaxId { tax_id: id.clone() }).await?;
    tx.commit().await
}

async fn send_removal(app: &App, row: tax_id::Model) -> Result<tax_id::Model> {
    let Some(known) = known(app, &row).await? else {
        return removed(app, &row.id).await;
    };
    let id = match &row.stripe_tax_id {
        Some(id) => id.clone(),
        // Whether Stripe has it isn't known: its creation is brought to an end under its own key, and undone.
        None => match create(app, &row, &known).await {
            Ok(view) => attach(app, &row.id, &view).await.map(|_| view.id)?,
            Err(Error::StripeRefused(_)) => return removed(app, &row.id).await,
            Err(e) => return Err(e),
        },
    };
    let scope = app.stripe.at(&row.stripe_account);
    // Deleting twice does no harm, so each request has a new key.
    let key = format!("tax_id_removal:{}", ids::random_token());
    match scope
        .post::<IdView, _>(&requests::delete(&known, &id), &key)
        .await
    {
        Ok(_) => removed(app, &row.id).await,
        Err(Error::StripeRefused(fault)) if fault.is_missing() => removed(app, &row.id).await,
        Err(e) => Err(e),
    }
}

async fn removed(app: &App, id: &TaxIdId) -> Result<tax_id::Model> {
    let tx = app.db.begin_write().await?;
    end(&tx, id, TaxIdStatus::Removed).await?;
    jobs::settle(&tx, &Job::SendTaxId { tax_id: id.clone() }).await?;
    let row = lock(&tx, id).await?;
    tx.commit().await?;
    Ok(row)
}

async fn end(tx: &Tx, id: &TaxIdId, status: TaxIdStatus) -> Result<()> {
    tax_id::Entity::update_many()
        .col_expr(C::Status, Expr::value(status))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id.clone()))
        .exec(tx)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_without_what_people_put_between_their_parts() {
        assert_eq!(plain(" de 123.456-789 "), plain("DE123456789"));
        assert_ne!(plain("DE123456789"), plain("DE123456788"));
    }
}

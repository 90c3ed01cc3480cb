//! The Stripe side of a customer: made once, and kept the same on both sides.

use std::collections::{BTreeSet, HashMap};

use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter,
};
use souk_entity::customer::{self, Address, Column as C};
use souk_entity::{AccountId, CustomerId, JsonText, Metadata};

use super::{DEFAULT_METHOD, IN_METADATA, find, lock, methods, row, tax_ids};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result, StripeFault};
use crate::findings::{self, NewFinding};
use crate::identity::Buyer;
use crate::ids;
use crate::jobs::{self, Job};
use crate::stripe::requests::customers::{self as requests, CustomerFields, METADATA_CUSTOMER};
use crate::stripe::views::{AddressView, CustomerView, PaymentMethodView};
use crate::stripe::{IdempotentCreate, key_until};

/// What our marks in `metadata` begin with. They are no business of the buyer's.
const OURS: &str = "souk_";

/// The buyer's customer on an account, which Stripe makes now if it hasn't (docs.stripe.com/api/customers/create). The key is
/// the row's, so that two at once make one. One that was deleted at Stripe is made anew.
///
/// # Errors
/// Stripe's refusal, or no answer.
pub async fn ensure(
    app: &App,
    buyer: &Buyer,
    account: &AccountId,
) -> Result<(customer::Model, String)> {
    let row = row(app, buyer, account).await?;
    if let Some(known) = row.stripe_customer.clone() {
        return Ok((row, known));
    }
    let made = make(app, &row).await?;
    attach(app, &row.id, &made).await
}

async fn make(app: &App, row: &customer::Model) -> Result<CustomerView> {
    let scope = app.stripe.at(&row.stripe_account);
    let mut metadata: HashMap<String, String> = row.metadata.0.clone().into_iter().collect();
    metadata.insert(METADATA_CUSTOMER.to_owned(), row.id.to_string());
    let request = requests::create(CustomerFields {
        name: row.name.as_deref(),
        email: row.email.as_deref(),
        phone: row.phone.as_deref(),
        address: row.address.clone().map(|at| at.0),
        metadata,
        default_payment_method: None,
    });
    let find_existing = async {
        let mark = (METADATA_CUSTOMER, row.id.as_ref());
        let page = |last: Option<&str>| requests::list(row.created_at, last);
        let marked: Vec<CustomerView> = scope.find_by_metadata(mark, page).await?;
        let is_it = |view: &CustomerView| {
            view.livemode == row.livemode && Some(&view.id) != row.deleted_customer.as_ref()
        };
        // The oldest one: a copy of our metadata can only be younger than ours.
        Ok(marked.into_iter().rev().find(is_it))
    };
    IdempotentCreate::of(customer::Entity, &row.id, row.key_number, row.key_until)
        // What Stripe refuses, such as an address, the buyer can change. And a change since the key was first sent is another
        // request under it.
        .again_after_refusal()
        .make(&app.db, app.clock.now(), find_existing, async |n| {
            scope
                .post(&request, &format!("customer:{}:{n}", row.id))
                .await
        })
        .await
}

/// Stores Stripe's id, once. An answer that comes after its customer was deleted stores nothing.
async fn attach(
    app: &App,
    id: &CustomerId,
    made: &CustomerView,
) -> Result<(customer::Model, String)> {
    let tx = app.db.begin_write().await?;
    let is_gone = C::DeletedCustomer.eq(made.id.as_str());
    let attached = customer::Entity::update_many()
        .col_expr(C::StripeCustomer, Expr::value(made.id.as_str()))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id.clone()))
        .filter(C::StripeCustomer.is_null())
        .filter(C::DeletedCustomer.is_null().or(is_gone.not()))
        .exec(&tx)
        .await?;
    if attached.rows_affected == 1 {
        tax_ids::resume(&tx, id).await?;
    }
    let row = lock(&tx, id).await?;
    if !row.unsent.0.is_empty() {
        // It was changed while Stripe was asked.
        jobs::stage(
            &tx,
            &Job::SyncCustomer {
                customer: id.clone(),
            },
        )
        .await?;
    }
    tx.commit().await?;
    match row.stripe_customer.clone() {
        Some(known) => Ok((row, known)),
        None => Err(Error::Busy(
            "The customer was deleted at this moment; try again.".to_owned(),
        )),
    }
}

/// The job: sends Stripe what was changed here, takes over what was changed there, and looks at the saved payment methods. A
/// customer that was deleted there is forgotten, and made anew when the buyer next saves something.
///
/// # Errors
/// Stripe has not answered.
pub async fn sync(app: &App, id: &CustomerId) -> Result<()> {
    let Some(row) = find(&app.db.read, id).await? else {
        return Ok(());
    };
    let Some(known) = row.stripe_customer.clone() else {
        return Ok(());
    };
    let began = app.clock.now();
    let tax_ids_before = tax_ids::known_ids(&app.db.read, id).await?;
    let (view, refused) = match exchange(app, &row, &known).await {
        Ok((view, _)) if view.deleted => return forget(app, id, &known).await,
        Ok(read) => read,
        Err(Error::StripeRefused(fault)) if fault.is_missing() => {
            return forget(app, id, &known).await;
        }
        Err(e) => return Err(e),
    };
    let before = methods::known_ids(&app.db.read, id).await?;
    let scope = app.stripe.at(&row.stripe_account);
    let page = |last: Option<&str>| requests::payment_methods(&known, last);
    let listed: Vec<PaymentMethodView> = scope.all(page).await?;
    let tax_ids = match view.tax_ids.clone() {
        Some(shown) if shown.has_more => Some(tax_ids::listed(&scope, &known).await?),
        shown => shown.map(|shown| shown.data),
    };
    let tx = app.db.begin_write().await?;
    let mut now = lock(&tx, id).await?;
    if now.stripe_customer.as_deref() != Some(known.as_str()) {
        return Ok(());
    }
    methods::mirror(&tx, &now, &listed, &before).await?;
    if let Some(tax_ids) = tax_ids {
        tax_ids::mirror(&tx, &now, &tax_ids, &tax_ids_before).await?;
    }
    if refused.is_some() || !row.unsent.0.is_empty() {
        note_refusal(&tx, &row, refused.as_deref()).await?;
    }
    if now.revision == row.revision {
        take_over(&mut now, view);
        now.synced_at = Some(began);
        customer::Entity::update(now.into_active_model().reset_all())
            .exec(&tx)
            .await?;
    } else {
        // It was changed here meanwhile, and Stripe is told of that first.
        jobs::stage(
            &tx,
            &Job::SyncCustomer {
                customer: id.clone(),
            },
        )
        .await?;
    }
    tx.commit().await
}

/// Sends what is unsent, or else only reads. If Stripe refuses what is sent, its own word stands, and the refusal is answered.
async fn exchange(
    app: &App,
    row: &customer::Model,
    known: &str,
) -> Result<(CustomerView, Option<Box<StripeFault>>)> {
    let scope = app.stripe.at(&row.stripe_account);
    if row.unsent.0.is_empty() {
        return Ok((scope.get(&requests::retrieve(known)).await?, None));
    }
    // A new key each time: the update may safely be repeated, and a saved 500 would spoil a fixed key.
    let key = format!("customer_update:{}", ids::random_token());
    let update = requests::update(known, unsent(row));
    match scope.post(&update, &key).await {
        Ok(view) => Ok((view, None)),
        Err(Error::StripeRefused(fault)) => {
            Ok((scope.get(&requests::retrieve(known)).await?, Some(fault)))
        }
        Err(e) => Err(e),
    }
}

/// A change that Stripe refused is undone here, though its maker was told that it was made.
async fn note_refusal(tx: &Tx, row: &customer::Model, fault: Option<&StripeFault>) -> Result<()> {
    const KIND: &str = "customer_change_refused";
    let Some(fault) = fault else {
        return findings::resolve(tx, KIND, row.id.as_ref()).await;
    };
    let changed: Vec<&str> = row.unsent.0.iter().map(String::as_str).collect();
    let finding = NewFinding {
        kind: KIND,
        stripe_account: Some(row.stripe_account.clone()),
        subject: row.id.to_string(),
        message: format!(
            "Stripe refused a change of customer {} ({}), so it is undone here: {} Tell the buyer, who was told that it was \
             made. It closes with the next change that Stripe takes.",
            row.id,
            changed.join(", "),
            fault.message,
        ),
        amount: None,
        currency: None,
    };
    findings::raise(tx, finding).await
}

/// What Stripe hasn't been sent of a customer.
fn unsent(row: &customer::Model) -> CustomerFields<'_> {
    let is = |name: &str| row.unsent.0.contains(name);
    let names = row
        .unsent
        .0
        .iter()
        .filter_map(|name| name.strip_prefix(IN_METADATA));
    let value = |name: &str| row.metadata.0.get(name).cloned().unwrap_or_default();
    CustomerFields {
        name: is("name").then(|| row.name.as_deref().unwrap_or_default()),
        email: None,
        phone: is("phone").then(|| row.phone.as_deref().unwrap_or_default()),
        address: is("address").then(|| row.address.clone().unwrap_or_default().0),
        metadata: names.map(|name| (name.to_owned(), value(name))).collect(),
        default_payment_method: is(DEFAULT_METHOD)
            .then(|| row.default_payment_method.as_deref().unwrap_or_default()),
    }
}

/// Makes a customer's row what Stripe shows.
fn take_over(row: &mut customer::Model, view: CustomerView) {
    let settings = view.invoice_settings;
    let default = settings.and_then(|settings| settings.default_payment_method);
    row.default_payment_method = default.as_ref().map(|method| method.id().to_owned());
    row.name = given(view.name);
    row.email = given(view.email);
    row.phone = given(view.phone);
    row.address = view.address.and_then(address).map(JsonText);
    let metadata = view.metadata.unwrap_or_default().into_iter();
    let theirs = metadata.filter(|(name, _)| !name.starts_with(OURS));
    row.metadata = JsonText(theirs.collect::<Metadata>());
    row.unsent = JsonText(BTreeSet::new());
}

/// A text of Stripe's that a database can hold. An empty one is none.
fn given(text: Option<String>) -> Option<String> {
    let text = text.map(|text| text.replace('\0', ""));
    text.filter(|text| !text.is_empty())
}

fn address(view: AddressView) -> Option<Address> {
    let address = Address {
        line1: given(view.line1),
        line2: given(view.line2),
        postal_code: given(view.postal_code),
        city: given(view.city),
        state: given(view.state),
        country: given(view.country),
    };
    (address != Address::default()).then_some(address)
}

/// Forgets a customer that was deleted at Stripe, and what was saved with it. What the buyer has told of themselves stays.
pub async fn forget(app: &App, id: &CustomerId, known: &str) -> Result<()> {
    let tx = app.db.begin_write().await?;
    let forgotten = customer::Entity::update_many()
        .col_expr(C::StripeCustomer, Expr::value(None::<String>))
        .col_expr(C::DeletedCustomer, Expr::value(known))
        .col_expr(C::DefaultPaymentMethod, Expr::value(None::<String>))
        .col_expr(C::Unsent, Expr::value(JsonText(BTreeSet::<String>::new())))
        .col_expr(C::Revision, Expr::col(C::Revision).add(1))
        // Under the old key Stripe would answer with the one that is gone.
        .col_expr(C::KeyNumber, Expr::col(C::KeyNumber).add(1))
        .col_expr(C::KeyUntil, Expr::value(key_until(tx.now())))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id.clone()))
        .filter(C::StripeCustomer.eq(known))
        .exec(&tx)
        .await?;
    if forgotten.rows_affected == 1 {
        methods::detach_all(&tx, id).await?;
        tax_ids::forget(&tx, id).await?;
    }
    tx.commit().await
}

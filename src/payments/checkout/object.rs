//! A payment's Stripe object, created once on the seller's account: a Checkout Session
//! (docs.stripe.com/api/checkout/sessions/create), an intent (docs.stripe.com/api/payment_intents/create), or the first invoice of a
//! subscription (docs.stripe.com/api/subscriptions/create).

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Value, json};
use souk_entity::order::OrderStatus;
use souk_entity::payment::{self, PaymentKind, PaymentStatus};
use souk_entity::{PaymentId, Timestamp};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result, StripeFault};
use crate::findings::{self, NewFinding};
use crate::jobs::{self, Job, Settled};
use crate::stripe::requests::{checkout, intents, subscriptions};
use crate::stripe::views::{
    BeginningView, FirstInvoiceView, PaymentIntentView, PendingSetupView, SessionView,
};
use crate::stripe::{IdempotentCreate, PreparedRequest};
use crate::{customers, money, orders};

use super::super::{attempts_text, find, lock_payment, payment_by_object, shares};
use super::METADATA_PAYMENT;

/// What a buyer needs to pay by an open object. Stripe is asked for it each time, and it is never stored.
pub struct Made {
    /// A session's hosted page, whose address lets anybody pay.
    pub url: Option<String>,
    /// For Stripe.js: an intent's, or that of a session in a page of one's own.
    pub client_secret: Option<SecretString>,
    /// Of a subscription: what that is of.
    pub secret_of: Option<SecretOf>,
    /// Of an intent: what the buyer has to do.
    pub next_action: Option<NextAction>,
}

/// What the buyer of a subscription confirms with their client secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretOf {
    /// Of the first invoice.
    PaymentIntent,
    /// Nothing is to be paid yet: a card is given that is charged later.
    SetupIntent,
}

/// What a buyer has to do for an intent to be paid (docs.stripe.com/api/payment_intents/object, `next_action`). Stripe.js does it
/// with the client secret (`handleNextAction`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NextAction {
    /// Such as `redirect_to_url` or `use_stripe_sdk`.
    r#type: String,
    /// Of `redirect_to_url`: where the buyer authenticates.
    url: Option<String>,
}

impl NextAction {
    fn of(action: &Value) -> Option<Self> {
        Some(Self {
            r#type: action["type"].as_str()?.to_owned(),
            url: action["redirect_to_url"]["url"].as_str().map(str::to_owned),
        })
    }
}

/// A payment's object as Stripe shows it.
enum View {
    Session(Box<SessionView>),
    Intent(Box<PaymentIntentView>),
    /// With its first invoice.
    Beginning(Box<BeginningView>, FirstInvoiceView),
}

impl View {
    /// Of a subscription whose first invoice is its newest one.
    fn beginning(view: BeginningView) -> Result<Self> {
        let invoice = view.first_invoice().cloned();
        match invoice {
            Some(invoice) => Ok(Self::Beginning(Box::new(view), invoice)),
            None => Err(Error::internal(format!(
                "{} shows no first invoice",
                view.id
            ))),
        }
    }

    /// Of a subscription that has begun with this invoice. Once another has come, it is over.
    fn begun_with(view: BeginningView, invoice: &str) -> Self {
        let first = view.latest_invoice.clone();
        let first = first.filter(|latest| latest.id == invoice);
        let first = first.unwrap_or_else(|| FirstInvoiceView::over(invoice));
        Self::Beginning(Box::new(view), first)
    }

    fn id(&self) -> &str {
        match self {
            Self::Session(view) => &view.id,
            Self::Intent(view) => &view.id,
            Self::Beginning(_, invoice) => &invoice.id,
        }
    }

    /// Whether the buyer may still pay.
    fn is_open(&self) -> bool {
        match self {
            Self::Session(view) => view.status.as_deref() == Some("open"),
            Self::Intent(view) => view.is_open(),
            Self::Beginning(_, invoice) => invoice.is_open(),
        }
    }

    /// Whole seconds; none: it has no end of its own.
    fn expires_at(&self) -> Option<i64> {
        match self {
            Self::Session(view) => view.expires_at,
            Self::Intent(_) | Self::Beginning(..) => None,
        }
    }

    /// Whether it is what was asked for.
    fn fits(&self, payment: &payment::Model) -> bool {
        let (livemode, currency, amount) = match self {
            Self::Session(view) => (view.livemode, &view.currency, view.amount_subtotal),
            Self::Intent(view) => (view.livemode, &view.currency, view.amount),
            Self::Beginning(view, invoice) => (view.livemode, &view.currency, invoice.subtotal),
        };
        let least = payment.prorated_least.unwrap_or(payment.amount_subtotal);
        let most = payment.prorated_most.unwrap_or(payment.amount_subtotal);
        livemode == payment.livemode
            && currency.as_ref() == Some(&payment.currency)
            && amount.is_some_and(|amount| (least..=most).contains(&amount))
    }

    fn made(self) -> Made {
        let is_open = self.is_open();
        match self {
            Self::Session(view) => Made {
                url: view.url,
                client_secret: view.client_secret.filter(|_| is_open),
                secret_of: None,
                next_action: None,
            },
            Self::Intent(view) => Made {
                url: None,
                client_secret: view.client_secret.filter(|_| is_open),
                secret_of: None,
                next_action: view.next_action.as_ref().and_then(NextAction::of),
            },
            Self::Beginning(view, invoice) => begun(*view, invoice),
        }
    }
}

/// What a buyer needs to pay the first invoice, or to give the card that later ones are paid by.
fn begun(view: BeginningView, invoice: FirstInvoiceView) -> Made {
    let is_open = invoice.is_open();
    let to_pay = invoice
        .confirmation_secret
        .and_then(|secret| secret.client_secret)
        .filter(|_| is_open)
        .map(|secret| (secret, SecretOf::PaymentIntent));
    let to_save = view
        .pending_setup_intent
        .filter(PendingSetupView::is_open)
        .and_then(|intent| intent.client_secret)
        .map(|secret| (secret, SecretOf::SetupIntent));
    let (client_secret, secret_of) = to_pay.or(to_save).unzip();
    Made {
        url: None,
        client_secret,
        secret_of,
        next_action: None,
    }
}

/// What a payment's object is called, to a person.
fn what(payment: &payment::Model) -> &'static str {
    match payment.kind {
        PaymentKind::Session => "checkout session",
        PaymentKind::Intent => "payment intent",
        PaymentKind::Invoice => "subscription",
    }
}

/// The job: creates the payment's object from its stored request, unless it exists.
///
/// # Errors
/// Stripe has not answered. A refusal is stored and is no error.
pub async fn make(app: &App, id: &PaymentId) -> Result<()> {
    match create(app, find(app, id).await?).await {
        // The refusal is stored; there is nothing to retry.
        Ok(_) | Err(Error::StripeRefused(_)) => Ok(()),
        Err(e) => Err(e),
    }
}

/// Raises a finding when the job is given up. The payment stays pending, since Stripe may have created the object. Nobody
/// was given it, so nobody pays it.
pub async fn give_up(tx: &Tx, id: &PaymentId, attempts: i32, error: &Error) -> Result<()> {
    let payment = lock_payment(tx, id).await?;
    if payment.status != PaymentStatus::Pending || payment.stripe_object.is_some() {
        return Ok(());
    }
    let orders = shares::order_ids(tx, id).await?;
    let finding = NewFinding {
        kind: "inconclusive",
        stripe_account: Some(payment.charge_account.clone()),
        subject: id.to_string(),
        message: format!(
            "The {} of order {}, over {}, was given up after {}, and whether Stripe made it isn't known: \
             {error}. Nobody was given it. Once Stripe answers, let the buyer repeat their request under the \
             same Idempotency-Key, or cancel the order.",
            what(&payment),
            shares::names(&orders),
            money::display(payment.amount_subtotal, &payment.currency),
            attempts_text(attempts),
        ),
        amount: Some(payment.amount_subtotal),
        currency: Some(payment.currency),
    };
    findings::raise(tx, finding).await
}

/// Makes sure that the payment's object exists at Stripe, by the stored request under its key. Once the key can't be
/// trusted any more, Stripe is searched first. Returns the payment, and what a buyer needs to pay.
///
/// # Errors
/// Stripe's refusal, now or earlier (`stripe_refused`), or no answer.
pub async fn create(app: &App, payment: payment::Model) -> Result<(payment::Model, Made)> {
    let id = &payment.id;
    if let Some(object) = &payment.stripe_object {
        let view = retrieve(app, &payment, object).await?;
        return Ok((payment, view.made()));
    }
    if payment.status == PaymentStatus::Failed {
        return Err(refusal(payment));
    }
    let stored: PreparedRequest =
        serde_json::from_str(&payment.request).map_err(|e| Error::internal(e.to_string()))?;
    let answer = IdempotentCreate::of(payment::Entity, id, payment.key_number, payment.key_until)
        .make(
            &app.db,
            app.clock.now(),
            find_existing(app, &payment),
            async |n| {
                let key = format!("{}:{n}", payment.attempt);
                Ok(match payment.kind {
                    PaymentKind::Intent => {
                        View::Intent(Box::new(app.stripe.send(&stored, &key).await?))
                    }
                    PaymentKind::Invoice => View::beginning(app.stripe.send(&stored, &key).await?)?,
                    PaymentKind::Session => {
                        View::Session(Box::new(app.stripe.send(&stored, &key).await?))
                    }
                })
            },
        )
        .await;
    match answer {
        Ok(view) => {
            let payment = attach(app, id, &view).await?;
            Ok((payment, view.made()))
        }
        Err(Error::StripeRefused(fault)) => {
            refuse(app, id, &fault).await?;
            Err(Error::StripeRefused(fault))
        }
        Err(e) => Err(e),
    }
}

async fn retrieve(app: &App, payment: &payment::Model, object: &str) -> Result<View> {
    let scope = app.stripe.at(&payment.charge_account);
    Ok(match payment.kind {
        PaymentKind::Intent => View::Intent(Box::new(scope.get(&intents::retrieve(object)).await?)),
        PaymentKind::Session => {
            View::Session(Box::new(scope.get(&checkout::retrieve(object)).await?))
        }
        PaymentKind::Invoice => {
            let id = payment.subscription.as_deref().unwrap_or_default();
            let request = subscriptions::retrieve_beginning(id);
            View::begun_with(scope.get(&request).await?, object)
        }
    })
}

/// Why a payment has no object and will have none.
fn refusal(payment: payment::Model) -> Error {
    if payment.failure_code.as_deref() == Some(ACCESS_LOST) {
        let account = payment.charge_account;
        return Error::AccessLost { account };
    }
    let words = payment.failure;
    let fault = StripeFault {
        code: payment.failure_code,
        message: words.unwrap_or_else(|| "It refused this checkout.".to_owned()),
        ..StripeFault::default()
    };
    Error::StripeRefused(Box::new(fault))
}

/// Searches Stripe for an object that was created without our knowing. Metadata only finds it: mode, currency and amount
/// must be what was asked for, and confirm still decides about its money.
async fn find_existing(app: &App, payment: &payment::Model) -> Result<Option<View>> {
    let mark = (METADATA_PAYMENT, payment.id.as_ref());
    let (scope, since) = (app.stripe.at(&payment.charge_account), payment.created_at);
    let marked: Vec<View> = match payment.kind {
        PaymentKind::Intent => {
            let page = |last: Option<&str>| intents::list(since, last);
            let found = scope.find_by_metadata(mark, page).await?.into_iter();
            found.map(|view| View::Intent(Box::new(view))).collect()
        }
        PaymentKind::Invoice => {
            let page = |last: Option<&str>| subscriptions::list(since, last);
            let found = scope.find_by_metadata(mark, page).await?.into_iter();
            found.map(View::beginning).collect::<Result<_>>()?
        }
        PaymentKind::Session => {
            let page = |last: Option<&str>| checkout::list(since, last);
            let found = scope.find_by_metadata(mark, page).await?.into_iter();
            found.map(|view| View::Session(Box::new(view))).collect()
        }
    };
    // The oldest one: a copy of our metadata can only be younger than ours.
    Ok(marked.into_iter().rev().find(|view| view.fits(payment)))
}

/// Ends the job that would repeat the request, since Stripe has answered, and resolves the finding of its giving up.
async fn cancel_retry(tx: &Tx, id: &PaymentId) -> Result<()> {
    let payment = id.clone();
    match jobs::settle(tx, &Job::CreateSession { payment }).await? {
        Settled::Unneeded => Ok(()),
        Settled::Otherwise => findings::resolve(tx, "inconclusive", id.as_ref()).await,
    }
}

/// Stores the object's id, and has the events retried that came before it.
async fn attach(app: &App, id: &PaymentId, view: &View) -> Result<payment::Model> {
    use payment::Column as C;
    let tx = app.db.begin_write().await?;
    let mut update = payment::Entity::update_many()
        .col_expr(C::StripeObject, Expr::value(view.id()))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id.clone()))
        .filter(C::StripeObject.is_null());
    if let Some(at) = view.expires_at() {
        update = update.col_expr(C::ExpiresAt, Expr::value(Timestamp::from_seconds(at)));
    }
    if let View::Beginning(subscription, invoice) = view {
        update = update
            .col_expr(C::Subscription, Expr::value(subscription.id.as_str()))
            .col_expr(C::StripeInvoice, Expr::value(invoice.id.as_str()));
    }
    let attached = update.exec_with_returning(&tx).await?.pop();
    if attached.is_some() {
        for order in shares::order_ids(&tx, id).await? {
            let (entry, data) = match view {
                View::Session(view) => ("session_created", json!({ "checkout_session": view.id })),
                View::Intent(view) => ("intent_created", json!({ "payment_intent": view.id })),
                View::Beginning(view, invoice) => (
                    "subscription_created",
                    json!({ "subscription": view.id, "invoice": invoice.id }),
                ),
            };
            orders::log(&tx, &order, entry, data).await?;
        }
        cancel_retry(&tx, id).await?;
        jobs::wake_deferred(&tx, view.id()).await?;
        if let View::Beginning(begun, invoice) = view {
            note_beginning(&tx, id, begun, invoice).await?;
        }
        if !view.is_open() {
            // It is over already: its events may have come and gone.
            let payment = id.clone();
            jobs::stage(&tx, &Job::RereadPayment { payment }).await?;
        }
    }
    tx.commit().await?;
    let payment = match attached {
        Some(payment) => Some(payment),
        None => payment_by_object(&app.db.read, view.id()).await?,
    };
    payment
        .filter(|payment| payment.id == *id)
        .ok_or_else(|| Error::internal("a Stripe object belongs to another payment"))
}

/// The first invoice is final, so what Stripe has prorated it to is what is asked for. Its subscription is read by a job.
async fn note_beginning(
    tx: &Tx,
    id: &PaymentId,
    begun: &BeginningView,
    invoice: &FirstInvoiceView,
) -> Result<()> {
    use payment::Column as C;
    let payment = lock_payment(tx, id).await?;
    if payment.prorated_most.is_some()
        && let Some(subtotal) = invoice.subtotal
    {
        payment::Entity::update_many()
            .col_expr(C::ProratedLeast, Expr::value(subtotal))
            .col_expr(C::ProratedMost, Expr::value(subtotal))
            .filter(C::Id.eq(id.clone()))
            .exec(tx)
            .await?;
    }
    let job = Job::SyncSubscription {
        account: payment.charge_account,
        livemode: payment.livemode,
        subscription: begun.id.clone(),
    };
    jobs::stage(tx, &job).await
}

/// Stripe's code where an account has disconnected.
const ACCESS_LOST: &str = "account_invalid";

/// Ends a payment of which Stripe was never asked before, since its account has disconnected.
pub(super) async fn refuse_disconnected(app: &App, id: &PaymentId, error: &Error) -> Result<()> {
    let fault = StripeFault {
        code: Some(ACCESS_LOST.to_owned()),
        message: error.to_string(),
        ..StripeFault::default()
    };
    refuse(app, id, &fault).await
}

/// The code of Stripe's refusal of direct charges on this seller's account.
pub(super) const CHARGES_UNSUPPORTED: &str = "charges_unsupported";
/// What is kept of a refusal that only its `param` tells.
pub(super) const PROMOTION_CODE_INVALID: &str = "promotion_code_invalid";

/// The code of Stripe's refusal. That of a promotion code has none but `coupon_expired`
/// (docs.stripe.com/error-codes#coupon-expired), so its `param` tells.
pub(super) fn refusal_code(fault: &StripeFault) -> Option<&str> {
    // Since August 2026 new platforms may not (docs.stripe.com/changelog/dahlia/2026-08-26). Stripe documents no code for it.
    if fault.message.contains("legacy") && fault.message.contains("irect charges") {
        return Some(CHARGES_UNSUPPORTED);
    }
    let names_code = |param: &str| param.contains("promotion_code") || param.contains("discounts");
    match fault.code.as_deref() {
        Some("coupon_expired") => Some(PROMOTION_CODE_INVALID),
        _ if fault.param.as_deref().is_some_and(names_code) => Some(PROMOTION_CODE_INVALID),
        code => code,
    }
}

/// Stores Stripe's refusal: there is no object and there won't be one.
async fn refuse(app: &App, id: &PaymentId, fault: &StripeFault) -> Result<()> {
    use payment::Column as C;
    let tx = app.db.begin_write().await?;
    let payment = lock_payment(&tx, id).await?;
    let failed = payment::Entity::update_many()
        .col_expr(C::Status, Expr::value(PaymentStatus::Failed))
        .col_expr(C::Failure, Expr::value(fault.message.as_str()))
        .col_expr(C::FailureCode, Expr::value(refusal_code(fault)))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id.clone()))
        .filter(C::Status.eq(PaymentStatus::Pending))
        .filter(C::StripeObject.is_null())
        .exec(&tx)
        .await?;
    if failed.rows_affected == 1 {
        for order in shares::order_ids(&tx, &payment.id).await? {
            let (from, to) = ([OrderStatus::Pending], OrderStatus::Failed);
            let data = json!({ "reason": fault.message });
            orders::advance(&tx, &order, &from, to, data).await?;
        }
        cancel_retry(&tx, id).await?;
        // It may be the customer that Stripe doesn't know any more.
        if let Some(customer) = &payment.customer {
            let of = (&payment.charge_account, payment.livemode, customer.as_str());
            customers::look_again(&tx, of).await?;
        }
    }
    tx.commit().await
}

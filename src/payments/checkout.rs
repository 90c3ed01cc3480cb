//! From lines to an open Checkout Session on the seller's account.

use std::collections::HashMap;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect};
use serde::{Deserialize, Serialize};
use serde_json::json;
use souk_entity::order::{self, OrderStatus};
use souk_entity::payment::{self, PaymentKind, PaymentStatus};
use souk_entity::product::ProductStatus;
use souk_entity::{
    AccountId, JsonText, Metadata, OrderId, PaymentId, ProductId, Timestamp, inbox_event,
    payment_order, seller,
};
use validator::Validate;

use crate::app::App;
use crate::config::origin;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::http::{check_metadata, given, objects};
use crate::identity::{self, Caller};
use crate::jobs::{self, Job, Settled};
use crate::orders::{self, PricedLine};
use crate::stripe::requests::checkout::{self as request, NewSession, SessionLine};
use crate::stripe::views::SessionView;
use crate::stripe::{Attempt, Prepared, key_until};
use crate::{audit, catalog, ids, ledger, money, sellers};

use super::{by_session, locked, of_order};

/// How long a create request may go unanswered before its job repeats it.
const ANSWER_MS: i64 = 15_000;
/// Stripe's own, where a request names no `expires_at`.
const DEFAULT_LIFE_MS: i64 = 24 * 3_600_000;
/// Stripe wants half an hour from the moment it gets the request, which may be repeated some seconds later: less than
/// this is never asked for.
const LEAST_LIFE_MS: i64 = 31 * 60_000;
/// The `metadata` name that carries our payment's id.
pub(super) const METADATA_PAYMENT: &str = "souk_payment";

/// A checkout as the API asks for it.
#[derive(Debug, Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewCheckout {
    /// What is bought; products of one seller in one currency.
    #[serde(deserialize_with = "objects")]
    #[validate(
        length(min = 1, max = 50, message = "lines has 1 to 50 lines."),
        nested
    )]
    pub lines: Vec<NewLine>,
    /// Where a guest is reached; needed without a login.
    #[serde(default, deserialize_with = "given")]
    #[validate(
        email(message = "customer_email is not a mail address."),
        length(max = 254, message = "customer_email is too long.")
    )]
    pub customer_email: Option<String>,
    /// Where the buyer comes back to; by default our own page.
    #[serde(default, deserialize_with = "given")]
    pub success_url: Option<String>,
    /// Where the buyer goes who gives up; by default our own page.
    #[serde(default, deserialize_with = "given")]
    pub cancel_url: Option<String>,
    /// Whether promotion codes may be entered; by default they may.
    #[serde(default, deserialize_with = "given")]
    pub allow_promotion_codes: Option<bool>,
    /// Seconds until the session expires; by default Stripe's 24 hours.
    #[serde(default, deserialize_with = "given")]
    #[validate(range(
        min = 1800,
        max = 86400,
        message = "expires_in is 1800 to 86400 seconds."
    ))]
    pub expires_in: Option<i64>,
    /// The caller's own.
    #[serde(default, deserialize_with = "given")]
    pub metadata: Option<Metadata>,
}

/// A line of it.
#[derive(Debug, Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewLine {
    /// What.
    pub product_id: ProductId,
    /// How many.
    #[validate(range(min = 1, max = 999, message = "quantity is 1 to 999."))]
    pub quantity: i64,
}

/// An open checkout.
pub struct Opened {
    /// Its payment, with the session's id.
    pub payment: payment::Model,
    /// Its order.
    pub order: order::Model,
    /// The hosted page; none once the session is no longer open.
    pub url: Option<String>,
    /// A guest's proof that the order is theirs.
    pub secret: Option<String>,
}

/// Opens a checkout for a buyer, or for a guest. Called again with the same id it goes on where it stopped, if its caller
/// says that it may have been begun. Without an answer from Stripe the payment stays pending, and a job repeats the very
/// same request.
pub async fn open_checkout(
    app: &App,
    buyer: Option<&Caller>,
    id: OrderId,
    may_resume: bool,
    new: NewCheckout,
) -> Result<Opened> {
    let placed = match may_resume {
        true => {
            order::Entity::find_by_id(id.clone())
                .one(&app.db.read)
                .await?
        }
        false => None,
    };
    let (order, payment) = match placed {
        None => place(app, buyer, id, new).await?,
        Some(order) => {
            let mut payments = of_order(&app.db.read, &id).await?.into_iter();
            let first = payments.next();
            (
                order,
                first.ok_or_else(|| Error::internal("an order without a payment"))?,
            )
        }
    };
    let (payment, url) = create_session(app, payment, &order.id).await?;
    let secret = order
        .secret_hash
        .is_some()
        .then(|| identity::order_secret(app, &order.id));
    Ok(Opened {
        payment,
        order,
        url,
        secret,
    })
}

/// Prices the lines, builds the request, and writes both down before anything is sent.
async fn place(
    app: &App,
    buyer: Option<&Caller>,
    id: OrderId,
    new: NewCheckout,
) -> Result<(order::Model, payment::Model)> {
    let email = new
        .customer_email
        .clone()
        .or(buyer.map(|caller| caller.user.email.clone()));
    let Some(email) = email else {
        return Err(Error::invalid(
            "customer_email",
            "customer_email is missing: a guest needs one, or log in.",
        ));
    };
    let metadata = new.metadata.clone().unwrap_or_default();
    check_metadata(&metadata)?;
    let (seller, account, lines) = price(app, &new.lines).await?;
    let currency = lines
        .first()
        .map(|line| line.product.currency.clone())
        .unwrap_or_default();
    let subtotal = lines
        .iter()
        .try_fold(0, |sum, line| money::add(sum, line.amount))?;
    check_total(subtotal, &currency)?;
    let fee = sellers::fee_rule(app.config.application_fee, &seller).of(subtotal)?;
    let success_url = redirect(
        app,
        "success_url",
        new.success_url,
        "/checkout/success?session_id={CHECKOUT_SESSION_ID}",
    )?;
    let cancel_url = redirect(app, "cancel_url", new.cancel_url, "/checkout/cancelled")?;
    let allow_discounts = new.allow_promotion_codes.unwrap_or(true);
    let payment_id: PaymentId = ids::new(app.clock.now());
    let life = new
        .expires_in
        .map(|seconds| seconds.saturating_mul(1000).max(LEAST_LIFE_MS));
    let request = app
        .stripe
        .on(&account)
        .prepare(&request::create(NewSession {
            currency: &currency,
            lines: lines
                .iter()
                .map(|line| SessionLine {
                    name: &line.product.name,
                    unit_amount: line.product.unit_amount,
                    quantity: line.quantity,
                })
                .collect(),
            application_fee: fee,
            success_url: &success_url,
            cancel_url: &cancel_url,
            email: Some(&email),
            expires_at: life.map(|life| app.clock.now().plus_ms(life).seconds()),
            allow_promotion_codes: allow_discounts,
            metadata: HashMap::from([
                ("souk_order".to_owned(), id.to_string()),
                (METADATA_PAYMENT.to_owned(), payment_id.to_string()),
            ]),
            reference: id.as_ref(),
        }));
    let guest_secret = buyer
        .is_none()
        .then(|| ids::sha256_hex(identity::order_secret(app, &id).as_bytes()));
    let request = serde_json::to_string(&request).map_err(|e| Error::internal(e.to_string()))?;

    let tx = app.db.begin_write().await?;
    let order = order::Model {
        id,
        seller_id: seller.id,
        buyer_id: buyer.map(|caller| caller.id().clone()),
        email: Some(email),
        status: OrderStatus::Pending,
        livemode: app.stripe.livemode(),
        currency: currency.clone(),
        amount_subtotal: subtotal,
        secret_hash: guest_secret,
        refund_reason: None,
        paid_at: None,
        fulfilled_at: None,
        tracking_number: None,
        cancelled_at: None,
        cancel_reason: None,
        metadata: JsonText(metadata),
        created_at: tx.now(),
        updated_at: tx.now(),
    };
    orders::place(&tx, &order, &lines).await?;
    let payment = payment::Model {
        id: payment_id.clone(),
        charge_account: account,
        livemode: app.stripe.livemode(),
        kind: PaymentKind::CheckoutSession,
        stripe_object: None,
        payment_intent: None,
        charge: None,
        status: PaymentStatus::Pending,
        currency,
        amount_subtotal: subtotal,
        amount_discount: None,
        amount_paid: None,
        amount_refunded: 0,
        application_fee: fee,
        allow_discounts,
        attempt: format!("session:{payment_id}"),
        key_number: 1,
        key_until: key_until(tx.now()),
        request,
        success_url,
        cancel_url,
        expires_at: tx.now().plus_ms(life.unwrap_or(DEFAULT_LIFE_MS)),
        asked_at: None,
        failure: None,
        paid_at: None,
        created_at: tx.now(),
        updated_at: tx.now(),
    };
    payment::Entity::insert(payment.clone().into_active_model())
        .exec_without_returning(&tx)
        .await?;
    let link = payment_order::Model {
        payment_id: payment_id.clone(),
        order_id: order.id.clone(),
    };
    payment_order::Entity::insert(link.into_active_model())
        .exec_without_returning(&tx)
        .await?;
    jobs::stage_at(
        &tx,
        &Job::CreateSession {
            payment: payment_id,
        },
        tx.now().plus_ms(ANSWER_MS),
    )
    .await?;
    let actor = buyer.map_or_else(|| "guest".to_owned(), Caller::principal);
    audit::record(
        &tx,
        &actor,
        "order.created",
        order.id.as_ref(),
        json!({ "amount_subtotal": subtotal }),
    )
    .await?;
    tx.commit().await?;
    Ok((order, payment))
}

/// Looks every line up, and makes sure that they can be bought together now.
async fn price(
    app: &App,
    wanted: &[NewLine],
) -> Result<(seller::Model, AccountId, Vec<PricedLine>)> {
    let ids: Vec<ProductId> = wanted.iter().map(|line| line.product_id.clone()).collect();
    let products = catalog::products(&app.db.read, &ids).await?;
    let mut lines: Vec<PricedLine> = Vec::with_capacity(wanted.len());
    for (line, at) in wanted.iter().zip(0..) {
        let param = format!("lines[{at}].product_id");
        let found = products
            .iter()
            .find(|(product, _)| product.id == line.product_id);
        let (product, _) = found
            .ok_or_else(|| Error::no_such("product", param.clone()))?
            .clone();
        if let Some(first) = lines.first() {
            if product.seller_id != first.product.seller_id {
                return Err(Error::invalid_with(
                    "mixed_sellers",
                    "lines",
                    "A checkout holds products of one seller: open one for each.",
                ));
            }
            if product.currency != first.product.currency {
                return Err(Error::invalid_with(
                    "mixed_currencies",
                    "lines",
                    "A checkout holds prices in one currency.",
                ));
            }
        }
        if product.status != ProductStatus::Active {
            return Err(line_conflict(
                "product_archived",
                param,
                format!("{} is no longer for sale.", product.name),
            ));
        }
        let before = lines
            .iter()
            .filter(|line| line.product.id == product.id)
            .map(|line| line.quantity);
        let together = before.fold(line.quantity, i64::saturating_add);
        if product
            .available
            .is_some_and(|available| available < together)
        {
            let left = product.available.unwrap_or_default();
            return Err(line_conflict(
                "sold_out",
                param,
                format!("Only {left} of {} are left.", product.name),
            ));
        }
        let amount = money::times(product.unit_amount, line.quantity)?;
        lines.push(PricedLine {
            product,
            quantity: line.quantity,
            amount,
        });
    }
    let seller = products.into_iter().next().map(|(_, seller)| seller);
    let seller = seller.ok_or_else(|| Error::internal("a checkout without lines"))?;
    let account = sellers::charging_account(app, &seller)?.clone();
    Ok((seller, account, lines))
}

fn line_conflict(code: &'static str, param: String, message: String) -> Error {
    Error::Conflict {
        code,
        param: Some(param),
        message,
    }
}

fn check_total(subtotal: i64, currency: &str) -> Result<()> {
    let minimum = money::minimum(currency).unwrap_or(1);
    if subtotal < minimum {
        let least = money::display(minimum, currency);
        return Err(Error::invalid_with(
            "amount_too_small",
            "lines",
            format!("Stripe takes no less than {least}."),
        ));
    }
    if subtotal > money::MAX_AMOUNT {
        let most = money::display(money::MAX_AMOUNT, currency);
        return Err(Error::invalid(
            "lines",
            format!("Stripe takes no more than {most} at once."),
        ));
    }
    Ok(())
}

/// A redirect address of an allowed origin, so that nobody can send buyers elsewhere through us.
fn redirect(app: &App, param: &str, given: Option<String>, own: &str) -> Result<String> {
    let Some(given) = given else {
        return Ok(app.config.page(own));
    };
    let allowed = given.len() <= 2048
        && url::Url::parse(&given).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && app.config.redirect_origins.contains(&origin(&url))
        });
    if allowed {
        Ok(given)
    } else {
        Err(Error::invalid(
            param,
            format!("{param} is not on an allowed origin (ALLOWED_REDIRECT_ORIGINS)."),
        ))
    }
}

/// Makes sure that the payment's session exists at Stripe, by the stored request under its key; where that can't be
/// trusted any more, the session is looked for first. Answers the payment and the hosted page, while it is open.
pub(super) async fn create_session(
    app: &App,
    payment: payment::Model,
    order: &OrderId,
) -> Result<(payment::Model, Option<String>)> {
    let id = &payment.id;
    if let Some(session) = &payment.stripe_object {
        // The page's address is a link: asked for anew, never kept.
        let view: SessionView = app
            .stripe
            .on(&payment.charge_account)
            .get(&request::retrieve(session))
            .await?;
        return Ok((payment, view.url));
    }
    if payment.status == PaymentStatus::Failed {
        let why = payment.failure.as_deref();
        let why = why.unwrap_or("Stripe refused this checkout.");
        return Err(Error::conflict("stripe_refused", why));
    }
    let stored: Prepared =
        serde_json::from_str(&payment.request).map_err(|e| Error::internal(e.to_string()))?;
    let answer = Attempt::of(payment::Entity, id, payment.key_number, payment.key_until)
        .make(
            &app.db,
            app.clock.now(),
            made_before(app, &payment),
            async |n| {
                let key = format!("{}:{n}", payment.attempt);
                app.stripe.send(&stored, &key).await
            },
        )
        .await;
    match answer {
        Ok(view) => {
            let payment = attach(app, id, order, &view).await?;
            Ok((payment, view.url))
        }
        Err(Error::StripeRefused(fault)) => {
            refuse(app, id, &fault.message).await?;
            Err(Error::StripeRefused(fault))
        }
        Err(e) => Err(e),
    }
}

/// The session that was made for a payment that doesn't know of it. Metadata only finds it: it must be what was asked
/// for, and confirm still decides about its money.
async fn made_before(app: &App, payment: &payment::Model) -> Result<Option<SessionView>> {
    let mark = (METADATA_PAYMENT, payment.id.as_ref());
    let marked: Vec<SessionView> = app
        .stripe
        .on(&payment.charge_account)
        .marked(mark, |last| request::list(payment.created_at, last))
        .await?;
    // The oldest first: it can't be somebody's answer to ours.
    let fits = |session: &SessionView| {
        session.livemode == payment.livemode
            && session.currency.as_ref() == Some(&payment.currency)
            && session.amount_subtotal == Some(payment.amount_subtotal)
    };
    Ok(marked.into_iter().rev().find(fits))
}

/// Stripe has answered: the job that would repeat the request has nothing to do, and nothing is in doubt.
async fn answered(tx: &Tx, id: &PaymentId) -> Result<()> {
    let payment = id.clone();
    match jobs::settle(tx, &Job::CreateSession { payment }).await? {
        Settled::Unneeded => Ok(()),
        Settled::Otherwise => ledger::resolve(tx, "inconclusive", id.as_ref()).await,
    }
}

/// Stores the session's id, and wakes the events that came before it.
async fn attach(
    app: &App,
    id: &PaymentId,
    order: &OrderId,
    view: &SessionView,
) -> Result<payment::Model> {
    use payment::Column as C;
    let tx = app.db.begin_write().await?;
    let mut update = payment::Entity::update_many()
        .col_expr(C::StripeObject, Expr::value(view.id.clone()))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id.clone()))
        .filter(C::StripeObject.is_null());
    if let Some(at) = view.expires_at {
        update = update.col_expr(C::ExpiresAt, Expr::value(Timestamp::from_seconds(at)));
    }
    let attached = update.exec_with_returning(&tx).await?.pop();
    if attached.is_some() {
        orders::log(
            &tx,
            order,
            "session_created",
            json!({ "checkout_session": view.id }),
        )
        .await?;
        answered(&tx, id).await?;
        wake_deferred(&tx, &view.id).await?;
        if view.status.as_deref() != Some("open") {
            // Found when it was over: its events may have come and gone.
            let payment = id.clone();
            jobs::stage(&tx, &Job::RereadPayment { payment }).await?;
        }
    }
    tx.commit().await?;
    let payment = match attached {
        Some(payment) => Some(payment),
        None => by_session(&app.db.read, &view.id).await?,
    };
    payment
        .filter(|payment| payment.id == *id)
        .ok_or_else(|| Error::internal("a session belongs to another payment"))
}

/// Stages a retry of the events that wait for a session, if there are any.
async fn wake_deferred(tx: &Tx, session: &str) -> Result<()> {
    use inbox_event::Column as C;
    let waiting: Option<String> = inbox_event::Entity::find()
        .select_only()
        .column(C::Id)
        // As the index says it, word for word, so that SQLite sees that it will do.
        .filter(Expr::cust("state = 'deferred'"))
        .filter(C::WaitsFor.eq(session))
        .into_tuple()
        .one(tx)
        .await?;
    if waiting.is_some() {
        let waits_for = session.to_owned();
        jobs::stage(tx, &Job::RetryDeferred { waits_for }).await?;
    }
    Ok(())
}

/// Stripe said a definite no: there is no session, and there won't be one.
async fn refuse(app: &App, id: &PaymentId, message: &str) -> Result<()> {
    use payment::Column as C;
    let tx = app.db.begin_write().await?;
    let payment = locked(&tx, id).await?;
    let failed = payment::Entity::update_many()
        .col_expr(C::Status, Expr::value(PaymentStatus::Failed))
        .col_expr(C::Failure, Expr::value(message))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id.clone()))
        .filter(C::Status.eq(PaymentStatus::Pending))
        .filter(C::StripeObject.is_null())
        .exec(&tx)
        .await?;
    if failed.rows_affected == 1 {
        let order = super::order_of(&tx, &payment.id).await?;
        let data = json!({ "reason": message });
        orders::advance(
            &tx,
            &order.id,
            &[OrderStatus::Pending],
            OrderStatus::Failed,
            data,
        )
        .await?;
        answered(&tx, id).await?;
    }
    tx.commit().await
}

//! From lines to an open Checkout Session on the seller's account.

mod origin;
pub mod routes;
pub mod session;

use std::collections::HashMap;

use sea_orm::{EntityTrait, IntoActiveModel};
use serde::{Deserialize, Serialize};
use serde_json::json;
use souk_entity::order::{self, OrderStatus};
use souk_entity::payment::{self, CaptureMethod, ChargeType, PaymentKind, PaymentStatus};
use souk_entity::product::{self, ProductStatus};
use souk_entity::{
    AccountId, JsonText, Metadata, OrderId, PaymentId, ProductId, payment_order, seller,
};
use validator::Validate;

use crate::app::App;
use crate::catalog::promotions::redemptions::{self, GivenCode};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::http::{allowed_redirect, check_metadata, deserialize_some, json_objects};
use crate::identity::{self, Caller};
use crate::jobs::{self, Job};
use crate::money::FeeRule;
use crate::orders::{self, PricedLine};
use crate::stripe::requests::checkout::{self as request, NewSession, SessionLine};
use crate::stripe::{PreparedRequest, key_until};
use crate::{audit, catalog, ids, money, sellers};

use super::payments_of_order;
use origin::Origin;
use session::create_session;

/// How long a create request may go unanswered before its job repeats it.
const RETRY_AFTER_MS: i64 = 15_000;
/// Stripe's default, for a request without `expires_at`.
const DEFAULT_LIFETIME_MS: i64 = 24 * 3_600_000;
/// Stripe's minimum is half an hour from the moment it gets the request. A repeat may reach it some seconds later, so we
/// always ask for a minute more.
const MIN_LIFETIME_MS: i64 = 31 * 60_000;
/// The `metadata` name that carries our payment's id.
pub(super) const METADATA_PAYMENT: &str = "souk_payment";

/// A checkout as the API asks for it.
#[derive(Debug, Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewCheckout {
    /// Products of one seller in one currency.
    #[serde(deserialize_with = "json_objects")]
    #[validate(
        length(min = 1, max = 50, message = "lines has 1 to 50 lines."),
        nested
    )]
    pub lines: Vec<NewLine>,
    /// A guest's address; required without a login.
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(
        email(message = "customer_email is not a mail address."),
        length(max = 254, message = "customer_email is too long.")
    )]
    pub customer_email: Option<String>,
    /// The address after payment; by default our own page.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub success_url: Option<String>,
    /// The address for a buyer who gives up; by default our own page.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub cancel_url: Option<String>,
    /// A code of the seller's that is taken off, as the buyer types it.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub promotion_code: Option<String>,
    /// Whether promotion codes may be entered; by default they may, unless one is given here.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub allow_promotion_codes: Option<bool>,
    /// Seconds until the session expires; by default Stripe's 24 hours.
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(range(
        min = 1800,
        max = 86400,
        message = "expires_in is 1800 to 86400 seconds."
    ))]
    pub expires_in: Option<i64>,
    /// The caller's own data.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub metadata: Option<Metadata>,
    /// Where it is asked for, which no body says.
    #[serde(skip)]
    origin: Origin,
}

/// A line of a checkout.
#[derive(Debug, Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewLine {
    /// The product.
    pub product_id: ProductId,
    /// Pieces.
    #[validate(range(min = 1, max = 999, message = "quantity is 1 to 999."))]
    pub quantity: i64,
}

/// A checkout, open or over.
pub struct Checkout {
    /// Its payment, with the session's id.
    pub payment: payment::Model,
    /// Its order.
    pub order: order::Model,
    /// The hosted page; none once the session is no longer open.
    pub url: Option<String>,
    /// A guest's proof that the order is theirs.
    pub secret: Option<String>,
}

/// Opens a checkout for a buyer or a guest. A second call with the same id and `may_resume` goes on where the first one
/// stopped.
///
/// # Errors
/// Lines that can't be bought together or now, and Stripe's refusal. Without an answer from Stripe the payment stays
/// pending, and a job repeats the same request.
pub async fn open_checkout(
    app: &App,
    buyer: Option<&Caller>,
    id: OrderId,
    may_resume: bool,
    new: NewCheckout,
) -> Result<Checkout> {
    let placed = match may_resume {
        true => {
            order::Entity::find_by_id(id.clone())
                .one(&app.db.read)
                .await?
        }
        false => None,
    };
    let is_new = placed.is_none();
    let (order, payment) = match placed {
        None => place(app, buyer, id, new).await?,
        Some(order) => {
            let mut payments = payments_of_order(&app.db.read, &id).await?.into_iter();
            let first = payments.next();
            (
                order,
                first.ok_or_else(|| Error::internal("an order without a payment"))?,
            )
        }
    };
    let payment_id = payment.id.clone();
    let (payment, url) = match create_session(app, payment).await {
        Err(Error::AccessLost { account }) if is_new => {
            // Nothing was asked of Stripe before, so there is no session.
            let lost = Error::AccessLost { account };
            session::refuse_disconnected(app, &payment_id, &lost).await?;
            return Err(lost);
        }
        created => created.map_err(refused_request)?,
    };
    let secret = order
        .secret_hash
        .is_some()
        .then(|| identity::order_secret(app, &order.id));
    Ok(Checkout {
        payment,
        order,
        url,
        secret,
    })
}

/// A checkout with its prices, its fee and its addresses, from the database and the settings.
struct Priced {
    seller: seller::Model,
    account: AccountId,
    lines: Vec<PricedLine>,
    currency: String,
    /// Minor units.
    subtotal: i64,
    promotion: Option<GivenCode>,
    fee_rule: FeeRule,
    /// Minor units.
    application_fee: i64,
    email: String,
    success_url: String,
    cancel_url: String,
    allow_discounts: bool,
    /// None: Stripe's default.
    lifetime_ms: Option<i64>,
    metadata: Metadata,
    origin: Origin,
}

/// Prices the lines, builds the request, and stores both before anything is sent.
async fn place(
    app: &App,
    buyer: Option<&Caller>,
    id: OrderId,
    new: NewCheckout,
) -> Result<(order::Model, payment::Model)> {
    let priced = price(app, buyer, new).await?;
    let payment_id: PaymentId = ids::new(app.clock.now());
    let request = session_request(app, &priced, &id, &payment_id);
    let tx = app.db.begin_write().await?;
    let order = order_row(app, &tx, buyer, id, &priced);
    orders::place(&tx, &order, &priced.lines).await?;
    if let Some(code) = &priced.promotion {
        redemptions::hold(&tx, code).await?;
    }
    let payment = payment_row(app, &tx, payment_id.clone(), priced, &request)?;
    payment::Entity::insert(payment.clone().into_active_model())
        .exec_without_returning(&tx)
        .await?;
    let link = payment_order::Model {
        payment_id: payment_id.clone(),
        order_id: order.id.clone(),
        amount_subtotal: payment.amount_subtotal,
        amount_discount: None,
        amount_paid: None,
        amount_refunded: 0,
        application_fee: payment.application_fee,
    };
    payment_order::Entity::insert(link.into_active_model())
        .exec_without_returning(&tx)
        .await?;
    let repeat = Job::CreateSession {
        payment: payment_id,
    };
    jobs::stage_at(&tx, &repeat, tx.now().plus_ms(RETRY_AFTER_MS)).await?;
    let actor = buyer.map_or_else(|| "guest".to_owned(), Caller::principal);
    let data = json!({ "amount_subtotal": order.amount_subtotal });
    audit::record(&tx, &actor, "order.created", order.id.as_ref(), data).await?;
    tx.commit().await?;
    Ok((order, payment))
}

async fn price(app: &App, buyer: Option<&Caller>, new: NewCheckout) -> Result<Priced> {
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
    let (seller, account, lines) = price_lines(app, &new.lines).await?;
    let first = lines.first().map(|line| line.product.currency.clone());
    let currency = first.unwrap_or_default();
    let subtotal = lines
        .iter()
        .try_fold(0, |sum, line| money::add(sum, line.amount))?;
    let promotion = given_code(app, &new, &seller, (subtotal, &currency)).await?;
    let discount = promotion.as_ref().map_or(0, |code| code.discount);
    let total = money::sub(subtotal, discount)?;
    check_total(subtotal, total, &currency)?;
    let own_page = "/checkout/success?session_id={CHECKOUT_SESSION_ID}";
    let lifetime_ms = new
        .expires_in
        .map(|seconds| seconds.saturating_mul(1000).max(MIN_LIFETIME_MS));
    let fee_rule = sellers::fee_rule(&app.config.application_fee, &seller);
    Ok(Priced {
        application_fee: application_fee(app, &fee_rule, (subtotal, total), &currency)?,
        fee_rule,
        success_url: redirect(app, "success_url", new.success_url, own_page)?,
        cancel_url: redirect(app, "cancel_url", new.cancel_url, "/checkout/cancelled")?,
        // Stripe takes either a code or the field for one.
        allow_discounts: promotion.is_none() && new.allow_promotion_codes.unwrap_or(true),
        promotion,
        seller,
        account,
        lines,
        currency,
        subtotal,
        email,
        lifetime_ms,
        metadata,
        origin: new.origin,
    })
}

/// The code that the request names, which must be one of the seller's.
async fn given_code(
    app: &App,
    new: &NewCheckout,
    seller: &seller::Model,
    amount: (i64, &str),
) -> Result<Option<GivenCode>> {
    let Some(typed) = &new.promotion_code else {
        return Ok(None);
    };
    if new.allow_promotion_codes == Some(true) {
        return Err(Error::invalid(
            "promotion_code",
            "Give either promotion_code or allow_promotion_codes: Stripe takes one code.",
        ));
    }
    let code = redemptions::given(&app.db.read, (&seller.id, typed), amount, app.clock.now());
    code.await.map(Some)
}

/// The application fee that is asked for: of what the buyer is to pay by our reckoning, or of the subtotal, and then at most
/// what the buyer pays. Amounts in minor units.
fn application_fee(
    app: &App,
    rule: &FeeRule,
    (subtotal, total): (i64, i64),
    currency: &str,
) -> Result<i64> {
    let base = match app.config.application_fee_of_paid {
        true => total,
        false => subtotal,
    };
    Ok(rule.of(base, currency)?.min(total))
}

/// The request to Stripe. Every repeat sends the same bytes, as its key requires.
fn session_request(
    app: &App,
    priced: &Priced,
    order: &OrderId,
    payment: &PaymentId,
) -> PreparedRequest {
    let lines = priced.lines.iter().map(|line| SessionLine {
        name: &line.product.name,
        unit_amount: line.product.unit_amount,
        quantity: line.quantity,
    });
    let expires_at = |lifetime_ms| app.clock.now().plus_ms(lifetime_ms).seconds();
    let new = NewSession {
        currency: &priced.currency,
        lines: lines.collect(),
        application_fee: priced.application_fee,
        success_url: &priced.success_url,
        cancel_url: &priced.cancel_url,
        email: Some(&priced.email),
        expires_at: priced.lifetime_ms.map(expires_at),
        allow_promotion_codes: priced.allow_discounts,
        promotion_code: priced
            .promotion
            .as_ref()
            .map(|code| code.stripe_promotion_code.as_str()),
        metadata: HashMap::from([
            ("souk_order".to_owned(), order.to_string()),
            (METADATA_PAYMENT.to_owned(), payment.to_string()),
        ]),
        reference: order.as_ref(),
    };
    app.stripe
        .at(&priced.account)
        .prepare(&request::create(new))
}

fn order_row(
    app: &App,
    tx: &Tx,
    buyer: Option<&Caller>,
    id: OrderId,
    priced: &Priced,
) -> order::Model {
    let guest_secret = buyer
        .is_none()
        .then(|| ids::sha256_hex(identity::order_secret(app, &id).as_bytes()));
    order::Model {
        id,
        seller_id: priced.seller.id.clone(),
        buyer_id: buyer.map(|caller| caller.id().clone()),
        email: Some(priced.email.clone()),
        status: OrderStatus::Pending,
        livemode: app.stripe.livemode(),
        currency: priced.currency.clone(),
        amount_subtotal: priced.subtotal,
        secret_hash: guest_secret,
        refund_reason: None,
        paid_at: None,
        fulfilled_at: None,
        tracking_number: None,
        cancelled_at: None,
        cancel_reason: None,
        purchase_ip: priced.origin.ip.clone(),
        purchase_user_agent: priced.origin.user_agent.clone(),
        refund_policy: priced.seller.refund_policy.clone(),
        refund_policy_url: priced.seller.refund_policy_url.clone(),
        metadata: JsonText(priced.metadata.clone()),
        created_at: tx.now(),
        updated_at: tx.now(),
    }
}

fn payment_row(
    app: &App,
    tx: &Tx,
    id: PaymentId,
    priced: Priced,
    request: &PreparedRequest,
) -> Result<payment::Model> {
    let request = serde_json::to_string(request).map_err(|e| Error::internal(e.to_string()))?;
    let fixed = priced.fee_rule.fixed.get(&priced.currency).copied();
    let follows_paid = app.config.application_fee_of_paid;
    Ok(payment::Model {
        attempt: format!("session:{id}"),
        id,
        charge_account: priced.account,
        livemode: app.stripe.livemode(),
        kind: PaymentKind::Session,
        stripe_object: None,
        payment_intent: None,
        charge: None,
        status: PaymentStatus::Pending,
        currency: priced.currency,
        amount_subtotal: priced.subtotal,
        amount_discount: None,
        amount_paid: None,
        amount_refunded: 0,
        application_fee: priced.application_fee,
        fee_bps: follows_paid.then_some(priced.fee_rule.bps),
        fee_fixed: follows_paid.then_some(fixed.unwrap_or(0)),
        stripe_fee: None,
        fee_taken: None,
        fee_returned: None,
        allow_discounts: priced.allow_discounts,
        stripe_promotion_code: priced.promotion.map(|code| code.stripe_promotion_code),
        key_number: 1,
        key_until: key_until(tx.now()),
        request,
        success_url: Some(priced.success_url),
        cancel_url: Some(priced.cancel_url),
        expires_at: Some(
            tx.now()
                .plus_ms(priced.lifetime_ms.unwrap_or(DEFAULT_LIFETIME_MS)),
        ),
        charge_type: ChargeType::Direct,
        customer: None,
        subscription: None,
        capture_method: CaptureMethod::Automatic,
        amount_capturable: None,
        last_error: None,
        on_behalf_of: None,
        transfer_group: None,
        asked_at: None,
        failure: None,
        failure_code: None,
        paid_at: None,
        created_at: tx.now(),
        updated_at: tx.now(),
    })
}

/// Looks the products up and checks that they can be bought together now.
async fn price_lines(
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
        let (product, _) = found.ok_or_else(|| Error::no_such("product", param.clone()))?;
        lines.push(price_line(product, line, &lines, param)?);
    }
    let seller = products.into_iter().next().map(|(_, seller)| seller);
    let seller = seller.ok_or_else(|| Error::internal("a checkout without lines"))?;
    let account = sellers::charging_account(app, &seller)?.clone();
    Ok((seller, account, lines))
}

/// A line's price, if it can be bought together with those before it.
fn price_line(
    product: &product::Model,
    line: &NewLine,
    before: &[PricedLine],
    param: String,
) -> Result<PricedLine> {
    if let Some(first) = before.first() {
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
    let same = before.iter().filter(|line| line.product.id == product.id);
    let total_quantity = same
        .map(|line| line.quantity)
        .fold(line.quantity, i64::saturating_add);
    if let Some(left) = product.available.filter(|left| *left < total_quantity) {
        return Err(line_conflict(
            "sold_out",
            param,
            format!("Only {left} of {} are left.", product.name),
        ));
    }
    Ok(PricedLine {
        amount: money::times(product.unit_amount, line.quantity)?,
        product: product.clone(),
        quantity: line.quantity,
    })
}

fn line_conflict(code: &'static str, param: String, message: String) -> Error {
    Error::Conflict {
        code,
        param: Some(param),
        message,
    }
}

/// A first check: what is settled in another currency must convert to the smallest charge of that one, which only Stripe
/// knows. Nothing need be charged where a code takes all of it off.
fn check_total(subtotal: i64, total: i64, currency: &str) -> Result<()> {
    let Some(limits) = money::currency(currency) else {
        return Ok(());
    };
    if total > 0 && total < limits.smallest {
        let least = money::display(limits.smallest, currency);
        return Err(Error::invalid_with(
            "amount_too_small",
            match subtotal < limits.smallest {
                true => "lines",
                false => "promotion_code",
            },
            format!("Stripe takes no less than {least}."),
        ));
    }
    if total > limits.largest {
        let most = money::display(limits.largest, currency);
        return Err(Error::invalid_with(
            "amount_too_large",
            "lines",
            format!("Stripe takes no more than {most} at once."),
        ));
    }
    Ok(())
}

/// Stripe's refusal of a total or a promotion code, as our own check would say it. Other refusals stay as they are.
fn refused_request(error: Error) -> Error {
    let Error::StripeRefused(fault) = &error else {
        return error;
    };
    let (code, param) = match session::refusal_code(fault) {
        Some("amount_too_small") => ("amount_too_small", "lines"),
        Some("amount_too_large") => ("amount_too_large", "lines"),
        Some(session::CHARGES_UNSUPPORTED) => {
            return Error::conflict(
                session::CHARGES_UNSUPPORTED,
                format!(
                    "Stripe refuses this platform direct charges on this seller's account, which is of the legacy type Express or \
                     Custom (docs/charge-profiles.md): make the seller anew, or ask Stripe for an exemption. {error}"
                ),
            );
        }
        Some(session::PROMOTION_CODE_INVALID) => {
            (session::PROMOTION_CODE_INVALID, "promotion_code")
        }
        _ => return error,
    };
    Error::invalid_with(code, param, error.to_string())
}

/// The given address, if its origin is allowed, or our own page.
fn redirect(app: &App, param: &str, given: Option<String>, own: &str) -> Result<String> {
    match given {
        Some(given) => allowed_redirect(&app.config, param, given),
        None => Ok(app.config.page(own)),
    }
}

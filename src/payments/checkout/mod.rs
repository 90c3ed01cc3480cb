//! From lines to something that a buyer can pay by, on the seller's account. Here a Checkout Session; `payments/intents` for a
//! page of one's own.

pub mod codes;
pub mod object;
pub mod origin;
mod page;
pub(super) mod placing;
pub(super) mod pricing;
pub mod routes;
pub(super) mod subscribing;
pub(super) mod terms;

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, EntityTrait};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use souk_entity::payment::{self, CaptureMethod, PaymentKind, RedirectOnCompletion, UiMode};
use souk_entity::{Metadata, OrderId, PaymentId, PriceId, ProductId, Timestamp, order};
use validator::Validate;

use crate::app::App;
use crate::catalog::promotions::redemptions::{self, GivenCode, Purchase};
use crate::error::{Error, Result};
use crate::http::{deserialize_some, json_objects, some_json_object};
use crate::identity::{self, Buyer};
use crate::stripe::requests::checkout::{self as request, NewSession, SessionLine};
use crate::{ids, money};

use super::payments_of_order;
use super::saved_cards::{self, Chosen, Wish};
use object::{Made, NextAction, SecretOf};
use origin::Origin;
use placing::NewPayment;
use pricing::{Basket, NewBasket, NewLine};
use terms::{PaymentMethodCollection, ProrationBehavior, Terms, TrialSettings};

/// Stripe's minimum is half an hour from the moment it gets the request. A repeat may reach it some seconds later, so we
/// always ask for a minute more.
const MIN_LIFETIME_MS: i64 = 31 * 60_000;
/// The `metadata` name that carries our payment's id.
pub(super) const METADATA_PAYMENT: &str = "souk_payment";
/// The `metadata` name that tells an intent of its own from a session's, which carries the session's other marks.
pub(super) const METADATA_OBJECT: &str = "souk_object";
/// What stands under it.
pub(super) const OWN_INTENT: &str = "payment_intent";

/// A checkout as the API asks for it.
#[derive(Debug, Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewCheckout {
    /// Whether it is paid once; by default it is.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub mode: Option<CheckoutMode>,
    /// Products, or recurring prices, of one seller in one currency.
    #[serde(deserialize_with = "json_objects")]
    #[validate(
        length(min = 1, max = 50, message = "lines has 1 to 50 lines."),
        nested
    )]
    pub lines: Vec<CheckoutLine>,
    /// A guest's address; required without a login.
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(
        email(message = "customer_email is not a mail address."),
        length(max = 254, message = "customer_email is too long.")
    )]
    pub customer_email: Option<String>,
    /// Where the buyer pays; by default on Stripe's own page.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub ui_mode: Option<UiMode>,
    /// Of `hosted_page`: the address after payment; by default our own page.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub success_url: Option<String>,
    /// Of `hosted_page`: the address for a buyer who gives up; by default our own page.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub cancel_url: Option<String>,
    /// Of the other modes: the address after payment, or after a bank's page; by default our own page.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub return_url: Option<String>,
    /// Of `embedded_page`: whether a buyer who has paid is sent to `return_url`; by default always.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub redirect_on_completion: Option<RedirectOnCompletion>,
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
    /// `manual`: the money is held until the seller captures it.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub capture_method: Option<CaptureChoice>,
    /// Whether to save the card that pays it, for payments at which the buyer is there.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub save_payment_method: Option<bool>,
    /// Of `mode=subscription`: whether a card is asked for where nothing is to be paid now; by default it is.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub payment_method_collection: Option<PaymentMethodCollection>,
    /// Of `mode=subscription`: what becomes of a trial that ends without a card.
    #[serde(default, deserialize_with = "some_json_object")]
    pub trial_settings: Option<TrialSettings>,
    /// Of `mode=subscription`: when the first whole period begins.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub billing_cycle_anchor: Option<Timestamp>,
    /// Of `mode=subscription`: what the time before that costs.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub proration_behavior: Option<ProrationBehavior>,
    /// Of `mode=subscription`: whether a product may be subscribed to once more by whoever has a subscription to it.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub allow_another_subscription: Option<bool>,
    /// The caller's own data.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub metadata: Option<Metadata>,
    /// Where it is asked for, which no body says.
    #[serde(skip)]
    origin: Origin,
}

impl NewCheckout {
    fn terms(&self) -> Terms<'_> {
        Terms {
            trial_settings: self.trial_settings.as_ref(),
            billing_cycle_anchor: self.billing_cycle_anchor,
            billing_cycle_anchor_config: None,
            proration_behavior: self.proration_behavior,
        }
    }

    /// Refuses what only a subscription has.
    fn check_paid_once(&self) -> Result<()> {
        if self.payment_method_collection.is_some() {
            return Err(terms::only_for_subscriptions("payment_method_collection"));
        }
        if self.allow_another_subscription.is_some() {
            return Err(terms::only_for_subscriptions("allow_another_subscription"));
        }
        self.terms().check_none()
    }
}

/// How often a checkout is paid (docs.stripe.com/api/checkout/sessions/create#create_checkout_session-mode).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckoutMode {
    /// Once.
    #[default]
    Payment,
    /// Each period, until it is cancelled.
    Subscription,
}

/// A line of a checkout: a product of `mode=payment`, or a recurring price of `mode=subscription`.
#[derive(Debug, Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct CheckoutLine {
    #[serde(default, deserialize_with = "deserialize_some")]
    pub product_id: Option<ProductId>,
    #[serde(default, deserialize_with = "deserialize_some")]
    pub price_id: Option<PriceId>,
    /// Pieces.
    #[validate(range(min = 1, max = 999_999, message = "quantity is at least 1."))]
    pub quantity: i64,
}

/// The lines of a checkout that is paid once.
///
/// # Errors
/// A line that names a recurring price, or too many pieces.
fn paid_once(lines: Vec<CheckoutLine>) -> Result<Vec<NewLine>> {
    let line = |(line, at): (CheckoutLine, i32)| {
        if line.price_id.is_some() {
            return Err(Error::invalid(
                format!("lines[{at}].price_id"),
                "A recurring price is for mode subscription.",
            ));
        }
        let product_id = line.product_id.ok_or_else(|| {
            Error::invalid(
                format!("lines[{at}].product_id"),
                "A line names its product: product_id.",
            )
        })?;
        let new = NewLine {
            product_id,
            quantity: line.quantity,
        };
        match new.validate() {
            Ok(()) => Ok(new),
            Err(_) => Err(Error::invalid(
                format!("lines[{at}].quantity"),
                "quantity is 1 to 999.",
            )),
        }
    };
    lines.into_iter().zip(0..).map(line).collect()
}

/// When the money is taken, as the API asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptureChoice {
    /// As soon as the buyer's bank has authorized it.
    Automatic,
    /// When the seller asks for it.
    Manual,
}

impl CaptureChoice {
    /// As it is stored. Without a choice it is taken at once.
    pub(super) fn method(choice: Option<Self>) -> CaptureMethod {
        match choice {
            Some(Self::Manual) => CaptureMethod::Manual,
            Some(Self::Automatic) | None => CaptureMethod::Automatic,
        }
    }
}

/// How a payment's money is taken, as the API shows it.
pub(super) fn capture_method(method: CaptureMethod) -> &'static str {
    match method {
        CaptureMethod::Manual => "manual",
        CaptureMethod::Automatic | CaptureMethod::AutomaticAsync => "automatic",
    }
}

/// A checkout, open or over.
pub struct Checkout {
    /// Its payment, with the id of its Stripe object.
    pub payment: payment::Model,
    /// Its order.
    pub order: order::Model,
    /// A session's hosted page; none once it is no longer open.
    pub url: Option<String>,
    /// For Stripe.js: an intent's, or that of a session in a page of one's own; none once it is no longer open.
    pub client_secret: Option<SecretString>,
    /// Of a subscription: what that is of.
    pub secret_of: Option<SecretOf>,
    /// Of an open intent: what the buyer has to do.
    pub next_action: Option<NextAction>,
    /// A guest's proof that the order is theirs.
    pub secret: Option<String>,
}

impl Checkout {
    /// One of which Stripe was asked nothing, so that nobody can pay by it.
    pub(super) fn as_stored(payment: payment::Model, order: order::Model) -> Self {
        Self {
            payment,
            order,
            url: None,
            client_secret: None,
            secret_of: None,
            next_action: None,
            secret: None,
        }
    }
}

/// Opens a Checkout Session for a buyer or a guest. A second call with the same id and `may_resume` goes on where the first
/// one stopped.
///
/// # Errors
/// Lines that can't be bought together or now, and Stripe's refusal. Without an answer from Stripe the payment stays
/// pending, and a job repeats the same request.
pub async fn open_checkout(
    app: &App,
    buyer: Option<&Buyer>,
    id: OrderId,
    may_resume: bool,
    new: NewCheckout,
) -> Result<Checkout> {
    match placed(&app.db.read, &id, may_resume).await? {
        Some((order, payment)) => resume(app, order, payment).await,
        None => {
            let (basket, session) = match new.mode.unwrap_or_default() {
                CheckoutMode::Payment => session(app, buyer, &id, new).await?,
                CheckoutMode::Subscription => subscribing::session(app, buyer, &id, new).await?,
            };
            let actor = identity::actor(buyer.and_then(Buyer::user));
            let (order, payment) = placing::place(app, &actor, id, basket, session).await?;
            begin(app, order, payment).await
        }
    }
}

/// Whose keys a buyer's are. Guests have no id, so a guest's key counts together with the e-mail: nobody gets another guest's
/// secret.
pub(super) fn idempotency_principal(buyer: Option<&Buyer>, email: Option<&str>) -> String {
    match buyer {
        Some(buyer) => buyer.principal(),
        None => format!("guest:{}", email.unwrap_or_default()),
    }
}

/// What an earlier request has placed under this id.
///
/// # Errors
/// The database failed.
pub(super) async fn placed<C: ConnectionTrait>(
    db: &C,
    id: &OrderId,
    may_resume: bool,
) -> Result<Option<(order::Model, payment::Model)>> {
    if !may_resume {
        return Ok(None);
    }
    let Some(order) = order::Entity::find_by_id(id.clone()).one(db).await? else {
        return Ok(None);
    };
    let mut payments = payments_of_order(db, id).await?.into_iter();
    let first = payments.next();
    let first = first.ok_or_else(|| Error::internal("an order without a payment"))?;
    Ok(Some((order, first)))
}

/// Has the object of a payment made that was placed just now.
///
/// # Errors
/// Stripe's refusal, or no answer.
pub(super) async fn begin(
    app: &App,
    order: order::Model,
    payment: payment::Model,
) -> Result<Checkout> {
    let id = payment.id.clone();
    match resume(app, order, payment).await {
        Err(Error::AccessLost { account }) => {
            // Nothing was asked of Stripe before, so there is no object.
            let lost = Error::AccessLost { account };
            object::refuse_disconnected(app, &id, &lost).await?;
            Err(lost)
        }
        begun => begun,
    }
}

/// Makes sure that the payment's object exists.
///
/// # Errors
/// Stripe's refusal, or no answer.
pub(super) async fn resume(
    app: &App,
    order: order::Model,
    payment: payment::Model,
) -> Result<Checkout> {
    let (payment, made) = object::create(app, payment)
        .await
        .map_err(refused_request)?;
    let Made {
        url,
        client_secret,
        secret_of,
        next_action,
    } = made;
    let is_guest = order.secret_hash.is_some();
    let secret = is_guest.then(|| identity::order_secret(app, &order.id));
    Ok(Checkout {
        payment,
        order,
        url,
        client_secret,
        secret_of,
        next_action,
        secret,
    })
}

/// Prices a session, and prepares its request.
async fn session(
    app: &App,
    buyer: Option<&Buyer>,
    order: &OrderId,
    new: NewCheckout,
) -> Result<(Basket, NewPayment)> {
    let capture_method = CaptureChoice::method(new.capture_method);
    new.check_paid_once()?;
    // A guest's token is of the address that they give, or refused.
    let is_own_address =
        new.customer_email.is_none() || buyer.is_some_and(|buyer| buyer.user().is_none());
    let id: PaymentId = ids::new(app.clock.now());
    let page = page::of(app, &new, &id)?;
    let wanted = NewBasket {
        lines: paid_once(new.lines)?,
        customer_email: new.customer_email,
        metadata: new.metadata,
        origin: new.origin,
    };
    let basket = pricing::price(app, buyer, wanted).await?;
    let promotion = match &new.promotion_code {
        Some(typed) => Some(given_code(app, typed, new.allow_promotion_codes, &basket).await?),
        None => None,
    };
    let discount = promotion.as_ref().map_or(0, |code| code.discount);
    let total = money::sub(basket.subtotal, discount)?;
    basket.check_total(total)?;
    let application_fee = basket.application_fee(app, total)?;
    let lifetime_ms = new
        .expires_in
        .map(|seconds| seconds.saturating_mul(1000).max(MIN_LIFETIME_MS));
    // Stripe takes either a code or the field for one.
    let allow_discounts = promotion.is_none() && new.allow_promotion_codes.unwrap_or(true);
    let saves = new.save_payment_method.unwrap_or(false);
    let chosen = payer(app, buyer, &basket, (is_own_address, saves)).await?;
    let expires_at = |lifetime_ms| app.clock.now().plus_ms(lifetime_ms).seconds();
    let new = NewSession {
        currency: &basket.currency,
        lines: session_lines(&basket),
        application_fee,
        allowed_types: basket.allowed_types(),
        is_manual: capture_method == CaptureMethod::Manual,
        page: &page.at_stripe,
        email: Some(basket.email.as_str()).filter(|_| chosen.customer.is_none()),
        customer: chosen.customer.as_deref(),
        saves,
        expires_at: lifetime_ms.map(expires_at),
        allow_promotion_codes: allow_discounts,
        promotion_code: promotion
            .as_ref()
            .map(|code| code.stripe_promotion_code.as_str()),
        metadata: marks(order, &id),
        reference: order.as_ref(),
    };
    let scope = app.stripe.at(&basket.account);
    let request = scope.prepare(&request::create(new));
    let payment = NewPayment {
        id,
        kind: PaymentKind::Session,
        request,
        application_fee,
        fee_follows_paid: app.config.application_fee_of_paid,
        promotion,
        allow_discounts,
        page: page.kept,
        customer: chosen.customer,
        lifetime_ms,
        capture_method,
        is_prorated: false,
    };
    Ok((basket, payment))
}

/// Whose session it is at Stripe. Where the receipt goes elsewhere, it is nobody's: Stripe takes either an address or a customer.
async fn payer(
    app: &App,
    buyer: Option<&Buyer>,
    basket: &Basket,
    (is_own_address, saves): (bool, bool),
) -> Result<Chosen> {
    let wish = Wish {
        payment_method: None,
        saves,
    };
    if buyer.is_some() && saves && !is_own_address {
        return Err(Error::invalid(
            "customer_email",
            "A card is saved for you alone: leave customer_email out, or don't save the card.",
        ));
    }
    let payer = buyer.filter(|_| is_own_address);
    saved_cards::choose(app, payer, &basket.account, wish).await
}

/// Our marks on a payment's object. They are only a hint, never an authority.
pub(super) fn marks(order: &OrderId, payment: &PaymentId) -> HashMap<String, String> {
    HashMap::from([
        ("souk_order".to_owned(), order.to_string()),
        (METADATA_PAYMENT.to_owned(), payment.to_string()),
    ])
}

fn session_lines(basket: &Basket) -> Vec<SessionLine<'_>> {
    let lines = basket.lines.iter().map(|line| SessionLine {
        name: &line.product.name,
        unit_amount: line.unit_amount,
        quantity: line.quantity,
    });
    lines.collect()
}

/// The code that the request names, which must be one of the seller's.
async fn given_code(
    app: &App,
    typed: &str,
    allow_promotion_codes: Option<bool>,
    basket: &Basket,
) -> Result<GivenCode> {
    if allow_promotion_codes == Some(true) {
        return Err(Error::invalid(
            "promotion_code",
            "Give either promotion_code or allow_promotion_codes: Stripe takes one code.",
        ));
    }
    let purchase = Purchase {
        seller: &basket.seller.id,
        buyer: basket.buyer.as_ref(),
        subtotal: basket.subtotal,
        currency: &basket.currency,
    };
    redemptions::given(&app.db.read, typed, purchase, app.clock.now()).await
}

/// Stripe's refusal of a total or a promotion code, as our own check would say it. Other refusals stay as they are.
fn refused_request(error: Error) -> Error {
    let Error::StripeRefused(fault) = &error else {
        return error;
    };
    let (code, param) = match object::refusal_code(fault) {
        Some("amount_too_small") => ("amount_too_small", "lines"),
        Some("amount_too_large") => ("amount_too_large", "lines"),
        Some(object::CHARGES_UNSUPPORTED) => {
            return Error::conflict(
                object::CHARGES_UNSUPPORTED,
                format!(
                    "Stripe refuses this platform direct charges on this seller's account, which is of the legacy type Express or \
                     Custom (docs/charge-profiles.md): make the seller anew, or ask Stripe for an exemption. {error}"
                ),
            );
        }
        Some(object::PROMOTION_CODE_INVALID) => (object::PROMOTION_CODE_INVALID, "promotion_code"),
        // Stripe alone knows how late it may be.
        _ if fault
            .param
            .as_deref()
            .is_some_and(|param| param.contains("billing_cycle_anchor")) =>
        {
            ("invalid_request", "billing_cycle_anchor")
        }
        _ => return error,
    };
    Error::invalid_with(code, param, error.to_string())
}

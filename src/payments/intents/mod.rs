//! Payment intents (docs.stripe.com/api/payment_intents), for a page of one's own: an order is paid by an intent on the seller's
//! account, and confirmed by the one confirm.

mod confirmation;
pub mod declines;
pub mod routes;

use serde::{Deserialize, Serialize};
use souk_entity::payment::{self, CaptureMethod, PaymentKind, PaymentStatus};
use souk_entity::{Metadata, OrderId, PaymentId, order};
use validator::Validate;

use crate::app::App;
use crate::audit;
use crate::error::{Error, Result};
use crate::http::{deserialize_some, json_objects};
use crate::identity::{self, Buyer};
use crate::ids;
use crate::orders::OrderAccess;
use crate::stripe::requests::checkout::SessionPage;
use crate::stripe::requests::intents::{self as request, NewIntent};

use super::checkout::origin::Origin;
use super::checkout::placing::{self, NewPayment};
use super::checkout::pricing::{self, Basket, NewBasket, NewLine};
use super::checkout::{self, CaptureChoice, Checkout, METADATA_OBJECT, OWN_INTENT};
use super::saved_cards::{self, Wish};
use super::{capture, closing, find};

/// An intent as the API asks for it.
#[derive(Debug, Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewPaymentIntent {
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
    /// `manual`: the money is held until the seller captures it.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub capture_method: Option<CaptureChoice>,
    /// A card that the buyer has saved with the seller.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub payment_method: Option<String>,
    /// Whether to save the card that pays it, for payments at which the buyer is there.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub save_payment_method: Option<bool>,
    /// What the buyer entered on the page, to be confirmed with at once.
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(length(
        min = 1,
        max = 200,
        message = "confirmation_token has 1 to 200 characters."
    ))]
    pub confirmation_token: Option<String>,
    /// Where the buyer goes in the end, and after a page of the bank's or of the method's; by default our own page.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub return_url: Option<String>,
    /// The caller's own data.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub metadata: Option<Metadata>,
    /// Where it is asked for, which no body says.
    #[serde(skip)]
    origin: Origin,
}

/// Opens an intent for a buyer or a guest, and confirms it where a token is given. A second call with the same id and
/// `may_resume` goes on where the first one stopped.
///
/// # Errors
/// Lines that can't be bought together or now, and Stripe's refusal. Without an answer from Stripe the payment stays
/// pending, and a job repeats the same request.
pub async fn open(
    app: &App,
    buyer: Option<&Buyer>,
    id: OrderId,
    may_resume: bool,
    mut new: NewPaymentIntent,
) -> Result<Checkout> {
    let Some(token) = new.confirmation_token.take() else {
        return create(app, buyer, id, may_resume, new).await;
    };
    if new.payment_method.is_some() {
        let why = "Give a confirmation_token or a payment_method, not both.";
        return Err(Error::invalid("confirmation_token", why));
    }
    let opened = create(app, buyer, id, may_resume, new).await?;
    confirmation::confirm_opened(app, opened, &token).await
}

async fn create(
    app: &App,
    buyer: Option<&Buyer>,
    id: OrderId,
    may_resume: bool,
    new: NewPaymentIntent,
) -> Result<Checkout> {
    if let Some((order, payment)) = checkout::placed(&app.db.read, &id, may_resume).await? {
        return checkout::resume(app, order, payment).await;
    }
    let return_url = confirmation::checked(app, new.return_url)?;
    let wanted = NewBasket {
        lines: new.lines,
        customer_email: new.customer_email,
        metadata: new.metadata,
        origin: new.origin,
    };
    let basket = pricing::price(app, buyer, wanted).await?;
    basket.check_total(basket.subtotal)?;
    let saves = new.save_payment_method.unwrap_or(false);
    let payment_method = new.payment_method.as_deref();
    let wish = Wish {
        payment_method,
        saves,
    };
    let chosen = saved_cards::choose(app, buyer, &basket.account, wish).await?;
    let terms = Terms {
        customer: chosen.customer,
        payment_method: chosen.payment_method,
        saves,
        capture_method: CaptureChoice::method(new.capture_method),
        return_url,
        lifetime_ms: None,
    };
    let actor = identity::actor(buyer.and_then(Buyer::user));
    let (order, payment) = place(app, &actor, id, basket, terms).await?;
    checkout::begin(app, order, payment).await
}

/// How a basket is to be paid by an intent of its own.
pub(super) struct Terms {
    /// Stripe's customer.
    pub customer: Option<String>,
    /// One of their saved cards.
    pub payment_method: Option<String>,
    /// Whether the card that pays is saved.
    pub saves: bool,
    /// Whether the seller captures the money later.
    pub capture_method: CaptureMethod,
    /// Where the buyer goes in the end.
    pub return_url: Option<String>,
    /// None: 24 hours.
    pub lifetime_ms: Option<i64>,
}

/// Writes an order, its payment and the request of its intent down. `actor` asks for it, who need not be the buyer.
///
/// # Errors
/// A fee that doesn't fit, or the database failed.
pub(super) async fn place(
    app: &App,
    actor: &str,
    id: OrderId,
    basket: Basket,
    terms: Terms,
) -> Result<(order::Model, payment::Model)> {
    let amount = basket.subtotal;
    let payment: PaymentId = ids::new(app.clock.now());
    let application_fee = basket.application_fee(app, amount)?;
    let description = format!("Order {id}");
    let mut marks = checkout::marks(&id, &payment);
    marks.insert(METADATA_OBJECT.to_owned(), OWN_INTENT.to_owned());
    let request = request::create(NewIntent {
        amount,
        currency: &basket.currency,
        application_fee,
        description: &description,
        email: &basket.email,
        allowed_types: basket.allowed_types(),
        is_manual: terms.capture_method == CaptureMethod::Manual,
        metadata: marks,
        customer: terms.customer.as_deref(),
        payment_method: terms.payment_method.as_deref(),
        saves: terms.saves,
    });
    let new = NewPayment {
        id: payment,
        kind: PaymentKind::Intent,
        request: app.stripe.at(&basket.account).prepare(&request),
        application_fee,
        fee_follows_paid: app.config.application_fee_of_paid,
        promotion: None,
        allow_discounts: false,
        page: SessionPage {
            return_url: terms.return_url,
            ..SessionPage::default()
        },
        customer: terms.customer,
        lifetime_ms: terms.lifetime_ms,
        capture_method: terms.capture_method,
        is_prorated: false,
    };
    placing::place(app, actor, id, basket, new).await
}

/// Cancels an intent at Stripe, which releases what is held. What was paid meanwhile is confirmed instead.
///
/// # Errors
/// 403 for a buyer whose money is held; `capture_in_progress`, `payment_intent_not_open`, or no answer from Stripe.
pub async fn cancel(
    app: &App,
    payment: &payment::Model,
    access: &OrderAccess,
) -> Result<payment::Model> {
    match payment.status {
        PaymentStatus::Pending => {}
        PaymentStatus::Authorized if payment.capture_amount.is_some() => {
            return Err(capture::in_progress());
        }
        PaymentStatus::Authorized => capture::only_for_sellers(access)?,
        _ => return Err(not_open()),
    }
    closing::close(app, payment).await?;
    let payment = find(app, &payment.id).await?;
    if payment.status != PaymentStatus::Canceled {
        return Err(not_open());
    }
    let tx = app.db.begin_write().await?;
    let data = serde_json::json!({});
    audit::record(
        &tx,
        &access.actor,
        "payment_intent.canceled",
        payment.id.as_ref(),
        data,
    )
    .await?;
    tx.commit().await?;
    Ok(payment)
}

fn not_open() -> Error {
    Error::conflict(
        "payment_intent_not_open",
        "This payment intent can't be canceled any more: it was paid, is being paid, or has ended.",
    )
}

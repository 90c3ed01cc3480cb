//! Writes an order and its payment down, with the exact request to Stripe, before anything is sent.

use sea_orm::{ActiveEnum, EntityTrait, IntoActiveModel};
use serde_json::json;
use souk_entity::order::{self, OrderStatus};
use souk_entity::payment::{self, CaptureMethod, ChargeType, PaymentKind, PaymentStatus};
use souk_entity::{JsonText, OrderId, PaymentId, payment_order};

use crate::app::App;
use crate::catalog::promotions::redemptions::{self, GivenCode};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::identity;
use crate::jobs::{self, Job};
use crate::stripe::requests::checkout::SessionPage;
use crate::stripe::{PreparedRequest, key_until};
use crate::{audit, ids, orders};

use super::pricing::Basket;

/// How long a create request may go unanswered before its job repeats it.
const RETRY_AFTER_MS: i64 = 15_000;
/// How long a buyer has, unless the request says otherwise: Stripe's default for a session.
const DEFAULT_LIFETIME_MS: i64 = 24 * 3_600_000;

/// How a basket is to be paid.
pub struct NewPayment {
    pub id: PaymentId,
    pub kind: PaymentKind,
    /// Every repeat sends the same bytes, as its key requires.
    pub request: PreparedRequest,
    /// Minor units.
    pub application_fee: i64,
    /// Whether the fee is a share of what is paid, not of what was asked for.
    pub fee_follows_paid: bool,
    /// The code that is taken off.
    pub promotion: Option<GivenCode>,
    /// Whether codes may be entered on Stripe's page.
    pub allow_discounts: bool,
    /// Of a session.
    pub page: SessionPage,
    /// Stripe's customer.
    pub customer: Option<String>,
    /// None: 24 hours.
    pub lifetime_ms: Option<i64>,
    /// Whether the seller captures the money later.
    pub capture_method: CaptureMethod,
    /// Whether Stripe reckons what a part of the first period costs: then it may ask for less than the basket comes to.
    pub is_prorated: bool,
}

/// Writes the order and its payment down, and stages the job that repeats the request if nobody answers it. `actor` asks for
/// it, who need not be the buyer.
///
/// # Errors
/// The database failed, or the promotion code has been used up since.
pub async fn place(
    app: &App,
    actor: &str,
    id: OrderId,
    basket: Basket,
    new: NewPayment,
) -> Result<(order::Model, payment::Model)> {
    let tx = app.db.begin_write().await?;
    let order = order_row(app, &tx, id, &basket);
    orders::place(&tx, &order, &basket.lines).await?;
    if let Some(code) = &new.promotion {
        redemptions::hold(&tx, code).await?;
    }
    let payment = payment_row(app, &tx, basket, new)?;
    payment::Entity::insert(payment.clone().into_active_model())
        .exec_without_returning(&tx)
        .await?;
    let link = payment_order::Model {
        payment_id: payment.id.clone(),
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
        payment: payment.id.clone(),
    };
    jobs::stage_at(&tx, &repeat, tx.now().plus_ms(RETRY_AFTER_MS)).await?;
    let data = json!({ "amount_subtotal": order.amount_subtotal });
    audit::record(&tx, actor, "order.created", order.id.as_ref(), data).await?;
    tx.commit().await?;
    Ok((order, payment))
}

fn order_row(app: &App, tx: &Tx, id: OrderId, basket: &Basket) -> order::Model {
    let guest_secret = basket
        .buyer
        .is_none()
        .then(|| ids::sha256_hex(identity::order_secret(app, &id).as_bytes()));
    order::Model {
        id,
        seller_id: basket.seller.id.clone(),
        buyer_id: basket.buyer.clone(),
        email: Some(basket.email.clone()),
        status: OrderStatus::Pending,
        livemode: app.stripe.livemode(),
        currency: basket.currency.clone(),
        amount_subtotal: basket.subtotal,
        secret_hash: guest_secret,
        refund_reason: None,
        paid_at: None,
        fulfilled_at: None,
        tracking_number: None,
        cancelled_at: None,
        cancel_reason: None,
        purchase_ip: basket.origin.ip.clone(),
        purchase_user_agent: basket.origin.user_agent.clone(),
        refund_policy: basket.seller.refund_policy.clone(),
        refund_policy_url: basket.seller.refund_policy_url.clone(),
        metadata: JsonText(basket.metadata.clone()),
        created_at: tx.now(),
        updated_at: tx.now(),
    }
}

fn payment_row(app: &App, tx: &Tx, basket: Basket, new: NewPayment) -> Result<payment::Model> {
    let request =
        serde_json::to_string(&new.request).map_err(|e| Error::internal(e.to_string()))?;
    let fixed = basket.fee_rule.fixed.get(&basket.currency).copied();
    let follows_paid = new.fee_follows_paid;
    Ok(payment::Model {
        attempt: format!("{}:{}", new.kind.to_value(), new.id),
        id: new.id,
        charge_account: basket.account,
        livemode: app.stripe.livemode(),
        kind: new.kind,
        stripe_object: None,
        payment_intent: None,
        charge: None,
        status: PaymentStatus::Pending,
        currency: basket.currency,
        amount_subtotal: basket.subtotal,
        prorated_least: new.is_prorated.then_some(0),
        prorated_most: new.is_prorated.then_some(basket.subtotal),
        amount_discount: None,
        amount_paid: None,
        amount_refunded: 0,
        application_fee: new.application_fee,
        fee_bps: follows_paid.then_some(basket.fee_rule.bps),
        fee_fixed: follows_paid.then_some(fixed.unwrap_or(0)),
        stripe_fee: None,
        fee_taken: None,
        fee_returned: None,
        allow_discounts: new.allow_discounts,
        stripe_promotion_code: new.promotion.map(|code| code.stripe_promotion_code),
        key_number: 1,
        key_until: key_until(tx.now()),
        request,
        success_url: new.page.success_url,
        cancel_url: new.page.cancel_url,
        ui_mode: new.page.ui_mode,
        return_url: new.page.return_url,
        redirect_on_completion: new.page.redirect_on_completion,
        expires_at: Some(
            tx.now()
                .plus_ms(new.lifetime_ms.unwrap_or(DEFAULT_LIFETIME_MS)),
        ),
        charge_type: ChargeType::Direct,
        customer: new.customer,
        subscription: None,
        stripe_invoice: None,
        capture_method: new.capture_method,
        amount_capturable: None,
        capture_before: None,
        capture_amount: None,
        capture_refusal: None,
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

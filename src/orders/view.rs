//! An order as the API shows it.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::Serialize;
use souk_entity::order::{self, OrderStatus};
use souk_entity::payment::{self, PaymentStatus};
use souk_entity::{
    Metadata, OrderId, OrderLineId, PaymentId, ProductId, SellerId, Timestamp, UserId, dispute,
    order_line, payment_order,
};

use crate::catalog::LineMovements;
use crate::error::Result;
use crate::money;

use super::shipments::{ShipmentView, ShipmentsOfOrders};

/// An order as the API shows it. Amounts are in minor units.
#[derive(Clone, Debug, Serialize)]
pub struct OrderView {
    id: OrderId,
    object: &'static str,
    seller_id: SellerId,
    buyer_id: Option<UserId>,
    email: Option<String>,
    status: OrderStatus,
    currency: String,
    amount_subtotal: i64,
    amount_discount: Option<i64>,
    amount_total: Option<i64>,
    amount_refunded: i64,
    application_fee_amount: i64,
    lines: Vec<LineView>,
    shipments: Vec<ShipmentView>,
    disputes: Vec<DisputeView>,
    authorization: Option<AuthorizationView>,
    fulfilled_at: Option<Timestamp>,
    tracking_number: Option<String>,
    paid_at: Option<Timestamp>,
    cancelled_at: Option<Timestamp>,
    cancel_reason: Option<String>,
    refund_reason: Option<String>,
    livemode: bool,
    metadata: Metadata,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Clone, Debug, Serialize)]
struct LineView {
    id: OrderLineId,
    object: &'static str,
    product_id: ProductId,
    name: String,
    unit_amount: i64,
    quantity: i64,
    quantity_shipped: i64,
    quantity_returned: i64,
    amount: i64,
}

impl LineView {
    fn of(
        line: order_line::Model,
        movements: &LineMovements,
        shipments: &ShipmentsOfOrders,
    ) -> Result<Self> {
        Ok(Self {
            object: "order_line",
            quantity_shipped: shipments.sent(&line.id)?,
            quantity_returned: movements.returned(&line.id)?,
            id: line.id,
            product_id: line.product_id,
            name: line.name,
            unit_amount: line.unit_amount,
            quantity: line.quantity,
            amount: line.amount,
        })
    }
}

/// A dispute of one of the order's payments.
#[derive(Clone, Debug, Serialize)]
struct DisputeView {
    id: String,
    object: &'static str,
    amount: i64,
    currency: String,
    reason: String,
    status: String,
    is_charge_refundable: bool,
    evidence_due_by: Option<Timestamp>,
    created_at: Timestamp,
}

impl From<dispute::Model> for DisputeView {
    fn from(row: dispute::Model) -> Self {
        Self {
            id: row.id,
            object: "dispute",
            amount: row.amount,
            currency: row.currency,
            reason: row.reason,
            status: row.status,
            is_charge_refundable: row.is_charge_refundable,
            evidence_due_by: row.evidence_due_by,
            created_at: row.stripe_created,
        }
    }
}

/// The money of the order's payment, which is held until the seller captures it.
#[derive(Clone, Debug, Serialize)]
struct AuthorizationView {
    payment_intent: Option<String>,
    amount_capturable: Option<i64>,
    capture_before: Option<Timestamp>,
    /// What is being captured.
    capture_amount: Option<i64>,
    /// Why Stripe refused the last capture.
    capture_refusal: Option<String>,
}

impl AuthorizationView {
    fn of(payment: &payment::Model) -> Self {
        Self {
            payment_intent: payment.payment_intent.clone(),
            amount_capturable: payment.amount_capturable,
            capture_before: payment.capture_before,
            capture_amount: payment.capture_amount,
            capture_refusal: payment.capture_refusal.clone(),
        }
    }
}

/// The view of an order, with its lines, payments and disputes.
pub async fn view<C: ConnectionTrait>(db: &C, order: order::Model) -> Result<OrderView> {
    let mut views = views(db, vec![order]).await?;
    views
        .pop()
        .ok_or_else(|| crate::error::Error::internal("an order without a view"))
}

/// The views of several orders.
pub(super) async fn views<C: ConnectionTrait>(
    db: &C,
    orders: Vec<order::Model>,
) -> Result<Vec<OrderView>> {
    let ids: Vec<OrderId> = orders.iter().map(|order| order.id.clone()).collect();
    let lines = order_line::Entity::find()
        .filter(order_line::Column::OrderId.is_in(ids.clone()))
        .all(db)
        .await?;
    let line_ids: Vec<_> = lines.iter().map(|line| line.id.clone()).collect();
    let movements = LineMovements::find(db, &line_ids).await?;
    let shipments = ShipmentsOfOrders::find(db, &ids).await?;
    let links = payment_order::Entity::find()
        .filter(payment_order::Column::OrderId.is_in(ids))
        .all(db)
        .await?;
    let disputes = dispute::Entity::find()
        .filter(dispute::Column::PaymentId.is_in(links.iter().map(|link| link.payment_id.clone())))
        .order_by_asc(dispute::Column::Id)
        .all(db)
        .await?;
    let payments = payment::Entity::find()
        .filter(payment::Column::Id.is_in(links.iter().map(|link| link.payment_id.clone())))
        .all(db)
        .await?;
    orders
        .into_iter()
        .map(|order| {
            let mine = links.iter().filter(|link| link.order_id == order.id);
            let payments: Vec<_> = mine
                .filter_map(|link| {
                    let mut payments = payments.iter();
                    let payment = payments.find(|payment| payment.id == link.payment_id);
                    payment.map(|payment| (payment, link))
                })
                .collect();
            let mut lines: Vec<_> = lines
                .iter()
                .filter(|line| line.order_id == order.id)
                .cloned()
                .collect();
            lines.sort_by_key(|line| line.position);
            let lines = lines
                .into_iter()
                .map(|line| LineView::of(line, &movements, &shipments));
            let lines: Vec<_> = lines.collect::<Result<_>>()?;
            let paid_by = |id: &PaymentId| payments.iter().any(|(payment, _)| payment.id == *id);
            let disputes = disputes.iter().filter(|row| paid_by(&row.payment_id));
            let disputes = disputes.cloned().map(DisputeView::from).collect();
            let shipments = shipments.views(&order.id);
            view_of(order, (lines, shipments, disputes), &payments)
        })
        .collect()
}

/// What the platform keeps of an order's share of the application fee, in minor units, as far as Stripe has told. Stripe takes
/// no more than is paid.
fn fee_kept(payment: &payment::Model, share: &payment_order::Model) -> Result<i64> {
    let asked = payment.application_fee;
    let most = payment.amount_paid.unwrap_or(asked);
    let taken = payment.fee_taken.unwrap_or(std::cmp::min(asked, most));
    let kept = taken.saturating_sub(payment.fee_returned.unwrap_or(0));
    money::share(kept, share.application_fee, asked, &payment.currency)
}

fn view_of(
    order: order::Model,
    (lines, shipments, disputes): (Vec<LineView>, Vec<ShipmentView>, Vec<DisputeView>),
    payments: &[(&payment::Model, &payment_order::Model)],
) -> Result<OrderView> {
    // The payment that paid it; as long as there is none, the newest attempt.
    let paid = payments
        .iter()
        .filter(|(payment, _)| payment.status == PaymentStatus::Paid);
    let shown = paid
        .min_by_key(|(payment, _)| payment.paid_at)
        .or(payments.iter().max_by_key(|(payment, _)| &payment.id));
    let held = |payment: &&payment::Model| payment.status == PaymentStatus::Authorized;
    let authorization = payments.iter().map(|(payment, _)| *payment).find(held);
    let is_held = order.status == OrderStatus::Authorized;
    let authorization = authorization.filter(|_| is_held).map(AuthorizationView::of);
    let fee = shown.map(|(payment, share)| fee_kept(payment, share));
    let refunded = payments
        .iter()
        .try_fold(0, |sum, (_, share)| money::add(sum, share.amount_refunded))?;
    Ok(OrderView {
        object: "order",
        seller_id: order.seller_id,
        buyer_id: order.buyer_id,
        email: order.email,
        status: order.status,
        currency: order.currency,
        amount_subtotal: order.amount_subtotal,
        amount_discount: shown.and_then(|(_, share)| share.amount_discount),
        amount_total: shown.and_then(|(_, share)| share.amount_paid),
        amount_refunded: refunded,
        application_fee_amount: fee.transpose()?.unwrap_or(0),
        lines,
        shipments,
        disputes,
        authorization,
        fulfilled_at: order.fulfilled_at,
        tracking_number: order.tracking_number,
        paid_at: order.paid_at,
        cancelled_at: order.cancelled_at,
        cancel_reason: order.cancel_reason,
        refund_reason: order.refund_reason,
        livemode: order.livemode,
        metadata: order.metadata.0,
        created_at: order.created_at,
        updated_at: order.updated_at,
        id: order.id,
    })
}

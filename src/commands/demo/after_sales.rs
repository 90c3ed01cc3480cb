//! A buyer sends a part of an order back, and later goes to the bank about the rest.

use serde_json::json;

use super::client::Api;
use super::evidence::list;
use super::responses::{Dispute, Order, Product, Refund, RefundPreview, Shipment};
use super::sales::{Purchase, open_checkout, outcome, pay, say_refund, say_stock, succeeded};
use super::shop::Shop;
use super::{Failure, Poll, Stage, short, until};

const BOUGHT: i64 = 3;
/// Stripe's test evidence that has the bank decide for the seller (docs.stripe.com/testing#disputes).
const WINNING: &str = "winning_evidence";

/// A guest buys three vases.
pub async fn guest_buys_three(
    stage: &Stage,
    shop: &Shop,
    vase: &Product,
) -> Result<Purchase, Failure> {
    let screen = &stage.screen;
    screen.step("Pia, a guest, buys three vases");
    let email = stage.email("pia");
    let purchase = open_checkout(&stage.server, (vase, BOUGHT), &email).await?;
    pay(shop, &purchase, &email).await?;
    let order = outcome(stage, &purchase, "paid").await?;
    let paid = order.amount_total.unwrap_or_default();
    screen.amount("paid", paid, &order.currency);
    say_stock(stage, vase).await?;
    Ok(purchase)
}

/// One of them is sent back: it is refunded by its line, and is in stock again.
pub async fn one_comes_back(
    stage: &Stage,
    shop: &Shop,
    vase: &Product,
    purchase: &Purchase,
) -> Result<(), Failure> {
    let screen = &stage.screen;
    screen.step("She sends one of them back, unbroken");
    let path = format!("/v1/orders/{}", purchase.session.order_id);
    let order: Order = shop.owner.get(&path).await?;
    let line = order.lines.first().ok_or("an order without lines")?;
    let new = json!({
        "order_id": order.id, "lines": [{ "order_line_id": line.id, "quantity": 1 }], "restock": true,
    });
    let told: RefundPreview = shop.owner.post("/v1/refunds/preview", &new).await?;
    screen.aside(&format!(
        "the preview says: the {} pays, {} of the fee comes back",
        told.funded_by,
        souk::money::display(told.application_fee_refunded, &order.currency)
    ));
    let asked: Refund = shop.owner.post("/v1/refunds", &new).await?;
    let refund = succeeded(stage, shop, &asked).await?;
    let stripes = refund.stripe_refund.as_deref().unwrap_or_default();
    screen.done(&format!("one unit of its line refunded, {stripes}"));
    say_refund(stage, &refund);
    if refund.application_fee_refunded != Some(told.application_fee_refunded) {
        return Err("another part of the fee came back than the preview had said".into());
    }
    say_stock(stage, vase).await
}

/// The bank takes the money of the others. What Souk knows, and a word of the seller's, wins it back.
pub async fn dispute_is_won(
    stage: &Stage,
    shop: &Shop,
    purchase: &Purchase,
) -> Result<(), Failure> {
    let screen = &stage.screen;
    screen.step("The others are sent; Pia's bank says they never came");
    let order = &purchase.session.order_id;
    let carriage = json!({
        "carrier": "DHL", "tracking_number": "JD014600003SE", "tracking_url": "https://www.dhl.com/track?id=JD014600003SE",
    });
    let path = format!("/v1/orders/{order}/shipments");
    let shipment: Shipment = shop.owner.post(&path, &carriage).await?;
    screen.done(&format!(
        "{} is on its way, and the buyer was told",
        short(&shipment.id)
    ));
    let oracle = shop.stripe.oracle().await?;
    let account = &oracle["accounts"][&shop.account];
    let session = list(&account["checkout_sessions"])
        .find(|session| session["id"] == purchase.session.id.as_str());
    let intent = session.map(|session| &session["payment_intent"]);
    let charge = list(&account["charges"])
        .find(|charge| Some(&charge["payment_intent"]) == intent)
        .and_then(|charge| charge["id"].as_str())
        .ok_or("the payment has no charge")?;
    let reason = json!({ "reason": "product_not_received" });
    let path = format!("/charges/{charge}/dispute");
    shop.stripe.control(&path, &reason).await?;
    let dispute = dispute_with(stage, &shop.owner, order, "needs_response").await?;
    screen.amount("the bank takes", -dispute.amount, &dispute.currency);
    let path = format!("/v1/disputes/{}", dispute.id);
    let read: Dispute = shop.owner.get(&path).await?;
    let pack = read.evidence_pack.ok_or("a dispute without a pack")?;
    screen.done(&format!(
        "the evidence pack knows {} things, {} % of what this reason wants",
        pack.fields.len(),
        pack.completeness
    ));
    for missing in &pack.missing {
        screen.aside(&format!("it lacks: {}", missing.advice));
    }
    let words = json!({ "evidence": { "uncategorized_text": WINNING } });
    let _: Dispute = shop
        .owner
        .patch(&format!("{path}/evidence"), &words)
        .await?;
    let submit = format!("{path}/submit");
    // A second click changes nothing.
    for _ in 0..2 {
        let _: Dispute = shop.owner.post(&submit, &json!({})).await?;
    }
    let won = dispute_with(stage, &shop.owner, order, "won").await?;
    screen.done("submitted once, and the bank decides for Nadia");
    screen.amount("the bank gives back", won.amount, &won.currency);
    Ok(())
}

/// Waits until the order's dispute is in this state.
async fn dispute_with(
    stage: &Stage,
    owner: &Api,
    order: &str,
    wanted: &str,
) -> Result<Dispute, Failure> {
    let path = format!("/v1/disputes?order_id={order}");
    let what = format!("the dispute to be {wanted}");
    until(&stage.screen, &what, async || {
        let disputes: Vec<Dispute> = owner.all(&path).await?;
        Ok(match disputes.into_iter().next() {
            Some(dispute) if dispute.status == wanted => Poll::Ready(dispute),
            Some(dispute) => Poll::Pending(dispute.status),
            None => Poll::Pending("none yet".to_owned()),
        })
    })
    .await
}

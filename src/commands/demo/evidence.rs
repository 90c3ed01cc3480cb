//! The data of both sides at the end: our API as an admin reads it, and the simulator's own books.

use serde_json::Value;

use super::responses::{
    Dispute, Finding, Income, LedgerBalance, Order, OrderEvent, Payout, Product, Refund,
    StockAdjustment, Transaction,
};
use super::sales::Purchase;
use super::shop::Shop;
use super::subscription::Subscribed;
use super::ways_to_pay::Ways;
use super::{Failure, Stage, payday};

/// The purchases and payouts that were played.
pub struct Story {
    pub shop: Shop,
    pub lamp: Product,
    pub vase: Product,
    /// Paid, and refunded in part.
    pub first: Purchase,
    /// Paid nothing.
    pub friend: Purchase,
    /// Oversold.
    pub late: Purchase,
    /// Of three vases, of which one came back, and whose dispute was won.
    pub vases: Purchase,
    /// The other ways to pay, where they were played.
    pub ways: Option<Ways>,
    /// The subscription, where it was played.
    pub subscribed: Option<Subscribed>,
    pub payouts: Vec<Payout>,
}

/// The data of both sides, read when no event is on its way any more.
pub struct Evidence<'a> {
    pub story: &'a Story,
    pub oracle: Value,
    pub orders: Vec<(Order, Vec<OrderEvent>)>,
    pub refunds: Vec<Refund>,
    /// The lamp and the vase, with their movements.
    pub goods: Vec<(Product, Vec<StockAdjustment>)>,
    pub disputes: Vec<Dispute>,
    pub balances: Vec<LedgerBalance>,
    pub payouts: Vec<(Payout, Vec<Transaction>)>,
    pub income: Vec<Income>,
    pub findings: Vec<Finding>,
}

/// Reads all of it.
pub async fn gather<'a>(stage: &Stage, story: &'a Story) -> Result<Evidence<'a>, Failure> {
    let (admin, seller) = (&stage.admin, &story.shop.seller.id);
    let mut orders = Vec::new();
    for order in admin
        .all::<Order>(&format!("/v1/orders?seller_id={seller}"))
        .await?
    {
        let timeline = admin
            .all(&format!("/v1/orders/{}/timeline", order.id))
            .await?;
        orders.push((order, timeline));
    }
    let mut payouts = Vec::new();
    for payout in admin
        .all::<Payout>(&format!("/v1/payouts?seller_id={seller}"))
        .await?
    {
        let transactions = admin
            .all(&format!("/v1/payouts/{}/transactions", payout.id))
            .await?;
        payouts.push((payout, transactions));
    }
    let mut goods = Vec::new();
    for product in [&story.lamp, &story.vase] {
        let path = format!("/v1/products/{}", product.id);
        let movements = admin.all(&format!("{path}/stock_adjustments")).await?;
        goods.push((admin.get(&path).await?, movements));
    }
    Ok(Evidence {
        story,
        oracle: story.shop.stripe.oracle().await?,
        orders,
        refunds: admin
            .all(&format!("/v1/refunds?seller_id={seller}"))
            .await?,
        goods,
        disputes: admin
            .all(&format!("/v1/disputes?seller_id={seller}"))
            .await?,
        balances: admin.get_list("/v1/ledger/balances").await?,
        payouts,
        income: payday::income(stage, &story.shop).await?,
        findings: admin.all("/v1/ledger/findings?state=open").await?,
    })
}

impl Evidence<'_> {
    /// The seller's account, as Stripe has it.
    pub fn account(&self) -> &Value {
        &self.oracle["accounts"][&self.story.shop.account]
    }

    /// The charge behind a purchase; none where nothing was to be paid.
    pub fn charge_of(&self, purchase: &Purchase) -> Option<&Value> {
        let session = list(&self.account()["checkout_sessions"])
            .find(|s| s["id"] == purchase.session.id.as_str())?;
        let intent = session["payment_intent"].as_str()?;
        list(&self.account()["charges"]).find(|c| c["payment_intent"] == intent)
    }

    /// A purchase's order with its timeline.
    pub fn order(&self, purchase: &Purchase) -> Result<&(Order, Vec<OrderEvent>), String> {
        let id = &purchase.session.order_id;
        self.orders
            .iter()
            .find(|(order, _)| order.id == *id)
            .ok_or_else(|| format!("order {id} is missing"))
    }

    /// The application fee that the platform took of a charge.
    pub fn fee_of(&self, charge: &Value) -> Option<&Value> {
        let platform = self.oracle["platform"].as_str().unwrap_or_default();
        list(&self.oracle["accounts"][platform]["application_fees"])
            .find(|fee| fee["charge"] == charge["id"])
    }
}

/// An array's items; none where there is no array.
pub fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A number of Stripe's; 0 where there is none.
pub fn int(value: &Value, field: &str) -> i64 {
    value[field].as_i64().unwrap_or_default()
}

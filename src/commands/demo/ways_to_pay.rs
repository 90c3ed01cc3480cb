//! `--full`: another shop's buyers pay on a page of its own, by a saved card while they aren't there, and for goods that are sent
//! before the money is taken.

use serde_json::{Value, json};
use souk::money::display;

use super::checks::{Verdict, ensure};
use super::client::Api;
use super::evidence::{int, list};
use super::responses::{Intent, OffSessionPayment, Order, Product, Session, SetupIntent, Shipment};
use super::sales::{open, outcome, pay, say_stock};
use super::shop::{self, CURRENCY, Opening, PASSWORD, Shop};
use super::{Failure, Poll, Stage, short, until};

const KARIM: Opening = Opening {
    mail: "karim",
    first_name: "Karim",
    last_name: "Saleh",
    shop: "Karim's Carpets",
};
const PRICE: i64 = 12_000;
const STOCK: i64 = 6;
/// Of two carpets that were ordered, one is sent.
const SENT: i64 = PRICE;
const AGREED: &str = "I agree that Karim's Carpets charges this card for the cleaning that I order, while I am not there.";

/// What was played, and how each order must have ended.
pub struct Ways {
    shop: Shop,
    carpet: Product,
    /// Order, payment intent, and what was taken for it.
    paid: Vec<(String, String, i64)>,
}

/// Plays all three.
pub async fn play(stage: &Stage) -> Result<Ways, Failure> {
    let shop = shop::seller_onboards(stage, &KARIM).await?;
    let new = json!({
        "seller_id": shop.seller.id, "name": "Woven carpet", "unit_amount": PRICE, "currency": CURRENCY, "stock": STOCK,
    });
    let carpet: Product = shop.owner.post("/v1/products", &new).await?;
    let paid = vec![
        custom_page(stage, &shop, &carpet).await?,
        saved_card(stage, &shop, &carpet).await?,
        captured_in_part(stage, &shop, &carpet).await?,
    ];
    Ok(Ways { shop, carpet, paid })
}

/// A guest pays on a page of the shop's own. The first card is declined, and the second pays the same intent.
async fn custom_page(
    stage: &Stage,
    shop: &Shop,
    carpet: &Product,
) -> Result<(String, String, i64), Failure> {
    let screen = &stage.screen;
    screen.step("Lea pays on a page of Karim's own, with the second card she tries");
    let line = json!({ "product_id": carpet.id, "quantity": 1 });
    let new = json!({ "lines": [line], "customer_email": stage.email("lea") });
    let intent: Intent = stage.server.post("/v1/payment_intents", &new).await?;
    let secret = intent.order_secret.as_deref().unwrap_or_default();
    let lea = stage.server.with_order_secret(secret);
    let path = format!("/v1/payment_intents/{}", intent.id);
    let stripes = format!("/payment_intents/{}", intent.id);
    let client_secret = intent.client_secret.as_deref().unwrap_or_default();
    let try_card = async |card: &str| {
        let confirmed = shop
            .stripe
            .confirm(&stripes, &shop.account, client_secret, card);
        confirmed.await
    };
    if try_card("pm_card_chargeDeclinedInsufficientFunds").await? {
        return Err("a card without money has paid".into());
    }
    let declined = until(&stage.screen, "the decline", async || {
        let seen: Intent = lea.get(&path).await?;
        Ok(match seen.last_error {
            Some(error) => Poll::Ready(error),
            None => Poll::Pending(seen.status),
        })
    })
    .await?;
    screen.aside(&declined.message);
    if !try_card("pm_card_visa").await? {
        return Err("a good card was declined".into());
    }
    let received = until(&stage.screen, "the intent to succeed", async || {
        let seen: Intent = lea.get(&path).await?;
        Ok(match seen.status == "succeeded" {
            true => Poll::Ready(seen.amount_received),
            false => Poll::Pending(seen.status),
        })
    })
    .await?;
    screen.amount(&format!("{} paid", short(&intent.id)), received, CURRENCY);
    Ok((intent.order_id, intent.id, received))
}

/// A buyer saves a card and agrees to be charged. Later the seller charges it while she isn't there.
async fn saved_card(
    stage: &Stage,
    shop: &Shop,
    carpet: &Product,
) -> Result<(String, String, i64), Failure> {
    let screen = &stage.screen;
    screen.step("Rania saves a card, and is charged while she is away");
    let email = stage.email("rania");
    let rania: Api = stage.server.register(&email, PASSWORD, "Rania").await?;
    let new = json!({ "seller_id": shop.seller.id, "mandate_text": AGREED });
    let setup: SetupIntent = rania.post("/v1/setup_intents", &new).await?;
    let stripes = format!("/setup_intents/{}", setup.id);
    let client_secret = setup.client_secret.as_deref().unwrap_or_default();
    let confirmed = shop
        .stripe
        .confirm(&stripes, &shop.account, client_secret, "pm_card_visa");
    if !confirmed.await? {
        return Err("a good card was not saved".into());
    }
    let verify = format!("/v1/setup_intents/{}/verify", setup.id);
    let saved = until(screen, "the card to be saved", async || {
        let seen: SetupIntent = rania.post(&verify, &json!({})).await?;
        Ok(match seen.payment_method {
            Some(method) => Poll::Ready(method),
            None => Poll::Pending(seen.status),
        })
    })
    .await?;
    screen.done(&format!(
        "{} is saved, with what she agreed to",
        short(&saved)
    ));
    let line = json!({ "product_id": carpet.id, "quantity": 1 });
    let new = json!({ "customer_id": setup.customer_id, "payment_method": saved, "lines": [line] });
    let charge: OffSessionPayment = shop.owner.post("/v1/off_session_payments", &new).await?;
    let path = format!("/v1/off_session_payments/{}", charge.id);
    let charge = until(screen, "the card to be charged", async || {
        let seen: OffSessionPayment = shop.owner.get(&path).await?;
        Ok(match seen.status == "succeeded" {
            true => Poll::Ready(seen),
            false => Poll::Pending(seen.status),
        })
    })
    .await?;
    screen.amount("charged off session", charge.amount_received, CURRENCY);
    let intent = charge.payment_intent.ok_or("a charge without an intent")?;
    Ok((charge.order_id, intent, charge.amount_received))
}

/// The money of two carpets is held, one is sent, and one is captured.
async fn captured_in_part(
    stage: &Stage,
    shop: &Shop,
    carpet: &Product,
) -> Result<(String, String, i64), Failure> {
    let screen = &stage.screen;
    screen.step("Sami orders two; Karim sends one, and takes the money of one");
    let line = json!({ "product_id": carpet.id, "quantity": 2 });
    let email = stage.email("sami");
    let new = json!({ "lines": [line], "customer_email": email, "capture_method": "manual" });
    let purchase = open(&stage.server, &new).await?;
    pay(shop, &purchase, &email).await?;
    outcome(stage, &purchase, "authorized").await?;
    screen.amount("held", 2 * PRICE, CURRENCY);
    let order = purchase.session.order_id.clone();
    let path = format!("/v1/orders/{order}");
    let read: Order = shop.owner.get(&path).await?;
    let line = read.lines.first().ok_or("an order without lines")?;
    let sent = json!({
        "lines": [{ "order_line_id": line.id, "quantity": 1 }], "carrier": "DHL", "tracking_number": "JD014600003DE",
    });
    let shipment: Shipment = shop.owner.post(&format!("{path}/shipments"), &sent).await?;
    screen.done(&format!("{} is on its way", short(&shipment.id)));
    let session = format!("/v1/checkout_sessions/{}", purchase.session.id);
    let session: Session = shop.owner.get(&session).await?;
    let intent = session
        .payment_intent
        .ok_or("held money without an intent")?;
    let capture = format!("/v1/payment_intents/{intent}/capture");
    // A second click changes nothing.
    for _ in 0..2 {
        let part = json!({ "amount": SENT });
        let _: Intent = shop.owner.post(&capture, &part).await?;
    }
    let paid = outcome(stage, &purchase, "paid").await?;
    let taken = paid.amount_total.unwrap_or_default();
    screen.amount("taken, and the rest released", taken, CURRENCY);
    say_stock(stage, carpet).await?;
    Ok((order, intent, taken))
}

impl Ways {
    /// The account that it was played on.
    pub fn account(&self) -> &str {
        &self.shop.account
    }

    /// Each order, its charge at Stripe, and the platform's tenth of it; and nothing beside them.
    pub async fn check(&self, oracle: &Value) -> Verdict {
        let account = &oracle["accounts"][&self.shop.account];
        let platform = oracle["platform"].as_str().unwrap_or_default();
        let fees = &oracle["accounts"][platform]["application_fees"];
        let mut sum = 0;
        for (order, intent, taken) in &self.paid {
            let read: Order = self
                .shop
                .owner
                .get(&format!("/v1/orders/{order}"))
                .await
                .map_err(|e| e.to_string())?;
            let total = read.amount_total.unwrap_or(-1);
            ensure(read.status == "paid" && total == *taken, || {
                format!("order {order} is {}, over {total}", read.status)
            })?;
            let charges = list(&account["charges"]);
            let mut charges = charges
                .filter(|charge| charge["payment_intent"] == intent.as_str())
                .filter(|charge| charge["status"] == "succeeded");
            let (Some(charge), None) = (charges.next(), charges.next()) else {
                return Err(format!("{intent} has not one charge at Stripe"));
            };
            let captured = int(charge, "amount_captured");
            ensure(captured == *taken, || {
                format!(
                    "Stripe took {} for order {order}",
                    display(captured, CURRENCY)
                )
            })?;
            let fee = list(fees).find(|fee| fee["charge"] == charge["id"]);
            let fee = fee.map(|fee| int(fee, "amount") - int(fee, "amount_refunded"));
            ensure(fee == Some(taken / 10), || {
                format!("the fee of order {order} is {fee:?}")
            })?;
            sum += taken;
        }
        let carpet: Product = self
            .shop
            .owner
            .get(&format!("/v1/products/{}", self.carpet.id))
            .await
            .map_err(|e| e.to_string())?;
        // What was ordered is gone, sent or not.
        ensure(carpet.stock == Some(STOCK - 4), || {
            format!("{:?} carpets are left", carpet.stock)
        })?;
        Ok(display(sum, CURRENCY))
    }
}

//! Three buyers pay for lamps in three ways, and two are refunded.

use futures_util::future::try_join_all;
use serde_json::{Value, json};

use super::client::Api;
use super::responses::{Order, Product, Refund, Session, Verification};
use super::shop::{CODE, PASSWORD, Shop};
use super::{Failure, Poll, Stage, is_back_at, short, until};

const CARD: &str = "4242 4242 4242 4242";
/// Minor units.
const MADE_GOOD: i64 = 1000;
/// Buyers reload their page; each time it asks again.
const VERIFIES: usize = 8;
const REPEATS: usize = 20;
/// The delay of the webhook, so that it and the buyer's return coincide.
const WEBHOOK_DELAY_MS: u64 = 15;

/// A checkout and its buyer.
pub struct Purchase {
    pub session: Session,
    /// Somebody who may read the order.
    pub buyer: Api,
}

/// Opens a checkout of so many of a product.
pub(super) async fn open_checkout(
    buyer: &Api,
    (product, quantity): (&Product, i64),
    email: &str,
) -> Result<Purchase, Failure> {
    let line = json!({ "product_id": product.id, "quantity": quantity });
    let new = json!({ "lines": [line], "customer_email": email });
    open(buyer, &new).await
}

/// Opens a checkout as it is asked for.
pub(super) async fn open(buyer: &Api, new: &Value) -> Result<Purchase, Failure> {
    let session: Session = buyer.post("/v1/checkout_sessions", new).await?;
    let buyer = match &session.order_secret {
        Some(secret) => buyer.with_order_secret(secret),
        None => buyer.clone(),
    };
    Ok(Purchase { session, buyer })
}

fn page_of(purchase: &Purchase) -> Result<&str, Failure> {
    purchase
        .session
        .url
        .as_deref()
        .ok_or_else(|| "the checkout session has no page".into())
}

/// Fills in the hosted page, and comes back to ours.
pub(super) async fn pay(shop: &Shop, purchase: &Purchase, email: &str) -> Result<(), Failure> {
    pay_with(shop, purchase, email, CARD).await
}

/// The same with another card.
pub(super) async fn pay_with(
    shop: &Shop,
    purchase: &Purchase,
    email: &str,
    card: &str,
) -> Result<(), Failure> {
    let form = [
        ("email", email),
        ("card", card),
        ("expiry", "12 / 34"),
        ("cvc", "123"),
    ];
    let back = shop.stripe.submit(page_of(purchase)?, &form).await?;
    is_back_at("/checkout/success", &back.url)?;
    if back.html.contains(&purchase.session.id) {
        Ok(())
    } else {
        Err(format!("the page {} does not know the session", back.url).into())
    }
}

async fn verify(purchase: &Purchase) -> Result<Verification, Failure> {
    purchase
        .buyer
        .post(
            &format!("/v1/checkout_sessions/{}/verify", purchase.session.id),
            &json!({}),
        )
        .await
}

/// Asks until the order is no longer open, then reads it.
pub(super) async fn outcome(
    stage: &Stage,
    purchase: &Purchase,
    wanted: &str,
) -> Result<Order, Failure> {
    let what = format!("the order to be {wanted}");
    until(&stage.screen, &what, async || {
        let said = verify(purchase).await?;
        Ok(if said.status == wanted {
            Poll::Ready(())
        } else {
            Poll::Pending(said.status)
        })
    })
    .await?;
    purchase
        .buyer
        .get(&format!("/v1/orders/{}", purchase.session.order_id))
        .await
}

/// A guest pays. The webhook, sent again and again, and the buyer's return page confirm at once.
pub async fn guest_buys_one(
    stage: &Stage,
    shop: &Shop,
    lamp: &Product,
) -> Result<Purchase, Failure> {
    let screen = &stage.screen;
    screen.step("Omar, a guest, buys one; the webhook and his return page race");
    let email = stage.email("omar");
    let purchase = open_checkout(&stage.server, (lamp, 1), &email).await?;
    screen.done(&format!(
        "has a checkout on her account, {}",
        short(&purchase.session.id)
    ));
    let early = hold_webhooks_up(shop, async || {
        pay(shop, &purchase, &email).await?;
        try_join_all((0..VERIFIES).map(|_| verify(&purchase))).await
    })
    .await?;
    let order = outcome(stage, &purchase, "paid").await?;
    let knew = early.iter().filter(|said| said.status == "paid").count();
    screen.done(&format!(
        "paid, with the webhook and {VERIFIES} verifies on their way at once"
    ));
    screen.aside(&format!(
        "{knew} of the {VERIFIES} could say paid, {} that it is being confirmed",
        VERIFIES - knew
    ));
    let accepted = repeat_completed(shop, &purchase).await?;
    screen.done(&format!(
        "the same event {REPEATS} times more, at once: {accepted} answered 200, nothing changed"
    ));
    screen.amount(
        "paid",
        order.amount_total.unwrap_or_default(),
        &order.currency,
    );
    screen.amount(
        "of it the platform's",
        purchase.session.application_fee_amount,
        &order.currency,
    );
    say_stock(stage, lamp).await?;
    Ok(purchase)
}

/// Delays the simulator's events while something is done.
async fn hold_webhooks_up<T>(
    shop: &Shop,
    work: impl AsyncFnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let before = shop.stripe.read("/deliveries").await?["delay_ms"].clone();
    shop.stripe
        .control("/deliveries", &json!({ "delay_ms": WEBHOOK_DELAY_MS }))
        .await?;
    let done = work().await;
    shop.stripe
        .control("/deliveries", &json!({ "delay_ms": before }))
        .await?;
    done
}

/// Sends a session's `checkout.session.completed` many times at once; answers how many got 200.
async fn repeat_completed(shop: &Shop, purchase: &Purchase) -> Result<usize, Failure> {
    let oracle = shop.stripe.oracle().await?;
    let events = oracle["accounts"][&shop.account]["events"].as_array();
    let event = events
        .into_iter()
        .flatten()
        .filter(|event| event["type"] == "checkout.session.completed")
        .find(|event| event["data"]["object"]["id"] == purchase.session.id.as_str())
        .and_then(|event| event["id"].as_str())
        .ok_or("Stripe has no checkout.session.completed for the session")?;
    let sent = shop
        .stripe
        .control(
            &format!("/events/{event}/deliver"),
            &json!({ "times": REPEATS }),
        )
        .await?;
    let accepted = sent
        .as_array()
        .into_iter()
        .flatten()
        .filter(|sent| sent["status"] == 200)
        .count();
    if accepted >= REPEATS {
        Ok(accepted)
    } else {
        Err(
            format!("of {REPEATS} repeated deliveries only {accepted} were answered 200: {sent}")
                .into(),
        )
    }
}

pub(super) async fn say_stock(stage: &Stage, product: &Product) -> Result<(), Failure> {
    let path = format!("/v1/products/{}", product.id);
    let now: Product = stage.server.get(&path).await?;
    stage
        .screen
        .aside(&format!("{} left in stock", now.stock.unwrap_or_default()));
    Ok(())
}

/// A guest opens the checkout of the last one, and doesn't pay yet.
pub async fn somebody_hesitates(stage: &Stage, lamp: &Product) -> Result<Purchase, Failure> {
    stage
        .screen
        .step("Jun opens the checkout of the last lamp, and goes to make tea");
    let purchase = open_checkout(&stage.server, (lamp, 1), &stage.email("jun")).await?;
    stage.screen.done(&format!(
        "{} is open; stock is taken only when money comes",
        short(&purchase.session.id)
    ));
    Ok(purchase)
}

/// A registered buyer takes the last one, for nothing.
pub async fn friend_pays_with_a_code(
    stage: &Stage,
    shop: &Shop,
    lamp: &Product,
) -> Result<Purchase, Failure> {
    let screen = &stage.screen;
    screen.step("Lena, a friend, takes the last lamp with the code");
    let email = stage.email("lena");
    let lena = stage
        .server
        .register(&email, PASSWORD, "Lena Vogel")
        .await?;
    let purchase = open_checkout(&lena, (lamp, 1), &email).await?;
    let page = page_of(&purchase)?;
    shop.stripe
        .submit(&format!("{page}/promotion_code"), &[("code", CODE)])
        .await?;
    pay(shop, &purchase, &email).await?;
    let order = outcome(stage, &purchase, "paid").await?;
    screen.done("nothing to pay, no card, no payment intent; confirmed like any other");
    screen.amount("price", purchase.session.amount_subtotal, &order.currency);
    screen.amount(
        CODE,
        -order.amount_discount.unwrap_or_default(),
        &order.currency,
    );
    screen.amount(
        "paid",
        order.amount_total.unwrap_or_default(),
        &order.currency,
    );
    say_stock(stage, lamp).await?;
    Ok(purchase)
}

/// The hesitant guest pays after all, and is refunded in full.
pub async fn late_money_comes_back(
    stage: &Stage,
    shop: &Shop,
    late: &Purchase,
) -> Result<(), Failure> {
    let screen = &stage.screen;
    screen.step("Jun comes back and pays, but the lamps are gone");
    pay(shop, late, &stage.email("jun")).await?;
    let order = outcome(stage, late, "refunded").await?;
    let said = verify(late).await?;
    let refund = the_refund(shop, &order).await?;
    screen.done(&format!(
        "refunded by itself ({}): “{}”",
        refund.origin, said.message
    ));
    screen.amount(
        "paid",
        order.amount_total.unwrap_or_default(),
        &order.currency,
    );
    say_refund(stage, &refund);
    Ok(())
}

async fn the_refund(shop: &Shop, order: &Order) -> Result<Refund, Failure> {
    let refunds: Vec<Refund> = shop
        .owner
        .all(&format!("/v1/refunds?order_id={}", order.id))
        .await?;
    let count = refunds.len();
    match refunds.into_iter().next() {
        Some(refund) if count == 1 => Ok(refund),
        _ => Err(format!("order {} should have one refund and has {count}", order.id).into()),
    }
}

pub(super) fn say_refund(stage: &Stage, refund: &Refund) {
    stage
        .screen
        .amount("given back", -refund.amount, &refund.currency);
    let fee = refund.application_fee_refunded.unwrap_or_default();
    stage
        .screen
        .amount("of it from the platform's fee", -fee, &refund.currency);
}

/// Waits until a refund has succeeded.
pub(super) async fn succeeded(
    stage: &Stage,
    shop: &Shop,
    asked: &Refund,
) -> Result<Refund, Failure> {
    until(&stage.screen, "the refund to succeed", async || {
        let refund: Refund = shop.owner.get(&format!("/v1/refunds/{}", asked.id)).await?;
        Ok(if refund.status == "succeeded" {
            Poll::Ready(refund)
        } else {
            Poll::Pending(refund.status)
        })
    })
    .await
}

/// The seller refunds a part of the first payment.
pub async fn scratch_is_made_good(
    stage: &Stage,
    shop: &Shop,
    first: &Purchase,
) -> Result<(), Failure> {
    let screen = &stage.screen;
    screen.step("Omar's lamp has a scratch; Nadia gives a part back");
    let new = json!({ "order_id": first.session.order_id, "amount": MADE_GOOD, "reason": "requested_by_customer" });
    let asked: Refund = shop.owner.post("/v1/refunds", &new).await?;
    let refund = succeeded(stage, shop, &asked).await?;
    screen.done(&format!(
        "{} at Stripe",
        refund.stripe_refund.as_deref().unwrap_or_default()
    ));
    say_refund(stage, &refund);
    let order: Order = first
        .buyer
        .get(&format!("/v1/orders/{}", first.session.order_id))
        .await?;
    let kept = order.amount_total.unwrap_or_default() - order.amount_refunded;
    screen.amount("what he has paid in the end", kept, &order.currency);
    Ok(())
}

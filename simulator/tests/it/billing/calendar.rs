//! A year from 31 January of a leap year, and what the stories of a shop need of a subscription.

use serde_json::{Value, json};

use super::{HOUR, MONTHS, Shop, id};
use crate::support::{DAY, Stripe, check_books};

/// The last days of January 2028 to March 2029, 10:00 UTC: 2028 has a 29 February.
const LEAP: [i64; 15] = [
    1_832_925_600,
    1_835_431_200,
    1_838_109_600,
    1_840_701_600,
    1_843_380_000,
    1_845_972_000,
    1_848_650_400,
    1_851_328_800,
    1_853_920_800,
    1_856_599_200,
    1_859_191_200,
    1_861_869_600,
    1_864_548_000,
    1_866_967_200,
    1_869_645_600,
];

/// A shop whose clock stands at 31 January 2028.
async fn leap_shop() -> Shop {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let body = format!("frozen_time={}", LEAP[0]);
    let clock = id(&stripe
        .on(&seller, "/v1/test_helpers/test_clocks", &body)
        .await);
    let body = format!("email=ada@example.com&test_clock={clock}");
    let customer = id(&stripe.on(&seller, "/v1/customers", &body).await);
    Shop {
        stripe,
        seller,
        clock,
        customer,
    }
}

fn ends(subscription: &Value) -> Vec<i64> {
    let items = subscription["items"]["data"].as_array().expect("items");
    let end = |i: &Value| i["current_period_end"].as_i64().expect("end");
    items.iter().map(end).collect()
}

#[tokio::test]
async fn a_month_and_a_year_go_over_a_leap_february() {
    let shop = leap_shop().await;
    shop.card("pm_card_visa").await;
    let (month, year) = (
        shop.price(1000, "month").await,
        shop.price(9000, "year").await,
    );
    let made = shop
        .subscribe(&month, &format!("&items[1][price]={year}"))
        .await;
    assert_eq!(made["billing_mode"]["type"], "flexible");
    assert_eq!(ends(&made), [LEAP[1], LEAP[12]]);
    for (n, at) in LEAP.into_iter().enumerate().skip(1).take(13) {
        shop.advance(at + 2 * HOUR).await;
        let now = shop.subscription(&made).await;
        assert_eq!(now["status"], "active");
        let year = if n < 12 { LEAP[12] } else { 1_896_084_000 };
        assert_eq!(ends(&now), [LEAP[n + 1], year], "month {n}");
    }
    let invoices = shop.invoices().await;
    let totals: Vec<i64> = invoices
        .iter()
        .map(|i| i["total"].as_i64().expect("total"))
        .collect();
    let mut wanted = vec![1000; 14];
    (wanted[0], wanted[12]) = (10_000, 10_000);
    assert_eq!(totals, wanted);
    assert!(invoices.iter().all(|i| i["status"] == "paid"));
    let created: Vec<_> = invoices.iter().map(|i| i["created"].as_i64()).collect();
    assert_eq!(
        created,
        LEAP[..14].iter().map(|at| Some(*at)).collect::<Vec<_>>()
    );
    check_books(&shop.stripe.simulator.oracle().await);
}

#[tokio::test]
async fn a_code_of_three_months_ends_after_three_invoices() {
    let shop = leap_shop().await;
    shop.card("pm_card_visa").await;
    shop.post(
        "/v1/coupons",
        "id=three&percent_off=25&duration=repeating&duration_in_months=3",
    )
    .await;
    let code = shop
        .post(
            "/v1/promotion_codes",
            "promotion[type]=coupon&promotion[coupon]=three&code=TEA",
        )
        .await;
    let price = shop.price(1000, "month").await;
    let more = format!("&discounts[0][promotion_code]={}", id(&code));
    let made = shop.subscribe(&price, &more).await;
    for at in LEAP.into_iter().skip(1).take(4) {
        shop.advance(at + 2 * HOUR).await;
    }
    let totals: Vec<_> = shop
        .invoices()
        .await
        .iter()
        .map(|i| i["total"].clone())
        .collect();
    assert_eq!(totals, [750, 750, 750, 1000, 1000]);
    assert_eq!(shop.subscription(&made).await["discounts"], json!([]));
    let types = shop.stripe.event_types(&shop.seller).await;
    let gone = types.iter().filter(|t| *t == "customer.discount.deleted");
    assert_eq!(gone.count(), 1);
    let code = shop
        .get(&format!("/v1/promotion_codes/{}", id(&code)))
        .await;
    assert_eq!(code["times_redeemed"], 1);
}

#[tokio::test]
async fn a_fee_is_set_on_the_draft_of_a_renewal() {
    let shop = Shop::open().await;
    shop.card("pm_card_visa").await;
    let price = shop.price(2000, "month").await;
    shop.subscribe(&price, "&application_fee_percent=10.25")
        .await;
    shop.advance(MONTHS[1] + HOUR / 2).await;
    let draft = shop.invoices().await.pop().expect("a renewal");
    assert_eq!(draft["status"], "draft");
    let path = format!("/v1/invoices/{}", id(&draft));
    shop.post(&path, "application_fee_amount=77").await;
    shop.advance(MONTHS[1] + 2 * HOUR).await;
    let fees = shop.stripe.get("/v1/application_fees").await;
    let amounts: Vec<_> = fees["data"]
        .as_array()
        .expect("list")
        .iter()
        .map(|f| f["amount"].clone())
        .collect();
    assert_eq!(amounts, [77, 205]);
    let late = shop.send("POST", &path, "application_fee_amount=1").await;
    assert_eq!(
        (late.status, late.error("param")),
        (400, "application_fee_amount")
    );
    check_books(&shop.stripe.simulator.oracle().await);
}

#[tokio::test]
async fn a_first_invoice_has_a_secret_and_a_trial_without_payment_a_setup_intent() {
    let shop = Shop::open().await;
    let price = shop.price(2000, "month").await;
    let how = "&payment_behavior=default_incomplete&expand[]=latest_invoice.confirmation_secret&expand[]=pending_setup_intent";
    let first = shop.subscribe(&price, how).await;
    let secret = &first["latest_invoice"]["confirmation_secret"];
    assert_eq!(secret["type"], "payment_intent");
    assert!(
        secret["client_secret"]
            .as_str()
            .expect("secret")
            .starts_with("pi_")
    );
    assert_eq!(first["pending_setup_intent"], Value::Null);
    let trial = shop
        .subscribe(&price, &format!("{how}&trial_period_days=5"))
        .await;
    let secret = &trial["pending_setup_intent"]["client_secret"];
    assert!(secret.as_str().expect("secret").starts_with("seti_"));
    assert_eq!(trial["latest_invoice"]["confirmation_secret"], Value::Null);
    assert_eq!(trial["latest_invoice"]["amount_due"], 0);
    shop.advance(MONTHS[0] + 2 * DAY + HOUR).await;
    let types = shop.stripe.event_types(&shop.seller).await;
    let warned = types
        .iter()
        .filter(|t| *t == "customer.subscription.trial_will_end");
    assert_eq!(warned.count(), 1);
}

#[tokio::test]
async fn a_renewal_that_wants_the_bank_says_so_and_is_paid_by_its_secret() {
    let shop = Shop::open().await;
    shop.card("pm_card_visa").await;
    let price = shop.price(2000, "month").await;
    let made = shop.subscribe(&price, "").await;
    shop.card("pm_card_authenticationRequired").await;
    shop.advance(MONTHS[1] + 2 * HOUR).await;
    let types = shop.stripe.event_types(&shop.seller).await;
    for name in ["invoice.payment_action_required", "invoice.payment_failed"] {
        assert_eq!(types.iter().filter(|t| *t == name).count(), 1, "{name}");
    }
    assert_eq!(shop.subscription(&made).await["status"], "past_due");
    let open = shop.invoices().await.pop().expect("a renewal");
    let path = format!(
        "/v1/invoices/{}?expand[]=confirmation_secret&expand[]=payments",
        id(&open)
    );
    let open = shop.get(&path).await;
    let intent = open["payments"]["data"][0]["payment"]["payment_intent"]
        .as_str()
        .expect("intent");
    let secret = open["confirmation_secret"]["client_secret"]
        .as_str()
        .expect("secret");
    assert!(secret.starts_with(intent));
    let body = "payment_method=pm_card_visa&return_url=https://x.example";
    shop.post(&format!("/v1/payment_intents/{intent}/confirm"), body)
        .await;
    assert_eq!(shop.subscription(&made).await["status"], "active");
    let types = shop.stripe.event_types(&shop.seller).await;
    let paid = types.iter().position(|t| t == "invoice_payment.paid");
    assert!(paid.is_some() && paid < types.iter().rposition(|t| t == "invoice.paid"));
}

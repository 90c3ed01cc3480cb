//! Each currency by its own rules: the step of its amounts, the smallest charge and the largest; and what Stripe adds.

use serde_json::{Value, json};

use crate::harness::{Between, Checkout, Has, Shop, TestApp, text};

fn lamp(shop: &Shop, unit_amount: i64, currency: &str) -> Value {
    json!({ "seller_id": shop.id, "name": "Brass lamp", "unit_amount": unit_amount, "currency": currency })
}

fn order_of(product: &str, quantity: i64) -> Value {
    json!({
        "lines": [{ "product_id": product, "quantity": quantity }], "customer_email": "guest@example.com",
    })
}

/// A guest has bought this many, and paid.
async fn sale_of(app: &TestApp, product: &str, quantity: i64) -> Checkout {
    let checkout = app.checkout_of(&[(product, quantity)]).await;
    app.pay(&checkout).await;
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "paid");
    checkout
}

#[tokio::test]
async fn a_price_is_a_multiple_of_its_currencys_step() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    for (currency, right, wrong) in [
        ("isk", 4_900, 4_950),
        ("ugx", 100, 101),
        ("kwd", 5_120, 5_124),
        ("tnd", 10, 5),
    ] {
        let made = app
            .post("/v1/products", lamp(&shop, right, currency))
            .by(&shop.owner);
        let id = text(&made.expect(201).await, "id");
        let problem = app
            .post("/v1/products", lamp(&shop, wrong, currency))
            .by(&shop.owner)
            .refused(422, "invalid_request")
            .await;
        assert_eq!(problem["param"], "unit_amount", "{currency}");
        app.patch(
            format!("/v1/products/{id}"),
            json!({ "unit_amount": wrong }),
        )
        .by(&shop.owner)
        .refuses_field("unit_amount")
        .await;
    }
    let off = json!({ "seller_id": shop.id, "code": "FIVE", "amount_off": 550, "currency": "isk" });
    app.post("/v1/promotion_codes", off)
        .by(&shop.owner)
        .refuses_field("amount_off")
        .await;
}

#[tokio::test]
async fn every_kind_of_currency_is_for_sale_and_a_price_may_have_twelve_digits() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    // 1,500,000 IDR, and the most there is; a currency of few decimals, and some that were never listed here.
    for (currency, amount) in [
        ("idr", 150_000_000),
        ("idr", 999_999_999_999),
        ("lak", 999_999_999_999),
        ("xof", 65_000),
        ("kes", 250_000),
        ("ars", 1),
    ] {
        app.post("/v1/products", lamp(&shop, amount, currency))
            .by(&shop.owner)
            .expect(201)
            .await;
    }
    app.post("/v1/products", lamp(&shop, 1_000_000_000_000, "idr"))
        .by(&shop.owner)
        .refuses_field("unit_amount")
        .await;
}

#[tokio::test]
async fn one_and_a_half_million_rupiah_are_paid_and_go_back() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product_in(&shop, 150_000_000, "idr", None).await;
    sale_of(&app, &lamp, 1).await;
    let sold = sale_of(&app, &lamp, 2).await;
    let order = app.order(&sold).await;
    order.has(json!({ "amount_total": 300_000_000, "application_fee_amount": 30_000_000 }));
    let part = json!({ "order_id": sold.order, "amount": 150_000_000 });
    app.post("/v1/refunds", part)
        .by(&shop.owner)
        .expect(201)
        .await;
    app.settle().await;
    assert_eq!(app.order(&sold).await["amount_refunded"], 150_000_000);
}

#[tokio::test]
async fn a_price_may_be_below_the_smallest_charge_but_an_order_may_not() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let sticker = app.product(&shop, 10, None).await;
    let problem = app
        .post("/v1/checkout_sessions", order_of(&sticker, 4))
        .refused(422, "amount_too_small")
        .await;
    assert_eq!(problem["param"], "lines");
    assert_eq!(app.count("orders").await, 0);
    app.post("/v1/checkout_sessions", order_of(&sticker, 5))
        .expect(201)
        .await;
}

#[tokio::test]
async fn a_total_that_only_stripe_can_judge_is_refused_in_the_same_words_as_our_own_check() {
    let (app, between) = Between::start().await;
    let shop = app.shop("mira").await;
    // We know of no smallest charge in pesos; what it converts to, only Stripe knows.
    let cheap = app.product_in(&shop, 1, "clp", None).await;
    // Cards take twelve digits, but Stripe may know better of this account.
    let dear = app.product(&shop, 99_999_999, None).await;
    let mut codes = ["amount_too_small", "amount_too_large"].into_iter();
    between.edit(move |path, status, answer| {
        if path.starts_with("/v1/checkout/sessions") {
            *status = 400;
            *answer = json!({ "error": {
                "type": "invalid_request_error", "code": codes.next(), "message": "The total is not right.",
            } });
        }
    });
    for (product, quantity, code) in [
        (&cheap, 1, "amount_too_small"),
        (&dear, 2, "amount_too_large"),
    ] {
        let ask = || {
            app.post("/v1/checkout_sessions", order_of(product, quantity))
                .keyed(code)
        };
        let mut problem = ask().refused(422, code).await;
        problem.has(json!({ "param": "lines" }));
        let detail = text(&problem, "detail");
        assert!(detail.starts_with("Stripe refused: "), "{detail}");
        // Whoever asks again is told the same, though Stripe isn't asked again.
        let mut again = ask().refused(422, code).await;
        for one in [&mut problem, &mut again] {
            one["request_id"] = json!(null);
        }
        assert_eq!(again, problem);
    }
    assert_eq!(app.count("orders WHERE status = 'failed'").await, 2);
    // More than that is not even asked.
    let very = app.product(&shop, 99_999_999_999, None).await;
    app.post("/v1/checkout_sessions", order_of(&very, 11))
        .refused(422, "amount_too_large")
        .await;
    assert_eq!(app.count("orders").await, 2);
}

#[tokio::test]
async fn a_fixed_fee_is_added_in_its_own_currency_and_in_no_other() {
    let app = TestApp::with(&[("APPLICATION_FEE_FIXED", "30 usd, 25 eur")]).await;
    let shop = app.shop("mira").await;
    let fee = async |currency: &str| {
        let lamp = app.product_in(&shop, 1000, currency, None).await;
        let made = app.post("/v1/checkout_sessions", order_of(&lamp, 1));
        made.expect(201).await["application_fee_amount"].clone()
    };
    assert_eq!(fee("usd").await, 130);
    assert_eq!(fee("eur").await, 125);
    assert_eq!(fee("jpy").await, 100);
    // The seller's own terms replace the platform's in every currency.
    let own = json!({ "application_fee_fixed": { "jpy": 40 } });
    let admin = app.admin().await;
    let path = format!("/v1/sellers/{}", shop.id);
    app.patch(&path, own).by(&admin).expect(200).await;
    assert_eq!(fee("usd").await, 100);
    assert_eq!(fee("jpy").await, 140);
}

#[tokio::test]
async fn a_fee_and_a_refund_keep_to_the_step_and_the_rest_goes_back_whole() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product_in(&shop, 1_234_500, "isk", None).await;
    sale_of(&app, &lamp, 1).await;
    let sold = sale_of(&app, &lamp, 1).await;
    // A tenth is 1234.50 ISK, of which there is no half.
    let order = app.order(&sold).await;
    order.has(json!({ "amount_total": 1_234_500, "application_fee_amount": 123_500 }));
    let part = |amount: i64| json!({ "order_id": sold.order, "amount": amount });
    for fraction in [1, 50, 1_050, 1_234_499] {
        app.post("/v1/refunds", part(fraction))
            .by(&shop.owner)
            .refuses_field("amount")
            .await;
    }
    let made = app.post("/v1/refunds", part(1_000)).by(&shop.owner);
    made.expect(201).await;
    app.settle().await;
    let rest = app.post("/v1/refunds", json!({ "order_id": sold.order }));
    let rest = rest.by(&shop.owner).expect(201).await;
    assert_eq!(rest["amount"], 1_233_500);
    app.settle().await;
    let order = app.order(&sold).await;
    order.has(json!({ "status": "refunded", "amount_refunded": 1_234_500 }));
}

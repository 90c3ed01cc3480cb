//! Promotion codes, here and at Stripe.

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use super::page;
use crate::harness::{Has, Shop, TestApp, text};

/// A code of 20 per cent, with some fields changed; null takes one away.
fn code(shop: &Shop, changes: Value) -> Value {
    let mut body = json!({ "seller_id": shop.id, "code": "WELCOME20", "percent_off": 20 });
    let fields = body.as_object_mut().expect("an object");
    for (field, value) in changes.as_object().expect("an object") {
        fields.insert(field.clone(), value.clone());
    }
    fields.retain(|_, value| !value.is_null());
    body
}

/// The objects of a kind on the shop's account at Stripe.
async fn at_stripe(app: &TestApp, shop: &Shop, what: &str) -> Vec<Value> {
    let list = app
        .stripe_api("GET", &format!("/{what}"), &shop.account, &[])
        .await;
    list["data"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn a_code_takes_off_a_percentage_or_an_amount_and_exists_at_stripe() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let share = app
        .post("/v1/promotion_codes", code(&shop, json!({})))
        .by(&shop.owner)
        .expect(201)
        .await;
    share.has(json!({ "code": "WELCOME20", "active": true }));
    let amount = json!({
        "code": "five-off", "percent_off": null, "amount_off": 500, "currency": "usd", "max_redemptions": 3,
        "expires_at": "2026-12-31T00:00:00Z",
    });
    let amount = app
        .post("/v1/promotion_codes", code(&shop, amount))
        .by(&shop.owner)
        .expect(201)
        .await;
    // A code is the same in either case.
    amount.has(
        json!({ "code": "FIVE-OFF", "amount_off": 500, "expires_at": "2026-12-31T00:00:00.000Z" }),
    );
    let there = at_stripe(&app, &shop, "promotion_codes").await;
    let found = |row: &Value| {
        there
            .iter()
            .find(|code| code["id"] == row["stripe_promotion_code"])
            .expect("it")
            .clone()
    };
    assert_eq!(found(&share)["code"], "WELCOME20");
    found(&amount).has(json!({ "max_redemptions": 3, "active": true }));
    let path = format!("/v1/promotion_codes?seller_id={}", shop.id);
    assert_eq!(
        page(&app, &path, &shop.owner).await.0,
        [text(&amount, "id"), text(&share, "id")]
    );
    let checkout = app.checkout(&app.product(&shop, 2500, None).await).await;
    app.pay_with(&checkout, json!({ "promotion_code": "FIVE-OFF" }))
        .await;
    app.settle().await;
    assert_eq!(app.order(&checkout).await["amount_total"], 2000);
}

#[tokio::test]
async fn every_wrong_field_of_a_code_is_named_and_nothing_is_made() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    for (field, changes) in [
        ("percent_off", json!({ "percent_off": 0 })),
        ("percent_off", json!({ "percent_off": 101 })),
        ("percent_off", json!({ "percent_off": 12.5 })),
        (
            "percent_off",
            json!({ "amount_off": 500, "currency": "usd" }),
        ),
        ("percent_off", json!({ "percent_off": null })),
        (
            "amount_off",
            json!({ "percent_off": null, "amount_off": 0, "currency": "usd" }),
        ),
        (
            "amount_off",
            json!({ "percent_off": null, "amount_off": 1_000_000_000_000_i64, "currency": "usd" }),
        ),
        (
            "currency",
            json!({ "percent_off": null, "amount_off": 500 }),
        ),
        (
            "currency",
            json!({ "percent_off": null, "amount_off": 500, "currency": "USD" }),
        ),
        ("currency", json!({ "currency": "usd" })),
        ("code", json!({ "code": "ab" })),
        ("code", json!({ "code": "two words" })),
        ("code", json!({ "code": "x".repeat(41) })),
        ("max_redemptions", json!({ "max_redemptions": 0 })),
        (
            "expires_at",
            json!({ "expires_at": "2026-11-18T11:06:40Z" }),
        ),
        ("expires_at", json!({ "expires_at": "tomorrow" })),
        ("seller_id", json!({ "seller_id": null })),
        ("active", json!({ "active": true })),
    ] {
        app.post("/v1/promotion_codes", code(&shop, changes))
            .by(&shop.owner)
            .refuses_field(field)
            .await;
    }
    assert_eq!(app.count("promotion_codes").await, 0);
    assert!(at_stripe(&app, &shop, "coupons").await.is_empty());
}

#[tokio::test]
async fn a_code_is_unique_for_its_seller_in_either_case_and_another_seller_may_have_it_too() {
    let app = TestApp::start().await;
    let (shop, other) = (app.shop("mira").await, app.shop("omar").await);
    app.percent_off(&shop, "WELCOME20", 20).await;
    for spelling in ["WELCOME20", "welcome20"] {
        let body = code(&shop, json!({ "code": spelling }));
        let problem = app
            .post("/v1/promotion_codes", body)
            .by(&shop.owner)
            .refused(409, "promotion_code_taken")
            .await;
        assert_eq!(problem["param"], "code");
    }
    app.percent_off(&other, "WELCOME20", 30).await;
    let body = code(&shop, json!({ "code": "MINE" }));
    app.post("/v1/promotion_codes", body)
        .by(&other.owner)
        .refused(404, "not_found")
        .await;
}

#[tokio::test]
async fn an_amount_in_another_currency_takes_nothing_off() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let body = code(
        &shop,
        json!({ "code": "EUROS", "percent_off": null, "amount_off": 500, "currency": "eur" }),
    );
    app.post("/v1/promotion_codes", body)
        .by(&shop.owner)
        .expect(201)
        .await;
    let checkout = app.checkout(&app.product(&shop, 2500, None).await).await;
    let path = format!("/checkout/sessions/{}/pay", checkout.id);
    app.try_simulate(&path, json!({ "promotion_code": "EUROS" }))
        .await
        .expect_err("another currency");
    app.pay(&checkout).await;
    app.settle().await;
    assert_eq!(app.order(&checkout).await["amount_total"], 2500);
}

#[tokio::test]
async fn a_code_that_is_switched_off_is_off_at_stripe_until_it_is_on_again() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let made = app
        .post("/v1/promotion_codes", code(&shop, json!({})))
        .by(&shop.owner)
        .expect(201)
        .await;
    let path = format!("/v1/promotion_codes/{}", text(&made, "id"));
    let lamp = app.product(&shop, 2500, None).await;
    for active in [false, false, true, false] {
        let changed = app
            .patch(&path, json!({ "active": active }))
            .by(&shop.owner)
            .expect(200)
            .await;
        assert_eq!(changed["active"], active);
        assert_eq!(
            at_stripe(&app, &shop, "promotion_codes").await[0]["active"],
            active
        );
        assert_eq!(app.get(&path).by(&shop.owner).expect(200).await, changed);
    }
    let checkout = app.checkout(&lamp).await;
    let pay = format!("/checkout/sessions/{}/pay", checkout.id);
    app.try_simulate(&pay, json!({ "promotion_code": "WELCOME20" }))
        .await
        .expect_err("it is off");
    app.fault(
        "POST",
        "/v1/promotion_codes",
        FaultKind::CommitThenTimeout,
        None,
    )
    .await;
    app.patch(&path, json!({ "active": true }))
        .by(&shop.owner)
        .refused(503, "stripe_unavailable")
        .await;
    assert_eq!(
        app.get(&path).by(&shop.owner).expect(200).await["active"],
        false
    );
    app.simulator.clear_faults().await;
    app.patch(&path, json!({ "active": true }))
        .by(&shop.owner)
        .expect(200)
        .await;
    app.patch(&path, json!({ "active": null }))
        .by(&shop.owner)
        .refuses_field("active")
        .await;
    app.patch(&path, json!({}))
        .by(&shop.owner)
        .refuses_field("active")
        .await;
    app.patch(&path, json!({ "code": "OTHER" }))
        .by(&shop.owner)
        .refuses_field("code")
        .await;
}

#[tokio::test]
async fn a_seller_who_cannot_charge_gives_no_codes() {
    let app = TestApp::start().await;
    let shop = app.new_shop("nadia", "US").await;
    app.settle().await;
    app.post("/v1/promotion_codes", code(&shop, json!({})))
        .by(&shop.owner)
        .refused(409, "seller_not_active")
        .await;
    assert_eq!(app.count("promotion_codes").await, 0);
}

#[tokio::test]
async fn a_code_that_stripe_refuses_is_removed() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    // Made in the seller's own dashboard.
    let coupon = app
        .stripe_api(
            "POST",
            "/coupons",
            &shop.account,
            &[("percent_off", "50"), ("duration", "once")],
        )
        .await;
    let form = [
        ("promotion[type]", "coupon"),
        ("promotion[coupon]", &*text(&coupon, "id")),
        ("code", "WELCOME20"),
    ];
    app.stripe_api("POST", "/promotion_codes", &shop.account, &form)
        .await;
    app.post("/v1/promotion_codes", code(&shop, json!({})))
        .by(&shop.owner)
        .refused(409, "stripe_refused")
        .await;
    assert_eq!(app.count("promotion_codes").await, 0);
    app.percent_off(&shop, "WELCOME21", 20).await;
    // A code can't be switched either on an account that has left.
    let path = format!("/v1/promotion_codes?seller_id={}", shop.id);
    let id = page(&app, &path, &shop.owner).await.0.remove(0);
    app.simulate(
        &format!("/accounts/{}/deauthorize", shop.account),
        json!({}),
    )
    .await;
    app.settle().await;
    let path = format!("/v1/promotion_codes/{id}");
    app.patch(&path, json!({ "active": false }))
        .by(&shop.owner)
        .refused(409, "seller_deauthorized")
        .await;
    assert_eq!(
        app.get(&path).by(&shop.owner).expect(200).await["active"],
        true
    );
}

#[tokio::test]
async fn a_code_whose_creation_stripe_did_not_answer_is_created_once_by_the_same_key_or_by_the_job()
{
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    for (name, what) in [
        ("COUPON-LOST", "/v1/coupons"),
        ("CODE-LOST", "/v1/promotion_codes"),
    ] {
        app.fault("POST", what, FaultKind::CommitThenTimeout, None)
            .await;
        let call = || {
            app.post("/v1/promotion_codes", code(&shop, json!({ "code": name })))
                .by(&shop.owner)
                .keyed(name)
        };
        call().refused(503, "stripe_unavailable").await;
        app.simulator.clear_faults().await;
        let made = call().expect(201).await;
        assert!(made["stripe_promotion_code"].is_string());
    }
    app.fault(
        "POST",
        "/v1/promotion_codes",
        FaultKind::CommitThenTimeout,
        None,
    )
    .await;
    let body = code(&shop, json!({ "code": "LEFT-ALONE" }));
    app.post("/v1/promotion_codes", body)
        .by(&shop.owner)
        .refused(503, "stripe_unavailable")
        .await;
    app.simulator.clear_faults().await;
    assert_eq!(
        app.count("promotion_codes WHERE stripe_promotion_code IS NULL")
            .await,
        1
    );
    app.advance(20).await;
    app.settle().await;
    assert_eq!(
        app.count("promotion_codes WHERE stripe_promotion_code IS NULL")
            .await,
        0
    );
    assert_eq!(at_stripe(&app, &shop, "promotion_codes").await.len(), 3);
    assert_eq!(at_stripe(&app, &shop, "coupons").await.len(), 3);
}

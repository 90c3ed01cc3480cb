//! What promotion codes ask of a purchase, for how long they last, and what they would take off.

use futures_util::future::join_all;
use serde_json::{Value, json};
use souk::catalog::promotions::redemptions::{self, Purchase};
use souk_entity::{SellerId, UserId};

use crate::harness::{Answer, Has, Shop, TestApp, User, checkout_from, lines_of, text};

/// Makes a code of 20 per cent with some fields changed; null takes one away.
async fn code(app: &TestApp, shop: &Shop, code: &str, changes: Value) -> Value {
    let mut body = json!({ "seller_id": shop.id, "code": code, "percent_off": 20 });
    let fields = body.as_object_mut().expect("an object");
    for (field, value) in changes.as_object().expect("an object") {
        fields.insert(field.clone(), value.clone());
    }
    fields.retain(|_, value| !value.is_null());
    let made = app.post("/v1/promotion_codes", body).by(&shop.owner);
    made.expect(201).await
}

async fn at_stripe(app: &TestApp, shop: &Shop, path: &str) -> Value {
    app.stripe_api("GET", path, &shop.account, &[]).await
}

/// What a code would take off so many of a product.
async fn ask(app: &TestApp, who: Option<&User>, shop: &Shop, code: &str, lines: Value) -> Value {
    let body = json!({ "seller_id": shop.id, "code": code, "lines": lines });
    let call = app.post("/v1/promotion_codes/validate", body);
    let call = match who {
        Some(who) => call.by(who),
        None => call,
    };
    call.expect(200).await
}

/// Asks what a code would take off an amount.
async fn ask_amount(app: &TestApp, shop: &Shop, code: &str, amount: i64, currency: &str) -> Value {
    let body =
        json!({ "seller_id": shop.id, "code": code, "amount": amount, "currency": currency });
    let call = app.post("/v1/promotion_codes/validate", body);
    call.expect(200).await
}

fn checkout(product: &str, quantity: i64, code: &str) -> Value {
    json!({ "lines": lines_of(&[(product, quantity)]), "customer_email": "guest@example.com", "promotion_code": code })
}

#[tokio::test]
async fn a_code_lasts_and_asks_at_stripe_as_it_does_here() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    for (name, changes, coupon, restrictions) in [
        (
            "PLAIN",
            json!({}),
            json!({ "duration": "once", "duration_in_months": null }),
            json!({ "first_time_transaction": false, "minimum_amount": null, "minimum_amount_currency": null }),
        ),
        (
            "THREE",
            json!({ "duration": "repeating", "duration_in_months": 3, "minimum_amount": 5000,
                "minimum_amount_currency": "usd" }),
            json!({ "duration": "repeating", "duration_in_months": 3 }),
            json!({ "first_time_transaction": false, "minimum_amount": 5000, "minimum_amount_currency": "usd" }),
        ),
        (
            "ALWAYS",
            json!({ "duration": "forever", "percent_off": null, "amount_off": 300, "currency": "eur",
                "first_time_transaction": true }),
            json!({ "duration": "forever", "amount_off": 300, "currency": "eur" }),
            json!({ "first_time_transaction": true, "minimum_amount": null }),
        ),
    ] {
        let made = code(&app, &shop, name, changes.clone()).await;
        let path = format!("/promotion_codes/{}", text(&made, "stripe_promotion_code"));
        let there = at_stripe(&app, &shop, &path).await;
        there["restrictions"].has(restrictions.clone());
        let path = format!("/coupons/{}", text(&there["promotion"], "coupon"));
        at_stripe(&app, &shop, &path).await.has(coupon.clone());
        for field in ["duration", "duration_in_months"] {
            assert_eq!(
                made[field],
                coupon.get(field).cloned().unwrap_or_default(),
                "{name}"
            );
        }
        for (field, value) in restrictions.as_object().expect("an object") {
            assert_eq!(made[field], *value, "{name}");
        }
        let read = app.get(format!("/v1/promotion_codes/{}", text(&made, "id")));
        assert_eq!(read.by(&shop.owner).expect(200).await, made);
    }
    app.settle().await;
}

#[tokio::test]
async fn every_wrong_field_of_a_lasting_code_is_named() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    for (field, changes) in [
        ("duration", json!({ "duration": "twice" })),
        ("duration", json!({ "duration": null })),
        ("duration_in_months", json!({ "duration": "repeating" })),
        ("duration_in_months", json!({ "duration_in_months": 3 })),
        (
            "duration_in_months",
            json!({ "duration": "forever", "duration_in_months": 3 }),
        ),
        (
            "duration_in_months",
            json!({ "duration": "repeating", "duration_in_months": 0 }),
        ),
        (
            "minimum_amount",
            json!({ "minimum_amount": 0, "minimum_amount_currency": "usd" }),
        ),
        ("minimum_amount_currency", json!({ "minimum_amount": 5000 })),
        (
            "minimum_amount_currency",
            json!({ "minimum_amount_currency": "usd" }),
        ),
        (
            "minimum_amount_currency",
            json!({ "minimum_amount": 5000, "minimum_amount_currency": "xxx" }),
        ),
        (
            "first_time_transaction",
            json!({ "first_time_transaction": "yes" }),
        ),
    ] {
        let mut body = json!({ "seller_id": shop.id, "code": "WELCOME", "percent_off": 20 });
        for (name, value) in changes.as_object().expect("an object") {
            body[name] = value.clone();
        }
        app.post("/v1/promotion_codes", body)
            .by(&shop.owner)
            .refuses_field(field)
            .await;
    }
    let other = json!({
        "seller_id": shop.id, "code": "WELCOME", "amount_off": 300, "currency": "eur", "minimum_amount": 5000,
        "minimum_amount_currency": "usd",
    });
    app.post("/v1/promotion_codes", other)
        .by(&shop.owner)
        .refuses_field("minimum_amount_currency")
        .await;
    assert_eq!(app.count("promotion_codes").await, 0);
}

#[tokio::test]
async fn every_wrong_field_of_a_question_about_a_code_is_named() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    let lines = lines_of(&[(&lamp, 1)]);
    for (field, changes) in [
        ("seller_id", json!({ "lines": lines, "seller_id": null })),
        ("code", json!({ "lines": lines, "code": "" })),
        ("code", json!({ "lines": lines, "code": "X".repeat(101) })),
        ("lines", json!({})),
        ("lines", json!({ "lines": [] })),
        ("lines", json!({ "lines": null })),
        (
            "lines",
            json!({ "lines": lines, "amount": 2500, "currency": "usd" }),
        ),
        (
            "lines[0].quantity",
            json!({ "lines": [{ "product_id": lamp, "quantity": 0 }] }),
        ),
        ("currency", json!({ "lines": lines, "currency": "usd" })),
        ("currency", json!({ "amount": 2500 })),
        ("currency", json!({ "amount": 2500, "currency": "USD" })),
        ("amount", json!({ "amount": 0, "currency": "usd" })),
        ("amount", json!({ "amount": -1, "currency": "usd" })),
        ("amount", json!({ "amount": 550, "currency": "isk" })),
        ("price", json!({ "lines": lines, "price": 1 })),
    ] {
        let mut body = json!({ "seller_id": shop.id, "code": "WELCOME" });
        for (name, value) in changes.as_object().expect("an object") {
            body[name] = value.clone();
        }
        app.post("/v1/promotion_codes/validate", body)
            .refuses_field(field)
            .await;
    }
}

/// Makes codes that take nothing off one of these, each for a reason of its own.
async fn make_unusable(app: &TestApp, shop: &Shop, lamp: &str) {
    let off = code(app, shop, "OFF", json!({})).await;
    let path = format!("/v1/promotion_codes/{}", text(&off, "id"));
    let off = app.patch(path, json!({ "active": false }));
    off.by(&shop.owner).expect(200).await;
    code(
        app,
        shop,
        "LATE",
        json!({ "expires_at": "2026-12-31T00:00:00Z" }),
    )
    .await;
    app.sql("UPDATE promotion_codes SET expires_at = 1 WHERE code = 'LATE'")
        .await;
    let euros = json!({ "percent_off": null, "amount_off": 500, "currency": "eur" });
    code(app, shop, "EUROS", euros).await;
    let least = json!({ "minimum_amount": 5000, "minimum_amount_currency": "usd" });
    code(app, shop, "LARGE", least).await;
    let elsewhere = json!({ "minimum_amount": 1, "minimum_amount_currency": "eur" });
    code(app, shop, "LARGE-EUR", elsewhere).await;
    code(app, shop, "SOON", json!({})).await;
    app.sql("UPDATE promotion_codes SET stripe_promotion_code = NULL WHERE code = 'SOON'")
        .await;
    code(app, shop, "MOST", json!({ "percent_off": 99 })).await;
    code(app, shop, "ONE", json!({ "max_redemptions": 1 })).await;
    let one = app.post("/v1/checkout_sessions", checkout(lamp, 1, "ONE"));
    one.expect(201).await;
}

#[tokio::test]
async fn a_code_that_takes_nothing_off_is_refused_by_a_checkout_for_the_same_reason() {
    let app = TestApp::start().await;
    let (shop, other) = (app.shop("mira").await, app.shop("omar").await);
    let lamp = app.product(&shop, 2500, None).await;
    make_unusable(&app, &shop, &lamp).await;
    app.percent_off(&other, "OTHERS", 20).await;
    let before = app.count("orders").await;
    for (typed, reason, status, refusal) in [
        ("NOBODYS", "unknown", 422, "promotion_code_invalid"),
        ("OTHERS", "unknown", 422, "promotion_code_invalid"),
        ("two words", "unknown", 422, "promotion_code_invalid"),
        ("OFF", "inactive", 422, "promotion_code_invalid"),
        ("LATE", "expired", 422, "promotion_code_expired"),
        ("EUROS", "currency_mismatch", 422, "promotion_code_invalid"),
        (
            "LARGE-EUR",
            "currency_mismatch",
            422,
            "promotion_code_invalid",
        ),
        (
            "large",
            "minimum_not_met",
            422,
            "promotion_code_minimum_not_met",
        ),
        ("SOON", "not_ready", 422, "promotion_code_invalid"),
        ("MOST", "amount_too_small", 422, "amount_too_small"),
        ("ONE", "used_up", 409, "promotion_code_used_up"),
    ] {
        let told = ask(&app, None, &shop, typed, lines_of(&[(&lamp, 1)])).await;
        told.has(json!({
            "valid": false, "reason": reason, "amount_subtotal": 2500, "amount_off": 0, "amount_total": 2500,
            "currency": "usd", "percent_off": null, "duration": null, "duration_in_months": null,
        }));
        assert!(text(&told, "message").ends_with('.'), "{told}");
        let call = app.post("/v1/checkout_sessions", checkout(&lamp, 1, typed));
        let problem = call.refused(status, refusal).await;
        assert_eq!(problem["param"], "promotion_code", "{typed}");
        assert_eq!(problem["detail"], told["message"], "{typed}");
    }
    assert_eq!(app.count("orders").await, before);
}

#[tokio::test]
async fn nobody_learns_of_other_sellers_codes_or_asks_about_what_cannot_be_bought() {
    let app = TestApp::start().await;
    let (shop, other) = (app.shop("mira").await, app.shop("omar").await);
    let lamp = app.product(&shop, 2500, None).await;
    app.percent_off(&other, "OTHERS", 20).await;
    let theirs = app.product(&other, 900, None).await;
    let question = |seller: &str, product: &str| {
        let body =
            json!({ "seller_id": seller, "code": "OTHERS", "lines": lines_of(&[(product, 1)]) });
        app.post("/v1/promotion_codes/validate", body)
    };
    let problem = question(&shop.id, &theirs).refused(404, "not_found").await;
    assert_eq!(problem["param"], "lines[0].product_id");
    let problem = question("sel_0", &lamp).refused(404, "not_found").await;
    assert_eq!(problem["param"], "seller_id");
    question(&other.id, &theirs)
        .expect(200)
        .await
        .has(json!({ "valid": true, "amount_off": 180 }));
    // Lines that can't be bought are refused as a checkout refuses them.
    let archived = format!("/v1/products/{theirs}");
    let archived = app.patch(archived, json!({ "status": "archived" }));
    archived.by(&other.owner).expect(200).await;
    let gone = question(&other.id, &theirs);
    gone.refused(409, "product_archived").await;
}

#[tokio::test]
async fn a_code_says_what_it_takes_off_and_a_checkout_takes_off_the_same() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    let least = json!({
        "minimum_amount": 5000, "minimum_amount_currency": "usd", "duration": "repeating", "duration_in_months": 3,
    });
    code(&app, &shop, "LARGE", least).await;
    let fixed = json!({ "percent_off": null, "amount_off": 9000, "currency": "usd", "duration": "forever" });
    code(&app, &shop, "FIXED", fixed).await;
    let told = ask(&app, None, &shop, "large", lines_of(&[(&lamp, 2)])).await;
    told.has(json!({
        "object": "promotion_code_validation", "valid": true, "reason": null, "message": null, "currency": "usd",
        "amount_subtotal": 5000, "amount_off": 1000, "amount_total": 4000, "percent_off": 20,
        "duration": "repeating", "duration_in_months": 3,
    }));
    // Never more than all of it.
    let all = ask_amount(&app, &shop, "FIXED", 2500, "usd").await;
    all.has(json!({
        "valid": true, "amount_off": 2500, "amount_total": 0, "percent_off": null, "duration": "forever",
        "duration_in_months": null,
    }));
    let dear = ask_amount(&app, &shop, "LARGE", 5000, "usd").await;
    dear.has(json!({ "valid": true, "amount_off": 1000 }));
    let cheap = ask_amount(&app, &shop, "LARGE", 4999, "usd").await;
    cheap.has(json!({ "valid": false, "reason": "minimum_not_met" }));
    assert!(text(&cheap, "message").contains("50.00 USD"), "{cheap}");
    assert_eq!(app.count("payments").await, 0);
    // Stripe takes it off, where the checkout gives it and where the buyer types it.
    let given = app.post("/v1/checkout_sessions", checkout(&lamp, 2, "LARGE"));
    let given = checkout_from(&given.expect(201).await);
    app.pay(&given).await;
    let small = app.checkout(&lamp).await;
    let pay = format!("/checkout/sessions/{}/pay", small.id);
    app.try_simulate(&pay, json!({ "promotion_code": "LARGE" }))
        .await
        .expect_err("too small");
    let typed = app.checkout_of(&[(&lamp, 2)]).await;
    app.pay_with(&typed, json!({ "promotion_code": "LARGE" }))
        .await;
    app.settle().await;
    for checkout in [&given, &typed] {
        app.order(checkout)
            .await
            .has(json!({ "status": "paid", "amount_total": 4000, "amount_discount": 1000 }));
    }
    let list = format!("/v1/promotion_codes?seller_id={}", shop.id);
    let list = app.get(list).by(&shop.owner).expect(200).await;
    list["data"].has(json!([
        { "code": "FIXED", "times_redeemed": 0 },
        { "code": "LARGE", "times_redeemed": 2 },
    ]));
}

#[tokio::test]
async fn a_code_for_a_first_purchase_is_for_nobody_who_has_bought_of_the_seller_before() {
    let app = TestApp::start().await;
    let (shop, other) = (app.shop("mira").await, app.shop("omar").await);
    let (lamp, rug) = (
        app.product(&shop, 2500, None).await,
        app.product(&other, 900, None).await,
    );
    code(
        &app,
        &shop,
        "FIRST",
        json!({ "first_time_transaction": true }),
    )
    .await;
    let (sam, kim) = (app.member("sam").await, app.member("kim").await);
    let lines = || lines_of(&[(&lamp, 1)]);
    let asked = async |who: Option<&User>| {
        let told = ask(&app, who, &shop, "FIRST", lines()).await;
        told["reason"].clone()
    };
    let opened = async |who: &User| {
        let body = json!({ "lines": lines(), "promotion_code": "FIRST" });
        app.post("/v1/checkout_sessions", body).by(who).await
    };
    // What was bought elsewhere, and what was never paid, is no purchase here.
    let elsewhere = app.checkout_by(&sam, &rug).await;
    app.pay(&elsewhere).await;
    app.checkout_by(&sam, &lamp).await;
    app.settle().await;
    assert_eq!(asked(Some(&sam)).await, json!(null));
    let before = redeemable(&app, &shop, &sam)
        .await
        .expect("it is the first");
    let first = checkout_from(opened(&sam).await.expect(201));
    app.pay(&first).await;
    app.settle().await;
    let path = format!("/v1/orders/{}", first.order);
    let order = app.get(&path).by(&sam).expect(200).await;
    order.has(json!({ "status": "paid", "amount_total": 2000 }));
    assert_eq!(asked(Some(&sam)).await, json!("first_time_only"));
    let refused = opened(&sam).await;
    refused.refused(422, "promotion_code_first_time_only");
    assert_eq!(refused.body["param"], "promotion_code");
    // Not by a checkout that was priced before, either.
    let tx = app.app.db.begin_write().await.expect("begins");
    let held = redemptions::hold(&tx, &before).await;
    tx.rollback().await.expect("rolls back");
    let fault = held.expect_err("it is the second").status_and_code();
    assert_eq!(fault, (422, "promotion_code_first_time_only"));
    // A refund doesn't make it the first again.
    let refund = app.post("/v1/refunds", json!({ "order_id": first.order }));
    refund.by(&shop.owner).expect(201).await;
    app.settle().await;
    assert_eq!(asked(Some(&sam)).await, json!("first_time_only"));
    // Nobody knows of a guest, nor of somebody else.
    for who in [None, Some(&kim)] {
        assert_eq!(asked(who).await, json!(null));
    }
    let guest = app.post("/v1/checkout_sessions", checkout(&lamp, 1, "FIRST"));
    guest.expect(201).await;
    // Money that is held counts as a purchase.
    let held = json!({ "lines": lines(), "capture_method": "manual" });
    let held = app.post("/v1/checkout_sessions", held).by(&kim);
    app.pay(&checkout_from(&held.expect(201).await)).await;
    app.settle().await;
    assert_eq!(asked(Some(&kim)).await, json!("first_time_only"));
    opened(&kim)
        .await
        .refused(422, "promotion_code_first_time_only");
}

async fn redeemable(
    app: &TestApp,
    shop: &Shop,
    who: &User,
) -> souk::error::Result<redemptions::GivenCode> {
    let (seller, buyer): (SellerId, UserId) = (shop.id.as_str().into(), who.id.as_str().into());
    let purchase = Purchase {
        seller: &seller,
        buyer: Some(&buyer),
        subtotal: 2500,
        currency: "usd",
    };
    redemptions::given(&app.app.db.read, "FIRST", purchase, app.app.clock.now()).await
}

#[tokio::test]
async fn nobody_guesses_codes_by_the_thousand() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let question = || {
        let body =
            json!({ "seller_id": shop.id, "code": "GUESS", "amount": 2500, "currency": "usd" });
        app.post("/v1/promotion_codes/validate", body)
    };
    question().expect(200).await;
    let mut slowed = 0;
    for _ in 0..20 {
        let answers = join_all((0..100).map(|_| async { question().await })).await;
        let is_slowed = |one: &&Answer| one.status_and_code() == (429, "too_many_requests");
        slowed += answers.iter().filter(is_slowed).count();
    }
    // Real time passes, and some of it fills the allowance again.
    assert!(slowed > 0, "2000 guesses were let through");
}

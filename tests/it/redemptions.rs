//! Redemptions of promotion codes that may be used a limited number of times, and codes that a checkout is given.

use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use souk::reconciliation;

use crate::harness::{Checkout, Has, Shop, TestApp, assumed, checkout_from, lines_of, text};

/// A code of 20 per cent that may be used so many times; its id.
async fn limited(app: &TestApp, shop: &Shop, code: &str, times: i64) -> String {
    let body =
        json!({ "seller_id": shop.id, "code": code, "percent_off": 20, "max_redemptions": times });
    let made = app.post("/v1/promotion_codes", body).by(&shop.owner);
    let made = made.expect(201).await;
    assert_eq!(made["times_redeemed"], 0);
    text(&made, "id")
}

async fn times_redeemed(app: &TestApp, shop: &Shop, id: &str) -> Value {
    let owner = app.login(&shop.owner).await;
    let path = format!("/v1/promotion_codes/{id}");
    let code = app.get(path).by(&owner).expect(200).await;
    let path = format!("/v1/promotion_codes?seller_id={}", shop.id);
    let list = app.get(path).by(&owner).expect(200).await;
    let listed = list["data"].as_array().expect("a list").iter();
    let listed: Vec<&Value> = listed.filter(|one| one["id"] == id).collect();
    assert_eq!(listed, [&code]);
    code["times_redeemed"].clone()
}

/// A guest's body with a code.
fn with_code(product: &str, code: &str) -> Value {
    json!({ "lines": lines_of(&[(product, 1)]), "customer_email": "guest@example.com", "promotion_code": code })
}

async fn open(app: &TestApp, product: &str, code: &str) -> Checkout {
    let body = with_code(product, code);
    checkout_from(&app.post("/v1/checkout_sessions", body).expect(201).await)
}

async fn expire(app: &TestApp, checkout: &Checkout) {
    let path = format!("/v1/checkout_sessions/{}/expire", checkout.id);
    let secret = checkout.secret.as_deref().expect("a guest's");
    let call = app.post(path, json!({})).with_secret(secret);
    call.expect(200).await;
}

/// A buyer enters a code on Stripe's page and is declined, so that the session stays open with it. Whether Stripe took it.
async fn enter(app: &TestApp, checkout: &Checkout, code: &str) -> bool {
    let path = format!("/checkout/sessions/{}/pay", checkout.id);
    let how = json!({ "promotion_code": code, "card": "4000000000000002" });
    app.try_simulate(&path, how).await.is_ok()
}

/// A limit that Stripe doesn't know, so that it is exceeded whenever Stripe counts.
async fn limit_here(app: &TestApp, times: i64) {
    let limit = format!("UPDATE promotion_codes SET max_redemptions = {times}");
    app.sql(&limit).await;
}

async fn sale_with(app: &TestApp, product: &str, code: &str) -> Checkout {
    let checkout = app.checkout(product).await;
    app.pay_with(&checkout, json!({ "promotion_code": code }))
        .await;
    app.settle().await;
    checkout
}

async fn finding(app: &TestApp) -> Value {
    let admin = app.admin().await;
    let list = app.get("/v1/ledger/findings?state=open").by(&admin);
    list.expect(200).await["data"][0].clone()
}

#[tokio::test]
async fn a_last_redemption_that_three_buyers_had_entered_is_a_finding_until_the_code_is_off() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    // So that the balance covers a refund.
    app.sale(&lamp).await;
    let code = limited(&app, &shop, "LAST", 1).await;
    let mut buyers = vec![];
    for _ in 0..3 {
        let checkout = app.checkout(&lamp).await;
        let took = enter(&app, &checkout, "last").await;
        buyers.push((checkout, took));
    }
    let (all, overused) = match assumed("code_redemption") {
        "applied" => ([true, false, false], vec![]),
        _ => (
            [true, true, true],
            vec![("promotion_code_overused".to_owned(), code.clone())],
        ),
    };
    assert_eq!([buyers[0].1, buyers[1].1, buyers[2].1], all);
    assert_eq!(times_redeemed(&app, &shop, &code).await, 0);
    for (checkout, _) in &buyers {
        app.pay(checkout).await;
    }
    let events = app.intercept().await;
    let again: Vec<Value> = events.clone();
    for event in events.iter().chain(&again) {
        app.deliver(event).await;
    }
    app.settle().await;
    let times = all.iter().filter(|took| **took).count();
    assert_eq!(times_redeemed(&app, &shop, &code).await, times);
    assert_eq!(app.open_findings().await, overused);
    for (checkout, took) in &buyers {
        let total = if *took { 2000 } else { 2500 };
        let order = app.order(checkout).await;
        order.has(json!({ "status": "paid", "amount_total": total }));
        app.verify(checkout).await;
    }
    // A refund gives no redemption back.
    let body = json!({ "order_id": buyers[0].0.order });
    let refund = app.post("/v1/refunds", body).by(&shop.owner);
    refund.expect(201).await;
    app.settle().await;
    reconciliation::reconcile(&app.app).await.expect("looks");
    assert_eq!(times_redeemed(&app, &shop, &code).await, times);
    assert_eq!(app.open_findings().await, overused);
    if overused.is_empty() {
        return;
    }
    let told = finding(&app).await;
    told.has(json!({ "amount": 1000, "currency": "usd", "stripe_account": shop.account }));
    let message = text(&told, "message");
    for part in [
        "LAST",
        "3 times",
        "1 times",
        "10.00 USD",
        "Switch the code off",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let path = format!("/v1/promotion_codes/{code}");
    let off = app.patch(path, json!({ "active": false })).by(&shop.owner);
    off.expect(200).await.has(json!({ "times_redeemed": 3 }));
    assert_eq!(app.open_findings().await, []);
    reconciliation::reconcile(&app.app).await.expect("looks");
    assert_eq!(app.open_findings().await, []);
}

#[tokio::test]
async fn a_given_code_holds_a_redemption_while_its_checkout_is_open_and_uses_it_once_it_is_paid() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    app.sale(&lamp).await;
    let code = limited(&app, &shop, "LAST", 1).await;
    let used_up = async || {
        let before = app.count("orders").await;
        let call = app.post("/v1/checkout_sessions", with_code(&lamp, "LAST"));
        let problem = call.refused(409, "promotion_code_used_up").await;
        assert_eq!(problem["param"], "promotion_code");
        assert_eq!(app.count("orders").await, before);
    };
    let first = open(&app, &lamp, "last").await;
    used_up().await;
    expire(&app, &first).await;
    let second = open(&app, &lamp, "Last").await;
    used_up().await;
    // An order that is cancelled gives it back too.
    let path = format!("/v1/orders/{}/cancel", second.order);
    let secret = second.secret.as_deref().expect("a guest's");
    let cancelled = app.post(path, json!({})).with_secret(secret);
    cancelled.expect(200).await;
    let third = open(&app, &lamp, "LAST").await;
    // Nobody pays it in time.
    app.advance(86_400).await;
    app.settle().await;
    assert_eq!(app.order(&third).await["status"], "expired");
    let fourth = open(&app, &lamp, "LAST").await;
    assert_eq!(times_redeemed(&app, &shop, &code).await, 0);
    app.pay(&fourth).await;
    app.settle().await;
    app.order(&fourth)
        .await
        .has(json!({ "status": "paid", "amount_total": 2000, "amount_discount": 500 }));
    used_up().await;
    let owner = app.login(&shop.owner).await;
    let body = json!({ "order_id": fourth.order });
    app.post("/v1/refunds", body).by(&owner).expect(201).await;
    app.settle().await;
    assert_eq!(times_redeemed(&app, &shop, &code).await, 1);
    used_up().await;
    assert_eq!(app.open_findings().await, []);
}

#[tokio::test]
async fn a_payment_whose_money_is_held_has_its_redemption() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    limited(&app, &shop, "LAST", 1).await;
    let mut body = with_code(&lamp, "LAST");
    body["capture_method"] = json!("manual");
    let open = || app.post("/v1/checkout_sessions", body.clone());
    let held = checkout_from(&open().expect(201).await);
    app.pay(&held).await;
    app.settle().await;
    app.order(&held)
        .await
        .has(json!({ "status": "authorized" }));
    open().refused(409, "promotion_code_used_up").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_checkouts_at_once_never_hold_more_redemptions_than_there_are() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    let code = limited(&app, &shop, "THREE", 3).await;
    let call = || app.post("/v1/checkout_sessions", with_code(&lamp, "THREE"));
    let answers = join_all((0..9).map(|_| async { call().await })).await;
    let count = |is: &dyn Fn(&crate::harness::Answer) -> bool| {
        answers.iter().filter(|answer| is(answer)).count()
    };
    assert_eq!(count(&|answer| answer.status == 201), 3);
    assert_eq!(
        count(&|answer| answer.code() == "promotion_code_used_up"),
        6
    );
    let opened = answers.iter().filter(|answer| answer.status == 201);
    for answer in opened {
        app.pay(&checkout_from(&answer.body)).await;
    }
    app.settle().await;
    assert_eq!(times_redeemed(&app, &shop, &code).await, 3);
    assert_eq!(app.open_findings().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_redemptions_that_are_confirmed_at_the_same_moment_see_each_other() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    for round in 0..8 {
        let code = format!("ROUND{round}");
        app.percent_off(&shop, &code, 20).await;
        limit_here(&app, 1).await;
        let (a, b) = (app.checkout(&lamp).await, app.checkout(&lamp).await);
        for checkout in [&a, &b] {
            app.pay_with(checkout, json!({ "promotion_code": code }))
                .await;
        }
        let events = app.intercept().await;
        let of_a = events.iter().find(|event| {
            event["type"] == "checkout.session.completed" && event["data"]["object"]["id"] == *a.id
        });
        join(app.deliver(of_a.expect("it")), app.verify(&b)).await;
        assert_eq!(app.open_findings().await.len(), round + 1);
    }
    app.settle().await;
}

#[tokio::test]
async fn a_debit_under_way_holds_its_code_until_it_fails() {
    let app = TestApp::start().await;
    let shop = app.shop_in("mira", "DE").await;
    let lamp = app.product_in(&shop, 2500, "eur", None).await;
    limited(&app, &shop, "TWO", 2).await;
    let debit = app.checkout(&lamp).await;
    let how = json!({ "promotion_code": "TWO", "method": "sepa_debit" });
    app.pay_with(&debit, how).await;
    app.settle().await;
    assert_eq!(app.order(&debit).await["status"], "processing");
    open(&app, &lamp, "TWO").await;
    let call = || app.post("/v1/checkout_sessions", with_code(&lamp, "TWO"));
    call().refused(409, "promotion_code_used_up").await;
    let path = format!("/checkout/sessions/{}/settle", debit.id);
    app.simulate(&path, json!({ "outcome": "fail" })).await;
    app.settle().await;
    assert_eq!(app.order(&debit).await["status"], "failed");
    // Stripe gives the debit's redemption back to nobody.
    match assumed("code_redemption") {
        "applied" => drop(call().refused(422, "promotion_code_invalid").await),
        _ => drop(call().expect(201).await),
    }
}

#[tokio::test]
async fn a_given_code_is_in_the_request_and_the_fee_is_of_what_the_buyer_pays() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let admin = app.admin().await;
    let terms = json!({ "application_fee_bps": 1000, "application_fee_fixed": { "usd": 30 } });
    let changed = app.patch(format!("/v1/sellers/{}", shop.id), terms);
    changed.by(&admin).expect(200).await;
    let lamp = app.product(&shop, 2500, None).await;
    app.percent_off(&shop, "WELCOME20", 20).await;
    app.percent_off(&shop, "GIFT", 100).await;
    let body = with_code(&lamp, "welcome20");
    let session = app.post("/v1/checkout_sessions", body).expect(201).await;
    // 10 % of 2000, and 30 more.
    session.has(json!({
        "amount_subtotal": 2500, "application_fee_amount": 230, "allow_promotion_codes": false, "amount_discount": null,
    }));
    let there = app.stripe_books(&shop.account).await["checkout_sessions"][0].clone();
    there.has(
        json!({ "amount_subtotal": 2500, "amount_total": 2000, "allow_promotion_codes": null }),
    );
    assert_eq!(
        there["discounts"][0]["promotion_code"],
        session["stripe_promotion_code"]
    );
    let checkout = checkout_from(&session);
    app.pay(&checkout).await;
    app.settle().await;
    let charge = app.stripe_books(&shop.account).await["charges"][0].clone();
    charge.has(json!({ "amount": 2000, "application_fee_amount": 230 }));
    let read = app.get(format!("/v1/checkout_sessions/{}", checkout.id));
    let read = read.by(&shop.owner).expect(200).await;
    read.has(json!({ "amount_discount": 500, "amount_total": 2000, "status": "complete" }));
    // Beside a code none may be entered, and with `false` none is.
    let mut body = with_code(&lamp, "WELCOME20");
    body["allow_promotion_codes"] = json!(true);
    app.post("/v1/checkout_sessions", body.clone())
        .refuses_field("promotion_code")
        .await;
    body["allow_promotion_codes"] = json!(false);
    app.post("/v1/checkout_sessions", body).expect(201).await;
    // A gift has no fee, and nothing is charged.
    let body = with_code(&lamp, "GIFT");
    let gift = app.post("/v1/checkout_sessions", body).expect(201).await;
    gift.has(json!({ "amount_subtotal": 2500, "application_fee_amount": 0 }));
    let gift = checkout_from(&gift);
    app.pay_with(&gift, json!({})).await;
    app.settle().await;
    app.order(&gift)
        .await
        .has(json!({ "status": "paid", "amount_total": 0, "amount_discount": 2500 }));
    let books = app.stripe_books(&shop.account).await;
    assert_eq!(books["charges"].as_array().map(Vec::len), Some(1));
    assert_eq!(app.open_findings().await, []);
}

#[tokio::test]
async fn a_code_that_cannot_be_used_is_refused_by_its_name_and_nothing_is_written() {
    let app = TestApp::start().await;
    let (shop, other) = (app.shop("mira").await, app.shop("omar").await);
    let lamp = app.product(&shop, 2500, None).await;
    let pin = app.product(&shop, 100, None).await;
    for (code, what) in [
        ("OFF", json!({ "percent_off": 20 })),
        (
            "LATE",
            json!({ "percent_off": 20, "expires_at": "2026-12-31T00:00:00Z" }),
        ),
        ("EUROS", json!({ "amount_off": 500, "currency": "eur" })),
        ("MOST", json!({ "percent_off": 80 })),
        ("FOUR", json!({ "amount_off": 400, "currency": "usd" })),
    ] {
        let mut body = what;
        body["seller_id"] = json!(shop.id);
        body["code"] = json!(code);
        let call = app.post("/v1/promotion_codes", body).by(&shop.owner);
        let made = call.expect(201).await;
        if code == "OFF" {
            let path = format!("/v1/promotion_codes/{}", text(&made, "id"));
            let off = app.patch(path, json!({ "active": false }));
            off.by(&shop.owner).expect(200).await;
        }
    }
    app.percent_off(&other, "OTHERS", 20).await;
    let refused = async |product: &str, typed: &str, code: &str| {
        let call = app.post("/v1/checkout_sessions", with_code(product, typed));
        let problem = call.refused(422, code).await;
        assert_eq!(problem["param"], "promotion_code", "{typed:?}");
    };
    for typed in [
        "NOBODYS",
        "OTHERS",
        "OFF",
        "EUROS",
        "",
        "x",
        "two words",
        &"X".repeat(300),
    ] {
        refused(&lamp, typed, "promotion_code_invalid").await;
    }
    // 20 cents would be left of a dollar.
    refused(&pin, "MOST", "amount_too_small").await;
    let free = app.post("/v1/checkout_sessions", with_code(&pin, "FOUR"));
    free.expect(201)
        .await
        .has(json!({ "application_fee_amount": 0 }));
    app.sql("UPDATE promotion_codes SET expires_at = 1 WHERE code = 'LATE'")
        .await;
    refused(&lamp, "LATE", "promotion_code_expired").await;
    app.sql("UPDATE promotion_codes SET stripe_promotion_code = NULL WHERE code = 'MOST'")
        .await;
    refused(&lamp, "MOST", "promotion_code_invalid").await;
    assert_eq!(app.count("orders").await, 1);
}

#[tokio::test]
async fn a_code_that_only_stripe_refuses_is_refused_alike_and_holds_nothing() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    let code = limited(&app, &shop, "LAST", 1).await;
    let path = format!("/v1/promotion_codes/{code}");
    let row = app.get(&path).by(&shop.owner).expect(200).await;
    // In the seller's own dashboard.
    let there = format!("/promotion_codes/{}", text(&row, "stripe_promotion_code"));
    let switch = async |active: &str| {
        app.stripe_api("POST", &there, &shop.account, &[("active", active)])
            .await
    };
    switch("false").await;
    let call = |key: &str| {
        app.post("/v1/checkout_sessions", with_code(&lamp, "LAST"))
            .keyed(key)
    };
    for _ in 0..2 {
        let problem = call("one").refused(422, "promotion_code_invalid").await;
        assert_eq!(problem["param"], "promotion_code");
    }
    assert_eq!(app.count("orders WHERE status = 'failed'").await, 1);
    switch("true").await;
    call("two").expect(201).await;
}

#[tokio::test]
async fn a_redemption_counts_though_its_event_or_the_answer_about_its_code_came_without_names() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    app.percent_off(&shop, "TWICE", 20).await;
    let code: String = app.query("SELECT id AS it FROM promotion_codes").await;
    // Stripe has made the code, and we have no answer yet.
    app.sql("UPDATE promotion_codes SET stripe_coupon = NULL, stripe_promotion_code = NULL")
        .await;
    sale_with(&app, &lamp, "TWICE").await;
    // An event of an API version without `discounts`.
    let checkout = app.checkout(&lamp).await;
    app.pay_with(&checkout, json!({ "promotion_code": "TWICE" }))
        .await;
    for mut event in app.intercept().await {
        if let Some(session) = event["data"]["object"].as_object_mut() {
            session.remove("discounts");
        }
        app.deliver(&event).await;
    }
    assert_eq!(app.order(&checkout).await["status"], "paid");
    app.settle().await;
    assert_eq!(app.open_findings().await, []);
    // Whoever switches it goes on with its creation first.
    let path = format!("/v1/promotion_codes/{code}");
    let owner = app.login(&shop.owner).await;
    let on = app.patch(path, json!({ "active": true })).by(&owner);
    on.expect(200).await.has(json!({ "times_redeemed": 2 }));
    limit_here(&app, 1).await;
    reconciliation::reconcile(&app.app).await.expect("looks");
    let overused = ("promotion_code_overused".to_owned(), code.clone());
    assert_eq!(app.open_findings().await, std::slice::from_ref(&overused));
    // A person can't wish it away.
    let admin = app.admin().await;
    let id = text(&finding(&app).await, "id");
    let path = format!("/v1/ledger/findings/{id}/resolve");
    let resolve = app.post(path, json!({ "note": "seen" })).by(&admin);
    resolve.expect(200).await;
    reconciliation::reconcile(&app.app).await.expect("looks");
    assert_eq!(app.open_findings().await, [overused]);
}

#[tokio::test]
async fn a_fee_of_the_subtotal_stays_so_beside_a_given_code_but_is_never_above_what_is_paid() {
    let app = TestApp::with(&[("APPLICATION_FEE_BASE", "subtotal")]).await;
    let shop = app.shop("mira").await;
    let admin = app.admin().await;
    let terms = json!({ "application_fee_bps": 5000, "application_fee_fixed": {} });
    let changed = app.patch(format!("/v1/sellers/{}", shop.id), terms);
    changed.by(&admin).expect(200).await;
    let lamp = app.product(&shop, 2500, None).await;
    for (code, percent, fee) in [("TWENTY", 20, 1250), ("SIXTY", 60, 1000), ("GIFT", 100, 0)] {
        app.percent_off(&shop, code, percent).await;
        let call = app.post("/v1/checkout_sessions", with_code(&lamp, code));
        let session = call.expect(201).await;
        assert_eq!(session["application_fee_amount"], fee, "{code}");
    }
}

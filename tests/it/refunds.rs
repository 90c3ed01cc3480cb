//! Refunds: asked for here, created at Stripe once, even when Stripe's answer is lost.

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{Between, Checkout, Has, Shop, TestApp, fee_inside, text};

/// A shop with two paid orders: Stripe's fees of the one are covered by the other.
async fn sold(app: &TestApp) -> (Shop, Checkout) {
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    app.sale(&lamp).await;
    let checkout = app.sale(&lamp).await;
    (shop, checkout)
}

async fn ask(app: &TestApp, shop: &Shop, body: Value) -> Value {
    app.post("/v1/refunds", body)
        .by(&shop.owner)
        .expect(201)
        .await
}

/// How many refunds Stripe has made on an account.
async fn at_stripe(app: &TestApp, shop: &Shop) -> usize {
    app.stripe_books(&shop.account).await["refunds"]
        .as_array()
        .expect("refunds")
        .len()
}

#[tokio::test]
async fn a_partial_refund_returns_its_share_of_the_fee_and_the_rest_can_follow() {
    let app = TestApp::start().await;
    let (shop, checkout) = sold(&app).await;
    let part = ask(
        &app,
        &shop,
        json!({ "order_id": checkout.order, "amount": 1000, "reason": "requested_by_customer" }),
    )
    .await;
    part.has(json!({ "status": "requested", "origin": "requested" }));
    app.settle().await;
    let path = format!("/v1/refunds/{}", text(&part, "id"));
    let part = app.get(path).by(&shop.owner).expect(200).await;
    part.has(json!({ "status": "succeeded", "application_fee_refunded": fee_inside(100) }));
    let order = app.order(&checkout).await;
    order.has(json!({ "status": "paid", "amount_refunded": 1000 }));
    let rest = ask(&app, &shop, json!({ "order_id": checkout.order })).await;
    assert_eq!(rest["amount"], 1500);
    app.settle().await;
    let order = app.order(&checkout).await;
    order.has(json!({ "status": "refunded", "amount_refunded": 2500 }));
    assert_eq!(app.verify(&checkout).await["status"], "refunded");
    let again = json!({ "order_id": checkout.order });
    app.post("/v1/refunds", again)
        .by(&shop.owner)
        .refused(409, "already_refunded")
        .await;
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn refunds_never_exceed_what_was_paid_after_the_discount() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    app.percent_off(&shop, "HALF", 50).await;
    app.sale(&lamp).await;
    let checkout = app.checkout(&lamp).await;
    app.pay_with(&checkout, json!({ "promotion_code": "HALF" }))
        .await;
    app.settle().await;
    for amount in [1251, 2500] {
        let body = json!({ "order_id": checkout.order, "amount": amount });
        let problem = app
            .post("/v1/refunds", body)
            .by(&shop.owner)
            .refused(409, "refund_exceeds_paid")
            .await;
        assert_eq!(problem["param"], "amount");
    }
    ask(
        &app,
        &shop,
        json!({ "order_id": checkout.order, "amount": 1250 }),
    )
    .await;
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "refunded");
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn a_refund_whose_answer_was_lost_is_created_once() {
    let app = TestApp::start().await;
    let (shop, checkout) = sold(&app).await;
    let refund = ask(
        &app,
        &shop,
        json!({ "order_id": checkout.order, "amount": 1000 }),
    )
    .await;
    // Stripe does every try of the first run, and answers none.
    app.fault("POST", "/v1/refunds", FaultKind::CommitThenTimeout, Some(3))
        .await;
    app.run_jobs().await;
    assert_eq!(at_stripe(&app, &shop).await, 1);
    let path = format!("/v1/refunds/{}", text(&refund, "id"));
    assert_eq!(
        app.get(&path).by(&shop.owner).expect(200).await["status"],
        "requested"
    );
    app.intercept().await;
    app.advance(5).await;
    app.settle().await;
    assert_eq!(at_stripe(&app, &shop).await, 1);
    assert_eq!(
        app.get(&path).by(&shop.owner).expect(200).await["status"],
        "succeeded"
    );
    assert_eq!(app.order(&checkout).await["amount_refunded"], 1000);
}

#[tokio::test]
async fn a_refund_is_searched_for_before_it_is_tried_again_after_a_500_or_a_day_without_an_answer()
{
    for (kind, wait) in [
        (FaultKind::Error500, 5),
        (FaultKind::CommitThenError500, 5),
        (FaultKind::CommitThenTimeout, 25 * 3600),
    ] {
        println!("{kind:?}");
        let app = TestApp::start().await;
        let (shop, checkout) = sold(&app).await;
        ask(
            &app,
            &shop,
            json!({ "order_id": checkout.order, "amount": 1000 }),
        )
        .await;
        app.fault("POST", "/v1/refunds", kind, Some(3)).await;
        app.run_jobs().await;
        app.simulator.clear_faults().await;
        app.intercept().await;
        app.advance(wait).await;
        app.settle().await;
        let shop = Shop {
            owner: app.login(&shop.owner).await,
            ..shop
        };
        assert_eq!(at_stripe(&app, &shop).await, 1);
        let refunds = app.refunds(&shop, &checkout.order).await;
        refunds.has(json!([{ "status": "succeeded" }]));
    }
}

#[tokio::test]
async fn the_same_idempotency_key_makes_one_refund() {
    let app = TestApp::start().await;
    let (shop, checkout) = sold(&app).await;
    let body = json!({ "order_id": checkout.order, "amount": 1000 });
    let first = app
        .post("/v1/refunds", body.clone())
        .by(&shop.owner)
        .keyed("k1")
        .await;
    let again = app
        .post("/v1/refunds", body)
        .by(&shop.owner)
        .keyed("k1")
        .await;
    first.expect_first(201);
    again.expect_replay(201);
    assert_eq!(first.body["id"], again.body["id"]);
    let other = json!({ "order_id": checkout.order, "amount": 1001 });
    app.post("/v1/refunds", other)
        .by(&shop.owner)
        .keyed("k1")
        .refused(422, "idempotency_mismatch")
        .await;
    app.settle().await;
    assert_eq!(at_stripe(&app, &shop).await, 1);
}

#[tokio::test]
async fn a_refund_that_stripe_refuses_is_blocked_and_raises_a_finding() {
    let app = TestApp::start().await;
    let (shop, checkout) = sold(&app).await;
    ask(&app, &shop, json!({ "order_id": checkout.order })).await;
    // The account has left the platform in between, and no event has told us yet.
    app.simulate(
        &format!("/accounts/{}/deauthorize", shop.account),
        json!({}),
    )
    .await;
    app.intercept().await;
    app.run_jobs().await;
    let refunds = app.refunds(&shop, &checkout.order).await;
    assert_eq!(refunds[0]["status"], "blocked", "{refunds:?}");
    let admin = app.admin().await;
    let findings = app
        .get("/v1/ledger/findings?kind=refund_missing")
        .by(&admin)
        .expect(200)
        .await;
    assert_eq!(
        findings["data"][0]["subject"], refunds[0]["id"],
        "{findings}"
    );
    assert_eq!(app.order(&checkout).await["status"], "paid");
}

#[tokio::test]
async fn an_answer_that_is_not_stripes_blocks_no_refund() {
    let (app, between) = Between::start().await;
    let (shop, checkout) = sold(&app).await;
    between.edit(|path, status, answer| {
        if path.starts_with("/v1/refunds") {
            *status = 403;
            *answer = json!({ "message": "blocked by the proxy" });
        }
    });
    ask(&app, &shop, json!({ "order_id": checkout.order })).await;
    app.run_jobs().await;
    let rows = app.refunds(&shop, &checkout.order).await;
    rows[0].has(json!({ "status": "requested" }));
    assert_eq!(app.open_findings().await, vec![]);
    between.be_honest();
    app.advance(60).await;
    app.settle().await;
    let rows = app.refunds(&shop, &checkout.order).await;
    rows[0].has(json!({ "status": "succeeded" }));
    assert_eq!(at_stripe(&app, &shop).await, 1);
}

#[tokio::test]
async fn an_order_is_paid_again_when_its_refund_fails_after_all() {
    let app = TestApp::start().await;
    let (shop, checkout) = sold(&app).await;
    ask(&app, &shop, json!({ "order_id": checkout.order })).await;
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "refunded");
    let refund = text(
        &app.refunds(&shop, &checkout.order).await[0],
        "stripe_refund",
    );
    app.simulate(&format!("/refunds/{refund}/fail"), json!({}))
        .await;
    app.settle().await;
    let order = app.order(&checkout).await;
    order.has(json!({ "status": "paid", "amount_refunded": 0 }));
    let refunds = app.refunds(&shop, &checkout.order).await;
    assert_eq!(refunds[0]["status"], "failed");
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn an_older_event_about_a_refund_changes_nothing_whenever_it_comes() {
    let app = TestApp::start().await;
    let (shop, checkout) = sold(&app).await;
    ask(&app, &shop, json!({ "order_id": checkout.order })).await;
    app.run_jobs().await;
    let mut told = app.pending_one("refund.created").await;
    app.settle().await;
    let now = async || {
        (
            text(&app.refunds(&shop, &checkout.order).await[0], "status"),
            text(&app.order(&checkout).await, "status"),
        )
    };
    let stands = |refund: &str, order: &str| (refund.to_owned(), order.to_owned());
    let mut count = 0;
    let mut say = async |status: &str| {
        count += 1;
        told["id"] = json!(format!("evt_late{count}"));
        told["data"]["object"]["status"] = json!(status);
        app.deliver(&told).await;
        app.run_jobs().await;
    };
    assert_eq!(now().await, stands("succeeded", "refunded"));
    for older in ["pending", "requires_action"] {
        say(older).await;
        assert_eq!(now().await, stands("succeeded", "refunded"), "{older}");
    }
    say("failed").await;
    assert_eq!(now().await, stands("failed", "paid"));
    for older in ["succeeded", "pending"] {
        say(older).await;
        assert_eq!(now().await, stands("failed", "paid"), "{older}");
    }
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn only_the_seller_and_admins_may_refund() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    app.sale(&lamp).await;
    let buyer = app.member("buyer").await;
    let checkout = app.checkout_by(&buyer, &lamp).await;
    let body = json!({ "order_id": checkout.order, "amount": 100 });
    app.post("/v1/refunds", body.clone())
        .by(&shop.owner)
        .refused(409, "order_not_paid")
        .await;
    app.pay(&checkout).await;
    app.settle().await;
    app.post("/v1/refunds", body.clone())
        .by(&buyer)
        .refused(403, "forbidden")
        .await;
    let other = app.shop("omar").await.owner;
    let problem = app
        .post("/v1/refunds", body.clone())
        .by(&other)
        .refused(404, "not_found")
        .await;
    assert_eq!(problem["param"], "order_id");
    let admin = app.admin().await;
    let made = app.post("/v1/refunds", body).by(&admin).expect(201).await;
    app.settle().await;
    let path = format!("/v1/refunds/{}", text(&made, "id"));
    assert_eq!(
        app.get(&path).by(&buyer).expect(200).await["status"],
        "succeeded"
    );
    app.get(&path).by(&other).refused(404, "not_found").await;
    let mine = app.get("/v1/refunds").by(&buyer).expect(200).await;
    assert_eq!(mine["data"].as_array().map(Vec::len), Some(1));
    let theirs = app
        .get(format!("/v1/refunds?seller_id={}", shop.id))
        .by(&other)
        .refused(404, "not_found")
        .await;
    assert_eq!(theirs["param"], "seller_id");
    assert_eq!(
        app.get("/v1/refunds").by(&other).expect(200).await["data"],
        json!([])
    );
}

//! Idempotency keys, tried on products.

use serde_json::{Value, json};

use super::lamp;
use crate::harness::{Answer, Has, Shop, TestApp};

async fn make(app: &TestApp, shop: &Shop, key: &str, body: Value) -> Answer {
    app.post("/v1/products", body)
        .by(&shop.owner)
        .keyed(key)
        .await
}

#[tokio::test]
async fn the_same_key_and_body_get_the_same_answer_and_make_nothing_more() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let body = lamp(&shop, "stock", json!(2));
    let first = make(&app, &shop, "once", body.clone()).await;
    first.expect_first(201);
    let again = make(&app, &shop, "once", body).await;
    again.expect_replay(201);
    assert_eq!(again.body, first.body);
    assert_eq!(app.count("products").await, 1);
    assert_eq!(app.count("stock_movements").await, 1);
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    make(&app, &shop, "once", lamp(&shop, "stock", json!(2))).await;
    let other = make(&app, &shop, "once", lamp(&shop, "stock", json!(3))).await;
    other.refused(422, "idempotency_mismatch");
    assert_eq!(other.body["param"], "Idempotency-Key");
    assert_eq!(app.count("products").await, 1);
}

#[tokio::test]
async fn a_key_counts_for_one_person_on_one_route() {
    let app = TestApp::start().await;
    let (shop, other) = (app.shop("mira").await, app.shop("omar").await);
    for shop in [&shop, &other] {
        let made = make(&app, shop, "mine", lamp(shop, "stock", json!(2))).await;
        made.expect_first(201);
    }
    let code = json!({ "seller_id": shop.id, "code": "WELCOME20", "percent_off": 20 });
    app.post("/v1/promotion_codes", code)
        .by(&shop.owner)
        .keyed("mine")
        .expect(201)
        .await;
}

#[tokio::test]
async fn a_key_of_an_adjustment_does_not_answer_for_another_product() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let (one, two) = (
        app.product(&shop, 2500, Some(1)).await,
        app.product(&shop, 2500, Some(1)).await,
    );
    let call = |id: &str| {
        let body = json!({ "delta": 1, "reason": "received" });
        app.post(format!("/v1/products/{id}/stock_adjustments"), body)
            .by(&shop.owner)
            .keyed("delivery")
    };
    call(&one).expect(201).await;
    call(&one).expect(201).await;
    call(&two).refused(422, "idempotency_mismatch").await;
    assert_eq!(app.stock(&one).await, 2);
    assert_eq!(app.stock(&two).await, 1);
}

#[tokio::test]
async fn a_key_is_taken_until_the_lease_of_its_first_request_is_over_and_then_the_next_one_goes_on()
{
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let body = lamp(&shop, "stock", json!(2));
    let hash = souk::ids::sha256_hex(body.to_string().as_bytes());
    let (scope, now) = (
        format!("{} /v1/products", shop.owner.id),
        app.app.clock.now().0,
    );
    app.sql(&format!(
        "INSERT INTO idempotency_keys (id, scope, key, request_hash, resource_id, status, lease_until, created_at)
         VALUES ('idk_1', '{scope}', 'busy', '{hash}', 'prd_resumed', NULL, {}, {now})",
        now + 60_000
    ))
    .await;
    let busy = make(&app, &shop, "busy", body.clone()).await;
    busy.refused(409, "idempotency_in_flight");
    app.advance(61).await;
    let resumed = make(&app, &shop, "busy", body).await;
    resumed.expect(201).has(json!({ "id": "prd_resumed" }));
}

#[tokio::test]
async fn a_refused_request_may_be_tried_again_under_the_same_key() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let id = app.product(&shop, 2500, Some(1)).await;
    let path = format!("/v1/products/{id}/stock_adjustments");
    let take = || {
        let body = json!({ "delta": -2, "reason": "damaged" });
        app.post(&path, body).by(&shop.owner).keyed("broken")
    };
    take().refused(409, "insufficient_stock").await;
    app.post(&path, json!({ "delta": 5, "reason": "received" }))
        .by(&shop.owner)
        .expect(201)
        .await;
    take().expect(201).await;
    assert_eq!(app.stock(&id).await, 4);
    for key in ["", &"k".repeat(256)] {
        let call = app
            .post(&path, json!({ "delta": 5, "reason": "received" }))
            .by(&shop.owner);
        call.header("idempotency-key", key)
            .refuses_field("Idempotency-Key")
            .await;
    }
}

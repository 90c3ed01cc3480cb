//! Orders: who sees them, fulfilling, cancelling, and what their timelines say.

mod access;
mod outcomes;

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{Has, TestApp, text};

fn kinds(timeline: &Value) -> Vec<String> {
    timeline["data"]
        .as_array()
        .expect("a list")
        .iter()
        .rev()
        .map(|event| text(event, "type"))
        .collect()
}

#[tokio::test]
async fn a_timeline_tells_what_happened_to_an_order() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    app.sale(&lamp).await;
    let checkout = app.sale(&lamp).await;
    let path = format!("/v1/orders/{}", checkout.order);
    let secret = checkout.secret.clone().expect("a guest's");
    app.post(format!("{path}/fulfil"), json!({}))
        .with_secret(&secret)
        .refused(403, "forbidden")
        .await;
    let body = json!({ "tracking_number": "T-1", "note": "left today" });
    let order = app
        .post(format!("{path}/fulfil"), body)
        .by(&shop.owner)
        .expect(200)
        .await;
    assert_eq!(order["tracking_number"], "T-1");
    let again = app
        .post(
            format!("{path}/fulfil"),
            json!({ "tracking_number": "T-2" }),
        )
        .by(&shop.owner)
        .expect(200)
        .await;
    assert_eq!(again, order, "once is enough");
    app.post("/v1/refunds", json!({ "order_id": checkout.order }))
        .by(&shop.owner)
        .expect(201)
        .await;
    app.settle().await;
    let timeline = app
        .get(format!("{path}/timeline"))
        .with_secret(&secret)
        .expect(200)
        .await;
    assert_eq!(
        kinds(&timeline),
        [
            "created",
            "session_created",
            "paid",
            "fulfilled",
            "refund_requested",
            "refund_succeeded",
            "refunded"
        ]
    );
    let page = app
        .get(format!("{path}/timeline?limit=2"))
        .with_secret(&secret)
        .expect(200)
        .await;
    page.has(json!({ "has_more": true }));
    assert_eq!(kinds(&page).len(), 2);
    let after = text(&page["data"][1], "id");
    let next = app
        .get(format!("{path}/timeline?limit=5&starting_after={after}"))
        .with_secret(&secret)
        .expect(200)
        .await;
    assert_eq!(next["has_more"], false);
    assert_eq!([kinds(&next), kinds(&page)].concat(), kinds(&timeline));
}

#[tokio::test]
async fn everybody_sees_only_their_own_orders() {
    let app = TestApp::start().await;
    let (mira, omar) = (app.shop("mira").await, app.shop("omar").await);
    let (lamp, rug) = (
        app.product(&mira, 2500, None).await,
        app.product(&omar, 9000, None).await,
    );
    let buyer = app.member("buyer").await;
    let bought = app.checkout_by(&buyer, &lamp).await;
    app.checkout(&rug).await;
    let list = async |path: &str, who| {
        let list = app.get(path).by(who).expect(200).await;
        let rows = list["data"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|o| text(o, "id"));
        rows.collect::<Vec<_>>()
    };
    assert_eq!(list("/v1/orders", &buyer).await, [bought.order.as_str()]);
    assert_eq!(
        list(&format!("/v1/orders?seller_id={}", mira.id), &mira.owner).await,
        [bought.order.as_str()]
    );
    assert!(
        list("/v1/orders", &mira.owner).await.is_empty(),
        "she bought nothing"
    );
    let admin = app.admin().await;
    assert_eq!(list("/v1/orders", &admin).await.len(), 2);
    assert_eq!(
        list(
            "/v1/orders?status=pending&created_gte=2026-01-01T00:00:00Z",
            &admin
        )
        .await
        .len(),
        2
    );
    assert!(
        list("/v1/orders?created_lt=2026-01-01T00:00:00Z", &admin)
            .await
            .is_empty()
    );
    app.get(format!("/v1/orders?seller_id={}", mira.id))
        .by(&omar.owner)
        .refused(404, "not_found")
        .await;
    app.get("/v1/orders?status=unknown")
        .by(&buyer)
        .refuses_field("status")
        .await;
    let path = format!("/v1/orders/{}", bought.order);
    for who in [&buyer, &mira.owner, &admin] {
        app.get(&path).by(who).expect(200).await;
    }
    app.get(&path)
        .by(&omar.owner)
        .refused(404, "not_found")
        .await;
}

#[tokio::test]
async fn only_a_paid_order_is_fulfilled_and_not_by_its_buyer() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    let buyer = app.member("buyer").await;
    let checkout = app.checkout_by(&buyer, &lamp).await;
    let path = format!("/v1/orders/{}/fulfil", checkout.order);
    app.post(&path, json!({}))
        .by(&shop.owner)
        .refused(409, "order_not_paid")
        .await;
    app.post(&path, json!({}))
        .by(&buyer)
        .refused(403, "forbidden")
        .await;
    app.pay(&checkout).await;
    app.settle().await;
    app.post(&path, json!({}))
        .by(&buyer)
        .refused(403, "forbidden")
        .await;
    app.post(&path, json!({}))
        .by(&app.admin().await)
        .expect(200)
        .await;
    app.settle().await;
}

#[tokio::test]
async fn cancelling_closes_the_session_at_stripe_first() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(3)).await;
    let checkout = app.checkout(&lamp).await;
    let path = format!("/v1/orders/{}/cancel", checkout.order);
    let secret = checkout.secret.clone().expect("a guest's");
    let cancel = async || {
        app.post(&path, json!({ "reason": "changed my mind" }))
            .with_secret(&secret)
            .await
    };
    app.fault(
        "POST",
        "/v1/checkout/sessions",
        FaultKind::TimeoutBeforeCommit,
        None,
    )
    .await;
    assert_eq!(cancel().await.code(), "stripe_unavailable");
    assert_eq!(
        app.order(&checkout).await["status"],
        "pending",
        "it is as it was"
    );
    app.simulator.clear_faults().await;
    let cancelled = cancel().await;
    cancelled.expect(200).has(json!({ "status": "cancelled" }));
    assert_eq!(cancelled.body["cancel_reason"], "changed my mind");
    let refusal = app
        .try_simulate(
            &format!("/checkout/sessions/{}/pay", checkout.id),
            json!({}),
        )
        .await;
    assert!(refusal.expect_err("closed").contains("expired"));
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "cancelled");
    assert_eq!(
        cancel().await.body["status"],
        "cancelled",
        "again is the same"
    );
}

#[tokio::test]
async fn an_order_that_turns_out_to_be_paid_is_confirmed_instead_of_cancelled() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(3)).await;
    let checkout = app.checkout(&lamp).await;
    app.pay(&checkout).await;
    app.intercept().await;
    let path = format!("/v1/orders/{}/cancel", checkout.order);
    app.post(&path, json!({}))
        .by(&shop.owner)
        .refused(409, "order_already_paid")
        .await;
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "paid");
    assert_eq!(app.stock(&lamp).await, 2);
}

#[tokio::test]
async fn a_cancel_for_which_our_key_is_refused_leaves_the_order_as_it_is() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(3)).await;
    let checkout = app.checkout(&lamp).await;
    app.fault("POST", "/v1/checkout", FaultKind::Error401, None)
        .await;
    let path = format!("/v1/orders/{}/cancel", checkout.order);
    app.post(&path, json!({}))
        .by(&shop.owner)
        .refused(503, "stripe_unavailable")
        .await;
    assert_eq!(app.order(&checkout).await["status"], "pending");
}

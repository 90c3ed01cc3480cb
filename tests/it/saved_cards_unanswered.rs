//! Saved cards of sellers who can't have any, and of which Stripe says no or nothing.

use serde_json::json;
use souk_simulator::FaultKind;

use crate::harness::{Has, Shop, TestApp, User, text};

async fn shop_and_buyer() -> (TestApp, Shop, User) {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let sam = app.member("sam").await;
    (app, shop, sam)
}

#[tokio::test]
async fn with_a_seller_who_has_no_account_nobody_is_a_customer() {
    let (app, shop, sam) = shop_and_buyer().await;
    let none = format!(
        "UPDATE sellers SET stripe_account = NULL WHERE id = '{}'",
        shop.id
    );
    app.sql(&none).await;
    app.get(format!("/v1/customers/me?seller_id={}", shop.id))
        .by(&sam)
        .refused(409, "seller_not_active")
        .await;
    let name = json!({ "seller_id": shop.id, "name": "Sam" });
    app.patch("/v1/customers/me", name)
        .by(&sam)
        .refused(409, "seller_not_active")
        .await;
    app.get("/v1/payment_methods?seller_id=sel_nobody")
        .by(&sam)
        .refused(404, "not_found")
        .await;
    assert_eq!(app.count("customers").await, 0);
}

#[tokio::test]
async fn a_card_stays_saved_until_stripe_has_detached_it() {
    let (app, shop, sam) = shop_and_buyer().await;
    let setup = app.save_card(&sam, &shop, "pm_card_visa").await;
    let setup = app.get(format!("/v1/setup_intents/{setup}")).by(&sam);
    let card = text(&setup.expect(200).await, "payment_method");
    let (here, there) = (
        format!("/v1/payment_methods/{card}"),
        format!("/v1/payment_methods/{card}/detach"),
    );
    for (kind, status, code) in [
        (FaultKind::Error402, 409, "stripe_refused"),
        (FaultKind::TimeoutBeforeCommit, 503, "stripe_unavailable"),
    ] {
        app.fault("POST", &there, kind, None).await;
        app.post(&there, json!({}))
            .by(&sam)
            .refused(status, code)
            .await;
        app.simulator.clear_faults().await;
        let seen = app.get(&here).by(&sam).expect(200).await;
        seen.has(json!({ "detached_at": null }));
    }
    app.post(&there, json!({})).by(&sam).expect(200).await;
    app.settle().await;
}

#[tokio::test]
async fn a_setup_intent_of_which_stripe_says_nothing_is_as_it_was() {
    let (app, shop, sam) = shop_and_buyer().await;
    let setup = app.post("/v1/setup_intents", json!({ "seller_id": shop.id }));
    let id = text(&setup.by(&sam).expect(201).await, "id");
    let path = format!("/v1/setup_intents/{id}");
    let action = |what: &str| app.post(format!("{path}/{what}"), json!({})).by(&sam);
    app.fault("GET", &path, FaultKind::TimeoutBeforeCommit, None)
        .await;
    app.get(&path)
        .by(&sam)
        .refused(503, "stripe_unavailable")
        .await;
    action("verify").refused(503, "stripe_unavailable").await;
    app.simulator.clear_faults().await;
    let cancel = format!("{path}/cancel");
    app.fault("POST", &cancel, FaultKind::TimeoutBeforeCommit, None)
        .await;
    action("cancel").refused(503, "stripe_unavailable").await;
    app.simulator.clear_faults().await;
    app.get(&path)
        .by(&sam)
        .expect(200)
        .await
        .has(json!({ "status": "open" }));
    action("cancel")
        .expect(200)
        .await
        .has(json!({ "status": "canceled" }));
    app.settle().await;
}

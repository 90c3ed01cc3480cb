//! Jobs that are given up: what is raised over them, and what resolves it.

use super::*;

/// Lets the jobs fail until they are given up.
async fn until_given_up(app: &TestApp) {
    for _ in 0..12 {
        app.run_jobs().await;
        app.advance(600).await;
    }
    app.run_jobs().await;
    assert_eq!(app.count("jobs WHERE state = 'dead'").await, 1);
}

async fn findings(app: &TestApp, admin: &User, kind: &str) -> Vec<Value> {
    let path = format!("/v1/ledger/findings?kind={kind}");
    let list = app.get(path).by(admin).expect(200).await;
    list["data"].as_array().expect("a list").clone()
}

/// Does what docs/operating.md says.
async fn wake_the_dead(app: &TestApp) {
    let admin = app.admin().await;
    let dead = app.get("/v1/admin/jobs?state=dead").by(&admin).expect(200);
    for job in dead.await["data"].as_array().expect("a list") {
        let path = format!("/v1/admin/jobs/{}/retry", text(job, "id"));
        app.post(path, json!({})).by(&admin).expect(200).await;
    }
}

#[tokio::test]
async fn a_refund_that_stripe_never_answers_raises_one_finding_and_stays_requested_until_it_does() {
    let app = TestApp::start().await;
    let (shop, checkout, refund) = refund_waits(&app).await;
    app.fault("POST", "/v1/refunds", FaultKind::TimeoutBeforeCommit, None)
        .await;
    until_given_up(&app).await;
    let admin = app.admin().await;
    let found = findings(&app, &admin, "refund_missing").await;
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].has(json!({ "subject": refund, "state": "open", "amount": 2500 }));
    let said = text(&found[0], "message");
    for part in ["25.00", checkout.order.as_str(), "12 tries", "isn't known"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    let owner = app.login(&shop.owner).await;
    let path = format!("/v1/refunds/{refund}");
    let row = app.get(&path).by(&owner).expect(200).await;
    assert_eq!(row["status"], "requested", "{row}");
    assert!(row["failure_reason"].is_string(), "{row}");
    assert_eq!(app.order(&checkout).await["status"], "paid");
    // Money that may have gone back already can't be refunded again.
    app.post("/v1/refunds", json!({ "order_id": checkout.order }))
        .by(&owner)
        .refused(409, "already_refunded")
        .await;

    app.simulator.clear_faults().await;
    wake_the_dead(&app).await;
    app.settle().await;
    assert_eq!(refunds_at_stripe(&app, &shop).await, 1);
    let row = app.get(&path).by(&owner).expect(200).await;
    row.has(json!({ "status": "succeeded", "failure_reason": null }));
    let found = findings(&app, &admin, "refund_missing").await;
    found.has(json!([{ "state": "resolved" }]));
}

#[tokio::test]
async fn a_refund_that_was_given_up_although_stripe_had_created_it_is_created_once() {
    let app = TestApp::start().await;
    let (shop, checkout, _) = refund_waits(&app).await;
    app.fault("POST", "/v1/refunds", FaultKind::CommitThenTimeout, None)
        .await;
    until_given_up(&app).await;
    app.simulator.clear_faults().await;
    app.intercept().await;
    // By now Stripe has forgotten the key.
    app.advance(2 * 86_400).await;
    wake_the_dead(&app).await;
    app.settle().await;
    assert_eq!(refunds_at_stripe(&app, &shop).await, 1);
    assert_eq!(app.order(&checkout).await["status"], "refunded");
}

#[tokio::test]
async fn a_checkout_that_stripe_never_answers_raises_one_finding_which_its_repeat_resolves() {
    given_up_and_repeated(false).await;
}

#[tokio::test]
async fn a_checkout_whose_job_an_admin_retried_has_its_finding_resolved_by_its_repeat() {
    given_up_and_repeated(true).await;
}

async fn given_up_and_repeated(retried_by_admin: bool) {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(3)).await;
    let path = "/v1/checkout/sessions";
    app.fault("POST", path, FaultKind::TimeoutBeforeCommit, None)
        .await;
    let open = || {
        let body = json!({
            "lines": [{ "product_id": lamp, "quantity": 1 }], "customer_email": "guest@example.com",
        });
        app.post("/v1/checkout_sessions", body).keyed("once")
    };
    open().refused(503, "stripe_unavailable").await;
    app.advance(20).await;
    until_given_up(&app).await;
    let admin = app.admin().await;
    let found = findings(&app, &admin, "inconclusive").await;
    assert_eq!(found.len(), 1, "{found:?}");
    let payment: String = app.query("SELECT id AS it FROM payments").await;
    found[0].has(json!({ "subject": payment, "state": "open", "amount": 2500 }));
    let status: String = app.query("SELECT status AS it FROM orders").await;
    assert_eq!(status, "pending", "nothing is known that would end it");

    app.simulator.clear_faults().await;
    if retried_by_admin {
        let job: String = app
            .query("SELECT id AS it FROM jobs WHERE state = 'dead'")
            .await;
        let retry = format!("/v1/admin/jobs/{job}/retry");
        app.post(&retry, json!({})).by(&admin).expect(200).await;
    }
    open().expect(201).await;
    let found = findings(&app, &admin, "inconclusive").await;
    assert_eq!(found[0]["state"], "resolved", "{found:?}");
    let books = app.stripe_books(&shop.account).await;
    assert_eq!(books["checkout_sessions"].as_array().map(Vec::len), Some(1));
    // The job itself was not woken, and need not be.
    app.allow_unfinished_work();
}

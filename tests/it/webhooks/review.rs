//! Events that an older version ignored, because it did not know their type, are looked at again.

use serde_json::{Value, json};
use souk::jobs::{self, Job};

use crate::harness::{TestApp, text};

/// Stores an event as a version from before the first would have left it: ignored, and its payload gone by now.
async fn ignored_long_ago(app: &TestApp, event: &Value) {
    // A balance has no id.
    let id = event["data"]["object"]["id"].as_str();
    let object = id.map_or("NULL".to_owned(), |id| format!("'{id}'"));
    app.sql(&format!(
        "INSERT INTO inbox_events (id, endpoint, source, kind, account, livemode, object, stripe_created, payload, state,
             attempts, received_at, processed_at, error, effects_version)
         VALUES ('{}', 'connect', 'webhook', '{}', '{}', FALSE, {object}, 0, '', 'ignored', 1, 1, 1, 'no effect of ours', 0)",
        text(event, "id"),
        text(event, "type"),
        text(event, "account"),
    ))
    .await;
}

async fn review(app: &TestApp) {
    let tx = app.app.db.begin_write().await.expect("begins");
    let staged = jobs::schedule(&tx, &Job::ReviewIgnoredEvents).await;
    staged.expect("stages");
    tx.commit().await.expect("commits");
    app.run_jobs().await;
}

async fn left(app: &TestApp) -> i64 {
    app.count("inbox_events WHERE state = 'ignored' AND effects_version = 0")
        .await
}

#[tokio::test]
async fn a_sale_whose_event_an_older_version_ignored_is_read_again_and_told_to_its_buyer() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(3)).await;
    let checkout = app.checkout(&lamp).await;
    app.settle().await;
    app.pay(&checkout).await;
    for event in app.intercept().await {
        if event["account"].is_string() {
            ignored_long_ago(&app, &event).await;
        }
    }
    assert_eq!(app.order(&checkout).await["status"], "pending");
    review(&app).await;
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "paid");
    assert_eq!(app.stock(&lamp).await, 2);
    assert_eq!(app.count("jobs WHERE kind = 'mail'").await, 2);
    assert_eq!(left(&app).await, 0, "they are looked at again and again");
    let completed =
        "inbox_events WHERE kind = 'checkout.session.completed' AND state = 'processed'";
    assert_eq!(app.count(completed).await, 1);
}

#[tokio::test]
async fn nobody_is_written_to_about_a_sale_of_long_ago() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(3)).await;
    let checkout = app.checkout(&lamp).await;
    app.settle().await;
    app.pay(&checkout).await;
    let completed = app.pending_one("checkout.session.completed").await;
    app.intercept().await;
    ignored_long_ago(&app, &completed).await;
    app.advance(31 * 86_400).await;
    app.intercept().await;
    review(&app).await;
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "paid");
    assert_eq!(app.stock(&lamp).await, 2);
    assert_eq!(app.count("jobs WHERE kind = 'mail'").await, 0);
}

#[tokio::test]
async fn each_kind_of_event_has_its_object_read_again() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(3)).await;
    let checkout = app.sale(&lamp).await;
    let intent: String = app.query("SELECT payment_intent AS it FROM payments").await;
    let form = [("payment_intent", intent.as_str()), ("amount", "500")];
    let refund = app
        .stripe_api("POST", "/refunds", &shop.account, &form)
        .await;
    let event = |n: u8, kind: &str, id: &str| json!({ "id": format!("evt_{n}"), "type": kind, "account": shop.account, "data": { "object": { "id": id } } });
    app.intercept().await;
    let charge: String = app.query("SELECT charge AS it FROM payments").await;
    for event in [
        event(1, "refund.created", &text(&refund, "id")),
        event(2, "charge.refunded", &charge),
        event(3, "account.updated", &shop.account),
        event(4, "account.application.deauthorized", "ca_1"),
        event(5, "payout.paid", "po_nowhere"),
        event(6, "checkout.session.completed", "cs_nobodys"),
        event(7, "nobody.knows", "obj_1"),
    ] {
        ignored_long_ago(&app, &event).await;
    }
    app.sql("DELETE FROM jobs").await;
    souk::webhooks::review::review_ignored(&app.app)
        .await
        .expect("reviews");
    for (kind, staged) in [
        ("sync_refund", 1),
        ("reread_payment", 1),
        ("sync_account", 1),
        ("sync_payout", 1),
        ("pull", 1),
    ] {
        let jobs = app.count(&format!("jobs WHERE kind = '{kind}'")).await;
        assert_eq!(jobs, staged, "{kind}");
    }
    assert_eq!(left(&app).await, 0);
    let ignored = "inbox_events WHERE state = 'ignored' AND id IN ('evt_6', 'evt_7')";
    assert_eq!(
        app.count(ignored).await,
        2,
        "what is none of ours stays ignored"
    );
    app.sql("DELETE FROM jobs WHERE kind = 'sync_payout'").await;
    app.settle().await;
    let refunds = app.refunds(&shop, &checkout.order).await;
    assert_eq!(refunds.len(), 1, "{refunds:?}");
}

#[tokio::test]
async fn thin_events_that_an_older_version_ignored_are_done_again_as_re_reads_only() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(3)).await;
    let checkout = app.checkout(&lamp).await;
    app.settle().await;
    app.pay(&checkout).await;
    app.intercept().await;
    app.advance(31 * 86_400).await;
    app.intercept().await;
    let account = shop.account.as_str();
    for (n, endpoint, kind, context, object) in [
        (
            1,
            "connect",
            "v2.core.account[requirements].updated",
            account,
            account,
        ),
        (
            2,
            "platform",
            "v2.core.account.updated",
            "acct_platform",
            account,
        ),
        (
            3,
            "platform",
            "v1.checkout.session.completed",
            account,
            &checkout.id,
        ),
        (4, "connect", "v1.account.updated", account, account),
        (5, "connect", "v2.core.event_destination.ping", "", "ed_1"),
        (
            6,
            "connect",
            "v2.core.account.updated",
            "acct_stranger",
            "acct_stranger",
        ),
        (7, "connect", "v1.nobody.knows", account, "obj_1"),
    ] {
        app.sql(&format!(
            "INSERT INTO inbox_events (id, endpoint, source, kind, account, livemode, object, stripe_created, payload, state,
                 attempts, received_at, processed_at, error, effects_version)
             VALUES ('evt_{n}', '{endpoint}', 'webhook', '{kind}', NULLIF('{context}', ''), FALSE, '{object}', 0, '',
                 'ignored', 1, 1, 1, 'a thin event', 2)"
        ))
        .await;
    }
    app.sql("DELETE FROM jobs").await;
    review(&app).await;
    app.settle().await;
    let done =
        "inbox_events WHERE state = 'processed' AND id IN ('evt_1', 'evt_2', 'evt_3', 'evt_4')";
    assert_eq!(app.count(done).await, 4);
    let left = "inbox_events WHERE state = 'ignored' AND id IN ('evt_5', 'evt_6', 'evt_7')";
    assert_eq!(app.count(left).await, 3);
    assert_eq!(
        app.count("inbox_events WHERE effects_version < 3 AND id LIKE 'evt__'")
            .await,
        0
    );
    assert_eq!(app.order(&checkout).await["status"], "paid");
    assert_eq!(
        app.count("jobs WHERE kind = 'mail'").await,
        0,
        "it is long over"
    );
}

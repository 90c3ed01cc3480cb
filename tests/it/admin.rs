//! Events, jobs, findings and the audit log as an admin sees them, and what an admin may do about them.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use souk::findings::{self, NewFinding};
use souk::jobs::{self, Job};
use souk_simulator::FaultKind;

use crate::harness::{Checkout, Has, START, Shop, TestApp, User, event, text};

/// A sale whose event was given up, since our row didn't know its session; it does now.
pub async fn sale_given_up(app: &TestApp) -> (Checkout, String, String) {
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    let checkout = app.checkout(&lamp).await;
    app.pay(&checkout).await;
    let completed = app.pending_one("checkout.session.completed").await;
    app.intercept().await;
    app.sql("UPDATE payments SET stripe_object = NULL").await;
    assert_eq!(app.deliver(&completed).await, "deferred");
    app.sql("UPDATE inbox_events SET state = 'dead', attempts = 12, retry_at = NULL WHERE state = 'deferred'")
        .await;
    app.sql(&format!(
        "UPDATE payments SET stripe_object = '{}'",
        checkout.id
    ))
    .await;
    (checkout, lamp, text(&completed, "id"))
}

/// Events that can have no effect: each is `failed`.
async fn broken(app: &TestApp, account: &str, ids: &[&str]) {
    for id in ids {
        let object = json!({ "id": 7, "status": [] });
        let event = event(id, "checkout.session.completed", account, object);
        assert_eq!(app.deliver(&event).await, "failed");
    }
}

async fn ids(app: &TestApp, admin: &User, path: &str) -> Vec<String> {
    let list = app.get(path).by(admin).expect(200).await;
    let rows = list["data"].as_array().expect("a list");
    rows.iter().map(|row| text(row, "id")).collect()
}

async fn replay(app: &TestApp, admin: &User, id: &str, body: Value) -> Value {
    let path = format!("/v1/admin/events/{id}/replay");
    app.post(path, body).by(admin).expect(200).await
}

#[tokio::test]
async fn a_replay_does_what_its_dry_run_said_and_a_second_replay_does_nothing() {
    let app = TestApp::start().await;
    let (checkout, lamp, id) = sale_given_up(&app).await;
    let admin = app.admin().await;
    let path = format!("/v1/admin/events/{id}");
    let seen = app.get(&path).by(&admin).expect(200).await;
    seen.has(json!({ "state": "dead", "object_id": checkout.id }));
    assert!(text(&seen, "error").starts_with("waits for"), "{seen}");
    assert!(!seen.to_string().contains("guest@example.com"), "{seen}");

    let dry = replay(&app, &admin, &id, json!({ "dry_run": true })).await;
    dry.has(json!({ "state_before": "dead", "state": "processed" }));
    for table in ["payments", "orders", "products", "stock_movements"] {
        assert_eq!(dry["changes"][table], 1, "{table} in {dry}");
    }
    assert_eq!(app.order(&checkout).await["status"], "pending");
    assert_eq!(app.get(&path).by(&admin).expect(200).await, seen);
    assert_eq!(
        app.count("audit_log WHERE action = 'event.replayed'").await,
        0
    );

    let done = replay(&app, &admin, &id, json!({})).await;
    assert_eq!(done["changes"], dry["changes"]);
    assert_eq!(app.order(&checkout).await["status"], "paid");
    assert_eq!(app.stock(&lamp).await, 4);
    let seen = app.get(&path).by(&admin).expect(200).await;
    seen.has(json!({ "state": "processed", "attempts": 13, "error": null }));

    let twice = replay(&app, &admin, &id, json!({})).await;
    assert_eq!(twice["state"], "processed", "{twice}");
    for table in ["payments", "orders", "products", "stock_movements"] {
        assert!(twice["changes"][table].is_null(), "{table} in {twice}");
    }
    assert_eq!(app.stock(&lamp).await, 4);
    assert_eq!(app.count("order_events WHERE kind = 'paid'").await, 1);
    let path = format!("/v1/admin/audit_log?subject={id}&action=event.replayed");
    let log = app.get(path).by(&admin).expect(200).await;
    let first = &log["data"][1];
    assert_eq!(log["data"].as_array().map(Vec::len), Some(2), "{log}");
    assert_eq!(first["actor"], json!(admin.id), "{log}");
    assert_eq!(first["data"]["state_before"], "dead", "{log}");
    assert_eq!(first["data"]["changes"], dry["changes"], "{log}");
    app.settle().await;
}

#[tokio::test]
async fn a_replay_that_fails_leaves_the_event_failed_or_dead_and_says_why() {
    let app = TestApp::start().await;
    app.allow_unfinished_work();
    let shop = app.shop("mira").await;
    broken(&app, &shop.account, &["evt_a"]).await;
    let admin = app.admin().await;
    let again = replay(&app, &admin, "evt_a", json!({})).await;
    assert_eq!(again["state"], "failed", "{again}");
    assert!(again["error"].is_string(), "{again}");
    assert_eq!(again["changes"], json!({}));
    app.sql("UPDATE inbox_events SET attempts = 12, state = 'dead' WHERE id = 'evt_a'")
        .await;
    let again = replay(&app, &admin, "evt_a", json!({})).await;
    assert_eq!(again["state"], "dead", "{again}");
    // An event that has had its effect keeps it.
    app.sql("UPDATE inbox_events SET state = 'processed', error = NULL WHERE id = 'evt_a'")
        .await;
    let again = replay(&app, &admin, "evt_a", json!({})).await;
    assert_eq!(again["state"], "processed", "{again}");
    assert!(again["error"].is_string(), "{again}");
    let seen = app
        .get("/v1/admin/events/evt_a")
        .by(&admin)
        .expect(200)
        .await;
    seen.has(json!({ "state": "processed", "error": null }));
}

#[tokio::test]
async fn a_range_is_replayed_oldest_first_and_a_page_at_a_time() {
    let app = TestApp::start().await;
    app.allow_unfinished_work();
    let shop = app.shop("mira").await;
    let other = app.shop("noor").await;
    let admin = app.admin().await;
    broken(&app, &other.account, &["evt_9"]).await;
    // The last two arrive at the same moment.
    for ids in [&["evt_3"][..], &["evt_1", "evt_2"]] {
        app.advance(1).await;
        broken(&app, &shop.account, ids).await;
    }
    let range = async |body: Value| {
        let call = app.post("/v1/admin/events/replay", body).by(&admin);
        let list = call.expect(200).await;
        let rows = list["data"].as_array().expect("a list");
        let ids: Vec<String> = rows.iter().map(|row| text(row, "id")).collect();
        (ids, list["has_more"] == true)
    };
    let filters = json!({ "state": "failed", "stripe_account": shop.account });
    let all = range(json!({ "filters": filters, "dry_run": true })).await;
    assert_eq!(
        all,
        (["evt_3", "evt_1", "evt_2"].map(str::to_owned).into(), false)
    );
    assert_eq!(app.count("inbox_events WHERE attempts > 1").await, 0);
    let first = range(json!({ "filters": filters, "limit": 2 })).await;
    assert_eq!(first, (["evt_3", "evt_1"].map(str::to_owned).into(), true));
    let rest = json!({ "filters": filters, "limit": 2, "starting_after": "evt_1" });
    assert_eq!(range(rest).await, (vec!["evt_2".to_owned()], false));
    assert_eq!(app.count("inbox_events WHERE attempts = 2").await, 3);

    let call = |body| app.post("/v1/admin/events/replay", body).by(&admin);
    call(json!({ "filters": {} }))
        .refuses_field("filters")
        .await;
    call(json!({})).refuses_field("filters").await;
    let body = json!({ "filters": filters, "starting_after": "evt_nowhere" });
    let answer = call(body).refused(404, "not_found").await;
    assert_eq!(answer["param"], "starting_after");
}

#[tokio::test]
async fn events_are_listed_newest_first_and_narrowed_by_every_filter() {
    let app = TestApp::start().await;
    app.allow_unfinished_work();
    let shop = app.shop("mira").await;
    let admin = app.admin().await;
    app.advance(10).await;
    let account = json!({ "id": shop.account });
    for id in ["evt_c", "evt_a", "evt_b"] {
        let event = event(id, "account.updated", &shop.account, account.clone());
        app.deliver(&event).await;
    }
    app.advance(10).await;
    broken(&app, &shop.account, &["evt_d"]).await;
    let since = souk_entity::Timestamp::from_seconds(app.now() - 10).to_string();
    let upto = souk_entity::Timestamp::from_seconds(app.now()).to_string();
    let path = format!("/v1/admin/events?received_gte={since}");
    assert_eq!(
        ids(&app, &admin, &path).await,
        ["evt_d", "evt_c", "evt_b", "evt_a"]
    );
    let page = format!("{path}&limit=2&starting_after=evt_c");
    assert_eq!(ids(&app, &admin, &page).await, ["evt_b", "evt_a"]);
    for narrower in [
        format!("received_lt={upto}"),
        "type=account.updated".to_owned(),
        "state=processed".to_owned(),
        format!("object_id={}", shop.account),
    ] {
        let path = format!("{path}&{narrower}");
        assert_eq!(
            ids(&app, &admin, &path).await,
            ["evt_c", "evt_b", "evt_a"],
            "{path}"
        );
    }
    for (none, all) in [
        (
            "endpoint=platform".to_owned(),
            "endpoint=connect".to_owned(),
        ),
        ("source=catch_up".to_owned(), "source=webhook".to_owned()),
        (
            "stripe_account=acct_1".to_owned(),
            format!("stripe_account={}", shop.account),
        ),
    ] {
        assert_eq!(
            ids(&app, &admin, &format!("{path}&{none}")).await.len(),
            0,
            "{none}"
        );
        assert_eq!(
            ids(&app, &admin, &format!("{path}&{all}")).await.len(),
            4,
            "{all}"
        );
    }
}

#[tokio::test]
async fn a_discarded_event_is_not_retried_until_it_is_replayed() {
    let app = TestApp::start().await;
    app.allow_unfinished_work();
    let shop = app.shop("mira").await;
    broken(&app, &shop.account, &["evt_a", "evt_b"]).await;
    let admin = app.admin().await;
    let path = "/v1/admin/events/evt_a/discard";
    let wish = json!({ "reason": "The account was closed" });
    let gone = app.post(path, wish.clone()).by(&admin).expect(200).await;
    gone.has(json!({ "state": "discarded", "discard_reason": "The account was closed", "retry_at": null }));
    app.post(path, wish)
        .by(&admin)
        .refused(409, "event_finished")
        .await;
    app.advance(3600).await;
    app.run_jobs().await;
    let attempts = "SELECT MIN(attempts) AS it FROM inbox_events WHERE id =";
    assert_eq!(app.query::<i32>(&format!("{attempts} 'evt_a'")).await, 1);
    assert!(app.query::<i32>(&format!("{attempts} 'evt_b'")).await > 1);
    let admin = app.login(&admin).await;
    let log = app
        .get("/v1/admin/audit_log?action=event.discarded")
        .by(&admin);
    assert_eq!(
        log.expect(200).await["data"][0]["data"]["reason"],
        "The account was closed"
    );
    let back = replay(&app, &admin, "evt_a", json!({})).await;
    back.has(json!({ "state_before": "discarded", "state": "failed" }));
    let seen = app
        .get("/v1/admin/events/evt_a")
        .by(&admin)
        .expect(200)
        .await;
    assert_eq!(seen["discard_reason"], json!(null));
}

/// The only job of a kind.
async fn job(app: &TestApp, admin: &User, kind: &str) -> Value {
    let path = format!("/v1/admin/jobs?kind={kind}");
    let list = app.get(path).by(admin).expect(200).await;
    assert_eq!(list["data"].as_array().map(Vec::len), Some(1), "{list}");
    list["data"][0].clone()
}

async fn on_job(app: &TestApp, admin: &User, job: &Value, what: &str, body: Value) -> u16 {
    let path = format!("/v1/admin/jobs/{}/{what}", text(job, "id"));
    app.post(path, body).by(admin).await.status
}

#[tokio::test]
async fn a_waiting_dead_or_discarded_job_runs_at_once_when_an_admin_retries_it() {
    let app = TestApp::start().await;
    let (shop, admin) = (app.shop("mira").await, app.admin().await);
    let lamp = app.product(&shop, 2500, None).await;
    app.sale(&lamp).await;
    let checkout = app.sale(&lamp).await;
    let order = json!({ "order_id": checkout.order });
    app.post("/v1/refunds", order)
        .by(&shop.owner)
        .expect(201)
        .await;
    let silence = FaultKind::TimeoutBeforeCommit;
    app.fault("POST", "/v1/refunds", silence, None).await;
    app.run_jobs().await;
    let refund = job(&app, &admin, "refund").await;
    refund.has(json!({ "state": "ready", "attempts": 1 }));
    assert!(refund["last_error"].is_string(), "{refund}");

    let wish = json!({ "reason": "Paid back in cash" });
    assert_eq!(
        on_job(&app, &admin, &refund, "discard", wish.clone()).await,
        200
    );
    assert_eq!(on_job(&app, &admin, &refund, "discard", wish).await, 409);
    app.simulator.clear_faults().await;
    app.advance(300).await;
    app.run_jobs().await;
    let seen = job(&app, &admin, "refund").await;
    seen.has(json!({ "state": "discarded", "discard_reason": "Paid back in cash" }));
    assert_eq!(on_job(&app, &admin, &refund, "retry", json!({})).await, 200);
    let seen = job(&app, &admin, "refund").await;
    seen.has(json!({ "state": "ready", "attempts": 0, "discard_reason": null }));
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "refunded");
    assert_eq!(on_job(&app, &admin, &refund, "retry", json!({})).await, 409);
    let path = format!("/v1/admin/audit_log?subject={}", text(&refund, "id"));
    let log = app.get(path).by(&admin).expect(200).await;
    let told: Vec<&Value> = (0..2).map(|at| &log["data"][at]["action"]).collect();
    assert_eq!(told, [&json!("job.retried"), &json!("job.discarded")]);
}

#[tokio::test]
async fn a_leased_job_and_a_scheduled_one_are_left_alone() {
    let app = TestApp::start().await;
    app.allow_unfinished_work();
    let (shop, admin) = (app.shop("mira").await, app.admin().await);
    let sync = Job::SyncAccount {
        seller: shop.id.as_str().into(),
    };
    let stage = async |job: &Job| {
        let tx = app.app.db.begin_write().await.expect("begins");
        jobs::stage(&tx, job).await.expect("stages");
        tx.commit().await.expect("commits");
    };
    stage(&sync).await;
    let leases = app.lease_jobs("somebody").await;
    assert!(leases.iter().any(|lease| lease.job == sync));
    let row = job(&app, &admin, "sync_account").await;
    assert_eq!(row["lease_owner"], "somebody", "{row}");
    for (what, body) in [("retry", json!({})), ("discard", json!({ "reason": "No" }))] {
        let path = format!("/v1/admin/jobs/{}/{what}", text(&row, "id"));
        app.post(path, body)
            .by(&admin)
            .refused(409, "job_leased")
            .await;
    }
    stage(&Job::Tidy).await;
    let tidy = job(&app, &admin, "tidy").await;
    let path = format!("/v1/admin/jobs/{}/discard", text(&tidy, "id"));
    let wish = json!({ "reason": "No" });
    app.post(path, wish)
        .by(&admin)
        .refused(409, "job_scheduled")
        .await;
}

#[tokio::test]
async fn a_discarded_job_runs_again_when_it_is_staged_again() {
    let app = TestApp::start().await;
    let (shop, admin) = (app.shop("mira").await, app.admin().await);
    let seller: souk_entity::SellerId = shop.id.as_str().into();
    let wake = async || {
        let tx = app.app.db.begin_write().await.expect("begins");
        let seller = seller.clone();
        let staged = jobs::stage(&tx, &Job::SyncAccount { seller }).await;
        staged.expect("stages");
        tx.commit().await.expect("commits");
    };
    wake().await;
    let sync = job(&app, &admin, "sync_account").await;
    assert_eq!(
        on_job(
            &app,
            &admin,
            &sync,
            "discard",
            json!({ "reason": "Not now" })
        )
        .await,
        200
    );
    app.run_jobs().await;
    assert_eq!(
        job(&app, &admin, "sync_account").await["state"],
        "discarded"
    );
    wake().await;
    let woken = job(&app, &admin, "sync_account").await;
    woken.has(json!({ "state": "ready", "discard_reason": null }));
    app.run_jobs().await;
    assert_eq!(job(&app, &admin, "sync_account").await["state"], "done");
}

#[tokio::test]
async fn a_finding_is_resolved_with_a_note_and_opens_again_when_it_is_found_again() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let find = async || {
        let tx = app.app.db.begin_write().await.expect("begins");
        let finding = NewFinding {
            kind: "payout_stuck",
            stripe_account: None,
            subject: "po_1".to_owned(),
            message: "A payout is stuck.".to_owned(),
            amount: None,
            currency: None,
        };
        findings::raise(&tx, finding).await.expect("is raised");
        tx.commit().await.expect("commits");
    };
    find().await;
    let id = &ids(&app, &admin, "/v1/ledger/findings").await[0];
    let (path, note) = (format!("/v1/ledger/findings/{id}"), "Stripe has paid it");
    let resolve = |note: &str| {
        let call = app.post(format!("{path}/resolve"), json!({ "note": note }));
        call.by(&admin).expect(200)
    };
    let resolved = resolve(note).await;
    resolved.has(json!({ "state": "resolved", "note": note }));
    assert!(resolved["resolved_at"].is_string(), "{resolved}");
    assert_eq!(resolve("Another note").await, resolved);
    assert_eq!(
        app.count("audit_log WHERE action = 'finding.resolved'")
            .await,
        1
    );
    find().await;
    let open = app.get(&path).by(&admin).expect(200).await;
    open.has(json!({ "state": "open", "note": note, "resolved_at": null }));
}

#[tokio::test]
async fn the_audit_log_is_read_by_actor_action_subject_and_time() {
    let app = TestApp::start().await;
    let (mira, admin): (Shop, User) = (app.shop("mira").await, app.admin().await);
    let all = ids(&app, &admin, "/v1/admin/audit_log?limit=100").await;
    assert!(!all.is_empty());
    let of = async |query: String| {
        let path = format!("/v1/admin/audit_log?limit=100&{query}");
        let list = app.get(path).by(&admin).expect(200).await;
        list["data"].as_array().expect("a list").clone()
    };
    let hers = of(format!("actor={}", mira.owner.id)).await;
    assert!(!hers.is_empty() && hers.len() < all.len(), "{hers:?}");
    assert!(
        hers.iter()
            .all(|entry| entry["actor"] == json!(mira.owner.id))
    );
    let about = of(format!("subject={}", mira.id)).await;
    let actions: BTreeSet<String> = about.iter().map(|entry| text(entry, "action")).collect();
    assert!(actions.contains("seller.created"), "{actions:?}");
    let created = of("action=seller.created".to_owned()).await;
    assert_eq!(created.len(), 1, "{created:?}");
    let start = souk_entity::Timestamp::from_seconds(START);
    assert_eq!(of(format!("created_lt={start}")).await.len(), 0);
    assert_eq!(of(format!("created_gte={start}")).await.len(), all.len());
}

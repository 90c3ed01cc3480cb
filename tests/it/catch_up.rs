//! Catch-up reads events that were never delivered; schedules repeat what is done again and again.

use serde_json::json;
use souk::error::Error;
use souk::jobs::{self, Job};
use souk::{payments, webhooks};
use souk_entity::AccountId;

use crate::harness::{TestApp, assumed, on_postgres, text};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

async fn catch_up(app: &TestApp, account: &str) {
    let account = AccountId::from(account);
    let done = webhooks::catch_up::catch_up(&app.app, Some(&account), false).await;
    done.expect("catches up");
}

async fn found(app: &TestApp) -> i64 {
    app.count("inbox_events WHERE source = 'catch_up'").await
}

#[tokio::test]
async fn an_event_that_was_never_delivered_is_found_and_counts_once() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    let checkout = app.checkout(&lamp).await;
    app.pay(&checkout).await;
    let lost = app.intercept().await;
    assert_eq!(app.order(&checkout).await["status"], "pending");

    catch_up(&app, &shop.account).await;
    assert_eq!(app.order(&checkout).await["status"], "paid");
    assert_eq!(found(&app).await, app.count("inbox_events WHERE source = 'catch_up' AND account IS NOT NULL AND endpoint = 'connect'").await);
    let completed = lost
        .iter()
        .find(|e| e["type"] == "checkout.session.completed");
    assert_eq!(
        app.deliver(completed.expect("completed")).await,
        "duplicate"
    );
    app.settle().await;
    assert_eq!(app.stock(&lamp).await, 4);
    assert_eq!(app.count("order_events WHERE kind = 'paid'").await, 1);

    // Catch-up adds no event that was delivered, and none twice.
    let before = found(&app).await;
    app.sale(&lamp).await;
    catch_up(&app, &shop.account).await;
    assert_eq!(found(&app).await, before);
}

#[tokio::test]
async fn many_lost_events_are_read_page_by_page_and_later_only_new_ones() {
    let app = TestApp::with(&[("STRIPE_ACCOUNTS", "v1")]).await;
    let shop = app.shop("mira").await;
    catch_up(&app, &shop.account).await;
    let before = found(&app).await;
    let path = format!("/accounts/{}", shop.account);
    for n in 0..130 {
        let n = n.to_string();
        app.stripe_api("POST", &path, &shop.account, &[("metadata[n]", &n)])
            .await;
    }
    app.advance(1).await;
    app.intercept().await;
    catch_up(&app, &shop.account).await;
    assert_eq!(found(&app).await - before, 130);

    app.advance(DAY).await;
    app.stripe_api("POST", &path, &shop.account, &[("metadata[n]", "last")])
        .await;
    app.intercept().await;
    app.fault(
        "GET",
        "/v1/events",
        souk_simulator::FaultKind::Error500,
        None,
    )
    .await;
    let account = AccountId::from(shop.account.as_str());
    let failed = webhooks::catch_up::catch_up(&app.app, Some(&account), false).await;
    assert!(failed.is_err_and(|e| e.is_retryable()));
    assert_eq!(found(&app).await - before, 130);
    app.simulator.clear_faults().await;
    catch_up(&app, &shop.account).await;
    assert_eq!(found(&app).await - before, 131);
    app.settle().await;
}

#[tokio::test]
async fn objects_are_read_themselves_after_more_than_stripes_thirty_days() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    catch_up(&app, &shop.account).await;
    let checkout = app.checkout(&lamp).await;
    app.pay(&checkout).await;
    app.advance(31 * DAY).await;
    app.intercept().await;
    catch_up(&app, &shop.account).await;
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "paid");
    assert!(app.count("balance_transactions").await >= 1);
}

#[tokio::test]
async fn after_a_gap_the_cursor_moves_only_together_with_the_staged_rereads() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    catch_up(&app, &shop.account).await;
    let checkout = app.checkout(&lamp).await;
    app.pay(&checkout).await;
    app.advance(31 * DAY).await;
    app.intercept().await;
    let (refuse, allow): (&[&str], _) = match on_postgres() {
        true => (
            &[
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$",
                "CREATE TRIGGER refused BEFORE INSERT ON jobs FOR EACH ROW WHEN (NEW.kind = 'pull') EXECUTE FUNCTION refuse()",
            ],
            "DROP TRIGGER refused ON jobs",
        ),
        false => (
            &[
                "CREATE TRIGGER refused BEFORE INSERT ON jobs WHEN NEW.kind = 'pull'
               BEGIN SELECT RAISE(ABORT, 'refused'); END",
            ],
            "DROP TRIGGER refused",
        ),
    };
    app.sql("DELETE FROM jobs WHERE kind IN ('pull', 'reread_payment')")
        .await;
    for sql in refuse {
        app.sql(sql).await;
    }
    let account = AccountId::from(shop.account.as_str());
    let failed = webhooks::catch_up::catch_up(&app.app, Some(&account), false).await;
    failed.expect_err("a re-read can't be staged");
    app.sql(allow).await;
    catch_up(&app, &shop.account).await;
    assert_eq!(app.count("jobs WHERE kind = 'pull'").await, 1);
    assert_eq!(app.count("jobs WHERE kind = 'reread_payment'").await, 1);
    // Events of payouts, which wanted a pull as well.
    app.advance(10).await;
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "paid");
}

#[tokio::test]
async fn an_account_that_left_without_an_event_is_noticed() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let path = format!("/accounts/{}/deauthorize", shop.account);
    app.simulate(&path, json!({})).await;
    app.intercept().await;
    catch_up(&app, &shop.account).await;
    assert_eq!(
        app.count("event_cursors WHERE access_lost_at IS NOT NULL AND type_group = '1'")
            .await,
        1
    );
    app.settle().await;
    assert_eq!(
        app.count("sellers WHERE deauthorized_at IS NOT NULL").await,
        1
    );

    webhooks::catch_up::catch_all_up(&app.app)
        .await
        .expect("stages");
    assert_eq!(
        app.count("jobs WHERE kind = 'catch_up'").await,
        1,
        "the platform's own alone"
    );
    app.settle().await;
}

#[tokio::test]
async fn one_job_catches_up_with_every_account_again_and_again_and_is_never_given_up() {
    let app = TestApp::start().await;
    let (one, two) = (app.shop("mira").await, app.shop("noor").await);
    let schedule = async || {
        let tx = app.app.db.begin_write().await.expect("begins");
        jobs::schedule(&tx, &Job::CatchAllUp).await.expect("stages");
        tx.commit().await.expect("commits");
    };
    schedule().await;
    app.settle().await;
    assert_eq!(app.count("event_cursors WHERE type_group = '1'").await, 3);
    let listed = |account: &str| {
        format!(
            "SELECT listed_at AS it FROM event_cursors WHERE scope = '{account}' AND type_group = '1'"
        )
    };
    let first: i64 = app.query(&listed(&one.account)).await;
    app.advance(14 * 60).await;
    app.settle().await;
    assert_eq!(
        app.query::<i64>(&listed(&one.account)).await,
        first,
        "not yet"
    );
    app.advance(2 * 60).await;
    app.settle().await;
    let second: i64 = app.query(&listed(&two.account)).await;
    assert!(second > first);

    // Another replica's start runs it at once, and a failure makes it wait, not die.
    schedule().await;
    app.advance(1).await;
    let taken = app.lease_jobs("one").await;
    assert_eq!(taken.len(), 1, "{taken:?}");
    let failed = Err(Error::internal("whatever it was"));
    assert_eq!(app.finish_jobs(&[(&taken[0], &failed)]).await, [true]);
    assert_eq!(
        app.count("jobs WHERE kind = 'catch_all_up' AND state = 'ready'")
            .await,
        1
    );
    app.advance(HOUR).await;
    app.settle().await;
    assert!(app.query::<i64>(&listed(&two.account)).await > second);
}

#[tokio::test]
async fn a_payment_whose_session_is_over_is_read_again_from_stripe() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    let (paid, left) = (app.checkout(&lamp).await, app.checkout(&lamp).await);
    app.pay(&paid).await;
    app.advance(DAY + 60).await;
    app.intercept().await;
    payments::reread::sweep(&app.app).await.expect("sweeps");
    assert_eq!(
        app.count("jobs WHERE kind = 'reread_payment' AND state = 'ready'")
            .await,
        0,
        "the event may still come"
    );
    app.advance(HOUR).await;
    payments::reread::sweep(&app.app).await.expect("sweeps");
    app.settle().await;
    assert_eq!(app.order(&paid).await["status"], "paid");
    assert_eq!(app.order(&left).await["status"], "expired");
}

#[tokio::test]
async fn idempotency_keys_and_logins_are_deleted_when_their_time_is_over() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let make = async || {
        let body =
            json!({ "seller_id": shop.id, "name": "Lamp", "unit_amount": 100, "currency": "eur" });
        let made = app
            .post("/v1/products", body)
            .by(&shop.owner)
            .header("idempotency-key", "one")
            .expect(201)
            .await;
        text(&made, "id")
    };
    let tidy = async || {
        let tx = app.app.db.begin_write().await.expect("begins");
        jobs::schedule(&tx, &Job::Tidy).await.expect("stages");
        tx.commit().await.expect("commits");
        app.settle().await;
    };
    let first = make().await;
    app.advance(60).await;
    tidy().await;
    assert_eq!(make().await, first);
    let (keys, logins) = (
        app.count("idempotency_keys").await,
        app.count("sessions").await,
    );
    assert!(keys > 0 && logins > 0);
    app.advance(DAY).await;
    tidy().await;
    assert_eq!(app.count("idempotency_keys").await, 0);
    assert_eq!(app.count("sessions").await, logins);
    app.advance(90 * DAY).await;
    tidy().await;
    assert_eq!(app.count("sessions").await, 0);
    assert_eq!(app.count("refresh_tokens").await, 0);
}

/// Has a change of an account at Stripe, whose events are lost.
async fn change_unheard(app: &TestApp, account: &str) {
    let due = json!({ "disabled_reason": "requirements.past_due", "currently_due": ["external_account"] });
    app.simulate(&format!("/accounts/{account}/restrict"), due)
        .await;
    app.intercept().await;
}

#[tokio::test]
async fn a_thin_event_that_was_never_delivered_is_found_in_whichever_list_it_is_and_counts_once() {
    let app = TestApp::with(&[("STRIPE_ACCOUNTS", "v2")]).await;
    let shop = app.shop("mira").await;
    app.advance(60).await;
    change_unheard(&app, &shop.account).await;
    webhooks::catch_up::catch_up(&app.app, None, false)
        .await
        .expect("catches up");
    catch_up(&app, &shop.account).await;
    let thin = "inbox_events WHERE source = 'catch_up' AND kind LIKE 'v2.core.account%' AND state = 'processed'";
    let new = app.count(thin).await;
    assert!(new > 0);
    assert_eq!(
        app.count("event_cursors WHERE type_group = 'thin:3'").await,
        2
    );
    app.run_jobs().await;
    let status: String = app.query("SELECT status AS it FROM sellers").await;
    assert_eq!(status, "restricted");
    if assumed("account_event_source") == "self" {
        // Nothing is delivered to a destination for the events of accounts.
        return;
    }
    // None is added twice, nor one that was delivered.
    app.advance(60).await;
    let path = format!("/accounts/{}/unrestrict", shop.account);
    app.simulate(&path, json!({})).await;
    app.settle().await;
    webhooks::catch_up::catch_up(&app.app, None, false)
        .await
        .expect("catches up");
    catch_up(&app, &shop.account).await;
    assert_eq!(app.count(thin).await, new);
    app.run_jobs().await;
}

#[tokio::test]
async fn many_lost_thin_events_are_read_page_by_page() {
    let app = TestApp::with(&[("STRIPE_ACCOUNTS", "v2")]).await;
    let shop = app.shop("mira").await;
    app.advance(60).await;
    let path = format!("/accounts/{}", shop.account);
    for n in 0..130 {
        let n = n.to_string();
        app.platform_api("POST", &path, &[("metadata[n]", &n)])
            .await;
    }
    app.intercept().await;
    webhooks::catch_up::catch_up(&app.app, None, false)
        .await
        .expect("catches up");
    catch_up(&app, &shop.account).await;
    let found = app
        .count("inbox_events WHERE source = 'catch_up' AND kind LIKE 'v2.core.account%'")
        .await;
    assert!(found >= 130, "{found}");
    app.run_jobs().await;
}

#[tokio::test]
async fn a_list_of_thin_events_that_stripe_refuses_holds_up_no_other_and_is_a_finding_until_it_is_read()
 {
    let app = TestApp::with(&[("STRIPE_ACCOUNTS", "v2")]).await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    let checkout = app.checkout(&lamp).await;
    app.pay(&checkout).await;
    app.intercept().await;
    let refused = souk_simulator::FaultKind::Error403;
    app.fault("GET", "/v2/core/events", refused, None).await;
    webhooks::catch_up::catch_up(&app.app, None, false)
        .await
        .expect("reads the rest");
    catch_up(&app, &shop.account).await;
    assert_eq!(app.order(&checkout).await["status"], "paid");
    let unread = ("thin_events_unread".to_owned(), "platform".to_owned());
    assert!(app.open_findings().await.contains(&unread));
    app.simulator.clear_faults().await;
    webhooks::catch_up::catch_up(&app.app, None, false)
        .await
        .expect("catches up");
    assert!(!app.open_findings().await.contains(&unread));
    app.settle().await;
}

#[tokio::test]
async fn a_platform_that_makes_accounts_by_v1_is_not_asked_for_thin_events() {
    let app = TestApp::with(&[("STRIPE_ACCOUNTS", "v1")]).await;
    let refused = souk_simulator::FaultKind::Error403;
    app.fault("GET", "/v2/core/events", refused, None).await;
    webhooks::catch_up::catch_up(&app.app, None, false)
        .await
        .expect("catches up");
    assert!(app.open_findings().await.is_empty());
}

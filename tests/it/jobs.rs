//! Jobs that take long, whose worker vanishes, or that are given up.

mod given_up;

use std::time::Duration;

use sea_orm::{ConnectionTrait, EntityTrait, QueryOrder, Statement};
use serde_json::{Value, json};
use souk::clock::Clock;
use souk::db::{Db, Tx};
use souk::error::{Error, Result};
use souk::jobs::{Job, Recipient};
use souk::{jobs, worker};
use souk_entity::job::{self, JobState};
use souk_simulator::FaultKind;
use tokio_util::sync::CancellationToken;

use crate::harness::{
    Checkout, Database, Has, START, Shop, TestApp, User, on_postgres, text, until,
};

/// Stands for the time of a first try that failed: full jitter, up to a second.
const FAILED: i64 = -1;
/// Longer than a lease.
const MORE_THAN_A_LEASE: i64 = 61;

/// A shop with a paid order, whose refund waits to be sent.
async fn refund_waits(app: &TestApp) -> (Shop, Checkout, String) {
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    // Another sale's money, so that Stripe can refund at once.
    app.sale(&lamp).await;
    let checkout = app.sale(&lamp).await;
    let refund = app
        .post("/v1/refunds", json!({ "order_id": checkout.order }))
        .by(&shop.owner)
        .expect(201)
        .await;
    (shop, checkout, text(&refund, "id"))
}

async fn refunds_at_stripe(app: &TestApp, shop: &Shop) -> usize {
    let books = app.stripe_books(&shop.account).await;
    books["refunds"].as_array().map_or(0, Vec::len)
}

/// Waits until a job is leased beyond this time. Returns the end of its lease.
async fn leased_beyond(app: &TestApp, before: i64) -> i64 {
    until("a lease ends later", async || {
        let query = "SELECT MAX(lease_until) AS it FROM jobs WHERE state = 'leased'";
        let ends: Option<i64> = app.query(query).await;
        ends.filter(|ends| *ends > before)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_takes_longer_than_its_lease_is_not_taken_by_another_worker() {
    let app = TestApp::start().await;
    let (shop, checkout, _) = refund_waits(&app).await;
    app.fault(
        "POST",
        "/v1/refunds",
        FaultKind::Slow { ms: 12_000 },
        Some(1),
    )
    .await;
    let works = tokio::spawn({
        let app = app.app.clone();
        async move { worker::work(&app, "one").await }
    });
    let mut ends = leased_beyond(&app, 0).await;
    for _ in 0..3 {
        app.advance(25).await;
        ends = leased_beyond(&app, ends).await;
        let taken = app.lease_jobs("two").await;
        assert!(taken.is_empty(), "{taken:?}");
    }
    works.await.expect("ends").expect("works");
    app.settle().await;
    assert_eq!(refunds_at_stripe(&app, &shop).await, 1);
    assert_eq!(app.order(&checkout).await["status"], "refunded");
}

#[tokio::test]
async fn a_job_whose_worker_vanished_is_done_by_another_and_the_first_can_write_no_more() {
    let app = TestApp::start().await;
    let (shop, _, _) = refund_waits(&app).await;
    let taken = app.lease_jobs("gone").await;
    assert_eq!(taken.len(), 1);
    app.run_jobs().await;
    assert_eq!(
        refunds_at_stripe(&app, &shop).await,
        0,
        "its lease is respected"
    );
    app.advance(MORE_THAN_A_LEASE).await;
    app.settle().await;
    assert_eq!(refunds_at_stripe(&app, &shop).await, 1);
    let late = &taken[0];
    assert!(!jobs::renew(&app.app.db, late).await.expect("asks"));
    assert_eq!(app.finish_jobs(&[(late, &Ok(()))]).await, [false]);
}

/// How a job of the table goes: its outcome, whether it is wanted again meanwhile, and whether its lease is lost.
struct End {
    job: Job,
    outcome: Result<()>,
    wanted_again: bool,
    lost: bool,
}

fn ends() -> Vec<End> {
    let end = |job, outcome| End {
        job,
        outcome,
        wanted_again: false,
        lost: false,
    };
    let mail = |subject: &str| Job::Mail {
        what: "order_paid".into(),
        to: Recipient::Buyer,
        about: subject.into(),
    };
    let reread = |payment: &str| Job::RereadPayment {
        payment: payment.into(),
    };
    vec![
        end(Job::CatchAllUp, Err(Error::internal("goes on anyway"))),
        end(mail("1_done"), Ok(())),
        end(mail("2_fails"), Err(Error::Busy("for now".into()))),
        end(mail("3_nul"), Err(Error::Busy("a\0b".into()))),
        end(mail("4_dead"), Err(Error::internal("for good"))),
        End {
            lost: true,
            ..end(mail("5_lost"), Ok(()))
        },
        End {
            wanted_again: true,
            ..end(reread("1_wanted_again"), Ok(()))
        },
        End {
            wanted_again: true,
            ..end(reread("2_fails"), Err(Error::Busy("for now".into())))
        },
        end(Job::SweepPayments, Ok(())),
        End {
            wanted_again: true,
            ..end(Job::Tidy, Ok(()))
        },
    ]
}

/// The jobs' rows, sorted by effect, after all of the table have ended: together, or one by one.
async fn rows_after_ends(together: bool) -> Vec<job::Model> {
    let app = TestApp::start().await;
    app.allow_unfinished_work();
    let table = ends();
    let stage = async |job: &Job| {
        let tx = app.app.db.begin_write().await.expect("begins");
        jobs::stage(&tx, job).await.expect("stages");
        tx.commit().await.expect("commits");
    };
    for end in &table {
        stage(&end.job).await;
    }
    let leases = app.lease_jobs("one").await;
    app.advance(5).await;
    for end in &table {
        if end.wanted_again {
            stage(&end.job).await;
        }
    }
    app.sql("UPDATE jobs SET lease_owner = 'two' WHERE subject = '5_lost'")
        .await;
    let lease_of = |job: &Job| leases.iter().find(|lease| lease.job == *job);
    let ends = table
        .iter()
        .map(|end| (lease_of(&end.job).expect("leased"), &end.outcome));
    let ends: Vec<_> = ends.collect();
    let mut written = Vec::new();
    let size = if together { ends.len() } else { 1 };
    for some in ends.chunks(size) {
        written.extend(app.finish_jobs(some).await);
    }
    assert_eq!(
        written,
        table.iter().map(|end| !end.lost).collect::<Vec<_>>()
    );
    let query = job::Entity::find().order_by_asc(job::Column::EffectKey);
    query.all(&app.app.db.read).await.expect("rows")
}

#[tokio::test]
async fn jobs_that_end_together_end_as_they_would_one_by_one_and_a_lost_lease_is_only_its_own() {
    let now = START * 1000 + 5000;
    let (minutes, in_hand) = (60_000, START * 1000 + 60_000);
    for together in [true, false] {
        let mut rows = rows_after_ends(together).await.into_iter();
        let mut is = |state, attempts, generations, run_at, finished_at, error: Option<&str>| {
            let row = rows.next().expect("a row");
            let after_backoff = run_at == FAILED && (1..=1000).contains(&(row.run_at.0 - now));
            assert!(
                after_backoff || row.run_at.0 == run_at,
                "{together} {row:?}"
            );
            let seen = (
                row.state,
                row.attempts,
                row.wanted_generation,
                row.done_generation,
            );
            let (wanted, done) = generations;
            assert_eq!(seen, (state, attempts, wanted, done), "{together} {row:?}");
            assert_eq!(
                row.finished_at.map(|at| at.0),
                finished_at,
                "{together} {row:?}"
            );
            assert_eq!(row.last_error.as_deref(), error, "{together} {row:?}");
            let lease = (row.lease_owner.as_deref(), row.lease_until.map(|at| at.0));
            let leased = (Some("two"), Some(in_hand));
            let expected = if state == JobState::Leased {
                leased
            } else {
                (None, None)
            };
            assert_eq!(lease, expected, "{together} {row:?}");
        };
        let (begun, ended) = (START * 1000, Some(now));
        use JobState::{Dead, Done, Leased, Ready};
        is(
            Ready,
            1,
            (1, 0),
            FAILED,
            None,
            Some("internal: goes on anyway"),
        );
        is(Done, 0, (1, 1), now, ended, None);
        is(Ready, 1, (1, 0), FAILED, None, Some("for now"));
        is(Ready, 1, (1, 0), FAILED, None, Some("a\u{fffd}b"));
        is(Dead, 1, (1, 0), begun, ended, Some("internal: for good"));
        is(Leased, 1, (1, 0), begun, None, None);
        is(Ready, 0, (2, 1), now, ended, None);
        is(Ready, 1, (2, 0), FAILED, None, Some("for now"));
        is(Ready, 0, (1, 1), now + 15 * minutes, ended, None);
        is(Ready, 0, (2, 1), now, ended, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres_jobs_that_end_together_are_locked_in_the_order_in_which_they_are_staged() {
    if !on_postgres() {
        return;
    }
    let app = TestApp::start().await;
    app.allow_unfinished_work();
    let stage = async |tx: &Tx, job| jobs::stage(tx, &job).await.expect("stages");
    let begin = async || app.app.db.begin_write().await.expect("begins");
    let tx = begin().await;
    stage(&tx, Job::CatchAllUp).await;
    stage(&tx, Job::Tidy).await;
    tx.commit().await.expect("commits");
    let mut leases = app.lease_jobs("one").await;
    leases.sort_by_key(|lease| std::cmp::Reverse(lease.job.kind()));

    let tx = begin().await;
    stage(&tx, Job::CatchAllUp).await;
    let finish = async {
        let ends: Vec<_> = leases.iter().map(|lease| (lease, &Ok(()))).collect();
        app.finish_jobs(&ends).await
    };
    let stage_the_other = async {
        until("the ends wait for the staged job", async || {
            let waits = "pg_stat_activity WHERE datname = current_database()
                AND wait_event_type = 'Lock'";
            (app.count(waits).await == 1).then_some(())
        })
        .await;
        stage(&tx, Job::Tidy).await;
        tx.commit().await.expect("commits");
    };
    let (written, ()) = tokio::join!(finish, stage_the_other);
    assert_eq!(written, [true, true]);
}

#[tokio::test]
async fn an_end_that_the_database_refuses_holds_up_no_other() {
    let app = TestApp::start().await;
    app.allow_unfinished_work();
    let refusal = match on_postgres() {
        true => vec![
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
               $f$ BEGIN RAISE EXCEPTION 'refused'; END $f$",
            "CREATE TRIGGER refuse BEFORE UPDATE ON jobs FOR EACH ROW
               WHEN (NEW.kind = 'sweep_payments' AND NEW.state <> 'leased') EXECUTE FUNCTION refuse()",
        ],
        false => vec![
            "CREATE TRIGGER refuse BEFORE UPDATE ON jobs
               WHEN NEW.kind = 'sweep_payments' AND NEW.state <> 'leased'
               BEGIN SELECT RAISE(ABORT, 'refused'); END",
        ],
    };
    for sql in refusal {
        app.sql(sql).await;
    }
    let tx = app.app.db.begin_write().await.expect("begins");
    for job in [Job::CatchAllUp, Job::SweepPayments, Job::Tidy] {
        jobs::stage(&tx, &job).await.expect("stages");
    }
    tx.commit().await.expect("commits");
    worker::work(&app.app, "one").await.expect("works");
    let ended = "jobs WHERE state = 'ready' AND done_generation = 1";
    assert_eq!(app.count(ended).await, 2);
    let refused = "jobs WHERE kind = 'sweep_payments' AND state = 'leased'";
    assert_eq!(app.count(refused).await, 1);
}

#[tokio::test]
async fn a_lease_is_as_long_as_was_asked_for() {
    let app = TestApp::start().await;
    refund_waits(&app).await;
    let short = Duration::from_secs(5);
    let lease = async |owner| {
        jobs::expire_leases(&app.app.db).await.expect("looks");
        let tx = app.app.db.begin_write().await.expect("begins");
        let leases = jobs::lease(&tx, owner, 8, short).await.expect("leases");
        tx.commit().await.expect("commits");
        leases.len()
    };
    assert_eq!(lease("one").await, 1);
    app.advance(4).await;
    assert_eq!(lease("two").await, 0);
    app.advance(2).await;
    assert_eq!(lease("two").await, 1);
    app.advance(6).await;
    app.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_lost_its_lease_drops_the_job_and_its_result() {
    let app = TestApp::start().await;
    let (shop, _, _) = refund_waits(&app).await;
    app.fault("POST", "/v1/refunds", FaultKind::Slow { ms: 2000 }, Some(1))
        .await;
    let works = tokio::spawn({
        let app = app.app.clone();
        async move { worker::work(&app, "one").await }
    });
    leased_beyond(&app, 0).await;
    app.sql("UPDATE jobs SET lease_owner = 'two' WHERE state = 'leased'")
        .await;
    app.advance(25).await;
    works.await.expect("ends").expect("works");
    assert_eq!(
        app.count("jobs WHERE state = 'leased' AND lease_owner = 'two'")
            .await,
        1
    );
    app.advance(MORE_THAN_A_LEASE).await;
    app.settle().await;
    assert_eq!(refunds_at_stripe(&app, &shop).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_job_holds_up_no_other_and_is_given_back_when_the_worker_stops() {
    let app = TestApp::start().await;
    let (shop, checkout, _) = refund_waits(&app).await;
    let slow = FaultKind::Slow { ms: 30_000 };
    app.fault("POST", "/v1/refunds", slow, Some(1)).await;
    let stop = CancellationToken::new();
    let works = tokio::spawn(worker::run(app.app.clone(), stop.clone()));
    until("the refund is at work", async || {
        let at_work = "jobs WHERE kind = 'refund' AND state = 'leased'";
        (app.count(at_work).await == 1).then_some(())
    })
    .await;
    let mails = app
        .count("jobs WHERE kind = 'mail' AND state = 'done'")
        .await;
    let lamp = app.product(&shop, 900, None).await;
    let another = app.checkout(&lamp).await;
    app.pay(&another).await;
    app.apply_events().await;
    until("the other sale's mail is sent", async || {
        let sent = app
            .count("jobs WHERE kind = 'mail' AND state = 'done'")
            .await;
        (sent > mails).then_some(())
    })
    .await;
    until("only the slow one is at work", async || {
        (app.count("jobs WHERE state = 'leased'").await == 1).then_some(())
    })
    .await;

    stop.cancel();
    let ten_seconds = std::time::Duration::from_secs(10);
    let ended = tokio::time::timeout(ten_seconds, works).await;
    ended.expect("within ten seconds").expect("ends");
    let given_back = "jobs WHERE kind = 'refund' AND state = 'ready' AND lease_owner IS NULL";
    assert_eq!(app.count(given_back).await, 1);
    app.settle().await;
    assert_eq!(refunds_at_stripe(&app, &shop).await, 1);
    assert_eq!(app.order(&checkout).await["status"], "refunded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_with_nothing_to_do_rests() {
    let app = TestApp::start().await;
    let stop = CancellationToken::new();
    let works = tokio::spawn(worker::run(app.app.clone(), stop.clone()));
    until("its schedules have been done", async || {
        let waiting = "jobs WHERE state <> 'done' AND done_generation = 0";
        let all = app.count("jobs").await;
        (all > 0 && app.count(waiting).await == 0).then_some(())
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let staged = app.app.db.staged.notified();
    let rests = std::time::Duration::from_millis(1500);
    let woken = tokio::time::timeout(rests, staged).await;
    assert!(woken.is_err(), "it wakes itself although nothing is staged");
    stop.cancel();
    works.await.expect("ends");
}

#[tokio::test]
async fn only_a_job_that_is_due_now_wakes_the_workers() {
    let app = TestApp::start().await;
    let woken = async |stages: Option<i64>, whole: bool| {
        let rung = app.app.db.staged.notified();
        let tx = app.app.db.begin_write().await.expect("begins");
        if let Some(ms) = stages {
            let savepoint = tx.savepoint().await.expect("begins");
            let at = tx.now().plus_ms(ms);
            let staged = jobs::stage_at(&savepoint, &Job::Tidy, at).await;
            staged.expect("stages");
            savepoint.commit().await.expect("commits");
        }
        match whole {
            true => tx.commit().await.expect("commits"),
            false => tx.rollback().await.expect("ends"),
        }
        let soon = std::time::Duration::from_millis(50);
        tokio::time::timeout(soon, rung).await.is_ok()
    };
    assert!(woken(Some(0), true).await);
    assert!(!woken(Some(0), false).await, "nothing was committed");
    assert!(!woken(Some(15_000), true).await, "it is not due yet");
    assert!(!woken(None, true).await, "nothing was staged");
    app.allow_unfinished_work();
}

#[tokio::test]
async fn the_shortest_checkout_is_still_long_enough_when_its_request_is_repeated() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    let path = "/v1/checkout/sessions";
    app.fault("POST", path, FaultKind::TimeoutBeforeCommit, Some(3))
        .await;
    let body = json!({
        "lines": [{ "product_id": lamp, "quantity": 1 }], "customer_email": "guest@example.com", "expires_in": 1800,
    });
    app.post("/v1/checkout_sessions", body)
        .refused(503, "stripe_unavailable")
        .await;
    app.advance(20).await;
    app.settle().await;
    let status: String = app.query("SELECT status AS it FROM orders").await;
    assert_eq!(status, "pending");
    assert_eq!(
        app.count("payments WHERE stripe_object IS NOT NULL").await,
        1
    );
}

#[tokio::test]
async fn on_postgres_a_lease_is_measured_by_the_clock_of_the_database() {
    if !on_postgres() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::migrated(folder.path()).await;
    let connect = async || {
        Db::connect(&database.url, Clock::System)
            .await
            .expect("connects")
    };
    let db = connect().await;
    let tx = db.begin_write().await.expect("begins");
    // A database whose clock is ten minutes ahead of this machine's.
    for sql in [
        "CREATE SCHEMA ahead",
        "CREATE FUNCTION ahead.now() RETURNS timestamptz LANGUAGE sql AS
           $f$ SELECT pg_catalog.now() + interval '10 minutes' $f$",
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = ahead, pg_catalog, public',
           current_database()); END $$",
    ] {
        tx.execute_unprepared(sql).await.expect(sql);
    }
    jobs::stage(&tx, &Job::Tidy).await.expect("stages");
    tx.commit().await.expect("commits");
    db.close().await.expect("closes");
    let db = connect().await;
    let tx = db.begin_write().await.expect("begins");
    let leases = jobs::lease(&tx, "one", 8, Duration::from_secs(60))
        .await
        .expect("leases");
    tx.commit().await.expect("commits");
    let query = Statement::from_string(db.backend(), "SELECT lease_until AS it FROM jobs");
    let row = db
        .read
        .query_one_raw(query)
        .await
        .expect("asks")
        .expect("a row");
    let until: i64 = row.try_get("", "it").expect("a time");
    let ahead = until - leases[0].taken_at.0;
    assert!((640_000..680_000).contains(&ahead), "{ahead} ms");
    db.close().await.expect("closes");
}

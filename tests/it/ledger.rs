//! Books, payouts and findings, against the simulator's own books.

mod house;

use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::{Value, json};
use souk_entity::finding::{self, FindingState};
use souk_entity::user::Role;
use souk_entity::{balance_transaction, journal};

use souk::identity::ensure_user;
use souk::ledger::{self, NewFinding, Outcome, check_book, events, later};
use souk::stripe::{Effect, Event};

use house::{DAY, House, PASSWORD, balance_of};

#[tokio::test]
async fn a_payout_is_pulled_closed_and_itemised_whatever_the_order_of_its_events() {
    let house = House::build().await;
    let (seller, account) = house.seller("mira@example.com").await;
    house.sale(&account, 4000, 400).await;
    let charge = house.sale(&account, 2500, 250).await;
    let body = format!("charge={charge}&amount=500&refund_application_fee=true");
    house
        .stripe("POST", account.as_ref(), "/v1/refunds", &body)
        .await;
    house.pull(&account).await;
    house.pull(&account).await;
    let check = check_book(&house.app, &account, false)
        .await
        .expect("checks");
    assert_eq!(check.outcome, Outcome::Equal, "{check:?}");
    assert!(check.currencies[0].ledger > 0);

    house.simulator.advance(6 * DAY).await;
    let kinds = house.payout_events(&account).await;
    assert!(
        kinds.contains(&"payout.reconciliation_completed".to_owned()),
        "{kinds:?}"
    );
    house.all_jobs().await;

    let mira = house.token("mira@example.com").await;
    let (status, list) = house
        .get("/v1/payouts?status=paid&currency=eur", &mira)
        .await;
    assert_eq!(status, 200, "{list}");
    let payout = &list["data"][0];
    assert_eq!(payout["reconciliation"], "closed", "{list}");
    assert_eq!(payout["transactions_net"], payout["amount"]);
    assert_eq!(payout["transaction_count"], 3);
    assert_eq!(payout["seller_id"], seller.as_ref());
    assert_eq!(payout["summary"][0]["reporting_category"], "charge");
    assert_eq!(payout["summary"][0]["amount"], 6500);
    assert_eq!(payout["summary"][1]["amount"], -500);
    let path = format!(
        "/v1/payouts/{}/transactions",
        payout["id"].as_str().expect("an id")
    );
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let (_, page) = house.get(&format!("{path}?limit=1{after}"), &mira).await;
        let id = page["data"][0]["id"].as_str().expect("an id").to_owned();
        after = format!("&starting_after={id}");
        seen.push(id);
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(seen.len(), 3);
    let (_, back) = house
        .get(&format!("{path}?ending_before={}", seen[2]), &mira)
        .await;
    assert_eq!(
        (&back["data"][0]["id"], &back["data"][1]["id"]),
        (&json!(seen[0]), &json!(seen[1]))
    );
    let (status, problem) = house
        .get(&format!("{path}?starting_after=txn_none"), &mira)
        .await;
    assert_eq!((status, &problem["param"]), (422, &json!("starting_after")));

    let (_, balances) = house.get("/v1/ledger/balances", &mira).await;
    assert_eq!(
        balance_of(&balances, "bank"),
        payout["amount"].as_i64().expect("a number")
    );
    assert_eq!(balance_of(&balances, "payout:clearing"), 0);
    assert_eq!(balance_of(&balances, "stripe_balance:payments"), 0);
    let check = check_book(&house.app, &account, false)
        .await
        .expect("checks");
    assert_eq!(check.outcome, Outcome::Equal, "{check:?}");
    house.balanced().await;
}

#[tokio::test]
async fn a_payout_that_failed_after_it_was_paid_is_reversed_and_its_money_goes_out_again() {
    let house = House::build().await;
    let (_, account) = house.seller("mira@example.com").await;
    house.sale(&account, 4000, 400).await;
    house.simulator.advance(6 * DAY).await;
    house.payout_events(&account).await;
    house.all_jobs().await;
    let mira = house.token("mira@example.com").await;
    let (_, list) = house.get("/v1/payouts", &mira).await;
    let first = list["data"][0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(list["data"][0]["status"], "paid");

    let body = json!({"failure_code": "account_closed"}).to_string();
    let path = format!("/_simulator/payouts/{first}/fail");
    house.stripe("POST", "", &path, &body).await;
    house.payout_events(&account).await;
    house.all_jobs().await;
    let (_, payout) = house.get(&format!("/v1/payouts/{first}"), &mira).await;
    assert_eq!(payout["status"], "failed");
    assert_eq!(payout["reconciliation"], "closed");
    assert_eq!(
        house.finding("payout_failed", &first).await,
        Some(FindingState::Open)
    );
    let (_, balances) = house.get("/v1/ledger/balances", &mira).await;
    assert_eq!(balance_of(&balances, "bank"), 0);
    assert_eq!(balance_of(&balances, "payout:clearing"), 0);

    house.simulator.advance(3 * DAY).await;
    house.payout_events(&account).await;
    house.all_jobs().await;
    let (_, list) = house.get("/v1/payouts?limit=1", &mira).await;
    assert_eq!(list["data"][0]["reconciliation"], "closed", "{list}");
    assert_eq!(
        list["data"][0]["summary"][0]["reporting_category"],
        "payout_reversal"
    );
    assert_eq!(list["has_more"], true);
    assert_eq!(
        house.finding("payout_failed", &first).await,
        Some(FindingState::Resolved)
    );
    let check = check_book(&house.app, &account, false)
        .await
        .expect("checks");
    assert_eq!(check.outcome, Outcome::Equal, "{check:?}");
    house.balanced().await;
}

#[tokio::test]
async fn a_pull_that_runs_many_times_at_once_posts_each_transaction_once() {
    let house = House::build().await;
    let (_, account) = house.seller("mira@example.com").await;
    for _ in 0..3 {
        house.sale(&account, 1000, 100).await;
    }
    let pulls = (0..8).map(|_| later::pull(&house.app, &account, false));
    for pull in futures_util::future::join_all(pulls).await {
        pull.expect("pulls");
    }
    let rows = balance_transaction::Entity::find()
        .all(&house.app.db.read)
        .await
        .expect("reads");
    let journals = journal::Entity::find()
        .all(&house.app.db.read)
        .await
        .expect("reads");
    assert_eq!((rows.len(), journals.len()), (3, 3));
    house.balanced().await;
}

#[tokio::test]
async fn a_stranger_sees_no_payout_and_an_admin_sees_all() {
    let house = House::build().await;
    let (seller, account) = house.seller("mira@example.com").await;
    house.seller("noa@example.com").await;
    house.sale(&account, 4000, 400).await;
    house.simulator.advance(6 * DAY).await;
    house.payout_events(&account).await;
    house.all_jobs().await;
    ensure_user(
        &house.app,
        "root@example.com",
        "Root",
        PASSWORD,
        Role::Admin,
    )
    .await
    .expect("an admin");
    let (noa, root) = (
        house.token("noa@example.com").await,
        house.token("root@example.com").await,
    );
    let (_, all) = house.get("/v1/payouts", &root).await;
    let id = all["data"][0]["id"].as_str().expect("an id");
    for path in [
        format!("/v1/payouts/{id}"),
        format!("/v1/payouts/{id}/transactions"),
        format!("/v1/payouts?seller_id={seller}"),
        format!("/v1/ledger/balances?seller_id={seller}"),
    ] {
        assert_eq!(house.get(&path, &noa).await.0, 404, "{path}");
        assert_eq!(house.get(&path, &root).await.0, 200, "{path}");
        assert_eq!(house.get(&path, "").await.0, 401, "{path}");
    }
    assert_eq!(house.get("/v1/payouts", &noa).await.1["data"], json!([]));
    assert_eq!(
        house.get("/v1/ledger/balances", &noa).await.1["data"],
        json!([])
    );
    assert_eq!(house.get("/v1/ledger/findings", &noa).await.0, 403);
    assert_eq!(
        house
            .get("/v1/ledger/findings?state=open&kind=payout_failed", &root)
            .await
            .0,
        200
    );
    for (query, param) in [
        ("status=lost", "status"),
        ("currency=EUR", "currency"),
        ("arrival_gte=soon", "arrival_gte"),
        ("colour=red", "colour"),
    ] {
        let (status, problem) = house.get(&format!("/v1/payouts?{query}"), &root).await;
        assert_eq!(
            (status, &problem["param"]),
            (422, &json!(param)),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn a_stored_transaction_that_changed_is_a_finding_and_the_book_stays() {
    let house = House::build().await;
    let (_, account) = house.seller("mira@example.com").await;
    house.sale(&account, 4000, 400).await;
    house.pull(&account).await;
    let tx = house.app.db.begin_write().await.expect("begins");
    tx.execute_unprepared("UPDATE balance_transactions SET net = net - 7")
        .await
        .expect("updates");
    tx.commit().await.expect("commits");
    house.pull(&account).await;
    let rows = balance_transaction::Entity::find()
        .all(&house.app.db.read)
        .await
        .expect("reads");
    let found = house.finding("immutable_changed", &rows[0].id).await;
    assert_eq!(found, Some(FindingState::Open));
    house.balanced().await;
}

#[tokio::test]
async fn a_book_that_differs_from_stripe_drifts_until_it_does_not() {
    let house = House::build().await;
    let (_, account) = house.seller("mira@example.com").await;
    house.sale(&account, 4000, 400).await;
    house.pull(&account).await;
    let tx = house.app.db.begin_write().await.expect("begins");
    tx.execute_unprepared(
        "INSERT INTO entries (id, journal_id, book_id, account, currency, amount)
         SELECT 'ent_x', id, book_id, 'stripe_balance:payments', 'eur', 7 FROM journals",
    )
    .await
    .expect("inserts");
    tx.commit().await.expect("commits");
    let check = check_book(&house.app, &account, false)
        .await
        .expect("checks");
    assert_eq!(check.outcome, Outcome::Drift);
    assert_eq!(check.currencies[0].ledger - check.currencies[0].stripe, 7);
    let tx = house.app.db.begin_write().await.expect("begins");
    tx.execute_unprepared(
        "INSERT INTO entries (id, journal_id, book_id, account, currency, amount)
         SELECT 'ent_y', id, book_id, 'stripe_balance:payments', 'eur', -7 FROM journals",
    )
    .await
    .expect("inserts");
    tx.commit().await.expect("commits");
    let check = check_book(&house.app, &account, false)
        .await
        .expect("checks");
    assert_eq!(check.outcome, Outcome::Equal);
    let all = finding::Entity::find()
        .all(&house.app.db.read)
        .await
        .expect("reads");
    assert_eq!(all.len(), 1);
    assert_eq!(
        (all[0].kind.as_str(), all[0].state),
        ("balance_drift", FindingState::Resolved)
    );
}

#[tokio::test]
async fn a_finding_raised_twice_is_one_and_a_resolved_one_opens_again() {
    let house = House::build().await;
    let finding = |message: &str| NewFinding {
        kind: "fee_mismatch",
        stripe_account: None,
        subject: "ord_1".to_owned(),
        message: message.to_owned(),
        amount: Some(1),
        currency: Some("eur".to_owned()),
    };
    for (message, resolved) in [("one", false), ("two", true), ("three", false)] {
        let tx = house.app.db.begin_write().await.expect("begins");
        ledger::raise(&tx, finding(message)).await.expect("raises");
        if resolved {
            ledger::resolve(&tx, "fee_mismatch", "ord_1")
                .await
                .expect("resolves");
        }
        tx.commit().await.expect("commits");
    }
    let all = finding::Entity::find()
        .all(&house.app.db.read)
        .await
        .expect("reads");
    assert_eq!(all.len(), 1);
    assert_eq!(
        (all[0].message.as_str(), all[0].resolved_at),
        ("three", None)
    );
    assert_eq!(all[0].state, FindingState::Open);
}

#[tokio::test]
async fn transactions_name_their_order_also_when_its_charge_is_learned_later() {
    let house = House::build().await;
    let (seller, account) = house.seller("mira@example.com").await;
    let charge = house.sale(&account, 4000, 400).await;
    house.pull(&account).await;
    assert_eq!(house.orders().await, [None]);
    house
        .order(&seller, "ord_1", "pay_1", "acct_other", &charge)
        .await;
    house.pull(&account).await;
    assert_eq!(house.orders().await, [None], "another account's charge");
    let ours = account.as_ref();
    house.order(&seller, "ord_2", "pay_2", ours, &charge).await;
    house.pull(&account).await;
    assert_eq!(house.orders().await, [Some("ord_2".into())]);
}

#[tokio::test]
async fn a_payout_whose_transactions_another_payout_has_is_a_mismatch_until_it_is_not() {
    let house = House::build().await;
    let (_, account) = house.seller("mira@example.com").await;
    house.sale(&account, 4000, 400).await;
    house.pull(&account).await;
    let steal = "UPDATE balance_transactions SET payout_id = 'po_other'";
    house.sql(steal).await;
    house.simulator.advance(6 * DAY).await;
    house.payout_events(&account).await;
    house.all_jobs().await;
    let mira = house.token("mira@example.com").await;
    let (_, list) = house.get("/v1/payouts", &mira).await;
    let id = list["data"][0]["id"].as_str().expect("an id");
    assert_eq!(list["data"][0]["reconciliation"], "mismatch", "{list}");
    assert_eq!(
        house.finding("payout_mismatch", id).await,
        Some(FindingState::Open)
    );
    house
        .sql("UPDATE balance_transactions SET payout_id = NULL")
        .await;
    house.pull(&account).await;
    let (_, payout) = house.get(&format!("/v1/payouts/{id}"), &mira).await;
    assert_eq!(payout["reconciliation"], "closed");
    assert_eq!(
        house.finding("payout_mismatch", id).await,
        Some(FindingState::Resolved)
    );
}

#[tokio::test]
async fn a_payout_made_by_hand_is_never_itemised() {
    let house = House::build().await;
    let (_, account) = house.seller("mira@example.com").await;
    let manual = "settings[payouts][schedule][interval]=manual";
    house
        .stripe("POST", "", &format!("/v1/accounts/{account}"), manual)
        .await;
    house.sale(&account, 4000, 0).await;
    house.simulator.advance(4 * DAY).await;
    let body = "amount=1000&currency=eur";
    house
        .stripe("POST", account.as_ref(), "/v1/payouts", body)
        .await;
    house.simulator.advance(3 * DAY).await;
    // No event at all: the pulled transaction names the payout.
    house.pull(&account).await;
    house.all_jobs().await;
    let mira = house.token("mira@example.com").await;
    let (_, list) = house.get("/v1/payouts", &mira).await;
    let payout = &list["data"][0];
    assert_eq!(
        (&payout["status"], &payout["reconciliation"]),
        (&json!("paid"), &json!("manual"))
    );
    assert_eq!(payout["transactions_net"], Value::Null);
    assert_eq!(payout["summary"], json!([]));
    let (_, balances) = house.get("/v1/ledger/balances", &mira).await;
    assert_eq!(balance_of(&balances, "bank"), 1000);
    assert_eq!(balance_of(&balances, "payout:clearing"), 0);
}

#[tokio::test]
async fn an_event_of_one_account_never_touches_anothers_payout() {
    let house = House::build().await;
    let (_, mine) = house.seller("mira@example.com").await;
    let (_, other) = house.seller("noa@example.com").await;
    house.sale(&mine, 4000, 400).await;
    house.simulator.advance(6 * DAY).await;
    house.payout_events(&mine).await;
    house.all_jobs().await;
    let mira = house.token("mira@example.com").await;
    let (_, before) = house.get("/v1/payouts", &mira).await;
    let mut object = house.stripe("GET", mine.as_ref(), "/v1/payouts", "").await["data"][0].clone();
    object["status"] = json!("failed");
    let payout_event = |account: &str, object: &Value| {
        let envelope = json!({
            "id": "evt_1", "type": "payout.failed", "account": account, "livemode": false,
            "created": 1, "data": {"object": object},
        });
        Event::read(envelope.to_string().as_bytes()).expect("an event")
    };
    for account in [other.as_ref(), "acct_unknown"] {
        let tx = house.app.db.begin_write().await.expect("begins");
        let effect = events::payout(&tx, &payout_event(account, &object)).await;
        assert!(
            matches!(effect.expect("applies"), Effect::Ignored(_)),
            "{account}"
        );
        tx.commit().await.expect("commits");
    }
    assert_eq!(house.get("/v1/payouts", &mira).await.1, before);
    // An odd shape is no loss: what the event names is read again.
    let tx = house.app.db.begin_write().await.expect("begins");
    let odd = json!({"id": object["id"], "status": 7});
    let effect = events::payout(&tx, &payout_event(mine.as_ref(), &odd)).await;
    assert_eq!(effect.expect("applies"), Effect::Applied);
    tx.commit().await.expect("commits");
    house.all_jobs().await;
    assert_eq!(house.get("/v1/payouts", &mira).await.1, before);
}

//! Books, payouts and findings, against the simulator's own books.

use std::collections::BTreeMap;

use sea_orm::EntityTrait;
use serde_json::{Value, json};
use souk::findings::{self, NewFinding};
use souk::ledger::{self, BookCheck, Outcome, check_book};
use souk_entity::AccountId;
use souk_entity::finding::{self, FindingState};

use crate::harness::{Has, Shop, TestApp, event, on_postgres, refund_transactions, text};

const DAY: i64 = 86_400;

/// A shop in Germany.
async fn shop(app: &TestApp) -> Shop {
    app.shop_in("mira", "DE").await
}

/// Somebody buys something there, and the webhook has said so.
async fn sale(app: &TestApp, shop: &Shop, amount: i64) -> String {
    let thing = app.product_in(shop, amount, "eur", None).await;
    let order = app.sale(&thing).await.order;
    app.until_transactions_show(&shop.account).await;
    order
}

/// Somebody has paid, and no event of it has been delivered. Returns those events.
async fn unheard_sale(app: &TestApp, shop: &Shop, amount: i64) -> Vec<Value> {
    let thing = app.product_in(shop, amount, "eur", None).await;
    let checkout = app.checkout(&thing).await;
    app.pay(&checkout).await;
    app.intercept().await
}

async fn pull(app: &TestApp, shop: &Shop) {
    app.until_transactions_show(&shop.account).await;
    let account = AccountId(shop.account.clone());
    ledger::pull(&app.app, &account, false)
        .await
        .expect("pulls");
}

async fn check(app: &TestApp, shop: &Shop) -> BookCheck {
    let account = AccountId(shop.account.clone());
    let check = check_book(&app.app, &account, false).await;
    check.expect("checks")
}

/// Time passes at Stripe. Then every event of a payout that there ever was comes, newest first and twice over, those
/// heard before too; the others don't come at all. What is newest holds, also before Stripe is asked.
async fn payday(app: &TestApp, shop: &Shop, days: i64) -> Vec<String> {
    app.simulator.advance(days * DAY).await;
    app.intercept().await;
    let path = "/events?limit=100";
    let events = app.stripe_api("GET", path, &shop.account, &[]).await;
    let (mut kinds, mut newest) = (vec![], BTreeMap::new());
    for event in events["data"].as_array().expect("events") {
        let kind = text(event, "type");
        if !kind.starts_with("payout.") {
            continue;
        }
        for _ in 0..2 {
            // Under another id each time, since an event counts once.
            let mut event = event.clone();
            event["account"] = json!(shop.account);
            event["id"] = json!(format!("evt_{}", app.count("inbox_events").await));
            assert_eq!(app.deliver(&event).await, "processed", "{event}");
        }
        let payout = &event["data"]["object"];
        let status = payout["status"].clone();
        newest.entry(text(payout, "id")).or_insert(status);
        kinds.push(kind);
    }
    for (payout, status) in newest {
        let row = get(app, shop, &format!("/v1/payouts/{payout}")).await;
        assert_eq!(row["status"], status, "{row}");
    }
    app.run_jobs().await;
    app.until_transactions_show(&shop.account).await;
    kinds
}

async fn get(app: &TestApp, shop: &Shop, path: &str) -> Value {
    app.get(path).by(&shop.owner).expect(200).await
}

/// The balance of an account of the ledger.
async fn balance(app: &TestApp, shop: &Shop, account: &str) -> i64 {
    let list = get(app, shop, "/v1/ledger/balances").await;
    let rows = list["data"].as_array().expect("rows");
    let row = rows.iter().find(|row| row["account"] == account);
    row.map_or(0, |row| row["balance"].as_i64().expect("a number"))
}

/// The state of a finding; null where there is none.
async fn found(app: &TestApp, kind: &str, subject: &str) -> Value {
    let admin = app.admin().await;
    let path = format!("/v1/ledger/findings?kind={kind}");
    let list = app.get(path).by(&admin).expect(200).await;
    let mut all = list["data"].as_array().expect("a list").iter();
    all.find(|finding| finding["subject"] == subject)
        .map_or(Value::Null, |finding| finding["state"].clone())
}

#[tokio::test]
async fn a_payout_is_pulled_closed_and_itemised_whatever_the_order_of_its_events() {
    let app = TestApp::start().await;
    let shop = shop(&app).await;
    sale(&app, &shop, 4000).await;
    let order = sale(&app, &shop, 2500).await;
    let body = json!({ "order_id": order, "amount": 500 });
    let refund = app.post("/v1/refunds", body).by(&shop.owner);
    refund.expect(201).await;
    app.settle().await;
    pull(&app, &shop).await;
    let before = check(&app, &shop).await;
    assert_eq!(before.outcome, Outcome::Equal, "{before:?}");
    assert!(before.currencies[0].ledger > 0);

    let kinds = payday(&app, &shop, 6).await;
    let last = "payout.reconciliation_completed";
    assert!(kinds.iter().any(|kind| kind == last), "{kinds:?}");
    let list = get(&app, &shop, "/v1/payouts?status=paid&currency=eur").await;
    let payout = &list["data"][0];
    assert_eq!(payout["reconciliation"], "closed", "{list}");
    assert_eq!(payout["transactions_net"], payout["amount"]);
    assert_eq!(payout["transaction_count"], 2 + refund_transactions());
    assert_eq!(payout["seller_id"], shop.id);
    assert_eq!(payout["summary"][0]["reporting_category"], "charge");
    assert_eq!(payout["summary"][0]["amount"], 6500);
    let summary = payout["summary"].as_array().expect("a summary");
    assert_eq!(summary[summary.len() - 1]["amount"], -500);

    assert_eq!(json!(balance(&app, &shop, "bank").await), payout["amount"]);
    assert_eq!(balance(&app, &shop, "payout:clearing").await, 0);
    assert_eq!(balance(&app, &shop, "stripe_balance:payments").await, 0);
    let after = check(&app, &shop).await;
    assert_eq!(after.outcome, Outcome::Equal, "{after:?}");
}

#[tokio::test]
async fn a_payouts_transactions_are_read_page_by_page_in_both_directions() {
    let app = TestApp::start().await;
    let shop = shop(&app).await;
    for amount in [1000, 2000, 3000] {
        sale(&app, &shop, amount).await;
    }
    payday(&app, &shop, 6).await;
    let list = get(&app, &shop, "/v1/payouts").await;
    let path = format!("/v1/payouts/{}/transactions", text(&list["data"][0], "id"));
    let mut seen = vec![];
    let mut after = String::new();
    loop {
        let page = get(&app, &shop, &format!("{path}?limit=1{after}")).await;
        let id = text(&page["data"][0], "id");
        after = format!("&starting_after={id}");
        seen.push(id);
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(seen.len(), 3);
    let back = get(&app, &shop, &format!("{path}?ending_before={}", seen[2])).await;
    back["data"][0].has(json!({ "id": seen[0] }));
    back["data"][1].has(json!({ "id": seen[1] }));
    app.get(format!("{path}?starting_after=txn_none"))
        .by(&shop.owner)
        .refuses_field("starting_after")
        .await;
}

#[tokio::test]
async fn a_payout_that_failed_after_it_was_paid_is_reversed_and_its_money_goes_out_again() {
    let app = TestApp::start().await;
    let shop = shop(&app).await;
    sale(&app, &shop, 4000).await;
    payday(&app, &shop, 6).await;
    let list = get(&app, &shop, "/v1/payouts").await;
    let first = text(&list["data"][0], "id");
    assert_eq!(list["data"][0]["status"], "paid");

    let body = json!({ "failure_code": "account_closed" });
    app.simulate(&format!("/payouts/{first}/fail"), body).await;
    payday(&app, &shop, 0).await;
    let payout = get(&app, &shop, &format!("/v1/payouts/{first}")).await;
    payout.has(json!({ "status": "failed", "reconciliation": "closed" }));
    assert_eq!(found(&app, "payout_failed", &first).await, "open");
    assert_eq!(balance(&app, &shop, "bank").await, 0);
    assert_eq!(balance(&app, &shop, "payout:clearing").await, 0);

    // Stripe pays nothing out to a bank that refused, until the seller has put its details right.
    let mended = format!("/accounts/{}/mend_payouts", shop.account);
    app.simulate(&mended, json!({})).await;
    payday(&app, &shop, 6).await;
    let list = get(&app, &shop, "/v1/payouts?limit=1").await;
    let second = &list["data"][0];
    assert_eq!(second["reconciliation"], "closed", "{list}");
    let category = &second["summary"][0]["reporting_category"];
    assert_eq!(category, "payout_reversal");
    assert_eq!(list["has_more"], true);
    assert_eq!(found(&app, "payout_failed", &first).await, "resolved");
    let check = check(&app, &shop).await;
    assert_eq!(check.outcome, Outcome::Equal, "{check:?}");
}

#[tokio::test]
async fn a_pull_that_runs_many_times_at_once_posts_each_transaction_once() {
    let app = TestApp::start().await;
    let shop = shop(&app).await;
    for _ in 0..3 {
        unheard_sale(&app, &shop, 1000).await;
    }
    assert_eq!(app.count("balance_transactions").await, 0);
    futures_util::future::join_all((0..8).map(|_| pull(&app, &shop))).await;
    assert_eq!(app.count("balance_transactions").await, 3);
    assert_eq!(app.count("journals").await, 3);
}

#[tokio::test]
async fn a_stored_transaction_that_changed_is_a_finding_and_the_book_stays() {
    let app = TestApp::start().await;
    let shop = shop(&app).await;
    sale(&app, &shop, 4000).await;
    let before = balance(&app, &shop, "stripe_balance:payments").await;
    let on = match on_postgres() {
        true => " ON balance_transactions",
        false => "",
    };
    app.sql(&format!("DROP TRIGGER balance_transactions_fixed{on}"))
        .await;
    app.sql("UPDATE balance_transactions SET net = net - 7")
        .await;
    pull(&app, &shop).await;
    let id: String = app.query("SELECT id AS it FROM balance_transactions").await;
    assert_eq!(found(&app, "immutable_changed", &id).await, "open");
    let after = balance(&app, &shop, "stripe_balance:payments").await;
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_book_that_differs_from_stripe_raises_a_finding_until_they_agree() {
    let app = TestApp::start().await;
    let shop = shop(&app).await;
    sale(&app, &shop, 4000).await;
    let post = async |name: &str, amount: i64| {
        let entry = |id: &str, account: &str, amount: i64| {
            format!(
                "INSERT INTO entries (id, journal_id, book_id, account, currency, amount)
                   SELECT '{name}{id}', '{name}', id, '{account}', 'eur', {amount} FROM books; "
            )
        };
        let journal = format!(
            "INSERT INTO journals (id, book_id, source, posting_rule, posted_at)
               SELECT '{name}', id, '{name}', 1, 0 FROM books"
        );
        let entries = entry("a", "stripe_balance:payments", amount) + &entry("b", "bank", -amount);
        app.sql(&(entries + &journal)).await;
    };
    post("jrn_x", 7).await;
    let off = check(&app, &shop).await;
    assert_eq!(off.outcome, Outcome::Drift);
    assert_eq!(off.currencies[0].ledger - off.currencies[0].stripe, 7);
    post("jrn_y", -7).await;
    assert_eq!(check(&app, &shop).await.outcome, Outcome::Equal);
    let admin = app.admin().await;
    let list = app.get("/v1/ledger/findings").by(&admin).expect(200).await;
    list.has(json!({ "data": [{ "kind": "balance_drift", "state": "resolved" }] }));
}

#[tokio::test]
async fn a_finding_raised_twice_is_one_and_a_resolved_one_opens_again() {
    let app = TestApp::start().await;
    let finding = |message: &str| NewFinding {
        kind: "fee_mismatch",
        stripe_account: None,
        subject: "ord_1".to_owned(),
        message: message.to_owned(),
        amount: Some(1),
        currency: Some("eur".to_owned()),
    };
    for (message, resolved) in [("one", false), ("two", true), ("three", false)] {
        let tx = app.app.db.begin_write().await.expect("begins");
        findings::raise(&tx, finding(message))
            .await
            .expect("raises");
        if resolved {
            let done = findings::resolve(&tx, "fee_mismatch", "ord_1").await;
            done.expect("resolves");
        }
        tx.commit().await.expect("commits");
    }
    let all = finding::Entity::find().all(&app.app.db.read).await;
    let all = all.expect("reads");
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].message.as_str(), "three");
    assert_eq!(all[0].resolved_at, None);
    assert_eq!(all[0].state, FindingState::Open);
}

#[tokio::test]
async fn transactions_name_their_order_also_when_its_charge_is_learned_later() {
    let app = TestApp::start().await;
    let shop = shop(&app).await;
    let other = app.shop_in("noa", "DE").await;
    sale(&app, &other, 4000).await;
    let events = unheard_sale(&app, &shop, 4000).await;
    let ours = "balance_transactions t JOIN books b ON b.id = t.book_id";
    let ours = format!("{ours} WHERE b.stripe_account = '{}'", shop.account);
    let order = async || {
        let query = format!("SELECT t.order_id AS it FROM {ours}");
        app.query::<Option<String>>(&query).await
    };
    pull(&app, &shop).await;
    assert_eq!(order().await, None);
    // A payment on another account whose charge has the same id.
    let charge: String = app
        .query(&format!("SELECT t.source AS it FROM {ours}"))
        .await;
    app.sql(&format!(
        "UPDATE payments SET charge = '{charge}' WHERE charge_account = '{}'",
        other.account
    ))
    .await;
    pull(&app, &shop).await;
    assert_eq!(order().await, None, "another account's charge");
    for event in &events {
        app.deliver(event).await;
    }
    app.settle().await;
    let path = format!("/v1/orders?seller_id={}", shop.id);
    let list = get(&app, &shop, &path).await;
    assert_eq!(order().await, Some(text(&list["data"][0], "id")));
}

#[tokio::test]
async fn a_payout_whose_transactions_name_another_payout_is_a_mismatch_until_they_are_pulled_again()
{
    let app = TestApp::start().await;
    let shop = shop(&app).await;
    sale(&app, &shop, 4000).await;
    let steal = "UPDATE balance_transactions SET payout_id = 'po_other'";
    app.sql(steal).await;
    payday(&app, &shop, 6).await;
    let list = get(&app, &shop, "/v1/payouts").await;
    let id = text(&list["data"][0], "id");
    assert_eq!(list["data"][0]["reconciliation"], "mismatch", "{list}");
    assert_eq!(found(&app, "payout_mismatch", &id).await, "open");
    app.sql("UPDATE balance_transactions SET payout_id = NULL")
        .await;
    pull(&app, &shop).await;
    let payout = get(&app, &shop, &format!("/v1/payouts/{id}")).await;
    assert_eq!(payout["reconciliation"], "closed");
    assert_eq!(found(&app, "payout_mismatch", &id).await, "resolved");
}

#[tokio::test]
async fn a_payout_made_by_hand_is_never_itemised() {
    let app = TestApp::start().await;
    let shop = shop(&app).await;
    let manual = [("settings[payouts][schedule][interval]", "manual")];
    let path = format!("/accounts/{}", shop.account);
    app.stripe_api("POST", &path, &shop.account, &manual).await;
    sale(&app, &shop, 4000).await;
    app.simulator.advance(4 * DAY).await;
    let body = [("amount", "1000"), ("currency", "eur")];
    app.stripe_api("POST", "/payouts", &shop.account, &body)
        .await;
    app.simulator.advance(3 * DAY).await;
    // No event at all: the pulled transaction names the payout.
    app.intercept().await;
    pull(&app, &shop).await;
    app.run_jobs().await;
    let list = get(&app, &shop, "/v1/payouts").await;
    let payout = &list["data"][0];
    payout.has(json!({ "status": "paid", "reconciliation": "manual" }));
    assert_eq!(payout["transactions_net"], Value::Null);
    assert_eq!(payout["summary"], json!([]));
    assert_eq!(balance(&app, &shop, "bank").await, 1000);
    assert_eq!(balance(&app, &shop, "payout:clearing").await, 0);
}

#[tokio::test]
async fn an_event_of_one_account_never_touches_anothers_payout() {
    let app = TestApp::start().await;
    let shop = shop(&app).await;
    let other = app.shop_in("noa", "DE").await;
    sale(&app, &shop, 4000).await;
    payday(&app, &shop, 6).await;
    let before = get(&app, &shop, "/v1/payouts").await;
    let payouts = app.stripe_api("GET", "/payouts", &shop.account, &[]).await;
    let mut object = payouts["data"][0].clone();
    object["status"] = json!("failed");
    for (n, account) in [other.account.as_str(), "acct_unknown"].iter().enumerate() {
        let id = format!("evt_{n}");
        let event = event(&id, "payout.failed", account, object.clone());
        assert_eq!(app.deliver(&event).await, "ignored", "{account}");
    }
    assert_eq!(get(&app, &shop, "/v1/payouts").await, before);
    // Nothing is lost with an object of another shape: the payout that it names is read again.
    let odd = json!({ "id": object["id"], "status": 7 });
    let event = event("evt_odd", "payout.failed", &shop.account, odd);
    assert_eq!(app.deliver(&event).await, "processed");
    app.run_jobs().await;
    assert_eq!(get(&app, &shop, "/v1/payouts").await, before);
}

//! Which account of the ledger a balance transaction is posted to, and corrections of what an older rule posted.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use souk::ledger;
use souk::reconciliation;
use souk_entity::AccountId;

use crate::harness::{Shop, TestApp, assumed};

/// Stripe's API as the platform itself.
async fn platform_api(app: &TestApp, path: &str, form: &[(&str, &str)]) -> Value {
    let oracle = app.simulator.oracle().await;
    let accounts = oracle["accounts"].as_object().expect("accounts");
    let sellers: Vec<String> = vec![
        app.query("SELECT MIN(stripe_account) AS it FROM sellers")
            .await,
    ];
    let platform = accounts.keys().find(|id| !sellers.contains(id));
    app.stripe_api("POST", path, platform.expect("a platform"), form)
        .await
}

async fn pull(app: &TestApp, shop: &Shop) {
    app.advance(61).await;
    let account = AccountId(shop.account.clone());
    ledger::pull(&app.app, &account, false)
        .await
        .expect("pulls");
    app.run_jobs().await;
}

/// The balances of all accounts that have one.
async fn accounts(app: &TestApp) -> BTreeMap<String, i64> {
    let admin = app.admin().await;
    let list = app.get("/v1/ledger/balances").by(&admin).expect(200).await;
    let rows = list["data"].as_array().expect("rows");
    let balance = |row: &Value| {
        let account = row["account"].as_str().expect("a name").to_owned();
        (account, row["balance"].as_i64().expect("a number"))
    };
    let all = rows.iter().map(balance);
    all.filter(|(_, balance)| *balance != 0).collect()
}

#[tokio::test]
async fn an_application_fee_that_went_back_is_no_fee_of_stripes_and_names_its_order() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 10_000, None).await;
    app.sale(&lamp).await;
    let order = app.sale(&lamp).await.order;
    pull(&app, &shop).await;
    let before = accounts(&app).await;
    let fee = before["fee:application"];
    assert!(fee > 0 && fee % 2 == 0, "{before:?}");
    app.post("/v1/refunds", json!({ "order_id": order }))
        .by(&shop.owner)
        .expect(201)
        .await;
    app.settle().await;
    pull(&app, &shop).await;
    let after = accounts(&app).await;
    // Both sales had the same fee, and one of them went back.
    assert_eq!(
        after["fee:application"],
        fee / 2,
        "{}",
        assumed("fee_refund")
    );
    assert_eq!(after["fee:stripe"], before["fee:stripe"]);
    assert_eq!(after["sales:refund"], 10_000);
    let nameless = "balance_transactions WHERE order_id IS NULL";
    assert_eq!(app.count(nameless).await, 0);
    let named = format!("balance_transactions WHERE order_id = '{order}'");
    let rows = if assumed("fee_refund") == "own" { 3 } else { 2 };
    assert_eq!(app.count(&named).await, rows);
}

#[tokio::test]
async fn money_that_the_platform_sends_and_takes_back_is_no_sale() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    // Direct charges don't need it, so v2 asks for it only where it is named.
    let capability = format!("/accounts/{}/capabilities/transfers", shop.account);
    platform_api(&app, &capability, &[("requested", "true")]).await;
    app.settle().await;
    let charge = [
        ("amount", "50000"),
        ("currency", "usd"),
        ("payment_method", "pm_card_bypassPending"),
        ("confirm", "true"),
        ("return_url", "https://shop.example/ok"),
    ];
    platform_api(&app, "/payment_intents", &charge).await;
    let transfer = [
        ("amount", "7000"),
        ("currency", "usd"),
        ("destination", shop.account.as_str()),
    ];
    let transfer = platform_api(&app, "/transfers", &transfer).await;
    pull(&app, &shop).await;
    let sent = accounts(&app).await;
    assert_eq!(sent["transfer"], -7000, "{sent:?}");
    assert!(!sent.contains_key("sales:charge"), "{sent:?}");
    let path = format!(
        "/transfers/{}/reversals",
        transfer["id"].as_str().expect("an id")
    );
    platform_api(&app, &path, &[("amount", "3000")]).await;
    pull(&app, &shop).await;
    let back = accounts(&app).await;
    assert_eq!(back["transfer"], -4000, "{back:?}");
    assert!(!back.contains_key("sales:refund"), "{back:?}");
    app.intercept().await;
}

/// The entries as version 1 of the map posted a returned application fee.
const OLD: &str = "
INSERT INTO balance_transactions (book_id, id, kind, reporting_category, source, amount, fee, net, currency, fee_details,
        balance_type, status, available_on, stripe_created, raw, created_at)
    SELECT id, 'txn_OLD', 'application_fee_refund', 'fee', 'fr_1', 250, 0, 250, 'usd', '[]', 'payments', 'available', 1000,
        1000, '{\"id\":\"txn_OLD\",\"type\":\"application_fee_refund\",\"reporting_category\":\"fee\",\"source\":\"fr_1\",
        \"amount\":250,\"fee\":0,\"net\":250,\"currency\":\"usd\",\"fee_details\":[],\"balance_type\":\"payments\",
        \"status\":\"available\",\"available_on\":1,\"created\":1}', 1
    FROM books;
INSERT INTO entries (id, journal_id, book_id, account, currency, amount)
    SELECT 'ent_OLD1', 'jrn_OLD', id, 'stripe_balance:payments', 'usd', 250 FROM books;
INSERT INTO entries (id, journal_id, book_id, account, currency, amount)
    SELECT 'ent_OLD2', 'jrn_OLD', id, 'fee:stripe', 'usd', -250 FROM books;
INSERT INTO journals (id, book_id, source, posting_rule, posted_at)
    SELECT 'jrn_OLD', id, 'txn_OLD', 1, 1 FROM books;
UPDATE books SET posting_rule = 1";

#[tokio::test]
async fn what_an_older_rule_posted_is_corrected_once_by_a_journal_of_its_own() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    app.sale(&lamp).await;
    pull(&app, &shop).await;
    let before = accounts(&app).await;
    for n in 0..150 {
        app.sql(&OLD.replace("_OLD", &format!("_{n:03}"))).await;
    }
    for _ in 0..2 {
        reconciliation::reconcile(&app.app).await.expect("looks");
        let after = accounts(&app).await;
        let account = |name: &str| after.get(name).copied().unwrap_or(0);
        assert_eq!(account("fee:stripe"), before["fee:stripe"]);
        let back = 150 * 250;
        assert_eq!(account("fee:application"), before["fee:application"] - back);
        let balance = before["stripe_balance:payments"] + back;
        assert_eq!(account("stripe_balance:payments"), balance);
        let corrections = "journals WHERE source LIKE '%:rule2' AND posting_rule = 2";
        assert_eq!(app.count(corrections).await, 150);
        assert_eq!(app.count("books WHERE posting_rule = 2").await, 1);
    }
}

//! Books are pulled and checked by schedule, and sooner when an event says that money has moved: none goes stale.

use serde_json::{Value, json};
use souk::ledger::deadlines::keep_books;
use souk::reconciliation;
use souk_simulator::FaultKind;

use crate::harness::{Between, Has, Shop, TestApp, event};

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// The seller charges somebody in their own Stripe account. Returns the intent.
async fn own_charge(app: &TestApp, shop: &Shop, amount: i64, card: &str) -> Value {
    let amount = amount.to_string();
    let intent = [
        ("amount", amount.as_str()),
        ("currency", "usd"),
        ("payment_method", card),
        ("confirm", "true"),
        ("return_url", "https://shop.example/ok"),
    ];
    app.stripe_api("POST", "/payment_intents", &shop.account, &intent)
        .await
}

/// Lets time pass, as a running server does: every minute it looks which books are due.
async fn minutes(app: &TestApp, count: i64) {
    for _ in 0..count {
        app.advance(MINUTE).await;
        keep(app).await;
    }
}

/// What the recurring job does, and the jobs that it stages.
async fn keep(app: &TestApp) {
    keep_books(&app.app).await.expect("looks");
    app.run_jobs().await;
}

/// A shop whose book has been quiet for so long that its next pull is hours away.
async fn quiet_shop(app: &TestApp) -> Shop {
    let shop = app.shop("mira").await;
    reconciliation::reconcile(&app.app).await.expect("looks");
    keep(app).await;
    app.advance(2 * DAY).await;
    keep(app).await;
    assert_eq!(pull_in(app).await, 6 * HOUR);
    shop
}

/// Seconds until the next pull is due.
async fn pull_in(app: &TestApp) -> i64 {
    let by: i64 = app.query("SELECT MIN(pull_by) AS it FROM books").await;
    by / 1000 - app.now()
}

async fn balance(app: &TestApp) -> i64 {
    app.query(
        "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) AS it FROM entries WHERE account LIKE 'stripe_balance:%'",
    )
    .await
}

/// What Stripe has, available and pending.
async fn at_stripe(app: &TestApp, shop: &Shop) -> i64 {
    let books = app.stripe_books(&shop.account).await;
    let balance = &books["balances"]["usd"];
    balance["available"].as_i64().unwrap_or(0) + balance["pending"].as_i64().unwrap_or(0)
}

async fn findings(app: &TestApp, kind: &str) -> Vec<Value> {
    let admin = app.admin().await;
    let path = format!("/v1/ledger/findings?kind={kind}");
    let list = app.get(path).by(&admin).expect(200).await;
    list["data"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn a_charge_and_a_refund_of_the_sellers_own_are_in_the_book_minutes_after_their_events() {
    let app = TestApp::start().await;
    let shop = quiet_shop(&app).await;
    let intent = own_charge(&app, &shop, 10_000, "pm_card_visa").await;
    app.apply_events().await;
    assert!(pull_in(&app).await <= MINUTE);
    minutes(&app, 2).await;
    assert_eq!(balance(&app).await, at_stripe(&app, &shop).await);
    assert_ne!(balance(&app).await, 0);
    assert!(pull_in(&app).await <= 15 * MINUTE);

    app.advance(2 * DAY).await;
    app.intercept().await;
    keep(&app).await;
    let refund = [("payment_intent", intent["id"].as_str().expect("an id"))];
    app.stripe_api("POST", "/refunds", &shop.account, &refund)
        .await;
    app.apply_events().await;
    minutes(&app, 2).await;
    assert_eq!(balance(&app).await, at_stripe(&app, &shop).await);
}

#[tokio::test]
async fn a_dispute_of_the_sellers_own_charge_takes_the_book_below_zero_without_a_payday() {
    let app = TestApp::start().await;
    let shop = quiet_shop(&app).await;
    own_charge(&app, &shop, 30_000, "pm_card_createDispute").await;
    app.advance(MINUTE).await;
    app.apply_events().await;
    minutes(&app, 3).await;
    app.apply_events().await;
    minutes(&app, 3).await;
    assert!(balance(&app).await < 0, "{}", balance(&app).await);
    assert_eq!(balance(&app).await, at_stripe(&app, &shop).await);
}

#[tokio::test]
async fn a_transaction_that_no_event_told_of_is_pulled_within_six_hours() {
    let app = TestApp::start().await;
    let shop = quiet_shop(&app).await;
    own_charge(&app, &shop, 10_000, "pm_card_visa").await;
    app.intercept().await;
    app.advance(5 * HOUR).await;
    keep(&app).await;
    assert_eq!(balance(&app).await, 0);
    app.advance(HOUR).await;
    keep(&app).await;
    assert_eq!(balance(&app).await, at_stripe(&app, &shop).await);
    assert_eq!(pull_in(&app).await, 15 * MINUTE, "money moves there");
}

#[tokio::test]
async fn a_transaction_that_stripe_lists_late_is_pulled_a_quarter_of_an_hour_later() {
    let (app, between) = Between::start().await;
    let shop = quiet_shop(&app).await;
    own_charge(&app, &shop, 10_000, "pm_card_visa").await;
    app.apply_events().await;
    between.edit(|path, _, answer| {
        if path.starts_with("/v1/balance_transactions") {
            answer["data"] = json!([]);
        }
    });
    minutes(&app, 2).await;
    assert_eq!(balance(&app).await, 0);
    between.be_honest();
    app.advance(15 * MINUTE).await;
    keep(&app).await;
    assert_eq!(balance(&app).await, at_stripe(&app, &shop).await);
}

#[tokio::test]
async fn events_about_any_money_bring_the_pull_forward_at_either_endpoint() {
    let app = TestApp::start().await;
    let shop = quiet_shop(&app).await;
    let mut n = 0;
    let mut heard = async |kind: &str, account: Option<&str>, object: Value| {
        app.sql(&format!(
            "UPDATE books SET pull_by = {}",
            (app.now() + 6 * HOUR) * 1000
        ))
        .await;
        n += 1;
        let mut told = event(&format!("evt_{n}"), kind, &shop.account, object);
        told["account"] = json!(account);
        (app.deliver(&told).await, pull_in(&app).await <= MINUTE)
    };
    let here = Some(shop.account.as_str());
    for kind in [
        "balance.available",
        "charge.captured",
        "charge.expired",
        "charge.failed",
        "charge.pending",
        "charge.succeeded",
        "charge.updated",
        "topup.succeeded",
        "topup.reversed",
        "transfer.created",
        "transfer.reversed",
        "transfer.updated",
    ] {
        let told = heard(kind, here, json!({ "id": "x_1" })).await;
        assert_eq!(told, ("processed".to_owned(), true), "{kind}");
    }
    for (kind, field) in [
        ("transfer.created", "destination"),
        ("transfer.reversed", "destination"),
        ("transfer.updated", "destination"),
        ("application_fee.created", "account"),
        ("application_fee.refunded", "account"),
    ] {
        for account in [json!(here), json!({ "id": here })] {
            let told = heard(kind, None, json!({ "id": "x_1", field: account })).await;
            assert_eq!(told, ("processed".to_owned(), true), "{kind}");
        }
        let other = heard(kind, None, json!({ "id": "x_1", field: "acct_other" })).await;
        assert_eq!(other, ("ignored".to_owned(), false), "{kind}");
    }
    // These have another effect too, if the payment is ours.
    let foreign = json!({ "id": "re_1", "payment_intent": "pi_1", "amount": 1, "currency": "usd", "status": "succeeded" });
    for (kind, object) in [
        ("refund.created", foreign.clone()),
        ("refund.failed", foreign.clone()),
        ("charge.refunded", foreign),
    ] {
        let told = heard(kind, here, object).await;
        assert_eq!(told, ("ignored".to_owned(), true), "{kind}");
    }
    let other = heard(
        "charge.succeeded",
        Some("acct_other"),
        json!({ "id": "ch_1" }),
    )
    .await;
    assert_eq!(other, ("ignored".to_owned(), false));
    assert_eq!(app.count("books").await, 1);
}

#[tokio::test]
async fn a_book_that_is_not_pulled_in_time_is_a_finding_until_it_is() {
    let app = TestApp::start().await;
    let shop = quiet_shop(&app).await;
    let list = "/v1/balance_transactions";
    app.fault("GET", list, FaultKind::Error500, None).await;
    app.advance(6 * HOUR).await;
    minutes(&app, 14).await;
    assert_eq!(findings(&app, "stale_cursor").await, [] as [Value; 0]);
    minutes(&app, 2).await;
    findings(&app, "stale_cursor")
        .await
        .has(json!([{ "state": "open", "stripe_account": shop.account }]));
    app.simulator.clear_faults().await;
    // A job that was given up meanwhile is staged again after an hour; one that wasn't waits ten minutes at most.
    app.advance(HOUR).await;
    minutes(&app, 12).await;
    findings(&app, "stale_cursor")
        .await
        .has(json!([{ "state": "resolved" }]));

    // A disconnected account's book has no deadline.
    app.sql("UPDATE sellers SET deauthorized_at = 7").await;
    app.advance(DAY).await;
    keep(&app).await;
    assert_eq!(app.count("jobs WHERE state = 'ready'").await, 0);
    findings(&app, "stale_cursor")
        .await
        .has(json!([{ "state": "resolved" }]));
}

#[tokio::test]
async fn a_book_is_compared_with_the_balance_by_schedule_and_a_difference_that_stays_is_a_finding()
{
    let (app, between) = Between::start().await;
    let shop = quiet_shop(&app).await;
    own_charge(&app, &shop, 10_000, "pm_card_visa").await;
    app.apply_events().await;
    minutes(&app, 2).await;
    between.edit(|path, _, answer| {
        if path.starts_with("/v1/balance") && answer["pending"].is_array() {
            answer["pending"][0]["amount"] = json!(31);
        }
    });
    app.advance(DAY).await;
    keep(&app).await;
    let none: [Value; 0] = [];
    assert_eq!(
        findings(&app, "balance_drift").await,
        none,
        "it may be late"
    );
    minutes(&app, 6).await;
    let found = findings(&app, "balance_drift").await;
    found.has(json!([{ "state": "open", "stripe_account": shop.account }]));
    between.be_honest();
    minutes(&app, 61).await;
    findings(&app, "balance_drift")
        .await
        .has(json!([{ "state": "resolved" }]));
    assert_eq!(findings(&app, "inconclusive").await, none);
    let checks = between.asked();
    let checks = checks.iter().filter(|path| *path == "/v1/balance").count();
    assert!(checks < 20, "{checks} reads of the balance");
}

#[tokio::test]
async fn an_account_whose_money_never_rests_is_a_finding_after_a_day() {
    let (app, between) = Between::start().await;
    quiet_shop(&app).await;
    let mut n = 0;
    between.edit(move |path, _, answer| {
        if path.starts_with("/v1/balance") && answer["pending"].is_array() {
            n += 1;
            answer["pending"] = json!([{ "amount": n, "currency": "usd" }]);
        }
    });
    app.advance(DAY).await;
    keep(&app).await;
    // A check came to an end less than a day ago, or the clock would say so at once.
    app.sql(&format!(
        "UPDATE books SET checked_at = {}, check_by = 0",
        (app.now() - HOUR) * 1000
    ))
    .await;
    app.sql("UPDATE findings SET state = 'resolved'").await;
    keep(&app).await;
    assert_eq!(app.count("findings WHERE state = 'open'").await, 0);
    app.advance(DAY).await;
    keep(&app).await;
    findings(&app, "inconclusive")
        .await
        .has(json!([{ "state": "open" }]));
    between.be_honest();
    minutes(&app, 6).await;
    findings(&app, "inconclusive")
        .await
        .has(json!([{ "state": "resolved" }]));
}

#[tokio::test]
async fn once_a_day_a_pull_goes_back_for_35_days_and_in_between_for_two() {
    let (app, between) = Between::start().await;
    let shop = quiet_shop(&app).await;
    own_charge(&app, &shop, 10_000, "pm_card_visa").await;
    app.apply_events().await;
    minutes(&app, 2).await;
    app.advance(10 * DAY).await;
    app.intercept().await;
    between.asked();
    let back = async || {
        let asked = between.asked();
        let pulls = asked.iter().filter(|path| path.contains("created"));
        let since = pulls.map(|path| {
            let number = path
                .split("created%5Bgte%5D=")
                .nth(1)
                .or(path.split("created[gte]=").nth(1));
            let digits: String = number
                .unwrap_or_else(|| panic!("{path}"))
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            (app.now() - digits.parse::<i64>().expect("a time")) / DAY
        });
        since.collect::<Vec<_>>()
    };
    app.sql("UPDATE books SET check_by = 9000000000000").await;
    keep(&app).await;
    assert_eq!(back().await.first(), Some(&35));
    app.sql("UPDATE books SET pull_by = 0, try_at = 0").await;
    keep(&app).await;
    assert_eq!(back().await, [10], "two days before the newest, the payout");
    app.advance(DAY).await;
    keep(&app).await;
    assert_eq!(back().await.first(), Some(&35));
}

#[tokio::test]
async fn a_seller_of_whom_nothing_was_ever_heard_has_a_book_all_the_same() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    app.sql("UPDATE sellers SET deauthorized_at = 7").await;
    reconciliation::reconcile(&app.app).await.expect("looks");
    assert_eq!(app.count("books").await, 0, "a disconnected one has none");
    app.sql("UPDATE sellers SET deauthorized_at = NULL").await;
    own_charge(&app, &shop, 10_000, "pm_card_visa").await;
    app.intercept().await;
    app.advance(61).await;
    for _ in 0..2 {
        reconciliation::reconcile(&app.app).await.expect("looks");
        keep(&app).await;
    }
    let account: String = app.query("SELECT stripe_account AS it FROM books").await;
    assert_eq!(account, shop.account);
    assert_eq!(balance(&app).await, at_stripe(&app, &shop).await);
}

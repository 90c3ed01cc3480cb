//! The platform's own book: its income, what it sends and pays out, and what the sellers' books say of the same fees.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use souk::ledger::deadlines::keep_books;
use souk::{installation, reconciliation};
use souk_simulator::FaultKind;

use crate::harness::{Between, Checkout, Has, Shop, TestApp, User, text};

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// A shop with two sales of 25.00, of which the fee is 2.50 each. The second order.
async fn two_sales(app: &TestApp) -> (Shop, Checkout) {
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    app.sale(&lamp).await;
    let checkout = app.sale(&lamp).await;
    (shop, checkout)
}

async fn refund(app: &TestApp, shop: &Shop, checkout: &Checkout, amount: i64) {
    let body = json!({ "order_id": checkout.order, "amount": amount });
    let owner = app.login(&shop.owner).await;
    app.post("/v1/refunds", body).by(&owner).expect(201).await;
    app.settle().await;
}

/// The balances of the accounts of one book.
async fn balances(app: &TestApp, account: &str) -> BTreeMap<String, i64> {
    let admin = app.admin().await;
    let list = app.get("/v1/ledger/balances").by(&admin).expect(200).await;
    let rows = list["data"].as_array().expect("rows").iter();
    let of_book = rows.filter(|row| row["stripe_account"] == account);
    let balance = |row: &Value| {
        (
            text(row, "account"),
            row["balance"].as_i64().expect("a sum"),
        )
    };
    of_book.map(balance).filter(|(_, sum)| *sum != 0).collect()
}

/// Seconds until the platform's next pull is due.
async fn pull_in(app: &TestApp) -> i64 {
    let by: i64 = app
        .query("SELECT pull_by AS it FROM books WHERE seller_id IS NULL")
        .await;
    by / 1000 - app.now()
}

/// Lets time pass as a running server does, and looks at the books.
async fn pass(app: &TestApp, seconds: i64) {
    app.advance(seconds).await;
    app.settle().await;
    keep_books(&app.app).await.expect("looks");
    app.settle().await;
}

async fn reconcile(app: &TestApp) {
    reconciliation::reconcile(&app.app).await.expect("looks");
    app.run_jobs().await;
}

/// The state of the finding of a kind; null where there is none.
async fn state(app: &TestApp, kind: &str) -> Value {
    finding(app, kind).await["state"].clone()
}

async fn finding(app: &TestApp, kind: &str) -> Value {
    let admin = app.admin().await;
    let path = format!("/v1/ledger/findings?kind={kind}");
    let list = app.get(path).by(&admin).expect(200).await;
    list["data"][0].clone()
}

#[tokio::test]
async fn the_platforms_book_has_its_income_from_before_it_was_known_and_nothing_twice() {
    let app = TestApp::start().await;
    let (shop, checkout) = two_sales(&app).await;
    refund(&app, &shop, &checkout, 1000).await;
    assert_eq!(app.count("books WHERE seller_id IS NULL").await, 0);
    // No event told of which charge a fee was that went back.
    app.sql("DELETE FROM application_fee_refunds").await;
    let platform = app.know_platform().await;
    let nameless = "application_fee_movements WHERE is_income AND charge IS NULL";
    assert_eq!(app.count(nameless).await, 0);
    for _ in 0..2 {
        app.books_equal_stripe().await;
        let own = balances(&app, &platform).await;
        assert_eq!(own["income:application_fee"], -500, "{own:?}");
        assert_eq!(own["income:application_fee_refund"], 100, "{own:?}");
        assert_eq!(own["stripe_balance:payments"], 400, "{own:?}");
        let sellers = balances(&app, &shop.account).await;
        assert_eq!(sellers["fee:application"], 400);
    }
    // The fee and what went back of it are of the order; what no charge paid is of none.
    let of = |order: &str| {
        format!(
            "balance_transactions t JOIN books b ON b.id = t.book_id WHERE b.seller_id IS NULL AND t.order_id = '{order}'"
        )
    };
    assert_eq!(app.count(&of(&checkout.order)).await, 2);
    let lamp = app
        .product(
            &Shop {
                owner: app.login(&shop.owner).await,
                ..shop.clone()
            },
            1000,
            None,
        )
        .await;
    let sale = app.sale(&lamp).await;
    app.books_equal_stripe().await;
    let own = balances(&app, &platform).await;
    assert_eq!(own["income:application_fee"], -600, "{own:?}");
    assert_eq!(app.count(&of(&sale.order)).await, 1);
    // It is nobody's but the admins'.
    let owner = app.login(&shop.owner).await;
    let seen = app.get("/v1/ledger/balances").by(&owner).expect(200).await;
    let mut rows = seen["data"].as_array().expect("rows").iter();
    assert!(
        rows.all(|row| row["stripe_account"] == shop.account),
        "{seen}"
    );
}

#[tokio::test]
async fn the_platforms_payout_closes_and_only_admins_see_it() {
    let app = TestApp::start().await;
    let (shop, checkout) = two_sales(&app).await;
    let platform = app.know_platform().await;
    // The platform's owner has it paid out every day.
    let daily = [("settings[payouts][schedule][interval]", "daily")];
    let path = format!("/accounts/{platform}");
    app.platform_api("POST", &path, &daily).await;
    refund(&app, &shop, &checkout, 1000).await;
    for _ in 0..8 {
        pass(&app, DAY).await;
    }
    app.books_equal_stripe().await;
    let admin = app.admin().await;
    let list = app
        .get("/v1/payouts?status=paid")
        .by(&admin)
        .expect(200)
        .await;
    let rows = list["data"].as_array().expect("payouts").iter();
    let own: Vec<&Value> = rows
        .filter(|row| row["stripe_account"] == platform.as_str())
        .collect();
    assert_eq!(own.len(), 1, "{list}");
    own[0].has(json!({ "seller_id": null, "amount": 400, "reconciliation": "closed", "transactions_net": 400 }));
    let own_balances = balances(&app, &platform).await;
    assert_eq!(own_balances["bank"], 400);
    assert!(!own_balances.contains_key("stripe_balance:payments"));
    let path = format!("/v1/payouts/{}", text(own[0], "id"));
    let owner = app.login(&shop.owner).await;
    app.get(&path).by(&owner).refused(404, "not_found").await;
    let items = app
        .get(format!("{path}/transactions"))
        .by(&admin)
        .expect(200)
        .await;
    let categories = items["data"].as_array().expect("rows").iter();
    let categories: Vec<&Value> = categories.map(|row| &row["reporting_category"]).collect();
    assert!(
        categories.contains(&&json!("platform_earning_refund")),
        "{items}"
    );

    // One that fails is a finding for admins, and no mail to a seller.
    let mails = app.count("jobs WHERE kind = 'mail'").await;
    let fail = format!("/payouts/{}/fail", text(own[0], "id"));
    app.simulate(&fail, json!({ "failure_code": "account_closed" }))
        .await;
    app.settle().await;
    let failed = finding(&app, "payout_failed").await;
    failed.has(json!({ "state": "open", "stripe_account": platform }));
    assert!(
        text(&failed, "message").contains("platform's own"),
        "{failed}"
    );
    assert_eq!(app.count("jobs WHERE kind = 'mail'").await, mails);
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn money_that_the_platform_sends_and_gets_back_is_in_its_book_and_the_sellers() {
    let app = TestApp::start().await;
    let (shop, _) = two_sales(&app).await;
    let platform = app.know_platform().await;
    // Direct charges don't need it, so v2 asks for it only where it is named.
    let capability = format!("/accounts/{}/capabilities/transfers", shop.account);
    app.platform_api("POST", &capability, &[("requested", "true")])
        .await;
    app.settle().await;
    let top_up = [
        ("amount", "9000"),
        ("currency", "usd"),
        ("source", "tok_bypassPending"),
    ];
    app.platform_api("POST", "/topups", &top_up).await;
    pass(&app, 8 * DAY).await;
    let transfer = [
        ("amount", "7000"),
        ("currency", "usd"),
        ("destination", shop.account.as_str()),
    ];
    let transfer = app.platform_api("POST", "/transfers", &transfer).await;
    let path = format!("/transfers/{}/reversals", text(&transfer, "id"));
    app.platform_api("POST", &path, &[("amount", "3000")]).await;
    app.books_equal_stripe().await;
    let own = balances(&app, &platform).await;
    assert_eq!(own["transfer"], 4000, "{own:?}");
    assert_eq!(balances(&app, &shop.account).await["transfer"], -4000);
}

#[tokio::test]
async fn events_at_the_platforms_door_bring_its_pull_forward_in_either_form() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let platform = app.know_platform().await;
    let mut n = 0;
    let mut heard = async |kind: &str, object: Value| {
        let later = (app.now() + 6 * HOUR) * 1000;
        app.sql(&format!("UPDATE books SET pull_by = {later}"))
            .await;
        n += 1;
        let event = json!({
            "id": format!("evt_{n}"), "object": "event", "type": kind, "livemode": false, "created": app.now(),
            "api_version": souk_simulator::API_VERSION, "data": { "object": object },
        });
        (app.deliver(&event).await, pull_in(&app).await <= MINUTE)
    };
    for kind in [
        "application_fee.created",
        "application_fee.refunded",
        "balance.available",
        "charge.succeeded",
        "charge.updated",
        "topup.succeeded",
        "topup.reversed",
        "transfer.created",
        "transfer.reversed",
        "transfer.updated",
    ] {
        // Whoever else it is about.
        for account in [shop.account.as_str(), "acct_other"] {
            let object = json!({ "id": "x_1", "account": account, "destination": account });
            let told = heard(kind, object).await;
            assert_eq!(told, ("processed".to_owned(), true), "{kind} {account}");
        }
    }
    // A thin form names the platform, or nobody.
    for context in [json!(null), json!(platform)] {
        let later = (app.now() + 6 * HOUR) * 1000;
        app.sql(&format!("UPDATE books SET pull_by = {later}"))
            .await;
        let event = json!({
            "id": format!("evt_thin_{}", context.is_null()), "object": "v2.core.event", "type": "v1.application_fee.created",
            "livemode": false, "created": "2026-11-18T11:06:40.000Z", "context": context,
            "related_object": { "id": "fee_1", "type": "application_fee", "url": "/v1/application_fees/fee_1" },
        });
        let secret = &app.platform.secret;
        let answer = app
            .post_event(
                crate::harness::Endpoint::Platform,
                event.to_string(),
                secret,
                app.now(),
            )
            .await;
        answer.body.has(json!({ "state": "processed" }));
        assert!(pull_in(&app).await <= MINUTE, "{context}");
    }
    // A payout's event has it read again.
    let payout = json!({ "id": "po_none", "object": "payout" });
    let told = heard("payout.paid", payout).await;
    assert_eq!(told.0, "processed");
    assert_eq!(
        app.count("jobs WHERE kind = 'sync_payout' AND subject = 'po_none'")
            .await,
        1
    );
    app.sql("DELETE FROM jobs WHERE subject = 'po_none'").await;
    app.run_jobs().await;
}

#[tokio::test]
async fn a_platforms_book_that_is_not_pulled_or_differs_is_a_finding_until_it_is_well() {
    let (app, between) = Between::start().await;
    let (_, _) = two_sales(&app).await;
    let platform = app.know_platform().await;
    pass(&app, 2 * HOUR).await;
    between.edit(|path, _, answer| {
        // Only the platform's own has these.
        if path.starts_with("/v1/balance") && answer["connect_reserved"].is_array() {
            answer["pending"][0]["amount"] = json!(31);
        }
    });
    pass(&app, DAY).await;
    assert_eq!(
        state(&app, "balance_drift").await,
        Value::Null,
        "it may be late"
    );
    pass(&app, 6 * MINUTE).await;
    let drift = finding(&app, "balance_drift").await;
    drift.has(json!({ "state": "open", "stripe_account": platform }));
    between.be_honest();
    for _ in 0..2 {
        pass(&app, 2 * HOUR).await;
    }
    assert_eq!(state(&app, "balance_drift").await, "resolved");

    app.fault("GET", "/v1/balance_transactions", FaultKind::Error500, None)
        .await;
    app.sql("UPDATE books SET pull_by = 0, try_at = 0, check_by = 9000000000000")
        .await;
    app.sql("UPDATE books SET pull_by = 9000000000000 WHERE seller_id IS NOT NULL")
        .await;
    pass(&app, MINUTE).await;
    pass(&app, 20 * MINUTE).await;
    finding(&app, "stale_cursor")
        .await
        .has(json!({ "state": "open", "stripe_account": platform }));
    app.simulator.clear_faults().await;
    pass(&app, 2 * HOUR).await;
    pass(&app, 15 * MINUTE).await;
    assert_eq!(state(&app, "stale_cursor").await, "resolved");
    app.allow_unfinished_work();
}

#[tokio::test]
async fn a_fee_of_which_the_two_books_say_different_things_is_a_finding_exactly_as_long() {
    let (app, between) = Between::start().await;
    let (shop, checkout) = two_sales(&app).await;
    app.know_platform().await;
    // The platform's list doesn't show what goes back.
    between.edit(|path, _, answer| {
        if path.starts_with("/v1/balance_transactions?") {
            let rows = answer["data"].as_array_mut().expect("rows");
            rows.retain(|row| row["reporting_category"] != "platform_earning_refund");
        }
    });
    refund(&app, &shop, &checkout, 1000).await;
    reconcile(&app).await;
    assert_eq!(
        state(&app, "cross_book_fee").await,
        Value::Null,
        "it may be late"
    );
    pass(&app, 16 * MINUTE).await;
    pass(&app, 16 * MINUTE).await;
    reconcile(&app).await;
    let found = finding(&app, "cross_book_fee").await;
    found.has(json!({ "state": "open", "stripe_account": shop.account, "amount": 100, "currency": "usd" }));
    reconcile(&app).await;
    assert_eq!(state(&app, "cross_book_fee").await, "open");
    between.be_honest();
    app.sql("UPDATE books SET looked_back_at = NULL, pull_by = 0")
        .await;
    pass(&app, 16 * MINUTE).await;
    reconcile(&app).await;
    assert_eq!(state(&app, "cross_book_fee").await, "resolved");
    assert_eq!(
        app.count("application_fee_movements WHERE NOT is_compared")
            .await,
        0
    );
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn a_fee_that_no_payment_of_ours_explains_is_a_finding_and_another_sum_opens_it_again() {
    let app = TestApp::start().await;
    let (shop, _) = two_sales(&app).await;
    app.know_platform().await;
    let charge = async || {
        let form = [
            ("amount", "5000"),
            ("currency", "usd"),
            ("payment_method", "pm_card_visa"),
            ("confirm", "true"),
            ("application_fee_amount", "700"),
            ("return_url", "https://shop.example/ok"),
        ];
        app.stripe_api("POST", "/payment_intents", &shop.account, &form)
            .await;
        pass(&app, 20 * MINUTE).await;
        pass(&app, 61 * MINUTE).await;
        reconcile(&app).await;
    };
    charge().await;
    let found = finding(&app, "unexplained_fee").await;
    found.has(json!({ "state": "open", "stripe_account": shop.account, "amount": 700 }));
    let resolve = format!("/v1/ledger/findings/{}/resolve", text(&found, "id"));
    let admin = app.admin().await;
    let note = json!({ "note": "our other shop" });
    app.post(&resolve, note).by(&admin).expect(200).await;
    reconcile(&app).await;
    assert_eq!(state(&app, "unexplained_fee").await, "resolved");
    charge().await;
    finding(&app, "unexplained_fee")
        .await
        .has(json!({ "state": "open", "amount": 1400 }));
    assert_eq!(state(&app, "cross_book_fee").await, Value::Null);
    // Payments that turn out to have those charges explain them.
    for which in ["MIN", "MAX"] {
        app.sql(&format!(
            "UPDATE payments SET charge = (SELECT {which}(charge) FROM application_fee_movements WHERE amount = 700)
               WHERE id = (SELECT {which}(id) FROM payments)"
        ))
        .await;
    }
    reconcile(&app).await;
    assert_eq!(state(&app, "unexplained_fee").await, "resolved");
}

#[tokio::test]
async fn what_the_books_of_a_database_from_the_version_before_say_of_fees_is_noted_once() {
    let app = TestApp::start().await;
    let (shop, checkout) = two_sales(&app).await;
    refund(&app, &shop, &checkout, 1000).await;
    app.until_transactions_show(&shop.account).await;
    // The database is as the version before left it, and then upgraded.
    assert_eq!(app.count("books WHERE seller_id IS NULL").await, 0);
    for text in [
        "DROP TABLE application_fee_movements",
        "ALTER TABLE books DROP COLUMN pulled_at",
        "ALTER TABLE books DROP COLUMN fees_noted",
        "ALTER TABLE books DROP COLUMN fees_noted_to",
        "DELETE FROM seaql_migrations WHERE version = 'm20261129_000033_application_fees'",
    ] {
        app.sql(text).await;
    }
    app.app.db.migrate().await.expect("migrates");
    let platform = app.know_platform().await;
    app.books_equal_stripe().await;
    for _ in 0..2 {
        pass(&app, 16 * MINUTE).await;
        reconcile(&app).await;
    }
    let paid: i64 = app
        .query("SELECT CAST(SUM(amount) AS BIGINT) AS it FROM application_fee_movements WHERE NOT is_income")
        .await;
    assert_eq!(paid, 400);
    let own = balances(&app, &platform).await;
    assert_eq!(own["income:application_fee"], -500, "{own:?}");
    assert_eq!(own["income:application_fee_refund"], 100, "{own:?}");
    assert_eq!(
        app.count("application_fee_movements WHERE NOT is_compared")
            .await,
        0
    );
    assert_eq!(app.count("findings WHERE state = 'open'").await, 0);
}

#[tokio::test]
async fn admins_see_the_income_by_day_month_seller_and_currency() {
    let app = TestApp::start().await;
    let (shop, checkout) = two_sales(&app).await;
    let other = app.shop_in("noa", "DE").await;
    let thing = app.product_in(&other, 4000, "eur", None).await;
    app.sale(&thing).await;
    app.know_platform().await;
    app.books_equal_stripe().await;
    pass(&app, 20 * DAY).await;
    let admin = app.admin().await;
    app.get("/v1/reports/application_fees?seller_id=sel_none")
        .by(&admin)
        .refused(404, "not_found")
        .await;
    let first = app
        .get("/v1/reports/application_fees?currency=usd")
        .by(&admin)
        .expect(200)
        .await;
    first["data"].has(json!([{ "period": "2026-11-18", "count": 2, "amount": 500, "amount_returned": 0, "net": 500,
        "seller_id": null, "settled_currency": "usd", "settled_net": 500 }]));
    // What covers the refund, since everything was paid out.
    let lamp = Shop {
        owner: app.login(&shop.owner).await,
        ..shop.clone()
    };
    let lamp = app.product(&lamp, 5000, None).await;
    app.sale(&lamp).await;
    pass(&app, 3 * HOUR).await;
    refund(&app, &shop, &checkout, 1000).await;
    app.books_equal_stripe().await;
    let admin = app.admin().await;
    let report = async |query: &str, who: &User| {
        let path = format!("/v1/reports/application_fees?{query}");
        app.get(path).by(who).expect(200).await["data"].clone()
    };
    assert_eq!(
        app.count("application_fee_movements WHERE charge IS NULL OR stripe_account IS NULL")
            .await,
        0
    );
    report("interval=month", &admin).await.has(json!([
        { "period": "2026-12", "currency": "usd", "count": 1, "amount": 500, "amount_returned": 100, "net": 400 },
        { "period": "2026-11", "currency": "eur", "count": 1, "net": 400 },
        { "period": "2026-11", "currency": "usd", "count": 2, "net": 500 },
    ]));
    let by_seller = report(
        "interval=month&by_seller=true&created_lte=2026-11-30",
        &admin,
    )
    .await;
    assert_eq!(by_seller.as_array().map(Vec::len), Some(2), "{by_seller}");
    let of = format!("interval=month&seller_id={}", other.id);
    report(&of, &admin).await.has(json!([
        { "seller_id": other.id, "stripe_account": other.account, "currency": "eur", "net": 400 }
    ]));
    let none = report("created_gte=2026-11-19&created_lte=2026-11-20", &admin).await;
    assert_eq!(none, json!([]));
    let path = "/v1/reports/application_fees?created_gte=2020-01-01";
    app.get(path).by(&admin).refuses_field("created_gte").await;
    let owner = app.login(&shop.owner).await;
    app.get("/v1/reports/application_fees")
        .by(&owner)
        .refused(403, "forbidden")
        .await;
}

#[tokio::test]
async fn a_key_that_may_not_read_its_own_account_is_a_finding_until_it_may() {
    let app = TestApp::start().await;
    let (_, _) = two_sales(&app).await;
    app.fault("GET", "/v1/account", FaultKind::Error402, None)
        .await;
    let asked = installation::check_platform(app.app.clone()).await;
    asked.expect("it goes on without");
    keep_books(&app.app).await.expect("looks");
    assert_eq!(app.count("books WHERE seller_id IS NULL").await, 0);
    assert_eq!(state(&app, "platform_unknown").await, "open");
    app.simulator.clear_faults().await;
    app.know_platform().await;
    assert_eq!(state(&app, "platform_unknown").await, "resolved");
    app.books_equal_stripe().await;
    // Once it is known, it is not asked for in vain.
    app.fault("GET", "/v1/account", FaultKind::Error402, Some(1))
        .await;
    let asked = installation::check_platform(app.app.clone()).await;
    asked.expect("it goes on without");
    assert_eq!(state(&app, "platform_unknown").await, "resolved");
}

//! From sale to bank: the whole way through events, jobs and the API, with Stripe's books as the oracle.

use serde_json::{Value, json};

use crate::harness::{Checkout, Has, Shop, TestApp, User, assumed, refund_transactions, text};

const DAY: i64 = 86_400;

/// A sale, another with a part of it given back, and a payout of both.
async fn paid_out(app: &TestApp) -> (Shop, Checkout, String) {
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    app.sale(&lamp).await;
    let checkout = app.sale(&lamp).await;
    let body = json!({ "order_id": checkout.order, "amount": 1000 });
    app.post("/v1/refunds", body)
        .by(&shop.owner)
        .expect(201)
        .await;
    app.settle().await;
    assert!(equals_stripe(app, &shop).await > 0);
    for _ in 0..6 {
        app.advance(DAY).await;
        app.settle().await;
    }
    let shop = Shop {
        owner: app.login(&shop.owner).await,
        ..shop
    };
    let payouts = app
        .get("/v1/payouts?status=paid&currency=usd")
        .by(&shop.owner)
        .expect(200)
        .await;
    let payout = text(&payouts["data"][0], "id");
    (shop, checkout, payout)
}

/// The balance at Stripe as our book has it, which must be the one that Stripe has.
async fn equals_stripe(app: &TestApp, shop: &Shop) -> i64 {
    app.until_transactions_show(&shop.account).await;
    let book: i64 = app
        .query(&format!(
            "SELECT CAST(COALESCE(SUM(e.amount), 0) AS BIGINT) AS it FROM entries e JOIN books b ON b.id = e.book_id
               WHERE b.stripe_account = '{}' AND e.account LIKE 'stripe_balance:%'",
            shop.account
        ))
        .await;
    let balance = &app.stripe_books(&shop.account).await["balances"]["usd"];
    let stripe =
        balance["available"].as_i64().unwrap_or(0) + balance["pending"].as_i64().unwrap_or(0);
    assert_eq!(book, stripe, "the book and Stripe's balance");
    book
}

async fn balance(app: &TestApp, who: &User, account: &str) -> Value {
    let list = app.get("/v1/ledger/balances").by(who).expect(200).await;
    let rows = list["data"].as_array().expect("a list");
    rows.iter()
        .find(|row| row["account"] == account)
        .map_or(json!(0), |row| row["balance"].clone())
}

#[tokio::test]
async fn a_payout_closes_and_itemises_a_sale_a_partial_refund_and_all_fees() {
    let app = TestApp::start().await;
    let (shop, checkout, payout) = paid_out(&app).await;
    assert_eq!(
        equals_stripe(&app, &shop).await,
        0,
        "all of it went to the bank"
    );
    let admin = app.admin().await;
    let path = format!("/v1/payouts/{payout}");
    let seen = app.get(&path).by(&admin).expect(200).await;
    seen.has(json!({ "reconciliation": "closed", "transaction_count": 2 + refund_transactions() }));
    assert_eq!(seen["transactions_net"], seen["amount"]);
    let items = app
        .get(format!("{path}/transactions"))
        .by(&admin)
        .expect(200)
        .await;
    let items = items["data"].as_array().expect("a list");
    let net: i64 = items.iter().filter_map(|item| item["net"].as_i64()).sum();
    assert_eq!(json!(net), seen["amount"]);
    let refund = items
        .iter()
        .find(|item| item["reporting_category"] == "refund")
        .expect("the refund");
    refund.has(json!({ "amount": -1000, "order_id": checkout.order }));
    let fee = match assumed("fee_refund") {
        "own" => Value::Null,
        _ => json!(-100),
    };
    assert_eq!(refund["fee_details"][0]["amount"], fee);
    for item in items
        .iter()
        .filter(|item| item["reporting_category"] == "charge")
    {
        item.has(json!({ "amount": 2500, "payout_id": payout }));
    }
    let paid = app.stripe_books(&shop.account).await["payouts"][0]["amount"].clone();
    assert_eq!(seen["amount"], paid);
    assert_eq!(balance(&app, &shop.owner, "bank").await, paid);
    assert_eq!(balance(&app, &shop.owner, "payout:clearing").await, 0);
    let findings = app
        .get("/v1/ledger/findings?state=open")
        .by(&admin)
        .expect(200)
        .await;
    assert_eq!(findings["data"], json!([]));
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn a_payout_that_was_paid_and_then_fails_comes_back_to_the_balance() {
    let app = TestApp::start().await;
    let (shop, _, payout) = paid_out(&app).await;
    app.simulate(
        &format!("/payouts/{payout}/fail"),
        json!({ "failure_code": "account_closed" }),
    )
    .await;
    let late = app.stripe_books(&shop.account).await["events"].clone();
    app.settle().await;
    let path = format!("/v1/payouts/{payout}");
    let seen = app.get(&path).by(&shop.owner).expect(200).await;
    seen.has(json!({ "status": "failed", "failure_code": "account_closed" }));
    assert_eq!(json!(equals_stripe(&app, &shop).await), seen["amount"]);
    assert_eq!(balance(&app, &shop.owner, "bank").await, 0);
    // Older states come once more, late, in new events, since an event counts once.
    for event in late
        .as_array()
        .expect("events")
        .iter()
        .filter(|event| event["type"] == "payout.paid")
    {
        let mut again = event.clone();
        again["id"] = json!("evt_late");
        app.deliver(&again).await;
        // Before anybody asks Stripe, too.
        let seen = app.get(&path).by(&shop.owner).expect(200).await;
        assert_eq!(seen["status"], "failed");
    }
    app.settle().await;
    assert_eq!(
        app.get(&path).by(&shop.owner).expect(200).await["status"],
        "failed"
    );
    let admin = app.admin().await;
    let findings = app
        .get("/v1/ledger/findings?kind=payout_failed&state=open")
        .by(&admin)
        .expect(200)
        .await;
    assert_eq!(findings["data"][0]["subject"], payout);
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn payouts_are_seen_by_their_seller_and_admins_and_filtered() {
    let app = TestApp::start().await;
    let (shop, _, payout) = paid_out(&app).await;
    let stranger = app.member("stranger").await;
    app.get(format!("/v1/payouts/{payout}"))
        .by(&stranger)
        .refused(404, "not_found")
        .await;
    app.get(format!("/v1/payouts/{payout}/transactions"))
        .by(&stranger)
        .refused(404, "not_found")
        .await;
    for path in ["/v1/payouts", "/v1/ledger/balances"] {
        assert_eq!(
            app.get(path).by(&stranger).expect(200).await["data"],
            json!([])
        );
        let theirs = format!("{path}?seller_id={}", shop.id);
        app.get(&theirs)
            .by(&stranger)
            .refused(404, "not_found")
            .await;
    }
    app.get("/v1/ledger/findings")
        .by(&stranger)
        .refused(403, "forbidden")
        .await;
    let admin = app.admin().await;
    let arrival = text(
        &app.get(format!("/v1/payouts/{payout}"))
            .by(&admin)
            .expect(200)
            .await,
        "arrival_date",
    );
    let day = &arrival[..10];
    for (query, found) in [
        (format!("seller_id={}", shop.id), 1),
        ("status=paid".to_owned(), 1),
        ("status=failed".to_owned(), 0),
        ("currency=eur".to_owned(), 0),
        (format!("arrival_gte={arrival}&arrival_lte={arrival}"), 1),
        (format!("arrival_gte={day}&arrival_lte={day}"), 1),
        ("arrival_lte=2026-01-01".to_owned(), 0),
    ] {
        let list = app
            .get(format!("/v1/payouts?{query}"))
            .by(&admin)
            .expect(200)
            .await;
        assert_eq!(
            list["data"].as_array().map(Vec::len),
            Some(found),
            "{query}: {list}"
        );
    }
    app.get("/v1/payouts?arrival_gte=soon")
        .by(&admin)
        .refuses_field("arrival_gte")
        .await;
}

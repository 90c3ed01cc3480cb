//! Balance transactions that the control API is given.

use serde_json::{Value, json};

use crate::support::{Answer, DAY, START, Stripe, check_books};

async fn given(s: &Stripe, account: &str, txn: &Value) -> Answer {
    let path = format!("/_simulator/accounts/{account}/balance_transactions");
    s.send("POST", &path, &txn.to_string(), &[]).await
}

async fn listed(s: &Stripe, account: &str, query: &str) -> Vec<Value> {
    let path = format!("/v1/balance_transactions?limit=100{query}");
    let list = s.get_on(account, &path).await;
    list["data"].as_array().expect("list").clone()
}

/// (available, pending) in a currency.
async fn balance(s: &Stripe, account: &str, currency: &str) -> (i64, i64) {
    let balance = s.get_on(account, "/v1/balance").await;
    let of = |part: &str| {
        let lines = balance[part].as_array().expect("lines");
        let line = lines.iter().find(|line| line["currency"] == currency);
        line.map_or(0, |line| line["amount"].as_i64().expect("amount"))
    };
    (of("available"), of("pending"))
}

#[tokio::test]
async fn whatever_type_it_has_a_transaction_moves_the_balance_and_is_paid_out() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let hold = json!({
        "type": "reserve_hold", "reporting_category": "risk_reserved_funds", "amount": -500,
        "currency": "eur", "source": "rsv_1", "description": "Held back",
    });
    let fx = json!({
        "type": "adjustment", "reporting_category": "conversion", "amount": 1234, "currency": "eur",
        "exchange_rate": 1.234,
        "fee_details": [
            { "amount": 24, "type": "stripe_fx_fee", "description": "Conversion fee" },
            { "amount": 10, "type": "tax", "currency": "usd" },
        ],
    });
    for txn in [&hold, &fx] {
        let made = given(&s, &acct, txn).await;
        assert_eq!(made.status, 200, "{}", made.body);
        let read = format!(
            "/v1/balance_transactions/{}",
            made.body["id"].as_str().expect("id")
        );
        assert_eq!(s.get_on(&acct, &read).await, made.body);
        assert!(read.contains("/txn_given_"), "{read}");
        for (field, value) in txn.as_object().expect("object") {
            if field != "fee_details" {
                assert_eq!(made.body[field], *value, "{field}");
            }
        }
        assert_eq!(
            (&made.body["status"], &made.body["created"]),
            (&json!("available"), &json!(START))
        );
    }
    assert_eq!(balance(&s, &acct, "eur").await, (700, 0));
    let newest = &listed(&s, &acct, "").await[0];
    assert_eq!((&newest["fee"], &newest["net"]), (&json!(34), &json!(1200)));
    assert_eq!(newest["fee_details"][1]["currency"], "usd");
    assert_eq!(listed(&s, &acct, "&type=reserve_hold").await.len(), 1);
    assert_eq!(listed(&s, &acct, "&source=rsv_1").await.len(), 1);
    s.simulator.advance(2 * DAY).await;
    let payouts = s.get_on(&acct, "/v1/payouts").await;
    assert_eq!(payouts["data"][0]["amount"], 700);
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn it_becomes_available_when_asked_and_lists_show_it_later() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let base = json!({ "type": "adjustment", "reporting_category": "other_adjustment", "amount": 300, "currency": "eur" });
    let mut pending = base.clone();
    pending["status"] = json!("pending");
    let made = given(&s, &acct, &pending).await.body;
    assert_eq!(
        made["available_on"],
        (START + 2 * DAY) / DAY * DAY,
        "after the account's delay"
    );
    let mut late = base.clone();
    late["available_on"] = json!(START + 90);
    late["listed_after"] = json!(600);
    let late = given(&s, &acct, &late).await.body;
    let newer = given(&s, &acct, &base).await.body;
    assert_eq!(balance(&s, &acct, "eur").await, (300, 600));
    let ids = |rows: Vec<Value>| rows.iter().map(|t| t["id"].clone()).collect::<Vec<_>>();
    assert_eq!(
        ids(listed(&s, &acct, "").await),
        [newer["id"].clone(), made["id"].clone()]
    );
    s.simulator.advance(599).await;
    assert_eq!(balance(&s, &acct, "eur").await, (600, 300));
    assert_eq!(listed(&s, &acct, "").await.len(), 2);
    s.simulator.advance(1).await;
    // At its place in the list: before what was made after it.
    let all = [newer["id"].clone(), late["id"].clone(), made["id"].clone()];
    assert_eq!(ids(listed(&s, &acct, "").await), all);
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn odd_fields_are_shown_and_the_balance_keeps_to_the_real_ones() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let shown = json!({
        "reporting_category": null, "source": { "id": "ch_1", "object": "charge" },
        "amount": 1e30, "fee": "none", "type": "unheard_of",
    });
    let txn = json!({
        "type": "charge", "reporting_category": "charge", "amount": 5, "currency": "zzz", "shown": shown,
    });
    let made = given(&s, &acct, &txn).await.body;
    let path = format!(
        "/v1/balance_transactions/{}",
        made["id"].as_str().expect("id")
    );
    let read = s.get_on(&acct, &path).await;
    let row = listed(&s, &acct, "&type=charge").await.pop().expect("row");
    for seen in [&made, &read, &row] {
        for (field, value) in shown.as_object().expect("object") {
            assert_eq!(seen[field], *value, "{field}");
        }
        assert_eq!(seen["net"], 5);
    }
    assert_eq!(balance(&s, &acct, "zzz").await, (5, 0));
}

#[tokio::test]
async fn another_balance_is_moved_apart_and_the_platform_has_balances_too() {
    let s = Stripe::start().await;
    let platform = s.simulator.oracle().await["platform"]
        .as_str()
        .expect("id")
        .to_owned();
    let txn = |kind: &str| {
        json!({
            "type": "reserve_transaction", "reporting_category": "risk_reserved_funds", "amount": 80,
            "currency": "eur", "balance_type": kind,
        })
    };
    for kind in ["refund_and_dispute_prefunding", "issuing", "risk_reserved"] {
        assert_eq!(given(&s, &platform, &txn(kind)).await.status, 200);
    }
    let seen = s.get("/v1/balance").await;
    assert_eq!(
        seen["refund_and_dispute_prefunding"]["available"][0]["amount"],
        80
    );
    assert_eq!(seen["issuing"]["available"][0]["amount"], 80);
    assert_eq!(balance(&s, &platform, "eur").await, (0, 0));
    assert_eq!(
        s.get("/v1/balance_transactions").await["data"]
            .as_array()
            .map(Vec::len),
        Some(3)
    );
    let acct = s.seller().await;
    given(&s, &acct, &txn("risk_reserved")).await;
    given(&s, &acct, &txn("payments")).await;
    s.simulator.advance(3 * DAY).await;
    let payouts = s.get_on(&acct, "/v1/payouts").await;
    let amount = &payouts["data"][0]["amount"];
    assert_eq!(*amount, 80, "what is held back isn't paid out");
}

#[tokio::test]
async fn what_cant_be_booked_is_refused_and_leaves_nothing() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let base = json!({ "type": "charge", "reporting_category": "charge", "amount": i64::MAX, "currency": "eur" });
    let with = |field: &str, value: Value| {
        let mut txn = base.clone();
        txn[field] = value;
        txn
    };
    assert_eq!(
        given(&s, &acct, &base).await.status,
        200,
        "the most there is"
    );
    for txn in [
        with("amount", json!(1)),
        with(
            "fee_details",
            json!([{ "amount": -1, "type": "stripe_fee" }]),
        ),
        with("listed_after", json!(-1)),
        with("listed_after", json!(i64::MAX)),
        with("colour", json!("red")),
        with("status", json!("lost")),
        json!({ "type": "charge", "amount": 1, "currency": "eur" }),
    ] {
        assert_eq!(given(&s, &acct, &txn).await.status, 400, "{txn}");
    }
    assert_eq!(given(&s, "acct_none", &base).await.status, 404);
    assert_eq!(listed(&s, &acct, "").await.len(), 1);
}

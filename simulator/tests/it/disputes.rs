//! Disputes: opened by a card or by hand, answered, decided, and their money.

use serde_json::{Value, json};

use crate::support::{DAY, PNG, Stripe, check_books};

pub async fn paid_with(s: &Stripe, acct: &str, card: &str) -> Value {
    let more = "&payment_intent_data[application_fee_amount]=100";
    let session = s.session(acct, 3000, more).await;
    let paid = s.pay(&session, json!({ "card": card })).await;
    assert_eq!(paid["payment_status"], "paid", "{paid}");
    s.charge_of(acct, &session).await
}

pub async fn dispute(s: &Stripe, acct: &str, charge: &Value) -> Value {
    let id = charge["id"].as_str().expect("charge");
    s.get_on(acct, &format!("/v1/charges/{id}/dispute")).await
}

pub fn path(dispute: &Value) -> String {
    format!("/v1/disputes/{}", dispute["id"].as_str().expect("id"))
}

pub async fn total(s: &Stripe, acct: &str) -> i64 {
    let balance = s.get_on(acct, "/v1/balance").await;
    let sum = |part: &str| balance[part][0]["amount"].as_i64().expect("amount");
    sum("available") + sum("pending")
}

#[tokio::test]
async fn a_disputed_card_takes_amount_and_fee_from_the_seller_at_once() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let charge = paid_with(&s, &acct, "4000000000000259").await;
    assert_eq!(charge["disputed"], true);
    let d = dispute(&s, &acct, &charge).await;
    assert!(d["id"].as_str().expect("id").starts_with("du_"));
    assert_eq!(
        (
            &d["status"],
            &d["reason"],
            &d["amount"],
            &d["is_charge_refundable"]
        ),
        (
            &json!("needs_response"),
            &json!("fraudulent"),
            &json!(3000),
            &json!(false)
        )
    );
    let taken = &d["balance_transactions"][0];
    assert_eq!(
        (&taken["amount"], &taken["fee"], &taken["net"]),
        (&json!(-3000), &json!(2000), &json!(-5000))
    );
    assert_eq!(taken["reporting_category"], "dispute");
    let due = d["evidence_details"]["due_by"].as_i64().expect("due");
    assert_eq!(due % DAY, DAY - 1);
    let types = s.event_types(&acct).await;
    let at = |name: &str| types.iter().position(|t| t == name).expect(name);
    assert!(at("charge.succeeded") < at("charge.dispute.created"));
    assert!(at("charge.dispute.created") < at("charge.dispute.funds_withdrawn"));
    assert!(at("charge.dispute.funds_withdrawn") < at("payment_intent.succeeded"));
    let body = format!("charge={}", charge["id"].as_str().expect("id"));
    let refund = s
        .send("POST", "/v1/refunds", &body, &[("Stripe-Account", &acct)])
        .await;
    assert_eq!(
        (refund.status, refund.error("code")),
        (400, "charge_disputed")
    );
    check_books(&s.simulator.oracle().await);
}

/// The events `charge.dispute.…`, oldest first.
async fn dispute_events(s: &Stripe, acct: &str) -> Vec<String> {
    let types = s.event_types(acct).await;
    let of_disputes = types
        .iter()
        .filter_map(|t| t.strip_prefix("charge.dispute."));
    of_disputes.map(str::to_owned).collect()
}

#[tokio::test]
async fn winning_evidence_brings_the_money_back_and_the_charge_can_be_refunded_again() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    s.sale(&acct, 9000, 0).await;
    let before = total(&s, &acct).await;
    let charge = paid_with(&s, &acct, "4000000000002685").await;
    let d = dispute(&s, &acct, &charge).await;
    let staged = s
        .on(
            &acct,
            &path(&d),
            "evidence[customer_name]=Ada&submit=false&metadata[case]=7",
        )
        .await;
    assert_eq!(
        (
            &staged["status"],
            &staged["evidence_details"]["submission_count"]
        ),
        (&json!("needs_response"), &json!(0))
    );
    assert_eq!(staged["evidence_details"]["has_evidence"], true);
    let receipt = s.upload(&acct, "dispute_evidence", "r.png", PNG).await;
    let receipt = receipt.body["id"].as_str().expect("id");
    let body = format!("evidence[uncategorized_text]=winning_evidence&evidence[receipt]={receipt}");
    let sent = s.on(&acct, &path(&d), &body).await;
    assert_eq!(sent["status"], "under_review");
    assert_eq!(sent["evidence"]["customer_name"], "Ada");
    assert_eq!(sent["evidence_details"]["submission_count"], 1);
    let won = s.get_on(&acct, &path(&d)).await;
    assert_eq!(won["status"], "won");
    let back = &won["balance_transactions"][1];
    assert_eq!((&back["amount"], &back["fee"]), (&json!(3000), &json!(0)));
    assert_eq!(total(&s, &acct).await, before + 3000 - 117 - 100 - 2000);
    assert_eq!(
        dispute_events(&s, &acct).await,
        [
            "created",
            "funds_withdrawn",
            "updated",
            "updated",
            "funds_reinstated",
            "closed"
        ]
    );
    let again = s
        .send(
            "POST",
            &path(&d),
            "metadata[a]=b",
            &[("Stripe-Account", &acct)],
        )
        .await;
    assert_eq!(again.error("message"), "This dispute is already closed");
    let body = format!("charge={}", charge["id"].as_str().expect("id"));
    assert_eq!(
        s.on(&acct, "/v1/refunds", &body).await["status"],
        "succeeded"
    );
    s.simulator.advance(9 * DAY).await;
    let later = s.get_on(&acct, &path(&d)).await;
    for txn in later["balance_transactions"].as_array().expect("list") {
        assert_eq!(txn["status"], "available");
    }
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn whether_the_fee_of_a_won_dispute_comes_back_is_a_switch() {
    let s = Stripe::start().await;
    s.post("/_simulator/assumptions", r#"{"dispute_fee":"returned"}"#)
        .await;
    let acct = s.seller().await;
    let charge = paid_with(&s, &acct, "4000000000000259").await;
    let d = dispute(&s, &acct, &charge).await;
    s.on(
        &acct,
        &path(&d),
        "evidence[uncategorized_text]=winning_evidence",
    )
    .await;
    assert_eq!(total(&s, &acct).await, 3000 - 117 - 100);
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn losing_accepting_and_forgetting_a_dispute_all_end_lost() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    s.sale(&acct, 50_000, 0).await;
    let mut ended = Vec::new();
    for how in ["lose", "accept", "forget"] {
        let charge = paid_with(&s, &acct, "4000000000000259").await;
        let d = dispute(&s, &acct, &charge).await;
        match how {
            "lose" => {
                s.on(
                    &acct,
                    &path(&d),
                    "evidence[uncategorized_text]=losing_evidence",
                )
                .await;
            }
            "accept" => {
                let closed = s.on(&acct, &format!("{}/close", path(&d)), "").await;
                assert_eq!(closed["status"], "lost");
            }
            _ => s.simulator.advance(9 * DAY).await,
        }
        ended.push(d);
    }
    for d in ended {
        let d = s.get_on(&acct, &path(&d)).await;
        assert_eq!(
            (&d["status"], &d["balance_transactions"][1]),
            (&json!("lost"), &Value::Null)
        );
    }
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn an_inquiry_takes_nothing_until_it_is_escalated_and_ends_with_a_full_refund() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    s.sale(&acct, 50_000, 0).await;
    let charge = paid_with(&s, &acct, "4000000000001976").await;
    let d = dispute(&s, &acct, &charge).await;
    assert_eq!(
        (
            &d["status"],
            &d["is_charge_refundable"],
            &d["balance_transactions"]
        ),
        (&json!("warning_needs_response"), &json!(true), &json!([]))
    );
    let given_in = s.on(&acct, &format!("{}/close", path(&d)), "").await;
    assert_eq!(given_in["status"], "warning_closed");

    let charge = paid_with(&s, &acct, "4000000000001976").await;
    let d = dispute(&s, &acct, &charge).await;
    let body = format!("charge={}", charge["id"].as_str().expect("id"));
    s.on(&acct, "/v1/refunds", &body).await;
    assert_eq!(s.get_on(&acct, &path(&d)).await["status"], "warning_closed");

    let charge = paid_with(&s, &acct, "4000000000001976").await;
    let d = dispute(&s, &acct, &charge).await;
    let sent = s
        .on(
            &acct,
            &path(&d),
            "evidence[uncategorized_text]=escalate_inquiry_evidence",
        )
        .await;
    assert_eq!(sent["status"], "warning_under_review");
    let d = s.get_on(&acct, &path(&d)).await;
    assert_eq!(
        (&d["status"], &d["balance_transactions"][0]["amount"]),
        (&json!("needs_response"), &json!(-3000))
    );

    let charge = paid_with(&s, &acct, "4000000000001976").await;
    let d = dispute(&s, &acct, &charge).await;
    s.simulator.advance(121 * DAY).await;
    assert_eq!(s.get_on(&acct, &path(&d)).await["status"], "warning_closed");
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn a_dispute_is_opened_and_decided_by_hand() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let charge = s.sale(&acct, 2000, 0).await;
    let other = s.sale(&acct, 2000, 0).await;
    let opening = |charge: &Value| {
        let id = charge["id"].as_str().expect("id");
        format!("/_simulator/charges/{id}/dispute")
    };
    let body = r#"{"reason":"duplicate","amount":500}"#;
    let d = s.post(&opening(&charge), body).await;
    assert_eq!(
        (&d["amount"], &d["reason"]),
        (&json!(500), &json!("duplicate"))
    );
    let twice = s.send("POST", &opening(&charge), "{}", &[]).await;
    assert_eq!(twice.status, 400);
    for body in [
        r#"{"reason":"mood"}"#,
        r#"{"amount":2001}"#,
        r#"{"amount":0}"#,
    ] {
        let bad = s.send("POST", &opening(&other), body, &[]).await;
        assert_eq!(bad.status, 400, "{body}");
    }
    let decide = format!(
        "/_simulator/disputes/{}/decide",
        d["id"].as_str().expect("id")
    );
    let won = s.post(&decide, r#"{"outcome":"won"}"#).await;
    assert_eq!(won["status"], "won");
    let stranger = s.seller().await;
    let theirs = s
        .send("GET", &path(&d), "", &[("Stripe-Account", &stranger)])
        .await;
    assert_eq!((theirs.status, theirs.error("param")), (404, "dispute"));
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn a_dispute_is_found_and_answered_by_its_charge() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let charge = s.sale(&acct, 2000, 0).await;
    let id = charge["id"].as_str().expect("id");
    let of_charge = format!("/v1/charges/{id}/dispute");
    let none = s
        .send("GET", &of_charge, "", &[("Stripe-Account", &acct)])
        .await;
    assert_eq!(
        (none.status, none.error("message")),
        (404, format!("No dispute for charge: {id}").as_str())
    );
    s.post(&format!("/_simulator/charges/{id}/dispute"), "")
        .await;
    let list = format!("/v1/disputes?charge={id}&expand[]=data.charge");
    let list = s.get_on(&acct, &list).await;
    assert_eq!(list["data"][0]["charge"]["disputed"], true);
    let intent = charge["payment_intent"].as_str().expect("pi");
    let list = format!("/v1/disputes?payment_intent={intent}");
    let list = s.get_on(&acct, &list).await;
    assert_eq!(list["data"].as_array().map(Vec::len), Some(1));
    let list = s.get_on(&acct, "/v1/disputes?created[gt]=1990000000").await;
    assert_eq!(list["data"], json!([]));
    let sent = s
        .on(
            &acct,
            &of_charge,
            "evidence[enhanced_evidence][visa_compliance][fee_acknowledged]=true&submit=false",
        )
        .await;
    assert_eq!(
        sent["evidence"]["enhanced_evidence"],
        json!({ "visa_compliance": { "fee_acknowledged": true } })
    );
    let closed = s.on(&acct, &format!("{of_charge}/close"), "").await;
    assert_eq!(closed["status"], "lost");
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn where_the_platform_pays_the_fees_the_dispute_fee_leaves_its_balance() {
    let s = Stripe::start().await;
    let account = s.post("/v1/accounts", "country=US&controller[fees][payer]=application&controller[losses][payments]=application&controller[stripe_dashboard][type]=express").await;
    let acct = account["id"].as_str().expect("id").to_owned();
    s.post(&format!("/_simulator/accounts/{acct}/onboard"), "")
        .await;
    let charge = paid_with(&s, &acct, "4000000000000259").await;
    let d = dispute(&s, &acct, &charge).await;
    assert_eq!(d["balance_transactions"][0]["net"], -3000);
    assert_eq!(total(&s, &acct).await, -100);
    let platform = s.get("/v1/balance").await;
    let sum = platform["available"][0]["amount"]
        .as_i64()
        .zip(platform["pending"][0]["amount"].as_i64());
    assert_eq!(sum.map(|(a, p)| a + p), Some(100 - 117 - 2000));
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn an_early_fraud_warning_is_told_read_and_ends_with_a_refund_or_a_dispute() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    s.sale(&acct, 9000, 0).await;
    let warned = paid_with(&s, &acct, "4000000000005423").await;
    assert_eq!(warned["disputed"], false);
    let id = warned["id"].as_str().expect("id");
    let list = format!("/v1/radar/early_fraud_warnings?charge={id}");
    let first = s.get_on(&acct, &list).await["data"][0].clone();
    assert_eq!(
        (&first["actionable"], &first["payment_intent"]),
        (&json!(true), &warned["payment_intent"])
    );
    let path = format!(
        "/v1/radar/early_fraud_warnings/{}",
        first["id"].as_str().expect("id")
    );
    s.on(&acct, "/v1/refunds", &format!("charge={id}&amount=1000"))
        .await;
    assert_eq!(s.get_on(&acct, &path).await, first);
    s.on(&acct, "/v1/refunds", &format!("charge={id}")).await;
    assert_eq!(s.get_on(&acct, &path).await["actionable"], false);

    let other = s.sale(&acct, 2000, 0).await;
    let id = other["id"].as_str().expect("id");
    let warn = format!("/_simulator/charges/{id}/early_fraud_warning");
    let bad = s.send("POST", &warn, r#"{"fraud_type":"mood"}"#, &[]).await;
    assert_eq!((bad.status, bad.error("param")), (400, "fraud_type"));
    let warning = s.post(&warn, r#"{"fraud_type":"misc"}"#).await;
    s.post(&format!("/_simulator/charges/{id}/dispute"), "")
        .await;
    let list = format!("/v1/radar/early_fraud_warnings?charge={id}");
    let ended = s.get_on(&acct, &list).await["data"][0].clone();
    assert_eq!(
        (&ended["id"], &ended["actionable"]),
        (&warning["id"], &json!(false))
    );
    let told = s.event_types(&acct).await;
    let told = told
        .iter()
        .filter_map(|t| t.strip_prefix("radar.early_fraud_warning."));
    assert_eq!(
        told.collect::<Vec<_>>(),
        ["created", "updated", "created", "updated"]
    );
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn too_much_evidence_is_refused() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let charge = paid_with(&s, &acct, "4000000000000259").await;
    let d = dispute(&s, &acct, &charge).await;
    let one = format!("evidence[product_description]={}", "x".repeat(20_001));
    let all = format!("evidence[billing_address]={}", "x".repeat(150_001));
    for (body, param) in [(one, "evidence[product_description]"), (all, "evidence")] {
        let answer = s
            .send("POST", &path(&d), &body, &[("Stripe-Account", &acct)])
            .await;
        assert_eq!((answer.status, answer.error("param")), (400, param));
    }
}

//! What becomes of disputes: appeals, prevention, late evidence, and the networks' programmes.

use serde_json::{Value, json};

use crate::disputes::{dispute, paid_with, path, total};
use crate::support::{DAY, Stripe, check_books};

/// Decides a dispute by the control API.
async fn decide(s: &Stripe, dispute: &Value, outcome: &str) -> Value {
    let id = dispute["id"].as_str().expect("id");
    let body = json!({ "outcome": outcome }).to_string();
    s.post(&format!("/_simulator/disputes/{id}/decide"), &body)
        .await
}

#[tokio::test]
async fn an_appeal_reopens_a_decided_dispute_and_the_money_follows_the_last_decision() {
    for (answer, first, appeal) in [
        ("withdrawn", "won", "lost"),
        ("withdrawn", "won", "won"),
        ("kept", "won", "lost"),
        ("kept", "won", "won"),
        ("withdrawn", "lost", "won"),
        ("withdrawn", "lost", "lost"),
    ] {
        let s = Stripe::under("appealed_money", answer).await;
        let acct = s.seller().await;
        s.sale(&acct, 9000, 0).await;
        let charge = paid_with(&s, &acct, "4000000000000259").await;
        let d = dispute(&s, &acct, &charge).await;
        let body = "evidence[appeal][card][reason_for_filing]=Delivered";
        let early = s
            .send("POST", &path(&d), body, &[("Stripe-Account", &acct)])
            .await;
        assert_eq!(
            (early.status, early.error("param")),
            (400, "evidence[appeal]")
        );
        let disputed = total(&s, &acct).await;
        decide(&s, &d, first).await;
        let reopened = decide(&s, &d, "appealed").await;
        assert_eq!(reopened["status"], "appeal_needs_response");
        assert_eq!(reopened["is_charge_refundable"], false);
        let other = s
            .send(
                "POST",
                &path(&d),
                "evidence[customer_name]=Ada",
                &[("Stripe-Account", &acct)],
            )
            .await;
        assert_eq!(
            (other.status, other.error("param")),
            (400, "evidence[customer_name]")
        );
        let sent = s.on(&acct, &path(&d), body).await;
        assert_eq!(sent["status"], "appeal_under_review");
        assert_eq!(
            sent["evidence"]["appeal"]["card"]["reason_for_filing"],
            "Delivered"
        );
        let ended = decide(&s, &d, appeal).await;
        assert_eq!(ended["status"], appeal);
        let back = if appeal == "won" { 3000 } else { 0 };
        assert_eq!(total(&s, &acct).await, disputed + back, "{first} {appeal}");
        check_books(&s.simulator.oracle().await);
    }
}

#[tokio::test]
async fn a_prevented_dispute_wants_no_answer_and_takes_money_only_where_it_was_returned() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    s.sale(&acct, 9000, 0).await;
    for (how, takes) in [("block", 0), ("resolution", 2000)] {
        let charge = s.sale(&acct, 2000, 0).await;
        let before = total(&s, &acct).await;
        let id = charge["id"].as_str().expect("id");
        let body = json!({ "prevented": how }).to_string();
        let d = s
            .post(&format!("/_simulator/charges/{id}/dispute"), &body)
            .await;
        assert_eq!(
            (
                &d["status"],
                &d["payment_method_details"]["card"]["case_type"],
                &d["evidence_details"]["due_by"]
            ),
            (&json!("prevented"), &json!(how), &Value::Null)
        );
        assert_eq!(total(&s, &acct).await, before - takes);
        let late = s
            .send(
                "POST",
                &path(&d),
                "evidence[customer_name]=Ada",
                &[("Stripe-Account", &acct)],
            )
            .await;
        assert_eq!(late.error("message"), "This dispute is already closed");
    }
    s.simulator.advance(30 * DAY).await;
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn a_dispute_that_waits_takes_late_evidence_and_says_so() {
    let s = Stripe::under("overdue_dispute", "waits").await;
    let acct = s.seller().await;
    let charge = paid_with(&s, &acct, "4000000000000259").await;
    let d = dispute(&s, &acct, &charge).await;
    s.simulator.advance(10 * DAY).await;
    let sent = s.on(&acct, &path(&d), "evidence[customer_name]=Ada").await;
    assert_eq!(
        (&sent["status"], &sent["evidence_details"]["past_due"]),
        (&json!("under_review"), &json!(true))
    );
    let other = paid_with(&s, &acct, "4000000000000259").await;
    let other = dispute(&s, &acct, &other).await;
    s.simulator.advance(17 * DAY).await;
    assert_eq!(s.get_on(&acct, &path(&other)).await["status"], "lost");
    assert_eq!(s.get_on(&acct, &path(&d)).await["status"], "under_review");
}

/// What the networks have taken for answers, and given back. Negative: taken.
async fn network_fees(s: &Stripe, acct: &str) -> i64 {
    let list = "/v1/balance_transactions?type=stripe_fee&limit=100";
    let list = s.get_on(acct, list).await;
    let rows = list["data"].as_array().expect("rows").iter();
    rows.map(|txn| txn["amount"].as_i64().expect("amount"))
        .sum()
}

#[tokio::test]
async fn a_compliance_dispute_is_answered_once_its_fee_is_acknowledged_and_a_win_returns_it() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    s.sale(&acct, 90_000, 0).await;
    for (card, programme) in [
        ("4000008400000779", "visa_compliance"),
        ("5105008400000002", "mastercard_compliance"),
    ] {
        for (outcome, back) in [("won", 50_000), ("lost", 0)] {
            let charge = paid_with(&s, &acct, card).await;
            let d = dispute(&s, &acct, &charge).await;
            assert_eq!(
                (
                    &d["payment_method_details"]["card"]["case_type"],
                    &d["enhanced_eligibility_types"]
                ),
                (&json!("compliance"), &json!([programme]))
            );
            let before = network_fees(&s, &acct).await;
            let plain = "evidence[customer_name]=Ada";
            let refused = s
                .send("POST", &path(&d), plain, &[("Stripe-Account", &acct)])
                .await;
            assert_eq!(refused.status, 400);
            let body =
                format!("{plain}&evidence[enhanced_evidence][{programme}][fee_acknowledged]=true");
            let sent = s.on(&acct, &path(&d), &body).await;
            assert_eq!(
                sent["evidence_details"]["enhanced_eligibility"][programme]["status"],
                "fee_acknowledged"
            );
            assert_eq!(network_fees(&s, &acct).await, before);
            s.simulator.advance(2 * DAY).await;
            assert_eq!(network_fees(&s, &acct).await, before - 50_000);
            decide(&s, &d, outcome).await;
            assert_eq!(network_fees(&s, &acct).await, before - 50_000 + back);
        }
    }
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn visa_compelling_evidence_is_qualified_once_nothing_that_it_needs_is_missing() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let (one, two) = (s.sale(&acct, 2000, 0).await, s.sale(&acct, 2000, 0).await);
    let charge = paid_with(&s, &acct, "4000000404000038").await;
    let d = dispute(&s, &acct, &charge).await;
    let of = |d: &Value| {
        d["evidence_details"]["enhanced_eligibility"]["visa_compelling_evidence_3"].clone()
    };
    assert_eq!(of(&d)["status"], "requires_action");
    assert_eq!(of(&d)["required_actions"].as_array().map(Vec::len), Some(5));
    let at = "evidence[enhanced_evidence][visa_compelling_evidence_3]";
    let known = "[customer_purchase_ip]=203.0.113.7";
    let mail = "[customer_email_address]=ada@example.com";
    let described = "[product_description]=Tea";
    let mut body = format!(
        "submit=false&{at}[disputed_transaction]{known}&{at}[disputed_transaction]{mail}&{at}[disputed_transaction]{described}&{at}[disputed_transaction][merchandise_or_services]=merchandise"
    );
    for (number, prior) in [&one, &two].into_iter().enumerate() {
        let prior_at = format!("{at}[prior_undisputed_transactions][{number}]");
        let id = prior["id"].as_str().expect("id");
        body += &format!(
            "&{prior_at}[charge]={id}&{prior_at}{known}&{prior_at}{mail}&{prior_at}{described}"
        );
    }
    let staged = s.on(&acct, &path(&d), &body).await;
    assert_eq!(
        of(&staged),
        json!({ "required_actions": [], "status": "qualified" })
    );
    let unknown = body.replace(one["id"].as_str().expect("id"), "ch_none");
    let refused = s
        .send("POST", &path(&d), &unknown, &[("Stripe-Account", &acct)])
        .await;
    assert_eq!(refused.error("code"), "resource_missing");
    let plain = paid_with(&s, &acct, "4000000000000259").await;
    let plain = dispute(&s, &acct, &plain).await;
    assert_eq!(plain["evidence_details"]["enhanced_eligibility"], json!({}));
}

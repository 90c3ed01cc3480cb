//! Money: charges, fees, refunds, balances, payouts.

use serde_json::json;

use crate::support::{DAY, Stripe, check_books};

#[tokio::test]
async fn a_direct_charge_splits_into_net_stripe_fee_and_application_fee() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let charge = s.sale(&acct, 1000, 100).await;
    let id = charge["balance_transaction"].as_str().expect("txn");
    let txn = s
        .get_on(
            &acct,
            &format!("/v1/balance_transactions/{id}?expand[]=source"),
        )
        .await;
    assert_eq!(
        (&txn["amount"], &txn["fee"], &txn["net"]),
        (&json!(1000), &json!(159), &json!(841))
    );
    assert_eq!(txn["source"]["id"], charge["id"]);
    assert_eq!(txn["reporting_category"], "charge");
    let fees = s.get("/v1/application_fees").await;
    assert_eq!(fees["data"][0]["amount"], 100);
    assert_eq!(fees["data"][0]["account"], acct.as_str());
    let pending = s.get_on(&acct, "/v1/balance").await;
    assert_eq!(pending["pending"][0]["amount"], 841);
    assert_eq!(s.get("/v1/balance").await["pending"][0]["amount"], 100);
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn where_the_platform_pays_the_fees_they_leave_its_balance() {
    let s = Stripe::start().await;
    let account = s.post("/v1/accounts", "controller[fees][payer]=application&controller[losses][payments]=application&controller[stripe_dashboard][type]=express").await;
    assert_eq!(account["type"], "express");
    let acct = account["id"].as_str().expect("id");
    s.post(&format!("/_simulator/accounts/{acct}/onboard"), "")
        .await;
    s.sale(acct, 1000, 100).await;
    assert_eq!(
        s.get_on(acct, "/v1/balance").await["pending"][0]["amount"],
        900
    );
    assert_eq!(s.get("/v1/balance").await["pending"][0]["amount"], 41);
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn many_partial_refunds_return_exactly_the_whole_fee_and_nothing_beyond() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    s.sale(&acct, 50_000, 0).await;
    let charge = s.sale(&acct, 1000, 100).await;
    let id = charge["id"].as_str().expect("id");
    for amount in [333, 333, 334] {
        let body = format!("charge={id}&amount={amount}&refund_application_fee=true");
        let refund = s.on(&acct, "/v1/refunds", &body).await;
        assert_eq!(refund["status"], "succeeded");
        check_books(&s.simulator.oracle().await);
    }
    let again = s
        .send(
            "POST",
            "/v1/refunds",
            &format!("charge={id}"),
            &[("Stripe-Account", &acct)],
        )
        .await;
    assert_eq!(again.error("code"), "charge_already_refunded");
    let fees = s.get("/v1/application_fees").await;
    assert_eq!(fees["data"][0]["amount_refunded"], 100);
    assert_eq!(fees["data"][0]["refunded"], true);
    assert_eq!(s.get("/v1/balance").await["pending"][0]["amount"], 0);
    let refund = s
        .get_on(&acct, "/v1/balance_transactions?type=refund&limit=1")
        .await;
    assert_eq!(
        refund["data"][0]["fee_details"][0]["type"],
        "application_fee"
    );
    assert_eq!(refund["data"][0]["fee"], -33);
}

#[tokio::test]
async fn a_refund_above_what_is_left_is_refused_and_changes_nothing() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    s.sale(&acct, 5000, 0).await;
    let charge = s.sale(&acct, 1000, 0).await;
    let id = charge["id"].as_str().expect("id");
    s.on(&acct, "/v1/refunds", &format!("charge={id}&amount=400"))
        .await;
    let before = s.simulator.oracle().await;
    let over = s
        .send(
            "POST",
            "/v1/refunds",
            &format!("charge={id}&amount=601"),
            &[("Stripe-Account", &acct)],
        )
        .await;
    assert_eq!((over.status, over.error("param")), (400, "amount"));
    assert_eq!(s.simulator.oracle().await, before);
}

#[tokio::test]
async fn a_refund_without_money_waits_for_the_next_sale() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let charge = s.sale(&acct, 1000, 100).await;
    s.simulator.advance(3 * DAY).await;
    let body = format!(
        "charge={}&refund_application_fee=true",
        charge["id"].as_str().expect("id")
    );
    let refund = s.on(&acct, "/v1/refunds", &body).await;
    assert_eq!(
        (&refund["status"], &refund["pending_reason"]),
        (&json!("pending"), &json!("insufficient_funds"))
    );
    s.sale(&acct, 5000, 0).await;
    let path = format!("/v1/refunds/{}", refund["id"].as_str().expect("id"));
    assert_eq!(s.get_on(&acct, &path).await["status"], "succeeded");
    assert!(
        s.event_types(&acct)
            .await
            .contains(&"refund.updated".to_owned())
    );
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn a_failed_refund_puts_the_money_back() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    s.sale(&acct, 5000, 0).await;
    let charge = s.sale(&acct, 1000, 0).await;
    let before = s.get_on(&acct, "/v1/balance").await["pending"][0]["amount"].as_i64();
    let id = charge["id"].as_str().expect("id");
    let refund = s.on(&acct, "/v1/refunds", &format!("charge={id}")).await;
    let failed = s
        .post(
            &format!(
                "/_simulator/refunds/{}/fail",
                refund["id"].as_str().expect("id")
            ),
            "",
        )
        .await;
    assert_eq!(failed["status"], "failed");
    s.simulator.advance(0).await;
    let balance = s.get_on(&acct, "/v1/balance").await;
    let sum = balance["pending"][0]["amount"]
        .as_i64()
        .zip(balance["available"][0]["amount"].as_i64());
    assert_eq!(sum.map(|(p, a)| p + a), before);
    let charge = s.get_on(&acct, &format!("/v1/charges/{id}")).await;
    assert_eq!(
        (&charge["amount_refunded"], &charge["refunded"]),
        (&json!(0), &json!(false))
    );
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn an_automatic_payout_equals_its_items_and_reconciles() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    s.sale(&acct, 1000, 100).await;
    let charge = s.sale(&acct, 2000, 100).await;
    let body = format!("charge={}&amount=500", charge["id"].as_str().expect("id"));
    s.on(&acct, "/v1/refunds", &body).await;
    s.simulator.advance(5 * DAY).await;
    let payouts = s.get_on(&acct, "/v1/payouts").await;
    let payout = &payouts["data"][0];
    assert_eq!(payouts["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&payout["status"], &payout["reconciliation_status"]),
        (&json!("paid"), &json!("completed"))
    );
    let id = payout["id"].as_str().expect("id");
    let items = s
        .get_on(
            &acct,
            &format!("/v1/balance_transactions?payout={id}&limit=100"),
        )
        .await;
    let items = items["data"].as_array().expect("list");
    assert_eq!(
        items.len(),
        4,
        "two charges, a refund, and the payout's own"
    );
    let net: i64 = items.iter().filter_map(|t| t["net"].as_i64()).sum();
    assert_eq!(net, 0);
    let types = s.event_types(&acct).await;
    let payout_events: Vec<_> = types.iter().filter(|t| t.starts_with("payout.")).collect();
    assert_eq!(
        payout_events,
        [
            "payout.created",
            "payout.updated",
            "payout.paid",
            "payout.reconciliation_completed"
        ]
    );
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn a_payout_that_fails_after_it_was_paid_is_paid_again_from_what_came_back() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    s.sale(&acct, 1000, 0).await;
    s.simulator.advance(5 * DAY).await;
    let payouts = s.get_on(&acct, "/v1/payouts").await;
    let id = payouts["data"][0]["id"].as_str().expect("id").to_owned();
    let failed = s
        .post(
            &format!("/_simulator/payouts/{id}/fail"),
            r#"{"failure_code":"account_closed"}"#,
        )
        .await;
    assert_eq!(
        (&failed["status"], &failed["failure_code"]),
        (&json!("failed"), &json!("account_closed"))
    );
    assert!(failed["failure_balance_transaction"].is_string());
    assert_eq!(
        s.get_on(&acct, "/v1/balance").await["available"][0]["amount"],
        941
    );
    s.simulator.advance(3 * DAY).await;
    let payouts = s.get_on(&acct, "/v1/payouts").await;
    assert_eq!(payouts["data"].as_array().map(Vec::len), Some(1));
    s.post(&format!("/_simulator/accounts/{acct}/mend_payouts"), "")
        .await;
    s.simulator.advance(3 * DAY).await;
    let payouts = s.get_on(&acct, "/v1/payouts").await;
    assert_eq!(payouts["data"][0]["status"], "paid");
    assert_eq!(payouts["data"][0]["amount"], 941);
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn a_manual_payout_takes_what_is_available_and_can_be_cancelled() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    s.post(
        &format!("/v1/accounts/{acct}"),
        "settings[payouts][schedule][interval]=manual",
    )
    .await;
    s.sale(&acct, 1000, 0).await;
    let early = s
        .send(
            "POST",
            "/v1/payouts",
            "amount=100&currency=eur",
            &[("Stripe-Account", &acct)],
        )
        .await;
    assert_eq!(early.error("code"), "balance_insufficient");
    s.simulator.advance(3 * DAY).await;
    let payout = s.on(&acct, "/v1/payouts", "amount=100&currency=eur").await;
    assert_eq!(payout["reconciliation_status"], "not_applicable");
    let id = payout["id"].as_str().expect("id");
    let cancelled = s.on(&acct, &format!("/v1/payouts/{id}/cancel"), "").await;
    assert_eq!(cancelled["status"], "canceled");
    assert_eq!(
        s.get_on(&acct, "/v1/balance").await["available"][0]["amount"],
        941
    );
    check_books(&s.simulator.oracle().await);
}

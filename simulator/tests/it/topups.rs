//! Top-ups of the platform's balance.

use serde_json::{Value, json};

use crate::support::{DAY, Stripe, check_books};

fn id(value: &Value) -> &str {
    value["id"].as_str().expect("id")
}

#[tokio::test]
async fn a_top_up_is_pending_until_the_bank_has_answered() {
    let s = Stripe::start().await;
    let body =
        "amount=2000&currency=usd&description=Top-up&statement_descriptor=Top-up&transfer_group=W1";
    let topup = s.post("/v1/topups", body).await;
    assert_eq!(topup["status"], "pending");
    assert_eq!(s.get("/v1/balance").await["available"][0]["amount"], 0);
    let path = format!("/v1/topups/{}", id(&topup));
    let told = s.post(&path, "metadata[order]=1").await;
    assert_eq!(told["metadata"]["order"], "1");
    s.simulator.advance(2 * DAY).await;
    let done = s.get(&format!("{path}?expand[]=balance_transaction")).await;
    assert_eq!(done["status"], "succeeded");
    let txn = &done["balance_transaction"];
    assert_eq!(
        (&txn["type"], &txn["reporting_category"], &txn["net"]),
        (&json!("topup"), &json!("topup"), &json!(2000))
    );
    assert_eq!(s.get("/v1/balance").await["available"][0]["amount"], 2000);
    let late = s.send("POST", &format!("{path}/cancel"), "", &[]).await;
    assert_eq!(late.status, 400);
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn a_top_up_is_cancelled_fails_and_is_found() {
    let s = Stripe::start().await;
    let one = s.post("/v1/topups", "amount=100&currency=usd").await;
    let path = format!("/v1/topups/{}/cancel", id(&one));
    assert_eq!(s.post(&path, "").await["status"], "canceled");
    s.post(
        "/v1/topups",
        "amount=300&currency=usd&source=btok_us_verified_debitNotAuthorized",
    )
    .await;
    s.simulator.advance(2 * DAY).await;
    let failed = s.get("/v1/topups?status=failed&amount[gte]=200").await;
    assert_eq!(failed["data"].as_array().expect("list").len(), 1);
    assert!(failed["data"][0]["failure_code"].is_string());
    assert_eq!(
        s.get("/v1/topups?amount=100").await["data"][0]["id"],
        one["id"]
    );
    assert_eq!(s.get("/v1/balance").await["available"][0]["amount"], 0);
    let zero = s
        .send("POST", "/v1/topups", "amount=0&currency=usd", &[])
        .await;
    assert_eq!(zero.error("param"), "amount");
    let seller = s.seller().await;
    let other = s
        .send(
            "POST",
            "/v1/topups",
            "amount=100&currency=usd",
            &[("Stripe-Account", &seller)],
        )
        .await;
    assert_eq!(other.status, 400);
    let platform = s.get("/v1/account").await;
    let heard = s.event_types(id(&platform)).await;
    for name in ["topup.created", "topup.canceled", "topup.failed"] {
        assert!(heard.iter().any(|t| t == name), "{name}: {heard:?}");
    }
}

//! Debits and reservations: payments that are decided later.

use super::*;

#[tokio::test]
async fn a_debit_ends_later_as_its_test_account_says() {
    let stripe = Stripe::start().await;
    for (method, status, failure, seconds) in [
        ("pm_success_de", "succeeded", json!(null), 5),
        ("pm_successDelayed_at", "succeeded", json!(null), 180),
        (
            "pm_failed_fr",
            "requires_payment_method",
            json!("generic_could_not_process"),
            5,
        ),
        ("pm_usBankAccount_success", "succeeded", json!(null), 5),
        (
            "pm_usBankAccount_insufficientFunds",
            "requires_payment_method",
            json!("insufficient_funds"),
            5,
        ),
    ] {
        let made = debit(&stripe, method).await;
        let id = made["id"].as_str().expect("id");
        let path = format!("/v1/payment_intents/{id}?expand[]=latest_charge");
        stripe.simulator.advance(seconds - 1).await;
        assert_eq!(stripe.get(&path).await["status"], "processing", "{method}");
        stripe.simulator.advance(1).await;
        let ended = stripe.get(&path).await;
        assert_eq!(ended["status"], status, "{method}");
        assert_eq!(ended["latest_charge"]["failure_code"], failure, "{method}");
        assert_eq!(ended["last_payment_error"]["code"], failure, "{method}");
    }
    let types: Vec<_> = stripe.get("/v1/events?limit=100").await["data"]
        .as_array()
        .expect("list")
        .iter()
        .map(|e| e["type"].as_str().expect("type").to_owned())
        .collect();
    for name in [
        "charge.pending",
        "payment_intent.processing",
        "charge.succeeded",
        "payment_intent.succeeded",
        "charge.failed",
        "payment_intent.payment_failed",
    ] {
        assert!(types.iter().any(|t| t == name), "{name}");
    }
    check_books(&stripe.simulator.oracle().await);
}

#[tokio::test]
async fn a_debit_that_never_ends_can_be_canceled_and_a_disputed_one_is_lost() {
    let stripe = Stripe::start().await;
    let made = debit(&stripe, "pm_usBankAccount_processing").await;
    stripe.simulator.advance(30 * DAY).await;
    let path = format!("/v1/payment_intents/{}", made["id"].as_str().expect("id"));
    assert_eq!(stripe.get(&path).await["status"], "processing");
    let gone = stripe
        .post(&format!("{path}/cancel"), "expand[]=latest_charge")
        .await;
    assert_eq!(
        (&gone["status"], &gone["latest_charge"]["status"]),
        (&json!("canceled"), &json!("failed"))
    );
    let made = debit(&stripe, "pm_disputed_de").await;
    stripe.simulator.advance(5).await;
    let disputes = stripe.get("/v1/disputes").await;
    assert_eq!(
        disputes["data"][0]["payment_intent"], made["id"],
        "{disputes}"
    );
    assert_eq!(disputes["data"][0]["status"], "lost");
    check_books(&stripe.simulator.oracle().await);
}

#[tokio::test]
async fn a_reservation_is_raised_where_that_was_asked_for() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let more = "&confirm=true&payment_method=pm_card_visa&capture_method=manual";
    let held = intent(&stripe, &seller, more).await.body;
    let refused = act(
        &stripe,
        &seller,
        &held,
        "increment_authorization",
        "amount=2500",
    )
    .await;
    assert_eq!(refused.error("code"), "payment_intent_unexpected_state");
    let more = format!(
        "{more}&payment_method_options[card][request_incremental_authorization]=if_available"
    );
    let held = intent(&stripe, &seller, &more).await.body;
    let less = act(
        &stripe,
        &seller,
        &held,
        "increment_authorization",
        "amount=1500",
    )
    .await;
    assert_eq!(less.error("param"), "amount");
    let more = act(
        &stripe,
        &seller,
        &held,
        "increment_authorization",
        "amount=2500",
    )
    .await;
    assert_eq!(more.body["amount_capturable"], 2500, "{}", more.body);
    let taken = act(&stripe, &seller, &held, "capture", "").await.body;
    assert_eq!(taken["amount_received"], 2500);
    check_books(&stripe.simulator.oracle().await);
}

#[tokio::test]
async fn what_was_captured_in_part_can_be_refunded_and_no_more() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let more = "&confirm=true&payment_method=pm_card_visa&capture_method=manual";
    let held = intent(&stripe, &seller, more).await.body;
    act(&stripe, &seller, &held, "capture", "amount_to_capture=1500").await;
    let id = held["id"].as_str().expect("id");
    let headers = [("Stripe-Account", seller.as_str())];
    let body = format!("payment_intent={id}&amount=1501");
    let much = stripe.send("POST", "/v1/refunds", &body, &headers).await;
    assert_eq!(much.status, 400, "{}", much.body);
    let refund = stripe
        .on(&seller, "/v1/refunds", &format!("payment_intent={id}"))
        .await;
    assert_eq!(refund["amount"], 1500, "{refund}");
    check_books(&stripe.simulator.oracle().await);
}

#[tokio::test]
async fn what_is_reserved_is_captured_in_part_or_released() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let more = "&confirm=true&payment_method=pm_card_visa&capture_method=manual&application_fee_amount=100";
    let held = intent(&stripe, &seller, more).await.body;
    assert_eq!(held["status"], "requires_capture", "{held}");
    assert_eq!(held["amount_capturable"], 2000);
    let charge = read(&stripe, &seller, &held).await["latest_charge"].clone();
    assert_eq!(
        (&charge["captured"], &charge["balance_transaction"]),
        (&json!(false), &Value::Null)
    );
    let much = act(&stripe, &seller, &held, "capture", "amount_to_capture=2001").await;
    assert_eq!(
        (much.status, much.error("param")),
        (400, "amount_to_capture")
    );
    let taken = act(&stripe, &seller, &held, "capture", "amount_to_capture=1500")
        .await
        .body;
    assert_eq!(
        (&taken["status"], &taken["amount_received"]),
        (&json!("succeeded"), &json!(1500))
    );
    let charge = read(&stripe, &seller, &held).await["latest_charge"].clone();
    assert_eq!(
        (&charge["amount_captured"], &charge["amount_refunded"]),
        (&json!(1500), &json!(500))
    );
    assert_eq!(charge["balance_transaction"]["amount"], 1500);

    let held = intent(&stripe, &seller, more).await.body;
    let gone = act(
        &stripe,
        &seller,
        &held,
        "cancel",
        "cancellation_reason=abandoned",
    )
    .await
    .body;
    assert_eq!(
        (&gone["status"], &gone["amount_capturable"]),
        (&json!("canceled"), &json!(0))
    );
    let held = intent(&stripe, &seller, more).await.body;
    stripe.simulator.advance(7 * DAY + 1).await;
    let late = read(&stripe, &seller, &held).await;
    assert_eq!(
        (&late["status"], &late["cancellation_reason"]),
        (&json!("canceled"), &json!("automatic"))
    );
    assert_eq!(late["latest_charge"]["refunded"], true);
    let oracle = stripe.simulator.oracle().await;
    check_books(&oracle);
    assert!(
        stripe
            .event_types(&seller)
            .await
            .iter()
            .any(|t| t == "charge.expired")
    );
}

//! Charges made without a payment intent.

use serde_json::{Value, json};

use crate::support::{DAY, Stripe, check_books};

#[tokio::test]
async fn a_token_is_charged_and_the_charge_refunded() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let body =
        "amount=2000&currency=eur&source=tok_visa&application_fee_amount=200&description=Tea";
    let charge = stripe.on(&seller, "/v1/charges", body).await;
    assert_eq!(
        (
            &charge["status"],
            &charge["payment_intent"],
            &charge["captured"]
        ),
        (&json!("succeeded"), &Value::Null, &json!(true)),
        "{charge}"
    );
    assert!(charge["application_fee"].is_string(), "{charge}");
    let id = charge["id"].as_str().expect("id");
    let refund = stripe
        .on(&seller, "/v1/refunds", &format!("charge={id}&amount=500"))
        .await;
    assert_eq!(refund["payment_intent"], Value::Null);
    let path = format!("/v1/charges/{id}");
    let changed = stripe
        .on(
            &seller,
            &path,
            "metadata[a]=b&fraud_details[user_report]=safe",
        )
        .await;
    assert_eq!(changed["fraud_details"]["user_report"], "safe");
    assert_eq!(changed["amount_refunded"], 500);
    let intents = stripe.get_on(&seller, "/v1/payment_intents").await;
    assert_eq!(intents["data"], json!([]), "no intent stands behind it");
    check_books(&stripe.simulator.oracle().await);
}

#[tokio::test]
async fn a_declined_token_is_402_and_leaves_a_failed_charge() {
    let stripe = Stripe::start().await;
    for (token, code, decline_code) in [
        ("tok_chargeDeclined", "card_declined", "generic_decline"),
        (
            "tok_threeDSecureRequired",
            "card_declined",
            "authentication_required",
        ),
        ("tok_chargeDeclinedExpiredCard", "expired_card", ""),
    ] {
        let body = format!("amount=2000&currency=usd&source={token}");
        let refused = stripe.send("POST", "/v1/charges", &body, &[]).await;
        assert_eq!((refused.status, refused.error("type")), (402, "card_error"));
        assert_eq!(
            (refused.error("code"), refused.error("decline_code")),
            (code, decline_code)
        );
        let path = format!("/v1/charges/{}", refused.error("charge"));
        let failed = stripe.get(&path).await;
        assert_eq!(
            (&failed["status"], &failed["failure_code"], &failed["paid"]),
            (&json!("failed"), &json!(code), &json!(false))
        );
    }
    let types = stripe.get("/v1/events?type=charge.failed").await;
    assert_eq!(types["data"].as_array().map(Vec::len), Some(3));
    for (body, param) in [
        ("amount=2000&currency=usd&source=tok_none", "source"),
        ("amount=2000&currency=usd&customer=cus_none", "customer"),
        ("amount=20&currency=usd&source=tok_visa", "amount"),
        ("currency=usd&source=tok_visa", "amount"),
        ("amount=2000&source=tok_visa", "currency"),
        (
            "amount=2000&currency=usd&source=tok_visa&application_fee_amount=1",
            "application_fee_amount",
        ),
    ] {
        let refused = stripe.send("POST", "/v1/charges", body, &[]).await;
        assert_eq!(refused.error("param"), param, "{body}: {}", refused.body);
    }
    assert_eq!(
        stripe.get("/v1/charges").await["data"]
            .as_array()
            .map(Vec::len),
        Some(3)
    );
}

#[tokio::test]
async fn a_customers_card_is_charged_without_being_named() {
    let stripe = Stripe::start().await;
    let customer = stripe.post("/v1/customers", "source=tok_visa").await;
    let id = customer["id"].as_str().expect("id");
    let body = format!("amount=2000&currency=usd&customer={id}");
    let charge = stripe.post("/v1/charges", &body).await;
    assert_eq!(
        (&charge["customer"], &charge["payment_method"]),
        (&json!(id), &customer["default_source"])
    );
    let bare = stripe.post("/v1/customers", "").await;
    let body = format!(
        "amount=2000&currency=usd&customer={}",
        bare["id"].as_str().expect("id")
    );
    let refused = stripe.send("POST", "/v1/charges", &body, &[]).await;
    assert_eq!((refused.status, refused.error("code")), (402, "missing"));
}

#[tokio::test]
async fn a_reserved_charge_is_captured_once_or_expires() {
    let stripe = Stripe::start().await;
    let body = "amount=2000&currency=usd&source=tok_visa&capture=false";
    let held = stripe.post("/v1/charges", body).await;
    assert_eq!(
        (&held["captured"], &held["balance_transaction"]),
        (&json!(false), &Value::Null)
    );
    let path = format!("/v1/charges/{}/capture", held["id"].as_str().expect("id"));
    let much = stripe.send("POST", &path, "amount=2001", &[]).await;
    assert_eq!(much.error("code"), "amount_too_large");
    let taken = stripe.post(&path, "amount=1500").await;
    assert_eq!(
        (&taken["amount_captured"], &taken["amount_refunded"]),
        (&json!(1500), &json!(500))
    );
    let again = stripe.send("POST", &path, "", &[]).await;
    assert_eq!(again.error("code"), "charge_already_captured");
    let held = stripe.post("/v1/charges", body).await;
    stripe.simulator.advance(7 * DAY + 1).await;
    let id = held["id"].as_str().expect("id");
    assert_eq!(
        stripe.get(&format!("/v1/charges/{id}")).await["refunded"],
        true
    );
    let late = stripe
        .send("POST", &format!("/v1/charges/{id}/capture"), "", &[])
        .await;
    assert_eq!(late.error("code"), "charge_expired_for_capture");
    let intent = stripe
        .post("/v1/payment_intents", "amount=2000&currency=usd&confirm=true&payment_method=pm_card_visa&capture_method=manual&allowed_payment_method_types[]=card")
        .await;
    let path = format!(
        "/v1/charges/{}/capture",
        intent["latest_charge"].as_str().expect("id")
    );
    let refused = stripe.send("POST", &path, "", &[]).await;
    assert_eq!(refused.error("code"), "charge_invalid_parameter");
    check_books(&stripe.simulator.oracle().await);
}

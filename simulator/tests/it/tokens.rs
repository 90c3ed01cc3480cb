//! Tokens: what they show, and that they are good once.

use serde_json::json;

use crate::support::Stripe;

#[tokio::test]
async fn a_card_token_hides_the_number_and_is_good_once() {
    let stripe = Stripe::start().await;
    let token = stripe
        .post("/v1/tokens", "card[number]=5555555555554444&card[exp_month]=4&card[exp_year]=30&card[cvc]=123&card[name]=Ann")
        .await;
    assert_eq!(token["type"], "card");
    assert_eq!(token["card"]["last4"], "4444");
    assert_eq!(token["card"]["brand"], "MasterCard");
    assert!(!token.to_string().contains("5555555555554444"));
    let id = token["id"].as_str().expect("id");
    let body = format!("type=card&card[token]={id}");
    let method = stripe.post("/v1/payment_methods", &body).await;
    assert_eq!(
        (&method["card"]["exp_month"], &method["card"]["exp_year"]),
        (&json!(4), &json!(2030))
    );
    assert_eq!(stripe.get(&format!("/v1/tokens/{id}")).await["used"], true);
    let again = stripe.send("POST", "/v1/payment_methods", &body, &[]).await;
    assert_eq!(
        (again.status, again.error("code")),
        (400, "token_already_used")
    );
    assert_eq!(again.error("param"), "card[token]");
}

#[tokio::test]
async fn every_type_of_token_can_be_made_and_read() {
    let stripe = Stripe::start().await;
    for (body, kind, prefix) in [
        (
            "bank_account[country]=DE&bank_account[currency]=eur&bank_account[account_number]=DE89370400440532013000",
            "bank_account",
            "btok_",
        ),
        (
            "account[business_type]=individual&account[individual][first_name]=Ann&account[tos_shown_and_accepted]=true",
            "account",
            "ct_",
        ),
        (
            "person[first_name]=Ann&person[relationship][owner]=true",
            "person",
            "cpt_",
        ),
        ("pii[id_number]=000000000", "pii", "pii_"),
        ("cvc_update[cvc]=123", "cvc_update", "cvctok_"),
    ] {
        let token = stripe.post("/v1/tokens", body).await;
        assert_eq!(token["type"], kind);
        assert_eq!(token["used"], false);
        let id = token["id"].as_str().expect("id");
        assert!(id.starts_with(prefix), "{id}");
        assert_eq!(stripe.get(&format!("/v1/tokens/{id}")).await, token);
    }
    let magic = stripe.get("/v1/tokens/tok_visa").await;
    assert_eq!(magic["card"]["last4"], "4242");
}

#[tokio::test]
async fn a_platforms_customer_card_becomes_a_token_on_a_seller() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let customer = stripe
        .post("/v1/customers", "payment_method=pm_card_amex")
        .await;
    let body = format!("customer={}", customer["id"].as_str().expect("id"));
    let token = stripe.on(&seller, "/v1/tokens", &body).await;
    assert_eq!(token["card"]["last4"], "0005");
    let body = format!("source={}", token["id"].as_str().expect("id"));
    let theirs = stripe.on(&seller, "/v1/customers", &body).await;
    assert!(theirs["default_source"].is_string());
    // It lives on the seller's account.
    let path = format!("/v1/tokens/{}", token["id"].as_str().expect("id"));
    assert_eq!(stripe.get(&path).await["error"]["code"], "resource_missing");
}

#[tokio::test]
async fn what_no_token_can_stand_for_is_refused() {
    let stripe = Stripe::start().await;
    for (body, status, code, param) in [
        ("", 400, "", ""),
        (
            "pii[id_number]=1&cvc_update[cvc]=123",
            400,
            "",
            "cvc_update",
        ),
        (
            "card[exp_month]=1&card[exp_year]=30",
            400,
            "parameter_missing",
            "card[number]",
        ),
        (
            "card[number]=4242424242424242&card[exp_month]=13&card[exp_year]=30",
            402,
            "invalid_expiry_month",
            "exp_month",
        ),
        (
            "card[number]=1&card[exp_month]=1&card[exp_year]=30",
            402,
            "card_declined",
            "",
        ),
        ("cvc_update[cvc]=12", 402, "invalid_cvc", "cvc_update[cvc]"),
        (
            "bank_account[country]=US&bank_account[currency]=usd&bank_account[account_number]=000123456789",
            400,
            "parameter_missing",
            "bank_account[routing_number]",
        ),
        ("customer=cus_none", 404, "resource_missing", "customer"),
    ] {
        let answer = stripe.send("POST", "/v1/tokens", body, &[]).await;
        assert_eq!(
            (answer.status, answer.error("code"), answer.error("param")),
            (status, code, param),
            "{body}: {}",
            answer.body
        );
    }
    let none = stripe.send("GET", "/v1/tokens/tok_none", "", &[]).await;
    assert_eq!(none.status, 404);
}

//! Confirmation tokens: a card that was entered on a page, and confirms once on the server.

use serde_json::Value;

use crate::support::{Answer, DAY, Stripe, check_books};

const TOKENS: &str = "/v1/test_helpers/confirmation_tokens";
const CARD: &str = "amount=2000&currency=eur&allowed_payment_method_types[]=card";

fn id(object: &Value) -> &str {
    object["id"].as_str().expect("an id")
}

async fn send(stripe: &Stripe, account: &str, path: &str, body: &str) -> Answer {
    let headers = [("Stripe-Account", account)];
    stripe.send("POST", path, body, &headers).await
}

async fn token(stripe: &Stripe, account: &str, body: &str) -> Value {
    let made = send(stripe, account, TOKENS, body).await;
    assert_eq!(made.status, 200, "{}", made.body);
    made.body
}

#[tokio::test]
async fn a_token_confirms_an_intent_once_with_what_was_entered_on_the_page() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let customer = stripe.on(&seller, "/v1/customers", "name=Ann").await;
    let ctoken = token(
        &stripe,
        &seller,
        "payment_method=pm_card_visa&return_url=https://shop.example/back&setup_future_usage=off_session\
         &shipping[name]=Ann&shipping[address][city]=Ulm",
    )
    .await;
    assert_eq!(ctoken["payment_method_preview"]["card"]["last4"], "4242");
    assert_eq!(ctoken["payment_method_preview"]["id"], Value::Null);
    assert_eq!(ctoken["payment_intent"], Value::Null);
    // Without `allow_redirects=never` an intent wants a `return_url`, which the token brings.
    let body = format!(
        "amount=2000&currency=eur&confirm=true&customer={}&confirmation_token={}",
        id(&customer),
        id(&ctoken)
    );
    let paid = send(&stripe, &seller, "/v1/payment_intents", &body).await;
    assert_eq!(paid.status, 200, "{}", paid.body);
    assert_eq!(paid.body["status"], "succeeded");
    assert_eq!(paid.body["setup_future_usage"], "off_session");
    assert_eq!(paid.body["shipping"]["name"], "Ann");
    let path = format!("/v1/confirmation_tokens/{}", id(&ctoken));
    let used = stripe.get_on(&seller, &path).await;
    assert_eq!(used["payment_intent"], paid.body["id"]);
    let path = format!("/v1/customers/{}/payment_methods", id(&customer));
    let saved = stripe.get_on(&seller, &path).await;
    assert_eq!(saved["data"][0]["id"], paid.body["payment_method"]);
    let again = send(&stripe, &seller, "/v1/payment_intents", &body).await;
    assert_eq!(
        (again.status, again.error("param")),
        (400, "confirmation_token")
    );
    check_books(&stripe.simulator.oracle().await);
}

#[tokio::test]
async fn a_token_saves_a_card_by_a_setup_intent() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let data = "payment_method=pm_card_mastercard";
    let ctoken = token(&stripe, &seller, data).await;
    let body = format!(
        "confirm=true&allowed_payment_method_types[]=card&confirmation_token={}",
        id(&ctoken)
    );
    let made = send(&stripe, &seller, "/v1/setup_intents", &body).await;
    assert_eq!(made.body["status"], "succeeded", "{}", made.body);
    let path = format!("/v1/confirmation_tokens/{}", id(&ctoken));
    let used = stripe.get_on(&seller, &path).await;
    assert_eq!(used["setup_intent"], made.body["id"]);
}

#[tokio::test]
async fn a_decline_uses_a_token_up_and_another_one_pays_the_same_intent() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let intent = stripe.on(&seller, "/v1/payment_intents", CARD).await;
    let confirm = format!("/v1/payment_intents/{}/confirm", id(&intent));
    let declined = token(&stripe, &seller, "payment_method=pm_card_chargeDeclined").await;
    let declined = format!("confirmation_token={}", id(&declined));
    let answer = send(&stripe, &seller, &confirm, &declined).await;
    assert_eq!(
        (answer.status, answer.error("code")),
        (402, "card_declined")
    );
    let answer = send(&stripe, &seller, &confirm, &declined).await;
    assert_eq!(
        (answer.status, answer.error("param")),
        (400, "confirmation_token")
    );
    let good = token(&stripe, &seller, "payment_method=pm_card_visa").await;
    let good = format!("confirmation_token={}", id(&good));
    let paid = send(&stripe, &seller, &confirm, &good).await;
    assert_eq!(paid.body["status"], "succeeded", "{}", paid.body);
}

#[tokio::test]
async fn a_declined_token_can_confirm_again_where_that_is_assumed() {
    let stripe = Stripe::under("declined_token", "good").await;
    let seller = stripe.seller().await;
    let intent = stripe.on(&seller, "/v1/payment_intents", CARD).await;
    let confirm = format!("/v1/payment_intents/{}/confirm", id(&intent));
    let declined = token(&stripe, &seller, "payment_method=pm_card_chargeDeclined").await;
    let declined = format!("confirmation_token={}", id(&declined));
    for _ in 0..2 {
        let answer = send(&stripe, &seller, &confirm, &declined).await;
        assert_eq!(
            (answer.status, answer.error("code")),
            (402, "card_declined")
        );
    }
}

#[tokio::test]
async fn a_token_is_of_its_account_for_half_a_day_and_beside_no_payment_method() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let intent = stripe.on(&seller, "/v1/payment_intents", CARD).await;
    let confirm = format!("/v1/payment_intents/{}/confirm", id(&intent));
    let foreign = stripe.post(TOKENS, "payment_method=pm_card_visa").await;
    let foreign = format!("confirmation_token={}", id(&foreign));
    let answer = send(&stripe, &seller, &confirm, &foreign).await;
    assert_eq!(answer.error("code"), "resource_missing");
    assert_eq!(answer.error("param"), "confirmation_token");
    let own = token(&stripe, &seller, "payment_method=pm_card_visa").await;
    let own = format!("confirmation_token={}", id(&own));
    let both = format!("{own}&payment_method=pm_card_visa");
    let answer = send(&stripe, &seller, &confirm, &both).await;
    assert_eq!(
        (answer.status, answer.error("param")),
        (400, "confirmation_token")
    );
    let unconfirmed = format!("{CARD}&{own}");
    let answer = send(&stripe, &seller, "/v1/payment_intents", &unconfirmed).await;
    assert_eq!(
        (answer.status, answer.error("param")),
        (400, "confirmation_token")
    );
    for body in ["", "payment_method=pm_card_visa&return_url=nowhere"] {
        let answer = send(&stripe, &seller, TOKENS, body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.body);
    }
    stripe.simulator.advance(DAY / 2).await;
    let answer = send(&stripe, &seller, &confirm, &own).await;
    assert_eq!(
        (answer.status, answer.error("param")),
        (400, "confirmation_token")
    );
}

//! Setup intents: cards saved for later, challenges, declines, mandates.

use serde_json::{Value, json};

use crate::support::{Answer, Stripe};

const CARD: &str = "allowed_payment_method_types[]=card";

async fn customer(stripe: &Stripe) -> String {
    let made = stripe.post("/v1/customers", "name=Ann").await;
    made["id"].as_str().expect("id").to_owned()
}

fn path(intent: &Value, tail: &str) -> String {
    format!(
        "/v1/setup_intents/{}{tail}",
        intent["id"].as_str().expect("id")
    )
}

async fn send(stripe: &Stripe, path: &str, body: &str) -> Answer {
    stripe.send("POST", path, body, &[]).await
}

async fn events(stripe: &Stripe) -> Vec<String> {
    let list = stripe.get("/v1/events?limit=100").await;
    let data = list["data"].as_array().expect("list");
    let mut types: Vec<_> = data
        .iter()
        .map(|e| e["type"].as_str().expect("type").to_owned())
        .filter(|t| t.starts_with("setup_intent") || t.starts_with("payment_method"))
        .collect();
    types.reverse();
    types
}

#[tokio::test]
async fn a_confirmed_setup_saves_the_card_to_its_customer() {
    let stripe = Stripe::start().await;
    let ann = customer(&stripe).await;
    let made = stripe
        .post(
            "/v1/setup_intents",
            &format!("{CARD}&customer={ann}&metadata[a]=b"),
        )
        .await;
    assert_eq!(made["status"], "requires_payment_method");
    assert_eq!(made["usage"], "off_session");
    let named = stripe
        .post(
            &path(&made, ""),
            "payment_method=pm_card_visa&description=Later",
        )
        .await;
    assert_eq!(named["status"], "requires_confirmation");
    let done = stripe.post(&path(&made, "/confirm"), "").await;
    assert_eq!(done["status"], "succeeded", "{done}");
    let method = done["payment_method"].as_str().expect("a payment method");
    let saved = stripe
        .get(&format!("/v1/customers/{ann}/payment_methods"))
        .await;
    assert_eq!(saved["data"][0]["id"], method);
    let attempts = stripe
        .get(&format!(
            "/v1/setup_attempts?setup_intent={}",
            made["id"].as_str().expect("id")
        ))
        .await;
    assert_eq!(attempts["data"][0]["status"], "succeeded");
    assert_eq!(attempts["data"][0]["id"], done["latest_attempt"]);
    assert_eq!(
        events(&stripe).await,
        [
            "setup_intent.created",
            "payment_method.attached",
            "setup_intent.succeeded"
        ]
    );
    for tail in ["/confirm", "/cancel"] {
        let again = send(&stripe, &path(&made, tail), "").await;
        assert_eq!(again.error("code"), "setup_intent_unexpected_state");
        assert_eq!(again.body["error"]["setup_intent"]["status"], "succeeded");
    }
    let list = stripe
        .get(&format!("/v1/setup_intents?customer={ann}"))
        .await;
    assert_eq!(list["data"].as_array().map(Vec::len), Some(1));
    let none = stripe.get("/v1/setup_intents?payment_method=pm_none").await;
    assert_eq!(none["data"], json!([]));
}

#[tokio::test]
async fn a_decline_is_402_with_the_intent_inside_and_leaves_it_open() {
    let stripe = Stripe::start().await;
    let body =
        format!("{CARD}&confirm=true&payment_method=pm_card_chargeDeclinedInsufficientFunds");
    let refused = send(&stripe, "/v1/setup_intents", &body).await;
    assert_eq!(
        (refused.status, refused.error("decline_code")),
        (402, "insufficient_funds")
    );
    let inside = refused.body["error"]["setup_intent"].clone();
    assert_eq!(inside["status"], "requires_payment_method");
    assert_eq!(inside["last_setup_error"]["code"], "card_declined");
    let kept = stripe.get(&path(&inside, "?expand[]=latest_attempt")).await;
    assert_eq!(kept["latest_attempt"]["status"], "failed");
    assert_eq!(
        kept["latest_attempt"]["setup_error"]["decline_code"],
        "insufficient_funds"
    );
    assert_eq!(
        events(&stripe).await,
        ["setup_intent.created", "setup_intent.setup_failed"]
    );
    let done = stripe
        .post(&path(&inside, "/confirm"), "payment_method=pm_card_visa")
        .await;
    assert_eq!(
        (&done["status"], &done["last_setup_error"]),
        (&json!("succeeded"), &Value::Null)
    );
    // This card can be saved; it fails when it is charged.
    let body = format!("{CARD}&confirm=true&payment_method=pm_card_chargeCustomerFail");
    assert_eq!(
        stripe.post("/v1/setup_intents", &body).await["status"],
        "succeeded"
    );
}

#[tokio::test]
async fn a_card_that_passed_its_challenge_pays_off_session() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let ann = stripe.on(&seller, "/v1/customers", "name=Ann").await["id"].clone();
    let ann = ann.as_str().expect("id");
    let body = format!(
        "{CARD}&customer={ann}&confirm=true&payment_method=pm_card_authenticationRequiredOnSetup&return_url=https://shop.example/back"
    );
    for outcome in ["fail", "complete"] {
        let waiting = stripe.on(&seller, "/v1/setup_intents", &body).await;
        assert_eq!(waiting["status"], "requires_action");
        let url = waiting["next_action"]["redirect_to_url"]["url"]
            .as_str()
            .expect("url");
        let page = stripe
            .http
            .get(url)
            .send()
            .await
            .expect("page")
            .text()
            .await
            .expect("text");
        assert!(page.contains("saving this card"), "{page}");
        let answered = stripe
            .http
            .post(url)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(format!("outcome={outcome}"))
            .send()
            .await
            .expect("answer");
        let back = answered.headers()["location"]
            .to_str()
            .expect("location")
            .to_owned();
        assert!(
            back.starts_with("https://shop.example/back?setup_intent=seti_"),
            "{back}"
        );
        let read = stripe
            .get_on(&seller, &path(&waiting, "?expand[]=latest_attempt"))
            .await;
        let secure = &read["latest_attempt"]["payment_method_details"]["card"]["three_d_secure"];
        if outcome == "fail" {
            assert_eq!(read["status"], "requires_payment_method");
            assert_eq!(
                read["last_setup_error"]["code"],
                "setup_intent_authentication_failure"
            );
            assert_eq!(secure["result"], "failed");
            continue;
        }
        assert_eq!(read["status"], "succeeded");
        assert_eq!(secure["result"], "authenticated");
        let method = read["payment_method"].as_str().expect("id");
        let paid = stripe
            .on(&seller, "/v1/payment_intents", &format!("amount=900&currency=eur&{CARD}&customer={ann}&payment_method={method}&off_session=true&confirm=true"))
            .await;
        assert_eq!(paid["status"], "succeeded", "{paid}");
    }
}

#[tokio::test]
async fn a_challenge_is_answered_through_the_control_api_once() {
    let stripe = Stripe::start().await;
    let body = format!("{CARD}&confirm=true&payment_method=pm_card_authenticationRequired");
    let waiting = stripe.post("/v1/setup_intents", &body).await;
    assert_eq!(
        waiting["next_action"]["type"], "use_stripe_sdk",
        "{waiting}"
    );
    let id = waiting["id"].as_str().expect("id");
    let path = format!("/_simulator/setup_intents/{id}/challenge");
    let answer = json!({ "outcome": "complete" }).to_string();
    assert_eq!(stripe.post(&path, &answer).await["status"], "succeeded");
    assert_eq!(send(&stripe, &path, &answer).await.status, 400);
}

#[tokio::test]
async fn debits_have_a_mandate() {
    let stripe = Stripe::start().await;
    let ann = customer(&stripe).await;
    let body = format!(
        "allowed_payment_method_types[]=sepa_debit&customer={ann}&confirm=true&payment_method_data[type]=sepa_debit&payment_method_data[sepa_debit][iban]=DE89370400440532013000&payment_method_data[billing_details][email]=a@b.example&payment_method_data[billing_details][name]=Ann&mandate_data[customer_acceptance][type]=online&mandate_data[customer_acceptance][online][ip_address]=10.0.0.1&mandate_data[customer_acceptance][online][user_agent]=test"
    );
    let done = stripe.post("/v1/setup_intents", &body).await;
    assert_eq!(done["status"], "succeeded", "{done}");
    let mandate = stripe
        .get(&format!(
            "/v1/mandates/{}",
            done["mandate"].as_str().expect("a mandate")
        ))
        .await;
    assert_eq!(
        (&mandate["status"], &mandate["type"]),
        (&json!("active"), &json!("multi_use"))
    );
    assert_eq!(mandate["payment_method"], done["payment_method"]);
    assert_eq!(
        mandate["customer_acceptance"]["online"]["ip_address"],
        "10.0.0.1"
    );
    let once = body.replace(
        "confirm=true",
        "confirm=true&single_use[amount]=900&single_use[currency]=eur",
    );
    let done = stripe.post("/v1/setup_intents", &once).await;
    assert_eq!(done["mandate"], Value::Null);
    let mandate = stripe
        .get(&format!(
            "/v1/mandates/{}",
            done["single_use_mandate"].as_str().expect("a mandate")
        ))
        .await;
    assert_eq!(mandate["single_use"]["amount"], 900);
}

#[tokio::test]
async fn a_debit_has_a_mandate_without_being_told_and_a_card_has_none() {
    let stripe = Stripe::start().await;
    let debit = stripe
        .post("/v1/payment_methods", "type=sepa_debit&sepa_debit[iban]=DE89370400440532013000&billing_details[name]=A&billing_details[email]=a@shop.example")
        .await;
    for (kind, method, has) in [
        ("sepa_debit", debit["id"].as_str().expect("id"), true),
        ("card", "pm_card_visa", false),
    ] {
        let body =
            format!("allowed_payment_method_types[]={kind}&confirm=true&payment_method={method}");
        let done = stripe.post("/v1/setup_intents", &body).await;
        assert_eq!(done["mandate"].is_string(), has, "{done}");
    }
}

#[tokio::test]
async fn a_canceled_setup_stays_canceled() {
    let stripe = Stripe::start().await;
    let made = stripe.post("/v1/setup_intents", CARD).await;
    let ended = stripe
        .post(&path(&made, "/cancel"), "cancellation_reason=abandoned")
        .await;
    assert_eq!(
        (&ended["status"], &ended["cancellation_reason"]),
        (&json!("canceled"), &json!("abandoned"))
    );
    let confirm = send(
        &stripe,
        &path(&made, "/confirm"),
        "payment_method=pm_card_visa",
    )
    .await;
    assert_eq!(confirm.error("code"), "setup_intent_unexpected_state");
    let update = send(&stripe, &path(&made, ""), "payment_method=pm_card_visa").await;
    assert_eq!(update.error("code"), "setup_intent_unexpected_state");
    let noted = stripe.post(&path(&made, ""), "metadata[why]=test").await;
    assert_eq!(noted["metadata"]["why"], "test");
}

/// Each body is refused with its code and parameter, and no setup intent is left.
async fn refused(stripe: &Stripe, bodies: &[(String, &str, &str)]) {
    for (body, code, param) in bodies {
        let answer = send(stripe, "/v1/setup_intents", body).await;
        assert!(
            answer.status == 400 || answer.status == 404,
            "{body}: {}",
            answer.body
        );
        assert_eq!(
            (answer.error("code"), answer.error("param")),
            (*code, *param),
            "{body}"
        );
    }
    assert_eq!(stripe.get("/v1/setup_intents").await["data"], json!([]));
}

#[tokio::test]
async fn methods_that_cannot_be_set_up_are_refused() {
    let stripe = Stripe::start().await;
    let ann = customer(&stripe).await;
    let bob = customer(&stripe).await;
    let card = stripe
        .post(
            "/v1/payment_methods/pm_card_visa/attach",
            &format!("customer={ann}"),
        )
        .await;
    let card = card["id"].as_str().expect("id");
    let bodies = [
        (
            format!("{CARD}&customer=cus_none"),
            "resource_missing",
            "customer",
        ),
        (
            format!("{CARD}&payment_method=pm_none"),
            "resource_missing",
            "payment_method",
        ),
        (
            format!("{CARD}&payment_method={card}"),
            "",
            "payment_method",
        ),
        (
            format!("{CARD}&payment_method={card}&customer={bob}"),
            "",
            "payment_method",
        ),
        (
            format!("{CARD}&payment_method=pm_usBankAccount"),
            "",
            "payment_method",
        ),
        (
            format!("{CARD}&customer={ann}&attach_to_self=true"),
            "",
            "attach_to_self",
        ),
        (
            "payment_method_types[]=card".to_owned(),
            "parameter_unknown",
            "payment_method_types",
        ),
    ];
    refused(&stripe, &bodies).await;
}

#[tokio::test]
async fn what_cannot_be_confirmed_is_refused() {
    let stripe = Stripe::start().await;
    let bodies = [
        (
            format!("{CARD}&return_url=https://a.example"),
            "",
            "return_url",
        ),
        (
            format!("{CARD}&confirm=true"),
            "setup_intent_unexpected_state",
            "",
        ),
        (
            format!("{CARD}&confirm=true&payment_method=pm_card_visa&return_url=nowhere"),
            "url_invalid",
            "return_url",
        ),
        (
            "confirm=true&payment_method=pm_card_visa".to_owned(),
            "",
            "return_url",
        ),
    ];
    refused(&stripe, &bodies).await;
}

#[tokio::test]
async fn attempts_and_mandates_that_are_not_there_are_not_found() {
    let stripe = Stripe::start().await;
    let none = stripe
        .get("/v1/setup_attempts?setup_intent=seti_none")
        .await;
    assert_eq!(none["error"]["param"], "setup_intent");
    assert_eq!(
        stripe.get("/v1/mandates/mandate_none").await["error"]["code"],
        "resource_missing"
    );
}

//! Payment methods: made, saved, changed, given up.

use serde_json::{Value, json};

use crate::support::Stripe;

const CARD: &str = "type=card&card[number]=4242 4242 4242 4242&card[exp_month]=8&card[exp_year]=2034&card[cvc]=314";

async fn customer(stripe: &Stripe) -> String {
    let customer = stripe.post("/v1/customers", "name=Ada").await;
    customer["id"].as_str().expect("id").to_owned()
}

fn id(value: &Value) -> &str {
    value["id"].as_str().expect("id")
}

async fn told_of(stripe: &Stripe, event: &str) -> bool {
    let events = stripe.get("/v1/events?limit=100").await;
    let mut events = events["data"].as_array().expect("list").iter();
    events.any(|e| e["type"] == event)
}

/// A card of 4242 that is attached to nobody, and its path.
async fn loose_card(stripe: &Stripe) -> (Value, String) {
    let body = format!("{CARD}&billing_details[name]=Ada&metadata[a]=b");
    let made = stripe.post("/v1/payment_methods", &body).await;
    let path = format!("/v1/payment_methods/{}", id(&made));
    (made, path)
}

#[tokio::test]
async fn a_card_is_saved_and_listed() {
    let stripe = Stripe::start().await;
    let (ada, grace) = (customer(&stripe).await, customer(&stripe).await);
    let (made, path) = loose_card(&stripe).await;
    assert_eq!(
        (
            &made["card"]["last4"],
            &made["card"]["exp_year"],
            &made["customer"]
        ),
        (&json!("4242"), &json!(2034), &Value::Null)
    );
    assert!(!made.to_string().contains("4242424242424242"), "{made}");
    let attach = format!("{path}/attach");
    let body = format!("customer={ada}");
    let attached = stripe.post(&attach, &body).await;
    assert_eq!(attached["customer"], ada.as_str());
    assert!(told_of(&stripe, "payment_method.attached").await);
    let theirs = format!("customer={grace}");
    let other = stripe.send("POST", &attach, &theirs, &[]).await;
    assert_eq!(other.error("param"), "payment_method", "{}", other.body);
    let sepa = stripe
        .post("/v1/payment_methods/pm_success_de/attach", &body)
        .await;
    assert_eq!(sepa["sepa_debit"]["last4"], "3000");
    let list = format!("/v1/customers/{ada}/payment_methods");
    let debits = format!("/v1/payment_methods?customer={ada}&type=sepa_debit");
    for (path, wanted) in [
        (list.clone(), 2),
        (format!("{list}?type=card"), 1),
        (debits, 1),
    ] {
        let found = stripe.get(&path).await;
        let count = found["data"].as_array().map(Vec::len);
        assert_eq!(count, Some(wanted), "{path}");
    }
    let one = stripe.get(&format!("{list}/{}", id(&made))).await;
    assert_eq!(one["id"], made["id"]);
    let foreign = format!("/v1/customers/{grace}/payment_methods/{}", id(&made));
    assert_eq!(stripe.send("GET", &foreign, "", &[]).await.status, 404);
}

#[tokio::test]
async fn a_saved_card_is_changed_and_given_up() {
    let stripe = Stripe::start().await;
    let body = format!("customer={}", customer(&stripe).await);
    let (_, path) = loose_card(&stripe).await;
    let loose = stripe.send("POST", &path, "metadata[a]=c", &[]).await;
    assert_eq!(loose.status, 400, "only a saved method can be changed");
    stripe.post(&format!("{path}/attach"), &body).await;
    let changed = stripe
        .post(&path, "card[exp_month]=12&card[exp_year]=2035&billing_details[address][city]=Bonn&metadata[a]=")
        .await;
    assert_eq!(
        (
            &changed["card"]["exp_year"],
            &changed["billing_details"]["address"]["city"]
        ),
        (&json!(2035), &json!("Bonn"))
    );
    assert_eq!(changed["billing_details"]["name"], "Ada");
    assert_eq!(changed["metadata"], json!({}));
    let gone = stripe.post(&format!("{path}/detach"), "").await;
    assert_eq!(gone["customer"], Value::Null);
    let back = stripe
        .send("POST", &format!("{path}/attach"), &body, &[])
        .await;
    assert_eq!(back.status, 400, "what was detached can't be used again");
    let twice = stripe
        .send("POST", &format!("{path}/detach"), "", &[])
        .await;
    assert_eq!(twice.status, 400);
    for event in ["payment_method.updated", "payment_method.detached"] {
        assert!(told_of(&stripe, event).await, "{event}");
    }
}

#[tokio::test]
async fn magic_ids_are_methods_of_their_own_each_time() {
    let stripe = Stripe::start().await;
    let ada = customer(&stripe).await;
    let body = format!("customer={ada}");
    let first = stripe
        .post("/v1/payment_methods/pm_card_visa/attach", &body)
        .await;
    let second = stripe
        .post("/v1/payment_methods/pm_card_visa/attach", &body)
        .await;
    assert_ne!(first["id"], second["id"]);
    assert_eq!(first["card"]["fingerprint"], second["card"]["fingerprint"]);
    let declined = stripe
        .send(
            "POST",
            "/v1/payment_methods/pm_card_chargeDeclined/attach",
            &body,
            &[],
        )
        .await;
    assert_eq!(
        (declined.status, declined.error("code")),
        (402, "card_declined")
    );
    // This one can be saved, and is declined when it is charged.
    let saved = stripe
        .post(
            "/v1/payment_methods/pm_card_chargeCustomerFail/attach",
            &body,
        )
        .await;
    let pay = format!(
        "amount=2000&currency=usd&confirm=true&off_session=true&customer={ada}&payment_method={}",
        id(&saved)
    );
    let refused = stripe.send("POST", "/v1/payment_intents", &pay, &[]).await;
    assert_eq!(refused.error("code"), "card_declined");
    assert_eq!(refused.body["error"]["payment_method"]["id"], saved["id"]);
    let unknown = stripe
        .send(
            "POST",
            "/v1/payment_methods/pm_card_unheard_of/attach",
            &body,
            &[],
        )
        .await;
    assert_eq!(
        (unknown.status, unknown.error("code")),
        (404, "resource_missing")
    );
}

#[tokio::test]
async fn a_method_pays_for_its_own_customer_only_and_once_without_one() {
    let stripe = Stripe::start().await;
    let (ada, grace) = (customer(&stripe).await, customer(&stripe).await);
    let body = format!("customer={ada}");
    let saved = stripe
        .post("/v1/payment_methods/pm_card_visa/attach", &body)
        .await;
    let pay = async |more: &str, method: &Value| {
        let body = format!(
            "amount=2000&currency=usd&confirm=true&allowed_payment_method_types[]=card&payment_method={}{more}",
            id(method)
        );
        stripe.send("POST", "/v1/payment_intents", &body, &[]).await
    };
    assert_eq!(pay("", &saved).await.error("param"), "payment_method");
    let foreign = pay(&format!("&customer={grace}"), &saved).await;
    assert_eq!(foreign.error("param"), "payment_method");
    for _ in 0..2 {
        let paid = pay(&format!("&customer={ada}"), &saved).await;
        assert_eq!(paid.body["status"], "succeeded", "{}", paid.body);
    }
    let loose = stripe.post("/v1/payment_methods", CARD).await;
    assert_eq!(pay("", &loose).await.body["status"], "succeeded");
    let again = pay("", &loose).await;
    assert_eq!(
        (again.status, again.error("param")),
        (400, "payment_method")
    );
    // A payment with `setup_future_usage` saves the method.
    let kept = stripe.post("/v1/payment_methods", CARD).await;
    let more = format!("&customer={ada}&setup_future_usage=off_session");
    assert_eq!(pay(&more, &kept).await.body["status"], "succeeded");
    let read = stripe
        .get(&format!("/v1/payment_methods/{}", id(&kept)))
        .await;
    assert_eq!(read["customer"], ada.as_str());
}

#[tokio::test]
async fn a_card_set_up_for_later_asks_no_more() {
    let stripe = Stripe::start().await;
    let ada = customer(&stripe).await;
    let method = "type=card&card[token]=tok_authenticationRequiredOnSetup";
    let method = stripe.post("/v1/payment_methods", method).await;
    let pay = async |more: &str| {
        let body = format!(
            "amount=2000&currency=usd&confirm=true&allowed_payment_method_types[]=card&customer={ada}&payment_method={}{more}",
            id(&method)
        );
        stripe
            .send("POST", "/v1/payment_intents", &body, &[])
            .await
            .body
    };
    let asked = pay("&setup_future_usage=off_session").await;
    assert_eq!(asked["status"], "requires_action", "{asked}");
    let path = format!("/_simulator/payment_intents/{}/challenge", id(&asked));
    let paid = stripe.post(&path, r#"{"outcome":"complete"}"#).await;
    assert_eq!(paid["status"], "succeeded");
    let later = pay("&off_session=true").await;
    assert_eq!(later["status"], "succeeded", "{later}");
}

#[tokio::test]
async fn a_platforms_method_is_shared_with_a_connected_account() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let ada = customer(&stripe).await;
    let body = format!("customer={ada}");
    let saved = stripe
        .post("/v1/payment_methods/pm_card_visa/attach", &body)
        .await;
    let share = format!("customer={ada}&payment_method={}", id(&saved));
    let copy = stripe.on(&seller, "/v1/payment_methods", &share).await;
    assert_ne!(copy["id"], saved["id"]);
    assert_eq!(copy["customer"], Value::Null);
    assert_eq!(copy["card"]["fingerprint"], saved["card"]["fingerprint"]);
    let pay = format!(
        "amount=2000&currency=eur&confirm=true&allowed_payment_method_types[]=card&payment_method={}",
        id(&copy)
    );
    let paid = stripe.on(&seller, "/v1/payment_intents", &pay).await;
    assert_eq!(paid["status"], "succeeded");
    let headers = [("Stripe-Account", seller.as_str())];
    let direct = format!(
        "amount=2000&currency=eur&confirm=true&allowed_payment_method_types[]=card&payment_method={}",
        id(&saved)
    );
    let refused = stripe
        .send("POST", "/v1/payment_intents", &direct, &headers)
        .await;
    assert_eq!(
        refused.error("code"),
        "resource_missing",
        "it lives on the platform"
    );
    let grace = customer(&stripe).await;
    let foreign = format!("customer={grace}&payment_method={}", id(&saved));
    let refused = stripe
        .send("POST", "/v1/payment_methods", &foreign, &headers)
        .await;
    assert_eq!(refused.error("param"), "customer");
}

#[tokio::test]
async fn accounts_that_are_none_are_refused() {
    let stripe = Stripe::start().await;
    for (body, param, code) in [
        ("type=sepa_debit", "sepa_debit[iban]", "parameter_missing"),
        (
            "type=sepa_debit&sepa_debit[iban]=DE89370400440532013001",
            "sepa_debit[iban]",
            "invalid_bank_account_iban",
        ),
        (
            "type=us_bank_account&us_bank_account[routing_number]=110000000",
            "us_bank_account[account_number]",
            "parameter_missing",
        ),
        (
            "type=card&card[token]=tok_none",
            "card[token]",
            "resource_missing",
        ),
        ("card[number]=4242424242424242", "type", "parameter_missing"),
    ] {
        let refused = stripe.send("POST", "/v1/payment_methods", body, &[]).await;
        assert_eq!(
            (refused.error("param"), refused.error("code")),
            (param, code),
            "{body}: {}",
            refused.body
        );
    }
}

#[tokio::test]
async fn a_network_renews_a_saved_card_and_the_account_is_told_what_was_before() {
    let stripe = Stripe::start().await;
    let ada = customer(&stripe).await;
    let (made, path) = loose_card(&stripe).await;
    let renew = format!("/_simulator/payment_methods/{}/renew", id(&made));
    // Nobody's card is renewed.
    let refused = stripe.send("POST", &renew, "{}", &[]).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    let attach = format!("{path}/attach");
    stripe.post(&attach, &format!("customer={ada}")).await;
    let renewed = stripe.post(&renew, "").await;
    assert_eq!(
        (&renewed["id"], &renewed["customer"]),
        (&made["id"], &json!(ada))
    );
    let card = &renewed["card"];
    assert_eq!(
        (&card["exp_month"], &card["exp_year"], &card["last4"]),
        (&json!(8), &json!(2037), &json!("4242"))
    );
    let events = stripe.get("/v1/events?limit=1").await;
    let event = &events["data"][0];
    assert_eq!(event["type"], "payment_method.automatically_updated");
    assert_eq!(event["data"]["object"], renewed);
    let before = json!({ "card": { "exp_year": 2034 } });
    assert_eq!(event["data"]["previous_attributes"], before);
    // A new number is another card in the same payment method.
    let body = json!({ "number": "5555555555554444", "exp_month": 9, "exp_year": 2038 });
    let renewed = stripe.post(&renew, &body.to_string()).await;
    let card = &renewed["card"];
    assert_eq!(
        (&card["brand"], &card["last4"], &card["exp_month"]),
        (&json!("mastercard"), &json!("4444"), &json!(9))
    );
    let event = stripe.get("/v1/events?limit=1").await["data"][0].clone();
    let before = &event["data"]["previous_attributes"]["card"];
    assert_eq!(
        (&before["last4"], &before["exp_month"]),
        (&json!("4242"), &json!(8))
    );
    assert_eq!(before.get("checks"), None);
    assert_eq!(stripe.get(&path).await, renewed);
    for body in [
        json!({ "exp_year": 2020 }),
        json!({ "number": "1" }),
        json!({ "exp_month": 9, "exp_year": 2038 }),
        json!({ "cvc": "1" }),
    ] {
        let refused = stripe.send("POST", &renew, &body.to_string(), &[]).await;
        assert!((400..500).contains(&refused.status), "{body}");
    }
    let nothing = "/_simulator/payment_methods/pm_none/renew";
    assert_eq!(stripe.send("POST", nothing, "", &[]).await.status, 404);
}

#[tokio::test]
async fn a_renewed_card_pays_as_its_new_number_does() {
    let stripe = Stripe::start().await;
    let ada = customer(&stripe).await;
    let (made, path) = loose_card(&stripe).await;
    stripe
        .post(&format!("{path}/attach"), &format!("customer={ada}"))
        .await;
    let pay = format!(
        "amount=2000&currency=usd&confirm=true&allowed_payment_method_types[]=card&customer={ada}&payment_method={}",
        id(&made)
    );
    stripe.post("/v1/payment_intents", &pay).await;
    let renew = format!("/_simulator/payment_methods/{}/renew", id(&made));
    stripe
        .post(&renew, &json!({ "number": "4000000000009995" }).to_string())
        .await;
    let declined = stripe.send("POST", "/v1/payment_intents", &pay, &[]).await;
    assert_eq!(declined.error("decline_code"), "insufficient_funds");
}

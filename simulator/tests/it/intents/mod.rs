//! Payment intents: confirmation, declines, 3-D Secure, capture, debits.

mod delayed;

use serde_json::{Value, json};

use crate::support::{Answer, DAY, Stripe, check_books};

const CARD: &str = "amount=2000&currency=eur&allowed_payment_method_types[]=card";

/// An intent of 20.00 EUR on an account, made and confirmed as `more` says.
async fn intent(stripe: &Stripe, account: &str, more: &str) -> Answer {
    let body = format!("{CARD}{more}");
    let headers = [("Stripe-Account", account)];
    stripe
        .send("POST", "/v1/payment_intents", &body, &headers)
        .await
}

async fn act(stripe: &Stripe, account: &str, intent: &Value, what: &str, body: &str) -> Answer {
    let path = format!(
        "/v1/payment_intents/{}/{what}",
        intent["id"].as_str().expect("id")
    );
    let headers = [("Stripe-Account", account)];
    stripe.send("POST", &path, body, &headers).await
}

async fn read(stripe: &Stripe, account: &str, intent: &Value) -> Value {
    let path = format!(
        "/v1/payment_intents/{}?expand[]=latest_charge.balance_transaction",
        intent["id"].as_str().expect("id")
    );
    stripe.get_on(account, &path).await
}

/// An intent debited from a test account on the platform's own account.
async fn debit(stripe: &Stripe, method: &str) -> Value {
    let (currency, kind) = match method.starts_with("pm_us") {
        true => ("usd", "us_bank_account"),
        false => ("eur", "sepa_debit"),
    };
    let body = format!(
        "amount=2000&currency={currency}&confirm=true&allowed_payment_method_types[]={kind}&payment_method={method}"
    );
    let made = stripe.post("/v1/payment_intents", &body).await;
    assert_eq!(made["status"], "processing", "{made}");
    made
}

#[tokio::test]
async fn an_intent_confirmed_with_a_card_pays_the_seller_and_the_platform() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let made = intent(&stripe, &seller, "&application_fee_amount=200")
        .await
        .body;
    assert_eq!(made["status"], "requires_payment_method", "{made}");
    let paid = act(
        &stripe,
        &seller,
        &made,
        "confirm",
        "payment_method=pm_card_visa",
    )
    .await;
    assert_eq!(
        (paid.status, &paid.body["status"]),
        (200, &json!("succeeded")),
        "{}",
        paid.body
    );
    assert_eq!(paid.body["amount_received"], 2000);
    let full = read(&stripe, &seller, &made).await;
    let txn = &full["latest_charge"]["balance_transaction"];
    // 2.9 % and 30, and the platform's 200.
    assert_eq!(
        (&txn["amount"], &txn["fee"], &txn["net"]),
        (&json!(2000), &json!(288), &json!(1712))
    );
    assert_eq!(
        full["latest_charge"]["payment_method"],
        full["payment_method"]
    );
    let again = act(
        &stripe,
        &seller,
        &made,
        "confirm",
        "payment_method=pm_card_visa",
    )
    .await;
    assert_eq!(again.error("code"), "payment_intent_unexpected_state");
    assert_eq!(again.body["error"]["payment_intent"]["status"], "succeeded");
    check_books(&stripe.simulator.oracle().await);
}

#[tokio::test]
async fn a_decline_is_402_with_the_intent_inside_and_can_be_tried_again() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let body = "&confirm=true&payment_method=pm_card_visa_chargeDeclinedInsufficientFunds";
    let refused = intent(&stripe, &seller, body).await;
    assert_eq!(refused.status, 402, "{}", refused.body);
    assert_eq!(refused.error("type"), "card_error");
    assert_eq!(refused.error("code"), "card_declined");
    assert_eq!(refused.error("decline_code"), "insufficient_funds");
    let inside = refused.body["error"]["payment_intent"].clone();
    assert_eq!(inside["status"], "requires_payment_method");
    assert_eq!(
        inside["last_payment_error"]["decline_code"],
        "insufficient_funds"
    );
    assert_eq!(refused.body["error"]["charge"], inside["latest_charge"]);
    // The attempt stays on record although the request was refused.
    let kept = read(&stripe, &seller, &inside).await;
    assert_eq!(kept["latest_charge"]["status"], "failed");
    let paid = act(
        &stripe,
        &seller,
        &inside,
        "confirm",
        "payment_method=pm_card_visa",
    )
    .await;
    assert_eq!(paid.body["status"], "succeeded", "{}", paid.body);
    let types = stripe.event_types(&seller).await;
    let mine: Vec<_> = types
        .iter()
        .filter(|t| t.starts_with("payment_intent") || t.starts_with("charge"))
        .map(String::as_str)
        .collect();
    assert_eq!(
        mine,
        [
            "payment_intent.created",
            "charge.failed",
            "payment_intent.payment_failed",
            "charge.succeeded",
            "payment_intent.succeeded"
        ]
    );
}

#[tokio::test]
async fn a_decline_is_replayed_under_its_key() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let body = format!("{CARD}&confirm=true&payment_method=pm_card_chargeDeclined");
    let headers = [
        ("Stripe-Account", seller.as_str()),
        ("Idempotency-Key", "k1"),
    ];
    let first = stripe
        .send("POST", "/v1/payment_intents", &body, &headers)
        .await;
    let second = stripe
        .send("POST", "/v1/payment_intents", &body, &headers)
        .await;
    assert_eq!((first.status, second.status), (402, 402));
    assert_eq!(first.body, second.body);
    assert_eq!(second.headers["idempotent-replayed"], "true");
    let all = stripe.get_on(&seller, "/v1/payment_intents").await;
    assert_eq!(all["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn three_d_secure_redirects_and_ends_either_way() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    for (outcome, status) in [
        ("complete", "succeeded"),
        ("fail", "requires_payment_method"),
    ] {
        let more = "&confirm=true&payment_method=pm_card_threeDSecure2Required&return_url=https://shop.example/back?x=1";
        let made = intent(&stripe, &seller, more).await.body;
        assert_eq!(made["status"], "requires_action", "{made}");
        let action = &made["next_action"]["redirect_to_url"];
        assert_eq!(action["return_url"], "https://shop.example/back?x=1");
        let url = action["url"].as_str().expect("url");
        let answer = stripe
            .http
            .post(url)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(format!("outcome={outcome}"))
            .send()
            .await
            .expect("answer");
        let back = answer.headers()["location"]
            .to_str()
            .expect("text")
            .to_owned();
        assert!(
            back.starts_with("https://shop.example/back?x=1&payment_intent=pi_"),
            "{back}"
        );
        assert!(back.contains(if outcome == "fail" {
            "redirect_status=failed"
        } else {
            "redirect_status=succeeded"
        }));
        assert_eq!(read(&stripe, &seller, &made).await["status"], status);
    }
}

#[tokio::test]
async fn off_session_a_card_that_wants_authentication_is_declined() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let more = "&confirm=true&off_session=true&payment_method=pm_card_authenticationRequired";
    let refused = intent(&stripe, &seller, more).await;
    assert_eq!(refused.status, 402);
    assert_eq!(refused.error("code"), "authentication_required");
    let more = "&confirm=true&off_session=true&payment_method=pm_card_authenticationRequiredSetupForOffSession";
    assert_eq!(
        intent(&stripe, &seller, more).await.body["status"],
        "succeeded"
    );
}

#[tokio::test]
async fn a_method_with_a_page_of_its_own_redirects_there() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let body = "amount=2000&currency=eur&allowed_payment_method_types[]=ideal&payment_method_data[type]=ideal&confirm=true";
    let headers = [("Stripe-Account", seller.as_str())];
    let refused = stripe
        .send("POST", "/v1/payment_intents", body, &headers)
        .await;
    assert_eq!(refused.error("param"), "return_url", "{}", refused.body);
    let body = format!("{body}&return_url=https://shop.example/back");
    for (outcome, status) in [
        ("complete", "succeeded"),
        ("fail", "requires_payment_method"),
    ] {
        let made = stripe.on(&seller, "/v1/payment_intents", &body).await;
        assert_eq!(made["next_action"]["type"], "redirect_to_url", "{made}");
        let id = made["id"].as_str().expect("id");
        let how = json!({ "outcome": outcome }).to_string();
        let path = format!("/_simulator/payment_intents/{id}/challenge");
        stripe.post(&path, &how).await;
        let ended = read(&stripe, &seller, &made).await;
        assert_eq!(ended["status"], status, "{ended}");
    }
    check_books(&stripe.simulator.oracle().await);
}

#[tokio::test]
async fn a_server_that_confirms_by_hand_confirms_again_after_the_challenge() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let more =
        "&confirmation_method=manual&confirm=true&payment_method=pm_card_authenticationRequired";
    let made = intent(&stripe, &seller, more).await.body;
    assert_eq!(made["next_action"]["type"], "use_stripe_sdk", "{made}");
    let id = made["id"].as_str().expect("id");
    let path = format!("/_simulator/payment_intents/{id}/challenge");
    let done = stripe.post(&path, r#"{"outcome":"complete"}"#).await;
    assert_eq!(done["status"], "requires_confirmation");
    let paid = act(&stripe, &seller, &made, "confirm", "").await.body;
    assert_eq!(paid["status"], "succeeded", "{paid}");
    let more =
        "&confirm=true&payment_method=pm_card_authenticationRequired&error_on_requires_action=true";
    let refused = intent(&stripe, &seller, more).await;
    assert_eq!(refused.error("decline_code"), "authentication_not_handled");
}

#[tokio::test]
async fn authenticated_and_declined_nevertheless() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let more = "&confirm=true&payment_method=pm_card_authenticationRequiredChargeDeclinedInsufficientFunds";
    let made = intent(&stripe, &seller, more).await.body;
    assert_eq!(made["status"], "requires_action", "{made}");
    let id = made["id"].as_str().expect("id");
    let path = format!("/_simulator/payment_intents/{id}/challenge");
    let ended = stripe.post(&path, r#"{"outcome":"complete"}"#).await;
    assert_eq!(ended["status"], "requires_payment_method");
    assert_eq!(
        ended["last_payment_error"]["decline_code"],
        "insufficient_funds"
    );
}

#[tokio::test]
async fn an_intent_is_changed_while_it_is_open_and_described_ever_after() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let made = intent(&stripe, &seller, "").await.body;
    let path = format!("/v1/payment_intents/{}", made["id"].as_str().expect("id"));
    let changed = stripe
        .on(&seller, &path, "amount=3000&payment_method=pm_card_visa&metadata[order]=7&shipping[name]=Ada&shipping[address][line1]=1 Way")
        .await;
    assert_eq!(
        (&changed["amount"], &changed["status"]),
        (&json!(3000), &json!("requires_confirmation"))
    );
    let paid = act(&stripe, &seller, &made, "confirm", "").await.body;
    assert_eq!(paid["amount_received"], 3000, "{paid}");
    let headers = [("Stripe-Account", seller.as_str())];
    let late = stripe.send("POST", &path, "amount=4000", &headers).await;
    assert_eq!(late.error("code"), "payment_intent_unexpected_state");
    assert_eq!(late.body["error"]["payment_intent"]["status"], "succeeded");
    let told = stripe
        .on(&seller, &path, "description=Tea&metadata[order]=")
        .await;
    assert_eq!(
        (&told["description"], &told["metadata"]),
        (&json!("Tea"), &json!({}))
    );
    let gone = act(&stripe, &seller, &made, "cancel", "").await;
    assert_eq!(gone.error("code"), "payment_intent_unexpected_state");
}

#[tokio::test]
async fn currencies_without_and_with_three_decimals() {
    let stripe = Stripe::start().await;
    for (amount, currency, code) in [
        (49, "jpy", "amount_too_small"),
        (1001, "kwd", "parameter_invalid_integer"),
        (1000, "kwd", ""),
        (50, "jpy", ""),
    ] {
        let body = format!(
            "amount={amount}&currency={currency}&confirm=true&payment_method=pm_card_visa&allowed_payment_method_types[]=card"
        );
        let answer = stripe.send("POST", "/v1/payment_intents", &body, &[]).await;
        assert_eq!(answer.error("code"), code, "{}", answer.body);
        if code.is_empty() {
            assert_eq!(answer.body["amount_received"], amount);
        }
    }
    check_books(&stripe.simulator.oracle().await);
}

#[tokio::test]
async fn what_can_never_be_paid_is_refused_by_name() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let on_seller = [("Stripe-Account", seller.as_str())];
    for (body, param, code) in [
        ("amount=10&currency=eur", "amount", "amount_too_small"),
        (
            "amount=100000000&currency=eur",
            "amount",
            "amount_too_large",
        ),
        ("amount=2000&currency=xxx", "currency", ""),
        (
            "amount=2000&currency=eur&application_fee_amount=2001",
            "application_fee_amount",
            "",
        ),
        (
            "amount=2000&currency=eur&customer=cus_none",
            "customer",
            "resource_missing",
        ),
        (
            "amount=2000&currency=eur&payment_method=pm_none",
            "payment_method",
            "resource_missing",
        ),
        (
            "amount=2000&currency=eur&off_session=true",
            "off_session",
            "",
        ),
        (
            "amount=2000&currency=eur&confirm=true&payment_method=pm_card_visa",
            "return_url",
            "",
        ),
        (
            "amount=2000&currency=eur&colour=red",
            "colour",
            "parameter_unknown",
        ),
    ] {
        let path = "/v1/payment_intents";
        let answer = stripe.send("POST", path, body, &on_seller).await;
        assert!((400..=404).contains(&answer.status), "{body}");
        assert_eq!(
            (answer.error("param"), answer.error("code")),
            (param, code),
            "{body}: {}",
            answer.body
        );
    }
    let platform = stripe
        .send(
            "POST",
            "/v1/payment_intents",
            "amount=2000&currency=eur&application_fee_amount=5",
            &[],
        )
        .await;
    assert_eq!(platform.error("param"), "application_fee_amount");
    let all = stripe.get_on(&seller, "/v1/payment_intents").await;
    assert_eq!(all["data"], json!([]), "nothing is half made");
}

#[tokio::test]
async fn real_and_expired_cards_are_refused() {
    let stripe = Stripe::start().await;
    let real = "type=card&card[number]=4111111111111111&card[exp_month]=1&card[exp_year]=40";
    let refused = stripe.send("POST", "/v1/payment_methods", real, &[]).await;
    assert_eq!(
        (refused.status, refused.error("code")),
        (402, "card_declined")
    );
    let old = "type=card&card[number]=4242424242424242&card[exp_month]=1&card[exp_year]=20";
    let refused = stripe.send("POST", "/v1/payment_methods", old, &[]).await;
    assert_eq!(refused.error("code"), "invalid_expiry_year");
}

#[tokio::test]
async fn of_many_confirms_at_once_one_pays() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let made = intent(&stripe, &seller, "").await.body;
    let confirms = (0..20).map(|_| {
        act(
            &stripe,
            &seller,
            &made,
            "confirm",
            "payment_method=pm_card_visa",
        )
    });
    let mut paid = 0;
    for answer in futures_util::future::join_all(confirms).await {
        match answer.status {
            200 => paid += 1,
            _ => assert_eq!(answer.error("code"), "payment_intent_unexpected_state"),
        }
    }
    assert_eq!(paid, 1);
    let charges = stripe.get_on(&seller, "/v1/charges").await;
    assert_eq!(charges["data"].as_array().map(Vec::len), Some(1));
}

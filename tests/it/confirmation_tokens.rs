//! Payment intents that are confirmed on the server, with what the buyer entered on a page of one's own.

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{Answer, Checkout, Has, Shop, TestApp, checkout_from, lines_of, text};

async fn lamps(app: &TestApp) -> (Shop, String) {
    let shop = app.shop("mira").await;
    let product = app.product(&shop, 5000, Some(5)).await;
    (shop, product)
}

/// As Stripe.js makes one on the seller's account.
async fn token(app: &TestApp, account: &str, method: &str) -> String {
    let form = [("payment_method", method)];
    let path = "/test_helpers/confirmation_tokens";
    text(&app.stripe_api("POST", path, account, &form).await, "id")
}

fn guests(product: &str, more: Value) -> Value {
    let mut body =
        json!({ "lines": lines_of(&[(product, 2)]), "customer_email": "sam@example.com" });
    for (name, value) in more.as_object().expect("fields") {
        body[name] = value.clone();
    }
    body
}

async fn open(app: &TestApp, product: &str, more: Value) -> (Value, Checkout) {
    let body = guests(product, more);
    let intent = app.post("/v1/payment_intents", body).expect(201).await;
    let checkout = checkout_from(&intent);
    (intent, checkout)
}

async fn confirm(app: &TestApp, checkout: &Checkout, token: &str) -> Answer {
    let path = format!("/v1/payment_intents/{}/confirm", checkout.id);
    let secret = checkout.secret.clone().expect("a guest's");
    let call = app.post(path, json!({ "confirmation_token": token }));
    call.with_secret(&secret).await
}

/// The charges that an intent has brought.
async fn charges(app: &TestApp, shop: &Shop, checkout: &Checkout) -> usize {
    let path = format!("/charges?payment_intent={}", checkout.id);
    let list = app.stripe_api("GET", &path, &shop.account, &[]).await;
    list["data"].as_array().expect("a list").len()
}

#[tokio::test]
async fn an_order_is_placed_and_paid_in_one_request() {
    let app = TestApp::start().await;
    let (shop, product) = lamps(&app).await;
    let ctoken = token(&app, &shop.account, "pm_card_visa").await;
    let body = guests(&product, json!({ "confirmation_token": ctoken }));
    let ask = || app.post("/v1/payment_intents", body.clone()).keyed("one");
    let intent = ask().expect(201).await;
    intent.has(json!({
        "status": "succeeded", "amount_received": 10_000, "client_secret": null, "next_action": null, "last_error": null,
    }));
    assert!(intent["order_secret"].is_string());
    assert_eq!(ask().expect(201).await["id"], intent["id"]);
    let checkout = checkout_from(&intent);
    app.settle().await;
    app.order(&checkout).await.has(json!({ "status": "paid" }));
    assert_eq!(charges(&app, &shop, &checkout).await, 1);
    assert_eq!(app.stock(&product).await, 3);
    app.until_transactions_show(&shop.account).await;
    app.settle().await;
    app.books_equal_stripe().await;
    assert_eq!(app.open_findings().await, []);
}

#[tokio::test]
async fn after_a_decline_another_token_pays_the_same_intent() {
    let app = TestApp::start().await;
    let (shop, product) = lamps(&app).await;
    let declined = token(&app, &shop.account, "pm_card_chargeDeclinedStolenCard").await;
    let (intent, checkout) = open(&app, &product, json!({ "confirmation_token": declined })).await;
    intent.has(json!({ "status": "open", "amount_received": 0, "next_action": null }));
    intent["last_error"].has(json!({ "code": "card_declined", "decline_code": "generic_decline" }));
    app.settle().await;
    app.order(&checkout)
        .await
        .has(json!({ "status": "pending" }));

    // The token has confirmed already, so it says nothing new.
    let again = confirm(&app, &checkout, &declined).await;
    again.expect(200).has(json!({ "status": "open" }));
    let poor = token(
        &app,
        &shop.account,
        "pm_card_chargeDeclinedInsufficientFunds",
    )
    .await;
    let answer = confirm(&app, &checkout, &poor).await;
    answer.expect(200)["last_error"].has(json!({ "decline_code": "insufficient_funds" }));
    let good = token(&app, &shop.account, "pm_card_visa").await;
    let answer = confirm(&app, &checkout, &good).await;
    answer
        .expect(200)
        .has(json!({ "status": "succeeded", "last_error": null }));
    // However often: paid is paid.
    let more = token(&app, &shop.account, "pm_card_visa").await;
    confirm(&app, &checkout, &more)
        .await
        .expect(200)
        .has(json!({ "status": "succeeded" }));
    app.settle().await;
    app.order(&checkout)
        .await
        .has(json!({ "status": "paid", "amount_total": 10_000 }));
    assert_eq!(app.stock(&product).await, 3);
}

#[tokio::test]
async fn a_bank_that_wants_to_see_the_buyer_is_told_with_where_to_go() {
    let app = TestApp::start().await;
    let (shop, product) = lamps(&app).await;
    let ctoken = token(&app, &shop.account, "pm_card_authenticationRequired").await;
    let back = format!(
        "{}/done",
        app.app.config.public_url.as_str().trim_end_matches('/')
    );
    let more = json!({ "confirmation_token": ctoken, "return_url": back });
    let (intent, checkout) = open(&app, &product, more).await;
    intent.has(json!({ "status": "open", "last_error": null }));
    // Stripe.js goes on by the client secret (`handleNextAction`).
    intent["next_action"].has(json!({ "type": "use_stripe_sdk", "url": null }));
    assert!(intent["client_secret"].is_string());
    let secret = checkout.secret.clone().expect("a guest's");
    let read = app.get(format!("/v1/payment_intents/{}", checkout.id));
    let read = read.with_secret(&secret).expect(200).await;
    assert_eq!(read["next_action"], intent["next_action"]);
    let seen = app.get(format!("/v1/payment_intents/{}", checkout.id));
    let seen = seen.by(&shop.owner).expect(200).await;
    assert_eq!(seen["next_action"], json!(null));
    let path = format!("/payment_intents/{}/challenge", checkout.id);
    app.simulate(&path, json!({ "outcome": "complete" })).await;
    let path = format!("/v1/payment_intents/{}/verify", checkout.id);
    let verified = app.post(path, json!({})).expect(200).await;
    verified.has(json!({ "success": true, "status": "paid" }));
    app.settle().await;
}

#[tokio::test]
async fn a_confirmation_without_an_answer_charges_once() {
    for kind in [
        FaultKind::CommitThenTimeout,
        FaultKind::TimeoutBeforeCommit,
        FaultKind::CommitThenError500,
    ] {
        let app = TestApp::start().await;
        let (shop, product) = lamps(&app).await;
        let ctoken = token(&app, &shop.account, "pm_card_visa").await;
        let (_, checkout) = open(&app, &product, json!({})).await;
        let path = format!("/v1/payment_intents/{}", checkout.id);
        app.fault("POST", &path, kind, None).await;
        let unknown = confirm(&app, &checkout, &ctoken).await;
        assert_eq!(unknown.status, 503, "{kind:?}: {}", unknown.text);
        app.simulator.clear_faults().await;
        app.advance(60).await;
        let answer = confirm(&app, &checkout, &ctoken).await;
        // A 500 that Stripe saved is repeated; what the intent is, is not.
        if kind != FaultKind::CommitThenError500 {
            answer.expect(200).has(json!({ "status": "succeeded" }));
        }
        app.settle().await;
        app.order(&checkout).await.has(json!({ "status": "paid" }));
        assert_eq!(charges(&app, &shop, &checkout).await, 1, "{kind:?}");
    }
}

#[tokio::test]
async fn a_double_click_charges_once() {
    let app = TestApp::start().await;
    let (shop, product) = lamps(&app).await;
    let (_, checkout) = open(&app, &product, json!({})).await;
    let mut tokens = vec![];
    for _ in 0..4 {
        tokens.push(token(&app, &shop.account, "pm_card_visa").await);
    }
    let twice: Vec<_> = tokens.iter().chain(&tokens).collect();
    let all = twice
        .into_iter()
        .map(|token| confirm(&app, &checkout, token));
    for answer in futures_util::future::join_all(all).await {
        answer.expect(200).has(json!({ "status": "succeeded" }));
    }
    app.settle().await;
    assert_eq!(charges(&app, &shop, &checkout).await, 1);
    assert_eq!(app.stock(&product).await, 3);
    assert_eq!(app.open_findings().await, []);
}

#[tokio::test]
async fn what_cannot_be_confirmed_is_refused_by_name() {
    let app = TestApp::start().await;
    let (shop, product) = lamps(&app).await;
    let other = app.shop("olga").await;
    let used = token(&app, &shop.account, "pm_card_visa").await;
    open(&app, &product, json!({ "confirmation_token": used })).await;
    let (_, checkout) = open(&app, &product, json!({})).await;
    let foreign = token(&app, &other.account, "pm_card_visa").await;
    for wrong in [used.as_str(), foreign.as_str(), "ctoken_none", ""] {
        let refused = confirm(&app, &checkout, wrong).await;
        assert_eq!(refused.status, 422, "{wrong}: {}", refused.text);
        assert_eq!(refused.body["param"], "confirmation_token");
    }
    // The order is placed by then, so the buyer goes on with it.
    let (intent, _) = open(&app, &product, json!({ "confirmation_token": used })).await;
    intent.has(json!({ "status": "open" }));
    intent["last_error"].has(json!({ "code": "confirmation_token_invalid" }));
    let ask = |more: Value| app.post("/v1/payment_intents", guests(&product, more));
    let orders = app.count("orders").await;
    ask(json!({ "return_url": "https://shop.test/" }))
        .refuses_field("return_url")
        .await;
    ask(json!({ "confirmation_token": foreign, "return_url": "https://evil.example/" }))
        .refuses_field("return_url")
        .await;
    ask(json!({ "confirmation_token": foreign, "payment_method": "pm_1" }))
        .refuses_field("confirmation_token")
        .await;
    assert_eq!(app.count("orders").await, orders);

    let good = token(&app, &shop.account, "pm_card_visa").await;
    let path = format!("/v1/payment_intents/{}/confirm", checkout.id);
    let body = json!({ "confirmation_token": good });
    app.post(&path, body.clone())
        .by(&shop.owner)
        .refused(403, "forbidden")
        .await;
    app.post(&path, body.clone())
        .refused(401, "unauthenticated")
        .await;
    app.post(&path, body.clone())
        .by(&other.owner)
        .refused(404, "not_found")
        .await;
    let secret = checkout.secret.clone().expect("a guest's");
    let cancel = format!("/v1/payment_intents/{}/cancel", checkout.id);
    app.post(cancel, json!({}))
        .with_secret(&secret)
        .expect(200)
        .await;
    app.post(&path, body)
        .with_secret(&secret)
        .refused(409, "payment_intent_not_open")
        .await;
    app.settle().await;
}

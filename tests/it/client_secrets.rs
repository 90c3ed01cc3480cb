//! Stripe's client secrets are the buyer's browser's alone: none that comes here is kept, logged or said again.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

use crate::harness::{Answer, Has, Shop, TestApp, checkout_from, lines_of, text};

/// All that is logged, as one text.
#[derive(Clone, Default)]
pub struct Logged(Arc<Mutex<String>>);

impl Visit for &Logged {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let mut all = self.0.lock().expect("nobody panicked");
        *all += &format!("{field}={value:?} ");
    }
}

impl<S: tracing::Subscriber> Layer<S> for Logged {
    fn on_new_span(
        &self,
        span: &tracing::span::Attributes<'_>,
        _: &tracing::span::Id,
        _: Context<'_, S>,
    ) {
        span.record(&mut &*self);
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        event.record(&mut &*self);
    }
}

impl Logged {
    pub fn text(&self) -> String {
        self.0.lock().expect("nobody panicked").clone()
    }
}

/// An open intent, by its id and its client secret.
async fn intent(app: &TestApp, product: &str) -> (Value, String) {
    let body = json!({ "lines": lines_of(&[(product, 1)]), "customer_email": "sam@example.com" });
    let intent = app.post("/v1/payment_intents", body).expect(201).await;
    let secret = text(&intent, "client_secret");
    (intent, secret)
}

/// As Stripe.js does, with a card for which the bank wants more.
async fn confirm(app: &TestApp, shop: &Shop, intent: &str) -> Value {
    let path = format!("/payment_intents/{intent}/confirm");
    let form = [
        ("payment_method", "pm_card_threeDSecure2Required"),
        ("return_url", "http://shop.test/"),
    ];
    app.stripe_api("POST", &path, &shop.account, &form).await
}

fn is_refused(answer: &Answer, param: Option<&str>, secret: &str) {
    let problem = answer.refused(400, "client_secret_refused");
    problem.has(json!({ "param": param }));
    assert!(!answer.text.contains(secret), "{}", answer.text);
}

#[tokio::test]
async fn a_client_secret_in_an_address_is_refused_and_not_logged() {
    let logged = Logged::default();
    let subscriber = tracing_subscriber::registry().with(logged.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let product = app.product(&shop, 5000, Some(5)).await;
    let (_, secret) = intent(&app, &product).await;
    let session = json!({
        "lines": lines_of(&[(&product, 1)]), "customer_email": "sam@example.com", "ui_mode": "elements",
    });
    let session = app.post("/v1/checkout_sessions", session).expect(201).await;
    let of_session = text(&session, "client_secret");
    for (collection, secret) in [
        ("payment_intents", &secret),
        ("checkout_sessions", &of_session),
        ("orders", &secret),
        ("refunds", &secret),
    ] {
        let hidden = secret.replace('_', "%5F");
        for id in [secret, &hidden] {
            let answer = app.get(format!("/v1/{collection}/{id}"));
            is_refused(&answer.by(&shop.owner).await, None, id);
        }
    }
    for (collection, secret) in [
        ("payment_intents", &secret),
        ("checkout_sessions", &of_session),
    ] {
        let path = format!("/v1/{collection}/{secret}/verify");
        is_refused(&app.post(path, json!({})).await, None, secret);
    }
    let list = app.get(format!("/v1/refunds?order_id={secret}"));
    is_refused(&list.by(&shop.owner).await, Some("order_id"), &secret);
    // Stripe itself puts it into the address that a buyer comes back to, where it is taken and passed over.
    let back = format!(
        "/checkout/success?payment_intent={}&payment_intent_client_secret={secret}",
        secret.split("_secret_").next().expect("an id")
    );
    let page = app.get(back).await;
    assert_eq!(page.status, 200);
    assert!(!page.text.contains("_secret_"), "{}", page.text);
    let answer = app.get("/healthz").header("x-request-id", &secret).await;
    assert_ne!(answer.headers["x-request-id"], secret.as_str());
    let logged = logged.text();
    assert!(logged.contains("/v1/payment_intents/pi_"), "{logged}");
    for secret in [&secret, &of_session] {
        let hidden = secret.replace('_', "%5F");
        for text in [secret, &hidden] {
            assert!(!logged.contains(text.as_str()), "{logged}");
        }
    }
    app.settle().await;
}

#[tokio::test]
async fn a_client_secret_in_a_body_or_a_key_is_refused_by_name_and_not_kept() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let product = app.product(&shop, 5000, Some(5)).await;
    let (open, secret) = intent(&app, &product).await;
    let new = |name: &str, value: Value| {
        let mut body =
            json!({ "lines": lines_of(&[(&product, 1)]), "customer_email": "sam@example.com" });
        body[name] = value;
        app.post("/v1/payment_intents", body)
    };
    let page = format!("https://shop.test/?payment_intent_client_secret={secret}");
    let name = format!("metadata.{}_secret_***", text(&open, "id"));
    for (field, value, param) in [
        ("client_secret", json!(secret), "client_secret"),
        ("metadata", json!({ "page": page }), "metadata.page"),
        (
            "lines",
            json!([{ "product_id": secret, "quantity": 1 }]),
            "lines[0].product_id",
        ),
        ("metadata", json!({ secret.as_str(): "x" }), name.as_str()),
    ] {
        is_refused(&new(field, value).await, Some(param), &secret);
    }
    let keyed = new("metadata", json!({})).keyed(&secret);
    is_refused(&keyed.await, Some("Idempotency-Key"), &secret);
    assert_eq!(app.count("orders").await, 1);
    assert_eq!(app.count("idempotency_keys").await, 0);
    app.settle().await;
}

#[tokio::test]
async fn an_event_is_kept_without_the_client_secret_that_it_carries() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let product = app.product(&shop, 5000, Some(5)).await;
    let (open, secret) = intent(&app, &product).await;
    let checkout = checkout_from(&open);
    confirm(&app, &shop, &checkout.id).await;
    let waiting = app.pending_one("payment_intent.requires_action").await;
    assert_eq!(waiting["data"]["object"]["client_secret"], secret.as_str());
    app.settle().await;
    let kept = |what: &str| format!("inbox_events WHERE payload LIKE '%{what}%'");
    assert_eq!(app.count(&kept(&secret)).await, 0);
    let masked = format!("{}_secret_***", checkout.id);
    assert!(app.count(&kept(&masked)).await > 0);
    let path = format!("/payment_intents/{}/challenge", checkout.id);
    app.simulate(&path, json!({ "outcome": "complete" })).await;
    app.settle().await;
    app.order(&checkout).await.has(json!({ "status": "paid" }));
}

//! Stripe's test cards (docs.stripe.com/testing), each by every way to pay: what the order, the payment and its last error must be,
//! and what a buyer is told. docs/test-cards.md is made of this table.

mod page;
mod table;

use serde_json::{Value, json};

use crate::harness::{Checkout, Has, Shop, TestApp, User, checkout_from, lines_of, text};
use table::{After, CARDS, Card, Decline, NOT_AUTHENTICATED, OffSession, OnSession, SEES_BUYER};

/// Where the buyer is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Hosted,
    Elements,
    Intent,
}

const PENDING: &str = "The payment is still being confirmed.";

struct Scene {
    app: TestApp,
    shop: Shop,
    lamp: String,
}

/// A shop that has money already, so that disputes and refunds are covered.
async fn scene() -> Scene {
    let app = TestApp::with(&[("STRIPE_PUBLISHABLE_KEY", "pk_test_suite")]).await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 5000, None).await;
    let form = [
        ("amount", "900000"),
        ("currency", "usd"),
        ("confirm", "true"),
        ("payment_method", "pm_card_bypassPending"),
        ("return_url", "http://shop.test/"),
    ];
    app.stripe_api("POST", "/payment_intents", &shop.account, &form)
        .await;
    app.settle().await;
    Scene { app, shop, lamp }
}

impl Scene {
    async fn open(&self, way: Way) -> Checkout {
        let mut body =
            json!({ "lines": lines_of(&[(&self.lamp, 1)]), "customer_email": "sam@example.com" });
        let path = match way {
            Way::Hosted => "/v1/checkout_sessions",
            Way::Elements => {
                body["ui_mode"] = json!("elements");
                "/v1/checkout_sessions"
            }
            Way::Intent => "/v1/payment_intents",
        };
        checkout_from(&self.app.post(path, body).expect(201).await)
    }

    /// The buyer sends the page off. `challenge`: what they answer their bank, if it asks. The code of the error that the page
    /// shows.
    async fn pay(
        &self,
        way: Way,
        checkout: &Checkout,
        card: &Card,
        challenge: Option<&str>,
    ) -> Option<String> {
        let app = &self.app;
        if way != Way::Intent {
            let mut how = json!({ "card": card.number });
            if let Some(challenge) = challenge {
                how["challenge"] = json!(challenge);
            }
            let paid = app.pay_with(checkout, how).await;
            return paid["error"]["code"].as_str().map(str::to_owned);
        }
        let path = format!("/payment_intents/{}/confirm", checkout.id);
        let method = format!("pm_card_{}", card.name);
        let form = [
            ("payment_method", method.as_str()),
            ("return_url", "http://shop.test/"),
        ];
        let confirmed = app
            .attempt_stripe("POST", &path, &self.shop.account, &form)
            .await;
        let refused = |text: String| {
            let body: Value = serde_json::from_str(&text).expect("JSON");
            let error = &body["error"];
            let code = error["decline_code"].as_str().or(error["code"].as_str());
            code.expect("a code").to_owned()
        };
        match (confirmed, challenge) {
            (Err(text), _) => Some(refused(text)),
            (Ok(intent), Some(challenge)) => {
                intent.has(json!({ "status": "requires_action" }));
                let path = format!("/payment_intents/{}/challenge", checkout.id);
                let answered = app.simulate(&path, json!({ "outcome": challenge })).await;
                let error = &answered["last_payment_error"];
                let code = error["decline_code"].as_str().or(error["code"].as_str());
                code.map(str::to_owned)
            }
            (Ok(_), None) => None,
        }
    }

    async fn verify(&self, way: Way, checkout: &Checkout) -> Value {
        let kind = match way {
            Way::Intent => "payment_intents",
            _ => "checkout_sessions",
        };
        let path = format!("/v1/{kind}/{}/verify", checkout.id);
        self.app.post(path, json!({})).expect(200).await
    }

    /// Fails unless the order waits, and whoever may know is told why.
    async fn is_declined(&self, way: Way, checkout: &Checkout, decline: &Decline) {
        let app = &self.app;
        app.settle().await;
        let order = app.order(checkout).await;
        order.has(json!({ "status": "pending", "amount_total": null }));
        let verified = self.verify(way, checkout).await;
        verified.has(json!({ "success": false, "status": "pending" }));
        if way != Way::Intent {
            // Stripe's own form has told the buyer.
            assert_eq!(text(&verified, "message"), PENDING);
            return;
        }
        assert_eq!(text(&verified, "message"), decline.says, "{decline:?}");
        let path = format!("/v1/payment_intents/{}", checkout.id);
        let secret = checkout.secret.as_deref().expect("a guest's");
        let seen = app.get(&path).with_secret(secret).expect(200).await;
        seen.has(json!({ "status": "open", "last_error": {
            "code": decline.code, "decline_code": decline.shown, "message": decline.says,
        } }));
        let owner = app.login(&self.shop.owner).await;
        let seen = app.get(&path).by(&owner).expect(200).await;
        seen.has(json!({ "last_error": {
            "code": decline.code, "decline_code": decline.decline_code, "message": decline.says,
        } }));
    }

    async fn is_paid(&self, way: Way, checkout: &Checkout) {
        let app = &self.app;
        app.settle().await;
        app.order(checkout).await.has(json!({
            "status": "paid", "amount_total": 5000, "application_fee_amount": 500,
        }));
        let verified = self.verify(way, checkout).await;
        verified.has(json!({ "success": true, "status": "paid" }));
        assert_eq!(text(&verified, "message"), "The payment is confirmed.");
        if way == Way::Intent {
            let path = format!("/v1/payment_intents/{}", checkout.id);
            let secret = checkout.secret.as_deref().expect("a guest's");
            let seen = app.get(&path).with_secret(secret).expect(200).await;
            seen.has(json!({ "status": "succeeded", "amount_received": 5000, "last_error": null }));
        }
    }

    /// Fails unless what the card does after the payment is known here.
    async fn has_aftermath(&self, payment: &str, order: &str, after: After) {
        let app = &self.app;
        match after {
            After::Nothing => {}
            After::Disputed { status, reason } => {
                let told = format!(
                    "SELECT status || ' ' || reason AS it FROM disputes WHERE payment_id = '{payment}'"
                );
                let told: String = app.query(&told).await;
                assert_eq!(told, format!("{status} {reason}"));
            }
            After::Suspected => {
                let told = format!("early_fraud_warnings WHERE payment_id = '{payment}'");
                assert_eq!(app.count(&told).await, 1);
            }
            After::RefundIs { first, then } => {
                let owner = app.login(&self.shop.owner).await;
                let body = json!({ "order_id": order });
                let refund = app.post("/v1/refunds", body).by(&owner).expect(201).await;
                app.settle().await;
                let path = format!("/v1/refunds/{}", text(&refund, "id"));
                let read = app.get(&path).by(&owner).expect(200).await;
                read.has(json!({ "status": first }));
                let there = text(&read, "stripe_refund");
                let ends = match then {
                    "succeeded" => "succeed",
                    _ => "fail",
                };
                app.simulate(&format!("/refunds/{there}/{ends}"), json!({}))
                    .await;
                app.settle().await;
                let read = app.get(&path).by(&owner).expect(200).await;
                read.has(json!({ "status": then }));
            }
        }
    }

    /// The findings that the cards must have caused, and no others.
    async fn end(&self, played: &[&Card]) {
        let app = &self.app;
        app.until_transactions_show(&self.shop.account).await;
        app.settle().await;
        app.books_equal_stripe().await;
        let mut wanted: Vec<&str> = played
            .iter()
            .filter_map(|card| card.after.finding())
            .collect();
        wanted.sort_unstable();
        let mut open: Vec<String> = app.open_findings().await.into_iter().map(|f| f.0).collect();
        open.sort();
        assert_eq!(open, wanted);
    }
}

/// Each card is used once by a buyer who is there. What it doesn't pay, another card does, in the same session or intent.
async fn every_card_does_what_the_table_says(way: Way) {
    let scene = scene().await;
    for card in &CARDS {
        let checkout = scene.open(way).await;
        let pay = async |card, challenge| scene.pay(way, &checkout, card, challenge).await;
        let declined = match card.on_session {
            OnSession::Pays => {
                assert_eq!(pay(card, None).await, None, "{}", card.number);
                None
            }
            OnSession::Declines(decline) => {
                assert_eq!(pay(card, None).await.as_deref(), decline.reason());
                Some(decline)
            }
            OnSession::Asks(after) => {
                let failed = pay(card, Some("fail")).await;
                assert_eq!(failed.as_deref(), NOT_AUTHENTICATED.reason());
                scene.is_declined(way, &checkout, &NOT_AUTHENTICATED).await;
                let answered = pay(card, Some("complete")).await;
                assert_eq!(answered.as_deref(), after.and_then(Decline::reason));
                after
            }
        };
        if let Some(decline) = declined {
            scene.is_declined(way, &checkout, decline).await;
            // The first card of the table works. Verify asks Stripe again after two seconds.
            scene.app.advance(3).await;
            assert_eq!(pay(&CARDS[0], None).await, None);
        }
        scene.is_paid(way, &checkout).await;
        let after = card.after;
        scene
            .has_aftermath(&checkout.payment, &checkout.order, after)
            .await;
    }
    scene.end(&CARDS.iter().collect::<Vec<_>>()).await;
}

#[tokio::test]
async fn every_test_card_on_stripes_page() {
    every_card_does_what_the_table_says(Way::Hosted).await;
}

#[tokio::test]
async fn every_test_card_in_a_form_of_ones_own() {
    every_card_does_what_the_table_says(Way::Elements).await;
}

#[tokio::test]
async fn every_test_card_by_an_intent() {
    every_card_does_what_the_table_says(Way::Intent).await;
}

/// A buyer saves the card, and answers the bank if it asks; as the buyer sees it.
async fn save(scene: &Scene, sam: &User, card: &Card) -> Value {
    let (app, name) = (&scene.app, format!("pm_card_{}", card.name));
    let setup = app.save_card(sam, &scene.shop, &name).await;
    let path = format!("/setup_intents/{setup}/challenge");
    app.try_simulate(&path, json!({ "outcome": "complete" }))
        .await
        .ok();
    app.settle().await;
    let path = format!("/v1/setup_intents/{setup}");
    app.get(path).by(sam).expect(200).await
}

#[tokio::test]
async fn every_test_card_while_its_buyer_is_not_there() {
    let scene = scene().await;
    let app = &scene.app;
    let sam = app.member("sam").await;
    let mut played = vec![];
    for card in &CARDS {
        let setup = save(&scene, &sam, card).await;
        if let OffSession::Unsaved = card.off_session {
            let OnSession::Declines(decline) = card.on_session else {
                panic!("{} is declined", card.number);
            };
            setup.has(
                json!({ "status": "open", "payment_method": null, "last_error": {
                "code": decline.code, "decline_code": decline.shown, "message": decline.says_of_setup(),
            } }),
            );
            continue;
        }
        setup.has(json!({ "status": "succeeded", "last_error": null }));
        let body = json!({
            "customer_id": setup["customer_id"], "payment_method": setup["payment_method"],
            "lines": lines_of(&[(&scene.lamp, 1)]),
        });
        let owner = app.login(&scene.shop.owner).await;
        let charge = app.post("/v1/off_session_payments", body).by(&owner);
        let charge = charge.expect(201).await;
        app.settle().await;
        let path = format!("/v1/off_session_payments/{}", text(&charge, "id"));
        let charge = app.get(path).by(&owner).expect(200).await;
        let order = format!("/v1/orders/{}", text(&charge, "order_id"));
        let order = app.get(order).by(&sam).expect(200).await;
        let (status, decline, ordered) = match card.off_session {
            OffSession::Pays => ("succeeded", None, "paid"),
            OffSession::AsksBuyer => ("needs_buyer", Some(&SEES_BUYER), "pending"),
            OffSession::Retried(decline) => ("trying", Some(decline), "pending"),
            OffSession::Unsaved => continue,
        };
        let error = decline.map_or(Value::Null, |decline| {
            json!({ "code": decline.code, "decline_code": decline.decline_code, "message": decline.says })
        });
        charge.has(json!({ "status": status, "last_error": error }));
        order.has(json!({ "status": ordered }));
        assert_eq!(charge["next_try_at"].is_string(), status == "trying");
        if status == "succeeded" {
            let (payment, order) = (text(&charge, "id"), text(&charge, "order_id"));
            scene.has_aftermath(&payment, &order, card.after).await;
            played.push(card);
        }
    }
    scene.end(&played).await;
}

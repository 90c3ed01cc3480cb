//! Saved cards in payments, and charges on them while the buyer isn't there.

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{Checkout, Has, Shop, TestApp, User, checkout_from, lines_of, text};

const DAY: i64 = 86_400;

/// A shop with lamps of 50.00, and a buyer who has saved a card there and agreed to be charged.
struct Scene {
    app: TestApp,
    shop: Shop,
    sam: User,
    lamp: String,
    card: String,
    customer: String,
}

async fn scene(named: &str) -> Scene {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let sam = app.member("sam").await;
    let lamp = app.product(&shop, 5000, Some(5)).await;
    let (card, customer) = save(&app, &sam, &shop, named).await;
    Scene {
        app,
        shop,
        sam,
        lamp,
        card,
        customer,
    }
}

/// Saves a card, confirming it where the bank wants that; its id and the customer's.
async fn save(app: &TestApp, buyer: &User, shop: &Shop, named: &str) -> (String, String) {
    let setup = app.save_card(buyer, shop, named).await;
    let path = format!("/setup_intents/{setup}/challenge");
    app.try_simulate(&path, json!({ "outcome": "complete" }))
        .await
        .ok();
    app.settle().await;
    let path = format!("/v1/setup_intents/{setup}");
    let setup = app.get(path).by(buyer).expect(200).await;
    (text(&setup, "payment_method"), text(&setup, "customer_id"))
}

impl Scene {
    async fn charge(&self) -> Value {
        let body = json!({
            "customer_id": self.customer, "payment_method": self.card, "lines": lines_of(&[(&self.lamp, 1)]),
        });
        let made = self.app.post("/v1/off_session_payments", body);
        made.by(&self.shop.owner).expect(201).await
    }

    async fn read(&self, charge: &Value) -> Value {
        let owner = self.app.login(&self.shop.owner).await;
        let path = format!("/v1/off_session_payments/{}", text(charge, "id"));
        self.app.get(path).by(&owner).expect(200).await
    }

    async fn order(&self, charge: &Value) -> Value {
        let sam = self.app.login(&self.sam).await;
        let path = format!("/v1/orders/{}", text(charge, "order_id"));
        self.app.get(path).by(&sam).expect(200).await
    }

    /// How many charges Stripe has made on the shop's account that were paid.
    async fn paid_at_stripe(&self) -> usize {
        let charges = self
            .app
            .stripe_api("GET", "/charges", &self.shop.account, &[]);
        let charges = charges.await;
        let all = charges["data"].as_array().expect("a list").iter();
        all.filter(|charge| charge["paid"] == true).count()
    }

    async fn sweep(&self) {
        let swept = souk::payments::off_session::sweep(&self.app.app).await;
        swept.expect("sweeps");
        self.app.settle().await;
    }
}

/// As Stripe.js does for a buyer, with the client secret alone.
async fn confirm(app: &TestApp, shop: &Shop, intent: &str, form: &[(&str, &str)]) {
    let path = format!("/payment_intents/{intent}/confirm");
    let mut form = form.to_vec();
    form.push(("return_url", "http://shop.test/"));
    app.attempt_stripe("POST", &path, &shop.account, &form)
        .await
        .ok();
}

async fn open(app: &TestApp, buyer: &User, body: Value) -> Checkout {
    let intent = app.post("/v1/payment_intents", body).by(buyer).expect(201);
    checkout_from(&intent.await)
}

#[tokio::test]
async fn a_saved_card_pays_an_intent_of_its_buyer() {
    let scene = scene("pm_card_visa").await;
    let (app, sam) = (&scene.app, &scene.sam);
    let body = json!({ "lines": lines_of(&[(&scene.lamp, 1)]), "payment_method": scene.card });
    let checkout = open(app, sam, body).await;
    let path = format!("/payment_intents/{}", checkout.id);
    let there = app.stripe_api("GET", &path, &scene.shop.account, &[]).await;
    assert_eq!(there["payment_method"], scene.card.as_str());
    assert!(there["customer"].is_string(), "{there}");
    confirm(app, &scene.shop, &checkout.id, &[]).await;
    app.settle().await;
    let path = format!("/v1/orders/{}", checkout.order);
    app.get(path)
        .by(sam)
        .expect(200)
        .await
        .has(json!({ "status": "paid", "amount_total": 5000 }));
    app.until_transactions_show(&scene.shop.account).await;
    app.settle().await;
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn a_card_can_be_used_by_its_buyer_with_its_seller_alone() {
    let scene = scene("pm_card_visa").await;
    let app = &scene.app;
    let other = app.shop("noor").await;
    let rug = app.product(&other, 9000, None).await;
    let body =
        |product: &str| json!({ "lines": lines_of(&[(product, 1)]), "payment_method": scene.card });
    let refused = app.post("/v1/payment_intents", body(&rug)).by(&scene.sam);
    let refused = refused
        .refused(422, "payment_method_of_another_seller")
        .await;
    assert_eq!(refused["param"], "payment_method");
    let eve = app.member("eve").await;
    let refused = app.post("/v1/payment_intents", body(&scene.lamp)).by(&eve);
    let refused = refused.refused(404, "not_found").await;
    assert_eq!(refused["param"], "payment_method");
    let mut guests = body(&scene.lamp);
    guests["customer_email"] = json!("guest@example.com");
    app.post("/v1/payment_intents", guests)
        .refused(404, "not_found")
        .await;
    // Off session likewise, and by nobody but the seller.
    let mut charge = body(&rug);
    charge["customer_id"] = json!(scene.customer);
    let path = "/v1/off_session_payments";
    app.post(path, charge.clone())
        .by(&scene.shop.owner)
        .refused(422, "payment_method_of_another_seller")
        .await;
    for who in [&scene.sam, &other.owner, &eve] {
        app.post(path, charge.clone())
            .by(who)
            .refused(404, "not_found")
            .await;
    }
    assert_eq!(app.count("orders").await, 0);
}

#[tokio::test]
async fn a_payment_saves_its_card_only_if_it_was_asked_to() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let sam = app.member("sam").await;
    let lamp = app.product(&shop, 5000, None).await;
    for (saves, named, saved) in [
        (false, "pm_card_visa", 0),
        (true, "pm_card_mastercard", 1),
        (false, "pm_card_amex", 1),
    ] {
        let body = json!({ "lines": lines_of(&[(&lamp, 1)]), "save_payment_method": saves });
        let checkout = open(&app, &sam, body).await;
        confirm(&app, &shop, &checkout.id, &[("payment_method", named)]).await;
        app.settle().await;
        let list = app.get("/v1/payment_methods").by(&sam).expect(200).await;
        assert_eq!(list["data"].as_array().map(Vec::len), Some(saved), "{list}");
    }
    let list = app.get("/v1/payment_methods").by(&sam).expect(200).await;
    list["data"][0].has(json!({ "brand": "mastercard", "off_session": false }));
    let body = json!({
        "lines": lines_of(&[(&lamp, 1)]), "save_payment_method": true, "customer_email": "guest@example.com",
    });
    app.post("/v1/payment_intents", body)
        .refuses_field("save_payment_method")
        .await;
}

#[tokio::test]
async fn a_checkout_is_of_the_buyers_customer_unless_the_receipt_goes_elsewhere() {
    let scene = scene("pm_card_visa").await;
    let (app, sam) = (&scene.app, &scene.sam);
    let session = async |checkout: &Checkout| {
        let path = format!("/checkout/sessions/{}", checkout.id);
        app.stripe_api("GET", &path, &scene.shop.account, &[]).await
    };
    let checkout = app.checkout_by(sam, &scene.lamp).await;
    let there = session(&checkout).await;
    assert!(there["customer"].is_string(), "{there}");
    app.pay(&checkout).await;
    app.settle().await;
    let path = format!("/v1/orders/{}", checkout.order);
    app.get(path)
        .by(sam)
        .expect(200)
        .await
        .has(json!({ "status": "paid" }));
    let body =
        json!({ "lines": lines_of(&[(&scene.lamp, 1)]), "customer_email": "aunt@example.com" });
    let gift = app.post("/v1/checkout_sessions", body).by(sam).expect(201);
    let there = session(&checkout_from(&gift.await)).await;
    there.has(json!({ "customer": null, "customer_email": "aunt@example.com" }));
    // A customer that was deleted is found out by the refusal, and the next checkout goes.
    let customer = text(&session(&checkout).await, "customer");
    let path = format!("/customers/{customer}");
    app.stripe_api("DELETE", &path, &scene.shop.account, &[])
        .await;
    app.intercept().await;
    let body = json!({ "lines": lines_of(&[(&scene.lamp, 1)]) });
    app.post("/v1/checkout_sessions", body)
        .by(sam)
        .refused(409, "stripe_refused")
        .await;
    app.settle().await;
    app.checkout_by(sam, &scene.lamp).await;
}

#[tokio::test]
async fn a_card_is_charged_while_its_buyer_is_not_there_and_the_order_is_theirs() {
    let scene = scene("pm_card_visa").await;
    let app = &scene.app;
    let charge = scene.charge().await;
    charge.has(json!({
        "object": "off_session_payment", "status": "trying", "customer_id": scene.customer, "amount": 5000,
        "payment_method": scene.card, "application_fee_amount": 500, "tries": 0,
    }));
    app.settle().await;
    scene.read(&charge).await.has(json!({
        "status": "succeeded", "amount_received": 5000, "last_error": null, "next_try_at": null,
    }));
    scene.order(&charge).await.has(json!({
        "status": "paid", "buyer_id": scene.sam.id, "email": "sam@example.com", "amount_total": 5000,
    }));
    assert_eq!(app.stock(&scene.lamp).await, 4);
    scene.sweep().await;
    assert_eq!(scene.paid_at_stripe().await, 1);
    let mandate = "off_session_charges c JOIN setup_intents s ON s.id = c.mandate_id AND s.mandate_text IS NOT NULL \
         AND s.mandate_agreed_at IS NOT NULL";
    assert_eq!(app.count(mandate).await, 1);
    app.until_transactions_show(&scene.shop.account).await;
    app.settle().await;
    app.books_equal_stripe().await;
    assert_eq!(app.open_findings().await, vec![]);
}

#[tokio::test]
async fn a_bank_that_wants_to_see_the_buyer_gets_them_by_mail_and_the_same_intent_is_paid() {
    let scene = scene("pm_card_authenticationRequired").await;
    let app = &scene.app;
    let charge = scene.charge().await;
    app.settle().await;
    let waiting = scene.read(&charge).await;
    waiting.has(json!({ "status": "needs_buyer", "tries": 1, "next_try_at": null }));
    waiting["last_error"].has(json!({ "code": "authentication_required" }));
    assert_eq!(app.mails_called("Your payment needs you"), 1);
    // It is not tried behind the buyer's back.
    app.advance(2 * DAY).await;
    scene.sweep().await;
    scene
        .read(&charge)
        .await
        .has(json!({ "status": "needs_buyer", "tries": 1 }));
    assert_eq!(app.mails_called("Your payment needs you"), 1);

    let intent = text(&waiting, "payment_intent");
    let sam = app.login(&scene.sam).await;
    let path = format!("/v1/payment_intents/{intent}");
    let own = app.get(path).by(&sam).expect(200).await;
    assert!(own["client_secret"].is_string(), "{own}");
    let card = [("payment_method", scene.card.as_str())];
    confirm(app, &scene.shop, &intent, &card).await;
    let path = format!("/payment_intents/{intent}/challenge");
    app.simulate(&path, json!({ "outcome": "complete" })).await;
    app.settle().await;
    scene
        .read(&charge)
        .await
        .has(json!({ "status": "succeeded", "amount_received": 5000 }));
    assert_eq!(scene.order(&charge).await["status"], "paid");
    scene.sweep().await;
    assert_eq!(scene.paid_at_stripe().await, 1);
}

#[tokio::test]
async fn a_decline_is_tried_again_after_days_and_then_the_buyer_is_asked() {
    // It can be saved, and each charge is declined.
    let scene = scene("pm_card_chargeCustomerFail").await;
    let app = &scene.app;
    let charge = scene.charge().await;
    app.settle().await;
    for (tries, wait) in [(1, 1), (2, 2), (3, 3)] {
        let now = scene.read(&charge).await;
        now.has(json!({ "status": "trying", "tries": tries, "advice_code": "try_again_later" }));
        assert!(now["next_try_at"].is_string(), "{now}");
        app.advance(wait * DAY - 60).await;
        scene.sweep().await;
        assert_eq!(scene.read(&charge).await["tries"], tries);
        app.advance(61).await;
        scene.sweep().await;
    }
    scene
        .read(&charge)
        .await
        .has(json!({ "status": "needs_buyer", "tries": 4 }));
    assert_eq!(app.mails_called("Your payment needs you"), 1);
    assert_eq!(scene.order(&charge).await["status"], "pending");
    // Nobody helps.
    app.advance(14 * DAY).await;
    souk::payments::reread::sweep(&app.app)
        .await
        .expect("sweeps");
    app.settle().await;
    scene
        .read(&charge)
        .await
        .has(json!({ "status": "canceled" }));
    assert_eq!(scene.order(&charge).await["status"], "expired");
    assert_eq!(scene.paid_at_stripe().await, 0);
}

#[tokio::test]
async fn a_charge_that_stripe_does_not_answer_is_made_once() {
    for kind in [
        FaultKind::CommitThenTimeout,
        FaultKind::CommitThenError500,
        FaultKind::TimeoutBeforeCommit,
        FaultKind::Error500,
    ] {
        let scene = scene("pm_card_visa").await;
        let app = &scene.app;
        let charge = scene.charge().await;
        app.fault("POST", "/v1/payment_intents/", kind, None).await;
        app.run_jobs().await;
        app.simulator.clear_faults().await;
        app.advance(60).await;
        app.settle().await;
        scene
            .read(&charge)
            .await
            .has(json!({ "status": "succeeded" }));
        assert_eq!(scene.paid_at_stripe().await, 1, "{kind:?}");
        assert_eq!(app.stock(&scene.lamp).await, 4);
    }
}

#[tokio::test]
async fn a_request_that_ended_in_the_middle_is_taken_up_again_and_charges_once() {
    let scene = scene("pm_card_visa").await;
    let app = &scene.app;
    let body = json!({
        "customer_id": scene.customer, "payment_method": scene.card, "lines": lines_of(&[(&scene.lamp, 1)]),
    });
    let ask = async || {
        let asked = app.post("/v1/off_session_payments", body.clone());
        asked
            .by(&scene.shop.owner)
            .keyed("one-charge")
            .expect(201)
            .await
    };
    let first = ask().await;
    // The process died after the order and before the charge.
    app.sql("DELETE FROM jobs WHERE kind = 'charge_off_session'")
        .await;
    app.sql("DELETE FROM off_session_charges").await;
    app.sql("UPDATE idempotency_keys SET status = NULL, lease_until = 0 WHERE key = 'one-charge'")
        .await;
    let again = ask().await;
    assert_eq!(first["order_id"], again["order_id"]);
    app.settle().await;
    scene
        .read(&again)
        .await
        .has(json!({ "status": "succeeded" }));
    assert_eq!(scene.paid_at_stripe().await, 1);
}

#[tokio::test]
async fn without_the_buyers_agreement_nothing_is_charged() {
    let scene = scene("pm_card_visa").await;
    let app = &scene.app;
    // Saved without a mandate.
    let body = json!({ "seller_id": scene.shop.id });
    let setup = app.post("/v1/setup_intents", body).by(&scene.sam);
    let setup = text(&setup.expect(201).await, "id");
    app.confirm_setup(&scene.shop, &setup, "pm_card_amex").await;
    app.settle().await;
    let path = format!("/v1/setup_intents/{setup}");
    let setup = app.get(path).by(&scene.sam).expect(200).await;
    let mut body = json!({
        "customer_id": scene.customer, "payment_method": setup["payment_method"], "lines": lines_of(&[(&scene.lamp, 1)]),
    });
    let path = "/v1/off_session_payments";
    app.post(path, body.clone())
        .by(&scene.shop.owner)
        .refused(409, "mandate_missing")
        .await;
    // No default is chosen.
    body.as_object_mut()
        .expect("an object")
        .remove("payment_method");
    app.post(path, body.clone())
        .by(&scene.shop.owner)
        .refuses_field("payment_method")
        .await;
    let default = format!("/v1/payment_methods/{}/default", scene.card);
    app.post(default, json!({}))
        .by(&scene.sam)
        .expect(200)
        .await;
    // The buyer removes the card before it is charged.
    let charge = app.post(path, body).by(&scene.shop.owner).expect(201).await;
    assert_eq!(charge["payment_method"], scene.card.as_str());
    let detach = format!("/v1/payment_methods/{}/detach", scene.card);
    app.post(detach, json!({})).by(&scene.sam).expect(200).await;
    app.settle().await;
    scene
        .read(&charge)
        .await
        .has(json!({ "status": "canceled" }));
    assert_eq!(scene.paid_at_stripe().await, 0);
}

#[tokio::test]
async fn a_card_that_its_buyer_removes_is_not_tried_again() {
    let scene = scene("pm_card_chargeCustomerFail").await;
    let app = &scene.app;
    let charge = scene.charge().await;
    app.settle().await;
    scene
        .read(&charge)
        .await
        .has(json!({ "status": "trying", "tries": 1 }));
    let detach = format!("/v1/payment_methods/{}/detach", scene.card);
    app.post(detach, json!({})).by(&scene.sam).expect(200).await;
    app.advance(DAY + 60).await;
    scene.sweep().await;
    scene
        .read(&charge)
        .await
        .has(json!({ "status": "canceled", "tries": 1 }));
    assert_eq!(scene.order(&charge).await["status"], "expired");
    // Its holder has removed it, and needn't be asked.
    assert_eq!(app.mails_called("Your payment needs you"), 0);
}

#[tokio::test]
async fn a_card_that_expires_is_told_once_for_each_expiry() {
    let scene = scene("pm_card_visa").await;
    let app = &scene.app;
    let tell = async || {
        souk::customers::expiry::tell(&app.app)
            .await
            .expect("tells");
        app.settle().await;
        app.mails_called("Your saved card expires")
    };
    assert_eq!(tell().await, 0);
    let path = format!("/payment_methods/{}", scene.card);
    let form = [("card[exp_month]", "12"), ("card[exp_year]", "2026")];
    app.stripe_api("POST", &path, &scene.shop.account, &form)
        .await;
    app.settle().await;
    assert_eq!((tell().await, tell().await), (1, 1));
    app.advance(20 * DAY).await;
    assert_eq!(tell().await, 1);
    // The bank sends a new one, which expires in another month.
    let form = [("card[exp_month]", "1"), ("card[exp_year]", "2027")];
    app.stripe_api("POST", &path, &scene.shop.account, &form)
        .await;
    app.settle().await;
    assert_eq!((tell().await, tell().await), (2, 2));
}

//! Thin forms of classic events: `v1.charge.refunded` is that of `charge.refunded`.

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use super::{post, thin};
use crate::harness::{Endpoint, Shop, TestApp, text};

/// The thin form of a classic event about this object.
fn classic(id: &str, kind: &str, context: Value, object: &str) -> Value {
    let related = json!({ "id": object, "type": "any", "url": format!("/v1/any/{object}") });
    thin(id, &format!("v1.{kind}"), context, related)
}

async fn paid_and_never_heard_of(app: &TestApp) -> (Shop, crate::harness::Checkout) {
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(3)).await;
    let checkout = app.checkout(&lamp).await;
    app.settle().await;
    app.pay(&checkout).await;
    app.intercept().await;
    (shop, checkout)
}

#[tokio::test]
async fn the_thin_form_of_a_sale_has_its_session_read_and_the_order_paid_once() {
    for endpoint in [Endpoint::Platform, Endpoint::Connect] {
        let app = TestApp::start().await;
        let (shop, checkout) = paid_and_never_heard_of(&app).await;
        let kind = "checkout.session.completed";
        let event = classic("evt_1", kind, json!(shop.account), &checkout.id);
        assert_eq!(post(&app, endpoint, &event).await, "processed");
        assert_eq!(
            app.order(&checkout).await["status"],
            "pending",
            "it carries nothing"
        );
        app.run_jobs().await;
        assert_eq!(app.order(&checkout).await["status"], "paid");
        let again = classic(
            "evt_2",
            kind,
            json!(format!("acct_p/{}", shop.account)),
            &checkout.id,
        );
        assert_eq!(post(&app, endpoint, &again).await, "processed");
        app.settle().await;
        assert_eq!(app.count("order_events WHERE kind = 'paid'").await, 1);
        assert_eq!(app.count("stock_movements WHERE reason = 'sale'").await, 1);
        assert_eq!(app.count("jobs WHERE kind = 'mail'").await, 2);
    }
}

#[tokio::test]
async fn another_accounts_context_reaches_no_payment_of_ours() {
    let app = TestApp::start().await;
    let (_, checkout) = paid_and_never_heard_of(&app).await;
    let otto = app.shop("otto").await;
    for (n, context) in [
        json!(otto.account),
        json!("acct_stranger"),
        json!("acct_p"),
        Value::Null,
    ]
    .into_iter()
    .enumerate()
    {
        let kind = "checkout.session.completed";
        let event = classic(&format!("evt_{n}"), kind, context, &checkout.id);
        assert_eq!(post(&app, Endpoint::Connect, &event).await, "ignored");
    }
    app.run_jobs().await;
    assert_eq!(app.order(&checkout).await["status"], "pending");
}

#[tokio::test]
async fn the_thin_form_of_a_sale_waits_for_a_session_whose_creation_is_not_answered_yet() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(3)).await;
    let path = "/v1/checkout/sessions";
    app.fault("POST", path, FaultKind::CommitThenTimeout, None)
        .await;
    let body = json!({ "lines": [{ "product_id": lamp, "quantity": 1 }], "customer_email": "buyer@example.com" });
    app.post("/v1/checkout_sessions", body)
        .refused(503, "stripe_unavailable")
        .await;
    let books = app.stripe_books(&shop.account).await;
    let session = text(&books["checkout_sessions"][0], "id");
    app.simulate(&format!("/checkout/sessions/{session}/pay"), json!({}))
        .await;
    app.intercept().await;
    let event = classic(
        "evt_1",
        "checkout.session.completed",
        json!(shop.account),
        &session,
    );
    assert_eq!(post(&app, Endpoint::Connect, &event).await, "deferred");
    // A session is no intent, which is nobody's to wait for.
    let intent = classic(
        "evt_3",
        "payment_intent.succeeded",
        json!(shop.account),
        "pi_other",
    );
    assert_eq!(post(&app, Endpoint::Connect, &intent).await, "ignored");
    app.simulator.clear_faults().await;
    app.advance(20).await;
    app.run_jobs().await;
    app.settle().await;
    let status: String = app.query("SELECT status AS it FROM orders").await;
    assert_eq!(status, "paid");
    assert_eq!(app.stock(&lamp).await, 2);
    // Somebody else's session on the same account is nobody's to wait for.
    let other = classic(
        "evt_2",
        "checkout.session.completed",
        json!(shop.account),
        "cs_own",
    );
    assert_eq!(post(&app, Endpoint::Connect, &other).await, "ignored");
}

/// PostgreSQL lets the session be stored between two queries of one transaction.
#[tokio::test]
async fn the_thin_form_of_a_sale_is_not_lost_while_its_session_is_being_stored() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    for n in 0..12 {
        let path = "/v1/checkout/sessions";
        app.fault("POST", path, FaultKind::CommitThenTimeout, None)
            .await;
        let body = json!({ "lines": [{ "product_id": lamp, "quantity": 1 }], "customer_email": "buyer@example.com" });
        app.post("/v1/checkout_sessions", body)
            .refused(503, "stripe_unavailable")
            .await;
        let books = app.stripe_books(&shop.account).await;
        let sessions = books["checkout_sessions"].as_array().expect("sessions");
        let open = sessions.iter().find(|session| session["status"] == "open");
        let session = text(open.expect("an open session"), "id");
        app.simulate(&format!("/checkout/sessions/{session}/pay"), json!({}))
            .await;
        app.intercept().await;
        app.simulator.clear_faults().await;
        app.advance(20).await;
        let kind = "checkout.session.completed";
        let event = classic(&format!("evt_{n}"), kind, json!(shop.account), &session);
        let (state, _) = tokio::join!(post(&app, Endpoint::Connect, &event), app.run_jobs());
        assert_ne!(state, "ignored", "round {n}");
        app.advance(600).await;
        app.settle().await;
        assert_eq!(app.count("orders WHERE status = 'paid'").await, n + 1);
    }
}

#[tokio::test]
async fn every_classic_type_with_an_effect_has_one_in_its_thin_form() {
    let app = TestApp::start().await;
    let (shop, checkout) = paid_and_never_heard_of(&app).await;
    let sam = app.member("sam").await;
    let setup = app.save_card(&sam, &shop, "pm_card_visa").await;
    app.settle().await;
    let saved = app
        .get(format!("/v1/setup_intents/{setup}"))
        .by(&sam)
        .expect(200)
        .await;
    let card = text(&saved, "payment_method");
    let body = json!({ "seller_id": shop.id, "type": "us_ein", "value": "12-3456789" });
    let tax_id = app.post("/v1/tax_ids", body).by(&sam).expect(201).await;
    let tax_id = text(&tax_id, "stripe_tax_id");
    let customer: String = app
        .query("SELECT stripe_customer AS it FROM customers")
        .await;
    app.sql("DELETE FROM jobs").await;
    // Only where money is held do an intent's events tell more than its session's.
    app.sql("UPDATE payments SET payment_intent = 'pi_held', capture_method = 'manual', subscription = 'sub_1'")
        .await;
    let types = [Endpoint::Platform, Endpoint::Connect].map(|endpoint| match endpoint {
        Endpoint::Platform => souk::webhooks::types(souk::webhooks::Endpoint::Platform),
        Endpoint::Connect => souk::webhooks::types(souk::webhooks::Endpoint::Connect),
    });
    for (n, kind) in types.concat().into_iter().enumerate() {
        let object = match kind.split_once('.') {
            Some(("checkout", _)) => checkout.id.as_str(),
            Some(("account", _)) => "ca_1",
            Some(("payment_intent", _)) => "pi_held",
            Some(("setup_intent", _)) => setup.as_str(),
            Some(("payment_method", _)) => card.as_str(),
            Some(("customer", what)) if what.starts_with("tax_id") => tax_id.as_str(),
            Some(("customer", what)) if what.starts_with("subscription") => "sub_1",
            Some(("customer", _)) => customer.as_str(),
            _ => "obj_1",
        };
        let event = classic(&format!("evt_{n}"), kind, json!(shop.account), object);
        let state = post(&app, Endpoint::Platform, &event).await;
        // The invoice of it doesn't exist yet, so that there is nothing to read.
        let wanted = match kind {
            "invoice.upcoming" => "ignored",
            _ => "processed",
        };
        assert_eq!(state, wanted, "{event}");
    }
    for kind in [
        "reread_payment",
        "sync_account",
        "sync_payout",
        "sync_refund",
        "sync_dispute",
        "sync_subscription",
        "sync_invoice",
        "sync_invoice_payment",
        "sync_customer",
        "sync_setup_intent",
        "pull",
    ] {
        let staged = app.count(&format!("jobs WHERE kind = '{kind}'")).await;
        assert_eq!(staged, 1, "{kind}");
    }
    // What nobody has at Stripe ends quietly, whatever it was.
    app.sql("DELETE FROM jobs WHERE kind = 'sync_payout'").await;
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "paid");
}

#[tokio::test]
async fn the_thin_form_of_a_refund_that_was_made_at_stripe_reaches_its_order() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(3)).await;
    let checkout = app.sale(&lamp).await;
    let intent: String = app.query("SELECT payment_intent AS it FROM payments").await;
    let form = [("payment_intent", intent.as_str()), ("amount", "500")];
    let refund = app
        .stripe_api("POST", "/refunds", &shop.account, &form)
        .await;
    app.intercept().await;
    let event = classic(
        "evt_1",
        "refund.created",
        json!(shop.account),
        &text(&refund, "id"),
    );
    assert_eq!(post(&app, Endpoint::Connect, &event).await, "processed");
    app.settle().await;
    assert_eq!(app.refunds(&shop, &checkout.order).await.len(), 1);
    // One that is gone, or was never there.
    let gone = classic("evt_2", "refund.updated", json!(shop.account), "re_gone");
    assert_eq!(post(&app, Endpoint::Connect, &gone).await, "processed");
    app.settle().await;
    assert_eq!(app.refunds(&shop, &checkout.order).await.len(), 1);
}

//! What disputes and suspicions of fraud cost and tell: fraud warnings, fees of lost disputes, the networks' limits, files.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join;
use futures_util::stream;
use serde_json::{Value, json};
use souk::{payments, reconciliation};
use souk_simulator::FaultKind;

use crate::harness::{Between, Checkout, Has, Shop, TestApp, text, until};

const DAY: i64 = 24 * 3600;

/// A card whose payment is disputed at once.
const DISPUTED: &str = "4000000000000259";

/// A shop with a sale that was paid with this card.
async fn paid_with(app: &TestApp, card: &str) -> (Shop, Checkout) {
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    app.sale(&lamp).await;
    let checkout = app.checkout(&lamp).await;
    app.pay_with(&checkout, json!({ "card": card })).await;
    app.settle().await;
    (shop, checkout)
}

/// A card whose issuer suspects fraud as soon as it is charged, before the payment is confirmed here.
const SUSPECTED: &str = "4000000000005423";

#[tokio::test]
async fn a_suspicion_of_fraud_is_told_and_refunds_nothing_until_somebody_does() {
    let app = TestApp::start().await;
    let (shop, checkout) = paid_with(&app, SUSPECTED).await;
    let warning: String = app.query("SELECT id AS it FROM early_fraud_warnings").await;
    let told = ("early_fraud_warning".to_owned(), warning);
    assert_eq!(app.open_findings().await, std::slice::from_ref(&told));
    assert_eq!(app.mails_called("A bank suspects fraud"), 1);
    assert_eq!(app.count("unmatched_fraud_warnings").await, 0);
    app.order(&checkout)
        .await
        .has(json!({ "status": "paid", "amount_refunded": 0 }));
    assert_eq!(app.count("refunds").await, 0);
    let refund = |amount: i64| {
        let body = json!({ "order_id": checkout.order, "amount": amount });
        app.post("/v1/refunds", body).by(&shop.owner).expect(201)
    };
    refund(1000).await;
    app.settle().await;
    assert_eq!(app.open_findings().await, [told]);
    refund(1500).await;
    app.settle().await;
    assert_eq!(app.open_findings().await, []);
    assert_eq!(app.mails_called("A bank suspects fraud"), 1);
}

#[tokio::test]
async fn a_suspicion_about_a_payment_that_is_none_of_ours_is_nobodys_finding() {
    let app = TestApp::start().await;
    let (shop, _) = paid_with(&app, "4242424242424242").await;
    let form = [
        ("amount", "700"),
        ("currency", "usd"),
        ("confirm", "true"),
        ("payment_method", "pm_card_createIssuerFraudRecord"),
        ("return_url", "https://example.com"),
    ];
    app.stripe_api("POST", "/payment_intents", &shop.account, &form)
        .await;
    app.settle().await;
    assert_eq!(app.open_findings().await, []);
    assert_eq!(app.count("early_fraud_warnings").await, 0);
    assert_eq!(app.count("unmatched_fraud_warnings").await, 1);
}

/// What Stripe says of the application fee of a case's payment, and what of it went back.
async fn fee(app: &TestApp) -> (i64, i64) {
    let fee: String = app
        .query("SELECT p.stripe_fee AS it FROM payments p JOIN disputes d ON d.payment_id = p.id")
        .await;
    let fee = app
        .platform_api("GET", &format!("/application_fees/{fee}"), &[])
        .await;
    let amount = |name: &str| fee[name].as_i64().expect("an amount");
    (amount("amount"), amount("amount_refunded"))
}

#[tokio::test]
async fn a_lost_dispute_keeps_the_application_fee_or_returns_it_once_as_the_settings_say() {
    for setting in ["keep", "return"] {
        let app = TestApp::with(&[("DISPUTE_LOST_FEE", setting)]).await;
        paid_with(&app, DISPUTED).await;
        let id: String = app.query("SELECT id AS it FROM disputes").await;
        for outcome in ["lost", "appealed", "lost"] {
            let path = format!("/disputes/{id}/decide");
            app.simulate(&path, json!({ "outcome": outcome })).await;
            app.settle().await;
        }
        let (taken, returned) = fee(&app).await;
        assert!(taken > 0);
        assert_eq!(returned, if setting == "return" { taken } else { 0 });
        let rows = i64::from(setting == "return");
        assert_eq!(app.count("fee_refunds").await, rows);
        assert_eq!(app.open_findings().await, []);
    }
}

/// The findings about programmes, without seller and month.
async fn programmes(app: &TestApp) -> Vec<String> {
    reconciliation::reconcile(&app.app).await.expect("looks");
    let open = app.open_findings().await.into_iter();
    let near = open.filter(|(kind, _)| kind == "dispute_programme");
    let mut near: Vec<_> = near.map(|(_, subject)| subject).collect();
    for subject in &mut near {
        let parts: Vec<_> = subject.split(':').collect();
        let [_, programme, month] = parts[..] else {
            panic!("{subject}");
        };
        assert!(month.starts_with("20"), "{month}");
        *subject = programme.to_owned();
    }
    near.sort();
    near
}

#[tokio::test]
async fn a_seller_near_the_limits_of_a_programme_is_a_finding_for_that_month() {
    let limits = "one all disputes month 5000 1 2020-01-01, two all disputes month 1 3 2020-01-01, \
                  three all disputes month 7000 1 2020-01-01, later all disputes month 1 1 2040-01-01";
    let app = TestApp::with(&[("DISPUTE_PROGRAMMES", limits)]).await;
    // One of two sales is disputed: 50 %, of which a finding comes at 75 % of a limit.
    paid_with(&app, DISPUTED).await;
    assert_eq!(programmes(&app).await, ["one"]);
    app.advance(40 * DAY).await;
    app.settle().await;
    assert_eq!(programmes(&app).await, Vec::<String>::new());
    app.settle().await;
}

#[tokio::test]
async fn a_network_counts_payments_by_its_own_cards_and_against_the_sales_of_its_month() {
    let limits = "visa visa disputes month 10000 1 2020-01-01, mastercard mastercard disputes month 10000 1 2020-01-01, \
                  before mastercard disputes month_before 10000 1 2020-01-01, amex amex disputes month 1 1 2020-01-01, \
                  fraud visa fraud month 1 1 2020-01-01";
    let settings = [
        ("DISPUTE_PROGRAMMES", limits),
        ("DISPUTE_PROGRAMMES_WARN_AT", "100"),
    ];
    let app = TestApp::with(&settings).await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    let sell = async |card: &str| {
        let checkout = app.checkout(&lamp).await;
        app.pay_with(&checkout, json!({ "card": card })).await;
        app.settle().await;
        checkout
    };
    // A Visa is suspected, a Mastercard is sold to.
    sell(SUSPECTED).await;
    let mastercard = sell("5555555555554444").await;
    assert_eq!(programmes(&app).await, ["fraud"]);
    // The one Mastercard of this month is disputed, which was one of none in the month before.
    let find = format!(
        "SELECT charge AS it FROM charge_details WHERE payment_id = '{}'",
        mastercard.payment
    );
    let charge: String = app.query(&find).await;
    let path = format!("/charges/{charge}/dispute");
    app.simulate(&path, json!({})).await;
    app.settle().await;
    let near = programmes(&app).await;
    assert_eq!(near, ["before", "fraud", "mastercard"]);
    // Next month another is, which makes one of the month before's one, and of none of its own.
    app.sql("UPDATE disputes SET stripe_created = stripe_created + 2592000000")
        .await;
    app.advance(30 * DAY).await;
    app.settle().await;
    assert_eq!(programmes(&app).await, ["before", "mastercard"]);
    for _ in 0..2 {
        sell("5555555555554444").await;
    }
    assert_eq!(programmes(&app).await, ["before"]);
    app.settle().await;
}

/// Mastercard's compliance disputes cost a fee to answer, too.
#[tokio::test]
async fn the_fee_of_mastercards_compliance_is_named_and_acknowledged() {
    let app = TestApp::start().await;
    let (shop, _) = paid_with(&app, "5105008400000002").await;
    let id: String = app.query("SELECT id AS it FROM disputes").await;
    let path = format!("/v1/disputes/{id}");
    let read = app.get(&path).by(&shop.owner).expect(200).await;
    let fee = json!({ "programme": "mastercard_compliance", "amount": 50_000, "currency": "usd" });
    read.has(json!({ "case_type": "compliance", "fee": fee }));
    let submit = format!("{path}/submit");
    app.post(&submit, json!({}))
        .by(&shop.owner)
        .refused(409, "fee_not_acknowledged")
        .await;
    let half = json!({ "acknowledged_fee": { "amount": 50_000 } });
    app.post(&submit, half)
        .by(&shop.owner)
        .refuses_field("acknowledged_fee.currency")
        .await;
    let said = json!({ "acknowledged_fee": { "amount": 50_000, "currency": "usd" } });
    app.post(&submit, said).by(&shop.owner).expect(200).await;
    app.settle().await;
    let there = format!("/disputes/{id}");
    let sent = app.stripe_api("GET", &there, &shop.account, &[]).await;
    sent["evidence"]["enhanced_evidence"]
        .has(json!({ "mastercard_compliance": { "fee_acknowledged": true } }));
    app.advance(2 * DAY).await;
    app.settle().await;
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn a_file_goes_to_stripe_on_the_sellers_account() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let scope = app.app.stripe.at(&shop.account.as_str().into());
    let upload = async |bytes: &'static [u8], key: &str| {
        let parts = || stream::iter(bytes.chunks(3).map(|part| Ok(part.into()))).boxed();
        let upload = souk::stripe::Upload {
            purpose: "dispute_evidence",
            filename: "proof \"1\".png",
            content_type: "image/png",
            size: bytes.len() as u64,
            content: &parts,
        };
        scope.upload::<Value>(&upload, key).await
    };
    let file = upload(b"\x89PNG\r\n\x1a\n", "upload:1").await;
    let file = file.expect("is taken");
    file.has(json!({ "object": "file", "purpose": "dispute_evidence", "filename": "proof \"1\".png", "size": 8 }));
    let path = format!("/files/{}", text(&file, "id"));
    app.stripe_api("GET", &path, &shop.account, &[])
        .await
        .has(json!({ "id": file["id"] }));
    let wrong = upload(b"words", "upload:2").await;
    let refused = wrong.expect_err("no picture").to_string();
    assert!(refused.contains("Invalid file type"), "{refused}");
    app.settle().await;
}

#[tokio::test]
async fn a_suspicion_that_is_read_before_its_payment_is_confirmed_waits_for_it() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    let checkout = app.checkout(&lamp).await;
    app.pay_with(&checkout, json!({ "card": SUSPECTED })).await;
    let events = app.intercept().await;
    let is_warning = |event: &&Value| event["type"] == "radar.early_fraud_warning.created";
    let warning = events.iter().find(is_warning).expect("a warning");
    app.deliver(warning).await;
    app.run_jobs().await;
    assert_eq!(app.count("unmatched_fraud_warnings").await, 1);
    assert_eq!(app.open_findings().await, []);
    for event in events.iter().filter(|event| !is_warning(event)) {
        app.deliver(event).await;
    }
    app.settle().await;
    assert_eq!(app.count("unmatched_fraud_warnings").await, 0);
    assert_eq!(app.count("early_fraud_warnings").await, 1);
    let open = app.open_findings().await;
    assert_eq!(open[0].0, "early_fraud_warning");
}

#[tokio::test]
async fn a_suspicion_as_it_was_before_is_not_stored_over_what_it_is_now() {
    let (app, between) = Between::start().await;
    let (shop, checkout) = paid_with(&app, SUSPECTED).await;
    let warning: String = app.query("SELECT id AS it FROM early_fraud_warnings").await;
    let read = format!("/v1/radar/early_fraud_warnings/{warning}");
    let shown = Arc::new(AtomicBool::new(false));
    let is_shown = Arc::clone(&shown);
    between.delay(move |asked| match asked == read {
        true if !shown.swap(true, Ordering::SeqCst) => Duration::from_secs(2),
        _ => Duration::ZERO,
    });
    let overtaken = async {
        let account = shop.account.as_str().into();
        let read = payments::disputes::sync_warning(&app.app, &account, false, &warning).await;
        read.expect("reads");
    };
    let refunded = async {
        let is_shown = async || is_shown.load(Ordering::SeqCst).then_some(());
        until("Stripe shows the warning", is_shown).await;
        app.advance(1).await;
        let body = json!({ "order_id": checkout.order });
        app.post("/v1/refunds", body)
            .by(&shop.owner)
            .expect(201)
            .await;
        app.settle().await;
        assert_eq!(app.open_findings().await, []);
    };
    join(overtaken, refunded).await;
    assert_eq!(app.open_findings().await, []);
}

#[tokio::test]
async fn nobody_is_reminded_of_a_dispute_whose_answer_is_on_its_way() {
    for (answer, reminders) in [(None, 1), (Some("submit"), 0), (Some("accept"), 0)] {
        let app = TestApp::start().await;
        // Stripe takes no answer for days.
        app.allow_unfinished_work();
        let (shop, _) = paid_with(&app, DISPUTED).await;
        let id: String = app.query("SELECT id AS it FROM disputes").await;
        let path = format!("/v1/disputes/{id}");
        app.fault("POST", &path, FaultKind::Error500, None).await;
        if let Some(answer) = answer {
            let path = format!("{path}/{answer}");
            app.post(path, json!({})).by(&shop.owner).expect(200).await;
        }
        app.run_jobs().await;
        app.advance(6 * DAY).await;
        reconciliation::reconcile(&app.app).await.expect("looks");
        app.run_jobs().await;
        let waits = "A dispute waits for your answer";
        assert_eq!(app.mails_called(waits), reminders, "{answer:?}");
    }
}

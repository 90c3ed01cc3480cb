//! Appeals: a decided dispute that goes to the card network, with evidence of its own.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use souk::payments;
use souk_simulator::FaultKind;

use crate::harness::{Answer, Between, Checkout, Has, Shop, TestApp, text};

/// A dispute that was lost, and can be appealed.
struct Case {
    app: TestApp,
    shop: Shop,
    checkout: Checkout,
    /// Stripe's id.
    dispute: String,
}

impl Case {
    async fn with(settings: &[(&str, &str)]) -> Self {
        Self::of(TestApp::with(settings).await).await
    }

    async fn of(app: TestApp) -> Self {
        let shop = app.shop("mira").await;
        let lamp = app.product(&shop, 2500, Some(5)).await;
        app.sale(&lamp).await;
        let checkout = app.checkout(&lamp).await;
        let card = json!({ "card": "4000000000000259" });
        app.pay_with(&checkout, card).await;
        app.settle().await;
        let dispute = app.query("SELECT id AS it FROM disputes").await;
        Self {
            app,
            shop,
            checkout,
            dispute,
        }
    }

    async fn appealed() -> Self {
        let case = Self::with(&[]).await;
        case.decide("lost").await;
        case.decide("appealed").await;
        case
    }

    async fn decide(&self, outcome: &str) {
        let path = format!("/disputes/{}/decide", self.dispute);
        let how = json!({ "outcome": outcome });
        self.app.simulate(&path, how).await;
        self.app.settle().await;
    }

    async fn read(&self) -> Value {
        let owner = self.app.login(&self.shop.owner).await;
        let path = format!("/v1/disputes/{}", self.dispute);
        self.app.get(path).by(&owner).expect(200).await
    }

    async fn write(&self, evidence: Value) -> Answer {
        let owner = self.app.login(&self.shop.owner).await;
        let path = format!("/v1/disputes/{}/evidence", self.dispute);
        let body = json!({ "evidence": evidence });
        self.app.patch(path, body).by(&owner).await
    }

    async fn submit(&self) -> Answer {
        let owner = self.app.login(&self.shop.owner).await;
        let path = format!("/v1/disputes/{}/submit", self.dispute);
        self.app.post(path, json!({})).by(&owner).await
    }

    /// Keeps a file with the order.
    async fn file(&self) -> String {
        let owner = self.app.login(&self.shop.owner).await;
        let path = format!("/v1/orders/{}/files", self.checkout.order);
        let call = self.app.call("POST", path + "?kind=shipping_documentation");
        let png = b"\x89PNG\r\n\x1a\n proof".as_slice();
        let kept = call.content("image/png", png).by(&owner).expect(201).await;
        text(&kept, "id")
    }

    async fn at_stripe(&self) -> Value {
        let path = format!("/disputes/{}", self.dispute);
        let api = &self.app;
        api.stripe_api("GET", &path, &self.shop.account, &[]).await
    }
}

#[tokio::test]
async fn an_appeal_is_answered_with_its_own_evidence_and_no_other() {
    let case = Case::with(&[]).await;
    let early = case
        .write(json!({ "appeal": { "card": { "reason_for_filing": "Delivered" } } }))
        .await;
    let refused = early.refused(409, "evidence_not_taken").clone();
    assert_eq!(refused["param"], "evidence.appeal");
    case.write(json!({ "customer_name": "Ada" }))
        .await
        .expect(200);
    case.decide("lost").await;
    case.decide("appealed").await;
    assert_eq!(case.app.mails_called("A dispute is reopened"), 1);

    let other = case.write(json!({ "customer_name": "Bo" })).await;
    let refused = other.refused(409, "evidence_not_taken").clone();
    assert_eq!(refused["param"], "evidence.customer_name");
    let read = case.read().await;
    read.has(json!({ "status": "appeal_needs_response", "submission": null, "fee": null }));
    read["evidence_pack"].has(json!({ "fields": {}, "files": {}, "completeness": 0 }));
    let missing = case.submit().await;
    let missing = missing.refused(409, "evidence_missing").clone();
    let reason = "evidence.appeal.card.reason_for_filing";
    assert_eq!(missing["param"], reason);

    let file = case.file().await;
    let files = json!({ "appeal": { "card": { "supporting_files": [file] } } });
    case.write(files).await.expect(200);
    let why = json!({ "appeal": { "card": { "reason_for_filing": "It was delivered." } } });
    let written = case.write(why).await;
    let written = written.expect(200);
    assert_eq!(written["evidence_pack"]["completeness"], 100);
    for _ in 0..2 {
        case.submit().await.expect(200);
        case.app.settle().await;
    }
    let sent = case.at_stripe().await;
    assert_eq!(sent["status"], "appeal_under_review");
    assert_eq!(sent["evidence_details"]["submission_count"], 1);
    assert_eq!(sent["evidence"]["customer_name"], Value::Null);
    let card = &sent["evidence"]["appeal"]["card"];
    assert_eq!(card["reason_for_filing"], "It was delivered.");
    let uploaded = card["supporting_files"][0].as_str().expect("a file");
    assert!(
        uploaded.starts_with("file_") && uploaded != file,
        "{uploaded}"
    );
    assert_eq!(card["supporting_files"].as_array().map(Vec::len), Some(1));
    case.read()
        .await
        .has(json!({ "submission": { "status": "submitted" } }));
    assert_eq!(case.app.open_findings().await, []);
    case.decide("won").await;
    assert_eq!(case.read().await["status"], "won");
    case.app.books_equal_stripe().await;
}

#[tokio::test]
async fn what_an_appeal_names_is_checked() {
    let case = Case::appealed().await;
    let other = Case::with(&[]).await;
    let foreign = other.file().await;
    for (appeal, param) in [
        (json!([]), "evidence.appeal"),
        (json!({}), "evidence.appeal.card"),
        (json!({ "card": null }), "evidence.appeal.card"),
        (json!({ "card": { "fee": 1 } }), "evidence.appeal.card.fee"),
        (
            json!({ "card": { "reason_for_filing": "x".repeat(20_001) } }),
            "evidence.appeal.card.reason_for_filing",
        ),
        (
            json!({ "card": { "supporting_files": vec![foreign.as_str(); 21] } }),
            "evidence.appeal.card.supporting_files",
        ),
    ] {
        let refused = case.write(json!({ "appeal": appeal })).await;
        let refused = refused.refused(422, "invalid_request").clone();
        assert_eq!(refused["param"], param, "{refused}");
    }
    let files = json!({ "appeal": { "card": { "supporting_files": [foreign] } } });
    let refused = case.write(files).await;
    let refused = refused.refused(404, "not_found").clone();
    assert_eq!(refused["param"], "evidence.appeal.card.supporting_files[0]");
    let why = json!({ "appeal": { "card": { "reason_for_filing": "Delivered" } } });
    case.write(why).await.expect(200);
    case.write(json!({ "appeal": null })).await.expect(200);
    case.submit().await.refused(409, "evidence_missing");
}

#[tokio::test]
async fn an_appeal_is_submitted_once_whatever_becomes_of_stripes_answer() {
    for fault in [FaultKind::CommitThenTimeout, FaultKind::CommitThenError500] {
        let case = Case::appealed().await;
        let why = json!({ "appeal": { "card": { "reason_for_filing": "Delivered" } } });
        case.write(why).await.expect(200);
        let path = format!("/v1/disputes/{}", case.dispute);
        case.app.fault("POST", &path, fault, Some(4)).await;
        case.submit().await.expect(200);
        for _ in 0..6 {
            case.app.settle().await;
            case.app.advance(30).await;
        }
        let count = case.at_stripe().await["evidence_details"]["submission_count"].clone();
        assert_eq!(count, 1, "{fault:?}");
        let read = case.read().await;
        assert_eq!(read["submission"]["status"], "submitted", "{fault:?}");
    }
}

#[tokio::test]
async fn an_appeal_that_came_through_is_known_where_stripe_does_not_count_it() {
    let (app, between) = Between::start().await;
    let case = Case::of(app).await;
    case.decide("lost").await;
    case.decide("appealed").await;
    let why = json!({ "appeal": { "card": { "reason_for_filing": "Delivered" } } });
    case.write(why).await.expect(200);
    let path = format!("/v1/disputes/{}", case.dispute);
    let of_dispute = path.clone();
    between.edit(move |asked, _, answer| {
        if asked.starts_with(&of_dispute) && answer["object"] == "dispute" {
            answer["evidence_details"]["submission_count"] = json!(0);
        }
    });
    let fault = FaultKind::CommitThenError500;
    case.app.fault("POST", &path, fault, Some(4)).await;
    case.submit().await.expect(200);
    for _ in 0..6 {
        case.app.settle().await;
        case.app.advance(30).await;
    }
    case.read()
        .await
        .has(json!({ "submission": { "status": "submitted" }, "status": "appeal_under_review" }));
    let count = case.at_stripe().await["evidence_details"]["submission_count"].clone();
    assert_eq!(count, 1);
    // The first version that has them, and no other.
    let newer = between.versions(&path).into_iter();
    let newer: BTreeSet<_> = newer
        .filter(|version| version != souk_simulator::API_VERSION)
        .collect();
    assert_eq!(newer, ["2026-10-28.endive".to_owned()].into());
    assert_eq!(case.app.open_findings().await, []);
}

#[tokio::test]
async fn a_fee_that_went_back_for_a_dispute_which_is_won_on_appeal_is_a_finding_until_a_person_resolves_it()
 {
    let case = Case::with(&[("DISPUTE_LOST_FEE", "return")]).await;
    let app = &case.app;
    case.decide("lost").await;
    let returned: i64 = app.query("SELECT amount AS it FROM fee_refunds").await;
    assert_eq!(returned, 250);
    case.decide("appealed").await;
    let open = app.open_findings().await;
    assert_eq!(open[0].0, "dispute_needs_response");
    assert_eq!(open.len(), 1);
    case.decide("won").await;
    let kind = "fee_returned_for_won_dispute";
    let found = (kind.to_owned(), case.dispute.clone());
    assert_eq!(app.open_findings().await, std::slice::from_ref(&found));
    let admin = app.admin().await;
    let list = app.get("/v1/ledger/findings?state=open").by(&admin);
    let finding = list.expect(200).await["data"][0].clone();
    finding.has(json!({ "kind": kind, "amount": returned, "currency": "usd" }));
    let message = text(&finding, "message");
    assert!(
        message.contains("2.50 USD") && message.contains("account-debits"),
        "{message}"
    );
    let path = format!("/v1/ledger/findings/{}/resolve", text(&finding, "id"));
    let note = json!({ "note": "The seller has paid it." });
    app.post(path, note).by(&admin).expect(200).await;
    let account = case.shop.account.as_str().into();
    let read = payments::disputes::sync(&app.app, &account, false, &case.dispute).await;
    read.expect("reads");
    assert_eq!(app.open_findings().await, []);

    // Won and lost once more: what went back is right again.
    for outcome in ["appealed", "won"] {
        case.decide(outcome).await;
    }
    assert_eq!(app.open_findings().await, [found]);
    for outcome in ["appealed", "lost"] {
        case.decide(outcome).await;
    }
    assert_eq!(app.open_findings().await, []);
    assert_eq!(app.count("fee_refunds").await, 1);
    app.books_equal_stripe().await;
}

//! Evidence against disputes: written here, submitted to the bank once in each phase, and accepting instead.

mod accepting;

use serde_json::{Value, json};
use souk::reconciliation;
use souk_simulator::FaultKind;

use crate::harness::{Answer, Call, Checkout, Has, Shop, TestApp, User, text};

const DAY: i64 = 24 * 3600;

/// A card whose payment is disputed at once.
const DISPUTED: &str = "4000000000000259";
const COMPLIANCE: &str = "4000008400000779";

/// A shop with an order that was paid with this card, and its dispute.
struct Case {
    app: TestApp,
    shop: Shop,
    checkout: Checkout,
    /// Stripe's id.
    dispute: String,
}

impl Case {
    async fn with(card: &str) -> Self {
        let app = TestApp::start().await;
        let shop = app.shop("mira").await;
        let lamp = app.product(&shop, 2500, Some(5)).await;
        app.sale(&lamp).await;
        let checkout = app.checkout(&lamp).await;
        app.pay_with(&checkout, json!({ "card": card })).await;
        app.settle().await;
        let dispute = app.query("SELECT id AS it FROM disputes").await;
        Self {
            app,
            shop,
            checkout,
            dispute,
        }
    }

    async fn read(&self) -> Value {
        let owner = self.owner().await;
        let path = format!("/v1/disputes/{}", self.dispute);
        self.app.get(path).by(&owner).expect(200).await
    }

    /// The seller's owner, whose token may have expired.
    async fn owner(&self) -> User {
        self.app.login(&self.shop.owner).await
    }

    fn call(&self, what: &str, body: Value) -> Call<'_> {
        let path = format!("/v1/disputes/{}/{what}", self.dispute);
        match what {
            "evidence" => self.app.patch(path, body),
            _ => self.app.post(path, body),
        }
    }

    async fn write(&self, evidence: Value) -> Value {
        let owner = self.owner().await;
        let body = json!({ "evidence": evidence });
        self.call("evidence", body).by(&owner).expect(200).await
    }

    async fn ask(&self, what: &str, body: Value) -> Answer {
        let owner = self.owner().await;
        self.call(what, body).by(&owner).await
    }

    async fn submit(&self) -> Answer {
        self.ask("submit", json!({})).await
    }

    async fn at_stripe(&self) -> Value {
        let path = format!("/disputes/{}", self.dispute);
        let api = &self.app;
        api.stripe_api("GET", &path, &self.shop.account, &[]).await
    }

    /// How often Stripe was given evidence.
    async fn submissions(&self) -> Value {
        self.at_stripe().await["evidence_details"]["submission_count"].clone()
    }

    async fn decide(&self, outcome: &str) {
        let path = format!("/disputes/{}/decide", self.dispute);
        self.app
            .simulate(&path, json!({ "outcome": outcome }))
            .await;
        self.app.settle().await;
    }
}

#[tokio::test]
async fn evidence_stays_here_until_it_is_submitted_and_wins_the_dispute() {
    let case = Case::with(DISPUTED).await;
    let read = case.read().await;
    read.has(json!({
        "order_id": case.checkout.order, "seller_id": case.shop.id, "amount": 2500, "status": "needs_response",
        "case_type": "chargeback", "network_reason_code": "10.4", "funds_withdrawn": true, "submission": null,
        "evidence": {}, "fee": null,
    }));
    assert!(read["seconds_left"].as_i64().expect("seconds") > 8 * DAY);
    let pack = &read["evidence_pack"];
    assert!(pack["fields"]["product_description"].is_string(), "{pack}");
    assert!(pack["missing"][0]["advice"].is_string(), "{pack}");

    let draft = json!({ "customer_name": "Ada", "uncategorized_text": "winning_evidence", "service_date": "1 May" });
    case.write(draft).await;
    let written = case.write(json!({ "service_date": null })).await;
    written["evidence"].has(json!({ "customer_name": "Ada", "service_date": null }));
    let at_stripe = case.at_stripe().await;
    assert_eq!(at_stripe["evidence_details"]["has_evidence"], false);

    let asked = case.submit().await;
    asked.expect(200)["submission"].has(json!({ "status": "requested", "submitted_at": null }));
    case.app.settle().await;
    let sent = case.at_stripe().await;
    sent["evidence"].has(json!({ "customer_name": "Ada", "service_date": null }));
    case.app.settle().await;
    let won = case.read().await;
    won.has(json!({
        "status": "won", "funds_withdrawn": false, "submission_count": 1, "has_evidence": true, "past_due": false,
        "submission": { "status": "submitted", "failure_code": null }, "seconds_left": null,
    }));
    assert!(won["submission"]["submitted_at"].is_string());
    assert_eq!(case.app.open_findings().await, []);
    assert_eq!(case.app.mails_called("A dispute is won"), 1);
    case.submit().await.expect(200);
    case.ask("accept", json!({}))
        .await
        .refused(409, "dispute_closed");
    let late = json!({ "evidence": { "customer_name": "Bo" } });
    case.ask("evidence", late)
        .await
        .refused(409, "dispute_closed");
}

#[tokio::test]
async fn evidence_that_is_submitted_many_times_at_once_is_submitted_once() {
    let case = Case::with(DISPUTED).await;
    case.write(json!({ "customer_name": "Ada" })).await;
    let owner = case.owner().await;
    let asked = (0..100).map(|_| async { case.call("submit", json!({})).by(&owner).await });
    for answer in futures_util::future::join_all(asked).await {
        answer.expect(200);
    }
    case.app.settle().await;
    assert_eq!(case.submissions().await, 1);
    assert_eq!(case.app.count("dispute_submissions").await, 1);
    case.submit().await.expect(200);
    case.app.settle().await;
    assert_eq!(case.submissions().await, 1);
    assert_eq!(case.read().await["status"], "under_review");
    let more = json!({ "evidence": { "customer_name": "Bo" } });
    case.ask("evidence", more)
        .await
        .refused(409, "evidence_submitted");
    case.ask("accept", json!({}))
        .await
        .refused(409, "evidence_submitted");
}

#[tokio::test]
async fn evidence_is_submitted_once_whatever_becomes_of_stripes_answer() {
    for fault in [
        FaultKind::CommitThenTimeout,
        FaultKind::CommitThenError500,
        FaultKind::TimeoutBeforeCommit,
        FaultKind::Error500,
        FaultKind::Error429,
    ] {
        let case = Case::with(DISPUTED).await;
        case.write(json!({ "customer_name": "Ada" })).await;
        let path = format!("/v1/disputes/{}", case.dispute);
        case.app.fault("POST", &path, fault, Some(4)).await;
        case.submit().await.expect(200);
        for _ in 0..6 {
            case.app.settle().await;
            case.app.advance(30).await;
        }
        assert_eq!(case.submissions().await, 1, "{fault:?}");
        let read = case.read().await;
        assert_eq!(read["submission"]["status"], "submitted", "{fault:?}");
        assert_eq!(case.app.open_findings().await, [], "{fault:?}");
    }
}

#[tokio::test]
async fn a_dispute_that_is_closed_while_evidence_is_written_takes_none() {
    let case = Case::with(DISPUTED).await;
    case.write(json!({ "customer_name": "Ada" })).await;
    // Decided at Stripe, of which no event has come yet.
    let close = format!("/disputes/{}/close", case.dispute);
    let api = &case.app;
    api.stripe_api("POST", &close, &case.shop.account, &[])
        .await;
    case.submit().await.refused(409, "dispute_closed");
    assert_eq!(case.read().await["status"], "lost");
    case.app.settle().await;
    assert_eq!(case.submissions().await, 0);

    // Decided between the request and its job.
    let case = Case::with(DISPUTED).await;
    case.write(json!({ "customer_name": "Ada" })).await;
    case.submit().await.expect(200);
    let close = format!("/disputes/{}/close", case.dispute);
    let api = &case.app;
    api.stripe_api("POST", &close, &case.shop.account, &[])
        .await;
    case.app.settle().await;
    let read = case.read().await;
    read.has(json!({ "status": "lost", "submission": { "status": "refused" } }));
    let why = text(&read["submission"], "failure_reason");
    assert!(why.contains("closed"), "{why}");
    assert_eq!(case.app.open_findings().await, []);
    assert_eq!(case.app.mails_called("Your evidence was not submitted"), 0);
}

#[tokio::test]
async fn refused_evidence_is_changed_and_submitted_again() {
    let case = Case::with(DISPUTED).await;
    case.write(json!({ "customer_name": "Ada", "duplicate_charge_id": "ch_1" }))
        .await;
    let path = format!("/v1/disputes/{}", case.dispute);
    case.app
        .fault("POST", &path, FaultKind::Error402, Some(1))
        .await;
    case.submit().await.expect(200);
    case.app.settle().await;
    case.read().await["submission"]
        .has(json!({ "status": "refused", "failure_code": "card_declined" }));
    let open = case.app.open_findings().await;
    let kinds: Vec<_> = open.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["dispute_evidence_not_submitted", "dispute_needs_response"]
    );
    assert_eq!(case.app.mails_called("Your evidence was not submitted"), 1);
    case.write(json!({ "duplicate_charge_id": null })).await;
    case.submit().await.expect(200);
    case.app.settle().await;
    case.read()
        .await
        .has(json!({ "status": "under_review", "submission": { "status": "submitted" } }));
    assert_eq!(case.submissions().await, 1);
    assert_eq!(case.app.open_findings().await, []);
}

#[tokio::test]
async fn evidence_after_its_time_is_refused() {
    let case = Case::with(DISPUTED).await;
    case.write(json!({ "customer_name": "Ada" })).await;
    case.app
        .sql("UPDATE disputes SET evidence_due_by = 1")
        .await;
    let late = json!({ "evidence": { "customer_name": "Bo" } });
    case.ask("evidence", late)
        .await
        .refused(409, "evidence_past_due");
    // Asking for it reads the dispute again, whose time isn't over.
    case.submit().await.expect(200);
    case.app.settle().await;

    let case = Case::with(DISPUTED).await;
    case.write(json!({ "customer_name": "Ada" })).await;
    case.app.advance(10 * DAY).await;
    let answer = case.submit().await;
    let refusals = ["evidence_past_due", "dispute_closed"];
    assert!(
        answer.status == 409 && refusals.contains(&answer.code()),
        "{}",
        answer.text
    );
    case.app.settle().await;
    assert_eq!(case.submissions().await, 0);
}

/// What a dispute of this status takes as evidence.
fn answer_to(status: &str) -> Value {
    match status {
        "appeal_needs_response" => {
            json!({ "appeal": { "card": { "reason_for_filing": "It was delivered." } } })
        }
        _ => json!({ "customer_name": format!("Ada against {status}") }),
    }
}

#[tokio::test]
async fn an_inquiry_a_dispute_and_an_appeal_are_answered_once_each() {
    let case = Case::with("4000000000001976").await;
    let wants = "warning_needs_response needs_response appeal_needs_response";
    for (at, status) in wants.split(' ').enumerate() {
        assert_eq!(case.read().await["status"], status);
        assert_eq!(case.read().await["submission"], Value::Null);
        case.write(answer_to(status)).await;
        for _ in 0..2 {
            case.submit().await.expect(200);
            case.app.settle().await;
        }
        assert_eq!(case.submissions().await, at + 1, "{status}");
        case.read()
            .await
            .has(json!({ "submission": { "status": "submitted" }, "submission_count": at + 1 }));
        match at {
            0 => case.decide("escalated").await,
            1 => {
                case.decide("lost").await;
                case.decide("appealed").await;
            }
            _ => case.decide("won").await,
        }
    }
    assert_eq!(case.read().await["status"], "won");
    assert_eq!(case.app.mails_called("A dispute is reopened"), 1);
    assert_eq!(case.app.open_findings().await, []);
}

#[tokio::test]
async fn evidence_that_a_dispute_has_overtaken_is_not_submitted_beside_that_of_the_next_phase() {
    // Stripe may have had it all the same.
    for (fault, at_first) in [
        (FaultKind::TimeoutBeforeCommit, 0),
        (FaultKind::CommitThenTimeout, 1),
    ] {
        let case = Case::with("4000000000001976").await;
        let path = format!("/v1/disputes/{}", case.dispute);
        case.write(json!({ "customer_name": "Ada" })).await;
        case.app.fault("POST", &path, fault, None).await;
        case.submit().await.expect(200);
        case.app.run_jobs().await;
        assert_eq!(case.submissions().await, at_first, "{fault:?}");
        case.app.simulator.clear_faults().await;
        let decide = format!("{path}/decide").replace("/v1", "");
        let escalated = json!({ "outcome": "escalated" });
        case.app.simulate(&decide, escalated).await;
        case.submit().await.expect(200);
        assert_eq!(case.app.count("dispute_submissions").await, 2);
        for _ in 0..6 {
            case.app.settle().await;
            case.app.advance(30).await;
        }
        assert_eq!(case.submissions().await, at_first + 1, "{fault:?}");
        let submitted = "dispute_submissions WHERE status = 'submitted'";
        assert_eq!(case.app.count(submitted).await, at_first + 1, "{fault:?}");
        let read = case.read().await;
        read.has(json!({ "status": "under_review", "submission": { "status": "submitted" } }));
        assert_eq!(case.app.open_findings().await, []);
        assert_eq!(case.app.mails_called("Your evidence was not submitted"), 0);
    }
}

#[tokio::test]
async fn a_fee_is_acknowledged_as_it_is_named_or_nothing_is_submitted() {
    let case = Case::with(COMPLIANCE).await;
    let read = case.read().await;
    let fee = json!({ "programme": "visa_compliance", "amount": 50_000, "currency": "usd" });
    read.has(json!({ "case_type": "compliance", "fee": fee }));
    case.write(json!({ "customer_name": "Ada" })).await;
    for said in [
        json!({}),
        json!({ "acknowledged_fee": { "amount": 49_999, "currency": "usd" } }),
        json!({ "acknowledged_fee": { "amount": 50_000, "currency": "eur" } }),
    ] {
        let refused = case.ask("submit", said).await;
        let refused = refused.refused(409, "fee_not_acknowledged").clone();
        assert_eq!(refused["param"], "acknowledged_fee");
    }
    case.app.settle().await;
    assert_eq!(case.submissions().await, 0);
    let said = json!({ "acknowledged_fee": { "amount": 50_000, "currency": "usd" } });
    case.ask("submit", said).await.expect(200);
    case.app.settle().await;
    assert_eq!(case.submissions().await, 1);
    let sent = case.at_stripe().await;
    let programme = &sent["evidence"]["enhanced_evidence"]["visa_compliance"];
    assert_eq!(programme["fee_acknowledged"], true);
    case.app.advance(2 * DAY).await;
    case.app.until_transactions_show(&case.shop.account).await;
    case.app.settle().await;
}

#[tokio::test]
async fn evidence_is_of_stripes_names_and_lengths() {
    let case = Case::with(DISPUTED).await;
    let owner = case.owner().await;
    for (name, value) in [
        ("mood", json!("good")),
        ("enhanced_evidence", json!("x")),
        ("customer_name", json!("x".repeat(5_001))),
        ("product_description", json!("x".repeat(20_001))),
    ] {
        let body = json!({ "evidence": { name: value } });
        let refused = case.call("evidence", body).by(&owner);
        refused.refuses_field(&format!("evidence.{name}")).await;
    }
    let long = json!("x".repeat(20_000));
    for name in [
        "access_activity_log",
        "cancellation_rebuttal",
        "product_description",
        "uncategorized_text",
    ] {
        case.write(json!({ name: long })).await;
    }
    for name in [
        "cancellation_policy_disclosure",
        "duplicate_charge_explanation",
        "refund_policy_disclosure",
    ] {
        case.write(json!({ name: long })).await;
    }
    let owner = case.owner().await;
    let body = json!({ "evidence": { "refund_refusal_explanation": long } });
    case.call("evidence", body)
        .by(&owner)
        .refuses_field("evidence")
        .await;
}

#[tokio::test]
async fn disputes_are_listed_newest_first_for_their_seller_only() {
    let case = Case::with(DISPUTED).await;
    let (app, shop) = (&case.app, &case.shop);
    app.advance(60).await;
    let owner = case.owner().await;
    let shop = Shop {
        owner: owner.clone(),
        ..shop.clone()
    };
    let lamp = app.product(&shop, 2500, Some(5)).await;
    let second = app.checkout(&lamp).await;
    app.pay_with(&second, json!({ "card": DISPUTED })).await;
    app.settle().await;
    case.decide("lost").await;
    let rival = app.new_shop("rival", "US").await;
    let (admin, rival) = (app.admin().await, rival.owner);
    let list = async |query: &str, who: &User| {
        let path = format!("/v1/disputes{query}");
        let list = app.get(path).by(who).expect(200).await;
        let rows = list["data"].as_array().expect("rows").iter();
        let orders: Vec<_> = rows.map(|row| text(row, "order_id")).collect();
        (orders, list["has_more"].clone())
    };
    let (first, second) = (case.checkout.order.clone(), second.order.clone());
    let both = (vec![second.clone(), first.clone()], json!(false));
    assert_eq!(list("", &owner).await, both);
    assert_eq!(list("", &admin).await, both);
    assert_eq!(list("", &rival).await.0, Vec::<String>::new());
    let of_order = format!("?order_id={first}");
    assert_eq!(
        list(&of_order, &owner).await.0,
        std::slice::from_ref(&first)
    );
    assert_eq!(list(&of_order, &rival).await.0, Vec::<String>::new());
    assert_eq!(
        list("?status=lost", &owner).await.0,
        std::slice::from_ref(&first)
    );
    assert_eq!(
        list("?limit=1", &owner).await,
        (vec![second.clone()], json!(true))
    );
    let newest: String = app
        .query(&format!(
            "SELECT id AS it FROM disputes WHERE order_id = '{second}'"
        ))
        .await;
    let next = format!("?limit=1&starting_after={newest}");
    assert_eq!(list(&next, &owner).await, (vec![first], json!(false)));
    let theirs = app
        .get(format!("/v1/disputes?starting_after={newest}"))
        .by(&rival);
    theirs.refuses_field("starting_after").await;
    let path = format!("/v1/disputes/{newest}");
    app.get(&path).by(&rival).refused(404, "not_found").await;
    for what in ["submit", "accept"] {
        let path = format!("{path}/{what}");
        app.post(path, json!({}))
            .by(&rival)
            .refused(404, "not_found")
            .await;
    }
    app.settle().await;
}

#[tokio::test]
async fn while_stripe_does_not_answer_nothing_is_submitted_or_accepted() {
    let case = Case::with(DISPUTED).await;
    case.write(json!({ "customer_name": "Ada" })).await;
    case.app
        .fault("GET", "/v1/disputes", FaultKind::Error500, Some(6))
        .await;
    for what in ["submit", "accept"] {
        case.ask(what, json!({}))
            .await
            .refused(503, "stripe_unavailable");
    }
    case.app.settle().await;
    case.read()
        .await
        .has(json!({ "submission": null, "accept_requested_at": null }));
}

#[tokio::test]
async fn a_dispute_is_called_to_mind_twice_before_its_time_ends_unless_it_is_answered() {
    let waits = "A dispute waits for your answer";
    let case = Case::with(DISPUTED).await;
    let look = async |days: i64| {
        case.app.advance(days * DAY).await;
        for _ in 0..2 {
            reconciliation::reconcile(&case.app.app)
                .await
                .expect("looks");
            case.app.settle().await;
        }
        case.app.mails_called(waits)
    };
    assert_eq!(look(4).await, 0);
    assert_eq!(look(2).await, 1);
    assert_eq!(look(1).await, 1);
    assert_eq!(look(1).await, 2);

    let case = Case::with(DISPUTED).await;
    case.write(json!({ "customer_name": "Ada" })).await;
    case.submit().await.expect(200);
    case.app.settle().await;
    case.app.advance(7 * DAY).await;
    reconciliation::reconcile(&case.app.app)
        .await
        .expect("looks");
    case.app.settle().await;
    assert_eq!(case.app.mails_called(waits), 0);
}

#[tokio::test]
async fn the_orders_files_go_to_stripe_with_the_evidence_and_others_are_refused() {
    const SIZE: usize = 600_001;
    let case = Case::with(DISPUTED).await;
    let owner = case.owner().await;
    let keep = async |order: &str, kind: &str| {
        let path = format!("/v1/orders/{order}/files?kind={kind}");
        // Of several parts, the last of which is short.
        let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
        png.resize(SIZE, 7);
        let call = case.app.call("POST", path).content("image/png", png);
        text(&call.by(&owner).expect(201).await, "id")
    };
    let proof = keep(&case.checkout.order, "shipping_documentation").await;
    let lamp = case.app.product(&case.shop, 2500, Some(5)).await;
    let other = case.app.sale(&lamp).await;
    let foreign = keep(&other.order, "receipt").await;
    for wrong in [foreign.as_str(), "ofl_none", "file_1"] {
        let body = json!({ "evidence": { "receipt": wrong } });
        let refused = case.ask("evidence", body).await;
        assert_eq!(
            refused.refused(404, "not_found")["param"],
            "evidence.receipt"
        );
    }
    let read = case.read().await;
    read["evidence_pack"]["files"].has(json!({ "shipping_documentation": proof }));
    case.write(json!({ "receipt": proof })).await;
    case.submit().await.expect(200);
    case.app.settle().await;
    let sent = case.at_stripe().await;
    for field in ["receipt", "shipping_documentation"] {
        let path = format!("/files/{}", text(&sent["evidence"], field));
        let file = case
            .app
            .stripe_api("GET", &path, &case.shop.account, &[])
            .await;
        file.has(
            json!({ "purpose": "dispute_evidence", "size": SIZE, "filename": format!("{field}.png") }),
        );
    }
    assert_eq!(case.submissions().await, 1);
}

//! Refunds: the ways to make one, and what may become of it.

use serde_json::{Value, json};

use crate::support::{Answer, DAY, Stripe, check_books};

async fn paid_with(s: &Stripe, acct: &str, card: &str) -> String {
    s.sale(acct, 5000, 0).await;
    let session = s.session(acct, 1000, "").await;
    s.pay(&session, json!({ "card": card })).await;
    let charge = s.charge_of(acct, &session).await;
    charge["id"].as_str().expect("charge").to_owned()
}

async fn refused(s: &Stripe, acct: &str, path: &str, body: &str) -> Answer {
    let answer = s
        .send("POST", path, body, &[("Stripe-Account", acct)])
        .await;
    assert!(answer.status >= 400, "{path}: {}", answer.body);
    answer
}

fn path(refund: &Value) -> String {
    format!("/v1/refunds/{}", refund["id"].as_str().expect("id"))
}

fn last(types: &[String], n: usize) -> Vec<&str> {
    types
        .iter()
        .rev()
        .take(n)
        .rev()
        .map(String::as_str)
        .collect()
}

const REFUNDS: &str = "/v1/refunds";

#[tokio::test]
async fn what_is_no_refund_is_refused_by_name() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let charge = s.sale(&acct, 1000, 0).await;
    let (ch, pi) = (
        charge["id"].as_str().expect("id"),
        charge["payment_intent"].as_str().expect("id"),
    );
    let none = refused(&s, &acct, REFUNDS, "").await;
    assert!(
        none.error("message")
            .starts_with("One of the following params")
    );
    let both = format!("charge={ch}&payment_intent={pi}");
    assert_eq!(refused(&s, &acct, REFUNDS, &both).await.status, 400);
    let missing = refused(&s, &acct, REFUNDS, "charge=ch_none").await;
    assert_eq!((missing.status, missing.error("param")), (404, "id"));
    let cash = "origin=customer_balance&charge=ch_1";
    assert_eq!(refused(&s, &acct, REFUNDS, cash).await.status, 404);
    for (more, param) in [
        ("refund_application_fee=true", "refund_application_fee"),
        ("reverse_transfer=true", "reverse_transfer"),
        ("reason=expired_uncaptured_charge", "reason"),
    ] {
        let answer = refused(&s, &acct, REFUNDS, &format!("charge={ch}&{more}")).await;
        assert_eq!(answer.error("param"), param);
    }
    let zero = refused(&s, &acct, REFUNDS, &format!("charge={ch}&amount=0")).await;
    assert_eq!(
        (zero.error("code"), zero.error("param")),
        ("parameter_invalid_integer", "amount")
    );
}

#[tokio::test]
async fn refunds_beyond_the_charge_are_refused_in_stripes_words() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    s.sale(&acct, 9000, 0).await;
    let charge = s.sale(&acct, 1000, 0).await;
    let (ch, pi) = (
        charge["id"].as_str().expect("id"),
        charge["payment_intent"].as_str().expect("id"),
    );
    let much = refused(&s, &acct, REFUNDS, &format!("charge={ch}&amount=4000")).await;
    assert_eq!(
        much.error("message"),
        "Refund amount (€40.00) is greater than charge amount (€10.00)"
    );
    let part = format!("payment_intent={pi}&amount=400&reason=fraudulent");
    s.on(&acct, REFUNDS, &part).await;
    let much = refused(&s, &acct, REFUNDS, &format!("charge={ch}&amount=601")).await;
    assert_eq!(
        much.error("message"),
        "Refund amount (€6.01) is greater than unrefunded amount on charge (€6.00)"
    );
    let seen = s.get_on(&acct, &format!("/v1/charges/{ch}")).await;
    assert_eq!(
        seen["fraud_details"],
        json!({ "user_report": "fraudulent" })
    );
}

#[tokio::test]
async fn a_declined_payment_cannot_be_refunded() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let session = s.session(&acct, 1000, "").await;
    s.pay(&session, json!({ "card": "4000000000000002" })).await;
    let path = format!(
        "/v1/checkout/sessions/{}",
        session["id"].as_str().expect("id")
    );
    let failed = s.get_on(&acct, &path).await;
    let pi = failed["payment_intent"].as_str().expect("id");
    let failed = refused(&s, &acct, REFUNDS, &format!("payment_intent={pi}")).await;
    assert_eq!(
        failed.error("message"),
        format!("This PaymentIntent ({pi}) does not have a successful charge to refund.")
    );
}

#[tokio::test]
async fn what_was_only_reserved_is_cancelled_and_not_refunded() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let body = "amount=1000&currency=eur&capture_method=manual&confirm=true&payment_method=pm_card_visa&return_url=https://shop.example/ok";
    let intent = s.on(&acct, "/v1/payment_intents", body).await;
    assert_eq!(intent["status"], "requires_capture", "{intent}");
    for of in [("charge", "latest_charge"), ("payment_intent", "id")] {
        let body = format!("{}={}", of.0, intent[of.1].as_str().expect("id"));
        let answer = refused(&s, &acct, "/v1/refunds", &body).await;
        let message = answer.error("message");
        assert!(
            message.contains("You must cancel the PaymentIntent"),
            "{message}"
        );
    }
    let id = intent["id"].as_str().expect("id");
    let path = format!("/v1/payment_intents/{id}/capture");
    let captured = s.on(&acct, &path, "amount_to_capture=700").await;
    let charge = captured["latest_charge"].as_str().expect("id");
    let much = refused(
        &s,
        &acct,
        "/v1/refunds",
        &format!("charge={charge}&amount=701"),
    )
    .await;
    assert_eq!(much.error("param"), "amount");
    s.sale(&acct, 5000, 0).await;
    let refund = s
        .on(&acct, "/v1/refunds", &format!("charge={charge}"))
        .await;
    assert_eq!(refund["amount"], 700);
    let seen = s.get_on(&acct, &format!("/v1/charges/{charge}")).await;
    assert_eq!(
        (&seen["refunded"], &seen["amount_refunded"]),
        (&json!(true), &json!(1000))
    );
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn the_older_routes_under_a_charge_do_the_same() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    s.sale(&acct, 9000, 0).await;
    let (a, b) = (s.sale(&acct, 1000, 0).await, s.sale(&acct, 1000, 0).await);
    let (a, b) = (a["id"].as_str().expect("id"), b["id"].as_str().expect("id"));
    let charge = s
        .on(&acct, &format!("/v1/charges/{a}/refund"), "amount=300")
        .await;
    assert_eq!(
        (&charge["object"], &charge["amount_refunded"]),
        (&json!("charge"), &json!(300))
    );
    let refund = s
        .on(&acct, &format!("/v1/charges/{a}/refunds"), "amount=200")
        .await;
    assert_eq!(
        (&refund["object"], &refund["amount"]),
        (&json!("refund"), &json!(200))
    );
    let list = s.get_on(&acct, &format!("/v1/charges/{a}/refunds")).await;
    assert_eq!(list["data"].as_array().map(Vec::len), Some(2));
    let id = refund["id"].as_str().expect("id");
    let one = format!("/v1/charges/{a}/refunds/{id}");
    assert_eq!(s.get_on(&acct, &one).await["amount"], 200);
    assert_eq!(
        s.on(&acct, &one, "metadata[k]=v").await["metadata"]["k"],
        "v"
    );
    let other = s
        .send(
            "GET",
            &format!("/v1/charges/{b}/refunds/{id}"),
            "",
            &[("Stripe-Account", &acct)],
        )
        .await;
    assert_eq!((other.status, other.error("param")), (404, "refund"));
    let cancel = refused(&s, &acct, &format!("/v1/refunds/{id}/cancel"), "").await;
    assert_eq!(
        cancel.error("message"),
        "Canceling this refund is unsupported."
    );
    let expire = refused(
        &s,
        &acct,
        &format!("/v1/test_helpers/refunds/{id}/expire"),
        "",
    )
    .await;
    assert_eq!(expire.status, 400);
}

#[tokio::test]
async fn the_cards_for_asynchronous_refunds_change_their_mind_a_minute_later() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let charge = paid_with(&s, &acct, "4000000000007726").await;
    let refund = s
        .on(&acct, "/v1/refunds", &format!("charge={charge}"))
        .await;
    assert_eq!(
        (&refund["status"], &refund["pending_reason"]),
        (&json!("pending"), &json!("processing"))
    );
    assert!(refund["balance_transaction"].is_string());
    // New money must not pay it a second time, nor earlier.
    s.sale(&acct, 2000, 0).await;
    assert_eq!(s.get_on(&acct, &path(&refund)).await["status"], "pending");
    check_books(&s.simulator.oracle().await);
    s.simulator.advance(61).await;
    let done = s.get_on(&acct, &path(&refund)).await;
    assert_eq!(
        (&done["status"], &done["pending_reason"]),
        (&json!("succeeded"), &Value::Null)
    );
    assert_eq!(done["balance_transaction"], refund["balance_transaction"]);
    assert_eq!(
        last(&s.event_types(&acct).await, 2),
        ["refund.updated", "charge.refund.updated"]
    );

    let charge = paid_with(&s, &acct, "4000000000005126").await;
    let refund = s
        .on(&acct, "/v1/refunds", &format!("charge={charge}"))
        .await;
    assert_eq!(refund["status"], "succeeded");
    s.simulator.advance(61).await;
    let failed = s.get_on(&acct, &path(&refund)).await;
    assert_eq!(failed["status"], "failed");
    assert!(failed["failure_balance_transaction"].is_string());
    assert_eq!(
        last(&s.event_types(&acct).await, 3),
        ["refund.failed", "refund.updated", "charge.refund.updated"]
    );
    let charge = s.get_on(&acct, &format!("/v1/charges/{charge}")).await;
    assert_eq!(
        (&charge["amount_refunded"], &charge["refunded"]),
        (&json!(0), &json!(false))
    );
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn a_refund_that_requires_action_is_cancelled_expired_or_taken() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    s.sale(&acct, 9000, 0).await;
    for (how, status) in [
        ("cancel", "canceled"),
        ("expire", "failed"),
        ("succeed", "succeeded"),
    ] {
        let charge = s.sale(&acct, 1000, 0).await;
        let body = format!(
            "charge={}&instructions_email=a@b.example",
            charge["id"].as_str().expect("id")
        );
        let refund = s.on(&acct, "/v1/refunds", &body).await;
        let id = refund["id"].as_str().expect("id");
        let asks = s
            .post(&format!("/_simulator/refunds/{id}/require_action"), "")
            .await;
        assert_eq!(asks["status"], "requires_action");
        let sent = &asks["next_action"]["display_details"]["email_sent"]["email_sent_to"];
        assert_eq!(sent, "a@b.example");
        let ended = match how {
            "cancel" => s.on(&acct, &format!("/v1/refunds/{id}/cancel"), "").await,
            "expire" => {
                s.on(&acct, &format!("/v1/test_helpers/refunds/{id}/expire"), "")
                    .await
            }
            _ => {
                s.post(&format!("/_simulator/refunds/{id}/succeed"), "")
                    .await
            }
        };
        assert_eq!(ended["status"], status);
        let back = ended["failure_balance_transaction"].is_string();
        assert_eq!(back, how != "succeed");
        check_books(&s.simulator.oracle().await);
    }
}

#[tokio::test]
async fn where_the_returned_fee_is_booked_is_a_switch() {
    for (value, own) in [("inside", 0), ("own", 1)] {
        let s = Stripe::start().await;
        s.post(
            "/_simulator/assumptions",
            &json!({ "fee_refund": value }).to_string(),
        )
        .await;
        let acct = s.seller().await;
        s.sale(&acct, 5000, 0).await;
        let charge = s.sale(&acct, 1000, 100).await;
        let body = format!(
            "charge={}&amount=500&refund_application_fee=true",
            charge["id"].as_str().expect("id")
        );
        let refund = s.on(&acct, "/v1/refunds", &body).await;
        let list = s
            .get_on(
                &acct,
                "/v1/balance_transactions?type=application_fee_refund",
            )
            .await;
        assert_eq!(list["data"].as_array().map(Vec::len), Some(own));
        let id = refund["balance_transaction"].as_str().expect("id");
        let txn = s
            .get_on(&acct, &format!("/v1/balance_transactions/{id}"))
            .await;
        assert_eq!(txn["fee"], if own == 0 { -50 } else { 0 });
        let oracle = s.simulator.oracle().await;
        assert_eq!(
            oracle["accounts"][&acct]["balances"]["eur"]["pending"],
            4825 + 841 - 450
        );
        check_books(&oracle);
    }
}

#[tokio::test]
async fn the_fee_of_a_refund_that_fails_later_stays_or_is_taken_again() {
    for (place, what, refunded) in [
        ("inside", "stays_refunded", 50),
        ("own", "stays_refunded", 50),
        ("inside", "taken_again", 0),
        ("own", "taken_again", 0),
    ] {
        let s = Stripe::under("failed_refund_fee", what).await;
        let place = json!({ "fee_refund": place }).to_string();
        s.post("/_simulator/assumptions", &place).await;
        let acct = s.seller().await;
        s.sale(&acct, 5000, 0).await;
        let charge = s.sale(&acct, 1000, 100).await;
        let sums = async || {
            let sum = |balance: Value| {
                let of = |part: &str| balance[part][0]["amount"].as_i64().expect("amount");
                of("available") + of("pending")
            };
            let seller = sum(s.get_on(&acct, "/v1/balance").await);
            (seller, sum(s.get("/v1/balance").await))
        };
        let before = sums().await;
        let body = format!(
            "charge={}&amount=500&refund_application_fee=true",
            charge["id"].as_str().expect("id")
        );
        let refund = s.on(&acct, REFUNDS, &body).await;
        assert_eq!(sums().await, (before.0 - 450, before.1 - 50));
        let id = refund["id"].as_str().expect("id");
        s.post(&format!("/_simulator/refunds/{id}/fail"), "").await;
        assert_eq!(
            sums().await,
            (before.0 + refunded, before.1 - refunded),
            "{place} {what}"
        );
        let fee = charge["application_fee"].as_str().expect("id");
        let fee = s.get(&format!("/v1/application_fees/{fee}")).await;
        assert_eq!(fee["amount_refunded"], refunded, "{place} {what}");
        // A new refund of everything returns the whole fee, whatever became of the first.
        let body = format!(
            "charge={}&refund_application_fee=true",
            charge["id"].as_str().expect("id")
        );
        s.on(&acct, REFUNDS, &body).await;
        assert_eq!(sums().await, (before.0 - 900, before.1 - 100));
        crate::invariants::check(&s.simulator.oracle().await);
    }
}

/// Refunds parts of a sale of 105 with a fee of 11, and returns what of the fee went back with each.
async fn fees_back(how: &str, parts: &[(i64, bool)]) -> Vec<i64> {
    let s = Stripe::under("partial_refund", how).await;
    let acct = s.seller().await;
    s.sale(&acct, 5000, 0).await;
    let charge = s.sale(&acct, 105, 11).await;
    let mut before = 0;
    let mut back = Vec::new();
    for (amount, with_fee) in parts {
        let body = format!(
            "charge={}&amount={amount}&refund_application_fee={with_fee}",
            charge["id"].as_str().expect("id")
        );
        s.on(&acct, "/v1/refunds", &body).await;
        let path = format!(
            "/v1/application_fees/{}",
            charge["application_fee"].as_str().expect("id")
        );
        let refunded = s.get(&path).await["amount_refunded"].as_i64().expect("sum");
        back.push(refunded - before);
        before = refunded;
    }
    check_books(&s.simulator.oracle().await);
    back
}

#[tokio::test]
async fn the_refund_that_completes_a_charge_returns_the_rest_of_its_fee() {
    for how in ["among_all", "alone"] {
        for with_fee in [true, false] {
            let mut parts = vec![(1, with_fee); 20];
            parts.push((85, true));
            let back = fees_back(how, &parts).await;
            assert_eq!(back.iter().sum::<i64>(), 11, "{how} {with_fee}: {back:?}");
        }
    }
}

#[tokio::test]
async fn a_partial_refund_returns_its_share_of_all_refunds_or_its_own() {
    // A third left the fee alone; then a third and a little took it along.
    let parts = [(35, false), (35, true), (5, true)];
    assert_eq!(fees_back("among_all", &parts).await, [0, 7, 1]);
    assert_eq!(fees_back("alone", &parts).await, [0, 4, 1]);
    let parts = [(1, true); 20];
    assert_eq!(fees_back("among_all", &parts).await.iter().sum::<i64>(), 2);
    assert_eq!(fees_back("alone", &parts).await.iter().sum::<i64>(), 0);
}

#[tokio::test]
async fn balance_transactions_that_are_seen_late_are_a_switch() {
    let s = Stripe::start().await;
    s.post(
        "/_simulator/assumptions",
        r#"{"late_transactions":"after_a_minute"}"#,
    )
    .await;
    let acct = s.seller().await;
    let charge = s.sale(&acct, 1000, 0).await;
    let list = s.get_on(&acct, "/v1/balance_transactions").await;
    assert_eq!(list["data"], json!([]));
    let id = charge["balance_transaction"].as_str().expect("id");
    let one = s
        .get_on(&acct, &format!("/v1/balance_transactions/{id}"))
        .await;
    assert_eq!(one["id"], id);
    s.simulator.advance(60).await;
    let list = s.get_on(&acct, "/v1/balance_transactions").await;
    assert_eq!(list["data"][0]["id"], id);
    s.simulator.advance(DAY).await;
}

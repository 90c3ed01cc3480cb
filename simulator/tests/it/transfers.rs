//! Separate charges and transfers, destination charges, and how both go back.

use serde_json::{Value, json};

use crate::support::{Answer, DAY, Stripe, check_books};

pub fn id(value: &Value) -> &str {
    value["id"].as_str().expect("id")
}

/// A charge of EUR on the platform; with 4000000000000077 its money is available at once.
pub async fn charge(stripe: &Stripe, amount: i64, card: &str, more: &str) -> Value {
    let body = format!(
        "amount={amount}&currency=eur&confirm=true&payment_method={card}&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never&expand[]=latest_charge{more}"
    );
    let intent = stripe.post("/v1/payment_intents", &body).await;
    assert_eq!(intent["status"], "succeeded", "{intent}");
    intent["latest_charge"].clone()
}

async fn refused(stripe: &Stripe, path: &str, body: &str) -> Answer {
    let answer = stripe.send("POST", path, body, &[]).await;
    assert!(
        matches!(answer.status, 400 | 404),
        "{path} {body}: {}",
        answer.body
    );
    answer
}

async fn money(stripe: &Stripe, account: Option<&str>) -> (i64, i64) {
    let balance = match account {
        Some(account) => stripe.get_on(account, "/v1/balance").await,
        None => stripe.get("/v1/balance").await,
    };
    let sum = |part: &str| {
        let lines = balance[part].as_array().expect("list");
        let eur = lines.iter().find(|line| line["currency"] == "eur");
        eur.and_then(|line| line["amount"].as_i64()).unwrap_or(0)
    };
    (sum("available"), sum("pending"))
}

pub const NOW: &str = "pm_card_bypassPending";

#[tokio::test]
async fn a_transfer_moves_what_is_available_and_nothing_else() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let body = format!("amount=400&currency=eur&destination={acct}");
    let poor = refused(&s, "/v1/transfers", &body).await;
    assert_eq!(poor.error("code"), "balance_insufficient");
    charge(&s, 2000, "pm_card_visa", "").await;
    let pending = refused(&s, "/v1/transfers", &body).await;
    assert_eq!(pending.error("code"), "balance_insufficient");
    charge(&s, 1000, NOW, "").await;
    let before = money(&s, None).await;
    let more = "&transfer_group=ORDER_95&metadata[order]=95&description=Tea";
    let transfer = s.post("/v1/transfers", &format!("{body}{more}")).await;
    assert_eq!(
        (&transfer["amount"], &transfer["transfer_group"]),
        (&json!(400), &json!("ORDER_95"))
    );
    assert_eq!(money(&s, None).await, (before.0 - 400, before.1));
    assert_eq!(money(&s, Some(&acct)).await, (400, 0));
    let out = s
        .get(&format!(
            "/v1/transfers/{}?expand[]=balance_transaction&expand[]=destination_payment.balance_transaction",
            id(&transfer)
        ))
        .await;
    let txn = &out["balance_transaction"];
    assert_eq!(
        (&txn["type"], &txn["reporting_category"], &txn["amount"]),
        (&json!("transfer"), &json!("transfer"), &json!(-400))
    );
    let payment = &out["destination_payment"];
    assert_eq!(payment["source_transfer"], transfer["id"]);
    assert_eq!(payment["balance_transaction"]["type"], "payment");
    assert!(id(payment).starts_with("py_"));
    let path = format!("/v1/charges/{}", id(payment));
    assert_eq!(s.get_on(&acct, &path).await["id"], payment["id"]);
    let found = s.get("/v1/transfers?transfer_group=ORDER_95").await;
    assert_eq!(found["data"][0]["id"], transfer["id"]);
    let none = s.get("/v1/transfers?destination=acct_other").await;
    assert_eq!(none["data"], json!([]));
    let path = format!("/v1/transfers/{}", id(&transfer));
    let told = s.post(&path, "metadata[order]=&description=Coffee").await;
    assert_eq!(
        (&told["metadata"], &told["description"]),
        (&json!({}), &json!("Coffee"))
    );
    let events = s.get("/v1/events?type=transfer.updated").await;
    assert_eq!(
        events["data"][0]["data"]["previous_attributes"]["description"],
        "Tea"
    );
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn a_transfer_from_a_charge_is_available_with_it_and_never_more_than_it() {
    let s = Stripe::start().await;
    let (one, two) = (s.seller().await, s.seller().await);
    let sale = charge(&s, 1000, "pm_card_visa", "").await;
    let body = |to: &str, amount: i64| {
        format!(
            "amount={amount}&currency=eur&destination={to}&source_transaction={}",
            id(&sale)
        )
    };
    let first = s.post("/v1/transfers", &body(&one, 600)).await;
    assert_eq!(first["source_transaction"], sale["id"]);
    let group = first["transfer_group"].as_str().expect("group");
    assert!(group.starts_with("group_pi_"), "{group}");
    assert_eq!(money(&s, Some(&one)).await, (0, 600));
    let over = refused(&s, "/v1/transfers", &body(&two, 401)).await;
    assert_eq!(over.error("param"), "amount");
    let second = s.post("/v1/transfers", &body(&two, 400)).await;
    assert_eq!(second["transfer_group"], group);
    let wrong = format!(
        "amount=1&currency=usd&destination={one}&source_transaction={}",
        id(&sale)
    );
    assert_eq!(
        refused(&s, "/v1/transfers", &wrong).await.error("param"),
        "currency"
    );
    s.simulator.advance(3 * DAY).await;
    assert_eq!(money(&s, Some(&two)).await.1, 0);
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn money_goes_only_to_accounts_that_can_have_it() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    charge(&s, 1000, NOW, "").await;
    let new = s
        .post(
            "/v1/accounts",
            "country=DE&type=express&capabilities[transfers][requested]=true",
        )
        .await;
    let to = |id: &str| format!("amount=100&currency=eur&destination={id}");
    let inactive = refused(&s, "/v1/transfers", &to(id(&new))).await;
    assert_eq!(
        inactive.error("code"),
        "insufficient_capabilities_for_transfer"
    );
    let unknown = refused(&s, "/v1/transfers", &to("acct_unknown")).await;
    assert_eq!(
        (unknown.error("code"), unknown.error("param")),
        ("resource_missing", "destination")
    );
    let zero = refused(
        &s,
        "/v1/transfers",
        &format!("amount=0&currency=eur&destination={acct}"),
    )
    .await;
    assert_eq!(zero.error("param"), "amount");
    // An account may only pay its platform.
    let platform = s.get("/v1/account").await;
    s.post("/v1/transfers", &to(&acct)).await;
    let other = s.seller().await;
    let sideways = s
        .send(
            "POST",
            "/v1/transfers",
            &to(&other),
            &[("Stripe-Account", &acct)],
        )
        .await;
    assert_eq!(sideways.error("code"), "resource_missing");
    s.on(&acct, "/v1/transfers", &to(id(&platform))).await;
    assert_eq!(money(&s, Some(&acct)).await, (0, 0));
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn a_transfer_goes_back_in_parts_and_never_beyond_itself() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    charge(&s, 1000, NOW, "").await;
    let transfer = s
        .post(
            "/v1/transfers",
            &format!("amount=400&currency=eur&destination={acct}"),
        )
        .await;
    let path = format!("/v1/transfers/{}/reversals", id(&transfer));
    let before = money(&s, None).await;
    let part = s.post(&path, "amount=150&metadata[why]=broken").await;
    assert_eq!(
        (&part["amount"], &part["transfer"]),
        (&json!(150), &transfer["id"])
    );
    assert_eq!(money(&s, None).await, (before.0 + 150, before.1));
    assert_eq!(money(&s, Some(&acct)).await, (250, 0));
    let over = refused(&s, &path, "amount=251").await;
    assert_eq!(over.error("param"), "amount");
    let one = format!("{path}/{}", id(&part));
    assert_eq!(s.get(&one).await["metadata"]["why"], "broken");
    let told = s.post(&one, "metadata[why]=lost").await;
    assert_eq!(told["metadata"]["why"], "lost");
    s.post(&path, "").await;
    let whole = s.get(&format!("/v1/transfers/{}", id(&transfer))).await;
    assert_eq!(
        (&whole["reversed"], &whole["amount_reversed"]),
        (&json!(true), &json!(400))
    );
    assert_eq!(whole["reversals"]["data"][1]["metadata"]["why"], "lost");
    assert_eq!(
        s.get(&path).await["data"].as_array().expect("list").len(),
        2
    );
    refused(&s, &path, "").await;
    let txns = s
        .get_on(&acct, "/v1/balance_transactions?type=payment_refund")
        .await;
    assert_eq!(txns["data"][1]["amount"], -150);
    let refund = part["destination_payment_refund"].as_str().expect("refund");
    let refund = s.get_on(&acct, &format!("/v1/refunds/{refund}")).await;
    assert_eq!(refund["source_transfer_reversal"], part["id"]);
    let platform = id(&s.get("/v1/account").await).to_owned();
    let heard = s.event_types(&platform).await;
    assert_eq!(
        heard.iter().filter(|t| *t == "transfer.reversed").count(),
        2
    );
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn what_was_paid_out_cannot_be_reversed() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    charge(&s, 1000, NOW, "").await;
    let transfer = s
        .post(
            "/v1/transfers",
            &format!("amount=400&currency=eur&destination={acct}"),
        )
        .await;
    s.simulator.advance(3 * DAY).await;
    assert_eq!(money(&s, Some(&acct)).await, (0, 0));
    let path = format!("/v1/transfers/{}/reversals", id(&transfer));
    let poor = refused(&s, &path, "").await;
    assert_eq!(poor.error("code"), "balance_insufficient");
}

#[tokio::test]
async fn a_destination_charge_splits_into_transfer_payment_and_fee() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let more = format!(
        "&transfer_data[destination]={acct}&application_fee_amount=123&on_behalf_of={acct}"
    );
    let sale = charge(&s, 1000, "pm_card_visa", &more).await;
    assert_eq!(sale["on_behalf_of"], acct.as_str());
    let path = format!(
        "/v1/charges/{}?expand[]=transfer.destination_payment.balance_transaction&expand[]=application_fee&expand[]=balance_transaction",
        id(&sale)
    );
    let full = s.get(&path).await;
    // The platform pays Stripe: 2.9 % and 30.
    assert_eq!(full["balance_transaction"]["net"], 1000 - 59);
    let payment = &full["transfer"]["destination_payment"];
    assert_eq!(full["transfer"]["source_transaction"], sale["id"]);
    assert_eq!(full["transfer"]["amount"], 1000);
    assert_eq!(payment["balance_transaction"]["net"], 1000 - 123);
    assert_eq!(
        payment["balance_transaction"]["fee_details"][0]["type"],
        "application_fee"
    );
    let fee = &full["application_fee"];
    assert_eq!(
        (&fee["amount"], &fee["account"], &fee["charge"]),
        (&json!(123), &json!(acct), &payment["id"])
    );
    assert_eq!(fee["originating_transaction"], sale["id"]);
    assert_eq!(money(&s, Some(&acct)).await, (0, 877));
    assert_eq!(money(&s, None).await, (0, 123 - 59));
    let platform = id(&s.get("/v1/account").await).to_owned();
    let heard = s.event_types(&platform).await;
    for name in [
        "transfer.created",
        "application_fee.created",
        "charge.succeeded",
    ] {
        assert!(heard.iter().any(|t| t == name), "{name}: {heard:?}");
    }
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn a_destination_may_get_a_part_and_not_also_owe_a_fee() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let part = format!("&transfer_data[destination]={acct}&transfer_data[amount]=877");
    charge(&s, 1000, "pm_card_visa", &part).await;
    assert_eq!(money(&s, Some(&acct)).await, (0, 877));
    assert_eq!(money(&s, None).await, (0, 1000 - 59 - 877));
    let body = |more: &str| format!("amount=1000&currency=eur&{more}");
    for (more, param) in [
        (
            format!("{part}&application_fee_amount=1"),
            "application_fee_amount",
        ),
        (
            format!("transfer_data[destination]={acct}&transfer_data[amount]=1001"),
            "transfer_data[amount]",
        ),
        (
            "transfer_data[destination]=acct_x".to_owned(),
            "transfer_data[destination]",
        ),
        ("on_behalf_of=acct_x".to_owned(), "on_behalf_of"),
        (
            "application_fee_amount=5".to_owned(),
            "application_fee_amount",
        ),
    ] {
        let no = refused(
            &s,
            "/v1/payment_intents",
            &body(more.trim_start_matches('&')),
        )
        .await;
        assert_eq!(no.error("param"), param, "{}", no.body);
    }
    // Not even to the platform, to which an account may otherwise transfer.
    let platform = s.get("/v1/account").await;
    let direct = s
        .send(
            "POST",
            "/v1/payment_intents",
            &body(&format!("transfer_data[destination]={}", id(&platform))),
            &[("Stripe-Account", &acct)],
        )
        .await;
    assert_eq!(direct.error("param"), "transfer_data[destination]");
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn a_destination_charge_is_captured_later_and_only_then_sent_on() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let body = format!(
        "amount=1000&currency=eur&confirm=true&capture_method=manual&payment_method=pm_card_visa&allowed_payment_method_types[]=card&transfer_data[destination]={acct}&application_fee_amount=100"
    );
    let intent = s.post("/v1/payment_intents", &body).await;
    assert_eq!(intent["status"], "requires_capture");
    assert_eq!(s.get("/v1/transfers").await["data"], json!([]));
    let path = format!("/v1/payment_intents/{}/capture", id(&intent));
    s.post(&path, "amount_to_capture=600&application_fee_amount=60")
        .await;
    assert_eq!(money(&s, Some(&acct)).await, (0, 540));
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn the_refund_that_completes_a_charge_takes_the_rest_of_its_transfer_back() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    charge(&s, 50_000, NOW, "").await;
    let more = format!("&transfer_data[destination]={acct}&application_fee_amount=100");
    let sale = charge(&s, 1000, "pm_card_visa", &more).await;
    let body = format!("charge={}", id(&sale));
    s.post("/v1/refunds", &format!("{body}&amount=600")).await;
    let rest = format!("{body}&reverse_transfer=true&refund_application_fee=true");
    s.post("/v1/refunds", &rest).await;
    let path = format!("/v1/charges/{}?expand[]=transfer", id(&sale));
    let transfer = s.get(&path).await["transfer"].clone();
    assert_eq!(transfer["reversed"], true, "{transfer}");
    assert_eq!(money(&s, Some(&acct)).await, (0, 0));
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn refunds_take_transfer_and_fee_back_only_when_asked() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    charge(&s, 50_000, NOW, "").await;
    let more = format!("&transfer_data[destination]={acct}&application_fee_amount=100");
    let plain = charge(&s, 1000, "pm_card_visa", &more).await;
    let before = money(&s, Some(&acct)).await;
    let refund = s
        .post("/v1/refunds", &format!("charge={}", id(&plain)))
        .await;
    assert_eq!(refund["transfer_reversal"], Value::Null);
    assert_eq!(money(&s, Some(&acct)).await, before);

    let sale = charge(&s, 1000, "pm_card_visa", &more).await;
    let body = format!("charge={}", id(&sale));
    let alone = refused(
        &s,
        "/v1/refunds",
        &format!("{body}&refund_application_fee=true"),
    )
    .await;
    assert_eq!(alone.error("param"), "refund_application_fee");
    let (platform, seller) = (money(&s, None).await, money(&s, Some(&acct)).await);
    let mut back = Vec::new();
    for amount in [333, 333, 334] {
        let body = format!(
            "{body}&amount={amount}&reverse_transfer=true&refund_application_fee=true&expand[]=transfer_reversal"
        );
        let refund = s.post("/v1/refunds", &body).await;
        back.push(refund["transfer_reversal"]["amount"].as_i64());
        check_books(&s.simulator.oracle().await);
    }
    assert_eq!(back, [Some(333), Some(333), Some(334)]);
    // Everything is as it was before the charge, but for Stripe's own fee.
    let sum = |m: (i64, i64)| m.0 + m.1;
    assert_eq!(sum(money(&s, Some(&acct)).await), sum(seller) - 900);
    assert_eq!(sum(money(&s, None).await), sum(platform) - 100);
    let charge_now = s
        .get(&format!(
            "/v1/charges/{}?expand[]=transfer&expand[]=application_fee",
            id(&sale)
        ))
        .await;
    assert_eq!(charge_now["transfer"]["reversed"], true);
    assert_eq!(charge_now["application_fee"]["amount_refunded"], 100);
    // An account can't refund a payment that came by a transfer.
    let kept = s
        .get(&format!("/v1/charges/{}?expand[]=transfer", id(&plain)))
        .await;
    let payment = kept["transfer"]["destination_payment"]
        .as_str()
        .expect("py");
    let again = format!("charge={payment}");
    let on = s
        .send("POST", "/v1/refunds", &again, &[("Stripe-Account", &acct)])
        .await;
    assert_eq!((on.status, on.error("param")), (400, "charge"));
    let none = charge(&s, 1000, "pm_card_visa", "").await;
    let no = refused(
        &s,
        "/v1/refunds",
        &format!("charge={}&reverse_transfer=true", id(&none)),
    )
    .await;
    assert_eq!(no.error("param"), "reverse_transfer");
}

#[tokio::test]
async fn a_reversal_by_hand_may_give_the_fee_back_too() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let more = format!("&transfer_data[destination]={acct}&application_fee_amount=100");
    let sale = charge(&s, 1000, "pm_card_visa", &more).await;
    let transfer = s.get(&format!("/v1/charges/{}", id(&sale))).await["transfer"].clone();
    let path = format!("/v1/transfers/{}/reversals", transfer.as_str().expect("tr"));
    s.post(&path, "amount=500&refund_application_fee=true")
        .await;
    assert_eq!(money(&s, Some(&acct)).await, (0, 450));
    let fee = s.get("/v1/application_fees").await["data"][0].clone();
    assert_eq!(fee["amount_refunded"], 50);
    let path = format!("/v1/application_fees/{}", id(&fee));
    let over = refused(&s, &format!("{path}/refunds"), "amount=51").await;
    assert_eq!(over.error("param"), "amount");
    let whole = s.post(&format!("{path}/refund"), "").await;
    assert_eq!(
        (&whole["object"], &whole["refunded"]),
        (&json!("application_fee"), &json!(true))
    );
    let refund = whole["refunds"]["data"][0].clone();
    let told = s
        .post(&format!("{path}/refunds/{}", id(&refund)), "metadata[a]=b")
        .await;
    assert_eq!(told["metadata"]["a"], "b");
    assert_eq!(
        s.get(&path).await["refunds"]["data"][0]["metadata"]["a"],
        "b"
    );
    refused(&s, &format!("{path}/refunds"), "").await;
    let platform = id(&s.get("/v1/account").await).to_owned();
    let heard = s.event_types(&platform).await;
    assert!(heard.contains(&"application_fee.refund.updated".to_owned()));
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn a_checkout_session_can_be_a_destination_charge() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let body = format!(
        "mode=payment&success_url=https://shop.example/ok&line_items[0][price_data][currency]=eur&line_items[0][price_data][unit_amount]=1000&line_items[0][price_data][product_data][name]=Tea&line_items[0][quantity]=1&payment_intent_data[transfer_data][destination]={acct}&payment_intent_data[application_fee_amount]=100&payment_intent_data[on_behalf_of]={acct}"
    );
    let session = s.post("/v1/checkout/sessions", &body).await;
    s.pay(&session, json!({})).await;
    assert_eq!(money(&s, Some(&acct)).await, (0, 900));
    let bad = body.replace(&format!("[destination]={acct}"), "[destination]=acct_x");
    let no = refused(&s, "/v1/checkout/sessions", &bad).await;
    assert_eq!(
        no.error("param"),
        "payment_intent_data[transfer_data][destination]"
    );
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn what_the_destination_gets_can_be_decided_when_capturing() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let body = format!(
        "amount=1000&currency=eur&confirm=true&capture_method=manual&payment_method=pm_card_visa&allowed_payment_method_types[]=card&transfer_data[destination]={acct}"
    );
    let intent = s.post("/v1/payment_intents", &body).await;
    let path = format!("/v1/payment_intents/{}/capture", id(&intent));
    let over = refused(&s, &path, "amount_to_capture=600&transfer_data[amount]=601").await;
    assert_eq!(over.error("param"), "transfer_data[amount]");
    s.post(&path, "amount_to_capture=600&transfer_data[amount]=500")
        .await;
    assert_eq!(money(&s, Some(&acct)).await, (0, 500));
}

#[tokio::test]
async fn what_came_by_a_transfer_is_neither_disputed_nor_given_back_twice() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    charge(&s, 2000, NOW, "").await;
    let body = format!("amount=400&currency=eur&destination={acct}");
    let transfer = s.post("/v1/transfers", &body).await;
    let payment = transfer["destination_payment"].as_str().expect("payment");
    let path = format!("/_simulator/charges/{payment}/dispute");
    refused(&s, &path, "").await;
    let path = format!("/v1/transfers/{}/reversals", id(&transfer));
    s.post(&path, "amount=100").await;
    let refunds = s.get_on(&acct, "/v1/refunds").await;
    for how in ["fail", "require_action"] {
        let path = format!("/_simulator/refunds/{}/{how}", id(&refunds["data"][0]));
        refused(&s, &path, "").await;
    }
    check_books(&s.simulator.oracle().await);
}

//! The evidence pack of a dispute: all that Souk knows, nothing that it doesn't, and what is missing.

use sea_orm::EntityTrait;
use serde_json::{Map, Value, json};
use souk::payments::disputes::pack::{self, Pack};
use souk_entity::dispute;

use crate::harness::{Checkout, Shop, TestApp, User, checkout_from, lines_of, text};

const DAY: i64 = 86_400;
/// A card of Visa's that works, one whose payment is disputed as fraud, and what the buyer's browser says.
const VISA: &str = "4242424242424242";
const DISPUTED: &str = "4000000000000259";
const NOT_RECEIVED: &str = "4000000000002685";
const AGENT: &str = "Mozilla/5.0 (lamp buyer)";
const IP: &str = "198.51.100.42";

/// An app whose callers are behind a proxy that it trusts.
async fn app() -> TestApp {
    TestApp::with(&[("TRUSTED_PROXIES", "127.0.0.0/8, ::1")]).await
}

/// A checkout that somebody asks for from an address.
async fn checkout(app: &TestApp, buyer: Option<&User>, product: &str, ip: &str) -> Checkout {
    let mut body = json!({ "lines": lines_of(&[(product, 2)]) });
    if buyer.is_none() {
        body["customer_email"] = json!("guest@example.com");
    }
    let call = app.post("/v1/checkout_sessions", body);
    let call = call
        .header("x-forwarded-for", ip)
        .header("user-agent", AGENT);
    let call = match buyer {
        Some(buyer) => call.by(buyer),
        None => call,
    };
    checkout_from(&call.expect(201).await)
}

async fn pay(app: &TestApp, checkout: &Checkout, card: &str) {
    let how = json!({ "card": card, "name": "Sam Meyer" });
    app.pay_with(checkout, how).await;
    app.settle().await;
}

/// The dispute of an order.
async fn dispute_of(app: &TestApp, checkout: &Checkout) -> dispute::Model {
    let all = dispute::Entity::find().all(&app.app.db.read).await;
    let all = all.expect("is answered").into_iter();
    let mut of_order = all.filter(|one| one.order_id.as_ref() == checkout.order);
    of_order.next().expect("a dispute")
}

async fn pack_of(app: &TestApp, checkout: &Checkout) -> Pack {
    let dispute = dispute_of(app, checkout).await;
    let pack = pack::pack(&app.app.db.read, &dispute).await;
    pack.unwrap_or_else(|e| panic!("{e}"))
}

fn field<'a>(pack: &'a Pack, name: &str) -> &'a str {
    pack.fields.get(name).and_then(Value::as_str).unwrap_or("")
}

/// What the pack lacks.
fn missing(pack: &Pack) -> Vec<&'static str> {
    let lacking = pack.completeness(&Map::new()).missing.into_iter();
    lacking.map(|one| one.field).collect()
}

async fn shop_with_policy(app: &TestApp) -> (Shop, String) {
    let shop = app.shop("mira").await;
    let policy = json!({
        "refund_policy": "Unused goods within 30 days.", "refund_policy_url": "https://mira.example/refunds",
    });
    let path = format!("/v1/sellers/{}", shop.id);
    app.patch(&path, policy).by(&shop.owner).expect(200).await;
    let lamp = app.product(&shop, 2500, None).await;
    app.sale(&lamp).await;
    (shop, lamp)
}

/// The seller sends the goods, notes that they arrived and what was said, and keeps three files, whose ids are the answer.
async fn record(app: &TestApp, shop: &Shop, bought: &Checkout) -> Vec<String> {
    let order = format!("/v1/orders/{}", bought.order);
    let body = json!({
        "carrier": "UPS", "tracking_number": "1Z1", "tracking_url": "https://ups.example/1Z1", "despite_dispute": true,
    });
    let sent = app.post(format!("{order}/shipments"), body).by(&shop.owner);
    let shipment = text(&sent.expect(201).await, "id");
    let proof = json!({ "delivery_proof": "Signed for by S. Meyer" });
    let path = format!("/v1/shipments/{shipment}/deliver");
    app.post(path, proof).by(&shop.owner).expect(200).await;
    for (kind, words) in [
        ("message_from_buyer", "It has arrived, thank you!"),
        ("message_to_buyer", "Enjoy it."),
        ("note", "A difficult customer"),
    ] {
        let note = json!({ "kind": kind, "text": words });
        app.post(format!("{order}/notes"), note)
            .by(&shop.owner)
            .expect(201)
            .await;
    }
    let mut files = vec![];
    for kind in [
        "shipping_documentation",
        "customer_communication",
        "shipping_documentation",
    ] {
        let bytes = format!("%PDF-{}", files.len());
        let call = app.call("POST", format!("{order}/files?kind={kind}"));
        let call = call.content("application/pdf", bytes).by(&shop.owner);
        files.push(text(&call.expect(201).await, "id"));
    }
    app.settle().await;
    files
}

#[tokio::test]
async fn a_pack_tells_of_buyer_order_shipment_policy_mails_and_messages() {
    let app = app().await;
    let (shop, lamp) = shop_with_policy(&app).await;
    let bought = checkout(&app, None, &lamp, IP).await;
    // What is told now was not shown to this buyer.
    let path = format!("/v1/sellers/{}", shop.id);
    let later = json!({ "refund_policy": "No refunds at all." });
    app.patch(&path, later).by(&shop.owner).expect(200).await;
    pay(&app, &bought, NOT_RECEIVED).await;
    let before = pack_of(&app, &bought).await;
    let none = before.completeness(&Map::new());
    assert!(missing(&before).contains(&"shipping_tracking_number"));

    let files = record(&app, &shop, &bought).await;
    let pack = pack_of(&app, &bought).await;
    for (name, wanted) in [
        ("customer_email_address", "guest@example.com"),
        ("customer_purchase_ip", IP),
        ("product_description", "2 × Brass lamp at 25.00 USD each"),
        ("shipping_carrier", "UPS"),
        ("shipping_tracking_number", "1Z1"),
        ("shipping_date", "18 November 2026"),
    ] {
        assert_eq!(field(&pack, name), wanted, "{name}");
    }
    let policy = field(&pack, "refund_policy_disclosure");
    assert!(
        policy.contains("Unused goods within 30 days.")
            && policy.contains("https://mira.example/refunds"),
        "{policy}"
    );
    assert!(!policy.contains("No refunds"), "it was set later: {policy}");
    let story = field(&pack, "uncategorized_text");
    for told in [
        bought.order.as_str(),
        "50.00 USD was paid",
        IP,
        AGENT,
        "1Z1",
        "Signed for by S. Meyer",
        "It has arrived, thank you!",
        "Enjoy it.",
        "the order is paid and confirmed",
        "that it was sent",
    ] {
        assert!(story.contains(told), "{told}: {story}");
    }
    assert!(
        !story.contains("difficult"),
        "the seller's own note: {story}"
    );
    let newest = |field: &str| pack.files.get(field).map(ToString::to_string);
    assert_eq!(
        newest("shipping_documentation").as_ref(),
        Some(&files[2]),
        "the newest"
    );
    assert_eq!(newest("customer_communication").as_ref(), Some(&files[1]));
    assert!(!pack.fields.contains_key("access_activity_log"));
    assert!(!pack.fields.contains_key("enhanced_evidence"));
    let full = pack.completeness(&Map::new());
    assert!(full.score > none.score, "{full:?} {none:?}");
    assert_eq!((full.score, full.missing.len()), (100, 0));
    // What the seller has taken out counts no more.
    let draft = json!({ "shipping_tracking_number": null });
    let draft = draft.as_object().expect("a map").clone();
    let less = pack.completeness(&draft);
    assert_eq!(less.missing[0].field, "shipping_tracking_number");
    assert!(less.score < 100);
}

#[tokio::test]
async fn a_pack_claims_nothing_that_nobody_knows() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    app.sale(&lamp).await;
    // No proxy is trusted, so what is said of the address counts for nothing; and this machine's is nobody's.
    let bought = checkout(&app, None, &lamp, IP).await;
    pay(&app, &bought, DISPUTED).await;
    let pack = pack_of(&app, &bought).await;
    for absent in [
        "customer_purchase_ip",
        "shipping_carrier",
        "shipping_tracking_number",
        "shipping_date",
        "service_date",
        "refund_policy_disclosure",
        "access_activity_log",
        "enhanced_evidence",
        "duplicate_charge_id",
    ] {
        assert!(!pack.fields.contains_key(absent), "{absent}");
    }
    assert!(!field(&pack, "uncategorized_text").contains(IP));
    assert!(pack.files.is_empty());
    let lacking = missing(&pack);
    for wanted in [
        "customer_purchase_ip",
        "shipping_documentation",
        "customer_communication",
    ] {
        assert!(lacking.contains(&wanted), "{lacking:?}");
    }
    let length = |value: &Value| value.as_str().map_or(0, |text| text.chars().count());
    assert!(pack.fields.values().map(length).sum::<usize>() < 150_000);
}

#[tokio::test]
async fn what_was_delivered_digitally_is_told_as_a_log_of_access() {
    let app = app().await;
    let (shop, lamp) = shop_with_policy(&app).await;
    let bought = checkout(&app, None, &lamp, IP).await;
    pay(&app, &bought, NOT_RECEIVED).await;
    let url = "https://mira.example/books/7";
    let body = json!({ "delivery_url": url, "despite_dispute": true });
    let path = format!("/v1/orders/{}/shipments", bought.order);
    app.post(path, body).by(&shop.owner).expect(201).await;
    app.settle().await;
    let pack = pack_of(&app, &bought).await;
    let log = field(&pack, "access_activity_log");
    for told in [url, IP, "the link was mailed to guest@example.com"] {
        assert!(log.contains(told), "{told}: {log}");
    }
    assert_eq!(field(&pack, "service_date"), "18 November 2026");
    assert!(!pack.fields.contains_key("shipping_date"));
    assert!(!missing(&pack).contains(&"shipping_tracking_number"));
}

#[tokio::test]
async fn a_refund_policy_is_seen_by_buyers_and_its_address_is_one_of_the_web() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let path = format!("/v1/sellers/{}", shop.id);
    let change = |body: Value| app.patch(&path, body).by(&shop.owner);
    for wrong in [
        "javascript:alert(1)",
        "mira.example",
        "https://bank.example@mira.example",
    ] {
        let body = json!({ "refund_policy": "Within 30 days.", "refund_policy_url": wrong });
        change(body).refuses_field("refund_policy_url").await;
    }
    let seen = async || {
        let seller = app.get(&path).expect(200).await;
        (
            seller["refund_policy"].clone(),
            seller["refund_policy_url"].clone(),
        )
    };
    assert_eq!(
        seen().await,
        (Value::Null, Value::Null),
        "all of it or nothing"
    );
    let url = "https://mira.example/refunds";
    let body = json!({ "refund_policy": "Within 30 days.", "refund_policy_url": url });
    let set = change(body).expect(200).await;
    assert_eq!(set["refund_policy_url"], url);
    assert_eq!(seen().await, (json!("Within 30 days."), json!(url)));
    change(json!({ "refund_policy_url": null }))
        .expect(200)
        .await;
    assert_eq!(seen().await, (json!("Within 30 days."), Value::Null));
}

#[tokio::test]
async fn a_charge_that_an_older_version_did_not_keep_is_read_when_it_is_disputed() {
    let app = app().await;
    let (_, lamp) = shop_with_policy(&app).await;
    let bought = checkout(&app, None, &lamp, IP).await;
    pay(&app, &bought, VISA).await;
    let kept = format!("charge_details WHERE payment_id = '{}'", bought.payment);
    assert_eq!(app.count(&kept).await, 1);
    app.sql(&format!("DELETE FROM {kept}")).await;
    let charge: String = app
        .query(&format!(
            "SELECT charge AS it FROM payments WHERE id = '{}'",
            bought.payment
        ))
        .await;
    app.simulate(&format!("/charges/{charge}/dispute"), json!({}))
        .await;
    app.settle().await;
    assert_eq!(app.count(&kept).await, 1);
    let pack = pack_of(&app, &bought).await;
    assert!(field(&pack, "uncategorized_text").contains("visa card that ends in 4242"));
}

/// What a dispute is that Visa calls fraud and Stripe lets be answered so.
fn qualifying() -> Value {
    json!({ "reason": "fraudulent", "enhanced": "visa_compelling_evidence_3" })
}

/// Earlier purchases of a buyer with a card, each so many days before now and from an address; then the disputed one.
async fn history(app: &TestApp, lamp: &str, earlier: &[(i64, &str)], of: Value) -> Checkout {
    let mut buyer = app.member("sam").await;
    let mut now = earlier.iter().map(|(days, _)| *days).max().unwrap_or(0);
    for (days, ip) in earlier {
        app.advance((now - days) * DAY).await;
        now = *days;
        buyer = app.login(&buyer).await;
        let bought = checkout(app, Some(&buyer), lamp, ip).await;
        pay(app, &bought, VISA).await;
    }
    app.advance(now * DAY).await;
    app.settle().await;
    buyer = app.login(&buyer).await;
    let bought = checkout(app, Some(&buyer), lamp, IP).await;
    pay(app, &bought, VISA).await;
    let charge: String = app
        .query(&format!(
            "SELECT charge AS it FROM payments WHERE id = '{}'",
            bought.payment
        ))
        .await;
    app.simulate(&format!("/charges/{charge}/dispute"), of)
        .await;
    app.settle().await;
    bought
}

fn priors(pack: &Pack) -> Option<&Vec<Value>> {
    let three = &pack.fields.get("enhanced_evidence")?["visa_compelling_evidence_3"];
    three["prior_undisputed_transactions"].as_array()
}

#[tokio::test]
async fn two_earlier_undisputed_payments_of_the_same_card_and_address_are_compelling() {
    let app = app().await;
    let (_, lamp) = shop_with_policy(&app).await;
    let bought = history(
        &app,
        &lamp,
        &[(300, IP), (200, IP), (121, IP), (30, IP)],
        qualifying(),
    )
    .await;
    let pack = pack_of(&app, &bought).await;
    let two = priors(&pack).expect("two");
    assert_eq!(two.len(), 2, "{two:?}");
    let charges = "SELECT charge AS it FROM payments WHERE paid_at IS NOT NULL ORDER BY paid_at DESC, id DESC LIMIT 1 OFFSET ";
    for (prior, at) in two.iter().zip([2, 3]) {
        let charge: String = app.query(&format!("{charges}{at}")).await;
        assert_eq!(
            prior["charge"], charge,
            "the newest two that are old enough"
        );
        assert_eq!(prior["customer_purchase_ip"], IP);
        assert_eq!(prior["customer_account_id"], "sam@example.com");
        assert_eq!(prior["product_description"], "2 × Brass lamp");
    }
    let disputed =
        &pack.fields["enhanced_evidence"]["visa_compelling_evidence_3"]["disputed_transaction"];
    assert_eq!(disputed["merchandise_or_services"], "merchandise");
    assert_eq!(disputed["customer_purchase_ip"], IP);
}

#[tokio::test]
async fn an_earlier_payment_that_was_disputed_itself_is_none_of_the_two() {
    let app = app().await;
    let (_, lamp) = shop_with_policy(&app).await;
    let bought = history(
        &app,
        &lamp,
        &[(300, IP), (200, IP), (150, IP)],
        qualifying(),
    )
    .await;
    let charge_of = async |nth: usize| -> String {
        let of = "SELECT charge AS it FROM payments WHERE paid_at IS NOT NULL ORDER BY paid_at DESC, id DESC LIMIT 1 OFFSET";
        app.query(&format!("{of} {nth}")).await
    };
    let newest = charge_of(1).await;
    let named = |pack: &Pack| -> Vec<String> {
        let two = priors(pack).expect("two").iter();
        two.map(|prior| text(prior, "charge")).collect()
    };
    let before = named(&pack_of(&app, &bought).await);
    assert_eq!(before, [newest.clone(), charge_of(2).await]);
    app.simulate(
        &format!("/charges/{newest}/dispute"),
        json!({ "inquiry": true }),
    )
    .await;
    app.settle().await;
    let after = named(&pack_of(&app, &bought).await);
    assert_eq!(after, [charge_of(2).await, charge_of(3).await]);
}

#[tokio::test]
async fn an_earlier_payment_that_was_reported_as_fraud_is_none_of_the_two() {
    let app = app().await;
    let (_, lamp) = shop_with_policy(&app).await;
    let earlier = [(200, IP), (150, IP)];
    let bought = history(&app, &lamp, &earlier, qualifying()).await;
    assert_eq!(priors(&pack_of(&app, &bought).await).map(Vec::len), Some(2));
    let of = "SELECT charge AS it FROM payments WHERE paid_at IS NOT NULL ORDER BY paid_at DESC, id DESC LIMIT 1 OFFSET 1";
    let charge: String = app.query(of).await;
    app.simulate(&format!("/charges/{charge}/early_fraud_warning"), json!({}))
        .await;
    app.settle().await;
    assert_eq!(app.count("early_fraud_warnings").await, 1);
    assert!(priors(&pack_of(&app, &bought).await).is_none());
}

#[tokio::test]
async fn an_earlier_payment_is_none_of_the_two_unless_it_was_kept_and_made_by_the_same_card_and_buyer()
 {
    let app = app().await;
    let (_, lamp) = shop_with_policy(&app).await;
    let earlier = [(200, IP), (150, IP)];
    let bought = history(&app, &lamp, &earlier, qualifying()).await;
    let two = async || priors(&pack_of(&app, &bought).await).map(Vec::len);
    assert_eq!(two().await, Some(2));
    let of = "SELECT id AS it FROM payments WHERE paid_at IS NOT NULL ORDER BY paid_at DESC, id DESC LIMIT 1 OFFSET 1";
    let payment: String = app.query(of).await;
    let paid = format!("SELECT order_id FROM payment_orders WHERE payment_id = '{payment}'");
    for (table, spoilt, whole, row) in [
        (
            "payments",
            "amount_refunded = amount_paid",
            "amount_refunded = 0",
            format!("id = '{payment}'"),
        ),
        (
            "charge_details",
            "fingerprint = fingerprint || 'x'",
            "fingerprint = REPLACE(fingerprint, 'x', '')",
            format!("payment_id = '{payment}'"),
        ),
        (
            "charge_details",
            "charge_account = charge_account || 'x'",
            "charge_account = REPLACE(charge_account, 'x', '')",
            format!("payment_id = '{payment}'"),
        ),
        (
            "orders",
            "buyer_id = NULL, email = 'x' || email",
            "email = SUBSTR(email, 2)",
            format!("id IN ({paid})"),
        ),
    ] {
        app.sql(&format!("UPDATE {table} SET {spoilt} WHERE {row}"))
            .await;
        assert_eq!(two().await, None, "{table} {spoilt}");
        app.sql(&format!("UPDATE {table} SET {whole} WHERE {row}"))
            .await;
        // The same address of mail is enough.
        assert_eq!(two().await, Some(2), "{table} {whole}");
    }
}

#[tokio::test]
async fn what_stripe_says_of_compelling_evidence_goes_before_what_we_reckon() {
    let app = app().await;
    let (_, lamp) = shop_with_policy(&app).await;
    let earlier = [(200, IP), (150, IP)];
    let other = json!({ "reason": "fraudulent" });
    let bought = history(&app, &lamp, &earlier, other).await;
    let mut dispute = dispute_of(&app, &bought).await;
    assert_eq!(dispute.network_reason_code.as_deref(), Some("10.4"));
    for (says, is_compelling) in [
        (json!({}), false),
        (
            json!({ "visa_compelling_evidence_3": { "status": "not_qualified" } }),
            false,
        ),
        (
            json!({ "visa_compelling_evidence_3": { "status": "requires_action" } }),
            true,
        ),
        (
            json!({ "visa_compelling_evidence_3": { "status": "qualified" } }),
            true,
        ),
        (
            json!({ "visa_compliance": { "status": "requires_fee_acknowledgement" } }),
            false,
        ),
    ] {
        dispute.enhanced_eligibility.0 = says.clone();
        let pack = pack::pack(&app.app.db.read, &dispute)
            .await
            .expect("a pack");
        assert_eq!(priors(&pack).is_some(), is_compelling, "{says}");
    }
    dispute.network_reason_code = Some("10.5".to_owned());
    dispute.enhanced_eligibility.0 =
        json!({ "visa_compelling_evidence_3": { "status": "qualified" } });
    let pack = pack::pack(&app.app.db.read, &dispute)
        .await
        .expect("a pack");
    assert!(priors(&pack).is_none(), "it is no 10.4");
}

#[tokio::test]
async fn two_charges_that_look_the_same_are_explained() {
    let app = app().await;
    let (_, lamp) = shop_with_policy(&app).await;
    let first = checkout(&app, None, &lamp, IP).await;
    pay(&app, &first, VISA).await;
    let second = checkout(&app, None, &lamp, IP).await;
    pay(&app, &second, VISA).await;
    let charge_of = async |checkout: &Checkout| -> String {
        let of = format!(
            "SELECT charge AS it FROM payments WHERE id = '{}'",
            checkout.payment
        );
        app.query(&of).await
    };
    let dispute = format!("/charges/{}/dispute", charge_of(&second).await);
    app.simulate(&dispute, json!({ "reason": "duplicate" }))
        .await;
    app.settle().await;
    let pack = pack_of(&app, &second).await;
    assert_eq!(field(&pack, "duplicate_charge_id"), charge_of(&first).await);
    let explained = field(&pack, "duplicate_charge_explanation");
    assert!(
        explained.contains(&first.order) && explained.contains(&second.order),
        "{explained}"
    );
}

#[tokio::test]
async fn earlier_payments_that_are_too_young_too_old_or_from_elsewhere_are_not() {
    let app = app().await;
    let (_, lamp) = shop_with_policy(&app).await;
    let elsewhere = "203.0.113.9";
    let earlier = [(366, IP), (250, elsewhere), (200, IP), (118, IP), (5, IP)];
    let bought = history(&app, &lamp, &earlier, qualifying()).await;
    assert!(
        priors(&pack_of(&app, &bought).await).is_none(),
        "only one fits"
    );
}

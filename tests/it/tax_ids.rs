//! Tax ids of a buyer with a seller: added and removed here and at Stripe, each once whatever is answered.

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{Has, Shop, TestApp, User, assumed, text};

const HOUR: i64 = 3_600;

async fn shop_and_buyer() -> (TestApp, Shop, User) {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let sam = app.member("sam").await;
    (app, shop, sam)
}

fn body(shop: &Shop, kind: &str, value: &str) -> Value {
    json!({ "seller_id": shop.id, "type": kind, "value": value })
}

async fn add(app: &TestApp, shop: &Shop, buyer: &User, kind: &str, value: &str) -> Value {
    let added = app.post("/v1/tax_ids", body(shop, kind, value)).by(buyer);
    added.expect(201).await
}

async fn remove(app: &TestApp, buyer: &User, tax_id: &Value) -> Value {
    let path = format!("/v1/tax_ids/{}/remove", text(tax_id, "id"));
    app.post(path, json!({})).by(buyer).expect(200).await
}

async fn me(app: &TestApp, buyer: &User, shop: &Shop) -> Value {
    let path = format!("/v1/customers/me?seller_id={}", shop.id);
    app.get(path).by(buyer).expect(200).await
}

async fn ours(app: &TestApp, buyer: &User, shop: &Shop) -> Vec<Value> {
    let me = me(app, buyer, shop).await;
    me["tax_ids"].as_array().expect("a list").clone()
}

/// The path of the buyer's tax ids at Stripe.
async fn path_there(app: &TestApp, buyer: &User, shop: &Shop) -> String {
    let customer = text(&me(app, buyer, shop).await, "stripe_customer");
    format!("/customers/{customer}/tax_ids")
}

async fn there(app: &TestApp, buyer: &User, shop: &Shop) -> Vec<Value> {
    let path = path_there(app, buyer, shop).await;
    let list = app.stripe_api("GET", &path, &shop.account, &[]).await;
    list["data"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn a_tax_id_is_added_at_stripe_at_once_and_its_verification_follows() {
    let (app, shop, sam) = shop_and_buyer().await;
    let vat = add(&app, &shop, &sam, "eu_vat", "DE123456789").await;
    vat.has(json!({
        "object": "tax_id", "type": "eu_vat", "value": "DE123456789", "country": "DE", "status": "added",
        "verification": "pending", "refusal": null, "seller_id": shop.id,
    }));
    let at_stripe = there(&app, &sam, &shop).await;
    assert_eq!(at_stripe.len(), 1);
    at_stripe[0].has(json!({ "id": vat["stripe_tax_id"], "value": "DE123456789" }));
    let ein = add(&app, &shop, &sam, "us_ein", "12-3456789").await;
    ein.has(json!({ "status": "added", "verification": "unavailable", "country": "US" }));
    let bad = add(&app, &shop, &sam, "eu_vat", "FR00111111111").await;
    app.settle().await;
    app.advance(30).await;
    app.settle().await;
    let path = |one: &Value| format!("/v1/tax_ids/{}", text(one, "id"));
    let read = app.get(path(&vat)).by(&sam).expect(200).await;
    read.has(json!({ "verification": "verified" }));
    let read = app.get(path(&bad)).by(&sam).expect(200).await;
    read.has(json!({ "verification": "unverified" }));
    // The seller sees them with the customer, and has no other way to them.
    let list = app.get(format!("/v1/customers?seller_id={}", shop.id));
    let list = list.by(&shop.owner).expect(200).await;
    let values = list["data"][0]["tax_ids"].as_array().expect("a list");
    let values: Vec<&str> = values
        .iter()
        .filter_map(|one| one["value"].as_str())
        .collect();
    assert_eq!(values, ["DE123456789", "12-3456789", "FR00111111111"]);
    let answer = app.get(path(&vat)).by(&shop.owner);
    answer.refused(404, "not_found").await;
    assert_eq!(app.open_findings().await, []);
}

#[tokio::test]
async fn a_number_that_stripe_refuses_is_told_at_once_and_leaves_nothing_to_do() {
    let (app, shop, sam) = shop_and_buyer().await;
    let ask = || {
        let call = app.post("/v1/tax_ids", body(&shop, "eu_vat", "DE123"));
        call.by(&sam).keyed("one")
    };
    for _ in 0..2 {
        let refused = ask().refused(422, "tax_id_invalid").await;
        refused.has(json!({ "param": "value" }));
        let said = text(&refused, "detail");
        assert!(said.contains("Invalid value for eu_vat."), "{said}");
    }
    assert_eq!(
        app.count("jobs WHERE kind = 'send_tax_id' AND state = 'ready'")
            .await,
        0
    );
    app.settle().await;
    let list = ours(&app, &sam, &shop).await;
    assert_eq!(list.len(), 1);
    list[0].has(json!({ "status": "refused", "refusal": "Invalid value for eu_vat.", "stripe_tax_id": null }));
    // Given again it takes the place of the one before, and dismissed it is gone.
    app.post("/v1/tax_ids", body(&shop, "eu_vat", "DE 123"))
        .by(&sam)
        .refused(422, "tax_id_invalid")
        .await;
    let list = ours(&app, &sam, &shop).await;
    assert_eq!(list.len(), 1, "{list:?}");
    remove(&app, &sam, &list[0])
        .await
        .has(json!({ "status": "removed" }));
    assert_eq!(ours(&app, &sam, &shop).await, Vec::<Value>::new());
    // What it was given for goes on.
    add(&app, &shop, &sam, "eu_vat", "DE123456789").await;
    app.save_card(&sam, &shop, "pm_card_visa").await;
    assert_eq!(there(&app, &sam, &shop).await.len(), 1);
    app.settle().await;
    assert_eq!(app.open_findings().await, []);
}

#[tokio::test]
async fn a_second_one_is_never_made_however_it_is_written() {
    let (app, shop, sam) = shop_and_buyer().await;
    let first = add(&app, &shop, &sam, "eu_vat", "DE123456789").await;
    let again = add(&app, &shop, &sam, "eu_vat", "de 123.456.789").await;
    assert_eq!(first["id"], again["id"]);
    // The seller has given it to the customer in the dashboard, and no event has told of it.
    let path = path_there(&app, &sam, &shop).await;
    let form = [("type", "gb_vat"), ("value", "GB123456789")];
    let theirs = app.stripe_api("POST", &path, &shop.account, &form).await;
    app.intercept().await;
    let gb = add(&app, &shop, &sam, "gb_vat", "GB123456789").await;
    gb.has(json!({ "status": "added" }));
    if assumed("duplicate_tax_id") == "refused" {
        assert_eq!(gb["stripe_tax_id"], theirs["id"]);
        assert_eq!(there(&app, &sam, &shop).await.len(), 2);
    }
    app.settle().await;
    assert_eq!(app.count("tax_ids WHERE kind = 'eu_vat'").await, 1);
}

#[tokio::test]
async fn an_answer_that_is_lost_makes_one_tax_id_and_removes_one() {
    for kind in [
        FaultKind::CommitThenTimeout,
        FaultKind::TimeoutBeforeCommit,
        FaultKind::CommitThenError500,
        FaultKind::Error500,
    ] {
        let (app, shop, sam) = shop_and_buyer().await;
        let old = add(&app, &shop, &sam, "us_ein", "12-3456789").await;
        let path = format!("/v1{}", path_there(&app, &sam, &shop).await);
        app.fault("POST", &path, kind, None).await;
        let ask = || {
            let call = app.post("/v1/tax_ids", body(&shop, "eu_vat", "DE123456789"));
            call.by(&sam).keyed("one")
        };
        ask().refused(503, "stripe_unavailable").await;
        let list = ours(&app, &sam, &shop).await;
        list[1].has(json!({ "status": "adding", "value": "DE123456789" }));
        app.simulator.clear_faults().await;
        app.advance(20).await;
        app.settle().await;
        assert_eq!(there(&app, &sam, &shop).await.len(), 2, "{kind:?}");
        let made = ask().expect(201).await;
        made.has(json!({ "status": "added", "id": list[1]["id"] }));
        assert_eq!(there(&app, &sam, &shop).await.len(), 2, "{kind:?}");

        app.fault("DELETE", &path, kind, None).await;
        let gone = format!("/v1/tax_ids/{}/remove", text(&old, "id"));
        let answer = app.post(&gone, json!({})).by(&sam).await;
        // What Stripe no longer has is gone, whatever came of the first try.
        if matches!(kind, FaultKind::Error500 | FaultKind::TimeoutBeforeCommit) {
            answer.refused(503, "stripe_unavailable");
            ours(&app, &sam, &shop).await[0].has(json!({ "status": "removing" }));
        }
        app.simulator.clear_faults().await;
        app.advance(20).await;
        app.settle().await;
        let left = there(&app, &sam, &shop).await;
        assert_eq!(left.len(), 1, "{kind:?}");
        left[0].has(json!({ "value": "DE123456789" }));
        app.post(&gone, json!({}))
            .by(&sam)
            .refused(404, "not_found")
            .await;
        assert_eq!(ours(&app, &sam, &shop).await.len(), 1);
        assert_eq!(app.open_findings().await, []);
    }
}

#[tokio::test]
async fn one_that_is_removed_before_stripe_has_answered_is_gone_there_too() {
    let (app, shop, sam) = shop_and_buyer().await;
    add(&app, &shop, &sam, "us_ein", "12-3456789").await;
    let path = format!("/v1{}", path_there(&app, &sam, &shop).await);
    app.fault("POST", &path, FaultKind::CommitThenTimeout, None)
        .await;
    app.post("/v1/tax_ids", body(&shop, "eu_vat", "DE123456789"))
        .by(&sam)
        .refused(503, "stripe_unavailable")
        .await;
    app.simulator.clear_faults().await;
    let list = ours(&app, &sam, &shop).await;
    remove(&app, &sam, &list[1])
        .await
        .has(json!({ "status": "removed" }));
    app.settle().await;
    assert_eq!(there(&app, &sam, &shop).await.len(), 1);
    assert_eq!(ours(&app, &sam, &shop).await.len(), 1);
    // And it can be given again.
    add(&app, &shop, &sam, "eu_vat", "DE123456789").await;
    assert_eq!(there(&app, &sam, &shop).await.len(), 2);
    app.settle().await;
}

#[tokio::test]
async fn what_is_done_at_stripe_is_followed_and_every_event_twice_changes_nothing() {
    let (app, shop, sam) = shop_and_buyer().await;
    let mine = add(&app, &shop, &sam, "eu_vat", "DE123456789").await;
    app.settle().await;
    let path = path_there(&app, &sam, &shop).await;
    let form = [("type", "au_abn"), ("value", "12345678912")];
    app.stripe_api("POST", &path, &shop.account, &form).await;
    let at = format!("{path}/{}", text(&mine, "stripe_tax_id"));
    app.stripe_api("DELETE", &at, &shop.account, &[]).await;
    let events = app.intercept().await;
    for event in events.iter().rev().chain(&events) {
        app.deliver(event).await;
        app.settle().await;
    }
    let list = ours(&app, &sam, &shop).await;
    assert_eq!(list.len(), 1, "{list:?}");
    list[0].has(
        json!({ "type": "au_abn", "value": "12345678912", "status": "added", "country": "AU" }),
    );
    let gone = format!("/v1/tax_ids/{}", text(&mine, "id"));
    app.get(gone).by(&sam).refused(404, "not_found").await;
    // The buyer may remove what somebody else has given them.
    remove(&app, &sam, &list[0]).await;
    assert_eq!(there(&app, &sam, &shop).await, Vec::<Value>::new());
    app.settle().await;
    // More than a page of what a customer carries itself.
    for number in 0..12 {
        let value = format!("1234567{number:02}");
        let form = [("type", "us_ein"), ("value", value.as_str())];
        app.stripe_api("POST", &path, &shop.account, &form).await;
    }
    app.settle().await;
    assert_eq!(ours(&app, &sam, &shop).await.len(), 12);
    app.post("/v1/tax_ids", body(&shop, "eu_vat", "DE123456789"))
        .by(&sam)
        .refused(409, "too_many_tax_ids")
        .await;
}

#[tokio::test]
async fn a_customer_that_is_made_anew_gets_their_tax_ids_again() {
    let (app, shop, sam) = shop_and_buyer().await;
    add(&app, &shop, &sam, "eu_vat", "DE123456789").await;
    let first = text(&me(&app, &sam, &shop).await, "stripe_customer");
    let path = format!("/customers/{first}");
    app.stripe_api("DELETE", &path, &shop.account, &[]).await;
    app.settle().await;
    ours(&app, &sam, &shop).await[0].has(json!({ "status": "adding", "stripe_tax_id": null }));
    app.save_card(&sam, &shop, "pm_card_visa").await;
    app.settle().await;
    ours(&app, &sam, &shop).await[0].has(json!({ "status": "added" }));
    assert_eq!(there(&app, &sam, &shop).await.len(), 1);
    // Deleted, and no event tells of it: the next one finds it out.
    let second = text(&me(&app, &sam, &shop).await, "stripe_customer");
    assert_ne!(first, second);
    let path = format!("/customers/{second}");
    app.stripe_api("DELETE", &path, &shop.account, &[]).await;
    app.intercept().await;
    app.post("/v1/tax_ids", body(&shop, "us_ein", "12-3456789"))
        .by(&sam)
        .refused(503, "busy")
        .await;
    add(&app, &shop, &sam, "us_ein", "12-3456789").await;
    app.settle().await;
    assert_eq!(there(&app, &sam, &shop).await.len(), 2);
    assert_eq!(ours(&app, &sam, &shop).await.len(), 2);
}

#[tokio::test]
async fn two_tabs_add_one_and_strangers_see_none() {
    let (app, shop, sam) = shop_and_buyer().await;
    let ask = || {
        app.post("/v1/tax_ids", body(&shop, "eu_vat", "DE123456789"))
            .by(&sam)
    };
    let (one, two) = tokio::join!(ask(), ask());
    for answer in [&one, &two] {
        assert!([201, 503].contains(&answer.status), "{}", answer.text);
    }
    app.advance(20).await;
    app.settle().await;
    assert_eq!(there(&app, &sam, &shop).await.len(), 1);
    let list = ours(&app, &sam, &shop).await;
    assert_eq!(list.len(), 1);
    let eve = app.member("eve").await;
    let path = format!("/v1/tax_ids/{}", text(&list[0], "id"));
    for who in [&eve, &shop.owner] {
        app.get(&path).by(who).refused(404, "not_found").await;
        app.post(format!("{path}/remove"), json!({}))
            .by(who)
            .refused(404, "not_found")
            .await;
    }
    for (field, kind, value) in [
        ("type", "eu_tax", "DE123456789"),
        ("type", "unknown", "DE123456789"),
        ("value", "eu_vat", " . "),
        ("value", "eu_vat", "DE\u{7}1"),
    ] {
        let call = app.post("/v1/tax_ids", body(&shop, kind, value)).by(&sam);
        call.refuses_field(field).await;
    }
    let leave = format!("/accounts/{}/deauthorize", shop.account);
    app.simulate(&leave, json!({})).await;
    app.post(format!("{path}/remove"), json!({}))
        .by(&sam)
        .refused(409, "seller_not_active")
        .await;
    app.post("/v1/tax_ids", body(&shop, "us_ein", "12-3456789"))
        .by(&sam)
        .refused(409, "seller_not_active")
        .await;
    app.advance(HOUR).await;
    app.settle().await;
}

#[test]
fn the_contract_names_the_types_that_stripe_takes() {
    let contract = include_str!("../../openapi.yaml");
    let at = contract.find("    TaxIdCreate:").expect("it");
    let line = contract[at..].lines().find(|line| line.contains("enum: ["));
    let line = line.expect("types").trim();
    let named: Vec<&str> = line
        .trim_start_matches("enum: [")
        .trim_end_matches(']')
        .split(", ")
        .collect();
    assert_eq!(named, souk::stripe::requests::tax_ids::TYPES);
}

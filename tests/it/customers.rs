//! Customers, setup intents and saved cards.

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{Has, Shop, TestApp, User, text};

const HOUR: i64 = 3_600;

async fn shop_and_buyer() -> (TestApp, Shop, User) {
    let app = TestApp::with(&[("STRIPE_PUBLISHABLE_KEY", "pk_test_suite")]).await;
    let shop = app.shop("mira").await;
    let sam = app.member("sam").await;
    (app, shop, sam)
}

async fn open(app: &TestApp, shop: &Shop, buyer: &User) -> Value {
    let body = json!({ "seller_id": shop.id });
    let setup = app.post("/v1/setup_intents", body).by(buyer).expect(201);
    setup.await
}

async fn read(app: &TestApp, buyer: &User, setup: &str) -> Value {
    let path = format!("/v1/setup_intents/{setup}");
    app.get(path).by(buyer).expect(200).await
}

async fn verify(app: &TestApp, buyer: &User, setup: &str) -> Value {
    let path = format!("/v1/setup_intents/{setup}/verify");
    app.post(path, json!({})).by(buyer).expect(200).await
}

/// What a buyer has saved with a shop.
async fn cards(app: &TestApp, buyer: &User, shop: &Shop) -> Vec<Value> {
    let path = format!("/v1/payment_methods?seller_id={}", shop.id);
    let list = app.get(path).by(buyer).expect(200).await;
    list["data"].as_array().expect("a list").clone()
}

/// A card that a buyer saves with a shop; its id.
async fn card(app: &TestApp, buyer: &User, shop: &Shop, named: &str) -> String {
    let setup = app.save_card(buyer, shop, named).await;
    text(&read(app, buyer, &setup).await, "payment_method")
}

async fn me(app: &TestApp, buyer: &User, shop: &Shop) -> Value {
    let path = format!("/v1/customers/me?seller_id={}", shop.id);
    app.get(path).by(buyer).expect(200).await
}

/// The customers that Stripe has on a shop's account.
async fn at_stripe(app: &TestApp, shop: &Shop) -> Vec<Value> {
    let list = app
        .stripe_api("GET", "/customers", &shop.account, &[])
        .await;
    list["data"].as_array().expect("a list").clone()
}

/// The one customer that Stripe has on a shop's account.
async fn the_one_at_stripe(app: &TestApp, shop: &Shop) -> Value {
    let mut all = at_stripe(app, shop).await;
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[tokio::test]
async fn a_card_is_saved_on_the_sellers_account_without_paying() {
    let (app, shop, sam) = shop_and_buyer().await;
    let setup = open(&app, &shop, &sam).await;
    setup.has(json!({
        "object": "setup_intent", "status": "open", "seller_id": shop.id, "stripe_account": shop.account,
        "publishable_key": "pk_test_suite", "payment_method": null, "mandate": null, "last_error": null,
    }));
    let id = text(&setup, "id");
    let secret = text(&setup, "client_secret");
    assert!(secret.starts_with(&id), "{secret}");
    assert_eq!(
        read(&app, &sam, &id).await["client_secret"],
        secret.as_str()
    );
    app.confirm_setup(&shop, &id, "pm_card_visa").await;
    app.settle().await;
    let saved = read(&app, &sam, &id).await;
    saved.has(json!({ "status": "succeeded", "client_secret": null }));
    let list = cards(&app, &sam, &shop).await;
    assert_eq!(list.len(), 1);
    list[0].has(json!({
        "id": saved["payment_method"], "object": "payment_method", "customer_id": saved["customer_id"],
        "seller_id": shop.id, "type": "card", "brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2029,
        "wallet": null, "is_default": false, "off_session": false, "detached_at": null,
    }));
    let customer = the_one_at_stripe(&app, &shop).await;
    customer.has(json!({ "name": "sam", "email": "sam@example.com" }));
    me(&app, &sam, &shop)
        .await
        .has(json!({ "id": saved["customer_id"], "stripe_customer": customer["id"] }));
    let path = format!("/v1/customers?seller_id={}", shop.id);
    let seen = app.get(path).by(&shop.owner).expect(200).await;
    assert_eq!(seen["data"][0]["id"], saved["customer_id"]);
    // No payment, and so no order, and nothing moved.
    assert_eq!(app.count("payments").await + app.count("orders").await, 0);
    let stored = "setup_intents WHERE request LIKE '%secret%' OR last_error LIKE '%secret%' OR metadata LIKE '%secret%'";
    assert_eq!(app.count(stored).await, 0);
}

#[tokio::test]
async fn verify_alone_finds_out_that_a_card_is_saved_and_every_event_twice_changes_nothing() {
    let (app, shop, sam) = shop_and_buyer().await;
    let id = text(&open(&app, &shop, &sam).await, "id");
    verify(&app, &sam, &id)
        .await
        .has(json!({ "status": "open" }));
    app.confirm_setup(&shop, &id, "pm_card_mastercard").await;
    // Stripe is asked once in two seconds.
    verify(&app, &sam, &id)
        .await
        .has(json!({ "status": "open" }));
    app.advance(2).await;
    verify(&app, &sam, &id)
        .await
        .has(json!({ "status": "succeeded" }));
    let before = cards(&app, &sam, &shop).await;
    assert_eq!(before[0]["brand"], "mastercard");
    let events = app.intercept().await;
    for event in events.iter().rev().chain(&events) {
        app.deliver(event).await;
        app.settle().await;
    }
    assert_eq!(cards(&app, &sam, &shop).await, before);
}

#[tokio::test]
async fn a_decline_leaves_the_intent_open_with_words_that_help_and_the_next_card_is_saved() {
    let (app, shop, sam) = shop_and_buyer().await;
    let id = text(&open(&app, &shop, &sam).await, "id");
    for (named, code, words) in [
        (
            "pm_card_chargeDeclinedStolenCard",
            "generic_decline",
            "The bank declined the card.",
        ),
        (
            "pm_card_chargeDeclinedInsufficientFunds",
            "insufficient_funds",
            "There isn't enough money",
        ),
    ] {
        app.confirm_setup(&shop, &id, named).await;
        app.settle().await;
        let setup = read(&app, &sam, &id).await;
        setup.has(json!({ "status": "open", "payment_method": null }));
        setup["last_error"].has(json!({ "decline_code": code }));
        let said = text(&setup["last_error"], "message");
        assert!(said.starts_with(words), "{said}");
    }
    assert_eq!(cards(&app, &sam, &shop).await, Vec::<Value>::new());
    // The bank wants to see the buyer.
    app.confirm_setup(&shop, &id, "pm_card_threeDSecure2Required")
        .await;
    app.settle().await;
    read(&app, &sam, &id)
        .await
        .has(json!({ "status": "open", "last_error": null }));
    let path = format!("/setup_intents/{id}/challenge");
    app.simulate(&path, json!({ "outcome": "complete" })).await;
    app.settle().await;
    read(&app, &sam, &id)
        .await
        .has(json!({ "status": "succeeded" }));
    assert_eq!(cards(&app, &sam, &shop).await[0]["last4"], "3220");
}

#[tokio::test]
async fn a_setup_intent_is_canceled_by_its_buyer_or_after_a_day_and_a_late_success_counts() {
    let (app, shop, sam) = shop_and_buyer().await;
    let id = text(&open(&app, &shop, &sam).await, "id");
    let path = format!("/v1/setup_intents/{id}/cancel");
    app.post(&path, json!({}))
        .by(&sam)
        .expect(200)
        .await
        .has(json!({ "status": "canceled", "client_secret": null }));
    app.post(&path, json!({}))
        .by(&sam)
        .refused(409, "setup_intent_not_open")
        .await;

    let left = text(&open(&app, &shop, &sam).await, "id");
    let late = text(&open(&app, &shop, &sam).await, "id");
    app.settle().await;
    app.advance(25 * HOUR).await;
    app.confirm_setup(&shop, &late, "pm_card_visa").await;
    app.intercept().await;
    souk::payments::setups::sweep(&app.app)
        .await
        .expect("sweeps");
    app.settle().await;
    let sam = app.login(&sam).await;
    read(&app, &sam, &left)
        .await
        .has(json!({ "status": "canceled" }));
    read(&app, &sam, &late)
        .await
        .has(json!({ "status": "succeeded" }));
    let path = format!("/setup_intents/{left}");
    let there = app.stripe_api("GET", &path, &shop.account, &[]).await;
    assert_eq!(there["status"], "canceled");
    assert_eq!(cards(&app, &sam, &shop).await.len(), 1);
}

#[tokio::test]
async fn what_stripe_does_not_answer_is_made_once() {
    let (app, shop, _) = shop_and_buyer().await;
    let faults = [
        ("/v1/customers", FaultKind::CommitThenTimeout),
        ("/v1/customers", FaultKind::CommitThenError500),
        ("/v1/setup_intents", FaultKind::CommitThenTimeout),
        ("/v1/setup_intents", FaultKind::CommitThenError500),
        ("/v1/setup_intents", FaultKind::Error500),
    ];
    for (at, (path, kind)) in faults.into_iter().enumerate() {
        let buyer = app.member(&format!("buyer{at}")).await;
        let body = json!({ "seller_id": shop.id });
        let ask = || {
            app.post("/v1/setup_intents", body.clone())
                .by(&buyer)
                .keyed("one-setup")
        };
        app.fault("POST", path, kind, None).await;
        ask().refused(503, "stripe_unavailable").await;
        app.simulator.clear_faults().await;
        let setup = ask().expect(201).await;
        let again = ask().expect(201).await;
        assert_eq!(setup["id"], again["id"]);
        let list = app.stripe_api("GET", "/setup_intents", &shop.account, &[]);
        let list = list.await["data"].as_array().map(Vec::len);
        let customers = at_stripe(&app, &shop).await.len();
        assert_eq!((list, customers), (Some(at + 1), at + 1), "{path}");
    }
    app.settle().await;
}

#[tokio::test]
async fn an_event_that_comes_before_the_answer_waits_for_it() {
    let (app, shop, sam) = shop_and_buyer().await;
    let path = "/v1/setup_intents";
    app.fault("POST", path, FaultKind::CommitThenTimeout, None)
        .await;
    app.post(path, json!({ "seller_id": shop.id }))
        .by(&sam)
        .refused(503, "stripe_unavailable")
        .await;
    app.simulator.clear_faults().await;
    let list = app
        .stripe_api("GET", "/setup_intents", &shop.account, &[])
        .await;
    let id = text(&list["data"][0], "id");
    app.confirm_setup(&shop, &id, "pm_card_visa").await;
    app.apply_events().await;
    assert!(app.count("inbox_events WHERE state = 'deferred'").await > 0);
    app.advance(20).await;
    app.settle().await;
    assert_eq!(app.count("inbox_events WHERE state = 'deferred'").await, 0);
    assert_eq!(cards(&app, &sam, &shop).await.len(), 1);
}

#[tokio::test]
async fn the_default_card_is_the_one_of_invoices_and_follows_stripe() {
    let (app, shop, sam) = shop_and_buyer().await;
    let visa = card(&app, &sam, &shop, "pm_card_visa").await;
    let amex = card(&app, &sam, &shop, "pm_card_amex").await;
    let default = async |id: &str| {
        let path = format!("/v1/payment_methods/{id}/default");
        app.post(path, json!({})).by(&sam).expect(200).await
    };
    let there = async || {
        let customer = the_one_at_stripe(&app, &shop).await;
        customer["invoice_settings"]["default_payment_method"].clone()
    };
    let ours = async || me(&app, &sam, &shop).await["default_payment_method"].clone();
    default(&visa).await.has(json!({ "is_default": true }));
    default(&amex).await.has(json!({ "is_default": true }));
    app.settle().await;
    assert_eq!((there().await, ours().await), (json!(amex), json!(amex)));
    // Somebody chooses another in the dashboard.
    let path = format!(
        "/customers/{}",
        text(&me(&app, &sam, &shop).await, "stripe_customer")
    );
    let form = [("invoice_settings[default_payment_method]", visa.as_str())];
    app.stripe_api("POST", &path, &shop.account, &form).await;
    app.settle().await;
    assert_eq!(ours().await, json!(visa));
    // Without the default there is none, on either side.
    let path = format!("/v1/payment_methods/{visa}/detach");
    let gone = app.post(&path, json!({})).by(&sam).expect(200).await;
    assert!(gone["detached_at"].is_string(), "{gone}");
    app.settle().await;
    assert_eq!((there().await, ours().await), (Value::Null, Value::Null));
    app.post(&path, json!({}))
        .by(&sam)
        .refused(404, "not_found")
        .await;
    let left = cards(&app, &sam, &shop).await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["id"], amex.as_str());
}

#[tokio::test]
async fn cards_follow_what_is_done_to_them_at_stripe() {
    let (app, shop, sam) = shop_and_buyer().await;
    let visa = card(&app, &sam, &shop, "pm_card_visa").await;
    let amex = card(&app, &sam, &shop, "pm_card_amex").await;
    let path = format!("/payment_methods/{visa}");
    let form = [("card[exp_month]", "3"), ("card[exp_year]", "2031")];
    app.stripe_api("POST", &path, &shop.account, &form).await;
    let path = format!("/payment_methods/{amex}/detach");
    app.stripe_api("POST", &path, &shop.account, &[]).await;
    app.settle().await;
    let list = cards(&app, &sam, &shop).await;
    assert_eq!(list.len(), 1, "{list:?}");
    list[0].has(json!({ "id": visa, "exp_month": 3, "exp_year": 2031 }));
    // A detached card stays so, whatever is read again.
    let setup: String = app
        .query(&format!(
            "SELECT id AS it FROM setup_intents WHERE payment_method = '{amex}'"
        ))
        .await;
    souk::payments::setups::sync(&app.app, &setup.as_str().into())
        .await
        .expect("reads");
    assert_eq!(cards(&app, &sam, &shop).await.len(), 1);
}

#[tokio::test]
async fn a_card_that_nothing_of_ours_has_saved_is_not_the_buyers() {
    let (app, shop, sam) = shop_and_buyer().await;
    let mine = card(&app, &sam, &shop, "pm_card_visa").await;
    let customer = text(&me(&app, &sam, &shop).await, "stripe_customer");
    // The seller attaches one in the dashboard.
    let form = [("customer", customer.as_str())];
    let path = "/payment_methods/pm_card_amex/attach";
    let theirs = app.stripe_api("POST", path, &shop.account, &form).await;
    app.settle().await;
    let list = cards(&app, &sam, &shop).await;
    assert_eq!(list.len(), 1);
    assert_eq!(list[0]["id"], mine.as_str());
    let path = format!("/v1/payment_methods/{}", text(&theirs, "id"));
    app.get(path).by(&sam).refused(404, "not_found").await;
}

#[tokio::test]
async fn what_a_customer_is_called_and_billed_as_goes_both_ways() {
    let (app, shop, sam) = shop_and_buyer().await;
    let path = format!("/v1/customers/me?seller_id={}", shop.id);
    app.get(&path).by(&sam).refused(404, "not_found").await;
    let change = async |mut body: Value| {
        body["seller_id"] = json!(shop.id);
        app.patch("/v1/customers/me", body)
            .by(&sam)
            .expect(200)
            .await
    };
    // Before Stripe knows the buyer.
    change(json!({ "phone": "+4930123456", "metadata": { "club": "gold", "size": "m" } }))
        .await
        .has(json!({ "stripe_customer": null, "phone": "+4930123456", "name": "sam" }));
    assert_eq!(at_stripe(&app, &shop).await, Vec::<Value>::new());
    app.save_card(&sam, &shop, "pm_card_visa").await;
    let there = the_one_at_stripe(&app, &shop).await;
    there.has(json!({ "phone": "+4930123456" }));
    there["metadata"].has(json!({ "club": "gold", "size": "m" }));
    // Afterwards.
    let address = json!({ "line1": "Hauptstr. 1", "city": "Berlin", "postal_code": "10115", "country": "DE" });
    change(json!({
        "name": "Sam Buyer", "phone": null, "address": address, "metadata": { "size": "", "club": "silver" },
    }))
    .await;
    app.settle().await;
    let there = the_one_at_stripe(&app, &shop).await;
    there.has(json!({ "name": "Sam Buyer", "phone": null }));
    there["address"].has(address);
    assert_eq!(there["metadata"]["club"], "silver");
    assert_eq!(there["metadata"]["size"], Value::Null);
    change(json!({ "address": null, "metadata": { "size": "" } }))
        .await
        .has(json!({ "address": null }));
    app.settle().await;
    let there = the_one_at_stripe(&app, &shop).await;
    assert_eq!(there["address"], Value::Null);
    // In the dashboard.
    let form = [
        ("name", "Sam B."),
        ("metadata[club]", ""),
        ("metadata[vip]", "yes"),
        ("address[city]", "Potsdam"),
    ];
    let path = format!("/customers/{}", text(&there, "id"));
    app.stripe_api("POST", &path, &shop.account, &form).await;
    app.settle().await;
    let ours = me(&app, &sam, &shop).await;
    ours.has(json!({ "name": "Sam B.", "metadata": { "vip": "yes" } }));
    // Of one change each side keeps what the other didn't touch.
    change(json!({ "metadata": { "vip": "no" } })).await;
    let form = [("metadata[hat]", "56")];
    app.stripe_api("POST", &path, &shop.account, &form).await;
    app.settle().await;
    let ours = me(&app, &sam, &shop).await;
    assert_eq!(ours["metadata"], json!({ "vip": "no", "hat": "56" }));
    assert_eq!(app.open_findings().await, vec![]);
}

#[tokio::test]
async fn a_customer_that_is_deleted_at_stripe_is_made_anew_when_the_buyer_saves_something() {
    let (app, shop, sam) = shop_and_buyer().await;
    let visa = card(&app, &sam, &shop, "pm_card_visa").await;
    let first = text(&me(&app, &sam, &shop).await, "stripe_customer");
    let path = format!("/customers/{first}");
    app.stripe_api("DELETE", &path, &shop.account, &[]).await;
    app.settle().await;
    me(&app, &sam, &shop)
        .await
        .has(json!({ "stripe_customer": null, "default_payment_method": null }));
    assert_eq!(cards(&app, &sam, &shop).await, Vec::<Value>::new());
    let path = format!("/v1/payment_methods/{visa}");
    app.get(path).by(&sam).refused(404, "not_found").await;
    card(&app, &sam, &shop, "pm_card_amex").await;
    let second = text(&the_one_at_stripe(&app, &shop).await, "id");
    assert_ne!(first, second);
    assert_eq!(cards(&app, &sam, &shop).await.len(), 1);
    assert_eq!(app.count("customers").await, 1);
}

#[tokio::test]
async fn a_deletion_that_no_event_told_of_is_found_out_by_the_next_setup() {
    let (app, shop, sam) = shop_and_buyer().await;
    card(&app, &sam, &shop, "pm_card_visa").await;
    let first = text(&me(&app, &sam, &shop).await, "stripe_customer");
    let path = format!("/customers/{first}");
    app.stripe_api("DELETE", &path, &shop.account, &[]).await;
    app.intercept().await;
    let body = json!({ "seller_id": shop.id });
    app.post("/v1/setup_intents", body)
        .by(&sam)
        .refused(409, "stripe_refused")
        .await;
    app.settle().await;
    open(&app, &shop, &sam).await;
    let second = text(&me(&app, &sam, &shop).await, "stripe_customer");
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_change_that_stripe_refuses_is_undone_and_a_finding() {
    let (app, shop, sam) = shop_and_buyer().await;
    let visa = card(&app, &sam, &shop, "pm_card_visa").await;
    // It is detached at Stripe at this moment, and its event is late.
    let path = format!("/payment_methods/{visa}/detach");
    app.stripe_api("POST", &path, &shop.account, &[]).await;
    let late = app.intercept().await;
    let path = format!("/v1/payment_methods/{visa}/default");
    app.post(path, json!({})).by(&sam).expect(200).await;
    app.settle().await;
    me(&app, &sam, &shop)
        .await
        .has(json!({ "default_payment_method": null }));
    let id = text(&me(&app, &sam, &shop).await, "id");
    let finding = ("customer_change_refused".to_owned(), id);
    assert_eq!(app.open_findings().await, vec![finding]);
    for event in &late {
        app.deliver(event).await;
    }
    let body = json!({ "seller_id": shop.id, "name": "Sam Buyer" });
    app.patch("/v1/customers/me", body)
        .by(&sam)
        .expect(200)
        .await;
    app.settle().await;
    assert_eq!(app.open_findings().await, vec![]);
}

#[tokio::test]
async fn each_seller_has_a_customer_of_their_own_and_strangers_see_none_of_it() {
    let (app, shop, sam) = shop_and_buyer().await;
    let other = app.shop("noor").await;
    let eve = app.member("eve").await;
    let visa = card(&app, &sam, &shop, "pm_card_visa").await;
    let amex = card(&app, &sam, &other, "pm_card_amex").await;
    let all = app.get("/v1/payment_methods").by(&sam).expect(200).await;
    assert_eq!(all["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(cards(&app, &sam, &shop).await[0]["id"], visa.as_str());
    assert_eq!(cards(&app, &sam, &other).await[0]["id"], amex.as_str());
    assert_eq!(cards(&app, &eve, &shop).await, Vec::<Value>::new());
    for method in [&visa, &amex] {
        let path = format!("/v1/payment_methods/{method}");
        for who in [&eve, &shop.owner, &other.owner] {
            app.get(&path).by(who).refused(404, "not_found").await;
            for verb in ["default", "detach"] {
                let path = format!("{path}/{verb}");
                app.post(path, json!({}))
                    .by(who)
                    .refused(404, "not_found")
                    .await;
            }
        }
    }
    let customer = text(&me(&app, &sam, &shop).await, "id");
    let path = format!("/v1/customers/{customer}");
    app.get(&path).by(&shop.owner).expect(200).await;
    for who in [&eve, &other.owner] {
        app.get(&path).by(who).refused(404, "not_found").await;
    }
}

#[tokio::test]
async fn who_has_proved_no_address_saves_nothing_and_what_is_wrong_is_named() {
    let (app, shop, sam) = shop_and_buyer().await;
    let body = json!({ "seller_id": shop.id });
    app.post("/v1/setup_intents", body)
        .refused(401, "unauthenticated")
        .await;
    let unborn = app.new_shop("unborn", "US").await;
    let body = json!({ "seller_id": unborn.id });
    app.post("/v1/setup_intents", body)
        .by(&sam)
        .refused(409, "seller_not_active")
        .await;
    for (field, value) in [
        ("name", json!("")),
        ("phone", json!("1".repeat(21))),
        ("address.country", json!({ "country": "XX" })),
        ("address.line1", json!({ "line1": "x".repeat(201) })),
    ] {
        let name = field.split('.').next().expect("a name");
        let mut body = json!({ "seller_id": shop.id });
        body[name] = value;
        let call = app.patch("/v1/customers/me", body).by(&sam);
        call.refuses_field(field).await;
    }
    // A client secret is no business of ours.
    let body = json!({ "seller_id": shop.id, "client_secret": "seti_1_secret_x" });
    app.post("/v1/setup_intents", body)
        .by(&sam)
        .refused(400, "client_secret_refused")
        .await;
    assert_eq!(app.count("customers").await, 0);
    app.settle().await;
}

//! Another plan, another quantity, a pause, a renewal that is paid by hand, and what ends a subscription by itself.

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{DAY, Has, Shop, TestApp, User, text};

/// A shop, a buyer, a product and its monthly price of 9.00.
async fn scene(app: &TestApp) -> (Shop, User, String, String) {
    let shop = app.shop("mira").await;
    let bea = app.member("bea").await;
    let coffee = app.product(&shop, 900, None).await;
    let price = app.price(&shop, &coffee, 900).await;
    (shop, bea, coffee, price)
}

fn action(id: &str, action: &str) -> String {
    format!("/v1/subscriptions/{id}/{action}")
}

async fn books_are_right(app: &TestApp, shop: &Shop) {
    app.until_transactions_show(&shop.account).await;
    app.settle().await;
    app.books_equal_stripe().await;
    assert_eq!(app.open_findings().await, vec![]);
}

/// What Stripe's invoice of a subscription came to.
async fn latest_total(app: &TestApp, shop: &Shop, buyer: &User, id: &str) -> i64 {
    let invoice = text(&app.subscription(buyer, id).await, "latest_invoice");
    let path = format!("/invoices/{invoice}");
    let invoice = app.stripe_api("GET", &path, &shop.account, &[]).await;
    invoice["total"].as_i64().expect("a total")
}

#[tokio::test]
async fn a_change_costs_what_its_preview_showed_and_is_made_at_once() {
    let app = TestApp::start().await;
    let (mut shop, mut bea, coffee, price) = scene(&app).await;
    let dear = app.price(&shop, &coffee, 2900).await;
    let id = app.subscribed(&bea, &price, 1).await;
    app.days(10, &mut bea, &mut shop).await;
    let mut body = json!({ "items": [{ "price_id": dear, "quantity": 2 }], "proration_behavior": "always_invoice" });
    let preview = app.post(action(&id, "preview"), body.clone()).by(&bea);
    let preview = preview.expect(200).await;
    preview.has(json!({ "subscription_id": id, "currency": "usd" }));
    let due = preview["due_now"]["amount_due"].as_i64().expect("a sum");
    assert!((3000..4000).contains(&due), "{preview}");
    let lines = preview["due_now"]["lines"].as_array().expect("lines");
    assert!(
        lines.iter().all(|line| line["proration"] == true),
        "{preview}"
    );
    let sum: i64 = lines
        .iter()
        .filter_map(|line| line["amount"].as_i64())
        .sum();
    assert_eq!(sum, due);
    assert!(lines.iter().any(|line| line["amount"].as_i64() < Some(0)));
    let made = app.subscription(&bea, &id).await;
    preview["renewal"].has(json!({ "amount_due": 5800, "total": 5800 }));
    assert_eq!(preview["renews_at"], made["current_period_end"]);
    assert_eq!(
        made["items"][0]["unit_amount"], 900,
        "nothing is changed by it"
    );
    // Half an hour later it costs the same.
    app.advance(1800).await;
    bea = app.login(&bea).await;
    shop.owner = app.login(&shop.owner).await;
    body["proration_date"] = preview["proration_date"].clone();
    let change = || {
        let call = app.post(action(&id, "change"), body.clone()).by(&bea);
        call.header("idempotency-key", "upgrade")
    };
    let changed = change().await;
    changed.expect_first(201).has(json!({
        "status": "active", "pending_update": null, "current_period_end": made["current_period_end"],
        "items": [{ "price_id": dear, "unit_amount": 2900, "quantity": 2 }],
    }));
    assert_eq!(latest_total(&app, &shop, &bea, &id).await, due);
    app.settle().await;
    change().await.expect_replay(201);
    app.settle().await;
    let orders = app.get(format!("/v1/orders?seller_id={}", shop.id));
    let orders = orders.by(&shop.owner).expect(200).await;
    orders["data"].as_array().expect("orders")[..].has(json!([
        { "status": "paid", "amount_subtotal": due }, { "status": "paid", "amount_subtotal": 900 },
    ]));
    app.days(24, &mut bea, &mut shop).await;
    assert_eq!(latest_total(&app, &shop, &bea, &id).await, 5800);
    books_are_right(&app, &shop).await;
}

#[tokio::test]
async fn the_rest_of_a_period_is_billed_with_the_renewal_or_not_at_all() {
    let app = TestApp::start().await;
    let (mut shop, mut bea, _, price) = scene(&app).await;
    let id = app.subscribed(&bea, &price, 3).await;
    app.days(15, &mut bea, &mut shop).await;
    let to = |quantity: i64, how: &str| json!({ "items": [{ "quantity": quantity }], "proration_behavior": how });
    let preview = app
        .post(
            action(&id, "preview"),
            json!({ "items": [{ "quantity": 1 }] }),
        )
        .by(&bea);
    let preview = preview.expect(200).await;
    preview["due_now"].has(json!({ "amount_due": 0, "total": 0, "lines": [] }));
    let renewal = preview["renewal"]["amount_due"].as_i64().expect("a sum");
    // Two pieces' half of a month comes back.
    assert!((0..20).contains(&renewal), "{preview}");
    let silent = app
        .post(action(&id, "preview"), to(1, "none"))
        .by(&shop.owner);
    let silent = silent.expect(200).await;
    silent.has(json!({ "proration_date": null, "renewal": { "amount_due": 900 } }));
    let body = json!({ "items": [{ "quantity": 1 }], "proration_date": preview["proration_date"] });
    app.post(action(&id, "change"), body)
        .by(&bea)
        .expect(201)
        .await
        .has(json!({ "items": [{ "price_id": price, "quantity": 1 }] }));
    app.days(17, &mut bea, &mut shop).await;
    assert_eq!(latest_total(&app, &shop, &bea, &id).await, renewal);
    app.post(action(&id, "change"), to(2, "none"))
        .by(&bea)
        .expect(201)
        .await;
    app.days(31, &mut bea, &mut shop).await;
    assert_eq!(latest_total(&app, &shop, &bea, &id).await, 1800);
    books_are_right(&app, &shop).await;
}

#[tokio::test]
async fn another_period_begins_at_once_and_is_charged_whole() {
    let app = TestApp::start().await;
    let (mut shop, mut bea, coffee, price) = scene(&app).await;
    let yearly = app
        .price_every(&shop, &coffee, 9000, json!({ "interval": "year" }))
        .await;
    let id = app.subscribed(&bea, &price, 1).await;
    app.days(5, &mut bea, &mut shop).await;
    let body = json!({ "items": [{ "price_id": yearly }] });
    let preview = app.post(action(&id, "preview"), body.clone()).by(&bea);
    let preview = preview.expect(200).await;
    let due = preview["due_now"]["amount_due"].as_i64().expect("a sum");
    assert!((8100..9000).contains(&due), "{preview}");
    assert_eq!(preview["renewal"]["total"], 9000, "{preview}");
    let mut body = body;
    body["proration_date"] = preview["proration_date"].clone();
    let changed = app.post(action(&id, "change"), body).by(&bea);
    let changed = changed.expect(201).await;
    assert_eq!(
        changed["current_period_end"], preview["renews_at"],
        "{changed}"
    );
    assert_eq!(latest_total(&app, &shop, &bea, &id).await, due);
    app.settle().await;
    books_are_right(&app, &shop).await;
}

#[tokio::test]
async fn in_a_trial_a_change_costs_nothing_before_it_is_over() {
    let app = TestApp::start().await;
    let (mut shop, mut bea, coffee, _) = scene(&app).await;
    let often = json!({ "interval": "month", "trial_period_days": 14 });
    let tried = app.price_every(&shop, &coffee, 900, often).await;
    let yearly = json!({ "interval": "year", "trial_period_days": 14 });
    let yearly = app.price_every(&shop, &coffee, 9000, yearly).await;
    let id = app.subscribed(&bea, &tried, 1).await;
    app.days(5, &mut bea, &mut shop).await;
    let made = app.subscription(&bea, &id).await;
    let body = json!({ "items": [{ "price_id": yearly }], "proration_behavior": "always_invoice" });
    let preview = app.post(action(&id, "preview"), body.clone()).by(&bea);
    let preview = preview.expect(200).await;
    preview.has(json!({
        "proration_date": null, "due_now": { "amount_due": 0, "lines": [] }, "renewal": { "amount_due": 9000 },
        "renews_at": made["trial_end"],
    }));
    let changed = app.post(action(&id, "change"), body).by(&bea);
    changed.expect(201).await.has(json!({
        "status": "trialing", "trial_end": made["trial_end"], "pending_update": null, "items": [{ "price_id": yearly }],
    }));
    app.days(10, &mut bea, &mut shop).await;
    assert_eq!(latest_total(&app, &shop, &bea, &id).await, 9000);
    books_are_right(&app, &shop).await;
}

#[tokio::test]
async fn a_change_that_is_not_paid_changes_nothing_until_it_is() {
    let app = TestApp::start().await;
    let (mut shop, mut bea, _, price) = scene(&app).await;
    let id = app.subscribed(&bea, &price, 1).await;
    app.pays_by(&shop, &id, "pm_card_chargeCustomerFail").await;
    app.days(10, &mut bea, &mut shop).await;
    let more = json!({ "items": [{ "quantity": 3 }], "proration_behavior": "always_invoice" });
    let waits = app.post(action(&id, "change"), more.clone()).by(&bea);
    let waits = waits.expect(201).await;
    waits.has(json!({
        "status": "active", "items": [{ "quantity": 1 }], "pending_update": { "items": [{ "price_id": price, "quantity": 3 }] },
    }));
    let until = waits["pending_update"]["expires_at"]
        .as_str()
        .expect("a time");
    assert!(until.starts_with("2026-11-29T"), "{until}");
    app.settle().await;
    assert_eq!(app.mails_called("Your subscription could not be paid"), 0);
    // Nobody pays it.
    app.advance(DAY).await;
    app.settle().await;
    bea = app.login(&bea).await;
    let gone = app.subscription(&bea, &id).await;
    gone.has(json!({ "pending_update": null, "items": [{ "quantity": 1 }] }));
    let again = app.post(action(&id, "change"), more).by(&bea);
    again.expect(201).await;
    let card = app.save_card(&bea, &shop, "pm_card_visa").await;
    let card = app.get(format!("/v1/setup_intents/{card}")).by(&bea);
    let card = text(&card.expect(200).await, "payment_method");
    app.post(action(&id, "pay"), json!({ "payment_method": card }))
        .by(&bea)
        .expect(200)
        .await
        .has(json!({ "status": "paid", "subscription_status": "active", "amount_due": 0, "hosted_invoice_url": null }));
    app.settle().await;
    app.subscription(&bea, &id)
        .await
        .has(json!({ "pending_update": null, "items": [{ "quantity": 3 }] }));
    shop.owner = app.login(&shop.owner).await;
    books_are_right(&app, &shop).await;
}

#[tokio::test]
async fn what_a_subscription_can_not_become_is_refused_by_name() {
    let app = TestApp::start().await;
    let (shop, bea, coffee, price) = scene(&app).await;
    let noor = app.shop("noor").await;
    let id = app.subscribed(&bea, &price, 1).await;
    let few = json!({ "product_id": coffee, "unit_amount": 700, "recurring": { "interval": "month" }, "max_quantity": 2 });
    let few = app.post("/v1/prices", few).by(&shop.owner).expect(201);
    let few = text(&few.await, "id");
    let old = app.price(&shop, &coffee, 1900).await;
    app.patch(format!("/v1/prices/{old}"), json!({ "active": false }))
        .by(&shop.owner)
        .expect(200)
        .await;
    let rug = app.product(&noor, 900, None).await;
    let of_noor = app.price(&noor, &rug, 900).await;
    let tea = app.product_in(&shop, 900, "eur", None).await;
    let in_euros = app.price(&shop, &tea, 900).await;
    let ask = |action: &str, body: Value| {
        let path = format!("/v1/subscriptions/{id}/{action}");
        app.post(path, body).by(&bea)
    };
    let item = |item: Value| json!({ "items": [item] });
    for what in ["preview", "change"] {
        for (of, status, code) in [
            (json!({ "price_id": of_noor }), 422, "mixed_sellers"),
            (json!({ "price_id": in_euros }), 422, "mixed_currencies"),
            (json!({ "price_id": old }), 409, "price_archived"),
            (json!({ "price_id": "prc_0" }), 404, "not_found"),
        ] {
            let refused = ask(what, item(of)).refused(status, code).await;
            assert_eq!(refused["param"], "items[0].price_id", "{refused}");
        }
        let none = ask(what, item(json!({ "id": "si_0" }))).refused(404, "not_found");
        assert_eq!(none.await["param"], "items[0].id");
        for quantity in [0, -1, 1_000_000] {
            let body = item(json!({ "quantity": quantity }));
            ask(what, body).refuses_field("items[0].quantity").await;
        }
        let body = item(json!({ "price_id": few, "quantity": 3 }));
        ask(what, body).refuses_field("items[0].quantity").await;
        let body = item(json!({ "price_id": price, "quantity": 1 }));
        ask(what, body).refuses_field("items").await;
        ask(what, json!({ "items": [] }))
            .refuses_field("items")
            .await;
        let twice = json!({ "items": [{ "quantity": 2 }, { "quantity": 3 }] });
        ask(what, twice).refuses_field("items[1].id").await;
        // Who takes less gets more back the earlier that is.
        for date in ["2026-11-17T00:00:00Z", "2026-12-01T00:00:00Z"] {
            let body = json!({ "items": [{ "quantity": 2 }], "proration_date": date });
            ask(what, body).refuses_field("proration_date").await;
        }
    }
    app.settle().await;
    assert_eq!(app.count("subscription_changes").await, 0);
}

#[tokio::test]
async fn what_is_cancelled_or_somebody_elses_is_not_changed() {
    let app = TestApp::start().await;
    let (shop, bea, _, price) = scene(&app).await;
    let eve = app.member("eve").await;
    let id = app.subscribed(&bea, &price, 1).await;
    let ask = |what: &str, body: Value| app.post(action(&id, what), body).by(&bea);
    let body = || json!({ "items": [{ "quantity": 2 }] });
    for path in ["preview", "change"] {
        let path = action(&id, path);
        app.post(path, body())
            .by(&eve)
            .refused(404, "not_found")
            .await;
    }
    app.post(action(&id, "change"), body())
        .by(&shop.owner)
        .refused(403, "forbidden")
        .await;
    app.post(action(&id, "cancel"), json!({}))
        .by(&bea)
        .expect(200)
        .await;
    ask("change", body())
        .refused(409, "subscription_ending")
        .await;
    ask("pause", json!({}))
        .refused(409, "subscription_ending")
        .await;
    app.post(action(&id, "cancel"), json!({ "at_period_end": false }))
        .by(&bea)
        .expect(200)
        .await;
    for what in ["change", "preview"] {
        ask(what, body()).refused(409, "subscription_ended").await;
    }
    ask("pause", json!({}))
        .refused(409, "subscription_ended")
        .await;
    ask("pay", json!({}))
        .refused(409, "subscription_ended")
        .await;
    app.settle().await;
    assert_eq!(app.count("subscription_changes").await, 0);
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_made_once() {
    let app = TestApp::start().await;
    let (mut shop, mut bea, _, price) = scene(&app).await;
    let id = app.subscribed(&bea, &price, 1).await;
    app.days(10, &mut bea, &mut shop).await;
    let more = json!({ "items": [{ "quantity": 3 }], "proration_behavior": "always_invoice" });
    let there = format!("/v1/subscriptions/{id}");
    let ask = || {
        let call = app.post(action(&id, "change"), more.clone()).by(&bea);
        call.header("idempotency-key", "more")
    };
    app.fault("POST", &there, FaultKind::CommitThenTimeout, Some(3))
        .await;
    ask().refused(503, "stripe_unavailable").await;
    app.settle().await;
    ask()
        .expect(201)
        .await
        .has(json!({ "items": [{ "quantity": 3 }] }));
    app.settle().await;
    let paid = "orders WHERE status = 'paid'";
    assert_eq!(app.count(paid).await, 2);
    let noted = "audit_log WHERE action = 'subscription.changed'";
    assert_eq!(app.count(noted).await, 1);
    books_are_right(&app, &shop).await;
}

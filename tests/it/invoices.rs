//! Invoices of subscriptions: who sees which, what becomes of them, and what each period takes from stock.

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{Has, Shop, TestApp, User, assumed, text};
use crate::subscriptions::{DAY, access, days, only, orders_of, subscribe};

/// A shop, and a buyer who has subscribed to something of it.
async fn scene(app: &TestApp) -> (Shop, User, Value) {
    let shop = app.shop("mira").await;
    let bea = app.member("bea").await;
    let coffee = app.product(&shop, 900, None).await;
    let price = app.price(&shop, &coffee, 900).await;
    let checkout = subscribe(app, &bea, &price, 1).await;
    app.pay(&checkout).await;
    app.settle().await;
    let made = only(app, &bea).await;
    (shop, bea, made)
}

/// What a list has, newest first.
async fn invoices(app: &TestApp, who: &User, query: &str) -> Vec<Value> {
    let list = app.get(format!("/v1/invoices{query}")).by(who);
    let list = list.expect(200).await;
    list["data"].as_array().expect("a list").clone()
}

/// From now on Stripe declines the subscription's card.
async fn let_fail(app: &TestApp, shop: &Shop, subscription: &Value) {
    let stripe = format!("/subscriptions/{}", text(subscription, "id"));
    let there = app.stripe_api("GET", &stripe, &shop.account, &[]).await;
    let customer = text(&there, "customer");
    let attach = "/payment_methods/pm_card_chargeCustomerFail/attach";
    let card = app
        .stripe_api("POST", attach, &shop.account, &[("customer", &customer)])
        .await;
    let form = [(
        "default_payment_method",
        card["id"].as_str().expect("an id"),
    )];
    app.stripe_api("POST", &stripe, &shop.account, &form).await;
    app.settle().await;
}

/// Something that is done to an invoice in the seller's dashboard.
async fn dashboard(app: &TestApp, shop: &Shop, invoice: &str, action: &str, form: &[(&str, &str)]) {
    let path = format!("/invoices/{invoice}/{action}");
    app.stripe_api("POST", &path, &shop.account, form).await;
}

async fn books_are_good(app: &TestApp, shop: &Shop) {
    app.until_transactions_show(&shop.account).await;
    app.settle().await;
    app.books_equal_stripe().await;
    assert_eq!(app.open_findings().await, vec![]);
}

#[tokio::test]
async fn an_invoice_is_for_its_buyer_its_seller_and_admins() {
    let app = TestApp::start().await;
    let (shop, bea, made) = scene(&app).await;
    // Its events came before anybody knew whose it is.
    assert_eq!(invoices(&app, &bea, "?status=paid").await.len(), 1);
    let (bea, shop) = days(&app, 32, bea, shop).await;
    let (eve, admin) = (app.member("eve").await, app.admin().await);
    let all = invoices(&app, &bea, "").await;
    assert_eq!(all.len(), 2, "{all:?}");
    let orders = orders_of(&app, &shop).await;
    for (invoice, (order, reason)) in all.iter().zip([
        (&orders[0], "subscription_cycle"),
        (&orders[1], "subscription_create"),
    ]) {
        invoice.has(json!({
            "subscription_id": made["id"], "seller_id": shop.id, "order_id": order["id"], "status": "paid",
            "billing_reason": reason, "currency": "usd", "subtotal": 900, "amount_due": 900, "amount_paid": 900,
            "amount_remaining": 0, "paid_out_of_band": false, "attempt_count": 1, "hosted_invoice_url": null,
            "invoice_pdf": null, "finalization_error": null,
        }));
        assert!(text(invoice, "payment_intent").starts_with("pi_"));
        assert!(text(invoice, "period_end") > text(invoice, "period_start"));
    }
    let of_shop = format!("?seller_id={}", shop.id);
    assert_eq!(invoices(&app, &shop.owner, &of_shop).await, all);
    assert_eq!(invoices(&app, &admin, "").await, all);
    for query in ["", &format!("?subscription_id={}", text(&made, "id"))] {
        assert_eq!(invoices(&app, &eve, query).await, Vec::<Value>::new());
        assert_eq!(
            invoices(&app, &shop.owner, query).await,
            Vec::<Value>::new()
        );
        assert_eq!(invoices(&app, &bea, query).await, all);
    }
    let first = invoices(&app, &bea, "?limit=1&status=paid").await;
    assert_eq!(first, all[..1]);
    let after = format!("?starting_after={}", text(&all[0], "id"));
    assert_eq!(invoices(&app, &bea, &after).await, all[1..]);
    assert_eq!(
        invoices(&app, &bea, "?status=open").await,
        Vec::<Value>::new()
    );
    app.get("/v1/invoices?subscription_id=in_1")
        .by(&bea)
        .refuses_field("subscription_id")
        .await;
    app.get(format!("/v1/invoices{of_shop}"))
        .by(&eve)
        .refused(404, "not_found")
        .await;
    books_are_good(&app, &shop).await;
}

/// Whoever has such a link can see and pay the invoice.
#[tokio::test]
async fn the_links_of_stripes_pages_are_asked_for_each_time_and_kept_nowhere() {
    let app = TestApp::start().await;
    let (shop, bea, made) = scene(&app).await;
    let (eve, admin) = (app.member("eve").await, app.admin().await);
    let path = format!("/v1/invoices/{}", text(&made, "latest_invoice"));
    app.get(&path).by(&eve).refused(404, "not_found").await;
    for who in [&bea, &shop.owner, &admin] {
        let one = app.get(&path).by(who).expect(200).await;
        for (link, kind) in [
            ("hosted_invoice_url", "text/html"),
            ("invoice_pdf", "application/pdf"),
        ] {
            let page = reqwest::get(text(&one, link)).await.expect("a page");
            assert_eq!(page.status(), 200);
            let is = page.headers()["content-type"].to_str().expect("a text");
            assert!(is.starts_with(kind), "{is}");
        }
    }
    app.fault(
        "GET",
        "/v1/invoices",
        FaultKind::TimeoutBeforeCommit,
        Some(5),
    )
    .await;
    app.get(&path)
        .by(&bea)
        .expect(200)
        .await
        .has(json!({ "status": "paid", "hosted_invoice_url": null, "invoice_pdf": null }));
    app.simulator.clear_faults().await;
    books_are_good(&app, &shop).await;
}

#[tokio::test]
async fn invoice_and_intent_come_together_in_whatever_order_their_events_come() {
    // The payment of the invoice after it, before it, and all that came earlier at last.
    for [payment, paid, earlier] in [[3, 2, 1], [2, 3, 1], [3, 1, 2]] {
        let app = TestApp::start().await;
        let (shop, _, _) = scene(&app).await;
        app.advance(31 * DAY).await;
        app.advance(DAY).await;
        let mut events = app.intercept().await;
        // Nothing but these tells.
        events.retain(|event| {
            let kind = event["type"].as_str().unwrap_or_default();
            kind.starts_with("invoice")
        });
        let kinds: Vec<&str> = events
            .iter()
            .filter_map(|one| one["type"].as_str())
            .collect();
        for kind in ["invoice.finalized", "invoice.paid", "invoice_payment.paid"] {
            assert!(kinds.contains(&kind), "{kinds:?}");
        }
        events.reverse();
        events.sort_by_key(|event| match event["type"].as_str() {
            Some("invoice.paid") => paid,
            Some("invoice_payment.paid") => payment,
            _ => earlier,
        });
        for event in events.iter().chain(&events) {
            app.deliver(event).await;
        }
        let row = "invoices WHERE status = 'paid' AND billing_reason = 'subscription_cycle' AND payment_intent IS NOT NULL";
        assert_eq!(app.count(row).await, 1, "{payment} {paid} {earlier}");
        let known = "payments p JOIN invoices i ON i.stripe_invoice = p.stripe_invoice \
                     WHERE p.kind = 'invoice' AND p.payment_intent = i.payment_intent";
        assert_eq!(app.count(known).await, 1, "{payment} {paid} {earlier}");
        app.settle().await;
        books_are_good(&app, &shop).await;
    }
}

#[tokio::test]
async fn what_is_voided_or_marked_uncollectible_is_said_so_and_can_be_paid_late() {
    let app = TestApp::start().await;
    let (shop, bea, made) = scene(&app).await;
    let_fail(&app, &shop, &made).await;
    let (bea, shop) = days(&app, 32, bea, shop).await;
    let open = invoices(&app, &bea, "?status=open").await;
    assert_eq!(open.len(), 1, "{open:?}");
    open[0].has(json!({ "order_id": null, "amount_remaining": 900, "paid_at": null }));
    assert!(open[0]["attempt_count"].as_i64() >= Some(1));
    let late = text(&open[0], "id");
    let path = format!("/invoices/{late}");
    let there = app.stripe_api("GET", &path, &shop.account, &[]).await;
    let next = |invoice: &Value| invoice["next_payment_attempt"].is_null();
    assert_eq!(next(&open[0]), next(&there));
    dashboard(&app, &shop, &late, "mark_uncollectible", &[]).await;
    app.settle().await;
    let path = format!("/v1/invoices/{late}");
    let marked = app.get(&path).by(&bea).expect(200).await;
    marked
        .has(json!({ "status": "uncollectible", "order_id": null, "next_payment_attempt": null }));
    assert!(marked["marked_uncollectible_at"].is_string());
    let page = text(&marked, "hosted_invoice_url");
    let paid = reqwest::Client::new()
        .post(page)
        .header("content-type", "application/x-www-form-urlencoded")
        .body("card=4242424242424242")
        .send()
        .await
        .expect("an answer");
    assert!(paid.status().is_success(), "{}", paid.status());
    app.settle().await;
    let orders = orders_of(&app, &shop).await;
    app.get(&path)
        .by(&bea)
        .expect(200)
        .await
        .has(json!({ "status": "paid", "order_id": orders[0]["id"] }));
    let (bea, shop) = days(&app, 31, bea, shop).await;
    let open = invoices(&app, &bea, "?status=open").await;
    assert_eq!(open.len(), 1, "{open:?}");
    dashboard(&app, &shop, &text(&open[0], "id"), "void", &[]).await;
    let events = app.intercept().await;
    for event in events.iter().rev().chain(&events) {
        app.deliver(event).await;
    }
    app.settle().await;
    let void = invoices(&app, &bea, "?status=void").await;
    assert_eq!(void.len(), 1, "{void:?}");
    void[0].has(json!({ "order_id": null, "amount_paid": 0 }));
    assert!(void[0]["voided_at"].is_string());
    assert_eq!(orders_of(&app, &shop).await.len(), 2);
    books_are_good(&app, &shop).await;
}

#[tokio::test]
async fn what_was_paid_outside_of_stripe_is_no_order_and_entitles_all_the_same() {
    let app = TestApp::start().await;
    let (shop, bea, made) = scene(&app).await;
    let_fail(&app, &shop, &made).await;
    let (bea, shop) = days(&app, 32, bea, shop).await;
    let open = invoices(&app, &bea, "?status=open").await;
    let paid = [("paid_out_of_band", "true")];
    dashboard(&app, &shop, &text(&open[0], "id"), "pay", &paid).await;
    let events = app.intercept().await;
    let states = [app.deliver(&events[0]).await];
    assert!(states.iter().all(|state| state != "failed"), "{states:?}");
    for event in events.iter().rev() {
        let state = app.deliver(event).await;
        if event["type"] == "invoice.paid" {
            assert_eq!(state, "ignored");
        }
    }
    app.settle().await;
    let all = invoices(&app, &bea, "").await;
    let counted = match assumed("paid_out_of_band") {
        "counts_as_paid" => 900,
        _ => 0,
    };
    all[0].has(json!({
        "status": "paid", "paid_out_of_band": true, "amount_paid_off_stripe": 900, "amount_paid": counted, "order_id": null,
        "amount_remaining": 0,
    }));
    assert_eq!(orders_of(&app, &shop).await.len(), 1);
    assert_eq!(app.count("payments").await, 1);
    access(&app, &bea, &made)
        .await
        .has(json!({ "entitled": true, "reason": "active" }));
    books_are_good(&app, &shop).await;
}

#[tokio::test]
async fn an_invoice_that_can_not_be_made_final_is_a_finding_until_it_is() {
    let app = TestApp::start().await;
    let (shop, bea, made) = scene(&app).await;
    let stripe = format!("/subscriptions/{}", text(&made, "id"));
    let there = app.stripe_api("GET", &stripe, &shop.account, &[]).await;
    let (customer, subscription) = (text(&there, "customer"), text(&made, "id"));
    // More than can be charged.
    for _ in 0..2 {
        let form = [
            ("customer", customer.as_str()),
            ("subscription", subscription.as_str()),
            ("currency", "usd"),
            ("amount", "60000000"),
        ];
        app.stripe_api("POST", "/invoiceitems", &shop.account, &form)
            .await;
    }
    let (bea, shop) = days(&app, 32, bea, shop).await;
    let stuck = invoices(&app, &bea, "?status=draft").await;
    assert_eq!(stuck.len(), 1, "{stuck:?}");
    stuck[0].has(json!({ "finalization_error": null, "number": null, "order_id": null }));
    let id = text(&stuck[0], "id");
    let of_shop = format!("?seller_id={}&status=draft", shop.id);
    let shown = invoices(&app, &shop.owner, &of_shop).await;
    assert!(!text(&shown[0], "finalization_error").is_empty());
    let found = app.open_findings().await;
    assert_eq!(found, [("invoice_not_finalized".to_owned(), id.clone())]);
    let there = app
        .stripe_api("GET", &format!("/invoices/{id}"), &shop.account, &[])
        .await;
    for line in there["lines"]["data"].as_array().expect("lines") {
        if line["amount"] == 60_000_000 {
            let form = [
                ("lines[0][id]", line["id"].as_str().expect("an id")),
                ("lines[0][behavior]", "delete"),
            ];
            dashboard(&app, &shop, &id, "remove_lines", &form).await;
        }
    }
    dashboard(&app, &shop, &id, "finalize", &[]).await;
    app.settle().await;
    let (_, shop) = days(&app, 1, bea, shop).await;
    let orders = orders_of(&app, &shop).await;
    orders[0].has(json!({ "status": "paid", "amount_subtotal": 900 }));
    books_are_good(&app, &shop).await;
}

#[tokio::test]
async fn an_invoice_that_was_sent_and_is_overdue_is_a_finding_until_it_is_settled() {
    let app = TestApp::start().await;
    let (shop, bea, made) = scene(&app).await;
    let path = format!("/subscriptions/{}", text(&made, "id"));
    let sent = [
        ("collection_method", "send_invoice"),
        ("days_until_due", "2"),
    ];
    app.stripe_api("POST", &path, &shop.account, &sent).await;
    let settings = format!("/accounts/{}/billing_settings", shop.account);
    app.simulate(&settings, json!({ "overdue_days": 1 })).await;
    app.settle().await;
    let (bea, shop) = days(&app, 31, bea, shop).await;
    let open = invoices(&app, &bea, "?status=open").await;
    assert_eq!(open.len(), 1, "{open:?}");
    assert!(open[0]["due_date"].is_string());
    assert_eq!(app.open_findings().await, vec![], "it isn't due yet");
    let (bea, shop) = days(&app, 4, bea, shop).await;
    let id = text(&open[0], "id");
    let found = app.open_findings().await;
    assert_eq!(found, [("invoice_overdue".to_owned(), id.clone())]);
    dashboard(&app, &shop, &id, "pay", &[("paid_out_of_band", "true")]).await;
    app.settle().await;
    assert_eq!(orders_of(&app, &shop).await.len(), 1);
    assert_eq!(invoices(&app, &bea, "?status=paid").await.len(), 2);
    books_are_good(&app, &shop).await;
}

#[tokio::test]
async fn what_is_shipped_each_period_takes_from_stock_each_time_until_it_is_sold_out() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let bea = app.member("bea").await;
    let (tea, coffee) = (
        app.product(&shop, 900, Some(5)).await,
        app.product(&shop, 500, Some(9)).await,
    );
    let body = json!({
        "product_id": tea, "unit_amount": 900, "recurring": { "interval": "month" }, "takes_stock_each_period": true,
    });
    let shipped = app.post("/v1/prices", body).by(&shop.owner).expect(201);
    let shipped = text(&shipped.await, "id");
    let digital = app.price(&shop, &coffee, 500).await;
    let lines =
        json!([{ "price_id": shipped, "quantity": 2 }, { "price_id": digital, "quantity": 1 }]);
    let body = json!({ "mode": "subscription", "lines": lines });
    let opened = app.post("/v1/checkout_sessions", body).by(&bea).expect(201);
    app.pay(&crate::harness::checkout_from(&opened.await)).await;
    app.settle().await;
    let left = async || (app.stock(&tea).await, app.stock(&coffee).await);
    assert_eq!(left().await, (json!(3), json!(8)));
    let (bea, shop) = days(&app, 32, bea, shop).await;
    assert_eq!(
        left().await,
        (json!(1), json!(8)),
        "the coffee isn't shipped"
    );
    let (bea, shop) = days(&app, 31, bea, shop).await;
    let orders = orders_of(&app, &shop).await;
    assert_eq!(orders.len(), 3, "{orders:?}");
    orders[0].has(json!({ "status": "refund_due", "amount_refunded": 2300 }));
    let refunds = app.refunds(&shop, &text(&orders[0], "id")).await;
    refunds[0].has(json!({ "amount": 2300, "origin": "oversold" }));
    assert_eq!(left().await, (json!(1), json!(8)));
    only(&app, &bea).await.has(json!({ "status": "active" }));
    let body = json!({ "delta": 4, "reason": "received" });
    app.post(format!("/v1/products/{tea}/stock_adjustments"), body)
        .by(&shop.owner)
        .expect(201)
        .await;
    let (_, shop) = days(&app, 30, bea, shop).await;
    let orders = orders_of(&app, &shop).await;
    assert_eq!(orders.len(), 4, "{orders:?}");
    orders[0].has(json!({ "status": "paid" }));
    assert_eq!(left().await, (json!(3), json!(8)));
    let line = orders_line(&app, &shop, &orders[0], &tea).await;
    app.earn(&shop).await;
    let body = json!({
        "order_id": orders[0]["id"], "lines": [{ "order_line_id": line, "quantity": 1 }], "restock": true,
    });
    app.post("/v1/refunds", body)
        .by(&shop.owner)
        .expect(201)
        .await;
    app.settle().await;
    assert_eq!(left().await, (json!(4), json!(8)));
    books_are_good(&app, &shop).await;
}

#[tokio::test]
async fn a_renewal_with_a_credit_ships_what_it_bills_a_whole_period_of() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let bea = app.member("bea").await;
    let tea = app.product(&shop, 900, Some(10)).await;
    let price = app.price(&shop, &tea, 900).await;
    app.patch(
        format!("/v1/prices/{price}"),
        json!({ "takes_stock_each_period": true }),
    )
    .by(&shop.owner)
    .expect(200)
    .await
    .has(json!({ "takes_stock_each_period": true }));
    let checkout = subscribe(&app, &bea, &price, 3).await;
    app.pay(&checkout).await;
    app.settle().await;
    assert_eq!(app.stock(&tea).await, 7);
    let (bea, shop) = days(&app, 15, bea, shop).await;
    let made = only(&app, &bea).await;
    let item = format!("/subscription_items/{}", text(&made["items"][0], "id"));
    app.stripe_api("POST", &item, &shop.account, &[("quantity", "2")])
        .await;
    let (_, shop) = days(&app, 17, bea, shop).await;
    assert_eq!(app.stock(&tea).await, 5);
    let orders = orders_of(&app, &shop).await;
    let sum = orders[0]["amount_subtotal"].as_i64().expect("a sum");
    assert!((1..1800).contains(&sum), "{sum}");
    let path = format!("/v1/orders/{}", text(&orders[0], "id"));
    let order = app.get(path).by(&shop.owner).expect(200).await;
    assert_eq!(order["lines"].as_array().map(Vec::len), Some(2), "{order}");
    order["lines"][0].has(json!({ "amount": sum, "quantity": 1 }));
    order["lines"][1].has(json!({ "amount": 0, "quantity": 2, "product_id": tea }));
    books_are_good(&app, &shop).await;
}

/// The line of an order that is of a product.
async fn orders_line(app: &TestApp, shop: &Shop, order: &Value, product: &str) -> Value {
    let path = format!("/v1/orders/{}", text(order, "id"));
    let order = app.get(path).by(&shop.owner).expect(200).await;
    let mut lines = order["lines"].as_array().expect("lines").iter();
    let line = lines.find(|line| line["product_id"] == product);
    line.expect("a line")["id"].clone()
}

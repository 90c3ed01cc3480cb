//! Shipments: what of an order was sent, in which parts, how, and whether it arrived.

use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::{Value, json};
use souk_entity::{shipment, shipment_line};
use souk_migration::{Migrator, MigratorTrait};

use crate::harness::{Checkout, Database, Has, Shop, TestApp, User, on_postgres, text};

/// A shop that has sold three lamps and two vases to a guest, and something else besides, which covers Stripe's fees.
async fn sold(app: &TestApp) -> (Shop, Checkout) {
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(10)).await;
    let vase = app.product(&shop, 900, Some(10)).await;
    app.sale(&lamp).await;
    let checkout = app.checkout_of(&[(&lamp, 3), (&vase, 2)]).await;
    app.pay(&checkout).await;
    app.settle().await;
    (shop, checkout)
}

/// The ids of the order's lines.
async fn lines(app: &TestApp, checkout: &Checkout) -> Vec<String> {
    let order = app.order(checkout).await;
    let lines = order["lines"].as_array().expect("lines").iter();
    lines.map(|line| text(line, "id")).collect()
}

/// How many units of each line were sent, as the order says.
async fn shipped(app: &TestApp, checkout: &Checkout) -> Vec<i64> {
    let order = app.order(checkout).await;
    let lines = order["lines"].as_array().expect("lines").iter();
    let units = lines.map(|line| line["quantity_shipped"].as_i64().expect("units"));
    units.collect()
}

fn path(checkout: &Checkout) -> String {
    format!("/v1/orders/{}/shipments", checkout.order)
}

fn units(line: &str, quantity: i64) -> Value {
    json!({ "order_line_id": line, "quantity": quantity })
}

async fn send(app: &TestApp, by: &User, checkout: &Checkout, body: Value) -> Value {
    app.post(path(checkout), body).by(by).expect(201).await
}

/// The order's timeline, oldest first.
async fn timeline(app: &TestApp, shop: &Shop, checkout: &Checkout) -> Vec<String> {
    let path = format!("/v1/orders/{}/timeline?limit=100", checkout.order);
    let list = app.get(path).by(&shop.owner).expect(200).await;
    let entries = list["data"].as_array().expect("entries").iter().rev();
    entries.map(|entry| text(entry, "type")).collect()
}

/// The texts of the mails with a headline, as one.
fn mailed(app: &TestApp, headline: &str) -> String {
    let folder = app.app.config.data_dir.join("mail");
    let files = std::fs::read_dir(folder).expect("mails");
    let read = |file: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(file.expect("a file").path()).expect("a mail")
    };
    let all = files.map(read).filter(|mail| mail.contains(headline));
    all.map(|mail| mail.replace("=\r\n", "").replace("=3D", "="))
        .collect()
}

#[tokio::test]
async fn an_order_is_sent_in_parts_and_fulfilled_by_the_last_of_them() {
    let app = TestApp::start().await;
    let (shop, checkout) = sold(&app).await;
    let line = lines(&app, &checkout).await;
    let body = json!({
        "carrier": "UPS", "tracking_number": "1Z1", "tracking_url": "https://ups.example/1Z1", "note": "Two lamps first",
        "lines": [units(&line[0], 2)],
    });
    let first = send(&app, &shop.owner, &checkout, body).await;
    first.has(json!({
        "object": "shipment", "order_id": checkout.order, "carrier": "UPS", "tracking_number": "1Z1",
        "tracking_url": "https://ups.example/1Z1", "delivery_url": null, "delivered_at": null, "voided_at": null,
        "lines": [units(&line[0], 2)],
    }));
    assert_eq!(shipped(&app, &checkout).await, [2, 0]);
    let order = app.order(&checkout).await;
    assert!(order["fulfilled_at"].is_null(), "a part is on its way");
    assert_eq!(order["shipments"], json!([first]));
    app.settle().await;

    // The rest, without saying what that is.
    let rest = send(
        &app,
        &shop.owner,
        &checkout,
        json!({ "tracking_number": "1Z2" }),
    )
    .await;
    assert_eq!(
        rest["lines"],
        json!([units(&line[0], 1), units(&line[1], 2)])
    );
    assert_eq!(shipped(&app, &checkout).await, [3, 2]);
    let order = app.order(&checkout).await;
    assert!(order["fulfilled_at"].is_string());
    order.has(json!({ "tracking_number": "1Z2", "status": "paid" }));
    app.settle().await;
    assert_eq!(app.mails_called("Your order is on its way"), 2);
    let told = mailed(&app, "Your order is on its way");
    for text in [
        "2 =C3=97 Brass lamp",
        "UPS",
        "1Z1",
        "https://ups.example/1Z1",
        "1Z2",
    ] {
        assert!(told.contains(text), "{text}: {told}");
    }
    let told = timeline(&app, &shop, &checkout).await;
    assert_eq!(told[told.len() - 3..], ["shipped", "shipped", "fulfilled"]);

    let nothing = app.post(path(&checkout), json!({})).by(&shop.owner);
    nothing.refused(409, "order_fulfilled").await;
    let fulfil = format!("/v1/orders/{}/fulfil", checkout.order);
    let again = app.post(fulfil, json!({})).by(&shop.owner).expect(200);
    assert_eq!(again.await["shipments"].as_array().expect("two").len(), 2);
    // Whoever may read the order reads them, a page at a time.
    let secret = checkout.secret.as_deref().expect("a guest's");
    let page = app.get(format!("{}?limit=1", path(&checkout)));
    let page = page.with_secret(secret).expect(200).await;
    page.has(json!({ "has_more": true, "data": [rest] }));
    let one = format!("/v1/shipments/{}", text(&first, "id"));
    let one = app.get(one).with_secret(secret).expect(200).await;
    assert_eq!(one, first);
}

#[tokio::test]
async fn fulfilling_an_order_sends_what_is_left_of_it() {
    let app = TestApp::start().await;
    let (shop, checkout) = sold(&app).await;
    let line = lines(&app, &checkout).await;
    let body = json!({ "lines": [units(&line[1], 1)] });
    send(&app, &shop.owner, &checkout, body).await;
    let fulfil = format!("/v1/orders/{}/fulfil", checkout.order);
    let body = json!({ "tracking_number": "T-1", "note": "left today" });
    let order = app.post(fulfil, body).by(&shop.owner).expect(200).await;
    order.has(json!({ "tracking_number": "T-1" }));
    order["shipments"][1].has(json!({
        "tracking_number": "T-1", "note": "left today", "lines": [units(&line[0], 3), units(&line[1], 1)],
    }));
    assert_eq!(shipped(&app, &checkout).await, [3, 2]);
    app.settle().await;
    assert_eq!(app.mails_called("Your order is on its way"), 2);
}

#[tokio::test]
async fn no_more_of_a_line_is_sent_than_was_bought_and_is_not_refunded() {
    let app = TestApp::start().await;
    let (shop, checkout) = sold(&app).await;
    let line = lines(&app, &checkout).await;
    let other = app
        .checkout_of(&[(&app.product(&shop, 700, None).await, 1)])
        .await;
    let foreign = lines(&app, &other).await.remove(0);
    let refuse = async |body: Value, status: u16, code: &str, param: &str| {
        let asked = app.post(path(&checkout), body).by(&shop.owner);
        let problem = asked.refused(status, code).await;
        assert_eq!(problem["param"], param, "{problem}");
    };
    let of = |lines: Value| json!({ "lines": lines });
    let foreign = of(json!([units(&foreign, 1)]));
    refuse(foreign, 404, "not_found", "lines[0].order_line_id").await;
    let twice = of(json!([units(&line[0], 1), units(&line[0], 1)]));
    refuse(twice, 422, "invalid_request", "lines[1].order_line_id").await;
    let many = of(json!([units(&line[1], 1), units(&line[0], 4)]));
    refuse(many, 409, "shipment_exceeds_ordered", "lines[1].quantity").await;
    assert_eq!(app.count("shipments").await, 0, "all of it or nothing");

    // Two lamps go back before they were sent; the refund counts as soon as it is asked for, and not once it has failed.
    let refund = json!({
        "order_id": checkout.order, "amount": 5000, "restock": true, "lines": [units(&line[0], 2)],
    });
    let asked = app.post("/v1/refunds", refund).by(&shop.owner);
    let refund = text(&asked.expect(201).await, "id");
    let many = of(json!([units(&line[0], 2)]));
    refuse(
        many.clone(),
        409,
        "shipment_exceeds_ordered",
        "lines[0].quantity",
    )
    .await;
    app.settle().await;
    refuse(many, 409, "shipment_exceeds_ordered", "lines[0].quantity").await;
    let rest = send(&app, &shop.owner, &checkout, json!({})).await;
    assert_eq!(
        rest["lines"],
        json!([units(&line[0], 1), units(&line[1], 2)])
    );
    assert!(app.order(&checkout).await["fulfilled_at"].is_string());
    app.settle().await;

    let (second_shop, again) = (
        shop,
        app.checkout_of(&[(
            &text(&app.order(&checkout).await["lines"][0], "product_id"),
            2,
        )])
        .await,
    );
    app.pay(&again).await;
    app.settle().await;
    let line = lines(&app, &again).await;
    let body = json!({
        "order_id": again.order, "amount": 2500, "restock": true, "lines": [units(&line[0], 1)],
    });
    let asked = app.post("/v1/refunds", body).by(&second_shop.owner);
    let failing = asked.expect(201).await;
    app.settle().await;
    let made = app.refunds(&second_shop, &again.order).await;
    let fail = format!("/refunds/{}/fail", text(&made[0], "stripe_refund"));
    app.simulate(&fail, json!({})).await;
    app.settle().await;
    assert_ne!(text(&failing, "id"), refund);
    let all = json!({ "lines": [units(&line[0], 2)] });
    send(&app, &second_shop.owner, &again, all).await;
    app.settle().await;
}

#[tokio::test]
async fn nothing_is_sent_that_is_not_paid_or_whose_money_goes_back_or_is_disputed() {
    let app = TestApp::start().await;
    let (shop, checkout) = sold(&app).await;
    let lamp = app.product(&shop, 2500, None).await;
    let unpaid = app.checkout(&lamp).await;
    let ask = |checkout: &Checkout, body| app.post(path(checkout), body).by(&shop.owner);
    ask(&unpaid, json!({})).refused(409, "order_not_paid").await;
    let secret = checkout.secret.as_deref().expect("a guest's");
    let buyer = app.post(path(&checkout), json!({})).with_secret(secret);
    buyer.refused(403, "forbidden").await;

    // A refund of everything is on its way: the order is paid until it has arrived.
    let refund = json!({ "order_id": checkout.order });
    let refund = app.post("/v1/refunds", refund).by(&shop.owner);
    refund.expect(201).await;
    assert_eq!(app.order(&checkout).await["status"], "paid");
    for body in [
        json!({}),
        json!({ "delivery_url": "https://mira.example/1" }),
    ] {
        ask(&checkout, body).refused(409, "order_not_paid").await;
    }
    let fulfil = format!("/v1/orders/{}/fulfil", checkout.order);
    let fulfil = app.post(fulfil, json!({})).by(&shop.owner);
    fulfil.refused(409, "order_not_paid").await;
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "refunded");
    ask(&checkout, json!({}))
        .refused(409, "order_not_paid")
        .await;

    let disputed = app.checkout(&lamp).await;
    app.pay_with(&disputed, json!({ "card": "4000000000000259" }))
        .await;
    app.settle().await;
    let line = lines(&app, &disputed).await;
    for body in [
        json!({}),
        json!({ "lines": [units(&line[0], 1)] }),
        json!({ "delivery_url": "https://mira.example/1" }),
    ] {
        ask(&disputed, body).refused(409, "order_disputed").await;
    }
    assert_eq!(app.count("shipments").await, 0);
    ask(&disputed, json!({ "despite_dispute": true }))
        .expect(201)
        .await;
    app.settle().await;
}

#[tokio::test]
async fn a_shipment_arrives_is_corrected_and_voided_and_the_audit_log_keeps_it_all() {
    let app = TestApp::start().await;
    let (shop, checkout) = sold(&app).await;
    let body = json!({ "carrier": "UPS", "tracking_number": "1Z1" });
    let shipment = text(&send(&app, &shop.owner, &checkout, body).await, "id");
    let at = |what: &str| format!("/v1/shipments/{shipment}{what}");
    let secret = checkout.secret.as_deref().expect("a guest's");
    for call in [
        app.patch(at(""), json!({ "carrier": "DHL" })),
        app.post(at("/deliver"), json!({})),
        app.post(at("/void"), json!({})),
    ] {
        call.with_secret(secret).refused(403, "forbidden").await;
    }
    let change = json!({ "carrier": null, "tracking_number": "1Z2", "tracking_url": "http://dhl.example/1Z2" });
    let changed = app
        .patch(at(""), change.clone())
        .by(&shop.owner)
        .expect(200)
        .await;
    changed.has(json!({ "carrier": null, "tracking_number": "1Z2", "tracking_url": "http://dhl.example/1Z2" }));
    // Again: nothing is written twice.
    app.patch(at(""), change).by(&shop.owner).expect(200).await;
    assert_eq!(
        app.count("audit_log WHERE action = 'shipment.updated' AND data LIKE '%1Z1%1Z2%'")
            .await,
        1
    );
    assert_eq!(app.order(&checkout).await["tracking_number"], "1Z2");

    app.advance(300).await;
    for wrong in ["2026-11-01T00:00:00Z", "2027-01-01T00:00:00Z"] {
        let call = app.post(at("/deliver"), json!({ "delivered_at": wrong }));
        call.by(&shop.owner).refuses_field("delivered_at").await;
    }
    let proof = json!({ "delivery_proof": "Signed for by S. Meyer" });
    let delivered = app
        .post(at("/deliver"), proof)
        .by(&shop.owner)
        .expect(200)
        .await;
    delivered.has(json!({ "delivery_proof": "Signed for by S. Meyer" }));
    assert!(delivered["delivered_at"].is_string());
    let again = app.post(at("/deliver"), json!({})).by(&shop.owner);
    assert_eq!(again.expect(200).await, delivered, "once is enough");
    app.settle().await;
    assert_eq!(app.mails_called("Your order has arrived"), 1);
    let told = timeline(&app, &shop, &checkout).await;
    let last = ["shipped", "fulfilled", "shipment_updated", "delivered"];
    assert_eq!(told[told.len() - 4..], last);
    for action in ["created", "updated", "delivered"] {
        let of = format!("audit_log WHERE action = 'shipment.{action}' AND subject = '{shipment}'");
        assert_eq!(app.count(&of).await, 1, "{action}");
    }
}

#[tokio::test]
async fn a_voided_shipment_leaves_its_goods_to_be_sent_again() {
    let app = TestApp::start().await;
    let (shop, checkout) = sold(&app).await;
    let body = json!({ "carrier": "UPS", "tracking_number": "1Z1" });
    let shipment = text(&send(&app, &shop.owner, &checkout, body).await, "id");
    app.settle().await;
    let at = |what: &str| format!("/v1/shipments/{shipment}{what}");
    let void = json!({ "reason": "The wrong order" });
    let voided = app
        .post(at("/void"), void)
        .by(&shop.owner)
        .expect(200)
        .await;
    voided.has(json!({ "void_reason": "The wrong order" }));
    let again = app.post(at("/void"), json!({})).by(&shop.owner);
    assert_eq!(again.expect(200).await, voided);
    assert_eq!(shipped(&app, &checkout).await, [0, 0]);
    let order = app.order(&checkout).await;
    assert!(order["fulfilled_at"].is_null() && order["tracking_number"].is_null());
    for call in [
        app.patch(at(""), json!({ "carrier": "DHL" })),
        app.post(at("/deliver"), json!({})),
    ] {
        call.by(&shop.owner).refused(409, "shipment_voided").await;
    }
    let told = timeline(&app, &shop, &checkout).await;
    let last = ["shipped", "fulfilled", "shipment_voided"];
    assert_eq!(told[told.len() - 3..], last);
    for action in ["created", "voided"] {
        let of = format!("audit_log WHERE action = 'shipment.{action}' AND subject = '{shipment}'");
        assert_eq!(app.count(&of).await, 1, "{action}");
    }
    // It can be sent again.
    send(&app, &shop.owner, &checkout, json!({})).await;
    assert_eq!(shipped(&app, &checkout).await, [3, 2]);
    app.settle().await;
}

#[tokio::test]
async fn the_buyer_is_told_nothing_of_a_shipment_that_was_voided_at_once() {
    let app = TestApp::start().await;
    let (shop, checkout) = sold(&app).await;
    let shipment = text(&send(&app, &shop.owner, &checkout, json!({})).await, "id");
    let void = app.post(format!("/v1/shipments/{shipment}/void"), json!({}));
    void.by(&shop.owner).expect(200).await;
    app.settle().await;
    assert_eq!(app.mails_called("Your order is on its way"), 0);
}

#[tokio::test]
async fn a_digital_delivery_is_a_link_of_the_web_that_the_buyer_is_mailed() {
    let app = TestApp::start().await;
    let (shop, checkout) = sold(&app).await;
    let long = format!("https://mira.example/{}", "x".repeat(2048));
    for wrong in [
        "javascript:alert(1)",
        "data:text/html,hello",
        "file:///etc/passwd",
        "ftp://mira.example/book",
        "https://",
        "//mira.example/book",
        "mira.example/book",
        "https://bank.example@mira.example/",
        "https://bank.example:secret@mira.example/",
        &long,
        "",
    ] {
        for field in ["delivery_url", "tracking_url"] {
            let call = app.post(path(&checkout), json!({ field: wrong }));
            call.by(&shop.owner).refuses_field(field).await;
        }
    }
    let url = "https://mira.example/books/7?key=a1";
    let sent = send(&app, &shop.owner, &checkout, json!({ "delivery_url": url })).await;
    assert_eq!(sent["delivery_url"], url);
    app.settle().await;
    assert_eq!(app.mails_called("Your order is ready for you"), 1);
    assert!(mailed(&app, "Your order is ready for you").contains(url));
    assert_eq!(
        app.order(&checkout).await["shipments"][0]["delivery_url"],
        url
    );
    assert_eq!(
        app.count(&format!("audit_log WHERE data LIKE '%{url}%'"))
            .await,
        0
    );
    let call = app.patch(
        format!("/v1/shipments/{}", text(&sent, "id")),
        json!({ "delivery_url": "javascript:alert(1)" }),
    );
    call.by(&shop.owner).refuses_field("delivery_url").await;
    let deliver = format!("/v1/shipments/{}/deliver", text(&sent, "id"));
    app.post(deliver, json!({}))
        .by(&shop.owner)
        .expect(200)
        .await;
    app.settle().await;
    assert_eq!(app.mails_called("Your order has arrived"), 0);
}

#[tokio::test]
async fn goods_that_are_sent_at_once_by_several_are_sent_once() {
    let app = TestApp::start().await;
    let (shop, checkout) = sold(&app).await;
    let line = lines(&app, &checkout).await;
    let one = json!({ "lines": [units(&line[0], 1)] });
    let all = (0..8).map(|_| {
        app.post(path(&checkout), one.clone())
            .by(&shop.owner)
            .into_future()
    });
    let answers = futures_util::future::join_all(all).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 3);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.refused(409, "shipment_exceeds_ordered");
    }
    let all = (0..4).map(|_| {
        app.post(path(&checkout), json!({}))
            .by(&shop.owner)
            .into_future()
    });
    let answers = futures_util::future::join_all(all).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 1);
    assert_eq!(shipped(&app, &checkout).await, [3, 2]);
    assert_eq!(app.count("order_events WHERE kind = 'fulfilled'").await, 1);
    app.settle().await;
    assert_eq!(app.mails_called("Your order is on its way"), 4);
}

#[tokio::test]
async fn a_key_makes_one_shipment_of_one_order() {
    let app = TestApp::start().await;
    let (shop, checkout) = sold(&app).await;
    let line = lines(&app, &checkout).await;
    let body = json!({ "lines": [units(&line[0], 1)], "shipped_at": "2026-11-18T11:06:40Z" });
    let ask = |checkout: &Checkout, body: &Value| {
        let call = app.post(path(checkout), body.clone()).by(&shop.owner);
        call.keyed("ship-1")
    };
    let first = ask(&checkout, &body).await;
    let made = first.expect_first(201).clone();
    assert_eq!(made["shipped_at"], "2026-11-18T11:06:40.000Z");
    assert_eq!(*ask(&checkout, &body).await.expect_replay(201), made);
    let other = ask(&checkout, &json!({}));
    other.refused(422, "idempotency_mismatch").await;
    let lamp = app.product(&shop, 2500, None).await;
    let another = app.sale(&lamp).await;
    let other = ask(&another, &body);
    other.refused(422, "idempotency_mismatch").await;
    assert_eq!(shipped(&app, &checkout).await, [1, 0]);
    for wrong in ["2026-11-01T00:00:00Z", "2027-01-01T00:00:00Z"] {
        let call = app.post(path(&checkout), json!({ "shipped_at": wrong }));
        call.by(&shop.owner).refuses_field("shipped_at").await;
    }
    app.settle().await;
}

#[tokio::test]
async fn a_free_order_of_which_some_was_sent_is_not_cancelled() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    app.percent_off(&shop, "FREE", 100).await;
    let lamp = app.product(&shop, 2500, Some(10)).await;
    let checkout = app.checkout_of(&[(&lamp, 2)]).await;
    app.pay_with(&checkout, json!({ "promotion_code": "FREE" }))
        .await;
    app.settle().await;
    let line = lines(&app, &checkout).await;
    let body = json!({ "lines": [units(&line[0], 1)] });
    let shipment = text(&send(&app, &shop.owner, &checkout, body).await, "id");
    let cancel = || {
        app.post(format!("/v1/orders/{}/cancel", checkout.order), json!({}))
            .by(&shop.owner)
    };
    cancel().refused(409, "order_fulfilled").await;
    assert_eq!(app.stock(&lamp).await, 8);
    let void = app.post(format!("/v1/shipments/{shipment}/void"), json!({}));
    void.by(&shop.owner).expect(200).await;
    cancel().expect(200).await;
    assert_eq!(app.stock(&lamp).await, 10);
    app.settle().await;
}

#[tokio::test]
async fn an_order_that_an_older_version_fulfilled_has_a_shipment_of_all_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::empty(folder.path()).await;
    let url = match on_postgres() {
        true => database.url.clone(),
        false => format!("{}?mode=rwc", database.url),
    };
    let db = sea_orm::Database::connect(url).await.expect("connects");
    let all = Migrator::migrations();
    let mut names = all.iter().map(|one| one.name().to_owned());
    let older = names.position(|name| name == "m20261129_000036_shipments");
    let older = u32::try_from(older.expect("is there")).expect("few");
    Migrator::up(&db, Some(older)).await.expect("migrates");
    let mut rows = vec![
        "INSERT INTO users (id, email, name, password_hash, role, created_at, updated_at)
           VALUES ('usr_1', 'mira@example.com', 'Mira', '', 'member', 1, 1)"
            .to_owned(),
        "INSERT INTO sellers (id, owner_id, name, email, country, livemode, dashboard, status, charges_enabled,
             payouts_enabled, details_submitted, requirements, metadata, created_at, updated_at)
           VALUES ('sel_1', 'usr_1', 'Shop', 'mira@example.com', 'US', FALSE, 'full', 'active', TRUE, TRUE, TRUE, '{}',
             '{}', 1, 1)"
            .to_owned(),
        "INSERT INTO products (id, seller_id, name, unit_amount, currency, status, metadata, created_at, updated_at)
           VALUES ('prd_1', 'sel_1', 'Lamp', 5, 'usd', 'active', '{}', 1, 1)"
            .to_owned(),
    ];
    for (id, fulfilled) in [("1a", "700"), ("2b", "NULL")] {
        rows.push(format!(
            "INSERT INTO orders (id, seller_id, email, status, livemode, currency, amount_subtotal, fulfilled_at,
                 tracking_number, metadata, created_at, updated_at)
               VALUES ('ord_{id}', 'sel_1', 'sam@example.com', 'paid', FALSE, 'usd', 15, {fulfilled}, 'T-1', '{{}}', 1, 1)"
        ));
        for at in 0..2 {
            rows.push(format!(
                "INSERT INTO order_lines (id, order_id, position, product_id, name, unit_amount, quantity, amount)
                   VALUES ('oln_{id}{at}', 'ord_{id}', {at}, 'prd_1', 'Lamp', 5, {at} + 1, 5 * ({at} + 1))"
            ));
        }
    }
    for row in rows {
        db.execute_unprepared(&row).await.expect("a row");
    }
    let tx = sea_orm::TransactionTrait::begin(&db).await.expect("begins");
    Migrator::up(&tx, None).await.expect("migrates");
    tx.commit().await.expect("commits");
    let made = shipment::Entity::find()
        .all(&db)
        .await
        .expect("is answered");
    assert_eq!(made.len(), 1);
    let (id, number) = (made[0].id.as_ref(), made[0].tracking_number.as_deref());
    assert_eq!((id, number), ("shp_1a", Some("T-1")));
    assert_eq!((made[0].shipped_at.0, made[0].voided_at), (700, None));
    let lines = shipment_line::Entity::find();
    let lines = lines.all(&db).await.expect("is answered");
    let mut lines: Vec<_> = lines
        .iter()
        .map(|line| (line.order_line_id.as_ref(), line.quantity))
        .collect();
    lines.sort_unstable();
    assert_eq!(lines, [("oln_1a0", 1), ("oln_1a1", 2)]);
    db.close().await.expect("closes");
}

//! Guests who prove an address: they save cards and use them, as nobody else can who only knows the address.

use std::collections::BTreeSet;

use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use crate::harness::{
    Checkout, Guest, Has, PASSWORD, Shop, TestApp, User, checkout_from, lines_of, text,
};

const SAM: &str = "sam@example.com";

/// A guest saves a card with a shop, and agrees to be charged; the setup intent as it ended.
async fn save(app: &TestApp, guest: &Guest, shop: &Shop, card: &str) -> Value {
    let body = json!({ "seller_id": shop.id, "mandate_text": "You may charge this card for each delivery." });
    let setup = app.post("/v1/setup_intents", body).by_guest(guest);
    let setup = text(&setup.expect(201).await, "id");
    app.confirm_setup(shop, &setup, card).await;
    app.settle().await;
    let path = format!("/setup_intents/{setup}/challenge");
    app.try_simulate(&path, json!({ "outcome": "complete" }))
        .await
        .ok();
    app.settle().await;
    let path = format!("/v1/setup_intents/{setup}");
    let saved = app.get(path).by_guest(guest).expect(200).await;
    saved.has(json!({ "status": "succeeded" }));
    saved
}

async fn cards_of(app: &TestApp, guest: &Guest) -> Vec<Value> {
    let list = app.get("/v1/payment_methods").by_guest(guest);
    let list = list.expect(200).await;
    list["data"].as_array().expect("a list").clone()
}

/// The customers that Stripe has on a shop's account.
async fn at_stripe(app: &TestApp, shop: &Shop) -> Vec<Value> {
    let list = app
        .stripe_api("GET", "/customers", &shop.account, &[])
        .await;
    list["data"].as_array().expect("a list").clone()
}

/// As Stripe.js does for a buyer, with the client secret alone.
async fn pay_intent(app: &TestApp, shop: &Shop, intent: &str, card: &str) {
    let path = format!("/payment_intents/{intent}/confirm");
    let form = [
        ("payment_method", card),
        ("return_url", "http://shop.test/"),
    ];
    app.attempt_stripe("POST", &path, &shop.account, &form)
        .await
        .ok();
}

#[tokio::test]
async fn a_guest_saves_a_card_and_pays_by_it_with_that_seller_alone() {
    let app = TestApp::start().await;
    let (shop, other) = (app.shop("mira").await, app.shop("noor").await);
    let lamp = app.product(&shop, 5000, None).await;
    let rug = app.product(&other, 9000, None).await;
    let sam = app.guest(SAM).await;
    assert_eq!(at_stripe(&app, &shop).await, Vec::<Value>::new());
    let saved = save(&app, &sam, &shop, "pm_card_visa").await;
    let card = text(&saved, "payment_method");
    let list = cards_of(&app, &sam).await;
    assert_eq!(list.len(), 1);
    list[0].has(json!({ "id": card, "brand": "visa", "off_session": true }));
    let there = at_stripe(&app, &shop).await;
    assert_eq!(there.len(), 1);
    there[0].has(json!({ "email": SAM, "name": null }));
    let path = format!("/v1/customers?seller_id={}", shop.id);
    let seen = app.get(path).by(&shop.owner).expect(200).await;
    seen["data"][0].has(json!({ "id": saved["customer_id"], "user_id": null, "email": SAM }));
    // Another hour, another token, the same customer.
    app.advance(7_200).await;
    let sam = app.guest(SAM).await;
    let body =
        |product: &str| json!({ "lines": lines_of(&[(product, 1)]), "payment_method": card });
    let intent = app.post("/v1/payment_intents", body(&lamp)).by_guest(&sam);
    let checkout = checkout_from(&intent.expect(201).await);
    pay_intent(&app, &shop, &checkout.id, &card).await;
    app.settle().await;
    app.order(&checkout)
        .await
        .has(json!({ "status": "paid", "email": SAM, "buyer_id": null }));
    app.post("/v1/payment_intents", body(&rug))
        .by_guest(&sam)
        .refused(422, "payment_method_of_another_seller")
        .await;
    let path = format!("/v1/payment_methods/{card}/default");
    app.post(path, json!({}))
        .by_guest(&sam)
        .expect(200)
        .await
        .has(json!({ "is_default": true }));
    let path = format!("/v1/payment_methods/{card}/detach");
    app.post(path, json!({})).by_guest(&sam).expect(200).await;
    app.settle().await;
    assert_eq!(cards_of(&app, &sam).await, Vec::<Value>::new());
    app.until_transactions_show(&shop.account).await;
    app.settle().await;
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn whoever_only_types_an_address_pays_without_a_customer_and_sees_nothing() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 5000, None).await;
    let sam = app.guest(SAM).await;
    let saved = save(&app, &sam, &shop, "pm_card_visa").await;
    let (card, customer) = (text(&saved, "payment_method"), text(&saved, "customer_id"));
    let lines = lines_of(&[(&lamp, 1)]);
    for path in ["/v1/payment_intents", "/v1/checkout_sessions"] {
        let body = json!({ "lines": lines, "customer_email": SAM });
        let typed = app.post(path, body).expect(201).await;
        let there = path
            .trim_start_matches("/v1")
            .replace("/checkout_", "/checkout/");
        let there = format!("{there}/{}", text(&typed, "id"));
        let there = app.stripe_api("GET", &there, &shop.account, &[]).await;
        assert_eq!(there["customer"], Value::Null, "{there}");
        let body = json!({ "lines": lines, "customer_email": SAM, "save_payment_method": true });
        app.post(path, body)
            .refuses_field("save_payment_method")
            .await;
        // With the token it is theirs, and no other address is.
        let body = json!({ "lines": lines, "customer_email": "eve@example.com" });
        app.post(path, body)
            .by_guest(&sam)
            .refuses_field("customer_email")
            .await;
        let body = json!({ "lines": lines, "customer_email": "Sam@Example.com" });
        app.post(path, body).by_guest(&sam).expect(201).await;
    }
    let body = json!({ "lines": lines, "customer_email": SAM, "payment_method": card });
    app.post("/v1/payment_intents", body)
        .refused(404, "not_found")
        .await;
    // Neither another guest, nor who registers with the address and hasn't proved it.
    let eve = app.guest("eve@example.com").await;
    let body = json!({ "email": SAM, "password": PASSWORD, "name": "Sam" });
    let pair = app.post("/v1/auth/register", body).expect(201).await;
    let user = User {
        id: text(&pair["user"], "id"),
        email: SAM.to_owned(),
        token: text(&pair, "access_token"),
    };
    for path in [
        format!("/v1/payment_methods/{card}"),
        format!("/v1/customers/{customer}"),
        format!("/v1/customers/me?seller_id={}", shop.id),
        format!("/v1/setup_intents/{}", text(&saved, "id")),
    ] {
        app.get(&path)
            .by_guest(&eve)
            .refused(404, "not_found")
            .await;
        app.get(&path).by(&user).refused(404, "not_found").await;
        app.get(&path).by_guest(&sam).expect(200).await;
    }
    assert_eq!(cards_of(&app, &eve).await, Vec::<Value>::new());
    assert_eq!(app.count("customers").await, 1);
    app.settle().await;
}

#[tokio::test]
async fn two_tabs_of_a_guest_make_one_customer() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let sam = app.guest(SAM).await;
    let tabs = (0..10).map(|_| {
        let body = json!({ "seller_id": shop.id });
        app.post("/v1/setup_intents", body).by_guest(&sam)
    });
    let tabs = join_all(tabs.map(IntoFuture::into_future)).await;
    let opened = tabs.iter().filter(|answer| answer.status == 201);
    let customers: BTreeSet<String> = opened
        .map(|answer| text(&answer.body, "customer_id"))
        .collect();
    assert_eq!(customers.len(), 1);
    assert!(
        tabs.iter()
            .all(|answer| [201, 503].contains(&answer.status))
    );
    assert_eq!(at_stripe(&app, &shop).await.len(), 1);
    assert_eq!(app.count("customers").await, 1);
    app.advance(60).await;
    app.settle().await;
}

#[tokio::test]
async fn a_checkout_saves_the_card_that_pays_if_it_was_asked_to() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 5000, None).await;
    let (user, guest) = (app.member("bea").await, app.guest(SAM).await);
    let body =
        |saves: bool| json!({ "lines": lines_of(&[(&lamp, 1)]), "save_payment_method": saves });
    let open = |saves| app.post("/v1/checkout_sessions", body(saves));
    for saves in [false, true] {
        let of_user: Checkout = checkout_from(&open(saves).by(&user).expect(201).await);
        let of_guest = checkout_from(&open(saves).by_guest(&guest).expect(201).await);
        for checkout in [&of_user, &of_guest] {
            app.pay(checkout).await;
        }
        app.settle().await;
        let list = app.get("/v1/payment_methods").by(&user).expect(200).await;
        let saved = (
            list["data"].as_array().map(Vec::len),
            cards_of(&app, &guest).await.len(),
        );
        assert_eq!(saved, (Some(usize::from(saves)), usize::from(saves)));
    }
    assert_eq!(at_stripe(&app, &shop).await.len(), 2);
    let mut gift = body(true);
    gift["customer_email"] = json!("aunt@example.com");
    app.post("/v1/checkout_sessions", gift)
        .by(&user)
        .refuses_field("customer_email")
        .await;
    app.until_transactions_show(&shop.account).await;
    app.settle().await;
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn a_guests_tax_ids_and_details_are_theirs() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let (sam, eve) = (app.guest(SAM).await, app.guest("eve@example.com").await);
    let body = json!({ "seller_id": shop.id, "type": "eu_vat", "value": "DE123456789" });
    let tax_id = app.post("/v1/tax_ids", body).by_guest(&sam).expect(201);
    let path = format!("/v1/tax_ids/{}", text(&tax_id.await, "id"));
    app.get(&path).by_guest(&sam).expect(200).await;
    app.get(&path)
        .by_guest(&eve)
        .refused(404, "not_found")
        .await;
    let body = json!({ "seller_id": shop.id, "name": "Sam Guest" });
    let changed = app.patch("/v1/customers/me", body).by_guest(&sam);
    changed
        .expect(200)
        .await
        .has(json!({ "name": "Sam Guest" }));
    app.settle().await;
    at_stripe(&app, &shop).await[0].has(json!({ "name": "Sam Guest", "email": SAM }));
    let gone = app.post(format!("{path}/remove"), json!({})).by_guest(&sam);
    gone.expect(200).await;
    app.settle().await;
}

#[tokio::test]
async fn a_guests_card_is_charged_off_session_and_the_guest_is_asked_by_mail() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 5000, None).await;
    let sam = app.guest(SAM).await;
    for (card, status) in [
        ("pm_card_visa", "succeeded"),
        ("pm_card_authenticationRequired", "needs_buyer"),
    ] {
        let saved = save(&app, &sam, &shop, card).await;
        let body = json!({
            "customer_id": saved["customer_id"], "payment_method": saved["payment_method"], "lines": lines_of(&[(&lamp, 1)]),
        });
        let charge = app.post("/v1/off_session_payments", body).by(&shop.owner);
        let charge = charge.expect(201).await;
        app.settle().await;
        let path = format!("/v1/off_session_payments/{}", text(&charge, "id"));
        let now = app.get(&path).by(&shop.owner).expect(200).await;
        now.has(json!({ "status": status }));
        let path = format!("/v1/orders/{}", text(&charge, "order_id"));
        let order = app.get(path).by(&shop.owner).expect(200).await;
        order.has(json!({ "email": SAM, "buyer_id": null }));
        if status == "needs_buyer" {
            let mailed = ("Your payment needs you".to_owned(), SAM.to_owned());
            assert!(app.mails().contains(&mailed), "{:?}", app.mails());
            let intent = text(&now, "payment_intent");
            pay_intent(&app, &shop, &intent, &text(&saved, "payment_method")).await;
            let path = format!("/payment_intents/{intent}/challenge");
            app.simulate(&path, json!({ "outcome": "complete" })).await;
            app.settle().await;
            let path = format!("/v1/off_session_payments/{}", text(&charge, "id"));
            let now = app.get(path).by(&shop.owner).expect(200).await;
            now.has(json!({ "status": "succeeded", "amount_received": 5000 }));
        }
    }
    // And told when it expires.
    app.sql("UPDATE payment_methods SET exp_month = 12, exp_year = 2026")
        .await;
    souk::customers::expiry::tell(&app.app)
        .await
        .expect("tells");
    app.settle().await;
    let told = ("Your saved card expires".to_owned(), SAM.to_owned());
    assert!(app.mails().contains(&told), "{:?}", app.mails());
    app.until_transactions_show(&shop.account).await;
    app.settle().await;
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn a_user_who_proves_the_address_takes_over_what_they_saved_as_a_guest_once() {
    let app = TestApp::start().await;
    let (mira, noor) = (app.shop("mira").await, app.shop("noor").await);
    let guest = app.guest(SAM).await;
    let with_mira = save(&app, &guest, &mira, "pm_card_visa").await;
    let with_noor = save(&app, &guest, &noor, "pm_card_amex").await;
    let sam = app.member("sam").await;
    let own = app.save_card(&sam, &noor, "pm_card_mastercard").await;
    let (id, code) = app.mailed_code(SAM).await;
    let path = format!("/v1/address_verifications/{id}/confirm");
    let confirm = || app.post(&path, json!({ "code": code }));
    let eve = app.member("eve").await;
    confirm().by(&eve).refused(409, "address_of_another").await;
    let proved = confirm().by(&sam).expect(200).await;
    proved.has(json!({ "email": SAM, "guest_token": null, "expires_in": null }));
    let me = app.get("/v1/users/me").by(&sam).expect(200).await;
    assert_eq!(me["email_verified_at"], proved["verified_at"]);
    let card = |setup: &Value| format!("/v1/payment_methods/{}", text(setup, "payment_method"));
    app.get(card(&with_mira)).by(&sam).expect(200).await;
    app.get(card(&with_mira))
        .by_guest(&guest)
        .refused(404, "not_found")
        .await;
    // With a seller with whom they have saved something as themselves the guest's stays apart.
    app.get(card(&with_noor))
        .by(&sam)
        .refused(404, "not_found")
        .await;
    app.get(card(&with_noor)).by_guest(&guest).expect(200).await;
    let list = app.get("/v1/payment_methods").by(&sam).expect(200).await;
    assert_eq!(list["data"].as_array().map(Vec::len), Some(2), "{own}");
    assert_eq!(
        (
            at_stripe(&app, &mira).await.len(),
            at_stripe(&app, &noor).await.len()
        ),
        (1, 2)
    );
    let taken = "audit_log WHERE action = 'customer.taken_over'";
    assert_eq!(app.count(taken).await, 1);
    assert_eq!(app.count("customers").await, 3);
    app.settle().await;
}

#[tokio::test]
async fn whatever_comes_first_a_user_has_one_customer_after_a_takeover() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    for round in 0..12 {
        let name = format!("buyer{round}");
        let guest = app.guest(&format!("{name}@example.com")).await;
        let body = json!({ "seller_id": shop.id });
        let opened = app.post("/v1/setup_intents", body.clone()).by_guest(&guest);
        opened.expect(201).await;
        let user = app.member(&name).await;
        let (id, code) = app.mailed_code(&guest.email).await;
        let (again, next) = app.mailed_code(&guest.email).await;
        let prove = |id: &str, code: &str| {
            let path = format!("/v1/address_verifications/{id}/confirm");
            app.post(path, json!({ "code": code })).by(&user)
        };
        let proofs = join(
            prove(&id, &code).into_future(),
            prove(&again, &next).into_future(),
        );
        let save = app.post("/v1/setup_intents", body).by(&user).into_future();
        let ((one, two), saved) = join(proofs, save).await;
        let statuses = (one.status, two.status, saved.status);
        assert_eq!(
            statuses,
            (200, 200, 201),
            "{} {} {}",
            one.text,
            two.text,
            saved.text
        );
        let own = format!("customers WHERE user_id = '{}'", user.id);
        assert_eq!(app.count(&own).await, 1);
        let apart = format!("customers WHERE verified_email = '{}'", guest.email);
        let left = app.count(&apart).await;
        let taken = format!(
            "audit_log WHERE action = 'customer.taken_over' AND actor = '{}'",
            user.id
        );
        assert_eq!(app.count(&taken).await + left, 1);
    }
    app.advance(60).await;
    app.settle().await;
}

//! Saved cards that their network renews: nobody types anything, and the same card is charged.

use serde_json::{Value, json};

use crate::harness::{Has, Shop, TestApp, User, lines_of, text};

/// A card that is about to expire, saved by a buyer who has agreed to be charged; its id and the customer's.
async fn expiring_card(app: &TestApp, shop: &Shop, buyer: &User) -> (String, String) {
    let setup = app.save_card(buyer, shop, "pm_card_visa").await;
    app.settle().await;
    let path = format!("/v1/setup_intents/{setup}");
    let setup = app.get(path).by(buyer).expect(200).await;
    let card = text(&setup, "payment_method");
    let form = [("card[exp_month]", "12"), ("card[exp_year]", "2026")];
    let path = format!("/payment_methods/{card}");
    app.stripe_api("POST", &path, &shop.account, &form).await;
    app.settle().await;
    (card, text(&setup, "customer_id"))
}

async fn only_card(app: &TestApp, shop: &Shop, buyer: &User) -> Value {
    let path = format!("/v1/payment_methods?seller_id={}", shop.id);
    let list = app.get(path).by(buyer).expect(200).await;
    let all = list["data"].as_array().expect("a list");
    assert_eq!(all.len(), 1, "{list}");
    all[0].clone()
}

#[tokio::test]
async fn a_card_that_its_network_renews_is_the_same_card_with_a_new_expiry_and_is_charged_on() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let sam = app.member("sam").await;
    let lamp = app.product(&shop, 5000, Some(5)).await;
    let (card, customer) = expiring_card(&app, &shop, &sam).await;
    let before = only_card(&app, &shop, &sam).await;
    before.has(json!({ "id": card, "last4": "4242" }));
    let year = before["exp_year"].as_i64().expect("a year") + 4;
    let renew = format!("/payment_methods/{card}/renew");
    let number = "5555555555554444";
    let renewal = json!({ "exp_month": 11, "exp_year": year, "number": number });
    app.simulate(&renew, renewal).await;
    let event = app
        .pending_one("payment_method.automatically_updated")
        .await;
    event.has(json!({ "account": shop.account }));
    // It comes twice, and once more when it is old.
    for _ in 0..2 {
        app.deliver(&event).await;
    }
    app.settle().await;
    let renewed = json!({ "id": card, "brand": "mastercard", "last4": "4444", "exp_month": 11, "exp_year": year });
    only_card(&app, &shop, &sam).await.has(renewed.clone());
    app.simulate(&renew, json!({})).await;
    app.settle().await;
    app.deliver(&event).await;
    app.settle().await;
    let later = json!({ "id": card, "last4": "4444", "exp_year": year + 3 });
    only_card(&app, &shop, &sam).await.has(later);
    // Nobody is asked for a new card.
    souk::customers::expiry::tell(&app.app)
        .await
        .expect("looks");
    app.settle().await;
    assert_eq!(app.mails_called("Your saved card expires"), 0);
    let body = json!({ "customer_id": customer, "payment_method": card, "lines": lines_of(&[(&lamp, 1)]) });
    let owner = app.login(&shop.owner).await;
    let charge = app.post("/v1/off_session_payments", body).by(&owner);
    let charge = charge.expect(201).await;
    app.settle().await;
    let path = format!("/v1/off_session_payments/{}", text(&charge, "id"));
    let charge = app.get(path).by(&owner).expect(200).await;
    charge.has(json!({ "status": "succeeded" }));
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn the_renewal_of_a_card_that_nobody_saved_with_us_changes_nothing() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let sam = app.member("sam").await;
    let (card, _) = expiring_card(&app, &shop, &sam).await;
    let before = only_card(&app, &shop, &sam).await;
    let theirs = app
        .stripe_api("POST", "/customers", &shop.account, &[])
        .await;
    let theirs = text(&theirs, "id");
    let path = "/payment_methods/pm_card_amex/attach";
    let form = [("customer", theirs.as_str())];
    let foreign = app.stripe_api("POST", path, &shop.account, &form).await;
    let path = format!("/payment_methods/{}/renew", text(&foreign, "id"));
    app.simulate(&path, json!({})).await;
    app.settle().await;
    assert_eq!(only_card(&app, &shop, &sam).await, before);
    assert_eq!(text(&before, "id"), card);
    assert!(app.open_findings().await.is_empty());
}

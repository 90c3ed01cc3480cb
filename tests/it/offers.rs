//! What buyers are offered, and by whom: the shop window, the seller's public side, and its name on Stripe's page.

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{Has, Shop, TestApp, User, accounts_path, text};

/// The products of the shop window as somebody sees it, each with whether it can be bought.
async fn window(app: &TestApp, who: Option<&User>) -> Vec<(String, bool)> {
    let mut call = app.get("/v1/products");
    if let Some(who) = who {
        call = call.by(who);
    }
    let list = call.expect(200).await;
    let rows = list["data"].as_array().expect("a list").iter();
    rows.map(|row| (text(row, "id"), row["purchasable"] == true))
        .collect()
}

async fn product(app: &TestApp, id: &str) -> Value {
    app.get(format!("/v1/products/{id}")).expect(200).await
}

/// The name that the account has at Stripe.
async fn name_at_stripe(app: &TestApp, shop: &Shop) -> Value {
    let account = app.stripe_api("GET", "/account", &shop.account, &[]).await;
    account["business_profile"]["name"].clone()
}

async fn rename(app: &TestApp, shop: &Shop, name: &str) {
    let path = format!("/v1/sellers/{}", shop.id);
    app.patch(path, json!({ "name": name }))
        .by(&shop.owner)
        .expect(200)
        .await;
}

async fn actions(app: &TestApp, action: &str) -> i64 {
    app.count(&format!("audit_log WHERE action = '{action}'"))
        .await
}

#[tokio::test]
async fn what_cannot_be_bought_leaves_the_shop_window_and_comes_back() {
    let app = TestApp::start().await;
    let (mira, nadia) = (app.shop("mira").await, app.new_shop("nadia", "US").await);
    let lamp = app.product(&mira, 2500, None).await;
    let rug = app.product(&nadia, 900, Some(3)).await;
    let buyer = app.member("bea").await;
    let admin = app.admin().await;
    let only_lamp = [(lamp.clone(), true)];
    let both = [(rug.clone(), false), (lamp.clone(), true)];
    assert_eq!(window(&app, None).await, only_lamp);
    assert_eq!(window(&app, Some(&buyer)).await, only_lamp);
    assert_eq!(window(&app, Some(&mira.owner)).await, only_lamp);
    assert_eq!(window(&app, Some(&nadia.owner)).await, both);
    assert_eq!(window(&app, Some(&admin)).await, both);
    let path = format!("/v1/products?seller_id={}", nadia.id);
    assert_eq!(app.get(&path).expect(200).await["data"], json!([]));
    // An old link still says what it is.
    let seen = product(&app, &rug).await;
    seen.has(json!({ "purchasable": false, "seller_name": "nadia" }));

    let path = format!("/accounts/{}/onboard", nadia.account);
    app.simulate(&path, json!({})).await;
    app.settle().await;
    let both = [(rug.clone(), true), (lamp.clone(), true)];
    assert_eq!(window(&app, None).await, both);
    let restriction = json!({ "disabled_reason": "requirements.past_due", "currently_due": ["external_account"] });
    let path = format!("/accounts/{}/restrict", mira.account);
    app.simulate(&path, restriction).await;
    app.settle().await;
    assert_eq!(window(&app, None).await, [(rug, true)]);
    let path = format!("/accounts/{}/deauthorize", nadia.account);
    app.simulate(&path, json!({})).await;
    app.settle().await;
    assert_eq!(window(&app, None).await, []);
}

#[tokio::test]
async fn what_is_sold_out_or_archived_says_so() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let one = app.product(&shop, 2500, Some(1)).await;
    product(&app, &one)
        .await
        .has(json!({ "purchasable": true }));
    app.sale(&one).await;
    let seen = product(&app, &one).await;
    seen.has(json!({ "purchasable": false, "stock": 0, "status": "active" }));
    let endless = app.product(&shop, 2500, None).await;
    let path = format!("/v1/products/{endless}");
    let archived = app.patch(&path, json!({ "status": "archived" }));
    let archived = archived.by(&shop.owner).expect(200).await;
    archived.has(json!({ "purchasable": false, "seller_name": "mira" }));
}

#[tokio::test]
async fn anybody_reads_a_sellers_name_and_nothing_private() {
    let app = TestApp::start().await;
    let (shop, new) = (app.shop("mira").await, app.new_shop("nadia", "US").await);
    let path = format!("/v1/sellers/{}", shop.id);
    let public = json!({
        "id": shop.id, "object": "seller", "name": "mira", "charges_enabled": true,
        "refund_policy": null, "refund_policy_url": null,
    });
    assert_eq!(app.get(&path).expect(200).await, public);
    let other = app.get(&path).by(&new.owner).expect(200).await;
    assert_eq!(other, public);
    let own = app.get(&path).by(&shop.owner).expect(200).await;
    own.has(json!({ "email": "mira@example.com", "status": "active" }));
    let closed = app.get(format!("/v1/sellers/{}", new.id)).expect(200).await;
    closed.has(json!({ "name": "nadia", "charges_enabled": false }));
    app.settle().await;
}

#[tokio::test]
async fn stripes_page_names_the_seller_and_follows_a_new_name() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    assert_eq!(name_at_stripe(&app, &shop).await, "mira");
    assert_eq!(app.count("jobs WHERE kind = 'rename_account'").await, 0);
    rename(&app, &shop, "Mira's Lamps").await;
    app.settle().await;
    assert_eq!(name_at_stripe(&app, &shop).await, "Mira's Lamps");
    assert_eq!(actions(&app, "seller.account_renamed").await, 1);
    let lamp = app.product(&shop, 2500, None).await;
    let body = json!({ "lines": [{ "product_id": lamp, "quantity": 1 }], "customer_email": "g@example.com" });
    let session = app.post("/v1/checkout_sessions", body).expect(201).await;
    let page = reqwest::get(text(&session, "url")).await.expect("a page");
    let page = page.text().await.expect("a text");
    assert!(page.contains("Mira's Lamps") || page.contains("Mira&#39;s Lamps"));
    // Other changes don't trouble Stripe.
    let path = format!("/v1/sellers/{}", shop.id);
    let change = json!({ "metadata": { "a": "b" } });
    app.patch(path, change).by(&shop.owner).expect(200).await;
    app.settle().await;
    assert_eq!(actions(&app, "seller.account_renamed").await, 1);
}

#[tokio::test]
async fn a_seller_who_is_renamed_before_stripe_answers_has_one_account_with_the_new_name() {
    let app = TestApp::start().await;
    let mira = app.member("mira").await;
    let (method, path) = ("POST", accounts_path());
    app.fault(method, path, FaultKind::CommitThenTimeout, Some(3))
        .await;
    let body = json!({ "name": "Mira", "country": "US" });
    let ask = || {
        app.post("/v1/sellers", body.clone())
            .by(&mira)
            .keyed("once")
    };
    ask().refused(503, "stripe_unavailable").await;
    let id: String = app.query("SELECT id AS it FROM sellers").await;
    let new = json!({ "name": "Mira's Lamps" });
    app.patch(format!("/v1/sellers/{id}"), new)
        .by(&mira)
        .expect(200)
        .await;
    // Under the same key Stripe takes only the same request.
    let made = ask().expect(201).await;
    app.settle().await;
    let shop = Shop {
        id,
        account: text(&made, "stripe_account"),
        owner: mira.clone(),
    };
    assert_eq!(name_at_stripe(&app, &shop).await, "Mira's Lamps");
    let accounts = app.simulator.oracle().await["accounts"].clone();
    let accounts = accounts.as_object().expect("accounts").len();
    assert_eq!(accounts, 2, "the platform's and one more");
}

#[tokio::test]
async fn a_name_that_stripe_refuses_or_an_account_that_is_gone_makes_no_noise() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let path = format!("{}/{}", accounts_path(), shop.account);
    app.fault("POST", &path, FaultKind::Error402, Some(1)).await;
    rename(&app, &shop, "Refused").await;
    app.settle().await;
    assert_eq!(name_at_stripe(&app, &shop).await, "mira");
    assert_eq!(actions(&app, "seller.account_rename_refused").await, 1);
    // It is not asked again and again.
    let sync = format!("/v1/sellers/{}/sync", shop.id);
    app.post(&sync, json!({})).by(&shop.owner).expect(200).await;
    app.settle().await;
    assert_eq!(actions(&app, "seller.account_rename_refused").await, 1);

    let path = format!("/accounts/{}/deauthorize", shop.account);
    app.simulate(&path, json!({})).await;
    app.intercept().await;
    rename(&app, &shop, "Gone").await;
    app.settle().await;
    assert_eq!(app.count("findings").await, 0);
    assert_eq!(app.count("jobs WHERE state = 'dead'").await, 0);
    assert_eq!(actions(&app, "seller.account_renamed").await, 0);
    assert_eq!(actions(&app, "seller.deauthorized").await, 1);
}

#[tokio::test]
async fn an_account_from_before_is_told_its_name_when_it_is_next_read() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    app.sql("UPDATE sellers SET account_name = NULL, name = 'Mira''s Lamps'")
        .await;
    let sync = format!("/v1/sellers/{}/sync", shop.id);
    app.post(&sync, json!({})).by(&shop.owner).expect(200).await;
    app.settle().await;
    assert_eq!(name_at_stripe(&app, &shop).await, "Mira's Lamps");
}

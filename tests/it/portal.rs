//! The billing portal: what a buyer does on Stripe's page comes back by events, and it offers what is for sale.

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{Between, Has, Shop, TestApp, User, text};
use crate::subscriptions::{days, only, orders_of, subscribe};

/// A shop with a monthly and a yearly price, and a buyer who has subscribed to the first.
struct Scene {
    shop: Shop,
    bea: User,
    product: String,
    monthly: String,
    yearly: String,
}

async fn scene(app: &TestApp) -> Scene {
    let shop = app.shop("mira").await;
    let bea = app.member("bea").await;
    let product = app.product(&shop, 900, None).await;
    let price = async |amount: i64, interval: &str| {
        let body = json!({
            "product_id": product, "unit_amount": amount, "recurring": { "interval": interval }, "max_quantity": 3,
        });
        let made = app.post("/v1/prices", body).by(&shop.owner).expect(201);
        text(&made.await, "id")
    };
    let (monthly, yearly) = (price(900, "month").await, price(9000, "year").await);
    let checkout = subscribe(app, &bea, &monthly, 1).await;
    app.pay(&checkout).await;
    app.settle().await;
    Scene {
        shop,
        bea,
        product,
        monthly,
        yearly,
    }
}

/// Opens the portal; its address.
async fn open(app: &TestApp, buyer: &User, body: Value) -> String {
    let made = app.post("/v1/billing_portal_sessions", body).by(buyer);
    text(&made.expect(201).await, "url")
}

/// What the page shows.
async fn page(url: &str) -> String {
    let page = reqwest::get(url).await.expect("a page");
    assert_eq!(page.status(), 200);
    page.text().await.expect("a text")
}

/// The buyer sends a form of the page. The address to which it leads.
async fn act(url: &str, form: &[(&str, &str)]) -> String {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client");
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let answer = client
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await
        .expect("an answer");
    let status = answer.status();
    let to = answer.headers().get("location").cloned();
    let said = answer.text().await.expect("a text");
    assert!(status.is_redirection(), "{status}: {said}");
    let to = to.expect("a place to go");
    to.to_str().expect("a text").to_owned()
}

/// Stripe's id of a price of ours.
async fn at_stripe(app: &TestApp, price: &str) -> String {
    app.query(&format!(
        "SELECT stripe_price AS it FROM stripe_prices WHERE price_id = '{price}'"
    ))
    .await
}

async fn configurations(app: &TestApp, shop: &Shop) -> Vec<Value> {
    let list = app
        .stripe_api("GET", "/billing_portal/configurations", &shop.account, &[])
        .await;
    let all = list["data"].as_array().expect("a list");
    let ours = |one: &&Value| one["metadata"]["souk_portal_configuration"].is_string();
    all.iter().filter(ours).cloned().collect()
}

/// Whether the portal offers other prices, and which.
async fn offers(app: &TestApp, shop: &Shop) -> (Value, Value) {
    let made = configurations(app, shop).await;
    assert_eq!(made.len(), 1);
    let update = made[0]["features"]["subscription_update"].clone();
    (update["enabled"].clone(), update["products"].clone())
}

#[tokio::test]
async fn what_a_buyer_does_in_the_portal_comes_back_by_events() {
    let app = TestApp::start().await;
    let Scene {
        shop,
        bea,
        monthly,
        yearly,
        ..
    } = scene(&app).await;
    let made = only(&app, &bea).await;
    let id = text(&made, "id");
    let url = open(&app, &bea, json!({ "seller_id": shop.id })).await;
    assert!(page(&url).await.contains(&id));
    act(
        &url,
        &[("action", "update"), ("subject", &id), ("quantity", "3")],
    )
    .await;
    app.settle().await;
    only(&app, &bea).await["items"][0].has(json!({ "quantity": 3, "price_id": monthly }));
    let body = json!({ "subscription_id": id, "flow": "subscription_update", "return_url": "http://shop.test/me" });
    let url = open(&app, &bea, body).await;
    let plan = at_stripe(&app, &yearly).await;
    let back = act(
        &url,
        &[("action", "update"), ("subject", &id), ("price", &plan)],
    )
    .await;
    assert_eq!(back, "http://shop.test/me");
    app.settle().await;
    only(&app, &bea).await["items"][0]
        .has(json!({ "quantity": 3, "price_id": yearly, "unit_amount": 9000 }));
    let body = json!({ "subscription_id": id, "flow": "payment_method_update" });
    let default = async || {
        let path = format!("/v1/customers/me?seller_id={}", shop.id);
        let me = app.get(path).by(&bea).expect(200).await;
        me["default_payment_method"].clone()
    };
    let before = default().await;
    let url = open(&app, &bea, body).await;
    act(
        &url,
        &[("action", "add_card"), ("card", "5555555555554444")],
    )
    .await;
    app.settle().await;
    assert_ne!(default().await, before, "the new card is what is charged");
    let body = json!({ "subscription_id": id, "flow": "subscription_cancel" });
    let url = open(&app, &bea, body).await;
    act(&url, &[("action", "cancel"), ("subject", &id)]).await;
    app.settle().await;
    only(&app, &bea)
        .await
        .has(json!({ "status": "active", "cancel_at_period_end": true }));
    let url = open(&app, &bea, json!({ "subscription_id": id })).await;
    act(&url, &[("action", "resume"), ("subject", &id)]).await;
    app.settle().await;
    only(&app, &bea)
        .await
        .has(json!({ "status": "active", "cancel_at_period_end": false }));
    let (_, shop) = days(&app, 2, bea, shop).await;
    for order in orders_of(&app, &shop).await {
        order.has(json!({ "status": "paid" }));
    }
    app.until_transactions_show(&shop.account).await;
    app.settle().await;
    app.books_equal_stripe().await;
    assert_eq!(app.open_findings().await, vec![]);
}

#[tokio::test]
async fn the_configuration_is_made_once_and_told_only_what_has_changed() {
    let (app, between) = Between::start().await;
    let Scene {
        shop,
        bea,
        product,
        monthly,
        yearly,
    } = scene(&app).await;
    let sam = app.member("sam").await;
    let checkout = subscribe(&app, &sam, &monthly, 1).await;
    app.pay(&checkout).await;
    app.settle().await;
    let body = || json!({ "seller_id": shop.id });
    let both = [&bea, &sam].map(|who| open(&app, who, body()));
    futures_util::future::join_all(both).await;
    let made = configurations(&app, &shop).await;
    assert_eq!(made.len(), 1, "{made:?}");
    // Of those who told at once nobody knows who was last, so one more may tell again.
    open(&app, &bea, body()).await;
    between.sent("");
    open(&app, &bea, body()).await;
    let path = "/v1/billing_portal/configurations";
    let asked = between.asked();
    assert!(!asked.is_empty());
    let update = format!("{path}/{}", text(&made[0], "id"));
    assert!(between.sent(&update).is_empty());
    let (enabled, products) = offers(&app, &shop).await;
    assert_eq!(enabled, true);
    let prices = [
        at_stripe(&app, &monthly).await,
        at_stripe(&app, &yearly).await,
    ];
    assert_eq!(
        products,
        json!([{
            "product": product, "prices": prices, "adjustable_quantity": { "enabled": true, "minimum": 1, "maximum": 3 },
        }])
    );
    app.settle().await;
}

#[tokio::test]
async fn the_portal_offers_the_newest_price_of_each_period_and_nothing_that_is_archived() {
    let app = TestApp::start().await;
    let Scene {
        shop,
        bea,
        product,
        monthly,
        yearly,
    } = scene(&app).await;
    let body = || json!({ "seller_id": shop.id });
    // Another monthly price takes the first one's place, which keeps its subscribers.
    let body_of = json!({ "product_id": product, "unit_amount": 1200, "recurring": { "interval": "month" }, "max_quantity": 1 });
    let dearer = app.post("/v1/prices", body_of).by(&shop.owner).expect(201);
    let dearer = text(&dearer.await, "id");
    let old = open(&app, &bea, body()).await;
    let (_, products) = offers(&app, &shop).await;
    let prices = [
        at_stripe(&app, &dearer).await,
        at_stripe(&app, &yearly).await,
    ];
    assert_eq!(
        products[0]["prices"],
        json!(prices),
        "the newest of a month, and the one of a year"
    );
    assert_eq!(products[0]["adjustable_quantity"]["enabled"], false);
    for price in [&dearer, &yearly] {
        app.patch(format!("/v1/prices/{price}"), json!({ "active": false }))
            .by(&shop.owner)
            .expect(200)
            .await;
    }
    app.settle().await;
    assert!(
        !page(&old).await.contains(&prices[1]),
        "it is archived at Stripe"
    );
    open(&app, &bea, body()).await;
    let (_, products) = offers(&app, &shop).await;
    assert_eq!(
        products[0]["prices"],
        json!([at_stripe(&app, &monthly).await])
    );
    app.patch(
        format!("/v1/products/{product}"),
        json!({ "status": "archived" }),
    )
    .by(&shop.owner)
    .expect(200)
    .await;
    app.settle().await;
    let url = open(&app, &bea, body()).await;
    assert_eq!(offers(&app, &shop).await.0, false);
    assert!(page(&url).await.contains("Cancel this subscription"));
    app.settle().await;
}

#[tokio::test]
async fn a_configuration_that_was_switched_off_is_switched_on_again() {
    let app = TestApp::start().await;
    let Scene { shop, bea, .. } = scene(&app).await;
    open(&app, &bea, json!({ "seller_id": shop.id })).await;
    let path = |id: &str| format!("/billing_portal/configurations/{id}");
    let known = configurations(&app, &shop).await.remove(0);
    let known = text(&known, "id");
    app.stripe_api("POST", &path(&known), &shop.account, &[("active", "false")])
        .await;
    let url = open(&app, &bea, json!({ "seller_id": shop.id })).await;
    page(&url).await;
    let after = configurations(&app, &shop).await.remove(0);
    after.has(json!({ "id": known, "active": true }));
    app.settle().await;
}

#[tokio::test]
async fn the_portal_opens_for_the_buyer_alone_and_leads_back_to_allowed_places() {
    let app = TestApp::start().await;
    let Scene { shop, bea, .. } = scene(&app).await;
    let (eve, admin) = (app.member("eve").await, app.admin().await);
    let made = only(&app, &bea).await;
    let id = text(&made, "id");
    let ask = |who: &User, body: Value| app.post("/v1/billing_portal_sessions", body).by(who);
    for who in [&eve, &shop.owner, &admin] {
        for body in [
            json!({ "subscription_id": id }),
            json!({ "seller_id": shop.id }),
        ] {
            ask(who, body).refused(404, "not_found").await;
        }
    }
    let of_it = |name: &str, value: Value| {
        let mut body = json!({ "subscription_id": id });
        body[name] = value;
        body
    };
    for (body, param) in [
        (json!({}), "seller_id"),
        (of_it("seller_id", json!(shop.id)), "seller_id"),
        (
            of_it("return_url", json!("https://evil.test/")),
            "return_url",
        ),
        (
            of_it("return_url", json!("javascript:alert(1)")),
            "return_url",
        ),
        (of_it("flow", json!("customer_update")), "flow"),
        (json!({ "subscription_id": "in_1" }), "subscription_id"),
        (
            json!({ "seller_id": shop.id, "flow": "subscription_cancel" }),
            "subscription_id",
        ),
    ] {
        ask(&bea, body).refuses_field(param).await;
    }
    ask(&bea, json!({ "subscription_id": "sub_0" }))
        .refused(404, "not_found")
        .await;
    app.settle().await;
}

#[tokio::test]
async fn a_portal_that_stripe_does_not_answer_or_that_has_nothing_left_is_refused_by_name() {
    let app = TestApp::start().await;
    let Scene { shop, bea, .. } = scene(&app).await;
    let made = only(&app, &bea).await;
    let id = text(&made, "id");
    let ask = |who: &User, body: Value| app.post("/v1/billing_portal_sessions", body).by(who);
    for path in [
        "/v1/billing_portal/configurations",
        "/v1/billing_portal/sessions",
    ] {
        app.fault("POST", path, FaultKind::CommitThenTimeout, Some(3))
            .await;
        ask(&bea, json!({ "subscription_id": id }))
            .refused(503, "stripe_unavailable")
            .await;
        app.simulator.clear_faults().await;
    }
    ask(&bea, json!({ "subscription_id": id }))
        .expect(201)
        .await;
    assert_eq!(configurations(&app, &shop).await.len(), 1);
    let path = format!("/v1/subscriptions/{id}/cancel");
    app.post(path, json!({ "at_period_end": false }))
        .by(&bea)
        .expect(200)
        .await;
    for flow in ["subscription_cancel", "subscription_update"] {
        let body = json!({ "subscription_id": id, "flow": flow });
        ask(&bea, body).refused(409, "subscription_ended").await;
    }
    ask(&bea, json!({ "subscription_id": id }))
        .expect(201)
        .await;
    let leave = format!("/accounts/{}/deauthorize", shop.account);
    app.simulate(&leave, json!({})).await;
    ask(&bea, json!({ "subscription_id": id }))
        .refused(409, "seller_not_active")
        .await;
    app.settle().await;
}

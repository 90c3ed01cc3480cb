//! The catalog: products and their stock, promotion codes, and what lists and idempotency keys do everywhere.

mod idempotency;
mod paging;
mod promotion_codes;

use serde_json::{Value, json};

use crate::harness::{Has, Shop, TestApp, User, text};

/// A product of a shop, with one field changed.
fn lamp(shop: &Shop, field: &str, value: Value) -> Value {
    let mut body = json!({ "seller_id": shop.id, "name": "Brass lamp", "unit_amount": 2500, "currency": "usd" });
    body[field] = value;
    body
}

/// The ids of a page, in its order, and whether there are more.
async fn page(app: &TestApp, path: &str, who: &User) -> (Vec<String>, bool) {
    let list = app.get(path).by(who).expect(200).await;
    let ids = list["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| text(row, "id"));
    (ids.collect(), list["has_more"] == true)
}

#[tokio::test]
async fn a_product_is_what_it_was_made_of() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let body = json!({
        "seller_id": shop.id, "name": "  Brass lamp ", "description": "Hand-made\nin Amman.", "unit_amount": 2500,
        "currency": "usd", "stock": 2, "metadata": { "shelf": "3" },
    });
    let product = app
        .post("/v1/products", body)
        .by(&shop.owner)
        .expect(201)
        .await;
    product.has(json!({ "name": "Brass lamp", "stock": 2, "status": "active" }));
    assert_eq!(product["metadata"], json!({ "shelf": "3" }));
    let path = format!("/v1/products/{}", text(&product, "id"));
    assert_eq!(
        app.get(&path).expect(200).await,
        product,
        "anybody may look"
    );
    let endless = app
        .post("/v1/products", lamp(&shop, "stock", json!(null)))
        .by(&shop.owner)
        .expect(201)
        .await;
    endless.has(json!({ "stock": null, "description": null }));
    // A seller that isn't onboarded may fill its shelves.
    let new = app.new_shop("nadia", "US").await;
    app.product(&new, 2500, Some(1)).await;
    app.settle().await;
}

#[tokio::test]
async fn every_wrong_field_of_a_product_is_named_and_nothing_is_made() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("   ")),
        ("name", json!("x".repeat(251))),
        ("name", json!("two\nlines")),
        ("description", json!("x".repeat(2001))),
        ("unit_amount", json!(0)),
        ("unit_amount", json!(-2500)),
        ("unit_amount", json!(1_000_000_000_000_i64)),
        ("unit_amount", json!(i64::MAX)),
        ("unit_amount", json!(u64::MAX)),
        ("unit_amount", json!(25.5)),
        ("unit_amount", json!("2500")),
        ("currency", json!("USD")),
        ("currency", json!("xxx")),
        ("currency", json!("")),
        ("stock", json!(-1)),
        ("stock", json!(2_147_483_648_i64)),
        ("stock", json!(1.5)),
        ("metadata", json!({ "a": 1 })),
        ("price", json!(2500)),
    ] {
        let wrong = app
            .post("/v1/products", lamp(&shop, field, value))
            .by(&shop.owner)
            .await;
        wrong.refused(422, "invalid_request");
        let param = text(&wrong.body, "param");
        assert_eq!(param.split('.').next(), Some(field), "{}", wrong.text);
    }
    let long = json!({ "note": "x".repeat(501) });
    app.post("/v1/products", lamp(&shop, "metadata", long))
        .by(&shop.owner)
        .refuses_field("metadata.note")
        .await;
    let other = app.member("other").await;
    let problem = app
        .post("/v1/products", lamp(&shop, "name", json!("Mine")))
        .by(&other)
        .refused(404, "not_found")
        .await;
    assert_eq!(problem["param"], "seller_id");
    assert_eq!(app.count("products").await, 0);
}

#[tokio::test]
async fn a_product_changes_in_what_may_change_and_orders_keep_their_price() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let id = app.product(&shop, 2500, Some(3)).await;
    let path = format!("/v1/products/{id}");
    let sold = app.sale(&id).await;
    let change = json!({ "name": "Copper lamp", "unit_amount": 2700, "description": "New", "metadata": { "shelf": "4" } });
    let changed = app.patch(&path, change).by(&shop.owner).expect(200).await;
    changed.has(json!({ "name": "Copper lamp", "unit_amount": 2700 }));
    assert_eq!(changed["metadata"], json!({ "shelf": "4" }));
    let cleared = json!({ "description": null, "metadata": { "shelf": "", "hall": "1" } });
    let cleared = app.patch(&path, cleared).by(&shop.owner).expect(200).await;
    cleared.has(json!({ "description": null }));
    assert_eq!(cleared["metadata"], json!({ "hall": "1" }));
    let line = &app.order(&sold).await["lines"][0];
    line.has(json!({ "name": "Brass lamp", "unit_amount": 2500 }));
    for (field, value) in [
        ("currency", json!("eur")),
        ("stock", json!(9)),
        ("seller_id", json!(shop.id)),
        ("name", json!(null)),
        ("unit_amount", json!(0)),
        ("status", json!("deleted")),
    ] {
        app.patch(&path, json!({ field: value }))
            .by(&shop.owner)
            .refuses_field(field)
            .await;
    }
    assert_eq!(app.get(&path).expect(200).await, cleared);
}

#[tokio::test]
async fn an_archived_product_is_not_sold_and_is_listed_to_its_seller_only() {
    let app = TestApp::start().await;
    let (shop, other) = (app.shop("mira").await, app.shop("omar").await);
    let (id, rug) = (
        app.product(&shop, 2500, None).await,
        app.product(&other, 900, None).await,
    );
    let path = format!("/v1/products/{id}");
    let archived = app
        .patch(&path, json!({ "status": "archived" }))
        .by(&shop.owner)
        .expect(200)
        .await;
    assert_eq!(archived["status"], "archived");
    let body = json!({ "lines": [{ "product_id": id, "quantity": 1 }], "customer_email": "g@example.com" });
    app.post("/v1/checkout_sessions", body.clone())
        .refused(409, "product_archived")
        .await;
    let public = app.get("/v1/products").expect(200).await;
    public.has(json!({ "data": [{ "id": rug }] }));
    assert_eq!(
        app.get("/v1/products?status=archived").expect(200).await["data"],
        json!([])
    );
    assert_eq!(
        page(&app, "/v1/products?status=archived", &shop.owner)
            .await
            .0,
        [id.as_str()]
    );
    assert!(
        page(&app, "/v1/products?status=archived", &other.owner)
            .await
            .0
            .is_empty()
    );
    let theirs = format!("/v1/products?status=archived&seller_id={}", shop.id);
    assert!(page(&app, &theirs, &other.owner).await.0.is_empty());
    let admin = app.admin().await;
    assert_eq!(page(&app, &theirs, &admin).await.0, [id.as_str()]);
    assert_eq!(
        page(
            &app,
            &format!("/v1/products?seller_id={}", other.id),
            &admin
        )
        .await
        .0,
        [rug.as_str()]
    );
    app.patch(&path, json!({ "status": "active" }))
        .by(&shop.owner)
        .expect(200)
        .await;
    app.post("/v1/checkout_sessions", body).expect(201).await;
}

#[tokio::test]
async fn stock_is_the_sum_of_its_movements_and_each_has_its_reason() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let id = app.product(&shop, 2500, Some(2)).await;
    let path = format!("/v1/products/{id}/stock_adjustments");
    for (delta, reason) in [
        (10, "received"),
        (-1, "damaged"),
        (-3, "correction"),
        (1, "returned"),
    ] {
        let body = json!({ "delta": delta, "reason": reason, "note": "counted" });
        let made = app.post(&path, body).by(&shop.owner).expect(201).await;
        made.has(json!({ "delta": delta, "reason": reason }));
    }
    let checkout = app.sale(&id).await;
    assert_eq!(app.stock(&id).await, 8);
    let list = app.get(&path).by(&shop.owner).expect(200).await;
    let rows = list["data"].as_array().expect("a list");
    let reasons: Vec<&Value> = rows.iter().rev().map(|row| &row["reason"]).collect();
    assert_eq!(
        reasons,
        [
            "initial",
            "received",
            "damaged",
            "correction",
            "returned",
            "sale"
        ]
    );
    assert_eq!(
        rows.iter()
            .map(|row| row["delta"].as_i64().expect("units"))
            .sum::<i64>(),
        8
    );
    rows[0].has(json!({ "order_id": checkout.order }));
    rows[1].has(json!({ "order_id": null }));
}

#[tokio::test]
async fn stock_never_falls_below_zero_and_an_unlimited_product_has_none() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let (few, endless) = (
        app.product(&shop, 2500, Some(2)).await,
        app.product(&shop, 2500, None).await,
    );
    let path = format!("/v1/products/{few}/stock_adjustments");
    let take = |delta: i64| json!({ "delta": delta, "reason": "correction" });
    let problem = app
        .post(&path, take(-3))
        .by(&shop.owner)
        .refused(409, "insufficient_stock")
        .await;
    assert_eq!(problem["param"], "delta");
    assert_eq!(app.stock(&few).await, 2);
    app.post(&path, take(-2)).by(&shop.owner).expect(201).await;
    app.post(&path, take(-1))
        .by(&shop.owner)
        .refused(409, "insufficient_stock")
        .await;
    let never = format!("/v1/products/{endless}/stock_adjustments");
    app.post(never, take(5))
        .by(&shop.owner)
        .refused(409, "stock_unlimited")
        .await;
    assert_eq!(app.count("stock_movements").await, 2);
}

#[tokio::test]
async fn every_wrong_field_of_an_adjustment_is_named() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let id = app.product(&shop, 2500, Some(2)).await;
    let path = format!("/v1/products/{id}/stock_adjustments");
    for (field, value) in [
        ("delta", json!(0)),
        ("delta", json!(1.5)),
        ("delta", json!(2_147_483_648_i64)),
        ("delta", json!(i64::MIN)),
        ("reason", json!("sale")),
        ("reason", json!("initial")),
        ("reason", json!("stolen")),
        ("note", json!("x".repeat(501))),
        ("order_id", json!("ord_1")),
    ] {
        let mut body = json!({ "delta": 1, "reason": "received" });
        body[field] = value;
        app.post(&path, body)
            .by(&shop.owner)
            .refuses_field(field)
            .await;
    }
    for missing in ["delta", "reason"] {
        let mut body = json!({ "delta": 1, "reason": "received" });
        body.as_object_mut().expect("an object").remove(missing);
        app.post(&path, body)
            .by(&shop.owner)
            .refuses_field(missing)
            .await;
    }
    // More than fits: 2^31 - 1 twice over is fine in 64 bits.
    for _ in 0..2 {
        let most = json!({ "delta": i32::MAX, "reason": "received" });
        app.post(&path, most).by(&shop.owner).expect(201).await;
    }
    assert_eq!(app.stock(&id).await, 2 + 2 * i64::from(i32::MAX));
}

//! Who may see an order, and which orders a list shows.

use serde_json::{Value, json};

use crate::harness::{Has, TestApp, User, text};

/// The ids of a list, in its order.
async fn listed(app: &TestApp, path: &str, who: &User) -> Vec<String> {
    let list = app.get(path).by(who).expect(200).await;
    list["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| text(row, "id"))
        .collect()
}

#[tokio::test]
async fn a_guests_order_opens_to_its_own_secret_and_to_no_other() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    let (mine, theirs) = (app.checkout(&lamp).await, app.checkout(&lamp).await);
    let (secret, other) = (
        mine.secret.clone().expect("a guest's"),
        theirs.secret.expect("a guest's"),
    );
    let stranger = app.member("stranger").await;
    for path in [
        format!("/v1/orders/{}", mine.order),
        format!("/v1/orders/{}/timeline", mine.order),
    ] {
        app.get(&path).with_secret(&secret).expect(200).await;
        app.get(&path).refused(401, "unauthenticated").await;
        for wrong in [
            other.as_str(),
            "",
            "ors_",
            &secret[..secret.len() - 1],
            &secret.to_uppercase(),
        ] {
            app.get(&path)
                .with_secret(wrong)
                .refused(404, "not_found")
                .await;
        }
        app.get(&path).by(&stranger).refused(404, "not_found").await;
        // A stranger who was shown the secret may look as the guest does; a bad token is refused whatever the secret.
        app.get(&path)
            .by(&stranger)
            .with_secret(&secret)
            .expect(200)
            .await;
        app.get(&path)
            .header("authorization", "Bearer x")
            .with_secret(&secret)
            .refused(401, "invalid_token")
            .await;
    }
    let kept = format!("orders WHERE secret_hash LIKE '%{}%'", &secret[4..]);
    assert_eq!(app.count(&kept).await, 0, "the secret is not kept");
}

#[tokio::test]
async fn the_order_of_somebody_logged_in_has_no_secret() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let buyer = app.member("buyer").await;
    let checkout = app
        .checkout_by(&buyer, &app.product(&shop, 2500, None).await)
        .await;
    assert_eq!(checkout.secret, None);
    let path = format!("/v1/orders/{}", checkout.order);
    let would_be = souk::identity::order_secret(&app.app, &checkout.order.as_str().into());
    app.get(&path)
        .with_secret(&would_be)
        .refused(404, "not_found")
        .await;
    let order = app.get(&path).by(&buyer).expect(200).await;
    order.has(json!({ "buyer_id": buyer.id, "email": buyer.email }));
}

#[tokio::test]
async fn buyer_seller_and_admin_see_the_same_order_and_timeline() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let (buyer, admin) = (app.member("buyer").await, app.admin().await);
    let checkout = app
        .checkout_by(&buyer, &app.product(&shop, 2500, None).await)
        .await;
    for path in [
        format!("/v1/orders/{}", checkout.order),
        format!("/v1/orders/{}/timeline", checkout.order),
    ] {
        let seen = app.get(&path).by(&buyer).expect(200).await;
        assert_eq!(app.get(&path).by(&shop.owner).expect(200).await, seen);
        assert_eq!(app.get(&path).by(&admin).expect(200).await, seen);
    }
}

#[tokio::test]
async fn a_list_is_narrowed_by_status_time_and_seller() {
    let app = TestApp::start().await;
    let (mira, omar) = (app.shop("mira").await, app.shop("omar").await);
    let (lamp, rug) = (
        app.product(&mira, 2500, None).await,
        app.product(&omar, 9000, None).await,
    );
    let paid = app.sale(&lamp).await.order;
    app.advance(1).await;
    let open = app.checkout(&lamp).await.order;
    app.advance(1).await;
    let other = app.checkout(&rug).await.order;
    let admin = app.admin().await;
    let orders = async |query: &str| listed(&app, &format!("/v1/orders?{query}"), &admin).await;
    assert_eq!(
        orders("").await,
        [other.clone(), open.clone(), paid.clone()]
    );
    assert_eq!(orders("status=paid").await, std::slice::from_ref(&paid));
    assert_eq!(
        orders(&format!("seller_id={}", mira.id)).await,
        [open.clone(), paid.clone()]
    );
    assert_eq!(
        orders(&format!("seller_id={}&status=pending", mira.id)).await,
        std::slice::from_ref(&open)
    );
    // From is included, to is not.
    assert_eq!(
        orders("created_gte=2026-11-18T11:06:41Z").await,
        [other.clone(), open.clone()]
    );
    assert_eq!(orders("created_lt=2026-11-18T11:06:41Z").await, [paid]);
    let second = "created_gte=2026-11-18T11:06:41.000Z&created_lt=2026-11-18T11:06:42%2B00:00";
    assert_eq!(orders(second).await, std::slice::from_ref(&open));
    assert_eq!(
        orders(&format!("limit=1&starting_after={other}")).await,
        std::slice::from_ref(&open)
    );
    assert_eq!(
        orders(&format!("limit=1&ending_before={open}")).await,
        [other]
    );
    for (query, param) in [
        ("created_gte=yesterday", "created_gte"),
        ("created_lt=2026-13-01T00:00:00Z", "created_lt"),
        ("status=", "status"),
        ("buyer_id=usr_1", "buyer_id"),
    ] {
        app.get(format!("/v1/orders?{query}"))
            .by(&admin)
            .refuses_field(param)
            .await;
    }
}

#[tokio::test]
async fn an_order_says_what_was_paid_and_what_came_back() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let (lamp, vase) = (
        app.product(&shop, 2500, Some(5)).await,
        app.product(&shop, 1000, None).await,
    );
    let checkout = app.checkout_of(&[(&lamp, 2), (&vase, 3)]).await;
    let pending = app.order(&checkout).await;
    pending.has(json!({
        "amount_subtotal": 8000, "amount_total": null, "paid_at": null, "application_fee_amount": 800,
    }));
    let lines = pending["lines"].as_array().expect("lines");
    let amounts: Vec<&Value> = lines.iter().map(|line| &line["amount"]).collect();
    assert_eq!(amounts, [5000, 3000], "in the order they were asked for");
    app.pay(&checkout).await;
    app.settle().await;
    let body = json!({ "order_id": checkout.order, "amount": 3000 });
    app.post("/v1/refunds", body)
        .by(&shop.owner)
        .expect(201)
        .await;
    app.settle().await;
    let order = app.order(&checkout).await;
    order.has(json!({
        "status": "paid", "amount_total": 8000, "amount_refunded": 3000, "amount_discount": 0,
        "paid_at": "2026-11-18T11:06:40.000Z",
    }));
}

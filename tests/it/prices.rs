//! Recurring prices: what they are made of, what may change of them, and who sees them.

mod at_stripe;

use serde_json::{Value, json};
use souk::catalog::prices;

use crate::harness::{Has, Shop, TestApp, User, text};

/// A price's body with some fields changed; null takes one away.
fn body(product: &str, changes: Value) -> Value {
    let mut body =
        json!({ "product_id": product, "unit_amount": 900, "recurring": { "interval": "month" } });
    let fields = body.as_object_mut().expect("an object");
    for (field, value) in changes.as_object().expect("an object") {
        fields.insert(field.clone(), value.clone());
    }
    fields.retain(|_, value| !value.is_null());
    body
}

async fn ids(app: &TestApp, path: &str, who: Option<&User>) -> Vec<String> {
    let call = app.get(path);
    let call = match who {
        Some(who) => call.by(who),
        None => call,
    };
    let list = call.expect(200).await;
    let rows = list["data"].as_array().expect("a list").iter();
    rows.map(|row| text(row, "id")).collect()
}

/// A product that is sold only again and again, and a price of it.
struct Fixture {
    app: TestApp,
    shop: Shop,
    tea: String,
    price: String,
}

impl Fixture {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let shop = app.shop("mira").await;
        let tea = recurring_product(&app, &shop).await;
        let price = app.price(&shop, &tea, 900).await;
        Self {
            app,
            shop,
            tea,
            price,
        }
    }

    async fn patch(&self, path: &str, change: Value) -> Value {
        let call = self.app.patch(path, change).by(&self.shop.owner);
        call.expect(200).await
    }
}

async fn recurring_product(app: &TestApp, shop: &Shop) -> String {
    let body = json!({ "seller_id": shop.id, "name": "Box of tea", "unit_amount": null, "currency": "usd" });
    let made = app.post("/v1/products", body).by(&shop.owner).expect(201);
    text(&made.await, "id")
}

#[tokio::test]
async fn a_price_is_what_it_was_made_of_and_stripe_hears_nothing_of_it() {
    let Fixture { app, shop, tea, .. } = Fixture::new().await;
    let new = json!({
        "unit_amount": 2500, "recurring": { "interval": "week", "interval_count": 2, "trial_period_days": 14 },
        "nickname": " Fortnightly ", "min_quantity": 2, "max_quantity": 5,
    });
    let call = || {
        app.post("/v1/prices", body(&tea, new.clone()))
            .by(&shop.owner)
            .keyed("one")
    };
    let made = call().expect(201).await;
    made.has(json!({
        "object": "price", "product_id": tea, "seller_id": shop.id, "unit_amount": 2500, "currency": "usd",
        "recurring": { "interval": "week", "interval_count": 2, "trial_period_days": 14 },
        "nickname": "Fortnightly", "min_quantity": 2, "max_quantity": 5, "active": true, "purchasable": true,
    }));
    let again = call().await;
    assert_eq!(*again.expect_replay(201), made);
    let path = format!("/v1/prices/{}", text(&made, "id"));
    assert_eq!(app.get(&path).expect(200).await, made, "anybody may look");
    let plain = app.post("/v1/prices", body(&tea, json!({})));
    plain.by(&shop.owner).expect(201).await.has(json!({
        "recurring": { "interval": "month", "interval_count": 1, "trial_period_days": null },
        "nickname": null, "min_quantity": null, "max_quantity": null,
    }));
    assert_eq!(app.count("stripe_prices").await, 0);
    let there = app.stripe_api("GET", "/prices", &shop.account, &[]).await;
    assert_eq!(there["data"], json!([]));
    app.settle().await;
}

#[tokio::test]
async fn every_wrong_field_of_a_price_is_named_and_nothing_is_made() {
    let Fixture { app, shop, tea, .. } = Fixture::new().await;
    let before = app.count("prices").await;
    let often = |interval: &str, count: i64| json!({ "recurring": { "interval": interval, "interval_count": count } });
    let trial =
        |days: Value| json!({ "recurring": { "interval": "month", "trial_period_days": days } });
    for (field, changes) in [
        ("product_id", json!({ "product_id": null })),
        ("unit_amount", json!({ "unit_amount": null })),
        ("unit_amount", json!({ "unit_amount": 0 })),
        ("unit_amount", json!({ "unit_amount": -900 })),
        ("unit_amount", json!({ "unit_amount": 9.5 })),
        (
            "unit_amount",
            json!({ "unit_amount": 1_000_000_000_000_i64 }),
        ),
        ("recurring", json!({ "recurring": null })),
        ("recurring", json!({ "recurring": "month" })),
        ("recurring", json!({ "recurring": ["month"] })),
        ("recurring.interval", json!({ "recurring": {} })),
        ("recurring.interval", often("decade", 1)),
        ("recurring.interval_count", often("day", 1096)),
        ("recurring.interval_count", often("week", 157)),
        ("recurring.interval_count", often("month", 37)),
        ("recurring.interval_count", often("year", 4)),
        ("recurring.interval_count", often("year", 0)),
        ("recurring.interval_count", often("year", -1)),
        ("recurring.interval_count", often("year", i64::MAX)),
        ("recurring.trial_period_days", trial(json!(0))),
        ("recurring.trial_period_days", trial(json!(731))),
        ("recurring.trial_period_days", trial(json!("7"))),
        (
            "recurring.usage_type",
            json!({ "recurring": { "interval": "month", "usage_type": "metered" } }),
        ),
        ("nickname", json!({ "nickname": "" })),
        ("nickname", json!({ "nickname": "   " })),
        ("nickname", json!({ "nickname": "x".repeat(251) })),
        ("min_quantity", json!({ "min_quantity": 0 })),
        ("min_quantity", json!({ "min_quantity": 1_000_000 })),
        ("max_quantity", json!({ "max_quantity": 0 })),
        ("max_quantity", json!({ "max_quantity": 1_000_000 })),
        (
            "max_quantity",
            json!({ "min_quantity": 3, "max_quantity": 2 }),
        ),
        ("currency", json!({ "currency": "usd" })),
        ("active", json!({ "active": false })),
    ] {
        app.post("/v1/prices", body(&tea, changes))
            .by(&shop.owner)
            .refuses_field(field)
            .await;
    }
    // The product's currency has a step.
    let isk = app.product_in(&shop, 500, "isk", None).await;
    let odd = app.post("/v1/prices", body(&isk, json!({ "unit_amount": 950 })));
    odd.by(&shop.owner).refuses_field("unit_amount").await;
    for path in ["/v1/prices", "/v1/prices?product_id=prd_1&active=maybe"] {
        app.get(path).refused(422, "invalid_request").await;
    }
    assert_eq!(app.count("prices").await, before);
}

#[tokio::test]
async fn nobody_makes_changes_or_learns_of_prices_of_another_seller() {
    let Fixture {
        app,
        shop,
        tea,
        price,
    } = Fixture::new().await;
    let (rival, path) = (app.shop("omar").await, format!("/v1/prices/{price}"));
    let made = app.post("/v1/prices", body(&tea, json!({})));
    let problem = made.by(&rival.owner).refused(404, "not_found").await;
    assert_eq!(problem["param"], "product_id");
    let nothing = body("prd_00000000000000000000000000", json!({}));
    let made = app.post("/v1/prices", nothing).by(&shop.owner);
    assert_eq!(made.refused(404, "not_found").await["param"], "product_id");
    let change = app.patch(&path, json!({ "active": false }));
    change.by(&rival.owner).refused(404, "not_found").await;
    app.patch(&path, json!({ "active": false }))
        .refused(401, "unauthenticated")
        .await;
    app.get("/v1/prices?product_id=prd_0")
        .refused(404, "not_found")
        .await;
    let theirs = recurring_product(&app, &rival).await;
    app.price(&rival, &theirs, 500).await;
    let list = format!("/v1/prices?product_id={tea}");
    assert_eq!(ids(&app, &list, None).await, [price]);
}

#[tokio::test]
async fn a_price_changes_in_what_may_change_and_never_in_its_money() {
    let fixture = Fixture::new().await;
    let (app, path) = (&fixture.app, format!("/v1/prices/{}", fixture.price));
    let before = app.get(&path).expect(200).await;
    let change = json!({ "recurring": { "trial_period_days": 7 }, "nickname": "Plain", "min_quantity": 2, "max_quantity": 9 });
    let changed = fixture.patch(&path, change.clone()).await;
    changed.has(change);
    for field in [
        "unit_amount",
        "currency",
        "product_id",
        "created_at",
        "active",
    ] {
        assert_eq!(changed[field], before[field], "{field}");
    }
    changed["recurring"].has(json!({ "interval": "month", "interval_count": 1 }));
    for (field, change) in [
        ("unit_amount", json!({ "unit_amount": 901 })),
        ("currency", json!({ "currency": "eur" })),
        ("product_id", json!({ "product_id": fixture.tea })),
        (
            "recurring.interval",
            json!({ "recurring": { "interval": "year" } }),
        ),
        (
            "recurring.interval_count",
            json!({ "recurring": { "interval_count": 2 } }),
        ),
        (
            "recurring.trial_period_days",
            json!({ "recurring": { "trial_period_days": 731 } }),
        ),
        ("recurring", json!({ "recurring": null })),
        ("nickname", json!({ "nickname": "a\nb" })),
        ("active", json!({ "active": null })),
        // Against what is stored.
        ("max_quantity", json!({ "max_quantity": 1 })),
        ("max_quantity", json!({ "min_quantity": 10 })),
    ] {
        app.patch(&path, change)
            .by(&fixture.shop.owner)
            .refuses_field(field)
            .await;
    }
    assert_eq!(app.get(&path).expect(200).await, changed);
    let cleared = json!({ "recurring": { "trial_period_days": null }, "nickname": null, "min_quantity": null, "max_quantity": null });
    fixture.patch(&path, cleared.clone()).await.has(cleared);
    assert_eq!(
        app.count("audit_log WHERE action = 'price.updated'").await,
        2
    );
    let same = app.get(&path).expect(200).await;
    assert_eq!(fixture.patch(&path, json!({})).await, same);
}

#[tokio::test]
async fn what_is_archived_is_offered_to_nobody_and_seen_by_its_seller_only() {
    let fixture = Fixture::new().await;
    let Fixture {
        app,
        shop,
        tea,
        price,
    } = &fixture;
    let (path, product) = (format!("/v1/prices/{price}"), format!("/v1/products/{tea}"));
    let dearer = app.price(shop, tea, 1100).await;
    let stranger = app.member("sam").await;
    let (active, archived) = (
        format!("/v1/prices?product_id={tea}"),
        format!("/v1/prices?product_id={tea}&active=false"),
    );
    let both = [dearer.clone(), price.clone()];
    assert_eq!(ids(app, &active, None).await, both);
    let off = fixture.patch(&path, json!({ "active": false })).await;
    off.has(json!({ "active": false, "purchasable": false }));
    assert_eq!(ids(app, &active, Some(&stranger)).await, [dearer.as_str()]);
    for who in [None, Some(&stranger)] {
        assert_eq!(ids(app, &archived, who).await, [""; 0]);
    }
    let admin = app.admin().await;
    for who in [&shop.owner, &admin] {
        assert_eq!(ids(app, &archived, Some(who)).await, [price.as_str()]);
    }
    // An old link still says what was agreed.
    app.get(&path)
        .expect(200)
        .await
        .has(json!({ "unit_amount": 900, "active": false }));
    // A product takes its prices with it, and brings those back that were not archived for themselves.
    fixture
        .patch(&product, json!({ "status": "archived" }))
        .await;
    assert_eq!(ids(app, &active, None).await, [""; 0]);
    assert_eq!(
        ids(app, &active, Some(&shop.owner)).await,
        [dearer.as_str()]
    );
    let seen = app.get(format!("/v1/prices/{dearer}")).expect(200).await;
    seen.has(json!({ "active": true, "purchasable": false }));
    fixture.patch(&product, json!({ "status": "active" })).await;
    assert_eq!(ids(app, &active, None).await, [dearer.as_str()]);
    // Where the seller can't take payments, nobody else is offered anything.
    let leaves = format!("/accounts/{}/deauthorize", shop.account);
    app.simulate(&leaves, json!({})).await;
    app.settle().await;
    assert_eq!(ids(app, &active, None).await, [""; 0]);
    let seen = app.get(format!("/v1/prices/{dearer}")).expect(200).await;
    seen.has(json!({ "active": true, "purchasable": false }));
}

#[tokio::test]
async fn a_product_that_is_sold_by_its_prices_only_is_not_sold_once() {
    let Fixture { app, shop, tea, .. } = Fixture::new().await;
    let lamp = app.product(&shop, 2500, None).await;
    let seen = app.get(format!("/v1/products/{tea}")).expect(200).await;
    seen.has(json!({ "unit_amount": null, "purchasable": false }));
    let sam = app.member("sam").await;
    let lines =
        json!([{ "product_id": lamp, "quantity": 1 }, { "product_id": tea, "quantity": 1 }]);
    for path in ["/v1/checkout_sessions", "/v1/payment_intents"] {
        let call = app.post(path, json!({ "lines": lines })).by(&sam);
        let problem = call.refused(409, "recurring_only").await;
        assert_eq!(problem["param"], "lines[1].product_id");
    }
    assert_eq!(app.count("orders").await, 0);
    // It is when it has an amount, and no more when that is taken away.
    let path = format!("/v1/products/{tea}");
    let change = |amount: Value| {
        app.patch(&path, json!({ "unit_amount": amount }))
            .by(&shop.owner)
    };
    let changed = change(json!(1200)).expect(200).await;
    changed.has(json!({ "unit_amount": 1200, "purchasable": true }));
    app.sale(&tea).await;
    change(json!(null))
        .expect(200)
        .await
        .has(json!({ "unit_amount": null }));
    let checkout = json!({ "lines": [{ "product_id": tea, "quantity": 1 }], "customer_email": "g@example.com" });
    app.post("/v1/checkout_sessions", checkout)
        .refused(409, "recurring_only")
        .await;
    change(json!(0)).refuses_field("unit_amount").await;
    let silent = json!({ "seller_id": shop.id, "name": "Nothing said", "currency": "usd" });
    app.post("/v1/products", silent)
        .by(&shop.owner)
        .refuses_field("unit_amount")
        .await;
    app.settle().await;
}

#[tokio::test]
async fn what_is_for_sale_and_in_which_quantity_is_checked_before_anybody_subscribes() {
    let fixture = Fixture::new().await;
    let app = &fixture.app;
    let check = async |quantity: i64| {
        let offer = prices::offer(&app.app, &fixture.price.as_str().into()).await;
        let offer = offer.expect("is answered").expect("is there");
        let fault = offer
            .check_purchasable(quantity, ("price_id", "quantity"))
            .err()?;
        let (status, code) = fault.status_and_code();
        Some((status, code, fault.param().map(str::to_owned)))
    };
    let fault = |status, code, param: &str| Some((status, code, Some(param.to_owned())));
    assert_eq!(check(1).await, None);
    assert_eq!(check(0).await, fault(422, "invalid_request", "quantity"));
    let path = format!("/v1/prices/{}", fixture.price);
    fixture
        .patch(&path, json!({ "min_quantity": 2, "max_quantity": 5 }))
        .await;
    for quantity in [1, 6] {
        assert_eq!(
            check(quantity).await,
            fault(422, "invalid_request", "quantity")
        );
    }
    assert_eq!(check(5).await, None);
    app.sql("UPDATE products SET available = 0").await;
    assert_eq!(check(5).await, fault(409, "sold_out", "price_id"));
    app.sql("UPDATE products SET available = NULL").await;
    fixture.patch(&path, json!({ "active": false })).await;
    assert_eq!(check(5).await, fault(409, "price_archived", "price_id"));
    let product = format!("/v1/products/{}", fixture.tea);
    fixture
        .patch(&product, json!({ "status": "archived" }))
        .await;
    assert_eq!(check(5).await, fault(409, "product_archived", "price_id"));
}

#[tokio::test]
async fn no_price_is_made_while_another_request_has_the_key() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let tea = app.product(&shop, 2500, None).await;
    let body = body(&tea, json!({}));
    let hash = souk::ids::sha256_hex(body.to_string().as_bytes());
    let (owner, now) = (&shop.owner.id, app.app.clock.now().0);
    app.sql(&format!(
        "INSERT INTO idempotency_keys (id, scope, key, request_hash, resource_id, status, lease_until, created_at)
         VALUES ('idk_1', '{owner} /v1/prices', 'busy', '{hash}', 'prc_resumed', NULL, {}, {now})",
        now + 60_000
    ))
    .await;
    let make = || {
        let call = app.post("/v1/prices", body.clone());
        call.by(&shop.owner).keyed("busy")
    };
    make().refused(409, "idempotency_in_flight").await;
    assert_eq!(app.count("prices").await, 0);
    app.advance(61).await;
    let made = make().expect(201).await;
    assert_eq!(made["id"], "prc_resumed");
    app.settle().await;
}

//! What can't be subscribed to together, now, or so: each is refused by name, and nothing is left.

use serde_json::{Value, json};

use super::{Scene, scene};
use crate::harness::{Call, text};

const SOON: &str = "2026-12-01T00:00:00Z";

fn line(id: &str, quantity: i64) -> Value {
    json!({ "price_id": id, "quantity": quantity })
}

fn ask(scene: &Scene, lines: Value, more: Value) -> Call<'_> {
    let mut body = more;
    body["lines"] = lines;
    scene.app.post("/v1/subscriptions", body).by(&scene.bea)
}

/// A price a week, of at most two pieces.
async fn weekly(scene: &Scene) -> String {
    let body = json!({
        "product_id": scene.tea, "unit_amount": 900, "recurring": { "interval": "week" }, "max_quantity": 2,
    });
    let made = scene.app.post("/v1/prices", body).by(&scene.shop.owner);
    text(&made.expect(201).await, "id")
}

#[tokio::test]
async fn lines_that_do_not_go_together_or_not_now() {
    let scene = scene(Some(3)).await;
    let (app, shop) = (&scene.app, &scene.shop);
    let euros = app.product_in(shop, 900, "eur", None).await;
    let euros = app.price(shop, &euros, 900).await;
    let other = app.shop("noor").await;
    let theirs = app.product(&other, 900, None).await;
    let theirs = app.price(&other, &theirs, 900).await;
    let (tried, limited) = (scene.with_trial().await, weekly(&scene).await);
    let archived = app.price(shop, &scene.tea, 1900).await;
    app.patch(format!("/v1/prices/{archived}"), json!({ "active": false }))
        .by(&shop.owner)
        .expect(200)
        .await;
    app.percent_off(&other, "THEIRS", 10).await;
    let own = || line(&scene.price, 1);
    for (second, status, code) in [
        (&euros, 422, "mixed_currencies"),
        (&theirs, 422, "mixed_sellers"),
        (&limited, 422, "mixed_intervals"),
        (&tried, 422, "mixed_trials"),
        (&archived, 409, "price_archived"),
    ] {
        let both = json!([own(), line(second, 1)]);
        ask(&scene, both, json!({})).refused(status, code).await;
    }
    ask(&scene, json!([line(&limited, 3)]), json!({}))
        .refuses_field("lines[0].quantity")
        .await;
    ask(&scene, json!([line(&scene.price, 4)]), json!({}))
        .refused(409, "sold_out")
        .await;
    let code = json!({ "promotion_code": "THEIRS" });
    ask(&scene, json!([own()]), code)
        .refused(422, "promotion_code_invalid")
        .await;
    let once = json!([{ "product_id": scene.tea, "quantity": 1 }]);
    ask(&scene, once, json!({}))
        .refuses_field("lines[0].product_id")
        .await;
    assert_eq!(app.count("orders").await, 0);
    app.settle().await;
}

#[tokio::test]
async fn terms_that_do_not_go_with_the_prices_or_with_each_other() {
    let scene = scene(None).await;
    let (tried, weekly) = (scene.with_trial().await, weekly(&scene).await);
    let end = json!({ "end_behavior": { "missing_payment_method": "pause" } });
    let day = json!({ "day_of_month": 1 });
    for (price, field, more) in [
        (
            &scene.price,
            "trial_settings",
            json!({ "trial_settings": end }),
        ),
        (
            &scene.price,
            "proration_behavior",
            json!({ "proration_behavior": "create_prorations" }),
        ),
        (
            &scene.price,
            "proration_behavior",
            json!({ "billing_cycle_anchor": SOON, "proration_behavior": "none" }),
        ),
        (
            &scene.price,
            "billing_cycle_anchor",
            json!({ "billing_cycle_anchor": "2020-01-01T00:00:00Z" }),
        ),
        (
            &tried,
            "billing_cycle_anchor",
            json!({ "billing_cycle_anchor": SOON }),
        ),
        (
            &weekly,
            "billing_cycle_anchor_config",
            json!({ "billing_cycle_anchor_config": day }),
        ),
        (
            &scene.price,
            "billing_cycle_anchor_config",
            json!({ "billing_cycle_anchor": SOON, "billing_cycle_anchor_config": day }),
        ),
    ] {
        let refused = ask(&scene, json!([line(price, 1)]), more);
        refused.refuses_field(field).await;
    }
    assert_eq!(scene.app.count("orders").await, 0);
    scene.app.settle().await;
}

#[tokio::test]
async fn what_a_checkout_that_is_paid_once_does_not_have_and_an_anchor_after_the_period() {
    let scene = scene(Some(3)).await;
    let session = |body: Value| {
        let made = scene.app.post("/v1/checkout_sessions", body);
        made.by(&scene.bea)
    };
    let end = json!({ "end_behavior": { "missing_payment_method": "pause" } });
    for (field, value) in [
        ("payment_method_collection", json!("if_required")),
        ("trial_settings", end),
        ("billing_cycle_anchor", json!(SOON)),
        ("proration_behavior", json!("none")),
    ] {
        let mut body = json!({ "lines": [{ "product_id": scene.tea, "quantity": 1 }] });
        body[field] = value;
        session(body).refuses_field(field).await;
    }
    assert_eq!(scene.app.count("orders").await, 0);
    // Only Stripe knows when the period would end.
    let mut late = scene.wish();
    late["mode"] = json!("subscription");
    late["billing_cycle_anchor"] = json!("2027-11-01T00:00:00Z");
    session(late).refuses_field("billing_cycle_anchor").await;
    assert_eq!(scene.app.count("orders WHERE status <> 'failed'").await, 0);
    scene.app.settle().await;
}

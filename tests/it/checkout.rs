//! Opening a checkout: the request to Stripe, and everything that is refused before a row is written.

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{Has, Shop, TestApp, checkout_from, lines_of, text};

/// A guest's body with these lines.
fn of(lines: &[(&str, i64)]) -> Value {
    json!({ "lines": lines_of(lines), "customer_email": "guest@example.com" })
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

/// Expects that nothing is left of a checkout.
async fn nothing_was_written(app: &TestApp) {
    for table in [
        "orders",
        "order_lines",
        "payments",
        "payment_orders",
        "jobs WHERE kind = 'create_session'",
    ] {
        assert_eq!(app.count(table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn a_session_is_made_on_the_sellers_account_with_the_fee_and_both_ways_of_finding_it() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let admin = app.admin().await;
    let terms = json!({ "application_fee_bps": 1250, "application_fee_fixed": { "usd": 30 } });
    app.patch(format!("/v1/sellers/{}", shop.id), terms)
        .by(&admin)
        .expect(200)
        .await;
    let (lamp, vase) = (
        app.product(&shop, 2500, None).await,
        app.product(&shop, 999, Some(4)).await,
    );
    let session = app
        .post("/v1/checkout_sessions", of(&[(&lamp, 2), (&vase, 3)]))
        .expect(201)
        .await;
    // 12.5 % of 7997 is 999.625, and 30 more.
    session.has(json!({
        "amount_subtotal": 7997, "application_fee_amount": 1030, "amount_total": null, "livemode": false,
    }));
    let there = &app.stripe_books(&shop.account).await["checkout_sessions"][0];
    there.has(json!({ "id": session["id"], "amount_subtotal": 7997 }));
    assert_eq!(there["metadata"]["souk_order"], session["order_id"]);
    assert_eq!(there["metadata"]["souk_payment"], session["payment_id"]);
    assert_eq!(
        there["success_url"],
        "http://shop.test/checkout/success?session_id={CHECKOUT_SESSION_ID}"
    );
    let checkout = checkout_from(&session);
    app.pay(&checkout).await;
    app.settle().await;
    let charge = &app.stripe_books(&shop.account).await["charges"][0];
    charge.has(json!({ "amount": 7997, "application_fee_amount": 1030 }));
    let seen = app
        .get(format!("/v1/checkout_sessions/{}", checkout.id))
        .by(&shop.owner)
        .expect(200)
        .await;
    seen.has(json!({
        "status": "complete", "payment_status": "paid", "amount_total": 7997, "order_secret": null, "url": null,
    }));
}

#[tokio::test]
async fn products_that_cannot_be_sold_together_or_at_all_are_refused() {
    let app = TestApp::start().await;
    let (mira, omar) = (app.shop("mira").await, app.shop("omar").await);
    let lamp = app.product(&mira, 2500, None).await;
    let rug = app.product(&omar, 2500, None).await;
    let euro = app.product_in(&mira, 2500, "eur", None).await;
    let few = app.product(&mira, 2500, Some(2)).await;
    let gone = app.product(&mira, 2500, None).await;
    let dear = app.product(&mira, 999_999_999, None).await;
    app.patch(
        format!("/v1/products/{gone}"),
        json!({ "status": "archived" }),
    )
    .by(&mira.owner)
    .expect(200)
    .await;
    for (lines, status, code, param) in [
        (
            vec![(lamp.as_str(), 1), (&rug, 1)],
            422,
            "mixed_sellers",
            "lines",
        ),
        (
            vec![(&lamp, 1), (&euro, 1)],
            422,
            "mixed_currencies",
            "lines",
        ),
        (
            vec![(&lamp, 1), (&gone, 1)],
            409,
            "product_archived",
            "lines[1].product_id",
        ),
        (vec![(&few, 3)], 409, "sold_out", "lines[0].product_id"),
        (
            vec![(&few, 1), (&few, 2)],
            409,
            "sold_out",
            "lines[1].product_id",
        ),
        (
            vec![("prd_unknown", 1)],
            404,
            "not_found",
            "lines[0].product_id",
        ),
        (vec![(&dear, 999); 2], 422, "amount_too_large", "lines"),
    ] {
        let answer = app.post("/v1/checkout_sessions", of(&lines)).await;
        let problem = answer.refused(status, code);
        problem.has(json!({ "param": param }));
    }
    assert_eq!(app.count("orders").await, 0);
    let many = of(&[(lamp.as_str(), 999); 7]);
    app.post("/v1/checkout_sessions", many).expect(201).await;
    assert_eq!(app.count("orders").await, 1);
}

#[tokio::test]
async fn every_wrong_field_is_named_and_nothing_is_written() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    let good = of(&[(&lamp, 1)]);
    let line = |field: &str, value: Value| {
        let mut body = good.clone();
        body["lines"][0][field] = value;
        body
    };
    for (body, param) in [
        (with(good.clone(), "colour", json!("red")), "colour"),
        (line("colour", json!("red")), "lines[0].colour"),
        (line("unit_amount", json!(1)), "lines[0].unit_amount"),
        (line("quantity", json!(0)), "lines[0].quantity"),
        (line("quantity", json!(-1)), "lines[0].quantity"),
        (line("quantity", json!(1000)), "lines[0].quantity"),
        (
            line("quantity", json!(9_223_372_036_854_775_807_i64)),
            "lines[0].quantity",
        ),
        (
            line("quantity", serde_json::from_str("1e30").expect("a number")),
            "lines[0].quantity",
        ),
        (line("quantity", json!(1.5)), "lines[0].quantity"),
        (line("quantity", json!("1")), "lines[0].quantity"),
        (line("product_id", json!(7)), "lines[0].product_id"),
        (
            json!({ "lines": [{ "product_id": lamp }], "customer_email": "guest@example.com" }),
            "lines[0].quantity",
        ),
        (json!({ "customer_email": "guest@example.com" }), "lines"),
        (with(good.clone(), "lines", json!([])), "lines"),
        (
            with(good.clone(), "lines", lines_of(&[(lamp.as_str(), 1); 51])),
            "lines",
        ),
        (
            json!({ "lines": lines_of(&[(lamp.as_str(), 1)]) }),
            "customer_email",
        ),
        (
            with(good.clone(), "customer_email", json!("no address")),
            "customer_email",
        ),
        (with(good.clone(), "expires_in", json!(1799)), "expires_in"),
        (
            with(good.clone(), "expires_in", json!(86_401)),
            "expires_in",
        ),
        (
            with(good.clone(), "metadata", json!({ "k".repeat(41): "v" })),
            &format!("metadata.{}", "k".repeat(41)),
        ),
        (
            with(good.clone(), "metadata", json!({ "k": 7 })),
            "metadata.k",
        ),
        (
            with(good.clone(), "allow_promotion_codes", json!("yes")),
            "allow_promotion_codes",
        ),
    ] {
        app.post("/v1/checkout_sessions", body)
            .refuses_field(param)
            .await;
    }
    let lists = json!([good]);
    assert_eq!(app.post("/v1/checkout_sessions", lists).await.status, 422);
    nothing_was_written(&app).await;
}

#[tokio::test]
async fn buyers_are_sent_back_to_configured_origins_only() {
    let app = TestApp::with(&[(
        "ALLOWED_REDIRECT_ORIGINS",
        "https://app.example, http://localhost:3000",
    )])
    .await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    for field in ["success_url", "cancel_url"] {
        for bad in [
            "https://evil.example/",
            "https://app.example.evil.example/",
            "https://app.example@evil.example/",
            "http://app.example/",
            "https://app.example:8443/",
            "//evil.example/",
            "/relative",
            "javascript:alert(1)",
            "not a url",
        ] {
            app.post(
                "/v1/checkout_sessions",
                with(of(&[(&lamp, 1)]), field, json!(bad)),
            )
            .refuses_field(field)
            .await;
        }
    }
    nothing_was_written(&app).await;
    for good in [
        "https://app.example/done?s={CHECKOUT_SESSION_ID}",
        "http://localhost:3000/",
        "http://shop.test/x",
    ] {
        let body = with(of(&[(&lamp, 1)]), "success_url", json!(good));
        let session = app.post("/v1/checkout_sessions", body).expect(201).await;
        assert_eq!(session["success_url"], good);
    }
}

#[tokio::test]
async fn prices_of_nothing_or_beyond_stripes_maximum_are_refused() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let product = |amount: Value, currency: &str| json!({ "seller_id": shop.id, "name": "Lamp", "unit_amount": amount, "currency": currency });
    for (amount, currency, param) in [
        (json!(0), "usd", "unit_amount"),
        (json!(-1), "usd", "unit_amount"),
        (json!(1_000_000_000_000_i64), "usd", "unit_amount"),
        (json!(i64::MAX), "usd", "unit_amount"),
        (json!(12.5), "usd", "unit_amount"),
        (json!(2500), "xxx", "currency"),
        (json!(2500), "USD", "currency"),
        (json!(2500), "", "currency"),
    ] {
        app.post("/v1/products", product(amount, currency))
            .by(&shop.owner)
            .refuses_field(param)
            .await;
    }
    assert_eq!(app.count("products").await, 0);
}

#[tokio::test]
async fn nobody_can_buy_from_a_seller_who_cannot_charge() {
    let app = TestApp::start().await;
    let new = app.new_shop("nadia", "US").await;
    let lamp = app.product(&new, 2500, None).await;
    app.post("/v1/checkout_sessions", of(&[(&lamp, 1)]))
        .refused(409, "seller_not_active")
        .await;
    let shop = app.shop("mira").await;
    let vase = app.product(&shop, 2500, None).await;
    let restriction = json!({ "disabled_reason": "requirements.past_due", "currently_due": ["external_account"] });
    app.simulate(&format!("/accounts/{}/restrict", shop.account), restriction)
        .await;
    app.settle().await;
    app.post("/v1/checkout_sessions", of(&[(&vase, 1)]))
        .refused(409, "seller_not_active")
        .await;
    nothing_was_written(&app).await;
}

#[tokio::test]
async fn an_order_fails_when_stripe_refuses_its_session() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    app.simulate(
        &format!("/accounts/{}/deauthorize", shop.account),
        json!({}),
    )
    .await;
    app.intercept().await;
    let call = || {
        app.post("/v1/checkout_sessions", of(&[(&lamp, 1)]))
            .keyed("once")
    };
    let refused = call().refused(409, "seller_not_active").await;
    let told = text(&refused, "detail");
    assert!(!told.contains("acct_") && !told.contains("key"), "{told}");
    let status: String = app.query("SELECT status AS it FROM orders").await;
    assert_eq!(status, "failed");
    call().refused(409, "seller_not_active").await;
    assert_eq!(app.count("orders").await, 1);
}

#[tokio::test]
async fn a_request_that_stripe_left_unanswered_goes_on_under_the_same_key() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    app.fault(
        "POST",
        "/v1/checkout/sessions",
        FaultKind::CommitThenTimeout,
        Some(3),
    )
    .await;
    let body = of(&[(&lamp, 1)]);
    app.post("/v1/checkout_sessions", body.clone())
        .keyed("once")
        .refused(503, "stripe_unavailable")
        .await;
    let session = app
        .post("/v1/checkout_sessions", body)
        .keyed("once")
        .expect(201)
        .await;
    assert_eq!(app.count("orders").await, 1);
    let books = app.stripe_books(&shop.account).await;
    assert_eq!(books["checkout_sessions"].as_array().map(Vec::len), Some(1));
    assert_eq!(books["checkout_sessions"][0]["id"], session["id"]);
}

#[tokio::test]
async fn guests_who_share_a_key_never_get_each_others_checkout() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    let body = |email: &str| with(of(&[(&lamp, 1)]), "customer_email", json!(email));
    let one = app
        .post("/v1/checkout_sessions", body("a@example.com"))
        .keyed("same")
        .expect(201)
        .await;
    let two = app
        .post("/v1/checkout_sessions", body("b@example.com"))
        .keyed("same")
        .expect(201)
        .await;
    assert_ne!(one["order_id"], two["order_id"]);
}

/// A guest closes their session, and callers without its secret can't.
async fn expire(app: &TestApp, shop: &Shop) {
    let lamp = app.product(shop, 2500, None).await;
    let checkout = app.checkout(&lamp).await;
    let path = format!("/v1/checkout_sessions/{}/expire", checkout.id);
    let secret = checkout.secret.clone().expect("a guest's");
    app.post(&path, json!({}))
        .refused(401, "unauthenticated")
        .await;
    app.post(&path, json!({}))
        .with_secret("ors_guess")
        .refused(404, "not_found")
        .await;
    app.fault(
        "POST",
        "/v1/checkout/sessions",
        FaultKind::TimeoutBeforeCommit,
        Some(3),
    )
    .await;
    app.post(&path, json!({}))
        .with_secret(&secret)
        .refused(503, "stripe_unavailable")
        .await;
    let session = app
        .post(&path, json!({}))
        .with_secret(&secret)
        .expect(200)
        .await;
    session.has(json!({ "status": "expired", "url": null }));
    assert_eq!(app.order(&checkout).await["status"], "expired");
    app.post(&path, json!({}))
        .with_secret(&secret)
        .refused(409, "session_not_open")
        .await;
}

#[tokio::test]
async fn a_guest_closes_their_session_by_its_secret_and_a_paid_one_stays_paid() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    expire(&app, &shop).await;
    let lamp = app.product(&shop, 2500, None).await;
    let checkout = app.checkout(&lamp).await;
    app.pay(&checkout).await;
    app.intercept().await;
    let path = format!("/v1/checkout_sessions/{}/expire", checkout.id);
    app.post(&path, json!({}))
        .by(&shop.owner)
        .refused(409, "session_not_open")
        .await;
    assert_eq!(app.order(&checkout).await["status"], "paid");
    app.settle().await;
}

#[tokio::test]
async fn return_pages_tell_the_buyer_what_is_known() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    let checkout = app.checkout(&lamp).await;
    let landed = app.pay_with(&checkout, json!({})).await;
    let page = text(&landed, "redirect").replace("http://shop.test", "");
    let answer = app.get(&page).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.text.contains(&checkout.id) && answer.text.contains("Simulated money"),
        "{}",
        answer.text
    );
    let policy = answer.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert_eq!(app.get("/assets/checkout.js").await.status, 200);
    app.get("/checkout/success?session_id=cs_test_unknown")
        .expect(404)
        .await;
    app.get("/checkout/success").expect(404).await;
    let left = app
        .get(format!("/checkout/cancelled?session_id={}", checkout.id))
        .await;
    assert!(left.text.contains(&checkout.id), "{}", left.text);
    assert!(
        !left.text.contains("nothing was charged"),
        "it has been paid"
    );
    app.get("/checkout/cancelled").expect(200).await;
    app.get("/checkout/cancelled?session_id=cs_test_unknown")
        .expect(404)
        .await;
    app.settle().await;
}

#[tokio::test]
async fn the_return_pages_open_an_app_of_an_allowed_scheme_and_nothing_else() {
    let settings = [("ALLOWED_APP_SCHEMES", "teahouse, com.example.tea")];
    let app = TestApp::with(&settings).await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    for field in ["success_url", "cancel_url"] {
        for bad in [
            "myapp://checkout",
            "javascript://teahouse/%0aalert(1)",
            "intent://scan/#Intent;scheme=teahouse;end",
            "teahouse:checkout",
            "teahouses://checkout",
            "com.example.tea.evil://checkout",
        ] {
            let body = with(of(&[(&lamp, 1)]), field, json!(bad));
            app.post("/v1/checkout_sessions", body)
                .refuses_field(field)
                .await;
        }
    }
    nothing_was_written(&app).await;
    let mut body = of(&[(&lamp, 1)]);
    body["success_url"] = json!("TeaHouse://checkout?from=<cart>");
    body["cancel_url"] = json!("com.example.tea://cart");
    let session = app.post("/v1/checkout_sessions", body).expect(201).await;
    session.has(json!({
        "success_url": "TeaHouse://checkout?from=<cart>", "cancel_url": "com.example.tea://cart",
    }));
    let checkout = checkout_from(&session);
    let left = format!("/checkout/cancelled?payment_id={}", checkout.payment);
    let there = &app.stripe_books(&shop.account).await["checkout_sessions"][0];
    there.has(json!({
        "success_url": "http://shop.test/checkout/success?session_id={CHECKOUT_SESSION_ID}",
        "cancel_url": format!("http://shop.test{left}"),
    }));
    let page = app
        .get(format!("/checkout/success?session_id={}", checkout.id))
        .await;
    let link = format!(
        "href=\"teahouse://checkout?from=%3Ccart%3E&amp;session_id={}&amp;page=success\"",
        checkout.id
    );
    assert!(page.text.contains(&link), "{}", page.text);
    let page = app.get(&left).await;
    let link = format!(
        "href=\"com.example.tea://cart?session_id={}&amp;page=cancelled\"",
        checkout.id
    );
    assert!(page.text.contains(&link), "{}", page.text);
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'; script-src 'self'"));
}

#[tokio::test]
async fn the_return_pages_tell_pages_of_allowed_origins_alone_and_lead_to_no_app_unasked() {
    let app = TestApp::with(&[("ALLOWED_REDIRECT_ORIGINS", "https://tea.example")]).await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    let checkout = app.checkout(&lamp).await;
    let by_payment = format!("/checkout/cancelled?payment_id={}", checkout.payment);
    let by_session = format!("/checkout/success?session_id={}", checkout.id);
    for (path, name) in [(&by_payment, "cancelled"), (&by_session, "success")] {
        let page = app.get(path).await;
        assert_eq!(page.status, 200);
        let names = format!(
            "data-session=\"{}\" data-page=\"{name}\" data-origins=\"http://shop.test https://tea.example\"",
            checkout.id
        );
        assert!(page.text.contains(&names), "{}", page.text);
        assert!(!page.text.contains("id=\"app\""), "{}", page.text);
    }
    let unknown = "/checkout/cancelled?payment_id=pay_00000000000070008000000000000009";
    app.get(unknown).expect(404).await;
}

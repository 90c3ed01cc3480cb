//! Subscriptions that begin in Checkout.

use super::*;

#[tokio::test]
async fn a_subscription_begins_when_its_checkout_is_paid() {
    let shop = Shop::open().await;
    let price = shop.price(2000, "month").await;
    shop.post("/v1/coupons", "id=tenth&percent_off=10&duration=forever")
        .await;
    let more = format!(
        "&customer={}&discounts[0][coupon]=tenth&subscription_data[application_fee_percent]=10&subscription_data[metadata][plan]=tea&line_items[1][price_data][currency]=eur&line_items[1][price_data][unit_amount]=500&line_items[1][price_data][product_data][name]=Pot&line_items[1][quantity]=2",
        shop.customer
    );
    let session = shop.session(&price, &more).await;
    assert_eq!(
        (
            &session["mode"],
            &session["amount_total"],
            &session["subscription"]
        ),
        (&"subscription".into(), &2700.into(), &Value::Null)
    );
    let declined = shop
        .stripe
        .pay(&session, serde_json::json!({ "card": "4000000000000341" }))
        .await;
    assert_ne!(declined["status"], "complete");
    assert!(shop.invoices().await.is_empty());
    shop.stripe.pay(&session, serde_json::json!({})).await;
    let done = shop
        .get(&format!(
            "/v1/checkout/sessions/{}?expand[]=subscription&expand[]=invoice",
            id(&session)
        ))
        .await;
    assert_eq!(
        (&done["status"], &done["payment_status"]),
        (&"complete".into(), &"paid".into()),
        "{done}"
    );
    let subscription = &done["subscription"];
    assert_eq!(
        (&subscription["status"], &subscription["metadata"]["plan"]),
        (&"active".into(), &"tea".into())
    );
    assert_eq!(
        (&done["invoice"]["amount_paid"], &done["invoice"]["created"]),
        (&2700.into(), &MONTHS[0].into())
    );
    assert_eq!(
        shop.stripe.get("/v1/application_fees").await["data"][0]["amount"],
        270
    );
    shop.advance(MONTHS[1] + 2 * HOUR).await;
    assert_eq!(shop.invoices().await[1]["amount_paid"], 1800);
    let types = shop.stripe.event_types(&shop.seller).await;
    assert!(types.iter().any(|t| t == "checkout.session.completed"));
    let mixed = shop
        .send(
            "POST",
            "/v1/checkout/sessions",
            &format!("mode=payment&success_url=https://x.example/&line_items[0][price]={price}"),
        )
        .await;
    assert_eq!(mixed.error("param"), "line_items[0][price]");
    check_books(&shop.stripe.get("/_simulator/oracle").await);
}

#[tokio::test]
async fn a_new_buyer_subscribes_with_a_trial_or_a_challenge() {
    let shop = Shop::open().await;
    let price = shop.price(2000, "month").await;
    let trial = shop
        .session(&price, "&subscription_data[trial_period_days]=7")
        .await;
    assert_eq!(trial["amount_total"], 0);
    shop.stripe
        .pay(&trial, serde_json::json!({ "email": "new@example.com" }))
        .await;
    let done = shop
        .get(&format!(
            "/v1/checkout/sessions/{}?expand[]=subscription&expand[]=customer",
            id(&trial)
        ))
        .await;
    assert_eq!(
        (&done["payment_status"], &done["subscription"]["status"]),
        (&"no_payment_required".into(), &"trialing".into())
    );
    assert_eq!(done["customer"]["email"], "new@example.com");
    let session = shop.session(&price, "").await;
    let card = serde_json::json!({ "card": "4000002760003184" });
    shop.stripe.pay(&session, card.clone()).await;
    assert_eq!(
        shop.get(&format!("/v1/checkout/sessions/{}", id(&session)))
            .await["status"],
        "open"
    );
    let mut answered = card;
    answered["challenge"] = "complete".into();
    shop.stripe.pay(&session, answered).await;
    let done = shop
        .get(&format!(
            "/v1/checkout/sessions/{}?expand[]=subscription",
            id(&session)
        ))
        .await;
    assert_eq!(
        (&done["status"], &done["subscription"]["status"]),
        (&"complete".into(), &"active".into())
    );
}

#[tokio::test]
async fn an_anchor_prorates_the_time_before_it_or_makes_it_free() {
    let shop = Shop::open().await;
    let price = shop.price(2000, "month").await;
    let at = shop.session(&price, "").await["created"]
        .as_i64()
        .expect("a time");
    let anchor = at + 240 * HOUR;
    let anchored = format!("&subscription_data[billing_cycle_anchor]={anchor}");
    let done = async |session: &Value| {
        let more = "expand[]=subscription&expand[]=invoice";
        shop.get(&format!("/v1/checkout/sessions/{}?{more}", id(session)))
            .await
    };
    let session = shop.session(&price, &anchored).await;
    let amount = session["amount_total"].as_i64().expect("an amount");
    assert!(
        (645..=715).contains(&amount),
        "ten days of a month: {amount}"
    );
    shop.stripe.pay(&session, serde_json::json!({})).await;
    let paid = done(&session).await;
    assert_eq!(paid["payment_status"], "paid");
    assert_eq!(paid["invoice"]["total"], paid["amount_total"]);
    assert_eq!(paid["subscription"]["billing_cycle_anchor"], anchor);
    let free = format!("{anchored}&subscription_data[proration_behavior]=none");
    let session = shop.session(&price, &free).await;
    assert_eq!(session["amount_total"], 0);
    shop.stripe.pay(&session, serde_json::json!({})).await;
    let begun = done(&session).await;
    assert_eq!(
        (&begun["payment_status"], &begun["invoice"]),
        (&"no_payment_required".into(), &Value::Null)
    );
    assert_eq!(
        (
            &begun["subscription"]["status"],
            &begun["subscription"]["latest_invoice"]
        ),
        (&"active".into(), &Value::Null)
    );
    for wrong in [
        format!(
            "&subscription_data[billing_cycle_anchor]={}",
            at + 960 * HOUR
        ),
        format!("{anchored}&subscription_data[trial_period_days]=7"),
    ] {
        let body = format!(
            "mode=subscription&success_url=https://x.example/&line_items[0][price]={price}&line_items[0][quantity]=1{wrong}"
        );
        let refused = shop.send("POST", "/v1/checkout/sessions", &body).await;
        assert_eq!(
            refused.error("param"),
            "subscription_data[billing_cycle_anchor]"
        );
    }
}

#[tokio::test]
async fn a_trial_that_asks_for_no_card_begins_without_one() {
    let shop = Shop::open().await;
    let price = shop.price(2000, "month").await;
    for (collection, has_card) in [("always", true), ("if_required", false)] {
        let more = format!(
            "&subscription_data[trial_period_days]=7&payment_method_collection={collection}&subscription_data[trial_settings][end_behavior][missing_payment_method]=pause"
        );
        let session = shop.session(&price, &more).await;
        shop.stripe.pay(&session, serde_json::json!({})).await;
        let done = shop
            .get(&format!(
                "/v1/checkout/sessions/{}?expand[]=subscription",
                id(&session)
            ))
            .await;
        assert_eq!(done["payment_status"], "no_payment_required");
        let begun = &done["subscription"];
        assert_eq!(begun["status"], "trialing");
        assert_eq!(begun["default_payment_method"].is_string(), has_card);
        let behavior = &begun["trial_settings"]["end_behavior"]["missing_payment_method"];
        assert_eq!(behavior, "pause");
    }
}

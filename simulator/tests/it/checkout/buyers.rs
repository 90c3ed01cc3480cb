//! Who buys, and what is saved of them.

use super::*;

#[tokio::test]
async fn a_setup_session_saves_a_card_and_takes_no_money() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let ann = customer(&stripe, &seller, "email=ann@example.com").await;
    let body =
        format!("mode=setup&currency=eur&{URL}&customer={ann}&setup_intent_data[metadata][a]=b");
    let session = stripe.on(&seller, "/v1/checkout/sessions", &body).await;
    assert_eq!(session["amount_total"], Value::Null);
    assert_eq!(session["payment_status"], "no_payment_required");
    let intent = format!(
        "/v1/setup_intents/{}",
        session["setup_intent"].as_str().expect("an intent")
    );
    for tail in ["confirm", "cancel"] {
        let refused = send(&stripe, &seller, &format!("{intent}/{tail}"), "").await;
        assert_eq!(refused.error("code"), "setup_intent_unexpected_state");
    }
    let declined = stripe
        .pay(&session, json!({ "card": "4000000000000002" }))
        .await;
    assert_eq!(declined["error"]["code"], "generic_decline", "{declined}");
    let challenged = stripe
        .pay(
            &session,
            json!({ "card": "4000002500003155", "challenge": "complete" }),
        )
        .await;
    assert_eq!(
        challenged["payment_status"], "no_payment_required",
        "{challenged}"
    );
    let done = read(
        &stripe,
        &seller,
        &session,
        "?expand[]=setup_intent.payment_method",
    )
    .await;
    assert_eq!(done["status"], "complete");
    assert_eq!(done["setup_intent"]["status"], "succeeded");
    assert_eq!(done["setup_intent"]["metadata"], json!({ "a": "b" }));
    assert_eq!(
        done["setup_intent"]["payment_method"]["customer"],
        ann.as_str()
    );
    assert_eq!(done["customer_details"]["email"], "ann@example.com");
    assert_eq!(done["customer_details"]["address"], Value::Null);
    assert_eq!(
        stripe.get_on(&seller, "/v1/charges").await["data"],
        json!([])
    );

    // One that expires takes its intent with it.
    let other = stripe.on(&seller, "/v1/checkout/sessions", &body).await;
    stripe.simulator.advance(DAY).await;
    let gone = read(&stripe, &seller, &other, "?expand[]=setup_intent").await;
    assert_eq!(
        (&gone["status"], &gone["setup_intent"]["status"]),
        (&json!("expired"), &json!("canceled"))
    );
}

#[tokio::test]
async fn the_page_of_a_setup_session_saves_a_card() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let body =
        format!("mode=setup&allowed_payment_method_types[]=card&{URL}&customer_creation=always");
    let session = stripe.on(&seller, "/v1/checkout/sessions", &body).await;
    let url = session["url"].as_str().expect("url");
    let page = stripe
        .http
        .get(url)
        .send()
        .await
        .expect("page")
        .text()
        .await
        .expect("text");
    assert!(page.contains("Save your payment details"), "{page}");
    let form = |body: &'static str| {
        let request = stripe
            .http
            .post(url)
            .header("Content-Type", "application/x-www-form-urlencoded");
        request.body(body).send()
    };
    let sent = form("email=a%40b.example&name=Ann&card=4242424242424242")
        .await
        .expect("sent");
    assert_eq!(sent.headers()["location"], "https://shop.example/ok");
    let done = read(&stripe, &seller, &session, "?expand[]=customer").await;
    assert_eq!(done["customer"]["email"], "a@b.example");
    let id = done["customer"]["id"].as_str().expect("id");
    let saved = stripe
        .get_on(&seller, &format!("/v1/customers/{id}/payment_methods"))
        .await;
    assert_eq!(saved["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_buyer_is_a_guest_unless_the_session_makes_a_customer() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    for (more, becomes, saved) in [
        ("", false, 0),
        ("&customer_creation=if_required", false, 0),
        ("&customer_creation=always", true, 0),
        (
            "&payment_intent_data[setup_future_usage]=off_session",
            true,
            1,
        ),
    ] {
        let session = open(&stripe, &seller, more).await;
        stripe
            .pay(
                &session,
                json!({ "email": "ann@example.com", "name": "Ann" }),
            )
            .await;
        let done = read(&stripe, &seller, &session, "?expand[]=payment_intent").await;
        assert_eq!(done["customer"].is_string(), becomes, "{more}: {done}");
        assert_eq!(
            done["payment_intent"]["customer"], done["customer"],
            "{more}"
        );
        assert_eq!(done["customer_details"]["email"], "ann@example.com");
        if let Some(id) = done["customer"].as_str() {
            let made = stripe.get_on(&seller, &format!("/v1/customers/{id}")).await;
            assert_eq!(
                (&made["email"], &made["name"]),
                (&json!("ann@example.com"), &json!("Ann"))
            );
            let list = stripe
                .get_on(&seller, &format!("/v1/customers/{id}/payment_methods"))
                .await;
            assert_eq!(list["data"].as_array().map(Vec::len), Some(saved), "{more}");
        }
    }
}

/// What a session's page shows.
async fn page(stripe: &Stripe, session: &Value) -> String {
    let url = session["url"].as_str().expect("url");
    let page = stripe.http.get(url).send().await.expect("page");
    page.text().await.expect("text")
}

/// A customer with an e-mail address and a saved card; the ids of both.
async fn ann_with_a_card(stripe: &Stripe, seller: &str) -> (String, String) {
    let body = "email=ann@example.com&payment_method=pm_card_mastercard";
    let ann = customer(stripe, seller, body).await;
    let cards = stripe
        .get_on(seller, &format!("/v1/customers/{ann}/payment_methods"))
        .await;
    let card = cards["data"][0]["id"].as_str().expect("id").to_owned();
    (ann, card)
}

#[tokio::test]
async fn a_known_customer_is_prefilled_and_pays_with_a_saved_card() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let (ann, card) = ann_with_a_card(&stripe, &seller).await;
    let more = format!("&customer={ann}&customer_update[name]=auto");
    let session = open(&stripe, &seller, &more).await;
    assert_eq!(session["customer_details"]["email"], "ann@example.com");
    assert_eq!(session["customer_creation"], Value::Null);
    let text = page(&stripe, &session).await;
    assert!(!text.contains("4444"), "a card that may not be shown again");
    let path = format!("/v1/payment_methods/{card}");
    stripe.on(&seller, &path, "allow_redisplay=always").await;
    let text = page(&stripe, &session).await;
    assert!(text.contains("mastercard •••• 4444"), "{text}");

    stripe
        .pay(
            &session,
            json!({ "payment_method": card, "name": "Ann B", "email": "else@example.com" }),
        )
        .await;
    let done = read(
        &stripe,
        &seller,
        &session,
        "?expand[]=payment_intent&expand[]=customer",
    )
    .await;
    assert_eq!(done["payment_intent"]["payment_method"], card.as_str());
    // What the customer has isn't changed by what is typed, except where the session says so.
    assert_eq!(done["customer"]["email"], "ann@example.com");
    assert_eq!(done["customer"]["name"], "Ann B");
    let list = format!("/v1/checkout/sessions?customer={ann}");
    assert_eq!(
        stripe.get_on(&seller, &list).await["data"][0]["id"],
        session["id"]
    );
}

#[tokio::test]
async fn a_customer_pays_with_nobody_elses_card_and_gains_what_was_missing() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let (_, card) = ann_with_a_card(&stripe, &seller).await;
    let bob = customer(&stripe, &seller, "name=Bob").await;
    let session = open(&stripe, &seller, &format!("&customer={bob}")).await;
    let path = format!(
        "/_simulator/checkout/sessions/{}/pay",
        session["id"].as_str().expect("id")
    );
    let body = json!({ "payment_method": card }).to_string();
    let refused = stripe.send("POST", &path, &body, &[]).await;
    assert_eq!(refused.error("code"), "resource_missing");
    stripe
        .pay(
            &session,
            json!({ "email": "bob@example.com", "name": "Robert" }),
        )
        .await;
    let bob = stripe
        .get_on(&seller, &format!("/v1/customers/{bob}"))
        .await;
    assert_eq!(
        (&bob["email"], &bob["name"]),
        (&json!("bob@example.com"), &json!("Bob"))
    );
}

#[tokio::test]
async fn a_code_for_one_customer_is_nobody_elses() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let ann = customer(&stripe, &seller, "name=Ann").await;
    let bob = customer(&stripe, &seller, "name=Bob").await;
    stripe
        .on(&seller, "/v1/coupons", "id=half&percent_off=50")
        .await;
    let body = format!("code=ANN&promotion[type]=coupon&promotion[coupon]=half&customer={ann}");
    let code = stripe.on(&seller, "/v1/promotion_codes", &body).await;
    let code = code["id"].as_str().expect("id");
    let hers = open(
        &stripe,
        &seller,
        &format!("&customer={ann}&discounts[0][promotion_code]={code}"),
    )
    .await;
    assert_eq!(hers["amount_total"], 1000);
    let body =
        format!("mode=payment&{URL}&{TEA}&customer={bob}&discounts[0][promotion_code]={code}");
    let his = send(&stripe, &seller, "/v1/checkout/sessions", &body).await;
    assert_eq!(his.status, 400, "{}", his.body);
    for (who, fits) in [
        (format!("&customer={ann}"), true),
        (format!("&customer={bob}"), false),
        (String::new(), false),
    ] {
        let session = open(
            &stripe,
            &seller,
            &format!("&allow_promotion_codes=true{who}"),
        )
        .await;
        let path = format!(
            "/_simulator/checkout/sessions/{}/pay",
            session["id"].as_str().expect("id")
        );
        let paid = stripe
            .send(
                "POST",
                &path,
                &json!({ "promotion_code": "ann" }).to_string(),
                &[],
            )
            .await;
        assert_eq!(paid.status == 200, fits, "{who}: {}", paid.body);
    }
}

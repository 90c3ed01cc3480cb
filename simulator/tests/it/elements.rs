//! Checkout Sessions with `ui_mode=elements`, as the stand-in for Stripe.js plays them, and the confirmation tokens it makes.

use serde_json::{Value, json};

use crate::support::{Answer, Stripe};

const TEA: &str = "&line_items[0][price_data][currency]=eur&line_items[0][price_data][unit_amount]=900&line_items[0][price_data][product_data][name]=Tea&line_items[0][quantity]=2&line_items[0][adjustable_quantity][enabled]=true";

fn id(value: &Value) -> String {
    value["id"].as_str().expect("id").to_owned()
}

async fn session(s: &Stripe, account: &str, more: &str) -> Value {
    let body =
        format!("mode=payment&ui_mode=elements&return_url=https://shop.example/ok{TEA}{more}");
    s.on(account, "/v1/checkout/sessions", &body).await
}

/// Asks as Stripe.js does from a page of the shop.
async fn act(s: &Stripe, account: &str, session: &Value, act: &str, more: &str) -> Answer {
    let secret = session["client_secret"].as_str().expect("a secret");
    let body = format!("account={account}&client_secret={secret}{more}");
    let path = format!("/js/checkout_session/{act}");
    let answer = s.send("POST", &path, &body, &[]).await;
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    answer
}

#[tokio::test]
async fn a_page_of_elements_reads_its_session_by_the_names_of_stripe_js_and_changes_it() {
    let s = Stripe::start().await;
    let seller = s.seller().await;
    let coupon = id(&s
        .on(&seller, "/v1/coupons", "percent_off=50&duration=once")
        .await);
    let code = format!("promotion[type]=coupon&promotion[coupon]={coupon}&code=HALF");
    s.on(&seller, "/v1/promotion_codes", &code).await;
    let more = "&allow_promotion_codes=true&shipping_options[0][shipping_rate_data][display_name]=Post&shipping_options[0][shipping_rate_data][type]=fixed_amount&shipping_options[0][shipping_rate_data][fixed_amount][amount]=300&shipping_options[0][shipping_rate_data][fixed_amount][currency]=eur&shipping_options[1][shipping_rate_data][display_name]=Bike&shipping_options[1][shipping_rate_data][type]=fixed_amount&shipping_options[1][shipping_rate_data][fixed_amount][amount]=500&shipping_options[1][shipping_rate_data][fixed_amount][currency]=eur";
    let open = session(&s, &seller, more).await;
    let read = act(&s, &seller, &open, "read", "").await.body;
    let seen = &read["session"];
    assert_eq!(seen["id"], open["id"]);
    assert_eq!(seen["status"], json!({ "type": "open" }));
    assert_eq!(seen["total"]["total"]["minorUnitsAmount"], 2100);
    assert_eq!(seen["minorUnitsAmountDivisor"], 100);
    let line = &seen["lineItems"][0];
    assert_eq!(
        (&line["name"], &line["quantity"]),
        (&json!("Tea"), &json!(2))
    );
    assert_eq!(line["unitAmount"]["minorUnitsAmount"], 900);
    assert_eq!(seen["shipping"]["shippingOption"]["displayName"], "Post");
    let bike = seen["shippingOptions"][1]["id"]
        .as_str()
        .expect("id")
        .to_owned();
    let line = line["id"].as_str().expect("id").to_owned();
    let changes = [
        ("quantity", format!("&line_item={line}&quantity=3"), 3000),
        ("shipping_option", format!("&shipping_rate={bike}"), 3200),
        ("promotion_code", "&promotion_code=half".to_owned(), 1850),
    ];
    for (name, more, total) in changes {
        let changed = act(&s, &seller, &open, name, &more).await.body;
        assert_eq!(
            changed["session"]["total"]["total"]["minorUnitsAmount"], total,
            "{name}: {changed}"
        );
    }
    let discount = &act(&s, &seller, &open, "read", "").await.body["session"]["discountAmounts"][0];
    assert_eq!(
        (&discount["promotionCode"], &discount["percentOff"]),
        (&json!("HALF"), &json!(50))
    );
    let off = act(&s, &seller, &open, "promotion_code", "").await.body;
    assert_eq!(off["session"]["discountAmounts"], Value::Null);
    for (name, more) in [
        ("promotion_code", "&promotion_code=NONE"),
        ("quantity", "&line_item=li_none&quantity=1"),
        ("shipping_option", "&shipping_rate=shr_none"),
        ("confirm", "&method=klarna"),
        ("dance", ""),
    ] {
        let refused = act(&s, &seller, &open, name, more).await;
        assert!((400..500).contains(&refused.status), "{name}");
    }
}

#[tokio::test]
async fn a_page_of_elements_pays_is_declined_and_answers_its_bank() {
    let s = Stripe::start().await;
    let seller = s.seller().await;
    let open = session(&s, &seller, "").await;
    let pay = async |card: &str| {
        let more = format!("&email=ann@example.com&method=card&card={card}");
        act(&s, &seller, &open, "confirm", &more).await.body
    };
    let declined = pay("4000000000009995").await;
    assert_eq!(declined["outcome"], "declined");
    assert_eq!(declined["page"]["decline_code"], "insufficient_funds");
    assert_eq!(
        declined["session"]["lastPaymentError"]["message"],
        "Your card has insufficient funds."
    );
    assert_eq!(pay("4000000000003220").await["outcome"], "challenge");
    // Of the session nothing but the bank's question is framed.
    let framed = async |path: &str, form: Option<&'static str>| {
        let url = s.url(&format!("/c/pay/{}{path}", id(&open)));
        let request = match form {
            None => s.http.get(url),
            Some(form) => s
                .http
                .post(url)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(form),
        };
        let page = request
            .header("Sec-Fetch-Dest", "iframe")
            .send()
            .await
            .expect("a page");
        let policy = page.headers()["content-security-policy"]
            .to_str()
            .expect("a text")
            .to_owned();
        (
            !policy.contains("frame-ancestors"),
            page.text().await.expect("a page"),
        )
    };
    assert!(!framed("", None).await.0);
    assert!(framed("/challenge", None).await.0);
    let (is_framed, end) = framed("/challenge", Some("outcome=fail")).await;
    assert!(
        is_framed && end.contains("/js/frame.js") && !end.contains("Card number"),
        "{end}"
    );
    let after = act(&s, &seller, &open, "read", "").await.body;
    assert_eq!(after["session"]["status"]["type"], "open");
    assert!(
        after["session"]["lastPaymentError"]["message"].is_string(),
        "{after}"
    );
    assert_eq!(pay("4242424242424242").await["outcome"], "completed");
    let done = act(&s, &seller, &open, "read", "").await.body;
    assert_eq!(
        done["session"]["status"],
        json!({ "type": "complete", "paymentStatus": "paid" })
    );
    let paid = s
        .get_on(&seller, &format!("/v1/checkout/sessions/{}", id(&open)))
        .await;
    assert_eq!(
        (&paid["status"], &paid["payment_status"]),
        (&json!("complete"), &json!("paid"))
    );
    assert_eq!(paid["customer_details"]["email"], "ann@example.com");
}

#[tokio::test]
async fn a_saved_card_is_offered_and_another_is_saved_where_the_session_lets_the_buyer_choose() {
    let s = Stripe::start().await;
    let seller = s.seller().await;
    let ann = id(&s
        .on(&seller, "/v1/customers", "email=ann@example.com")
        .await);
    let methods = format!("/v1/customers/{ann}/payment_methods");
    let plain = session(&s, &seller, &format!("&customer={ann}")).await;
    let save = "&method=card&card=5555555555554444&save=true";
    assert_eq!(
        act(&s, &seller, &plain, "confirm", save)
            .await
            .error("param"),
        "save"
    );
    let more = format!("&customer={ann}&saved_payment_method_options[payment_method_save]=enabled");
    let saving = session(&s, &seller, &more).await;
    assert_eq!(
        act(&s, &seller, &saving, "read", "").await.body["page"]["saves"],
        true
    );
    assert_eq!(
        act(&s, &seller, &saving, "confirm", save).await.body["outcome"],
        "completed"
    );
    let card = s.get_on(&seller, &methods).await["data"][0].clone();
    assert_eq!(
        (&card["allow_redisplay"], &card["card"]["last4"]),
        (&json!("always"), &json!("4444"))
    );
    let read = act(&s, &seller, &plain, "read", "").await.body;
    let saved = &read["session"]["savedPaymentMethods"][0];
    assert_eq!(
        (&saved["id"], &saved["card"]["last4"]),
        (&card["id"], &json!("4444"))
    );
    let with = format!("&payment_method={}", id(&card));
    assert_eq!(
        act(&s, &seller, &plain, "confirm", &with).await.body["outcome"],
        "completed"
    );
    // The hosted page has the same box.
    let hosted = s.session(&seller, 900, &more).await;
    let path = format!("/c/pay/{}", id(&hosted));
    let page = s.get(&path).await;
    assert!(page.as_str().expect("a page").contains("name=\"save\""));
    s.send(
        "POST",
        &path,
        "card=4242424242424242&payment_method=&save=1",
        &[],
    )
    .await;
    assert_eq!(
        s.get_on(&seller, &methods).await["data"][0]["card"]["last4"],
        "4242"
    );
}

#[tokio::test]
async fn only_whoever_has_the_secret_of_a_session_with_elements_plays_it() {
    let s = Stripe::start().await;
    let seller = s.seller().await;
    let elsewhere = s.seller().await;
    let open = session(&s, &seller, "").await;
    let body =
        format!("mode=payment&ui_mode=embedded_page&return_url=https://shop.example/ok{TEA}");
    let embedded = s.on(&seller, "/v1/checkout/sessions", &body).await;
    assert_eq!(act(&s, &elsewhere, &open, "read", "").await.status, 404);
    assert_eq!(act(&s, &seller, &embedded, "read", "").await.status, 400);
    let mut wrong = open.clone();
    wrong["client_secret"] = json!(format!("{}_secret_wrong", id(&open)));
    assert_eq!(act(&s, &seller, &wrong, "read", "").await.status, 404);
}

#[tokio::test]
async fn a_page_makes_a_confirmation_token_that_its_server_confirms_with() {
    let s = Stripe::start().await;
    let seller = s.seller().await;
    let make = async |more: &str| {
        let body = format!("account={seller}{more}");
        s.send("POST", "/js/confirmation_tokens", &body, &[]).await
    };
    let made = make("&payment_method=pm_card_visa&return_url=https://shop.example/back&shipping[name]=Ann&shipping[address][country]=DE").await;
    assert_eq!(made.headers["access-control-allow-origin"], "*");
    let token = made.body;
    assert_eq!(token["object"], "confirmation_token");
    assert_eq!(token["payment_method_preview"]["card"]["last4"], "4242");
    assert_eq!(
        (&token["shipping"]["name"], &token["use_stripe_sdk"]),
        (&json!("Ann"), &json!(true))
    );
    let body = format!(
        "amount=2000&currency=eur&confirm=true&confirmation_token={}",
        id(&token)
    );
    let paid = s.on(&seller, "/v1/payment_intents", &body).await;
    assert_eq!(
        (&paid["status"], &paid["shipping"]["name"]),
        (&json!("succeeded"), &json!("Ann"))
    );
    assert_eq!(make("").await.error("param"), "payment_method_data");
    // A page that has no intent yet asks what it may offer.
    let offered = s
        .send(
            "POST",
            "/js/payment_method_types",
            &format!("account={seller}&currency=eur"),
            &[],
        )
        .await;
    assert_eq!(offered.body, json!(["card", "bancontact", "sepa_debit"]));
}

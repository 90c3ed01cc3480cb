//! Checkout Sessions: who buys, what is asked, what it costs in the end.

use serde_json::{Value, json};

use crate::support::{Answer, DAY, START, Stripe, check_books};

const URL: &str = "success_url=https://shop.example/ok";
const TEA: &str = "line_items[0][price_data][currency]=eur&line_items[0][price_data][unit_amount]=1000&line_items[0][price_data][product_data][name]=Tea&line_items[0][quantity]=2";

async fn send(stripe: &Stripe, account: &str, path: &str, body: &str) -> Answer {
    let headers = [("Stripe-Account", account)];
    stripe.send("POST", path, body, &headers).await
}

async fn open(stripe: &Stripe, account: &str, more: &str) -> Value {
    let body = format!("mode=payment&{URL}&{TEA}{more}");
    stripe.on(account, "/v1/checkout/sessions", &body).await
}

async fn read(stripe: &Stripe, account: &str, session: &Value, more: &str) -> Value {
    let id = session["id"].as_str().expect("id");
    stripe
        .get_on(account, &format!("/v1/checkout/sessions/{id}{more}"))
        .await
}

async fn customer(stripe: &Stripe, account: &str, body: &str) -> String {
    let made = stripe.on(account, "/v1/customers", body).await;
    made["id"].as_str().expect("id").to_owned()
}

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

#[tokio::test]
async fn a_known_customer_is_prefilled_and_pays_with_a_saved_card() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let ann = customer(
        &stripe,
        &seller,
        "email=ann@example.com&payment_method=pm_card_mastercard",
    )
    .await;
    let cards = stripe
        .get_on(&seller, &format!("/v1/customers/{ann}/payment_methods"))
        .await;
    let card = cards["data"][0]["id"].as_str().expect("id").to_owned();
    let session = open(
        &stripe,
        &seller,
        &format!("&customer={ann}&customer_update[name]=auto"),
    )
    .await;
    assert_eq!(session["customer_details"]["email"], "ann@example.com");
    assert_eq!(session["customer_creation"], Value::Null);
    let page = |session: &Value| {
        stripe
            .http
            .get(session["url"].as_str().expect("url"))
            .send()
    };
    let text = page(&session)
        .await
        .expect("page")
        .text()
        .await
        .expect("text");
    assert!(!text.contains("4444"), "a card that may not be shown again");
    stripe
        .on(
            &seller,
            &format!("/v1/payment_methods/{card}"),
            "allow_redisplay=always",
        )
        .await;
    let text = page(&session)
        .await
        .expect("page")
        .text()
        .await
        .expect("text");
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

    let bob = customer(&stripe, &seller, "name=Bob").await;
    let other = open(&stripe, &seller, &format!("&customer={bob}")).await;
    let path = format!(
        "/_simulator/checkout/sessions/{}/pay",
        other["id"].as_str().expect("id")
    );
    let refused = stripe
        .send(
            "POST",
            &path,
            &json!({ "payment_method": card }).to_string(),
            &[],
        )
        .await;
    assert_eq!(refused.error("code"), "resource_missing");
    stripe
        .pay(
            &other,
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
    let list = format!("/v1/checkout/sessions?customer={ann}");
    assert_eq!(
        stripe.get_on(&seller, &list).await["data"][0]["id"],
        session["id"]
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

#[tokio::test]
async fn shipping_is_part_of_what_is_paid() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let option = |n: usize, name: &str, amount: i64| {
        format!(
            "&shipping_options[{n}][shipping_rate_data][display_name]={name}&shipping_options[{n}][shipping_rate_data][type]=fixed_amount&shipping_options[{n}][shipping_rate_data][fixed_amount][amount]={amount}&shipping_options[{n}][shipping_rate_data][fixed_amount][currency]=eur&shipping_options[{n}][shipping_rate_data][delivery_estimate][minimum][unit]=day&shipping_options[{n}][shipping_rate_data][delivery_estimate][minimum][value]=2"
        )
    };
    let more = format!(
        "{}{}&shipping_address_collection[allowed_countries][]=AT&phone_number_collection[enabled]=true",
        option(0, "Slow", 500),
        option(1, "Fast", 900)
    );
    let session = open(&stripe, &seller, &more).await;
    assert_eq!(
        (&session["amount_subtotal"], &session["amount_total"]),
        (&json!(2000), &json!(2500))
    );
    assert_eq!(session["total_details"]["amount_shipping"], 500);
    let fast = session["shipping_options"][1]["shipping_rate"]
        .as_str()
        .expect("rate")
        .to_owned();
    let away = stripe
        .send(
            "POST",
            &format!(
                "/_simulator/checkout/sessions/{}/pay",
                session["id"].as_str().expect("id")
            ),
            &json!({ "country": "DE" }).to_string(),
            &[],
        )
        .await;
    assert_eq!(away.error("param"), "country");
    stripe
        .pay(
            &session,
            json!({ "shipping_rate": fast, "name": "Ann", "phone": "+4930123" }),
        )
        .await;
    let done = read(
        &stripe,
        &seller,
        &session,
        "?expand[]=payment_intent&expand[]=shipping_cost.shipping_rate",
    )
    .await;
    assert_eq!(done["amount_total"], 2900);
    assert_eq!(done["shipping_cost"]["amount_total"], 900);
    assert_eq!(
        done["shipping_cost"]["shipping_rate"]["display_name"],
        "Fast"
    );
    assert_eq!(done["payment_intent"]["amount_received"], 2900);
    assert_eq!(
        done["payment_intent"]["shipping"]["address"]["country"],
        "AT"
    );
    assert_eq!(
        done["collected_information"]["shipping_details"]["name"],
        "Ann"
    );
    assert_eq!(done["customer_details"]["phone"], "+4930123");
    // A rate that was made for one session can be named in another.
    let named = open(
        &stripe,
        &seller,
        &format!("&shipping_options[0][shipping_rate]={fast}"),
    )
    .await;
    assert_eq!(named["amount_total"], 2900);
    check_books(&stripe.simulator.oracle().await);
}

#[tokio::test]
async fn the_buyer_changes_quantities_and_adds_what_is_optional() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let price = stripe
        .on(
            &seller,
            "/v1/prices",
            "currency=eur&unit_amount=300&product_data[name]=Honey",
        )
        .await;
    let price = price["id"].as_str().expect("id").to_owned();
    let more = format!(
        "&line_items[0][adjustable_quantity][enabled]=true&line_items[0][adjustable_quantity][maximum]=5&optional_items[0][price]={price}&optional_items[0][quantity]=2"
    );
    let session = open(&stripe, &seller, &more).await;
    assert_eq!(session["optional_items"][0]["price"], price.as_str());
    let lines = read(&stripe, &seller, &session, "/line_items").await;
    assert_eq!(
        lines["data"][0]["adjustable_quantity"],
        json!({ "enabled": true, "maximum": 5, "minimum": 0 })
    );
    let line = lines["data"][0]["id"].as_str().expect("id").to_owned();
    let path = format!(
        "/_simulator/checkout/sessions/{}/pay",
        session["id"].as_str().expect("id")
    );
    for how in [
        json!({ "quantities": { line.as_str(): 6 } }),
        json!({ "quantities": { "li_none": 1 } }),
        json!({ "optional_items": ["price_none"] }),
    ] {
        let refused = stripe.send("POST", &path, &how.to_string(), &[]).await;
        assert!(refused.status >= 400, "{how}: {}", refused.body);
    }
    stripe
        .pay(
            &session,
            json!({ "quantities": { line.as_str(): 3 }, "optional_items": [price] }),
        )
        .await;
    let done = read(
        &stripe,
        &seller,
        &session,
        "?expand[]=line_items&expand[]=payment_intent",
    )
    .await;
    assert_eq!(done["amount_total"], 3600);
    assert_eq!(done["payment_intent"]["amount"], 3600);
    let quantities: Vec<_> = done["line_items"]["data"]
        .as_array()
        .expect("list")
        .iter()
        .map(|i| i["quantity"].as_i64())
        .collect();
    assert_eq!(quantities, [Some(3), Some(2)]);
}

#[tokio::test]
async fn custom_fields_and_consent_come_back_answered() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let field = |n: usize, key: &str, kind: &str| {
        format!(
            "&custom_fields[{n}][key]={key}&custom_fields[{n}][label][type]=custom&custom_fields[{n}][label][custom]=Your {key}&custom_fields[{n}][type]={kind}"
        )
    };
    let more = format!(
        "{}&custom_fields[0][text][maximum_length]=5{}&custom_fields[1][dropdown][options][0][label]=Big&custom_fields[1][dropdown][options][0][value]=big{}&custom_fields[2][optional]=true&consent_collection[terms_of_service]=required&custom_text[submit][message]=Thanks",
        field(0, "note", "text"),
        field(1, "size", "dropdown"),
        field(2, "age", "numeric")
    );
    let session = open(&stripe, &seller, &more).await;
    assert_eq!(
        session["custom_fields"][1]["dropdown"]["options"][0],
        json!({ "label": "Big", "value": "big" })
    );
    assert_eq!(session["custom_text"]["submit"]["message"], "Thanks");
    let path = format!(
        "/_simulator/checkout/sessions/{}/pay",
        session["id"].as_str().expect("id")
    );
    for wrong in [
        json!({ "note": "too long" }),
        json!({ "size": "small" }),
        json!({ "age": "x" }),
        json!({ "colour": "red" }),
    ] {
        let refused = stripe
            .send(
                "POST",
                &path,
                &json!({ "custom_fields": wrong }).to_string(),
                &[],
            )
            .await;
        assert_eq!(refused.error("param"), "custom_fields", "{wrong}");
    }
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
    assert!(
        page.contains("Your note") && page.contains("terms of service"),
        "{page}"
    );
    let form = stripe
        .http
        .post(url)
        .header("Content-Type", "application/x-www-form-urlencoded");
    form.body("email=a%40b.example&field_note=Hello&field_size=big")
        .send()
        .await
        .expect("sent");
    let done = read(&stripe, &seller, &session, "").await;
    assert_eq!(done["custom_fields"][0]["text"]["value"], "Hello");
    assert_eq!(done["custom_fields"][1]["dropdown"]["value"], "big");
    assert_eq!(done["custom_fields"][2]["numeric"]["value"], Value::Null);
    assert_eq!(
        done["consent"],
        json!({ "promotions": null, "terms_of_service": "accepted" })
    );
}

#[tokio::test]
async fn embedded_sessions_have_a_secret_and_no_address() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    for ui in ["embedded_page", "elements"] {
        let body = format!(
            "mode=payment&ui_mode={ui}&return_url=https://shop.example/back?s={{CHECKOUT_SESSION_ID}}&{TEA}"
        );
        let session = stripe.on(&seller, "/v1/checkout/sessions", &body).await;
        assert_eq!(session["url"], Value::Null);
        let id = session["id"].as_str().expect("id");
        assert!(
            session["client_secret"]
                .as_str()
                .expect("secret")
                .starts_with(&format!("{id}_secret_"))
        );
        let paid = stripe.pay(&session, json!({})).await;
        assert_eq!(
            paid["redirect"],
            format!("https://shop.example/back?s={id}"),
            "{paid}"
        );
    }
    let body = format!("mode=payment&ui_mode=embedded_page&redirect_on_completion=never&{TEA}");
    let session = stripe.on(&seller, "/v1/checkout/sessions", &body).await;
    assert_eq!(session["redirect_on_completion"], "never");
    let path = format!(
        "/v1/checkout/sessions/{}",
        session["id"].as_str().expect("id")
    );
    let sent = "collected_information[shipping_details][name]=Ann&collected_information[shipping_details][address][line1]=A 1&collected_information[shipping_details][address][country]=DE";
    let updated = stripe.on(&seller, &path, sent).await;
    assert_eq!(
        updated["collected_information"]["shipping_details"]["address"]["line1"],
        "A 1"
    );
}

#[tokio::test]
async fn an_open_session_is_updated_and_a_closed_one_only_in_its_metadata() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let session = open(&stripe, &seller, "").await;
    let path = format!(
        "/v1/checkout/sessions/{}",
        session["id"].as_str().expect("id")
    );
    let line = read(&stripe, &seller, &session, "/line_items").await["data"][0]["id"].clone();
    let line = line.as_str().expect("id");
    let body = format!(
        "metadata[a]=b&line_items[0][id]={line}&line_items[0][quantity]=1&line_items[1][price_data][currency]=eur&line_items[1][price_data][unit_amount]=50&line_items[1][price_data][product_data][name]=Spoon&line_items[1][quantity]=1"
    );
    let updated = stripe.on(&seller, &path, &body).await;
    assert_eq!(
        (&updated["amount_total"], &updated["metadata"]),
        (&json!(1050), &json!({ "a": "b" }))
    );
    let hosted = send(&stripe, &seller, &path, "collected_information[shipping_details][name]=A&collected_information[shipping_details][address][line1]=x&collected_information[shipping_details][address][country]=DE").await;
    assert_eq!(hosted.error("param"), "collected_information");
    let cheap = send(&stripe, &seller, &path, "line_items[0][price_data][currency]=eur&line_items[0][price_data][unit_amount]=1&line_items[0][price_data][product_data][name]=Crumb").await;
    assert_eq!(cheap.error("code"), "amount_too_small");
    assert_eq!(
        read(&stripe, &seller, &session, "").await["amount_total"],
        1050
    );
    stripe.pay(&session, json!({})).await;
    let late = send(&stripe, &seller, &path, &body).await;
    assert_eq!(late.status, 400, "{}", late.body);
    let noted = stripe.on(&seller, &path, "metadata[c]=d").await;
    assert_eq!(noted["metadata"], json!({ "a": "b", "c": "d" }));
}

#[tokio::test]
async fn an_expired_session_is_recovered_as_a_copy() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let at = START + 3600;
    let session = open(&stripe, &seller, &format!("&expires_at={at}&after_expiration[recovery][enabled]=true&after_expiration[recovery][allow_promotion_codes]=true")).await;
    assert_eq!(session["after_expiration"]["recovery"]["url"], Value::Null);
    stripe.simulator.advance(3600).await;
    let gone = read(&stripe, &seller, &session, "").await;
    assert_eq!(gone["status"], "expired");
    let recovery = &gone["after_expiration"]["recovery"];
    assert_eq!(recovery["expires_at"], at + 30 * DAY);
    let url = recovery["url"].as_str().expect("url");
    let opened = stripe.http.get(url).send().await.expect("page");
    let location = opened.headers()["location"]
        .to_str()
        .expect("location")
        .to_owned();
    let id = location.rsplit('/').next().expect("id").to_owned();
    let copy = json!({ "id": id });
    let fresh = read(&stripe, &seller, &copy, "").await;
    assert_eq!(
        (&fresh["recovered_from"], &fresh["allow_promotion_codes"]),
        (&session["id"], &json!(true))
    );
    assert_eq!(stripe.pay(&copy, json!({})).await["payment_status"], "paid");
    stripe.simulator.advance(31 * DAY).await;
    assert_eq!(
        stripe.http.get(url).send().await.expect("page").status(),
        400
    );
}

#[tokio::test]
async fn money_that_is_only_reserved_is_not_paid() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let session = open(
        &stripe,
        &seller,
        "&payment_intent_data[capture_method]=manual",
    )
    .await;
    let out = stripe.pay(&session, json!({})).await;
    assert_eq!(out["payment_status"], "unpaid", "{out}");
    let done = read(&stripe, &seller, &session, "?expand[]=payment_intent").await;
    assert_eq!(done["payment_intent"]["status"], "requires_capture");
    let id = done["payment_intent"]["id"].as_str().expect("id");
    let taken = stripe
        .on(&seller, &format!("/v1/payment_intents/{id}/capture"), "")
        .await;
    assert_eq!(taken["amount_received"], 2000);
    check_books(&stripe.simulator.oracle().await);
}

#[tokio::test]
async fn what_does_not_go_together_is_refused_by_name() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let ann = customer(&stripe, &seller, "name=Ann").await;
    let recurring = stripe
        .on(
            &seller,
            "/v1/prices",
            "currency=eur&unit_amount=300&recurring[interval]=month&product_data[name]=Club",
        )
        .await;
    let recurring = recurring["id"].as_str().expect("id");
    let pay = format!("mode=payment&{URL}&{TEA}");
    let field =
        "[label][type]=custom&custom_fields[0][label][custom]=L&custom_fields[0][type]=text";
    for (body, code, param) in [
        (
            format!("{pay}&customer=cus_none"),
            "resource_missing",
            "customer",
        ),
        (
            format!("{pay}&customer={ann}&customer_email=a@b.example"),
            "",
            "customer_email",
        ),
        (
            format!("{pay}&customer={ann}&customer_creation=always"),
            "",
            "customer_creation",
        ),
        (
            format!("{pay}&customer_update[name]=auto"),
            "",
            "customer_update",
        ),
        (
            format!("{pay}&customer_email=nobody"),
            "email_invalid",
            "customer_email",
        ),
        (
            format!("{pay}&setup_intent_data[description]=x"),
            "",
            "setup_intent_data",
        ),
        (
            format!("{pay}&subscription_data[description]=x"),
            "",
            "subscription_data",
        ),
        (
            format!("{pay}&payment_method_collection=if_required"),
            "",
            "payment_method_collection",
        ),
        (
            format!("{pay}&return_url=https://a.example"),
            "",
            "return_url",
        ),
        (
            format!("{pay}&automatic_tax[enabled]=true"),
            "",
            "automatic_tax",
        ),
        (
            format!("{pay}&shipping_options[0][shipping_rate]=shr_none"),
            "resource_missing",
            "shipping_options[0][shipping_rate]",
        ),
        (
            format!(
                "{pay}&shipping_options[0][shipping_rate_data][display_name]=x&shipping_options[0][shipping_rate_data][fixed_amount][amount]=100&shipping_options[0][shipping_rate_data][fixed_amount][currency]=usd"
            ),
            "",
            "shipping_options",
        ),
        (
            format!("{pay}&custom_fields[0][key]=a-b&custom_fields[0]{field}"),
            "",
            "custom_fields[0][key]",
        ),
        (
            format!("{pay}&expires_at={}", START + 1700),
            "",
            "expires_at",
        ),
        (
            format!("{pay}&expires_at={}", START + 2 * DAY),
            "",
            "expires_at",
        ),
        (
            format!("mode=payment&{URL}&line_items[0][price]={recurring}"),
            "",
            "line_items[0][price]",
        ),
        (
            format!("mode=payment&{URL}"),
            "parameter_missing",
            "line_items",
        ),
        (
            format!("mode=payment&{TEA}"),
            "parameter_missing",
            "success_url",
        ),
        (
            format!("mode=payment&ui_mode=elements&{TEA}"),
            "parameter_missing",
            "return_url",
        ),
        (
            format!("mode=payment&ui_mode=embedded_page&{URL}&{TEA}"),
            "",
            "success_url",
        ),
        (
            format!(
                "mode=payment&ui_mode=elements&return_url=https://a.example&submit_type=book&{TEA}"
            ),
            "",
            "submit_type",
        ),
        (format!("mode=setup&{URL}"), "parameter_missing", "currency"),
        (
            format!("mode=setup&currency=eur&{URL}&{TEA}"),
            "",
            "line_items",
        ),
        (
            format!("mode=setup&currency=eur&{URL}&payment_intent_data[description]=x"),
            "",
            "payment_intent_data",
        ),
    ] {
        let answer = send(&stripe, &seller, "/v1/checkout/sessions", &body).await;
        assert!(
            answer.status == 400 || answer.status == 404,
            "{body}: {}",
            answer.body
        );
        assert_eq!(
            (answer.error("code"), answer.error("param")),
            (code, param),
            "{body}: {}",
            answer.body
        );
    }
    assert_eq!(
        stripe.get_on(&seller, "/v1/checkout/sessions").await["data"],
        json!([])
    );
}

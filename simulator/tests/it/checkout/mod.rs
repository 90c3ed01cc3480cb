//! Checkout Sessions: buyers, collected fields, totals.

mod buyers;
mod collected;

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
    let after = read(&stripe, &seller, &session, "").await;
    assert_eq!(after["payment_status"], "paid");
    check_books(&stripe.simulator.oracle().await);
}

#[tokio::test]
async fn of_a_sessions_intents_only_one_that_holds_money_can_be_canceled() {
    let stripe = Stripe::under("checkout_intent", "with_session").await;
    let seller = stripe.seller().await;
    let more = "&payment_intent_data[capture_method]=manual";
    let session = open(&stripe, &seller, more).await;
    let intent = session["payment_intent"].as_str().expect("intent");
    let cancel = format!("/v1/payment_intents/{intent}/cancel");
    let said = send(&stripe, &seller, &cancel, "").await;
    assert_eq!(said.error("code"), "payment_intent_unexpected_state");
    stripe.pay(&session, json!({})).await;
    let gone = stripe.on(&seller, &cancel, "").await;
    assert_eq!(gone["status"], "canceled");
    let after = read(&stripe, &seller, &session, "").await;
    assert_eq!(
        (&after["status"], &after["payment_status"]),
        (&json!("complete"), &json!("unpaid"))
    );
    check_books(&stripe.simulator.oracle().await);
}

/// Asserts that each body is refused with its code and parameter, and that no session is left.
async fn refused(stripe: &Stripe, seller: &str, bodies: &[(String, &str, &str)]) {
    for (body, code, param) in bodies {
        let answer = send(stripe, seller, "/v1/checkout/sessions", body).await;
        assert!(
            answer.status == 400 || answer.status == 404,
            "{body}: {}",
            answer.body
        );
        assert_eq!(
            (answer.error("code"), answer.error("param")),
            (*code, *param),
            "{body}: {}",
            answer.body
        );
    }
    let sessions = stripe.get_on(seller, "/v1/checkout/sessions").await;
    assert_eq!(sessions["data"], json!([]));
}

#[tokio::test]
async fn customers_that_do_not_go_together_are_refused_by_name() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let ann = customer(&stripe, &seller, "name=Ann").await;
    let pay = format!("mode=payment&{URL}&{TEA}");
    let bodies = [
        ("&customer=cus_none", "resource_missing", "customer"),
        (
            format!("&customer={ann}&customer_email=a@b.example").as_str(),
            "",
            "customer_email",
        ),
        (
            format!("&customer={ann}&customer_creation=always").as_str(),
            "",
            "customer_creation",
        ),
        ("&customer_update[name]=auto", "", "customer_update"),
        ("&customer_email=nobody", "email_invalid", "customer_email"),
    ]
    .map(|(more, code, param)| (format!("{pay}{more}"), code, param));
    refused(&stripe, &seller, &bodies).await;
}

#[tokio::test]
async fn what_another_mode_has_is_refused_by_name() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let recurring = stripe
        .on(
            &seller,
            "/v1/prices",
            "currency=eur&unit_amount=300&recurring[interval]=month&product_data[name]=Club",
        )
        .await;
    let recurring = recurring["id"].as_str().expect("id");
    let pay = format!("mode=payment&{URL}&{TEA}");
    let set_up = format!("mode=setup&{URL}");
    let bodies = [
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
            format!("mode=payment&{URL}&line_items[0][price]={recurring}"),
            "",
            "line_items[0][price]",
        ),
        (
            format!("mode=payment&{URL}"),
            "parameter_missing",
            "line_items",
        ),
        (set_up.clone(), "parameter_missing", "currency"),
        (format!("{set_up}&currency=eur&{TEA}"), "", "line_items"),
        (
            format!("{set_up}&currency=eur&payment_intent_data[description]=x"),
            "",
            "payment_intent_data",
        ),
    ];
    refused(&stripe, &seller, &bodies).await;
}

#[tokio::test]
async fn what_another_page_has_is_refused_by_name() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let bodies = [
        (
            format!("mode=payment&{URL}&{TEA}&return_url=https://a.example"),
            "",
            "return_url",
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
    ];
    refused(&stripe, &seller, &bodies).await;
}

#[tokio::test]
async fn what_no_page_can_show_is_refused_by_name() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let pay = format!("mode=payment&{URL}&{TEA}");
    let field =
        "[label][type]=custom&custom_fields[0][label][custom]=L&custom_fields[0][type]=text";
    let (early, late) = (START + 1700, START + 2 * DAY);
    let dollars = "&shipping_options[0][shipping_rate_data][display_name]=x&shipping_options[0][shipping_rate_data][fixed_amount][amount]=100&shipping_options[0][shipping_rate_data][fixed_amount][currency]=usd";
    let bodies = [
        ("&automatic_tax[enabled]=true", "", "automatic_tax"),
        (
            "&shipping_options[0][shipping_rate]=shr_none",
            "resource_missing",
            "shipping_options[0][shipping_rate]",
        ),
        (dollars, "", "shipping_options"),
        (
            format!("&custom_fields[0][key]=a-b&custom_fields[0]{field}").as_str(),
            "",
            "custom_fields[0][key]",
        ),
        (format!("&expires_at={early}").as_str(), "", "expires_at"),
        (format!("&expires_at={late}").as_str(), "", "expires_at"),
    ]
    .map(|(more, code, param)| (format!("{pay}{more}"), code, param));
    refused(&stripe, &seller, &bodies).await;
}

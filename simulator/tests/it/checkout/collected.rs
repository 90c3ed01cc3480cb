//! What the page asks for beside the payment.

use super::*;

fn shipping_option(n: usize, name: &str, amount: i64) -> String {
    format!(
        "&shipping_options[{n}][shipping_rate_data][display_name]={name}&shipping_options[{n}][shipping_rate_data][type]=fixed_amount&shipping_options[{n}][shipping_rate_data][fixed_amount][amount]={amount}&shipping_options[{n}][shipping_rate_data][fixed_amount][currency]=eur&shipping_options[{n}][shipping_rate_data][delivery_estimate][minimum][unit]=day&shipping_options[{n}][shipping_rate_data][delivery_estimate][minimum][value]=2"
    )
}

#[tokio::test]
async fn shipping_is_part_of_what_is_paid() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let more = format!(
        "{}{}&shipping_address_collection[allowed_countries][]=AT&phone_number_collection[enabled]=true",
        shipping_option(0, "Slow", 500),
        shipping_option(1, "Fast", 900)
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

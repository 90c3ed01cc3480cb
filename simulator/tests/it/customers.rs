//! Customers: their fields, deletion and balances.

use serde_json::{Value, json};

use crate::support::{Answer, Stripe};

async fn refused(stripe: &Stripe, method: &str, path: &str, body: &str) -> Answer {
    let answer = stripe.send(method, path, body, &[]).await;
    assert!(answer.status >= 400, "{path}: {}", answer.body);
    answer
}

fn path(customer: &Value) -> String {
    format!("/v1/customers/{}", customer["id"].as_str().expect("id"))
}

/// The newest event of a type.
async fn event(stripe: &Stripe, name: &str) -> Value {
    let list = stripe.get(&format!("/v1/events?type={name}")).await;
    list["data"][0]["data"].clone()
}

#[tokio::test]
async fn a_customer_is_made_changed_and_deleted_and_every_step_is_an_event() {
    let stripe = Stripe::start().await;
    let made = stripe
        .post("/v1/customers", "email=ann@example.com&name=Ann&metadata[k]=v&preferred_locales[]=de&shipping[name]=Ann&shipping[address][city]=Bonn&tax_id_data[0][type]=eu_vat&tax_id_data[0][value]=DE123456789")
        .await;
    assert!(made["id"].as_str().expect("id").starts_with("cus_"));
    assert_eq!(made["balance"], 0);
    assert_eq!(made["next_invoice_sequence"], 1);
    assert_eq!(made["shipping"]["address"]["city"], "Bonn");
    assert_eq!(event(&stripe, "customer.created").await["object"], made);

    let changed = stripe
        .post(&path(&made), "name=Anna&shipping=&metadata[k]=&metadata[l]=w&address[country]=DE&tax_exempt=reverse&next_invoice_sequence=7&invoice_settings[footer]=Thanks")
        .await;
    assert_eq!(changed["shipping"], Value::Null);
    assert_eq!(changed["metadata"], json!({ "l": "w" }));
    assert_eq!(changed["invoice_settings"]["footer"], "Thanks");
    let said = event(&stripe, "customer.updated").await;
    assert_eq!(said["previous_attributes"]["name"], "Ann");
    assert_eq!(said["previous_attributes"]["tax_exempt"], "none");
    assert_eq!(said["previous_attributes"].get("email"), None);

    let expanded = stripe
        .get(&format!(
            "{}?expand[]=tax_ids&expand[]=sources&expand[]=tax",
            path(&made)
        ))
        .await;
    assert_eq!(expanded["tax_ids"]["data"][0]["value"], "DE123456789");
    assert_eq!(expanded["sources"]["data"], json!([]));

    let gone = json!({ "id": made["id"], "object": "customer", "deleted": true });
    let answer = stripe.send("DELETE", &path(&made), "", &[]).await;
    assert_eq!(answer.body, gone);
    assert_eq!(stripe.get(&path(&made)).await, gone);
    let again = refused(&stripe, "DELETE", &path(&made), "").await;
    assert_eq!(
        (again.status, again.error("code")),
        (404, "resource_missing")
    );
    let touched = refused(&stripe, "POST", &path(&made), "name=Bob").await;
    assert_eq!(touched.error("param"), "customer");
    assert_eq!(stripe.get("/v1/customers").await["data"], json!([]));
    let last = event(&stripe, "customer.deleted").await;
    assert_eq!(last["object"]["email"], "ann@example.com");
}

#[tokio::test]
async fn a_customer_lives_on_one_account() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let theirs = stripe
        .on(&seller, "/v1/customers", "email=a@b.example")
        .await;
    let missing = refused(&stripe, "GET", &path(&theirs), "").await;
    assert_eq!(
        (missing.status, missing.error("code")),
        (404, "resource_missing")
    );
    assert_eq!(
        missing.error("message"),
        format!("No such customer: '{}'", theirs["id"].as_str().expect("id"))
    );
    assert_eq!(
        stripe.get_on(&seller, &path(&theirs)).await["id"],
        theirs["id"]
    );
    let found = |list: Value| list["data"].as_array().expect("list").len();
    let email = "/v1/customers?email=a@b.example";
    assert_eq!(found(stripe.get(email).await), 0);
    assert_eq!(found(stripe.get_on(&seller, email).await), 1);
    // The filter minds upper and lower case.
    assert_eq!(
        found(
            stripe
                .get_on(&seller, "/v1/customers?email=A@b.example")
                .await
        ),
        0
    );
}

#[tokio::test]
async fn payment_methods_come_with_a_customer_and_leave_with_them() {
    let stripe = Stripe::start().await;
    let both = "payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa";
    let made = stripe.post("/v1/customers", both).await;
    let method = made["invoice_settings"]["default_payment_method"].clone();
    let id = method.as_str().expect("a payment method");
    assert!(id.starts_with("pm_1"), "{id}");

    let other = stripe.post("/v1/customers", "").await;
    let body = format!("invoice_settings[default_payment_method]={id}");
    let answer = refused(&stripe, "POST", &path(&other), &body).await;
    assert_eq!(
        answer.error("param"),
        "invoice_settings[default_payment_method]"
    );
    assert_eq!(answer.error("code"), "resource_missing");

    let sourced = stripe.post("/v1/customers", "source=tok_mastercard").await;
    let source = sourced["default_source"].as_str().expect("a source");
    let card = stripe.get(&format!("/v1/payment_methods/{source}")).await;
    assert_eq!(card["card"]["brand"], "mastercard");
    assert_eq!(card["customer"], sourced["id"]);

    stripe.send("DELETE", &path(&made), "", &[]).await;
    let left = stripe.get(&format!("/v1/payment_methods/{id}")).await;
    assert_eq!(left["customer"], Value::Null);
    let body = format!("customer={}", made["id"].as_str().expect("id"));
    let answer = refused(
        &stripe,
        "POST",
        "/v1/payment_methods/pm_card_visa/attach",
        &body,
    )
    .await;
    assert_eq!(answer.error("code"), "resource_missing");
}

#[tokio::test]
async fn what_a_customer_is_owed_is_the_sum_of_its_entries() {
    let stripe = Stripe::start().await;
    let made = stripe.post("/v1/customers", "balance=-500").await;
    assert_eq!(made["balance"], -500);
    let entries = format!("{}/balance_transactions", path(&made));
    let first = stripe.get(&entries).await["data"][0].clone();
    assert_eq!(
        (&first["type"], &first["amount"]),
        (&json!("initial"), &json!(-500))
    );
    let currency = first["currency"].as_str().expect("currency");

    let body = format!("amount=200&currency={currency}&description=Taken&metadata[a]=b");
    let entry = stripe.post(&entries, &body).await;
    assert_eq!(
        (&entry["type"], &entry["ending_balance"]),
        (&json!("adjustment"), &json!(-300))
    );
    assert_eq!(
        event(&stripe, "customer.updated").await["previous_attributes"],
        json!({ "balance": -500 })
    );

    let set = stripe.post(&path(&made), "balance=50").await;
    assert_eq!(set["balance"], 50);
    let list = stripe.get(&entries).await["data"].clone();
    let amounts: Vec<_> = list
        .as_array()
        .expect("list")
        .iter()
        .map(|e| e["amount"].as_i64())
        .collect();
    assert_eq!(amounts, [Some(350), Some(200), Some(-500)]);

    let one = format!("{entries}/{}", entry["id"].as_str().expect("id"));
    let noted = stripe
        .post(&one, "description=Given back&metadata[a]=")
        .await;
    assert_eq!(
        (&noted["description"], &noted["metadata"]),
        (&json!("Given back"), &json!({}))
    );
    assert_eq!(stripe.get(&one).await, noted);

    let mixed = refused(&stripe, "POST", &entries, "amount=1&currency=jpy").await;
    assert_eq!(mixed.error("param"), "currency");
    let other = stripe.post("/v1/customers", "").await;
    let wrong = one.replace(
        made["id"].as_str().expect("id"),
        other["id"].as_str().expect("id"),
    );
    assert_eq!(refused(&stripe, "GET", &wrong, "").await.status, 404);
}

#[tokio::test]
async fn what_no_customer_can_have_is_refused_by_name() {
    let stripe = Stripe::start().await;
    for (body, code, param) in [
        ("email=nobody", "email_invalid", "email"),
        ("invoice_prefix=ab", "", "invoice_prefix"),
        ("phone=012345678901234567890", "", "phone"),
        (
            "payment_method=pm_none",
            "resource_missing",
            "payment_method",
        ),
        ("source=tok_none", "resource_missing", "source"),
        ("test_clock=clock_none", "resource_missing", "test_clock"),
        ("payment_method=pm_card_chargeDeclined", "card_declined", ""),
        ("coupon=x", "parameter_unknown", "coupon"),
    ] {
        let answer = refused(&stripe, "POST", "/v1/customers", body).await;
        assert_eq!(
            (answer.error("code"), answer.error("param")),
            (code, param),
            "{body}"
        );
    }
    // A refused request leaves nothing.
    assert_eq!(stripe.get("/v1/customers").await["data"], json!([]));
    let made = stripe
        .post("/v1/customers", "next_invoice_sequence=5")
        .await;
    let back = refused(&stripe, "POST", &path(&made), "next_invoice_sequence=4").await;
    assert_eq!(back.error("param"), "next_invoice_sequence");
    for method in ["GET", "DELETE"] {
        let none = refused(&stripe, method, &format!("{}/discount", path(&made)), "").await;
        assert_eq!(none.status, 404);
    }
}

#[tokio::test]
async fn a_deleted_customers_subscriptions_end_first() {
    let stripe = Stripe::start().await;
    let ann = stripe
        .post(
            "/v1/customers",
            "payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa",
        )
        .await;
    let price = stripe
        .post(
            "/v1/prices",
            "currency=usd&unit_amount=500&recurring[interval]=month&product_data[name]=Club",
        )
        .await;
    let body = format!(
        "customer={}&items[0][price]={}",
        ann["id"].as_str().expect("id"),
        price["id"].as_str().expect("id")
    );
    let made = stripe.post("/v1/subscriptions", &body).await;
    assert_eq!(made["status"], "active", "{made}");
    stripe.send("DELETE", &path(&ann), "", &[]).await;
    let left = stripe
        .get(&format!(
            "/v1/subscriptions/{}?expand[]=customer",
            made["id"].as_str().expect("id")
        ))
        .await;
    assert_eq!(
        (&left["status"], &left["customer"]["deleted"]),
        (&json!("canceled"), &json!(true))
    );
    let list = stripe.get("/v1/events?limit=100").await;
    let types: Vec<_> = list["data"]
        .as_array()
        .expect("list")
        .iter()
        .map(|e| e["type"].as_str())
        .collect();
    let at = |name: &str| types.iter().position(|t| *t == Some(name));
    // Newest first.
    assert!(
        at("customer.deleted") < at("customer.subscription.deleted"),
        "{types:?}"
    );
    let again = refused(&stripe, "DELETE", &path(&ann), "").await;
    assert_eq!(again.error("code"), "resource_missing");
}

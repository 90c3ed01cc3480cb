//! Operations that no other test is about: what they change, and what they leave.

use serde_json::{Value, json};

use crate::support::{DAY, Stripe};

async fn delete(stripe: &Stripe, path: &str) -> Value {
    let answer = stripe.send("DELETE", path, "", &[]).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.body
}

fn id(value: &Value) -> &str {
    value["id"].as_str().expect("id")
}

fn count(list: &Value) -> usize {
    list["data"].as_array().expect("a list").len()
}

/// A customer who pays by card, and a monthly price of 15.00 USD.
async fn subscriber(stripe: &Stripe) -> (String, String) {
    let customer = stripe.post("/v1/customers", "email=ada@shop.example").await;
    let customer = id(&customer).to_owned();
    let method = stripe
        .post(
            "/v1/payment_methods/pm_card_visa/attach",
            &format!("customer={customer}"),
        )
        .await;
    let default = format!("invoice_settings[default_payment_method]={}", id(&method));
    stripe
        .post(&format!("/v1/customers/{customer}"), &default)
        .await;
    let price = stripe
        .post(
            "/v1/prices",
            "currency=usd&unit_amount=1500&recurring[interval]=month&product_data[name]=Tea",
        )
        .await;
    (customer, id(&price).to_owned())
}

#[tokio::test]
async fn coupons_and_codes_are_read_renamed_and_deleted() {
    let stripe = Stripe::start().await;
    let coupon = stripe
        .post("/v1/coupons", "percent_off=25&id=quarter")
        .await;
    assert_eq!(stripe.get("/v1/coupons/quarter").await, coupon);
    let named = stripe
        .post("/v1/coupons/quarter", "name=A+quarter&metadata[a]=1")
        .await;
    assert_eq!(
        (&named["name"], &named["metadata"]["a"]),
        (&json!("A quarter"), &json!("1"))
    );
    let code = stripe
        .post(
            "/v1/promotion_codes",
            "promotion[type]=coupon&promotion[coupon]=quarter&code=SAVE",
        )
        .await;
    let path = format!("/v1/promotion_codes/{}", id(&code));
    let off = stripe.post(&path, "active=false").await;
    assert_eq!(off["active"], false);
    assert_eq!(
        count(&stripe.get("/v1/promotion_codes?active=true").await),
        0
    );
    assert_eq!(count(&stripe.get("/v1/promotion_codes?code=SAVE").await), 1);
    assert_eq!(count(&stripe.get("/v1/coupons").await), 1);
    assert_eq!(
        delete(&stripe, "/v1/coupons/quarter").await["deleted"],
        true
    );
    let gone = stripe.send("GET", "/v1/coupons/quarter", "", &[]).await;
    assert_eq!(gone.error("code"), "resource_missing");
    assert_eq!(count(&stripe.get("/v1/coupons").await), 0);
}

#[tokio::test]
async fn a_product_is_read_and_endpoints_are_listed() {
    let stripe = Stripe::start().await;
    let cup = stripe.post("/v1/products", "name=Cup&id=cup").await;
    assert_eq!(stripe.get("/v1/products/cup").await, cup);
    let body = "url=http://127.0.0.1:9/hook&enabled_events[]=*";
    let made = stripe.post("/v1/webhook_endpoints", body).await;
    let list = stripe.get("/v1/webhook_endpoints").await;
    assert_eq!(list["data"][0]["id"], made["id"]);
    assert_eq!(
        list["data"][0]["secret"],
        Value::Null,
        "it is told once, when the endpoint is made"
    );
}

#[tokio::test]
async fn people_are_read_changed_and_taken_off_under_both_names() {
    let stripe = Stripe::start().await;
    let body = "controller[stripe_dashboard][type]=none&controller[fees][payer]=application&controller[losses][payments]=application&controller[requirement_collection]=application&business_type=company";
    let account = stripe.post("/v1/accounts", body).await;
    let at = |noun: &str| format!("/v1/accounts/{}/{noun}", id(&account));
    let person = stripe
        .post(&at("people"), "first_name=Ada&relationship[director]=true")
        .await;
    let path = at(&format!("people/{}", id(&person)));
    let changed = stripe.post(&path, "last_name=Lovelace").await;
    assert_eq!(
        (&changed["first_name"], &changed["last_name"]),
        (&json!("Ada"), &json!("Lovelace"))
    );
    assert_eq!(stripe.get(&path).await, changed);
    let same = at(&format!("persons/{}", id(&person)));
    assert_eq!(stripe.get(&same).await, changed);
    assert_eq!(count(&stripe.get(&at("people")).await), 1);
    assert_eq!(delete(&stripe, &path).await["deleted"], true);
    assert_eq!(count(&stripe.get(&at("people")).await), 0);
}

#[tokio::test]
async fn fee_refunds_are_read_and_refunds_payouts_described() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let charge = stripe.sale(&seller, 5000, 500).await;
    let body = format!(
        "charge={}&amount=1000&refund_application_fee=true",
        id(&charge)
    );
    let refund = stripe.on(&seller, "/v1/refunds", &body).await;
    let path = format!("/v1/refunds/{}", id(&refund));
    let told = stripe.on(&seller, &path, "metadata[why]=scratched").await;
    assert_eq!(told["metadata"]["why"], "scratched");
    let fee = charge["application_fee"].as_str().expect("fee");
    let list = stripe
        .get(&format!("/v1/application_fees/{fee}/refunds"))
        .await;
    assert_eq!(list["data"][0]["amount"], 100);
    let one = format!(
        "/v1/application_fees/{fee}/refunds/{}",
        id(&list["data"][0])
    );
    assert_eq!(stripe.get(&one).await, list["data"][0]);

    stripe.simulator.advance(6 * DAY).await;
    let payouts = stripe.get_on(&seller, "/v1/payouts").await;
    let path = format!("/v1/payouts/{}", id(&payouts["data"][0]));
    let told = stripe.on(&seller, &path, "metadata[week]=7").await;
    assert_eq!(told["metadata"]["week"], "7");
    assert_eq!(stripe.get_on(&seller, &path).await, told);
}

#[tokio::test]
async fn a_session_expires_once_and_an_intent_shows_its_lines() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let session = stripe.session(&seller, 2000, "").await;
    let path = format!("/v1/checkout/sessions/{}/expire", id(&session));
    let expired = stripe.on(&seller, &path, "").await;
    assert_eq!(
        (&expired["status"], &expired["url"]),
        (&json!("expired"), &Value::Null)
    );
    let again = stripe
        .send("POST", &path, "", &[("Stripe-Account", &seller)])
        .await;
    assert_eq!(again.status, 400, "{}", again.body);
    let body = "amount=2000&currency=eur&amount_details[line_items][0][product_name]=Tea&amount_details[line_items][0][quantity]=2&amount_details[line_items][0][unit_cost]=1000";
    let intent = stripe.on(&seller, "/v1/payment_intents", body).await;
    let path = format!(
        "/v1/payment_intents/{}/amount_details_line_items",
        id(&intent)
    );
    let lines = stripe.get_on(&seller, &path).await;
    assert_eq!(
        (count(&lines), &lines["data"][0]["unit_cost"]),
        (1, &json!(1000))
    );
}

#[tokio::test]
async fn subscriptions_are_also_found_under_their_customer() {
    let stripe = Stripe::start().await;
    let (customer, price) = subscriber(&stripe).await;
    let path = format!("/v1/customers/{customer}/subscriptions");
    stripe
        .post("/v1/coupons", "percent_off=50&duration=forever&id=half")
        .await;
    let body = format!("items[0][price]={price}&discounts[0][coupon]=half");
    let made = stripe.post(&path, &body).await;
    assert_eq!(made["status"], "active", "{made}");
    assert_eq!(count(&stripe.get(&path).await), 1);
    let one = format!("{path}/{}", id(&made));
    assert_eq!(stripe.get(&one).await["id"], made["id"]);
    let item = format!("/v1/subscription_items/{}", id(&made["items"]["data"][0]));
    assert_eq!(stripe.get(&item).await["price"]["id"], price.as_str());
    let changed = stripe.post(&one, "metadata[a]=1").await;
    assert_eq!(changed["metadata"]["a"], "1");
    let discount = stripe.get(&format!("{one}/discount")).await;
    assert_eq!(discount["source"]["coupon"], "half", "{discount}");
    assert_eq!(
        delete(&stripe, &format!("{one}/discount")).await["deleted"],
        true
    );
    assert_eq!(stripe.get(&one).await["discounts"], json!([]));
    assert_eq!(delete(&stripe, &one).await["status"], "canceled");
    assert_eq!(
        count(&stripe.get(&path).await),
        0,
        "canceled ones aren't listed"
    );

    let body = format!("customer={customer}&items[0][price]={price}&discounts[0][coupon]=half");
    let other = stripe.post("/v1/subscriptions", &body).await;
    let path = format!("/v1/subscriptions/{}", id(&other));
    assert_eq!(
        delete(&stripe, &format!("{path}/discount")).await["deleted"],
        true
    );
    let migrated = stripe
        .post(&format!("{path}/migrate"), "billing_mode[type]=flexible")
        .await;
    assert_eq!(migrated["billing_mode"]["type"], "flexible");
}

#[tokio::test]
async fn a_customer_has_no_discount_since_nothing_gives_them_one_any_more() {
    let stripe = Stripe::start().await;
    let (customer, _) = subscriber(&stripe).await;
    let path = format!("/v1/customers/{customer}/discount");
    for method in ["GET", "DELETE"] {
        let none = stripe.send(method, &path, "", &[]).await;
        assert_eq!(none.status, 404, "{}", none.body);
    }
}

#[tokio::test]
async fn a_drafts_lines_come_change_and_go() {
    let stripe = Stripe::start().await;
    let (customer, _) = subscriber(&stripe).await;
    let body = format!("customer={customer}&auto_advance=false");
    let draft = stripe.post("/v1/invoices", &body).await;
    let path = format!("/v1/invoices/{}", id(&draft));
    let body = format!(
        "customer={customer}&invoice={}&amount=700&currency=usd&description=Cup",
        id(&draft)
    );
    let item = stripe.post("/v1/invoiceitems", &body).await;
    let item_path = format!("/v1/invoiceitems/{}", id(&item));
    let changed = stripe.post(&item_path, "amount=900").await;
    assert_eq!(changed["amount"], 900);
    assert_eq!(stripe.get(&item_path).await, changed);
    let lines = stripe.get(&format!("{path}/lines")).await;
    assert_eq!(
        (count(&lines), &lines["data"][0]["amount"]),
        (1, &json!(900))
    );
    let line = id(&lines["data"][0]).to_owned();
    let told = stripe
        .post(&format!("{path}/lines/{line}"), "description=Saucer")
        .await;
    assert_eq!(told["description"], "Saucer");
    let body = format!("lines[0][id]={line}&lines[0][amount]=1000");
    let updated = stripe.post(&format!("{path}/update_lines"), &body).await;
    assert_eq!(updated["total"], 1000);
    let described = stripe.post(&path, "description=Thank+you").await;
    assert_eq!(described["description"], "Thank you");
    let other = stripe
        .post(
            "/v1/invoiceitems",
            &format!(
                "customer={customer}&invoice={}&amount=200&currency=usd",
                id(&draft)
            ),
        )
        .await;
    assert_eq!(
        delete(&stripe, &format!("/v1/invoiceitems/{}", id(&other))).await["deleted"],
        true
    );
    let body = format!("lines[0][id]={line}&lines[0][behavior]=delete");
    let emptied = stripe.post(&format!("{path}/remove_lines"), &body).await;
    assert_eq!(emptied["total"], 0);
}

#[tokio::test]
async fn a_payment_made_elsewhere_is_attached_to_an_invoice() {
    let stripe = Stripe::start().await;
    let (customer, _) = subscriber(&stripe).await;
    let item = format!("customer={customer}&amount=1000&currency=usd");
    stripe.post("/v1/invoiceitems", &item).await;
    let body = format!(
        "customer={customer}&auto_advance=false&collection_method=send_invoice&days_until_due=7&pending_invoice_items_behavior=include"
    );
    let draft = stripe.post("/v1/invoices", &body).await;
    let path = format!("/v1/invoices/{}", id(&draft));
    let open = stripe.post(&format!("{path}/finalize"), "").await;
    assert_eq!(
        (&open["status"], &open["total"]),
        (&json!("open"), &json!(1000))
    );
    let body = format!(
        "amount=1000&currency=usd&customer={customer}&confirm=true&payment_method=pm_card_visa&allowed_payment_method_types[]=card"
    );
    let intent = stripe.post("/v1/payment_intents", &body).await;
    let body = format!("payment_intent={}", id(&intent));
    let paid = stripe.post(&format!("{path}/attach_payment"), &body).await;
    assert_eq!(paid["status"], "paid", "{paid}");
    let payments = stripe
        .get(&format!("/v1/invoice_payments?invoice={}", id(&draft)))
        .await;
    let mine = payments["data"]
        .as_array()
        .expect("payments")
        .iter()
        .find(|p| p["payment"]["payment_intent"] == intent["id"])
        .expect("the payment");
    let one = format!("/v1/invoice_payments/{}", id(mine));
    assert_eq!(stripe.get(&one).await["status"], "paid");
}

#[tokio::test]
async fn test_clocks_are_listed() {
    let stripe = Stripe::start().await;
    let body = "frozen_time=1801353600&name=January";
    let clock = stripe.post("/v1/test_helpers/test_clocks", body).await;
    let list = stripe.get("/v1/test_helpers/test_clocks").await;
    assert_eq!(list["data"], json!([clock]));
}

//! The billing portal: configurations, sessions, and what a customer may do on its page.

use serde_json::{Value, json};

use crate::support::Stripe;

/// A customer with a card and a monthly subscription.
async fn subscriber(s: &Stripe, acct: &str) -> (String, String) {
    let id = |value: &Value| value["id"].as_str().expect("id").to_owned();
    let customer = id(&s
        .on(acct, "/v1/customers", "email=ann@example.com&payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa")
        .await);
    let price = id(&s
        .on(
            acct,
            "/v1/prices",
            "currency=eur&unit_amount=1000&recurring[interval]=month&product_data[name]=Club",
        )
        .await);
    let body = format!("customer={customer}&items[0][price]={price}");
    let subscription = id(&s.on(acct, "/v1/subscriptions", &body).await);
    (customer, subscription)
}

async fn open(s: &Stripe, acct: &str, customer: &str, more: &str) -> Value {
    let body = format!("customer={customer}&return_url=https://shop.example/me{more}");
    s.on(acct, "/v1/billing_portal/sessions", &body).await
}

async fn act(s: &Stripe, session: &Value, form: &str) -> reqwest::Response {
    s.http
        .post(session["url"].as_str().expect("url"))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(form.to_owned())
        .send()
        .await
        .expect("sent")
}

#[tokio::test]
async fn a_configuration_is_made_changed_and_listed() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let features = "features[invoice_history][enabled]=true&features[customer_update][enabled]=true&features[customer_update][allowed_updates][]=email";
    let path = "/v1/billing_portal/configurations";
    let made = s
        .on(
            &acct,
            path,
            &format!("{features}&name=Ours&metadata[a]=1&business_profile[headline]=Hello"),
        )
        .await;
    assert_eq!(
        made["features"]["customer_update"],
        json!({ "allowed_updates": ["email"], "enabled": true })
    );
    assert_eq!(made["is_default"], false);
    let one = format!("{path}/{}", made["id"].as_str().expect("id"));
    let changed = s
        .on(
            &acct,
            &one,
            "features[subscription_cancel][enabled]=true&features[subscription_cancel][mode]=immediately&business_profile[headline]=&metadata[a]=",
        )
        .await;
    assert_eq!(
        changed["features"]["subscription_cancel"]["mode"],
        "immediately"
    );
    assert_eq!(changed["business_profile"]["headline"], Value::Null);
    assert_eq!(changed["metadata"], json!({}));
    assert_eq!(s.get_on(&acct, &one).await, changed);
    let listed = s.get_on(&acct, &format!("{path}?is_default=true")).await;
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1));
    assert_ne!(listed["data"][0]["id"], made["id"]);
    let types = s.event_types(&acct).await;
    assert!(types.contains(&"billing_portal.configuration.created".to_owned()));
    assert!(types.contains(&"billing_portal.configuration.updated".to_owned()));
}

#[tokio::test]
async fn a_configuration_that_cannot_be_is_refused() {
    let s = Stripe::start().await;
    let path = "/v1/billing_portal/configurations";
    for (body, param) in [
        (
            "features[customer_update][enabled]=true",
            "features[customer_update][allowed_updates]",
        ),
        (
            "features[subscription_update][enabled]=true&features[subscription_update][default_allowed_updates][]=price",
            "features[subscription_update][products]",
        ),
        (
            "features[subscription_update][enabled]=true&features[subscription_update][default_allowed_updates][]=price&features[subscription_update][products][0][product]=prod_no&features[subscription_update][products][0][prices][]=price_no",
            "features[subscription_update][products][0][product]",
        ),
        (
            "features[invoice_history][enabled]=true&default_return_url=nowhere",
            "default_return_url",
        ),
        (
            "features[invoice_history][enabled]=true&business_profile[privacy_policy_url]=nowhere",
            "business_profile[privacy_policy_url]",
        ),
        (
            "features[invoice_history][enabled]=true&login_page[enabled]=true",
            "login_page[enabled]",
        ),
    ] {
        let refused = s.send("POST", path, body, &[]).await;
        assert!(matches!(refused.status, 400 | 404), "{}", refused.body);
        assert_eq!(refused.error("param"), param, "{}", refused.body);
    }
    let default = s.get(&format!("{path}?is_default=true")).await["data"][0]["id"].clone();
    let one = format!("{path}/{}", default.as_str().expect("id"));
    let refused = s.send("POST", &one, "active=false", &[]).await;
    assert_eq!((refused.status, refused.error("param")), (400, "active"));
}

const CONFIGURATIONS: &str = "/v1/billing_portal/configurations";
const SESSIONS: &str = "/v1/billing_portal/sessions";

/// A configuration that lets the customer only see their invoices.
async fn bare_configuration(s: &Stripe, acct: &str) -> String {
    let body = "features[invoice_history][enabled]=true&default_return_url=https://d.example/";
    let made = s.on(acct, CONFIGURATIONS, body).await;
    made["id"].as_str().expect("id").to_owned()
}

#[tokio::test]
async fn a_session_wants_a_customer_and_a_configuration_of_its_account() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let (customer, subscription) = subscriber(&s, &acct).await;
    let other = s
        .post(CONFIGURATIONS, "features[invoice_history][enabled]=true")
        .await;
    let other = other["id"].as_str().expect("id");
    let bare = bare_configuration(&s, &acct).await;
    let cancel = "flow_data[type]=subscription_cancel";
    let of = "flow_data[subscription_cancel][subscription]";
    for (body, param) in [
        (String::new(), "customer"),
        ("customer=cus_no".to_owned(), "customer"),
        (format!("customer={customer}&return_url=x"), "return_url"),
        (
            format!("customer={customer}&configuration={other}"),
            "configuration",
        ),
        (format!("customer={customer}&{cancel}"), of),
        (format!("customer={customer}&{cancel}&{of}=sub_no"), of),
        (
            format!("customer={customer}&configuration={bare}&{cancel}&{of}={subscription}"),
            "flow_data[type]",
        ),
    ] {
        let refused = s
            .send("POST", SESSIONS, &body, &[("Stripe-Account", &acct)])
            .await;
        assert!(
            matches!(refused.status, 400 | 404),
            "{body}: {}",
            refused.body
        );
        assert_eq!(refused.error("param"), param, "{body}");
    }
}

#[tokio::test]
async fn a_session_wants_an_active_configuration() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let (customer, _) = subscriber(&s, &acct).await;
    let bare = bare_configuration(&s, &acct).await;
    let body = format!("customer={customer}&configuration={bare}");
    let made = s.on(&acct, SESSIONS, &body).await;
    assert_eq!(made["return_url"], "https://d.example/");
    s.on(&acct, &format!("{CONFIGURATIONS}/{bare}"), "active=false")
        .await;
    let on_account = [("Stripe-Account", acct.as_str())];
    let refused = s.send("POST", SESSIONS, &body, &on_account).await;
    assert_eq!(
        (refused.status, refused.error("param")),
        (400, "configuration")
    );
    let types = s.event_types(&acct).await;
    assert!(types.contains(&"billing_portal.session.created".to_owned()));
    s.post("/_simulator/assumptions", r#"{"portal_default":"missing"}"#)
        .await;
    let body = format!("customer={customer}");
    let refused = s.send("POST", SESSIONS, &body, &on_account).await;
    let message = refused.error("message");
    assert!(message.starts_with("No configuration provided"));
}

#[tokio::test]
async fn a_customer_cancels_changes_their_mind_and_changes_cards() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let (customer, subscription) = subscriber(&s, &acct).await;
    let flow = format!(
        "&flow_data[type]=subscription_cancel&flow_data[subscription_cancel][subscription]={subscription}&flow_data[after_completion][type]=redirect&flow_data[after_completion][redirect][return_url]=https://shop.example/gone"
    );
    let session = open(&s, &acct, &customer, &flow).await;
    let cancel = format!("action=cancel&subject={subscription}");
    let gone = act(&s, &session, &cancel).await;
    assert_eq!(gone.headers()["location"], "https://shop.example/gone");
    let path = format!("/v1/subscriptions/{subscription}");
    assert_eq!(s.get_on(&acct, &path).await["cancel_at_period_end"], true);
    let session = open(&s, &acct, &customer, "").await;
    act(
        &s,
        &session,
        &format!("action=resume&subject={subscription}"),
    )
    .await;
    assert_eq!(s.get_on(&acct, &path).await["cancel_at_period_end"], false);

    let declined = act(&s, &session, "action=add_card&card=4000000000000002").await;
    assert_eq!(declined.status(), 422);
    assert!(declined.text().await.expect("text").contains("declined"));
    let added = act(&s, &session, "action=add_card&card=5555555555554444").await;
    assert_eq!(added.status(), 303);
    let who = format!("/v1/customers/{customer}?expand[]=invoice_settings.default_payment_method");
    let card = s.get_on(&acct, &who).await["invoice_settings"]["default_payment_method"].clone();
    assert_eq!(card["card"]["last4"], "4444");
    let card = card["id"].as_str().expect("id");
    act(&s, &session, &format!("action=detach&subject={card}")).await;
    let methods = s
        .get_on(&acct, &format!("/v1/payment_methods?customer={customer}"))
        .await;
    assert_eq!(methods["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_page_does_no_more_than_its_configuration_lets_it_and_only_for_its_customer() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let (customer, subscription) = subscriber(&s, &acct).await;
    let (stranger, _) = subscriber(&s, &acct).await;
    let cancel = format!("action=cancel&subject={subscription}");
    let session = open(&s, &acct, &stranger, "").await;
    assert_eq!(act(&s, &session, &cancel).await.status(), 422);
    let bare = s
        .on(
            &acct,
            "/v1/billing_portal/configurations",
            "features[invoice_history][enabled]=true",
        )
        .await;
    let with = format!("&configuration={}", bare["id"].as_str().expect("id"));
    let session = open(&s, &acct, &customer, &with).await;
    assert_eq!(act(&s, &session, &cancel).await.status(), 422);
    let path = format!("/v1/subscriptions/{subscription}");
    assert_eq!(s.get_on(&acct, &path).await["status"], "active");
    let now = s.on(&acct, "/v1/billing_portal/configurations", "features[subscription_cancel][enabled]=true&features[subscription_cancel][mode]=immediately").await;
    let with = format!("&configuration={}", now["id"].as_str().expect("id"));
    let session = open(&s, &acct, &customer, &with).await;
    assert_eq!(act(&s, &session, &cancel).await.status(), 303);
    assert_eq!(s.get_on(&acct, &path).await["status"], "canceled");
    s.simulator.advance(3601).await;
    let late = s
        .http
        .get(session["url"].as_str().expect("url"))
        .send()
        .await
        .expect("page");
    assert_eq!(late.status(), 400);
}

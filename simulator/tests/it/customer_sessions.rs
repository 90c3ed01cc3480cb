//! Customer sessions, and what the stand-in for Stripe.js does with their secrets.

use serde_json::{Value, json};

use crate::support::{Answer, Stripe};

const PATH: &str = "/v1/customer_sessions";
const ELEMENT: &str =
    "components[payment_element][enabled]=true&components[payment_element][features]";

fn id(value: &Value) -> String {
    value["id"].as_str().expect("id").to_owned()
}

/// Asks as Stripe.js does from a page of the shop.
async fn ask(s: &Stripe, account: &str, path: &str, body: &str) -> Answer {
    let body = format!("account={account}&{body}");
    let answer = s.send("POST", &format!("/js/{path}"), &body, &[]).await;
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    answer
}

/// A customer, and cards of theirs that may be shown again as is said, oldest first.
async fn customer(s: &Stripe, account: &str, redisplay: &[&str]) -> (String, Vec<String>) {
    let customer = id(&s.on(account, "/v1/customers", "name=Ann").await);
    let mut cards = Vec::new();
    for how in redisplay {
        let path = "/v1/payment_methods/pm_card_visa/attach";
        let card = id(&s.on(account, path, &format!("customer={customer}")).await);
        let path = format!("/v1/payment_methods/{card}");
        s.on(account, &path, &format!("allow_redisplay={how}"))
            .await;
        cards.push(card);
    }
    (customer, cards)
}

async fn secret(s: &Stripe, account: &str, customer: &str, features: &str) -> String {
    let body = format!("customer={customer}&{features}");
    let made = s.on(account, PATH, &body).await;
    made["client_secret"].as_str().expect("a secret").to_owned()
}

#[tokio::test]
async fn a_session_has_the_features_that_are_asked_for_and_the_documented_ones_besides() {
    let s = Stripe::start().await;
    let seller = s.seller().await;
    let (ann, _) = customer(&s, &seller, &[]).await;
    let body = format!(
        "customer={ann}&{ELEMENT}[payment_method_redisplay]=enabled&components[pricing_table][enabled]=true&expand[]=customer"
    );
    let made = s.on(&seller, PATH, &body).await;
    assert_eq!(made["object"], "customer_session");
    assert_eq!(made.get("id"), None);
    assert_eq!(made["customer"]["name"], "Ann");
    let text = made["client_secret"].as_str().expect("a secret");
    assert!(text.starts_with("cuss_secret_"), "{text}");
    let life = made["expires_at"].as_i64().zip(made["created"].as_i64());
    assert_eq!(life.map(|(end, start)| end - start), Some(1800));
    let components = &made["components"];
    assert_eq!(components["pricing_table"], json!({ "enabled": true }));
    assert_eq!(components["buy_button"], json!({ "enabled": false }));
    let off = json!({ "enabled": false, "features": null });
    assert_eq!(components["customer_sheet"], off);
    assert_eq!(components["mobile_payment_element"], off);
    let features = json!({
        "payment_method_allow_redisplay_filters": ["always"],
        "payment_method_redisplay": "enabled",
        "payment_method_redisplay_limit": 3,
        "payment_method_remove": "disabled",
        "payment_method_save": "disabled",
        "payment_method_save_usage": null,
    });
    assert_eq!(components["payment_element"]["features"], features);
}

#[tokio::test]
async fn a_session_needs_a_customer_of_its_account_and_a_component() {
    let s = Stripe::start().await;
    let seller = s.seller().await;
    let (ann, _) = customer(&s, &seller, &[]).await;
    let elsewhere = s.seller().await;
    let limit = format!("{ELEMENT}[payment_method_redisplay_limit]=11");
    for (account, body, param) in [
        (
            &seller,
            format!("{ELEMENT}[payment_method_save]=enabled"),
            "customer",
        ),
        (
            &elsewhere,
            format!("customer={ann}&components[pricing_table][enabled]=true"),
            "customer",
        ),
        (
            &seller,
            format!("customer={ann}&components[pricing_table][enabled]=false"),
            "components",
        ),
        (
            &seller,
            format!("customer={ann}&{limit}"),
            "components[payment_element][features][payment_method_redisplay_limit]",
        ),
    ] {
        let refused = s
            .send("POST", PATH, &body, &[("Stripe-Account", account)])
            .await;
        assert!((400..500).contains(&refused.status), "{body}");
        assert_eq!(refused.error("param"), param, "{body}: {}", refused.body);
    }
}

#[tokio::test]
async fn the_payment_element_is_told_the_cards_that_may_be_shown_again_newest_first() {
    let s = Stripe::start().await;
    let seller = s.seller().await;
    let kinds = [
        "always",
        "limited",
        "always",
        "unspecified",
        "always",
        "always",
    ];
    let (ann, cards) = customer(&s, &seller, &kinds).await;
    let shown = async |features: &str| {
        let secret = secret(&s, &seller, &ann, features).await;
        let told = ask(
            &s,
            &seller,
            "customer_session",
            &format!("client_secret={secret}"),
        )
        .await;
        assert_eq!(told.status, 200, "{}", told.body);
        let methods = told.body["payment_methods"].as_array().expect("a list");
        methods.iter().map(id).collect::<Vec<_>>()
    };
    let newest = |of: &[usize]| of.iter().map(|at| cards[*at].clone()).collect::<Vec<_>>();
    assert_eq!(
        shown(&format!("{ELEMENT}[payment_method_save]=enabled")).await,
        newest(&[])
    );
    let on = format!("{ELEMENT}[payment_method_redisplay]=enabled");
    assert_eq!(shown(&on).await, newest(&[5, 4, 2]));
    let filters = "components[payment_element][features][payment_method_allow_redisplay_filters]";
    let more = format!(
        "{on}&{filters}[]=limited&{filters}[]=unspecified&components[payment_element][features][payment_method_redisplay_limit]=10"
    );
    assert_eq!(shown(&more).await, newest(&[3, 1]));
}

#[tokio::test]
async fn a_secret_opens_the_element_once_on_its_account_and_until_it_expires() {
    let s = Stripe::start().await;
    let seller = s.seller().await;
    let elsewhere = s.seller().await;
    let (ann, _) = customer(&s, &seller, &[]).await;
    let on = format!("{ELEMENT}[payment_method_redisplay]=enabled");
    let table = "components[pricing_table][enabled]=true";
    let first = secret(&s, &seller, &ann, &on).await;
    let second = secret(&s, &seller, &ann, &on).await;
    let other = secret(&s, &seller, &ann, table).await;
    let status = async |account: &str, secret: &str| {
        let body = format!("client_secret={secret}");
        ask(&s, account, "customer_session", &body).await.status
    };
    assert_eq!(status(&elsewhere, &first).await, 400);
    assert_eq!(status(&seller, &first).await, 200);
    assert_eq!(status(&seller, &first).await, 400);
    assert_eq!(status(&seller, &other).await, 400);
    s.simulator.advance(1800).await;
    assert_eq!(status(&seller, &second).await, 400);
    // Under the other answers.
    let s = Stripe::under("customer_secret", "until_expiry").await;
    let ann = id(&s.post("/v1/customers", "name=Ann").await);
    let made = s.post(PATH, &format!("customer={ann}&{on}")).await;
    let text = made["client_secret"].as_str().expect("a secret");
    for _ in 0..2 {
        let path = "/js/customer_session";
        let told = s
            .send("POST", path, &format!("client_secret={text}"), &[])
            .await;
        assert_eq!(told.status, 200);
    }
    let s = Stripe::under("customer_session_life", "hour").await;
    let ann = id(&s.post("/v1/customers", "name=Ann").await);
    let made = s.post(PATH, &format!("customer={ann}&{on}")).await;
    let life = made["expires_at"].as_i64().zip(made["created"].as_i64());
    assert_eq!(life.map(|(end, start)| end - start), Some(3600));
}

#[tokio::test]
async fn a_card_is_removed_only_where_the_session_lets_the_customer_and_only_their_own() {
    let s = Stripe::start().await;
    let seller = s.seller().await;
    let (ann, cards) = customer(&s, &seller, &["always"]).await;
    let (_, others) = customer(&s, &seller, &["always"]).await;
    let shows = secret(
        &s,
        &seller,
        &ann,
        &format!("{ELEMENT}[payment_method_redisplay]=enabled"),
    )
    .await;
    let removes = secret(
        &s,
        &seller,
        &ann,
        &format!("{ELEMENT}[payment_method_remove]=enabled"),
    )
    .await;
    let remove = async |secret: &str, card: &str| {
        let body = format!("client_secret={secret}&payment_method={card}");
        ask(&s, &seller, "customer_session/remove", &body)
            .await
            .status
    };
    assert_eq!(remove(&shows, &cards[0]).await, 400);
    assert_eq!(remove(&removes, &others[0]).await, 404);
    assert_eq!(remove(&removes, &cards[0]).await, 200);
    let card = s
        .get_on(&seller, &format!("/v1/payment_methods/{}", cards[0]))
        .await;
    assert_eq!(card["customer"], Value::Null);
    assert_eq!(
        s.event_types(&seller).await.last().map(String::as_str),
        Some("payment_method.detached")
    );
}

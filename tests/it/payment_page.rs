//! The page where a buyer pays an intent: their bank wants to see them, or another card is needed.

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{Answer, Checkout, Has, Shop, TestApp, User, checkout_from, lines_of, text};

const DAY: i64 = 86_400;
const KEY: (&str, &str) = ("STRIPE_PUBLISHABLE_KEY", "pk_test_suite");
const SHOPS: [(&str, &str); 3] = [
    KEY,
    ("ALLOWED_REDIRECT_ORIGINS", "https://tea.example"),
    ("ALLOWED_APP_SCHEMES", "teahouse"),
];
const HEADLINE: &str = "Your payment needs you";

/// A shop with lamps of 50.00, and a buyer whose saved card could not be charged.
struct Scene {
    app: TestApp,
    shop: Shop,
    sam: User,
    lamp: String,
    card: String,
    charge: Value,
}

async fn scene(settings: &[(&str, &str)], named: &str) -> Scene {
    let app = TestApp::with(settings).await;
    let shop = app.shop("mira").await;
    let sam = app.member("sam").await;
    let lamp = app.product(&shop, 5000, Some(5)).await;
    let setup = app.save_card(&sam, &shop, named).await;
    let path = format!("/setup_intents/{setup}/challenge");
    app.try_simulate(&path, json!({ "outcome": "complete" }))
        .await
        .ok();
    app.settle().await;
    let path = format!("/v1/setup_intents/{setup}");
    let setup = app.get(path).by(&sam).expect(200).await;
    let card = text(&setup, "payment_method");
    let body = json!({
        "customer_id": setup["customer_id"], "payment_method": card, "lines": lines_of(&[(&lamp, 1)]),
    });
    let charge = app.post("/v1/off_session_payments", body).by(&shop.owner);
    let charge = charge.expect(201).await;
    app.settle().await;
    Scene {
        app,
        shop,
        sam,
        lamp,
        card,
        charge,
    }
}

impl Scene {
    async fn charge(&self) -> Value {
        let owner = self.app.login(&self.shop.owner).await;
        let path = format!("/v1/off_session_payments/{}", text(&self.charge, "id"));
        self.app.get(path).by(&owner).expect(200).await
    }

    async fn order(&self) -> Value {
        let sam = self.app.login(&self.sam).await;
        let path = format!("/v1/orders/{}", text(&self.charge, "order_id"));
        self.app.get(path).by(&sam).expect(200).await
    }
}

/// The text of the only mail with this headline.
fn mail(app: &TestApp, headline: &str) -> String {
    let folder = app.app.config.data_dir.join("mail");
    let files = std::fs::read_dir(folder).expect("mails were sent");
    let read = |file: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(file.expect("a file").path()).expect("a mail")
    };
    let all = files.map(read).filter(|mail| mail.contains(headline));
    let all: Vec<String> = all
        .map(|mail| {
            mail.replace("=\r\n", "")
                .replace("=\n", "")
                .replace("=3D", "=")
        })
        .collect();
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

/// The page that a mail leads to, without the host.
fn link(mail: &str) -> String {
    let at = mail.find("/checkout/pay?state=").expect("a link");
    let end = mail[at..].find(char::is_whitespace);
    mail[at..]
        .get(..end.unwrap_or(mail.len() - at))
        .expect("a link")
        .to_owned()
}

fn state(link: &str) -> &str {
    link.split_once("state=").expect("a state").1
}

/// Fails unless a page says this of a payment, and nobody can pay it there.
async fn is_closed(app: &TestApp, link: &str, sentence: &str) {
    let page = app.get(link).await;
    assert_eq!(page.status, 200);
    for part in ["There is nothing to pay here now", sentence] {
        assert!(page.text.contains(part), "{part}: {}", page.text);
    }
    assert!(!page.text.contains("stripe.js"), "{}", page.text);
    let opened = open(app, state(link)).await;
    assert_eq!(opened.expect(200)["client_secret"], Value::Null);
}

/// As the page's script asks.
async fn open(app: &TestApp, state: &str) -> Answer {
    app.post("/checkout/pay", json!({ "state": state })).await
}

/// Asks Stripe as Stripe.js does: with a publishable key and a client secret.
async fn stripe_js(app: &TestApp, page: &Value, method: &str, path: &str, more: &str) -> Value {
    let (intent, secret) = (text(page, "payment_intent"), text(page, "client_secret"));
    let form = format!("client_secret={secret}{more}");
    let base = app.simulator.base_url();
    let url = format!("{base}/v1/payment_intents/{intent}{path}");
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let request = match method {
        "GET" => client.get(format!("{url}?{form}")),
        _ => client
            .post(url)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form),
    };
    let key = format!("Bearer {}", text(page, "publishable_key"));
    let request = request.header("Authorization", key);
    let request = request.header("Stripe-Account", text(page, "stripe_account"));
    let answer = request.send().await.expect("an answer");
    serde_json::from_str(&answer.text().await.expect("a text")).expect("JSON")
}

/// Fails unless a page may load what Stripe.js needs, and nothing else.
fn allows_stripe_js_alone(app: &TestApp, page: &Answer) {
    let base = app.simulator.base_url();
    assert!(
        page.text.contains(&format!("src=\"{base}/js/stripe.js\"")),
        "{}",
        page.text
    );
    let policy = page.header("content-security-policy").expect("a policy");
    for rule in [
        format!("script-src 'self' {base};"),
        format!("frame-src {base};"),
        format!("connect-src 'self' {base};"),
        "frame-ancestors 'none'".to_owned(),
    ] {
        assert!(policy.contains(&rule), "{rule}: {policy}");
    }
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert!(
        !page.text.contains("_secret_"),
        "it is asked for by the script alone"
    );
}

#[tokio::test]
async fn a_bank_that_wants_its_customer_gets_them_on_the_page_that_the_mail_names() {
    let scene = scene(&[KEY], "pm_card_authenticationRequired").await;
    let app = &scene.app;
    scene.charge().await.has(json!({ "status": "needs_buyer" }));
    let mail = mail(app, HEADLINE);
    assert!(
        mail.contains("http://shop.test/checkout/pay?state="),
        "{mail}"
    );
    let link = link(&mail);
    let page = app.get(&link).await;
    page.expect(200);
    for part in [
        "50.00 USD to mira",
        "Your bank wants you to confirm this payment.",
        "<noscript>",
    ] {
        assert!(page.text.contains(part), "{part}: {}", page.text);
    }
    allows_stripe_js_alone(app, &page);
    assert_eq!(app.get("/assets/pay.js").await.status, 200);
    let opened = open(app, state(&link)).await;
    let opened = opened.expect(200).clone();
    opened.has(json!({
        "object": "payment_page", "payment_intent": scene.charge().await["payment_intent"], "publishable_key": "pk_test_suite",
        "stripe_account": scene.shop.account,
        "return_url": format!("http://shop.test/checkout/success?state={}", state(&link)),
    }));
    let intent = stripe_js(app, &opened, "GET", "", "").await;
    let failed = &intent["last_payment_error"];
    assert_eq!(
        (&failed["code"], &failed["payment_method"]["id"]),
        (&json!("authentication_required"), &json!(scene.card))
    );
    let more = format!(
        "&payment_method={}&return_url={}&use_stripe_sdk=true",
        scene.card,
        text(&opened, "return_url")
    );
    let confirmed = stripe_js(app, &opened, "POST", "/confirm", &more).await;
    assert_eq!(
        confirmed["next_action"]["type"], "use_stripe_sdk",
        "{confirmed}"
    );
    let path = format!(
        "/payment_intents/{}/challenge",
        text(&opened, "payment_intent")
    );
    app.simulate(&path, json!({ "outcome": "complete" })).await;

    // No event has come yet: whoever opens the page again has Stripe asked.
    app.advance(3).await;
    is_closed(app, &link, "The payment is confirmed.").await;
    assert_eq!(scene.order().await["status"], "paid");
    app.settle().await;
    scene
        .charge()
        .await
        .has(json!({ "status": "succeeded", "amount_received": 5000 }));
    assert_eq!(app.stock(&scene.lamp).await, 4);
    assert_eq!(app.mails_called(HEADLINE), 1);
    app.until_transactions_show(&scene.shop.account).await;
    app.settle().await;
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn another_card_pays_what_the_saved_one_could_not() {
    let scene = scene(&[KEY], "pm_card_authenticationRequired").await;
    let app = &scene.app;
    let link = link(&mail(app, HEADLINE));
    let opened = open(app, state(&link)).await.expect(200).clone();
    let back = text(&opened, "return_url");
    for (card, status) in [
        ("pm_card_visa_chargeDeclinedStolenCard", "pending"),
        ("pm_card_mastercard", "paid"),
    ] {
        let more = format!("&payment_method={card}&return_url={back}");
        stripe_js(app, &opened, "POST", "/confirm", &more).await;
        app.settle().await;
        assert_eq!(scene.order().await["status"], status, "{card}");
        let page = app.get(&link).await;
        let declined = page
            .text
            .contains("The bank declined the payment. Nothing was charged");
        assert_eq!(declined, status == "pending", "{}", page.text);
        assert!(!page.text.contains("stolen"), "{}", page.text);
    }
    scene.charge().await.has(json!({ "status": "succeeded" }));
    // The card was used this once, and nobody asked to save it.
    let sam = app.login(&scene.sam).await;
    let cards = app.get("/v1/payment_methods").by(&sam).expect(200).await;
    assert_eq!(cards["data"].as_array().map(Vec::len), Some(1), "{cards}");
}

#[tokio::test]
async fn what_cannot_be_paid_any_more_is_said_in_a_sentence() {
    let scene = scene(&[KEY], "pm_card_authenticationRequired").await;
    let app = &scene.app;
    let address = link(&mail(app, HEADLINE));
    let path = format!("/v1/orders/{}/cancel", text(&scene.charge, "order_id"));
    let owner = app.login(&scene.shop.owner).await;
    app.post(path, json!({})).by(&owner).expect(200).await;
    app.settle().await;
    is_closed(
        app,
        &address,
        "The order was cancelled; nothing was charged.",
    )
    .await;
    // Nor is there a page to lead to, if the mail goes out only then.
    let id = text(&scene.charge, "id").as_str().into();
    let payment = row_of(app, &id).await;
    assert_eq!(
        souk::payments::sessions::pay_page::address(&app.app, &payment),
        None
    );
}

/// A payment's row.
async fn row_of(app: &TestApp, id: &souk_entity::PaymentId) -> souk_entity::payment::Model {
    use sea_orm::EntityTrait;
    let found = souk_entity::payment::Entity::find_by_id(id.clone());
    let found = found.one(&app.app.db.read).await.expect("a read");
    found.expect("a payment")
}

#[tokio::test]
async fn a_payment_that_nobody_helped_has_expired_and_its_link_with_it() {
    let scene = scene(&[KEY], "pm_card_authenticationRequired").await;
    let app = &scene.app;
    let address = link(&mail(app, HEADLINE));
    app.advance(14 * DAY - 60).await;
    assert!(app.get(&address).await.text.contains("50.00 USD to mira"));
    app.advance(120).await;
    let refused = app.get(&address).await;
    assert_eq!(refused.status, 400);
    assert!(
        refused.text.contains("This link is not valid"),
        "{}",
        refused.text
    );
    open(app, state(&address))
        .await
        .refused(422, "invalid_request")
        .has(json!({ "param": "state" }));
    app.advance(600).await;
    souk::payments::reread::sweep(&app.app)
        .await
        .expect("sweeps");
    app.settle().await;
    assert_eq!(scene.order().await["status"], "expired");
}

#[tokio::test]
async fn only_the_address_itself_opens_the_page() {
    let scene = scene(&[KEY], "pm_card_authenticationRequired").await;
    let app = &scene.app;
    let address = link(&mail(app, HEADLINE));
    let good = state(&address);
    let id = text(&scene.charge, "id");
    let sign = |purpose| souk::identity::sign_state(&app.app, purpose, &id, 60_000);
    let (ours, for_another) = (sign("checkout_pay"), sign("onboarding_return"));
    assert_eq!(
        app.get(format!("/checkout/pay?state={ours}")).await.status,
        200
    );
    let unknown = "pay_00000000000070008000000000000009";
    let unknown = souk::identity::sign_state(&app.app, "checkout_pay", unknown, 60_000);
    let cut = &good[..good.len() - 2];
    for bad in ["", "x", cut, &for_another, &unknown, &id] {
        let answer = app.get(format!("/checkout/pay?state={bad}")).await;
        assert_eq!(answer.status, 400, "{bad}");
        let answer = app.post("/checkout/pay", json!({ "state": bad })).await;
        answer
            .refused(422, "invalid_request")
            .has(json!({ "param": "state" }));
        // It is no secret of an order's, and the return page knows nothing by it.
        assert_eq!(
            app.get(format!("/checkout/success?state={bad}"))
                .await
                .status,
            404,
            "{bad}"
        );
    }
    assert_eq!(app.get("/checkout/pay").await.status, 400);
    let intent = text(&scene.charge().await, "payment_intent");
    let path = format!("/v1/payment_intents/{intent}");
    app.get(path)
        .with_secret(good)
        .refused(404, "not_found")
        .await;
}

#[tokio::test]
async fn while_stripe_is_away_the_page_says_what_is_known_and_gives_no_secret() {
    let scene = scene(&[KEY], "pm_card_authenticationRequired").await;
    let app = &scene.app;
    let address = link(&mail(app, HEADLINE));
    app.advance(3).await;
    app.fault("GET", "/v1/payment_intents/", FaultKind::Error500, None)
        .await;
    let page = app.get(&address).await;
    assert!(
        page.status == 200 && page.text.contains("50.00 USD to mira"),
        "{}",
        page.text
    );
    open(app, state(&address))
        .await
        .refused(503, "stripe_unavailable");
    app.simulator.clear_faults().await;
    open(app, state(&address)).await.expect(200);
}

#[tokio::test]
async fn without_a_publishable_key_the_mail_and_the_page_lead_to_the_shop() {
    let scene = scene(&[], "pm_card_authenticationRequired").await;
    let app = &scene.app;
    let mail = mail(app, HEADLINE);
    assert!(!mail.contains("/checkout/pay"), "{mail}");
    assert!(mail.contains("Open the order in the shop"), "{mail}");
    let state =
        souk::identity::sign_state(&app.app, "checkout_pay", &text(&scene.charge, "id"), 60_000);
    let page = app.get(format!("/checkout/pay?state={state}")).await;
    assert!(
        page.text
            .contains("Open your order in the shop, and pay there."),
        "{}",
        page.text
    );
    assert!(!page.text.contains("stripe.js"), "{}", page.text);
}

/// A guest's intent.
async fn guests(app: &TestApp, product: &str) -> (Value, Checkout) {
    let body = json!({ "lines": lines_of(&[(product, 1)]), "customer_email": "guest@example.com" });
    let intent = app.post("/v1/payment_intents", body).expect(201).await;
    let checkout = checkout_from(&intent);
    (intent, checkout)
}

#[tokio::test]
async fn the_return_page_of_an_intent_takes_what_stripe_adds_and_repeats_no_secret() {
    let app = TestApp::with(&SHOPS).await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 5000, None).await;
    let (intent, checkout) = guests(&app, &lamp).await;
    let secret = text(&intent, "client_secret");
    let added = format!(
        "payment_intent={}&payment_intent_client_secret={secret}&redirect_status=succeeded",
        checkout.id
    );
    let page = app.get(format!("/checkout/success?{added}")).await;
    assert_eq!(page.status, 200);
    let names = format!(
        "data-intent=\"{}\" data-page=\"success\" data-origins=\"http://shop.test https://tea.example\"",
        checkout.id
    );
    assert!(page.text.contains(&names), "{}", page.text);
    assert!(
        !page.text.contains(&secret) && !page.text.contains("succeeded"),
        "{}",
        page.text
    );
    assert!(
        page.text
            .contains("id=\"shop\" href=\"https://tea.example\""),
        "{}",
        page.text
    );
    assert!(!page.text.contains("id=\"again\""), "{}", page.text);
    for unknown in [
        "payment_intent=pi_nobody",
        "payment_intent=",
        "payment_intent=pi_1_secret_2",
    ] {
        assert_eq!(
            app.get(format!("/checkout/success?{unknown}")).await.status,
            404,
            "{unknown}"
        );
    }
}

#[tokio::test]
async fn both_pages_lead_to_where_the_buyer_came_from_if_it_is_still_allowed() {
    let app = TestApp::with(&SHOPS).await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 5000, None).await;
    let (_, checkout) = guests(&app, &lamp).await;
    let state = souk::identity::sign_state(&app.app, "checkout_pay", &checkout.payment, 60_000);
    for (address, link) in [
        (
            "https://tea.example/cart?id=1",
            "id=\"shop\" href=\"https://tea.example/cart?id=1\"".to_owned(),
        ),
        (
            "teahouse://checkout",
            format!(
                "id=\"app\" href=\"teahouse://checkout?payment_intent={}\"",
                checkout.id
            ),
        ),
        (
            "https://evil.example/",
            "id=\"shop\" href=\"https://tea.example\"".to_owned(),
        ),
        (
            "evil://checkout",
            "id=\"shop\" href=\"https://tea.example\"".to_owned(),
        ),
    ] {
        let update = format!(
            "UPDATE payments SET return_url = '{address}' WHERE id = '{}'",
            checkout.payment
        );
        app.sql(&update).await;
        for path in [
            format!("/checkout/success?state={state}"),
            format!("/checkout/pay?state={state}"),
        ] {
            let page = app.get(&path).await;
            assert!(page.text.contains(&link), "{path} {}", page.text);
        }
    }
    let page = app.get(format!("/checkout/success?state={state}")).await;
    let again = format!("href=\"/checkout/pay?state={state}\"");
    assert!(page.text.contains(&again), "{}", page.text);
}

#[tokio::test]
async fn an_open_intent_names_its_page_to_its_buyer_alone() {
    let app = TestApp::with(&[KEY]).await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 5000, None).await;
    let body = json!({ "lines": lines_of(&[(&lamp, 1)]), "customer_email": "guest@example.com" });
    let ask = || app.post("/v1/payment_intents", body.clone()).keyed("one");
    let intent = ask().expect(201).await;
    let checkout = checkout_from(&intent);
    let url = text(&intent, "url");
    assert_eq!(ask().expect(201).await["url"], url.as_str());
    let page = app
        .get(url.strip_prefix("http://shop.test").expect("ours"))
        .await;
    assert!(
        page.text.contains("Nothing is charged before you confirm."),
        "{}",
        page.text
    );
    let path = format!("/v1/payment_intents/{}", checkout.id);
    let secret = checkout.secret.expect("a guest's");
    let read = app.get(&path).with_secret(&secret).expect(200).await;
    assert_eq!(read["url"], url.as_str());
    let read = app.get(&path).by(&shop.owner).expect(200).await;
    assert_eq!(read["url"], Value::Null);
    let canceled = app.post(format!("{path}/cancel"), json!({}));
    let canceled = canceled.with_secret(&secret).expect(200).await;
    canceled.has(json!({ "status": "canceled", "url": null }));
}

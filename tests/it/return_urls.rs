//! Where a buyer comes back to from a bank's page: of a payment intent, and of a card that is saved.

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{Answer, Between, Has, Shop, TestApp, User, checkout_from, lines_of, text};

const DAY: i64 = 86_400;
const SHOPS: [(&str, &str); 3] = [
    ("STRIPE_PUBLISHABLE_KEY", "pk_test_suite"),
    ("ALLOWED_REDIRECT_ORIGINS", "https://tea.example"),
    ("ALLOWED_APP_SCHEMES", "teahouse"),
];
const OWN: &str = "http://shop.test/setup/return";

async fn scene() -> (TestApp, Shop, User) {
    let app = TestApp::with(&SHOPS).await;
    let shop = app.shop("mira").await;
    let sam = app.member("sam").await;
    (app, shop, sam)
}

async fn intent(app: &TestApp, lamp: &str, more: Value) -> Value {
    let mut body =
        json!({ "lines": lines_of(&[(lamp, 1)]), "customer_email": "guest@example.com" });
    for (name, value) in more.as_object().expect("fields") {
        body[name] = value.clone();
    }
    app.post("/v1/payment_intents", body).expect(201).await
}

/// The `return_url` that Stripe was told when an intent was confirmed.
fn told(between: &Between, intent: &Value) -> String {
    let path = format!("/v1/payment_intents/{}/confirm", text(intent, "id"));
    let sent = between.sent(&path);
    assert_eq!(sent.len(), 1, "{sent:?}");
    let form = sent[0].split_once(' ').expect("a body").1;
    let mut fields = form_urlencoded::parse(form.as_bytes());
    let field = fields.find(|(name, _)| name == "return_url");
    field.expect("a return_url").1.into_owned()
}

async fn token(app: &TestApp, shop: &Shop, method: &str) -> String {
    let form = [("payment_method", method)];
    let path = "/test_helpers/confirmation_tokens";
    text(
        &app.stripe_api("POST", path, &shop.account, &form).await,
        "id",
    )
}

#[tokio::test]
async fn an_intent_keeps_where_its_buyer_goes_and_our_pages_lead_there() {
    let (app, shop, _) = scene().await;
    let lamp = app.product(&shop, 5000, None).await;
    let own = "http://shop.test/checkout/success";
    for (given, for_stripe_js, link) in [
        (
            json!({ "return_url": "https://tea.example/cart?id=1" }),
            "https://tea.example/cart?id=1",
            "id=\"shop\" href=\"https://tea.example/cart?id=1\"",
        ),
        (
            json!({ "return_url": "teahouse://checkout" }),
            own,
            "id=\"app\" href=\"teahouse://checkout?payment_intent=",
        ),
        (json!({}), own, "id=\"shop\" href=\"https://tea.example\""),
    ] {
        let made = intent(&app, &lamp, given).await;
        assert_eq!(made["return_url"], for_stripe_js);
        let checkout = checkout_from(&made);
        let secret = checkout.secret.expect("a guest's");
        let read = app.get(format!("/v1/payment_intents/{}", checkout.id));
        let read = read.with_secret(&secret).expect(200).await;
        assert_eq!(read["return_url"], for_stripe_js);
        let pay = text(&made, "url");
        let pay = pay.strip_prefix("http://shop.test").expect("ours");
        let done = format!("/checkout/success?payment_intent={}", checkout.id);
        for path in [pay, &done] {
            let page = app.get(path).await;
            assert!(page.text.contains(link), "{path}: {}", page.text);
        }
    }
    for evil in [
        "https://evil.example/",
        "evil://checkout",
        "javascript:alert(1)",
    ] {
        let body = json!({ "lines": lines_of(&[(&lamp, 1)]), "customer_email": "guest@example.com", "return_url": evil });
        app.post("/v1/payment_intents", body)
            .refuses_field("return_url")
            .await;
    }
}

#[tokio::test]
async fn stripe_is_told_of_it_when_the_intent_is_confirmed_and_of_our_own_page_for_an_app() {
    let (app, between) = Between::with(&SHOPS).await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 5000, None).await;
    let own = "http://shop.test/checkout/success";
    let web = "https://tea.example/cart";
    let app_link = "teahouse://checkout";
    for (kept, given, wanted) in [
        (Some(web), None, web),
        (Some(app_link), None, own),
        (None, None, own),
        (Some(app_link), Some(web), web),
        (Some(web), Some(app_link), own),
    ] {
        let more = match kept {
            Some(kept) => json!({ "return_url": kept }),
            None => json!({}),
        };
        let made = intent(&app, &lamp, more).await;
        let checkout = checkout_from(&made);
        // A bank that wants to see the buyer.
        let ctoken = token(&app, &shop, "pm_card_authenticationRequired").await;
        let mut body = json!({ "confirmation_token": ctoken });
        if let Some(given) = given {
            body["return_url"] = json!(given);
        }
        let path = format!("/v1/payment_intents/{}/confirm", checkout.id);
        let secret = checkout.secret.expect("a guest's");
        let confirmed = app.post(path, body).with_secret(&secret).expect(200).await;
        confirmed.has(json!({ "status": "open" }));
        assert_eq!(told(&between, &made), wanted, "{kept:?} {given:?}");
    }
    // Confirmed as it is opened.
    let ctoken = token(&app, &shop, "pm_card_authenticationRequired").await;
    let more = json!({ "confirmation_token": ctoken, "return_url": web });
    let made = intent(&app, &lamp, more).await;
    assert_eq!(told(&between, &made), web);
    app.settle().await;
}

async fn open(app: &TestApp, shop: &Shop, buyer: &User, more: Value) -> Value {
    let mut body = json!({ "seller_id": shop.id });
    for (name, value) in more.as_object().expect("fields") {
        body[name] = value.clone();
    }
    let made = app.post("/v1/setup_intents", body).by(buyer);
    made.expect(201).await
}

/// Fails unless a page says this.
fn says(page: &Answer, parts: &[&str]) {
    assert_eq!(page.status, 200, "{}", page.text);
    for part in parts {
        assert!(page.text.contains(part), "{part}: {}", page.text);
    }
}

#[tokio::test]
async fn what_the_address_says_of_a_setup_proves_nothing_and_no_secret_is_repeated() {
    let (app, shop, sam) = scene().await;
    let setup = open(&app, &shop, &sam, json!({})).await;
    assert_eq!(setup["return_url"], OWN);
    let (id, secret) = (text(&setup, "id"), text(&setup, "client_secret"));
    let back = format!(
        "/setup/return?setup_intent={id}&setup_intent_client_secret={secret}&redirect_status=succeeded"
    );
    // Nothing is saved yet, and it looks again, without the secret.
    let page = app.get(&back).await;
    says(
        &page,
        &[
            "Your card is not saved yet",
            "id=\"shop\" href=\"https://tea.example\"",
        ],
    );
    let again = format!("3; url={OWN}?setup_intent={id}&tries=1");
    assert_eq!(page.header("refresh"), Some(again.as_str()));
    assert!(
        !page.text.contains(&secret) && !page.text.contains("succeeded"),
        "{}",
        page.text
    );
    // It doesn't look for ever.
    let late = app
        .get(format!("/setup/return?setup_intent={id}&tries=6"))
        .await;
    assert_eq!(late.header("refresh"), None);

    for unknown in [
        "",
        "?setup_intent=seti_nobody",
        "?session_id=cs_nobody",
        "?setup_intent=",
    ] {
        let page = app.get(format!("/setup/return{unknown}")).await;
        assert_eq!(page.status, 404, "{unknown}");
    }
    app.settle().await;
}

#[tokio::test]
async fn whoever_comes_back_from_their_bank_reads_what_became_of_the_card() {
    let (app, shop, sam) = scene().await;
    let setup = open(&app, &shop, &sam, json!({})).await;
    let id = text(&setup, "id");
    let back = format!("/setup/return?setup_intent={id}&redirect_status=succeeded");
    app.confirm_setup(&shop, &id, "pm_card_chargeDeclinedStolenCard")
        .await;
    let page = app.get(&back).await;
    says(
        &page,
        &[
            "Your card was not saved",
            "The bank declined the card. Nothing was saved",
        ],
    );
    assert_eq!(page.header("refresh"), None);
    assert!(!page.text.contains("stolen"), "{}", page.text);
    // The bank's own page.
    app.advance(3).await;
    app.confirm_setup(&shop, &id, "pm_card_threeDSecure2Required")
        .await;
    let path = format!("/setup_intents/{id}/challenge");
    app.simulate(&path, json!({ "outcome": "fail" })).await;
    let page = app.get(&back).await;
    says(
        &page,
        &[
            "Your card was not saved",
            "The bank wants to see that it is you",
        ],
    );
    app.advance(3).await;
    app.confirm_setup(&shop, &id, "pm_card_threeDSecure2Required")
        .await;
    app.simulate(&path, json!({ "outcome": "complete" })).await;
    // No event has come.
    let page = app.get(&back).await;
    says(
        &page,
        &[
            "Your card is saved",
            "It is saved with mira. Nothing was charged.",
        ],
    );
    assert_eq!(page.header("refresh"), None);
    assert_eq!(app.get("/assets/setup.js").await.status, 200);
    app.settle().await;
}

#[tokio::test]
async fn what_is_under_way_canceled_or_unanswered_is_said_so() {
    let (app, shop, sam) = scene().await;
    let setup = open(
        &app,
        &shop,
        &sam,
        json!({ "return_url": "teahouse://cards" }),
    )
    .await;
    assert_eq!(setup["return_url"], OWN);
    let id = text(&setup, "id");
    let back = format!("/setup/return?setup_intent={id}");
    let link = format!("id=\"app\" href=\"teahouse://cards?setup_intent={id}&amp;page=return\"");
    app.sql("UPDATE setup_intents SET status = 'processing'")
        .await;
    app.fault("GET", "/v1/setup_intents/", FaultKind::Error500, None)
        .await;
    let page = app.get(&back).await;
    says(&page, &["Your card is still being checked", &link]);
    assert!(page.header("refresh").is_some());
    app.simulator.clear_faults().await;
    app.sql("UPDATE setup_intents SET status = 'open'").await;
    let cancel = format!("/v1/setup_intents/{id}/cancel");
    app.post(cancel, json!({})).by(&sam).expect(200).await;
    let page = app.get(&back).await;
    says(&page, &["Your card was not saved", "was cancelled", &link]);
    assert_eq!(page.header("refresh"), None);
    // What is no longer allowed is not led to.
    app.sql("UPDATE setup_intents SET return_url = 'evil://cards'")
        .await;
    let page = app.get(&back).await;
    assert!(!page.text.contains("evil"), "{}", page.text);
    app.settle().await;
}

#[tokio::test]
async fn stripes_own_page_leads_to_ours_and_ours_to_the_app() {
    let (app, shop, sam) = scene().await;
    let more = json!({ "ui_mode": "hosted_page", "success_url": "teahouse://cards", "cancel_url": "teahouse://left" });
    let setup = open(&app, &shop, &sam, more).await;
    setup.has(json!({ "success_url": "teahouse://cards", "cancel_url": "teahouse://left", "return_url": null }));
    let session = text(&setup, "checkout_session");
    let path = format!("/checkout/sessions/{session}");
    let there = app.stripe_api("GET", &path, &shop.account, &[]).await;
    let success = text(&there, "success_url");
    assert_eq!(success, format!("{OWN}?session_id={{CHECKOUT_SESSION_ID}}"));
    let left = text(&there, "cancel_url");
    let left = left.strip_prefix("http://shop.test").expect("ours");
    let page = app.get(left).await;
    let link = format!("href=\"teahouse://left?session_id={session}&amp;");
    says(
        &page,
        &[
            "You left before your card was saved",
            &link,
            "page=cancelled\">",
        ],
    );
    assert_eq!(page.header("refresh"), None);
    let page = app.get(format!("/setup/return?session_id={session}")).await;
    says(&page, &["Your card is not saved yet"]);
    app.advance(3).await;
    let pay = format!("/checkout/sessions/{session}/pay");
    app.simulate(&pay, json!({ "card": "4242424242424242" }))
        .await;
    let page = app.get(format!("/setup/return?session_id={session}")).await;
    let link = format!("href=\"teahouse://cards?session_id={session}&amp;setup_intent=seti_");
    says(&page, &["Your card is saved", &link]);
    // Whoever goes back to the page that they had left reads the truth there, too.
    says(&app.get(left).await, &["Your card is saved"]);
    app.settle().await;

    // Without addresses, and ended after a day.
    let more = json!({ "ui_mode": "hosted_page" });
    let setup = open(&app, &shop, &sam, more).await;
    let session = text(&setup, "checkout_session");
    app.advance(DAY + 60).await;
    let page = app.get(format!("/setup/return?session_id={session}")).await;
    says(&page, &["Your card was not saved", "finished in time"]);
    app.settle().await;
    assert_eq!(app.get("/setup/cancelled").await.status, 404);
    let unknown = "/setup/cancelled?setup_id=sti_00000000000070008000000000000009";
    assert_eq!(app.get(unknown).await.status, 404);
    let body = json!({ "seller_id": shop.id, "ui_mode": "hosted_page", "return_url": "https://tea.example/" });
    let sam = app.login(&sam).await;
    app.post("/v1/setup_intents", body)
        .by(&sam)
        .refuses_field("return_url")
        .await;
}

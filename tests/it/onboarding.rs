//! A seller's way through Stripe's onboarding: links, the return page, and the page that makes a new link.

use serde_json::json;
use souk_simulator::FaultKind;

use crate::harness::{
    Answer, PASSWORD, Shop, TestApp, account_links_path, accounts_api, accounts_path, reason, text,
};
use crate::sellers::{change_account, get_seller, new_seller};

/// A new link to Stripe's form.
pub async fn link(app: &TestApp, shop: &Shop) -> String {
    let path = format!("/v1/sellers/{}/onboarding_links", shop.id);
    text(
        &app.post(path, json!({})).by(&shop.owner).expect(201).await,
        "url",
    )
}

/// A browser that opens an address elsewhere and doesn't follow where it leads.
pub async fn browse(address: &str) -> reqwest::Response {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build();
    client
        .expect("a client")
        .get(address)
        .send()
        .await
        .expect("an answer")
}

/// Where a redirect leads, on this server.
fn leads_to(response: &reqwest::Response) -> String {
    let location = response.headers()["location"].to_str().expect("a text");
    location
        .strip_prefix("http://shop.test")
        .unwrap_or(location)
        .to_owned()
}

/// Whether a link opens Stripe's form; it won't a second time.
async fn opens(url: &str) -> bool {
    let response = browse(url).await;
    !response.headers().contains_key("location")
        || !leads_to(&response).contains("/onboarding/refresh")
}

/// The page that a link, used before, sends its holder back to, with its signed state.
async fn refresh_page(app: &TestApp, shop: &Shop) -> String {
    let url = link(app, shop).await;
    browse(&url).await;
    let page = leads_to(&browse(&url).await);
    assert!(page.starts_with("/onboarding/refresh?state="), "{page}");
    page
}

fn state_of(page: &str) -> String {
    let query = page.split_once('?').expect("a query").1;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs
        .find(|(name, _)| name == "state")
        .expect("a state")
        .1
        .into_owned()
}

/// Fills in the form of the refresh page.
async fn log_in(app: &TestApp, state: &str, email: &str, password: &str) -> Answer {
    let fields = [("state", state), ("email", email), ("password", password)];
    app.submit("/onboarding/refresh", &fields).await
}

/// The page that Stripe's form leads to at its end.
fn return_page(app: &TestApp, shop: &Shop) -> String {
    let state = souk::identity::sign_state(&app.app, "onboarding_return", &shop.id, 60_000);
    format!("/onboarding/return?state={state}")
}

#[tokio::test]
async fn an_onboarding_link_opens_stripes_form_once_and_then_leads_back_to_a_login() {
    let app = TestApp::start().await;
    let shop = new_seller(&app).await;
    assert_eq!(get_seller(&app, &shop).await["status"], "created");
    let url = link(&app, &shop).await;
    assert_eq!(get_seller(&app, &shop).await["status"], "onboarding");
    assert!(opens(&url).await);
    let again = browse(&url).await;
    assert!(leads_to(&again).starts_with("/onboarding/refresh?state="));
    assert_ne!(link(&app, &shop).await, url, "each is a link of its own");
    // An old one is worth nothing either.
    let old = link(&app, &shop).await;
    app.advance(301).await;
    assert!(leads_to(&browse(&old).await).starts_with("/onboarding/refresh?state="));
}

#[tokio::test]
async fn no_link_is_stored_or_audited() {
    let app = TestApp::start().await;
    let shop = new_seller(&app).await;
    let url = link(&app, &shop).await;
    let token = url.rsplit('/').next().expect("a token");
    let like = |table: &str, column: &str| {
        format!("{table} WHERE CAST({column} AS TEXT) LIKE '%{token}%'")
    };
    assert_eq!(app.count(&like("audit_log", "data")).await, 0);
    assert_eq!(
        app.count("audit_log WHERE action = 'seller.onboarding_link_created'")
            .await,
        1
    );
}

#[tokio::test]
async fn the_page_a_seller_comes_back_to_reads_the_account_again_and_says_what_is_true() {
    let app = TestApp::start().await;
    let shop = new_seller(&app).await;
    link(&app, &shop).await;
    let page = return_page(&app, &shop);
    let before = app.get(&page).await;
    assert_eq!(before.status, 200);
    assert!(
        before.text.contains("Not finished yet")
            && before.text.contains("/onboarding/refresh?state=")
    );
    // Stripe knows more than we do: no event has come.
    app.simulate(&format!("/accounts/{}/onboard", shop.account), json!({}))
        .await;
    let events = app.intercept().await;
    assert_eq!(get_seller(&app, &shop).await["status"], "onboarding");
    let after = app.get(&page).await;
    assert!(
        after.text.contains("All set") && !after.text.contains("/onboarding/refresh"),
        "{}",
        after.text
    );
    assert_eq!(get_seller(&app, &shop).await["status"], "active");
    for event in &events {
        app.deliver(event).await;
    }
    app.settle().await;
    app.fault("GET", accounts_path(), FaultKind::Reset, None)
        .await;
    let silent = app.get(&page).await;
    assert!(
        silent.text.contains("Stripe can't be reached") && silent.text.contains("All set"),
        "{}",
        silent.text
    );
    app.simulator.clear_faults().await;
    app.get("/onboarding/return?state=forged").expect(400).await;
    app.get("/onboarding/return").expect(400).await;
}

#[tokio::test]
async fn the_page_never_says_all_set_while_stripe_gives_a_reason() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let deadline = app.now() + 86_400;
    let due = json!({ "currently_due": ["external_account"], "current_deadline": deadline });
    change_account(&app, &shop, "restrict", due).await;
    let warned = app.get(return_page(&app, &shop)).await;
    assert!(
        !warned.text.contains("All set") && warned.text.contains("external_account"),
        "{}",
        warned.text
    );
    let held = json!({ "currently_due": ["external_account"], "disabled_reason": "requirements.past_due" });
    change_account(&app, &shop, "restrict", held).await;
    let restricted = app.get(return_page(&app, &shop)).await;
    assert!(
        !restricted.text.contains("All set")
            && restricted.text.contains(reason("requirements.past_due"))
    );
}

#[tokio::test]
async fn the_refresh_page_asks_for_a_login_and_goes_on_to_a_fresh_link() {
    let app = TestApp::start().await;
    let shop = new_seller(&app).await;
    let page = refresh_page(&app, &shop).await;
    let form = app.get(&page).await;
    assert_eq!(form.status, 200);
    assert!(
        form.text
            .contains("<form method=\"post\" action=\"/onboarding/refresh\">"),
        "{}",
        form.text
    );
    let state = state_of(&page);
    let answer = log_in(&app, &state, &shop.owner.email, PASSWORD).await;
    answer.expect(303);
    let fresh = answer.header("location").expect("a link").to_owned();
    assert!(fresh.starts_with(&app.simulator.base_url()), "{fresh}");
    assert!(opens(&fresh).await);
    // An admin may help.
    let admin = app.admin().await;
    assert_eq!(
        log_in(&app, &state, &admin.email, PASSWORD).await.status,
        303
    );
}

#[tokio::test]
async fn the_refresh_page_lets_in_neither_a_wrong_password_nor_a_stranger_nor_a_forged_state() {
    let app = TestApp::start().await;
    let shop = new_seller(&app).await;
    let stranger = app.member("stranger").await;
    let state = state_of(&refresh_page(&app, &shop).await);
    let links = app
        .count("audit_log WHERE action = 'seller.onboarding_link_created'")
        .await;
    let wrong = log_in(&app, &state, &shop.owner.email, "not the password").await;
    assert_eq!(wrong.status, 401);
    assert!(
        wrong.text.contains("<form")
            && wrong.text.contains("wrong")
            && !wrong.text.contains("not the password")
    );
    let theirs = log_in(&app, &state, &stranger.email, PASSWORD).await;
    assert_eq!(theirs.status, 401);
    assert!(theirs.header("location").is_none());
    let forged = format!("{}x", &state[..state.len() - 1]);
    let for_return = souk::identity::sign_state(&app.app, "onboarding_return", &shop.id, 60_000);
    for state in [forged.as_str(), "", &for_return] {
        assert_eq!(
            log_in(&app, state, &shop.owner.email, PASSWORD)
                .await
                .status,
            400,
            "{state}"
        );
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("state", state)
            .finish();
        app.get(format!("/onboarding/refresh?{query}"))
            .expect(400)
            .await;
    }
    app.advance(7 * 86_400 + 1).await;
    assert_eq!(
        log_in(&app, &state, &shop.owner.email, PASSWORD)
            .await
            .status,
        400,
        "it is too old"
    );
    assert_eq!(
        app.count("audit_log WHERE action = 'seller.onboarding_link_created'")
            .await,
        links
    );
}

#[tokio::test]
async fn the_refresh_page_says_when_stripe_is_away_and_when_there_is_nothing_to_onboard() {
    let app = TestApp::start().await;
    let shop = new_seller(&app).await;
    let state = state_of(&refresh_page(&app, &shop).await);
    app.fault(
        "POST",
        account_links_path(),
        FaultKind::TimeoutBeforeCommit,
        None,
    )
    .await;
    let away = log_in(&app, &state, &shop.owner.email, PASSWORD).await;
    away.expect(503);
    assert_eq!(away.header("retry-after"), Some("60"));
    app.simulator.clear_faults().await;
    // v2 doesn't tell a rejected account from a restricted one.
    change_account(&app, &shop, "reject", json!({})).await;
    let rejected = log_in(&app, &state, &shop.owner.email, PASSWORD).await;
    rejected.expect(match accounts_api() {
        "v1" => 409,
        _ => 303,
    });
    change_account(&app, &shop, "deauthorize", json!({})).await;
    let gone = log_in(&app, &state, &shop.owner.email, PASSWORD).await;
    gone.expect(409);
    let url = format!(
        "/onboarding/refresh?state={state}&padding={}",
        "x".repeat(10)
    );
    app.get(url).expect(200).await;
    app.call("POST", "/onboarding/refresh")
        .json(json!({}))
        .refused(415, "unsupported_media_type")
        .await;
    let large = format!("state={}", "x".repeat(70_000));
    let form = app
        .call("POST", "/onboarding/refresh")
        .content("application/x-www-form-urlencoded", large);
    form.refused(413, "payload_too_large").await;
    app.submit("/onboarding/refresh", &[("colour", "red")])
        .refuses_field("colour")
        .await;
}

#[tokio::test]
async fn guessing_at_the_login_form_is_slowed_down() {
    let app = TestApp::start().await;
    let shop = new_seller(&app).await;
    let state = state_of(&refresh_page(&app, &shop).await);
    let mut wrong = 0;
    let slowed = loop {
        let answer = log_in(&app, &state, &shop.owner.email, "wrong horse battery").await;
        if answer.status != 401 {
            break answer;
        }
        wrong += 1;
        assert!(wrong < 30, "nobody slows it down");
    };
    slowed.expect(429);
    assert!(slowed.header("retry-after").is_some());
}

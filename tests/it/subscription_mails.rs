//! The mails to whoever has subscribed: each comes once, whatever becomes of the events.

use serde_json::{Value, json};

use crate::harness::{DAY, Has, Shop, TestApp, User, text};

const TRIAL_ENDS: &str = "Your trial ends soon";
const RENEWS: &str = "Your subscription renews soon";
const FAILED: &str = "Your subscription could not be paid";
const NEEDS_YOU: &str = "Your bank wants you to confirm a payment";
const ENDS: &str = "Your subscription ends";
const ENDED: &str = "Your subscription has ended";
const CHANGED: &str = "Your subscription was changed";
const PAUSED: &str = "Your subscription is paused";
const RESUMED: &str = "Your subscription goes on";

const ALL: [&str; 9] = [
    TRIAL_ENDS, RENEWS, FAILED, NEEDS_YOU, ENDS, ENDED, CHANGED, PAUSED, RESUMED,
];

/// A shop, a buyer, a product and its monthly price of 9.00.
async fn scene(app: &TestApp) -> (Shop, User, String, String) {
    let shop = app.shop("mira").await;
    let bea = app.member("bea").await;
    let coffee = app.product(&shop, 900, None).await;
    let price = app.price(&shop, &coffee, 900).await;
    (shop, bea, coffee, price)
}

/// Exactly these mails about subscriptions were sent.
#[track_caller]
fn were_sent(app: &TestApp, expected: &[(&str, usize)]) {
    for headline in ALL {
        let times = expected.iter().find(|(name, _)| *name == headline);
        let times = times.map_or(0, |(_, times)| *times);
        assert_eq!(
            app.mails_called(headline),
            times,
            "{headline}: {:?}",
            app.mails()
        );
    }
}

async fn ask(app: &TestApp, by: &User, id: &str, what: &str, body: Value) -> Value {
    let path = format!("/v1/subscriptions/{id}/{what}");
    let answer = app.post(path, body).by(by).await;
    assert!(answer.status < 300, "{what}: {}", answer.text);
    answer.body
}

/// Lets days pass without that an event comes. Returns those that Stripe would have sent.
async fn silent_days(app: &TestApp, days: i64) -> Vec<Value> {
    let mut lost = vec![];
    for _ in 0..days {
        app.advance(DAY).await;
        lost.extend(app.intercept().await);
        souk::subscriptions::sweep(&app.app).await.expect("looks");
        souk::subscriptions::notices::sweep(&app.app)
            .await
            .expect("looks ahead");
        app.run_jobs().await;
        lost.extend(app.intercept().await);
    }
    lost
}

/// Delivers events backwards, and then once more.
async fn backwards_and_again(app: &TestApp, events: &[Value]) {
    for event in events.iter().rev().chain(events) {
        app.deliver(event).await;
    }
    app.settle().await;
}

#[tokio::test]
async fn the_end_of_a_trial_is_told_once_three_days_before() {
    let app = TestApp::start().await;
    let (_, bea, coffee, _) = scene(&app).await;
    let shop = app.shop("noor").await;
    let tea = app.product(&shop, 900, None).await;
    drop(coffee);
    let often = json!({ "interval": "month", "trial_period_days": 14 });
    let price = app.price_every(&shop, &tea, 900, often).await;
    app.subscribed(&bea, &price, 2).await;
    let mut lost = silent_days(&app, 10).await;
    were_sent(&app, &[]);
    lost.extend(silent_days(&app, 2).await);
    were_sent(&app, &[(TRIAL_ENDS, 1)]);
    let told = app.mail_texts(TRIAL_ENDS).remove(0);
    assert!(told.contains("ends on 2026-12-02"), "{told}");
    assert!(
        told.contains("18.00 USD are charged") && told.contains("Brass lamp, 9.00 USD each"),
        "{told}"
    );
    let kinds: Vec<_> = lost
        .iter()
        .filter_map(|event| event["type"].as_str())
        .collect();
    assert!(
        kinds.contains(&"customer.subscription.trial_will_end"),
        "{kinds:?}"
    );
    backwards_and_again(&app, &lost).await;
    silent_days(&app, 1).await;
    were_sent(&app, &[(TRIAL_ENDS, 1)]);
}

#[tokio::test]
async fn stripes_own_warnings_are_enough() {
    let app = TestApp::start().await;
    let (shop, bea, coffee, price) = scene(&app).await;
    let eve = app.member("eve").await;
    let path = format!("/accounts/{}/billing_settings", shop.account);
    app.simulate(&path, json!({ "upcoming_days": 5 })).await;
    let often = json!({ "interval": "month", "trial_period_days": 14 });
    let tried = app.price_every(&shop, &coffee, 900, often).await;
    app.subscribed(&bea, &tried, 1).await;
    app.subscribed(&eve, &price, 1).await;
    app.patch(
        format!("/v1/sellers/{}", shop.id),
        json!({ "renewal_notices": "all" }),
    )
    .by(&shop.owner)
    .expect(200)
    .await;
    for _ in 0..26 {
        app.advance(DAY).await;
        app.settle().await;
    }
    were_sent(&app, &[(TRIAL_ENDS, 1), (RENEWS, 1)]);
}

#[tokio::test]
async fn nobody_is_told_that_a_trial_ends_which_was_cancelled() {
    let app = TestApp::start().await;
    let (mut shop, mut bea, coffee, _) = scene(&app).await;
    let often = json!({ "interval": "month", "trial_period_days": 14 });
    let price = app.price_every(&shop, &coffee, 900, often).await;
    let id = app.subscribed(&bea, &price, 1).await;
    ask(&app, &bea, &id, "cancel", json!({})).await;
    app.days(16, &mut bea, &mut shop).await;
    were_sent(&app, &[(ENDS, 1)]);
    let told = app.mail_texts(ENDS).remove(0);
    assert!(told.contains("ends on 2026-12-02"), "{told}");
    app.subscription(&bea, &id)
        .await
        .has(json!({ "status": "canceled" }));
}

#[tokio::test]
async fn long_periods_are_told_before_they_renew_and_the_others_if_the_seller_wants_it() {
    let app = TestApp::start().await;
    let (mut shop, mut bea, coffee, price) = scene(&app).await;
    let eve = app.member("eve").await;
    let yearly = app
        .price_every(
            &shop,
            &coffee,
            9000,
            json!({ "interval": "month", "interval_count": 6 }),
        )
        .await;
    app.subscribed(&bea, &yearly, 1).await;
    let monthly = app.subscribed(&eve, &price, 1).await;
    // 18 May; of its renewal on 18 May 2027 it is told on 18 April.
    let to_april = 150;
    app.days(to_april, &mut bea, &mut shop).await;
    were_sent(&app, &[]);
    app.days(3, &mut bea, &mut shop).await;
    were_sent(&app, &[(RENEWS, 1)]);
    let told = app.mail_texts(RENEWS).remove(0);
    assert!(
        told.contains("2027-05-18") && told.contains("90.00 USD are charged"),
        "{told}"
    );
    app.days(10, &mut bea, &mut shop).await;
    were_sent(&app, &[(RENEWS, 1)]);
    let path = format!("/v1/sellers/{}", shop.id);
    app.patch(&path, json!({ "renewal_notices": "all" }))
        .by(&shop.owner)
        .expect(200)
        .await
        .has(json!({ "renewal_notices": "all" }));
    app.days(31, &mut bea, &mut shop).await;
    let to_eve = |app: &TestApp| {
        app.mails()
            .iter()
            .filter(|(name, to)| name == RENEWS && to.contains("eve"))
            .count()
    };
    assert_eq!(to_eve(&app), 1);
    shop.owner = app.login(&shop.owner).await;
    app.patch(&path, json!({ "renewal_notices": "none" }))
        .by(&shop.owner)
        .expect(200)
        .await;
    app.days(40, &mut bea, &mut shop).await;
    assert_eq!(to_eve(&app), 1);
    let eve = app.login(&eve).await;
    app.subscription(&eve, &monthly)
        .await
        .has(json!({ "status": "active" }));
}

#[tokio::test]
async fn a_declined_renewal_is_told_once_with_what_to_do_and_its_end_too() {
    let app = TestApp::start().await;
    let (shop, bea, _, price) = scene(&app).await;
    let settings = json!({ "retry_days": [2, 2], "retries_end": "cancel" });
    app.simulate(
        &format!("/accounts/{}/billing_settings", shop.account),
        settings,
    )
    .await;
    let id = app.subscribed(&bea, &price, 1).await;
    app.pays_by(&shop, &id, "pm_card_chargeCustomerFail").await;
    let mut lost = silent_days(&app, 32).await;
    were_sent(&app, &[(FAILED, 1)]);
    let told = app.mail_texts(FAILED).remove(0);
    assert!(
        told.contains("9.00 USD for your subscription with mira"),
        "{told}"
    );
    assert!(
        told.contains("/i/in_") && told.contains("tried again on 2026-12-2"),
        "{told}"
    );
    lost.extend(silent_days(&app, 8).await);
    were_sent(&app, &[(FAILED, 1), (ENDED, 1)]);
    assert!(
        app.mail_texts(ENDED)
            .remove(0)
            .contains("since its renewal was not paid")
    );
    let kinds: Vec<_> = lost
        .iter()
        .filter_map(|event| event["type"].as_str())
        .collect();
    assert!(kinds.contains(&"invoice.payment_failed"), "{kinds:?}");
    backwards_and_again(&app, &lost).await;
    were_sent(&app, &[(FAILED, 1), (ENDED, 1)]);
}

#[tokio::test]
async fn a_bank_that_wants_its_customer_is_told_once_a_try_and_the_page_pays() {
    let app = TestApp::start().await;
    let (shop, bea, _, price) = scene(&app).await;
    let settings = json!({ "retry_days": [2, 5], "retries_end": "past_due" });
    app.simulate(
        &format!("/accounts/{}/billing_settings", shop.account),
        settings,
    )
    .await;
    let id = app.subscribed(&bea, &price, 1).await;
    app.pays_by(&shop, &id, "pm_card_authenticationRequired")
        .await;
    let mut lost = silent_days(&app, 32).await;
    were_sent(&app, &[(NEEDS_YOU, 1)]);
    lost.extend(silent_days(&app, 2).await);
    were_sent(&app, &[(NEEDS_YOU, 2)]);
    let kinds: Vec<_> = lost
        .iter()
        .filter_map(|event| event["type"].as_str())
        .collect();
    assert!(
        kinds.contains(&"invoice.payment_action_required"),
        "{kinds:?}"
    );
    backwards_and_again(&app, &lost).await;
    were_sent(&app, &[(NEEDS_YOU, 2)]);
    let bea = app.login(&bea).await;
    let answer = ask(&app, &bea, &id, "pay", json!({})).await;
    answer.has(json!({ "status": "requires_action", "subscription_status": "past_due" }));
    let page = text(&answer, "hosted_invoice_url");
    assert!(app.mail_texts(NEEDS_YOU)[0].contains(&page), "{page}");
}

#[tokio::test]
async fn what_becomes_of_a_subscription_is_told_once_whatever_becomes_of_the_events() {
    let app = TestApp::start().await;
    let (shop, bea, coffee, price) = scene(&app).await;
    let dear = app.price(&shop, &coffee, 2900).await;
    let id = app.subscribed(&bea, &price, 1).await;
    were_sent(&app, &[]);
    // By Stripe's dashboard, so that only events or a sweep can tell.
    let path = format!("/subscriptions/{id}");
    let at_stripe = app.stripe_api("GET", &path, &shop.account, &[]).await;
    let item = text(&at_stripe["items"]["data"][0], "id");
    let form = [("items[0][id]", item.as_str()), ("items[0][quantity]", "2")];
    app.stripe_api("POST", &path, &shop.account, &form).await;
    app.stripe_api("POST", &format!("{path}/pause"), &shop.account, &[])
        .await;
    let events = app.intercept().await;
    backwards_and_again(&app, &events).await;
    were_sent(&app, &[(CHANGED, 1), (PAUSED, 1)]);
    assert!(
        app.mail_texts(CHANGED)
            .remove(0)
            .contains("Brass lamp, 9.00 USD each")
    );
    app.advance(60).await;
    ask(&app, &bea, &id, "resume", json!({})).await;
    app.settle().await;
    were_sent(&app, &[(CHANGED, 1), (PAUSED, 1), (RESUMED, 1)]);
    app.advance(60).await;
    let to = json!({ "items": [{ "price_id": dear }], "proration_behavior": "none" });
    ask(&app, &bea, &id, "change", to).await;
    app.settle().await;
    were_sent(&app, &[(CHANGED, 2), (PAUSED, 1), (RESUMED, 1)]);
    ask(&app, &bea, &id, "cancel", json!({})).await;
    app.advance(60).await;
    ask(&app, &bea, &id, "resume", json!({})).await;
    app.advance(60).await;
    ask(&app, &bea, &id, "cancel", json!({})).await;
    app.settle().await;
    were_sent(&app, &[(CHANGED, 2), (PAUSED, 1), (RESUMED, 1), (ENDS, 2)]);
    // As it was told: no other mail.
    silent_days(&app, 33).await;
    app.settle().await;
    let bea = app.login(&bea).await;
    app.subscription(&bea, &id)
        .await
        .has(json!({ "status": "canceled" }));
    were_sent(&app, &[(CHANGED, 2), (PAUSED, 1), (RESUMED, 1), (ENDS, 2)]);
}

#[tokio::test]
async fn nobody_is_told_of_what_had_happened_before_a_subscription_was_first_read() {
    let app = TestApp::start().await;
    let (shop, bea, _, price) = scene(&app).await;
    let checkout = app.checkout_of_price(&bea, &price, 1).await;
    app.pay(&checkout).await;
    let events = app.intercept().await;
    let listed = app
        .stripe_api("GET", "/subscriptions", &shop.account, &[])
        .await;
    let path = format!("/subscriptions/{}", text(&listed["data"][0], "id"));
    app.stripe_api("DELETE", &path, &shop.account, &[]).await;
    backwards_and_again(&app, &events).await;
    let list = app.get("/v1/subscriptions").by(&bea).expect(200).await;
    list["data"].as_array().expect("a list")[..].has(json!([{ "status": "canceled" }]));
    were_sent(&app, &[]);
}

#[tokio::test]
async fn the_card_of_a_subscription_that_expires_is_told_once() {
    const EXPIRES: &str = "The card of your subscription expires";
    let app = TestApp::start().await;
    let (mut shop, mut bea, _, price) = scene(&app).await;
    let id = app.subscribed(&bea, &price, 1).await;
    let path = format!("/subscriptions/{id}");
    let at_stripe = app.stripe_api("GET", &path, &shop.account, &[]).await;
    let card = text(&at_stripe, "default_payment_method");
    let form = [("card[exp_month]", "1"), ("card[exp_year]", "2027")];
    let path = format!("/payment_methods/{card}");
    app.stripe_api("POST", &path, &shop.account, &form).await;
    // The next reading is that of the renewal, in December.
    app.days(31, &mut bea, &mut shop).await;
    assert_eq!(app.mails_called(EXPIRES), 1);
    app.days(31, &mut bea, &mut shop).await;
    assert_eq!(app.mails_called(EXPIRES), 1);
    let told = app.mail_texts(EXPIRES).remove(0);
    assert!(
        told.contains("mira") && told.contains("Brass lamp"),
        "{told}"
    );
    // One that is saved with the seller is told as all that are.
    let eve = app.member("eve").await;
    let id = app.subscribed(&eve, &price, 1).await;
    app.save_card(&eve, &shop, "pm_card_visa").await;
    let saved = "SELECT id AS it FROM payment_methods";
    let saved: String = app.query(saved).await;
    let form = [("default_payment_method", saved.as_str())];
    let path = format!("/subscriptions/{id}");
    app.stripe_api("POST", &path, &shop.account, &form).await;
    let form = [("card[exp_month]", "2"), ("card[exp_year]", "2027")];
    let path = format!("/payment_methods/{saved}");
    app.stripe_api("POST", &path, &shop.account, &form).await;
    app.settle().await;
    souk::subscriptions::notices::sweep(&app.app)
        .await
        .expect("looks ahead");
    souk::customers::expiry::tell(&app.app)
        .await
        .expect("tells");
    app.settle().await;
    assert_eq!(app.mails_called(EXPIRES), 1);
    assert_eq!(app.mails_called("Your saved card expires"), 1);
}

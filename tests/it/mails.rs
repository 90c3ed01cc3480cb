//! Mails say what happened and which sum moved, once each, to those whom it concerns.

use serde_json::{Value, json};

use crate::harness::{Shop, TestApp, text};

/// The texts of the mails to an address.
fn texts_to(app: &TestApp, address: &str) -> Vec<String> {
    let folder = app.app.config.data_dir.join("mail");
    let Ok(files) = std::fs::read_dir(folder) else {
        // No mail was sent yet.
        return Vec::new();
    };
    let read = |file: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(file.expect("a file").path()).expect("a mail")
    };
    let all = files.map(read);
    let unfolded = all.map(|mail| mail.replace("=\r\n", "").replace("=\n", ""));
    unfolded
        .filter(|mail| {
            mail.lines()
                .any(|line| line.starts_with("To:") && line.contains(address))
        })
        .collect()
}

#[tokio::test]
async fn a_sale_is_told_to_buyer_and_seller_with_the_sum_that_was_paid() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    app.percent_off(&shop, "HALF", 50).await;
    let lamp = app.product(&shop, 1000, None).await;
    let checkout = app.checkout(&lamp).await;
    app.pay_with(&checkout, json!({ "promotion_code": "HALF" }))
        .await;
    app.settle().await;
    assert_eq!(app.mails_called("Your order is confirmed"), 1);
    assert_eq!(app.mails_called("You have sold something"), 1);
    for address in ["guest@example.com", &shop.owner.email] {
        let texts = texts_to(&app, address);
        let told = texts.iter().filter(|text| text.contains(&checkout.order));
        let told: Vec<_> = told.collect();
        assert_eq!(told.len(), 1, "{address}: {texts:?}");
        assert!(
            told[0].contains("5.00 USD") && !told[0].contains("10.00"),
            "{}",
            told[0]
        );
    }
}

#[tokio::test]
async fn a_seller_is_told_of_a_payout_that_failed() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 100_000, None).await;
    app.sale(&lamp).await;
    app.advance(8 * 86_400).await;
    app.settle().await;
    let payouts = app.stripe_api("GET", "/payouts", &shop.account, &[]).await;
    let payout = text(&payouts["data"][0], "id");
    app.simulate(&format!("/payouts/{payout}/fail"), json!({}))
        .await;
    app.settle().await;
    assert_eq!(app.mails_called("A payout failed"), 1);
    let texts = texts_to(&app, &shop.owner.email);
    assert!(
        texts
            .iter()
            .any(|text| text.contains("USD out to your bank")),
        "{texts:?}"
    );
}

/// Restricts the account, lets the events come, and lifts it again. The texts of the mails that this brought.
async fn told_of(app: &TestApp, shop: &Shop, how: Value) -> Vec<String> {
    let before = texts_to(app, &shop.owner.email).len();
    let change = async |what: &str, how: Value| {
        let path = format!("/accounts/{}/{what}", shop.account);
        app.simulate(&path, how).await;
        app.settle().await;
        app.advance(60).await;
    };
    change("restrict", how).await;
    let mut texts = texts_to(app, &shop.owner.email);
    assert_eq!(texts.len(), before + 1, "one mail: {texts:?}");
    change("unrestrict", json!({})).await;
    assert_eq!(
        texts_to(app, &shop.owner.email).len(),
        before + 1,
        "no mail that it is over"
    );
    texts.sort();
    texts
}

const DOCUMENT: &str = "individual.verification.document";

#[tokio::test]
async fn a_seller_is_told_each_time_that_stripe_begins_to_want_something() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    assert_eq!(app.mails_called("Stripe needs something from you"), 0);
    for times in 1..=2 {
        let deadline = app.now() + 7 * 86_400;
        let due = json!({ "currently_due": [DOCUMENT], "current_deadline": deadline });
        let texts = told_of(&app, &shop, due).await;
        assert_eq!(app.mails_called("Stripe needs something from you"), times);
        let said = "A photo of your identity document, by 25 November 2026, or";
        let says = |text: &String| text.contains(said) && text.contains("until 2026-11-25");
        assert!(texts.iter().any(says), "{texts:?}");
    }
}

#[tokio::test]
async fn a_seller_is_told_each_time_that_it_can_take_no_payments_any_more() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    for times in 1..=2 {
        let texts = told_of(&app, &shop, json!({ "currently_due": [DOCUMENT] })).await;
        assert_eq!(
            app.mails_called("You can't take payments at the moment"),
            times
        );
        let says =
            |text: &String| text.contains("A photo of your identity document, which is overdue");
        assert!(texts.iter().any(says), "{texts:?}");
    }
    assert_eq!(app.mails_called("Stripe needs something from you"), 0);
}

#[tokio::test]
async fn a_seller_is_told_each_time_that_it_is_not_paid_out_any_more() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    for times in 1..=2 {
        let overdue = json!({ "currently_due": ["external_account"], "capabilities": ["payouts"] });
        let texts = told_of(&app, &shop, overdue).await;
        let subject = "You aren't paid out at the moment";
        assert_eq!(app.mails_called(subject), times);
        let says = |text: &String| text.contains("You can go on selling");
        assert!(texts.iter().any(says), "{texts:?}");
    }
    assert_eq!(app.mails_called("You can't take payments at the moment"), 0);
}

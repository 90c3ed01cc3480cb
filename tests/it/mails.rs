//! Mails say what happened and which sum moved, once each, to those whom it concerns.

use serde_json::json;

use crate::harness::{TestApp, text};

/// The texts of the mails to an address.
fn texts_to(app: &TestApp, address: &str) -> Vec<String> {
    let folder = app.app.config.data_dir.join("mail");
    let files = std::fs::read_dir(folder).expect("a folder");
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

#[tokio::test]
async fn a_seller_is_told_each_time_that_stripe_begins_to_want_something() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    assert_eq!(app.mails_called("Stripe needs something from you"), 0);
    for times in 1..=2 {
        let due = json!({ "currently_due": ["individual.verification.document"] });
        app.simulate(&format!("/accounts/{}/restrict", shop.account), due)
            .await;
        app.settle().await;
        assert_eq!(app.mails_called("Stripe needs something from you"), times);
        app.advance(60).await;
        app.simulate(&format!("/accounts/{}/unrestrict", shop.account), json!({}))
            .await;
        app.settle().await;
        app.advance(60).await;
    }
}

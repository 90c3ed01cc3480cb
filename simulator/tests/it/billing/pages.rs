//! The page of an invoice, and its PDF.

use serde_json::{Value, json};

use super::{HOUR, MONTHS, Shop, id};
use crate::support::check_books;

impl Shop {
    /// A renewal that could not be paid.
    async fn owing(&self, amount: i64) -> (Value, Value) {
        self.card("pm_card_visa").await;
        let price = self.price(amount, "month").await;
        let made = self.subscribe(&price, "").await;
        self.card("pm_card_chargeCustomerFail").await;
        self.advance(MONTHS[1] + 2 * HOUR).await;
        assert_eq!(self.subscription(&made).await["status"], "past_due");
        (made, self.invoices().await.pop().expect("a renewal"))
    }

    async fn page(&self, url: &str, form: Option<&str>) -> reqwest::Response {
        let http = &self.stripe.http;
        let request = match form {
            None => http.get(url),
            Some(form) => http
                .post(url)
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(form.to_owned()),
        };
        request.send().await.expect("sent")
    }
}

fn url<'a>(invoice: &'a Value, name: &str) -> &'a str {
    invoice[name].as_str().expect("an address")
}

#[tokio::test]
async fn a_draft_has_no_page_and_a_finalized_invoice_has_one() {
    let shop = Shop::open().await;
    let item = format!(
        "customer={}&currency=eur&amount=1250&description=Two+teas+(green)",
        shop.customer
    );
    shop.post("/v1/invoiceitems", &item).await;
    let body = format!(
        "customer={}&pending_invoice_items_behavior=include",
        shop.customer
    );
    let draft = shop.post("/v1/invoices", &body).await;
    assert_eq!(draft["hosted_invoice_url"], Value::Null);
    assert_eq!(draft["invoice_pdf"], Value::Null);
    let path = format!("/v1/invoices/{}/finalize", id(&draft));
    let open = shop.post(&path, "").await;
    let page = shop.page(url(&open, "hosted_invoice_url"), None).await;
    assert_eq!(page.status(), 200);
    let page = page.text().await.expect("text");
    let number = open["number"].as_str().expect("number");
    for shown in [number, "Two teas (green)", "12.50 EUR", "Pay 12.50 EUR"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let pdf = shop.page(url(&open, "invoice_pdf"), None).await;
    assert_eq!(pdf.headers()["content-type"], "application/pdf");
    let name = format!("attachment; filename=\"Invoice-{number}.pdf\"");
    assert_eq!(pdf.headers()["content-disposition"], name.as_str());
    let pdf = String::from_utf8(pdf.bytes().await.expect("bytes").to_vec()).expect("text");
    assert!(pdf.starts_with("%PDF-1.4\n") && pdf.ends_with("%%EOF\n"));
    for shown in [
        format!("(Invoice {number})"),
        "(Two teas \\(green\\))".to_owned(),
        "(Total)".to_owned(),
        "(12.50 EUR)".to_owned(),
    ] {
        assert!(pdf.contains(&shown), "{shown}: {pdf}");
    }
    let wrong = format!("{}x", url(&open, "hosted_invoice_url"));
    assert_eq!(shop.page(&wrong, None).await.status(), 404);
}

#[tokio::test]
async fn an_open_invoice_is_paid_on_its_page_after_a_decline() {
    let shop = Shop::open().await;
    let (made, invoice) = shop.owing(1500).await;
    let page = url(&invoice, "hosted_invoice_url");
    let declined = shop.page(page, Some("card=4000000000000002")).await;
    assert_eq!(declined.status(), 422);
    assert!(declined.text().await.expect("text").contains("declined"));
    let unknown = shop.page(page, Some("card=1234")).await;
    assert_eq!(unknown.status(), 422);
    assert_eq!(shop.subscription(&made).await["status"], "past_due");
    let paid = shop.page(page, Some("card=4242+4242+4242+4242")).await;
    assert_eq!(paid.status(), 303);
    let now = shop.get(&format!("/v1/invoices/{}", id(&invoice))).await;
    assert_eq!(
        (&now["status"], &now["amount_paid"]),
        (&json!("paid"), &json!(1500))
    );
    assert_eq!(shop.subscription(&made).await["status"], "active");
    let again = shop.page(page, Some("card=4242424242424242")).await;
    assert_eq!(again.status(), 422);
    let shown = shop.page(page, None).await.text().await.expect("text");
    assert!(!shown.contains("<form"), "{shown}");
    let saved = format!("/v1/payment_methods?customer={}", shop.customer);
    let saved = shop.get(&saved).await;
    assert_eq!(saved["data"][0]["card"]["last4"], "4242");
    check_books(&shop.stripe.simulator.oracle().await);
}

#[tokio::test]
async fn the_bank_asks_on_the_way() {
    let shop = Shop::open().await;
    let (made, invoice) = shop.owing(1500).await;
    let page = url(&invoice, "hosted_invoice_url").to_owned();
    for (outcome, status, invoiced) in [
        ("fail", "failed", "open"),
        ("complete", "succeeded", "paid"),
    ] {
        let asked = shop.page(&page, Some("card=4000002760003184")).await;
        assert_eq!(asked.status(), 303);
        let bank = shop
            .stripe
            .url(asked.headers()["location"].to_str().expect("text"));
        let answered = shop.page(&bank, Some(&format!("outcome={outcome}"))).await;
        let back = answered.headers()["location"]
            .to_str()
            .expect("text")
            .to_owned();
        assert!(back.starts_with(&page), "{back}");
        assert!(
            back.contains(&format!("redirect_status={status}")),
            "{back}"
        );
        let shown = shop.page(&back, None).await;
        assert_eq!(shown.status(), if status == "failed" { 422 } else { 200 });
        let now = shop.get(&format!("/v1/invoices/{}", id(&invoice))).await;
        assert_eq!(now["status"], invoiced);
    }
    assert_eq!(shop.subscription(&made).await["status"], "active");
    let types = shop.stripe.event_types(&shop.seller).await;
    assert!(types.iter().any(|t| t == "invoice.payment_action_required"));
}

#[tokio::test]
async fn a_saved_card_pays_and_strangers_cards_do_not() {
    let shop = Shop::open().await;
    let (_, invoice) = shop.owing(1500).await;
    let page = url(&invoice, "hosted_invoice_url");
    let cards = shop
        .get(&format!("/v1/payment_methods?customer={}", shop.customer))
        .await;
    let visa = cards["data"]
        .as_array()
        .expect("list")
        .iter()
        .find(|c| c["card"]["last4"] == "4242")
        .map(id)
        .expect("visa");
    assert_eq!(shop.page(page, Some("method=pm_no")).await.status(), 422);
    let form = format!("method={visa}");
    assert_eq!(shop.page(page, Some(&form)).await.status(), 303);
    let now = shop.get(&format!("/v1/invoices/{}", id(&invoice))).await;
    assert_eq!(now["status"], "paid");
}

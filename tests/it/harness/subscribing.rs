//! Who subscribes in a test, and the time that passes for them.

use serde_json::{Value, json};

use super::{Checkout, Shop, TestApp, User, checkout_from, text};

/// Seconds.
pub const DAY: i64 = 24 * 3_600;

impl TestApp {
    /// A buyer goes to the checkout with a price.
    pub async fn checkout_of_price(&self, buyer: &User, price: &str, quantity: i64) -> Checkout {
        let body = json!({ "mode": "subscription", "lines": [{ "price_id": price, "quantity": quantity }] });
        let made = self.post("/v1/checkout_sessions", body).by(buyer);
        checkout_from(&made.expect(201).await)
    }

    /// A buyer has subscribed to a price, and paid; the subscription's id.
    pub async fn subscribed(&self, buyer: &User, price: &str, quantity: i64) -> String {
        let checkout = self.checkout_of_price(buyer, price, quantity).await;
        self.pay(&checkout).await;
        self.settle().await;
        let list = self.get("/v1/subscriptions").by(buyer).expect(200).await;
        text(&list["data"][0], "id")
    }

    /// A subscription as its buyer sees it.
    pub async fn subscription(&self, buyer: &User, id: &str) -> Value {
        let path = format!("/v1/subscriptions/{id}");
        self.get(path).by(buyer).expect(200).await
    }

    /// Why a subscription entitles its buyer, or doesn't.
    pub async fn access_to(&self, buyer: &User, id: &str) -> String {
        let path = format!("/v1/subscriptions/{id}/access");
        text(&self.get(path).by(buyer).expect(200).await, "reason")
    }

    /// A price of a product, as often; its id.
    pub async fn price_every(
        &self,
        shop: &Shop,
        product: &str,
        amount: i64,
        often: Value,
    ) -> String {
        let body = json!({ "product_id": product, "unit_amount": amount, "recurring": often });
        let made = self.post("/v1/prices", body).by(&shop.owner).expect(201);
        text(&made.await, "id")
    }

    /// Lets time pass by days, so that whatever is due happens on its day. The buyer and the seller log in again: their tokens are
    /// over.
    pub async fn days(&self, days: i64, buyer: &mut User, shop: &mut Shop) {
        for _ in 0..days {
            self.advance(DAY).await;
            souk::subscriptions::notices::sweep(&self.app)
                .await
                .expect("looks ahead");
            self.settle().await;
        }
        *buyer = self.login(buyer).await;
        shop.owner = self.login(&shop.owner).await;
    }

    /// From now on a subscription is paid by one of Stripe's test cards, such as `pm_card_chargeCustomerFail`; its id.
    pub async fn pays_by(&self, shop: &Shop, subscription: &str, card: &str) -> String {
        let path = format!("/subscriptions/{subscription}");
        let at_stripe = self.stripe_api("GET", &path, &shop.account, &[]).await;
        let customer = text(&at_stripe, "customer");
        let attach = format!("/payment_methods/{card}/attach");
        let form = [("customer", customer.as_str())];
        let card = self.stripe_api("POST", &attach, &shop.account, &form).await;
        let card = text(&card, "id");
        let form = [("default_payment_method", card.as_str())];
        self.stripe_api("POST", &path, &shop.account, &form).await;
        self.settle().await;
        card
    }

    /// The texts of the mails with a headline, as they were written.
    pub fn mail_texts(&self, headline: &str) -> Vec<String> {
        let folder = self.app.config.data_dir.join("mail");
        let Ok(files) = std::fs::read_dir(folder) else {
            return vec![];
        };
        let read = |file: std::io::Result<std::fs::DirEntry>| {
            std::fs::read_to_string(file.expect("a file").path()).expect("a mail")
        };
        let all = files.map(read);
        all.filter(|mail| mail.contains(&format!("Subject: {headline}\r\n")))
            .map(|mail| mail.replace("=\r\n", "").replace("\r\n", "\n"))
            .collect()
    }
}

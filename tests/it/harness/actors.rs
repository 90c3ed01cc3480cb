//! Who plays in a test: people, shops, things for sale, and their way through the checkout.

use serde_json::{Value, json};
use souk::identity;
use souk_entity::user::Role;

use super::{TestApp, assumed};

pub const PASSWORD: &str = "correct horse battery";

/// Somebody who is logged in.
#[derive(Clone, Debug)]
pub struct User {
    pub id: String,
    pub email: String,
    pub token: String,
}

/// A guest who has proved an address.
#[derive(Clone, Debug)]
pub struct Guest {
    pub email: String,
    pub token: String,
}

/// A seller and its owner.
#[derive(Clone, Debug)]
pub struct Shop {
    pub id: String,
    /// Its connected account.
    pub account: String,
    pub owner: User,
}

/// An open checkout of a guest or a user.
#[derive(Clone, Debug)]
pub struct Checkout {
    /// The session's id.
    pub id: String,
    pub order: String,
    pub payment: String,
    /// A guest's.
    pub secret: Option<String>,
}

/// A string field of an object.
pub fn text(value: &Value, name: &str) -> String {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {value}"))
        .to_owned()
}

fn user(pair: &Value) -> User {
    User {
        id: text(&pair["user"], "id"),
        email: text(&pair["user"], "email"),
        token: text(pair, "access_token"),
    }
}

impl TestApp {
    /// Registers somebody.
    pub async fn member(&self, name: &str) -> User {
        let email = format!("{name}@example.com");
        let body = json!({ "email": email, "password": PASSWORD, "name": name });
        user(&self.post("/v1/auth/register", body).expect(201).await)
    }

    /// Logs somebody in again, whose token has expired.
    pub async fn login(&self, who: &User) -> User {
        let body = json!({ "email": who.email, "password": PASSWORD });
        user(&self.post("/v1/auth/login", body).expect(200).await)
    }

    /// Somebody has a code mailed to an address: the verification's id, and the code.
    pub async fn mailed_code(&self, email: &str) -> (String, String) {
        let before = self.codes_to(email);
        let body = json!({ "email": email });
        let asked = self.post("/v1/address_verifications", body).expect(202);
        let id = text(&asked.await, "id");
        self.run_jobs().await;
        let mut codes = self.codes_to(email);
        codes.retain(|code| !before.contains(code));
        assert_eq!(codes.len(), 1, "{codes:?}");
        (id, codes.remove(0))
    }

    /// Proves an address; the answer.
    pub async fn prove(&self, (id, code): &(String, String)) -> Value {
        let path = format!("/v1/address_verifications/{id}/confirm");
        self.post(path, json!({ "code": code })).expect(200).await
    }

    /// A guest proves an address.
    pub async fn guest(&self, email: &str) -> Guest {
        let mailed = self.mailed_code(email).await;
        let proved = self.prove(&mailed).await;
        Guest {
            email: text(&proved, "email"),
            token: text(&proved, "guest_token"),
        }
    }

    pub async fn admin(&self) -> User {
        let email = "root@example.com";
        identity::ensure_user(&self.app, email, "Root", PASSWORD, Role::Admin)
            .await
            .expect("an admin");
        let body = json!({ "email": email, "password": PASSWORD });
        user(&self.post("/v1/auth/login", body).expect(200).await)
    }

    /// Registers somebody who makes a seller, not onboarded yet.
    pub async fn new_shop(&self, name: &str, country: &str) -> Shop {
        let owner = self.member(name).await;
        let body = json!({ "name": name, "country": country });
        let seller = self.post("/v1/sellers", body).by(&owner).expect(201).await;
        Shop {
            id: text(&seller, "id"),
            account: text(&seller, "stripe_account"),
            owner,
        }
    }

    /// A seller that can take money.
    pub async fn shop(&self, name: &str) -> Shop {
        self.shop_in(name, "US").await
    }

    pub async fn shop_in(&self, name: &str, country: &str) -> Shop {
        let shop = self.new_shop(name, country).await;
        self.simulate(&format!("/accounts/{}/onboard", shop.account), json!({}))
            .await;
        self.settle().await;
        let seller = self
            .get(format!("/v1/sellers/{}", shop.id))
            .by(&shop.owner)
            .expect(200)
            .await;
        assert_eq!(seller["status"], "active", "{seller}");
        shop
    }

    /// A seller's own business brings in money that is available at once, for what is refunded.
    pub async fn earn(&self, shop: &Shop) {
        let form = [
            ("amount", "9000000"),
            ("currency", "usd"),
            ("confirm", "true"),
            ("payment_method", "pm_card_bypassPending"),
            ("return_url", "http://shop.test/"),
        ];
        self.stripe_api("POST", "/payment_intents", &shop.account, &form)
            .await;
        self.settle().await;
    }

    /// Puts something up for sale; its id.
    pub async fn product(&self, shop: &Shop, unit_amount: i64, stock: Option<i64>) -> String {
        self.product_in(shop, unit_amount, "usd", stock).await
    }

    pub async fn product_in(
        &self,
        shop: &Shop,
        unit_amount: i64,
        currency: &str,
        stock: Option<i64>,
    ) -> String {
        let body = json!({
            "seller_id": shop.id, "name": "Brass lamp", "unit_amount": unit_amount, "currency": currency, "stock": stock,
        });
        text(
            &self
                .post("/v1/products", body)
                .by(&shop.owner)
                .expect(201)
                .await,
            "id",
        )
    }

    /// A monthly price of a product; its id.
    pub async fn price(&self, shop: &Shop, product: &str, unit_amount: i64) -> String {
        let body = json!({
            "product_id": product, "unit_amount": unit_amount, "recurring": { "interval": "month" },
        });
        let made = self.post("/v1/prices", body).by(&shop.owner).expect(201);
        text(&made.await, "id")
    }

    /// A promotion code of a seller.
    pub async fn percent_off(&self, shop: &Shop, code: &str, percent: i64) {
        let body = json!({ "seller_id": shop.id, "code": code, "percent_off": percent });
        self.post("/v1/promotion_codes", body)
            .by(&shop.owner)
            .expect(201)
            .await;
    }

    /// A guest goes to the checkout with one of these.
    pub async fn checkout(&self, product: &str) -> Checkout {
        self.checkout_of(&[(product, 1)]).await
    }

    pub async fn checkout_of(&self, lines: &[(&str, i64)]) -> Checkout {
        let body = json!({ "lines": lines_of(lines), "customer_email": "guest@example.com" });
        checkout_from(&self.post("/v1/checkout_sessions", body).expect(201).await)
    }

    pub async fn checkout_by(&self, buyer: &User, product: &str) -> Checkout {
        let body = json!({ "lines": lines_of(&[(product, 1)]) });
        checkout_from(
            &self
                .post("/v1/checkout_sessions", body)
                .by(buyer)
                .expect(201)
                .await,
        )
    }

    /// The buyer pays on Stripe's page with a card that works.
    pub async fn pay(&self, checkout: &Checkout) {
        self.pay_with(checkout, refundable_card()).await;
    }

    /// As `pay`, with a promotion code.
    pub async fn pay_with_code(&self, checkout: &Checkout, code: &str) {
        let mut how = refundable_card();
        how["promotion_code"] = json!(code);
        self.pay_with(checkout, how).await;
    }

    /// The buyer sends off Stripe's page, filled in like this.
    pub async fn pay_with(&self, checkout: &Checkout, how: Value) -> Value {
        self.simulate(&format!("/checkout/sessions/{}/pay", checkout.id), how)
            .await
    }

    /// A guest has bought one of these, and the webhook has confirmed it.
    pub async fn sale(&self, product: &str) -> Checkout {
        let checkout = self.checkout(product).await;
        self.pay(&checkout).await;
        self.settle().await;
        assert_eq!(self.order(&checkout).await["status"], "paid");
        checkout
    }

    /// A guest's order as they see it.
    pub async fn order(&self, checkout: &Checkout) -> Value {
        let secret = checkout.secret.as_deref().expect("a guest's checkout");
        self.get(format!("/v1/orders/{}", checkout.order))
            .with_secret(secret)
            .expect(200)
            .await
    }

    /// Verify's answer to a guest.
    pub async fn verify(&self, checkout: &Checkout) -> Value {
        let secret = checkout.secret.as_deref().expect("a guest's checkout");
        let path = format!("/v1/checkout_sessions/{}/verify", checkout.id);
        self.post(path, json!({}))
            .with_secret(secret)
            .expect(200)
            .await
    }

    /// A buyer saves a card with a shop, and agrees to be charged while they aren't there; the setup intent's id.
    pub async fn save_card(&self, buyer: &User, shop: &Shop, card: &str) -> String {
        let body = json!({ "seller_id": shop.id, "mandate_text": "You may charge this card for each delivery." });
        let setup = self.post("/v1/setup_intents", body).by(buyer).expect(201);
        let setup = text(&setup.await, "id");
        self.confirm_setup(shop, &setup, card).await;
        self.settle().await;
        setup
    }

    /// As Stripe.js does, with the client secret alone.
    pub async fn confirm_setup(&self, shop: &Shop, setup: &str, card: &str) {
        let path = format!("/setup_intents/{setup}/confirm");
        let form = [
            ("payment_method", card),
            ("return_url", "http://shop.test/"),
        ];
        self.attempt_stripe("POST", &path, &shop.account, &form)
            .await
            .ok();
    }

    /// The stock of a product.
    pub async fn stock(&self, product: &str) -> Value {
        self.get(format!("/v1/products/{product}"))
            .expect(200)
            .await["stock"]
            .clone()
    }

    /// An order's refunds, newest first.
    pub async fn refunds(&self, shop: &Shop, order: &str) -> Vec<Value> {
        let list = self
            .get(format!("/v1/refunds?order_id={order}"))
            .by(&shop.owner)
            .expect(200)
            .await;
        list["data"].as_array().expect("a list").clone()
    }
}

/// A card whose money is available at once, where only available money can be refunded.
fn refundable_card() -> Value {
    match assumed("pending_money") {
        "waits" => json!({ "card": "4000000000000077" }),
        _ => json!({}),
    }
}

pub fn lines_of(lines: &[(&str, i64)]) -> Value {
    lines
        .iter()
        .map(|(product, quantity)| json!({ "product_id": product, "quantity": quantity }))
        .collect()
}

pub fn checkout_from(session: &Value) -> Checkout {
    Checkout {
        id: text(session, "id"),
        order: text(session, "order_id"),
        payment: text(session, "payment_id"),
        secret: session["order_secret"].as_str().map(str::to_owned),
    }
}

//! The seller signs up, is onboarded at Stripe, and lists a product.

use serde_json::json;

use super::client::{Api, Stripe};
use super::responses::{Link, Product, PromotionCode, Seller};
use super::{Failure, Poll, Stage, is_back_at, until};

/// The password of everybody in the demo.
pub const PASSWORD: &str = "a lamp in every window";
/// The currency of all prices.
pub const CURRENCY: &str = "eur";
/// A promotion code of 100 %.
pub const CODE: &str = "FRIEND100";
const PRICE: i64 = 2500;
const PRICE_OF_A_VASE: i64 = 1990;

/// A seller who can take money.
pub struct Shop {
    pub owner: Api,
    pub seller: Seller,
    /// The connected account.
    pub account: String,
    pub stripe: Stripe,
}

/// Who opens a shop.
pub struct Opening {
    /// What their address begins with.
    pub mail: &'static str,
    pub first_name: &'static str,
    pub last_name: &'static str,
    pub shop: &'static str,
}

/// The seller of the whole life.
pub const NADIA: Opening = Opening {
    mail: "nadia",
    first_name: "Nadia",
    last_name: "Haddad",
    shop: "Nadia's Lamps",
};

/// A seller registers, and fills in Stripe's hosted form.
pub async fn seller_onboards(stage: &Stage, who: &Opening) -> Result<Shop, Failure> {
    let screen = &stage.screen;
    screen.step(&format!("{} opens a shop", who.first_name));
    let email = stage.email(who.mail);
    let name = format!("{} {}", who.first_name, who.last_name);
    let owner = stage.server.register(&email, PASSWORD, &name).await?;
    screen.done(&format!("signed up as {email}"));
    let new = json!({ "name": who.shop, "country": "DE", "business_type": "individual" });
    let seller: Seller = owner.post("/v1/sellers", &new).await?;
    let account = seller
        .stripe_account
        .clone()
        .ok_or("the seller was made without a connected account")?;
    screen.done(&format!(
        "has the connected account {account} ({})",
        seller.status
    ));
    let requirements = &seller.requirements;
    let due = requirements.currently_due.len();
    screen.aside(&format!(
        "Stripe wants {due} things before {} can sell",
        who.first_name
    ));

    let link: Link = owner
        .post(
            &format!("/v1/sellers/{}/onboarding_links", seller.id),
            &json!({}),
        )
        .await?;
    let stripe = Stripe::behind(&link.url).await?;
    let form = stripe.open(&link.url).await?;
    let filled = [
        ("business_type", "individual"),
        ("business_name", who.shop),
        ("first_name", who.first_name),
        ("last_name", who.last_name),
        ("dob", "1990-04-01"),
        ("email", email.as_str()),
        ("url", "https://lamps.example.com"),
        ("bank_account", "DE89370400440532013000"),
        ("outcome", "complete"),
        ("tos", "yes"),
    ];
    let back = stripe.submit(&form.url, &filled).await?;
    is_back_at("/onboarding/return", &back.url)?;
    screen.done("filled in Stripe's hosted form, and was sent back to us");

    let what = "the seller to become active";
    let seller = until(screen, what, async || {
        let seller: Seller = owner.get(&format!("/v1/sellers/{}", seller.id)).await?;
        let ready = seller.status == "active" && seller.charges_enabled && seller.payouts_enabled;
        Ok(if ready {
            Poll::Ready(seller)
        } else {
            Poll::Pending(seller.status)
        })
    })
    .await?;
    screen.done(&format!(
        "{} is {}: charges and payouts are enabled",
        seller.name, seller.status
    ));
    Ok(Shop {
        owner,
        seller,
        account,
        stripe,
    })
}

/// A product with two in stock, and a code for friends.
pub async fn seller_lists_a_lamp(stage: &Stage, shop: &Shop) -> Result<Product, Failure> {
    let screen = &stage.screen;
    screen.step("She lists a lamp, and makes a code for friends");
    let new = json!({
        "seller_id": shop.seller.id, "name": "Brass table lamp", "description": "Made by hand in Amman",
        "unit_amount": PRICE, "currency": CURRENCY, "stock": 2,
    });
    let lamp: Product = shop.owner.post("/v1/products", &new).await?;
    let stock = lamp.stock.unwrap_or_default();
    screen.amount(
        &format!("{}, {stock} in stock", lamp.name),
        lamp.unit_amount,
        &lamp.currency,
    );
    let new = json!({ "seller_id": shop.seller.id, "code": CODE, "percent_off": 100 });
    let code: PromotionCode = shop.owner.post("/v1/promotion_codes", &new).await?;
    let at_stripe = code
        .stripe_promotion_code
        .ok_or("the promotion code was not made at Stripe")?;
    screen.done(&format!("{} takes 100 % off ({at_stripe})", code.code));
    Ok(lamp)
}

/// A product with five in stock.
pub async fn seller_lists_a_vase(stage: &Stage, shop: &Shop) -> Result<Product, Failure> {
    let screen = &stage.screen;
    screen.step("Nadia lists a vase, too");
    let new = json!({
        "seller_id": shop.seller.id, "name": "Blue glass vase", "description": "Blown in Hebron",
        "unit_amount": PRICE_OF_A_VASE, "currency": CURRENCY, "stock": 5,
    });
    let vase: Product = shop.owner.post("/v1/products", &new).await?;
    let stock = vase.stock.unwrap_or_default();
    screen.amount(
        &format!("{}, {stock} in stock", vase.name),
        vase.unit_amount,
        &vase.currency,
    );
    Ok(vase)
}

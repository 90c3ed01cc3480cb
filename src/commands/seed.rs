//! The demo platform of a server with simulated money.

use std::fmt;
use std::time::Duration;

use serde_json::json;
use souk::app::App;
use souk::catalog::{self, NewProduct};
use souk::identity::{self, Caller, Role};
use souk::installation::SEEDED_USERS;
use souk::sellers::{self, NewSeller};
use souk::{ids, money};

use super::Failure;

/// The password of all users of the demo platform.
pub const PASSWORD: &str = "demo demo demo";
/// The demo platform's admin.
pub const ADMIN_EMAIL: &str = SEEDED_USERS[0];

const SELLER_EMAIL: &str = SEEDED_USERS[1];
const BUYER_EMAIL: &str = SEEDED_USERS[2];

const CURRENCY: &str = "eur";
/// The seller's products: id, name, description, price in minor units, stock.
const PRODUCTS: [(&str, &str, &str, i64, Option<i64>); 3] = [
    (
        "prd_00000000000070008000000000000001",
        "Olive wood bowl",
        "Turned by hand, 24 cm",
        3900,
        Some(12),
    ),
    (
        "prd_00000000000070008000000000000002",
        "Recipe book (PDF)",
        "Sixty dishes of the Levant",
        1250,
        None,
    ),
    (
        "prd_00000000000070008000000000000003",
        "Kilim rug",
        "The last one of its kind",
        24_900,
        Some(1),
    ),
];
/// Ids are fixed, so that a restart finds the rows of an earlier start.
const SELLER: &str = "sel_00000000000070008000000000000001";

/// How long the simulator may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The demo platform as it is announced: users and products.
pub struct Seeded {
    /// Our public address.
    base: String,
    /// Id, name, price, units left.
    products: Vec<(String, String, String, Option<i64>)>,
}

/// Creates, if they don't exist yet, an admin, a buyer, and a seller who can sell, with three products.
pub async fn seed(app: &App, stripe_base: &str) -> Result<Seeded, Failure> {
    identity::ensure_user(app, ADMIN_EMAIL, "Ada Admin", PASSWORD, Role::Admin).await?;
    identity::ensure_user(app, BUYER_EMAIL, "Bilal Buyer", PASSWORD, Role::Member).await?;
    let owner =
        identity::ensure_user(app, SELLER_EMAIL, "Samira Seller", PASSWORD, Role::Member).await?;
    let new = NewSeller {
        name: "Samira's Souk".to_owned(),
        country: "DE".to_owned(),
        email: None,
        business_type: Some("individual".to_owned()),
        metadata: Default::default(),
    };
    let seller = sellers::create(app, &owner, SELLER.to_owned().into(), new).await?;
    if !seller.details_submitted {
        let account = seller
            .stripe_account
            .as_ref()
            .ok_or("the demo seller has no connected account")?;
        onboard(stripe_base, account.as_ref()).await?;
        sellers::sync(app, &seller.id).await?;
    }
    // Domain functions want a caller; this one has no session behind it.
    let caller = Caller {
        user: owner,
        session: ids::new(app.clock.now()),
    };
    let mut products = Vec::new();
    for (id, name, description, unit_amount, stock) in PRODUCTS {
        let new = NewProduct {
            seller_id: seller.id.clone(),
            name: name.to_owned(),
            description: Some(description.to_owned()),
            unit_amount: Some(unit_amount),
            currency: CURRENCY.to_owned(),
            stock,
            metadata: Default::default(),
        };
        let product = catalog::create_product(app, &caller, id.to_owned().into(), new).await?;
        // The shop may have been here before, and changed since.
        let asked = product.unit_amount.unwrap_or(unit_amount);
        let price = money::display(asked, &product.currency);
        products.push((
            product.id.to_string(),
            product.name,
            price,
            product.available,
        ));
    }
    Ok(Seeded {
        base: app.config.page(""),
        products,
    })
}

/// Onboards the account, as the simulator's hosted form does.
async fn onboard(stripe_base: &str, account: &str) -> Result<(), Failure> {
    let details = json!({ "business_name": "Samira's Souk", "url": "https://souk.example.com" });
    let url = format!("{stripe_base}/_simulator/accounts/{account}/onboard");
    let client = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .no_proxy()
        .build()?;
    client
        .post(url)
        .body(details.to_string())
        .send()
        .await?
        .error_for_status()?;
    Ok(())
}

impl fmt::Display for Seeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  Log in with the password “{PASSWORD}” as")?;
        writeln!(f, "    admin    {ADMIN_EMAIL}")?;
        writeln!(f, "    seller   {SELLER_EMAIL}")?;
        writeln!(f, "    buyer    {BUYER_EMAIL}")?;
        writeln!(f, "\n  For sale")?;
        for (id, name, price, left) in &self.products {
            let left = left.map_or_else(|| "unlimited".to_owned(), |left| format!("{left} left"));
            writeln!(f, "    {id}  {name:<18}{price:>11}   {left}")?;
        }
        let Some((id, ..)) = self.products.first() else {
            return Ok(());
        };
        writeln!(
            f,
            "\n  Try it: this answers a `url` where you pay with a test card"
        )?;
        writeln!(
            f,
            "    curl {}/v1/checkout_sessions -H 'Content-Type: application/json' \\",
            self.base
        )?;
        write!(
            f,
            r#"      -d '{{"lines":[{{"product_id":"{id}","quantity":1}}],"customer_email":"guest@example.com"}}'"#
        )
    }
}

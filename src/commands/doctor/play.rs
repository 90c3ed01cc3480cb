//! `souk doctor --play`: what everybody should have seen once before a launch, played on a throw-away seller of the server that
//! runs, with simulated or test money only.

use std::time::Duration;

use futures_util::future::try_join_all;
use serde_json::{Value, json};
use souk::config::Config;
use souk::countries;
use souk::doctor::{Check, Subject};
use souk::ids;
use tokio::time::Instant;

use super::super::Failure;
use super::super::demo::client::{Api, Stripe};
use super::super::demo::responses::{
    Link, Order, OrderEvent, Product, Refund, Seller, Session, Verification,
};

const PASSWORD: &str = "a lamp in every window";
const PRICE: i64 = 2500;
/// Verifies at once, while the webhook is on its way.
const VERIFIES: usize = 8;
/// How long to wait for what happens by itself, and for a person.
const DEADLINE: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(15 * 60);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Who fills in Stripe's hosted pages.
enum Hands {
    /// The simulator's pages are filled in here.
    Simulator(Stripe),
    /// Stripe's own pages are for a person.
    Person,
}

/// A seller who can take money, on the server that is played with.
struct Stage<'a> {
    server: Api,
    owner: Api,
    seller: Seller,
    hands: Hands,
    currency: String,
    tag: String,
    subject: &'a Subject,
}

/// A checkout and who may read its order.
struct Purchase {
    session: Session,
    buyer: Api,
}

/// Plays the list. Without a seller who can take money it is one line, which says why.
///
/// # Errors
/// Money is real, or an HTTP client could not be built.
pub async fn play(config: &Config, subject: &Subject) -> Result<Vec<Check>, Failure> {
    if config.livemode {
        return Err("--play buys things, and the key is a live one: play with a test key or simulated money".into());
    }
    let stage = match Stage::set(config, subject).await {
        Ok(stage) => stage,
        Err(e) => return Ok(vec![outcome("play_seller", Err(e))]),
    };
    let onboarded = format!("{} can take money", stage.seller.name);
    Ok(vec![
        outcome("play_seller", Ok(onboarded)),
        outcome("play_payment", stage.regular_payment().await),
        outcome("play_free_code", stage.free_code().await),
        outcome("play_closed_browser", stage.closed_browser().await),
        outcome("play_broken_verify", stage.broken_verify().await),
        outcome("play_doors", stage.right_door().await),
        outcome("play_race", stage.race().await),
        outcome("play_last_one", stage.last_one_sold_twice().await),
    ])
}

fn outcome(name: &'static str, played: Result<String, Failure>) -> Check {
    match played {
        Ok(seen) => Check::ok(name, seen),
        Err(e) => Check::failed(
            name,
            e.to_string(),
            "look at the other checks first; then at the order's timeline, GET /v1/admin/events and GET /v1/admin/jobs",
        ),
    }
}

/// Polls until something has happened.
async fn until<T>(
    what: &str,
    deadline: Duration,
    mut poll: impl AsyncFnMut() -> Result<Result<T, String>, Failure>,
) -> Result<T, Failure> {
    let began = Instant::now();
    loop {
        match poll().await? {
            Ok(found) => return Ok(found),
            Err(seen) if began.elapsed() > deadline => {
                let seconds = deadline.as_secs();
                return Err(
                    format!("{what} did not come within {seconds} s; last seen: {seen}").into(),
                );
            }
            Err(_) => tokio::time::sleep(POLL_INTERVAL).await,
        }
    }
}

fn must(is: bool, otherwise: impl Into<String>) -> Result<(), Failure> {
    match is {
        true => Ok(()),
        false => Err(otherwise.into().into()),
    }
}

impl Hands {
    /// Who can fill in a hosted page.
    async fn of(page: &str) -> Self {
        match Stripe::behind(page).await {
            Ok(simulator) => Self::Simulator(simulator),
            Err(_) => Self::Person,
        }
    }

    fn patience(&self) -> Duration {
        match self {
            Self::Simulator(_) => DEADLINE,
            Self::Person => PATIENCE,
        }
    }

    async fn onboard(&self, page: &str, email: &str) -> Result<(), Failure> {
        let Self::Simulator(stripe) = self else {
            println!("Open this page, and onboard a seller with Stripe's test data:\n  {page}");
            return Ok(());
        };
        let form = stripe.open(page).await?;
        let filled = [
            ("business_type", "individual"),
            ("business_name", "Throw-away shop"),
            ("first_name", "Dora"),
            ("last_name", "Doctor"),
            ("dob", "1990-04-01"),
            ("email", email),
            ("url", "https://throw-away.example.com"),
            ("bank_account", "DE89370400440532013000"),
            ("outcome", "complete"),
            ("tos", "yes"),
        ];
        stripe.submit(&form.url, &filled).await?;
        Ok(())
    }

    /// Pays, and lets the browser come back or closes it.
    async fn pay(&self, purchase: &Purchase, comes_back: bool) -> Result<(), Failure> {
        let page = purchase.session.url.as_deref();
        let page = page.ok_or("the checkout session has no page")?;
        match self {
            Self::Simulator(stripe) if comes_back => {
                let form = [
                    ("email", "buyer@example.com"),
                    ("card", "4242 4242 4242 4242"),
                    ("expiry", "12 / 34"),
                    ("cvc", "123"),
                ];
                stripe.submit(page, &form).await?;
            }
            Self::Simulator(stripe) => {
                let path = format!("/checkout/sessions/{}/pay", purchase.session.id);
                stripe.control(&path, &json!({})).await?;
            }
            Self::Person => {
                let then = match comes_back {
                    true => "",
                    false => ", and close the browser as soon as it is paid",
                };
                println!(
                    "Open this page, and pay with 4242 4242 4242 4242 if it wants a card{then}:\n  {page}"
                );
            }
        }
        Ok(())
    }

    /// Has Stripe not answer the next requests for sessions, where that can be had.
    async fn break_stripe(&self) -> Result<(), Failure> {
        if let Self::Simulator(stripe) = self {
            let fault = json!({
                "method": "GET", "path_prefix": "/v1/checkout/sessions", "kind": "timeout_before_commit", "times": 4,
            });
            stripe.control("/faults", &fault).await?;
        }
        Ok(())
    }
}

impl<'a> Stage<'a> {
    /// A seller registers and is onboarded.
    async fn set(config: &Config, subject: &'a Subject) -> Result<Self, Failure> {
        let server = Api::new(&config.page(""))?;
        let tag = ids::sha256_hex(ids::random_token().as_bytes())[..8].to_owned();
        let email = format!("doctor.{tag}@example.com");
        let owner = server.register(&email, PASSWORD, "Dora Doctor").await?;
        let country = subject.platform_country().await?;
        let currency =
            countries::currency(&country).ok_or("Stripe doesn't serve the platform's country")?;
        let new = json!({ "name": format!("Throw-away shop {tag}"), "country": country, "business_type": "individual" });
        let seller: Seller = owner.post("/v1/sellers", &new).await?;
        let links = format!("/v1/sellers/{}/onboarding_links", seller.id);
        let link: Link = owner.post(&links, &json!({})).await?;
        let hands = Hands::of(&link.url).await;
        hands.onboard(&link.url, &email).await?;
        let seller = until(
            "the seller to become active",
            hands.patience(),
            async || {
                let seller: Seller = owner.get(&format!("/v1/sellers/{}", seller.id)).await?;
                Ok(match seller.status.as_str() {
                    "active" => Ok(seller),
                    _ => Err(seller.status),
                })
            },
        )
        .await?;
        Ok(Self {
            server,
            owner,
            seller,
            hands,
            currency: currency.to_owned(),
            tag,
            subject,
        })
    }

    async fn product(&self, stock: i64) -> Result<Product, Failure> {
        let new = json!({
            "seller_id": self.seller.id, "name": "Throw-away lamp", "unit_amount": PRICE, "currency": self.currency,
            "stock": stock,
        });
        self.owner.post("/v1/products", &new).await
    }

    async fn stock(&self, product: &Product) -> Result<i64, Failure> {
        let product: Product = self
            .owner
            .get(&format!("/v1/products/{}", product.id))
            .await?;
        Ok(product.stock.unwrap_or_default())
    }

    async fn open(&self, product: &Product, code: Option<&str>) -> Result<Purchase, Failure> {
        let mut new = json!({
            "lines": [{ "product_id": product.id, "quantity": 1 }], "customer_email": "buyer@example.com",
        });
        if let Some(code) = code {
            new["promotion_code"] = json!(code);
        }
        let session: Session = self.server.post("/v1/checkout_sessions", &new).await?;
        let secret = session.order_secret.as_deref();
        let buyer = self
            .server
            .with_order_secret(secret.ok_or("a guest's order has no secret")?);
        Ok(Purchase { session, buyer })
    }

    async fn order(&self, purchase: &Purchase) -> Result<Order, Failure> {
        let path = format!("/v1/orders/{}", purchase.session.order_id);
        purchase.buyer.get(&path).await
    }

    /// Waits for the order, with verifies as the buyer's page sends them, or without any.
    async fn settled(&self, purchase: &Purchase, verifies: bool) -> Result<Order, Failure> {
        until(
            "the order to be decided",
            self.hands.patience(),
            async || {
                if verifies {
                    verify(purchase).await?;
                }
                let order = self.order(purchase).await?;
                let is_open =
                    ["pending", "processing", "refund_due"].contains(&order.status.as_str());
                Ok(match is_open {
                    true => Err(order.status),
                    false => Ok(order),
                })
            },
        )
        .await
    }

    /// Fails unless the order is paid, once, and one unit of the product is gone.
    async fn is_paid_once(
        &self,
        purchase: &Purchase,
        order: &Order,
        product: &Product,
    ) -> Result<(), Failure> {
        must(
            order.status == "paid",
            format!("the order is {}", order.status),
        )?;
        let path = format!("/v1/orders/{}/timeline", order.id);
        let timeline: Vec<OrderEvent> = purchase.buyer.get_list(&path).await?;
        let paid = timeline
            .iter()
            .filter(|event| event.r#type == "paid")
            .count();
        must(
            paid == 1,
            format!("the order was paid {paid} times by its timeline"),
        )?;
        let (before, left) = (
            product.stock.unwrap_or_default(),
            self.stock(product).await?,
        );
        must(
            left == before - 1,
            format!("of {before} there are {left} left"),
        )
    }

    async fn regular_payment(&self) -> Result<String, Failure> {
        let lamp = self.product(5).await?;
        let purchase = self.open(&lamp, None).await?;
        self.hands.pay(&purchase, true).await?;
        let order = self.settled(&purchase, true).await?;
        self.is_paid_once(&purchase, &order, &lamp).await?;
        let paid = order.amount_total.unwrap_or_default();
        must(paid == PRICE, format!("{paid} was paid instead of {PRICE}"))?;
        Ok("a regular payment: paid, and one unit taken".to_owned())
    }

    async fn free_code(&self) -> Result<String, Failure> {
        let lamp = self.product(5).await?;
        let code = format!("FREE{}", self.tag.to_uppercase());
        let new = json!({ "seller_id": self.seller.id, "code": code, "percent_off": 100 });
        let _: Value = self.owner.post("/v1/promotion_codes", &new).await?;
        let purchase = self.open(&lamp, Some(&code)).await?;
        self.hands.pay(&purchase, true).await?;
        let order = self.settled(&purchase, true).await?;
        self.is_paid_once(&purchase, &order, &lamp).await?;
        let paid = order.amount_total.unwrap_or(-1);
        must(
            paid == 0,
            format!("{paid} was paid in spite of a 100 % code"),
        )?;
        Ok("a 100 % code: nothing to pay, and the order is paid all the same".to_owned())
    }

    async fn closed_browser(&self) -> Result<String, Failure> {
        let lamp = self.product(5).await?;
        let purchase = self.open(&lamp, None).await?;
        self.hands.pay(&purchase, false).await?;
        let order = self.settled(&purchase, false).await?;
        self.is_paid_once(&purchase, &order, &lamp).await?;
        Ok(
            "the browser closed before it came back: the webhook alone has paid the order"
                .to_owned(),
        )
    }

    async fn broken_verify(&self) -> Result<String, Failure> {
        let lamp = self.product(5).await?;
        let purchase = self.open(&lamp, None).await?;
        self.hands.break_stripe().await?;
        self.hands.pay(&purchase, false).await?;
        for ms in [1, 5, 25] {
            // The buyer's connection breaks off before the answer.
            let cut_off = Duration::from_millis(ms);
            drop(tokio::time::timeout(cut_off, verify(&purchase)).await);
        }
        let order = until("verify to answer", self.hands.patience(), async || {
            match verify(&purchase).await {
                Ok(said) if said.status == "paid" => Ok(Ok(self.order(&purchase).await?)),
                Ok(said) => Ok(Err(said.status)),
                // It says that Stripe doesn't answer, and wants to be asked again.
                Err(e) => Ok(Err(e.to_string())),
            }
        })
        .await?;
        self.is_paid_once(&purchase, &order, &lamp).await?;
        Ok("the network failing during verify: asked again, it says paid, once".to_owned())
    }

    async fn right_door(&self) -> Result<String, Failure> {
        let account = self.seller.stripe_account.as_deref();
        let account = account.ok_or("the seller has no connected account")?;
        let (platform, connect) = until("an event at the Connect door", DEADLINE, async || {
            let (platform, connect) = self.subject.deliveries_of(account).await?;
            Ok(match connect {
                0 => Err("none".to_owned()),
                _ => Ok((platform, connect)),
            })
        })
        .await?;
        must(
            platform == 0,
            format!("{platform} events of {account} came to the platform's door"),
        )?;
        Ok(format!(
            "{connect} events of {account} at the Connect door, and none at the platform's"
        ))
    }

    async fn race(&self) -> Result<String, Failure> {
        let lamp = self.product(5).await?;
        let purchase = self.open(&lamp, None).await?;
        self.hands.pay(&purchase, false).await?;
        try_join_all((0..VERIFIES).map(|_| verify(&purchase))).await?;
        let order = self.settled(&purchase, true).await?;
        self.is_paid_once(&purchase, &order, &lamp).await?;
        Ok(format!(
            "the webhook and {VERIFIES} verifies at once: paid once, one unit taken"
        ))
    }

    async fn last_one_sold_twice(&self) -> Result<String, Failure> {
        let lamp = self.product(1).await?;
        let (one, two) = (self.open(&lamp, None).await?, self.open(&lamp, None).await?);
        self.hands.pay(&one, false).await?;
        self.hands.pay(&two, false).await?;
        let orders = [
            self.settled(&one, true).await?,
            self.settled(&two, true).await?,
        ];
        let mut statuses = [orders[0].status.as_str(), orders[1].status.as_str()];
        statuses.sort_unstable();
        must(
            statuses == ["paid", "refunded"],
            format!("the orders are {}", statuses.join(" and ")),
        )?;
        let left = self.stock(&lamp).await?;
        must(left == 0, format!("{left} are left"))?;
        let mut amounts = Vec::new();
        for order in &orders {
            let refunds = format!("/v1/refunds?order_id={}", order.id);
            let refunds: Vec<Refund> = self.owner.all(&refunds).await?;
            amounts.extend(refunds.into_iter().map(|refund| refund.amount));
        }
        must(
            amounts == [PRICE],
            format!("the refunds are of {amounts:?}"),
        )?;
        Ok(
            "the last one sold twice: one order paid, the other refunded, once and in full"
                .to_owned(),
        )
    }
}

async fn verify(purchase: &Purchase) -> Result<Verification, Failure> {
    let path = format!("/v1/checkout_sessions/{}/verify", purchase.session.id);
    purchase.buyer.post(&path, &json!({})).await
}

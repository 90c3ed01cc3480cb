//! `--full`: a subscription from its trial to its end. The card is declined when the trial is over, another one pays, a month is renewed,
//! and the buyer leaves by Stripe's portal.

use serde_json::{Value, json};
use souk::money::display;

use super::checks::{Verdict, ensure};
use super::client::Api;
use super::evidence::{int, list};
use super::responses::{Access, Invoice, Order, Portal, Price, SetupIntent, Subscription};
use super::sales::{open, pay_with};
use super::shop::{self, CURRENCY, Opening, PASSWORD, Shop};
use super::{Failure, Poll, Stage, short, until};

const DALIA: Opening = Opening {
    mail: "dalia",
    first_name: "Dalia",
    last_name: "Mansour",
    shop: "Dalia's Teas",
};
const PRICE: i64 = 900;
const TRIAL_DAYS: i64 = 7;
/// It can be saved, and declines every charge (docs.stripe.com/testing#declined-payments).
const DECLINES: &str = "4000000000000341";
const DAY: i64 = 86_400;

/// What was played, and how it must have ended.
pub struct Subscribed {
    shop: Shop,
    id: String,
    /// The orders of the months that were paid.
    months: i64,
}

/// Who subscribes, to what, and how the screen and Stripe are reached.
struct Play<'a> {
    stage: &'a Stage,
    shop: &'a Shop,
    mona: Api,
    id: String,
}

/// Plays it.
pub async fn play(stage: &Stage) -> Result<Subscribed, Failure> {
    let shop = shop::seller_onboards(stage, &DALIA).await?;
    let price = a_box_each_month(stage, &shop).await?;
    let play = mona_subscribes(stage, &shop, &price).await?;
    play.card_is_declined().await?;
    play.another_card_pays().await?;
    play.a_month_passes().await?;
    play.she_leaves().await?;
    let id = play.id;
    Ok(Subscribed {
        shop,
        id,
        months: 2,
    })
}

async fn a_box_each_month(stage: &Stage, shop: &Shop) -> Result<Price, Failure> {
    stage
        .screen
        .step("Dalia sells a box of tea each month, the first week for nothing");
    let new = json!({
        "seller_id": shop.seller.id, "name": "Box of tea", "unit_amount": null, "currency": CURRENCY,
    });
    let tea: Value = shop.owner.post("/v1/products", &new).await?;
    let new = json!({
        "product_id": tea["id"], "unit_amount": PRICE,
        "recurring": { "interval": "month", "trial_period_days": TRIAL_DAYS },
    });
    let price: Price = shop.owner.post("/v1/prices", &new).await?;
    stage.screen.amount("a month", price.unit_amount, CURRENCY);
    Ok(price)
}

async fn mona_subscribes<'a>(
    stage: &'a Stage,
    shop: &'a Shop,
    price: &Price,
) -> Result<Play<'a>, Failure> {
    stage
        .screen
        .step("Mona subscribes, with a card that has no money");
    let email = stage.email("mona");
    let mona = stage.server.register(&email, PASSWORD, "Mona Aziz").await?;
    let line = json!({ "price_id": price.id, "quantity": 1 });
    let new = json!({ "mode": "subscription", "lines": [line] });
    let purchase = open(&mona, &new).await?;
    pay_with(shop, &purchase, &email, DECLINES).await?;
    let made = until(&stage.screen, "the subscription", async || {
        let mut all: Vec<Subscription> = mona.get_list("/v1/subscriptions").await?;
        Ok(match all.pop() {
            Some(made) => Poll::Ready(made),
            None => Poll::Pending("none yet".to_owned()),
        })
    })
    .await?;
    let play = Play {
        stage,
        shop,
        mona,
        id: made.id,
    };
    play.until_access("trialing").await?;
    Ok(play)
}

impl Play<'_> {
    /// Waits until access is given, or refused, for this reason.
    async fn until_access(&self, reason: &str) -> Result<(), Failure> {
        let path = format!("/v1/subscriptions/{}/access", self.id);
        let what = format!("her access to be `{reason}`");
        let access = until(&self.stage.screen, &what, async || {
            let seen: Access = self.mona.get(&path).await?;
            Ok(match seen.reason == reason {
                true => Poll::Ready(seen),
                false => Poll::Pending(seen.reason),
            })
        })
        .await?;
        let until = access.until.as_deref().unwrap_or_default();
        let day = until.split('T').next().unwrap_or_default();
        self.stage.screen.done(&match access.entitled {
            true => format!("she has her tea until {day} ({reason})"),
            false => format!("she has no tea any more ({reason})"),
        });
        Ok(())
    }

    /// Day by day, so that what is due happens on its day.
    async fn days(&self, days: i64) -> Result<(), Failure> {
        for _ in 0..days {
            let day = json!({ "seconds": DAY });
            self.shop.stripe.control("/clock/advance", &day).await?;
        }
        Ok(())
    }

    async fn invoices(&self, status: &str) -> Result<Vec<Invoice>, Failure> {
        let of = &self.id;
        let path = format!("/v1/invoices?subscription_id={of}&status={status}");
        self.mona.get_list(&path).await
    }

    /// Waits for so many invoices that are paid and cost something.
    async fn until_paid(&self, months: usize) -> Result<(), Failure> {
        let paid = until(&self.stage.screen, "the month to be paid", async || {
            let paid = self.invoices("paid").await?;
            let paid: Vec<Invoice> = paid.into_iter().filter(|one| one.amount_paid > 0).collect();
            let done = paid.len() == months && paid.iter().all(|one| one.order_id.is_some());
            Ok(match done {
                true => Poll::Ready(paid),
                false => Poll::Pending(format!("{} paid", paid.len())),
            })
        })
        .await?;
        let number = paid.first().and_then(|one| one.number.as_deref());
        let label = format!("invoice {} paid", number.unwrap_or_default());
        self.stage.screen.amount(&label, PRICE, CURRENCY);
        Ok(())
    }

    async fn card_is_declined(&self) -> Result<(), Failure> {
        let screen = &self.stage.screen;
        screen.step("The week is over, and the card is declined");
        self.days(TRIAL_DAYS + 1).await?;
        self.until_access("grace").await?;
        let open = self.invoices("open").await?;
        let invoice = open.first().ok_or("no invoice is open")?;
        screen.amount(
            &format!("open after {} tries", invoice.attempt_count),
            invoice.amount_remaining,
            CURRENCY,
        );
        Ok(())
    }

    /// Opens the portal.
    async fn portal(&self, flow: &str) -> Result<String, Failure> {
        let new = json!({ "subscription_id": self.id, "flow": flow });
        let portal: Portal = self.mona.post("/v1/billing_portal_sessions", &new).await?;
        Ok(portal.url)
    }

    async fn another_card_pays(&self) -> Result<(), Failure> {
        let screen = &self.stage.screen;
        screen.step("Mona saves another card, which pays the month");
        let new = json!({ "seller_id": self.shop.seller.id });
        let setup: SetupIntent = self.mona.post("/v1/setup_intents", &new).await?;
        let (stripe, account) = (&self.shop.stripe, &self.shop.account);
        let secret = setup.client_secret.as_deref().unwrap_or_default();
        let path = format!("/setup_intents/{}", setup.id);
        if !stripe
            .confirm(&path, account, secret, "pm_card_visa")
            .await?
        {
            return Err("a good card was not saved".into());
        }
        let verify = format!("/v1{path}/verify");
        let saved = until(screen, "the card to be saved", async || {
            let seen: SetupIntent = self.mona.post(&verify, &json!({})).await?;
            Ok(match seen.payment_method {
                Some(method) => Poll::Ready(method),
                None => Poll::Pending(seen.status),
            })
        })
        .await?;
        let pay = format!("/v1/subscriptions/{}/pay", self.id);
        let with = json!({ "payment_method": saved });
        let _: Value = self.mona.post(&pay, &with).await?;
        self.until_paid(1).await?;
        self.until_access("active").await
    }

    async fn a_month_passes(&self) -> Result<(), Failure> {
        self.stage.screen.step("A month passes");
        self.days(31).await?;
        self.until_paid(2).await
    }

    async fn she_leaves(&self) -> Result<(), Failure> {
        let screen = &self.stage.screen;
        screen.step("She drinks coffee now, and cancels in the portal");
        let url = self.portal("subscription_cancel").await?;
        let form = [("action", "cancel"), ("subject", self.id.as_str())];
        self.shop.stripe.submit(&url, &form).await?;
        self.until_access("ending").await?;
        self.days(32).await?;
        self.until_access("ended").await
    }
}

impl Subscribed {
    /// The account that it was played on.
    pub fn account(&self) -> &str {
        &self.shop.account
    }

    /// Each month that Stripe was paid for is an order, once, with the platform's tenth; nothing was charged after the end.
    pub async fn check(&self, oracle: &Value) -> Verdict {
        let account = &oracle["accounts"][&self.shop.account];
        let at_stripe = list(&account["subscriptions"]).find(|one| one["id"] == self.id.as_str());
        let status = at_stripe.map(|one| one["status"].clone());
        ensure(status == Some(json!("canceled")), || {
            format!("at Stripe it is {status:?}")
        })?;
        let charged = list(&account["charges"]).filter(|charge| charge["status"] == "succeeded");
        let charged: i64 = charged.map(|charge| int(charge, "amount_captured")).sum();
        ensure(charged == self.months * PRICE, || {
            format!("{} was charged", display(charged, CURRENCY))
        })?;
        let path = format!("/v1/orders?seller_id={}", self.shop.seller.id);
        let orders: Vec<Order> = self
            .shop
            .owner
            .all(&path)
            .await
            .map_err(|e| e.to_string())?;
        let paid = orders
            .iter()
            .filter(|order| order.status == "paid" && order.amount_total == Some(PRICE));
        let paid = i64::try_from(paid.count()).unwrap_or_default();
        // The trial has an order, too, of nothing.
        let all = i64::try_from(orders.len()).unwrap_or_default();
        ensure((paid, all) == (self.months, self.months + 1), || {
            format!("{paid} of {all} orders are paid months")
        })?;
        let platform = oracle["platform"].as_str().unwrap_or_default();
        let charges: Vec<&Value> = list(&account["charges"])
            .map(|charge| &charge["id"])
            .collect();
        let fees = list(&oracle["accounts"][platform]["application_fees"]);
        let fees = fees.filter(|fee| charges.contains(&&fee["charge"]));
        let fees: i64 = fees
            .map(|fee| int(fee, "amount") - int(fee, "amount_refunded"))
            .sum();
        ensure(fees == self.months * PRICE / 10, || {
            format!("the fees are {}", display(fees, CURRENCY))
        })?;
        Ok(format!(
            "{} of {}",
            display(charged, CURRENCY),
            short(&self.id)
        ))
    }
}

//! What becomes of money that is held: the seller captures it, whole or in part, or releases it, here or in Stripe's dashboard,
//! and two of that at the same moment.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use serde_json::json;
use tokio::time::sleep;

use super::after_sales::LOOKS;
use super::delivery::lock;
use super::page::SPARED;
use super::workload::{Call, Opened, PAUSE, Workload};
use crate::Failure;

/// What was asked to become of held money, here and at Stripe, by intent: the amounts to capture in cents, and none to release it.
pub type AskedOfHolds = BTreeMap<String, BTreeSet<Option<i64>>>;

/// What somebody does about it.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// The seller captures all, or an amount in cents.
    Capture(Option<i64>),
    Cancel,
    CancelOrder,
    /// In Stripe's dashboard an amount in cents is captured.
    DashboardCapture(i64),
    DashboardCancel,
}

impl Act {
    /// What happens to a hold of so many cents, of which `part` are less. By `which`, from 0 to 14.
    pub fn some(which: u32, part: i64, whole: i64) -> Vec<Self> {
        match which {
            0 => vec![Self::Capture(None)],
            1 => vec![Self::Capture(None), Self::Capture(None)],
            2 => vec![Self::Capture(Some(part))],
            3 => vec![Self::Capture(Some(part)), Self::Capture(Some(part))],
            4 => vec![Self::Cancel, Self::Cancel],
            5 => vec![Self::CancelOrder],
            6 => vec![Self::DashboardCapture(whole)],
            7 => vec![Self::DashboardCapture(part)],
            8 => vec![Self::DashboardCancel],
            9 => vec![Self::Capture(Some(part)), Self::Cancel],
            10 => vec![Self::Capture(Some(part)), Self::Capture(Some(whole - part))],
            11 => vec![Self::Capture(None), Self::DashboardCancel],
            12 => vec![Self::Capture(Some(part)), Self::DashboardCapture(whole)],
            13 => vec![Self::Capture(None), Self::CancelOrder],
            _ => vec![],
        }
    }

    /// What that asks for of a hold of so many cents.
    pub fn asks(self, whole: i64) -> Option<i64> {
        match self {
            Self::Capture(amount) => Some(amount.unwrap_or(whole)),
            Self::DashboardCapture(amount) => Some(amount),
            Self::Cancel | Self::CancelOrder | Self::DashboardCancel => None,
        }
    }
}

/// A part of a hold of so many cents, by a number below 70: never less than the fee of the whole, which Stripe would refuse.
pub fn part_of(whole: i64, number: u32) -> i64 {
    whole * (15 + i64::from(number)) / 100
}

impl Workload<'_> {
    /// What becomes of held money. In the end, at Stripe: how much of it was captured, in cents.
    pub async fn settle_hold(&self, opened: &Opened) -> Result<i64, Failure> {
        let n = opened.n;
        let intent = self.intent_of(opened).await?;
        let part = part_of(opened.amount, self.pick("part", n, 70));
        let mut acts = Act::some(self.pick("hold", n, 15), part, opened.amount);
        // Some are in a hurry: the shop hasn't heard of the hold. It knows the intent only if it has made it.
        let is_known = opened.page.is_some();
        let waits = !is_known || self.draw("hurry", n) < 0.7;
        if waits && !self.until_held(opened).await? && !is_known {
            acts.retain(|act| matches!(act, Act::DashboardCapture(_) | Act::DashboardCancel));
        }
        {
            let mut asked = lock(&self.asked_of_holds);
            let asked = asked.entry(intent.clone()).or_default();
            asked.extend(acts.iter().map(|act| act.asks(opened.amount)));
        }
        try_join_all(acts.iter().map(|act| self.act(opened, &intent, *act))).await?;
        let path = format!("/v1/payment_intents/{intent}");
        let there = self.read_stripe(opened.shop, &path).await?;
        Ok(there["amount_received"].as_i64().unwrap_or(0))
    }

    /// Waits a while until the shop shows that the money is held. `false`: its event may have got lost.
    async fn until_held(&self, opened: &Opened) -> Result<bool, Failure> {
        let path = format!("/v1/orders/{}", opened.order);
        for _ in 0..LOOKS {
            let (_, order) = self.by_seller(opened, &Call::get(&path)).await?;
            if order["status"] == "authorized" {
                return Ok(true);
            }
            sleep(PAUSE).await;
        }
        Ok(false)
    }

    /// It may come too late, or too early.
    async fn act(&self, opened: &Opened, intent: &str, act: Act) -> Result<(), Failure> {
        let here = format!("/v1/payment_intents/{intent}");
        let (path, body) = match act {
            Act::Capture(None) => (format!("{here}/capture"), json!({})),
            Act::Capture(Some(amount)) => (format!("{here}/capture"), json!({ "amount": amount })),
            Act::Cancel => (format!("{here}/cancel"), json!({})),
            Act::CancelOrder => (format!("/v1/orders/{}/cancel", opened.order), json!({})),
            Act::DashboardCapture(amount) => {
                let form = format!("amount_to_capture={amount}");
                return self.in_the_dashboard(opened, intent, "capture", form).await;
            }
            Act::DashboardCancel => {
                let none = String::new();
                return self.in_the_dashboard(opened, intent, "cancel", none).await;
            }
        };
        self.told(opened, &Call::post(&path, &body)).await
    }

    /// The seller asks. If the shop has not heard of the hold, that is that.
    async fn told(&self, opened: &Opened, call: &Call<'_>) -> Result<(), Failure> {
        for _ in 0..2 {
            let token = self.token(opened.shop);
            let call = call.by(&token);
            let answer = match self.plan.stripe.is_empty() {
                true => self.ask(&call).await?,
                // Where Stripe fails, what the seller asked for once is done all the same.
                false => self.once(&call).await.unwrap_or_default(),
            };
            match answer {
                (401, _) => self.log_in(opened.shop).await?,
                // 0 and 5xx: nobody answers, and the seller gives up.
                (0 | 200 | 404 | 409 | 500.., _) => return Ok(()),
                (status, answer) => {
                    return Err(format!("{}: {status} {answer}", call.path).into());
                }
            }
        }
        Ok(())
    }

    /// Somebody does it at Stripe itself, who may refuse it.
    async fn in_the_dashboard(
        &self,
        opened: &Opened,
        intent: &str,
        what: &str,
        form: String,
    ) -> Result<(), Failure> {
        let environment = self.environment;
        let base = environment.simulator.base_url();
        let request = environment
            .http
            .post(format!("{base}/v1/payment_intents/{intent}/{what}"))
            .bearer_auth("sk_test_seller")
            .header("stripe-account", &self.shops[opened.shop].account)
            .header("stripe-version", souk_simulator::API_VERSION)
            .header(SPARED.0, SPARED.1)
            .header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(form).send().await?;
        match answer.status().as_u16() {
            200 | 400 => Ok(()),
            status => Err(format!("{what} of {intent}: {status} {}", answer.text().await?).into()),
        }
    }
}

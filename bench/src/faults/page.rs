//! A payment page of the shop's own: the buyer confirms an intent with Stripe.js, which has the client secret and a publishable
//! key and nothing else. Some are declined first, some have to show their bank who they are, and some leave.

use serde_json::{Value, json};

use super::after_sales::Claim;
use super::workload::{Call, Opened, Workload};
use crate::Failure;

/// What such a page has of an intent.
pub struct Page {
    pub client_secret: String,
}

/// The method of a card that is declined, and of one whose bank wants to see the buyer (docs.stripe.com/testing).
const DECLINED: &str = "pm_card_chargeDeclinedInsufficientFunds";
const CHALLENGED: &str = "pm_card_threeDSecure2Required";
/// A request to Stripe with this isn't struck by the faults that are meant for Souk's: nothing is done to it.
pub const SPARED: (&str, &str) = ("simulator-fault", "slow; ms=0");

impl Workload<'_> {
    /// The buyer pays, or has the money held. `false`: the buyer canceled the payment instead, or at the same moment.
    pub async fn pay_on_page(
        &self,
        opened: &Opened,
        page: &Page,
        claim: Option<Claim>,
    ) -> Result<bool, Failure> {
        let (n, intent) = (opened.n, opened.object.as_str());
        let confirm = async |method| self.confirm(opened.shop, intent, page, method).await;
        let method = Claim::method(claim);
        match (claim, self.pick("page", n, 10)) {
            (None, 0) => {
                self.cancel_twice(opened).await;
                return Ok(false);
            }
            (None, 1) if !opened.is_manual => {
                // Whichever comes first, the other is refused.
                let (confirmed, ()) = tokio::join!(confirm(method), self.cancel_twice(opened));
                confirmed?;
                let path = format!("/v1/payment_intents/{intent}");
                let there = self.read_stripe(opened.shop, &path).await?;
                return Ok(there["status"] != "canceled");
            }
            (_, 2) => {
                confirm(DECLINED).await?;
                confirm(method).await?;
            }
            (None, 3 | 4) => {
                confirm(CHALLENGED).await?;
                self.answer_bank(intent, "complete").await?;
            }
            (_, 5) => {
                confirm(CHALLENGED).await?;
                self.answer_bank(intent, "fail").await?;
                confirm(method).await?;
            }
            (_, 6) => {
                // Two tabs: Stripe takes one of them.
                let (one, other) = tokio::join!(confirm(method), confirm(method));
                one?;
                other?;
            }
            _ => {
                confirm(method).await?;
            }
        }
        Ok(true)
    }

    /// As Stripe.js does. A refusal is an answer.
    pub async fn confirm(
        &self,
        shop: usize,
        intent: &str,
        page: &Page,
        method: &str,
    ) -> Result<(), Failure> {
        let environment = self.environment;
        let base = environment.simulator.base_url();
        let form = [
            ("client_secret", page.client_secret.as_str()),
            ("payment_method", method),
            ("return_url", "https://ada.example"),
        ];
        let form = form.map(|(name, value)| format!("{name}={value}"));
        let request = environment
            .http
            .post(format!("{base}/v1/payment_intents/{intent}/confirm"))
            .bearer_auth("pk_test_page")
            .header("stripe-account", &self.shops[shop].account)
            .header("stripe-version", souk_simulator::API_VERSION)
            .header(SPARED.0, SPARED.1)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.join("&"));
        let answer = request.send().await?;
        let (status, text) = (answer.status().as_u16(), answer.text().await?);
        match status {
            200 | 400 | 402 => Ok(()),
            _ => Err(format!("{intent} confirmed: {status} {text}").into()),
        }
    }

    /// The buyer's answer on the page of the bank.
    async fn answer_bank(&self, intent: &str, outcome: &str) -> Result<Value, Failure> {
        let path = format!("/payment_intents/{intent}/challenge");
        self.at_stripe(&path, &json!({ "outcome": outcome })).await
    }

    /// The buyer leaves the page, twice at the same moment.
    async fn cancel_twice(&self, opened: &Opened) {
        let (path, none) = (format!("{}/cancel", opened.path()), json!({}));
        let call = Call::post(&path, &none).of(opened);
        tokio::join!(self.once(&call), self.once(&call));
    }
}

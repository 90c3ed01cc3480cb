//! What follows a sale: sellers refund amounts, lines and all of it, and say so several times; buyers go to their banks, and
//! sellers answer or accept.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::delivery::lock;
use super::workload::{Call, Opened, PAUSE, Workload, text};
use crate::Failure;

/// A card whose payment is disputed at once, and one whose payment the bank asks about (docs.stripe.com/testing).
const DISPUTED: &str = "4000000000000259";
const INQUIRED: &str = "4000000000001976";
/// How often a seller asks for what isn't there yet.
pub const LOOKS: u32 = 20;
/// What the bank decides at once when this is the evidence (docs.stripe.com/testing#disputes); else it takes its time.
const EVIDENCE: [&str; 3] = ["winning_evidence", "losing_evidence", "It was delivered."];

/// What was asked for under an `Idempotency-Key`.
#[derive(Default)]
pub struct Asked {
    pub order: String,
    /// The refunds that were answered.
    pub refunds: BTreeSet<String>,
}

/// How a buyer goes to the bank.
#[derive(Clone, Copy)]
pub enum Claim {
    /// By what the card does.
    AtOnce(&'static str),
    /// Later; whether it is an inquiry.
    Later(bool),
}

impl Claim {
    /// The same, later.
    pub fn later(self) -> Self {
        match self {
            Self::AtOnce(card) => Self::Later(card == INQUIRED),
            Self::Later(inquiry) => Self::Later(inquiry),
        }
    }

    /// How a payment is made.
    pub fn payment(claim: Option<Self>) -> Value {
        match claim {
            Some(Self::AtOnce(card)) => json!({ "card": card }),
            _ => json!({}),
        }
    }

    /// The payment method by which an intent is paid.
    pub fn method(claim: Option<Self>) -> &'static str {
        match claim {
            Some(Self::AtOnce(DISPUTED)) => "pm_card_createDispute",
            Some(Self::AtOnce(_)) => "pm_card_createDisputeInquiry",
            _ => "pm_card_visa",
        }
    }
}

impl Workload<'_> {
    /// Whether and how this buyer disputes the payment.
    pub fn claim(&self, n: u32) -> Option<Claim> {
        let disputes = self.draw("disputes", n) < self.plan.disputes;
        disputes.then(|| match self.pick("claim", n, 5) {
            0 | 1 => Claim::AtOnce(DISPUTED),
            2 => Claim::AtOnce(INQUIRED),
            3 => Claim::Later(false),
            _ => Claim::Later(true),
        })
    }

    /// The seller refunds an order: all of it, an amount, or lines. Lines of a whole payment only, since what they have cost of
    /// a part nobody says.
    pub async fn refund(&self, opened: &Opened, is_whole: bool) -> Result<(), Failure> {
        let restock = self.draw("restock", opened.n) < 0.5;
        let how = match is_whole {
            true => 6,
            false => 2,
        };
        match self.pick("how", opened.n, how) {
            0 => {
                let all = json!({ "order_id": opened.order, "restock": restock });
                self.ask_for_refund(opened, "all", &all).await
            }
            1 => {
                let part = json!({ "order_id": opened.order, "amount": 100 });
                self.ask_for_refund(opened, "part", &part).await
            }
            _ => self.refund_lines(opened, restock).await,
        }
    }

    /// One unit of the last line; then all of that line, which is more than is left; and for some the rest.
    async fn refund_lines(&self, opened: &Opened, restock: bool) -> Result<(), Failure> {
        let path = format!("/v1/orders/{}", opened.order);
        let (status, order) = self.by_seller(opened, &Call::get(&path)).await?;
        let Some(line) = order["lines"].as_array().and_then(|lines| lines.last()) else {
            return match status {
                // The seller gives up.
                0 | 500.. => Ok(()),
                _ => Err(format!("{path}: {status} {order}").into()),
            };
        };
        let of = |quantity: &Value| {
            json!({
                "order_id": opened.order, "restock": restock,
                "lines": [{ "order_line_id": line["id"], "quantity": quantity }],
            })
        };
        self.ask_for_refund(opened, "unit", &of(&json!(1))).await?;
        self.ask_for_refund(opened, "line", &of(&line["quantity"]))
            .await?;
        if self.draw("rest", opened.n) < 0.5 {
            let rest = json!({ "order_id": opened.order });
            self.ask_for_refund(opened, "rest", &rest).await?;
        }
        Ok(())
    }

    /// Asks under one key: twice at the same moment, and once more.
    async fn ask_for_refund(
        &self,
        opened: &Opened,
        what: &str,
        body: &Value,
    ) -> Result<(), Failure> {
        let key = format!("back-{what}-{}", opened.n);
        {
            let mut asked = lock(&self.asked);
            let asked = asked.entry(key.clone()).or_default();
            asked.order.clone_from(&opened.order);
        }
        let call = Call::post("/v1/refunds", body).key(&key);
        let (one, other) =
            tokio::join!(self.by_seller(opened, &call), self.by_seller(opened, &call));
        let again = self.by_seller(opened, &call).await?;
        for (status, answer) in [one?, other?, again] {
            if status == 201 {
                let refund = text(&answer, "id")?;
                let mut asked = lock(&self.asked);
                asked.entry(key.clone()).or_default().refunds.insert(refund);
            }
        }
        Ok(())
    }

    /// The buyer disputes the payment, the seller answers, accepts or does nothing, and the bank decides, perhaps twice.
    pub async fn dispute(&self, opened: &Opened, claim: Claim) -> Result<(), Failure> {
        let intent = self.intent_of(opened).await?;
        let of_intent = |kind: &str| format!("/v1/{kind}?payment_intent={intent}");
        if let Claim::Later(inquiry) = claim {
            let charges = self.read_stripe(opened.shop, &of_intent("charges")).await?;
            let path = format!("/charges/{}/dispute", text(&charges["data"][0], "id")?);
            // What is refunded already can't be disputed.
            if charges["data"][0]["refunded"] == json!(true) {
                return Ok(());
            }
            self.at_stripe(&path, &json!({ "inquiry": inquiry }))
                .await?;
        }
        let disputes = self
            .read_stripe(opened.shop, &of_intent("disputes"))
            .await?;
        let dispute = text(&disputes["data"][0], "id")?;
        self.respond(opened, &dispute, "first").await?;
        let verdict = ["won", "lost", "escalated"][self.pick("verdict", opened.n, 3) as usize];
        self.decide(&dispute, verdict).await?;
        match verdict {
            "escalated" => self.respond(opened, &dispute, "second").await?,
            "lost" if self.draw("appeals", opened.n) < 0.7 => {
                if self.draw("seen", opened.n) < 0.5 {
                    self.until_seen(opened, &dispute, "lost").await?;
                }
                self.decide(&dispute, "appealed").await?;
                self.respond(opened, &dispute, "second").await?;
            }
            _ => {}
        }
        if self.draw("decides", opened.n) < 0.7 {
            self.decide(&dispute, "won").await?;
        }
        Ok(())
    }

    /// The intent that has collected a checkout's money, or holds it.
    pub async fn intent_of(&self, opened: &Opened) -> Result<String, Failure> {
        if opened.page.is_some() {
            return Ok(opened.object.clone());
        }
        let session = format!("/v1/checkout/sessions/{}", opened.object);
        let session = self.read_stripe(opened.shop, &session).await?;
        text(&session, "payment_intent")
    }

    /// What the bank decides. It may have decided before, or have nothing that it could decide so.
    async fn decide(&self, dispute: &str, outcome: &str) -> Result<(), Failure> {
        let path = format!("/disputes/{dispute}/decide");
        let decided = self.at_stripe(&path, &json!({ "outcome": outcome })).await;
        match decided {
            Err(e) if !e.to_string().contains(": 400") => Err(e),
            _ => Ok(()),
        }
    }

    /// What the seller does about a dispute that waits for an answer: nothing, accept it, or submit evidence, twice at the same
    /// moment and once more.
    async fn respond(&self, opened: &Opened, dispute: &str, when: &str) -> Result<(), Failure> {
        let (path, none) = (format!("/v1/disputes/{dispute}"), json!({}));
        match self.pick(&format!("response {when}"), opened.n, 6) {
            0 => {}
            1 => {
                let accept = format!("{path}/accept");
                let call = Call::post(&accept, &none);
                let (one, other) =
                    tokio::join!(self.by_seller(opened, &call), self.by_seller(opened, &call));
                one?;
                other?;
            }
            _ => {
                let text = EVIDENCE[self.pick(&format!("evidence {when}"), opened.n, 3) as usize];
                let body = json!({ "evidence": { "uncategorized_text": text } });
                let evidence = format!("{path}/evidence");
                let write = Call::patch(&evidence, &body);
                self.by_seller(opened, &write).await?;
                let submit = format!("{path}/submit");
                let call = Call::post(&submit, &none);
                let (one, other) =
                    tokio::join!(self.by_seller(opened, &call), self.by_seller(opened, &call));
                one?;
                other?;
                self.by_seller(opened, &call).await?;
            }
        }
        Ok(())
    }

    /// Waits a while until the shop shows a dispute as decided. Its event may have got lost.
    async fn until_seen(
        &self,
        opened: &Opened,
        dispute: &str,
        status: &str,
    ) -> Result<(), Failure> {
        let path = format!("/v1/disputes/{dispute}");
        for _ in 0..LOOKS {
            let (_, known) = self.by_seller(opened, &Call::get(&path)).await?;
            if known["status"] == status {
                break;
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Asks as the seller. What isn't known yet, since its event is on the way, is asked for again.
    pub async fn by_seller(
        &self,
        opened: &Opened,
        call: &Call<'_>,
    ) -> Result<(u16, Value), Failure> {
        let mut last = (0, Value::Null);
        for _ in 0..LOOKS {
            let token = self.token(opened.shop);
            last = self.ask(&call.by(&token)).await?;
            match (last.0, last.1["code"].as_str()) {
                (401, _) => self.log_in(opened.shop).await?,
                (404, _) | (409, Some("order_not_paid")) => sleep(PAUSE).await,
                _ => break,
            }
        }
        Ok(last)
    }

    /// Reads from Stripe as the seller's account.
    pub async fn read_stripe(&self, shop: usize, path: &str) -> Result<Value, Failure> {
        let environment = self.environment;
        let url = format!("{}{path}", environment.simulator.base_url());
        let request = environment.http.get(url).bearer_auth("sk_test_seller");
        let answer = request
            .header("stripe-account", &self.shops[shop].account)
            .header("stripe-version", souk_simulator::API_VERSION)
            .send()
            .await?;
        let (status, text) = (answer.status(), answer.text().await?);
        match status.is_success() {
            true => Ok(serde_json::from_str(&text)?),
            false => Err(format!("{path}: {status} {text}").into()),
        }
    }
}

//! Refunds of lines, and disputes that sellers answer.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::books::{is_asking, is_open, list, text};
use super::{PATIENCE, World};
use crate::Failure;
use crate::faults::delivery::lock;
use crate::faults::rng::pick;
use crate::faults::workload::Call;

impl World<'_> {
    /// The seller refunds what is left of an order, or an amount. `false`: lines of it have gone back, so that less is left.
    pub(super) async fn refund(
        &self,
        n: usize,
        order: &str,
        amount: Option<i64>,
    ) -> Result<bool, Failure> {
        let body = match amount {
            Some(amount) => json!({ "order_id": order, "amount": amount }),
            None => json!({ "order_id": order }),
        };
        let key = format!("{order}-{amount:?}-{}", self.step);
        lock(&self.asked).entry(key.clone()).or_default().order = order.to_owned();
        let call = Call::post("/v1/refunds", &body).key(&key);
        let (status, answer) = self.tell(n, &call).await?;
        match (status, answer["code"].as_str()) {
            (201, _) => Ok(true),
            (409, Some("already_refunded" | "refund_exceeds_paid")) => Ok(false),
            _ => Err(format!("a refund: {status} {answer}").into()),
        }
    }

    /// The seller refunds an order, and later the bank sends the money back.
    pub(super) async fn fail_refund(&self, n: usize, order: &str) -> Result<(), Failure> {
        if !self.refund(n, order, None).await? {
            return Ok(());
        }
        let intent = self.intent_of(order).await?;
        let began = Instant::now();
        loop {
            let oracle = self.oracle().await?;
            let refunds = list(&oracle, &self.lives[n].account, "refunds");
            let made = refunds
                .iter()
                .find(|r| r["payment_intent"] == intent.as_str());
            if let Some(refund) = made {
                let path = format!("/refunds/{}/fail", text(refund, "id")?);
                return self.control(&path, &json!({})).await.map(drop);
            }
            if began.elapsed() > PATIENCE {
                return Err(format!("the refund of {order} was never made").into());
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// The seller refunds some units of an order's first line, says so twice, and may have them come back to stock. They may
    /// have gone back already.
    pub(super) async fn refund_line(
        &self,
        n: usize,
        order: &str,
        chance: u32,
    ) -> Result<(), Failure> {
        let path = format!("/v1/orders/{order}");
        let read = self.must(n, &Call::get(&path)).await?;
        let line = &read["lines"][0];
        let units = 1 + pick(self.plan.seed, ("units", order, self.step), 2);
        let body = json!({
            "order_id": order, "restock": self.draw("restock", n) < 0.7,
            "lines": [{ "order_line_id": line["id"], "quantity": units }],
        });
        let key = format!("{order}-{}-{chance}", self.step);
        let key = key.as_str();
        lock(&self.asked).entry(key.to_owned()).or_default().order = order.to_owned();
        for _ in 0..2 {
            let call = Call::post("/v1/refunds", &body).key(key);
            let (status, answer) = self.tell(n, &call).await?;
            match status {
                201 => {
                    let refund = text(&answer, "id")?;
                    let mut asked = lock(&self.asked);
                    asked
                        .entry(key.to_owned())
                        .or_default()
                        .refunds
                        .insert(refund);
                }
                409 => {}
                _ => return Err(format!("a refund of lines: {status} {answer}").into()),
            }
        }
        Ok(())
    }

    pub(super) async fn dispute(
        &self,
        n: usize,
        order: &str,
        inquiry: bool,
    ) -> Result<(), Failure> {
        let intent = self.intent_of(order).await?;
        let oracle = self.oracle().await?;
        let charges = list(&oracle, &self.lives[n].account, "charges");
        let charge = charges
            .iter()
            .find(|c| c["payment_intent"] == intent.as_str());
        let charge = charge.ok_or("a payment without a charge")?;
        let path = format!("/charges/{}/dispute", text(charge, "id")?);
        self.control(&path, &json!({ "inquiry": inquiry }))
            .await
            .map(drop)
    }

    /// A bank decides about what it has been asked, or goes on to a dispute.
    pub(super) async fn decide(&self, n: usize) -> Result<(), Failure> {
        let oracle = self.oracle().await?;
        let disputes = list(&oracle, &self.lives[n].account, "disputes");
        for dispute in disputes.iter().filter(|d| is_open(d)) {
            let id = text(dispute, "id")?;
            let is_inquiry = dispute["status"]
                .as_str()
                .is_some_and(|s| s.starts_with("warning"));
            let outcome = match pick(self.plan.seed, ("verdict", &id, self.step), 3) {
                0 => "won",
                1 if is_inquiry => "escalated",
                _ => "lost",
            };
            let path = format!("/disputes/{id}/decide");
            self.control(&path, &json!({ "outcome": outcome })).await?;
        }
        Ok(())
    }

    /// The seller answers what banks ask: submits evidence, twice, or accepts. Stripe has it before the bank goes on.
    pub(super) async fn answer(&self, n: usize) -> Result<(), Failure> {
        let (oracle, account) = (self.oracle().await?, &self.lives[n].account);
        for before in list(&oracle, account, "disputes") {
            let id = text(before, "id")?;
            if !is_asking(before) || !self.is_known(n, before).await? {
                continue;
            }
            let none = json!({});
            let path = format!("/v1/disputes/{id}");
            let (accept, evidence) = (format!("{path}/accept"), format!("{path}/evidence"));
            let submit = format!("{path}/submit");
            if pick(self.plan.seed, ("accepts", &id, self.step), 4) == 0 {
                self.must(n, &Call::post(&accept, &none)).await?;
            } else {
                let written = json!({ "evidence": { "uncategorized_text": "It was delivered." } });
                self.must(n, &Call::patch(&evidence, &written)).await?;
                for _ in 0..2 {
                    self.must(n, &Call::post(&submit, &none)).await?;
                }
            }
            let began = Instant::now();
            while self.at_bank(account, &id).await?["status"] == before["status"] {
                if began.elapsed() > PATIENCE {
                    return Err(format!("Stripe was never told of the answer to {id}").into());
                }
                sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    /// Whether a dispute is known here as it is at Stripe. What nobody here has heard of yet can't be answered.
    async fn is_known(&self, n: usize, dispute: &Value) -> Result<bool, Failure> {
        let path = format!("/v1/disputes/{}", text(dispute, "id")?);
        let (status, known) = self.tell(n, &Call::get(&path)).await?;
        Ok(status == 200 && known["status"] == dispute["status"])
    }

    async fn at_bank(&self, account: &str, id: &str) -> Result<Value, Failure> {
        let oracle = self.oracle().await?;
        let mut disputes = list(&oracle, account, "disputes").iter();
        let found = disputes.find(|dispute| dispute["id"] == id);
        found.cloned().ok_or_else(|| format!("{id} is gone").into())
    }

    /// Asks as the seller.
    async fn tell(&self, n: usize, call: &Call<'_>) -> Result<(u16, Value), Failure> {
        let call = call.by(&self.lives[n].token);
        let answer = call.to(&self.http, &self.shop).send().await?;
        let (status, text) = (answer.status().as_u16(), answer.text().await?);
        Ok((status, serde_json::from_str(&text)?))
    }

    pub(super) async fn must(&self, n: usize, call: &Call<'_>) -> Result<Value, Failure> {
        match self.tell(n, call).await? {
            (200 | 201, answer) => Ok(answer),
            (status, answer) => Err(format!("{}: {status} {answer}", call.path).into()),
        }
    }
}

//! Sales by an intent on a page of the shop's own, and money that is held until the seller captures it, somebody releases it, or
//! its time is over.

use serde_json::{Value, json};

use super::World;
use super::books::{int, text};
use crate::Failure;
use crate::faults::holds::{Act, part_of};
use crate::faults::rng::pick;
use crate::faults::workload::Call;

impl World<'_> {
    /// A buyer buys one or several, on Stripe's page or one of the shop's own, and pays. The order; none while its money is only
    /// held.
    pub(super) async fn sell(&mut self, n: usize, sale: u32) -> Result<Option<String>, Failure> {
        let products = self.lives[n].products.iter();
        let lines = products.take(1 + sale as usize % 2).map(|product| {
            let quantity = 1 + pick(self.plan.seed, ("quantity", product, self.step, sale), 3);
            json!({ "product_id": product, "quantity": quantity })
        });
        let mut body = json!({
            "lines": lines.collect::<Vec<_>>(),
            "customer_email": format!("buyer{n}.{}.{sale}@example.com", self.step),
        });
        let is_manual = self.draw(&format!("manual {sale}"), n) < 0.3;
        if is_manual {
            body["capture_method"] = json!("manual");
        }
        let opened = match self.draw(&format!("intent {sale}"), n) < 0.4 {
            true => self.pay_intent(n, &body).await?,
            false => {
                let session = self.ask("/v1/checkout_sessions", &body, None).await?;
                let path = format!("/checkout/sessions/{}/pay", text(&session, "id")?);
                self.control(&path, &json!({})).await?;
                session
            }
        };
        let order = text(&opened, "order_id")?;
        if is_manual {
            self.lives[n].held.push(order);
            return Ok(None);
        }
        Ok(Some(order))
    }

    async fn pay_intent(&self, n: usize, body: &Value) -> Result<Value, Failure> {
        let opened = self.ask("/v1/payment_intents", body, None).await?;
        let path = format!("/v1/payment_intents/{}/confirm", text(&opened, "id")?);
        let form = "payment_method=pm_card_visa&return_url=https://shop.example";
        self.at_stripe(&path, Some(&self.lives[n].account), form)
            .await?;
        Ok(opened)
    }

    /// Something may be done about each hold of an earlier step. The orders that were captured whole.
    pub(super) async fn settle_holds(&mut self, n: usize) -> Result<Vec<String>, Failure> {
        let mut captured = Vec::new();
        for order in std::mem::take(&mut self.lives[n].held) {
            let path = format!("/v1/orders/{order}");
            let read = self.must(n, &Call::get(&path)).await?;
            let held = &read["authorization"];
            if read["status"] != "authorized" {
                // Its time is over.
                continue;
            }
            let (intent, whole) = (
                text(held, "payment_intent")?,
                int(held, "amount_capturable"),
            );
            let part = part_of(whole, pick(self.plan.seed, ("part", &order), 70));
            let which = pick(self.plan.seed, ("hold", &order, self.step), 12);
            let act = Act::some(which, part, whole).into_iter().next();
            let Some(act) = act.filter(|_| which < 9) else {
                self.lives[n].held.push(order);
                continue;
            };
            let asked = self.asked_of_holds.entry(intent.clone()).or_default();
            asked.insert(act.asks(whole));
            self.act(n, &order, &intent, act).await?;
            if matches!(act, Act::Capture(None)) {
                captured.push(order);
            }
        }
        Ok(captured)
    }

    async fn act(&self, n: usize, order: &str, intent: &str, act: Act) -> Result<(), Failure> {
        let here = format!("/v1/payment_intents/{intent}");
        let (path, body) = match act {
            Act::Capture(None) => (format!("{here}/capture"), json!({})),
            Act::Capture(Some(amount)) => (format!("{here}/capture"), json!({ "amount": amount })),
            Act::Cancel => (format!("{here}/cancel"), json!({})),
            Act::CancelOrder => (format!("/v1/orders/{order}/cancel"), json!({})),
            Act::DashboardCapture(amount) => {
                let form = format!("amount_to_capture={amount}");
                let account = Some(self.lives[n].account.as_str());
                let path = format!("{here}/capture");
                return self.at_stripe(&path, account, &form).await.map(drop);
            }
            Act::DashboardCancel => {
                let account = Some(self.lives[n].account.as_str());
                let path = format!("{here}/cancel");
                return self.at_stripe(&path, account, "").await.map(drop);
            }
        };
        self.must(n, &Call::post(&path, &body)).await.map(drop)
    }
}

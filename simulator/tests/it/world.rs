//! A simulator and its sellers, to whom the random operations of `properties` are done.

mod perform;

use serde_json::{Value, json};
use souk_simulator::Options;

use crate::{
    invariants::{int, text},
    operations::{Action, Operation},
    support::{Answer, Stripe, without},
};

const STEPS: [i64; 5] = [0, 45, 3600, 86_400, 11 * 86_400];
const FAULTS: [&str; 5] = [
    "error429",
    "error500",
    "timeout_before_commit",
    "commit_then_timeout",
    "reset",
];

fn pick<T>(all: &[T], which: u8) -> &T {
    &all[usize::from(which) % all.len()]
}

/// A part of an amount, from nothing to a little more than all of it: some of it must be refused.
fn part_of(amount: i64, part: u16) -> i64 {
    amount * i64::from(part) / 60_000
}

/// A simulator and its sellers.
pub struct World {
    pub s: Stripe,
    platform: String,
    sellers: Vec<String>,
    keys: u32,
}

impl World {
    pub async fn start(options: Options) -> Self {
        let s = Stripe::with(options).await;
        let mut sellers = Vec::new();
        for (country, payer, losses, dashboard, bank) in [
            ("DE", "account", "stripe", "full", "12345678"),
            ("US", "application", "application", "express", "12345678"),
            ("US", "account", "stripe", "full", "000111111113"),
        ] {
            let body = format!(
                "country={country}&controller[fees][payer]={payer}&controller[losses][payments]={losses}&controller[stripe_dashboard][type]={dashboard}"
            );
            let account = s.post("/v1/accounts", &body).await;
            let id = account["id"].as_str().expect("id").to_owned();
            let how = json!({ "bank_account": bank }).to_string();
            s.post(&format!("/_simulator/accounts/{id}/onboard"), &how)
                .await;
            if dashboard == "express" {
                s.post(
                    &format!("/v1/accounts/{id}"),
                    "settings[payouts][schedule][interval]=manual",
                )
                .await;
            }
            sellers.push(id);
        }
        let platform = s.get("/v1/account").await;
        let platform = text(&platform, "id").to_owned();
        Self {
            s,
            platform,
            sellers,
            keys: 0,
        }
    }

    /// Posts under a key of its own, and as a careful client does: whatever went wrong on the way, the same key and
    /// body again.
    async fn post(&mut self, seller: &str, path: &str, body: &str, fault: Option<u8>) -> Answer {
        self.keys += 1;
        let key = format!("key-{}", self.keys);
        let headers = [("Stripe-Account", seller), ("Idempotency-Key", &key)];
        let kind = fault.map(|f| *pick(&FAULTS, f));
        if let Some(kind) = kind {
            let fault = json!({ "method": "POST", "path_prefix": path, "kind": kind, "times": 1 });
            self.s.post("/_simulator/faults", &fault.to_string()).await;
        }
        let first = self.s.try_send("POST", path, body, &headers).await;
        let answer = match (kind, first) {
            (None, first) => return self.fine(path, body, first.expect("no fault, no answer")),
            (Some("error429"), Ok(first)) => {
                assert_eq!(first.status, 429);
                self.again(path, body, &headers).await
            }
            (Some("error500"), Ok(first)) => {
                assert_eq!(first.status, 500);
                // Saved under its key: a careful client looks, and takes another.
                let replayed = self.again(path, body, &headers).await;
                assert_eq!(replayed.status, 500);
                let key = format!("{key}-2");
                let headers = [("Stripe-Account", seller), ("Idempotency-Key", &key)];
                self.again(path, body, &headers).await
            }
            (_, Err(_)) => self.again(path, body, &headers).await,
            (_, Ok(first)) => panic!("{kind:?} was answered: {}", first.body),
        };
        self.fine(path, body, answer)
    }

    async fn again(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        self.s.send("POST", path, body, headers).await
    }

    fn fine(&self, path: &str, body: &str, answer: Answer) -> Answer {
        assert!(answer.status < 500, "{path} {body}: {}", answer.body);
        answer
    }

    /// The control API; refusals are fine.
    async fn force(&self, path: &str, body: &Value) -> Answer {
        let path = format!("/_simulator{path}");
        let answer = self.s.send("POST", &path, &body.to_string(), &[]).await;
        self.fine(&path, &body.to_string(), answer)
    }

    /// One of a list, mostly one whose status lets something happen to it.
    async fn one_of(&self, seller: &str, list: &str, which: u8, live: &[&str]) -> Option<Value> {
        let all = self.s.get_on(seller, &format!("{list}?limit=100")).await;
        let all = all["data"].as_array().expect("list");
        let alive: Vec<_> = all
            .iter()
            .filter(|v| live.is_empty() || live.contains(&text(v, "status")))
            .cloned()
            .collect();
        if alive.is_empty() || which >= 240 {
            return (!all.is_empty()).then(|| pick(all, which).clone());
        }
        Some(pick(&alive, which).clone())
    }

    /// A part of what is available, as `amount` and `currency`.
    async fn rich(&self, account: &str, part: u16) -> String {
        let balance = self.s.get_on(account, "/v1/balance").await;
        let all = balance["available"].as_array().expect("available");
        match all.iter().max_by_key(|b| int(b, "amount")) {
            Some(most) if int(most, "amount") > 0 => format!(
                "amount={}&currency={}",
                part_of(int(most, "amount"), part),
                text(most, "currency")
            ),
            _ => "amount=100&currency=eur".to_owned(),
        }
    }

    pub async fn perform(&mut self, operation: &Operation) {
        let seller = match usize::from(operation.seller) % (self.sellers.len() + 1) {
            0 => self.platform.clone(),
            n => self.sellers[n - 1].clone(),
        };
        match &operation.action {
            Action::Sell { .. } | Action::Debit { .. } | Action::SettleDebit { .. } => {
                self.sales(&seller, operation).await
            }
            Action::Refund { .. } | Action::RefundFee { .. } | Action::EndRefund { .. } => {
                self.refunds(&seller, operation).await
            }
            Action::Dispute { .. } | Action::Answer { .. } | Action::EndDispute { .. } => {
                self.disputes(&seller, operation).await
            }
            Action::PayOut { .. }
            | Action::EndPayout { .. }
            | Action::Schedule { .. }
            | Action::TopUp { .. }
            | Action::Mend => self.payouts(&seller, operation).await,
            Action::Intend { .. } | Action::EndIntent { .. } | Action::Destination { .. } => {
                self.intents(&seller, operation).await
            }
            Action::Transfer { .. } | Action::Reverse { .. } => self.transfers(operation).await,
            Action::Subscribe { .. } | Action::EndSubscription { .. } => {
                self.subscriptions(&seller, operation).await
            }
            Action::Advance { step } => self.s.simulator.advance(*pick(&STEPS, *step)).await,
        }
        self.s.simulator.clear_faults().await;
    }

    /// By the API, or by the control API where the path isn't one of Stripe's.
    async fn either(&mut self, seller: &str, path: &str, body: &str, fault: Option<u8>) {
        if path.starts_with("/v1/") {
            self.post(seller, path, body, fault).await;
        } else {
            self.force(path, &json!({})).await;
        }
    }

    async fn session(
        &mut self,
        seller: &str,
        amount: i64,
        currency: &str,
        more: &str,
        fault: Option<u8>,
    ) -> Option<String> {
        let body = format!(
            "mode=payment&success_url=https://shop.example/ok&line_items[0][price_data][currency]={currency}&line_items[0][price_data][unit_amount]={amount}&line_items[0][price_data][product_data][name]=Tea&line_items[0][quantity]=1{more}"
        );
        let answer = self
            .post(seller, "/v1/checkout/sessions", &body, fault)
            .await;
        (answer.status == 200).then(|| text(&answer.body, "id").to_owned())
    }

    /// A customer subscribes, with a card that may be declined now or later; the platform takes its part.
    async fn subscribe(&mut self, seller: &str, amount: u16, method: u8, fault: Option<u8>) {
        let method = pick(&["pm_card_visa", "pm_card_chargeCustomerFail"], method);
        let amount = 100 + i64::from(amount);
        let price = format!(
            "currency=eur&unit_amount={amount}&recurring[interval]=week&product_data[name]=Tea"
        );
        let price = self.post(seller, "/v1/prices", &price, None).await.body;
        let customer =
            format!("payment_method={method}&invoice_settings[default_payment_method]={method}");
        let customer = self.post(seller, "/v1/customers", &customer, None).await;
        let fee = if seller == self.platform {
            ""
        } else {
            "&application_fee_percent=12.5"
        };
        let body = format!(
            "customer={}&items[0][price]={}{fee}",
            text(&customer.body, "id"),
            text(&price, "id")
        );
        self.post(seller, "/v1/subscriptions", &body, fault).await;
    }

    async fn refund(
        &mut self,
        seller: &str,
        charge: &Value,
        part: u16,
        with_fee: bool,
        way: u8,
        fault: Option<u8>,
    ) {
        let id = text(charge, "id");
        let mut body = String::new();
        if way & 4 == 0 {
            body = format!("amount={}&", part_of(int(charge, "amount"), part));
        }
        let (path, of) = match way % 4 {
            0 => (format!("/v1/charges/{id}/refund"), String::new()),
            1 => (
                "/v1/refunds".to_owned(),
                format!("payment_intent={}", text(charge, "payment_intent")),
            ),
            _ => ("/v1/refunds".to_owned(), format!("charge={id}")),
        };
        body += &of;
        if with_fee && charge["transfer"].is_string() {
            body += "&reverse_transfer=true";
        }
        if with_fee && !charge["application_fee"].is_null() {
            body += "&refund_application_fee=true";
        }
        self.post(seller, &path, body.trim_start_matches('&'), fault)
            .await;
    }

    pub async fn tell(&self) -> Value {
        let here = self.s.simulator.base_url();
        without(&self.s.simulator.oracle().await, &here)
    }
}

//! A simulator and its sellers, to whom the random operations of `properties` are done.

use serde_json::{Value, json};
use souk_simulator::Options;

use crate::{
    deeds::{Deed, Op},
    invariants::{int, text},
    support::{Answer, Stripe, without},
};

const CARDS: [&str; 11] = [
    "4242424242424242",
    "5555555555554444",
    "4000000000000002",
    "4000000000009995",
    "4000000000000259",
    "4000000000002685",
    "4000000000001976",
    "4000000000007726",
    "4000000000005126",
    "4000002760003184",
    "4000000000000077",
];
const CURRENCIES: [&str; 3] = ["eur", "usd", "jpy"];
const METHODS: [&str; 8] = [
    "pm_card_visa",
    "pm_card_mastercard",
    "pm_card_bypassPending",
    "pm_card_chargeDeclined",
    "pm_card_createDispute",
    "pm_card_createDisputeInquiry",
    "pm_card_pendingRefund",
    "pm_card_authenticationRequired",
];
const EVIDENCE: [&str; 5] = [
    "evidence[uncategorized_text]=winning_evidence",
    "evidence[uncategorized_text]=losing_evidence",
    "evidence[uncategorized_text]=escalate_inquiry_evidence",
    "evidence[product_description]=Tea",
    "evidence[product_description]=Tea&submit=false",
];
const SCHEDULES: [&str; 5] = [
    "[interval]=daily",
    "[interval]=manual",
    "[interval]=weekly&[weekly_anchor]=friday",
    "[interval]=monthly&[monthly_anchor]=31",
    "[interval]=daily&[delay_days]=7",
];
const STEPS: [i64; 5] = [0, 45, 3600, 86_400, 11 * 86_400];
const OPEN: [&str; 4] = [
    "needs_response",
    "under_review",
    "warning_needs_response",
    "warning_under_review",
];
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

/// A simulator and its sellers, and what is done to them.
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

    pub async fn do_it(&mut self, op: &Op) {
        let seller = match usize::from(op.seller) % (self.sellers.len() + 1) {
            0 => self.platform.clone(),
            n => self.sellers[n - 1].clone(),
        };
        match &op.deed {
            Deed::Sell { .. } | Deed::Debit { .. } | Deed::SettleDebit { .. } => {
                self.sales(&seller, op).await
            }
            Deed::Refund { .. } | Deed::RefundFee { .. } | Deed::EndRefund { .. } => {
                self.refunds(&seller, op).await
            }
            Deed::Dispute { .. } | Deed::Answer { .. } | Deed::EndDispute { .. } => {
                self.disputes(&seller, op).await
            }
            Deed::PayOut { .. }
            | Deed::EndPayout { .. }
            | Deed::Schedule { .. }
            | Deed::TopUp { .. }
            | Deed::Mend => self.payouts(&seller, op).await,
            Deed::Intend { .. } | Deed::EndIntent { .. } | Deed::Destination { .. } => {
                self.intents(&seller, op).await
            }
            Deed::Transfer { .. } | Deed::Reverse { .. } => self.transfers(op).await,
            Deed::Subscribe { .. } | Deed::EndSubscription { .. } => {
                self.subscriptions(&seller, op).await
            }
            Deed::Advance { step } => self.s.simulator.advance(*pick(&STEPS, *step)).await,
        }
        self.s.simulator.clear_faults().await;
    }

    /// A sale on a Checkout page, or a bank debit on one and how it ends.
    async fn sales(&mut self, seller: &str, op: &Op) {
        match &op.deed {
            Deed::Sell {
                amount,
                fee,
                card,
                currency,
            } => {
                let amount = 100 + i64::from(*amount);
                let fee = match amount * i64::from(*fee) / 200_000 {
                    fee if fee > 0 && seller != self.platform => {
                        format!("&payment_intent_data[application_fee_amount]={fee}")
                    }
                    _ => String::new(),
                };
                let session = self
                    .session(
                        seller,
                        amount,
                        pick::<&str>(&CURRENCIES, *currency),
                        &fee,
                        op.fault,
                    )
                    .await;
                if let Some(session) = session {
                    let how = json!({ "card": pick(&CARDS, *card), "challenge": "complete" });
                    self.force(&format!("/checkout/sessions/{session}/pay"), &how)
                        .await;
                }
            }
            Deed::Debit { amount } => {
                let amount = 100 + i64::from(*amount);
                let more = "&allowed_payment_method_types[0]=card&allowed_payment_method_types[1]=sepa_debit";
                let session = self.session(seller, amount, "eur", more, op.fault).await;
                if let Some(session) = session {
                    let how = json!({ "method": "sepa_debit" });
                    self.force(&format!("/checkout/sessions/{session}/pay"), &how)
                        .await;
                }
            }
            Deed::SettleDebit { which, succeed } => {
                if let Some(session) = self
                    .one_of(seller, "/v1/checkout/sessions", *which, &["complete"])
                    .await
                {
                    let how = json!({ "outcome": if *succeed { "succeed" } else { "fail" } });
                    let id = text(&session, "id");
                    self.force(&format!("/checkout/sessions/{id}/settle"), &how)
                        .await;
                }
            }
            other => unreachable!("{other:?} is none of the sales"),
        }
    }

    async fn refunds(&mut self, seller: &str, op: &Op) {
        match &op.deed {
            Deed::Refund {
                which,
                part,
                with_fee,
                way,
            } => {
                if let Some(charge) = self
                    .one_of(seller, "/v1/charges", *which, &["succeeded"])
                    .await
                {
                    self.refund(seller, &charge, *part, *with_fee, *way, op.fault)
                        .await;
                }
            }
            Deed::RefundFee { which, part } => {
                let platform = self.s.get("/v1/account").await;
                let platform = text(&platform, "id");
                if let Some(fee) = self
                    .one_of(platform, "/v1/application_fees", *which, &[])
                    .await
                {
                    let amount = part_of(int(&fee, "amount"), *part);
                    let path = format!("/v1/application_fees/{}/refunds", text(&fee, "id"));
                    let body = format!("amount={amount}");
                    self.post(platform, &path, &body, op.fault).await;
                }
            }
            Deed::EndRefund { which, how } => {
                if let Some(refund) = self
                    .one_of(
                        seller,
                        "/v1/refunds",
                        *which,
                        &["pending", "requires_action", "succeeded"],
                    )
                    .await
                {
                    let id = text(&refund, "id");
                    let path = match how % 6 {
                        0 => format!("/v1/refunds/{id}/cancel"),
                        1 => format!("/v1/test_helpers/refunds/{id}/expire"),
                        2 => format!("/refunds/{id}/succeed"),
                        3 => format!("/refunds/{id}/fail"),
                        _ => format!("/refunds/{id}/require_action"),
                    };
                    self.either(seller, &path, "", op.fault).await;
                }
            }
            other => unreachable!("{other:?} is none of the refunds"),
        }
    }

    async fn disputes(&mut self, seller: &str, op: &Op) {
        match &op.deed {
            Deed::Dispute {
                which,
                part,
                inquiry,
            } => {
                if let Some(charge) = self
                    .one_of(seller, "/v1/charges", *which, &["succeeded"])
                    .await
                {
                    let amount = part_of(int(&charge, "amount"), *part);
                    let how =
                        json!({ "inquiry": inquiry, "amount": (part % 3 == 0).then_some(amount) });
                    let path = format!("/charges/{}/dispute", text(&charge, "id"));
                    self.force(&path, &how).await;
                }
            }
            Deed::Answer { which, evidence } => {
                if let Some(dispute) = self.one_of(seller, "/v1/disputes", *which, &OPEN).await {
                    let path = format!("/v1/disputes/{}", text(&dispute, "id"));
                    self.post(seller, &path, pick::<&str>(&EVIDENCE, *evidence), op.fault)
                        .await;
                }
            }
            Deed::EndDispute { which, how } => {
                if let Some(dispute) = self.one_of(seller, "/v1/disputes", *which, &OPEN).await {
                    let id = text(&dispute, "id");
                    let outcome = ["won", "lost", "escalated"].get(usize::from(how % 4));
                    match outcome {
                        Some(outcome) => {
                            let path = format!("/disputes/{id}/decide");
                            self.force(&path, &json!({ "outcome": outcome })).await;
                        }
                        None => {
                            let path = format!("/v1/disputes/{id}/close");
                            self.post(seller, &path, "", op.fault).await;
                        }
                    }
                }
            }
            other => unreachable!("{other:?} is none of the disputes"),
        }
    }

    /// Payouts, their schedule, and the money for them.
    async fn payouts(&mut self, seller: &str, op: &Op) {
        match &op.deed {
            Deed::PayOut { part } => {
                let body = self.rich(seller, *part).await;
                self.post(seller, "/v1/payouts", &body, op.fault).await;
            }
            Deed::EndPayout { which, how } => {
                if let Some(payout) = self
                    .one_of(
                        seller,
                        "/v1/payouts",
                        *which,
                        &["pending", "in_transit", "paid"],
                    )
                    .await
                {
                    let id = text(&payout, "id");
                    let path = match how % 3 {
                        0 => format!("/v1/payouts/{id}/cancel"),
                        1 => format!("/v1/payouts/{id}/reverse"),
                        _ => format!("/payouts/{id}/fail"),
                    };
                    self.either(seller, &path, "", op.fault).await;
                }
            }
            Deed::Schedule { which, debits } => {
                let parts: Vec<_> = pick(&SCHEDULES, *which)
                    .split('&')
                    .map(|part| format!("settings[payouts][schedule]{part}"))
                    .collect();
                let body = format!(
                    "{}&settings[payouts][debit_negative_balances]={debits}",
                    parts.join("&")
                );
                self.s.post(&format!("/v1/accounts/{seller}"), &body).await;
            }
            Deed::TopUp { amount } => {
                let body = format!("amount={}&currency=eur", u32::from(*amount) + 1);
                let platform = self.platform.clone();
                self.post(&platform, "/v1/topups", &body, op.fault).await;
            }
            Deed::Mend => {
                self.force(&format!("/accounts/{seller}/mend_payouts"), &json!({}))
                    .await;
            }
            other => unreachable!("{other:?} is none of the payouts"),
        }
    }

    async fn intents(&mut self, seller: &str, op: &Op) {
        match &op.deed {
            Deed::Intend {
                amount,
                fee,
                method,
                manual,
            } => {
                let amount = 100 + i64::from(*amount);
                let fee = match amount * i64::from(*fee) / 200_000 {
                    fee if fee > 0 && seller != self.platform => {
                        format!("&application_fee_amount={fee}")
                    }
                    _ => String::new(),
                };
                let capture = if *manual { "manual" } else { "automatic" };
                let body = format!(
                    "amount={amount}&currency=eur&confirm=true&payment_method={}&capture_method={capture}{fee}&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never",
                    pick::<&str>(&METHODS, *method)
                );
                self.post(seller, "/v1/payment_intents", &body, op.fault)
                    .await;
            }
            Deed::EndIntent { which, part, how } => {
                if let Some(intent) = self
                    .one_of(seller, "/v1/payment_intents", *which, &["requires_capture"])
                    .await
                {
                    let path = format!("/v1/payment_intents/{}", text(&intent, "id"));
                    let amount = part_of(int(&intent, "amount"), *part);
                    let (path, body) = match how % 4 {
                        0 => (format!("{path}/cancel"), String::new()),
                        1 => (format!("{path}/capture"), String::new()),
                        _ => (
                            format!("{path}/capture"),
                            format!("amount_to_capture={amount}"),
                        ),
                    };
                    self.post(seller, &path, &body, op.fault).await;
                }
            }
            Deed::Destination {
                amount,
                fee,
                method,
                to,
            } => {
                let amount = 100 + i64::from(*amount);
                let fee = amount * i64::from(*fee) / 200_000;
                let body = format!(
                    "amount={amount}&currency=eur&confirm=true&payment_method={}&transfer_data[destination]={}&application_fee_amount={fee}&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never",
                    pick::<&str>(&METHODS, *method),
                    pick(&self.sellers, *to)
                );
                let platform = self.platform.clone();
                self.post(&platform, "/v1/payment_intents", &body, op.fault)
                    .await;
            }
            other => unreachable!("{other:?} is none of the intents"),
        }
    }

    async fn transfers(&mut self, op: &Op) {
        match &op.deed {
            Deed::Transfer {
                part,
                to,
                of_charge,
            } => {
                let to = pick(&self.sellers, *to).clone();
                let platform = self.platform.clone();
                let from = self.rich(&platform, *part).await;
                let charge = self
                    .one_of(&platform, "/v1/charges", op.seller, &["succeeded"])
                    .await;
                let body = match charge.filter(|_| *of_charge) {
                    Some(charge) => format!(
                        "amount={}&currency={}&source_transaction={}",
                        part_of(int(&charge, "amount"), *part),
                        text(&charge, "currency"),
                        text(&charge, "id")
                    ),
                    None => from,
                };
                let body = format!("{body}&destination={to}");
                self.post(&platform, "/v1/transfers", &body, op.fault).await;
            }
            Deed::Reverse {
                which,
                part,
                with_fee,
            } => {
                let platform = self.platform.clone();
                if let Some(transfer) = self.one_of(&platform, "/v1/transfers", *which, &[]).await {
                    let path = format!("/v1/transfers/{}/reversals", text(&transfer, "id"));
                    let body = format!(
                        "amount={}&refund_application_fee={with_fee}",
                        part_of(int(&transfer, "amount"), *part)
                    );
                    self.post(&platform, &path, &body, op.fault).await;
                }
            }
            other => unreachable!("{other:?} is none of the transfers"),
        }
    }

    async fn subscriptions(&mut self, seller: &str, op: &Op) {
        match &op.deed {
            Deed::Subscribe { amount, method } => {
                self.subscribe(seller, *amount, *method, op.fault).await;
            }
            Deed::EndSubscription { which, how } => {
                let (list, live) = match how % 3 {
                    0 => ("/v1/invoices", "open"),
                    1 => ("/v1/invoices", "draft"),
                    _ => ("/v1/subscriptions", "active"),
                };
                if let Some(of) = self.one_of(seller, list, *which, &[live]).await {
                    let (path, body) = match (list, how % 2) {
                        ("/v1/invoices", 0) => ("/pay", "payment_method=pm_card_visa"),
                        ("/v1/invoices", _) => ("/pay", "paid_out_of_band=true"),
                        _ => ("", "proration_behavior=always_invoice&trial_end=now"),
                    };
                    let path = format!("{list}/{}{path}", text(&of, "id"));
                    self.post(seller, &path, body, op.fault).await;
                }
            }
            other => unreachable!("{other:?} is none of the subscriptions"),
        }
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

//! The books under random sequences of operations, with random faults on the way to each.
//!
//! A short fixed set runs with every test run. `SIMULATOR_PROPERTY_CASES=500 cargo test -p souk-simulator --test it
//! properties` runs as many new ones (nextest would stop it for taking long), and a failure
//! prints the shortest sequence that still fails. Everything is run twice, on two simulators of one seed: both must
//! tell the same to the byte, and so must the second after a restart on its file.

use std::collections::BTreeMap;

use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};
use souk_simulator::Options;

use crate::support::{Answer, Stripe, check_books, file, options, without};

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

/// What is done. A `u8` picks one of those there are, a `u16` an amount or a part of one.
#[derive(Debug, Clone)]
enum Deed {
    Sell {
        amount: u16,
        fee: u16,
        card: u8,
        currency: u8,
    },
    Debit {
        amount: u16,
    },
    SettleDebit {
        which: u8,
        succeed: bool,
    },
    Refund {
        which: u8,
        part: u16,
        with_fee: bool,
        way: u8,
    },
    RefundFee {
        which: u8,
        part: u16,
    },
    EndRefund {
        which: u8,
        how: u8,
    },
    Dispute {
        which: u8,
        part: u16,
        inquiry: bool,
    },
    Answer {
        which: u8,
        evidence: u8,
    },
    EndDispute {
        which: u8,
        how: u8,
    },
    PayOut {
        part: u16,
    },
    EndPayout {
        which: u8,
        how: u8,
    },
    Schedule {
        which: u8,
        debits: bool,
    },
    Intend {
        amount: u16,
        fee: u16,
        method: u8,
        manual: bool,
    },
    EndIntent {
        which: u8,
        part: u16,
        how: u8,
    },
    Destination {
        amount: u16,
        fee: u16,
        method: u8,
        to: u8,
    },
    Transfer {
        part: u16,
        to: u8,
        of_charge: bool,
    },
    Reverse {
        which: u8,
        part: u16,
        with_fee: bool,
    },
    Mend,
    Advance {
        step: u8,
    },
}

/// A deed on one of the sellers, and the fault that strikes its first request.
#[derive(Debug, Clone)]
struct Op {
    seller: u8,
    deed: Deed,
    fault: Option<u8>,
}

fn deed() -> impl Strategy<Value = Deed> {
    let (n, part) = (any::<u8>(), any::<u16>());
    prop_oneof![
        6 => (part, part, n, n).prop_map(|(amount, fee, card, currency)| Deed::Sell { amount, fee, card, currency }),
        1 => part.prop_map(|amount| Deed::Debit { amount }),
        1 => (n, any::<bool>()).prop_map(|(which, succeed)| Deed::SettleDebit { which, succeed }),
        4 => (n, part, any::<bool>(), n).prop_map(|(which, part, with_fee, way)| Deed::Refund { which, part, with_fee, way }),
        1 => (n, part).prop_map(|(which, part)| Deed::RefundFee { which, part }),
        2 => (n, n).prop_map(|(which, how)| Deed::EndRefund { which, how }),
        1 => (n, part, any::<bool>()).prop_map(|(which, part, inquiry)| Deed::Dispute { which, part, inquiry }),
        2 => (n, n).prop_map(|(which, evidence)| Deed::Answer { which, evidence }),
        1 => (n, n).prop_map(|(which, how)| Deed::EndDispute { which, how }),
        2 => part.prop_map(|part| Deed::PayOut { part }),
        2 => (n, n).prop_map(|(which, how)| Deed::EndPayout { which, how }),
        1 => (n, any::<bool>()).prop_map(|(which, debits)| Deed::Schedule { which, debits }),
        4 => (part, part, n, any::<bool>()).prop_map(|(amount, fee, method, manual)| Deed::Intend { amount, fee, method, manual }),
        3 => (n, part, n).prop_map(|(which, part, how)| Deed::EndIntent { which, part, how }),
        2 => (part, part, n, n).prop_map(|(amount, fee, method, to)| Deed::Destination { amount, fee, method, to }),
        3 => (part, n, any::<bool>()).prop_map(|(part, to, of_charge)| Deed::Transfer { part, to, of_charge }),
        2 => (n, part, any::<bool>()).prop_map(|(which, part, with_fee)| Deed::Reverse { which, part, with_fee }),
        1 => Just(Deed::Mend),
        6 => n.prop_map(|step| Deed::Advance { step }),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let fault = prop_oneof![4 => Just(None), 1 => any::<u8>().prop_map(Some)];
    (any::<u8>(), deed(), fault).prop_map(|(seller, deed, fault)| Op {
        seller,
        deed,
        fault,
    })
}

fn pick<T>(all: &[T], which: u8) -> &T {
    &all[usize::from(which) % all.len()]
}

/// A part of an amount, from nothing to a little more than all of it: some of it must be refused.
fn part_of(amount: i64, part: u16) -> i64 {
    amount * i64::from(part) / 60_000
}

/// A simulator and its sellers, and what is done to them.
struct World {
    s: Stripe,
    platform: String,
    sellers: Vec<String>,
    keys: u32,
}

impl World {
    async fn start(options: Options) -> Self {
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

    async fn do_it(&mut self, op: &Op) {
        let seller = match usize::from(op.seller) % (self.sellers.len() + 1) {
            0 => self.platform.clone(),
            n => self.sellers[n - 1].clone(),
        };
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
                        &seller,
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
                let session = self.session(&seller, amount, "eur", more, op.fault).await;
                if let Some(session) = session {
                    let how = json!({ "method": "sepa_debit" });
                    self.force(&format!("/checkout/sessions/{session}/pay"), &how)
                        .await;
                }
            }
            Deed::SettleDebit { which, succeed } => {
                if let Some(session) = self
                    .one_of(&seller, "/v1/checkout/sessions", *which, &["complete"])
                    .await
                {
                    let how = json!({ "outcome": if *succeed { "succeed" } else { "fail" } });
                    let id = text(&session, "id");
                    self.force(&format!("/checkout/sessions/{id}/settle"), &how)
                        .await;
                }
            }
            Deed::Refund {
                which,
                part,
                with_fee,
                way,
            } => {
                if let Some(charge) = self
                    .one_of(&seller, "/v1/charges", *which, &["succeeded"])
                    .await
                {
                    self.refund(&seller, &charge, *part, *with_fee, *way, op.fault)
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
                    self.post(&platform, &path, &body, op.fault).await;
                }
            }
            Deed::EndRefund { which, how } => {
                if let Some(refund) = self
                    .one_of(
                        &seller,
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
                    self.either(&seller, &path, "", op.fault).await;
                }
            }
            Deed::Dispute {
                which,
                part,
                inquiry,
            } => {
                if let Some(charge) = self
                    .one_of(&seller, "/v1/charges", *which, &["succeeded"])
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
                if let Some(dispute) = self.one_of(&seller, "/v1/disputes", *which, &OPEN).await {
                    let path = format!("/v1/disputes/{}", text(&dispute, "id"));
                    self.post(&seller, &path, pick::<&str>(&EVIDENCE, *evidence), op.fault)
                        .await;
                }
            }
            Deed::EndDispute { which, how } => {
                if let Some(dispute) = self.one_of(&seller, "/v1/disputes", *which, &OPEN).await {
                    let id = text(&dispute, "id");
                    let outcome = ["won", "lost", "escalated"].get(usize::from(how % 4));
                    match outcome {
                        Some(outcome) => {
                            let path = format!("/disputes/{id}/decide");
                            self.force(&path, &json!({ "outcome": outcome })).await;
                        }
                        None => {
                            let path = format!("/v1/disputes/{id}/close");
                            self.post(&seller, &path, "", op.fault).await;
                        }
                    }
                }
            }
            Deed::PayOut { part } => {
                let body = self.rich(&seller, *part).await;
                self.post(&seller, "/v1/payouts", &body, op.fault).await;
            }
            Deed::EndPayout { which, how } => {
                if let Some(payout) = self
                    .one_of(
                        &seller,
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
                    self.either(&seller, &path, "", op.fault).await;
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
                self.post(&seller, "/v1/payment_intents", &body, op.fault)
                    .await;
            }
            Deed::EndIntent { which, part, how } => {
                if let Some(intent) = self
                    .one_of(
                        &seller,
                        "/v1/payment_intents",
                        *which,
                        &["requires_capture"],
                    )
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
                    self.post(&seller, &path, &body, op.fault).await;
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
            Deed::Mend => {
                self.force(&format!("/accounts/{seller}/mend_payouts"), &json!({}))
                    .await;
            }
            Deed::Advance { step } => self.s.simulator.advance(*pick(&STEPS, *step)).await,
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

    async fn tell(&self) -> Value {
        let here = self.s.simulator.base_url();
        without(&self.s.simulator.oracle().await, &here)
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn int(value: &Value, field: &str) -> i64 {
    value[field].as_i64().unwrap_or_default()
}

/// What must hold after whatever happened.
fn check(oracle: &Value) {
    check_books(oracle);
    let accounts = oracle["accounts"].as_object().expect("accounts");
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for account in accounts.values() {
        let rows = |name: &str| account[name].as_array().expect("every kind is told");
        let mut add = |of: &Value, amount: i64| {
            *sums.entry(text(of, "currency").to_owned()).or_default() += amount;
        };
        let refunds = rows("refunds");
        let alive = |r: &Value| !["failed", "canceled"].contains(&text(r, "status"));
        let of_transfer = |r: &Value| {
            let mut charges = rows("charges").iter();
            charges.any(|c| c["id"] == r["charge"] && !c["source_transfer"].is_null())
        };
        for charge in rows("charges") {
            let given: i64 = refunds
                .iter()
                .filter(|r| r["charge"] == charge["id"] && alive(r))
                .map(|r| int(r, "amount"))
                .sum();
            let captured = int(charge, "amount_captured");
            assert!(given <= captured, "{charge}");
            if charge["status"] == "succeeded" && charge["captured"] == true {
                // What was reserved and not captured counts as refunded.
                let rest = int(charge, "amount") - captured;
                assert_eq!(charge["amount_refunded"], given + rest, "{charge}");
                assert_eq!(charge["refunded"], given == captured, "{charge}");
                if charge["source_transfer"].is_null() {
                    add(charge, captured);
                }
            } else {
                assert_eq!(captured, 0, "{charge}");
            }
        }
        for refund in refunds {
            let moved = !refund["balance_transaction"].is_null();
            if moved && alive(refund) && !of_transfer(refund) {
                add(refund, -int(refund, "amount"));
            }
            assert_eq!(
                moved && !alive(refund),
                refund["failure_balance_transaction"].is_string(),
                "{refund}"
            );
        }
        for dispute in rows("disputes") {
            let taken = match text(dispute, "status") {
                "needs_response" | "under_review" | "lost" => int(dispute, "amount"),
                _ => 0,
            };
            let shown = dispute["balance_transactions"].as_array().expect("list");
            let net: i64 = shown.iter().map(|t| int(t, "amount")).sum();
            assert_eq!(net, -taken, "{dispute}");
            add(dispute, -taken);
        }
        for payout in rows("payouts") {
            if alive(payout) {
                add(payout, -int(payout, "amount"));
            }
        }
        for transfer in rows("transfers") {
            let back: i64 = rows("transfer_reversals")
                .iter()
                .filter(|r| r["transfer"] == transfer["id"])
                .map(|r| int(r, "amount"))
                .sum();
            assert_eq!(transfer["amount_reversed"], back, "{transfer}");
            assert!(back <= int(transfer, "amount"), "{transfer}");
        }
        for fee in rows("application_fees") {
            let back: i64 = rows("application_fee_refunds")
                .iter()
                .filter(|r| r["fee"] == fee["id"])
                .map(|r| int(r, "amount"))
                .sum();
            assert_eq!(fee["amount_refunded"], back, "{fee}");
        }
        for txn in rows("balance_transactions") {
            for fee in txn["fee_details"].as_array().expect("fees") {
                if fee["type"] == "stripe_fee" {
                    add(fee, -int(fee, "amount"));
                }
            }
            if txn["type"] == "stripe_fee" {
                add(txn, int(txn, "amount"));
            }
            add(txn, -int(txn, "net"));
        }
        waiting(account);
    }
    // What buyers paid, less what left, is what lies on the balances: application fees and transfers only move.
    for (currency, left) in sums {
        assert_eq!(left, 0, "{currency} came from nowhere or went there");
    }
}

/// The oldest refund that waits for funds really has none.
fn waiting(account: &Value) {
    for (currency, balance) in account["balances"].as_object().expect("balances") {
        let there = int(balance, "available") + int(balance, "pending");
        let mut refunds = account["refunds"].as_array().expect("refunds").iter();
        let first = refunds
            .find(|r| r["currency"] == *currency && r["pending_reason"] == "insufficient_funds");
        if let Some(refund) = first {
            assert!(
                there < int(refund, "amount"),
                "{there} {currency}: {refund}"
            );
        }
    }
}

async fn run(options: Options, ops: &[Op]) -> World {
    let mut world = World::start(options).await;
    for (n, op) in ops.iter().enumerate() {
        world.do_it(op).await;
        if n % 8 == 0 {
            check(&world.s.simulator.oracle().await);
        }
    }
    world
}

fn assume(mut options: Options, choices: u8) -> Options {
    for (n, assumption) in souk_simulator::ASSUMPTIONS.iter().enumerate() {
        let value = assumption.values[usize::from(choices >> (n % 8)) % assumption.values.len()];
        options
            .assumptions
            .set(assumption.name, value)
            .expect("one of its values");
    }
    options
}

/// To the byte; where they differ, says where first.
fn same(one: &Value, other: &Value, after: &str) {
    let (mut one, mut other, mut at) = (one, other, String::new());
    let whole = (one.to_string(), other.to_string());
    loop {
        let differs = match (one, other) {
            (Value::Object(a), Value::Object(b)) if a.len() == b.len() => a
                .keys()
                .find(|k| b.get(*k) != a.get(*k))
                .and_then(|k| Some((k.clone(), &a[k], b.get(k)?))),
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => (0..a.len())
                .find(|n| a[*n] != b[*n])
                .map(|n| (n.to_string(), &a[n], &b[n])),
            _ => None,
        };
        let Some((key, a, b)) = differs else { break };
        (one, other, at) = (a, b, format!("{at}/{key}"));
    }
    assert!(
        whole.0 == whole.1,
        "{after} tells another {at}: {one} and {other}"
    );
}

async fn twice_and_again(ops: &[Op], choices: u8) {
    let first = run(assume(options(), choices), ops).await;
    let told = first.tell().await;
    check(&told);
    first.s.simulator.stop().await;
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("state.jsonl");
    let second = run(assume(file(&path), choices), ops).await;
    same(&told, &second.tell().await, "the same seed");
    let before = second.s.simulator.base_url();
    second.s.simulator.stop().await;
    let s = Stripe::with(assume(file(&path), choices)).await;
    let again = without(&s.simulator.oracle().await, &s.simulator.base_url());
    for account in again["accounts"].as_object().expect("accounts").values() {
        assert!(!account["charges"].to_string().contains(&before));
    }
    same(&told, &without(&again, &before), "a restart");
    s.simulator.stop().await;
}

#[test]
fn the_books_hold_whatever_happens_and_one_seed_gives_the_same_bytes() {
    let many = std::env::var("SIMULATOR_PROPERTY_CASES").ok();
    let config = Config {
        cases: many.as_deref().map_or(5, |n| n.parse().expect("a number")),
        failure_persistence: None,
        max_shrink_iters: 300,
        ..Config::default()
    };
    let mut runner = match many {
        Some(_) => TestRunner::new(config),
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    };
    let ops = prop::collection::vec(op(), 1..70);
    let done = runner.run(&(ops, any::<u8>()), |(ops, choices)| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("runtime")
            .block_on(twice_and_again(&ops, choices));
        Ok(())
    });
    if let Err(error) = done {
        panic!("{error}");
    }
}

//! Each group of the random operations, done to one of the sellers.

use serde_json::json;

use super::{World, part_of, pick};
use crate::{
    invariants::{int, text},
    operations::{Action, Operation},
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

const OPEN: [&str; 4] = [
    "needs_response",
    "under_review",
    "warning_needs_response",
    "warning_under_review",
];

impl World {
    /// A sale on a Checkout page, or a bank debit on one and how it ends.
    pub(super) async fn sales(&mut self, seller: &str, operation: &Operation) {
        match &operation.action {
            Action::Sell {
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
                        operation.fault,
                    )
                    .await;
                if let Some(session) = session {
                    let how = json!({ "card": pick(&CARDS, *card), "challenge": "complete" });
                    self.force(&format!("/checkout/sessions/{session}/pay"), &how)
                        .await;
                }
            }
            Action::Debit { amount } => {
                let amount = 100 + i64::from(*amount);
                let more = "&allowed_payment_method_types[0]=card&allowed_payment_method_types[1]=sepa_debit";
                let session = self
                    .session(seller, amount, "eur", more, operation.fault)
                    .await;
                if let Some(session) = session {
                    let how = json!({ "method": "sepa_debit" });
                    self.force(&format!("/checkout/sessions/{session}/pay"), &how)
                        .await;
                }
            }
            Action::SettleDebit { which, succeed } => {
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

    pub(super) async fn refunds(&mut self, seller: &str, operation: &Operation) {
        match &operation.action {
            Action::Refund {
                which,
                part,
                with_fee,
                way,
            } => {
                if let Some(charge) = self
                    .one_of(seller, "/v1/charges", *which, &["succeeded"])
                    .await
                {
                    self.refund(seller, &charge, *part, *with_fee, *way, operation.fault)
                        .await;
                }
            }
            Action::RefundFee { which, part } => {
                let platform = self.s.get("/v1/account").await;
                let platform = text(&platform, "id");
                if let Some(fee) = self
                    .one_of(platform, "/v1/application_fees", *which, &[])
                    .await
                {
                    let amount = part_of(int(&fee, "amount"), *part);
                    let path = format!("/v1/application_fees/{}/refunds", text(&fee, "id"));
                    let body = format!("amount={amount}");
                    self.post(platform, &path, &body, operation.fault).await;
                }
            }
            Action::EndRefund { which, how } => {
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
                    self.either(seller, &path, "", operation.fault).await;
                }
            }
            other => unreachable!("{other:?} is none of the refunds"),
        }
    }

    pub(super) async fn disputes(&mut self, seller: &str, operation: &Operation) {
        match &operation.action {
            Action::Dispute {
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
            Action::Answer { which, evidence } => {
                if let Some(dispute) = self.one_of(seller, "/v1/disputes", *which, &OPEN).await {
                    let path = format!("/v1/disputes/{}", text(&dispute, "id"));
                    self.post(
                        seller,
                        &path,
                        pick::<&str>(&EVIDENCE, *evidence),
                        operation.fault,
                    )
                    .await;
                }
            }
            Action::EndDispute { which, how } => {
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
                            self.post(seller, &path, "", operation.fault).await;
                        }
                    }
                }
            }
            other => unreachable!("{other:?} is none of the disputes"),
        }
    }

    /// Payouts, their schedule, and the money for them.
    pub(super) async fn payouts(&mut self, seller: &str, operation: &Operation) {
        match &operation.action {
            Action::PayOut { part } => {
                let body = self.rich(seller, *part).await;
                self.post(seller, "/v1/payouts", &body, operation.fault)
                    .await;
            }
            Action::EndPayout { which, how } => {
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
                    self.either(seller, &path, "", operation.fault).await;
                }
            }
            Action::Schedule { which, debits } => {
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
            Action::TopUp { amount } => {
                let body = format!("amount={}&currency=eur", u32::from(*amount) + 1);
                let platform = self.platform.clone();
                self.post(&platform, "/v1/topups", &body, operation.fault)
                    .await;
            }
            Action::Mend => {
                self.force(&format!("/accounts/{seller}/mend_payouts"), &json!({}))
                    .await;
            }
            other => unreachable!("{other:?} is none of the payouts"),
        }
    }

    pub(super) async fn intents(&mut self, seller: &str, operation: &Operation) {
        match &operation.action {
            Action::Intend {
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
                self.post(seller, "/v1/payment_intents", &body, operation.fault)
                    .await;
            }
            Action::EndIntent { which, part, how } => {
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
                    self.post(seller, &path, &body, operation.fault).await;
                }
            }
            Action::Destination {
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
                self.post(&platform, "/v1/payment_intents", &body, operation.fault)
                    .await;
            }
            other => unreachable!("{other:?} is none of the intents"),
        }
    }

    pub(super) async fn transfers(&mut self, operation: &Operation) {
        match &operation.action {
            Action::Transfer {
                part,
                to,
                of_charge,
            } => {
                let to = pick(&self.sellers, *to).clone();
                let platform = self.platform.clone();
                let from = self.rich(&platform, *part).await;
                let charge = self
                    .one_of(&platform, "/v1/charges", operation.seller, &["succeeded"])
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
                self.post(&platform, "/v1/transfers", &body, operation.fault)
                    .await;
            }
            Action::Reverse {
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
                    self.post(&platform, &path, &body, operation.fault).await;
                }
            }
            other => unreachable!("{other:?} is none of the transfers"),
        }
    }

    pub(super) async fn subscriptions(&mut self, seller: &str, operation: &Operation) {
        match &operation.action {
            Action::Subscribe { amount, method } => {
                self.subscribe(seller, *amount, *method, operation.fault)
                    .await;
            }
            Action::EndSubscription { which, how } => {
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
                    self.post(seller, &path, body, operation.fault).await;
                }
            }
            other => unreachable!("{other:?} is none of the subscriptions"),
        }
    }
}

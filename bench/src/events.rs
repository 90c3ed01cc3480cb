//! The events that are sent: each says that the session or the intent of one order of the prepared database is paid, or the next
//! period of one subscription.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use souk_simulator::API_VERSION;

use crate::Failure;

/// The seller's connected account.
pub const ACCOUNT: &str = "acct_1Bench0000000000";
/// Minor units that each order costs.
pub const AMOUNT: i64 = 2500;
/// Signs what comes to `/webhooks/stripe/connect`.
pub const CONNECT_SECRET: &str = "whsec_bench_connect";

/// The number `i` in an id: all of one width, so that ids sort by it.
pub fn number(i: u32) -> u32 {
    1_000_000 + i
}

/// The prefixes of ids, ours and Stripe's, about as long as real ones.
pub mod prefix {
    pub const EVENT: &str = "evt_1Bench0000000000";
    pub const SESSION: &str = "cs_test_a1bench00000000000000000000000000000000000000000000000000";
    pub const INTENT: &str = "pi_3Bench0000000000";
    pub const INVOICE: &str = "in_1Bench0000000000";
    pub const SUBSCRIPTION: &str = "sub_1Bench0000000000";
    pub const CHARGE: &str = "ch_3Bench0000000000";
    pub const ORDER: &str = "ord_0190000000000000000000000";
    pub const LINE: &str = "oln_0190000000000000000000000";
    pub const PAYMENT: &str = "pay_0190000000000000000000000";
    pub const PRODUCT: &str = "prd_0190000000000000000000000";
    pub const PRICE: &str = "prc_0190000000000000000000000";
    pub const SUBSCRIBED: &str = "sbn_0190000000000000000000000";
    pub const ORDER_EVENT: &str = "oev_0190000000000000000000000";
}

/// The id of the `i`th of a kind.
pub fn id(prefix: &str, i: u32) -> String {
    format!("{prefix}{}", number(i))
}

/// What an order of the prepared database is paid by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Session,
    Intent,
    /// The invoice of a later period. The order comes with it.
    Renewal,
}

impl Way {
    /// The prefix of the ids of Stripe's objects.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Session => prefix::SESSION,
            Self::Intent => prefix::INTENT,
            Self::Renewal => prefix::INVOICE,
        }
    }
}

/// Builds sessions, intents and events from one of each of Stripe's shape.
pub struct Events {
    session: Value,
    intent: Value,
    invoice: Value,
    created: u64,
}

/// A delivery, ready to be sent.
pub struct Signed {
    /// The raw body.
    pub body: String,
    /// The `Stripe-Signature` header.
    pub signature: String,
}

impl Events {
    /// Events of now.
    pub fn new() -> Result<Self, Failure> {
        let session = serde_json::from_str(include_str!("session.json"))?;
        let intent = serde_json::from_str(include_str!("intent.json"))?;
        let invoice = serde_json::from_str(include_str!("invoice.json"))?;
        let created = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        Ok(Self {
            session,
            intent,
            invoice,
            created,
        })
    }

    /// The paid session of the `i`th order.
    pub fn session(&self, i: u32) -> Value {
        let mut session = self.session.clone();
        session["id"] = id(prefix::SESSION, i).into();
        session["payment_intent"] = id(prefix::INTENT, i).into();
        session["client_reference_id"] = id(prefix::ORDER, i).into();
        session["metadata"] = json!({
            "souk_order": id(prefix::ORDER, i),
            "souk_payment": id(prefix::PAYMENT, i),
        });
        session["created"] = self.created.into();
        session["expires_at"] = (self.created + 86_400).into();
        session
    }

    /// The paid intent of the `i`th order.
    fn intent(&self, i: u32) -> Value {
        let mut intent = self.intent.clone();
        let own = id(prefix::INTENT, i);
        intent["client_secret"] = format!("{own}_secret_bench").into();
        intent["id"] = own.into();
        intent["latest_charge"] = id(prefix::CHARGE, i).into();
        intent["description"] = format!("Order {}", id(prefix::ORDER, i)).into();
        intent["metadata"] = json!({
            "souk_order": id(prefix::ORDER, i),
            "souk_payment": id(prefix::PAYMENT, i),
            "souk_object": "payment_intent",
        });
        intent["created"] = self.created.into();
        intent
    }

    /// The paid invoice of the next period of the `i`th subscription.
    fn invoice(&self, i: u32) -> Value {
        let mut invoice = self.invoice.clone();
        let (own, of) = (id(prefix::INVOICE, i), id(prefix::SUBSCRIPTION, i));
        let marks = json!({
            "souk_order": id(prefix::ORDER, i),
            "souk_payment": id(prefix::PAYMENT, i),
        });
        let details = &mut invoice["parent"]["subscription_details"];
        details["subscription"] = of.as_str().into();
        details["metadata"] = marks.clone();
        let line = &mut invoice["lines"]["data"][0];
        line["invoice"] = own.as_str().into();
        line["subscription"] = of.as_str().into();
        line["parent"]["subscription_item_details"]["subscription"] = of.into();
        line["metadata"] = marks;
        invoice["id"] = own.into();
        invoice["created"] = self.created.into();
        invoice
    }

    /// The body of the event that says that the `i`th order is paid.
    pub fn paid(&self, way: Way, i: u32) -> String {
        let (object, kind) = match way {
            Way::Session => (self.session(i), "checkout.session.completed"),
            Way::Intent => (self.intent(i), "payment_intent.succeeded"),
            Way::Renewal => (self.invoice(i), "invoice.paid"),
        };
        let event = json!({
            "id": id(prefix::EVENT, i),
            "object": "event",
            "account": ACCOUNT,
            "api_version": API_VERSION,
            "created": self.created,
            "data": { "object": object },
            "livemode": false,
            "pending_webhooks": 1,
            "request": { "id": null, "idempotency_key": null },
            "type": kind,
        });
        // Stripe sends them indented.
        format!("{event:#}")
    }

    /// The events of these numbers, signed now, so that neither building nor signing is measured.
    pub fn signed(&self, way: Way, from: u32, to: u32) -> Result<Vec<Signed>, Failure> {
        signed((from..to).map(|i| self.paid(way, i)))
    }

    /// As many events that say that the account has changed. Each has it read again.
    pub fn accounts_updated(&self, count: u32) -> Result<Vec<Signed>, Failure> {
        let updated = |i| {
            let event = json!({
                "id": id("evt_1Account00000000", i),
                "object": "event",
                "account": ACCOUNT,
                "api_version": API_VERSION,
                "created": self.created,
                "data": { "object": { "id": ACCOUNT, "object": "account", "charges_enabled": true } },
                "livemode": false,
                "type": "account.updated",
            });
            format!("{event:#}")
        };
        signed((0..count).map(updated))
    }

    /// As many thin events of the account. Each has it read again.
    pub fn thin_accounts_updated(&self, count: u32) -> Result<Vec<Signed>, Failure> {
        let updated = |i| {
            let event = json!({
                "id": id("evt_test_1Thin000000", i),
                "object": "v2.core.event",
                "context": ACCOUNT,
                "created": "2026-11-18T11:06:40.250Z",
                "livemode": false,
                "reason": null,
                "related_object": {
                    "id": ACCOUNT,
                    "type": "v2.core.account",
                    "url": format!("/v2/core/accounts/{ACCOUNT}"),
                },
                "type": "v2.core.account[requirements].updated",
            });
            format!("{event:#}")
        };
        signed((0..count).map(updated))
    }
}

fn signed(bodies: impl Iterator<Item = String>) -> Result<Vec<Signed>, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let now = i64::try_from(now)?;
    let sign = |body: String| {
        let signature = souk_simulator::sign(CONNECT_SECRET, now, body.as_bytes());
        Signed { body, signature }
    };
    Ok(bodies.map(sign).collect())
}

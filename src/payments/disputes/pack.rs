//! The evidence pack of a dispute: what Souk knows of the payment and its orders, under the names of Stripe's evidence
//! (docs.stripe.com/api/disputes/evidence_object). Nothing is claimed that isn't in the database.

mod compelling;
mod completeness;
mod known;
mod words;

pub use completeness::{Completeness, Missing};

use std::collections::BTreeMap;

use sea_orm::ConnectionTrait;
use serde_json::{Map, Value, json};
use souk_entity::{OrderFileId, dispute, shipment};

use crate::db;
use crate::error::Result;

use super::appeal;
use known::Known;
use words::{day, joined};

/// The most characters of the longer texts (docs.stripe.com/api/disputes/update).
const LONG: usize = 20_000;
/// Of the shorter ones, for which Stripe names no limit.
const SHORT: usize = 5_000;
/// Of all together.
const ALL: usize = 150_000;

/// What Souk knows.
pub struct Pack {
    /// Stripe's evidence fields: texts, cut to Stripe's limits, and `enhanced_evidence`.
    pub fields: Map<String, Value>,
    /// The orders' files, by the evidence field that each is for. Stripe takes one for each field, so it is the newest.
    pub files: BTreeMap<&'static str, OrderFileId>,
    reason: String,
    is_digital: bool,
    is_appeal: bool,
}

impl Pack {
    /// The pack of an appeal, which takes nothing of what is known.
    pub fn of_appeal() -> Self {
        Self {
            fields: Map::new(),
            files: BTreeMap::new(),
            reason: String::new(),
            is_digital: false,
            is_appeal: true,
        }
    }

    /// How complete the evidence is for the dispute's reason, with what a seller has written besides: by field, where null is
    /// a field that is to hold nothing.
    pub fn completeness(&self, draft: &Map<String, Value>) -> Completeness {
        if self.is_appeal {
            return completeness::of_appeal(|field| appeal::has(draft, field));
        }
        let is_text = |value: &Value| !value.is_null() && *value != json!("");
        let has = |field: &str| match draft.get(field) {
            Some(written) => is_text(written),
            None => self.fields.get(field).is_some_and(is_text) || self.files.contains_key(field),
        };
        completeness::of(&self.reason, self.is_digital, has)
    }
}

/// Gathers the pack of a dispute that isn't appealed.
///
/// # Errors
/// The database failed, or sums don't fit.
pub async fn pack<C: ConnectionTrait>(db: &C, dispute: &dispute::Model) -> Result<Pack> {
    let known = Known::read(db, dispute).await?;
    let mut fields = Map::new();
    let mut put = |name: &str, text: Option<String>, most: usize| {
        if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
            fields.insert(name.to_owned(), json!(db::fit(&text, most)));
        }
    };
    put("customer_email_address", known.email(), SHORT);
    put("customer_name", known.customer_name(), SHORT);
    put("billing_address", known.billing_address(), SHORT);
    put("customer_purchase_ip", known.purchase_ip(), SHORT);
    put(
        "product_description",
        Some(known.product_description()),
        LONG,
    );
    let sent = known.sent(|one| one.delivery_url.is_none());
    put(
        "shipping_carrier",
        of_shipments(&sent, |one| one.carrier.clone()),
        SHORT,
    );
    let number = of_shipments(&sent, |one| one.tracking_number.clone());
    put("shipping_tracking_number", number, SHORT);
    put(
        "shipping_date",
        of_shipments(&sent, |one| Some(day(one.shipped_at))),
        SHORT,
    );
    let digital = known.sent(|one| one.delivery_url.is_some());
    put(
        "service_date",
        digital.first().map(|one| day(one.shipped_at)),
        SHORT,
    );
    put(
        "access_activity_log",
        words::access_log(&known, &digital),
        LONG,
    );
    put(
        "refund_policy_disclosure",
        words::refund_policy(&known),
        LONG,
    );
    if dispute.reason == "credit_not_processed" {
        put("refund_refusal_explanation", words::refunds(&known), LONG);
    }
    if dispute.reason == "duplicate"
        && let Some(other) = known.duplicate(db).await?
    {
        put("duplicate_charge_id", Some(other.charge.clone()), SHORT);
        let explained = words::duplicate(&known, &other);
        put("duplicate_charge_explanation", Some(explained), LONG);
    }
    tell(&mut fields, &words::story(&known));
    if let Some(enhanced) = compelling::evidence(db, &known).await? {
        fields.insert("enhanced_evidence".to_owned(), enhanced);
    }
    Ok(Pack {
        fields,
        files: known.files(),
        reason: dispute.reason.clone(),
        is_digital: sent.is_empty() && !digital.is_empty(),
        is_appeal: false,
    })
}

/// Adds the story, as far as Stripe's limits leave room for it.
fn tell(fields: &mut Map<String, Value>, story: &str) {
    let used = fields.values().filter_map(Value::as_str);
    let used: usize = used.map(|text| text.chars().count()).sum();
    let story = db::fit(story, LONG.min(ALL.saturating_sub(used)));
    fields.insert("uncategorized_text".to_owned(), json!(story));
}

/// What shipments say, each once, as Stripe wants several: with commas between.
fn of_shipments(
    sent: &[&shipment::Model],
    of: impl Fn(&shipment::Model) -> Option<String>,
) -> Option<String> {
    joined(sent.iter().filter_map(|one| of(one)))
}

//! Mandates: what a customer has agreed to when a payment method was saved. <https://docs.stripe.com/api/mandates>

use serde_json::{Value, json};

use crate::{
    api::{Route, retrieve},
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[("GET", "/v1/mandates/{mandate}", |tx, call| {
    retrieve(tx, call, Kind::Mandate, "mandate")
})];

/// The mandate of a setup intent that has succeeded; its id.
pub(super) fn make(tx: &mut Tx<'_>, intent: &Record, method: &Record) -> String {
    let id = tx.mint("mandate_1", 23);
    let kind = method.text("type");
    let mut details = json!({ "type": kind });
    details[kind] = match kind {
        "sepa_debit" => {
            let reference = tx.mint("", 16).to_ascii_uppercase();
            json!({ "reference": reference, "url": format!("https://hooks.stripe.com/adapter/sepa_debit/file/src_{reference}") })
        }
        _ => json!({}),
    };
    let acceptance = match &intent.hidden["acceptance"] {
        Value::Null => json!({
            "accepted_at": tx.now, "type": "online",
            "online": { "ip_address": "127.0.0.1", "user_agent": null },
        }),
        given => given.clone(),
    };
    let single = &intent.hidden["single_use"];
    let mut mandate = json!({
        "id": id,
        "object": "mandate",
        "customer_acceptance": acceptance,
        "livemode": false,
        "payment_method": method.id,
        "payment_method_details": details,
        "status": "active",
        "type": if single.is_null() { "multi_use" } else { "single_use" },
    });
    if single.is_null() {
        mandate["multi_use"] = json!({});
    } else {
        mandate["single_use"] = single.clone();
    }
    tx.insert(Kind::Mandate, &intent.owner, mandate, Value::Null, None);
    id
}

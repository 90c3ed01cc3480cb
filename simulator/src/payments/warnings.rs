//! Early fraud warnings: <https://docs.stripe.com/api/radar/early_fraud_warnings>,
//! <https://docs.stripe.com/disputes/measuring#early-fraud-warnings>.
//!
//! The issuer suspects fraud, and says so before anybody disputes the charge. No money moves.

use serde_json::{Value, json};

use crate::{
    api::{Route, lists, retrieve},
    error::{Answer, ApiError},
    events::changes,
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("GET", "/v1/radar/early_fraud_warnings", |tx, call| {
        let (charge, intent) = (call.args.text("charge"), call.args.text("payment_intent"));
        lists::list(tx, call, Kind::FraudWarning, |r| {
            charge.is_none_or(|c| r.value["charge"] == c)
                && intent.is_none_or(|i| r.value["payment_intent"] == i)
        })
    }),
    (
        "GET",
        "/v1/radar/early_fraud_warnings/{early_fraud_warning}",
        |tx, call| retrieve(tx, call, Kind::FraudWarning, "early_fraud_warning"),
    ),
];

const FRAUD_TYPES: [&str; 7] = [
    "card_never_received",
    "fraudulent_card_application",
    "made_with_counterfeit_card",
    "made_with_lost_card",
    "made_with_stolen_card",
    "misc",
    "unauthorized_use_of_card",
];

/// The issuer of a charge's card reports fraud.
pub(crate) fn warn(tx: &mut Tx<'_>, charge: &str, fraud_type: &str) -> Answer {
    let charge = tx
        .get(charge)
        .filter(|r| r.kind == Kind::Charge && r.value["payment_method_details"]["type"] == "card")
        .ok_or_else(|| ApiError::missing("charge", charge, "charge"))?;
    if !FRAUD_TYPES.contains(&fraud_type) {
        return Err(ApiError::invalid(format!(
            "Invalid fraud_type: must be one of {}",
            FRAUD_TYPES.join(", ")
        ))
        .param("fraud_type"));
    }
    let warning = json!({
        "id": tx.mint("issfr_1", 23),
        "object": "radar.early_fraud_warning",
        "actionable": is_actionable(&charge),
        "charge": charge.id,
        "created": tx.now,
        "fraud_type": fraud_type,
        "livemode": false,
        "payment_intent": charge.value["payment_intent"],
    });
    tx.insert(
        Kind::FraudWarning,
        &charge.owner,
        warning.clone(),
        Value::Null,
        None,
    );
    tx.emit("radar.early_fraud_warning.created", &charge.owner, &warning);
    Ok(warning)
}

fn is_actionable(charge: &Record) -> bool {
    charge.value["disputed"] != json!(true) && charge.value["refunded"] != json!(true)
}

/// A warning ends once its charge is disputed, or refunded in full.
pub(crate) fn after_change(tx: &mut Tx<'_>, charge: &str) {
    let Some(charge) = tx.get(charge) else {
        return;
    };
    let actionable = is_actionable(&charge);
    let warnings: Vec<_> = tx
        .store()
        .naming(Kind::FraudWarning, "charge", &charge.id)
        .filter(|warning| warning.value["actionable"] != json!(actionable))
        .cloned()
        .collect();
    for warning in warnings {
        let after = tx.update(&warning.id, |r| r.value["actionable"] = json!(actionable));
        if let Some(after) = after {
            let changed = changes(&warning.value, &after.value);
            let name = "radar.early_fraud_warning.updated";
            tx.emit_change(name, &after.owner, &after.value, Some(changed));
        }
    }
}

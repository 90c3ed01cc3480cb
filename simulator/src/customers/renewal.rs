//! Saved cards that their network renews: the same payment method, with a new expiry and perhaps a new number.
//! <https://docs.stripe.com/payments/cards/overview#automatic-card-updates>.

use serde::Deserialize;
use serde_json::json;

use super::methods;
use crate::{
    cards,
    error::{Answer, ApiError},
    events::changes,
    store::{Kind, Tx},
};

/// JSON of `POST /_simulator/payment_methods/{id}/renew`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Renewal {
    /// As before when absent.
    exp_month: Option<i64>,
    /// Three years later when absent.
    exp_year: Option<i64>,
    /// The new card's number, a test card's; the old one when absent.
    number: Option<String>,
}

/// Renews a saved card, and tells its account.
pub(crate) fn renew(tx: &mut Tx<'_>, id: &str, how: &Renewal) -> Answer {
    let method = tx
        .get(id)
        .filter(|r| r.kind == Kind::PaymentMethod)
        .ok_or_else(|| ApiError::missing(Kind::PaymentMethod.noun(), id, "id"))?;
    let before = &method.value["card"];
    if method.value["customer"].is_null() || !before.is_object() {
        return Err(ApiError::invalid(
            "Networks renew cards that are saved to a customer only.",
        ));
    }
    tx.on_clock_of(id);
    let was = |name: &str| before[name].as_i64().unwrap_or_default();
    let month = how.exp_month.unwrap_or_else(|| was("exp_month"));
    let year = how.exp_year.unwrap_or_else(|| was("exp_year") + 3);
    cards::check_expiry(tx.now, month, year)?;
    let mut value = method.value.clone();
    let mut number = method.hidden["card"].clone();
    if let Some(new) = &how.number {
        let new = cards::find(new).ok_or_else(cards::unknown)?;
        let details = methods::describe_card(new, None, tx.now);
        for name in [
            "brand",
            "country",
            "display_brand",
            "fingerprint",
            "funding",
            "last4",
            "networks",
        ] {
            value["card"][name] = details[name].clone();
        }
        number = json!(new.number);
    }
    value["card"]["exp_month"] = json!(month);
    value["card"]["exp_year"] = json!(year);
    let changed = changes(before, &value["card"]);
    if changed == json!({}) {
        return Err(ApiError::invalid("This changes nothing of the card."));
    }
    tx.update(id, |r| {
        r.value = value.clone();
        r.hidden["card"] = number;
    });
    let before = json!({ "card": changed });
    let event = "payment_method.automatically_updated";
    tx.emit_change(event, &method.owner, &value, Some(before));
    Ok(value)
}

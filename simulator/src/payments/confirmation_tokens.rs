//! Confirmation tokens: what a customer entered in the Payment Element, for a server that confirms with it.
//! <https://docs.stripe.com/api/confirmation_tokens>, <https://docs.stripe.com/payments/finalize-payments-on-the-server>.

use std::sync::Arc;

use serde_json::{Value, json};

use super::confirm::AttemptOutcome;
use super::intents;
use crate::{
    api::{Call, Route, find, retrieve},
    error::{Answer, ApiError},
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/test_helpers/confirmation_tokens", create),
    (
        "GET",
        "/v1/confirmation_tokens/{confirmation_token}",
        |tx, call| retrieve(tx, call, Kind::ConfirmationToken, "confirmation_token"),
    ),
];

/// Twelve hours: `expires_at` less `created` in the documented example.
const LIFETIME: i64 = 12 * 3600;

/// What a confirmation takes from its token.
pub(crate) struct Given {
    pub token: Arc<Record>,
    pub method: Arc<Record>,
}

impl Given {
    /// What the request says under this name, else the token.
    pub fn text(&self, call: &Call<'_>, name: &str) -> Option<String> {
        let said = call.args.text(name).or(self.token.value[name].as_str());
        said.map(str::to_owned)
    }

    /// The intent's `shipping`, where the token has one.
    pub fn shipping(&self) -> Option<Value> {
        let given = self.token.value["shipping"].as_object()?;
        let mut shipping = json!({ "carrier": null, "tracking_number": null });
        for (name, value) in given {
            shipping[name] = value.clone();
        }
        Some(shipping)
    }

    /// A token confirms once.
    pub fn use_up(&self, tx: &mut Tx<'_>, intent: &Record, end: &AttemptOutcome) {
        let declined = matches!(end, AttemptOutcome::Declined(..));
        if declined && tx.assumptions.get("declined_token") == "good" {
            return;
        }
        let used_by = match intent.kind {
            Kind::SetupIntent => "setup_intent",
            _ => "payment_intent",
        };
        tx.update(&self.token.id, |r| r.value[used_by] = json!(intent.id));
    }
}

/// Makes a token, of a payment method or of its parameters.
pub(crate) fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let method = intents::given_method(tx, call)?
        .ok_or_else(|| ApiError::parameter_missing("payment_method_data"))?;
    if let Some(url) = args.text("return_url")
        && url::Url::parse(url).is_err()
    {
        return Err(ApiError::invalid("Not a valid URL")
            .code("url_invalid")
            .param("return_url"));
    }
    let value = json!({
        "id": tx.mint("ctoken_1", 23),
        "object": "confirmation_token",
        "created": tx.now,
        "expires_at": tx.now + LIFETIME,
        "livemode": false,
        "mandate_data": null,
        "payment_intent": null,
        "payment_method_options": null,
        "payment_method_preview": preview(&method.value),
        "return_url": args.text("return_url"),
        "setup_future_usage": args.text("setup_future_usage"),
        "setup_intent": null,
        "shipping": args.at("shipping").map(|form| {
            // A token's shipping has no more than these.
            let shipping = intents::shipping_of(form);
            json!({ "address": shipping["address"], "name": shipping["name"], "phone": shipping["phone"] })
        }),
        "use_stripe_sdk": true,
    });
    let hidden = json!({ "method": method.id });
    let token = tx.insert(Kind::ConfirmationToken, call.owner, value, hidden, None);
    Ok(token.value.clone())
}

/// A payment method before there is one.
fn preview(method: &Value) -> Value {
    let mut preview = method.clone();
    if let Some(fields) = preview.as_object_mut() {
        for name in [
            "id",
            "object",
            "created",
            "livemode",
            "metadata",
            "radar_options",
        ] {
            fields.remove(name);
        }
    }
    preview
}

/// The token that a confirmation names.
pub(crate) fn given(tx: &Tx<'_>, call: &Call<'_>) -> Result<Option<Given>, ApiError> {
    let param = "confirmation_token";
    let Some(id) = call.args.text(param) else {
        return Ok(None);
    };
    for other in ["payment_method", "payment_method_data"] {
        if call.args.at(other).is_some() {
            return Err(ApiError::invalid(format!(
                "You may only specify one of these parameters: {param}, {other}."
            ))
            .param(param));
        }
    }
    let token = find(tx, call, Kind::ConfirmationToken, id, param)?;
    let used = ["payment_intent", "setup_intent"].map(|by| token.value[by].as_str());
    if let Some(by) = used.into_iter().flatten().next() {
        return Err(ApiError::invalid(format!(
            "The ConfirmationToken {id} has already been used to confirm {by}."
        ))
        .param(param));
    }
    if token.value["expires_at"].as_i64().unwrap_or_default() <= tx.now {
        return Err(
            ApiError::invalid(format!("The ConfirmationToken {id} has expired.")).param(param),
        );
    }
    let method = token.hidden["method"].as_str().unwrap_or_default();
    let method = tx
        .find(Kind::PaymentMethod, call.owner, method)
        .ok_or_else(|| ApiError::missing(Kind::PaymentMethod.noun(), method, param))?;
    Ok(Some(Given { token, method }))
}

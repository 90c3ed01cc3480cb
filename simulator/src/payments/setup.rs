//! Setup intents and their attempts: <https://docs.stripe.com/api/setup_intents>,
//! <https://docs.stripe.com/payments/setup-intents>.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    confirm::{self, AttemptOptions, AttemptOutcome, Challenge},
    confirmation_tokens::{self, Given},
    intents, mandates,
};
use crate::{
    api::{Call, Route, find, lists, merge_metadata, metadata, retrieve},
    cards::{self, Behaviour, Card},
    customers::methods::{self, MethodKind},
    error::{Answer, ApiError},
    form::Node,
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/setup_intents", create),
    ("GET", "/v1/setup_intents", list),
    ("GET", "/v1/setup_intents/{intent}", |tx, call| {
        retrieve(tx, call, Kind::SetupIntent, "intent")
    }),
    ("POST", "/v1/setup_intents/{intent}", update),
    ("POST", "/v1/setup_intents/{intent}/confirm", |tx, call| {
        let intent = find(tx, call, Kind::SetupIntent, call.id(), "intent")?;
        confirm(tx, call, &intent)
    }),
    ("POST", "/v1/setup_intents/{intent}/cancel", cancel),
    ("GET", "/v1/setup_attempts", |tx, call| {
        let intent = call.args.text("setup_intent").unwrap_or_default();
        find(tx, call, Kind::SetupIntent, intent, "setup_intent")?;
        lists::list(tx, call, Kind::SetupAttempt, |r| {
            r.value["setup_intent"] == intent
        })
    }),
];

const NOT_AUTHENTICATED: (&str, &str) = (
    "setup_intent_authentication_failure",
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
);

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let (customer, method) = (call.args.text("customer"), call.args.text("payment_method"));
    let own = call.args.flag("attach_to_self");
    lists::list(tx, call, Kind::SetupIntent, |r| {
        customer.is_none_or(|c| r.value["customer"] == c)
            && method.is_none_or(|m| r.value["payment_method"] == m)
            && own.is_none_or(|a| r.value["attach_to_self"] == a)
    })
}

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let confirms = args.flag("confirm") == Some(true);
    for name in ["return_url", "mandate_data", "single_use"] {
        if args.at(name).is_some() && !confirms {
            return Err(ApiError::invalid(format!(
                "The parameter `{name}` cannot be passed when creating a SetupIntent unless `confirm` is set to true."
            ))
            .param(name));
        }
    }
    let mut fields = json!({ "metadata": metadata(args, "metadata")? });
    let currency = currency(tx, call.owner);
    fields["automatic_payment_methods"] = intents::automatic(args);
    intents::accepted_types(tx, call, &currency, &mut fields)?;
    fields["usage"] = json!(args.text("usage").unwrap_or("off_session"));
    describe(tx, call, &mut fields)?;
    if let Some(single) = args.at("single_use") {
        fields["single_use"] = json!({
            "amount": single.int("amount"), "currency": single.text("currency"),
        });
    }
    let single = fields
        .as_object_mut()
        .and_then(|map| map.remove("single_use"));
    let intent = make(tx, call.owner, fields, json!({ "single_use": single }));
    if confirms {
        return confirm(tx, call, &intent);
    }
    Ok(intent.value.clone())
}

/// A setup intent has no currency; its account has.
fn currency(tx: &Tx<'_>, owner: &str) -> String {
    let account = tx.get(owner);
    account.map_or(String::new(), |a| a.text("default_currency").to_owned())
}

/// The fields that creating and updating have in common.
fn describe(tx: &mut Tx<'_>, call: &Call<'_>, fields: &mut Value) -> Result<(), ApiError> {
    let args = call.args;
    if let Some(id) = args.text("customer") {
        find(tx, call, Kind::Customer, id, "customer")?;
        fields["customer"] = json!(id);
    }
    for name in ["description", "on_behalf_of"] {
        if args.at(name).is_some() {
            fields[name] = json!(args.text(name));
        }
    }
    if let Some(own) = args.flag("attach_to_self") {
        if own && !fields["customer"].is_null() {
            return Err(ApiError::invalid(
                "You may only specify one of these parameters: attach_to_self, customer.",
            )
            .param("attach_to_self"));
        }
        fields["attach_to_self"] = json!(own);
    }
    let directions = args.texts("flow_directions");
    if !directions.is_empty() {
        fields["flow_directions"] = json!(directions);
    }
    if let Some(method) = intents::given_method(tx, call)? {
        fields["object"] = json!("setup_intent");
        confirm::check_method(fields, fields["customer"].as_str(), &method)?;
        fields["payment_method"] = json!(method.id);
        fields["status"] = json!("requires_confirmation");
    }
    Ok(())
}

/// Makes a setup intent out of the fields that are given.
pub(crate) fn make(tx: &mut Tx<'_>, owner: &str, fields: Value, hidden: Value) -> Arc<Record> {
    let id = tx.mint("seti_1", 23);
    let secret = tx.mint(&format!("{id}_secret_"), 25);
    let connected = owner != tx.store().platform;
    let mut intent = json!({
        "id": id,
        "object": "setup_intent",
        "application": connected.then(|| tx.application()),
        "automatic_payment_methods": null,
        "cancellation_reason": null,
        "client_secret": secret,
        "created": tx.now,
        "customer": null,
        "customer_account": null,
        "description": null,
        "excluded_payment_method_types": null,
        "flow_directions": null,
        "last_setup_error": null,
        "latest_attempt": null,
        "livemode": false,
        "mandate": null,
        "metadata": {},
        "next_action": null,
        "on_behalf_of": null,
        "payment_method": null,
        "payment_method_configuration_details": null,
        "payment_method_options": {
            "card": {
                "mandate_options": null, "network": null, "request_three_d_secure": "automatic",
            },
        },
        "payment_method_types": ["card"],
        "single_use_mandate": null,
        "status": "requires_payment_method",
        "usage": "off_session",
    });
    if let Value::Object(fields) = fields {
        for (name, value) in fields {
            intent[name] = value;
        }
    }
    let intent = tx.insert(Kind::SetupIntent, owner, intent, hidden, None);
    tx.emit("setup_intent.created", owner, &intent.value);
    intent
}

fn unexpected_state(intent: &Record, message: String) -> ApiError {
    ApiError::invalid(message)
        .code("setup_intent_unexpected_state")
        .with("setup_intent", intent.value.clone())
}

fn is_open(intent: &Record) -> bool {
    matches!(
        intent.text("status"),
        "requires_payment_method" | "requires_confirmation" | "requires_action"
    )
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let intent = find(tx, call, Kind::SetupIntent, call.id(), "intent")?;
    let args = call.args;
    let harmless = ["metadata", "description", "expand"];
    let touched = args
        .children()
        .iter()
        .find(|(name, _)| !harmless.contains(&name.as_str()));
    if let Some((name, _)) = touched.filter(|_| !is_open(&intent)) {
        return Err(unexpected_state(
            &intent,
            format!(
                "You cannot update {name} of this SetupIntent because it has a status of {}.",
                intent.text("status")
            ),
        ));
    }
    let mut value = intent.value.clone();
    merge_metadata(&mut value["metadata"], args, "metadata")?;
    if [
        "allowed_payment_method_types",
        "payment_method_configuration",
    ]
    .iter()
    .any(|name| args.at(name).is_some())
    {
        let currency = currency(tx, call.owner);
        intents::accepted_types(tx, call, &currency, &mut value)?;
    }
    describe(tx, call, &mut value)?;
    if value["payment_method"] != intent.value["payment_method"] {
        value["next_action"] = Value::Null;
    }
    tx.update(&intent.id, |r| r.value = value.clone());
    Ok(value)
}

fn cancel(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let intent = find(tx, call, Kind::SetupIntent, call.id(), "intent")?;
    if !is_open(&intent) {
        return Err(unexpected_state(
            &intent,
            format!(
                "You cannot cancel this SetupIntent because it has a status of {}. Only a SetupIntent with one of the following statuses may be canceled: requires_payment_method, requires_confirmation, requires_action.",
                intent.text("status")
            ),
        ));
    }
    if intent.hidden["session"].is_string() {
        return Err(unexpected_state(
            &intent,
            "You cannot cancel SetupIntents created by Checkout. Expire the Checkout Session instead.".to_owned(),
        ));
    }
    abandon(tx, &intent.id, call.args.text("cancellation_reason"));
    retrieve(tx, call, Kind::SetupIntent, "intent")
}

/// Cancels an open setup intent.
pub(crate) fn abandon(tx: &mut Tx<'_>, id: &str, reason: Option<&str>) {
    if tx.get(id).is_some_and(|i| is_open(&i)) {
        update_and_emit(tx, id, "setup_intent.canceled", |r| {
            r.value["status"] = json!("canceled");
            r.value["cancellation_reason"] = json!(reason);
            r.value["next_action"] = Value::Null;
        });
    }
}

fn update_and_emit(tx: &mut Tx<'_>, id: &str, event: &str, change: impl FnOnce(&mut Record)) {
    if let Some(intent) = tx.update(id, change) {
        tx.emit(event, &intent.owner, &intent.value);
    }
}

fn check_confirmable(intent: &Record) -> Result<(), ApiError> {
    let refuse = |message: String| Err(unexpected_state(intent, message));
    if !is_open(intent) {
        return match intent.text("status") {
            "succeeded" => refuse(
                "You cannot confirm this SetupIntent because it has already succeeded.".to_owned(),
            ),
            status => refuse(format!(
                "You cannot confirm this SetupIntent because it has a status of {status}. Only a SetupIntent with one of the following statuses may be confirmed: requires_confirmation, requires_action, requires_payment_method."
            )),
        };
    }
    if intent.hidden["session"].is_string() {
        return refuse(
            "You cannot confirm a SetupIntent that was created by a hosted Checkout Session."
                .to_owned(),
        );
    }
    Ok(())
}

/// The payment method that the token or the request brings, else the intent's own.
fn method_to_confirm(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    intent: &Record,
    token: Option<&Given>,
) -> Result<Arc<Record>, ApiError> {
    let brought = match (token, call.args.at("confirm")) {
        (Some(given), _) => Some(given.method.clone()),
        // Creating the intent has read the method already.
        (None, Some(_)) => None,
        (None, None) => intents::given_method(tx, call)?,
    };
    match (brought, intent.value["payment_method"].as_str()) {
        (Some(method), _) => Ok(method),
        (None, Some(id)) => find(tx, call, Kind::PaymentMethod, id, "payment_method"),
        (None, None) => {
            Err(unexpected_state(intent, "You cannot confirm this SetupIntent because it's missing a payment method. You can either update the SetupIntent with a payment method and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken.".to_owned()))
        }
    }
}

/// Confirms as a request asks for it: the intent, or 402 with the intent inside.
fn confirm(tx: &mut Tx<'_>, call: &Call<'_>, intent: &Record) -> Answer {
    let args = call.args;
    check_confirmable(intent)?;
    let token = confirmation_tokens::given(tx, call)?;
    let method = method_to_confirm(tx, call, intent, token.as_ref())?;
    confirm::check_type(&intent.value, &method)?;
    confirm::check_method(&intent.value, intent.value["customer"].as_str(), &method)?;
    let return_url = match &token {
        Some(given) => given.text(call, "return_url"),
        None => args.text("return_url").map(str::to_owned),
    };
    if return_url
        .as_deref()
        .is_some_and(|url| url::Url::parse(url).is_err())
    {
        return Err(ApiError::invalid("Not a valid URL")
            .code("url_invalid")
            .param("return_url"));
    }
    if intent.value["automatic_payment_methods"]["allow_redirects"] == "always"
        && return_url.is_none()
    {
        return Err(ApiError::invalid("This SetupIntent is configured to accept payment methods enabled in your Dashboard. Because some of these payment methods might redirect your customer off of your page, you must provide a `return_url`. If you don't want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents.").param("return_url"));
    }
    let acceptance = acceptance(tx, args);
    tx.update(&intent.id, |r| r.hidden["acceptance"] = json!(acceptance));
    let how = AttemptOptions {
        return_url,
        // A token's default.
        use_stripe_sdk: token.is_some() || args.flag("use_stripe_sdk") == Some(true),
        ..AttemptOptions::default()
    };
    let end = attempt(tx, &intent.id, &method, &how)?;
    if let Some(given) = &token {
        given.use_up(tx, intent, &end);
    }
    let value = tx
        .get(&intent.id)
        .map(|r| r.value.clone())
        .unwrap_or_default();
    match end {
        AttemptOutcome::Declined(code, decline_code, message) => {
            let error = methods::declined(code, decline_code, message)
                .with("setup_intent", value)
                .with("payment_method", method.value.clone());
            Err(error.keeping_work())
        }
        _ => Ok(value),
    }
}

/// How the customer has agreed to a mandate, as a request says it.
fn acceptance(tx: &Tx<'_>, args: &Node) -> Option<Value> {
    args.at("mandate_data.customer_acceptance").map(|form| {
        json!({
            "accepted_at": form.int("accepted_at").unwrap_or(tx.now),
            "online": {
                "ip_address": form.text("online.ip_address"),
                "user_agent": form.text("online.user_agent"),
            },
            "type": form.text("type").unwrap_or("online"),
        })
    })
}

/// One attempt to set up a payment method.
pub(crate) fn attempt(
    tx: &mut Tx<'_>,
    id: &str,
    method: &Record,
    how: &AttemptOptions,
) -> Result<AttemptOutcome, ApiError> {
    let intent = tx
        .update(id, |r| {
            r.value["payment_method"] = json!(method.id);
            r.value["last_setup_error"] = Value::Null;
        })
        .ok_or_else(|| ApiError::missing(Kind::SetupIntent.noun(), id, "intent"))?;
    let kind = methods::kind(method);
    let card = match kind {
        MethodKind::Card(card) => Some(card),
        MethodKind::Debit(..) | MethodKind::Redirect => None,
    };
    let asks = matches!(kind, MethodKind::Redirect)
        || card.is_some_and(|c| {
            matches!(
                c.behaviour,
                Behaviour::Challenges
                    | Behaviour::ChallengesAlways
                    | Behaviour::ChallengesAndDeclines(..)
            ) || (c.behaviour == Behaviour::ChallengesOnSession
                && tx.assumptions.get("set_up_card") == "asked")
        });
    let attempt = begin(tx, &intent, method, card);
    match card.map(|c| c.behaviour) {
        Some(Behaviour::Declines(code, decline_code, message)) => {
            let mut error = json!({
                "type": "card_error", "code": code, "message": message,
                "doc_url": doc_url(code),
                "payment_method": method.value,
            });
            if !decline_code.is_empty() {
                error["decline_code"] = json!(decline_code);
                error["advice_code"] = json!(cards::advice(decline_code));
            }
            fail(tx, id, error);
            Ok(AttemptOutcome::Declined(code, decline_code, message))
        }
        _ if asks => {
            tx.update(&attempt, |r| r.value["status"] = json!("requires_action"));
            let url = format!("{}/c/challenge/{id}", tx.base_url);
            // What has a page of its own is never shown in a frame.
            let back = match kind {
                MethodKind::Redirect => how.return_url.as_deref(),
                MethodKind::Card(_) | MethodKind::Debit(..) => how.leads_to(),
            };
            let action = intents::challenge_at(&url, back);
            update_and_emit(tx, id, "setup_intent.requires_action", |r| {
                r.value["status"] = json!("requires_action");
                r.value["next_action"] = action;
            });
            match how.challenge {
                None => Ok(AttemptOutcome::Challenged),
                Some(answer) => challenge(tx, id, answer),
            }
        }
        _ => {
            succeed(tx, id)?;
            Ok(AttemptOutcome::Paid)
        }
    }
}

fn doc_url(code: &str) -> String {
    format!(
        "https://stripe.com/docs/error-codes/{}",
        code.replace('_', "-")
    )
}

fn begin(tx: &mut Tx<'_>, intent: &Record, method: &Record, card: Option<&Card>) -> String {
    let kind = method.text("type");
    let mut details = json!({ "type": kind });
    details[kind] = match card {
        None => json!({}),
        Some(card) => {
            let shown = &method.value["card"];
            json!({
                "brand": card.brand, "checks": shown["checks"], "country": card.country,
                "exp_month": shown["exp_month"], "exp_year": shown["exp_year"],
                "fingerprint": card.fingerprint(), "funding": card.funding,
                "last4": card.last4(), "network": card.brand, "three_d_secure": null,
                "wallet": null,
            })
        }
    };
    let id = tx.mint("setatt_1", 23);
    let mut attempt = json!({
        "id": id,
        "object": "setup_attempt",
        "application": intent.value["application"],
        "created": tx.now,
        "customer": intent.value["customer"],
        "customer_account": null,
        "flow_directions": intent.value["flow_directions"],
        "livemode": false,
        "on_behalf_of": intent.value["on_behalf_of"],
        "payment_method": method.id,
        "payment_method_details": details,
        "setup_error": null,
        "setup_intent": intent.id,
        "status": "succeeded",
        "usage": intent.value["usage"],
    });
    if !intent.value["attach_to_self"].is_null() {
        attempt["attach_to_self"] = intent.value["attach_to_self"].clone();
    }
    tx.insert(
        Kind::SetupAttempt,
        &intent.owner,
        attempt,
        Value::Null,
        None,
    );
    tx.update(&intent.id, |r| r.value["latest_attempt"] = json!(id));
    id
}

/// An attempt failed: the intent can be tried again.
fn fail(tx: &mut Tx<'_>, id: &str, error: Value) {
    let Some(intent) = tx.get(id) else {
        return;
    };
    tx.update(intent.text("latest_attempt"), |r| {
        r.value["status"] = json!("failed");
        r.value["setup_error"] = error.clone();
    });
    update_and_emit(tx, id, "setup_intent.setup_failed", |r| {
        r.value["status"] = json!("requires_payment_method");
        r.value["next_action"] = Value::Null;
        r.value["payment_method"] = Value::Null;
        r.value["last_setup_error"] = error;
    });
}

/// The setup succeeds: the payment method is attached to the customer, and debits get a mandate.
fn succeed(tx: &mut Tx<'_>, id: &str) -> Result<(), ApiError> {
    let missing = || ApiError::missing(Kind::SetupIntent.noun(), id, "intent");
    let intent = tx.get(id).ok_or_else(missing)?;
    let method = tx.get(intent.text("payment_method")).ok_or_else(missing)?;
    let customer = intent.value["customer"].as_str();
    let attached = tx.assumptions.get("attached_event");
    if let Some(customer) = customer.filter(|_| attached == "before") {
        methods::attach(tx, &intent.owner, &method, customer)?;
    }
    tx.update(&method.id, |r| r.hidden["set_up"] = json!(true));
    let wants_mandate = method.value["type"] != "card" || intent.hidden["acceptance"].is_object();
    let mandate = wants_mandate.then(|| mandates::make(tx, &intent, &method));
    let field = match intent.hidden["single_use"] {
        Value::Null => "mandate",
        _ => "single_use_mandate",
    };
    tx.update(intent.text("latest_attempt"), |r| {
        r.value["status"] = json!("succeeded");
    });
    update_and_emit(tx, id, "setup_intent.succeeded", |r| {
        r.value["status"] = json!("succeeded");
        r.value["next_action"] = Value::Null;
        r.value[field] = json!(mandate);
    });
    if let Some(customer) = customer.filter(|_| attached == "after") {
        methods::attach(tx, &intent.owner, &method, customer)?;
    }
    Ok(())
}

/// The customer's answer to a setup intent's challenge.
pub(crate) fn challenge(
    tx: &mut Tx<'_>,
    id: &str,
    how: Challenge,
) -> Result<AttemptOutcome, ApiError> {
    let waiting = tx
        .get(id)
        .filter(|i| i.kind == Kind::SetupIntent && i.text("status") == "requires_action")
        .ok_or_else(|| ApiError::invalid("There is no challenge to answer."))?;
    let passed = how == Challenge::Complete;
    tx.update(waiting.text("latest_attempt"), |r| {
        let details = &mut r.value["payment_method_details"];
        if details["type"] != "card" {
            return;
        }
        details["card"]["three_d_secure"] = json!({
            "authentication_flow": "challenge",
            "electronic_commerce_indicator": if passed { "05" } else { "07" },
            "result": if passed { "authenticated" } else { "failed" },
            "result_reason": if passed { None } else { Some("rejected") },
            "transaction_id": null,
            "version": "2.2.0",
        });
    });
    if passed {
        succeed(tx, id)?;
        return Ok(AttemptOutcome::Paid);
    }
    let (code, message) = NOT_AUTHENTICATED;
    let method = tx.get(waiting.text("payment_method"));
    fail(
        tx,
        id,
        json!({
            "type": "invalid_request_error", "code": code, "message": message,
            "doc_url": doc_url(code),
            "payment_method": method.map(|m| m.value.clone()),
        }),
    );
    Ok(AttemptOutcome::Declined(code, "", message))
}

//! Attempts to have an intent paid: confirmation, 3-D Secure, declines, debits that take days.
//! <https://docs.stripe.com/api/payment_intents/confirm>, <https://docs.stripe.com/payments/3d-secure>.

use std::sync::Arc;

use serde_json::{Value, json};

use super::confirmation_tokens::{self, Given};
use super::{charges, intents};
use crate::{
    api::{Call, Key, find},
    cards::{Behaviour, GENERIC_DECLINE},
    customers::{
        banks::Debit,
        methods::{self, MethodKind},
    },
    error::{Answer, ApiError},
    store::{Kind, Record, Tx},
};

/// The options of an attempt.
#[derive(Debug, Clone, Default)]
pub(crate) struct AttemptOptions {
    /// The customer isn't there to authenticate.
    pub off_session: bool,
    /// A challenge waits for the customer all the same.
    pub may_wait: bool,
    pub return_url: Option<String>,
    pub error_on_requires_action: bool,
    /// Stripe.js handles what the customer has to do, in the page.
    pub use_stripe_sdk: bool,
    /// How a challenge ends, when that is known beforehand.
    pub challenge: Option<Challenge>,
}

impl AttemptOptions {
    /// Where a card's challenge leads to at its end. None: Stripe.js shows it in a frame.
    pub fn leads_to(&self) -> Option<&str> {
        self.return_url.as_deref().filter(|_| !self.use_stripe_sdk)
    }
}

/// The customer's answer to a 3-D Secure challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Challenge {
    Complete,
    Fail,
}

/// How an attempt ended. All of them commit: a decline is an event too.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AttemptOutcome {
    /// Paid, or reserved when capture is manual.
    Paid,
    Challenged,
    /// The customer has authenticated; the server confirms once more.
    Authenticated,
    /// A debit is under way.
    Processing,
    /// `code`, `decline_code`, message.
    Declined(&'static str, &'static str, &'static str),
}

const NOT_AUTHENTICATED: (&str, &str, &str) = (
    "payment_intent_authentication_failure",
    "",
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
);

/// The error of `error_on_requires_action`
/// (<https://docs.stripe.com/payments/without-card-authentication>).
const NOT_HANDLED: (&str, &str) = (
    "authentication_not_handled",
    "Your card was declined. This transaction requires authentication.",
);

const AUTHENTICATION_REQUIRED: (&str, &str, &str) = (
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
);

pub(crate) fn confirm(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let intent = find(tx, call, Kind::Intent, call.id(), "intent")?;
    run(tx, call, &intent)
}

/// Confirms an intent as a request asks for it: the intent, or 402 with the intent inside.
pub(crate) fn run(tx: &mut Tx<'_>, call: &Call<'_>, intent: &Record) -> Answer {
    let args = call.args;
    check_confirmable(intent)?;
    let token = confirmation_tokens::given(tx, call)?;
    let method = match &token {
        Some(given) => given.method.clone(),
        None => method_to_confirm(tx, call, intent)?,
    };
    let said = |name: &str| match &token {
        Some(given) => given.text(call, name),
        None => args.text(name).map(str::to_owned),
    };
    check_type(&intent.value, &method)?;
    check_method(&intent.value, intent.value["customer"].as_str(), &method)?;
    let how = AttemptOptions {
        off_session: !matches!(args.text("off_session"), None | Some("false")),
        may_wait: false,
        return_url: said("return_url"),
        error_on_requires_action: args.flag("error_on_requires_action") == Some(true),
        // A token's default.
        use_stripe_sdk: token.is_some() || args.flag("use_stripe_sdk") == Some(true),
        challenge: None,
    };
    check_return_url(call, intent, &method, &how)?;
    let changes: Vec<(&str, Value)> = ["setup_future_usage", "receipt_email", "capture_method"]
        .iter()
        .filter_map(|name| Some((*name, json!(said(name)?))))
        .collect();
    let shipping = args.at("shipping").map(intents::shipping_of);
    let shipping = shipping.or_else(|| token.as_ref().and_then(Given::shipping));
    tx.update(&intent.id, |r| {
        for (name, value) in changes {
            r.value[name] = value;
        }
        if let Some(shipping) = shipping {
            r.value["shipping"] = shipping;
        }
    });
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
                .with("charge", value["latest_charge"].clone())
                .with("payment_intent", value)
                .with("payment_method", method.value.clone());
            Err(error.keeping_work())
        }
        _ => Ok(value),
    }
}

/// A payment method must be of an accepted type and belong to nobody else. A card takes no complete statement descriptor
/// (<https://docs.stripe.com/api/payment_intents/create#create_payment_intent-statement_descriptor>).
pub(crate) fn check_method(
    intent: &Value,
    customer: Option<&str>,
    method: &Record,
) -> Result<(), ApiError> {
    let noun = noun(intent);
    // What a configuration offers counts when the intent is confirmed.
    if !intent["payment_method_configuration_details"].is_object() {
        check_type(intent, method)?;
    }
    if method.value["type"] == "card" && intent["statement_descriptor"].is_string() {
        return Err(ApiError::invalid(
            "The statement_descriptor parameter is not supported for card charges. Please use the statement_descriptor_suffix parameter instead.",
        )
        .param("statement_descriptor"));
    }
    match (method.value["customer"].as_str(), customer) {
        (Some(_), None) => Err(ApiError::invalid(format!(
            "The provided PaymentMethod ({}) is attached to a Customer. Please include the Customer in the `customer` parameter on the {noun}.",
            method.id
        ))
        .param("payment_method")),
        (Some(mine), Some(theirs)) if mine != theirs => Err(ApiError::invalid(format!(
            "The customer does not have a payment method with the ID {}. The payment method must be attached to the customer.",
            method.id
        ))
        .param("payment_method")),
        (None, _) if method.hidden["used"] == json!(true) => Err(methods::used_up()),
        _ => Ok(()),
    }
}

fn noun(intent: &Value) -> &'static str {
    match intent["object"].as_str() {
        Some("setup_intent") => "SetupIntent",
        _ => "PaymentIntent",
    }
}

/// Refuses a payment method of a type that the intent doesn't offer.
pub(crate) fn check_type(intent: &Value, method: &Record) -> Result<(), ApiError> {
    let types = intent["payment_method_types"].as_array();
    if types.is_some_and(|types| !types.iter().any(|t| *t == method.value["type"])) {
        let names: Vec<_> = types
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        return Err(ApiError::invalid(format!(
            "The PaymentMethod provided ({}) is not allowed for this {}. Please attach one of the following payment method types: {}.",
            method.text("type"),
            noun(intent),
            names.join(", ")
        ))
        .param("payment_method"));
    }
    Ok(())
}

fn check_confirmable(intent: &Record) -> Result<(), ApiError> {
    let refuse = |message: String| Err(intents::unexpected_state(intent, message));
    match intent.text("status") {
        "requires_payment_method" | "requires_confirmation" | "requires_action" => {}
        "succeeded" => {
            return refuse("You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed.".to_owned());
        }
        status => {
            return refuse(format!(
                "You cannot confirm this PaymentIntent because it has a status of {status}. Only a PaymentIntent with one of the following statuses may be confirmed: requires_confirmation, requires_action, requires_payment_method."
            ));
        }
    }
    if intent.hidden["session"].is_string() {
        return refuse(
            "You cannot confirm a PaymentIntent that was created by a hosted Checkout Session."
                .to_owned(),
        );
    }
    Ok(())
}

/// The payment method that a request brings, else the intent's own.
fn method_to_confirm(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    intent: &Record,
) -> Result<Arc<Record>, ApiError> {
    if let Some(method) = intents::given_method(tx, call)? {
        return Ok(method);
    }
    match intent.value["payment_method"].as_str() {
        Some(id) => find(tx, call, Kind::PaymentMethod, id, "payment_method"),
        None => Err(intents::unexpected_state(
            intent,
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method or ConfirmationToken.".to_owned(),
        )),
    }
}

/// A `return_url` is a URL, and is there where the payment may lead to another page.
fn check_return_url(
    call: &Call<'_>,
    intent: &Record,
    method: &Record,
    how: &AttemptOptions,
) -> Result<(), ApiError> {
    if let Some(url) = &how.return_url
        && url::Url::parse(url).is_err()
    {
        return Err(ApiError::invalid("Not a valid URL")
            .code("url_invalid")
            .param("return_url"));
    }
    if intent.text("confirmation_method") == "manual" && call.key == Key::Publishable {
        return Err(intents::unexpected_state(
            intent,
            "You cannot confirm this PaymentIntent with a publishable key because its confirmation_method is manual.".to_owned(),
        ));
    }
    let automatic = &intent.value["automatic_payment_methods"];
    if automatic["allow_redirects"] == "always" && how.return_url.is_none() && !how.off_session {
        return Err(ApiError::invalid("This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of these payment methods might redirect your customer off of your page, you must provide a `return_url`. If you don't want to accept redirect-based payment methods, set `automatic_payment_methods[enabled]` to `true` and `automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and Payment Intents.").param("return_url"));
    }
    if matches!(methods::kind(method), MethodKind::Redirect) && how.return_url.is_none() {
        return Err(ApiError::parameter_missing("return_url"));
    }
    Ok(())
}

/// One attempt to pay an intent with a payment method.
pub(crate) fn attempt(
    tx: &mut Tx<'_>,
    id: &str,
    method: &Record,
    how: &AttemptOptions,
) -> Result<AttemptOutcome, ApiError> {
    tx.update(id, |r| {
        r.value["payment_method"] = json!(method.id);
        r.value["last_payment_error"] = Value::Null;
    });
    let card = match methods::kind(method) {
        MethodKind::Card(card) => card,
        MethodKind::Redirect => {
            requires_action(tx, id, how.return_url.as_deref());
            return Ok(AttemptOutcome::Challenged);
        }
        MethodKind::Debit(debit, when) => {
            charges::begin_debit(tx, id, method)?;
            let due = (debit != Debit::Never).then_some(tx.now + when.seconds(tx));
            tx.update(id, |r| {
                // A Checkout Session decides for its intent.
                r.due = due.filter(|_| r.hidden["session"].is_null());
            });
            keep_method(tx, id, method, false);
            return Ok(AttemptOutcome::Processing);
        }
    };
    let set_up = method.hidden["set_up"] == json!(true);
    // The customer has authenticated already, and the server confirms again
    // (`confirmation_method=manual`).
    let done = tx
        .get(id)
        .is_some_and(|i| i.hidden["authenticated"] == method.id.as_str());
    let challenges = match card.behaviour {
        Behaviour::Challenges | Behaviour::ChallengesAndDeclines(..) => !set_up && !done,
        Behaviour::ChallengesAlways => !done,
        Behaviour::ChallengesOnSession => !how.off_session,
        Behaviour::Declines(code, decline_code, message) => {
            return decline(tx, id, method, (code, decline_code, message));
        }
        Behaviour::DeclinesOnceSaved => return decline(tx, id, method, GENERIC_DECLINE),
        Behaviour::Pays => !done && !how.off_session && wants_challenge(tx, id),
    };
    if !challenges {
        return pay(tx, id, method, done);
    }
    if how.off_session && !how.may_wait {
        return decline(tx, id, method, AUTHENTICATION_REQUIRED);
    }
    if how.error_on_requires_action {
        let (decline_code, message) = NOT_HANDLED;
        let code = tx.assumptions.get("unhandled_challenge");
        return decline(tx, id, method, (code, decline_code, message));
    }
    requires_action(tx, id, how.leads_to());
    match how.challenge {
        None => Ok(AttemptOutcome::Challenged),
        Some(answer) => challenge(tx, id, answer),
    }
}

/// Whether a challenge was asked for by `payment_method_options`.
fn wants_challenge(tx: &Tx<'_>, id: &str) -> bool {
    let asked = tx.get(id).is_some_and(|i| {
        i.value["payment_method_options"]["card"]["request_three_d_secure"] == "challenge"
    });
    asked && tx.assumptions.get("challenge_wish") == "obeyed"
}

fn decline(
    tx: &mut Tx<'_>,
    id: &str,
    method: &Record,
    why: (&'static str, &'static str, &'static str),
) -> Result<AttemptOutcome, ApiError> {
    charges::decline(tx, id, method, why)?;
    Ok(AttemptOutcome::Declined(why.0, why.1, why.2))
}

fn pay(
    tx: &mut Tx<'_>,
    id: &str,
    method: &Record,
    authenticated: bool,
) -> Result<AttemptOutcome, ApiError> {
    if let MethodKind::Card(card) = methods::kind(method)
        && let Behaviour::ChallengesAndDeclines(code, decline_code, message) = card.behaviour
    {
        return decline(tx, id, method, (code, decline_code, message));
    }
    let manual = tx
        .get(id)
        .is_some_and(|i| i.text("capture_method") == "manual");
    if manual {
        charges::authorise(tx, id, method)?;
    } else {
        charges::succeed(tx, id, method)?;
    }
    keep_method(tx, id, method, authenticated);
    Ok(AttemptOutcome::Paid)
}

/// Saves the method to the customer if that was asked for; else it has been used up.
fn keep_method(tx: &mut Tx<'_>, id: &str, method: &Record, authenticated: bool) {
    let Some(intent) = tx.get(id) else {
        return;
    };
    let future = intent.value["setup_future_usage"].as_str();
    let saves = future.is_some() || intent.hidden["save"] == json!(true);
    if let (Some(customer), true) = (intent.value["customer"].as_str(), saves) {
        // The customer exists, since creating the intent has checked it.
        drop(methods::attach(tx, &intent.owner, method, customer));
        tx.update(&method.id, |r| {
            if authenticated || future == Some("off_session") {
                r.hidden["set_up"] = json!(true);
            }
        });
    } else if method.value["customer"].is_null() {
        tx.update(&method.id, |r| r.hidden["used"] = json!(true));
    }
}

fn requires_action(tx: &mut Tx<'_>, id: &str, return_url: Option<&str>) {
    let url = format!("{}/c/challenge/{id}", tx.base_url);
    let action = intents::challenge_at(&url, return_url);
    intents::update_and_emit(tx, id, "payment_intent.requires_action", |r| {
        r.value["status"] = json!("requires_action");
        r.value["next_action"] = action;
    });
}

/// The customer's answer to an intent's challenge.
pub(crate) fn challenge(
    tx: &mut Tx<'_>,
    id: &str,
    how: Challenge,
) -> Result<AttemptOutcome, ApiError> {
    let waiting = tx
        .get(id)
        .filter(|i| i.kind == Kind::Intent && i.text("status") == "requires_action");
    let method = waiting
        .as_ref()
        .and_then(|i| tx.get(i.text("payment_method")));
    let Some(method) = method else {
        return Err(ApiError::invalid("There is no challenge to answer."));
    };
    let redirected = matches!(methods::kind(&method), MethodKind::Redirect);
    let manual = waiting.is_some_and(|i| i.text("confirmation_method") == "manual");
    if how == Challenge::Complete && manual && !redirected {
        // <https://docs.stripe.com/payments/accept-a-payment-synchronously>
        tx.update(id, |r| {
            r.value["status"] = json!("requires_confirmation");
            r.value["next_action"] = Value::Null;
            r.hidden["authenticated"] = json!(method.id);
        });
        return Ok(AttemptOutcome::Authenticated);
    }
    if how == Challenge::Complete {
        return pay(tx, id, &method, true);
    }
    let (code, decline_code, message) = NOT_AUTHENTICATED;
    intents::attempt_failed(
        tx,
        id,
        json!({
            "type": "invalid_request_error", "code": code, "message": message,
            "doc_url": "https://stripe.com/docs/error-codes/payment-intent-authentication-failure",
            "payment_method": method.value,
        }),
    );
    Ok(AttemptOutcome::Declined(code, decline_code, message))
}

/// Decides a debit by hand.
pub(crate) fn settle(tx: &mut Tx<'_>, id: &str, succeeds: bool) -> Answer {
    let intent = tx
        .get(id)
        .filter(|i| i.kind == Kind::Intent && i.text("status") == "processing")
        .ok_or_else(|| ApiError::invalid("No debit is under way for this PaymentIntent."))?;
    if succeeds {
        charges::debit_succeeds(tx, &intent.id)?;
    } else {
        charges::debit_fails(tx, &intent.id)?;
    }
    Ok(tx.get(id).map(|i| i.value.clone()).unwrap_or_default())
}

/// A debit has taken its days, or a reservation has run out.
pub(crate) fn falls_due(tx: &mut Tx<'_>, intent: &Record) {
    match intent.text("status") {
        "processing" => {
            let method = tx.get(intent.text("payment_method"));
            let fails = method.is_some_and(|m| {
                matches!(methods::kind(&m), MethodKind::Debit(Debit::Fails(..), _))
            });
            let settled = settle(tx, &intent.id, !fails);
            debug_assert!(settled.is_ok(), "a processing intent has a charge");
        }
        "requires_capture" => intents::cancel(tx, &intent.id, Some("automatic")),
        _ => {}
    }
}

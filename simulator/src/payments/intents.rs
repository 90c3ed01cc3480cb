//! Payment intents: how they are made, changed, canceled, and how they move.
//! <https://docs.stripe.com/api/payment_intents>, <https://docs.stripe.com/payments/paymentintents/lifecycle>.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{charges, confirm};
use crate::{
    accounts::v2,
    api::{Call, Route, connected, find, lists, merge_metadata, metadata, retrieve},
    customers::{
        configurations::{self, Terms},
        methods,
    },
    error::{Answer, ApiError},
    form::Node,
    money,
    store::{Kind, Record, Tx},
    transfers::destination,
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/payment_intents", create),
    ("GET", "/v1/payment_intents", |tx, call| {
        let customer = call.args.text("customer");
        lists::list(tx, call, Kind::Intent, |r| {
            customer.is_none_or(|c| r.value["customer"] == c)
        })
    }),
    ("GET", "/v1/payment_intents/{intent}", |tx, call| {
        retrieve(tx, call, Kind::Intent, "intent")
    }),
    ("POST", "/v1/payment_intents/{intent}", update),
    (
        "POST",
        "/v1/payment_intents/{intent}/confirm",
        confirm::confirm,
    ),
    ("POST", "/v1/payment_intents/{intent}/cancel", handle_cancel),
    (
        "GET",
        "/v1/payment_intents/{intent}/amount_details_line_items",
        |tx, call| {
            let intent = find(tx, call, Kind::Intent, call.id(), "intent")?;
            let lines = intent.hidden["lines"].as_array().cloned();
            lists::page_of(call, lines.unwrap_or_default())
        },
    ),
];

const CONFIGURATION: &str = "payment_method_configuration";
const DETAILS: &str = "payment_method_configuration_details";

/// Whether the account may take money at all.
pub(crate) fn can_charge(tx: &Tx<'_>, owner: &str) -> Result<(), ApiError> {
    let account = connected(tx, owner);
    let legacy = account
        .as_ref()
        .is_some_and(|a| !v2::made_here(a) && ["express", "custom"].contains(&a.text("type")));
    if legacy && !tx.rules.legacy_direct_charges {
        return Err(ApiError::invalid(
            "Direct charges aren't supported for your platform on connected accounts of the legacy types Express and Custom. Use destination charges, or request an exemption at https://dashboard.stripe.com/settings/connect/platform-profile.",
        ));
    }
    if account.is_some_and(|a| a.value["charges_enabled"] == json!(true)) {
        return Ok(());
    }
    Err(ApiError::invalid(
        "Your account cannot currently make charges: it must complete onboarding and have the `card_payments` capability.",
    ))
}

/// Refuses an application fee on the platform's own payment, or above the amount.
pub(crate) fn check_fee(
    tx: &Tx<'_>,
    owner: &str,
    fee: Option<i64>,
    amount: i64,
    destination: bool,
) -> Result<(), ApiError> {
    let param = "application_fee_amount";
    let Some(fee) = fee else {
        return Ok(());
    };
    if owner == tx.store().platform && !destination {
        return Err(ApiError::invalid(
            "Can only apply an application_fee_amount when the PaymentIntent is attempting a direct payment (using an OAuth key or Stripe-Account header) or destination payment (using `transfer_data[destination]`).",
        )
        .param(param));
    }
    if fee < 0 {
        return Err(ApiError::invalid("Invalid non-negative integer")
            .code("parameter_invalid_integer")
            .param(param));
    }
    if fee > amount {
        return Err(ApiError::invalid(
            "The `application_fee_amount` must be less than or equal to the `amount`.",
        )
        .param(param));
    }
    Ok(())
}

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    can_charge(tx, call.owner)?;
    let amount = args.int("amount").unwrap_or(0);
    let currency = args
        .text("currency")
        .unwrap_or_default()
        .to_ascii_lowercase();
    money::check_amount(amount, &currency)?;
    let destination = args.text("transfer_data.destination").is_some();
    let fee = args.int("application_fee_amount");
    check_fee(tx, call.owner, fee, amount, destination)?;
    if let Some(id) = args.text("customer") {
        find(tx, call, Kind::Customer, id, "customer")?;
    }
    let confirms = args.flag("confirm") == Some(true);
    for name in [
        "off_session",
        "return_url",
        "mandate",
        "mandate_data",
        "confirmation_token",
        "error_on_requires_action",
    ] {
        if args.text(name).is_some() && !confirms {
            return Err(ApiError::invalid(format!(
                "The parameter `{name}` cannot be passed when creating a PaymentIntent unless `confirm` is set to true."
            ))
            .param(name));
        }
    }
    let method = given_method(tx, call)?;
    let mut fields = json!({
        "amount": amount,
        "application_fee_amount": fee,
        "currency": currency,
        "capture_method": args.text("capture_method").unwrap_or("automatic_async"),
        "confirmation_method": args.text("confirmation_method").unwrap_or("automatic"),
        "metadata": metadata(args, "metadata")?,
    });
    fields["automatic_payment_methods"] = automatic(args);
    accepted_types(tx, call, &currency, &mut fields)?;
    describe(args, &mut fields)?;
    destination::check(tx, call.owner, &fields, "")?;
    if let Some(method) = &method {
        confirm::check_method(&fields, args.text("customer"), method)?;
        fields["payment_method"] = json!(method.id);
        fields["status"] = json!("requires_confirmation");
    }
    let hidden = hidden(tx, args);
    let intent = make(tx, call.owner, fields, hidden);
    if confirms {
        return confirm::run(tx, call, &intent);
    }
    Ok(intent.value.clone())
}

/// The payment method that a request names or brings.
pub(crate) fn given_method(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
) -> Result<Option<Arc<Record>>, ApiError> {
    if let Some(id) = call.args.text("payment_method") {
        return methods::resolve(tx, call.owner, id, "payment_method").map(Some);
    }
    match call.args.at("payment_method_data") {
        Some(form) => {
            let form = form.clone();
            methods::read(tx, call.owner, &form, "payment_method_data").map(Some)
        }
        None => Ok(None),
    }
}

/// `automatic_payment_methods` of a new intent, unless it names its types.
pub(crate) fn automatic(args: &Node) -> Value {
    if args.flag("automatic_payment_methods.enabled") == Some(false) {
        return Value::Null;
    }
    json!({
        "allow_redirects": args.text("automatic_payment_methods.allow_redirects").unwrap_or("always"),
        "enabled": true,
    })
}

/// Applies `allowed_payment_method_types`, or the types that a payment method configuration offers.
pub(crate) fn accepted_types(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    currency: &str,
    fields: &mut Value,
) -> Result<(), ApiError> {
    let args = call.args;
    let given = args.texts("allowed_payment_method_types");
    let (excluded, configuration) = ("excluded_payment_method_types", CONFIGURATION);
    if args.at(excluded).is_some() {
        fields[excluded] = json!(args.texts(excluded));
    }
    if !given.is_empty() {
        let automatic = args.flag("automatic_payment_methods.enabled") == Some(true);
        let automatic = automatic.then_some("automatic_payment_methods");
        let named = args.text(configuration).map(|_| configuration);
        if let Some(other) = automatic.or(named) {
            return Err(ApiError::invalid(format!(
                "You may only specify one of these parameters: allowed_payment_method_types, {other}."
            ))
            .param(other));
        }
        fields["payment_method_types"] = json!(given);
        fields["automatic_payment_methods"] = Value::Null;
        fields[DETAILS] = Value::Null;
        return Ok(());
    }
    let used = fields[DETAILS]["id"].as_str().map(str::to_owned);
    let named = args.text(configuration).or(used.as_deref());
    let account = configurations::account_of(tx, call, &fields["on_behalf_of"], "on_behalf_of");
    let found = configurations::resolve(tx, &account, named)?;
    let terms = Terms {
        currency,
        redirects: fields["automatic_payment_methods"]["allow_redirects"] != "never",
        excluded: &fields[excluded],
    };
    let types = configurations::offered(tx, &found, terms);
    if types.is_empty() {
        let noun = match call.path.starts_with("/v1/setup_intents") {
            true => "Setup Intent",
            false => "Payment Intent",
        };
        return Err(configurations::nothing_offered(noun));
    }
    fields["payment_method_types"] = json!(types);
    fields[DETAILS] = configurations::details(&found);
    Ok(())
}

/// The fields that creating and updating have in common.
pub(super) fn describe(args: &Node, fields: &mut Value) -> Result<(), ApiError> {
    for name in [
        "customer",
        "description",
        "on_behalf_of",
        "receipt_email",
        "setup_future_usage",
        "statement_descriptor",
        "statement_descriptor_suffix",
        "transfer_group",
    ] {
        if args.at(name).is_some() {
            fields[name] = json!(args.text(name));
        }
    }
    if let Some(email) = args.text("receipt_email")
        && (!email.contains('@') || email.contains(' '))
    {
        return Err(ApiError::invalid(format!("Invalid email address: {email}"))
            .code("email_invalid")
            .param("receipt_email"));
    }
    if let Some(shipping) = args.at("shipping") {
        fields["shipping"] = shipping_of(shipping);
    }
    if let Some(requested) = args.text("payment_method_options.card.request_three_d_secure") {
        fields["payment_method_options"] = card_options(requested);
    }
    if let Some(data) = args.at("transfer_data") {
        // An update says only what changes.
        let mut out = fields["transfer_data"].clone();
        if let Some(to) = data.text("destination") {
            out["destination"] = json!(to);
        }
        if let Some(amount) = data.int("amount") {
            out["amount"] = json!(amount);
        }
        fields["transfer_data"] = out;
    }
    Ok(())
}

fn card_options(three_d_secure: &str) -> Value {
    json!({
        "card": {
            "installments": null, "mandate_options": null, "network": null,
            "request_three_d_secure": three_d_secure,
        },
    })
}

/// A `shipping` hash, or nothing where it was emptied.
pub(crate) fn shipping_of(form: &Node) -> Value {
    if matches!(form, Node::Leaf(_)) {
        return Value::Null;
    }
    let text = |path: &str| json!(form.text(path));
    json!({
        "address": {
            "city": text("address.city"), "country": text("address.country"),
            "line1": text("address.line1"), "line2": text("address.line2"),
            "postal_code": text("address.postal_code"), "state": text("address.state"),
        },
        "carrier": text("carrier"),
        "name": form.text("name").unwrap_or_default(),
        "phone": text("phone"),
        "tracking_number": text("tracking_number"),
    })
}

/// An intent's hidden fields: its line items, and its card's options.
fn hidden(tx: &mut Tx<'_>, args: &Node) -> Value {
    let forms: Vec<Node> = args.list("amount_details.line_items").cloned().collect();
    let mut lines = Vec::new();
    for form in forms {
        lines.push(json!({
            "id": tx.mint("uli_1", 23),
            "object": "payment_intent_amount_details_line_item",
            "discount_amount": form.int("discount_amount"),
            "payment_method_options": null,
            "product_code": form.text("product_code"),
            "product_name": form.text("product_name").unwrap_or_default(),
            "quantity": form.int("quantity").unwrap_or(1),
            "tax": form.int("tax.total_tax_amount").map(|t| json!({ "total_tax_amount": t })),
            "unit_cost": form.int("unit_cost").unwrap_or(0),
            "unit_of_measure": form.text("unit_of_measure"),
        }));
    }
    let requested = args.text("payment_method_options.card.request_incremental_authorization");
    json!({ "lines": lines, "incremental": requested == Some("if_available") })
}

/// Makes an intent from the given fields. The others have Stripe's defaults.
pub(crate) fn make(tx: &mut Tx<'_>, owner: &str, fields: Value, hidden: Value) -> Arc<Record> {
    let id = tx.mint("pi_3", 23);
    let secret = tx.mint(&format!("{id}_secret_"), 25);
    let connected = owner != tx.store().platform;
    let mut intent = json!({
        "id": id,
        "object": "payment_intent",
        "amount": 0,
        "amount_capturable": 0,
        "amount_details": { "tip": {} },
        "amount_received": 0,
        "application": connected.then(|| tx.application()),
        "application_fee_amount": null,
        "automatic_payment_methods": null,
        "canceled_at": null,
        "cancellation_reason": null,
        "capture_method": "automatic_async",
        "client_secret": secret,
        "confirmation_method": "automatic",
        "created": tx.now,
        "currency": "usd",
        "customer": null,
        "customer_account": null,
        "description": null,
        "excluded_payment_method_types": null,
        "last_payment_error": null,
        "latest_charge": null,
        "livemode": false,
        "metadata": {},
        "next_action": null,
        "on_behalf_of": null,
        "payment_method": null,
        "payment_method_configuration_details": null,
        "payment_method_options": card_options("automatic"),
        "payment_method_types": ["card"],
        "processing": null,
        "receipt_email": null,
        "review": null,
        "setup_future_usage": null,
        "shipping": null,
        "statement_descriptor": null,
        "statement_descriptor_suffix": null,
        "status": "requires_payment_method",
        "transfer_data": null,
        "transfer_group": null,
    });
    if let Value::Object(fields) = fields {
        for (name, value) in fields {
            intent[name] = value;
        }
    }
    let intent = tx.insert(Kind::Intent, owner, intent, hidden, None);
    tx.emit("payment_intent.created", owner, &intent.value);
    intent
}

/// Stripe's error for an action that the intent's status doesn't allow. It carries the intent.
pub(crate) fn unexpected_state(intent: &Record, message: String) -> ApiError {
    ApiError::invalid(message)
        .code("payment_intent_unexpected_state")
        .with("payment_intent", intent.value.clone())
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let intent = find(tx, call, Kind::Intent, call.id(), "intent")?;
    let open = matches!(
        intent.text("status"),
        "requires_payment_method" | "requires_confirmation" | "requires_action"
    );
    if !open {
        check_closed(&intent, args)?;
    }
    let mut value = intent.value.clone();
    merge_metadata(&mut value["metadata"], args, "metadata")?;
    describe(args, &mut value)?;
    if let Some(id) = args.text("customer") {
        find(tx, call, Kind::Customer, id, "customer")?;
    }
    change_terms(args, &mut value);
    let currency = value["currency"].as_str().unwrap_or_default().to_owned();
    let amount = value["amount"].as_i64().unwrap_or(0);
    if open {
        money::check_amount(amount, &currency)?;
    }
    let fee = value["application_fee_amount"].as_i64();
    check_fee(
        tx,
        call.owner,
        fee,
        amount,
        value["transfer_data"].is_object(),
    )?;
    if open {
        destination::check(tx, call.owner, &value, "")?;
    }
    let dynamic = value[DETAILS].is_object();
    if ["allowed_payment_method_types", CONFIGURATION]
        .iter()
        .any(|name| args.at(name).is_some())
        || dynamic && args.at("currency").is_some()
    {
        accepted_types(tx, call, &currency, &mut value)?;
    }
    if let Some(method) = given_method(tx, call)? {
        confirm::check_method(&value, value["customer"].as_str(), &method)?;
        value["payment_method"] = json!(method.id);
        value["status"] = json!("requires_confirmation");
        value["next_action"] = Value::Null;
    }
    tx.update(&intent.id, |r| r.value = value.clone());
    Ok(value)
}

/// Refuses changes of an intent that is paid, canceled or processing, with a few exceptions.
fn check_closed(intent: &Record, args: &Node) -> Result<(), ApiError> {
    let always = [
        "metadata",
        "description",
        "expand",
        "receipt_email",
        "statement_descriptor",
    ];
    let mut names = args.children().iter().map(|(name, _)| name);
    match names.find(|name| !always.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(unexpected_state(
            intent,
            format!(
                "This PaymentIntent's {name} could not be updated because it has a status of {}. You may only update the {name} of a PaymentIntent with one of the following statuses: requires_payment_method, requires_confirmation, requires_action.",
                intent.text("status")
            ),
        )
        .param(name.clone())),
    }
}

/// Writes the amount, the capture method and the application fee.
fn change_terms(args: &Node, intent: &mut Value) {
    if let Some(currency) = args.text("currency") {
        intent["currency"] = json!(currency.to_ascii_lowercase());
    }
    if let Some(amount) = args.int("amount") {
        intent["amount"] = json!(amount);
    }
    if let Some(text) = args.text("capture_method") {
        intent["capture_method"] = json!(text);
    }
    if args.at("application_fee_amount").is_some() {
        intent["application_fee_amount"] = json!(args.int("application_fee_amount"));
    }
}

fn handle_cancel(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let intent = find(tx, call, Kind::Intent, call.id(), "intent")?;
    if !cancelable(&intent) {
        return Err(unexpected_state(
            &intent,
            format!(
                "You cannot cancel this PaymentIntent because it has a status of {}. Only a PaymentIntent with one of the following statuses may be canceled: requires_payment_method, requires_capture, requires_confirmation, requires_action, processing.",
                intent.text("status")
            ),
        ));
    }
    // Only the money that a session holds may be released (the description of this operation).
    if intent.hidden["session"].is_string() && intent.text("status") != "requires_capture" {
        return Err(unexpected_state(
            &intent,
            "You cannot cancel PaymentIntents created by Checkout. Expire the Checkout Session instead.".to_owned(),
        ));
    }
    let reason = call.args.text("cancellation_reason").map(str::to_owned);
    cancel(tx, &intent.id, reason.as_deref());
    retrieve(tx, call, Kind::Intent, "intent")
}

fn cancelable(intent: &Record) -> bool {
    matches!(
        intent.text("status"),
        "requires_payment_method"
            | "requires_capture"
            | "requires_confirmation"
            | "requires_action"
    ) || (intent.text("status") == "processing" && intent.hidden["session"].is_null())
}

/// Cancels an unpaid intent, and releases reserved money.
pub(crate) fn cancel(tx: &mut Tx<'_>, id: &str, reason: Option<&str>) {
    let Some(intent) = tx.get(id).filter(|i| cancelable(i)) else {
        return;
    };
    if intent.text("status") == "requires_capture" {
        let event = if reason == Some("automatic") {
            "charge.expired"
        } else {
            "charge.refunded"
        };
        charges::release(tx, intent.text("latest_charge"), event);
    }
    if intent.text("status") == "processing" {
        charges::cancel_debit(tx, intent.text("latest_charge"));
    }
    let now = tx.now;
    update_and_emit(tx, id, "payment_intent.canceled", |r| {
        r.value["status"] = json!("canceled");
        r.value["canceled_at"] = json!(now);
        r.value["cancellation_reason"] = json!(reason);
        r.value["amount_capturable"] = json!(0);
        r.value["next_action"] = Value::Null;
        r.due = None;
    });
}

/// Changes an intent and emits an event with its new state.
pub(crate) fn update_and_emit(
    tx: &mut Tx<'_>,
    id: &str,
    event: &str,
    change: impl FnOnce(&mut Record),
) {
    let Some(intent) = tx.update(id, change) else {
        return;
    };
    tx.emit(event, &intent.owner, &intent.value);
    // An invoice that waits for this intent observes it next.
    if let Some(payment) = intent.hidden["invoice_payment"].as_str() {
        let now = tx.simulator_now();
        tx.update(payment, |r| r.due = Some(now));
    }
}

/// The `next_action` that leads the customer to a challenge.
pub(crate) fn challenge_at(url: &str, return_url: Option<&str>) -> Value {
    match return_url {
        Some(back) => json!({
            "type": "redirect_to_url",
            "redirect_to_url": { "return_url": back, "url": url },
        }),
        None => json!({
            "type": "use_stripe_sdk",
            "use_stripe_sdk": { "type": "three_d_secure_redirect", "stripe_js": url },
        }),
    }
}

/// An attempt failed: the intent can be tried again.
pub(crate) fn attempt_failed(tx: &mut Tx<'_>, id: &str, error: Value) {
    update_and_emit(tx, id, "payment_intent.payment_failed", |r| {
        r.value["status"] = json!("requires_payment_method");
        r.value["next_action"] = Value::Null;
        r.value["processing"] = Value::Null;
        r.value["payment_method"] = Value::Null;
        r.value["last_payment_error"] = error;
        r.due = None;
    });
}

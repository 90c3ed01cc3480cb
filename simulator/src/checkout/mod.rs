//! Checkout sessions: <https://docs.stripe.com/api/checkout/sessions>.

mod line_items;
pub(crate) mod pay;
mod subscribe;

use serde_json::{Value, json};

use crate::{
    api::{Call, Route, find, lists, metadata, retrieve},
    billing::promotion,
    error::{Answer, ApiError},
    form::Node,
    money,
    payments::intents,
    store::{Kind, Record, Tx},
    transfers::destination,
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/checkout/sessions", create),
    ("GET", "/v1/checkout/sessions", list),
    ("GET", "/v1/checkout/sessions/{session}", |tx, call| {
        retrieve(tx, call, Kind::Session, "session")
    }),
    ("POST", "/v1/checkout/sessions/{session}/expire", expire),
    ("GET", "/v1/checkout/sessions/{session}/line_items", items),
];

const MIN_LIFE: i64 = 30 * 60;
const MAX_LIFE: i64 = 24 * 3600;

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    allowed(tx, call)?;
    let (items, subtotal, currency) = line_items::read(tx, call)?;
    subscribe::check(call, &items)?;
    let subtotal = subscribe::due_now(args, &items, subtotal);
    let discount = read_discount(tx, call, subtotal, &currency)?;
    let off = match &discount {
        Some(d) => promotion::amount_off(tx, call.owner, &d.coupon, subtotal, &currency)?,
        None => 0,
    };
    let total = subtotal - off;
    let least = money::minimum(&currency, "currency")?;
    if total != 0 && total < least {
        return Err(ApiError::invalid(format!(
            "The Checkout Session's total amount due must add up to at least {}",
            money::show(least, &currency)
        ))
        .code("amount_too_small")
        .param("line_items"));
    }
    if total > money::MAX_AMOUNT {
        return Err(ApiError::invalid(
            "The Checkout Session's total amount due must be no more than 99999999 minor units",
        )
        .code("amount_too_large")
        .param("line_items"));
    }
    let fee = fee(tx, call, subtotal)?;
    let connect = connect(args, total, fee);
    destination::check(tx, call.owner, &connect, "payment_intent_data")?;
    let expires_at = expiry(tx, args)?;
    let id = tx.mint("cs_test_a1", 56);
    let mut session = describe(tx, args, &id)?;
    session["amount_subtotal"] = json!(subtotal);
    session["currency"] = json!(currency);
    session["expires_at"] = json!(expires_at);
    let hidden = json!({
        "items": items,
        "fee": fee,
        "connect": connect,
        "intent": metadata(args, "payment_intent_data.metadata")?,
        "intent_description": args.text("payment_intent_data.description"),
        "receipt_email": args.text("payment_intent_data.receipt_email"),
        "subscription_data": args.sub("subscription_data").encode(),
        "discount": discount.map(|d| json!({ "coupon": d.coupon, "promotion_code": d.promotion_code })),
    });
    tx.insert(Kind::Session, call.owner, session, hidden, Some(expires_at));
    pay::price(tx, &id)
}

/// Documented parameters that would change what happens and aren't simulated: better refused than
/// ignored. `false` and the hash's `enabled=false` pass.
const NOT_YET: [&str; 13] = [
    "after_expiration",
    "automatic_tax.enabled",
    "consent_collection",
    "custom_fields",
    "customer_account",
    "invoice_creation.enabled",
    "optional_items",
    "payment_intent_data.setup_future_usage",
    "payment_method_configuration",
    "setup_intent_data",
    "shipping_address_collection",
    "shipping_options",
    "tax_id_collection.enabled",
];

fn simulated(args: &Node) -> Result<(), ApiError> {
    let refuse = |path: &str| {
        let (head, rest) = path.split_once('.').unwrap_or((path, ""));
        let param = if rest.is_empty() {
            head.to_owned()
        } else {
            format!("{head}[{rest}]")
        };
        Err(ApiError::invalid(format!("The simulator doesn't know `{param}` yet.")).param(param))
    };
    if let Some(path) = NOT_YET.iter().find(|path| {
        args.at(path)
            .is_some_and(|_| args.flag(path) != Some(false))
    }) {
        return refuse(path);
    }
    if args.text("payment_intent_data.capture_method") == Some("manual") {
        return refuse("payment_intent_data.capture_method");
    }
    for item in args.list("line_items") {
        if item.flag("adjustable_quantity.enabled") == Some(true) || item.at("tax_rates").is_some()
        {
            return refuse("line_items");
        }
    }
    Ok(())
}

/// What must be true before anything is read.
fn allowed(tx: &Tx<'_>, call: &Call<'_>) -> Result<(), ApiError> {
    let args = call.args;
    simulated(args)?;
    match args.text("mode") {
        Some("payment" | "subscription") => {}
        None => return Err(ApiError::parameter_missing("mode")),
        Some(mode) => {
            return Err(ApiError::invalid(format!(
                "The simulator doesn't know `{mode}` mode yet; it knows `payment` and `subscription`."
            ))
            .param("mode"));
        }
    }
    if let Some(id) = args.text("customer") {
        find(tx, call, Kind::Customer, id, "customer")?;
    }
    if !matches!(args.text("ui_mode"), None | Some("hosted_page")) {
        return Err(
            ApiError::invalid("The simulator only has the `hosted_page` yet.").param("ui_mode"),
        );
    }
    for name in ["success_url", "cancel_url"] {
        match args.text(name) {
            Some(url) if url::Url::parse(url).is_err() => {
                return Err(ApiError::invalid("Not a valid URL")
                    .code("url_invalid")
                    .param(name));
            }
            None if name == "success_url" => return Err(ApiError::parameter_missing(name)),
            _ => {}
        }
    }
    if args
        .text("customer_email")
        .is_some_and(|e| !e.contains('@') || e.contains(' '))
    {
        let email = args.text("customer_email").unwrap_or_default();
        return Err(ApiError::invalid(format!("Invalid email address: {email}"))
            .code("email_invalid")
            .param("customer_email"));
    }
    intents::can_charge(tx, call.owner)
}

fn fee(tx: &Tx<'_>, call: &Call<'_>, subtotal: i64) -> Result<Option<i64>, ApiError> {
    let param = "payment_intent_data[application_fee_amount]";
    let Some(fee) = call.args.int("payment_intent_data.application_fee_amount") else {
        return Ok(None);
    };
    let destination = call
        .args
        .text("payment_intent_data.transfer_data.destination");
    if call.owner == tx.store().platform && destination.is_none() {
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
    if fee > subtotal {
        return Err(ApiError::invalid(
            "The `application_fee_amount` must be less than or equal to the total amount of the Checkout Session.",
        )
        .param(param));
    }
    Ok(Some(fee))
}

/// What the session's intent will have of Connect.
fn connect(args: &Node, total: i64, fee: Option<i64>) -> Value {
    let data = args.sub("payment_intent_data");
    let destination = data.text("transfer_data.destination").map(|to| {
        let mut out = json!({ "destination": to });
        if let Some(amount) = data.int("transfer_data.amount") {
            out["amount"] = json!(amount);
        }
        out
    });
    json!({
        "amount": total,
        "application_fee_amount": fee,
        "on_behalf_of": data.text("on_behalf_of"),
        "transfer_data": destination,
        "transfer_group": data.text("transfer_group"),
    })
}

fn expiry(tx: &Tx<'_>, args: &Node) -> Result<i64, ApiError> {
    let Some(at) = args.int("expires_at") else {
        return Ok(tx.now + MAX_LIFE);
    };
    let why = if at < tx.now + MIN_LIFE {
        "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
    } else if at > tx.now + MAX_LIFE {
        "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation."
    } else {
        return Ok(at);
    };
    Err(ApiError::invalid(why).param("expires_at"))
}

fn read_discount(
    tx: &Tx<'_>,
    call: &Call<'_>,
    subtotal: i64,
    currency: &str,
) -> Result<Option<promotion::Discount>, ApiError> {
    let forms: Vec<&Node> = call.args.list("discounts").collect();
    let Some(form) = forms.first() else {
        return Ok(None);
    };
    if call.args.flag("allow_promotion_codes").is_some() {
        return Err(ApiError::invalid(
            "You may only specify one of these parameters: allow_promotion_codes, discounts.",
        ));
    }
    if forms.len() > 1 {
        return Err(ApiError::invalid("You can pass at most 1 discount.").param("discounts"));
    }
    if let Some(id) = form.text("promotion_code") {
        let param = "discounts[0][promotion_code]";
        let code = tx
            .find(Kind::PromotionCode, call.owner, id)
            .ok_or_else(|| ApiError::missing("promotion code", id, param))?;
        return promotion::check_code(tx, &code, subtotal, currency).map(Some);
    }
    let id = form
        .text("coupon")
        .ok_or_else(|| ApiError::parameter_missing("discounts[0][coupon]"))?;
    let coupon = tx
        .find(Kind::Coupon, call.owner, id)
        .ok_or_else(|| ApiError::missing("coupon", id, "discounts[0][coupon]"))?;
    if coupon.value["valid"] != json!(true) {
        return Err(
            ApiError::invalid(format!("Coupon {id} is used up and cannot be applied."))
                .code("coupon_expired")
                .param("discounts[0][coupon]"),
        );
    }
    Ok(Some(promotion::Discount {
        coupon: coupon.id.clone(),
        promotion_code: None,
    }))
}

/// The session without its amounts.
fn describe(tx: &Tx<'_>, args: &Node, id: &str) -> Answer {
    let methods: Vec<&str> = match args.texts("allowed_payment_method_types") {
        given if !given.is_empty() => given,
        _ => vec!["card", "sepa_debit"],
    };
    let subscribes = args.text("mode") == Some("subscription");
    Ok(json!({
        "id": id,
        "object": "checkout.session",
        "adaptive_pricing": { "enabled": args.flag("adaptive_pricing.enabled").unwrap_or(false) },
        "after_expiration": null,
        "allow_promotion_codes": args.flag("allow_promotion_codes"),
        "automatic_tax": { "enabled": false, "liability": null, "provider": null, "status": null },
        "billing_address_collection": args.text("billing_address_collection"),
        "cancel_url": args.text("cancel_url"),
        "client_reference_id": args.text("client_reference_id"),
        "client_secret": null,
        "collected_information": null,
        "consent": null,
        "consent_collection": null,
        "created": tx.now,
        "currency_conversion": null,
        "custom_fields": [],
        "custom_text": {
            "after_submit": null, "shipping_address": null, "submit": null,
            "terms_of_service_acceptance": null,
        },
        "customer": args.text("customer"),
        "customer_account": null,
        "customer_creation": if subscribes {
            Value::Null
        } else {
            json!(args.text("customer_creation").unwrap_or("if_required"))
        },
        "customer_details": null,
        "customer_email": args.text("customer_email"),
        "discounts": [],
        "integration_identifier": null,
        "excluded_payment_method_types": [],
        "invoice": null,
        "invoice_creation": {
            "enabled": false,
            "invoice_data": {
                "account_tax_ids": null, "custom_fields": null, "description": null, "footer": null,
                "issuer": null, "metadata": {}, "rendering_options": null,
            },
        },
        "livemode": false,
        "locale": args.text("locale"),
        "metadata": metadata(args, "metadata")?,
        "mode": args.text("mode"),
        "optional_items": [],
        "origin_context": args.text("origin_context"),
        "payment_intent": null,
        "payment_link": null,
        "payment_method_collection": args
            .text("payment_method_collection")
            .unwrap_or(if subscribes { "always" } else { "if_required" }),
        "payment_method_configuration_details": null,
        "payment_method_options": {},
        "payment_method_types": methods,
        "payment_status": "unpaid",
        "permissions": null,
        "phone_number_collection": { "enabled": args.flag("phone_number_collection.enabled").unwrap_or(false) },
        "recovered_from": null,
        "saved_payment_method_options": null,
        "setup_intent": null,
        "shipping_address_collection": null,
        "shipping_cost": null,
        "shipping_options": [],
        "status": "open",
        "submit_type": args.text("submit_type"),
        "subscription": null,
        "success_url": args.text("success_url"),
        "tax_id_collection": { "enabled": false, "required": "never" },
        "ui_mode": "hosted_page",
        "url": format!("{}/c/pay/{id}", tx.base_url),
        "wallet_options": null,
    }))
}

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let (intent, status) = (call.args.text("payment_intent"), call.args.text("status"));
    let email = call.args.text("customer_details.email");
    lists::list(tx, call, Kind::Session, |r| {
        intent.is_none_or(|i| r.value["payment_intent"] == i)
            && status.is_none_or(|s| r.value["status"] == s)
            && email.is_none_or(|e| r.value["customer_details"]["email"] == e)
    })
}

fn items(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let session = tx
        .find(Kind::Session, call.owner, call.id())
        .ok_or_else(|| ApiError::missing("checkout.session", call.id(), "session"))?;
    lists::page_of(
        call,
        session.hidden["items"]
            .as_array()
            .cloned()
            .unwrap_or_default(),
    )
}

fn expire(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let session = tx
        .find(Kind::Session, call.owner, call.id())
        .ok_or_else(|| ApiError::missing("checkout.session", call.id(), "session"))?;
    if session.text("status") != "open" {
        return Err(ApiError::invalid(format!(
            "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of `{}`.",
            session.text("status")
        )));
    }
    Ok(close(tx, &session))
}

/// An open session expires, an asynchronous payment that nobody decided succeeds.
pub(crate) fn falls_due(tx: &mut Tx<'_>, session: &Record) {
    if session.text("status") == "open" {
        close(tx, session);
    } else if session.text("payment_status") == "unpaid" {
        let settled = pay::settle(tx, &session.id, true);
        debug_assert!(settled.is_ok(), "a waiting session has an intent");
    }
}

fn close(tx: &mut Tx<'_>, session: &Record) -> Value {
    let mut value = session.value.clone();
    value["status"] = json!("expired");
    value["url"] = Value::Null;
    tx.update(&session.id, |r| {
        r.value = value.clone();
        r.due = None;
    });
    // A declined attempt leaves an intent behind; it ends with its session.
    if let Some(intent) = value["payment_intent"].as_str() {
        intents::cancel(tx, intent, Some("automatic"));
    }
    tx.emit("checkout.session.expired", &session.owner, &value);
    value
}

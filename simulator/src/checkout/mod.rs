//! Checkout sessions: <https://docs.stripe.com/api/checkout/sessions>.

mod buyer;
mod line_items;
mod params;
pub(crate) mod pay;
mod shipping;
pub(crate) mod subscribe;

pub(crate) use buyer::offered;

use serde_json::{Value, json};

use crate::{
    api::{Call, Route, find, lists, merge_metadata, metadata, retrieve},
    billing::promotion,
    error::{Answer, ApiError},
    form::Node,
    money,
    payments::{intents, setup},
    store::{Kind, Record, Tx},
    transfers::destination,
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/checkout/sessions", create),
    ("GET", "/v1/checkout/sessions", list),
    ("GET", "/v1/checkout/sessions/{session}", |tx, call| {
        retrieve(tx, call, Kind::Session, "session")
    }),
    ("POST", "/v1/checkout/sessions/{session}", update),
    ("POST", "/v1/checkout/sessions/{session}/expire", expire),
    ("GET", "/v1/checkout/sessions/{session}/line_items", items),
];

const MIN_LIFE: i64 = 30 * 60;
const MAX_LIFE: i64 = 24 * 3600;
/// Seconds an expired session can be recovered.
const RECOVERABLE: i64 = 30 * 86_400;

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let mode = args
        .text("mode")
        .ok_or_else(|| ApiError::parameter_missing("mode"))?;
    params::check(tx, call)?;
    let expires_at = expiry(tx, args)?;
    let id = tx.mint("cs_test_a1", 56);
    let (mut session, hidden) = match mode {
        "setup" => set_up(tx, call, &id)?,
        _ => sale(tx, call, &id)?,
    };
    session["expires_at"] = json!(expires_at);
    tx.insert(Kind::Session, call.owner, session, hidden, Some(expires_at));
    pay::price(tx, &id)?;
    pay::begin(tx, &id)
}

/// Builds a session that takes money. Returns its fields, and what its intent or subscription will
/// need.
fn sale(tx: &mut Tx<'_>, call: &Call<'_>, id: &str) -> Result<(Value, Value), ApiError> {
    let args = call.args;
    intents::can_charge(tx, call.owner)?;
    let shipping = shipping::read(tx, call)?;
    let (mut items, currency) = line_items::read(tx, call, &[])?;
    shipping::check(tx, &shipping, &currency)?;
    subscribe::check(call, &items)?;
    let subscription = args.sub("subscription_data");
    subscribe::prorate(tx, subscription, &mut items)?;
    let subtotal = subscribe::due_now(subscription, &items, line_items::sum(&items)?);
    let discount = read_discount(tx, call, subtotal, &currency)?;
    let sent = shipping
        .first()
        .and_then(|option| option["shipping_amount"].as_i64())
        .unwrap_or(0);
    let (off, off_sent) = match &discount {
        Some(d) => pay::taken_off(tx, call.owner, &d.coupon, (subtotal, sent), &currency)?,
        None => (0, 0),
    };
    let total = subtotal - off + sent - off_sent;
    enough(total, &currency)?;
    let fee = fee(tx, call, subtotal + sent)?;
    let connect = connect(args, total, fee);
    destination::check(tx, call.owner, &connect, "payment_intent_data")?;
    let data = args.sub("payment_intent_data");
    let mut session = params::describe(tx, call, id, Some(&currency))?;
    session["amount_subtotal"] = json!(subtotal);
    session["shipping_options"] = json!(shipping);
    let hidden = json!({
        "items": items,
        "fee": fee,
        "connect": connect,
        "discount": discount.map(|d| json!({ "coupon": d.coupon, "promotion_code": d.promotion_code })),
        "customer_update": customer_update(args),
        "subscription_data": subscription.encode(),
        "intent": {
            "capture_method": data.text("capture_method").unwrap_or("automatic_async"),
            "description": data.text("description"),
            "metadata": metadata(data, "metadata")?,
            "receipt_email": data.text("receipt_email"),
            "setup_future_usage": data.text("setup_future_usage"),
            "shipping": data.at("shipping").map(intents::shipping_of),
            "statement_descriptor": data.text("statement_descriptor"),
            "statement_descriptor_suffix": data.text("statement_descriptor_suffix"),
        },
    });
    Ok((session, hidden))
}

/// A session that saves a payment method for later
/// (<https://docs.stripe.com/payments/save-and-reuse?platform=checkout>).
fn set_up(tx: &mut Tx<'_>, call: &Call<'_>, id: &str) -> Result<(Value, Value), ApiError> {
    let args = call.args;
    let currency = args.text("currency").map(str::to_ascii_lowercase);
    match &currency {
        Some(currency) => drop(money::minimum(currency, "currency")?),
        None if args.texts("allowed_payment_method_types").is_empty() => {
            return Err(ApiError::parameter_missing("currency"));
        }
        None => {}
    }
    let mut session = params::describe(tx, call, id, currency.as_deref())?;
    let data = args.sub("setup_intent_data");
    let fields = json!({
        "customer": args.text("customer"),
        "description": data.text("description"),
        "metadata": metadata(data, "metadata")?,
        "on_behalf_of": data.text("on_behalf_of"),
        "payment_method_types": session["payment_method_types"],
    });
    if tx.assumptions.get("checkout_intent") != "at_payment" {
        let intent = setup::make(tx, call.owner, fields.clone(), json!({ "session": id }));
        session["setup_intent"] = json!(intent.id);
    }
    let hidden = json!({ "customer_update": customer_update(args), "setup": fields });
    Ok((session, hidden))
}

/// Which of the customer's fields the buyer may change.
fn customer_update(args: &Node) -> Value {
    let form = args.sub("customer_update");
    let names = ["address", "name", "shipping"];
    json!(names.map(|n| if form.text(n) == Some("auto") { n } else { "" }))
}

/// Refuses a total that no card could be charged with.
fn enough(total: i64, currency: &str) -> Result<(), ApiError> {
    let least = money::minimum(currency, "currency")?;
    if total != 0 && total < least {
        return Err(ApiError::invalid(format!(
            "The Checkout Session's total amount due must add up to at least {}",
            money::format(least, currency)
        ))
        .code("amount_too_small")
        .param("line_items"));
    }
    money::check_step(total, currency, money::step(currency), "line_items")?;
    let most = money::maximum(currency);
    if total > most {
        return Err(ApiError::invalid(format!(
            "The Checkout Session's total amount due must be no more than {}",
            money::format(most, currency)
        ))
        .code("amount_too_large")
        .param("line_items"));
    }
    Ok(())
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

/// The Connect parameters of the session's intent.
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
    if forms.len() > 1 {
        return Err(ApiError::invalid("You can pass at most 1 discount.").param("discounts"));
    }
    if let Some(id) = form.text("promotion_code") {
        let param = "discounts[0][promotion_code]";
        let code = tx
            .find(Kind::PromotionCode, call.owner, id)
            .ok_or_else(|| ApiError::missing("promotion code", id, param))?;
        promotion::check_customer(tx, &code, call.args.text("customer"))?;
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

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let same = |r: &Record, name: &str| call.args.text(name).is_none_or(|v| r.value[name] == v);
    let email = call.args.text("customer_details.email");
    lists::list(tx, call, Kind::Session, |r| {
        [
            "customer",
            "customer_account",
            "payment_intent",
            "payment_link",
            "status",
            "subscription",
        ]
        .into_iter()
        .all(|name| same(r, name))
            && email.is_none_or(|e| r.value["customer_details"]["email"] == e)
    })
}

fn items(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let session = find(tx, call, Kind::Session, call.id(), "session")?;
    let items = session.hidden["items"].as_array().cloned();
    lists::page_of(call, items.unwrap_or_default())
}

/// <https://docs.stripe.com/api/checkout/sessions/update>.
fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let session = find(tx, call, Kind::Session, call.id(), "session")?;
    let mut value = session.value.clone();
    merge_metadata(&mut value["metadata"], args, "metadata")?;
    let mut items = session.hidden["items"].clone();
    let order = ["collected_information", "line_items", "shipping_options"];
    if let Some(name) = order.into_iter().find(|name| args.at(name).is_some()) {
        if session.text("status") != "open" {
            return Err(ApiError::invalid(format!(
                "Only Checkout Sessions with a status in [\"open\"] can be updated. This Checkout Session has a status of `{}`.",
                session.text("status")
            )));
        }
        if session.text("mode") != "payment" {
            return Err(
                ApiError::invalid("Only sessions in `payment` mode have these.").param(name),
            );
        }
    }
    if let Some(details) = args.at("collected_information.shipping_details") {
        if session.text("ui_mode") == "hosted_page" {
            return Err(ApiError::invalid(
                "`collected_information` can only be set for Checkout Sessions with `ui_mode` `embedded_page` or `elements`.",
            )
            .param("collected_information"));
        }
        let sent = intents::shipping_of(details);
        value["collected_information"] = json!({
            "business_name": null, "individual_name": null,
            "shipping_details": { "address": sent["address"], "name": sent["name"] },
        });
    }
    if args.at("line_items").is_some() {
        let present = items.as_array().cloned().unwrap_or_default();
        let (new, _) = line_items::read(tx, call, &present)?;
        value["amount_subtotal"] = json!(line_items::sum(&new)?);
        items = json!(new);
    }
    if args.at("shipping_options").is_some() {
        let options = shipping::read(tx, call)?;
        shipping::check(tx, &options, session.text("currency"))?;
        value["shipping_options"] = json!(options);
    }
    tx.update(&session.id, |r| {
        r.value = value;
        r.hidden["items"] = items;
    });
    let priced = pay::price(tx, &session.id)?;
    if let Some(total) = priced["amount_total"].as_i64() {
        enough(total, session.text("currency"))?;
    }
    Ok(priced)
}

fn expire(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let session = find(tx, call, Kind::Session, call.id(), "session")?;
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
        pay::falls_due(tx, session);
    }
}

fn close(tx: &mut Tx<'_>, session: &Record) -> Value {
    let mut value = session.value.clone();
    value["status"] = json!("expired");
    value["url"] = Value::Null;
    let recovery = &mut value["after_expiration"]["recovery"];
    if recovery["enabled"] == json!(true) && session.text("mode") == "payment" {
        recovery["url"] = json!(format!("{}/c/recover/{}", tx.base_url, session.id));
        recovery["expires_at"] = json!(tx.now + RECOVERABLE);
    }
    tx.update(&session.id, |r| {
        r.value = value.clone();
        r.due = None;
    });
    pay::give_up_discount(tx, session);
    // Cancels the intent that a declined attempt left.
    if let Some(intent) = value["payment_intent"].as_str() {
        intents::cancel(tx, intent, Some("automatic"));
    }
    if let Some(intent) = value["setup_intent"].as_str() {
        setup::abandon(tx, intent, Some("abandoned"));
    }
    tx.emit("checkout.session.expired", &session.owner, &value);
    value
}

/// Opens an expired session again, as a copy, and says where
/// (<https://docs.stripe.com/payments/checkout/abandoned-carts>).
pub(crate) fn recover(tx: &mut Tx<'_>, id: &str) -> Result<String, ApiError> {
    let old = pay::session(tx, id)?;
    let recovery = &old.value["after_expiration"]["recovery"];
    if recovery["expires_at"]
        .as_i64()
        .is_none_or(|at| at <= tx.now)
    {
        return Err(ApiError::invalid(
            "This Checkout Session can't be recovered.",
        ));
    }
    let fresh = tx.mint("cs_test_a1", 56);
    let url = format!("{}/c/pay/{fresh}", tx.base_url);
    let mut value = old.value.clone();
    value["id"] = json!(fresh);
    value["created"] = json!(tx.now);
    value["expires_at"] = json!(tx.now + MAX_LIFE);
    value["recovered_from"] = json!(old.id);
    value["payment_intent"] = Value::Null;
    value["status"] = json!("open");
    value["url"] = json!(url);
    value["allow_promotion_codes"] = recovery["allow_promotion_codes"].clone();
    for name in ["expires_at", "url"] {
        value["after_expiration"]["recovery"][name] = Value::Null;
    }
    let hidden = old.hidden.clone();
    let due = Some(tx.now + MAX_LIFE);
    tx.insert(Kind::Session, &old.owner, value, hidden, due);
    pay::renew_discount(tx, &fresh)?;
    Ok(url)
}

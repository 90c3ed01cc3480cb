//! What the buyer does on the hosted page: promotion codes, cards, challenges, debits.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{buyer, enough, shipping, subscribe};
use crate::{
    billing::promotion,
    cards,
    customers::methods,
    error::{Answer, ApiError},
    money,
    payments::{
        confirm::{self, AttemptOptions, AttemptOutcome, Challenge},
        intents, setup,
    },
    store::{Kind, Record, Tx},
};

/// A SEPA debit that nobody decides by hand succeeds after this long.
const DEBIT_TAKES: i64 = 5 * 86_400;

/// What the buyer sends. JSON of `POST /_simulator/checkout/sessions/{cs}/pay`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Payment {
    pub method: Method,
    /// A test card's number; 4242… when absent.
    pub card: Option<String>,
    /// One of the customer's saved payment methods, in place of a card.
    pub payment_method: Option<String>,
    pub promotion_code: Option<String>,
    pub email: Option<String>,
    pub name: Option<String>,
    pub phone: Option<String>,
    pub country: Option<String>,
    /// The shipping option; the first when absent.
    pub shipping_rate: Option<String>,
    /// Quantities by line item id, for adjustable items.
    pub quantities: BTreeMap<String, i64>,
    /// The prices of the optional items that are added.
    pub optional_items: Vec<String>,
    /// Custom fields by key. Required ones without an answer get a default.
    pub custom_fields: BTreeMap<String, String>,
    /// Whether the buyer has the card saved, where the session lets them choose.
    pub save: bool,
    /// How a 3-D Secure challenge ends; without it the session waits for its challenge page.
    pub challenge: Option<Challenge>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Method {
    #[default]
    Card,
    SepaDebit,
}

/// How an attempt ended. All of them commit: a decline is an event too.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Where the buyer goes now.
    Completed(String),
    Declined {
        code: String,
        message: String,
    },
    Challenge,
}

pub(crate) fn session(tx: &Tx<'_>, id: &str) -> Result<std::sync::Arc<Record>, ApiError> {
    tx.get(id)
        .filter(|r| r.kind == Kind::Session)
        .ok_or_else(|| ApiError::missing("checkout.session", id, "session"))
}

fn open_session(tx: &Tx<'_>, id: &str) -> Result<std::sync::Arc<Record>, ApiError> {
    let session = session(tx, id)?;
    match session.text("status") {
        "open" => Ok(session),
        status => Err(ApiError::invalid(format!(
            "This Checkout Session is {status} and can't be paid."
        ))),
    }
}

/// Recomputes a session's amounts from its items and discount, and returns it.
pub(crate) fn price(tx: &mut Tx<'_>, id: &str) -> Answer {
    let session = session(tx, id)?;
    if session.text("mode") == "setup" {
        return Ok(session.value.clone());
    }
    let subtotal = session.int("amount_subtotal");
    let discount = &session.hidden["discount"];
    let cost = shipping::cost(&session.value, &session.hidden["shipping_rate"]);
    let sent = cost["amount_total"].as_i64().unwrap_or(0);
    let (off, off_sent) = match discount["coupon"].as_str() {
        Some(coupon) => {
            let currency = session.text("currency");
            taken_off(tx, &session.owner, coupon, (subtotal, sent), currency)?
        }
        None => (0, 0),
    };
    let mut items = session.hidden["items"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    spread(&mut items, off, subtotal)?;
    let mut value = session.value.clone();
    value["amount_total"] = json!(subtotal - off + sent - off_sent);
    value["shipping_cost"] = cost;
    if off_sent != 0 {
        value["shipping_cost"]["amount_total"] = json!(sent - off_sent);
    }
    value["total_details"] = json!({
        "amount_discount": off + off_sent, "amount_shipping": sent, "amount_tax": 0,
    });
    value["discounts"] = match discount {
        Value::Null => json!([]),
        // A discount that comes from a promotion code is named by it; `coupon` is then null.
        d if !d["promotion_code"].is_null() => {
            json!([{ "coupon": null, "promotion_code": d["promotion_code"] }])
        }
        d => json!([{ "coupon": d["coupon"], "promotion_code": null }]),
    };
    tx.update(id, |r| {
        r.value = value.clone();
        r.hidden["items"] = json!(items);
    });
    Ok(value)
}

/// What a coupon takes off the items, and off the shipping where it reaches that.
pub(super) fn taken_off(
    tx: &Tx<'_>,
    owner: &str,
    coupon: &str,
    (subtotal, sent): (i64, i64),
    currency: &str,
) -> Result<(i64, i64), ApiError> {
    let off = |of: i64| -> Result<i64, ApiError> {
        let off = promotion::amount_off(tx, owner, coupon, of, currency)?;
        let rest = off % money::step(currency);
        let rounds = rest != 0 && tx.assumptions.get("discount_step") == "rounded";
        Ok(if rounds { off - rest } else { off })
    };
    let off_items = off(subtotal)?;
    if tx.assumptions.get("shipping_discount") == "items_only" {
        return Ok((off_items, 0));
    }
    let whole = subtotal.checked_add(sent).ok_or_else(ApiError::overflow)?;
    Ok((off_items, off(whole)? - off_items))
}

/// Spreads a discount over the items in proportion, so that the parts sum to the whole.
fn spread(items: &mut [Value], off: i64, subtotal: i64) -> Result<(), ApiError> {
    let (mut seen, mut given) = (0i64, 0i64);
    for item in items {
        let amount = item["amount_subtotal"].as_i64().unwrap_or(0);
        seen += amount;
        let part = money::share(off, seen, subtotal)? - given;
        given += part;
        item["amount_discount"] = json!(part);
        item["amount_total"] = json!(amount - part);
    }
    Ok(())
}

/// Applies the promotion code that the buyer typed, or removes it when the text is empty.
pub(crate) fn apply_code(tx: &mut Tx<'_>, id: &str, code: Option<&str>) -> Answer {
    let session = open_session(tx, id)?;
    if session.value["allow_promotion_codes"] != json!(true) {
        return Err(
            ApiError::invalid("This session takes no promotion codes.").param("promotion_code")
        );
    }
    let discount = match code {
        None => Value::Null,
        Some(code) if has_code(tx, &session, code) => session.hidden["discount"].clone(),
        Some(code) => {
            let (subtotal, currency) = (session.int("amount_subtotal"), session.text("currency"));
            let d = promotion::redeemable(tx, &session.owner, code, subtotal, currency)?;
            if let Some(code) = d.promotion_code.as_deref().and_then(|id| tx.get(id)) {
                promotion::check_customer(tx, &code, session.value["customer"].as_str())?;
            }
            let sent = session.value["shipping_cost"]["amount_subtotal"].as_i64();
            let parts = (subtotal, sent.unwrap_or(0));
            let (off, off_sent) = taken_off(tx, &session.owner, &d.coupon, parts, currency)?;
            if enough(parts.0 - off + parts.1 - off_sent, currency).is_err() {
                return Err(ApiError::invalid(
                    "This code would bring the total to what can't be charged.",
                )
                .param("promotion_code"));
            }
            json!({ "coupon": d.coupon, "promotion_code": d.promotion_code })
        }
    };
    if counts_at_once(tx, &session) {
        // Only now, so that a code that is refused leaves the one before it counted.
        if let Some(before) = discount_of(&session) {
            promotion::take_back(tx, &before);
        }
    }
    let session = tx.update(id, |r| r.hidden["discount"] = discount);
    if let Some(session) = session {
        redeem_at_once(tx, &session);
    }
    price(tx, id)
}

/// Whether the session has this code already, which may be used up by that.
fn has_code(tx: &Tx<'_>, session: &Record, code: &str) -> bool {
    let has = discount_of(session).and_then(|discount| discount.promotion_code);
    has.and_then(|id| tx.get(&id))
        .is_some_and(|has| has.text("code").eq_ignore_ascii_case(code.trim()))
}

/// What takes something off a session.
fn discount_of(session: &Record) -> Option<promotion::Discount> {
    let discount = &session.hidden["discount"];
    Some(promotion::Discount {
        coupon: discount["coupon"].as_str()?.to_owned(),
        promotion_code: discount["promotion_code"].as_str().map(str::to_owned),
    })
}

/// Whether a discount of an open session counts before that completes. A subscription's is redeemed where it is made.
fn counts_at_once(tx: &Tx<'_>, session: &Record) -> bool {
    session.text("mode") == "payment" && tx.assumptions.get("code_redemption") == "applied"
}

fn redeem_at_once(tx: &mut Tx<'_>, session: &Record) {
    if let Some(discount) = discount_of(session).filter(|_| counts_at_once(tx, session)) {
        promotion::redeem(tx, &discount);
    }
}

/// Counts the discount that a recovered session has from the expired one, or drops it if its code is used up by now.
pub(super) fn renew_discount(tx: &mut Tx<'_>, id: &str) -> Result<(), ApiError> {
    let session = session(tx, id)?;
    let Some(discount) = discount_of(&session).filter(|_| counts_at_once(tx, &session)) else {
        return Ok(());
    };
    let (subtotal, currency) = (session.int("amount_subtotal"), session.text("currency"));
    let code = discount.promotion_code.as_deref().and_then(|id| tx.get(id));
    if code.is_none_or(|code| promotion::check_code(tx, &code, subtotal, currency).is_ok()) {
        promotion::redeem(tx, &discount);
        return Ok(());
    }
    tx.update(id, |r| r.hidden["discount"] = Value::Null);
    price(tx, id).map(drop)
}

/// Takes back what the discount of a session that expires had counted.
pub(super) fn give_up_discount(tx: &mut Tx<'_>, session: &Record) {
    if let Some(discount) = discount_of(session).filter(|_| counts_at_once(tx, session)) {
        promotion::take_back(tx, &discount);
    }
}

/// One attempt to pay a session, or to save a payment method with it.
pub(crate) fn pay(tx: &mut Tx<'_>, id: &str, payment: &Payment) -> Result<Outcome, ApiError> {
    let session = open_session(tx, id)?;
    buyer::remember(tx, &session, payment)?;
    if session.text("mode") == "setup" {
        return save(tx, id, payment);
    }
    buyer::choose(tx, &session, payment)?;
    if let Some(code) = payment.promotion_code.as_deref().filter(|c| !c.is_empty()) {
        apply_code(tx, id, Some(code))?;
    }
    let session = self::session(tx, id)?;
    if session.text("mode") == "subscription" {
        return subscribe::pay(tx, &session, payment);
    }
    if session.int("amount_total") == 0 {
        // The intent of an earlier attempt is no longer needed.
        if let Some(intent) = session.value["payment_intent"].as_str() {
            intents::cancel(tx, intent, Some("automatic"));
            tx.update(id, |r| r.value["payment_intent"] = Value::Null);
        }
        let status = tx.assumptions.get("free_session");
        return complete(tx, id, status);
    }
    check_offered(&session, payment)?;
    let customer = buyer::customer(tx, &session);
    let intent = ensure_intent(tx, &session, customer.as_deref());
    let method = method_for(tx, &session, payment)?;
    if payment.save {
        let customer = customer.as_deref();
        wants_saving(tx, &session, customer, (&intent, &method.id))?;
    }
    let how = AttemptOptions {
        challenge: payment.challenge,
        ..AttemptOptions::default()
    };
    let end = confirm::attempt(tx, &intent, &method, &how)?;
    finish(tx, &session.id, end)
}

/// The buyer has what they pay with saved, and shown to them again
/// (<https://docs.stripe.com/payments/checkout/save-during-payment>).
fn wants_saving(
    tx: &mut Tx<'_>,
    session: &Record,
    customer: Option<&str>,
    (intent, method): (&str, &str),
) -> Result<(), ApiError> {
    let offered = &session.value["saved_payment_method_options"]["payment_method_save"];
    if offered != "enabled" || customer.is_none() {
        return Err(ApiError::invalid(
            "This session has no customer that payment methods are saved to by choice (`saved_payment_method_options[payment_method_save]`).",
        )
        .param("save"));
    }
    tx.update(intent, |r| r.hidden["save"] = json!(true));
    tx.update(method, |r| r.value["allow_redisplay"] = json!("always"));
    Ok(())
}

fn save(tx: &mut Tx<'_>, id: &str, payment: &Payment) -> Result<Outcome, ApiError> {
    let session = session(tx, id)?;
    check_offered(&session, payment)?;
    let customer = buyer::customer(tx, &session);
    let method = method_for(tx, &session, payment)?;
    let intent = match session.value["setup_intent"].as_str() {
        Some(intent) => intent.to_owned(),
        None => {
            let fields = session.hidden["setup"].clone();
            let intent = setup::make(tx, &session.owner, fields, json!({ "session": id }));
            tx.update(id, |r| r.value["setup_intent"] = json!(intent.id));
            intent.id.clone()
        }
    };
    tx.update(&intent, |r| r.value["customer"] = json!(customer));
    let how = AttemptOptions {
        challenge: payment.challenge,
        ..AttemptOptions::default()
    };
    let end = setup::attempt(tx, &intent, &method, &how)?;
    finish(tx, id, end)
}

/// What the buyer pays with.
fn method_for(
    tx: &mut Tx<'_>,
    session: &Record,
    payment: &Payment,
) -> Result<std::sync::Arc<Record>, ApiError> {
    if let Some(id) = payment.payment_method.as_deref().filter(|m| !m.is_empty()) {
        return buyer::saved(tx, session, id);
    }
    let billing = billing(session);
    if payment.method == Method::SepaDebit {
        return methods::of_debit(tx, &session.owner, billing)
            .ok_or_else(|| ApiError::invalid("There is no such debit."));
    }
    let number = payment.card.as_deref().unwrap_or("4242424242424242");
    let card = cards::find(number).ok_or_else(cards::unknown)?;
    Ok(methods::of_card(tx, &session.owner, card, billing))
}

/// Refuses what the session doesn't offer.
fn check_offered(session: &Record, payment: &Payment) -> Result<(), ApiError> {
    if payment.payment_method.is_some() && payment.method == Method::Card {
        return Ok(());
    }
    let (kind, name) = match payment.method {
        Method::Card => ("card", "cards"),
        Method::SepaDebit => ("sepa_debit", "SEPA Direct Debit"),
    };
    let shown = session.value["payment_method_types"].as_array();
    if shown.is_some_and(|list| list.iter().any(|m| m == kind)) {
        return Ok(());
    }
    Err(ApiError::invalid(format!("This session doesn't take {name}.")).param("method"))
}

/// Applies the outcome of an attempt to its session.
fn finish(tx: &mut Tx<'_>, id: &str, end: AttemptOutcome) -> Result<Outcome, ApiError> {
    match end {
        AttemptOutcome::Paid => {
            let session = session(tx, id)?;
            let intent = tx.get(session.text("payment_intent"));
            let reserved = intent.is_some_and(|i| i.text("status") == "requires_capture");
            let status = match session.text("mode") {
                "setup" => "no_payment_required",
                // Money that is only reserved doesn't count as paid.
                _ if reserved => "unpaid",
                _ => "paid",
            };
            complete(tx, id, status)
        }
        AttemptOutcome::Challenged | AttemptOutcome::Authenticated => Ok(Outcome::Challenge),
        AttemptOutcome::Processing => {
            let due = tx.now + tx.takes(DEBIT_TAKES);
            let out = complete(tx, id, "unpaid")?;
            tx.update(id, |r| r.due = Some(due));
            Ok(out)
        }
        AttemptOutcome::Declined(code, decline, message) => Ok(Outcome::Declined {
            code: if decline.is_empty() { code } else { decline }.to_owned(),
            message: message.to_owned(),
        }),
    }
}

/// Finishes a new session. Its intent may be made now, before anybody pays.
pub(super) fn begin(tx: &mut Tx<'_>, id: &str) -> Answer {
    let session = self::session(tx, id)?;
    redeem_at_once(tx, &session);
    let early = session.text("mode") == "payment" && session.int("amount_total") > 0;
    if early && tx.assumptions.get("checkout_intent") == "with_session" {
        ensure_intent(tx, &session, session.value["customer"].as_str());
    }
    self::session(tx, id).map(|s| s.value.clone())
}

/// Makes the session's intent, or brings it up to date.
fn ensure_intent(tx: &mut Tx<'_>, session: &Record, customer: Option<&str>) -> String {
    let amount = session.int("amount_total");
    // Stripe caps the fee at what is paid after discounts.
    let fee = session.hidden["fee"]
        .as_i64()
        .map(|fee| std::cmp::min(fee, amount));
    let hidden = json!({ "billing": billing(session), "session": session.id });
    let mut fields = session.hidden["intent"].clone();
    fields["amount"] = json!(amount);
    fields["application_fee_amount"] = json!(fee);
    fields["customer"] = json!(customer);
    if let Some(sent) = session.hidden["sent"].as_object() {
        fields["shipping"] = json!({
            "address": sent.get("address"), "carrier": null, "name": sent.get("name"),
            "phone": session.hidden["buyer"]["phone"], "tracking_number": null,
        });
    }
    if let Some(id) = session.value["payment_intent"].as_str() {
        let now = ["amount", "application_fee_amount", "customer", "shipping"];
        tx.update(id, |r| {
            for name in now {
                r.value[name] = fields[name].clone();
            }
            r.hidden = hidden;
        });
        return id.to_owned();
    }
    for name in ["on_behalf_of", "transfer_data", "transfer_group"] {
        fields[name] = session.hidden["connect"][name].clone();
    }
    for name in ["currency", "payment_method_types"] {
        fields[name] = session.value[name].clone();
    }
    let intent = intents::make(tx, &session.owner, fields, hidden);
    tx.update(&session.id, |r| {
        r.value["payment_intent"] = json!(intent.id)
    });
    intent.id.clone()
}

pub(super) fn billing(session: &Record) -> Value {
    let buyer = &session.hidden["buyer"];
    json!({
        "address": buyer["address"],
        "email": buyer["email"],
        "name": buyer["name"],
        "phone": null,
        "tax_id": null,
    })
}

/// The buyer's answer on the challenge page.
pub(crate) fn challenge(tx: &mut Tx<'_>, id: &str, how: Challenge) -> Result<Outcome, ApiError> {
    let session = open_session(tx, id)?;
    if let Some(card) = session.hidden["card"].as_str() {
        let again = Payment {
            card: Some(card.to_owned()),
            payment_method: session.hidden["saved"].as_str().map(str::to_owned),
            challenge: Some(how),
            ..Payment::default()
        };
        return subscribe::pay(tx, &session, &again);
    }
    let end = match session.text("mode") {
        "setup" => setup::challenge(tx, session.text("setup_intent"), how)?,
        _ => confirm::challenge(tx, session.text("payment_intent"), how)?,
    };
    finish(tx, id, end)
}

/// Completes a session and says where the buyer goes.
pub(super) fn complete(
    tx: &mut Tx<'_>,
    id: &str,
    payment_status: &str,
) -> Result<Outcome, ApiError> {
    let session = session(tx, id)?;
    let mut value = session.value.clone();
    value["status"] = json!("complete");
    value["payment_status"] = json!(payment_status);
    value["customer_details"] = session.hidden["buyer"].clone();
    value["url"] = Value::Null;
    if let Some(customer) = buyer::customer(tx, &session) {
        value["customer"] = json!(customer);
    }
    if !session.hidden["sent"].is_null() {
        value["collected_information"] = json!({
            "business_name": null, "individual_name": null,
            "shipping_details": session.hidden["sent"],
        });
    }
    let asked = &value["consent_collection"];
    if asked["terms_of_service"] == "required" || asked["promotions"] == "auto" {
        value["consent"] = json!({
            "promotions": (asked["promotions"] == "auto").then_some("opt_out"),
            "terms_of_service": (asked["terms_of_service"] == "required").then_some("accepted"),
        });
    }
    let done = tx.update(id, |r| {
        r.value = value.clone();
        r.due = None;
    });
    if let Some(done) = done {
        buyer::update_customer(tx, &done);
    }
    // A subscription's discount has been redeemed where it was made.
    if session.text("mode") == "payment"
        && let Some(discount) = discount_of(&session)
        && !counts_at_once(tx, &session)
    {
        promotion::redeem(tx, &discount);
    }
    tx.emit("checkout.session.completed", &session.owner, &value);
    Ok(Outcome::Completed(success_url(&session)))
}

/// The success page with the session's id filled in, if the session has one.
pub(crate) fn success_url(session: &Record) -> String {
    let url = match session.text("success_url") {
        "" => session.text("return_url"),
        url => url,
    };
    url.replace("{CHECKOUT_SESSION_ID}", &session.id)
        .replace("%7BCHECKOUT_SESSION_ID%7D", &session.id)
}

/// A completed session was unpaid: its money has been captured since, or its debit succeeds because
/// nobody decided it.
pub(super) fn falls_due(tx: &mut Tx<'_>, session: &Record) {
    let intent = tx.get(session.text("payment_intent"));
    if intent.is_some_and(|i| i.text("status") == "processing") {
        let settled = settle(tx, &session.id, true);
        debug_assert!(settled.is_ok(), "a waiting session has an intent");
        return;
    }
    let captured = tx.assumptions.get("captured_session");
    tx.update(&session.id, |r| {
        r.value["payment_status"] = json!(captured);
        r.due = None;
    });
}

/// Changes quantities on the page, or how the goods are sent.
pub(crate) fn adjust(tx: &mut Tx<'_>, id: &str, choice: &Payment) -> Result<(), ApiError> {
    let session = open_session(tx, id)?;
    buyer::choose(tx, &session, choice)
}

/// Decides an asynchronous payment.
pub(crate) fn settle(tx: &mut Tx<'_>, id: &str, succeeds: bool) -> Answer {
    let session = session(tx, id)?;
    let waiting =
        session.text("status") == "complete" && session.text("payment_status") == "unpaid";
    let intent = session.value["payment_intent"].as_str().filter(|_| waiting);
    let pending = intent
        .and_then(|i| tx.get(i))
        .filter(|i| i.text("status") == "processing");
    let Some(intent) = pending else {
        return Err(ApiError::invalid(
            "No asynchronous payment waits on this session.",
        ));
    };
    let mut value = session.value.clone();
    let event = if succeeds {
        confirm::settle(tx, &intent.id, true)?;
        value["payment_status"] = json!("paid");
        "checkout.session.async_payment_succeeded"
    } else {
        confirm::settle(tx, &intent.id, false)?;
        "checkout.session.async_payment_failed"
    };
    tx.update(id, |r| {
        r.value = value.clone();
        r.due = None;
    });
    tx.emit(event, &session.owner, &value);
    Ok(value)
}

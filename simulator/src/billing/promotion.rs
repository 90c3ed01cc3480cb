//! Coupons and promotion codes, and what they take off:
//! <https://docs.stripe.com/api/coupons>, <https://docs.stripe.com/api/promotion_codes>.

use serde_json::{Value, json};

use crate::{
    api::{Call, Route, find, lists, merge_metadata, metadata, retrieve},
    error::{Answer, ApiError},
    events,
    form::Node,
    money,
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/coupons", create_coupon),
    ("GET", "/v1/coupons", |tx, call| {
        lists::list(tx, call, Kind::Coupon, |_| true)
    }),
    ("GET", "/v1/coupons/{coupon}", |tx, call| {
        retrieve(tx, call, Kind::Coupon, "coupon")
    }),
    ("POST", "/v1/coupons/{coupon}", update_coupon),
    ("DELETE", "/v1/coupons/{coupon}", delete_coupon),
    ("POST", "/v1/promotion_codes", create_code),
    ("GET", "/v1/promotion_codes", list_codes),
    ("GET", "/v1/promotion_codes/{promotion_code}", |tx, call| {
        retrieve(tx, call, Kind::PromotionCode, "promotion_code")
    }),
    ("POST", "/v1/promotion_codes/{promotion_code}", update_code),
];

fn create_coupon(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let percent_off = args.text("percent_off");
    let amount_off = args.int("amount_off");
    check_discount(args, percent_off, amount_off)?;
    check_duration_and_limits(tx, args)?;
    let latent = latent_fields(tx, call, amount_off)?;
    let id = match args.text("id") {
        Some(id) if tx.get(id).is_some() => {
            return Err(ApiError::invalid("Coupon already exists.")
                .code("resource_already_exists")
                .param("id"));
        }
        Some(id) => id.to_owned(),
        None => tx.mint("", 8),
    };
    // A JSON number from the digits that were sent, so that no float takes part.
    let percent: Value = percent_off
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let coupon = json!({
        "id": id,
        "object": "coupon",
        "amount_off": amount_off,
        "created": tx.now,
        "currency": amount_off.and(args.text("currency")).map(str::to_ascii_lowercase),
        "duration": args.text("duration").unwrap_or("once"),
        "duration_in_months": args.int("duration_in_months"),
        "livemode": false,
        "max_redemptions": args.int("max_redemptions"),
        "metadata": metadata(args, "metadata")?,
        "name": args.text("name"),
        "percent_off": percent,
        "redeem_by": args.int("redeem_by"),
        "times_redeemed": 0,
        "valid": true,
    });
    let hidden = json!({ "percent": percent_off.and_then(money::percent), "latent": latent });
    tx.insert(Kind::Coupon, call.owner, coupon.clone(), hidden, None);
    tx.emit("coupon.created", call.owner, &coupon);
    Ok(coupon)
}

/// A coupon takes off either a percentage or an amount.
fn check_discount(
    args: &Node,
    percent_off: Option<&str>,
    amount_off: Option<i64>,
) -> Result<(), ApiError> {
    match (percent_off, amount_off) {
        (None, None) => {
            return Err(ApiError::invalid(
                "You must pass either `percent_off` or `amount_off` when creating a coupon.",
            )
            .code("parameter_missing")
            .param("percent_off"));
        }
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid(
                "You can only pass one of `percent_off` and `amount_off`.",
            )
            .param("percent_off"));
        }
        (Some(text), None) => {
            let scaled = money::percent(text).unwrap_or(-1);
            if !(1..=1_000_000).contains(&scaled) {
                return Err(ApiError::invalid(
                    "Invalid percent_off: must be greater than 0 and at most 100.",
                )
                .param("percent_off"));
            }
        }
        (None, Some(amount)) => {
            if amount < 1 {
                return Err(ApiError::invalid("Invalid positive integer")
                    .code("parameter_invalid_integer")
                    .param("amount_off"));
            }
            let currency = args
                .text("currency")
                .ok_or_else(|| ApiError::parameter_missing("currency"))?;
            money::minimum(currency, "currency")?;
        }
    }
    Ok(())
}

fn check_duration_and_limits(tx: &Tx<'_>, args: &Node) -> Result<(), ApiError> {
    let duration = args.text("duration").unwrap_or("once");
    let months = args.int("duration_in_months");
    if duration == "repeating" && months.is_none() {
        return Err(ApiError::parameter_missing("duration_in_months"));
    }
    if args.int("redeem_by").is_some_and(|at| at <= tx.now) {
        return Err(ApiError::invalid("The `redeem_by` must be in the future.").param("redeem_by"));
    }
    for name in ["max_redemptions", "duration_in_months"] {
        if args.int(name).is_some_and(|n| n < 1) {
            return Err(ApiError::invalid("Invalid positive integer")
                .code("parameter_invalid_integer")
                .param(name));
        }
    }
    if months.is_some() && duration != "repeating" {
        return Err(ApiError::invalid(
            "`duration_in_months` can only be set when `duration` is `repeating`.",
        )
        .param("duration_in_months"));
    }
    Ok(())
}

/// The fields that are only shown when they are expanded.
fn latent_fields(tx: &Tx<'_>, call: &Call<'_>, amount_off: Option<i64>) -> Answer {
    let args = call.args;
    let mut latent = json!({});
    if args.at("applies_to").is_some() {
        let products = args.texts("applies_to.products");
        for (index, id) in products.iter().enumerate() {
            find(
                tx,
                call,
                Kind::Product,
                id,
                &format!("applies_to[products][{index}]"),
            )?;
        }
        latent["applies_to"] = json!({ "products": products });
    }
    if let Some(amount) = amount_off {
        let mut options = currency_options(args, "amount_off");
        let own = args
            .text("currency")
            .unwrap_or_default()
            .to_ascii_lowercase();
        options[own] = json!({ "amount_off": amount });
        latent["currency_options"] = options;
    }
    Ok(latent)
}

/// What `currency_options` names for each currency.
fn currency_options(args: &Node, name: &str) -> Value {
    let mut out = json!({});
    for (currency, option) in args.sub("currency_options").children() {
        out[currency.to_ascii_lowercase()] = json!({ name: option.int(name) });
    }
    out
}

fn update_coupon(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let mut coupon = retrieve(tx, call, Kind::Coupon, "coupon")?;
    merge_metadata(&mut coupon["metadata"], call.args, "metadata")?;
    if let Some(name) = call.args.text("name") {
        coupon["name"] = json!(name);
    }
    let options = currency_options(call.args, "amount_off");
    let old = tx.get(call.id());
    tx.update(call.id(), |r| {
        r.value = coupon.clone();
        for (currency, option) in options.as_object().into_iter().flatten() {
            r.hidden["latent"]["currency_options"][currency] = option.clone();
        }
    });
    let before = old.map(|old| events::changes(&old.value, &coupon));
    tx.emit_change("coupon.updated", call.owner, &coupon, before);
    Ok(coupon)
}

fn delete_coupon(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let coupon = retrieve(tx, call, Kind::Coupon, "coupon")?;
    tx.remove(call.id());
    tx.emit("coupon.deleted", call.owner, &coupon);
    Ok(json!({ "id": call.id(), "object": "coupon", "deleted": true }))
}

fn create_code(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let coupon = args
        .text("promotion.coupon")
        .ok_or_else(|| ApiError::parameter_missing("promotion[coupon]"))?;
    if tx.find(Kind::Coupon, call.owner, coupon).is_none() {
        return Err(ApiError::missing("coupon", coupon, "promotion[coupon]"));
    }
    let code = unused_code(tx, call)?;
    if args.int("expires_at").is_some_and(|at| at <= tx.now) {
        return Err(
            ApiError::invalid("The `expires_at` must be in the future.").param("expires_at")
        );
    }
    if let Some(customer) = args.text("customer") {
        find(tx, call, Kind::Customer, customer, "customer")?;
    }
    let restrictions = restrictions(args.sub("restrictions"))?;
    let promotion_code = json!({
        "id": tx.mint("promo_1", 23),
        "object": "promotion_code",
        "active": args.flag("active").unwrap_or(true),
        "code": code,
        "created": tx.now,
        "customer": args.text("customer"),
        "customer_account": null,
        "expires_at": args.int("expires_at"),
        "livemode": false,
        "max_redemptions": args.int("max_redemptions"),
        "metadata": metadata(args, "metadata")?,
        "promotion": { "type": "coupon", "coupon": coupon },
        "restrictions": restrictions,
        "times_redeemed": 0,
    });
    tx.insert(
        Kind::PromotionCode,
        call.owner,
        promotion_code.clone(),
        Value::Null,
        None,
    );
    tx.emit("promotion_code.created", call.owner, &promotion_code);
    Ok(promotion_code)
}

/// The code that was asked for, or a new one; no active promotion code of the account has it.
fn unused_code(tx: &mut Tx<'_>, call: &Call<'_>) -> Result<String, ApiError> {
    let code = match call.args.text("code") {
        Some(code) if code.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') => {
            code.to_owned()
        }
        Some(_) => {
            return Err(ApiError::invalid(
                "Invalid promotion code: it may only contain letters, digits and dashes.",
            )
            .param("code"));
        }
        None => tx.mint("", 8).to_ascii_uppercase(),
    };
    if find_active(tx, call.owner, &code).is_some() {
        return Err(ApiError::invalid(format!(
            "An active promotion code with `code: {code}` already exists."
        ))
        .param("code"));
    }
    Ok(code)
}

fn restrictions(args: &Node) -> Answer {
    if args.int("minimum_amount").is_some() != args.text("minimum_amount_currency").is_some() {
        return Err(ApiError::invalid(
            "You must pass `minimum_amount` and `minimum_amount_currency` together.",
        )
        .param("restrictions[minimum_amount]"));
    }
    let mut restrictions = json!({
        "first_time_transaction": args.flag("first_time_transaction").unwrap_or(false),
        "minimum_amount": args.int("minimum_amount"),
        "minimum_amount_currency": args.text("minimum_amount_currency").map(str::to_ascii_lowercase),
    });
    if args.at("currency_options").is_some() {
        restrictions["currency_options"] = currency_options(args, "minimum_amount");
    }
    Ok(restrictions)
}

fn list_codes(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let (code, coupon) = (call.args.text("code"), call.args.text("coupon"));
    let (active, customer) = (call.args.flag("active"), call.args.text("customer"));
    lists::list(tx, call, Kind::PromotionCode, |r| {
        customer.is_none_or(|c| r.value["customer"] == c)
            && code.is_none_or(|c| r.text("code").eq_ignore_ascii_case(c))
            && coupon.is_none_or(|c| r.value["promotion"]["coupon"] == c)
            && active.is_none_or(|a| r.value["active"] == a)
    })
}

fn update_code(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let mut code = retrieve(tx, call, Kind::PromotionCode, "promotion_code")?;
    merge_metadata(&mut code["metadata"], call.args, "metadata")?;
    if let Some(active) = call.args.flag("active") {
        let spent = code["max_redemptions"]
            .as_i64()
            .is_some_and(|max| code["times_redeemed"].as_i64().unwrap_or(0) >= max);
        if active && (spent || code["expires_at"].as_i64().is_some_and(|at| at <= tx.now)) {
            return Err(ApiError::invalid(
                "This promotion code can't be made active: it has expired or was used up.",
            )
            .param("active"));
        }
        code["active"] = json!(active);
    }
    let options = currency_options(call.args.sub("restrictions"), "minimum_amount");
    for (currency, option) in options.as_object().into_iter().flatten() {
        code["restrictions"]["currency_options"][currency] = option.clone();
    }
    let old = tx.get(call.id());
    let is_chosen = call.args.flag("active").is_some();
    tx.update(call.id(), |r| {
        r.value = code.clone();
        if is_chosen {
            r.hidden["used_up"] = json!(false);
        }
    });
    let before = old.map(|old| events::changes(&old.value, &code));
    tx.emit_change("promotion_code.updated", call.owner, &code, before);
    Ok(code)
}

fn find_active(tx: &Tx<'_>, owner: &str, code: &str) -> Option<std::sync::Arc<Record>> {
    tx.store()
        .list(Kind::PromotionCode, owner)
        .rev()
        .find(|r| r.text("code").eq_ignore_ascii_case(code) && r.value["active"] == json!(true))
        .cloned()
}

/// A discount as a session or a code names it.
#[derive(Debug, Clone)]
pub(crate) struct Discount {
    pub coupon: String,
    pub promotion_code: Option<String>,
}

/// Finds a promotion code by what the buyer typed. Case doesn't matter.
///
/// # Errors
/// The sentence Checkout shows.
pub(crate) fn redeemable(
    tx: &Tx<'_>,
    owner: &str,
    code: &str,
    subtotal: i64,
    currency: &str,
) -> Result<Discount, ApiError> {
    let refuse = || ApiError::invalid("This code is invalid.").param("promotion_code");
    let found = find_active(tx, owner, code.trim()).ok_or_else(refuse)?;
    check_code(tx, &found, subtotal, currency)
}

/// Whether a promotion code can be used now, on this amount.
pub(crate) fn check_code(
    tx: &Tx<'_>,
    code: &Record,
    subtotal: i64,
    currency: &str,
) -> Result<Discount, ApiError> {
    let refuse = |why: &str| Err(ApiError::invalid(why).param("promotion_code"));
    let full = |r: &Record| {
        r.value["max_redemptions"]
            .as_i64()
            .is_some_and(|max| r.int("times_redeemed") >= max)
    };
    if code.value["active"] != json!(true) {
        return refuse("This code is invalid.");
    }
    if code.value["expires_at"]
        .as_i64()
        .is_some_and(|at| at <= tx.now)
    {
        return refuse("This code has expired.");
    }
    if full(code) {
        return refuse("This code has been redeemed too many times.");
    }
    let least = &code.value["restrictions"];
    let minimum = match least["minimum_amount_currency"].as_str() {
        Some(own) if own != currency => &least["currency_options"][currency]["minimum_amount"],
        _ => &least["minimum_amount"],
    };
    if minimum.as_i64().is_some_and(|min| subtotal < min) {
        return refuse("This code needs a larger order.");
    }
    let coupon_id = code.value["promotion"]["coupon"]
        .as_str()
        .unwrap_or_default();
    let Some(coupon) = tx.find(Kind::Coupon, &code.owner, coupon_id) else {
        return refuse("This code is invalid.");
    };
    if full(&coupon)
        || coupon.value["redeem_by"]
            .as_i64()
            .is_some_and(|at| at <= tx.now)
    {
        return refuse("This code has expired.");
    }
    if fixed(&coupon, currency).is_none() && !coupon.value["amount_off"].is_null() {
        return refuse("This code can't be used in this currency.");
    }
    Ok(Discount {
        coupon: coupon.id.clone(),
        promotion_code: Some(code.id.clone()),
    })
}

/// Refuses a code that is for another customer, or for a first purchase only
/// (<https://docs.stripe.com/billing/subscriptions/coupons#limit-by-customer>).
pub(crate) fn check_customer(
    tx: &Tx<'_>,
    code: &Record,
    customer: Option<&str>,
) -> Result<(), ApiError> {
    let refuse = |why: &str| Err(ApiError::invalid(why).param("promotion_code"));
    if code.value["customer"]
        .as_str()
        .is_some_and(|c| Some(c) != customer)
    {
        return refuse(
            "This promotion code cannot be redeemed because it is restricted to another customer.",
        );
    }
    let bought = customer.is_some_and(|c| {
        tx.store()
            .naming(Kind::Charge, "customer", c)
            .any(|r| r.value["paid"] == json!(true))
    });
    if bought && code.value["restrictions"]["first_time_transaction"] == json!(true) {
        return refuse(
            "This promotion code cannot be redeemed because the associated customer has prior transactions.",
        );
    }
    Ok(())
}

/// A coupon that can still be redeemed.
pub(crate) fn usable(
    tx: &Tx<'_>,
    owner: &str,
    id: &str,
    param: &str,
) -> Result<std::sync::Arc<Record>, ApiError> {
    let coupon = tx
        .find(Kind::Coupon, owner, id)
        .ok_or_else(|| ApiError::missing("coupon", id, param))?;
    let late = coupon.value["redeem_by"]
        .as_i64()
        .is_some_and(|at| at <= tx.now);
    if coupon.value["valid"] != json!(true) || late {
        return Err(
            ApiError::invalid(format!("Coupon {id} is used up and cannot be applied."))
                .code("coupon_expired")
                .param(param),
        );
    }
    Ok(coupon)
}

/// A fixed coupon's amount in a currency.
fn fixed(coupon: &Record, currency: &str) -> Option<i64> {
    coupon.hidden["latent"]["currency_options"][currency]["amount_off"].as_i64()
}

/// Whether a coupon is for a product; without `applies_to` it is for all.
pub(crate) fn covers(coupon: &Record, product: &str) -> bool {
    coupon.hidden["latent"]["applies_to"]["products"]
        .as_array()
        .is_none_or(|list| list.iter().any(|p| p == product))
}

/// What a coupon takes off a subtotal, never more than all of it.
pub(crate) fn amount_off(
    tx: &Tx<'_>,
    owner: &str,
    coupon: &str,
    subtotal: i64,
    currency: &str,
) -> Result<i64, ApiError> {
    let Some(coupon) = tx.find(Kind::Coupon, owner, coupon) else {
        return Ok(0);
    };
    let off = match coupon.hidden["percent"].as_i64() {
        Some(percent) => money::percent_of(tx.rounding(), subtotal, percent)?,
        None => fixed(&coupon, currency).unwrap_or(0),
    };
    Ok(std::cmp::min(off, subtotal))
}

/// Counts a redemption. A code or coupon that has reached its limit becomes inactive.
pub(crate) fn redeem(tx: &mut Tx<'_>, discount: &Discount) {
    let count = |r: &mut Record, usable: &str| {
        let times = r.int("times_redeemed") + 1;
        r.value["times_redeemed"] = json!(times);
        let max = r.value["max_redemptions"].as_i64();
        if max.is_some_and(|max| times >= max) && r.value[usable] == json!(true) {
            r.value[usable] = json!(false);
            r.hidden["used_up"] = json!(true);
        }
    };
    tx.update(&discount.coupon, |r| count(r, "valid"));
    if let Some(code) = &discount.promotion_code {
        tx.update(code, |r| count(r, "active"));
    }
}

/// Takes a redemption back that never led to a payment. What only its limit had made inactive can be used again.
pub(crate) fn take_back(tx: &mut Tx<'_>, discount: &Discount) {
    let count = |r: &mut Record, usable: &str| {
        r.value["times_redeemed"] = json!(r.int("times_redeemed") - 1);
        if r.hidden["used_up"] == json!(true) {
            r.value[usable] = json!(true);
            r.hidden["used_up"] = json!(false);
        }
    };
    tx.update(&discount.coupon, |r| count(r, "valid"));
    if let Some(code) = &discount.promotion_code {
        tx.update(code, |r| count(r, "active"));
    }
}

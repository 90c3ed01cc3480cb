//! Prices, and what a quantity of them costs: <https://docs.stripe.com/api/prices>.

use serde_json::{Value, json};

use super::{
    amounts::{ONE, scaled, trimmed},
    calendar::Interval,
    catalog,
};
use crate::{
    api::{Call, Route, find, lists, merge_metadata, metadata, retrieve},
    error::{Answer, ApiError},
    form::Node,
    money,
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/prices", create),
    ("GET", "/v1/prices", list),
    ("GET", "/v1/prices/{price}", |tx, call| {
        retrieve(tx, call, Kind::Price, "price")
    }),
    ("POST", "/v1/prices/{price}", update),
];

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let product = match (args.text("product"), args.at("product_data")) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid(
                "You may only specify one of these parameters: product, product_data.",
            )
            .param("product"));
        }
        (Some(id), None) => find(tx, call, Kind::Product, id, "product")?.id.clone(),
        (None, Some(data)) => catalog::make(tx, call, data, "product_data")?,
        (None, None) => return Err(ApiError::parameter_missing("product")),
    };
    make(
        tx,
        call,
        args,
        &NewPrice {
            product: &product,
            active: true,
            at: "",
        },
    )
}

/// What a new price needs besides its form.
pub(crate) struct NewPrice<'a> {
    pub product: &'a str,
    /// Prices made for one use only are inactive.
    pub active: bool,
    /// Where the form stands in the request, for `param`.
    pub at: &'a str,
}

impl NewPrice<'_> {
    fn param(&self, name: &str) -> String {
        if self.at.is_empty() {
            return name.to_owned();
        }
        let (head, rest) = name.split_once('[').unwrap_or((name, ""));
        let rest = if rest.is_empty() {
            String::new()
        } else {
            format!("[{rest}")
        };
        format!("{}[{head}]{rest}", self.at)
    }
}

/// Makes a price of a product from its form.
pub(crate) fn make(tx: &mut Tx<'_>, call: &Call<'_>, form: &Node, wanted: &NewPrice<'_>) -> Answer {
    let currency = form
        .text("currency")
        .unwrap_or_default()
        .to_ascii_lowercase();
    money::minimum(&currency, &wanted.param("currency"))?;
    let tiered = form.text("billing_scheme") == Some("tiered");
    let (unit, decimal) = unit_amount(form, wanted, &currency, tiered)?;
    let tiers = if tiered {
        Some(tiers(form, wanted, &currency)?)
    } else {
        None
    };
    let recurring = recurring(form, wanted)?;
    let custom = form.at("custom_unit_amount").map(|custom| {
        json!({
            "maximum": custom.int("maximum"),
            "minimum": custom.int("minimum"),
            "preset": custom.int("preset"),
        })
    });
    let lookup_key = form.text("lookup_key");
    if let Some(key) = lookup_key {
        claim_key(tx, call, key, form, None)?;
    }
    let transform = transform_quantity(form, wanted)?;
    let price = json!({
        "id": tx.mint("price_1", 23),
        "object": "price",
        "active": form.flag("active").unwrap_or(wanted.active),
        "billing_scheme": if tiered { "tiered" } else { "per_unit" },
        "created": tx.now,
        "currency": currency,
        "custom_unit_amount": custom,
        "livemode": false,
        "lookup_key": lookup_key,
        "metadata": metadata(form, "metadata")?,
        "nickname": form.text("nickname"),
        "product": wanted.product,
        "recurring": recurring,
        "tax_behavior": form.text("tax_behavior").unwrap_or("unspecified"),
        "tiers_mode": form.text("tiers_mode"),
        "transform_quantity": transform,
        "type": if recurring.is_null() { "one_time" } else { "recurring" },
        "unit_amount": unit,
        "unit_amount_decimal": decimal,
    });
    let own = option(&price, tiers.as_ref());
    let mut options = currency_options(form, wanted)?;
    options[&currency] = own;
    let mut latent = json!({ "currency_options": options });
    if let Some(tiers) = tiers {
        latent["tiers"] = tiers;
    }
    tx.insert(
        Kind::Price,
        call.owner,
        price.clone(),
        json!({ "latent": latent }),
        None,
    );
    if wanted.active || catalog::emits_inline(tx) {
        tx.emit("price.created", call.owner, &price);
    }
    Ok(price)
}

fn transform_quantity(form: &Node, wanted: &NewPrice<'_>) -> Answer {
    match form.at("transform_quantity") {
        Some(t) if t.int("divide_by").is_none_or(|by| by < 1) => {
            Err(ApiError::invalid("Invalid positive integer")
                .code("parameter_invalid_integer")
                .param(wanted.param("transform_quantity[divide_by]")))
        }
        Some(t) => Ok(json!({ "divide_by": t.int("divide_by"), "round": t.text("round") })),
        None => Ok(Value::Null),
    }
}

/// A price's amounts in its own currency, as `currency_options` has them.
pub(super) fn option(price: &Value, tiers: Option<&Value>) -> Value {
    let mut out = json!({
        "custom_unit_amount": price["custom_unit_amount"],
        "tax_behavior": price["tax_behavior"],
        "unit_amount": price["unit_amount"],
        "unit_amount_decimal": price["unit_amount_decimal"],
    });
    if let Some(tiers) = tiers {
        out["tiers"] = tiers.clone();
    }
    out
}

fn unit_amount(
    form: &Node,
    wanted: &NewPrice<'_>,
    currency: &str,
    tiered: bool,
) -> Result<(Option<i64>, Option<String>), ApiError> {
    let given = [
        "unit_amount",
        "unit_amount_decimal",
        "custom_unit_amount",
        "tiers",
    ]
    .into_iter()
    .filter(|name| form.at(name).is_some())
    .count();
    if given == 0 || tiered && form.at("tiers").is_none() {
        let name = if tiered { "tiers" } else { "unit_amount" };
        return Err(ApiError::parameter_missing(&wanted.param(name)));
    }
    if given > 1 || !tiered && form.at("tiers").is_some() {
        return Err(ApiError::invalid(
            "You may only specify one of these parameters: unit_amount, unit_amount_decimal, custom_unit_amount, tiers (with billing_scheme=tiered).",
        )
        .param(wanted.param("unit_amount")));
    }
    amounts(form, "unit_amount", wanted, currency)
}

/// Reads `NAME` or `NAME_decimal`, and returns both.
fn amounts(
    form: &Node,
    name: &str,
    wanted: &NewPrice<'_>,
    currency: &str,
) -> Result<(Option<i64>, Option<String>), ApiError> {
    let refuse = |name: &str| {
        Err(ApiError::invalid("Invalid non-negative integer")
            .code("parameter_invalid_integer")
            .param(wanted.param(name)))
    };
    if let Some(unit) = form.int(name) {
        if !(0..=money::maximum(currency)).contains(&unit) {
            return refuse(name);
        }
        return Ok((Some(unit), Some(unit.to_string())));
    }
    let long = format!("{name}_decimal");
    let Some(text) = form.text(&long) else {
        return Ok((None, None));
    };
    match scaled(text) {
        Some(n) if n >= 0 => {
            let whole = (n % ONE == 0)
                .then(|| i64::try_from(n / ONE).ok())
                .flatten();
            Ok((whole, Some(trimmed(n))))
        }
        _ => refuse(&long),
    }
}

fn recurring(form: &Node, wanted: &NewPrice<'_>) -> Answer {
    let Some(r) = form.at("recurring") else {
        return Ok(Value::Null);
    };
    let interval = r.text("interval").unwrap_or("month");
    let count = r.int("interval_count").unwrap_or(1);
    let most = match interval {
        "day" => 1095,
        "week" => 156,
        "month" => 36,
        _ => 3,
    };
    if !(1..=most).contains(&count) {
        return Err(ApiError::invalid(format!(
            "Invalid recurring[interval_count]: must be between 1 and {most} when interval is {interval}."
        ))
        .param(wanted.param("recurring[interval_count]")));
    }
    if r.text("usage_type") == Some("metered") {
        return Err(ApiError::invalid(
            "The simulator doesn't know metered prices: there are no meters to count their usage.",
        )
        .param(wanted.param("recurring[usage_type]")));
    }
    Ok(json!({
        "interval": interval,
        "interval_count": count,
        "meter": null,
        "usage_type": "licensed",
    }))
}

fn tiers(form: &Node, wanted: &NewPrice<'_>, currency: &str) -> Answer {
    if form.text("tiers_mode").is_none() {
        return Err(ApiError::parameter_missing(&wanted.param("tiers_mode")));
    }
    let mut out = Vec::new();
    let mut last = 0;
    let forms: Vec<&Node> = form.list("tiers").collect();
    for (index, tier) in forms.iter().enumerate() {
        let param = |name: &str| wanted.param(&format!("tiers[{index}][{name}]"));
        let end = index + 1 == forms.len();
        let up_to = match tier.text("up_to") {
            Some("inf") => None,
            Some(text) => match text.parse::<i64>() {
                Ok(n) if n > last => Some(n),
                _ => {
                    return Err(ApiError::invalid(
                        "Invalid up_to: tiers must be in ascending order.",
                    )
                    .param(param("up_to")));
                }
            },
            None => return Err(ApiError::parameter_missing(&param("up_to"))),
        };
        if up_to.is_none() != end {
            return Err(
                ApiError::invalid("The last tier, and only it, must have `up_to=inf`.")
                    .param(param("up_to")),
            );
        }
        last = up_to.unwrap_or(last);
        let inner = format!("tiers[{index}]");
        let at = wanted.param(&inner);
        let here = NewPrice { at: &at, ..*wanted };
        let (flat, flat_decimal) = amounts(tier, "flat_amount", &here, currency)?;
        let (unit, unit_decimal) = amounts(tier, "unit_amount", &here, currency)?;
        if flat_decimal.is_none() && unit_decimal.is_none() {
            return Err(ApiError::parameter_missing(&param("unit_amount")));
        }
        out.push(json!({
            "flat_amount": flat,
            "flat_amount_decimal": flat_decimal,
            "unit_amount": unit,
            "unit_amount_decimal": unit_decimal,
            "up_to": up_to,
        }));
    }
    Ok(json!(out))
}

fn currency_options(form: &Node, wanted: &NewPrice<'_>) -> Answer {
    let mut out = json!({});
    for (currency, option) in form.sub("currency_options").children() {
        let at = wanted.param(&format!("currency_options[{currency}]"));
        let here = NewPrice { at: &at, ..*wanted };
        money::minimum(currency, &at)?;
        let currency = currency.to_ascii_lowercase();
        let (unit, decimal) = amounts(option, "unit_amount", &here, &currency)?;
        let custom = option.at("custom_unit_amount").map(|c| {
            json!({ "maximum": c.int("maximum"), "minimum": c.int("minimum"), "preset": c.int("preset") })
        });
        let mut value = json!({
            "custom_unit_amount": custom,
            "tax_behavior": option.text("tax_behavior").unwrap_or("unspecified"),
            "unit_amount": unit,
            "unit_amount_decimal": decimal,
        });
        if option.at("tiers").is_some() {
            value["tiers"] = tiers(option, &here, &currency).or_else(|e| match e.code {
                // The mode is the price's own.
                Some("parameter_missing") => Ok(json!([])),
                _ => Err(e),
            })?;
        }
        out[currency] = value;
    }
    Ok(out)
}

/// Only one active price has a lookup key. `transfer_lookup_key` takes it from another.
fn claim_key(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    key: &str,
    form: &Node,
    own: Option<&str>,
) -> Result<(), ApiError> {
    let holder = tx
        .store()
        .list(Kind::Price, call.owner)
        .find(|p| p.text("lookup_key") == key && Some(p.id.as_str()) != own)
        .map(|p| p.id.clone());
    let Some(holder) = holder else {
        return Ok(());
    };
    if form.flag("transfer_lookup_key") != Some(true) {
        return Err(ApiError::invalid(format!(
            "A price (`{holder}`) already uses that lookup key."
        ))
        .param("lookup_key"));
    }
    let changed = tx.update(&holder, |r| r.value["lookup_key"] = Value::Null);
    if let Some(price) = changed {
        let before = json!({ "lookup_key": key });
        tx.emit_change("price.updated", call.owner, &price.value, Some(before));
    }
    Ok(())
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let record = find(tx, call, Kind::Price, call.id(), "price")?;
    let (args, mut price) = (call.args, record.value.clone());
    merge_metadata(&mut price["metadata"], args, "metadata")?;
    for name in ["nickname", "tax_behavior"] {
        if args.at(name).is_some() {
            price[name] = json!(args.text(name));
        }
    }
    if let Some(active) = args.flag("active") {
        let default = price["product"].as_str().and_then(|id| tx.get(id));
        if !active && default.is_some_and(|p| p.value["default_price"] == price["id"]) {
            return Err(ApiError::invalid(
                "This price cannot be archived because it is the default price of its product.",
            )
            .param("active"));
        }
        price["active"] = json!(active);
    }
    if args.at("lookup_key").is_some() {
        if let Some(key) = args.text("lookup_key") {
            claim_key(tx, call, key, args, Some(call.id()))?;
        }
        price["lookup_key"] = json!(args.text("lookup_key"));
    }
    let wanted = NewPrice {
        product: "",
        active: true,
        at: "",
    };
    let options = currency_options(args, &wanted)?;
    let updated = tx.update(call.id(), |r| {
        r.value = price.clone();
        if let Some(options) = options.as_object() {
            for (currency, option) in options {
                r.hidden["latent"]["currency_options"][currency] = option.clone();
            }
        }
    });
    if updated.is_some() && price != record.value {
        let before = crate::events::changes(&record.value, &price);
        tx.emit_change("price.updated", call.owner, &price, Some(before));
    }
    Ok(price)
}

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let keys = args.texts("lookup_keys");
    let same = |r: &Record, name: &str| args.text(name).is_none_or(|v| r.value[name] == v);
    lists::list(tx, call, Kind::Price, |r| {
        same(r, "product")
            && same(r, "type")
            && args
                .text("currency")
                .is_none_or(|c| r.value["currency"] == c.to_ascii_lowercase())
            && args.flag("active").is_none_or(|a| r.value["active"] == a)
            && (keys.is_empty() || keys.contains(&r.text("lookup_key")))
            && ["interval", "usage_type", "meter"].iter().all(|name| {
                args.text(&format!("recurring.{name}"))
                    .is_none_or(|v| r.value["recurring"][*name] == v)
            })
    })
}

/// The price that a form names by `price`, or a new one from its `price_data`. `at` is the path of
/// the form in the request.
pub(crate) fn read(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    form: &Node,
    at: &str,
) -> Result<std::sync::Arc<Record>, ApiError> {
    let param = |name: &str| {
        if at.is_empty() {
            name.to_owned()
        } else {
            format!("{at}[{name}]")
        }
    };
    if let Some(id) = form.text("price") {
        let price = find(tx, call, Kind::Price, id, &param("price"))?;
        if price.value["active"] != json!(true) {
            return Err(ApiError::invalid(
                "The price specified is inactive. This field only accepts active prices.",
            )
            .param(param("price")));
        }
        return Ok(price);
    }
    let Some(data) = form.at("price_data") else {
        return Err(ApiError::parameter_missing(&param("price")));
    };
    let inner = |name: &str| {
        if at.is_empty() {
            format!("price_data[{name}]")
        } else {
            format!("{at}[price_data][{name}]")
        }
    };
    let product = match data.text("product") {
        Some(id) => find(tx, call, Kind::Product, id, &inner("product"))?
            .id
            .clone(),
        None => match data.at("product_data") {
            Some(of) => catalog::make(tx, call, of, &inner("product_data"))?,
            None => return Err(ApiError::parameter_missing(&inner("product"))),
        },
    };
    let path = inner("");
    let wanted = NewPrice {
        product: &product,
        active: false,
        at: path.trim_end_matches("[]"),
    };
    let price = make(tx, call, data, &wanted)?;
    let id = price["id"].as_str().unwrap_or_default();
    find(tx, call, Kind::Price, id, &param("price"))
}

/// A price as the `plan` that subscription items carry beside it.
pub(crate) fn plan(price: &Value) -> Value {
    let recurring = &price["recurring"];
    json!({
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "livemode": false,
        "metadata": price["metadata"],
        "meter": recurring["meter"],
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": price["tiers_mode"],
        "transform_usage": price["transform_quantity"],
        "trial_period_days": null,
        "usage_type": recurring["usage_type"],
    })
}

/// How often a price recurs, unless it is of one time.
pub(crate) fn interval(price: &Value) -> Option<Interval> {
    let r = &price["recurring"];
    Some(Interval::new(
        r["interval"].as_str()?,
        r["interval_count"].as_i64()?,
    ))
}

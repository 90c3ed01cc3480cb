//! The terms of a subscription: its times, its fee, how it is collected.

use serde_json::{Value, json};

use crate::{
    api::{Call, find},
    billing::calendar,
    error::{Answer, ApiError},
    form::Node,
    money,
    store::{Kind, Record, Tx},
};

const DAY: i64 = 86_400;

/// Parameters that would change what is billed and aren't simulated: better refused than ignored.
pub(super) const NOT_YET: [&str; 6] = [
    "backdate_start_date",
    "billing_thresholds",
    "billing_schedules",
    "default_tax_rates",
    "pending_invoice_item_interval",
    "trial_from_plan",
];

pub(super) fn simulated(args: &Node) -> Result<(), ApiError> {
    let asked = |name: &&&str| match args.at(name) {
        Some(Node::Leaf(text)) => !text.is_empty() && text != "false",
        Some(tree) => !tree.children().is_empty(),
        None => false,
    };
    if let Some(name) = NOT_YET.iter().find(asked) {
        return Err(
            ApiError::invalid(format!("The simulator doesn't know `{name}` yet.")).param(*name),
        );
    }
    if args.flag("automatic_tax.enabled") == Some(true) {
        return Err(ApiError::invalid("The simulator doesn't compute taxes.")
            .param("automatic_tax[enabled]"));
    }
    Ok(())
}

pub(super) fn check_days(args: &Node, send: bool) -> Result<(), ApiError> {
    match (send, args.int("days_until_due")) {
        (true, None) => Err(ApiError::invalid(
            "If `collection_method` is `send_invoice`, you must pass `days_until_due`.",
        )
        .param("days_until_due")),
        (false, Some(_)) => Err(ApiError::invalid(
            "You can only pass `days_until_due` if `collection_method` is `send_invoice`.",
        )
        .param("days_until_due")),
        _ => Ok(()),
    }
}

/// The end of the trial, and the anchor of the billing cycle.
pub(super) fn times(tx: &Tx<'_>, args: &Node) -> Result<(Option<i64>, i64), ApiError> {
    let trial_end = match (args.text("trial_end"), args.int("trial_period_days")) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid(
                "You may only specify one of these parameters: trial_end, trial_period_days.",
            )
            .param("trial_end"));
        }
        (Some("now"), None) => None,
        (Some(text), None) => Some(time(text, "trial_end", tx.now)?),
        (None, Some(days)) if !(1..=730).contains(&days) => {
            return Err(
                ApiError::invalid("Invalid trial_period_days: must be between 1 and 730.")
                    .param("trial_period_days"),
            );
        }
        (None, Some(days)) => Some(tx.now + days * DAY),
        (None, None) => None,
    };
    let config = args.sub("billing_cycle_anchor_config");
    let anchor = match (args.int("billing_cycle_anchor"), config.int("day_of_month")) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid(
                "You may only specify one of these parameters: billing_cycle_anchor, billing_cycle_anchor_config.",
            )
            .param("billing_cycle_anchor"));
        }
        (Some(at), None) if at <= tx.now => {
            return Err(
                ApiError::invalid("The `billing_cycle_anchor` must be in the future.")
                    .param("billing_cycle_anchor"),
            );
        }
        (Some(at), None) => at,
        (None, Some(day)) => {
            let month = config.int("month");
            let fits = |n: Option<i64>, least: i64, most: i64| {
                n.is_none_or(|n| (least..=most).contains(&n))
            };
            if !fits(Some(day), 1, 31)
                || !fits(month, 1, 12)
                || !fits(config.int("hour"), 0, 23)
                || !fits(config.int("minute"), 0, 59)
                || !fits(config.int("second"), 0, 59)
            {
                return Err(ApiError::invalid(
                    "Invalid billing_cycle_anchor_config: there is no such time.",
                )
                .param("billing_cycle_anchor_config"));
            }
            let clock = (
                config.int("hour"),
                config.int("minute"),
                config.int("second"),
            );
            calendar::configured(tx.now, day, month, clock)
        }
        (None, None) => trial_end.unwrap_or(tx.now),
    };
    Ok((trial_end, anchor))
}

/// A time to come, from its text.
pub(super) fn time(text: &str, param: &str, now: i64) -> Result<i64, ApiError> {
    match text.parse::<i64>() {
        Ok(at) if at > now => Ok(at),
        Ok(_) => Err(ApiError::invalid(format!(
            "Invalid timestamp: `{param}` must be an integer Unix timestamp in the future."
        ))
        .param(param)),
        Err(_) => Err(ApiError::invalid(format!("Invalid integer: {text}"))
            .code("parameter_invalid_integer")
            .param(param)),
    }
}

pub(super) fn fee_percent(
    tx: &Tx<'_>,
    call: &Call<'_>,
    args: &Node,
) -> Result<Option<i64>, ApiError> {
    let param = "application_fee_percent";
    let Some(text) = args.text(param) else {
        return Ok(None);
    };
    if call.owner == tx.store().platform && args.at("transfer_data").is_none() {
        return Err(ApiError::invalid(
            "Can only apply an application_fee_percent when the subscription is made on a connected account (using an OAuth key or Stripe-Account header) or has `transfer_data[destination]`.",
        )
        .param(param));
    }
    match money::percent(text) {
        Some(percent) if (0..=1_000_000).contains(&percent) => Ok(Some(percent)),
        _ => Err(
            ApiError::invalid("Invalid application_fee_percent: must be between 0 and 100.")
                .param(param),
        ),
    }
}

/// The fields that creating and updating have in common, as far as they were given.
pub(super) fn describe(tx: &mut Tx<'_>, call: &Call<'_>, args: &Node, customer: &Record) -> Answer {
    let mut out = json!({});
    for name in ["description", "on_behalf_of", "collection_method"] {
        if args.at(name).is_some() {
            out[name] = json!(args.text(name));
        }
    }
    if args.at("default_payment_method").is_some() {
        out["default_payment_method"] = match args.text("default_payment_method") {
            None => Value::Null,
            Some(id) => {
                let method = find(tx, call, Kind::PaymentMethod, id, "default_payment_method")?;
                if method.value["customer"] != customer.id.as_str() {
                    return Err(ApiError::invalid(format!(
                        "The customer does not have a payment method with the ID {id}. The payment method must be attached to the customer."
                    ))
                    .code("resource_missing")
                    .param("default_payment_method"));
                }
                json!(method.id)
            }
        };
    }
    if let Some(percent) = args.text("application_fee_percent") {
        out["application_fee_percent"] = serde_json::from_str(percent).unwrap_or_default();
    } else if args.at("application_fee_percent").is_some() {
        out["application_fee_percent"] = Value::Null;
    }
    if let Some(days) = args.int("days_until_due") {
        out["days_until_due"] = json!(days);
    }
    if let Some(destination) = args.text("transfer_data.destination") {
        let percent: Value = args
            .text("transfer_data.amount_percent")
            .and_then(|t| serde_json::from_str(t).ok())
            .unwrap_or_default();
        out["transfer_data"] = json!({ "amount_percent": percent, "destination": destination });
    } else if args.at("transfer_data").is_some() {
        out["transfer_data"] = Value::Null;
    }
    if let Some(behavior) = args.text("trial_settings.end_behavior.missing_payment_method") {
        out["trial_settings"] = json!({ "end_behavior": { "missing_payment_method": behavior } });
    }
    if let Some(flag) = args.flag("cancel_at_period_end") {
        out["cancel_at_period_end"] = json!(flag);
    }
    let settings = args.sub("payment_settings");
    if !settings.children().is_empty() {
        let types = settings.texts("payment_method_types");
        out["payment_settings"] = json!({
            "payment_method_options": null,
            "payment_method_types": if types.is_empty() { Value::Null } else { json!(types) },
            "save_default_payment_method": settings.text("save_default_payment_method").unwrap_or("off"),
        });
    }
    Ok(out)
}

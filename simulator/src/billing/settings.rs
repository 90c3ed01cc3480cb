//! What an account sets for billing in its Dashboard, and no API changes: retries, and what becomes of a
//! subscription after the last (<https://docs.stripe.com/billing/revenue-recovery/smart-retries>), and
//! when it hears of renewals and of invoices that are overdue.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    error::{Answer, ApiError},
    store::{Kind, Tx},
};

const DAY: i64 = 86_400;
/// More tries or days than Stripe takes are a mistake.
const MOST_RETRIES: usize = 20;
const MOST_DAYS: i64 = 365;

/// What becomes of a subscription when the last retry of its invoice has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RetriesEnd {
    Cancel,
    Unpaid,
    PastDue,
    /// Where it can't be paused, it is canceled.
    Pause,
}

/// An account's settings. What is null is as the assumptions have it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// The days from each failed attempt to the next; none: there is no retry.
    retry_days: Option<Vec<i64>>,
    retries_end: Option<RetriesEnd>,
    /// The days before a renewal at which `invoice.upcoming` comes.
    upcoming_days: Option<i64>,
    /// The days after an invoice's `due_date` at which `invoice.overdue` comes.
    overdue_days: Option<i64>,
}

/// Sets them all for an account; returns them.
pub(crate) fn set(tx: &mut Tx<'_>, account: &str, settings: &Settings) -> Answer {
    tx.get(account)
        .filter(|r| r.kind == Kind::Account)
        .ok_or_else(|| ApiError::missing("account", account, "account"))?;
    let retries = settings.retry_days.as_deref().unwrap_or_default();
    if retries.len() > MOST_RETRIES || retries.iter().any(|d| !(1..=MOST_DAYS).contains(d)) {
        return Err(ApiError::invalid(format!(
            "Up to {MOST_RETRIES} retries, each 1 to {MOST_DAYS} days after the attempt before."
        ))
        .param("retry_days"));
    }
    for (name, days) in [
        ("upcoming_days", settings.upcoming_days),
        ("overdue_days", settings.overdue_days),
    ] {
        if days.is_some_and(|d| !(0..=MOST_DAYS).contains(&d)) {
            return Err(ApiError::invalid(format!("0 to {MOST_DAYS} days.")).param(name));
        }
    }
    let value = json!(settings);
    tx.update(account, |r| {
        if !r.hidden.is_object() {
            r.hidden = json!({});
        }
        r.hidden["billing"] = value.clone();
    });
    Ok(value)
}

/// One of an account's settings, if it has set it.
fn get<T: for<'a> Deserialize<'a>>(tx: &Tx<'_>, account: &str, name: &str) -> Option<T> {
    let account = tx.get(account)?;
    match &account.hidden["billing"][name] {
        Value::Null => None,
        set => serde_json::from_value(set.clone()).ok(),
    }
}

/// Seconds from the `count`-th failed attempt to the next, if there is one.
pub(crate) fn retry_after(tx: &Tx<'_>, account: &str, count: i64) -> Option<i64> {
    let index = usize::try_from(count - 1).ok()?;
    if let Some(days) = get::<Vec<i64>>(tx, account, "retry_days") {
        return days.get(index).map(|days| days * DAY);
    }
    match tx.assumptions.get("invoice_retries") {
        "eight_in_two_weeks" => (count <= 8).then_some(14 * DAY / 8),
        "after_3_5_7_days" => [3, 5, 7].get(index).map(|days| days * DAY),
        _ => None,
    }
}

pub(crate) fn retries_end(tx: &Tx<'_>, account: &str) -> RetriesEnd {
    get(tx, account, "retries_end").unwrap_or_else(|| {
        match tx.assumptions.get("invoice_retries_end") {
            "unpaid" => RetriesEnd::Unpaid,
            "past_due" => RetriesEnd::PastDue,
            _ => RetriesEnd::Cancel,
        }
    })
}

/// How many seconds before a renewal `invoice.upcoming` comes.
pub(crate) fn upcoming_notice(tx: &Tx<'_>, account: &str) -> i64 {
    let days = get(tx, account, "upcoming_days");
    days.unwrap_or_else(|| match tx.assumptions.get("upcoming_notice") {
        "three_days" => 3,
        _ => 7,
    }) * DAY
}

/// How many seconds after its `due_date` an invoice is told of as overdue, if it is.
pub(crate) fn overdue_notice(tx: &Tx<'_>, account: &str) -> Option<i64> {
    let days = get(tx, account, "overdue_days");
    days.or_else(|| match tx.assumptions.get("overdue_notice") {
        "when_due" => Some(0),
        _ => None,
    })
    .map(|days: i64| days * DAY)
}

//! When an account is paid by itself: <https://docs.stripe.com/connect/manage-payout-schedule>.

use serde_json::{Value, json};
use time::{Date, OffsetDateTime, Weekday, util::days_in_month};

use super::DAY;
use crate::store::{Record, Tx};

/// The first moment from now on at which an account is paid by itself.
pub(super) fn payday(tx: &Tx<'_>, account: &Record, now: i64) -> Option<i64> {
    let schedule = &account.value["settings"]["payouts"]["schedule"];
    let first = money_day(tx, now + DAY - 1);
    (0..62).map(|day| first + day * DAY).find(|moment| {
        let date = OffsetDateTime::from_unix_timestamp(*moment).map(OffsetDateTime::date);
        date.is_ok_and(|date| pays_on(schedule, date))
    })
}

/// The last moment until `time` at which a day begins for money, in UTC.
pub(super) fn money_day(tx: &Tx<'_>, time: i64) -> i64 {
    let hour = match tx.assumptions.get("money_day") {
        "morning" => 8 * 3600,
        _ => 0,
    };
    (time - hour) / DAY * DAY + hour
}

fn pays_on(schedule: &Value, date: Date) -> bool {
    match schedule["interval"].as_str() {
        Some("daily") => true,
        Some("weekly") => days(schedule, "weekly")
            .iter()
            .any(|day| *day == weekday(date.weekday())),
        Some("monthly") => {
            let last = days_in_month(date.month(), date.year());
            days(schedule, "monthly")
                .iter()
                .filter_map(|day| day.parse::<u8>().ok())
                .any(|day| day.min(last) == date.day())
        }
        _ => false,
    }
}

/// `weekly_payout_days` or `weekly_anchor`, and likewise for months.
fn days(schedule: &Value, interval: &str) -> Vec<String> {
    let text = |day: &Value| day.as_str().map_or_else(|| day.to_string(), str::to_owned);
    match &schedule[format!("{interval}_payout_days")] {
        Value::Array(list) if !list.is_empty() => list.iter().map(text).collect(),
        _ => match &schedule[format!("{interval}_anchor")] {
            Value::Null if interval == "weekly" => vec!["monday".to_owned()],
            Value::Null => vec!["1".to_owned()],
            anchor => vec![text(anchor)],
        },
    }
}

fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "monday",
        Weekday::Tuesday => "tuesday",
        Weekday::Wednesday => "wednesday",
        Weekday::Thursday => "thursday",
        Weekday::Friday => "friday",
        Weekday::Saturday => "saturday",
        Weekday::Sunday => "sunday",
    }
}

/// Looks for money to pay out on the next payday, if this account is paid automatically.
pub(crate) fn schedule(tx: &mut Tx<'_>, account: &str) {
    let Some(account) = tx.get(account) else {
        return;
    };
    if account.value["payouts_enabled"] != json!(true) {
        return;
    }
    let at = payday(tx, &account, tx.now);
    if at.is_some_and(|at| account.due.is_none_or(|due| due > at)) {
        tx.update(&account.id, |r| r.due = at);
    }
}

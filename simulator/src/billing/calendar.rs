//! Billing periods. A month that is too short ends the period on its last day, and the next one finds
//! the anchor's day again: <https://docs.stripe.com/billing/subscriptions/billing-cycle>.

const DAY: i64 = 86_400;

/// How often something recurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval {
    pub months: i64,
    pub days: i64,
}

impl Interval {
    pub fn new(interval: &str, count: i64) -> Self {
        let (months, days) = match interval {
            "day" => (0, count),
            "week" => (0, 7 * count),
            "year" => (12 * count, 0),
            _ => (count, 0),
        };
        Self { months, days }
    }

    /// `n` intervals after the anchor (before it, when negative).
    pub fn after(self, anchor: i64, n: i64) -> i64 {
        if self.months == 0 {
            anchor + self.days * n * DAY
        } else {
            add_months(anchor, self.months * n)
        }
    }

    /// The first boundary after a time, counted from the anchor.
    pub fn next(self, anchor: i64, time: i64) -> i64 {
        let length = std::cmp::max(self.months * 31 * DAY + self.days * DAY, DAY);
        let mut n = (time - anchor).div_euclid(length);
        while self.after(anchor, n) <= time {
            n += 1;
        }
        self.after(anchor, n)
    }

    /// The last boundary before a time.
    pub fn previous(self, anchor: i64, time: i64) -> i64 {
        let length = std::cmp::max(self.months * 28 * DAY + self.days * DAY, DAY);
        let mut n = (time - anchor).div_euclid(length) + 1;
        while self.after(anchor, n) >= time {
            n -= 1;
        }
        self.after(anchor, n)
    }
}

/// Days since 1970 of a date, and back (Howard Hinnant's `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month, day.
pub(crate) fn date(time: i64) -> (i64, i64, i64) {
    let z = time.div_euclid(DAY) + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z - era * 146_097;
    let years = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * years + years / 4 - years / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (years + era * 400 + i64::from(month <= 2), month, day)
}

fn month_length(year: i64, month: i64) -> i64 {
    let (next_year, next) = if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    };
    days(next_year, next, 1) - days(year, month, 1)
}

/// The same day and time some months later, or the month's last day.
pub(crate) fn add_months(time: i64, months: i64) -> i64 {
    let (year, month, day) = date(time);
    at(year * 12 + month - 1 + months, day, time.rem_euclid(DAY))
}

/// A day (or the last there is) and second of a month counted from year 0.
fn at(months: i64, day: i64, second: i64) -> i64 {
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    days(year, month, std::cmp::min(day, month_length(year, month))) * DAY + second
}

/// The next time a `billing_cycle_anchor_config` names; what it leaves out is taken from `now`.
pub(crate) fn configured(
    now: i64,
    day: i64,
    month: Option<i64>,
    clock: (Option<i64>, Option<i64>, Option<i64>),
) -> i64 {
    let (year, this_month, _) = date(now);
    let second = now.rem_euclid(DAY);
    let second = clock.0.unwrap_or(second / 3600) * 3600
        + clock.1.unwrap_or(second / 60 % 60) * 60
        + clock.2.unwrap_or(second % 60);
    let first = year * 12 + month.unwrap_or(this_month) - 1;
    let step = if month.is_some() { 12 } else { 1 };
    let found = at(first, day, second);
    if found < now {
        at(first + step, day, second)
    } else {
        found
    }
}

/// `14 Feb 2027`, as in Stripe's descriptions of prorations.
pub(crate) fn show(time: i64) -> String {
    const NAMES: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (year, month, day) = date(time);
    let name = usize::try_from(month - 1)
        .ok()
        .and_then(|m| NAMES.get(m))
        .unwrap_or(&"");
    format!("{day} {name} {year}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon(year: i64, month: i64, day: i64) -> i64 {
        days(year, month, day) * DAY + 12 * 3600
    }

    #[test]
    fn the_last_of_january_bills_the_last_of_february_and_the_last_of_march() {
        let month = Interval::new("month", 1);
        let anchor = noon(2027, 1, 31);
        let mut at = anchor;
        for (m, d) in [(2, 28), (3, 31), (4, 30), (5, 31)] {
            at = month.next(anchor, at);
            assert_eq!(at, noon(2027, m, d));
        }
        assert_eq!(
            month.next(noon(2028, 1, 31), noon(2028, 1, 31)),
            noon(2028, 2, 29)
        );
        assert_eq!(month.previous(anchor, noon(2027, 3, 31)), noon(2027, 2, 28));
        assert_eq!(
            month.previous(anchor, noon(2027, 1, 31)),
            noon(2026, 12, 31)
        );
        let year = Interval::new("year", 1);
        assert_eq!(
            year.next(noon(2028, 2, 29), noon(2028, 2, 29)),
            noon(2029, 2, 28)
        );
        assert_eq!(show(anchor), "31 Jan 2027");
    }

    #[test]
    fn dates_go_there_and_back() {
        for day in [-719_468, -1, 0, 58, 59, 60, 19_782, 30_000, 100_000] {
            let (y, m, d) = date(day * DAY);
            assert_eq!(days(y, m, d), day);
        }
    }

    #[test]
    fn a_configured_anchor_is_the_next_such_day() {
        let now = noon(2027, 2, 10);
        assert_eq!(
            configured(now, 31, None, (None, None, None)),
            noon(2027, 2, 28)
        );
        assert_eq!(
            configured(now, 5, None, (None, None, None)),
            noon(2027, 3, 5)
        );
        assert_eq!(
            configured(now, 1, Some(1), (Some(0), Some(0), Some(0))),
            days(2028, 1, 1) * DAY
        );
    }
}

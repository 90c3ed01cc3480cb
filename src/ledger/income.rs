//! The platform's income: what application fees brought, by day or month, account and currency.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, FromQueryResult, Statement, Value};
use souk_entity::{AccountId, SellerId, Timestamp};

use crate::error::{Error, Result};
use crate::money;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Rows that one answer has. A span of time that has more is refused.
const MOST: usize = 10_000;

/// How long a period is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Interval {
    /// A day in UTC.
    #[default]
    Day,
    /// A month in UTC.
    Month,
}

/// Which income is asked for.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    pub(super) from: Timestamp,
    /// The last moment.
    pub(super) to: Timestamp,
    pub(super) interval: Interval,
    pub(super) account: Option<AccountId>,
    pub(super) currency: Option<String>,
    /// Whether each account that paid has rows of its own.
    pub(super) by_account: bool,
}

/// The income of a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Income {
    /// `2026-11-29` or `2026-11`.
    pub(super) period: String,
    /// The account that paid. None: all, or one that isn't known yet.
    pub(super) account: Option<AccountId>,
    pub(super) seller: Option<SellerId>,
    /// The charges' currency, lower case.
    pub(super) currency: String,
    /// What was taken, in minor units.
    pub(super) charged: i64,
    /// What of fees went back, in minor units.
    pub(super) returned: i64,
    /// What was taken less what went back, in minor units.
    pub(super) net: i64,
    /// The fees that were taken.
    pub(super) count: i64,
    /// The currency of the platform's balance that it came in.
    pub(super) settled_currency: String,
    /// What the balance got, returns taken off, in minor units of that.
    pub(super) settled: i64,
}

#[derive(FromQueryResult)]
struct Row {
    day: i64,
    account: Option<AccountId>,
    seller: Option<SellerId>,
    currency: String,
    settled_currency: String,
    charged: i64,
    returned: i64,
    taken: i64,
    settled: i64,
}

/// A fee that was taken again is a return that failed, so it is no charge.
const SUMS: &str = "COALESCE(m.currency, m.posted_currency) AS currency, m.posted_currency AS settled_currency, \
    CAST(SUM(CASE WHEN m.source LIKE 'fr%' THEN 0 ELSE COALESCE(m.amount, m.posted) END) AS BIGINT) AS charged, \
    CAST(-SUM(CASE WHEN m.source LIKE 'fr%' THEN COALESCE(m.amount, m.posted) ELSE 0 END) AS BIGINT) AS returned, \
    CAST(SUM(CASE WHEN m.source LIKE 'fr%' THEN 0 ELSE 1 END) AS BIGINT) AS taken, \
    CAST(SUM(m.posted) AS BIGINT) AS settled";

/// The income by period, newest first, then by account and currency.
///
/// # Errors
/// 422 if the answer would be too long.
pub(super) async fn income<C: ConnectionTrait>(filter: &Filter, db: &C) -> Result<Vec<Income>> {
    let mut values: Vec<Value> = vec![filter.from.into(), filter.to.into()];
    let (account, seller) = match filter.by_account {
        true => ("m.stripe_account", "s.id"),
        false => ("NULL", "NULL"),
    };
    let mut text = format!(
        "SELECT m.stripe_created / {DAY_MS} AS day, CAST({account} AS TEXT) AS account, CAST({seller} AS TEXT) AS seller, {SUMS} \
         FROM application_fee_movements m LEFT JOIN sellers s ON s.stripe_account = m.stripe_account \
         WHERE m.is_income AND m.stripe_created >= $1 AND m.stripe_created <= $2"
    );
    for (column, value) in [
        (
            "m.stripe_account",
            filter.account.as_ref().map(ToString::to_string),
        ),
        (
            "COALESCE(m.currency, m.posted_currency)",
            filter.currency.clone(),
        ),
    ] {
        if let Some(value) = value {
            values.push(value.into());
            text += &format!(" AND {column} = ${}", values.len());
        }
    }
    text += " GROUP BY 1, 2, 3, 4, 5";
    let query = Statement::from_sql_and_values(db.get_database_backend(), text, values);
    let rows = Row::find_by_statement(query).all(db).await?;
    let mut periods: BTreeMap<Key, Income> = BTreeMap::new();
    for row in rows {
        add(&mut periods, row, filter.interval)?;
    }
    if periods.len() > MOST {
        let message =
            format!("This would be more than {MOST} rows. Ask for a shorter span of time.");
        return Err(Error::invalid("created_gte", message));
    }
    let mut all: Vec<Income> = periods.into_values().collect();
    // Stable, so that accounts and currencies stay sorted within their period.
    all.sort_by(|a, b| b.period.cmp(&a.period));
    Ok(all)
}

/// Period, account, currency, and the balance's currency.
type Key = (String, Option<AccountId>, String, String);

fn add(periods: &mut BTreeMap<Key, Income>, row: Row, interval: Interval) -> Result<()> {
    let date = Timestamp(money::times(row.day, DAY_MS)?).to_string();
    let period = match interval {
        Interval::Day => date.chars().take(10).collect::<String>(),
        Interval::Month => date.chars().take(7).collect(),
    };
    let key = (
        period.clone(),
        row.account.clone(),
        row.currency.clone(),
        row.settled_currency.clone(),
    );
    let sum = periods.entry(key).or_insert_with(|| Income {
        period,
        account: row.account,
        seller: row.seller,
        currency: row.currency,
        charged: 0,
        returned: 0,
        net: 0,
        count: 0,
        settled_currency: row.settled_currency,
        settled: 0,
    });
    sum.charged = money::add(sum.charged, row.charged)?;
    sum.returned = money::add(sum.returned, row.returned)?;
    sum.net = money::sub(sum.charged, sum.returned)?;
    sum.count = money::add(sum.count, row.taken)?;
    sum.settled = money::add(sum.settled, row.settled)?;
    Ok(())
}

//! The networks watch sellers with many disputes, and fine those who reach the limits of their programmes
//! (docs.stripe.com/disputes/monitoring-programs). A finding comes before that. Disputes of all cards count, whichever network is
//! theirs: rather too early than too late.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect};
use souk_entity::{SellerId, Timestamp, dispute, early_fraud_warning, order};
use time::{Date, OffsetDateTime};

use crate::config::{Config, DisputeProgramme};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::findings::{self, NewFinding};
use crate::sellers;

/// The kind of the finding about a seller who comes near a limit.
const KIND: &str = "dispute_programme";

/// Disputes that count: no inquiry, and none that was prevented.
const COUNTS: &str = "status NOT IN ('prevented', 'warning_needs_response', 'warning_under_review', 'warning_closed')";

/// Raises a finding about each seller whose disputes of this calendar month (UTC) come near a programme's limits.
///
/// # Errors
/// The database failed.
pub async fn review(tx: &Tx, config: &Config) -> Result<()> {
    let (month, name) = month(tx.now())?;
    let disputes = disputes_since(tx, month).await?;
    let warnings = warnings_since(tx, month).await?;
    let mut true_of = BTreeSet::new();
    let sellers: BTreeSet<_> = disputes.keys().chain(warnings.keys()).cloned().collect();
    for seller in sellers {
        for programme in &config.dispute_programmes {
            if programme.since > tx.now() {
                continue;
            }
            let mut count = disputes.get(&seller).copied().unwrap_or(0);
            if programme.counts_fraud {
                count += warnings.get(&seller).copied().unwrap_or(0);
            }
            let warn_at = config.dispute_programmes_warn_at;
            if count * 100 < programme.least * warn_at {
                continue;
            }
            let sales = sales_since(tx, &seller, month).await?;
            if count * 10_000 * 100 < programme.bps * warn_at * sales {
                continue;
            }
            let subject = format!("{seller}:{}:{name}", programme.name);
            findings::raise(
                tx,
                near(tx, &seller, &subject, programme, count, sales).await?,
            )
            .await?;
            true_of.insert(subject);
        }
    }
    findings::resolve_others(tx, KIND, &true_of).await
}

/// When the month began, and its name, such as `2026-11`.
fn month(now: Timestamp) -> Result<(Timestamp, String)> {
    let fault = |_| Error::internal("a time without a month");
    let at = OffsetDateTime::from_unix_timestamp(now.seconds())
        .map_err(|_| Error::internal("a time without a month"))?;
    let first = Date::from_calendar_date(at.year(), at.month(), 1).map_err(fault)?;
    let first = first.midnight().assume_utc().unix_timestamp();
    let name = format!("{}-{:02}", at.year(), u8::from(at.month()));
    Ok((Timestamp::from_seconds(first), name))
}

async fn disputes_since(tx: &Tx, since: Timestamp) -> Result<BTreeMap<SellerId, i64>> {
    use dispute::Column as C;
    let rows: Vec<(SellerId, i64)> = dispute::Entity::find()
        .select_only()
        .column(C::SellerId)
        .column_as(C::Id.count(), "count")
        .filter(C::StripeCreated.gte(since))
        .filter(Expr::cust(COUNTS))
        .group_by(C::SellerId)
        .into_tuple()
        .all(tx)
        .await?;
    Ok(rows.into_iter().collect())
}

async fn warnings_since(tx: &Tx, since: Timestamp) -> Result<BTreeMap<SellerId, i64>> {
    use early_fraud_warning::Column as C;
    let rows: Vec<(SellerId, i64)> = early_fraud_warning::Entity::find()
        .select_only()
        .column(C::SellerId)
        .column_as(C::Id.count(), "count")
        .filter(C::StripeCreated.gte(since))
        .group_by(C::SellerId)
        .into_tuple()
        .all(tx)
        .await?;
    Ok(rows.into_iter().collect())
}

async fn sales_since(tx: &Tx, seller: &SellerId, since: Timestamp) -> Result<i64> {
    use order::Column as C;
    let sales = order::Entity::find()
        .filter(C::SellerId.eq(seller.clone()))
        .filter(C::PaidAt.gte(since))
        .count(tx)
        .await?;
    i64::try_from(sales).map_err(|_| Error::Overflow)
}

async fn near(
    tx: &Tx,
    seller: &SellerId,
    subject: &str,
    programme: &DisputeProgramme,
    count: i64,
    sales: i64,
) -> Result<NewFinding> {
    let account = sellers::find(tx, seller).await?;
    let what = match programme.counts_fraud {
        true => "disputes and reports of fraud",
        false => "disputes",
    };
    Ok(NewFinding {
        kind: KIND,
        stripe_account: account.and_then(|seller| seller.stripe_account),
        subject: subject.to_owned(),
        message: format!(
            "Seller {seller} has {count} {what} this month, of {sales} sales. The programme {} begins at {} and {}.{:02} %, and costs \
             fines. Look at what is disputed and why; refunds in time keep disputes away.",
            programme.name,
            programme.least,
            programme.bps / 100,
            programme.bps % 100,
        ),
        amount: None,
        currency: None,
    })
}

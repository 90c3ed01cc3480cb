//! The networks watch sellers with many disputes, and fine those who reach the limits of their programmes
//! (docs.stripe.com/disputes/monitoring-programs). A finding comes before that. Each network counts payments by its own cards. Where
//! Stripe names no card, a dispute counts for every network and a sale for none: rather too early than too late.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, JoinType, PaginatorTrait, QueryFilter, QuerySelect};
use souk_entity::{
    SellerId, Timestamp, charge_detail, dispute, early_fraud_warning, order, payment_order,
};
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
    let month = Month::of(tx.now())?;
    let disputes = disputes_since(tx, month.begins).await?;
    let warnings = warnings_since(tx, month.begins).await?;
    let mut true_of = BTreeSet::new();
    for programme in &config.dispute_programmes {
        if programme.since > tx.now() {
            continue;
        }
        let mut counts = Counts::new();
        count(&mut counts, programme, &disputes);
        if programme.counts_fraud {
            count(&mut counts, programme, &warnings);
        }
        for (seller, count) in counts {
            let warn_at = config.dispute_programmes_warn_at;
            if count * 100 < programme.least * warn_at {
                continue;
            }
            let sales = sales(tx, &seller, programme, &month).await?;
            if count * 10_000 * 100 < programme.bps * warn_at * sales {
                continue;
            }
            let subject = format!("{seller}:{}:{}", programme.name, month.name);
            let finding = near(tx, &seller, &subject, programme, count, sales).await?;
            findings::raise(tx, finding).await?;
            true_of.insert(subject);
        }
    }
    findings::resolve_others(tx, KIND, &true_of).await
}

/// A calendar month (UTC).
struct Month {
    begins: Timestamp,
    /// When the month before began.
    before: Timestamp,
    /// Such as `2026-11`.
    name: String,
}

impl Month {
    /// The month of this moment.
    fn of(now: Timestamp) -> Result<Self> {
        let fault = |_| Error::internal("a time without a month");
        let at = OffsetDateTime::from_unix_timestamp(now.seconds()).map_err(fault)?;
        let first = |year: i32, month: time::Month| {
            let first = Date::from_calendar_date(year, month, 1).map_err(fault)?;
            let first = first.midnight().assume_utc().unix_timestamp();
            Ok::<_, Error>(Timestamp::from_seconds(first))
        };
        let year_before = at.year() - i32::from(at.month() == time::Month::January);
        Ok(Self {
            begins: first(at.year(), at.month())?,
            before: first(year_before, at.month().previous())?,
            name: format!("{}-{:02}", at.year(), u8::from(at.month())),
        })
    }
}

/// How many a seller has.
type Counts = BTreeMap<SellerId, i64>;
/// How many each seller has of each brand of cards.
type ByBrand = Vec<(SellerId, Option<String>, i64)>;

/// Adds what counts for a programme.
fn count(counts: &mut Counts, programme: &DisputeProgramme, all: &ByBrand) {
    for (seller, brand, number) in all {
        let counts_here = match (&programme.brand, brand) {
            (Some(wanted), Some(brand)) => wanted == brand,
            _ => true,
        };
        if counts_here {
            *counts.entry(seller.clone()).or_default() += number;
        }
    }
}

async fn disputes_since(tx: &Tx, since: Timestamp) -> Result<ByBrand> {
    use dispute::Column as C;
    let of = dispute::Entity::belongs_to(charge_detail::Entity)
        .from(C::PaymentId)
        .to(charge_detail::Column::PaymentId);
    Ok(dispute::Entity::find()
        .select_only()
        .column(C::SellerId)
        .column(charge_detail::Column::Brand)
        .column_as(C::Id.count(), "count")
        .join(JoinType::LeftJoin, of.into())
        .filter(C::StripeCreated.gte(since))
        .filter(Expr::cust(COUNTS))
        .group_by(C::SellerId)
        .group_by(charge_detail::Column::Brand)
        .into_tuple()
        .all(tx)
        .await?)
}

async fn warnings_since(tx: &Tx, since: Timestamp) -> Result<ByBrand> {
    use early_fraud_warning::Column as C;
    let of = early_fraud_warning::Entity::belongs_to(charge_detail::Entity)
        .from(C::PaymentId)
        .to(charge_detail::Column::PaymentId);
    Ok(early_fraud_warning::Entity::find()
        .select_only()
        .column(C::SellerId)
        .column(charge_detail::Column::Brand)
        .column_as(C::Id.count(), "count")
        .join(JoinType::LeftJoin, of.into())
        .filter(C::StripeCreated.gte(since))
        .group_by(C::SellerId)
        .group_by(charge_detail::Column::Brand)
        .into_tuple()
        .all(tx)
        .await?)
}

/// The sales of a seller that a programme's share is one of: payments, each once.
async fn sales(
    tx: &Tx,
    seller: &SellerId,
    programme: &DisputeProgramme,
    month: &Month,
) -> Result<i64> {
    use order::Column as C;
    let of_order = order::Entity::belongs_to(payment_order::Entity)
        .from(C::Id)
        .to(payment_order::Column::OrderId);
    let mut sales = order::Entity::find()
        .select_only()
        .column(payment_order::Column::PaymentId)
        .distinct()
        .join(JoinType::InnerJoin, of_order.into())
        .filter(C::SellerId.eq(seller.clone()));
    sales = match programme.of_month_before {
        false => sales.filter(C::PaidAt.gte(month.begins)),
        true => sales
            .filter(C::PaidAt.gte(month.before))
            .filter(C::PaidAt.lt(month.begins)),
    };
    if let Some(brand) = &programme.brand {
        let of_payment = payment_order::Entity::belongs_to(charge_detail::Entity)
            .from(payment_order::Column::PaymentId)
            .to(charge_detail::Column::PaymentId);
        sales = sales
            .join(JoinType::InnerJoin, of_payment.into())
            .filter(charge_detail::Column::Brand.eq(brand.as_str()));
    }
    let sales = sales.count(tx).await?;
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
    let cards = match &programme.brand {
        Some(brand) => format!(" by {brand} cards"),
        None => String::new(),
    };
    let of = match programme.of_month_before {
        true => " of the month before",
        false => "",
    };
    Ok(NewFinding {
        kind: KIND,
        stripe_account: account.and_then(|seller| seller.stripe_account),
        subject: subject.to_owned(),
        message: format!(
            "Seller {seller} has {count} {what}{cards} this month, against {sales} sales{of}. The programme {} begins at {} and {}.{:02} %, and costs \
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

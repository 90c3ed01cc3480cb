//! Payouts, ledger balances and the platform's income over HTTP.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use sea_orm::{
    ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect, Select,
};
use serde::{Deserialize, Serialize};
use souk_entity::balance_transaction::{self, FeeDetail};
use souk_entity::payout::{self, PayoutStatus, Reconciliation};
use souk_entity::{AccountId, OrderId, SellerId, Timestamp, book};

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{Answer, Filters, List, NoFilters, Path, Unpaged, page_by_time};
use crate::identity::{Admin, Caller};
use crate::money;
use crate::sellers;

use super::income::{Filter, Income, Interval, income};
use super::{Balance, balances, entries, sum};

/// The room's routes.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/payouts", get(list_payouts))
        .route("/v1/payouts/{id}", get(get_payout))
        .route("/v1/payouts/{id}/transactions", get(list_transactions))
        .route("/v1/ledger/balances", get(list_balances))
        .route("/v1/reports/application_fees", get(report_application_fees))
}

/// Whose rows a caller sees.
enum Scope {
    Everyone,
    Sellers(Vec<SellerId>),
}

impl Scope {
    /// A seller that is named must be the caller's; else an admin sees all, anyone else their own sellers'.
    async fn of(app: &App, caller: &Caller, seller: Option<&SellerId>) -> Result<Self> {
        let db = &app.db.read;
        Ok(match seller {
            Some(id) => Self::Sellers(vec![sellers::owned(db, caller, id, "seller_id").await?.id]),
            None if caller.is_admin() => Self::Everyone,
            None => Self::Sellers(sellers::owned_ids(db, caller).await?),
        })
    }

    fn narrow<E: EntityTrait>(&self, query: Select<E>, seller: impl ColumnTrait) -> Select<E> {
        match self {
            Self::Everyone => query,
            Self::Sellers(ids) => query.filter(seller.is_in(ids.iter().cloned())),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PayoutFilters {
    seller_id: Option<SellerId>,
    status: Option<PayoutStatus>,
    currency: Option<String>,
    arrival_gte: Option<String>,
    arrival_lte: Option<String>,
}

async fn list_payouts(
    State(app): State<App>,
    caller: Caller,
    Filters(filters, paging): Filters<PayoutFilters>,
) -> Answer<List<PayoutView>> {
    use payout::Column as C;
    let scope = Scope::of(&app, &caller, filters.seller_id.as_ref()).await?;
    let visible = scope.narrow(payout::Entity::find(), C::SellerId);
    let query = filters.narrow(visible.clone())?;
    let by = (C::StripeCreated, C::Id);
    let (rows, has_more) = page_by_time(query, visible, &paging, by, &app.db.read).await?;
    let mut summaries = summaries(&app, &rows).await?;
    let view = |row: payout::Model| {
        let summary = summaries.remove(&row.id).unwrap_or_default();
        PayoutView::new(row, summary)
    };
    Ok(Json(paging.list((rows, has_more), view)))
}

impl PayoutFilters {
    fn narrow(&self, mut query: Select<payout::Entity>) -> Result<Select<payout::Entity>> {
        use payout::Column as C;
        if let Some(status) = self.status {
            query = query.filter(C::Status.eq(status));
        }
        if let Some(currency) = &self.currency {
            check_currency(currency)?;
            query = query.filter(C::Currency.eq(currency.as_str()));
        }
        if let Some(text) = &self.arrival_gte {
            let (from, _) = day_or_moment("arrival_gte", text)?;
            query = query.filter(C::ArrivalDate.gte(from));
        }
        if let Some(text) = &self.arrival_lte {
            let (_, to) = day_or_moment("arrival_lte", text)?;
            query = query.filter(C::ArrivalDate.lte(to));
        }
        Ok(query)
    }
}

fn check_currency(currency: &str) -> Result<()> {
    match money::is_currency(currency) {
        true => Ok(()),
        false => {
            let message = "currency is a three-letter code in lower case, such as eur.";
            Err(Error::invalid("currency", message))
        }
    }
}

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// First and last millisecond of a date, or a moment twice.
fn day_or_moment(param: &str, text: &str) -> Result<(Timestamp, Timestamp)> {
    if let Some(day) = Timestamp::parse(&format!("{text}T00:00:00Z")) {
        return Ok((day, day.plus_ms(DAY_MS - 1)));
    }
    let moment = Timestamp::parse(text).ok_or_else(|| {
        let message = format!(
            "{param} is a date such as 2026-11-23, or a time such as 2026-11-23T21:00:00Z."
        );
        Error::invalid(param, message)
    })?;
    Ok((moment, moment))
}

async fn get_payout(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<PayoutView> {
    let row = visible_payout(&app, &caller, &id).await?;
    let mut summaries = summaries(&app, std::slice::from_ref(&row)).await?;
    let summary = summaries.remove(&row.id).unwrap_or_default();
    Ok(Json(PayoutView::new(row, summary)))
}

async fn visible_payout(app: &App, caller: &Caller, id: &str) -> Result<payout::Model> {
    let scope = Scope::of(app, caller, None).await?;
    let query = payout::Entity::find_by_id(id.to_owned());
    scope
        .narrow(query, payout::Column::SellerId)
        .one(&app.db.read)
        .await?
        .ok_or(Error::NotFound("payout"))
}

async fn list_transactions(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Filters(NoFilters {}, paging): Filters<NoFilters>,
) -> Answer<List<TransactionView>> {
    use balance_transaction::Column as C;
    let payout = visible_payout(&app, &caller, &id).await?;
    let query = balance_transaction::Entity::find()
        .filter(C::BookId.eq(payout.book_id))
        .filter(C::PayoutId.eq(payout.id));
    let by = (C::StripeCreated, C::Id);
    let rows = page_by_time(query.clone(), query, &paging, by, &app.db.read).await?;
    let account = payout.stripe_account;
    let view = |row| TransactionView::new(row, account.clone());
    Ok(Json(paging.list(rows, view)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BalanceFilters {
    seller_id: Option<SellerId>,
}

async fn list_balances(
    State(app): State<App>,
    caller: Caller,
    Unpaged(filters, paging): Unpaged<BalanceFilters>,
) -> Answer<List<BalanceView>> {
    let scope = Scope::of(&app, &caller, filters.seller_id.as_ref()).await?;
    let query = entries().filter(book::Column::Livemode.eq(app.stripe.livemode()));
    let query = scope.narrow(query, book::Column::SellerId);
    let rows = balances(query, &app.db.read).await?;
    Ok(Json(paging.list((rows, false), BalanceView::from)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IncomeFilters {
    #[serde(default)]
    interval: Interval,
    created_gte: Option<String>,
    created_lte: Option<String>,
    seller_id: Option<SellerId>,
    currency: Option<String>,
    #[serde(default)]
    by_seller: bool,
}

async fn report_application_fees(
    State(app): State<App>,
    Admin(caller): Admin,
    Unpaged(filters, paging): Unpaged<IncomeFilters>,
) -> Answer<List<IncomeView>> {
    let mut filter = filters.span(app.clock.now())?;
    if let Some(id) = &filters.seller_id {
        let seller = sellers::owned(&app.db.read, &caller, id, "seller_id").await?;
        let Some(account) = seller.stripe_account else {
            return Ok(Json(
                paging.list((Vec::<Income>::new(), false), IncomeView::from),
            ));
        };
        filter.account = Some(account);
    }
    let rows = income(&filter, &app.db.read).await?;
    Ok(Json(paging.list((rows, false), IncomeView::from)))
}

impl IncomeFilters {
    /// The last 31 days, or 366 where months are asked for, unless it says otherwise.
    fn span(&self, now: Timestamp) -> Result<Filter> {
        let (usual, most) = match self.interval {
            Interval::Day => (31, 366),
            Interval::Month => (366, 3660),
        };
        if let Some(currency) = &self.currency {
            check_currency(currency)?;
        }
        let to = match &self.created_lte {
            Some(text) => day_or_moment("created_lte", text)?.1,
            None => now,
        };
        let from = match &self.created_gte {
            Some(text) => day_or_moment("created_gte", text)?.0,
            None => to.plus_ms(-usual * DAY_MS),
        };
        if from.plus_ms(most * DAY_MS) < to {
            let message = format!("created_gte is at most {most} days before created_lte.");
            return Err(Error::invalid("created_gte", message));
        }
        Ok(Filter {
            from,
            to,
            interval: self.interval,
            account: None,
            currency: self.currency.clone(),
            by_account: self.by_seller || self.seller_id.is_some(),
        })
    }
}

#[derive(Serialize)]
struct IncomeView {
    object: &'static str,
    period: String,
    seller_id: Option<SellerId>,
    stripe_account: Option<AccountId>,
    currency: String,
    count: i64,
    amount: i64,
    amount_returned: i64,
    net: i64,
    settled_currency: String,
    settled_net: i64,
}

impl From<Income> for IncomeView {
    fn from(row: Income) -> Self {
        Self {
            object: "application_fee_income",
            period: row.period,
            seller_id: row.seller,
            stripe_account: row.account,
            currency: row.currency,
            count: row.count,
            amount: row.charged,
            amount_returned: row.returned,
            net: row.net,
            settled_currency: row.settled_currency,
            settled_net: row.settled,
        }
    }
}

#[derive(Serialize)]
struct PayoutView {
    id: String,
    object: &'static str,
    seller_id: Option<SellerId>,
    stripe_account: AccountId,
    livemode: bool,
    amount: i64,
    currency: String,
    status: PayoutStatus,
    automatic: bool,
    arrival_date: Timestamp,
    reconciliation: Reconciliation,
    transactions_net: Option<i64>,
    transaction_count: Option<i64>,
    summary: Vec<Summary>,
    failure_code: Option<String>,
    failure_message: Option<String>,
    created_at: Timestamp,
    closed_at: Option<Timestamp>,
}

impl PayoutView {
    fn new(row: payout::Model, summary: Vec<Summary>) -> Self {
        Self {
            id: row.id,
            object: "payout",
            seller_id: row.seller_id,
            stripe_account: row.stripe_account,
            livemode: row.livemode,
            amount: row.amount,
            currency: row.currency,
            status: row.status,
            automatic: row.automatic,
            arrival_date: row.arrival_date,
            reconciliation: row.reconciliation,
            transactions_net: row.transactions_net,
            transaction_count: row.transaction_count,
            summary,
            failure_code: row.failure_code,
            failure_message: row.failure_message,
            created_at: row.stripe_created,
            closed_at: row.closed_at,
        }
    }
}

/// What a payout pays out, by reporting category.
#[derive(Serialize)]
struct Summary {
    reporting_category: String,
    count: i64,
    amount: i64,
    fee: i64,
    net: i64,
}

#[derive(FromQueryResult)]
struct SummaryRow {
    payout_id: String,
    reporting_category: String,
    count: i64,
    amount: i64,
    fee: i64,
    net: i64,
}

async fn summaries(app: &App, payouts: &[payout::Model]) -> Result<BTreeMap<String, Vec<Summary>>> {
    use balance_transaction::Column as C;
    let rows: Vec<SummaryRow> = balance_transaction::Entity::find()
        .filter(C::PayoutId.is_in(payouts.iter().map(|payout| payout.id.as_str())))
        .select_only()
        .columns([C::PayoutId, C::ReportingCategory])
        .column_as(C::Id.count(), "count")
        .column_as(sum(C::Amount), "amount")
        .column_as(sum(C::Fee), "fee")
        .column_as(sum(C::Net), "net")
        .group_by(C::PayoutId)
        .group_by(C::ReportingCategory)
        .order_by_asc(C::ReportingCategory)
        .into_model()
        .all(&app.db.read)
        .await?;
    let mut summaries: BTreeMap<String, Vec<Summary>> = BTreeMap::new();
    for row in rows {
        summaries.entry(row.payout_id).or_default().push(Summary {
            reporting_category: row.reporting_category,
            count: row.count,
            amount: row.amount,
            fee: row.fee,
            net: row.net,
        });
    }
    Ok(summaries)
}

#[derive(Serialize)]
struct TransactionView {
    id: String,
    object: &'static str,
    stripe_account: AccountId,
    r#type: String,
    reporting_category: String,
    source: Option<String>,
    amount: i64,
    fee: i64,
    net: i64,
    currency: String,
    fee_details: Vec<FeeDetail>,
    status: String,
    available_on: Timestamp,
    payout_id: Option<String>,
    order_id: Option<OrderId>,
    created_at: Timestamp,
}

impl TransactionView {
    fn new(row: balance_transaction::Model, stripe_account: AccountId) -> Self {
        Self {
            id: row.id,
            object: "balance_transaction",
            stripe_account,
            r#type: row.kind,
            reporting_category: row.reporting_category,
            source: row.source,
            amount: row.amount,
            fee: row.fee,
            net: row.net,
            currency: row.currency,
            fee_details: row.fee_details.0,
            status: row.status,
            available_on: row.available_on,
            payout_id: row.payout_id,
            order_id: row.order_id,
            created_at: row.stripe_created,
        }
    }
}

#[derive(Serialize)]
struct BalanceView {
    object: &'static str,
    stripe_account: AccountId,
    seller_id: Option<SellerId>,
    account: String,
    currency: String,
    balance: i64,
}

impl From<Balance> for BalanceView {
    fn from(row: Balance) -> Self {
        Self {
            object: "ledger_balance",
            stripe_account: row.stripe_account,
            seller_id: row.seller_id,
            account: row.account,
            currency: row.currency,
            balance: row.balance,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_means_the_whole_day_and_a_time_itself() {
        let parse = |text| Timestamp::parse(text).expect("a time");
        let (from, to) = day_or_moment("arrival_gte", "2026-11-23").expect("a date");
        assert_eq!(from, parse("2026-11-23T00:00:00Z"));
        assert_eq!(to, parse("2026-11-23T23:59:59.999Z"));
        let noon = parse("2026-11-23T12:00:00Z");
        let both = day_or_moment("arrival_gte", "2026-11-23T12:00:00Z").expect("a time");
        assert_eq!(both, (noon, noon));
        let error = day_or_moment("arrival_lte", "tomorrow").expect_err("no date");
        assert_eq!(error.param(), Some("arrival_lte"));
    }
}

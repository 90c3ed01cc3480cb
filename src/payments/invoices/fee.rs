//! What the platform takes of an invoice beyond a share of its total: a fixed part, and nothing of taxes. Stripe has no setting for
//! that, so it is set on the draft (docs.stripe.com/connect/subscriptions#collecting-fees-on-subscriptions), which Stripe keeps for
//! about an hour. An invoice that is final at once (the first one, or that of a change of plan) pays the share alone; what that took
//! too much, `payments/fees` returns.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use souk_entity::{AccountId, payment};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids;
use crate::jobs::{self, Job};
use crate::money::{self, FeeRule};
use crate::stripe::requests::invoices as request;
use crate::stripe::views::{IdView, InvoiceView};

/// Stripe's code where an invoice is no draft any more.
const NO_DRAFT: &str = "invoice_not_editable";

fn is_draft(invoice: &InvoiceView) -> bool {
    invoice.status.as_deref() == Some("draft")
}

/// What of an invoice are taxes, in minor units.
fn taxes(invoice: &InvoiceView) -> Result<i64> {
    let mut all = invoice.total_taxes.iter().flatten();
    all.try_fold(0, |sum, one| money::add(sum, one.amount))
}

/// The payment with which an invoice's subscription began. None: it is none of ours.
async fn first_payment<D: ConnectionTrait>(
    db: &D,
    account: &AccountId,
    livemode: bool,
    invoice: &InvoiceView,
) -> Result<Option<payment::Model>> {
    use payment::Column as P;
    let Some(subscription) = invoice.subscription() else {
        return Ok(None);
    };
    let first = payment::Entity::find()
        // As the index says it, word for word, so that SQLite sees that it will do.
        .filter(Expr::cust("subscription IS NOT NULL"))
        .filter(P::Subscription.eq(subscription))
        .filter(P::ChargeAccount.eq(account.clone()))
        .filter(P::Livemode.eq(livemode))
        .order_by_asc(P::Id)
        .one(db);
    Ok(first.await?)
}

/// Looks at an invoice that has just been made: if it is the draft of a subscription of ours, and its fee is more than a share of its
/// total, a job sets the fee.
///
/// # Errors
/// The database failed.
pub async fn look_at_draft(
    tx: &Tx,
    account: &AccountId,
    livemode: bool,
    invoice: &InvoiceView,
) -> Result<()> {
    if !is_draft(invoice) {
        return Ok(());
    }
    let Some(first) = first_payment(tx, account, livemode, invoice).await? else {
        return Ok(());
    };
    let has_fixed = first.fee_fixed.is_some_and(|fixed| fixed > 0);
    let takes_share = first.fee_bps.is_some_and(|bps| bps > 0);
    match has_fixed || takes_share && taxes(invoice)? != 0 {
        true => {
            let job = Job::SetInvoiceFee {
                account: account.clone(),
                livemode,
                invoice: invoice.id.clone(),
            };
            jobs::stage(tx, &job).await
        }
        false => Ok(()),
    }
}

/// The job: sets the fee of an invoice, as long as it is a draft. After that Stripe takes the share.
///
/// # Errors
/// Stripe has not answered or refuses.
pub async fn set(app: &App, account: &AccountId, livemode: bool, id: &str) -> Result<()> {
    if app.stripe.livemode() != livemode {
        return Ok(());
    }
    let scope = app.stripe.at(account);
    let invoice: InvoiceView = scope.get(&request::retrieve(id)).await?;
    let first = first_payment(&app.db.read, account, livemode, &invoice).await?;
    let Some(first) = first.filter(|_| is_draft(&invoice)) else {
        return Ok(());
    };
    let base = money::sub(invoice.total.unwrap_or(0), taxes(&invoice)?)?;
    let rule = FeeRule::of_parts(first.fee_bps, first.fee_fixed, &first.currency);
    let fee = rule.of(base.max(0), &first.currency)?;
    // Twice does no harm, so each request has a new key: under an old one Stripe could repeat a saved 500.
    let key = format!("invoice_fee:{}", ids::random_token());
    let set: Result<IdView> = scope.post(&request::set_fee(id, fee), &key).await;
    match set {
        Err(Error::StripeRefused(fault)) if fault.code.as_deref() == Some(NO_DRAFT) => Ok(()),
        set => set.map(drop),
    }
}

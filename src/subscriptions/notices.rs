//! What a subscription's buyer is told by mail. It follows from what its row showed before and shows now, and not from events, so that
//! each mail comes once whatever is lost, late or doubled. Of what had happened before it was first read nobody is told.

use std::collections::BTreeMap;

use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};
use secrecy::ExposeSecret;
use souk_entity::seller::{self, RenewalNotices};
use souk_entity::subscription::{self, Column as C};
use souk_entity::{SubscriptionId, Timestamp, payment_method, product, subscription_item};

use crate::app::App;
use crate::customers;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::ids;
use crate::jobs::{self, Job, Recipient};
use crate::money;
use crate::sellers;
use crate::stripe::requests::{invoices, subscriptions as requests};
use crate::stripe::views::{
    Expandable, InvoiceView, LatestInvoiceView, PaymentMethodView, SubscriptionView,
};

use super::recovery::{self, PaymentState};

const DAY_MS: i64 = 24 * 3_600_000;
/// How long before its end a trial's is told, as Stripe's `trial_will_end` does.
const TRIAL_AHEAD_MS: i64 = 3 * DAY_MS;
/// From how long a period on its renewal is told by default, which laws on automatic renewals ask of long ones.
const LONG_PERIOD_MS: i64 = 180 * DAY_MS;
/// How long before.
const LONG_AHEAD_MS: i64 = 30 * DAY_MS;
/// How long before a shorter one, or half of it.
const SHORT_AHEAD_MS: i64 = 7 * DAY_MS;
/// How much earlier than it was told a subscription may end without another mail.
const AS_TOLD_MS: i64 = 3_600_000;
/// How many are looked at by one sweep.
const SWEPT: u64 = 500;

/// A subscription as it was shown before it was read again.
pub(super) struct Before {
    pub row: subscription::Model,
    pub items: Vec<subscription_item::Model>,
}

/// Stages the mails that follow from what has changed.
pub(super) async fn tell(
    tx: &Tx,
    before: &Before,
    after: (&subscription::Model, &[subscription_item::Model]),
    view: &SubscriptionView,
) -> Result<()> {
    let (row, items) = after;
    if before.row.status.is_empty() {
        return Ok(());
    }
    let mut mails = Vec::new();
    // The rows are locked, so that a step is seen once.
    let step = row.asked_at.0.to_string();
    mails.extend(ending(&before.row, row));
    let is = |of: &subscription::Model, status: &str| of.status == status;
    if !is(&before.row, "paused") && is(row, "paused") {
        mails.push(mail("subscription_paused", &row.id, &step));
    }
    if is(&before.row, "paused") && is(row, "active") {
        mails.push(mail("subscription_resumed", &row.id, &step));
    }
    if row.ended_at.is_none() && plan(&before.items) != plan(items) {
        mails.push(mail("subscription_changed", &row.id, &step));
    }
    mails.extend(unpaid(row, view));
    jobs::stage_all(tx, &mails).await
}

fn mail(what: &str, of: &SubscriptionId, when: &str) -> Job {
    Job::Mail {
        what: what.to_owned(),
        to: Recipient::Buyer,
        about: format!("{of}:{when}"),
    }
}

/// What is paid for, by item.
fn plan(items: &[subscription_item::Model]) -> BTreeMap<&str, (&str, i64)> {
    let plan = items.iter().map(|row| {
        let what = (row.stripe_price.as_str(), row.quantity);
        (row.stripe_item.as_str(), what)
    });
    plan.collect()
}

/// When a subscription is to end, if that is settled.
fn end_of(row: &subscription::Model) -> Option<Timestamp> {
    let with_period = row.current_period_end.filter(|_| row.cancel_at_period_end);
    row.cancel_at.or(with_period)
}

/// The mail about an end that was asked for, or has come. Whoever was told when it comes isn't told that it has.
fn ending(before: &subscription::Model, row: &subscription::Model) -> Option<Job> {
    let told = end_of(before);
    match (before.ended_at, row.ended_at) {
        (None, Some(at)) => {
            let as_told = told.is_some_and(|end| at >= end.plus_ms(-AS_TOLD_MS));
            let unpaid = matches!(before.status.as_str(), "past_due" | "unpaid");
            match (as_told, unpaid) {
                (true, _) => None,
                (false, true) => Some(mail("subscription_lapsed", &row.id, "ended")),
                (false, false) => Some(mail("subscription_ended", &row.id, "ended")),
            }
        }
        (None, None) if told.is_none() => {
            end_of(row)?;
            let asked = row.canceled_at.unwrap_or(row.asked_at);
            Some(mail("subscription_canceled", &row.id, &asked.0.to_string()))
        }
        _ => None,
    }
}

/// The mails about a renewal that was tried and isn't paid: one an invoice, and one for each try at which the bank wants to see the
/// buyer. Which of them is sent is seen when it is.
fn unpaid(row: &subscription::Model, view: &SubscriptionView) -> Vec<Job> {
    let Some(Expandable::<LatestInvoiceView>::Object(invoice)) = &view.latest_invoice else {
        return Vec::new();
    };
    let is_open = invoice.status.as_deref() == Some("open") && invoice.attempt_count > 0;
    if !is_open || !matches!(row.status.as_str(), "past_due" | "unpaid") {
        return Vec::new();
    }
    let tried = format!("{}:{}", invoice.id, invoice.attempt_count);
    vec![
        mail("subscription_payment_failed", &row.id, &invoice.id),
        mail("subscription_needs_you", &row.id, &tried),
    ]
}

/// Notes in a row when its buyer is to be told of the end of the trial or of the renewal. The mail, if that is now.
pub(super) fn look_ahead(
    row: &mut subscription::Model,
    seller: &seller::Model,
    now: Timestamp,
) -> Option<Job> {
    row.notice_due_at = None;
    let (end, due, what) = ahead(row, seller)?;
    if end <= now || row.noticed_end == Some(end) {
        return None;
    }
    if due > now {
        row.notice_due_at = Some(due);
        return None;
    }
    row.noticed_end = Some(end);
    Some(mail(what, &row.id, &end.0.to_string()))
}

/// The end of a trial, or of a period that is renewed; when it is told; and by which mail.
fn ahead(
    row: &subscription::Model,
    seller: &seller::Model,
) -> Option<(Timestamp, Timestamp, &'static str)> {
    if row.ended_at.is_some() || end_of(row).is_some() {
        return None;
    }
    match row.status.as_str() {
        "trialing" => {
            let end = row.trial_end?;
            Some((end, end.plus_ms(-TRIAL_AHEAD_MS), "subscription_trial_ends"))
        }
        "active" => {
            let (start, end) = (row.current_period_start?, row.current_period_end?);
            let length = end.0.saturating_sub(start.0);
            let lead = match seller.renewal_notices {
                RenewalNotices::None => return None,
                _ if length >= LONG_PERIOD_MS => LONG_AHEAD_MS,
                RenewalNotices::LongPeriods => return None,
                RenewalNotices::All => SHORT_AHEAD_MS.min(length / 2),
            };
            Some((end, end.plus_ms(-lead), "subscription_renews"))
        }
        _ => None,
    }
}

/// The job: stages the mails about trials that end, renewals that come and cards that expire, whose time it is.
///
/// # Errors
/// The database failed.
pub async fn sweep(app: &App) -> Result<()> {
    sweep_ends(app).await?;
    sweep_cards(app).await
}

async fn sweep_ends(app: &App) -> Result<()> {
    let tx = app.db.begin_write().await?;
    let due = subscription::Entity::find()
        // As the index says it, word for word, so that SQLite sees that it will do.
        .filter(Expr::cust("notice_due_at IS NOT NULL"))
        .filter(C::NoticeDueAt.lte(tx.now()))
        .filter(C::Livemode.eq(app.stripe.livemode()))
        .order_by_asc(C::Id)
        .limit(SWEPT)
        .lock_exclusive()
        .all(&tx)
        .await?;
    let mut mails = Vec::new();
    for mut row in due {
        let seller = sellers::find(&tx, &row.seller_id).await?;
        let seller = seller.ok_or_else(|| Error::internal("a subscription of no seller"))?;
        mails.extend(look_ahead(&mut row, &seller, tx.now()));
        subscription::Entity::update(row.into_active_model().reset_all())
            .exec(&tx)
            .await?;
    }
    jobs::stage_all(&tx, &mails).await?;
    tx.commit().await
}

/// The last month of a card.
pub(super) fn expiry(card: &PaymentMethodView) -> Option<String> {
    let (month, year) = card.expiry()?;
    Some(format!("{year:04}-{month:02}"))
}

/// Stages the mails about cards that pay a subscription and expire within 30 days.
async fn sweep_cards(app: &App) -> Result<()> {
    let tx = app.db.begin_write().await?;
    let until: String = tx
        .now()
        .plus_ms(LONG_AHEAD_MS)
        .to_string()
        .chars()
        .take(7)
        .collect();
    let due = subscription::Entity::find()
        // As the index says it, word for word, so that SQLite sees that it will do.
        .filter(Expr::cust("card_expires IS NOT NULL"))
        .filter(C::CardExpires.lte(until))
        .filter(C::Livemode.eq(app.stripe.livemode()))
        .order_by_asc(C::Id)
        .limit(SWEPT)
        .lock_exclusive()
        .all(&tx)
        .await?;
    let mut mails = Vec::new();
    for mut row in due {
        let expiry = row.card_expires.take();
        let is_live = row.ended_at.is_none() && end_of(&row).is_none();
        let expiry = expiry.filter(|_| is_live);
        mails.extend(expiry.map(|month| mail("subscription_card_expires", &row.id, &month)));
        subscription::Entity::update(row.into_active_model().reset_all())
            .exec(&tx)
            .await?;
    }
    jobs::stage_all(&tx, &mails).await?;
    tx.commit().await
}

/// What a mail to a subscription's buyer says.
pub struct Notice {
    /// Where it goes.
    pub address: String,
    /// Who sells it.
    pub shop: String,
    /// What is subscribed to, a line each.
    pub plan: String,
    /// A sum in words: of the invoice, or of the next one. Of a card its last digits.
    pub amount: Option<String>,
    /// Stripe's page where the invoice is paid.
    pub page: Option<String>,
    /// A moment: of the end, the renewal or the next try.
    pub at: Option<Timestamp>,
}

/// What a mail says, as things stand now. None: it is no longer so, and nobody needs to know. `about` is our id and, behind a colon,
/// what it is about.
///
/// # Errors
/// Stripe has not answered, or there is no such subscription.
pub async fn notice(app: &App, what: &str, about: &str) -> Result<Option<Notice>> {
    let (id, of) = about.split_once(':').unwrap_or((about, ""));
    let db = &app.db.read;
    let missing = || Error::internal(format!("a mail about {id}, which is missing"));
    let row = subscription::Entity::find_by_id(SubscriptionId::from(id));
    let row = row.one(db).await?.ok_or_else(missing)?;
    let seller = sellers::find(db, &row.seller_id)
        .await?
        .ok_or_else(missing)?;
    let customer = customers::find(db, &row.customer_id).await?;
    let customer = customer.ok_or_else(missing)?;
    let mut notice = Notice {
        address: customers::address(app, &customer).await?,
        shop: seller.name.clone(),
        plan: plan_in_words(app, &row).await?,
        amount: None,
        page: None,
        at: end_of(&row).or(row.current_period_end),
    };
    let is_true = match what {
        "subscription_trial_ends" | "subscription_renews" => {
            add_next(app, &row, &seller, of, &mut notice).await?
        }
        "subscription_payment_failed" => {
            add_invoice(
                app,
                &row,
                of,
                PaymentState::RequiresPaymentMethod,
                &mut notice,
            )
            .await?
        }
        "subscription_needs_you" => {
            let (invoice, _) = of.split_once(':').unwrap_or((of, ""));
            add_invoice(
                app,
                &row,
                invoice,
                PaymentState::RequiresAction,
                &mut notice,
            )
            .await?
        }
        "subscription_card_expires" => add_card(app, &row, of, &mut notice).await?,
        "subscription_canceled" => end_of(&row).is_some() && row.ended_at.is_none(),
        _ => true,
    };
    Ok(Some(notice).filter(|_| is_true))
}

/// Whether the end still comes of which the mail is, and what is charged then.
async fn add_next(
    app: &App,
    row: &subscription::Model,
    seller: &seller::Model,
    of: &str,
    notice: &mut Notice,
) -> Result<bool> {
    let end = ahead(row, seller).map(|(end, ..)| end);
    let Some(end) = end.filter(|end| end.0.to_string() == of) else {
        return Ok(false);
    };
    notice.at = Some(end);
    let key = format!("upcoming:{}", ids::random_token());
    let scope = app.stripe.at(&row.stripe_account);
    let request = requests::upcoming(&row.stripe_subscription);
    let next: InvoiceView = match scope.post(&request, &key).await {
        Ok(next) => next,
        // It was cancelled at this moment.
        Err(Error::StripeRefused(_)) => return Ok(false),
        Err(e) => return Err(e),
    };
    let amount = next.amount_due.unwrap_or(0);
    notice.amount = Some(money::display(amount, &row.currency));
    Ok(true)
}

/// Whether an invoice waits for this, and how its buyer pays it.
async fn add_invoice(
    app: &App,
    row: &subscription::Model,
    invoice: &str,
    wanted: PaymentState,
    notice: &mut Notice,
) -> Result<bool> {
    let scope = app.stripe.at(&row.stripe_account);
    let invoice: InvoiceView = scope.get(&invoices::retrieve_with_intents(invoice)).await?;
    let (state, _) = recovery::state(&invoice);
    let due = invoice.amount_due.unwrap_or(0);
    notice.amount = Some(money::display(due, &row.currency));
    notice.at = invoice.next_payment_attempt.map(Timestamp::from_seconds);
    let page = invoice.hosted_invoice_url.as_ref();
    notice.page = page.map(|page| page.expose_secret().to_owned());
    Ok(invoice.status.as_deref() == Some("open") && state == wanted && row.ended_at.is_none())
}

/// Whether a subscription is still paid by the card that expires. Of one that its buyer has saved with the seller they are told as of
/// all that are.
async fn add_card(
    app: &App,
    row: &subscription::Model,
    of: &str,
    notice: &mut Notice,
) -> Result<bool> {
    if row.ended_at.is_some() || end_of(row).is_some() {
        return Ok(false);
    }
    let scope = app.stripe.at(&row.stripe_account);
    let view: SubscriptionView = scope
        .get(&requests::retrieve(&row.stripe_subscription))
        .await?;
    let Some(card) = view
        .card()
        .filter(|card| expiry(card).as_deref() == Some(of))
    else {
        return Ok(false);
    };
    let saved = payment_method::Entity::find_by_id(card.id.clone())
        .filter(payment_method::Column::DetachedAt.is_null())
        .one(&app.db.read)
        .await?;
    notice.amount = card.last4().map(str::to_owned);
    Ok(saved.is_none())
}

async fn plan_in_words(app: &App, row: &subscription::Model) -> Result<String> {
    use subscription_item::Column as I;
    let items = subscription_item::Entity::find()
        .filter(I::SubscriptionId.eq(row.id.clone()))
        .order_by_asc(I::StripeItem)
        .all(&app.db.read)
        .await?;
    let mut text = String::new();
    for item in items {
        let product = match &item.product_id {
            Some(id) => {
                product::Entity::find_by_id(id.clone())
                    .one(&app.db.read)
                    .await?
            }
            None => None,
        };
        let name = product.map_or_else(|| item.stripe_price.clone(), |product| product.name);
        let price = item
            .unit_amount
            .map(|amount| money::display(amount, &row.currency));
        let price = price
            .map(|price| format!(", {price} each"))
            .unwrap_or_default();
        text += &format!("\n- {} × {name}{price}", item.quantity);
    }
    Ok(text)
}

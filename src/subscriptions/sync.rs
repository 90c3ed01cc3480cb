//! What Stripe says of a subscription, brought to our row. It is read again after each of its events, so that their order doesn't count.

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, Select,
};
use souk_entity::order::OrderStatus;
use souk_entity::subscription::{self, Column as C, PendingUpdate};
use souk_entity::{
    AccountId, JsonText, Timestamp, order, payment, payment_order, subscription_item,
};

use crate::app::App;
use crate::catalog::prices;
use crate::customers;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::ids;
use crate::jobs::{self, Job};
use crate::sellers;
use crate::stripe::requests::subscriptions as requests;
use crate::stripe::views::{Expandable, IdView, SubscriptionView};

use super::notices::{self, Before};
use super::{changes, endings, twice};

/// The most characters of one of Stripe's words.
const WORD: usize = 255;
/// How long after the end of its period a subscription is read again, if nothing was heard: Stripe makes the invoice at its end, and
/// collects an hour later.
const STALE_MS: i64 = 3 * 3_600_000;
/// How often one whose renewal is unpaid is read again, if nothing is heard.
const UNPAID_MS: i64 = 12 * 3_600_000;
/// How many are looked at by one sweep.
const SWEPT: u64 = 500;
/// Of an account that has disconnected nothing can be read.
const IS_CONNECTED: &str = "NOT EXISTS (SELECT 1 FROM sellers s \
    WHERE s.stripe_account = subscriptions.stripe_account AND s.deauthorized_at IS NOT NULL)";

/// The payments of a subscription, oldest first. There is none of one that is none of ours, or isn't confirmed yet.
pub(super) fn payments_of(id: &str, livemode: bool) -> Select<payment::Entity> {
    use payment::Column as P;
    payment::Entity::find()
        // As the index says it, word for word, so that SQLite sees that it will do.
        .filter(Expr::cust("subscription IS NOT NULL"))
        .filter(P::Subscription.eq(id))
        .filter(P::Livemode.eq(livemode))
        .order_by_asc(P::Id)
}

/// The job: re-reads a subscription from Stripe. It may be none of ours. One whose first order was not sold is ended there: its buyer
/// gets their money back, and would go on paying.
///
/// # Errors
/// Stripe has not answered or refuses.
pub async fn sync(app: &App, account: &AccountId, livemode: bool, id: &str) -> Result<()> {
    if app.stripe.livemode() != livemode {
        return Ok(());
    }
    mirror(app, account, livemode, id).await?;
    let row = by_stripe_id(&app.db.read, (account, livemode), id).await?;
    match row {
        Some(row) if row.ended_at.is_none() && was_not_sold(app, &row).await? => {
            // Twice does no harm, so each request has a new key: under an old one Stripe could repeat a saved 500.
            let key = format!("end:{}", ids::random_token());
            let scope = app.stripe.at(account);
            let _: SubscriptionView = scope.post(&requests::cancel(id), &key).await?;
            mirror(app, account, livemode, id).await
        }
        _ => Ok(()),
    }
}

/// A subscription by Stripe's id.
pub(super) async fn by_stripe_id<D: ConnectionTrait>(
    db: &D,
    (account, livemode): (&AccountId, bool),
    id: &str,
) -> Result<Option<subscription::Model>> {
    Ok(of_stripe_id(account, livemode, id).one(db).await?)
}

fn of_stripe_id(account: &AccountId, livemode: bool, id: &str) -> Select<subscription::Entity> {
    subscription::Entity::find()
        .filter(C::StripeSubscription.eq(id))
        .filter(C::StripeAccount.eq(account.clone()))
        .filter(C::Livemode.eq(livemode))
}

/// Whether the order with which it began was sold out, or had ended before it was paid.
async fn was_not_sold(app: &App, row: &subscription::Model) -> Result<bool> {
    let order = order::Entity::find_by_id(row.order_id.clone());
    let order = order.one(&app.db.read).await?;
    Ok(order.is_some_and(|order| {
        order.refund_reason.is_some() || order.status == OrderStatus::CancelledSoldOut
    }))
}

/// Reads a subscription, and brings it to its row.
async fn mirror(app: &App, account: &AccountId, livemode: bool, id: &str) -> Result<()> {
    let asked_at = app.clock.now();
    let view: SubscriptionView = app.stripe.at(account).get(&requests::retrieve(id)).await?;
    let tx = app.db.begin_write().await?;
    let Some(row) = lock_or_insert(&tx, (account, livemode), &view).await? else {
        return tx.commit().await;
    };
    let is_new = row.asked_at == Timestamp::default();
    if row.asked_at <= asked_at {
        write(&tx, row, &view, asked_at).await?;
    }
    if let Some(invoice) = &view.latest_invoice {
        // The events of the first one came before anybody knew whose it is.
        let at = match is_new {
            true => tx.now(),
            false => tx.now().plus_ms(STALE_MS),
        };
        look_at(&tx, (account, livemode), invoice.id(), at).await?;
    }
    jobs::wake_deferred(&tx, &view.id).await?;
    tx.commit().await
}

/// Makes a row what Stripe shows, and stages what follows from what is new.
async fn write(
    tx: &Tx,
    row: subscription::Model,
    view: &SubscriptionView,
    asked_at: Timestamp,
) -> Result<()> {
    use subscription_item::Column as I;
    let of_it = I::SubscriptionId.eq(row.id.clone());
    let known = subscription_item::Entity::find().filter(of_it.clone());
    let before = Before {
        items: known.all(tx).await?,
        row,
    };
    let items = items_of(tx, &before.row, view).await?;
    let mut shown = show(before.row.clone(), view, asked_at, tx.now());
    shown.pending_update = pending_update(tx, &before.row, view).await?;
    shown.card_expires = view.card().and_then(notices::expiry);
    let seller = sellers::find(tx, &shown.seller_id).await?;
    let seller = seller.ok_or_else(|| Error::internal("a subscription of no seller"))?;
    let ahead = notices::look_ahead(&mut shown, &seller, tx.now());
    subscription::Entity::update(shown.clone().into_active_model().reset_all())
        .exec(tx)
        .await?;
    subscription_item::Entity::delete_many()
        .filter(of_it)
        .exec(tx)
        .await?;
    if !items.is_empty() {
        let items = items.iter().cloned();
        let items = items.map(IntoActiveModel::into_active_model);
        subscription_item::Entity::insert_many(items)
            .exec_without_returning(tx)
            .await?;
    }
    notices::tell(tx, &before, (&shown, &items), view).await?;
    jobs::stage_all(tx, ahead.as_slice()).await?;
    match (before.row.ended_at, shown.ended_at) {
        (None, Some(_)) => {
            endings::resolve(tx, &shown).await?;
            twice::resolve(tx, &shown).await
        }
        (None, None) if before.row.status.is_empty() => twice::look(tx, &shown).await,
        _ => Ok(()),
    }
}

/// The change that waits at Stripe, with our prices where they are ours.
async fn pending_update(
    tx: &Tx,
    row: &subscription::Model,
    view: &SubscriptionView,
) -> Result<Option<JsonText<PendingUpdate>>> {
    let Some(mut pending) = changes::pending_of(view) else {
        return Ok(None);
    };
    for item in &mut pending.items {
        let at = (&row.stripe_account, row.livemode);
        let ours = prices::at_stripe::by_stripe_id(tx, at, &item.price).await?;
        item.price_id = ours.map(|price| price.id);
    }
    Ok(Some(JsonText(pending)))
}

/// Has an invoice read: when it should have been paid, in case nothing is heard of it.
async fn look_at(
    tx: &Tx,
    (account, livemode): (&AccountId, bool),
    invoice: &str,
    at: Timestamp,
) -> Result<()> {
    let job = Job::SyncInvoice {
        account: account.clone(),
        livemode,
        invoice: invoice.to_owned(),
    };
    jobs::stage_at(tx, &job, at).await
}

/// The row of a subscription, locked. It is written now if it began with a payment of ours. None: it is none of ours.
async fn lock_or_insert(
    tx: &Tx,
    (account, livemode): (&AccountId, bool),
    view: &SubscriptionView,
) -> Result<Option<subscription::Model>> {
    let locked = || {
        of_stripe_id(account, livemode, &view.id)
            .lock_exclusive()
            .one(tx)
    };
    if let Some(row) = locked().await? {
        return Ok(Some(row));
    }
    let Some(order) = first_order(tx, account, livemode, &view.id).await? else {
        return Ok(None);
    };
    let stripe_customer = view.customer.as_ref().map(Expandable::<IdView>::id);
    let customer = match stripe_customer {
        Some(id) => customers::by_stripe_id(tx, account, livemode, id).await?,
        None => None,
    };
    // One that was deleted at Stripe has ended there, and was its buyer's all the same.
    let customer = match customer {
        Some(customer) => Some(customer),
        None => customers::of_order(tx, (account, livemode), &order).await?,
    };
    let customer = customer
        .ok_or_else(|| Error::internal(format!("{} is of no customer of ours", view.id)))?;
    let row = subscription::Model {
        id: ids::new(tx.now()),
        stripe_subscription: view.id.clone(),
        stripe_account: account.clone(),
        livemode,
        seller_id: order.seller_id,
        customer_id: customer.id,
        order_id: order.id,
        status: String::new(),
        currency: order.currency,
        current_period_start: None,
        current_period_end: None,
        trial_end: None,
        cancel_at: None,
        cancel_at_period_end: false,
        canceled_at: None,
        ended_at: None,
        latest_invoice: None,
        pending_setup_intent: None,
        pending_update: None,
        notice_due_at: None,
        noticed_end: None,
        card_expires: None,
        asked_at: Timestamp::default(),
        created_at: tx.now(),
        updated_at: tx.now(),
    };
    let once = OnConflict::columns([C::StripeSubscription, C::StripeAccount, C::Livemode])
        .do_nothing()
        .to_owned();
    let inserted = subscription::Entity::insert(row.into_active_model())
        .on_conflict(once)
        .exec_without_returning(tx)
        .await;
    db::inserted(inserted)?;
    Ok(locked().await?)
}

/// The order with which a subscription began.
async fn first_order(
    tx: &Tx,
    account: &AccountId,
    livemode: bool,
    id: &str,
) -> Result<Option<order::Model>> {
    let here = payment::Column::ChargeAccount.eq(account.clone());
    let first = payments_of(id, livemode).filter(here).one(tx).await?;
    let Some(first) = first else {
        return Ok(None);
    };
    let link = payment_order::Entity::find()
        .filter(payment_order::Column::PaymentId.eq(first.id))
        .one(tx)
        .await?;
    let Some(link) = link else {
        return Ok(None);
    };
    Ok(order::Entity::find_by_id(link.order_id).one(tx).await?)
}

fn show(
    row: subscription::Model,
    view: &SubscriptionView,
    asked_at: Timestamp,
    now: Timestamp,
) -> subscription::Model {
    let at = |seconds: Option<i64>| seconds.map(Timestamp::from_seconds);
    let items = view.items.iter().flat_map(|items| &items.data);
    let begins = items.clone().filter_map(|item| item.current_period_start);
    let ends = items.filter_map(|item| item.current_period_end);
    subscription::Model {
        status: db::fit(view.status.as_deref().unwrap_or_default(), WORD),
        current_period_start: at(begins.max()),
        current_period_end: at(ends.min()),
        trial_end: at(view.trial_end),
        cancel_at: at(view.cancel_at),
        cancel_at_period_end: view.cancel_at_period_end,
        canceled_at: at(view.canceled_at),
        ended_at: at(view.ended_at),
        latest_invoice: view
            .latest_invoice
            .as_ref()
            .map(|invoice| invoice.id().to_owned()),
        pending_setup_intent: view
            .pending_setup_intent
            .as_ref()
            .map(|intent| intent.id().to_owned()),
        asked_at,
        updated_at: now,
        ..row
    }
}

/// What a subscription is of, as Stripe says, with our prices where they are ours.
async fn items_of(
    tx: &Tx,
    row: &subscription::Model,
    view: &SubscriptionView,
) -> Result<Vec<subscription_item::Model>> {
    let at = (&row.stripe_account, row.livemode);
    let mut items = Vec::new();
    for item in view.items.iter().flat_map(|items| &items.data) {
        let ours = prices::at_stripe::by_stripe_id(tx, at, &item.price.id).await?;
        items.push(subscription_item::Model {
            subscription_id: row.id.clone(),
            stripe_item: item.id.clone(),
            stripe_price: item.price.id.clone(),
            product_id: ours.as_ref().map(|price| price.product_id.clone()),
            price_id: ours.map(|price| price.id),
            unit_amount: item.price.unit_amount,
            quantity: item.quantity.unwrap_or(1),
        });
    }
    Ok(items)
}

/// The job: re-reads subscriptions whose period is over, and of which nothing was heard since; and those whose renewal is unpaid, since
/// Stripe tries it again on days of the account's choice.
///
/// # Errors
/// The database failed.
pub async fn sweep(app: &App) -> Result<()> {
    let tx = app.db.begin_write().await?;
    let unheard = |since_ms: i64| {
        subscription::Entity::find()
            .filter(C::AskedAt.lt(tx.now().plus_ms(-since_ms)))
            .filter(C::Livemode.eq(app.stripe.livemode()))
            .filter(Expr::cust(IS_CONNECTED))
            .order_by_asc(C::AskedAt)
            .limit(SWEPT)
    };
    // As the indexes say it, word for word, so that SQLite sees that they will do. The period of one that is paused or unpaid stays
    // over: it lets the others have their turn.
    let over = unheard(STALE_MS)
        .filter(Expr::cust("ended_at IS NULL"))
        .filter(C::CurrentPeriodEnd.lt(tx.now().plus_ms(-STALE_MS)));
    let mut stale = over.all(&tx).await?;
    let unpaid = unheard(UNPAID_MS).filter(Expr::cust("status = 'past_due'"));
    stale.extend(unpaid.all(&tx).await?);
    let jobs: Vec<Job> = stale.into_iter().map(job).collect();
    jobs::stage_all(&tx, &jobs).await?;
    tx.commit().await
}

fn job(row: subscription::Model) -> Job {
    Job::SyncSubscription {
        account: row.stripe_account,
        livemode: row.livemode,
        subscription: row.stripe_subscription,
    }
}

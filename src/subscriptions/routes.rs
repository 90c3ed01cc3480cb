//! Subscriptions over HTTP.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use sea_orm::sea_query::Query;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use souk_entity::subscription::{self, Column as C, PendingUpdate};
use souk_entity::subscription_change::ChangedItem;
use souk_entity::{
    CustomerId, OrderId, PriceId, ProductId, SellerId, SubscriptionId, Timestamp, customer,
    subscription_item,
};
use validator::Validate;

use crate::app::App;
use crate::customers;
use crate::error::{Error, Result};
use crate::http::{
    Answer, Empty, Filters, IdempotentJson, List, Path, ValidJson, deserialize_some, page_by_time,
};
use crate::identity::Buyer;
use crate::payments::checkout::origin::Origin;
use crate::payments::intents::declines::LastError;
use crate::payments::invoices::first::NewSubscription;
use crate::stripe::views::{InvoiceLineView, InvoiceView};
use crate::{catalog, money, sellers};

use super::access::{self, Access};
use super::changes::{self, NewChange};
use super::recovery::{self, PaymentState};
use super::starting::{self, ToConfirm};
use super::{End, pausing, seen_by};

/// The room's routes.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/subscriptions", get(list).post(begin))
        .route("/v1/subscriptions/{id}", get(read))
        .route("/v1/subscriptions/{id}/access", get(read_access))
        .route("/v1/subscriptions/{id}/cancel", post(cancel))
        .route("/v1/subscriptions/{id}/change", post(change))
        .route("/v1/subscriptions/{id}/pause", post(pause))
        .route("/v1/subscriptions/{id}/pay", post(pay))
        .route("/v1/subscriptions/{id}/preview", post(preview))
        .route("/v1/subscriptions/{id}/resume", post(resume))
        .route("/v1/products/{id}/access", get(read_product_access))
}

#[derive(Serialize)]
struct SubscriptionResource {
    id: String,
    object: &'static str,
    seller_id: SellerId,
    customer_id: CustomerId,
    /// With which it began.
    order_id: OrderId,
    status: String,
    livemode: bool,
    currency: String,
    items: Vec<ItemView>,
    current_period_start: Option<Timestamp>,
    current_period_end: Option<Timestamp>,
    trial_end: Option<Timestamp>,
    cancel_at: Option<Timestamp>,
    cancel_at_period_end: bool,
    canceled_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    latest_invoice: Option<String>,
    pending_update: Option<PendingUpdateView>,
    #[serde(flatten)]
    to_confirm: ToConfirm,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A change that waits for its invoice to be paid.
#[derive(Serialize)]
struct PendingUpdateView {
    items: Vec<PendingItemView>,
    expires_at: Timestamp,
}

#[derive(Serialize)]
struct PendingItemView {
    id: Option<String>,
    price_id: Option<PriceId>,
    stripe_price: String,
    quantity: i64,
}

impl PendingUpdateView {
    fn of(pending: PendingUpdate) -> Self {
        let item = |item: ChangedItem| PendingItemView {
            id: item.item,
            price_id: item.price_id,
            stripe_price: item.price,
            quantity: item.quantity,
        };
        Self {
            items: pending.items.into_iter().map(item).collect(),
            expires_at: pending.expires_at,
        }
    }
}

#[derive(Serialize)]
struct ItemView {
    id: String,
    price_id: Option<PriceId>,
    product_id: Option<ProductId>,
    stripe_price: String,
    unit_amount: Option<i64>,
    quantity: i64,
}

/// Subscriptions with their items, in the same order.
async fn views(app: &App, rows: Vec<subscription::Model>) -> Result<Vec<SubscriptionResource>> {
    use subscription_item::Column as I;
    let ids = rows.iter().map(|row| row.id.clone());
    let found = subscription_item::Entity::find()
        .filter(I::SubscriptionId.is_in(ids))
        .order_by_asc(I::StripeItem)
        .all(&app.db.read)
        .await?;
    let mut items: BTreeMap<SubscriptionId, Vec<ItemView>> = BTreeMap::new();
    for item in found {
        let view = ItemView {
            id: item.stripe_item,
            price_id: item.price_id,
            product_id: item.product_id,
            stripe_price: item.stripe_price,
            unit_amount: item.unit_amount,
            quantity: item.quantity,
        };
        items.entry(item.subscription_id).or_default().push(view);
    }
    let view = |row: subscription::Model| SubscriptionResource {
        items: items.remove(&row.id).unwrap_or_default(),
        id: row.stripe_subscription,
        object: "subscription",
        seller_id: row.seller_id,
        customer_id: row.customer_id,
        order_id: row.order_id,
        status: row.status,
        livemode: row.livemode,
        currency: row.currency,
        current_period_start: row.current_period_start,
        current_period_end: row.current_period_end,
        trial_end: row.trial_end,
        cancel_at: row.cancel_at,
        cancel_at_period_end: row.cancel_at_period_end,
        canceled_at: row.canceled_at,
        ended_at: row.ended_at,
        latest_invoice: row.latest_invoice,
        pending_update: row.pending_update.map(|it| PendingUpdateView::of(it.0)),
        to_confirm: ToConfirm::default(),
        created_at: row.created_at,
        updated_at: row.updated_at,
    };
    Ok(rows.into_iter().map(view).collect())
}

async fn shown(app: &App, row: subscription::Model) -> Answer<SubscriptionResource> {
    let view = views(app, vec![row]).await?.pop();
    let view = view.ok_or_else(|| Error::internal("a subscription without a view"))?;
    Ok(Json(view))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubscriptionFilters {
    /// One of the caller's sellers: those who have subscribed with it. None: what the caller has subscribed to.
    seller_id: Option<SellerId>,
}

async fn list(
    State(app): State<App>,
    buyer: Buyer,
    Filters(filters, paging): Filters<SubscriptionFilters>,
) -> Answer<List<SubscriptionResource>> {
    let db = &app.db.read;
    let query = subscription::Entity::find().filter(C::Livemode.eq(app.stripe.livemode()));
    let query = match (&filters.seller_id, buyer.user()) {
        (Some(id), Some(caller)) => {
            let seller = sellers::owned(db, caller, id, "seller_id").await?;
            query.filter(C::SellerId.eq(seller.id))
        }
        (Some(_), None) => return Err(Error::no_such("seller", "seller_id")),
        (None, _) => {
            let mut own = Query::select();
            own.column(customer::Column::Id)
                .from(customer::Entity)
                .and_where(customers::theirs(&buyer));
            query.filter(C::CustomerId.in_subquery(own))
        }
    };
    let (rows, has_more) = page_by_time(
        query.clone(),
        query,
        &paging,
        (C::CreatedAt, C::StripeSubscription),
        db,
    )
    .await?;
    let views = views(&app, rows).await?;
    Ok(Json(paging.list((views, has_more), |view| view)))
}

/// For the buyer, the seller's owner and admins; 404 for anyone else.
async fn read(
    State(app): State<App>,
    buyer: Buyer,
    Path(id): Path<String>,
) -> Answer<SubscriptionResource> {
    let seen = seen_by(&app, &buyer, &id).await?;
    let to_confirm = starting::to_confirm(&app, &seen).await?;
    let Json(view) = shown(&app, seen.row).await?;
    Ok(Json(SubscriptionResource { to_confirm, ..view }))
}

async fn begin(
    State(app): State<App>,
    buyer: Buyer,
    origin: Origin,
    request: IdempotentJson<NewSubscription>,
) -> Result<Response> {
    let may_resume = request.may_resume();
    let work = async |id: OrderId, new: NewSubscription| {
        let new = NewSubscription { origin, ..new };
        let (row, to_confirm) = starting::begin(&app, &buyer, id, may_resume, new).await?;
        let Json(view) = shown(&app, row).await?;
        Ok(SubscriptionResource { to_confirm, ..view })
    };
    request.once(&app, &buyer.principal(), work).await
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct Cancellation {
    /// Whether it ends with the period that is paid; by default it does.
    #[serde(default = "yes")]
    at_period_end: bool,
}

fn yes() -> bool {
    true
}

async fn cancel(
    State(app): State<App>,
    buyer: Buyer,
    Path(id): Path<String>,
    ValidJson(body): ValidJson<Cancellation>,
) -> Answer<SubscriptionResource> {
    let end = match body.at_period_end {
        true => End::WithPeriod,
        false => End::Now,
    };
    let seen = seen_by(&app, &buyer, &id).await?;
    shown(&app, super::cancel(&app, seen, end).await?).await
}

async fn resume(
    State(app): State<App>,
    buyer: Buyer,
    Path(id): Path<String>,
    ValidJson(Empty {}): ValidJson<Empty>,
) -> Answer<SubscriptionResource> {
    let seen = seen_by(&app, &buyer, &id).await?;
    shown(&app, super::resume(&app, seen).await?).await
}

/// Pauses it, for the buyer, the seller's owner and admins.
async fn pause(
    State(app): State<App>,
    buyer: Buyer,
    Path(id): Path<String>,
    ValidJson(Empty {}): ValidJson<Empty>,
) -> Answer<SubscriptionResource> {
    let seen = seen_by(&app, &buyer, &id).await?;
    shown(&app, pausing::pause(&app, seen).await?).await
}

/// For the buyer and admins: 403 for the seller's owner.
async fn change(
    State(app): State<App>,
    buyer: Buyer,
    Path(id): Path<String>,
    request: IdempotentJson<NewChange>,
) -> Result<Response> {
    let seen = seen_by(&app, &buyer, &id).await?.for_buyers()?;
    let may_resume = request.may_resume();
    // The key is of this subscription: the route alone names none.
    let principal = format!("{} {}", buyer.principal(), seen.row.id);
    let work = async |change, new: NewChange| {
        let row = changes::change(&app, seen, change, may_resume, new).await?;
        Ok(shown(&app, row).await?.0)
    };
    request.once(&app, &principal, work).await
}

#[derive(Serialize)]
struct PreviewView {
    object: &'static str,
    subscription_id: String,
    currency: String,
    proration_date: Option<Timestamp>,
    due_now: InvoicePart,
    renewal: InvoicePart,
    renews_at: Option<Timestamp>,
}

/// An invoice, or what it comes to without the lines that another one has.
#[derive(Serialize)]
struct InvoicePart {
    amount_due: i64,
    total: i64,
    lines: Vec<LineView>,
}

#[derive(Serialize)]
struct LineView {
    description: Option<String>,
    amount: i64,
    quantity: Option<i64>,
    proration: bool,
    period_start: Option<Timestamp>,
    period_end: Option<Timestamp>,
}

impl InvoicePart {
    fn none() -> Self {
        Self {
            amount_due: 0,
            total: 0,
            lines: Vec::new(),
        }
    }

    fn of(invoice: &InvoiceView, without_prorations: bool) -> Result<Self> {
        let (mut due, mut total) = (invoice.amount_due.unwrap_or(0), invoice.total.unwrap_or(0));
        let lines = invoice.lines.iter().flat_map(|lines| &lines.data);
        let is_apart = |line: &&InvoiceLineView| without_prorations && line.is_proration();
        let (apart, lines): (Vec<_>, Vec<_>) = lines.partition(is_apart);
        for line in apart {
            total = money::sub(total, line.amount)?;
            due = total.max(0);
        }
        Ok(Self {
            amount_due: due,
            total,
            lines: lines.into_iter().map(LineView::of).collect(),
        })
    }
}

impl LineView {
    fn of(line: &InvoiceLineView) -> Self {
        let at = Timestamp::from_seconds;
        let period = line.period.as_ref();
        Self {
            description: line.description.clone(),
            amount: line.amount,
            quantity: line.quantity,
            proration: line.is_proration(),
            period_start: period.and_then(|period| period.start).map(at),
            period_end: period.and_then(|period| period.end).map(at),
        }
    }
}

/// For the buyer, the seller's owner and admins.
async fn preview(
    State(app): State<App>,
    buyer: Buyer,
    Path(id): Path<String>,
    ValidJson(body): ValidJson<NewChange>,
) -> Answer<PreviewView> {
    let seen = seen_by(&app, &buyer, &id).await?;
    let (subscription_id, currency) = (id, seen.row.currency.clone());
    let of = changes::preview(&app, seen, body).await?;
    let due_now = of
        .now
        .as_ref()
        .map(|invoice| InvoicePart::of(invoice, false));
    Ok(Json(PreviewView {
        object: "subscription_preview",
        subscription_id,
        currency,
        proration_date: of.proration_date,
        due_now: due_now.transpose()?.unwrap_or_else(InvoicePart::none),
        renewal: InvoicePart::of(&of.renewal, of.without_prorations)?,
        renews_at: of.renews_at,
    }))
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct InvoicePayment {
    /// A card that the buyer has saved with the seller, which pays the later invoices, too. By default the one of before.
    #[serde(default, deserialize_with = "deserialize_some")]
    payment_method: Option<String>,
}

#[derive(Serialize)]
struct SubscriptionPaymentView {
    object: &'static str,
    subscription_id: String,
    /// The subscription's, after it.
    subscription_status: String,
    invoice: String,
    status: PaymentState,
    currency: String,
    amount_due: i64,
    hosted_invoice_url: Option<String>,
    last_error: Option<LastError>,
}

/// For the buyer alone.
async fn pay(
    State(app): State<App>,
    buyer: Buyer,
    Path(id): Path<String>,
    ValidJson(body): ValidJson<InvoicePayment>,
) -> Answer<SubscriptionPaymentView> {
    let seen = seen_by(&app, &buyer, &id).await?;
    let method = body.payment_method.as_deref();
    let (row, payment) = recovery::pay(&app, seen, method).await?;
    let is_open = payment.status != PaymentState::Paid;
    let page = payment.invoice.hosted_invoice_url.as_ref();
    let page = page.map(|page| page.expose_secret().to_owned());
    Ok(Json(SubscriptionPaymentView {
        object: "subscription_payment",
        subscription_id: row.stripe_subscription,
        subscription_status: row.status,
        invoice: payment.invoice.id,
        status: payment.status,
        currency: row.currency,
        amount_due: payment.invoice.amount_due.filter(|_| is_open).unwrap_or(0),
        hosted_invoice_url: page.filter(|_| is_open),
        last_error: payment.decline.map(LastError::for_buyers),
    }))
}

#[derive(Serialize)]
struct AccessView {
    object: &'static str,
    entitled: bool,
    until: Option<Timestamp>,
    reason: &'static str,
    subscription_id: Option<String>,
    status: Option<String>,
}

impl AccessView {
    fn of(access: Access, row: Option<subscription::Model>) -> Self {
        Self {
            object: "access",
            entitled: access.entitled,
            until: access.until,
            reason: access.reason,
            status: row.as_ref().map(|row| row.status.clone()),
            subscription_id: row.map(|row| row.stripe_subscription),
        }
    }
}

async fn read_access(
    State(app): State<App>,
    buyer: Buyer,
    Path(id): Path<String>,
) -> Answer<AccessView> {
    let seen = seen_by(&app, &buyer, &id).await?;
    let access = access::of(&seen.row, access::grace_ms(&seen.seller), app.clock.now());
    Ok(Json(AccessView::of(access, Some(seen.row))))
}

/// Whether the caller may use a product, by whichever of their subscriptions entitles them the longest.
async fn read_product_access(
    State(app): State<App>,
    buyer: Buyer,
    Path(id): Path<ProductId>,
) -> Answer<AccessView> {
    let found = catalog::products(&app.db.read, std::slice::from_ref(&id)).await?;
    let (_, seller) = found.into_iter().next().ok_or(Error::NotFound("product"))?;
    let (grace, now) = (access::grace_ms(&seller), app.clock.now());
    let rows = super::of_product(&app, &buyer, &id).await?;
    let all = rows
        .into_iter()
        .map(|row| (access::of(&row, grace, now), row));
    let best = all.max_by_key(|(access, row)| {
        let forever = access.entitled && access.until.is_none();
        (access.entitled, forever, access.until, row.created_at)
    });
    Ok(Json(match best {
        Some((access, row)) => AccessView::of(access, Some(row)),
        None => AccessView::of(access::none(), None),
    }))
}

//! Invoices of subscriptions over HTTP.

use std::collections::HashMap;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ColumnTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, Select};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use souk_entity::invoice::{self, Column as C};
use souk_entity::{
    AccountId, CustomerId, OrderId, SellerId, SubscriptionId, Timestamp, customer, payment,
    payment_order, subscription,
};

use crate::app::App;
use crate::customers;
use crate::error::{Error, Result};
use crate::http::{Answer, Filters, List, Path, check_stripe_id, page_by_time};
use crate::identity::Buyer;
use crate::sellers;
use crate::stripe::views::InvoiceView;

/// The routes of invoices.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/invoices", get(list))
        .route("/v1/invoices/{id}", get(read))
}

#[derive(Serialize)]
struct InvoiceResource {
    id: String,
    object: &'static str,
    subscription_id: String,
    seller_id: SellerId,
    customer_id: CustomerId,
    /// None: nothing was collected, or not by a payment of ours.
    order_id: Option<OrderId>,
    number: Option<String>,
    status: String,
    billing_reason: Option<String>,
    livemode: bool,
    currency: String,
    subtotal: i64,
    total: i64,
    amount_due: i64,
    amount_paid: i64,
    amount_paid_off_stripe: i64,
    amount_remaining: i64,
    paid_out_of_band: bool,
    payment_intent: Option<String>,
    attempt_count: i64,
    next_payment_attempt: Option<Timestamp>,
    period_start: Option<Timestamp>,
    period_end: Option<Timestamp>,
    due_date: Option<Timestamp>,
    finalized_at: Option<Timestamp>,
    paid_at: Option<Timestamp>,
    voided_at: Option<Timestamp>,
    marked_uncollectible_at: Option<Timestamp>,
    /// For the seller and admins.
    finalization_error: Option<String>,
    hosted_invoice_url: Option<String>,
    invoice_pdf: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// What stands in other tables of some invoices.
struct Related {
    subscriptions: HashMap<SubscriptionId, String>,
    /// By account and invoice.
    orders: HashMap<(AccountId, String), OrderId>,
}

impl Related {
    async fn find(app: &App, rows: &[invoice::Model]) -> Result<Self> {
        if rows.is_empty() {
            return Ok(Self {
                subscriptions: HashMap::new(),
                orders: HashMap::new(),
            });
        }
        let db = &app.db.read;
        let of = rows.iter().map(|row| row.subscription_id.clone());
        let subscriptions = subscription::Entity::find()
            .filter(subscription::Column::Id.is_in(of))
            .all(db)
            .await?;
        let share = payment::Entity::belongs_to(payment_order::Entity)
            .from(payment::Column::Id)
            .to(payment_order::Column::PaymentId);
        let ids = rows.iter().map(|row| row.stripe_invoice.as_str());
        let orders: Vec<(AccountId, String, OrderId)> = payment::Entity::find()
            .join(JoinType::InnerJoin, share.into())
            // As the index says it, word for word, so that SQLite sees that it will do.
            .filter(Expr::cust("stripe_invoice IS NOT NULL"))
            .filter(payment::Column::StripeInvoice.is_in(ids))
            .filter(payment::Column::Livemode.eq(app.stripe.livemode()))
            .order_by_asc(payment_order::Column::OrderId)
            .select_only()
            .column(payment::Column::ChargeAccount)
            .column(payment::Column::StripeInvoice)
            .column(payment_order::Column::OrderId)
            .into_tuple()
            .all(db)
            .await?;
        let subscriptions = subscriptions.into_iter();
        let orders = orders.into_iter();
        Ok(Self {
            subscriptions: subscriptions
                .map(|row| (row.id, row.stripe_subscription))
                .collect(),
            orders: orders
                .map(|(account, invoice, order)| ((account, invoice), order))
                .collect(),
        })
    }

    fn view(&self, row: invoice::Model, is_seller: bool) -> InvoiceResource {
        let of = (row.stripe_account.clone(), row.stripe_invoice.clone());
        let subscription = self.subscriptions.get(&row.subscription_id);
        InvoiceResource {
            object: "invoice",
            subscription_id: subscription.cloned().unwrap_or_default(),
            order_id: self.orders.get(&of).cloned(),
            paid_out_of_band: row.status == "paid" && row.amount_paid_off_stripe > 0,
            finalization_error: row.finalization_error.filter(|_| is_seller),
            hosted_invoice_url: None,
            invoice_pdf: None,
            id: row.stripe_invoice,
            seller_id: row.seller_id,
            customer_id: row.customer_id,
            number: row.number,
            status: row.status,
            billing_reason: row.billing_reason,
            livemode: row.livemode,
            currency: row.currency,
            subtotal: row.subtotal,
            total: row.total,
            amount_due: row.amount_due,
            amount_paid: row.amount_paid,
            amount_paid_off_stripe: row.amount_paid_off_stripe,
            amount_remaining: row.amount_remaining,
            payment_intent: row.payment_intent,
            attempt_count: row.attempt_count,
            next_payment_attempt: row.next_payment_attempt,
            period_start: row.period_start,
            period_end: row.period_end,
            due_date: row.due_date,
            finalized_at: row.finalized_at,
            paid_at: row.paid_at,
            voided_at: row.voided_at,
            marked_uncollectible_at: row.marked_uncollectible_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InvoiceFilters {
    /// One of the caller's sellers: what it bills. None: what the caller is billed, and for admins all.
    seller_id: Option<SellerId>,
    /// Stripe's id.
    subscription_id: Option<String>,
    status: Option<InvoiceStatus>,
}

/// As Stripe has them.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum InvoiceStatus {
    Draft,
    Open,
    Paid,
    Uncollectible,
    Void,
}

impl InvoiceStatus {
    fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Open => "open",
            Self::Paid => "paid",
            Self::Uncollectible => "uncollectible",
            Self::Void => "void",
        }
    }
}

/// The invoices that somebody may list, and whether as their seller.
async fn visible(
    app: &App,
    buyer: &Buyer,
    seller: Option<&SellerId>,
) -> Result<(Select<invoice::Entity>, bool)> {
    let query = invoice::Entity::find().filter(C::Livemode.eq(app.stripe.livemode()));
    match (seller, buyer.user()) {
        (Some(id), Some(caller)) => {
            let seller = sellers::owned(&app.db.read, caller, id, "seller_id").await?;
            Ok((query.filter(C::SellerId.eq(seller.id)), true))
        }
        (Some(_), None) => Err(Error::no_such("seller", "seller_id")),
        (None, Some(caller)) if caller.is_admin() => Ok((query, true)),
        (None, _) => {
            let mut own = Query::select();
            own.column(customer::Column::Id)
                .from(customer::Entity)
                .and_where(customers::theirs(buyer));
            Ok((query.filter(C::CustomerId.in_subquery(own)), false))
        }
    }
}

async fn list(
    State(app): State<App>,
    buyer: Buyer,
    Filters(filters, paging): Filters<InvoiceFilters>,
) -> Answer<List<InvoiceResource>> {
    let (visible, is_seller) = visible(&app, &buyer, filters.seller_id.as_ref()).await?;
    let mut query = visible.clone();
    if let Some(id) = &filters.subscription_id {
        check_stripe_id("subscription_id", "sub_", id)?;
        let mut of = Query::select();
        of.column(subscription::Column::Id)
            .from(subscription::Entity)
            .and_where(subscription::Column::StripeSubscription.eq(id.as_str()));
        query = query.filter(C::SubscriptionId.in_subquery(of));
    }
    if let Some(status) = filters.status {
        query = query.filter(C::Status.eq(status.as_str()));
    }
    let by = (C::CreatedAt, C::StripeInvoice);
    let (rows, has_more) = page_by_time(query, visible, &paging, by, &app.db.read).await?;
    let related = Related::find(&app, &rows).await?;
    let view = |row| related.view(row, is_seller);
    Ok(Json(paging.list((rows, has_more), view)))
}

async fn find(app: &App, id: &str) -> Result<invoice::Model> {
    let row = invoice::Entity::find()
        .filter(C::StripeInvoice.eq(id))
        .filter(C::Livemode.eq(app.stripe.livemode()))
        .one(&app.db.read)
        .await?;
    row.ok_or(Error::NotFound("invoice"))
}

/// For the buyer, the seller's owner and admins; 404 for anyone else. Stripe is asked for the links to its page and its file, which
/// let whoever has them pay, and are kept nowhere.
async fn read(
    State(app): State<App>,
    buyer: Buyer,
    Path(id): Path<String>,
) -> Answer<InvoiceResource> {
    let row = find(&app, &id).await?;
    let is_seller = is_seller(&app, &buyer, &row).await?;
    let customer = customers::find(&app.db.read, &row.customer_id).await?;
    if !is_seller && !customer.is_some_and(|one| customers::is_of(&one, &buyer)) {
        return Err(Error::NotFound("invoice"));
    }
    let read = super::read(&app, &row.stripe_account, row.livemode, &id).await;
    let asked: Option<InvoiceView> = match read {
        Ok((view, _)) => Some(view),
        // What is known is shown without the links.
        Err(Error::AccessLost { .. } | Error::StripeRefused(_) | Error::StripeUnavailable(_)) => {
            None
        }
        Err(e) => return Err(e),
    };
    let row = find(&app, &id).await?;
    let related = Related::find(&app, std::slice::from_ref(&row)).await?;
    let mut view = related.view(row, is_seller);
    if let Some(asked) = asked {
        let link = |secret: secrecy::SecretString| secret.expose_secret().to_owned();
        view.hosted_invoice_url = asked.hosted_invoice_url.map(link);
        view.invoice_pdf = asked.invoice_pdf.map(link);
    }
    Ok(Json(view))
}

async fn is_seller(app: &App, buyer: &Buyer, row: &invoice::Model) -> Result<bool> {
    let Some(caller) = buyer.user() else {
        return Ok(false);
    };
    match sellers::owned(&app.db.read, caller, &row.seller_id, "id").await {
        Ok(_) => Ok(true),
        Err(Error::NoSuch { .. }) => Ok(false),
        Err(e) => Err(e),
    }
}

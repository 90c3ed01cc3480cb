//! Subscriptions: what buyers pay sellers for again and again. Stripe bills them; a row shows what it last said, and answers who may
//! use what they have subscribed to.

mod access;
mod changes;
pub mod endings;
pub mod events;
pub mod notices;
mod pausing;
pub mod portal;
mod recovery;
pub mod routes;
mod starting;
mod sync;
mod twice;

use sea_orm::{ColumnTrait, DerivePartialModel, EntityTrait, JoinType, QueryFilter, QuerySelect};
use serde_json::json;
use souk_entity::subscription::{self, Column as C};
use souk_entity::{ProductId, customer, seller, subscription_item};

use crate::app::App;
use crate::audit;
use crate::customers;
use crate::error::{Error, Result};
use crate::identity::{Buyer, Caller};
use crate::ids;
use crate::stripe::requests::subscriptions as requests;
use crate::stripe::views::SubscriptionView;

pub use sync::{sweep, sync};

/// A buyer's subscriptions to a product.
///
/// # Errors
/// The database failed.
async fn of_product(
    app: &App,
    buyer: &Buyer,
    product: &ProductId,
) -> Result<Vec<subscription::Model>> {
    use subscription_item::Column as I;
    let item = subscription::Entity::belongs_to(subscription_item::Entity)
        .from(C::Id)
        .to(I::SubscriptionId);
    let owner = subscription::Entity::belongs_to(customer::Entity)
        .from(C::CustomerId)
        .to(customer::Column::Id);
    Ok(subscription::Entity::find()
        .join(JoinType::InnerJoin, owner.into())
        .join(JoinType::InnerJoin, item.into())
        .filter(customers::theirs(buyer))
        .filter(I::ProductId.eq(product.clone()))
        .filter(C::Livemode.eq(app.stripe.livemode()))
        .distinct()
        .all(&app.db.read)
        .await?)
}

/// A subscription, and on which side of it somebody stands.
struct Seen {
    row: subscription::Model,
    seller: seller::Model,
    /// Who it is, in the audit log.
    actor: String,
    /// Whether it is theirs.
    is_buyer: bool,
    /// Whether they are an admin.
    is_admin: bool,
}

impl Seen {
    /// Refuses whoever only sells it, since it is the buyer who pays.
    fn for_buyers(self) -> Result<Self> {
        match self.is_buyer || self.is_admin {
            true => Ok(self),
            false => Err(Error::Forbidden(
                "A subscription is changed by whoever pays for it.",
            )),
        }
    }
}

/// A subscription by Stripe's id, for its buyer, its seller's owner and admins; 404 for anyone else. One that nobody has read yet is
/// read now: it has begun with a payment that is confirmed.
///
/// # Errors
/// 404, and no answer from Stripe.
async fn seen_by(app: &App, buyer: &Buyer, id: &str) -> Result<Seen> {
    let missing = || Error::NotFound("subscription");
    let known = match known(app, id).await? {
        None if read_first(app, id).await? => known(app, id).await?,
        known => known,
    };
    let Known {
        row,
        seller,
        customer,
    } = known.ok_or_else(missing)?;
    let is_seller = buyer
        .user()
        .is_some_and(|caller| caller.is_admin() || seller.owner_id == *caller.id());
    let is_buyer = customers::is_of(&customer, buyer);
    if !is_seller && !is_buyer {
        return Err(missing());
    }
    Ok(Seen {
        row,
        seller,
        actor: buyer.actor(),
        is_buyer,
        is_admin: buyer.user().is_some_and(Caller::is_admin),
    })
}

/// A subscription with its seller and its buyer's customer.
#[derive(DerivePartialModel)]
#[sea_orm(entity = "subscription::Entity")]
struct Known {
    #[sea_orm(nested)]
    row: subscription::Model,
    #[sea_orm(nested)]
    seller: seller::Model,
    #[sea_orm(nested)]
    customer: customer::Model,
}

/// A subscription by Stripe's id, in one read. None: nobody has read it yet, or it is none of ours.
async fn known(app: &App, id: &str) -> Result<Option<Known>> {
    let seller = subscription::Entity::belongs_to(seller::Entity)
        .from(C::SellerId)
        .to(seller::Column::Id);
    let owner = subscription::Entity::belongs_to(customer::Entity)
        .from(C::CustomerId)
        .to(customer::Column::Id);
    Ok(subscription::Entity::find()
        .join(JoinType::InnerJoin, seller.into())
        .join(JoinType::InnerJoin, owner.into())
        .filter(C::StripeSubscription.eq(id))
        .filter(C::Livemode.eq(app.stripe.livemode()))
        .into_partial_model()
        .one(&app.db.read)
        .await?)
}

/// Has a subscription read that nobody has read yet, and that has begun with a payment of ours. Whether there was such a payment.
async fn read_first(app: &App, id: &str) -> Result<bool> {
    let livemode = app.stripe.livemode();
    let first = sync::payments_of(id, livemode).one(&app.db.read).await?;
    let Some(first) = first else {
        return Ok(false);
    };
    sync(app, &first.charge_account, livemode, id).await?;
    Ok(true)
}

/// Whether somebody has asked for the end of a subscription.
enum End {
    /// With the period that is paid.
    WithPeriod,
    /// Now.
    Now,
}

/// Ends a subscription. To end one again that has ended changes nothing.
///
/// # Errors
/// Stripe's refusal, or no answer.
async fn cancel(app: &App, seen: Seen, end: End) -> Result<subscription::Model> {
    let id = seen.row.stripe_subscription.clone();
    if seen.row.ended_at.is_some() {
        return Ok(seen.row);
    }
    let key = format!("cancel:{}", ids::random_token());
    let scope = app.stripe.at(&seen.row.stripe_account);
    // Twice does no harm, so each request has a new key: under an old one Stripe could repeat a saved 500.
    let asked: Result<SubscriptionView> = match end {
        End::WithPeriod => {
            let request = requests::cancel_at_period_end(&id, true);
            scope.post(&request, &key).await
        }
        End::Now => scope.post(&requests::cancel(&id), &key).await,
    };
    // A refusal may say that it has ended meanwhile. Either way its state is read.
    let refused = match asked {
        Ok(_) => None,
        Err(Error::StripeRefused(fault)) => Some(fault),
        Err(e) => return Err(e),
    };
    let row = reread(app, &seen.row).await?;
    match refused {
        Some(fault) if row.ended_at.is_none() => Err(Error::StripeRefused(fault)),
        _ => {
            let at_once = matches!(end, End::Now);
            let data = json!({ "at_period_end": !at_once });
            note(app, &seen.actor, "subscription.canceled", &row, data).await?;
            Ok(row)
        }
    }
}

/// Takes back that a subscription is to end with its period, or that it is paused.
///
/// # Errors
/// `subscription_ended`, `payment_method_missing`; Stripe's refusal, or no answer.
async fn resume(app: &App, seen: Seen) -> Result<subscription::Model> {
    if seen.row.status == "paused" {
        return pausing::resume(app, seen).await;
    }
    let id = &seen.row.stripe_subscription;
    if seen.row.ended_at.is_some() {
        return Err(Error::conflict(
            "subscription_ended",
            "This subscription has ended. Subscribe again.",
        ));
    }
    let key = format!("resume:{}", ids::random_token());
    let scope = app.stripe.at(&seen.row.stripe_account);
    let request = requests::cancel_at_period_end(id, false);
    let _: SubscriptionView = scope.post(&request, &key).await?;
    let row = reread(app, &seen.row).await?;
    note(app, &seen.actor, "subscription.resumed", &row, json!({})).await?;
    Ok(row)
}

async fn reread(app: &App, row: &subscription::Model) -> Result<subscription::Model> {
    sync(
        app,
        &row.stripe_account,
        row.livemode,
        &row.stripe_subscription,
    )
    .await?;
    let row = subscription::Entity::find_by_id(row.id.clone());
    let row = row.one(&app.db.read).await?;
    row.ok_or_else(|| Error::internal("a subscription went away"))
}

async fn note(
    app: &App,
    actor: &str,
    action: &str,
    row: &subscription::Model,
    data: serde_json::Value,
) -> Result<()> {
    let tx = app.db.begin_write().await?;
    audit::record(&tx, actor, action, row.id.as_ref(), data).await?;
    tx.commit().await
}

//! Two subscriptions to the same product that one buyer has without having asked for it: two checkouts were open at once, and both
//! were paid.

use std::collections::BTreeSet;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use souk_entity::subscription::{self, Column as C};
use souk_entity::{ProductId, order, subscription_item};

use crate::db::Tx;
use crate::error::Result;
use crate::findings::{self, NewFinding};

/// The finding.
const KIND: &str = "subscribed_twice";

/// Raises a finding for a subscription that has just begun, if its buyer had no other of the product when they opened its checkout,
/// and has one now.
pub(super) async fn look(tx: &Tx, row: &subscription::Model) -> Result<()> {
    let Some(order) = order::Entity::find_by_id(row.order_id.clone())
        .one(tx)
        .await?
    else {
        return Ok(());
    };
    let products = products(tx, row).await?;
    for other in others(tx, row).await? {
        // Whoever opened a checkout while they had the other one has asked for it.
        let was_there = other.created_at < order.created_at;
        if was_there || products.is_disjoint(&self::products(tx, &other).await?) {
            continue;
        }
        let finding = NewFinding {
            kind: KIND,
            stripe_account: Some(row.stripe_account.clone()),
            subject: row.stripe_subscription.clone(),
            message: format!(
                "A buyer has paid two checkouts of the same product that were open at once, and pays it twice from now on: \
                 subscriptions {} and {}. Ask them which they want, cancel the other one and refund its order. It closes when one of \
                 them has ended.",
                other.stripe_subscription, row.stripe_subscription,
            ),
            amount: None,
            currency: None,
        };
        return findings::raise(tx, finding).await;
    }
    Ok(())
}

/// Resolves the findings of a buyer's subscriptions after one of them has ended.
pub(super) async fn resolve(tx: &Tx, ended: &subscription::Model) -> Result<()> {
    findings::resolve(tx, KIND, &ended.stripe_subscription).await?;
    let left = others(tx, ended).await?;
    for row in &left {
        let products = products(tx, row).await?;
        let mut has_twin = false;
        for other in left.iter().filter(|other| other.id != row.id) {
            has_twin |= !products.is_disjoint(&self::products(tx, other).await?);
        }
        if !has_twin {
            findings::resolve(tx, KIND, &row.stripe_subscription).await?;
        }
    }
    Ok(())
}

/// The buyer's other subscriptions with the seller that haven't ended.
async fn others(tx: &Tx, row: &subscription::Model) -> Result<Vec<subscription::Model>> {
    Ok(subscription::Entity::find()
        .filter(C::CustomerId.eq(row.customer_id.clone()))
        .filter(C::EndedAt.is_null())
        .filter(C::Id.ne(row.id.clone()))
        .order_by_asc(C::Id)
        .all(tx)
        .await?)
}

async fn products(tx: &Tx, row: &subscription::Model) -> Result<BTreeSet<ProductId>> {
    let items = subscription_item::Entity::find()
        .filter(subscription_item::Column::SubscriptionId.eq(row.id.clone()))
        .all(tx)
        .await?;
    Ok(items
        .into_iter()
        .filter_map(|item| item.product_id)
        .collect())
}

//! What Stripe shows of a customer's tax ids, brought to our rows.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};
use souk_entity::tax_id::{self, Column as C, TaxIdStatus};
use souk_entity::{CustomerId, customer};

use super::{clean, empty, end, is_of, take_over, theirs};
use crate::db::Tx;
use crate::error::Result;
use crate::ids;
use crate::jobs::{self, Job};
use crate::stripe::key_until;
use crate::stripe::views::TaxIdView;

/// Stripe's ids of what a customer has there, as far as we know.
pub(in crate::customers) async fn known_ids<D: ConnectionTrait>(
    db: &D,
    id: &CustomerId,
) -> Result<Vec<String>> {
    let rows = theirs(db, id).await?.into_iter();
    Ok(rows.filter_map(|row| row.stripe_tax_id).collect())
}

/// Brings the rows of a customer to what Stripe lists. `before` are the ids that were known before it was asked: only of those
/// does it say anything that they are not in its list.
pub(in crate::customers) async fn mirror(
    tx: &Tx,
    customer: &customer::Model,
    listed: &[TaxIdView],
    before: &[String],
) -> Result<()> {
    let mut rows = tax_id::Entity::find()
        .filter(C::CustomerId.eq(customer.id.clone()))
        .order_by_asc(C::Id)
        .lock_exclusive()
        .all(tx)
        .await?;
    for view in listed {
        let by_id = |row: &tax_id::Model| row.stripe_tax_id.as_ref() == Some(&view.id);
        let waits = |row: &tax_id::Model| {
            let is_open = matches!(row.status, TaxIdStatus::Adding | TaxIdStatus::Removing);
            is_open && row.stripe_tax_id.is_none() && is_of(view, row)
        };
        let at = rows.iter().position(by_id);
        match at.or_else(|| rows.iter().position(waits)) {
            Some(at) => {
                let row = rows.swap_remove(at);
                // It may have been removed since the list was made.
                if row.status != TaxIdStatus::Removed {
                    take_over(tx, row, view).await?;
                }
            }
            None => insert(tx, customer, view).await?,
        }
    }
    for row in rows {
        let was_known = row.stripe_tax_id.as_ref();
        let was_known = was_known.is_some_and(|id| before.contains(id));
        if row.status == TaxIdStatus::Added && was_known {
            end(tx, &row.id, TaxIdStatus::Removed).await?;
        }
    }
    Ok(())
}

/// One that somebody has given the customer at Stripe.
async fn insert(tx: &Tx, customer: &customer::Model, view: &TaxIdView) -> Result<()> {
    let text = |text: &Option<String>| clean(text.as_deref().unwrap_or_default());
    let row = tax_id::Model {
        kind: text(&view.r#type),
        value: text(&view.value),
        country: view.country.clone(),
        stripe_tax_id: Some(view.id.clone()),
        status: TaxIdStatus::Added,
        verification: view.verification.as_ref().and_then(|it| it.status.clone()),
        ..empty(tx, customer, ids::new(tx.now()))
    };
    tax_id::Entity::insert(row.into_active_model())
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// The customer was deleted at Stripe: what the buyer has given stays, and is sent again under another key when they have a
/// customer again.
pub(in crate::customers) async fn forget(tx: &Tx, customer: &CustomerId) -> Result<()> {
    let none = Expr::value(None::<String>);
    tax_id::Entity::update_many()
        .col_expr(C::Status, Expr::value(TaxIdStatus::Adding))
        .col_expr(C::StripeTaxId, none.clone())
        .col_expr(C::Verification, none)
        .col_expr(C::KeyNumber, Expr::col(C::KeyNumber).add(1))
        .col_expr(C::KeyUntil, Expr::value(key_until(tx.now())))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::CustomerId.eq(customer.clone()))
        .filter(C::Status.is_in([TaxIdStatus::Adding, TaxIdStatus::Added]))
        .exec(tx)
        .await?;
    Ok(())
}

/// Stages what waits for the customer, which Stripe has made now.
pub(in crate::customers) async fn resume(tx: &Tx, customer: &CustomerId) -> Result<()> {
    for row in theirs(tx, customer).await? {
        if matches!(row.status, TaxIdStatus::Adding | TaxIdStatus::Removing) {
            jobs::stage(tx, &Job::SendTaxId { tax_id: row.id }).await?;
        }
    }
    Ok(())
}

//! Findings: differences that need a person. Each is a row that is opened and resolved.

pub mod routes;
pub mod stripe_key;

use std::collections::BTreeSet;

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
};
use serde_json::json;
use souk_entity::finding::{self, FindingState};
use souk_entity::{AccountId, FindingId, Timestamp, UserId};

use crate::app::App;
use crate::db::Tx;
use crate::db::set_wise::SetWise;
use crate::error::{Error, Result};
use crate::{audit, ids};

/// A finding to raise.
#[derive(Clone, Debug)]
pub struct NewFinding {
    /// Such as `payout_mismatch`.
    pub kind: &'static str,
    /// The account it concerns.
    pub stripe_account: Option<AccountId>,
    /// An id of what it is about. There is one finding for each kind and subject.
    pub subject: String,
    /// One or two sentences: what happened, how much, and what to do.
    pub message: String,
    /// Minor units.
    pub amount: Option<i64>,
    /// Lower case.
    pub currency: Option<String>,
}

/// Opens a finding. One that is there already, open or resolved, is opened again with the new message, and keeps its note.
pub async fn raise(tx: &Tx, finding: NewFinding) -> Result<()> {
    use finding::Column as C;
    let again = OnConflict::columns([C::Kind, C::Subject])
        .update_columns([
            C::StripeAccount,
            C::Message,
            C::Amount,
            C::Currency,
            C::State,
            C::ResolvedAt,
        ])
        .to_owned();
    finding::Entity::insert(finding::ActiveModel {
        id: Set(ids::new(tx.now())),
        kind: Set(finding.kind.to_owned()),
        stripe_account: Set(finding.stripe_account),
        subject: Set(finding.subject),
        message: Set(finding.message),
        amount: Set(finding.amount),
        currency: Set(finding.currency),
        state: Set(FindingState::Open),
        created_at: Set(tx.now()),
        resolved_at: Set(None::<Timestamp>),
        note: Set(None),
    })
    .on_conflict(again)
    .exec_without_returning(tx)
    .await?;
    Ok(())
}

/// Resolves a finding, if it is open.
pub async fn resolve(tx: &Tx, kind: &str, subject: &str) -> Result<()> {
    use finding::Column as C;
    finding::Entity::update_many()
        .col_expr(C::State, Expr::value(FindingState::Resolved))
        .col_expr(C::ResolvedAt, Expr::value(tx.now()))
        .filter(C::Kind.eq(kind))
        .filter(C::Subject.eq(subject))
        .filter(C::State.eq(FindingState::Open))
        .exec(tx)
        .await?;
    Ok(())
}

const RESOLVE: SetWise = SetWise {
    text: "UPDATE findings SET state = 'resolved', resolved_at = $2 FROM {input} \
           WHERE findings.kind = input.kind AND findings.subject = input.subject AND findings.state = 'open'",
    columns: &[("kind", "text"), ("subject", "text")],
};

/// Resolves those of these findings that are open, each given by its kind and subject.
///
/// # Errors
/// The database failed.
pub async fn resolve_all(tx: &Tx, findings: &[(&str, String)]) -> Result<()> {
    if !findings.is_empty() {
        RESOLVE.execute(tx, findings, [tx.now().into()]).await?;
    }
    Ok(())
}

/// The open findings of a kind, oldest first.
///
/// # Errors
/// The database failed.
pub async fn open<C: ConnectionTrait>(db: &C, kind: &str) -> Result<Vec<finding::Model>> {
    use finding::Column as C;
    Ok(finding::Entity::find()
        .filter(C::Kind.eq(kind))
        // As the index says it, word for word, so that SQLite sees that it will do.
        .filter(Expr::cust("state = 'open'"))
        .order_by_asc(C::Id)
        .all(db)
        .await?)
}

/// Resolves the open findings of a kind that are about none of these subjects, of which alone it is true.
///
/// # Errors
/// The database failed.
pub async fn resolve_others(tx: &Tx, kind: &str, true_of: &BTreeSet<String>) -> Result<()> {
    for finding in open(tx, kind).await? {
        if !true_of.contains(&finding.subject) {
            resolve(tx, kind, &finding.subject).await?;
        }
    }
    Ok(())
}

/// Resolves a finding on a person's word, with a note. It is opened again if the difference is found again. A finding that
/// is resolved already stays as it is.
async fn resolve_manually(
    app: &App,
    by: &UserId,
    id: &FindingId,
    note: &str,
) -> Result<finding::Model> {
    use finding::Column as C;
    let tx = app.db.begin_write().await?;
    let resolved = finding::Entity::update_many()
        .col_expr(C::State, Expr::value(FindingState::Resolved))
        .col_expr(C::ResolvedAt, Expr::value(tx.now()))
        .col_expr(C::Note, Expr::value(note))
        .filter(C::Id.eq(id.clone()))
        .filter(C::State.eq(FindingState::Open))
        .exec(&tx)
        .await?;
    let finding = find(&tx, id).await?;
    if resolved.rows_affected == 1 {
        let what = json!({ "kind": finding.kind, "subject": finding.subject, "note": note });
        audit::record(&tx, by.as_ref(), "finding.resolved", id.as_ref(), what).await?;
    }
    tx.commit().await?;
    Ok(finding)
}

/// A finding by its id.
async fn find<C: ConnectionTrait>(db: &C, id: &FindingId) -> Result<finding::Model> {
    let found = finding::Entity::find_by_id(id.clone()).one(db).await?;
    found.ok_or(Error::NotFound("finding"))
}

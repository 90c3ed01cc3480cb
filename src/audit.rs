//! The audit log: who did what. It is append-only.

use sea_orm::{ActiveValue::Set, EntityTrait};
use serde_json::Value;
use souk_entity::{JsonText, audit_entry};

use crate::db::Tx;
use crate::error::Result;
use crate::ids;

/// Writes an entry of the audit log. `actor` is a user id, `system`, `stripe`, `cli` or `guest`. `action` is such as
/// `seller.created`. `data` must hold no secret.
pub async fn record(tx: &Tx, actor: &str, action: &str, subject: &str, data: Value) -> Result<()> {
    audit_entry::Entity::insert(audit_entry::ActiveModel {
        id: Set(ids::new(tx.now())),
        at: Set(tx.now()),
        actor: Set(actor.to_owned()),
        action: Set(action.to_owned()),
        subject: Set(subject.to_owned()),
        data: Set(JsonText(data)),
    })
    .exec_without_returning(tx)
    .await?;
    Ok(())
}

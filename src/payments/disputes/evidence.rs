//! Evidence that a seller writes, and which of it Stripe takes (docs.stripe.com/api/disputes/update). It stays here until it is
//! submitted.

use std::collections::BTreeMap;

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait};
use serde_json::{Map, Value, json};
use souk_entity::{JsonText, dispute, dispute_draft};

use crate::app::App;
use crate::audit;
use crate::error::{Error, Result};

use super::super::lock_payment;
use super::{is_open_for_evidence, submission};

/// The texts of evidence, and how many characters each may have.
const TEXTS: [(&str, usize); 18] = [
    ("access_activity_log", LONG),
    ("billing_address", SHORT),
    ("cancellation_policy_disclosure", LONG),
    ("cancellation_rebuttal", LONG),
    ("customer_email_address", SHORT),
    ("customer_name", SHORT),
    ("customer_purchase_ip", SHORT),
    ("duplicate_charge_explanation", LONG),
    ("duplicate_charge_id", SHORT),
    ("product_description", LONG),
    ("refund_policy_disclosure", LONG),
    ("refund_refusal_explanation", LONG),
    ("service_date", SHORT),
    ("shipping_address", SHORT),
    ("shipping_carrier", SHORT),
    ("shipping_date", SHORT),
    ("shipping_tracking_number", SHORT),
    ("uncategorized_text", LONG),
];

/// Stripe's limit of the longer texts.
const LONG: usize = 20_000;
/// Ours, where Stripe names none.
const SHORT: usize = 5_000;
/// Stripe's limit of all texts together.
const ALL: usize = 150_000;

/// What a request changes of a draft, by Stripe's names. Null: the field is to hold nothing.
pub type Changes = BTreeMap<String, Option<String>>;

/// The draft of a dispute's evidence: Stripe's names, and what they are to hold.
///
/// # Errors
/// The database failed.
pub async fn draft<C: ConnectionTrait>(db: &C, dispute: &str) -> Result<Map<String, Value>> {
    let row = dispute_draft::Entity::find_by_id(dispute.to_owned())
        .one(db)
        .await?;
    Ok(match row.map(|row| row.fields.0) {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    })
}

/// Merges changes into the draft of a dispute that wants an answer.
///
/// # Errors
/// A text is too long; the dispute wants no evidence any more, its time is over, or evidence is on its way already.
pub async fn write(app: &App, row: &dispute::Model, by: &str, changes: Changes) -> Result<()> {
    for (name, text) in &changes {
        let length = text.as_ref().map_or(0, |text| text.chars().count());
        let most = TEXTS.iter().find(|(text, _)| text == name);
        let (_, most) = most.ok_or_else(|| unknown(name))?;
        if length > *most {
            let message = format!("{name} has at most {most} characters.");
            return Err(Error::invalid(format!("evidence.{name}"), message));
        }
    }
    let tx = app.db.begin_write().await?;
    lock_payment(&tx, &row.payment_id).await?;
    let row = super::find(&tx, &row.id).await?;
    is_open_for_evidence(&row, tx.now())?;
    submission::none_under_way(&tx, &row).await?;
    let mut fields = draft(&tx, &row.id).await?;
    let names: Vec<_> = changes.keys().cloned().collect();
    for (name, text) in changes {
        fields.insert(name, json!(text));
    }
    check_length(&fields)?;
    use dispute_draft::Column as C;
    dispute_draft::Entity::insert(dispute_draft::ActiveModel {
        dispute_id: Set(row.id.clone()),
        fields: Set(JsonText(fields.into())),
        updated_by: Set(by.to_owned()),
        updated_at: Set(tx.now()),
    })
    .on_conflict(
        OnConflict::column(C::DisputeId)
            .update_columns([C::Fields, C::UpdatedBy, C::UpdatedAt])
            .to_owned(),
    )
    .exec_without_returning(&tx)
    .await?;
    // The names alone: what they hold may be about the buyer.
    let data = json!({ "fields": names });
    audit::record(&tx, by, "dispute.evidence_written", &row.id, data).await?;
    tx.commit().await
}

fn unknown(name: &str) -> Error {
    Error::invalid(
        format!("evidence.{name}"),
        "This is none of Stripe's texts of evidence.",
    )
}

fn check_length(fields: &Map<String, Value>) -> Result<()> {
    let texts = fields.values().filter_map(Value::as_str);
    match texts.map(|text| text.chars().count()).sum::<usize>() {
        length if length > ALL => Err(Error::invalid(
            "evidence",
            format!("All evidence together has at most {ALL} characters."),
        )),
        _ => Ok(()),
    }
}

/// What is submitted: what the draft says, and where it says nothing, what we know ourselves.
///
/// # Errors
/// There is nothing to submit, or it is too long.
pub fn to_submit(draft: Map<String, Value>, known: Map<String, Value>) -> Result<Value> {
    let mut fields = known;
    fields.extend(draft);
    fields.retain(|_, value| !value.is_null() && *value != json!(""));
    if fields.is_empty() {
        return Err(Error::conflict(
            "evidence_missing",
            "There is no evidence to submit. Write some first.",
        ));
    }
    check_length(&fields)?;
    Ok(fields.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn the_draft_goes_before_what_is_known_and_may_leave_it_out() {
        let known =
            map(json!({ "customer_name": "Ada", "receipt": "file_1", "service_date": "1 May" }));
        let draft =
            map(json!({ "customer_name": "Bo", "service_date": null, "uncategorized_text": "" }));
        let fields = to_submit(draft, known).expect("some");
        assert_eq!(
            fields,
            json!({ "customer_name": "Bo", "receipt": "file_1" })
        );
        let none = to_submit(map(json!({ "customer_name": null })), Map::new());
        assert!(none.is_err());
    }
}

//! Evidence that a seller writes, and which of it Stripe takes (docs.stripe.com/api/disputes/update). It stays here until it is
//! submitted.

use std::collections::BTreeMap;

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use souk_entity::{JsonText, OrderFileId, dispute, dispute_draft, order_file};

use crate::app::App;
use crate::audit;
use crate::error::{Error, Result};
use crate::http::JsonObject;

use super::super::{lock_payment, shares};
use super::appeal::{self, Appeal};
use super::pack::Pack;
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

/// The files of evidence. Each is one of the orders' files here, and goes to Stripe when the evidence is submitted.
pub const FILES: [&str; 9] = [
    "cancellation_policy",
    "customer_communication",
    "customer_signature",
    "duplicate_charge_documentation",
    "receipt",
    "refund_policy",
    "service_documentation",
    "shipping_documentation",
    "uncategorized_file",
];

/// Stripe's limit of the longer texts.
const LONG: usize = 20_000;
/// Ours, where Stripe names none.
const SHORT: usize = 5_000;
/// Stripe's limit of all texts together.
const ALL: usize = 150_000;

/// What a request changes of a draft, by Stripe's names.
#[derive(Debug, Default)]
pub struct Changes {
    /// The texts and files. Null: the field is to hold nothing.
    fields: BTreeMap<String, Option<String>>,
    appeal: Option<Option<Appeal>>,
}

impl Changes {
    /// The names of what is changed.
    fn names(&self) -> Vec<String> {
        let appeal = self.appeal.iter().map(|_| appeal::FIELD.to_owned());
        self.fields.keys().cloned().chain(appeal).collect()
    }

    /// The files that are named, each with the name of its field.
    fn files(&self) -> impl Iterator<Item = (String, &str)> {
        let fields = self.fields.iter();
        let files = fields.filter(|(name, _)| FILES.contains(&name.as_str()));
        let files = files.filter_map(|(name, id)| Some((name.clone(), id.as_deref()?)));
        files.chain(self.appeal.iter().flatten().flat_map(Appeal::files))
    }
}

impl<'de> Deserialize<'de> for Changes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Changes;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Changes, A::Error> {
                let mut changes = Changes::default();
                while let Some(name) = map.next_key::<String>()? {
                    if name == appeal::FIELD {
                        let appeal: Option<JsonObject<Appeal>> = map.next_value()?;
                        changes.appeal = Some(appeal.map(|JsonObject(appeal)| appeal));
                    } else {
                        changes.fields.insert(name, map.next_value()?);
                    }
                }
                Ok(changes)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

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
    for (name, text) in &changes.fields {
        let length = text.as_ref().map_or(0, |text| text.chars().count());
        let texts = TEXTS.iter().copied();
        let mut all = texts.chain(FILES.map(|file| (file, appeal::MAX_FILE_ID)));
        let most = all.find(|(known, _)| known == name);
        let (_, most) = most.ok_or_else(|| unknown(name))?;
        if length > most {
            let message = format!("{name} has at most {most} characters.");
            return Err(Error::invalid(format!("evidence.{name}"), message));
        }
    }
    if let Some(Some(appeal)) = &changes.appeal {
        appeal.check()?;
    }
    for (name, id) in changes.files() {
        check_file(app, row, &name, id).await?;
    }
    let tx = app.db.begin_write().await?;
    lock_payment(&tx, &row.payment_id).await?;
    let row = super::find(&tx, &row.id).await?;
    is_open_for_evidence(&row, tx.now())?;
    submission::none_under_way(&tx, &row).await?;
    let names = changes.names();
    appeal::check_stage(&row.status, names.iter().map(String::as_str))?;
    let mut fields = draft(&tx, &row.id).await?;
    for (name, text) in changes.fields {
        fields.insert(name, json!(text));
    }
    match changes.appeal {
        Some(Some(appeal)) => appeal.merge(&mut fields),
        Some(None) => drop(fields.remove(appeal::FIELD)),
        None => {}
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

/// Refuses a file that isn't one of the disputed payment's orders'.
async fn check_file(app: &App, row: &dispute::Model, name: &str, id: &str) -> Result<()> {
    let none = || Error::no_such("file", format!("evidence.{name}"));
    let file = order_file::Entity::find_by_id(OrderFileId::from(id))
        .one(&app.db.read)
        .await?
        .ok_or_else(none)?;
    let orders = shares::order_ids(&app.db.read, &row.payment_id).await?;
    match orders.contains(&file.order_id) {
        true => Ok(()),
        false => Err(none()),
    }
}

fn unknown(name: &str) -> Error {
    Error::invalid(
        format!("evidence.{name}"),
        "This is none of Stripe's texts and files of evidence.",
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

/// What the pack of a dispute holds, by Stripe's names; of files our ids.
pub fn known(pack: Pack) -> Map<String, Value> {
    let mut fields = pack.fields;
    for (name, file) in pack.files {
        fields.insert(name.to_owned(), json!(file));
    }
    fields
}

/// What is submitted, but of an appeal: what the draft says, and where it says nothing, what we know ourselves.
///
/// # Errors
/// There is nothing to submit, or it is too long.
pub fn to_submit(draft: Map<String, Value>, known: Map<String, Value>) -> Result<Value> {
    let mut fields = known;
    fields.extend(draft);
    fields.remove(appeal::FIELD);
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

//! Appeals: a dispute that was decided goes to the card network, which decides for good (docs.stripe.com/disputes/arbitration).
//! An appeal takes evidence of its own, and no other (docs.stripe.com/changelog/endive/2026-10-28/evidence-submission-appeal-
//! dispute-decisions).

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::http::{deserialize_some, json_object};

/// Stripe's name of an appeal's evidence.
pub const FIELD: &str = "appeal";

/// The API version that first had `evidence[appeal]`.
pub const API_VERSION: &str = "2026-10-28.endive";

/// Where evidence names the files of an appeal.
pub const FILES: &str = "/appeal/card/supporting_files";

/// The most characters of the reason, and files. Both are ours: Stripe names none.
const MAX_REASON: usize = 20_000;
const MAX_FILES: usize = 20;
/// The longest id of a file.
pub const MAX_FILE_ID: usize = 255;

/// Whether a dispute with this status is appealed, and not decided yet.
pub fn is_appeal(status: &str) -> bool {
    status.starts_with("appeal_")
}

/// What a request changes of an appeal's evidence, nested as Stripe has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Appeal {
    #[serde(deserialize_with = "json_object")]
    card: Card,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Card {
    /// Null: none.
    #[serde(default, deserialize_with = "deserialize_some")]
    reason_for_filing: Option<Option<String>>,
    /// The orders' files, by our ids. Null: none.
    #[serde(default, deserialize_with = "deserialize_some")]
    supporting_files: Option<Option<Vec<String>>>,
}

impl Appeal {
    /// The files that it names, each with the name of its field.
    pub fn files(&self) -> impl Iterator<Item = (String, &str)> {
        let files = self.card.supporting_files.iter().flatten().flatten();
        let named = files.enumerate();
        named.map(|(at, id)| (format!("appeal.card.supporting_files[{at}]"), id.as_str()))
    }

    /// Refuses a reason or an id that is too long, and too many files.
    ///
    /// # Errors
    /// That is so.
    pub fn check(&self) -> Result<()> {
        let reason = self
            .card
            .reason_for_filing
            .as_ref()
            .and_then(Option::as_ref);
        if reason.is_some_and(|reason| reason.chars().count() > MAX_REASON) {
            let message = format!("reason_for_filing has at most {MAX_REASON} characters.");
            return Err(Error::invalid(
                "evidence.appeal.card.reason_for_filing",
                message,
            ));
        }
        if self.files().count() > MAX_FILES {
            let message = format!("supporting_files are at most {MAX_FILES}.");
            return Err(Error::invalid(
                "evidence.appeal.card.supporting_files",
                message,
            ));
        }
        match self
            .files()
            .find(|(_, id)| id.chars().count() > MAX_FILE_ID)
        {
            Some((name, _)) => {
                let message = format!("{name} has at most {MAX_FILE_ID} characters.");
                Err(Error::invalid(format!("evidence.{name}"), message))
            }
            None => Ok(()),
        }
    }

    /// Merges it into what is written already.
    pub fn merge(self, fields: &mut Map<String, Value>) {
        let none = json!({ "card": { "reason_for_filing": null, "supporting_files": null } });
        let card = &mut fields.entry(FIELD).or_insert(none)["card"];
        if let Some(reason) = self.card.reason_for_filing {
            card["reason_for_filing"] = json!(reason);
        }
        if let Some(files) = self.card.supporting_files {
            card["supporting_files"] = json!(files);
        }
    }
}

/// Whether the written evidence says this of an appeal.
pub fn has(draft: &Map<String, Value>, name: &str) -> bool {
    let said = draft.get(FIELD).map(|appeal| &appeal["card"][name]);
    said.is_some_and(|said| match said {
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => false,
    })
}

/// What is submitted of an appeal: what was written for it, and nothing that we know ourselves. The network decides by it, and
/// takes a fee from whoever loses, so that a person says why.
///
/// # Errors
/// No reason is written.
pub fn to_submit(draft: &Map<String, Value>) -> Result<Value> {
    let mut card = Map::new();
    for name in ["reason_for_filing", "supporting_files"] {
        if has(draft, name) {
            card.insert(name.to_owned(), draft[FIELD]["card"][name].clone());
        }
    }
    if !card.contains_key("reason_for_filing") {
        return Err(Error::Conflict {
            code: "evidence_missing",
            param: Some("evidence.appeal.card.reason_for_filing".to_owned()),
            message: "An appeal needs a reason. Write it as evidence.appeal.card.reason_for_filing first."
                .to_owned(),
        });
    }
    Ok(json!({ FIELD: { "card": card } }))
}

/// Refuses evidence that Stripe doesn't take as the dispute stands.
///
/// # Errors
/// `evidence_not_taken`.
pub fn check_stage<'a>(status: &str, mut names: impl Iterator<Item = &'a str>) -> Result<()> {
    let appealed = is_appeal(status);
    let Some(wrong) = names.find(|name| (*name == FIELD) != appealed) else {
        return Ok(());
    };
    let message = match appealed {
        true => "The dispute is appealed, and an appeal takes no evidence but evidence.appeal.",
        false => "The dispute isn't appealed, so it takes no evidence.appeal.",
    };
    Err(Error::Conflict {
        code: "evidence_not_taken",
        param: Some(format!("evidence.{wrong}")),
        message: message.to_owned(),
    })
}

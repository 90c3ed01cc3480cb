//! Stripe's two namespaces and how requests and answers of `/v2` differ: JSON bodies, `include` instead of `expand`, pages
//! by URL, times as text. <https://docs.stripe.com/api-v2-overview>.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};

use super::{Call, lists::limit_of};
use crate::{
    error::{Answer, ApiError},
    form::Node,
    store::Record,
};

/// The namespace that a path is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Namespace {
    V1,
    V2,
}

impl Namespace {
    pub fn of(path: &str) -> Self {
        if path.starts_with("/v2/") {
            Namespace::V2
        } else {
            Namespace::V1
        }
    }
}

/// How many rows of a v2 list are answered unless `limit` asks for another number. Stripe doesn't say.
const DEFAULT_LIMIT: usize = 20;

/// A time as v2 writes it: `2026-09-18T13:22:18.000Z`.
pub(crate) fn rfc3339(unix: i64) -> String {
    let format = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    time::OffsetDateTime::from_unix_timestamp(unix)
        .ok()
        .and_then(|at| at.format(format).ok())
        .unwrap_or_default()
}

/// The unix seconds of an RFC 3339 time.
pub(crate) fn unix(text: &str) -> Option<i64> {
    let format = time::format_description::well_known::Rfc3339;
    let at = time::OffsetDateTime::parse(text, &format).ok()?;
    Some(at.unix_timestamp())
}

/// Sets to null what can be included and wasn't asked for by `include`: not asked, which isn't the same as not there. A
/// parent none of whose parts was asked for is null itself
/// (<https://docs.stripe.com/api-includable-response-values>).
pub(crate) fn only_included(mut answer: Value, includable: &[&str], args: &Node) -> Value {
    let asked = args.texts("include");
    for path in includable.iter().filter(|path| !asked.contains(path)) {
        match path.split_once('.') {
            None => answer[*path] = Value::Null,
            Some((parent, _)) if !asked.iter().any(|a| a.split('.').next() == Some(parent)) => {
                answer[parent] = Value::Null;
            }
            Some((parent, part)) if answer[parent].is_object() => {
                answer[parent][part] = Value::Null;
            }
            Some(_) => {}
        }
    }
    answer
}

/// Where a page of a v2 list begins: the record it comes after (or before), none for the first page.
enum Cursor {
    Start,
    After(u64),
    Before(u64),
}

impl Cursor {
    /// Reads a `page` token, which is opaque to clients.
    fn read(args: &Node) -> Result<Self, ApiError> {
        let Some(token) = args.text("page") else {
            return Ok(Cursor::Start);
        };
        let decoded = BASE64.decode(token).ok();
        let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        let read = text.as_deref().and_then(|text| {
            let (way, seq) = text.split_once(':')?;
            let seq = seq.parse().ok()?;
            match way {
                "after" => Some(Cursor::After(seq)),
                "before" => Some(Cursor::Before(seq)),
                _ => None,
            }
        });
        read.ok_or_else(|| {
            ApiError::invalid("Invalid page token.")
                .code("invalid_page_token")
                .param("page")
        })
    }
}

/// A page of a v2 list: `rows` are all records of it, newest first; `show` makes the object of each.
pub(crate) fn page<'r>(
    call: &Call<'_>,
    rows: impl Iterator<Item = &'r std::sync::Arc<Record>>,
    show: impl Fn(&Record) -> Value,
) -> Answer {
    let limit = limit_of(call.args, DEFAULT_LIMIT)?;
    let rows: Vec<_> = rows.collect();
    let (first, last) = match Cursor::read(call.args)? {
        Cursor::Start => (0, limit),
        Cursor::After(seq) => {
            let first = rows.iter().position(|r| r.seq < seq).unwrap_or(rows.len());
            (first, first + limit)
        }
        Cursor::Before(seq) => {
            let last = rows.iter().position(|r| r.seq <= seq).unwrap_or(rows.len());
            (last.saturating_sub(limit), last)
        }
    };
    let last = last.min(rows.len());
    let shown = rows.get(first..last).unwrap_or_default();
    let link = |way: &str, row: Option<&&std::sync::Arc<Record>>| {
        row.map(|row| {
            let mut query = call.args.clone();
            query.take("page");
            let token = BASE64.encode(format!("{way}:{}", row.seq));
            query.put("page", Node::Leaf(token));
            format!("{}?{}", call.path, query.encode())
        })
    };
    Ok(json!({
        "data": shown.iter().map(|r| show(r)).collect::<Vec<_>>(),
        "next_page_url": link("after", shown.last().filter(|_| last < rows.len())),
        "previous_page_url": link("before", shown.first().filter(|_| first > 0)),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        let text = rfc3339(1_790_000_000);
        assert_eq!(text, "2026-09-21T14:13:20.000Z");
        assert_eq!(unix(&text), Some(1_790_000_000));
        assert_eq!(unix("yesterday"), None);
    }

    #[test]
    fn what_is_not_asked_for_is_null_and_so_is_its_parent_when_no_part_is() {
        let answer = json!({ "configuration": { "merchant": 1, "recipient": 2 }, "identity": 3 });
        let includable = [
            "configuration.merchant",
            "configuration.recipient",
            "identity",
        ];
        let asked = |query: &str| {
            let args = Node::parse(query).expect("query");
            only_included(answer.clone(), &includable, &args)
        };
        assert_eq!(
            asked("include[0]=configuration.merchant"),
            json!({ "configuration": { "merchant": 1, "recipient": null }, "identity": null })
        );
        assert_eq!(
            asked("include[0]=identity"),
            json!({ "configuration": null, "identity": 3 })
        );
    }
}

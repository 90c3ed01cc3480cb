//! Files: <https://docs.stripe.com/api/files>, <https://docs.stripe.com/file-upload>.
//!
//! Stripe takes uploads at `files.stripe.com`; here they come to the same address as everything else. Only what an
//! application can learn of a file is kept: what it holds can't be downloaded.

use base64::Engine as _;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{
    api::{Call, Route, lists, retrieve},
    balance::DAY,
    error::{Answer, ApiError},
    store::{Kind, Record, Tx, page},
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/files", create),
    ("GET", "/v1/files", |tx, call| {
        let purpose = call.args.text("purpose");
        lists::list(tx, call, Kind::File, |r| {
            purpose.is_none_or(|p| r.value["purpose"] == p)
        })
    }),
    ("GET", "/v1/files/{file}", |tx, call| {
        retrieve(tx, call, Kind::File, "file")
    }),
];

/// What Stripe takes for one purpose.
struct Purpose {
    name: &'static str,
    types: &'static [&'static str],
    /// Bytes.
    most: usize,
    /// Seconds.
    lasts: Option<i64>,
}

const DOCUMENT: &[&str] = &["pdf", "jpg", "png"];
const PICTURE: &[&str] = &["jpg", "png", "gif"];
const MIB: usize = 1 << 20;

/// As <https://docs.stripe.com/file-upload> lists them, of purposes whose types are told apart here.
const PURPOSES: &[Purpose] = &[
    Purpose {
        name: "account_requirement",
        types: DOCUMENT,
        most: 16 * MIB,
        lasts: None,
    },
    Purpose {
        name: "additional_verification",
        types: DOCUMENT,
        most: 16 * MIB,
        lasts: None,
    },
    Purpose {
        name: "business_icon",
        types: PICTURE,
        most: MIB / 2,
        lasts: None,
    },
    Purpose {
        name: "business_logo",
        types: PICTURE,
        most: MIB / 2,
        lasts: None,
    },
    Purpose {
        name: "customer_signature",
        types: &["jpg", "png"],
        most: 4 * MIB,
        lasts: Some(7 * DAY),
    },
    Purpose {
        name: "dispute_evidence",
        types: DOCUMENT,
        most: 5 * MIB,
        lasts: Some(9 * 30 * DAY),
    },
    Purpose {
        name: "identity_document",
        types: DOCUMENT,
        most: 16 * MIB,
        lasts: None,
    },
    Purpose {
        name: "pci_document",
        types: &["pdf"],
        most: 16 * MIB,
        lasts: None,
    },
];

/// A PDF for a dispute has fewer pages.
const TOO_LONG: usize = 50;

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let name = call.args.text("purpose").unwrap_or_default();
    let purpose = PURPOSES.iter().find(|p| p.name == name).ok_or_else(|| {
        ApiError::invalid(format!(
            "Files of the purpose {name} aren't simulated: {}.",
            PURPOSES
                .iter()
                .map(|p| p.name)
                .collect::<Vec<_>>()
                .join(", ")
        ))
        .param("purpose")
    })?;
    let (filename, bytes) = call
        .args
        .text("file")
        .and_then(uploaded)
        .ok_or_else(|| ApiError::invalid("Invalid file: it must be uploaded.").param("file"))?;
    let kind = check(purpose, &bytes)?;
    let pages = pages(kind, &bytes);
    if purpose.name == "dispute_evidence" && pages >= TOO_LONG {
        return Err(ApiError::invalid(format!(
            "The file you uploaded was too long. Please upload a file with fewer than {TOO_LONG} pages."
        ))
        .param("file"));
    }
    let id = tx.mint("file_1", 23);
    let file = json!({
        "id": id,
        "object": "file",
        "created": tx.now,
        "expires_at": purpose.lasts.map(|lasts| tx.now + lasts),
        "filename": filename,
        "links": page(&format!("/v1/file_links?file={id}"), Vec::new(), false),
        "purpose": name,
        "size": bytes.len(),
        "title": null,
        "type": kind,
        "url": format!("{}/v1/files/{id}/contents", tx.base_url),
    });
    let hidden = json!({ "pages": pages, "sha256": hex::encode(Sha256::digest(&bytes)) });
    tx.insert(Kind::File, call.owner, file.clone(), hidden, None);
    Ok(file)
}

/// The name and the bytes of an upload, which `server::multipart` brings as a data URL.
fn uploaded(text: &str) -> Option<(Option<String>, Vec<u8>)> {
    let (head, data) = text.strip_prefix("data:")?.split_once(";base64,")?;
    let name = head.strip_prefix("name=").filter(|name| !name.is_empty());
    let bytes = base64::engine::general_purpose::STANDARD.decode(data);
    Some((name.map(str::to_owned), bytes.ok()?))
}

/// The type of a file, as its first bytes have it: the name that it goes by proves nothing.
fn check(purpose: &Purpose, bytes: &[u8]) -> Result<&'static str, ApiError> {
    let refuse = |why: String| Err(ApiError::invalid(why).param("file"));
    if bytes.is_empty() {
        return refuse("File for key file is empty.".to_owned());
    }
    if bytes.len() > purpose.most {
        return refuse(format!(
            "File for key file exceeded maximum of {} bytes.",
            purpose.most
        ));
    }
    let kinds = [
        ("pdf", &b"%PDF-"[..]),
        ("png", b"\x89PNG\r\n\x1a\n"),
        ("jpg", b"\xff\xd8\xff"),
        ("gif", b"GIF8"),
    ];
    let found = kinds.iter().find(|(_, start)| bytes.starts_with(start));
    match found.filter(|(kind, _)| purpose.types.contains(kind)) {
        Some((kind, _)) => Ok(kind),
        None => refuse(format!(
            "Invalid file type. Files of the purpose {} are of the types {}.",
            purpose.name,
            purpose.types.join(", ")
        )),
    }
}

/// The pages of a document: `/Type /Page` of a PDF whose objects aren't compressed, and one otherwise.
fn pages(kind: &str, bytes: &[u8]) -> usize {
    if kind != "pdf" {
        return 1;
    }
    let text: Vec<u8> = bytes
        .iter()
        .copied()
        .filter(|b| !b.is_ascii_whitespace())
        .collect();
    let name = b"/Type/Page";
    let found = text
        .windows(name.len() + 1)
        .filter(|w| w.starts_with(name) && w[name.len()] != b's');
    found.count().max(1)
}

/// The size in bytes and the pages of a file.
pub(crate) fn extent(file: &Record) -> (i64, i64) {
    (file.int("size"), file.hidden["pages"].as_i64().unwrap_or(1))
}

/// The file of this account that evidence names.
pub(crate) fn evidence(
    tx: &Tx<'_>,
    owner: &str,
    id: &str,
    param: &str,
) -> Result<std::sync::Arc<Record>, ApiError> {
    let file = tx
        .find(Kind::File, owner, id)
        .ok_or_else(|| ApiError::missing(Kind::File.noun(), id, param))?;
    let expired = file.value["expires_at"]
        .as_i64()
        .is_some_and(|at| at <= tx.now);
    let fits = match file.text("purpose") {
        "dispute_evidence" => true,
        "customer_signature" => param.ends_with("[customer_signature]"),
        _ => false,
    };
    if expired || !fits {
        let why = if expired {
            "has expired"
        } else {
            "isn't dispute_evidence"
        };
        return Err(ApiError::invalid(format!("The file {id} {why}.")).param(param));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_of_a_pdf_are_counted_and_their_tree_is_not() {
        let pdf =
            b"%PDF-1.7\n<</Type /Pages /Count 2>> <</Type /Page>> <</Type/Page/Parent 1 0 R>>";
        assert_eq!(pages("pdf", pdf), 2);
        assert_eq!(pages("pdf", b"%PDF-1.7"), 1);
        assert_eq!(pages("png", pdf), 1);
    }
}

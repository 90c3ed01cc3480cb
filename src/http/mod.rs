//! Shared by all routes: extractors, problems, paging, idempotency, headers.

mod address;
mod extract;
pub mod headers;
mod idempotency;
mod metadata;
mod paging;
mod problem;
pub mod public;
pub mod retry_contention;

pub use address::ClientAddress;
pub use extract::{BODY_LIMIT, FILE_LIMIT, FileBody};
pub use extract::{
    FilterValue, Filters, Form, JsonObject, Path, Query, Unpaged, ValidJson, json_object,
    json_objects, some_json_object,
};
pub use idempotency::{IdempotentJson, delete_expired_keys};
pub use metadata::{check_metadata, deserialize_some, merge_metadata};
pub use paging::{List, Paginate, Paging, page_by_time};
pub use problem::KeyRefused;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use crate::config::{Config, origin};
use crate::error::{Error, Result};

/// 200 and a JSON body.
pub type Answer<T> = crate::error::Result<Json<T>>;

/// The query of a list that has no filters.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoFilters {}

/// The JSON body `{}` of a POST without parameters.
#[derive(Debug, serde::Deserialize, validator::Validate)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// The address that a caller gives in field `param`, if its origin is allowed: otherwise anybody could send others elsewhere
/// through us.
///
/// # Errors
/// Names the field.
pub fn allowed_redirect(config: &Config, param: &str, given: String) -> Result<String> {
    let allowed = given.len() <= 2048
        && url::Url::parse(&given).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && config.redirect_origins.contains(&origin(&url))
        });
    if allowed {
        Ok(given)
    } else {
        Err(Error::invalid(
            param,
            format!("{param} is not on an allowed origin (ALLOWED_REDIRECT_ORIGINS)."),
        ))
    }
}

/// The address of an app, such as `myapp://checkout`, if its scheme is allowed.
pub fn app_link(config: &Config, given: &str) -> Option<url::Url> {
    let url = url::Url::parse(given).ok()?;
    let is_allowed = config
        .app_schemes
        .iter()
        .any(|scheme| scheme == url.scheme());
    (given.len() <= 2048 && is_allowed && url.has_host()).then_some(url)
}

/// Where a buyer is to go in the end, as a caller gives it in field `param`, if that is allowed: a page of the shop's, or an app.
///
/// # Errors
/// Names the field.
pub fn allowed_return(config: &Config, param: &str, given: String) -> Result<String> {
    match app_link(config, &given) {
        Some(_) => Ok(given),
        None => allowed_redirect(config, param, given),
    }
}

/// Checks that a text has the form of one of Stripe's ids, which begin with `prefix`.
///
/// # Errors
/// Names the field.
pub fn check_stripe_id(param: &str, prefix: &str, given: &str) -> Result<()> {
    let tail = given.strip_prefix(prefix).unwrap_or_default();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !tail.is_empty() && tail.chars().all(is_plain) && given.len() <= 255 {
        return Ok(());
    }
    Err(Error::invalid(
        param,
        format!("{param} is an id of Stripe's that begins with {prefix}."),
    ))
}

/// An address that a buyer is shown and mailed. Only the web's: no scripts, no files. And no user before the host, which
/// would make another host's name look like the address'.
///
/// # Errors
/// Names the field.
pub fn web_address(param: &str, given: &str) -> Result<String> {
    let url = url::Url::parse(given).ok().filter(|url| {
        let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
        is_web && url.username().is_empty() && url.password().is_none()
    });
    let short = |url: &url::Url| given.len() <= 2048 && url.as_str().len() <= 2048;
    url.filter(short).map(String::from).ok_or_else(|| {
        let is = "is an http or https address of at most 2048 characters";
        Error::invalid(param, format!("{param} {is}."))
    })
}

/// An HTML page. The variable parts of `body` must have gone through `escape`.
pub fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let html = include_str!("page.html")
        .replace("{title}", &escape(title))
        .replace("{body}", body);
    (status, Html(html)).into_response()
}

/// Escapes a text for HTML content and attributes.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

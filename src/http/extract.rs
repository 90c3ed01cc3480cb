//! Bodies, queries and paths in: read, checked, and refused with the name of the field that is wrong.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use validator::{Validate, ValidationErrors, ValidationErrorsKind};

use crate::error::{Error, Result};

use super::Paging;

/// Bytes that an API body may have.
pub const BODY_LIMIT: usize = 64 * 1024;

/// A JSON body that holds to its type and its rules.
pub struct Valid<T>(pub T);

impl<T: DeserializeOwned + Validate, S: Send + Sync> FromRequest<S> for Valid<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let bytes = json_bytes(request, state).await?;
        parse(&bytes).map(Self)
    }
}

/// The raw bytes of a JSON body.
pub(super) async fn json_bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes> {
    if !is_type(request.headers(), "application/json") {
        return Err(Error::UnsupportedMediaType("application/json"));
    }
    body_bytes(request, state).await
}

async fn body_bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes> {
    Bytes::from_request(request, state)
        .await
        .map_err(|rejection| {
            if rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
                Error::PayloadTooLarge(BODY_LIMIT)
            } else {
                Error::MalformedJson("The body broke off.".to_owned())
            }
        })
}

fn is_type(headers: &HeaderMap, wanted: &str) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case(wanted))
}

/// Reads a body and checks its rules.
pub(super) fn parse<T: DeserializeOwned + Validate>(bytes: &[u8]) -> Result<T> {
    refuse_nul(bytes)?;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value: T = serde_path_to_error::deserialize(&mut deserializer).map_err(|e| {
        let path = e.path().to_string();
        let e = e.into_inner();
        if e.is_syntax() || e.is_eof() {
            Error::MalformedJson(format!("The body is not JSON: {e}"))
        } else {
            field_error(&path, &e.to_string())
        }
    })?;
    deserializer
        .end()
        .map_err(|e| Error::MalformedJson(format!("The body is not JSON: {e}")))?;
    check(&value)?;
    Ok(value)
}

/// PostgreSQL keeps no NUL in a text; refused here, it can't become a failure in the middle of something.
fn refuse_nul(bytes: &[u8]) -> Result<()> {
    if !bytes.windows(6).any(|six| six == b"\\u0000") {
        return Ok(());
    }
    // Rare enough to be read twice, to name the field.
    let value: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    match nul_path(&value, String::new()) {
        Some(param) => Err(Error::invalid(
            param,
            "A text holds no NUL character (\\u0000).",
        )),
        None => Ok(()),
    }
}

fn nul_path(value: &serde_json::Value, path: String) -> Option<String> {
    match value {
        serde_json::Value::String(text) => text.contains('\0').then_some(path),
        serde_json::Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(at, item)| nul_path(item, format!("{path}[{at}]")))
        }
        serde_json::Value::Object(fields) => fields.iter().find_map(|(name, field)| {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            if name.contains('\0') {
                Some(path.replace('\0', ""))
            } else {
                nul_path(field, path)
            }
        }),
        _ => None,
    }
}

/// serde names an unknown or missing field in its text, and its parent in the path.
fn field_error(path: &str, text: &str) -> Error {
    let text = text.split(" at line ").next().unwrap_or(text);
    let parent = if path == "." { "" } else { path };
    let join = |field: &str| match parent {
        "" => field.to_owned(),
        parent if parent.ends_with(field) => parent.to_owned(),
        parent => format!("{parent}.{field}"),
    };
    let quoted = |prefix: &str| text.strip_prefix(prefix)?.split('`').next();
    if let Some(field) = quoted("unknown field `") {
        return Error::invalid(join(field), format!("There is no field {field} here."));
    }
    if let Some(field) = quoted("missing field `") {
        return Error::invalid(join(field), format!("{field} is missing."));
    }
    let param = if parent.is_empty() { "body" } else { parent };
    Error::invalid(param, format!("{param}: {text}."))
}

fn check<T: Validate>(value: &T) -> Result<()> {
    match value.validate() {
        Ok(()) => Ok(()),
        Err(errors) => Err(first_fault("", &errors)),
    }
}

/// The first wrong field, by name, so that the same body always gets the same answer.
fn first_fault(parent: &str, errors: &ValidationErrors) -> Error {
    let mut fields: Vec<_> = errors.errors().iter().collect();
    fields.sort_by_key(|(name, _)| name.to_string());
    let Some((name, kind)) = fields.into_iter().next() else {
        return Error::invalid("body", "The body is not valid.");
    };
    let path = if parent.is_empty() {
        name.to_string()
    } else {
        format!("{parent}.{name}")
    };
    match kind {
        ValidationErrorsKind::Struct(inner) => first_fault(&path, inner),
        ValidationErrorsKind::List(items) => match items.iter().next() {
            Some((at, inner)) => first_fault(&format!("{path}[{at}]"), inner),
            None => Error::invalid(path, "A part of it is not valid."),
        },
        ValidationErrorsKind::Field(faults) => {
            let message = faults
                .first()
                .and_then(|fault| fault.message.as_deref().map(str::to_owned));
            let message = message.unwrap_or_else(|| format!("{path} is not valid."));
            Error::invalid(path, message)
        }
    }
}

/// An `application/x-www-form-urlencoded` body, from one of our own pages.
pub struct Form<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        if !is_type(request.headers(), "application/x-www-form-urlencoded") {
            return Err(Error::UnsupportedMediaType(
                "application/x-www-form-urlencoded",
            ));
        }
        let bytes = body_bytes(request, state).await?;
        from_pairs(pairs(&bytes)).map(Self)
    }
}

/// A list's query: its paging, and its own filters `F`. Names that are neither are refused.
pub struct Filters<F>(pub F, pub Paging);

impl<F: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Filters<F> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let all = pairs(parts.uri.query().unwrap_or_default().as_bytes());
        let (paging, filters) = Paging::split(all, parts.uri.path())?;
        Ok(Self(from_pairs(filters)?, paging))
    }
}

/// The query of a page; names it doesn't know are passed over, since others append theirs to addresses.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        from_pairs(pairs(parts.uri.query().unwrap_or_default().as_bytes())).map(Self)
    }
}

fn pairs(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).into_owned().collect()
}

fn from_pairs<T: DeserializeOwned>(pairs: Vec<(String, String)>) -> Result<T> {
    if let Some((name, _)) = pairs
        .iter()
        .find(|(name, value)| name.contains('\0') || value.contains('\0'))
    {
        return Err(Error::invalid(
            name.replace('\0', ""),
            "A query holds no NUL character.",
        ));
    }
    let given: Vec<String> = pairs.iter().map(|(name, _)| name.clone()).collect();
    for (at, name) in given.iter().enumerate() {
        if given[..at].contains(name) {
            return Err(Error::invalid(name, format!("{name} is given twice.")));
        }
    }
    let text = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    let deserializer = serde_urlencoded::Deserializer::new(form_urlencoded::parse(text.as_bytes()));
    serde_path_to_error::deserialize(deserializer).map_err(|e| {
        let path = e.path().to_string();
        field_error(&path, &e.into_inner().to_string())
    })
}

/// The variable parts of a path. One that can't be read names nothing: 404.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        if parts.uri.path().contains("%00") {
            return Err(Error::NoRoute);
        }
        axum::extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map(|path| Self(path.0))
            .map_err(|_| Error::NoRoute)
    }
}

//! Extractors of bodies, queries and paths. A refusal names the field that is wrong.

use std::borrow::Cow;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor, value};
use validator::{Validate, ValidationErrors, ValidationErrorsKind};

use crate::client_secrets;
use crate::error::{Error, Result};

use super::Paging;

/// The most bytes of an API body.
pub const BODY_LIMIT: usize = 64 * 1024;

/// The most bytes of a file that is sent as a body: what Stripe takes of a file for a dispute (docs.stripe.com/file-upload).
pub const FILE_LIMIT: usize = 5_000_000;

/// A JSON body, read as `T` and checked by its `Validate` rules.
pub struct ValidJson<T>(pub T);

impl<T: DeserializeOwned + Validate, S: Send + Sync> FromRequest<S> for ValidJson<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let bytes = json_bytes(request, state).await?;
        parse(&bytes).map(Self)
    }
}

/// The raw bytes of a JSON body. A request without a body, as `curl -X POST` sends it, counts as `{}`.
pub(super) async fn json_bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes> {
    let untyped = !request.headers().contains_key(header::CONTENT_TYPE);
    if !untyped && !is_type(request.headers(), "application/json") {
        return Err(Error::UnsupportedMediaType("application/json"));
    }
    let bytes = body_bytes(request, state, BODY_LIMIT).await?;
    match (untyped, bytes.is_empty()) {
        (true, true) => Ok(Bytes::from_static(b"{}")),
        (true, false) => Err(Error::UnsupportedMediaType("application/json")),
        (false, _) => Ok(bytes),
    }
}

/// The bytes of a body. `limit` is the route's own, for the refusal.
async fn body_bytes<S: Send + Sync>(request: Request, state: &S, limit: usize) -> Result<Bytes> {
    Bytes::from_request(request, state)
        .await
        .map_err(|rejection| {
            if rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
                Error::PayloadTooLarge(limit)
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
    well_formed(bytes)?;
    refuse_texts(bytes)?;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let JsonObject(value) = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|e| field_error(&e.path().to_string(), &e.into_inner().to_string()))?;
    check(&value)?;
    Ok(value)
}

/// A JSON object read as a `T`. serde's derive alone would accept an array too, as the fields' values in their order.
#[derive(Debug)]
pub struct JsonObject<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for JsonObject<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = T;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(value::MapAccessDeserializer::new(map))
            }
        }
        deserializer
            .deserialize_map(ObjectVisitor(std::marker::PhantomData))
            .map(Self)
    }
}

/// For a field that is an object: `#[serde(deserialize_with = "json_object")]`.
pub fn json_object<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    JsonObject::deserialize(deserializer).map(|JsonObject(one)| one)
}

/// For a field that is an object, or left out: `#[serde(default, deserialize_with = "some_json_object")]`.
pub fn some_json_object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    json_object(deserializer).map(Some)
}

/// For a field that is a list of objects: `#[serde(deserialize_with = "json_objects")]`.
pub fn json_objects<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let all: Vec<JsonObject<T>> = Deserialize::deserialize(deserializer)?;
    Ok(all.into_iter().map(|JsonObject(one)| one).collect())
}

/// Checks that the body is JSON, before its fields are read: serde_json reports some fields of a wrong type as malformed
/// JSON.
fn well_formed(bytes: &[u8]) -> Result<()> {
    let not_json =
        |why: &dyn std::fmt::Display| Error::MalformedJson(format!("The body is not JSON: {why}"));
    std::str::from_utf8(bytes).map_err(|e| not_json(&e))?;
    serde_json::from_slice::<IgnoredAny>(bytes).map_err(|e| not_json(&e))?;
    Ok(())
}

/// Refuses NUL characters, since PostgreSQL can't store them in a text, and client secrets, which we must not store.
fn refuse_texts(bytes: &[u8]) -> Result<()> {
    // A backslash may hide either.
    let may_hold = bytes.contains(&b'\\') || bytes.windows(8).any(|eight| eight == b"_secret_");
    if !may_hold {
        return Ok(());
    }
    // A second read names the field; this is rare.
    let value: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    if let Some(param) = path_of(&value, &client_secrets::is_in, String::new()) {
        let param = Some(client_secrets::masked(&param).into_owned());
        return Err(Error::ClientSecret { param });
    }
    match path_of(&value, &|text| text.contains('\0'), String::new()) {
        Some(param) => Err(Error::invalid(
            param.replace('\0', ""),
            "A text holds no NUL character (\\u0000).",
        )),
        None => Ok(()),
    }
}

/// The path of the first text, or name of a field, that is so.
fn path_of(
    value: &serde_json::Value,
    is_so: &impl Fn(&str) -> bool,
    path: String,
) -> Option<String> {
    match value {
        serde_json::Value::String(text) => is_so(text).then_some(path),
        serde_json::Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(at, item)| path_of(item, is_so, format!("{path}[{at}]")))
        }
        serde_json::Value::Object(fields) => fields.iter().find_map(|(name, field)| {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            match is_so(name) {
                true => Some(path),
                false => path_of(field, is_so, path),
            }
        }),
        _ => None,
    }
}

/// An error with the field's path. serde names an unknown or missing field in its message, and its parent in the path.
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
    // serde_json's message where an enum's variant was expected.
    if text == "expected value" {
        return Error::invalid(param, format!("{param} is not of the right type."));
    }
    Error::invalid(param, format!("{param}: {text}."))
}

fn check<T: Validate>(value: &T) -> Result<()> {
    match value.validate() {
        Ok(()) => Ok(()),
        Err(errors) => Err(first_fault("", &errors)),
    }
}

/// The first wrong field in alphabetical order, so that the same body always gets the same answer.
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

/// An `application/x-www-form-urlencoded` body, as our own pages send it.
pub struct Form<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        if !is_type(request.headers(), "application/x-www-form-urlencoded") {
            return Err(Error::UnsupportedMediaType(
                "application/x-www-form-urlencoded",
            ));
        }
        let bytes = body_bytes(request, state, BODY_LIMIT).await?;
        let all = pairs(&bytes);
        refuse_client_secrets(&all)?;
        from_pairs(all).map(Self)
    }
}

/// A file that is the whole body, of a type that Stripe takes for disputes.
pub struct FileBody {
    /// `application/pdf`, `image/jpeg` or `image/png`.
    pub content_type: &'static str,
    /// All of it.
    pub bytes: Bytes,
}

/// The types, each with how its files begin.
const FILE_TYPES: [(&str, &[u8]); 3] = [
    ("application/pdf", b"%PDF-"),
    ("image/jpeg", b"\xff\xd8\xff"),
    ("image/png", b"\x89PNG\r\n\x1a\n"),
];

impl FileBody {
    /// Reads it. What a file says of its type must be what its bytes say.
    ///
    /// # Errors
    /// 413, 415, and 422 for bytes of another type.
    pub async fn read(request: Request) -> Result<Self> {
        let headers = request.headers();
        let declared = FILE_TYPES.iter().find(|(name, _)| is_type(headers, name));
        let Some((content_type, beginning)) = declared else {
            return Err(Error::UnsupportedMediaType(
                "application/pdf, image/jpeg or image/png",
            ));
        };
        let bytes = body_bytes(request, &(), FILE_LIMIT).await?;
        if !bytes.starts_with(beginning) {
            let other = format!("The bytes of the file are not those of {content_type}.");
            return Err(Error::invalid("body", other));
        }
        Ok(Self {
            content_type,
            bytes,
        })
    }
}

/// A list's query: its paging and its filters `F`. Other names are refused.
pub struct Filters<F>(pub F, pub Paging);

impl<F: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Filters<F> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let all = pairs(parts.uri.query().unwrap_or_default().as_bytes());
        refuse_client_secrets(&all)?;
        refuse_repeated(&all)?;
        let (paging, filters) = Paging::split(all, parts.uri.path())?;
        Ok(Self(from_pairs(filters)?, paging))
    }
}

/// The query of a list without pages: its filters `F`. The paging parameters are refused like any other name.
pub struct Unpaged<F>(pub F, pub Paging);

impl<F: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Unpaged<F> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let all = pairs(parts.uri.query().unwrap_or_default().as_bytes());
        refuse_client_secrets(&all)?;
        Ok(Self(from_pairs(all)?, Paging::new(parts.uri.path())))
    }
}

/// The query of an HTML page. Unknown names are ignored, since trackers append theirs to addresses.
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
    refuse_repeated(&pairs)?;
    let text = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    let deserializer = serde_urlencoded::Deserializer::new(form_urlencoded::parse(text.as_bytes()));
    serde_path_to_error::deserialize(deserializer).map_err(|e| {
        let path = e.path().to_string();
        field_error(&path, &e.into_inner().to_string())
    })
}

fn refuse_client_secrets(pairs: &[(String, String)]) -> Result<()> {
    let holds = |(name, value): &&(String, String)| {
        client_secrets::is_in(name) || client_secrets::is_in(value)
    };
    match pairs.iter().find(holds) {
        Some((name, _)) => Err(Error::ClientSecret {
            param: Some(client_secrets::masked(name).into_owned()),
        }),
        None => Ok(()),
    }
}

fn refuse_repeated(pairs: &[(String, String)]) -> Result<()> {
    for (at, (name, _)) in pairs.iter().enumerate() {
        if pairs[..at].iter().any(|(earlier, _)| earlier == name) {
            return Err(Error::invalid(name, format!("{name} is given twice.")));
        }
    }
    Ok(())
}

/// A name or id to filter by: a lower-case letter, then letters, digits and `_ . : -`, 255 characters at most. Anything
/// else is refused, since it could only give an empty list.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct FilterValue(String);

impl TryFrom<String> for FilterValue {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
        let begins = text.starts_with(|c: char| c.is_ascii_lowercase());
        match begins && text.len() <= 255 && text.chars().all(plain) {
            true => Ok(Self(text)),
            false => Err("not a name or id that could be found"),
        }
    }
}

impl AsRef<str> for FilterValue {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for FilterValue {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.to_owned().try_into()
    }
}

/// The variable parts of a path; 404 if they can't be read.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        if parts.uri.path().contains("%00") {
            return Err(Error::NoRoute);
        }
        if let Cow::Owned(_) = client_secrets::masked_path(parts.uri.path()) {
            return Err(Error::ClientSecret { param: None });
        }
        axum::extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map(|path| Self(path.0))
            .map_err(|_| Error::NoRoute)
    }
}

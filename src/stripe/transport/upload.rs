//! Files go to Stripe's host for files, as `multipart/form-data` (docs.stripe.com/file-upload).

use bytes::Bytes;
use futures_util::stream::BoxStream;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde::de::DeserializeOwned;

use super::{API_VERSION, Body, Host, Scope, Sent, view};
use crate::error::{Error, Result};

/// A file for Stripe.
pub struct Upload<'a> {
    /// Stripe's `purpose`, such as `dispute_evidence`.
    pub purpose: &'a str,
    /// Shown in Stripe's dashboard.
    pub filename: &'a str,
    /// Such as `application/pdf`.
    pub content_type: &'a str,
    /// Bytes.
    pub size: u64,
    /// The file from its beginning, part by part. Each try reads it anew.
    pub content: &'a (dyn Fn() -> BoxStream<'static, Result<Bytes>> + Sync),
}

impl Upload<'_> {
    /// The body of a try. A stream that breaks off or is of another size breaks off the request, and Stripe keeps nothing.
    pub(super) fn form(&self) -> Result<Form> {
        let body = reqwest::Body::wrap_stream((self.content)());
        let part = Part::stream_with_length(body, self.size)
            .file_name(self.filename.to_owned())
            .mime_str(self.content_type)
            .map_err(|e| Error::internal(format!("the type of a file: {e}")))?;
        let form = Form::new().text("purpose", self.purpose.to_owned());
        Ok(form.part("file", part))
    }
}

impl Scope {
    /// Uploads a file under an idempotency key. It is sent as it is read, and never whole in memory.
    ///
    /// # Errors
    /// As [`super::Stripe::send`].
    pub async fn upload<V: DeserializeOwned>(&self, file: &Upload<'_>, key: &str) -> Result<V> {
        let sent = Sent {
            method: Method::POST,
            host: Host::Files,
            path: "/v1/files".to_owned(),
            body: Some(Body::File(file)),
            key: Some(key),
            version: API_VERSION,
        };
        view(self.send_with_retries(&sent).await?)
    }
}

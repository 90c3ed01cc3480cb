//! Files go to Stripe's host for files, as `multipart/form-data` (docs.stripe.com/file-upload).

use bytes::{Bytes, BytesMut};
use reqwest::Method;
use serde::de::DeserializeOwned;

use super::{API_VERSION, Body, Host, Scope, Sent, view};
use crate::error::Result;
use crate::ids;

/// A file for Stripe.
#[derive(Clone, Debug)]
pub struct Upload<'a> {
    /// Stripe's `purpose`, such as `dispute_evidence`.
    pub purpose: &'a str,
    /// Shown in Stripe's dashboard. Quotes and line ends are left out.
    pub filename: &'a str,
    /// Such as `application/pdf`.
    pub content_type: &'a str,
    /// The file itself.
    pub bytes: Bytes,
}

impl Scope {
    /// Uploads a file under an idempotency key.
    ///
    /// # Errors
    /// As [`super::Stripe::send`].
    pub async fn upload<V: DeserializeOwned>(&self, file: &Upload<'_>, key: &str) -> Result<V> {
        // A boundary that nobody can have put into the file.
        let boundary = ids::random_token();
        let sent = Sent {
            method: Method::POST,
            host: Host::Files,
            path: "/v1/files".to_owned(),
            body: Some(Body::Multipart {
                content_type: format!("multipart/form-data; boundary={boundary}"),
                bytes: encode(file, &boundary),
            }),
            key: Some(key),
            version: API_VERSION,
        };
        view(self.send_with_retries(&sent).await?)
    }
}

/// The body of an upload (RFC 7578).
fn encode(file: &Upload<'_>, boundary: &str) -> Bytes {
    let plain = |c: &char| !c.is_control() && !matches!(c, '"' | '\\');
    let filename: String = file.filename.chars().filter(plain).collect();
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n{}\r\n--{boundary}\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"{filename}\"\r\nContent-Type: {}\r\n\r\n",
        file.purpose, file.content_type,
    );
    let tail = format!("\r\n--{boundary}--\r\n");
    let mut body = BytesMut::with_capacity(head.len() + file.bytes.len() + tail.len());
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(&file.bytes);
    body.extend_from_slice(tail.as_bytes());
    body.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_not_end_its_header() {
        let file = Upload {
            purpose: "dispute_evidence",
            filename: "a\"\r\nX: y\\.pdf",
            content_type: "application/pdf",
            bytes: Bytes::from_static(b"%PDF-"),
        };
        let body = encode(&file, "b");
        let text = String::from_utf8_lossy(&body);
        assert!(text.contains("filename=\"aX: y.pdf\"\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\n%PDF-\r\n--b--\r\n"), "{text}");
    }
}

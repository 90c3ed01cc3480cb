//! Uploads: `multipart/form-data` (<https://docs.stripe.com/file-upload>), read into the form that every route takes.

use axum::body::{Body, Bytes};
use base64::Engine as _;
use url::form_urlencoded::Serializer;

use crate::error::ApiError;

/// The path that takes uploads.
pub(super) const PATH: &str = "/v1/files";

/// The fields of an upload as a form. A file is a data URL with its name: `data:name=a.pdf;base64,…`.
pub(super) async fn form(content_type: Option<&str>, body: Bytes) -> Result<String, ApiError> {
    let boundary = content_type.and_then(|kind| multer::parse_boundary(kind).ok());
    let boundary = boundary.ok_or_else(|| {
        ApiError::invalid("Invalid request (check that your POST content type is multipart/form-data). If you have any questions, we can help at https://support.stripe.com/.")
    })?;
    let broken = |_| ApiError::invalid("Invalid request: the multipart body can't be read.");
    let mut parts = multer::Multipart::new(Body::from(body).into_data_stream(), boundary);
    let mut pairs = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        let name = part.name().unwrap_or_default().to_owned();
        let filename = part.file_name().map(str::to_owned);
        let bytes = part.bytes().await.map_err(broken)?;
        match filename {
            Some(filename) => {
                let filename = filename.replace(';', "_");
                let data = base64::engine::general_purpose::STANDARD.encode(&bytes);
                pairs.push((name, format!("data:name={filename};base64,{data}")));
            }
            None => {
                let text = std::str::from_utf8(&bytes);
                let text =
                    text.map_err(|_| ApiError::invalid("The request body isn't valid UTF-8."))?;
                pairs.push((name, text.to_owned()));
            }
        }
    }
    Ok(Serializer::new(String::new()).extend_pairs(pairs).finish())
}

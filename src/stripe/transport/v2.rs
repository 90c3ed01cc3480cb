//! Requests to `/v2/…` and its lists (docs.stripe.com/api-v2-overview).

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};

/// A request to `/v2/…`, whose body is JSON (docs.stripe.com/api-v2-overview).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct V2Request {
    /// With its query, such as `/v2/core/accounts?limit=20`.
    pub path: String,
    /// None: a GET.
    pub body: Option<Value>,
}

/// A page of one of the lists of `/v2/…` (docs.stripe.com/api-v2-overview#list-pagination).
#[derive(Debug, Deserialize)]
pub struct V2Page {
    /// The objects, raw.
    pub data: Vec<Value>,
    next_page_url: Option<String>,
}

impl V2Page {
    /// The request for the page behind this one. None: this is the last.
    ///
    /// # Errors
    /// Stripe names an address that is none of its own `/v2/…`.
    pub fn next(&self) -> Result<Option<V2Request>> {
        let Some(url) = self.next_page_url.as_deref() else {
            return Ok(None);
        };
        // Only path and query count: our key must never follow an address elsewhere.
        let path = url.find("/v2/").map(|at| url[at..].to_owned());
        let path =
            path.ok_or_else(|| Error::internal("a next_page_url of Stripe's is none of /v2/"))?;
        Ok(Some(V2Request { path, body: None }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(next: Option<&str>) -> V2Page {
        V2Page {
            data: Vec::new(),
            next_page_url: next.map(str::to_owned),
        }
    }

    #[test]
    fn a_next_page_is_asked_of_the_same_server_whatever_host_its_address_names() {
        let path = "/v2/core/accounts?limit=20&page=page_2";
        for url in [
            path.to_owned(),
            format!("https://api.stripe.com{path}"),
            format!("https://elsewhere.example{path}"),
        ] {
            let next = page(Some(&url)).next().expect("an address of /v2/");
            let body = None;
            let path = path.to_owned();
            assert_eq!(next, Some(V2Request { path, body }), "{url}");
        }
        assert_eq!(page(None).next().expect("the last"), None);
        assert!(page(Some("https://elsewhere.example/")).next().is_err());
    }
}

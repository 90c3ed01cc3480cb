//! Asks the server at `PUBLIC_URL` whether its endpoints can be reached, and which signing secrets it takes.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;
use souk_entity::Timestamp;

use crate::config::Config;
use crate::db::assert_no_open_transaction;
use crate::error::{Error, Result};

use super::destinations::Destination;
use super::signature;

const TIMEOUT: Duration = Duration::from_secs(5);
/// Signed correctly, it is refused for its content and stored nowhere.
const BODY: &str = "{}";

/// The answer of an endpoint to a delivery that we have signed ourselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// The signature counts.
    Accepted,
    /// The server has other secrets.
    OtherSecret,
    /// The server's clock and ours are minutes apart.
    OtherTime,
    /// Something else answered, in these words.
    NotSouk(String),
    /// Nobody answered.
    Unreachable(String),
}

/// Posts a delivery without an event to an endpoint, signed with a secret.
///
/// # Errors
/// The HTTP client could not be built.
pub async fn probe(
    config: &Config,
    destination: Destination,
    secret: &SecretString,
    now: Timestamp,
) -> Result<Probe> {
    assert_no_open_transaction();
    let client = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|e| Error::internal(format!("HTTP client: {e}")))?;
    let sent = client
        .post(config.page(destination.path()))
        .header("Content-Type", "application/json; charset=utf-8")
        .header(
            "Stripe-Signature",
            signature::sign(secret, now, BODY.as_bytes())?,
        )
        .body(BODY)
        .send()
        .await;
    let response = match sent {
        Ok(response) => response,
        Err(e) if e.is_timeout() => return Ok(Probe::Unreachable("no answer in 5 s".to_owned())),
        Err(e) if e.is_connect() => return Ok(Probe::Unreachable("no connection".to_owned())),
        Err(_) => return Ok(Probe::Unreachable("the connection broke off".to_owned())),
    };
    let status = response.status().as_u16();
    let problem: Value = match response.bytes().await {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
        Err(_) => return Ok(Probe::Unreachable("the connection broke off".to_owned())),
    };
    Ok(match problem["code"].as_str() {
        Some("malformed_event") => Probe::Accepted,
        Some("invalid_signature" | "wrong_secret") => Probe::OtherSecret,
        Some("timestamp_out_of_tolerance") => Probe::OtherTime,
        Some(code) => Probe::NotSouk(format!("status {status}, {code}")),
        None => Probe::NotSouk(format!("status {status}")),
    })
}

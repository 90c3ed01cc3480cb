//! The only source of ids and random secrets.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng;
use sha2::{Digest, Sha256};
use souk_entity::{RowId, Timestamp};
use uuid::{ContextV7, Uuid};

static CONTEXT: std::sync::Mutex<ContextV7> = std::sync::Mutex::new(ContextV7::new());

/// A new id: the prefix, an underscore, and a UUID version 7 in hex. Ids sort by their time, and within one process also in
/// the same millisecond.
#[expect(clippy::disallowed_methods, reason = "this room is where ids are made")]
pub fn new<I: RowId>(at: Timestamp) -> I {
    let seconds = u64::try_from(at.seconds()).unwrap_or_default();
    let nanos = u32::try_from(at.0.rem_euclid(1000)).unwrap_or_default() * 1_000_000;
    let context = CONTEXT
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let uuid = Uuid::new_v7(uuid::Timestamp::from_unix(&*context, seconds, nanos));
    drop(context);
    I::from(format!("{}_{}", I::PREFIX, uuid.simple()))
}

/// 256 random bits as 43 URL-safe characters.
pub fn random_token() -> String {
    let mut bytes = [0_u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A random number from 0 to `end − 1`, for jitter.
pub fn random_below(end: i64) -> i64 {
    use rand::RngExt;
    if end <= 0 {
        0
    } else {
        rand::rng().random_range(0..end)
    }
}

/// SHA-256 in hex. Tokens and secrets are stored in this form.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

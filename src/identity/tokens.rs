//! Signatures: access tokens, states that come back through a browser, the secrets of guests' orders, and the codes that are mailed
//! to addresses. Each kind has a key of its own, derived from `JWT_SECRET`, so that none can be used as another.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use souk_entity::{AddressVerificationId, OrderId, SessionId, Timestamp, UserId};

use crate::app::App;
use crate::config::Config;
use crate::error::{Error, Result};

/// The life of an access token.
pub(super) const ACCESS_SECONDS: i64 = 600;

const ISSUER: &str = "souk";
const AUDIENCE: &str = "souk:api";
/// RFC 9068's `typ`: no other kind of JWT is accepted as an access token.
const ACCESS_TYPE: &str = "at+jwt";

const ACCESS_KEY: &str = "souk access token 1";
const STATE_KEY: &str = "souk state 1";
const ORDER_KEY: &str = "souk order secret 1";
const ADDRESS_KEY: &str = "souk address code 1";
/// How many codes there are: those of eight digits.
const CODES: u64 = 100_000_000;

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: SessionId,
    iat: i64,
    exp: i64,
}

/// A JWT of the user and the session, valid for `ACCESS_SECONDS`.
pub(super) fn access_token(
    config: &Config,
    now: Timestamp,
    user: &UserId,
    session: &SessionId,
) -> Result<String> {
    let header = Header {
        typ: Some(ACCESS_TYPE.to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    let claims = Claims {
        iss: ISSUER.to_owned(),
        aud: AUDIENCE.to_owned(),
        sub: user.clone(),
        sid: session.clone(),
        iat: now.seconds(),
        exp: now.seconds() + ACCESS_SECONDS,
    };
    let key = EncodingKey::from_secret(&derived_key(config, ACCESS_KEY));
    jsonwebtoken::encode(&header, &claims, &key)
        .map_err(|e| Error::internal(format!("signing an access token: {e}")))
}

/// The user and the session of an access token. `invalid_token` if it is malformed, not ours, of another kind, or
/// expired.
pub(super) fn read_access_token(
    config: &Config,
    now: Timestamp,
    token: &str,
) -> Result<(UserId, SessionId)> {
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    rules.set_issuer(&[ISSUER]);
    rules.set_audience(&[AUDIENCE]);
    // The library would read the machine's clock; `exp` is compared with ours below.
    rules.validate_exp = false;
    let key = DecodingKey::from_secret(&derived_key(config, ACCESS_KEY));
    let token = jsonwebtoken::decode::<Claims>(token, &key, &rules)
        .map_err(|_| invalid("The access token is not one of ours. Log in again."))?;
    if token.header.typ.as_deref() != Some(ACCESS_TYPE) {
        return Err(invalid("This is no access token."));
    }
    if token.claims.exp <= now.seconds() {
        return Err(invalid(
            "The access token is expired. Renew it with POST /v1/auth/refresh.",
        ));
    }
    Ok((token.claims.sub, token.claims.sid))
}

/// 401 `invalid_token`.
pub(super) fn invalid(detail: &'static str) -> Error {
    Error::Unauthenticated("invalid_token", detail)
}

/// A signed text with a purpose, a subject and an end, safe in a URL. It is not encrypted and can be used more than once.
/// `purpose` is a constant of the calling room.
pub fn sign_state(app: &App, purpose: &str, subject: &str, ttl_ms: i64) -> String {
    let expires = app.clock.now().plus_ms(ttl_ms);
    state(&app.config, purpose, subject, expires)
}

/// The subject of a state that was signed for this purpose. None: it was altered, is for another purpose, or has expired.
pub fn open_state(app: &App, purpose: &str, state: &str) -> Option<String> {
    read_state(&app.config, app.clock.now(), purpose, state)
}

/// The secret by which a guest proves access to an order. It is derived from the order's id, so only its
/// `ids::sha256_hex` is stored.
pub fn order_secret(app: &App, order: &OrderId) -> String {
    let mac = mac(
        &derived_key(&app.config, ORDER_KEY),
        order.as_ref().as_bytes(),
    );
    format!(
        "ors_{}",
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    )
}

/// The code that proves an address, eight digits. It is derived from the verification's id, so neither a row nor a job holds it.
pub(super) fn address_code(config: &Config, id: &AddressVerificationId) -> String {
    let mac = mac(&derived_key(config, ADDRESS_KEY), id.as_ref().as_bytes());
    let bytes: [u8; 32] = mac.finalize().into_bytes().into();
    let [a, b, c, d, e, f, g, h, ..] = bytes;
    let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]) % CODES;
    format!("{number:08}")
}

fn state(config: &Config, purpose: &str, subject: &str, expires: Timestamp) -> String {
    let mac = state_mac(config, purpose, subject, expires).finalize();
    format!(
        "{}.{}.{}",
        expires.0,
        URL_SAFE_NO_PAD.encode(subject),
        URL_SAFE_NO_PAD.encode(mac.into_bytes())
    )
}

fn read_state(config: &Config, now: Timestamp, purpose: &str, state: &str) -> Option<String> {
    let mut parts = state.splitn(3, '.');
    let expires = Timestamp(parts.next()?.parse().ok()?);
    let subject = String::from_utf8(URL_SAFE_NO_PAD.decode(parts.next()?).ok()?).ok()?;
    let mac = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
    state_mac(config, purpose, &subject, expires)
        .verify_slice(&mac)
        .ok()?;
    (now < expires).then_some(subject)
}

/// A purpose has no line break and a time only digits, so no two states have the same text.
fn state_mac(config: &Config, purpose: &str, subject: &str, expires: Timestamp) -> Hmac<Sha256> {
    let text = format!("{purpose}\n{}\n{subject}", expires.0);
    mac(&derived_key(config, STATE_KEY), text.as_bytes())
}

/// The key of one kind of signature. Panics without a signing key: then nothing may be signed.
fn derived_key(config: &Config, kind: &str) -> [u8; 32] {
    let key = config.jwt_key();
    assert!(!key.is_empty(), "JWT_SECRET is neither given nor made");
    mac(key, kind.as_bytes()).finalize().into_bytes().into()
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn mac(key: &[u8], text: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(text);
    mac
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp(1_795_000_000_000);

    fn config(secret: &str) -> Config {
        let vars = [("JWT_SECRET".to_owned(), secret.to_owned())];
        Config::read(&vars.into()).expect("a long secret")
    }

    fn ours() -> Config {
        config("a secret of more than thirty-two characters")
    }

    fn good_claims() -> Value {
        json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "usr_1", "sid": "ses_1",
            "iat": NOW.seconds(), "exp": NOW.seconds() + ACCESS_SECONDS,
        })
    }

    fn signed(header: &Header, claims: &Value) -> String {
        let key = EncodingKey::from_secret(&derived_key(&ours(), ACCESS_KEY));
        jsonwebtoken::encode(header, claims, &key).expect("signs")
    }

    fn typed(typ: Option<&str>, algorithm: Algorithm) -> Header {
        Header {
            typ: typ.map(str::to_owned),
            ..Header::new(algorithm)
        }
    }

    fn is_read(token: &str) -> bool {
        read_access_token(&ours(), NOW, token).is_ok()
    }

    #[test]
    fn an_access_token_names_its_user_and_session_until_it_expires() {
        let (user, session) = (UserId::from("usr_1"), SessionId::from("ses_1"));
        let token = access_token(&ours(), NOW, &user, &session).expect("signs");
        let read = |seconds| read_access_token(&ours(), NOW.plus_ms(seconds * 1000), &token);
        assert_eq!(read(0).ok(), Some((user.clone(), session.clone())));
        assert_eq!(read(ACCESS_SECONDS - 1).ok(), Some((user, session)));
        assert!(read(ACCESS_SECONDS).is_err());
    }

    #[test]
    fn each_claim_is_required_and_must_be_ours() {
        let header = typed(Some(ACCESS_TYPE), Algorithm::HS256);
        assert!(is_read(&signed(&header, &good_claims())));
        for claim in ["iss", "aud", "sub", "sid", "iat", "exp"] {
            let mut claims = good_claims();
            claims.as_object_mut().expect("an object").remove(claim);
            assert!(!is_read(&signed(&header, &claims)), "read without {claim}");
        }
        for (claim, wrong) in [
            ("iss", json!("another")),
            ("aud", json!("another")),
            ("aud", json!(["another"])),
            ("exp", json!(NOW.seconds())),
            ("exp", json!("never")),
            ("sub", json!(null)),
        ] {
            let mut claims = good_claims();
            claims[claim] = wrong.clone();
            assert!(
                !is_read(&signed(&header, &claims)),
                "read with {claim} {wrong}"
            );
        }
    }

    #[test]
    fn only_our_algorithm_and_type_of_token_are_read() {
        for header in [
            typed(Some("JWT"), Algorithm::HS256),
            typed(None, Algorithm::HS256),
            typed(Some(ACCESS_TYPE), Algorithm::HS384),
            typed(Some(ACCESS_TYPE), Algorithm::HS512),
        ] {
            assert!(!is_read(&signed(&header, &good_claims())), "{header:?}");
        }
    }

    #[test]
    fn a_token_without_a_signature_or_by_another_key_is_refused() {
        let good = signed(&typed(Some(ACCESS_TYPE), Algorithm::HS256), &good_claims());
        let claims = good.split('.').nth(1).expect("three parts");
        for alg in ["none", "None", "NONE", "HS256"] {
            let header = json!({"alg": alg, "typ": ACCESS_TYPE}).to_string();
            let unsigned = format!("{}.{claims}.", URL_SAFE_NO_PAD.encode(header));
            assert!(!is_read(&unsigned), "{alg}");
        }
        let other = config("another secret of more than thirty-two characters");
        assert!(read_access_token(&other, NOW, &good).is_err());
        let raw = EncodingKey::from_secret(ours().jwt_key());
        let header = typed(Some(ACCESS_TYPE), Algorithm::HS256);
        let underived = jsonwebtoken::encode(&header, &good_claims(), &raw).expect("signs");
        assert!(!is_read(&underived), "the setting itself is no key");
        assert!(!is_read("") && !is_read("a.b.c") && !is_read(&good[..good.len() - 1]));
    }

    #[test]
    fn a_code_has_eight_digits_and_is_of_one_verification_and_one_secret() {
        let of = |config: &Config, id: &str| address_code(config, &AddressVerificationId::from(id));
        let code = of(&ours(), "avr_1");
        assert!(code.len() == 8 && code.bytes().all(|b| b.is_ascii_digit()));
        assert_eq!(code, of(&ours(), "avr_1"));
        assert_ne!(code, of(&ours(), "avr_2"));
        let other = config("another secret of more than thirty-two characters");
        assert_ne!(code, of(&other, "avr_1"));
    }

    #[test]
    fn a_state_opens_for_its_purpose_only_until_it_expires() {
        let state = state(&ours(), "onboarding", "sel_1", NOW.plus_ms(1000));
        let read = |ms, purpose| read_state(&ours(), NOW.plus_ms(ms), purpose, &state);
        assert_eq!(read(0, "onboarding").as_deref(), Some("sel_1"));
        assert_eq!(read(999, "onboarding").as_deref(), Some("sel_1"));
        assert_eq!(read(1000, "onboarding"), None);
        assert_eq!(read(0, "unsubscribe"), None);
        assert!(
            state
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        );
    }

    #[test]
    fn an_altered_state_does_not_open() {
        let state = state(&ours(), "onboarding", "sel_1", NOW.plus_ms(1000));
        let later = state.replacen("17950", "17951", 1);
        let other = state.replace(
            &URL_SAFE_NO_PAD.encode("sel_1"),
            &URL_SAFE_NO_PAD.encode("sel_2"),
        );
        for altered in [
            later.as_str(),
            &other,
            &state[..state.len() - 2],
            "",
            "..",
            "1.2.3",
        ] {
            assert_ne!(altered, state);
            assert_eq!(
                read_state(&ours(), NOW, "onboarding", altered),
                None,
                "{altered}"
            );
        }
        let stranger = config("another secret of more than thirty-two characters");
        assert_eq!(read_state(&stranger, NOW, "onboarding", &state), None);
    }
}

//! What a stranger can reach before the database: the signature header, the envelope, and what effects read of an object.
//!
//! An input is the line `NOW HEADER` and then the body.

#![no_main]

use std::collections::HashMap;

use hmac::{Hmac, KeyInit, Mac};
use libfuzzer_sys::fuzz_target;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::Sha256;
use souk::db::fit;
use souk::stripe::Event;
use souk::stripe::views::{Expandable, IdView, PayoutView, RefundView, SessionView};
use souk::webhooks::check_signature;
use souk_entity::Timestamp;

const SECRETS: [&str; 2] = ["whsec_new", "whsec_old"];
/// Far beyond any clock, and far enough from where numbers end.
const LATEST: i64 = 100_000_000_000;

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == b'\n');
    let (line, body) = end.map_or((&data[..0], data), |end| (&data[..end], &data[end + 1..]));
    let line = String::from_utf8_lossy(line);
    let (now, header) = line.split_once(' ').unwrap_or(("", &line));
    signature(header, body, now.parse().unwrap_or(0) % LATEST);
    envelope(body);
});

fn sign(secret: &str, at: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(format!("{at}.").as_bytes());
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// What Stripe signs is let in, with whatever a stranger writes before it, and nothing else is.
fn signature(header: &str, body: &[u8], now: i64) {
    let secrets = SECRETS.map(SecretString::from);
    let check = |header: &str, body: &[u8]| {
        check_signature(header, body, &secrets, Timestamp::from_seconds(now)).is_ok()
    };
    let given = |of: &str| header.to_ascii_lowercase().contains(of);
    if check(header, body) {
        let mut times = header
            .split(',')
            .filter_map(|part| part.trim().strip_prefix("t="));
        let at = times
            .next_back()
            .and_then(|at| at.parse().ok())
            .expect("a time");
        assert!(
            SECRETS.iter().any(|secret| given(&sign(secret, at, body))),
            "a stranger was let in"
        );
        assert!(now.abs_diff(at) <= 300, "an old signature counted");
    }
    for (age, counts) in [
        (0, true),
        (300, true),
        (-300, true),
        (301, false),
        (-301, false),
    ] {
        let at = now - age;
        let made = sign(SECRETS[(now & 1) as usize], at, body);
        let good = format!("t={at},v1={made}");
        assert_eq!(check(&good, body), counts, "{age} seconds old");
        assert_eq!(
            check(&format!("{header},{good}"), body),
            counts,
            "behind what a stranger wrote"
        );
        assert!(!check(&good, &[body, b" "].concat()), "over another body");
    }
}

/// Whatever JSON there is with an id is an event with that id, and says what the JSON says.
fn envelope(body: &[u8]) {
    let event = Event::read(body.to_vec().into());
    if let Ok(Value::Object(json)) = serde_json::from_slice(body) {
        let id = json.get("id").and_then(Value::as_str);
        let id = id.filter(|id| !id.is_empty() && id.chars().count() <= 255);
        assert_eq!(
            event.as_ref().map(|event| event.id.clone()),
            id.map(|id| id.replace('\0', "\u{fffd}"))
        );
        if let Some(event) = &event {
            agrees(event, &Value::Object(json));
        }
    }
    let Some(event) = event else { return };
    assert!(std::str::from_utf8(body).is_ok(), "it could not be stored");
    let texts = [
        Some(&event.kind),
        event.object_id.as_ref(),
        event.api_version.as_ref(),
    ];
    let texts = texts
        .into_iter()
        .flatten()
        .chain(event.account.as_ref().map(|account| &account.0));
    for text in texts.chain([&event.id]) {
        assert!(
            text.chars().count() <= 255 && !text.contains('\0'),
            "no column holds {text:?}"
        );
    }
    // As each effect does.
    same_id(&event, |session: SessionView| session.id);
    same_id(&event, |refund: RefundView| refund.id);
    same_id(&event, |payout: PayoutView| payout.id);
    same_id(&event, |any: IdView| any.id);
    #[derive(serde::Deserialize)]
    struct Both {
        #[expect(dead_code, reason = "only read")]
        payment_intent: Option<Expandable<IdView>>,
        #[expect(dead_code, reason = "only read")]
        metadata: Option<HashMap<String, String>>,
    }
    drop(event.object::<Both>());
}

fn agrees(event: &Event, json: &Value) {
    let text = |value: &Value| {
        let text = value.as_str().filter(|text| !text.is_empty());
        text.map(|text| fit(text, 255))
    };
    assert_eq!(
        Some(&event.kind).filter(|kind| !kind.is_empty()),
        text(&json["type"]).as_ref()
    );
    assert_eq!(event.thin, json["object"] == "v2.core.event");
    if !event.thin {
        assert_eq!(
            event.account.as_ref().map(|account| account.0.clone()),
            text(&json["account"])
        );
    }
    assert_eq!(event.livemode().ok(), json["livemode"].as_bool());
    assert_eq!(event.api_version, text(&json["api_version"]));
    let object = if event.thin {
        &json["related_object"]
    } else {
        &json["data"]["object"]
    };
    assert_eq!(event.object_id, text(&object["id"]));
    if let Some(created) = json["created"].as_i64() {
        let possible = (0..=253_402_300_799).contains(&created);
        assert_eq!(event.created.seconds(), if possible { created } else { 0 });
    }
}

/// An effect that can read its object reads the one that the inbox names.
fn same_id<T: DeserializeOwned>(event: &Event, id: impl Fn(T) -> String) {
    if let Ok(object) = event.object::<T>() {
        assert_eq!(Some(id(object)), event.object_id);
    }
}

//! Tokens of `/v2`, for data of accounts and persons that the platform's server doesn't see:
//! <https://docs.stripe.com/connect/account-tokens>.

use serde_json::{Map, Value, json};

use super::find;
use crate::{
    api::{Call, Route, namespace::rfc3339},
    error::{Answer, ApiError},
    store::{Kind, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v2/core/account_tokens", |tx, call| {
        create(tx, call, ACCOUNT, "")
    }),
    ("GET", "/v2/core/account_tokens/{id}", |tx, call| {
        retrieve(tx, call.id(), ACCOUNT, "")
    }),
    (
        "POST",
        "/v2/core/accounts/{account_id}/person_tokens",
        |tx, call| {
            let account = find(tx, call, call.id())?;
            create(tx, call, PERSON, &account.id)
        },
    ),
    (
        "GET",
        "/v2/core/accounts/{account_id}/person_tokens/{id}",
        |tx, call| {
            let account = find(tx, call, call.id())?;
            retrieve(
                tx,
                call.ids.get(1).copied().unwrap_or_default(),
                PERSON,
                &account.id,
            )
        },
    ),
];

pub(super) const ACCOUNT: &str = "v2.core.account_token";
pub(super) const PERSON: &str = "v2.core.account_person_token";

/// Seconds that a token can be used. Stripe shows when it ends, but doesn't say how long that is.
const LIFE: i64 = 1800;

fn create(tx: &mut Tx<'_>, call: &Call<'_>, object: &str, account: &str) -> Answer {
    let prefix = if object == ACCOUNT {
        "accttok_"
    } else {
        "perstok_"
    };
    let token = json!({
        "id": tx.mint(prefix, 44),
        "object": object,
        "created": rfc3339(tx.now),
        "expires_at": rfc3339(tx.now + LIFE),
        "livemode": false,
        "used": false,
    });
    let hidden = json!({ "body": call.body, "account": account, "ends": tx.now + LIFE });
    let platform = tx.platform();
    tx.insert(Kind::Token, &platform, token.clone(), hidden, None);
    Ok(token)
}

fn retrieve(tx: &Tx<'_>, id: &str, object: &str, account: &str) -> Answer {
    tx.get(id)
        .filter(|t| t.value["object"] == object && t.hidden["account"] == account)
        .map(|t| t.value.clone())
        .ok_or_else(|| ApiError::missing(object, id, "id"))
}

/// Takes a token, once, and returns the body that it was made from as one of an account or person: what was attested
/// there was attested when it was made. `account` is whose person it is about.
pub(super) fn take(tx: &mut Tx<'_>, id: &str, object: &str, account: &str) -> Answer {
    let (invalid, message) = match object {
        ACCOUNT => ("invalid_account_token", "Invalid account token."),
        _ => ("invalid_person_token", "Invalid person token."),
    };
    let fails = |code: &'static str, message: &str| Err(ApiError::invalid(message).code(code));
    if id.starts_with("ct_") || id.starts_with("cpt_") {
        return fails(
            "v1_token_invalid_in_v2",
            "A v1 token cannot be used in /v2.",
        );
    }
    let Some(token) = tx.get(id).filter(|t| t.kind == Kind::Token) else {
        return fails(invalid, message);
    };
    if token.value["object"] != object {
        return fails(
            "incorrect_token_wrong_type",
            "The token is of another type.",
        );
    }
    if object == PERSON && token.hidden["account"] != account {
        return fails(
            "incorrect_account_for_person_token",
            "The person token was created with another account.",
        );
    }
    if token.value["used"] == json!(true) {
        return fails("token_already_used", "The token has already been used.");
    }
    if token.hidden["ends"]
        .as_i64()
        .is_some_and(|ends| ends <= tx.now)
    {
        return fails("token_expired", "The token has expired.");
    }
    tx.update(id, |r| r.value["used"] = json!(true));
    let attested = json!({ "date": token.value["created"], "ip": "127.0.0.1" });
    Ok(with_attestations(&token.hidden["body"], &attested))
}

/// Puts date and address in the place of `attested` and `shown_and_accepted`.
fn with_attestations(body: &Value, attested: &Value) -> Value {
    match body {
        Value::Object(map) => {
            let flag = map
                .get("attested")
                .or_else(|| map.get("shown_and_accepted"));
            if let Some(flag) = flag {
                return if *flag == json!(true) {
                    attested.clone()
                } else {
                    Value::Null
                };
            }
            map.iter()
                .map(|(name, value)| (name.clone(), with_attestations(value, attested)))
                .collect::<Map<_, _>>()
                .into()
        }
        other => other.clone(),
    }
}

/// The body of a request about an account: with the token's data in it, if it names one.
pub(super) fn account_body(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let Some(token) = call.args.text("account_token") else {
        return Ok(call.body.clone());
    };
    let ours = ["contact_email", "contact_phone", "display_name"];
    let given = ours.iter().find(|name| call.args.at(name).is_some());
    let identity = call.args.sub("identity").children();
    let given = given.map(|name| (*name).to_owned()).or_else(|| {
        let other = identity.iter().find(|(name, _)| name != "country");
        other.map(|(name, _)| format!("identity.{name}"))
    });
    if let Some(param) = given {
        return Err(ApiError::invalid(format!(
            "The parameter `{param}` cannot be passed alongside `account_token`."
        ))
        .code("param_alongside_account_token")
        .param(param));
    }
    let data = take(tx, token, ACCOUNT, "")?;
    let mut body = call.body.clone();
    let country = body["identity"]["country"].clone();
    for (name, value) in data.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    if !country.is_null() {
        body["identity"]["country"] = country;
    }
    Ok(body)
}

//! Single-use tokens for data that the seller shouldn't see: <https://docs.stripe.com/api/tokens>.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    api::{Call, Route},
    cards::{self, Card},
    error::{Answer, ApiError},
    form::Node,
    store::{Kind, Record, Tx},
};

/// Month and year.
type Expiry = (i64, i64);

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/tokens", create),
    ("GET", "/v1/tokens/{token}", retrieve),
];

/// What a token can stand for, and how its id begins.
const TYPES: [(&str, &str); 6] = [
    ("card", "tok_1"),
    ("bank_account", "btok_1"),
    ("account", "ct_1"),
    ("person", "cpt_1"),
    ("pii", "pii_1"),
    ("cvc_update", "cvctok_1"),
];

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let given: Vec<_> = TYPES
        .iter()
        .filter(|(name, _)| args.at(name).is_some())
        .collect();
    let (kind, prefix) = match given.as_slice() {
        [one] => **one,
        [] if args.text("customer").is_some() => TYPES[0],
        [] => {
            return Err(ApiError::invalid(
                "You must supply either a card, customer, PII data, bank account, account, person, or CVC update to create a token.",
            ));
        }
        [_, (second, _), ..] => {
            return Err(
                ApiError::invalid("You can only create a token for one thing at a time.")
                    .param(*second),
            );
        }
    };
    let mut token = json!({
        "id": tx.mint(prefix, 23),
        "object": "token",
        "client_ip": "127.0.0.1",
        "created": tx.now,
        "livemode": false,
        "type": kind,
        "used": false,
    });
    let mut hidden = json!({ "form": args.sub(kind).encode() });
    match kind {
        "card" => {
            let (card, expires) = read_card(tx, call)?;
            hidden["card"] = json!(card.number);
            hidden["expires"] = json!(expires);
            let id = tx.mint("card_1", 23);
            token["card"] = describe_card(&id, card, expires, args.sub("card"));
        }
        "bank_account" => {
            let id = tx.mint("ba_1", 23);
            token["bank_account"] = describe_bank(&id, args.sub(kind))?;
        }
        "cvc_update" => {
            let cvc = args.text("cvc_update.cvc").unwrap_or_default();
            if !(3..=4).contains(&cvc.len()) || !cvc.chars().all(|c| c.is_ascii_digit()) {
                return Err(ApiError::new(
                    402,
                    "card_error",
                    "Your card's security code is invalid.",
                )
                .code("invalid_cvc")
                .param("cvc_update[cvc]"));
            }
        }
        _ => {}
    }
    tx.insert(Kind::Token, call.owner, token.clone(), hidden, None);
    Ok(token)
}

/// The card of a request: its number, or one that the platform keeps for a customer
/// (<https://docs.stripe.com/connect/cloning-saved-payment-methods>).
fn read_card(tx: &Tx<'_>, call: &Call<'_>) -> Result<(&'static Card, Expiry), ApiError> {
    let args = call.args;
    if let Some(customer) = args.text("customer") {
        let platform = tx.platform();
        let named = args.text("card");
        let kept = tx.store().list(Kind::PaymentMethod, &platform).find(|m| {
            m.value["customer"] == customer
                && m.value["type"] == "card"
                && named.is_none_or(|id| m.id == id)
        });
        let number = kept.and_then(|m| m.hidden["card"].as_str());
        return match (kept, number.and_then(cards::find)) {
            (Some(m), Some(card)) => {
                let part = |name: &str| m.value["card"][name].as_i64().unwrap_or(0);
                Ok((card, (part("exp_month"), part("exp_year"))))
            }
            _ => Err(ApiError::missing("customer", customer, "customer")),
        };
    }
    let form = args.sub("card");
    let number = form
        .text("number")
        .ok_or_else(|| ApiError::parameter_missing("card[number]"))?;
    let card = cards::find(number).ok_or_else(cards::unknown)?;
    let (month, year) = (form.int("exp_month"), form.int("exp_year"));
    let month = month.ok_or_else(|| ApiError::parameter_missing("card[exp_month]"))?;
    let year = year.ok_or_else(|| ApiError::parameter_missing("card[exp_year]"))?;
    let year = if (0..100).contains(&year) {
        year + 2000
    } else {
        year
    };
    cards::check_expiry(tx.now, month, year)?;
    Ok((card, (month, year)))
}

pub(crate) fn describe_card(id: &str, card: &Card, (month, year): Expiry, form: &Node) -> Value {
    let text = |name: &str| json!(form.text(name));
    let brand = match card.brand {
        "visa" => "Visa",
        "mastercard" => "MasterCard",
        "amex" => "American Express",
        "discover" => "Discover",
        "diners" => "Diners Club",
        "jcb" => "JCB",
        "unionpay" => "UnionPay",
        _ => "Unknown",
    };
    json!({
        "id": id,
        "object": "card",
        "address_city": text("address_city"),
        "address_country": text("address_country"),
        "address_line1": text("address_line1"),
        "address_line1_check": form.text("address_line1").map(|_| "unchecked"),
        "address_line2": text("address_line2"),
        "address_state": text("address_state"),
        "address_zip": text("address_zip"),
        "address_zip_check": form.text("address_zip").map(|_| "unchecked"),
        "allow_redisplay": "unspecified",
        "brand": brand,
        "country": card.country,
        "currency": text("currency"),
        "cvc_check": form.text("cvc").map(|_| "unchecked"),
        "dynamic_last4": null,
        "exp_month": month,
        "exp_year": year,
        "fingerprint": card.fingerprint(),
        "funding": card.funding,
        "last4": card.last4(),
        "metadata": {},
        "name": text("name"),
        "networks": { "preferred": null },
        "regulated_status": "unregulated",
        "tokenization_method": null,
    })
}

pub(crate) fn describe_bank(id: &str, form: &Node) -> Answer {
    let number = form.text("account_number").unwrap_or_default();
    let clean: String = number.chars().filter(|c| !c.is_whitespace()).collect();
    let plain = clean.len() >= 4 && clean.chars().all(|c| c.is_ascii_alphanumeric());
    if !plain {
        return Err(
            ApiError::invalid("You must use a test bank account number in test mode.")
                .code("account_number_invalid")
                .param("bank_account[account_number]"),
        );
    }
    let country = form
        .text("country")
        .unwrap_or_default()
        .to_ascii_uppercase();
    if country == "US" && form.text("routing_number").is_none() {
        return Err(ApiError::parameter_missing("bank_account[routing_number]"));
    }
    let currency = match (form.text("currency"), country.as_str()) {
        (Some(currency), _) => currency.to_ascii_lowercase(),
        (None, "US") => "usd".to_owned(),
        (None, "GB") => "gbp".to_owned(),
        (None, "CA") => "cad".to_owned(),
        (None, _) => "eur".to_owned(),
    };
    let last4 = clean.get(clean.len() - 4..).unwrap_or_default();
    Ok(json!({
        "id": id,
        "object": "bank_account",
        "account_holder_name": form.text("account_holder_name"),
        "account_holder_type": form.text("account_holder_type"),
        "account_type": form.text("account_type"),
        "bank_name": "STRIPE TEST BANK",
        "country": country,
        "currency": currency,
        "fingerprint": format!("fpbank{last4:0>10}"),
        "last4": last4,
        "routing_number": form.text("routing_number"),
        "status": "new",
    }))
}

fn retrieve(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let of_v1 = |t: &Arc<Record>| t.value["object"] == "token";
    if let Some(token) = tx.find(Kind::Token, call.owner, call.id()).filter(of_v1) {
        return Ok(token.value.clone());
    }
    let card = cards::named(call.id()).filter(|_| call.id().starts_with("tok_"));
    let card = card.ok_or_else(|| ApiError::missing("token", call.id(), "token"))?;
    let empty = Node::Tree(Vec::new());
    let expires = cards::good_until(tx.now);
    Ok(json!({
        "id": call.id(),
        "object": "token",
        "card": describe_card(&tx.store().derive("card_1", 23), card, expires, &empty),
        "client_ip": null,
        "created": tx.now,
        "livemode": false,
        "type": "card",
        "used": false,
    }))
}

/// Takes a token of a type, once: the token, and the form it was made from.
pub(crate) fn consume(
    tx: &mut Tx<'_>,
    owner: &str,
    id: &str,
    kind: &str,
    param: &str,
) -> Result<(Arc<Record>, Node), ApiError> {
    let token = tx
        .find(Kind::Token, owner, id)
        .filter(|t| t.value["type"] == kind)
        .ok_or_else(|| ApiError::missing("token", id, param))?;
    if token.value["used"] == json!(true) {
        return Err(ApiError::invalid(format!(
            "You cannot use a Stripe token more than once: {id}."
        ))
        .code("token_already_used")
        .param(param));
    }
    let form = Node::parse(token.hidden["form"].as_str().unwrap_or_default())?;
    tx.update(id, |r| r.value["used"] = json!(true));
    Ok((token, form))
}

/// The card of a token, and its expiry if known. The token is used up.
pub(crate) fn take_card(
    tx: &mut Tx<'_>,
    owner: &str,
    id: &str,
    param: &str,
) -> Result<(&'static Card, Option<Expiry>), ApiError> {
    if let Some(card) = cards::named(id).filter(|_| id.starts_with("tok_")) {
        return Ok((card, None));
    }
    let (token, _) = consume(tx, owner, id, "card", param)?;
    let part = |at: usize| token.hidden["expires"][at].as_i64().unwrap_or(0);
    let card = token.hidden["card"].as_str().and_then(cards::find);
    let card = card.ok_or_else(|| ApiError::missing("token", id, param))?;
    Ok((card, Some((part(0), part(1)))))
}

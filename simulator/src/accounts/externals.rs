//! Bank accounts and cards to pay out to: <https://docs.stripe.com/api/external_accounts>.

use serde_json::{Value, json};

use super::{from_path, save};
use crate::{
    api::{Call, Route, lists, merge_metadata},
    cards,
    error::{Answer, ApiError},
    events::changes,
    form::Node,
    store::{Record, Tx},
    tokens,
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/accounts/{account}/external_accounts", create),
    ("GET", "/v1/accounts/{account}/external_accounts", list),
    (
        "GET",
        "/v1/accounts/{account}/external_accounts/{id}",
        |tx, call| {
            let account = from_path(tx, call)?;
            find(&account.value, call).cloned()
        },
    ),
    (
        "POST",
        "/v1/accounts/{account}/external_accounts/{id}",
        update,
    ),
    (
        "DELETE",
        "/v1/accounts/{account}/external_accounts/{id}",
        delete,
    ),
];

/// Stripe's test tokens for bank accounts: the token's suffix, and the last digits of its account
/// (<https://docs.stripe.com/connect/testing#account-numbers>).
const TEST_BANKS: [(&str, &str); 5] = [
    ("_noAccount", "000111111116"),
    ("_accountClosed", "000111111113"),
    ("_insufficientFunds", "000222222227"),
    ("_debitNotAuthorized", "000333333335"),
    ("_invalidCurrency", "000444444440"),
];

fn rows(account: &Value) -> &[Value] {
    account["external_accounts"]["data"]
        .as_array()
        .map_or(&[], Vec::as_slice)
}

fn find<'a>(account: &'a Value, call: &Call<'_>) -> Result<&'a Value, ApiError> {
    let id = call.ids.get(1).copied().unwrap_or_default();
    rows(account)
        .iter()
        .find(|row| row["id"] == id)
        .ok_or_else(|| ApiError::missing("external account", id, "id"))
}

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let account = from_path(tx, call)?;
    let object = call.args.text("object");
    let all = rows(&account.value)
        .iter()
        .filter(|row| object.is_none_or(|o| row["object"] == o))
        .cloned()
        .collect();
    lists::page_of(call, all)
}

/// A verified bank account to pay out to, as the hosted form asks for it.
pub(crate) fn bank_account(
    tx: &mut Tx<'_>,
    account: &str,
    country: &str,
    currency: &str,
    last4: &str,
) -> Value {
    let bank = json!({
        "id": tx.mint("ba_1", 23),
        "object": "bank_account",
        "account_holder_name": null,
        "account_holder_type": null,
        "account_type": null,
        "bank_name": "STRIPE TEST BANK",
        "country": country,
        "currency": currency,
        "fingerprint": tx.mint("", 16),
        "last4": last4,
        "routing_number": if country == "US" { Value::from("110000000") } else { Value::Null },
        "status": "new",
    });
    external_account(bank, account, true)
}

/// Adds the fields that a bank account or card has as an external account.
fn external_account(mut row: Value, account: &str, default: bool) -> Value {
    row["account"] = json!(account);
    row["default_for_currency"] = json!(default);
    row["metadata"] = json!({});
    if row["object"] == "bank_account" {
        row["available_payout_methods"] = json!(["standard"]);
        let nothing = json!({ "currently_due": [], "errors": [], "past_due": [], "pending_verification": [] });
        row["requirements"] = nothing.clone();
        row["future_requirements"] = nothing;
    } else {
        row["available_payout_methods"] = json!(["standard", "instant"]);
    }
    row
}

/// Reads an `external_account`: a token, one of Stripe's test tokens, or a hash.
fn read(tx: &mut Tx<'_>, node: &Node, param: &str) -> Answer {
    let form = match node {
        Node::Tree(_) => node.clone(),
        Node::Leaf(token) => return from_token(tx, token, param),
    };
    match form.text("object") {
        Some("card") => {
            let number = form.text("number").unwrap_or_default();
            let card = cards::find(number).ok_or_else(cards::unknown)?;
            let good = cards::good_until(tx.now);
            let month = form.int("exp_month").unwrap_or(good.0);
            let year = form.int("exp_year").unwrap_or(good.1);
            cards::check_expiry(tx.now, month, year)?;
            let id = tx.mint("card_1", 23);
            debit(
                tokens::describe_card(&id, card, (month, year), &form),
                param,
            )
        }
        None | Some("bank_account") => {
            for name in ["account_number", "country", "currency"] {
                if form.text(name).is_none() {
                    return Err(ApiError::parameter_missing(&format!("{param}[{name}]")));
                }
            }
            let id = tx.mint("ba_1", 23);
            tokens::describe_bank(&id, &form)
        }
        Some(_) => Err(
            ApiError::invalid("Invalid object: must be bank_account or card")
                .param(format!("{param}[object]")),
        ),
    }
}

fn from_token(tx: &mut Tx<'_>, token: &str, param: &str) -> Answer {
    if token.starts_with("btok_us") {
        let number = TEST_BANKS
            .iter()
            .find(|(end, _)| token.ends_with(end))
            .map_or("000123456789", |(_, number)| number);
        let form =
            format!("country=US&currency=usd&routing_number=110000000&account_number={number}");
        let id = tx.mint("ba_1", 23);
        return tokens::describe_bank(&id, &Node::parse(&form)?);
    }
    if let Some(card) = cards::named(token).filter(|_| token.starts_with("tok_")) {
        let id = tx.mint("card_1", 23);
        let form = Node::parse("currency=usd")?;
        let good = cards::good_until(tx.now);
        return debit(tokens::describe_card(&id, card, good, &form), param);
    }
    let platform = tx.platform();
    let kind = if token.starts_with("btok_") {
        "bank_account"
    } else {
        "card"
    };
    let (taken, _) = tokens::consume(tx, &platform, token, kind, param)?;
    let row = taken.value[kind].clone();
    if kind == "card" {
        return debit(row, param);
    }
    Ok(row)
}

/// Only debit cards can receive payouts, in their own currency.
fn debit(mut card: Value, param: &str) -> Answer {
    if card["funding"] != "debit" {
        return Err(ApiError::invalid(
            "This card doesn't appear to be a debit card. Only debit cards can be added as external accounts.",
        )
        .code("invalid_card_type")
        .param(param));
    }
    if card["currency"].is_null() {
        card["currency"] = json!("usd");
    }
    Ok(card)
}

/// Adds the bank account or card of `external_account` or the older `bank_account`. The first one
/// of a currency is its default. The caller emits the event.
pub(super) fn add(
    tx: &mut Tx<'_>,
    record: &Record,
    account: &mut Value,
    args: &Node,
) -> Result<Option<Value>, ApiError> {
    let given = ["external_account", "bank_account"]
        .into_iter()
        .find_map(|name| args.at(name).map(|node| (name, node.clone())));
    let Some((param, node)) = given else {
        return Ok(None);
    };
    let mut row = read(tx, &node, param)?;
    let first = !rows(account)
        .iter()
        .any(|other| other["currency"] == row["currency"]);
    let default = first || args.flag("default_for_currency") == Some(true);
    row = external_account(row, &record.id, default);
    if default {
        only_default(account, &row);
    }
    if let Some(all) = account["external_accounts"]["data"].as_array_mut() {
        all.push(row.clone());
    }
    Ok(Some(row))
}

/// Makes `row` the only default of its currency.
fn only_default(account: &mut Value, row: &Value) {
    let all = account["external_accounts"]["data"].as_array_mut();
    for other in all.into_iter().flatten() {
        if other["currency"] == row["currency"] && other["id"] != row["id"] {
            other["default_for_currency"] = json!(false);
        }
    }
}

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let record = from_path(tx, call)?;
    let mut account = record.value.clone();
    let Some(mut row) = add(tx, &record, &mut account, call.args)? else {
        return Err(ApiError::parameter_missing("external_account"));
    };
    merge_metadata(&mut row["metadata"], call.args, "metadata")?;
    replace(&mut account, &row);
    save(tx, &record.id, account)?;
    tx.emit("account.external_account.created", &record.id, &row);
    Ok(row)
}

fn replace(account: &mut Value, row: &Value) {
    let all = account["external_accounts"]["data"].as_array_mut();
    for other in all.into_iter().flatten() {
        if other["id"] == row["id"] {
            *other = row.clone();
        }
    }
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let record = from_path(tx, call)?;
    let mut account = record.value.clone();
    let before = find(&account, call)?.clone();
    let mut row = before.clone();
    let args = call.args;
    merge_metadata(&mut row["metadata"], args, "metadata")?;
    let names: &[&str] = if row["object"] == "card" {
        &[
            "address_city",
            "address_country",
            "address_line1",
            "address_line2",
            "address_state",
            "address_zip",
            "name",
        ]
    } else {
        &["account_holder_name", "account_holder_type", "account_type"]
    };
    for name in names {
        if args.at(name).is_some() {
            row[*name] = json!(args.text(name));
        }
    }
    for name in ["exp_month", "exp_year"] {
        if let Some(number) = args.int(name).filter(|_| row["object"] == "card") {
            row[name] = json!(number);
        }
    }
    if args.flag("default_for_currency") == Some(true) {
        row["default_for_currency"] = json!(true);
        only_default(&mut account, &row);
    }
    // Updating the details makes an account usable again after a failed payout.
    if row["status"] == "errored" {
        row["status"] = json!("new");
    }
    replace(&mut account, &row);
    save(tx, &record.id, account)?;
    let before = changes(&before, &row);
    tx.emit_change(
        "account.external_account.updated",
        &record.id,
        &row,
        Some(before),
    );
    Ok(row)
}

fn delete(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let record = from_path(tx, call)?;
    let mut account = record.value.clone();
    let row = find(&account, call)?.clone();
    if row["default_for_currency"] == json!(true) && row["currency"] == account["default_currency"]
    {
        return Err(ApiError::invalid(
            "You cannot delete the default external account for your default currency. Please make another external account the default using the `default_for_currency` param, and then delete this one.",
        )
        .param("id"));
    }
    if let Some(all) = account["external_accounts"]["data"].as_array_mut() {
        all.retain(|other| other["id"] != row["id"]);
    }
    save(tx, &record.id, account)?;
    tx.emit("account.external_account.deleted", &record.id, &row);
    Ok(json!({
        "id": row["id"], "object": row["object"], "currency": row["currency"], "deleted": true,
    }))
}

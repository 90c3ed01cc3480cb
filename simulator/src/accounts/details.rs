//! An account's own details, from the parameters of creating and updating it.

use serde_json::{Value, json};

use super::{persons, requirements};
use crate::{
    error::ApiError,
    form::Node,
    money,
    store::{Record, Tx},
    tokens,
};

/// Writes the parameters that creating and updating have in common.
pub(super) fn apply(
    tx: &mut Tx<'_>,
    record: &Record,
    account: &mut Value,
    args: &Node,
) -> Result<(), ApiError> {
    let mut legal = args.clone();
    if let Some(token) = args.text("account_token") {
        let platform = tx.platform();
        let (_, form) = tokens::consume(tx, &platform, token, "account", "account_token")?;
        if form.flag("tos_shown_and_accepted") == Some(true) {
            account["tos_acceptance"]["date"] = json!(tx.now);
            account["tos_acceptance"]["ip"] = json!("127.0.0.1");
        }
        legal = form;
    }
    if args.at("tos_acceptance.date").is_some() && !requirements::collected_by_platform(account) {
        return Err(ApiError::invalid(
            "You cannot accept the Terms of Service on behalf of Standard and Express connected accounts.",
        )
        .param("tos_acceptance"));
    }
    if let Some(text) = args.text("email") {
        account["email"] = json!(text);
    }
    if let Some(text) = args.text("default_currency") {
        money::minimum(text, "default_currency")?;
        account["default_currency"] = json!(text.to_ascii_lowercase());
    }
    if let Some(text) = legal.text("business_type") {
        account["business_type"] = json!(text);
    }
    for hash in ["business_profile", "settings", "tos_acceptance", "groups"] {
        copy(account, args, hash);
    }
    if let Some(form) = legal.at("company") {
        company(&mut account["company"], form);
    }
    if let Some(form) = legal.at("individual") {
        let form = form.clone();
        persons::individual(tx, record, account, &form)?;
    }
    let interval = args.text("settings.payouts.schedule.interval");
    if let Some(interval) = interval
        && !["manual", "daily", "weekly", "monthly"].contains(&interval)
    {
        return Err(ApiError::invalid(
            "Invalid interval: must be one of manual, daily, weekly, or monthly",
        )
        .param("settings[payouts][schedule][interval]"));
    }
    Ok(())
}

/// Copies a subtree of the form into the account. Numbers stay numbers where the object has them.
fn copy(target: &mut Value, form: &Node, name: &str) {
    let numeric = matches!(
        name,
        "delay_days" | "monthly_anchor" | "date" | "amount" | "estimated_worker_count"
    );
    match form.at(name) {
        Some(Node::Leaf(text)) => {
            target[name] = match (text.as_str(), text.parse::<i64>()) {
                ("", _) => Value::Null,
                ("true", _) => json!(true),
                ("false", _) => json!(false),
                ("minimum", _) => json!(2),
                (_, Ok(number)) if numeric => json!(number),
                _ => json!(text),
            }
        }
        Some(Node::Tree(children)) if list(children) => {
            let item = |node: &Node| match node {
                Node::Leaf(text) if name.ends_with("_payout_days") => text
                    .parse::<i64>()
                    .map_or_else(|_| json!(text), Value::from),
                Node::Leaf(text) => json!(text),
                Node::Tree(_) => Value::Null,
            };
            target[name] = children.iter().map(|(_, node)| item(node)).collect();
        }
        Some(Node::Tree(children)) => {
            if !target[name].is_object() {
                target[name] = json!({});
            }
            for (child, _) in children {
                copy(&mut target[name], form.sub(name), child);
            }
        }
        None => {}
    }
}

fn list(children: &[(String, Node)]) -> bool {
    !children.is_empty() && children.iter().all(|(name, _)| name.parse::<u32>().is_ok())
}

/// Writes an address with all of its fields. A field that isn't given keeps its value.
pub(super) fn address(target: &mut Value, form: &Node, more: &[&str]) {
    let fields = ["city", "country", "line1", "line2", "postal_code", "state"];
    for name in fields.iter().chain(more) {
        if form.at(name).is_some() {
            target[*name] = json!(form.text(name));
        } else if target[*name].is_null() {
            target[*name] = Value::Null;
        }
    }
}

/// The date that a form gives, with nulls where it gives none.
pub(super) fn date(form: &Node) -> Value {
    json!({ "day": form.int("day"), "month": form.int("month"), "year": form.int("year") })
}

/// The `document` of a `verification` hash. A new document clears the result of the last one.
pub(super) fn document(target: &mut Value, form: &Node) {
    for side in ["front", "back"] {
        if form.at(side).is_some() {
            target[side] = json!(form.text(side));
        } else if target[side].is_null() {
            target[side] = Value::Null;
        }
    }
    target["details"] = Value::Null;
    target["details_code"] = Value::Null;
}

/// Writes the company. Of secret numbers the account only shows that they were provided.
fn company(target: &mut Value, form: &Node) {
    if !target.is_object() {
        *target = json!({
            "directors_provided": false, "executives_provided": false, "name": null,
            "owners_provided": false, "phone": null, "tax_id_provided": false,
        });
    }
    for (name, node) in form.children() {
        let text = match node {
            Node::Leaf(text) if !text.is_empty() => Some(text.as_str()),
            _ => None,
        };
        match name.as_str() {
            "address" => address(&mut target["address"], node, &[]),
            "address_kana" | "address_kanji" => address(&mut target[name], node, &["town"]),
            "directors_provided" | "executives_provided" | "owners_provided" => {
                target[name] = json!(text == Some("true"));
            }
            "tax_id" => target["tax_id_provided"] = json!(text.is_some()),
            "vat_id" => target["vat_id_provided"] = json!(text.is_some()),
            "registration_date" => target[name] = date(node),
            "verification" => document(
                &mut target["verification"]["document"],
                node.sub("document"),
            ),
            "directorship_declaration" | "ownership_declaration" | "representative_declaration" => {
                target[name] = json!({
                    "date": node.int("date"), "ip": node.text("ip"),
                    "user_agent": node.text("user_agent"),
                });
            }
            "registration_number" => {}
            "structure" | "ownership_exemption_reason" if text.is_none() => {
                if let Some(map) = target.as_object_mut() {
                    map.remove(name);
                }
            }
            _ => target[name] = json!(text),
        }
    }
}

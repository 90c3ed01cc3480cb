//! The parameters of `/v2/core/accounts`, and what they are in v1.

use serde_json::{Value, json};

use super::{identity::account_params, refusal, view};
use crate::{
    accounts::{defaults, persons},
    error::ApiError,
    form::Node,
    store::{Kind, Record, Tx},
};

const CONFIGURATIONS: [&str; 3] = ["customer", "merchant", "recipient"];

/// The configurations that a request applies.
pub(super) fn asked_configurations(args: &Node) -> Vec<String> {
    CONFIGURATIONS
        .into_iter()
        .filter(|name| {
            matches!(
                args.at(&format!("configuration.{name}")),
                Some(Node::Tree(_))
            )
        })
        .map(str::to_owned)
        .collect()
}

/// Whether a parameter is there and isn't null.
fn is_given(args: &Node, name: &str) -> bool {
    args.at(name).is_some_and(|node| match node {
        Node::Leaf(text) => !text.is_empty(),
        Node::Tree(_) => true,
    })
}

/// What a new account must have. An account that is only a customer needs nothing.
pub(super) fn check_new(args: &Node, seller: bool) -> Result<(), ApiError> {
    if !seller {
        let responsibilities = is_given(args, "defaults.responsibilities");
        return if responsibilities || is_given(args, "dashboard") {
            Err(refusal(
                "unsupported_field_for_configs",
                "Responsibilities and a dashboard are set on accounts that are configured as a merchant or recipient.",
            ))
        } else {
            Ok(())
        };
    }
    if args.text("identity.country").is_none() {
        return Err(ApiError::invalid(
            "The `identity.country` value is required but not provided.",
        )
        .code("identity_country_required"));
    }
    if args.text("contact_email").is_none() {
        return Err(ApiError::parameter_missing("contact_email"));
    }
    if args.text("contact_email").is_some_and(|email| {
        let (name, domain) = email.split_once('@').unwrap_or_default();
        name.is_empty() || domain.is_empty() || email.contains(char::is_whitespace)
    }) {
        return Err(refusal("email_invalid", "The email is invalid."));
    }
    for name in ["dashboard", "defaults.responsibilities"] {
        if !is_given(args, name) {
            return Err(ApiError::parameter_missing(name));
        }
    }
    Ok(())
}

/// The controller and legacy type of an account with this dashboard and these responsibilities. Which go together:
/// <https://docs.stripe.com/connect/accounts-v2/connected-account-configuration>, and the errors
/// `account_controller_…` of the description.
pub(super) fn controller(
    tx: &Tx<'_>,
    args: &Node,
    seller: bool,
) -> Result<(Value, &'static str), ApiError> {
    if !seller {
        return Ok((
            defaults::controller_of("account", "stripe", "none", "stripe"),
            "none",
        ));
    }
    let pick = |path: &str| args.text(path).unwrap_or_default();
    let dashboard = pick("dashboard");
    let fees = pick("defaults.responsibilities.fees_collector");
    let losses = pick("defaults.responsibilities.losses_collector");
    match (dashboard, fees, losses) {
        ("full", "stripe", "stripe") => Ok((
            defaults::controller_of("account", "stripe", "full", "stripe"),
            "standard",
        )),
        ("express", "application", "application") => Ok((
            defaults::controller_of("application", "application", "express", "stripe"),
            "express",
        )),
        ("none", "application", "application") => Ok((
            defaults::controller_of("application", "application", "none", "application"),
            "custom",
        )),
        ("none", "stripe" | "application", "stripe")
            if tx.assumptions.get("none_dashboard") == "any_losses" =>
        {
            let payer = if fees == "stripe" { "account" } else { fees };
            Ok((
                defaults::controller_of(payer, "stripe", "none", "stripe"),
                "none",
            ))
        }
        ("express", ..) => Err(refusal(
            "account_controller_express_dash_without_application_losses_or_fees",
            "If `dashboard` is `express`, `fees_collector` must be `application` and `losses_collector` must be `application`.",
        )),
        (_, "stripe", "application") => Err(refusal(
            "account_controller_stripe_pricing_platform_liable",
            "If `losses_collector` is `application`, `fees_collector` must also be `application`.",
        )),
        _ => Err(refusal(
            "account_controller_unsupported_configuration",
            "This combination of `dashboard`, `fees_collector` and `losses_collector` is not supported.",
        )
        .with(
            "doc_url",
            json!("https://docs.stripe.com/connect/accounts-v2/connected-account-configuration"),
        )
        .with(
            "invalid_permutation",
            json!({ "dashboard": dashboard, "fees_collector": fees, "losses_collector": losses }),
        )),
    }
}

/// Refuses what can't be changed any more.
pub(super) fn check_update(tx: &Tx<'_>, record: &Record, args: &Node) -> Result<(), ApiError> {
    let now = view::account(tx, record);
    let differs = |path: &str| {
        let old = path.split('.').fold(&now, |value, name| &value[name]);
        args.text(path).is_some_and(|new| {
            !old.as_str()
                .is_some_and(|old| old.eq_ignore_ascii_case(new))
        })
    };
    let fixed = [
        "dashboard",
        "defaults.responsibilities.fees_collector",
        "defaults.responsibilities.losses_collector",
    ];
    if fixed.iter().any(|path| differs(path)) {
        return Err(refusal(
            "unsupported_field_for_configs",
            "The dashboard and the responsibilities of this account can no longer be changed.",
        ));
    }
    let done = record.value["details_submitted"] == json!(true);
    let theirs = record.value["controller"]["requirement_collection"] == "stripe";
    let linked = theirs
        && record.hidden["v2"]["linked"] == json!(true)
        && tx.assumptions.get("linked_profile") == "theirs";
    if differs("identity.country") || (done && theirs && differs("identity.entity_type")) {
        return Err(refusal(
            "immutable_identity_param",
            "This part of the identity can no longer be changed.",
        ));
    }
    let changes = |prefix: &str| {
        let tree = args.sub(prefix).children();
        tree.iter()
            .any(|(name, _)| differs(&format!("{prefix}.{name}")))
    };
    if linked && (changes("defaults.profile") || args.at("identity").is_some()) {
        return Err(refusal(
            "immutable_identity_param",
            "After its first account link the account holder alone changes this.",
        ));
    }
    if done && differs("defaults.currency") {
        return Err(refusal(
            "default_currency_immutable",
            "The `defaults.currency` of an account cannot be changed after its activation.",
        )
        .with("doc_url", json!("https://docs.stripe.com/error-codes")));
    }
    Ok(())
}

/// The configurations that an account has after an update: `applied` takes one away again.
pub(super) fn apply_configurations(tx: &mut Tx<'_>, id: &str, args: &Node) {
    let asked = asked_configurations(args);
    let given_up: Vec<&String> = asked
        .iter()
        .filter(|name| args.flag(&format!("configuration.{name}.applied")) == Some(false))
        .collect();
    tx.update(id, |r| {
        let mut all = view::configurations(r);
        all.extend(asked.iter().cloned());
        all.retain(|name| !given_up.contains(&name));
        all.sort_unstable();
        all.dedup();
        hash(&mut r.hidden)["v2"]["configurations"] = json!(all);
    });
}

fn hash(value: &mut Value) -> &mut Value {
    if !value.is_object() {
        *value = json!({});
    }
    value
}

/// The v1 parameters that say the same as those of `/v2`.
pub(super) fn v1(args: &Node) -> Node {
    let mut out: Vec<(String, Node)> = Vec::new();
    let mut profile = Vec::new();
    let mut settings = Vec::new();
    for (v2, v1) in [
        ("contact_email", "email"),
        ("defaults.currency", "default_currency"),
    ] {
        if let Some(node) = args.at(v2) {
            out.push((v1.to_owned(), node.clone()));
        }
    }
    for (v2, v1) in [
        ("defaults.profile.business_url", "url"),
        ("defaults.profile.doing_business_as", "name"),
        (
            "defaults.profile.product_description",
            "product_description",
        ),
        ("configuration.merchant.mcc", "mcc"),
        ("configuration.merchant.support.address", "support_address"),
        ("configuration.merchant.support.email", "support_email"),
        ("configuration.merchant.support.phone", "support_phone"),
        ("configuration.merchant.support.url", "support_url"),
    ] {
        if let Some(node) = args.at(v2) {
            profile.push((v1.to_owned(), node.clone()));
        }
    }
    for (v2, hash, v1) in [
        ("display_name", "dashboard", "display_name"),
        (
            "configuration.merchant.statement_descriptor.descriptor",
            "payments",
            "statement_descriptor",
        ),
        (
            "configuration.merchant.statement_descriptor.prefix",
            "card_payments",
            "statement_descriptor_prefix",
        ),
        (
            "configuration.merchant.card_payments.decline_on",
            "card_payments",
            "decline_on",
        ),
    ] {
        if let Some(node) = args.at(v2) {
            let inner = Node::Tree(vec![(v1.to_owned(), node.clone())]);
            settings.push((hash.to_owned(), inner));
        }
    }
    if let Some(node) = args.at("configuration.merchant.branding") {
        settings.push(("branding".to_owned(), node.clone()));
    }
    out.push(("business_profile".to_owned(), Node::Tree(profile)));
    // Two of them may stand in one hash, which a form has only once.
    let mut merged: Vec<(String, Node)> = Vec::new();
    for (name, node) in settings {
        match (merged.iter_mut().find(|(n, _)| *n == name), node) {
            (Some((_, Node::Tree(all))), Node::Tree(more)) => all.extend(more),
            (_, node) => merged.push((name, node)),
        }
    }
    out.push(("settings".to_owned(), Node::Tree(merged)));
    account_params(args.sub("identity"), &mut out);
    out.push(("capabilities".to_owned(), Node::Tree(requested(args))));
    Node::Tree(out)
}

/// `name[requested]` of v1 for the capabilities that a request asks for or gives up.
fn requested(args: &Node) -> Vec<(String, Node)> {
    let wants = |wanted: bool| {
        let leaf = Node::Leaf(wanted.to_string());
        Node::Tree(vec![("requested".to_owned(), leaf)])
    };
    let mut out = Vec::new();
    let gives_up = |name: &str| args.flag(&format!("configuration.{name}.applied")) == Some(false);
    for (name, node) in args.sub("configuration.merchant.capabilities").children() {
        if let Some(wanted) = node.flag("requested") {
            out.push((name.clone(), wants(wanted && !gives_up("merchant"))));
        }
    }
    let transfers =
        "configuration.recipient.capabilities.stripe_balance.stripe_transfers.requested";
    if let Some(wanted) = args.flag(transfers) {
        out.push((
            "transfers".to_owned(),
            wants(wanted && !gives_up("recipient")),
        ));
    }
    out
}

/// Keeps what was given by the names of `/v2`, without secret numbers: reads show what v1 has no name for from it.
pub(super) fn keep_given(tx: &mut Tx<'_>, id: &str, body: &Value) {
    let mut kept = without_secrets(body.clone());
    if let Some(map) = kept.as_object_mut() {
        for name in [
            "include",
            "account_token",
            "metadata",
            "contact_email",
            "dashboard",
        ] {
            map.remove(name);
        }
    }
    tx.update(id, |r| {
        merge(&mut hash(&mut r.hidden)["v2"]["given"], kept);
    });
}

/// Likewise for the person behind an individual's account.
pub(super) fn keep_person(tx: &mut Tx<'_>, account: &str, body: &Value) {
    if !body.is_object() {
        return;
    }
    let person = tx
        .store()
        .list(Kind::Person, account)
        .find(|p| persons::is_representative(p))
        .map(|p| p.id.clone());
    if let Some(person) = person {
        keep_about_person(tx, &person, body);
    }
}

/// As [`keep_given`], about a person.
pub(super) fn keep_about_person(tx: &mut Tx<'_>, person: &str, body: &Value) {
    let kept = without_secrets(body.clone());
    let now = tx.now;
    tx.update(person, |r| {
        merge(&mut hash(&mut r.hidden)["v2"], kept);
        r.hidden["updated"] = json!(now);
    });
}

/// Merges new values into old ones. Null takes a field away; a list replaces the one before.
fn merge(old: &mut Value, new: Value) {
    match new {
        Value::Object(new) => {
            let old = hash(old);
            for (name, value) in new {
                if value.is_null() {
                    if let Some(map) = old.as_object_mut() {
                        map.remove(&name);
                    }
                } else {
                    merge(&mut old[&name], value);
                }
            }
        }
        new => *old = new,
    }
}

/// Takes the secret numbers out: an entry of a type keeps that type only.
fn without_secrets(mut value: Value) -> Value {
    match &mut value {
        Value::Object(map) => {
            if map.contains_key("type") {
                map.remove("value");
            }
            for inner in map.values_mut() {
                *inner = without_secrets(inner.take());
            }
        }
        Value::Array(items) => {
            for inner in items {
                *inner = without_secrets(inner.take());
            }
        }
        _ => {}
    }
    value
}

//! Payment method configurations: which methods an account offers where a request doesn't name them.
//! <https://docs.stripe.com/api/payment_method_configurations>, <https://docs.stripe.com/connect/payment-method-configurations>.
//!
//! A platform's connected accounts have children of its parents, which only the Dashboard knows, here the control API.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    api::{Call, Route, connected, find, lists},
    error::{Answer, ApiError},
    form::Node,
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/payment_method_configurations", create),
    ("GET", "/v1/payment_method_configurations", list),
    (
        "GET",
        "/v1/payment_method_configurations/{configuration}",
        |tx, call| open(tx, call).map(|found| shown(tx, &found)),
    ),
    (
        "POST",
        "/v1/payment_method_configurations/{configuration}",
        update,
    ),
];

const KIND: Kind = Kind::PaymentMethodConfiguration;

/// Every method with the currencies that it takes; none are all.
static METHODS: LazyLock<Vec<(&str, Vec<&str>)>> = LazyLock::new(|| {
    let lines = include_str!("currencies.txt").lines();
    let lines = lines.filter(|line| !line.starts_with('#'));
    let row = |line: &'static str| {
        let mut words = line.split(' ');
        Some((words.next()?, words.collect()))
    };
    lines.filter_map(row).collect()
});

/// The methods that an answer doesn't have.
const UNSHOWN: [&str; 2] = ["apple_pay_later", "fr_meal_voucher_conecs"];

/// Ways to hand over a card, which are no types of their own.
const OF_CARDS: [&str; 6] = [
    "apple_pay",
    "apple_pay_later",
    "cartes_bancaires",
    "fr_meal_voucher_conecs",
    "google_pay",
    "jcb",
];

/// The methods that are on where nobody has chosen: those that the pages here can play.
const ON: [&str; 6] = [
    "apple_pay",
    "bancontact",
    "card",
    "google_pay",
    "sepa_debit",
    "us_bank_account",
];

/// The methods without a page of their own.
const STAYS: [&str; 3] = ["card", "sepa_debit", "us_bank_account"];

/// What a parent says of a method, as the Dashboard has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Setting {
    On,
    Off,
    /// Off, and no account can turn it on.
    Blocked,
}

/// JSON of `POST /_simulator/payment_method_configurations`: a parent that is made, or changed.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Parent {
    /// None: a new one. `default`: the default one.
    id: Option<String>,
    name: Option<String>,
    active: Option<bool>,
    methods: BTreeMap<String, Setting>,
}

fn name_of(known: &str) -> Option<&'static str> {
    METHODS.iter().map(|(name, _)| *name).find(|n| *n == known)
}

fn is_parent(record: &Record) -> bool {
    record.hidden["settings"].is_object()
}

/// How a method is in a configuration.
struct State {
    preference: &'static str,
    /// Only of children.
    overridable: Option<bool>,
    is_on: bool,
}

fn state(tx: &Tx<'_>, record: &Record, method: &str) -> State {
    let preference = match record.hidden["preferences"][method].as_str() {
        Some("on") => "on",
        Some("off") => "off",
        _ => "none",
    };
    let parent = record.value["parent"].as_str().and_then(|id| tx.get(id));
    let setting = parent.as_ref().map(|parent| setting(parent, method));
    let by_default = match setting {
        None => ON.contains(&method),
        Some(setting) => setting == Setting::On,
    };
    let overridable = setting.map(|setting| setting != Setting::Blocked);
    State {
        preference,
        overridable,
        is_on: match preference {
            "none" => by_default,
            _ if overridable == Some(false) => by_default,
            preference => preference == "on",
        },
    }
}

fn setting(parent: &Record, method: &str) -> Setting {
    match parent.hidden["settings"][method].as_str() {
        Some("on") => Setting::On,
        Some("off") => Setting::Off,
        Some("blocked") => Setting::Blocked,
        _ if ON.contains(&method) => Setting::On,
        _ => Setting::Off,
    }
}

/// Whether the account has the method's capability; one that it was never asked for doesn't count.
fn is_capable(tx: &Tx<'_>, owner: &str, method: &str) -> bool {
    let capability = match method {
        "us_bank_account" => "us_bank_account_ach_payments".to_owned(),
        method if OF_CARDS.contains(&method) => "card_payments".to_owned(),
        method => format!("{method}_payments"),
    };
    let account = connected(tx, owner);
    account.is_none_or(|account| {
        let status = &account.value["capabilities"][capability.as_str()];
        status.is_null() || status == "active"
    })
}

/// A configuration as it is shown.
fn shown(tx: &Tx<'_>, record: &Record) -> Value {
    let mut value = record.value.clone();
    for (method, _) in METHODS.iter() {
        let method = *method;
        if UNSHOWN.contains(&method) {
            continue;
        }
        let state = state(tx, record, method);
        value[method] = json!({
            "available": state.is_on && is_capable(tx, &record.owner, method),
            "display_preference": {
                "overridable": state.overridable,
                "preference": state.preference,
                "value": if state.is_on { "on" } else { "off" },
            },
        });
    }
    value
}

/// What a payment may be paid with by a configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms<'a> {
    pub currency: &'a str,
    /// Whether the customer may be led to a method's own page.
    pub redirects: bool,
    /// `excluded_payment_method_types`.
    pub excluded: &'a Value,
}

/// The types that a configuration offers, cards first.
pub(crate) fn offered(tx: &Tx<'_>, record: &Record, terms: Terms<'_>) -> Vec<&'static str> {
    let excluded = terms.excluded.as_array();
    let fits = |(method, currencies): &(&str, Vec<&str>)| {
        (currencies.is_empty() || currencies.contains(&terms.currency))
            && !OF_CARDS.contains(method)
            && !excluded.is_some_and(|all| all.contains(&json!(method)))
            && (terms.redirects || STAYS.contains(method))
            && state(tx, record, method).is_on
            && is_capable(tx, &record.owner, method)
    };
    let mut offered: Vec<_> = METHODS.iter().filter(|m| fits(m)).map(|m| m.0).collect();
    offered.sort_by_key(|method| *method != "card");
    offered
}

/// The refusal where a configuration offers nothing that fits.
pub(crate) fn nothing_offered(noun: &str) -> ApiError {
    ApiError::invalid(format!(
        "No valid payment method types for this {noun}. Please ensure that you have activated payment methods compatible with your chosen currency in your dashboard (https://dashboard.stripe.com/settings/payment_methods)."
    ))
}

/// `payment_method_configuration_details` of what uses a configuration.
pub(crate) fn details(record: &Record) -> Value {
    json!({ "id": record.id, "parent": record.value["parent"] })
}

/// Whose configuration a payment uses: that of the account it is made on, or for.
pub(crate) fn account_of(tx: &Tx<'_>, call: &Call<'_>, before: &Value, param: &str) -> String {
    let given = call.args.text(param).or(before.as_str());
    let given = given.filter(|id| call.owner == tx.store().platform && connected(tx, id).is_some());
    given.unwrap_or(call.owner).to_owned()
}

/// The configuration that a payment on an account uses: the one that is named, else the default one. A parent's name means the
/// account's child of it.
pub(crate) fn resolve(
    tx: &mut Tx<'_>,
    account: &str,
    id: Option<&str>,
) -> Result<Arc<Record>, ApiError> {
    let param = "payment_method_configuration";
    let platform = tx.platform();
    let Some(id) = id else {
        return Ok(default_of(tx, account));
    };
    let own = tx.find(KIND, account, id).filter(|r| !is_parent(r));
    let found = own.or_else(|| {
        let parent = tx.find(KIND, &platform, id).filter(|r| is_parent(r));
        let parent = parent.filter(|_| account != platform)?;
        Some(child_of(tx, account, &parent))
    });
    let found = found.ok_or_else(|| ApiError::missing(KIND.noun(), id, param))?;
    if found.value["active"] != json!(true) {
        return Err(ApiError::invalid(format!(
            "The payment method configuration {id} is inactive, so it can't be used for new payments."
        ))
        .param(param));
    }
    Ok(found)
}

/// Where nothing is named: a platform's own configuration, or an account's child of the platform's first parent.
fn default_of(tx: &mut Tx<'_>, account: &str) -> Arc<Record> {
    if account == tx.store().platform {
        return own_default(tx, account);
    }
    let parent = first_parent(tx);
    child_of(tx, account, &parent)
}

fn own_default(tx: &mut Tx<'_>, account: &str) -> Arc<Record> {
    let is_it = |r: &&Arc<Record>| {
        r.value["is_default"] == json!(true) && r.value["parent"].is_null() && !is_parent(r)
    };
    let found = tx.store().list(KIND, account).find(is_it).cloned();
    found.unwrap_or_else(|| {
        let value = new(tx, "Default", true);
        tx.insert(KIND, account, value, json!({ "preferences": {} }), None)
    })
}

fn first_parent(tx: &mut Tx<'_>) -> Arc<Record> {
    let platform = tx.platform();
    let found = tx.store().list(KIND, &platform).find(|r| is_parent(r));
    found.cloned().unwrap_or_else(|| {
        let value = new(tx, "Default", true);
        tx.insert(KIND, &platform, value, json!({ "settings": {} }), None)
    })
}

/// An account has one child of each parent, unless it makes more.
fn child_of(tx: &mut Tx<'_>, account: &str, parent: &Record) -> Arc<Record> {
    let found = tx
        .store()
        .list(KIND, account)
        .find(|r| r.value["parent"] == parent.id);
    found.cloned().unwrap_or_else(|| {
        let is_default = parent.value["is_default"] == json!(true);
        let mut value = new(tx, parent.text("name"), is_default);
        value["active"] = parent.value["active"].clone();
        value["parent"] = json!(parent.id);
        value["application"] = json!(tx.application());
        tx.insert(KIND, account, value, json!({ "preferences": {} }), None)
    })
}

fn new(tx: &mut Tx<'_>, name: &str, is_default: bool) -> Value {
    json!({
        "id": tx.mint("pmc_1", 23),
        "object": "payment_method_configuration",
        "active": true,
        "application": null,
        "is_default": is_default,
        "livemode": false,
        "name": name,
        "parent": null,
    })
}

/// The one that the path names. A platform's parents aren't in this API.
fn open(tx: &Tx<'_>, call: &Call<'_>) -> Result<Arc<Record>, ApiError> {
    let found = find(tx, call, KIND, call.id(), "configuration")?;
    if is_parent(&found) {
        return Err(ApiError::missing(KIND.noun(), call.id(), "configuration"));
    }
    Ok(found)
}

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let platform = tx.platform();
    let parent = match args.text("parent") {
        None => None,
        Some(id) => {
            let known = tx.find(KIND, &platform, id).filter(|r| is_parent(r));
            let known = known.filter(|_| call.owner != platform);
            Some(known.ok_or_else(|| ApiError::missing(KIND.noun(), id, "parent"))?)
        }
    };
    let inherited = parent.as_ref().map(|p| p.text("name").to_owned());
    let name = args.text("name").map(str::to_owned).or(inherited);
    let mut value = new(tx, name.as_deref().unwrap_or("Untitled"), false);
    if let Some(parent) = &parent {
        // The account's first child of it was there before.
        child_of(tx, call.owner, parent);
        value["parent"] = json!(parent.id);
        value["application"] = json!(tx.application());
    }
    let preferences = preferences(args, &json!({}));
    let hidden = json!({ "preferences": preferences });
    let made = tx.insert(KIND, call.owner, value, hidden, None);
    check(tx, &made)?;
    Ok(shown(tx, &made))
}

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    // An account has its own and the platform's from the beginning.
    default_of(tx, call.owner);
    own_default(tx, call.owner);
    let active = call.args.flag("active");
    let application = call.args.at("application").map(|node| match node {
        Node::Leaf(text) if !text.is_empty() => json!(text),
        _ => Value::Null,
    });
    let mut page = lists::list(tx, call, KIND, |r| {
        !is_parent(r)
            && active.is_none_or(|active| r.value["active"] == json!(active))
            && application
                .as_ref()
                .is_none_or(|a| r.value["application"] == *a)
    })?;
    for item in page["data"].as_array_mut().into_iter().flatten() {
        if let Some(record) = item["id"].as_str().and_then(|id| tx.get(id)) {
            *item = shown(tx, &record);
        }
    }
    Ok(page)
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let record = open(tx, call)?;
    let args = call.args;
    let active = args.flag("active");
    if active == Some(false)
        && record.value["is_default"] == json!(true)
        && tx.assumptions.get("default_configuration") == "stays_active"
    {
        return Err(
            ApiError::invalid("The default configuration can't be deactivated.").param("active"),
        );
    }
    let preferences = preferences(args, &record.hidden["preferences"]);
    let changed = tx.update(&record.id, |r| {
        if let Some(name) = args.text("name") {
            r.value["name"] = json!(name);
        }
        if let Some(active) = active {
            r.value["active"] = json!(active);
        }
        r.hidden["preferences"] = preferences;
    });
    let changed = changed.unwrap_or(record);
    check(tx, &changed)?;
    Ok(shown(tx, &changed))
}

/// The preferences of a request over those that were.
fn preferences(args: &Node, before: &Value) -> Value {
    let mut out = before.clone();
    for (method, _) in METHODS.iter() {
        if let Some(preference) = args.text(&format!("{method}.display_preference.preference")) {
            out[*method] = json!(preference);
        }
    }
    out
}

/// Wallets hand over cards. <https://github.com/woocommerce/woocommerce-gateway-stripe/pull/4531> has the words.
fn check(tx: &Tx<'_>, record: &Record) -> Result<(), ApiError> {
    let is_on = |method: &str| state(tx, record, method).is_on;
    if !is_on("card") && (is_on("apple_pay") || is_on("google_pay")) {
        return Err(ApiError::invalid(
            "Invalid configuration. Apple Pay and Google Pay require Card to be enabled.",
        ));
    }
    Ok(())
}

/// What a platform does in its Dashboard: makes a parent, or changes one.
pub(crate) fn set_parent(tx: &mut Tx<'_>, wanted: &Parent) -> Answer {
    let platform = tx.platform();
    let first = first_parent(tx);
    let parent = match wanted.id.as_deref() {
        Some("default") => first,
        Some(id) => tx
            .find(KIND, &platform, id)
            .filter(|r| is_parent(r))
            .ok_or_else(|| ApiError::missing(KIND.noun(), id, "id"))?,
        None => {
            let value = new(tx, "Untitled", false);
            tx.insert(KIND, &platform, value, json!({ "settings": {} }), None)
        }
    };
    let mut settings = parent.hidden["settings"].clone();
    for (method, setting) in &wanted.methods {
        let known = name_of(method).ok_or_else(|| {
            ApiError::invalid(format!("There is no payment method {method}.")).param("methods")
        })?;
        settings[known] = json!(match setting {
            Setting::On => "on",
            Setting::Off => "off",
            Setting::Blocked => "blocked",
        });
    }
    let changed = tx.update(&parent.id, |r| {
        if let Some(name) = &wanted.name {
            r.value["name"] = json!(name);
        }
        if let Some(active) = wanted.active {
            r.value["active"] = json!(active);
        }
        r.hidden["settings"] = settings;
    });
    let value = changed.map(|r| r.value.clone()).unwrap_or_default();
    Ok(json!({ "id": value["id"], "name": value["name"], "active": value["active"] }))
}

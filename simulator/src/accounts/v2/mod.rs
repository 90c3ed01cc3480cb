//! Accounts by `/v2`: <https://docs.stripe.com/api/v2/core/accounts>, <https://docs.stripe.com/connect/accounts-v2>.
//!
//! They are the accounts of v1 under other names. A request is turned into the parameters of v1, so that both namespaces
//! go by the same rules; what v1 has no name for is kept as it was given.

pub(crate) mod events;
mod identity;
pub(crate) mod links;
mod params;
pub(crate) mod persons;
mod requirements;
pub(crate) mod tokens;
mod view;

use std::sync::Arc;

use serde_json::{Value, json};

use super::{apply_params, capabilities, defaults, onboarding, requirements_of, save};
use crate::{
    api::{Call, Route, merge_metadata, metadata, namespace},
    balance::schedule,
    countries,
    error::{Answer, ApiError},
    form::Node,
    store::{Kind, Record, Tx},
};

pub(crate) use view::{closed, configurations};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v2/core/accounts", create),
    ("GET", "/v2/core/accounts", list),
    ("GET", "/v2/core/accounts/{id}", |tx, call| {
        let record = find(tx, call, call.id())?;
        Ok(shown(tx, &record, call.args))
    }),
    ("POST", "/v2/core/accounts/{id}", update),
    ("POST", "/v2/core/accounts/{id}/close", close),
    ("POST", "/v2/core/account_links", links::create),
];

/// An error of `/v2` with words for end users, as the description demands of most.
fn refusal(code: &'static str, message: &str) -> ApiError {
    ApiError::invalid(message)
        .code(code)
        .with("user_message", json!(message))
}

/// An account of the acting platform by its id. A closed one is still found.
fn find(tx: &Tx<'_>, call: &Call<'_>, id: &str) -> Result<Arc<Record>, ApiError> {
    let own = id == call.owner;
    tx.get(id)
        .filter(|r| r.kind == Kind::Account && (own || call.owner == tx.store().platform))
        .filter(|r| r.hidden["deauthorized"] != json!(true) || closed(r))
        .ok_or_else(|| ApiError::missing("v2.core.account", id, "id"))
        .and_then(|r| {
            let known = made_here(&r) || r.id == tx.store().platform;
            let young = r.int("created") + COMPATIBLE_AFTER > tx.now;
            match tx.assumptions.get("v1_in_v2") {
                "after_ten_minutes" if young && !known => Err(ApiError::invalid(
                    "Account is not yet compatible with V2 APIs.",
                )
                .code("account_not_yet_compatible_with_v2")),
                "never" if !known => Err(ApiError::invalid(
                    "V1 Account ID cannot be used in V2 Account APIs.",
                )
                .code("v1_account_instead_of_v2_account")),
                _ => Ok(r),
            }
        })
}

/// Whether `/v2` made the account.
pub(crate) fn made_here(record: &Record) -> bool {
    record.hidden["v2"]["made"] == json!(true)
}

/// Seconds that an account which v1 made may take until `/v2` knows it (<https://docs.stripe.com/connect/accounts-v2>).
const COMPATIBLE_AFTER: i64 = 600;

/// As [`find`], of an account that can still be changed.
fn open(tx: &Tx<'_>, call: &Call<'_>, id: &str) -> Result<Arc<Record>, ApiError> {
    let record = find(tx, call, id)?;
    if closed(&record) {
        return Err(ApiError::invalid(
            "This account has been closed and can no longer be operated on.",
        )
        .code("account_closed"));
    }
    Ok(record)
}

fn shown(tx: &Tx<'_>, record: &Record, args: &Node) -> Value {
    namespace::only_included(view::account(tx, record), &view::INCLUDABLE, args)
}

/// The account of an id as it now is, as an answer.
fn answer(tx: &Tx<'_>, id: &str, args: &Node) -> Answer {
    let record = tx
        .get(id)
        .ok_or_else(|| ApiError::missing("v2.core.account", id, "id"))?;
    Ok(shown(tx, &record, args))
}

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    if call.owner != tx.store().platform {
        return Err(ApiError::invalid(
            "You cannot create accounts on behalf of a connected account.",
        )
        .code("platform_registration_required"));
    }
    let body = tokens::account_body(tx, call)?;
    let args = &Node::of(&body);
    let by_token = call.args.at("account_token").is_some();
    let configurations = params::asked_configurations(args);
    let seller = configurations.iter().any(|name| name != "customer");
    params::check_new(args, seller)?;
    let (controller, kind) = params::controller(tx, args, seller)?;
    let country = args
        .text("identity.country")
        .unwrap_or("US")
        .to_ascii_uppercase();
    countries::check_served(&country, "identity.country")?;
    let id = tx.mint("acct_1", 15);
    let mut account = defaults::account(&id, tx.now, &country, controller, kind);
    account["metadata"] = metadata(args, "metadata")?;
    let platform = tx.platform();
    let hidden = json!({ "v2": { "made": true, "configurations": configurations, "given": {} } });
    let record = tx.insert(Kind::Account, &platform, account.clone(), hidden, None);
    write(tx, &record, &mut account, &body, by_token)?;
    requirements_of(tx, &record, &mut account);
    tx.update(&id, |r| r.value = account);
    if tx.assumptions.get("new_capabilities") == "sent" {
        capabilities::emit_updates(tx, &id, &Value::Null);
    }
    schedule::schedule(tx, &id);
    answer(tx, &id, args)
}

/// Writes the parameters that creating and updating have in common: those of v1 by its rules, the rest as it is given.
fn write(
    tx: &mut Tx<'_>,
    record: &Record,
    account: &mut Value,
    body: &Value,
    by_token: bool,
) -> Result<(), ApiError> {
    let mut v1 = params::v1(&Node::of(body));
    let accepted = v1.take("tos_acceptance");
    let ours = by_token || super::requirements::collected_by_platform(account);
    match accepted {
        Some(accepted) if ours => {
            for (name, _) in accepted.children() {
                account["tos_acceptance"][name] = match name.as_str() {
                    "date" => json!(accepted.int(name)),
                    _ => json!(accepted.text(name)),
                };
            }
        }
        Some(_) => {
            return Err(refusal(
                "tos_acceptance_on_behalf_not_allowed",
                "Terms of service cannot be accepted on behalf of accounts whose requirements Stripe collects.",
            ));
        }
        None => {}
    }
    params::keep_given(tx, &record.id, body);
    apply_params(tx, record, account, &v1)?;
    params::keep_person(tx, &record.id, &body["identity"]["individual"]);
    Ok(())
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let record = open(tx, call, call.id())?;
    let body = tokens::account_body(tx, call)?;
    let args = &Node::of(&body);
    let by_token = call.args.at("account_token").is_some();
    params::check_update(tx, &record, args)?;
    params::apply_configurations(tx, &record.id, args);
    let mut account = record.value.clone();
    merge_metadata(&mut account["metadata"], args, "metadata")?;
    write(tx, &record, &mut account, &body, by_token)?;
    save(tx, &record.id, account)?;
    answer(tx, &record.id, args)
}

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let platform = tx.platform();
    let wanted = call.args.texts("applied_configurations");
    let gone = call.args.flag("closed") == Some(true);
    let all = tx.assumptions.get("v1_in_v2") != "never";
    let rows = tx
        .store()
        .list(Kind::Account, call.owner)
        .rev()
        .filter(|r| r.id != platform && closed(r) == gone && (all || made_here(r)))
        .filter(|r| gone || r.hidden["deauthorized"] != json!(true))
        .filter(|r| {
            let applied = configurations(r);
            wanted.iter().all(|name| applied.iter().any(|a| a == name))
        });
    let nothing = Node::Tree(Vec::new());
    namespace::page(call, rows, |r| shown(tx, r, &nothing))
}

fn close(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let record = open(tx, call, call.id())?;
    let applied = configurations(&record);
    let mut named = call.args.texts("applied_configurations");
    named.sort_unstable();
    if named != applied {
        let message =
            "The account cannot be closed without specifying all of its applied configurations.";
        return Err(refusal("configs_must_match_to_close", message)
            .with("applied_configurations", json!(applied)));
    }
    let value = &record.value;
    let live_rules = tx.assumptions.get("account_deletion") == "live_rules";
    if live_rules && value["controller"]["stripe_dashboard"]["type"] == "full" {
        return Err(refusal(
            "stripe_loss_liable_cannot_be_deleted",
            "An account with Stripe-owned loss liability and a dashboard cannot be closed.",
        ));
    }
    let balances = tx.store().balances(&record.id);
    let some = balances
        .values()
        .any(|(available, pending)| *available != 0 || *pending != 0);
    if some && tx.assumptions.get("account_deletion") != "any_time" {
        return Err(refusal(
            "cannot_delete_account_with_balance",
            "The account cannot be closed because it has a balance.",
        ));
    }
    onboarding::close(tx, &record.id)?;
    answer(tx, &record.id, call.args)
}

//! The events of `/v2` about accounts and their persons: one for each part of an account that a piece of work changed,
//! whichever namespace, page or clock did it. <https://docs.stripe.com/api/v2/core/accounts/event-types>.

use serde_json::{Value, json};

use super::{identity, view};
use crate::{
    core_events::{CoreEvent, Related},
    store::{Kind, Record, Tx},
};

/// The parts of an account that have an event of their own.
const PARTS: [(&str, &str); 7] = [
    ("defaults", "/defaults"),
    ("identity", "/identity"),
    ("requirements", "/requirements"),
    ("future_requirements", "/future_requirements"),
    ("configuration.customer", "/configuration/customer"),
    ("configuration.merchant", "/configuration/merchant"),
    ("configuration.recipient", "/configuration/recipient"),
];

/// Emits what the changes of this piece of work are in `/v2`. `before` are the records that it changed, as they were, and
/// the ids of those that it made.
pub(crate) fn emit_changes(tx: &mut Tx<'_>, before: &[(String, Option<std::sync::Arc<Record>>)]) {
    for (id, old) in before {
        let new = tx.get(id);
        let Some(kind) = new.as_deref().or(old.as_deref()).map(|r| r.kind) else {
            continue;
        };
        match (kind, old, &new) {
            (Kind::Account, _, Some(new)) if *id != tx.store().platform => {
                of_account(tx, old.as_deref(), new);
            }
            (Kind::Person, _, _) => of_person(tx, id, old.as_deref(), new.as_deref()),
            _ => {}
        }
    }
}

fn of_account(tx: &mut Tx<'_>, old: Option<&Record>, new: &Record) {
    let Some(old) = old else {
        emit(tx, new, "created", None);
        return;
    };
    if view::closed(new) {
        if !view::closed(old) {
            emit(tx, new, "closed", None);
        }
        return;
    }
    let (before, after) = (shown_before(tx, old), view::account(tx, new));
    let differs = |pointer: &str| before.pointer(pointer) != after.pointer(pointer);
    let own = [
        "contact_email",
        "contact_phone",
        "dashboard",
        "display_name",
        "metadata",
        "applied_configurations",
    ];
    if own.iter().any(|field| before[field] != after[field]) {
        emit(tx, new, "updated", None);
    }
    for (part, pointer) in PARTS {
        if !differs(pointer) {
            continue;
        }
        let Some((_, configuration)) = part.split_once('.') else {
            emit(tx, new, "updated", Some(part));
            continue;
        };
        let (without, with) = (
            strip(before.pointer(pointer)),
            strip(after.pointer(pointer)),
        );
        if without != with {
            emit(tx, new, "updated", Some(part));
        }
        for capability in changed_capabilities(old, new, configuration) {
            let event = CoreEvent {
                name: &format!("v2.core.account[{part}].capability_status_updated"),
                account: &new.id,
                related: Some(related(new)),
                data: json!({ "updated_capability": capability }),
                changes: Value::Null,
            };
            tx.emit_core(&event);
        }
    }
}

/// An account as it was. Its persons have an event of their own.
fn shown_before(tx: &Tx<'_>, old: &Record) -> Value {
    let mut before = view::account(tx, old);
    if let Some(now) = tx.get(&old.id) {
        let after = view::account(tx, &now);
        let person = &after["identity"]["individual"];
        if before["identity"]["individual"]["id"] == person["id"] {
            before["identity"]["individual"] = person.clone();
        }
    }
    before
}

/// A configuration without its capabilities.
fn strip(configuration: Option<&Value>) -> Value {
    let mut out = configuration.cloned().unwrap_or_default();
    if let Some(map) = out.as_object_mut() {
        map.remove("capabilities");
    }
    out
}

fn changed_capabilities(old: &Record, new: &Record, configuration: &str) -> Vec<String> {
    let before = view::capabilities(old, configuration);
    let after = view::capabilities(new, configuration);
    let gone = before
        .iter()
        .filter(|(name, _)| !after.iter().any(|(n, _)| n == name));
    let changed = after.iter().filter(|row| !before.contains(row));
    changed.chain(gone).map(|(name, _)| name.clone()).collect()
}

fn emit(tx: &mut Tx<'_>, account: &Record, what: &str, part: Option<&str>) {
    let part = part.map_or_else(String::new, |part| format!("[{part}]"));
    let event = CoreEvent {
        name: &format!("v2.core.account{part}.{what}"),
        account: &account.id,
        related: Some(related(account)),
        ..CoreEvent::default()
    };
    tx.emit_core(&event);
}

fn related(account: &Record) -> Related {
    Related {
        id: account.id.clone(),
        object: "v2.core.account",
        url: format!("/v2/core/accounts/{}", account.id),
    }
}

fn of_person(tx: &mut Tx<'_>, id: &str, old: Option<&Record>, new: Option<&Record>) {
    let Some(owner) = new.or(old).map(|r| r.owner.clone()) else {
        return;
    };
    let what = match (old, new) {
        (None, Some(_)) => "created",
        (Some(_), None) => "deleted",
        (Some(old), Some(new)) if identity::person(old) != identity::person(new) => "updated",
        _ => return,
    };
    let event = CoreEvent {
        name: &format!("v2.core.account_person.{what}"),
        account: &owner,
        related: Some(Related {
            id: id.to_owned(),
            object: "v2.core.account_person",
            url: format!("/v2/core/accounts/{owner}/persons/{id}"),
        }),
        data: json!({ "account_id": owner }),
        changes: Value::Null,
    };
    tx.emit_core(&event);
}

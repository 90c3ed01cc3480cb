//! The whole truth in one document, for tests to compare theirs with.

use serde_json::{Value, json};

use crate::{
    engine::Core,
    store::{Kind, Record},
};

/// `{now, platform, application, accounts: {acct: {account, deauthorized, balances: {currency:
/// {available, pending}}, checkout_sessions, …}}, deliveries}`: every kind there is, lists oldest first. A balance
/// transaction carries the payout it went into as `payout`, a session its `line_items`.
pub(crate) fn report(core: &Core) -> Value {
    let platform = &core.store.platform;
    let mut accounts = json!({});
    for record in core.store.list(Kind::Account, platform) {
        accounts[&record.id] = account(core, record);
    }
    let deliveries: Vec<_> = core
        .store
        .list(Kind::Delivery, platform)
        .map(|d| d.value.clone())
        .collect();
    json!({
        "now": core.now(),
        "platform": platform,
        "application": core.store.application,
        "accounts": accounts,
        "deliveries": deliveries,
    })
}

fn account(core: &Core, record: &Record) -> Value {
    let mut out = json!({
        "account": record.value,
        "deauthorized": record.hidden["deauthorized"] == json!(true),
    });
    out["balances"] = core
        .store
        .balances(&record.id)
        .into_iter()
        .map(|(currency, (available, pending))| {
            (
                currency,
                json!({ "available": available, "pending": pending }),
            )
        })
        .collect();
    for &kind in Kind::ALL {
        // Accounts are told one by one, deliveries all at once.
        if matches!(kind, Kind::Account | Kind::Delivery) {
            continue;
        }
        out[kind.plural()] = core
            .store
            .list(kind, &record.id)
            .map(|r| {
                let mut value = r.shown();
                match kind {
                    Kind::Txn => value["payout"] = r.hidden["payout"].clone(),
                    Kind::Session => value["line_items"] = r.hidden["items"].clone(),
                    _ => {}
                }
                value
            })
            .collect();
    }
    out
}

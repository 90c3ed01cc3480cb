//! The whole truth in one document, for tests to compare theirs with.

use serde_json::{Value, json};

use crate::{
    engine::Core,
    store::{Kind, Record},
};

const KINDS: [(Kind, &str); 13] = [
    (Kind::Session, "checkout_sessions"),
    (Kind::Intent, "payment_intents"),
    (Kind::Charge, "charges"),
    (Kind::Refund, "refunds"),
    (Kind::Fee, "application_fees"),
    (Kind::FeeRefund, "application_fee_refunds"),
    (Kind::Txn, "balance_transactions"),
    (Kind::Payout, "payouts"),
    (Kind::Coupon, "coupons"),
    (Kind::PromotionCode, "promotion_codes"),
    (Kind::Product, "products"),
    (Kind::Price, "prices"),
    (Kind::Event, "events"),
];

/// `{now, platform, application, accounts: {acct: {account, deauthorized, balances: {currency:
/// {available, pending}}, checkout_sessions, …}}, deliveries}`; lists are oldest first. A balance
/// transaction carries the payout it went into as `payout`, a session its `line_items`.
pub(crate) fn tell(core: &Core) -> Value {
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
    for (kind, name) in KINDS {
        out[name] = core
            .store
            .list(kind, &record.id)
            .map(|r| {
                let mut value = r.value.clone();
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

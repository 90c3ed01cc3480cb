//! The seller's Express dashboard, and receipts.

use std::collections::HashMap;

use axum::{
    extract::{Path, State},
    response::Response,
};
use maud::{Markup, html};

use super::html::{amount, badge, error_page, page, table, when};
use crate::{
    Simulator,
    accounts::links,
    engine::Core,
    error::ApiError,
    money,
    store::{Kind, Record},
};

const ROWS: usize = 20;

pub(super) async fn show(
    State(s): State<Simulator>,
    Path((account, token)): Path<(String, String)>,
) -> Response {
    let known = s.engine().work(|tx| {
        links::dashboard(tx, &account, &token)
            .ok_or_else(|| ApiError::missing("login_link", &token, "login_link"))
    });
    match known {
        Err(error) => error_page(&error),
        Ok(record) => {
            let core = s.engine().lock();
            page(name(&record), dashboard(&core, &record))
        }
    }
}

fn name(account: &Record) -> &str {
    let name = account.value["business_profile"]["name"].as_str();
    name.filter(|n| !n.is_empty()).unwrap_or(&account.id)
}

/// Balance, payouts with what is in them, charges.
pub(super) fn dashboard(core: &Core, account: &Record) -> Markup {
    let yes = |field: &str| match account.value[field] == true {
        true => "yes",
        false => "no",
    };
    let due: Vec<&str> = account.value["requirements"]["currently_due"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|d| d.as_str())
        .collect();
    html! {
        main {
            h1 { (name(account)) }
            p { code { (account.id) } " · charges " (badge(yes("charges_enabled"))) " · payouts " (badge(yes("payouts_enabled"))) }
            @if !due.is_empty() { p.alert { "Still wanted: " (due.join(", ")) } }
            section.panel { h2 { "Balance" } (balances(core, &account.id)) }
            section.panel { h2 { "Payouts" } (payouts(core, &account.id)) }
            section.panel { h2 { "Charges" } (charges(core, &account.id)) }
        }
    }
}

fn balances(core: &Core, account: &str) -> Markup {
    let rows = core
        .store
        .balances(account)
        .iter()
        .map(|(currency, (available, pending))| {
            html! {
                tr { td { (currency.to_ascii_uppercase()) } (amount(*available, currency)) (amount(*pending, currency)) }
            }
        })
        .collect();
    table(
        "Balance",
        &["Currency", "Available", "Pending"],
        rows,
        "No money yet",
    )
}

fn payouts(core: &Core, account: &str) -> Markup {
    let mut items: HashMap<&str, Vec<&Record>> = HashMap::new();
    for txn in core.store.list(Kind::Txn, account) {
        if let Some(payout) = txn.hidden["payout"].as_str() {
            items.entry(payout).or_default().push(txn);
        }
    }
    let payouts: Vec<_> = core
        .store
        .list(Kind::Payout, account)
        .rev()
        .take(ROWS)
        .collect();
    html! {
        @if payouts.is_empty() { p.soft { "No payouts yet" } }
        @for payout in payouts {
            details.entry {
                summary {
                    span { (when(payout.int("arrival_date"))) " " (badge(payout.text("status"))) }
                    strong.amount { (money::format(payout.int("amount"), payout.text("currency"))) }
                }
                p { code { (payout.id) } @if let Some(why) = payout.value["failure_message"].as_str() { " · " (why) } }
                (txns(items.get(payout.id.as_str()).map_or(&[], Vec::as_slice), &payout.id))
            }
        }
    }
}

fn txns(items: &[&Record], payout: &str) -> Markup {
    let rows = items
        .iter()
        // The payout's own transaction is not one of its items.
        .filter(|t| t.text("source") != payout)
        .map(|t| {
            let currency = t.text("currency");
            html! {
                tr {
                    td { (t.text("type").replace('_', " ")) br; code { (t.text("source")) } }
                    (amount(t.int("amount"), currency))
                    (amount(t.int("fee"), currency))
                    (amount(t.int("net"), currency))
                }
            }
        })
        .collect();
    table(
        "Items of the payout",
        &["What", "Amount", "Fee", "Net"],
        rows,
        "Paid out by hand: it has no items",
    )
}

fn charges(core: &Core, account: &str) -> Markup {
    let charges: Vec<_> = core
        .store
        .list(Kind::Charge, account)
        .rev()
        .take(ROWS)
        .collect();
    let rows = charges
        .into_iter()
        .map(|c| {
            let refunded = c.int("amount_refunded");
            let currency = c.text("currency");
            html! {
                tr {
                    td { (when(c.int("created"))) }
                    td {
                        (badge(c.text("status")))
                        @if refunded > 0 { " " span.soft { (money::format(refunded, currency)) " refunded" } }
                        @if c.value["disputed"] == true { " " span.badge.bad { "disputed" } }
                    }
                    td { code { (c.id) } }
                    (amount(c.int("amount"), currency))
                }
            }
        })
        .collect();
    table(
        "Charges",
        &["Made", "Status", "Id", "Amount"],
        rows,
        "No charges yet",
    )
}

pub(super) async fn receipt(State(s): State<Simulator>, Path(id): Path<String>) -> Response {
    let core = s.engine().lock();
    let Some(charge) = core.store.get(&id).filter(|r| r.kind == Kind::Charge) else {
        return error_page(&ApiError::missing("charge", &id, "charge"));
    };
    let currency = charge.text("currency");
    let main = html! {
        main.card {
            h1 { "Receipt" }
            div.panel {
                p.total { (money::format(charge.int("amount"), currency)) }
                p { (badge(charge.text("status"))) " " (when(charge.int("created"))) " · " code { (charge.id) } }
                p { "Refunded: " (money::format(charge.int("amount_refunded"), currency)) }
            }
        }
    };
    page("Receipt", main)
}

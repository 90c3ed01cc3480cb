//! The seller's Express dashboard, and receipts.

use axum::{
    extract::{Path, State},
    response::{Html, IntoResponse, Response},
};

use super::{document, error_page, escape, when};
use crate::{Simulator, accounts::links, engine::Core, error::ApiError, money, store::Kind};

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
            let name = record.value["business_profile"]["name"]
                .as_str()
                .unwrap_or(&account);
            let core = s.engine().lock();
            let body = format!(
                r#"<main><h1>{}</h1>
<section class="panel"><h2>Balance</h2><div class="scroll"><table><thead><tr><th>Currency</th><th class="amount">Available</th><th class="amount">Pending</th></tr></thead><tbody>{}</tbody></table></div></section>
<section class="panel"><h2>Payouts</h2><div class="scroll"><table><thead><tr><th>Arrives</th><th>Status</th><th>Id</th><th class="amount">Amount</th></tr></thead><tbody>{}</tbody></table></div></section>
<section class="panel"><h2>Charges</h2><div class="scroll"><table><thead><tr><th>Made</th><th>Status</th><th>Id</th><th class="amount">Amount</th></tr></thead><tbody>{}</tbody></table></div></section></main>"#,
                escape(name),
                balances(&core, &account),
                rows(&core, Kind::Payout, &account, "arrival_date"),
                rows(&core, Kind::Charge, &account, "created"),
            );
            Html(document(name, &body)).into_response()
        }
    }
}

fn balances(core: &Core, account: &str) -> String {
    let sums = core.store.balances(account);
    if sums.is_empty() {
        return r#"<tr><td colspan="3">Nothing yet</td></tr>"#.to_owned();
    }
    sums.iter()
        .map(|(currency, (available, pending))| {
            format!(
                r#"<tr><td>{}</td><td class="amount">{}</td><td class="amount">{}</td></tr>"#,
                currency.to_ascii_uppercase(),
                money::show(*available, currency),
                money::show(*pending, currency)
            )
        })
        .collect()
}

fn rows(core: &Core, kind: Kind, account: &str, date: &str) -> String {
    let rows: String = core
        .store
        .list(kind, account)
        .rev()
        .take(ROWS)
        .map(|r| {
            format!(
                r#"<tr><td>{}</td><td>{}</td><td><code>{}</code></td><td class="amount">{}</td></tr>"#,
                when(r.int(date)),
                escape(r.text("status")),
                r.id,
                money::show(r.int("amount"), r.text("currency"))
            )
        })
        .collect();
    if rows.is_empty() {
        r#"<tr><td colspan="4">Nothing yet</td></tr>"#.to_owned()
    } else {
        rows
    }
}

pub(super) async fn receipt(State(s): State<Simulator>, Path(id): Path<String>) -> Response {
    let core = s.engine().lock();
    let Some(charge) = core.store.get(&id).filter(|r| r.kind == Kind::Charge) else {
        return error_page(&ApiError::missing("charge", &id, "charge"));
    };
    let body = format!(
        r#"<main class="card"><h1>Receipt</h1><div class="panel"><p class="total">{}</p><p>Paid {} · <code>{}</code></p><p>Refunded: {}</p></div></main>"#,
        money::show(charge.int("amount"), charge.text("currency")),
        when(charge.int("created")),
        charge.id,
        money::show(charge.int("amount_refunded"), charge.text("currency")),
    );
    Html(document("Receipt", &body)).into_response()
}

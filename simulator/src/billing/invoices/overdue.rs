//! Invoices that are sent and not paid by their `due_date`
//! (<https://docs.stripe.com/invoicing/overview>, <https://docs.stripe.com/api/events/types#event_types-invoice.overdue>).

use serde_json::json;

use crate::{
    billing::{settings, subscriptions},
    store::{Record, Tx},
};

/// When each step of an invoice is due that has not been done: the subscription is past due, and the
/// invoice is told of.
fn steps(tx: &Tx<'_>, invoice: &Record) -> [(&'static str, Option<i64>); 2] {
    let due = invoice.value["due_date"].as_i64().filter(|_| {
        invoice.text("status") == "open" && invoice.text("collection_method") == "send_invoice"
    });
    let told = settings::overdue_notice(tx, &invoice.owner);
    let told = due.zip(told).map(|(due, after)| due + after);
    [("past_due", due), ("told", told)].map(|(name, at)| {
        (
            name,
            at.filter(|_| invoice.hidden["overdue"][name].is_null()),
        )
    })
}

/// Plans the next step of an open invoice.
pub(super) fn plan(tx: &mut Tx<'_>, id: &str) {
    let Some(invoice) = tx.get(id) else {
        return;
    };
    let next = steps(tx, &invoice)
        .into_iter()
        .filter_map(|(_, at)| at)
        .min();
    let next = next.map(|at| std::cmp::max(at, tx.now + 1));
    if next.is_some() {
        tx.update(id, |r| r.due = next);
    }
}

/// Does the steps whose time has come.
pub(super) fn falls_due(tx: &mut Tx<'_>, invoice: &Record) {
    for (name, at) in steps(tx, invoice) {
        if at.is_none_or(|at| at > tx.now) {
            continue;
        }
        tx.update(&invoice.id, |r| r.hidden["overdue"][name] = json!(true));
        if name == "past_due" {
            subscriptions::cycle::unpaid(tx, &invoice.id, false);
        } else {
            let value = super::now(tx, &invoice.id);
            tx.emit("invoice.overdue", &invoice.owner, &value);
        }
    }
    plan(tx, &invoice.id);
}

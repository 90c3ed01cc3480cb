//! What happens by itself when a record's time has come.

use crate::{
    accounts::persons,
    balance::{self, payouts, topups},
    billing::{invoices, subscriptions, test_clocks},
    checkout,
    customers::tax_ids,
    payments::{confirm, disputes, legacy, refunds},
    store::{Kind, Tx},
};

/// Does what is due for one record.
pub(crate) fn run(tx: &mut Tx<'_>, id: &str) {
    let Some(record) = tx.get(id) else {
        return;
    };
    match record.kind {
        Kind::Charge => legacy::falls_due(tx, &record),
        Kind::Intent => confirm::falls_due(tx, &record),
        Kind::Session => checkout::falls_due(tx, &record),
        Kind::Txn => balance::becomes_available(tx, &record),
        Kind::Payout => payouts::falls_due(tx, &record),
        Kind::Topup => topups::falls_due(tx, &record),
        Kind::Person => persons::falls_due(tx, &record),
        Kind::Account => payouts::pay_out(tx, &record),
        Kind::Refund => refunds::falls_due(tx, &record),
        Kind::Dispute => disputes::falls_due(tx, &record),
        Kind::Subscription => subscriptions::cycle::falls_due(tx, &record),
        Kind::Invoice => invoices::settle::falls_due(tx, &record),
        Kind::InvoicePayment => invoices::payments::falls_due(tx, &record),
        Kind::TaxId => tax_ids::falls_due(tx, &record),
        Kind::TestClock => test_clocks::run(tx, &record, run),
        _ => {}
    }
}

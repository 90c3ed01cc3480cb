//! The fields by which records name each other. They are indexed, so that listing one customer's
//! payments doesn't read all.

use std::{collections::HashMap, sync::Arc};

use crate::store::{Kind, Listed, Record};

/// The fields of a kind that name another record, by the same name as the parameter that filters.
pub(crate) fn fields(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Charge => &["payment_intent", "customer", "transfer_group"],
        Kind::Delivery => &["event"],
        Kind::Dispute | Kind::FraudWarning | Kind::Refund => &["charge", "payment_intent"],
        Kind::InvoicePayment => &["invoice"],
        Kind::Price => &["product"],
        Kind::SubscriptionItem => &["subscription"],
        Kind::Intent
        | Kind::Invoice
        | Kind::InvoiceItem
        | Kind::PaymentMethod
        | Kind::Subscription
        | Kind::TaxId => &["customer"],
        Kind::Session => &["payment_intent"],
        Kind::Transfer => &["destination", "transfer_group"],
        Kind::Txn => &["source"],
        _ => &[],
    }
}

#[derive(Debug, Default)]
pub(crate) struct References(HashMap<(Kind, &'static str, String), Listed>);

impl References {
    pub fn toggle(&mut self, record: &Arc<Record>, add: bool) {
        for field in fields(record.kind) {
            let Some(id) = record.value[field].as_str() else {
                continue;
            };
            let key = (record.kind, *field, id.to_owned());
            if add {
                let listed = self.0.entry(key).or_default();
                listed.insert(record.seq, record.clone());
            } else if let Some(listed) = self.0.get_mut(&key) {
                listed.remove(&record.seq);
                if listed.is_empty() {
                    self.0.remove(&key);
                }
            }
        }
    }

    /// The records of a kind, on all accounts, that name `id` in one of [`fields`].
    pub fn naming(&self, kind: Kind, field: &'static str, id: &str) -> Option<&Listed> {
        debug_assert!(
            fields(kind).contains(&field),
            "{kind:?} isn't found by {field}"
        );
        self.0.get(&(kind, field, id.to_owned()))
    }
}

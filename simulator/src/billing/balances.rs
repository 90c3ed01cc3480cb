//! A customer's balance: what invoices take from it and leave on it.
//! <https://docs.stripe.com/billing/customer/balance>.

use serde_json::{Value, json};

use crate::store::{Kind, Tx};

pub(crate) fn of(tx: &Tx<'_>, customer: &str) -> i64 {
    tx.get(customer).map_or(0, |c| c.int("balance"))
}

/// Moves a customer's balance for an invoice; negative is in the customer's favour.
pub(crate) fn adjust(tx: &mut Tx<'_>, customer: &str, amount: i64, currency: &str, kind: &str, invoice: &str) {
    let changed = tx.update(customer, |r| {
        let sum = r.int("balance").saturating_add(amount);
        r.value["balance"] = json!(sum);
    });
    let Some(customer) = changed else {
        return;
    };
    let entry = json!({
        "id": tx.mint("cbtxn_1", 23),
        "object": "customer_balance_transaction",
        "amount": amount,
        "checkout_session": null,
        "created": tx.now,
        "credit_note": null,
        "currency": currency,
        "customer": customer.id,
        "customer_account": null,
        "description": null,
        "ending_balance": customer.int("balance"),
        "invoice": invoice,
        "livemode": false,
        "metadata": {},
        "type": kind,
    });
    tx.insert(Kind::CustomerTxn, &customer.owner, entry, Value::Null, None);
}

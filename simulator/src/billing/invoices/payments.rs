//! Payments of invoices: <https://docs.stripe.com/api/invoice-payment>.

use std::sync::Arc;

use serde_json::json;

use super::{changed, settle, subscription_of};
use crate::{
    api::{Call, Route, find, lists, retrieve},
    error::{Answer, ApiError},
    payments::intents,
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("GET", "/v1/invoice_payments", list),
    (
        "GET",
        "/v1/invoice_payments/{invoice_payment}",
        |tx, call| retrieve(tx, call, Kind::InvoicePayment, "invoice_payment"),
    ),
    ("POST", "/v1/invoices/{invoice}/attach_payment", attach),
];

/// Says with which intent an invoice is to be paid.
pub(crate) fn make(tx: &mut Tx<'_>, invoice: &Record, intent: &Record, id: &str, default: bool) {
    let payment = json!({
        "id": id,
        "object": "invoice_payment",
        "amount_paid": null,
        "amount_requested": intent.value["amount"],
        "created": tx.now,
        "currency": invoice.value["currency"],
        "invoice": invoice.id,
        "is_default": default,
        "livemode": false,
        "payment": { "type": "payment_intent", "payment_intent": intent.id },
        "status": "open",
        "status_transitions": { "canceled_at": null, "paid_at": null },
    });
    tx.insert(
        Kind::InvoicePayment,
        &invoice.owner,
        payment,
        json!({}),
        None,
    );
}

/// The payments of an invoice, oldest first.
fn of(tx: &Tx<'_>, invoice: &Record) -> Vec<Arc<Record>> {
    tx.store()
        .naming(Kind::InvoicePayment, "invoice", &invoice.id)
        .cloned()
        .collect()
}

/// The open payment that collects an invoice, and its intent.
pub(crate) fn default_of(tx: &Tx<'_>, invoice: &Record) -> Option<(String, Arc<Record>)> {
    let payment = of(tx, invoice)
        .into_iter()
        .find(|p| p.value["is_default"] == json!(true) && p.text("status") == "open")?;
    let intent = tx.get(payment.value["payment"]["payment_intent"].as_str()?)?;
    Some((payment.id.clone(), intent))
}

/// Ends a payment: `paid` or `canceled`.
pub(crate) fn close(tx: &mut Tx<'_>, id: &str, status: &str, amount: i64) {
    let now = tx.now;
    let closed = tx.update(id, |r| {
        r.value["status"] = json!(status);
        if status == "paid" {
            r.value["amount_paid"] = json!(amount);
        }
        r.value["status_transitions"][format!("{status}_at")] = json!(now);
    });
    if let Some(payment) = closed.filter(|_| status == "paid") {
        tx.emit("invoice_payment.paid", &payment.owner, &payment.value);
    }
}

/// Ends what an invoice isn't paid with any more.
pub(crate) fn cancel_open(tx: &mut Tx<'_>, invoice: &str) {
    let Some(record) = tx.get(invoice) else {
        return;
    };
    for payment in of(tx, &record)
        .iter()
        .filter(|p| p.text("status") == "open")
    {
        close(tx, &payment.id, "canceled", 0);
        if let Some(intent) = payment.value["payment"]["payment_intent"].as_str() {
            intents::cancel(tx, intent, Some("void_invoice"));
        }
    }
}

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let same = |r: &Record, name: &str| args.text(name).is_none_or(|v| r.value[name] == v);
    lists::list(tx, call, Kind::InvoicePayment, |r| {
        same(r, "invoice")
            && same(r, "status")
            && args
                .text("payment.payment_intent")
                .is_none_or(|i| r.value["payment"]["payment_intent"] == i)
    })
}

fn attach(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let invoice = find(tx, call, Kind::Invoice, call.id(), "invoice")?;
    if invoice.text("status") != "open" {
        return Err(ApiError::invalid(
            "You can only attach payments to open invoices.",
        ));
    }
    let id = call
        .args
        .text("payment_intent")
        .ok_or_else(|| ApiError::parameter_missing("payment_intent"))?;
    let intent = find(tx, call, Kind::Intent, id, "payment_intent")?;
    let refuse = |message: &str| Err(ApiError::invalid(message).param("payment_intent"));
    if intent.value["currency"] != invoice.value["currency"] {
        return refuse("The PaymentIntent's currency isn't the invoice's.");
    }
    if intent.hidden["invoice_payment"].is_string() || intent.text("status") == "canceled" {
        return refuse(
            "The PaymentIntent can't be attached: it is canceled or pays an invoice already.",
        );
    }
    let payment = tx.mint("inpay_1", 23);
    make(tx, &invoice, &intent, &payment, false);
    tx.update(id, |r| r.hidden["invoice_payment"] = json!(payment));
    settle::observe_intent(tx, &payment);
    Ok(changed(tx, call.id()))
}

/// An intent has moved: its invoice is told.
pub(crate) fn falls_due(tx: &mut Tx<'_>, payment: &Record) {
    settle::observe_intent(tx, &payment.id);
    tx.off_clock();
}

/// What an invoice is paid with, unless a method is named.
pub(crate) fn method_of(tx: &Tx<'_>, invoice: &Record) -> Option<Arc<Record>> {
    let subscription = subscription_of(invoice).and_then(|id| tx.get(id));
    let customer = tx.get(invoice.text("customer"));
    let named = [
        invoice.value["default_payment_method"].as_str(),
        subscription
            .as_ref()
            .and_then(|s| s.value["default_payment_method"].as_str()),
        customer
            .as_ref()
            .and_then(|c| c.value["invoice_settings"]["default_payment_method"].as_str()),
        customer
            .as_ref()
            .and_then(|c| c.value["default_source"].as_str()),
    ];
    named
        .into_iter()
        .flatten()
        .find_map(|id| tx.find(Kind::PaymentMethod, &invoice.owner, id))
}

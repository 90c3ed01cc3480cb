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

/// Adds an intent as a payment of an invoice.
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

/// Cancels the open payments of an invoice.
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

/// The intent has changed: its invoice observes it.
pub(crate) fn falls_due(tx: &mut Tx<'_>, payment: &Record) {
    settle::observe_intent(tx, &payment.id);
    tx.off_clock();
}

/// The payment method of an invoice, unless a request names one.
pub(crate) fn method_of(tx: &Tx<'_>, invoice: &Record) -> Option<Arc<Record>> {
    let own = invoice.value["default_payment_method"].as_str();
    let own = own.and_then(|id| tx.find(Kind::PaymentMethod, &invoice.owner, id));
    own.or_else(|| {
        let subscription = subscription_of(invoice).and_then(|id| tx.get(id));
        subscription
            .and_then(|s| method_of_subscription(tx, &s))
            .or_else(|| method_of_customer(tx, invoice))
    })
}

/// The payment method of a subscription's invoices.
pub(crate) fn method_of_subscription(tx: &Tx<'_>, subscription: &Record) -> Option<Arc<Record>> {
    let own = subscription.value["default_payment_method"].as_str();
    own.and_then(|id| tx.find(Kind::PaymentMethod, &subscription.owner, id))
        .or_else(|| method_of_customer(tx, subscription))
}

/// The default payment method of the customer of an object.
fn method_of_customer(tx: &Tx<'_>, of: &Record) -> Option<Arc<Record>> {
    let customer = tx.get(of.text("customer"))?;
    let named = [
        customer.value["invoice_settings"]["default_payment_method"].as_str(),
        customer.value["default_source"].as_str(),
    ];
    named
        .into_iter()
        .flatten()
        .find_map(|id| tx.find(Kind::PaymentMethod, &of.owner, id))
}

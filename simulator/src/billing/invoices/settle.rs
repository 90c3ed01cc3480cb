//! From open to paid, or not: collection, retries, void.
//! <https://docs.stripe.com/invoicing/integration/workflow-transitions>.

use std::sync::Arc;

use serde_json::{Value, json};

pub(crate) use super::finalize::finalize;
use super::{changed, now, overdue, payments};
use crate::{
    api::{Call, Route, find},
    billing::{settings, subscriptions},
    customers::{balance, methods},
    error::{Answer, ApiError},
    payments::confirm::{self, AttemptOptions, AttemptOutcome},
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/invoices/{invoice}/finalize", handle_finalize),
    ("POST", "/v1/invoices/{invoice}/pay", pay),
    ("POST", "/v1/invoices/{invoice}/send", send),
    ("POST", "/v1/invoices/{invoice}/void", handle_void),
    (
        "POST",
        "/v1/invoices/{invoice}/mark_uncollectible",
        mark_uncollectible,
    ),
];

const HOUR: i64 = 3600;

/// How an attempt to collect ended.
#[derive(Debug)]
pub(crate) enum Collected {
    /// Paid, or there was nothing to pay.
    Paid,
    /// A debit is under way, or the customer has to authenticate.
    Waiting,
    Declined(&'static str, &'static str, &'static str),
    /// There is nothing to pay with.
    NoMethod,
}

pub(super) fn emit(tx: &mut Tx<'_>, id: &str, event: &str) {
    if let Some(invoice) = tx.get(id) {
        tx.emit(event, &invoice.owner, &invoice.value);
    }
}

/// One attempt to have an open invoice paid.
pub(crate) fn collect(
    tx: &mut Tx<'_>,
    id: &str,
    method: Option<Arc<Record>>,
    how: &AttemptOptions,
) -> Result<Collected, ApiError> {
    let Some(invoice) = tx.get(id).filter(|i| i.text("status") != "paid") else {
        return Ok(Collected::Paid);
    };
    let Some(method) = method.or_else(|| payments::method_of(tx, &invoice)) else {
        return Ok(Collected::NoMethod);
    };
    let Some((payment, intent)) = payments::default_of(tx, &invoice) else {
        return Ok(Collected::NoMethod);
    };
    if intent.text("status") == "processing" {
        return Ok(Collected::Waiting);
    }
    confirm::check_method(&intent.value, intent.value["customer"].as_str(), &method)?;
    let end = confirm::attempt(tx, &intent.id, &method, how)?;
    observe_intent(tx, &payment);
    Ok(match end {
        AttemptOutcome::Paid => Collected::Paid,
        AttemptOutcome::Challenged | AttemptOutcome::Authenticated | AttemptOutcome::Processing => {
            Collected::Waiting
        }
        AttemptOutcome::Declined(code, decline_code, message) => {
            Collected::Declined(code, decline_code, message)
        }
    })
}

/// Applies the state of a payment's intent to its invoice, once.
pub(crate) fn observe_intent(tx: &mut Tx<'_>, payment: &str) {
    let Some(payment) = tx.get(payment) else {
        return;
    };
    let Some(intent) = payment.value["payment"]["payment_intent"]
        .as_str()
        .and_then(|id| tx.get(id))
    else {
        return;
    };
    let status = intent.text("status").to_owned();
    let seen = format!(
        "{status} {} {}",
        intent.text("latest_charge"),
        intent.value["last_payment_error"]["code"]
    );
    if payment.hidden["seen"] == seen.as_str() || payment.text("status") != "open" {
        return;
    }
    tx.update(&payment.id, |r| r.hidden["seen"] = json!(seen));
    tx.on_clock_of(payment.text("invoice"));
    let invoice = payment.text("invoice").to_owned();
    match status.as_str() {
        "succeeded" => {
            payments::close(tx, &payment.id, "paid", intent.int("amount_received"));
            let whole = tx.update(&invoice, |r| {
                let sum = r
                    .int("amount_paid")
                    .saturating_add(intent.int("amount_received"));
                r.value["amount_paid"] = json!(sum);
                if payment.hidden["automatic"] == json!(true) {
                    let count = r.int("attempt_count");
                    r.value["attempt_count"] = json!(count + 1);
                }
                r.value["amount_remaining"] = json!(std::cmp::max(r.int("amount_due") - sum, 0));
            });
            if whole.is_some_and(|i| i.int("amount_remaining") == 0 && i.text("status") != "paid") {
                paid(tx, &invoice);
            }
        }
        "requires_payment_method" if intent.value["last_payment_error"].is_object() => {
            if intent.value["last_payment_error"]["code"] == "authentication_required" {
                emit(tx, &invoice, "invoice.payment_action_required");
            }
            failed(tx, &invoice, payment.hidden["automatic"] == json!(true));
        }
        "requires_action" => {
            attempted(tx, &invoice);
            emit(tx, &invoice, "invoice.payment_action_required");
            subscriptions::cycle::unpaid(tx, &invoice, false);
        }
        "canceled" => payments::close(tx, &payment.id, "canceled", 0),
        _ => attempted(tx, &invoice),
    }
}

fn attempted(tx: &mut Tx<'_>, id: &str) {
    tx.update(id, |r| r.value["attempted"] = json!(true));
}

/// An invoice is paid.
pub(super) fn paid(tx: &mut Tx<'_>, id: &str) {
    let now = tx.now;
    tx.update(id, |r| {
        let v = &mut r.value;
        let count = v["attempt_count"].as_i64().unwrap_or(0);
        if v["amount_due"] != json!(0) {
            v["attempt_count"] = json!(std::cmp::max(count, 1));
        }
        v["attempted"] = json!(true);
        v["auto_advance"] = json!(false);
        v["next_payment_attempt"] = Value::Null;
        v["status"] = json!("paid");
        v["status_transitions"]["paid_at"] = json!(now);
        r.due = None;
    });
    emit(tx, id, "invoice.paid");
    emit(tx, id, "invoice.payment_succeeded");
    subscriptions::cycle::paid(tx, id);
}

/// An attempt failed: the next one is planned, or there is none.
fn failed(tx: &mut Tx<'_>, id: &str, automatic: bool) {
    let Some(invoice) = tx.get(id) else {
        return;
    };
    let count = invoice.int("attempt_count");
    // Attempts by hand after the first don't count.
    let counts = automatic || count == 0;
    let retried = invoice.text("billing_reason") != "subscription_create"
        && invoice.value["auto_advance"] == json!(true)
        && connected(tx, &invoice.owner);
    let count = if counts { count + 1 } else { count };
    let next = match (retried, counts) {
        (false, _) => None,
        (true, false) => invoice.value["next_payment_attempt"].as_i64(),
        (true, true) => {
            settings::retry_after(tx, &invoice.owner, count).map(|after| tx.now + after)
        }
    };
    tx.update(id, |r| {
        r.value["attempted"] = json!(true);
        r.value["attempt_count"] = json!(count);
        r.value["next_payment_attempt"] = json!(next);
        r.due = next;
    });
    emit(tx, id, "invoice.payment_failed");
    changed(tx, id);
    subscriptions::cycle::unpaid(tx, id, retried && next.is_none());
}

/// Whether an account hasn't been disconnected: the platform then retries nothing on it
/// (<https://docs.stripe.com/billing/revenue-recovery/smart-retries>).
fn connected(tx: &Tx<'_>, account: &str) -> bool {
    tx.get(account)
        .is_some_and(|a| a.hidden["deauthorized"] != json!(true))
}

/// A draft's hour is over, or the next attempt's time has come.
pub(crate) fn falls_due(tx: &mut Tx<'_>, invoice: &Record) {
    let id = &invoice.id;
    tx.update(id, |r| r.due = None);
    if invoice.text("status") == "draft"
        && let Err(error) = tx.savepoint(|tx| finalize(tx, id))
    {
        let mut shown = json!({ "type": error.kind, "message": error.message });
        if let Some(code) = error.code {
            shown["code"] = json!(code);
        }
        tx.update(id, |r| r.value["last_finalization_error"] = shown);
        emit(tx, id, "invoice.finalization_failed");
        return;
    }
    if invoice.text("status") == "open" && invoice.text("collection_method") == "send_invoice" {
        overdue::falls_due(tx, invoice);
    } else if let Err(error) = advance(tx, id) {
        tracing::error!(message = error.message, "an invoice couldn't be collected");
    }
}

/// Finalizes and collects, or sends.
pub(crate) fn advance(tx: &mut Tx<'_>, id: &str) -> Result<(), ApiError> {
    finalize(tx, id)?;
    let Some(invoice) = tx.get(id).filter(|i| i.text("status") == "open") else {
        return Ok(());
    };
    if invoice.text("collection_method") == "send_invoice" {
        emit(tx, id, "invoice.sent");
        return Ok(());
    }
    retry(tx, id)
}

fn retry(tx: &mut Tx<'_>, id: &str) -> Result<(), ApiError> {
    let how = AttemptOptions {
        off_session: true,
        may_wait: tx.assumptions.get("renewal_challenge") == "asked",
        ..AttemptOptions::default()
    };
    let payment = tx.get(id).and_then(|i| payments::default_of(tx, &i));
    if let Some((payment, _)) = &payment {
        tx.update(payment, |r| r.hidden["automatic"] = json!(true));
    }
    let failed_at_once = match collect(tx, id, None, &how)? {
        Collected::NoMethod => true,
        // The customer is asked, and the attempt counts as one that failed.
        Collected::Waiting => payment
            .as_ref()
            .and_then(|(_, intent)| tx.get(&intent.id))
            .is_some_and(|intent| intent.text("status") == "requires_action"),
        _ => false,
    };
    if failed_at_once {
        failed(tx, id, true);
    }
    if let Some((payment, _)) = &payment {
        tx.update(payment, |r| r.hidden["automatic"] = json!(false));
    }
    Ok(())
}

fn handle_finalize(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let invoice = find(tx, call, Kind::Invoice, call.id(), "invoice")?;
    if invoice.text("status") != "draft" {
        return Err(ApiError::invalid(
            "This invoice is already finalized, you can't re-finalize a non-draft invoice.",
        )
        .code("invoice_not_editable"));
    }
    if let Some(flag) = call.args.flag("auto_advance") {
        tx.update(call.id(), |r| r.value["auto_advance"] = json!(flag));
    }
    finalize(tx, call.id())?;
    // An invoice that advances by itself is collected within the hour.
    let at = tx.now + HOUR;
    tx.update(call.id(), |r| {
        let tries = r.text("status") == "open"
            && r.value["auto_advance"] == json!(true)
            && r.text("collection_method") == "charge_automatically";
        if tries {
            r.value["next_payment_attempt"] = json!(at);
            r.due = Some(at);
        }
    });
    Ok(now(tx, call.id()))
}

fn pay(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let invoice = find(tx, call, Kind::Invoice, call.id(), "invoice")?;
    let refuse = |message: &str| Err(ApiError::invalid(message));
    match invoice.text("status") {
        "paid" => return refuse("Invoice is already paid"),
        "void" => return refuse("You can't pay an invoice that is void."),
        "draft" => finalize(tx, call.id())?,
        _ => {}
    }
    if args.flag("paid_out_of_band") == Some(true) {
        payments::cancel_open(tx, call.id());
        let counts = tx.assumptions.get("paid_out_of_band") == "counts_as_paid";
        tx.update(call.id(), |r| {
            let due = r.value["amount_due"].clone();
            if counts {
                r.value["amount_paid"] = due.clone();
            }
            r.value["amount_paid_off_stripe"] = due;
            r.value["amount_remaining"] = json!(0);
        });
        paid(tx, call.id());
        return Ok(now(tx, call.id()));
    }
    if tx
        .get(call.id())
        .is_some_and(|i| i.text("status") == "paid")
    {
        return Ok(now(tx, call.id()));
    }
    let method = match args.text("payment_method") {
        Some(id) => Some(methods::resolve(tx, call.owner, id, "payment_method")?),
        None => None,
    };
    let how = AttemptOptions {
        off_session: args.flag("off_session").unwrap_or(true),
        ..AttemptOptions::default()
    };
    match collect(tx, call.id(), method, &how)? {
        Collected::Paid => Ok(now(tx, call.id())),
        Collected::Waiting => {
            let waits = tx
                .get(call.id())
                .and_then(|i| payments::default_of(tx, &i))
                .is_some_and(|(_, intent)| intent.text("status") == "requires_action");
            if waits {
                Err(needs_action().keeping_work())
            } else {
                Ok(now(tx, call.id()))
            }
        }
        Collected::Declined(code, decline_code, message) => {
            Err(methods::declined(code, decline_code, message).keeping_work())
        }
        Collected::NoMethod => Err(no_method()),
    }
}

pub(crate) fn no_method() -> ApiError {
    ApiError::invalid("This customer has no attached payment source or default payment method. Please consider adding a default payment method. For more information, visit https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority.")
        .code("resource_missing")
}

pub(crate) fn needs_action() -> ApiError {
    ApiError::new(402, "card_error", "This payment requires additional user action before it can be completed successfully. Payment can be completed using the PaymentIntent associated with the invoice. For more details see: https://stripe.com/docs/billing/subscriptions/overview#requires-action")
        .code("invoice_payment_intent_requires_action")
}

fn send(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let invoice = find(tx, call, Kind::Invoice, call.id(), "invoice")?;
    if invoice.text("collection_method") != "send_invoice" {
        return Err(ApiError::invalid(
            "You can only manually send an invoice if its collection method is 'send_invoice'.",
        ));
    }
    if !matches!(invoice.text("status"), "draft" | "open") {
        return Err(ApiError::invalid("This invoice can no longer be sent."));
    }
    finalize(tx, call.id())?;
    emit(tx, call.id(), "invoice.sent");
    Ok(now(tx, call.id()))
}

fn handle_void(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let invoice = find(tx, call, Kind::Invoice, call.id(), "invoice")?;
    if !matches!(invoice.text("status"), "open" | "uncollectible") {
        return Err(ApiError::invalid(format!(
            "You can only void open or uncollectible invoices; this one is {}.",
            invoice.text("status")
        )));
    }
    void(tx, call.id());
    Ok(now(tx, call.id()))
}

/// Voids an invoice. Its intent is canceled, and the customer's balance gets back what it paid.
pub(crate) fn void(tx: &mut Tx<'_>, id: &str) {
    let Some(invoice) = tx.get(id) else {
        return;
    };
    payments::cancel_open(tx, id);
    let used = invoice.int("starting_balance") - invoice.int("ending_balance");
    if used != 0 && !invoice.value["ending_balance"].is_null() {
        let (customer, currency) = (invoice.text("customer"), invoice.text("currency"));
        let more = json!({ "invoice": id });
        let back =
            balance::add_transaction(tx, customer, used, currency, "unapplied_from_invoice", more);
        debug_assert!(back.is_ok(), "it came from there");
    }
    leave(tx, id, "void", "voided_at", "invoice.voided");
    subscriptions::cycle::paid(tx, id);
}

fn mark_uncollectible(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let invoice = find(tx, call, Kind::Invoice, call.id(), "invoice")?;
    if invoice.text("status") != "open" {
        return Err(ApiError::invalid(format!(
            "You can only mark open invoices as uncollectible; this one is {}.",
            invoice.text("status")
        )));
    }
    uncollectible(tx, call.id());
    Ok(now(tx, call.id()))
}

pub(crate) fn uncollectible(tx: &mut Tx<'_>, id: &str) {
    leave(
        tx,
        id,
        "uncollectible",
        "marked_uncollectible_at",
        "invoice.marked_uncollectible",
    );
    subscriptions::cycle::paid(tx, id);
}

fn leave(tx: &mut Tx<'_>, id: &str, status: &str, at: &str, event: &str) {
    let now = tx.now;
    tx.update(id, |r| {
        r.value["status"] = json!(status);
        r.value["status_transitions"][at] = json!(now);
        r.value["auto_advance"] = json!(false);
        r.value["next_payment_attempt"] = Value::Null;
        r.due = None;
    });
    emit(tx, id, event);
}

/// Stops collecting an invoice; drafts stay drafts.
pub(crate) fn stop(tx: &mut Tx<'_>, id: &str) {
    tx.update(id, |r| {
        r.value["auto_advance"] = json!(false);
        r.value["automatically_finalizes_at"] = Value::Null;
        r.value["next_payment_attempt"] = Value::Null;
        r.due = None;
    });
}

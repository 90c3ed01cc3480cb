//! From draft to open: <https://docs.stripe.com/invoicing/integration/workflow-transitions>.

use serde_json::{Value, json};

use super::{
    overdue, payments,
    settle::{emit, paid},
    subscription_of,
};
use crate::{customers::balance, error::ApiError, money, payments::intents, store::Tx};

/// What is due of a total beside the customer's balance, what that balance is then, and whether the
/// amount is too small to be charged.
fn owed(total: i64, start: i64, currency: &str) -> Result<(i64, i64, bool), ApiError> {
    let mut due = std::cmp::max(total.saturating_add(start), 0);
    let mut end = std::cmp::min(total.saturating_add(start), 0);
    if total == 0 {
        (due, end) = (0, start);
    }
    let least = money::minimum(currency, "currency")?;
    let small = due > 0 && due < least;
    if small {
        (due, end) = (0, due);
    }
    // What the currency has no parts for is rounded, and the difference goes to the customer's balance
    // (https://docs.stripe.com/currencies#special-cases says so of UGX).
    let step = money::step(currency);
    if due % step != 0 {
        let rounded = (due + step / 2) / step * step;
        (due, end) = (rounded, end + due - rounded);
    }
    if due > 0 {
        money::check_amount(due, currency)?;
    }
    Ok((due, end, small))
}

/// Finalizes a draft: its number, the part that the customer's balance pays, and the intent for the
/// rest.
pub(crate) fn finalize(tx: &mut Tx<'_>, id: &str) -> Result<(), ApiError> {
    let Some(invoice) = tx.get(id).filter(|i| i.text("status") == "draft") else {
        return Ok(());
    };
    let number = match invoice.value["number"].as_str() {
        Some(number) => number.to_owned(),
        None => next_number(tx, invoice.text("customer")),
    };
    let currency = invoice.text("currency").to_owned();
    let (total, start) = (
        invoice.int("total"),
        tx.get(invoice.text("customer"))
            .map_or(0, |c| c.int("balance")),
    );
    let (due, end, small) = owed(total, start, &currency)?;
    if end != start {
        let kind = if small {
            "invoice_too_small"
        } else {
            "applied_to_invoice"
        };
        let more = json!({ "invoice": id });
        balance::add_transaction(
            tx,
            invoice.text("customer"),
            end - start,
            &currency,
            kind,
            more,
        )?;
    }
    let now = tx.now;
    let base = tx.base_url.to_owned();
    let secret = tx.mint("", 32);
    tx.update(id, |r| {
        let v = &mut r.value;
        v["status"] = json!("open");
        v["number"] = json!(number);
        v["starting_balance"] = json!(start);
        v["ending_balance"] = json!(end);
        v["amount_due"] = json!(due);
        v["amount_remaining"] = json!(due);
        v["automatically_finalizes_at"] = Value::Null;
        v["last_finalization_error"] = Value::Null;
        if v["effective_at"].is_null() {
            v["effective_at"] = json!(now);
        }
        v["status_transitions"]["finalized_at"] = json!(now);
        v["hosted_invoice_url"] = json!(format!("{base}/i/{id}/{secret}"));
        v["invoice_pdf"] = json!(format!("{base}/i/{id}/{secret}/pdf"));
        r.due = None;
    });
    emit(tx, id, "invoice.finalized");
    if due == 0 {
        paid(tx, id);
        return Ok(());
    }
    open_intent(tx, id)?;
    overdue::plan(tx, id);
    Ok(())
}

/// The customer's prefix and the next of their numbers.
fn next_number(tx: &mut Tx<'_>, customer: &str) -> String {
    let own = tx
        .get(customer)
        .and_then(|c| c.value["invoice_prefix"].as_str().map(str::to_owned));
    let prefix = match own {
        Some(prefix) => prefix,
        None => tx.mint("", 8).to_ascii_uppercase(),
    };
    let mut number = 1;
    tx.update(customer, |r| {
        number = r.value["next_invoice_sequence"].as_i64().unwrap_or(1);
        r.value["next_invoice_sequence"] = json!(number + 1);
        r.value["invoice_prefix"] = json!(prefix);
    });
    format!("{prefix}-{number:04}")
}

fn open_intent(tx: &mut Tx<'_>, id: &str) -> Result<(), ApiError> {
    let Some(invoice) = tx.get(id) else {
        return Ok(());
    };
    let due = invoice.int("amount_due");
    let fee = match (
        invoice.hidden["fee"].as_i64(),
        invoice.hidden["fee_percent"].as_i64(),
    ) {
        (Some(fee), _) => Some(std::cmp::min(fee, due)),
        (None, Some(percent)) => Some(money::percent_of(tx.rounding(), due, percent)?),
        (None, None) => None,
    };
    let transfer = &invoice.hidden["transfer"];
    let transfer_data = transfer["destination"].as_str().map(|destination| {
        let percent = transfer["amount_percent"].to_string();
        let share =
            money::percent(&percent).and_then(|p| money::percent_of(tx.rounding(), due, p).ok());
        match transfer["amount"].as_i64().or(share) {
            Some(amount) => json!({ "amount": amount, "destination": destination }),
            None => json!({ "destination": destination }),
        }
    });
    let types = &invoice.value["payment_settings"]["payment_method_types"];
    let types = match types {
        Value::Array(list) if !list.is_empty() => types.clone(),
        _ if invoice.text("currency") == "eur" => json!(["card", "sepa_debit"]),
        _ if invoice.text("currency") == "usd" => json!(["card", "us_bank_account"]),
        _ => json!(["card"]),
    };
    let description = match invoice.text("billing_reason") {
        "subscription_create" => json!("Subscription creation"),
        "subscription_cycle" | "subscription_update" => json!("Subscription update"),
        _ => json!(format!("Payment for Invoice {}", invoice.text("number"))),
    };
    let keep = subscription_of(&invoice).is_some();
    let payment = tx.mint("inpay_1", 23);
    let fields = json!({
        "amount": due,
        "application_fee_amount": fee.filter(|fee| *fee > 0),
        "currency": invoice.value["currency"],
        "customer": invoice.value["customer"],
        "description": description,
        "on_behalf_of": invoice.value["on_behalf_of"],
        "payment_method_types": types,
        "receipt_email": null,
        "setup_future_usage": keep.then_some("off_session"),
        "transfer_data": transfer_data,
    });
    let intent = intents::make(
        tx,
        &invoice.owner,
        fields,
        json!({ "invoice_payment": payment }),
    );
    payments::make(tx, &invoice, &intent, &payment, true);
    tx.update(id, |r| {
        r.hidden["latent"]["confirmation_secret"] =
            json!({ "client_secret": intent.value["client_secret"], "type": "payment_intent" });
    });
    Ok(())
}

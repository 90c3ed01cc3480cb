//! What a customer is owed, or owes, on their next invoice:
//! <https://docs.stripe.com/billing/customer/balance>.

use serde_json::{Value, json};

use crate::{
    api::{Call, Route, find, lists, merge_metadata, metadata},
    error::{Answer, ApiError},
    money,
    store::{Kind, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    (
        "POST",
        "/v1/customers/{customer}/balance_transactions",
        create,
    ),
    ("GET", "/v1/customers/{customer}/balance_transactions", list),
    (
        "GET",
        "/v1/customers/{customer}/balance_transactions/{transaction}",
        |tx, call| one(tx, call).map(|r| r.value.clone()),
    ),
    (
        "POST",
        "/v1/customers/{customer}/balance_transactions/{transaction}",
        update,
    ),
];

/// Books an amount on a customer's balance, negative for what they are owed. `more` are further
/// fields of the transaction, such as its `invoice`.
pub(crate) fn add_transaction(
    tx: &mut Tx<'_>,
    customer: &str,
    amount: i64,
    currency: &str,
    kind: &str,
    more: Value,
) -> Answer {
    let holder = tx
        .get(customer)
        .filter(|r| r.kind == Kind::Customer)
        .ok_or_else(|| ApiError::missing("customer", customer, "customer"))?;
    if let Some(own) = holder.value["currency"].as_str().filter(|c| *c != currency) {
        return Err(ApiError::invalid(format!(
            "You cannot combine currencies on a single customer. This customer has a balance or an invoice in {own}."
        ))
        .param("currency"));
    }
    let balance = holder
        .int("balance")
        .checked_add(amount)
        .ok_or_else(ApiError::overflow)?;
    let mut entry = json!({
        "id": tx.mint("cbtxn_1", 23),
        "object": "customer_balance_transaction",
        "amount": amount,
        "checkout_session": null,
        "created": tx.now,
        "credit_note": null,
        "currency": currency,
        "customer": customer,
        "customer_account": null,
        "description": null,
        "ending_balance": balance,
        "invoice": null,
        "livemode": false,
        "metadata": {},
        "type": kind,
    });
    if let Value::Object(fields) = more {
        for (name, value) in fields {
            entry[name] = value;
        }
    }
    tx.insert(
        Kind::CustomerTxn,
        &holder.owner,
        entry.clone(),
        Value::Null,
        None,
    );
    tx.update(customer, |r| {
        r.value["balance"] = json!(balance);
        r.value["currency"] = json!(currency);
    });
    Ok(entry)
}

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let customer = find(tx, call, Kind::Customer, call.id(), "customer")?;
    let currency = args
        .text("currency")
        .unwrap_or_default()
        .to_ascii_lowercase();
    money::minimum(&currency, "currency")?;
    let more = json!({
        "description": args.text("description"),
        "metadata": metadata(args, "metadata")?,
    });
    let amount = args.int("amount").unwrap_or(0);
    let entry = add_transaction(tx, &customer.id, amount, &currency, "adjustment", more)?;
    if let Some(after) = tx.get(&customer.id) {
        let changed = crate::events::changes(&customer.value, &after.value);
        tx.emit_change("customer.updated", call.owner, &after.value, Some(changed));
    }
    Ok(entry)
}

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let customer = find(tx, call, Kind::Customer, call.id(), "customer")?;
    let invoice = call.args.text("invoice");
    lists::list(tx, call, Kind::CustomerTxn, |r| {
        r.value["customer"] == customer.id.as_str()
            && invoice.is_none_or(|i| r.value["invoice"] == i)
    })
}

fn one(tx: &Tx<'_>, call: &Call<'_>) -> Result<std::sync::Arc<crate::store::Record>, ApiError> {
    let customer = find(tx, call, Kind::Customer, call.id(), "customer")?;
    let id = call.ids.get(1).copied().unwrap_or_default();
    let entry = find(tx, call, Kind::CustomerTxn, id, "transaction")?;
    if entry.value["customer"] == customer.id.as_str() {
        return Ok(entry);
    }
    Err(ApiError::missing(
        Kind::CustomerTxn.noun(),
        id,
        "transaction",
    ))
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let entry = one(tx, call)?;
    let mut value = entry.value.clone();
    if call.args.at("description").is_some() {
        value["description"] = json!(call.args.text("description"));
    }
    merge_metadata(&mut value["metadata"], call.args, "metadata")?;
    tx.update(&entry.id, |r| r.value = value.clone());
    Ok(value)
}

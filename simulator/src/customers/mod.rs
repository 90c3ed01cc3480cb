//! Customers and their payment methods: <https://docs.stripe.com/api/customers>.

pub(crate) mod balance;
pub(crate) mod banks;
pub(crate) mod configurations;
pub(crate) mod methods;
pub(crate) mod renewal;
pub(crate) mod sessions;
pub(crate) mod tax_ids;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    api::{Call, Route, find, lists, merge_metadata},
    error::{Answer, ApiError},
    events::changes,
    form::Node,
    store::{Kind, Record, Tx, page},
    tokens,
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/customers", create),
    ("GET", "/v1/customers", list),
    ("GET", "/v1/customers/{customer}", |tx, call| {
        find_or_deleted(tx, call).map(|r| r.value.clone())
    }),
    ("POST", "/v1/customers/{customer}", update),
    ("GET", "/v1/customers/{customer}/discount", |tx, call| {
        let customer = find(tx, call, Kind::Customer, call.id(), "customer")?;
        discount(&customer).cloned()
    }),
    (
        "DELETE",
        "/v1/customers/{customer}/discount",
        delete_discount,
    ),
];

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let (email, clock) = (call.args.text("email"), call.args.text("test_clock"));
    lists::list(tx, call, Kind::Customer, |r| {
        email.is_none_or(|e| r.value["email"] == e) && r.value["test_clock"].as_str() == clock
    })
}

/// A customer, or what is left of one that was deleted.
fn find_or_deleted(tx: &Tx<'_>, call: &Call<'_>) -> Result<Arc<Record>, ApiError> {
    match tx.find(Kind::DeletedCustomer, call.owner, call.id()) {
        Some(dead) => Ok(dead),
        None => find(tx, call, Kind::Customer, call.id(), "customer"),
    }
}

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    if let Some(clock) = args.text("test_clock") {
        find(tx, call, Kind::TestClock, clock, "test_clock")?;
    }
    let mut value = new_customer(tx);
    value["test_clock"] = json!(args.text("test_clock"));
    describe(tx, args, &mut value)?;
    let hidden = json!({ "latent": latent(&value, args) });
    let id = value["id"].as_str().unwrap_or_default().to_owned();
    tx.insert(Kind::Customer, call.owner, value, hidden, None);
    let defaults = payment_methods(tx, call, &id)?;
    tx.update(&id, |r| defaults.apply(&mut r.value));
    if let Some(amount) = args.int("balance").filter(|a| *a != 0) {
        let currency = currency_of(tx, call.owner, &id)?;
        balance::add_transaction(tx, &id, amount, &currency, "initial", json!({}))?;
    }
    let made = find(tx, call, Kind::Customer, &id, "customer")?;
    tx.emit("customer.created", call.owner, &made.value);
    tax_ids::add_all(tx, call, &id)?;
    Ok(made.value.clone())
}

/// A customer that a completed Checkout Session makes of its buyer.
pub(crate) fn of_buyer(tx: &mut Tx<'_>, owner: &str, buyer: &Value) -> String {
    let mut value = new_customer(tx);
    for name in ["email", "name", "phone", "address"] {
        value[name] = buyer[name].clone();
    }
    let hidden = json!({ "latent": latent(&value, &Node::Tree(Vec::new())) });
    let made = tx.insert(Kind::Customer, owner, value, hidden, None);
    tx.emit("customer.created", owner, &made.value);
    made.id.clone()
}

/// Changes a customer outside of a request about it, and emits `customer.updated`.
pub(crate) fn change(tx: &mut Tx<'_>, id: &str, change: impl FnOnce(&mut Value)) {
    let Some(before) = tx.get(id).filter(|r| r.kind == Kind::Customer) else {
        return;
    };
    let mut value = before.value.clone();
    change(&mut value);
    let changed = changes(&before.value, &value);
    if changed == json!({}) {
        return;
    }
    tx.update(id, |r| r.value = value.clone());
    tx.emit_change("customer.updated", &before.owner, &value, Some(changed));
}

fn new_customer(tx: &mut Tx<'_>) -> Value {
    let prefix = tx.mint("", 8).to_ascii_uppercase();
    json!({
        "id": tx.mint("cus_", 14),
        "object": "customer",
        "address": null,
        "balance": 0,
        "created": tx.now,
        "currency": null,
        "customer_account": null,
        "default_source": null,
        "delinquent": false,
        "description": null,
        "discount": null,
        "email": null,
        "invoice_prefix": prefix,
        "invoice_settings": {
            "custom_fields": null, "default_payment_method": null, "footer": null,
            "rendering_options": null,
        },
        "livemode": false,
        "metadata": {},
        "name": null,
        "next_invoice_sequence": 1,
        "phone": null,
        "preferred_locales": [],
        "shipping": null,
        "tax_exempt": "none",
        "test_clock": null,
    })
}

/// What a customer carries only when `expand[]` asks for it.
fn latent(customer: &Value, args: &Node) -> Value {
    let id = customer["id"].as_str().unwrap_or_default();
    json!({
        "cash_balance": {
            "object": "cash_balance", "available": null, "customer": id, "customer_account": null,
            "livemode": false,
            "settings": { "reconciliation_mode": "automatic", "using_merchant_default": true },
        },
        "sources": page(&format!("/v1/customers/{id}/sources"), Vec::new(), false),
        "tax": {
            "automatic_tax": "unrecognized_location", "ip_address": args.text("tax.ip_address"),
            "location": null, "provider": "stripe",
        },
    })
}

/// An `address` hash, or nothing where it was emptied.
pub(crate) fn address(form: &Node) -> Value {
    if matches!(form, Node::Leaf(_)) {
        return Value::Null;
    }
    let text = |name: &str| json!(form.text(name));
    json!({
        "city": text("city"), "country": text("country"), "line1": text("line1"),
        "line2": text("line2"), "postal_code": text("postal_code"), "state": text("state"),
    })
}

/// Refuses an invalid e-mail address.
pub(crate) fn check_email(email: Option<&str>, param: &str) -> Result<(), ApiError> {
    let fits = |e: &str| {
        let parts = e.split_once('@');
        parts.is_some_and(|(user, host)| {
            !user.is_empty() && !host.is_empty() && !e.contains(' ') && !host.contains('@')
        })
    };
    match email {
        Some(email) if !fits(email) => {
            Err(ApiError::invalid(format!("Invalid email address: {email}"))
                .code("email_invalid")
                .param(param))
        }
        _ => Ok(()),
    }
}

/// The fields that creating and updating have in common.
fn describe(tx: &Tx<'_>, args: &Node, value: &mut Value) -> Result<(), ApiError> {
    check_email(args.text("email"), "email")?;
    for name in ["description", "email", "name", "phone"] {
        if args.at(name).is_some() {
            value[name] = json!(args.text(name));
        }
    }
    // These are there only when they have been given.
    for name in ["business_name", "individual_name"] {
        match (args.at(name), args.text(name)) {
            (None, _) => {}
            (_, Some(text)) => value[name] = json!(text),
            (_, None) => {
                value.as_object_mut().map(|map| map.remove(name));
            }
        }
    }
    if args.text("phone").is_some_and(|p| p.chars().count() > 20) {
        return Err(ApiError::invalid(
            "Invalid string: the phone number must be at most 20 characters",
        )
        .param("phone"));
    }
    if args.at("tax_exempt").is_some() {
        value["tax_exempt"] = json!(args.text("tax_exempt").unwrap_or("none"));
    }
    if let Some(form) = args.at("address") {
        value["address"] = address(form);
    }
    if let Some(form) = args.at("shipping") {
        value["shipping"] = match form {
            Node::Leaf(_) => Value::Null,
            _ => json!({
                "address": address(form.sub("address")),
                "name": form.text("name").unwrap_or_default(),
                "phone": form.text("phone"),
            }),
        };
    }
    if args.at("preferred_locales").is_some() {
        value["preferred_locales"] = json!(args.texts("preferred_locales"));
    }
    if let Some(prefix) = args.text("invoice_prefix") {
        let fits = (3..=12).contains(&prefix.len())
            && prefix
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
        if !fits {
            return Err(ApiError::invalid(
                "Invoice prefixes must be 3–12 uppercase letters or numbers.",
            )
            .param("invoice_prefix"));
        }
        value["invoice_prefix"] = json!(prefix);
    }
    if let Some(next) = args.int("next_invoice_sequence") {
        let now = value["next_invoice_sequence"].as_i64().unwrap_or(1);
        if next < now && tx.assumptions.get("invoice_sequence") == "rising" {
            return Err(ApiError::invalid(format!(
                "The next invoice sequence must be at least {now}."
            ))
            .param("next_invoice_sequence"));
        }
        value["next_invoice_sequence"] = json!(next);
    }
    invoice_settings(args, &mut value["invoice_settings"]);
    merge_metadata(&mut value["metadata"], args, "metadata")
}

fn invoice_settings(args: &Node, settings: &mut Value) {
    let form = args.sub("invoice_settings");
    if form.at("footer").is_some() {
        settings["footer"] = json!(form.text("footer"));
    }
    if form.at("custom_fields").is_some() {
        let fields: Vec<_> = form
            .list("custom_fields")
            .map(|f| json!({ "name": f.text("name"), "value": f.text("value") }))
            .collect();
        settings["custom_fields"] = if fields.is_empty() {
            Value::Null
        } else {
            json!(fields)
        };
    }
    match form.at("rendering_options") {
        None => {}
        Some(Node::Leaf(_)) => settings["rendering_options"] = Value::Null,
        Some(options) => {
            settings["rendering_options"] = json!({
                "amount_tax_display": options.text("amount_tax_display"),
                "template": options.text("template"),
            });
        }
    }
}

/// The default payment methods that a request sets.
#[derive(Default)]
struct DefaultMethods {
    default_payment_method: Option<Value>,
    default_source: Option<Value>,
}

impl DefaultMethods {
    fn apply(self, value: &mut Value) {
        if let Some(id) = self.default_payment_method {
            value["invoice_settings"]["default_payment_method"] = id;
        }
        if let Some(id) = self.default_source {
            value["default_source"] = id;
        }
    }
}

/// Attaches the payment methods of a request, and reads which is the default.
fn payment_methods(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    customer: &str,
) -> Result<DefaultMethods, ApiError> {
    let args = call.args;
    let mut defaults = DefaultMethods::default();
    let mut attached = None;
    if let Some(named) = args.text("payment_method") {
        let method = methods::resolve(tx, call.owner, named, "payment_method")?;
        methods::attach(tx, call.owner, &method, customer)?;
        attached = Some((named, method.id.clone()));
    }
    if let Some(token) = args.text("source") {
        let (card, _) = tokens::take_card(tx, call.owner, token, "source")?;
        let method = methods::of_card(tx, call.owner, card, Value::Null);
        methods::attach(tx, call.owner, &method, customer)?;
        defaults.default_source = Some(json!(method.id));
    }
    if let Some(id) = args.text("default_source") {
        defaults.default_source = Some(json!(owned_method(
            tx,
            call,
            customer,
            id,
            "default_source"
        )?));
    }
    let at = "invoice_settings.default_payment_method";
    match (args.text(at), attached) {
        // A magic id named twice is one payment method.
        (Some(id), Some((named, method))) if id == named => {
            defaults.default_payment_method = Some(json!(method));
        }
        (Some(id), _) => {
            let param = "invoice_settings[default_payment_method]";
            defaults.default_payment_method =
                Some(json!(owned_method(tx, call, customer, id, param)?));
        }
        (None, _) if args.at(at).is_some() => defaults.default_payment_method = Some(Value::Null),
        (None, _) => {}
    }
    Ok(defaults)
}

/// A payment method that is the customer's own.
fn owned_method(
    tx: &Tx<'_>,
    call: &Call<'_>,
    customer: &str,
    id: &str,
    param: &str,
) -> Result<String, ApiError> {
    let method = find(tx, call, Kind::PaymentMethod, id, param)?;
    if method.value["customer"] == customer {
        return Ok(method.id.clone());
    }
    Err(ApiError::invalid(format!(
        "The customer does not have a payment method with the ID {id}. The payment method must be attached to the customer."
    ))
    .code("resource_missing")
    .param(param))
}

/// The currency of a customer's balance: that of what they bought first, else the account's.
fn currency_of(tx: &Tx<'_>, owner: &str, customer: &str) -> Result<String, ApiError> {
    let own = tx
        .get(customer)
        .and_then(|c| c.value["currency"].as_str().map(str::to_owned));
    let account = || tx.get(owner).map(|a| a.text("default_currency").to_owned());
    if own.is_none() && tx.assumptions.get("balance_currency") == "refused" {
        return Err(ApiError::invalid(
            "This customer has no currency yet: create a balance transaction, which names one.",
        )
        .param("balance"));
    }
    Ok(own
        .or_else(account)
        .filter(|c| !c.is_empty())
        .unwrap_or_else(|| "usd".to_owned()))
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let customer = find(tx, call, Kind::Customer, call.id(), "customer")?;
    let mut value = customer.value.clone();
    describe(tx, args, &mut value)?;
    payment_methods(tx, call, &customer.id)?.apply(&mut value);
    tx.update(&customer.id, |r| r.value = value);
    if let Some(target) = args.int("balance") {
        let step = target
            .checked_sub(customer.int("balance"))
            .ok_or_else(ApiError::overflow)?;
        if step != 0 {
            let currency = currency_of(tx, call.owner, &customer.id)?;
            balance::add_transaction(tx, &customer.id, step, &currency, "adjustment", json!({}))?;
        }
    }
    let after = find(tx, call, Kind::Customer, &customer.id, "customer")?;
    tx.emit_update(
        "customer.updated",
        call.owner,
        &customer.value,
        &after.value,
    );
    Ok(after.value.clone())
}

fn discount(customer: &Record) -> Result<&Value, ApiError> {
    match &customer.value["discount"] {
        Value::Null => Err(ApiError::new(
            404,
            "invalid_request_error",
            format!("No active discount for customer: {}", customer.id),
        )
        .code("resource_missing")),
        discount => Ok(discount),
    }
}

fn delete_discount(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let customer = find(tx, call, Kind::Customer, call.id(), "customer")?;
    let mut gone = discount(&customer)?.clone();
    change(tx, &customer.id, |c| c["discount"] = Value::Null);
    tx.emit("customer.discount.deleted", call.owner, &gone);
    gone["deleted"] = json!(true);
    Ok(gone)
}

/// Deletes a customer. A stub stays, which answers `deleted: true`. The route is in `billing`,
/// which cancels the subscriptions first.
pub(crate) fn delete(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let customer = find_or_deleted(tx, call)?;
    if customer.kind == Kind::DeletedCustomer {
        return Err(ApiError::missing("customer", call.id(), "customer"));
    }
    let theirs: Vec<_> = tx
        .store()
        .list(Kind::PaymentMethod, call.owner)
        .filter(|m| m.value["customer"] == customer.id.as_str())
        .cloned()
        .collect();
    let released = tx.assumptions.get("deleted_customer_methods");
    let release = |tx: &mut Tx<'_>| {
        for method in &theirs {
            methods::release(tx, method);
        }
    };
    if released == "before" {
        release(tx);
    }
    let last = find(tx, call, Kind::Customer, &customer.id, "customer")?;
    let gone = json!({ "id": customer.id, "object": "customer", "deleted": true });
    tx.update(&customer.id, |r| {
        r.kind = Kind::DeletedCustomer;
        r.value = gone.clone();
        r.hidden = Value::Null;
    });
    tax_ids::remove_all(tx, &customer.id);
    tx.emit("customer.deleted", call.owner, &last.value);
    if released == "after" {
        release(tx);
    }
    Ok(gone)
}

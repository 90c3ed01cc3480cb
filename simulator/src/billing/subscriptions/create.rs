//! How a subscription begins: <https://docs.stripe.com/api/subscriptions/create>.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{bill, cycle, now, show_items, terms};
use crate::{
    api::{Call, Key, find, merged, metadata},
    billing::{
        amounts,
        discounts::{self, DiscountTarget},
        invoices::settle::{self, Collected},
        prices,
    },
    customers::methods,
    error::{Answer, ApiError},
    form::Node,
    payments::{confirm::AttemptOptions, setup},
    store::{Kind, Record, Tx, page},
};

pub(crate) fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let in_path = call.path.starts_with("/v1/customers/");
    let customer = if in_path {
        Some(call.id())
    } else {
        call.args.text("customer")
    };
    let customer = customer.ok_or_else(|| ApiError::parameter_missing("customer"))?;
    let customer = find(tx, call, Kind::Customer, customer, "customer")?;
    create_from_form(tx, call, call.args, &customer)
}

/// One item of a request.
pub(super) struct ItemParams {
    pub price: Arc<Record>,
    pub quantity: i64,
    pub metadata: Value,
    pub form: Node,
    pub at: String,
}

pub(super) fn read_item(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    form: &Node,
    at: &str,
) -> Result<ItemParams, ApiError> {
    let param = |name: &str| {
        if at.is_empty() {
            name.to_owned()
        } else {
            format!("{at}[{name}]")
        }
    };
    let price = prices::read(tx, call, form, at)?;
    if price.text("type") != "recurring" {
        return Err(ApiError::invalid(
            "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.",
        )
        .param(param("price")));
    }
    let quantity = form.int("quantity").unwrap_or(1);
    if quantity < 0 {
        return Err(ApiError::invalid("Invalid non-negative integer")
            .code("parameter_invalid_integer")
            .param(param("quantity")));
    }
    for name in ["billing_thresholds", "tax_rates"] {
        if !form.sub(name).children().is_empty() {
            return Err(ApiError::invalid(format!(
                "The simulator doesn't know `{name}` of items."
            ))
            .param(param(name)));
        }
    }
    Ok(ItemParams {
        price,
        quantity,
        metadata: metadata(form, "metadata")?,
        form: form.clone(),
        at: at.to_owned(),
    })
}

/// Begins a subscription from a form that has the parameters of its creation.
pub(super) fn create_from_form(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    args: &Node,
    customer: &Record,
) -> Answer {
    let forms: Vec<Node> = args.list("items").cloned().collect();
    if forms.is_empty() {
        return Err(ApiError::parameter_missing("items"));
    }
    if forms.len() > 20 {
        return Err(ApiError::invalid("A subscription can have at most 20 items.").param("items"));
    }
    let mut wanted = Vec::new();
    for (index, form) in forms.iter().enumerate() {
        wanted.push(read_item(tx, call, form, &format!("items[{index}]"))?);
    }
    create_with_items(tx, call, args, customer, (wanted, None))
}

/// What a Checkout Session sold.
pub(crate) struct Sold<'a> {
    pub customer: &'a str,
    /// Its line items of recurring prices.
    pub items: &'a [Value],
    /// `subscription_data`, and what else a subscription's creation takes.
    pub form: Node,
    pub how: &'a AttemptOptions,
}

/// Begins the subscription that a Checkout Session sold, paid at once or not at all.
pub(crate) fn create_for_checkout(tx: &mut Tx<'_>, owner: &str, sold: &Sold<'_>) -> Answer {
    let call = Call {
        args: &sold.form,
        body: &Value::Null,
        ids: Vec::new(),
        owner,
        path: "/v1/subscriptions",
        key: Key::Secret,
    };
    let customer = find(tx, &call, Kind::Customer, sold.customer, "customer")?;
    let mut wanted = Vec::new();
    for (index, item) in sold.items.iter().enumerate() {
        let price = item["price"]["id"].as_str().unwrap_or_default();
        wanted.push(ItemParams {
            price: find(tx, &call, Kind::Price, price, "price")?,
            quantity: item["quantity"].as_i64().unwrap_or(1),
            metadata: item["metadata"].clone(),
            form: Node::Tree(Vec::new()),
            at: format!("line_items[{index}]"),
        });
    }
    create_with_items(tx, &call, &sold.form, &customer, (wanted, Some(sold.how)))
}

fn create_with_items(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    args: &Node,
    customer: &Record,
    (wanted, paid): (Vec<ItemParams>, Option<&AttemptOptions>),
) -> Answer {
    terms::simulated(args)?;
    if args.text("payment_behavior") == Some("pending_if_incomplete") {
        return Err(ApiError::invalid(
            "You can only set `payment_behavior` to `pending_if_incomplete` when you update a subscription.",
        )
        .param("payment_behavior"));
    }
    let currency = currency(args, &wanted);
    check_items(tx, &wanted, &currency)?;
    let send = args.text("collection_method") == Some("send_invoice");
    terms::check_days(args, send)?;
    let (trial_end, anchor) = terms::times(tx, args)?;
    let id = tx.mint("sub_1", 23);
    let fields = terms::describe(tx, call, args, customer)?;
    let value = new_subscription(
        tx,
        call,
        args,
        &id,
        customer,
        (&currency, anchor, trial_end),
        fields,
    )?;
    let fee = terms::fee_percent(tx, call, args)?;
    tx.insert(
        Kind::Subscription,
        call.owner,
        value,
        json!({ "fee_percent": fee }),
        None,
    );
    for w in &wanted {
        let interval = prices::interval(&w.price.value);
        let end = match (trial_end, interval) {
            (Some(end), _) => end,
            (None, Some(_)) if anchor > tx.now => anchor,
            (None, Some(interval)) => interval.next(anchor, tx.now),
            (None, None) => tx.now,
        };
        add_item(tx, call, &id, w, (tx.now, end))?;
    }
    show_items(tx, &id);
    let on = DiscountTarget {
        customer: Some(&customer.id),
        subscription: Some(&id),
        ..DiscountTarget::default()
    };
    let discounts = discounts::read(tx, call, args, "", on)?;
    tx.update(&id, |r| r.value["discounts"] = json!(discounts));
    let prorate = args.text("proration_behavior") != Some("none");
    let is_free = trial_end.is_none() && anchor > tx.now && !prorate;
    // Checkout makes no invoice of nothing (https://docs.stripe.com/payments/checkout/billing-cycle).
    let is_billed = !is_free || paid.is_none() || args.list("add_invoice_items").next().is_some();
    let invoice = match is_billed {
        true => Some(bill::first_invoice(tx, call, &id, args, prorate)?),
        false => None,
    };
    begin(tx, &id, invoice.as_deref(), args, paid)?;
    cycle::schedule(tx, &id);
    Ok(now(tx, &id))
}

/// The currency that is asked for, else that of the first price.
fn currency(args: &Node, wanted: &[ItemParams]) -> String {
    args.text("currency")
        .map(str::to_ascii_lowercase)
        .or_else(|| wanted.first().map(|w| w.price.text("currency").to_owned()))
        .unwrap_or_default()
}

/// Each price is known in the currency, and none comes twice.
fn check_items(tx: &Tx<'_>, wanted: &[ItemParams], currency: &str) -> Result<(), ApiError> {
    for w in wanted {
        amounts::cost(tx.rounding(), &w.price, w.quantity, currency).map_err(|e| {
            match e.param.as_deref() {
                Some("currency") => e.param(format!("{}[price]", w.at)),
                _ => e,
            }
        })?;
    }
    for (index, w) in wanted.iter().enumerate() {
        if wanted
            .iter()
            .skip(index + 1)
            .any(|other| other.price.id == w.price.id)
        {
            return Err(ApiError::invalid(
                "Cannot add multiple subscription items with the same price.",
            )
            .param(format!("items[{}][price]", index + 1)));
        }
    }
    Ok(())
}

/// Tells of a subscription, and collects its first invoice. Without one it is active.
fn begin(
    tx: &mut Tx<'_>,
    id: &str,
    invoice: Option<&str>,
    args: &Node,
    paid: Option<&AttemptOptions>,
) -> Result<(), ApiError> {
    if invoice.is_none() {
        tx.update(id, |r| r.value["status"] = json!("active"));
    }
    let subscription = now(tx, id);
    let owner = tx.get(id).map(|s| s.owner.clone()).unwrap_or_default();
    tx.emit("customer.subscription.created", &owner, &subscription);
    match invoice {
        Some(invoice) => start(tx, id, invoice, args, paid),
        None => Ok(()),
    }
}

/// Collects the first invoice as `payment_behavior` has it.
fn start(
    tx: &mut Tx<'_>,
    id: &str,
    invoice: &str,
    args: &Node,
    paid: Option<&AttemptOptions>,
) -> Result<(), ApiError> {
    let before = now(tx, id);
    if before["collection_method"] == "send_invoice" {
        return Ok(());
    }
    settle::finalize(tx, invoice)?;
    let open = tx.get(invoice).is_some_and(|i| i.text("status") == "open");
    if !open {
        ask_for_method(tx, id);
    }
    if !open || args.text("payment_behavior") == Some("default_incomplete") {
        return Ok(());
    }
    let on_session = AttemptOptions {
        off_session: args.flag("off_session").unwrap_or(false),
        ..AttemptOptions::default()
    };
    let strict = args.text("payment_behavior") == Some("error_if_incomplete");
    match settle::collect(tx, invoice, None, paid.unwrap_or(&on_session))? {
        Collected::NoMethod => Err(settle::no_method()),
        Collected::Declined(code, decline_code, message) if strict => {
            Err(methods::declined(code, decline_code, message))
        }
        Collected::Waiting if strict => Err(settle::needs_action()),
        _ => Ok(()),
    }
}

/// Makes a setup intent if nothing is due yet and there is no payment method.
fn ask_for_method(tx: &mut Tx<'_>, id: &str) {
    let Some(subscription) = tx.get(id).filter(|s| !cycle::has_method(tx, s)) else {
        return;
    };
    let fields = json!({
        "customer": subscription.value["customer"],
        "on_behalf_of": subscription.value["on_behalf_of"],
    });
    let intent = setup::make(tx, &subscription.owner, fields, json!({}));
    tx.update(id, |r| r.value["pending_setup_intent"] = json!(intent.id));
}

/// The subscription without items and discounts.
fn new_subscription(
    tx: &Tx<'_>,
    call: &Call<'_>,
    args: &Node,
    id: &str,
    customer: &Record,
    (currency, anchor, trial_end): (&str, i64, Option<i64>),
    fields: Value,
) -> Answer {
    let connected = call.owner != tx.store().platform;
    let send = fields["collection_method"] == "send_invoice";
    let status = match trial_end {
        Some(_) => "trialing",
        None if send => "active",
        None => "incomplete",
    };
    let own = json!({
        "application": connected.then(|| tx.application()),
        "billing_cycle_anchor": anchor,
        "billing_cycle_anchor_config": anchor_config(args),
        "billing_mode": billing_mode(args),
        "currency": currency,
        "customer": customer.id,
        "metadata": metadata(args, "metadata")?,
        "status": status,
        "test_clock": customer.value["test_clock"],
        "trial_end": trial_end,
        "trial_start": trial_end.map(|_| tx.now),
    });
    let mut value = merged(merged(defaults(id, tx.now), own), fields);
    if let Some(text) = args.text("cancel_at") {
        if !matches!(text, "min_period_end" | "max_period_end") {
            value["cancel_at"] = json!(terms::time(text, "cancel_at", tx.now)?);
        } else {
            value["cancel_at_period_end"] = json!(true);
        }
        value["canceled_at"] = json!(tx.now);
    }
    Ok(value)
}

/// The fields that every subscription begins with.
fn defaults(id: &str, now: i64) -> Value {
    json!({
        "id": id,
        "object": "subscription",
        "application_fee_percent": null,
        "automatic_tax": { "disabled_reason": null, "enabled": false, "liability": null },
        "billing_schedules": [],
        "billing_thresholds": null,
        "cancel_at": null,
        "cancel_at_period_end": false,
        "canceled_at": null,
        "cancellation_details": { "comment": null, "feedback": null, "reason": null },
        "collection_method": "charge_automatically",
        "created": now,
        "customer_account": null,
        "days_until_due": null,
        "default_payment_method": null,
        "default_source": null,
        "default_tax_rates": [],
        "description": null,
        "discounts": [],
        "ended_at": null,
        "invoice_settings": { "account_tax_ids": null, "issuer": { "type": "self" } },
        "items": page(&format!("/v1/subscription_items?subscription={id}"), vec![], false),
        "latest_invoice": null,
        "livemode": false,
        "managed_payments": { "enabled": false },
        "next_pending_invoice_item_invoice": null,
        "on_behalf_of": null,
        "pause_collection": null,
        "payment_settings": {
            "payment_method_options": null,
            "payment_method_types": null,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": null,
        "pending_setup_intent": null,
        "pending_update": null,
        "schedule": null,
        "start_date": now,
        "status_details": null,
        "transfer_data": null,
        "trial_settings": { "end_behavior": { "missing_payment_method": "create_invoice" } },
    })
}

fn anchor_config(args: &Node) -> Option<Value> {
    args.at("billing_cycle_anchor_config").map(|c| {
        json!({
            "day_of_month": c.int("day_of_month"), "hour": c.int("hour"), "minute": c.int("minute"),
            "month": c.int("month"), "second": c.int("second"),
        })
    })
}

fn billing_mode(args: &Node) -> Value {
    match args.text("billing_mode.type") {
        Some("classic") => json!({ "flexible": null, "type": "classic" }),
        _ => json!({
            "flexible": {
                "proration_discounts": args.text("billing_mode.flexible.proration_discounts").unwrap_or("included"),
            },
            "type": "flexible",
        }),
    }
}

/// Adds an item to a subscription. The caller calls [`show_items`] after the last one.
pub(super) fn add_item(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    subscription: &str,
    wanted: &ItemParams,
    period: (i64, i64),
) -> Result<Arc<Record>, ApiError> {
    let id = tx.mint("si_", 14);
    let customer = tx
        .get(subscription)
        .map(|s| s.text("customer").to_owned())
        .unwrap_or_default();
    let on = DiscountTarget {
        customer: Some(&customer),
        item: Some(&id),
        ..DiscountTarget::default()
    };
    let discounts = discounts::read(tx, call, &wanted.form, &wanted.at, on)?;
    let item = json!({
        "id": id,
        "object": "subscription_item",
        "billing_thresholds": null,
        "created": tx.now,
        "current_period_end": period.1,
        "current_period_start": period.0,
        "discounts": discounts,
        "metadata": wanted.metadata,
        "plan": prices::plan(&wanted.price.value),
        "price": wanted.price.value,
        "quantity": wanted.quantity,
        "subscription": subscription,
        "tax_rates": [],
    });
    let owner = call.owner;
    Ok(tx.insert(
        Kind::SubscriptionItem,
        owner,
        item,
        json!({ "price": wanted.price.id }),
        None,
    ))
}

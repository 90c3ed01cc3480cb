//! How a subscription begins: <https://docs.stripe.com/api/subscriptions/create>.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{cycle, now, show_items};
use crate::{
    api::{Call, Key, find, metadata},
    billing::{
        amounts, calendar,
        discounts::{self, On},
        invoices::settle::{self, Collected},
        prices,
    },
    customers::methods,
    error::{Answer, ApiError},
    form::Node,
    money,
    payments::confirm::How,
    store::{Kind, Record, Tx, page},
};

const DAY: i64 = 86_400;

/// Parameters that would change what is billed and aren't simulated: better refused than ignored.
pub(super) const NOT_YET: [&str; 6] = [
    "backdate_start_date",
    "billing_thresholds",
    "billing_schedules",
    "default_tax_rates",
    "pending_invoice_item_interval",
    "trial_from_plan",
];

pub(super) fn simulated(args: &Node) -> Result<(), ApiError> {
    let asked = |name: &&&str| match args.at(name) {
        Some(Node::Leaf(text)) => !text.is_empty() && text != "false",
        Some(tree) => !tree.children().is_empty(),
        None => false,
    };
    if let Some(name) = NOT_YET.iter().find(asked) {
        return Err(
            ApiError::invalid(format!("The simulator doesn't know `{name}` yet.")).param(*name),
        );
    }
    if args.flag("automatic_tax.enabled") == Some(true) {
        return Err(ApiError::invalid("The simulator doesn't compute taxes.")
            .param("automatic_tax[enabled]"));
    }
    if args.text("payment_behavior") == Some("pending_if_incomplete") {
        return Err(
            ApiError::invalid("The simulator doesn't know pending updates yet.")
                .param("payment_behavior"),
        );
    }
    Ok(())
}

pub(crate) fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let in_path = call.path.starts_with("/v1/customers/");
    let customer = if in_path {
        Some(call.id())
    } else {
        call.args.text("customer")
    };
    let customer = customer.ok_or_else(|| ApiError::parameter_missing("customer"))?;
    let customer = find(tx, call, Kind::Customer, customer, "customer")?;
    begin(tx, call, call.args, &customer)
}

/// One item of a request.
pub(super) struct Wanted {
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
) -> Result<Wanted, ApiError> {
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
    Ok(Wanted {
        price,
        quantity,
        metadata: metadata(form, "metadata")?,
        form: form.clone(),
        at: at.to_owned(),
    })
}

/// Begins a subscription from a form that has the parameters of its creation.
pub(super) fn begin(tx: &mut Tx<'_>, call: &Call<'_>, args: &Node, customer: &Record) -> Answer {
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
    begin_with(tx, call, args, customer, (wanted, None))
}

/// What a Checkout Session sold.
pub(crate) struct Sold<'a> {
    pub customer: &'a str,
    /// Its line items of recurring prices.
    pub items: &'a [Value],
    /// `subscription_data`, and what else a subscription's creation takes.
    pub form: Node,
    pub how: &'a How,
}

/// Begins the subscription that a Checkout Session sold, paid at once or not at all.
pub(crate) fn sell(tx: &mut Tx<'_>, owner: &str, sold: &Sold<'_>) -> Answer {
    let call = Call {
        args: &sold.form,
        ids: Vec::new(),
        owner,
        path: "/v1/subscriptions",
        key: Key::Secret,
    };
    let customer = find(tx, &call, Kind::Customer, sold.customer, "customer")?;
    let mut wanted = Vec::new();
    for (index, item) in sold.items.iter().enumerate() {
        let price = item["price"]["id"].as_str().unwrap_or_default();
        wanted.push(Wanted {
            price: find(tx, &call, Kind::Price, price, "price")?,
            quantity: item["quantity"].as_i64().unwrap_or(1),
            metadata: item["metadata"].clone(),
            form: Node::Tree(Vec::new()),
            at: format!("line_items[{index}]"),
        });
    }
    begin_with(tx, &call, &sold.form, &customer, (wanted, Some(sold.how)))
}

fn begin_with(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    args: &Node,
    customer: &Record,
    (wanted, paid): (Vec<Wanted>, Option<&How>),
) -> Answer {
    simulated(args)?;
    let currency = args
        .text("currency")
        .map(str::to_ascii_lowercase)
        .or_else(|| wanted.first().map(|w| w.price.text("currency").to_owned()))
        .unwrap_or_default();
    for w in &wanted {
        amounts::cost(&w.price, w.quantity, &currency).map_err(|e| match e.param.as_deref() {
            Some("currency") => e.param(format!("{}[price]", w.at)),
            _ => e,
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
    let send = args.text("collection_method") == Some("send_invoice");
    check_days(args, send)?;
    let (trial_end, anchor) = times(tx, args)?;
    let id = tx.mint("sub_1", 23);
    let fields = describe(tx, call, args, customer)?;
    let value = shell(
        tx,
        call,
        args,
        &id,
        customer,
        (&currency, anchor, trial_end),
        fields,
    )?;
    let fee = fee_percent(tx, call, args)?;
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
    let on = On {
        customer: Some(&customer.id),
        subscription: Some(&id),
        ..On::default()
    };
    let discounts = discounts::read(tx, call, args, "", on)?;
    tx.update(&id, |r| r.value["discounts"] = json!(discounts));
    let prorate = args.text("proration_behavior") != Some("none");
    let invoice = cycle::first_invoice(tx, call, &id, args, prorate)?;
    let subscription = now(tx, &id);
    tx.emit("customer.subscription.created", call.owner, &subscription);
    start(tx, &id, &invoice, args, paid)?;
    cycle::schedule(tx, &id);
    Ok(now(tx, &id))
}

/// Collects the first invoice as `payment_behavior` has it.
fn start(
    tx: &mut Tx<'_>,
    id: &str,
    invoice: &str,
    args: &Node,
    paid: Option<&How>,
) -> Result<(), ApiError> {
    let before = now(tx, id);
    if before["collection_method"] == "send_invoice" {
        return Ok(());
    }
    settle::finalize(tx, invoice)?;
    let open = tx.get(invoice).is_some_and(|i| i.text("status") == "open");
    if !open || args.text("payment_behavior") == Some("default_incomplete") {
        return Ok(());
    }
    let on_session = How {
        off_session: args.flag("off_session").unwrap_or(false),
        ..How::default()
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

pub(super) fn check_days(args: &Node, send: bool) -> Result<(), ApiError> {
    match (send, args.int("days_until_due")) {
        (true, None) => Err(ApiError::invalid(
            "If `collection_method` is `send_invoice`, you must pass `days_until_due`.",
        )
        .param("days_until_due")),
        (false, Some(_)) => Err(ApiError::invalid(
            "You can only pass `days_until_due` if `collection_method` is `send_invoice`.",
        )
        .param("days_until_due")),
        _ => Ok(()),
    }
}

/// The end of the trial, and the anchor of the billing cycle.
fn times(tx: &Tx<'_>, args: &Node) -> Result<(Option<i64>, i64), ApiError> {
    let trial_end = match (args.text("trial_end"), args.int("trial_period_days")) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid(
                "You may only specify one of these parameters: trial_end, trial_period_days.",
            )
            .param("trial_end"));
        }
        (Some("now"), None) => None,
        (Some(text), None) => Some(time(text, "trial_end", tx.now)?),
        (None, Some(days)) if !(1..=730).contains(&days) => {
            return Err(
                ApiError::invalid("Invalid trial_period_days: must be between 1 and 730.")
                    .param("trial_period_days"),
            );
        }
        (None, Some(days)) => Some(tx.now + days * DAY),
        (None, None) => None,
    };
    let config = args.sub("billing_cycle_anchor_config");
    let anchor = match (args.int("billing_cycle_anchor"), config.int("day_of_month")) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid(
                "You may only specify one of these parameters: billing_cycle_anchor, billing_cycle_anchor_config.",
            )
            .param("billing_cycle_anchor"));
        }
        (Some(at), None) if at <= tx.now => {
            return Err(
                ApiError::invalid("The `billing_cycle_anchor` must be in the future.")
                    .param("billing_cycle_anchor"),
            );
        }
        (Some(at), None) => at,
        (None, Some(day)) => {
            let month = config.int("month");
            let fits = |n: Option<i64>, least: i64, most: i64| {
                n.is_none_or(|n| (least..=most).contains(&n))
            };
            if !fits(Some(day), 1, 31)
                || !fits(month, 1, 12)
                || !fits(config.int("hour"), 0, 23)
                || !fits(config.int("minute"), 0, 59)
                || !fits(config.int("second"), 0, 59)
            {
                return Err(ApiError::invalid(
                    "Invalid billing_cycle_anchor_config: there is no such time.",
                )
                .param("billing_cycle_anchor_config"));
            }
            let clock = (
                config.int("hour"),
                config.int("minute"),
                config.int("second"),
            );
            calendar::configured(tx.now, day, month, clock)
        }
        (None, None) => trial_end.unwrap_or(tx.now),
    };
    Ok((trial_end, anchor))
}

/// A time to come, from its text.
pub(super) fn time(text: &str, param: &str, now: i64) -> Result<i64, ApiError> {
    match text.parse::<i64>() {
        Ok(at) if at > now => Ok(at),
        Ok(_) => Err(ApiError::invalid(format!(
            "Invalid timestamp: `{param}` must be an integer Unix timestamp in the future."
        ))
        .param(param)),
        Err(_) => Err(ApiError::invalid(format!("Invalid integer: {text}"))
            .code("parameter_invalid_integer")
            .param(param)),
    }
}

pub(super) fn fee_percent(
    tx: &Tx<'_>,
    call: &Call<'_>,
    args: &Node,
) -> Result<Option<i64>, ApiError> {
    let param = "application_fee_percent";
    let Some(text) = args.text(param) else {
        return Ok(None);
    };
    if call.owner == tx.store().platform && args.at("transfer_data").is_none() {
        return Err(ApiError::invalid(
            "Can only apply an application_fee_percent when the subscription is made on a connected account (using an OAuth key or Stripe-Account header) or has `transfer_data[destination]`.",
        )
        .param(param));
    }
    match money::percent(text) {
        Some(percent) if (0..=1_000_000).contains(&percent) => Ok(Some(percent)),
        _ => Err(
            ApiError::invalid("Invalid application_fee_percent: must be between 0 and 100.")
                .param(param),
        ),
    }
}

/// The fields that creating and updating have in common, as far as they were given.
pub(super) fn describe(tx: &mut Tx<'_>, call: &Call<'_>, args: &Node, customer: &Record) -> Answer {
    let mut out = json!({});
    for name in ["description", "on_behalf_of", "collection_method"] {
        if args.at(name).is_some() {
            out[name] = json!(args.text(name));
        }
    }
    if args.at("default_payment_method").is_some() {
        out["default_payment_method"] = match args.text("default_payment_method") {
            None => Value::Null,
            Some(id) => {
                let method = find(tx, call, Kind::PaymentMethod, id, "default_payment_method")?;
                if method.value["customer"] != customer.id.as_str() {
                    return Err(ApiError::invalid(format!(
                        "The customer does not have a payment method with the ID {id}. The payment method must be attached to the customer."
                    ))
                    .code("resource_missing")
                    .param("default_payment_method"));
                }
                json!(method.id)
            }
        };
    }
    if let Some(percent) = args.text("application_fee_percent") {
        out["application_fee_percent"] = serde_json::from_str(percent).unwrap_or_default();
    } else if args.at("application_fee_percent").is_some() {
        out["application_fee_percent"] = Value::Null;
    }
    if let Some(days) = args.int("days_until_due") {
        out["days_until_due"] = json!(days);
    }
    if let Some(destination) = args.text("transfer_data.destination") {
        let percent: Value = args
            .text("transfer_data.amount_percent")
            .and_then(|t| serde_json::from_str(t).ok())
            .unwrap_or_default();
        out["transfer_data"] = json!({ "amount_percent": percent, "destination": destination });
    } else if args.at("transfer_data").is_some() {
        out["transfer_data"] = Value::Null;
    }
    if let Some(behavior) = args.text("trial_settings.end_behavior.missing_payment_method") {
        out["trial_settings"] = json!({ "end_behavior": { "missing_payment_method": behavior } });
    }
    if let Some(flag) = args.flag("cancel_at_period_end") {
        out["cancel_at_period_end"] = json!(flag);
    }
    let settings = args.sub("payment_settings");
    if !settings.children().is_empty() {
        let types = settings.texts("payment_method_types");
        out["payment_settings"] = json!({
            "payment_method_options": null,
            "payment_method_types": if types.is_empty() { Value::Null } else { json!(types) },
            "save_default_payment_method": settings.text("save_default_payment_method").unwrap_or("off"),
        });
    }
    Ok(out)
}

fn shell(
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
    let config = args.at("billing_cycle_anchor_config").map(|c| {
        json!({
            "day_of_month": c.int("day_of_month"), "hour": c.int("hour"), "minute": c.int("minute"),
            "month": c.int("month"), "second": c.int("second"),
        })
    });
    let mode = match args.text("billing_mode.type") {
        Some("classic") => json!({ "flexible": null, "type": "classic" }),
        _ => json!({
            "flexible": {
                "proration_discounts": args.text("billing_mode.flexible.proration_discounts").unwrap_or("included"),
            },
            "type": "flexible",
        }),
    };
    let mut value = json!({
        "id": id,
        "object": "subscription",
        "application": connected.then(|| tx.application()),
        "application_fee_percent": null,
        "automatic_tax": { "disabled_reason": null, "enabled": false, "liability": null },
        "billing_cycle_anchor": anchor,
        "billing_cycle_anchor_config": config,
        "billing_mode": mode,
        "billing_schedules": [],
        "billing_thresholds": null,
        "cancel_at": null,
        "cancel_at_period_end": false,
        "canceled_at": null,
        "cancellation_details": { "comment": null, "feedback": null, "reason": null },
        "collection_method": "charge_automatically",
        "created": tx.now,
        "currency": currency,
        "customer": customer.id,
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
        "metadata": metadata(args, "metadata")?,
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
        "start_date": tx.now,
        "status": status,
        "test_clock": customer.value["test_clock"],
        "transfer_data": null,
        "trial_end": trial_end,
        "trial_settings": { "end_behavior": { "missing_payment_method": "create_invoice" } },
        "trial_start": trial_end.map(|_| tx.now),
    });
    if let Value::Object(fields) = fields {
        for (name, field) in fields {
            value[name] = field;
        }
    }
    if let Some(text) = args.text("cancel_at") {
        if !matches!(text, "min_period_end" | "max_period_end") {
            value["cancel_at"] = json!(time(text, "cancel_at", tx.now)?);
        } else {
            value["cancel_at_period_end"] = json!(true);
        }
        value["canceled_at"] = json!(tx.now);
    }
    Ok(value)
}

/// Adds an item to a subscription; its list is shown by whoever adds the last one.
pub(super) fn add_item(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    subscription: &str,
    wanted: &Wanted,
    period: (i64, i64),
) -> Result<Arc<Record>, ApiError> {
    let id = tx.mint("si_", 14);
    let customer = tx
        .get(subscription)
        .map(|s| s.text("customer").to_owned())
        .unwrap_or_default();
    let on = On {
        customer: Some(&customer),
        item: Some(&id),
        ..On::default()
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

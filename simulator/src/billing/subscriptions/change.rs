//! Changes of a subscription, and what they are worth for the rest of the period.
//! <https://docs.stripe.com/billing/subscriptions/prorations>.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    bill::{self, Bill, Part},
    create::{ItemParams, add_item, read_item},
    cycle, emit_change, ending, from_path, has_ended, items_of, now, pausing,
    pending::{self, Before, Made, Wait},
    proration, show_items, terms,
};
use crate::{
    api::{Call, find, merge_metadata, merged},
    billing::{
        discounts::{self, DiscountTarget},
        invoices::{
            self, items,
            settle::{self, Collected},
        },
        prices,
    },
    customers::methods,
    error::{Answer, ApiError},
    form::Node,
    payments::confirm::AttemptOptions,
    store::{Kind, Record, Tx},
};

/// One change of the items.
pub(super) enum Change {
    Add(Box<ItemParams>),
    Set {
        item: String,
        price: Option<Arc<Record>>,
        quantity: Option<i64>,
        metadata: Value,
    },
    Remove(String),
}

impl Change {
    /// The change that a form asks for, of an item or for a new one. `at` is the path of the form.
    pub fn of_item(
        tx: &mut Tx<'_>,
        call: &Call<'_>,
        item: Option<&Record>,
        form: &Node,
        at: &str,
    ) -> Result<Self, ApiError> {
        let Some(item) = item else {
            return Ok(Change::Add(Box::new(read_item(tx, call, form, at)?)));
        };
        if form.flag("deleted") == Some(true) {
            return Ok(Change::Remove(item.id.clone()));
        }
        let named = form.text("price").is_some() || form.at("price_data").is_some();
        let price = if named {
            Some(read_item(tx, call, form, at)?.price)
        } else {
            None
        };
        let quantity = form.int("quantity");
        if quantity.is_some_and(|q| q < 0) {
            let param = if at.is_empty() {
                "quantity".to_owned()
            } else {
                format!("{at}[quantity]")
            };
            return Err(ApiError::invalid("Invalid non-negative integer")
                .code("parameter_invalid_integer")
                .param(param));
        }
        let mut metadata = item.value["metadata"].clone();
        merge_metadata(&mut metadata, form, "metadata")?;
        Ok(Change::Set {
            item: item.id.clone(),
            price,
            quantity,
            metadata,
        })
    }
}

pub(super) fn changes_of(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    subscription: &Record,
    form: &Node,
    at: &str,
) -> Result<Vec<Change>, ApiError> {
    let forms: Vec<Node> = form.list("items").cloned().collect();
    let mut out = Vec::new();
    for (index, form) in forms.iter().enumerate() {
        let at = format!("{at}[{index}]");
        let item = match form.text("id") {
            None => None,
            Some(id) => Some(
                find(tx, call, Kind::SubscriptionItem, id, &format!("{at}[id]"))
                    .ok()
                    .filter(|i| i.text("subscription") == subscription.id)
                    .ok_or_else(|| {
                        ApiError::missing("subscription_item", id, &format!("{at}[id]"))
                    })?,
            ),
        };
        out.push(Change::of_item(tx, call, item.as_deref(), form, &at)?);
    }
    Ok(out)
}

pub(super) fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let subscription = from_path(tx, call)?;
    let args = call.args;
    check_open(&subscription, args)?;
    let subscription = pending::make_way(tx, subscription, args)?;
    let state = Before::of(tx, subscription.clone());
    let (before, id) = (subscription.value.clone(), subscription.id.clone());
    let customer = find(
        tx,
        call,
        Kind::Customer,
        subscription.text("customer"),
        "customer",
    )?;
    let mut value = before.clone();
    merge_metadata(&mut value["metadata"], args, "metadata")?;
    let mut value = merged(value, terms::describe(tx, call, args, &customer)?);
    if value["collection_method"] != before["collection_method"]
        || args.int("days_until_due").is_some()
    {
        terms::check_days(args, value["collection_method"] == "send_invoice")?;
    }
    ending::cancellations(tx, args, &subscription, &mut value)?;
    if args.at("pause_collection").is_some() {
        value["pause_collection"] = pause_collection(args.sub("pause_collection"));
    }
    if args.at("discounts").is_some() {
        value["discounts"] = json!(replace_discounts(tx, call, &subscription)?);
    }
    let fee = terms::fee_percent(tx, call, args)?;
    let resets_fee = args.at("application_fee_percent").is_some();
    tx.update(&id, |r| {
        r.value = value;
        if resets_fee {
            r.hidden["fee_percent"] = json!(fee);
        }
    });
    add_pending(tx, call, &id, &customer)?;
    let changes = changes_of(tx, call, &subscription, args, "items")?;
    apply_to(tx, call, &state, changes, args)?;
    Ok(now(tx, &id))
}

/// Refuses changes of a subscription that has ended, with a few exceptions.
fn check_open(subscription: &Record, args: &Node) -> Result<(), ApiError> {
    let always = ["metadata", "cancellation_details", "expand"];
    let mut names = args.children().iter().map(|(name, _)| name.as_str());
    if has_ended(subscription) && names.any(|name| !always.contains(&name)) {
        return Err(ApiError::invalid(
            "A canceled subscription can only update its cancellation_details and metadata.",
        ));
    }
    Ok(())
}

fn pause_collection(pause: &Node) -> Value {
    match pause.text("behavior") {
        Some(behavior) => json!({ "behavior": behavior, "resumes_at": pause.int("resumes_at") }),
        None => Value::Null,
    }
}

/// The discounts that a request names; those that it no longer names are deleted.
fn replace_discounts(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    subscription: &Record,
) -> Result<Vec<String>, ApiError> {
    let on = DiscountTarget {
        customer: Some(subscription.text("customer")),
        subscription: Some(&subscription.id),
        ..DiscountTarget::default()
    };
    let new = discounts::read(tx, call, call.args, "", on)?;
    let old = subscription.value["discounts"].as_array();
    for gone in old.into_iter().flatten().filter_map(Value::as_str) {
        if !new.iter().any(|n| n == gone) {
            drop(discounts::delete(tx, gone));
        }
    }
    Ok(new)
}

/// Adds the `add_invoice_items` as pending items for the next invoice.
fn add_pending(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    id: &str,
    customer: &Record,
) -> Result<(), ApiError> {
    let Some(subscription) = tx.get(id) else {
        return Ok(());
    };
    for line in bill::extra(tx, call, call.args, &subscription)? {
        let item = items::make(
            tx,
            customer,
            subscription.text("currency"),
            items::Item {
                amount: line.amount,
                description: line.description,
                price: line.price,
                quantity: line.quantity,
                period: line.period,
                parent: json!({
                    "type": "subscription_details",
                    "subscription_details": { "subscription": id },
                }),
                proration: false,
                discountable: line.discountable,
                metadata: line.metadata,
            },
        );
        tx.emit("invoiceitem.created", call.owner, &item.value);
    }
    Ok(())
}

/// Changes items; `args` has `proration_behavior`, `proration_date`, `payment_behavior`. Returns the
/// ids of new items.
pub(super) fn apply(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    subscription: &Record,
    changes: Vec<Change>,
    args: &Node,
) -> Result<Vec<String>, ApiError> {
    if has_ended(subscription) {
        return Err(ApiError::missing(
            "subscription",
            &subscription.id,
            "subscription",
        ));
    }
    let subscription = tx.get(&subscription.id).filter(|s| !has_ended(s));
    let subscription = subscription.ok_or_else(ApiError::unexpected)?;
    let subscription = pending::make_way(tx, subscription, args)?;
    let before = Before::of(tx, subscription);
    apply_to(tx, call, &before, changes, args)
}

fn apply_to(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    state: &Before,
    changes: Vec<Change>,
    args: &Node,
) -> Result<Vec<String>, ApiError> {
    terms::simulated(args)?;
    let (id, before) = (state.subscription.id.as_str(), &state.subscription.value);
    let how = args
        .text("proration_behavior")
        .unwrap_or("create_prorations")
        .to_owned();
    let (made, resets) = apply_changes(tx, call, id, changes, args, &how)?;
    let missing = &before["trial_settings"]["end_behavior"]["missing_payment_method"];
    if resets && before["status"] == "trialing" && missing == "pause" && !cycle::payable(tx, id) {
        pausing::enter(tx, id, cycle::NO_METHOD, before);
        return Ok(made);
    }
    let invoice = if resets {
        Some(bill_now(tx, id, Vec::new(), "subscription_update")?)
    } else if how == "always_invoice" && before["status"] != "paused" {
        bill_pending(tx, id)?
    } else {
        None
    };
    let waits = args.text("payment_behavior") == Some("pending_if_incomplete");
    let mut told = false;
    match invoice {
        Some(invoice) if waits => {
            let wait = Wait::Update;
            told = pending::collect(tx, state, &invoice, wait, &session(args))? == Made::Paid;
        }
        Some(invoice) => collect(tx, &invoice, args)?,
        None => {}
    }
    cycle::schedule(tx, id);
    if !told {
        emit_change(tx, id, before);
    }
    Ok(made)
}

/// Makes the changes and their prorations. Returns the ids of new items, and whether a new period
/// begins now.
pub(super) fn apply_changes(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    id: &str,
    changes: Vec<Change>,
    args: &Node,
    how: &str,
) -> Result<(Vec<String>, bool), ApiError> {
    let gone = || ApiError::missing("subscription", id, "subscription");
    let subscription = tx.get(id).ok_or_else(gone)?;
    let at = args.int("proration_date").unwrap_or(tx.now);
    let all = items_of(tx, &subscription);
    // The periods of a paused subscription are over, and nothing is billed until it is resumed.
    let paused = subscription.text("status") == "paused";
    let outside =
        |i: &Arc<Record>| at < i.int("current_period_start") || at > i.int("current_period_end");
    if !paused && all.iter().any(outside) {
        return Err(ApiError::invalid(
            "The `proration_date` must be within the subscription's current period.",
        )
        .param("proration_date"));
    }
    let trialing = subscription.text("status") == "trialing";
    let ends_trial = trialing && args.text("trial_end") == Some("now");
    let resets = ends_trial
        || !trialing
            && !paused
            && (args.text("billing_cycle_anchor") == Some("now")
                || changes.iter().any(|c| changes_interval(tx, c)));
    let prorates = how != "none" && !trialing && !paused;
    if resets && prorates {
        for item in &all {
            proration::credit(tx, &subscription, item, at)?;
        }
    }
    let mut made = Vec::new();
    for change in changes {
        let prorates = (prorates && !resets, at);
        made.extend(make_change(tx, call, &subscription, change, prorates)?);
    }
    if items_of(tx, &subscription).is_empty() {
        return Err(ApiError::invalid(
            "A subscription must have at least one active plan. You should instead cancel the subscription.",
        )
        .param("items"));
    }
    if resets {
        let now = tx.now;
        tx.update(id, |r| {
            if ends_trial {
                r.value["trial_end"] = json!(now);
                r.value["status"] = json!("active");
            }
            r.value["billing_cycle_anchor"] = json!(now);
        });
        restart(tx, id, now)?;
    } else if let Some(text) = args.text("trial_end").filter(|t| *t != "now") {
        let end = terms::time(text, "trial_end", tx.now)?;
        new_trial(tx, &subscription, end, prorates)?;
    }
    show_items(tx, id);
    Ok((made, resets))
}

/// Whether a change puts an item on a price of another interval.
fn changes_interval(tx: &Tx<'_>, change: &Change) -> bool {
    match change {
        Change::Set {
            item,
            price: Some(price),
            ..
        } => tx
            .get(item)
            .is_some_and(|i| prices::interval(&i.value["price"]) != prices::interval(&price.value)),
        _ => false,
    }
}

/// Makes one change, prorated if asked for; returns the id of an item that it adds.
fn make_change(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    subscription: &Record,
    change: Change,
    (prorates, at): (bool, i64),
) -> Result<Option<String>, ApiError> {
    let mut made = None;
    let touched = match change {
        Change::Remove(item) => {
            if let Some(item) = tx.get(&item).filter(|_| prorates) {
                proration::credit(tx, subscription, &item, at)?;
            }
            tx.remove(&item);
            None
        }
        Change::Add(wanted) => {
            let period = period_for(tx, subscription, &wanted);
            let item = add_item(tx, call, &subscription.id, &wanted, period)?;
            made = Some(item.id.clone());
            Some(item)
        }
        Change::Set {
            item,
            price,
            quantity,
            metadata,
        } => set(
            tx,
            subscription,
            &item,
            (price, quantity, metadata),
            (prorates, at),
        )?,
    };
    if let Some(item) = touched.filter(|_| prorates) {
        proration::debit(tx, subscription, &item, at)?;
    }
    Ok(made)
}

/// The period of an item that joins a subscription. It ends with that of an item of the same
/// interval.
fn period_for(tx: &Tx<'_>, subscription: &Record, wanted: &ItemParams) -> (i64, i64) {
    let interval = prices::interval(&wanted.price.value);
    let anchor = subscription.int("billing_cycle_anchor");
    let same = items_of(tx, subscription)
        .iter()
        .find(|i| prices::interval(&i.value["price"]) == interval)
        .map(|i| i.int("current_period_end"));
    let trial = subscription.value["trial_end"]
        .as_i64()
        .filter(|end| *end > tx.now);
    let end = trial
        .or(same)
        .or_else(|| interval.map(|i| i.next(anchor, tx.now)))
        .unwrap_or(tx.now);
    (tx.now, end)
}

type NewItem = (Option<Arc<Record>>, Option<i64>, Value);

fn set(
    tx: &mut Tx<'_>,
    subscription: &Record,
    item: &str,
    (price, quantity, metadata): NewItem,
    (prorates, at): (bool, i64),
) -> Result<Option<Arc<Record>>, ApiError> {
    let Some(old) = tx.get(item) else {
        return Ok(None);
    };
    let other = price
        .as_ref()
        .is_some_and(|p| old.hidden["price"] != p.id.as_str());
    let differs = other || quantity.is_some_and(|q| q != old.int("quantity"));
    if differs && prorates {
        proration::credit(tx, subscription, &old, at)?;
    }
    let changed = tx.update(item, |r| {
        if let Some(price) = &price {
            r.value["price"] = price.value.clone();
            r.value["plan"] = prices::plan(&price.value);
            r.hidden["price"] = json!(price.id);
        }
        if let Some(quantity) = quantity {
            r.value["quantity"] = json!(quantity);
        }
        r.value["metadata"] = metadata;
    });
    if let Some(item) = &changed {
        bill::cost_of(tx, item, subscription.text("currency"))?;
    }
    Ok(changed.filter(|_| differs))
}

fn new_trial(
    tx: &mut Tx<'_>,
    subscription: &Record,
    end: i64,
    prorates: bool,
) -> Result<(), ApiError> {
    for item in items_of(tx, subscription) {
        if prorates {
            proration::credit(tx, subscription, &item, tx.now)?;
        }
        let start = if subscription.text("status") == "trialing" {
            item.int("current_period_start")
        } else {
            tx.now
        };
        tx.update(&item.id, |r| {
            r.value["current_period_start"] = json!(start);
            r.value["current_period_end"] = json!(end);
        });
    }
    let now = tx.now;
    tx.update(&subscription.id, |r| {
        r.value["status"] = json!("trialing");
        if r.value["trial_start"].is_null() {
            r.value["trial_start"] = json!(now);
        }
        r.value["trial_end"] = json!(end);
        r.value["billing_cycle_anchor"] = json!(end);
        r.hidden["warned"] = Value::Null;
    });
    Ok(())
}

/// Begins a new period of every item.
pub(super) fn restart(tx: &mut Tx<'_>, id: &str, anchor: i64) -> Result<(), ApiError> {
    let subscription = tx
        .get(id)
        .ok_or_else(|| ApiError::missing("subscription", id, "subscription"))?;
    ending::begin_periods(tx, &subscription, anchor);
    Ok(())
}

/// The invoice of a period that begins now.
pub(super) fn bill_now(
    tx: &mut Tx<'_>,
    id: &str,
    more: Vec<invoices::lines::Line>,
    reason: &'static str,
) -> Result<String, ApiError> {
    let subscription = tx
        .get(id)
        .ok_or_else(|| ApiError::missing("subscription", id, "subscription"))?;
    let billed: Vec<_> = items_of(tx, &subscription)
        .into_iter()
        .map(|i| (i, Part::Whole))
        .collect();
    let period = (tx.now, tx.now);
    bill::bill(
        tx,
        id,
        Bill {
            reason,
            items: &billed,
            period,
            more,
        },
    )
}

/// Makes the draft of an invoice of the pending items, if there are any.
pub(super) fn bill_pending(tx: &mut Tx<'_>, id: &str) -> Result<Option<String>, ApiError> {
    let subscription = tx
        .get(id)
        .ok_or_else(|| ApiError::missing("subscription", id, "subscription"))?;
    let customer = tx
        .get(subscription.text("customer"))
        .ok_or_else(|| ApiError::missing("customer", subscription.text("customer"), "customer"))?;
    if items::pending(tx, &customer, subscription.text("currency"), Some(id)).is_empty() {
        return Ok(None);
    }
    let period = (tx.now, tx.now);
    let bill = Bill {
        reason: "subscription_update",
        items: &[],
        period,
        more: Vec::new(),
    };
    bill::bill(tx, id, bill).map(Some)
}

/// How a request wants its invoice collected.
fn session(args: &Node) -> AttemptOptions {
    AttemptOptions {
        off_session: args.flag("off_session").unwrap_or(false),
        ..AttemptOptions::default()
    }
}

/// Finalizes an invoice of a change and collects it as `payment_behavior` has it.
fn collect(tx: &mut Tx<'_>, invoice: &str, args: &Node) -> Result<(), ApiError> {
    settle::finalize(tx, invoice)?;
    let behavior = args.text("payment_behavior");
    let charges = tx.get(invoice).is_some_and(|i| {
        i.text("status") == "open" && i.text("collection_method") == "charge_automatically"
    });
    if !charges || behavior == Some("default_incomplete") {
        return Ok(());
    }
    let strict = behavior == Some("error_if_incomplete");
    match settle::collect(tx, invoice, None, &session(args))? {
        Collected::NoMethod => Err(settle::no_method()),
        Collected::Declined(code, decline_code, message) if strict => {
            Err(methods::declined(code, decline_code, message))
        }
        Collected::Waiting if strict => Err(settle::needs_action()),
        _ => Ok(()),
    }
}

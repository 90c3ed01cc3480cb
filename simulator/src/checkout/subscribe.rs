//! Sessions in `subscription` mode: the subscription begins when its session is paid.
//! <https://docs.stripe.com/payments/subscriptions>.

use serde_json::{Value, json};

use super::{
    buyer,
    pay::{Method, Outcome, Payment, complete},
};
use crate::{
    api::Call,
    billing::{
        prices,
        subscriptions::create::{self, Sold},
    },
    cards,
    customers::{self, methods},
    error::ApiError,
    form::Node,
    money,
    payments::confirm::AttemptOptions,
    store::{Record, Tx},
};

/// Checks the line items against the mode.
pub(super) fn check(call: &Call<'_>, items: &[Value]) -> Result<(), ApiError> {
    let subscribes = call.args.text("mode") == Some("subscription");
    let recurring = items.iter().position(recurs);
    match (subscribes, recurring) {
        (true, None) => Err(ApiError::invalid(
            "You must provide at least one recurring price in `subscription` mode when using prices.",
        )
        .param("line_items")),
        (false, Some(index)) => Err(ApiError::invalid(
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only one-time prices.",
        )
        .param(format!("line_items[{index}][price]"))),
        _ => Ok(()),
    }
}

fn recurs(item: &Value) -> bool {
    item["price"]["type"] == "recurring"
}

/// The items that are due today. In a trial these are the one-time ones.
pub(super) fn due_now(data: &Node, items: &[Value], subtotal: i64) -> i64 {
    let trial = data.int("trial_period_days").is_some() || data.int("trial_end").is_some();
    if !trial {
        return subtotal;
    }
    let later: i64 = items
        .iter()
        .filter(|i| recurs(i))
        .filter_map(|i| i["amount_subtotal"].as_i64())
        .sum();
    subtotal - later
}

/// Reckons the items of a session with a billing cycle anchor: until then they are paid in proportion, or free
/// (<https://docs.stripe.com/payments/checkout/billing-cycle>).
pub(super) fn prorate(tx: &Tx<'_>, data: &Node, items: &mut [Value]) -> Result<(), ApiError> {
    let Some(anchor) = data.int("billing_cycle_anchor") else {
        return Ok(());
    };
    let param = "subscription_data[billing_cycle_anchor]";
    if data.int("trial_period_days").is_some() || data.int("trial_end").is_some() {
        return Err(ApiError::invalid(
            "You can't set `billing_cycle_anchor` together with a trial.",
        )
        .param(param));
    }
    let is_free = data.text("proration_behavior") == Some("none");
    for item in items.iter_mut().filter(|item| recurs(item)) {
        let Some(interval) = prices::interval(&item["price"]) else {
            continue;
        };
        let last = interval.next(tx.now, tx.now);
        if anchor <= tx.now || anchor > last {
            return Err(ApiError::invalid(format!(
                "`billing_cycle_anchor` must be a future timestamp before the next natural billing date ({last})."
            ))
            .param(param));
        }
        let whole = item["amount_subtotal"].as_i64().unwrap_or(0);
        let began = interval.previous(anchor, anchor);
        let amount = match is_free {
            true => 0,
            false => money::part(tx.rounding(), whole, anchor - tx.now, anchor - began)?,
        };
        item["amount_subtotal"] = json!(amount);
        item["amount_total"] = json!(amount);
    }
    Ok(())
}

/// Whether the buyer is asked for a card: where something is to be paid, or always, unless the session is told not to.
pub(crate) fn wants_card(session: &Record) -> bool {
    session.int("amount_total") > 0 || session.text("payment_method_collection") != "if_required"
}

/// One attempt to pay. A declined one leaves nothing, or an incomplete subscription.
pub(super) fn pay(
    tx: &mut Tx<'_>,
    session: &Record,
    payment: &Payment,
) -> Result<Outcome, ApiError> {
    if payment.method != Method::Card {
        return Err(ApiError::invalid("Subscriptions are paid by card here.").param("method"));
    }
    let number = payment.card.as_deref().unwrap_or("4242424242424242");
    match tx.savepoint(|tx| begin(tx, session, number, payment, "error_if_incomplete")) {
        Ok((subscription, customer)) => {
            tx.off_clock();
            charge_as_billed(tx, &session.id, &subscription);
            let free = session.int("amount_total") == 0;
            let status = if free {
                tx.assumptions.get("free_session")
            } else {
                "paid"
            };
            tx.update(&session.id, |r| {
                r.value["customer"] = json!(customer);
                r.value["subscription"] = subscription["id"].clone();
                r.value["invoice"] = subscription["latest_invoice"].clone();
            });
            complete(tx, &session.id, status)
        }
        Err(error) if error.code == Some("invoice_payment_intent_requires_action") => {
            tx.update(&session.id, |r| {
                r.hidden["card"] = json!(number);
                r.hidden["saved"] = json!(payment.payment_method);
            });
            Ok(Outcome::Challenge)
        }
        Err(error) if error.status == 402 => {
            if tx.assumptions.get("declined_subscription") == "incomplete" {
                let left =
                    tx.savepoint(|tx| begin(tx, session, number, payment, "allow_incomplete"));
                tx.off_clock();
                // A card that can't be saved either leaves nothing.
                if let Ok((_, customer)) = left {
                    tx.update(&session.id, |r| r.value["customer"] = json!(customer));
                }
            }
            let decline = error
                .extra
                .as_ref()
                .and_then(|e| e["decline_code"].as_str());
            Ok(Outcome::Declined {
                code: decline.or(error.code).unwrap_or_default().to_owned(),
                message: error.message.clone(),
            })
        }
        Err(error) => Err(error),
    }
}

/// What was prorated is so to the second at which it is paid.
fn charge_as_billed(tx: &mut Tx<'_>, session: &str, subscription: &Value) {
    let invoice = subscription["latest_invoice"]
        .as_str()
        .and_then(|id| tx.get(id));
    let is_anchored = subscription["trial_end"].is_null()
        && subscription["billing_cycle_anchor"] != subscription["start_date"];
    if let Some(invoice) = invoice.filter(|_| is_anchored) {
        let (subtotal, total) = (invoice.int("subtotal"), invoice.int("total"));
        tx.update(session, |r| {
            r.value["amount_subtotal"] = json!(subtotal);
            r.value["amount_total"] = json!(total);
            r.value["total_details"]["amount_discount"] = json!(subtotal - total);
        });
    }
}

/// What the buyer pays by, attached to their customer: a saved method, or a card. None where no card is asked for.
fn method_of(
    tx: &mut Tx<'_>,
    session: &Record,
    (number, payment): (&str, &Payment),
    customer: &str,
) -> Result<Option<std::sync::Arc<Record>>, ApiError> {
    let saved = payment.payment_method.as_deref().filter(|m| !m.is_empty());
    let method = match saved {
        Some(id) => buyer::saved(tx, session, id)?,
        None if !wants_card(session) => return Ok(None),
        None => {
            let card = cards::find(number).ok_or_else(cards::unknown)?;
            let billing = super::pay::billing(session);
            methods::of_card(tx, &session.owner, card, billing)
        }
    };
    methods::attach(tx, &session.owner, &method, customer)?;
    Ok(Some(method))
}

fn begin(
    tx: &mut Tx<'_>,
    session: &Record,
    number: &str,
    payment: &Payment,
    behavior: &str,
) -> Result<(Value, String), ApiError> {
    let owner = &session.owner;
    let buyer = &session.hidden["buyer"];
    let customer = match session.value["customer"].as_str() {
        Some(customer) => customer.to_owned(),
        None => customers::of_buyer(tx, owner, buyer),
    };
    tx.on_clock_of(&customer);
    let method = method_of(tx, session, (number, payment), &customer)?;
    let mut form = Node::parse(
        session.hidden["subscription_data"]
            .as_str()
            .unwrap_or_default(),
    )?;
    let leaf = |text: &str| Node::Leaf(text.to_owned());
    if let Some(method) = &method {
        form.put("default_payment_method", leaf(&method.id));
    }
    form.put("payment_behavior", leaf(behavior));
    let discount = &session.hidden["discount"];
    for name in ["promotion_code", "coupon"] {
        if let Some(id) = discount[name]
            .as_str()
            .filter(|_| form.at("discounts").is_none())
        {
            let one = Node::Tree(vec![(name.to_owned(), leaf(id))]);
            form.put("discounts", Node::Tree(vec![("0".to_owned(), one)]));
        }
    }
    let all = session.hidden["items"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let (items, once): (Vec<Value>, Vec<Value>) = all.into_iter().partition(recurs);
    let extra = once
        .iter()
        .enumerate()
        .map(|(index, item)| {
            let fields = vec![
                (
                    "price".to_owned(),
                    leaf(item["price"]["id"].as_str().unwrap_or_default()),
                ),
                ("quantity".to_owned(), leaf(&item["quantity"].to_string())),
            ];
            (index.to_string(), Node::Tree(fields))
        })
        .collect();
    form.put("add_invoice_items", Node::Tree(extra));
    let how = AttemptOptions {
        challenge: payment.challenge,
        ..AttemptOptions::default()
    };
    let sold = Sold {
        customer: &customer,
        items: &items,
        form,
        how: &how,
    };
    let subscription = create::create_for_checkout(tx, owner, &sold)?;
    Ok((subscription, customer))
}

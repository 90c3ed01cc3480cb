//! The longer texts of an evidence pack. A person at a bank reads them.

use souk_entity::order_note::NoteKind;
use souk_entity::refund::RefundStatus;
use souk_entity::{Timestamp, order, shipment};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::money;

use super::known::{Known, KnownOrder, OtherPayment};

const DAY: &[BorrowedFormatItem<'_>] =
    format_description!("[day padding:none] [month repr:long] [year]");
const MINUTE: &[BorrowedFormatItem<'_>] =
    format_description!("[day padding:none] [month repr:long] [year], [hour]:[minute] UTC");

fn formatted(at: Timestamp, as_: &[BorrowedFormatItem<'_>]) -> String {
    let at = OffsetDateTime::from_unix_timestamp(at.seconds()).ok();
    let text = at.and_then(|at| at.format(as_).ok());
    text.unwrap_or_default()
}

/// A day, such as 18 November 2026.
pub(super) fn day(at: Timestamp) -> String {
    formatted(at, DAY)
}

fn minute(at: Timestamp) -> String {
    formatted(at, MINUTE)
}

/// Texts with commas between, each once. None: there are none.
pub(super) fn joined(texts: impl Iterator<Item = String>) -> Option<String> {
    let mut all: Vec<String> = Vec::new();
    for text in texts {
        if !all.contains(&text) {
            all.push(text);
        }
    }
    (!all.is_empty()).then(|| all.join(", "))
}

/// When the buyer got what was delivered digitally.
pub(super) fn access_log(known: &Known, digital: &[&shipment::Model]) -> Option<String> {
    if digital.is_empty() {
        return None;
    }
    let mut log = Vec::new();
    if let Some(ip) = known.purchase_ip() {
        let order = known.orders.first().map(|one| &one.order);
        let at = order.map_or_else(String::new, |order| minute(order.created_at));
        log.push(format!("{at}: bought from the address {ip}"));
    }
    for one in digital {
        let url = one.delivery_url.as_deref().unwrap_or_default();
        log.push(format!(
            "{}: made available at {url}",
            minute(one.shipped_at)
        ));
        let sent = known
            .mails
            .iter()
            .find(|mail| mail.about == one.id.as_ref());
        if let (Some(mail), Some(to)) = (sent, known.email()) {
            log.push(format!("{}: the link was mailed to {to}", minute(mail.at)));
        }
        if let Some(at) = one.delivered_at {
            let proof = one
                .delivery_proof
                .as_deref()
                .unwrap_or("received by the buyer");
            log.push(format!("{}: {proof}", minute(at)));
        }
    }
    Some(log.join("\n"))
}

/// The refund policy as it was when the order was made.
pub(super) fn refund_policy(known: &Known) -> Option<String> {
    let of = |order: &order::Model| {
        let (text, url) = (
            order.refund_policy.as_ref(),
            order.refund_policy_url.as_ref(),
        );
        if text.is_none() && url.is_none() {
            return None;
        }
        let at = minute(order.created_at);
        let mut said = format!("The shop's refund policy when the buyer placed the order, {at}");
        if let Some(url) = url {
            said += &format!(", published at {url}");
        }
        if let Some(text) = text {
            said += &format!(":\n{text}");
        }
        Some(said)
    };
    known.orders.iter().find_map(|one| of(&one.order))
}

/// What was refunded. None: nothing.
pub(super) fn refunds(known: &Known) -> Option<String> {
    let made = known.refunds.iter().filter_map(|one| {
        let amount = money::display(one.amount, &one.currency);
        let id = one.stripe_refund.as_deref().unwrap_or_default();
        match (one.status, one.settled_at) {
            (_, Some(at)) => Some(format!(
                "{amount} was returned to the buyer in another way, recorded {}: {}",
                minute(at),
                one.settled_note.as_deref().unwrap_or_default(),
            )),
            (RefundStatus::Succeeded, None) => Some(format!(
                "{amount} was refunded on {} ({id})",
                minute(one.created_at)
            )),
            (RefundStatus::Pending | RefundStatus::RequiresAction, None) => Some(format!(
                "A refund of {amount} was made on {} and is on its way ({id})",
                minute(one.created_at)
            )),
            _ => None,
        }
    });
    let made: Vec<String> = made.collect();
    (!made.is_empty()).then(|| made.join("\n"))
}

/// How two charges of the same buyer differ.
pub(super) fn duplicate(known: &Known, other: &OtherPayment) -> String {
    let mine = known.orders.iter().map(|one| one.order.id.to_string());
    let mine = joined(mine).unwrap_or_default();
    let theirs = joined(other.orders.iter().map(ToString::to_string)).unwrap_or_default();
    let at = |at: Option<Timestamp>| at.map_or_else(String::new, minute);
    format!(
        "They are two purchases. The disputed charge paid order {mine} on {}; the charge {} paid order {theirs} on {}.",
        at(known.payment.paid_at),
        other.charge,
        at(other.payment.paid_at),
    )
}

/// What happened, in order.
pub(super) fn story(known: &Known) -> String {
    let mut told = vec![payment(known)];
    for one in &known.orders {
        told.push(order(one));
        told.extend(one.shipments.iter().map(|(one, goods)| sent(one, goods)));
    }
    told.extend(refunds(known));
    let mails = known.mails.iter().filter_map(|mail| {
        let what = subject(&mail.what)?;
        Some(format!("{}: the buyer was mailed {what}", minute(mail.at)))
    });
    told.extend(mails);
    let notes = known.orders.iter().flat_map(|one| &one.notes);
    let messages = notes.filter_map(|note| {
        let who = match note.kind {
            NoteKind::MessageFromBuyer => "The buyer to the shop",
            NoteKind::MessageToBuyer => "The shop to the buyer",
            // The seller's own, for themselves.
            NoteKind::Note => return None,
        };
        Some(format!(
            "{who}, {}: {}",
            minute(note.happened_at),
            note.text
        ))
    });
    told.extend(messages);
    told.join("\n")
}

fn payment(known: &Known) -> String {
    let payment = &known.payment;
    let paid = payment.amount_paid.unwrap_or(payment.amount_subtotal);
    let mut told = format!("{} was paid", money::display(paid, &payment.currency));
    if let Some(at) = payment.paid_at {
        told += &format!(" on {}", minute(at));
    }
    if let Some(charge) = &known.charge {
        if let (Some(brand), Some(last4)) = (&charge.brand, &charge.last4) {
            told += &format!(" with the {brand} card that ends in {last4}");
        }
        if let Some(url) = &charge.receipt_url {
            told += &format!("; Stripe's receipt is at {url}");
        }
    }
    told + "."
}

fn order(known: &KnownOrder) -> String {
    let order = &known.order;
    let goods = known.lines.iter().map(|line| {
        let amount = money::display(line.amount, &order.currency);
        format!("{} × {} ({amount})", line.quantity, line.name)
    });
    let goods = goods.collect::<Vec<_>>().join(", ");
    let mut told = format!(
        "Order {} was placed on {}",
        order.id,
        minute(order.created_at)
    );
    if let Some(email) = &order.email {
        told += &format!(" by {email}");
    }
    if let Some(ip) = &order.purchase_ip {
        told += &format!(" from the address {ip}");
    }
    if let Some(agent) = &order.purchase_user_agent {
        told += &format!(" with {agent}");
    }
    format!("{told}: {goods}.")
}

fn sent(shipment: &shipment::Model, goods: &[(String, i64)]) -> String {
    let goods = goods
        .iter()
        .map(|(name, units)| format!("{units} × {name}"));
    let goods = goods.collect::<Vec<_>>().join(", ");
    let mut told = match &shipment.delivery_url {
        Some(url) => format!("{goods} was made available at {url}"),
        None => format!("{goods} was sent"),
    };
    told += &format!(" on {}", minute(shipment.shipped_at));
    if let Some(carrier) = &shipment.carrier {
        told += &format!(" by {carrier}");
    }
    if let Some(number) = &shipment.tracking_number {
        told += &format!(", tracking number {number}");
    }
    if let Some(url) = &shipment.tracking_url {
        told += &format!(" ({url})");
    }
    if let Some(at) = shipment.delivered_at {
        told += &format!(", and delivered on {}", minute(at));
        if let Some(proof) = &shipment.delivery_proof {
            told += &format!(": {proof}");
        }
    }
    told + "."
}

/// What a mail told the buyer.
fn subject(what: &str) -> Option<&'static str> {
    Some(match what {
        "order_paid" => "that the order is paid and confirmed",
        "order_shipped" => "that it was sent",
        "order_delivered" => "that it was delivered",
        "refund_due" => "that the money goes back",
        "refund_failed" => "that the refund did not arrive",
        "refund_blocked" => "that the refund needs a person",
        _ => return None,
    })
}

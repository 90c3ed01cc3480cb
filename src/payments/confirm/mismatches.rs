//! Objects that are not what was asked for, or of which we know nothing: nothing moves, and a person must look.

use souk_entity::PaymentId;
use souk_entity::payment::PaymentKind;

use crate::db::Tx;
use crate::error::{Error, Result};
use crate::findings::{self, NewFinding};
use crate::money;
use crate::stripe::Effect;

use super::super::snapshot::PaymentSnapshot;
use super::decide::SliceState;

/// What a payment's object is called, to a person.
fn what(snapshot: &PaymentSnapshot) -> &'static str {
    match snapshot.kind {
        PaymentKind::Session => "Checkout session",
        PaymentKind::Intent => "Payment intent",
        PaymentKind::Invoice => "Invoice",
    }
}

/// Raises a finding about a paid object whose metadata names a payment that isn't here. The payment was lost when the
/// database went back to a backup, or the object's maker made it up. Nothing moves; a person must look.
pub(super) async fn raise_orphan(
    tx: &Tx,
    snapshot: &PaymentSnapshot,
    named: &PaymentId,
) -> Result<Effect> {
    let (what, object, total) = (what(snapshot), &snapshot.object.id, snapshot.totals.total);
    let paid = money::display(total.max(0), &snapshot.currency);
    let finding = NewFinding {
        kind: "orphan_payment",
        stripe_account: Some(snapshot.object.account.clone()),
        subject: object.clone(),
        message: format!(
            "{what} {object} was paid with {paid} for payment {named}, which is not in the database: perhaps its order was \
             lost with a backup. Look it up in the Stripe dashboard, and fulfil it by hand or refund it there."
        ),
        amount: (total >= 0).then_some(total),
        currency: Some(snapshot.currency.clone()),
    };
    findings::raise(tx, finding).await?;
    Ok(Effect::Ignored("it names a payment that isn't here"))
}

/// Raises a finding about an object that is not what was asked for. Nothing moves; a person must look.
pub(super) async fn raise_mismatch(
    tx: &Tx,
    snapshot: &PaymentSnapshot,
    payment: &PaymentId,
    state: &SliceState,
) -> Result<Effect> {
    let object = &snapshot.object.id;
    let what = what(snapshot);
    let asked = state.payments.get(&snapshot.object);
    let asked = asked.ok_or_else(|| Error::internal("a mismatch of no payment"))?;
    let kind = if snapshot.currency == asked.currency {
        "amount_mismatch"
    } else {
        "currency_mismatch"
    };
    let totals = &snapshot.totals;
    let display = |amount: i64| money::display(amount.max(0), &snapshot.currency);
    let partly = totals.collected.filter(|amount| *amount != totals.total);
    let collected = partly.map_or_else(String::new, |amount| {
        format!(" and has collected {} of that", display(amount))
    });
    let finding = NewFinding {
        kind,
        stripe_account: Some(snapshot.object.account.clone()),
        subject: payment.to_string(),
        message: format!(
            "{what} {object} says {} before discounts{collected}, but {} was asked for; the order was not confirmed. \
             Compare it in the Stripe dashboard and refund it there if it was paid.",
            display(totals.subtotal),
            money::display(asked.amount_subtotal, &asked.currency),
        ),
        amount: (totals.total >= 0).then(|| totals.collected.unwrap_or(totals.total)),
        currency: Some(snapshot.currency.clone()),
    };
    findings::raise(tx, finding).await?;
    Ok(Effect::Ignored("it is not what was asked for"))
}

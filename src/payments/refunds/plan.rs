//! What a refund that is asked for comes to: of which payment, how much, and which units. The request stores it, and a
//! preview only tells it.

use sea_orm::ConnectionTrait;
use serde::Serialize;
use souk_entity::payment::{self, ChargeType, PaymentStatus};
use souk_entity::refund;
use souk_entity::{OrderId, OrderLineId, PaymentId, order};

use crate::app::App;
use crate::error::{Error, Result};
use crate::orders::OrderAccess;
use crate::{money, sellers};

use super::super::shares::{self, Share};
use super::super::{disputes, fees, payments_of_order};
use super::{NewRefund, is_unsuccessful, lines, payment_disputed, restock};

/// What a refund comes to.
pub(super) struct Plan {
    pub payment: payment::Model,
    /// Minor units.
    pub amount: i64,
    /// What was left of the order's share before it, in minor units.
    pub left: i64,
    /// What the named units cost, in their order, in minor units.
    pub costs: Vec<i64>,
    /// The units that it is for.
    pub units: Vec<(OrderLineId, i64)>,
}

/// Plans a refund of an order: of the first of its payments whose share has as much left as is wanted.
///
/// # Errors
/// Nothing was paid, or less is left than is asked for, of the money or of the goods; the payment is disputed.
pub(super) async fn plan<C: ConnectionTrait>(
    db: &C,
    order: &order::Model,
    new: &NewRefund,
) -> Result<Plan> {
    let (mut any_paid, mut any_held, mut any_disputed) = (false, false, false);
    let mut too_little: Option<(i64, Error)> = None;
    for payment in payments_of_order(db, &order.id).await? {
        let share = shares::of_order(db, &payment, &order.id).await?;
        any_held |= payment.status == PaymentStatus::Authorized;
        if payment.status != PaymentStatus::Paid || share.paid == 0 {
            continue;
        }
        any_paid = true;
        let left = money::sub(share.paid, reserved(&share.refunds)?)?;
        if left <= 0 {
            continue;
        }
        if disputes::forbid_refund(&disputes::of_payment(db, &payment.id).await?) {
            any_disputed = true;
            continue;
        }
        if new.restock && !new.lines.is_empty() {
            restock::units(db, &order.id, &new.lines, false).await?;
        }
        let costs = lines::amounts(db, &share, &payment.currency, &new.lines).await?;
        let amount = match new.amount {
            Some(amount) => amount,
            None if costs.is_empty() => left,
            None => costs.iter().copied().try_fold(0, money::add)?,
        };
        if amount <= left {
            return with_units(db, new, (payment, share), (amount, left), costs).await;
        }
        if too_little.as_ref().is_none_or(|(most, _)| *most < left) {
            too_little = Some((left, exceeds(new, left, &payment.currency)));
        }
    }
    Err(match too_little {
        Some((_, exceeds)) => exceeds,
        None if any_disputed => payment_disputed(),
        None if any_paid => Error::conflict(
            "already_refunded",
            "All that was paid has gone back, or is on its way.",
        ),
        None if any_held => Error::conflict(
            "order_not_paid",
            "The buyer's money is only held. Capture less of it, and the rest is released.",
        ),
        None => Error::conflict("order_not_paid", "Nothing was paid for this order."),
    })
}

async fn with_units<C: ConnectionTrait>(
    db: &C,
    new: &NewRefund,
    (payment, share): (payment::Model, Share),
    (amount, left): (i64, i64),
    costs: Vec<i64>,
) -> Result<Plan> {
    if amount == 0 {
        let nothing = "These lines cost the buyer nothing, so there is nothing to refund.";
        return Err(Error::invalid("lines", nothing));
    }
    // The rest may go back whatever it is, and so may what a line cost: a discount can leave a fraction.
    if new.amount.is_some()
        && amount != left
        && let Some(fault) = money::fault(amount, &payment.currency)
    {
        return Err(Error::invalid("amount", format!("amount {fault}.")));
    }
    let units = match new.restock {
        true => restock::units(db, &share.order, &new.lines, amount == left).await?,
        false => new.lines.clone(),
    };
    Ok(Plan {
        payment,
        amount,
        left,
        costs,
        units,
    })
}

fn exceeds(new: &NewRefund, left: i64, currency: &str) -> Error {
    let left = money::display(left, currency);
    let (param, message) = match new.amount {
        Some(_) => ("amount", format!("Only {left} of what was paid is left.")),
        None => (
            "lines",
            format!(
                "Only {left} of what was paid is left, and these lines cost more: give an amount."
            ),
        ),
    };
    Error::Conflict {
        code: "refund_exceeds_paid",
        param: Some(param.to_owned()),
        message,
    }
}

/// What some refunds have returned or may still return, in minor units. What was settled outside Stripe is not paid again.
pub(super) fn reserved(rows: &[refund::Model]) -> Result<i64> {
    let reserved = rows
        .iter()
        .filter(|row| !is_unsuccessful(row.status) || row.settled_at.is_some());
    reserved.map(|row| row.amount).try_fold(0, money::add)
}

/// What a refund would do, in minor units of its currency.
#[derive(Serialize)]
pub(super) struct Preview {
    object: &'static str,
    order_id: OrderId,
    payment_id: PaymentId,
    currency: String,
    amount: i64,
    /// What could still be refunded of the order after it.
    amount_left: i64,
    /// `seller` or `platform`: from whose Stripe balance it is taken (docs.stripe.com/connect/charges).
    funded_by: &'static str,
    /// What of the application fee goes back to whoever funds it.
    application_fee_refunded: i64,
    lines: Vec<PreviewLine>,
    /// The funding account's balance; none where Stripe doesn't tell now, or has none in this currency.
    balance: Option<PreviewBalance>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct PreviewLine {
    order_line_id: OrderLineId,
    quantity: i64,
    /// What its units cost the buyer; none where an amount was given.
    amount: Option<i64>,
    restock: bool,
}

#[derive(Serialize)]
struct PreviewBalance {
    available: i64,
    pending: i64,
    /// Both together, after the refund and with the fee that came back.
    after: i64,
}

/// Tells what a refund would do. Nothing is stored and nothing is asked of Stripe but the balance.
///
/// # Errors
/// As of the request.
pub(super) async fn preview(app: &App, access: &OrderAccess, new: &NewRefund) -> Result<Preview> {
    let order = &access.order;
    lines::check(&app.db.read, &order.id, &new.lines).await?;
    let plan = plan(&app.db.read, order, new).await?;
    let fee = fees::returned_by(&app.db.read, &plan.payment, plan.amount).await?;
    let is_direct = plan.payment.charge_type == ChargeType::Direct;
    let balance = match is_direct {
        true => balance(app, order, &plan, fee).await?,
        false => None,
    };
    let warnings = warnings(&plan, fee, balance.as_ref());
    let costs = plan.costs.iter().map(|cost| Some(*cost));
    let costs = costs.chain(std::iter::repeat(None));
    let lines = plan.units.iter().zip(costs);
    let lines = lines.map(|((line, quantity), cost)| PreviewLine {
        order_line_id: line.clone(),
        quantity: *quantity,
        amount: cost.filter(|_| new.amount.is_none()),
        restock: new.restock,
    });
    Ok(Preview {
        object: "refund_preview",
        order_id: order.id.clone(),
        amount: plan.amount,
        amount_left: money::sub(plan.left, plan.amount)?,
        funded_by: if is_direct { "seller" } else { "platform" },
        application_fee_refunded: fee,
        lines: lines.collect(),
        balance,
        warnings,
        currency: plan.payment.currency,
        payment_id: plan.payment.id,
    })
}

/// The seller's balance at Stripe in the payment's currency, and what it comes to.
async fn balance(
    app: &App,
    order: &order::Model,
    plan: &Plan,
    fee: i64,
) -> Result<Option<PreviewBalance>> {
    let seller = sellers::find(&app.db.read, &order.seller_id).await?;
    let seller = seller.ok_or(Error::NotFound("seller"))?;
    let read = match sellers::balance(app, &seller).await {
        Ok(read) => read,
        Err(
            Error::StripeUnavailable(_)
            | Error::StripeRefused(_)
            | Error::KeyRefused(_)
            | Error::AccessLost { .. },
        ) => return Ok(None),
        Err(e) => return Err(e),
    };
    let of = |amounts: Vec<crate::stripe::views::BalanceAmountView>| {
        let mut mine = amounts.into_iter();
        let mine = mine.find(|one| one.currency == plan.payment.currency);
        mine.map(|one| one.amount)
    };
    let (available, pending) = (of(read.available), of(read.pending));
    if available.is_none() && pending.is_none() {
        return Ok(None);
    }
    let (available, pending) = (available.unwrap_or(0), pending.unwrap_or(0));
    let before = money::add(available, pending)?;
    let after = money::add(money::sub(before, plan.amount)?, fee)?;
    Ok(Some(PreviewBalance {
        available,
        pending,
        after,
    }))
}

fn warnings(plan: &Plan, fee: i64, balance: Option<&PreviewBalance>) -> Vec<String> {
    let currency = &plan.payment.currency;
    let mut warnings =
        vec!["Stripe keeps the fee that it took for processing the payment.".to_owned()];
    match balance {
        None => warnings.push(format!(
            "The balance that pays for it isn't known: Stripe doesn't tell it now, or has none in {}.",
            currency.to_uppercase()
        )),
        Some(balance) if balance.after < 0 => warnings.push(format!(
            "The balance becomes negative, {}: the next sales fill it up, or Stripe takes it from the bank account.",
            money::display(balance.after, currency)
        )),
        Some(balance) if balance.available < plan.amount.saturating_sub(fee) => warnings.push(
            "What is available now doesn't suffice: Stripe may keep the refund pending until it does.".to_owned(),
        ),
        Some(_) => {}
    }
    warnings
}

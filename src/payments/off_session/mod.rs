//! Charges on saved cards while the buyer isn't there (docs.stripe.com/payments/save-and-reuse, `off_session`): a seller asks
//! for money that the buyer has agreed to be charged. Its intent is made first, and then confirmed by a job, once for each
//! try. A bank that wants to see the buyer gets them by mail; of what else it says Stripe's advice is followed.

pub mod routes;

use std::collections::BTreeSet;

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect};
use serde::{Deserialize, Serialize};
use serde_json::json;
use souk_entity::off_session_charge::{self, ChargeState, Column as C};
use souk_entity::payment::{self, CaptureMethod, PaymentStatus};
use souk_entity::{
    CustomerId, Metadata, OrderId, PaymentId, SetupIntentId, customer, order, payment_method,
};
use validator::Validate;

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result, StripeFault};
use crate::http::{deserialize_some, json_objects};
use crate::identity::Caller;
use crate::jobs::{self, Job, Recipient};
use crate::stripe::requests::intents as request;
use crate::stripe::views::PaymentIntentView;
use crate::stripe::{IdempotentCreate, key_until};
use crate::{audit, customers, sellers};

use super::checkout::origin::Origin;
use super::checkout::pricing::{self, NewBasket, NewLine};
use super::checkout::{self, object};
use super::intents::{self, Terms};
use super::{closing, find, reread, saved_cards};

const DAY_MS: i64 = 24 * 3_600_000;
/// How long the buyer has to help, and the bank to change its mind.
const LIFETIME_MS: i64 = 14 * DAY_MS;
/// The waits before the second try and the later ones.
const RETRY_AFTER_MS: [i64; 3] = [DAY_MS, 2 * DAY_MS, 3 * DAY_MS];

/// A charge as the API asks for it.
#[derive(Debug, Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewOffSessionPayment {
    /// Who pays.
    pub customer_id: CustomerId,
    /// Products of the seller, in one currency.
    #[serde(deserialize_with = "json_objects")]
    #[validate(
        length(min = 1, max = 50, message = "lines has 1 to 50 lines."),
        nested
    )]
    pub lines: Vec<NewLine>,
    /// A card that the buyer has saved; by default their default.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub payment_method: Option<String>,
    /// The caller's own data.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub metadata: Option<Metadata>,
}

/// A charge with its payment and its order.
pub struct OffSessionPayment {
    pub charge: off_session_charge::Model,
    pub payment: payment::Model,
    pub order: order::Model,
}

/// Asks for a charge, as the seller's owner or an admin. The card is charged by a job. A second call with the same id and
/// `may_resume` answers what the first one began.
///
/// # Errors
/// 404 for others' customers; `mandate_missing` for a card that the buyer didn't agree to be charged for; and those of a
/// checkout.
pub async fn open(
    app: &App,
    caller: &Caller,
    id: OrderId,
    may_resume: bool,
    new: NewOffSessionPayment,
) -> Result<OffSessionPayment> {
    let placed = checkout::placed(&app.db.read, &id, may_resume).await?;
    if let Some((order, payment)) = &placed
        && let Some(charge) = charge_of(app, &payment.id).await?
    {
        return Ok(OffSessionPayment {
            charge,
            payment: payment.clone(),
            order: order.clone(),
        });
    }
    let customer = charged_customer(app, caller, &new.customer_id).await?;
    let (method, mandate) = agreed_card(app, &customer, new.payment_method.as_deref()).await?;
    let (order, payment) = match placed {
        // The first request ended before it had written the charge down.
        Some(placed) => placed,
        None => place(app, caller, id, &customer, &method, new).await?,
    };
    let charge = note(app, caller, &payment, &customer, &method.id, mandate).await?;
    Ok(OffSessionPayment {
        charge,
        payment,
        order,
    })
}

/// Prices the lines, and writes order and payment down.
async fn place(
    app: &App,
    caller: &Caller,
    id: OrderId,
    customer: &customer::Model,
    method: &payment_method::Model,
    new: NewOffSessionPayment,
) -> Result<(order::Model, payment::Model)> {
    let wanted = NewBasket {
        lines: new.lines,
        customer_email: Some(customers::address(app, customer).await?),
        metadata: new.metadata,
        origin: Origin::default(),
    };
    let mut basket = pricing::price(app, None, wanted).await?;
    basket.buyer = customer.user_id.clone();
    saved_cards::check_account(method, &basket.account, "lines")?;
    basket.check_total(basket.subtotal)?;
    let terms = Terms {
        customer: customer.stripe_customer.clone(),
        payment_method: Some(method.id.clone()),
        saves: false,
        capture_method: CaptureMethod::Automatic,
        return_url: None,
        lifetime_ms: Some(LIFETIME_MS),
    };
    intents::place(app, &caller.principal(), id, basket, terms).await
}

/// The customer of a seller that the caller owns, or of any for an admin.
async fn charged_customer(app: &App, caller: &Caller, id: &CustomerId) -> Result<customer::Model> {
    let missing = || Error::no_such("customer", "customer_id");
    let customer = customers::find(&app.db.read, id).await?;
    let customer = customer.ok_or_else(missing)?;
    let (account, livemode) = (&customer.stripe_account, customer.livemode);
    let seller = sellers::by_account(&app.db.read, account, livemode).await?;
    let owns = seller.is_some_and(|seller| seller.owner_id == *caller.id());
    match owns || caller.is_admin() {
        true => Ok(customer),
        false => Err(missing()),
    }
}

/// The card to charge, and what the buyer has agreed to.
async fn agreed_card(
    app: &App,
    customer: &customer::Model,
    named: Option<&str>,
) -> Result<(payment_method::Model, SetupIntentId)> {
    let Some(id) = named.or(customer.default_payment_method.as_deref()) else {
        return Err(Error::invalid(
            "payment_method",
            "The buyer has chosen no default. Name one of their cards.",
        ));
    };
    let method = payment_method::Entity::find_by_id(id.to_owned())
        .filter(payment_method::Column::CustomerId.eq(customer.id.clone()))
        .filter(payment_method::Column::DetachedAt.is_null())
        .one(&app.db.read)
        .await?;
    let method = method.ok_or_else(|| Error::no_such("payment method", "payment_method"))?;
    match method.mandate_id.clone() {
        Some(mandate) => Ok((method, mandate)),
        None => Err(Error::conflict(
            "mandate_missing",
            "The buyer has not agreed to be charged by this card while they aren't there. Let them save it by a setup intent \
             with a mandate_text.",
        )),
    }
}

/// Writes the charge down, and stages its first try.
async fn note(
    app: &App,
    caller: &Caller,
    payment: &payment::Model,
    customer: &customer::Model,
    method: &str,
    mandate: SetupIntentId,
) -> Result<off_session_charge::Model> {
    let tx = app.db.begin_write().await?;
    let row = off_session_charge::Model {
        id: payment.id.clone(),
        customer_id: customer.id.clone(),
        payment_method: method.to_owned(),
        mandate_id: mandate,
        requested_by: caller.id().clone(),
        state: ChargeState::Trying,
        tries: 0,
        advice: None,
        next_try_at: Some(tx.now()),
        key_number: 1,
        key_until: key_until(tx.now()),
        created_at: tx.now(),
        updated_at: tx.now(),
    };
    off_session_charge::Entity::insert(row.clone().into_active_model())
        .on_conflict(OnConflict::column(C::Id).do_nothing().to_owned())
        .exec_without_returning(&tx)
        .await?;
    let payment = payment.id.clone();
    let data = json!({ "payment_method": method, "mandate": row.mandate_id });
    let actor = caller.principal();
    audit::record(
        &tx,
        &actor,
        "off_session_payment.created",
        payment.as_ref(),
        data,
    )
    .await?;
    jobs::stage(&tx, &Job::ChargeOffSession { payment }).await?;
    tx.commit().await?;
    Ok(row)
}

/// The charge of a payment.
async fn charge_of(app: &App, id: &PaymentId) -> Result<Option<off_session_charge::Model>> {
    let charge = off_session_charge::Entity::find_by_id(id.clone());
    Ok(charge.one(&app.db.read).await?)
}

/// The job: tries to charge the card, if its time has come.
///
/// # Errors
/// Stripe has not answered.
pub async fn charge(app: &App, id: &PaymentId) -> Result<()> {
    let Some(charge) = charge_of(app, id).await? else {
        return Ok(());
    };
    let now = app.clock.now();
    let is_due = charge.next_try_at.is_some_and(|at| at <= now);
    if charge.state != ChargeState::Trying || !is_due {
        return Ok(());
    }
    let payment = find(app, id).await?;
    if payment.status != PaymentStatus::Pending {
        return write(app, &charge, &Next::End).await;
    }
    let payment = match object::create(app, payment).await {
        Ok((payment, _)) => payment,
        Err(Error::StripeRefused(_)) => return write(app, &charge, &Next::End).await,
        Err(e) => return Err(e),
    };
    if is_withdrawn(app, &charge).await? {
        // The buyer has removed the card, and so what they had agreed to.
        closing::close(app, &payment).await?;
        return write(app, &charge, &Next::End).await;
    }
    let outcome = confirm(app, &charge, &payment).await;
    if let Err(
        e @ (Error::StripeUnavailable(_) | Error::KeyRefused(_) | Error::AccessLost { .. }),
    ) = outcome
    {
        return Err(e);
    }
    // Whatever Stripe said: what the intent is now counts.
    let (payment, _) = reread::confirm_now(app, id).await?;
    match (payment.status, outcome) {
        (PaymentStatus::Pending, Err(Error::StripeRefused(fault))) => {
            write(app, &charge, &next(&fault, charge.tries + 1)).await
        }
        (PaymentStatus::Pending, Ok(view)) if view.is_open() => {
            write(app, &charge, &Next::AskBuyer { advice: None }).await
        }
        (PaymentStatus::Pending, outcome) => outcome.map(drop),
        _ => write(app, &charge, &Next::End).await,
    }
}

/// Whether the card is no longer saved.
async fn is_withdrawn(app: &App, charge: &off_session_charge::Model) -> Result<bool> {
    let method = payment_method::Entity::find_by_id(charge.payment_method.clone())
        .one(&app.db.read)
        .await?;
    Ok(method.is_none_or(|method| method.detached_at.is_some()))
}

/// Confirms the intent (docs.stripe.com/api/payment_intents/confirm), under a key of its own for each try. If a key can't be
/// trusted, the intent is read first: it may be paid.
async fn confirm(
    app: &App,
    charge: &off_session_charge::Model,
    payment: &payment::Model,
) -> Result<PaymentIntentView> {
    let intent = payment.stripe_object.as_deref().unwrap_or_default();
    let scope = app.stripe.at(&payment.charge_account);
    let request = request::confirm_off_session(intent, &charge.payment_method);
    let is_done = async {
        let view: PaymentIntentView = scope.get(&request::retrieve(intent)).await?;
        Ok(Some(view).filter(|view| !view.is_open()))
    };
    let (id, number, until) = (&charge.id, charge.key_number, charge.key_until);
    IdempotentCreate::of(off_session_charge::Entity, id, number, until)
        .again_after_refusal()
        .make(&app.db, app.clock.now(), is_done, async |n| {
            scope.post(&request, &format!("off_session:{id}:{n}")).await
        })
        .await
}

/// What follows from a try.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Nothing more is to be done.
    End,
    /// Only the buyer can help.
    AskBuyer { advice: Option<String> },
    /// The same once more, after some milliseconds.
    Retry { advice: Option<String>, ms: i64 },
}

/// What follows from a decline, the how manieth it is, by the bank's reason and Stripe's advice
/// (docs.stripe.com/declines/codes, `advice_code`): a card is never tried again against the advice, and no more than four times.
fn next(fault: &StripeFault, tries: i32) -> Next {
    let advice = fault.advice_code.clone();
    let reason = fault.decline_code.as_deref().or(fault.code.as_deref());
    let again = usize::try_from(tries - 1).ok();
    let wait = again.and_then(|tried| RETRY_AFTER_MS.get(tried));
    match (reason, advice.as_deref(), wait) {
        (Some("authentication_required" | "authentication_not_handled"), _, _)
        | (_, Some("do_not_try_again" | "confirm_card_data"), _)
        | (_, _, None) => Next::AskBuyer { advice },
        (_, Some("try_again_later"), Some(ms)) => Next::Retry { advice, ms: *ms },
        // Where Stripe advises nothing, only what passes by itself is tried again.
        (
            Some("processing_error" | "issuer_not_available" | "reenter_transaction"),
            _,
            Some(ms),
        ) => Next::Retry { advice, ms: *ms },
        _ => Next::AskBuyer { advice },
    }
}

/// Writes down what follows, and stages the mail to the buyer.
async fn write(app: &App, charge: &off_session_charge::Model, next: &Next) -> Result<()> {
    let tx = app.db.begin_write().await?;
    let (state, advice, next_try_at) = match next {
        Next::End => (ChargeState::Ended, charge.advice.clone(), None),
        Next::AskBuyer { advice } => (ChargeState::NeedsBuyer, advice.clone(), None),
        Next::Retry { advice, ms } => {
            let at = tx.now().plus_ms(*ms);
            (ChargeState::Trying, advice.clone(), Some(at))
        }
    };
    let tries = charge.tries + i32::from(*next != Next::End);
    let written = off_session_charge::Entity::update_many()
        .col_expr(C::State, Expr::value(state))
        .col_expr(C::Advice, Expr::value(advice))
        .col_expr(C::NextTryAt, Expr::value(next_try_at))
        .col_expr(C::Tries, Expr::value(tries))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(charge.id.clone()))
        .filter(C::State.eq(ChargeState::Trying))
        .filter(C::Tries.eq(charge.tries))
        .exec(&tx)
        .await?;
    if written.rows_affected == 1 && state == ChargeState::NeedsBuyer {
        mail(&tx, &charge.id).await?;
    }
    tx.commit().await
}

async fn mail(tx: &Tx, payment: &PaymentId) -> Result<()> {
    let mail = Job::Mail {
        what: "payment_needs_you".to_owned(),
        to: Recipient::Buyer,
        about: payment.to_string(),
    };
    jobs::stage(tx, &mail).await
}

/// Stages the tries whose time has come.
///
/// # Errors
/// The database failed.
pub async fn sweep(app: &App) -> Result<()> {
    let tx = app.db.begin_write().await?;
    let due: BTreeSet<PaymentId> = off_session_charge::Entity::find()
        .select_only()
        .column(C::Id)
        // As the index says it, word for word, so that SQLite sees that it will do.
        .filter(Expr::cust("state = 'trying'"))
        .filter(C::NextTryAt.lte(tx.now()))
        .into_tuple()
        .all(&tx)
        .await?
        .into_iter()
        .collect();
    for payment in due {
        jobs::stage(&tx, &Job::ChargeOffSession { payment }).await?;
    }
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decline(code: &str, decline_code: Option<&str>, advice: Option<&str>) -> StripeFault {
        StripeFault {
            code: Some(code.to_owned()),
            decline_code: decline_code.map(str::to_owned),
            advice_code: advice.map(str::to_owned),
            ..StripeFault::default()
        }
    }

    #[test]
    fn a_card_is_tried_again_only_where_stripe_advises_it_and_at_most_four_times() {
        let later = decline(
            "card_declined",
            Some("insufficient_funds"),
            Some("try_again_later"),
        );
        let waits: Vec<_> = (1..=4).map(|tries| next(&later, tries)).collect();
        let again = |ms| Next::Retry {
            advice: Some("try_again_later".to_owned()),
            ms,
        };
        let ask = Next::AskBuyer {
            advice: Some("try_again_later".to_owned()),
        };
        assert_eq!(
            waits,
            [again(DAY_MS), again(2 * DAY_MS), again(3 * DAY_MS), ask]
        );
        for fault in [
            decline(
                "authentication_required",
                Some("authentication_required"),
                Some("try_again_later"),
            ),
            decline(
                "card_declined",
                Some("stolen_card"),
                Some("do_not_try_again"),
            ),
            decline("incorrect_number", None, Some("confirm_card_data")),
            decline("card_declined", Some("generic_decline"), None),
        ] {
            assert!(
                matches!(next(&fault, 1), Next::AskBuyer { .. }),
                "{fault:?}"
            );
        }
        let passing = decline("processing_error", None, None);
        assert_eq!(
            next(&passing, 1),
            Next::Retry {
                advice: None,
                ms: DAY_MS
            }
        );
    }
}

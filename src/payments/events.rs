//! Effects of Stripe's events on payments and refunds. They may come twice, late and in any order.

use serde::de::DeserializeOwned;
use souk_entity::AccountId;

use crate::db::Tx;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::stripe::views::{IdView, RefundView, SessionView};
use crate::stripe::{Effect, Event};

use super::confirm::{self, Heard};
use super::{locked_by_session, refunds};

/// `checkout.session.completed`, `.expired` and `.async_payment_succeeded`: the session says where it stands.
pub async fn checkout_session(tx: &Tx, event: &Event) -> Result<Effect> {
    let (account, session) = (account(event)?, object::<SessionView>(event)?);
    confirm::apply(
        tx,
        &Heard {
            account: &account,
            livemode: event.livemode,
            session: &session,
        },
    )
    .await
}

/// `checkout.session.async_payment_failed`: the session itself still says `complete` and `unpaid`.
pub async fn checkout_session_failed(tx: &Tx, event: &Event) -> Result<Effect> {
    let (account, session) = (account(event)?, object::<SessionView>(event)?);
    match locked_by_session(tx, &session.id).await? {
        Some(payment) if payment.charge_account == account => {
            confirm::failed(tx, &payment, "the asynchronous payment failed").await
        }
        _ => {
            confirm::apply(
                tx,
                &Heard {
                    account: &account,
                    livemode: event.livemode,
                    session: &session,
                },
            )
            .await
        }
    }
}

/// `refund.created`, `.updated`, `.failed` and `charge.refund.updated`.
pub async fn refund(tx: &Tx, event: &Event) -> Result<Effect> {
    let (account, refund) = (account(event)?, object::<RefundView>(event)?);
    refunds::store(tx, &account, event.livemode, &refund).await
}

/// `charge.refunded` carries no refunds (they come with `refund.*`): Stripe is asked for them.
pub async fn charge_refunded(tx: &Tx, event: &Event) -> Result<Effect> {
    use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
    use souk_entity::payment::{Column as C, Entity};
    #[derive(serde::Deserialize)]
    struct Charge {
        payment_intent: Option<crate::stripe::views::Expandable<IdView>>,
    }
    let (account, charge) = (account(event)?, object::<Charge>(event)?);
    let Some(intent) = charge.payment_intent else {
        return Ok(Effect::Ignored("a charge of no payment of ours"));
    };
    let payment = Entity::find()
        .filter(C::ChargeAccount.eq(account))
        .filter(C::PaymentIntent.eq(intent.id()))
        .one(tx)
        .await?;
    let Some(payment) = payment else {
        return Ok(Effect::Ignored("a charge of no payment of ours"));
    };
    jobs::stage(
        tx,
        &Job::RereadPayment {
            payment: payment.id,
        },
    )
    .await?;
    Ok(Effect::Applied)
}

fn account(event: &Event) -> Result<AccountId> {
    event
        .account
        .clone()
        .ok_or_else(|| Error::internal("an event of no connected account"))
}

fn object<T: DeserializeOwned>(event: &Event) -> Result<T> {
    // The path and not the value: it may hold somebody's data.
    serde_path_to_error::deserialize(&event.object).map_err(|e| {
        Error::internal(format!(
            "{} has an unexpected shape at {}",
            event.kind,
            e.path()
        ))
    })
}

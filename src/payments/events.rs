//! Effects of Stripe's events on payments and refunds. They may come twice, late and in any order.

use std::collections::HashSet;

use crate::db::Tx;
use crate::error::Result;
use crate::jobs::{self, Job};
use crate::stripe::views::{IdView, RefundView, SessionView};
use crate::stripe::{Effect, Event};

use super::confirm::{self, Heard};
use super::{refunds, together};

/// We collect money on sellers' accounts alone.
const OWN: Effect = Effect::Ignored("the platform's own payments are none of ours");

/// `checkout.session.completed`, `.expired` and `.async_payment_succeeded`: the session says where it stands.
pub async fn checkout_session(tx: &Tx, event: &Event) -> Result<Effect> {
    let Some(account) = &event.account else {
        return Ok(OWN);
    };
    let session = event.object::<SessionView>()?;
    confirm::apply(
        tx,
        &Heard {
            account,
            livemode: event.livemode()?,
            session: &session,
        },
    )
    .await
}

/// Of many events those that say that a session is paid, done at once as far as they are ordinary. Answers which of them
/// were done; the others are to be done one by one, after.
pub async fn checkout_sessions_paid(tx: &Tx, events: &[&Event]) -> Result<HashSet<usize>> {
    let paid = |(at, event): (usize, &&Event)| {
        if !event.kind.starts_with("checkout.session.") {
            return None;
        }
        let (account, livemode) = (event.account.as_ref()?, event.livemode().ok()?);
        let session = event.object::<SessionView>().ok()?;
        confirm::is_paid(&session).then(|| (at, account.clone(), livemode, session))
    };
    let paid: Vec<_> = events.iter().enumerate().filter_map(paid).collect();
    if paid.len() < 2 {
        return Ok(HashSet::new());
    }
    let heard: Vec<Heard<'_>> = paid
        .iter()
        .map(|(_, account, livemode, session)| Heard {
            account,
            livemode: *livemode,
            session,
        })
        .collect();
    let done = together::confirm(tx, &heard).await?;
    Ok(done.into_iter().map(|at| paid[at].0).collect())
}

/// `checkout.session.async_payment_failed`: the session itself still says `complete` and `unpaid`.
pub async fn checkout_session_failed(tx: &Tx, event: &Event) -> Result<Effect> {
    let Some(account) = &event.account else {
        return Ok(OWN);
    };
    let (session, livemode) = (event.object::<SessionView>()?, event.livemode()?);
    let heard = Heard {
        account,
        livemode,
        session: &session,
    };
    confirm::failed(tx, &heard).await
}

/// `refund.created`, `.updated`, `.failed` and `charge.refund.updated`.
pub async fn refund(tx: &Tx, event: &Event) -> Result<Effect> {
    let Some(account) = &event.account else {
        return Ok(OWN);
    };
    let (refund, livemode) = (event.object::<RefundView>()?, event.livemode()?);
    refunds::store(tx, account, livemode, &refund).await
}

/// `charge.refunded` carries no refunds (they come with `refund.*`): Stripe is asked for them.
pub async fn charge_refunded(tx: &Tx, event: &Event) -> Result<Effect> {
    use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
    use souk_entity::payment::{Column as C, Entity};
    #[derive(serde::Deserialize)]
    struct Charge {
        payment_intent: Option<crate::stripe::views::Expandable<IdView>>,
    }
    let Some(account) = &event.account else {
        return Ok(OWN);
    };
    let charge = event.object::<Charge>()?;
    let Some(intent) = charge.payment_intent else {
        return Ok(Effect::Ignored("a charge of no payment of ours"));
    };
    let payment = Entity::find()
        .filter(C::ChargeAccount.eq(account.clone()))
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

//! Effects of Stripe's events on refunds. They may come twice, late and in any order.

use crate::db::Tx;
use crate::error::Result;
use crate::jobs::{self, Job};
use crate::stripe::views::{IdView, RefundView};
use crate::stripe::{Effect, Event};

use super::refunds;

/// We collect money on sellers' accounts alone.
pub(super) const PLATFORM: Effect = Effect::Ignored("the platform's own payments are none of ours");

/// `refund.created`, `.updated`, `.failed` and `charge.refund.updated`.
pub async fn refund(tx: &Tx, event: &Event) -> Result<Effect> {
    let Some(account) = &event.account else {
        return Ok(PLATFORM);
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
        return Ok(PLATFORM);
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

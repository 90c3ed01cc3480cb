//! Effects of Stripe's events about subscriptions. They may come twice, late and in any order, so each has its subscription read again.

use sea_orm::{ColumnTrait, QueryFilter};
use souk_entity::payment;

use crate::db::Tx;
use crate::error::Result;
use crate::jobs::{self, Job};
use crate::stripe::views::{InvoiceView, UpcomingInvoiceView};
use crate::stripe::{Effect, Event, EventObject};

use super::sync::payments_of;

/// It is about none.
pub const NO_SUBSCRIPTION: Effect = Effect::Ignored("no subscription of ours");

/// `customer.subscription.*`.
pub async fn subscription(tx: &Tx, event: &Event) -> Result<Effect> {
    reread(tx, &event.about()?).await
}

/// Stages a re-read of a subscription. One that began with a payment that isn't confirmed yet is read then.
pub async fn reread(tx: &Tx, object: &EventObject) -> Result<Effect> {
    let (Some(account), Some(id)) = (&object.account, &object.id) else {
        return Ok(NO_SUBSCRIPTION);
    };
    let here = payment::Column::ChargeAccount.eq(account.clone());
    let known = payments_of(id, object.livemode).filter(here);
    if known.one(tx).await?.is_none() {
        return Ok(NO_SUBSCRIPTION);
    }
    let job = Job::SyncSubscription {
        account: account.clone(),
        livemode: object.livemode,
        subscription: id.clone(),
    };
    jobs::stage(tx, &job).await?;
    Ok(Effect::Applied)
}

/// `invoice.*`, but for `invoice.paid`: what becomes of an invoice shows in its subscription.
pub async fn invoice(tx: &Tx, event: &Event) -> Result<Effect> {
    let invoice = event.object::<InvoiceView>()?;
    let about = event.about()?;
    let of = EventObject {
        id: invoice.subscription().map(str::to_owned),
        ..about
    };
    reread(tx, &of).await
}

/// `invoice.upcoming`, whose invoice doesn't exist yet and has no id.
pub async fn upcoming(tx: &Tx, event: &Event) -> Result<Effect> {
    let invoice = event.object::<UpcomingInvoiceView>()?;
    let about = event.about()?;
    let of = EventObject {
        id: invoice.subscription().map(str::to_owned),
        ..about
    };
    reread(tx, &of).await
}

//! Effects of Stripe's events about setup intents. They may come twice, late and in any order, so each has the intent read
//! again.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use souk_entity::setup_intent::{self, Column as C};

use crate::db::Tx;
use crate::error::Result;
use crate::jobs::{self, Job};
use crate::stripe::{Effect, Event, EventObject};

pub const NO_SETUP: Effect = Effect::Ignored("no setup intent of ours");

/// `setup_intent.succeeded`, `.setup_failed`, `.requires_action` and `.canceled`.
pub async fn setup_intent(tx: &Tx, event: &Event) -> Result<Effect> {
    reread(tx, &event.about()?).await
}

/// Stages a re-read of a setup intent. Stripe may tell of it before it has answered its creation: it waits as long as one of
/// its account has no id yet.
pub async fn reread(tx: &Tx, object: &EventObject) -> Result<Effect> {
    let (Some(account), Some(id)) = (&object.account, &object.id) else {
        return Ok(NO_SETUP);
    };
    let of_account = || {
        setup_intent::Entity::find()
            .filter(C::StripeAccount.eq(account.clone()))
            .filter(C::Livemode.eq(object.livemode))
    };
    let by_id = || {
        of_account()
            // As the index says it, word for word, so that SQLite sees that it will do.
            .filter(Expr::cust("stripe_object IS NOT NULL"))
            .filter(C::StripeObject.eq(id.as_str()))
    };
    if let Some(row) = by_id().one(tx).await? {
        let setup_intent = row.id;
        jobs::stage(tx, &Job::SyncSetupIntent { setup_intent }).await?;
        return Ok(Effect::Applied);
    }
    let awaiting = of_account()
        // A session tells of its intent itself.
        .filter(C::CheckoutSession.is_null())
        // As the index says it, word for word, so that SQLite sees that it will do.
        .filter(Expr::cust("status = 'open'"))
        .filter(C::StripeObject.is_null());
    if awaiting.one(tx).await?.is_some() {
        return Ok(Effect::Deferred {
            waits_for: id.clone(),
        });
    }
    // Its id may have been stored between the two queries.
    match by_id().one(tx).await? {
        Some(row) => {
            let setup_intent = row.id;
            jobs::stage(tx, &Job::SyncSetupIntent { setup_intent }).await?;
            Ok(Effect::Applied)
        }
        None => Ok(NO_SETUP),
    }
}

/// Stages a re-read of the setup intent that a Checkout Session makes. `None`: it is no such session of ours. One whose creation
/// Stripe has not answered yet is read when it has.
pub async fn reread_session(tx: &Tx, object: &EventObject) -> Result<Option<Effect>> {
    let (Some(account), Some(id)) = (&object.account, &object.id) else {
        return Ok(None);
    };
    let found = setup_intent::Entity::find()
        // As the index says it, word for word, so that SQLite sees that it will do.
        .filter(Expr::cust("checkout_session IS NOT NULL"))
        .filter(C::CheckoutSession.eq(id.as_str()))
        .filter(C::StripeAccount.eq(account.clone()))
        .filter(C::Livemode.eq(object.livemode))
        .one(tx)
        .await?;
    let Some(row) = found else {
        return Ok(None);
    };
    let setup_intent = row.id;
    jobs::stage(tx, &Job::SyncSetupIntent { setup_intent }).await?;
    Ok(Some(Effect::Applied))
}

//! Effects of Stripe's refund and dispute events, and re-reads of their objects. Events may come twice, late and in any order.

use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, QueryFilter};
use souk_entity::AccountId;
use souk_entity::payment::{self, CaptureMethod, Column as C, PaymentKind};

use crate::db::Tx;
use crate::error::Result;
use crate::jobs::{self, Job};
use crate::ledger;
use crate::stripe::views::{Expandable, IdView, RefundView};
use crate::stripe::{Effect, Event, EventObject};

use super::{refunds, setups};

/// Buyers pay on sellers' accounts only.
pub(super) const PLATFORM: Effect = Effect::Ignored("the platform's own payments are none of ours");
const NO_PAYMENT: Effect = Effect::Ignored("it is of no payment of ours");
const NO_SELLER: Effect = Effect::Ignored("no seller has this account");

/// As the index says it, word for word, so that SQLite sees that it will do.
const OPEN: &str = "status = 'pending'";

/// `refund.created`, `.updated`, `.failed` and `charge.refund.updated`.
pub async fn refund(tx: &Tx, event: &Event) -> Result<Effect> {
    let Some(account) = &event.account else {
        return Ok(PLATFORM);
    };
    let (refund, livemode) = (event.object::<RefundView>()?, event.livemode()?);
    let effect = refunds::store(tx, account, livemode, &refund).await?;
    if matches!(effect, Effect::Ignored(_)) {
        ledger::events::others_money_moved(tx, account, livemode).await?;
    }
    Ok(effect)
}

/// `charge.refunded` carries no refunds (they come with `refund.*`), so the payment is re-read.
pub async fn charge_refunded(tx: &Tx, event: &Event) -> Result<Effect> {
    #[derive(serde::Deserialize)]
    struct Charge {
        payment_intent: Option<Expandable<IdView>>,
    }
    let Some(account) = &event.account else {
        return Ok(PLATFORM);
    };
    let charge = event.object::<Charge>()?;
    let intent = charge.payment_intent.as_ref().map(Expandable::<IdView>::id);
    let found = match intent {
        Some(intent) => reread_one(tx, account, C::PaymentIntent.eq(intent)).await?,
        None => false,
    };
    if !found {
        ledger::events::others_money_moved(tx, account, event.livemode()?).await?;
        return Ok(Effect::Ignored("a charge of no payment of ours"));
    }
    Ok(Effect::Applied)
}

/// `charge.dispute.*`. The bank can decide anew, and events come in any order: the dispute is re-read. Whoever's payment it
/// is, its money is on the account's balance.
pub async fn dispute(tx: &Tx, event: &Event) -> Result<Effect> {
    let Some(account) = event.account.clone() else {
        return Ok(PLATFORM);
    };
    let Some(dispute) = event.object_id.clone() else {
        return Ok(Effect::Ignored("the event names no dispute"));
    };
    let livemode = event.livemode()?;
    let pull = Job::Pull {
        account: account.clone(),
        livemode,
    };
    let reread = Job::SyncDispute {
        account,
        livemode,
        dispute,
    };
    jobs::stage_all(tx, &[pull, reread]).await?;
    Ok(Effect::Applied)
}

/// Stages a re-read of a dispute, and a pull of its account. Its payment isn't known before Stripe is asked.
pub async fn reread_dispute(tx: &Tx, object: &EventObject) -> Result<Effect> {
    let (Some(account), Some(dispute)) = (&object.account, &object.id) else {
        return Ok(Effect::Ignored("the event names no dispute"));
    };
    if !ledger::events::others_money_moved(tx, account, object.livemode).await? {
        return Ok(NO_SELLER);
    }
    let job = Job::SyncDispute {
        account: account.clone(),
        livemode: object.livemode,
        dispute: dispute.clone(),
    };
    jobs::stage(tx, &job).await?;
    Ok(Effect::Applied)
}

/// `radar.early_fraud_warning.*`. The warning is re-read: it may have ended since.
pub async fn fraud_warning(tx: &Tx, event: &Event) -> Result<Effect> {
    reread_fraud_warning(tx, &event.about()?).await
}

/// Stages a re-read of an early fraud warning. Its payment isn't known before Stripe is asked.
pub async fn reread_fraud_warning(tx: &Tx, object: &EventObject) -> Result<Effect> {
    let (Some(account), Some(warning)) = (&object.account, &object.id) else {
        return Ok(Effect::Ignored("the event names no warning of a seller's"));
    };
    let job = Job::SyncFraudWarning {
        account: account.clone(),
        livemode: object.livemode,
        warning: warning.clone(),
    };
    jobs::stage(tx, &job).await?;
    Ok(Effect::Applied)
}

/// Stages a re-read of a session's payment.
pub async fn reread_session(tx: &Tx, object: &EventObject) -> Result<Effect> {
    match setups::events::reread_session(tx, object).await? {
        Some(effect) => Ok(effect),
        None => reread_object(tx, object, PaymentKind::Session).await,
    }
}

/// Stages a re-read of an intent's payment: its own, or that of a session whose money is held until it is captured.
pub async fn reread_intent(tx: &Tx, object: &EventObject) -> Result<Effect> {
    if let (Some(account), Some(intent)) = (&object.account, &object.id) {
        let of_session = C::PaymentIntent.eq(intent.as_str());
        let held = of_session.and(C::CaptureMethod.eq(CaptureMethod::Manual));
        if reread_one(tx, account, held).await? {
            return Ok(Effect::Applied);
        }
    }
    reread_object(tx, object, PaymentKind::Intent).await
}

/// Stages a re-read of an object's payment. Stripe may tell of an object before it has answered its creation, and a thin
/// event doesn't say whose it is: it waits as long as a payment of its kind on its account has no object yet.
async fn reread_object(tx: &Tx, object: &EventObject, kind: PaymentKind) -> Result<Effect> {
    let (Some(account), Some(id)) = (&object.account, &object.id) else {
        return Ok(NO_PAYMENT);
    };
    if reread_one(tx, account, C::StripeObject.eq(id.as_str())).await? {
        return Ok(Effect::Applied);
    }
    let awaiting = payment::Entity::find()
        .filter(Expr::cust(OPEN))
        .filter(C::ChargeAccount.eq(account.clone()))
        .filter(C::Kind.eq(kind))
        .filter(C::StripeObject.is_null());
    if awaiting.one(tx).await?.is_some() {
        return Ok(Effect::Deferred {
            waits_for: id.clone(),
        });
    }
    // Its id may have been stored between the two queries.
    Ok(
        match reread_one(tx, account, C::StripeObject.eq(id.as_str())).await? {
            true => Effect::Applied,
            false => NO_PAYMENT,
        },
    )
}

/// Stages a re-read of a charge's payment, and brings the pull of its account forward: what moved may be others' money.
pub async fn reread_charge(tx: &Tx, object: &EventObject) -> Result<Effect> {
    let (Some(account), Some(charge)) = (&object.account, &object.id) else {
        return Ok(NO_PAYMENT);
    };
    if reread_one(tx, account, C::Charge.eq(charge.as_str())).await? {
        return Ok(Effect::Applied);
    }
    Ok(
        match ledger::events::others_money_moved(tx, account, object.livemode).await? {
            true => Effect::Applied,
            false => NO_SELLER,
        },
    )
}

/// Stages a re-read of a refund. Its payment isn't known before Stripe is asked.
pub async fn reread_refund(tx: &Tx, object: &EventObject) -> Result<Effect> {
    let (Some(account), Some(refund)) = (&object.account, &object.id) else {
        return Ok(Effect::Ignored("the event names no refund"));
    };
    if !ledger::events::others_money_moved(tx, account, object.livemode).await? {
        return Ok(NO_SELLER);
    }
    let job = Job::SyncRefund {
        account: account.clone(),
        livemode: object.livemode,
        refund: refund.clone(),
    };
    jobs::stage(tx, &job).await?;
    Ok(Effect::Applied)
}

async fn reread_one(tx: &Tx, account: &AccountId, which: SimpleExpr) -> Result<bool> {
    let payment = payment::Entity::find()
        .filter(C::ChargeAccount.eq(account.clone()))
        .filter(which)
        .one(tx)
        .await?;
    let Some(payment) = payment else {
        return Ok(false);
    };
    let payment = payment.id;
    jobs::stage(tx, &Job::RereadPayment { payment }).await?;
    Ok(true)
}

//! Ending what a buyer could still pay by: our clock and our word end nothing, Stripe's do.

use souk_entity::payment::{self, PaymentKind, PaymentStatus};

use crate::app::App;
use crate::error::{Error, Result};
use crate::ids;
use crate::stripe::requests::{checkout, intents, invoices};
use crate::stripe::views::{IdView, InvoiceView, PaymentIntentView, SessionView};

use super::checkout::object;
use super::confirm::confirm;
use super::reread;
use super::snapshot::PaymentSnapshot;

/// Asks Stripe to end the object of a payment that is pending or authorized, and confirms its new state. What is paid by then is
/// confirmed instead. An object whose creation was never answered is created first: otherwise it could still appear later and
/// be paid.
///
/// # Errors
/// Stripe has not answered.
pub(super) async fn close(app: &App, payment: &payment::Model) -> Result<()> {
    match payment.status {
        PaymentStatus::Pending => {}
        PaymentStatus::Authorized => return release(app, payment).await,
        _ => return Ok(()),
    }
    let payment = match &payment.stripe_object {
        Some(_) => payment.clone(),
        None => match object::create(app, payment.clone()).await {
            Ok((payment, _)) => payment,
            Err(Error::StripeRefused(_)) => return Ok(()),
            Err(e) => return Err(e),
        },
    };
    match end(app, &payment).await {
        Ok(snapshot) => {
            let tx = app.db.begin_write().await?;
            confirm(&tx, &[snapshot]).await?;
            tx.commit().await
        }
        // It is over already: its state is read and confirmed.
        Err(Error::StripeRefused(_)) => reread::confirm_now(app, &payment.id).await.map(drop),
        Err(e) => Err(e),
    }
}

/// Has money that is held given back, all of it.
async fn release(app: &App, payment: &payment::Model) -> Result<()> {
    let intent = payment.payment_intent.as_deref();
    let intent = intent.ok_or_else(|| Error::internal("held money without an intent"))?;
    let key = format!("end:{}", ids::random_token());
    let scope = app.stripe.at(&payment.charge_account);
    let released: Result<IdView> = scope.post(&intents::cancel(intent), &key).await;
    match released {
        // A refusal says that it isn't held any more. Either way its state is read and confirmed.
        Ok(_) | Err(Error::StripeRefused(_)) => {
            reread::confirm_now(app, &payment.id).await.map(drop)
        }
        Err(e) => Err(e),
    }
}

/// Ending twice does no harm, so each request has a new key: under an old one Stripe could repeat a saved 500.
async fn end(app: &App, payment: &payment::Model) -> Result<PaymentSnapshot> {
    let object = payment.stripe_object.as_deref().unwrap_or_default();
    let account = &payment.charge_account;
    let scope = app.stripe.at(account);
    let key = format!("end:{}", ids::random_token());
    Ok(match payment.kind {
        PaymentKind::Intent => {
            let request = intents::cancel(object);
            let view: PaymentIntentView = scope.post(&request, &key).await?;
            PaymentSnapshot::of_intent(account, view.livemode, &view)
        }
        // With it an incomplete subscription ends (docs.stripe.com/billing/subscriptions/overview#subscription-statuses).
        PaymentKind::Invoice => {
            let view: InvoiceView = scope.post(&invoices::void(object), &key).await?;
            PaymentSnapshot::of_invoice(account, view.livemode, &view)?
        }
        PaymentKind::Session => {
            let view: SessionView = scope.post(&checkout::expire(object), &key).await?;
            PaymentSnapshot::of_session(account, view.livemode, &view)
        }
    })
}

//! Findings about sessions, looked at again: each is open exactly as long as Stripe shows what it says.

use souk_entity::{AccountId, PaymentId, finding};

use crate::app::App;
use crate::error::{Error, Result};
use crate::findings;
use crate::stripe::requests::checkout as request;
use crate::stripe::views::SessionView;

use super::super::confirm::{PaymentSnapshot, confirm};
use super::{latest_charge, note_charge};
use crate::payments::find;

/// Sessions that one run reads again, of each kind of finding.
const MOST: usize = 50;

/// Asks Stripe again about the sessions that fit no payment or name one that isn't here. Confirm raises the finding anew if it
/// is still true. Money that has gone back altogether is nobody's concern any more.
///
/// # Errors
/// Stripe has not answered.
pub async fn review(app: &App) -> Result<()> {
    for kind in ["orphan_payment", "amount_mismatch", "currency_mismatch"] {
        let open = findings::open(&app.db.read, kind).await?;
        for finding in open.into_iter().take(MOST) {
            match review_one(app, &finding).await {
                // Nothing is known of it, so it stays as it is.
                Err(Error::StripeRefused(_) | Error::AccessLost { .. } | Error::NotFound(_)) => {}
                reviewed => reviewed?,
            }
        }
    }
    Ok(())
}

async fn review_one(app: &App, finding: &finding::Model) -> Result<()> {
    if finding.kind == "orphan_payment" {
        return match &finding.stripe_account {
            Some(account) => look_at(app, account, &finding.subject, finding, None).await,
            None => Ok(()),
        };
    }
    let id = PaymentId::from(finding.subject.as_str());
    let payment = find(app, &id).await?;
    match &payment.stripe_object {
        Some(session) => {
            look_at(
                app,
                &payment.charge_account,
                session,
                finding,
                Some(&payment),
            )
            .await
        }
        None => Ok(()),
    }
}

async fn look_at(
    app: &App,
    account: &AccountId,
    session: &str,
    finding: &finding::Model,
    payment: Option<&souk_entity::payment::Model>,
) -> Result<()> {
    let view: SessionView = app
        .stripe
        .at(account)
        .get(&request::retrieve(session))
        .await?;
    let tx = app.db.begin_write().await?;
    let snapshot = PaymentSnapshot::of_session(account, view.livemode, &view);
    // In one transaction with the confirm, so that nobody sees it resolved in between.
    findings::resolve(&tx, &finding.kind, &finding.subject).await?;
    confirm(&tx, &[snapshot]).await?;
    if let Some(charge) = latest_charge(view) {
        if let Some(payment) = payment {
            note_charge(&tx, payment, &charge).await?;
        }
        if charge.is_refunded() {
            findings::resolve(&tx, &finding.kind, &finding.subject).await?;
        }
    }
    tx.commit().await
}

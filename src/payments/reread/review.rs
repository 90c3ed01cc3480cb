//! Findings about payments' objects, looked at again: each is open exactly as long as Stripe shows what it says.

use souk_entity::payment::{self, PaymentKind};
use souk_entity::{PaymentId, finding};

use crate::app::App;
use crate::error::{Error, Result};
use crate::findings;
use crate::payments::confirm::confirm;
use crate::payments::find;

use super::{Reading, note_charge, read};

/// Objects that one run reads again, of each kind of finding.
const MOST: usize = 50;

/// Asks Stripe again about what fits no payment or names one that isn't here. Confirm raises the finding anew if it
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
            Some(account) => {
                let kind = match finding.subject.split_once('_') {
                    Some(("pi", _)) => PaymentKind::Intent,
                    Some(("in", _)) => PaymentKind::Invoice,
                    _ => PaymentKind::Session,
                };
                let reading = read(app, account, kind, &finding.subject).await?;
                confirm_again(app, finding, reading, None).await
            }
            None => Ok(()),
        };
    }
    let payment = find(app, &PaymentId::from(finding.subject.as_str())).await?;
    match &payment.stripe_object {
        Some(object) => {
            let reading = read(app, &payment.charge_account, payment.kind, object).await?;
            confirm_again(app, finding, reading, Some(&payment)).await
        }
        None => Ok(()),
    }
}

async fn confirm_again(
    app: &App,
    finding: &finding::Model,
    reading: Reading,
    payment: Option<&payment::Model>,
) -> Result<()> {
    let tx = app.db.begin_write().await?;
    // In one transaction with the confirm, so that nobody sees it resolved in between.
    findings::resolve(&tx, &finding.kind, &finding.subject).await?;
    confirm(&tx, &[reading.snapshot]).await?;
    if let Some(charge) = reading.charge {
        if let Some(payment) = payment {
            note_charge(&tx, payment, &charge, None).await?;
        }
        if charge.is_refunded() {
            findings::resolve(&tx, &finding.kind, &finding.subject).await?;
        }
    }
    tx.commit().await
}

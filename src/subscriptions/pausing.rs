//! Pausing a subscription, and resuming it (docs.stripe.com/billing/subscriptions/pause). A paused one isn't billed and entitles
//! nobody.

use serde_json::json;
use souk_entity::subscription;

use crate::app::App;
use crate::error::{Error, Result};
use crate::ids;
use crate::stripe::requests::subscriptions as requests;
use crate::stripe::views::SubscriptionView;

use super::{Seen, note, reread};

/// Pauses a subscription now. What is unused of its period, if that was paid, comes off the invoice of its resumption. To pause one
/// again that is paused changes nothing.
///
/// # Errors
/// `subscription_ended`, `subscription_ending`, `subscription_trialing`, `subscription_incomplete`; Stripe's refusal, or no answer.
pub(super) async fn pause(app: &App, seen: Seen) -> Result<subscription::Model> {
    let row = reread(app, &seen.row).await?;
    if row.status == "paused" {
        return Ok(row);
    }
    check(&row)?;
    // Twice does no harm, so each request has a new key: under an old one Stripe could repeat a saved 500.
    let key = format!("pause:{}", ids::random_token());
    // Of a period that nobody has paid there is nothing to give back.
    let request = requests::pause(&row.stripe_subscription, row.status == "active");
    let scope = app.stripe.at(&row.stripe_account);
    let asked: Result<SubscriptionView> = scope.post(&request, &key).await;
    let refused = match asked {
        Ok(_) => None,
        Err(Error::StripeRefused(fault)) => Some(fault),
        Err(e) => return Err(e),
    };
    let row = reread(app, &row).await?;
    match refused {
        Some(fault) if row.status != "paused" => {
            check(&row)?;
            Err(Error::StripeRefused(fault))
        }
        _ => {
            note(app, &seen.actor, "subscription.paused", &row, json!({})).await?;
            Ok(row)
        }
    }
}

fn check(row: &subscription::Model) -> Result<()> {
    let refused = |code, message| Err(Error::conflict(code, message));
    if row.ended_at.is_some() {
        return refused(
            "subscription_ended",
            "This subscription has ended. Subscribe again.",
        );
    }
    if row.cancel_at_period_end || row.cancel_at.is_some() {
        return refused(
            "subscription_ending",
            "This subscription was cancelled, and ends. Resume it first.",
        );
    }
    match row.status.as_str() {
        "trialing" => refused(
            "subscription_trialing",
            "A trial can't be paused. Cancel the subscription, or wait until the trial is over.",
        ),
        "incomplete" => refused(
            "subscription_incomplete",
            "This subscription has not begun yet: its first invoice is unpaid.",
        ),
        _ => Ok(()),
    }
}

/// Resumes a paused subscription. A new period begins now and is charged by its payment method; it stays paused until that is paid.
///
/// # Errors
/// `payment_method_missing`; Stripe's refusal, or no answer.
pub(super) async fn resume(app: &App, seen: Seen) -> Result<subscription::Model> {
    let row = seen.row;
    let scope = app.stripe.at(&row.stripe_account);
    if row.cancel_at_period_end {
        let key = format!("resume:{}", ids::random_token());
        let request = requests::cancel_at_period_end(&row.stripe_subscription, false);
        let _: SubscriptionView = scope.post(&request, &key).await?;
    }
    // One that is active already is refused, so that nobody is charged twice.
    let key = format!("resume:{}", ids::random_token());
    let request = requests::resume(&row.stripe_subscription);
    let asked: Result<SubscriptionView> = scope.post(&request, &key).await;
    let refused = match asked {
        Ok(_) => None,
        Err(Error::StripeRefused(fault)) => Some(fault),
        Err(e) => return Err(e),
    };
    let row = reread(app, &row).await?;
    match refused {
        Some(fault) if row.status == "paused" && fault.is_missing() => Err(Error::conflict(
            "payment_method_missing",
            "There is no payment method to charge. Save a card, make it the default, and resume the subscription then.",
        )),
        Some(fault) if row.status == "paused" || row.ended_at.is_some() => {
            Err(Error::StripeRefused(fault))
        }
        _ => {
            let data = json!({ "status": row.status });
            note(app, &seen.actor, "subscription.resumed", &row, data).await?;
            Ok(row)
        }
    }
}

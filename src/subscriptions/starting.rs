//! Subscribing by API: a subscription that has begun with its first invoice, and what its buyer still has to confirm.

use secrecy::ExposeSecret;
use serde::Serialize;
use souk_entity::{AccountId, OrderId, subscription};

use crate::app::App;
use crate::error::{Error, Result};
use crate::identity::Buyer;
use crate::payments::checkout::Checkout;
use crate::payments::checkout::object::SecretOf;
use crate::payments::invoices::first::{self, NewSubscription};

use super::{Seen, known, sync};

/// For Stripe.js: what the buyer still has to confirm. All null where there is nothing, and for anybody else.
#[derive(Default, Serialize)]
pub(super) struct ToConfirm {
    /// Stripe is asked for it each time, and it is never stored.
    client_secret: Option<String>,
    client_secret_of: Option<SecretOf>,
    publishable_key: Option<String>,
    stripe_account: Option<AccountId>,
}

impl ToConfirm {
    fn of(app: &App, begun: Checkout) -> Self {
        let Some(secret) = begun.client_secret else {
            return Self::default();
        };
        Self {
            client_secret: Some(secret.expose_secret().to_owned()),
            client_secret_of: begun.secret_of,
            publishable_key: app.config.stripe_publishable_key.clone(),
            stripe_account: Some(begun.payment.charge_account),
        }
    }
}

/// Begins a subscription, or goes on with it. It is read from Stripe at once.
///
/// # Errors
/// Those of `first::begin`, and no answer from Stripe.
pub(super) async fn begin(
    app: &App,
    buyer: &Buyer,
    id: OrderId,
    may_resume: bool,
    new: NewSubscription,
) -> Result<(subscription::Model, ToConfirm)> {
    let begun = first::begin(app, buyer, id, may_resume, new).await?;
    let payment = &begun.payment;
    let subscription = payment.subscription.as_deref();
    let subscription =
        subscription.ok_or_else(|| Error::internal("it has begun without a subscription"))?;
    sync(app, &payment.charge_account, payment.livemode, subscription).await?;
    let known = known(app, subscription).await?;
    let known = known.ok_or_else(|| Error::internal("a subscription went away"))?;
    let row = known.row;
    Ok((row, ToConfirm::of(app, begun)))
}

/// What the buyer of a subscription still has to confirm.
///
/// # Errors
/// Stripe has not answered.
pub(super) async fn to_confirm(app: &App, seen: &Seen) -> Result<ToConfirm> {
    let row = &seen.row;
    let may_wait = row.status == "incomplete" || row.pending_setup_intent.is_some();
    if !seen.is_buyer || !may_wait || row.ended_at.is_some() {
        return Ok(ToConfirm::default());
    }
    let begun = first::to_confirm(app, &row.stripe_subscription).await?;
    Ok(begun.map_or_else(ToConfirm::default, |begun| ToConfirm::of(app, begun)))
}

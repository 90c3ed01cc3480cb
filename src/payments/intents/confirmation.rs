//! Confirming an intent on the server with a confirmation token: what the buyer entered on a page of one's own
//! (docs.stripe.com/payments/finalize-payments-on-the-server).

use serde::{Deserialize, Serialize};
use souk_entity::order;
use souk_entity::payment::{self, PaymentStatus};
use validator::Validate;

use crate::app::App;
use crate::error::{Error, Result, StripeFault};
use crate::http::{allowed_redirect, allowed_return, deserialize_some};
use crate::ids;
use crate::stripe::requests::intents as request;
use crate::stripe::views::PaymentIntentView;

use super::super::checkout::{self, Checkout};
use super::super::reread;
use super::declines::{Decline, TOKEN_INVALID};

/// What to confirm with, as the API asks for it.
#[derive(Debug, Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// Stripe.js makes it on the seller's account.
    #[validate(length(
        min = 1,
        max = 200,
        message = "confirmation_token has 1 to 200 characters."
    ))]
    pub confirmation_token: String,
    /// The address after a page of the bank's or of the method's; by default the intent's own.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub return_url: Option<String>,
}

/// Our own page, to whose address Stripe adds the intent.
const OWN_PAGE: &str = "/checkout/success";

/// Where a buyer is to go in the end, if that is allowed: a page of the shop's, or an app.
///
/// # Errors
/// Names `return_url`.
pub(super) fn checked(app: &App, given: Option<String>) -> Result<Option<String>> {
    let given = given.map(|given| allowed_return(&app.config, "return_url", given));
    given.transpose()
}

/// What Stripe is told of it, which sends buyers to the web alone: an app is opened by our own page. What was allowed once is looked
/// at again.
pub(super) fn at_stripe(app: &App, kept: Option<&str>) -> String {
    let web = kept.map(|kept| allowed_redirect(&app.config, "return_url", kept.to_owned()));
    match web {
        Some(Ok(address)) => address,
        _ => app.config.page(OWN_PAGE),
    }
}

/// Confirms an open intent, and then itself by what Stripe shows of it. A decline is no error: it is the payment's `last_error`,
/// and another token may confirm. The same token has one effect, however often it is sent. An intent that is paid, held or under
/// way is answered as it is.
///
/// # Errors
/// `payment_intent_not_open`; a token that Stripe doesn't take, naming the field; no answer from Stripe.
pub(super) async fn confirm(
    app: &App,
    order: order::Model,
    payment: payment::Model,
    token: &str,
    return_url: Option<&str>,
) -> Result<Checkout> {
    match payment.status {
        PaymentStatus::Pending => {}
        PaymentStatus::Processing | PaymentStatus::Authorized | PaymentStatus::Paid => {
            return Ok(Checkout::as_stored(payment, order));
        }
        PaymentStatus::Failed | PaymentStatus::Expired | PaymentStatus::Canceled => {
            return Err(Error::conflict(
                "payment_intent_not_open",
                "This payment intent can't be paid any more. Place a new order.",
            ));
        }
    }
    let intent = payment.stripe_object.clone();
    let intent = intent.ok_or_else(|| Error::internal("an intent that isn't made yet"))?;
    let scope = app.stripe.at(&payment.charge_account);
    let back = at_stripe(app, return_url.or(payment.return_url.as_deref()));
    let request = request::confirm_by_token(&intent, token, &back);
    let key = format!(
        "confirm:{}:{}",
        payment.id,
        ids::sha256_hex(token.as_bytes())
    );
    let outcome: Result<PaymentIntentView> = scope.post(&request, &key).await;
    let refused = match outcome {
        Ok(_) => None,
        Err(Error::StripeRefused(fault)) => Some(fault),
        Err(e) => return Err(e),
    };
    // Whatever Stripe said: what the intent is now counts.
    let (payment, _) = reread::confirm_now(app, &payment.id).await?;
    if payment.status != PaymentStatus::Pending {
        return Ok(Checkout::as_stored(payment, order));
    }
    match refused.filter(|fault| !is_decline(fault)) {
        None => checkout::resume(app, order, payment).await,
        Some(fault) if fault.param.as_deref() == Some("confirmation_token") => {
            Err(Error::invalid("confirmation_token", fault.message))
        }
        Some(fault) => Err(Error::StripeRefused(fault)),
    }
}

/// Whether the bank or Stripe declined the payment, which the intent tells itself.
fn is_decline(fault: &StripeFault) -> bool {
    fault.status == Some(402)
}

/// As `confirm`, for an intent that was opened just now: its order is placed, so a token that Stripe doesn't take is a
/// `last_error` too.
///
/// # Errors
/// No answer from Stripe.
pub(super) async fn confirm_opened(app: &App, opened: Checkout, token: &str) -> Result<Checkout> {
    let Checkout {
        payment,
        order,
        secret,
        ..
    } = opened;
    let confirmed = confirm(app, order.clone(), payment.clone(), token, None).await;
    let confirmed = match confirmed {
        Err(Error::Invalid { .. }) => {
            let mut open = checkout::resume(app, order, payment).await?;
            let decline = Decline {
                code: Some(TOKEN_INVALID.to_owned()),
                decline_code: None,
            };
            open.payment.last_error = Some(decline.to_text());
            open
        }
        confirmed => confirmed?,
    };
    Ok(Checkout {
        secret,
        ..confirmed
    })
}

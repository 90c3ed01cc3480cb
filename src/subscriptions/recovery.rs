//! The open invoice of a subscription, which its buyer pays: a renewal was declined, the bank wants to see them, or a change or a
//! resumption waits for it.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use souk_entity::payment_method;
use souk_entity::subscription;

use crate::app::App;
use crate::error::{Error, Result};
use crate::ids;
use crate::payments;
use crate::payments::intents::declines::Decline;
use crate::stripe::requests::{invoices, subscriptions as requests};
use crate::stripe::views::{Expandable, InvoiceView, PaymentIntentView, SubscriptionView};

use super::{Seen, note, reread};

/// What became of an invoice.
pub(super) struct Payment {
    pub invoice: InvoiceView,
    pub status: PaymentState,
    /// Why the last try failed.
    pub decline: Option<Decline>,
}

/// What an invoice waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// Nothing.
    Paid,
    /// The bank, which takes days.
    Processing,
    /// The buyer, whom the bank wants to see.
    RequiresAction,
    /// A card that works.
    RequiresPaymentMethod,
}

/// Where an invoice stands that was read with its intents.
pub(super) fn state(invoice: &InvoiceView) -> (PaymentState, Option<Decline>) {
    let intent = invoice
        .payment_intent()
        .and_then(Expandable::<PaymentIntentView>::object);
    let error = intent.and_then(|intent| intent.last_payment_error.as_ref());
    let decline = error.map(Decline::of);
    let status = intent.and_then(|intent| intent.status.as_deref());
    if invoice.status.as_deref() == Some("paid") {
        return (PaymentState::Paid, None);
    }
    let state = match status {
        Some("processing") => PaymentState::Processing,
        Some("requires_action") => PaymentState::RequiresAction,
        _ if decline.as_ref().is_some_and(Decline::wants_buyer) => PaymentState::RequiresAction,
        _ => PaymentState::RequiresPaymentMethod,
    };
    (state, decline)
}

/// Tries to have the latest invoice of a subscription paid, by a card that its buyer has saved. That card pays the later ones, too.
/// None: by the one that paid before, or the customer's default.
///
/// # Errors
/// 403 for anyone but the buyer; `subscription_ended`, `nothing_to_pay`, `payment_method_missing`; Stripe's refusal, or no answer.
pub(super) async fn pay(
    app: &App,
    seen: Seen,
    method: Option<&str>,
) -> Result<(subscription::Model, Payment)> {
    if let Some(id) = method {
        check_method(app, &seen.row, id).await?;
    }
    if !seen.is_buyer {
        return Err(Error::Forbidden(
            "An invoice is paid by whoever has subscribed.",
        ));
    }
    let row = reread(app, &seen.row).await?;
    if row.ended_at.is_some() {
        return Err(Error::conflict(
            "subscription_ended",
            "This subscription has ended. Subscribe again.",
        ));
    }
    let scope = app.stripe.at(&row.stripe_account);
    let id = row.latest_invoice.clone().ok_or_else(nothing_to_pay)?;
    let read =
        async || -> Result<InvoiceView> { scope.get(&invoices::retrieve_with_intents(&id)).await };
    let invoice = read().await?;
    match invoice.status.as_deref() {
        Some("paid") => return Ok((row, shown(invoice))),
        Some("open" | "uncollectible") => {}
        // Stripe leaves what an unpaid subscription owes a draft, which is made final by being paid.
        Some("draft") if row.status == "unpaid" => {}
        _ => return Err(nothing_to_pay()),
    }
    if let Some(method) = method {
        let key = format!("payment_method:{}", ids::random_token());
        let request = requests::set_payment_method(&row.stripe_subscription, method);
        let _: SubscriptionView = scope.post(&request, &key).await?;
    }
    // An invoice that is paid is refused, so that it is never paid twice. Each try has a new key, or Stripe would repeat its no.
    let key = format!("pay:{}", ids::random_token());
    let asked: Result<InvoiceView> = scope.post(&invoices::pay(&id, method), &key).await;
    let refused = match asked {
        Ok(_) => None,
        Err(Error::StripeRefused(fault)) => Some(fault),
        Err(e) => return Err(e),
    };
    let payment = shown(read().await?);
    if payment.status == PaymentState::Paid {
        payments::invoices::sync(app, &row.stripe_account, row.livemode, &id).await?;
        let data = serde_json::json!({ "invoice": id });
        note(app, &seen.actor, "subscription.invoice_paid", &row, data).await?;
    }
    let row = reread(app, &row).await?;
    match refused {
        Some(fault) if payment.status != PaymentState::Paid && fault.kind != "card_error" => {
            Err(match fault.is_missing() {
                true => Error::conflict(
                    "payment_method_missing",
                    "There is no payment method to charge. Save a card, and name it as payment_method.",
                ),
                false => Error::StripeRefused(fault),
            })
        }
        _ => Ok((row, payment)),
    }
}

fn shown(invoice: InvoiceView) -> Payment {
    let (status, decline) = state(&invoice);
    Payment {
        invoice,
        status,
        decline,
    }
}

fn nothing_to_pay() -> Error {
    Error::conflict(
        "nothing_to_pay",
        "The latest invoice of this subscription is not open: there is nothing to pay now.",
    )
}

/// Whether a card is the buyer's with this seller, and saved.
async fn check_method(app: &App, row: &subscription::Model, id: &str) -> Result<()> {
    use payment_method::Column as M;
    let method = payment_method::Entity::find_by_id(id.to_owned())
        .filter(M::CustomerId.eq(row.customer_id.clone()))
        .filter(M::DetachedAt.is_null())
        .one(&app.db.read)
        .await?;
    match method {
        Some(_) => Ok(()),
        None => Err(Error::no_such("payment method", "payment_method")),
    }
}

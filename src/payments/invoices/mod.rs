//! Invoices of subscriptions (docs.stripe.com/billing/invoices/subscription). The first one belongs to the session that began the
//! subscription, or is the object of the payment that began it without one. Each later one that is paid is an order and a payment of
//! its own, which come with it and are confirmed as any other.

pub mod fee;
pub mod first;
mod mirror;
mod paid_by;
mod periods;
pub mod routes;
pub mod verifying;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use souk_entity::payment::PaymentStatus;
use souk_entity::{AccountId, PaymentId, Timestamp, invoice, payment};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::stripe::requests::invoices as requests;
use crate::stripe::views::InvoiceView;
use crate::stripe::{Effect, Event, EventObject};

use super::checkout::{METADATA_OBJECT, METADATA_PAYMENT};
use super::confirm::confirm;
use super::events::PLATFORM;
use super::snapshot::PaymentSnapshot;
use mirror::Shown;

pub use mirror::show_events;
pub use paid_by::{paid_by, reread_paid_by, sync_paid_by};

const PAID_OUTSIDE: Effect =
    Effect::Ignored("it was paid outside of Stripe: no payment of ours has collected it");
const NOTHING_PAID: Effect = Effect::Ignored("it bills nothing: a trial, or a credit");

/// An invoice that was paid, and what it becomes.
struct Paid {
    view: InvoiceView,
    snapshot: PaymentSnapshot,
    /// When it was like this, at the latest.
    at: Timestamp,
}

impl Paid {
    /// What the marks of a first invoice's subscription name may wait for it. They are only a hint: our rows say whose it is.
    fn of(view: InvoiceView, mut snapshot: PaymentSnapshot, at: Timestamp) -> Self {
        if is_first(&view) {
            let mark = |name| view.subscription_mark(name);
            snapshot.payment_hint = mark(METADATA_PAYMENT).map(PaymentId);
            snapshot.is_its_own = mark(METADATA_OBJECT).as_deref() == Some(first::OWN_SUBSCRIPTION);
        }
        Self { view, snapshot, at }
    }

    fn shown(&self) -> Shown<'_> {
        let object = &self.snapshot.object;
        Shown {
            account: &object.account,
            livemode: object.livemode,
            view: &self.view,
            at: self.at,
        }
    }

    /// `billing_reason` of the first invoice of a subscription.
    fn begins(&self) -> bool {
        is_first(&self.view)
    }

    /// Whether there is something that somebody has bought. Of a credit the customer's balance keeps the money.
    fn sells(&self) -> bool {
        let totals = &self.snapshot.totals;
        totals.subtotal > 0 && totals.total >= 0
    }
}

fn is_first(invoice: &InvoiceView) -> bool {
    invoice.billing_reason.as_deref() == Some("subscription_create")
}

/// `invoice.paid`: confirms each event's invoice, and writes the order and the payment of a period before that.
///
/// # Errors
/// An event without an invoice or a mode, and the errors of `confirm`.
pub async fn paid(tx: &Tx, events: &[&Event]) -> Result<Vec<Effect>> {
    let mut invoices = Vec::with_capacity(events.len());
    for event in events {
        invoices.push(match &event.account {
            Some(account) => {
                let view = event.object::<InvoiceView>()?;
                let snapshot = PaymentSnapshot::of_invoice(account, event.livemode()?, &view)?;
                Some(Paid::of(view, snapshot, event.created))
            }
            None => None,
        });
    }
    confirm_all(tx, invoices).await
}

/// Shows invoices of sellers' accounts, and confirms those that are paid. Returns the effects in their order.
async fn confirm_all(tx: &Tx, mut invoices: Vec<Option<Paid>>) -> Result<Vec<Effect>> {
    let shown: Vec<Shown<'_>> = invoices.iter().flatten().map(Paid::shown).collect();
    let intents = mirror::show(tx, &shown).await?;
    for Paid { snapshot, .. } in invoices.iter_mut().flatten() {
        // An event of it names none.
        let known = || intents.get(&snapshot.object).cloned();
        snapshot.payment_intent = snapshot.payment_intent.take().or_else(known);
    }
    let outside = |one: &Option<Paid>| one.as_ref().is_some_and(|one| one.view.was_paid_outside());
    let outside: Vec<bool> = invoices.iter().map(outside).collect();
    let known: Vec<&Paid> = invoices.iter().flatten().collect();
    let waiting = periods::insert(tx, &known).await?;
    let mut effects = Vec::with_capacity(invoices.len());
    let mut snapshots = Vec::new();
    for invoice in invoices {
        effects.push(match invoice {
            None => Some(PLATFORM),
            Some(paid) if paid.begins() => {
                snapshots.push(paid.snapshot);
                None
            }
            Some(paid) if paid.snapshot.subscription.is_some() && !paid.sells() => {
                Some(NOTHING_PAID)
            }
            Some(paid) => match waiting.get(&paid.snapshot.object) {
                Some(subscription) => Some(Effect::Deferred {
                    waits_for: subscription.clone(),
                }),
                None => {
                    snapshots.push(paid.snapshot);
                    None
                }
            },
        });
    }
    let mut confirmed = confirm(tx, &snapshots).await?.into_iter();
    let effects = effects.into_iter().zip(outside).map(|(known, outside)| {
        let effect = known.or_else(|| confirmed.next());
        let effect = effect.ok_or_else(|| Error::internal("an invoice without an effect"))?;
        Ok(match effect {
            Effect::Ignored(_) if outside => PAID_OUTSIDE,
            effect => effect,
        })
    });
    effects.collect()
}

/// Stages a read of an invoice, of which nothing but its id is known.
///
/// # Errors
/// The database failed.
pub async fn reread(tx: &Tx, object: &EventObject) -> Result<Effect> {
    let (Some(account), Some(invoice)) = (&object.account, &object.id) else {
        return Ok(PLATFORM);
    };
    let job = Job::SyncInvoice {
        account: account.clone(),
        livemode: object.livemode,
        invoice: invoice.clone(),
    };
    jobs::stage(tx, &job).await?;
    Ok(Effect::Applied)
}

/// The job: reads an invoice from Stripe, unless its payment is confirmed already and its row shows that, and confirms it. It may be
/// none of ours.
///
/// # Errors
/// Stripe has not answered or refuses, or the invoice waits for its subscription.
pub async fn sync(app: &App, account: &AccountId, livemode: bool, id: &str) -> Result<()> {
    use payment::Column as P;
    if app.stripe.livemode() != livemode {
        return Ok(());
    }
    let confirmed = payment::Entity::find()
        // As the index says it, word for word, so that SQLite sees that it will do.
        .filter(Expr::cust("stripe_invoice IS NOT NULL"))
        .filter(P::StripeInvoice.eq(id))
        .filter(P::ChargeAccount.eq(account.clone()))
        .filter(P::Livemode.eq(livemode))
        .filter(P::Status.eq(PaymentStatus::Paid));
    let row = (id.to_owned(), account.clone(), livemode);
    let row = invoice::Entity::find_by_id(row).one(&app.db.read).await?;
    let is_shown = row.is_some_and(|row| row.status == "paid");
    if is_shown && confirmed.one(&app.db.read).await?.is_some() {
        return Ok(());
    }
    match read(app, account, livemode, id).await? {
        (_, Effect::Deferred { waits_for }) => Err(Error::internal(format!(
            "{id} waits for {waits_for}, which is read first"
        ))),
        _ => Ok(()),
    }
}

/// Reads an invoice from Stripe, shows it, and confirms it if it is paid.
///
/// # Errors
/// Stripe has not answered or refuses.
async fn read(
    app: &App,
    account: &AccountId,
    livemode: bool,
    id: &str,
) -> Result<(InvoiceView, Effect)> {
    let at = app.clock.now();
    let view: InvoiceView = app.stripe.at(account).get(&requests::retrieve(id)).await?;
    let snapshot = PaymentSnapshot::of_invoice(account, livemode, &view)?;
    let tx = app.db.begin_write().await?;
    fee::look_at_draft(&tx, account, livemode, &view).await?;
    let paid = Paid::of(view.clone(), snapshot, at);
    let effects = confirm_all(&tx, vec![Some(paid)]).await?;
    tx.commit().await?;
    let effect = effects.into_iter().next();
    let effect = effect.ok_or_else(|| Error::internal("an invoice without an effect"))?;
    Ok((view, effect))
}

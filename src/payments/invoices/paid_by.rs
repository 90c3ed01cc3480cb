//! `invoice_payment.paid` names the intent that has paid an invoice, which no event of the invoice does.

use std::collections::HashSet;

use souk_entity::AccountId;

use crate::app::App;
use crate::db::Tx;
use crate::db::set_wise::{Column, SetWise, read_in_order};
use crate::error::Result;
use crate::jobs::{self, Job};
use crate::stripe::requests::invoices as requests;
use crate::stripe::views::{Expandable, IdView, PaymentOfInvoiceView};
use crate::stripe::{Effect, Event, EventObject};

use super::super::events::PLATFORM;

const NOT_OURS: Effect = Effect::Ignored("no invoice of ours, or its intent is known already");
const NO_INTENT: Effect = Effect::Ignored("no intent has paid it");

struct NamedRow {
    stripe_invoice: String,
}

read_in_order!(NamedRow { stripe_invoice });

const COLUMNS: &[Column] = &[
    ("invoice", "text"),
    ("account", "text"),
    ("livemode", "boolean"),
    ("intent", "text"),
];

const OF_INVOICES: SetWise = SetWise {
    text: "UPDATE invoices SET payment_intent = input.intent, updated_at = $2 FROM {input} \
           WHERE invoices.stripe_invoice = input.invoice AND invoices.stripe_account = input.account \
               AND invoices.livemode = input.livemode AND invoices.payment_intent IS NULL RETURNING stripe_invoice",
    columns: COLUMNS,
};

/// A payment that isn't confirmed yet learns it then, from the invoice's row.
const OF_PAYMENTS: SetWise = SetWise {
    text: "UPDATE payments SET payment_intent = input.intent, updated_at = $2 FROM {input} \
           WHERE payments.stripe_invoice IS NOT NULL AND payments.stripe_invoice = input.invoice \
               AND payments.charge_account = input.account AND payments.livemode = input.livemode \
               AND payments.status = 'paid' AND payments.payment_intent IS NULL RETURNING stripe_invoice",
    columns: COLUMNS,
};

/// `invoice_payment.paid`: brings invoice and intent together, whichever comes first. An invoice of which nothing else was heard is
/// read with its intent when it is.
///
/// # Errors
/// An event without a payment or a mode.
pub async fn paid_by(tx: &Tx, events: &[&Event]) -> Result<Vec<Effect>> {
    let mut named = Vec::with_capacity(events.len());
    let mut effects = Vec::with_capacity(events.len());
    for event in events {
        let Some(account) = &event.account else {
            effects.push(Err(PLATFORM));
            continue;
        };
        let one = event.object::<PaymentOfInvoiceView>()?;
        let invoice = Expandable::<IdView>::id(&one.invoice).to_owned();
        effects.push(match &one.payment.payment_intent {
            Some(intent) => {
                let intent = intent.id().to_owned();
                named.push((invoice.clone(), account.clone(), event.livemode()?, intent));
                Ok(invoice)
            }
            None => Err(NO_INTENT),
        });
    }
    named.sort_unstable();
    let mut known = HashSet::new();
    if !named.is_empty() {
        for statement in [&OF_INVOICES, &OF_PAYMENTS] {
            let rows: Vec<NamedRow> = statement.all(tx, &named, [tx.now().into()]).await?;
            known.extend(rows.into_iter().map(|row| row.stripe_invoice));
        }
    }
    let effect = |one| match one {
        Ok(invoice) if known.contains(&invoice) => Effect::Applied,
        Ok(_) => NOT_OURS,
        Err(effect) => effect,
    };
    Ok(effects.into_iter().map(effect).collect())
}

/// Stages a read of an invoice's payment, of which nothing but its id is known.
///
/// # Errors
/// The database failed.
pub async fn reread_paid_by(tx: &Tx, object: &EventObject) -> Result<Effect> {
    let (Some(account), Some(payment)) = (&object.account, &object.id) else {
        return Ok(PLATFORM);
    };
    let job = Job::SyncInvoicePayment {
        account: account.clone(),
        livemode: object.livemode,
        invoice_payment: payment.clone(),
    };
    jobs::stage(tx, &job).await?;
    Ok(Effect::Applied)
}

/// The job: reads of which invoice a payment is, and has that read with its payments. It may be none of ours.
///
/// # Errors
/// Stripe has not answered or refuses, or the invoice waits for its subscription.
pub async fn sync_paid_by(app: &App, account: &AccountId, livemode: bool, id: &str) -> Result<()> {
    if app.stripe.livemode() != livemode {
        return Ok(());
    }
    let request = requests::retrieve_payment(id);
    let payment: PaymentOfInvoiceView = app.stripe.at(account).get(&request).await?;
    let invoice = Expandable::<IdView>::id(&payment.invoice);
    super::sync(app, account, livemode, invoice).await
}

//! What Stripe shows of the invoices of our subscriptions, brought to our rows, many in one statement.

use std::collections::HashMap;

use serde_json::{Value, json};
use souk_entity::{AccountId, Timestamp};

use crate::db::set_wise::{SetWise, read_in_order};
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::findings::{self, NewFinding};
use crate::money;
use crate::stripe::Event;
use crate::stripe::views::{InvoiceLineView, InvoicePeriodView, InvoiceView};

use super::super::snapshot::StripeObject;

/// The finding about an invoice that Stripe can't make final.
const NOT_FINALIZED: &str = "invoice_not_finalized";
/// The finding about an invoice that was sent, and isn't paid in time.
const OVERDUE: &str = "invoice_overdue";
/// The most characters of one of Stripe's words.
const WORD: usize = 255;
/// More tries than Stripe ever makes.
const TRIES: i64 = 1_000_000;

/// An invoice as Stripe showed it.
pub(super) struct Shown<'a> {
    pub account: &'a AccountId,
    pub livemode: bool,
    pub view: &'a InvoiceView,
    /// When it was like this, at the latest: the time of the event, or when Stripe was asked.
    pub at: Timestamp,
}

impl Shown<'_> {
    /// Which it is.
    fn object(&self) -> StripeObject {
        StripeObject {
            id: self.view.id.clone(),
            account: self.account.clone(),
            livemode: self.livemode,
        }
    }

    /// How far it is. An invoice never goes back (docs.stripe.com/invoicing/integration/workflow-transitions), while events of the
    /// same second come in any order.
    fn progress(&self) -> i64 {
        let status = match self.view.status.as_deref() {
            Some("draft") => 0,
            Some("uncollectible") => 2,
            Some("paid" | "void") => 3,
            _ => 1,
        };
        let tries = self.view.attempt_count.unwrap_or(0).clamp(0, TRIES - 1);
        status * TRIES + tries
    }

    fn is(&self, status: &str) -> bool {
        self.view.status.as_deref() == Some(status)
    }

    fn finalization_error(&self) -> Option<String> {
        let error = self.view.last_finalization_error.as_ref();
        let error = error.filter(|_| self.is("draft"))?;
        let words = error.message.as_deref().unwrap_or("Stripe doesn't say why");
        Some(db::fit(words, WORD))
    }

    fn is_overdue(&self) -> bool {
        let due = self.view.due_date.map(Timestamp::from_seconds);
        self.is("open") && due.is_some_and(|due| due <= self.at)
    }

    /// A row of `SHOW`.
    fn row(&self) -> Value {
        let view = self.view;
        let at = |seconds: Option<i64>| seconds.map(Timestamp::from_seconds);
        let periods = || {
            let lines = view.lines.iter().flat_map(|lines| &lines.data);
            lines.filter_map(|line: &InvoiceLineView| line.period.as_ref())
        };
        let starts = periods().filter_map(|period: &InvoicePeriodView| period.start);
        let ends = periods().filter_map(|period: &InvoicePeriodView| period.end);
        let moments = view.status_transitions.clone().unwrap_or_default();
        let word = |text: Option<&String>| text.map(|text| db::fit(text, WORD));
        let intent = view.payment_intent().map(|intent| intent.id().to_owned());
        json!([
            view.id,
            self.account,
            self.livemode,
            view.subscription(),
            word(view.number.as_ref()),
            word(view.status.as_ref()).unwrap_or_default(),
            word(view.billing_reason.as_ref()),
            word(view.currency.as_ref()).unwrap_or_default(),
            view.subtotal.unwrap_or(0),
            view.total.unwrap_or(0),
            view.amount_due.unwrap_or(0),
            view.amount_paid.unwrap_or(0),
            view.amount_paid_off_stripe.unwrap_or(0),
            view.amount_remaining.unwrap_or(0),
            intent,
            view.attempt_count.unwrap_or(0),
            at(view.next_payment_attempt).map(|at| at.0),
            at(starts.min()).map(|at| at.0),
            at(ends.max()).map(|at| at.0),
            at(view.due_date).map(|at| at.0),
            at(moments.finalized_at).map(|at| at.0),
            at(moments.paid_at).map(|at| at.0),
            at(moments.voided_at).map(|at| at.0),
            at(moments.marked_uncollectible_at).map(|at| at.0),
            self.finalization_error(),
            self.progress(),
            self.at.0,
            at(view.created).unwrap_or(self.at).0,
        ])
    }
}

/// An invoice whose row is written now.
struct WrittenRow {
    stripe_invoice: String,
    stripe_account: AccountId,
    livemode: bool,
    payment_intent: Option<String>,
}

read_in_order!(WrittenRow {
    stripe_invoice,
    stripe_account,
    livemode,
    payment_intent,
});

/// What is as far as the row, or farther, and not older, takes its place. An intent that is known stays so.
const SHOW: SetWise = SetWise {
    text: "INSERT INTO invoices (stripe_invoice, stripe_account, livemode, subscription_id, seller_id, customer_id, number, status, \
               billing_reason, currency, subtotal, total, amount_due, amount_paid, amount_paid_off_stripe, amount_remaining, \
               payment_intent, attempt_count, next_payment_attempt, period_start, period_end, due_date, finalized_at, paid_at, \
               voided_at, marked_uncollectible_at, finalization_error, progress, asked_at, created_at, updated_at) \
           SELECT input.invoice, input.account, input.livemode, s.id, s.seller_id, s.customer_id, input.number, input.status, \
               input.billing_reason, input.currency, input.subtotal, input.total, input.amount_due, input.amount_paid, \
               input.amount_paid_off_stripe, input.amount_remaining, input.payment_intent, input.attempt_count, \
               input.next_payment_attempt, input.period_start, input.period_end, input.due_date, input.finalized_at, input.paid_at, \
               input.voided_at, input.marked_uncollectible_at, input.finalization_error, input.progress, input.asked_at, \
               input.created_at, $2 \
           FROM {input} JOIN subscriptions s ON s.stripe_subscription = input.subscription AND s.stripe_account = input.account \
               AND s.livemode = input.livemode \
           WHERE true ORDER BY input.invoice \
           ON CONFLICT (stripe_invoice, stripe_account, livemode) DO UPDATE SET number = excluded.number, status = excluded.status, \
               billing_reason = excluded.billing_reason, currency = excluded.currency, subtotal = excluded.subtotal, \
               total = excluded.total, amount_due = excluded.amount_due, amount_paid = excluded.amount_paid, \
               amount_paid_off_stripe = excluded.amount_paid_off_stripe, amount_remaining = excluded.amount_remaining, \
               payment_intent = COALESCE(excluded.payment_intent, invoices.payment_intent), \
               attempt_count = excluded.attempt_count, next_payment_attempt = excluded.next_payment_attempt, \
               period_start = excluded.period_start, period_end = excluded.period_end, due_date = excluded.due_date, \
               finalized_at = excluded.finalized_at, paid_at = excluded.paid_at, voided_at = excluded.voided_at, \
               marked_uncollectible_at = excluded.marked_uncollectible_at, finalization_error = excluded.finalization_error, \
               progress = excluded.progress, asked_at = excluded.asked_at, updated_at = excluded.updated_at \
           WHERE excluded.progress > invoices.progress \
               OR excluded.progress = invoices.progress AND excluded.asked_at >= invoices.asked_at \
           RETURNING stripe_invoice, stripe_account, livemode, payment_intent",
    columns: &[
        ("invoice", "text"),
        ("account", "text"),
        ("livemode", "boolean"),
        ("subscription", "text"),
        ("number", "text"),
        ("status", "text"),
        ("billing_reason", "text"),
        ("currency", "text"),
        ("subtotal", "bigint"),
        ("total", "bigint"),
        ("amount_due", "bigint"),
        ("amount_paid", "bigint"),
        ("amount_paid_off_stripe", "bigint"),
        ("amount_remaining", "bigint"),
        ("payment_intent", "text"),
        ("attempt_count", "bigint"),
        ("next_payment_attempt", "bigint"),
        ("period_start", "bigint"),
        ("period_end", "bigint"),
        ("due_date", "bigint"),
        ("finalized_at", "bigint"),
        ("paid_at", "bigint"),
        ("voided_at", "bigint"),
        ("marked_uncollectible_at", "bigint"),
        ("finalization_error", "text"),
        ("progress", "bigint"),
        ("asked_at", "bigint"),
        ("created_at", "bigint"),
    ],
};

/// Brings invoices to their rows, as far as Stripe was asked about their subscriptions; the rest is read when it is. Answers the
/// intents that are known of those that were written.
pub(super) async fn show(tx: &Tx, all: &[Shown<'_>]) -> Result<HashMap<StripeObject, String>> {
    // One statement writes a row once.
    let mut newest: HashMap<StripeObject, &Shown<'_>> = HashMap::new();
    for one in all.iter().filter(|one| one.view.subscription().is_some()) {
        let known = newest.entry(one.object()).or_insert(one);
        if (one.progress(), one.at) >= (known.progress(), known.at) {
            *known = one;
        }
    }
    if newest.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<Value> = newest.values().map(|one| one.row()).collect();
    let written: Vec<WrittenRow> = SHOW.all(tx, &rows, [tx.now().into()]).await?;
    let mut intents = HashMap::new();
    let mut changed = Vec::with_capacity(written.len());
    for row in written {
        let object = StripeObject {
            id: row.stripe_invoice,
            account: row.stripe_account,
            livemode: row.livemode,
        };
        changed.extend(newest.get(&object).copied());
        if let Some(intent) = row.payment_intent {
            intents.insert(object, intent);
        }
    }
    note_findings(tx, &changed).await?;
    Ok(intents)
}

/// As `show`, of what events carry.
pub async fn show_events(tx: &Tx, events: &[(&Event, InvoiceView)]) -> Result<()> {
    let mut all = Vec::with_capacity(events.len());
    for (event, view) in events {
        let Some(account) = &event.account else {
            continue;
        };
        all.push(Shown {
            account,
            livemode: event.livemode()?,
            view,
            at: event.created,
        });
    }
    show(tx, &all).await.map(drop)
}

/// Raises what a person must look at, and resolves it once it is mended.
async fn note_findings(tx: &Tx, changed: &[&Shown<'_>]) -> Result<()> {
    let mut mended = Vec::new();
    for one in changed {
        let subject = one.view.id.clone();
        match one.finalization_error() {
            Some(words) => findings::raise(tx, not_finalized(one, &words)).await?,
            None => mended.push((NOT_FINALIZED, subject.clone())),
        }
        match one.is_overdue() {
            true => findings::raise(tx, overdue(one)?).await?,
            // Only what is sent has such a date.
            false if one.view.due_date.is_some() => mended.push((OVERDUE, subject)),
            false => {}
        }
    }
    findings::resolve_all(tx, &mended).await
}

fn finding(kind: &'static str, one: &Shown<'_>, message: String, amount: i64) -> NewFinding {
    NewFinding {
        kind,
        stripe_account: Some(one.account.clone()),
        subject: one.view.id.clone(),
        message,
        amount: Some(amount),
        currency: one.view.currency.clone(),
    }
}

fn not_finalized(one: &Shown<'_>, words: &str) -> NewFinding {
    let message = format!(
        "Stripe could not make invoice {} of {} final, and collects nothing of it: {words}. Mend that in the seller's Stripe \
         dashboard, and finalize the invoice there.",
        one.view.id,
        one.view.subscription().unwrap_or_default(),
    );
    finding(NOT_FINALIZED, one, message, one.view.total.unwrap_or(0))
}

fn overdue(one: &Shown<'_>) -> Result<NewFinding> {
    let view = one.view;
    let currency = view.currency.as_deref();
    let currency = currency.ok_or_else(|| Error::internal("an invoice without a currency"))?;
    let left = view.amount_remaining.unwrap_or(0);
    let due = view.due_date.map(Timestamp::from_seconds);
    let message = format!(
        "Invoice {} of {} was due on {}, and {} of it isn't paid. Remind the customer; if they have paid otherwise, mark it as paid in \
         the seller's Stripe dashboard, or else void it there.",
        view.id,
        view.subscription().unwrap_or_default(),
        due.unwrap_or(one.at),
        money::display(left.max(0), currency),
    );
    Ok(finding(OVERDUE, one, message, left))
}

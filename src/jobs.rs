//! Work that a transaction stages and that is done after it: unique by its effect, leased, retried, given up.

pub mod admin;
mod leases;

pub use leases::{Lease, backoff_ms, expire_leases, finish, lease, release, renew};

use std::collections::BTreeMap;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use serde::{Deserialize, Serialize};
use souk_entity::job::{self, JobState};
use souk_entity::{
    AccountId, CustomerId, FeeRefundId, JobId, PaymentId, ProductId, PromotionCodeId, RefundId,
    SellerId, SetupIntentId, StripePriceId, SubmissionId, TaxIdId, Timestamp, inbox_event,
};

use crate::db::Tx;
use crate::db::set_wise::SetWise;
use crate::error::{Error, Result};
use crate::ids;

/// All the work there is, named by plain ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Job {
    /// Make the seller's connected account, if it isn't made yet.
    CreateAccount { seller: SellerId },
    /// Re-read the seller's account from Stripe.
    SyncAccount { seller: SellerId },
    /// Read from Stripe whose account the link of this event leads to, and re-read that account.
    ReadReturnedLink { event: String, livemode: bool },
    /// Send the seller's name to its account.
    RenameAccount { seller: SellerId },
    /// Make the coupon and promotion code at Stripe, if they aren't made yet.
    CreatePromotionCode { code: PromotionCodeId },
    /// Make the price's copy at Stripe, if it isn't made yet.
    MirrorPrice { copy: StripePriceId },
    /// Tell Stripe the product's name, and what of it and its prices is for sale, wherever they are.
    SyncProduct { product: ProductId },
    /// Make the payment's Checkout Session, repeating the stored request.
    CreateSession { payment: PaymentId },
    /// Ask Stripe where the payment stands, and its refunds.
    RereadPayment { payment: PaymentId },
    /// Capture what is held, as it was asked for.
    Capture { payment: PaymentId },
    /// Send the refund to Stripe, and follow its answer.
    Refund { refund: RefundId },
    /// Pull the account's balance transactions, and close the payouts that they explain.
    Pull { account: AccountId, livemode: bool },
    /// Compare the account's book with its balance at Stripe.
    CheckBook { account: AccountId, livemode: bool },
    /// Re-read a payout from Stripe.
    SyncPayout {
        account: AccountId,
        livemode: bool,
        payout: String,
    },
    /// Re-read a refund from Stripe.
    SyncRefund {
        account: AccountId,
        livemode: bool,
        refund: String,
    },
    /// Re-read a dispute from Stripe.
    SyncDispute {
        account: AccountId,
        livemode: bool,
        dispute: String,
    },
    /// Re-read an early fraud warning from Stripe.
    SyncFraudWarning {
        account: AccountId,
        livemode: bool,
        warning: String,
    },
    /// Re-read a subscription from Stripe.
    SyncSubscription {
        account: AccountId,
        livemode: bool,
        subscription: String,
    },
    /// End a subscription at Stripe, by a refund or a dispute of one of its periods.
    EndSubscription {
        account: AccountId,
        livemode: bool,
        subscription: String,
        /// `refund` or `dispute`.
        because: String,
        /// The order's or the dispute's id.
        of: String,
    },
    /// Read an invoice from Stripe, and confirm it.
    SyncInvoice {
        account: AccountId,
        livemode: bool,
        invoice: String,
    },
    /// Read from Stripe of which invoice a payment is, and read that.
    SyncInvoicePayment {
        account: AccountId,
        livemode: bool,
        invoice_payment: String,
    },
    /// Set on the draft of an invoice what the platform takes of it, if it is still a draft.
    SetInvoiceFee {
        account: AccountId,
        livemode: bool,
        invoice: String,
    },
    /// Submit evidence against a dispute, once.
    SubmitEvidence { submission: SubmissionId },
    /// Tell Stripe that the seller accepts the dispute.
    AcceptDispute { dispute: String },
    /// Return a part of an application fee, and follow the answer.
    RefundFee { fee_refund: FeeRefundId },
    /// Read the payment's application fee from Stripe.
    SyncFee { payment: PaymentId },
    /// Try again the events that wait for this.
    RetryDeferred { waits_for: String },
    /// Read what Stripe lists of the account's events, or of the platform's own.
    CatchUp {
        account: Option<AccountId>,
        livemode: bool,
    },
    /// Make the setup intent, repeating the stored request.
    CreateSetupIntent { setup_intent: SetupIntentId },
    /// Ask Stripe where the setup intent stands, and what it has saved.
    SyncSetupIntent { setup_intent: SetupIntentId },
    /// Send Stripe what was changed of the customer, and re-read it with its payment methods.
    SyncCustomer { customer: CustomerId },
    /// Have Stripe add the tax id to its customer, or take it away.
    SendTaxId { tax_id: TaxIdId },
    /// Charge a saved card while the buyer isn't there, once more.
    ChargeOffSession { payment: PaymentId },
    /// Recurring: look at setup intents that nobody has finished, and tell of cards that expire.
    SweepSavedCards,
    /// Recurring: stage a catch-up for everybody.
    CatchAllUp,
    /// Recurring: look at events again that an older version ignored.
    ReviewIgnoredEvents,
    /// Recurring: ask Stripe about payments whose session's life is over.
    SweepPayments,
    /// Recurring: stage re-reads of accounts that nobody has read for a day.
    SyncAccounts,
    /// Recurring: delete what nobody can use any more.
    Tidy,
    /// Recurring: stage the pulls and checks of books whose time has come.
    KeepBooks,
    /// Recurring: look for money that is owed and that nothing moves.
    Reconcile,
    /// Send a mail about an order, a payment, a refund, a dispute, a subscription or an address; `what` is one of `notify`'s.
    Mail {
        what: String,
        #[serde(default)]
        to: Recipient,
        /// The id of what happened. Mails with the same are one mail.
        #[serde(alias = "subject")]
        about: String,
    },
}

/// Who gets a mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// The order's buyer.
    #[default]
    Buyer,
    /// The order's seller.
    Seller,
}

impl Job {
    /// The name of its effect: jobs with the same key are one job.
    pub fn effect_key(&self) -> String {
        let (kind, subject) = (self.kind(), self.subject());
        match self {
            // As it was before sellers got mail, so that no buyer gets one twice.
            Self::Mail {
                what,
                to: Recipient::Buyer,
                ..
            } => format!("{kind}:{what}:{subject}"),
            Self::Mail { what, .. } => format!("{kind}:{what}:{subject}:seller"),
            Self::Pull { livemode, .. }
            | Self::CheckBook { livemode, .. }
            | Self::SyncPayout { livemode, .. }
            | Self::SyncRefund { livemode, .. }
            | Self::SyncDispute { livemode, .. }
            | Self::SyncFraudWarning { livemode, .. }
            | Self::SyncSubscription { livemode, .. }
            | Self::EndSubscription { livemode, .. }
            | Self::SyncInvoice { livemode, .. }
            | Self::SyncInvoicePayment { livemode, .. }
            | Self::SetInvoiceFee { livemode, .. }
            | Self::CatchUp { livemode, .. } => {
                format!("{kind}:{subject}:{livemode}")
            }
            _ => format!("{kind}:{subject}"),
        }
    }

    /// Its name.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::CreateAccount { .. } => "create_account",
            Self::SyncAccount { .. } => "sync_account",
            Self::ReadReturnedLink { .. } => "read_returned_link",
            Self::RenameAccount { .. } => "rename_account",
            Self::CreatePromotionCode { .. } => "create_promotion_code",
            Self::MirrorPrice { .. } => "mirror_price",
            Self::SyncProduct { .. } => "sync_product",
            Self::CreateSession { .. } => "create_session",
            Self::RereadPayment { .. } => "reread_payment",
            Self::Capture { .. } => "capture",
            Self::Refund { .. } => "refund",
            Self::Pull { .. } => "pull",
            Self::CheckBook { .. } => "check_book",
            Self::SyncPayout { .. } => "sync_payout",
            Self::SyncRefund { .. } => "sync_refund",
            Self::SyncDispute { .. } => "sync_dispute",
            Self::SyncFraudWarning { .. } => "sync_fraud_warning",
            Self::SyncSubscription { .. } => "sync_subscription",
            Self::EndSubscription { .. } => "end_subscription",
            Self::SyncInvoice { .. } => "sync_invoice",
            Self::SyncInvoicePayment { .. } => "sync_invoice_payment",
            Self::SetInvoiceFee { .. } => "set_invoice_fee",
            Self::SubmitEvidence { .. } => "submit_evidence",
            Self::AcceptDispute { .. } => "accept_dispute",
            Self::RefundFee { .. } => "refund_fee",
            Self::SyncFee { .. } => "sync_fee",
            Self::RetryDeferred { .. } => "retry_deferred",
            Self::CatchUp { .. } => "catch_up",
            Self::CreateSetupIntent { .. } => "create_setup_intent",
            Self::SyncSetupIntent { .. } => "sync_setup_intent",
            Self::SyncCustomer { .. } => "sync_customer",
            Self::SendTaxId { .. } => "send_tax_id",
            Self::ChargeOffSession { .. } => "charge_off_session",
            Self::SweepSavedCards => "sweep_saved_cards",
            Self::CatchAllUp => "catch_all_up",
            Self::ReviewIgnoredEvents => "review_ignored_events",
            Self::SweepPayments => "sweep_payments",
            Self::SyncAccounts => "sync_accounts",
            Self::Tidy => "tidy",
            Self::KeepBooks => "keep_books",
            Self::Reconcile => "reconcile",
            Self::Mail { .. } => "mail",
        }
    }

    /// The id of what it is about, or `all`.
    pub fn subject(&self) -> &str {
        match self {
            Self::CreateAccount { seller }
            | Self::SyncAccount { seller }
            | Self::RenameAccount { seller } => seller.as_ref(),
            Self::ReadReturnedLink { event, .. } => event,
            Self::CreatePromotionCode { code } => code.as_ref(),
            Self::MirrorPrice { copy } => copy.as_ref(),
            Self::SyncProduct { product } => product.as_ref(),
            Self::CreateSession { payment }
            | Self::RereadPayment { payment }
            | Self::Capture { payment } => payment.as_ref(),
            Self::Refund { refund } => refund.as_ref(),
            Self::RefundFee { fee_refund } => fee_refund.as_ref(),
            Self::SyncFee { payment } => payment.as_ref(),
            Self::Pull { account, .. } | Self::CheckBook { account, .. } => account.as_ref(),
            Self::SyncPayout { payout, .. } => payout,
            Self::SyncRefund { refund, .. } => refund,
            Self::SyncDispute { dispute, .. } | Self::AcceptDispute { dispute } => dispute,
            Self::SyncFraudWarning { warning, .. } => warning,
            Self::SyncSubscription { subscription, .. }
            | Self::EndSubscription { subscription, .. } => subscription,
            Self::SyncInvoicePayment {
                invoice_payment, ..
            } => invoice_payment,
            Self::SyncInvoice { invoice, .. } | Self::SetInvoiceFee { invoice, .. } => invoice,
            Self::SubmitEvidence { submission } => submission.as_ref(),
            Self::RetryDeferred { waits_for } => waits_for,
            Self::CatchUp { account, .. } => account.as_ref().map_or("platform", AsRef::as_ref),
            Self::CreateSetupIntent { setup_intent } | Self::SyncSetupIntent { setup_intent } => {
                setup_intent.as_ref()
            }
            Self::SyncCustomer { customer } => customer.as_ref(),
            Self::SendTaxId { tax_id } => tax_id.as_ref(),
            Self::ChargeOffSession { payment } => payment.as_ref(),
            Self::CatchAllUp
            | Self::ReviewIgnoredEvents
            | Self::SweepPayments
            | Self::SweepSavedCards
            | Self::SyncAccounts
            | Self::KeepBooks
            | Self::Reconcile
            | Self::Tidy => "all",
            Self::Mail { about, .. } => about,
        }
    }

    /// How often a recurring job is done, by whichever replica leases it. It is never given up.
    fn every_ms(&self) -> Option<i64> {
        match self {
            Self::CatchAllUp | Self::ReviewIgnoredEvents | Self::SweepPayments => Some(15 * 60_000),
            Self::Reconcile | Self::SweepSavedCards | Self::SyncAccounts | Self::Tidy => {
                Some(60 * 60_000)
            }
            Self::KeepBooks => Some(60_000),
            _ => None,
        }
    }

    /// The time that a run takes up, for jobs that a burst of events asks for again and again: after a few runs they are
    /// done no more often than that. 0: as often as they are asked for.
    fn pace_ms(&self) -> i64 {
        match self {
            Self::SyncAccount { .. } | Self::SyncSubscription { .. } => 2_000,
            _ => 0,
        }
    }
}

/// Stages a job in the transaction whose effect it is. See `stage_at`.
///
/// # Errors
/// The database failed.
pub async fn stage(tx: &Tx, job: &Job) -> Result<()> {
    stage_at(tx, job, tx.now()).await
}

/// Stages a job to be run no sooner than `run_at`. A job that is staged already is not staged twice: if it waits it keeps
/// its time, if it runs now it will run once more, and if it has ended it begins anew, a paced one after its rest. A mail is
/// staged only once.
///
/// # Errors
/// The database failed.
pub async fn stage_at(tx: &Tx, job: &Job, run_at: Timestamp) -> Result<()> {
    insert(tx, std::slice::from_ref(job), run_at).await
}

/// Stages jobs in one statement, sorted by their effects. Some of them may be the same.
///
/// # Errors
/// The database failed.
pub async fn stage_all(tx: &Tx, jobs: &[Job]) -> Result<()> {
    insert(tx, jobs, tx.now()).await
}

const INSERT: SetWise = SetWise {
    // A job that has ended begins anew. A mail is never sent twice.
    text: "INSERT INTO jobs (id, kind, args, effect_key, subject, state, wanted_generation, done_generation, attempts, \
               run_at, created_at) \
           SELECT id, kind, args, effect_key, subject, 'ready', 1, 0, 0, $2, $3 FROM {input} WHERE true \
           ON CONFLICT (effect_key) DO UPDATE SET wanted_generation = jobs.wanted_generation + 1, \
               attempts = CASE WHEN jobs.state IN ('done', 'dead', 'discarded') THEN 0 ELSE jobs.attempts END, \
               run_at = CASE WHEN jobs.state NOT IN ('done', 'dead', 'discarded') THEN jobs.run_at \
                   WHEN jobs.rests_until > excluded.run_at THEN jobs.rests_until ELSE excluded.run_at END, \
               state = CASE WHEN jobs.state IN ('done', 'dead', 'discarded') THEN 'ready' ELSE jobs.state END, \
               discard_reason = NULL \
           WHERE jobs.kind <> 'mail'",
    columns: &[
        ("id", "text"),
        ("kind", "text"),
        ("args", "text"),
        ("effect_key", "text"),
        ("subject", "text"),
    ],
};

async fn insert(tx: &Tx, jobs: &[Job], run_at: Timestamp) -> Result<()> {
    let mut rows = BTreeMap::new();
    for job in jobs {
        let args = serde_json::to_string(job).map_err(|e| Error::internal(e.to_string()))?;
        rows.entry(job.effect_key()).or_insert((job, args));
    }
    if rows.is_empty() {
        return Ok(());
    }
    let row = |(effect_key, (job, args))| {
        let id: JobId = ids::new(tx.now());
        let job: &Job = job;
        (id, job.kind(), args, effect_key, job.subject().to_owned())
    };
    let rows: Vec<_> = rows.into_iter().map(row).collect();
    if run_at <= tx.now() {
        tx.wake_workers();
    }
    INSERT
        .execute(tx, &rows, [run_at.into(), tx.now().into()])
        .await?;
    Ok(())
}

/// Stages a recurring job and makes it due now, unless it is at work or waits after a failure.
///
/// # Errors
/// The database failed.
pub async fn schedule(tx: &Tx, job: &Job) -> Result<()> {
    use job::Column as C;
    stage(tx, job).await?;
    job::Entity::update_many()
        .col_expr(C::RunAt, Expr::value(tx.now()))
        .filter(C::EffectKey.eq(job.effect_key()))
        .filter(C::State.eq(JobState::Ready))
        .filter(C::LastError.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// How a job stood when it wasn't wanted any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It waited and had never failed, so it has left nothing behind.
    Unneeded,
    /// It had failed, was given up, is at work or is done. What was raised over it may still be open.
    Otherwise,
}

/// Marks a waiting job done, since its effect has been reached otherwise.
///
/// # Errors
/// The database failed.
pub async fn settle(tx: &Tx, job: &Job) -> Result<Settled> {
    use job::Column as C;
    let waited = job::Entity::update_many()
        .col_expr(C::State, Expr::value(JobState::Done))
        .col_expr(C::FinishedAt, Expr::value(tx.now()))
        .filter(C::EffectKey.eq(job.effect_key()))
        .filter(C::State.eq(JobState::Ready))
        .exec_with_returning(tx)
        .await?;
    // A job that was given up and that a person then retried still has its last error.
    let untried = waited.iter().any(|job| job.last_error.is_none());
    Ok(if untried {
        Settled::Unneeded
    } else {
        Settled::Otherwise
    })
}

/// Stages a retry of the events that wait for an object of Stripe's, if any do.
///
/// # Errors
/// The database failed.
pub async fn wake_deferred(tx: &Tx, object: &str) -> Result<()> {
    use inbox_event::Column as C;
    let waiting: Option<String> = inbox_event::Entity::find()
        .select_only()
        .column(C::Id)
        // As the index says it, word for word, so that SQLite sees that it will do.
        .filter(Expr::cust("state = 'deferred'"))
        .filter(C::WaitsFor.eq(object))
        .into_tuple()
        .one(tx)
        .await?;
    if waiting.is_some() {
        let waits_for = object.to_owned();
        stage(tx, &Job::RetryDeferred { waits_for }).await?;
    }
    Ok(())
}

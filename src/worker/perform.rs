//! What each job comes to.

use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::Job;
use crate::{
    catalog, customers, http, identity, ledger, notify, payments, reconciliation, sellers,
    subscriptions, webhooks,
};

/// Does a job.
///
/// # Errors
/// Whatever keeps it from being done. It is tried again.
pub(super) async fn perform(app: &App, job: &Job) -> Result<()> {
    match job {
        Job::CreateAccount { seller } => sellers::account::create(app, seller).await.map(drop),
        Job::SyncAccount { seller } => sellers::account::refresh(app, seller).await.map(drop),
        Job::SyncAccounts => sellers::sync_unread(app).await,
        Job::ReadReturnedLink { event, livemode } => {
            sellers::read_returned_link(app, event, *livemode).await
        }
        Job::RenameAccount { seller } => sellers::account::rename(app, seller).await,
        Job::CreatePromotionCode { code } => {
            let created = catalog::promotions::at_stripe::create(app, code).await;
            created.map(drop)
        }
        Job::MirrorPrice { copy } => catalog::prices::at_stripe::run(app, copy).await,
        Job::SyncProduct { product } => catalog::prices::at_stripe::sync(app, product).await,
        Job::CreateSession { payment } => payments::checkout::object::make(app, payment).await,
        Job::RereadPayment { payment } => payments::reread::payment(app, payment).await,
        Job::Capture { payment } => payments::capture::send(app, payment).await,
        Job::Refund { refund } => payments::refunds::send(app, refund).await,
        Job::RefundFee { fee_refund } => payments::fees::send(app, fee_refund).await,
        Job::SyncFee { payment } => payments::fees::sync(app, payment).await,
        Job::Pull { account, livemode } => ledger::pull(app, account, *livemode).await,
        Job::CheckBook { account, livemode } => {
            ledger::check_by_schedule(app, account, *livemode).await
        }
        Job::SyncPayout { .. }
        | Job::SyncRefund { .. }
        | Job::SyncDispute { .. }
        | Job::SyncFraudWarning { .. }
        | Job::SyncSubscription { .. }
        | Job::SyncInvoice { .. }
        | Job::SyncInvoicePayment { .. } => sync_object(app, job).await,
        Job::SetInvoiceFee {
            account,
            livemode,
            invoice,
        } => payments::invoices::fee::set(app, account, *livemode, invoice).await,
        Job::EndSubscription {
            account,
            livemode,
            subscription,
            because,
            of,
        } => {
            subscriptions::endings::end(app, (account, *livemode), subscription, (because, of))
                .await
        }
        Job::RetryDeferred { waits_for } => webhooks::retry::retry_deferred(app, waits_for).await,
        Job::CatchUp { account, livemode } => {
            webhooks::catch_up::catch_up(app, account.as_ref(), *livemode).await
        }
        Job::CatchAllUp => webhooks::catch_up::catch_all_up(app).await,
        Job::ReviewIgnoredEvents => webhooks::review::review_ignored(app).await,
        Job::SubmitEvidence { submission } => payments::disputes::submit(app, submission).await,
        Job::AcceptDispute { dispute } => payments::disputes::accept(app, dispute).await,
        Job::SweepPayments => sweep_payments(app).await,
        Job::SweepSavedCards => sweep_saved_cards(app).await,
        Job::CreateSetupIntent { setup_intent } => payments::setups::make(app, setup_intent).await,
        Job::SyncSetupIntent { setup_intent } => payments::setups::sync(app, setup_intent).await,
        Job::SyncCustomer { customer } => customers::sync(app, customer).await,
        Job::SendTaxId { tax_id } => customers::tax_ids::run(app, tax_id).await,
        Job::ChargeOffSession { payment } => payments::off_session::charge(app, payment).await,
        Job::Tidy => tidy(app).await,
        Job::KeepBooks => ledger::deadlines::keep_books(app).await,
        Job::Reconcile => reconciliation::reconcile(app).await,
        Job::Mail { what, to, about } => notify::send(app, what, *to, about).await,
    }
}

/// Reads an object of an account from Stripe, by its id.
async fn sync_object(app: &App, job: &Job) -> Result<()> {
    match job {
        Job::SyncPayout {
            account,
            livemode,
            payout,
        } => ledger::payouts::sync(app, account, *livemode, payout).await,
        Job::SyncRefund {
            account,
            livemode,
            refund,
        } => payments::refunds::sync(app, account, *livemode, refund).await,
        Job::SyncDispute {
            account,
            livemode,
            dispute,
        } => payments::disputes::sync(app, account, *livemode, dispute).await,
        Job::SyncFraudWarning {
            account,
            livemode,
            warning,
        } => payments::disputes::sync_warning(app, account, *livemode, warning).await,
        Job::SyncSubscription {
            account,
            livemode,
            subscription,
        } => subscriptions::sync(app, account, *livemode, subscription).await,
        Job::SyncInvoice {
            account,
            livemode,
            invoice,
        } => payments::invoices::sync(app, account, *livemode, invoice).await,
        Job::SyncInvoicePayment {
            account,
            livemode,
            invoice_payment,
        } => payments::invoices::sync_paid_by(app, account, *livemode, invoice_payment).await,
        _ => Err(Error::internal(format!("{} reads no object", job.kind()))),
    }
}

/// Looks at setup intents that nobody has finished, at charges that are to be tried again, and at cards that expire.
async fn sweep_saved_cards(app: &App) -> Result<()> {
    payments::setups::sweep(app).await?;
    payments::off_session::sweep(app).await?;
    customers::expiry::tell(app).await
}

/// Looks again at what nobody has told of for too long.
async fn sweep_payments(app: &App) -> Result<()> {
    payments::reread::sweep(app).await?;
    subscriptions::sweep(app).await?;
    subscriptions::notices::sweep(app).await
}

/// Deletes answered requests' keys, logins, and proofs of addresses, whose time is over.
async fn tidy(app: &App) -> Result<()> {
    let tx = app.db.begin_write().await?;
    http::delete_expired_keys(&tx).await?;
    identity::delete_expired_sessions(&tx).await?;
    identity::addresses::delete_old(&tx).await?;
    tx.commit().await
}

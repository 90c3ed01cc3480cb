//! The ledger's jobs.

use souk_entity::AccountId;

use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::stripe::requests;
use crate::stripe::views::PayoutView;

use super::payouts::{self, Stored};
use super::{closing, open_book, pulling};

/// Pulls an account's balance transactions into its book, and closes the payouts that they explain. An account that
/// no seller has is left alone.
pub async fn pull(app: &App, account: &AccountId, livemode: bool) -> Result<()> {
    match pulling::pull(app, account, livemode).await? {
        Some(book) => closing::close_payouts(app, &book).await,
        None => Ok(()),
    }
}

/// Re-reads a payout from Stripe. News of it stages a pull, which may close it.
pub async fn sync_payout(
    app: &App,
    account: &AccountId,
    livemode: bool,
    payout: &str,
) -> Result<()> {
    pulling::in_our_mode(app, account, livemode)?;
    let request = requests::balance::payout(payout);
    let snapshot: PayoutView = app.stripe.on(account).get(&request).await?;
    let tx = app.db.begin_write().await?;
    let Some(book) = open_book(&tx, account, livemode).await? else {
        return Ok(());
    };
    match payouts::store(&tx, &book, &snapshot).await? {
        Stored::Changed => {
            let account = account.clone();
            jobs::stage(&tx, &Job::Pull { account, livemode }).await?;
        }
        Stored::Same => {}
        Stored::NotOurs => {
            return Err(Error::internal(format!(
                "payout {payout} of {account} stands in another account's book"
            )));
        }
    }
    tx.commit().await
}

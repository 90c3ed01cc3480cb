//! Sellers' jobs.

use souk_entity::SellerId;

use super::{account, find};
use crate::app::App;
use crate::error::Result;

/// Makes the seller's account, if it isn't made yet; the seller may be gone, where Stripe refused it.
pub async fn create_account(app: &App, seller: &SellerId) -> Result<()> {
    if find(&app.db.read, seller).await?.is_some() {
        account::ensure(app, seller).await?;
    }
    Ok(())
}

/// Re-reads the seller's account.
pub async fn sync_account(app: &App, seller: &SellerId) -> Result<()> {
    if find(&app.db.read, seller).await?.is_some() {
        account::refresh(app, seller).await?;
    }
    Ok(())
}

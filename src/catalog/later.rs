//! The catalog's jobs.

use souk_entity::PromotionCodeId;

use super::promotions;
use crate::app::App;
use crate::error::Result;

/// Makes the coupon and promotion code at Stripe, if they aren't made yet; the row may be gone, where Stripe refused.
pub async fn create_promotion_code(app: &App, code: &PromotionCodeId) -> Result<()> {
    if promotions::find(&app.db.read, code).await?.is_some() {
        promotions::ensure(app, code).await?;
    }
    Ok(())
}

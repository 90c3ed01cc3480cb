//! Coupons and promotion codes.

use serde::Deserialize;

/// A coupon (docs.stripe.com/api/coupons/object). Only its id is read.
#[derive(Clone, Debug, Deserialize)]
pub struct CouponView {
    /// Stripe's id.
    pub id: String,
}

/// A promotion code (docs.stripe.com/api/promotion_codes/object).
#[derive(Clone, Debug, Deserialize)]
pub struct PromotionCodeView {
    /// `promo_…`.
    pub id: String,
    /// Whether buyers can use it: false too once it is used up or expired.
    #[serde(default)]
    pub active: bool,
}

//! Coupons and the promotion codes that buyers type (docs.stripe.com/api/coupons, docs.stripe.com/api/promotion_codes).

use std::collections::HashMap;

use stripe_client_core::StripeRequest;
use stripe_product::coupon::CreateCoupon;
use stripe_product::promotion_code::{
    CreatePromotionCode, CreatePromotionCodePromotion, CreatePromotionCodePromotionType,
    ListPromotionCode, UpdatePromotionCode,
};

use super::LIMIT;

/// The `metadata` name that carries our promotion code's id.
pub const METADATA_PROMOTION_CODE: &str = "souk_promotion_code";

/// What a coupon takes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discount<'a> {
    /// Whole per cents, 1 to 100.
    Percent(i32),
    /// Minor units and their currency.
    Amount(i64, &'a str),
}

/// Creates the coupon behind a code. It has our id, so there can't be two of it. The buyer reads `name` on the payment
/// page.
pub fn create_coupon(id: &str, name: &str, discount: Discount<'_>) -> impl StripeRequest + use<> {
    let request = CreateCoupon::new()
        .id(id)
        .name(name)
        .duration(stripe_shared::CouponDuration::Once)
        .metadata(mark(id));
    match discount {
        Discount::Percent(percent) => request.percent_off(percent),
        Discount::Amount(amount, currency) => {
            let currency: stripe_types::Currency = currency.parse().unwrap_or_default();
            request.amount_off(amount).currency(currency)
        }
    }
}

/// The parameters of a new promotion code.
pub struct NewCode<'a> {
    /// Our promotion code, for `metadata`.
    pub id: &'a str,
    /// What the buyer types.
    pub code: &'a str,
    /// The coupon's id at Stripe.
    pub coupon: &'a str,
    /// How often it may be used in all.
    pub max_redemptions: Option<i32>,
    /// Whole seconds.
    pub expires_at: Option<i64>,
}

/// Creates a promotion code for a coupon, with `promotion[type]=coupon` (docs.stripe.com/api/promotion_codes/create).
pub fn create_code(new: &NewCode<'_>) -> impl StripeRequest + use<> {
    let mut promotion = CreatePromotionCodePromotion::new(CreatePromotionCodePromotionType::Coupon);
    promotion.coupon = Some(new.coupon.to_owned());
    let mut request = CreatePromotionCode::new(promotion)
        .code(new.code)
        .metadata(mark(new.id));
    if let Some(most) = new.max_redemptions {
        request = request.max_redemptions(most);
    }
    if let Some(at) = new.expires_at {
        request = request.expires_at(at);
    }
    request
}

/// A page of a coupon's promotion codes.
pub fn list(coupon: &str, starting_after: Option<&str>) -> ListPromotionCode {
    let list = ListPromotionCode::new().limit(LIMIT).coupon(coupon);
    match starting_after {
        Some(last) => list.starting_after(last),
        None => list,
    }
}

/// Switches a promotion code on or off.
pub fn set_active(code: &str, active: bool) -> impl StripeRequest + use<> {
    UpdatePromotionCode::new(code).active(active)
}

fn mark(id: &str) -> HashMap<String, String> {
    HashMap::from([(METADATA_PROMOTION_CODE.to_owned(), id.to_owned())])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(request: impl StripeRequest) -> Vec<(String, String)> {
        let body = request.build().body.unwrap_or_default();
        form_urlencoded::parse(body.as_bytes())
            .into_owned()
            .collect()
    }

    fn value<'a>(body: &'a [(String, String)], name: &str) -> Option<&'a str> {
        body.iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    #[test]
    fn a_code_names_its_coupon_in_the_modern_shape() {
        let body = body(create_code(&NewCode {
            id: "pmc_1",
            code: "WELCOME20",
            coupon: "co_1",
            max_redemptions: Some(3),
            expires_at: Some(1_800_000_000),
        }));
        assert_eq!(value(&body, "promotion[type]"), Some("coupon"));
        assert_eq!(value(&body, "promotion[coupon]"), Some("co_1"));
        assert_eq!(value(&body, "coupon"), None);
        assert_eq!(value(&body, "code"), Some("WELCOME20"));
        assert_eq!(value(&body, "max_redemptions"), Some("3"));
        assert_eq!(value(&body, "expires_at"), Some("1800000000"));
        assert_eq!(value(&body, "metadata[souk_promotion_code]"), Some("pmc_1"));
    }

    #[test]
    fn a_coupon_takes_off_a_share_or_an_amount() {
        let share = body(create_coupon("pmc_1", "HALF", Discount::Percent(50)));
        let percent = value(&share, "percent_off").unwrap_or_default();
        assert_eq!(percent.trim_end_matches(".0"), "50");
        assert_eq!(value(&share, "amount_off"), None);
        assert_eq!(value(&share, "duration"), Some("once"));
        assert_eq!(value(&share, "id"), Some("pmc_1"));
        let amount = body(create_coupon("pmc_1", "FIVE", Discount::Amount(500, "eur")));
        assert_eq!(value(&amount, "amount_off"), Some("500"));
        assert_eq!(value(&amount, "currency"), Some("eur"));
    }
}

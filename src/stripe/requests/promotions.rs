//! Coupons and the promotion codes that buyers type (docs.stripe.com/api/coupons, docs.stripe.com/api/promotion_codes).

use std::collections::HashMap;

use souk_entity::promotion_code::CodeDuration;
use stripe_client_core::StripeRequest;
use stripe_product::coupon::CreateCoupon;
use stripe_product::promotion_code::{
    CreatePromotionCode, CreatePromotionCodePromotion, CreatePromotionCodePromotionType,
    CreatePromotionCodeRestrictions, ListPromotionCode, UpdatePromotionCode,
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

/// The parameters of a new coupon.
pub struct NewCoupon<'a> {
    /// Ours, so that there can't be two of it.
    pub id: &'a str,
    /// What the buyer reads on the payment page.
    pub name: &'a str,
    /// What it takes off.
    pub discount: Discount<'a>,
    /// For how long.
    pub duration: CodeDuration,
    /// Of `repeating` alone.
    pub months: Option<i32>,
}

/// Creates the coupon behind a code (docs.stripe.com/api/coupons/create).
pub fn create_coupon(new: &NewCoupon<'_>) -> impl StripeRequest + use<> {
    let mut request = CreateCoupon::new()
        .id(new.id)
        .name(new.name)
        .duration(match new.duration {
            CodeDuration::Once => stripe_shared::CouponDuration::Once,
            CodeDuration::Repeating => stripe_shared::CouponDuration::Repeating,
            CodeDuration::Forever => stripe_shared::CouponDuration::Forever,
        })
        .metadata(mark(new.id));
    if let Some(months) = new.months {
        request = request.duration_in_months(months);
    }
    match new.discount {
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
    /// What a purchase must come to: minor units and their currency.
    pub minimum: Option<(i64, &'a str)>,
    /// Only for customers who have paid nothing before.
    pub first_time: bool,
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
    let mut restrictions = CreatePromotionCodeRestrictions::new();
    if let Some((amount, currency)) = new.minimum {
        restrictions.minimum_amount = Some(amount);
        restrictions.minimum_amount_currency = Some(currency.parse().unwrap_or_default());
    }
    restrictions.first_time_transaction = new.first_time.then_some(true);
    match new.minimum.is_some() || new.first_time {
        true => request.restrictions(restrictions),
        // As it was before there were any: a request that is repeated under its key is the same.
        false => request,
    }
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

    fn new_code() -> NewCode<'static> {
        NewCode {
            id: "pmc_1",
            code: "WELCOME20",
            coupon: "co_1",
            max_redemptions: Some(3),
            expires_at: Some(1_800_000_000),
            minimum: None,
            first_time: false,
        }
    }

    #[test]
    fn a_code_names_its_coupon_in_the_modern_shape() {
        let body = body(create_code(&new_code()));
        assert_eq!(value(&body, "promotion[type]"), Some("coupon"));
        assert_eq!(value(&body, "promotion[coupon]"), Some("co_1"));
        assert_eq!(value(&body, "coupon"), None);
        assert_eq!(value(&body, "code"), Some("WELCOME20"));
        assert_eq!(value(&body, "max_redemptions"), Some("3"));
        assert_eq!(value(&body, "expires_at"), Some("1800000000"));
        assert_eq!(value(&body, "metadata[souk_promotion_code]"), Some("pmc_1"));
        assert!(
            body.iter()
                .all(|(name, _)| !name.starts_with("restrictions"))
        );
    }

    #[test]
    fn a_code_says_what_it_asks_of_a_purchase() {
        let minimum = body(create_code(&NewCode {
            minimum: Some((5000, "eur")),
            ..new_code()
        }));
        let name = |what: &str| format!("restrictions[{what}]");
        assert_eq!(value(&minimum, &name("minimum_amount")), Some("5000"));
        assert_eq!(
            value(&minimum, &name("minimum_amount_currency")),
            Some("eur")
        );
        assert_eq!(value(&minimum, &name("first_time_transaction")), None);
        let first = body(create_code(&NewCode {
            first_time: true,
            ..new_code()
        }));
        assert_eq!(value(&first, &name("first_time_transaction")), Some("true"));
        assert_eq!(value(&first, &name("minimum_amount")), None);
    }

    #[test]
    fn a_coupon_takes_off_a_share_or_an_amount_for_as_long_as_it_says() {
        let coupon = |discount, duration, months| {
            body(create_coupon(&NewCoupon {
                id: "pmc_1",
                name: "HALF",
                discount,
                duration,
                months,
            }))
        };
        let share = coupon(Discount::Percent(50), CodeDuration::Once, None);
        let percent = value(&share, "percent_off").unwrap_or_default();
        assert_eq!(percent.trim_end_matches(".0"), "50");
        assert_eq!(value(&share, "amount_off"), None);
        assert_eq!(value(&share, "duration"), Some("once"));
        assert_eq!(value(&share, "duration_in_months"), None);
        assert_eq!(value(&share, "id"), Some("pmc_1"));
        let amount = coupon(
            Discount::Amount(500, "eur"),
            CodeDuration::Repeating,
            Some(3),
        );
        assert_eq!(value(&amount, "amount_off"), Some("500"));
        assert_eq!(value(&amount, "currency"), Some("eur"));
        assert_eq!(value(&amount, "duration"), Some("repeating"));
        assert_eq!(value(&amount, "duration_in_months"), Some("3"));
        let lasting = coupon(Discount::Percent(5), CodeDuration::Forever, None);
        assert_eq!(value(&lasting, "duration"), Some("forever"));
    }
}

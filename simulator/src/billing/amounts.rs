//! What a quantity of a price comes to, decimals and tiers included.
//! <https://docs.stripe.com/products-prices/pricing-models>.

use serde_json::Value;

use super::prices::option;
use crate::{error::ApiError, money::Rounding, store::Record};

/// Decimal amounts are kept as integers with this many digits after the point, as Stripe takes.
const DECIMALS: usize = 12;
pub(super) const ONE: i128 = 1_000_000_000_000;

/// What a quantity of a price costs in a currency, rounded.
///
/// # Errors
/// When the price has no amount in that currency.
pub(crate) fn cost(
    rounding: Rounding<'_>,
    price: &Record,
    quantity: i64,
    currency: &str,
) -> Result<i64, ApiError> {
    let own;
    let option = if price.text("currency") == currency {
        own = option(&price.value, price.hidden["latent"].get("tiers"));
        &own
    } else {
        &price.hidden["latent"]["currency_options"][currency]
    };
    if option.is_null() {
        return Err(ApiError::invalid(format!(
            "The price specified only supports `{}`. This doesn't match the expected currency: `{currency}`.",
            price.text("currency")
        ))
        .param("currency"));
    }
    let sum = match option["tiers"].as_array() {
        Some(tiers) if !tiers.is_empty() => in_tiers(
            tiers,
            i128::from(quantity),
            price.text("tiers_mode") == "volume",
        ),
        _ => unit(option, "unit_amount").checked_mul(counted(&price.value, quantity)),
    };
    sum.and_then(|sum| round(rounding, sum))
        .ok_or_else(ApiError::overflow)
}

/// A decimal as an integer of [`ONE`]ths.
pub(crate) fn scaled(text: &str) -> Option<i128> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > DECIMALS || part.starts_with(['+', '-']) {
        return None;
    }
    format!("{whole}{part:0<width$}", width = DECIMALS)
        .parse()
        .ok()
}

/// The shortest text of such a decimal.
pub(super) fn trimmed(n: i128) -> String {
    let text = format!("{n:0>width$}", width = DECIMALS + 1);
    let (whole, part) = text.split_at(text.len() - DECIMALS);
    let part = part.trim_end_matches('0');
    if part.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{part}")
    }
}

/// A scaled decimal to whole minor units; half up is away from zero.
pub(crate) fn round(rounding: Rounding<'_>, n: i128) -> Option<i64> {
    let more = if n < 0 { -ONE / 2 } else { ONE / 2 };
    let up = n.checked_add(more)? / ONE;
    let even = n % ONE == more && rounding.is_half_even();
    i64::try_from(if even { up - up % 2 } else { up }).ok()
}

fn unit(option: &Value, name: &str) -> i128 {
    option[format!("{name}_decimal")]
        .as_str()
        .and_then(scaled)
        .unwrap_or(0)
}

/// A quantity after `transform_quantity`.
fn counted(price: &Value, quantity: i64) -> i128 {
    let quantity = i128::from(quantity);
    let transform = &price["transform_quantity"];
    match transform["divide_by"].as_i64().map(i128::from) {
        Some(by) if transform["round"] == "up" => (quantity + by - 1).div_euclid(by),
        Some(by) => quantity.div_euclid(by),
        None => quantity,
    }
}

fn in_tiers(tiers: &[Value], quantity: i128, volume: bool) -> Option<i128> {
    let (mut sum, mut from) = (0i128, 0i128);
    for tier in tiers {
        let to = tier["up_to"].as_i64().map_or(i128::MAX, i128::from);
        let here = if volume {
            quantity
        } else {
            std::cmp::min(quantity, to) - from
        };
        if !volume || quantity <= to {
            let units = unit(tier, "unit_amount").checked_mul(here)?;
            sum = sum
                .checked_add(units)?
                .checked_add(unit(tier, "flat_amount"))?;
        }
        if quantity <= to {
            break;
        }
        from = to;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::assumptions::Assumptions;

    #[test]
    fn decimals_keep_twelve_digits_and_round_half_up() {
        assert_eq!(scaled("0.5"), Some(ONE / 2));
        assert_eq!(scaled("-1.25"), Some(-ONE - ONE / 4));
        assert_eq!(scaled("1.1234567890123"), None);
        assert_eq!(trimmed(ONE / 2), "0.5");
        assert_eq!(trimmed(20 * ONE), "20");
        let mut assumptions = Assumptions::default();
        let up = Rounding(&assumptions);
        assert_eq!(round(up, ONE / 2), Some(1));
        assert_eq!(round(up, -ONE / 2), Some(-1));
        assert_eq!(round(up, ONE / 2 - 1), Some(0));
        assumptions.set("rounding", "half_even").expect("a switch");
        let even = |halves: i128| round(Rounding(&assumptions), halves * ONE / 2);
        assert_eq!(
            [even(1), even(3), even(-1), even(-3)],
            [Some(0), Some(2), Some(0), Some(-2)]
        );
    }

    #[test]
    fn graduated_tiers_add_up_and_volume_takes_one() {
        let tiers = [
            json!({ "up_to": 5, "unit_amount_decimal": "500", "flat_amount_decimal": "1000" }),
            json!({ "up_to": null, "unit_amount_decimal": "400" }),
        ];
        assert_eq!(in_tiers(&tiers, 7, false), Some((1000 + 2500 + 800) * ONE));
        assert_eq!(in_tiers(&tiers, 7, true), Some(2800 * ONE));
        assert_eq!(in_tiers(&tiers, 5, true), Some(3500 * ONE));
    }
}

//! Minor units, rounding and minimums. No floats: percentages are scaled integers.

use crate::{assumptions::Assumptions, error::ApiError};

/// Stripe's price for a card payment: 2.9 % and 30 minor units, rounded half up
/// (<https://stripe.com/pricing>, US cards; used for every country and currency here).
const FEE_PER_MILLE: i64 = 29;
const FEE_FIXED: i64 = 30;

/// The most Stripe takes: eight digits of minor units.
pub(crate) const MAX_AMOUNT: i64 = 99_999_999;

const ZERO_DECIMAL: [&str; 15] = [
    "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf",
    "xof", "xpf",
];
const THREE_DECIMAL: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];

/// The currencies that presentment takes here, lower case, with their minimum charge in minor units
/// (<https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts>).
const MINIMUMS: [(&str, i64); 40] = [
    ("usd", 50),
    ("aed", 200),
    ("ars", 50),
    ("aud", 50),
    ("bgn", 100),
    ("bhd", 200),
    ("brl", 50),
    ("cad", 50),
    ("chf", 50),
    ("clp", 500),
    ("cop", 200_000),
    ("czk", 1500),
    ("dkk", 250),
    ("eur", 50),
    ("gbp", 30),
    ("hkd", 400),
    ("huf", 17_500),
    ("idr", 900_000),
    ("ils", 200),
    ("inr", 50),
    ("isk", 7000),
    ("jod", 400),
    ("jpy", 50),
    ("krw", 700),
    ("kwd", 200),
    ("mxn", 1000),
    ("myr", 200),
    ("nok", 300),
    ("nzd", 50),
    ("omr", 200),
    ("php", 3000),
    ("pln", 200),
    ("ron", 200),
    ("sek", 300),
    ("sgd", 50),
    ("thb", 1000),
    ("tnd", 1500),
    ("try", 2000),
    ("vnd", 13_000),
    ("zar", 900),
];

/// The minimum charge in minor units, or Stripe's refusal of an unknown currency.
pub(crate) fn minimum(currency: &str, param: &str) -> Result<i64, ApiError> {
    let lower = currency.to_ascii_lowercase();
    if let Some((_, minimum)) = MINIMUMS.iter().find(|(c, _)| *c == lower) {
        return Ok(*minimum);
    }
    if ZERO_DECIMAL.contains(&lower.as_str()) {
        return Ok(100);
    }
    Err(ApiError::invalid(format!(
        "Invalid currency: {currency}. Stripe currently supports these currencies: {}",
        MINIMUMS.map(|(c, _)| c).join(", ")
    ))
    .param(param))
}

/// Refuses an amount below the currency's minimum
/// (<https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts>).
pub(crate) fn check_amount(amount: i64, currency: &str) -> Result<(), ApiError> {
    let minimum = minimum(currency, "currency")?;
    if amount < minimum {
        return Err(ApiError::invalid(format!(
            "Amount must be at least {}",
            format(minimum, currency)
        ))
        .code("amount_too_small")
        .param("amount"));
    }
    if digits(currency) == 3 && amount % 10 != 0 {
        return Err(ApiError::invalid(format!(
            "Invalid amount: the least-significant digit of an amount in {} must be 0.",
            currency.to_ascii_uppercase()
        ))
        .code("parameter_invalid_integer")
        .param("amount"));
    }
    if amount > MAX_AMOUNT {
        return Err(ApiError::invalid(format!(
            "Amount must be no more than {}",
            format(MAX_AMOUNT, currency)
        ))
        .code("amount_too_large")
        .param("amount"));
    }
    Ok(())
}

/// How many digits of minor units a currency has.
pub(crate) fn digits(currency: &str) -> usize {
    if ZERO_DECIMAL.contains(&currency) {
        0
    } else if THREE_DECIMAL.contains(&currency) {
        3
    } else {
        2
    }
}

/// An amount for people: `12.34 EUR`, `1234 JPY`.
pub(crate) fn format(amount: i64, currency: &str) -> String {
    let digits = digits(currency);
    let sign = if amount < 0 { "-" } else { "" };
    let text = format!("{:0width$}", amount.unsigned_abs(), width = digits + 1);
    let (whole, part) = text.split_at(text.len() - digits);
    let dot = if digits == 0 { "" } else { "." };
    format!("{sign}{whole}{dot}{part} {}", currency.to_ascii_uppercase())
}

/// How what is billed is rounded: half a minor unit goes up, or to the even one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rounding<'a>(pub &'a Assumptions);

impl Rounding<'_> {
    /// To be asked only of what ends in a half, so that only that depends on the answer.
    pub fn is_half_even(self) -> bool {
        self.0.get("rounding") == "half_even"
    }
}

/// `a * b / c` rounded, for `a`, `b` ≥ 0 and `c` > 0.
pub(crate) fn part(rounding: Rounding<'_>, a: i64, b: i64, c: i64) -> Result<i64, ApiError> {
    let up = share(a, b, c)?;
    let (a, b, c) = (i128::from(a), i128::from(b), i128::from(c));
    let tie = c > 0 && (a * b * 2) % (c * 2) == c;
    Ok(if tie && rounding.is_half_even() {
        up - up % 2
    } else {
        up
    })
}

/// `a * b / c` rounded half up, for `a`, `b` ≥ 0 and `c` > 0.
pub(crate) fn share(a: i64, b: i64, c: i64) -> Result<i64, ApiError> {
    let (a, b, c) = (i128::from(a), i128::from(b), i128::from(c));
    if c == 0 {
        return Ok(0);
    }
    i64::try_from((a * b * 2 + c) / (c * 2)).map_err(|_| ApiError::overflow())
}

pub(crate) fn stripe_fee(amount: i64) -> Result<i64, ApiError> {
    share(amount, FEE_PER_MILLE, 1000)?
        .checked_add(FEE_FIXED)
        .ok_or_else(ApiError::overflow)
}

/// A percentage such as `12.5` in ten-thousandths of a percent, or nothing when it isn't one.
pub(crate) fn percent(text: &str) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 4 {
        return None;
    }
    format!("{whole}{part:0<4}").parse().ok()
}

/// What a percentage (see [`percent`]) takes off an amount, rounded.
pub(crate) fn percent_of(
    rounding: Rounding<'_>,
    amount: i64,
    percent: i64,
) -> Result<i64, ApiError> {
    part(rounding, amount, percent, 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_shown_with_the_digits_of_their_currency() {
        assert_eq!(format(5, "eur"), "0.05 EUR");
        assert_eq!(format(-1234, "usd"), "-12.34 USD");
        assert_eq!(format(1234, "jpy"), "1234 JPY");
        assert_eq!(format(1234, "kwd"), "1.234 KWD");
    }

    #[test]
    fn fees_and_percentages_round_half_up() {
        assert_eq!(stripe_fee(1000).ok(), Some(59));
        assert_eq!(stripe_fee(50).ok(), Some(31));
        assert_eq!(percent("12.5"), Some(125_000));
        assert_eq!(
            percent_of(Rounding(&Assumptions::default()), 999, 125_000).ok(),
            Some(125)
        );
    }
}

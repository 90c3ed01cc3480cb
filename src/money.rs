//! Amounts in minor units, their currencies, and the application fee.

use crate::error::{Error, Result};

/// The largest amount that Stripe charges at once: eight digits (docs.stripe.com/currencies#minimum-and-maximum-charge-amounts).
pub const MAX_AMOUNT: i64 = 99_999_999;

/// Currencies that Stripe charges in, each with its smallest charge in minor units, as far as Stripe documents one
/// (docs.stripe.com/currencies#minimum-and-maximum-charge-amounts).
const CURRENCIES: &[(&str, i64)] = &[
    ("aed", 200),
    ("aud", 50),
    ("bgn", 100),
    ("brl", 50),
    ("cad", 50),
    ("chf", 50),
    ("clp", 1),
    ("cop", 1),
    ("czk", 1500),
    ("dkk", 250),
    ("eur", 50),
    ("gbp", 30),
    ("hkd", 400),
    ("huf", 17500),
    ("idr", 1),
    ("ils", 1),
    ("inr", 50),
    ("jpy", 50),
    ("krw", 1),
    ("mxn", 1000),
    ("myr", 200),
    ("nok", 300),
    ("nzd", 50),
    ("pen", 1),
    ("php", 1),
    ("pln", 200),
    ("ron", 200),
    ("sek", 300),
    ("sgd", 50),
    ("thb", 1000),
    ("twd", 1),
    ("usd", 50),
    ("vnd", 1),
    ("zar", 1),
    ("bhd", 10),
    ("jod", 10),
    ("kwd", 10),
    ("omr", 10),
    ("tnd", 10),
];

/// Whether the currency is one of ours (ISO 4217, lower case).
pub fn is_currency(currency: &str) -> bool {
    minimum(currency).is_some()
}

/// The smallest charge in a currency, in minor units. None: we don't know the currency.
pub fn minimum(currency: &str) -> Option<i64> {
    CURRENCIES
        .iter()
        .find(|(name, _)| *name == currency)
        .map(|(_, minimum)| *minimum)
}

/// The decimals of a currency's amounts (docs.stripe.com/currencies#zero-decimal and #three-decimal).
pub fn decimals(currency: &str) -> usize {
    match currency {
        "clp" | "jpy" | "krw" | "vnd" => 0,
        "bhd" | "jod" | "kwd" | "omr" | "tnd" => 3,
        _ => 2,
    }
}

/// An amount in minor units as text for people, such as `12.50 EUR`.
pub fn display(amount: i64, currency: &str) -> String {
    let decimals = decimals(currency);
    let code = currency.to_uppercase();
    let sign = if amount < 0 { "-" } else { "" };
    let digits = format!("{:0width$}", amount.unsigned_abs(), width = decimals + 1);
    let (whole, part) = digits.split_at(digits.len() - decimals);
    if decimals == 0 {
        format!("{sign}{whole} {code}")
    } else {
        format!("{sign}{whole}.{part} {code}")
    }
}

/// `a + b` in minor units.
///
/// # Errors
/// [`Error::Overflow`].
pub fn add(a: i64, b: i64) -> Result<i64> {
    a.checked_add(b).ok_or(Error::Overflow)
}

/// `a − b` in minor units.
///
/// # Errors
/// [`Error::Overflow`].
pub fn sub(a: i64, b: i64) -> Result<i64> {
    a.checked_sub(b).ok_or(Error::Overflow)
}

/// `unit × quantity` in minor units.
///
/// # Errors
/// [`Error::Overflow`].
pub fn times(unit: i64, quantity: i64) -> Result<i64> {
    unit.checked_mul(quantity).ok_or(Error::Overflow)
}

/// The application fee: a share in basis points, rounded half up to a whole minor unit, and a fixed amount. It is never
/// more than the payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeRule {
    /// Hundredths of a per cent, 0 to 10000.
    pub bps: i32,
    /// Minor units of the payment's currency.
    pub fixed: i64,
}

impl FeeRule {
    /// The application fee of an amount, both in minor units.
    ///
    /// # Errors
    /// [`Error::Overflow`].
    pub fn of(self, amount: i64) -> Result<i64> {
        let share = times(amount, i64::from(self.bps))?;
        let rounded = add(share, 5_000)? / 10_000;
        Ok(std::cmp::Ord::min(add(rounded, self.fixed)?, amount))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fee_rounds_half_up_and_never_exceeds_the_amount() {
        let rule = |bps, fixed| FeeRule { bps, fixed };
        assert_eq!(rule(1000, 0).of(1005).expect("small"), 101);
        assert_eq!(rule(1000, 0).of(1004).expect("small"), 100);
        assert_eq!(rule(250, 30).of(10_000).expect("small"), 280);
        assert_eq!(rule(10_000, 500).of(100).expect("small"), 100);
        assert_eq!(rule(0, 0).of(100).expect("small"), 0);
        assert!(rule(10_000, 0).of(i64::MAX).is_err());
    }

    #[test]
    fn amounts_read_as_people_write_them() {
        assert_eq!(display(1250, "eur"), "12.50 EUR");
        assert_eq!(display(-5, "usd"), "-0.05 USD");
        assert_eq!(display(500, "jpy"), "500 JPY");
        assert_eq!(display(1500, "kwd"), "1.500 KWD");
    }
}

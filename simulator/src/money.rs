//! Minor units, rounding and minimums. No floats: percentages are scaled integers.

use crate::{assumptions::Assumptions, error::ApiError};

/// Stripe's price for a card payment: 2.9 % and 30 minor units, rounded half up
/// (<https://stripe.com/pricing>, US cards; used for every country and currency here).
const FEE_PER_MILLE: i64 = 29;
const FEE_FIXED: i64 = 30;

/// The currencies that can be charged, lower case: <https://docs.stripe.com/currencies#presentment-currencies>, with the
/// successor XCG of ANG and without BGN, which ended with 2025. Those with two decimals are these.
const TWO_DECIMAL: [&str; 119] = [
    "usd", "aed", "afn", "all", "amd", "ang", "aoa", "ars", "aud", "awg", "azn", "bam", "bbd",
    "bdt", "bmd", "bnd", "bob", "brl", "bsd", "bwp", "byn", "bzd", "cad", "cdf", "chf", "cny",
    "cop", "crc", "cve", "czk", "dkk", "dop", "dzd", "egp", "etb", "eur", "fjd", "fkp", "gbp",
    "gel", "gip", "gmd", "gtq", "gyd", "hkd", "hnl", "htg", "huf", "idr", "ils", "inr", "isk",
    "jmd", "kes", "kgs", "khr", "kyd", "kzt", "lak", "lbp", "lkr", "lrd", "lsl", "mad", "mdl",
    "mkd", "mmk", "mnt", "mop", "mur", "mvr", "mwk", "mxn", "myr", "mzn", "nad", "ngn", "nio",
    "nok", "npr", "nzd", "pab", "pen", "pgk", "php", "pkr", "pln", "qar", "ron", "rsd", "rub",
    "sar", "sbd", "scr", "sek", "sgd", "shp", "sle", "sos", "srd", "std", "szl", "thb", "tjs",
    "top", "try", "ttd", "twd", "tzs", "uah", "ugx", "uyu", "uzs", "wst", "xcd", "xcg", "yer",
    "zar", "zmw",
];
/// <https://docs.stripe.com/currencies#zero-decimal>. UGX is listed there too, but see [`step`].
const ZERO_DECIMAL: [&str; 15] = [
    "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf",
    "xof", "xpf",
];
/// <https://docs.stripe.com/currencies#three-decimal>.
const THREE_DECIMAL: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];

/// The smallest charges that Stripe documents, in minor units
/// (<https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts>).
const MINIMUMS: [(&str, i64); 31] = [
    ("usd", 50),
    ("aed", 200),
    ("ars", 50),
    ("aud", 50),
    ("brl", 50),
    ("cad", 50),
    ("chf", 50),
    ("cop", 50),
    ("czk", 1500),
    ("dkk", 250),
    ("eur", 50),
    ("gbp", 30),
    ("hkd", 400),
    ("huf", 17_500),
    ("idr", 50),
    ("ils", 50),
    ("inr", 50),
    ("jpy", 50),
    ("krw", 50),
    ("mxn", 1000),
    ("myr", 200),
    ("nok", 300),
    ("nzd", 50),
    ("php", 50),
    ("pln", 200),
    ("ron", 200),
    ("rub", 50),
    ("sek", 300),
    ("sgd", 50),
    ("thb", 1000),
    ("zar", 50),
];

/// The minimum charge in minor units, or Stripe's refusal of an unknown currency. Where none is documented it is the
/// least that can be written: Stripe then asks for what comes to the minimum of the currency it converts to, and nothing
/// is converted here.
pub(crate) fn minimum(currency: &str, param: &str) -> Result<i64, ApiError> {
    let lower = currency.to_ascii_lowercase();
    let all = || {
        TWO_DECIMAL
            .into_iter()
            .chain(ZERO_DECIMAL)
            .chain(THREE_DECIMAL)
    };
    if !all().any(|c| c == lower) {
        return Err(ApiError::invalid(format!(
            "Invalid currency: {currency}. Stripe currently supports these currencies: {}",
            all().collect::<Vec<_>>().join(", ")
        ))
        .param(param));
    }
    let documented = MINIMUMS.iter().find(|(c, _)| *c == lower);
    Ok(documented.map_or(step(&lower), |(_, minimum)| *minimum))
}

/// The largest charge in minor units: eight digits, with three exceptions
/// (<https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts>).
pub(crate) fn maximum(currency: &str) -> i64 {
    match currency {
        "idr" => 999_999_999_999,
        "cop" => 9_999_999_999,
        "inr" => 999_999_999,
        _ => 99_999_999,
    }
}

/// What an amount must be a multiple of, in minor units. The last digit of three-decimal currencies is 0; ISK and UGX have
/// no parts, and are written with two decimals, which are 00 (<https://docs.stripe.com/currencies#special-cases>).
pub(crate) fn step(currency: &str) -> i64 {
    match currency {
        "isk" | "ugx" => 100,
        _ if digits(currency) == 3 => 10,
        _ => 1,
    }
}

/// As [`step`], for payouts that are made by hand: HUF and TWD are paid out in whole units.
pub(crate) fn payout_step(currency: &str) -> i64 {
    match currency {
        "huf" | "twd" => 100,
        _ => step(currency),
    }
}

/// Refuses an amount that isn't a multiple of `step`.
pub(crate) fn check_step(
    amount: i64,
    currency: &str,
    step: i64,
    param: &str,
) -> Result<(), ApiError> {
    if amount % step == 0 {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "Invalid amount: an amount in {} must be evenly divisible by {step}.",
        currency.to_ascii_uppercase()
    ))
    .code("parameter_invalid_integer")
    .param(param))
}

/// Refuses an amount that can't be charged in the currency.
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
    check_step(amount, currency, step(currency), "amount")?;
    let maximum = maximum(currency);
    if amount > maximum {
        return Err(ApiError::invalid(format!(
            "Amount must be no more than {}",
            format(maximum, currency)
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
    /// Call this only for amounts that end in a half, since only they depend on the assumption.
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
    fn each_currency_is_listed_once_with_what_stripe_documents_of_it() {
        let all: Vec<_> = TWO_DECIMAL
            .into_iter()
            .chain(ZERO_DECIMAL)
            .chain(THREE_DECIMAL)
            .collect();
        let once: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!((all.len(), once.len()), (139, 139));
        assert!(MINIMUMS.iter().all(|(c, _)| all.contains(c)));
        for (currency, least, most) in [
            ("usd", 50, 99_999_999),
            ("isk", 100, 99_999_999),
            ("ugx", 100, 99_999_999),
            ("kwd", 10, 99_999_999),
            ("clp", 1, 99_999_999),
            ("xof", 1, 99_999_999),
            ("idr", 50, 999_999_999_999),
            ("cop", 50, 9_999_999_999),
            ("inr", 50, 999_999_999),
        ] {
            let most = most - most % step(currency);
            let takes = |amount| check_amount(amount, currency).is_ok();
            assert!(takes(least) && takes(most), "{currency}");
            assert!(
                !takes(least - 1) && !takes(most + step(currency)),
                "{currency}"
            );
            assert!(step(currency) == 1 || !takes(most - 1), "{currency}");
        }
        for unknown in ["bgn", "hrk", "xyz", "", "eu"] {
            assert!(minimum(unknown, "currency").is_err(), "{unknown}");
        }
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

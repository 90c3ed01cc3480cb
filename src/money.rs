//! Amounts in minor units, their currencies, and the application fee.

mod currencies;

pub use currencies::{Currency, MAX_AMOUNT, currency};

use souk_entity::Amounts;

use crate::error::{Error, Result};

/// Whether Stripe charges in the currency (ISO 4217, lower case).
pub fn is_currency(code: &str) -> bool {
    currency(code).is_some()
}

/// The decimals of a currency's amounts. Two for one that Stripe doesn't charge in, as for most.
pub fn decimals(code: &str) -> usize {
    currency(code).map_or(2, |currency| currency.decimals)
}

/// The step of a currency's amounts: all are multiples of it. 1 for one that Stripe doesn't charge in.
pub fn step(code: &str) -> i64 {
    currency(code).map_or(1, |currency| currency.step)
}

/// What is wrong with a fixed fee in a currency, after the name of its field. Unlike an amount it may be 0.
pub fn fixed_fee_fault(fee: i64, code: &str) -> Option<String> {
    match (currency(code), fee) {
        (None, _) => Some(format!(
            "names {code:?}, which is no currency that Stripe charges in"
        )),
        (_, 0) => None,
        _ => fault(fee, code),
    }
}

/// Whether somebody may ask for an amount in a currency: it is positive, a multiple of the step, and no more than can be
/// charged at once. What is wrong with it otherwise, after the name of its field.
pub fn fault(amount: i64, code: &str) -> Option<String> {
    let (step, most) = (
        step(code),
        currency(code).map_or(MAX_AMOUNT, |row| row.largest),
    );
    if !(step..=most).contains(&amount) {
        let (from, to) = (display(step, code), display(most, code));
        return Some(format!("must be {step} to {most} ({from} to {to})"));
    }
    if amount % step != 0 {
        let unit = display(step, code);
        return Some(format!(
            "must be a multiple of {step} ({unit}), as Stripe wants"
        ));
    }
    None
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

/// The part of `whole` that `part` is `of`, in minor units of a currency, rounded half up to the currency's step. All of it
/// gives the whole.
///
/// # Errors
/// [`Error::Overflow`].
pub fn share(whole: i64, part: i64, of: i64, currency: &str) -> Result<i64> {
    if part >= of {
        return Ok(whole);
    }
    let (step, of) = (i128::from(step(currency)), i128::from(of));
    let exact = i128::from(whole) * i128::from(part);
    let steps = (2 * exact + of * step) / (2 * of * step);
    let share = i64::try_from(steps * step).map_err(|_| Error::Overflow)?;
    // A whole that is no multiple of the step would be rounded up to more than it is.
    Ok(std::cmp::min(share, whole))
}

/// Splits an amount in proportion to weights, by the largest remainder, the earlier ones first; the parts add up to it. They
/// are multiples of the currency's step where the amount is one and so is all that it is taken from. No part of an amount that
/// isn't more than all weights together is more than its own weight. Without any weight the first has all.
///
/// # Errors
/// [`Error::Overflow`].
pub fn split(amount: i64, weights: &[i64], currency: &str) -> Result<Vec<i64>> {
    match weights {
        [] => return Ok(Vec::new()),
        [_] => return Ok(vec![amount]),
        _ => {}
    }
    let of = weights
        .iter()
        .map(|weight| i128::from(*weight))
        .sum::<i128>();
    if of == 0 {
        let rest = weights.len().saturating_sub(1);
        return Ok(std::iter::once(amount)
            .chain(std::iter::repeat_n(0, rest))
            .collect());
    }
    let is_whole = |amount: i64| amount % step(currency) == 0;
    // Where the weights are what there is to take from, no part may be more.
    let is_capped = i128::from(amount) <= of;
    let step = match is_whole(amount) && !(is_capped && weights.iter().any(|w| !is_whole(*w))) {
        true => step(currency),
        false => 1,
    };
    let steps = i128::from(amount / step);
    let mut parts = Vec::with_capacity(weights.len());
    let mut remainders = Vec::with_capacity(weights.len());
    for (at, weight) in weights.iter().enumerate() {
        let exact = steps * i128::from(*weight);
        parts.push(exact / of);
        remainders.push((exact % of, at));
    }
    remainders.sort_by_key(|(remainder, at)| (-remainder, *at));
    let left = steps - parts.iter().sum::<i128>();
    let left = usize::try_from(left).map_err(|_| Error::Overflow)?;
    for (_, at) in remainders.into_iter().take(left) {
        parts[at] += 1;
    }
    let parts = parts.into_iter().map(|part| part * i128::from(step));
    parts
        .map(|part| i64::try_from(part).map_err(|_| Error::Overflow))
        .collect()
}

/// The application fee: a share in basis points, rounded half up to the currency's step, and a fixed amount. It is never
/// more than the payment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeeRule {
    /// Hundredths of a per cent, 0 to 10000.
    pub bps: i32,
    /// What is added in each currency. In a currency that isn't among them, nothing is.
    pub fixed: Amounts,
}

impl FeeRule {
    /// As a payment keeps it: the share, and what is added in the payment's currency.
    pub fn of_parts(bps: Option<i32>, fixed: Option<i64>, currency: &str) -> Self {
        Self {
            bps: bps.unwrap_or(0),
            fixed: [(currency.to_owned(), fixed.unwrap_or(0))].into(),
        }
    }

    /// The application fee of an amount in a currency, both in minor units.
    ///
    /// # Errors
    /// [`Error::Overflow`].
    pub fn of(&self, amount: i64, currency: &str) -> Result<i64> {
        let step = step(currency);
        let share = times(amount, i64::from(self.bps))?;
        // Half a step's ten-thousandths, so that the division rounds half up.
        let steps = add(share, times(step, 5_000)?)? / times(step, 10_000)?;
        let fixed = self.fixed.get(currency).copied().unwrap_or(0);
        let fee = add(times(steps, step)?, fixed - fixed % step)?;
        Ok(std::cmp::Ord::min(fee, amount))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_fee_rounds_half_up_and_never_exceeds_the_amount() {
        let rule = |bps, fixed| FeeRule {
            bps,
            fixed: Amounts::from([("usd".to_owned(), fixed)]),
        };
        assert_eq!(rule(1000, 0).of(1005, "usd").expect("small"), 101);
        assert_eq!(rule(1000, 0).of(1004, "usd").expect("small"), 100);
        assert_eq!(rule(250, 30).of(10_000, "usd").expect("small"), 280);
        assert_eq!(rule(10_000, 500).of(100, "usd").expect("small"), 100);
        assert_eq!(rule(0, 0).of(100, "usd").expect("small"), 0);
        assert!(rule(10_000, 0).of(i64::MAX, "usd").is_err());
        assert!(rule(10_000, 0).of(MAX_AMOUNT, "usd").is_ok());
    }

    #[test]
    fn a_fee_is_a_multiple_of_the_currencys_step() {
        let ten_percent = |amount, currency| {
            let rule = FeeRule {
                bps: 1000,
                ..FeeRule::default()
            };
            rule.of(amount, currency).expect("small")
        };
        assert_eq!(ten_percent(4_900, "isk"), 500);
        assert_eq!(ten_percent(4_500, "isk"), 500);
        assert_eq!(ten_percent(4_400, "isk"), 400);
        assert_eq!(ten_percent(400, "ugx"), 0);
        assert_eq!(ten_percent(5_150, "kwd"), 520);
        assert_eq!(ten_percent(5_140, "kwd"), 510);
        assert_eq!(ten_percent(15, "jpy"), 2);
        let fixed = |fixed| FeeRule {
            bps: 10_000,
            fixed: Amounts::from([("isk".to_owned(), fixed)]),
        };
        assert_eq!(fixed(100).of(400, "isk").expect("small"), 400);
        // Agreed before the currency had a step.
        let rule = FeeRule {
            bps: 0,
            ..fixed(150)
        };
        assert_eq!(rule.of(400, "isk").expect("small"), 100);
    }

    #[test]
    fn a_fixed_fee_is_taken_in_its_own_currency_only() {
        let fixed = [("usd", 30), ("eur", 25)].map(|(code, fee)| (code.to_owned(), fee));
        let rule = FeeRule {
            bps: 1000,
            fixed: fixed.into(),
        };
        assert_eq!(rule.of(1000, "usd").expect("small"), 130);
        assert_eq!(rule.of(1000, "eur").expect("small"), 125);
        assert_eq!(rule.of(1000, "jpy").expect("small"), 100);
    }

    #[test]
    fn a_split_goes_to_the_largest_remainders_and_adds_up() {
        let of =
            |amount, weights: &[i64], currency| split(amount, weights, currency).expect("fits");
        assert_eq!(of(100, &[1, 1, 1], "usd"), [34, 33, 33]);
        assert_eq!(of(100, &[3, 5, 9], "usd"), [18, 29, 53]);
        assert_eq!(of(10, &[995, 3, 2], "usd"), [10, 0, 0]);
        assert_eq!(of(7, &[0, 7, 0], "usd"), [0, 7, 0]);
        assert_eq!(of(7, &[0, 0], "usd"), [7, 0]);
        assert_eq!(of(7, &[5], "usd"), [7]);
        assert_eq!(of(1000, &[1, 1, 1], "isk"), [400, 300, 300]);
        assert_eq!(of(1001, &[1, 1, 1], "isk"), [334, 334, 333]);
        assert_eq!(of(0, &[], "usd"), [0; 0]);
        let most = of(i64::MAX, &[i64::MAX, i64::MAX], "usd");
        assert_eq!(most, [i64::MAX / 2 + 1, i64::MAX / 2]);
        for amount in 0..=60 {
            let weights = [7, 20, 0, 33];
            let parts = of(amount, &weights, "usd");
            assert_eq!(parts.iter().sum::<i64>(), amount);
            assert!(
                parts
                    .iter()
                    .zip(weights)
                    .all(|(part, weight)| *part <= weight)
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4000) })]

        #[test]
        fn parts_that_are_taken_from_what_is_left_add_up_and_never_take_more(
            weights in prop::collection::vec(0..5000_i64, 1..6),
            takes in prop::collection::vec(0..=1000_i64, 1..8),
            currency in prop_oneof![Just("usd"), Just("jpy"), Just("isk"), Just("kwd")],
        ) {
            let mut left = weights;
            // The last takes all.
            for thousandths in takes.into_iter().chain([1000]) {
                let all: i64 = left.iter().sum();
                let amount = all * thousandths / 1000;
                let parts = split(amount, &left, currency).expect("small");
                prop_assert_eq!(parts.iter().sum::<i64>(), amount);
                for (left, part) in left.iter_mut().zip(parts) {
                    prop_assert!((0..=*left).contains(&part), "{} of {}", part, left);
                    *left -= part;
                }
            }
            prop_assert!(left.iter().all(|left| *left == 0));
        }

        #[test]
        fn shares_of_more_are_never_less_and_none_is_more_than_the_whole(
            whole in 0..5000_i64,
            of in 1..5000_i64,
            part in 0..5000_i64,
            currency in prop_oneof![Just("usd"), Just("jpy"), Just("isk"), Just("kwd")],
        ) {
            let share = |part| share(whole, part, of, currency).expect("small");
            prop_assert!(share(part) <= share(part + 1));
            prop_assert!((0..=whole).contains(&share(part)));
            prop_assert_eq!(share(of), whole);
        }
    }

    #[test]
    fn an_amount_is_a_multiple_of_its_step_within_the_limits() {
        for (amount, currency) in [
            (1, "usd"),
            (1, "jpy"),
            (100, "isk"),
            (300, "ugx"),
            (10, "kwd"),
            (1, "huf"),
            (150_000_000, "idr"),
            (MAX_AMOUNT, "idr"),
        ] {
            assert_eq!(fault(amount, currency), None, "{amount} {currency}");
        }
        for (amount, currency) in [
            (0, "usd"),
            (-1, "usd"),
            (i64::MIN, "usd"),
            (i64::MAX, "usd"),
            (MAX_AMOUNT + 1, "usd"),
            (50, "isk"),
            (150, "isk"),
            (101, "ugx"),
            (5, "kwd"),
            (5_124, "kwd"),
            (MAX_AMOUNT, "kwd"),
        ] {
            assert!(fault(amount, currency).is_some(), "{amount} {currency}");
        }
    }

    #[test]
    fn amounts_read_as_people_write_them() {
        assert_eq!(display(1250, "eur"), "12.50 EUR");
        assert_eq!(display(-5, "usd"), "-0.05 USD");
        assert_eq!(display(500, "jpy"), "500 JPY");
        assert_eq!(display(1500, "kwd"), "1.500 KWD");
        assert_eq!(display(500, "isk"), "5.00 ISK");
        assert_eq!(display(500, "xof"), "500 XOF");
    }

    #[test]
    fn a_share_rounds_half_up_to_the_step_and_all_of_it_is_the_whole() {
        let share = |part, currency| share(11, part, 105, currency).expect("small");
        assert_eq!(
            [0, 4, 5, 20, 85, 104, 105, 106].map(|part| share(part, "usd")),
            [0, 0, 1, 2, 9, 11, 11, 11]
        );
        assert_eq!(super::share(1000, 1, 3, "isk").expect("small"), 300);
        assert_eq!(
            super::share(i64::MAX, 1, 2, "usd").expect("fits"),
            i64::MAX / 2 + 1
        );
        assert_eq!(super::share(5, 0, 0, "usd").expect("small"), 5);
    }
}

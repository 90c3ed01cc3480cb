//! The currencies that Stripe charges in, one row each (docs.stripe.com/currencies).

/// A currency and its rules. Amounts are in minor units, as Stripe counts them, which differs from ISO 4217 for some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Currency {
    /// ISO 4217, lower case.
    pub code: &'static str,
    /// The decimals of its amounts (docs.stripe.com/currencies#zero-decimal and #special-cases).
    pub decimals: usize,
    /// Every amount is a multiple of it: three-decimal amounts end in 0, and ISK and UGX have two decimals that are 00.
    pub step: i64,
    /// A payout is a multiple of it: HUF and TWD are charged with decimals, but paid out whole.
    pub payout_step: i64,
    /// The smallest charge, as far as Stripe documents one; otherwise the step. It holds for charges that are settled in
    /// the same currency. Others must convert to the smallest charge of the currency that they are settled in, which only
    /// Stripe knows (docs.stripe.com/currencies#minimum-and-maximum-charge-amounts).
    pub smallest: i64,
    /// The largest charge: twelve digits, by card. Other ways of paying take less (eight digits in most currencies), which
    /// Stripe decides by the buyer's choice (docs.stripe.com/currencies#minimum-and-maximum-charge-amounts).
    pub largest: i64,
}

/// The largest charge in any currency.
pub const MAX_AMOUNT: i64 = 999_999_999_999;

const fn two(code: &'static str, smallest: i64) -> Currency {
    Currency {
        code,
        decimals: 2,
        step: 1,
        payout_step: 1,
        smallest,
        largest: MAX_AMOUNT,
    }
}

const fn zero(code: &'static str, smallest: i64) -> Currency {
    Currency {
        decimals: 0,
        ..two(code, smallest)
    }
}

const fn three(code: &'static str, smallest: i64) -> Currency {
    Currency {
        decimals: 3,
        step: 10,
        payout_step: 10,
        largest: MAX_AMOUNT - MAX_AMOUNT % 10,
        ..two(code, smallest)
    }
}

/// Without decimals by now, but counted in hundredths as it was before.
const fn whole(code: &'static str, smallest: i64) -> Currency {
    Currency {
        step: 100,
        payout_step: 100,
        largest: MAX_AMOUNT - MAX_AMOUNT % 100,
        ..two(code, smallest)
    }
}

const fn paid_out_whole(code: &'static str, smallest: i64) -> Currency {
    Currency {
        payout_step: 100,
        ..two(code, smallest)
    }
}

/// Sorted by code. The three-decimal ones are for accounts in the United Arab Emirates; XCG follows ANG; BGN ended when the
/// year 2025 did.
const CURRENCIES: &[Currency] = &[
    two("aed", 200),
    two("afn", 1),
    two("all", 1),
    two("amd", 1),
    two("ang", 1),
    two("aoa", 1),
    two("ars", 50),
    two("aud", 50),
    two("awg", 1),
    two("azn", 1),
    two("bam", 1),
    two("bbd", 1),
    two("bdt", 1),
    three("bhd", 10),
    zero("bif", 1),
    two("bmd", 1),
    two("bnd", 1),
    two("bob", 1),
    two("brl", 50),
    two("bsd", 1),
    two("bwp", 1),
    two("byn", 1),
    two("bzd", 1),
    two("cad", 50),
    two("cdf", 1),
    two("chf", 50),
    zero("clp", 1),
    two("cny", 1),
    two("cop", 50),
    two("crc", 1),
    two("cve", 1),
    two("czk", 1_500),
    zero("djf", 1),
    two("dkk", 250),
    two("dop", 1),
    two("dzd", 1),
    two("egp", 1),
    two("etb", 1),
    two("eur", 50),
    two("fjd", 1),
    two("fkp", 1),
    two("gbp", 30),
    two("gel", 1),
    two("gip", 1),
    two("gmd", 1),
    zero("gnf", 1),
    two("gtq", 1),
    two("gyd", 1),
    two("hkd", 400),
    two("hnl", 1),
    two("htg", 1),
    paid_out_whole("huf", 17_500),
    two("idr", 50),
    two("ils", 50),
    two("inr", 50),
    whole("isk", 100),
    two("jmd", 1),
    three("jod", 10),
    zero("jpy", 50),
    two("kes", 1),
    two("kgs", 1),
    two("khr", 1),
    zero("kmf", 1),
    zero("krw", 50),
    three("kwd", 10),
    two("kyd", 1),
    two("kzt", 1),
    two("lak", 1),
    two("lbp", 1),
    two("lkr", 1),
    two("lrd", 1),
    two("lsl", 1),
    two("mad", 1),
    two("mdl", 1),
    zero("mga", 1),
    two("mkd", 1),
    two("mmk", 1),
    two("mnt", 1),
    two("mop", 1),
    two("mur", 1),
    two("mvr", 1),
    two("mwk", 1),
    two("mxn", 1_000),
    two("myr", 200),
    two("mzn", 1),
    two("nad", 1),
    two("ngn", 1),
    two("nio", 1),
    two("nok", 300),
    two("npr", 1),
    two("nzd", 50),
    three("omr", 10),
    two("pab", 1),
    two("pen", 1),
    two("pgk", 1),
    two("php", 50),
    two("pkr", 1),
    two("pln", 200),
    zero("pyg", 1),
    two("qar", 1),
    two("ron", 200),
    two("rsd", 1),
    two("rub", 50),
    zero("rwf", 1),
    two("sar", 1),
    two("sbd", 1),
    two("scr", 1),
    two("sek", 300),
    two("sgd", 50),
    two("shp", 1),
    two("sle", 1),
    two("sos", 1),
    two("srd", 1),
    two("std", 1),
    two("szl", 1),
    two("thb", 1_000),
    two("tjs", 1),
    three("tnd", 10),
    two("top", 1),
    two("try", 1),
    two("ttd", 1),
    paid_out_whole("twd", 1),
    two("tzs", 1),
    two("uah", 1),
    whole("ugx", 100),
    two("usd", 50),
    two("uyu", 1),
    two("uzs", 1),
    zero("vnd", 1),
    zero("vuv", 1),
    two("wst", 1),
    zero("xaf", 1),
    two("xcd", 1),
    two("xcg", 1),
    zero("xof", 1),
    zero("xpf", 1),
    two("yer", 1),
    two("zar", 50),
    two("zmw", 1),
];

/// A currency by its code in lower case. None: Stripe doesn't charge in it.
pub fn currency(code: &str) -> Option<&'static Currency> {
    let at = CURRENCIES.binary_search_by(|row| row.code.cmp(code));
    CURRENCIES.get(at.ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(code: &str) -> &'static Currency {
        currency(code).unwrap_or_else(|| panic!("no {code}"))
    }

    #[test]
    fn a_currency_stands_in_the_table_once_in_its_order() {
        assert!(CURRENCIES.is_sorted_by(|a, b| a.code < b.code));
        assert!(CURRENCIES.len() > 135, "{}", CURRENCIES.len());
        for row in CURRENCIES {
            let right = row.code.len() == 3 && row.code.chars().all(|c| c.is_ascii_lowercase());
            assert!(right, "{}", row.code);
            assert_eq!(currency(row.code), Some(row));
        }
        for unknown in ["EUR", "xxx", "", "euro", "usdc", "hrk", "bgn"] {
            assert_eq!(currency(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn every_limit_is_an_amount_of_its_currency() {
        for row in CURRENCIES {
            assert!(
                0 < row.smallest && row.smallest < row.largest,
                "{}",
                row.code
            );
            assert_eq!(row.smallest % row.step, 0, "{}", row.code);
            assert_eq!(row.largest % row.step, 0, "{}", row.code);
            assert_eq!(row.payout_step % row.step, 0, "{}", row.code);
        }
    }

    #[test]
    fn the_special_cases_are_as_stripe_documents_them() {
        let zero_decimal = [
            "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv",
            "xaf", "xof", "xpf",
        ];
        let three_decimal = ["bhd", "jod", "kwd", "omr", "tnd"];
        let in_hundreds = ["isk", "ugx"];
        let paid_out_in_hundreds = ["huf", "isk", "twd", "ugx"];
        for row in CURRENCIES {
            let is = |list: &[&str]| list.contains(&row.code);
            let decimals = match (is(&zero_decimal), is(&three_decimal)) {
                (true, _) => 0,
                (_, true) => 3,
                _ => 2,
            };
            assert_eq!(row.decimals, decimals, "{}", row.code);
            let step = match (is(&three_decimal), is(&in_hundreds)) {
                (true, _) => 10,
                (_, true) => 100,
                _ => 1,
            };
            assert_eq!(row.step, step, "{}", row.code);
            let payout_step = if is(&paid_out_in_hundreds) { 100 } else { step };
            assert_eq!(row.payout_step, payout_step, "{}", row.code);
        }
    }

    #[test]
    fn the_smallest_charges_are_as_stripe_documents_them() {
        for (code, smallest) in [
            ("usd", 50),
            ("eur", 50),
            ("gbp", 30),
            ("jpy", 50),
            ("krw", 50),
            ("huf", 17_500),
            ("czk", 1500),
            ("mxn", 1000),
            ("idr", 50),
            ("clp", 1),
            ("isk", 100),
            ("kwd", 10),
        ] {
            assert_eq!(row(code).smallest, smallest, "{code}");
        }
    }
}

//! Stripe's test bank accounts, and how a debit from each ends.
//! <https://docs.stripe.com/payments/sepa-debit/accept-a-payment#test-integration>,
//! <https://docs.stripe.com/payments/ach-direct-debit/accept-a-payment#test-account-numbers>.

use crate::store::Tx;

/// How a debit ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Debit {
    Succeeds,
    /// The charge's `failure_code`, and a message.
    Fails(&'static str, &'static str),
    /// Succeeds and is disputed at once, for this reason.
    Disputed(&'static str),
    /// Stays under way, until the payment is canceled.
    Never,
}

/// When a debit ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// As soon as `processing` has been seen.
    Soon,
    /// Stripe's `…Delayed` accounts take "at least three minutes".
    Delayed,
}

impl When {
    /// In so many seconds.
    pub(crate) fn seconds(self, tx: &Tx<'_>) -> i64 {
        match self {
            Self::Soon => tx.takes(5),
            Self::Delayed => 180,
        }
    }
}

/// The failures that Stripe's test accounts have, by code.
const FAILURES: [(&str, &str); 8] = [
    (
        "account_closed",
        "The customer's bank account has been closed.",
    ),
    (
        "no_account",
        "The customer's bank account could not be located.",
    ),
    (
        "insufficient_funds",
        "The customer's account has insufficient funds to cover this payment.",
    ),
    (
        "debit_not_authorized",
        "The customer has notified their bank that this payment was unauthorized.",
    ),
    (
        "invalid_currency",
        "The bank was unable to process this payment because of its currency.",
    ),
    (
        "charge_exceeds_source_limit",
        "This payment exceeds the weekly payment volume limit of the account.",
    ),
    (
        "charge_exceeds_weekly_limit",
        "This payment exceeds the weekly transaction limit of the account.",
    ),
    (
        "generic_could_not_process",
        "The customer's bank account could not be debited.",
    ),
];

fn fails(code: &str) -> Debit {
    FAILURES
        .iter()
        .find(|(name, _)| *name == code)
        .map_or(Debit::Succeeds, |(code, message)| {
            Debit::Fails(code, message)
        })
}

/// IBANs by country: success, successDelayed, failed, failedDelayed, disputed.
const IBANS: [(&str, [&str; 5]); 10] = [
    (
        "at",
        [
            "AT611904300234573201",
            "AT321904300235473204",
            "AT861904300235473202",
            "AT051904300235473205",
            "AT591904300235473203",
        ],
    ),
    (
        "be",
        [
            "BE62510007547061",
            "BE78510007547064",
            "BE68539007547034",
            "BE51510007547065",
            "BE08510007547063",
        ],
    ),
    (
        "de",
        [
            "DE89370400440532013000",
            "DE08370400440532013003",
            "DE62370400440532013001",
            "DE78370400440532013004",
            "DE35370400440532013002",
        ],
    ),
    (
        "ee",
        [
            "EE382200221020145685",
            "EE222200221020145682",
            "EE762200221020145680",
            "EE922200221020145683",
            "EE492200221020145681",
        ],
    ),
    (
        "es",
        [
            "ES0700120345030000067890",
            "ES2300120345030000067893",
            "ES9121000418450200051332",
            "ES9300120345030000067894",
            "ES5000120345030000067892",
        ],
    ),
    (
        "fi",
        [
            "FI2112345600000785",
            "FI3712345600000788",
            "FI9112345600000786",
            "FI1012345600000789",
            "FI6412345600000787",
        ],
    ),
    (
        "fr",
        [
            "FR1420041010050500013M02606",
            "FR3020041010050500013M02609",
            "FR8420041010050500013M02607",
            "FR7920041010050500013M02600",
            "FR5720041010050500013M02608",
        ],
    ),
    (
        "lu",
        [
            "LU280019400644750000",
            "LU440019400644750003",
            "LU980019400644750001",
            "LU170019400644750004",
            "LU710019400644750002",
        ],
    ),
    (
        "nl",
        [
            "NL39RABO0300065264",
            "NL55RABO0300065267",
            "NL91ABNA0417164300",
            "NL28RABO0300065268",
            "NL82RABO0300065266",
        ],
    ),
    (
        "pt",
        [
            "PT50000201231234567890154",
            "PT66000201231234567890157",
            "PT23000201231234567890155",
            "PT39000201231234567890158",
            "PT93000201231234567890156",
        ],
    ),
];

const SEPA_NAMES: [&str; 5] = [
    "success",
    "successDelayed",
    "failed",
    "failedDelayed",
    "disputed",
];

/// US account numbers and the names of their payment methods.
const US: [(&str, &str); 9] = [
    ("000123456789", "success"),
    ("000111111113", "accountClosed"),
    ("000111111116", "noAccount"),
    ("000222222227", "insufficientFunds"),
    ("000333333335", "debitNotAuthorized"),
    ("000444444440", "invalidCurrency"),
    ("000555555559", "dispute"),
    ("000000000009", "processing"),
    ("000777777771", "weeklyLimitExceeded"),
];

/// How a debit from an IBAN or a US account number ends, and when.
pub(crate) fn ending(account: &str) -> (Debit, When) {
    let us = US.iter().find(|(number, _)| *number == account);
    if let Some((_, name)) = us {
        let debit = match *name {
            "accountClosed" => fails("account_closed"),
            "noAccount" => fails("no_account"),
            "insufficientFunds" => fails("insufficient_funds"),
            "debitNotAuthorized" => fails("debit_not_authorized"),
            "invalidCurrency" => fails("invalid_currency"),
            "weeklyLimitExceeded" => fails("charge_exceeds_weekly_limit"),
            "dispute" => Debit::Disputed("debit_not_authorized"),
            "processing" => Debit::Never,
            _ => Debit::Succeeds,
        };
        return (debit, When::Soon);
    }
    let place = IBANS
        .iter()
        .find_map(|(_, all)| all.iter().position(|iban| *iban == account));
    match place {
        Some(1) => (Debit::Succeeds, When::Delayed),
        Some(2) => (fails("generic_could_not_process"), When::Soon),
        Some(3) => (fails("generic_could_not_process"), When::Delayed),
        Some(4) => (Debit::Disputed("customer_initiated"), When::Soon),
        Some(_) => (Debit::Succeeds, When::Soon),
        // The others end alike in every country.
        None if account.ends_with("0343434") => (fails("charge_exceeds_source_limit"), When::Soon),
        None if account.ends_with("0121212") => (fails("charge_exceeds_weekly_limit"), When::Soon),
        None if account.ends_with("2222227") => (fails("insufficient_funds"), When::Soon),
        None => (Debit::Succeeds, When::Soon),
    }
}

/// Whether the check digits are right
/// (<https://en.wikipedia.org/wiki/International_Bank_Account_Number#Validating_the_IBAN>).
pub(crate) fn valid_iban(iban: &str) -> bool {
    let (Some(head), Some(tail)) = (iban.get(..4), iban.get(4..)) else {
        return false;
    };
    let rest = tail.chars().chain(head.chars()).try_fold(0, |rest, c| {
        let n = c.to_digit(36)?;
        Some((rest * if n > 9 { 100 } else { 10 } + n) % 97)
    });
    iban.len() >= 15 && rest == Some(1)
}

/// The type and account of a magic payment method such as `pm_success_de` or `pm_usBankAccount_success`.
pub(crate) fn named(id: &str) -> Option<(&'static str, &'static str)> {
    if id == "pm_usBankAccount" {
        return Some(("us_bank_account", US[0].0));
    }
    if let Some(name) = id.strip_prefix("pm_usBankAccount_") {
        let (number, _) = US.iter().find(|(_, n)| *n == name)?;
        return Some(("us_bank_account", number));
    }
    let (name, country) = id.strip_prefix("pm_")?.rsplit_once('_')?;
    let (_, all) = IBANS.iter().find(|(c, _)| *c == country)?;
    let place = SEPA_NAMES.iter().position(|n| *n == name)?;
    all.get(place).map(|iban| ("sepa_debit", *iban))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_ibans_are_ibans() {
        for iban in IBANS.iter().flat_map(|(_, all)| all) {
            assert!(valid_iban(iban), "{iban}");
        }
        assert!(!valid_iban("DE89370400440532013001") && !valid_iban("DE"));
    }

    #[test]
    fn names_lead_to_accounts_that_end_as_they_say() {
        let end = |id| ending(named(id).expect(id).1);
        assert_eq!(end("pm_success_de").0, Debit::Succeeds);
        assert_eq!(
            end("pm_successDelayed_at"),
            (Debit::Succeeds, When::Delayed)
        );
        assert!(matches!(end("pm_failed_nl").0, Debit::Fails(..)));
        assert!(matches!(
            end("pm_usBankAccount_accountClosed").0,
            Debit::Fails("account_closed", _)
        ));
        assert_eq!(end("pm_usBankAccount_processing").0, Debit::Never);
        assert!(named("pm_success_xx").is_none() && named("pm_usBankAccount_x").is_none());
        assert!(matches!(
            ending("DE65370400440002222227").0,
            Debit::Fails("insufficient_funds", _)
        ));
    }
}

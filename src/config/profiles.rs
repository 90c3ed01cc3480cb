//! Charge profiles, and Stripe's table of what goes with what.

use souk_entity::seller::{ChargeProfile, Dashboard};

/// Who bears something: `fees_collector` and `losses_collector` of an account
/// (docs.stripe.com/connect/accounts-v2/connected-account-configuration).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearer {
    /// Stripe settles it with the seller.
    Stripe,
    /// The platform.
    Application,
}

/// What an account is configured as (docs.stripe.com/connect/accounts-v2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Configuration {
    /// Takes payments of its own: direct charges.
    Merchant,
    /// Receives transfers of the platform's payments.
    Recipient,
}

/// On whose account a charge is made, and how the seller comes to the money (docs.stripe.com/connect/charges).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChargeType {
    /// On the seller's.
    Direct,
    /// On the platform's, with a transfer to the seller.
    Destination,
    /// As `Destination`, in the seller's name.
    DestinationOnBehalfOf,
    /// On the platform's, with transfers of their own.
    Separate,
    /// As `Separate`, in the seller's name.
    SeparateOnBehalfOf,
}

/// What Stripe says of a combination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rating {
    /// It is supported.
    Allowed,
    /// It works, with drawbacks.
    Caution,
    /// Only after an agreement with Stripe's sales.
    SalesGated,
    /// It doesn't work.
    Blocked,
    /// Stripe's table leaves it open.
    OutOfScope,
}

/// What a profile stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The dashboard that the seller gets.
    pub dashboard: Dashboard,
    /// Who pays Stripe's fees of direct charges.
    pub fees: Bearer,
    /// Who answers for a negative balance that the seller doesn't make up for.
    pub losses: Bearer,
    /// What the account is configured as.
    pub configuration: Configuration,
    /// The charges that it is for.
    pub charges: &'static [ChargeType],
}

/// What a profile stands for.
pub fn terms(profile: ChargeProfile) -> Terms {
    use ChargeType::{Destination, Direct, Separate};
    let application = |dashboard, configuration, charges| Terms {
        dashboard,
        fees: Bearer::Application,
        losses: Bearer::Application,
        configuration,
        charges,
    };
    match profile {
        ChargeProfile::Direct => Terms {
            dashboard: Dashboard::Full,
            fees: Bearer::Stripe,
            losses: Bearer::Stripe,
            configuration: Configuration::Merchant,
            charges: &[Direct],
        },
        ChargeProfile::DirectExpress => {
            application(Dashboard::Express, Configuration::Merchant, &[Direct])
        }
        ChargeProfile::Marketplace => application(
            Dashboard::Express,
            Configuration::Recipient,
            &[Destination, Separate],
        ),
        ChargeProfile::WhiteLabel => {
            application(Dashboard::None, Configuration::Merchant, &[Direct])
        }
    }
}

/// The charge types of a row of `MATRIX`, in its order.
const COLUMNS: [ChargeType; 5] = [
    ChargeType::Direct,
    ChargeType::Destination,
    ChargeType::DestinationOnBehalfOf,
    ChargeType::Separate,
    ChargeType::SeparateOnBehalfOf,
];

/// Stripe's "Full Matrix (v2 field names)": `skills/connect-recommend/references/compatibility-matrix.md` of its public
/// repository `stripe/ai`, at commit bad904b of 2026-08-21. Express with Stripe bearing losses stands there as blocked. The
/// API takes it since 2026-11-18.endive, which is later than our version.
const MATRIX: [(Dashboard, Bearer, Bearer, [Rating; 5]); 12] = {
    use Bearer::{Application, Stripe};
    use Dashboard::{Express, Full, None};
    use Rating::{Allowed, Blocked, Caution, OutOfScope as Out, SalesGated};
    const BLOCKED: [Rating; 5] = [Blocked, Blocked, Out, Blocked, Out];
    const SALES: [Rating; 5] = [SalesGated, SalesGated, Out, SalesGated, Out];
    [
        (Full, Stripe, Stripe, [Allowed, Blocked, Out, Blocked, Out]),
        (Full, Stripe, Application, BLOCKED),
        (Full, Application, Application, SALES),
        (Full, Application, Stripe, SALES),
        (
            Express,
            Application,
            Application,
            [Allowed, Caution, Out, Caution, Out],
        ),
        (Express, Stripe, Stripe, BLOCKED),
        (Express, Stripe, Application, BLOCKED),
        (Express, Application, Stripe, BLOCKED),
        (None, Stripe, Stripe, BLOCKED),
        (None, Stripe, Application, BLOCKED),
        (None, Application, Stripe, BLOCKED),
        (
            None,
            Application,
            Application,
            [Allowed, Allowed, Out, Allowed, Out],
        ),
    ]
};

/// What Stripe says of charges of this type on accounts with this dashboard, `fees_collector` and `losses_collector`.
pub fn rating(dashboard: Dashboard, fees: Bearer, losses: Bearer, charge: ChargeType) -> Rating {
    let row = MATRIX
        .iter()
        .find(|row| (row.0, row.1, row.2) == (dashboard, fees, losses));
    let column = COLUMNS.iter().position(|one| *one == charge);
    match (row, column) {
        (Some(row), Some(column)) => row.3[column],
        // The table has every combination; a test holds that.
        _ => Rating::OutOfScope,
    }
}

impl Terms {
    /// Why charges of this type can't be made on accounts of these terms. None: they can.
    pub fn fault(&self, charge: ChargeType) -> Option<&'static str> {
        match rating(self.dashboard, self.fees, self.losses, charge) {
            Rating::Allowed | Rating::Caution => None,
            Rating::SalesGated => Some("Stripe allows it only after an agreement with its sales"),
            Rating::Blocked => Some("Stripe doesn't support it"),
            Rating::OutOfScope => Some("Stripe doesn't say that it is supported"),
        }
    }

    /// Whether accounts of these terms are for charges of this type.
    pub fn is_for(&self, charge: ChargeType) -> bool {
        self.charges.contains(&charge) && self.fault(charge).is_none()
    }

    /// The capability that its charges need (`configuration.*.capabilities`).
    pub fn charging_capability(&self) -> &'static str {
        match self.configuration {
            Configuration::Merchant => "card_payments",
            Configuration::Recipient => "stripe_balance.stripe_transfers",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILES: [ChargeProfile; 4] = [
        ChargeProfile::Direct,
        ChargeProfile::DirectExpress,
        ChargeProfile::Marketplace,
        ChargeProfile::WhiteLabel,
    ];

    /// The table as Stripe prints it: dashboard, fees, losses, then direct, destination, destination on behalf of, separate,
    /// separate on behalf of.
    const PRINTED: &str = "
        full    stripe      stripe      ALLOWED     BLOCKED     OUT BLOCKED     OUT
        full    stripe      application BLOCKED     BLOCKED     OUT BLOCKED     OUT
        full    application application SALES-GATED SALES-GATED OUT SALES-GATED OUT
        full    application stripe      SALES-GATED SALES-GATED OUT SALES-GATED OUT
        express application application ALLOWED     CAUTION     OUT CAUTION     OUT
        express stripe      stripe      BLOCKED     BLOCKED     OUT BLOCKED     OUT
        express stripe      application BLOCKED     BLOCKED     OUT BLOCKED     OUT
        express application stripe      BLOCKED     BLOCKED     OUT BLOCKED     OUT
        none    stripe      stripe      BLOCKED     BLOCKED     OUT BLOCKED     OUT
        none    stripe      application BLOCKED     BLOCKED     OUT BLOCKED     OUT
        none    application stripe      BLOCKED     BLOCKED     OUT BLOCKED     OUT
        none    application application ALLOWED     ALLOWED     OUT ALLOWED     OUT";

    #[test]
    fn every_row_of_stripes_table_is_answered_as_printed() {
        let mut cells = 0;
        for line in PRINTED.lines().filter(|line| !line.trim().is_empty()) {
            let words: Vec<_> = line.split_whitespace().collect();
            let dashboard = match words[0] {
                "full" => Dashboard::Full,
                "express" => Dashboard::Express,
                _ => Dashboard::None,
            };
            let bearer = |word: &str| match word {
                "stripe" => Bearer::Stripe,
                _ => Bearer::Application,
            };
            for (charge, word) in COLUMNS.iter().zip(&words[3..]) {
                let wanted = match *word {
                    "ALLOWED" => Rating::Allowed,
                    "CAUTION" => Rating::Caution,
                    "SALES-GATED" => Rating::SalesGated,
                    "BLOCKED" => Rating::Blocked,
                    _ => Rating::OutOfScope,
                };
                let is = rating(dashboard, bearer(words[1]), bearer(words[2]), *charge);
                assert_eq!(is, wanted, "{charge:?} in {line}");
                cells += 1;
            }
        }
        assert_eq!(cells, 60);
    }

    #[test]
    fn every_combination_stands_in_the_table_once() {
        for dashboard in [Dashboard::Full, Dashboard::Express, Dashboard::None] {
            for fees in [Bearer::Stripe, Bearer::Application] {
                for losses in [Bearer::Stripe, Bearer::Application] {
                    let rows = MATRIX
                        .iter()
                        .filter(|row| (row.0, row.1, row.2) == (dashboard, fees, losses));
                    assert_eq!(rows.count(), 1, "{dashboard:?} {fees:?} {losses:?}");
                }
            }
        }
    }

    #[test]
    fn every_profile_is_one_that_stripe_allows_for_its_charges() {
        for profile in PROFILES {
            let terms = terms(profile);
            assert!(!terms.charges.is_empty());
            for charge in terms.charges {
                assert!(terms.is_for(*charge), "{profile:?} {charge:?}");
            }
        }
    }

    #[test]
    fn express_and_none_go_only_with_a_platform_that_answers_for_both() {
        for profile in PROFILES {
            let terms = terms(profile);
            if terms.dashboard != Dashboard::Full {
                assert_eq!(
                    (terms.fees, terms.losses),
                    (Bearer::Application, Bearer::Application)
                );
            }
        }
    }

    #[test]
    fn a_charge_that_stripe_blocks_is_refused_with_the_reason() {
        let direct = terms(ChargeProfile::Direct);
        assert_eq!(direct.fault(ChargeType::Direct), None);
        assert_eq!(
            direct.fault(ChargeType::Destination),
            Some("Stripe doesn't support it")
        );
        let sales = Terms {
            losses: Bearer::Application,
            fees: Bearer::Application,
            ..direct
        };
        assert!(
            sales
                .fault(ChargeType::Direct)
                .is_some_and(|why| why.contains("sales"))
        );
        let marketplace = terms(ChargeProfile::Marketplace);
        assert!(
            !marketplace.is_for(ChargeType::Direct) && marketplace.is_for(ChargeType::Separate)
        );
    }
}

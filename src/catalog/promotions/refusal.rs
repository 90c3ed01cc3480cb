//! Why a promotion code takes nothing off.

use crate::error::Error;
use crate::money;

/// Why a code can't be used on a purchase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The seller has no such code.
    Unknown,
    /// The seller has switched it off.
    Inactive,
    /// Stripe hasn't answered yet that it has made it.
    NotReady,
    /// Its time is over.
    Expired,
    /// Orders and open checkouts have all of its redemptions.
    UsedUp,
    /// It is for prices in another currency.
    CurrencyMismatch,
    /// The purchase comes to too little.
    MinimumNotMet {
        /// What it must come to, in minor units.
        least: i64,
        /// ISO 4217, lower case.
        currency: String,
    },
    /// It is for a first purchase, and the buyer has bought before.
    FirstTimeOnly,
}

impl Refusal {
    /// Its name in the API.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Inactive => "inactive",
            Self::NotReady => "not_ready",
            Self::Expired => "expired",
            Self::UsedUp => "used_up",
            Self::CurrencyMismatch => "currency_mismatch",
            Self::MinimumNotMet { .. } => "minimum_not_met",
            Self::FirstTimeOnly => "first_time_only",
        }
    }

    /// A sentence for the buyer.
    pub fn sentence(&self) -> String {
        let sentence = match self {
            Self::Unknown => "This promotion code is invalid.",
            Self::Inactive => "This promotion code is no longer accepted.",
            Self::NotReady => "This promotion code isn't ready yet: Stripe hasn't answered.",
            Self::Expired => "This promotion code has expired.",
            Self::UsedUp => "This promotion code is used up, or others have it in open checkouts.",
            Self::CurrencyMismatch => "This promotion code is for prices in another currency.",
            Self::MinimumNotMet { least, currency } => {
                let least = money::display(*least, currency);
                return format!("This promotion code is for purchases of {least} or more.");
            }
            Self::FirstTimeOnly => "This promotion code is for a first purchase only.",
        };
        sentence.to_owned()
    }

    /// The refusal of a checkout that was given the code.
    pub fn into_error(self) -> Error {
        let (param, message) = ("promotion_code", self.sentence());
        let code = match self {
            Self::UsedUp => {
                return Error::Conflict {
                    code: "promotion_code_used_up",
                    param: Some(param.to_owned()),
                    message,
                };
            }
            Self::Expired => "promotion_code_expired",
            Self::MinimumNotMet { .. } => "promotion_code_minimum_not_met",
            Self::FirstTimeOnly => "promotion_code_first_time_only",
            Self::Unknown | Self::Inactive | Self::NotReady | Self::CurrencyMismatch => {
                "promotion_code_invalid"
            }
        };
        Error::invalid_with(code, param, message)
    }
}

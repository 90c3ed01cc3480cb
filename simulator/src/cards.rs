//! Stripe's public test cards and the names they go by: <https://docs.stripe.com/testing>.

use serde::Deserialize;
use serde_json::json;

use crate::error::ApiError;

/// What a card does when it is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Pays,
    /// Asks for 3-D Secure unless it was set up for payments off session.
    Challenges,
    /// Asks for 3-D Secure every time, set up or not.
    ChallengesAlways,
    /// Asks for 3-D Secure on session. Off session it pays, since it counts as set up.
    ChallengesOnSession,
    /// Asks for 3-D Secure, and is declined when the customer has authenticated.
    ChallengesAndDeclines(&'static str, &'static str, &'static str),
    /// `code`, `decline_code` (empty for errors that aren't declines by the issuer), message.
    Declines(&'static str, &'static str, &'static str),
    /// Can be saved to a customer; charging it is declined.
    DeclinesOnceSaved,
}

/// What happens to a charge after it was paid with a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aftermath {
    Nothing,
    /// The money is available at once.
    AvailableNow,
    /// The dispute's reason, and whether it is an inquiry.
    Disputed(&'static str, bool),
    /// The dispute's reason, and the programme that its evidence may be for.
    Enhanced(&'static str, Enhanced),
    EarlyFraudWarning,
    RefundSucceedsLater,
    RefundFailsLater,
}

/// A programme of the networks for evidence (`enhanced_eligibility_types`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Enhanced {
    #[serde(rename = "visa_compelling_evidence_3")]
    VisaCompellingEvidence3,
    VisaCompliance,
    MastercardCompliance,
}

impl Enhanced {
    pub fn name(self) -> &'static str {
        match self {
            Enhanced::VisaCompellingEvidence3 => "visa_compelling_evidence_3",
            Enhanced::VisaCompliance => "visa_compliance",
            Enhanced::MastercardCompliance => "mastercard_compliance",
        }
    }

    pub fn is_compliance(self) -> bool {
        self != Enhanced::VisaCompellingEvidence3
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Card {
    pub number: &'static str,
    pub brand: &'static str,
    pub country: &'static str,
    pub funding: &'static str,
    pub behaviour: Behaviour,
    pub aftermath: Aftermath,
    /// `visa` stands for `pm_card_visa` and `tok_visa`.
    names: &'static [&'static str],
}

/// The decline without a specific reason: `code`, `decline_code`, message.
pub(crate) const GENERIC_DECLINE: (&str, &str, &str) = (
    "card_declined",
    "generic_decline",
    "Your card was declined.",
);

/// What Stripe advises after a decline (<https://docs.stripe.com/declines/codes>); none where the issuer didn't decline.
pub(crate) fn advice(decline_code: &str) -> Option<&'static str> {
    match decline_code {
        "" => None,
        "lost_card" | "stolen_card" | "fraudulent" => Some("do_not_try_again"),
        _ => Some("try_again_later"),
    }
}

impl Card {
    pub fn last4(&self) -> &'static str {
        &self.number[self.number.len() - 4..]
    }

    /// The same card has the same fingerprint, whoever uses it.
    pub fn fingerprint(&self) -> String {
        format!("fp{:0>14}", &self.number[self.number.len() - 8..])
    }
}

const fn card(
    number: &'static str,
    brand: &'static str,
    behaviour: Behaviour,
    names: &'static [&'static str],
) -> Card {
    Card {
        number,
        brand,
        country: "US",
        funding: "credit",
        behaviour,
        aftermath: Aftermath::Nothing,
        names,
    }
}

impl Card {
    const fn funded(mut self, funding: &'static str) -> Self {
        self.funding = funding;
        self
    }

    const fn from(mut self, country: &'static str) -> Self {
        self.country = country;
        self
    }

    const fn then(mut self, aftermath: Aftermath) -> Self {
        self.aftermath = aftermath;
        self
    }
}

const fn declined(
    number: &'static str,
    decline: &'static str,
    message: &'static str,
    names: &'static [&'static str],
) -> Card {
    let behaviour = Behaviour::Declines("card_declined", decline, message);
    card(number, "visa", behaviour, names)
}

const fn refused(
    number: &'static str,
    code: &'static str,
    message: &'static str,
    names: &'static [&'static str],
) -> Card {
    card(
        number,
        "visa",
        Behaviour::Declines(code, "", message),
        names,
    )
}

pub(crate) const CARDS: &[Card] = &[
    card("4242424242424242", "visa", Behaviour::Pays, &["visa", "us"]),
    card("4000056655665556", "visa", Behaviour::Pays, &["visa_debit"]).funded("debit"),
    card(
        "5555555555554444",
        "mastercard",
        Behaviour::Pays,
        &["mastercard"],
    ),
    card(
        "5200828282828210",
        "mastercard",
        Behaviour::Pays,
        &["mastercard_debit"],
    )
    .funded("debit"),
    card(
        "5105105105105100",
        "mastercard",
        Behaviour::Pays,
        &["mastercard_prepaid"],
    )
    .funded("prepaid"),
    card(
        "2223003122003222",
        "mastercard",
        Behaviour::Pays,
        &["mastercard_2series"],
    ),
    card("378282246310005", "amex", Behaviour::Pays, &["amex"]),
    card("371449635398431", "amex", Behaviour::Pays, &[]),
    card(
        "6011111111111117",
        "discover",
        Behaviour::Pays,
        &["discover"],
    ),
    card("3056930009020004", "diners", Behaviour::Pays, &["diners"]),
    card("3566002020360505", "jcb", Behaviour::Pays, &["jcb"]).from("JP"),
    card(
        "6200000000000005",
        "unionpay",
        Behaviour::Pays,
        &["unionpay"],
    )
    .from("CN"),
    card("4000000400000008", "visa", Behaviour::Pays, &["at"]).from("AT"),
    card("4000000560000004", "visa", Behaviour::Pays, &["be"]).from("BE"),
    card("4000001240000000", "visa", Behaviour::Pays, &["ca"]).from("CA"),
    card("4000002760000016", "visa", Behaviour::Pays, &["de"]).from("DE"),
    card("4000003720000005", "visa", Behaviour::Pays, &["ie"]).from("IE"),
    card("4000003800000008", "visa", Behaviour::Pays, &["it"]).from("IT"),
    card("4000005280000002", "visa", Behaviour::Pays, &["nl"]).from("NL"),
    card("4000007240000007", "visa", Behaviour::Pays, &["es"]).from("ES"),
    card("4000007560000009", "visa", Behaviour::Pays, &["ch"]).from("CH"),
    card("4000008260000000", "visa", Behaviour::Pays, &["gb"]).from("GB"),
    card("4000002500000003", "visa", Behaviour::Pays, &["fr"]).from("FR"),
    card(
        "4000000000000077",
        "visa",
        Behaviour::Pays,
        &["bypassPending"],
    )
    .then(Aftermath::AvailableNow),
    card(
        "4000003720000278",
        "visa",
        Behaviour::Pays,
        &["bypassPendingInternational"],
    )
    .then(Aftermath::AvailableNow),
    card(
        "4000000000000259",
        "visa",
        Behaviour::Pays,
        &["createDispute"],
    )
    .then(Aftermath::Disputed("fraudulent", false)),
    card(
        "4000000000002685",
        "visa",
        Behaviour::Pays,
        &["createDisputeProductNotReceived"],
    )
    .then(Aftermath::Disputed("product_not_received", false)),
    card(
        "4000000000001976",
        "visa",
        Behaviour::Pays,
        &["createDisputeInquiry"],
    )
    .then(Aftermath::Disputed("fraudulent", true)),
    card(
        "4000000404000038",
        "visa",
        Behaviour::Pays,
        &["createCe3EligibleDispute"],
    )
    .then(Aftermath::Enhanced(
        "fraudulent",
        Enhanced::VisaCompellingEvidence3,
    )),
    card(
        "4000008400000779",
        "visa",
        Behaviour::Pays,
        &["createComplianceDispute"],
    )
    .then(Aftermath::Enhanced(
        "noncompliant",
        Enhanced::VisaCompliance,
    )),
    card(
        "5105008400000002",
        "mastercard",
        Behaviour::Pays,
        &["createMastercardComplianceDispute"],
    )
    .then(Aftermath::Enhanced(
        "noncompliant",
        Enhanced::MastercardCompliance,
    )),
    card(
        "4000000000005423",
        "visa",
        Behaviour::Pays,
        &["createIssuerFraudRecord"],
    )
    .then(Aftermath::EarlyFraudWarning),
    card(
        "4000000000007726",
        "visa",
        Behaviour::Pays,
        &["pendingRefund"],
    )
    .then(Aftermath::RefundSucceedsLater),
    card("4000000000005126", "visa", Behaviour::Pays, &["refundFail"])
        .then(Aftermath::RefundFailsLater),
    card(
        "4000002500003155",
        "visa",
        Behaviour::Challenges,
        &["authenticationRequiredOnSetup"],
    ),
    card(
        "4000002760003184",
        "visa",
        Behaviour::ChallengesAlways,
        &["authenticationRequired"],
    ),
    card(
        "4000000000003220",
        "visa",
        Behaviour::Challenges,
        &["threeDSecure2Required"],
    ),
    card(
        "4000003800000446",
        "visa",
        Behaviour::ChallengesOnSession,
        &["authenticationRequiredSetupForOffSession"],
    ),
    card(
        "4000000000003055",
        "visa",
        Behaviour::Pays,
        &["threeDSecureOptional"],
    ),
    card(
        "4000000000003063",
        "visa",
        Behaviour::ChallengesAlways,
        &["threeDSecureRequired"],
    ),
    card(
        "4000008260003178",
        "visa",
        Behaviour::ChallengesAndDeclines(
            "card_declined",
            "insufficient_funds",
            "Your card has insufficient funds.",
        ),
        &["authenticationRequiredChargeDeclinedInsufficientFunds"],
    ),
    card(
        "4000008400001629",
        "visa",
        Behaviour::ChallengesAndDeclines(
            "card_declined",
            "generic_decline",
            "Your card was declined.",
        ),
        &["threeDSecureRequiredChargeDeclined"],
    ),
    card(
        "4000000000000341",
        "visa",
        Behaviour::DeclinesOnceSaved,
        &["chargeCustomerFail"],
    ),
    declined(
        "4000000000000002",
        "generic_decline",
        "Your card was declined.",
        &["visa_chargeDeclined", "chargeDeclined"],
    ),
    declined(
        "4000000000009995",
        "insufficient_funds",
        "Your card has insufficient funds.",
        &[
            "visa_chargeDeclinedInsufficientFunds",
            "chargeDeclinedInsufficientFunds",
        ],
    ),
    declined(
        "4000000000009987",
        "lost_card",
        "Your card was declined.",
        &["visa_chargeDeclinedLostCard", "chargeDeclinedLostCard"],
    ),
    declined(
        "4000000000009979",
        "stolen_card",
        "Your card was declined.",
        &["visa_chargeDeclinedStolenCard", "chargeDeclinedStolenCard"],
    ),
    declined(
        "4000000000006975",
        "card_velocity_exceeded",
        "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
        &[
            "visa_chargeDeclinedVelocityLimitExceeded",
            "chargeDeclinedVelocityLimitExceeded",
        ],
    ),
    declined(
        "4100000000000019",
        "fraudulent",
        "Your card was declined.",
        &["radarBlock", "visa_chargeDeclinedFraudulent"],
    ),
    refused(
        "4000000000000069",
        "expired_card",
        "Your card has expired.",
        &["chargeDeclinedExpiredCard"],
    ),
    refused(
        "4000000000000127",
        "incorrect_cvc",
        "Your card's security code is incorrect.",
        &["chargeDeclinedIncorrectCvc"],
    ),
    refused(
        "4000000000000119",
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
        &["chargeDeclinedProcessingError"],
    ),
];

/// The card with this number, spaces and dashes aside; only test cards exist here.
pub(crate) fn find(number: &str) -> Option<&'static Card> {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    CARDS.iter().find(|card| card.number == digits)
}

/// The card that goes by `pm_card_NAME` or `tok_NAME`.
pub(crate) fn named(id: &str) -> Option<&'static Card> {
    let name = id.strip_prefix("pm_card_").or(id.strip_prefix("tok_"))?;
    CARDS.iter().find(|card| card.names.contains(&name))
}

/// Refuses a card that has expired (<https://docs.stripe.com/error-codes#invalid-expiry-year>).
pub(crate) fn check_expiry(now: i64, month: i64, year: i64) -> Result<(), ApiError> {
    let refuse = |code, message: &str| {
        Err(ApiError::new(402, "card_error", message).code(code).param(
            if code == "invalid_expiry_year" {
                "exp_year"
            } else {
                "exp_month"
            },
        ))
    };
    if !(1..=12).contains(&month) {
        return refuse(
            "invalid_expiry_month",
            "Your card's expiration month is invalid.",
        );
    }
    let today = time::OffsetDateTime::from_unix_timestamp(now).map_or((1970, 1), |t| {
        (i64::from(t.year()), i64::from(u8::from(t.month())))
    });
    if year < today.0 || year > today.0 + 50 {
        return refuse(
            "invalid_expiry_year",
            "Your card's expiration year is invalid.",
        );
    }
    if (year, month) < today {
        return refuse(
            "invalid_expiry_month",
            "Your card's expiration month is invalid.",
        );
    }
    Ok(())
}

/// Stripe's error for a number that isn't a test card's.
pub(crate) fn unknown() -> ApiError {
    ApiError::new(402, "card_error", "Your card was declined. Your request was in test mode, but used a non test card. For a list of valid test cards, visit: https://stripe.com/docs/testing.")
        .code("card_declined")
        .with("decline_code", json!("test_mode_live_card"))
}

/// The default expiry of test cards: month and year.
pub(crate) fn good_until(now: i64) -> (i64, i64) {
    let year =
        time::OffsetDateTime::from_unix_timestamp(now).map_or(2034, |t| i64::from(t.year()) + 3);
    (12, year)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_and_no_name_stands_twice() {
        let mut numbers: Vec<_> = CARDS.iter().map(|c| c.number).collect();
        let mut names: Vec<_> = CARDS.iter().flat_map(|c| c.names).collect();
        let (n, m) = (numbers.len(), names.len());
        numbers.sort_unstable();
        numbers.dedup();
        names.sort_unstable();
        names.dedup();
        assert_eq!((numbers.len(), names.len()), (n, m));
    }
}

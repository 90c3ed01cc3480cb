//! Why a try to pay was declined, and what a buyer is told of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `last_payment_error` of an intent (docs.stripe.com/error-codes, docs.stripe.com/declines/codes).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Decline {
    /// Such as `card_declined`.
    pub code: Option<String>,
    /// The bank's reason, such as `insufficient_funds`.
    pub decline_code: Option<String>,
}

/// Why the last try failed, as the API says it.
#[derive(Serialize)]
pub struct LastError {
    code: Option<String>,
    decline_code: Option<String>,
    /// What to tell the buyer, in a sentence.
    message: &'static str,
}

impl LastError {
    /// With all that Stripe says, for the seller and admins.
    pub fn of(decline: Decline) -> Self {
        Self {
            message: decline.sentence(),
            code: decline.code,
            decline_code: decline.decline_code,
        }
    }

    /// As `for_buyers`, where a card was to be saved.
    pub fn of_setup(decline: Decline) -> Self {
        Self {
            message: decline.sentence_of_setup(),
            ..Self::for_buyers(decline)
        }
    }

    /// With what the buyer may know.
    pub fn for_buyers(decline: Decline) -> Self {
        Self {
            message: decline.sentence(),
            ..Self::of(decline.for_buyers())
        }
    }
}

/// A confirmation token that Stripe didn't take: a code of ours.
pub const TOKEN_INVALID: &str = "confirmation_token_invalid";

/// What a thief must not learn (docs.stripe.com/declines/codes: present these as a generic decline).
const UNSPOKEN: [&str; 6] = [
    "fraudulent",
    "lost_card",
    "merchant_blacklist",
    "pickup_card",
    "restricted_card",
    "stolen_card",
];

impl Decline {
    /// Of Stripe's error object.
    pub fn of(error: &Value) -> Self {
        let text = |name: &str| error[name].as_str().map(str::to_owned);
        Self {
            code: text("code"),
            decline_code: text("decline_code"),
        }
    }

    /// As it is stored.
    pub fn to_text(&self) -> String {
        serde_json::json!(self).to_string()
    }

    /// As it was stored.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Whether the bank only wants to see its customer.
    pub fn wants_buyer(&self) -> bool {
        let says = |code: &Option<String>| code.as_deref() == Some("authentication_required");
        says(&self.code) || says(&self.decline_code)
    }

    /// What the buyer may know of it.
    #[must_use]
    pub fn for_buyers(self) -> Self {
        let is_unspoken = |code: &String| UNSPOKEN.contains(&code.as_str());
        match self.decline_code.as_ref().is_some_and(is_unspoken) {
            true => Self {
                decline_code: Some("generic_decline".to_owned()),
                ..self
            },
            false => self,
        }
    }

    /// What to tell a buyer who wanted to pay, in a sentence.
    pub fn sentence(&self) -> &'static str {
        match self.reason() {
            Reason::OutOfMoney => {
                "There isn't enough money on this card, or its limit is reached. Try another way to pay."
            }
            Reason::Expired => "This card has expired. Try another card.",
            Reason::SecurityCode => "The card's security code is wrong. Check it and try again.",
            Reason::Number => "The card's number is wrong. Check it and try again.",
            Reason::Unreachable => {
                "The bank could not be reached. Nothing was charged: try again in a moment."
            }
            Reason::TokenInvalid => {
                "What you entered is no longer valid. Nothing was charged: enter it again."
            }
            Reason::NotAuthenticated => {
                "The bank wants you to confirm the payment, and that didn't succeed. Try again, or pay in another way."
            }
            Reason::Unsupported => "This card can't be used for this purchase. Try another card.",
            Reason::Declined => {
                "The bank declined the payment. Nothing was charged: try another card, or ask your bank."
            }
        }
    }

    /// What to tell a buyer who wanted to save a card, in a sentence.
    pub fn sentence_of_setup(&self) -> &'static str {
        match self.reason() {
            Reason::Unreachable => {
                "The bank could not be reached. Nothing was saved: try again in a moment."
            }
            Reason::NotAuthenticated => {
                "The bank wants to see that it is you, and that didn't succeed. Nothing was saved: try again, or try another card."
            }
            Reason::OutOfMoney => {
                "There isn't enough money on this card, or its limit is reached. Nothing was saved: try another card."
            }
            Reason::Unsupported => {
                "This card can't be used here. Nothing was saved: try another card."
            }
            Reason::Declined => {
                "The bank declined the card. Nothing was saved: try another card, or ask your bank."
            }
            Reason::Expired | Reason::SecurityCode | Reason::Number | Reason::TokenInvalid => {
                self.sentence()
            }
        }
    }

    fn reason(&self) -> Reason {
        let codes = [self.decline_code.as_deref(), self.code.as_deref()];
        let known = codes.into_iter().flatten().find_map(Reason::of);
        known.unwrap_or(Reason::Declined)
    }
}

/// What a buyer can do about a decline.
#[derive(Clone, Copy)]
enum Reason {
    OutOfMoney,
    Expired,
    SecurityCode,
    Number,
    Unreachable,
    TokenInvalid,
    NotAuthenticated,
    Unsupported,
    Declined,
}

impl Reason {
    /// Of a code or a decline code.
    fn of(code: &str) -> Option<Self> {
        Some(match code {
            "insufficient_funds" | "card_velocity_exceeded" | "withdrawal_count_limit_exceeded" => {
                Self::OutOfMoney
            }
            "expired_card" => Self::Expired,
            "incorrect_cvc" | "invalid_cvc" => Self::SecurityCode,
            "incorrect_number" | "invalid_number" => Self::Number,
            "processing_error"
            | "try_again_later"
            | "issuer_not_available"
            | "reenter_transaction" => Self::Unreachable,
            TOKEN_INVALID => Self::TokenInvalid,
            "payment_intent_authentication_failure"
            | "setup_intent_authentication_failure"
            | "authentication_required"
            | "authentication_not_handled" => Self::NotAuthenticated,
            "card_not_supported" | "currency_not_supported" | "transaction_not_allowed" => {
                Self::Unsupported
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn buyers_are_told_what_helps_and_never_that_a_card_is_stolen() {
        for code in UNSPOKEN {
            let error = json!({ "code": "card_declined", "decline_code": code, "message": "Your card was stolen." });
            let decline = Decline::of(&error);
            let said = decline.sentence();
            assert!(
                said.starts_with("The bank declined the payment."),
                "{code}: {said}"
            );
            let shown = json!(decline.for_buyers());
            assert_eq!(shown["decline_code"], "generic_decline", "{code}");
        }
        let poor =
            Decline::of(&json!({ "code": "card_declined", "decline_code": "insufficient_funds" }));
        assert!(poor.sentence().starts_with("There isn't enough money"));
        assert_eq!(poor.clone().for_buyers(), poor);
        let expired =
            Decline::of(&json!({ "code": "expired_card", "decline_code": "expired_card" }));
        assert!(expired.sentence().contains("expired"));
        assert!(
            Decline::of(&json!({}))
                .sentence()
                .starts_with("The bank declined")
        );
    }

    #[test]
    fn what_is_stored_is_read_again() {
        let decline = Decline::of(&json!({ "code": "expired_card" }));
        assert_eq!(Decline::read(&decline.to_text()), Some(decline));
        assert_eq!(Decline::read("no JSON"), None);
    }
}

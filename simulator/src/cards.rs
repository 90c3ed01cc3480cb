//! Stripe's public test cards: <https://docs.stripe.com/testing>.

/// What a card does when it is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Pays,
    /// Asks for 3-D Secure, then pays.
    Challenges,
    /// `code`, `decline_code` (empty for errors that aren't declines by the issuer), message.
    Declines(&'static str, &'static str, &'static str),
}

/// What happens to a charge after it was paid with a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aftermath {
    Nothing,
    /// The reason, and whether the bank only asks.
    Disputed(&'static str, bool),
    EarlyFraudWarning,
    RefundSucceedsLater,
    RefundFailsLater,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Card {
    pub number: &'static str,
    pub brand: &'static str,
    pub country: &'static str,
    pub behaviour: Behaviour,
}

impl Card {
    pub fn last4(&self) -> &'static str {
        &self.number[self.number.len() - 4..]
    }

    pub fn aftermath(&self) -> Aftermath {
        match self.number {
            "4000000000000259" => Aftermath::Disputed("fraudulent", false),
            "4000000000002685" => Aftermath::Disputed("product_not_received", false),
            "4000000000001976" => Aftermath::Disputed("fraudulent", true),
            "4000000000005423" => Aftermath::EarlyFraudWarning,
            "4000000000007726" => Aftermath::RefundSucceedsLater,
            "4000000000005126" => Aftermath::RefundFailsLater,
            _ => Aftermath::Nothing,
        }
    }
}

const fn card(number: &'static str, brand: &'static str, behaviour: Behaviour) -> Card {
    Card {
        number,
        brand,
        country: "US",
        behaviour,
    }
}

const fn declined(number: &'static str, decline: &'static str, message: &'static str) -> Card {
    card(
        number,
        "visa",
        Behaviour::Declines("card_declined", decline, message),
    )
}

pub(crate) const CARDS: &[Card] = &[
    card("4242424242424242", "visa", Behaviour::Pays),
    card("4000056655665556", "visa", Behaviour::Pays),
    card("5555555555554444", "mastercard", Behaviour::Pays),
    card("2223003122003222", "mastercard", Behaviour::Pays),
    card("378282246310005", "amex", Behaviour::Pays),
    card("6011111111111117", "discover", Behaviour::Pays),
    card("4000000000000259", "visa", Behaviour::Pays),
    card("4000000000002685", "visa", Behaviour::Pays),
    card("4000000000001976", "visa", Behaviour::Pays),
    card("4000000000005423", "visa", Behaviour::Pays),
    card("4000000000007726", "visa", Behaviour::Pays),
    card("4000000000005126", "visa", Behaviour::Pays),
    card("4000002500003155", "visa", Behaviour::Challenges),
    card("4000002760003184", "visa", Behaviour::Challenges),
    card("4000000000003220", "visa", Behaviour::Challenges),
    declined(
        "4000000000000002",
        "generic_decline",
        "Your card was declined.",
    ),
    declined(
        "4000000000009995",
        "insufficient_funds",
        "Your card has insufficient funds.",
    ),
    declined("4000000000009987", "lost_card", "Your card was declined."),
    declined("4000000000009979", "stolen_card", "Your card was declined."),
    card(
        "4000000000000069",
        "visa",
        Behaviour::Declines("expired_card", "", "Your card has expired."),
    ),
    card(
        "4000000000000127",
        "visa",
        Behaviour::Declines(
            "incorrect_cvc",
            "",
            "Your card's security code is incorrect.",
        ),
    ),
    card(
        "4000000000000119",
        "visa",
        Behaviour::Declines(
            "processing_error",
            "",
            "An error occurred while processing your card. Try again in a little bit.",
        ),
    ),
];

/// The card with this number, spaces and dashes aside; only test cards exist here.
pub(crate) fn find(number: &str) -> Option<&'static Card> {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    CARDS.iter().find(|card| card.number == digits)
}

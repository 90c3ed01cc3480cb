//! The table: what each card does, and what must follow.

/// Why a card is declined, and what follows.
#[derive(Debug)]
pub struct Decline {
    pub code: &'static str,
    /// As the seller sees it.
    pub decline_code: Option<&'static str>,
    /// As the buyer sees it.
    pub shown: Option<&'static str>,
    /// What the buyer is told.
    pub says: &'static str,
}

impl Decline {
    /// What a payment page gets to know first.
    pub fn reason(&self) -> Option<&'static str> {
        self.decline_code.or(Some(self.code))
    }

    /// What a buyer is told who wanted to save the card.
    pub fn says_of_setup(&self) -> &'static str {
        match self.says {
            DECLINED => {
                "The bank declined the card. Nothing was saved: try another card, or ask your bank."
            }
            TOO_LITTLE => {
                "There isn't enough money on this card, or its limit is reached. Nothing was saved: try another card."
            }
            UNREACHABLE => {
                "The bank could not be reached. Nothing was saved: try again in a moment."
            }
            says => says,
        }
    }
}

/// What a card does when its buyer is there.
pub enum OnSession {
    Pays,
    Declines(&'static Decline),
    /// The bank wants to see the buyer, and may decline after that.
    Asks(Option<&'static Decline>),
}

/// What a saved card does when its buyer isn't there.
pub enum OffSession {
    Pays,
    /// The bank wants to see the buyer, who gets a mail.
    AsksBuyer,
    /// It is tried again after a day.
    Retried(&'static Decline),
    /// It can't be saved: the setup intent is declined as a payment is.
    Unsaved,
}

/// What happens after the payment.
#[derive(Clone, Copy)]
pub enum After {
    Nothing,
    Disputed {
        status: &'static str,
        reason: &'static str,
    },
    /// The bank suspects fraud.
    Suspected,
    /// A refund's states.
    RefundIs {
        first: &'static str,
        then: &'static str,
    },
}

impl After {
    /// The finding that is open then.
    pub fn finding(self) -> Option<&'static str> {
        match self {
            Self::Disputed { .. } => Some("dispute_needs_response"),
            Self::Suspected => Some("early_fraud_warning"),
            Self::RefundIs { then: "failed", .. } => Some("refund_failed"),
            _ => None,
        }
    }
}

pub struct Card {
    pub number: &'static str,
    /// After `pm_card_`.
    pub name: &'static str,
    /// The heading that it stands under.
    pub group: &'static str,
    pub about: &'static str,
    pub on_session: OnSession,
    pub off_session: OffSession,
    pub after: After,
}

const DECLINED: &str =
    "The bank declined the payment. Nothing was charged: try another card, or ask your bank.";
const TOO_LITTLE: &str =
    "There isn't enough money on this card, or its limit is reached. Try another way to pay.";
const UNREACHABLE: &str =
    "The bank could not be reached. Nothing was charged: try again in a moment.";
const UNCONFIRMED: &str = "The bank wants you to confirm the payment, and that didn't succeed. Try again, or pay in another way.";

const fn declined(decline_code: &'static str, shown: &'static str, says: &'static str) -> Decline {
    Decline {
        code: "card_declined",
        decline_code: Some(decline_code),
        shown: Some(shown),
        says,
    }
}

const fn refused(code: &'static str, says: &'static str) -> Decline {
    Decline {
        code,
        decline_code: None,
        shown: None,
        says,
    }
}

static GENERIC: Decline = declined("generic_decline", "generic_decline", DECLINED);
static POOR: Decline = declined("insufficient_funds", "insufficient_funds", TOO_LITTLE);
static LOST: Decline = declined("lost_card", "generic_decline", DECLINED);
static STOLEN: Decline = declined("stolen_card", "generic_decline", DECLINED);
static TOO_OFTEN: Decline = declined(
    "card_velocity_exceeded",
    "card_velocity_exceeded",
    TOO_LITTLE,
);
static BLOCKED: Decline = declined("fraudulent", "generic_decline", DECLINED);
static EXPIRED: Decline = refused("expired_card", "This card has expired. Try another card.");
static WRONG_CVC: Decline = refused(
    "incorrect_cvc",
    "The card's security code is wrong. Check it and try again.",
);
static UNREACHED: Decline = refused("processing_error", UNREACHABLE);
/// The buyer didn't show the bank who they are.
pub static NOT_AUTHENTICATED: Decline =
    refused("payment_intent_authentication_failure", UNCONFIRMED);
/// The bank wants to see a buyer who isn't there.
pub static SEES_BUYER: Decline = Decline {
    code: "authentication_required",
    decline_code: Some("authentication_required"),
    shown: Some("authentication_required"),
    says: UNCONFIRMED,
};

const fn card(
    group: &'static str,
    number: &'static str,
    name: &'static str,
    about: &'static str,
) -> Card {
    Card {
        number,
        name,
        group,
        about,
        on_session: OnSession::Pays,
        off_session: OffSession::Pays,
        after: After::Nothing,
    }
}

const fn brand(number: &'static str, name: &'static str, about: &'static str) -> Card {
    card("Success, by brand", number, name, about)
}

const fn country(number: &'static str, name: &'static str, about: &'static str) -> Card {
    card("Success, by country", number, name, about)
}

const fn no(
    number: &'static str,
    name: &'static str,
    about: &'static str,
    why: &'static Decline,
) -> Card {
    Card {
        on_session: OnSession::Declines(why),
        off_session: OffSession::Unsaved,
        ..card("Declines", number, name, about)
    }
}

const fn secure(
    number: &'static str,
    name: &'static str,
    about: &'static str,
    on_session: OnSession,
    off_session: OffSession,
) -> Card {
    Card {
        on_session,
        off_session,
        ..card("3D Secure", number, name, about)
    }
}

const fn then(number: &'static str, name: &'static str, about: &'static str, after: After) -> Card {
    Card {
        after,
        ..card("After the payment", number, name, about)
    }
}

const fn disputed(
    number: &'static str,
    name: &'static str,
    about: &'static str,
    reason: &'static str,
) -> Card {
    let status = "needs_response";
    then(number, name, about, After::Disputed { status, reason })
}

pub static CARDS: [Card; 51] = [
    brand("4242424242424242", "visa", "Visa"),
    brand("4000056655665556", "visa_debit", "Visa, debit"),
    brand("5555555555554444", "mastercard", "Mastercard"),
    brand(
        "2223003122003222",
        "mastercard_2series",
        "Mastercard, 2-series",
    ),
    brand("5200828282828210", "mastercard_debit", "Mastercard, debit"),
    brand(
        "5105105105105100",
        "mastercard_prepaid",
        "Mastercard, prepaid",
    ),
    brand("378282246310005", "amex", "American Express"),
    brand("6011111111111117", "discover", "Discover"),
    brand("3056930009020004", "diners", "Diners Club"),
    brand("3566002020360505", "jcb", "JCB"),
    brand("6200000000000005", "unionpay", "UnionPay"),
    country("4000000400000008", "at", "Austria"),
    country("4000000560000004", "be", "Belgium"),
    country("4000001240000000", "ca", "Canada"),
    country("4000002760000016", "de", "Germany"),
    country("4000002500000003", "fr", "France"),
    country("4000003720000005", "ie", "Ireland"),
    country("4000003800000008", "it", "Italy"),
    country("4000005280000002", "nl", "Netherlands"),
    country("4000007240000007", "es", "Spain"),
    country("4000007560000009", "ch", "Switzerland"),
    country("4000008260000000", "gb", "United Kingdom"),
    no(
        "4000000000000002",
        "chargeDeclined",
        "generic decline",
        &GENERIC,
    ),
    no(
        "4000000000009995",
        "chargeDeclinedInsufficientFunds",
        "insufficient funds",
        &POOR,
    ),
    no(
        "4000000000009987",
        "chargeDeclinedLostCard",
        "lost card",
        &LOST,
    ),
    no(
        "4000000000009979",
        "chargeDeclinedStolenCard",
        "stolen card",
        &STOLEN,
    ),
    no(
        "4000000000006975",
        "chargeDeclinedVelocityLimitExceeded",
        "velocity limit",
        &TOO_OFTEN,
    ),
    no(
        "4100000000000019",
        "radarBlock",
        "always blocked by Radar",
        &BLOCKED,
    ),
    no(
        "4000000000000069",
        "chargeDeclinedExpiredCard",
        "expired card",
        &EXPIRED,
    ),
    no(
        "4000000000000127",
        "chargeDeclinedIncorrectCvc",
        "incorrect CVC",
        &WRONG_CVC,
    ),
    no(
        "4000000000000119",
        "chargeDeclinedProcessingError",
        "processing error",
        &UNREACHED,
    ),
    Card {
        off_session: OffSession::Retried(&GENERIC),
        ..no(
            "4000000000000341",
            "chargeCustomerFail",
            "can be saved, and is declined when charged",
            &GENERIC,
        )
    },
    secure(
        "4000000000003055",
        "threeDSecureOptional",
        "supported, not asked for",
        OnSession::Pays,
        OffSession::Pays,
    ),
    secure(
        "4000002500003155",
        "authenticationRequiredOnSetup",
        "asked for unless set up",
        OnSession::Asks(None),
        OffSession::Pays,
    ),
    secure(
        "4000000000003220",
        "threeDSecure2Required",
        "3D Secure 2 required",
        OnSession::Asks(None),
        OffSession::Pays,
    ),
    secure(
        "4000002760003184",
        "authenticationRequired",
        "always asked for",
        OnSession::Asks(None),
        OffSession::AsksBuyer,
    ),
    secure(
        "4000000000003063",
        "threeDSecureRequired",
        "3D Secure required",
        OnSession::Asks(None),
        OffSession::AsksBuyer,
    ),
    secure(
        "4000003800000446",
        "authenticationRequiredSetupForOffSession",
        "already set up for payments off session",
        OnSession::Asks(None),
        OffSession::Pays,
    ),
    secure(
        "4000008260003178",
        "authenticationRequiredChargeDeclinedInsufficientFunds",
        "always asked for, then insufficient funds",
        OnSession::Asks(Some(&POOR)),
        OffSession::Retried(&POOR),
    ),
    secure(
        "4000008400001629",
        "threeDSecureRequiredChargeDeclined",
        "required, then declined",
        OnSession::Asks(Some(&GENERIC)),
        OffSession::Retried(&GENERIC),
    ),
    disputed(
        "4000000000000259",
        "createDispute",
        "disputed as fraudulent",
        "fraudulent",
    ),
    disputed(
        "4000000000002685",
        "createDisputeProductNotReceived",
        "disputed as not received",
        "product_not_received",
    ),
    then(
        "4000000000001976",
        "createDisputeInquiry",
        "the bank asks before it disputes",
        After::Disputed {
            status: "warning_needs_response",
            reason: "fraudulent",
        },
    ),
    disputed(
        "4000000404000038",
        "createCe3EligibleDispute",
        "disputed, and Visa's Compelling Evidence 3.0 may answer",
        "fraudulent",
    ),
    disputed(
        "4000008400000779",
        "createComplianceDispute",
        "disputed by Visa's compliance",
        "noncompliant",
    ),
    disputed(
        "5105008400000002",
        "createMastercardComplianceDispute",
        "disputed by Mastercard's compliance",
        "noncompliant",
    ),
    then(
        "4000000000005423",
        "createIssuerFraudRecord",
        "early fraud warning",
        After::Suspected,
    ),
    then(
        "4000000000007726",
        "pendingRefund",
        "a refund is pending at first",
        After::RefundIs {
            first: "pending",
            then: "succeeded",
        },
    ),
    then(
        "4000000000005126",
        "refundFail",
        "a refund succeeds at first and fails later",
        After::RefundIs {
            first: "succeeded",
            then: "failed",
        },
    ),
    then(
        "4000000000000077",
        "bypassPending",
        "the money is available at once",
        After::Nothing,
    ),
    then(
        "4000003720000278",
        "bypassPendingInternational",
        "the money is available at once, from abroad",
        After::Nothing,
    ),
];

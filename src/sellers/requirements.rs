//! What Stripe wants of a seller: v1's lists and v2's entries in one shape, and each in a sentence.

use souk_entity::Timestamp;
use souk_entity::seller::{Requirement, RequirementError, Requirements};

use crate::stripe::views::{RequirementView, RequirementsV2View, RequirementsView};

const PAST_DUE: &str = "past_due";
const CURRENTLY_DUE: &str = "currently_due";
const EVENTUALLY_DUE: &str = "eventually_due";
const USER: &str = "user";
const STRIPE: &str = "stripe";

/// From v1's lists (docs.stripe.com/api/accounts/object, `requirements`).
pub(super) fn of_v1(wanted: &RequirementsView) -> Requirements {
    let deadline = wanted.current_deadline.map(Timestamp::from_seconds);
    let mut entries: Vec<Requirement> = Vec::new();
    let lists = [
        (&wanted.past_due, USER, PAST_DUE),
        (&wanted.currently_due, USER, CURRENTLY_DUE),
        (&wanted.pending_verification, STRIPE, CURRENTLY_DUE),
        (&wanted.eventually_due, USER, EVENTUALLY_DUE),
    ];
    for (names, who, status) in lists {
        for name in names {
            // A name that is in several lists counts in the strictest.
            if entries.iter().any(|entry| entry.code == *name) {
                continue;
            }
            let errors = wanted
                .errors
                .iter()
                .filter(|error| error.requirement == *name);
            entries.push(Requirement {
                code: name.clone(),
                awaiting_action_from: who.to_owned(),
                deadline_status: status.to_owned(),
                deadline: deadline.filter(|_| who == USER && status == CURRENTLY_DUE),
                restricts_capabilities: Vec::new(),
                errors: errors
                    .map(|error| RequirementError {
                        code: error.code.clone(),
                        reason: error.reason.clone(),
                    })
                    .collect(),
            });
        }
    }
    Requirements {
        currently_due: wanted.currently_due.clone(),
        past_due: wanted.past_due.clone(),
        eventually_due: wanted.eventually_due.clone(),
        pending_verification: wanted.pending_verification.clone(),
        disabled_reason: wanted.disabled_reason.clone(),
        current_deadline: deadline,
        entries,
    }
}

/// From v2's entries (docs.stripe.com/api/v2/core/accounts/object, `requirements.entries`). Only the summary has a date, so
/// that is said of the entries with the strictest status alone.
pub(super) fn of_v2(wanted: &RequirementsV2View, disabled_reason: Option<String>) -> Requirements {
    let strictest = &wanted.summary.minimum_deadline;
    let entry = |view: &RequirementView| {
        let status = &view.minimum_deadline.status;
        let restricts = view.impact.restricts_capabilities.iter();
        Requirement {
            code: view.description.clone(),
            awaiting_action_from: view.awaiting_action_from.clone(),
            deadline_status: status.clone(),
            deadline: strictest.time.filter(|_| *status == strictest.status),
            restricts_capabilities: restricts.map(|one| one.capability.clone()).collect(),
            errors: view
                .errors
                .iter()
                .map(|error| RequirementError {
                    code: error.code.clone(),
                    reason: error.description.clone(),
                })
                .collect(),
        }
    };
    let entries: Vec<_> = wanted.entries.iter().map(entry).collect();
    let names = |holds: &dyn Fn(&Requirement) -> bool| -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for entry in entries.iter().filter(|entry| holds(entry)) {
            if !names.contains(&entry.code) {
                names.push(entry.code.clone());
            }
        }
        names
    };
    let of_user = |entry: &Requirement| entry.awaiting_action_from != STRIPE;
    let past_due = names(&|entry| of_user(entry) && entry.deadline_status == PAST_DUE);
    // As in v1, a list holds what the stricter lists hold.
    let due = [PAST_DUE, CURRENTLY_DUE];
    let is_due = |entry: &Requirement| due.contains(&entry.deadline_status.as_str());
    let currently_due = names(&|entry| of_user(entry) && is_due(entry));
    let eventually_due = names(&of_user);
    let pending_verification = names(&|entry| !of_user(entry));
    Requirements {
        current_deadline: strictest.time.filter(|_| strictest.status == CURRENTLY_DUE),
        currently_due,
        past_due,
        eventually_due,
        pending_verification,
        disabled_reason,
        entries,
    }
}

/// Whether something is due that onboarding asks of every seller (`requested_reasons`).
pub(super) fn wants_onboarding(wanted: &RequirementsV2View) -> bool {
    wanted.entries.iter().any(|entry| {
        let due = [PAST_DUE, CURRENTLY_DUE].contains(&entry.minimum_deadline.status.as_str());
        let mut reasons = entry.requested_reasons.iter();
        let routine = reasons.any(|reason| reason.code == "routine_onboarding");
        due && entry.awaiting_action_from != STRIPE && routine
    })
}

/// A sentence for the seller, such as "A photo of your identity document, by 12 May 2027, or payouts stop."
pub fn sentence(wanted: &Requirement) -> String {
    let thing = phrase(&wanted.code);
    if wanted.awaiting_action_from == STRIPE {
        return format!("{thing}: Stripe is checking this; there is nothing to do for now.");
    }
    let mut text = match (wanted.deadline_status.as_str(), wanted.deadline) {
        (PAST_DUE, _) => format!(
            "{thing}, which is overdue: {}.",
            lost(&wanted.restricts_capabilities)
        ),
        (EVENTUALLY_DUE, None) => format!("{thing}, some day; there is time."),
        (_, Some(by)) => format!(
            "{thing}, by {}, or {}.",
            date(by),
            loss(&wanted.restricts_capabilities)
        ),
        (_, None) => format!("{thing}, or {}.", loss(&wanted.restricts_capabilities)),
    };
    for error in &wanted.errors {
        let reason = error.reason.trim().trim_end_matches('.');
        if !reason.is_empty() {
            text.push_str(&format!(" Stripe says: {reason}."));
        }
    }
    text
}

/// A sentence for each thing that is due and that the seller must give.
pub fn due(wanted: &Requirements) -> Vec<String> {
    let is_due = |entry: &&Requirement| {
        entry.awaiting_action_from != STRIPE && entry.deadline_status != EVENTUALLY_DUE
    };
    let mut sentences: Vec<String> = Vec::new();
    for sentence in wanted.entries.iter().filter(is_due).map(sentence) {
        // Such as the parts of a date.
        if !sentences.contains(&sentence) {
            sentences.push(sentence);
        }
    }
    sentences
}

/// What a seller loses.
enum Lost {
    Both,
    Charges,
    Payouts,
    Transfers,
    Unknown,
}

fn what_is_lost(capabilities: &[String]) -> Lost {
    let payouts = capabilities
        .iter()
        .any(|one| one == "stripe_balance.payouts");
    let transfers = capabilities
        .iter()
        .any(|one| one == "stripe_balance.stripe_transfers");
    let charges = capabilities.iter().any(|one| one.ends_with("_payments"));
    match (charges, payouts, transfers) {
        (true, true, _) => Lost::Both,
        (true, false, _) => Lost::Charges,
        (false, _, true) => Lost::Transfers,
        (false, true, false) => Lost::Payouts,
        (false, false, false) => Lost::Unknown,
    }
}

fn loss(capabilities: &[String]) -> &'static str {
    match what_is_lost(capabilities) {
        Lost::Both => "you can't take payments any more and payouts stop",
        Lost::Charges => "you can't take payments any more",
        Lost::Payouts => "payouts stop",
        Lost::Transfers => "no more money of sales comes to you",
        Lost::Unknown => "Stripe restricts your account",
    }
}

fn lost(capabilities: &[String]) -> &'static str {
    match what_is_lost(capabilities) {
        Lost::Both => "without it you can't take payments, nor be paid out",
        Lost::Charges => "without it you can't take payments",
        Lost::Payouts => "without it you can't be paid out",
        Lost::Transfers => "without it no money of sales comes to you",
        Lost::Unknown => "without it your account stays restricted",
    }
}

/// What Stripe's names mean: the part of a name that tells, and the words. The first that fits counts, so the longer ones
/// stand first (docs.stripe.com/connect/required-verification-information; v2's names of the same things).
const PHRASES: [(&str, &str); 47] = [
    (
        "verification.additional_document",
        "A second document that proves your address",
    ),
    (
        "documents.secondary_verification",
        "A second document that proves your address",
    ),
    (
        "company.verification.document",
        "A document that proves that your company exists",
    ),
    (
        "business_details.documents",
        "A document that proves that your company exists",
    ),
    (
        "documents.proof_of_registration",
        "A document that proves that your company is registered",
    ),
    (
        "documents.proof_of_address",
        "A document that proves your address",
    ),
    (
        "documents.bank_account_ownership_verification",
        "A document that proves that the bank account is yours",
    ),
    (
        "documents.company_authorization",
        "A document that says you may act for your company",
    ),
    ("documents.visa", "Your visa"),
    ("documents.passport", "A photo of your passport"),
    (
        "documents.primary_verification",
        "A photo of your identity document",
    ),
    ("verification.document", "A photo of your identity document"),
    (
        "verification.proof_of_liveness",
        "A photo of yourself, taken now",
    ),
    ("external_account", "Your bank account for payouts"),
    (
        "default_outbound_destination",
        "Your bank account for payouts",
    ),
    ("bank_account", "Your bank account for payouts"),
    ("tos_acceptance", "Your consent to Stripe's terms"),
    ("terms_of_service", "Your consent to Stripe's terms"),
    ("business_profile.mcc", "What kind of business you have"),
    ("merchant.mcc", "What kind of business you have"),
    ("product_description", "A description of what you sell"),
    (
        "business_profile.url",
        "The address of your website, or a description of what you sell",
    ),
    (
        "business_url",
        "The address of your website, or a description of what you sell",
    ),
    ("support_phone", "A phone number for your customers"),
    ("support.phone", "A phone number for your customers"),
    ("support_email", "An e-mail address for your customers"),
    ("support.email", "An e-mail address for your customers"),
    ("support", "How your customers reach you"),
    (
        "statement_descriptor",
        "The name that stands on your customers' bank statements",
    ),
    (
        "doing_business_as",
        "The name that your customers know you by",
    ),
    (
        "business_profile.name",
        "The name that your customers know you by",
    ),
    ("registered_name", "The registered name of your company"),
    ("company.name", "The registered name of your company"),
    ("tax_id", "Your company's tax number"),
    (
        "business_details.id_numbers",
        "Your company's registration or tax number",
    ),
    ("structure", "The legal form of your company"),
    (
        "ssn_last_4",
        "The last four digits of your social security number",
    ),
    ("id_number", "Your identity or tax number"),
    ("directors_provided", "The directors of your company"),
    ("executives_provided", "The executives of your company"),
    ("owners_provided", "The owners of your company"),
    ("ownership", "Who owns your company"),
    ("representative", "Who acts for your company"),
    ("business_type", "Whether you are a person or a company"),
    ("entity_type", "Whether you are a person or a company"),
    ("date_of_birth", "Your date of birth"),
    (".dob.", "Your date of birth"),
];
/// As `PHRASES`, by the name's last part or the one before it.
const LAST_WORDS: [(&str, &str); 13] = [
    ("dob", "Your date of birth"),
    ("address", "Your address"),
    ("line1", "Your address"),
    ("city", "Your address"),
    ("postal_code", "Your address"),
    ("state", "Your address"),
    ("email", "Your e-mail address"),
    ("contact_email", "Your e-mail address"),
    ("phone", "Your phone number"),
    ("first_name", "Your first name"),
    ("given_name", "Your first name"),
    ("last_name", "Your last name"),
    ("surname", "Your last name"),
];

fn phrase(code: &str) -> String {
    // A person other than the seller has an id in the name.
    let person = code
        .split('.')
        .next()
        .is_some_and(|first| first.starts_with("person_"));
    let by_part = PHRASES.iter().find(|(part, _)| code.contains(part));
    let by_word = || {
        let mut parts = code.rsplit('.').take(2);
        parts.find_map(|part| LAST_WORDS.iter().find(|(word, _)| *word == part))
    };
    let Some((_, words)) = by_part.or_else(by_word) else {
        return format!("What Stripe calls {code}");
    };
    match person {
        true => format!("{words}, of a person of your company"),
        false => (*words).to_owned(),
    }
}

/// A day, such as `12 May 2027`, in UTC.
pub fn date(at: Timestamp) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let text = at.to_string();
    let mut parts = text.split(['-', 'T']);
    let (year, month, day) = (parts.next(), parts.next(), parts.next());
    let name = month
        .and_then(|month| month.parse::<usize>().ok())
        .and_then(|month| MONTHS.get(month.wrapping_sub(1)));
    match (year, name, day) {
        (Some(year), Some(name), Some(day)) => {
            format!("{} {name} {year}", day.trim_start_matches('0'))
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn v2(wanted: Value) -> Requirements {
        of_v2(&serde_json::from_value(wanted).expect("requirements"), None)
    }

    fn entry(name: &str, who: &str, status: &str, capabilities: &[&str]) -> Value {
        let restricts: Vec<_> = capabilities
            .iter()
            .map(|name| json!({ "capability": name }))
            .collect();
        json!({
            "description": name, "awaiting_action_from": who, "errors": [],
            "minimum_deadline": { "status": status },
            "impact": { "restricts_capabilities": restricts },
        })
    }

    const DOCUMENT: &str = "individual.verification.document";

    #[test]
    fn a_date_is_said_only_of_entries_with_the_strictest_status() {
        let wanted = v2(json!({
            "entries": [
                entry(DOCUMENT, "user", "currently_due", &["stripe_balance.payouts"]),
                entry("external_account", "user", "eventually_due", &["stripe_balance.payouts"]),
            ],
            "summary": { "minimum_deadline": { "status": "currently_due", "time": "2027-05-12T00:00:00.000Z" } },
        }));
        let said: Vec<_> = wanted.entries.iter().map(sentence).collect();
        assert_eq!(
            said,
            [
                "A photo of your identity document, by 12 May 2027, or payouts stop.",
                "Your bank account for payouts, some day; there is time.",
            ]
        );
        assert_eq!(
            wanted.current_deadline.map(date).as_deref(),
            Some("12 May 2027")
        );
    }

    #[test]
    fn entries_stand_in_v1s_lists_by_who_must_act_and_by_when() {
        let wanted = v2(json!({ "entries": [
            entry("a", "user", "past_due", &[]),
            entry("b", "user", "currently_due", &[]),
            entry("c", "user", "eventually_due", &[]),
            entry("d", "stripe", "currently_due", &[]),
            entry("a", "user", "past_due", &[]),
        ] }));
        assert_eq!(wanted.past_due, ["a"]);
        assert_eq!(wanted.currently_due, ["a", "b"]);
        assert_eq!(wanted.eventually_due, ["a", "b", "c"]);
        assert_eq!(wanted.pending_verification, ["d"]);
        assert_eq!(wanted.entries.len(), 5);
    }

    #[test]
    fn v1s_lists_become_entries_of_the_strictest_list_each() {
        let lists = json!({
            "past_due": ["a"], "currently_due": ["a", "b"], "eventually_due": ["a", "b", "c"],
            "pending_verification": ["d"], "current_deadline": 1_800_000_000,
            "errors": [{ "requirement": "b", "code": "verification_document_expired", "reason": "It has expired." }],
        });
        let wanted = of_v1(&serde_json::from_value(lists).expect("lists"));
        let is: Vec<_> = wanted
            .entries
            .iter()
            .map(|one| {
                (
                    one.code.as_str(),
                    one.awaiting_action_from.as_str(),
                    one.deadline_status.as_str(),
                    one.deadline.is_some(),
                )
            })
            .collect();
        assert_eq!(
            is,
            [
                ("a", USER, PAST_DUE, false),
                ("b", USER, CURRENTLY_DUE, true),
                ("d", STRIPE, CURRENTLY_DUE, false),
                ("c", USER, EVENTUALLY_DUE, false),
            ]
        );
        assert!(sentence(&wanted.entries[1]).ends_with("Stripe says: It has expired."));
    }

    #[test]
    fn a_sentence_says_what_is_lost_and_names_what_it_does_not_know() {
        let said = |name: &str, who: &str, status: &str, lost: &[&str]| {
            let wanted = v2(json!({ "entries": [entry(name, who, status, lost)] }));
            sentence(&wanted.entries[0])
        };
        let both = ["card_payments", "stripe_balance.payouts"];
        for (is, wanted) in [
            (
                said(DOCUMENT, "user", "past_due", &both),
                "A photo of your identity document, which is overdue: without it you can't take payments, nor be paid out.",
            ),
            (
                said(
                    "identity.individual.date_of_birth.day",
                    "user",
                    "currently_due",
                    &["card_payments"],
                ),
                "Your date of birth, or you can't take payments any more.",
            ),
            (
                said("person_1.dob.year", "user", "currently_due", &[]),
                "Your date of birth, of a person of your company, or Stripe restricts your account.",
            ),
            (
                said(
                    "identity.individual.address.line1",
                    "stripe",
                    "currently_due",
                    &[],
                ),
                "Your address: Stripe is checking this; there is nothing to do for now.",
            ),
            (
                said(
                    "a.new.one",
                    "user",
                    "some_day",
                    &["stripe_balance.stripe_transfers"],
                ),
                "What Stripe calls a.new.one, or no more money of sales comes to you.",
            ),
        ] {
            assert_eq!(is, wanted);
        }
    }

    #[test]
    fn the_longer_of_two_names_stands_first() {
        for (n, (part, _)) in PHRASES.iter().enumerate() {
            for (earlier, _) in &PHRASES[..n] {
                assert!(
                    !part.contains(earlier),
                    "{part} never counts, behind {earlier}"
                );
            }
        }
    }

    #[test]
    fn onboarding_is_open_while_something_of_it_is_due() {
        let wants = |who: &str, status: &str, reason: &str| {
            let mut entry = entry("a", who, status, &[]);
            entry["requested_reasons"] = json!([{ "code": reason }]);
            wants_onboarding(
                &serde_json::from_value(json!({ "entries": [entry] })).expect("requirements"),
            )
        };
        assert!(wants("user", "past_due", "routine_onboarding"));
        assert!(!wants("stripe", "past_due", "routine_onboarding"));
        assert!(!wants("user", "eventually_due", "routine_onboarding"));
        assert!(!wants("user", "past_due", "routine_verification"));
    }
}

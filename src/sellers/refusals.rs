//! Stripe's refusals to create an account, and whose fault they are.

use souk_entity::seller::AccountsApi;

use crate::error::{Error, StripeFault};
use crate::findings::NewFinding;

/// The kind of the finding that Stripe refuses the platform.
pub const KIND: &str = "platform_not_ready";
/// There is one platform.
pub const SUBJECT: &str = "platform";

/// Codes about what the seller's owner gave, with the field of ours. v2 names no parameter
/// (docs.stripe.com/api/v2/core/accounts/create, errors).
const OF_REQUEST: [(&str, &str); 8] = [
    ("account_country_unsupported_currency", "country"),
    (
        "capability_not_available_for_entity_type_in_country",
        "business_type",
    ),
    ("capability_not_available_in_country", "country"),
    ("country_unsupported", "country"),
    (
        "cross_border_connected_account_creation_not_allowed",
        "country",
    ),
    ("email_domain_invalid_for_recipient", "email"),
    ("email_invalid", "email"),
    ("entity_type_not_supported_in_country", "business_type"),
];
/// v1's parameters that the seller's owner gave, with the field of ours.
const PARAMS: [(&str, &str); 4] = [
    ("country", "country"),
    ("email", "email"),
    ("business_type", "business_type"),
    ("business_profile[name]", "name"),
];

/// The caller's error, if the request was at fault. None: Stripe refuses the platform, and no request could be right.
pub(super) fn of_request(fault: &StripeFault) -> Option<Error> {
    let code = fault.code.as_deref().unwrap_or_default();
    let by_code = OF_REQUEST.iter().find(|(of, _)| *of == code);
    let by_param = || {
        PARAMS
            .iter()
            .find(|(name, _)| Some(*name) == fault.param.as_deref())
    };
    let (_, param) = by_code.or_else(by_param)?;
    Some(match *param {
        "country" => super::country_unsupported(fault.words()),
        param => Error::invalid(param, format!("Stripe refused {param}: {}", fault.words())),
    })
}

/// Where the platform is set up.
const SETUP: &str = "https://dashboard.stripe.com/settings/connect/platform-setup";
/// Where the platform says what it is, and acknowledges what it answers for.
const PROFILE: &str = "https://dashboard.stripe.com/settings/connect/platform-profile";

/// Where a platform confirms that it creates accounts by v1.
const V1_SUPPORT: &str =
    "https://dashboard.stripe.com/settings/developers/api-policies/feat_accounts_v1_support";

/// What the operator is to do about a refusal of the platform: which setting to change, or which page of Stripe's to visit.
pub fn advice(api: AccountsApi, fault: &StripeFault) -> String {
    let code = fault.code.as_deref().unwrap_or_default();
    let known = match (api, code) {
        // Before 2026-11-18 v1 says it with a message alone (docs.stripe.com/changelog, endive).
        (AccountsApi::V1, "inactive_api_operation_confirmation_required") => Some(inactive_v1()),
        (AccountsApi::V1, _) if fault.message.contains("signed up for Connect") => Some(sign_up()),
        (AccountsApi::V1, "") if fault.param.is_none() => Some(format!(
            "{} Otherwise look at {PROFILE}.",
            inactive_v1()
        )),
        (_, "accounts_v2_access_blocked") => Some(format!(
            "Accounts v2 isn't enabled for this platform. Enable it at {SETUP}, or set STRIPE_ACCOUNTS=v1 if the platform \
             creates accounts by v1."
        )),
        (_, "non_connect_platform_accounts_v2_access_blocked" | "platform_registration_required") => {
            Some(sign_up())
        }
        (_, "connect_profile_not_submitted") => {
            Some(format!("Complete the platform's profile at {PROFILE}."))
        }
        (
            _,
            "account_creation_liability_unacknowledged"
            | "account_creation_requirement_collection_and_liability_unacknowledged"
            | "account_creation_requirement_collection_unacknowledged",
        ) => Some(format!(
            "Acknowledge at {PROFILE} what the platform answers for with its CHARGE_PROFILE (docs/charge-profiles.md)."
        )),
        (
            _,
            "account_create_activation_required"
            | "cannot_create_connected_account"
            | "connect_identity_not_verified",
        ) => Some(
            "Activate the platform's own account, and have its identity verified, at \
             https://dashboard.stripe.com/account/onboarding."
                .to_owned(),
        ),
        (_, "cannot_create_new_account_rejected") => Some(
            "Stripe has rejected the platform: only its support (https://support.stripe.com/contact) can mend that.".to_owned(),
        ),
        (AccountsApi::V2, "test_mode_not_supported") => Some(
            "STRIPE_SECRET_KEY is of the older test mode, in which there is no Accounts v2: use the key of a sandbox \
             (https://docs.stripe.com/sandboxes), or set STRIPE_ACCOUNTS=v1."
                .to_owned(),
        ),
        (_, "account_token_required") => Some(
            "Stripe wants platforms in this country to create accounts by account tokens, which Souk doesn't do."
                .to_owned(),
        ),
        (_, code) if is_about_profile(code) => Some(format!(
            "Stripe doesn't give this platform accounts of its CHARGE_PROFILE. Choose another (docs/charge-profiles.md), or ask \
             for this one at {PROFILE}."
        )),
        _ => None,
    };
    let known = known.unwrap_or_else(|| {
        format!(
            "Look at {PROFILE} and {SETUP}, and at the settings STRIPE_ACCOUNTS and CHARGE_PROFILE."
        )
    });
    format!("{known} Stripe's words: {}", fault.message)
}

/// Codes of combinations that Stripe doesn't support, or not for this platform.
fn is_about_profile(code: &str) -> bool {
    code.starts_with("account_controller_")
        || code.starts_with("capability_not_available")
        || [
            "account_capability_not_supported",
            "account_configuration_not_supported",
            "can_create_platform_owned_onboarding_accounts_required",
            "configuration_creation_invalid",
            "custom_account_beta",
        ]
        .contains(&code)
}

fn inactive_v1() -> String {
    format!(
        "Stripe doesn't let this platform create accounts by v1: set STRIPE_ACCOUNTS=v2, or confirm the use of v1 at \
         {V1_SUPPORT} (https://docs.stripe.com/connect/accounts-v2/account-creation)."
    )
}

fn sign_up() -> String {
    "Sign the platform up for Connect at https://dashboard.stripe.com/connect.".to_owned()
}

/// The finding for the operator.
pub(super) fn finding(advice: &str) -> NewFinding {
    NewFinding {
        kind: KIND,
        stripe_account: None,
        subject: SUBJECT.to_owned(),
        message: format!(
            "Stripe lets this platform create no account for a seller. {advice} The sellers wait, and their accounts are created \
             by themselves afterwards."
        ),
        amount: None,
        currency: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(code: Option<&str>, param: Option<&str>, message: &str) -> StripeFault {
        StripeFault {
            status: Some(400),
            kind: "invalid_request_error".to_owned(),
            code: code.map(str::to_owned),
            param: param.map(str::to_owned),
            message: message.to_owned(),
            ..StripeFault::default()
        }
    }

    #[test]
    fn only_what_the_owner_gave_is_the_requests_fault() {
        for (code, param, field) in [
            (Some("country_unsupported"), Some("country"), "country"),
            (
                Some("cross_border_connected_account_creation_not_allowed"),
                None,
                "country",
            ),
            (Some("email_invalid"), Some("email"), "email"),
            (None, Some("business_profile[name]"), "name"),
            (
                Some("entity_type_not_supported_in_country"),
                None,
                "business_type",
            ),
        ] {
            let error = of_request(&fault(code, param, "no"));
            assert_eq!(
                error.as_ref().and_then(Error::param),
                Some(field),
                "{code:?} {param:?}"
            );
        }
        for (code, param) in [
            (None, None),
            (Some("inactive_api_operation_confirmation_required"), None),
            (Some("accounts_v2_access_blocked"), None),
            (Some("a_new_one"), None),
            (None, Some("controller[losses][payments]")),
            (None, Some("capabilities[card_payments]")),
        ] {
            assert!(
                of_request(&fault(code, param, "no")).is_none(),
                "{code:?} {param:?}"
            );
        }
    }

    #[test]
    fn each_refusal_of_the_platform_says_what_to_set_or_where_to_go() {
        use AccountsApi::{V1, V2};
        for (api, code, message, says) in [
            (
                V1,
                "inactive_api_operation_confirmation_required",
                "inactive",
                "STRIPE_ACCOUNTS=v2",
            ),
            (
                V1,
                "",
                "This API operation has been inactive.",
                "STRIPE_ACCOUNTS=v2",
            ),
            (
                V1,
                "",
                "You can only create new accounts if you've signed up for Connect.",
                "dashboard.stripe.com/connect.",
            ),
            (
                V2,
                "accounts_v2_access_blocked",
                "blocked",
                "STRIPE_ACCOUNTS=v1",
            ),
            (
                V2,
                "platform_registration_required",
                "no",
                "dashboard.stripe.com/connect.",
            ),
            (
                V2,
                "connect_profile_not_submitted",
                "no",
                "platform-profile",
            ),
            (
                V2,
                "account_creation_liability_unacknowledged",
                "no",
                "Acknowledge at",
            ),
            (
                V2,
                "connect_identity_not_verified",
                "no",
                "account/onboarding",
            ),
            (V2, "cannot_create_new_account_rejected", "no", "support"),
            (
                V2,
                "account_controller_unsupported_configuration",
                "no",
                "CHARGE_PROFILE",
            ),
            (V2, "test_mode_not_supported", "no", "sandbox"),
            (V2, "account_token_required", "no", "account tokens"),
            (V2, "a_new_one", "no", "platform-setup"),
        ] {
            let code = (!code.is_empty()).then_some(code);
            let advice = advice(api, &fault(code, None, message));
            assert!(advice.contains(says), "{code:?}: {advice}");
            assert!(advice.ends_with(&format!("Stripe's words: {message}")));
        }
    }
}

//! What the platform's own account may do at Stripe. These are no open questions but settings of its dashboard, and Stripe's
//! rules for platforms by their age; requests that they forbid are refused before anything is done.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{api::Key, assumptions::Assumptions, error::ApiError};

/// The platform's settings. By default everything is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Platform {
    /// Whether it has signed up for Connect.
    pub connect: bool,
    /// Whether it may create accounts by `POST /v1/accounts`
    /// (<https://dashboard.stripe.com/settings/developers/api-policies/feat_accounts_v1_support>).
    pub accounts_v1: bool,
    /// Whether Accounts v2 is enabled for it.
    pub accounts_v2: bool,
    /// Whether the keys are of a sandbox; else they are of the older test mode, in which there is no `/v2`
    /// (<https://docs.stripe.com/api-v2-overview>).
    pub sandbox: bool,
    /// Whether it may make direct charges on accounts of the legacy types `express` and `custom`, which platforms new since
    /// August 2026 may not (<https://docs.stripe.com/changelog/dahlia/2026-08-26>).
    pub legacy_direct_charges: bool,
    /// Why it may create no account at all, by v1 or by v2.
    pub not_ready: Option<NotReady>,
}

/// What keeps a platform from creating accounts until its operator has done something in the dashboard. The names are Stripe's
/// codes (schemas `v2.error…` of its description); v1 says it by a message alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotReady {
    AccountCreateActivationRequired,
    AccountCreationLiabilityUnacknowledged,
    AccountCreationRequirementCollectionUnacknowledged,
    AccountTokenRequired,
    CannotCreateNewAccountRejected,
    ConnectIdentityNotVerified,
    ConnectProfileNotSubmitted,
}

impl NotReady {
    /// The code in `/v2` and the message of both namespaces.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            NotReady::AccountCreateActivationRequired => (
                "account_create_activation_required",
                "Your account must be activated before it can create connected accounts: https://dashboard.stripe.com/account/onboarding.",
            ),
            NotReady::AccountCreationLiabilityUnacknowledged => (
                "account_creation_liability_unacknowledged",
                "Please review the responsibilities of managing losses for connected accounts at https://dashboard.stripe.com/settings/connect/platform-profile.",
            ),
            NotReady::AccountCreationRequirementCollectionUnacknowledged => (
                "account_creation_requirement_collection_unacknowledged",
                "Please review the responsibilities of collecting requirements for connected accounts at https://dashboard.stripe.com/settings/connect/platform-profile.",
            ),
            NotReady::AccountTokenRequired => (
                "account_token_required",
                "Connect platforms based in FR must create accounts via account tokens.",
            ),
            NotReady::CannotCreateNewAccountRejected => (
                "cannot_create_new_account_rejected",
                "Your account has been rejected and cannot create connected accounts.",
            ),
            NotReady::ConnectIdentityNotVerified => (
                "connect_identity_not_verified",
                "Your account must verify its identity before it can create connected accounts.",
            ),
            NotReady::ConnectProfileNotSubmitted => (
                "connect_profile_not_submitted",
                "You must complete your platform profile to use Connect and create live connected accounts. Visit your dashboard at https://dashboard.stripe.com/connect/accounts/overview to answer the questionnaire.",
            ),
        }
    }

    fn error(self, v2: bool) -> ApiError {
        let (code, message) = self.words();
        let error = ApiError::invalid(message);
        if !v2 {
            return error;
        }
        let error = error.code(code);
        match self {
            NotReady::CannotCreateNewAccountRejected => error,
            NotReady::AccountTokenRequired => error.with("user_message", json!(message)).with(
                "doc_url",
                json!("https://docs.stripe.com/connect/account-tokens"),
            ),
            _ => error.with("doc_url", json!("https://docs.stripe.com/connect")),
        }
    }
}

impl Default for Platform {
    fn default() -> Self {
        Self {
            connect: true,
            accounts_v1: true,
            accounts_v2: true,
            sandbox: true,
            legacy_direct_charges: true,
            not_ready: None,
        }
    }
}

/// The version since which the refusal of `POST /v1/accounts` has a code
/// (<https://docs.stripe.com/changelog/endive/2026-11-18/error-code-for-blocked-account-creation-requests>).
const NAMED_SINCE: &str = "2026-11-18";

impl Platform {
    /// Refuses a route that the platform, or the kind of its key, hasn't got. `version` is the request's `Stripe-Version`.
    pub(crate) fn permit(
        self,
        route: &str,
        key: Key,
        version: Option<&str>,
        assumptions: &Assumptions,
    ) -> Result<(), ApiError> {
        let v2 = route.contains(" /v2/");
        let accounts = route.contains(" /v2/core/account");
        let refused =
            key == Key::Restricted && v2 && assumptions.get("v2_restricted_keys") == "refused";
        if refused {
            return Err(ApiError::new(
                403,
                "invalid_request_error",
                "The provided key 'rk_test_*********************' does not have the required permissions for this endpoint: APIs in the v2 namespace take secret keys.",
            ));
        }
        if v2 && !self.sandbox {
            return Err(ApiError::invalid(
                "APIs in the v2 namespace aren't available in test mode. Use the keys of a sandbox: https://docs.stripe.com/sandboxes.",
            )
            .code("test_mode_not_supported"));
        }
        if !self.connect && accounts {
            return Err(ApiError::invalid(
                "To use Accounts v2, use a newer API version or sign up for Connect at https://dashboard.stripe.com/connect.",
            )
            .code("non_connect_platform_accounts_v2_access_blocked"));
        }
        if !self.connect && ["POST /v1/accounts", "POST /v1/account_links"].contains(&route) {
            return Err(ApiError::invalid(
                "You can only create new accounts if you've signed up for Connect, which you can do at https://dashboard.stripe.com/connect.",
            ));
        }
        if !self.accounts_v2 && accounts {
            let message = "Accounts v2 is not enabled for your platform.";
            return Err(ApiError::invalid(message)
                .code("accounts_v2_access_blocked")
                .with("user_message", json!(message)));
        }
        self.may_create(route, v2, version)
    }

    /// Refuses the creation of accounts.
    fn may_create(self, route: &str, v2: bool, version: Option<&str>) -> Result<(), ApiError> {
        if let Some(why) = self
            .not_ready
            .filter(|_| ["POST /v1/accounts", "POST /v2/core/accounts"].contains(&route))
        {
            return Err(why.error(v2));
        }
        if !self.accounts_v1 && route == "POST /v1/accounts" {
            let error = ApiError::invalid(
                "We recommend building your integration using Accounts v2 (https://docs.stripe.com/connect/accounts-v2). To create accounts by Accounts v1, enable Accounts v1 support: https://dashboard.stripe.com/settings/developers/api-policies/feat_accounts_v1_support",
            );
            return Err(if version.is_some_and(|version| version >= NAMED_SINCE) {
                error.code("inactive_api_operation_confirmation_required")
            } else {
                error
            });
        }
        Ok(())
    }
}

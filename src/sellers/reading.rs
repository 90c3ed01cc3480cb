//! What a read of an account says, whichever API it was read by.

use souk_entity::AccountId;
use souk_entity::seller::{
    self, AccountsApi, Capabilities, Capability, Dashboard, Requirements, StatusDetail,
};

use super::requirements;
use crate::app::App;
use crate::config::profiles::{Configuration, terms};
use crate::error::{Error, Result, StripeFault};
use crate::stripe::requests::{accounts, accounts_v2};
use crate::stripe::views::{AccountV2View, AccountView, CapabilityView, ConfigurationView};

/// What a read says. None: it wasn't asked for, so that what was known before stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AccountRead {
    pub id: AccountId,
    /// The API that could read it. None: the other one will be able to.
    pub api: Option<AccountsApi>,
    pub closed: bool,
    /// In upper case.
    pub country: Option<String>,
    pub dashboard: Option<Dashboard>,
    /// Whether it can take the charges of its profile.
    pub charges: Option<bool>,
    pub payouts: Option<bool>,
    /// Whether the seller has given what onboarding takes.
    pub submitted: Option<bool>,
    pub capabilities: Option<Capabilities>,
    pub requirements: Option<Requirements>,
}

/// Reads the seller's account by the API that its row names, or by the other one where that has no such account. None: the
/// platform has lost the account.
pub(super) async fn read(
    app: &App,
    row: &seller::Model,
    account: &AccountId,
) -> Result<Option<AccountRead>> {
    let own = by(app, row, account, row.accounts_api).await;
    let own = match own {
        Err(Error::StripeRefused(fault)) if is_unknown_here(&fault) => fault,
        Err(Error::AccessLost { .. }) => return Ok(None),
        read => return read.map(Some),
    };
    let other = match row.accounts_api {
        AccountsApi::V1 => AccountsApi::V2,
        AccountsApi::V2 => AccountsApi::V1,
    };
    match by(app, row, account, other).await {
        Ok(mut read) => {
            if will_be_known(&own) {
                read.api = None;
            }
            Ok(Some(read))
        }
        Err(Error::AccessLost { .. }) => Ok(None),
        Err(Error::StripeRefused(fault)) if fault.status == own.status && is_gone(&fault) => {
            Ok(None)
        }
        Err(Error::StripeRefused(_)) => Err(Error::StripeRefused(own)),
        Err(e) => Err(e),
    }
}

async fn by(
    app: &App,
    row: &seller::Model,
    account: &AccountId,
    api: AccountsApi,
) -> Result<AccountRead> {
    let platform = app.stripe.platform();
    match api {
        AccountsApi::V1 => {
            let view: AccountView = platform.get(&accounts::retrieve(account)).await?;
            Ok(of_v1(&view))
        }
        AccountsApi::V2 => {
            let view: AccountV2View = platform.get_v2(&accounts_v2::retrieve(account)).await?;
            Ok(of_v2(&view, terms(row.charge_profile).configuration))
        }
    }
}

/// Whether a refusal says no more than that this API doesn't know the account, or isn't the platform's
/// (docs.stripe.com/api/v2/core/accounts/retrieve, errors).
fn is_unknown_here(fault: &StripeFault) -> bool {
    let code = fault.code.as_deref().unwrap_or_default();
    is_gone(fault)
        || will_be_known(fault)
        || [
            "accounts_v2_access_blocked",
            "non_connect_platform_accounts_v2_access_blocked",
            "v1_account_instead_of_v2_account",
        ]
        .contains(&code)
}

/// Whether Stripe says so itself: a 404 of something on the way, without a code of Stripe's, disconnects no seller.
fn is_gone(fault: &StripeFault) -> bool {
    fault.is_missing()
}

/// An account that v1 has made may take ten minutes until v2 can read it (docs.stripe.com/connect/accounts-v2).
fn will_be_known(fault: &StripeFault) -> bool {
    fault.code.as_deref() == Some("account_not_yet_compatible_with_v2")
}

pub(super) fn of_v1(view: &AccountView) -> AccountRead {
    let capability = |status: &String| Capability {
        status: status.clone(),
        details: Vec::new(),
    };
    let capabilities = view.capabilities.iter();
    AccountRead {
        id: AccountId(view.id.clone()),
        api: Some(AccountsApi::V1),
        closed: false,
        country: view.country.clone(),
        dashboard: dashboard(view.controller.stripe_dashboard.r#type.as_deref()),
        charges: Some(view.charges_enabled),
        payouts: Some(view.payouts_enabled),
        submitted: Some(view.details_submitted),
        capabilities: Some(
            capabilities
                .map(|(name, status)| (name.clone(), capability(status)))
                .collect(),
        ),
        requirements: Some(requirements::of_v1(&view.requirements)),
    }
}

pub(super) fn of_v2(view: &AccountV2View, configuration: Configuration) -> AccountRead {
    let (asked, name) = match configuration {
        Configuration::Merchant => (&view.configuration.merchant, "merchant"),
        Configuration::Recipient => (&view.configuration.recipient, "recipient"),
    };
    let is_applied = view
        .applied_configurations
        .iter()
        .any(|applied| applied == name);
    // A configuration that is applied and comes back null was not asked for.
    let capabilities = match asked {
        Some(asked) => Some(capabilities(asked)),
        None if is_applied => None,
        None => Some(Capabilities::new()),
    };
    let charging = match configuration {
        Configuration::Merchant => "card_payments",
        Configuration::Recipient => "stripe_balance.stripe_transfers",
    };
    let is_active = |name: &str| {
        let capabilities = capabilities.as_ref()?;
        Some(
            capabilities
                .get(name)
                .is_some_and(|one| one.status == "active"),
        )
    };
    let (charges, payouts) = (is_active(charging), is_active("stripe_balance.payouts"));
    let wanted = view.requirements.as_ref();
    let reason = capabilities
        .as_ref()
        .and_then(|all| disabled_reason(all, &[charging, "stripe_balance.payouts"]));
    AccountRead {
        id: AccountId(view.id.clone()),
        api: Some(AccountsApi::V2),
        closed: view.closed,
        country: view
            .identity
            .country
            .as_ref()
            .map(|code| code.to_uppercase()),
        dashboard: dashboard(view.dashboard.as_deref()),
        charges,
        payouts,
        submitted: wanted.map(|wanted| !requirements::wants_onboarding(wanted)),
        requirements: wanted.map(|wanted| requirements::of_v2(wanted, reason)),
        capabilities,
    }
}

fn capabilities(configuration: &ConfigurationView) -> Capabilities {
    let capability = |view: CapabilityView| Capability {
        status: view.status,
        details: view
            .status_details
            .into_iter()
            .map(|detail| StatusDetail {
                code: detail.code,
                resolution: detail.resolution,
            })
            .collect(),
    };
    let all = configuration.capabilities().into_iter();
    all.map(|(name, view)| (name, capability(view))).collect()
}

/// Why the first of these capabilities that isn't active is not: Stripe's code, or its status where it gives none. One that
/// isn't among the account's is left out.
fn disabled_reason(all: &Capabilities, names: &[&str]) -> Option<String> {
    let mut found = names.iter().filter_map(|name| all.get(*name));
    let inactive = found.find(|one| one.status != "active")?;
    let code = inactive.details.first().map(|detail| &detail.code);
    Some(code.unwrap_or(&inactive.status).clone())
}

fn dashboard(text: Option<&str>) -> Option<Dashboard> {
    match text {
        Some("full") => Some(Dashboard::Full),
        Some("express") => Some(Dashboard::Express),
        Some("none") => Some(Dashboard::None),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(more: Value, configuration: Configuration) -> AccountRead {
        let mut account = json!({ "id": "acct_1", "object": "v2.core.account", "applied_configurations": ["merchant", "recipient"] });
        for (name, value) in more.as_object().expect("fields") {
            account[name] = value.clone();
        }
        of_v2(
            &serde_json::from_value(account).expect("an account"),
            configuration,
        )
    }

    fn merchant(cards: Value, payouts: Value) -> Value {
        let capabilities =
            json!({ "card_payments": cards, "stripe_balance": { "payouts": payouts } });
        json!({ "configuration": { "merchant": { "capabilities": capabilities } } })
    }

    #[test]
    fn a_seller_is_sellable_by_the_capability_of_its_charges_alone() {
        let (on, off) = (
            json!({ "status": "active" }),
            json!({ "status": "restricted" }),
        );
        let is = read(merchant(on.clone(), off.clone()), Configuration::Merchant);
        assert_eq!((is.charges, is.payouts), (Some(true), Some(false)));
        let is = read(merchant(off, on.clone()), Configuration::Merchant);
        assert_eq!((is.charges, is.payouts), (Some(false), Some(true)));
        let transfers = json!({ "configuration": { "recipient": { "capabilities": { "stripe_balance": { "stripe_transfers": on } } } } });
        let is = read(transfers, Configuration::Recipient);
        assert_eq!((is.charges, is.payouts), (Some(true), Some(false)));
    }

    #[test]
    fn what_was_not_asked_for_is_not_lost() {
        let bare = read(
            json!({ "configuration": null, "requirements": null }),
            Configuration::Merchant,
        );
        assert_eq!(
            (bare.charges, bare.payouts, bare.submitted),
            (None, None, None)
        );
        assert!(bare.capabilities.is_none() && bare.requirements.is_none());
        // A configuration that isn't applied any more is lost.
        let gone = read(
            json!({ "applied_configurations": ["customer"] }),
            Configuration::Merchant,
        );
        assert_eq!(gone.charges, Some(false));
    }

    #[test]
    fn an_unknown_status_is_no_error_and_is_not_active() {
        let odd = json!({ "status": "half_open", "status_details": [{ "code": "a_new_one", "resolution": "wait" }] });
        let wanted = json!({ "requirements": { "entries": [] } });
        let mut account = merchant(odd, json!({ "status": "active" }));
        account["requirements"] = wanted["requirements"].clone();
        let is = read(account, Configuration::Merchant);
        assert_eq!(is.charges, Some(false));
        let requirements = is.requirements.expect("asked for");
        assert_eq!(requirements.disabled_reason.as_deref(), Some("a_new_one"));
    }

    #[test]
    fn a_country_counts_in_either_case() {
        let is = read(
            json!({ "identity": { "country": "de" } }),
            Configuration::Merchant,
        );
        assert_eq!(is.country.as_deref(), Some("DE"));
    }

    #[test]
    fn only_a_refusal_that_says_so_has_the_other_api_asked() {
        let fault = |status, code: &str| StripeFault {
            status: Some(status),
            code: Some(code.to_owned()),
            ..StripeFault::default()
        };
        for (status, code) in [
            (404, "not_found"),
            (400, "v1_account_instead_of_v2_account"),
            (400, "account_not_yet_compatible_with_v2"),
            (400, "accounts_v2_access_blocked"),
        ] {
            assert!(is_unknown_here(&fault(status, code)), "{code}");
        }
        assert!(!is_unknown_here(&fault(400, "account_rate_limit_exceeded")));
    }
}

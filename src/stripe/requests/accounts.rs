//! Connected accounts (docs.stripe.com/api/accounts), the links into them, and their balance.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use souk_entity::seller::{ChargeProfile, Dashboard};
use souk_entity::{AccountId, Timestamp};
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};
use stripe_connect::account::{
    CreateAccount, CreateAccountBusinessProfile, CreateAccountCapabilities,
    CreateAccountCapabilitiesCardPayments, CreateAccountCapabilitiesTransfers,
    CreateAccountController, CreateAccountControllerFees,
    CreateAccountControllerFeesPayer as FeesPayer, CreateAccountControllerLosses,
    CreateAccountControllerLossesPayments as Losses,
    CreateAccountControllerRequirementCollection as Collection,
    CreateAccountControllerStripeDashboard, CreateAccountControllerStripeDashboardType as Type,
    ListAccount, RetrieveAccount, RetrieveForMyAccountAccount, UpdateAccount,
    UpdateAccountBusinessProfile,
};
use stripe_connect::account_link::{CreateAccountLink, CreateAccountLinkType};
use stripe_connect::login_link::CreateAccountLoginLink;
use stripe_core::balance::RetrieveForMyAccountBalance;

use super::accounts_v2::UseCase;
use super::{LIMIT, created_since};
use crate::config::profiles::{Bearer, Configuration, terms};
use crate::stripe::views::AccountSessionView;

/// The `metadata` name that carries our seller's id. It is only a hint, since the account's holder can change it.
pub const METADATA_SELLER: &str = "souk_seller";

/// The parameters of a new connected account.
pub struct NewAccount<'a> {
    /// Our seller, for `metadata`.
    pub seller: &'a str,
    /// The name that buyers see on Stripe's page. None: Stripe asks for it.
    pub name: Option<&'a str>,
    /// ISO 3166-1 alpha-2, upper case.
    pub country: &'a str,
    /// The seller's address.
    pub email: &'a str,
    /// `individual` or `company`.
    pub business_type: Option<&'a str>,
    /// Which dashboard it has, who is liable for fees and losses, and what it must be capable of.
    pub profile: ChargeProfile,
}

/// Creates an account with `controller` properties (docs.stripe.com/connect/migrate-to-controller-properties). The
/// capability `transfers` is requested, which `card_payments` takes too, and that if its charges are direct.
pub fn create(new: &NewAccount<'_>) -> impl StripeRequest + use<> {
    let mut capabilities = CreateAccountCapabilities::new();
    if terms(new.profile).configuration == Configuration::Merchant {
        let mut cards = CreateAccountCapabilitiesCardPayments::new();
        cards.requested = Some(true);
        capabilities.card_payments = Some(cards);
    }
    let mut transfers = CreateAccountCapabilitiesTransfers::new();
    transfers.requested = Some(true);
    capabilities.transfers = Some(transfers);
    let mut request = CreateAccount::new()
        .country(new.country)
        .email(new.email)
        .capabilities(capabilities)
        .controller(controller(new.profile))
        .metadata(HashMap::from([(
            METADATA_SELLER.to_owned(),
            new.seller.to_owned(),
        )]));
    if let Some(name) = new.name {
        let mut profile = CreateAccountBusinessProfile::new();
        profile.name = Some(name.to_owned());
        request = request.business_profile(profile);
    }
    if let Some(kind) = new.business_type {
        let kind: stripe_shared::AccountBusinessType =
            kind.parse().unwrap_or_else(|never| match never {});
        request = request.business_type(kind);
    }
    request
}

/// Changes the name that buyers see on Stripe's page (docs.stripe.com/api/accounts/update, `business_profile[name]`). Once
/// onboarding has begun, Stripe may leave that to the account's holder, and refuses.
pub fn rename(account: &AccountId, name: &str) -> impl StripeRequest + use<> {
    let mut profile = UpdateAccountBusinessProfile::new();
    profile.name = Some(name.to_owned());
    UpdateAccount::new(account.as_ref()).business_profile(profile)
}

/// The account that the key belongs to: the platform's own (docs.stripe.com/api/accounts/retrieve, `GET /v1/account`).
pub fn retrieve_own() -> impl StripeRequest {
    RetrieveForMyAccountAccount::new()
}

/// Who is liable for losses and fees, and who collects requirements: Stripe, except where the seller has no dashboard of
/// Stripe's, as v2 decides it by itself.
fn controller(profile: ChargeProfile) -> CreateAccountController {
    let terms = terms(profile);
    let (kind, collection) = match terms.dashboard {
        Dashboard::Full => (Type::Full, Collection::Stripe),
        Dashboard::Express => (Type::Express, Collection::Stripe),
        Dashboard::None => (Type::None, Collection::Application),
    };
    let payer = match terms.fees {
        Bearer::Stripe => FeesPayer::Account,
        Bearer::Application => FeesPayer::Application,
    };
    let liable = match terms.losses {
        Bearer::Stripe => Losses::Stripe,
        Bearer::Application => Losses::Application,
    };
    let mut controller = CreateAccountController::new();
    let mut stripe_dashboard = CreateAccountControllerStripeDashboard::new();
    stripe_dashboard.type_ = Some(kind);
    controller.stripe_dashboard = Some(stripe_dashboard);
    let mut fees = CreateAccountControllerFees::new();
    fees.payer = Some(payer);
    controller.fees = Some(fees);
    let mut losses = CreateAccountControllerLosses::new();
    losses.payments = Some(liable);
    controller.losses = Some(losses);
    controller.requirement_collection = Some(collection);
    controller
}

/// Retrieves an account. Stripe answers 403 `account_invalid` once it has disconnected from the platform.
pub fn retrieve(account: &AccountId) -> impl StripeRequest + use<> {
    RetrieveAccount::new(account.as_ref())
}

/// A page of the platform's connected accounts created since, newest first (docs.stripe.com/api/accounts/list).
pub fn list(since: Timestamp, starting_after: Option<&str>) -> ListAccount {
    let list = ListAccount::new()
        .limit(LIMIT)
        .created(created_since(since));
    match starting_after {
        Some(last) => list.starting_after(last),
        None => list,
    }
}

/// Creates a link (docs.stripe.com/api/account_links): it works once, for some minutes.
pub fn link(
    account: &AccountId,
    use_case: UseCase,
    refresh_url: &str,
    return_url: &str,
) -> impl StripeRequest + use<> {
    let kind = match use_case {
        UseCase::Onboarding => CreateAccountLinkType::AccountOnboarding,
        UseCase::Update => CreateAccountLinkType::AccountUpdate,
    };
    CreateAccountLink::new(account.as_ref(), kind)
        .refresh_url(refresh_url)
        .return_url(return_url)
}

/// Creates a link into the Express dashboard (docs.stripe.com/api/accounts/login_link).
pub fn login_link(account: &AccountId) -> impl StripeRequest + use<> {
    CreateAccountLoginLink::new(account.as_ref())
}

/// A session by which a page shows Stripe's components for an account (docs.stripe.com/api/account_sessions/create).
#[derive(Serialize)]
pub struct CreateAccountSession {
    account: AccountId,
    components: BTreeMap<&'static str, Component>,
}

#[derive(Serialize)]
struct Component {
    enabled: bool,
}

/// Creates a session with these components, such as `account_onboarding`, each with the features that Stripe gives it.
pub fn session(account: &AccountId, components: &[&'static str]) -> CreateAccountSession {
    let enabled = |name: &&'static str| (*name, Component { enabled: true });
    CreateAccountSession {
        account: account.clone(),
        components: components.iter().map(enabled).collect(),
    }
}

impl StripeRequest for CreateAccountSession {
    type Output = AccountSessionView;

    fn build(&self) -> RequestBuilder {
        RequestBuilder::new(StripeMethod::Post, "/account_sessions").form(self)
    }
}

/// Retrieves the balance of the account that it is sent on (docs.stripe.com/api/balance).
pub fn balance() -> impl StripeRequest {
    RetrieveForMyAccountBalance::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(profile: ChargeProfile) -> Vec<(String, String)> {
        let request = create(&NewAccount {
            seller: "sel_1",
            name: Some("Mira's Lamps"),
            country: "DE",
            email: "mira@example.com",
            business_type: Some("individual"),
            profile,
        })
        .build();
        assert_eq!(request.path, "/accounts");
        let body = request.body.unwrap_or_default();
        form_urlencoded::parse(body.as_bytes())
            .into_owned()
            .collect()
    }

    fn has(body: &[(String, String)], name: &str, value: &str) -> bool {
        body.iter().any(|(n, v)| n == name && v == value)
    }

    #[test]
    fn an_account_is_made_by_controller_properties_and_carries_our_seller() {
        let body = body(ChargeProfile::Direct);
        for (name, value) in [
            ("controller[stripe_dashboard][type]", "full"),
            ("controller[losses][payments]", "stripe"),
            ("controller[fees][payer]", "account"),
            ("controller[requirement_collection]", "stripe"),
            ("capabilities[card_payments][requested]", "true"),
            ("capabilities[transfers][requested]", "true"),
            ("metadata[souk_seller]", "sel_1"),
            ("business_type", "individual"),
            ("country", "DE"),
            ("business_profile[name]", "Mira's Lamps"),
        ] {
            assert!(has(&body, name, value), "{name}={value} is not in {body:?}");
        }
        assert!(!body.iter().any(|(name, _)| name == "type"));
    }

    #[test]
    fn with_the_express_dashboard_or_none_the_platform_answers_for_fees_and_losses() {
        for (profile, dashboard, collection) in [
            (ChargeProfile::DirectExpress, "express", "stripe"),
            (ChargeProfile::Marketplace, "express", "stripe"),
            (ChargeProfile::WhiteLabel, "none", "application"),
        ] {
            let body = body(profile);
            for (name, value) in [
                ("controller[stripe_dashboard][type]", dashboard),
                ("controller[losses][payments]", "application"),
                ("controller[fees][payer]", "application"),
                ("controller[requirement_collection]", collection),
            ] {
                assert!(has(&body, name, value), "{profile:?}: no {name}={value}");
            }
        }
    }

    #[test]
    fn only_sellers_with_direct_charges_ask_for_card_payments() {
        for (profile, asks) in [
            (ChargeProfile::Direct, true),
            (ChargeProfile::Marketplace, false),
        ] {
            let body = body(profile);
            assert!(has(&body, "capabilities[transfers][requested]", "true"));
            let cards = "capabilities[card_payments][requested]";
            assert_eq!(has(&body, cards, "true"), asks, "{profile:?}");
        }
    }

    #[test]
    fn a_session_enables_what_it_names() {
        let account = AccountId::from("acct_1");
        let request = session(&account, &["payments", "account_onboarding"]).build();
        let body = request.body.unwrap_or_default();
        let fields: Vec<(String, String)> = form_urlencoded::parse(body.as_bytes())
            .into_owned()
            .collect();
        assert_eq!(fields.len(), 3);
        assert!(has(&fields, "account", "acct_1"));
        for name in ["payments", "account_onboarding"] {
            assert!(has(
                &fields,
                &format!("components[{name}][enabled]"),
                "true"
            ));
        }
    }
}

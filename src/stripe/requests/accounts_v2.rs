//! Connected accounts by v2 (docs.stripe.com/api/v2/core/accounts), and the links into them. async-stripe doesn't know
//! `/v2`, so the bodies are written here.

use serde_json::{Value, json};
use souk_entity::AccountId;
use souk_entity::seller::{ChargeProfile, Dashboard};

use super::accounts::{METADATA_SELLER, NewAccount};
use crate::config::profiles::{Bearer, Configuration, terms};
use crate::countries;
use crate::stripe::V2Request;

/// What we read of an account. What isn't asked for comes back null (docs.stripe.com/api/include_dependent_response_values).
const INCLUDE: [&str; 5] = [
    "configuration.merchant",
    "configuration.recipient",
    "defaults",
    "identity",
    "requirements",
];
/// Accounts a page (docs.stripe.com/api/v2/core/accounts/list, `limit`).
const LIMIT: i64 = 20;

/// A flow of Stripe's that a link leads into (docs.stripe.com/api/v2/core/account-links/create, `use_case.type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UseCase {
    /// Gives what Stripe still wants.
    Onboarding,
    /// Changes what was given. Only where the platform collects requirements.
    Update,
}

/// Creates an account (docs.stripe.com/api/v2/core/accounts/create) with the capability that its profile's charges need.
pub fn create(new: &NewAccount<'_>) -> V2Request {
    let terms = terms(new.profile);
    let requested = json!({ "requested": true });
    let configuration = match terms.configuration {
        Configuration::Merchant => {
            json!({ "merchant": { "capabilities": { "card_payments": requested } } })
        }
        Configuration::Recipient => json!({ "recipient": { "capabilities": {
            "stripe_balance": { "stripe_transfers": requested },
        } } }),
    };
    let mut identity = json!({ "country": new.country.to_lowercase() });
    if let Some(kind) = new.business_type {
        identity["entity_type"] = json!(kind);
    }
    let mut defaults = json!({ "responsibilities": {
        "fees_collector": collector(terms.fees),
        "losses_collector": collector(terms.losses),
    } });
    if let Some(currency) = countries::currency(new.country) {
        defaults["currency"] = json!(currency);
    }
    let mut body = json!({
        "contact_email": new.email,
        "dashboard": dashboard(terms.dashboard),
        "identity": identity,
        "configuration": configuration,
        "metadata": { METADATA_SELLER: new.seller },
        "include": INCLUDE,
    });
    if let Some(name) = new.name {
        defaults["profile"] = json!({ "doing_business_as": name });
        body["display_name"] = json!(name);
    }
    body["defaults"] = defaults;
    post("/v2/core/accounts".to_owned(), body)
}

/// Retrieves an account.
pub fn retrieve(account: &AccountId) -> V2Request {
    let query: Vec<_> = (0..)
        .zip(INCLUDE)
        .map(|(n, name)| format!("include[{n}]={name}"))
        .collect();
    get(format!("/v2/core/accounts/{account}?{}", query.join("&")))
}

/// The first page of the platform's accounts. v2 has no filter by date.
pub fn list() -> V2Request {
    get(format!("/v2/core/accounts?limit={LIMIT}"))
}

/// Changes the name that buyers see. Once its holder has been to Stripe's form, it may be theirs alone to change, and Stripe
/// refuses (docs.stripe.com/connect/accounts-v2/connected-account-configuration).
pub fn rename(account: &AccountId, name: &str) -> V2Request {
    let body = json!({
        "display_name": name,
        "defaults": { "profile": { "doing_business_as": name } },
    });
    post(format!("/v2/core/accounts/{account}"), body)
}

/// Creates a link (docs.stripe.com/api/v2/core/account-links/create): it works once, for some minutes.
pub fn link(
    account: &AccountId,
    profile: ChargeProfile,
    use_case: UseCase,
    refresh_url: &str,
    return_url: &str,
) -> V2Request {
    let configuration = match terms(profile).configuration {
        Configuration::Merchant => "merchant",
        Configuration::Recipient => "recipient",
    };
    let name = match use_case {
        UseCase::Onboarding => "account_onboarding",
        UseCase::Update => "account_update",
    };
    let flow = json!({
        "configurations": [configuration],
        "refresh_url": refresh_url,
        "return_url": return_url,
    });
    let body = json!({ "account": account, "use_case": { "type": name, name: flow } });
    post("/v2/core/account_links".to_owned(), body)
}

/// Stripe's word for whom a fee or a loss is collected by.
fn collector(bearer: Bearer) -> &'static str {
    match bearer {
        Bearer::Stripe => "stripe",
        Bearer::Application => "application",
    }
}

fn dashboard(dashboard: Dashboard) -> &'static str {
    match dashboard {
        Dashboard::Full => "full",
        Dashboard::Express => "express",
        Dashboard::None => "none",
    }
}

fn get(path: String) -> V2Request {
    V2Request { path, body: None }
}

fn post(path: String, body: Value) -> V2Request {
    V2Request {
        path,
        body: Some(body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(profile: ChargeProfile) -> Value {
        let request = create(&NewAccount {
            seller: "sel_1",
            name: Some("Mira's Lamps"),
            country: "DE",
            email: "mira@example.com",
            business_type: Some("individual"),
            profile,
        });
        assert_eq!(request.path, "/v2/core/accounts");
        request.body.expect("a body")
    }

    #[test]
    fn an_account_says_who_it_is_and_carries_our_seller() {
        let body = body(ChargeProfile::Direct);
        let wanted = json!({
            "display_name": "Mira's Lamps",
            "contact_email": "mira@example.com",
            "dashboard": "full",
            "identity": { "country": "de", "entity_type": "individual" },
            "defaults": {
                "currency": "eur",
                "profile": { "doing_business_as": "Mira's Lamps" },
                "responsibilities": { "fees_collector": "stripe", "losses_collector": "stripe" },
            },
            "configuration": { "merchant": { "capabilities": { "card_payments": { "requested": true } } } },
            "metadata": { "souk_seller": "sel_1" },
            "include": INCLUDE,
        });
        assert_eq!(body, wanted);
    }

    #[test]
    fn a_marketplaces_seller_is_a_recipient_alone() {
        let body = body(ChargeProfile::Marketplace);
        let capabilities =
            json!({ "stripe_balance": { "stripe_transfers": { "requested": true } } });
        let wanted = json!({ "recipient": { "capabilities": capabilities } });
        assert_eq!(body["configuration"], wanted);
        assert_eq!(body["dashboard"], "express");
    }

    #[test]
    fn with_the_express_dashboard_or_none_the_platform_answers_for_fees_and_losses() {
        let both = json!({ "fees_collector": "application", "losses_collector": "application" });
        for (profile, dashboard) in [
            (ChargeProfile::DirectExpress, "express"),
            (ChargeProfile::Marketplace, "express"),
            (ChargeProfile::WhiteLabel, "none"),
        ] {
            let body = body(profile);
            assert_eq!(body["defaults"]["responsibilities"], both, "{profile:?}");
            assert_eq!(body["dashboard"], dashboard);
        }
    }

    #[test]
    fn a_link_names_its_flow_once_and_the_sellers_configuration() {
        let account = AccountId::from("acct_1");
        let request = link(
            &account,
            ChargeProfile::Marketplace,
            UseCase::Update,
            "https://a",
            "https://b",
        );
        let flow = json!({ "configurations": ["recipient"], "refresh_url": "https://a", "return_url": "https://b" });
        let use_case = json!({ "type": "account_update", "account_update": flow });
        let wanted = json!({ "account": "acct_1", "use_case": use_case });
        assert_eq!(request.body, Some(wanted));
    }

    #[test]
    fn an_account_is_read_with_all_that_its_status_is_derived_from() {
        let request = retrieve(&AccountId::from("acct_1"));
        let path = "/v2/core/accounts/acct_1?include[0]=configuration.merchant&include[1]=configuration.recipient\
                    &include[2]=defaults&include[3]=identity&include[4]=requirements";
        assert_eq!((request.path.as_str(), request.body), (path, None));
    }
}

//! Connected accounts by v2, and links into them. A field that is null was not asked for, or is empty: which of both, the
//! field beside it tells.

use serde::Deserialize;
use souk_entity::Timestamp;

use super::accounts::or_default;

/// An account (docs.stripe.com/api/v2/core/accounts/object).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct AccountV2View {
    /// `acct_…`.
    pub id: String,
    /// Such as `merchant`. Always there, whatever was asked for.
    #[serde(default, deserialize_with = "or_default")]
    pub applied_configurations: Vec<String>,
    /// Whether it is closed.
    #[serde(default, deserialize_with = "or_default")]
    pub closed: bool,
    /// `full`, `express` or `none`.
    pub dashboard: Option<String>,
    /// Null unless asked for.
    #[serde(default, deserialize_with = "or_default")]
    pub configuration: ConfigurationsView,
    /// Null unless asked for.
    #[serde(default, deserialize_with = "or_default")]
    pub identity: IdentityView,
    /// Null unless asked for.
    #[serde(default, deserialize_with = "or_default")]
    pub defaults: DefaultsView,
    /// Null unless asked for.
    pub requirements: Option<RequirementsV2View>,
}

/// `configuration` of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ConfigurationsView {
    /// Null unless asked for and applied.
    pub merchant: Option<ConfigurationView>,
    /// Null unless asked for and applied.
    pub recipient: Option<ConfigurationView>,
}

/// A configuration of an account: what it can do, raw, since each kind nests its capabilities in another way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ConfigurationView {
    /// By name, some with a group between.
    #[serde(default, deserialize_with = "or_default")]
    pub capabilities: serde_json::Map<String, serde_json::Value>,
}

/// The status of a capability.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct CapabilityView {
    /// Such as `active`.
    pub status: String,
    /// Empty when it is active.
    #[serde(default, deserialize_with = "or_default")]
    pub status_details: Vec<StatusDetailView>,
}

/// Why a capability isn't active.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct StatusDetailView {
    /// Such as `requirements_past_due`.
    #[serde(default, deserialize_with = "or_default")]
    pub code: String,
    /// Such as `provide_info`.
    pub resolution: Option<String>,
}

/// `identity` of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct IdentityView {
    /// ISO 3166-1 alpha-2, in either case.
    pub country: Option<String>,
}

/// `defaults` of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct DefaultsView {
    /// Who bears what.
    pub responsibilities: Option<ResponsibilitiesView>,
}

/// `defaults.responsibilities` of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ResponsibilitiesView {
    /// `stripe`, `application` or one of the legacy words.
    pub fees_collector: Option<String>,
    /// `stripe` or `application`.
    pub losses_collector: Option<String>,
}

/// `requirements` of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct RequirementsV2View {
    /// Each of them.
    #[serde(default, deserialize_with = "or_default")]
    pub entries: Vec<RequirementView>,
    /// Null when there are none.
    #[serde(default, deserialize_with = "or_default")]
    pub summary: SummaryView,
}

/// `requirements.summary` of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct SummaryView {
    /// The strictest status, and the only date that v2 has.
    #[serde(default, deserialize_with = "or_default")]
    pub minimum_deadline: DeadlineView,
}

/// A deadline.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct DeadlineView {
    /// `past_due`, `currently_due` or `eventually_due`.
    #[serde(default, deserialize_with = "or_default")]
    pub status: String,
    /// RFC 3339.
    pub time: Option<Timestamp>,
}

/// Something that Stripe wants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct RequirementView {
    /// `user` or `stripe`.
    #[serde(default, deserialize_with = "or_default")]
    pub awaiting_action_from: String,
    /// Stripe's name for it.
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
    /// What was wrong with what was given.
    #[serde(default, deserialize_with = "or_default")]
    pub errors: Vec<RequirementErrorView>,
    /// What happens without it.
    #[serde(default, deserialize_with = "or_default")]
    pub impact: ImpactView,
    /// The soonest of its deadlines, without a date.
    #[serde(default, deserialize_with = "or_default")]
    pub minimum_deadline: DeadlineView,
    /// Why it is wanted.
    #[serde(default, deserialize_with = "or_default")]
    pub requested_reasons: Vec<ReasonView>,
}

/// What was wrong with what was given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct RequirementErrorView {
    /// Such as `verification_document_expired`.
    #[serde(default, deserialize_with = "or_default")]
    pub code: String,
    /// Stripe's words.
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
}

/// `impact` of a requirement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ImpactView {
    /// The capabilities that are lost without it.
    #[serde(default, deserialize_with = "or_default")]
    pub restricts_capabilities: Vec<RestrictedView>,
}

/// A capability that is lost without a requirement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct RestrictedView {
    /// Such as `card_payments`.
    #[serde(default, deserialize_with = "or_default")]
    pub capability: String,
}

/// Why a requirement is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ReasonView {
    /// `routine_onboarding` or `routine_verification`.
    #[serde(default, deserialize_with = "or_default")]
    pub code: String,
}

/// A link that logs its holder in. It is never stored, and there is no `Debug` that could show it.
#[derive(Clone, Deserialize)]
pub struct LinkV2View {
    /// Where to send the browser.
    pub url: String,
    /// RFC 3339.
    pub expires_at: Option<Timestamp>,
}

impl ConfigurationView {
    /// Each capability by its name, such as `card_payments` or `stripe_balance.payouts`.
    pub fn capabilities(&self) -> Vec<(String, CapabilityView)> {
        let mut found = Vec::new();
        for (name, value) in &self.capabilities {
            if let Ok(one) = serde_json::from_value(value.clone()) {
                found.push((name.clone(), one));
                continue;
            }
            for (inner, value) in value.as_object().into_iter().flatten() {
                if let Ok(one) = serde_json::from_value(value.clone()) {
                    found.push((format!("{name}.{inner}"), one));
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_asked_for_is_null_and_what_is_unknown_stands_as_it_came() {
        let bare = r#"{"id": "acct_1", "object": "v2.core.account", "applied_configurations": ["merchant"],
            "configuration": null, "defaults": null, "identity": null, "requirements": null, "closed": null}"#;
        let view: AccountV2View = serde_json::from_str(bare).expect("lenient");
        assert!(view.configuration.merchant.is_none() && view.requirements.is_none());
        assert_eq!(view.applied_configurations, ["merchant"]);
        let odd = r#"{"id": "acct_1", "configuration": {"merchant": {"capabilities": {
            "card_payments": {"status": "half_open", "status_details": [{"code": "a_new_one"}]},
            "stripe_balance": {"payouts": {"status": "active", "status_details": []}}, "odd": 7, "none": null}}},
            "requirements": {"entries": [{"description": "a.new.one", "minimum_deadline": {"status": "some_day"}}]}}"#;
        let view: AccountV2View = serde_json::from_str(odd).expect("lenient");
        let merchant = view.configuration.merchant.expect("asked for");
        let names: Vec<_> = merchant
            .capabilities()
            .into_iter()
            .map(|(name, one)| (name, one.status))
            .collect();
        let pair = |name: &str, status: &str| (name.to_owned(), status.to_owned());
        assert_eq!(
            names,
            [
                pair("card_payments", "half_open"),
                pair("stripe_balance.payouts", "active")
            ]
        );
        let wanted = view.requirements.expect("asked for").entries.remove(0);
        assert_eq!(
            (
                wanted.description.as_str(),
                wanted.minimum_deadline.status.as_str()
            ),
            ("a.new.one", "some_day")
        );
    }
}

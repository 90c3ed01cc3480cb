//! Connected accounts, the links into them, and their balance.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// A connected account (docs.stripe.com/api/accounts/object). A missing field counts as not enabled, or as nothing due.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct AccountView {
    /// `acct_…`.
    pub id: String,
    /// ISO 3166-1 alpha-2, upper case.
    pub country: Option<String>,
    /// The status of each capability by its name, such as `card_payments`: `active`, `pending` or `inactive`.
    #[serde(default, deserialize_with = "or_default")]
    pub capabilities: BTreeMap<String, String>,
    /// Whether it can take money.
    #[serde(default, deserialize_with = "or_default")]
    pub charges_enabled: bool,
    /// Whether money can be paid out.
    #[serde(default, deserialize_with = "or_default")]
    pub payouts_enabled: bool,
    /// Whether onboarding is complete.
    #[serde(default, deserialize_with = "or_default")]
    pub details_submitted: bool,
    /// The requirements that Stripe still has.
    #[serde(default, deserialize_with = "or_default")]
    pub requirements: RequirementsView,
    /// Who is liable for what.
    #[serde(default, deserialize_with = "or_default")]
    pub controller: ControllerView,
}

/// `requirements` of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct RequirementsView {
    /// Wanted by `current_deadline`.
    #[serde(default, deserialize_with = "or_default")]
    pub currently_due: Vec<String>,
    /// Wanted already.
    #[serde(default, deserialize_with = "or_default")]
    pub past_due: Vec<String>,
    /// Wanted some day.
    #[serde(default, deserialize_with = "or_default")]
    pub eventually_due: Vec<String>,
    /// Being checked.
    #[serde(default, deserialize_with = "or_default")]
    pub pending_verification: Vec<String>,
    /// Such as `requirements.past_due` or `rejected.fraud`.
    pub disabled_reason: Option<String>,
    /// Whole seconds.
    pub current_deadline: Option<i64>,
    /// What was wrong with what was given.
    #[serde(default, deserialize_with = "or_default")]
    pub errors: Vec<FieldErrorView>,
}

/// What was wrong with a field that was given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct FieldErrorView {
    /// The field's name in the lists.
    #[serde(default, deserialize_with = "or_default")]
    pub requirement: String,
    /// Such as `verification_document_expired`.
    #[serde(default, deserialize_with = "or_default")]
    pub code: String,
    /// Stripe's words.
    #[serde(default, deserialize_with = "or_default")]
    pub reason: String,
}

/// `controller` of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ControllerView {
    /// Which dashboard it has.
    #[serde(default, deserialize_with = "or_default")]
    pub stripe_dashboard: DashboardView,
}

/// `controller.stripe_dashboard` of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct DashboardView {
    /// `full`, `express` or `none`.
    pub r#type: Option<String>,
}

/// A secret by which a page shows Stripe's components for an account (docs.stripe.com/api/account_sessions). It is never
/// stored, and there is no `Debug` that could show it.
#[derive(Clone, Deserialize)]
pub struct AccountSessionView {
    /// For Stripe's script in the browser.
    pub client_secret: String,
    /// Whole seconds.
    pub expires_at: i64,
}

/// A link that logs its holder in. It is never stored, and there is no `Debug` that could show it.
#[derive(Clone, Deserialize)]
pub struct LinkView {
    /// Where to send the browser.
    pub url: String,
    /// Whole seconds. A login link has none.
    pub expires_at: Option<i64>,
}

/// A balance (docs.stripe.com/api/balance/balance_object).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct BalanceView {
    /// The funds that can be paid out.
    #[serde(default, deserialize_with = "or_default")]
    pub available: Vec<BalanceAmountView>,
    /// The funds that can't be paid out yet.
    #[serde(default, deserialize_with = "or_default")]
    pub pending: Vec<BalanceAmountView>,
}

/// The amount of a balance in one currency.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct BalanceAmountView {
    /// Minor units.
    pub amount: i64,
    /// Lower case.
    pub currency: String,
}

/// Reads null as the default: Stripe gives empty hashes and lists as null.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_that_says_little_can_do_nothing() {
        let sparse = r#"{"id": "acct_1", "requirements": null, "controller": {"type": "account"}}"#;
        let view: AccountView = serde_json::from_str(sparse).expect("lenient");
        assert!(!view.charges_enabled && !view.payouts_enabled && !view.details_submitted);
        assert_eq!(view.requirements, RequirementsView::default());
        let nulls = r#"{"id": "acct_1", "charges_enabled": true,
            "requirements": {"currently_due": null, "disabled_reason": "listed", "current_deadline": null}}"#;
        let view: AccountView = serde_json::from_str(nulls).expect("lenient");
        assert!(view.charges_enabled);
        assert_eq!(view.requirements.disabled_reason.as_deref(), Some("listed"));
    }
}

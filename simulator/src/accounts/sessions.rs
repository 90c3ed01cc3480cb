//! Account sessions, for Stripe's embedded components: <https://docs.stripe.com/api/account_sessions>.

use serde_json::{Value, json};

use super::requirements::collected_by_platform;
use crate::{
    api::{Call, Route, connected},
    error::{Answer, ApiError},
    store::Tx,
};

pub(crate) const ROUTES: &[Route] = &[("POST", "/v1/account_sessions", create)];

const ACCOUNT: &[&str] = &[
    "disable_stripe_user_authentication",
    "external_account_collection",
];
const PAYMENTS: &[&str] = &[
    "capture_payments",
    "destination_on_behalf_of_charge_management",
    "dispute_management",
    "refund_management",
];
const PAYOUTS: &[&str] = &[
    "disable_stripe_user_authentication",
    "edit_payout_schedule",
    "external_account_collection",
    "instant_payouts",
    "standard_payouts",
];

/// Each component with its features.
const COMPONENTS: [(&str, &[&str]); 21] = [
    ("account_management", ACCOUNT),
    ("account_onboarding", ACCOUNT),
    ("balance_report", &[]),
    ("balances", PAYOUTS),
    ("disputes_list", PAYMENTS),
    ("documents", &[]),
    (
        "financial_account",
        &[
            "disable_stripe_user_authentication",
            "external_account_collection",
            "send_money",
            "transfer_balance",
        ],
    ),
    (
        "financial_account_transactions",
        &["card_spend_dispute_management"],
    ),
    (
        "instant_payouts_promotion",
        &[
            "disable_stripe_user_authentication",
            "external_account_collection",
            "instant_payouts",
        ],
    ),
    (
        "issuing_card",
        &[
            "card_management",
            "card_spend_dispute_management",
            "cardholder_management",
            "spend_control_management",
        ],
    ),
    (
        "issuing_cards_list",
        &[
            "card_management",
            "card_spend_dispute_management",
            "cardholder_management",
            "disable_stripe_user_authentication",
            "spend_control_management",
        ],
    ),
    ("notification_banner", ACCOUNT),
    ("payment_details", PAYMENTS),
    (
        "payment_disputes",
        &[
            "destination_on_behalf_of_charge_management",
            "dispute_management",
            "refund_management",
        ],
    ),
    ("payments", PAYMENTS),
    ("payout_details", &[]),
    ("payout_reconciliation_report", &[]),
    ("payouts", PAYOUTS),
    ("payouts_list", &[]),
    ("tax_registrations", &[]),
    ("tax_settings", &[]),
];

/// The features that are off by default. All others are on.
const OFF: [&str; 2] = [
    "disable_stripe_user_authentication",
    "destination_on_behalf_of_charge_management",
];

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let platform = tx.platform();
    let id = args.text("account").unwrap_or_default();
    let account = connected(tx, id)
        .filter(|r| r.id != platform && call.owner == platform)
        .ok_or_else(|| ApiError::missing("account", id, "account"))?;
    let form = args.sub("components");
    let mut components = json!({});
    let mut some = false;
    for (name, features) in COMPONENTS {
        let enabled = form.flag(&format!("{name}.enabled")) == Some(true);
        some |= enabled;
        let mut out = json!({});
        for feature in features {
            let asked = form.flag(&format!("{name}.features.{feature}"));
            if *feature == "disable_stripe_user_authentication"
                && asked == Some(true)
                && !collected_by_platform(&account.value)
            {
                return Err(ApiError::invalid(
                    "You can only disable Stripe user authentication for accounts where your platform is responsible for collecting requirements (`controller.requirement_collection` is `application`).",
                )
                .param(format!("components[{name}][features][{feature}]")));
            }
            out[*feature] = json!(enabled && asked.unwrap_or(!OFF.contains(feature)));
        }
        components[name] = json!({ "enabled": enabled, "features": out });
    }
    if !some {
        return Err(ApiError::invalid(
            "You must enable at least one component to create an Account Session.",
        )
        .param("components"));
    }
    let secret: Value = json!(format!(
        "{}_secret_{}",
        tx.mint("accs_", 24),
        tx.mint("", 24)
    ));
    let life = match tx.assumptions.get("account_session_life") {
        "five_minutes" => 300,
        _ => 3600,
    };
    Ok(json!({
        "object": "account_session",
        "account": account.id,
        "client_secret": secret,
        "components": components,
        "expires_at": tx.now + life,
        "livemode": false,
    }))
}

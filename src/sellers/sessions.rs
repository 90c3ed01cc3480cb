//! Sessions by which the platform's own pages show Stripe's embedded components (docs.stripe.com/connect/get-started-connect-embedded-components).

use serde_json::json;
use souk_entity::SellerId;

use super::account::detect_deauthorized;
use super::links::{account_of, connected_seller};
use crate::app::App;
use crate::config::profiles::{Configuration, terms};
use crate::error::{Error, Result};
use crate::stripe::requests::accounts;
use crate::stripe::views::AccountSessionView;
use crate::{audit, ids};

/// Whom a component is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    /// Every seller.
    All,
    /// Sellers that take payments of their own: a recipient has neither disputes nor taxes.
    Merchants,
}

/// The components (docs.stripe.com/connect/supported-embedded-components).
const COMPONENTS: [(&str, For); 17] = [
    ("account_management", For::All),
    ("account_onboarding", For::All),
    ("balance_report", For::All),
    ("balances", For::All),
    ("disputes_list", For::Merchants),
    ("documents", For::All),
    ("instant_payouts_promotion", For::All),
    ("notification_banner", For::All),
    ("payment_details", For::All),
    ("payment_disputes", For::Merchants),
    ("payments", For::All),
    ("payout_details", For::All),
    ("payout_reconciliation_report", For::All),
    ("payouts", For::All),
    ("payouts_list", For::All),
    ("tax_registrations", For::Merchants),
    ("tax_settings", For::Merchants),
];

/// A session with these components (docs.stripe.com/api/account_sessions/create). Its secret lets whoever has it act as the
/// seller for a while. It is neither stored nor logged.
///
/// # Errors
/// Names a component that isn't for this seller; `seller_deauthorized`, `seller_closed`; Stripe's errors otherwise.
pub async fn account_session(
    app: &App,
    actor: &str,
    id: &SellerId,
    components: &[String],
) -> Result<AccountSessionView> {
    let row = connected_seller(app, id).await?;
    let components = allowed(components, terms(row.charge_profile).configuration)?;
    let request = accounts::session(account_of(&row)?, &components);
    // A new key each time: a repetition would be answered with a session that has expired.
    let key = format!("account_session:{}", ids::random_token());
    let made = app.stripe.platform().post(&request, &key).await;
    let session = detect_deauthorized(app, id, made).await?;
    let tx = app.db.begin_write().await?;
    let action = "seller.account_session_created";
    let data = json!({ "components": components });
    audit::record(&tx, actor, action, id.as_ref(), data).await?;
    tx.commit().await?;
    Ok(session)
}

fn allowed(names: &[String], configuration: Configuration) -> Result<Vec<&'static str>> {
    if names.is_empty() || names.len() > COMPONENTS.len() {
        return Err(Error::invalid(
            "components",
            "components must name at least one, and each once.",
        ));
    }
    let mut allowed = Vec::new();
    for (n, name) in names.iter().enumerate() {
        let param = || format!("components[{n}]");
        let known = COMPONENTS.iter().find(|(known, _)| known == name);
        let Some((name, of)) = known else {
            return Err(Error::invalid(
                param(),
                format!(
                    "{} must be one of Stripe's components, such as account_onboarding.",
                    param()
                ),
            ));
        };
        if *of == For::Merchants && configuration == Configuration::Recipient {
            return Err(Error::invalid(
                param(),
                format!(
                    "{name} isn't for a seller whose charge profile is marketplace, whose payments are the platform's."
                ),
            ));
        }
        if allowed.contains(name) {
            return Err(Error::invalid(param(), format!("{name} is named twice.")));
        }
        allowed.push(*name);
    }
    Ok(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn components_are_known_named_once_and_what_the_profile_allows() {
        let merchant = |list: &[&str]| allowed(&names(list), Configuration::Merchant);
        let wanted = ["payments", "tax_settings"];
        assert_eq!(merchant(&wanted).expect("allowed"), wanted);
        for (list, param) in [
            (&[][..], "components"),
            (&["payments", "payments"], "components[1]"),
            (&["payments", "secrets"], "components[1]"),
        ] {
            let error = merchant(list).expect_err("refused");
            assert_eq!(error.param(), Some(param), "{list:?}");
        }
        let recipient = allowed(
            &names(&["payouts", "payment_disputes"]),
            Configuration::Recipient,
        );
        assert_eq!(
            recipient.expect_err("refused").param(),
            Some("components[1]")
        );
        let every: Vec<_> = COMPONENTS.iter().map(|(name, _)| *name).collect();
        assert!(every.is_sorted() && merchant(&every).is_ok());
    }
}

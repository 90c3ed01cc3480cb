//! A new account's fields: its controller, its country, and everything else empty.

use serde_json::{Value, json};

use crate::{countries, error::ApiError, form::Node, store::page};

/// The requirements of an account without a business type. The hosted form asks for these.
const REQUIREMENTS: [&str; 12] = [
    "business_profile.product_description",
    "business_profile.support_phone",
    "business_profile.url",
    "business_type",
    "email",
    "external_account",
    "representative.dob.day",
    "representative.dob.month",
    "representative.dob.year",
    "representative.first_name",
    "representative.last_name",
    "tos_acceptance.date",
];

/// The `controller` hash and legacy `type`: <https://docs.stripe.com/connect/migrate-to-controller-properties>.
pub(super) fn controller(args: &Node) -> Result<(Value, &'static str), ApiError> {
    let pick = |path: &str, default: &'static str| args.text(path).unwrap_or(default).to_owned();
    if args.at("controller").is_some() {
        if args.at("type").is_some() {
            return Err(ApiError::invalid(
                "You may not provide the `type` parameter and `controller` parameters simultaneously. They are mutually exclusive.",
            )
            .param("type"));
        }
        let fees = pick("controller.fees.payer", "account");
        let losses = pick("controller.losses.payments", "stripe");
        let dashboard = pick("controller.stripe_dashboard.type", "full");
        let collection = pick("controller.requirement_collection", "stripe");
        let bad = match (
            fees.as_str(),
            losses.as_str(),
            dashboard.as_str(),
            collection.as_str(),
        ) {
            (_, "stripe", _, "application") => Some("controller[losses][payments]"),
            ("application", "stripe", ..) => Some("controller[fees][payer]"),
            (_, _, "full" | "express", "application") => Some("controller[stripe_dashboard][type]"),
            (_, "application", "full", _) => Some("controller[losses][payments]"),
            _ => None,
        };
        if let Some(param) = bad {
            return Err(ApiError::invalid(
                "This combination of controller properties is not supported. See https://docs.stripe.com/connect/design-an-integration for those that are.",
            )
            .param(param));
        }
        let kind = match (
            fees.as_str(),
            losses.as_str(),
            dashboard.as_str(),
            collection.as_str(),
        ) {
            ("account", "stripe", "full", "stripe") => "standard",
            ("application", "application", "express", "stripe") => "express",
            ("application", "application", "none", "application") => "custom",
            _ => "none",
        };
        return Ok((controller_of(&fees, &losses, &dashboard, &collection), kind));
    }
    Ok(match args.text("type") {
        Some("express") => (
            controller_of("application_express", "application", "express", "stripe"),
            "express",
        ),
        Some("custom") => (
            controller_of("application_custom", "application", "none", "application"),
            "custom",
        ),
        _ => (
            controller_of("account", "stripe", "full", "stripe"),
            "standard",
        ),
    })
}

pub(super) fn controller_of(fees: &str, losses: &str, dashboard: &str, collection: &str) -> Value {
    json!({
        "type": "application",
        "is_controller": true,
        "fees": { "payer": fees },
        "losses": { "payments": losses },
        "requirement_collection": collection,
        "stripe_dashboard": { "type": dashboard },
    })
}

pub(super) fn account(id: &str, now: i64, country: &str, controller: Value, kind: &str) -> Value {
    let wanting: Vec<&str> = REQUIREMENTS.to_vec();
    json!({
        "id": id,
        "object": "account",
        "business_profile": {
            "annual_revenue": null, "estimated_worker_count": null, "mcc": null,
            "minority_owned_business_designation": null, "name": null, "product_description": null,
            "support_address": null, "support_email": null, "support_phone": null,
            "support_url": null, "url": null,
        },
        "business_type": null,
        "capabilities": {},
        "charges_enabled": false,
        "controller": controller,
        "country": country,
        "created": now,
        "default_currency": countries::currency(country),
        "details_submitted": false,
        "email": null,
        "external_accounts": page(&format!("/v1/accounts/{id}/external_accounts"), vec![], false),
        "future_requirements": no_requirements(),
        "metadata": {},
        "payouts_enabled": false,
        "requirements": requirements(&wanting, &wanting, &[], Some("requirements.past_due"), None),
        "settings": {
            "bacs_debit_payments": { "display_name": null, "service_user_number": null },
            "branding": { "icon": null, "logo": null, "primary_color": null, "secondary_color": null },
            "card_issuing": { "tos_acceptance": { "date": null, "ip": null } },
            "card_payments": {
                "decline_on": { "avs_failure": false, "cvc_failure": false },
                "statement_descriptor_prefix": null,
                "statement_descriptor_prefix_kana": null,
                "statement_descriptor_prefix_kanji": null,
            },
            "dashboard": { "display_name": null, "timezone": "Etc/UTC" },
            "invoices": { "default_account_tax_ids": null, "hosted_payment_method_save": "offer" },
            "payments": {
                "statement_descriptor": null, "statement_descriptor_kana": null,
                "statement_descriptor_kanji": null,
            },
            "payouts": {
                "debit_negative_balances": true,
                "schedule": { "delay_days": 2, "interval": "daily" },
                "statement_descriptor": null,
            },
            "sepa_debit_payments": {},
        },
        "tos_acceptance": { "date": null },
        "type": kind,
    })
}

/// A `requirements` hash: <https://docs.stripe.com/api/accounts/object#account_object-requirements>.
pub(super) fn requirements(
    currently: &[&str],
    past: &[&str],
    pending: &[&str],
    disabled: Option<&str>,
    deadline: Option<i64>,
) -> Value {
    json!({
        "alternatives": [],
        "current_deadline": deadline,
        "currently_due": currently,
        "disabled_reason": disabled,
        "errors": [],
        "eventually_due": currently,
        "past_due": past,
        "pending_verification": pending,
    })
}

pub(super) fn no_requirements() -> Value {
    requirements(&[], &[], &[], None, None)
}

//! The evidence of a dispute: <https://docs.stripe.com/api/disputes/evidence_object>.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::{
    error::ApiError,
    files,
    form::Node,
    store::{Kind, Tx},
};

/// The combined length of all evidence, in characters.
const MAX_EVIDENCE: usize = 150_000;

/// The length of one text, in characters, where Stripe names one.
const MAX_TEXT: usize = 20_000;

/// The size of all files together, in bytes, as users found it.
const MAX_SIZE: i64 = 4_500_000;

/// The pages of all files together, and for Mastercard.
const MAX_PAGES: (i64, i64) = (50, 19);

/// Every text of `evidence`; `enhanced_evidence` is a hash.
const EVIDENCE: [&str; 27] = [
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
];

/// Those that name a file.
const FILES: [&str; 9] = [
    "cancellation_policy",
    "customer_communication",
    "customer_signature",
    "duplicate_charge_documentation",
    "receipt",
    "refund_policy",
    "service_documentation",
    "shipping_documentation",
    "uncategorized_file",
];

/// Those that the description limits.
const LIMITED: [&str; 8] = [
    "access_activity_log",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "duplicate_charge_explanation",
    "product_description",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "uncategorized_text",
];

/// The evidence of a new dispute.
pub(super) fn empty() -> Value {
    let mut evidence: Map<String, Value> = EVIDENCE
        .iter()
        .map(|name| ((*name).to_owned(), Value::Null))
        .collect();
    evidence.insert("enhanced_evidence".to_owned(), json!({}));
    evidence.into()
}

/// An appeal takes evidence of its own, and no other; nothing else takes an appeal's
/// (<https://docs.stripe.com/changelog/endive/2026-10-28/evidence-submission-appeal-dispute-decisions>).
pub(super) fn check_stage(status: &str, form: &Node) -> Result<(), ApiError> {
    let is_appealed = status.starts_with("appeal_");
    let wrong = form
        .children()
        .iter()
        .find(|(name, _)| match name.as_str() {
            "appeal" => status != "appeal_needs_response",
            _ => is_appealed,
        });
    let Some((name, _)) = wrong else {
        return Ok(());
    };
    let why = match name.as_str() {
        "appeal" => {
            "Appeal evidence can only be updated for a dispute with a status of `appeal_needs_response`."
        }
        _ => "You can't update this evidence during the appeal stage of a dispute.",
    };
    Err(ApiError::invalid(why).param(format!("evidence[{name}]")))
}

/// Merges a form into the evidence, and returns whether there is any.
pub(super) fn merge(evidence: &mut Value, form: &Node) -> Result<bool, ApiError> {
    for (name, node) in form.children() {
        evidence[name] = match node {
            Node::Leaf(text) if text.is_empty() && name == "enhanced_evidence" => json!({}),
            Node::Leaf(text) if text.is_empty() => Value::Null,
            node => plain(name, node),
        };
    }
    for name in LIMITED {
        let length = evidence[name].as_str().map_or(0, |t| t.chars().count());
        if length > MAX_TEXT {
            return Err(ApiError::invalid(format!(
                "Invalid string: must be at most {MAX_TEXT} characters"
            ))
            .param(format!("evidence[{name}]")));
        }
    }
    let texts = || EVIDENCE.iter().filter_map(|name| evidence[*name].as_str());
    if texts().map(|t| t.chars().count()).sum::<usize>() > MAX_EVIDENCE {
        return Err(ApiError::invalid(format!(
            "The combined character count of all evidence fields is limited to {MAX_EVIDENCE}."
        ))
        .param("evidence"));
    }
    let has_text = texts().next().is_some();
    Ok(has_text || evidence["appeal"].is_object() || evidence["enhanced_evidence"] != json!({}))
}

/// A part of a form as JSON; lists are numbered in the form.
fn plain(name: &str, node: &Node) -> Value {
    match node {
        Node::Leaf(text) if name == "fee_acknowledged" => json!(text == "true"),
        Node::Leaf(text) => json!(text),
        Node::Tree(children)
            if ["prior_undisputed_transactions", "supporting_files"].contains(&name) =>
        {
            children.iter().map(|(n, child)| plain(n, child)).collect()
        }
        Node::Tree(children) => children
            .iter()
            .map(|(n, child)| (n.clone(), plain(n, child)))
            .collect::<Map<_, _>>()
            .into(),
    }
}

/// Refuses evidence that names what isn't there, or files of too many bytes or pages.
pub(super) fn check_files(tx: &Tx<'_>, owner: &str, dispute: &Value) -> Result<(), ApiError> {
    let evidence = &dispute["evidence"];
    let named = FILES.iter().filter_map(|name| {
        let id = evidence[*name].as_str()?;
        Some((format!("evidence[{name}]"), id))
    });
    let appeal = &evidence["appeal"]["card"]["supporting_files"];
    let appeal = appeal.as_array().into_iter().flatten();
    let appeal = appeal.filter_map(|id| {
        let param = "evidence[appeal][card][supporting_files]";
        Some((param.to_owned(), id.as_str()?))
    });
    let (mut seen, mut size, mut pages) = (BTreeSet::new(), 0, 0);
    for (param, id) in named.chain(appeal) {
        let file = files::evidence(tx, owner, id, &param)?;
        if seen.insert(id) {
            let (bytes, sheets) = files::extent(&file);
            (size, pages) = (size + bytes, pages + sheets);
        }
    }
    if size > MAX_SIZE {
        return Err(ApiError::invalid("The files you've attached to this dispute as evidence will exceed the limit for a dispute's total size. Try using smaller files as evidence. Hint: if you've attached images, you might want to try providing them in lower resolutions.").param("evidence"));
    }
    let most = match dispute["payment_method_details"]["card"]["network"].as_str() {
        Some("mastercard") => MAX_PAGES.1,
        _ => MAX_PAGES.0,
    };
    if pages > most && tx.assumptions.get("evidence_pages") == "in_all" {
        return Err(ApiError::invalid(format!(
            "The evidence you provided has {pages} pages, but only {most} pages are allowed for this dispute."
        ))
        .code("dispute_evidence_page_limit_exceeded"));
    }
    check_prior(tx, owner, evidence)
}

fn visa_ce3(evidence: &Value) -> &Value {
    &evidence["enhanced_evidence"]["visa_compelling_evidence_3"]
}

fn priors(evidence: &Value) -> &[Value] {
    let list = visa_ce3(evidence)["prior_undisputed_transactions"].as_array();
    list.map_or(&[], Vec::as_slice)
}

fn check_prior(tx: &Tx<'_>, owner: &str, evidence: &Value) -> Result<(), ApiError> {
    let param =
        "evidence[enhanced_evidence][visa_compelling_evidence_3][prior_undisputed_transactions]";
    if priors(evidence).len() > 2 {
        return Err(ApiError::invalid(
            "You must provide exactly two prior undisputed transactions.",
        )
        .param(param));
    }
    for (at, prior) in priors(evidence).iter().enumerate() {
        let charge = prior["charge"].as_str().unwrap_or_default();
        if tx.find(Kind::Charge, owner, charge).is_none() {
            return Err(ApiError::missing(
                "charge",
                charge,
                &format!("{param}[{at}][charge]"),
            ));
        }
    }
    Ok(())
}

/// Says in `evidence_details.enhanced_eligibility` what a dispute's evidence still needs for the programmes that it may be
/// for (<https://docs.stripe.com/disputes/api/visa-ce3>, <https://docs.stripe.com/disputes/api/visa-compliance>).
pub(super) fn assess(dispute: &mut Value) {
    let mut eligibility = json!({});
    for name in dispute["enhanced_eligibility_types"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        eligibility[name] = if name == "visa_compelling_evidence_3" {
            let missing = missing_for_ce3(&dispute["evidence"]);
            let status = if missing.is_empty() {
                "qualified"
            } else {
                "requires_action"
            };
            json!({ "required_actions": missing, "status": status })
        } else if dispute["evidence"]["enhanced_evidence"][name]["fee_acknowledged"] == true {
            json!({ "status": "fee_acknowledged" })
        } else {
            json!({ "status": "requires_fee_acknowledgement" })
        };
    }
    dispute["evidence_details"]["enhanced_eligibility"] = eligibility;
}

/// `required_actions` of Visa Compelling Evidence 3.0.
fn missing_for_ce3(evidence: &Value) -> Vec<&'static str> {
    let disputed = &visa_ce3(evidence)["disputed_transaction"];
    let priors = priors(evidence);
    let said = |of: &Value, name: &str| of[name].as_str().is_some_and(|text| !text.is_empty());
    let described = priors.iter().all(|p| said(p, "product_description"));
    let checks = [
        (
            "missing_customer_identifiers",
            have_identifiers(disputed, priors),
        ),
        (
            "missing_disputed_transaction_description",
            said(disputed, "product_description"),
        ),
        (
            "missing_merchandise_or_services",
            said(disputed, "merchandise_or_services"),
        ),
        (
            "missing_prior_undisputed_transaction_description",
            described && !priors.is_empty(),
        ),
        ("missing_prior_undisputed_transactions", priors.len() == 2),
    ];
    let missing = checks.into_iter().filter(|(_, there)| !there);
    missing.map(|(action, _)| action).collect()
}

/// Whether the disputed payment and the earlier ones have two main elements in common, or a main and a secondary one.
fn have_identifiers(disputed: &Value, priors: &[Value]) -> bool {
    let common = |name: &str| {
        let one = &disputed[name];
        let is_set = one.is_object() || one.as_str().is_some_and(|text| !text.is_empty());
        is_set && !priors.is_empty() && priors.iter().all(|p| p[name] == *one)
    };
    let device = common("customer_device_fingerprint") || common("customer_device_id");
    let main = usize::from(common("customer_purchase_ip")) + usize::from(device);
    let secondary = [
        "shipping_address",
        "customer_email_address",
        "customer_account_id",
    ];
    main == 2 || main == 1 && secondary.into_iter().any(common)
}

/// A compliance dispute takes no evidence before its fee is acknowledged.
pub(super) fn check_fee(dispute: &Value) -> Result<(), ApiError> {
    let eligibility = dispute["evidence_details"]["enhanced_eligibility"].as_object();
    let unpaid = |(name, one): (&String, &Value)| {
        (one["status"] == "requires_fee_acknowledgement").then(|| name.clone())
    };
    match eligibility.into_iter().flatten().find_map(unpaid) {
        None => Ok(()),
        Some(name) => Err(ApiError::invalid(
            "You must acknowledge the fee for countering a compliance dispute before you submit evidence.",
        )
        .param(format!("evidence[enhanced_evidence][{name}][fee_acknowledged]"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dispute(disputed: &Value, prior: &Value) -> Value {
        let mut prior = prior.clone();
        prior["charge"] = json!("ch_1");
        prior["product_description"] = json!("Tea");
        let mut disputed = disputed.clone();
        disputed["product_description"] = json!("Tea");
        disputed["merchandise_or_services"] = json!("merchandise");
        json!({ "enhanced_evidence": { "visa_compelling_evidence_3": {
            "disputed_transaction": disputed,
            "prior_undisputed_transactions": [prior, prior],
        }}})
    }

    #[test]
    fn two_main_identifiers_qualify_and_so_does_one_with_a_secondary_one() {
        let (ip, device) = ("customer_purchase_ip", "customer_device_id");
        let mail = "customer_email_address";
        for (both, only_disputed, qualifies) in [
            (json!({ ip: "10.0.0.1", device: "d" }), json!({}), true),
            (
                json!({ ip: "10.0.0.1", mail: "a@example.com" }),
                json!({}),
                true,
            ),
            (
                json!({ ip: "10.0.0.1" }),
                json!({ mail: "a@example.com" }),
                false,
            ),
            (
                json!({ mail: "a@example.com", "customer_account_id": "1" }),
                json!({}),
                false,
            ),
            (
                json!({ device: "d", "customer_device_fingerprint": "f" }),
                json!({}),
                false,
            ),
        ] {
            let disputed = crate::api::merged(both.clone(), only_disputed);
            let missing = missing_for_ce3(&dispute(&disputed, &both));
            let wanted: &[&str] = match qualifies {
                true => &[],
                false => &["missing_customer_identifiers"],
            };
            assert_eq!(missing, wanted, "{both}");
        }
        assert_eq!(missing_for_ce3(&empty()).len(), 5);
    }
}

//! The evidence of a dispute: <https://docs.stripe.com/api/disputes/evidence_object>.

use serde_json::{Map, Value, json};

use crate::{error::ApiError, form::Node};

/// The combined length of all evidence.
const MAX_EVIDENCE: usize = 150_000;

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

/// Evidence before anybody gave any.
pub(super) fn empty() -> Value {
    let mut evidence: Map<String, Value> = EVIDENCE
        .iter()
        .map(|name| ((*name).to_owned(), Value::Null))
        .collect();
    evidence.insert("enhanced_evidence".to_owned(), json!({}));
    evidence.into()
}

/// Adds what a form gives, and says whether there is any now.
pub(super) fn merge(evidence: &mut Value, form: &Node) -> Result<bool, ApiError> {
    for (name, node) in form.children() {
        evidence[name] = match node {
            Node::Leaf(text) if text.is_empty() && name == "enhanced_evidence" => json!({}),
            Node::Leaf(text) if text.is_empty() => Value::Null,
            node => plain(name, node),
        };
    }
    let texts = || EVIDENCE.iter().filter_map(|name| evidence[*name].as_str());
    if texts().map(|t| t.chars().count()).sum::<usize>() > MAX_EVIDENCE {
        return Err(ApiError::invalid(format!(
            "The combined character count of all evidence fields is limited to {MAX_EVIDENCE}."
        ))
        .param("evidence"));
    }
    Ok(texts().next().is_some() || evidence["enhanced_evidence"] != json!({}))
}

/// A part of a form as JSON; lists are numbered in the form.
fn plain(name: &str, node: &Node) -> Value {
    match node {
        Node::Leaf(text) if name == "fee_acknowledged" => json!(text == "true"),
        Node::Leaf(text) => json!(text),
        Node::Tree(children) if name == "prior_undisputed_transactions" => {
            children.iter().map(|(n, child)| plain(n, child)).collect()
        }
        Node::Tree(children) => children
            .iter()
            .map(|(n, child)| (n.clone(), plain(n, child)))
            .collect::<Map<_, _>>()
            .into(),
    }
}

//! Disputes (docs.stripe.com/api/disputes).

use serde_json::{Value, json};
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};
use stripe_core::dispute::{ListDispute, RetrieveDispute};

use super::LIMIT;

/// A dispute.
pub fn retrieve(dispute: &str) -> impl StripeRequest + use<> {
    RetrieveDispute::new(dispute)
}

/// A page of the disputes of a payment intent, newest first.
pub fn list(intent: &str, starting_after: Option<&str>) -> impl StripeRequest + use<> {
    let list = ListDispute::new().payment_intent(intent).limit(LIMIT);
    match starting_after {
        Some(last) => list.starting_after(last),
        None => list,
    }
}

/// A POST to a dispute. The typed request has no evidence of the newest programmes.
struct Update {
    path: String,
    form: Value,
}

impl StripeRequest for Update {
    type Output = ();

    fn build(&self) -> RequestBuilder {
        RequestBuilder::new(StripeMethod::Post, &self.path).form(&self.form)
    }
}

/// Submits evidence to the bank (docs.stripe.com/api/disputes/update). `evidence` has Stripe's names. `submit` is always
/// sent: left out it is true, too, and a request that must not submit says so.
pub fn submit(dispute: &str, evidence: &Value) -> impl StripeRequest + use<> {
    Update {
        path: format!("/disputes/{dispute}"),
        form: json!({ "evidence": evidence, "submit": true }),
    }
}

/// Accepts a dispute, which loses it for good (docs.stripe.com/api/disputes/close).
pub fn close(dispute: &str) -> impl StripeRequest + use<> {
    Update {
        path: format!("/disputes/{dispute}/close"),
        form: json!({}),
    }
}

/// A GET of an object that the typed requests don't have.
struct Retrieve(String);

impl StripeRequest for Retrieve {
    type Output = ();

    fn build(&self) -> RequestBuilder {
        RequestBuilder::new(StripeMethod::Get, &self.0)
    }
}

/// An early fraud warning (docs.stripe.com/api/radar/early_fraud_warnings/retrieve).
pub fn retrieve_warning(warning: &str) -> impl StripeRequest + use<> {
    Retrieve(format!("/radar/early_fraud_warnings/{warning}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_encoded_as_stripe_nests_it_and_is_submitted() {
        let evidence = json!({
            "customer_name": "Ada & Bo",
            "enhanced_evidence": { "visa_compelling_evidence_3": {
                "prior_undisputed_transactions": [{ "charge": "ch_1" }, { "charge": "ch_2" }],
            }},
        });
        let body = submit("du_1", &evidence).build().body.unwrap_or_default();
        let form: Vec<_> = form_urlencoded::parse(body.as_bytes()).collect();
        let names: Vec<_> = form.iter().map(|(name, _)| name.as_ref()).collect();
        let prior = "evidence[enhanced_evidence][visa_compelling_evidence_3][prior_undisputed_transactions]";
        for wanted in [
            "evidence[customer_name]".to_owned(),
            format!("{prior}[0][charge]"),
            format!("{prior}[1][charge]"),
            "submit".to_owned(),
        ] {
            assert!(
                names.contains(&wanted.as_str()),
                "{wanted} is not in {names:?}"
            );
        }
    }
}

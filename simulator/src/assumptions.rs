//! What Stripe's descriptions leave open, each as a switch, so that an application can be tested
//! under every answer. `EVIDENCE.md` says what is known about each.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::error::ApiError;

/// One open question.
#[derive(Debug)]
pub struct Assumption {
    pub name: &'static str,
    /// The possible answers; the first is the default.
    pub values: &'static [&'static str],
    pub about: &'static str,
}

/// Every open question there is a switch for.
pub const ASSUMPTIONS: &[Assumption] = &[
    Assumption {
        name: "free_session",
        values: &["no_payment_required", "paid"],
        about: "the `payment_status` of a completed Checkout Session whose total is zero",
    },
    Assumption {
        name: "missing_reference",
        values: &["404", "400"],
        about: "the HTTP status of `resource_missing` where a parameter, and not the path, names what isn't there",
    },
    Assumption {
        name: "dispute_fee",
        values: &["kept", "returned"],
        about: "whether Stripe's fee for a dispute comes back when the dispute is won",
    },
    Assumption {
        name: "fee_refund",
        values: &["inside", "own"],
        about: "where an application fee that goes back with a refund appears on the connected account: inside the refund's balance transaction, or as its own",
    },
    Assumption {
        name: "account_deletion",
        values: &["zero_balance", "live_rules", "any_time"],
        about: "when a connected account can be deleted: without a balance, also only without the full dashboard (as in live mode), or always (as in test mode)",
    },
    Assumption {
        name: "destination_events",
        values: &["none", "charge"],
        about: "whether the account that a transfer goes to hears of its payment, as `charge.succeeded` and `charge.refunded`",
    },
    Assumption {
        name: "late_transactions",
        values: &["at_once", "after_a_minute"],
        about: "when a balance transaction is seen in lists",
    },
    Assumption {
        name: "payout_transaction",
        values: &["listed", "left_out"],
        about: "whether the `payout` filter of balance transactions also lists the payout's own",
    },
    Assumption {
        name: "invoice_retries",
        values: &["eight_in_two_weeks", "after_3_5_7_days", "none"],
        about: "when an invoice whose payment failed is tried again by itself",
    },
    Assumption {
        name: "invoice_retries_end",
        values: &["cancel", "unpaid", "past_due"],
        about: "what a subscription becomes when the last retry of its invoice has failed",
    },
    Assumption {
        name: "search",
        values: &["at_once", "after_a_minute"],
        about: "when search finds what was made; Stripe says within a minute, as a rule",
    },
    Assumption {
        name: "portal_default",
        values: &["made", "missing"],
        about: "whether an account has a default configuration of the billing portal before anybody saved one",
    },
];

/// The answers in force.
#[derive(Debug, Clone, Default)]
pub struct Assumptions(BTreeMap<&'static str, &'static str>);

impl Assumptions {
    /// The answer to an open question.
    pub fn get(&self, name: &str) -> &'static str {
        let assumption = ASSUMPTIONS.iter().find(|a| a.name == name);
        debug_assert!(assumption.is_some(), "no assumption is called {name}");
        assumption.map_or("", |a| self.0.get(a.name).copied().unwrap_or(a.values[0]))
    }

    /// Answers a question otherwise than by default.
    ///
    /// # Errors
    /// A message that names the switches, or the values there are.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let Some(assumption) = ASSUMPTIONS.iter().find(|a| a.name == name) else {
            let names: Vec<_> = ASSUMPTIONS.iter().map(|a| a.name).collect();
            return Err(format!(
                "no assumption is called '{name}'; there are: {}",
                names.join(", ")
            ));
        };
        let Some(value) = assumption.values.iter().find(|v| **v == value) else {
            return Err(format!(
                "'{name}' can be {}, not '{value}'",
                assumption.values.join(" or ")
            ));
        };
        self.0.insert(assumption.name, value);
        Ok(())
    }

    /// As [`Assumptions::set`], from `name=value`.
    ///
    /// # Errors
    /// As there, and when there is no `=`.
    pub fn set_pair(&mut self, pair: &str) -> Result<(), String> {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| format!("'{pair}' isn't name=value"))?;
        self.set(name.trim(), value.trim())
    }

    /// Several at once, from a JSON object of names and values; all of them or none.
    pub(crate) fn set_all(&mut self, wanted: &BTreeMap<String, String>) -> Result<(), ApiError> {
        let mut next = self.clone();
        for (name, value) in wanted {
            next.set(name, value)
                .map_err(|e| ApiError::invalid(e).param(name.clone()))?;
        }
        *self = next;
        Ok(())
    }

    pub(crate) fn tell(&self) -> Value {
        let rows = ASSUMPTIONS.iter().map(|a| {
            json!({ "name": a.name, "value": self.get(a.name), "values": a.values, "about": a.about })
        });
        json!({ "assumptions": rows.collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_switch_has_its_evidence() {
        let evidence = include_str!("../EVIDENCE.md");
        for assumption in ASSUMPTIONS {
            let name = format!("`{}`", assumption.name);
            assert!(
                evidence.contains(&name),
                "EVIDENCE.md says nothing of {name}"
            );
        }
    }

    #[test]
    fn a_switch_takes_its_own_values_only() {
        let mut a = Assumptions::default();
        assert_eq!(a.get("free_session"), "no_payment_required");
        assert!(a.set_pair("free_session=paid").is_ok());
        assert_eq!(a.get("free_session"), "paid");
        assert!(a.set_pair("free_session=perhaps").is_err());
        assert!(a.set_pair("nothing=paid").is_err());
        assert!(a.set_pair("free_session").is_err());
    }
}

//! The open questions about Stripe, each as a switch, so that an application can be tested under
//! every answer. `EVIDENCE.md` says what is known about each.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::error::ApiError;

mod log;
mod questions;

pub use questions::ASSUMPTIONS;

/// One open question.
#[derive(Debug)]
pub struct Assumption {
    pub name: &'static str,
    /// The possible answers; the first is the default.
    pub values: &'static [&'static str],
    pub about: &'static str,
}

/// The answers in force.
#[derive(Debug, Clone)]
pub struct Assumptions {
    answers: BTreeMap<&'static str, &'static str>,
    /// The running test, if switches are logged.
    asked_by: Option<String>,
}

impl Default for Assumptions {
    /// Each question's first answer.
    fn default() -> Self {
        Self {
            answers: BTreeMap::new(),
            asked_by: log::running_test(),
        }
    }
}

impl Assumptions {
    /// The answer to an open question, for code that depends on it. With `SIMULATOR_ASSUME_LOG` the
    /// running test is logged with the switch.
    pub fn get(&self, name: &str) -> &'static str {
        let Some(assumption) = ASSUMPTIONS.iter().find(|a| a.name == name) else {
            debug_assert!(false, "no assumption is called {name}");
            return "";
        };
        if let Some(test) = &self.asked_by {
            log::record(test, assumption.name);
        }
        self.answer(assumption)
    }

    /// The answer to an open question, only to be shown. That isn't logged.
    pub(crate) fn answer(&self, assumption: &Assumption) -> &'static str {
        let chosen = self.answers.get(assumption.name).copied();
        chosen.unwrap_or(assumption.values[0])
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
        self.answers.insert(assumption.name, value);
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

    pub(crate) fn to_json(&self) -> Value {
        let rows = ASSUMPTIONS.iter().map(|a| {
            json!({ "name": a.name, "value": self.answer(a), "values": a.values, "about": a.about })
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
    fn every_assumption_is_a_switch() {
        let evidence = include_str!("../EVIDENCE.md");
        for row in evidence.lines().filter(|line| line.starts_with('|')) {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let [behaviour, source, switches] = cells[..] else {
                panic!("not three columns: {row}");
            };
            let named = switches.split(", ").map(|name| name.trim_matches('`'));
            let known = |name: &str| ASSUMPTIONS.iter().any(|a| a.name == name);
            if !switches.is_empty() && !["switch", "---"].contains(&switches) {
                assert!(named.clone().all(known), "no such switch: {switches}");
            }
            let open = source.contains("assumed") && switches.is_empty();
            assert!(!open, "assumed, and no switch: {behaviour}");
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

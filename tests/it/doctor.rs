//! The doctor's checks: green where nothing is wrong, and each broken once.

mod accounts_v2;
mod at_stripe;
mod command;
mod offline;

use std::collections::BTreeMap;

use souk::clock::Clock;
use souk::config::{AccountsApi, Config};
use souk::doctor::{Check, State, Subject};
use souk::jobs::{self, Job};

use crate::harness::TestApp;

/// A server whose worker has been at work.
async fn healthy() -> TestApp {
    let app = TestApp::start().await;
    let tx = app.app.db.begin_write().await.expect("begins");
    jobs::stage(&tx, &Job::KeepBooks).await.expect("stages");
    tx.commit().await.expect("commits");
    app.run_jobs().await;
    app
}

/// The settings of that server, with the address that it really has. Accounts are made by v1, so that no ping is waited for.
fn settings(app: &TestApp) -> Config {
    let mut config = app.app.config.clone();
    config.accounts_api = AccountsApi::V1;
    config.public_url = app.base.parse().expect("an address");
    config.redirect_origins = vec![app.base.clone()];
    config
}

/// Checks by their names.
#[derive(Debug)]
struct Checks(BTreeMap<&'static str, Check>);

impl Checks {
    fn of(all: Vec<Check>) -> Self {
        let count = all.len();
        let by_name: BTreeMap<_, _> = all.into_iter().map(|check| (check.name, check)).collect();
        assert_eq!(by_name.len(), count, "two checks have one name");
        Self(by_name)
    }

    /// Fails unless these are the checks that aren't ok, with these states and words.
    #[track_caller]
    fn are_ok_but(&self, wrong: &[(&str, State, &str)]) {
        for check in self.0.values() {
            let wanted = wrong.iter().find(|(name, ..)| *name == check.name);
            let state = wanted.map_or(State::Ok, |(_, state, _)| *state);
            assert_eq!(check.state, state, "{check:?}");
            if let Some((_, _, words)) = wanted {
                let said = format!("{} -> {:?}", check.message, check.action);
                assert!(said.contains(words), "{words:?} is not in {said}");
            }
            let has_action = matches!(check.state, State::Warning | State::Failed);
            assert_eq!(check.action.is_some(), has_action, "{check:?}");
        }
        for (name, ..) in wrong {
            assert!(self.0.contains_key(name), "there is no check {name}");
        }
    }
}

async fn examine(config: Config, clock: Clock, offline: bool) -> Checks {
    let subject = Subject::open(config, clock).await.expect("opens");
    let checks = subject.examine(offline).await;
    subject.close().await;
    Checks::of(checks)
}

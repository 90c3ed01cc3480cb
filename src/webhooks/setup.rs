//! Makes or mends at Stripe what Souk needs there: its event destinations, with exactly the event types that have an effect.
//!
//! Two names in `metadata` say which of them are Souk's, and of which installation. Whatever lacks them is never touched.
//! Address and types are mended in place. Scope and version can't be changed (docs.stripe.com/api/webhook_endpoints/update),
//! so another is made beside, and the old one is disabled once the server takes the new one's secret.

use std::collections::BTreeSet;

use secrecy::SecretString;

use crate::clock::Clock;
use crate::config::Config;
use crate::error::Result;
use crate::stripe::Stripe;

use super::destinations::Destination;
use super::probe::{Probe, probe};
use super::registered::{self, Registered};

/// The options of a setup.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Which of several installations on one Stripe account this is.
    pub installation: &'a str,
    /// Changes nothing.
    pub dry_run: bool,
    /// Makes another destination beside one whose secret the settings don't hold.
    pub replace: bool,
}

/// A setup of what Souk needs at Stripe.
pub struct Setup<'a> {
    config: &'a Config,
    clock: &'a Clock,
    stripe: &'a Stripe,
    options: Options<'a>,
}

/// What was done for a destination, or would be done.
pub struct Outcome {
    /// The address that Stripe posts to.
    pub url: String,
    /// Sentences, each about a change.
    pub changes: Vec<String>,
    /// The secret of what was made. It is shown only now.
    pub secret: Option<SecretString>,
    /// Sentences, each about what a person has to do.
    pub todo: Vec<String>,
}

/// What is to be done about a destination.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    /// The one that stays, and what is wrong with it.
    kept: Option<(String, Vec<&'static str>)>,
    /// Those that are in use and no longer wanted.
    retired: Vec<String>,
}

/// Decides on the installation's own destinations of a kind, newest first.
fn plan(
    destination: Destination,
    url: &str,
    own: &[&Registered],
    is_held: impl Fn(&Registered) -> Option<bool>,
    replace: bool,
) -> Plan {
    let suits =
        |one: &&&Registered| one.suits(destination) && !(replace && is_held(one) != Some(true));
    let kept = own
        .iter()
        .filter(suits)
        // The newest of those whose secret we have, else the newest that is in use.
        .max_by_key(|one| (is_held(one) == Some(true), one.enabled));
    let wanted: BTreeSet<String> = destination.types().into_iter().map(str::to_owned).collect();
    let wrong = |one: &Registered| {
        let faults = [
            (one.url != url, "address"),
            (one.types != wanted, "event types"),
            (!one.enabled, "status"),
        ];
        let faults = faults.into_iter().filter(|(is, _)| *is);
        faults.map(|(_, what)| what).collect()
    };
    let others = own
        .iter()
        .filter(|one| one.enabled && kept.is_none_or(|kept| kept.id != one.id));
    Plan {
        kept: kept.map(|one| (one.id.clone(), wrong(one))),
        retired: others.map(|one| one.id.clone()).collect(),
    }
}

impl<'a> Setup<'a> {
    /// Of an installation with these settings.
    pub fn new(
        config: &'a Config,
        clock: &'a Clock,
        stripe: &'a Stripe,
        options: Options<'a>,
    ) -> Self {
        Self {
            config,
            clock,
            stripe,
            options,
        }
    }

    /// Makes or mends a destination.
    ///
    /// # Errors
    /// Stripe refused, or didn't answer. A secret that it has shown is never lost to an error.
    pub async fn set_up(&self, destination: Destination) -> Result<Outcome> {
        let url = destination.url(self.config);
        let is_own = |one: &&Registered| {
            one.marked.as_deref() == Some(destination.name())
                && one.installation.as_deref() == Some(self.options.installation)
        };
        let registered = registered::read(self.stripe, destination).await?;
        let own: Vec<&Registered> = registered.iter().filter(is_own).collect();
        let is_held = |one: &Registered| one.has_secret_in(destination, self.config);
        let plan = plan(destination, &url, &own, is_held, self.options.replace);
        let mut outcome = Outcome {
            url,
            changes: Vec::new(),
            secret: None,
            todo: self.strangers(destination, &registered),
        };
        match &plan.kept {
            None => self.create(destination, &mut outcome).await?,
            Some((id, wrong)) => self.mend(destination, id, wrong, &mut outcome).await?,
        }
        let kept = own
            .iter()
            .find(|one| plan.kept.as_ref().is_some_and(|(id, _)| *id == one.id));
        if let Some(kept) = kept {
            self.look_for_secret(destination, kept, &mut outcome);
        }
        for id in &plan.retired {
            self.retire(destination, id, kept.copied(), &mut outcome)
                .await?;
        }
        Ok(outcome)
    }

    async fn create(&self, destination: Destination, outcome: &mut Outcome) -> Result<()> {
        let count = destination.types().len();
        let listens_to = destination.listens_to();
        if self.options.dry_run {
            let would = format!("would make an endpoint for {listens_to} with {count} event types");
            outcome.changes.push(would);
            return Ok(());
        }
        let installation = self.options.installation;
        let (made, secret) =
            registered::create(self.stripe, destination, installation, &outcome.url).await?;
        let made_it = format!("made {} for {listens_to} with {count} event types", made.id);
        outcome.changes.push(made_it);
        let Some(secret) = secret else {
            outcome.todo.push(unknown_secret(destination, &made.id));
            return Ok(());
        };
        let noted = registered::note_secret(self.stripe, destination, &made, &secret).await;
        outcome.secret = Some(secret);
        if let Err(e) = noted {
            // The endpoint works all the same.
            outcome.todo.push(format!(
                "the fingerprint of its secret could not be stored, so nobody will be able to tell whether the settings \
                 hold it ({e})"
            ));
        }
        Ok(())
    }

    async fn mend(
        &self,
        destination: Destination,
        id: &str,
        wrong: &[&'static str],
        outcome: &mut Outcome,
    ) -> Result<()> {
        if wrong.is_empty() {
            return Ok(());
        }
        let what = wrong.join(" and ");
        if self.options.dry_run {
            outcome
                .changes
                .push(format!("would mend the {what} of {id}"));
            return Ok(());
        }
        registered::mend(self.stripe, destination, id, &outcome.url).await?;
        outcome.changes.push(format!("mended the {what} of {id}"));
        Ok(())
    }

    /// Says what to do if the settings don't hold the secret of the one that stays.
    fn look_for_secret(&self, destination: Destination, kept: &Registered, outcome: &mut Outcome) {
        match kept.has_secret_in(destination, self.config) {
            Some(true) => {}
            Some(false) => outcome.todo.push(format!(
                "{} does not hold the secret of {}. Stripe's dashboard reveals it (Developers, Webhooks, {}); or make \
                 another endpoint with --replace",
                destination.setting(),
                kept.id,
                kept.id
            )),
            None => outcome.todo.push(unknown_secret(destination, &kept.id)),
        }
    }

    /// Disables one that is no longer wanted, once the server takes the secret of the one that stays.
    async fn retire(
        &self,
        destination: Destination,
        id: &str,
        kept: Option<&Registered>,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let secret = kept.and_then(|kept| kept.secret_in(destination, self.config));
        let is_taken = match secret {
            Some(secret) => {
                probe(self.config, destination, secret, self.clock.wall()).await? == Probe::Accepted
            }
            None => false,
        };
        if !is_taken {
            outcome.todo.push(format!(
                "{id} is replaced and stays in use for now. Put the new secret into {} beside the old one, with a comma \
                 between them, restart the server, and run this again: it is disabled then",
                destination.setting()
            ));
            return Ok(());
        }
        if self.options.dry_run {
            outcome
                .changes
                .push(format!("would disable {id}, which is replaced"));
            return Ok(());
        }
        registered::disable(self.stripe, destination, id).await?;
        outcome
            .changes
            .push(format!("disabled {id}, which is replaced"));
        outcome.todo.push(format!(
            "its secret can be taken out of {}",
            destination.setting()
        ));
        Ok(())
    }

    /// Says which endpoints that aren't Souk's send to the same address.
    fn strangers(&self, destination: Destination, registered: &[Registered]) -> Vec<String> {
        let url = destination.url(self.config);
        let same = registered
            .iter()
            .filter(|one| one.enabled && one.marked.is_none() && one.url == url);
        same.map(|one| {
            format!(
                "{} sends to this address, too, and was not made by this command. Each event comes once for each endpoint \
                 and has its effect once; disable it in Stripe's dashboard when the server has the new secret",
                one.id
            )
        })
        .collect()
    }
}

fn unknown_secret(destination: Destination, id: &str) -> String {
    format!(
        "nobody wrote down which secret {id} has. Compare {} with the one that Stripe's dashboard reveals (Developers, \
         Webhooks, {id})",
        destination.setting()
    )
}

//! Makes or mends at Stripe what Souk needs there: its event destinations, with exactly the event types that have an effect.
//!
//! Two names in `metadata` say which of them are Souk's, and of which installation. Whatever lacks them is never touched.
//! Address and types are mended in place. Scope and version can't be changed (docs.stripe.com/api/webhook_endpoints/update),
//! so another is made beside, and the old one is disabled once the server takes the new one's secret.

use std::collections::{BTreeSet, HashMap};

use secrecy::SecretString;

use crate::clock::Clock;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::ids;
use crate::stripe::requests::webhook_endpoints::{self as requests, NewEndpoint};
use crate::stripe::views::WebhookEndpointView;
use crate::stripe::{API_VERSION, Page, Stripe};

use super::destinations::{Destination, fingerprint};
use super::probe::{Probe, probe};

/// The names in `metadata`: which destination it is, of which installation, the fingerprint of its secret, and whether
/// Stripe showed an application when it was made.
const DESTINATION: &str = "souk_destination";
const INSTALLATION: &str = "souk_installation";
const SECRET: &str = "souk_secret";
const APPLICATION: &str = "souk_application";
const NONE_SHOWN: &str = "none";

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

/// What Stripe has.
pub struct Setup<'a> {
    config: &'a Config,
    clock: &'a Clock,
    stripe: &'a Stripe,
    options: Options<'a>,
    registered: Vec<Registered>,
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

/// A destination at Stripe, as far as it matters here.
#[derive(Clone, Debug)]
pub struct Registered {
    /// `we_…`.
    pub id: String,
    /// Where Stripe posts events.
    pub url: String,
    /// Whether it is in use.
    pub enabled: bool,
    /// Its types of events.
    pub types: BTreeSet<String>,
    /// Which one it is by its `metadata`.
    pub marked: Option<String>,
    /// Whose it is by its `metadata`.
    installation: Option<String>,
    /// The fingerprint of its secret.
    pub fingerprint: Option<String>,
    /// Whether it hears of connected accounts. None: Stripe doesn't tell.
    pub hears_accounts: Option<bool>,
    /// The version of its events. None: the account's default version.
    pub api_version: Option<String>,
}

impl From<WebhookEndpointView> for Registered {
    fn from(view: WebhookEndpointView) -> Self {
        let named = |name: &str| view.metadata.get(name).cloned();
        let marked = named(DESTINATION);
        Self {
            installation: named(INSTALLATION),
            fingerprint: named(SECRET),
            // Stripe doesn't repeat `connect`. As far as is known a Connect endpoint, and no other, has an application.
            hears_accounts: match named(APPLICATION).as_deref() {
                Some(NONE_SHOWN) => None,
                _ => Some(view.application.is_some()),
            },
            marked,
            id: view.id,
            url: view.url,
            enabled: view.status == "enabled",
            types: view.enabled_events.into_iter().collect(),
            api_version: view.api_version,
        }
    }
}

impl Registered {
    /// Whether what can't be changed is as the destination needs it.
    pub fn suits(&self, destination: Destination) -> bool {
        self.has_scope_of(destination) && self.api_version.as_deref() == Some(API_VERSION)
    }

    /// Whether it hears of those that the destination is about, or Stripe doesn't tell.
    pub fn has_scope_of(&self, destination: Destination) -> bool {
        let wanted = destination == Destination::Connect;
        self.hears_accounts.is_none_or(|hears| hears == wanted)
    }

    /// Whether the settings hold its secret. None: nobody wrote down which secret it has.
    pub fn has_secret_in(&self, destination: Destination, config: &Config) -> Option<bool> {
        let fingerprint_of_it = self.fingerprint.as_ref()?;
        Some(held(destination, config, fingerprint_of_it).is_some())
    }
}

/// The secret with this fingerprint, if the settings hold it.
fn held<'a>(
    destination: Destination,
    config: &'a Config,
    wanted: &str,
) -> Option<&'a SecretString> {
    let mut secrets = destination.secrets(config).iter();
    secrets.find(|secret| fingerprint(secret) == wanted)
}

/// Reads what is registered at Stripe.
///
/// # Errors
/// Stripe refused, or didn't answer.
pub async fn registered(stripe: &Stripe) -> Result<Vec<Registered>> {
    let mut all = Vec::new();
    let mut last: Option<String> = None;
    loop {
        let request = requests::list(last.as_deref());
        let Page { data, has_more } = stripe.platform().get(&request).await?;
        for endpoint in data {
            let view: WebhookEndpointView = serde_json::from_value(endpoint)
                .map_err(|_| Error::internal("a webhook endpoint of Stripe's can't be read"))?;
            all.push(Registered::from(view));
        }
        last = all.last().map(|endpoint: &Registered| endpoint.id.clone());
        if !has_more || last.is_none() {
            return Ok(all);
        }
    }
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
    /// Reads what Stripe has.
    ///
    /// # Errors
    /// Stripe refused, or didn't answer.
    pub async fn read(
        config: &'a Config,
        clock: &'a Clock,
        stripe: &'a Stripe,
        options: Options<'a>,
    ) -> Result<Self> {
        Ok(Self {
            config,
            clock,
            stripe,
            options,
            registered: registered(stripe).await?,
        })
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
        let own: Vec<&Registered> = self.registered.iter().filter(is_own).collect();
        let is_held = |one: &Registered| one.has_secret_in(destination, self.config);
        let plan = plan(destination, &url, &own, is_held, self.options.replace);
        let mut outcome = Outcome {
            url,
            changes: Vec::new(),
            secret: None,
            todo: self.strangers(destination),
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
        let types = destination.types();
        let count = types.len();
        let listens_to = destination.listens_to();
        if self.options.dry_run {
            let would = format!("would make an endpoint for {listens_to} with {count} event types");
            outcome.changes.push(would);
            return Ok(());
        }
        let metadata = HashMap::from([
            (DESTINATION.to_owned(), destination.name().to_owned()),
            (
                INSTALLATION.to_owned(),
                self.options.installation.to_owned(),
            ),
        ]);
        let new = NewEndpoint {
            url: &outcome.url,
            types: &types,
            connect: destination == Destination::Connect,
            description: &format!("Souk: events of {listens_to}"),
            metadata,
        };
        let scope = self.stripe.platform();
        let made: WebhookEndpointView = scope
            .post(&requests::create(new), &ids::random_token())
            .await?;
        let made_it = format!("made {} for {listens_to} with {count} event types", made.id);
        outcome.changes.push(made_it);
        let Some(secret) = made.secret else {
            outcome.todo.push(unknown_secret(destination, &made.id));
            return Ok(());
        };
        let mut known = HashMap::from([(SECRET.to_owned(), fingerprint(&secret))]);
        if destination == Destination::Connect && made.application.is_none() {
            known.insert(APPLICATION.to_owned(), NONE_SHOWN.to_owned());
        }
        outcome.secret = Some(secret);
        let described: Result<WebhookEndpointView> = scope
            .post(&requests::describe(&made.id, known), &ids::random_token())
            .await;
        if let Err(e) = described {
            // The endpoint works all the same.
            let said = format!(
                "the fingerprint of its secret could not be stored, so nobody will be able to tell whether the settings hold it ({e})"
            );
            outcome.todo.push(said);
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
        let request = requests::mend(id, &outcome.url, &destination.types());
        let _mended: WebhookEndpointView = self
            .stripe
            .platform()
            .post(&request, &ids::random_token())
            .await?;
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
        let secret = kept
            .and_then(|kept| kept.fingerprint.as_deref())
            .and_then(|wanted| held(destination, self.config, wanted));
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
        let _disabled: WebhookEndpointView = self
            .stripe
            .platform()
            .post(&requests::disable(id), &ids::random_token())
            .await?;
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
    fn strangers(&self, destination: Destination) -> Vec<String> {
        let url = destination.url(self.config);
        let same = self
            .registered
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

//! The event destinations that Stripe has, of either API: read, made, changed.

use std::collections::{BTreeSet, HashMap};

use secrecy::SecretString;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::ids;
use crate::stripe::requests::event_destinations::{self, NewDestination};
use crate::stripe::requests::webhook_endpoints::{self, NewEndpoint};
use crate::stripe::views::{EventDestinationView, IdView, WebhookEndpointView};
use crate::stripe::{API_VERSION, Page, Stripe, V2Page};

use super::destinations::{Destination, fingerprint};

/// The names in `metadata`: which destination it is, of which installation, the fingerprint of its secret, and whether
/// Stripe showed an application when it was made.
const DESTINATION: &str = "souk_destination";
const INSTALLATION: &str = "souk_installation";
const SECRET: &str = "souk_secret";
const APPLICATION: &str = "souk_application";
const NONE_SHOWN: &str = "none";

/// A destination at Stripe, as far as it matters here.
#[derive(Clone, Debug)]
pub struct Registered {
    /// `we_…` of `/v1`, `ed_…` of `/v2`.
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
    pub installation: Option<String>,
    /// The fingerprint of its secret.
    fingerprint: Option<String>,
    /// Whether it hears of connected accounts. None: Stripe doesn't tell.
    pub hears_accounts: Option<bool>,
    /// How it sends events.
    pub payload: Payload,
}

/// How a destination sends events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// The object, in the shape of a version. None: the account's default version.
    Snapshot(Option<String>),
    /// Only the object's id.
    Thin,
}

impl From<WebhookEndpointView> for Registered {
    fn from(view: WebhookEndpointView) -> Self {
        let named = |name: &str| view.metadata.get(name).cloned();
        Self {
            marked: named(DESTINATION),
            installation: named(INSTALLATION),
            fingerprint: named(SECRET),
            // Stripe doesn't repeat `connect`. As far as is known a Connect endpoint, and no other, has an application.
            hears_accounts: match named(APPLICATION).as_deref() {
                Some(NONE_SHOWN) => None,
                _ => Some(view.application.is_some()),
            },
            id: view.id,
            url: view.url,
            enabled: view.status == "enabled",
            types: view.enabled_events.into_iter().collect(),
            payload: Payload::Snapshot(view.api_version),
        }
    }
}

impl From<EventDestinationView> for Registered {
    fn from(view: EventDestinationView) -> Self {
        let named = |name: &str| view.metadata.get(name).cloned();
        Self {
            marked: named(DESTINATION),
            installation: named(INSTALLATION),
            fingerprint: named(SECRET),
            hears_accounts: Some(view.events_from == ["@accounts"]),
            id: view.id,
            url: view.webhook_endpoint.url.unwrap_or_default(),
            enabled: view.status == "enabled",
            types: view.enabled_events.into_iter().collect(),
            payload: match view.event_payload.as_str() {
                "thin" => Payload::Thin,
                _ => Payload::Snapshot(None),
            },
        }
    }
}

impl Registered {
    /// Whether what can't be changed is as the destination needs it.
    pub fn suits(&self, destination: Destination) -> bool {
        self.has_scope_of(destination) && self.has_payload_of(destination)
    }

    /// Whether it sends events as the server reads them there.
    pub fn has_payload_of(&self, destination: Destination) -> bool {
        self.payload == wanted_payload(destination)
    }

    /// Whether it hears of those that the destination is about, or Stripe doesn't tell.
    pub fn has_scope_of(&self, destination: Destination) -> bool {
        let wanted = destination != Destination::Platform;
        self.hears_accounts.is_none_or(|hears| hears == wanted)
    }

    /// Whether the settings hold its secret. None: nobody wrote down which secret it has.
    pub fn has_secret_in(&self, destination: Destination, config: &Config) -> Option<bool> {
        self.fingerprint.as_ref()?;
        Some(self.secret_in(destination, config).is_some())
    }

    /// Its secret, if the settings hold it.
    pub fn secret_in<'a>(
        &self,
        destination: Destination,
        config: &'a Config,
    ) -> Option<&'a SecretString> {
        let wanted = self.fingerprint.as_deref()?;
        let mut secrets = destination.secrets(config).iter();
        secrets.find(|secret| fingerprint(secret) == wanted)
    }
}

fn wanted_payload(destination: Destination) -> Payload {
    match destination {
        Destination::Accounts => Payload::Thin,
        Destination::Platform | Destination::Connect => {
            Payload::Snapshot(Some(API_VERSION.to_owned()))
        }
    }
}

/// Reads what is registered at Stripe for one of ours to be found in.
///
/// # Errors
/// Stripe refused, or didn't answer.
pub async fn read(stripe: &Stripe, destination: Destination) -> Result<Vec<Registered>> {
    match destination {
        Destination::Accounts => read_v2(stripe).await,
        Destination::Platform | Destination::Connect => read_v1(stripe).await,
    }
}

async fn read_v1(stripe: &Stripe) -> Result<Vec<Registered>> {
    let mut all = Vec::new();
    let mut last: Option<String> = None;
    loop {
        let request = webhook_endpoints::list(last.as_deref());
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

async fn read_v2(stripe: &Stripe) -> Result<Vec<Registered>> {
    let mut all = Vec::new();
    let mut next = Some(event_destinations::list());
    while let Some(request) = next {
        let page: V2Page = stripe.platform().get_v2(&request).await?;
        next = page.next()?;
        for destination in page.data {
            // Stripe may list the webhook endpoints of `/v1` here, too.
            let is_own_kind = |id: &str| id.starts_with("ed_");
            if !destination["id"].as_str().is_some_and(is_own_kind) {
                continue;
            }
            let view: EventDestinationView = serde_json::from_value(destination)
                .map_err(|_| Error::internal("an event destination of Stripe's can't be read"))?;
            all.push(Registered::from(view));
        }
    }
    Ok(all)
}

/// Makes a destination. The answer's secret is shown only now.
///
/// # Errors
/// Stripe refused, or didn't answer.
pub(super) async fn create(
    stripe: &Stripe,
    destination: Destination,
    installation: &str,
    url: &str,
) -> Result<(Registered, Option<SecretString>)> {
    let metadata = HashMap::from([
        (DESTINATION.to_owned(), destination.name().to_owned()),
        (INSTALLATION.to_owned(), installation.to_owned()),
    ]);
    let name = format!("Souk: events of {}", destination.listens_to());
    let (types, key) = (destination.types(), ids::random_token());
    let scope = stripe.platform();
    if destination == Destination::Accounts {
        let new = NewDestination {
            name: &name,
            url,
            types: &types,
            metadata,
        };
        let made: EventDestinationView = scope
            .post_v2(&event_destinations::create(new), &key)
            .await?;
        let secret = made.webhook_endpoint.signing_secret.clone();
        return Ok((made.into(), secret));
    }
    let new = NewEndpoint {
        url,
        types: &types,
        connect: destination == Destination::Connect,
        description: &name,
        metadata,
    };
    let made: WebhookEndpointView = scope.post(&webhook_endpoints::create(new), &key).await?;
    let secret = made.secret.clone();
    Ok((made.into(), secret))
}

/// Writes down which secret it has, and that Stripe doesn't show whose events it sends where that is so.
///
/// # Errors
/// Stripe refused, or didn't answer.
pub(super) async fn note_secret(
    stripe: &Stripe,
    destination: Destination,
    made: &Registered,
    secret: &SecretString,
) -> Result<()> {
    let mut known = HashMap::from([(SECRET.to_owned(), fingerprint(secret))]);
    if destination == Destination::Connect && made.hears_accounts == Some(false) {
        known.insert(APPLICATION.to_owned(), NONE_SHOWN.to_owned());
    }
    let (scope, key) = (stripe.platform(), ids::random_token());
    let _described: IdView = match destination {
        Destination::Accounts => {
            let request = event_destinations::describe(&made.id, known);
            scope.post_v2(&request, &key).await?
        }
        _ => {
            let request = webhook_endpoints::describe(&made.id, known);
            scope.post(&request, &key).await?
        }
    };
    Ok(())
}

/// Changes address and types, and has Stripe send it events.
///
/// # Errors
/// Stripe refused, or didn't answer.
pub(super) async fn mend(
    stripe: &Stripe,
    destination: Destination,
    id: &str,
    url: &str,
) -> Result<()> {
    let (scope, key, types) = (stripe.platform(), ids::random_token(), destination.types());
    if destination == Destination::Accounts {
        let request = event_destinations::mend(id, url, &types);
        let _mended: IdView = scope.post_v2(&request, &key).await?;
        let request = event_destinations::enable(id);
        let _enabled: IdView = scope.post_v2(&request, &ids::random_token()).await?;
        return Ok(());
    }
    let request = webhook_endpoints::mend(id, url, &types);
    let _mended: IdView = scope.post(&request, &key).await?;
    Ok(())
}

/// Has Stripe send it nothing more.
///
/// # Errors
/// Stripe refused, or didn't answer.
pub(super) async fn disable(stripe: &Stripe, destination: Destination, id: &str) -> Result<()> {
    let (scope, key) = (stripe.platform(), ids::random_token());
    let _disabled: IdView = match destination {
        Destination::Accounts => {
            let request = event_destinations::disable(id);
            scope.post_v2(&request, &key).await?
        }
        _ => {
            let request = webhook_endpoints::disable(id);
            scope.post(&request, &key).await?
        }
    };
    Ok(())
}

/// Has Stripe send a ping to a destination of thin events. Answers the id of the event.
///
/// # Errors
/// Stripe refused, or didn't answer.
pub async fn ping(stripe: &Stripe, id: &str) -> Result<String> {
    let request = event_destinations::ping(id);
    let event: IdView = stripe
        .platform()
        .post_v2(&request, &ids::random_token())
        .await?;
    Ok(event.id)
}

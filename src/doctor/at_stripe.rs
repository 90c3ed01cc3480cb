//! What only Stripe knows: the key's permissions, the platform, its endpoints, the time.

use std::collections::BTreeSet;

use souk_entity::Timestamp;
use souk_entity::inbox_event::Endpoint;

use crate::config::StripeMode;
use crate::countries;
use crate::error::{Error, Result, StripeFault};
use crate::metrics;
use crate::stripe::requests::{accounts, events};
use crate::stripe::views::AccountView;
use crate::stripe::{API_VERSION, Page};
use crate::webhooks::destinations::Destination;
use crate::webhooks::setup::{self, Registered};

use super::{Check, State, Subject, within};

/// Seconds that the clocks may be apart: Stripe's signatures are refused at 300.
const APART_WARNING: u64 = 30;
const APART_FAILURE: u64 = 300;
/// Missing types that a line names.
const SHOWN_TYPES: usize = 4;

pub(super) async fn check(subject: &Subject) -> Vec<Check> {
    let clock = clock(subject).await;
    if clock.state == State::Skipped {
        let unreachable = Check::failed(
            "stripe",
            clock.message,
            "look at the network and at STRIPE_API_BASE; with simulated money, whether `souk` runs",
        );
        return vec![unreachable];
    }
    let mut checks = vec![clock];
    let (platform, permissions, registered) = tokio::join!(
        platform(subject),
        permissions(subject),
        within(setup::registered(&subject.stripe)),
    );
    checks.push(platform);
    checks.extend(permissions);
    match registered {
        Ok(registered) => {
            for destination in Destination::all(&subject.config) {
                checks.push(endpoint(subject, destination, &registered).await);
            }
        }
        Err(e) => checks.push(refused("webhook_endpoints", "the webhook endpoints", &e)),
    }
    checks
}

/// The check of something that Stripe didn't answer.
fn refused(name: &'static str, what: &str, error: &Error) -> Check {
    let message = format!("Stripe doesn't say: {what}");
    match error {
        Error::KeyRefused(fault) => Check::failed(
            name,
            format!("{message}, since it refuses the key{}", permission(fault)),
            "give the key this permission in Stripe's dashboard (Developers, API keys), or set a secret key (sk_…)",
        ),
        Error::StripeRefused(fault) => Check::failed(
            name,
            format!("{message}. It refuses: {}", fault.message),
            "read Stripe's words; the request's id is in its dashboard under Developers, Logs",
        ),
        other => Check::failed(name, format!("{message} ({other})"), "try again"),
    }
}

/// The permission that a restricted key lacks, where Stripe names it. Its other words hold a part of the key.
fn permission(fault: &StripeFault) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut words = fault.message.split(|c| !is_part(c));
    let named = words.find(|word| word.starts_with("rak_"));
    named.map_or_else(String::new, |name| format!(" (it lacks {name})"))
}

/// How far Stripe's clock and ours are apart. Skipped: Stripe can't be reached.
async fn clock(subject: &Subject) -> Check {
    const NAME: &str = "clock";
    let theirs = match within(subject.stripe.time()).await {
        Ok(theirs) => theirs,
        Err(e) => return Check::skipped(NAME, e.to_string()),
    };
    let apart = theirs.seconds().abs_diff(subject.clock.wall().seconds());
    let message = format!("Stripe's clock and this machine's are {apart} s apart");
    let action = "set the machine's clock by NTP: events are refused when they are 300 s apart";
    match apart {
        ..APART_WARNING => Check::ok(NAME, message),
        APART_WARNING..APART_FAILURE => Check::warning(NAME, message, action),
        APART_FAILURE.. => Check::failed(NAME, message, action),
    }
}

/// Whose key it is, and whether Stripe serves sellers from there.
async fn platform(subject: &Subject) -> Check {
    const NAME: &str = "platform";
    let own: Result<AccountView> =
        within(subject.stripe.platform().get(&accounts::retrieve_own())).await;
    let own = match own {
        Ok(own) => own,
        Err(e) => return refused(NAME, "whose key it is", &e),
    };
    let country = own.country.as_deref().unwrap_or_default();
    let whose = format!("the key is {}'s, in {country}", own.id);
    if !countries::is_served(country) {
        return Check::failed(
            NAME,
            format!("{whose}, where Stripe has no platforms"),
            "a platform needs a Stripe account in a country that Stripe serves (stripe.com/global)",
        );
    }
    if subject.config.livemode && !own.charges_enabled {
        return Check::warning(
            NAME,
            format!("{whose}, and can't take money yet"),
            "complete the account in Stripe's dashboard: sellers can't take money before",
        );
    }
    Check::ok(NAME, whose)
}

/// What the key may read. Nothing is written to find out.
async fn permissions(subject: &Subject) -> Vec<Check> {
    let platform = subject.stripe.platform();
    let now = subject.clock.now();
    let (list_accounts, list_events) = (
        accounts::list(now, None),
        events::list(&["payout.paid"], now, None),
    );
    let balance = accounts::balance();
    let (accounts, events, balance) = tokio::join!(
        within(platform.get::<Page, _>(&list_accounts)),
        within(platform.get::<Page, _>(&list_events)),
        within(platform.get::<serde_json::Value, _>(&balance)),
    );
    let connect = match accounts {
        Ok(_) => Check::ok("connect", "Connect is enabled"),
        Err(Error::StripeRefused(fault)) => Check::failed(
            "connect",
            format!("Connect isn't enabled. Stripe says: {}", fault.message),
            "enable Connect in Stripe's dashboard (dashboard.stripe.com/connect), and complete the platform's profile there",
        ),
        Err(e) => refused("connect", "whether Connect is enabled", &e),
    };
    let others = [
        ("the platform's events", events.err()),
        ("the platform's balance", balance.err()),
    ];
    let missing = others
        .into_iter()
        .find_map(|(what, error)| Some(refused("key_permissions", what, &error?)));
    let all = Check::ok("key_permissions", "the key may read what the server reads");
    vec![connect, missing.unwrap_or(all)]
}

/// The endpoint at Stripe that sends to one of ours.
async fn endpoint(subject: &Subject, destination: Destination, registered: &[Registered]) -> Check {
    let name = match destination {
        Destination::Platform => "platform_endpoint",
        Destination::Connect => "connect_endpoint",
    };
    let url = destination.url(&subject.config);
    let here: Vec<&Registered> = registered.iter().filter(|one| one.url == url).collect();
    let set_up = "run `souk webhooks setup`";
    let Some(found) = best(destination, &here) else {
        return Check::failed(
            name,
            format!("Stripe has no webhook endpoint for {url}"),
            set_up,
        );
    };
    let id = &found.id;
    if let Some(wrong) = wrong_scope(subject, destination, name, found, registered).await {
        return wrong;
    }
    if !found.enabled {
        return Check::failed(name, format!("{id} is disabled, so no event comes"), set_up);
    }
    let wanted: BTreeSet<&str> = destination.types().into_iter().collect();
    let has_all = found.types.contains("*");
    let missing: Vec<&str> = wanted
        .into_iter()
        .filter(|kind| !has_all && !found.types.contains(*kind))
        .collect();
    if !missing.is_empty() {
        let shown = missing[..missing.len().min(SHOWN_TYPES)].join(", ");
        let more = match missing.len().saturating_sub(SHOWN_TYPES) {
            0 => String::new(),
            more => format!(" and {more} other types"),
        };
        return Check::failed(name, format!("{id} is not sent {shown}{more}"), set_up);
    }
    version_and_secret(subject, destination, name, found).await
}

/// Whether an endpoint hears of others than it should. Only a Connect endpoint has an application, as far as is known, so one
/// without is certainly wrong only where another shows that Stripe does tell.
async fn wrong_scope(
    subject: &Subject,
    destination: Destination,
    name: &'static str,
    found: &Registered,
    registered: &[Registered],
) -> Option<Check> {
    if found.has_scope_of(destination) {
        return None;
    }
    let id = &found.id;
    let action = format!(
        "run `souk webhooks setup`, and delete {id} then: whose events an endpoint sends can't be changed (in Stripe's \
         dashboard it is \"Events from\")"
    );
    let stripe_tells = registered
        .iter()
        .any(|one| one.hears_accounts == Some(true));
    match destination {
        Destination::Platform => Some(Check::failed(
            name,
            format!(
                "{id} sends events of connected accounts, which belong to /webhooks/stripe/connect"
            ),
            action,
        )),
        Destination::Connect if stripe_tells => Some(Check::failed(
            name,
            format!(
                "{id} sends events of the platform's own account, which belong to /webhooks/stripe"
            ),
            action,
        )),
        Destination::Connect => {
            let is_proven = matches!(subject.config.stripe_mode, StripeMode::Simulated)
                || proven_at(subject, destination.endpoint()).await.is_some();
            let maybe = format!(
                "{id} may send events of the platform's own account: no event of a connected account came yet"
            );
            (!is_proven).then(|| Check::warning(name, maybe, action))
        }
    }
}

/// The one of several at an address that is nearest to what is needed.
fn best<'a>(destination: Destination, here: &[&'a Registered]) -> Option<&'a Registered> {
    let rank = |one: &&&Registered| {
        let is_current = one.api_version.as_deref() == Some(API_VERSION);
        (one.has_scope_of(destination), one.enabled, is_current)
    };
    // The first of equals is the newest.
    here.iter().rev().max_by_key(rank).copied()
}

async fn version_and_secret(
    subject: &Subject,
    destination: Destination,
    name: &'static str,
    found: &Registered,
) -> Check {
    let id = &found.id;
    // The simulator's default version is ours.
    let version = found.api_version.as_deref();
    if version != Some(API_VERSION) && !(version.is_none() && subject.config.simulated()) {
        return Check::warning(
            name,
            format!(
                "{id} sends events in the shape of {}, and the server expects {API_VERSION}",
                version.unwrap_or("the account's default version")
            ),
            "run `souk webhooks setup`: it makes another beside, since the version can't be changed",
        );
    }
    let setting = destination.setting();
    let count = destination.types().len();
    match found.has_secret_in(destination, &subject.config) {
        Some(true) => Check::ok(
            name,
            format!("{id} sends all {count} types, signed with {setting}"),
        ),
        Some(false) => Check::failed(
            name,
            format!("{setting} does not hold the secret of {id}, so its events are refused"),
            format!(
                "put the secret into {setting} (Stripe's dashboard reveals it), or run `souk webhooks setup --replace`"
            ),
        ),
        None => match proven_at(subject, destination.endpoint()).await {
            Some(at) => Check::ok(
                name,
                format!("{id} sends all {count} types; an event of its door came at {at}"),
            ),
            None if subject.config.simulated() => {
                Check::ok(name, format!("{id} sends all {count} types"))
            }
            None => Check::warning(
                name,
                format!(
                    "{id} sends all {count} types, but no event came yet that shows that {setting} is its secret"
                ),
                "compare the secret with the one that Stripe's dashboard reveals, or let `souk webhooks setup` make the endpoint",
            ),
        },
    }
}

/// When an event last came that was signed with the door's secret.
async fn proven_at(subject: &Subject, endpoint: Endpoint) -> Option<Timestamp> {
    let db = subject.db.as_ref().ok()?;
    let asked = async { Ok(metrics::last_delivery(db, endpoint, subject.clock.now()).await?) };
    within(asked).await.ok()?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_tells_the_missing_permission_and_nothing_of_the_key() {
        let fault = StripeFault {
            message: "The provided key 'rk_test_*****abcd' does not have the required permissions for this endpoint on account \
                      'acct_1'. Having the 'rak_webhook_read' permission would allow this request to continue."
                .to_owned(),
            ..StripeFault::default()
        };
        let check = refused("x", "the endpoints", &Error::KeyRefused(Box::new(fault)));
        assert!(
            check.message.contains("it lacks rak_webhook_read"),
            "{}",
            check.message
        );
        assert!(!check.message.contains("abcd"), "{}", check.message);
        let silent = Error::KeyRefused(Box::default());
        assert!(
            refused("x", "y", &silent)
                .message
                .ends_with("refuses the key")
        );
    }
}

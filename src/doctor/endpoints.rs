//! What is registered at Stripe for each of the event destinations that Souk needs.

use std::collections::BTreeSet;
use std::time::Duration;

use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use souk_entity::Timestamp;
use souk_entity::inbox_event::{self, Endpoint};

use crate::clock::Stopwatch;
use crate::config::StripeMode;
use crate::db::Db;
use crate::error::Result;
use crate::metrics;
use crate::stripe::API_VERSION;
use crate::webhooks::destinations::Destination;
use crate::webhooks::registered::{self, Payload, Registered};

use super::at_stripe::refused;
use super::{Check, State, Subject, within};

/// Missing types that a line names.
const SHOWN_TYPES: usize = 4;
/// How long a ping may take to arrive.
const PING_PATIENCE: Duration = Duration::from_secs(3);
const PING_POLL: Duration = Duration::from_millis(50);

pub(super) async fn check(subject: &Subject) -> Vec<Check> {
    let mut checks = Vec::new();
    for destination in Destination::all(&subject.config) {
        let name = match destination {
            Destination::Platform => "platform_endpoint",
            Destination::Connect => "connect_endpoint",
            Destination::Accounts => "event_destination",
        };
        let registered = match within(registered::read(&subject.stripe, destination)).await {
            Ok(registered) => registered,
            Err(e) => {
                checks.push(refused(name, "what is registered for events", &e));
                continue;
            }
        };
        let (check, found) = endpoint(subject, destination, name, &registered).await;
        if destination == Destination::Accounts {
            let found = found.filter(|_| check.state == State::Ok);
            checks.extend([check, ping(subject, found).await]);
        } else {
            checks.push(check);
        }
    }
    checks
}

/// Whether a ping arrives that Stripe sends to the destination.
async fn ping(subject: &Subject, found: Option<&Registered>) -> Check {
    const NAME: &str = "ping";
    let Some(found) = found else {
        return Check::skipped(
            NAME,
            "not sent, since the event destination isn't as it should be",
        );
    };
    let Ok(db) = &subject.db else {
        return Check::skipped(
            NAME,
            "not sent, since the database can't say whether it arrives",
        );
    };
    let watch = Stopwatch::start();
    let sent = match within(registered::ping(&subject.stripe, &found.id)).await {
        Ok(sent) => sent,
        Err(e) => return refused(NAME, "a ping", &e),
    };
    while watch.elapsed() < PING_PATIENCE {
        match within(has_arrived(db, &sent)).await {
            Ok(true) => {
                let ms = watch.elapsed().as_millis();
                return Check::ok(NAME, format!("a ping of Stripe's arrived in {ms} ms"));
            }
            Ok(false) => tokio::time::sleep(PING_POLL).await,
            Err(e) => return Check::skipped(NAME, format!("the database failed: {e}")),
        }
    }
    Check::failed(
        NAME,
        format!(
            "a ping to {} did not arrive within {} s",
            found.id,
            PING_PATIENCE.as_secs()
        ),
        "Stripe's dashboard shows the attempts and their answers (Developers, Webhooks, Event deliveries)",
    )
}

async fn has_arrived(db: &Db, event: &str) -> Result<bool> {
    let there = inbox_event::Entity::find().filter(inbox_event::Column::Id.eq(event));
    Ok(there.count(&db.read).await? > 0)
}

/// Judges the one at Stripe that sends to one of our endpoints.
async fn endpoint<'a>(
    subject: &Subject,
    destination: Destination,
    name: &'static str,
    registered: &'a [Registered],
) -> (Check, Option<&'a Registered>) {
    let url = destination.url(&subject.config);
    let here: Vec<&Registered> = registered.iter().filter(|one| one.url == url).collect();
    let set_up = "run `souk webhooks setup`";
    let Some(found) = best(destination, &here) else {
        let what = match destination {
            Destination::Platform | Destination::Connect => "webhook endpoint",
            Destination::Accounts => "event destination",
        };
        let none = format!("Stripe has no {what} for {url}");
        return (Check::failed(name, none, set_up), None);
    };
    let check = match wrong_scope(subject, destination, name, found, registered).await {
        Some(wrong) => wrong,
        None => judge(subject, destination, name, found).await,
    };
    (check, Some(found))
}

/// Judges status, types, version and secret.
async fn judge(
    subject: &Subject,
    destination: Destination,
    name: &'static str,
    found: &Registered,
) -> Check {
    let (id, set_up) = (&found.id, "run `souk webhooks setup`");
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
        Destination::Accounts => Some(Check::failed(
            name,
            format!("{id} doesn't send events of connected accounts (events_from: @accounts)"),
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
        (
            one.has_scope_of(destination),
            one.enabled,
            one.suits(destination),
        )
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
    if let Some(wrong) = wrong_payload(subject, destination, name, found) {
        return wrong;
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

/// Whether its events have another shape than the server expects.
fn wrong_payload(
    subject: &Subject,
    destination: Destination,
    name: &'static str,
    found: &Registered,
) -> Option<Check> {
    let is = match &found.payload {
        _ if found.has_payload_of(destination) => return None,
        // The simulator's default version is ours.
        Payload::Snapshot(None)
            if subject.config.simulated() && destination != Destination::Accounts =>
        {
            return None;
        }
        Payload::Snapshot(version) => version
            .as_deref()
            .unwrap_or("the account's default version"),
        Payload::Thin => "thin events",
    };
    let wanted = match destination {
        Destination::Accounts => "thin events",
        Destination::Platform | Destination::Connect => API_VERSION,
    };
    Some(Check::warning(
        name,
        format!(
            "{} sends events in the shape of {is}, and the server expects {wanted}",
            found.id
        ),
        "run `souk webhooks setup`: it makes another beside, since that can't be changed",
    ))
}

/// When an event last came that was signed with the door's secret.
async fn proven_at(subject: &Subject, endpoint: Endpoint) -> Option<Timestamp> {
    let db = subject.db.as_ref().ok()?;
    let asked = async { Ok(metrics::last_delivery(db, endpoint, subject.clock.now()).await?) };
    within(asked).await.ok()?
}

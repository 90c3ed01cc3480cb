//! The two webhook endpoints as the server at `PUBLIC_URL` has them: whether they can be reached, whether they take what is
//! signed with the settings' secrets, and when an event last came.

use souk_entity::inbox_event::Endpoint;

use crate::metrics;
use crate::webhooks::destinations::Destination;
use crate::webhooks::probe::{Probe, probe};

use super::{Check, Subject, within};

pub(super) async fn check(subject: &Subject) -> Vec<Check> {
    let (platform, connect) = tokio::join!(
        door(subject, "platform_door", Destination::Platform),
        door(subject, "connect_door", Destination::Connect),
    );
    vec![platform, connect]
}

async fn door(subject: &Subject, name: &'static str, destination: Destination) -> Check {
    let config = &subject.config;
    let (setting, path) = (destination.setting(), destination.path());
    let secrets = destination.secrets(config);
    if secrets.is_empty() {
        let action = "`souk webhooks setup` makes the endpoints and their secrets";
        return Check::failed(name, format!("{setting} is missing"), action);
    }
    for (at, secret) in secrets.iter().enumerate() {
        let which = match secrets.len() {
            1 => setting.to_owned(),
            _ => format!("secret {} of {setting}", at + 1),
        };
        let asked = probe(config, destination, secret, subject.clock.wall());
        let (message, action) = match within(asked).await {
            Ok(Probe::Accepted) => continue,
            Ok(Probe::OtherSecret) => (
                format!("the server that runs doesn't take what is signed with {which}"),
                "restart the server with these settings",
            ),
            Ok(Probe::OtherTime) => (
                "the server's clock and this machine's are more than five minutes apart".to_owned(),
                "set both by NTP: Stripe's signatures are refused otherwise",
            ),
            Ok(Probe::NotSouk(what)) => (
                format!("{path} is answered by something else ({what})"),
                "have the proxy pass this path to the server, with the body as it came",
            ),
            Ok(Probe::Unreachable(why)) => (
                format!("{path} can't be reached: {why}"),
                "start the server; if it runs, look at PUBLIC_URL and what stands in front",
            ),
            Err(e) => (format!("{path} could not be tried: {e}"), "try again"),
        };
        return Check::failed(name, message, action);
    }
    let last = last_event(subject, destination.endpoint()).await;
    Check::ok(
        name,
        format!("{path} takes what is signed with {setting}; {last}"),
    )
}

async fn last_event(subject: &Subject, endpoint: Endpoint) -> String {
    let Ok(db) = &subject.db else {
        return "the database can't say when an event last came".to_owned();
    };
    let asked = async { Ok(metrics::last_delivery(db, endpoint, subject.clock.now()).await?) };
    match within(asked).await {
        Ok(Some(at)) => format!("an event last came at {at}"),
        Ok(None) => "no event came within a month".to_owned(),
        Err(_) => "the database can't say when an event last came".to_owned(),
    }
}

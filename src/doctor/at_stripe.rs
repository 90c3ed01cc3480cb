//! What only Stripe knows: the key's permissions, the platform, its endpoints, the time.

use souk_entity::seller::AccountsApi;

use crate::countries;
use crate::error::{Error, Result, StripeFault};
use crate::stripe::requests::{accounts, accounts_v2, events};
use crate::stripe::views::AccountView;
use crate::stripe::{Page, V2Page};
use crate::{findings, sellers};

use super::{Check, State, Subject, endpoints, within};

/// Seconds that the clocks may be apart: Stripe's signatures are refused at 300.
const APART_WARNING: u64 = 30;
const APART_FAILURE: u64 = 300;

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
    let (platform, permissions, accounts, endpoints) = tokio::join!(
        platform(subject),
        permissions(subject),
        accounts_api(subject),
        endpoints::check(subject),
    );
    checks.push(platform);
    checks.extend(permissions);
    checks.push(accounts);
    checks.extend(endpoints);
    checks
}

/// The check of something that Stripe didn't answer.
pub(super) fn refused(name: &'static str, what: &str, error: &Error) -> Check {
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

/// Whether Stripe lets the platform make accounts by the API of the settings.
async fn accounts_api(subject: &Subject) -> Check {
    const NAME: &str = "accounts_api";
    if let Some(message) = refused_before(subject).await {
        return Check::failed(
            NAME,
            message,
            "do what it says; the accounts are made afterwards by themselves",
        );
    }
    let api = subject.config.accounts_api;
    if api == AccountsApi::V1 {
        return Check::ok(
            NAME,
            "accounts are made by v1, and Stripe has not refused it",
        );
    }
    let stripe = subject.stripe.platform();
    match within(stripe.get_v2::<V2Page>(&accounts_v2::list())).await {
        Ok(_) => Check::ok(NAME, "Accounts v2 is enabled"),
        Err(Error::KeyRefused(fault)) => no_key_for_v2(NAME, "Stripe says that it may not", &fault),
        // The older test mode has no `/v2` (docs.stripe.com/api-v2-overview). In which words Stripe says so isn't documented.
        Err(Error::StripeRefused(fault))
            if !subject.config.livemode && fault.message.contains("sandbox") =>
        {
            no_key_for_v2(NAME, "Stripe says that it is none", &fault)
        }
        Err(Error::StripeRefused(fault)) => Check::failed(
            NAME,
            "Stripe doesn't let this platform use Accounts v2",
            sellers::platform_advice(api, &fault),
        ),
        Err(e) => refused(NAME, "whether Accounts v2 is enabled", &e),
    }
}

/// Accounts v2 takes secret keys, live ones and those of sandboxes, as far as is documented.
fn no_key_for_v2(name: &'static str, why: &str, fault: &StripeFault) -> Check {
    Check::failed(
        name,
        format!(
            "Accounts v2 takes secret keys (sk_…) only, live ones and those of sandboxes, and of this one {why}{}",
            permission(fault)
        ),
        "set such a key; or set STRIPE_ACCOUNTS=v1, if the platform has v1",
    )
}

/// What the finding says that Stripe lets the platform create no account, if it is open.
async fn refused_before(subject: &Subject) -> Option<String> {
    let db = subject.db.as_ref().ok()?;
    let open = within(findings::open(&db.read, sellers::PLATFORM_NOT_READY)).await;
    Some(open.ok()?.into_iter().next()?.message)
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

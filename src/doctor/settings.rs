//! The settings, and what can be seen of them without Stripe: the key's kind, addresses, mail.

use sea_orm::ActiveEnum;
use secrecy::ExposeSecret;
use serde_json::Value;
use url::Url;

use crate::config::{AccountsApi, StripeMode, origin};
use crate::db::assert_no_open_transaction;

use super::{Check, PATIENCE, Subject, within};

pub(super) async fn check(subject: &Subject) -> Vec<Check> {
    vec![
        key(subject),
        profile(subject),
        public_url(subject).await,
        redirect_origins(subject),
        mail(subject).await,
    ]
}

fn key(subject: &Subject) -> Check {
    const NAME: &str = "stripe_key";
    let config = &subject.config;
    if matches!(config.stripe_mode, StripeMode::Simulated) {
        return Check::ok(NAME, "no STRIPE_SECRET_KEY: money is simulated");
    }
    let money = match (config.livemode, config.simulated()) {
        (true, _) => "a live key: real money",
        (false, true) => "a test key, for the Stripe at STRIPE_API_BASE",
        (false, false) => "a test key: Stripe's test money",
    };
    let is_restricted = config.stripe_secret_key.expose_secret().starts_with("rk_");
    if is_restricted && config.accounts_api == AccountsApi::V2 {
        return Check::warning(
            NAME,
            format!(
                "{money}; restricted, and Accounts v2 takes secret keys only, as far as is documented"
            ),
            "set a secret key (sk_…), or STRIPE_ACCOUNTS=v1 if the platform has v1",
        );
    }
    Check::ok(NAME, money)
}

/// What the settings allow and may still surprise the operator. A combination that Stripe forbids is a fault of the settings.
fn profile(subject: &Subject) -> Check {
    const NAME: &str = "charge_profile";
    let config = &subject.config;
    let cautions = config.cautions();
    let (api, profile) = (
        config.accounts_api.to_value(),
        config.charge_profile.to_value(),
    );
    let new = format!("new sellers' accounts are made by {api}, with the charge profile {profile}");
    match cautions.is_empty() {
        true => Check::ok(NAME, new),
        false => Check::warning(
            NAME,
            cautions.join("; "),
            "docs/charge-profiles.md says which to choose",
        ),
    }
}

/// Whether an address means the machine that it is used on.
fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_unspecified(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unspecified(),
        None => true,
    }
}

async fn public_url(subject: &Subject) -> Check {
    const NAME: &str = "public_url";
    let config = &subject.config;
    let url = &config.public_url;
    if config.livemode && url.scheme() != "https" {
        return Check::failed(
            NAME,
            format!(
                "PUBLIC_URL is {}, and Stripe sends live events only over https",
                origin(url)
            ),
            "set PUBLIC_URL to the https address under which the server is reached from the Internet",
        );
    }
    if !config.simulated() && is_local(url) {
        return Check::failed(
            NAME,
            format!(
                "PUBLIC_URL is {}, where neither Stripe nor buyers can reach the server",
                origin(url)
            ),
            "set PUBLIC_URL to the address under which the server is reached from the Internet; for a test, use a tunnel or \
             `stripe listen`",
        );
    }
    match readiness(subject).await {
        Ok(simulated) if simulated == config.simulated() => {
            Check::ok(NAME, format!("the server answers at {}", origin(url)))
        }
        Ok(_) => Check::failed(
            NAME,
            format!(
                "another server answers at {}: its money is of another kind",
                origin(url)
            ),
            "give this server a PUBLIC_URL of its own",
        ),
        Err(why) => Check::failed(
            NAME,
            format!("no Souk answers at {}: {why}", origin(url)),
            "start the server; if it runs, look at DNS, the certificate and the proxy in front of it",
        ),
    }
}

/// Whether the money of the server at `PUBLIC_URL` is simulated; an error says why none answers.
async fn readiness(subject: &Subject) -> Result<bool, String> {
    assert_no_open_transaction();
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .no_proxy()
        .build()
        .map_err(|e| e.to_string())?;
    let response = client.get(subject.config.page("/readyz")).send().await;
    let response = response.map_err(|e| match (e.is_timeout(), e.is_connect()) {
        (true, _) => format!("no answer in {} s", PATIENCE.as_secs()),
        (_, true) => "no connection".to_owned(),
        _ => "the connection broke off".to_owned(),
    })?;
    let status = response.status().as_u16();
    let bytes = response.bytes().await.map_err(|e| e.to_string())?;
    let ready: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    match ready["simulated"].as_bool() {
        Some(simulated) if status == 200 => Ok(simulated),
        _ => Err(format!("/readyz is answered with {status}")),
    }
}

fn redirect_origins(subject: &Subject) -> Check {
    const NAME: &str = "redirect_origins";
    let config = &subject.config;
    let is_unsafe = |text: &&String| {
        let url = Url::parse(text);
        url.is_ok_and(|url| url.scheme() != "https" || is_local(&url))
    };
    let origins = &config.redirect_origins;
    let unsafe_ones: Vec<&str> = origins
        .iter()
        .filter(is_unsafe)
        .map(String::as_str)
        .collect();
    if config.livemode && !unsafe_ones.is_empty() {
        return Check::failed(
            NAME,
            format!("buyers may be sent back to {}", unsafe_ones.join(", ")),
            "take these out of ALLOWED_REDIRECT_ORIGINS, or give them https: whoever stands between reads the session's id",
        );
    }
    Check::ok(
        NAME,
        format!("buyers may be sent back to {}", origins.join(", ")),
    )
}

async fn mail(subject: &Subject) -> Check {
    const NAME: &str = "mail";
    let config = &subject.config;
    let sender = &config.mail_from;
    if config.smtp_url.is_none() && config.livemode {
        return Check::warning(
            NAME,
            format!(
                "mails are written into {}, and nobody gets them",
                config.data_dir.join("mail").display()
            ),
            "set SMTP_URL and MAIL_FROM",
        );
    }
    match within(subject.mailer.test()).await {
        Err(e) => Check::failed(
            NAME,
            format!("mail can't be sent: {e}"),
            "look at SMTP_URL: host, port, user and password",
        ),
        Ok(()) if config.livemode && sender.contains("@localhost") => Check::warning(
            NAME,
            format!("mails are sent as {sender}, which most servers refuse"),
            "set MAIL_FROM to an address of your domain",
        ),
        Ok(()) if config.smtp_url.is_none() => {
            let folder = config.data_dir.join("mail");
            Check::ok(NAME, format!("mails are written into {}", folder.display()))
        }
        Ok(()) => Check::ok(
            NAME,
            format!("the mail server answers; mails are sent as {sender}"),
        ),
    }
}

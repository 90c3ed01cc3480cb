//! Reads each setting from its text, and collects the faults.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use sea_orm::ActiveEnum;
use secrecy::SecretString;
use souk_entity::seller::{AccountsApi, ChargeProfile};
use souk_entity::{Amounts, Timestamp};
use url::Url;

use super::{
    Config, ConfigFaults, DisputeProgramme, STRIPE_API, STRIPE_FILES, StripeMode, origin, profiles,
};
use crate::money::{self, FeeRule};

/// Only the simulator accepts this key.
const SIMULATED_KEY: &str = "sk_test_simulated";
const SIMULATED_PUBLISHABLE_KEY: &str = "pk_test_simulated";

/// Visa's programme (VAMP) counts reports of fraud and disputes against the sales of the same month; these are its limits for
/// merchants in Asia and the Pacific, Canada, Europe and the US. Mastercard's two (ECM, HECM) count disputes against the sales of
/// the month before. As they stood on 2026-11-29 (docs.stripe.com/disputes/monitoring-programs,
/// developer.paypal.com/braintree/articles/risk-and-security/card-brand-monitoring-programs).
const PROGRAMMES: [&str; 3] = [
    "visa_vamp visa fraud month 150 1500 2026-04-01",
    "mastercard_ecm mastercard disputes month_before 150 100 2019-10-01",
    "mastercard_hecm mastercard disputes month_before 300 300 2019-10-01",
];

/// Schemes that mean something to browsers and systems. A page of ours that leads to one would run a script, read a file, or open
/// any app at all.
const TAKEN_SCHEMES: [&str; 22] = [
    "about",
    "android-app",
    "blob",
    "chrome",
    "content",
    "data",
    "facetime",
    "file",
    "filesystem",
    "ftp",
    "http",
    "https",
    "intent",
    "javascript",
    "mailto",
    "market",
    "sms",
    "tel",
    "vbscript",
    "view-source",
    "ws",
    "wss",
];

fn programme(text: &str) -> Option<DisputeProgramme> {
    let mut words = text.split_whitespace();
    let programme = DisputeProgramme {
        name: words.next()?.to_owned(),
        brand: match words.next()? {
            "all" => None,
            brand => Some(brand.to_owned()),
        },
        counts_fraud: match words.next()? {
            "fraud" => true,
            "disputes" => false,
            _ => return None,
        },
        of_month_before: match words.next()? {
            "month" => false,
            "month_before" => true,
            _ => return None,
        },
        bps: words
            .next()?
            .parse()
            .ok()
            .filter(|bps| (1..=10_000).contains(bps))?,
        least: words
            .next()?
            .parse()
            .ok()
            .filter(|least| (1..=1_000_000).contains(least))?,
        since: Timestamp::parse(&format!("{}T00:00:00Z", words.next()?))?,
    };
    words.next().is_none().then_some(programme)
}

/// Reads settings by name. With `before_setup` the secrets may be missing that only a server needs.
pub(super) fn read(
    vars: &HashMap<String, String>,
    before_setup: bool,
) -> Result<Config, ConfigFaults> {
    let mut reader = Reader {
        vars,
        before_setup,
        faults: Vec::new(),
    };
    let config = reader.config();
    if reader.faults.is_empty() {
        Ok(config)
    } else {
        Err(ConfigFaults(reader.faults))
    }
}

struct Reader<'a> {
    vars: &'a HashMap<String, String>,
    before_setup: bool,
    faults: Vec<String>,
}

impl Reader<'_> {
    fn config(&mut self) -> Config {
        let data_dir = PathBuf::from(self.text("DATA_DIR").unwrap_or("data"));
        let database_url = self.database_url(&data_dir);
        let bind = self.parsed(
            "BIND",
            "127.0.0.1:8080",
            "an address such as 127.0.0.1:8080",
        );
        let public_url = self.url("PUBLIC_URL", &format!("http://{bind}"));
        let mut redirect_origins = vec![origin(&public_url)];
        redirect_origins.extend(self.origins("ALLOWED_REDIRECT_ORIGINS"));
        let key = self.stripe_key();
        let livemode = key.as_ref().is_some_and(|key| key.contains("_live_"));
        let key_is_set = key.is_some();
        let platform_webhook_secrets = self.webhook_secrets("STRIPE_WEBHOOK_SECRET", key.is_some());
        let connect_webhook_secrets =
            self.webhook_secrets("STRIPE_CONNECT_WEBHOOK_SECRET", key.is_some());
        let jwt_secret = self.jwt_secret(livemode && !database_url.starts_with("sqlite:"));
        let worker: bool = self.parsed("WORKER", "true", "true or false");
        if !worker && (key.is_none() || database_url.starts_with("sqlite:")) {
            self.fault("WORKER is false, but nobody else could do the jobs: that takes PostgreSQL and a STRIPE_SECRET_KEY");
        }
        let api_base = self.url("STRIPE_API_BASE", STRIPE_API);
        let api_base = api_base.as_str().trim_end_matches('/').to_owned();
        let files_base = self.files_base(&api_base);
        if key.is_none() && self.text("STRIPE_API_BASE").is_some() {
            self.fault("STRIPE_API_BASE is set, but STRIPE_SECRET_KEY is not: set both, or neither for simulated money");
        }
        Config {
            database_url,
            data_dir,
            bind,
            trusted_proxies: self.networks("TRUSTED_PROXIES"),
            public_url,
            redirect_origins,
            app_schemes: self.app_schemes("ALLOWED_APP_SCHEMES"),
            stripe_mode: if key.is_some() {
                StripeMode::Remote
            } else {
                StripeMode::Simulated
            },
            stripe_api_base: api_base,
            stripe_files_base: files_base,
            stripe_secret_key: SecretString::from(key.unwrap_or_else(|| SIMULATED_KEY.to_owned())),
            stripe_publishable_key: self.publishable_key(key_is_set, livemode),
            livemode,
            platform_webhook_secrets,
            connect_webhook_secrets,
            jwt_secret,
            application_fee: FeeRule {
                bps: self.bounded("APPLICATION_FEE_BPS", 1000, 0, 10_000),
                fixed: self.amounts("APPLICATION_FEE_FIXED"),
            },
            application_fee_of_paid: self.fee_base(),
            lost_fee_returned: self.lost_fee(),
            dispute_programmes: self.dispute_programmes(),
            dispute_programmes_warn_at: self.bounded("DISPUTE_PROGRAMMES_WARN_AT", 75, 1, 100),
            accounts_api: self.accounts_api(),
            charge_profile: self.charge_profile(),
            smtp_url: self.text("SMTP_URL").map(SecretString::from),
            mail_from: self.mail_from(),
            seed_demo: self.parsed("SEED_DEMO", "true", "true or false"),
            simulator_bind: self.parsed(
                "SIMULATOR_BIND",
                "127.0.0.1:12111",
                "an address such as 127.0.0.1:12111",
            ),
            worker,
            job_lease: Duration::from_secs(self.bounded("JOB_LEASE_SECONDS", 60, 2, 3600)),
            metrics_bind: self.metrics_bind(),
        }
    }

    fn metrics_bind(&mut self) -> Option<SocketAddr> {
        self.text("METRICS_BIND")?;
        Some(self.parsed("METRICS_BIND", "", "an address such as 127.0.0.1:9464"))
    }

    fn mail_from(&self) -> String {
        let from = self.text("MAIL_FROM");
        from.unwrap_or("Souk <souk@localhost>").to_owned()
    }

    /// Where files go: Stripe's own host for them, or whoever stands in for Stripe.
    fn files_base(&mut self, api_base: &str) -> String {
        let default = match api_base == STRIPE_API {
            true => STRIPE_FILES,
            false => api_base,
        };
        let url = self.url("STRIPE_FILES_BASE", default);
        url.as_str().trim_end_matches('/').to_owned()
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.vars
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    fn fault(&mut self, text: impl Into<String>) {
        self.faults.push(text.into());
    }

    fn parsed<T>(&mut self, name: &str, default: &str, wanted: &str) -> T
    where
        T: std::str::FromStr + FallbackValue,
    {
        let text = self.text(name).unwrap_or(default).to_owned();
        text.parse().unwrap_or_else(|_| {
            self.fault(format!("{name} is {text:?}, but must be {wanted}"));
            T::fallback()
        })
    }

    fn bounded<T>(&mut self, name: &str, default: T, least: T, most: T) -> T
    where
        T: std::str::FromStr + PartialOrd + Copy + std::fmt::Display,
    {
        let Some(text) = self.text(name).map(str::to_owned) else {
            return default;
        };
        match text.parse() {
            Ok(value) if value >= least && value <= most => value,
            _ => {
                self.fault(format!(
                    "{name} is {text:?}, but must be a whole number from {least} to {most}"
                ));
                default
            }
        }
    }

    /// Amounts with their currencies, such as `30 usd, 25 eur`. A plain 0 is none.
    fn amounts(&mut self, name: &str) -> Amounts {
        let mut amounts = Amounts::new();
        let list = self.list(name);
        for text in list.iter().filter(|text| *text != "0") {
            let mut words = text.split_whitespace();
            let amount = words.next().and_then(|word| word.parse::<i64>().ok());
            let fault = match (amount, words.next(), words.next()) {
                (Some(amount), Some(code), None) => {
                    let code = code.to_ascii_lowercase();
                    let fault = money::fixed_fee_fault(amount, &code);
                    let is_new = amounts.insert(code, amount).is_none();
                    fault.or((!is_new).then(|| "names the currency twice".to_owned()))
                }
                _ => Some(
                    "must be an amount in minor units and its currency, such as 30 usd; several with commas between \
                     them, such as 30 usd, 25 eur"
                        .to_owned(),
                ),
            };
            if let Some(fault) = fault {
                self.fault(format!("{name} holds {text:?}, which {fault}"));
            }
        }
        amounts
    }

    fn url(&mut self, name: &str, default: &str) -> Url {
        let text = self.text(name).unwrap_or(default).to_owned();
        match Url::parse(&text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => url,
            _ => {
                self.fault(format!(
                    "{name} is {text:?}, but must be an http or https address"
                ));
                fallback_url()
            }
        }
    }

    fn database_url(&mut self, data_dir: &std::path::Path) -> String {
        match self.text("DATABASE_URL") {
            None => format!("sqlite://{}", data_dir.join("souk.sqlite").display()),
            Some(url)
                if ["sqlite:", "postgres:", "postgresql:"]
                    .iter()
                    .any(|s| url.starts_with(s)) =>
            {
                url.to_owned()
            }
            Some(_) => {
                self.fault("DATABASE_URL must begin with postgres:// or sqlite://");
                String::new()
            }
        }
    }

    fn origins(&mut self, name: &str) -> Vec<String> {
        let list: Vec<String> = self.list(name);
        list.into_iter()
            .filter_map(|text| match Url::parse(&text) {
                Ok(url) if matches!(url.scheme(), "http" | "https") => Some(origin(&url)),
                _ => {
                    self.fault(format!(
                        "{name} names {text:?}, but each must be an http or https origin"
                    ));
                    None
                }
            })
            .collect()
    }

    /// Schemes such as `myapp` (RFC 3986, 3.1), in lower case as `Url` has them.
    fn app_schemes(&mut self, name: &str) -> Vec<String> {
        let list = self.list(name);
        let lower = list.into_iter().map(|text| text.to_ascii_lowercase());
        lower
            .filter(|text| {
                let is_word = text.starts_with(|c: char| c.is_ascii_lowercase())
                    && text
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
                let is_taken = TAKEN_SCHEMES.contains(&text.as_str());
                if !is_word || is_taken {
                    self.fault(format!(
                        "{name} names {text:?}, but each must be the scheme of an app of your own, such as myapp"
                    ));
                }
                is_word && !is_taken
            })
            .collect()
    }

    /// Addresses, and networks such as 10.0.0.0/8.
    fn networks(&mut self, name: &str) -> Vec<IpNet> {
        let list = self.list(name);
        list.into_iter()
            .filter_map(|text| {
                let one = text.parse().map(|one: IpAddr| IpNet::from(one));
                let network = one.ok().or_else(|| text.parse().ok());
                if network.is_none() {
                    self.fault(format!(
                        "{name} names {text:?}, but each must be an address such as 10.0.0.1 or a network such as 10.0.0.0/8"
                    ));
                }
                network
            })
            .collect()
    }

    fn list(&self, name: &str) -> Vec<String> {
        self.text(name)
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    }

    fn stripe_key(&mut self) -> Option<String> {
        let key = self.text("STRIPE_SECRET_KEY")?.to_owned();
        let known = ["sk_test_", "sk_live_", "rk_test_", "rk_live_"];
        if !known.iter().any(|prefix| key.starts_with(prefix)) {
            self.fault(
                "STRIPE_SECRET_KEY must be a secret or restricted key (sk_test_…, sk_live_…, rk_…)",
            );
        }
        Some(key)
    }

    /// Pages with Stripe.js need it. The simulator takes any.
    fn publishable_key(&mut self, is_remote: bool, livemode: bool) -> Option<String> {
        let Some(key) = self.text("STRIPE_PUBLISHABLE_KEY").map(str::to_owned) else {
            return (!is_remote).then(|| SIMULATED_PUBLISHABLE_KEY.to_owned());
        };
        let prefix = if livemode { "pk_live_" } else { "pk_test_" };
        if !key.starts_with(prefix) {
            self.fault(format!(
                "STRIPE_PUBLISHABLE_KEY must be the publishable key ({prefix}…) beside STRIPE_SECRET_KEY"
            ));
        }
        Some(key)
    }

    fn webhook_secrets(&mut self, name: &str, required: bool) -> Vec<SecretString> {
        let secrets = self.list(name);
        let required = required || self.vars.contains_key(name);
        if secrets.is_empty() && required && !self.before_setup {
            self.fault(format!(
                "{name} is missing: webhooks can't be trusted without it (`souk webhooks setup` makes it)"
            ));
        }
        if secrets.iter().any(|secret| !secret.starts_with("whsec_")) {
            self.fault(format!("{name} must hold signing secrets (whsec_…), with commas between them while one is rolled"));
        }
        secrets.into_iter().map(SecretString::from).collect()
    }

    fn jwt_secret(&mut self, is_shared: bool) -> Option<SecretString> {
        let secret = self.text("JWT_SECRET").map(str::to_owned);
        match &secret {
            Some(secret) if secret.len() < 32 => {
                self.fault("JWT_SECRET is too short: at least 32 characters, for instance from `openssl rand -base64 48`");
            }
            None if is_shared && !self.before_setup => {
                self.fault("JWT_SECRET is missing: servers that share a database with live money need one in common, for instance from `openssl rand -base64 48`")
            }
            _ => {}
        }
        secret.map(SecretString::from)
    }

    fn fee_base(&mut self) -> bool {
        match self.text("APPLICATION_FEE_BASE").unwrap_or("paid") {
            "paid" => true,
            "subtotal" => false,
            other => {
                let fault =
                    format!("APPLICATION_FEE_BASE is {other:?}, but must be paid or subtotal");
                self.fault(fault);
                true
            }
        }
    }

    fn lost_fee(&mut self) -> bool {
        match self.text("DISPUTE_LOST_FEE").unwrap_or("keep") {
            "keep" => false,
            "return" => true,
            other => {
                let fault = format!("DISPUTE_LOST_FEE is {other:?}, but must be keep or return");
                self.fault(fault);
                false
            }
        }
    }

    /// Programmes such as `visa_vamp visa fraud month 150 1500 2026-04-01`: name, brand of the cards, what counts, of which sales,
    /// hundredths of a per cent, number and first day. `none` is none.
    fn dispute_programmes(&mut self) -> Vec<DisputeProgramme> {
        let mut list = self.list("DISPUTE_PROGRAMMES");
        if list.is_empty() {
            list = PROGRAMMES.iter().map(|text| (*text).to_owned()).collect();
        }
        list.retain(|text| text != "none");
        let read = list.iter().map(|text| (text.clone(), programme(text)));
        let mut programmes = Vec::new();
        for (text, programme) in read.collect::<Vec<_>>() {
            match programme {
                Some(programme) => programmes.push(programme),
                None => self.fault(format!(
                    "DISPUTE_PROGRAMMES holds {text:?}, which must be a name, a brand of cards or all, disputes or fraud, month or \
                     month_before, hundredths of a per cent, a number and a day, such as visa_vamp visa fraud month 150 1500 \
                     2026-04-01"
                )),
            }
        }
        programmes
    }

    fn accounts_api(&mut self) -> AccountsApi {
        match self.text("STRIPE_ACCOUNTS").unwrap_or("v2") {
            "v1" => AccountsApi::V1,
            "v2" => AccountsApi::V2,
            other => {
                let fault = format!("STRIPE_ACCOUNTS is {other:?}, but must be v1 or v2");
                self.fault(fault);
                AccountsApi::V2
            }
        }
    }

    /// `CHARGE_PROFILE`, or what the older setting `SELLER_DASHBOARD` stood for.
    fn charge_profile(&mut self) -> ChargeProfile {
        let older = match self.text("SELLER_DASHBOARD") {
            None => None,
            Some("full") => Some(ChargeProfile::Direct),
            Some("express") => Some(ChargeProfile::DirectExpress),
            Some(other) => {
                let fault = format!("SELLER_DASHBOARD is {other:?}, but must be full or express");
                self.fault(fault);
                None
            }
        };
        let Some(text) = self.text("CHARGE_PROFILE") else {
            return older.unwrap_or(ChargeProfile::Direct);
        };
        let Ok(profile) = ChargeProfile::try_from_value(&text.to_owned()) else {
            let fault = format!(
                "CHARGE_PROFILE is {text:?}, but must be direct, direct_express, marketplace or white_label (docs/charge-profiles.md)"
            );
            self.fault(fault);
            return ChargeProfile::Direct;
        };
        let dashboard = |profile| profiles::terms(profile).dashboard;
        if older.is_some_and(|older| dashboard(older) != dashboard(profile)) {
            self.fault("SELLER_DASHBOARD and CHARGE_PROFILE contradict each other: leave SELLER_DASHBOARD out, which the profile decides");
        }
        profile
    }
}

/// A value in place of a setting that could not be read. It is never used, since the fault refuses the start.
trait FallbackValue {
    fn fallback() -> Self;
}

impl FallbackValue for SocketAddr {
    fn fallback() -> Self {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }
}

impl FallbackValue for bool {
    fn fallback() -> Self {
        false
    }
}

#[expect(clippy::expect_used, reason = "a constant that parses")]
fn fallback_url() -> Url {
    Url::parse("http://localhost").expect("constant")
}

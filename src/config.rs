//! Settings from the environment. All faults are named at once.

pub mod profiles;
mod reader;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use sea_orm::ActiveEnum;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use self::profiles::{Bearer, ChargeType};
use crate::ids;
use crate::money::FeeRule;
use souk_entity::Timestamp;
use souk_entity::installation::Mode;
pub use souk_entity::seller::{AccountsApi, ChargeProfile};

/// A programme of a network for sellers with many disputes (docs.stripe.com/disputes/monitoring-programs). A seller is in it who
/// reaches both the share and the number in a calendar month. Payments by the network's cards count alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisputeProgramme {
    /// Such as `visa_vamp`.
    pub name: String,
    /// Stripe's name of the cards' brand, such as `visa`. None: all payments count.
    pub brand: Option<String>,
    /// Whether reports of fraud count beside disputes.
    pub counts_fraud: bool,
    /// Whether the share is one of the sales of the month before, and not of the same month's.
    pub of_month_before: bool,
    /// Of those sales, in hundredths of a per cent.
    pub bps: i64,
    /// The smallest number.
    pub least: i64,
    /// The first day on which it holds.
    pub since: Timestamp,
}

/// Whether Stripe is simulated.
#[derive(Clone, Debug)]
pub enum StripeMode {
    /// Simulated money: there is no key, and a simulator runs in this process.
    Simulated,
    /// Stripe, or another server at `STRIPE_API_BASE`.
    Remote,
}

/// All settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// `DATABASE_URL`.
    pub database_url: String,
    /// `DATA_DIR`: the SQLite file, the simulator's state and mails live here.
    pub data_dir: PathBuf,
    /// `BIND`.
    pub bind: SocketAddr,
    /// `TRUSTED_PROXIES`: their `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// `PUBLIC_URL`, without a slash at the end: the address for browsers.
    pub public_url: Url,
    /// `ALLOWED_REDIRECT_ORIGINS` and `PUBLIC_URL`'s: buyers may be redirected to these.
    pub redirect_origins: Vec<String>,
    /// `ALLOWED_APP_SCHEMES`: our return pages open addresses with these schemes, such as `myapp`.
    pub app_schemes: Vec<String>,
    /// Simulated or remote.
    pub stripe_mode: StripeMode,
    /// `STRIPE_API_BASE`, without a slash at the end.
    pub stripe_api_base: String,
    /// `STRIPE_FILES_BASE`, without a slash at the end: where files are uploaded.
    pub stripe_files_base: String,
    /// `STRIPE_SECRET_KEY`.
    pub stripe_secret_key: SecretString,
    /// `STRIPE_PUBLISHABLE_KEY`, for pages with Stripe.js.
    pub stripe_publishable_key: Option<String>,
    /// Whether the key is a live one.
    pub livemode: bool,
    /// `STRIPE_WEBHOOK_SECRET`, each of them.
    pub platform_webhook_secrets: Vec<SecretString>,
    /// `STRIPE_CONNECT_WEBHOOK_SECRET`, each of them.
    pub connect_webhook_secrets: Vec<SecretString>,
    /// `JWT_SECRET`. None: one is made at the first start and kept in the data directory.
    pub jwt_secret: Option<SecretString>,
    /// `APPLICATION_FEE_BPS` and `APPLICATION_FEE_FIXED`.
    pub application_fee: FeeRule,
    /// `APPLICATION_FEE_BASE`: whether the fee is a share of what the buyer pays, and not of the sum before discounts.
    pub application_fee_of_paid: bool,
    /// `DISPUTE_LOST_FEE`: whether the application fee goes back to the seller when a dispute is lost.
    pub lost_fee_returned: bool,
    /// `DISPUTE_PROGRAMMES`: limits of the networks' programmes for sellers with many disputes.
    pub dispute_programmes: Vec<DisputeProgramme>,
    /// `DISPUTE_PROGRAMMES_WARN_AT`: the share of a limit, in per cent, at which a finding is raised.
    pub dispute_programmes_warn_at: i64,
    /// `STRIPE_ACCOUNTS`: the API that new accounts are made by.
    pub accounts_api: AccountsApi,
    /// `CHARGE_PROFILE` of new sellers.
    pub charge_profile: ChargeProfile,
    /// `SMTP_URL`. None: mails are written as files.
    pub smtp_url: Option<SecretString>,
    /// `MAIL_FROM`.
    pub mail_from: String,
    /// `SEED_DEMO`: the demo platform, in simulated mode.
    pub seed_demo: bool,
    /// `SIMULATOR_BIND`.
    pub simulator_bind: SocketAddr,
    /// `WORKER`: whether `serve` runs jobs, too.
    pub worker: bool,
    /// `JOB_LEASE_SECONDS`: the life of a worker's lease of a job, unless it is renewed.
    pub job_lease: Duration,
    /// `METRICS_BIND`. None: there are no metrics.
    pub metrics_bind: Option<SocketAddr>,
}

/// The faults of the settings, one sentence each.
#[derive(Debug, thiserror::Error)]
#[error("{} wrong:\n  {}", if .0.len() == 1 { "a setting is" } else { "settings are" }, .0.join("\n  "))]
pub struct ConfigFaults(pub Vec<String>);

impl Config {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// All faults, not only the first.
    pub fn from_env() -> Result<Self, ConfigFaults> {
        Self::read(&std::env::vars().collect())
    }

    /// Reads settings by name.
    ///
    /// # Errors
    /// All faults, not only the first.
    pub fn read(vars: &HashMap<String, String>) -> Result<Self, ConfigFaults> {
        reader::read(vars, false)
    }

    /// Reads settings by name, for `souk webhooks setup`: the webhook secrets, which it makes, and `JWT_SECRET` may be
    /// missing.
    ///
    /// # Errors
    /// All faults, not only the first.
    pub fn read_before_setup(vars: &HashMap<String, String>) -> Result<Self, ConfigFaults> {
        reader::read(vars, true)
    }

    /// Whether money is simulated: our own simulator, or a test key at an address that is not Stripe's.
    pub fn simulated(&self) -> bool {
        matches!(self.stripe_mode, StripeMode::Simulated)
            || (!self.livemode && self.stripe_api_base != STRIPE_API)
    }

    /// The mode that the database must have. A separate simulator at `STRIPE_API_BASE` counts as Stripe's test mode, since
    /// only the simulated mode is seeded with users whose password is public.
    pub fn mode(&self) -> Mode {
        match self.stripe_mode {
            StripeMode::Simulated => Mode::Simulated,
            StripeMode::Remote if self.livemode => Mode::Live,
            StripeMode::Remote => Mode::Test,
        }
    }

    /// What is allowed and may still surprise the operator, one sentence each. It is said at the start.
    pub fn cautions(&self) -> Vec<String> {
        let mut cautions = Vec::new();
        let terms = profiles::terms(self.charge_profile);
        if !terms.is_for(ChargeType::Direct) {
            cautions.push(
                "CHARGE_PROFILE is marketplace, whose sellers take no direct charges, and Souk doesn't make any others yet: sellers \
                 can be onboarded, but nothing can be bought from them. Choose direct to sell"
                    .to_owned(),
            );
        }
        let pays_fees = terms.fees == Bearer::Application;
        let fee = &self.application_fee;
        if terms.is_for(ChargeType::Direct) && pays_fees && fee.bps < LIST_PRICE_BPS {
            cautions.push(format!(
                "CHARGE_PROFILE is {}, with which the platform pays Stripe's fees, and APPLICATION_FEE_BPS is {}: less than \
                 Stripe's own price (stripe.com/pricing), so that a sale may cost the platform more than it earns",
                self.charge_profile.to_value(),
                fee.bps,
            ));
        }
        cautions
    }

    /// The signing key. Empty unless it was set or [`ensure_jwt_secret`] made one.
    pub fn jwt_key(&self) -> &[u8] {
        self.jwt_secret
            .as_ref()
            .map_or(b"", |secret| secret.expose_secret().as_bytes())
    }

    /// The public address of a path, which begins with a slash.
    pub fn page(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_str().trim_end_matches('/'))
    }
}

/// The least share that Stripe's list prices for cards begin with, without their fixed part, in hundredths of a per cent
/// (stripe.com/pricing, which differs by country and card: 1.5 % and more in the EEA, 2.9 % in the US).
const LIST_PRICE_BPS: i32 = 290;
const STRIPE_API: &str = "https://api.stripe.com";
/// docs.stripe.com/file-upload
const STRIPE_FILES: &str = "https://files.stripe.com";
/// A URL's origin as browsers compare it, such as `https://shop.example`.
pub fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Makes a signing key if none is set, and keeps it in the data directory, readable by its owner only.
///
/// # Errors
/// The file can't be written or read.
pub fn ensure_jwt_secret(config: &mut Config) -> std::io::Result<()> {
    if config.jwt_secret.is_some() {
        return Ok(());
    }
    let path = config.data_dir.join("jwt.secret");
    std::fs::create_dir_all(&config.data_dir)?;
    if !path.exists() {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&path) {
            Ok(mut file) => std::io::Write::write_all(&mut file, ids::random_token().as_bytes())?,
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    }
    config.jwt_secret = Some(SecretString::from(
        std::fs::read_to_string(&path)?.trim().to_owned(),
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use souk_entity::Amounts;

    use super::*;

    #[test]
    fn the_networks_limits_have_a_number_a_share_and_a_first_day() {
        let limits = |text| read(&[("DISPUTE_PROGRAMMES", text)]).map(|it| it.dispute_programmes);
        let default = read(&[]).expect("defaults").dispute_programmes;
        let names: Vec<_> = default.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["visa_vamp", "mastercard_ecm", "mastercard_hecm"]);
        let own = limits("mine all fraud month 90 5 2026-01-01").expect("right");
        let wanted = DisputeProgramme {
            name: "mine".to_owned(),
            brand: None,
            counts_fraud: true,
            of_month_before: false,
            bps: 90,
            least: 5,
            since: Timestamp::from_seconds(1_767_225_600),
        };
        assert_eq!(own, [wanted]);
        assert_eq!(limits("none").expect("right"), []);
        for wrong in [
            "mine",
            "mine visa mood month 90 5 2026-01-01",
            "mine visa fraud year 90 5 2026-01-01",
            "mine visa fraud month 0 5 2026-01-01",
            "mine visa fraud month 90 5 soon",
            "mine fraud 90 5 2026-01-01",
        ] {
            let faults = limits(wrong).expect_err(wrong).to_string();
            assert!(faults.contains("DISPUTE_PROGRAMMES"), "{faults}");
        }
        assert!(!read(&[]).expect("defaults").lost_fee_returned);
        let returned = read(&[("DISPUTE_LOST_FEE", "return")]).expect("right");
        assert!(returned.lost_fee_returned);
        assert!(read(&[("DISPUTE_LOST_FEE", "perhaps")]).is_err());
    }

    fn read(pairs: &[(&str, &str)]) -> Result<Config, ConfigFaults> {
        Config::read(
            &pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn no_settings_at_all_give_simulated_money_on_sqlite() {
        let config = read(&[]).expect("defaults are right");
        assert!(config.simulated());
        assert_eq!(config.database_url, "sqlite://data/souk.sqlite");
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let faults = read(&[
            ("BIND", "nowhere"),
            ("DATABASE_URL", "mysql://x"),
            ("STRIPE_SECRET_KEY", "pk_test_1"),
            ("STRIPE_CONNECT_WEBHOOK_SECRET", ""),
            ("APPLICATION_FEE_BPS", "10001"),
            ("APPLICATION_FEE_FIXED", "30"),
            ("JOB_LEASE_SECONDS", "1"),
            ("TRUSTED_PROXIES", "10.0.0.0/8, localhost"),
            ("ALLOWED_APP_SCHEMES", "myapp, JavaScript, my app"),
            ("JWT_SECRET", "short"),
            ("STRIPE_ACCOUNTS", "v3"),
            ("CHARGE_PROFILE", "custom"),
            ("STRIPE_PUBLISHABLE_KEY", "pk_live_1"),
        ])
        .expect_err("all wrong")
        .to_string();
        for name in [
            "BIND",
            "DATABASE_URL",
            "STRIPE_SECRET_KEY",
            "STRIPE_WEBHOOK_SECRET",
            "STRIPE_CONNECT_WEBHOOK_SECRET",
            "APPLICATION_FEE_BPS",
            "APPLICATION_FEE_FIXED holds \"30\"",
            "JOB_LEASE_SECONDS",
            "TRUSTED_PROXIES names \"localhost\"",
            "ALLOWED_APP_SCHEMES names \"javascript\"",
            "ALLOWED_APP_SCHEMES names \"my app\"",
            "JWT_SECRET",
            "STRIPE_ACCOUNTS is \"v3\"",
            "CHARGE_PROFILE is \"custom\"",
            "STRIPE_PUBLISHABLE_KEY must be the publishable key (pk_test_…)",
        ] {
            assert!(faults.contains(name), "{name} is not named in {faults}");
        }
    }

    #[test]
    fn before_a_setup_the_secrets_may_be_missing_and_nothing_else() {
        let vars = |pairs: &[(&str, &str)]| {
            let owned = pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
            owned.collect::<HashMap<_, _>>()
        };
        let key = ("STRIPE_SECRET_KEY", "sk_live_1");
        let missing = vars(&[
            key,
            ("STRIPE_WEBHOOK_SECRET", ""),
            ("DATABASE_URL", "postgres://localhost/souk"),
        ]);
        assert!(Config::read_before_setup(&missing).is_ok());
        let faults = Config::read(&missing)
            .expect_err("all are missing")
            .to_string();
        for name in [
            "STRIPE_WEBHOOK_SECRET",
            "STRIPE_CONNECT_WEBHOOK_SECRET",
            "JWT_SECRET",
        ] {
            assert!(faults.contains(name), "{name} is not named in {faults}");
        }
        let wrong = vars(&[
            key,
            ("STRIPE_WEBHOOK_SECRET", "sk_1"),
            ("JWT_SECRET", "short"),
        ]);
        let faults = Config::read_before_setup(&wrong).expect_err("both are wrong");
        assert_eq!(faults.0.len(), 2, "{faults}");
    }

    #[test]
    fn files_go_to_stripes_host_for_them_or_to_whoever_stands_in_for_stripe() {
        let base = |pairs| read(pairs).expect("right settings").stripe_files_base;
        assert_eq!(base(&[]), "https://files.stripe.com");
        let other = [
            ("STRIPE_SECRET_KEY", "sk_test_1"),
            ("STRIPE_WEBHOOK_SECRET", "whsec_1"),
            ("STRIPE_CONNECT_WEBHOOK_SECRET", "whsec_2"),
            ("STRIPE_API_BASE", "http://127.0.0.1:12111/"),
            ("STRIPE_FILES_BASE", "http://127.0.0.1:12112/"),
        ];
        assert_eq!(base(&other[..4]), "http://127.0.0.1:12111");
        assert_eq!(base(&other), "http://127.0.0.1:12112");
        let faults = read(&[("STRIPE_FILES_BASE", "files")]).expect_err("no address");
        assert!(faults.to_string().contains("STRIPE_FILES_BASE"));
    }

    #[test]
    fn a_lease_is_a_minute_unless_the_settings_say_otherwise() {
        let lease = |pairs| read(pairs).expect("right settings").job_lease.as_secs();
        assert_eq!(lease(&[]), 60);
        assert_eq!(lease(&[("JOB_LEASE_SECONDS", "4")]), 4);
    }

    #[test]
    fn a_fixed_fee_has_a_currency() {
        let fixed = |text| read(&[("APPLICATION_FEE_FIXED", text)]);
        let fee = |text| fixed(text).expect("right settings").application_fee.fixed;
        let both = Amounts::from([("eur".to_owned(), 25), ("usd".to_owned(), 30)]);
        assert_eq!(fee("30 usd, 25 eur"), both);
        assert_eq!(fee(" 30  USD ,25 eur,"), both);
        for none in ["", "0"] {
            assert_eq!(fee(none), Amounts::new());
        }
        for (wrong, says) in [
            ("30", "such as 30 usd"),
            ("usd", "such as 30 usd"),
            ("30 usd 25 eur", "such as 30 usd"),
            ("0.30 usd", "such as 30 usd"),
            ("30 xxx", "no currency"),
            ("-1 usd", "must be 1 to 999999999999"),
            ("150 isk", "multiple of 100"),
            ("30 usd, 40 USD", "twice"),
        ] {
            let faults = fixed(wrong).expect_err(wrong).to_string();
            assert!(faults.contains(says), "{wrong}: {faults}");
        }
    }

    #[test]
    fn accounts_are_made_by_v2_for_direct_charges_unless_the_settings_say_otherwise() {
        let chosen = |pairs: &[(&str, &str)]| {
            let config = read(pairs).expect("right settings");
            (config.accounts_api, config.charge_profile)
        };
        assert_eq!(chosen(&[]), (AccountsApi::V2, ChargeProfile::Direct));
        let other = [("STRIPE_ACCOUNTS", "v1"), ("CHARGE_PROFILE", "white_label")];
        assert_eq!(chosen(&other), (AccountsApi::V1, ChargeProfile::WhiteLabel));
    }

    #[test]
    fn the_older_setting_chooses_a_profile_and_may_not_contradict_the_new_one() {
        let profile = |pairs: &[(&str, &str)]| read(pairs).map(|config| config.charge_profile);
        let old = ("SELLER_DASHBOARD", "express");
        let is = profile(&[old]).expect("right settings");
        assert_eq!(is, ChargeProfile::DirectExpress);
        let both = profile(&[old, ("CHARGE_PROFILE", "marketplace")]).expect("the same dashboard");
        assert_eq!(both, ChargeProfile::Marketplace);
        let faults = profile(&[old, ("CHARGE_PROFILE", "direct")]).expect_err("they contradict");
        let faults = faults.to_string();
        assert!(faults.contains("SELLER_DASHBOARD") && faults.contains("CHARGE_PROFILE"));
        assert!(profile(&[("SELLER_DASHBOARD", "none")]).is_err());
    }

    #[test]
    fn a_platform_that_pays_stripes_fees_is_warned_if_its_own_are_smaller() {
        let cautions = |profile, bps| {
            let pairs = [("CHARGE_PROFILE", profile), ("APPLICATION_FEE_BPS", bps)];
            read(&pairs).expect("right settings").cautions().join("\n")
        };
        for profile in ["direct_express", "white_label"] {
            assert!(cautions(profile, "100").contains("APPLICATION_FEE_BPS is 100"));
            assert_eq!(cautions(profile, "1000"), "");
        }
        assert_eq!(cautions("direct", "100"), "");
        assert!(cautions("marketplace", "1000").contains("no direct charges"));
    }

    #[test]
    fn webhook_secrets_are_a_list_while_one_is_rolled() {
        let config = read(&[("STRIPE_WEBHOOK_SECRET", "whsec_a, whsec_b")]).expect("two secrets");
        assert_eq!(config.platform_webhook_secrets.len(), 2);
    }
}

//! `souk demo`: plays a marketplace's whole life over HTTP, and checks every cent at the end.

mod after_sales;
mod checks;
pub(super) mod client;
mod environment;
mod evidence;
mod payday;
mod print;
pub(super) mod responses;
mod sales;
mod shop;
mod subscription;
mod ways_to_pay;

use std::time::Duration;

use tokio::time::Instant;
use tracing_subscriber::EnvFilter;

use super::serve::Stop;
use super::{Failure, seed};
use client::Api;
use environment::Environment;
use evidence::Story;
use print::Screen;

/// The arguments of `souk demo`.
#[derive(clap::Args)]
pub struct Args {
    /// Play against this server, such as http://127.0.0.1:8080; its simulated clock is moved by days.
    ///
    /// Without it a server of its own is started on a free port, with temporary data, or with the empty database that
    /// DATABASE_URL names.
    #[arg(long)]
    url: Option<String>,
    /// With --url: the admin who looks at the payout.
    #[arg(long, default_value = seed::ADMIN_EMAIL)]
    admin_email: String,
    /// With --url: the admin's password.
    #[arg(long, env = "SOUK_ADMIN_PASSWORD", hide_env_values = true, default_value = seed::PASSWORD)]
    admin_password: String,
    /// Play the other ways to pay, too: a page of the shop's own, a saved card, money that is held and captured in part, and a
    /// subscription.
    #[arg(long)]
    full: bool,
}

/// How long to wait for something that happens by itself.
const DEADLINE: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// After this time the screen says what the demo waits for.
const QUIET: Duration = Duration::from_millis(400);

/// Runs `souk demo`. Fails if a step fails, or a check at the end.
pub async fn run(args: Args) -> Result<(), Failure> {
    if std::env::var_os("RUST_LOG").is_some() {
        let filter = EnvFilter::from_default_env();
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .init();
    }
    // A signal ends the play and not the process, so that the own server is stopped.
    let stop = Stop::listen()?;
    let mut environment = None;
    let full = args.full;
    let played = tokio::select! {
        played = async { perform(environment.insert(Environment::start(args).await?), full).await } => played,
        () = stop.wanted() => Err("stopped before the end".into()),
    };
    if let Some(environment) = environment {
        environment.stop().await;
    }
    played
}

/// The screen, the server and the admin of a run.
struct Stage {
    screen: Screen,
    /// The server, without a login.
    server: Api,
    admin: Api,
    /// Makes this run's mail addresses unique.
    tag: String,
}

impl Stage {
    async fn set(environment: &Environment) -> Result<Self, Failure> {
        let server = Api::new(&environment.url)?;
        let admin = server
            .login(&environment.admin_email, &environment.admin_password)
            .await
            .map_err(|e| {
                format!(
                    "the admin {} could not log in (--admin-email, --admin-password): {e}",
                    environment.admin_email
                )
            })?;
        let tag = souk::ids::sha256_hex(souk::ids::random_token().as_bytes())[..8].to_owned();
        Ok(Self {
            screen: Screen::new(),
            server,
            admin,
            tag,
        })
    }

    fn email(&self, name: &str) -> String {
        format!("{name}.{}@example.com", self.tag)
    }
}

/// The story, from the first step to the last count.
async fn perform(environment: &Environment, full: bool) -> Result<(), Failure> {
    let began = Instant::now();
    let stage = Stage::set(environment).await?;
    stage.screen.title(
        "A marketplace's whole life, with simulated money",
        &environment.describe(),
    );

    let shop = shop::seller_onboards(&stage, &shop::NADIA).await?;
    let lamp = shop::seller_lists_a_lamp(&stage, &shop).await?;
    let first = sales::guest_buys_one(&stage, &shop, &lamp).await?;
    let late = sales::somebody_hesitates(&stage, &lamp).await?;
    let friend = sales::friend_pays_with_a_code(&stage, &shop, &lamp).await?;
    sales::late_money_comes_back(&stage, &shop, &late).await?;
    sales::scratch_is_made_good(&stage, &shop, &first).await?;
    let vase = shop::seller_lists_a_vase(&stage, &shop).await?;
    let vases = after_sales::guest_buys_three(&stage, &shop, &vase).await?;
    after_sales::one_comes_back(&stage, &shop, &vase, &vases).await?;
    after_sales::dispute_is_won(&stage, &shop, &vases).await?;
    let ways = match full {
        true => Some(ways_to_pay::play(&stage).await?),
        false => None,
    };
    let payouts = payday::days_pass_until_payday(&stage, &shop).await?;
    payday::admin_explains(&stage, &payouts).await?;
    payday::admin_sees_the_income(&stage, &shop).await?;
    let subscribed = match full {
        true => Some(subscription::play(&stage).await?),
        false => None,
    };

    let story = Story {
        shop,
        lamp,
        vase,
        first,
        friend,
        late,
        vases,
        ways,
        subscribed,
        payouts,
    };
    let faults = checks::count(&stage, &story).await?;
    let seconds = began.elapsed().as_millis() / 100;
    let took = format!("{}.{} s", seconds / 10, seconds % 10);
    match faults {
        0 => {
            stage.screen.end(&format!("Everything adds up. {took}"));
            Ok(())
        }
        1 => Err(format!("1 check failed ({took})").into()),
        more => Err(format!("{more} checks failed ({took})").into()),
    }
}

/// What a poll showed.
enum Poll<T> {
    /// It has happened.
    Ready(T),
    /// It has not happened; the text says how far it is.
    Pending(String),
}

/// Polls until something has happened, and shows meanwhile what it waits for.
async fn until<T>(
    screen: &Screen,
    what: &str,
    mut poll: impl AsyncFnMut() -> Result<Poll<T>, Failure>,
) -> Result<T, Failure> {
    let began = Instant::now();
    loop {
        let seen = match poll().await? {
            Poll::Ready(found) => return Ok(found),
            Poll::Pending(seen) => seen,
        };
        let waited = began.elapsed();
        if waited > DEADLINE {
            return Err(format!(
                "{what} did not come within {} s; last seen: {seen}",
                DEADLINE.as_secs()
            )
            .into());
        }
        if waited > QUIET {
            screen.waiting(&format!("waiting for {what} ({seen})"));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Checks that Stripe has redirected the browser to a page of the server, whatever its public address is.
fn is_back_at(page: &str, url: &str) -> Result<(), Failure> {
    let at = url::Url::parse(url).map_err(|e| format!("{url}: {e}"))?;
    if at.path().ends_with(page) {
        return Ok(());
    }
    Err(format!("Stripe should have sent the browser back to {page}, but it is at {url}").into())
}

/// The beginning and the end of a long id.
fn short(id: &str) -> String {
    let tail: String = id
        .chars()
        .skip(id.chars().count().saturating_sub(6))
        .collect();
    match id.split_once('_') {
        Some((kind, _)) => format!("{kind}_…{tail}"),
        None => id.to_owned(),
    }
}

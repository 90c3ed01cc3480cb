//! `souk webhooks`.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use secrecy::{ExposeSecret, SecretString};
use souk::clock::Clock;
use souk::config::{Config, StripeMode};
use souk::stripe::Stripe;
use souk::webhooks::destinations::Destination;
use souk::webhooks::setup::{Options, Outcome, Setup};

use super::{Failure, read_dotenv};

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Make or mend the webhook endpoints at Stripe.
    ///
    /// Needs STRIPE_SECRET_KEY and PUBLIC_URL. A second run changes nothing. Endpoints that it didn't make are never touched.
    Setup(SetupArgs),
}

#[derive(clap::Args)]
struct SetupArgs {
    /// Say what would be changed, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Write the secrets into this file, such as .env, instead of printing them.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Which of several installations on one Stripe account this is.
    #[arg(long, value_name = "NAME", default_value = "souk")]
    installation: String,
    /// Make another endpoint beside each whose secret the settings don't hold.
    #[arg(long)]
    replace: bool,
}

/// Runs `souk webhooks`.
pub async fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        Some(Command::Setup(args)) => set_up(args).await,
        None => {
            print_types();
            Ok(())
        }
    }
}

/// What to enter in Stripe's dashboard: an endpoint's path, whose events it gets, and their types.
fn print_types() {
    println!("API version {}\n", souk::stripe::API_VERSION);
    let all = [
        Destination::Platform,
        Destination::Connect,
        Destination::Accounts,
    ];
    for destination in all {
        println!(
            "{}, events on {}:",
            destination.path(),
            destination.listens_to()
        );
        for kind in destination.types() {
            println!("  {kind}");
        }
    }
}

async fn set_up(args: SetupArgs) -> Result<(), Failure> {
    read_dotenv()?;
    let config = Config::read_before_setup(&std::env::vars().collect())?;
    if matches!(config.stripe_mode, StripeMode::Simulated) {
        return Err("there is no STRIPE_SECRET_KEY, so money is simulated, and the server sets up its own endpoints".into());
    }
    let (clock, stripe) = (Clock::System, Stripe::new(&config)?);
    let options = Options {
        installation: &args.installation,
        dry_run: args.dry_run,
        replace: args.replace,
    };
    let setup = Setup::new(&config, &clock, &stripe, options);
    // A secret is shown only once, so those that were made are handed over even if the next one fails.
    let mut made = Vec::new();
    let done = async {
        for destination in Destination::all(&config) {
            let outcome = setup.set_up(destination).await?;
            tell(destination, &outcome);
            made.extend(outcome.secret.map(|secret| (destination.setting(), secret)));
        }
        Ok(())
    };
    let done: souk::error::Result<()> = done.await;
    let made = by_setting(&made, &config);
    match &args.write {
        Some(path) => write(path, &made)?,
        None => print(&made),
    }
    Ok(done?)
}

/// The new secrets of a setting, and those that it has.
struct Secrets {
    setting: &'static str,
    new: Vec<String>,
    before: Vec<String>,
}

fn by_setting(made: &[(&'static str, SecretString)], config: &Config) -> Vec<Secrets> {
    let text = |secret: &SecretString| secret.expose_secret().to_owned();
    let all = [Destination::Platform, Destination::Connect].map(|destination| {
        let setting = destination.setting();
        let new = made.iter().filter(|(of, _)| *of == setting);
        Secrets {
            setting,
            new: new.map(|(_, secret)| text(secret)).collect(),
            before: destination.secrets(config).iter().map(text).collect(),
        }
    });
    let has_new = |secrets: &Secrets| !secrets.new.is_empty();
    all.into_iter().filter(has_new).collect()
}

fn print(made: &[Secrets]) {
    if !made.is_empty() {
        println!("\nSecrets for the settings, shown only this once:");
    }
    for Secrets {
        setting,
        new,
        before,
    } in made
    {
        let all: Vec<&str> = new.iter().chain(before).map(String::as_str).collect();
        println!("{setting}={}", all.join(","));
    }
}

fn tell(destination: Destination, outcome: &Outcome) {
    println!("{} ({})", outcome.url, destination.listens_to());
    if outcome.changes.is_empty() {
        println!("  nothing to change");
    }
    for change in &outcome.changes {
        println!("  {change}");
    }
    for todo in &outcome.todo {
        println!("  ! {todo}");
    }
}

/// Writes new secrets into a file of settings. If that fails they are printed after all, rather than lost.
fn write(path: &Path, made: &[Secrets]) -> Result<(), Failure> {
    if made.is_empty() {
        return Ok(());
    }
    if let Err(e) = try_write(path, made) {
        print(made);
        return Err(format!("{}: {e}", path.display()).into());
    }
    let names: Vec<&str> = made.iter().map(|secrets| secrets.setting).collect();
    println!("\n{} written into {}", names.join(" and "), path.display());
    Ok(())
}

fn try_write(path: &Path, made: &[Secrets]) -> std::io::Result<()> {
    let mut text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(e),
    };
    for Secrets {
        setting,
        new,
        before,
    } in made
    {
        text = with_secrets(&text, setting, &new.join(","), &before.join(","));
    }
    // As a whole under its name, so that a kill leaves the old file or the new one.
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    file.as_file().sync_all()?;
    if let Ok(there) = std::fs::metadata(path) {
        file.as_file().set_permissions(there.permissions())?;
    }
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

/// The text of a file of settings with secrets added to a setting: before those that its line has, or that the settings have
/// from elsewhere.
fn with_secrets(text: &str, name: &str, new: &str, before: &str) -> String {
    let value_of = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (named, value) = line.split_once('=')?;
        (named.trim() == name).then(|| value.trim().trim_matches(['"', '\'']).to_owned())
    };
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let there = lines.iter().rposition(|line| value_of(line).is_some());
    let old = match there.and_then(|at| value_of(&lines[at])) {
        Some(value) => value,
        None => before.to_owned(),
    };
    let line = match old.is_empty() {
        true => format!("{name}={new}"),
        false => format!("{name}={new},{old}"),
    };
    match there {
        Some(at) => lines[at] = line,
        None => lines.push(line),
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_before_the_old_ones_and_leaves_the_other_lines_as_they_are() {
        let name = "STRIPE_WEBHOOK_SECRET";
        let with = |text: &str, before: &str| with_secrets(text, name, "whsec_new", before);
        assert_eq!(with("", ""), "STRIPE_WEBHOOK_SECRET=whsec_new\n");
        assert_eq!(
            with("# mine\nBIND=x", "whsec_a"),
            "# mine\nBIND=x\nSTRIPE_WEBHOOK_SECRET=whsec_new,whsec_a\n"
        );
        assert_eq!(
            with(
                "export STRIPE_WEBHOOK_SECRET=\"whsec_a, whsec_b\"\nBIND=x\n",
                "whsec_a"
            ),
            "STRIPE_WEBHOOK_SECRET=whsec_new,whsec_a, whsec_b\nBIND=x\n"
        );
        assert_eq!(
            with("STRIPE_WEBHOOK_SECRET=\nSTRIPE_WEBHOOK_SECRET_OLD=x\n", ""),
            "STRIPE_WEBHOOK_SECRET=whsec_new\nSTRIPE_WEBHOOK_SECRET_OLD=x\n"
        );
        assert!(!with("# STRIPE_WEBHOOK_SECRET=whsec_old\n", "").contains("new,whsec_old"));
    }
}

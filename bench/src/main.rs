//! Load and limits of Souk, runnable by anyone: the real server, on this machine, checked from outside.

mod compare;
mod database;
mod events;
mod faults;
mod lists;
mod load;
mod mail;
mod server;
mod stripe;
mod stripe_mocks;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What ends a program of ours: the text for whoever started it.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Load and limits of Souk, on this machine and loopback only.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Souk beside Express with Drizzle, and beside a raw bound, in one run.
    Compare(compare::Args),
    /// The raw bound as a server, for `compare`.
    #[command(hide = true)]
    Raw(compare::raw::Args),
    /// Buyers and sellers under every kind of disruption, and what a checker finds in the database afterwards.
    Faults(faults::Args),
    /// Refunds' and disputes' lists and previews at a million orders, beside queries by hand.
    Lists(lists::Args),
    /// Requests a second of the simulator beside other mocks of Stripe.
    StripeMocks(stripe_mocks::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    let command = Cli::parse().command;
    // Dropping a run ends what it has started.
    let done = tokio::select! {
        done = measure(&command) => done,
        stopped = interrupted() => Err(stopped),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("souk-bench: {e}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Compare(args) => compare::run(args).await,
        Command::Raw(args) => compare::raw::run(args).await,
        Command::Faults(args) => faults::run(args).await,
        Command::Lists(args) => lists::run(args).await,
        Command::StripeMocks(args) => stripe_mocks::run(args).await,
    }
}

async fn interrupted() -> Failure {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = match signal(SignalKind::terminate()) {
        Ok(term) => term,
        Err(e) => return e.into(),
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
    }
    "interrupted".into()
}

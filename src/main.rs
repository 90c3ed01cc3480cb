//! The `souk` command.

mod commands;

use clap::Parser;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    commands::Cli::parse().run().await
}

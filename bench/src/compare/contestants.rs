//! The servers that are compared: Souk, the handler that everybody copies, and the raw bound. Each is a process of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::Failure;
use crate::events::CONNECT_SECRET;
use crate::server::{Server, Settings};

/// One of the servers that are compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Contestant {
    /// Express 5, stripe-node and Drizzle (bench/express).
    Express,
    /// Souk, by its release build.
    Souk,
    /// Rust and the database's driver, and nothing else (bench/src/compare/raw).
    Raw,
}

/// What they are started with.
pub struct Start<'a> {
    pub souk: &'a Path,
    pub folder: &'a Path,
    pub database_url: &'a str,
    pub stripe: &'a str,
    /// Where mail goes.
    pub smtp: &'a str,
    /// The processor that they may use, where they are kept apart from the load.
    pub core: Option<u32>,
}

impl Contestant {
    /// For tables.
    pub fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Starts it on a free port, without waiting until it answers.
    pub async fn spawn(self, start: &Start<'_>) -> Result<Server, Failure> {
        let addr = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
        let mut command = match self {
            Self::Souk => {
                let settings = Settings {
                    binary: start.souk,
                    folder: start.folder,
                    database_url: start.database_url,
                    stripe: start.stripe,
                    secrets: ("whsec_bench_platform", CONNECT_SECRET),
                    more: &[("SMTP_URL", start.smtp)],
                };
                let mut command = settings.command(addr)?;
                command.arg("serve");
                command
            }
            Self::Express => express(addr, start)?,
            Self::Raw => raw(addr, start)?,
        };
        if let Some(core) = start.core {
            command = on_core(core, &command);
        }
        Server::spawn(command, addr, start.folder)
    }
}

/// The same command, through `taskset`.
fn on_core(core: u32, command: &Command) -> Command {
    let command = command.as_std();
    let mut pinned = Command::new("taskset");
    pinned.args(["-c", &core.to_string()]);
    pinned.arg(command.get_program()).args(command.get_args());
    // A cleared environment stays cleared: every command here starts from nothing.
    pinned.env_clear();
    pinned.envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    if let Some(folder) = command.get_current_dir() {
        pinned.current_dir(folder);
    }
    pinned
}

/// Where `bench/express` is.
pub fn express_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("express")
}

fn express(addr: SocketAddr, start: &Start<'_>) -> Result<Command, Failure> {
    let folder = express_folder();
    if !folder.join("node_modules").exists() {
        let folder = folder.display();
        return Err(format!("{folder} has no node_modules: run `npm ci` there (Node 20 or later), or leave it out with --against souk,raw").into());
    }
    let mut command = Command::new("node");
    command
        .arg("server.mjs")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("NODE_ENV", "production")
        .env("PORT", addr.port().to_string())
        .env("DATABASE_URL", start.database_url)
        .env("STRIPE_API", start.stripe)
        .env("WEBHOOK_SECRET", CONNECT_SECRET)
        .current_dir(folder);
    Ok(command)
}

fn raw(addr: SocketAddr, start: &Start<'_>) -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .arg("raw")
        .args(["--bind", &addr.to_string()])
        .args(["--database-url", start.database_url])
        .args(["--secret", CONNECT_SECRET])
        .current_dir(start.folder);
    Ok(command)
}

//! The real `souk` binary, as a child process.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::Failure;

/// How long a start, and a stop, may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the binary is: `SOUK_BIN`, or beside this program, where cargo puts both.
pub fn binary() -> Result<PathBuf, Failure> {
    if let Some(given) = std::env::var_os("SOUK_BIN") {
        // Made absolute, since the server starts in a folder of its own.
        return Path::new(&given)
            .canonicalize()
            .map_err(|e| format!("SOUK_BIN is {given:?}: {e}").into());
    }
    let beside = std::env::current_exe()?.with_file_name("souk");
    if beside.exists() {
        return Ok(beside);
    }
    let beside = beside.display();
    Err(format!("{beside} is missing. Build it by the same profile (`cargo build`, or `cargo build --release`), or set SOUK_BIN.").into())
}

/// What a server is started with.
pub struct Settings<'a> {
    /// The binary.
    pub binary: &'a Path,
    /// Its working directory, data directory and log.
    pub folder: &'a Path,
    /// `DATABASE_URL`.
    pub database_url: &'a str,
    /// `STRIPE_API_BASE`.
    pub stripe: &'a str,
    /// The signing secrets of the platform's endpoint and of the Connect endpoint.
    pub secrets: (&'a str, &'a str),
    /// Further settings.
    pub more: &'a [(&'a str, &'a str)],
}

/// A server at work. It is killed when it is dropped.
pub struct Server {
    /// Where it listens.
    pub addr: SocketAddr,
    child: Child,
    log: PathBuf,
}

impl Settings<'_> {
    /// A command that sees these settings only: no `.env`, nothing of the developer's own but by which API accounts are made.
    pub fn command(&self, bind: SocketAddr) -> Result<Command, Failure> {
        let mut command = Command::new(self.binary);
        command
            .env_clear()
            .envs(
                ["PATH", "HOME", "TMPDIR", "STRIPE_ACCOUNTS"]
                    .into_iter()
                    .filter_map(|name| std::env::var_os(name).map(|value| (name, value))),
            )
            .env("BIND", bind.to_string())
            .env("DATABASE_URL", self.database_url)
            .env("DATA_DIR", self.folder)
            .env("STRIPE_SECRET_KEY", "sk_test_bench")
            .env("STRIPE_WEBHOOK_SECRET", self.secrets.0)
            .env("STRIPE_CONNECT_WEBHOOK_SECRET", self.secrets.1)
            .env("STRIPE_API_BASE", self.stripe)
            .env("SMTP_URL", "")
            .env("RUST_LOG", "warn")
            .envs(self.more.iter().copied())
            .current_dir(self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log_file(self.folder)?)
            .kill_on_drop(true);
        Ok(command)
    }

    /// Makes the schema.
    pub async fn migrate(&self) -> Result<(), Failure> {
        self.tool(&["migrate"]).await
    }

    /// Makes somebody an admin, with the password that `SOUK_ADMIN_PASSWORD` says.
    pub async fn make_admin(&self, email: &str) -> Result<(), Failure> {
        self.tool(&["admin", "create", "--email", email]).await
    }

    async fn tool(&self, args: &[&str]) -> Result<(), Failure> {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let status = self.command(nowhere)?.args(args).status();
        if timeout(PATIENCE, status).await??.success() {
            return Ok(());
        }
        let said = tail(&log_in(self.folder));
        Err(format!("`souk {}` failed:\n{said}", args.join(" ")).into())
    }

    /// Starts it there, and waits until it is ready.
    pub async fn serve_at(
        &self,
        addr: SocketAddr,
        http: &reqwest::Client,
    ) -> Result<Server, Failure> {
        let mut command = self.command(addr)?;
        command.arg("serve");
        self.spawn_ready(command, addr, http).await
    }

    /// As [`Settings::serve_at`], with simulated money: the simulator is in the server's process and listens at another
    /// address, and both live in its time.
    pub async fn serve_simulated_at(
        &self,
        addr: SocketAddr,
        simulator: SocketAddr,
        http: &reqwest::Client,
    ) -> Result<Server, Failure> {
        let mut command = self.command(addr)?;
        for name in [
            "STRIPE_SECRET_KEY",
            "STRIPE_WEBHOOK_SECRET",
            "STRIPE_CONNECT_WEBHOOK_SECRET",
            "STRIPE_API_BASE",
        ] {
            command.env_remove(name);
        }
        command
            .env("SIMULATOR_BIND", simulator.to_string())
            .env("SEED_DEMO", "false")
            .arg("serve");
        self.spawn_ready(command, addr, http).await
    }

    async fn spawn_ready(
        &self,
        command: Command,
        addr: SocketAddr,
        http: &reqwest::Client,
    ) -> Result<Server, Failure> {
        let mut server = Server::spawn(command, addr, self.folder)?;
        let ready = format!("http://{addr}/readyz");
        let start = Instant::now();
        loop {
            if let Ok(answer) = http.get(&ready).send().await
                && answer.status().is_success()
            {
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("the server ended ({status}):\n{}", server.said()).into());
            }
            if start.elapsed() > PATIENCE {
                return Err(format!("the server is not ready:\n{}", server.said()).into());
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}

fn log_in(folder: &Path) -> PathBuf {
    folder.join("souk.log")
}

fn log_file(folder: &Path) -> std::io::Result<File> {
    let log = log_in(folder);
    File::options().create(true).append(true).open(log)
}

impl Server {
    /// Starts a command that is to listen there; its errors go to a log in the folder.
    pub fn spawn(mut command: Command, addr: SocketAddr, folder: &Path) -> Result<Self, Failure> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log_file(folder)?)
            .kill_on_drop(true);
        Ok(Self {
            addr,
            child: command.spawn()?,
            log: log_in(folder),
        })
    }

    /// The most memory it has had so far, in KiB (`VmHWM`); none where the system doesn't tell.
    pub fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }

    /// The processor time of its threads so far; none where the system doesn't tell.
    pub fn processor_time(&self) -> Option<Duration> {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id()?)).ok()?;
        // Threads that ended are not counted. The few that matter stay.
        let nanoseconds = threads.flatten().filter_map(|thread| {
            let told = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            told.split_whitespace().next()?.parse::<u64>().ok()
        });
        Some(Duration::from_nanos(nanoseconds.sum()))
    }

    /// Ends it as a power cut would: `kill -9`.
    pub async fn kill(mut self) -> Result<(), Failure> {
        self.child.kill().await?;
        Ok(())
    }

    /// Sends it a signal, by name.
    pub async fn signal(&self, name: &str) -> Result<(), Failure> {
        let pid = self.child.id().ok_or("the server had ended by itself")?;
        let mut kill = Command::new("kill");
        kill.args([format!("-{name}"), pid.to_string()]);
        match kill.status().await?.success() {
            true => Ok(()),
            false => Err(format!("process {pid} took no {name}").into()),
        }
    }

    /// The last lines of its log.
    pub fn said(&self) -> String {
        tail(&self.log)
    }

    /// Ends it as an operator would, and says whether it went cleanly.
    pub async fn stop(mut self) -> Result<(), Failure> {
        let pid = self.child.id().ok_or("the server had ended by itself")?;
        let told = Command::new("kill").arg(pid.to_string()).status().await?;
        let ended = timeout(PATIENCE, self.child.wait()).await;
        match ended {
            Ok(status) if told.success() && status.as_ref().is_ok_and(|s| s.success()) => Ok(()),
            Ok(status) => Err(format!("the server ended with {status:?}:\n{}", self.said()).into()),
            Err(_) => Err(format!("the server did not stop:\n{}", self.said()).into()),
        }
    }
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

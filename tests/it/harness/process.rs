//! The server as a process, to be killed.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use super::{Client, until};

/// A running `souk`. Killed when it is dropped.
pub struct Souk {
    pub client: Client,
    pub addr: SocketAddr,
    child: Child,
}

/// A port that nobody listens on at this moment.
pub async fn free_port() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a port");
    listener.local_addr().expect("an address")
}

/// A `souk` command with these settings and no others, in a folder without a `.env`.
fn command(arguments: &[&str], settings: &HashMap<String, String>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_souk"));
    command
        .args(arguments)
        .env_clear()
        .envs(settings)
        .env("RUST_LOG", "warn")
        .current_dir(&settings["DATA_DIR"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Runs a command to its end. Returns whether it succeeded, its output and its errors.
pub async fn run_souk(
    arguments: &[&str],
    settings: &HashMap<String, String>,
) -> (bool, String, String) {
    let (code, said, why) = end_of_souk(arguments, settings).await;
    (code == Some(0), said, why)
}

/// Runs a command to its end. Returns its exit code, its output and its errors.
pub async fn end_of_souk(
    arguments: &[&str],
    settings: &HashMap<String, String>,
) -> (Option<i32>, String, String) {
    let mut command = command(arguments, settings);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = command.output().await.expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("a text");
    (ended.status.code(), text(ended.stdout), text(ended.stderr))
}

impl Souk {
    /// Starts a server and waits until it is ready.
    pub async fn serve(settings: &HashMap<String, String>) -> Self {
        let souk = Self::spawn(settings).await;
        until("souk is ready", async || {
            souk.client
                .get("/readyz")
                .attempt()
                .await
                .filter(|a| a.status == 200)
        })
        .await;
        souk
    }

    /// Starts a server without waiting for it.
    pub async fn spawn(settings: &HashMap<String, String>) -> Self {
        let addr = free_port().await;
        let mut settings = settings.clone();
        settings.insert("BIND".to_owned(), addr.to_string());
        let child = command(&["serve"], &settings).spawn().expect("starts");
        Self {
            client: Client::new(format!("http://{addr}")),
            addr,
            child,
        }
    }

    /// Starts a worker, without waiting for it.
    pub async fn worker(settings: &HashMap<String, String>) -> Self {
        let addr = free_port().await;
        Self {
            client: Client::new(format!("http://{addr}")),
            addr,
            child: command(&["worker"], settings).spawn().expect("starts"),
        }
    }

    /// Starts `souk migrate`.
    pub fn migrate(settings: &HashMap<String, String>) -> Child {
        command(&["migrate"], settings).spawn().expect("starts")
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("a process")
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(mut self) -> ExitStatus {
        signal("TERM", self.pid());
        self.child.wait().await.expect("ends")
    }

    /// Waits for a process that somebody else has killed.
    pub async fn killed(mut self) -> ExitStatus {
        self.child.wait().await.expect("ends")
    }
}

/// Sends a signal to one process that a test has started.
fn signal(name: &str, pid: u32) {
    let sent = std::process::Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status();
    assert!(sent.expect("kill").success(), "no process {pid}");
}

/// Stands before a server and kills it at the first byte of an answer, which it drops: the work is committed, and nobody
/// was told.
pub struct Proxy {
    pub client: Client,
    struck: Arc<AtomicBool>,
}

impl Proxy {
    pub async fn that_kills(souk: &Souk) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port");
        let client = Client::new(format!(
            "http://{}",
            listener.local_addr().expect("an address")
        ));
        let struck = Arc::new(AtomicBool::new(false));
        let (pid, addr, done) = (souk.pid(), souk.addr, struck.clone());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(addr).await.expect("connects");
                let (mut near_in, _near_out) = near.into_split();
                let (mut far_in, mut far_out) = far.into_split();
                tokio::spawn(async move {
                    let mut buffer = [0; 4096];
                    while let Ok(count @ 1..) = near_in.read(&mut buffer).await {
                        if far_out.write_all(&buffer[..count]).await.is_err() {
                            return;
                        }
                    }
                });
                if far_in.read(&mut [0; 1]).await.is_ok_and(|count| count == 1) {
                    signal("KILL", pid);
                    done.store(true, Ordering::SeqCst);
                }
            }
        });
        Self { client, struck }
    }

    /// Whether an answer was under way when it killed.
    pub fn has_struck(&self) -> bool {
        self.struck.load(Ordering::SeqCst)
    }
}

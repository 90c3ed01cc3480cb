//! One processor for the servers and the database, the others for the load, where the machine has `taskset`.

use std::process::Command;

use sea_orm::{ConnectionTrait, Statement};

use crate::Failure;
use crate::database::Place;

/// The processors that servers and load run on.
pub struct Affinity {
    /// How many there are.
    pub processors: usize,
    /// None: wherever the system puts them.
    pub servers: Option<u32>,
    /// Whether the database does too.
    pub database: bool,
}

impl Affinity {
    /// Keeps this process off the first processor, and a PostgreSQL of our own on it.
    pub async fn set(places: &[Place]) -> Result<Self, Failure> {
        let processors = std::thread::available_parallelism()?.get();
        let load = format!("1-{}", processors.saturating_sub(1).max(1));
        if processors < 2 || !pin(std::process::id(), &load) {
            return Ok(Self {
                processors,
                servers: None,
                database: false,
            });
        }
        let mut database = true;
        for place in places {
            if let Place::Postgres(url) = place {
                // Only the throw-away one. Somebody's own server is left alone.
                database = std::env::var_os("SOUK_PG_FSYNC").is_some() && pin_postgres(url).await?;
            }
        }
        Ok(Self {
            processors,
            servers: Some(0),
            database,
        })
    }
}

/// All threads of a process.
fn pin(pid: u32, processors: &str) -> bool {
    let pid = pid.to_string();
    let mut taskset = Command::new("taskset");
    taskset.args(["-a", "-p", "-c", processors, &pid]);
    taskset.stdout(std::process::Stdio::null());
    taskset.stderr(std::process::Stdio::null());
    taskset.status().is_ok_and(|status| status.success())
}

/// PostgreSQL's own processes, and so the backends that it will start.
async fn pin_postgres(url: &str) -> Result<bool, Failure> {
    let db = sea_orm::Database::connect(url).await?;
    let query = Statement::from_string(db.get_database_backend(), "SELECT pg_backend_pid() AS it");
    let row = db.query_one_raw(query).await?.ok_or("no backend")?;
    let backend: i32 = row.try_get("", "it")?;
    let parent = parent_of(&backend.to_string()).ok_or("the backend has no parent")?;
    let mut done = pin(parent, "0");
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if parent_of(&name) == Some(parent)
            && let Ok(pid) = name.parse()
        {
            done &= pin(pid, "0") || parent_of(&name).is_none();
        }
    }
    db.close().await?;
    Ok(done)
}

fn parent_of(pid: &str) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok()
}

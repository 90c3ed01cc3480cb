//! What happens to servers and databases while the workload runs.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sea_orm::ConnectionTrait;
use souk_simulator::{Fault, FaultKind};
use tokio::time::sleep;

use super::clock;
use super::environment::Environment;
use super::plan::{Disruption, Plan};
use super::rng::{draw, pick};
use crate::Failure;
use crate::database::Fresh;

/// Longer than the server waits for a lock and for its one connection.
const BUSY: Duration = Duration::from_secs(17);

/// Causes the plan's disruption, and ends with all replicas running.
pub async fn cause(
    plan: &Plan,
    environment: &Environment<'_>,
    fresh: &Fresh,
    disk: &Path,
) -> Result<(), Failure> {
    match plan.disruption {
        Disruption::None => {}
        Disruption::Kills(times) => {
            for n in 0..times {
                let pause = 0.3 + 1.7 * draw(plan.seed, ("kill", n));
                sleep(Duration::from_secs_f64(pause)).await;
                let replicas = u32::try_from(environment.replicas())?;
                let replica = pick(plan.seed, ("victim", n), replicas) as usize;
                environment.kill(replica).await?;
                environment.start(replica).await?;
            }
        }
        Disruption::PostgresCrashes(times) => {
            for _ in 0..times {
                sleep(Duration::from_secs(1)).await;
                tokio::task::spawn_blocking(crash_postgres).await??;
            }
        }
        Disruption::SqliteBusy(times) => {
            for _ in 0..times {
                sleep(Duration::from_secs(1)).await;
                fresh.db.execute_unprepared("BEGIN IMMEDIATE").await?;
                sleep(BUSY).await;
                fresh.db.execute_unprepared("ROLLBACK").await?;
            }
        }
        Disruption::DiskFull(times) => {
            for _ in 0..times {
                sleep(Duration::from_secs(1)).await;
                let filler = disk.join("filler");
                fill(&filler)?;
                sleep(Duration::from_secs(2)).await;
                std::fs::remove_file(&filler)?;
            }
        }
        Disruption::Pause => {
            // The worker then has jobs to lose.
            slow_down_stripe(environment).await;
            sleep(Duration::from_secs(2)).await;
            environment.signal(0, "STOP").await?;
            sleep(Duration::from_secs(u64::from(plan.lease) + 3)).await;
            environment.simulator.clear_faults().await;
            environment.signal(0, "CONT").await?;
            sleep(Duration::from_secs(4)).await;
        }
        Disruption::Clocks => {
            // Workers then have jobs for long.
            slow_down_stripe(environment).await;
            for (replica, wrong) in plan.clocks.iter().enumerate() {
                clock::check_signature_tolerance(environment, replica, *wrong).await?;
            }
            sleep(Duration::from_secs(10)).await;
            environment.simulator.clear_faults().await;
        }
        Disruption::Rolling(times) => {
            for n in 0..times {
                sleep(Duration::from_secs(1)).await;
                let replica = n as usize % environment.replicas();
                environment.stop(replica).await?;
                environment.start(replica).await?;
            }
        }
    }
    Ok(())
}

async fn slow_down_stripe(environment: &Environment<'_>) {
    let mut slow = Fault::new(FaultKind::Slow { ms: 3000 });
    slow.method = Some("GET".to_owned());
    environment.simulator.fault(slow).await;
}

/// Writes until the disk takes no more.
fn fill(filler: &Path) -> Result<(), Failure> {
    use std::io::{ErrorKind, Write};
    let mut file = std::fs::File::create(filler)?;
    for size in [1 << 20, 4096] {
        let block = vec![0; size];
        loop {
            match file.write_all(&block) {
                Ok(()) => {}
                Err(e) if e.kind() == ErrorKind::StorageFull => break,
                Err(e) => return Err(e.into()),
            }
        }
    }
    Ok(())
}

const NOT_OURS: &str = "only the throw-away server of tests/postgres.sh is crashed";

/// The data folder of that server. None: the server in use is somebody's own.
fn throw_away() -> Option<PathBuf> {
    let url = std::env::var("TEST_POSTGRES_URL").ok()?;
    let host = url.split("host=").nth(1)?.split('&').next()?;
    let data = Path::new(host).join("data");
    let ours = ["/tmp/souk-pg.", "/dev/shm/souk-pg."]
        .iter()
        .any(|start| host.starts_with(start));
    (ours && data.join("postmaster.opts").exists()).then_some(data)
}

/// Why this plan can't be run here, if it can't.
pub fn impossible(plan: &Plan) -> Option<&'static str> {
    let crashes = matches!(plan.disruption, Disruption::PostgresCrashes(_));
    if crashes && throw_away().is_none() {
        return Some(NOT_OURS);
    }
    let needs_clocks = !plan.clocks.is_empty() || plan.renewals.is_some();
    let clocks = needs_clocks && clock::library().is_none();
    clocks.then_some("libfaketime isn't installed (Debian's package faketime)")
}

/// Ends the throw-away PostgreSQL as a crash would, and starts it again with the command that it was started with.
fn crash_postgres() -> Result<(), Failure> {
    let data = throw_away().ok_or(NOT_OURS)?;
    let pid_file = data.join("postmaster.pid");
    let pid = std::fs::read_to_string(&pid_file)?;
    let pid = pid.lines().next().ok_or("no pid")?.to_owned();
    let started = std::fs::read_to_string(data.join("postmaster.opts"))?;
    if !Command::new("kill")
        .args(["-QUIT", &pid])
        .status()?
        .success()
    {
        return Err("PostgreSQL could not be told".into());
    }
    while Path::new(&format!("/proc/{pid}")).exists() {
        // A zombie stays in /proc.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if stat.contains(") Z ") {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let owner = std::fs::metadata(&data)?;
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("exec {}", started.trim())])
        .current_dir("/")
        .env("LC_ALL", "C.UTF-8")
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .process_group(0);
    if owner.uid() != 0 {
        shell.uid(owner.uid()).gid(owner.gid());
    }
    shell.spawn()?;
    for _ in 0..300 {
        let ready = std::fs::read_to_string(&pid_file).unwrap_or_default();
        if ready
            .lines()
            .nth(7)
            .is_some_and(|line| line.starts_with("ready"))
        {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err("PostgreSQL did not come back".into())
}

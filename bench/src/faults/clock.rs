//! Wrong clocks, by libfaketime, and which signatures a server with such a clock takes.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::sleep;

use super::environment::Environment;
use crate::Failure;

/// The library for programs with threads, where Debian and most others put it.
pub fn library() -> Option<&'static str> {
    const PLACES: [&str; 4] = [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
        "/usr/lib64/faketime/libfaketimeMT.so.1",
        "/usr/lib/faketime/libfaketimeMT.so.1",
    ];
    PLACES.into_iter().find(|place| Path::new(place).exists())
}

/// The settings that put a process's clock wrong by seconds such as `+600`. The monotonic clock stays right.
pub fn settings(wrong: &String) -> Vec<(&'static str, &str)> {
    match library() {
        Some(library) if wrong != "+0" => vec![
            ("LD_PRELOAD", library),
            ("FAKETIME", wrong),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ],
        _ => vec![],
    }
}

/// Sends a replica events that are signed up to 301 seconds off its clock. An error: it took one that is more than 300 off,
/// or refused another.
pub async fn check_signature_tolerance(
    environment: &Environment<'_>,
    replica: usize,
    wrong: i64,
) -> Result<(), Failure> {
    for age in [0_i64, 300, 301, -300, -301] {
        let wanted = if age.abs() <= 300 { 200 } else { 400 };
        loop {
            // Exact to the second only if asked and answered within one.
            let began = early_in_a_second().await?;
            let status = environment
                .send_unrelated_event(replica, began + wrong - age)
                .await?;
            if seconds()? != began {
                continue;
            }
            if status != wanted {
                let why = format!(
                    "a signature of {age} s ago, by a clock that is {wrong} s wrong, was answered with {status}"
                );
                return Err(why.into());
            }
            break;
        }
    }
    Ok(())
}

async fn early_in_a_second() -> Result<i64, Failure> {
    loop {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let into = now.subsec_millis();
        if into < 200 {
            return Ok(i64::try_from(now.as_secs())?);
        }
        sleep(Duration::from_millis(u64::from(1001 - into))).await;
    }
}

fn seconds() -> Result<i64, Failure> {
    Ok(i64::try_from(
        SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
    )?)
}

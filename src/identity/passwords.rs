//! Passwords as argon2id hashes. All have the same cost, and no more are computed at once than there are cores.

use std::sync::LazyLock;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// OWASP's second choice (cheatsheetseries, "Password Storage"): 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The hash to verify against if there is no user, so that an unknown address costs as much as a known one. No password
/// matches it.
const DUMMY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$dT6XtiBkN4uW0rd9feIVUg$\
                      ImkYGNwtAu1ipVfwGg8UMBjKYTWMSAZMhMob+oiaD7s";

/// How long a login waits for a slot before it gets 503.
const MAX_WAIT: Duration = Duration::from_secs(10);

static SLOTS: LazyLock<Semaphore> = LazyLock::new(|| {
    Semaphore::new(std::thread::available_parallelism().map_or(2, std::num::NonZero::get))
});

/// A new hash as a PHC string. `Busy`: too many wait.
pub(super) async fn hash(password: &str) -> Result<String> {
    let password = password.to_owned();
    with_slot(move || {
        let hash: PasswordHash = hasher()?.hash_password(password.as_bytes())?;
        Ok(hash.to_string())
    })
    .await
}

/// Whether the password matches `stored`, a PHC string. With none it never does, at the same cost.
pub(super) async fn verify(password: &str, stored: Option<&str>) -> Result<bool> {
    let known = stored.is_some();
    let stored = stored.unwrap_or(DUMMY_HASH).to_owned();
    let password = password.to_owned();
    with_slot(move || {
        let stored = PasswordHash::new(&stored)?;
        match hasher()?.verify_password(password.as_bytes(), &stored) {
            Ok(()) => Ok(known),
            Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
            Err(e) => Err(e),
        }
    })
    .await
}

fn hasher() -> argon2::password_hash::Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Runs on the blocking pool. The slot moves there, so that a client who hangs up doesn't free it before the hash is done.
async fn with_slot<T: Send + 'static>(
    work: impl FnOnce() -> argon2::password_hash::Result<T> + Send + 'static,
) -> Result<T> {
    let slot = tokio::time::timeout(MAX_WAIT, SLOTS.acquire())
        .await
        .map_err(|_| Error::Busy("Too many logins at once; try again shortly.".to_owned()))?
        .map_err(|_| Error::internal("no more passwords are hashed"))?;
    tokio::task::spawn_blocking(move || {
        let done = work();
        drop(slot);
        done
    })
    .await
    .map_err(|e| Error::internal(format!("hashing a password: {e}")))?
    .map_err(|e| Error::internal(format!("hashing a password: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_verifies() {
        let stored = hash("correct horse battery").await.expect("hashes");
        let verify = async |password| verify(password, Some(&stored)).await.expect("verifies");
        assert!(verify("correct horse battery").await);
        assert!(!verify("correct horse batterY").await);
        assert!(!verify("").await);
    }

    #[tokio::test]
    async fn nobody_has_a_password_and_costs_what_everybody_costs() {
        assert!(
            !verify("correct horse battery", None)
                .await
                .expect("verifies")
        );
        let cost = |phc: &str| phc.rsplitn(3, '$').last().map(str::to_owned);
        let anybody = hash("correct horse battery").await.expect("hashes");
        assert_eq!(
            cost(&anybody).as_deref(),
            Some("$argon2id$v=19$m=19456,t=2,p=1")
        );
        assert_eq!(cost(DUMMY_HASH), cost(&anybody));
        assert_eq!(DUMMY_HASH.len(), anybody.len());
    }

    #[tokio::test]
    async fn the_same_password_gives_another_hash_each_time() {
        assert_ne!(
            hash("twelve chars").await.ok(),
            hash("twelve chars").await.ok()
        );
    }
}

//! Bugs that can be built in, to prove the checker of `souk-bench faults`: each is named where it is planted, and what
//! it must be found as is in `bench/src/faults/bugs.rs`. Without the feature `planted-bugs` there is none: the question
//! is then a constant, and the compiler takes the bug out.

/// Whether this bug is switched on (by `SOUK_PLANTED_BUG`).
#[cfg(feature = "planted-bugs")]
pub fn planted(bug: &str) -> bool {
    static PLANTED: std::sync::LazyLock<Option<String>> =
        std::sync::LazyLock::new(|| std::env::var("SOUK_PLANTED_BUG").ok());
    PLANTED.as_deref() == Some(bug)
}

/// Whether this bug is switched on: it is not even there.
#[cfg(not(feature = "planted-bugs"))]
pub const fn planted(_: &str) -> bool {
    false
}

//! Draws that follow from a seed and what they decide, so that a run can be repeated.

use std::hash::{DefaultHasher, Hash, Hasher};

/// A number from 0 up to 1.
pub fn draw(seed: u64, about: impl Hash) -> f64 {
    let mut hasher = DefaultHasher::new();
    (seed, about).hash(&mut hasher);
    // The 53 bits that a float holds.
    let bits = hasher.finish() >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

/// A whole number from 0 up to `below`.
pub fn pick(seed: u64, about: impl Hash, below: u32) -> u32 {
    (draw(seed, about) * f64::from(below)) as u32
}

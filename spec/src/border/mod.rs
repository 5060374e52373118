//! The border where floats end: geometry, queueing theory and probability go in, integers come out.
//!
//! Every transcendental function is one of `libm`, written in Rust, so that equal files give equal integers
//! on every machine. Must not know YAML or drafts.

pub mod chance;
pub mod delay;
pub mod erlang;
pub mod groups;
pub mod growth;
pub mod investment;
pub mod reach;
pub mod rtt;
pub mod sphere;
pub mod staffing;
pub mod traffic;

/// The nearest integer of a number that is not negative; the largest one if it is too large.
///
/// Rust's own cast saturates and takes NaN as 0, so that no input can break it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, which is what is wanted"
)]
pub(crate) fn rounded(value: f64) -> u64 {
    libm::round(value) as u64
}

/// The same for 32 bits.
pub(crate) fn rounded_u32(value: f64) -> u32 {
    u32::try_from(rounded(value)).unwrap_or(u32::MAX)
}

/// An integer as a float; exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "what is counted here stays far below 2^53")]
pub(crate) const fn float(value: u64) -> f64 {
    value as f64
}

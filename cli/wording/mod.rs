//! Every sentence about events, decisions and reasons that people read.
//!
//! One place, so that the same thing is always called the same. `values` writes numbers with their units,
//! `reasons` says every "no" and its cure, `bills` what candidates would cost, `events` tells what happened, `rollouts` what
//! of new content, `acts` what the world did.

pub mod acts;
pub mod bills;
pub mod events;
pub mod reasons;
mod rollouts;
pub mod values;

pub use self::reasons::{cure, fault, guard, reason, refusal};
pub use self::values::{clock, cost, part, rate, rtt};

//! The simulated world.

pub mod luck;
pub mod queue;

//! The simulated world.

pub mod queue;

//! The simulated world.

mod service;

pub mod luck;
pub mod queue;

//! Clusters are watched: one real Kubernetes through all that may become of it, and many emulated ones through faults.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "clusters/emulated.rs"]
mod emulated;
#[path = "clusters/hearing.rs"]
mod hearing;
#[path = "clusters/real.rs"]
mod real;

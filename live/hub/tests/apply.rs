//! Clusters without an agent are applied to: emulated ones through faults and crashes, and a real Kubernetes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "apply/emulated.rs"]
mod emulated;
#[path = "apply/real.rs"]
mod real;
#[path = "apply/rig.rs"]
mod rig;
#[path = "apply/troubles.rs"]
mod troubles;

//! What tests of the service stand on, on loopback: real and emulated Kubernetes APIs, a Prometheus, and servers of git.

pub mod emulated;
pub mod git;
pub mod kubelet;
mod process;
pub mod prometheus;
pub mod real;

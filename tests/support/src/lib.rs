//! What tests of the service stand on: real and emulated Kubernetes APIs on loopback, and a Prometheus.

pub mod emulated;
pub mod kubelet;
pub mod prometheus;
pub mod real;

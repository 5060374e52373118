//! What tests of the service stand on: real and emulated Kubernetes APIs on loopback.

pub mod emulated;
pub mod kubelet;
pub mod real;

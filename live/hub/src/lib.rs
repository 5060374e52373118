//! The service: real clusters, real signals and real git around the same machine.

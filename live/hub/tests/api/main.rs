//! The API over real sockets, before a desk that writes a real log.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod answers;
mod copies;
mod document;
mod limits;
mod logs;
mod metrics;
mod otlp;
mod reports;
mod rig;
mod stream;
mod tls;
mod traces;

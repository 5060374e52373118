//! The writer against real peers: git, a web server, OpenSSH, rivals, and processes that are killed.
//!
//! All of it stays on this machine, in folders that are removed. Servers are started by the tests that need them, on free
//! ports, and ended by their own number.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;
mod faults;
mod fenced;
mod http;
mod killed;
mod laws;
mod owned;
mod proxy;
mod read;
mod rivals;
mod secrets;
mod signed;
mod ssh;
mod web;

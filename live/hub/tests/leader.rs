//! One of several leads, by a lease: in an emulated cluster through faults, and in a real one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "leader/copied.rs"]
mod copied;
#[path = "leader/emulated.rs"]
mod emulated;
#[path = "leader/line.rs"]
mod line;
#[path = "leader/real.rs"]
mod real;
#[path = "leader/standby.rs"]
mod standby;
#[path = "leader/timeline.rs"]
mod timeline;

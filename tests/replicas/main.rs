//! Replicas of the service: one leads, and one that stood still while another took over pushes nothing; on one folder, and with
//! folders of their own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod copies;
mod shared;
mod world;

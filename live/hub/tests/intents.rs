//! What is declared is followed: in a git repository, and in custom resources of an emulated and of a real cluster.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "intents/fleet.rs"]
mod fleet;
#[path = "intents/hub.rs"]
mod hub;
#[path = "intents/profiles.rs"]
mod profiles;
#[path = "intents/real.rs"]
mod real;
#[path = "intents/repository.rs"]
mod repository;

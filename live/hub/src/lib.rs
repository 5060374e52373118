//! The service: real clusters, real signals and real git around the same machine.
//!
//! Whoever sees something ([`clusters`], [`signals`]) tells the [`Feed`] in names ([`sighting`]). One [`desk`] takes everything in,
//! one after the other; what it decides goes to repositories by the post ([`delivery`]), and to clusters without an agent
//! directly ([`apply`]). The [`service`] is the threads around it,
//! and the [`api`] is where people and programs ask and command over HTTP. Of several replicas one is the [`leader`].

pub mod adopt;
pub mod api;
pub mod apply;
pub mod clusters;
pub mod complaint;
pub mod config;
pub mod copy;
pub mod delivery;
pub mod desk;
pub mod feed;
pub mod hub;
pub mod intents;
pub mod leader;
pub mod remembered;
pub mod reporter;
pub mod reports;
pub mod retention;
pub mod service;
pub mod sighting;
pub mod signals;
mod standby;
pub mod traces;
mod watched;
mod web;

pub use self::complaint::Complaint;
pub use self::feed::Feed;

//! The service: real clusters, real signals and real git around the same machine.
//!
//! Whoever sees something tells the [`Feed`] in names ([`sighting`]). One desk takes everything in, one after the other.

pub mod clusters;
pub mod feed;
pub mod sighting;

pub use self::feed::Feed;

//! What is said to a remote and how its answers are read: git's protocol, version 0. gitprotocol-pack(5).
//!
//! Bytes only: who carries them is in [`crate::wire`].

pub(crate) mod advert;
pub(crate) mod fetch;
pub(crate) mod pkt;
pub(crate) mod push;

use pkt::PktFault;

/// What this program calls itself.
pub(crate) const AGENT: &str = concat!("agent=periplus/", env!("CARGO_PKG_VERSION"));

/// Why an answer could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// The lines themselves.
    #[error(transparent)]
    Pkt(#[from] PktFault),
    /// Lines that have no place there.
    #[error("{0}")]
    Odd(String),
    /// The server tells an error of its own.
    #[error("it says: {0}")]
    Told(String),
    /// More than we take.
    #[error("{what} is beyond {limit}")]
    Limit {
        /// What.
        what: &'static str,
        /// How much we take.
        limit: u64,
    },
}

/// What a line shows of itself in an error.
fn shown(bytes: &[u8]) -> String {
    crate::secret::plain(&bytes[..bytes.len().min(200)], &[])
}

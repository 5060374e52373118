//! The digest: 128 bits that stand for the whole state, kept up to date at O(1) per change.
//!
//! XXH3-128 over each entity's encoding, seeded by its family and id, summed with wrapping addition. A sum
//! does not depend on order, so one changed entity costs one subtraction and one addition. The one number of
//! an entity that changes all the time, its pulse, is a summand of its own. Not cryptographic: it finds
//! divergence, not malice.

use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::codec;

/// 128 bits that stand for a state.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(pub u128);

/// The families of entities; the number is part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Scalars = 1,
    Tenant = 2,
    Cluster = 3,
    Zone = 4,
    App = 5,
    Series = 6,
    Berth = 7,
    Outstanding = 8,
    Timer = 9,
    Hold = 10,
    Name = 11,
}

impl Digest {
    /// The digest of one entity.
    pub(crate) fn of<T: Serialize>(
        family: Family,
        id: u64,
        entity: &T,
        buffer: &mut Vec<u8>,
    ) -> Self {
        buffer.clear();
        codec::encode(entity, buffer);
        Self(xxh3_128_with_seed(buffer, (family as u64) << 56 ^ id))
    }

    /// The digest of an entity's pulse; none for none.
    #[inline]
    pub(crate) fn of_pulse(family: Family, id: u64, pulse: u64) -> Self {
        if pulse == 0 {
            return Self::default();
        }
        // No family has such a number, so a pulse is never taken for an entity.
        let seed = (family as u64 | 0x80) << 56 ^ id;
        Self(xxh3_128_with_seed(&pulse.to_le_bytes(), seed))
    }

    pub(crate) fn add(&mut self, entity: Self) {
        self.0 = self.0.wrapping_add(entity.0);
    }

    pub(crate) fn remove(&mut self, entity: Self) {
        self.0 = self.0.wrapping_sub(entity.0);
    }
}

impl fmt::Debug for Digest {
    /// As it is displayed: divergences quote it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl fmt::Display for Digest {
    /// Thirty-two hexadecimal digits.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:032x}", self.0)
    }
}

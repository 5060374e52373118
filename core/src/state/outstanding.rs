//! Effects that were not yet reported on, with a digest of their own: there may be many at once.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::{Digest, Family};
use crate::effect::{Effect, EffectKey};

/// An effect that was not yet reported on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outstanding {
    /// The effect.
    pub effect: Effect,
    /// How often it was asked for.
    pub attempts: u8,
}

/// All of them, by key. Read like the map that it is; changed only so that the digest follows.
#[derive(Clone, Debug, Default)]
pub(crate) struct OutstandingEffects {
    entries: BTreeMap<EffectKey, Outstanding>,
    digest: Digest,
    buffer: Vec<u8>,
}

impl OutstandingEffects {
    pub(crate) fn insert(&mut self, key: EffectKey, outstanding: Outstanding) {
        self.remove(&key);
        let stamp = Digest::of(Family::Outstanding, 0, &(key, &outstanding), &mut self.buffer);
        self.digest.add(stamp);
        self.entries.insert(key, outstanding);
    }

    pub(crate) fn remove(&mut self, key: &EffectKey) -> Option<Outstanding> {
        let outstanding = self.entries.remove(key)?;
        let stamp = Digest::of(Family::Outstanding, 0, &(key, &outstanding), &mut self.buffer);
        self.digest.remove(stamp);
        Some(outstanding)
    }

    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }
}

impl Deref for OutstandingEffects {
    type Target = BTreeMap<EffectKey, Outstanding>;
    fn deref(&self) -> &Self::Target {
        &self.entries
    }
}

impl PartialEq for OutstandingEffects {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl Serialize for OutstandingEffects {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(&self.entries)
    }
}

impl<'de> Deserialize<'de> for OutstandingEffects {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut effects = Self::default();
        for (key, outstanding) in Vec::<(EffectKey, Outstanding)>::deserialize(from)? {
            effects.insert(key, outstanding);
        }
        Ok(effects)
    }
}

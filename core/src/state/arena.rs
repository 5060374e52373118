//! An arena whose entries can only be changed through `edit` and `beat`, so that no change escapes the
//! digest.
//!
//! Demand and heartbeats change one number of nearly every entity every minute. That number, the *pulse*,
//! has a stamp of its own: to settle it costs the hash of eight bytes rather than of a whole entity.

use alloc::vec::Vec;
use core::ops::Index;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::{Digest, Family};
use crate::fleet::TenantSpec;
use crate::state::{App, Zone};

/// Entities of one family by dense id, and which of them changed since the digest was settled.
#[derive(Clone, Debug)]
pub(crate) struct Arena<T> {
    items: Vec<T>,
    /// Of each entry but for its pulse, as of the last settling.
    stamps: Vec<Digest>,
    /// Of each entry, as of the last settling.
    pulses: Vec<u64>,
    changed: Marked,
    /// Entries of which only the pulse changed, and perhaps some of `changed`.
    beaten: Marked,
}

/// What an arena can hold.
pub(crate) trait Entity {
    /// The number in it that changes with every observation; zero where there is none.
    fn pulse(&self) -> u64 {
        0
    }

    /// Puts another number in its place.
    fn set_pulse(&mut self, pulse: u64) {
        debug_assert_eq!(pulse, 0, "it has no pulse");
    }
}

/// A set of ids that is emptied as a whole.
#[derive(Clone, Debug, Default)]
struct Marked {
    ids: Vec<u32>,
    /// One bit per entry: it stands in `ids`.
    bits: Vec<u64>,
}

impl<T: Entity> Arena<T> {
    pub(crate) fn items(&self) -> &[T] {
        &self.items
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn push(&mut self, item: T) {
        let index = self.items.len();
        self.items.push(item);
        self.stamps.push(Digest::default());
        self.pulses.push(0);
        self.changed.make_room(index);
        self.beaten.make_room(index);
        self.changed.insert(index);
    }

    /// The entry, to be changed.
    pub(crate) fn edit(&mut self, index: usize) -> &mut T {
        self.changed.insert(index);
        &mut self.items[index]
    }

    /// Changes nothing of the entry but its pulse.
    #[inline]
    pub(crate) fn beat(&mut self, index: usize, pulse: u64) {
        self.beaten.insert(index);
        self.items[index].set_pulse(pulse);
    }
}

impl<T: Entity + Serialize> Arena<T> {
    /// Brings `total` up to date with every entry that changed.
    pub(crate) fn settle(&mut self, family: Family, total: &mut Digest, buffer: &mut Vec<u8>) {
        let Self { items, stamps, pulses, changed, beaten } = self;
        changed.drain(|id| {
            beaten.insert(id as usize);
            let (item, stamp) = (&mut items[id as usize], &mut stamps[id as usize]);
            total.remove(*stamp);
            // Encoded as if it had no pulse, which is stamped below.
            let pulse = item.pulse();
            item.set_pulse(0);
            *stamp = Digest::of(family, id.into(), item, buffer);
            item.set_pulse(pulse);
            total.add(*stamp);
        });
        beaten.drain(|id| {
            let (then, now) = (&mut pulses[id as usize], items[id as usize].pulse());
            total.remove(Digest::of_pulse(family, id.into(), *then));
            total.add(Digest::of_pulse(family, id.into(), now));
            *then = now;
        });
    }
}

impl Marked {
    /// Makes room for the id `index`; ids come one after the other.
    fn make_room(&mut self, index: usize) {
        if index.is_multiple_of(64) {
            self.bits.push(0);
        }
    }

    #[inline]
    fn insert(&mut self, index: usize) {
        let (word, bit) = (index / 64, 1_u64 << (index % 64));
        if self.bits[word] & bit == 0 {
            self.bits[word] |= bit;
            self.ids.push(u32::try_from(index).expect("ids are u32"));
        }
    }

    fn drain(&mut self, mut each: impl FnMut(u32)) {
        for id in self.ids.drain(..) {
            self.bits[id as usize / 64] &= !(1 << (id % 64));
            each(id);
        }
    }
}

impl Entity for App {}
impl Entity for TenantSpec {}
impl Entity for Zone {}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            stamps: Vec::new(),
            pulses: Vec::new(),
            changed: Marked::default(),
            beaten: Marked::default(),
        }
    }
}

impl<T> Index<usize> for Arena<T> {
    type Output = T;
    #[inline]
    fn index(&self, index: usize) -> &T {
        &self.items[index]
    }
}

impl<T: PartialEq> PartialEq for Arena<T> {
    fn eq(&self, other: &Self) -> bool {
        self.items == other.items
    }
}

impl<T: Serialize> Serialize for Arena<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.items.serialize(to)
    }
}

impl<'de, T: Entity + Deserialize<'de>> Deserialize<'de> for Arena<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut arena = Self::default();
        for item in Vec::<T>::deserialize(from)? {
            arena.push(item);
        }
        Ok(arena)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name and a pulse.
    #[derive(Debug, Serialize)]
    struct Creature(u32, u64);

    impl Entity for Creature {
        fn pulse(&self) -> u64 {
            self.1
        }

        fn set_pulse(&mut self, pulse: u64) {
            self.1 = pulse;
        }
    }

    fn settled(arena: &mut Arena<Creature>, total: &mut Digest) -> Digest {
        arena.settle(Family::Zone, total, &mut Vec::new());
        *total
    }

    fn straight(creatures: [Creature; 2]) -> Digest {
        let mut arena = Arena::default();
        creatures.into_iter().for_each(|creature| arena.push(creature));
        settled(&mut arena, &mut Digest::default())
    }

    #[test]
    fn the_digest_depends_on_the_entries_and_not_on_the_way_to_them() {
        let mut detour = Arena::default();
        let mut total = Digest::default();
        detour.push(Creature(1, 0));
        settled(&mut detour, &mut total);
        detour.push(Creature(9, 50));
        detour.edit(0).0 = 5;
        detour.beat(0, 60);
        settled(&mut detour, &mut total);
        detour.edit(0).1 = 70;
        detour.beat(1, 80);
        settled(&mut detour, &mut total);
        detour.edit(0).0 = 7;
        detour.beat(1, 90);
        let digest = settled(&mut detour, &mut total);
        assert_eq!(digest, straight([Creature(7, 70), Creature(9, 90)]));
        assert_eq!(detour[1].1, 90, "to settle changes nothing");
    }

    #[test]
    fn a_pulse_counts_and_belongs_to_its_entry() {
        let digest = straight([Creature(7, 70), Creature(9, 90)]);
        assert_ne!(digest, straight([Creature(7, 90), Creature(9, 70)]));
        assert_ne!(digest, straight([Creature(7, 70), Creature(9, 0)]));
    }
}

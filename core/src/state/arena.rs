//! An arena whose entries can only be changed through `edit`, so that no change escapes the digest.

use alloc::vec::Vec;
use core::ops::Index;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::{Digest, Family};

/// Entities of one family by dense id, and which of them changed since the digest was settled.
#[derive(Clone, Debug)]
pub(crate) struct Arena<T> {
    items: Vec<T>,
    /// The digest of each entry as of the last settling.
    stamps: Vec<Digest>,
    changed: Vec<u32>,
    /// One bit per entry: it stands in `changed`.
    marks: Vec<u64>,
}

impl<T> Arena<T> {
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
        if index.is_multiple_of(64) {
            self.marks.push(0);
        }
        self.mark(index);
    }

    /// The entry, to be changed.
    pub(crate) fn edit(&mut self, index: usize) -> &mut T {
        self.mark(index);
        &mut self.items[index]
    }

    #[inline]
    fn mark(&mut self, index: usize) {
        let (word, bit) = (index / 64, 1_u64 << (index % 64));
        if self.marks[word] & bit == 0 {
            self.marks[word] |= bit;
            self.changed.push(u32::try_from(index).expect("ids are u32"));
        }
    }
}

impl<T: Serialize> Arena<T> {
    /// Brings `total` up to date with every entry that changed.
    pub(crate) fn settle(&mut self, family: Family, total: &mut Digest, buffer: &mut Vec<u8>) {
        for id in self.changed.drain(..) {
            let index = id as usize;
            self.marks[index / 64] &= !(1 << (index % 64));
            let stamp = Digest::of(family, u64::from(id), &self.items[index], buffer);
            total.remove(self.stamps[index]);
            total.add(stamp);
            self.stamps[index] = stamp;
        }
    }
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self { items: Vec::new(), stamps: Vec::new(), changed: Vec::new(), marks: Vec::new() }
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

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Arena<T> {
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

    fn settled(arena: &mut Arena<u32>, total: &mut Digest) -> Digest {
        arena.settle(Family::Zone, total, &mut Vec::new());
        *total
    }

    #[test]
    fn the_digest_depends_on_the_entries_and_not_on_the_way_to_them() {
        let mut straight = Arena::default();
        straight.push(7_u32);
        straight.push(9_u32);
        let mut detour = Arena::default();
        let mut total = Digest::default();
        detour.push(1_u32);
        settled(&mut detour, &mut total);
        detour.push(9_u32);
        *detour.edit(0) = 5;
        settled(&mut detour, &mut total);
        *detour.edit(0) = 7;
        assert_eq!(
            settled(&mut detour, &mut total),
            settled(&mut straight, &mut Digest::default())
        );
    }
}

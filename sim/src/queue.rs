//! The queue of virtual time: a hierarchical timing wheel with exact (time, insertion) order.
//!
//! Eight wheels of 256 slots, one per byte of a `u64` time. An entry waits in the wheel of the highest byte
//! in which its time differs from now, and moves down as that byte comes round: at most eight moves, two
//! for anything within the next four hours (Varghese and Lauck, "Hashed and hierarchical timing wheels",
//! SOSP 1987, scheme 7). A slot is a list of chunks from one slab: entries are written and read in sequence,
//! and nothing is allocated once the slab has its size.
//!
//! Why order is exact without a sequence number: entries of one time that were pushed early wait in a higher
//! wheel; they move down when the lower wheel's range begins, so before anything can be pushed there
//! directly, and a move keeps their order.

#[cfg(test)]
mod tests;

/// Slots of one wheel: one byte of the time.
const SLOTS: usize = 256;
/// Wheels: the bytes of a `u64`.
const LEVELS: usize = 8;
/// Entries of one chunk. Long enough that a million pending entries stream through the caches; empty space
/// is bounded all the same, by one chunk for each of the 2,048 slots.
const CHUNK: usize = 64;
/// No chunk.
const NONE: u32 = u32::MAX;

const _: () = assert!(SLOTS == 1 << 8, "a slot is one byte of the time");
const _: () = assert!(LEVELS * 8 == u64::BITS as usize, "the wheels cover all of the time");

/// Entries by time, and by insertion where times are equal. Times are counted in any unit; the simulator
/// counts milliseconds.
#[derive(Clone, Debug)]
pub struct Queue<T> {
    /// No entry lies before this, and none can be pushed there.
    now: u64,
    len: usize,
    levels: [Level; LEVELS],
    /// Entries of the slot at `now` that were popped already.
    read: usize,
    entries: Vec<(u64, T)>,
    /// Per chunk, the one after it in its slot or in the list of free ones.
    links: Vec<u32>,
    free: u32,
}

#[derive(Clone, Debug)]
struct Level {
    /// One bit per slot: it holds something.
    held: [u64; SLOTS / 64],
    slots: [Slot; SLOTS],
}

/// A list of chunks, of which the last is filled up to `fill`.
#[derive(Clone, Copy, Debug)]
struct Slot {
    first: u32,
    last: u32,
    fill: usize,
}

impl<T: Copy> Queue<T> {
    /// A queue at time zero.
    #[must_use]
    pub fn new() -> Self {
        Self {
            now: 0,
            len: 0,
            levels: std::array::from_fn(|_| Level::EMPTY),
            read: 0,
            entries: Vec::new(),
            links: Vec::new(),
            free: NONE,
        }
    }

    /// How many entries wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts `entry` behind everything that is due at `at` or before.
    ///
    /// # Panics
    /// Panics if `at` lies before the last entry that was popped: time only goes forward.
    #[inline]
    pub fn push(&mut self, at: u64, entry: T) {
        assert!(at >= self.now, "time only goes forward");
        self.len += 1;
        self.put(at, entry);
    }

    /// Takes the next entry with its time.
    #[inline]
    pub fn pop(&mut self) -> Option<(u64, T)> {
        // The very last millisecond of time is out of reach, and five hundred million years away.
        self.pop_before(u64::MAX)
    }

    /// Takes the next entry with its time if that lies before `limit`. Otherwise entries may still be pushed
    /// from `limit` on, or from the last entry popped if that is later.
    #[inline]
    pub fn pop_before(&mut self, limit: u64) -> Option<(u64, T)> {
        loop {
            if let Some(slot) = self.levels[0].next(digit(self.now, 0)) {
                let at = self.now & !(SLOTS as u64 - 1) | slot as u64;
                if at >= limit {
                    return None;
                }
                self.now = at;
                return Some((at, self.take(slot)));
            }
            if !self.turn(limit) {
                return None;
            }
        }
    }

    /// Moves the next slot of a higher wheel down, if one begins before `limit`.
    fn turn(&mut self, limit: u64) -> bool {
        for level in 1..LEVELS {
            let shift = 8 * level;
            let Some(slot) = self.levels[level].next(digit(self.now, level) + 1) else {
                continue;
            };
            let above = (self.now >> shift) & !(SLOTS as u64 - 1);
            let begins = (above | slot as u64) << shift;
            if begins >= limit {
                return false;
            }
            self.now = begins;
            self.move_down(level, slot);
            return true;
        }
        false
    }

    fn move_down(&mut self, level: usize, slot: usize) {
        let Slot { first, last, fill } = self.levels[level].clear(slot);
        let mut chunk = first;
        loop {
            let here = chunk as usize * CHUNK;
            let filled = if chunk == last { fill } else { CHUNK };
            for place in here..here + filled {
                let (at, entry) = self.entries[place];
                self.put(at, entry);
            }
            let next = self.links[chunk as usize];
            self.release(chunk);
            if chunk == last {
                return;
            }
            chunk = next;
        }
    }

    #[inline]
    fn put(&mut self, at: u64, entry: T) {
        let apart = (at ^ self.now) | 1;
        let level = (u64::BITS - 1 - apart.leading_zeros()) as usize / 8;
        let slot = digit(at, level);
        let held = self.levels[level].slots[slot];
        if held.fill < CHUNK {
            self.entries[held.last as usize * CHUNK + held.fill] = (at, entry);
            self.levels[level].slots[slot].fill += 1;
            return;
        }
        let chunk = self.acquire((at, entry));
        if held.last == NONE {
            self.levels[level].mark(slot);
            self.levels[level].slots[slot].first = chunk;
        } else {
            self.links[held.last as usize] = chunk;
        }
        let held = &mut self.levels[level].slots[slot];
        held.last = chunk;
        held.fill = 1;
    }

    /// Takes the oldest entry of a slot of the lowest wheel.
    #[inline]
    fn take(&mut self, slot: usize) -> T {
        let Slot { first, last, fill } = self.levels[0].slots[slot];
        let entry = self.entries[first as usize * CHUNK + self.read].1;
        self.read += 1;
        self.len -= 1;
        if first == last && self.read == fill {
            self.levels[0].clear(slot);
            self.release(first);
            self.read = 0;
        } else if self.read == CHUNK {
            self.levels[0].slots[slot].first = self.links[first as usize];
            self.release(first);
            self.read = 0;
        }
        entry
    }

    /// A chunk that begins with `entry`.
    #[inline]
    fn acquire(&mut self, entry: (u64, T)) -> u32 {
        let chunk = self.free;
        if chunk == NONE {
            return self.grow(entry);
        }
        self.free = self.links[chunk as usize];
        self.entries[chunk as usize * CHUNK] = entry;
        chunk
    }

    #[cold]
    fn grow(&mut self, entry: (u64, T)) -> u32 {
        let chunk = u32::try_from(self.links.len()).expect("fewer than 2^32 chunks");
        assert!(chunk != NONE, "fewer than 2^32 chunks");
        self.links.push(NONE);
        self.entries.resize(self.entries.len() + CHUNK, entry);
        chunk
    }

    #[inline]
    fn release(&mut self, chunk: u32) {
        self.links[chunk as usize] = self.free;
        self.free = chunk;
    }
}

/// The byte of `time` that the wheel at `level` turns by.
#[inline]
fn digit(time: u64, level: usize) -> usize {
    usize::from(time.to_le_bytes()[level])
}

impl<T: Copy> Default for Queue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl Level {
    const EMPTY: Self = Self { held: [0; SLOTS / 64], slots: [Slot::EMPTY; SLOTS] };

    /// The first slot from `from` on that holds something.
    #[inline]
    fn next(&self, from: usize) -> Option<usize> {
        let mut word = from / 64;
        let mut bits = self.held.get(word)? & (u64::MAX << (from % 64));
        while bits == 0 {
            word += 1;
            bits = *self.held.get(word)?;
        }
        Some(word * 64 + bits.trailing_zeros() as usize)
    }

    #[inline]
    fn mark(&mut self, slot: usize) {
        self.held[slot / 64] |= 1 << (slot % 64);
    }

    #[inline]
    fn clear(&mut self, slot: usize) -> Slot {
        self.held[slot / 64] &= !(1 << (slot % 64));
        std::mem::replace(&mut self.slots[slot], Slot::EMPTY)
    }
}

impl Slot {
    /// Looks full, so that the first entry fetches a chunk.
    const EMPTY: Self = Self { first: NONE, last: NONE, fill: CHUNK };
}

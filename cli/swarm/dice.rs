//! Dice: draws from a seed, one stream per topic, so that one more draw in one topic shifts no other.

use periplus_sim::luck::{Luck, Purpose, Stream};

/// Keeps these streams apart from those of the drawn world, which has the same seed.
const SWARM: u64 = 0x7377_6172_6D00_0000;

/// What is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) enum Topic {
    /// Which kinds of troubles there are.
    Options,
    Policy,
    Fleet,
    Apps,
    Demand,
    Troubles,
    /// What befalls the hub and its inputs on the way.
    Voyage,
}

/// One stream of draws.
#[derive(Clone, Debug)]
pub(super) struct Dice(Stream);

impl Dice {
    pub(super) fn new(seed: u64, topic: Topic) -> Self {
        Self(Luck::new(seed ^ SWARM).stream(Purpose::Phase, &[topic as u32]))
    }

    /// A number below `limit`.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.0.below(limit as u64)).expect("below a usize")
    }

    /// A number from `least` to `most`, both included.
    pub(super) fn from(&mut self, least: u64, most: u64) -> u64 {
        least + self.0.below(most - least + 1)
    }

    /// Like [`from`](Self::from), narrower.
    pub(super) fn small(&mut self, least: u32, most: u32) -> u32 {
        u32::try_from(self.from(least.into(), most.into())).expect("between two of u32")
    }

    /// Like [`from`](Self::from), narrower still.
    pub(super) fn tiny(&mut self, least: u16, most: u16) -> u16 {
        u16::try_from(self.from(least.into(), most.into())).expect("between two of u16")
    }

    /// Like [`from`](Self::from), for money.
    pub(super) fn money(&mut self, least: i64, most: i64) -> i64 {
        let wide = u64::try_from(most - least).expect("most is not less than least");
        least + i64::try_from(self.from(0, wide)).expect("between two of i64")
    }

    /// Whether something happens that happens in `percent` of a hundred cases.
    pub(super) fn happens(&mut self, percent: u64) -> bool {
        self.0.below(100) < percent
    }

    /// One of `items`.
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// From one to `most` different items, in their order.
    pub(super) fn some<T: Clone>(&mut self, items: &[T], most: usize) -> Vec<T> {
        let wanted = 1 + self.below(most.min(items.len()));
        let mut left = wanted;
        let mut chosen = Vec::with_capacity(wanted);
        for (place, item) in items.iter().enumerate() {
            if self.below(items.len() - place) < left {
                chosen.push(item.clone());
                left -= 1;
            }
        }
        chosen
    }
}

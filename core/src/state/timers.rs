//! The machine's own deadlines, in the order in which they fire.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::{Digest, Family};
use crate::effect::EffectKey;
use crate::ids::{AppId, BerthId, BindingId, ClusterId, SeriesId};
use crate::state::FlowId;
use crate::units::Tick;

/// What a deadline is for. Each has at most one; of two due at once the smaller fires first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Timer {
    /// A cluster has been silent for too long.
    Silence,
    /// A returned cluster has been stable long enough.
    Stable(ClusterId),
    /// An effect is tried again.
    Retry(EffectKey),
    /// A zone's demand has been above or below its threshold long enough.
    Wake(SeriesId),
    /// A gate's condition has held long enough, or its deadline has passed.
    Gate(BindingId),
    /// A berth should have become ready.
    Overdue(BerthId),
    /// Less has been enough for a berth for long enough.
    ScaleIn(BerthId),
    /// A berth's users have left.
    Drained(BerthId),
    /// A berth that could not grow may try again.
    Uncap(BerthId),
    /// A cluster that failed an app may be tried again by it.
    Retried(AppId, ClusterId),
    /// The next part of a flow moves.
    Route(FlowId),
    /// An app is considered, or of a large one what has drifted.
    Reconsider(AppId),
    /// All of a large app is considered.
    Review(AppId),
    /// A cluster has been ready on an app's new content long enough.
    Soaked(AppId, ClusterId),
}

/// All deadlines, by time and by purpose.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers {
    by_time: BTreeSet<(Tick, Timer)>,
    by_timer: BTreeMap<Timer, Tick>,
    digest: Digest,
    /// Reused, so that a deadline costs no allocation of its own.
    buffer: Vec<u8>,
}

impl Timers {
    /// Sets or moves a deadline.
    pub(crate) fn arm(&mut self, timer: Timer, at: Tick) {
        self.disarm(timer);
        self.by_timer.insert(timer, at);
        self.by_time.insert((at, timer));
        let stamp = self.stamp(timer, at);
        self.digest.add(stamp);
    }

    /// Removes a deadline, if it is set.
    pub(crate) fn disarm(&mut self, timer: Timer) {
        if let Some(at) = self.by_timer.remove(&timer) {
            self.by_time.remove(&(at, timer));
            let stamp = self.stamp(timer, at);
            self.digest.remove(stamp);
        }
    }

    pub(crate) fn deadline(&self, timer: Timer) -> Option<Tick> {
        self.by_timer.get(&timer).copied()
    }

    /// The timers that are due at `at`, in the order in which they fire.
    pub(crate) fn due(&self, at: Tick) -> impl Iterator<Item = Timer> + '_ {
        self.by_time.iter().take_while(move |(due, _)| *due <= at).map(|(_, timer)| *timer)
    }

    pub(crate) fn next(&self) -> Option<(Tick, Timer)> {
        self.by_time.first().copied()
    }

    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    fn stamp(&mut self, timer: Timer, at: Tick) -> Digest {
        Digest::of(Family::Timer, 0, &(timer, at), &mut self.buffer)
    }
}

impl PartialEq for Timers {
    fn eq(&self, other: &Self) -> bool {
        self.by_time == other.by_time
    }
}

impl Serialize for Timers {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(&self.by_time)
    }
}

impl<'de> Deserialize<'de> for Timers {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut timers = Self::default();
        for (at, timer) in Vec::<(Tick, Timer)>::deserialize(from)? {
            timers.arm(timer, at);
        }
        Ok(timers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_that_moves_leaves_nothing_behind() {
        let mut timers = Timers::default();
        timers.arm(Timer::Wake(SeriesId(1)), Tick(50));
        timers.arm(Timer::Silence, Tick(40));
        timers.arm(Timer::Silence, Tick(60));
        assert_eq!(timers.next(), Some((Tick(50), Timer::Wake(SeriesId(1)))));
        timers.disarm(Timer::Wake(SeriesId(1)));
        assert_eq!(timers.deadline(Timer::Silence), Some(Tick(60)));
        timers.disarm(Timer::Silence);
        assert_eq!(timers, Timers::default());
    }
}

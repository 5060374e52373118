//! What is told of series: while they are fresh, what was measured; when they are silent, what was declared for that.
//!
//! Silence has two forms, and both are the same here: nobody answers, or an answer that is otherwise fine lacks a series.
//! Neither is a rate of zero. Nothing is told of the series until its last sample is older than `staleAfter`, and from
//! then on what the fallback says, at every look, as of that look. What is fresh again is told as measured.
//!
//! Pure: the time comes in. A series that was not fresh once since the service started has no fallback, as nothing is
//! known of it; the machine itself remembers the last rate that it was told.

use std::collections::BTreeMap;

use super::config::Fallback;
use super::samples::{Found, Refused};
use crate::sighting::Rate;

/// The series of one signal.
#[derive(Clone, Debug)]
pub(super) struct Book {
    fallback: Fallback,
    stale_after_ms: u64,
    series: BTreeMap<(String, String), Known>,
    /// The newest time that was told as measured. The machine wants each source in order, and takes nothing older.
    told_unix_ms: i64,
}

/// All rates of one time, ascending by app and zone, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) as_of_unix_ms: i64,
    pub(super) rates: Vec<Rate>,
}

/// What was measured of a series last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    as_of_unix_ms: i64,
    milli_rps: u64,
}

/// How many series one signal may have.
const SERIES_MAX: usize = 1_000_000;
/// A sample may be so much ahead of our clock. What is more ahead would make all that comes until then late.
const AHEAD_MAX_MS: i64 = 60_000;
/// How long a silent series is told of. Then the machine keeps what it was told last.
const FORGET_AFTER_MS: u64 = 7 * 24 * 60 * 60 * 1_000;

impl Book {
    pub(super) const fn new(fallback: Fallback, stale_after_ms: u64) -> Self {
        Self { fallback, stale_after_ms, series: BTreeMap::new(), told_unix_ms: i64::MIN }
    }

    /// How many series are known.
    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    /// The newest time that was told as measured.
    pub(super) fn told_unix_ms(&self) -> Option<i64> {
        (self.told_unix_ms > i64::MIN).then_some(self.told_unix_ms)
    }

    /// Takes in what one look found. Gives what is to be told as measured, in order.
    ///
    /// A point is told as of its own time. Where another series of the source was told of at a later time already, the
    /// newest point of a series is told as of that time, and older ones are passed over.
    pub(super) fn measured(&mut self, now: i64, found: Found) -> (Vec<Moment>, Refused) {
        let Found { series, mut points, mut refused } = found;
        points.retain(|(at, _, _)| {
            let ahead = *at > now.saturating_add(AHEAD_MAX_MS);
            refused.ahead += u64::from(ahead);
            !ahead
        });
        let mut newest = vec![None; series.len()];
        for (as_of_unix_ms, place, milli_rps) in &points {
            newest[*place] = Some(Known { as_of_unix_ms: *as_of_unix_ms, milli_rps: *milli_rps });
        }
        let newer_than: Vec<Option<i64>> = series
            .iter()
            .zip(&newest)
            .map(|(name, newest)| self.take(now, name, (*newest)?, &mut refused))
            .collect();

        let told = self.told_unix_ms;
        points.retain_mut(|(at, place, _)| {
            let Some(newer_than) = newer_than[*place] else { return false };
            if newest[*place].is_some_and(|newest| newest.as_of_unix_ms == *at) {
                *at = told.max(*at);
                return true;
            }
            let new = *at > newer_than;
            refused.late += u64::from(new && *at < told);
            new && *at >= told
        });
        points.sort_unstable_by_key(|(at, place, _)| (*at, *place));
        self.told_unix_ms = points.last().map_or(told, |(at, _, _)| *at);
        let moments = points.chunk_by(|a, b| a.0 == b.0).map(|points| {
            let rate = |(_, place, milli_rps): &(i64, usize, u64)| {
                let (app, zone) = series[*place].clone();
                Rate { app, zone, milli_rps: *milli_rps }
            };
            Moment { as_of_unix_ms: points[0].0, rates: points.iter().map(rate).collect() }
        });
        (moments.collect(), refused)
    }

    /// Takes in the newest point of a series. Gives the time after which its points are to be told, if any are.
    fn take(
        &mut self,
        now: i64,
        name: &(String, String),
        newest: Known,
        refused: &mut Refused,
    ) -> Option<i64> {
        let fresh = age_ms(now, newest.as_of_unix_ms) <= self.stale_after_ms;
        refused.old += u64::from(!fresh);
        let full = self.series.len() >= SERIES_MAX;
        let Some(known) = self.series.get_mut(name) else {
            refused.above_limit += u64::from(fresh && full);
            if fresh && !full {
                self.series.insert(name.clone(), newest);
            }
            return (fresh && !full).then_some(i64::MIN);
        };
        let before = *known;
        let corrected = newest.as_of_unix_ms == before.as_of_unix_ms && newest != before;
        if newest.as_of_unix_ms <= before.as_of_unix_ms && !corrected {
            return None;
        }
        *known = newest;
        fresh.then_some(before.as_of_unix_ms)
    }

    /// What is to be told of series that are silent, ascending by app and zone, and how many those are.
    pub(super) fn silent(&mut self, now: i64) -> (Vec<Rate>, usize) {
        self.series.retain(|_, known| age_ms(now, known.as_of_unix_ms) <= FORGET_AFTER_MS);
        let silent = |known: &Known| {
            age_ms(now, known.as_of_unix_ms)
                .checked_sub(self.stale_after_ms + 1)
                .map(|over| over + 1)
        };
        let mut count = 0;
        let mut rates = Vec::new();
        for ((app, zone), known) in &self.series {
            let Some(silent_ms) = silent(known) else { continue };
            count += 1;
            if let Some(milli_rps) = falls_back(self.fallback, known.milli_rps, silent_ms) {
                rates.push(Rate { app: app.clone(), zone: zone.clone(), milli_rps });
            }
        }
        (rates, count)
    }
}

/// What is told of a series that had this rate and has been stale for so long.
fn falls_back(fallback: Fallback, last_milli_rps: u64, silent_ms: u64) -> Option<u64> {
    match fallback {
        Fallback::Hold => Some(last_milli_rps),
        Fallback::Decay { half_life } => {
            #[expect(clippy::cast_precision_loss, reason = "a week in milliseconds is exact")]
            let halvings = silent_ms as f64 / half_life.0.0.max(1) as f64;
            #[expect(clippy::cast_precision_loss, reason = "rates have at most 11 digits")]
            let left = (last_milli_rps as f64 * (-halvings).exp2()).ceil();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "not more than the last rate"
            )]
            let left = left as u64;
            // However little is left of it, silence is not zero.
            Some(left.clamp(last_milli_rps.min(1), last_milli_rps))
        }
        Fallback::Floor(least) => Some(last_milli_rps.max(least.0.0)),
        Fallback::Forecast => None,
    }
}

/// How old something is; what is ahead of us is not old.
fn age_ms(now: i64, as_of: i64) -> u64 {
    u64::try_from(now.saturating_sub(as_of)).unwrap_or(0)
}

#[cfg(test)]
mod tests;

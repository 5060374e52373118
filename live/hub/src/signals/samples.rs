//! What one look at a source of demand found: points in time, series by series, as whole numbers.

use std::collections::BTreeMap;

/// The points that one look found.
#[derive(Clone, Debug)]
pub(super) struct Samples {
    twice: Twice,
    /// By app and zone, and the order in which they came.
    series: BTreeMap<(String, String), usize>,
    points: Vec<Point>,
    /// What could not be used.
    pub(super) refused: Refused,
}

/// What two points of one series and one time are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Twice {
    /// Parts of one rate, such as what two gateways of a zone see.
    Parts,
    /// A rate and its correction.
    Corrections,
}

/// What could not be used, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// Nothing said, or not in a way that could be a name, of which app or zone they are.
    pub unnamed: u64,
    /// Values that are no rate: not a number, infinite, negative, or above a hundred million per second.
    pub not_a_rate: u64,
    /// They were older than `staleAfter`.
    pub old: u64,
    /// Points of the past that came when their time, of the same source, had been told already.
    pub late: u64,
    /// They were of a time to come: a clock is wrong.
    pub ahead: u64,
    /// Their series were more than one signal may have.
    pub above_limit: u64,
    /// Lines of a file that could not be read.
    pub unreadable: u64,
}

/// A rate at a time.
#[derive(Clone, Copy, Debug)]
struct Point {
    as_of_unix_ms: i64,
    series: usize,
    micro_rps: u64,
}

/// The points of one look in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// App and zone of each series, ascending.
    pub(super) series: Vec<(String, String)>,
    /// By time and series, no two of which are equal: the time, the series' place, thousandths of requests per second.
    pub(super) points: Vec<(i64, usize, u64)>,
    /// What could not be used.
    pub(super) refused: Refused,
}

/// The longest name that is looked at; none that can be declared is longer.
const NAME_BYTES_MAX: usize = 63;
/// The highest rate that can be said anywhere: a hundred million per second.
const MICRO_RPS_MAX: f64 = 1e14;

impl Samples {
    pub(super) fn new(twice: Twice) -> Self {
        Self { twice, series: BTreeMap::new(), points: Vec::new(), refused: Refused::default() }
    }

    /// The number of a series, or `None` if nothing can be called so.
    pub(super) fn series(&mut self, app: &str, zone: &str) -> Option<usize> {
        if ![app, zone].into_iter().all(is_name) {
            return None;
        }
        let next = self.series.len();
        Some(*self.series.entry((app.to_owned(), zone.to_owned())).or_insert(next))
    }

    /// Adds a rate per second.
    pub(super) fn add(&mut self, series: usize, as_of_unix_ms: i64, rps: f64) {
        match micro(rps) {
            Some(micro_rps) => self.points.push(Point { as_of_unix_ms, series, micro_rps }),
            None => self.refused.not_a_rate += 1,
        }
    }

    /// All of it in order.
    pub(super) fn found(self) -> Found {
        let mut place = vec![0; self.series.len()];
        let mut series = Vec::with_capacity(self.series.len());
        for (name, number) in self.series {
            place[number] = series.len();
            series.push(name);
        }
        let mut points = self.points;
        for point in &mut points {
            point.series = place[point.series];
        }
        // Stable: of two with the same key, the one that came later is behind.
        points.sort_by_key(|point| (point.as_of_unix_ms, point.series));
        let same =
            |a: &Point, b: &Point| a.as_of_unix_ms == b.as_of_unix_ms && a.series == b.series;
        let one = |same: &[Point]| {
            let last = same[same.len() - 1];
            let micro_rps = match self.twice {
                Twice::Corrections => last.micro_rps,
                Twice::Parts => same.iter().fold(0, |sum, part| part.micro_rps.saturating_add(sum)),
            };
            (last.as_of_unix_ms, last.series, milli(micro_rps))
        };
        let points = points.chunk_by(same).map(one).collect();
        Found { series, points, refused: self.refused }
    }
}

impl Found {
    /// Without what is not the newest of its series.
    pub(super) fn newest_only(mut self) -> Self {
        let mut newest = vec![i64::MIN; self.series.len()];
        for (at, series, _) in &self.points {
            newest[*series] = *at;
        }
        self.points.retain(|(at, series, _)| newest[*series] == *at);
        self
    }
}

impl Refused {
    /// Adds what another look could not use.
    pub(super) fn add(&mut self, other: Self) {
        let Self { unnamed, not_a_rate, old, late, ahead, above_limit, unreadable } = other;
        self.unnamed += unnamed;
        self.not_a_rate += not_a_rate;
        self.old += old;
        self.late += late;
        self.ahead += ahead;
        self.above_limit += above_limit;
        self.unreadable += unreadable;
    }
}

fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len())
}

/// Millionths first, as whole numbers: their sum does not depend on their order, which Prometheus does not promise.
fn micro(rps: f64) -> Option<u64> {
    let micro = (rps * 1e6).round();
    if !(0.0..=MICRO_RPS_MAX).contains(&micro) || rps < 0.0 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "just compared")]
    let whole = micro as u64;
    Some(if rps > 0.0 { whole.max(1) } else { whole })
}

/// Rounded to the nearest, but what is more than nothing stays so.
fn milli(micro: u64) -> u64 {
    let nearest = micro.saturating_add(500) / 1_000;
    if micro > 0 { nearest.max(1) } else { 0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_are_summed_and_corrections_replace() {
        for (twice, both) in [(Twice::Parts, 3_500), (Twice::Corrections, 2_000)] {
            let mut samples = Samples::new(twice);
            for (app, at, rps) in [("b", 5, 1.0), ("a", 5, 1.5), ("a", 5, 2.0), ("a", 4, 7.0)] {
                let series = samples.series(app, "z").unwrap();
                samples.add(series, at, rps);
            }
            let found = samples.found();
            let series = ["a", "b"].map(|app| (app.to_owned(), "z".to_owned()));
            assert_eq!(found.series, series);
            assert_eq!(found.points, [(4, 0, 7_000), (5, 0, both), (5, 1, 1_000)]);
            assert_eq!(found.refused, Refused::default());
        }
    }

    #[test]
    fn what_is_no_rate_is_counted_and_what_is_little_is_not_nothing() {
        let mut samples = Samples::new(Twice::Parts);
        let series = samples.series("a", "z").unwrap();
        for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, -1e-9, 1e9] {
            samples.add(series, 0, wrong);
        }
        assert!(samples.points.is_empty());
        for (at, rps) in [(1, 0.0), (2, 1e-9), (3, 0.001_499), (4, 0.001_5), (5, 1e8)] {
            samples.add(series, at, rps);
        }
        let found = samples.found();
        let milli: Vec<u64> = found.points.iter().map(|point| point.2).collect();
        assert_eq!(milli, [0, 1, 1, 2, 100_000_000_000]);
        assert_eq!(found.refused.not_a_rate, 6);
        assert_eq!(Samples::new(Twice::Parts).series("", "z"), None);
        assert_eq!(Samples::new(Twice::Parts).series("a", &"z".repeat(64)), None);
    }

    proptest! {
        #[test]
        fn the_order_of_an_answer_changes_nothing(
            rates in prop::collection::vec((0_u8..4, 0_u8..4, 0_i64..3, 0.0..1e4), 0..60)
        ) {
            let read = |rates: &[(u8, u8, i64, f64)]| {
                let mut samples = Samples::new(Twice::Parts);
                for (app, zone, at, rps) in rates {
                    let series = samples.series(&app.to_string(), &zone.to_string()).unwrap();
                    samples.add(series, *at, *rps);
                }
                samples.found()
            };
            let mut other = rates.clone();
            other.reverse();
            let found = read(&rates);
            prop_assert_eq!(&found, &read(&other));
            prop_assert!(found.series.is_sorted_by(|a, b| a < b));
            prop_assert!(found.points.is_sorted_by(|a, b| (a.0, a.1) < (b.0, b.1)));
        }
    }
}

//! What is told of series that come, go and come back.

use periplus_core::units::{MilliRps, Span};
use periplus_spec::values::{Duration, Rate as SpecRate};
use proptest::prelude::*;

use super::*;
use crate::signals::samples::{Samples, Twice};

const STALE: u64 = 60_000;

fn book(fallback: Fallback) -> Book {
    Book::new(fallback, STALE)
}

/// `(app, time, rate)`, all from one zone.
fn found(points: &[(&str, i64, f64)]) -> Found {
    let mut samples = Samples::new(Twice::Corrections);
    for (app, at, rps) in points {
        let series = samples.series(app, "z").unwrap();
        samples.add(series, *at, *rps);
    }
    samples.found()
}

fn told(moments: &[Moment]) -> Vec<(i64, Vec<(&str, u64)>)> {
    moments.iter().map(|moment| (moment.as_of_unix_ms, shown(&moment.rates))).collect()
}

fn shown(rates: &[Rate]) -> Vec<(&str, u64)> {
    rates.iter().map(|rate| (rate.app.as_str(), rate.milli_rps)).collect()
}

fn floor(milli: u64) -> Fallback {
    Fallback::Floor(SpecRate(MilliRps(milli)))
}

fn decay(half_life_ms: u64) -> Fallback {
    Fallback::Decay { half_life: Duration(Span(half_life_ms)) }
}

#[test]
fn a_series_that_is_absent_is_silent_only_when_it_is_stale() {
    let mut book = book(Fallback::Hold);
    book.measured(0, found(&[("a", 0, 5.0), ("b", 0, 7.0)]));
    book.measured(50_000, found(&[("a", 50_000, 6.0)]));
    assert_eq!(book.silent(60_000), (vec![], 0));
    let (rates, silent) = book.silent(60_001);
    assert_eq!((shown(&rates), silent), (vec![("b", 7_000)], 1));
    let (moments, _) = book.measured(70_000, found(&[("b", 70_000, 1.0)]));
    assert_eq!(told(&moments), [(70_000, vec![("b", 1_000)])]);
    assert_eq!(book.silent(70_000).1, 0);
}

#[test]
fn each_fallback_says_what_it_promises() {
    let after = |fallback, silent_ms: i64| {
        let mut book = book(fallback);
        book.measured(0, found(&[("a", 0, 8.0), ("idle", 0, 0.0)]));
        let (rates, silent) = book.silent(60_000 + silent_ms);
        assert_eq!(silent, 2);
        shown(&rates).into_iter().map(|(_, rate)| rate).collect::<Vec<u64>>()
    };
    assert_eq!(after(Fallback::Hold, 3_600_000), [8_000, 0]);
    assert_eq!(after(floor(5_000), 1), [8_000, 5_000]);
    assert_eq!(after(floor(9_000), 1), [9_000, 9_000]);
    assert_eq!(after(decay(60_000), 60_000), [4_000, 0]);
    assert_eq!(after(decay(60_000), 180_000), [1_000, 0]);
    assert_eq!(after(decay(1), 180_000), [1, 0]);
    assert!(after(Fallback::Forecast, 3_600_000).is_empty());
}

#[test]
fn a_span_is_told_once_and_in_order() {
    let mut book = book(Fallback::Hold);
    let first = [("a", 10, 1.0), ("a", 20, 2.0), ("b", 20, 5.0)];
    let (moments, refused) = book.measured(20, found(&first));
    assert_eq!(told(&moments), [(10, vec![("a", 1_000)]), (20, vec![("a", 2_000), ("b", 5_000)])]);
    assert_eq!(refused, Refused::default());
    let again = [("a", 10, 1.0), ("a", 20, 2.0), ("a", 30, 3.0), ("b", 20, 5.0)];
    let (moments, refused) = book.measured(30, found(&again));
    assert_eq!(told(&moments), [(30, vec![("a", 3_000)])]);
    assert_eq!(refused, Refused::default());
}

#[test]
fn who_is_behind_others_is_told_of_at_their_time_and_corrections_count() {
    let mut book = book(Fallback::Hold);
    book.measured(100, found(&[("a", 100, 1.0), ("b", 50, 5.0)]));
    let (moments, refused) =
        book.measured(110, found(&[("b", 60, 6.0), ("b", 70, 7.0), ("c", 99, 2.0)]));
    assert_eq!(told(&moments), [(100, vec![("b", 7_000), ("c", 2_000)])]);
    assert_eq!(refused.late, 1);
    let (moments, _) = book.measured(120, found(&[("a", 100, 3.0), ("b", 70, 7.0)]));
    assert_eq!(told(&moments), [(100, vec![("a", 3_000)])]);
}

#[test]
fn what_is_old_when_it_comes_is_not_told_as_measured() {
    let mut book = book(Fallback::Hold);
    let (moments, refused) = book.measured(100_000, found(&[("never", 10, 9.0)]));
    assert_eq!((moments.len(), refused.old, book.len()), (0, 1, 0));
    book.measured(100_000, found(&[("a", 100_000, 1.0)]));
    let (moments, refused) = book.measured(200_000, found(&[("a", 110_000, 4.0)]));
    assert_eq!((moments.len(), refused.old), (0, 1));
    assert_eq!(shown(&book.silent(200_000).0), [("a", 4_000)]);
}

#[test]
fn a_clock_that_is_wrong_does_not_block_what_comes_after() {
    let mut book = book(Fallback::Hold);
    let (moments, refused) = book.measured(0, found(&[("a", 60_001, 1.0)]));
    assert_eq!((moments.len(), refused.ahead), (0, 1));
    let (moments, _) = book.measured(0, found(&[("a", 60_000, 1.0)]));
    assert_eq!(moments.len(), 1);
}

#[test]
fn what_is_silent_for_a_week_is_forgotten() {
    let mut book = book(floor(1));
    book.measured(0, found(&[("a", 0, 1.0)]));
    assert_eq!(book.silent(7 * 86_400_000).1, 1);
    assert_eq!((book.silent(7 * 86_400_000 + 1), book.len()), ((vec![], 0), 0));
}

fn fallbacks() -> impl Strategy<Value = Fallback> {
    prop_oneof![
        Just(Fallback::Hold),
        Just(Fallback::Forecast),
        (1_u64..1_000_000).prop_map(decay),
        (0_u64..1_000_000).prop_map(floor),
    ]
}

/// Looks: how long after the last one, and what was found, by app: how old it was, and the rate.
type Looks = Vec<(i64, Vec<(u8, i64, u32)>)>;

fn looks() -> impl Strategy<Value = Looks> {
    let points = prop::collection::vec((0_u8..4, 0_i64..150_000, 0_u32..10_000), 0..5);
    prop::collection::vec((1_i64..100_000, points), 1..30)
}

proptest! {
    #[test]
    fn silence_is_never_zero(fallback in fallbacks(), last in 1_u64..100_000_000_000, silent in 1_u64..FORGET_AFTER_MS) {
        let told = falls_back(fallback, last, silent);
        prop_assert!(told.is_none_or(|told| told > 0), "{told:?}");
        let later = falls_back(fallback, last, silent + 1);
        prop_assert!(later <= told, "{told:?} then {later:?}");
    }

    /// Against a model that knows no order of sources: what is fresh is told once and in order, what is silent is held.
    #[test]
    fn each_series_is_told_as_its_last_sample_has_it(looks in looks()) {
        let mut book = book(Fallback::Hold);
        let mut model: BTreeMap<String, Known> = BTreeMap::new();
        let (mut now, mut told) = (1_000_000, i64::MIN);
        for (wait, points) in looks {
            now += wait;
            let mut newest: BTreeMap<String, Known> = BTreeMap::new();
            let mut samples = Samples::new(Twice::Corrections);
            for (app, age, rps) in points {
                let (app, at) = (app.to_string(), now - age);
                let series = samples.series(&app, "z").unwrap();
                samples.add(series, at, f64::from(rps));
                let found = Known { as_of_unix_ms: at, milli_rps: u64::from(rps) * 1_000 };
                let known = newest.entry(app).or_insert(found);
                if at >= known.as_of_unix_ms {
                    *known = found;
                }
            }
            let is_fresh = |known: &Known| age_ms(now, known.as_of_unix_ms) <= STALE;
            let mut expected = Vec::new();
            for (app, found) in newest {
                let known = model.get(&app);
                if known.map_or(is_fresh(&found), |known| found.as_of_unix_ms >= known.as_of_unix_ms) {
                    if is_fresh(&found) && known != Some(&found) {
                        expected.push((app.clone(), found.milli_rps));
                    }
                    model.insert(app, found);
                }
            }

            let (moments, _) = book.measured(now, samples.found());
            let mut last = BTreeMap::new();
            for moment in &moments {
                prop_assert!(told <= moment.as_of_unix_ms && moment.as_of_unix_ms <= now);
                prop_assert!(moment.rates.is_sorted_by(|a, b| a.app < b.app));
                told = moment.as_of_unix_ms;
                last.extend(moment.rates.iter().map(|rate| (rate.app.clone(), rate.milli_rps)));
            }
            prop_assert_eq!(last.into_iter().collect::<Vec<_>>(), expected);

            let held = model.iter().filter(|(_, known)| !is_fresh(known));
            let held: Vec<(&str, u64)> = held.map(|(app, known)| (app.as_str(), known.milli_rps)).collect();
            let (silent, count) = book.silent(now);
            prop_assert_eq!(shown(&silent), held);
            prop_assert_eq!(silent.len(), count);
        }
    }
}

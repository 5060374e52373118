//! Shapes: how demand changes over time, in thousandths of its highest rate.

use periplus_core::units::{MilliRps, Span};

use crate::border::staffing::UNBOUNDED;
use crate::border::{float, rounded, rounded_u32};
use crate::draft::{CommutersDraft, DiurnalDraft, FlashCrowdDraft, StepDraft};
use crate::scenario::Shape;
use crate::values::Number;

/// The most values that one shape may have.
pub const VALUES_MAX: u64 = 1_000_000;

const DAY: u64 = 24 * Span::HOUR.0;
const MINUTES_PER_DAY: u64 = 1_440;
const WHOLE: f64 = 1_000.0;

/// A clock that a shape follows: what it says at tick 0, in milliseconds since a Monday's midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Clock(pub(crate) u64);

impl Clock {
    /// The clock at `epoch_ms` (Unix time) where local time is `offset_ms` ahead of UTC. 1 January 1970 was a
    /// Thursday.
    pub(crate) fn at(epoch_ms: i64, offset_ms: i64) -> Self {
        let week = i128::from(7 * DAY);
        let thursday = i128::from(3 * DAY);
        let local = (i128::from(epoch_ms) + i128::from(offset_ms) + thursday).rem_euclid(week);
        Self(u64::try_from(local).unwrap_or(0))
    }

    /// The minute of the day and whether it is a weekend, `minutes` after tick 0.
    fn minute(self, minutes: u64) -> (u64, bool) {
        let local = self.0 + minutes * Span::MINUTE.0;
        let weekend = local / DAY % 7 >= 5;
        (local % DAY / Span::MINUTE.0, weekend)
    }
}

/// Always the whole.
pub(crate) fn constant() -> Shape {
    Shape { step: Span::HOUR, values: vec![1_000] }
}

/// A cosine over the day, by the minute.
pub(crate) fn diurnal(draft: &DiurnalDraft, clock: Clock) -> (MilliRps, Shape) {
    let high = draft.high.0;
    let low = float(draft.low.0.0) / float(high.0.max(1));
    let peak = draft.peak_at.0.0 / Span::MINUTE.0;
    let day: Vec<f64> = (0..MINUTES_PER_DAY)
        .map(|minute| {
            let turn =
                float((minute + MINUTES_PER_DAY - peak) % MINUTES_PER_DAY) / float(MINUTES_PER_DAY);
            let raised = (1.0 + libm::cos(turn * 2.0 * std::f64::consts::PI)) / 2.0;
            low + (1.0 - low) * raised
        })
        .collect();
    let weekend = draft.weekend.float();
    let same = draft.weekend == Number::thousandths(1_000);
    let days = if same { 1 } else { 7 };
    let values = (0..days * MINUTES_PER_DAY).map(|minute| {
        let (of_day, free) = clock.minute(minute);
        let value = day[usize::try_from(of_day).unwrap_or(0)];
        rounded_u32(value * if free && !same { weekend } else { 1.0 } * WHOLE)
    });
    (high, Shape { step: Span::MINUTE, values: values.collect() })
}

/// Jumps, in steps as long as their times allow. Nothing where that would be too many.
pub(crate) fn steps(draft: &[StepDraft], until: Span) -> Option<(MilliRps, Shape)> {
    let high = draft.iter().map(|step| step.rate.0).max().unwrap_or(MilliRps::ZERO);
    let times = draft.iter().map(|step| step.at.0.0);
    let step = times.fold(0, common_divisor).clamp(1, until.0.max(1));
    let step =
        if step == 1 && draft.iter().all(|step| step.at.0.0 == 0) { until.0.max(1) } else { step };
    let count = until.0.div_ceil(step) + 1;
    if count > VALUES_MAX {
        return None;
    }
    let rate_at = |at: u64| {
        let before = draft.iter().filter(|step| step.at.0.0 <= at);
        before.max_by_key(|step| step.at.0.0).map_or(MilliRps::ZERO, |step| step.rate.0)
    };
    let values = (0..count).map(|index| part(rate_at(index * step), high));
    Some((high, Shape { step: Span(step), values: values.collect() }))
}

fn common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// A rate in thousandths of the highest; what is not nothing stays something.
fn part(rate: MilliRps, high: MilliRps) -> u32 {
    if rate == MilliRps::ZERO {
        return 0;
    }
    rounded_u32(float(rate.0) / float(high.0.max(1)) * WHOLE).max(1)
}

/// One peak, in steps of ten seconds, or longer where the scenario is long.
pub(crate) fn flash_crowd(draft: &FlashCrowdDraft, until: Span) -> (MilliRps, Shape) {
    let high = draft.peak.0.max(draft.base.0);
    let step = (10 * Span::SECOND.0).max(until.0.div_ceil(VALUES_MAX));
    let base = float(draft.base.0.0) / float(high.0.max(1));
    let peak = float(draft.peak.0.0) / float(high.0.max(1));
    let (rise, stay, fall) = (draft.rise.0.0, draft.stay.0.0, draft.fall.0.0);
    let value = |at: u64| {
        let Some(since) = at.checked_sub(draft.at.0.0) else { return base };
        if since < rise {
            return base + (peak - base) * float(since) / float(rise);
        }
        let falling = (since - rise).saturating_sub(stay);
        let halves = if fall == 0 {
            f64::from(u8::from(falling > 0)) * 1e3
        } else {
            float(falling) / float(fall)
        };
        base + (peak - base) * libm::exp2(-halves)
    };
    let count = until.0.div_ceil(step) + 1;
    let values = (0..count).map(|index| rounded_u32(value(index * step) * WHOLE));
    (high, Shape { step: Span(step), values: values.collect() })
}

/// The parts of commuters who are at home and at work, by the minute of a week.
pub(crate) fn commuters(draft: &CommutersDraft, clock: Clock) -> (Shape, Shape) {
    let spread = float(draft.spread.0.0.max(1));
    let gone = |time: u64, from: u64| {
        let since = (time + DAY - from) % DAY;
        (float(since) / spread).min(1.0)
    };
    let (morning, evening) = (draft.morning.0.0, draft.evening.0.0);
    let going = float(u64::from(draft.part.0.0)) / WHOLE;
    let away = |minute: u64| {
        let (of_day, weekend) = clock.minute(minute);
        if weekend && draft.free_weekends {
            return 0.0;
        }
        let time = of_day * Span::MINUTE.0;
        // Who has left home and not yet left work; midnight is before the morning.
        let left = if time >= morning { gone(time, morning) } else { 0.0 };
        let back = if time >= evening { gone(time, evening) } else { 0.0 };
        (left - back).max(0.0) * going
    };
    let week = 0..7 * MINUTES_PER_DAY;
    let work: Vec<u32> = week.map(|minute| rounded_u32(away(minute) * WHOLE)).collect();
    let home = work.iter().map(|work| 1_000_u32.saturating_sub(*work)).collect();
    let step = Span::MINUTE;
    (Shape { step, values: home }, Shape { step, values: work })
}

/// A recorded series, turned so that it begins `ahead` later than it was recorded; nothing where it is too
/// long. Gives its highest value too.
pub(crate) fn recorded(values: &[f64], step: Span, ahead: u64) -> Option<(f64, Shape)> {
    if values.is_empty() || values.len() as u64 > VALUES_MAX {
        return None;
    }
    let high = values.iter().copied().fold(0.0, f64::max);
    let scale = if high > 0.0 { WHOLE / high } else { 0.0 };
    let turn = usize::try_from(ahead / step.0.max(1) % values.len() as u64).unwrap_or(0);
    let (late, early) = values.split_at(turn);
    let turned = early.iter().chain(late).map(|value| {
        let part = rounded_u32(value * scale);
        if *value > 0.0 { part.max(1) } else { part }
    });
    Some((high, Shape { step, values: turned.collect() }))
}

/// A rate times a factor, to the nearest; no more than can be served by whatever is there.
pub(crate) fn times(rate: MilliRps, factor: f64) -> MilliRps {
    MilliRps(rounded(float(rate.0) * factor)).min(UNBOUNDED)
}

/// `total` shared in proportion to `weights`; the shares add up to it exactly.
pub(crate) fn shared(total: MilliRps, weights: &[u64]) -> Vec<MilliRps> {
    let sum: u128 = weights.iter().copied().map(u128::from).sum();
    let mut before = 0_u128;
    let cut = |weight: u128| u128::from(total.0) * weight / sum.max(1);
    let share = |weight: &u64| {
        let from = cut(before);
        before += u128::from(*weight);
        MilliRps(u64::try_from(cut(before) - from).unwrap_or(u64::MAX))
    };
    weights.iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use periplus_core::units::{Permille, Tick};

    use super::*;
    use crate::draft::SelectionDraft;
    use crate::values::{Duration, Percentage, Rate, TimeOfDay};

    fn rate(rps: u64) -> Rate {
        Rate(MilliRps(rps * 1_000))
    }

    fn hours(hours: u64) -> Tick {
        Tick(hours * Span::HOUR.0)
    }

    #[test]
    fn a_day_peaks_where_it_is_said_and_weekends_are_quieter() {
        let draft = DiurnalDraft {
            low: rate(10),
            high: rate(100),
            peak_at: TimeOfDay(Span(20 * Span::HOUR.0)),
            weekend: Number::thousandths(500),
        };
        // A Friday noon, UTC.
        let friday = Clock::at(1_767_916_800_000 + 43_200_000, 0);
        let (high, shape) = diurnal(&draft, friday);
        assert_eq!(high, MilliRps(100_000));
        assert_eq!(shape.values.len(), 7 * 1_440);
        assert_eq!(shape.at(hours(8)), 1_000);
        assert_eq!(shape.at(hours(8 + 12)), 50, "Saturday morning");
        assert_eq!(shape.at(hours(8 + 24)), 500, "Saturday evening");
        assert_eq!(shape.at(hours(8 + 72)), 1_000, "Monday evening");
    }

    #[test]
    fn time_zones_move_the_clock() {
        assert_eq!(Clock::at(0, 0), Clock(3 * DAY));
        assert_eq!(Clock::at(0, 10 * 3_600_000), Clock(3 * DAY + 10 * Span::HOUR.0));
        assert_eq!(Clock::at(-4 * 86_400_000, 0), Clock(6 * DAY));
    }

    #[test]
    fn steps_are_as_long_as_their_times_allow() {
        let step =
            |seconds: u64, rps: u64| StepDraft { at: Duration::seconds(seconds), rate: rate(rps) };
        let (high, shape) =
            steps(&[step(60, 10), step(150, 40), step(300, 0)], Span(600_000)).unwrap();
        assert_eq!((high, shape.step), (MilliRps(40_000), Span(30_000)));
        let at = |seconds: u64| shape.at(Tick(seconds * 1_000));
        assert_eq!(
            [at(0), at(59), at(60), at(149), at(150), at(300), at(600)],
            [0, 0, 250, 250, 1_000, 0, 0]
        );
        let fine = StepDraft { at: Duration(Span(1)), rate: rate(1) };
        assert!(steps(&[fine], Span(10 * DAY)).is_none());
        let (_, flat) = steps(&[step(0, 5)], Span(600_000)).unwrap();
        assert_eq!(flat.at(Tick(599_999)), 1_000);
    }

    #[test]
    fn a_crowd_rises_in_a_line_and_falls_by_halves() {
        let draft = FlashCrowdDraft {
            base: rate(10),
            peak: rate(110),
            at: Duration::seconds(600),
            rise: Duration::seconds(100),
            stay: Duration::seconds(60),
            fall: Duration::seconds(200),
        };
        let (high, shape) = flash_crowd(&draft, Span(3_600_000));
        assert_eq!(high, MilliRps(110_000));
        let at = |seconds: u64| shape.at(Tick(seconds * 1_000));
        assert_eq!(
            [at(0), at(650), at(700), at(750), at(960), at(3_600)],
            [91, 545, 1_000, 1_000, 545, 91]
        );
    }

    #[test]
    fn who_is_not_at_home_is_at_work() {
        let draft = CommutersDraft {
            rate: rate(10),
            homes: SelectionDraft::default(),
            works: SelectionDraft::default(),
            part: Percentage(Permille(600)),
            morning: TimeOfDay(Span(7 * Span::HOUR.0)),
            evening: TimeOfDay(Span(16 * Span::HOUR.0)),
            spread: Duration::seconds(7_200),
            free_weekends: true,
        };
        let monday = Clock(0);
        let (home, work) = commuters(&draft, monday);
        let at = |hour: u64| (home.at(hours(hour)), work.at(hours(hour)));
        assert_eq!(
            [at(0), at(8), at(12), at(17), at(20)],
            [(1_000, 0), (700, 300), (400, 600), (700, 300), (1_000, 0)]
        );
        assert_eq!(at(5 * 24 + 12), (1_000, 0), "Saturday");
    }

    #[test]
    fn a_record_is_turned_and_scaled_to_its_peak() {
        let (high, shape) = recorded(&[1.0, 4.0, 2.0, 0.0], Span::HOUR, Span::HOUR.0).unwrap();
        assert!((high - 4.0).abs() < 1e-12);
        assert_eq!(shape.values, [1_000, 500, 0, 250]);
        assert_eq!(recorded(&[0.0001, 4_000.0], Span::HOUR, 0).unwrap().1.values, [1, 1_000]);
    }

    proptest! {
        #[test]
        fn shares_add_up(total in 0_u64..1_000_000_000, weights in prop::collection::vec(0_u64..1_000, 1..50)) {
            prop_assume!(weights.iter().sum::<u64>() > 0);
            let shares = shared(MilliRps(total), &weights);
            prop_assert_eq!(shares.iter().map(|share| share.0).sum::<u64>(), total);
        }
    }
}

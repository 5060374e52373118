//! Ensembles: a day like that of a scenario, drawn from a seed.
//!
//! Every part of a day has a stream of luck of its own, so that two fleets meet the same days: the demand of a seed
//! does not depend on what stands where, nor does it shift when one more cluster can fail.
//!
//! Failures that happen on few days and cost much are hardly ever in a few dozen days that are drawn at random, and
//! nobody can tell from such a sample what it lacks. So days can be drawn from two *strata* as well: those with such a
//! failure and those without. How likely each is follows from the rates, so that both together say what days at random
//! would (stratified sampling).

use std::collections::BTreeMap;
use std::sync::Arc;

use periplus_core::Input;
use periplus_core::ids::{ClusterId, SeriesId};
use periplus_core::input::{Observation, Sight};
use periplus_core::units::{MilliRps, Span, Tick};
use periplus_spec::border::growth::YEAR;
use periplus_spec::border::{chance, growth};
use periplus_spec::scenario::{Act, Blocks, Failure, Moment, Scenario, SeriesTruth, Shape};

use crate::luck::{Luck, Purpose, Stream};

/// Which days are drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stratum {
    /// All.
    All,
    /// Those on which nothing fails that seldom does.
    Calm,
    /// The others.
    Failing,
}

/// Numbers that follow each other stand for points that lie evenly in a square, however many they are: few days then have
/// as much of the growth that is seldom as many have. Powers of the plastic number's inverse, times 2⁶⁴ (Roberts 2018).
const EVENLY: [u64; 2] = [0xC13F_A9A9_02A6_328F, 0x91E1_0DA5_C79E_7B1D];

/// What happens on more days than this is not seldom.
const SELDOM_MOST: f64 = 0.5;

/// The part of all days on which something fails that seldom does; nothing where there is no such thing.
#[must_use]
pub fn failing_days(scenario: &Scenario) -> Option<f64> {
    let seldom = scenario.ensemble.failures.iter().filter(|failure| is_seldom(scenario, failure));
    let expected: f64 = seldom.map(|failure| expected(scenario, failure)).sum();
    (expected > 0.0).then(|| -libm::expm1(-expected))
}

/// How many outages touch a day on average: those that begin in it, and those that go on.
fn expected(scenario: &Scenario, failure: &Failure) -> f64 {
    let lasts = &failure.lasts.0;
    let mean = lasts.iter().map(|span| span.0 as f64).sum::<f64>() / lasts.len() as f64;
    let rate = f64::from(failure.per_millennium) / (1_000.0 * YEAR.0 as f64);
    failure.units.len() as f64 * rate * (scenario.duration.0 as f64 + mean)
}

fn is_seldom(scenario: &Scenario, failure: &Failure) -> bool {
    -libm::expm1(-expected(scenario, failure)) <= SELDOM_MOST
}

/// A day to be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// What its luck comes from.
    pub seed: u64,
    /// Which days it is drawn from.
    pub stratum: Stratum,
    /// Its number among those over which growth is spread evenly.
    pub number: u64,
}

impl Day {
    /// The day that a seed stands for, where all days are drawn from.
    #[must_use]
    pub const fn any(seed: u64) -> Self {
        Self { seed, stratum: Stratum::All, number: seed }
    }

    /// The same where strata take turns: of the seeds, every other one is of the same stratum.
    #[must_use]
    pub const fn of(stratum: Stratum, seed: u64) -> Self {
        Self { seed, stratum, number: seed / 2 }
    }
}

/// A scenario on such a day.
///
/// # Panics
/// Panics if the stratum has no days.
#[must_use]
pub fn draw(scenario: &Scenario, drawn: Day) -> Scenario {
    let Day { seed, stratum, number } = drawn;
    let mut day = Scenario { seed, ..scenario.clone() };
    let luck = Luck::new(seed);
    if let Some(blocks) = day.ensemble.demand {
        rearrange(&mut day, blocks, &luck);
    }
    grow(&mut day, number);
    begin_with(&mut day);
    let mut moments = failures(&day, &luck, stratum);
    moments.extend(spare(&day, &luck));
    day.timeline.extend(moments);
    day.timeline.sort_by_key(|moment| moment.at);
    day
}

/// Recorded demand is put together anew, the same way everywhere.
fn rearrange(day: &mut Scenario, blocks: Blocks, luck: &Luck) {
    let Blocks { block, season } = blocks;
    let mut made: BTreeMap<*const Shape, Arc<Shape>> = BTreeMap::new();
    for series in &mut day.fleet.series {
        let shape = &series.demand.shape;
        let seasons = shape.period().0 / season.0;
        if seasons < 2 {
            continue;
        }
        let anew = made.entry(Arc::as_ptr(shape)).or_insert_with(|| {
            let mut stream = luck.stream(Purpose::Season, &[]);
            let mut sources: Vec<u64> = Vec::new();
            let values = (0..day.duration.0.div_ceil(shape.step.0).max(1)).map(|place| {
                let at = place * shape.step.0;
                let number = usize::try_from(at / block.0).expect("blocks fit into memory");
                while sources.len() <= number {
                    sources.push(stream.draw());
                }
                let chosen = crate::luck::scale(sources[number], seasons);
                shape.at(Tick(at % season.0 + chosen * season.0))
            });
            Arc::new(Shape { step: shape.step, values: values.collect() })
        });
        series.demand.shape = Arc::clone(anew);
    }
}

/// Demand is as large as it has become by a day between the lead time and the horizon.
fn grow(day: &mut Scenario, number: u64) {
    let Some(quantiles) = &day.ensemble.growth else { return };
    let [growth, moment] = EVENLY.map(|step| number.wrapping_mul(step));
    let per_year = quantiles[usize::from(growth.to_le_bytes()[7])];
    let (lead, horizon) = (day.ensemble.lead.0, day.ensemble.horizon.0);
    let when = lead.saturating_add(crate::luck::scale(moment, horizon.max(1)));
    let factor = growth::after(per_year, Span(when));
    for series in &mut day.fleet.series {
        let base = &mut series.demand.base;
        *base = MilliRps(base.0.saturating_mul(u64::from(factor)) / 1_000);
    }
}

/// What was seen of demand when the scenario begins is that of the day.
fn begin_with(day: &mut Scenario) {
    let first = |series: &SeriesTruth| {
        let demand = &series.demand;
        MilliRps(demand.base.0 * u64::from(demand.shape.at(Tick::ZERO)) / 1_000)
    };
    let rates: Vec<MilliRps> = day.fleet.series.iter().map(first).collect();
    for input in &mut day.setup {
        if let Input::Observation(Observation {
            sight: Sight::Demand { rates: seen, .. }, ..
        }) = input
        {
            let known: &mut Vec<(SeriesId, MilliRps)> = seen;
            known.iter_mut().for_each(|(series, rate)| *rate = rates[series.index()]);
        }
    }
}

/// What fails on the day, also what failed before it and is still out.
fn failures(day: &Scenario, luck: &Luck, stratum: Stratum) -> Vec<Moment> {
    let all = (0_u32..).zip(&day.ensemble.failures);
    let (seldom, often): (Vec<_>, Vec<_>) = all.partition(|(_, failure)| is_seldom(day, failure));
    let mut moments = outages_of(day, luck, &often, 0);
    match stratum {
        Stratum::All => moments.extend(outages_of(day, luck, &seldom, 0)),
        Stratum::Calm => {}
        Stratum::Failing => {
            assert!(failing_days(day).is_some(), "there is no such day");
            let tries = (0..).map(|again| outages_of(day, luck, &seldom, again));
            let mut found = tries.skip_while(Vec::is_empty);
            moments.extend(found.next().expect("tries do not end"));
        }
    }
    moments
}

/// The outages of some kinds of failures, in the try that is counted by `again`.
fn outages_of(
    day: &Scenario,
    luck: &Luck,
    failures: &[(u32, &Failure)],
    again: u32,
) -> Vec<Moment> {
    let mut moments = Vec::new();
    for (number, failure) in failures {
        for unit in &failure.units {
            let first = unit.first().map_or(0, |cluster| cluster.0);
            let stream = luck.stream(Purpose::Failure, &[*number, first, again]);
            moments.extend(outages(unit, failure, stream, day.duration));
        }
    }
    moments
}

fn outages(
    unit: &[ClusterId],
    failure: &Failure,
    mut stream: Stream,
    duration: Span,
) -> Vec<Moment> {
    let longest = failure.lasts.0.last().map_or(0, |span| span.0);
    let mut moments = Vec::new();
    // Time counts from so long before the day that nothing from earlier can last into it.
    let mut at = 0_u64;
    loop {
        at = at.saturating_add(chance::wait(failure.per_millennium, stream.draw()).0);
        if at >= longest.saturating_add(duration.0) {
            return moments;
        }
        let ends = at + stream.span(&failure.lasts).0;
        if ends <= longest {
            continue;
        }
        let begins = at.max(longest);
        let act = Act::Outage { clusters: unit.to_vec(), lasts: Some(Span(ends - begins)) };
        moments.push(Moment { at: Tick(begins - longest), act });
    }
}

/// One of those that are to spare is out.
fn spare(day: &Scenario, luck: &Luck) -> Option<Moment> {
    let units = &day.ensemble.spare;
    let chosen = luck.stream(Purpose::Spare, &[]).below(units.len() as u64);
    let clusters = units.get(usize::try_from(chosen).ok()?)?.clone();
    Some(Moment { at: Tick::ZERO, act: Act::Outage { clusters, lasts: None } })
}

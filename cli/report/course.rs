//! One run, looked at closely: its intervals, its hours, its flows.

use periplus_core::State;
use periplus_core::units::{Span, Tick};
use periplus_sim::{Breakdown, Part, World};
use periplus_spec::scenario::Scenario;

use crate::failure::Failure;
use crate::report::data::{CourseTold, HappeningTold};
use crate::report::flows::{self, Decisions, Flows, Lookout};
use crate::report::hours::{self, Atlas};
use crate::report::series::{self, Grid};
use crate::report::short::Short;
use crate::whatif::study::{Study, Variant, Way};
use crate::wording::acts;

/// A run, and what is told of it.
#[derive(Debug)]
pub(crate) struct Course {
    /// The variant, with the seed that was run.
    pub(crate) way: Way,
    pub(crate) flows: Flows,
    pub(crate) told: CourseTold,
}

/// What is looked at on the way.
struct Onlooker {
    breakdowns: Vec<Breakdown>,
    stops: Vec<Tick>,
    seen: Lookout,
}

impl periplus_sim::Watch for Onlooker {
    fn breakdowns(&self) -> Vec<Breakdown> {
        self.breakdowns.clone()
    }

    fn probes(&self) -> Vec<Tick> {
        self.stops.clone()
    }

    fn probe(&mut self, _: Tick, state: &State, _: &World<'_>) {
        self.seen.look(state);
    }
}

/// Runs a variant with the study's first seed. `place` is the variant's in the report.
///
/// # Errors
/// The machine or the world has a bug.
pub(crate) fn follow(
    study: &Study,
    variant: &Variant,
    place: usize,
    atlas: &Atlas,
) -> Result<Course, Failure> {
    let seed = study.seeds[0];
    let way = study.world(variant, 0);
    let scenario = way.scenario();
    let located = hours::is_located(&scenario.fleet) && hours::is_small(&scenario.fleet);
    let (every, stops) = flows::looks(scenario);
    let closely = located.then(hours::closely).into_iter().flatten();
    let breakdowns = hours::plain().into_iter().chain(closely).collect();
    let mut onlooker = Onlooker { breakdowns, stops, seen: Lookout::default() };
    let mut decisions = Decisions::default();
    let outcome = study.run(&way, &mut decisions, &mut onlooker)?;
    let mut parts = outcome.parts.iter().map(|(_, parts)| parts.as_slice());
    let mut next = || -> &[Part] { parts.next().unwrap_or_default() };
    let (by_hour, clusters) = (next(), next());
    let hours = located.then(|| hours::hours(scenario, atlas, [next(), clusters, next()]));
    let grid = Grid::of(scenario);
    let told = CourseTold {
        variant: place,
        seed,
        digest: outcome.digest.to_string(),
        happenings: happenings(scenario),
        step_seconds: Short::drawn(grid.step_seconds()),
        series: series::series(scenario, grid, &outcome.rows, [by_hour, clusters]),
        hours,
        partings: Vec::new(),
        flows_that_differ: 0,
    };
    let flows = Flows::new(every, onlooker.seen, &decisions, &outcome.state);
    Ok(Course { way, flows, told })
}

fn happenings(scenario: &Scenario) -> Vec<HappeningTold> {
    let told = scenario.timeline.iter().filter_map(|moment| {
        let text = acts::act(&moment.act, scenario)?;
        Some(HappeningTold { hour: in_hours(moment.at), text })
    });
    told.collect()
}

/// A time as hours from the start.
pub(crate) fn in_hours(at: Tick) -> Short {
    Short::listed(at.0 as f64 / Span::HOUR.0 as f64)
}

//! Drawing: a seed becomes a scenario.
//!
//! The seed first decides which kinds of troubles exist at all, then how many there are and when: a run with
//! everything in it shows less than many runs that each have something else.

mod apps;
mod demand;
mod fleet;
mod policy;
mod troubles;

use std::fmt;

use periplus_core::units::{Span, Tick};
use periplus_spec::draft::{MomentDraft, Object, ScenarioDraft, WorldDraft};
use periplus_spec::scenario::Scenario;
use periplus_spec::values::{Duration, Name};
use periplus_spec::{ScenarioBuilder, diagnostic::Diagnostic};

use super::dice::{Dice, Topic};

/// How long troubles come.
pub(super) const TROUBLES: Span = Span(2 * Span::HOUR.0);
/// From the end of all troubles to the point at which everything must be settled: longer than every guard.
pub(super) const SETTLING: Span = Span(2 * Span::HOUR.0);
/// How long nothing may change after that.
pub(super) const QUIET: Span = Span(30 * Span::MINUTE.0);

/// A kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    Outage,
    Partition,
    NodeLoss,
    Drift,
    GitOutage,
    PodFailure,
    LateReports,
    /// Reports come again, later and out of order.
    Echoes,
    /// Of effects that were done nobody says so.
    Unknowns,
    Price,
    Carbon,
    Surge,
    /// Sensors lie or say nothing.
    Sensor,
    /// The hub dies, and another takes over from its log.
    Restart,
    Cordon,
    Drain,
    Pin,
    Lost,
    Pause,
    Withdraw,
    Redeclare,
    Retire,
}

/// What a seed decided before anything else.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) troubles: Vec<Trouble>,
    /// Whether the hub's log is kept by the journal, on disk, instead of in memory.
    pub(super) journal: bool,
    clusters: usize,
    zones: usize,
    apps: usize,
}

/// A drawn scenario and what was decided for it.
#[derive(Debug)]
pub(super) struct Drawn {
    pub(super) options: Options,
    pub(super) scenario: Scenario,
}

/// Draws the scenario of a seed.
///
/// # Errors
/// What is wrong with it: a bug of the drawing.
pub(super) fn draw(seed: u64) -> Result<Drawn, Vec<Diagnostic>> {
    let options = Options::draw(seed);
    let scenario = built(seed, &options).build()?.scenario;
    Ok(Drawn { options, scenario })
}

fn built(seed: u64, options: &Options) -> ScenarioBuilder {
    let fleet = fleet::draw(seed, options.clusters, options.zones);
    let policy = policy::draw(seed);
    let apps = apps::draw(seed, options.apps, &fleet);
    let mut draft = ScenarioDraft::new("Drawn.", Duration(whole()));
    draft.seed = seed;
    draft.world = world(seed);
    draft.demand = demand::draw(seed, &apps, &fleet);
    draft.timeline = troubles::draw(seed, &options.troubles, &fleet, &apps);
    let mut builder = ScenarioBuilder::new(name("drawn"), draft).policy(policy);
    for tenant in fleet.tenants {
        builder = builder.tenant(tenant);
    }
    for cluster in fleet.clusters {
        builder = builder.cluster(cluster);
    }
    for zone in fleet.zones {
        builder = builder.zone(zone);
    }
    for app in apps {
        builder = builder.application(app);
    }
    builder
}

/// When all troubles are over.
pub(super) fn healed() -> Tick {
    Tick::ZERO.after(TROUBLES)
}

fn whole() -> Span {
    TROUBLES.saturating_add(SETTLING).saturating_add(QUIET)
}

fn world(seed: u64) -> WorldDraft {
    let mut dice = Dice::new(seed, Topic::Policy);
    let mut world = WorldDraft { meter_every: minutes(30), ..WorldDraft::default() };
    world.demand_every = Duration::seconds(*dice.pick(&[30, 60]));
    world.capacity_every = Duration::seconds(*dice.pick(&[60, 120]));
    world.commit_window = Duration::seconds(*dice.pick(&[0, 5, 30]));
    world.dns_ttl = Duration::seconds(*dice.pick(&[5, 60]));
    world
}

impl Options {
    fn draw(seed: u64) -> Self {
        let mut dice = Dice::new(seed, Topic::Options);
        let clusters = 2 + dice.below(11);
        let zones = 1 + dice.below(12);
        let apps = 1 + dice.below(5);
        let journal = dice.happens(30);
        // A seed has few kinds or many.
        let likely = *dice.pick(&[10, 25, 25, 50]);
        let mut troubles: Vec<Trouble> = Trouble::ALL.into();
        troubles.retain(|_| dice.happens(likely));
        Self { troubles, journal, clusters, zones, apps }
    }

    pub(super) fn has(&self, trouble: Trouble) -> bool {
        self.troubles.contains(&trouble)
    }
}

impl Trouble {
    const ALL: [Self; 22] = [
        Self::Outage,
        Self::Partition,
        Self::NodeLoss,
        Self::Drift,
        Self::GitOutage,
        Self::PodFailure,
        Self::LateReports,
        Self::Echoes,
        Self::Unknowns,
        Self::Price,
        Self::Carbon,
        Self::Surge,
        Self::Sensor,
        Self::Restart,
        Self::Cordon,
        Self::Drain,
        Self::Pin,
        Self::Lost,
        Self::Pause,
        Self::Withdraw,
        Self::Redeclare,
        Self::Retire,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Outage => "outage",
            Self::Partition => "partition",
            Self::NodeLoss => "nodeLoss",
            Self::Drift => "drift",
            Self::GitOutage => "gitOutage",
            Self::PodFailure => "podFailure",
            Self::LateReports => "lateReports",
            Self::Echoes => "echoes",
            Self::Unknowns => "unknowns",
            Self::Price => "price",
            Self::Carbon => "carbon",
            Self::Surge => "surge",
            Self::Sensor => "sensor",
            Self::Restart => "restart",
            Self::Cordon => "cordon",
            Self::Drain => "drain",
            Self::Pin => "pin",
            Self::Lost => "lost",
            Self::Pause => "pause",
            Self::Withdraw => "withdraw",
            Self::Redeclare => "redeclare",
            Self::Retire => "retire",
        }
    }
}

impl fmt::Display for Options {
    /// `7 clusters, 3 zones, 2 apps, journal; outage, restart`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { troubles, journal, clusters, zones, apps } = self;
        write!(out, "{clusters} clusters, {zones} zones, {apps} apps")?;
        out.write_str(if *journal { ", journal; " } else { "; " })?;
        let words: Vec<_> = troubles.iter().map(|trouble| trouble.word()).collect();
        out.write_str(if words.is_empty() { "no troubles" } else { "" })?;
        out.write_str(&words.join(", "))
    }
}

fn name(text: &str) -> Name {
    text.parse().expect("a valid name")
}

fn minutes(minutes: u64) -> Duration {
    Duration::seconds(minutes * 60)
}

/// A moment at which nothing happens yet.
fn moment(at: Span) -> MomentDraft {
    MomentDraft { at: Duration(at), ..MomentDraft::default() }
}

/// A document named like `stem-3`.
fn numbered<S>(stem: &str, number: usize, spec: S) -> Object<S> {
    Object::new(name(&format!("{stem}-{number}")), spec)
}

#[cfg(test)]
mod tests {
    use periplus_spec::{Bundle, PARTS_DEPTH_MAX, Sort};
    use serde_json::Value;

    use super::*;

    fn drawn(seed: u64) -> Bundle {
        built(seed, &Options::draw(seed)).bundle()
    }

    /// What came out of a run, without the names of apps and zones.
    fn numbers(bundle: &Bundle) -> Vec<String> {
        let scenario = bundle.load().unwrap().scenario;
        let outcome = periplus_sim::run(&scenario, &mut (), &mut ()).unwrap();
        let mut summary = serde_json::to_value(outcome.summary).unwrap();
        let apps = summary["apps"].take();
        summary["worstZones"] = Value::Null;
        let apps = scenario.fleet.apps.iter().map(|app| apps[&app.name].to_string());
        std::iter::once(summary.to_string()).chain(apps).collect()
    }

    #[test]
    fn drawn_worlds_come_out_the_same_without_their_names() {
        for seed in 0..25 {
            let bundle = drawn(seed);
            let hidden = bundle.anonymized(&name("drawn"), seed).unwrap();
            assert_eq!(numbers(&bundle), numbers(&hidden), "seed {seed}");
        }
    }

    #[test]
    fn whatever_is_left_out_of_a_drawn_world_nothing_is_left_that_refers_to_it() {
        let mut loaded = 0;
        let mut all = 0;
        for seed in 0..3 {
            let bundle = drawn(seed);
            let kinds = periplus_spec::draft::Kind::ALL.map(Sort::Documents);
            let depths = 1..=PARTS_DEPTH_MAX;
            let inner = depths.flat_map(|depth| [Sort::Items(depth), Sort::Fields(depth)]);
            for sort in kinds.into_iter().chain([Sort::Moments]).chain(inner) {
                for part in bundle.parts(sort).into_iter().step_by(11) {
                    let Some(fewer) = bundle.without(&[part]) else { continue };
                    assert_ne!(fewer, bundle);
                    all += 1;
                    loaded += usize::from(fewer.load().is_ok());
                }
            }
        }
        // What cannot be without a part is no scenario any more, which is seldom.
        assert!(all > 60 && loaded * 4 > all * 3, "{loaded} of {all}");
    }
}

//! The summary of a run: what came out, in the names that expectations use as paths of its JSON.

use std::collections::BTreeMap;

use periplus_core::units::Span;
use periplus_spec::scenario::Scenario;
use serde::Serialize;

use crate::chronicle::Chronicle;
use crate::meter::{Book, Meter};

/// The version of the summary's shape. Grows when a name changes its meaning or goes.
pub const SUMMARY_VERSION: u16 = 1;

/// How many zones are listed: those that fared worst.
const ZONES_LISTED: usize = 20;

/// What came out of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The version of this shape.
    pub version: u16,
    /// The scenario's name.
    pub scenario: String,
    /// The seed of all luck.
    pub seed: u64,
    /// How long the scenario ran, in hours.
    pub hours: f64,
    /// How all apps fared together.
    #[serde(flatten)]
    pub all: Account,
    /// Groups that were opened in a cluster.
    pub placements: u64,
    /// Groups that left a cluster.
    pub removals: u64,
    /// Flows that left a cluster for another.
    pub moves: u64,
    /// Flows that one cluster had taken and several took then.
    pub bursts: u64,
    /// Groups that yielded to apps of higher priority.
    pub preemptions: u64,
    /// Commits that were pushed.
    pub commits: u64,
    /// Alerts that were raised.
    pub alerts: u64,
    /// From demand that reached its threshold to a published route to where it is served.
    pub demand_to_ready: Waits,
    /// What the machine did.
    pub machine: Machine,
    /// How each app fared, by name.
    pub apps: BTreeMap<String, Account>,
    /// The twenty zones with the lowest attainment, worst first.
    pub worst_zones: Vec<ZoneAccount>,
}

/// How an app, or all of them together, fared.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Requests.
    pub requests: Requests,
    /// The promise.
    pub slo: Slo,
    /// How long served requests took.
    pub latency: Latency,
    /// What it cost.
    pub cost: Cost,
    /// What energy it took.
    pub energy: Energy,
    /// What it emitted.
    pub carbon: Carbon,
    /// Pods that had to wait for their image.
    pub cold_starts: u64,
}

/// Numbers of requests.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Requests {
    /// Those that users made.
    pub offered: f64,
    /// Those that were served.
    pub served: f64,
    /// Those that were not.
    pub unserved: f64,
    /// Those of the unserved that nobody had to serve: their zone was below the app's threshold.
    pub dormant: f64,
}

/// How well the promise was kept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Slo {
    /// The part of all requests that were answered within the promised latency; one if there were none.
    pub attainment: f64,
}

/// How long served requests took, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Latency {
    /// On average.
    pub mean_ms: f64,
    /// Half of them at most.
    pub p50_ms: f64,
    /// 90 % of them at most.
    pub p90_ms: f64,
    /// 95 % of them at most.
    pub p95_ms: f64,
    /// 99 % of them at most.
    pub p99_ms: f64,
    /// All but one in a thousand at most.
    pub p999_ms: f64,
}

/// US dollars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// All of it.
    pub total: f64,
    /// For resources that were held.
    pub compute: f64,
    /// For being active in clusters.
    pub fixed: f64,
    /// For bytes that left clusters.
    pub egress: f64,
}

/// Energy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Energy {
    /// Kilowatt-hours.
    pub kwh: f64,
}

/// Carbon.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Carbon {
    /// Kilograms of CO2e.
    pub kg: f64,
}

/// How long something took, over all times that it happened.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Waits {
    /// How often it happened.
    pub count: u64,
    /// Half of the times at most, in seconds.
    pub p50_s: f64,
    /// 95 % of the times at most, in seconds.
    pub p95_s: f64,
    /// The longest, in seconds.
    pub max_s: f64,
}

/// What the machine did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// Records.
    pub records: u64,
    /// Single observations, commands, reports and timers.
    pub inputs: u64,
    /// Events.
    pub events: u64,
    /// Effects, repeated ones counted again.
    pub effects: u64,
    /// Decision summaries.
    pub decisions: u64,
}

/// How a zone fared.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ZoneAccount {
    /// Its name.
    pub zone: String,
    /// Its requests.
    pub requests: Requests,
    /// The promise.
    pub slo: Slo,
    /// How long served requests took.
    pub latency: Latency,
}

impl Summary {
    pub(crate) fn new(
        scenario: &Scenario,
        meter: &Meter<'_>,
        chronicle: &Chronicle,
        commits: u64,
    ) -> Self {
        let mut all = Book::default();
        meter.apps().iter().for_each(|book| all.add(book));
        let apps = scenario.fleet.apps.iter().zip(meter.apps());
        Self {
            version: SUMMARY_VERSION,
            scenario: scenario.name.clone(),
            seed: scenario.seed,
            hours: scenario.duration.0 as f64 / Span::HOUR.0 as f64,
            all: Account::of(&all),
            placements: chronicle.placements,
            removals: chronicle.removals,
            moves: chronicle.moves,
            bursts: chronicle.bursts,
            preemptions: chronicle.preemptions,
            commits,
            alerts: chronicle.alerts,
            demand_to_ready: Waits::of(&chronicle.waits),
            machine: Machine {
                records: chronicle.records,
                inputs: chronicle.inputs,
                events: chronicle.events,
                effects: chronicle.effects,
                decisions: chronicle.decisions,
            },
            apps: apps.map(|(app, book)| (app.name.clone(), Account::of(book))).collect(),
            worst_zones: worst_zones(scenario, meter),
        }
    }
}

fn worst_zones(scenario: &Scenario, meter: &Meter<'_>) -> Vec<ZoneAccount> {
    let mut zones: Vec<_> = meter.zones().filter(|(_, book)| book.offered > 0).collect();
    zones.sort_by(|(a, first), (b, second)| {
        attainment(first).total_cmp(&attainment(second)).then(a.cmp(b))
    });
    zones.truncate(ZONES_LISTED);
    let listed = zones.into_iter().map(|(zone, book)| ZoneAccount {
        zone: scenario.fleet.zones[zone.index()].name.clone(),
        requests: Requests::of(book),
        slo: Slo { attainment: attainment(book) },
        latency: Latency::of(book),
    });
    listed.collect()
}

fn attainment(book: &Book) -> f64 {
    if book.offered == 0 { 1.0 } else { book.attained as f64 / book.offered as f64 }
}

impl Account {
    fn of(book: &Book) -> Self {
        let money = &book.money;
        Self {
            requests: Requests::of(book),
            slo: Slo { attainment: attainment(book) },
            latency: Latency::of(book),
            cost: Cost {
                total: money.total(),
                compute: money.compute,
                fixed: money.fixed,
                egress: money.egress,
            },
            energy: Energy { kwh: money.energy / 1e3 },
            carbon: Carbon { kg: money.carbon / 1e3 },
            cold_starts: book.cold_starts,
        }
    }
}

impl Requests {
    fn of(book: &Book) -> Self {
        let requests = |millionths: u64| millionths as f64 / 1e6;
        Self {
            offered: requests(book.offered),
            served: requests(book.served),
            unserved: requests(book.offered - book.served),
            dormant: requests(book.dormant),
        }
    }
}

impl Latency {
    fn of(book: &Book) -> Self {
        Self {
            mean_ms: book.latency.mean() / 1e3,
            p50_ms: book.quantile_ms(0.50),
            p90_ms: book.quantile_ms(0.90),
            p95_ms: book.quantile_ms(0.95),
            p99_ms: book.quantile_ms(0.99),
            p999_ms: book.quantile_ms(0.999),
        }
    }
}

impl Waits {
    fn of(waits: &[Span]) -> Self {
        let mut sorted = waits.to_vec();
        sorted.sort_unstable();
        // Nearest rank: the smallest that this many percent are not above.
        let rank = |percent: usize| (sorted.len() * percent).div_ceil(100).max(1) - 1;
        let seconds = |percent| sorted.get(rank(percent)).map_or(0.0, |span| span.0 as f64 / 1e3);
        Self {
            count: sorted.len() as u64,
            p50_s: seconds(50),
            p95_s: seconds(95),
            max_s: seconds(100),
        }
    }
}

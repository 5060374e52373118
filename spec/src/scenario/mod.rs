//! A scenario that cannot be wrong: what `load` gives, and all that a simulation needs.
//!
//! Two halves that must not be mixed. `setup` is what the machine is told. The *truths* are what the
//! simulated world really is; the machine sees only reports of them.

mod delivery;
mod ensemble;
mod timeline;

use std::sync::Arc;

use periplus_core::Input;
use periplus_core::event::Refusal;
use periplus_core::fleet::{Power, Prices, Room, SeriesSpec};
use periplus_core::ids::{AppId, ClusterId, ComponentId, GroupId, KindId, TenantId, ZoneId};
use periplus_core::state::Phase;
use periplus_core::units::{GramsPerKwh, MicroUsd, MicrosRtt, MilliRps, Permille, Span, Tick};

pub use self::delivery::{
    AppVersion, ClusterFacts, ClusterVersion, Delivery, Manifest, TenantVersion,
};
pub use self::ensemble::{Blocks, Ensemble, Failure};
pub use self::timeline::{Act, Moment};

/// A scenario, validated.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What happens in it and what it shows, for people.
    pub story: String,
    /// A fingerprint of everything that was read for it.
    pub hash: u128,
    /// Where all luck comes from.
    pub seed: u64,
    /// Tick 0 in milliseconds since the Unix epoch, for people.
    pub epoch_unix_ms: i64,
    /// How long it runs.
    pub duration: Span,
    /// What the machine is told at tick 0, in order: names, policy, tenants, clusters, zones, ways between
    /// them, apps, series.
    pub setup: Vec<Input>,
    /// What there is, by id.
    pub fleet: Fleet,
    /// What is written into git for whom.
    pub delivery: Arc<Delivery>,
    /// How the world behaves.
    pub world: World,
    /// Other days that it could be as well.
    pub ensemble: Ensemble,
    /// What happens when, ascending.
    pub timeline: Vec<Moment>,
    /// What must come out.
    pub expectations: Vec<Expectation>,
}

/// What there really is, by id.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    /// Clusters by [`ClusterId`].
    pub clusters: Vec<ClusterTruth>,
    /// Zones by [`ZoneId`].
    pub zones: Vec<ZoneTruth>,
    /// Apps by [`AppId`].
    pub apps: Vec<AppTruth>,
    /// Tenant names by [`TenantId`].
    pub tenants: Vec<String>,
    /// Demand by [`SeriesId`](periplus_core::ids::SeriesId).
    pub series: Vec<SeriesTruth>,
    /// Names of extended resources, in the order in which they are counted.
    pub extended: Vec<String>,
    /// Names of the kinds of clusters by [`KindId`].
    pub kinds: Vec<String>,
}

/// A cluster as it really is.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterTruth {
    /// Its name.
    pub name: String,
    /// Its node pools.
    pub pools: Vec<PoolTruth>,
    /// How its sync agent pulls.
    pub agent: AgentTruth,
    /// How fast it pulls images, in bytes per second.
    pub pull_bytes_per_second: u64,
    /// When it joins; `Tick::ZERO` where it is declared in the setup.
    pub joins: Tick,
    /// What it draws.
    pub power: Power,
    /// What it costs, by time; the first entry is at tick 0.
    pub prices: Schedule<Prices>,
    /// How dirty its grid is, by time; the first entry is at tick 0.
    pub carbon: Schedule<GramsPerKwh>,
    /// What kind of cluster it is.
    pub kind: KindId,
    /// Where it is, if that was said.
    pub location: Option<Location>,
    /// What it takes to have it besides its prices, in µ$ per year.
    pub upkeep: MicroUsd,
}

/// Where something is, for people: distances are round-trip times already.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Location {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
}

/// Values that hold from a point in time on, ascending, never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule<T>(pub Vec<(Tick, T)>);

/// Equal nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolTruth {
    /// The pool's name.
    pub name: String,
    /// How many nodes it has.
    pub nodes: u32,
    /// What one empty node has for apps: its capacity less what the system keeps.
    pub room: Room,
    /// Whether and how it grows.
    pub autoscaler: Option<AutoscalerTruth>,
}

/// How a node pool grows while pods find no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoscalerTruth {
    /// The most nodes.
    pub max: u32,
    /// How long a new node takes.
    pub delay: Span,
    /// How long a node must be empty before it goes.
    pub idle_after: Span,
}

/// How a sync agent pulls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentTruth {
    /// How often it looks.
    pub interval: Span,
    /// Whether it is told of a push at once.
    pub webhook: bool,
    /// How long it takes to apply what it found.
    pub apply: Span,
}

/// A zone as it really is.
#[derive(Clone, Debug, PartialEq)]
pub struct ZoneTruth {
    /// Its name.
    pub name: String,
    /// Where it is, if that was said.
    pub location: Option<Location>,
}

/// An app as it really is.
#[derive(Clone, Debug, PartialEq)]
pub struct AppTruth {
    /// Its name.
    pub name: String,
    /// Its components by [`ComponentId`].
    pub components: Vec<ComponentTruth>,
    /// The latency that its users are promised, waiting included.
    pub slo_latency: MicrosRtt,
    /// Names of its groups by [`GroupId`].
    pub groups: Vec<String>,
}

/// A component as it really is.
#[derive(Clone, Debug, PartialEq)]
pub struct ComponentTruth {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// What is pulled before its first pod starts on a node.
    pub image_bytes: u64,
    /// From a pulled image to a ready pod.
    pub start: Delay,
    /// How often one user request visits it, in thousandths.
    pub visits: u32,
    /// How many requests one replica works on at once.
    pub concurrency: u32,
    /// Mean time that one visit is worked on, per kind of cluster, by kind.
    pub service: Vec<MicrosRtt>,
}

/// The demand of one app from one zone as it really is.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesTruth {
    /// What it is about.
    pub spec: SeriesSpec,
    /// How much there is.
    pub demand: Demand,
}

/// How much demand there is, by time.
#[derive(Clone, Debug, PartialEq)]
pub struct Demand {
    /// The rate at a shape's value of 1,000.
    pub base: MilliRps,
    /// How it changes over time, shared between series.
    pub shape: Arc<Shape>,
    /// How far single values stray from the shape, up or down.
    pub noise: Permille,
}

/// How demand changes over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How long each value holds.
    pub step: Span,
    /// Thousandths of the base, from tick 0 on; after the last it starts again. Never empty.
    pub values: Vec<u32>,
}

/// How long something takes: 256 quantiles at (i + ½)/256, ascending, drawn by one random byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delay(pub Arc<[Span]>);

/// How the world behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// How often a cluster is heard of.
    pub heartbeat_every: Span,
    /// How often a cluster reports its room.
    pub capacity_every: Span,
    /// How often demand is measured.
    pub demand_every: Span,
    /// How often the world is metered.
    pub meter_every: Span,
    /// From a fact to the hub's knowing it.
    pub report_delay: Delay,
    /// How long effects are gathered before they are committed.
    pub commit_window: Span,
    /// From a commit to its being pushed.
    pub push: Delay,
    /// How long users go on using an old route.
    pub dns_ttl: Span,
    /// From a removed object to its pods being gone.
    pub stop: Delay,
}

/// What must come out.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// The words of the file, for a failure's message.
    pub text: String,
    /// When it is looked at; at the end if it is `None`.
    pub at: Option<Tick>,
    /// What must be so.
    pub check: Check,
}

/// What must be so.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    /// A number of the summary lies within bounds, both included.
    Metric {
        /// Its path in the summary's JSON: `slo.attainment`, `cost.total`.
        path: String,
        /// At least.
        least: Option<f64>,
        /// At most.
        most: Option<f64>,
    },
    /// A group is in just these clusters (berths that are live).
    Clusters {
        /// Whose.
        app: AppId,
        /// Which group.
        group: GroupId,
        /// Where.
        clusters: Vec<ClusterId>,
    },
    /// A binding has come so far; `None` means that there is no such binding.
    Binding {
        /// Whose.
        app: AppId,
        /// Which component.
        component: ComponentId,
        /// Where.
        cluster: ClusterId,
        /// How far.
        phase: Option<Phase>,
        /// How many replicas it should have, if that matters.
        replicas: Option<u16>,
    },
    /// A zone's users are sent to just these clusters.
    ServedBy {
        /// Whose.
        app: AppId,
        /// Where the users are.
        zone: ZoneId,
        /// Where they are sent.
        clusters: Vec<ClusterId>,
    },
    /// So many changes wait for a person.
    Holds(u32),
    /// Nothing is opened, closed, moved or scaled from this time to the end.
    QuietFrom(Tick),
    /// A component's content reached git in a cluster before (or never after) another's.
    Before {
        /// Whose.
        first: (AppId, ComponentId, ClusterId),
        /// Before whose.
        then: (AppId, ComponentId, ClusterId),
    },
    /// A command was refused for this reason.
    Refused(Refusal),
}

/// Ids of what the scenario names, for readers of a log.
impl Fleet {
    /// The cluster called `name`.
    #[must_use]
    pub fn cluster(&self, name: &str) -> Option<ClusterId> {
        self.clusters.iter().position(|cluster| cluster.name == name).map(ClusterId::from_index)
    }

    /// The zone called `name`.
    #[must_use]
    pub fn zone(&self, name: &str) -> Option<ZoneId> {
        self.zones.iter().position(|zone| zone.name == name).map(ZoneId::from_index)
    }

    /// The app called `name`.
    #[must_use]
    pub fn app(&self, name: &str) -> Option<AppId> {
        self.apps.iter().position(|app| app.name == name).map(AppId::from_index)
    }

    /// The tenant called `name`.
    #[must_use]
    pub fn tenant(&self, name: &str) -> Option<TenantId> {
        self.tenants.iter().position(|tenant| tenant == name).map(TenantId::from_index)
    }
}

impl<T: Copy> Schedule<T> {
    /// The value that holds at `at`.
    ///
    /// # Panics
    /// Panics on an empty schedule, which `load` never gives.
    #[must_use]
    pub fn at(&self, at: Tick) -> T {
        let next = self.0.partition_point(|(from, _)| *from <= at);
        self.0[next.max(1) - 1].1
    }
}

impl Shape {
    /// After which time it starts again.
    #[must_use]
    pub fn period(&self) -> Span {
        Span(self.step.0.saturating_mul(self.values.len() as u64))
    }

    /// The value at `at`, in thousandths of the base.
    #[must_use]
    pub fn at(&self, at: Tick) -> u32 {
        let steps = at.0 / self.step.0.max(1);
        let place = usize::try_from(steps % self.values.len() as u64).unwrap_or(0);
        self.values[place]
    }
}

impl Delay {
    /// Always `span`.
    #[must_use]
    pub fn always(span: Span) -> Self {
        Self(vec![span; 256].into())
    }

    /// The quantile that a random byte stands for.
    #[must_use]
    pub fn at(&self, byte: u8) -> Span {
        self.0[usize::from(byte)]
    }
}

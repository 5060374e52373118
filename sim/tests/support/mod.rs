//! Scenarios made in code: clusters on a ring, zones between them, and apps of two components.

#![allow(dead_code, reason = "each test uses its own part")]

pub(crate) mod recorded;

use std::sync::Arc;

use periplus_core::Input;
use periplus_core::fleet::{
    ClusterSpec, Place, Power, Prices, Resources, Room, SeriesSpec, TenantSpec, ZoneSpec,
};
use periplus_core::ids::{
    AppId, ClusterId, ComponentId, GroupId, KindId, SeriesId, Symbol, TenantId, ZoneId,
};
use periplus_core::input::{BATCH_MAX, Command, Fault, Observation, Sight};
use periplus_core::intent::{
    Activation, Component, Group, GroupCall, Intent, RolloutRules, Rules, Scaling, Worth,
};
use periplus_core::labels::{Labels, Selector};
use periplus_core::units::{
    Bytes, GramsPerKwh, MiB, MicroUsd, MicroUsdPerHour, MicrosRtt, MilliCpu, MilliRps, MilliWatts,
    Permille, Span, Tick,
};
use periplus_spec::scenario::{
    Act, AgentTruth, AppTruth, ClusterTruth, ComponentTruth, Delay, Demand, Fleet, Moment,
    PoolTruth, Scenario, Schedule, SeriesTruth, Shape, World, ZoneTruth,
};

/// How large a scenario is, and what its apps are like.
#[derive(Clone, Debug)]
pub(crate) struct Size {
    pub(crate) clusters: u32,
    pub(crate) zones: u32,
    pub(crate) apps: u32,
    /// Zones that ask for each app; every so many-th zone does.
    pub(crate) apps_per_zone: u32,
    /// How many clusters a zone can reach.
    pub(crate) reach: u32,
    pub(crate) nodes: u32,
    /// The rate of one series at its shape's 1,000.
    pub(crate) base: u64,
    pub(crate) noise: u16,
    /// Whether the second component stands in a group of its own.
    pub(crate) grouped: bool,
    pub(crate) scaling: Scaling,
    pub(crate) duration: Span,
    pub(crate) seed: u64,
}

impl Default for Size {
    fn default() -> Self {
        Self {
            clusters: 6,
            zones: 12,
            apps: 2,
            apps_per_zone: 2,
            reach: 4,
            nodes: 3,
            base: 40_000,
            noise: 100,
            grouped: false,
            scaling: Scaling::Fixed { min: 1 },
            duration: Span(4 * Span::HOUR.0),
            seed: 42,
        }
    }
}

/// Requests that a component's replica works on at once, and for how long.
const CONCURRENCY: u32 = 4;
const SERVICE: MicrosRtt = MicrosRtt(40_000);
/// The replicas that a staffing table goes up to.
const REPLICAS_MAX: u64 = 40;

/// A scenario of this size, in which nothing goes wrong.
pub(crate) fn scenario(size: &Size) -> Scenario {
    let fleet = fleet(size);
    Scenario {
        name: "made".into(),
        story: String::new(),
        hash: 0,
        seed: size.seed,
        epoch_unix_ms: 0,
        duration: size.duration,
        setup: setup(size, &fleet),
        fleet,
        world: rules(),
        ensemble: Default::default(),
        delivery: Default::default(),
        timeline: Vec::new(),
        expectations: Vec::new(),
    }
}

/// `scenario` with acts, which need not be in order.
pub(crate) fn with(mut scenario: Scenario, acts: Vec<(Span, Act)>) -> Scenario {
    let moments = acts.into_iter().map(|(at, act)| Moment { at: Tick::ZERO.after(at), act });
    scenario.timeline = moments.collect();
    scenario.timeline.sort_by_key(|moment| moment.at);
    scenario
}

fn rules() -> World {
    World {
        heartbeat_every: Span(30_000),
        capacity_every: Span(300_000),
        demand_every: Span::MINUTE,
        meter_every: Span(15 * Span::MINUTE.0),
        report_delay: delay(200, 20),
        commit_window: Span(5_000),
        push: delay(1_000, 10),
        dns_ttl: Span(60_000),
        stop: delay(5_000, 100),
    }
}

/// A delay from `least` milliseconds on, each further quantile `step` longer.
pub(crate) fn delay(least: u64, step: u64) -> Delay {
    Delay((0..256).map(|quantile| Span(least + quantile * step)).collect())
}

fn fleet(size: &Size) -> Fleet {
    let day = Arc::new(Shape { step: Span(15 * Span::MINUTE.0), values: daily() });
    let series = series(size).into_iter().map(|spec| SeriesTruth {
        spec,
        demand: Demand {
            base: MilliRps(size.base * (500 + u64::from(spec.zone.0 * 37 % 1_000)) / 1_000),
            shape: Arc::clone(&day),
            noise: Permille(size.noise),
        },
    });
    Fleet {
        clusters: (0..size.clusters).map(|number| cluster_truth(number, size)).collect(),
        zones: (0..size.zones)
            .map(|number| ZoneTruth { name: format!("zone-{number}"), location: None })
            .collect(),
        apps: (0..size.apps).map(|number| app_truth(number, size)).collect(),
        tenants: vec!["team".into()],
        series: series.collect(),
        extended: Vec::new(),
        kinds: vec!["edge".into()],
    }
}

fn daily() -> Vec<u32> {
    // A triangle from 200 at midnight to 1,000 at noon.
    (0..96_u32).map(|quarter| 200 + 800 * quarter.min(96 - quarter) / 48).collect()
}

fn series(size: &Size) -> Vec<SeriesSpec> {
    let mut series = Vec::new();
    for zone in 0..size.zones {
        for step in 0..size.apps_per_zone {
            let app = (zone + step * size.apps / size.apps_per_zone.max(1)) % size.apps;
            series.push(SeriesSpec::offered(AppId(app), ZoneId(zone)));
        }
    }
    series
}

fn prices(number: u32) -> Prices {
    Prices {
        core: MicroUsdPerHour(30_000 + i64::from(number * 7_919 % 20_000)),
        gib: MicroUsdPerHour(4_000),
        extended: [MicroUsdPerHour(0); 4],
        active: MicroUsdPerHour(2_000),
        egress_gigabyte: MicroUsd(50_000),
    }
}

fn power() -> Power {
    Power { core: MilliWatts(6_000), effectiveness: 1_300, carbon: GramsPerKwh(400) }
}

fn cluster_truth(number: u32, size: &Size) -> ClusterTruth {
    let free = Resources { cpu: MilliCpu(16_000), memory: MiB(65_536), extended: [0; 4] };
    ClusterTruth {
        name: format!("cluster-{number}"),
        pools: vec![PoolTruth {
            name: "pool".into(),
            nodes: size.nodes,
            room: Room { free, pods: 110 },
            autoscaler: None,
        }],
        agent: AgentTruth {
            interval: Span::MINUTE,
            webhook: number.is_multiple_of(2),
            apply: Span(2_000),
        },
        pull_bytes_per_second: 50_000_000,
        joins: Tick::ZERO,
        power: power(),
        prices: Schedule(vec![(Tick::ZERO, prices(number))]),
        carbon: Schedule(vec![(Tick::ZERO, GramsPerKwh(400))]),
        kind: KindId(0),
        location: None,
        upkeep: MicroUsd(0),
    }
}

fn app_truth(number: u32, size: &Size) -> AppTruth {
    let component = |name: &str| ComponentTruth {
        name: name.into(),
        image: format!("registry/app-{number}/{name}"),
        image_bytes: 200_000_000,
        start: delay(2_000, 30),
        visits: 1_000,
        concurrency: CONCURRENCY,
        service: vec![SERVICE],
    };
    let groups = if size.grouped { vec!["front", "back"] } else { vec!["all"] };
    AppTruth {
        name: format!("app-{number}"),
        components: vec![component("web"), component("api")],
        slo_latency: MicrosRtt(300_000),
        groups: groups.into_iter().map(String::from).collect(),
    }
}

fn setup(size: &Size, fleet: &Fleet) -> Vec<Input> {
    let mut texts: Vec<String> = vec!["team".into(), "pool".into(), "web".into(), "api".into()];
    let first = texts.len();
    texts.extend(fleet.clusters.iter().map(|cluster| cluster.name.clone()));
    texts.extend(fleet.zones.iter().map(|zone| zone.name.clone()));
    texts.extend(fleet.apps.iter().map(|app| app.name.clone()));
    let symbol = |place: usize| Symbol(small(first + place));
    let mut setup = Vec::new();
    for (place, texts) in texts.chunks(BATCH_MAX).enumerate() {
        let first = Symbol(small(place * BATCH_MAX));
        setup.push(Command::Name { first, texts: texts.to_vec() });
    }
    setup.push(Command::DeclarePolicy(Box::default()));
    let tenant = TenantSpec { name: Symbol(0), clusters: Selector::default(), quota: None };
    setup.push(Command::DeclareTenant(TenantId(0), tenant));
    for number in 0..size.clusters {
        let spec = ClusterSpec {
            name: symbol(number as usize),
            kind: KindId(0),
            labels: Labels::default(),
            taints: Vec::new(),
            prices: prices(number),
            power: power(),
        };
        setup.push(Command::DeclareCluster(ClusterId(number), Box::new(spec)));
    }
    for number in 0..size.zones {
        let name = symbol((size.clusters + number) as usize);
        let spec = ZoneSpec { name, labels: Labels::default() };
        setup.push(Command::DeclareZone(ZoneId(number), spec));
    }
    let mut setup: Vec<Input> = setup.into_iter().map(Input::Command).collect();
    setup.extend(ways(size));
    for number in 0..size.apps {
        let name = symbol((size.clusters + size.zones + number) as usize);
        let intent = Box::new(intent(name, size));
        setup.push(Input::Command(Command::DeclareApp(AppId(number), intent)));
    }
    for (place, series) in series(size).chunks(BATCH_MAX).enumerate() {
        let first = SeriesId(small(place * BATCH_MAX));
        let series = series.to_vec();
        setup.push(Input::Command(Command::DeclareSeries { first, series }));
    }
    setup
}

/// Round-trip times along the ring: two milliseconds and one more per cluster in between.
fn ways(size: &Size) -> Vec<Input> {
    let near = |home: u32| {
        let mut rtts: Vec<(ClusterId, MicrosRtt)> = (0..size.reach.min(size.clusters))
            .map(|step| {
                let ahead = step.div_ceil(2);
                let number =
                    if step % 2 == 0 { home + ahead } else { home + size.clusters - ahead };
                (ClusterId(number % size.clusters), MicrosRtt(2_000 + 1_000 * ahead))
            })
            .collect();
        rtts.sort_unstable();
        rtts.dedup_by_key(|way| way.0);
        rtts
    };
    let reach = |from, rtts| {
        Input::Observation(Observation { as_of: Tick::ZERO, sight: Sight::Reach { from, rtts } })
    };
    let zones = (0..size.zones).map(|number| {
        let home = number as usize * size.clusters as usize / size.zones as usize;
        reach(Place::Zone(ZoneId(number)), near(small(home)))
    });
    let clusters = (0..size.clusters).map(|number| {
        let others = near(number).into_iter().filter(|way| way.0 != ClusterId(number));
        reach(Place::Cluster(ClusterId(number)), others.collect())
    });
    zones.chain(clusters).collect()
}

pub(crate) fn intent(name: Symbol, size: &Size) -> Intent {
    let component = |symbol| Component {
        name: Symbol(symbol),
        revision: 1,
        request: Resources { cpu: MilliCpu(500), memory: MiB(512), extended: [0; 4] },
        scaling: size.scaling,
        staffing: vec![(KindId(0), staffing())],
        after: Vec::new(),
    };
    let group = |components: Vec<u16>| Group {
        name: Symbol(2),
        components: components.into_iter().map(ComponentId).collect(),
        selector: Selector::default(),
        stateful: false,
        standing: 0,
        pinned: None,
    };
    let (groups, calls) = if size.grouped {
        let call = GroupCall {
            from: GroupId(0),
            to: GroupId(1),
            share: Permille::WHOLE,
            round_trips: 1_000,
            bytes: Bytes(2_000),
        };
        (vec![group(vec![0]), group(vec![1])], vec![call])
    } else {
        (vec![group(vec![0, 1])], Vec::new())
    };
    Intent {
        name,
        tenant: TenantId(0),
        generation: 1,
        priority: 0,
        components: vec![component(2), component(3)],
        groups,
        calls,
        rules: Rules::default(),
        activation: Activation {
            above: MilliRps(1_000),
            dwell: Span::ZERO,
            idle_below: MilliRps(500),
            idle_after: Span(5 * Span::MINUTE.0),
        },
        worth: Worth {
            latency_target: MicrosRtt(100_000),
            service_time: MicrosRtt(80_000),
            latency: MicroUsd(10),
            unserved: MicroUsd(50_000),
            response: Bytes(20_000),
        },
        rollout: RolloutRules::default(),
    }
}

/// What 1, 2, 3 … replicas hold at 70 % of their time.
fn staffing() -> Vec<MilliRps> {
    let one = u64::from(CONCURRENCY) * 1_000_000_000 / u64::from(SERVICE.0) * 7 / 10;
    (1..=REPLICAS_MAX).map(|replicas| MilliRps(one * replicas)).collect()
}

/// A cluster by number.
pub(crate) fn cluster(number: u32) -> ClusterId {
    ClusterId(number)
}

/// One more cluster that nobody can reach.
pub(crate) fn add_far_cluster(scenario: &mut Scenario) {
    let number = small(scenario.fleet.clusters.len());
    let mut far = scenario.fleet.clusters[0].clone();
    far.name = "far".into();
    scenario.fleet.clusters.push(far);
    let spec = ClusterSpec {
        name: Symbol(0),
        kind: KindId(0),
        labels: Labels::default(),
        taints: Vec::new(),
        prices: prices(number),
        power: power(),
    };
    let join = Command::DeclareCluster(ClusterId(number), Box::new(spec));
    let last = scenario
        .setup
        .iter()
        .rposition(|input| matches!(input, Input::Command(Command::DeclareCluster(..))));
    let last = last.expect("there are clusters");
    scenario.setup.insert(last + 1, Input::Command(join));
}

fn small(number: usize) -> u32 {
    u32::try_from(number).expect("made scenarios are small")
}

pub(crate) fn minutes(minutes: u64) -> Span {
    Span(minutes * Span::MINUTE.0)
}

fn lasting() -> Option<Span> {
    Some(minutes(45))
}

/// One of each kind of trouble, at its own time.
pub(crate) fn troubles() -> Vec<(Span, Act)> {
    let series = vec![SeriesId(0), SeriesId(5), SeriesId(7)];
    let app = AppId(0);
    vec![
        (minutes(31), Act::Outage { clusters: vec![cluster(0), cluster(3)], lasts: lasting() }),
        (minutes(50), Act::Partition { clusters: vec![cluster(2)], lasts: lasting() }),
        (minutes(60), Act::NodeLoss { cluster: cluster(4), nodes: 2, lasts: lasting() }),
        (minutes(70), Act::GitOutage { lasts: Some(minutes(7)) }),
        (
            minutes(80),
            Act::Drift {
                clusters: vec![cluster(1), cluster(5)],
                used: Permille(700),
                lasts: lasting(),
            },
        ),
        (minutes(90), Act::Surge { series: series.clone(), factor: 4_000, lasts: lasting() }),
        (minutes(100), Act::Sensor { series: series.clone(), shows: None, lasts: lasting() }),
        (minutes(110), Act::Sensor { series, shows: Some(300), lasts: lasting() }),
        (
            minutes(120),
            Act::PodFailure {
                app,
                component: ComponentId(1),
                clusters: Vec::new(),
                fault: Fault::PodFailed,
                lasts: Some(minutes(4)),
            },
        ),
        (
            minutes(130),
            Act::LateReports {
                clusters: vec![cluster(0), cluster(1)],
                by: Span(45_000),
                lasts: lasting(),
            },
        ),
        (minutes(140), Act::Price { clusters: vec![cluster(1)], factor: 5_000, lasts: lasting() }),
        (
            minutes(150),
            Act::Carbon { clusters: vec![cluster(2)], to: GramsPerKwh(900), lasts: lasting() },
        ),
        (minutes(200), Act::Outage { clusters: vec![cluster(1)], lasts: Some(Span(20_000)) }),
        (minutes(210), Act::Approve),
    ]
}

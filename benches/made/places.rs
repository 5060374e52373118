//! Clusters: where they are, what room they have, what they cost and how dirty their grid is.

use periplus_core::fleet::{ClusterSpec, Place, Power, Prices, Resources, Room};
use periplus_core::ids::{ClusterId, KindId, Symbol, ZoneId};
use periplus_core::input::Sight;
use periplus_core::labels::Labels;
use periplus_core::units::{
    GramsPerKwh, MiB, MicroUsd, MicroUsdPerHour, MicrosRtt, MilliCpu, MilliWatts, Span, Tick,
};
use periplus_spec::scenario::{AgentTruth, ClusterTruth, PoolTruth, Schedule};

use super::{Size, mix, small};

/// Clusters of one metro: a cloud region first, then sites.
const METRO: u32 = 100;
/// Sites of a metro stand in rows of so many …
const ROW: u32 = 10;
/// … this far apart.
const PITCH_KM: u64 = 5;
/// Users reach sites up to so many rows or columns away.
const NEAR: u32 = 3;
/// Users reach the cloud regions of so many metros to either side.
const METROS_NEAR: u32 = 2;
/// Access of both ends together, and of a cloud region some hundred kilometres out of town.
const ACCESS_MICROS: u64 = 6_000;
const CLOUD_MICROS: u64 = 14_000;
/// A round trip in fibre along one kilometre, detours included.
const MICROS_PER_KM: u64 = 15;
const EQUATOR_KM: u64 = 40_000;
/// Spot prices of cloud regions change this often.
const SPOT_EVERY: Span = Span(6 * Span::HOUR.0);

/// The metro of a cluster or a zone.
pub(super) fn metro(number: u32) -> u32 {
    number / METRO
}

pub(super) fn metros(size: &Size) -> u32 {
    size.clusters.div_ceil(METRO)
}

fn is_cloud(cluster: u32) -> bool {
    cluster.is_multiple_of(METRO)
}

pub(super) fn spec(name: Symbol, number: u32, size: &Size) -> ClusterSpec {
    ClusterSpec {
        name,
        kind: KindId(0),
        labels: Labels::default(),
        taints: Vec::new(),
        prices: prices(number, size, 0),
        power: power(number, size),
    }
}

pub(super) fn truth(number: u32, size: &Size) -> ClusterTruth {
    let hours = size.duration.0.div_ceil(Span::HOUR.0).max(1);
    let spots = if is_cloud(number) { size.duration.0.div_ceil(SPOT_EVERY.0).max(1) } else { 1 };
    let at = |every: Span, turn: u64| Tick::ZERO.after(Span(every.0 * turn));
    let carbon = (0..hours).map(|hour| (at(Span::HOUR, hour), carbon(number, size, hour)));
    let prices = (0..spots).map(|turn| (at(SPOT_EVERY, turn), prices(number, size, turn)));
    let nodes = if is_cloud(number) { 400 } else { 2 + small(mix(number.into(), size.seed) % 3) };
    let free = Resources { cpu: MilliCpu(8_000), memory: MiB(32_768), extended: [0; 4] };
    ClusterTruth {
        name: format!("cluster-{number}"),
        pools: vec![PoolTruth {
            name: "pool".into(),
            nodes,
            room: Room { free, pods: 110 },
            autoscaler: None,
        }],
        agent: AgentTruth { interval: Span::MINUTE, webhook: true, apply: Span(2_000) },
        pull_bytes_per_second: 50_000_000,
        joins: Tick::ZERO,
        power: power(number, size),
        prices: Schedule(prices.collect()),
        carbon: Schedule(carbon.collect()),
        kind: KindId(0),
        location: None,
        upkeep: MicroUsd(0),
    }
}

/// Every cluster that a zone can reach, with its round-trip time.
pub(super) fn reach(zone: u32, size: &Size) -> Sight {
    let home = metro(zone);
    let spot = |number: u32| (number % METRO % ROW, number % METRO / ROW);
    let (column, row) = spot(zone);
    let first = home * METRO;
    let sites = (first..size.clusters.min(first + METRO)).filter(|site| !is_cloud(*site));
    let mut rtts: Vec<(ClusterId, MicrosRtt)> = sites
        .filter_map(|site| {
            let (across, along) = (spot(site).0.abs_diff(column), spot(site).1.abs_diff(row));
            let km = u64::from(across.max(along)) * PITCH_KM;
            (across.max(along) <= NEAR).then(|| way(site, ACCESS_MICROS, km))
        })
        .collect();
    let count = metros(size);
    for step in 0..=2 * METROS_NEAR.min(count.saturating_sub(1) / 2) {
        let away = step.div_ceil(2);
        let other = if step % 2 == 0 { home + away } else { home + count - away } % count;
        let km = u64::from(away) * EQUATOR_KM / u64::from(count);
        rtts.push(way(other * METRO, CLOUD_MICROS, km));
    }
    rtts.sort_unstable();
    Sight::Reach { from: Place::Zone(ZoneId(zone)), rtts }
}

fn way(cluster: u32, access: u64, km: u64) -> (ClusterId, MicrosRtt) {
    let micros = u32::try_from(access + km * MICROS_PER_KM).expect("shorter than an hour");
    (ClusterId(cluster), MicrosRtt(micros))
}

fn prices(number: u32, size: &Size, turn: u64) -> Prices {
    let luck = |about: u64, below: u64| {
        let drawn = mix((u64::from(number) << 16) | (about << 8) | turn, size.seed) % below;
        i64::try_from(drawn).expect("small")
    };
    let core = if is_cloud(number) { 20_000 } else { 40_000 };
    Prices {
        core: MicroUsdPerHour(core + luck(1, 10_000)),
        gib: MicroUsdPerHour(5_000),
        extended: [MicroUsdPerHour(0); 4],
        active: MicroUsdPerHour(2_000),
        egress_gigabyte: MicroUsd(if is_cloud(number) { 80_000 } else { 20_000 }),
    }
}

fn power(number: u32, size: &Size) -> Power {
    Power { core: MilliWatts(5_000), effectiveness: 1_250, carbon: carbon(number, size, 0) }
}

/// The grid of a metro: cleaner by day, when the sun is up there.
fn carbon(number: u32, size: &Size, hour: u64) -> GramsPerKwh {
    let home = u64::from(metro(number));
    let local = (hour + 24 * home / u64::from(metros(size))) % 24;
    let sun = 6_u64.saturating_sub(local.abs_diff(12));
    let grid = 150 + mix(home, size.seed) % 400;
    GramsPerKwh(u32::try_from(grid - grid * sun / 12).expect("small"))
}

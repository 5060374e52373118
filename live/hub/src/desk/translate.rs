//! From sightings to observations: names become ids, batches stay within the machine's limits, and what is about nothing
//! that was declared is left out and counted.

use std::collections::BTreeMap;

use periplus_core::State;
use periplus_core::effect::{EffectKey, Generation};
use periplus_core::fleet::{
    EXTENDED_RESOURCES_MAX, NodeCount, PoolReport, Prices as Declared, Resources, Room,
};
use periplus_core::ids::{ClusterId, Seq, Symbol};
use periplus_core::input::{BATCH_MAX, Observation, Reading, Seen, Sight as Told, SourceId};
use periplus_core::units::{GramsPerKwh, MiB, MicroUsd, MicroUsdPerHour, MilliCpu, MilliRps, Tick};

use super::names::Names;
use crate::sighting::{Node, Pool, Prices, Sight, Workload, WorkloadState};

/// What stands for whoever decided on something that was adopted.
const ADOPTED: EffectKey = EffectKey { seq: Seq(0), ordinal: u32::MAX };

/// What comes of a sighting.
#[derive(Debug, Default)]
pub(crate) struct Translated {
    pub(crate) observations: Vec<Observation>,
    /// How many of its entries were about nothing that was declared.
    pub(crate) unknown: usize,
}

/// Translates what was seen, and was true at `as_of`.
pub(crate) fn translate(
    sight: &Sight,
    as_of: Tick,
    names: &Names,
    numbered: Option<SourceId>,
    extended: &[String],
    state: &State,
) -> Translated {
    let mut translated = Translated::default();
    let mut tell = |sight| translated.observations.push(Observation { as_of, sight });
    match sight {
        Sight::Alive { cluster } => match names.cluster(cluster) {
            Some(cluster) => tell(Told::Heartbeats(vec![cluster])),
            None => translated.unknown += 1,
        },
        Sight::Room { cluster: name, pools } => match names.cluster(name) {
            Some(cluster) => {
                let pools = pools.iter().map(|pool| self::pool(pool, name, names, extended));
                tell(Told::Capacity { cluster, pools: pools.collect() });
            }
            None => translated.unknown += 1,
        },
        Sight::Workloads { cluster, workloads } => match names.cluster(cluster) {
            Some(cluster) => {
                let mut readings = Vec::with_capacity(workloads.len());
                for workload in workloads {
                    match reading(workload, cluster, names, state) {
                        Some(found) => readings.extend(found),
                        None => translated.unknown += 1,
                    }
                }
                for readings in readings.chunks(BATCH_MAX) {
                    tell(Told::Readiness { cluster, readings: readings.to_vec() });
                }
            }
            None => translated.unknown += workloads.len(),
        },
        // What it measures was declared with the app's demand: the machine does not hear it twice.
        Sight::Demand { source: _, rates, measures: _ } => {
            let mut known = BTreeMap::new();
            for rate in rates {
                match names.series(&rate.app, &rate.zone) {
                    Some(series) => {
                        known.insert(series, MilliRps(rate.milli_rps));
                    }
                    None => translated.unknown += 1,
                }
            }
            let Some(source) = numbered else {
                translated.unknown += rates.len();
                return translated;
            };
            let known: Vec<_> = known.into_iter().collect();
            for rates in known.chunks(BATCH_MAX) {
                tell(Told::Demand { source, rates: rates.to_vec() });
            }
        }
        Sight::Carbon { intensities } => {
            let mut known = BTreeMap::new();
            for (cluster, grams) in intensities {
                match names.cluster(cluster) {
                    Some(cluster) => {
                        known.insert(cluster, GramsPerKwh(*grams));
                    }
                    None => translated.unknown += 1,
                }
            }
            let known: Vec<_> = known.into_iter().collect();
            for intensities in known.chunks(BATCH_MAX) {
                tell(Told::Carbon(intensities.to_vec()));
            }
        }
        Sight::Prices { prices } => {
            let mut known = BTreeMap::new();
            for (name, told) in prices {
                match names.cluster(name) {
                    Some(cluster) => {
                        let declared = &state.cluster(cluster).spec.prices;
                        known.insert(cluster, self::prices(told, declared, extended));
                    }
                    None => translated.unknown += 1,
                }
            }
            let known: Vec<_> = known.into_iter().collect();
            for prices in known.chunks(BATCH_MAX) {
                tell(Told::Prices(prices.to_vec()));
            }
        }
    }
    translated
}

/// What a workload says of its binding. Content of an earlier decision is that of an earlier generation.
fn reading(
    workload: &Workload,
    cluster: ClusterId,
    names: &Names,
    state: &State,
) -> Option<Vec<Reading>> {
    let id = names.binding(state, cluster, &workload.app, &workload.component)?;
    let binding = state.binding(id)?;
    // What was adopted was decided by somebody else.
    let cause = binding.cause.unwrap_or(ADOPTED);
    let is_current =
        binding.cause.is_none() || workload.decision.is_none_or(|decision| decision == cause.seq.0);
    let generation = if is_current {
        binding.generation
    } else {
        Generation(binding.generation.0.saturating_sub(1))
    };
    let told = |seen| Reading { binding: id, generation, cause, seen };
    Some(match workload.state {
        // How many are ready is told first: what is applied may be ready at once.
        WorkloadState::Ready(ready) => vec![told(Seen::Replicas(ready)), told(Seen::Applied)],
        WorkloadState::Failed(fault) => vec![told(Seen::Failed(fault))],
        WorkloadState::Gone => vec![told(Seen::Gone)],
    })
}

/// What is told, and what was declared of the rest.
fn prices(told: &Prices, declared: &Declared, extended: &[String]) -> Declared {
    let micros = |told: Option<u64>| told.map(|micros| i64::try_from(micros).unwrap_or(i64::MAX));
    let hourly = |told, declared| micros(told).map_or(declared, MicroUsdPerHour);
    let mut prices = *declared;
    prices.core = hourly(told.core_hour, prices.core);
    prices.gib = hourly(told.gib_hour, prices.gib);
    prices.active = hourly(told.active_hour, prices.active);
    prices.egress_gigabyte = micros(told.egress_gb).map_or(prices.egress_gigabyte, MicroUsd);
    for (price, name) in prices.extended.iter_mut().zip(extended) {
        *price = hourly(told.extended.get(name).copied(), *price);
    }
    prices
}

fn pool(pool: &Pool, cluster: &str, names: &Names, extended: &[String]) -> PoolReport {
    let mut nodes: BTreeMap<Room, u32> = BTreeMap::new();
    for node in &pool.nodes {
        *nodes.entry(room(node, extended)).or_default() += 1;
    }
    // A pool that nobody declared goes by its cluster's name: its name is for people only.
    let name = names.symbol(&pool.name).or_else(|| names.symbol(cluster)).unwrap_or(Symbol(0));
    let nodes = nodes.into_iter().map(|(room, nodes)| NodeCount { room, nodes }).collect();
    PoolReport { pool: name, nodes }
}

/// Whole units that are free: what is left over does not fit anything.
fn room(node: &Node, extended: &[String]) -> Room {
    let mut counts = [0; EXTENDED_RESOURCES_MAX];
    for (count, name) in counts.iter_mut().zip(extended) {
        let free = node.extended.get(name).copied().unwrap_or(0);
        *count = u16::try_from(free).unwrap_or(u16::MAX);
    }
    let free = Resources {
        cpu: MilliCpu(u32::try_from(node.cpu_milli).unwrap_or(u32::MAX)),
        memory: MiB(u32::try_from(node.memory_bytes >> 20).unwrap_or(u32::MAX)),
        extended: counts,
    };
    Room { free, pods: u16::try_from(node.pods).unwrap_or(u16::MAX) }
}

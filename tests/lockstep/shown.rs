//! What the simulated world says, in the words of those who watch a real one: names and bytes instead of ids and units.

use std::collections::BTreeMap;

use periplus_core::State;
use periplus_core::fleet::{NodeCount, PoolReport, Prices as Costs, Signal};
use periplus_core::ids::{ClusterId, SeriesId};
use periplus_core::input::{Observation, Reading, Seen, Sight as Told};
use periplus_live::sighting::{Measures, Node, Pool, Prices, Rate, Sight, Workload, WorkloadState};

/// What watchers of the world tell of an observation; nothing of what none of them sees.
pub(crate) fn sights(of: &Observation, state: &State, extended: &[String]) -> Vec<Sight> {
    let name = |cluster: ClusterId| state.name(state.cluster(cluster).spec.name).to_owned();
    match &of.sight {
        Told::Heartbeats(clusters) => {
            clusters.iter().map(|cluster| Sight::Alive { cluster: name(*cluster) }).collect()
        }
        Told::Capacity { cluster, pools } => {
            let pools = pools.iter().map(|one| pool(one, state, extended)).collect();
            vec![Sight::Room { cluster: name(*cluster), pools }]
        }
        Told::Demand { source, rates } => {
            // What it measures was declared.
            let (mut offered, mut served) = (Vec::new(), Vec::new());
            for (series, rate) in rates {
                let spec = state.series()[series.index()].spec;
                match spec.signal {
                    Signal::Offered => offered.push(self::rate(*series, rate.0, state)),
                    Signal::Served => served.push(self::rate(*series, rate.0, state)),
                }
            }
            let source = format!("collector {}", source.0);
            let told = [(Measures::Offered, offered), (Measures::Served, served)];
            let told = told.into_iter().filter(|(_, rates)| !rates.is_empty());
            told.map(|(measures, rates)| Sight::Demand { source: source.clone(), measures, rates })
                .collect()
        }
        Told::Readiness { cluster, readings } => {
            let workloads = readings.iter().filter_map(|one| workload(one, state)).collect();
            vec![Sight::Workloads { cluster: name(*cluster), workloads }]
        }
        Told::Carbon(intensities) => {
            let told = intensities.iter().map(|(cluster, grams)| (name(*cluster), grams.0));
            vec![Sight::Carbon { intensities: told.collect() }]
        }
        Told::Prices(prices) => {
            let told = prices.iter().map(|(cluster, told)| (name(*cluster), costs(told, extended)));
            vec![Sight::Prices { prices: told.collect() }]
        }
        // What clusters reach is declared.
        Told::Reach { .. } => Vec::new(),
    }
}

fn rate(series: SeriesId, milli_rps: u64, state: &State) -> Rate {
    let spec = state.series()[series.index()].spec;
    Rate {
        app: state.name(state.intent(spec.app).name).to_owned(),
        zone: state.name(state.zone(spec.zone).spec.name).to_owned(),
        milli_rps,
    }
}

fn pool(of: &PoolReport, state: &State, extended: &[String]) -> Pool {
    let node = |counted: &NodeCount| {
        let room = &counted.room;
        let units = extended.iter().zip(room.free.extended);
        let units = units.map(|(name, units)| (name.clone(), u64::from(units)));
        Node {
            cpu_milli: u64::from(room.free.cpu.0),
            memory_bytes: u64::from(room.free.memory.0) << 20,
            pods: u32::from(room.pods),
            extended: units.collect::<BTreeMap<_, _>>(),
        }
    };
    let nodes = of.nodes.iter().flat_map(|counted| vec![node(counted); counted.nodes as usize]);
    Pool { name: state.name(of.pool).to_owned(), nodes: nodes.collect() }
}

/// What is seen of a workload: an agent's having applied it goes without saying where its pods are counted.
fn workload(of: &Reading, state: &State) -> Option<Workload> {
    let berth = state.try_berth(of.binding.berth)?;
    let intent = state.intent(berth.app);
    let (decision, told) = match of.seen {
        Seen::Replicas(ready) => (Some(of.cause.seq.0), WorkloadState::Ready(ready)),
        Seen::Failed(fault) => (Some(of.cause.seq.0), WorkloadState::Failed(fault)),
        Seen::Gone => (None, WorkloadState::Gone),
        Seen::Applied => return None,
    };
    Some(Workload {
        app: state.name(intent.name).to_owned(),
        component: state.name(intent.component(of.binding.component).name).to_owned(),
        decision,
        state: told,
    })
}

/// What a cluster costs, all of it.
fn costs(of: &Costs, extended: &[String]) -> Prices {
    let micros = |price: i64| Some(price.unsigned_abs());
    let extended = extended.iter().zip(&of.extended);
    Prices {
        core_hour: micros(of.core.0),
        gib_hour: micros(of.gib.0),
        active_hour: micros(of.active.0),
        egress_gb: micros(of.egress_gigabyte.0),
        extended: extended.map(|(name, price)| (name.clone(), price.0.unsigned_abs())).collect(),
    }
}

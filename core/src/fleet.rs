//! The fleet as people declare it: clusters, zones, tenants, and what is reported of their room and prices.
//!
//! Data only. What `State` believes of them beside this is in [`state`](crate::state).

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::ids::{AppId, ClusterId, KindId, Symbol, ZoneId};
use crate::labels::{Labels, Selector, Taint};
use crate::units::{GramsPerKwh, MiB, MicroUsd, MicroUsdPerHour, MilliCpu, MilliWatts};

/// How many kinds of extended resources (GPU, …) a fleet can count.
pub const EXTENDED_RESOURCES_MAX: usize = 4;

/// What a pod asks for, or a node has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Resources {
    /// CPU.
    pub cpu: MilliCpu,
    /// Memory.
    pub memory: MiB,
    /// Extended resources in the order that the fleet declared them.
    pub extended: [u16; EXTENDED_RESOURCES_MAX],
}

impl Resources {
    /// The larger of both, resource by resource.
    #[must_use]
    pub fn at_least(&self, other: &Self) -> Self {
        Self {
            cpu: self.cpu.max(other.cpu),
            memory: self.memory.max(other.memory),
            extended: core::array::from_fn(|kind| self.extended[kind].max(other.extended[kind])),
        }
    }
}

/// Free room on one node: resources and pods left, *without the objects we own*.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Room {
    /// Resources that are free.
    pub free: Resources,
    /// Pods that the kubelet still takes.
    pub pods: u16,
}

/// Nodes with equal room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeCount {
    /// Room on each of them.
    pub room: Room,
    /// How many they are.
    pub nodes: u32,
}

/// The room of one node pool as a histogram over its nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolReport {
    /// The pool's name.
    pub pool: Symbol,
    /// Its nodes, those with equal room counted together.
    pub nodes: Vec<NodeCount>,
}

/// A cluster as it was declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterSpec {
    /// Its name.
    pub name: Symbol,
    /// Its kind: which staffing tables hold for it.
    pub kind: KindId,
    /// What selectors see.
    pub labels: Labels,
    /// What keeps apps away unless they tolerate it.
    pub taints: Vec<Taint>,
    /// What it costs.
    pub prices: Prices,
    /// What electricity it draws.
    pub power: Power,
}

/// What a cluster costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prices {
    /// Per core and hour.
    pub core: MicroUsdPerHour,
    /// Per GiB of memory and hour.
    pub gib: MicroUsdPerHour,
    /// Per unit and hour, for each extended resource.
    pub extended: [MicroUsdPerHour; EXTENDED_RESOURCES_MAX],
    /// Per hour in which a group is active here, whatever its size.
    pub active: MicroUsdPerHour,
    /// Per gigabyte (10⁹ bytes) that leaves the cluster.
    pub egress_gigabyte: MicroUsd,
}

/// What electricity a cluster draws, and how dirty its grid is until told otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Power {
    /// Drawn by one requested core at its usual load.
    pub core: MilliWatts,
    /// Power usage effectiveness of the building, in thousandths: 1,200 means 1.2.
    pub effectiveness: u32,
    /// Carbon intensity of its grid when it was declared.
    pub carbon: GramsPerKwh,
}

/// A population of users at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneSpec {
    /// Its name.
    pub name: Symbol,
    /// What residency rules compare.
    pub labels: Labels,
}

/// A team with quotas and rights over some clusters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantSpec {
    /// Its name.
    pub name: Symbol,
    /// The clusters that it may use.
    pub clusters: Selector,
    /// What its apps may request together, over the whole fleet; `None` sets no bound.
    pub quota: Option<Resources>,
}

/// Which app's demand from which zone a series carries, and how it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesSpec {
    /// The app that is asked for.
    pub app: AppId,
    /// Where its users are.
    pub zone: ZoneId,
    /// What the signal shows.
    pub signal: Signal,
}

/// What a demand signal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signal {
    /// What users ask for, measured where they enter.
    Offered,
    /// What was served: a lower bound of the demand while the serving cluster is saturated.
    Served,
}

/// Something with a position: where requests come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Place {
    /// A cluster.
    Cluster(ClusterId),
    /// A zone.
    Zone(ZoneId),
}

impl SeriesSpec {
    /// A series of offered load.
    #[must_use]
    pub const fn offered(app: AppId, zone: ZoneId) -> Self {
        Self { app, zone, signal: Signal::Offered }
    }
}

impl Power {
    /// Millionths of a gram of CO2e per core and hour at `carbon`.
    ///
    /// mW × PUE ÷ 10⁶ = watts; watts × g/kWh ÷ 10³ = g/h.
    #[must_use]
    pub fn micrograms_per_core_hour(&self, carbon: GramsPerKwh) -> u64 {
        u64::from(self.core.0) * u64::from(self.effectiveness) * u64::from(carbon.0) / 1_000
    }
}

impl Prices {
    /// The price of `resources` per hour, without carbon.
    #[must_use]
    pub fn of(&self, resources: &Resources) -> MicroUsdPerHour {
        let extended: i64 = resources
            .extended
            .iter()
            .zip(self.extended)
            .map(|(units, price)| i64::from(*units) * price.0)
            .sum();
        crate::units::per_core(resources.cpu, self.core)
            + crate::units::per_gib(resources.memory, self.gib)
            + MicroUsdPerHour(extended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_of_five_watts_on_a_coal_grid_emits_about_four_grams_an_hour() {
        let power = Power { core: MilliWatts(5_000), effectiveness: 1_200, carbon: GramsPerKwh(0) };
        // 5 W × 1.2 = 6 W; 0.006 kWh × 650 g/kWh = 3.9 g.
        assert_eq!(power.micrograms_per_core_hour(GramsPerKwh(650)), 3_900_000);
    }
}

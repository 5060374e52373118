//! What the machine believes of a cluster.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::capacity::Totals;
use crate::fleet::{ClusterSpec, NodeCount, Prices};
use crate::ids::{BerthId, ClusterId};
use crate::state::arena::Entity;
use crate::units::{GramsPerKwh, MicrosRtt, Tick};

/// What the machine believes of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// As it was declared.
    pub spec: ClusterSpec,
    /// What it costs now.
    pub prices: Prices,
    /// How dirty its grid is now.
    pub carbon: GramsPerKwh,
    /// Whether it is heard of.
    pub health: Health,
    /// What an operator said about it.
    pub marks: Marks,
    /// Since it returned, when it counts as stable again.
    pub stable_at: Tick,
    /// When it was last heard of.
    pub last_seen: Tick,
    /// When the newest prices were true.
    pub prices_as_of: Tick,
    /// When the newest carbon intensity was true.
    pub carbon_as_of: Tick,
    /// When the newest capacity report was true.
    pub capacity_as_of: Tick,
    /// The free room of its nodes without the objects we own, largest first.
    pub nodes: Vec<NodeCount>,
    /// That room, summed.
    pub room: Totals,
    /// What our bindings are charged for, summed.
    pub held: Totals,
    /// Our berths in it, ascending.
    pub berths: Vec<BerthId>,
    /// The clusters that it can reach, nearest first.
    pub reach: Reach,
}

/// Whether a cluster is heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Health {
    /// It is.
    Fresh,
    /// Not for a while: keep all, place nothing new.
    Unknown {
        /// Since when.
        since: Tick,
    },
    /// Not for so long that it is replaced.
    Lost {
        /// Since when.
        since: Tick,
    },
    /// It has left the fleet.
    Retired,
}

/// What an operator said about a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// Place nothing new here.
    pub cordoned: bool,
    /// Move everything out.
    pub draining: bool,
}

/// Clusters that a place can reach, nearest first; of two equally near the lower id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reach(Vec<(MicrosRtt, ClusterId)>);

impl Reach {
    pub(crate) fn new<'a>(rtts: impl Iterator<Item = &'a (ClusterId, MicrosRtt)>) -> Self {
        let mut near: Vec<_> = rtts.map(|(cluster, rtt)| (*rtt, *cluster)).collect();
        near.sort_unstable();
        Self(near)
    }

    /// All of them, nearest first.
    pub fn iter(&self) -> impl Iterator<Item = (MicrosRtt, ClusterId)> + '_ {
        self.0.iter().copied()
    }

    /// The round-trip time to `cluster`.
    #[must_use]
    pub fn rtt(&self, cluster: ClusterId) -> Option<MicrosRtt> {
        self.0.iter().find(|near| near.1 == cluster).map(|near| near.0)
    }
}

impl Cluster {
    /// A cluster that has just been declared.
    pub(crate) fn new(spec: ClusterSpec, at: Tick) -> Self {
        Self {
            prices: spec.prices,
            carbon: spec.power.carbon,
            spec,
            health: Health::Fresh,
            marks: Marks::default(),
            stable_at: Tick::ZERO,
            last_seen: at,
            prices_as_of: Tick::ZERO,
            carbon_as_of: Tick::ZERO,
            capacity_as_of: Tick::ZERO,
            nodes: Vec::new(),
            room: Totals::default(),
            held: Totals::default(),
            berths: Vec::new(),
            reach: Reach::default(),
        }
    }

    /// Whether anything new may be placed here, as far as its health goes.
    #[must_use]
    pub const fn is_fresh(&self) -> bool {
        matches!(self.health, Health::Fresh)
    }

    /// Whether what runs here must be served from elsewhere.
    #[must_use]
    pub const fn is_gone(&self) -> bool {
        matches!(self.health, Health::Lost { .. } | Health::Retired)
    }
}

/// When it was last heard of.
impl Entity for Cluster {
    fn pulse(&self) -> u64 {
        self.last_seen.0
    }

    fn set_pulse(&mut self, pulse: u64) {
        self.last_seen = Tick(pulse);
    }
}

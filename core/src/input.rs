//! Inputs: everything that comes to the machine from outside.
//!
//! Four families: observations (what was seen), commands (what was asked), effect reports (how an effect
//! went) and fired timers. An input's origin says whether it would have come whatever we decided.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::adoption::Adoption;
use crate::effect::{EffectKey, Generation};
use crate::fleet::{ClusterSpec, Place, PoolReport, Prices, SeriesSpec, TenantSpec, ZoneSpec};
use crate::ids::{
    AppId, BindingId, ClusterId, GroupId, HoldId, SeriesId, Symbol, TenantId, ZoneId,
};
use crate::intent::Intent;
use crate::policy::Policy;
use crate::units::{GramsPerKwh, MicrosRtt, MilliRps, Tick};

/// The most entries that one batch may carry.
pub const BATCH_MAX: usize = 4_096;

/// Something that came from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// What a cluster, a signal, a price or carbon feed said.
    Observation(Observation),
    /// What a person or a pipeline asked for.
    Command(Command),
    /// How an effect went.
    Report(EffectReport),
    /// A deadline of the machine's own has come.
    Timer(TimerFired),
}

/// Where an input comes from, for counterfactual replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// It would have come whatever we decided.
    Exogenous,
    /// An effect of ours caused it.
    Effect(EffectKey),
    /// Each of its readings names the effect that caused it.
    EachReading,
    /// The machine asked for it.
    Machine,
}

/// What was seen, and when it was true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// When it was true; the record's `at` says when we learned it.
    pub as_of: Tick,
    /// What was seen.
    pub sight: Sight,
}

/// What was seen, in batches of at most [`BATCH_MAX`] entries of one source, ascending where they have ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sight {
    /// These clusters were heard of.
    Heartbeats(#[serde(with = "crate::codec::ascending")] Vec<ClusterId>),
    /// The free room of a cluster's nodes, without the objects we own.
    Capacity {
        /// Whose.
        cluster: ClusterId,
        /// By node pool.
        pools: Vec<PoolReport>,
    },
    /// Demand by series.
    Demand {
        /// Who measured it.
        source: SourceId,
        /// The rates.
        #[serde(with = "crate::codec::ascending_pairs")]
        rates: Vec<(SeriesId, MilliRps)>,
    },
    /// The state of objects that we own in one cluster.
    Readiness {
        /// Whose.
        cluster: ClusterId,
        /// By binding.
        readings: Vec<Reading>,
    },
    /// Prices by cluster.
    Prices(Vec<(ClusterId, Prices)>),
    /// Carbon intensity of the grid by cluster.
    Carbon(Vec<(ClusterId, GramsPerKwh)>),
    /// The round-trip times from one place to every cluster that it can reach.
    Reach {
        /// From where.
        from: Place,
        /// To which clusters, ascending by id. A cluster that is not listed cannot be reached.
        rtts: Vec<(ClusterId, MicrosRtt)>,
    },
}

/// A collector of demand. Its batches are ordered among themselves by `as_of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceId(pub u16);

/// The state of one binding as its cluster reported it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Which binding.
    pub binding: BindingId,
    /// The generation that the cluster has.
    pub generation: Generation,
    /// The effect that this is a consequence of.
    pub cause: EffectKey,
    /// What was seen.
    pub seen: Seen,
}

/// What a cluster reported about a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seen {
    /// The sync agent has applied it. How many replicas of the new content are ready is told before.
    Applied,
    /// It failed.
    Failed(Fault),
    /// Its objects no longer exist.
    Gone,
    /// So many of its replicas are ready. Those of older content do not count.
    Replicas(u16),
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Names enter the log, numbered from `first` on.
    Name {
        /// The symbol of the first of them.
        first: Symbol,
        /// The names.
        texts: Vec<String>,
    },
    /// The fleet's policy, new or changed.
    DeclarePolicy(Box<Policy>),
    /// A tenant, new or changed.
    DeclareTenant(TenantId, TenantSpec),
    /// A cluster, new or changed.
    DeclareCluster(ClusterId, Box<ClusterSpec>),
    /// A zone, new or changed.
    DeclareZone(ZoneId, ZoneSpec),
    /// An app's intent, new or changed.
    DeclareApp(AppId, Box<Intent>),
    /// Demand series, numbered from `first` on.
    DeclareSeries {
        /// The id of the first of them.
        first: SeriesId,
        /// What they carry.
        series: Vec<SeriesSpec>,
    },
    /// An app's intent is withdrawn.
    WithdrawApp(AppId),
    /// A cluster leaves the fleet for good.
    RetireCluster(ClusterId),
    /// Place nothing new in a cluster.
    Cordon(ClusterId),
    /// Place in it again.
    Uncordon(ClusterId),
    /// Move everything out of a cluster.
    Drain(ClusterId),
    /// Stop moving out.
    Undrain(ClusterId),
    /// Treat a cluster as lost without waiting.
    DeclareLost(ClusterId),
    /// Run a group in this cluster only.
    Pin {
        /// Whose group.
        app: AppId,
        /// Which group.
        group: GroupId,
        /// Where.
        cluster: ClusterId,
    },
    /// Let a group run where it is best.
    Unpin {
        /// Whose group.
        app: AppId,
        /// Which group.
        group: GroupId,
    },
    /// Let a held change happen.
    Approve(HoldId),
    /// Decide and record, but change nothing.
    Pause,
    /// Act again.
    Resume,
    /// Take over what runs already, as it is.
    Adopt(Box<Adoption>),
}

/// How an effect went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectReport {
    /// Which effect.
    pub key: EffectKey,
    /// How it went.
    pub outcome: Outcome,
}

/// How an effect went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It is done, and will stay done.
    Done,
    /// It was not done.
    Failed(Fault),
    /// Nobody knows; it must be done again, which is harmless.
    Unknown,
}

/// What went wrong in the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Fault {
    /// The remote repository refused the push.
    GitRejected,
    /// The objects could not be applied.
    ApplyFailed,
    /// An image could not be pulled.
    ImagePull,
    /// A pod did not start or kept crashing.
    PodFailed,
    /// No node has room for a pod.
    Unschedulable,
    /// It took too long.
    TimedOut,
    /// The other side could not be reached.
    Unreachable,
}

/// A deadline of the machine's own has come: every timer due by the record's `at` fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimerFired {
    /// The deadline that the shell waited for, from [`State::next_deadline`](crate::State::next_deadline).
    pub due: Tick,
}

impl Input {
    /// Where this input comes from.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        match self {
            Self::Observation(Observation { sight: Sight::Readiness { .. }, .. }) => {
                Origin::EachReading
            }
            Self::Observation(_) | Self::Command(_) => Origin::Exogenous,
            Self::Report(report) => Origin::Effect(report.key),
            Self::Timer(_) => Origin::Machine,
        }
    }

    /// How many single observations this input carries: what throughput is counted in.
    #[must_use]
    pub fn weight(&self) -> u64 {
        let entries = match self {
            Self::Observation(Observation { sight, .. }) => match sight {
                Sight::Heartbeats(clusters) => clusters.len(),
                Sight::Demand { rates, .. } => rates.len(),
                Sight::Readiness { readings, .. } => readings.len(),
                Sight::Prices(prices) => prices.len(),
                Sight::Carbon(intensities) => intensities.len(),
                Sight::Capacity { .. } | Sight::Reach { .. } => 1,
            },
            Self::Command(_) | Self::Report(_) | Self::Timer(_) => 1,
        };
        entries as u64
    }
}

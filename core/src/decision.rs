//! Decisions: why. A bounded summary stands in the record; the full bills are recomputed on demand.
//!
//! Owns the vocabulary of reasons, guards and bills. Must not compute any of them: see `decide`.

use alloc::vec::Vec;
use core::ops::Sub;

use serde::{Deserialize, Serialize};

use crate::fleet::Place;
pub use crate::guard::Guard;
use crate::ids::{AppId, ClusterId, ComponentId, GroupId, KindId, Symbol};
use crate::units::{MicroUsdPerHour, MicrosRtt, MilliRps, Permille, Tick};

/// What was decided about one subject, and the numbers that decided it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Whose.
    pub app: AppId,
    /// Which group of it.
    pub group: GroupId,
    /// About what.
    pub subject: Subject,
    /// What made us look.
    pub trigger: Trigger,
    /// What was decided.
    pub verdict: Verdict,
    /// The chosen cluster and its price.
    pub winner: Option<Choice>,
    /// The best that was not chosen.
    pub runner_up: Option<Choice>,
    /// The guard that held a change back.
    pub held: Option<Held>,
    /// How many clusters were refused, by the code of the reason, ascending.
    pub refusals: Vec<(ReasonCode, u32)>,
}

/// What a decision is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Subject {
    /// The group in one cluster.
    Berth(ClusterId),
    /// The requests that come from one place.
    Flow(Place),
}

/// What made us look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Trigger {
    /// A person approved what was held.
    Approved,
    /// Room was reported, or came free.
    Capacity,
    /// A cluster joined, changed, was marked, fell silent or returned.
    Cluster,
    /// Demand left the band that its berths are staffed for.
    Demand,
    /// An effect or a binding failed.
    Failure,
    /// An intent was declared, changed or withdrawn.
    Intent,
    /// Another app took or gave up room.
    Preemption,
    /// A price or carbon intensity changed.
    Price,
    /// It was time to look again.
    Timer,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The flow goes to the winner.
    Assigned,
    /// The group leaves the cluster.
    Closed(Closing),
    /// Nothing changes yet; `held` says until when and why.
    Held,
    /// The group gets another number of replicas.
    Scaled {
        /// Replicas before, over all components.
        from: u32,
        /// Replicas after.
        to: u32,
    },
    /// The flow is served by several clusters: it bursts.
    Split {
        /// How many.
        clusters: u8,
        /// The part that nobody serves.
        unserved: Permille,
    },
    /// Nobody serves the flow.
    Unserved,
}

/// Why a berth is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Closing {
    /// An operator drains the cluster, or a taint drives the app out.
    Drained,
    /// It did not become ready.
    Failed,
    /// Nobody needs it here any more.
    Idle,
    /// Its users are better served elsewhere.
    Moved,
    /// An app of higher priority took its room.
    Preempted,
    /// The intent is gone.
    Withdrawn,
}

/// A candidate and its price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The cluster.
    pub cluster: ClusterId,
    /// The total of its bill.
    pub total: MicroUsdPerHour,
}

/// A guard that holds a change back, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Which guard.
    pub guard: Guard,
    /// When it lets go; `None` waits for a person or an event.
    pub until: Option<Tick>,
}

/// The price of one candidate, line by line, in µ$ per hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    /// The resources that its replicas request.
    pub compute: MicroUsdPerHour,
    /// Being active in the cluster at all.
    pub fixed: MicroUsdPerHour,
    /// The carbon of the power that it draws.
    pub carbon: MicroUsdPerHour,
    /// Answers later than the target.
    pub latency: MicroUsdPerHour,
    /// Bytes that leave clusters.
    pub egress: MicroUsdPerHour,
    /// Starting and moving, spread over the payback.
    pub moving: MicroUsdPerHour,
    /// Preferences declared as money.
    pub preference: MicroUsdPerHour,
    /// Requests that nobody serves.
    pub unserved: MicroUsdPerHour,
}

/// Why a cluster cannot serve, with its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// More is asked than the staffing table's last entry holds.
    AboveStaffingTable {
        /// What is asked.
        rate: MilliRps,
        /// What the table holds.
        limit: MilliRps,
    },
    /// An app that must not share a cluster with this one is there.
    Avoided {
        /// That app.
        app: AppId,
    },
    /// The cluster is cordoned.
    Cordoned,
    /// The cluster is being drained.
    Draining,
    /// No staffing table is declared for the cluster's kind.
    KindUnsupported {
        /// The component without a table.
        component: ComponentId,
        /// The cluster's kind.
        kind: KindId,
    },
    /// The cluster is lost.
    Lost {
        /// Since when.
        since: Tick,
    },
    /// The group is in as many clusters as it may be.
    MaxClusters {
        /// That many.
        limit: u16,
    },
    /// The cluster's nodes have no room.
    NoRoom {
        /// What is short.
        resource: Resource,
        /// What would be added.
        wanted: u64,
        /// What is free.
        free: u64,
    },
    /// The place has no measured way to the cluster.
    OutOfReach,
    /// The group is pinned elsewhere.
    Pinned {
        /// There.
        cluster: ClusterId,
    },
    /// One pod is larger than every node.
    PodExceedsNode {
        /// The component.
        component: ComponentId,
        /// What is short.
        resource: Resource,
        /// What one pod asks for.
        wanted: u64,
        /// The most that one node has free.
        largest: u64,
    },
    /// The tenant's quota is spent.
    QuotaExceeded {
        /// What is short.
        resource: Resource,
        /// What would be added.
        wanted: u64,
        /// What is left.
        left: u64,
    },
    /// It failed this app not long ago.
    RecentlyFailed {
        /// When it is tried again.
        until: Tick,
    },
    /// The zone's users must stay within another label value.
    Residency {
        /// The label that is compared.
        key: Symbol,
        /// The zone's value.
        zone: Option<Symbol>,
        /// The cluster's value.
        cluster: Option<Symbol>,
    },
    /// The cluster has left the fleet.
    Retired,
    /// The cluster has returned and must be stable first.
    Returning {
        /// When it counts as stable.
        until: Tick,
    },
    /// A selector does not match the cluster's labels.
    SelectorMismatch {
        /// The label of the first unmet requirement.
        key: Symbol,
        /// The cluster's value for it.
        found: Option<Symbol>,
    },
    /// The group holds data and moves by command only.
    Stateful {
        /// Where it is.
        cluster: ClusterId,
    },
    /// The app does not tolerate a taint.
    TaintNotTolerated {
        /// The taint's key.
        key: Symbol,
        /// The taint's value.
        value: Option<Symbol>,
    },
    /// The tenant has no rights over the cluster.
    TenantForbidden {
        /// The label of the first unmet requirement.
        key: Symbol,
        /// The cluster's value for it.
        found: Option<Symbol>,
    },
    /// The cluster is farther than the app allows.
    TooFar {
        /// How far.
        rtt: MicrosRtt,
        /// How far it may be.
        limit: MicrosRtt,
    },
    /// The cluster has not been heard of for too long to place anything new.
    Unknown {
        /// Since when.
        since: Tick,
    },
}

/// What can be short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Resource {
    /// CPU, in thousandths of a core.
    Cpu,
    /// Memory, in MiB.
    Memory,
    /// Pods.
    Pods,
    /// An extended resource, by its place in the fleet's list.
    Extended(u8),
    /// The sum would fit, but no node has room for the next pod.
    Packing,
}

/// The code of a reason: its name without its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the code of the `Reason` of the same name")]
pub enum ReasonCode {
    AboveStaffingTable,
    Avoided,
    Cordoned,
    Draining,
    KindUnsupported,
    Lost,
    MaxClusters,
    NoRoom,
    OutOfReach,
    Pinned,
    PodExceedsNode,
    QuotaExceeded,
    RecentlyFailed,
    Residency,
    Retired,
    Returning,
    SelectorMismatch,
    Stateful,
    TaintNotTolerated,
    TenantForbidden,
    TooFar,
    Unknown,
}

impl Decision {
    /// How much dearer the runner-up is than the winner.
    #[must_use]
    pub fn margin(&self) -> Option<MicroUsdPerHour> {
        Some(self.runner_up?.total - self.winner?.total)
    }
}

impl Reason {
    /// The reason's code.
    #[must_use]
    pub const fn code(&self) -> ReasonCode {
        match self {
            Self::AboveStaffingTable { .. } => ReasonCode::AboveStaffingTable,
            Self::Avoided { .. } => ReasonCode::Avoided,
            Self::Cordoned => ReasonCode::Cordoned,
            Self::Draining => ReasonCode::Draining,
            Self::KindUnsupported { .. } => ReasonCode::KindUnsupported,
            Self::Lost { .. } => ReasonCode::Lost,
            Self::MaxClusters { .. } => ReasonCode::MaxClusters,
            Self::NoRoom { .. } => ReasonCode::NoRoom,
            Self::OutOfReach => ReasonCode::OutOfReach,
            Self::Pinned { .. } => ReasonCode::Pinned,
            Self::PodExceedsNode { .. } => ReasonCode::PodExceedsNode,
            Self::QuotaExceeded { .. } => ReasonCode::QuotaExceeded,
            Self::RecentlyFailed { .. } => ReasonCode::RecentlyFailed,
            Self::Residency { .. } => ReasonCode::Residency,
            Self::Retired => ReasonCode::Retired,
            Self::Returning { .. } => ReasonCode::Returning,
            Self::SelectorMismatch { .. } => ReasonCode::SelectorMismatch,
            Self::Stateful { .. } => ReasonCode::Stateful,
            Self::TaintNotTolerated { .. } => ReasonCode::TaintNotTolerated,
            Self::TenantForbidden { .. } => ReasonCode::TenantForbidden,
            Self::TooFar { .. } => ReasonCode::TooFar,
            Self::Unknown { .. } => ReasonCode::Unknown,
        }
    }
}

impl ReasonCode {
    /// All codes, ascending.
    pub const ALL: [Self; 22] = [
        Self::AboveStaffingTable,
        Self::Avoided,
        Self::Cordoned,
        Self::Draining,
        Self::KindUnsupported,
        Self::Lost,
        Self::MaxClusters,
        Self::NoRoom,
        Self::OutOfReach,
        Self::Pinned,
        Self::PodExceedsNode,
        Self::QuotaExceeded,
        Self::RecentlyFailed,
        Self::Residency,
        Self::Retired,
        Self::Returning,
        Self::SelectorMismatch,
        Self::Stateful,
        Self::TaintNotTolerated,
        Self::TenantForbidden,
        Self::TooFar,
        Self::Unknown,
    ];

    /// The code as it stands in output and in the name of its page under `docs/reasons/`.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        match self {
            Self::AboveStaffingTable => "above-staffing-table",
            Self::Avoided => "avoided",
            Self::Cordoned => "cordoned",
            Self::Draining => "draining",
            Self::KindUnsupported => "kind-unsupported",
            Self::Lost => "lost",
            Self::MaxClusters => "max-clusters",
            Self::NoRoom => "no-room",
            Self::OutOfReach => "out-of-reach",
            Self::Pinned => "pinned",
            Self::PodExceedsNode => "pod-exceeds-node",
            Self::QuotaExceeded => "quota-exceeded",
            Self::RecentlyFailed => "recently-failed",
            Self::Residency => "residency",
            Self::Retired => "retired",
            Self::Returning => "returning",
            Self::SelectorMismatch => "selector-mismatch",
            Self::Stateful => "stateful",
            Self::TaintNotTolerated => "taint-not-tolerated",
            Self::TenantForbidden => "tenant-forbidden",
            Self::TooFar => "too-far",
            Self::Unknown => "unknown",
        }
    }
}

impl Bill {
    /// The sum of all lines.
    #[must_use]
    pub fn total(&self) -> MicroUsdPerHour {
        let Self { compute, fixed, carbon, latency, egress, moving, preference, unserved } = *self;
        compute + fixed + carbon + latency + egress + moving + preference + unserved
    }
}

impl core::ops::AddAssign for Bill {
    fn add_assign(&mut self, other: Self) {
        let Self { compute, fixed, carbon, latency, egress, moving, preference, unserved } = other;
        self.compute += compute;
        self.fixed += fixed;
        self.carbon += carbon;
        self.latency += latency;
        self.egress += egress;
        self.moving += moving;
        self.preference += preference;
        self.unserved += unserved;
    }
}

impl Sub for Bill {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self {
            compute: self.compute - other.compute,
            fixed: self.fixed - other.fixed,
            carbon: self.carbon - other.carbon,
            latency: self.latency - other.latency,
            egress: self.egress - other.egress,
            moving: self.moving - other.moving,
            preference: self.preference - other.preference,
            unserved: self.unserved - other.unserved,
        }
    }
}

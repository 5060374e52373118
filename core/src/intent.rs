//! The intent: what a person declared about one app, already checked and reduced to integers.
//!
//! A graph of components gathered into groups. A group is placed as one; calls between groups may cross
//! clusters. Every rate here is in *user requests*: the border folds how often a component is visited per
//! user request into its staffing table, so the core never multiplies rates along call edges.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::fleet::Resources;
use crate::ids::{AppId, ClusterId, ComponentId, GroupId, KindId, Symbol, TenantId};
use crate::labels::{Selector, Toleration};
use crate::units::{Bytes, MicroUsd, MicroUsdPerHour, MicrosRtt, MilliRps, Permille, Span};

/// What a person declared about one app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The app's name.
    pub name: Symbol,
    /// The team that it belongs to.
    pub tenant: TenantId,
    /// Grows with every change of the declaration.
    pub generation: u32,
    /// Who goes first and who yields: higher wins, as in a Kubernetes `PriorityClass`.
    pub priority: i32,
    /// The components, in the order of their declaration.
    pub components: Vec<Component>,
    /// The groups. The first is the front that users enter; callers stand before those they call.
    pub groups: Vec<Group>,
    /// Calls from one group to a later one.
    pub calls: Vec<GroupCall>,
    /// Where the app may run.
    pub rules: Rules,
    /// When a zone's users are enough to be served.
    pub activation: Activation,
    /// What its users are promised, and what it is worth.
    pub worth: Worth,
    /// How new content comes to the clusters that hold it already.
    pub rollout: RolloutRules,
}

/// One microservice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// Its name.
    pub name: Symbol,
    /// A fingerprint of its manifests, images and customizations: a new one is rolled out.
    pub revision: u64,
    /// What one replica asks for.
    pub request: Resources,
    /// Who sets the number of replicas.
    pub scaling: Scaling,
    /// Per kind of cluster, ascending: the user rate that 1, 2, 3 … replicas hold within the component's
    /// share of the wait SLO. Strictly ascending, never empty. A kind that is not listed cannot run it.
    pub staffing: Vec<(KindId, Vec<MilliRps>)>,
    /// What must hold before its resources reach git.
    pub after: Vec<Gate>,
}

/// Who sets the number of replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scaling {
    /// Periplus writes the number, at least `min`.
    Fixed {
        /// The fewest replicas.
        min: u16,
    },
    /// Periplus writes the bounds and plans the room; the cluster's own autoscaler moves inside them.
    Hpa {
        /// The fewest replicas.
        min: u16,
        /// The most replicas.
        max: u16,
    },
}

/// Components that are placed together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: Symbol,
    /// Its components, ascending.
    pub components: Vec<ComponentId>,
    /// A narrower selector than the app's own.
    pub selector: Selector,
    /// Whether it holds data: it then moves by command only.
    pub stateful: bool,
    /// How many clusters hold it even when nobody asks for it.
    pub standing: u16,
    /// The only cluster that it may run in, if one is named.
    pub pinned: Option<ClusterId>,
}

/// Calls from one group to another, for one user request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupCall {
    /// The calling group.
    pub from: GroupId,
    /// The called group, later in the order of groups.
    pub to: GroupId,
    /// The part of the called group's work that this caller causes.
    pub share: Permille,
    /// Round trips that a user waits for, in thousandths per user request.
    pub round_trips: u32,
    /// Bytes that cross, in both directions, per user request.
    pub bytes: Bytes,
}

/// Where an app may run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// The capability selector over cluster labels.
    pub selector: Selector,
    /// The taints that the app tolerates.
    pub tolerations: Vec<Toleration>,
    /// A label key whose value must be the same on a zone and the clusters that serve it.
    pub residency: Option<Symbol>,
    /// The farthest a serving cluster may be.
    pub max_rtt: Option<MicrosRtt>,
    /// The most clusters that may hold one group at once.
    pub max_clusters: Option<u16>,
    /// Apps that must not share a cluster with this one.
    pub avoid: Vec<AppId>,
    /// Preferences declared as money.
    pub preferences: Vec<Preference>,
}

/// A preference declared as money: what running in such a cluster is worth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preference {
    /// The clusters that are meant.
    pub selector: Selector,
    /// Added to the bill per active group; negative where the clusters are preferred.
    pub price: MicroUsdPerHour,
}

/// When a zone's users are enough to be served. A zone below the threshold may be unserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activation {
    /// The demand at which a zone wakes.
    pub above: MilliRps,
    /// How long it must stay at or above that.
    pub dwell: Span,
    /// The demand below which an awake zone idles; at most `above`.
    pub idle_below: MilliRps,
    /// How long it must stay below that before it sleeps.
    pub idle_after: Span,
}

/// What users are promised, and what it is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worth {
    /// The latency up to which users do not mind: round trips and service, without waiting.
    pub latency_target: MicrosRtt,
    /// The time that a request is worked on, without waiting and round trips.
    pub service_time: MicrosRtt,
    /// The price of lateness, per thousand requests and millisecond above the target.
    pub latency: MicroUsd,
    /// The price of not serving, per thousand requests.
    pub unserved: MicroUsd,
    /// Bytes that leave the serving cluster per user request.
    pub response: Bytes,
}

/// How new content comes to the clusters that hold an app already: a few of them at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutRules {
    /// How many clusters may be written anew and not yet be ready; at least 1.
    pub max_unavailable: u16,
    /// How long a cluster must have been ready on new content before it makes way for the next.
    pub soak: Span,
    /// Whether a person is asked.
    pub approval: Approval,
    /// Whether all clusters keep what they have.
    pub paused: bool,
}

/// When a rollout waits for a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Approval {
    /// Never.
    #[default]
    Never,
    /// Once the first cluster is ready on new content, which is written alone.
    AfterFirst,
}

/// A condition on another component that must hold before this one's resources reach git.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// The app that is waited for; often the same one.
    pub app: AppId,
    /// The component that is waited for.
    pub component: ComponentId,
    /// What it must have reached.
    pub until: Milestone,
    /// How long it must have been so.
    pub hold: Span,
    /// Where.
    pub scope: Scope,
    /// How long to wait, counted from the binding; `None` waits for ever.
    pub deadline: Option<Span>,
    /// What to do when the deadline passes.
    pub otherwise: Otherwise,
}

/// What a component must have reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Milestone {
    /// The cluster's sync agent has taken it.
    Deployed,
    /// All of its replicas are ready.
    Ready,
}

/// In which clusters a gate's condition must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// In the same cluster.
    Same,
    /// In at least one.
    Any,
    /// In every one that has it, and at least one.
    Every,
    /// In the nearest that has it.
    Nearest,
}

/// What to do when a gate's deadline passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Otherwise {
    /// Raise an alert and go on waiting.
    Hold,
    /// Give this cluster up and look for another.
    Abort,
    /// Raise an alert and go ahead.
    Proceed,
}

impl Default for RolloutRules {
    /// One cluster after the other, without a break and without asking.
    fn default() -> Self {
        Self { max_unavailable: 1, soak: Span(0), approval: Approval::Never, paused: false }
    }
}

impl Intent {
    /// The group that `component` belongs to.
    ///
    /// # Panics
    /// Panics if no group has it: the border puts every component into exactly one.
    #[must_use]
    pub fn group_of(&self, component: ComponentId) -> GroupId {
        let place = self.groups.iter().position(|group| group.components.contains(&component));
        GroupId::from_index(place.expect("every component is in exactly one group"))
    }

    /// The group's declaration.
    #[must_use]
    pub fn group(&self, group: GroupId) -> &Group {
        &self.groups[group.index()]
    }

    /// The component's declaration.
    #[must_use]
    pub fn component(&self, component: ComponentId) -> &Component {
        &self.components[component.index()]
    }

    /// Whether the same is written for it as for another declaration of the app, but for the number of replicas.
    #[must_use]
    pub fn has_content_of(&self, other: &Self) -> bool {
        let written = |intent: &Self| -> Vec<(u64, Resources)> {
            let components = intent.components.iter();
            components.map(|component| (component.revision, component.request)).collect()
        };
        let placed = |intent: &Self| -> Vec<Vec<ComponentId>> {
            intent.groups.iter().map(|group| group.components.clone()).collect()
        };
        written(self) == written(other) && placed(self) == placed(other)
    }

    /// The calls that leave `group`.
    pub fn calls_from(&self, group: GroupId) -> impl Iterator<Item = &GroupCall> {
        self.calls.iter().filter(move |call| call.from == group)
    }
}

impl Component {
    /// The staffing table for clusters of `kind`.
    #[must_use]
    pub fn staffing_in(&self, kind: KindId) -> Option<&[MilliRps]> {
        let place = self.staffing.binary_search_by_key(&kind, |table| table.0).ok()?;
        Some(&self.staffing[place].1)
    }
}

impl Scaling {
    /// The fewest replicas that run.
    #[must_use]
    pub const fn min(self) -> u16 {
        match self {
            Self::Fixed { min } | Self::Hpa { min, .. } => min,
        }
    }

    /// The most replicas that may run.
    #[must_use]
    pub const fn max(self) -> u16 {
        match self {
            Self::Fixed { .. } => u16::MAX,
            Self::Hpa { max, .. } => max,
        }
    }

    /// The replicas that are written where `replicas` are planned.
    #[must_use]
    pub const fn primed(self, replicas: u16) -> u16 {
        match self {
            Self::Fixed { .. } => replicas,
            Self::Hpa { min, .. } => min,
        }
    }
}

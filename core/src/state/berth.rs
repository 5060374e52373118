//! A berth: one group in one cluster, with its load, its staffing and its bindings.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::capacity::Totals;
use crate::decision::Closing;
use crate::effect::{EffectKey, Generation};
use crate::fleet::Resources;
use crate::ids::{AppId, ClusterId, ComponentId, GroupId};
use crate::intent::Component;
use crate::state::arena::Entity;
use crate::state::{Flow, FlowId, Slot};
use crate::units::{MilliRps, Span, Tick};

/// One group in one cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Berth {
    /// Whose.
    pub app: AppId,
    /// Which group of it.
    pub group: GroupId,
    /// Where.
    pub cluster: ClusterId,
    /// Where it stands between opening and leaving.
    pub stage: Stage,
    /// When it was opened.
    pub opened: Tick,
    /// The demand that it is charged for.
    pub load: MilliRps,
    /// The loads between which its staffing is right.
    pub band: Band,
    /// The step of the group's staffing table that it is staffed for.
    pub step: u32,
    /// The highest step that it can be staffed for until it may try again, if it could not grow.
    pub cap: Option<u32>,
    /// Since when less would be enough, and the most that was asked since.
    pub scale_in: Option<ScaleIn>,
    /// One per component of the group, ascending by component.
    pub bindings: Vec<Binding>,
    /// The calls that it makes to other groups, in the order of the intent.
    pub calls: Vec<(u16, Flow)>,
    /// The flows that it takes or has been told to take, ascending.
    pub sources: Vec<FlowId>,
}

/// Where a berth stands between opening and leaving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// It is wanted.
    Live,
    /// Its last users are leaving; it can still be taken back.
    Closing {
        /// Why.
        cause: Closing,
        /// When they are gone.
        until: Tick,
    },
    /// Its resources are being removed, dependents first.
    Leaving {
        /// Why.
        cause: Closing,
    },
}

/// The loads between which a berth's staffing is right, both included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Band {
    /// Less than this: fewer replicas would do.
    pub low: MilliRps,
    /// More than this: more replicas are needed.
    pub high: MilliRps,
}

/// A scale-in that waits for its stabilization window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleIn {
    /// When the window ends.
    pub until: Tick,
    /// The highest load in it: what the berth is staffed for at its end.
    pub peak: MilliRps,
}

/// One component committed to one cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// The component, counted within its app.
    pub component: ComponentId,
    /// How far it has come.
    pub phase: Phase,
    /// Since when.
    pub since: Tick,
    /// The replicas that it should have.
    pub replicas: u16,
    /// The replicas that must be ready before it counts as ready: fewer where the cluster's own autoscaler
    /// moves inside its bounds.
    pub required: u16,
    /// The replicas that were last written; the fewest where the cluster's own autoscaler sets their number.
    pub primed: u16,
    /// The most replicas of any content that its cluster may still act on.
    pub ceiling: u16,
    /// The replicas that its cluster last reported ready.
    pub seen: u16,
    /// What one replica asks for, as it was primed.
    pub request: Resources,
    /// The component's revision that was primed last.
    pub revision: u64,
    /// The version of its content in git.
    pub generation: Generation,
    /// The effect that wrote or removed it last.
    pub cause: Option<EffectKey>,
    /// What git may hold of it.
    pub content: Content,
    /// When the newest reading about it was true; before there is one, when it was bound. What was true earlier is not
    /// about it, but about what had its id before.
    pub as_of: Tick,
    /// Whether it has ever been ready since it was bound.
    pub served: bool,
    /// How its gate has dealt with its deadline.
    pub patience: Patience,
}

/// What git may hold of a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Content {
    /// Nothing: it was never primed.
    Absent,
    /// Its files.
    Present,
    /// Its files, until their removal is done everywhere.
    Leaving,
}

/// How a gate has dealt with its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Patience {
    /// It has not passed.
    Waiting,
    /// It has passed, a person was told, and the binding goes on waiting.
    Overdue,
    /// It has passed, and the binding goes ahead.
    Waved,
}

/// How far a binding has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// For its dependencies, for room, or for git.
    Waiting,
    /// It is in git.
    Primed,
    /// The cluster's sync agent took it.
    Applied,
    /// All of its replicas are ready.
    Ready,
    /// It is on its way out.
    Draining,
    /// It did not become ready.
    Failed,
}

impl Berth {
    /// Whether the berth is wanted.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        matches!(self.stage, Stage::Live)
    }

    /// Whether every binding is ready: users can be sent here.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let mut wanted = self.bindings.iter().filter(|binding| binding.phase != Phase::Draining);
        self.is_live() && wanted.all(Binding::is_ready)
    }

    /// Whether it serves, if perhaps with fewer replicas than planned.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        self.bindings.iter().all(|binding| binding.served && binding.seen > 0)
    }

    /// The binding of `component`.
    #[must_use]
    pub fn binding(&self, component: ComponentId) -> Option<&Binding> {
        let place = self.place_of(component).ok()?;
        Some(&self.bindings[place])
    }

    pub(crate) fn place_of(&self, component: ComponentId) -> Result<usize, usize> {
        self.bindings.binary_search_by_key(&component, |binding| binding.component)
    }

    /// What its bindings are charged for.
    #[must_use]
    pub fn charged(&self) -> Totals {
        let mut sum = Totals::default();
        for binding in &self.bindings {
            sum += Totals::of(&binding.request, u32::from(binding.charged()));
        }
        sum
    }

    /// What the replicas that its bindings should have ask for.
    #[must_use]
    pub fn wanted(&self) -> Totals {
        let mut sum = Totals::default();
        for binding in &self.bindings {
            sum += Totals::of(&binding.request, u32::from(binding.replicas));
        }
        sum
    }

    /// Replicas over all components.
    #[must_use]
    pub fn replicas(&self) -> u32 {
        self.bindings.iter().map(|binding| u32::from(binding.replicas)).sum()
    }
}

impl Binding {
    /// The replicas that count against the cluster's room: those that should be there, those that git says
    /// and those that are.
    ///
    /// A binding on its way out still counts until its cluster reports it gone.
    #[must_use]
    pub fn charged(&self) -> u16 {
        self.replicas.max(self.written())
    }

    /// The replicas that git may ask for, or that run.
    #[must_use]
    pub fn written(&self) -> u16 {
        self.ceiling.max(self.seen)
    }

    /// Whether all replicas that it needs are ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.phase == Phase::Ready && self.seen >= self.required
    }

    /// Whether it serves: git has it, it has been ready, and some of its replicas are still.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        let there = self.seen > 0 || self.required == 0;
        self.content == Content::Present && self.served && self.phase != Phase::Failed && there
    }

    /// Whether it was written otherwise than its component is declared, but for the number of replicas.
    #[must_use]
    pub fn differs_from(&self, declared: &Component) -> bool {
        self.revision != declared.revision || self.request != declared.request
    }

    /// How long it has been ready at `at`.
    #[must_use]
    pub fn ready_for(&self, at: Tick) -> Option<Span> {
        (self.phase == Phase::Ready).then(|| at.since(self.since))
    }
}

/// Its berth's load.
impl Entity for Slot {
    fn pulse(&self) -> u64 {
        self.berth.as_ref().map_or(0, |berth| berth.load.0)
    }

    fn set_pulse(&mut self, pulse: u64) {
        if let Some(berth) = &mut self.berth {
            berth.load = MilliRps(pulse);
        }
    }
}

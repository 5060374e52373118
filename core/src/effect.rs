//! Effects: what the shell must do. It executes without choosing.
//!
//! Doing one twice is harmless; doing an old one is refused by its generation. Effects that were not yet
//! reported on are part of the state, so a restart emits them again.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::fleet::Place;
use crate::ids::{AppId, BindingId, ClusterId, ComponentId, GroupId, HoldId, Seq};
use crate::input::Fault;
use crate::state::FlowId;
use crate::units::Permille;

/// What identifies an effect: the record that caused it and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EffectKey {
    /// The record.
    pub seq: Seq,
    /// The place among the record's effects.
    pub ordinal: u32,
}

/// The version of a binding's or route's content. Only grows, also over removal and return.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Generation(pub u32);

impl Generation {
    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// An effect with the key under which it is reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    /// Its key.
    pub key: EffectKey,
    /// What to do.
    pub effect: Effect,
}

/// What the shell must do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Write a binding's resources into its cluster's folder.
    Prime {
        /// What and where.
        target: Target,
        /// The version of the content.
        generation: Generation,
        /// The component's revision: that of the intent, or an older one that its cluster keeps for now.
        revision: u64,
        /// The number of replicas, or the bounds of the cluster's own autoscaler.
        scale: Scale,
    },
    /// Remove a binding's resources from its cluster's folder.
    Withdraw {
        /// What and where.
        target: Target,
        /// The version of the content.
        generation: Generation,
    },
    /// Send the requests that a group gets from one place to these clusters.
    Route {
        /// Which requests.
        flow: FlowId,
        /// Whose requests.
        app: AppId,
        /// The group that serves them.
        group: GroupId,
        /// Where they come from: a zone's users, or a calling group's cluster.
        from: Place,
        /// The version of the content.
        generation: Generation,
        /// Clusters and their weights; empty where nobody serves. At most 1,000 ‰ in sum.
        weights: Vec<(ClusterId, Permille)>,
    },
    /// Tell a person.
    Alert(Alert),
}

/// A binding with the names that a shell needs to act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The binding.
    pub binding: BindingId,
    /// The app.
    pub app: AppId,
    /// The component.
    pub component: ComponentId,
    /// The cluster.
    pub cluster: ClusterId,
}

/// What is written about the number of replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scale {
    /// This many.
    Replicas(u16),
    /// As many as the cluster's own autoscaler finds right, within bounds.
    Bounds {
        /// The fewest.
        min: u16,
        /// The most.
        max: u16,
    },
}

/// What a person should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Alert {
    /// More bindings would be removed than the breaker allows.
    MassDrain {
        /// What to approve.
        hold: HoldId,
        /// Bindings that would go.
        removals: u32,
        /// Bindings there are.
        bindings: u32,
    },
    /// More clusters are silent than can be true.
    Blind {
        /// What to approve.
        hold: HoldId,
        /// Clusters that are silent.
        silent: u32,
        /// Clusters there are.
        clusters: u32,
    },
    /// A gate's deadline has passed.
    GateOverdue {
        /// Who waits.
        target: Target,
    },
    /// A binding has failed.
    BindingFailed {
        /// Which.
        target: Target,
        /// Why.
        fault: Fault,
    },
    /// A rollout goes on only if a person says so.
    RolloutHeld {
        /// What to approve.
        hold: HoldId,
        /// Whose.
        app: AppId,
        /// How many clusters wait.
        pending: u32,
    },
}

impl Effect {
    /// The binding that this effect writes or removes.
    #[must_use]
    pub const fn binding(&self) -> Option<BindingId> {
        match self {
            Self::Prime { target, .. } | Self::Withdraw { target, .. } => Some(target.binding),
            Self::Route { .. } | Self::Alert(_) => None,
        }
    }
}

//! Content: what an effect asks for, in terms that mean the same in two runs.
//!
//! Keys, berths and generations count what happened before, and so differ between runs that do the very same
//! thing. Two effects are alike if they write the same of the same component into the same cluster, or send the
//! same requests the same way.

use periplus_core::State;
use periplus_core::effect::{Effect, Scale};
use periplus_core::fleet::{Place, Resources};
use periplus_core::ids::{AppId, BindingId, ClusterId, ComponentId, GroupId};
use periplus_core::intent::Scaling;
use periplus_core::state::FlowId;
use periplus_core::units::Permille;

/// What an effect asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Content {
    /// A component's resources stand in a cluster's folder.
    Present {
        of: Part,
        /// The fewest and the most replicas: equal where the cluster does not choose.
        replicas: (u16, u16),
        request: Resources,
        revision: u64,
    },
    /// They are removed.
    Absent(Part),
    /// Requests go to these clusters.
    Sent { app: AppId, group: GroupId, from: From, weights: Vec<(ClusterId, Permille)> },
    /// A person is told something. Whatever it is, that takes the same time.
    Told,
}

/// A component in a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part {
    pub(crate) app: AppId,
    pub(crate) component: ComponentId,
    pub(crate) cluster: ClusterId,
}

/// Where requests come from: a zone, or a call of a group in a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum From {
    Users(Place),
    Call(Place, u16),
}

impl Content {
    /// What `effect` asks for; `state` is what its record led to.
    pub(crate) fn of(effect: &Effect, state: &State) -> Self {
        match effect {
            Effect::Prime { target, revision, scale, generation: _ } => {
                let component = state.intent(target.app).component(target.component);
                let written = state.binding(target.binding);
                let written = written.filter(|known| known.revision == *revision);
                let request = written.map_or(component.request, |known| known.request);
                let replicas = match *scale {
                    Scale::Replicas(replicas) => (replicas, replicas),
                    Scale::Bounds { min, max } => (min, max),
                };
                Self::Present { of: Part::of(target), replicas, request, revision: *revision }
            }
            Effect::Withdraw { target, .. } => Self::Absent(Part::of(target)),
            Effect::Route { flow, app, group, from, weights, .. } => {
                let from = match flow {
                    FlowId::Series(_) => From::Users(*from),
                    FlowId::Call(_, call) => From::Call(*from, *call),
                };
                Self::Sent { app: *app, group: *group, from, weights: weights.clone() }
            }
            Effect::Alert(_) => Self::Told,
        }
    }

    /// What stands in git for a binding.
    pub(crate) fn of_binding(id: BindingId, state: &State) -> Self {
        let berth = state.berth(id.berth);
        let of = Part { app: berth.app, component: id.component, cluster: berth.cluster };
        let component = state.intent(berth.app).component(id.component);
        let replicas = match component.scaling {
            Scaling::Fixed { .. } => {
                let primed = state.binding(id).map_or(0, |binding| binding.primed);
                (primed, primed)
            }
            Scaling::Hpa { min, max } => (min, max),
        };
        let declared = (component.request, component.revision);
        let binding = state.binding(id);
        let (request, revision) = binding.map_or(declared, |one| (one.request, one.revision));
        Self::Present { of, replicas, request, revision }
    }

    /// The component and cluster that it writes or removes.
    pub(crate) fn part(&self) -> Option<Part> {
        match self {
            Self::Present { of, .. } | Self::Absent(of) => Some(*of),
            Self::Sent { .. } | Self::Told => None,
        }
    }
}

impl Part {
    fn of(target: &periplus_core::effect::Target) -> Self {
        let periplus_core::effect::Target { app, component, cluster, binding: _ } = *target;
        Self { app, component, cluster }
    }
}

//! How the components that are ours are, put together from workloads, their pods and what agents say; and what of it has
//! not been told yet.
//!
//! It knows nothing of watches. What is gone is said to be gone by who saw it in an event, or by the end of a list in
//! which it was not. A state is told once, and all are told again when [`Workloads::again`] asks for it.

mod judge;

use std::collections::{BTreeMap, BTreeSet};
use std::mem::size_of;
use std::time::Duration;

use periplus_core::input::Fault;

use super::agent::Agent;
use super::objects::Uid;
use super::pod::{PodState, Trouble};
use super::work::Work;
use crate::sighting::{Workload, WorkloadState};
use judge::Verdict;

/// All components that are ours in one cluster.
#[derive(Debug)]
pub(crate) struct Workloads {
    components: BTreeMap<Name, Component>,
    /// What agents say of whole apps.
    apps: BTreeMap<Id, (String, Noted)>,
    /// Where each object and pod is.
    places: BTreeMap<Id, Name>,
    pods: BTreeMap<Uid, Name>,
    dirty: BTreeSet<Name>,
    /// Those whose trouble may pass by itself.
    waiting: BTreeSet<Name>,
    patience: Duration,
}

/// Who a component is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) app: String,
    pub(crate) component: String,
}

/// An object, told apart by who saw it: `Application`s may be seen in another cluster than theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id {
    /// The list that it is in.
    pub(crate) list: u8,
    /// The number of the cluster that it was seen in.
    pub(crate) seen_in: u32,
    pub(crate) uid: Uid,
}

/// What an object says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// It is a workload.
    Work(Work),
    /// It is an agent's, for the component's folder.
    Folder(Agent),
    /// It is an agent's, and all that there is of the component but pods.
    Source(Agent),
}

#[derive(Debug, Default)]
struct Component {
    objects: Vec<(Id, Noted<Says>)>,
    pods: Vec<(Uid, Pod)>,
    told: Told,
}

/// What was said, in which round of its list, and since when it is a failure.
#[derive(Debug)]
struct Noted<S = Agent> {
    says: S,
    round: u32,
    failing_since_ms: i64,
}

#[derive(Debug)]
struct Pod {
    state: PodState,
    troubled_since_ms: i64,
}

/// What was told of a component last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Told {
    /// Whether it was told to be there, and not that it is gone.
    there: bool,
    ready: Option<(Option<u64>, u16)>,
    fault: Option<(Option<u64>, Fault)>,
}

impl Workloads {
    /// Nothing yet. Faults that often pass by themselves (no room on any node, an agent's failed attempt) are told only
    /// when they have lasted for as long as `patience`.
    pub(crate) fn new(patience: Duration) -> Self {
        Self {
            components: BTreeMap::new(),
            apps: BTreeMap::new(),
            places: BTreeMap::new(),
            pods: BTreeMap::new(),
            dirty: BTreeSet::new(),
            waiting: BTreeSet::new(),
            patience,
        }
    }

    /// An object of a component is there, or has changed.
    pub(crate) fn object(&mut self, id: Id, name: &Name, says: Says, round: u32, now_ms: i64) {
        let before = self.places.get(&id);
        if before.is_some_and(|before| before != name) {
            self.forget(id);
        }
        let component = self.components.entry(name.clone()).or_default();
        let at = component.objects.iter().position(|(other, _)| *other == id);
        let since = at.and_then(|at| {
            let (_, before) = &component.objects[at];
            (before.says.failing() == says.failing()).then_some(before.failing_since_ms)
        });
        let noted = Noted { says, round, failing_since_ms: since.unwrap_or(now_ms) };
        match at {
            Some(at) => component.objects[at].1 = noted,
            None => component.objects.push((id, noted)),
        }
        self.places.insert(id, name.clone());
        self.dirty.insert(name.clone());
    }

    /// What an agent says of a whole app has come, or has changed.
    pub(crate) fn app(&mut self, id: Id, app: &str, agent: Agent, round: u32, now_ms: i64) {
        let before = self.apps.get(&id).filter(|(_, before)| before.says.state == agent.state);
        let since = before.map_or(now_ms, |(_, before)| before.failing_since_ms);
        let noted = Noted { says: agent, round, failing_since_ms: since };
        self.apps.insert(id, (app.to_owned(), noted));
        self.stir(app);
    }

    /// An object is gone.
    pub(crate) fn forget(&mut self, id: Id) {
        if let Some((app, _)) = self.apps.remove(&id) {
            self.stir(&app);
        }
        let Some(name) = self.places.remove(&id) else { return };
        if let Some(component) = self.components.get_mut(&name) {
            component.objects.retain(|(other, _)| *other != id);
        }
        self.dirty.insert(name);
    }

    /// A list is over: objects that were not in it are gone. Tells which.
    pub(crate) fn sweep(&mut self, list: u8, seen_in: u32, round: u32) -> Vec<Uid> {
        let listed = |id: &Id| id.list == list && id.seen_in == seen_in;
        let stale = |id: &Id| {
            let name = self.places.get(id);
            let objects = name.and_then(|name| self.components.get(name));
            let objects = objects.into_iter().flat_map(|component| &component.objects);
            objects.into_iter().any(|(other, noted)| other == id && noted.round != round)
        };
        let objects = self.places.keys().filter(|id| listed(id) && stale(id));
        let apps = self.apps.iter().filter(|(id, (_, noted))| listed(id) && noted.round != round);
        let gone: Vec<Id> = objects.chain(apps.map(|(id, _)| id)).copied().collect();
        for id in &gone {
            self.forget(*id);
        }
        gone.into_iter().map(|id| id.uid).collect()
    }

    /// A pod of a component is there, or has changed.
    pub(crate) fn pod(&mut self, uid: Uid, name: &Name, state: PodState, now_ms: i64) {
        if self.pods.get(&uid).is_some_and(|before| before != name) {
            self.forget_pod(uid);
        }
        let component = self.components.entry(name.clone()).or_default();
        match component.pods.iter_mut().find(|(other, _)| *other == uid) {
            Some((_, pod)) => {
                if pod.state == state {
                    return;
                }
                if pod.state.trouble != state.trouble {
                    pod.troubled_since_ms = now_ms;
                }
                pod.state = state;
            }
            None => component.pods.push((uid, Pod { state, troubled_since_ms: now_ms })),
        }
        self.pods.insert(uid, name.clone());
        self.dirty.insert(name.clone());
    }

    /// A pod is gone, or turned out not to be ours.
    pub(crate) fn forget_pod(&mut self, uid: Uid) {
        let Some(name) = self.pods.remove(&uid) else { return };
        if let Some(component) = self.components.get_mut(&name) {
            component.pods.retain(|(other, _)| *other != uid);
        }
        self.dirty.insert(name);
    }

    /// Has everything told again.
    pub(crate) fn again(&mut self) {
        for (name, component) in &mut self.components {
            component.told.ready = None;
            component.told.fault = None;
            self.dirty.insert(name.clone());
        }
    }

    /// Whether there may be something to tell.
    pub(crate) fn is_stirred(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// What has not been told yet. Readiness stands before a fault of the same component.
    pub(crate) fn changes(&mut self, now_ms: i64) -> Vec<Workload> {
        let mut changes = Vec::new();
        let mut look_at = std::mem::take(&mut self.dirty);
        look_at.append(&mut self.waiting);
        for name in look_at {
            let Some(component) = self.components.get(&name) else { continue };
            let apps =
                self.apps.values().filter(|(app, _)| *app == name.app).map(|(_, noted)| noted);
            let look = judge::Look { name: &name, component, now_ms, patience: self.patience };
            let (verdict, patience) = look.judge(apps);
            if patience == judge::Patience::Waits {
                self.waiting.insert(name.clone());
            }
            let Some(component) = self.components.get_mut(&name) else { continue };
            let told = &mut component.told;
            let mut tell = |decision: Option<u64>, state: WorkloadState| {
                let Name { app, component } = name.clone();
                changes.push(Workload { app, component, decision, state });
            };
            let Verdict { there, ready, fault } = verdict;
            if there == judge::There::Gone && std::mem::take(&mut told.there) {
                (told.ready, told.fault) = (None, None);
                tell(None, WorkloadState::Gone);
            }
            // Without its fault, what was told is not how it is.
            let better = told.fault.is_some() && fault.is_none();
            if let Some((decision, count)) = ready
                && (told.ready != Some((decision, count)) || better)
            {
                told.ready = Some((decision, count));
                told.there = true;
                tell(decision, WorkloadState::Ready(count));
            }
            if there != judge::There::Unsaid && told.fault != fault {
                told.fault = fault;
                if let Some((decision, fault)) = fault {
                    tell(decision, WorkloadState::Failed(fault));
                }
            }
            let empty = component.objects.is_empty() && component.pods.is_empty();
            if empty && fault.is_none() && patience == judge::Patience::Done {
                self.components.remove(&name);
            }
        }
        changes
    }

    /// The components that are there.
    pub(crate) fn present(&self) -> impl Iterator<Item = &Name> {
        let there = |component: &Component| {
            !component.pods.is_empty()
                || component.objects.iter().any(|(_, noted)| noted.says.is_content())
        };
        self.components.iter().filter(move |(_, component)| there(component)).map(|(name, _)| name)
    }

    /// How many objects it holds, without pods.
    pub(crate) fn count_objects(&self) -> usize {
        self.places.len() + self.apps.len()
    }

    /// The bytes that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        let name = |name: &Name| size_of::<Name>() + name.app.len() + name.component.len() + 32;
        let places: usize =
            self.places.values().map(|one| size_of::<Id>() * 4 / 3 + name(one)).sum();
        let pods: usize = self.pods.values().map(|one| size_of::<Uid>() * 4 / 3 + name(one)).sum();
        let component = |component: &Component| {
            component.objects.capacity() * size_of::<(Id, Noted<Says>)>()
                + component.pods.capacity() * size_of::<(Uid, Pod)>()
                + size_of::<Component>()
        };
        let components: usize =
            self.components.iter().map(|(one, held)| name(one) + component(held)).sum();
        places + pods + components + self.apps.len() * (size_of::<(String, Noted)>() + 64)
    }

    fn stir(&mut self, app: &str) {
        let of_app = self.components.keys().filter(|name| name.app == app);
        self.dirty.extend(of_app.cloned());
        // What could not be applied at all has no object of its own.
        let failed = self.apps.values().filter(|(other, _)| other == app);
        let failed = failed.flat_map(|(_, noted)| &noted.says.failed);
        let named = failed.map(|name| Name { app: app.to_owned(), component: name.to_string() });
        let named: Vec<Name> = named.collect();
        for name in named {
            self.components.entry(name.clone()).or_default();
            self.dirty.insert(name);
        }
    }
}

impl Says {
    /// Whether it is of what the component is made of, and not of how it came there.
    fn is_content(&self) -> bool {
        match self {
            Self::Work(_) | Self::Source(_) => true,
            Self::Folder(_) => false,
        }
    }

    fn failing(&self) -> Option<Fault> {
        match self {
            Self::Work(work) => work.fault,
            Self::Folder(agent) | Self::Source(agent) => agent.fault(),
        }
    }
}

/// What a trouble of a pod is to the machine.
const fn fault_of(trouble: Trouble) -> Fault {
    match trouble {
        Trouble::ImagePull => Fault::ImagePull,
        Trouble::Failing => Fault::PodFailed,
        Trouble::Unschedulable => Fault::Unschedulable,
    }
}

#[cfg(test)]
mod tests;

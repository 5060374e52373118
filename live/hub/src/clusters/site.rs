//! All that is known of one cluster: its room, and how what is ours in it is.
//!
//! It is told of each object as it comes and goes, and tells what is new. It knows nothing of time but what it is told,
//! and keeps what it knows while nobody reaches the cluster.

use std::collections::BTreeMap;
use std::mem::size_of;
use std::time::Duration;

use super::agent::{About, AgentFacts};
use super::node::NodeFacts;
use super::objects::Uid;
use super::pod::{PodFacts, PodState, Whose};
use super::room::{Owner, Room};
use super::work::WorkFacts;
use super::workloads::{Id, Name, Says, Workloads};
use crate::sighting::{Pool, Workload};

/// A list of objects that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum List {
    /// Nodes.
    Nodes,
    /// Pods that have not ended.
    Pods,
    /// `Deployment`s of ours.
    Deployments,
    /// `StatefulSet`s of ours.
    StatefulSets,
    /// `DaemonSet`s of ours.
    DaemonSets,
    /// `Job`s of ours.
    Jobs,
    /// Flux's `Kustomization`s of ours.
    Kustomizations,
    /// Flux's `HelmRelease`s of ours.
    HelmReleases,
    /// Argo CD's `Application`s of ours, wherever what they are about is.
    Applications,
}

/// Something that has become of an object of a list.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// It is there as it says.
    There(Facts),
    /// It is gone.
    Gone(Facts),
    /// All of the list has been told in this round: what was not, is gone.
    Over,
}

/// What is kept of an object.
#[derive(Clone, Debug)]
pub(crate) enum Facts {
    /// Of a node.
    Node(NodeFacts),
    /// Of a pod.
    Pod(PodFacts),
    /// Of a workload.
    Work(WorkFacts),
    /// Of what an agent says.
    Agent(AgentFacts),
}

/// Where a change was seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) list: List,
    /// The number of the cluster that it was seen in.
    pub(crate) seen_in: u32,
    /// The number of the list's reading.
    pub(crate) round: u32,
    /// When, in milliseconds since 1970.
    pub(crate) at_ms: i64,
}

/// All that is known of one cluster.
#[derive(Debug)]
pub(crate) struct Site {
    room: Room,
    workloads: Workloads,
    /// Pods that do not say that they are ours.
    unsaid: BTreeMap<Uid, ([u64; 2], PodState)>,
    /// What pods of charts and overlays of ours are known by. They outlast what they were read from: pods do so too.
    claims: BTreeMap<u64, Name>,
    told: Option<Vec<Pool>>,
    is_stirred: bool,
}

impl Site {
    /// Nothing is known yet.
    pub(crate) fn new(patience: Duration) -> Self {
        Self {
            room: Room::default(),
            workloads: Workloads::new(patience),
            unsaid: BTreeMap::new(),
            claims: BTreeMap::new(),
            told: None,
            is_stirred: false,
        }
    }

    /// Takes in what was seen.
    pub(crate) fn take(&mut self, seen: Seen, change: Change) {
        let id = |uid: Uid| Id { list: seen.list as u8, seen_in: seen.seen_in, uid };
        match change {
            Change::There(Facts::Node(node)) => {
                self.room.node(node, seen.round);
                self.is_stirred = true;
            }
            Change::Gone(Facts::Node(node)) => {
                self.room.forget_node(&node.name);
                self.is_stirred = true;
            }
            Change::There(Facts::Pod(pod)) => self.pod(pod, seen),
            Change::Gone(Facts::Pod(pod)) => {
                self.room.forget(pod.uid);
                self.forget_pod(pod.uid);
            }
            Change::There(Facts::Work(facts)) => {
                let WorkFacts { uid, app, component, work } = facts;
                let name = Name { app, component };
                self.workloads.object(id(uid), &name, Says::Work(work), seen.round, seen.at_ms);
            }
            Change::Gone(Facts::Work(facts)) => self.workloads.forget(id(facts.uid)),
            Change::There(Facts::Agent(facts)) => self.agent(id(facts.uid), facts, seen),
            Change::Gone(Facts::Agent(facts)) => self.workloads.forget(id(facts.uid)),
            Change::Over => self.sweep(seen),
        }
    }

    /// How what is ours is, as far as it was not told.
    pub(crate) fn workloads(&mut self, now_ms: i64) -> Vec<Workload> {
        self.workloads.changes(now_ms)
    }

    /// The room, if it is not what was told last.
    pub(crate) fn room(&mut self) -> Option<Vec<Pool>> {
        if !std::mem::take(&mut self.is_stirred) && self.told.is_some() {
            return None;
        }
        let pools = self.room.pools();
        let is_news = self.told.as_ref() != Some(&pools);
        is_news.then(|| {
            self.told = Some(pools.clone());
            pools
        })
    }

    /// Has all be told again.
    pub(crate) fn again(&mut self) {
        self.told = None;
        self.workloads.again();
    }

    /// Has all that is ours be told again.
    pub(crate) fn workloads_again(&mut self) {
        self.workloads.again();
    }

    /// Whether there may be news of what is ours, and of room.
    pub(crate) fn is_stirred(&self) -> (bool, bool) {
        (self.workloads.is_stirred(), self.is_stirred || self.told.is_none())
    }

    /// The components that are there.
    pub(crate) fn present(&self) -> impl Iterator<Item = &Name> {
        self.workloads.present()
    }

    /// How many objects it holds.
    pub(crate) fn count_objects(&self) -> usize {
        self.room.count_objects() + self.workloads.count_objects()
    }

    /// The bytes that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        let unsaid = size_of::<(Uid, [u64; 2], PodState)>() * 4 / 3 * self.unsaid.len();
        size_of::<Self>() + self.room.bytes() + self.workloads.bytes() + unsaid
    }

    fn pod(&mut self, pod: PodFacts, seen: Seen) {
        let PodFacts { uid, node, asks, whose, state } = pod;
        let (owner, name) = match whose {
            Whose::Ours { app, component } => {
                self.unsaid.remove(&uid);
                let name = (!component.is_empty()).then_some(Name { app, component });
                (Owner::Ours, name)
            }
            Whose::Unsaid(claims) => {
                self.unsaid.insert(uid, (claims, state));
                let name = claims.iter().find_map(|claim| self.claims.get(claim)).cloned();
                (name.as_ref().map_or(Owner::Others, |_| Owner::Ours), name)
            }
        };
        self.room.pod(uid, &node, asks, owner, seen.round);
        self.is_stirred = true;
        match name {
            Some(name) => self.workloads.pod(uid, &name, state, seen.at_ms),
            None => self.workloads.forget_pod(uid),
        }
    }

    fn forget_pod(&mut self, uid: Uid) {
        self.unsaid.remove(&uid);
        self.workloads.forget_pod(uid);
        self.is_stirred = true;
    }

    fn agent(&mut self, id: Id, facts: AgentFacts, seen: Seen) {
        let AgentFacts { uid: _, cluster: _, app, about, agent } = facts;
        match about {
            About::App => self.workloads.app(id, &app, agent, seen.round, seen.at_ms),
            About::Folder { component } => {
                let name = Name { app, component };
                self.workloads.object(id, &name, Says::Folder(agent), seen.round, seen.at_ms);
            }
            About::Source { component, claim } => {
                let name = Name { app, component };
                self.workloads.object(id, &name, Says::Source(agent), seen.round, seen.at_ms);
                if self.claims.get(&claim) != Some(&name) {
                    self.claim(claim, &name, seen.at_ms);
                }
            }
        }
    }

    /// Pods that came before what claims them are ours from now on.
    fn claim(&mut self, claim: u64, name: &Name, at_ms: i64) {
        self.claims.insert(claim, name.clone());
        for (uid, (_, state)) in
            self.unsaid.iter().filter(|(_, (claims, _))| claims.contains(&claim))
        {
            self.room.own(*uid, Owner::Ours);
            self.workloads.pod(*uid, name, *state, at_ms);
            self.is_stirred = true;
        }
    }

    fn sweep(&mut self, seen: Seen) {
        match seen.list {
            List::Nodes => {
                self.room.sweep_nodes(seen.round);
                self.is_stirred = true;
            }
            List::Pods => {
                for uid in self.room.sweep_pods(seen.round) {
                    self.forget_pod(uid);
                }
            }
            List::Deployments
            | List::StatefulSets
            | List::DaemonSets
            | List::Jobs
            | List::Kustomizations
            | List::HelmReleases
            | List::Applications => {
                self.workloads.sweep(seen.list as u8, seen.seen_in, seen.round);
            }
        }
    }
}

impl List {
    /// All lists.
    pub(crate) const ALL: [Self; 9] = [
        Self::Nodes,
        Self::Pods,
        Self::Deployments,
        Self::StatefulSets,
        Self::DaemonSets,
        Self::Jobs,
        Self::Kustomizations,
        Self::HelmReleases,
        Self::Applications,
    ];

    /// Its name in paths.
    pub(crate) const fn plural(self) -> &'static str {
        match self {
            Self::Nodes => "nodes",
            Self::Pods => "pods",
            Self::Deployments => "deployments",
            Self::StatefulSets => "statefulsets",
            Self::DaemonSets => "daemonsets",
            Self::Jobs => "jobs",
            Self::Kustomizations => "kustomizations",
            Self::HelmReleases => "helmreleases",
            Self::Applications => "applications",
        }
    }

    /// Its API group.
    pub(crate) const fn group(self) -> &'static str {
        match self {
            Self::Nodes | Self::Pods => "",
            Self::Deployments | Self::StatefulSets | Self::DaemonSets => "apps",
            Self::Jobs => "batch",
            Self::Kustomizations => "kustomize.toolkit.fluxcd.io",
            Self::HelmReleases => "helm.toolkit.fluxcd.io",
            Self::Applications => "argoproj.io",
        }
    }

    /// Whether every cluster has it and lets us read it.
    pub(crate) const fn is_needed(self) -> bool {
        match self {
            Self::Nodes | Self::Pods | Self::Deployments | Self::StatefulSets => true,
            Self::DaemonSets
            | Self::Jobs
            | Self::Kustomizations
            | Self::HelmReleases
            | Self::Applications => false,
        }
    }

    /// Whether it is of objects that we write.
    pub(crate) const fn is_ours(self) -> bool {
        match self {
            Self::Nodes | Self::Pods => false,
            Self::Deployments
            | Self::StatefulSets
            | Self::DaemonSets
            | Self::Jobs
            | Self::Kustomizations
            | Self::HelmReleases
            | Self::Applications => true,
        }
    }
}

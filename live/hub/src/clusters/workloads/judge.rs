//! What is to be said of one component, from all that is known of it.

use std::time::Duration;

use periplus_core::input::Fault;

use super::super::agent::{Agent, AgentState, Tried};
use super::super::pod::{Readiness, Trouble};
use super::super::work::{Role, Status, Work};
use super::{Component, Name, Noted, Pod, Says, fault_of};

/// A look at a component.
pub(super) struct Look<'c> {
    pub(super) name: &'c Name,
    pub(super) component: &'c Component,
    pub(super) now_ms: i64,
    pub(super) patience: Duration,
}

/// What is to be said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) there: There,
    /// The record that decided what is there, and how many pods of it are ready.
    pub(super) ready: Option<(Option<u64>, u16)>,
    pub(super) fault: Option<(Option<u64>, Fault)>,
}

/// Whether anything of a component is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum There {
    /// Its objects are.
    Yes,
    /// Nothing is, not even a pod.
    Gone,
    /// Something is, of which nothing can be said for now.
    Unsaid,
}

/// Whether something may change by itself when time goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// A trouble is not old enough to be told.
    Waits,
    /// Nothing waits.
    Done,
}

/// A trouble, if it has lasted long enough.
#[derive(Clone, Copy)]
struct Ripening {
    fault: Option<Fault>,
    patience: Patience,
}

const NONE: Ripening = Ripening { fault: None, patience: Patience::Done };

impl Look<'_> {
    pub(super) fn judge<'a>(&self, apps: impl Iterator<Item = &'a Noted>) -> (Verdict, Patience) {
        let agents = self.agents(apps);
        let newest = self.works(Role::Main).map(|work| work.decision).max();
        let mains: Vec<&Work> =
            self.works(Role::Main).filter(|work| Some(work.decision) == newest).collect();
        if let Some(decision) = newest {
            return self.main(decision, &mains, agents);
        }
        if let Some(source) = self.sources().max_by_key(|noted| noted.1.decision) {
            return self.source(source.0, source.1);
        }
        let empty = self.component.pods.is_empty() && self.works(Role::Side).next().is_none();
        let there = if empty { There::Gone } else { There::Unsaid };
        let fault = agents.fault.filter(|_| empty).map(|fault| (None, fault));
        (Verdict { there, ready: None, fault }, agents.patience)
    }

    /// A component that has a workload of its own.
    fn main(
        &self,
        decision: Option<u64>,
        mains: &[&Work],
        agents: Ripening,
    ) -> (Verdict, Patience) {
        if mains.iter().any(|work| work.status == Status::Stale) {
            // What it says is about other content than what is there now.
            let unsaid = Verdict { there: There::Unsaid, ready: None, fault: None };
            return (unsaid, agents.patience);
        }
        let ready: u32 = mains.iter().map(|work| work.ready).sum();
        let wanted: u32 = mains.iter().map(|work| work.wanted).sum();
        let short = ready < wanted;
        let pods = if short { self.trouble(mains) } else { NONE };
        let is_main = |work: &Work| work.role == Role::Main && work.decision == decision;
        let own = if short { self.complaint(is_main) } else { NONE };
        let beside = self.complaint(|work| work.role == Role::Side);
        // Pods tell best why a rollout does not go on.
        let fault = pods.fault.or(own.fault).or(beside.fault).map(|fault| (decision, fault));
        let fault = fault.or_else(|| {
            let unapplied = agents.fault == Some(Fault::ApplyFailed);
            let counts = short || (unapplied && self.tries_another());
            // Nobody says which decision it was that could not be applied.
            let decision = decision.filter(|_| !unapplied);
            agents.fault.filter(|_| counts).map(|fault| (decision, fault))
        });
        let ready = Some((decision, u16::try_from(ready).unwrap_or(u16::MAX)));
        let patience = pods.patience.or(own.patience).or(beside.patience).or(agents.patience);
        (Verdict { there: There::Yes, ready, fault }, patience)
    }

    /// A chart or an overlay: its agent says how it is, and pods that it claims are counted.
    fn source(&self, noted: &Noted<Says>, agent: &Agent) -> (Verdict, Patience) {
        let decision = agent.decision;
        let pods = &self.component.pods;
        let counted = pods.iter().filter(|(_, pod)| pod.state.ready == Readiness::Ready).count();
        let counted = u16::try_from(counted).unwrap_or(u16::MAX);
        let told = self.component.told.there;
        match agent.state {
            AgentState::Ready => {
                // A chart may not label its pods.
                let wanted = u16::try_from(agent.wanted.unwrap_or(1)).unwrap_or(u16::MAX);
                let ready = if pods.is_empty() { wanted } else { counted };
                let verdict =
                    Verdict { there: There::Yes, ready: Some((decision, ready)), fault: None };
                (verdict, Patience::Done)
            }
            // Pods of what was before cannot be told apart from new ones.
            AgentState::Waiting => {
                let there = if told { There::Unsaid } else { There::Yes };
                let ready = (!told).then_some((decision, 0));
                (Verdict { there, ready, fault: None }, Patience::Done)
            }
            AgentState::Failed(fault) => {
                let ripening = self.ripe(fault, noted.failing_since_ms);
                let trouble = pods.iter().filter_map(|(_, pod)| pod.state.trouble).max();
                let fault = ripening.fault.map(|fault| trouble.map_or(fault, fault_of));
                let there = if fault.is_some() { There::Yes } else { There::Unsaid };
                let fault = fault.map(|fault| (decision, fault));
                (Verdict { there, ready: None, fault }, ripening.patience)
            }
        }
    }

    /// What workloads complain of themselves.
    fn complaint(&self, is_meant: impl Fn(&Work) -> bool) -> Ripening {
        let complaints = self.component.objects.iter().filter_map(|(_, noted)| match &noted.says {
            Says::Work(work) if is_meant(work) => Some((work.fault?, noted.failing_since_ms)),
            Says::Work(_) | Says::Folder(_) | Says::Source(_) => None,
        });
        match complaints.min() {
            None => NONE,
            // Pods are refused until the account that they need is there.
            Some((Fault::ApplyFailed, since)) => self.ripe(Fault::ApplyFailed, since),
            Some((fault, _)) => Ripening { fault: Some(fault), patience: Patience::Done },
        }
    }

    /// The worst that is wrong with pods of the newest content.
    fn trouble(&self, mains: &[&Work]) -> Ripening {
        if mains.iter().all(|work| work.updated == 0) {
            return NONE;
        }
        let said: Vec<u64> = mains.iter().filter_map(|work| work.revision).collect();
        let pods = || self.component.pods.iter().map(|(_, pod)| pod);
        // A `Deployment` does not say how its newest content is numbered: the youngest pod has it.
        let youngest = pods().max_by_key(|pod| pod.state.made_ms).map(|pod| pod.state.revision);
        let is_new = |pod: &&Pod| {
            if said.is_empty() {
                Some(pod.state.revision) == youngest
            } else {
                said.contains(&pod.state.revision)
            }
        };
        let worst = pods().filter(is_new).filter_map(|pod| Some((pod.state.trouble?, pod)));
        // Of equal troubles the oldest.
        let worst = worst.max_by_key(|(trouble, pod)| (*trouble, -pod.troubled_since_ms));
        match worst {
            None => NONE,
            Some((Trouble::Unschedulable, pod)) => {
                self.ripe(Fault::Unschedulable, pod.troubled_since_ms)
            }
            Some((trouble @ (Trouble::Failing | Trouble::ImagePull), _)) => {
                Ripening { fault: Some(fault_of(trouble)), patience: Patience::Done }
            }
        }
    }

    /// What agents of the component's folder or of its app complain of.
    fn agents<'a>(&self, apps: impl Iterator<Item = &'a Noted>) -> Ripening {
        let about_us = |agent: &Agent| {
            let name = &self.name.component;
            let named = |failed: &str| {
                failed == name || self.works(Role::Main).any(|work| *work.name == *failed)
            };
            agent.failed.is_empty() || agent.failed.iter().any(|failed| named(failed))
        };
        let apps = apps
            .filter(|noted| about_us(&noted.says))
            .filter_map(|noted| Some((noted.says.fault()?, noted.failing_since_ms)));
        let folders = self.component.objects.iter().filter_map(|(_, noted)| match &noted.says {
            Says::Folder(agent) => Some((agent.fault()?, noted.failing_since_ms)),
            Says::Work(_) | Says::Source(_) => None,
        });
        let worst = folders.chain(apps).min();
        worst.map_or(NONE, |(fault, since)| self.ripe(fault, since))
    }

    fn tries_another(&self) -> bool {
        self.component.objects.iter().any(|(_, noted)| match &noted.says {
            Says::Folder(agent) => agent.tried == Tried::Other,
            Says::Work(_) | Says::Source(_) => false,
        })
    }

    fn works(&self, role: Role) -> impl Iterator<Item = &Work> {
        self.component.objects.iter().filter_map(move |(_, noted)| match &noted.says {
            Says::Work(work) if work.role == role => Some(work),
            Says::Work(_) | Says::Folder(_) | Says::Source(_) => None,
        })
    }

    fn sources(&self) -> impl Iterator<Item = (&Noted<Says>, &Agent)> {
        self.component.objects.iter().filter_map(|(_, noted)| match &noted.says {
            Says::Source(agent) => Some((noted, agent)),
            Says::Work(_) | Says::Folder(_) => None,
        })
    }

    fn ripe(&self, fault: Fault, since_ms: i64) -> Ripening {
        let age = u128::try_from(self.now_ms.saturating_sub(since_ms)).unwrap_or(0);
        if age >= self.patience.as_millis() {
            Ripening { fault: Some(fault), patience: Patience::Done }
        } else {
            Ripening { fault: None, patience: Patience::Waits }
        }
    }
}

impl Patience {
    const fn or(self, other: Self) -> Self {
        match self {
            Self::Waits => Self::Waits,
            Self::Done => other,
        }
    }
}

impl Agent {
    /// What it complains of.
    pub(super) const fn fault(&self) -> Option<Fault> {
        match self.state {
            AgentState::Failed(fault) => Some(fault),
            AgentState::Ready | AgentState::Waiting => None,
        }
    }
}

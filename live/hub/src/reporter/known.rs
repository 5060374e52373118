//! What a reporter knows of its cluster, and what of it the service does not know yet.
//!
//! There is one of everything that is known, so it is as large as what is in the cluster, however long the service is not
//! there. A report that was not answered is as good as lost: what it told is told again, as it is then. Pure: no clock, no
//! network.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use crate::reports::wire::{
    COMPONENTS_MAX, Component, ComponentName, Part, Report, Room, VERSION, WORKLOADS_MAX, Whole,
};
use crate::sighting::{Pool, Sight, Sighting, Workload, WorkloadState};

/// What a reporter knows.
#[derive(Debug)]
pub(super) struct Known {
    cluster: String,
    /// When the cluster's API answered last.
    alive: Option<i64>,
    room: Option<(i64, Vec<Pool>)>,
    workloads: BTreeMap<Name, (i64, Workload)>,
    news: News,
    whole: Telling,
    /// What is on its way.
    sent: Option<Sent>,
}

/// An app and its component.
type Name = (String, String);

/// What the service does not know yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct News {
    alive: bool,
    room: bool,
    workloads: BTreeSet<Name>,
}

/// How far it is with telling all that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Telling {
    /// All was told.
    Done,
    /// It is to begin.
    Owed,
    /// What is known counts as news; the next report is the first.
    Begins,
    /// The first was taken. When no more is left than fits a report, that one is the last.
    Goes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Sent {
    news: News,
    part: Part,
}

/// What the watching of the cluster says, at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// Not all was read, or its API does not answer.
    Blind,
    /// All was read that may be.
    Clear {
        /// The components that are there; `None` if there may be others that must not be read.
        present: Option<Vec<Name>>,
    },
}

/// The most components that went and were not told to be gone. If there are more, all is told again, without them.
const GONE_MAX: usize = COMPONENTS_MAX;

impl Known {
    pub(super) fn new(cluster: &str) -> Self {
        Self {
            cluster: cluster.to_owned(),
            alive: None,
            room: None,
            workloads: BTreeMap::new(),
            news: News::default(),
            whole: Telling::Owed,
            sent: None,
        }
    }

    /// Takes in what was seen.
    pub(super) fn hear(&mut self, sighting: Sighting) {
        let Sighting { as_of_unix_ms: at, sight } = sighting;
        match sight {
            Sight::Alive { .. } => {
                self.alive = self.alive.max(Some(at));
                self.news.alive = true;
            }
            Sight::Room { pools, .. } => {
                self.room = Some((at, pools));
                self.news.room = true;
            }
            Sight::Workloads { workloads, .. } => {
                for workload in workloads {
                    let name = (workload.app.clone(), workload.component.clone());
                    self.news.workloads.insert(name.clone());
                    self.workloads.insert(name, (at, workload));
                }
                self.limit();
            }
            // Nobody in a cluster sees that.
            Sight::Demand { .. } | Sight::Carbon { .. } | Sight::Prices { .. } => {}
        }
    }

    /// Has all be told again.
    pub(super) fn again(&mut self) {
        self.whole = Telling::Owed;
    }

    /// Whether there is something to tell.
    pub(super) fn has_news(&self) -> bool {
        self.news != News::default()
    }

    /// What is to be told next, if anything. It is on its way until it is [`taken`](Self::taken) or [`lost`](Self::lost).
    pub(super) fn next(&mut self, view: View) -> Option<Report> {
        assert!(self.sent.is_none(), "one report is on its way at a time");
        if self.whole == Telling::Owed && matches!(view, View::Clear { .. }) {
            self.whole = Telling::Begins;
            self.news.alive = self.alive.is_some();
            self.news.room = self.room.is_some();
            self.news.workloads.extend(self.workloads.keys().cloned());
        }
        let mut news = mem::take(&mut self.news);
        let rest = news.workloads.iter().nth(WORKLOADS_MAX).cloned();
        if let Some(rest) = rest {
            self.news.workloads = news.workloads.split_off(&rest);
        }
        let begun = matches!(self.whole, Telling::Begins | Telling::Goes);
        let whole = match view {
            View::Clear { present } if begun && !self.has_news() => {
                // What is known was so when the cluster's API answered last: the watches go on.
                self.alive.map(|at| Whole { as_of_unix_ms: at, components: names(present) })
            }
            View::Clear { .. } | View::Blind => None,
        };
        if news == News::default() && whole.is_none() {
            return None;
        }
        let as_of = |at: i64| if begun { self.alive.map_or(at, |alive| alive.max(at)) } else { at };
        let told = news.workloads.iter().filter_map(|name| self.workloads.get(name));
        let report = Report {
            version: VERSION,
            cluster: self.cluster.clone(),
            begins: self.whole == Telling::Begins,
            alive_at_unix_ms: self.alive.filter(|_| news.alive),
            room: self.room.as_ref().filter(|_| news.room).map(|(at, pools)| Room {
                as_of_unix_ms: as_of(*at),
                pools: pools.iter().cloned().map(Into::into).collect(),
            }),
            workloads: told.map(|(at, workload)| Component::new(as_of(*at), workload)).collect(),
            whole,
        };
        self.sent = Some(Sent { news, part: report.part() });
        Some(report)
    }

    /// The service has taken what was on its way.
    pub(super) fn taken(&mut self) {
        let Some(Sent { news, part }) = self.sent.take() else { return };
        self.whole = match (self.whole, part) {
            (Telling::Begins, Part::First) => Telling::Goes,
            (Telling::Begins | Telling::Goes, Part::All | Part::Last) => Telling::Done,
            (other, Part::All | Part::First | Part::Last | Part::Some) => other,
        };
        // What is gone and told need not be known any more, unless there is news of it.
        for name in news.workloads.difference(&self.news.workloads) {
            if self.workloads.get(name).is_some_and(|(_, one)| one.state == WorkloadState::Gone) {
                self.workloads.remove(name);
            }
        }
    }

    /// Nobody knows whether the service has taken what was on its way.
    pub(super) fn lost(&mut self) {
        let Some(Sent { news, part: _ }) = self.sent.take() else { return };
        let News { alive, room, workloads } = news;
        self.news.alive |= alive;
        self.news.room |= room;
        self.news.workloads.extend(workloads);
        self.limit();
    }

    /// Forgets what is gone if that is too much: who is told all that is there knows what is gone.
    fn limit(&mut self) {
        if self.workloads.len() <= GONE_MAX {
            return;
        }
        let before = self.workloads.len();
        self.workloads.retain(|_, (_, workload)| workload.state != WorkloadState::Gone);
        let Self { news, workloads, .. } = self;
        news.workloads.retain(|name| workloads.contains_key(name));
        if workloads.len() < before {
            self.whole = Telling::Owed;
        }
    }
}

fn names(present: Option<Vec<Name>>) -> Option<Vec<ComponentName>> {
    let present = present.filter(|present| present.len() <= COMPONENTS_MAX)?;
    Some(present.into_iter().map(|(app, component)| ComponentName { app, component }).collect())
}

#[cfg(test)]
mod tests;

//! What runs, from what was decided: an `InitialState` of it, and what does not fit what is declared.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use periplus_core::Input;
use periplus_core::ids::{AppId, ComponentId, GroupId};
use periplus_core::input::Command;
use periplus_core::intent::Intent;
use periplus_core::units::Permille;
use periplus_emit::Decision;
use periplus_spec::draft::{
    CallsDraft, InitialStateDraft, RunningDraft, SelectionDraft, UsersDraft,
};
use periplus_spec::scenario::Scenario;
use periplus_spec::values::{Name, Percentage};

use crate::intents::Intents;

/// What runs.
#[derive(Clone, Debug)]
pub struct Running {
    /// It, and that everything is paused.
    pub state: InitialStateDraft,
    /// By app, the clusters that it runs in.
    pub apps: BTreeMap<String, Vec<String>>,
    /// What runs and cannot be adopted.
    pub unfit: Vec<Unfit>,
}

/// Something that runs and cannot be adopted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// Whose it is.
    pub app: String,
    /// Where it runs; everywhere where nothing is said.
    pub cluster: Option<String>,
    /// What is not as it would have to be.
    pub why: String,
}

impl Running {
    /// What runs according to what was decided, of what is declared.
    #[must_use]
    pub fn of(decisions: &[Decision], intents: &Intents) -> Self {
        let scenario = intents.scenario();
        let state = InitialStateDraft { paused: true, ..InitialStateDraft::default() };
        let mut running = Self { state, apps: BTreeMap::new(), unfit: Vec::new() };
        for decision in decisions {
            match App::of(&decision.app, scenario) {
                Some(app) => running.add(&app, decision),
                None => running.unfit.push(Unfit {
                    app: decision.app.clone(),
                    cluster: None,
                    why: "it is not declared".into(),
                }),
            }
        }
        running
    }

    fn add(&mut self, app: &App<'_>, decision: &Decision) {
        let mut unfit = |cluster: &str, why: String| {
            let (app, cluster) = (decision.app.clone(), Some(cluster.to_owned()));
            self.unfit.push(Unfit { app, cluster, why });
        };
        let mut there: BTreeSet<(GroupId, &str)> = BTreeSet::new();
        let mut state = InitialStateDraft::default();
        for (cluster, placements) in &decision.placements {
            if !app.scenario.fleet.clusters.iter().any(|known| known.name == *cluster) {
                unfit(cluster, "the cluster is not declared".into());
                continue;
            }
            let stray = placements.keys().filter(|name| app.component(name).is_none());
            for component in stray {
                unfit(cluster, format!("it has no component `{component}` any more"));
            }
            for group in app.groups() {
                let wanted = app.components(group);
                let have = |name: &&str| placements.get(*name).filter(|one| one.replicas > 0);
                if !wanted.iter().any(|name| have(name).is_some()) {
                    continue;
                }
                if let Some(missing) = wanted.iter().find(|name| have(name).is_none()) {
                    unfit(cluster, format!("`{missing}` was not there yet"));
                    continue;
                }
                let replicas = wanted
                    .iter()
                    .filter_map(|name| Some((name.parse().ok()?, placements.get(*name)?.replicas)));
                let (Some(cluster_name), Some(app_name)) = (named(cluster), named(&decision.app))
                else {
                    continue;
                };
                state.running.push(RunningDraft {
                    app: app_name,
                    group: app.group_name(group),
                    cluster: cluster_name,
                    replicas: replicas.collect(),
                });
                there.insert((group, cluster.as_str()));
            }
        }
        for group in app.groups() {
            let Some(routes) = decision.routes.get(app.group(group)) else { continue };
            for (from, to) in routes {
                let to: BTreeMap<Name, Percentage> = to
                    .iter()
                    .filter(|(cluster, part)| {
                        **part > 0 && there.contains(&(group, cluster.as_str()))
                    })
                    .filter_map(|(cluster, part)| {
                        Some((named(cluster)?, Percentage(Permille(*part))))
                    })
                    .collect();
                if !to.is_empty() {
                    app.send(group, from, &to, &there, &mut state);
                }
            }
        }
        let clusters: BTreeSet<String> =
            there.iter().map(|(_, cluster)| (*cluster).to_owned()).collect();
        if !clusters.is_empty() {
            self.apps.insert(decision.app.clone(), clusters.into_iter().collect());
        }
        self.state.running.append(&mut state.running);
        self.state.users.append(&mut state.users);
        self.state.calls.append(&mut state.calls);
    }
}

/// An app as it is declared.
struct App<'s> {
    scenario: &'s Scenario,
    id: AppId,
    intent: &'s Intent,
}

impl<'s> App<'s> {
    fn of(name: &str, scenario: &'s Scenario) -> Option<Self> {
        let place = scenario.fleet.apps.iter().position(|app| app.name == name)?;
        let id = AppId::from_index(place);
        let intent = scenario.setup.iter().rev().find_map(|input| match input {
            Input::Command(Command::DeclareApp(app, intent)) if *app == id => Some(&**intent),
            Input::Command(_) | Input::Observation(_) | Input::Report(_) | Input::Timer(_) => None,
        })?;
        Some(Self { scenario, id, intent })
    }

    fn groups(&self) -> impl Iterator<Item = GroupId> + use<> {
        (0..self.intent.groups.len()).map(GroupId::from_index)
    }

    fn group(&self, group: GroupId) -> &str {
        &self.scenario.fleet.apps[self.id.index()].groups[group.index()]
    }

    /// The name that a group goes by where one may be left out.
    fn group_name(&self, group: GroupId) -> Option<Name> {
        named(self.group(group)).filter(|_| group != GroupId::FRONT)
    }

    fn component(&self, name: &str) -> Option<ComponentId> {
        let components = &self.scenario.fleet.apps[self.id.index()].components;
        Some(ComponentId::from_index(components.iter().position(|one| one.name == name)?))
    }

    fn components(&self, group: GroupId) -> Vec<&'s str> {
        let known = &self.scenario.fleet.apps[self.id.index()].components;
        let components = self.intent.group(group).components.iter();
        components.map(|component| known[component.index()].name.as_str()).collect()
    }

    /// Whether users of a zone are declared to ask for it.
    fn is_asked_from(&self, zone: &str) -> bool {
        let fleet = &self.scenario.fleet;
        fleet.series.iter().any(|series| {
            series.spec.app == self.id && fleet.zones[series.spec.zone.index()].name == zone
        })
    }

    /// Requests for a group go where they went: from users of a zone, or from whichever groups of a cluster call it.
    fn send(
        &self,
        group: GroupId,
        from: &str,
        to: &BTreeMap<Name, Percentage>,
        there: &BTreeSet<(GroupId, &str)>,
        state: &mut InitialStateDraft,
    ) {
        let (Some(app), Some(source)) =
            (named(&self.scenario.fleet.apps[self.id.index()].name), named(from))
        else {
            return;
        };
        if group == GroupId::FRONT && self.is_asked_from(from) {
            let zones = Some(SelectionDraft::Names(vec![source]));
            state.users.push(UsersDraft { app, zones, to: to.clone() });
            return;
        }
        let calls = self.intent.calls.iter().filter(|call| call.to == group);
        for caller in calls.map(|call| call.from).filter(|caller| there.contains(&(*caller, from)))
        {
            let Some(name) = named(self.group(group)) else { continue };
            state.calls.push(CallsDraft {
                app: app.clone(),
                from: self.group_name(caller),
                cluster: source.clone(),
                group: name,
                to: to.clone(),
            });
        }
    }
}

/// What we wrote as a name is one, unless somebody has changed it.
fn named(text: &str) -> Option<Name> {
    Name::from_str(text).ok()
}

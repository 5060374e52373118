//! Effects: what the hub asks for is done, here as by a shell, without choosing.
//!
//! Each attempt is answered exactly once: a binding's by git, a route's when it is published, an alert's at
//! once. An effect that is asked for again is done again, which changes nothing.

use std::sync::Arc;

use periplus_core::effect::{Effect, EffectKey, Issued, Scale, Target};
use periplus_core::fleet::Place;
use periplus_core::ids::{AppId, ClusterId, GroupId, SeriesId};
use periplus_core::input::{Fault, Outcome, Sight};
use periplus_core::state::FlowId;
use periplus_core::units::{MicrosRtt, MilliRps, Tick};
use periplus_core::{Input, State};

use super::World;
use crate::desks::DeskId;
use crate::git::{Body, Manifest, Settled};
use crate::happening::Happening;
use crate::routes::Mix;

/// A route that is being published.
#[derive(Clone, Debug)]
pub(super) struct Routing {
    /// Who wants to know how it went; nobody, if that hub is dead.
    key: EffectKey,
    asked: bool,
    from: WayOut,
    /// Desks, how far they are, and thousandths.
    parts: Vec<(DeskId, MicrosRtt, u32)>,
}

/// Where requests come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum WayOut {
    Series(SeriesId),
    /// A desk, by the place of the call in the intent.
    Call(DeskId, usize),
}

impl World<'_> {
    /// Does what the machine asked for at `at`. `state` is what it has led to.
    pub fn carry_out(&mut self, at: Tick, effects: &[Issued], state: &State) {
        self.now = self.now.max(at);
        if std::mem::take(&mut self.adopting) {
            self.adopt(state);
        }
        for issued in effects {
            if self.follow(issued, state) {
                continue;
            }
            let Issued { key, effect } = issued;
            match effect {
                Effect::Prime { target, generation, revision, scale } => {
                    let body = Some(self.body(target, *revision, *scale, state));
                    let (target, generation) = (*target, *generation);
                    self.gather(Manifest { target, generation, cause: *key, body });
                }
                Effect::Withdraw { target, generation } => {
                    let (target, generation) = (*target, *generation);
                    self.gather(Manifest { target, generation, cause: *key, body: None });
                }
                Effect::Route { .. } => {
                    let routing = self.routing(issued, state).expect("it is a route");
                    self.ask_for_route(routing);
                }
                Effect::Alert(_) => self.answer(*key, Outcome::Done),
            }
        }
    }

    /// What a route means here; nothing for other effects.
    pub(super) fn routing(&mut self, issued: &Issued, state: &State) -> Option<Routing> {
        let Effect::Route { flow, app, group, from, generation: _, weights } = &issued.effect
        else {
            return None;
        };
        let parts = weights.iter().filter_map(|(cluster, weight)| {
            let desk = self.desk(*app, *group, *cluster, state);
            let rtt = rtt(state, *from, *cluster)?;
            Some((desk, rtt, u32::from(weight.0)))
        });
        let parts = parts.collect();
        let from = self.way_out(*flow, *app, *from, state);
        Some(Routing { key: issued.key, asked: true, from, parts })
    }

    /// The hub has died and another one has taken over with `state`: nobody hears of what was on its way,
    /// and every cluster and feed says all it knows. What people command waits for the new hub. What is
    /// [outstanding](State::outstanding) is then to be carried out again.
    pub fn restart_hub(&mut self, state: &State) {
        // Reports reach a dead hub, but acts of the timeline bring only what people say, ways included.
        self.tray.retain(|input| match input {
            Input::Command(_) => true,
            Input::Observation(observation) => matches!(observation.sight, Sight::Reach { .. }),
            Input::Report(_) | Input::Timer(_) => false,
        });
        self.reports.lose_all();
        self.git.forget_hub();
        for (_, routing) in self.routings.iter_mut() {
            routing.asked = false;
        }
        self.announce_all();
        for place in 0..self.clusters.len() {
            if self.clusters[place].is_connected() {
                let cluster = ClusterId::from_index(place);
                self.in_cluster(cluster, |cluster, around| cluster.repeat_all(state, around));
            }
        }
    }

    /// What is written of a binding.
    pub(super) fn body(
        &mut self,
        target: &Target,
        revision: u64,
        scale: Scale,
        state: &State,
    ) -> Body {
        let intent = state.intent(target.app);
        let group = intent.group_of(target.component);
        let desk = self.desk(target.app, group, target.cluster, state);
        let component = intent.component(target.component);
        let kind = state.cluster(target.cluster).spec.kind;
        let held: Arc<[MilliRps]> = match scale {
            Scale::Replicas(_) => Arc::from([]),
            Scale::Bounds { .. } => Arc::from(component.staffing_in(kind).unwrap_or_default()),
        };
        let written = state.binding(target.binding).filter(|known| known.revision == revision);
        Body {
            desk,
            scale,
            request: written.map_or(component.request, |known| known.request),
            revision,
            priority: intent.priority,
            held,
        }
    }

    /// The desk of a group in a cluster, shaped as the intent has it now.
    pub(super) fn desk(
        &mut self,
        app: AppId,
        group: GroupId,
        cluster: ClusterId,
        state: &State,
    ) -> DeskId {
        if self.intents.refresh(app, state) {
            for place in 0..self.desks.of_app(app).len() {
                let desk = self.desks.of_app(app)[place];
                self.reshape(desk);
            }
        }
        if let Some(desk) = self.desks.find(app, group, cluster) {
            return desk;
        }
        let kind = state.cluster(cluster).spec.kind;
        let desk = self.desks.open(app, group, cluster, kind, self.now);
        self.reshape(desk);
        desk
    }

    /// Gives a desk the components and calls that its app has now.
    pub(super) fn reshape(&mut self, desk: DeskId) {
        let entry = self.desks.get(desk);
        let (app, group) = (entry.app, entry.group);
        let Some(intent) = self.intents.get(app) else { return };
        let Some(declared) = intent.groups.get(group.index()) else { return };
        let calls = intent.calls.iter().enumerate();
        let calls = calls.filter(|(_, call)| call.from == group).map(|(place, _)| place);
        let components = declared
            .components
            .iter()
            .map(|component| (*component, self.catalog.part(app, *component).truth));
        self.desks.reshape(desk, components, calls, self.now);
    }

    pub(super) fn way_out(
        &mut self,
        flow: FlowId,
        app: AppId,
        from: Place,
        state: &State,
    ) -> WayOut {
        match (flow, from) {
            (FlowId::Series(series), _) => WayOut::Series(series),
            (FlowId::Call(_, call), Place::Cluster(cluster)) => {
                let call = usize::from(call);
                let group = state.intent(app).calls[call].from;
                WayOut::Call(self.desk(app, group, cluster, state), call)
            }
            (FlowId::Call(..), Place::Zone(_)) => unreachable!("calls come from clusters"),
        }
    }

    fn gather(&mut self, manifest: Manifest) {
        if let Some(at) = self.git.gather(self.now, manifest) {
            self.queue.push(at.0, Happening::Commit);
        }
    }

    /// Answers effects, and lets clusters and the queue know what git did.
    pub(super) fn settle(&mut self, settled: Settled) {
        let Settled { answers, visible, pushed_at, commit_at } = settled;
        for (key, outcome) in answers {
            self.answer(key, outcome);
        }
        for manifest in visible {
            let cluster = manifest.target.cluster;
            self.in_cluster(cluster, |cluster, around| cluster.folder_changed(manifest, around));
        }
        if let Some(at) = pushed_at {
            self.queue.push(at.0, Happening::Pushed);
        }
        if let Some(at) = commit_at {
            self.queue.push(at.0, Happening::Commit);
        }
    }

    fn answer(&mut self, key: EffectKey, outcome: Outcome) {
        self.reports.answer(key, outcome, self.now, &mut self.queue);
    }

    /// Publishing takes about as long as a push: it is a call to somebody else's interface, too.
    fn ask_for_route(&mut self, routing: Routing) {
        let takes = self.route_luck.span(&self.scenario.world.push);
        let number = self.routings.insert(routing);
        self.queue.push(self.now.after(takes).0, Happening::Route(number));
    }

    /// A route that somebody asked for is published.
    pub(super) fn publish_route(&mut self, number: u32) {
        let Some(routing) = self.routings.remove(number) else { return };
        let outcome = self.publish_unless_outdated(&routing);
        if routing.asked {
            self.answer(routing.key, outcome);
        }
    }

    /// Publishes a route, unless a newer one is already. Keys only grow, so they tell which is newer.
    pub(super) fn publish_unless_outdated(&mut self, routing: &Routing) -> Outcome {
        let Routing { key, asked: _, from, parts } = routing;
        let newest = self.published.entry(*from).or_insert(*key);
        if *key < *newest {
            return Outcome::Failed(Fault::GitRejected);
        }
        *newest = *key;
        self.send_users(*from, parts);
        Outcome::Done
    }

    fn send_users(&mut self, from: WayOut, parts: &[(DeskId, MicrosRtt, u32)]) {
        match from {
            WayOut::Series(series) => {
                self.users.route(series, parts, self.now, &mut self.desks);
            }
            WayOut::Call(desk, call) => {
                let ttl = self.scenario.world.dns_ttl;
                let calls = &mut self.desks.get_mut(desk).calls;
                let Some((_, split)) = calls.iter_mut().find(|known| known.0 == call) else {
                    return;
                };
                let to = Mix::new(parts.iter().map(|(desk, _, part)| (*desk, part * 1_000)));
                split.publish(to, self.now, ttl);
            }
        }
    }
}

/// How far a cluster is from where requests come from.
pub(super) fn rtt(state: &State, from: Place, to: ClusterId) -> Option<MicrosRtt> {
    match from {
        Place::Zone(zone) => state.zone(zone).reach.rtt(to),
        Place::Cluster(cluster) if cluster == to => Some(MicrosRtt::ZERO),
        Place::Cluster(cluster) => state.cluster(cluster).reach.rtt(to),
    }
}

//! The world: owns the truth, and says bit by bit what the hub gets to know of it.
//!
//! # Order
//!
//! Inputs come in the order of time. Within one tick: what the scenario sets up; then, again and again, the
//! inputs that the last happening brought, whole and in their order; then timers of the machine that are
//! due; then the next happening, in the order in which happenings were put into the queue. Acts of the
//! timeline were put there first, and of those at one tick the ones that make something really different:
//! the world changes before anybody is told. Whatever is carried out at a tick happens after what was there before.

mod adopted;
mod effects;
mod faults;
mod imposed;
mod playback;
mod scripts;
mod sensors;
mod truth;

use std::collections::{BTreeMap, VecDeque};

use periplus_core::effect::EffectKey;
use periplus_core::fleet::Signal;
use periplus_core::ids::{ClusterId, Symbol};
use periplus_core::input::{Command, TimerFired};
use periplus_core::units::{Span, Tick};
use periplus_core::{Input, State};
use periplus_spec::scenario::{Act, Scenario};

use self::effects::{Routing, WayOut};
use self::playback::Playback;
use crate::catalog::Catalog;
use crate::desks::Desks;
use crate::git::Git;
use crate::happening::{Happening, Turn};
use crate::intents::Intents;
use crate::kube::{Around, Cluster};
use crate::luck::{Luck, Purpose, Stream};
use crate::meter::{Meter, Sights};
use crate::past::{Fork, Past};
use crate::queue::Queue;
use crate::reports::Reports;
use crate::slab::Slab;
use crate::tariffs::Tariffs;
use crate::users::Users;

pub(crate) use self::adopted::adopted;
pub use self::playback::{Tape, Twins};
pub use self::truth::Whereabouts;

/// The simulated world of one scenario.
///
/// Drive it in a loop: ask for the [next input](Self::next_input), step the machine, let the world
/// [carry out](Self::carry_out) what it asked for. See [`run`](crate::run).
pub struct World<'s> {
    scenario: &'s Scenario,
    now: Tick,
    queue: Queue<Happening>,
    /// What the machine is told first.
    setup: std::slice::Iter<'s, Input>,
    /// The symbols of all names that the scenario gives the machine.
    names: BTreeMap<&'s str, Symbol>,
    /// What the last happening brought.
    tray: VecDeque<Input>,
    luck: Luck,
    catalog: Catalog<'s>,
    intents: Intents,
    clusters: Vec<Cluster>,
    desks: Desks,
    users: Users<'s>,
    git: Git,
    /// Routes that are being published.
    routings: Slab<Routing>,
    /// The newest effect that was published for each flow.
    published: BTreeMap<WayOut, EffectKey>,
    route_luck: Stream,
    reports: Reports,
    tariffs: Tariffs<'s>,
    /// What sensors see of each series.
    signals: Vec<Signal>,
    /// What sensors show of each series, in thousandths.
    sensors: Vec<u32>,
    /// Acts that last.
    lasting: Vec<u32>,
    meter: Meter<'s>,
    /// Whether the machine is about to adopt what runs.
    adopting: bool,
    /// The log that this world begins as.
    playback: Option<Playback<'s>>,
}

impl<'s> World<'s> {
    /// The world of a scenario at tick 0, before anything has happened.
    #[must_use]
    pub fn new(scenario: &'s Scenario) -> Self {
        Self::assemble(scenario, None)
    }

    /// The world that begins as a log does and takes a fork. `tape` gives the log's records, in order.
    #[must_use]
    pub fn after(fork: &'s Fork, past: &'s Past, tape: Tape<'s>, twins: Twins) -> Self {
        Self::assemble(&fork.scenario, Some(Playback::new(past, fork, tape, twins)))
    }

    fn assemble(scenario: &'s Scenario, playback: Option<Playback<'s>>) -> Self {
        // A log has everything that the machine was told, the setup as well.
        let setup = if playback.is_some() { &[] } else { scenario.setup.as_slice() };
        let luck = Luck::new(scenario.seed);
        let fleet = &scenario.fleet;
        let rules = &scenario.world;
        let names = names(scenario);
        let name = |text: &str| symbol(&names, text);
        let clusters = fleet.clusters.iter().enumerate();
        let clusters = clusters
            .map(|(place, truth)| Cluster::new(ClusterId::from_index(place), truth, &luck, name));
        let clusters = clusters.collect();
        let mut world = Self {
            scenario,
            now: Tick::ZERO,
            queue: Queue::new(),
            setup: setup.iter(),
            names,
            tray: VecDeque::new(),
            catalog: Catalog::new(&fleet.apps),
            intents: Intents::new(fleet.apps.len()),
            clusters,
            desks: Desks::new(fleet.apps.len(), fleet.clusters.len()),
            users: Users::new(
                &fleet.series,
                fleet.apps.len(),
                rules.demand_every,
                rules.dns_ttl,
                &luck,
            ),
            git: Git::new(rules.commit_window, rules.push.clone(), &luck),
            routings: Slab::default(),
            published: BTreeMap::new(),
            route_luck: luck.stream(Purpose::Route, &[]),
            reports: Reports::new(fleet.clusters.len(), rules.report_delay.clone(), &luck),
            tariffs: Tariffs::new(&fleet.clusters),
            signals: fleet.series.iter().map(|series| series.spec.signal).collect(),
            sensors: vec![sensors::TRUE; fleet.series.len()],
            lasting: Vec::new(),
            meter: Meter::new(fleet),
            adopting: false,
            playback,
            luck,
        };
        world.begin();
        world
    }

    /// Puts into the queue what happens by itself.
    fn begin(&mut self) {
        let acts = || (0_u32..).zip(&self.scenario.timeline);
        let changes = acts().filter(|(_, moment)| is_change(&moment.act));
        for (place, moment) in changes.chain(acts().filter(|(_, moment)| !is_change(&moment.act))) {
            self.queue.push(moment.at.0, Happening::Act(place));
        }
        self.queue.push(0, Happening::Demand);
        self.queue.push(self.scenario.world.meter_every.0.max(1), Happening::Meter);
        if let Some(at) = self.tariffs.next_change() {
            self.queue.push(at.0, Happening::Tariffs);
        }
        if self.playback.is_some() {
            // Who reports what stands in the log.
            return;
        }
        self.queue.push(0, Happening::Heartbeats);
        for (place, truth) in self.scenario.fleet.clusters.iter().enumerate() {
            let cluster = ClusterId::from_index(place);
            self.queue.push(truth.joins.0, Happening::Capacity(cluster));
        }
    }

    /// When the scenario ends.
    #[must_use]
    pub fn end(&self) -> Tick {
        Tick::ZERO.after(self.scenario.duration)
    }

    /// How far time has come.
    #[must_use]
    pub fn now(&self) -> Tick {
        self.now
    }

    /// The next input of the machine and when it comes; nothing once the scenario is over.
    pub fn next_input(&mut self, state: &State) -> Option<(Tick, Input)> {
        self.next_input_until(state, self.end())
    }

    /// The next input that comes at `until` or before; time then stands there. Everything that happens up
    /// to then has happened when this gives nothing.
    pub fn next_input_until(&mut self, state: &State, until: Tick) -> Option<(Tick, Input)> {
        if let Some(input) = self.setup.next() {
            self.heed(input);
            return Some((self.now, input.clone()));
        }
        let until = until.min(self.end());
        if self.playback.is_some() {
            return self.next_played(state, until);
        }
        loop {
            if let Some(input) = self.tray.pop_front() {
                self.heed(&input);
                return Some((self.now, input));
            }
            let deadline = state.next_deadline().filter(|deadline| *deadline <= until);
            let limit = deadline.unwrap_or(until.after(Span(1)));
            if let Some((at, happening)) = self.queue.pop_before(limit.0) {
                self.now = Tick(at);
                self.happen(happening, state);
            } else if let Some(due) = deadline {
                self.now = self.now.max(due);
                return Some((self.now, Input::Timer(TimerFired { due })));
            } else {
                self.now = self.now.max(until);
                return None;
            }
        }
    }

    /// Keeps the room of an input that the machine has taken, for the next of its kind.
    pub fn take_back(&mut self, input: Input) {
        self.reports.recycle(input);
    }

    fn happen(&mut self, happening: Happening, state: &State) {
        match happening {
            Happening::Act(act) => self.begin_act(act, state),
            Happening::ActEnds(act) => self.end_act(act, state),
            Happening::Report(number) => self.tray.extend(self.reports.arrive(number)),
            Happening::Demand => self.measure_demand(state),
            Happening::Heartbeats => self.listen(state),
            Happening::Meter => self.read_meter(state),
            Happening::Tariffs => self.change_tariffs(),
            Happening::Commit => {
                let settled = self.git.commit(self.now);
                self.settle(settled);
            }
            Happening::Pushed => {
                let settled = self.git.pushed(self.now);
                self.settle(settled);
            }
            Happening::Route(number) => self.publish_route(number),
            Happening::Capacity(cluster) => self.look_at_room(cluster, state),
            Happening::Script(number) => self.play(number),
            Happening::In(cluster, Turn::Publish) => self.publish(cluster),
            Happening::In(cluster, turn) => {
                self.in_cluster(cluster, |cluster, around| cluster.turn(turn, around));
            }
        }
    }

    /// Does something with a cluster and what it touches.
    fn in_cluster<R>(
        &mut self,
        cluster: ClusterId,
        act: impl FnOnce(&mut Cluster, &mut Around<'_>) -> R,
    ) -> R {
        let mut around = Around {
            now: self.now,
            queue: &mut self.queue,
            desks: &mut self.desks,
            catalog: &self.catalog,
            luck: &self.luck,
            stop: &self.scenario.world.stop,
        };
        act(&mut self.clusters[cluster.index()], &mut around)
    }

    /// What people command changes the world as well.
    fn heed(&mut self, input: &Input) {
        let Input::Command(command) = input else { return };
        match command {
            Command::DeclareApp(app, intent) => {
                self.intents.declare(*app, intent);
                self.users.set_wanted(*app, true);
            }
            Command::WithdrawApp(app) => self.users.set_wanted(*app, false),
            Command::RetireCluster(cluster) => {
                self.in_cluster(*cluster, Cluster::leave);
            }
            Command::Name { .. }
            | Command::DeclarePolicy(_)
            | Command::DeclareTenant(..)
            | Command::DeclareCluster(..)
            | Command::DeclareZone(..)
            | Command::DeclareSeries { .. }
            | Command::Cordon(_)
            | Command::Uncordon(_)
            | Command::Drain(_)
            | Command::Undrain(_)
            | Command::DeclareLost(_)
            | Command::Pin { .. }
            | Command::Unpin { .. }
            | Command::Approve(_)
            | Command::Pause
            | Command::Resume => {}
            Command::Adopt(_) => self.adopting = true,
        }
    }

    fn read_meter(&mut self, state: &State) {
        self.close_books(state);
        let next = self.now.after(self.scenario.world.meter_every.max(Span(1)));
        self.queue.push(next.0, Happening::Meter);
    }

    /// Meters everything up to now.
    pub(crate) fn close_books(&mut self, state: &State) {
        let rtt = |from: ClusterId, to: ClusterId| {
            if from == to {
                return Some(0.0);
            }
            state.cluster(from).reach.rtt(to).map(|rtt| f64::from(rtt.0))
        };
        self.meter.close_interval(&mut Sights {
            now: self.now,
            users: &mut self.users,
            desks: &mut self.desks,
            catalog: &self.catalog,
            tariffs: &self.tariffs,
            intents: &self.intents,
            ttl: self.scenario.world.dns_ttl,
            rtt: &rtt,
        });
    }
}

/// Whether an act makes something really different, which is so before anybody is told.
fn is_change(act: &Act) -> bool {
    matches!(act, Act::AppChanged { .. } | Act::ClusterChanged { .. })
}

/// The symbol of a name; one that means nothing if the machine was never given it.
fn symbol(names: &BTreeMap<&str, Symbol>, text: &str) -> Symbol {
    names.get(text).copied().unwrap_or(Symbol(u32::MAX))
}

/// The symbols of all names that the scenario gives the machine.
fn names(scenario: &Scenario) -> BTreeMap<&str, Symbol> {
    let mut names = BTreeMap::new();
    let acts = scenario.timeline.iter().filter_map(|moment| {
        let Act::Inputs(inputs) = &moment.act else { return None };
        Some(inputs)
    });
    for input in scenario.setup.iter().chain(acts.flatten()) {
        if let Input::Command(Command::Name { first, texts }) = input {
            let numbers = first.0..;
            names.extend(texts.iter().map(String::as_str).zip(numbers.map(Symbol)));
        }
    }
    names
}

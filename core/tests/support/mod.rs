//! A fleet in a few lines, and a world that does what it is asked after fixed delays.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of it")]

use std::collections::{BTreeMap, BTreeSet};

use periplus_core::capacity::{PodCount, packs};
use periplus_core::effect::{Effect, EffectKey, Generation, Issued};
use periplus_core::event::Event;
use periplus_core::fleet::*;
use periplus_core::ids::*;
use periplus_core::input::*;
use periplus_core::intent::*;
use periplus_core::labels::{Labels, Selector};
use periplus_core::policy::Policy;
use periplus_core::state::{Berth, Content, Phase, Stage};
use periplus_core::units::*;
use periplus_core::{Outbox, Record, State, step};

pub const RPS: u64 = 1_000;

/// The machine, its log, and a world that obeys.
#[derive(Debug, Default)]
pub struct Bench {
    pub state: State,
    pub out: Outbox,
    pub log: Vec<Record>,
    pub now: Tick,
    names: u32,
    /// What is still to come: reports and readings.
    coming: BTreeMap<(Tick, u64), Input>,
    order: u64,
    pub delays: Delays,
    /// Clusters that neither hear nor are heard.
    pub silent: Vec<ClusterId>,
    /// Clusters whose pods never become ready.
    pub broken: Vec<ClusterId>,
    heartbeats_at: Tick,
    /// The revision that clusters were told of last.
    revisions: BTreeMap<BindingId, u64>,
    /// Clusters whose users an app's new content may have cost something, until all of it is ready there.
    changing: BTreeSet<(AppId, ClusterId)>,
}

#[derive(Clone, Copy, Debug)]
pub struct Delays {
    pub git: Span,
    pub sync: Span,
    pub start: Span,
    pub stop: Span,
}

impl Default for Delays {
    fn default() -> Self {
        Self { git: Span(2_000), sync: Span(20_000), start: Span(40_000), stop: Span(10_000) }
    }
}

impl Bench {
    pub fn new(policy: Policy) -> Self {
        let mut bench = Self::default();
        bench.command(Command::DeclarePolicy(Box::new(policy)));
        let name = bench.name("default");
        let spec = TenantSpec { name, clusters: Selector::default(), quota: None };
        bench.command(Command::DeclareTenant(TenantId(0), spec));
        bench
    }

    pub fn name(&mut self, text: &str) -> Symbol {
        let first = Symbol(self.names);
        self.names += 1;
        self.command(Command::Name { first, texts: vec![text.into()] });
        first
    }

    /// Feeds one input now, checks the laws on it, and lets the world take the effects.
    pub fn feed(&mut self, input: &Input) {
        let before = self.state.clone();
        step(&mut self.state, self.now, input, &mut self.out).expect("time passes");
        let record = self.out.record(input).to_record();
        let mut folded = before.clone();
        folded.fold(&record);
        assert_eq!(folded, self.state, "law 1: folding gives the state of the step");
        assert_eq!(folded.digest(), self.state.digest(), "and its digest");
        self.check_room();
        self.check_rollouts(&before, &record);
        self.log.push(record);
        for issued in std::mem::take(&mut self.out.effects) {
            self.carry_out(&issued);
        }
    }

    pub fn command(&mut self, command: Command) {
        self.feed(&Input::Command(command));
    }

    pub fn see(&mut self, sight: Sight) {
        let as_of = self.now;
        self.feed(&Input::Observation(Observation { as_of, sight }));
    }

    pub fn demand(&mut self, rates: &[(u32, u64)]) {
        let rates = rates.iter().map(|(id, rps)| (SeriesId(*id), MilliRps(rps * RPS))).collect();
        self.see(Sight::Demand { source: SourceId(0), rates });
    }

    /// Lets time pass: timers fire, the world answers, clusters are heard of every 30 s.
    pub fn run_to(&mut self, end: Tick) {
        for _ in 0..100_000 {
            let coming = self.coming.keys().next().map(|(at, _)| *at);
            let due = self.state.next_deadline();
            let next = [coming, due, Some(self.heartbeats_at)].into_iter().flatten().min();
            let next = next.unwrap_or(end).max(self.now);
            if next > end {
                self.now = end;
                return;
            }
            self.now = next;
            if let Some(due) = due.filter(|due| *due <= next) {
                self.feed(&Input::Timer(TimerFired { due }));
            } else if let Some(entry) =
                self.coming.first_entry().filter(|entry| entry.key().0 <= next)
            {
                let input = entry.remove();
                self.feed(&input);
            } else {
                self.heartbeats_at = next.after(Span(30_000));
                let heard = (0..self.state.clusters().len()).map(ClusterId::from_index);
                let heard = heard.filter(|cluster| !self.silent.contains(cluster)).collect();
                self.see(Sight::Heartbeats(heard));
            }
        }
        panic!("time does not pass: {:?}", self.log.last());
    }

    pub fn run_for(&mut self, span: Span) {
        self.run_to(self.now.after(span));
    }

    fn later(&mut self, wait: Span, input: Input) {
        self.order += 1;
        self.coming.insert((self.now.after(wait), self.order), input);
    }

    fn carry_out(&mut self, issued: &Issued) {
        let Delays { git, sync, start, stop } = self.delays;
        let report = EffectReport { key: issued.key, outcome: Outcome::Done };
        self.later(git, Input::Report(report));
        let (target, generation) = match &issued.effect {
            Effect::Prime { target, generation, .. } | Effect::Withdraw { target, generation } => {
                (*target, *generation)
            }
            Effect::Route { .. } | Effect::Alert(_) => return,
        };
        if self.silent.contains(&target.cluster) {
            return;
        }
        // A sync agent takes only the newest content: nothing comes of what it replaces.
        self.coming.retain(|_, input| !is_about(input, target.binding));
        let known = match &issued.effect {
            Effect::Prime { revision, .. } => self.revisions.insert(target.binding, *revision),
            Effect::Withdraw { .. } | Effect::Route { .. } | Effect::Alert(_) => {
                self.revisions.remove(&target.binding)
            }
        };
        let reading =
            |seen| self.reading(target.cluster, target.binding, generation, issued.key, seen);
        match &issued.effect {
            Effect::Prime { scale, revision, .. } => {
                let replicas = match scale {
                    periplus_core::effect::Scale::Replicas(replicas) => *replicas,
                    periplus_core::effect::Scale::Bounds { min, .. } => *min,
                };
                let (applied, ready) = (reading(Seen::Applied), reading(Seen::Replicas(replicas)));
                // Agents count what is ready of the newest content, and say so before that they took it.
                if known.is_some_and(|known| known != *revision) {
                    self.later(Span(git.0 + sync.0), reading(Seen::Replicas(0)));
                }
                self.later(Span(git.0 + sync.0), applied);
                if !self.broken.contains(&target.cluster) {
                    self.later(Span(git.0 + sync.0 + start.0), ready);
                }
            }
            Effect::Withdraw { .. } | Effect::Route { .. } | Effect::Alert(_) => {
                let (fewer, gone) = (reading(Seen::Replicas(0)), reading(Seen::Gone));
                self.later(Span(git.0 + sync.0 + stop.0), fewer);
                self.later(Span(git.0 + sync.0 + stop.0), gone);
            }
        }
    }

    fn reading(
        &self,
        cluster: ClusterId,
        binding: BindingId,
        generation: Generation,
        cause: EffectKey,
        seen: Seen,
    ) -> Input {
        let readings = vec![Reading { binding, generation, cause, seen }];
        let as_of = self.now.after(Span(self.delays.git.0 + self.delays.sync.0));
        Input::Observation(Observation { as_of, sight: Sight::Readiness { cluster, readings } })
    }

    /// Never more written than fits, and the sums are right.
    fn check_room(&self) {
        for (index, cluster) in self.state.clusters().iter().enumerate() {
            let mut pods = Vec::new();
            let mut held = periplus_core::capacity::Totals::default();
            for berth in &cluster.berths {
                let berth = self.state.berth(*berth);
                held += berth.charged();
                for binding in berth.bindings.iter().filter(|one| one.content != Content::Absent) {
                    pods.push(PodCount {
                        request: binding.request,
                        pods: binding.written().into(),
                    });
                }
            }
            assert_eq!(held, cluster.held, "what a cluster holds is the sum of its bindings");
            let fits = packs(&cluster.nodes, &mut pods, &mut Vec::new());
            assert!(
                fits || cluster.nodes.is_empty(),
                "never more written than fits: cluster {index}"
            );
        }
    }

    /// No more clusters that served lose replicas to new content of an app at once than it allows.
    fn check_rollouts(&mut self, before: &State, record: &Record) {
        let state = &self.state;
        let mut changing = std::mem::take(&mut self.changing);
        let mut joined = BTreeSet::new();
        for event in &record.events {
            let (Event::PrimeIssued { binding, .. } | Event::WithdrawIssued { binding, .. }) =
                event
            else {
                continue;
            };
            let Some(then) = before.try_berth(binding.berth) else { continue };
            let is_same = |now: &&Berth| {
                let whose = |berth: &Berth| (berth.app, berth.group, berth.cluster);
                now.is_live() && whose(now) == whose(then)
            };
            let Some(now) = state.try_berth(binding.berth).filter(is_same) else { continue };
            let written = then.binding(binding.component).map(|one| (one.revision, one.request));
            let is = now.binding(binding.component).map(|one| (one.revision, one.request));
            let same = written == is && matches!(event, Event::PrimeIssued { .. });
            let mut here = before.berths().filter(|(_, other)| {
                (other.app, other.cluster) == (then.app, then.cluster) && other.is_live()
            });
            let failed =
                here.any(|(_, other)| other.bindings.iter().any(|one| one.phase == Phase::Failed));
            // What this very record tells to be gone is not lost to what is written after it.
            let seen = |component| now.binding(component).map_or(0, |one| one.seen);
            let served = then.bindings.iter().all(|one| {
                let there = seen(one.component) > 0 || one.required == 0;
                one.content == Content::Present && one.served && there
            });
            let new = !changing.contains(&(then.app, then.cluster));
            // Who was closing had no users to lose. If its turn begins as it is taken back, it counts all the same.
            let rollout = state.app(then.app).rollout.as_deref();
            let in_turn = rollout.is_some_and(|rollout| rollout.turn(then.cluster).is_some());
            if (then.is_live() || in_turn) && served && !failed && !same && new {
                joined.insert((then.app, then.cluster));
            }
        }
        changing.extend(&joined);
        changing.retain(|(app, cluster)| {
            let mut held = state
                .berths()
                .filter(|(_, berth)| (berth.app, berth.cluster) == (*app, *cluster))
                .filter(|(_, berth)| !matches!(berth.stage, Stage::Leaving { .. }))
                .flat_map(|(_, berth)| &berth.bindings)
                .filter(|binding| binding.content != Content::Leaving);
            let under_way = held.any(|one| {
                let asked = one.cause.is_some_and(|key| state.is_outstanding(key));
                one.phase != Phase::Ready || asked
            });
            under_way && !state.cluster(*cluster).is_gone()
        });
        for (app, _) in joined {
            let of_app = changing.iter().filter(|changing| changing.0 == app).count();
            let most = usize::from(state.intent(app).rollout.max_unavailable);
            assert!(of_app <= most, "{of_app} clusters of {app:?} change at once, {most} may");
        }
        self.changing = changing;
    }

    /// Verifies the whole log from nothing: laws 2 and 3.
    pub fn verify(&self) {
        let mut state = State::default();
        let mut out = Outbox::default();
        for record in &self.log {
            state.verify(record, &mut out).expect("replay verifies");
        }
        assert_eq!(state, self.state);
    }

    pub fn berths_of(&self, app: u32) -> Vec<u32> {
        let mut clusters: Vec<u32> = self
            .state
            .berths()
            .filter(|(_, berth)| berth.app == AppId(app) && berth.is_live())
            .map(|(_, berth)| berth.cluster.0)
            .collect();
        clusters.sort_unstable();
        clusters
    }

    /// The clusters that a series' users are sent to, with their weights.
    pub fn routes_of(&self, series: u32) -> Vec<(u32, u16)> {
        let shares = self.state.series()[series as usize].flow.shares;
        let routed = shares.iter().filter(|share| share.routed.0 > 0);
        let mut routes: Vec<_> =
            routed.map(|share| (self.state.berth(share.berth).cluster.0, share.routed.0)).collect();
        routes.sort_unstable();
        routes
    }

    pub fn phases_in(&self, app: u32, cluster: u32) -> Vec<Phase> {
        let berths = self.state.berths();
        let here =
            berths.filter(|(_, one)| one.app == AppId(app) && one.cluster == ClusterId(cluster));
        here.flat_map(|(_, berth)| berth.bindings.iter().map(|binding| binding.phase)).collect()
    }

    pub fn events(&self) -> impl Iterator<Item = (Tick, &Event)> {
        self.log.iter().flat_map(|record| record.events.iter().map(|event| (record.at, event)))
    }
}

fn is_about(input: &Input, binding: BindingId) -> bool {
    if let Input::Observation(Observation { sight: Sight::Readiness { readings, .. }, .. }) = input
    {
        return readings.iter().any(|reading| reading.binding == binding);
    }
    false
}

/// A cluster of equal nodes.
#[derive(Clone, Debug)]
pub struct Nodes {
    pub nodes: u32,
    pub cpu: u32,
    pub core_price: i64,
    pub labels: Vec<(Symbol, Symbol)>,
    pub taints: Vec<periplus_core::labels::Taint>,
    pub active_price: i64,
    pub carbon: u32,
}

impl Default for Nodes {
    fn default() -> Self {
        Self {
            nodes: 2,
            cpu: 4_000,
            core_price: 40_000,
            labels: Vec::new(),
            taints: Vec::new(),
            active_price: 1_000,
            carbon: 300,
        }
    }
}

impl Bench {
    pub fn cluster(&mut self, nodes: Nodes) -> ClusterId {
        let id = ClusterId::from_index(self.state.clusters().len());
        let name = self.name(&format!("cluster-{}", id.0));
        let spec = ClusterSpec {
            name,
            kind: KindId(0),
            labels: Labels::new(nodes.labels),
            taints: nodes.taints,
            prices: Prices {
                core: MicroUsdPerHour(nodes.core_price),
                active: MicroUsdPerHour(nodes.active_price),
                ..Prices::default()
            },
            power: Power {
                core: MilliWatts(5_000),
                effectiveness: 1_200,
                carbon: GramsPerKwh(nodes.carbon),
            },
        };
        self.command(Command::DeclareCluster(id, Box::new(spec)));
        self.capacity(id, nodes.nodes, nodes.cpu);
        id
    }

    pub fn capacity(&mut self, cluster: ClusterId, nodes: u32, cpu: u32) {
        let free = Resources { cpu: MilliCpu(cpu), memory: MiB(16_384), extended: [0; 4] };
        let nodes = vec![NodeCount { room: Room { free, pods: 110 }, nodes }];
        self.see(Sight::Capacity { cluster, pools: vec![PoolReport { pool: Symbol(0), nodes }] });
    }

    /// A zone with these round-trip times in ms to clusters 0, 1, …
    pub fn zone(&mut self, rtts: &[u32]) -> ZoneId {
        let id = ZoneId::from_index(self.state.zones().len());
        let name = self.name(&format!("zone-{}", id.0));
        self.command(Command::DeclareZone(id, ZoneSpec { name, labels: Labels::default() }));
        self.reach(Place::Zone(id), rtts);
        id
    }

    pub fn reach(&mut self, from: Place, rtts: &[u32]) {
        let rtts = rtts.iter().enumerate();
        let rtts =
            rtts.map(|(to, ms)| (ClusterId::from_index(to), MicrosRtt(ms * 1_000))).collect();
        self.see(Sight::Reach { from, rtts });
    }

    pub fn app(&mut self, change: impl FnOnce(&mut Intent)) -> AppId {
        let id = AppId::from_index(self.state.apps().len());
        let name = self.name(&format!("app-{}", id.0));
        let mut intent = intent(name);
        change(&mut intent);
        self.command(Command::DeclareApp(id, Box::new(intent)));
        id
    }

    /// One series per zone, in the order of the zones; the first id that they got.
    pub fn series(&mut self, app: AppId) -> u32 {
        let first = SeriesId::from_index(self.state.series().len());
        let zones = (0..self.state.zones().len()).map(ZoneId::from_index);
        let series = zones.map(|zone| SeriesSpec::offered(app, zone)).collect();
        self.command(Command::DeclareSeries { first, series });
        first.0
    }
}

/// One component of one core that serves ten requests a second per replica, up to fifty replicas.
pub fn component(name: Symbol) -> Component {
    Component {
        name,
        revision: 1,
        request: Resources { cpu: MilliCpu(1_000), memory: MiB(256), extended: [0; 4] },
        scaling: Scaling::Fixed { min: 1 },
        staffing: vec![(
            KindId(0),
            (1..=50).map(|replicas| MilliRps(replicas * 10 * RPS)).collect(),
        )],
        after: Vec::new(),
    }
}

pub fn group(name: Symbol, components: &[u16]) -> Group {
    Group {
        name,
        components: components.iter().map(|id| ComponentId(*id)).collect(),
        selector: Selector::default(),
        stateful: false,
        standing: 0,
        pinned: None,
    }
}

pub fn intent(name: Symbol) -> Intent {
    Intent {
        name,
        tenant: TenantId(0),
        generation: 1,
        priority: 0,
        components: vec![component(name)],
        groups: vec![group(name, &[0])],
        calls: Vec::new(),
        rules: Rules::default(),
        activation: Activation {
            above: MilliRps(1),
            dwell: Span(0),
            idle_below: MilliRps(1),
            idle_after: Span(60_000),
        },
        worth: Worth {
            latency_target: MicrosRtt(20_000),
            service_time: MicrosRtt(5_000),
            latency: MicroUsd(5),
            unserved: MicroUsd(20_000),
            response: Bytes(10_000),
        },
        rollout: RolloutRules::default(),
    }
}

/// A policy without margins: numbers in tests stay easy.
pub fn plain_policy() -> Policy {
    let mut policy = Policy::default();
    policy.headroom.least = Permille(0);
    policy.headroom.target = Permille(0);
    policy.headroom.most = Permille(300);
    policy
}

//! A scenario as a whole service lives through it: a desk on its thread, a post that writes into a real repository, and
//! watches of Kubernetes APIs behind which the simulated world stands. Time is the test's: nothing goes on before all is
//! quiet.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

use periplus_core::ids::ClusterId;
use periplus_core::input::{Observation, Sight};
use periplus_core::units::{Span, Tick};
use periplus_core::{Input, Record, State};
use periplus_emit::Repository;
use periplus_git::{Author, FleetOptions, Options as Access, make_bare};
use periplus_live::Feed;
use periplus_live::clusters::{Clusters, Options};
use periplus_live::delivery::{PostOptions, Routes};
use periplus_live::desk::{Desk, Setup};
use periplus_live::intents::Intents;
use periplus_live::service::{Clock, Order, Service};
use periplus_live::sighting::Sighting;
use periplus_live::traces::Parent;
use periplus_sim::World;
use periplus_spec::Bundle;
use periplus_spec::scenario::Scenario;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance};

use crate::Ran;
use crate::declared::Declared;
use crate::kubernetes::Kubernetes;
use crate::lived::{Ear, Heard};
use crate::shown;

/// For so many turns all may be on its way; the time that they take is that of the machine.
const TURNS_MAX: usize = 5_000;
/// So many turns pass before watches are let tell what they gathered.
const TURNS_BETWEEN: usize = 4;
/// How long a disk is given between two questions.
const A_WHILE: Duration = Duration::from_millis(2);
/// For how long watches gather before they tell, and a little more.
const GATHERS: Duration = Duration::from_millis(101);

/// Lets a service live through a scenario.
pub(crate) async fn serve(bundle: &Bundle, scenario: &Scenario) -> Ran {
    // While anything blocks, tokio's clock goes only where it is told to.
    let (release, held) = std::sync::mpsc::channel::<()>();
    let hold = tokio::task::spawn_blocking(move || held.recv());
    let home = TempDir::new().unwrap();
    let mut driver = Driver::new(home.path(), bundle, scenario);
    driver.run().await;
    let state = driver.ask(|desk| desk.state().clone()).await;
    let Driver { service, records, watching, stop, .. } = driver;
    let _ = stop.send(());
    watching.await.unwrap();
    service.stop().unwrap();
    drop(release);
    let _ = hold.await;
    Ran { records, state }
}

/// A clock that stands until it is set.
#[derive(Debug)]
struct Still(AtomicI64);

impl Clock for Still {
    fn now_unix_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

struct Driver<'s> {
    scenario: &'s Scenario,
    world: World<'s>,
    /// What the world says next.
    next: Option<(Tick, Input)>,
    clock: Arc<Still>,
    service: Service,
    clusters: Arc<Clusters>,
    watching: JoinHandle<()>,
    stop: oneshot::Sender<()>,
    kubernetes: Kubernetes,
    ear: Ear,
    heard: Vec<Heard>,
    records: Vec<Record>,
    declared: Declared,
    /// When clusters were last heard of, by tokio's clock.
    beaten: Instant,
    /// The node counts, readings and greetings that are to be told.
    expected: Expected,
}

/// What must have been told before time goes on.
#[derive(Debug, Default)]
struct Expected {
    alive: BTreeSet<String>,
    rooms: BTreeSet<ClusterId>,
    readings: BTreeSet<String>,
}

impl<'s> Driver<'s> {
    fn new(home: &Path, bundle: &Bundle, scenario: &'s Scenario) -> Self {
        for folder in ["state", "cache"] {
            std::fs::create_dir(home.join(folder)).unwrap();
        }
        let fleet = home.join("fleet.git");
        make_bare(&fleet, "main").unwrap();
        let repository = Repository { url: fleet.display().to_string(), branch: "main".into() };
        let (ear, declared) = (Ear::default(), Declared::new(bundle));
        let epoch = scenario.epoch_unix_ms;
        let clock = Arc::new(Still(AtomicI64::new(epoch)));
        let setup = Setup {
            intents: Some(Intents::begin(declared.now().clone(), epoch).unwrap()),
            routes: Routes { pulled: repository.clone(), written: repository, base: None },
            window: Span::ZERO,
            narrator: Box::new(ear.clone()),
            made_by: "a test".into(),
        };
        let desk = Desk::open(&home.join("state"), setup, epoch).unwrap();
        let post = PostOptions {
            cache: home.join("cache"),
            access: Access::default(),
            fleet: FleetOptions::default(),
            author: Author { name: "Periplus".into(), email: "periplus@localhost".into() },
            run: "a-test".into(),
            epoch_unix_ms: epoch,
        };
        let service = Service::start(desk, post, Feed::default(), clock.clone());
        let heartbeat = Duration::from_millis(scenario.world.heartbeat_every.0);
        let options = Options { heartbeat, clock: clock.clone(), ..Options::default() };
        let clusters = Arc::new(Clusters::new(options));
        let (stop, stopped) = oneshot::channel();
        let (running, feed) = (Arc::clone(&clusters), service.feed().clone());
        let watching = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            running.run(feed, stopped).await;
        });
        Self {
            scenario,
            world: World::new(scenario),
            next: None,
            clock,
            service,
            clusters,
            watching,
            stop,
            kubernetes: Kubernetes::new(fleet, &scenario.fleet.extended),
            ear,
            heard: Vec::new(),
            records: Vec::new(),
            declared,
            beaten: Instant::now(),
            expected: Expected::default(),
        }
    }

    async fn run(&mut self) {
        self.quiet(Tick::ZERO).await;
        for told in &self.records {
            let (_, input) = self.world.next_input(&State::default()).unwrap();
            assert_eq!(told.input, input, "something else is declared");
        }
        loop {
            let state = self.ask(|desk| desk.state().clone()).await;
            let next = self.next.take().or_else(|| self.world.next_input(&state));
            let Some((at, input)) = next else { return };
            self.clock.0.store(self.unix_ms(at), Ordering::SeqCst);
            match input {
                Input::Observation(first) => {
                    let told = self.gather(at, first, &state);
                    self.see(told, &state).await;
                }
                Input::Command(command) if self.declared.says(&command, self.scenario) => {
                    if let Some(bundle) = self.declared.change(at) {
                        let (reply, answer) = oneshot::channel();
                        self.service.feed().ask(Order::Declare(Box::new(bundle), reply)).await;
                        answer.await.unwrap().unwrap();
                    }
                }
                Input::Command(command) => {
                    let (reply, answer) = oneshot::channel();
                    self.service
                        .feed()
                        .ask(Order::Command(command, reply, Parent::default()))
                        .await;
                    answer.await.unwrap();
                }
                // Its turn comes by itself; the repository answers by itself.
                Input::Timer(_) | Input::Report(_) => {}
            }
            self.quiet(at).await;
        }
    }

    /// All that is seen at one time.
    fn gather(&mut self, at: Tick, first: Observation, state: &State) -> Vec<Observation> {
        let mut told = vec![first];
        loop {
            match self.world.next_input_until(state, at) {
                Some((_, Input::Observation(more))) => told.push(more),
                other => {
                    self.next = other;
                    return told;
                }
            }
        }
    }

    /// The world looks as was told.
    async fn see(&mut self, told: Vec<Observation>, state: &State) {
        let name = |cluster: ClusterId| state.name(state.cluster(cluster).spec.name).to_owned();
        let mut speaking = BTreeSet::new();
        for Observation { as_of, sight } in told {
            match &sight {
                Sight::Heartbeats(clusters) => {
                    self.expected.alive.extend(clusters.iter().map(|cluster| name(*cluster)));
                    speaking.extend(clusters.iter().copied());
                }
                Sight::Capacity { cluster, pools } => {
                    speaking.insert(*cluster);
                    if self.kubernetes.show_room(*cluster, pools, state) {
                        self.expected.rooms.insert(*cluster);
                    }
                }
                Sight::Readiness { cluster, readings } => {
                    speaking.insert(*cluster);
                    let news = self.kubernetes.show(*cluster, readings, state).unwrap();
                    let told =
                        news.into_iter().map(|one| format!("{:?} {:?}", one.binding, one.seen));
                    self.expected.readings.extend(told);
                }
                Sight::Demand { .. }
                | Sight::Prices(_)
                | Sight::Carbon(_)
                | Sight::Reach { .. } => {
                    let as_of_unix_ms = self.unix_ms(as_of);
                    let seen = Observation { as_of, sight };
                    for sight in shown::sights(&seen, state, &self.scenario.fleet.extended) {
                        self.service.feed().tell(Sighting { as_of_unix_ms, sight }).await;
                    }
                }
            }
        }
        for place in 0..self.scenario.fleet.clusters.len() {
            let cluster = ClusterId::from_index(place);
            if speaking.contains(&cluster) {
                self.kubernetes.reach(&name(cluster), true);
            } else if !self.world.is_connected(cluster) {
                self.kubernetes.reach(&name(cluster), false);
            }
        }
        if !self.expected.alive.is_empty() {
            self.beat(&name).await;
        }
    }

    /// Clusters are asked whether they are alive.
    async fn beat(&mut self, name: &impl Fn(ClusterId) -> String) {
        let clusters = (0..self.scenario.fleet.clusters.len()).map(ClusterId::from_index);
        let watched = clusters.map(|cluster| self.kubernetes.watched(&name(cluster)));
        if self.clusters.statuses().is_empty() {
            self.clusters.declare(watched.collect());
        } else {
            let every = Duration::from_millis(self.scenario.world.heartbeat_every.0);
            advance((self.beaten + every).saturating_duration_since(Instant::now())).await;
        }
        self.beaten = Instant::now();
    }

    /// Waits until all that is to be told was told, and decided, and written.
    async fn quiet(&mut self, at: Tick) {
        for turn in 1..TURNS_MAX {
            // The second is answered after the turn of the first has ended.
            self.ask(|_| ()).await;
            self.heard.extend(self.ear.take());
            let is_told = self.is_told();
            let is_written = self
                .ask(|desk| desk.tray().lengths() == (0, 0) && desk.tray().due().is_none())
                .await;
            if is_told && is_written && self.is_still().await {
                self.carry_out(at);
                return;
            }
            if is_told && !is_written {
                // A disk and a repository take time of the machine, however still the scenario's stands.
                let waited = tokio::task::spawn_blocking(|| thread::park_timeout(A_WHILE)).await;
                waited.unwrap();
            }
            // What is on its way gets time of the machine before its own time goes on: it must not seem late.
            if !is_told && turn % TURNS_BETWEEN == 0 {
                advance(GATHERS).await;
            }
        }
        let statuses = self.clusters.statuses();
        panic!("{at}: it is not told: {:?}, {statuses:?}", self.expected);
    }

    /// Whether nothing more has come.
    async fn is_still(&self) -> bool {
        let is_empty = self.service.feed().lengths().0 == 0;
        // It is answered behind what was taken out, and not yet taken in.
        self.ask(|_| ()).await;
        is_empty && self.ear.is_silent()
    }

    fn is_told(&mut self) -> bool {
        let Expected { alive, rooms, readings } = &mut self.expected;
        let (now, statuses) = (self.clock.now_unix_ms(), self.clusters.statuses());
        alive.retain(|name| {
            let heard = statuses.get(name).and_then(|status| status.last_heard_unix_ms);
            heard != Some(now)
        });
        for (record, _) in &self.heard {
            let Input::Observation(Observation { sight, .. }) = &record.input else { continue };
            match sight {
                Sight::Capacity { cluster, .. } => {
                    rooms.remove(cluster);
                }
                Sight::Readiness { readings: told, .. } => {
                    for one in told {
                        readings.remove(&format!("{:?} {:?}", one.binding, one.seen));
                    }
                }
                Sight::Heartbeats(_)
                | Sight::Demand { .. }
                | Sight::Prices(_)
                | Sight::Carbon(_)
                | Sight::Reach { .. } => {}
            }
        }
        alive.is_empty() && rooms.is_empty() && readings.is_empty()
    }

    /// What was decided stands in the repository, and the world does it.
    fn carry_out(&mut self, at: Tick) {
        for (record, state) in std::mem::take(&mut self.heard) {
            if let Some(state) = state {
                self.kubernetes.pull(&record.effects, &state).unwrap();
                self.world.carry_out(at, &record.effects, &state);
            }
            self.records.push(record);
        }
    }

    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Desk) -> T + Send + 'static,
    ) -> T {
        let (to, answer) = oneshot::channel();
        let ask = Box::new(move |desk: &Desk| {
            let _ = to.send(question(desk));
        });
        self.service.feed().ask(Order::Ask(ask)).await;
        answer.await.unwrap()
    }

    fn unix_ms(&self, at: Tick) -> i64 {
        self.scenario.epoch_unix_ms.saturating_add_unsigned(at.0)
    }
}

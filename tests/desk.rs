//! The desk: declarations, sightings and answers become records that replay, and a stop at any time loses nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use periplus_core::effect::Effect;
use periplus_core::input::{Command, Outcome};
use periplus_core::state::Content;
use periplus_core::units::{MicroUsdPerHour, Span};
use periplus_core::{Outbox, State};
use periplus_emit::{Files, Renderer, Repository, apply};
use periplus_journal::Reader;
use periplus_live::delivery::{Parcel, Routes, Scope};
use periplus_live::desk::{Desk, Setup};
use periplus_live::intents::{self, Intents};
use periplus_live::sighting::{
    Measures, Node, Pool, Prices, Rate, Sight, Sighting, Workload, WorkloadState,
};
use tempfile::TempDir;

/// Three clusters, two zones, an app of two components.
const HARBOUR: &str = include_str!("../docs/guide/voyage/harbour.yaml");
/// A small fleet is not drained at once either.
const POLICY: &str = "apiVersion: periplus.dev/v1alpha1
kind: Policy
metadata: {name: careful}
spec: {breaker: {floor: 1}}
";
const EPOCH: i64 = 1_790_000_000_000;

/// A service's folder, a repository that takes everything, and clusters in which all is ready at once.
struct Service {
    home: TempDir,
    desk: Option<Desk>,
    now: i64,
    tree: Files,
}

fn repository() -> Repository {
    Repository { url: "ssh://git@git.example.net/fleet.git".into(), branch: "main".into() }
}

fn setup(intents: Intents) -> Setup {
    let routes = Routes { pulled: repository(), written: repository(), base: None };
    let (window, made_by) = (Span(5_000), "a test".into());
    Setup { intents: Some(intents), routes, window, narrator: Box::new(()), made_by }
}

impl Service {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        fs::create_dir(home.path().join("intents")).unwrap();
        let mut service = Self { home, desk: None, now: EPOCH, tree: Files::new() };
        service.write("harbour.yaml", HARBOUR);
        service.start();
        service
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.home.path().join("intents").join(name), text).unwrap();
    }

    fn start(&mut self) {
        let declared = intents::read(&self.home.path().join("intents")).unwrap();
        let intents = Intents::begin(declared, EPOCH).unwrap();
        let setup = setup(intents);
        let state = self.home.path().join("state");
        fs::create_dir_all(&state).unwrap();
        self.desk = Some(Desk::open(&state, setup, self.now).unwrap());
    }

    /// Stops without a word.
    fn kill(&mut self) {
        self.desk = None;
    }

    fn desk(&mut self) -> &mut Desk {
        self.desk.as_mut().unwrap()
    }

    fn state(&self) -> &State {
        self.desk.as_ref().unwrap().state()
    }

    fn declare(&mut self) -> Vec<String> {
        let declared = intents::read(&self.home.path().join("intents")).unwrap();
        let now = self.now;
        self.desk().declare(declared, now).unwrap().unwrap()
    }

    fn see(&mut self, sight: Sight) {
        let now = self.now;
        self.desk().see(&Sighting { as_of_unix_ms: now, sight }, now).unwrap();
    }

    /// Lets time pass, second by second: clusters are heard of, what is committed is ready at once.
    fn pass(&mut self, seconds: i64, shop_rps: u64) {
        for _ in 0..seconds {
            self.now += 1_000;
            if self.now % 10_000 == 0 {
                self.look(shop_rps);
            }
            let parcels = self.turn();
            for parcel in parcels {
                self.take(&parcel);
            }
        }
    }

    fn turn(&mut self) -> Vec<Parcel> {
        let now = self.now;
        self.desk().turn(now).unwrap()
    }

    fn take(&mut self, parcel: &Parcel) {
        if parcel.scope == Scope::Whole {
            self.tree.clear();
        }
        apply(&mut self.tree, &parcel.draft.change);
        let now = self.now;
        self.desk().settle(&parcel.target, Outcome::Done, now).unwrap();
    }

    fn look(&mut self, shop_rps: u64) {
        let names: Vec<String> = {
            let fleet = &self.desk.as_ref().unwrap().intents().scenario().fleet;
            fleet.clusters.iter().map(|cluster| cluster.name.clone()).collect()
        };
        let zones: Vec<String> = {
            let fleet = &self.desk.as_ref().unwrap().intents().scenario().fleet;
            fleet.zones.iter().map(|zone| zone.name.clone()).collect()
        };
        for cluster in names {
            self.see(Sight::Alive { cluster: cluster.clone() });
            let node = Node {
                cpu_milli: 16_000,
                memory_bytes: 64 << 30,
                pods: 100,
                extended: BTreeMap::new(),
            };
            let pools = vec![Pool { name: "default".into(), nodes: vec![node; 4] }];
            self.see(Sight::Room { cluster: cluster.clone(), pools });
            let workloads = self.workloads(&cluster);
            self.see(Sight::Workloads { cluster, workloads });
        }
        let rates = zones.into_iter().map(|zone| Rate {
            app: "shop".into(),
            zone,
            milli_rps: shop_rps * 1_000,
        });
        let (source, measures) = ("test".into(), Measures::Offered);
        self.see(Sight::Demand { source, measures, rates: rates.collect() });
    }

    /// What a cluster with an agent shows of what is in the tree.
    fn workloads(&self, cluster: &str) -> Vec<Workload> {
        let state = self.state();
        let mut shown = Vec::new();
        for (_, berth) in state.berths() {
            if state.name(state.cluster(berth.cluster).spec.name) != cluster {
                continue;
            }
            let app = state.name(state.intent(berth.app).name).to_owned();
            for binding in &berth.bindings {
                let name = state.intent(berth.app).component(binding.component).name;
                let component = state.name(name).to_owned();
                let folder = format!("deploy/{cluster}/{app}/{component}/");
                let out = self.tree.keys().any(|path| path.starts_with(&folder));
                let ready = match (binding.content, out) {
                    (Content::Absent, _) => continue,
                    (_, true) => WorkloadState::Ready(binding.primed),
                    (_, false) => WorkloadState::Gone,
                };
                let decision = binding.cause.map(|key| key.seq.0);
                shown.push(Workload { app: app.clone(), component, decision, state: ready });
            }
        }
        shown
    }

    /// What should be in the repository now.
    fn rendered(&self) -> Files {
        let delivery = self.desk.as_ref().unwrap().intents().delivery();
        Renderer::new(delivery, &repository()).tree(self.state()).unwrap()
    }

    fn has(&self, part: &str) -> bool {
        self.tree.keys().any(|path| path.contains(part))
    }
}

#[test]
fn demand_brings_an_app_up_and_its_end_takes_it_away() {
    let mut service = Service::new();
    service.pass(60, 0);
    assert!(!service.has("/shop/"), "nobody asks for it");
    service.pass(600, 40);
    assert!(service.has("/shop/web/"));
    assert_eq!(service.tree, service.rendered());
    assert_eq!(service.desk().counts().unknown, 0);
    service.pass(4 * 3_600, 0);
    assert!(!service.has("/shop/"), "{:?}", service.tree.keys().collect::<Vec<_>>());
    replays(&service);
}

#[test]
fn what_is_declared_anew_is_told_once_over_stops_at_any_time() {
    let mut service = Service::new();
    service.pass(600, 40);
    assert!(service.declare().is_empty(), "nothing changed");
    let text = HARBOUR.replace("image: shop/web:1", "image: shop/web:2");
    assert_ne!(text, HARBOUR);
    service.write("harbour.yaml", &text);
    assert_eq!(service.declare(), ["app shop is changed"]);
    service.kill();
    service.start();
    assert!(service.declare().is_empty());
    service.pass(3_600, 40);
    let web = service.tree.iter().find(|(path, _)| path.contains("deployment-web")).unwrap();
    assert!(String::from_utf8_lossy(web.1).contains("image: shop/web:2"));
    assert_eq!(service.tree, service.rendered());
    replays(&service);
}

#[test]
fn of_two_changes_in_one_turn_a_power_cut_loses_none() {
    let mut service = Service::new();
    service.pass(60, 0);
    for label in ["first", "second"] {
        let tier = format!("labels: {{tier: edge, {label}: {label}}}");
        let before = fs::read_to_string(service.home.path().join("intents/harbour.yaml")).unwrap();
        service.write("harbour.yaml", &before.replacen("labels: {tier: edge}", &tier, 1));
        service.now += 1;
        assert!(!service.declare().is_empty());
    }
    // What the writer still has in memory is lost.
    let (state, after) = (service.home.path().join("state"), service.home.path().join("after"));
    for (from, to) in [(state.clone(), after.clone()), (state.join("live.log"), after.join("log"))]
    {
        fs::create_dir(&to).unwrap();
        for file in fs::read_dir(from).unwrap().map(Result::unwrap) {
            if file.file_type().unwrap().is_file() {
                fs::copy(file.path(), to.join(file.file_name())).unwrap();
            }
        }
    }
    let specs = |service: &Service| {
        service.state().clusters().iter().map(|one| one.spec.clone()).collect::<Vec<_>>()
    };
    let known = specs(&service);
    service.kill();
    fs::remove_dir_all(&state).unwrap();
    fs::rename(after.join("log"), after.join("live.log")).unwrap();
    fs::rename(after, state).unwrap();
    service.start();
    assert_eq!(specs(&service), known);
    replays(&service);
}

#[test]
fn prices_that_are_told_take_the_place_of_those_that_are_declared() {
    let mut service = Service::new();
    let declared = service.state().clusters()[0].prices;
    let name = service.desk().intents().scenario().fleet.clusters[0].name.clone();
    let told = Prices { core_hour: Some(123_000), ..Prices::default() };
    let unknown = ("nowhere".to_owned(), told.clone());
    service.see(Sight::Prices { prices: vec![(name, told), unknown] });
    let known = service.state().clusters()[0].prices;
    assert_eq!(known.core, MicroUsdPerHour(123_000));
    assert_eq!((known.gib, known.egress_gigabyte), (declared.gib, declared.egress_gigabyte));
    assert_eq!(service.desk().counts().unknown, 1);
    service.turn();
    replays(&service);
}

#[test]
fn a_stop_before_and_after_every_turn_loses_nothing() {
    let mut service = Service::new();
    for round in 0..120 {
        service.now += 5_000;
        service.look(40);
        if round % 3 == 0 {
            service.kill();
            service.start();
        }
        let parcels = service.turn();
        if round % 4 == 0 {
            // What was sent lands, and nobody says so.
            for parcel in &parcels {
                if parcel.scope == Scope::Whole {
                    service.tree.clear();
                }
                apply(&mut service.tree, &parcel.draft.change);
            }
            service.kill();
            service.start();
        } else {
            parcels.iter().for_each(|parcel| service.take(parcel));
        }
    }
    service.pass(1_200, 40);
    assert!(service.has("/shop/web/"));
    assert_eq!(service.tree, service.rendered());
    let waiting: Vec<_> = service.state().outstanding().map(|issued| issued.effect).collect();
    assert!(waiting.iter().all(|effect| matches!(effect, Effect::Alert(_))), "{waiting:?}");
    replays(&service);
}

#[test]
fn nothing_is_written_while_an_operator_stopped_everything() {
    let mut service = Service::new();
    service.pass(600, 40);
    let (now, before) = (service.now, service.tree.clone());
    service.desk().command(Command::Pause, now).unwrap();
    let more = HARBOUR.replace(
        "name: edge-island, labels: {tier: edge}",
        "name: edge-island, labels: {tier: edge, new: new}",
    );
    service.write("harbour.yaml", &more);
    service.declare();
    service.kill();
    service.start();
    service.pass(1_200, 0);
    assert_eq!(service.tree, before);
    let now = service.now;
    service.desk().command(Command::Resume, now).unwrap();
    service.pass(1_200, 0);
    assert!(!service.has("/shop/"), "nobody asks for it");
    assert_eq!(service.tree, service.rendered());
}

#[test]
fn an_emptied_folder_drains_no_fleet() {
    let mut service = Service::new();
    service.write("policy.yaml", POLICY);
    service.declare();
    service.pass(900, 40);
    let before = service.tree.clone();
    let folder = service.home.path().join("intents");
    let (app, kept) =
        HARBOUR.split("---\n").partition::<Vec<_>, _>(|one| one.contains("kind: Application"));
    assert_eq!(app.len(), 1);
    for file in ["harbour.yaml", "policy.yaml"] {
        fs::remove_file(folder.join(file)).unwrap();
    }
    let wrong = intents::read(&folder).unwrap_err();
    assert!(wrong[0].message.contains("declares anything of ours"), "{wrong:?}");
    let clusters: Vec<_> =
        kept.iter().filter(|one| !one.contains("kind: Scenario")).copied().collect();
    service.write("fleet.yaml", &clusters.join("---\n"));
    service.write("policy.yaml", POLICY);
    let changes = service.declare();
    assert!(changes.contains(&"app shop is withdrawn".to_owned()), "{changes:?}");
    service.pass(3_600, 40);
    assert!(service.state().holds().count() > 0, "somebody is asked");
    let left: Vec<_> = before.keys().filter(|path| !service.tree.contains_key(*path)).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// The machine comes to every record of the log again.
fn replays(service: &Service) {
    let reader = Reader::open(&service.home.path().join("state/live.log")).unwrap();
    let (mut state, mut out) = (State::default(), Outbox::default());
    for record in reader.records() {
        state.verify(&record.unwrap(), &mut out).unwrap();
    }
    assert_eq!(state.seq(), service.state().seq());
    assert_eq!(state.digest(), service.state().clone().digest());
}

#[test]
fn the_folder_of_a_service_is_its_own() {
    let mut service = Service::new();
    service.kill();
    let file = service.home.path().join("state/intents.json");
    fs::write(&file, "{}").unwrap();
    let declared = intents::read(&service.home.path().join("intents")).unwrap();
    let intents = Intents::begin(declared, EPOCH).unwrap();
    let setup = setup(intents);
    let fault = Desk::open(Path::new(&service.home.path().join("state")), setup, EPOCH);
    let told = fault.unwrap_err().to_string();
    assert!(told.contains("is not what was written") && told.contains("Restore it"), "{told}");
}

#[test]
fn what_could_not_be_written_is_refused_and_changes_nothing() {
    let mut service = Service::new();
    service.pass(900, 40);
    let before = (service.state().seq(), service.tree.clone());
    let patch = "spec:\n  customize: [{jsonPatch: [{op: remove, path: /no/such}]}]\n  entry: web\n";
    let text = HARBOUR.replacen("spec:\n  entry: web\n", patch, 1);
    assert_ne!(text, HARBOUR);
    service.write("harbour.yaml", &text);
    let declared = intents::read(&service.home.path().join("intents")).unwrap();
    let now = service.now;
    let wrong = service.desk().declare(declared, now).unwrap().unwrap_err();
    assert!(wrong[0].message.contains("shop in "), "{wrong:?}");
    service.write("harbour.yaml", HARBOUR);
    assert!(service.declare().is_empty());
    assert_eq!((service.state().seq(), service.tree.clone()), before);
}

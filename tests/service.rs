//! The service writes into a real repository, is stopped and started, and comes to what was decided.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;
use std::process::Command as Process;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use periplus_core::state::{Binding, Content};
use periplus_core::units::Span;
use periplus_emit::{Files, Renderer, Repository};
use periplus_git::{Author, FleetOptions, Options, files, make_bare};
use periplus_live::Feed;
use periplus_live::delivery::{PostOptions, Routes};
use periplus_live::desk::{Desk, Setup};
use periplus_live::feed::Arrival;
use periplus_live::intents::{self, Intents};
use periplus_live::service::{Clock, Order, Service, Wall};
use periplus_live::sighting::{
    Measures, Node, Pool, Rate, Sight, Sighting, Workload, WorkloadState,
};
use tempfile::TempDir;

const HARBOUR: &str = include_str!("../docs/guide/voyage/harbour.yaml");

fn repository(home: &Path) -> Repository {
    Repository { url: home.join("fleet.git").display().to_string(), branch: "main".into() }
}

fn start(home: &Path) -> Service {
    let now = Wall.now_unix_ms();
    let intents = Intents::begin(intents::read(&home.join("intents")).unwrap(), now).unwrap();
    let routes = Routes { pulled: repository(home), written: repository(home), base: None };
    let setup = Setup {
        intents: Some(intents),
        routes,
        window: Span(50),
        narrator: Box::new(()),
        made_by: "a test".into(),
    };
    let desk = Desk::open(&home.join("state"), setup, now).unwrap();
    let post = PostOptions {
        cache: home.join("cache"),
        access: Options::default(),
        fleet: FleetOptions::default(),
        author: Author { name: "Periplus".into(), email: "periplus@localhost".into() },
        run: "a-test".into(),
        epoch_unix_ms: desk.intents().scenario().epoch_unix_ms,
    };
    Service::start(desk, post, Feed::default(), Arc::new(Wall))
}

fn see(service: &Service, sight: Sight) {
    let sighting = Sighting { as_of_unix_ms: Wall.now_unix_ms(), sight };
    service.feed().try_put(Arrival::Sighting(sighting)).unwrap();
}

/// What the fleet shows: three clusters in which all that is in git is ready, and users of the shop in two zones.
fn look(service: &Service, milli_rps: u64) {
    for cluster in ["edge-harbour", "edge-island", "cloud"] {
        see(service, Sight::Alive { cluster: cluster.into() });
        let node = Node { cpu_milli: 16_000, memory_bytes: 64 << 30, pods: 100, ..Node::default() };
        let pools = vec![Pool { name: "default".into(), nodes: vec![node; 4] }];
        see(service, Sight::Room { cluster: cluster.into(), pools });
    }
    for (cluster, workload) in ask(service, ready) {
        see(service, Sight::Workloads { cluster, workloads: vec![workload] });
    }
    let zones = ask(service, |desk| {
        let zones = &desk.intents().scenario().fleet.zones;
        zones.iter().map(|zone| zone.name.clone()).collect::<Vec<_>>()
    });
    let rate = |zone| Rate { app: "shop".into(), zone, milli_rps };
    let rates = zones.into_iter().map(rate).collect();
    see(service, Sight::Demand { source: "test".into(), measures: Measures::Offered, rates });
}

fn ready(desk: &Desk) -> Vec<(String, Workload)> {
    let state = desk.state();
    let mut shown = Vec::new();
    for (_, berth) in state.berths() {
        let cluster = state.name(state.cluster(berth.cluster).spec.name);
        let intent = state.intent(berth.app);
        for binding in berth.bindings.iter().filter(|one| one.content == Content::Present) {
            let component = state.name(intent.component(binding.component).name).to_owned();
            let workload = Workload {
                app: state.name(intent.name).to_owned(),
                component,
                decision: None,
                state: WorkloadState::Ready(binding.primed),
            };
            shown.push((cluster.to_owned(), workload));
        }
    }
    shown
}

fn ask<T: Send + 'static>(service: &Service, question: fn(&Desk) -> T) -> T {
    let (to, answer) = channel();
    let ask = Box::new(move |desk: &Desk| to.send(question(desk)).unwrap());
    service.feed().try_put(Arrival::Order(Order::Ask(ask))).unwrap();
    answer.recv().unwrap()
}

/// How long a busy machine may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Looks at the fleet until nothing is on its way any more.
fn settle(service: &Service) {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        look(service, 40_000);
        let still = ask(service, |desk| {
            let state = desk.state();
            let mut bindings = state.berths().flat_map(|(_, berth)| &berth.bindings);
            let ready = bindings.all(Binding::is_ready) && state.bindings() > 1;
            ready && state.outstanding().count() == 0 && desk.tray().lengths() == (0, 0)
        });
        if still {
            return;
        }
        assert!(!service.is_over());
    }
    panic!("it does not come to rest");
}

fn written(home: &Path) -> Files {
    let all = files(&home.join("fleet.git"), "main").unwrap();
    all.into_iter().filter(|(path, _)| !path.starts_with(".owned/")).collect()
}

fn rendered(service: &Service) -> Files {
    ask(service, |desk| {
        let url = desk.targets().places.values().next().unwrap().repository.clone();
        Renderer::new(desk.intents().delivery(), &url).tree(desk.state()).unwrap()
    })
}

#[test]
fn a_service_writes_what_it_decided_over_stops_and_lost_caches() {
    let home = TempDir::new().unwrap();
    let home = home.path();
    for folder in ["intents", "state"] {
        fs::create_dir(home.join(folder)).unwrap();
    }
    // One second, so that no test waits for long.
    let quick = HARBOUR.replace("dwell: 30s", "dwell: 1s");
    fs::write(home.join("intents/harbour.yaml"), quick).unwrap();
    make_bare(&home.join("fleet.git"), "main").unwrap();

    let service = start(home);
    settle(&service);
    let tree = rendered(&service);
    assert_eq!(written(home), tree);
    assert!(tree.keys().any(|path| path.contains("/shop/web/")));
    service.stop().unwrap();

    // Somebody loses the cache, and the clock of a restart is the only new thing.
    fs::remove_dir_all(home.join("cache")).unwrap();
    let service = start(home);
    settle(&service);
    assert_eq!(written(home), rendered(&service));
    service.stop().unwrap();

    let mut fsck = Process::new("git");
    fsck.arg("-C").arg(home.join("fleet.git")).args(["fsck", "--strict"]);
    fsck.env("GIT_CONFIG_GLOBAL", "/dev/null");
    assert!(fsck.status().unwrap().success());
}

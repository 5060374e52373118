//! What the service is among: three clusters with agents and kubelets, a Prometheus, a repository.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{ListParams, ObjectMeta, PostParams};
use periplus_live::apply;
use periplus_live::clusters::rules;
use periplus_support::kubelet::{Kubelet, Node, Options};
use periplus_support::prometheus::{Exporter, Prometheus};
use periplus_support::real::{Cluster, write_kubeconfig};
use tempfile::TempDir;

use crate::agent::Agent;
use crate::hub::periplus;

pub(crate) const CLUSTERS: [&str; 3] = ["edge-harbour", "edge-island", "cloud"];

const HARBOUR: &str = include_str!("../../docs/guide/voyage/harbour.yaml");

/// What brings content into the cluster at the harbour.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harbour {
    /// An agent, as in all others.
    Agent,
    /// The service itself.
    Service,
}

pub(crate) struct Fleet {
    // Before the clusters: those that stand on them.
    _agents: Vec<Agent>,
    pub(crate) kubelets: BTreeMap<&'static str, Kubelet>,
    clusters: BTreeMap<&'static str, Cluster>,
    pub(crate) prometheus: Prometheus,
    exporter: Exporter,
    port: u16,
    home: TempDir,
}

impl Fleet {
    pub(crate) async fn start(harbour: Harbour) -> Self {
        let home = TempDir::with_prefix("periplus-story-").unwrap();
        let repository = home.path().join("fleet.git");
        periplus_git::make_bare(&repository, "main").unwrap();
        let (mut clusters, mut kubelets) = (BTreeMap::new(), BTreeMap::new());
        let (mut agents, mut accesses) = (Vec::new(), Vec::new());
        for name in CLUSTERS {
            let cluster = Cluster::start(name).await;
            let nodes = ["one", "two"].map(Node::new);
            let kubelet = Kubelet::start(cluster.client(), Options::of(nodes)).await.unwrap();
            if name == "edge-harbour" && harbour == Harbour::Service {
                let allowed = [rules(), apply::rules(), apply::inventory_rules()].concat();
                accesses.push(cluster.account("periplus", allowed).await);
                kubelets.insert(name, kubelet);
                clusters.insert(name, cluster);
                continue;
            }
            // Flux is installed there.
            let flux = ObjectMeta { name: Some("flux-system".into()), ..ObjectMeta::default() };
            let flux = Namespace { metadata: flux, ..Namespace::default() };
            Api::all(cluster.client()).create(&PostParams::default(), &flux).await.unwrap();
            accesses.push(cluster.account("periplus", rules()).await);
            agents.push(Agent::start(&repository, name, cluster.client()));
            kubelets.insert(name, kubelet);
            clusters.insert(name, cluster);
        }
        write_kubeconfig(&home.path().join("kubeconfig"), &accesses);
        let exporter = Exporter::start(&metrics(0, 0)).await;
        let prometheus = Prometheus::start(&exporter).await;
        fs::create_dir(home.path().join("intents")).unwrap();
        fs::write(home.path().join("intents/harbour.yaml"), intents(UNASKED)).unwrap();
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        fs::write(home.path().join("token"), "the-token-of-an-operator").unwrap();
        let mut configured = configuration(&prometheus.url(), port);
        if harbour == Harbour::Service {
            configured.push_str("apply: {clusters: [edge-harbour]}\n");
        }
        fs::write(home.path().join("live.yaml"), configured).unwrap();
        Self { _agents: agents, kubelets, clusters, prometheus, exporter, port, home }
    }

    /// The folder of the service.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// So many requests a second come from the harbour and from the island.
    pub(crate) fn demand(&self, harbour: u32, island: u32) {
        self.exporter.say(&metrics(harbour, island));
    }

    /// The components of the shop that are in git for a cluster.
    pub(crate) fn written(&self, cluster: &str) -> BTreeSet<String> {
        let files = periplus_git::files(&self.repository(), "main").unwrap_or_default();
        let mut components = BTreeSet::new();
        for path in files.keys().filter(|path| periplus_git::place(path) == Some(cluster)) {
            let mut words = path.split('/').skip_while(|word| *word != "shop").skip(1);
            let component = words.next().filter(|_| words.next().is_some());
            components.extend(component.map(str::to_owned));
        }
        components
    }

    /// The Deployments of the shop in a cluster, with how many replicas are wanted and ready.
    pub(crate) async fn deployed(&self, cluster: &str) -> BTreeMap<String, (i32, i32)> {
        let all: Api<Deployment> = Api::all(self.clusters[cluster].client());
        let listed = all.list(&ListParams::default()).await.unwrap();
        let told = listed.items.into_iter().map(|one| {
            let wanted = one.spec.and_then(|spec| spec.replicas).unwrap_or(1);
            let ready = one.status.and_then(|status| status.ready_replicas).unwrap_or(0);
            (one.metadata.name.unwrap(), (wanted, ready))
        });
        told.collect()
    }

    pub(crate) async fn has(&self, cluster: &str, component: &str) -> bool {
        self.deployed(cluster).await.contains_key(component)
    }

    pub(crate) async fn is_ready(&self, cluster: &str, component: &str) -> bool {
        let deployed = self.deployed(cluster).await;
        deployed.get(component).is_some_and(|(wanted, ready)| wanted == ready)
    }

    /// What must hold of a service that stands still: its log replays, its commits are whole and none was made twice, and
    /// the repository holds what the log says.
    pub(crate) fn holds(&self) {
        let home = self.home();
        let replayed = periplus(home, &["replay", "state/live.log"]);
        assert!(replayed.status.success(), "{replayed:?}");
        let why = periplus(
            home,
            &["why", "state/live.log", "--app", "shop", "--cluster", "edge-harbour"],
        );
        assert!(why.status.success(), "{why:?}");
        assert_eq!(self.git(&["fsck", "--strict", "--no-dangling"]), "");
        let numbers = self.git(&["log", "--format=%(trailers:key=Periplus-Seq,valueonly)", "main"]);
        let numbers: Vec<u64> =
            numbers.split_whitespace().map(|one| one.parse().unwrap()).collect();
        assert!(numbers.is_sorted_by(|a, b| a > b), "{numbers:?}");
        self.is_as_rendered();
        self.becomes_a_scenario();
    }

    /// The repository holds what the log says.
    fn is_as_rendered(&self) {
        let tree = self.home().join("tree");
        let url = self.repository().display().to_string();
        let words = ["render", "state/live.log", "--out", "tree", "--repository", &url];
        let rendered = periplus(self.home(), &words);
        assert!(rendered.status.success(), "{rendered:?}");
        let written = periplus_git::files(&self.repository(), "main").unwrap();
        let written = written.into_iter().filter(|(path, _)| !path.starts_with(".owned/"));
        for (path, bytes) in written {
            let file = tree.join(&*path);
            assert_eq!(fs::read(&file).unwrap(), &bytes[..], "{path}");
            fs::remove_file(file).unwrap();
        }
        let mut left = vec![tree.clone()];
        while let Some(folder) = left.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                assert!(path.is_dir(), "{} is not written", path.display());
                left.push(path);
            }
        }
        fs::remove_dir_all(tree).unwrap();
    }

    /// What happened can be simulated.
    fn becomes_a_scenario(&self) {
        let recorded =
            periplus(self.home(), &["record", "state/live.log", "--out", "day.yaml", "--force"]);
        assert!(recorded.status.success(), "{recorded:?}");
        let simulated = periplus(self.home(), &["sim", "day.yaml"]);
        assert!(simulated.status.success(), "{simulated:?}");
    }

    /// Asks the service, or tells it something, with the program's own client.
    pub(crate) fn client(&self, words: &[&str]) -> Output {
        let api = format!("http://127.0.0.1:{}", self.port);
        periplus(self.home(), &[words, &["--api", &api, "--token-file", "token"]].concat())
    }

    fn git(&self, words: &[&str]) -> String {
        let git = Command::new("git")
            .arg("-C")
            .arg(self.repository())
            .args(words)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(git.status.success(), "{}", String::from_utf8_lossy(&git.stderr));
        String::from_utf8(git.stdout).unwrap()
    }

    /// The file in which all is declared.
    pub(crate) fn intents(&self) -> PathBuf {
        self.home().join("intents/harbour.yaml")
    }

    /// Up to so many bindings may go unasked.
    pub(crate) fn declare_breaker(&self, floor: u32) {
        let new = self.home().join("new.yaml");
        fs::write(&new, intents(floor)).unwrap();
        fs::rename(new, self.intents()).unwrap();
    }

    /// Where the branch is.
    pub(crate) fn head(&self) -> String {
        self.git(&["rev-parse", "main"])
    }

    pub(crate) fn refuse_pushes(&self) {
        let hook = self.repository().join("hooks/pre-receive");
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn accept_pushes(&self) {
        fs::remove_file(self.repository().join("hooks/pre-receive")).unwrap();
    }

    /// Sends a signal to the API server of a cluster.
    pub(crate) fn signal(&self, cluster: &str, signal: &str) {
        let mut processes = self.clusters[cluster].processes();
        let (_, server) = processes.find(|(program, _)| *program == "kube-apiserver").unwrap();
        let sent = Command::new("kill").args([signal, &server.to_string()]).status().unwrap();
        assert!(sent.success());
    }

    fn repository(&self) -> PathBuf {
        self.home().join("fleet.git")
    }
}

/// So many bindings may go unasked: more than do however often the service is killed.
pub(crate) const UNASKED: u32 = 1_000;

/// The harbour, quick enough for tests, where up to so many bindings may go unasked.
fn intents(floor: u32) -> String {
    let mut text = HARBOUR.to_owned();
    for (slow, quick) in [
        (
            "dwell: 30s, idleBelow: 500m, idleAfter: 10m",
            "dwell: 1s, idleBelow: 500m, idleAfter: 4s",
        ),
        (
            "pace: {dwell: 5m, scaleInAfter: 5m, reconsiderAfter: 5m}",
            "pace: {dwell: 5s, scaleInAfter: 5s, reconsiderAfter: 5s}\n  traffic: {drain: 3s}",
        ),
        (
            "trust: {staleAfter: 90s, lostAfter: 3m, failbackAfter: 10m}",
            "trust: {staleAfter: 15s, lostAfter: 30s, failbackAfter: 5s}",
        ),
    ] {
        assert!(text.contains(slow), "{slow}");
        text = text.replace(slow, quick);
    }
    format!("{text}  breaker: {{floor: {floor}}}\n")
}

fn metrics(harbour: u32, island: u32) -> String {
    format!(
        "# TYPE edge_rps gauge\nedge_rps{{app=\"shop\",zone=\"harbour\"}} {harbour}\nedge_rps{{app=\"shop\",zone=\"island\"}} {island}\n"
    )
}

fn configuration(prometheus: &str, port: u16) -> String {
    format!(
        "state: state
mode: act
intents: {{path: intents, every: 2s}}
git:
  url: fleet.git
  window: 500ms
  pushesPerMinute: 600
clusters:
  kubeconfig: kubeconfig
  heartbeat: 2s
  roomEvery: 1s
  patience: 20s
signals:
- name: edge
  every: 1s
  measures: offered
  staleAfter: 6s
  prometheus:
    url: {prometheus}
    query: edge_rps
    labels: {{app: app, zone: zone}}
api:
  listen: 127.0.0.1:{port}
  tokens: [{{name: tester, role: operate, file: token}}]
"
    )
}

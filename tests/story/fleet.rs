//! What the service is among: three clusters with agents and kubelets, a Prometheus, a repository.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::ListParams;
use periplus_live::clusters::rules;
use periplus_support::kubelet::{Kubelet, Node, Options};
use periplus_support::prometheus::{Exporter, Prometheus};
use periplus_support::real::{Cluster, write_kubeconfig};
use tempfile::TempDir;

use crate::agent::Agent;
use crate::hub::periplus;

pub(crate) const CLUSTERS: [&str; 3] = ["edge-harbour", "edge-island", "cloud"];

const HARBOUR: &str = include_str!("../../docs/guide/voyage/harbour.yaml");

pub(crate) struct Fleet {
    // Before the clusters: those that stand on them.
    _agents: Vec<Agent>,
    pub(crate) kubelets: BTreeMap<&'static str, Kubelet>,
    clusters: BTreeMap<&'static str, Cluster>,
    _prometheus: Prometheus,
    exporter: Exporter,
    home: TempDir,
}

impl Fleet {
    pub(crate) async fn start() -> Self {
        let home = TempDir::with_prefix("periplus-story-").unwrap();
        let repository = home.path().join("fleet.git");
        periplus_git::make_bare(&repository, "main").unwrap();
        let (mut clusters, mut kubelets) = (BTreeMap::new(), BTreeMap::new());
        let (mut agents, mut accesses) = (Vec::new(), Vec::new());
        for name in CLUSTERS {
            let cluster = Cluster::start(name).await;
            let nodes = ["one", "two"].map(Node::new);
            let kubelet = Kubelet::start(cluster.client(), Options::of(nodes)).await.unwrap();
            accesses.push(cluster.account("periplus", rules()).await);
            agents.push(Agent::start(&repository, name, cluster.client()));
            kubelets.insert(name, kubelet);
            clusters.insert(name, cluster);
        }
        write_kubeconfig(&home.path().join("kubeconfig"), &accesses);
        let exporter = Exporter::start(&metrics(0, 0)).await;
        let prometheus = Prometheus::start(&exporter).await;
        fs::create_dir(home.path().join("intents")).unwrap();
        fs::write(home.path().join("intents/harbour.yaml"), intents()).unwrap();
        fs::write(home.path().join("live.yaml"), configuration(&prometheus.url())).unwrap();
        Self { _agents: agents, kubelets, clusters, _prometheus: prometheus, exporter, home }
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

    fn repository(&self) -> PathBuf {
        self.home().join("fleet.git")
    }
}

/// The harbour, quick enough for tests.
fn intents() -> String {
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
    ] {
        assert!(text.contains(slow), "{slow}");
        text = text.replace(slow, quick);
    }
    text
}

fn metrics(harbour: u32, island: u32) -> String {
    format!(
        "# TYPE edge_rps gauge\nedge_rps{{app=\"shop\",zone=\"harbour\"}} {harbour}\nedge_rps{{app=\"shop\",zone=\"island\"}} {island}\n"
    )
}

fn configuration(prometheus: &str) -> String {
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
  staleAfter: 20s
  prometheus:
    url: {prometheus}
    query: edge_rps
    labels: {{app: app, zone: zone}}
"
    )
}

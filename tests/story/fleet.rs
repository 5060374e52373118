//! What the service is among: three clusters with agents and kubelets, a Prometheus, a repository.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::Api;
use kube::api::{ListParams, ObjectMeta, PostParams};
use periplus_live::apply;
use periplus_live::clusters::rules;
use periplus_support::git;
use periplus_support::kubelet::{Kubelet, Node, Options};
use periplus_support::prometheus::{Exporter, Prometheus};
use periplus_support::real::{Cluster, write_kubeconfig};
use tempfile::TempDir;

use crate::agent::Agent;
use crate::declared::{PULLED, Replicas, UNASKED, Way, configuration, intents, metrics};
use crate::front::Front;
use crate::hub::{Hub, periplus};
use crate::reporter::Reporter;

pub(crate) const CLUSTERS: [&str; 3] = ["edge-harbour", BEHIND_NAT, "cloud"];
/// The cluster that reports itself: the service does not know how it is reached.
const BEHIND_NAT: &str = "edge-island";

/// What the service shows the web server of the repository.
const PASSWORD: &str = "the-token-of-the-service";

/// What brings content into the cluster at the harbour.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harbour {
    /// An agent, as in all others.
    Agent,
    /// The service itself.
    Service,
}

pub(crate) struct Fleet {
    harbour: Harbour,
    // Before the clusters: those that stand on them.
    _agents: Vec<Agent>,
    _reporter: Reporter,
    pub(crate) kubelets: BTreeMap<&'static str, Kubelet>,
    clusters: BTreeMap<&'static str, Cluster>,
    pub(crate) prometheus: Prometheus,
    exporter: Exporter,
    pub(crate) front: Front,
    web: git::Server,
    sshd: git::Sshd,
    home: TempDir,
}

impl Fleet {
    pub(crate) async fn start(harbour: Harbour) -> Self {
        let home = TempDir::with_prefix("periplus-story-").unwrap();
        let served = home.path().join("git");
        fs::create_dir(&served).unwrap();
        let repository = served.join("fleet.git");
        periplus_git::make_bare(&repository, "main").unwrap();
        git(&repository, &["config", "http.receivepack", "true"]);
        fs::write(home.path().join("git-token"), PASSWORD).unwrap();
        let web = git::web_over_tls(&served, "periplus", PASSWORD);
        let sshd = git::sshd(&served);
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
            let rules = [rules(), elections()].concat();
            accesses.push(cluster.account("periplus", rules).await);
            agents.push(Agent::start(&repository, name, cluster.client()));
            kubelets.insert(name, kubelet);
            clusters.insert(name, cluster);
        }
        accesses.retain(|access| access.context() != BEHIND_NAT);
        write_kubeconfig(&home.path().join("kubeconfig"), &accesses);
        let exporter = Exporter::start(&metrics(0, 0)).await;
        let prometheus = Prometheus::start(&exporter).await;
        fs::create_dir(home.path().join("intents")).unwrap();
        fs::write(home.path().join("intents/harbour.yaml"), intents(UNASKED)).unwrap();
        fs::write(home.path().join("token"), "the-token-of-an-operator").unwrap();
        let front = Front::start().await;
        Reporter::known_to_the_service(home.path(), BEHIND_NAT);
        let reporter = Reporter::start(&clusters[BEHIND_NAT], home.path(), front.port).await;
        Self {
            harbour,
            _agents: agents,
            _reporter: reporter,
            kubelets,
            clusters,
            prometheus,
            exporter,
            front,
            web,
            sshd,
            home,
        }
    }

    /// Starts the service, or a replica of it, with the repository behind a web server.
    pub(crate) fn start_over_https(&self) -> Hub {
        self.start_hub("hub", &Way::https(self.web.port()), Replicas::One)
    }

    /// The same with the repository behind OpenSSH.
    pub(crate) fn start_over_ssh(&self) -> Hub {
        self.start_hub("hub", &self.ssh(), Replicas::One)
    }

    /// Starts one of several replicas.
    pub(crate) fn start_replica(&self, name: &str) -> Hub {
        self.start_hub(name, &self.ssh(), Replicas::Several)
    }

    fn ssh(&self) -> Way {
        Way::ssh(self.sshd.url(&self.repository()), &self.sshd.key, &self.sshd.known_hosts)
    }

    fn start_hub(&self, name: &str, way: &Way, replicas: Replicas) -> Hub {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let mut configured = configuration(name, &self.prometheus.url(), port, way, replicas);
        if self.harbour == Harbour::Service {
            configured.push_str("apply: {clusters: [edge-harbour]}\n");
        }
        fs::write(self.home().join(name).with_extension("yaml"), configured).unwrap();
        self.front.leads_to(port);
        Hub::start(self.home(), name, port, &self.home().join("git/authority.pem"))
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
        let listed = all
            .list(&ListParams::default().labels("app.kubernetes.io/managed-by=periplus.dev"))
            .await
            .unwrap();
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
        let words = ["render", "state/live.log", "--out", "tree", "--repository", PULLED];
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

    fn git(&self, words: &[&str]) -> String {
        git(&self.repository(), words)
    }

    /// The epochs of our commits, the oldest first.
    pub(crate) fn epochs(&self) -> Vec<u64> {
        let format = "--format=%(trailers:key=Periplus-Epoch,valueonly,separator=%x2C)";
        let told = self.git(&["log", "--reverse", format, "main"]);
        told.split_whitespace().map(|epoch| epoch.parse().unwrap()).collect()
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

    /// The API server of a cluster is killed, and comes back.
    pub(crate) async fn restart_api(&mut self, cluster: &str) {
        self.clusters.get_mut(cluster).unwrap().restart_api().await;
    }

    /// Sends a signal to the API server of a cluster.
    pub(crate) fn signal(&self, cluster: &str, signal: &str) {
        let mut processes = self.clusters[cluster].processes();
        let (_, server) = processes.find(|(program, _)| *program == "kube-apiserver").unwrap();
        let sent = Command::new("kill").args([signal, &server.to_string()]).status().unwrap();
        assert!(sent.success());
    }

    fn repository(&self) -> PathBuf {
        self.home().join("git/fleet.git")
    }
}

/// What a replica may do with the lease that settles who leads.
fn elections() -> Vec<PolicyRule> {
    let may = |verbs: &[&str], names: Option<Vec<String>>| PolicyRule {
        api_groups: Some(vec!["coordination.k8s.io".to_owned()]),
        resources: Some(vec!["leases".to_owned()]),
        resource_names: names,
        verbs: verbs.iter().map(|&verb| verb.to_owned()).collect(),
        ..PolicyRule::default()
    };
    vec![may(&["create"], None), may(&["get", "update"], Some(vec!["periplus".to_owned()]))]
}

fn git(repository: &Path, words: &[&str]) -> String {
    let git = Command::new("git")
        .arg("-C")
        .arg(repository)
        .args(words)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(git.status.success(), "{}", String::from_utf8_lossy(&git.stderr));
    String::from_utf8(git.stdout).unwrap()
}

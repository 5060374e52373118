//! Two replicas of the service on one folder: one leads, and one that stood still while the other took over pushes nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use periplus_support::emulated::{Cluster, Emulator};
use periplus_support::real::until;
use serde_json::json;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_periplus");
const HARBOUR: &str = include_str!("../docs/guide/voyage/harbour.yaml");
/// How long anything may take on a machine that has much else to do.
const SOON: Duration = Duration::from_secs(180);

/// What both replicas share: clusters, a repository, declarations, demand, and the folder of the service.
struct World {
    _emulator: Emulator,
    hub: Cluster,
    home: TempDir,
}

impl World {
    fn new() -> Self {
        let emulator = Emulator::start();
        let home = TempDir::with_prefix("periplus-replicas-").unwrap();
        periplus_git::make_bare(&home.path().join("fleet.git"), "main").unwrap();
        let clusters = ["hub", "edge-harbour", "edge-island", "cloud"];
        let clusters = clusters.map(|name| emulator.cluster(name));
        for cluster in &clusters {
            for at in 0..2 {
                cluster.put(json!({
                    "apiVersion": "v1", "kind": "Node", "metadata": { "name": format!("node-{at}") },
                    "status": {
                        "allocatable": { "cpu": "16", "memory": "64Gi", "pods": "110" },
                        "conditions": [{ "type": "Ready", "status": "True" }],
                    },
                }));
            }
        }
        fs::write(home.path().join("kubeconfig"), kubeconfig(&clusters)).unwrap();
        fs::create_dir(home.path().join("intents")).unwrap();
        fs::write(home.path().join("intents/harbour.yaml"), HARBOUR).unwrap();
        fs::write(home.path().join("demand.csv"), "time,app,zone,rps\n").unwrap();
        let [hub, ..] = clusters;
        Self { _emulator: emulator, hub, home }
    }

    /// So many requests a second come from a zone from now on.
    fn demand(&self, zone: &str, rps: u32) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let file = self.home.path().join("demand.csv");
        let mut file = OpenOptions::new().append(true).open(file).unwrap();
        writeln!(file, "{now},shop,{zone},{rps}").unwrap();
    }

    /// The epochs of our commits, the oldest first.
    fn epochs(&self) -> Vec<u64> {
        let format = "--format=%(trailers:key=Periplus-Epoch,valueonly,separator=%x2C)";
        let told = self.git(&["log", "--reverse", format, "main"]);
        let told = told.status.success().then(|| String::from_utf8(told.stdout).unwrap());
        let told = told.unwrap_or_default();
        told.lines().filter(|line| !line.is_empty()).map(|line| line.parse().unwrap()).collect()
    }

    fn git(&self, words: &[&str]) -> Output {
        let mut git = Command::new("git");
        git.arg("-C").arg(self.home.path().join("fleet.git")).args(words);
        git.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap()
    }

    /// Who holds the lease, without what was added to its name.
    fn leader(&self) -> Option<String> {
        let lease = self.hub.get("leases", "default", "periplus")?;
        let holder = lease["spec"]["holderIdentity"].as_str()?;
        Some(holder.split('_').next().unwrap().to_owned())
    }
}

fn kubeconfig(clusters: &[Cluster]) -> String {
    let each =
        |what: fn(&Cluster) -> serde_json::Value| clusters.iter().map(what).collect::<Vec<_>>();
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "",
        "clusters": each(|one| json!({ "name": one.name(), "cluster": { "server": one.url() } })),
        "users": each(|one| json!({ "name": one.name(), "user": { "token": one.token() } })),
        "contexts": each(|one| json!({
            "name": one.name(), "context": { "cluster": one.name(), "user": one.name() },
        })),
    });
    text.to_string()
}

/// One replica. It is killed when it is let go.
struct Replica {
    folder: PathBuf,
    port: u16,
    child: Child,
}

impl Replica {
    fn start(world: &World, name: &str) -> Self {
        let folder = world.home.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        fs::write(folder.join("live.yaml"), configuration(name, port)).unwrap();
        let log = OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
        // It ends with the test, in whatever way that ends.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", PROGRAM, "live"])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(File::create(folder.join("out")).unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { folder, port, child }
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap()
    }

    /// Waits until it has written this so many times.
    async fn tells(&mut self, words: &str, times: usize) {
        until(words, SOON, async || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", self.log());
            (self.log().matches(words).count() >= times).then_some(())
        })
        .await;
    }

    async fn ends(&mut self) -> ExitStatus {
        until("it to end", SOON, async || self.child.try_wait().unwrap()).await
    }

    /// The first line of what it answers.
    fn answers(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let asked = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(asked.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.lines().next().unwrap_or_default().to_owned()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(name: &str, port: u16) -> String {
    format!(
        "state: ../state
mode: act
intents: {{path: ../intents}}
git: {{url: ../fleet.git, window: 200ms, pushesPerMinute: 600}}
clusters: {{kubeconfig: ../kubeconfig, heartbeat: 1s, roomEvery: 1s}}
signals:
- name: edge
  every: 500ms
  measures: offered
  staleAfter: 10m
  csv: {{file: ../demand.csv}}
api: {{listen: '127.0.0.1:{port}'}}
leader:
  context: hub
  namespace: default
  name: periplus
  identity: {name}
  leaseDuration: 6s
  renewDeadline: 4s
  retryPeriod: 500ms
"
    )
}

fn replay(home: &Path) {
    let replayed = Command::new(PROGRAM)
        .args(["replay", "state/live.log"])
        .current_dir(home)
        .output()
        .unwrap();
    assert!(replayed.status.success(), "{replayed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_stood_still_ends_and_has_pushed_nothing() {
    const STARTS: &str = "the service starts";
    let world = World::new();
    world.demand("harbour", 40);
    let mut first = Replica::start(&world, "first");
    first.tells(STARTS, 1).await;
    until("a commit", SOON, async || (!world.epochs().is_empty()).then_some(())).await;
    let mut second = Replica::start(&world, "second");
    second.tells("waiting to lead", 1).await;
    assert!(second.answers("/healthz").contains(" 200 "));
    assert!(second.answers("/readyz").contains(" 503 "));
    assert_eq!(world.leader().as_deref(), Some("first"));

    // It stands still with much to do, and another leads meanwhile.
    first.signal("-STOP");
    let before = world.epochs();
    assert!(before.iter().all(|epoch| *epoch == 1), "{before:?}");
    world.demand("harbour", 400);
    world.demand("island", 15);
    second.tells("another process holds the log", 1).await;
    assert_eq!(world.leader().as_deref(), Some("second"));
    assert!(!second.log().contains(STARTS));
    assert!(second.answers("/readyz").contains(" 503 "));

    first.signal("-CONT");
    let ended = first.ends().await;
    assert_eq!(ended.code(), Some(4), "{}", first.log());
    assert!(first.log().contains("leads no more"), "{}", first.log());
    second.tells(STARTS, 1).await;
    until("a commit of who leads now", SOON, async || world.epochs().contains(&2).then_some(()))
        .await;
    let epochs = world.epochs();
    assert_eq!(epochs.iter().filter(|epoch| **epoch == 1).count(), before.len(), "{epochs:?}");

    // Who leads now is killed, and the one before leads again.
    let mut third = Replica::start(&world, "third");
    third.tells("waiting to lead", 1).await;
    second.child.kill().unwrap();
    third.tells(STARTS, 1).await;
    until("it to be told in git", SOON, async || world.epochs().contains(&3).then_some(())).await;
    assert!(world.epochs().is_sorted());

    // A clean stop lets the next one lead at once, and makes no commit.
    let mut fourth = Replica::start(&world, "fourth");
    fourth.tells("waiting to lead", 1).await;
    third.signal("-TERM");
    let ended = third.ends().await;
    assert!(ended.success(), "{}", third.log());
    fourth.tells(STARTS, 1).await;
    assert!(fourth.log().contains("Released"), "{}", fourth.log());
    fourth.signal("-TERM");
    assert!(fourth.ends().await.success(), "{}", fourth.log());
    assert_eq!(world.leader(), None);

    replay(world.home.path());
    let checked = world.git(&["fsck", "--strict", "--no-dangling"]);
    assert!(checked.status.success(), "{checked:?}");
}

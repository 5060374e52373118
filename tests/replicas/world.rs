//! What replicas live in: emulated clusters, a repository, declarations and demand; and the replicas themselves, as processes.

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
const HARBOUR: &str = include_str!("../../docs/guide/voyage/harbour.yaml");
const TOKEN: &str = "replica-0123456789abcdef";
/// How long anything may take on a machine that has much else to do.
pub(crate) const SOON: Duration = Duration::from_secs(180);
pub(crate) const STARTS: &str = "the service starts";

/// What both replicas share: clusters, a repository, declarations, demand, and the folder of the service.
pub(crate) struct World {
    _emulator: Emulator,
    pub(crate) hub: Cluster,
    pub(crate) home: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
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
        fs::write(home.path().join("token"), TOKEN).unwrap();
        let [hub, ..] = clusters;
        Self { _emulator: emulator, hub, home }
    }

    /// So many requests a second come from a zone from now on.
    pub(crate) fn demand(&self, zone: &str, rps: u32) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let file = self.home.path().join("demand.csv");
        let mut file = OpenOptions::new().append(true).open(file).unwrap();
        writeln!(file, "{now},shop,{zone},{rps}").unwrap();
    }

    /// The epochs of our commits, the oldest first.
    pub(crate) fn epochs(&self) -> Vec<u64> {
        let format = "--format=%(trailers:key=Periplus-Epoch,valueonly,separator=%x2C)";
        let told = self.git(&["log", "--reverse", format, "main"]);
        let told = told.status.success().then(|| String::from_utf8(told.stdout).unwrap());
        let told = told.unwrap_or_default();
        told.lines().filter(|line| !line.is_empty()).map(|line| line.parse().unwrap()).collect()
    }

    pub(crate) fn git(&self, words: &[&str]) -> Output {
        let mut git = Command::new("git");
        git.arg("-C").arg(self.home.path().join("fleet.git")).args(words);
        git.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap()
    }

    /// Who holds the lease, without what was added to its name.
    pub(crate) fn leader(&self) -> Option<String> {
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
pub(crate) struct Replica {
    pub(crate) folder: PathBuf,
    pub(crate) port: u16,
    pub(crate) child: Child,
}

impl Replica {
    /// Starts it with what `configured` says for its name and its port.
    pub(crate) fn start(
        world: &World,
        configured: impl Fn(&str, u16) -> String,
        name: &str,
    ) -> Self {
        Self::start_at(world, configured, name, free_port())
    }

    pub(crate) fn start_at(
        world: &World,
        configured: impl Fn(&str, u16) -> String,
        name: &str,
        port: u16,
    ) -> Self {
        let folder = world.home.path().join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("live.yaml"), configured(name, port)).unwrap();
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

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap()
    }

    /// Waits until it has written this so many times.
    pub(crate) async fn tells(&mut self, words: &str, times: usize) {
        until(words, SOON, async || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", self.log());
            (self.log().matches(words).count() >= times).then_some(())
        })
        .await;
    }

    pub(crate) async fn ends(&mut self) -> ExitStatus {
        until("it to end", SOON, async || self.child.try_wait().unwrap()).await
    }

    /// What it answers, with its head.
    pub(crate) fn answers(&self, path: &str) -> String {
        ask(self.port, "GET", path, "").unwrap()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What it answers who shows the token, with its head.
pub(crate) fn ask(port: u16, method: &str, path: &str, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(SOON))?;
    let asked = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: \
         application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(asked.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A port that is free at this moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What a replica is configured with; `leader` is what there is to say of the election besides its times.
pub(crate) fn configuration(name: &str, port: u16, state: &str, leader: &str) -> String {
    format!(
        "state: {state}
mode: act
intents: {{path: ../intents, every: 500ms}}
git: {{url: ../fleet.git, window: 200ms, pushesPerMinute: 600}}
clusters: {{kubeconfig: ../kubeconfig, heartbeat: 1s, roomEvery: 1s}}
signals:
- name: edge
  every: 500ms
  measures: offered
  staleAfter: 10m
  csv: {{file: ../demand.csv}}
api:
  listen: '127.0.0.1:{port}'
  metrics: open
  tokens: [{{name: replica, role: operate, file: ../token}}]
leader:
  context: hub
  namespace: default
  name: periplus
  identity: {name}
  leaseDuration: 6s
  renewDeadline: 4s
  retryPeriod: 500ms
{leader}"
    )
}

/// Replicas that share a folder.
pub(crate) fn shared(name: &str, port: u16) -> String {
    configuration(name, port, "../state", "")
}

/// Replays the log in a folder of the service.
pub(crate) fn replay(state: &Path) {
    let replayed =
        Command::new(PROGRAM).args(["replay", "live.log"]).current_dir(state).output().unwrap();
    assert!(replayed.status.success(), "{replayed:?}");
}

//! The service with many emulated clusters: how much of a core it takes, how much memory, and how long it is from a signal
//! to a commit.
//!
//! ```text
//! cargo bench --bench live -- --clusters 1000 --seconds 120
//! ```
//!
//! The service runs as its users run it, as a process of its own, and only that process is measured. Around it, in this
//! one: the clusters' APIs, each with a node and with pods of others that come and go, and what speaks like a Prometheus.
//! Demand for one app after the other rises, each in a zone of its own; the time is taken from when the answer says so
//! until the branch has a commit with files of that app.

#![expect(clippy::print_stdout, reason = "the answer of a benchmark")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]
#![expect(clippy::cast_precision_loss, reason = "shares are printed with three digits")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use hdrhistogram::Histogram;
use periplus_support::emulated::Emulator;
use periplus_support::prometheus::serve;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Run the service among many clusters and tell what it takes.
#[derive(Parser)]
struct Args {
    /// Clusters
    #[arg(long, default_value_t = 1_000)]
    clusters: usize,
    /// How long it is measured while nothing but reports comes, in seconds
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How many apps are asked for afterwards, one after the other
    #[arg(long, default_value_t = 100)]
    signals: usize,
    /// What cargo adds
    #[arg(long, hide = true)]
    bench: bool,
}

/// How often each cluster reports its room, and how often the signal is asked for.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// The service, which ends with this.
struct Hub(Child);

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a process has taken so far.
#[derive(Clone, Copy)]
struct Taken {
    cpu: Duration,
    resident_bytes: u64,
}

impl Hub {
    fn taken(&self) -> Taken {
        let process = format!("/proc/{}", self.0.id());
        let stat = fs::read_to_string(format!("{process}/stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        // Fields 14 and 15 of proc(5), in hundredths of a second.
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        let status = fs::read_to_string(format!("{process}/status")).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kib: u64 = resident.split_whitespace().next().unwrap().parse().unwrap();
        Taken { cpu: Duration::from_millis(10 * ticks), resident_bytes: kib << 10 }
    }
}

fn main() {
    let args = Args::parse();
    // Nobody else has chosen another one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(measure(&args));
}

async fn measure(args: &Args) {
    let home = TempDir::with_prefix("periplus-load-").unwrap();
    let emulator = Emulator::start();
    fill(&emulator, args.clusters, home.path());
    let demand: Arc<Mutex<BTreeMap<usize, u32>>> = Arc::default();
    let prometheus = prometheus(Arc::clone(&demand)).await;
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    periplus_git::make_bare(&home.path().join("fleet.git"), "main").unwrap();
    fs::write(home.path().join("intents.yaml"), intents(args.clusters, args.signals)).unwrap();
    fs::write(home.path().join("live.yaml"), configuration(prometheus, port)).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_periplus"))
        .arg("live")
        .current_dir(home.path())
        .stdout(Stdio::null())
        .stderr(fs::File::create(home.path().join("hub.log")).unwrap())
        .spawn();
    let hub = Hub(child.unwrap());

    let begun = Instant::now();
    let api = format!("http://127.0.0.1:{port}");
    let http = reqwest::Client::new();
    while metric(&http, &api, "periplus_cluster_connected").await < args.clusters as f64 {
        assert!(begun.elapsed() < Duration::from_secs(600), "not all clusters are watched");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    println!("{} clusters are watched after {:.1} s", args.clusters, begun.elapsed().as_secs_f64());
    tokio::time::sleep(REPORT_EVERY).await;

    let churn = tokio::spawn(churn(emulator.clusters()));
    let (before, began) = (hub.taken(), Instant::now());
    let records = metric(&http, &api, "periplus_records_total").await;
    tokio::time::sleep(Duration::from_secs(args.seconds)).await;
    let (after, wall) = (hub.taken(), began.elapsed());
    let records = metric(&http, &api, "periplus_records_total").await - records;
    let share = (after.cpu - before.cpu).as_secs_f64() / wall.as_secs_f64();
    println!(
        "{:.1} % of a core, {:.0} records a second",
        100.0 * share,
        records / wall.as_secs_f64()
    );
    let each = after.resident_bytes / args.clusters as u64;
    println!("{} MiB resident, {} KiB a cluster", after.resident_bytes >> 20, each >> 10);

    let mut times = Histogram::<u64>::new(3).unwrap();
    for zone in 0..args.signals.min(args.clusters) {
        demand.lock().unwrap().insert(zone, 40);
        let rises = Instant::now();
        let wanted = format!("/shop-{zone}/");
        while !has(&home.path().join("fleet.git"), &wanted) {
            assert!(rises.elapsed() < Duration::from_secs(120), "no commit for zone {zone}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        times.record(u64::try_from(rises.elapsed().as_millis()).unwrap()).unwrap();
    }
    churn.abort();
    let at = |quantile| times.value_at_quantile(quantile);
    println!(
        "from a signal to its commit: p50 {} ms, p99 {} ms, longest {} ms",
        at(0.5),
        at(0.99),
        times.max()
    );
    for (part, total, count) in [
        ("decided in", "periplus_deciding_seconds_total", "periplus_records_total"),
        ("on disk in", "periplus_syncing_seconds_total", "periplus_turns_total"),
        ("pushed in", "periplus_pushing_seconds_total", "periplus_pushes_total"),
    ] {
        let total = metric(&http, &api, total).await;
        let count = metric(&http, &api, count).await;
        println!("{part} {:.3} ms on average, {count} times", 1_000.0 * total / count);
    }
}

fn name(number: usize) -> String {
    format!("edge-{number:04}")
}

/// The sum of all samples of a metric.
async fn metric(http: &reqwest::Client, api: &str, name: &str) -> f64 {
    let Ok(answer) = http.get(format!("{api}/metrics")).send().await else { return 0.0 };
    let text = answer.text().await.unwrap_or_default();
    let samples = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        rest.starts_with([' ', '{']).then(|| rest.rsplit(' ').next())?
    });
    samples.filter_map(|value| value.parse::<f64>().ok()).sum()
}

/// Whether the branch has files with this in their paths.
fn has(repository: &Path, part: &str) -> bool {
    let mut git = Command::new("git");
    git.arg("-C").arg(repository).args(["ls-tree", "-r", "--name-only", "main"]);
    git.output().is_ok_and(|listed| String::from_utf8_lossy(&listed.stdout).contains(part))
}

/// Gives each cluster a node and pods of others, and writes the kubeconfig of all.
fn fill(emulator: &Emulator, clusters: usize, home: &Path) {
    let mut contexts = Vec::new();
    for number in 0..clusters {
        let cluster = emulator.cluster(&name(number));
        cluster.put(json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": "one"},
            "status": {
                "allocatable": {"cpu": "16", "memory": "64Gi", "pods": "110"},
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        }));
        for pod in 0..10 {
            cluster.put(pod_of_others(pod, 100));
        }
        contexts.push((name(number), cluster.url().to_owned(), cluster.token()));
    }
    let list = |key: &str, entry: &dyn Fn(&(String, String, String)) -> Value| -> Vec<Value> {
        let named = contexts.iter().map(|one| {
            let mut named = json!({"name": one.0});
            named[key] = entry(one);
            named
        });
        named.collect()
    };
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": list("cluster", &|one| json!({"server": one.1})),
        "users": list("user", &|one| json!({"token": one.2})),
        "contexts": list("context", &|one| json!({"cluster": one.0, "user": one.0})),
    });
    fs::write(home.join("kubeconfig"), config.to_string()).unwrap();
}

fn pod_of_others(number: usize, cpu_milli: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("other-{number}"), "namespace": "default"},
        "spec": {
            "nodeName": "one",
            "containers": [{
                "name": "c", "image": "other:1",
                "resources": {"requests": {"cpu": format!("{cpu_milli}m"), "memory": "128Mi"}},
            }],
        },
        "status": {"phase": "Running"},
    })
}

/// In every cluster, a pod of others changes within each time between two reports.
async fn churn(clusters: Vec<periplus_support::emulated::Cluster>) {
    let pause = REPORT_EVERY / u32::try_from(clusters.len()).unwrap();
    for round in 0_usize.. {
        for cluster in &clusters {
            cluster.put(pod_of_others(round % 10, 100 + round % 7));
            tokio::time::sleep(pause).await;
        }
    }
}

/// Answers as a Prometheus does, with the demand of each zone.
async fn prometheus(demand: Arc<Mutex<BTreeMap<usize, u32>>>) -> u16 {
    let answer = move || {
        let demand = Arc::clone(&demand);
        async move {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
            let mut series = String::new();
            for (zone, rps) in &*demand.lock().unwrap() {
                let comma = if series.is_empty() { "" } else { "," };
                write!(
                    series,
                    r#"{comma}{{"metric":{{"app":"shop-{zone}","zone":"{}"}},"value":[{now},"{rps}"]}}"#,
                    name(*zone)
                )
                .unwrap();
            }
            format!(
                r#"{{"status":"success","data":{{"resultType":"vector","result":[{series}]}}}}"#
            )
        }
    };
    let query = axum::routing::any(answer);
    serve(0, axum::Router::new().route("/api/v1/query", query)).await.0
}

/// Apps, each for the users of one zone, and clusters with a zone beside each.
fn intents(clusters: usize, apps: usize) -> String {
    let head = "apiVersion: periplus.dev/v1alpha1\nkind:";
    let mut text = format!(
        "{head} Scenario\nmetadata: {{name: load}}\nspec:\n  story: Load.\n  start: 2026-01-05T00:00:00Z\n  duration: 1h\n  demand:\n"
    );
    for app in 0..apps {
        let zone = name(app);
        writeln!(text, "  - {{app: shop-{app}, zones: {zone}, model: {{constant: 0}}}}").unwrap();
    }
    for app in 0..apps {
        write!(
            text,
            "---\n{head} Application\nmetadata: {{name: shop-{app}}}\nspec:\n  entry: web\n  components:\n  \
             - {{name: web, image: \"shop/web:1\", requests: {{cpu: 500m, memory: 256Mi}}, serviceTime: 20ms}}\n  \
             placement: {{maxRtt: 20ms}}\n  activation: {{above: 1, dwell: 0s}}\n  slo: {{latency: 120ms}}\n"
        )
        .unwrap();
    }
    for number in 0..clusters {
        // A grid of places about as far from each other as towns are.
        let (row, column) = (number / 40, number % 40);
        let place = format!(
            "location: {{latitude: {}.{}, longitude: {}.{}}}",
            row,
            row % 10,
            column,
            column % 10
        );
        let name = name(number);
        write!(
            text,
            "---\n{head} Cluster\nmetadata: {{name: {name}}}\nspec: {{{place}, nodePools: [{{nodes: 1, capacity: {{cpu: 16, memory: 64Gi}}}}]}}\n\
             ---\n{head} Zone\nmetadata: {{name: {name}}}\nspec: {{{place}, users: 100}}\n"
        )
        .unwrap();
    }
    text
}

fn configuration(prometheus: u16, port: u16) -> String {
    let every = REPORT_EVERY.as_secs();
    format!(
        "state: state\nmode: act\nintents: {{path: intents.yaml, every: 1h}}\ngit: {{url: fleet.git, window: 100ms, pushesPerMinute: 6000}}\n\
         clusters: {{kubeconfig: kubeconfig, heartbeat: {every}s, roomEvery: {every}s}}\n\
         signals:\n- name: edge\n  every: 1s\n  measures: offered\n  staleAfter: 1m\n  prometheus: {{url: 'http://127.0.0.1:{prometheus}', query: rps, labels: {{app: app, zone: zone}}}}\n\
         api: {{listen: '127.0.0.1:{port}'}}\n"
    )
}

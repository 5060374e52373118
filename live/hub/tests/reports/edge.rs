//! An emulated cluster with a reporter in it, and with somebody who makes what is written for it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use periplus_live::clusters::{self, Source};
use periplus_live::reporter;
use periplus_support::emulated::{Cluster, Emulator};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::hub::Hub;

pub(crate) const NAME: &str = "edge-harbour";
pub(crate) const NODES: u64 = 2;
pub(crate) const NODE_CPU_MILLI: u64 = 4_000;

pub(crate) struct Edge {
    cluster: Cluster,
    options: reporter::Options,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    _emulator: Emulator,
}

impl Edge {
    pub(crate) fn prepare(hub: &Hub) -> Self {
        Self::telling(&hub.url(), hub.file("key"), Some(hub.file("ca.pem")))
    }

    /// One whose reporter will tell whoever is there.
    pub(crate) fn telling(hub: &str, key_file: PathBuf, ca_file: Option<PathBuf>) -> Self {
        let emulator = Emulator::start();
        let cluster = emulator.cluster(NAME);
        for at in 0..NODES {
            cluster.put(json!({
                "apiVersion": "v1", "kind": "Node", "metadata": { "name": format!("node-{at}") },
                "status": {
                    "allocatable": { "cpu": "4", "memory": "8Gi", "pods": "110" },
                    "conditions": [{ "type": "Ready", "status": "True" }],
                },
            }));
        }
        let reached = cluster.clone();
        let options = reporter::Options {
            cluster: NAME.into(),
            source: Source::Loaded(Arc::new(move || Ok(reached.config()))),
            hub: hub.parse().unwrap(),
            key_file,
            ca_file,
            watch: clusters::Options {
                heartbeat: Duration::from_millis(500),
                room_every: Duration::from_millis(500),
                ..clusters::Options::default()
            },
        };
        Self { cluster, options, running: None, _emulator: emulator }
    }

    /// The reporter begins.
    pub(crate) fn report(&mut self) {
        let (stop, stopped) = oneshot::channel();
        let ran = tokio::spawn(reporter::run(self.options.clone(), async {
            let _ = stopped.await;
        }));
        self.running = Some((stop, ran));
    }

    /// The reporter ends.
    pub(crate) async fn silence(&mut self) {
        let (stop, ran) = self.running.take().unwrap();
        let _ = stop.send(());
        ran.await.unwrap();
    }

    /// Makes the Deployments that are written, with pods that are ready at once.
    pub(crate) fn apply(&self, written: &[Value]) {
        for object in written.iter().filter(|object| object["kind"] == "Deployment") {
            let wanted = object["spec"]["replicas"].as_u64().unwrap();
            let name = object["metadata"]["name"].as_str().unwrap();
            if self.find(name).is_none_or(|there| there["spec"] != object["spec"]) {
                self.put(object.clone(), wanted);
            }
        }
    }

    /// A component of the shop that was decided some time.
    pub(crate) fn put_component(&self, name: &str, replicas: u64) {
        let labels = json!({
            "app.kubernetes.io/managed-by": "periplus.dev", "periplus.dev/app": "shop",
            "periplus.dev/cluster": NAME,
        });
        let pods = json!({ "periplus.dev/app": "shop", "periplus.dev/component": name });
        let object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": name, "namespace": "shop", "labels": labels },
            "spec": { "replicas": replicas, "template": { "metadata": { "labels": pods } } },
        });
        self.put(object, replicas);
    }

    /// One pod of a component is not ready any more.
    pub(crate) fn fail_one(&self, component: &str) {
        let object = self.find(component).unwrap();
        let wanted = object["spec"]["replicas"].as_u64().unwrap();
        self.put(object, wanted - 1);
    }

    /// All pods of a component are ready again.
    pub(crate) fn heal(&self, component: &str) {
        let object = self.find(component).unwrap();
        let wanted = object["spec"]["replicas"].as_u64().unwrap();
        self.put(object, wanted);
    }

    /// A component vanishes.
    pub(crate) fn remove(&self, component: &str) {
        let object = self.find(component).unwrap();
        let namespace = object["metadata"]["namespace"].as_str().unwrap();
        assert!(self.cluster.delete("deployments", namespace, component));
    }

    fn find(&self, name: &str) -> Option<Value> {
        let all = self.cluster.list("deployments", "");
        all.into_iter().find(|object| object["metadata"]["name"] == name)
    }

    fn put(&self, mut object: Value, ready: u64) {
        let wanted = object["spec"]["replicas"].clone();
        object["status"] = json!({
            "observedGeneration": 100, "replicas": wanted, "updatedReplicas": wanted,
            "readyReplicas": ready, "availableReplicas": ready,
        });
        self.cluster.put(object);
    }
}

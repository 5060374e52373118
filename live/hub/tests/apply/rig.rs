//! Who applies in tests, and what is told to them.

use std::sync::Arc;
use std::time::Duration;

use kube::Config;
use periplus_core::ids::Seq;
use periplus_core::units::Tick;
use periplus_emit::{Bytes, Change, Draft, FilePath};
use periplus_git::{Fence, TargetId};
use periplus_live::apply::{Applier, Fault, Options};
use periplus_live::clusters::Source;
use periplus_live::delivery::{Parcel, Part, Scope};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

/// How long anything may take on a machine that has much else to do.
pub(crate) const SOON: Duration = Duration::from_secs(120);

pub(crate) const CLUSTER: &str = "hill";

/// Somebody who applies to one cluster.
pub(crate) struct Rig {
    applier: Option<Applier>,
    answers: UnboundedReceiver<(TargetId, Result<(), Fault>)>,
}

/// How the cluster of a test is applied to.
pub(crate) fn options(config: Config, run: &str) -> Options {
    let source = Source::Loaded(Arc::new(move || Ok(config.clone())));
    Options::new(run.to_owned(), Arc::new(move |_| Ok(source.clone())))
}

pub(crate) fn fence(run: &str, epoch: u64) -> Option<Fence> {
    let leads = Arc::new(|| true);
    Some(Fence { run: run.to_owned(), epoch, announce_below: epoch, leads, found: None })
}

impl Rig {
    pub(crate) fn start(options: Options) -> Self {
        let (told, answers) = unbounded_channel();
        let applier = Applier::start(options, move |target, answer| {
            let _ = told.send((target, answer));
        });
        Self { applier: Some(applier), answers }
    }

    /// Hands parcels over.
    pub(crate) fn send(&mut self, parcels: Vec<Parcel>) {
        self.applier.as_mut().unwrap().send(parcels);
    }

    /// The next answer: of which part, and how it went.
    pub(crate) async fn heard(&mut self) -> (Part, Result<(), Fault>) {
        let (target, answer) = timeout(SOON, self.answers.recv()).await.unwrap().unwrap();
        (Part::of(&target).unwrap(), answer)
    }

    /// Hands parcels over, and gives what went wrong, in their order.
    pub(crate) async fn apply(&mut self, parcels: Vec<Parcel>) -> Vec<Fault> {
        let count = parcels.len();
        self.send(parcels);
        let mut faults = Vec::new();
        for _ in 0..count {
            faults.extend(self.heard().await.1.err());
        }
        faults
    }

    /// Ends it as a stop of the service does.
    pub(crate) async fn stop(mut self) {
        let applier = self.applier.take().unwrap();
        tokio::task::spawn_blocking(move || applier.finish()).await.unwrap();
    }
}

/// A parcel of an app, or of what belongs to the cluster: objects by the names of their files, or none where a file goes.
pub(crate) fn parcel(app: Option<&str>, scope: Scope, files: &[(&str, Option<Value>)]) -> Parcel {
    let folder = app.unwrap_or("_namespaces");
    let change: Change = files
        .iter()
        .map(|(name, object)| {
            let path = FilePath::new(format!("deploy/{CLUSTER}/{folder}/web/{name}.yaml")).unwrap();
            let bytes = object.as_ref().map(|object| Bytes::from(object.to_string().as_bytes()));
            (path, bytes)
        })
        .collect();
    let target = Part { cluster: CLUSTER.to_owned(), app: app.map(str::to_owned) }.target();
    let draft = Draft { at: Tick(1), seq: Seq(7), digest: None, decisions: Vec::new(), change };
    Parcel { target, draft, scope, lines: Vec::new() }
}

/// What belongs to the cluster: one namespace.
pub(crate) fn whole() -> Parcel {
    parcel(None, Scope::Whole, &[("00-namespace-shop", Some(namespace()))])
}

pub(crate) fn labels() -> Value {
    json!({ "app.kubernetes.io/managed-by": "periplus.dev", "periplus.dev/cluster": CLUSTER })
}

pub(crate) fn namespace() -> Value {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop", "labels": labels() } })
}

pub(crate) fn config_map(name: &str, value: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": name, "namespace": "shop", "labels": labels() },
        "data": { "key": value },
    })
}

pub(crate) fn definition() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "widgets.example.net", "labels": labels() },
        "spec": {
            "group": "example.net",
            "names": { "kind": "Widget", "listKind": "WidgetList", "plural": "widgets", "singular": "widget" },
            "scope": "Namespaced",
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": { "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } },
            }],
        },
    })
}

pub(crate) fn widget() -> Value {
    json!({
        "apiVersion": "example.net/v1", "kind": "Widget",
        "metadata": { "name": "one", "namespace": "shop", "labels": labels() },
        "spec": { "size": 3 },
    })
}

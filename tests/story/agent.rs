//! A stand-in for Flux in one cluster: it applies what a repository holds for the cluster, and removes what it applied
//! and is not there any more.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use serde_json::Value;
use tokio::task::JoinHandle;

/// It ends when it is let go.
pub(crate) struct Agent(JoinHandle<()>);

const LOOK_EVERY: Duration = Duration::from_millis(250);
const MANAGER: &str = "kustomize-controller";

/// A kind, a namespace and a name.
type Key = (String, String, String);

impl Agent {
    pub(crate) fn start(repository: &Path, cluster: &str, client: Client) -> Self {
        let follower = Follower {
            repository: repository.to_owned(),
            cluster: cluster.to_owned(),
            client,
            applied: BTreeMap::new(),
        };
        Self(tokio::spawn(follower.run()))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Follower {
    repository: PathBuf,
    cluster: String,
    client: Client,
    applied: BTreeMap<Key, Value>,
}

impl Follower {
    async fn run(mut self) {
        let mut said = String::new();
        loop {
            let wanted = self.wanted();
            if let Err(error) = self.follow(wanted).await {
                let fault = error.to_string();
                if fault != said {
                    eprintln!("{}: {fault}", self.cluster);
                    said = fault;
                }
                // All is applied again at the next look: what is there now may be on its way out.
                self.applied.values_mut().for_each(|object| *object = Value::Null);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn wanted(&self) -> BTreeMap<Key, Value> {
        let files = periplus_git::files(&self.repository, "main").unwrap_or_default();
        let mut wanted = BTreeMap::new();
        for (path, bytes) in files {
            let ours = periplus_git::place(&path) == Some(self.cluster.as_str());
            if !ours || !path.ends_with(".yaml") {
                continue;
            }
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            let objects: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
            for object in objects {
                let text = |path: &str| {
                    object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
                };
                let kind = format!("{}/{}", text("/apiVersion"), text("/kind"));
                wanted.insert((kind, text("/metadata/namespace"), text("/metadata/name")), object);
            }
        }
        wanted
    }

    async fn follow(&mut self, wanted: BTreeMap<Key, Value>) -> Result<(), kube::Error> {
        let gone: Vec<Key> =
            self.applied.keys().filter(|key| !wanted.contains_key(*key)).cloned().collect();
        // Namespaces come first and go last.
        let is_namespace = |key: &Key| key.0 == "v1/Namespace";
        let mut order: Vec<(&Key, &Value)> = wanted.iter().collect();
        order.sort_by_key(|(key, _)| !is_namespace(key));
        for (key, object) in order {
            if self.applied.get(key) == Some(object) {
                continue;
            }
            let patch = PatchParams::apply(MANAGER).force();
            match self.api(key).patch(&key.2, &patch, &Patch::Apply(object)).await {
                Ok(_) => {}
                Err(error) if is_unknown_kind(&error) => {}
                Err(error) => return Err(error),
            }
            self.applied.insert(key.clone(), object.clone());
        }
        let (namespaces, others): (Vec<Key>, Vec<Key>) = gone.into_iter().partition(is_namespace);
        for key in others.into_iter().chain(namespaces) {
            match self.api(&key).delete(&key.2, &DeleteParams::background()).await {
                Ok(_) => {}
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(error) => return Err(error),
            }
            self.applied.remove(&key);
        }
        Ok(())
    }

    fn api(&self, (kind, namespace, _): &Key) -> Api<DynamicObject> {
        let mut words = kind.rsplitn(2, '/');
        let (kind, version) = (words.next().unwrap(), words.next().unwrap());
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        if namespace.is_empty() {
            Api::all_with(self.client.clone(), &resource)
        } else {
            Api::namespaced_with(self.client.clone(), namespace, &resource)
        }
    }
}

/// The cluster has no such kind: it is too old, or what brings the kind is not installed.
fn is_unknown_kind(error: &kube::Error) -> bool {
    let of_namespace = "namespaces \"";
    matches!(error, kube::Error::Api(status) if status.code == 404 && !status.message.starts_with(of_namespace))
}

//! A cluster behind NAT: what `periplus bootstrap --reporter` prints is applied in it, and `periplus report` runs as its pod
//! would, with the account of a pod where pods find it.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use periplus_support::real::{Access, Cluster};
use serde_json::Value;

use crate::hub::{PROGRAM, periplus};

/// It is killed when it is let go.
pub(crate) struct Reporter(Child);

const KEY: &str = "the-key-of-the-island-0123456789abcdef";
/// What a pod has where it is looked for: a root of its own, which is nobody else's business.
const AS_A_POD: &str = "mount -t tmpfs tmpfs /run && mkdir -p /run/secrets/kubernetes.io && \
                        ln -s \"$1\" /run/secrets/kubernetes.io/serviceaccount && shift && \
                        exec setpriv --pdeathsig KILL -- \"$@\"";

impl Reporter {
    /// Installs and starts it. The service has its key in the folder `keys`, and is at this port.
    pub(crate) async fn start(cluster: &Cluster, home: &Path, hub: u16) -> Self {
        let name = cluster.name();
        let hub = format!("http://127.0.0.1:{hub}");
        let words = ["bootstrap", "intents", "--cluster", name, "--reporter", "--hub", &hub];
        let printed = periplus(home, &words);
        assert!(printed.status.success(), "{printed:?}");
        let printed = String::from_utf8(printed.stdout).unwrap().replace("REPLACE ME", KEY);
        let objects: Vec<Value> = serde_saphyr::from_multiple(&printed).unwrap();
        let mut words = Vec::new();
        for object in objects {
            // Flux and its kinds are not installed.
            let api = object["apiVersion"].as_str().unwrap();
            if api.starts_with("notification.toolkit.fluxcd.io/") {
                continue;
            }
            apply(cluster, &object).await;
            if object["kind"] == "Deployment" {
                let args = &object["spec"]["template"]["spec"]["containers"][0]["args"];
                words = args.as_array().unwrap().iter().map(text).collect();
            }
        }
        let pod = home.join(name);
        mounted(&pod, &cluster.token("periplus", "periplus-report").await);
        for word in &mut words {
            *word = word.replace("/etc/periplus", &pod.display().to_string());
        }
        let (_, port) = cluster.admin().url().rsplit_once(':').unwrap();
        let log = File::create(home.join("reporter.log")).unwrap();
        let child = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", AS_A_POD, "sh"])
            .arg(&pod)
            .arg(PROGRAM)
            .args(words)
            .args(["--heartbeat=2s", "--room-every=1s", "--patience=20s"])
            .env("KUBERNETES_SERVICE_HOST", "127.0.0.1")
            .env("KUBERNETES_SERVICE_PORT", port)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self(child)
    }

    /// What the service has of it, before it starts.
    pub(crate) fn known_to_the_service(home: &Path, cluster: &str) {
        fs::create_dir(home.join("keys")).unwrap();
        fs::write(home.join("keys").join(cluster), KEY).unwrap();
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a pod finds: its account, and the key from its Secret.
fn mounted(pod: &Path, account: &Access) {
    fs::create_dir(pod).unwrap();
    fs::write(pod.join("token"), account.token()).unwrap();
    fs::write(pod.join("namespace"), "periplus").unwrap();
    fs::copy(account.authority(), pod.join("ca.crt")).unwrap();
    fs::write(pod.join("key"), KEY).unwrap();
}

async fn apply(cluster: &Cluster, object: &Value) {
    let (group, version) = match text(&object["apiVersion"]).split_once('/') {
        Some((group, version)) => (group.to_owned(), version.to_owned()),
        None => (String::new(), text(&object["apiVersion"])),
    };
    let kind = GroupVersionKind::gvk(&group, &version, &text(&object["kind"]));
    let resource = ApiResource::from_gvk(&kind);
    let api: Api<DynamicObject> = match object["metadata"]["namespace"].as_str() {
        Some(namespace) => Api::namespaced_with(cluster.client(), namespace, &resource),
        None => Api::all_with(cluster.client(), &resource),
    };
    let patch = PatchParams::apply("somebody");
    let name = text(&object["metadata"]["name"]);
    api.patch(&name, &patch, &Patch::Apply(object)).await.unwrap();
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

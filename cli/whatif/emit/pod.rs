//! The pod of a shard, or of what puts shards together: what it runs, what it may do, what it sees.

use periplus_sim::Dimension;
use serde_json::Value;

use super::yaml::map;
use super::{IndexedJob, NAME};
use crate::args::WhatifArgs;
use crate::whatif::draws::SEEDS_OF_VARIANTS;

/// Where the scenario's files and the study lie in a pod.
const SCENARIO: &str = "/scenario";
pub(super) const STUDY: &str = "/study";

/// A user that no image has a use for.
const USER: usize = 65_532;
/// What may stand in a pod's folder for temporary files: the tables of a study on their way to an object store.
const TEMPORARY: &str = "8Gi";

impl IndexedJob<'_> {
    pub(super) fn pod(&self, component: &str, more: Vec<String>) -> Value {
        let user = map([
            ("runAsNonRoot", true.into()),
            ("runAsUser", USER.into()),
            ("runAsGroup", USER.into()),
            ("fsGroup", USER.into()),
            ("seccompProfile", map([("type", "RuntimeDefault".into())])),
        ]);
        let mut spec = map([
            ("restartPolicy", "Never".into()),
            // It never asks the cluster for anything.
            ("automountServiceAccountToken", false.into()),
            ("securityContext", user),
        ]);
        if let Some(account) = &self.kubernetes.service_account {
            spec["serviceAccountName"] = account.as_str().into();
        }
        spec["containers"] = vec![self.container(more)].into();
        spec["volumes"] = self.volumes();
        map([("metadata", map([("labels", self.labels(component))])), ("spec", spec)])
    }

    fn container(&self, more: Vec<String>) -> Value {
        let kubernetes = self.kubernetes;
        let args = self.command().into_iter().chain(more).map(|arg| escaped(&arg).into());
        let amounts = || {
            map([
                ("cpu", kubernetes.cpu.as_str().into()),
                ("memory", kubernetes.memory.as_str().into()),
            ])
        };
        let rights = map([
            ("allowPrivilegeEscalation", false.into()),
            ("capabilities", map([("drop", vec!["ALL"].into())])),
            ("readOnlyRootFilesystem", true.into()),
        ]);
        let mut container = map([
            ("name", NAME.into()),
            ("image", kubernetes.image.as_str().into()),
            ("command", vec![NAME].into()),
            ("args", args.collect::<Vec<Value>>().into()),
        ]);
        if let Some(secret) = &kubernetes.credentials {
            let secret = map([("secretRef", map([("name", secret.as_str().into())]))]);
            container["envFrom"] = vec![secret].into();
        }
        container["resources"] = map([("requests", amounts()), ("limits", amounts())]);
        container["securityContext"] = rights;
        container["volumeMounts"] = self.mounts();
        container
    }

    /// The arguments that shards and merging have in common.
    fn command(&self) -> Vec<String> {
        let WhatifArgs { set, vary, from, draws, jobs, rows, .. } = self.args;
        let mut command = vec!["whatif".into(), format!("{SCENARIO}/{}", self.files.scenario)];
        command.extend(set.iter().map(|one| format!("--set={one}")));
        command.extend(vary.iter().map(|one| format!("--vary={one}")));
        command.extend(from.iter().map(|from| format!("--from={from}")));
        command.push(draws.words(SEEDS_OF_VARIANTS).join("="));
        command.extend(rows.iter().map(|one| {
            let names: Vec<&str> = one.dimensions().map(Dimension::name).collect();
            format!("--rows={}", names.join(","))
        }));
        command.extend(jobs.iter().map(|jobs| format!("--jobs={jobs}")));
        command.push(format!("--out={}", self.out));
        command
    }

    fn mounts(&self) -> Value {
        let mount =
            |name: &str, path: &str| map([("name", name.into()), ("mountPath", path.into())]);
        let mut mounts = vec![mount("scenario", SCENARIO), mount("temporary", "/tmp")];
        mounts[0]["readOnly"] = true.into();
        if self.kubernetes.claim.is_some() {
            mounts.push(mount("study", STUDY));
        }
        mounts.into()
    }

    fn volumes(&self) -> Value {
        let claim = |name: &str| map([("claimName", name.into())]);
        let volume =
            |name: &str, kind: &str, what: Value| map([("name", name.into()), (kind, what)]);
        let scenario = match &self.kubernetes.scenario_claim {
            Some(name) => {
                let mut claim = claim(name);
                claim["readOnly"] = true.into();
                volume("scenario", "persistentVolumeClaim", claim)
            }
            None => {
                let name = self.name.as_str().into();
                let files = map([("name", name), ("items", self.files.items())]);
                volume("scenario", "configMap", files)
            }
        };
        let limit = map([("sizeLimit", TEMPORARY.into())]);
        let mut volumes = vec![scenario, volume("temporary", "emptyDir", limit)];
        if let Some(name) = &self.kubernetes.claim {
            volumes.push(volume("study", "persistentVolumeClaim", claim(name)));
        }
        volumes.into()
    }
}

/// An argument as Kubernetes hands it on: it puts variables where `$(…)` stands, and takes `$$` for `$`.
fn escaped(arg: &str) -> String {
    arg.replace('$', "$$")
}

//! The kinds an emulated cluster serves: those it is born with, and custom ones that are registered or posted as
//! `CustomResourceDefinition`s. What a kind allows (status, scale, generation) is decided here and nowhere else.

use serde_json::Value;

/// One kind of object and how the API serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The API group; empty for the core one.
    pub group: String,
    /// Versions served, the preferred one first. Nothing is converted between them.
    pub versions: Vec<String>,
    /// `Deployment`.
    pub kind: String,
    /// `deployments`, as it stands in paths.
    pub plural: String,
    /// Whether objects lie in namespaces.
    pub namespaced: bool,
    /// Which subresources there are and how lists merge.
    pub traits: Traits,
}

/// What differs between kinds beyond their names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// Served by the API server itself, not by a `CustomResourceDefinition`.
    pub builtin: bool,
    /// There is a `/status`.
    pub status: bool,
    /// There is a `/scale`.
    pub scale: bool,
    /// `metadata.generation` counts.
    pub generation: bool,
    /// A custom kind whose definition names no fields, so that every map is a map and nothing is a struct.
    pub schemaless: bool,
}

impl Kind {
    /// A custom kind in namespaces, with `/status` and a generation, as a controller's author would define it.
    #[must_use]
    pub fn custom(group: &str, version: &str, kind: &str, plural: &str) -> Self {
        let traits = Traits { status: true, generation: true, ..Traits::default() };
        Self {
            group: group.to_owned(),
            versions: vec![version.to_owned()],
            kind: kind.to_owned(),
            plural: plural.to_owned(),
            namespaced: true,
            traits,
        }
    }

    /// The same kind outside of namespaces.
    #[must_use]
    pub fn cluster_scoped(mut self) -> Self {
        self.namespaced = false;
        self
    }

    /// `v1` or `apps/v1`, of the preferred version.
    #[must_use]
    pub fn api_version(&self) -> String {
        api_version(&self.group, &self.versions[0])
    }

    /// `pods` or `deployments.apps`, as messages name it.
    #[must_use]
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// `Pod` or `Deployment.apps`, as messages about invalid objects name it.
    #[must_use]
    pub fn qualified_kind(&self) -> String {
        if self.group.is_empty() {
            self.kind.clone()
        } else {
            format!("{}.{}", self.kind, self.group)
        }
    }

    /// Whether an update must say which version it is of.
    pub(super) fn updates_need_versions(&self) -> bool {
        let strict = ["customresourcedefinitions", "leases"];
        !self.traits.builtin || strict.contains(&self.plural.as_str())
    }

    /// Whether all of them may be deleted at once: not what must be taken down one by one.
    pub(super) fn deletes_collections(&self) -> bool {
        !(self.traits.builtin && ["namespaces", "services"].contains(&self.plural.as_str()))
    }

    /// Whether this kind is served at that place.
    pub(super) fn is_at(&self, group: &str, version: &str, plural: &str) -> bool {
        self.plural == plural && self.group == group && self.versions.iter().any(|v| v == version)
    }

    /// Whether an object with this `apiVersion` and `kind` is of this kind.
    pub(super) fn is_of(&self, api: &str, kind: &str) -> bool {
        self.kind == kind && self.versions.iter().any(|v| api_version(&self.group, v) == api)
    }

    /// Reads a `CustomResourceDefinition`; `None` if it lacks a group, names or a served version.
    pub(super) fn defined_by(definition: &Value) -> Option<Self> {
        let spec = definition.get("spec")?;
        let text = |at: &str| spec.pointer(at).and_then(Value::as_str).map(str::to_owned);
        let served = |version: &&Value| version.get("served") != Some(&Value::Bool(false));
        let versions: Vec<&Value> = spec.get("versions")?.as_array()?.iter().collect();
        let mut sorted: Vec<&Value> = versions.into_iter().filter(served).collect();
        sorted.sort_by_key(|version| version.get("storage") != Some(&Value::Bool(true)));
        let first = *sorted.first()?;
        let traits = Traits {
            builtin: false,
            status: first.pointer("/subresources/status").is_some(),
            scale: first.pointer("/subresources/scale").is_some(),
            generation: true,
            schemaless: first.pointer("/schema/openAPIV3Schema/properties/spec").is_none(),
        };
        let name = |version: &&Value| version.get("name")?.as_str().map(str::to_owned);
        Some(Self {
            group: text("/group")?,
            versions: sorted.iter().filter_map(name).collect(),
            kind: text("/names/kind")?,
            plural: text("/names/plural")?,
            namespaced: text("/scope").as_deref() == Some("Namespaced"),
            traits,
        })
    }
}

/// `v1` or `group/v1`.
pub(super) fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// What an emulated cluster serves from the start: what an API server serves, and what Flux, Argo CD and the
/// cluster inventory define.
pub(super) fn known() -> Vec<Kind> {
    let builtin = |group: &str, kind: &str, plural: &str, traits: Traits| Kind {
        traits: Traits { builtin: true, ..traits },
        ..Kind::custom(group, "v1", kind, plural)
    };
    let plain = Traits::default();
    let status = Traits { status: true, ..plain };
    let spec = Traits { generation: true, ..status };
    let scale = Traits { scale: true, ..spec };
    let flux = "toolkit.fluxcd.io";
    let application = Kind::custom("argoproj.io", "v1alpha1", "Application", "applications");
    let definition = "CustomResourceDefinition";
    vec![
        builtin("", "Namespace", "namespaces", status).cluster_scoped(),
        builtin("", "Node", "nodes", status).cluster_scoped(),
        builtin("", "Pod", "pods", status),
        builtin("", "Service", "services", status),
        builtin("", "ConfigMap", "configmaps", plain),
        builtin("", "Secret", "secrets", plain),
        builtin("", "Event", "events", plain),
        builtin("", "ServiceAccount", "serviceaccounts", plain),
        builtin("", "Endpoints", "endpoints", plain),
        builtin("apps", "Deployment", "deployments", scale),
        builtin("apps", "StatefulSet", "statefulsets", scale),
        builtin("apps", "DaemonSet", "daemonsets", spec),
        builtin("apps", "ReplicaSet", "replicasets", scale),
        builtin("batch", "Job", "jobs", status),
        builtin("coordination.k8s.io", "Lease", "leases", plain),
        builtin("apiextensions.k8s.io", definition, "customresourcedefinitions", spec)
            .cluster_scoped(),
        Kind::custom(&format!("kustomize.{flux}"), "v1", "Kustomization", "kustomizations"),
        Kind::custom(&format!("helm.{flux}"), "v2", "HelmRelease", "helmreleases"),
        Kind::custom(&format!("source.{flux}"), "v1", "GitRepository", "gitrepositories"),
        // Argo CD's definition has no status subresource: its controller writes the whole object.
        Kind { traits: Traits { status: false, ..application.traits }, ..application },
        Kind::custom("multicluster.x-k8s.io", "v1alpha1", "ClusterProfile", "clusterprofiles"),
    ]
}

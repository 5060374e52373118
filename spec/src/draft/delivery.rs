//! How an app gets into clusters: where its manifests come from, what differs from cluster to cluster, and who may
//! reach it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::draft::{Protocol, ResourcesDraft, SelectionDraft};
use crate::values::{Cidr, Duration, Host, LabelKey, LabelValue, Name};

/// Where the manifests of a component come from, instead of being made from what is said of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Source")]
pub enum SourceDraft {
    /// Plain YAML files, rendered and customized here.
    Files(FilesDraft),
    /// A folder of a git repository, plain or with a `kustomization.yaml`: the cluster's agent takes it from there.
    Kustomize(KustomizeDraft),
    /// A Helm chart: the cluster's agent installs it.
    Helm(HelmDraft),
}

/// Plain YAML files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Files")]
pub struct FilesDraft {
    /// The repository that they are in. `periplus fetch` brings them from there into the folder `fetched`, beside the file
    /// that names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<GitDraft>,
    /// The files, from the one that names them, or from the root of the repository. A file may hold several objects.
    #[schemars(length(min = 1))]
    pub paths: Vec<String>,
    /// The `Deployment` or `StatefulSet` whose replicas are set, where there are several.
    #[serde(default)]
    pub workload: Option<String>,
}

/// A revision of a git repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Git")]
pub struct GitDraft {
    /// Where the repository is, without a user or a password: `https://…`, `ssh://…` or `file:///…`.
    pub repository: String,
    /// A branch, a tag or a commit. Only a commit says for ever the same; of the others, the commit that they were when
    /// they were fetched is kept until `periplus fetch --update`.
    pub revision: String,
}

/// A folder of a git repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Kustomize")]
pub struct KustomizeDraft {
    /// Where the repository is, without a user or a password.
    pub repository: String,
    /// A branch, a tag or a commit. Only a commit says for ever the same.
    pub revision: String,
    /// The folder, from the root of the repository.
    #[serde(default)]
    pub path: String,
    /// The `Deployment` or `StatefulSet` whose replicas are set, as the overlay leaves it; one of the component's name where
    /// it is not given.
    #[serde(default)]
    pub workload: Option<String>,
    /// The Secret in the agent's namespace with which it is read.
    #[serde(default)]
    pub secret: Option<Name>,
}

/// A Helm chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Helm")]
pub struct HelmDraft {
    /// Where the repository of charts is: `https://…` or `oci://…`.
    pub repository: String,
    /// The chart's name.
    pub chart: String,
    /// Its version.
    pub version: String,
    /// Its values.
    #[serde(default)]
    pub values: serde_json::Value,
    /// The path in its values under which the number of replicas stands, such as `web.replicas`; `replicaCount` where
    /// it is not given.
    #[serde(default)]
    pub replicas: Option<String>,
    /// The path in its values under which the chart's own autoscaler is set up, with `enabled`, `minReplicas` and
    /// `maxReplicas`; `autoscaling` where it is not given, as in most charts.
    #[serde(default)]
    pub autoscaling: Option<String>,
    /// The Secret in the agent's namespace with which it is read.
    #[serde(default)]
    pub secret: Option<Name>,
}

/// How users reach an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Exposure")]
pub struct ExposureDraft {
    /// Under which name.
    pub host: Host,
    /// The port of the entry component that takes them; its first one where it is not given.
    #[serde(default)]
    pub port: Option<u16>,
    /// How long resolvers may keep an answer. The policy's `traffic.drain` should be at least twice as long: so long users
    /// still come to where they were sent before.
    #[serde(default = "one_minute")]
    pub ttl: Duration,
    /// The Secret with its certificate; without one, users are taken in on port 80 only.
    #[serde(default)]
    pub certificate: Option<Name>,
}

/// Something outside of the fleet that an app may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Egress")]
pub struct EgressDraft {
    /// Where it is.
    pub to: Cidr,
    /// Its ports; all where none are given.
    #[serde(default)]
    pub ports: Vec<u16>,
    /// Their protocol.
    #[serde(default)]
    pub protocol: Protocol,
}

/// What differs in some clusters. Entries are applied in the order in which they stand, each on what the ones before
/// it left; within one, the shorthands come first, then `strategicMerge`, `mergePatch` and `jsonPatch`.
///
/// In the texts of images, the environment, arguments, annotations and patches, `${cluster.name}`, `${cluster.kind}`, `${cluster.network}`, `${cluster.labels.KEY}`, `${app.name}`,
/// `${app.tenant}`, `${app.namespace}` and `${component.name}` stand for what they say; `$${` for `${` itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Customization")]
pub struct CustomizeDraft {
    /// In which clusters: all where it is not given.
    pub clusters: SelectionDraft,
    /// Which objects are meant.
    pub target: CustomizeTargetDraft,
    /// Another image.
    pub image: Option<ImageDraft>,
    /// What one replica asks for. Not more than the component asks for elsewhere: room is planned with that.
    pub requests: ResourcesDraft,
    /// What one replica may use at most.
    pub limits: ResourcesDraft,
    /// Environment variables that are added or changed.
    pub env: BTreeMap<String, String>,
    /// Other arguments.
    pub args: Option<Vec<String>>,
    /// The number of replicas, of objects whose number is not planned.
    pub replicas: Option<u16>,
    /// Labels that are added or changed.
    pub labels: BTreeMap<LabelKey, LabelValue>,
    /// Annotations that are added or changed.
    pub annotations: BTreeMap<LabelKey, String>,
    /// Another namespace, for all objects of the components that are meant: `target` cannot name a kind or a name then.
    pub namespace: Option<Name>,
    /// Labels that nodes must have.
    pub node_selector: BTreeMap<LabelKey, LabelValue>,
    /// Another storage class of its claims.
    pub storage_class: Option<Name>,
    /// A strategic merge patch, for the types of Kubernetes itself.
    pub strategic_merge: serde_json::Value,
    /// A JSON Merge Patch (RFC 7386).
    pub merge_patch: serde_json::Value,
    /// A JSON Patch (RFC 6902).
    pub json_patch: Vec<serde_json::Value>,
}

/// Which objects are meant: those of which everything holds that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "CustomizationTarget")]
pub struct CustomizeTargetDraft {
    /// The component that they belong to.
    pub component: Option<Name>,
    /// Their kind.
    pub kind: Option<String>,
    /// Their name.
    pub name: Option<String>,
}

/// Another image: what is not given stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Image")]
pub struct ImageDraft {
    /// The container that is meant; the first one where it is not given.
    pub container: Option<Name>,
    /// The registry, with what stands before the image's last word.
    pub registry: Option<String>,
    /// The image's last word.
    pub name: Option<String>,
    /// The tag.
    pub tag: Option<String>,
    /// The digest, such as `sha256:…`; it takes the place of a tag.
    pub digest: Option<String>,
}

/// Who may do what in the namespaces of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Member")]
pub struct MemberDraft {
    /// The group, as the clusters' identity provider says it.
    pub group: String,
    /// What its members may do: one of Kubernetes' own roles.
    #[serde(default)]
    pub role: MemberRole,
}

/// One of the roles that Kubernetes has for users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "MemberRole")]
pub enum MemberRole {
    /// Look.
    #[default]
    View,
    /// Change workloads.
    Edit,
    /// Change rights too.
    Admin,
}

const fn one_minute() -> Duration {
    Duration::seconds(60)
}

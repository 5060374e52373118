//! The definitions of our kinds for Kubernetes, and what the account that follows them must be allowed to do.
//!
//! They lie outside of namespaces: a name means one app, cluster or zone in the whole fleet, as it does in files. Who may
//! write which of them is told by roles, by kind and by name.

use k8s_openapi::api::rbac::v1::PolicyRule;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition, CustomResourceDefinitionNames,
    CustomResourceDefinitionSpec, CustomResourceDefinitionVersion, CustomResourceSubresourceStatus,
    CustomResourceSubresources, CustomResourceValidation,
};
use kube::api::{ApiResource, ObjectMeta};
use periplus_spec::draft::{API_VERSION, Kind};

use super::schema::structural;

/// The kinds that there are in a hub.
pub(super) const KINDS: [Kind; 5] =
    [Kind::Application, Kind::Cluster, Kind::Policy, Kind::Tenant, Kind::Zone];

/// The definitions of the kinds `Application`, `Cluster`, `Policy`, `Tenant` and `Zone`, to be applied to a hub cluster.
/// What is written in files can be applied there as it is.
///
/// # Panics
/// If a schema of ours is none, which a test holds.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    KINDS.into_iter().map(definition).collect()
}

/// What the account that follows the documents of a hub, and writes back, must be allowed to do there. The last may be
/// left out where no `ClusterProfile`s are read.
#[must_use]
pub fn rules() -> Vec<PolicyRule> {
    let rule = |group: &str, resources: Vec<String>, verbs: &[&str]| PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(resources),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        ..PolicyRule::default()
    };
    let all = || KINDS.into_iter().map(plural);
    let profiles = super::profiles::resource();
    vec![
        rule(split().0, all().map(str::to_owned).collect(), &["list", "watch"]),
        rule(split().0, all().map(|plural| format!("{plural}/status")).collect(), &["patch"]),
        rule("events.k8s.io", vec!["events".to_owned()], &["create"]),
        rule(&profiles.group, vec![profiles.plural.clone()], &["list", "watch"]),
    ]
}

/// How a kind is asked for.
pub(super) fn resource(kind: Kind) -> ApiResource {
    let (group, version) = split();
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: API_VERSION.to_owned(),
        kind: kind.name().to_owned(),
        plural: plural(kind).to_owned(),
    }
}

/// The group and the version.
fn split() -> (&'static str, &'static str) {
    API_VERSION.split_once('/').unwrap_or((API_VERSION, ""))
}

const fn plural(kind: Kind) -> &'static str {
    match kind {
        Kind::Application => "applications",
        Kind::Cluster => "clusters",
        Kind::InitialState => "initialstates",
        Kind::Policy => "policies",
        Kind::Scenario => "scenarios",
        Kind::Tenant => "tenants",
        Kind::Zone => "zones",
    }
}

fn definition(kind: Kind) -> CustomResourceDefinition {
    let (group, version) = split();
    let plural = plural(kind).to_owned();
    let singular = kind.name().to_lowercase();
    let schema = serde_json::from_value(structural(kind)).expect("a schema of ours is one");
    let version = CustomResourceDefinitionVersion {
        name: version.to_owned(),
        served: true,
        storage: true,
        schema: Some(CustomResourceValidation { open_api_v3_schema: Some(schema) }),
        subresources: Some(CustomResourceSubresources {
            status: Some(CustomResourceSubresourceStatus(serde_json::json!({}))),
            scale: None,
        }),
        additional_printer_columns: Some(columns(kind)),
        ..CustomResourceDefinitionVersion::default()
    };
    CustomResourceDefinition {
        metadata: ObjectMeta { name: Some(format!("{plural}.{group}")), ..ObjectMeta::default() },
        spec: CustomResourceDefinitionSpec {
            group: group.to_owned(),
            names: CustomResourceDefinitionNames {
                categories: Some(vec!["periplus".to_owned()]),
                kind: kind.name().to_owned(),
                list_kind: Some(format!("{}List", kind.name())),
                plural,
                // Others have applications, clusters and policies too.
                short_names: Some(vec![format!("p{}", &singular[..3])]),
                singular: Some(singular),
            },
            scope: "Cluster".to_owned(),
            versions: vec![version],
            ..CustomResourceDefinitionSpec::default()
        },
        status: None,
    }
}

/// What `kubectl get` shows.
fn columns(kind: Kind) -> Vec<CustomResourceColumnDefinition> {
    let column = |name: &str, type_: &str, path: &str| CustomResourceColumnDefinition {
        name: name.to_owned(),
        type_: type_.to_owned(),
        json_path: path.to_owned(),
        ..CustomResourceColumnDefinition::default()
    };
    let condition = |name: &str, of: &str, field: &str| {
        column(name, "string", &format!(".status.conditions[?(@.type==\"{of}\")].{field}"))
    };
    let own = match kind {
        Kind::Application => {
            vec![condition("Ready", "Ready", "status"), condition("Where", "Placed", "message")]
        }
        Kind::Cluster => vec![column("Kind", "string", ".spec.kind")],
        Kind::Tenant => vec![column("Namespace", "string", ".spec.namespace")],
        Kind::Zone => vec![column("Users", "string", ".spec.users")],
        Kind::InitialState | Kind::Policy | Kind::Scenario => Vec::new(),
    };
    let mut columns = vec![condition("Accepted", "Accepted", "status")];
    columns.extend(own);
    columns.push(condition("Reason", "Accepted", "reason"));
    columns.push(column("Age", "date", ".metadata.creationTimestamp"));
    columns
}

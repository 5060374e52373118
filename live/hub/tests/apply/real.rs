//! A real kube-apiserver with its controllers, and an account that may do what is printed for it.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use periplus_live::apply::{Fault, Force, INVENTORY, NAMESPACE, Options, inventory_rules, rules};
use periplus_live::delivery::{Parcel, Scope};
use periplus_support::real::{Cluster, until};
use serde_json::{Value, json};

use crate::rig::{Rig, SOON, config_map, definition, labels, options, parcel, whole, widget};

fn deployment(replicas: u32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "web", "namespace": "shop", "labels": labels() },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "main", "image": "web:1" }] },
            },
        },
    })
}

/// All that is rendered beside workloads, so that the printed account is tried with it.
fn beside() -> Vec<(&'static str, Value)> {
    let metadata = |name: &str| json!({ "name": name, "namespace": "shop", "labels": labels() });
    vec![
        (
            "10-quota",
            json!({
                "apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata("tenant"),
                "spec": { "hard": { "requests.cpu": "10" } },
            }),
        ),
        (
            "16-members",
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata("tenant-edit"),
                "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit" },
                "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "team" }],
            }),
        ),
        (
            "40-policy",
            json!({
                "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata("web"),
                "spec": { "podSelector": {}, "policyTypes": ["Ingress"] },
            }),
        ),
        (
            "60-service",
            json!({
                "apiVersion": "v1", "kind": "Service", "metadata": metadata("web"),
                "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80, "protocol": "TCP" }] },
            }),
        ),
    ]
}

fn shop(replicas: u32) -> Parcel {
    let mut files = vec![
        ("50-deployment-web", Some(deployment(replicas))),
        ("90-widget-one", Some(widget())),
        ("05-definition", Some(definition())),
    ];
    files.extend(beside().into_iter().map(|(name, object)| (name, Some(object))));
    parcel(Some("shop"), Scope::Changes, &files)
}

fn widgets(client: &Client) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("example.net", "v1", "Widget");
    Api::namespaced_with(
        client.clone(),
        "shop",
        &ApiResource::from_gvk_with_plural(&kind, "widgets"),
    )
}

/// What apps of this test bring themselves.
fn brought() -> Vec<PolicyRule> {
    let rule = |group: &str, resource: &str| PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(vec![resource.to_owned()]),
        verbs: ["get", "create", "patch", "delete"].map(str::to_owned).into(),
        ..PolicyRule::default()
    };
    vec![rule("apiextensions.k8s.io", "customresourcedefinitions"), rule("example.net", "widgets")]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_cluster_takes_what_is_applied_and_gives_it_back() {
    let cluster = Cluster::start("hill").await;
    let client = cluster.client();
    let allowed = [rules(), inventory_rules(), brought()].concat();
    let account = cluster.account("periplus", allowed).await;
    let config = account.config().await;
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), "shop");

    // A kind and its object come in one batch, with everything else.
    let mut rig = Rig::start(options(config.clone(), "ours"));
    assert_eq!(rig.apply(vec![whole(), shop(2)]).await, []);
    let web = deployments.get("web").await.unwrap();
    assert_eq!(web.spec.unwrap().replicas, Some(2));
    let managers = web.metadata.managed_fields.unwrap();
    assert!(managers.iter().any(|one| one.manager.as_deref() == Some("periplus")
        && one.operation.as_deref() == Some("Apply")));
    assert_eq!(widgets(&client).get("one").await.unwrap().data["spec"]["size"], 3);

    a_conflict_is_told(&mut rig, &deployments, config.clone()).await;
    let faults =
        rig.apply(vec![parcel(Some("more"), Scope::Changes, &[("15-role", Some(role()))])]).await;
    assert!(matches!(&faults[..], [Fault::Forbidden { .. }]), "{faults:?}");
    assert!(faults[0].to_string().contains("--apply"), "{}", faults[0]);
    rig.stop().await;

    // Started anew, with less: what is not wanted any more goes, and what others made stays.
    let theirs: Api<ConfigMap> = Api::namespaced(client.clone(), "shop");
    let by_hand = Patch::Apply(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "theirs" }, "data": { "a": "b" },
    }));
    theirs.patch("theirs", &PatchParams::apply("kubectl"), &by_hand).await.unwrap();
    let mut rig = Rig::start(options(config.clone(), "ours"));
    let files =
        [("30-own", Some(config_map("own", "1"))), ("30-theirs", Some(config_map("theirs", "1")))];
    assert_eq!(rig.apply(vec![whole(), parcel(Some("shop"), Scope::Whole, &files)]).await, []);
    until("the Deployment to be gone", SOON, async || {
        deployments.get_opt("web").await.unwrap().is_none().then_some(())
    })
    .await;
    let inventory: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    let listed = inventory.get(INVENTORY).await.unwrap().data.unwrap();
    assert!(!listed["objects.json"].contains("Deployment"), "{listed:?}");
    let none = [("30-own", None), ("30-theirs", None)];
    assert_eq!(rig.apply(vec![parcel(Some("shop"), Scope::Changes, &none)]).await, []);
    assert!(theirs.get_opt("own").await.unwrap().is_none());
    assert_eq!(theirs.get("theirs").await.unwrap().data.unwrap()["a"], "b");

    // The namespace was made by us; while it is on its way out, nothing is applied into it and that is told.
    let gone = parcel(None, Scope::Changes, &[("00-namespace-shop", None)]);
    assert_eq!(rig.apply(vec![gone]).await, []);
    let again = rig.apply(vec![whole()]).await;
    assert!(again.iter().all(|fault| matches!(fault, Fault::Going { .. })), "{again:?}");
    let namespaces: Api<Namespace> = Api::all(client.clone());
    until("the namespace to be gone and made again", SOON, async || {
        let faults = rig.apply(vec![whole()]).await;
        let there = namespaces.get_opt("shop").await.unwrap()?;
        (faults.is_empty() && there.metadata.deletion_timestamp.is_none()).then_some(())
    })
    .await;
    rig.stop().await;
}

/// Somebody scales by hand: it is told whose the field is, and taken where that is said.
async fn a_conflict_is_told(rig: &mut Rig, deployments: &Api<Deployment>, config: kube::Config) {
    let mut by_hand = PatchParams::apply("kubectl-scale");
    by_hand.force = true;
    let scaled = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" }, "spec": { "replicas": 5 },
    });
    deployments.patch("web", &by_hand, &Patch::Apply(scaled)).await.unwrap();
    let faults = rig.apply(vec![shop(3)]).await;
    let [fault @ Fault::Conflict { .. }] = &faults[..] else { panic!("{faults:?}") };
    let told = fault.to_string();
    for word in ["Deployment.apps shop/web", ".spec.replicas", "kubectl-scale", "force: true"] {
        assert!(told.contains(word), "{word}: {told}");
    }
    let mut forced = Rig::start(Options { force: Force::Yes, ..options(config, "ours") });
    assert_eq!(forced.apply(vec![whole(), shop(3)]).await, []);
    let web = deployments.get("web").await.unwrap();
    assert_eq!(web.spec.unwrap().replicas, Some(3));
    forced.stop().await;
}

fn role() -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": { "name": "more", "namespace": "shop", "labels": labels() },
        "rules": [{ "apiGroups": [""], "resources": ["secrets"], "verbs": ["get"] }],
    })
}

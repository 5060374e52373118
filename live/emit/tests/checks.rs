//! What cannot be written is found when an intent is read, for every cluster that it may run in.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use periplus_emit::check::problems;

const CLUSTERS: &str = "
---
apiVersion: periplus.dev/v1alpha1
kind: Cluster
metadata: {name: edge-1, labels: {tier: edge, site: harbour}}
spec: {kind: edge, nodePools: [{capacity: {cpu: 4, memory: 8Gi}}]}
---
apiVersion: periplus.dev/v1alpha1
kind: Cluster
metadata: {name: cloud, labels: {tier: cloud}}
spec: {kind: cloud, nodePools: [{capacity: {cpu: 4, memory: 8Gi}}]}
";

/// What is told of an app `shop`, with these components and customizations.
fn told(components: &str, customize: &str) -> Vec<String> {
    let app = format!(
        "apiVersion: periplus.dev/v1alpha1\nkind: Application\nmetadata: {{name: shop}}\nspec:\n  \
         components: {components}\n  customize: {customize}\n"
    );
    told_of(&app, &[])
}

fn told_of(app: &str, files: &[(&str, &str)]) -> Vec<String> {
    let place = tempfile::TempDir::new().unwrap();
    let path = place.path().join("shop.yaml");
    std::fs::write(&path, format!("{app}{CLUSTERS}")).unwrap();
    for (name, text) in files {
        std::fs::write(place.path().join(name), text).unwrap();
    }
    let delivery = periplus_spec::delivery(&path).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
    problems(&delivery).iter().map(ToString::to_string).collect()
}

const WEB: &str =
    "[{name: web, image: \"shop/web:1\", serviceTime: 5ms, requests: {cpu: 500m, memory: 256Mi}}]";

#[test]
fn what_can_be_written_is_not_complained_of() {
    let customize = "
  - {image: {tag: \"2\"}, labels: {a: b}, nodeSelector: {disk: ssd}}
  - {clusters: {matchLabels: {tier: edge}}, env: {SITE: \"${cluster.labels.site}\", KEPT: \"$${x}\"}}
  - {clusters: cloud, requests: {cpu: 250m}, limits: {memory: 1Gi}, args: [--fast]}
  - target: {kind: Deployment}
    strategicMerge: {spec: {template: {spec: {containers: [{name: web, env: [{name: A, value: b}]}]}}}}
    mergePatch: {metadata: {annotations: {a: null}}}
    jsonPatch: [{op: add, path: /spec/minReadySeconds, value: 5}]";
    assert_eq!(told(WEB, customize), Vec::<String>::new());
}

#[test]
fn each_customization_is_tried_on_the_objects_of_every_cluster_that_it_means() {
    let table = [
        (
            "[{jsonPatch: [{op: remove, path: /spec/nothing}]}]",
            "shop in edge-1: customize[0].jsonPatch[0]: ServiceAccount web:",
        ),
        (
            "[{target: {kind: Deployment}, jsonPatch: [{op: remove, path: /spec/nothing}]}]",
            "customize[0].jsonPatch[0]: Deployment web: path is invalid at /spec/nothing",
        ),
        ("[{jsonPatch: [{op: paint, path: /a}]}]", "customize[0].jsonPatch: not a JSON Patch"),
        ("[{mergePatch: 3}]", "customize[0].mergePatch: a merge patch of an object is a mapping"),
        (
            "[{target: {kind: Deployment}, mergePatch: {metadata: {name: other}}}]",
            "Deployment web cannot become Deployment other",
        ),
        (
            "[{env: {SITE: \"${cluster.labels.site}\"}}]",
            "shop in cloud: customize[0].env: the cluster cloud has no label `site`",
        ),
        (
            "[{env: {SITE: \"${cluster.nmae}\"}}]",
            "there is no variable `cluster.nmae`; there are cluster.name,",
        ),
        ("[{env: {SITE: \"${cluster.name\"}}]", "opens a variable and does not close it"),
        (
            "[{requests: {cpu: 600m}}]",
            "customize[0].requests.cpu: 600m is more than the component asks for (500m)",
        ),
        ("[{replicas: 3}]", "customize[0].replicas: the replicas of Deployment web are planned"),
        (
            "[{image: {container: db, tag: \"2\"}}]",
            "customize[0].image.container: there is no such container",
        ),
        (
            "[{target: {kind: Service}, labels: {a: b}}]",
            "shop in all clusters: customize[0]: its `target` finds no object",
        ),
        (
            "[{clusters: {matchLabels: {tier: lab}}, labels: {a: b}}]",
            "customize[0]: its `clusters` finds no cluster",
        ),
        (
            "[{target: {kind: Deployment}, strategicMerge: {spec: {template: {spec: {containers: [{image: x}]}}}}}]",
            "has no `name`, by which it would be found",
        ),
    ];
    for (customize, wanted) in table {
        let told = told(WEB, customize);
        assert!(told.iter().any(|one| one.contains(wanted)), "{customize}\n{told:#?}");
    }
}

#[test]
fn clusters_that_differ_in_nothing_are_tried_once() {
    let told = told(WEB, "[{target: {kind: Deployment}, jsonPatch: [{op: remove, path: /x}]}]");
    assert_eq!(told.len(), 1, "{told:#?}");
}

const MANIFESTS: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: x}]}}}
";

fn brought(manifests: &str, more: &str) -> Vec<String> {
    let app = format!(
        "apiVersion: periplus.dev/v1alpha1\nkind: Application\nmetadata: {{name: shop}}\nspec:\n  \
         components:\n  - name: web\n    serviceTime: 5ms\n    source: {{files: {{paths: [web.yaml]}}}}\n{more}"
    );
    told_of(&app, &[("web.yaml", manifests)])
}

#[test]
fn manifests_that_are_brought_must_say_whose_replicas_are_set() {
    assert_eq!(brought(MANIFESTS, ""), Vec::<String>::new());
    let none = brought("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", "");
    assert!(none[0].contains("one Deployment or StatefulSet must take the replicas; found: none"));
    let two = format!("{MANIFESTS}---{}", MANIFESTS.replace("{name: web}", "{name: db}"));
    assert!(brought(&two, "")[0].contains("found: web, db"));
    let scaled = brought(MANIFESTS, "    scaling: {hpa: {min: 1, max: 3}}\n");
    assert!(scaled[0].contains("no HorizontalPodAutoscaler of web"), "{scaled:#?}");
}

#[test]
fn secrets_in_clear_are_refused_wherever_they_come_from() {
    let secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: hunter2}\n";
    let told = brought(&format!("{MANIFESTS}{secret}"), "");
    assert!(told[0].contains("Secret db carries a secret in clear at stringData"), "{told:#?}");
    assert!(!told[0].contains("hunter2"));
    let patched = "[{target: {kind: ServiceAccount}, mergePatch: {metadata: {annotations: {db: \"postgres://u:hunter2@db\"}}}}]";
    let told = self::told(WEB, patched);
    assert!(told[0].contains("ServiceAccount web carries a secret in clear"), "{told:#?}");
    assert!(!told[0].contains("hunter2"));
}

#[test]
fn apps_that_share_a_namespace_cannot_have_components_of_the_same_name() {
    let app = |name: &str| {
        format!(
            "apiVersion: periplus.dev/v1alpha1\nkind: Application\nmetadata: {{name: {name}}}\n\
             spec: {{namespace: shared, components: [{{name: web, serviceTime: 5ms}}]}}\n"
        )
    };
    let told = told_of(&format!("{}---\n{}", app("shop"), app("bank")), &[]);
    assert!(
        told[0].contains(
            "Deployment web is written twice in the namespace shared: by shop and by bank"
        ),
        "{told:#?}"
    );
}

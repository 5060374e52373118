//! What is applied, what is deleted and what is left alone, in emulated clusters.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams};
use periplus_live::apply::{Fault, Force, INVENTORY, NAMESPACE, Options};
use periplus_live::delivery::Scope;
use periplus_live::hub::Found;
use periplus_support::emulated::{Cluster, Emulator};
use serde_json::{Value, json};

use crate::rig::{CLUSTER, Rig, config_map, definition, labels, options, parcel, whole, widget};

/// The names of objects of a kind in the namespace of the app.
fn names(cluster: &Cluster, plural: &str) -> Vec<String> {
    let name = |object: Value| object["metadata"]["name"].as_str().unwrap().to_owned();
    cluster.list(plural, "shop").into_iter().map(name).collect()
}

/// The names that the inventory has, and what its annotation says.
fn inventory(cluster: &Cluster, annotation: &str) -> (Vec<String>, String) {
    let map = cluster.get("configmaps", NAMESPACE, INVENTORY).unwrap();
    let objects: Value =
        serde_json::from_str(map["data"]["objects.json"].as_str().unwrap()).unwrap();
    let name = |object: &Value| object["name"].as_str().unwrap().to_owned();
    let said = map["metadata"]["annotations"][annotation].as_str().unwrap().to_owned();
    (objects.as_array().unwrap().iter().map(name).collect(), said)
}

fn app(name: &str, value: &str) -> periplus_live::delivery::Parcel {
    parcel(Some(name), Scope::Changes, &[("30-configmap", Some(config_map(name, value)))])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wanted_is_applied_in_order_and_what_is_not_any_more_goes() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster(CLUSTER);
    let mut rig = Rig::start(options(cluster.config(), "ours"));
    // The namespace comes first, and a kind before its objects, whatever the order of files is.
    let files = [
        ("90-widget-one", Some(widget())),
        ("05-definition", Some(definition())),
        ("30-a", Some(config_map("a", "1"))),
    ];
    assert_eq!(rig.apply(vec![parcel(Some("shop"), Scope::Whole, &files), whole()]).await, []);
    assert_eq!(names(&cluster, "configmaps"), ["a"]);
    assert_eq!(cluster.get("widgets", "shop", "one").unwrap()["spec"]["size"], 3);
    let (mut listed, run) = inventory(&cluster, "periplus.dev/run");
    listed.sort();
    assert_eq!(listed, ["a", "one", "shop", "widgets.example.net"]);
    assert_eq!((&*run, &*inventory(&cluster, "periplus.dev/record").1), ("ours", "7"));
    assert_eq!(
        cluster.get("namespaces", "", NAMESPACE).unwrap()["metadata"]["labels"]["app.kubernetes.io/managed-by"],
        "periplus.dev"
    );

    // Another file says the same object, and then one of them goes: it stays.
    let moved = [("30-a", None), ("31-a", Some(config_map("a", "2"))), ("90-widget-one", None)];
    assert_eq!(rig.apply(vec![parcel(Some("shop"), Scope::Changes, &moved)]).await, []);
    assert_eq!(cluster.get("configmaps", "shop", "a").unwrap()["data"]["key"], "2");
    assert_eq!(cluster.get("widgets", "shop", "one"), None);

    let none = [("31-a", None), ("05-definition", None)];
    let gone = parcel(None, Scope::Changes, &[("00-namespace-shop", None)]);
    assert_eq!(rig.apply(vec![parcel(Some("shop"), Scope::Changes, &none), gone]).await, []);
    assert_eq!(cluster.get("namespaces", "", "shop"), None);
    assert_eq!(inventory(&cluster, "periplus.dev/run").0, Vec::<String>::new());
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_made_is_never_deleted() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster(CLUSTER);
    cluster.put(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" } }));
    cluster.put(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "theirs", "namespace": "shop" },
        "data": { "other": "x" },
    }));
    let mut rig = Rig::start(options(cluster.config(), "ours"));
    let files = [
        ("30-theirs", Some(config_map("theirs", "1"))),
        ("30-ours", Some(config_map("ours", "1"))),
        ("30-given-away", Some(config_map("given-away", "1"))),
    ];
    assert_eq!(rig.apply(vec![whole(), parcel(Some("shop"), Scope::Whole, &files)]).await, []);
    assert_eq!(
        cluster.get("configmaps", "shop", "theirs").unwrap()["data"],
        json!({"key": "1", "other": "x"})
    );
    // Somebody has made another object of this name, and it has no mark of ours.
    assert!(cluster.delete("configmaps", "shop", "given-away"));
    let mut given = config_map("given-away", "2");
    given["metadata"]["labels"] = json!({});
    cluster.put(given);

    let gone: Vec<(&str, Option<Value>)> = files.iter().map(|(name, _)| (*name, None)).collect();
    let namespace = parcel(None, Scope::Changes, &[("00-namespace-shop", None)]);
    assert_eq!(rig.apply(vec![parcel(Some("shop"), Scope::Changes, &gone), namespace]).await, []);
    assert_eq!(names(&cluster, "configmaps"), ["given-away", "theirs"]);
    assert!(cluster.get("namespaces", "", "shop").is_some());
    // It has our label now, and is remembered not to be ours, whatever becomes of it.
    assert_eq!(inventory(&cluster, "periplus.dev/run").0, ["theirs", "shop"]);
    for object in [Some(config_map("theirs", "2")), None] {
        let file = [("30-theirs", object)];
        assert_eq!(rig.apply(vec![parcel(Some("shop"), Scope::Changes, &file)]).await, []);
        assert!(cluster.get("configmaps", "shop", "theirs").is_some());
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_of_others_are_refused_and_told_or_taken_where_that_is_said_and_other_apps_go_on() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster(CLUSTER);
    let mut rig = Rig::start(options(cluster.config(), "ours"));
    assert_eq!(rig.apply(vec![whole(), app("shop", "1"), app("other", "1")]).await, []);
    let api: Api<ConfigMap> = Api::namespaced(cluster.client(), "shop");
    let by_hand = Patch::Apply(config_map("shop", "by hand"));
    api.patch("shop", &PatchParams::apply("kubectl").force(), &by_hand).await.unwrap();

    // What comes after it in the same app is not applied: it may need what was refused.
    let mut service = config_map("late", "1");
    service["kind"] = json!("Service");
    service["spec"] = json!({ "ports": [{ "port": 80 }] });
    service.as_object_mut().unwrap().remove("data");
    let files = [("30-configmap", Some(config_map("shop", "2"))), ("60-service", Some(service))];
    rig.send(vec![parcel(Some("shop"), Scope::Changes, &files), app("other", "2")]);
    for _ in 0..2 {
        let (part, answer) = rig.heard().await;
        if part.app.as_deref() == Some("other") {
            assert_eq!(answer, Ok(()));
            continue;
        }
        let fault = answer.unwrap_err();
        assert!(matches!(fault, Fault::Conflict { .. }), "{fault}");
        let told = fault.to_string();
        for word in ["ConfigMap shop/shop", CLUSTER, ".data.key", "\"kubectl\"", "force: true"] {
            assert!(told.contains(word), "{word}: {told}");
        }
    }
    assert_eq!(cluster.get("configmaps", "shop", "shop").unwrap()["data"]["key"], "by hand");
    assert_eq!(cluster.get("configmaps", "shop", "other").unwrap()["data"]["key"], "2");
    assert_eq!(names(&cluster, "services"), Vec::<String>::new());
    rig.stop().await;

    let forced = Options { force: Force::Yes, ..options(cluster.config(), "ours") };
    let statuses = forced.statuses.clone();
    let mut rig = Rig::start(forced);
    assert_eq!(rig.apply(vec![whole(), app("shop", "2"), app("other", "2")]).await, []);
    assert_eq!(cluster.get("configmaps", "shop", "shop").unwrap()["data"]["key"], "2");
    let status = statuses.all()[CLUSTER].clone();
    assert_eq!((status.objects, status.applied, status.last_error), (3, 3, None));
    assert!(status.complete && status.last_applied_unix_ms.is_some());
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restart_what_is_not_wanted_any_more_goes_once_all_is_told() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster(CLUSTER);
    let mut rig = Rig::start(options(cluster.config(), "ours"));
    assert_eq!(rig.apply(vec![whole(), app("shop", "1"), app("other", "1")]).await, []);
    rig.stop().await;

    let mut rig = Rig::start(options(cluster.config(), "ours"));
    assert_eq!(rig.apply(vec![app("shop", "2")]).await, []);
    assert_eq!(
        names(&cluster, "configmaps"),
        ["other", "shop"],
        "nobody has said what is not wanted"
    );
    assert_eq!(rig.apply(vec![whole(), app("shop", "2")]).await, []);
    assert_eq!(names(&cluster, "configmaps"), ["shop"]);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_that_is_not_there_and_a_sealed_secret_say_so() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster(CLUSTER);
    let mut rig = Rig::start(options(cluster.config(), "ours"));
    assert_eq!(rig.apply(vec![whole()]).await, []);
    let faults = rig.apply(vec![parcel(Some("shop"), Scope::Changes, &[("90-w", Some(widget()))])]);
    let faults = faults.await;
    assert!(matches!(&faults[..], [Fault::NoKind { kind, .. }] if kind == "Widget"), "{faults:?}");
    let sealed = json!({
        "apiVersion": "v1", "kind": "Secret", "sops": { "mac": "x" },
        "metadata": { "name": "key", "namespace": "shop", "labels": labels() },
    });
    let files = [("90-w", None), ("25-secret", Some(sealed))];
    let faults = rig.apply(vec![parcel(Some("shop"), Scope::Changes, &files)]).await;
    assert!(matches!(&faults[..], [Fault::Sealed { .. }]), "{faults:?}");
    // The kind comes, and with it what needs it.
    let files = [("90-w", Some(widget())), ("25-secret", None), ("05-d", Some(definition()))];
    assert_eq!(rig.apply(vec![parcel(Some("shop"), Scope::Changes, &files)]).await, []);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_inventory_of_another_is_not_touched_unless_that_is_said() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster(CLUSTER);
    let mut theirs = Rig::start(options(cluster.config(), "theirs"));
    assert_eq!(theirs.apply(vec![whole(), app("shop", "1")]).await, []);
    theirs.stop().await;

    let mut rig = Rig::start(options(cluster.config(), "ours"));
    let faults = rig.apply(vec![whole(), app("other", "1")]).await;
    assert!(faults.len() == 2 && faults.iter().all(|fault| matches!(fault, Fault::Taken { .. })));
    assert!(faults[0].to_string().contains("theirs"), "{}", faults[0]);
    assert_eq!(names(&cluster, "configmaps"), ["shop"]);
    rig.stop().await;

    let replaces = Options { found: Found::Replace, ..options(cluster.config(), "ours") };
    let mut rig = Rig::start(replaces);
    assert_eq!(rig.apply(vec![whole(), app("other", "1")]).await, []);
    assert_eq!(names(&cluster, "configmaps"), ["other"]);
    assert_eq!(inventory(&cluster, "periplus.dev/run").1, "ours");
    rig.stop().await;
}

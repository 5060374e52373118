//! Emulated clusters as kube's own clients see them: lists, watches, faults, and a thousand at once.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use futures::stream::select_all;
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Node};
use kube::api::{
    Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchEvent,
    WatchParams,
};
use kube::core::{ApiResource, GroupVersionKind, PartialObjectMeta};
use kube::runtime::reflector::store;
use kube::runtime::watcher::{self, Event, watcher};
use kube::runtime::{WatchStreamExt, reflector};
use kube::{Client, Error, ResourceExt};
use periplus_support::emulated::{Cluster, Emulator, Kind};
use serde_json::{Value, json};

/// Longer than anything here takes, so that what hangs fails.
const AT_MOST: Duration = Duration::from_secs(120);

fn map(name: &str, value: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name },
        "data": { "k": value },
    })
}

fn maps(client: &Client) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), "default")
}

/// What comes next, or a failure instead of a test that hangs.
async fn soon<T>(next: impl Future<Output = T>) -> T {
    tokio::time::timeout(AT_MOST, next).await.expect("it took too long")
}

/// A client that does not ask again by itself where a server says 429 or 503.
fn impatient(cluster: &Cluster) -> Client {
    let mut config = cluster.config();
    config.default_retry = false;
    Client::try_from(config).expect("a config of our own")
}

fn code(error: &Error) -> u16 {
    if let Error::Api(status) = error { status.code } else { 0 }
}

/// Waits for an object to be seen at a value.
async fn seen_at(
    events: &mut (impl futures::Stream<Item = watcher::Result<Event<ConfigMap>>> + Unpin),
    name: &str,
    value: &str,
) -> Vec<String> {
    let mut errors = Vec::new();
    loop {
        match soon(events.next()).await.expect("a watcher never ends") {
            Ok(Event::Apply(map) | Event::InitApply(map)) => {
                let found = map.data.as_ref().and_then(|data| data.get("k"));
                if map.name_any() == name && found.is_some_and(|found| found == value) {
                    return errors;
                }
            }
            Ok(Event::Init | Event::InitDone | Event::Delete(_)) => {}
            Err(error) => errors.push(error.to_string()),
        }
    }
}

#[tokio::test]
async fn objects_are_made_changed_and_deleted() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster("one");
    let maps = maps(&cluster.client());
    let made: ConfigMap = serde_json::from_value(map("a", "1")).unwrap();
    let created = maps.create(&PostParams::default(), &made).await.unwrap();
    assert!(created.uid().is_some() && created.resource_version().is_some());
    let twice = maps.create(&PostParams::default(), &made).await.unwrap_err();
    assert_eq!(code(&twice), 409);

    let patch = Patch::Merge(json!({ "data": { "k": "2" } }));
    let patched = maps.patch("a", &PatchParams::default(), &patch).await.unwrap();
    assert_ne!(patched.resource_version(), created.resource_version());
    let stale = maps.replace("a", &PostParams::default(), &created).await.unwrap_err();
    assert_eq!(code(&stale), 409);
    assert_eq!(cluster.get("configmaps", "default", "a").unwrap()["data"]["k"], "2");

    maps.delete("a", &DeleteParams::default()).await.unwrap();
    assert_eq!(code(&maps.get("a").await.unwrap_err()), 404);
    assert_eq!(cluster.asked("create", "configmaps"), 2);
    assert_eq!(cluster.asked("patch", "configmaps"), 1);
}

#[tokio::test]
async fn two_appliers_conflict_until_one_forces() {
    let emulator = Emulator::start();
    let maps = maps(&emulator.cluster("one").client());
    let ours = maps.patch("a", &PatchParams::apply("ours"), &Patch::Apply(map("a", "1"))).await;
    assert_eq!(ours.unwrap().managed_fields().len(), 1);
    let theirs = PatchParams::apply("theirs");
    let refused = maps.patch("a", &theirs, &Patch::Apply(map("a", "2"))).await.unwrap_err();
    assert_eq!(code(&refused), 409);
    assert!(refused.to_string().contains("conflict with \"ours\": .data.k"), "{refused}");
    let forced = maps.patch("a", &theirs.force(), &Patch::Apply(map("a", "2"))).await.unwrap();
    assert_eq!(forced.managed_fields().len(), 1, "{:?}", forced.managed_fields());
}

#[tokio::test]
async fn pages_show_one_state_until_it_is_compacted_away() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster("one");
    for at in 0..5 {
        cluster.put(map(&format!("m{at}"), "1"));
    }
    let maps = maps(&cluster.client());
    let first = maps.list(&ListParams::default().limit(2)).await.unwrap();
    assert_eq!(first.metadata.remaining_item_count, Some(3));
    cluster.put(map("m20", "late"));
    cluster.delete("configmaps", "default", "m3");
    let go_on = first.metadata.continue_.clone().unwrap();
    let rest = maps.list(&ListParams::default().limit(9).continue_token(&go_on)).await.unwrap();
    let names: Vec<String> = rest.iter().map(ResourceExt::name_any).collect();
    assert_eq!(names, ["m2", "m3", "m4"]);
    assert_eq!(rest.metadata.resource_version, first.metadata.resource_version);
    cluster.compact();
    let gone = maps.list(&ListParams::default().continue_token(&go_on)).await.unwrap_err();
    assert_eq!(code(&gone), 410);
}

#[tokio::test]
async fn a_watch_from_before_compaction_is_told_that_it_is_gone() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster("one");
    let maps = maps(&cluster.client());
    let mut running =
        pin!(maps.watch(&WatchParams::default(), &cluster.version().to_string()).await.unwrap());
    cluster.put(map("a", "1"));
    assert!(matches!(soon(running.try_next()).await, Ok(Some(WatchEvent::Added(_)))));
    cluster.compact();
    let Ok(Some(WatchEvent::Error(told))) = soon(running.try_next()).await else {
        panic!("a running watch ends with an error")
    };
    assert_eq!((told.code, told.reason.as_str()), (410, "Expired"));
    let mut late = pin!(maps.watch(&WatchParams::default(), "1").await.unwrap());
    assert!(
        matches!(soon(late.try_next()).await, Ok(Some(WatchEvent::Error(told))) if told.code == 410)
    );
}

#[tokio::test]
async fn a_watcher_survives_compaction_cuts_and_throttling() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster("one");
    cluster.put(map("a", "1"));
    let mut events = pin!(watcher(maps(&impatient(&cluster)), watcher::Config::default()));
    assert!(seen_at(&mut events, "a", "1").await.is_empty());

    cluster.compact();
    cluster.put(map("a", "2"));
    seen_at(&mut events, "a", "2").await;

    cluster.cut();
    let cut = loop {
        if let Err(error) = soon(events.next()).await.unwrap() {
            break error;
        }
    };
    cluster.put(map("a", "3"));
    cluster.heal();
    seen_at(&mut events, "a", "3").await;
    assert!(!cut.to_string().is_empty());

    cluster.refuse();
    let refused = loop {
        if let Err(error) = soon(events.next()).await.unwrap() {
            break error.to_string();
        }
    };
    assert!(refused.contains("currently unable"), "{refused}");
    cluster.heal();
    cluster.throttle(2);
    cluster.compact();
    cluster.put(map("a", "4"));
    let errors = seen_at(&mut events, "a", "4").await;
    assert!(errors.len() >= 2, "{errors:?}");
}

#[tokio::test]
async fn a_reflector_holds_what_the_cluster_holds() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster("one");
    let (reader, writer) = store();
    let source = watcher(maps(&cluster.client()), watcher::Config::default().page_size(2));
    let mut changes = pin!(reflector(writer, source).default_backoff().applied_objects());
    for at in 0..5 {
        cluster.put(map(&format!("m{at}"), "1"));
    }
    for _ in 0..5 {
        soon(changes.next()).await.unwrap().unwrap();
    }
    cluster.put(map("last", "1"));
    while soon(changes.next()).await.unwrap().unwrap().name_any() != "last" {}
    let held: Vec<String> = reader.state().iter().map(|map| map.name_any()).collect();
    assert_eq!(held.len(), cluster.list("configmaps", "default").len());
}

#[tokio::test]
async fn metadata_is_watched_without_the_rest() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster("one");
    cluster.put(map("a", "1"));
    let all = Api::<PartialObjectMeta<ConfigMap>>::namespaced(cluster.client(), "default");
    let source = watcher(all, watcher::Config::default());
    let mut changes = pin!(source.applied_objects());
    let first = soon(changes.next()).await.unwrap().unwrap();
    assert_eq!(first.types.as_ref().unwrap().kind, "PartialObjectMetadata");
    cluster.put(map("b", "1"));
    assert_eq!(soon(changes.next()).await.unwrap().unwrap().name_any(), "b");
}

#[tokio::test]
async fn lists_are_streamed_where_that_is_allowed() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster("one");
    cluster.put(map("a", "1"));
    let config = || watcher::Config::default().streaming_lists();
    let mut refused = pin!(watcher(maps(&cluster.client()), config()));
    let refused = soon(refused.next()).await.unwrap().unwrap_err();
    assert!(refused.to_string().contains("resourceVersionMatch is forbidden"), "{refused}");
    cluster.stream_lists();
    let mut events = pin!(watcher(maps(&cluster.client()), config()));
    let mut seen = Vec::new();
    loop {
        match soon(events.next()).await.unwrap().unwrap() {
            Event::InitApply(map) => seen.push(map.name_any()),
            Event::InitDone => break,
            Event::Init | Event::Apply(_) | Event::Delete(_) => {}
        }
    }
    assert_eq!(seen, ["a"]);
    assert_eq!(cluster.asked("list", "configmaps"), 0);
}

#[tokio::test]
async fn bookmarks_come_when_they_are_sent() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster("one");
    let maps = maps(&cluster.client());
    let from = cluster.version().to_string();
    let mut watch = pin!(maps.watch(&WatchParams::default(), &from).await.unwrap());
    cluster.put(json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "n" } }));
    cluster.bookmark();
    let Ok(Some(WatchEvent::Bookmark(mark))) = soon(watch.try_next()).await else {
        panic!("a bookmark, and nothing of other kinds")
    };
    assert_eq!(mark.metadata.resource_version, cluster.version().to_string());
}

#[tokio::test]
async fn a_token_is_needed_and_may_be_replaced() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster("one");
    let before = Api::<Node>::all(cluster.client());
    before.list(&ListParams::default()).await.unwrap();
    cluster.set_token("another");
    assert_eq!(code(&before.list(&ListParams::default()).await.unwrap_err()), 401);
    Api::<Node>::all(cluster.client()).list(&ListParams::default()).await.unwrap();
}

#[tokio::test]
async fn a_silent_cluster_answers_when_it_heals() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster("one");
    let nodes = Api::<Node>::all(cluster.client());
    cluster.silence();
    let everything = ListParams::default();
    let mut asked = pin!(nodes.list(&everything));
    while cluster.asked("list", "nodes") == 0 {
        assert!(futures::poll!(&mut asked).is_pending());
        tokio::task::yield_now().await;
    }
    assert!(futures::poll!(&mut asked).is_pending());
    cluster.heal();
    soon(asked).await.unwrap();
}

#[tokio::test]
async fn kinds_are_registered_and_robots_follow_them() {
    let emulator = Emulator::start();
    let before = emulator.cluster("before");
    emulator.register(&Kind::custom("example.org", "v1", "Want", "wants"));
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("example.org", "v1", "Want"));
    for cluster in [before, emulator.cluster("after")] {
        let mut happenings = cluster.subscribe();
        let wants = Api::<DynamicObject>::namespaced_with(cluster.client(), "default", &kind);
        let want = DynamicObject::new("w", &kind).data(json!({ "spec": { "size": 1 } }));
        wants.create(&PostParams::default(), &want).await.unwrap();
        let happened = soon(happenings.next()).await.unwrap();
        assert_eq!((happened.what, happened.plural.as_str()), ("ADDED", "wants"));
        let mut object = happened.object;
        object["status"] = json!({ "observedGeneration": object["metadata"]["generation"] });
        cluster.put(object);
        let read = wants.get("w").await.unwrap();
        assert_eq!(read.data["status"]["observedGeneration"], 1);
        assert_eq!(read.metadata.generation, Some(1));
    }
}

#[tokio::test]
async fn a_namespace_takes_its_contents_along() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster("one");
    cluster.put(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "n" } }));
    let mut held = map("held", "1");
    held["metadata"]["namespace"] = json!("n");
    held["metadata"]["finalizers"] = json!(["example.org/held"]);
    cluster.put(held);
    let namespaces = Api::<Namespace>::all(cluster.client());
    namespaces.delete("n", &DeleteParams::default()).await.unwrap();
    assert_eq!(cluster.get("namespaces", "", "n").unwrap()["status"]["phase"], "Terminating");
    let maps = Api::<ConfigMap>::namespaced(cluster.client(), "n");
    let free = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    maps.patch("held", &PatchParams::default(), &free).await.unwrap();
    assert!(cluster.get("namespaces", "", "n").is_none());
}

/// What a small edge cluster holds.
fn inhabit(cluster: &Cluster) {
    for at in 0..5 {
        cluster.put(json!({
            "apiVersion": "v1", "kind": "Node", "metadata": { "name": format!("n{at}") },
            "status": { "capacity": { "cpu": "4", "memory": "8Gi", "pods": "110" }, "conditions": [
                { "type": "Ready", "status": "True", "reason": "KubeletReady" },
            ] },
        }));
    }
    for at in 0..70 {
        let resources = json!({ "requests": { "cpu": "100m", "memory": "128Mi" } });
        let containers =
            json!([{ "name": "web", "image": "registry/web:1", "resources": resources }]);
        let labels = json!({ "app": format!("app-{}", at % 20) });
        let (api, kind, spec) = if at < 20 {
            let template =
                json!({ "metadata": { "labels": labels }, "spec": { "containers": containers } });
            let spec = json!({ "selector": { "matchLabels": labels }, "template": template });
            ("apps/v1", "Deployment", spec)
        } else {
            ("v1", "Pod", json!({ "nodeName": format!("n{}", at % 5), "containers": containers }))
        };
        cluster.put(json!({
            "apiVersion": api, "kind": kind, "spec": spec,
            "metadata": { "name": format!("o{at}"), "labels": labels },
            "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] },
        }));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_clusters_are_watched_at_once() {
    const CLUSTERS: usize = 1000;
    /// 75 objects and their history, about 800 bytes each.
    const BYTES_MAX: usize = 120_000;
    let emulator = Emulator::start();
    let mut watches = Vec::new();
    for at in 0..CLUSTERS {
        let cluster = emulator.cluster(&format!("c{at:04}"));
        inhabit(&cluster);
        assert!(cluster.weight() < BYTES_MAX, "{} bytes", cluster.weight());
        let client = cluster.client();
        let source = watcher(maps(&client), watcher::Config::default());
        watches.push(source.map(move |event| (at, event)).boxed());
    }
    let mut all = select_all(watches);
    let mut ready = 0;
    while ready < CLUSTERS {
        if let Event::InitDone = soon(all.next()).await.unwrap().1.unwrap() {
            ready += 1;
        }
    }
    for cluster in emulator.clusters() {
        cluster.put(map("change", "1"));
    }
    let mut seen: BTreeMap<usize, usize> = BTreeMap::new();
    while seen.len() < CLUSTERS {
        if let (at, Ok(Event::Apply(_))) = soon(all.next()).await.unwrap() {
            *seen.entry(at).or_default() += 1;
        }
    }
    assert!(seen.values().all(|seen| *seen == 1));
    for cluster in emulator.clusters() {
        assert_eq!(cluster.asked("list", "configmaps"), 1, "{}", cluster.name());
        assert_eq!(cluster.asked("watch", "configmaps"), 1, "{}", cluster.name());
    }
}

//! Custom resources of an emulated cluster are followed: what is wrong holds up nobody else, and what became of each is
//! written back, once.

use std::path::Path;
use std::sync::Arc;

use k8s_openapi::api::events::v1::Event;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use periplus_live::clusters::Source;
use periplus_live::intents::custom::{Hub, crds};
use periplus_live::intents::{IntentsFrom, Status};
use periplus_live::sighting::{Measures, Node, Pool, Rate, Sight};
use periplus_spec::Bundle;
use periplus_support::emulated::{Cluster, Emulator, Kind};
use periplus_support::real::until;
use serde_json::{Value, json};

use crate::fleet::{Fleet, LONG, OFTEN, SOON};

/// The documents of a file, as `kubectl` sends them.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    let all = text.split("\n---\n").map(|one| serde_saphyr::from_str(one).unwrap());
    let of_hub = |one: &Value| crds().iter().any(|known| known.spec.names.kind == one["kind"]);
    all.filter(of_hub).collect()
}

pub(crate) fn harbour() -> Vec<Value> {
    let voyage = include_str!("../../../../docs/guide/voyage/harbour.yaml");
    // So that no test waits for long.
    documents(&voyage.replace("dwell: 30s", "dwell: 1s"))
}

pub(crate) fn api(client: &Client, kind: &str) -> Api<DynamicObject> {
    let definition = crds().into_iter().find(|one| one.spec.names.kind == kind).unwrap();
    let known = GroupVersionKind::gvk("periplus.dev", "v1alpha1", kind);
    Api::all_with(
        client.clone(),
        &ApiResource::from_gvk_with_plural(&known, &definition.spec.names.plural),
    )
}

/// Applies a document as people do.
pub(crate) async fn apply(client: &Client, document: &Value) -> Result<(), kube::Error> {
    let (kind, name) =
        (document["kind"].as_str().unwrap(), document["metadata"]["name"].as_str().unwrap());
    let params = PatchParams::apply("somebody").force();
    api(client, kind).patch(name, &params, &Patch::Apply(document)).await.map(drop)
}

/// A condition of a document: status, reason, message.
pub(crate) async fn condition(
    client: &Client,
    kind: &str,
    name: &str,
    of: &str,
) -> Option<(String, String, String)> {
    let object = api(client, kind).get(name).await.ok()?;
    let conditions = object.data.get("status")?.get("conditions")?.as_array()?.clone();
    let found = conditions.into_iter().find(|one| one["type"] == of)?;
    assert_eq!(found["observedGeneration"], object.data["status"]["observedGeneration"]);
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    // What is said of an older generation is not about this one.
    let current = found["observedGeneration"].as_i64() == object.metadata.generation;
    current.then(|| (text("status"), text("reason"), text("message")))
}

/// Waits until a document is accepted, or refused for this reason. Gives the message.
pub(crate) async fn judged(client: &Client, kind: &str, name: &str, reason: &str) -> String {
    until(&format!("{kind}/{name} to be {reason}"), SOON, async || {
        let (_, why, message) = condition(client, kind, name, "Accepted").await?;
        (why == reason).then_some(message)
    })
    .await
}

/// Events about a document: type and reason.
pub(crate) async fn events(client: &Client, kind: &str, name: &str) -> Vec<(String, String)> {
    let all: Api<Event> = Api::namespaced(client.clone(), "kube-system");
    let all = all.list(&ListParams::default()).await.unwrap().items.into_iter();
    let mut about: Vec<Event> = all
        .filter(|event| {
            let regarding = event.regarding.as_ref().unwrap();
            regarding.kind.as_deref() == Some(kind) && regarding.name.as_deref() == Some(name)
        })
        .collect();
    about.sort_by_key(|event| event.event_time.as_ref().unwrap().0);
    about.into_iter().map(|event| (event.type_.unwrap(), event.reason.unwrap())).collect()
}

pub(crate) fn first() -> Bundle {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/voyage/harbour.yaml");
    Bundle::read(&place).unwrap()
}

pub(crate) fn hub(cluster: &Cluster) -> Hub {
    let of = cluster.clone();
    let source = Source::Loaded(Arc::new(move || Ok(of.config())));
    Hub { gather: OFTEN, look_every: OFTEN * 10, ..Hub::new("hub", source) }
}

/// A hub with the documents of the first voyage.
pub(crate) async fn furnished(emulator: &Emulator) -> (Cluster, Client) {
    let cluster = emulator.cluster("hub");
    cluster.register(Kind::custom("events.k8s.io", "v1", "Event", "events"));
    let client = cluster.client();
    let definitions = Api::all(client.clone());
    for definition in crds() {
        definitions.create(&PostParams::default(), &definition).await.unwrap();
    }
    for document in harbour() {
        apply(&client, &document).await.unwrap();
    }
    (cluster, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_of_a_hub_are_declared_and_answered() {
    let emulator = Emulator::start();
    let (cluster, client) = furnished(&emulator).await;
    let from = IntentsFrom::Hub(hub(&cluster));
    let fleet = Fleet::start(from).await;
    let all = [
        "Application/shop",
        "Cluster/cloud",
        "Cluster/edge-harbour",
        "Cluster/edge-island",
        "Policy/house",
        "Zone/harbour",
        "Zone/island",
    ];
    assert_eq!(fleet.declared().await, all);
    for one in all {
        let (kind, name) = one.split_once('/').unwrap();
        judged(&client, kind, name, "Declared").await;
    }
    until("where the shop is", SOON, async || {
        let (status, _, _) = condition(&client, "Application", "shop", "Ready").await?;
        (status == "Unknown").then_some(())
    })
    .await;
    let placed = condition(&client, "Application", "shop", "Placed").await.unwrap();
    assert_eq!((&*placed.0, &*placed.1), ("False", "NotNeeded"));
    assert_eq!(fleet.status().changes, 0, "what it began with is what it has");
    an_app_that_is_needed_says_where_it_is(&fleet, &client).await;

    // One is wrong; it stays as it was, and another change is taken in.
    let mut shop = harbour().remove(0);
    let right = shop.clone();
    shop["spec"]["components"][0]["image"] = json!("shop/web:2");
    shop["spec"]["calls"][0]["to"] = json!("cellar");
    apply(&client, &shop).await.unwrap();
    let said = judged(&client, "Application", "shop", "UnknownComponent").await;
    assert!(said.contains("`cellar`") && said.contains(r#"(at `"to": "cellar"`)"#), "{said}");
    let mut zone = json!({
        "apiVersion": "periplus.dev/v1alpha1", "kind": "Zone",
        "metadata": { "name": "reef", "annotations": { "who": "somebody" } },
        "spec": { "location": { "latitude": 42.5, "longitude": 7 }, "users": 3 },
    });
    apply(&client, &zone).await.unwrap();
    judged(&client, "Zone", "reef", "Declared").await;
    assert_eq!(fleet.image("shop").await.unwrap(), "shop/web:1");
    assert!(fleet.declared().await.contains(&"Zone/reef".to_owned()));
    let complaints = fleet.status().complaints;
    assert_eq!((complaints.len(), &*complaints[0].at), (1, "Application/shop"));
    assert_eq!(complaints[0].code, "unknown-component");

    // Annotations and who wrote what do not matter.
    let changes = fleet.status().changes;
    zone["metadata"]["annotations"]["who"] = json!("somebody else");
    apply(&client, &zone).await.unwrap();

    shop = right.clone();
    shop["spec"]["components"][0]["image"] = json!("shop/web:2");
    apply(&client, &shop).await.unwrap();
    judged(&client, "Application", "shop", "Declared").await;
    assert_eq!(fleet.image("shop").await.unwrap(), "shop/web:2");
    assert_eq!(fleet.status().changes, changes + 1);
    until("two events", SOON, async || {
        (events(&client, "Application", "shop").await.len() == 2).then_some(())
    })
    .await;
    let told = events(&client, "Application", "shop").await;
    let told: Vec<(&str, &str)> = told.iter().map(|(type_, why)| (&**type_, &**why)).collect();
    assert_eq!(told, [("Warning", "UnknownComponent"), ("Normal", "Declared")]);
    assert_eq!(events(&client, "Zone", "reef").await, []);

    nothing_is_written_twice(&cluster).await;
    only_the_desk_knows(&fleet, &client, &right).await;
    fleet.stop().await;
}

/// Users come, and it is told where the app goes for them.
async fn an_app_that_is_needed_says_where_it_is(fleet: &Fleet, client: &Client) {
    for cluster in ["edge-harbour", "edge-island", "cloud"] {
        fleet.see(Sight::Alive { cluster: cluster.into() }).await;
        let node = Node { cpu_milli: 16_000, memory_bytes: 64 << 30, pods: 100, ..Node::default() };
        let pools = vec![Pool { name: "default".into(), nodes: vec![node; 4] }];
        fleet.see(Sight::Room { cluster: cluster.into(), pools }).await;
    }
    let rate = Rate { app: "shop".into(), zone: "harbour".into(), milli_rps: 40_000 };
    let (source, measures) = ("test".into(), Measures::Offered);
    fleet.see(Sight::Demand { source, measures, rates: vec![rate] }).await;
    let said = until("it to be somewhere", LONG, async || {
        let (status, _, message) = condition(client, "Application", "shop", "Placed").await?;
        (status == "True").then_some(message)
    })
    .await;
    assert!(["cloud", "edge-harbour", "edge-island"].contains(&&*said), "{said}");
    let (status, reason, message) =
        condition(client, "Application", "shop", "Ready").await.unwrap();
    assert_eq!((&*status, &*reason, &*message), ("False", "Waiting", "0 of 1 clusters ready"));
}

/// While nothing changes, nothing is written.
async fn nothing_is_written_twice(cluster: &Cluster) {
    let version = cluster.version();
    tokio::time::sleep(OFTEN * 40).await;
    assert_eq!(cluster.version(), version);
}

/// What is wrong only beside what was declared before is refused too, and other changes at the same time are not.
async fn only_the_desk_knows(fleet: &Fleet, client: &Client, right: &Value) {
    let mut shop = right.clone();
    let components = shop["spec"]["components"].as_array_mut().unwrap();
    components.reverse();
    let mut island = harbour().into_iter().find(|one| one["metadata"]["name"] == "island").unwrap();
    island["spec"]["users"] = json!(77);
    apply(client, &shop).await.unwrap();
    apply(client, &island).await.unwrap();
    judged(client, "Application", "shop", "ShapeChanged").await;
    until("the island's people", SOON, async || {
        let declared = fleet.ask(|desk| desk.intents().declared()).await;
        let zone = declared.into_iter().find(|((_, name), _)| name.to_string() == "island")?.1;
        (serde_json::to_value(zone).unwrap()["spec"]["users"] == 77).then_some(())
    })
    .await;
    judged(client, "Zone", "island", "Declared").await;

    what_others_need_stays(fleet, client).await;
    api(client, "Application").delete("shop", &DeleteParams::default()).await.unwrap();
    until("no shop", SOON, async || {
        (!fleet.declared().await.contains(&"Application/shop".to_owned())).then_some(())
    })
    .await;
    until("no complaint", SOON, async || fleet.status().is_current().then_some(())).await;
}

/// What is deleted while others need it is missed, and does not hold up anybody.
async fn what_others_need_stays(fleet: &Fleet, client: &Client) {
    let app = |name: &str, after: Value| {
        let components =
            json!([{ "name": "main", "serviceTime": "1ms", "image": "some:1", "after": after }]);
        json!({
            "apiVersion": "periplus.dev/v1alpha1", "kind": "Application",
            "metadata": { "name": name }, "spec": { "components": components },
        })
    };
    apply(client, &app("base", json!([]))).await.unwrap();
    let above = json!([{ "app": "base", "component": "main" }]);
    apply(client, &app("above", above)).await.unwrap();
    judged(client, "Application", "above", "Declared").await;

    api(client, "Application").delete("base", &DeleteParams::default()).await.unwrap();
    let said = judged(client, "Application", "above", "UnknownApp").await;
    assert!(said.contains("`base`"), "{said}");
    apply(client, &app("third", json!([]))).await.unwrap();
    judged(client, "Application", "third", "Declared").await;
    let declared = fleet.declared().await;
    for there in ["Application/base", "Application/above", "Application/third"] {
        assert!(declared.contains(&there.to_owned()), "{declared:?}");
    }
    apply(client, &app("above", json!([]))).await.unwrap();
    judged(client, "Application", "above", "Declared").await;
    until("no base", SOON, async || {
        (!fleet.declared().await.contains(&"Application/base".to_owned())).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_cannot_be_reached_or_was_emptied_changes_nothing() {
    let emulator = Emulator::start();
    let (cluster, client) = furnished(&emulator).await;
    let fleet = Fleet::with(first(), IntentsFrom::Hub(hub(&cluster)));
    until("it to be taken in", SOON, async || current(&fleet)).await;
    let before = fleet.declared().await;

    cluster.refuse();
    until("it to be missed", SOON, async || fleet.status().failed).await;
    // Gone while nobody sees it.
    assert!(cluster.delete("zones", "", "island"));
    assert_eq!(fleet.declared().await, before);
    cluster.compact();
    cluster.heal();
    until("it to be there again", SOON, async || current(&fleet)).await;

    // As when the definitions are deleted.
    for kind in ["Cluster", "Application", "Zone", "Policy"] {
        let all = api(&client, kind);
        all.delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
    }
    until("a complaint", SOON, async || {
        fleet.status().complaints.iter().any(|one| one.code == "no-scenario").then_some(())
    })
    .await;
    assert_eq!(fleet.declared().await, before);
    fleet.stop().await;
}

fn current(fleet: &Fleet) -> Option<Status> {
    Some(fleet.status()).filter(Status::is_current)
}

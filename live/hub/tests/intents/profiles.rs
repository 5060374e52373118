//! Clusters of an inventory are clusters of the fleet.

use periplus_live::intents::IntentsFrom;
use periplus_live::intents::custom::{Hub, Profiles};
use periplus_support::emulated::Emulator;
use periplus_support::real::until;
use serde_json::{Value, json};

use crate::fleet::{Fleet, SOON};
use crate::hub::{apply, furnished, hub, judged};

fn profile(name: &str, latitude: &str) -> Value {
    json!({
        "apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "ClusterProfile",
        "metadata": { "name": name, "namespace": "inventory", "labels": { "tier": "edge" } },
        "spec": { "displayName": name, "clusterManager": { "name": "somebody" } },
        "status": { "version": { "kubernetes": "1.33.1" }, "properties": [
            { "name": "latitude", "value": latitude }, { "name": "longitude", "value": "7.5" },
        ] },
    })
}

fn profiles() -> Profiles {
    let template = json!({
        "metadata": { "labels": { "tier": "${profile.labels.tier}", "manager": "${profile.manager}" } },
        "spec": {
            "kind": "small",
            "location": {
                "latitude": "${profile.properties.latitude}",
                "longitude": "${profile.properties.longitude}",
            },
            "nodePools": [{ "nodes": 2, "capacity": { "cpu": 4, "memory": "8Gi" } }],
        },
    });
    Profiles { namespace: Some("inventory".to_owned()), template }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn profiles_of_an_inventory_become_clusters() {
    let emulator = Emulator::start();
    let (cluster, client) = furnished(&emulator).await;
    let written = cluster.put(profile("far-1", "42.25"));
    cluster.put(profile("far-2", "nowhere"));
    let mut elsewhere = profile("far-3", "42");
    elsewhere["metadata"]["namespace"] = json!("another");
    cluster.put(elsewhere);
    let hub = Hub { profiles: Some(profiles()), ..hub(&cluster) };
    let fleet = Fleet::start(IntentsFrom::Hub(hub)).await;
    judged(&client, "Application", "shop", "Declared").await;

    // One that is wrong is left out, and what lies elsewhere is not looked at.
    let clusters = async || -> Vec<String> {
        let declared = fleet.declared().await;
        declared.iter().filter_map(|one| one.strip_prefix("Cluster/").map(str::to_owned)).collect()
    };
    assert_eq!(clusters().await, ["cloud", "edge-harbour", "edge-island", "far-1"]);
    let wrong =
        until("a complaint", SOON, async || fleet.status().complaints.first().cloned()).await;
    assert_eq!((wrong.code, &*wrong.at), ("bad-coordinate", "Cluster/far-2"));
    let far = document(&fleet, "far-1").await;
    assert_eq!(far["metadata"]["labels"], json!({ "manager": "somebody", "tier": "edge" }));
    assert_eq!(far["spec"]["location"]["latitude"], "42.25");
    // Nothing is written to what is not ours.
    assert_eq!(cluster.get("clusterprofiles", "inventory", "far-1").unwrap(), written);

    cluster.put(profile("far-2", "41"));
    until("the other one", SOON, async || {
        clusters().await.contains(&"far-2".to_owned()).then_some(())
    })
    .await;
    // A document says more.
    let mut own = document(&fleet, "far-1").await;
    own["spec"]["speed"] = json!("2");
    apply(&client, &own).await.unwrap();
    judged(&client, "Cluster", "far-1", "KindDisagrees").await;
    own["spec"]["kind"] = json!("quick");
    apply(&client, &own).await.unwrap();
    judged(&client, "Cluster", "far-1", "Declared").await;
    assert_eq!(document(&fleet, "far-1").await["spec"]["kind"], "quick");

    assert!(cluster.delete("clusterprofiles", "inventory", "far-2"));
    until("it to be drained", SOON, async || (clusters().await.len() == 4).then_some(())).await;
    fleet.stop().await;
}

async fn document(fleet: &Fleet, name: &str) -> Value {
    let declared = fleet.ask(|desk| desk.intents().declared()).await;
    let found = declared.into_iter().find(|((_, known), _)| known.to_string() == name).unwrap();
    serde_json::to_value(found.1).unwrap()
}

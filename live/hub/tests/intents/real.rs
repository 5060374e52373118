//! A real kube-apiserver takes our kinds and all of our documents, and says why it does not.

use std::sync::Arc;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client};
use periplus_live::clusters::Source;
use periplus_live::intents::IntentsFrom;
use periplus_live::intents::custom::{Hub, crds, rules};
use periplus_support::real::{Cluster, until};
use serde_json::{Value, json};

use crate::fleet::{Fleet, OFTEN, SOON};
use crate::hub::{api, apply, condition, documents, events, harbour, judged};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_hub_takes_our_documents_and_is_answered() {
    let cluster = Cluster::start("hub").await;
    let client = cluster.client();
    kinds_are_structural(&client).await;
    let everything = documents(include_str!("../../../../spec/tests/valid/everything.yaml"));
    assert_eq!(everything.len(), 11);
    for document in &everything {
        apply(&client, document).await.unwrap_or_else(|wrong| panic!("{document}: {wrong}"));
        stays_as_it_was_written(&client, document).await;
    }

    // Somebody who may do what the rules say, and nothing else.
    let account = cluster.account("periplus", rules()).await;
    let config = account.config().await;
    let source = Source::Loaded(Arc::new(move || Ok(config.clone())));
    let hub = Hub { gather: OFTEN, look_every: OFTEN * 10, ..Hub::new("hub", source) };
    let fleet = Fleet::start(IntentsFrom::Hub(hub.clone())).await;

    // What names files has none here, and what names such an app does not know it.
    judged(&client, "Cluster", "edge-1", "UnreadableFile").await;
    judged(&client, "Application", "news", "UnreadableFile").await;
    judged(&client, "Application", "shop", "UnknownApp").await;
    for (kind, name) in [
        ("Application", "bank"),
        ("Application", "radio"),
        ("Cluster", "cloud-1"),
        ("Cluster", "late-1"),
        ("Policy", "house"),
        ("Tenant", "retail"),
        ("Zone", "south"),
        ("Zone", "west"),
    ] {
        judged(&client, kind, name, "Declared").await;
    }
    until("an event", SOON, async || {
        (events(&client, "Cluster", "edge-1").await.len() == 1).then_some(())
    })
    .await;

    fleet.stop().await;
    for document in &everything {
        let (kind, name) = named(document);
        api(&client, kind).delete(name, &DeleteParams::default()).await.unwrap();
    }
    for document in harbour() {
        apply(&client, &document).await.unwrap();
        stays_as_it_was_written(&client, &document).await;
    }
    let fleet = Fleet::start(IntentsFrom::Hub(hub)).await;
    judged(&client, "Application", "shop", "Declared").await;
    a_wrong_one_is_told_and_mended(&fleet, &client).await;
    the_server_refuses_what_has_no_such_form(&client).await;
    fleet.stop().await;
}

async fn kinds_are_structural(client: &Client) {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    for definition in crds() {
        let name = definition.metadata.name.clone().unwrap();
        definitions.create(&PostParams::default(), &definition).await.unwrap();
        until("the kind to be served", SOON, async || {
            let found = definitions.get(&name).await.ok()?;
            let conditions = found.status?.conditions?;
            let is = |type_: &str| {
                conditions.iter().any(|one| one.type_ == type_ && one.status == "True")
            };
            assert!(!is("NonStructuralSchema"), "{name}: {conditions:?}");
            (is("Established") && is("NamesAccepted")).then_some(())
        })
        .await;
    }
}

fn named(document: &Value) -> (&str, &str) {
    let name = document["metadata"]["name"].as_str().unwrap();
    (document["kind"].as_str().unwrap(), name)
}

/// Nothing is dropped, and nothing put in.
async fn stays_as_it_was_written(client: &Client, document: &Value) {
    let (kind, name) = named(document);
    let object = until("the kind to be served everywhere", SOON, async || {
        api(client, kind).get(name).await.ok()
    })
    .await;
    assert_eq!(object.data["spec"], document["spec"], "{kind}/{name}");
}

async fn a_wrong_one_is_told_and_mended(fleet: &Fleet, client: &Client) {
    let right = harbour().remove(0);
    let mut wrong = right.clone();
    wrong["spec"]["calls"][0]["to"] = json!("cellar");
    apply(client, &wrong).await.unwrap();
    judged(client, "Application", "shop", "UnknownComponent").await;
    assert_eq!(fleet.status().complaints.len(), 1);
    apply(client, &right).await.unwrap();
    judged(client, "Application", "shop", "Declared").await;
    until("two events", SOON, async || {
        let told = events(client, "Application", "shop").await;
        let last = told.last()?;
        (last.0 == "Normal" && last.1 == "Declared").then_some(())
    })
    .await;
    let (status, _, message) = until("where it is", SOON, async || {
        condition(client, "Application", "shop", "Ready").await
    })
    .await;
    assert_eq!((&*status, &*message), ("Unknown", "it is needed in no cluster now"));

    api(client, "Application").delete("shop", &DeleteParams::default()).await.unwrap();
    until("no shop", SOON, async || {
        (!fleet.declared().await.contains(&"Application/shop".to_owned())).then_some(())
    })
    .await;
}

/// What can be seen of a document by itself is told when it is applied.
async fn the_server_refuses_what_has_no_such_form(client: &Client) {
    let zone = |spec: Value| {
        json!({
            "apiVersion": "periplus.dev/v1alpha1", "kind": "Zone", "metadata": { "name": "reef" }, "spec": spec,
        })
    };
    let place = json!({ "latitude": 1, "longitude": 2 });
    for (spec, says) in [
        (json!({ "location": place, "users": "many" }), "spec.users"),
        (json!({ "location": { "latitude": 1 } }), "spec.location.longitude"),
        (json!({ "location": place, "accessDelay": "soon" }), "spec.accessDelay"),
    ] {
        let told = apply(client, &zone(spec)).await.unwrap_err().to_string();
        assert!(told.contains(says), "{told}");
    }
}

//! A cluster that the service cannot reach, from its first report to its silence, over HTTPS.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "reports/edge.rs"]
mod edge;
#[path = "reports/hub.rs"]
mod hub;
#[path = "reports/moody.rs"]
mod moody;

use edge::{Edge, NAME};
use hub::Hub;
use moody::{Mood, Moody, Sent};
use periplus_support::real::until;
use serde_json::{Value, json};

/// How long anything may take on a machine that has much else to do.
const SOON: std::time::Duration = std::time::Duration::from_secs(120);

/// What a component of the shop is like as the service knows it: its phase, and how many are wanted and ready.
fn component(app: &Value, name: &str) -> Option<(String, u64, u64)> {
    let places =
        app["app"]["groups"].as_array()?.iter().flat_map(|group| group["places"].as_array());
    let bindings = places.flatten().flat_map(|place| place["bindings"].as_array()).flatten();
    let binding = bindings.into_iter().find(|binding| binding["component"] == name)?;
    let count = |field: &str| binding["replicas"][field].as_u64();
    Some((binding["phase"].as_str()?.to_owned(), count("wanted")?, count("ready")?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_cannot_be_reached_is_served_by_what_it_reports() {
    let mut hub = Hub::prepare();
    let mut edge = Edge::prepare(&hub);
    // Nobody is there yet to be told.
    edge.report();
    hub.start();
    let here = format!("clusters/{NAME}");
    let has_told = |told: &Value| {
        (told["cluster"]["reporting"]["complete"] == true).then(|| told["cluster"].clone())
    };
    let known = hub.until("all to be told", &here, has_told).await;
    assert_eq!(known["watching"], Value::Null, "{known}");
    let cpu = edge::NODES * edge::NODE_CPU_MILLI;
    let has_room = |told: &Value| {
        let cluster = &told["cluster"];
        (cluster["room"]["cpuMilli"] == cpu && cluster["known"] == "alive").then_some(())
    };
    hub.until("its room", &here, has_room).await;

    // Users come, and what is written for the cluster is made there.
    hub.demand(json!([{"app": "shop", "zone": "harbour", "rps": 20}])).await;
    for component_name in ["cart", "web"] {
        let what = format!("{component_name} to be ready");
        hub.until(&what, "apps/shop", |told| {
            edge.apply(&hub.written());
            component(told, component_name).filter(|(phase, ..)| phase == "ready").map(drop)
        })
        .await;
    }

    // The service is away for a while, and the cluster changes meanwhile.
    hub.stop().await;
    edge.fail_one("web");
    hub.start();
    let lost_one = |told: &Value| {
        component(told, "web").filter(|(_, wanted, ready)| ready + 1 == *wanted).map(drop)
    };
    hub.until("what was lost meanwhile", "apps/shop", lost_one).await;
    edge.heal("web");
    let has_all = |told: &Value| {
        component(told, "web").filter(|(_, wanted, ready)| ready == wanted).map(drop)
    };
    hub.until("all to be ready again", "apps/shop", has_all).await;

    // The reporter is away for a while, and something vanishes meanwhile.
    edge.silence().await;
    edge.remove("cart");
    edge.report();
    let is_gone =
        |told: &Value| component(told, "cart").filter(|(_, _, ready)| *ready == 0).map(drop);
    hub.until("what vanished meanwhile", "apps/shop", is_gone).await;

    // Silence makes it unknown; a sign of life, known again.
    edge.silence().await;
    let is =
        |word: &'static str| move |told: &Value| (told["cluster"]["known"] == word).then_some(());
    hub.until("its silence to be noticed", &here, is("unknown")).await;
    edge.report();
    hub.until("it to be known again", &here, is("alive")).await;

    // A key that is not the cluster's is as good as silence.
    hub.forget_key();
    hub.until("its key to count no more", &here, is("unknown")).await;
    edge.silence().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_answered_all_is_told_in_the_end() {
    let moods = [
        Mood::Busy,
        Mood::Garbage,
        Mood::Elsewhere,
        Mood::Endless,
        Mood::Ahead,
        Mood::Asks,
        Mood::Takes,
    ];
    let moody = Moody::start(&moods).await;
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("key"), "a-key-of-the-harbour-0123456789abcdef\n").unwrap();
    let mut edge = Edge::telling(&moody.url, home.path().join("key"), None);
    edge.put_component("web", 2);
    edge.report();
    let sent = until("all to be told after all moods", SOON, async || {
        let sent = moody.sent();
        let is_whole = |one: &&Sent| one.report["whole"].is_object();
        let asked = sent.iter().position(|one| matches!(one.mood, Mood::Asks))?;
        sent[asked + 1..].iter().find(is_whole)?;
        Some(sent)
    })
    .await;
    edge.silence().await;
    let whole = sent.iter().rfind(|one| one.report["whole"].is_object()).unwrap();
    assert_eq!(whole.report["workloads"][0]["state"]["ready"], 2, "{whole:?}");
    assert_eq!(whole.report["whole"]["components"], json!([{"app": "shop", "component": "web"}]));
    let nodes = whole.report["room"]["pools"][0]["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 2, "{whole:?}");
    // No number is used twice, and who is told of a later epoch begins one after it.
    assert!(sent.iter().map(|one| (one.epoch, one.number)).is_sorted_by(|a, b| a < b), "{sent:?}");
    let ahead = sent.iter().position(|one| matches!(one.mood, Mood::Ahead)).unwrap();
    assert_eq!(sent[ahead + 1].epoch, sent[ahead].epoch + 1_000_001);
}

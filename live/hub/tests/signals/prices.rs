//! What clusters cost, from a real Prometheus, a file and an endpoint.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use periplus_live::feed::Arrival;
use periplus_live::sighting::{Prices, Sight};
use periplus_support::prometheus::{Exporter, Prometheus, SOON, serve};
use periplus_support::real::until;

use crate::Rig;

/// As `OpenCost` tells them.
const COSTS: &str = "\
# TYPE node_cpu_hourly_cost gauge
node_cpu_hourly_cost{cluster=\"edge\",node=\"a\"} 0.03
node_cpu_hourly_cost{cluster=\"edge\",node=\"b\"} 0.05
node_cpu_hourly_cost{cluster=\"cloud\",node=\"c\"} 0.031611
# TYPE node_ram_hourly_cost gauge
node_ram_hourly_cost{cluster=\"edge\",node=\"a\"} 0.004237
";

/// The next prices that are told and are these.
async fn told(rig: &mut Rig, wanted: &[(&str, Prices)]) {
    let wanted: Vec<_> =
        wanted.iter().map(|(name, one)| ((*name).to_owned(), one.clone())).collect();
    let feed = rig.feed.clone();
    until("prices", SOON, async || {
        let taken = feed.take(usize::MAX, Duration::ZERO).into_iter();
        let mut sights = taken.map(|one| match one {
            Arrival::Sighting(sighting) => sighting.sight,
            Arrival::Order(()) => panic!("nobody asks for anything"),
        });
        sights.any(|sight| sight == Sight::Prices { prices: wanted.clone() }).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_prometheus_says_what_cores_and_memory_cost_and_what_changes() {
    let exporter = Exporter::start(COSTS).await;
    let prometheus = Prometheus::start(&exporter).await;
    let text = format!(
        "- name: opencost\n  every: 200ms\n  staleAfter: 1m\n  prices:\n    prometheus:\n      url: {}\n      \
         cluster: cluster\n      coreHour: avg by (cluster) (node_cpu_hourly_cost)\n      \
         gibHour: avg by (cluster) (node_ram_hourly_cost)\n",
        prometheus.url()
    );
    let mut rig = Rig::start(&text, Path::new("/"));
    let cloud = Prices { core_hour: Some(31_611), ..Prices::default() };
    let edge = Prices { core_hour: Some(40_000), gib_hour: Some(4_237), ..Prices::default() };
    told(&mut rig, &[("cloud", cloud.clone()), ("edge", edge)]).await;
    exporter.say(&COSTS.replace("} 0.05", "} 0.09"));
    let edge = Prices { core_hour: Some(60_000), gib_hour: Some(4_237), ..Prices::default() };
    told(&mut rig, &[("cloud", cloud), ("edge", edge)]).await;
    assert_eq!((rig.status().series, rig.status().fault()), (2, None));
}

#[tokio::test]
async fn a_file_and_an_endpoint_say_the_same_in_the_same_words() {
    let document = r#"{"time": "2026-01-01T00:00:00Z", "clusters": {"edge": {"egressGB": 0.08}}}"#;
    let edge = Prices { egress_gb: Some(80_000), extended: BTreeMap::new(), ..Prices::default() };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("prices.json"), document).unwrap();
    let text = "- {name: file, every: 100ms, staleAfter: 1h, prices: {file: prices.json}}\n";
    let mut rig = Rig::start(text, folder.path());
    told(&mut rig, &[("edge", edge.clone())]).await;

    fs::write(folder.path().join("prices.json"), "{").unwrap();
    let status = rig.until("a fault", |status| status.fault().is_some()).await;
    assert!(status.fault().unwrap().contains("prices.json"), "{status:?}");

    let answer = get(move || async move { document });
    let (port, _serves) = serve(0, Router::new().route("/prices", answer)).await;
    let text = format!(
        "- {{name: web, every: 100ms, staleAfter: 1h, prices: {{url: 'http://127.0.0.1:{port}/prices'}}}}\n"
    );
    let mut rig = Rig::start(&text, folder.path());
    told(&mut rig, &[("edge", edge)]).await;
}

//! What Prometheus reads, as Prometheus reads it.

use std::io::Write;
use std::process::{Command, Stdio};

use periplus_support::real::until;
use reqwest::Method;
use serde_json::json;

use super::rig::{READ, Rig, SOON};

async fn page(rig: &Rig) -> String {
    let answer = rig.asked(Method::GET, "/metrics", READ).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    answer.text().await.unwrap()
}

#[tokio::test]
async fn metrics_say_how_it_is() {
    let rig = Rig::start().await;
    assert_eq!(
        rig.post("/v1/commands", json!({"command": "cordon", "cluster": "cloud"})).await.0,
        200
    );
    assert_eq!(rig.post("/v1/commands", json!({"command": "pause"})).await.0, 200);
    assert_eq!(rig.get("/v1/nothing").await.0, 404);
    let at = jiff::Timestamp::now();
    let rates = json!([{"app": "shop", "zone": "island", "rps": 2.5}]);
    let batch =
        json!({"source": "cdn", "asOf": at.to_string(), "measures": "offered", "rates": rates});
    assert_eq!(rig.post("/v1/demand", batch).await.0, 202);
    let rate = "periplus_app_demand_requests_per_second{app=\"shop\"} 2.5\n";
    let page =
        until("the rate", SOON, async || Some(page(&rig).await).filter(|page| page.contains(rate)))
            .await;
    assert!(page.contains("\nperiplus_pushed_demand_age_seconds{source=\"api/cdn\"} "), "{page}");
    for line in [
        "periplus_desk_answers 1",
        "periplus_paused 1",
        "periplus_mode{mode=\"live\"} 1",
        "periplus_cluster_cordoned{cluster=\"cloud\"} 1",
        "periplus_cluster_cordoned{cluster=\"edge-island\"} 0",
        "periplus_clusters{known=\"alive\"} 3",
        "periplus_clusters{known=\"lost\"} 0",
        "periplus_holds{kind=\"mass_drain\",approved=\"false\"} 0",
        "periplus_http_requests_total{route=\"/v1/commands\",method=\"POST\",status=\"200\"} 2",
        "periplus_http_requests_total{route=\"none\",method=\"GET\",status=\"404\"} 1",
        "periplus_log_streams 0",
    ] {
        assert!(page.contains(&format!("\n{line}\n")), "{line} is missing of\n{page}");
    }
}

#[tokio::test]
async fn what_is_asked_for_that_is_not_there_adds_no_series() {
    let rig = Rig::start().await;
    for number in 0..20 {
        rig.get(&format!("/v1/nothing/{number}")).await;
        rig.get(&format!("/v1/clusters/moon-{number}")).await;
    }
    for method in ["BREW", "WHEN"] {
        rig.status(method.parse().unwrap(), "/v1/state", READ).await;
    }
    let page = page(&rig).await;
    let lines: Vec<&str> =
        page.lines().filter(|line| line.starts_with("periplus_http_requests_total{")).collect();
    assert_eq!(lines.len(), 3, "{lines:#?}");
}

#[tokio::test]
async fn prometheus_own_tool_finds_nothing_to_complain_of() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/prometheus/install");
    assert!(Command::new(script).status().unwrap().success(), "{script} failed");
    let rig = Rig::start().await;
    // So that there are requests to tell of.
    assert_eq!(rig.get("/v1/state").await.0, 200);
    let page = page(&rig).await;
    let mut tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    tool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let told = tool.wait_with_output().unwrap();
    let texts = [told.stdout, told.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(told.status.success() && texts == ["", ""], "{texts:?}\n{page}");
}

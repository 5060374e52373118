//! Demand as a Collector sends metrics, in both encodings.

use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use periplus_live::service::{Clock, Wall};
use prost::Message;
use reqwest::Method;
use serde_json::{Value, json};

use super::rig::{DEMAND, Made, READ, Rig, TOKENS};

const CONFIG: &str = "\
tokens: [{name: eye, role: read, file: read.token}, {name: cdn, role: demand, file: demand.token}, {name: hand, role: operate, file: operate.token}]
otlp:
- {metric: edge.requests, measures: offered, labels: {app: app, zone: pop}}
- {metric: edge.minute, source: minutes, measures: served, labels: {zone: pop}, app: shop, unit: perMinute}
";
const PATH: &str = "/v1/otlp/v1/metrics";

async fn rig() -> Rig {
    Rig::made(Made { config: CONFIG, tokens: TOKENS, ..Made::default() }).await
}

fn nanos(ago_ms: i64) -> String {
    (i128::from(Wall.now_unix_ms() - ago_ms) * 1_000_000).to_string()
}

fn attributes(of: &[(&str, &str)]) -> Value {
    of.iter().map(|(key, value)| json!({"key": key, "value": {"stringValue": value}})).collect()
}

/// A point with what says of whom it is.
fn point(app: &str, pop: &str, ago_ms: i64, value: &Value) -> Value {
    let mut point = json!({"timeUnixNano": nanos(ago_ms), "attributes": attributes(&[("app", app), ("pop", pop)])});
    point.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
    point
}

fn gauge(name: &str, points: &Value) -> Value {
    json!({"name": name, "gauge": {"dataPoints": points}})
}

fn request(metrics: &Value) -> Value {
    let resource = json!({"attributes": attributes(&[("service.name", "gateway")])});
    json!({"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": metrics}]}]})
}

async fn push(rig: &Rig, request: &Value) -> (u16, Value) {
    let answer = rig.asked(Method::POST, PATH, DEMAND).json(request).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// What was rejected, and why.
fn rejected(told: &Value) -> (i64, String) {
    let partial = &told["partialSuccess"];
    let count = &partial["rejectedDataPoints"];
    let count = count.as_i64().or_else(|| count.as_str()?.parse().ok()).unwrap_or(0);
    (count, partial["errorMessage"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn what_a_collector_sends_becomes_demand_in_both_encodings() {
    let rig = rig().await;
    let points = json!([
        point("shop", "harbour", 2_000, &json!({"asDouble": 5.0})),
        // Two parts of one series, at one time.
        point("shop", "island", 1_000, &json!({"asDouble": 1.5})),
        point("shop", "island", 5_000, &json!({"asDouble": 70.0})),
    ]);
    let mut said = request(&json!([gauge("edge.requests", &points)]));
    let points =
        &mut said["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["gauge"]["dataPoints"];
    let part = points[1].clone();
    points.as_array_mut().unwrap().push(part);
    assert_eq!(push(&rig, &said).await, (200, json!({})));
    let (_, told) = rig.get("/v1/apps/shop").await;
    let rps = |told: &Value, zone: &str| {
        let zones = told["app"]["zones"].as_array().unwrap();
        zones.iter().find(|one| one["zone"] == zone).unwrap()["rps"].as_f64().unwrap()
    };
    assert_eq!((rps(&told, "harbour"), rps(&told, "island")), (5.0, 3.0));
    let page = rig.asked(Method::GET, "/metrics", READ).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("periplus_pushed_demand_age_seconds{source=\"otlp/collector\"}"));

    // What was added in ten seconds, as protobuf; and a rate per minute of another source.
    let mut added = point("shop", "harbour", 0, &json!({"asInt": "90"}));
    added["startTimeUnixNano"] = json!(nanos(10_000));
    let sum = json!({"dataPoints": [added], "aggregationTemporality": 1, "isMonotonic": true});
    let minute = point("any", "island", 0, &json!({"asDouble": 120.0}));
    let said = request(&json!([
        {"name": "edge.requests", "sum": sum},
        gauge("edge.minute", &json!([minute])),
    ]));
    let typed: ExportMetricsServiceRequest = serde_json::from_value(said).unwrap();
    let asked = rig.asked(Method::POST, PATH, DEMAND).body(typed.encode_to_vec());
    let answer = asked.header("content-type", "application/x-protobuf").send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/x-protobuf");
    let told = ExportMetricsServiceResponse::decode(answer.bytes().await.unwrap()).unwrap();
    assert_eq!(told.partial_success, None);
    let (_, told) = rig.get("/v1/apps/shop").await;
    let harbour = rps(&told, "harbour");
    assert!((8.9..=9.1).contains(&harbour), "{harbour}");
    assert_eq!(rps(&told, "island"), 2.0);
}

#[tokio::test]
async fn what_cannot_be_used_is_counted_and_told_and_the_rest_is_taken() {
    let rig = rig().await;
    let good = point("shop", "harbour", 0, &json!({"asDouble": 5.0}));
    let points = |more: Value| gauge("edge.requests", &json!([good, more]));
    let sum = |temporality: u8, is_monotonic: bool| {
        let sum = json!({"dataPoints": [good], "aggregationTemporality": temporality, "isMonotonic": is_monotonic});
        json!({"name": "edge.requests", "sum": sum})
    };
    let mut nameless = good.clone();
    nameless["attributes"] = attributes(&[("app", "shop")]);
    let mut empty = good.clone();
    empty["flags"] = json!(1);
    let value = |value: Value| point("shop", "harbour", 0, &value);
    for (metric, count, why) in [
        (points(nameless), 1, "no attribute `pop`"),
        (points(point("shop", "island", 3_600_000, &json!({"asDouble": 1.0}))), 1, "3600 s ago"),
        (points(point("shop", "island", -3_600_000, &json!({"asDouble": 1.0}))), 1, "to come"),
        (points(point("shop", "island", 0, &json!({"asDouble": -1.0}))), 1, "is not a rate"),
        (points(point("moon", "island", 0, &json!({"asDouble": 1.0}))), 1, "`moon` from `island`"),
        (points(value(json!({}))), 1, "no value"),
        (points(empty), 0, ""),
        (gauge("cpu", &json!([good, good])), 2, "`cpu` is not in `api.otlp`"),
        (sum(2, true), 1, "cumulativetodelta"),
        (sum(0, true), 1, "cumulativetodelta"),
        (sum(1, false), 1, "may become less"),
        (sum(1, true), 1, "since when"),
        (json!({"name": "edge.requests", "histogram": {"dataPoints": [{}]}}), 1, "neither a gauge"),
    ] {
        let (status, told) = push(&rig, &request(&json!([metric]))).await;
        let (found, said) = rejected(&told);
        assert_eq!((status, found), (200, count), "{why}: {told}");
        assert!(said.contains(why), "{why}: {said}");
    }
    assert_eq!(rig.get("/v1/apps/shop").await.1["app"]["rps"], 5.0);
}

#[tokio::test]
async fn parts_of_one_look_come_in_any_order_and_what_is_much_older_does_not_count() {
    let rig = rig().await;
    let tell = async |zone: &str, ago_ms: i64, rps: f64| {
        let points = json!([point("shop", zone, ago_ms, &json!({"asDouble": rps}))]);
        rejected(&push(&rig, &request(&json!([gauge("edge.requests", &points)]))).await.1)
    };
    assert_eq!(tell("harbour", 1_000, 7.0).await.0, 0);
    assert_eq!(tell("island", 20_000, 4.0).await.0, 0);
    let (late, why) = tell("island", 120_000, 1.0).await;
    assert!(late == 1 && why.contains("later time"), "{why}");
    assert_eq!(rig.get("/v1/apps/shop").await.1["app"]["rps"], 11.0);
}

#[tokio::test]
async fn what_is_no_otlp_is_refused_with_what_to_do() {
    let rig = rig().await;
    let send = async |kind: &str, packed: Option<&str>, token: &str| {
        let asked = rig.asked(Method::POST, PATH, token).body("{").header("content-type", kind);
        let asked = match packed {
            Some(packed) => asked.header("content-encoding", packed),
            None => asked,
        };
        let answer = asked.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    for (kind, packed, status, part) in [
        ("text/plain", None, 415, "application/x-protobuf"),
        ("application/json", Some("gzip"), 415, "compression: none"),
        ("application/json; charset=utf-8", Some("identity"), 400, "cannot be used"),
        ("application/x-protobuf", None, 400, "cannot be used"),
    ] {
        let (found, said) = send(kind, packed, DEMAND).await;
        assert_eq!(found, status, "{said}");
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(send("application/json", None, READ).await.0, 403);
    assert_eq!(send("application/json", None, "").await.0, 401);
    let rig = Rig::start().await;
    let told = rig.post(PATH, json!({})).await;
    assert_eq!(told.0, 403);
    assert!(told.1["error"]["hint"].as_str().unwrap().contains("api.otlp"));
}

//! Traces, as a collector gets them: a server that reads them with the published types.

use std::fs;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Held;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use periplus_live::service::{Clock, Wall};
use periplus_live::sighting::{Node, Pool, Sight, Sighting};
use periplus_live::traces::{Options, Traces};
use periplus_support::real::until;
use prost::Message;
use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::rig::{DEMAND, Made, OPERATE, ROLES, Rig, SOON, TOKENS};

/// A collector on loopback.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Taken>>);

#[derive(Default)]
struct Taken {
    spans: Vec<Span>,
    resource: Vec<KeyValue>,
    headers: Vec<HeaderMap>,
    /// What it answers instead of taking anything.
    refuses: Option<StatusCode>,
}

impl Collector {
    async fn start() -> (Self, SocketAddr) {
        let collector = Self::default();
        let router = Router::new().route("/v1/traces", post(take)).with_state(collector.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        (collector, at)
    }

    fn spans(&self) -> Vec<Span> {
        self.0.lock().unwrap().spans.clone()
    }
}

async fn take(State(collector): State<Collector>, headers: HeaderMap, body: Bytes) -> StatusCode {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let mut taken = collector.0.lock().unwrap();
    taken.headers.push(headers);
    if let Some(status) = taken.refuses {
        return status;
    }
    for of in ExportTraceServiceRequest::decode(body).unwrap().resource_spans {
        taken.resource = of.resource.unwrap().attributes;
        taken.spans.extend(of.scope_spans.into_iter().flat_map(|scope| scope.spans));
    }
    StatusCode::OK
}

fn to(at: SocketAddr) -> Options {
    Options { endpoint: Some(format!("http://{at}/v1/traces")), ..Options::default() }
}

async fn rig(traces: &Traces) -> Rig {
    let traces = traces.clone();
    Rig::made(Made { config: ROLES, tokens: TOKENS, traces, ..Made::default() }).await
}

fn text(of: &[KeyValue], key: &str) -> Option<String> {
    let value = of.iter().find(|one| one.key == key)?.value.as_ref()?;
    Some(match value {
        AnyValue { value: Some(Held::StringValue(text)) } => text.clone(),
        AnyValue { value: Some(Held::IntValue(number)) } => number.to_string(),
        other => format!("{other:?}"),
    })
}

fn of(span: &Span, key: &str) -> String {
    text(&span.attributes, key).unwrap_or_else(|| panic!("{} has no {key}: {span:?}", span.name))
}

/// Gives a command under a caller's trace.
async fn drain(rig: &Rig, traceparent: &str) {
    let asked = rig.asked(Method::POST, "/v1/commands", OPERATE);
    let asked = asked.json(&json!({"command": "drain", "cluster": "edge-island"}));
    assert_eq!(asked.header("traceparent", traceparent).send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_decided_is_one_trace_from_the_turn_to_its_commit() {
    let (collector, at) = Collector::start().await;
    let traces = Traces::begin(&to(at));
    let rig = rig(&traces).await;
    let commits = async || {
        let page = rig.asked(Method::GET, "/metrics", OPERATE).send().await.unwrap().text().await;
        let page = page.unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix("periplus_pushes_total "));
        line.unwrap().parse::<u64>().unwrap()
    };
    until("the first commit is out", SOON, async || (commits().await > 0).then_some(())).await;
    for cluster in ["edge-harbour", "edge-island", "cloud"] {
        let node = Node { cpu_milli: 16_000, memory_bytes: 64 << 30, pods: 100, ..Node::default() };
        let pools = vec![Pool { name: "default".into(), nodes: vec![node; 4] }];
        for sight in [
            Sight::Alive { cluster: cluster.into() },
            Sight::Room { cluster: cluster.into(), pools },
        ] {
            let as_of_unix_ms = Wall.now_unix_ms();
            rig.feed.tell(Sighting { as_of_unix_ms, sight }).await;
        }
    }
    let before = commits().await;
    let now = jiff::Timestamp::now().to_string();
    let rates = json!([{"app": "shop", "zone": "harbour", "rps": 400.0}]);
    let batch = json!({"source": "cdn", "asOf": now, "measures": "offered", "rates": rates});
    let asked = rig.asked(Method::POST, "/v1/demand", DEMAND).json(&batch);
    assert_eq!(asked.send().await.unwrap().status(), 202);
    until("its commit is out", SOON, async || (commits().await > before).then_some(())).await;
    drop(rig);
    traces.finish(SOON).await;

    let spans = collector.spans();
    let commit = spans.iter().rfind(|span| span.name == "git.commit").unwrap();
    let trace: Vec<&Span> = spans.iter().filter(|one| one.trace_id == commit.trace_id).collect();
    let roots: Vec<&&Span> = trace.iter().filter(|one| one.parent_span_id.is_empty()).collect();
    assert_eq!(roots.len(), 1, "{roots:?}");
    let root = roots[0];
    assert_eq!(root.name, "desk.turn");
    assert!(of(root, "periplus.turn.effects").parse::<u64>().unwrap() > 0);
    // Everything hangs together.
    for span in &trace {
        let parent = trace.iter().any(|one| one.span_id == span.parent_span_id);
        assert!(parent || span.parent_span_id.is_empty(), "{span:?}");
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{span:?}");
    }
    for name in ["desk.decide", "desk.render", "desk.sync", "git.commit", "git.make", "git.push"] {
        assert!(trace.iter().any(|one| one.name == name), "there is no {name}");
    }
    assert!(trace.iter().any(|one| one.name == "desk.report"));
    // From a trace to the record and to the commit.
    let seq: u64 = of(commit, "periplus.log.seq").parse().unwrap();
    assert!(seq >= of(root, "periplus.log.seq").parse().unwrap());
    assert_eq!(
        (&*of(commit, "periplus.outcome"), &*of(commit, "vcs.ref.head.name")),
        ("done", "main")
    );
    assert!(of(commit, "vcs.repository.url.full").ends_with("fleet.git"));
    assert_eq!(of(commit, "vcs.ref.head.revision").len(), 40);
    let resource = collector.0.lock().unwrap().resource.clone();
    assert_eq!(text(&resource, "service.name").unwrap(), "periplus");
    // What is asked again and again leaves nothing.
    assert!(spans.iter().all(|span| span.name != "GET /metrics"));
    assert!(spans.iter().any(|span| span.name == "POST /v1/demand"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callers_trace_goes_on_to_the_turn_of_the_command() {
    let (collector, at) = Collector::start().await;
    // Of our own none is sent: who asked decides for theirs.
    let traces = Traces::begin(&Options { permille: Some(0), ..to(at) });
    let rig = rig(&traces).await;
    let caller = "0af7651916cd43dd8448eb211c80319c";
    drain(&rig, &format!("00-{caller}-b7ad6b7169203331-01")).await;
    let asked = rig.asked(Method::GET, "/healthz", "");
    let asked = asked.header("traceparent", format!("00-{caller}-b7ad6b7169203332-01"));
    assert_eq!(asked.send().await.unwrap().status(), 200);
    drain(&rig, &format!("00-{}-b7ad6b7169203331-00", "1".repeat(32))).await;
    drain(&rig, "00-nonsense").await;
    assert_eq!(rig.get("/v1/state").await.0, 200);
    drop(rig);
    traces.finish(SOON).await;

    let spans = collector.spans();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert!(spans.iter().all(|span| hex(&span.trace_id) == caller), "{spans:?}");
    let request = spans.iter().find(|span| span.name == "POST /v1/commands").unwrap();
    assert_eq!(hex(&request.parent_span_id), "b7ad6b7169203331");
    for (key, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/v1/commands"),
        ("url.path", "/v1/commands"),
        ("http.response.status_code", "200"),
    ] {
        assert_eq!(of(request, key), value);
    }
    let turn = spans.iter().find(|span| span.name == "desk.turn").unwrap();
    assert_eq!(turn.parent_span_id, request.span_id);
    assert!(spans.iter().any(|span| span.name == "GET /healthz"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_is_shown_the_headers_of_the_file_as_it_is_now() {
    let (collector, at) = Collector::start().await;
    let home = TempDir::with_prefix("periplus-traces-").unwrap();
    let file = home.path().join("headers");
    fs::write(&file, "authorization: Bearer first-secret\nx-tenant: north\n").unwrap();
    let traces = Traces::begin(&Options { headers_file: Some(file.clone()), ..to(at) });
    let rig = rig(&traces).await;
    assert!(!format!("{traces:?}").contains("secret"));
    fs::write(&file, "authorization: Bearer second-secret\n").unwrap();
    assert_eq!(rig.get("/v1/state").await.0, 200);
    drop(rig);
    traces.finish(SOON).await;
    let headers = collector.0.lock().unwrap().headers.clone();
    assert_eq!(headers.last().unwrap()["authorization"], "Bearer second-secret");
    assert!(headers[0]["user-agent"].to_str().unwrap().starts_with("periplus/"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_takes_nothing_harms_nobody_and_is_counted() {
    // One that refuses, one that is not there, and one that never answers.
    let (collector, refusing) = Collector::start().await;
    collector.0.lock().unwrap().refuses = Some(StatusCode::FORBIDDEN);
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (at, is_counted) in [(refusing, true), (gone, false), (silent.local_addr().unwrap(), false)]
    {
        let traces = Traces::begin(&to(at));
        let rig = rig(&traces).await;
        for _ in 0..20 {
            assert_eq!(rig.get("/v1/state").await.0, 200);
        }
        let page = async || {
            let asked = rig.asked(Method::GET, "/metrics", OPERATE).send().await.unwrap();
            asked.text().await.unwrap()
        };
        assert!(page().await.contains("periplus_trace_spans_sent_total 0"));
        let dropped = async || {
            let page = page().await;
            let mut lines = page.lines();
            let line =
                lines.find_map(|line| line.strip_prefix("periplus_trace_spans_dropped_total "));
            line.unwrap().parse::<u64>().unwrap()
        };
        if is_counted {
            until("what was refused is counted", SOON, async || {
                (dropped().await > 0).then_some(())
            })
            .await;
        }
        let began = Instant::now();
        traces.finish(Duration::from_millis(300)).await;
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert_eq!(rig.get("/v1/state").await.0, 200);
        let began = Instant::now();
        drop((rig, traces));
        assert!(began.elapsed() < SOON / 4);
    }
}

#[tokio::test]
async fn where_nobody_traces_there_are_no_counts_of_it() {
    let rig = rig(&Traces::default()).await;
    let page = rig.asked(Method::GET, "/metrics", OPERATE).send().await.unwrap();
    assert!(!page.text().await.unwrap().contains("periplus_trace"));
}

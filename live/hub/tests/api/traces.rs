//! Traces, as a collector gets them: a server that reads them with the published types.

use std::fs;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Held;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use periplus_live::Feed;
use periplus_live::apply;
use periplus_live::copy::{Confirm, Copies, Ledger, ReplicaFile};
use periplus_live::delivery::Direct;
use periplus_live::desk::Desk;
use periplus_live::leader::Board;
use periplus_live::service::{Beside, Clock, Order, Service, Wall};
use periplus_live::sighting::{Node, Pool, Sight, Sighting};
use periplus_live::traces::{Options, Traces};
use periplus_support::real::until;
use prost::Message;
use reqwest::Method;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tower_service::Service as _;

use super::rig::{DEMAND, Made, OPERATE, ROLES, Rig, SOON, TOKENS, opened};
use super::tls::certify;

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
    Options {
        endpoint: Some(format!("http://{at}/v1/traces").parse().unwrap()),
        ..Options::default()
    }
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_waited_for_until_a_standby_has_it_is_told() {
    let (collector, at) = Collector::start().await;
    let traces = Traces::begin(&to(at));
    let home = TempDir::with_prefix("periplus-traces-").unwrap();
    let (desk, post) = opened(home.path());
    let state = home.path().join("state");
    let mut replica = ReplicaFile::below(&state).open("leader").unwrap();
    replica.epochs.begin(1, 0);
    let end = desk.state().seq().0;
    let ledger = Ledger::new(Confirm::Strict, SOON, &replica.id, Board::default(), end);
    let copies = Arc::new(Copies::begin(&state, replica, 1, ledger, &desk).unwrap());
    let feed = Feed::default();
    let beside =
        Beside { copies: Some(Arc::clone(&copies)), traces: traces.clone(), ..Beside::default() };
    let service = Service::start_beside(desk, post, feed.clone(), Arc::new(Wall), beside);
    let ask = async |question: fn(&Desk) -> (usize, u64)| {
        let (to, answer) = oneshot::channel();
        let answering = move |desk: &Desk| to.send(question(desk)).unwrap();
        feed.ask(Order::Ask(Box::new(answering))).await;
        answer.await.unwrap()
    };
    let flying = |desk: &Desk| (desk.tray().lengths().0, desk.counts().pushes);
    until("something is to be sent", SOON, async || (ask(flying).await.0 > 0).then_some(())).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    until("a standby has it, and it is out", SOON, async || {
        copies.ledger().hear("other", copies.ledger().ends().0, Instant::now());
        (ask(flying).await.1 > 0).then_some(())
    })
    .await;
    tokio::task::spawn_blocking(move || service.stop()).await.unwrap().unwrap();
    traces.finish(SOON).await;

    let spans = collector.spans();
    let waited = spans.iter().find(|span| span.name == "desk.copies").unwrap();
    assert!(waited.end_time_unix_nano - waited.start_time_unix_nano >= 20_000_000, "{waited:?}");
    let commit = spans.iter().find(|span| span.name == "git.commit").unwrap();
    assert_eq!(
        (&commit.trace_id, &commit.parent_span_id),
        (&waited.trace_id, &waited.parent_span_id)
    );
    assert!(commit.start_time_unix_nano >= waited.end_time_unix_nano - 5_000_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_applied_to_a_cluster_is_told_with_why_it_was_not() {
    let (collector, at) = Collector::start().await;
    let traces = Traces::begin(&to(at));
    let home = TempDir::with_prefix("periplus-traces-").unwrap();
    let (mut desk, post) = opened(home.path());
    let direct = Direct::new(["edge-harbour".to_owned()].into());
    assert_eq!(desk.apply_to(direct), Vec::<String>::new());
    let nowhere = Arc::new(|_: &str| Err("no way leads there".to_owned()));
    let apply = Some(apply::Options::new(desk.identity(), nowhere));
    let beside = Beside { apply, traces: traces.clone(), ..Beside::default() };
    let service = Service::start_beside(desk, post, Feed::default(), Arc::new(Wall), beside);
    let told = |name: &str| collector.spans().into_iter().find(|span| span.name == name);
    let applied = until("an answer", SOON, async || told("cluster.apply")).await;
    tokio::task::spawn_blocking(move || service.stop()).await.unwrap().unwrap();
    traces.finish(SOON).await;

    assert_eq!(of(&applied, "k8s.cluster.name"), "edge-harbour");
    assert_eq!(of(&applied, "periplus.outcome"), "failed");
    let why = &applied.status.as_ref().unwrap().message;
    assert!(why.contains("no way leads there"), "{why}");
    let commit = told("git.commit").unwrap();
    assert_eq!(
        (&applied.trace_id, &applied.parent_span_id),
        (&commit.trace_id, &commit.parent_span_id)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_with_a_certificate_is_spoken_to_if_it_is_trusted() {
    let home = TempDir::with_prefix("periplus-traces-").unwrap();
    certify(home.path(), &[]);
    let collector = Collector::default();
    let router = Router::new().route("/v1/traces", post(take)).with_state(collector.clone());
    let pem = |name: &str| home.path().join(name);
    let certs = CertificateDer::pem_file_iter(pem("server.pem")).unwrap();
    let certs: Vec<_> = certs.collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(pem("server.key")).unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = ServerConfig::builder().with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(certs, key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, router) = (acceptor.clone(), router.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service =
                    service_fn(move |asked: Request<Incoming>| router.clone().call(asked));
                let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                let _ = served.await;
            });
        }
    });
    let endpoint = Some(format!("https://{at}/v1/traces").parse().unwrap());
    for (ca_file, is_trusted) in [(None, false), (Some(home.path().join("ca.pem")), true)] {
        let options = Options { endpoint: endpoint.clone(), ca_file, ..Options::default() };
        let traces = Traces::begin(&options);
        let rig = rig(&traces).await;
        assert_eq!(rig.get("/v1/state").await.0, 200);
        drop(rig);
        traces.finish(SOON).await;
        assert_eq!(!collector.spans().is_empty(), is_trusted);
    }
}

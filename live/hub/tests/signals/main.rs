//! Signals from a real Prometheus, and from what behaves worse: what reaches the feed, and what must not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod prices;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use periplus_live::Feed;
use periplus_live::feed::Arrival;
use periplus_live::sighting::{Measures, Sight, Sighting};
use periplus_live::signals::{self, Clock, Status, Statuses, config::Draft};
use periplus_live::traces::Traces;
use periplus_spec::Sheet;
use periplus_support::prometheus::{Exporter, Prometheus, SOON, Transport, serve};
use periplus_support::real::until;
use tokio::task::JoinHandle;

const DEMAND: &str = "\
# TYPE demand_rps gauge
demand_rps{app=\"shop\",pop=\"hill\",gw=\"1\"} 5
demand_rps{app=\"shop\",pop=\"hill\",gw=\"2\"} 2.5
demand_rps{app=\"shop\",pop=\"sea\"} 0.25
demand_rps{app=\"map\",pop=\"sea\"} 40
demand_rps{app=\"map\"} 7
";

/// What `DEMAND` comes to.
const RATES: [(&str, &str, u64); 3] =
    [("map", "sea", 40_000), ("shop", "hill", 7_500), ("shop", "sea", 250)];

/// Signals that run, and all that they told.
struct Rig {
    feed: Feed<()>,
    statuses: Statuses,
    task: JoinHandle<()>,
    told: Vec<Sighting>,
}

impl Rig {
    fn start(signals: &str, folder: &Path) -> Self {
        let drafts: Vec<Draft> = Sheet::of_text("signals", signals).unwrap().says;
        let signals = signals::read(&drafts, folder).unwrap();
        let (feed, statuses) = (Feed::default(), Statuses::default());
        let shutdown = std::future::pending();
        let run = signals::run(
            signals,
            feed.clone(),
            Clock::system(),
            (statuses.clone(), Traces::default()),
            shutdown,
        );
        Self { feed, statuses, task: tokio::spawn(run), told: Vec::new() }
    }

    fn status(&self) -> Status {
        self.statuses.read().remove(0)
    }

    /// Waits until something was told that is so, and says as of when.
    async fn told(
        &mut self,
        what: &str,
        mut is_so: impl FnMut(&str, &[(&str, &str, u64)]) -> bool,
    ) -> i64 {
        let Self { feed, told, .. } = self;
        until(what, SOON, async || {
            let from = told.len();
            told.extend(feed.take(usize::MAX, Duration::ZERO).into_iter().map(|one| match one {
                Arrival::Sighting(sighting) => sighting,
                Arrival::Order(()) => panic!("nobody asks for anything"),
            }));
            told[from..].iter().find_map(|sighting| {
                let (source, rates) = demand(sighting);
                is_so(source, &rates).then_some(sighting.as_of_unix_ms)
            })
        })
        .await
    }

    async fn until(&self, what: &str, mut is_so: impl FnMut(&Status) -> bool) -> Status {
        until(what, SOON, async || Some(self.status()).filter(|status| is_so(status))).await
    }

    /// Nothing was zero, and each source was in order.
    fn was_sound(&self) {
        for (place, sighting) in self.told.iter().enumerate() {
            let (source, rates) = demand(sighting);
            assert!(rates.iter().all(|rate| rate.2 > 0), "zero was told: {sighting:?}");
            assert!(rates.is_sorted_by_key(|rate| (rate.0, rate.1)));
            let earlier = self.told[..place].iter().rfind(|earlier| demand(earlier).0 == source);
            let in_order = |earlier: &Sighting| earlier.as_of_unix_ms <= sighting.as_of_unix_ms;
            assert!(earlier.is_none_or(in_order), "{earlier:?} came before {sighting:?}");
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn demand(sighting: &Sighting) -> (&str, Vec<(&str, &str, u64)>) {
    let Sight::Demand { source, rates, .. } = &sighting.sight else {
        return ("", Vec::new());
    };
    let rates = rates.iter().map(|rate| (rate.app.as_str(), rate.zone.as_str(), rate.milli_rps));
    (source, rates.collect())
}

fn signal(prometheus: &str, query: &str, more: &str) -> String {
    format!(
        "- name: edge\n  every: 200ms\n  staleAfter: 3s\n  measures: served\n{more}  prometheus:\n    \
         url: {prometheus}\n    query: {query}\n    timeout: 2s\n    labels: {{app: app, zone: pop}}\n"
    )
}

#[tokio::test]
async fn rates_come_by_app_and_zone_as_of_when_prometheus_says() {
    let exporter = Exporter::start(DEMAND).await;
    let prometheus = Prometheus::start(&exporter).await;
    let mut rig = Rig::start(&signal(&prometheus.url(), "demand_rps", ""), Path::new("/"));
    let at = rig.told("all rates", |source, rates| source == "edge" && rates == RATES).await;
    assert!((unix_ms() - at).abs() < 60_000);
    assert!(rig.told.iter().all(|sighting| {
        matches!(&sighting.sight, Sight::Demand { measures: Measures::Served, .. })
    }));
    let status = rig.until("a later look", |status| status.series == 3 && status.looks > 1).await;
    assert!(status.refused.unnamed > 0 && status.silent == 0, "{status:?}");
    assert_eq!((status.fault(), status.warning.as_deref()), (None, None));

    exporter.say(&DEMAND.replace("} 40", "} 80"));
    let later = rig
        .told("the new rate", |source, rates| {
            source == "edge" && rates.first() == Some(&("map", "sea", 80_000))
        })
        .await;
    assert!(later > at);
    rig.was_sound();
}

fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

#[tokio::test]
async fn a_span_is_told_step_by_step() {
    let exporter = Exporter::start(DEMAND).await;
    let prometheus = Prometheus::start(&exporter).await;
    let query = "sum by (app, pop) (demand_rps * 60)";
    let text = signal(&prometheus.url(), query, "")
        + "    range: {step: 500ms, over: 1m}\n    unit: perMinute\n";
    let mut rig = Rig::start(&text, Path::new("/"));
    let mut times = Vec::new();
    for _ in 0..5 {
        times.push(rig.told("a step", |source, rates| source == "edge" && rates == RATES).await);
    }
    assert!(times.iter().all(|at| at % 500 == 0), "{times:?}");
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
    rig.was_sound();
}

#[tokio::test]
async fn a_prometheus_that_dies_is_silence_and_comes_back() {
    let exporter = Exporter::start(DEMAND).await;
    let mut prometheus = Prometheus::start(&exporter).await;
    let mut rig = Rig::start(&signal(&prometheus.url(), "demand_rps", ""), Path::new("/"));
    let alive = rig.told("all rates", |source, rates| source == "edge" && rates == RATES).await;

    prometheus.kill();
    let status = rig.until("a fault", |status| status.fault().is_some()).await;
    assert!(status.fault().unwrap().starts_with("no answer: "), "{status:?}");
    let held =
        |source: &str, rates: &[(&str, &str, u64)]| source == "edge/fallback" && rates == RATES;
    let silent = rig.told("what is held", held).await;
    assert!(silent > alive + 3_000);
    assert_eq!(rig.status().silent, 3);

    prometheus.start_again().await;
    let back =
        rig.told("all rates again", |source, rates| source == "edge" && rates == RATES).await;
    assert!(back > silent);
    rig.until("the fault to be over", |status| status.fault().is_none() && status.silent == 0)
        .await;
    rig.was_sound();
}

#[tokio::test]
async fn an_exporter_that_is_gone_is_silence_and_not_zero() {
    let mut exporter = Exporter::start(DEMAND).await;
    let prometheus = Prometheus::start(&exporter).await;
    let floor = "  fallback: {floor: 30}\n";
    let mut rig = Rig::start(&signal(&prometheus.url(), "demand_rps", floor), Path::new("/"));
    rig.told("all rates", |source, rates| source == "edge" && rates == RATES).await;

    exporter.stop().await;
    let floored = [("map", "sea", 40_000), ("shop", "hill", 30_000), ("shop", "sea", 30_000)];
    rig.told("the floor", |source, rates| source == "edge/fallback" && rates == floored).await;
    let status = rig.status();
    assert_eq!((status.silent, status.fault()), (3, None), "Prometheus itself answers");

    exporter.start_again().await;
    rig.told("all rates again", |source, rates| source == "edge" && rates == RATES).await;
    rig.until("nothing to be silent", |status| status.silent == 0).await;
    rig.was_sound();
}

#[tokio::test]
async fn a_bad_query_is_told_in_prometheus_own_words() {
    let exporter = Exporter::start(DEMAND).await;
    let prometheus = Prometheus::start(&exporter).await;
    let rig = Rig::start(&signal(&prometheus.url(), "sum((demand_rps)", ""), Path::new("/"));
    let status = rig.until("a fault", |status| status.fault().is_some()).await;
    let fault = status.fault().unwrap();
    assert!(fault.starts_with("the query was refused (bad_data): "), "{fault}");
    assert!(fault.contains("unclosed left parenthesis"), "{fault}");
    assert_eq!((rig.feed.lengths().0, status.age_ms(0)), (0, None));
}

#[tokio::test]
async fn only_who_is_trusted_is_asked() {
    let exporter = Exporter::start(DEMAND).await;
    let prometheus = Prometheus::start_on(&exporter, Transport::Tls).await;
    let text = signal(&prometheus.url(), "demand_rps", "");
    let rig = Rig::start(&text, Path::new("/"));
    let status = rig.until("a fault", |status| status.fault().is_some()).await;
    assert!(status.fault().unwrap().contains("certificate"), "{status:?}");

    let trusting =
        |file: &str| Rig::start(&format!("{text}    caFile: {file}\n"), prometheus.folder());
    let mut rig = trusting("certificate.pem");
    rig.told("all rates", |source, rates| source == "edge" && rates == RATES).await;
    let rig = trusting("web.yml");
    let status = rig.until("a fault", |status| status.fault().is_some()).await;
    assert!(status.fault().unwrap().ends_with("web.yml: there is no certificate in it"));
}

#[tokio::test]
async fn who_is_busy_is_asked_again_at_once() {
    let asked = Arc::new(AtomicUsize::new(0));
    let answer = move || {
        let before = asked.fetch_add(1, Ordering::SeqCst);
        async move {
            match before % 3 {
                2 => (StatusCode::OK, many_series(1)),
                _ => (StatusCode::SERVICE_UNAVAILABLE, "busy".to_owned()),
            }
        }
    };
    let (port, _serves) = serve(0, Router::new().route("/api/v1/query", get(answer))).await;
    let text = signal(&format!("http://127.0.0.1:{port}"), "up", "");
    let mut rig = Rig::start(&text, Path::new("/"));
    rig.told("a rate", |source, rates| source == "edge" && rates.len() == 1).await;
    assert_eq!(rig.status().failures, 0);
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_not_taken_in() {
    let answer = get(|| async { vec![b' '; 65 << 20] });
    let (port, _serves) = serve(0, Router::new().route("/api/v1/query", answer)).await;
    let text = signal(&format!("http://127.0.0.1:{port}"), "up", "").replace("2s\n", "60s\n");
    let rig = Rig::start(&text, Path::new("/"));
    let status = rig.until("a fault", |status| status.fault().is_some()).await;
    assert!(status.fault().unwrap().starts_with("the answer has more than 67108864 bytes"));
}

#[tokio::test]
async fn who_is_slow_is_not_waited_for() {
    let never = get(|| async { std::future::pending::<()>().await });
    let (port, _serves) = serve(0, Router::new().route("/prom/api/v1/query", never)).await;
    let text =
        signal(&format!("http://127.0.0.1:{port}/prom/"), "up", "").replace("2s\n", "300ms\n");
    let rig = Rig::start(&text, Path::new("/"));
    let status = rig.until("two faults", |status| status.failures > 1).await;
    assert_eq!(status.fault(), Some("no answer within 300ms"));
}

#[tokio::test]
async fn a_token_is_sent_and_read_anew() {
    let answer = |headers: HeaderMap, RawQuery(query): RawQuery| async move {
        let token = headers.get("authorization").map(|token| token.to_str().unwrap().to_owned());
        if token.as_deref() != Some("Bearer right") {
            return (StatusCode::UNAUTHORIZED, "who are you?".to_owned());
        }
        assert!(query.unwrap().contains("query=up"));
        (StatusCode::OK, many_series(1))
    };
    let (port, _serves) = serve(0, Router::new().route("/api/v1/query", get(answer))).await;
    let folder = tempfile::tempdir().unwrap();
    let text = signal(&format!("http://127.0.0.1:{port}"), "up", "") + "    tokenFile: token\n";
    let mut rig = Rig::start(&text, folder.path());
    let missing = rig.until("a fault", |status| status.fault().is_some()).await;
    assert!(missing.fault().unwrap().starts_with("cannot read "), "{missing:?}");
    fs::write(folder.path().join("token"), "wrong\n").unwrap();
    let refused = Some("HTTP status 401: who are you?");
    rig.until("a refusal", |status| status.fault() == refused).await;
    fs::write(folder.path().join("token"), "right\n").unwrap();
    rig.told("a rate", |source, rates| source == "edge" && rates.len() == 1).await;
}

/// An answer with so many series.
fn many_series(count: usize) -> String {
    let at = unix_ms() / 1_000;
    let series = (0..count).map(|number| {
        let (app, zone) = (number % 100, number / 100);
        format!(
            r#"{{"metric":{{"app":"a{app}","pop":"z{zone}"}},"value":[{at},"{}"]}}"#,
            number + 1
        )
    });
    let series = series.collect::<Vec<String>>().join(",");
    format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{series}]}}}}"#)
}

#[tokio::test]
async fn many_series_come_in_batches() {
    let answer = get(|| async { many_series(10_000) });
    let (port, _serves) = serve(0, Router::new().route("/api/v1/query", answer)).await;
    let mut rig =
        Rig::start(&signal(&format!("http://127.0.0.1:{port}"), "up", ""), Path::new("/"));
    let mut lengths = Vec::new();
    rig.told("three batches", |source, rates| {
        assert_eq!(source, "edge");
        lengths.push(rates.len());
        lengths.len() == 3
    })
    .await;
    assert_eq!(lengths, [4_096, 4_096, 1_808]);
    rig.was_sound();
}

#[tokio::test]
async fn files_and_grids_are_read_beside_each_other() {
    let grid = |headers: HeaderMap, RawQuery(query): RawQuery| async move {
        assert_eq!(
            (query.as_deref(), &headers["auth-token"]),
            (Some("zone=DE"), &"key".parse().unwrap())
        );
        r#"{"zone":"DE","carbonIntensity":302,"datetime":"2026-01-01T00:00:00.000Z"}"#
    };
    let (port, _serves) =
        serve(0, Router::new().route("/v3/carbon-intensity/latest", get(grid))).await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("key"), "key").unwrap();
    let lines = format!("time,app,zone,rps\n{},shop,hill,1.5\n", unix_ms() / 1_000);
    fs::write(folder.path().join("demand.csv"), lines).unwrap();
    let text = format!(
        "- {{name: file, every: 100ms, staleAfter: 1m, measures: offered, csv: {{file: demand.csv}}}}\n\
         - name: grid\n  every: 100ms\n  staleAfter: 1h\n  carbon:\n    clusters: {{DE: [berlin]}}\n    \
         electricityMaps: {{url: 'http://127.0.0.1:{port}/v3/carbon-intensity/latest', tokenFile: key}}\n"
    );
    let mut rig = Rig::start(&text, folder.path());
    rig.told("the file", |source, rates| source == "file" && rates == [("shop", "hill", 1_500)])
        .await;
    until("the grid to be told", SOON, async || {
        let told = rig.statuses.read().remove(1).told;
        (told == 1).then_some(())
    })
    .await;
    rig.told.extend(rig.feed.take(usize::MAX, Duration::ZERO).into_iter().filter_map(
        |one| match one {
            Arrival::Sighting(sighting) => Some(sighting),
            Arrival::Order(()) => None,
        },
    ));
    let dirty = Sight::Carbon { intensities: vec![("berlin".to_owned(), 302)] };
    assert!(rig.told.iter().any(|sighting| sighting.sight == dirty));
}

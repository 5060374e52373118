//! Clusters that speak for themselves: who may, for whom, when, and once.

use std::fs;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use periplus_live::api::Limits;
use periplus_live::service::{Clock, Wall};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use sha2::Sha256;

use super::rig::{Made, ROLES, Rig, SOON, TOKENS, said};

const HARBOUR: &str = "edge-harbour";
const ISLAND: &str = "edge-island";
const KEY: &str = "harbour-0123456789abcdef0123456789abcdef";
const NEXT: &str = "harbour-new-0123456789abcdef0123456789ab";
const OTHER: &str = "island-0123456789abcdef0123456789abcdef0";

async fn rig() -> Rig {
    let rig = Rig::start().await;
    for (folder, cluster, key) in [
        ("keys", HARBOUR, KEY),
        ("keys", ISLAND, OTHER),
        ("keys", "moon", KEY),
        ("alert-keys", HARBOUR, KEY),
        ("alert-keys", ISLAND, OTHER),
    ] {
        fs::write(rig.home.path().join(folder).join(cluster), format!("{key}\n")).unwrap();
    }
    rig
}

fn now() -> i64 {
    Wall.now_unix_ms()
}

fn digest(key: &str, parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A report as somebody with a key would send it.
#[derive(Clone)]
struct Sent {
    to: String,
    signed_for: String,
    key: &'static str,
    epoch: i64,
    number: u64,
    at: i64,
    body: String,
}

impl Sent {
    fn of(cluster: &str, key: &'static str, number: u64) -> Self {
        let body = json!({"version": 1, "cluster": cluster, "aliveAtUnixMs": now()}).to_string();
        let (to, signed_for) = (cluster.to_owned(), cluster.to_owned());
        Self { to, signed_for, key, epoch: 1_000, number, at: now(), body }
    }

    fn saying(self, body: &Value) -> Self {
        Self { body: body.to_string(), ..self }
    }

    fn header(&self) -> String {
        let Self { signed_for, epoch, number, at, .. } = self;
        let head = format!("periplus-report/1\n{signed_for}\n{epoch}\n{number}\n{at}\n");
        let digest = digest(self.key, &[head.as_bytes(), self.body.as_bytes()]);
        format!("epoch={epoch}, number={number}, at={at}, sha256={digest}")
    }

    async fn send(&self, rig: &Rig) -> (u16, Value) {
        said(self.answer(rig).await).await
    }

    async fn answer(&self, rig: &Rig) -> Response {
        post(rig, &format!("/v1/reports/{}", self.to), "periplus-report", self.header(), &self.body)
            .await
    }
}

async fn post(rig: &Rig, path: &str, name: &'static str, header: String, body: &str) -> Response {
    let asked = rig.asked(Method::POST, path, "").header("content-type", "application/json");
    asked.header(name, header).body(body.to_owned()).send().await.unwrap()
}

fn message(told: &Value) -> &str {
    told["error"]["message"].as_str().unwrap()
}

async fn cluster(rig: &Rig, name: &str) -> Value {
    rig.get(&format!("/v1/clusters/{name}")).await.1["cluster"].clone()
}

#[tokio::test]
async fn what_a_cluster_says_of_itself_is_what_is_known_of_it() {
    let rig = rig().await;
    let at = now();
    let node = json!({"cpuMilli": 1500, "memoryBytes": 1_u64 << 30, "pods": 7});
    let room = json!({"asOfUnixMs": at, "pools": [{"name": "pool", "nodes": [node, node]}]});
    let all = json!({
        "version": 1, "cluster": HARBOUR, "begins": true, "aliveAtUnixMs": at, "room": room,
        "whole": {"asOfUnixMs": at, "components": []},
    });
    let (status, told) = Sent::of(HARBOUR, KEY, 1).send(&rig).await;
    assert_eq!((status, &told["again"]), (202, &json!(true)), "{told}");
    let (status, told) = Sent::of(HARBOUR, KEY, 2).saying(&all).send(&rig).await;
    assert_eq!((status, &told["again"]), (202, &json!(false)), "{told}");
    let known = cluster(&rig, HARBOUR).await;
    assert_eq!(known["room"]["cpuMilli"], 3_000, "{known}");
    assert_eq!((&known["known"], &known["reporting"]["complete"]), (&json!("alive"), &json!(true)));
    assert_eq!(cluster(&rig, ISLAND).await["reporting"], Value::Null);

    // All that was begun is all: what was told to another service before this one began is not known.
    let all = |begins: bool, whole: bool| {
        let mut said = json!({"version": 1, "cluster": ISLAND, "begins": begins});
        if whole {
            said["whole"] = json!({"asOfUnixMs": at});
        }
        said
    };
    let parts = [(all(false, true), true), (all(true, false), true), (all(false, true), false)];
    for (number, (said, again)) in (0..).zip(parts) {
        let told = Sent::of(ISLAND, OTHER, number).saying(&said).send(&rig).await.1;
        assert_eq!(told["again"], again, "{number}");
    }
    // Another reporter has not told all yet.
    let other = Sent { epoch: 2_000, ..Sent::of(HARBOUR, KEY, 0) };
    assert_eq!(other.send(&rig).await.1["again"], true);
}

#[tokio::test]
async fn a_key_speaks_for_its_own_cluster_only() {
    let rig = rig().await;
    let right = Sent::of(HARBOUR, KEY, 1);
    let about_another = json!({"version": 1, "cluster": ISLAND, "aliveAtUnixMs": now()});
    let wrong = [
        ("the key of another cluster", Sent { key: OTHER, ..right.clone() }),
        ("a key of nobody", Sent { key: NEXT, ..right.clone() }),
        ("to another cluster", Sent { to: ISLAND.into(), ..right.clone() }),
        ("to a cluster without a key", Sent { to: "cloud".into(), ..right.clone() }),
        ("to somewhere else", Sent { to: "..%2Fkeys%2Fedge-harbour".into(), ..right.clone() }),
        ("signed for another", Sent { signed_for: ISLAND.into(), ..right.clone() }),
    ];
    for (what, sent) in wrong {
        let answer = sent.answer(&rig).await;
        assert_eq!(answer.headers()["www-authenticate"], "HMAC-SHA256", "{what}");
        let (status, told) = said(answer).await;
        assert_eq!(status, 401, "{what}: {told}");
        assert!(message(&told).starts_with("no key of `"), "{what}: {told}");
    }
    let (status, told) = right.clone().saying(&about_another).send(&rig).await;
    assert_eq!(status, 400);
    assert!(message(&told).contains("another cluster"), "{told}");
    // What is signed is what counts, to the byte.
    let path = format!("/v1/reports/{HARBOUR}");
    let header = right.header();
    for (header, body) in [
        (header.clone(), right.body.replace('}', " }")),
        (header.replace("number=1", "number=2"), right.body.clone()),
        (header.replace("at=", "at=1"), right.body.clone()),
        (header.replace("sha256", "sha1"), right.body.clone()),
        (String::new(), right.body.clone()),
    ] {
        let (status, told) = said(post(&rig, &path, "periplus-report", header, &body).await).await;
        assert_eq!(status, 401, "{told}");
    }
    assert_eq!(right.send(&rig).await.0, 202);
    assert_eq!(cluster(&rig, ISLAND).await["reporting"], Value::Null);
}

#[tokio::test]
async fn a_report_is_taken_once_and_none_after_a_newer_one() {
    let mut rig = rig().await;
    let (first, second) = (Sent::of(HARBOUR, KEY, 1), Sent::of(HARBOUR, KEY, 2));
    assert_eq!(second.send(&rig).await.0, 202);
    for old in [&second, &first] {
        let answer = old.answer(&rig).await;
        assert_eq!(answer.headers()["periplus-report-taken"], "epoch=1000, number=2");
        let (status, told) = said(answer).await;
        assert_eq!(status, 409, "{told}");
        assert!(message(&told).contains("not newer"), "{told}");
    }
    // Nor after the service was started again.
    rig.restart().await;
    for old in [&second, &first] {
        assert_eq!(old.send(&rig).await.0, 409);
    }
    // A new epoch goes on; the other cluster has its own.
    let next = Sent { epoch: 1_001, ..Sent::of(HARBOUR, KEY, 0) };
    let (status, told) = next.send(&rig).await;
    assert_eq!((status, &told["again"]), (202, &json!(true)), "{told}");
    assert_eq!(first.send(&rig).await.0, 409);
    assert_eq!(Sent::of(ISLAND, OTHER, 0).send(&rig).await.0, 202);
}

#[tokio::test]
async fn clocks_may_be_a_minute_apart() {
    let rig = rig().await;
    for (number, (after_s, taken)) in
        (0..).zip([(-120, false), (-50, true), (50, true), (120, false), (i64::MIN, false)])
    {
        let at = now().saturating_add(after_s.saturating_mul(1_000));
        let sent = Sent { at, ..Sent::of(HARBOUR, KEY, number) };
        let (status, told) = sent.send(&rig).await;
        assert_eq!(status, if taken { 202 } else { 401 }, "{after_s} s: {told}");
        assert!(taken || message(&told).contains("by its clock"), "{told}");
    }
    // Nobody takes the place of all that will come.
    let sent = Sent { epoch: now() + 3_600_000, ..Sent::of(HARBOUR, KEY, 9) };
    let (status, told) = sent.send(&rig).await;
    assert_eq!(status, 401, "{told}");
    assert!(message(&told).starts_with("the reporter began"), "{told}");
    // How long ago something was so is told by the clock of who saw it.
    let at = now() - 50_000;
    let lived = json!({"version": 1, "cluster": ISLAND, "aliveAtUnixMs": at});
    let sent = Sent { at, ..Sent::of(ISLAND, OTHER, 0) }.saying(&lived);
    assert_eq!(sent.send(&rig).await.0, 202);
    let heard = heard_of(&rig, ISLAND).await;
    assert!((at + 50_000..=now()).contains(&heard), "{heard} {at}");
    // What is said to be so in an hour is so now.
    let later = json!({"version": 1, "cluster": HARBOUR, "aliveAtUnixMs": now() + 3_600_000});
    assert_eq!(Sent::of(HARBOUR, KEY, 10).saying(&later).send(&rig).await.0, 202);
    assert!(heard_of(&rig, HARBOUR).await <= now());
}

/// When a cluster was heard of last.
async fn heard_of(rig: &Rig, name: &str) -> i64 {
    let known = cluster(rig, name).await;
    let heard: jiff::Timestamp = known["lastHeard"].as_str().unwrap().parse().unwrap();
    heard.as_millisecond()
}

#[tokio::test]
async fn two_keys_are_valid_while_one_follows_the_other() {
    let rig = rig().await;
    let file = rig.home.path().join("keys").join(HARBOUR);
    assert_eq!(Sent::of(HARBOUR, NEXT, 1).send(&rig).await.0, 401);
    fs::write(&file, format!("{KEY}\n{NEXT}\n")).unwrap();
    assert_eq!(Sent::of(HARBOUR, KEY, 1).send(&rig).await.0, 202);
    assert_eq!(Sent::of(HARBOUR, NEXT, 2).send(&rig).await.0, 202);
    fs::write(&file, format!("{NEXT}\n")).unwrap();
    assert_eq!(Sent::of(HARBOUR, KEY, 3).send(&rig).await.0, 401);
    assert_eq!(Sent::of(HARBOUR, NEXT, 3).send(&rig).await.0, 202);
    for unfit in ["", "short\n", &format!("{KEY}\n{NEXT}\n{OTHER}\n")] {
        fs::write(&file, unfit).unwrap();
        assert_eq!(Sent::of(HARBOUR, KEY, 4).send(&rig).await.0, 401, "{unfit}");
    }
    fs::remove_file(&file).unwrap();
    assert_eq!(Sent::of(HARBOUR, KEY, 4).send(&rig).await.0, 401);
}

#[tokio::test]
async fn what_is_not_a_report_is_told_and_harms_nobody() {
    let rig = rig().await;
    let (status, told) = Sent::of("moon", KEY, 1).send(&rig).await;
    assert_eq!(status, 404, "{told}");
    assert!(message(&told).contains("no cluster is called `moon`"), "{told}");
    let large = Sent { body: " ".repeat((4 << 20) + 1), ..Sent::of(HARBOUR, KEY, 1) };
    assert_eq!(large.send(&rig).await.0, 413);
    for (body, why) in [
        ("{", "cannot be used"),
        ("[]", "cannot be used"),
        (r#"{"version":2,"cluster":"edge-harbour"}"#, "version is 2"),
        (r#"{"version":1,"cluster":"edge-harbour","workloads":[{}]}"#, "missing field"),
    ] {
        let sent = Sent { body: body.into(), ..Sent::of(HARBOUR, KEY, 1) };
        let (status, told) = sent.send(&rig).await;
        assert_eq!(status, 400, "{told}");
        assert!(message(&told).contains(why), "{told}");
    }
    let sent = Sent::of(HARBOUR, KEY, 1);
    let path = format!("/v1/reports/{HARBOUR}");
    let asked = rig.asked(Method::POST, &path, "").header("periplus-report", sent.header());
    assert_eq!(said(asked.body(sent.body.clone()).send().await.unwrap()).await.0, 415);
    // None of it was taken: its number is still free.
    assert_eq!(sent.send(&rig).await.0, 202);
}

#[tokio::test]
async fn what_the_disk_does_not_take_is_not_taken() {
    let rig = rig().await;
    fs::create_dir(rig.home.path().join("state/reports.new")).unwrap();
    let sent = Sent::of(HARBOUR, KEY, 1);
    let (status, told) = sent.send(&rig).await;
    assert_eq!(status, 503, "{told}");
    fs::remove_dir(rig.home.path().join("state/reports.new")).unwrap();
    assert_eq!(sent.send(&rig).await.0, 202);
}

#[tokio::test]
async fn a_desk_that_does_not_answer_is_told_and_the_next_report_is_taken() {
    let desk = Duration::from_millis(200);
    let limits = Limits { desk, ..Limits::default() };
    let behind = super::rig::Behind::Nothing;
    let rig =
        Rig::made(Made { config: ROLES, tokens: TOKENS, limits, behind, ..Made::default() }).await;
    fs::write(rig.home.path().join("keys").join(HARBOUR), KEY).unwrap();
    assert_eq!(Sent::of(HARBOUR, KEY, 1).send(&rig).await.0, 503);
    assert_eq!(Sent::of(HARBOUR, KEY, 2).send(&rig).await.0, 503);
}

fn event(seconds_ago: i64, more: &Value) -> Value {
    let at = jiff::Timestamp::from_millisecond(now() - seconds_ago * 1_000).unwrap();
    let mut event = json!({
        "involvedObject": {"kind": "Kustomization", "name": "shop.web", "namespace": "flux-system",
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "uid": "c0ffee", "resourceVersion": "7"},
        "severity": "info", "timestamp": at.to_string(), "reason": "ReconciliationSucceeded",
        "message": "Reconciliation finished in 1.2s, next run in 10m0s",
        "reportingController": "kustomize-controller", "reportingInstance": "kustomize-controller-1",
    });
    for (field, value) in more.as_object().unwrap() {
        event[field] = value.clone();
    }
    event
}

async fn alert(rig: &Rig, cluster: &str, key: &str, event: &Value) -> (u16, Value) {
    let body = event.to_string();
    let signature = format!("sha256={}", digest(key, &[body.as_bytes()]));
    said(post(rig, &format!("/v1/alerts/{cluster}"), "x-signature", signature, &body).await).await
}

#[tokio::test]
async fn an_alert_proves_that_its_cluster_lived_then() {
    let rig = rig().await;
    let before = cluster(&rig, HARBOUR).await["lastHeard"].clone();
    let happened = event(0, &json!({}));
    let (status, told) = alert(&rig, HARBOUR, KEY, &happened).await;
    assert_eq!((status, &told["failed"]), (202, &Value::Null), "{told}");
    let known = periplus_support::real::until("the alert", SOON, async || {
        let known = cluster(&rig, HARBOUR).await;
        (known["reporting"]["lastAlert"].is_string()).then_some(known)
    })
    .await;
    assert_eq!(known["reporting"]["complete"], false);
    assert!(known["lastHeard"].as_str() >= before.as_str(), "{known}");
    assert_eq!(alert(&rig, HARBOUR, KEY, &happened).await.0, 409);
    assert_eq!(alert(&rig, HARBOUR, OTHER, &event(1, &json!({}))).await.0, 401);
    assert_eq!(alert(&rig, ISLAND, KEY, &event(1, &json!({}))).await.0, 401);
    for (seconds_ago, status) in [(500, 202), (700, 401), (-30, 202), (-90, 401)] {
        let told = alert(&rig, HARBOUR, KEY, &event(seconds_ago, &json!({}))).await;
        assert_eq!(told.0, status, "{seconds_ago}: {told:?}");
    }
    for wrong in [json!({}), json!({"involvedObject": {}}), event(0, &json!({"timestamp": "now"}))]
    {
        assert_eq!(alert(&rig, HARBOUR, KEY, &wrong).await.0, 400, "{wrong}");
    }
    let large = event(0, &json!({"message": "x".repeat(64 << 10)}));
    assert_eq!(alert(&rig, HARBOUR, KEY, &large).await.0, 413);
    // A report is signed otherwise: with the same key it is no alert, nor the other way round.
    let sent = Sent::of(HARBOUR, KEY, 1);
    let signature = format!("sha256={}", digest(KEY, &[sent.body.as_bytes()]));
    let path = format!("/v1/reports/{HARBOUR}");
    let answer = post(&rig, &path, "x-signature", signature, &sent.body).await;
    assert_eq!(said(answer).await.0, 401);
}

#[tokio::test]
async fn an_alert_tells_of_what_flux_waited_for_in_vain_and_of_nothing_more() {
    let rig = rig().await;
    let node = json!({"cpuMilli": 4_000, "memoryBytes": 8_u64 << 30, "pods": 100});
    let room = json!({"asOfUnixMs": now(), "pools": [{"name": "pool", "nodes": [node, node]}]});
    let room = json!({"version": 1, "cluster": HARBOUR, "aliveAtUnixMs": now(), "room": room});
    assert_eq!(Sent::of(HARBOUR, KEY, 1).saying(&room).send(&rig).await.0, 202);
    let rates = json!([{"app": "shop", "zone": "harbour", "rps": 20}]);
    let as_of = jiff::Timestamp::now().to_string();
    let demand = json!({"source": "test", "asOf": as_of, "measures": "offered", "rates": rates});
    assert_eq!(rig.post("/v1/demand", demand).await.0, 202);
    let phase = async || {
        let (_, told) = rig.get("/v1/apps/shop").await;
        let places = told["app"]["groups"][0]["places"].as_array()?.clone();
        let place = places.into_iter().find(|place| place["cluster"] == HARBOUR)?;
        let bindings = place["bindings"].as_array()?.clone();
        let cart = bindings.into_iter().find(|binding| binding["component"] == "cart")?;
        Some(cart["phase"].as_str()?.to_owned())
    };
    periplus_support::real::until("the cart to be written", SOON, async || {
        phase().await.filter(|phase| phase == "primed")
    })
    .await;
    let cart = json!({"kind": "Kustomization", "name": "shop.cart", "namespace": "flux-system"});
    let nobody = json!({"kind": "Kustomization", "name": "shop.mail", "namespace": "flux-system"});
    let error = |object: &Value, reason: &str| {
        event(0, &json!({"severity": "error", "involvedObject": object, "reason": reason}))
    };
    for (happened, failed) in [
        (error(&cart, "ReconciliationFailed"), Value::Null),
        (error(&nobody, "HealthCheckFailed"), Value::Null),
        (event(0, &json!({"involvedObject": cart})), Value::Null),
        // What happened before it was written is about something else.
        (
            event(
                60,
                &json!({"severity": "error", "involvedObject": cart, "reason": "HealthCheckFailed"}),
            ),
            json!({"app": "shop", "component": "cart"}),
        ),
    ] {
        let (status, told) = alert(&rig, HARBOUR, KEY, &happened).await;
        assert_eq!((status, &told["failed"]), (202, &failed), "{told}");
        assert_eq!(rig.get("/v1/state").await.0, 200);
        assert_eq!(phase().await.as_deref(), Some("primed"), "{happened}");
    }
    let (_, told) = alert(&rig, HARBOUR, KEY, &error(&cart, "HealthCheckFailed")).await;
    assert_eq!(told["failed"], json!({"app": "shop", "component": "cart"}));
    periplus_support::real::until("the failure to be known", SOON, async || {
        phase().await.is_none_or(|phase| phase != "primed").then_some(())
    })
    .await;
}

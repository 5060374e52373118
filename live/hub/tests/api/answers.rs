//! What is answered, and what becomes of what is told.

use std::sync::Arc;
use std::time::Duration;

use periplus_live::api::{Limits, Situation};
use periplus_live::clusters::{Clusters, Options, Source, Watched};
use periplus_live::feed::Feed;
use periplus_live::service::{Clock, Order, Wall};
use periplus_live::sighting::{Node, Pool, Sight, Sighting};
use periplus_support::real::until;
use reqwest::Method;
use serde_json::{Value, json};

use super::rig::{Behind, DEMAND, Made, OPERATE, ROLES, Rig, SOON, TOKENS, said};

fn now(seconds: i64) -> String {
    jiff::Timestamp::from_millisecond(Wall.now_unix_ms() + 1_000 * seconds).unwrap().to_string()
}

#[tokio::test]
async fn what_there_is_is_told_by_name() {
    let rig = Rig::start().await;
    let (_, state) = rig.get("/v1/state").await;
    assert_eq!((&state["mode"], &state["paused"]), (&json!("live"), &json!(false)));
    assert_eq!(state["counts"]["clusters"], 3);
    assert!(state["seq"].as_u64().unwrap() > 0 && state["at"].as_str().unwrap().ends_with('Z'));
    let (_, apps) = rig.get("/v1/apps").await;
    let shop = &apps["apps"][0];
    assert_eq!((&shop["name"], &shop["tenant"]), (&json!("shop"), &json!("default")));
    assert_eq!(shop["groups"][0]["components"], json!(["web", "cart"]));
    assert_eq!(shop.get("zones"), None);
    let (_, one) = rig.get("/v1/apps/shop").await;
    assert_eq!(one["app"]["zones"][0]["zone"], "harbour");
    assert_eq!(rig.get("/v1/apps?app=shop").await.1["apps"][0], one["app"]);
    let (_, clusters) = rig.get("/v1/clusters").await;
    let names: Vec<&Value> =
        clusters["clusters"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names.len(), 3);
    let (_, cloud) = rig.get("/v1/clusters/cloud").await;
    assert_eq!(
        (&cloud["cluster"]["known"], &cloud["cluster"]["cordoned"]),
        (&json!("alive"), &json!(false))
    );

    for (path, message, hint) in [
        ("/v1/clusters/clout", "no cluster is called `clout`", "did you mean `cloud`?"),
        ("/v1/clusters?cluster=moon", "no cluster is called `moon`", "`edge-harbour`"),
        ("/v1/apps/shops", "no app is called `shops`", "did you mean `shop`?"),
        ("/v1/apps?app=x%22y", "no app is called `x\"y`", "there is `shop`"),
        ("/v1/why?app=moon", "no app is called `moon`", "there is `shop`"),
        ("/v2/state", "there is nothing at this path", "/openapi.json"),
        ("/v1/apps/", "there is nothing at this path", "/openapi.json"),
    ] {
        let (status, told) = rig.get(path).await;
        assert_eq!((status, &told["error"]["message"]), (404, &json!(message)), "{path}");
        assert!(told["error"]["hint"].as_str().unwrap().contains(hint), "{path}: {told}");
    }
    for path in [
        "/v1/why",
        "/v1/why?app=shop&at=yesterday",
        "/v1/why?app=shop&at=2026-11-27T10:00:00Z&seq=4",
        "/v1/why?app=shop&sec=4",
        "/v1/decisions?limit=0",
        "/v1/decisions?from=-1",
        "/v1/log?limit=100000",
        "/v1/apps?name=shop",
        "/v1/apps/%ff",
    ] {
        assert_eq!(rig.get(path).await.0, 400, "{path}");
    }
}

#[tokio::test]
async fn questions_for_the_program_around_reach_it() {
    let rig = Rig::start().await;
    let (_, told) =
        rig.get("/v1/why?app=shop&cluster=cloud&zone=island&at=1970-01-01T00:00:01Z").await;
    let asked = told["why"]["question"].as_str().unwrap();
    for part in ["app: \"shop\"", "Some(\"cloud\")", "Some(\"island\")", "At(1000)"] {
        assert!(asked.contains(part), "{asked}");
    }
    assert!(rig.get("/v1/why?app=shop&seq=7").await.1.to_string().contains("Record(7)"));
    let (_, told) = rig.get("/v1/decisions?from=7&limit=3&app=shop").await;
    assert_eq!(told["decisions"], json!([{"from": 7, "limit": 3, "app": "shop"}]));
}

/// All lines of the log.
async fn log(rig: &Rig) -> Vec<Value> {
    let answer = rig.asked(Method::GET, "/v1/log?limit=10000", OPERATE).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    let text = answer.text().await.unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn commands_are_in_the_log_when_they_are_answered() {
    let rig = Rig::start().await;
    let before = log(&rig).await.len();
    let (status, told) =
        rig.post("/v1/commands", json!({"command": "cordon", "cluster": "cloud"})).await;
    assert_eq!(status, 200, "{told}");
    let lines = log(&rig).await;
    assert!(told["seq"].as_u64().unwrap() <= lines.len() as u64 && lines.len() > before);
    assert!(lines[before..].iter().any(|line| line["input"].as_str().unwrap().contains("Cordon(")));
    assert_eq!(rig.get("/v1/clusters/cloud").await.1["cluster"]["cordoned"], true);

    let pin = json!({"command": "pin", "app": "shop", "group": "shop", "cluster": "edge-island"});
    let (_, apps) = rig.get("/v1/apps").await;
    let group = apps["apps"][0]["groups"][0]["name"].clone();
    let pin =
        json!({"group": group, "command": pin["command"], "app": "shop", "cluster": "edge-island"});
    for (command, path, pointer, right) in [
        (
            json!({"command": "uncordon", "cluster": "cloud"}),
            "/v1/clusters/cloud",
            "/cluster/cordoned",
            json!(false),
        ),
        (
            json!({"command": "drain", "cluster": "cloud"}),
            "/v1/clusters/cloud",
            "/cluster/draining",
            json!(true),
        ),
        (
            json!({"command": "undrain", "cluster": "cloud"}),
            "/v1/clusters/cloud",
            "/cluster/draining",
            json!(false),
        ),
        (pin, "/v1/apps/shop", "/app/groups/0/pinned", json!("edge-island")),
        (
            json!({"command": "unpin", "app": "shop", "group": group}),
            "/v1/apps/shop",
            "/app/groups/0/pinned",
            json!(null),
        ),
        (json!({"command": "pause"}), "/v1/state", "/paused", json!(true)),
        (json!({"command": "resume"}), "/v1/state", "/paused", json!(false)),
        (
            json!({"command": "declareLost", "cluster": "cloud"}),
            "/v1/clusters/cloud",
            "/cluster/known",
            json!("lost"),
        ),
        (
            json!({"command": "retire", "cluster": "cloud"}),
            "/v1/state",
            "/counts/clusters",
            json!(2),
        ),
    ] {
        let (status, told) = rig.post("/v1/commands", command.clone()).await;
        assert_eq!(status, 200, "{command}: {told}");
        let (_, now) = rig.get(path).await;
        assert_eq!(now.pointer(pointer), Some(&right), "{command}: {now}");
    }
}

#[tokio::test]
async fn commands_that_cannot_be_are_refused_and_not_in_the_log() {
    let rig = Rig::start().await;
    for (command, right, part) in [
        (json!({"command": "cordon", "cluster": "clout"}), 404, "did you mean `cloud`?"),
        (json!({"command": "pin", "app": "shop", "group": "x", "cluster": "cloud"}), 404, "group"),
        (json!({"command": "unpin", "app": "shipping", "group": "x"}), 404, "there is `shop`"),
        (json!({"command": "approve", "hold": 7}), 404, "no hold"),
        (json!({"command": "approve", "hold": "7"}), 400, "cannot be used"),
        (json!({"command": "destroy", "cluster": "cloud"}), 400, "unknown variant"),
        (json!({"command": "cordon"}), 400, "missing field"),
        (json!({"command": "cordon", "cluster": "cloud", "now": 1}), 400, "unknown field"),
        (json!({"command": "pause", "cluster": "cloud"}), 400, "unknown field"),
        (json!([]), 400, "cannot be used"),
    ] {
        let (status, told) = rig.post("/v1/commands", command.clone()).await;
        assert_eq!(status, right, "{command}: {told}");
        assert!(told["error"].to_string().contains(part), "{command}: {told}");
    }
    assert_eq!(rig.get("/v1/clusters/cloud").await.1["cluster"]["cordoned"], false);
    let given = |line: &Value| line["input"].as_str().unwrap().contains("Cordon(");
    assert!(!log(&rig).await.iter().any(given));
}

#[tokio::test]
async fn demand_that_is_pushed_is_what_users_ask_for() {
    let rig = Rig::start().await;
    let batch = json!({"source": "cdn", "asOf": now(-1), "measures": "offered", "rates": [
        {"app": "shop", "zone": "island", "rps": 3.25},
        {"app": "shop", "zone": "harbour", "rps": 12.5},
        {"app": "shop", "zone": "moon", "rps": 1},
        {"app": "ship", "zone": "island", "rps": 1},
    ]});
    let pushed = rig.asked(Method::POST, "/v1/demand", DEMAND).json(&batch).send().await.unwrap();
    let (status, told) = said(pushed).await;
    assert_eq!((status, &told["taken"], &told["unknown"]), (202, &json!(2), &json!(2)));
    assert_eq!(told["unknownOf"][0], json!({"app": "ship", "zone": "island"}));
    let rate = until("the rate", SOON, async || {
        let (_, told) = rig.get("/v1/apps/shop").await;
        (told["app"]["rps"] != 0.0).then_some(told)
    })
    .await;
    assert_eq!(rate["app"]["rps"], 15.75);
    let several = json!([
        {"source": "cdn", "asOf": now(0), "measures": "served", "rates": [{"app": "shop", "zone": "island", "rps": 4}]},
        {"source": "dns", "asOf": now(0), "measures": "offered", "rates": [{"app": "shop", "zone": "harbour", "rps": 0}]},
    ]);
    assert_eq!(rig.post("/v1/demand", several).await.1["taken"], 2);
    let late = json!({"source": "cdn", "asOf": now(-2), "measures": "served", "rates": [{"app": "shop", "zone": "island", "rps": 99}]});
    let (_, told) = rig.post("/v1/demand", late).await;
    assert_eq!((&told["taken"], &told["late"]), (&json!(0), &json!(1)));
    until("the new rates", SOON, async || {
        (rig.get("/v1/apps/shop").await.1["app"]["rps"] == 4.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_placed_is_told_with_where_it_is_and_how_far() {
    let rig = Rig::start().await;
    let told = until("the shop to be in git", SOON, async || {
        for cluster in ["edge-harbour", "edge-island", "cloud"] {
            let node =
                Node { cpu_milli: 16_000, memory_bytes: 64 << 30, pods: 100, ..Node::default() };
            let pools = vec![Pool { name: "default".into(), nodes: vec![node; 4] }];
            for sight in [
                Sight::Alive { cluster: cluster.into() },
                Sight::Room { cluster: cluster.into(), pools },
            ] {
                let as_of_unix_ms = Wall.now_unix_ms();
                rig.feed.tell(Sighting { as_of_unix_ms, sight }).await;
            }
        }
        let rates = json!([{"app": "shop", "zone": "island", "rps": 20}]);
        let batch = json!({"source": "cdn", "asOf": now(0), "measures": "offered", "rates": rates});
        assert_eq!(rig.post("/v1/demand", batch).await.0, 202);
        let (_, told) = rig.get("/v1/apps/shop").await;
        let places = told["app"]["groups"][0]["places"].as_array().unwrap();
        let bindings = places.iter().flat_map(|place| place["bindings"].as_array().unwrap());
        let in_git = bindings.filter(|binding| binding["phase"] == "primed").count();
        (in_git > 0).then_some(told)
    })
    .await;
    let place = &told["app"]["groups"][0]["places"][0];
    assert_eq!((&place["stage"], &place["ready"]), (&json!("live"), &json!(false)));
    let cart = place["bindings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["component"] == "cart")
        .unwrap();
    assert_eq!((&cart["phase"], &cart["content"]), (&json!("primed"), &json!("present")));
    assert!(
        cart["replicas"]["wanted"].as_u64() > Some(0) && cart["replicas"]["ready"] == 0,
        "{cart}"
    );
    assert_eq!(told["app"]["zones"][1]["served"], true);

    let name = place["cluster"].as_str().unwrap();
    let (_, cluster) = rig.get(&format!("/v1/clusters/{name}")).await;
    let cluster = &cluster["cluster"];
    assert_eq!(cluster["room"]["cpuMilli"], 64_000);
    assert!(
        cluster["held"]["cpuMilli"].as_u64() > Some(0) && cluster["bindings"] == 2,
        "{cluster}"
    );
    let (_, state) = rig.get("/v1/state").await;
    assert_eq!(state["counts"]["bindings"], 2);
    let page = rig.asked(Method::GET, "/metrics", OPERATE).send().await.unwrap();
    let page = page.text().await.unwrap();
    assert!(page.contains("periplus_bindings{content=\"present\",ready=\"false\"} 1\n"), "{page}");
    assert!(page.contains("periplus_app_clusters{app=\"shop\"} 1\n"), "{page}");
}

#[tokio::test]
async fn demand_that_cannot_be_is_refused_as_a_whole() {
    let rig = Rig::start().await;
    let with = |key: &str, value: Value| {
        let mut batch =
            json!({"source": "cdn", "asOf": now(0), "measures": "offered", "rates": []});
        batch[key] = value;
        batch
    };
    let rate = |rps: Value| json!({"app": "shop", "zone": "island", "rps": rps});
    let many: Vec<Value> = (0..4_097)
        .map(|number| json!({"app": "shop", "zone": format!("z{number}"), "rps": 1}))
        .collect();
    for (batch, right, part) in [
        (with("rates", json!([rate(json!(1)), rate(json!(-0.5))])), 400, "is not a rate"),
        (with("rates", json!([rate(json!(1.0e9))])), 400, "is not a rate"),
        (with("rates", json!([rate(json!(null))])), 400, "cannot be used"),
        (with("rates", json!([rate(json!("NaN"))])), 400, "cannot be used"),
        (with("rates", json!([rate(json!(1)), rate(json!(2))])), 400, "there twice"),
        (with("rates", json!(many)), 413, "at most 4096"),
        (with("rate", json!([])), 400, "unknown field `rate`"),
        (json!({"source": "cdn"}), 400, "missing field `asOf`"),
        (json!("cdn"), 400, "a batch, or a list of them"),
        (json!([7]), 400, "struct Batch"),
        (with("source", json!("CDN 1")), 400, "not a name"),
        (with("source", json!("a/fallback")), 400, "not a name"),
        (with("asOf", json!("now")), 400, "RFC 3339"),
        (with("asOf", json!(now(3_600))), 400, "to come"),
        (with("asOf", json!(now(-3_600))), 400, "ago"),
        (with("measures", json!("guessed")), 400, "cannot be used"),
        (
            json!([
                with("rates", json!([rate(json!(5))])),
                with("rates", json!([rate(json!(-1))]))
            ]),
            400,
            "batch 1",
        ),
    ] {
        let (status, told) = rig.post("/v1/demand", batch).await;
        assert_eq!(status, right, "{told}");
        assert!(told["error"].to_string().contains(part), "{part}: {told}");
    }
    // NaN cannot be said in JSON, and neither can what is infinite.
    for text in ["NaN", "Infinity", "1e999"] {
        let body = format!(
            r#"{{"source":"cdn","asOf":"{}","measures":"offered","rates":[{{"app":"shop","zone":"island","rps":{text}}}]}}"#,
            now(0)
        );
        let asked = rig.asked(Method::POST, "/v1/demand", DEMAND).body(body);
        let asked = asked.header("content-type", "application/json").send().await.unwrap();
        assert_eq!(said(asked).await.0, 400, "{text}");
    }
    assert_eq!(rig.get("/v1/apps/shop").await.1["app"]["rps"], 0.0);
}

#[tokio::test]
async fn readiness_says_what_is_missing() {
    let rig = Rig::start().await;
    let (status, told) = rig.get("/readyz").await;
    assert_eq!((status, &told["ready"], &told["missing"]), (200, &json!(true), &json!([])));
    let missing = vec!["a lease".to_owned()];
    rig.situation.send_replace(Situation { mode: "standby".into(), missing });
    let (status, told) = rig.get("/readyz").await;
    assert_eq!((status, &told["missing"]), (503, &json!(["a lease"])));
    assert_eq!(rig.get("/v1/state").await.1["mode"], "standby");
}

#[tokio::test]
async fn clusters_are_waited_for_a_while_until_they_are_read() {
    let clusters = Arc::new(Clusters::new(Options::default()));
    let source = Source::Loaded(Arc::new(|| Err("nobody knows the way".to_owned())));
    clusters.declare(vec![Watched { name: "cloud".into(), source }]);
    let watched = Arc::clone(&clusters);
    let feed: Feed<Order> = Feed::default();
    let watch = tokio::spawn(async move { watched.run(feed, std::future::pending()).await });
    let made = |grace| {
        let limits = Limits { grace, ..Limits::default() };
        Made { limits, clusters: Some(Arc::clone(&clusters)), ..Made::default() }
    };
    let rig = Rig::made(made(SOON)).await;
    let (status, told) = rig.get("/readyz").await;
    let missing = told["missing"][0].as_str().unwrap();
    assert!(status == 503 && missing.starts_with("the first lists of "), "{told}");
    for cluster in ["cloud", "edge-harbour", "edge-island"] {
        assert!(missing.contains(cluster), "{missing}");
    }
    let watching = until("what went wrong", SOON, async || {
        let (_, told) = rig.get("/v1/clusters/cloud").await;
        let watching = told["cluster"]["watching"].clone();
        watching["lastError"].is_object().then_some(watching)
    })
    .await;
    assert_eq!(watching["connected"], false);
    assert!(watching["lastError"]["what"].as_str().unwrap().contains("nobody knows the way"));
    assert_eq!(rig.get("/v1/clusters/edge-island").await.1["cluster"]["watching"], Value::Null);
    let page = rig.asked(Method::GET, "/metrics", "").send().await.unwrap().text().await.unwrap();
    assert!(page.contains("periplus_cluster_connected{cluster=\"cloud\"} 0\n"), "{page}");
    // They are not waited for for ever.
    let rig = Rig::made(made(Duration::ZERO)).await;
    assert_eq!(rig.get("/readyz").await.0, 200);
    watch.abort();
}

#[tokio::test]
async fn a_desk_that_does_not_answer_is_told_of_in_time() {
    let limits = Limits { desk: Duration::from_millis(200), ..Limits::default() };
    let rig =
        Made { config: ROLES, tokens: TOKENS, limits, behind: Behind::Nothing, ..Made::default() };
    let rig = Rig::made(rig).await;
    let rates = json!([{"app": "shop", "zone": "island", "rps": 1}]);
    let demand = json!({"source": "cdn", "asOf": now(0), "measures": "offered", "rates": rates});
    for (path, body) in [
        ("/v1/state", Value::Null),
        ("/v1/apps", Value::Null),
        ("/v1/apps/shop", Value::Null),
        ("/v1/clusters", Value::Null),
        ("/v1/demand", demand),
        ("/v1/commands", json!({"command": "pause"})),
    ] {
        let method = if body.is_null() { Method::GET } else { Method::POST };
        let asked = rig.asked(method, path, OPERATE).json(&body);
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.headers()["retry-after"], "5");
        let (status, told) = said(answer).await;
        assert!(
            status == 503 && told["error"]["message"].as_str().unwrap().contains("200ms"),
            "{told}"
        );
    }
    let (status, told) = rig.get("/readyz").await;
    assert_eq!((status, &told["missing"]), (503, &json!(["the desk does not answer"])));
    assert_eq!(rig.get("/healthz").await.0, 200);
    let answer = rig.asked(Method::GET, "/metrics", OPERATE).send().await.unwrap();
    assert!(answer.text().await.unwrap().contains("periplus_desk_answers 0\n"));
}

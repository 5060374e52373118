//! Who may do what.

use std::fs;

use periplus_support::real::until;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HOST};

use super::rig::{DEMAND, Made, OPERATE, READ, ROLES, Rig, SOON, TOKENS, said};

#[tokio::test]
async fn every_route_asks_for_its_role() {
    let rig = Rig::start().await;
    let wrong = "wrong-0123456789abcdef";
    // Nothing that is wrong with a question is told to who may not ask it.
    for (method, path, by_role) in [
        (Method::GET, "/healthz", [200, 200, 200, 200, 200]),
        (Method::GET, "/readyz", [200, 200, 200, 200, 200]),
        (Method::GET, "/openapi.json", [200, 200, 200, 200, 200]),
        (Method::GET, "/metrics", [401, 401, 200, 403, 200]),
        (Method::GET, "/v1/state", [401, 401, 200, 403, 200]),
        (Method::GET, "/v1/apps", [401, 401, 200, 403, 200]),
        (Method::GET, "/v1/apps/none", [401, 401, 404, 403, 404]),
        (Method::GET, "/v1/clusters", [401, 401, 200, 403, 200]),
        (Method::GET, "/v1/decisions", [401, 401, 200, 403, 200]),
        (Method::GET, "/v1/why?app=shop", [401, 401, 200, 403, 200]),
        (Method::GET, "/v1/log", [401, 401, 200, 403, 200]),
        (Method::POST, "/v1/commands", [401, 401, 403, 403, 400]),
        (Method::POST, "/v1/demand", [401, 401, 403, 400, 400]),
        (Method::POST, "/v1/copy", [401, 401, 403, 403, 409]),
    ] {
        for (token, right) in ["", wrong, READ, DEMAND, OPERATE].into_iter().zip(by_role) {
            let status = rig.status(method.clone(), path, token).await;
            assert_eq!(status, right, "{method} {path} with `{token}`");
        }
    }
    let answer = rig.asked(Method::GET, "/v1/state", wrong).send().await.unwrap();
    assert_eq!(answer.headers()["www-authenticate"], "Bearer");
    assert_eq!(said(answer).await.1["error"]["message"], "it is not known who asks");
    for header in ["Basic cmVhZDp4", "Bearer", "bearer  ", &format!("Bearer {READ} x"), READ] {
        let asked = rig.asked(Method::GET, "/v1/state", "").header(AUTHORIZATION, header);
        assert_eq!(asked.send().await.unwrap().status(), 401, "{header}");
    }
    let lower =
        rig.asked(Method::GET, "/v1/state", "").header(AUTHORIZATION, format!("bearer {READ}"));
    assert_eq!(lower.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_token_is_what_its_file_says_now() {
    let rig = Rig::start().await;
    assert_eq!(rig.status(Method::GET, "/v1/state", READ).await, 200);
    let file = rig.home.path().join("read.token");
    let renewed = "renewed-0123456789abcdef";
    fs::write(&file, renewed).unwrap();
    until("the new token", SOON, async || {
        (rig.status(Method::GET, "/v1/state", renewed).await == 200).then_some(())
    })
    .await;
    assert_eq!(rig.status(Method::GET, "/v1/state", READ).await, 401);
    fs::remove_file(&file).unwrap();
    until("no token", SOON, async || {
        (rig.status(Method::GET, "/v1/state", renewed).await == 401).then_some(())
    })
    .await;
    assert_eq!(rig.status(Method::GET, "/v1/state", OPERATE).await, 200);
}

#[tokio::test]
async fn without_tokens_who_is_on_this_machine_reads_and_changes_nothing() {
    let rig = Rig::made(Made::default()).await;
    for path in ["/v1/state", "/v1/apps", "/v1/clusters", "/metrics", "/v1/log"] {
        assert_eq!(rig.status(Method::GET, path, "").await, 200, "{path}");
        assert_eq!(rig.status(Method::GET, path, "whatever").await, 200, "{path}");
    }
    for (path, role) in [("/v1/commands", "operate"), ("/v1/demand", "demand")] {
        let body = serde_json::json!({"command": "pause"});
        let asked = rig.asked(Method::POST, path, "").json(&body);
        let (status, told) = said(asked.send().await.unwrap()).await;
        assert_eq!(status, 403);
        let hint = told["error"]["hint"].as_str().unwrap();
        assert!(hint.contains(&format!("role: {role}")) && hint.contains("live.yaml"), "{hint}");
    }
    // As a page in a browser would ask, by a name that was made to lead here.
    let asked = rig.asked(Method::GET, "/v1/state", "").header(HOST, "evil.example:8080");
    assert_eq!(said(asked.send().await.unwrap()).await.0, 403);
    let asked = rig.asked(Method::GET, "/v1/state", "").header(HOST, "localhost:8080");
    assert_eq!(said(asked.send().await.unwrap()).await.0, 200);
}

#[tokio::test]
async fn metrics_may_be_open() {
    let config: &'static str = format!("{ROLES}\nmetrics: open").leak();
    let rig = Rig::made(Made { config, tokens: TOKENS, ..Made::default() }).await;
    assert_eq!(rig.status(Method::GET, "/metrics", "").await, 200);
    assert_eq!(rig.status(Method::GET, "/v1/state", "").await, 401);
}

//! What is too much, too long, or fails, harms nobody else.

use std::time::Duration;

use periplus_live::api::Limits;
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::rig::{Made, OPERATE, ROLES, Rig, SOON, TOKENS, said};

fn limited(limits: Limits) -> Made {
    Made { config: ROLES, tokens: TOKENS, limits, ..Made::default() }
}

/// Sends this, and gives back all that comes until the other side ends.
async fn raw(rig: &Rig, text: &str) -> String {
    let address = rig.at.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn bodies_have_a_longest_length() {
    let rig = Rig::start().await;
    for (path, bytes) in [("/v1/commands", 17 << 10), ("/v1/demand", (4 << 20) + 1)] {
        let body = " ".repeat(bytes);
        let asked =
            rig.asked(Method::POST, path, OPERATE).header("content-type", "application/json");
        let (status, told) = said(asked.body(body).send().await.unwrap()).await;
        assert_eq!(status, 413, "{path}: {told}");
    }
    // The same without saying how long it is.
    let chunk = " ".repeat(1 << 10);
    let mut text = format!(
        "POST /v1/commands HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {OPERATE}\r\nconnection: close\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    for _ in 0..17 {
        text.push_str(&format!("400\r\n{chunk}\r\n"));
    }
    text.push_str("0\r\n\r\n");
    let answer = raw(&rig, &text).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("the body has more than 16384 bytes"), "{answer}");
}

#[tokio::test]
async fn bodies_that_are_not_json_are_not_taken() {
    let rig = Rig::start().await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"] {
        let asked = rig.asked(Method::POST, "/v1/commands", OPERATE).header("content-type", kind);
        let (status, told) = said(asked.body(r#"{"command":"pause"}"#).send().await.unwrap()).await;
        assert_eq!(status, 415, "{kind}: {told}");
    }
    let asked = rig.asked(Method::POST, "/v1/commands", OPERATE);
    let asked = asked.header("content-type", "application/json; charset=utf-8");
    assert_eq!(said(asked.body("{").send().await.unwrap()).await.0, 400);
    assert_eq!(rig.get("/v1/state").await.1["paused"], false);
}

#[tokio::test]
async fn requests_that_do_not_end_are_ended() {
    let short = Duration::from_millis(300);
    let rig = Rig::made(limited(Limits { head: short, body: short, ..Limits::default() })).await;
    // A head that never ends, nothing at all, and a body of which only some comes.
    for unfinished in ["GET /v1/state HTTP/1.1\r\nhost: local", ""] {
        let answer = raw(&rig, unfinished).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }
    let answer = raw(
        &rig,
        &format!(
            "POST /v1/commands HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {OPERATE}\r\n\
             content-type: application/json\r\ncontent-length: 90\r\n\r\n{{"
        ),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("\"version\":1"), "{answer}");
    assert_eq!(rig.get("/v1/state").await.0, 200);
}

#[tokio::test]
async fn heads_have_a_longest_length() {
    let rig = Rig::start().await;
    let address = rig.at.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head =
        format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\na: {}\r\n\r\n", "x".repeat(1 << 20));
    // The other side may break off before it has all, and before we have its answer.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431 "), "{answer:?}");
    assert_eq!(rig.get("/healthz").await.0, 200);
}

#[tokio::test]
async fn methods_that_a_path_does_not_take_are_told_which_it_does() {
    let rig = Rig::start().await;
    for (path, allowed) in [("/v1/commands", "POST"), ("/v1/state", "GET,HEAD")] {
        let answer = rig.asked(Method::DELETE, path, OPERATE).send().await.unwrap();
        assert_eq!(answer.headers()["allow"], allowed);
        assert_eq!(said(answer).await.0, 405);
    }
}

#[tokio::test]
async fn a_request_that_panics_fails_alone() {
    let rig = Rig::start().await;
    for _ in 0..3 {
        let (status, told) = rig.get("/v1/why?app=panics").await;
        assert_eq!(status, 500);
        assert!(!told.to_string().contains("asked to"), "{told}");
    }
    assert_eq!(rig.get("/v1/state").await.0, 200);
}

#[tokio::test]
async fn answers_that_take_too_long_are_not_waited_for() {
    let limits = Limits { request: Duration::from_millis(300), ..Limits::default() };
    let rig = Rig::made(limited(limits)).await;
    assert_eq!(rig.get("/v1/why?app=waits").await.0, 504);
}

#[tokio::test]
async fn probes_are_answered_however_much_there_is_to_do() {
    let limits = Limits { requests: 1, ..Limits::default() };
    let rig = Rig::made(limited(limits)).await;
    let slow = tokio::spawn(rig.asked(Method::GET, "/v1/why?app=waits", OPERATE).send());
    let told = periplus_support::real::until("the limit", SOON, async || {
        let answer = rig.asked(Method::GET, "/v1/state", OPERATE).send().await.unwrap();
        let (status, told) = said(answer).await;
        (status == 503).then_some(told)
    })
    .await;
    assert!(told["error"]["message"].as_str().unwrap().contains("too many"), "{told}");
    assert_eq!(rig.get("/healthz").await.0, 200);
    assert_eq!(rig.get("/readyz").await.0, 200);
    rig.gate.open();
    assert_eq!(slow.await.unwrap().unwrap().status(), 200);
    assert_eq!(rig.post("/v1/commands", json!({"command": "pause"})).await.0, 200);
}

#[tokio::test]
async fn many_who_ask_at_once_are_all_answered() {
    let rig = Rig::start().await;
    let asked = (0..50).map(|_| rig.get("/v1/state"));
    let answers = futures::future::join_all(asked).await;
    assert!(answers.iter().all(|(status, _)| *status == 200));
}

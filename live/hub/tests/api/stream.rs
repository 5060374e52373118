//! The log, as it comes.

use std::time::Duration;

use periplus_live::api::Limits;
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::rig::{Behind, Made, OPERATE, ROLES, Rig, SOON, TOKENS, said};

/// A stream of lines.
struct Lines {
    answer: Response,
    rest: Vec<u8>,
}

impl Lines {
    async fn of(rig: &Rig, path: &str) -> Self {
        let asked = rig.client.get(format!("{}{path}", rig.at)).bearer_auth(OPERATE);
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        Self { answer, rest: Vec::new() }
    }

    /// The next line, if there is one more.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let chunk = timeout(SOON, self.answer.chunk()).await.unwrap().unwrap()?;
            self.rest.extend_from_slice(&chunk);
        }
    }

    async fn until(&mut self, what: &str) -> Value {
        loop {
            let line = self.next().await.unwrap_or_else(|| panic!("it ended before {what}"));
            if line["input"].as_str().unwrap().contains(what) {
                return line;
            }
        }
    }
}

async fn command(rig: &Rig, command: Value) {
    let (status, told) = rig.post("/v1/commands", command).await;
    assert_eq!(status, 200, "{told}");
}

#[tokio::test]
async fn who_follows_hears_of_each_record_once_and_in_order() {
    let rig = Rig::start().await;
    let mut lines = Lines::of(&rig, "/v1/log?follow=true").await;
    for number in 0..5 {
        assert_eq!(lines.next().await.unwrap()["seq"], number);
    }
    command(&rig, json!({"command": "cordon", "cluster": "cloud"})).await;
    let cordoned = lines.until("Cordon(").await["seq"].as_u64().unwrap();
    command(&rig, json!({"command": "pause"})).await;
    let paused = lines.until("Pause").await["seq"].as_u64().unwrap();
    assert!(paused > cordoned);
    let mut later = Lines::of(&rig, &format!("/v1/log?follow=true&from={paused}")).await;
    assert_eq!(later.next().await.unwrap()["seq"], paused);
    command(&rig, json!({"command": "resume"})).await;
    let resumed = later.until("Resume").await;
    assert_eq!(lines.until("Resume").await, resumed);
}

#[tokio::test]
async fn streams_that_nothing_comes_from_go_on() {
    let short = Duration::from_millis(200);
    let limits = Limits { head: short, body: short, ..Limits::default() };
    let mut rig =
        Rig::made(Made { config: ROLES, tokens: TOKENS, limits, ..Made::default() }).await;
    // A connection that is idle may be ended at any moment, also at that of the next request.
    rig.client = Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
    command(&rig, json!({"command": "pause"})).await;
    let from = rig.get("/v1/state").await.1["seq"].as_u64().unwrap();
    let mut lines = Lines::of(&rig, &format!("/v1/log?follow=true&from={from}")).await;
    assert!(timeout(5 * short, lines.next()).await.is_err());
    command(&rig, json!({"command": "resume"})).await;
    lines.until("Resume").await;
}

#[tokio::test]
async fn who_does_not_follow_gets_what_there_is() {
    let rig = Rig::start().await;
    let mut lines = Lines::of(&rig, "/v1/log?from=3&limit=2").await;
    assert_eq!(lines.next().await.unwrap()["seq"], 3);
    assert_eq!(lines.next().await.unwrap()["seq"], 4);
    assert_eq!(lines.next().await, None);
    assert_eq!(Lines::of(&rig, "/v1/log?from=100000").await.next().await, None);
}

#[tokio::test]
async fn streams_end_when_the_service_stops_and_only_so_many_are_read() {
    let limits = Limits { streams: 2, request: Duration::from_secs(10), ..Limits::default() };
    let made = Made { config: ROLES, tokens: TOKENS, limits, ..Made::default() };
    let mut rig = Rig::made(made).await;
    let from = rig.get("/v1/state").await.1["seq"].as_u64().unwrap() + 1_000;
    let path = format!("/v1/log?follow=true&from={from}");
    let (mut one, two) = (Lines::of(&rig, &path).await, Lines::of(&rig, &path).await);
    let (status, told) = rig.get("/v1/log").await;
    assert!(status == 503 && told.to_string().contains("streams"), "{told}");
    drop(two);
    periplus_support::real::until("room for another", SOON, async || {
        let answer = rig.asked(Method::GET, "/v1/log", OPERATE).send().await.unwrap();
        (answer.status() == 200).then_some(())
    })
    .await;
    let client = rig.client.clone();
    let at = rig.at.clone();
    rig.stop().await.unwrap();
    assert_eq!(one.next().await, None);
    assert!(client.get(format!("{at}/healthz")).send().await.is_err());
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_a_fault_with_a_status() {
    let rig = Rig::made(Made { behind: Behind::Nothing, ..Made::default() }).await;
    let answer = rig.asked(Method::GET, "/v1/log", "").send().await.unwrap();
    assert_eq!(said(answer).await.0, 500);
}

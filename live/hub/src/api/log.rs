//! `/v1/log`: records, one a line, as far as they go or as they come.
//!
//! A stream holds one batch of lines and reads the next only once that was taken, so a slow reader costs nothing. All that
//! follow learn of new records by one question to the desk (`Pulse`), however many they are.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::stream;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::{Mutex, OwnedSemaphorePermit};
use tokio::time::{Instant, sleep, sleep_until};

use super::Api;
use super::access::Need;
use super::extract::Said;
use super::problem::Problem;
use super::questions::within;
use super::routes::{Gives, Route};

/// Which records.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Query {
    /// From this record on.
    #[serde(default)]
    from: u64,
    /// How many at most: 1 to 10000, if it does not follow.
    #[serde(default = "some")]
    limit: usize,
    /// Whether to go on with records as they come, until who asked breaks off. There is no limit then.
    #[serde(default)]
    follow: bool,
}

fn some() -> usize {
    1_000
}

const LIMIT_MAX: usize = 10_000;
/// So many lines are read at once. The longest, of 4,096 rates, has some hundred thousand bytes.
const BATCH: usize = 128;
/// How often the desk is asked whether there is more.
const PULSE: Duration = Duration::from_millis(250);
const NDJSON: &str = "application/x-ndjson";

/// What the desk said last of how far the log goes.
#[derive(Debug, Default)]
pub(super) struct Pulse(Mutex<Option<(Instant, u64)>>);

pub(super) fn routes() -> Vec<Route> {
    let summary = "Records of the log, one JSON object a line; as they come, with `follow=true`";
    vec![
        Route::get("/v1/log", Need::Read, summary, Gives::Text(NDJSON), get(answer))
            .asking::<Query>(),
    ]
}

async fn answer(State(api): State<Api>, Said(query): Said<Query>) -> Result<Response, Problem> {
    let Query { from, limit, follow } = query;
    let limit = within("limit", limit, LIMIT_MAX)?;
    let permit = Arc::clone(&api.shared.streams).try_acquire_owned();
    let Ok(permit) = permit else {
        let most = api.limits().streams;
        let message = format!("{most} streams of the log are read already");
        return Err(Problem::busy(message, "end one of them, or ask again later", 30));
    };
    // What cannot be read at all is answered with a status.
    let first = api.lines(from, if follow { BATCH } else { limit.min(BATCH) }).await?;
    let left = if follow { None } else { Some(limit) };
    let reading =
        Reading { api, next: from, left, ready: Some(first), ended: false, _permit: permit };
    let body = Body::from_stream(stream::unfold(reading, Reading::more));
    Ok(([(CONTENT_TYPE, NDJSON)], body).into_response())
}

/// A stream of records.
struct Reading {
    api: Api,
    /// The record that comes next.
    next: u64,
    /// How many may still come; `None` if it follows.
    left: Option<usize>,
    /// What was read and not yet told.
    ready: Option<Vec<String>>,
    ended: bool,
    _permit: OwnedSemaphorePermit,
}

impl Reading {
    async fn more(mut self) -> Option<(io::Result<String>, Self)> {
        if self.ended {
            return None;
        }
        match self.lines().await {
            Ok(lines) if lines.is_empty() => None,
            Ok(lines) => {
                self.next += lines.len() as u64;
                self.left = self.left.map(|left| left.saturating_sub(lines.len()));
                let mut text = lines.join("\n");
                text.push('\n');
                Some((Ok(text), self))
            }
            // The status is out already: the last line says what happened.
            Err(problem) => {
                self.ended = true;
                let told = serde_json::to_string(&problem.told()).unwrap_or_default();
                Some((Ok(told + "\n"), self))
            }
        }
    }

    /// The next lines; none at the end.
    async fn lines(&mut self) -> Result<Vec<String>, Problem> {
        if let Some(ready) = self.ready.take().filter(|ready| !ready.is_empty()) {
            return Ok(ready);
        }
        let Some(left) = self.left else { return self.followed().await };
        match left.min(BATCH) {
            0 => Ok(Vec::new()),
            limit => self.api.lines(self.next, limit).await,
        }
    }

    /// The next lines as they come; none once the service stops.
    async fn followed(&self) -> Result<Vec<String>, Problem> {
        let mut stopping = self.api.shared.stopping.subscribe();
        let read = async {
            loop {
                let lines = self.api.lines(self.next, BATCH).await?;
                if !lines.is_empty() {
                    return Ok(lines);
                }
                // A record is told of a little before it can be read.
                sleep(PULSE).await;
                self.api.grown(self.next).await?;
            }
        };
        tokio::select! {
            lines = read => lines,
            _ = stopping.wait_for(|stopping| *stopping) => Ok(Vec::new()),
        }
    }
}

impl Api {
    async fn lines(&self, from: u64, limit: usize) -> Result<Vec<String>, Problem> {
        self.explained(move |explain| explain.log(from, limit)).await
    }

    /// Waits until there is this record.
    async fn grown(&self, record: u64) -> Result<(), Problem> {
        loop {
            // Who comes second waits here for the answer to the first.
            let mut known = self.shared.pulse.0.lock().await;
            if let Some((at, seq)) = *known {
                if seq > record {
                    return Ok(());
                }
                sleep_until(at + PULSE).await;
            }
            let seq = self.ask(|desk| desk.state().seq().0).await?;
            *known = Some((Instant::now(), seq));
        }
    }
}

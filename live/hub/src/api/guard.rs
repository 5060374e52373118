//! What holds for every request: so many at once, so long, counted by route and status, and whatever fails in one harms no
//! other.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::Api;
use super::access::Peer;
use super::problem::{Problem, internal};
use crate::traces::Telling;

/// Requests that were answered. Cheap enough for a lock: there are few, and few kinds.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    tallies: Mutex<BTreeMap<Kind, Tally>>,
}

/// What requests are counted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    /// As it stands in the table of routes.
    pub(super) route: String,
    pub(super) method: &'static str,
    pub(super) status: u16,
}

/// How many there were, and how long they took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) count: u64,
    pub(super) took: Duration,
}

impl Traffic {
    fn count(&self, kind: Kind, took: Duration) {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = tallies.entry(kind).or_default();
        tally.count += 1;
        tally.took += took;
    }

    pub(super) fn read(&self) -> BTreeMap<Kind, Tally> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Routes that are answered however much else there is to do: a probe that fails ends the service.
const PROBES: [&str; 2] = ["/healthz", "/readyz"];

/// Routes that are asked again and again by programs, each of which says little: those of each cluster and standby,
/// of Prometheus, and of whoever looks for what is not there.
const OFTEN: [&str; 4] = ["/metrics", "/v1/copy", "/v1/reports/{name}", "none"];

/// Answers a request within the limits.
pub(super) async fn guard(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.map_or("none", MatchedPath::as_str).to_owned();
    let method = method(request.method());
    let known = matched.map(MatchedPath::as_str);
    let what = (method, known, request.uri().path());
    let asked = api.traces().request(what, request.headers(), telling(&route));
    request.extensions_mut().insert(asked.parent());
    let peer = request.extensions().get::<Peer>().map(|peer| peer.address);
    let answer = match room(&api, &route) {
        Ok(permit) => {
            let answered = AssertUnwindSafe(next.run(request)).catch_unwind();
            let answered = timeout(api.limits().request, answered).await;
            drop(permit);
            match answered {
                Ok(Ok(answer)) => answer,
                Ok(Err(panic)) => internal(said(&*panic)).into_response(),
                Err(_) => slow().into_response(),
            }
        }
        Err(problem) => problem.into_response(),
    };
    let (status, took) = (answer.status(), began.elapsed());
    let ms = took.as_millis();
    if status.is_server_error() {
        tracing::warn!(route, method, status = status.as_u16(), ms, ?peer, "answered");
    } else {
        tracing::debug!(route, method, status = status.as_u16(), ms, ?peer, "answered");
    }
    asked.answered(status);
    api.traffic().count(Kind { route, method, status: status.as_u16() }, took);
    answer
}

/// How much is told of requests to a route.
fn telling(route: &str) -> Telling {
    let is_few = PROBES.contains(&route) || OFTEN.contains(&route);
    if is_few { Telling::Few } else { Telling::All }
}

fn room(api: &Api, route: &str) -> Result<Option<OwnedSemaphorePermit>, Problem> {
    if PROBES.contains(&route) {
        return Ok(None);
    }
    api.request_permit().map(Some).ok_or_else(|| {
        Problem::busy("too many requests are answered at this moment", "ask again in a second", 1)
    })
}

fn slow() -> Problem {
    let hint = "ask again; if it was a command, look whether it was taken";
    Problem::new(StatusCode::GATEWAY_TIMEOUT, "the answer took too long", hint)
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("a request panicked: {}", text.unwrap_or("it did not say why"))
}

/// One of a few words, whatever somebody sends.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "other",
    }
}

/// There is nothing at this path.
pub(super) async fn nothing_here() -> Problem {
    let hint = "GET /openapi.json lists everything that there is";
    Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path", hint)
}

/// There is something, but not for this method.
pub(super) async fn not_so() -> Problem {
    let hint = "GET /openapi.json lists everything that there is, with its methods";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method", hint)
}

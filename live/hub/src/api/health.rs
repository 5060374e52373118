//! Whether the service is alive and ready, for whoever probes it.

use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use periplus_core::state::Health;
use schemars::JsonSchema;
use serde::Serialize;

use super::Api;
use super::access::Need;
use super::extract::Answer;
use super::routes::{Gives, Route};
use crate::copy::Confirm;

/// Whether something is so.
#[derive(Serialize, JsonSchema)]
pub(super) struct Alive {
    /// Always: who is not alive does not answer.
    alive: bool,
}

/// Whether the service is ready.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ready {
    /// Whether nothing is missing.
    ready: bool,
    /// What is missing, for people.
    missing: Vec<String>,
    /// What the service does, in one word.
    mode: String,
    /// What keeps nobody from being ready and is to be known, for people.
    notes: Vec<String>,
}

pub(super) fn routes() -> Vec<Route> {
    let alive = Gives::json::<Alive>();
    let ready = Gives::json::<Ready>();
    vec![
        Route::get("/healthz", Need::Nothing, "Whether the service is alive", alive, get(healthz)),
        Route::get(
            "/readyz",
            Need::Nothing,
            "Whether the service is ready; 503 with what is missing if it is not",
            ready,
            get(readyz),
        )
        .or(StatusCode::SERVICE_UNAVAILABLE),
    ]
}

async fn healthz() -> Answer<Alive> {
    alive()
}

pub(super) fn alive() -> Answer<Alive> {
    Answer::new(Alive { alive: true })
}

/// What a replica that does not lead says of itself.
pub(super) fn waiting(for_what: &str, notes: Vec<String>) -> Answer<Ready> {
    let (missing, mode) = (vec![for_what.to_owned()], "standby".to_owned());
    Answer::new(Ready { ready: false, missing, mode, notes })
}

async fn readyz(State(api): State<Api>) -> Response {
    let super::Situation { mode, mut missing } = api.parts().situation.borrow().clone();
    missing.extend(api.missing().await);
    let ready = missing.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let notes = api.notes();
    (status, Answer::new(Ready { ready, missing, mode, notes })).into_response()
}

/// How many clusters are named; the others are counted.
const NAMED_MAX: usize = 10;

impl Api {
    fn notes(&self) -> Vec<String> {
        let Some(copies) = &self.parts().copies else { return Vec::new() };
        let ledger = copies.ledger();
        let (end, shows) = ledger.ends();
        let held = end.saturating_sub(shows);
        let alone = match ledger.confirm() {
            Confirm::Sync => "no other replica has all of the log: only this one may lead again",
            Confirm::Strict => {
                "no other replica has all of the log, and nothing shows until one has"
            }
            Confirm::Async => "",
        };
        let mut notes = Vec::new();
        if ledger.is_alone() {
            notes.push(alone.to_owned());
        }
        if held > 0 {
            notes.push(format!("what follows from {held} records waits for a standby"));
        }
        notes
    }

    /// What is missing of what the API itself can see.
    async fn missing(&self) -> Option<String> {
        let declared = self.ask(|desk| {
            let state = desk.state();
            let there = state.clusters().iter().filter(|one| one.health != Health::Retired);
            there.map(|one| state.name(one.spec.name).to_owned()).collect::<Vec<_>>()
        });
        let Ok(declared) = declared.await else {
            return Some("the desk does not answer".to_owned());
        };
        let Some(clusters) = &self.parts().clusters else { return None };
        // Clusters that break off later are what the service is for.
        if self.shared.listed.load(Ordering::Relaxed) {
            return None;
        }
        let statuses = clusters.statuses();
        let heard = self.parts().reports.heard();
        let is_read = |name: &String| {
            let has_told = heard.get(name).is_some_and(|heard| heard.whole.is_some());
            has_told || statuses.get(name).is_some_and(|status| status.connected)
        };
        let unread: Vec<&str> =
            declared.iter().filter(|name| !is_read(name)).map(String::as_str).collect();
        if unread.is_empty() || self.shared.began.elapsed() >= self.limits().grace {
            self.shared.listed.store(true, Ordering::Relaxed);
            return None;
        }
        let named = unread[..unread.len().min(NAMED_MAX)].join(", ");
        let more = unread.len().saturating_sub(NAMED_MAX);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        Some(format!("the first lists of {named}{more}"))
    }
}

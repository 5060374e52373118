//! `/v1/state`: all of it on one page.

use axum::extract::State;
use axum::routing::get;
use periplus_core::state::Health;
use schemars::JsonSchema;
use serde::Serialize;

use super::access::Need;
use super::extract::Answer;
use super::problem::Problem;
use super::routes::{Gives, Route};
use super::words::{HoldAnswer, tick};
use super::{Api, Situation};
use crate::desk::Desk;

/// The state at one instant.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "State")]
struct Summary {
    /// What the service does, in one word.
    mode: String,
    /// What it still waits for, for people.
    missing: Vec<String>,
    /// Whether an operator stopped all changes.
    paused: bool,
    /// When the last record was made.
    at: String,
    /// The same in the machine's own time: milliseconds since its log's epoch.
    tick: u64,
    /// The number of the next record.
    seq: u64,
    /// The last digest of the state that stands in the log since the service was started.
    digest: Option<DigestAnswer>,
    /// When something happens if nothing comes before.
    next_deadline: Option<String>,
    counts: Counted,
    /// Effects that were not yet reported on.
    outstanding_effects: usize,
    /// Changes that wait for a person.
    holds: Vec<HoldAnswer>,
    feed: FeedLengths,
    tray: TrayLengths,
    since_start: SinceStart,
}

/// A digest of the state.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Digest")]
struct DigestAnswer {
    /// After which record.
    seq: u64,
    /// It, in hexadecimal digits.
    digest: String,
}

/// How much there is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Counts")]
struct Counted {
    /// Clusters of the fleet.
    clusters: usize,
    zones: usize,
    /// Apps that are declared.
    apps: usize,
    tenants: usize,
    /// Demand series.
    series: usize,
    /// Groups in clusters.
    berths: usize,
    /// Components in clusters.
    bindings: u32,
}

/// What waits for the desk.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Feed")]
struct FeedLengths {
    /// Sightings and orders that wait.
    waiting: usize,
    /// Sightings that newer ones have replaced before the desk came to them.
    replaced: u64,
}

/// What is on its way to repositories.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Tray")]
struct TrayLengths {
    /// Repositories that are being written.
    flying: usize,
    /// Repositories that have something to take after that.
    waiting: usize,
}

/// What the desk has done since the service was started.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SinceStart {
    /// Records that were made.
    records: u64,
    /// Times at which the clock stood before the last record.
    clamped: u64,
    /// Entries of sightings that were about nothing that is declared.
    unknown_entries: u64,
}

pub(super) fn routes() -> Vec<Route> {
    let gives = Gives::json::<Summary>();
    vec![Route::get("/v1/state", Need::Read, "All of it on one page", gives, get(answer))]
}

async fn answer(State(api): State<Api>) -> Result<Answer<Summary>, Problem> {
    let situation = api.parts().situation.borrow().clone();
    let (waiting, replaced) = api.parts().feed.lengths();
    let feed = FeedLengths { waiting, replaced };
    Ok(Answer::new(api.ask(|desk| summary(desk, situation, feed)).await?))
}

fn summary(desk: &Desk, situation: Situation, feed: FeedLengths) -> Summary {
    let state = desk.state();
    let Situation { mode, missing } = situation;
    let crate::desk::Counts { records, clamped, unknown, .. } = desk.counts();
    let (flying, waiting) = desk.tray().lengths();
    let there = state.clusters().iter().filter(|cluster| cluster.health != Health::Retired);
    Summary {
        mode,
        missing,
        paused: state.is_paused(),
        at: tick(desk, state.at()),
        tick: state.at().0,
        seq: state.seq().0,
        digest: desk
            .tray()
            .digest()
            .map(|(seq, digest)| DigestAnswer { seq: seq.0, digest: digest.to_string() }),
        next_deadline: state.next_deadline().map(|due| tick(desk, due)),
        counts: Counted {
            clusters: there.count(),
            zones: state.zones().len(),
            apps: state.apps().iter().filter(|app| !app.withdrawn).count(),
            tenants: state.tenants().len(),
            series: state.series().len(),
            berths: state.berths().count(),
            bindings: state.bindings(),
        },
        outstanding_effects: state.outstanding().count(),
        holds: state.holds().map(|(id, hold)| HoldAnswer::new(desk, id, hold)).collect(),
        feed,
        tray: TrayLengths { flying, waiting },
        since_start: SinceStart { records, clamped, unknown_entries: unknown },
    }
}

//! `POST /v1/reports/{name}` and `POST /v1/alerts/{name}`: what a cluster says of itself that we cannot reach.
//!
//! A signature says who speaks, and a key speaks for its own cluster only. Nothing of a body is read before its signature is
//! right. Each report is taken once: it is sent at this time, and it is newer than all that were taken.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use periplus_core::ids::ClusterId;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::Api;
use super::access::Need;
use super::clusters::find;
use super::extract::{Answer, Named};
use super::problem::{Problem, internal};
use super::routes::Route;
use crate::desk::Desk;
use crate::feed::Arrival;
use crate::reports::Admitted;
use crate::reports::alert::Event;
use crate::reports::signature::{HEADER, Mark, Signed, TAKEN, is_alert_by};
use crate::reports::wire::{Answered, Came, REPORT_BYTES_MAX, Report};
use crate::sighting::{Sight, Sighting, Workload, WorkloadState};

/// An alert that was taken.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AlertTaken")]
struct AlertTaken {
    /// What it said, besides that the cluster lives: the component that failed.
    failed: Option<FailedComponent>,
}

/// A component that failed.
#[derive(Serialize, JsonSchema)]
struct FailedComponent {
    app: String,
    component: String,
}

/// How far the clocks of a reporter and of the service may be apart, with the time that a report takes to come.
const APART_MAX_MS: i64 = 60 * 1_000;
/// How old an alert may be: notification-controller sends one again for a while.
const ALERT_AGE_MAX_MS: i64 = 10 * 60 * 1_000;
/// Flux cuts long messages off.
const ALERT_BYTES_MAX: usize = 64 << 10;
/// The header in which Flux signs.
const ALERT_HEADER: &str = "X-Signature";

pub(super) fn routes() -> Vec<Route> {
    let report = "`epoch=…, number=…, at=…, sha256=…`: when the reporter began, how many it has sent before, when it sent \
                  this one (both in milliseconds since 1970-01-01 UTC), and, in hexadecimal digits, the HMAC-SHA256 of \
                  `periplus-report/1`, the cluster's name, the epoch, the number and the time, a line each, and the body";
    let alert = "`sha256=…`: the HMAC of the body, in hexadecimal digits, as a `Provider` of the type `generic-hmac` sends it";
    vec![
        Route::post::<Report, Answered>(
            "/v1/reports/{name}",
            Need::Signature,
            "Say how a cluster is that the service cannot reach, as its reporter",
            StatusCode::ACCEPTED,
            post(take_report),
        )
        .signed((HEADER, report)),
        Route::post::<Event, AlertTaken>(
            "/v1/alerts/{name}",
            Need::Signature,
            "Tell of an event in a cluster, as Flux's notification-controller",
            StatusCode::ACCEPTED,
            post(take_alert),
        )
        .signed((ALERT_HEADER, alert)),
    ]
}

async fn take_report(
    State(api): State<Api>,
    Named(cluster): Named,
    request: Request,
) -> Result<Response, Problem> {
    let reports = &api.parts().reports;
    let keys = reports.keys().ok_or_else(|| not_taken("reports"))?;
    let keys = keys.of(&cluster).await;
    let signed = said(request.headers(), HEADER).and_then(|said| said.parse::<Signed>().ok());
    // What cannot be right is not waited for.
    let Some(signed) = signed.filter(|_| !keys.is_empty()) else {
        return Err(unsigned(&cluster, HEADER));
    };
    in_time(signed, api.now_unix_ms())?;
    let body = api.json(request, REPORT_BYTES_MAX).await?;
    if !signed.is_by(&keys, &cluster, &body) {
        return Err(unsigned(&cluster, HEADER));
    }
    let now = api.now_unix_ms();
    let report: Report = api.read(&body)?;
    if let Some(wrong) = report.fault(&cluster) {
        let hint = "bring the reporter and the service to the same version";
        return Err(Problem::wrong(format!("the report cannot be used: {wrong}"), hint));
    }
    let mark = signed.stamp.mark;
    if let Some(taken) = admit(&api, &cluster, mark).await? {
        return Ok(replayed(mark, taken));
    }
    let part = report.part();
    let expected = there(&api, &cluster).await?;
    let came = Came { sent_unix_ms: signed.stamp.at_unix_ms, at_unix_ms: now };
    let sightings = report.sightings(came, expected);
    put(&api, sightings)?;
    let again = !reports.note_report(&cluster, now, mark.epoch, part);
    Ok((StatusCode::ACCEPTED, Answer::new(Answered { again })).into_response())
}

async fn take_alert(
    State(api): State<Api>,
    Named(cluster): Named,
    request: Request,
) -> Result<(StatusCode, Answer<AlertTaken>), Problem> {
    let reports = &api.parts().reports;
    let keys = reports.alert_keys().ok_or_else(|| not_taken("alerts"))?;
    let keys = keys.of(&cluster).await;
    let signature = said(request.headers(), ALERT_HEADER).map(str::to_owned);
    let Some(signature) = signature.filter(|_| !keys.is_empty()) else {
        return Err(unsigned(&cluster, ALERT_HEADER));
    };
    let body = api.json(request, ALERT_BYTES_MAX).await?;
    if !is_alert_by(&keys, &signature, &body) {
        return Err(unsigned(&cluster, ALERT_HEADER));
    }
    let event: Event = api.read(&body)?;
    let now = api.now_unix_ms();
    let Some(at) = event.unix_ms() else {
        let hint = "Flux writes `timestamp` in RFC 3339";
        return Err(Problem::wrong("the event does not say when it happened", hint));
    };
    let age = now.saturating_sub(at);
    if !(-APART_MAX_MS..=ALERT_AGE_MAX_MS).contains(&age) {
        return Err(too_far(age, "the event happened", ALERT_AGE_MAX_MS));
    }
    let there = there(&api, &cluster).await?;
    if !reports.is_new(&cluster, &body, at, now - ALERT_AGE_MAX_MS) {
        let hint = "nothing is to be done: an alert counts once";
        return Err(Problem::new(StatusCode::CONFLICT, "this alert was taken already", hint));
    }
    let tell = |sight| Sighting { as_of_unix_ms: at.min(now), sight };
    let mut told = vec![tell(Sight::Alive { cluster: cluster.clone() })];
    let failed = event.failure().and_then(|(object, fault)| {
        let (app, component) = there.into_iter().find(|(app, component)| {
            periplus_emit::flux_names(app, component).iter().any(|name| name == object)
        })?;
        Some((app, component, fault))
    });
    if let Some((app, component, fault)) = &failed {
        let (app, component) = (app.clone(), component.clone());
        let state = WorkloadState::Failed(*fault);
        let workloads = vec![Workload { app, component, decision: None, state }];
        told.push(tell(Sight::Workloads { cluster: cluster.clone(), workloads }));
    }
    put(&api, told)?;
    reports.note_alert(&cluster, now);
    let failed = failed.map(|(app, component, _)| FailedComponent { app, component });
    Ok((StatusCode::ACCEPTED, Answer::new(AlertTaken { failed })))
}

/// The components that may be in a cluster, if it is declared.
async fn there(api: &Api, cluster: &str) -> Result<Vec<(String, String)>, Problem> {
    let name = cluster.to_owned();
    let asked = api.ask(move |desk| find(desk, &name).map(|id| components(desk, id)));
    Ok(asked.await??)
}

fn components(desk: &Desk, id: ClusterId) -> Vec<(String, String)> {
    let state = desk.state();
    let berths = state.cluster(id).berths.iter().map(|berth| state.berth(*berth));
    let components = berths.flat_map(|berth| {
        let intent = state.intent(berth.app);
        berth.bindings.iter().map(|binding| {
            let component = state.name(intent.component(binding.component).name);
            (state.name(intent.name).to_owned(), component.to_owned())
        })
    });
    components.collect()
}

fn said<'h>(headers: &'h HeaderMap, header: &str) -> Option<&'h str> {
    headers.get(header)?.to_str().ok()
}

/// Takes a report's mark. It is answered with the last that was taken if this one is not newer.
async fn admit(api: &Api, cluster: &str, mark: Mark) -> Result<Option<Mark>, Problem> {
    let (shared, cluster) = (api.clone(), cluster.to_owned());
    let admit = move || shared.parts().reports.admit(&cluster, mark);
    let admitted = spawn_blocking(admit).await.map_err(internal)?;
    match admitted {
        Ok(Admitted::New) => Ok(None),
        Ok(Admitted::Old { taken }) => Ok(Some(taken)),
        Err(error) => {
            tracing::warn!(%error, "what was taken of reports cannot be kept, so none is taken");
            let message = "the service cannot write down that it takes this";
            Err(Problem::busy(message, "look at the disk that its folder `state` is on", 10))
        }
    }
}

/// Tells the desk. What was told already of something that is told again does no harm.
fn put(api: &Api, sightings: Vec<Sighting>) -> Result<(), Problem> {
    for sighting in sightings {
        if api.parts().feed.try_put(Arrival::Sighting(sighting)).is_err() {
            let hint = "tell the same again in a second";
            return Err(Problem::busy("the desk is far behind", hint, 1));
        }
    }
    Ok(())
}

/// A report must be of this time, and its reporter must have begun by now: nobody takes the place of all that will come.
fn in_time(signed: Signed, now: i64) -> Result<(), Problem> {
    let age = now.saturating_sub(signed.stamp.at_unix_ms);
    if !(-APART_MAX_MS..=APART_MAX_MS).contains(&age) {
        return Err(too_far(age, "the report was sent", APART_MAX_MS));
    }
    let began = i64::try_from(signed.stamp.mark.epoch).unwrap_or(i64::MAX);
    if began > now.saturating_add(APART_MAX_MS) {
        return Err(too_far(now.saturating_sub(began), "the reporter began", APART_MAX_MS));
    }
    Ok(())
}

fn too_far(age_ms: i64, what: &str, most_ms: i64) -> Problem {
    let (when, most_ms) = if age_ms < 0 { ("to come", APART_MAX_MS) } else { ("ago", most_ms) };
    let (age, most) = (age_ms.unsigned_abs() / 1_000, most_ms / 1_000);
    let message = format!("{what} {age} s {when} by its clock; at most {most} s are taken");
    Problem::unsigned(message, "set the clocks of both machines, with NTP")
}

fn unsigned(cluster: &str, header: &str) -> Problem {
    let cluster: String = cluster.chars().take(CLUSTER_SHOWN_MAX).collect();
    let message = format!("no key of `{cluster}` has signed this");
    let hint =
        format!("`{header}` must be the HMAC by a key that the service has for this cluster");
    Problem::unsigned(message, hint)
}

const CLUSTER_SHOWN_MAX: usize = 63;

fn not_taken(what: &str) -> Problem {
    let message = format!("the service takes no {what}");
    let hint = format!("write `clusters: {{{what}: {{keys: FOLDER}}}}` in live.yaml");
    Problem::new(StatusCode::FORBIDDEN, message, hint)
}

/// Says up to where reports were taken, to who may know it: a reporter goes on from there.
fn replayed(mark: Mark, taken: Mark) -> Response {
    let message = format!("report {mark} is not newer than {taken}, which was taken");
    let hint = "a reporter begins a new epoch by itself; if this comes again and again, another reports with the same key";
    let mut answer = Problem::new(StatusCode::CONFLICT, message, hint).into_response();
    if let Ok(taken) = HeaderValue::try_from(taken.to_string()) {
        answer.headers_mut().insert(TAKEN, taken);
    }
    answer
}

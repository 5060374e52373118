//! `/v1/clusters`: how each cluster is known, what is free in it, and how the watching of it goes.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::routing::get;
use periplus_core::capacity::Totals;
use periplus_core::ids::ClusterId;
use periplus_core::state::Health;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::access::Need;
use super::extract::{Answer, Named, Said};
use super::problem::{Missing, Problem};
use super::routes::{Gives, Route};
use super::words::{Known, tick, time};
use super::{Api, Parts};
use crate::apply;
use crate::clusters::Status;
use crate::desk::Desk;
use crate::reports::Heard;

/// Clusters.
#[derive(Serialize, JsonSchema)]
struct Clusters {
    /// Those of the fleet.
    clusters: Vec<Cluster>,
}

/// One cluster.
#[derive(Serialize, JsonSchema)]
struct OneCluster {
    cluster: Cluster,
}

/// How a cluster is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Cluster {
    name: String,
    known: Known,
    /// Since when it is unknown or lost.
    since: Option<String>,
    /// Whether an operator said to place nothing new here.
    cordoned: bool,
    /// Whether an operator said to move everything out.
    draining: bool,
    /// When it was heard of last, as far as the machine knows.
    last_heard: String,
    /// What is free on its nodes, without what is ours.
    room: Resources,
    /// What our components here are charged for.
    held: Resources,
    /// Our components here.
    bindings: usize,
    /// How the watching of it goes, if it is watched.
    watching: Option<Watching>,
    /// How the applying to it goes, if it has no agent and was applied to since the service was started.
    applying: Option<Applying>,
    /// What was heard from the cluster itself since the service was started, if anything.
    reporting: Option<Reporting>,
}

/// What a cluster has told of itself.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Reporting {
    /// When its last report was taken.
    last_report: Option<String>,
    /// When its last alert was taken.
    last_alert: Option<String>,
    /// Whether its reporter has told all that it knows.
    complete: bool,
}

/// Resources, summed.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Resources {
    /// Thousandths of a core.
    cpu_milli: u64,
    memory_mebibytes: u64,
    /// Extended resources by name.
    extended: BTreeMap<String, u64>,
    pods: u64,
}

/// How the watching of a cluster goes.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Watching {
    /// Whether all that is to be read was read, and its API answers.
    connected: bool,
    /// When its API answered last.
    last_heard: Option<String>,
    /// What went wrong last.
    last_error: Option<Wrong>,
    /// Objects that are held in memory.
    objects: usize,
    /// What it does not have, or does not let us read.
    absent: Vec<String>,
}

/// How the applying to a cluster goes.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Applying {
    /// Whether everything that there was to apply was applied in the last round.
    complete: bool,
    /// When everything that there was to apply was applied last.
    last_applied: Option<String>,
    /// What went wrong last.
    last_error: Option<Wrong>,
    /// Objects that the inventory in the cluster has.
    objects: usize,
}

/// What went wrong, and when.
#[derive(Serialize, JsonSchema)]
struct Wrong {
    at: String,
    what: String,
}

/// Which cluster.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Query {
    /// One cluster only.
    cluster: Option<String>,
}

pub(super) fn routes() -> Vec<Route> {
    let all = Gives::json::<Clusters>();
    let one = Gives::json::<OneCluster>();
    vec![
        Route::get("/v1/clusters", Need::Read, "How clusters are", all, get(several))
            .asking::<Query>(),
        Route::get("/v1/clusters/{name}", Need::Read, "How a cluster is", one, get(named)),
    ]
}

async fn several(
    State(api): State<Api>,
    Said(Query { cluster }): Said<Query>,
) -> Result<Answer<Clusters>, Problem> {
    let clusters = match cluster {
        Some(name) => vec![by_name(&api, name).await?],
        None => {
            let outside = api.outside();
            api.ask(move |desk| listed(desk).map(|id| cluster_of(desk, id, &outside)).collect())
                .await?
        }
    };
    Ok(Answer::new(Clusters { clusters }))
}

async fn named(State(api): State<Api>, Named(name): Named) -> Result<Answer<OneCluster>, Problem> {
    Ok(Answer::new(OneCluster { cluster: by_name(&api, name).await? }))
}

async fn by_name(api: &Api, name: String) -> Result<Cluster, Problem> {
    let outside = api.outside();
    let told = api.ask(move |desk| find(desk, &name).map(|id| cluster_of(desk, id, &outside)));
    Ok(told.await??)
}

/// What is known of clusters besides their state.
struct Outside {
    watched: BTreeMap<String, Status>,
    applied: BTreeMap<String, apply::Status>,
    heard: BTreeMap<String, Heard>,
}

impl Api {
    fn outside(&self) -> Outside {
        let Parts { applied, reports, .. } = self.parts();
        Outside { watched: self.watched(), applied: applied.all(), heard: reports.heard() }
    }

    /// How the watching of clusters goes.
    pub(super) fn watched(&self) -> BTreeMap<String, Status> {
        self.parts().clusters.as_ref().map(|clusters| clusters.statuses()).unwrap_or_default()
    }
}

/// Clusters of the fleet.
fn listed(desk: &Desk) -> impl Iterator<Item = ClusterId> {
    let clusters = desk.state().clusters().iter().enumerate();
    clusters
        .filter(|(_, cluster)| cluster.health != Health::Retired)
        .map(|(place, _)| ClusterId::from_index(place))
}

/// The cluster of a name.
pub(super) fn find(desk: &Desk, name: &str) -> Result<ClusterId, Missing> {
    let name_of = |id: ClusterId| desk.state().name(desk.state().cluster(id).spec.name);
    let found = listed(desk).find(|id| name_of(*id) == name);
    found.ok_or_else(|| Missing::new("cluster", name, listed(desk).map(name_of)))
}

fn cluster_of(desk: &Desk, id: ClusterId, outside: &Outside) -> Cluster {
    let state = desk.state();
    let cluster = state.cluster(id);
    let name = state.name(cluster.spec.name).to_owned();
    let since = match cluster.health {
        Health::Unknown { since } | Health::Lost { since } => Some(tick(desk, since)),
        Health::Fresh | Health::Retired => None,
    };
    Cluster {
        known: cluster.health.into(),
        since,
        cordoned: cluster.marks.cordoned,
        draining: cluster.marks.draining,
        last_heard: tick(desk, cluster.last_seen),
        room: resources(desk, &cluster.room),
        held: resources(desk, &cluster.held),
        bindings: cluster.berths.iter().map(|berth| state.berth(*berth).bindings.len()).sum(),
        watching: outside.watched.get(&name).map(watching),
        applying: outside.applied.get(&name).map(applying),
        reporting: outside.heard.get(&name).map(reporting),
        name,
    }
}

fn resources(desk: &Desk, totals: &Totals) -> Resources {
    let Totals { cpu, memory, extended, pods } = *totals;
    let names = desk.intents().scenario().fleet.extended.iter().cloned();
    Resources {
        cpu_milli: cpu,
        memory_mebibytes: memory,
        extended: names.zip(extended).collect(),
        pods,
    }
}

fn watching(status: &Status) -> Watching {
    let Status { connected, last_heard_unix_ms, last_error, objects, absent, .. } = status;
    Watching {
        connected: *connected,
        last_heard: last_heard_unix_ms.map(time),
        last_error: last_error.as_ref().map(wrong),
        objects: *objects,
        absent: absent.iter().map(|one| (*one).to_owned()).collect(),
    }
}

fn applying(status: &apply::Status) -> Applying {
    let apply::Status { complete, last_applied_unix_ms, last_error, objects, .. } = status;
    Applying {
        complete: *complete,
        last_applied: last_applied_unix_ms.map(time),
        last_error: last_error.as_ref().map(wrong),
        objects: *objects,
    }
}

fn wrong((at, what): &(i64, String)) -> Wrong {
    Wrong { at: time(*at), what: what.clone() }
}

fn reporting(heard: &Heard) -> Reporting {
    let Heard { report_unix_ms, alert_unix_ms, whole, .. } = heard;
    Reporting {
        last_report: report_unix_ms.map(time),
        last_alert: alert_unix_ms.map(time),
        complete: whole.is_some(),
    }
}

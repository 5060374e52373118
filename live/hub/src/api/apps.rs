//! `/v1/apps`: where each app is, how far it has come there, and how many ask for it.

use axum::extract::State;
use axum::routing::get;
use periplus_core::ids::{AppId, BerthId, ClusterId, GroupId};
use periplus_core::state::{App as Held, Berth, Binding, Course, HoldKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Api;
use super::access::Need;
use super::extract::{Answer, Named, Said};
use super::problem::{Missing, Problem};
use super::routes::{Gives, Route};
use super::words::{ContentWord, HoldAnswer, PhaseWord, StageWord, rps};
use crate::desk::Desk;

/// Apps.
#[derive(Serialize, JsonSchema)]
struct Apps {
    /// Those that are declared, and those that are withdrawn and still run.
    apps: Vec<App>,
}

/// One app.
#[derive(Serialize, JsonSchema)]
struct OneApp {
    app: App,
}

/// Where an app is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct App {
    name: String,
    /// The team that it belongs to.
    tenant: String,
    /// Whether it was withdrawn, and is on its way out.
    withdrawn: bool,
    /// The generation of what was declared.
    generation: u32,
    /// How many requests per second its users ask for now.
    rps: f64,
    groups: Vec<Group>,
    /// How far new content has come, while it is on its way.
    rollout: Option<Rollout>,
    /// Changes of this app that wait for a person.
    holds: Vec<HoldAnswer>,
    /// Its users, zone by zone. Only told of one app.
    #[serde(skip_serializing_if = "Option::is_none")]
    zones: Option<Vec<Users>>,
}

/// Components that are placed together.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Group {
    name: String,
    components: Vec<String>,
    /// The only cluster that it may run in.
    pinned: Option<String>,
    /// Where it is.
    places: Vec<Place>,
}

/// A group in a cluster.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Place {
    cluster: String,
    stage: StageWord,
    /// Whether users can be sent here.
    ready: bool,
    /// Requests per second that it is charged for.
    rps: f64,
    bindings: Vec<BindingAnswer>,
}

/// A component in a cluster.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Binding")]
struct BindingAnswer {
    component: String,
    phase: PhaseWord,
    /// What git may hold of it.
    content: ContentWord,
    /// The version of its content in git.
    generation: u32,
    replicas: Replicas,
}

/// How many replicas of a component there are in a cluster.
#[derive(Serialize, JsonSchema)]
struct Replicas {
    /// So many should be there.
    wanted: u16,
    /// So many must be ready before users come.
    needed: u16,
    /// So many are.
    ready: u16,
}

/// How far new content has come.
#[derive(Serialize, JsonSchema)]
struct Rollout {
    course: CourseWord,
    /// Clusters that are ready on it.
    ready: u32,
    /// Clusters that are being written.
    turns: Vec<String>,
    /// Clusters that wait for their turn.
    pending: Vec<String>,
}

/// Whether new content goes on.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Course")]
enum CourseWord {
    /// It does.
    Going,
    /// A person is asked first.
    Held,
    /// It does; a person was asked.
    Approved,
    /// It does not: a cluster failed.
    Stopped,
}

/// The users of one zone.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Users {
    zone: String,
    /// How many requests per second they ask for now.
    rps: f64,
    /// Whether they are enough to be served.
    served: bool,
    /// Who serves them.
    by: Vec<Served>,
}

/// The part of a zone's users that one cluster serves, in thousandths.
#[derive(Serialize, JsonSchema)]
struct Served {
    cluster: String,
    /// As it is planned.
    assigned: u16,
    /// As it was told to users.
    routed: u16,
}

/// Which app.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Query {
    /// One app only.
    app: Option<String>,
}

pub(super) fn routes() -> Vec<Route> {
    let all = Gives::json::<Apps>();
    let one = Gives::json::<OneApp>();
    vec![
        Route::get("/v1/apps", Need::Read, "Where apps are", all, get(several)).asking::<Query>(),
        Route::get("/v1/apps/{name}", Need::Read, "Where an app is", one, get(named)),
    ]
}

async fn several(
    State(api): State<Api>,
    Said(Query { app }): Said<Query>,
) -> Result<Answer<Apps>, Problem> {
    let apps = match app {
        Some(name) => vec![by_name(&api, name).await?],
        None => {
            let all = |desk: &Desk| listed(desk).map(|id| app_of(desk, id)).collect();
            api.ask(all).await?
        }
    };
    Ok(Answer::new(Apps { apps }))
}

async fn named(State(api): State<Api>, Named(name): Named) -> Result<Answer<OneApp>, Problem> {
    Ok(Answer::new(OneApp { app: by_name(&api, name).await? }))
}

async fn by_name(api: &Api, name: String) -> Result<App, Problem> {
    let told = api.ask(move |desk| {
        find(desk, &name).map(|id| App { zones: Some(users(desk, id)), ..app_of(desk, id) })
    });
    Ok(told.await??)
}

/// Apps that are declared, or still run.
fn listed(desk: &Desk) -> impl Iterator<Item = AppId> {
    let apps = desk.state().apps().iter().enumerate();
    let is_there = |app: &Held| !app.withdrawn || app.berths.iter().any(|group| !group.is_empty());
    apps.filter(move |(_, app)| is_there(app)).map(|(place, _)| AppId::from_index(place))
}

/// The app of a name.
pub(super) fn find(desk: &Desk, name: &str) -> Result<AppId, Missing> {
    let name_of = |id: AppId| desk.state().name(desk.state().intent(id).name);
    let found = listed(desk).find(|id| name_of(*id) == name);
    found.ok_or_else(|| Missing::new("app", name, listed(desk).map(name_of)))
}

/// The group of a name.
pub(super) fn find_group(desk: &Desk, app: AppId, name: &str) -> Result<GroupId, Missing> {
    let groups = &desk.state().intent(app).groups;
    let mut names = groups.iter().map(|group| desk.state().name(group.name));
    match names.clone().position(|one| one == name) {
        Some(place) => Ok(GroupId::from_index(place)),
        None => Err(Missing::new("group of the app", name, names.by_ref())),
    }
}

fn app_of(desk: &Desk, id: AppId) -> App {
    let state = desk.state();
    let (app, intent) = (state.app(id), state.intent(id));
    let about = |kind: HoldKind| match kind {
        HoldKind::Rollout { app, .. } => app == id,
        HoldKind::Blind { .. } | HoldKind::MassDrain { .. } => false,
    };
    let groups = intent.groups.iter().zip(&app.berths).zip(&app.pins);
    App {
        name: state.name(intent.name).to_owned(),
        tenant: state.name(state.tenant(intent.tenant).name).to_owned(),
        withdrawn: app.withdrawn,
        generation: intent.generation,
        rps: rps(state.demand(id)),
        groups: groups
            .map(|((group, berths), pin)| Group {
                name: state.name(group.name).to_owned(),
                components: group
                    .components
                    .iter()
                    .map(|component| state.name(intent.component(*component).name).to_owned())
                    .collect(),
                pinned: pin.map(|cluster| cluster_name(desk, cluster)),
                places: berths.iter().map(|(_, berth)| place(desk, *berth)).collect(),
            })
            .collect(),
        rollout: app.rollout.as_ref().map(|rollout| Rollout {
            course: match rollout.course {
                Course::Going => CourseWord::Going,
                Course::Held(_) => CourseWord::Held,
                Course::Approved => CourseWord::Approved,
                Course::Stopped(_) => CourseWord::Stopped,
            },
            ready: rollout.ready,
            turns: rollout.turns.iter().map(|turn| cluster_name(desk, turn.cluster)).collect(),
            pending: rollout.pending.iter().map(|one| cluster_name(desk, *one)).collect(),
        }),
        holds: state
            .holds()
            .filter(|(_, hold)| about(hold.kind))
            .map(|(id, hold)| HoldAnswer::new(desk, id, hold))
            .collect(),
        zones: None,
    }
}

fn place(desk: &Desk, id: BerthId) -> Place {
    let berth: &Berth = desk.state().berth(id);
    Place {
        cluster: cluster_name(desk, berth.cluster),
        stage: berth.stage.into(),
        ready: berth.is_ready(),
        rps: rps(berth.load),
        bindings: berth.bindings.iter().map(|one| binding(desk, berth.app, one)).collect(),
    }
}

fn binding(desk: &Desk, app: AppId, binding: &Binding) -> BindingAnswer {
    let state = desk.state();
    BindingAnswer {
        component: state.name(state.intent(app).component(binding.component).name).to_owned(),
        phase: binding.phase.into(),
        content: binding.content.into(),
        generation: binding.generation.0,
        replicas: Replicas {
            wanted: binding.replicas,
            needed: binding.required,
            ready: binding.seen,
        },
    }
}

fn users(desk: &Desk, app: AppId) -> Vec<Users> {
    let state = desk.state();
    let series = state.app(app).series.iter().map(|series| &state.series()[series.index()]);
    series
        .map(|series| Users {
            zone: state.name(state.zone(series.spec.zone).spec.name).to_owned(),
            rps: rps(series.flow.rate),
            served: series.wake.is_served(),
            by: series
                .flow
                .shares
                .iter()
                .map(|share| Served {
                    cluster: cluster_name(desk, state.berth(share.berth).cluster),
                    assigned: share.assigned.0,
                    routed: share.routed.0,
                })
                .collect(),
        })
        .collect()
}

fn cluster_name(desk: &Desk, cluster: ClusterId) -> String {
    let state = desk.state();
    state.name(state.cluster(cluster).spec.name).to_owned()
}

//! `POST /v1/commands`: what operators tell the machine, by names. It is answered once the disk has it.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::routing::post;
use periplus_core::ids::HoldId;
use periplus_core::input::Command;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Api;
use super::access::{Need, Peer, Who};
use super::extract::Answer;
use super::problem::{Missing, Problem};
use super::routes::Route;
use super::{apps, clusters};
use crate::config::Mode;
use crate::desk::Desk;
use crate::traces::Parent;

/// What is asked for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(tag = "command", rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Command")]
enum Told {
    /// Place nothing new in a cluster.
    Cordon { cluster: String },
    /// Place in it again.
    Uncordon { cluster: String },
    /// Move everything out of a cluster.
    Drain { cluster: String },
    /// Stop moving out.
    Undrain { cluster: String },
    /// Treat a cluster as lost without waiting.
    DeclareLost { cluster: String },
    /// A cluster leaves the fleet for good. What runs there is forgotten: drain it first.
    Retire { cluster: String },
    /// Run a group of an app in this cluster only.
    Pin { app: String, group: String, cluster: String },
    /// Let a group run where it is best.
    Unpin { app: String, group: String },
    /// Let a held change happen.
    Approve {
        /// The hold's number: see `/v1/state`.
        hold: u32,
    },
    /// Decide and record, but change nothing.
    Pause {},
    /// Act again.
    Resume {},
}

/// A command that was taken.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "CommandTaken")]
struct Taken {
    /// The number of the next record once the command was on the disk: it is in one before. One that came too late, as for a
    /// hold that is over, is in the log with its refusal.
    seq: u64,
}

/// No command is longer.
const BODY_BYTES_MAX: usize = 16 << 10;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::post::<Told, Taken>(
        "/v1/commands",
        Need::Operate,
        "Give a command; it is answered once the disk has it",
        StatusCode::OK,
        post(take),
    )]
}

async fn take(State(api): State<Api>, request: Request) -> Result<Answer<Taken>, Problem> {
    let who = request.extensions().get::<Who>().map(|who| who.name.clone()).unwrap_or_default();
    let peer = request.extensions().get::<Peer>().map(|peer| peer.address);
    let asked_by = request.extensions().get::<Parent>().cloned().unwrap_or_default();
    let told: Told = api.body(request, BODY_BYTES_MAX).await?;
    // Ids never change, so what is found now is still so when the command is taken.
    let asked = told.clone();
    let mode = api.parts().situation.borrow().mode.clone();
    if matches!(told, Told::Resume {}) && mode == Mode::Observe.to_string() {
        let hint = "say `mode: propose` or `mode: act` in live.yaml, and start the service again";
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "a service that observes stays paused",
            hint,
        ));
    }
    let command = api.ask(move |desk| resolve(&asked, desk)).await??;
    tracing::info!(who, ?peer, command = ?told, "a command is given");
    let given = api.command(command, asked_by).await;
    if let Err(problem) = &given {
        tracing::warn!(who, command = ?told, status = problem.status.as_u16(), "it was not taken");
    }
    given?;
    let seq = api.ask(|desk| desk.state().seq().0).await?;
    Ok(Answer::new(Taken { seq }))
}

/// The command, in the machine's ids.
fn resolve(told: &Told, desk: &Desk) -> Result<Command, Missing> {
    let cluster = |name: &String| clusters::find(desk, name);
    let group = |app: &String, group: &String| {
        let app = apps::find(desk, app)?;
        Ok::<_, Missing>((app, apps::find_group(desk, app, group)?))
    };
    Ok(match told {
        Told::Cordon { cluster: name } => Command::Cordon(cluster(name)?),
        Told::Uncordon { cluster: name } => Command::Uncordon(cluster(name)?),
        Told::Drain { cluster: name } => Command::Drain(cluster(name)?),
        Told::Undrain { cluster: name } => Command::Undrain(cluster(name)?),
        Told::DeclareLost { cluster: name } => Command::DeclareLost(cluster(name)?),
        Told::Retire { cluster: name } => Command::RetireCluster(cluster(name)?),
        Told::Pin { app, group: name, cluster: to } => {
            let (app, group) = group(app, name)?;
            Command::Pin { app, group, cluster: cluster(to)? }
        }
        Told::Unpin { app, group: name } => {
            let (app, group) = group(app, name)?;
            Command::Unpin { app, group }
        }
        Told::Approve { hold } => Command::Approve(held(desk, *hold)?),
        Told::Pause {} => Command::Pause,
        Told::Resume {} => Command::Resume,
    })
}

fn held(desk: &Desk, hold: u32) -> Result<HoldId, Missing> {
    let mut known = desk.state().holds().map(|(id, _)| id);
    if known.any(|id| id.0 == hold) {
        return Ok(HoldId(hold));
    }
    let known: Vec<String> = desk.state().holds().map(|(id, _)| id.0.to_string()).collect();
    Err(Missing::new("hold", &hold.to_string(), known.iter().map(String::as_str)))
}

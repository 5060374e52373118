//! What was decided for an app, beside what came of it: `decisions/<app>.json`.

use std::collections::BTreeMap;

use periplus_core::State;
use periplus_core::fleet::Place;
use periplus_core::ids::{AppId, GroupId};
use periplus_core::state::{Content, FlowId};
use periplus_core::units::Permille;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::files::{Bytes, Files};
use crate::render::path;

/// What was decided for an app. Everything in it changes only with an effect or a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "S: Ord + Deserialize<'de>"))]
pub struct Decision<S: Ord = String> {
    /// Its name.
    pub app: S,
    /// Whose it is.
    pub tenant: S,
    /// How often it was declared.
    pub generation: u32,
    /// By cluster and component.
    pub placements: BTreeMap<S, BTreeMap<S, Placement>>,
    /// By group and by where requests come from, the thousandths that each cluster takes.
    pub routes: BTreeMap<S, BTreeMap<S, BTreeMap<S, u16>>>,
}

/// A component in a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Placement {
    /// How many pods were written.
    pub replicas: u16,
    /// How often it was written.
    pub generation: u32,
    /// What stands for its content.
    pub revision: String,
    /// The record that wrote it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<u64>,
}

impl Decision {
    /// Whether such files lie here.
    #[must_use]
    pub fn is_at(path: &str) -> bool {
        path.strip_prefix("decisions/").is_some_and(|name| name.ends_with(".json"))
    }

    /// Reads the file that was written for an app.
    ///
    /// # Errors
    /// It is something else.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }
}

/// The file of an app's decision; none where nothing is placed.
pub(crate) fn file(state: &State, app: AppId) -> Result<Files, Fault> {
    let intent = state.intent(app);
    let name = state.name(intent.name);
    let cluster_name = |cluster| state.name(state.cluster(cluster).spec.name);
    let mut placements: BTreeMap<&str, BTreeMap<&str, Placement>> = BTreeMap::new();
    let mut routes: BTreeMap<&str, BTreeMap<&str, BTreeMap<&str, u16>>> = BTreeMap::new();
    let mut route = |group: GroupId, from: Place, flow: FlowId| {
        let Some(flow) = state.flow(flow) else { return };
        let from = match from {
            Place::Cluster(cluster) => cluster_name(cluster),
            Place::Zone(zone) => state.name(state.zone(zone).spec.name),
        };
        for share in flow.shares.iter().filter(|share| share.routed > Permille::ZERO) {
            let to = cluster_name(state.berth(share.berth).cluster);
            let group = state.name(intent.group(group).name);
            routes.entry(group).or_default().entry(from).or_default().insert(to, share.routed.0);
        }
    };
    for series in &state.app(app).series {
        let flow = FlowId::Series(*series);
        let (from, _, group) = state.endpoints(flow);
        route(group, from, flow);
    }
    for (_, berth) in state.app(app).berths.iter().flatten() {
        let id = *berth;
        let berth = state.berth(id);
        for (call, _) in &berth.calls {
            let flow = FlowId::Call(id, *call);
            let (from, _, group) = state.endpoints(flow);
            route(group, from, flow);
        }
        for binding in berth.bindings.iter().filter(|one| one.content == Content::Present) {
            let Some(component) = intent.components.get(binding.component.index()) else {
                continue;
            };
            let placement = Placement {
                replicas: binding.primed,
                generation: binding.generation.0,
                revision: format!("{:016x}", binding.revision),
                decision: binding.cause.map(|cause| cause.seq.0),
            };
            let here = placements.entry(cluster_name(berth.cluster)).or_default();
            here.insert(state.name(component.name), placement);
        }
    }
    let mut files = Files::new();
    if placements.is_empty() && routes.is_empty() {
        return Ok(files);
    }
    let tenant = state.name(state.tenant(intent.tenant).name);
    let decision =
        Decision { app: name, tenant, generation: intent.generation, placements, routes };
    let mut text = serde_json::to_string_pretty(&decision).expect("a decision is JSON");
    text.push('\n');
    files.insert(path(format!("decisions/{name}.json"))?, Bytes::from(text.into_bytes()));
    Ok(files)
}

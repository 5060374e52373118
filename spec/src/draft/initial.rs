//! The kind `InitialState`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::draft::{PinDraft, SelectionDraft};
use crate::values::{Name, Percentage};

/// What runs already when a scenario starts, where users go, and what operators have commanded. A scenario without
/// one starts with an empty fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "InitialState")]
pub struct InitialStateDraft {
    /// Groups of apps that run in clusters, all of it ready.
    pub running: Vec<RunningDraft>,
    /// Users who are served. Those of other zones are not, until they are noticed.
    pub users: Vec<UsersDraft>,
    /// Where calls between groups go.
    pub calls: Vec<CallsDraft>,
    /// Clusters in which nothing new is placed, as operators have commanded.
    pub cordoned: Option<SelectionDraft>,
    /// Clusters out of which everything is moved.
    pub draining: Option<SelectionDraft>,
    /// Clusters that count as lost.
    pub lost: Option<SelectionDraft>,
    /// Groups that operators have pinned to a cluster.
    pub pins: Vec<PinDraft>,
    /// Whether all changes are paused.
    pub paused: bool,
}

/// A group of an app that runs in a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Running")]
pub struct RunningDraft {
    /// Whose group.
    pub app: Name,
    /// Which group; the front that users enter where it is not given.
    #[serde(default)]
    pub group: Option<Name>,
    /// Where.
    pub cluster: Name,
    /// The ready replicas of each of its components.
    pub replicas: BTreeMap<Name, u16>,
}

/// The users of an app in some zones, and which clusters serve them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Users")]
pub struct UsersDraft {
    /// The app.
    pub app: Name,
    /// Where they are: in every zone that asks for the app where it is not given.
    #[serde(default)]
    pub zones: Option<SelectionDraft>,
    /// By cluster, the part of them that it serves: at most three clusters, and at most all of them.
    pub to: BTreeMap<Name, Percentage>,
}

/// The calls that a group makes from a cluster, and which clusters answer them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Calls")]
pub struct CallsDraft {
    /// Whose group.
    pub app: Name,
    /// The calling group; the front that users enter where it is not given.
    #[serde(default)]
    pub from: Option<Name>,
    /// Where it runs.
    pub cluster: Name,
    /// The group that is called.
    pub group: Name,
    /// By cluster, the part of the calls that it answers: at most three clusters, and at most all of them.
    pub to: BTreeMap<Name, Percentage>,
}

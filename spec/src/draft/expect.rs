//! Expectations: what must come out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::{Bound, Duration, Name};

/// Something that must come out. Exactly one of `metric`, `on`, `is`, `servedBy`, `holds`, `quietFrom`,
/// `before` and `refused` says what; the other fields say of whom, and when.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Expectation")]
pub struct ExpectDraft {
    /// When it is looked at, counted from the start; at the end of the scenario where it is not given.
    pub at: Option<Duration>,
    /// Whose.
    pub app: Option<Name>,
    /// Which group; the front that users enter where it is not given. With `on`.
    pub group: Option<Name>,
    /// Which component. With `is` and `before`.
    pub component: Option<Name>,
    /// Which cluster. With `is` and `before`.
    pub cluster: Option<Name>,
    /// Which zone. With `servedBy`.
    pub zone: Option<Name>,

    /// A number of the summary, by its path: `slo.attainment`, `cost.total`.
    pub metric: Option<String>,
    /// The number is not less. With `metric`.
    pub at_least: Option<Bound>,
    /// The number is not more. With `metric`.
    pub at_most: Option<Bound>,
    /// The group is in just these clusters.
    pub on: Option<Vec<Name>>,
    /// The component has come so far in the cluster.
    pub is: Option<StateDraft>,
    /// So many replicas are wanted of it. With `is`, which may then be left out for `ready`.
    pub replicas: Option<u16>,
    /// The zone's users are sent to just these clusters.
    pub served_by: Option<Vec<Name>>,
    /// So many changes wait for a person.
    pub holds: Option<u32>,
    /// Nothing is opened, closed, moved or scaled from this time to the end.
    pub quiet_from: Option<Duration>,
    /// The component reached git in the cluster before this one did.
    pub before: Option<BeforeDraft>,
    /// A command about the app was refused for this reason.
    pub refused: Option<RefusalDraft>,
}

/// A component in a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Before")]
pub struct BeforeDraft {
    /// Whose; the same app's where it is not given.
    #[serde(default)]
    pub app: Option<Name>,
    /// Which component.
    pub component: Name,
    /// Where; in the same cluster where it is not given.
    #[serde(default)]
    pub cluster: Option<Name>,
}

/// How far a component has come in a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "State")]
pub enum StateDraft {
    /// It is not there, nor meant to be.
    Absent,
    /// It waits for its dependencies, for room, or for git.
    Waiting,
    /// It is in git.
    Primed,
    /// The cluster's sync agent took it.
    Applied,
    /// All of its replicas are ready.
    Ready,
    /// It is on its way out.
    Draining,
    /// It did not become ready.
    Failed,
}

/// Why a command was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Refusal")]
pub enum RefusalDraft {
    /// The intent moves a component to another group, or drops a group.
    ShapeChanged,
    /// The app is withdrawn already.
    Withdrawn,
}

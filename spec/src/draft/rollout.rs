//! How new content of an app comes to its clusters.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::Duration;

/// How new content of an app comes to the clusters that hold it already: cluster by cluster. Where it starts anew,
/// it starts as it is declared; and how many replicas there are is no part of it. When a cluster fails in its turn,
/// no other is touched until the app is declared again, as it was before or otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Rollout")]
pub struct RolloutDraft {
    /// How many clusters may be written anew and not be ready yet. Who serves least goes first. Clusters that do not
    /// serve anyway do not count.
    #[schemars(range(min = 1))]
    pub max_unavailable_clusters: u16,
    /// How long a cluster must have been ready on the new content before it makes way for the next.
    pub soak: Duration,
    /// Whether a person is asked before it goes on.
    pub approve: ApproveDraft,
    /// Whether all clusters keep what they have. Declare the app again without it to go on.
    pub paused: bool,
}

/// When a person is asked whether a rollout goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Approve")]
pub enum ApproveDraft {
    /// Never.
    #[default]
    Never,
    /// Once the first cluster is ready and has soaked. It goes alone, whatever `maxUnavailableClusters` says.
    AfterFirst,
}

impl Default for RolloutDraft {
    /// One cluster after the other, without a break and without asking.
    fn default() -> Self {
        Self {
            max_unavailable_clusters: 1,
            soak: Duration::default(),
            approve: ApproveDraft::Never,
            paused: false,
        }
    }
}

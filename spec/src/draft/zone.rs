//! The kind `Zone`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::draft::LocationDraft;
use crate::values::Latency;

/// A population of users at a place: a cell, a town, a network access point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Zone")]
pub struct ZoneDraft {
    /// Where it is. Without it, only measured ways lead away from here.
    pub location: Option<LocationDraft>,
    /// This end's part of every round trip; the scenario's `reach.model.zoneAccess` where it is not given.
    pub access_delay: Option<Latency>,
    /// How many users it has. Demand that is shared by users is shared in proportion to this.
    pub users: u64,
}

impl Default for ZoneDraft {
    fn default() -> Self {
        Self { location: None, access_delay: None, users: 1 }
    }
}

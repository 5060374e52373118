//! The kind `Tenant`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::draft::SelectorDraft;
use crate::values::Quantity;

/// A team with quotas and rights over some clusters. The tenant `default` exists without being declared and
/// may use everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Tenant")]
pub struct TenantDraft {
    /// The clusters that it may use.
    pub clusters: SelectorDraft,
    /// What its apps may request together, over the whole fleet. No bound where it is not given.
    pub quota: Option<QuotaDraft>,
}

/// What the apps of a tenant may request together. What is not given is not bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Quota")]
pub struct QuotaDraft {
    /// Cores.
    pub cpu: Option<Quantity>,
    /// Bytes.
    pub memory: Option<Quantity>,
    /// Extended resources, in whole units.
    pub extended: BTreeMap<String, u16>,
}

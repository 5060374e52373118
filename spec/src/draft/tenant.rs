//! The kind `Tenant`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::draft::{MemberDraft, SelectorDraft};
use crate::values::{Name, Quantity};

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
    /// The namespace of its apps that name none. Where it is not given, each of them has one of its own name.
    pub namespace: Option<Name>,
    /// Who may do what in its namespaces.
    pub members: Vec<MemberDraft>,
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

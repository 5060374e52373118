//! Documents: a kind, a name, and what is said of it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use crate::draft::{
    ApplicationDraft, ClusterDraft, InitialStateDraft, PolicyDraft, ScenarioDraft, TenantDraft,
    ZoneDraft,
};
use crate::values::{LabelKey, LabelValue, Name};

/// What a document can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An app.
    Application,
    /// A cluster.
    Cluster,
    /// What runs when a scenario starts.
    InitialState,
    /// The policy.
    Policy,
    /// A scenario.
    Scenario,
    /// A tenant.
    Tenant,
    /// A zone.
    Zone,
}

/// A document of any kind.
///
/// In files it is written as in Kubernetes, with `kind` beside `metadata` and `spec`. The reader of trees
/// knows that and chooses the variant by it: serde's own way would read numbers before their types are known.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub enum Document {
    /// An app.
    Application(Object<ApplicationDraft>),
    /// A cluster.
    Cluster(Object<ClusterDraft>),
    /// What runs when a scenario starts.
    InitialState(Object<InitialStateDraft>),
    /// The policy.
    Policy(Object<PolicyDraft>),
    /// A scenario.
    Scenario(Object<ScenarioDraft>),
    /// A tenant.
    Tenant(Object<TenantDraft>),
    /// A zone.
    Zone(Object<ZoneDraft>),
}

/// A name, labels, and what is said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Object<S> {
    /// Name and labels.
    pub metadata: Metadata,
    /// What is said.
    pub spec: S,
}

/// Name and labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// The name, unique among its kind.
    pub name: Name,
    /// What selectors see. Those of clusters and zones matter; others are for people.
    #[serde(default)]
    pub labels: BTreeMap<LabelKey, LabelValue>,
}

/// The only version of these kinds.
pub const API_VERSION: &str = "periplus.dev/v1alpha1";

impl Kind {
    /// All kinds, by name.
    pub const ALL: [Self; 7] = [
        Self::Application,
        Self::Cluster,
        Self::InitialState,
        Self::Policy,
        Self::Scenario,
        Self::Tenant,
        Self::Zone,
    ];

    /// The kind's name, as it stands under `kind`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Application => "Application",
            Self::Cluster => "Cluster",
            Self::InitialState => "InitialState",
            Self::Policy => "Policy",
            Self::Scenario => "Scenario",
            Self::Tenant => "Tenant",
            Self::Zone => "Zone",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl<S> Object<S> {
    /// A document without labels.
    #[must_use]
    pub const fn new(name: Name, spec: S) -> Self {
        let metadata = Metadata { name, labels: BTreeMap::new() };
        Self { metadata, spec }
    }

    /// The same with a label more.
    ///
    /// # Panics
    /// Panics if `key` or `value` are not as Kubernetes allows them.
    #[must_use]
    pub fn with_label(mut self, key: &str, value: &str) -> Self {
        let key = key.parse().expect("a valid label key");
        let value = value.parse().expect("a valid label value");
        self.metadata.labels.insert(key, value);
        self
    }
}

impl Document {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Application(_) => Kind::Application,
            Self::Cluster(_) => Kind::Cluster,
            Self::InitialState(_) => Kind::InitialState,
            Self::Policy(_) => Kind::Policy,
            Self::Scenario(_) => Kind::Scenario,
            Self::Tenant(_) => Kind::Tenant,
            Self::Zone(_) => Kind::Zone,
        }
    }

    /// Name and labels.
    #[must_use]
    pub const fn metadata(&self) -> &Metadata {
        match self {
            Self::Application(object) => &object.metadata,
            Self::Cluster(object) => &object.metadata,
            Self::InitialState(object) => &object.metadata,
            Self::Policy(object) => &object.metadata,
            Self::Scenario(object) => &object.metadata,
            Self::Tenant(object) => &object.metadata,
            Self::Zone(object) => &object.metadata,
        }
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut fields = to.serialize_struct("Document", 4)?;
        fields.serialize_field("apiVersion", API_VERSION)?;
        fields.serialize_field("kind", self.kind().name())?;
        fields.serialize_field("metadata", self.metadata())?;
        match self {
            Self::Application(object) => fields.serialize_field("spec", &object.spec)?,
            Self::Cluster(object) => fields.serialize_field("spec", &object.spec)?,
            Self::InitialState(object) => fields.serialize_field("spec", &object.spec)?,
            Self::Policy(object) => fields.serialize_field("spec", &object.spec)?,
            Self::Scenario(object) => fields.serialize_field("spec", &object.spec)?,
            Self::Tenant(object) => fields.serialize_field("spec", &object.spec)?,
            Self::Zone(object) => fields.serialize_field("spec", &object.spec)?,
        }
        fields.end()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// In the schema, a document inside of another one: any kind but a scenario. Each is described by its own
/// schema, which the validator goes on with.
impl JsonSchema for Document {
    fn schema_name() -> Cow<'static, str> {
        "Document".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A document as it would stand in a file, of any kind but a scenario. `apiVersion` may be left out.",
            "type": "object",
            "x-document": true,
        })
    }
}

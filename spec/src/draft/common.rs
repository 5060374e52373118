//! What several kinds share: selectors, selections, resources, delays, locations.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, MapAccess, SeqAccess, Visitor, value};
use serde::{Deserialize, Deserializer, Serialize};

use crate::values::{Duration, LabelKey, LabelValue, Latitude, Longitude, Name, Quantity};

/// A label selector as in Kubernetes: all of its requirements must hold, and an empty one matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Selector")]
pub struct SelectorDraft {
    /// Labels that must be there with these values.
    pub match_labels: BTreeMap<LabelKey, LabelValue>,
    /// Requirements that say more than equality.
    pub match_expressions: Vec<ExpressionDraft>,
}

/// One requirement of a label selector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Expression")]
pub struct ExpressionDraft {
    /// The label that is asked about.
    pub key: LabelKey,
    /// How.
    pub operator: OperatorDraft,
    /// The values that are compared: at least one for `In` and `NotIn`, none for the others.
    #[serde(default)]
    pub values: Vec<LabelValue>,
}

/// The operators of label selectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Operator")]
pub enum OperatorDraft {
    /// The label is there and its value is listed.
    In,
    /// The label is absent, or its value is not listed.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is absent.
    DoesNotExist,
}

/// Clusters or zones: a name, a list of names, or a label selector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum SelectionDraft {
    /// By name.
    Names(Vec<Name>),
    /// By label.
    Labels(SelectorDraft),
}

/// One name, or a list of names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct OneOrMany(pub Vec<Name>);

/// How long something takes: always the same, or spread as a log-normal distribution through two quantiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum DelayDraft {
    /// Always so long.
    Always(Duration),
    /// Log-normal.
    Spread {
        /// Half of all are not longer.
        p50: Duration,
        /// 95 % of all are not longer.
        p95: Duration,
    },
}

/// What a pod asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Resources")]
pub struct ResourcesDraft {
    /// Cores.
    pub cpu: Option<Quantity>,
    /// Bytes.
    pub memory: Option<Quantity>,
    /// Extended resources such as `nvidia.com/gpu`, in whole units. A fleet can count four kinds.
    pub extended: BTreeMap<String, u16>,
}

/// What a node has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Capacity")]
pub struct CapacityDraft {
    /// Cores.
    pub cpu: Quantity,
    /// Bytes.
    pub memory: Quantity,
    /// Pods that its kubelet takes.
    #[serde(default = "kubelet_pods")]
    pub pods: u16,
    /// Extended resources such as `nvidia.com/gpu`, in whole units.
    #[serde(default)]
    pub extended: BTreeMap<String, u16>,
}

/// The kubelet's own default of `maxPods`.
const fn kubelet_pods() -> u16 {
    110
}

/// A place on the earth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Location")]
pub struct LocationDraft {
    /// Degrees north.
    pub latitude: Latitude,
    /// Degrees east.
    pub longitude: Longitude,
}

impl SelectionDraft {
    /// The clusters or zones with these names.
    ///
    /// # Panics
    /// Panics if one of them is not a name.
    #[must_use]
    pub fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let name = |name: &str| name.parse().expect("a valid name");
        Self::Names(names.into_iter().map(name).collect())
    }
}

impl SelectionDraft {
    /// Whether something with this name and these labels is meant.
    #[must_use]
    pub fn takes(&self, name: &str, labels: &BTreeMap<LabelKey, LabelValue>) -> bool {
        match self {
            Self::Names(names) => names.iter().any(|one| **one == *name),
            Self::Labels(selector) => selector.takes(labels),
        }
    }
}

impl SelectorDraft {
    /// Whether something with these labels is meant.
    #[must_use]
    pub fn takes(&self, labels: &BTreeMap<LabelKey, LabelValue>) -> bool {
        let equal = |(key, value)| labels.get(key) == Some(value);
        self.match_labels.iter().all(equal)
            && self.match_expressions.iter().all(|expression| expression.takes(labels))
    }
}

impl ExpressionDraft {
    fn takes(&self, labels: &BTreeMap<LabelKey, LabelValue>) -> bool {
        let value = labels.get(&self.key);
        let listed = value.is_some_and(|value| self.values.contains(value));
        match self.operator {
            OperatorDraft::In => listed,
            OperatorDraft::NotIn => !listed,
            OperatorDraft::Exists => value.is_some(),
            OperatorDraft::DoesNotExist => value.is_none(),
        }
    }
}

impl Default for SelectionDraft {
    /// Everything.
    fn default() -> Self {
        Self::Labels(SelectorDraft::default())
    }
}

impl From<Duration> for DelayDraft {
    fn from(duration: Duration) -> Self {
        Self::Always(duration)
    }
}

// The next three are read by what stands there. They ask for a text, which the reader of trees answers with
// the text even where it looks like a number, and with the list or mapping where one stands.

impl<'de> Deserialize<'de> for SelectionDraft {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = SelectionDraft;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a name, a list of names, or a label selector")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<SelectionDraft, E> {
                let name = text.parse().map_err(E::custom)?;
                Ok(SelectionDraft::Names(vec![name]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<SelectionDraft, A::Error> {
                let names = Vec::deserialize(value::SeqAccessDeserializer::new(items))?;
                Ok(SelectionDraft::Names(names))
            }
            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<SelectionDraft, A::Error> {
                let labels =
                    SelectorDraft::deserialize(value::MapAccessDeserializer::new(entries))?;
                Ok(SelectionDraft::Labels(labels))
            }
        }
        from.deserialize_str(Any)
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = OneOrMany;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a name or a list of names")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![text.parse().map_err(E::custom)?]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<OneOrMany, A::Error> {
                Vec::deserialize(value::SeqAccessDeserializer::new(items)).map(OneOrMany)
            }
        }
        from.deserialize_str(Any)
    }
}

impl<'de> Deserialize<'de> for DelayDraft {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Quantiles {
            p50: Duration,
            p95: Duration,
        }
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = DelayDraft;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a duration, or the quantiles p50 and p95")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<DelayDraft, E> {
                text.parse().map(DelayDraft::Always).map_err(E::custom)
            }
            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<DelayDraft, A::Error> {
                let Quantiles { p50, p95 } =
                    Quantiles::deserialize(value::MapAccessDeserializer::new(entries))?;
                Ok(DelayDraft::Spread { p50, p95 })
            }
        }
        from.deserialize_str(Any)
    }
}

impl JsonSchema for SelectionDraft {
    fn schema_name() -> Cow<'static, str> {
        "Selection".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let name = generator.subschema_for::<Name>();
        let selector = generator.subschema_for::<SelectorDraft>();
        json_schema!({
            "description": "Clusters or zones: a name, a list of names, or a label selector.",
            "anyOf": [name, { "type": "array", "items": name }, selector],
        })
    }
}

impl JsonSchema for OneOrMany {
    fn schema_name() -> Cow<'static, str> {
        "OneOrMany".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let name = generator.subschema_for::<Name>();
        json_schema!({ "anyOf": [name, { "type": "array", "items": name }] })
    }
}

impl JsonSchema for DelayDraft {
    fn schema_name() -> Cow<'static, str> {
        "Delay".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let duration = generator.subschema_for::<Duration>();
        json_schema!({
            "description": "How long something takes: always the same, or spread as a log-normal \
                distribution through two quantiles.",
            "anyOf": [duration, {
                "type": "object",
                "properties": {
                    "p50": with_description(&duration, "Half of all are not longer."),
                    "p95": with_description(&duration, "95 % of all are not longer."),
                },
                "required": ["p50", "p95"],
                "additionalProperties": false,
            }],
        })
    }
}

fn with_description(schema: &Schema, text: &str) -> Schema {
    let mut schema = schema.clone();
    schema.insert("description".into(), text.into());
    schema
}

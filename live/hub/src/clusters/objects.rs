//! Objects of Kubernetes with only those fields that are read here, so that a page of a list takes little memory.
//!
//! What the fields mean is told where they are read: [`node`](super::node), [`pod`](super::pod), [`work`](super::work)
//! and [`agent`](super::agent).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
use kube::Resource;
use kube::api::ObjectMeta;
use kube::core::DynamicResourceScope;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

/// A kind of object, and what of it is read.
pub(crate) trait Kind: Clone + Debug + Send + Sync + 'static {
    /// Its API group; empty for the core one.
    const GROUP: &'static str;
    /// Its version.
    const VERSION: &'static str;
    /// Its name.
    const KIND: &'static str;
    /// Its name in paths.
    const PLURAL: &'static str;
    /// What is read of `spec`.
    type Spec: Clone + Debug + Default + DeserializeOwned + Send + 'static;
    /// What is read of `status`.
    type Status: Clone + Debug + Default + DeserializeOwned + Send + 'static;
}

/// An object of a kind.
#[derive(Clone, Debug, Deserialize)]
#[serde(bound = "")]
pub(crate) struct Object<K: Kind> {
    #[serde(deserialize_with = "lean")]
    pub(crate) metadata: ObjectMeta,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) spec: K::Spec,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) status: K::Status,
}

impl<K: Kind> Resource for Object<K> {
    type DynamicType = ();
    type Scope = DynamicResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        K::KIND.into()
    }

    fn group((): &()) -> Cow<'_, str> {
        K::GROUP.into()
    }

    fn version((): &()) -> Cow<'_, str> {
        K::VERSION.into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        K::PLURAL.into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// Who an object is, without its name: its UID as a number.
pub(crate) type Uid = u128;

/// The UID of an object. One that is no UUID is hashed.
#[must_use]
pub(crate) fn uid(metadata: &ObjectMeta) -> Uid {
    let text = metadata.uid.as_deref().unwrap_or_default();
    let digits = text.bytes().filter(|byte| *byte != b'-').count();
    let plain = text.replace('-', "");
    match u128::from_str_radix(&plain, 16) {
        Ok(uid) if digits == UUID_DIGITS => uid,
        Ok(_) | Err(_) => (u128::from(hash(&(text, 0))) << 64) | u128::from(hash(&(text, 1))),
    }
}

const UUID_DIGITS: usize = 32;

/// A label of an object; empty where it has none.
#[must_use]
pub(crate) fn label<'m>(metadata: &'m ObjectMeta, key: &str) -> &'m str {
    let labels = metadata.labels.as_ref();
    labels.and_then(|labels| labels.get(key)).map_or("", String::as_str)
}

/// The record that decided an object.
#[must_use]
pub(crate) fn decision(metadata: &ObjectMeta) -> Option<u64> {
    metadata.annotations.as_ref()?.get("periplus.dev/decision")?.parse().ok()
}

/// The same for equal values within one process.
#[must_use]
pub(crate) fn hash<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// A value; its default where the field is `null`, which Go writes for nothing.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}

/// Metadata without `managedFields`, which are half of many objects.
fn lean<'de, D: Deserializer<'de>>(from: D) -> Result<ObjectMeta, D::Error> {
    let read = Lean::deserialize(from)?;
    Ok(ObjectMeta {
        name: read.name,
        namespace: read.namespace,
        uid: read.uid,
        resource_version: read.resource_version,
        generation: read.generation,
        labels: read.labels,
        annotations: read.annotations.map(|mut annotations| {
            // `kubectl apply` keeps whole objects there.
            annotations.retain(|key, _| key.starts_with("periplus.dev/"));
            annotations
        }),
        owner_references: read.owner_references,
        creation_timestamp: read.creation_timestamp,
        deletion_timestamp: read.deletion_timestamp,
        ..ObjectMeta::default()
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lean {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
    owner_references: Option<Vec<OwnerReference>>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
}

/// A condition in a status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Condition {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) reason: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) message: String,
    #[serde(deserialize_with = "or_default")]
    pub(crate) observed_generation: i64,
}

/// The condition of a type.
#[must_use]
pub(crate) fn condition<'c>(conditions: &'c [Condition], kind: &str) -> Option<&'c Condition> {
    conditions.iter().find(|condition| condition.kind == kind)
}

#[cfg(test)]
mod tests {
    use super::super::pod::PodKind;
    use super::*;

    #[test]
    fn objects_are_read_without_what_nobody_needs() {
        let text = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","uid":"00000000-0000-0000-0000-00000000002a",
            "managedFields":[{"manager":"x","fieldsV1":{"f:metadata":{}}}],"annotations":{"kubectl/last":"{}",
            "periplus.dev/decision":"7"},"creationTimestamp":null},"spec":null,"status":{"conditions":null}}"#;
        let pod: Object<PodKind> = serde_json::from_str(text).unwrap();
        assert_eq!((uid(&pod.metadata), decision(&pod.metadata)), (42, Some(7)));
        assert_eq!(pod.metadata.annotations.map(|kept| kept.len()), Some(1));
        assert_eq!(pod.metadata.managed_fields, None);
        let odd = ObjectMeta { uid: Some("odd".into()), ..ObjectMeta::default() };
        assert!(uid(&odd) != 0 && uid(&odd) != uid(&ObjectMeta::default()));
    }
}

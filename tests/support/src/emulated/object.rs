//! One stored object: its JSON without `apiVersion` and `kind`, the metadata first, in one allocation. A list is then a
//! concatenation, and metadata alone a slice.

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What a thousand clusters have tens of thousands of: kept as bytes, not as a tree.
#[derive(Debug)]
pub(super) struct Stored {
    /// `"metadata":{…},"spec":{…}}`, the opening brace left out.
    bytes: Box<[u8]>,
    /// Where the metadata ends.
    metadata: usize,
    /// The resourceVersion that the metadata states.
    pub(super) version: u64,
}

/// How an object is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// All of it.
    Full,
    /// `PartialObjectMetadata`.
    Metadata,
}

/// What selectors look at.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Traced {
    /// Labels.
    pub(super) labels: Map<String, Value>,
}

impl Stored {
    /// `object` must have metadata; its resourceVersion becomes `version`.
    pub(super) fn new(mut object: Value, version: u64) -> Self {
        object["metadata"]["resourceVersion"] = Value::String(version.to_string());
        let mut bytes = b"\"metadata\":".to_vec();
        bytes.extend_from_slice(object["metadata"].to_string().as_bytes());
        let metadata = bytes.len();
        for (field, value) in object.as_object().into_iter().flatten() {
            if !["apiVersion", "kind", "metadata"].contains(&field.as_str()) {
                bytes.push(b',');
                bytes.extend_from_slice(json!(field).to_string().as_bytes());
                bytes.push(b':');
                bytes.extend_from_slice(value.to_string().as_bytes());
            }
        }
        bytes.push(b'}');
        Self { bytes: bytes.into_boxed_slice(), metadata, version }
    }

    /// The tree, with its `apiVersion` and `kind`.
    pub(super) fn value(&self, api_version: &str, kind: &str) -> Value {
        let mut bytes = Vec::with_capacity(self.bytes.len() + 64);
        self.write(&head(api_version, kind), Shape::Full, &mut bytes);
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Appends the object; `head` is what [`head`] gives, or empty as for items of lists.
    pub(super) fn write(&self, head: &str, shape: Shape, out: &mut Vec<u8>) {
        out.push(b'{');
        match shape {
            Shape::Full => {
                if !head.is_empty() {
                    out.extend_from_slice(head.as_bytes());
                    out.push(b',');
                }
                out.extend_from_slice(&self.bytes);
            }
            Shape::Metadata => {
                let head = self::head("meta.k8s.io/v1", "PartialObjectMetadata");
                out.extend_from_slice(head.as_bytes());
                out.push(b',');
                out.extend_from_slice(&self.bytes[..self.metadata]);
                out.push(b'}');
            }
        }
    }

    /// The labels.
    pub(super) fn traced(&self) -> Traced {
        let start = b"\"metadata\":".len();
        serde_json::from_slice(&self.bytes[start..self.metadata]).unwrap_or_default()
    }

    /// Bytes on the heap.
    pub(super) fn weight(&self) -> usize {
        self.bytes.len() + size_of::<Self>()
    }
}

/// The first two fields of every object.
pub(super) fn head(api_version: &str, kind: &str) -> String {
    format!("\"apiVersion\":\"{api_version}\",\"kind\":\"{kind}\"")
}

/// The text at a pointer, or the empty one.
pub(super) fn text<'a>(object: &'a Value, at: &str) -> &'a str {
    object.pointer(at).and_then(Value::as_str).unwrap_or_default()
}

/// The metadata, which is made if it is missing.
pub(super) fn metadata(object: &mut Value) -> &mut Map<String, Value> {
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    match &mut object["metadata"] {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            unreachable!("it was made an object above")
        }
    }
}

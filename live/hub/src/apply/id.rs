//! Objects: what tells one from all others in a cluster, and what a rendered file says.

use std::fmt;

use kube::core::DynamicObject;
use periplus_emit::{Bytes, OURS, rank};
use serde_json::Value;

use super::fault::Fault;

/// Who we are among those who apply to a cluster.
pub(super) const MANAGER: &str = "periplus";

/// What tells an object from all others in its cluster. Whether its kind lies in namespaces at all is not known here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    pub(super) group: String,
    pub(super) kind: String,
    pub(super) namespace: String,
    pub(super) name: String,
}

/// What a file says, and whose it is.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) id: Id,
    /// The version of its group.
    pub(super) version: String,
    /// The app that it belongs to; none if it is the cluster's.
    pub(super) app: Option<String>,
    pub(super) bytes: Bytes,
}

impl Id {
    pub(super) fn new(group: &str, kind: &str, namespace: &str, name: &str) -> Self {
        let [group, kind, namespace, name] = [group, kind, namespace, name].map(str::to_owned);
        Self { group, kind, namespace, name }
    }

    /// What others need comes first.
    pub(super) fn rank(&self) -> u8 {
        rank(&self.kind)
    }

    /// It and the version in an `apiVersion`.
    pub(super) fn split(
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> (Self, String) {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        (Self::new(group, kind, namespace, name), version.to_owned())
    }

    /// `v1` or `apps/v1`.
    pub(super) fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group, kind, namespace, name } = self;
        out.write_str(kind)?;
        if !group.is_empty() {
            write!(out, ".{group}")?;
        }
        if namespace.is_empty() {
            write!(out, " {name}")
        } else {
            write!(out, " {namespace}/{name}")
        }
    }
}

impl Wanted {
    /// What a file says.
    pub(super) fn read(path: &str, app: Option<String>, bytes: &Bytes) -> Result<Self, Fault> {
        let object = object(path, bytes)?;
        let text = |place: &str| object.pointer(place).and_then(Value::as_str).unwrap_or_default();
        let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
        let (id, version) = Id::split(text("/apiVersion"), text("/kind"), namespace, name);
        let empty = [&version, &id.kind, &id.name].into_iter().any(String::is_empty);
        if empty {
            let why = "it has no `apiVersion`, no `kind` or no name".to_owned();
            return Err(Fault::NoObject { path: path.to_owned(), why });
        }
        Ok(Self { id, version, app, bytes: bytes.clone() })
    }

    /// The object as it is sent.
    pub(super) fn object(&self, cluster: &str) -> Result<Value, Fault> {
        let object = object(&self.id.to_string(), &self.bytes)?;
        if object.get("sops").is_some() {
            let (cluster, object) = (cluster.to_owned(), self.id.to_string());
            return Err(Fault::Sealed { cluster, object });
        }
        Ok(object)
    }
}

fn object(path: &str, bytes: &[u8]) -> Result<Value, Fault> {
    serde_saphyr::from_slice(bytes)
        .map_err(|error| Fault::NoObject { path: path.to_owned(), why: error.to_string() })
}

/// Whether an object has our mark.
pub(super) fn is_marked(object: &DynamicObject) -> bool {
    let labels = object.metadata.labels.as_ref();
    labels.and_then(|labels| labels.get(OURS.0)).is_some_and(|said| said == OURS.1)
}

/// Whether an object has our mark, and fields that we have applied.
pub(super) fn is_ours(object: &DynamicObject) -> bool {
    let managers = object.metadata.managed_fields.iter().flatten();
    let mut ours = managers.filter(|entry| {
        entry.manager.as_deref() == Some(MANAGER) && entry.operation.as_deref() == Some("Apply")
    });
    is_marked(object) && ours.next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Wanted, Fault> {
        Wanted::read("deploy/a/shop/web/x.yaml", Some("shop".into()), &Bytes::from(text.as_bytes()))
    }

    #[test]
    fn a_file_says_what_it_is_about() {
        let read =
            read("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n");
        let read = read.unwrap();
        assert_eq!(read.id, Id::new("apps", "Deployment", "shop", "web"));
        assert_eq!(read.id.to_string(), "Deployment.apps shop/web");
        assert_eq!(read.id.api_version(&read.version), "apps/v1");
        assert_eq!(read.object("a").unwrap()["kind"], "Deployment");
    }

    #[test]
    fn what_is_no_object_and_what_is_sealed_is_refused() {
        assert!(matches!(read("kind: Pod\n"), Err(Fault::NoObject { .. })));
        assert!(matches!(read("a: [\n"), Err(Fault::NoObject { .. })));
        let sealed = read("apiVersion: v1\nkind: Secret\nmetadata: {name: key}\nsops: {mac: x}\n");
        assert!(matches!(sealed.unwrap().object("a"), Err(Fault::Sealed { .. })));
    }
}

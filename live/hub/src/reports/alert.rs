//! Alerts: events of Flux as its notification-controller sends them, and what they say honestly.
//!
//! An event proves that its cluster lived when it happened. That an app is ready is not in one: it does not say how many pods
//! there are, nor of which content. That one failed is said where Flux has waited for it in vain; other failures often pass by
//! themselves, and an event does not say how long they last.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use periplus_core::input::Fault;
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// An event, as far as it is read. `fluxcd/pkg/apis/event/v1beta1`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FluxEvent")]
pub(crate) struct Event {
    /// What it is about.
    involved_object: Involved,
    /// When it happened, in RFC 3339.
    timestamp: String,
    /// `info`, `error` or `trace`.
    #[serde(default)]
    severity: String,
    /// Why, in one word, such as `HealthCheckFailed`.
    #[serde(default)]
    reason: String,
    /// Why, for people.
    #[serde(default)]
    message: String,
}

/// What an event is about.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(rename = "FluxObject")]
struct Involved {
    kind: String,
    name: String,
    #[serde(default)]
    namespace: String,
}

/// What was taken lately, by cluster: when it happened, and a digest of it.
#[derive(Debug, Default)]
pub(crate) struct Taken(Mutex<BTreeMap<String, BTreeMap<[u8; 32], i64>>>);

/// Where Flux has what we write.
const NAMESPACE: &str = "flux-system";
/// How many alerts of one cluster are known by their digests. More within the time in which they may come are refused.
const TAKEN_MAX: usize = 4_096;

impl Event {
    /// When it happened, in milliseconds since 1970-01-01 UTC.
    pub(crate) fn unix_ms(&self) -> Option<i64> {
        self.timestamp.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
    }

    /// The object that failed and why, if it says that something of ours did.
    pub(crate) fn failure(&self) -> Option<(&str, Fault)> {
        let Self { involved_object: Involved { kind, name, namespace }, .. } = self;
        let is_ours = ["Kustomization", "HelmRelease"].contains(&&**kind) && namespace == NAMESPACE;
        let late = ["timed out", "timeout waiting", "deadline exceeded"];
        let waited = self.reason == "HealthCheckFailed"
            || (self.reason.ends_with("Failed")
                && late.iter().any(|late| self.message.contains(late)));
        let failed = is_ours && self.severity == "error" && waited;
        failed.then_some((&**name, Fault::TimedOut))
    }
}

impl Taken {
    /// Whether an alert was not taken before; then it is. What happened before `since` is too old to come again.
    pub(crate) fn is_new(&self, cluster: &str, body: &[u8], at_unix_ms: i64, since: i64) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = all.entry(cluster.to_owned()).or_default();
        taken.retain(|_, at| *at >= since);
        let digest: [u8; 32] = Sha256::digest(body).into();
        if taken.len() >= TAKEN_MAX || taken.contains_key(&digest) {
            return false;
        }
        taken.insert(digest, at_unix_ms);
        true
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(more: &Value) -> Event {
        let mut event = json!({
            "involvedObject": {
                "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "name": "shop.web",
                "namespace": "flux-system", "resourceVersion": "1", "uid": "c0ffee",
            },
            "severity": "error", "timestamp": "2026-11-27T10:00:00Z", "reason": "HealthCheckFailed",
            "message": "health check failed after 5m0s: timeout waiting for: [Deployment/shop/web status: 'InProgress']",
            "metadata": {"kustomize.toolkit.fluxcd.io/revision": "main@sha1:731f7eaddfb6af01cb2173e18f0f75b0ba780ef1"},
            "reportingController": "kustomize-controller", "reportingInstance": "kustomize-controller-7c7b47f5f-8bhrp",
        });
        for (field, value) in more.as_object().unwrap() {
            event[field] = value.clone();
        }
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn only_what_was_waited_for_in_vain_has_failed() {
        let failed = |more: Value| event(&more).failure().map(|(name, _)| name.to_owned());
        assert_eq!(failed(json!({})).as_deref(), Some("shop.web"));
        let release =
            json!({"kind": "HelmRelease", "namespace": "flux-system", "name": "shop.web.source"});
        let late = "Helm install failed: context deadline exceeded";
        let more = json!({"involvedObject": release, "reason": "InstallFailed", "message": late});
        assert_eq!(failed(more).as_deref(), Some("shop.web.source"));
        let others = json!({"kind": "Kustomization", "namespace": "team", "name": "shop.web"});
        let source =
            json!({"kind": "GitRepository", "namespace": "flux-system", "name": "periplus"});
        for nothing in [
            json!({"severity": "info", "reason": "ReconciliationSucceeded", "message": "done"}),
            json!({"reason": "ReconciliationFailed", "message": "namespaces \"shop\" not found"}),
            json!({"reason": "DependencyNotReady", "message": "timed out"}),
            json!({"involvedObject": others}),
            json!({"involvedObject": source}),
        ] {
            assert_eq!(failed(nothing.clone()), None, "{nothing}");
        }
        assert_eq!(event(&json!({})).unix_ms(), Some(1_795_773_600_000));
        assert_eq!(event(&json!({"timestamp": "yesterday"})).unix_ms(), None);
    }

    #[test]
    fn the_same_is_taken_once_and_what_is_old_is_forgotten() {
        let taken = Taken::default();
        assert!(taken.is_new("hill", b"a", 10, 0));
        assert!(!taken.is_new("hill", b"a", 10, 0));
        assert!(taken.is_new("sea", b"a", 10, 0) && taken.is_new("hill", b"b", 10, 0));
        for number in 2..TAKEN_MAX {
            assert!(taken.is_new("hill", &number.to_le_bytes(), 20, 0));
        }
        assert!(!taken.is_new("hill", b"one more", 20, 0));
        assert!(taken.is_new("hill", b"one more", 20, 11));
    }
}

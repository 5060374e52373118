//! How the applying to each cluster goes: for metrics, and for who looks for a fault.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How the applying to one cluster goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Whether everything that there was to apply was applied in the last round.
    pub complete: bool,
    /// When the last round ended without a fault, in milliseconds since 1970-01-01 UTC.
    pub last_applied_unix_ms: Option<i64>,
    /// What went wrong last, and when.
    pub last_error: Option<(i64, String)>,
    /// Objects that the inventory has.
    pub objects: usize,
    /// Objects that were applied since the service was started.
    pub applied: u64,
    /// Objects that were deleted since then.
    pub deleted: u64,
    /// Objects that were refused since then.
    pub refused: u64,
}

/// Those of all clusters. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Statuses(Arc<Mutex<BTreeMap<String, Status>>>);

impl Statuses {
    /// As of now, by cluster.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, Status> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn note(&self, cluster: &str, note: impl FnOnce(&mut Status)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        note(all.entry(cluster.to_owned()).or_default());
    }
}

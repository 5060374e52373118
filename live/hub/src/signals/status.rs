//! How signals are, for people, `/metrics` and `/readyz`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::samples::Refused;

/// How all signals are. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Statuses {
    shared: Arc<Mutex<Vec<Status>>>,
}

/// How one signal is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// How old what it tells may be.
    pub stale_after_ms: u64,
    /// How often it was looked at.
    pub looks: u64,
    /// How many of those failed.
    pub failures: u64,
    /// When a look last did not fail.
    pub succeeded_unix_ms: Option<i64>,
    /// When a look last failed, and why.
    pub failed: Option<(i64, String)>,
    /// What the source warned of at the last look.
    pub warning: Option<String>,
    /// How many series, or clusters, are known.
    pub series: usize,
    /// How many of them are silent, so that the fallback holds.
    pub silent: usize,
    /// The newest time of which something was told as measured.
    pub newest_unix_ms: Option<i64>,
    /// How many rates or intensities were told as measured.
    pub told: u64,
    /// How many were told as the fallback has it.
    pub told_instead: u64,
    /// What could not be used.
    pub refused: Refused,
}

impl Status {
    /// How old the newest of what it tells is; `None` if it has told nothing yet.
    #[must_use]
    pub fn age_ms(&self, now_unix_ms: i64) -> Option<u64> {
        let age = now_unix_ms.saturating_sub(self.newest_unix_ms?);
        Some(u64::try_from(age).unwrap_or(0))
    }

    /// Whether it tells how it is now.
    #[must_use]
    pub fn is_fresh(&self, now_unix_ms: i64) -> bool {
        self.age_ms(now_unix_ms).is_some_and(|age| age <= self.stale_after_ms)
    }

    /// Why the last look failed, if it did.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        let (at, why) = self.failed.as_ref()?;
        self.succeeded_unix_ms.is_none_or(|succeeded| succeeded < *at).then_some(why)
    }
}

impl Statuses {
    /// How each signal is, in the order of the configuration.
    #[must_use]
    pub fn read(&self) -> Vec<Status> {
        self.lock().clone()
    }

    /// Begins anew, with these.
    pub(super) fn begin(&self, statuses: Vec<Status>) {
        *self.lock() = statuses;
    }

    pub(super) fn change(&self, place: usize, change: impl FnOnce(&mut Status)) {
        if let Some(status) = self.lock().get_mut(place) {
            change(status);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Status>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

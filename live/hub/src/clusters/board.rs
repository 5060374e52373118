//! What is told of the watching itself, cluster by cluster: for metrics, for readiness, and for who looks for a fault.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::site::Site;

/// How the watching of one cluster goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Whether all that is to be read was read, and the API answers.
    pub connected: bool,
    /// When it answered last, in milliseconds since 1970-01-01 UTC.
    pub last_heard_unix_ms: Option<i64>,
    /// What went wrong last, and when.
    pub last_error: Option<(i64, String)>,
    /// Objects that are held in memory.
    pub objects: usize,
    /// The bytes that they take, about.
    pub bytes: usize,
    /// Lists that were read from the start, the first ones included.
    pub relists: u64,
    /// Times that a connection was begun.
    pub connects: u64,
    /// Whether there may be objects of ours that it does not let us read.
    pub partial: bool,
    /// What it does not have, or does not let us read.
    pub absent: BTreeSet<&'static str>,
}

/// One cluster, for all who have to do with it.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) name: String,
    /// Tells it apart from all others, for as long as the process runs.
    pub(crate) number: u32,
    site: Mutex<Site>,
    status: Mutex<Status>,
    /// Clusters that `Application`s here were ever about.
    reached: Mutex<BTreeSet<String>>,
    /// Somebody else had something to say of it.
    pub(crate) stirred: Notify,
}

impl Cluster {
    pub(crate) fn new(name: &str, number: u32, patience: Duration) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            number,
            site: Mutex::new(Site::new(patience)),
            status: Mutex::default(),
            reached: Mutex::default(),
            stirred: Notify::new(),
        })
    }

    pub(crate) fn site(&self) -> MutexGuard<'_, Site> {
        self.site.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn reached(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how much it holds.
    pub(crate) fn measure(&self) {
        let site = self.site();
        let (objects, bytes) = (site.count_objects(), site.bytes());
        drop(site);
        let mut status = self.status();
        (status.objects, status.bytes) = (objects, bytes);
    }

    /// Notes what went wrong.
    pub(crate) fn complain(&self, now_ms: i64, text: String) {
        tracing::debug!(cluster = self.name, "{text}");
        self.status().last_error = Some((now_ms, text));
    }
}

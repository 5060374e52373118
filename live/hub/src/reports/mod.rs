//! Reports: what clusters say of themselves that we cannot reach, and how it is known that it is they.
//!
//! A reporter in the cluster ([`crate::reporter`]) signs what it sees (`signature`) with a key of its cluster (`keys`), in a form
//! that stays (`wire`); each is taken once, also over restarts (`marks`). Flux's own alerts are taken as well (`alert`). What
//! must not be in here: HTTP, which is the [`api`](crate::api)'s.

pub(crate) mod alert;
pub(crate) mod keys;
mod marks;
pub(crate) mod signature;
pub(crate) mod wire;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use self::marks::Admitted;

use self::alert::Taken;
use self::keys::KeyFolder;
use self::marks::Marks;
use self::signature::Mark;
use self::wire::Part;

/// Where the keys are by which clusters are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFolders {
    /// Of reporters; none are taken without it.
    pub reports: Option<PathBuf>,
    /// Of Flux's alerts; none are taken without it.
    pub alerts: Option<PathBuf>,
}

/// What is known of clusters that report.
#[derive(Debug)]
pub struct Reports {
    keys: Option<KeyFolder>,
    alert_keys: Option<KeyFolder>,
    marks: Marks,
    alerts: Taken,
    heard: Mutex<BTreeMap<String, Heard>>,
}

/// What was heard of a cluster since the service was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// When its last report was taken.
    pub(crate) report_unix_ms: Option<i64>,
    /// When its last alert was taken.
    pub(crate) alert_unix_ms: Option<i64>,
    /// The reporter that has begun to tell all that it knows.
    begun: Option<u64>,
    /// The reporter that has told all that it knew.
    pub(crate) whole: Option<u64>,
}

impl Reports {
    /// Reads what a service must not forget of them, in its folder.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(state: &Path, folders: KeyFolders) -> io::Result<Self> {
        let KeyFolders { reports, alerts } = folders;
        Ok(Self {
            keys: reports.map(KeyFolder::new),
            alert_keys: alerts.map(KeyFolder::new),
            marks: Marks::open(state)?,
            alerts: Taken::default(),
            heard: Mutex::default(),
        })
    }

    /// Whether a cluster may speak for itself.
    #[must_use]
    pub fn may_speak(&self, cluster: &str) -> bool {
        let has = |folder: &Option<KeyFolder>| folder.as_ref().is_some_and(|one| one.has(cluster));
        has(&self.keys) || has(&self.alert_keys)
    }

    pub(crate) fn keys(&self) -> Option<&KeyFolder> {
        self.keys.as_ref()
    }

    pub(crate) fn alert_keys(&self) -> Option<&KeyFolder> {
        self.alert_keys.as_ref()
    }

    /// Takes the mark of a report that its cluster has signed. It may wait for the disk.
    pub(crate) fn admit(&self, cluster: &str, mark: Mark) -> io::Result<Admitted> {
        self.marks.admit(cluster, mark)
    }

    /// Whether an alert was not taken before; then it is.
    pub(crate) fn is_new(&self, cluster: &str, alert: &[u8], at_unix_ms: i64, since: i64) -> bool {
        self.alerts.is_new(cluster, alert, at_unix_ms, since)
    }

    /// What was heard, by cluster.
    pub(crate) fn heard(&self) -> BTreeMap<String, Heard> {
        self.lock().clone()
    }

    /// Notes a report that was taken of a reporter's epoch, and says whether all was told in it since the service was started.
    pub(crate) fn note_report(
        &self,
        cluster: &str,
        at_unix_ms: i64,
        epoch: u64,
        part: Part,
    ) -> bool {
        let mut heard = self.lock();
        let heard = heard.entry(cluster.to_owned()).or_default();
        heard.report_unix_ms = Some(at_unix_ms);
        match part {
            Part::All | Part::First => heard.begun = Some(epoch),
            Part::Last | Part::Some => {}
        }
        match part {
            // A telling whose beginning came before the service was started is not all.
            Part::All | Part::Last if heard.begun == Some(epoch) => {
                if heard.whole.replace(epoch) != Some(epoch) {
                    tracing::info!(cluster, "its reporter has told all that it knows");
                }
            }
            Part::All | Part::Last | Part::First | Part::Some => {}
        }
        heard.whole == Some(epoch)
    }

    /// Notes an alert that was taken.
    pub(crate) fn note_alert(&self, cluster: &str, at_unix_ms: i64) {
        self.lock().entry(cluster.to_owned()).or_default().alert_unix_ms = Some(at_unix_ms);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Heard>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

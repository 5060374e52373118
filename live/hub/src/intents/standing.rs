//! How what is declared stands: for people, for `/metrics` and for `/readyz`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use periplus_spec::diagnostic::Diagnostic;

/// How what is declared stands. Cheap to clone; all clones see the same.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    shared: Arc<Mutex<Status>>,
}

/// How what is declared stood when it was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Where it is read: a path, a repository and its branch, or a hub cluster. Empty before anything was looked at.
    pub source: String,
    /// When it was last read to its end, whatever stood there, in milliseconds since 1970-01-01 UTC.
    pub read_unix_ms: Option<i64>,
    /// The commit that was looked at last, where it comes from a repository. Complaints are about it.
    pub revision: Option<String>,
    /// What was last taken in.
    pub accepted: Option<Accepted>,
    /// Since when it cannot be read, and why; nothing changes until it can.
    pub failed: Option<(i64, String)>,
    /// What is wrong with what stands there now.
    pub complaints: Vec<Complaint>,
    /// How often it was taken in with a change.
    pub changes: u64,
}

/// What was taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The commit, where it comes from a repository.
    pub revision: Option<String>,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub unix_ms: i64,
    /// How many documents it has.
    pub documents: usize,
}

/// Something that is wrong with what is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Its code.
    pub code: &'static str,
    /// Where: `apps/shop.yaml:7:3`, or `Application/shop`. Empty where it has no place.
    pub at: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Status {
    /// Whether what stands there now is what is declared: it can be read, and was taken in without a complaint.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.accepted.is_some() && self.failed.is_none() && self.complaints.is_empty()
    }
}

impl Complaint {
    /// A diagnostic by line and column of its file.
    #[must_use]
    pub fn of(wrong: &Diagnostic) -> Self {
        let source = wrong.source.as_ref();
        let place = source.zip(wrong.labels.first()).map(|(source, label)| {
            let (line, column) = source.position(label.span.start);
            format!("{}:{line}:{column}", source.name)
        });
        let at = place.or_else(|| source.map(|source| source.name.clone())).unwrap_or_default();
        Self { code: wrong.code.slug(), at, message: sentence(wrong) }
    }
}

/// What is wrong, and what would be right, in one line.
pub(super) fn sentence(wrong: &Diagnostic) -> String {
    let help = wrong.help.as_deref().map(|help| help.replace('\n', "; "));
    help.map_or_else(|| wrong.message.clone(), |help| format!("{}: {help}", wrong.message))
}

impl Standing {
    /// How it stands now.
    #[must_use]
    pub fn read(&self) -> Status {
        self.lock().clone()
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Status) -> T) -> T {
        change(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Status> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

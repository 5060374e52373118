//! Commits of earlier leaders that say records which this log has not: what a leader wrote that was lost before it was copied.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use periplus_git::Found;

/// What was found of them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Strays {
    /// So many records were there when this epoch began.
    records: u64,
    /// Their epochs and their records.
    found: Arc<Mutex<BTreeSet<(u64, u64)>>>,
}

impl Strays {
    /// None was found yet, of a log that has so many records before this epoch.
    #[must_use]
    pub fn new(records: u64) -> Self {
        Self { records, found: Arc::default() }
    }

    /// Who is told of commits.
    #[must_use]
    pub fn hears(&self) -> Found {
        let strays = self.clone();
        Arc::new(move |epoch, record| strays.hear(epoch, record))
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> usize {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn hear(&self, epoch: u64, record: u64) {
        // A leader that has just begun says the record that comes next.
        if record <= self.records {
            return;
        }
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.insert((epoch, record)) {
            tracing::warn!(
                epoch,
                record,
                records = self.records,
                "a commit was made of records that were never copied here: what is decided now is written over it"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_commit_of_records_that_are_not_here_counts_once() {
        let strays = Strays::new(103);
        let hears = strays.hears();
        for (epoch, record) in [(1, 7), (1, 103), (1, 104), (1, 110), (1, 104)] {
            hears(epoch, record);
        }
        assert_eq!(strays.count(), 2);
    }
}

//! What stands in the lease besides who leads, where replicas have folders of their own: which log is led by, and which
//! replicas have all of it that shows outside.
//!
//! Both are written together with the lease, so nobody can take it by what stood there before. A list that was sent and not
//! answered may stand there: whoever is in it counts as listed until a later one is known to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::coordination::v1::Lease;
use tokio::sync::watch;

/// The annotation that tells the log.
const LOG: &str = "periplus.dev/log";
/// The annotation that lists replicas, by the names in their `replica.json`.
const WHOLE: &str = "periplus.dev/whole";

/// What stands in a lease.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// What tells the log from others.
    pub log: Option<String>,
    /// Those who have all of it that shows. Nothing where effects wait for nobody: then anybody may lead who has a copy.
    pub whole: Option<BTreeSet<String>>,
}

/// Whether a replica may take a lease in which this stands; what stands there then, or why not.
pub type May = Arc<dyn Fn(&Marks) -> Result<Marks, String> + Send + Sync>;

/// What a leader wants to stand in the lease, and what may. Cheap to clone.
#[derive(Clone)]
pub struct Board(Arc<Shared>);

struct Shared {
    wanted: watch::Sender<Marks>,
    known: watch::Sender<Option<Marks>>,
    /// Everybody who may be listed.
    maybe: Mutex<BTreeSet<String>>,
}

impl Marks {
    pub(super) fn of(lease: &Lease) -> Self {
        let none = BTreeMap::new();
        let said = lease.metadata.annotations.as_ref().unwrap_or(&none);
        let list = |text: &String| {
            let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
            names.map(str::to_owned).collect()
        };
        Self { log: said.get(LOG).cloned(), whole: said.get(WHOLE).map(list) }
    }

    pub(super) fn put(&self, lease: &mut Lease) {
        let Self { log, whole } = self;
        let said = lease.metadata.annotations.get_or_insert_default();
        let whole = whole.as_ref().map(|names| names.iter().cloned().collect::<Vec<_>>().join(","));
        for (name, value) in [(LOG, log.clone()), (WHOLE, whole)] {
            match value {
                Some(value) => said.insert(name.to_owned(), value),
                None => said.remove(name),
            };
        }
    }
}

impl Default for Board {
    fn default() -> Self {
        let (wanted, known) = (watch::Sender::default(), watch::Sender::default());
        Self(Arc::new(Shared { wanted, known, maybe: Mutex::default() }))
    }
}

impl Board {
    /// This is to stand there from the next write on, which is now if the lease is ours.
    pub fn want(&self, marks: Marks) {
        self.0.wanted.send_if_modified(|wanted| {
            let is_new = *wanted != marks;
            *wanted = marks;
            is_new
        });
    }

    /// What is to stand there.
    #[must_use]
    pub fn wanted(&self) -> Marks {
        self.0.wanted.borrow().clone()
    }

    /// Everybody who may be listed in the lease at this moment.
    #[must_use]
    pub fn maybe(&self) -> BTreeSet<String> {
        self.0.maybe.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Is done once what is wanted now is known to stand there.
    pub async fn stands(&self) {
        let wanted = self.wanted();
        let mut known = self.0.known.subscribe();
        // The sender is ours.
        let _ = known.wait_for(|known| known.as_ref() == Some(&wanted)).await;
    }

    /// Is done when something else is wanted than when it was asked last.
    pub(super) fn changes(&self) -> watch::Receiver<Marks> {
        self.0.wanted.subscribe()
    }

    /// This is about to be written.
    pub(super) fn trying(&self, marks: &Marks) {
        let mut maybe = self.0.maybe.lock().unwrap_or_else(PoisonError::into_inner);
        maybe.extend(marks.whole.iter().flatten().cloned());
    }

    /// This stands there.
    pub(super) fn written(&self, marks: Marks) {
        *self.0.maybe.lock().unwrap_or_else(PoisonError::into_inner) =
            marks.whole.clone().unwrap_or_default();
        self.0.known.send_replace(Some(marks));
    }

    /// As if this had been written.
    #[cfg(test)]
    pub(crate) fn feign(&self) {
        let wanted = self.wanted();
        self.trying(&wanted);
        self.written(wanted);
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Board").field("wanted", &self.wanted()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(names: &[&str]) -> Marks {
        let whole = names.iter().map(|name| (*name).to_owned()).collect();
        Marks { log: Some("l".to_owned()), whole: Some(whole) }
    }

    #[test]
    fn marks_are_read_as_they_were_put_and_others_stay() {
        let mut lease = Lease::default();
        assert_eq!(Marks::of(&lease), Marks::default());
        let other = BTreeMap::from([("a/b".to_owned(), "c".to_owned())]);
        lease.metadata.annotations = Some(other.clone());
        for marks in [listed(&["x.1", "y.2"]), listed(&[]), Marks::default()] {
            marks.put(&mut lease);
            assert_eq!(Marks::of(&lease), marks);
        }
        assert_eq!(lease.metadata.annotations, Some(other));
    }

    #[test]
    fn a_list_that_nobody_answered_counts_until_a_later_one_is_known() {
        let board = Board::default();
        board.trying(&listed(&["a"]));
        board.written(listed(&["a"]));
        board.trying(&listed(&["a", "b"]));
        board.trying(&listed(&["a"]));
        assert!(board.maybe().contains("b"));
        board.written(listed(&["a"]));
        assert!(!board.maybe().contains("b"));
    }
}

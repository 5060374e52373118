//! How a standby's copy stands, for whoever asks: the election, whether it may lead by it, and people.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::options::Confirm;
use crate::leader::{Marks, May};

/// How a copy stands. Cheap to clone; all clones tell the same.
#[derive(Clone, Debug, Default)]
pub struct Standing(Arc<Mutex<Stands>>);

/// How a copy stands at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stands {
    /// Which folder it is in.
    pub replica: String,
    /// What tells its log from others; nothing where there is none.
    pub log: Option<String>,
    /// How many records it has.
    pub records: u64,
    /// With fewer than this it does for nobody.
    pub whole_from: u64,
    /// How many the leader had when it answered last; nothing before the first answer.
    pub end: Option<u64>,
    /// Why no replica gives a copy at this moment.
    pub trouble: Option<String>,
}

impl Standing {
    /// How it stands now.
    #[must_use]
    pub fn read(&self) -> Stands {
        self.lock().clone()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Stands)) {
        change(&mut self.lock());
    }

    /// What there is to say to who asks whether this one is ready.
    #[must_use]
    pub fn words(&self) -> String {
        let Stands { records, whole_from, end, trouble, .. } = self.read();
        let mut words = match end {
            Some(end) => format!("its copy has {records} of {end} records"),
            None => format!("its copy has {records} records, and no leader has been heard of yet"),
        };
        if records < whole_from {
            words.push_str(", with which nobody can go on");
        }
        if let Some(trouble) = trouble {
            words.push_str("; no replica gives it more: ");
            words.push_str(&trouble);
        }
        words
    }

    /// Tells the election whether this replica may lead. What it writes into the lease then is by how it keeps copies.
    #[must_use]
    pub fn may(&self, confirm: Confirm) -> May {
        let standing = self.clone();
        Arc::new(move |marks| standing.read().may(marks, confirm))
    }

    fn lock(&self) -> MutexGuard<'_, Stands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What there is to do for who has no other copy.
const LOST: &str = "If that one is lost, take the annotation periplus.dev/log from the lease";

impl Stands {
    fn may(&self, marks: &Marks, confirm: Confirm) -> Result<Marks, String> {
        let Self { replica, log, records, whole_from, .. } = self;
        if records < whole_from {
            return Err(format!(
                "its copy has {records} records, and needs {whole_from} to be gone on with"
            ));
        }
        match (&marks.log, log) {
            (Some(theirs), None) => {
                return Err(format!("it has no copy of the log {theirs} yet. {LOST}"));
            }
            (Some(theirs), Some(ours)) if theirs != ours => {
                let what = format!("the log in its folder is {ours}, and {theirs} is led by");
                return Err(format!("{what}. {LOST}"));
            }
            (Some(_) | None, _) => {}
        }
        if let Some(whole) = marks.whole.as_ref().filter(|whole| !whole.contains(replica)) {
            let names = whole.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(format!(
                "only {names} has all that shows outside. Start that one; or, if its disk is lost, take the annotation \
                 periplus.dev/whole from the lease: what only it had is lost then"
            ));
        }
        let whole = match confirm {
            Confirm::Async => None,
            Confirm::Sync | Confirm::Strict => Some(BTreeSet::from([replica.clone()])),
        };
        Ok(Marks { log: log.clone().or_else(|| marks.log.clone()), whole })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(log: Option<&str>, whole: Option<&[&str]>) -> Marks {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Marks { log: log.map(str::to_owned), whole: whole.map(names) }
    }

    #[test]
    fn nobody_leads_by_a_part_another_log_or_less_than_shows() {
        let whole = Stands {
            replica: "b.1".to_owned(),
            log: Some("l".to_owned()),
            records: 9,
            ..Stands::default()
        };
        let taken = |stands: &Stands, marks: Marks| stands.may(&marks, Confirm::Sync);
        let listed = marks(Some("l"), Some(&["b.1"]));
        assert_eq!(taken(&whole, listed.clone()), Ok(listed.clone()));
        assert_eq!(taken(&whole, marks(None, None)), Ok(listed.clone()));
        assert_eq!(taken(&whole, marks(Some("l"), Some(&["a.1", "b.1"]))), Ok(listed.clone()));
        assert_eq!(whole.may(&listed, Confirm::Async), Ok(marks(Some("l"), None)));

        let only = taken(&whole, marks(Some("l"), Some(&["a.1"]))).unwrap_err();
        assert!(only.contains("only a.1") && only.contains("periplus.dev/whole"), "{only}");
        let part = Stands { whole_from: 12, ..whole.clone() };
        assert!(taken(&part, marks(None, None)).unwrap_err().contains("needs 12"));
        let fresh = Stands { log: None, records: 0, ..whole.clone() };
        assert!(taken(&fresh, marks(Some("l"), None)).unwrap_err().contains("no copy"));
        assert_eq!(taken(&fresh, marks(None, None)), Ok(marks(None, Some(&["b.1"]))));
        let other = Stands { log: Some("m".to_owned()), ..whole };
        assert!(taken(&other, marks(Some("l"), None)).unwrap_err().contains("is m, and l"));
    }
}

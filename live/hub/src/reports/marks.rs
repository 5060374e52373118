//! Marks: up to where reports of each cluster were taken. They are kept over restarts, so that none is taken twice, ever.
//!
//! The disk is not waited for with each report: it says to where numbers may have been taken, some way ahead. After a restart
//! they go on behind that, and a reporter that is told so begins anew.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::signature::Mark;

/// Up to where reports were taken.
#[derive(Debug)]
pub(crate) struct Marks {
    file: PathBuf,
    known: Mutex<Known>,
    /// Held by who writes: up to which change the file has them. Those who come meanwhile are written together.
    written: Mutex<u64>,
}

#[derive(Debug)]
struct Known {
    taken: BTreeMap<String, Mark>,
    /// What the file says.
    kept: BTreeMap<String, Mark>,
    /// What it is to say.
    wanted: BTreeMap<String, Mark>,
    /// How often that was changed.
    changes: u64,
}

/// What comes of a report's mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// It is newer than all that were taken.
    New,
    /// It, or one that came after it, was taken already.
    Old {
        /// The last that was taken.
        taken: Mark,
    },
}

/// What it is called in the folder of a service.
const FILE: &str = "reports.json";
/// How many reports of a cluster are taken until the disk is waited for again.
const AHEAD: u64 = 256;

impl Marks {
    /// Reads what was kept in a folder.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let file = folder.join(FILE);
        let kept: BTreeMap<String, Mark> = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        let known = Known { taken: kept.clone(), wanted: kept.clone(), kept, changes: 0 };
        Ok(Self { file, known: Mutex::new(known), written: Mutex::new(0) })
    }

    /// Takes a report's mark, if it is new. It waits for the disk now and then.
    pub(crate) fn admit(&self, cluster: &str, mark: Mark) -> io::Result<Admitted> {
        let change = {
            let mut known = self.lock();
            if let Some(taken) = known.taken_since(cluster, mark) {
                return Ok(Admitted::Old { taken });
            }
            known.want(cluster, mark)
        };
        if let Some(change) = change {
            self.keep(change)?;
        }
        let mut known = self.lock();
        // Another may have come first while the disk was waited for.
        if let Some(taken) = known.taken_since(cluster, mark) {
            return Ok(Admitted::Old { taken });
        }
        known.taken.insert(cluster.to_owned(), mark);
        Ok(Admitted::New)
    }

    /// Has the disk say what is wanted, up to a change of it.
    fn keep(&self, change: u64) -> io::Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if *written >= change {
            return Ok(());
        }
        let (wanted, changes) = {
            let known = self.lock();
            (known.wanted.clone(), known.changes)
        };
        self.write(&wanted)?;
        *written = changes;
        self.lock().kept = wanted;
        Ok(())
    }

    fn write(&self, kept: &BTreeMap<String, Mark>) -> io::Result<()> {
        let new = self.file.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(kept)?)?;
        file.sync_all()?;
        fs::rename(&new, &self.file)?;
        File::open(self.file.parent().unwrap_or(Path::new(".")))?.sync_all()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// What was taken of a cluster, if this mark is not newer.
    fn taken_since(&self, cluster: &str, mark: Mark) -> Option<Mark> {
        self.taken.get(cluster).copied().filter(|taken| mark <= *taken)
    }

    /// Wants a mark to be kept, with some that will come after it. `None` if it is.
    fn want(&mut self, cluster: &str, mark: Mark) -> Option<u64> {
        if self.kept.get(cluster).is_some_and(|kept| mark <= *kept) {
            return None;
        }
        if self.wanted.get(cluster).is_none_or(|wanted| mark > *wanted) {
            let ahead = Mark { number: mark.number.saturating_add(AHEAD), ..mark };
            self.wanted.insert(cluster.to_owned(), ahead);
            self.changes += 1;
        }
        Some(self.changes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mark(epoch: u64, number: u64) -> Mark {
        Mark { epoch, number }
    }

    #[test]
    fn each_is_taken_once_and_none_that_came_before() {
        let folder = tempfile::tempdir().unwrap();
        let marks = Marks::open(folder.path()).unwrap();
        let old = |taken| Admitted::Old { taken };
        for (cluster, told, came) in [
            ("hill", mark(5, 0), Admitted::New),
            ("hill", mark(5, 0), old(mark(5, 0))),
            ("hill", mark(5, 7), Admitted::New),
            ("hill", mark(5, 6), old(mark(5, 7))),
            ("hill", mark(4, 99), old(mark(5, 7))),
            ("sea", mark(4, 99), Admitted::New),
            ("hill", mark(6, 0), Admitted::New),
        ] {
            assert_eq!(marks.admit(cluster, told).unwrap(), came, "{cluster} {told}");
        }
        let again = Marks::open(folder.path()).unwrap();
        assert_eq!(again.admit("hill", mark(6, 0)).unwrap(), old(mark(6, AHEAD)));
        assert_eq!(again.admit("hill", mark(7, 0)).unwrap(), Admitted::New);
        fs::write(&again.file, "[]").unwrap();
        assert!(Marks::open(folder.path()).is_err());
    }

    #[test]
    fn the_disk_is_waited_for_now_and_then_only() {
        let folder = tempfile::tempdir().unwrap();
        let marks = Marks::open(folder.path()).unwrap();
        assert_eq!(marks.admit("hill", mark(1, 0)).unwrap(), Admitted::New);
        fs::remove_file(&marks.file).unwrap();
        for number in 1..=AHEAD {
            assert_eq!(marks.admit("hill", mark(1, number)).unwrap(), Admitted::New);
            assert!(!marks.file.exists());
        }
        assert_eq!(marks.admit("hill", mark(1, AHEAD + 1)).unwrap(), Admitted::New);
        assert!(marks.file.exists());
        // What cannot be kept is not taken.
        fs::remove_dir_all(folder.path()).unwrap();
        assert!(marks.admit("hill", mark(2, 0)).is_err());
        assert_eq!(marks.admit("hill", mark(1, AHEAD + 2)).unwrap(), Admitted::New);
    }

    #[test]
    fn of_many_who_come_at_once_each_is_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        let marks = Marks::open(folder.path()).unwrap();
        let new = std::sync::atomic::AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for (cluster, epoch) in
                        (0..4).flat_map(|epoch| (0..20).map(move |one| (one, epoch)))
                    {
                        let name = format!("c{cluster}");
                        if marks.admit(&name, mark(epoch, 0)).unwrap() == Admitted::New {
                            new.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        let new = new.into_inner();
        // An epoch may be passed over, but none is taken twice.
        assert!((20..=80).contains(&new), "{new}");
        let again = Marks::open(folder.path()).unwrap();
        for cluster in 0..20 {
            let admitted = again.admit(&format!("c{cluster}"), mark(3, 0)).unwrap();
            assert_eq!(admitted, Admitted::Old { taken: mark(3, AHEAD) });
        }
    }

    proptest! {
        // The disk is waited for each time.
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn whatever_comes_and_whenever_it_stops_none_is_taken_twice(
            told in proptest::collection::vec((0..3_u64, 0..600_u64, prop::bool::weighted(0.1)), 1..60),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut marks = Marks::open(folder.path()).unwrap();
            let mut highest = None;
            for (epoch, number, stops) in told {
                if stops {
                    marks = Marks::open(folder.path()).unwrap();
                }
                let mark = mark(epoch, number);
                if marks.admit("hill", mark).unwrap() == Admitted::New {
                    prop_assert!(highest.is_none_or(|highest| mark > highest));
                    highest = Some(mark);
                }
            }
        }
    }
}

//! The names of a log's files, and what is in its folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use periplus_core::ids::Seq;

use crate::fault::{Fault, NotALog, io};

/// The end of the name of a file that is still being written.
pub(crate) const TEMPORARY: &str = ".tmp";

/// The name of the file whose lock the writer holds.
pub(crate) const LOCK: &str = "lock";

/// The kinds of files, by the number that stands in their headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Open = 1,
    Sealed = 2,
    Snapshot = 3,
    Beginning = 4,
}

/// The files of a log, by their positions.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) open: BTreeSet<Seq>,
    pub(crate) sealed: BTreeSet<Seq>,
    pub(crate) snapshots: BTreeSet<Seq>,
    pub(crate) beginnings: BTreeSet<Seq>,
    pub(crate) temporary: Vec<PathBuf>,
}

impl Kind {
    /// The name of the file of this kind at a position: 20 digits, so that names sort like positions.
    pub(crate) fn file_name(self, seq: Seq) -> String {
        let (before, after) = self.affixes();
        format!("{before}{:020}{after}", seq.0)
    }

    pub(crate) fn path(self, dir: &Path, seq: Seq) -> PathBuf {
        dir.join(self.file_name(seq))
    }

    fn affixes(self) -> (&'static str, &'static str) {
        match self {
            Self::Open => ("", ".seg"),
            Self::Sealed => ("", ".seg.zst"),
            Self::Snapshot => ("snapshot-", ".snap.zst"),
            Self::Beginning => ("beginning-", ".snap.zst"),
        }
    }

    /// The position in a name that [`file_name`](Self::file_name) made; none in any other.
    fn seq_in(self, name: &str) -> Option<Seq> {
        let (before, after) = self.affixes();
        let digits = name.strip_prefix(before)?.strip_suffix(after)?;
        let seq = Seq(digits.parse().ok()?);
        (self.file_name(seq) == name).then_some(seq)
    }
}

impl Listing {
    /// What is in the folder. Files with other names are left alone.
    pub(crate) fn read(dir: &Path) -> Result<Self, Fault> {
        let mut listing = Self::default();
        for entry in fs::read_dir(dir).map_err(io(dir, "list the folder"))? {
            let name = entry.map_err(io(dir, "list the folder"))?.file_name();
            if let Some(name) = name.to_str() {
                listing.add(dir, name);
            }
        }
        Ok(listing)
    }

    /// The first records of all segments, ascending.
    pub(crate) fn segments(&self) -> BTreeSet<Seq> {
        self.open.union(&self.sealed).copied().collect()
    }

    /// The first record of the first segment.
    pub(crate) fn first(&self, dir: &Path) -> Result<Seq, Fault> {
        let first = self.segments().first().copied();
        first.ok_or_else(|| Fault::NotALog { path: dir.to_owned(), what: NotALog::NoSegments })
    }

    /// The first record that is kept: what was before the newest beginning is no part of the log any more.
    pub(crate) fn begins(&self) -> Seq {
        self.beginnings.last().copied().unwrap_or(Seq(0))
    }

    /// The name of some file of a log, if there is one.
    pub(crate) fn any(&self) -> Option<String> {
        let families = [
            (Kind::Open, &self.open),
            (Kind::Sealed, &self.sealed),
            (Kind::Snapshot, &self.snapshots),
            (Kind::Beginning, &self.beginnings),
        ];
        let mut names = families
            .into_iter()
            .filter_map(|(kind, family)| Some(kind.file_name(*family.first()?)));
        names.next()
    }

    fn add(&mut self, dir: &Path, name: &str) {
        let (whole, is_temporary) = match name.strip_suffix(TEMPORARY) {
            Some(whole) => (whole, true),
            None => (name, false),
        };
        let families = [
            (Kind::Open, &mut self.open),
            (Kind::Sealed, &mut self.sealed),
            (Kind::Snapshot, &mut self.snapshots),
            (Kind::Beginning, &mut self.beginnings),
        ];
        for (kind, family) in families {
            match kind.seq_in(whole) {
                Some(_) if is_temporary => self.temporary.push(dir.join(name)),
                Some(seq) => drop(family.insert(seq)),
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_were_made_here_are_taken_for_files_of_a_log() {
        for kind in [Kind::Open, Kind::Sealed, Kind::Snapshot, Kind::Beginning] {
            for seq in [Seq(0), Seq(131_072), Seq(u64::MAX)] {
                assert_eq!(kind.seq_in(&kind.file_name(seq)), Some(seq));
            }
        }
        for name in [
            "7.seg",
            "+0000000000000000007.seg",
            "00000000000000000007.seg.gz",
            "99999999999999999999.seg",
            "snapshot-.snap.zst",
        ] {
            let mut listing = Listing::default();
            listing.add(Path::new(""), name);
            assert!(listing.segments().is_empty() && listing.snapshots.is_empty(), "{name}");
        }
    }
}

//! A file of a log whose head was read.

use std::fs::File;
use std::path::{Path, PathBuf};

use periplus_core::ids::Seq;

use crate::fault::Fault;
use crate::folder::Kind;
use crate::fs;
use crate::head::Head;

/// A file of a log: what it is was checked, what follows was not.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) path: PathBuf,
    pub(crate) head: Head,
    /// The length of the head.
    pub(crate) head_bytes: u64,
    /// Stands behind the head.
    pub(crate) file: File,
}

impl Opened {
    /// The file of this kind at a position, if there is one.
    pub(crate) fn open(dir: &Path, kind: Kind, seq: Seq) -> Result<Option<Self>, Fault> {
        let path = kind.path(dir, seq);
        let Some(mut file) = fs::open(&path)? else {
            return Ok(None);
        };
        let (head, head_bytes) = Head::read(&mut file, &path, kind, seq)?;
        Ok(Some(Self { path, head, head_bytes, file }))
    }

    /// The segment that begins with record `first`, if there is one. The sealed one is preferred: it got
    /// its name only once it was complete, and the open one beside it is what a crash left.
    pub(crate) fn segment(dir: &Path, first: Seq) -> Result<Option<Self>, Fault> {
        // A writer may seal it between the first two looks; sealed, it stays.
        for kind in [Kind::Sealed, Kind::Open, Kind::Sealed] {
            let opened = Self::open(dir, kind, first)?;
            if opened.is_some() {
                return Ok(opened);
            }
        }
        Ok(None)
    }
}

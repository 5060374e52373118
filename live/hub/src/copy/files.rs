//! The small files beside a log that a leader needs: what was declared, the numbers of sources, what was remembered, and up to where
//! reports were taken.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use xxhash_rust::xxh3::xxh3_128;

/// What was declared. It goes with the log: it does only for a log that has everything of the changes before its last one.
pub(super) const INTENTS: &str = "intents.json";
/// What only grows, or may be newer than the log.
pub(super) const OTHERS: [&str; 3] = ["sources.json", "remembered.json", REPORTS];
/// Up to where reports of clusters were taken: it is written beside the desk, and before what was reported becomes a record.
pub(super) const REPORTS: &str = "reports.json";

/// What stands where a file would be: the state that a copy begins with, where older records are kept no more.
pub(super) const BEGINNING: &str = "beginning";

/// What tells a file's content from another; nothing where there is none.
pub(super) fn tag(content: Option<&[u8]>) -> String {
    content.map(|bytes| format!("{:032x}", xxh3_128(bytes))).unwrap_or_default()
}

/// A file's content, if it is there.
pub(super) fn read(folder: &Path, name: &str) -> io::Result<Option<Vec<u8>>> {
    match fs::read(folder.join(name)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a file as a whole or not at all, and waits for the disk.
pub(super) fn write(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let path = folder.join(name);
    let draft = path.with_extension("copy");
    let mut file = File::create(&draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&draft, &path)?;
    sync(folder)
}

/// Waits until the disk has the names in a folder.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

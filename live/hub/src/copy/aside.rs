//! A log that has records that the leader has not: it is set aside, with the files that it goes with, and never deleted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::files::{self, INTENTS, OTHERS};
use super::replica::FILE;
use crate::desk::Desk;

/// The folder of what was set aside, in the folder of a service.
const PARTED: &str = "parted";
/// So many of the same name are told apart.
const SAME_MAX: u32 = 1_000;

/// Sets the log of a service aside, whose records from `from` to before `end` nobody else has; they are of an epoch. Where there
/// are none, it is too old to be gone on with. Gives where it is then.
pub(super) fn set_aside(folder: &Path, epoch: u64, from: u64, end: u64) -> io::Result<PathBuf> {
    let name = match end.checked_sub(1).filter(|last| *last >= from) {
        Some(last) => format!("epoch-{epoch}-records-{from}-to-{last}"),
        None => format!("epoch-{epoch}-before-record-{end}"),
    };
    let aside = (1..=SAME_MAX)
        .map(|turn| if turn == 1 { name.clone() } else { format!("{name}-{turn}") })
        .map(|name| folder.join(PARTED).join(name))
        .find(|aside| !Desk::log(aside).exists())
        .ok_or_else(|| io::Error::other("too many logs of the same name were set aside"))?;
    fs::create_dir_all(&aside)?;
    for name in OTHERS.into_iter().chain([INTENTS, FILE]) {
        if let Some(content) = files::read(folder, name)? {
            files::write(&aside, name, &content)?;
        }
    }
    files::sync(&folder.join(PARTED))?;
    fs::rename(Desk::log(folder), Desk::log(&aside))?;
    files::sync(&aside)?;
    files::sync(folder)?;
    Ok(aside)
}

//! Files and folders that survive a crash: written under another name first, and the lock of a log.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::fault::{Fault, io};
use crate::folder::{LOCK, TEMPORARY};
use crate::options::Fsync;

/// A file that gets its name only once it is complete.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(crate) file: File,
    /// Where it is until then.
    pub(crate) temporary: PathBuf,
    path: PathBuf,
}

impl Staged {
    /// Begins the file that will be `path`. What a crash left of an earlier attempt is overwritten.
    pub(crate) fn create(path: PathBuf) -> Result<Self, Fault> {
        let mut temporary = path.clone().into_os_string();
        temporary.push(TEMPORARY);
        let temporary = PathBuf::from(temporary);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(true);
        let file = options.open(&temporary).map_err(io(&temporary, "create the file"))?;
        Ok(Self { file, temporary, path })
    }

    /// Gives the file its name: bytes first, then the name, so that no crash leaves a name without them.
    pub(crate) fn commit(self, fsync: Fsync) -> Result<File, Fault> {
        let Self { file, temporary, path } = self;
        if fsync.is_durable() {
            let synced = file.sync_all();
            synced.map_err(io(&temporary, "write to the disk"))?;
        }
        fs::rename(&temporary, &path).map_err(io(&temporary, "rename the file"))?;
        if let Some(dir) = path.parent().filter(|_| fsync.is_durable()) {
            sync_dir(dir)?;
        }
        Ok(file)
    }
}

/// Creates a folder and those above it.
pub(crate) fn create_dir(dir: &Path, fsync: Fsync) -> Result<(), Fault> {
    fs::create_dir_all(dir).map_err(io(dir, "create the folder"))?;
    match dir.parent() {
        Some(parent) if fsync.is_durable() && parent.is_dir() => sync_dir(parent),
        Some(_) | None => Ok(()),
    }
}

/// Waits until the disk has the names in a folder. Other systems than Unix offer nothing for it.
fn sync_dir(dir: &Path) -> Result<(), Fault> {
    if cfg!(unix) {
        let synced = File::open(dir).and_then(|dir| dir.sync_all());
        synced.map_err(io(dir, "write the folder to the disk"))?;
    }
    Ok(())
}

/// The file, if it is there.
pub(crate) fn open(path: &Path) -> Result<Option<File>, Fault> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io(path, "open the file")(error)),
    }
}

/// Removes a file.
pub(crate) fn remove(path: &Path) -> Result<(), Fault> {
    fs::remove_file(path).map_err(io(path, "remove the file"))
}

/// Whether a process holds the lock of a log at this moment. Where there is no log, nobody does.
///
/// # Errors
/// [`Fault::Io`].
pub fn is_held(dir: &Path) -> Result<bool, Fault> {
    if !dir.is_dir() {
        return Ok(false);
    }
    match Lock::take(dir) {
        Ok(_) => Ok(false),
        Err(Fault::Locked { .. }) => Ok(true),
        Err(fault) => Err(fault),
    }
}

/// The right to write a log, until it is dropped or the process ends. The file itself stays.
#[derive(Debug)]
pub(crate) struct Lock {
    _held: File,
}

impl Lock {
    pub(crate) fn take(dir: &Path) -> Result<Self, Fault> {
        let path = dir.join(LOCK);
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(io(&path, "open the lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _held: file }),
            Err(TryLockError::WouldBlock) => Err(Fault::Locked { file: path }),
            Err(TryLockError::Error(error)) => Err(io(&path, "lock the log")(error)),
        }
    }
}

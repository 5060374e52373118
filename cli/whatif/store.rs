//! Where a study's runs are kept: whole or not at all, so that whoever is killed leaves no half of one.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

use crate::failure::Failure;

/// Where things are kept by name.
pub(crate) trait Store: Sync {
    /// What is kept under a name.
    ///
    /// # Errors
    /// It cannot be read.
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Failure>;

    /// Keeps something under a name. Doing that twice changes nothing.
    ///
    /// # Errors
    /// It cannot be kept.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Failure>;

    /// What people call the place of a name.
    fn told(&self, name: &str) -> String;
}

/// A folder.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// The folder at a path, which is made if it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn open(path: PathBuf) -> Result<Self, Failure> {
        std::fs::create_dir_all(&path).map_err(|error| Failure::io("make", &path, &error))?;
        Ok(Self(path))
    }
}

impl Store for Folder {
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let path = self.0.join(name);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::io("read", &path, &error)),
        }
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let path = self.0.join(name);
        let staged = self.0.join(format!("{name}.{}.part", std::process::id()));
        let written = File::create(&staged).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        let kept = written.and_then(|()| std::fs::rename(&staged, &path));
        kept.map_err(|error| Failure::io("write", &path, &error))
    }

    fn told(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

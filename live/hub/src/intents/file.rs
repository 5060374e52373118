//! The file in which intents are kept: written as a whole, before the machine is told.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use periplus_spec::Bundle;
use periplus_spec::diagnostic::Diagnostic;
use serde::{Deserialize, Serialize};

use super::Intents;

/// The file in which intents are kept.
#[derive(Clone, Debug)]
pub struct IntentsFile {
    path: PathBuf,
}

/// Why intents could not be kept or found again.
#[derive(Debug, thiserror::Error)]
pub enum KeepFault {
    /// The file cannot be read or written.
    #[error("{} cannot be used: {error}. Give the service a folder of its own that it may write to.", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// It holds something else.
    #[error("{} is not what was written: {why}. Restore it from a backup that is as old as the log.", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// It was written by a version that knew more, or less.
    #[error("what {} holds is not valid for this version", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        diagnostics: Vec<Diagnostic>,
    },
}

/// What stands in it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    version: u32,
    documents: Vec<serde_json::Value>,
    tables: BTreeMap<String, String>,
}

/// The version of what stands in it.
const VERSION: u32 = 1;

impl IntentsFile {
    /// The file in the folder of a service.
    #[must_use]
    pub fn below(folder: &Path) -> Self {
        Self { path: folder.join("intents.json") }
    }

    /// What was kept last; nothing before the first time.
    ///
    /// # Errors
    /// It cannot be read, or is not what was written.
    pub fn read(&self) -> Result<Option<Intents>, KeepFault> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io(error)),
        };
        let path = self.path.clone();
        let damaged = |why: String| KeepFault::Damaged { path: path.clone(), why };
        let kept: Kept =
            serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if kept.version != VERSION {
            return Err(damaged(format!("it is of version {}, not {VERSION}", kept.version)));
        }
        let bundle = Bundle::from_json(&kept.documents, kept.tables);
        bundle
            .and_then(Intents::of)
            .map(Some)
            .map_err(|diagnostics| KeepFault::Invalid { path: path.clone(), diagnostics })
    }

    /// Keeps them, as a whole or not at all.
    ///
    /// # Errors
    /// It cannot be written; what was kept before is still there.
    pub fn write(&self, intents: &Intents) -> Result<(), KeepFault> {
        let bundle = intents.bundle();
        let kept =
            Kept { version: VERSION, documents: bundle.to_json(), tables: bundle.tables.clone() };
        let text = serde_json::to_vec(&kept).map_err(|error| self.io(error.into()))?;
        let draft = self.path.with_extension("draft");
        let write = || {
            let mut file = File::create(&draft)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&draft, &self.path)?;
            match self.path.parent() {
                Some(folder) => File::open(folder)?.sync_all(),
                None => Ok(()),
            }
        };
        write().map_err(|error| self.io(error))
    }

    fn io(&self, error: std::io::Error) -> KeepFault {
        KeepFault::Io { path: self.path.clone(), error }
    }
}

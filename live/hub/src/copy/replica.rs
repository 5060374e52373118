//! What a replica keeps about its own folder: which one it is, whose records are in its log, and whether it does for a leader.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::epochs::Epochs;
use super::files;

/// What is kept about a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Replica {
    /// Which folder it is: no other was ever called so, also one that is made anew for the same replica.
    pub id: String,
    /// Whose records are in the log.
    pub epochs: Epochs,
    /// With fewer records than this the copy is only a part: nobody can go on with it.
    pub whole_from: u64,
}

/// The file in which it stands.
#[derive(Clone, Debug)]
pub struct ReplicaFile {
    folder: PathBuf,
}

/// Its name.
pub(super) const FILE: &str = "replica.json";

impl ReplicaFile {
    /// The file in the folder of a service.
    #[must_use]
    pub fn below(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// What is kept for the replica of this name. A folder that was copied from another replica's becomes another one.
    ///
    /// # Errors
    /// The file cannot be read or written, or holds something else.
    pub fn open(&self, name: &str) -> io::Result<Replica> {
        let kept: Replica = match files::read(&self.folder, FILE)? {
            Some(bytes) => serde_json::from_slice(&bytes)?,
            None => Replica::default(),
        };
        let is_ours = kept.id.rsplit_once('.').is_some_and(|(whose, _)| whose == plain(name));
        if is_ours {
            return Ok(kept);
        }
        let unique = RandomState::new().hash_one(std::process::id());
        let named = Replica { id: format!("{}.{unique:016x}", plain(name)), ..kept };
        self.write(&named)?;
        Ok(named)
    }

    /// Keeps it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, replica: &Replica) -> io::Result<()> {
        files::write(&self.folder, FILE, &serde_json::to_vec(replica)?)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }
}

/// A name that can stand in a list.
fn plain(name: &str) -> String {
    let is_plain = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '.' | '_');
    name.chars().map(|sign| if is_plain(sign) { sign } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_its_name_and_a_copy_of_it_gets_another() {
        let folder = tempfile::tempdir().unwrap();
        let file = ReplicaFile::below(folder.path());
        let first = file.open("hub-0").unwrap();
        assert!(first.id.starts_with("hub-0."), "{}", first.id);
        let mut grown = first;
        grown.epochs.begin(3, 7);
        file.write(&grown).unwrap();
        assert_eq!(file.open("hub-0").unwrap(), grown);
        let other = file.open("hub 1,").unwrap();
        assert!(other.id.starts_with("hub-1-.") && other.epochs == grown.epochs, "{}", other.id);
    }
}

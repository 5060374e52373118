//! Where a study is kept: whole or not at all, so that whoever is killed leaves no half of anything.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use crate::failure::Failure;

/// Where things are kept by name. A name is a path with forward slashes, as in `runs/1.json`.
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

    /// Begins something that need not fit into memory. Nobody sees it under its name before it is kept.
    ///
    /// # Errors
    /// There is no room to write it to.
    fn stage(&self, name: &str) -> Result<Staged, Failure>;

    /// Keeps what was staged.
    ///
    /// # Errors
    /// It cannot be kept.
    fn keep(&self, staged: Staged) -> Result<(), Failure>;

    /// What people call the place of a name.
    fn told(&self, name: &str) -> String;
}

/// Something on its way into a store.
pub(crate) struct Staged {
    pub(crate) name: String,
    pub(crate) file: File,
    /// Where the file is, if it is to be moved into place; it goes when it was not.
    path: Option<TempPath>,
}

/// A folder.
pub(crate) struct Folder(PathBuf);

impl Staged {
    /// What is written into a file without a name, which goes with the process.
    #[cfg(feature = "objects")]
    pub(crate) fn nameless(name: &str) -> std::io::Result<Self> {
        Ok(Self { name: name.into(), file: tempfile::tempfile()?, path: None })
    }
}

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl Folder {
    /// The folder at a path, which is made if it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn open(path: PathBuf) -> Result<Self, Failure> {
        std::fs::create_dir_all(&path).map_err(|error| Failure::io("make", &path, &error))?;
        Ok(Self(path))
    }

    /// A file beside the place of a name. Machines that share the folder never write to the same one.
    fn beside(path: &Path) -> std::io::Result<(File, TempPath)> {
        let folder = path.parent().unwrap_or(Path::new(""));
        std::fs::create_dir_all(folder)?;
        let start = path.file_name().unwrap_or_default().to_string_lossy();
        let mut builder = tempfile::Builder::new();
        builder.suffix(".part");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // As any other new file: who shares the folder may read it.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let staged = builder.prefix(&format!("{start}.")).tempfile_in(folder)?;
        Ok(staged.into_parts())
    }

    fn moved(file: &File, staged: TempPath, path: &Path) -> std::io::Result<()> {
        file.sync_all()?;
        staged.persist(path).map_err(|error| error.error)
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
        let kept = Self::beside(&path).and_then(|(mut file, staged)| {
            file.write_all(bytes)?;
            Self::moved(&file, staged, &path)
        });
        kept.map_err(|error| Failure::io("write", &path, &error))
    }

    fn stage(&self, name: &str) -> Result<Staged, Failure> {
        let path = self.0.join(name);
        let (file, staged) =
            Self::beside(&path).map_err(|error| Failure::io("write", &path, &error))?;
        Ok(Staged { name: name.into(), file, path: Some(staged) })
    }

    fn keep(&self, staged: Staged) -> Result<(), Failure> {
        let path = self.0.join(&staged.name);
        let Staged { file, path: staged, .. } = staged;
        let staged = staged.expect("a folder stages files with a name");
        Self::moved(&file, staged, &path).map_err(|error| Failure::io("write", &path, &error))
    }

    fn told(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_kept_is_not_there() {
        let dir = tempfile::TempDir::new().unwrap();
        let folder = Folder::open(dir.path().join("study")).unwrap();
        let mut staged = folder.stage("parts/one").unwrap();
        staged.write_all(b"half").unwrap();
        assert_eq!(folder.get("parts/one").unwrap(), None);
        drop(staged);
        assert_eq!(std::fs::read_dir(dir.path().join("study/parts")).unwrap().count(), 0);
        let mut staged = folder.stage("parts/one").unwrap();
        staged.write_all(b"whole").unwrap();
        folder.keep(staged).unwrap();
        assert_eq!(folder.get("parts/one").unwrap().as_deref(), Some(&b"whole"[..]));
        folder.put("parts/one", b"other").unwrap();
        assert_eq!(folder.get("parts/one").unwrap().as_deref(), Some(&b"other"[..]));
        assert_eq!(std::fs::read_dir(dir.path().join("study/parts")).unwrap().count(), 1);
    }
}

//! Sources: the numbers under which the machine knows who measures demand. They are kept over restarts, because batches of
//! one source are ordered among themselves for ever.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use periplus_core::input::SourceId;

/// What it is called in the folder of a service.
pub(super) const FILE: &str = "sources.json";

/// The numbers of sources by name, and the file that holds them.
#[derive(Clone, Debug)]
pub(super) struct Sources {
    file: PathBuf,
    numbers: BTreeMap<String, SourceId>,
}

impl Sources {
    /// Reads the numbers that were given in a folder before.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let file = folder.join(FILE);
        let names: Vec<String> = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let numbers = names.into_iter().zip((0..=u16::MAX).map(SourceId)).collect();
        Ok(Self { file, numbers })
    }

    /// The number of a source. It gets one when it is first heard of, which is on the disk before the machine hears of it.
    /// `None` if all are given.
    pub(super) fn number(&mut self, name: &str) -> io::Result<Option<SourceId>> {
        if let Some(number) = self.numbers.get(name) {
            return Ok(Some(*number));
        }
        let Ok(next) = u16::try_from(self.numbers.len()) else { return Ok(None) };
        self.numbers.insert(name.to_owned(), SourceId(next));
        self.write()?;
        Ok(Some(SourceId(next)))
    }

    fn write(&self) -> io::Result<()> {
        let mut names: Vec<(&SourceId, &String)> =
            self.numbers.iter().map(|(name, number)| (number, name)).collect();
        names.sort();
        let names: Vec<&String> = names.into_iter().map(|(_, name)| name).collect();
        let new = self.file.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(&names)?)?;
        file.sync_all()?;
        fs::rename(&new, &self.file)?;
        File::open(self.file.parent().unwrap_or(Path::new(".")))?.sync_all()
    }

    /// How many have a number.
    pub(super) fn count(&self) -> usize {
        self.numbers.len()
    }

    /// The file.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_whoever_is_heard_first() {
        let folder = tempfile::tempdir().unwrap();
        let mut sources = Sources::open(folder.path()).unwrap();
        for (name, number) in [("edge", 0), ("cdn", 1), ("edge", 0)] {
            assert_eq!(sources.number(name).unwrap(), Some(SourceId(number)));
        }
        let mut again = Sources::open(folder.path()).unwrap();
        for (name, number) in [("new", 2), ("cdn", 1), ("edge", 0)] {
            assert_eq!(again.number(name).unwrap(), Some(SourceId(number)));
        }
        fs::write(again.file(), "{}").unwrap();
        assert!(Sources::open(folder.path()).is_err());
    }
}

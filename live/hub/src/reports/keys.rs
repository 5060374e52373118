//! Keys: in a folder, a file for each cluster, called as it is; in it, a line for each key that is valid.
//!
//! They are read anew for each request, so a key is changed without a restart: the new one is added as a second line, the cluster
//! is told, and the old one is removed.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use periplus_spec::values::Name;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

/// A key. It must not be shown, so it cannot be.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Key(Vec<u8>);

/// A folder of keys.
#[derive(Debug)]
pub(crate) struct KeyFolder {
    folder: PathBuf,
    /// What was said to be wrong with files: it is said once.
    told: Mutex<BTreeMap<String, String>>,
}

/// What is shorter can be guessed.
const KEY_BYTES_MIN: usize = 32;
/// The one that is, and the one that comes.
const KEYS_MAX: usize = 2;
const FILE_BYTES_MAX: u64 = 4 << 10;

impl Key {
    /// A key of these bytes; `None` if there are too few.
    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() >= KEY_BYTES_MIN).then(|| Self(bytes.to_owned()))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Key")
    }
}

impl KeyFolder {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, told: Mutex::default() }
    }

    /// The keys by which a cluster is known; none if nobody may speak for it.
    pub(crate) async fn of(&self, cluster: &str) -> Vec<Key> {
        let Some(path) = self.path(cluster) else { return Vec::new() };
        match read(&path).await {
            Ok(keys) => {
                self.told.lock().unwrap_or_else(PoisonError::into_inner).remove(cluster);
                keys
            }
            Err(why) => {
                self.tell(cluster, &path, why);
                Vec::new()
            }
        }
    }

    /// Whether there is a file for a cluster.
    pub(crate) fn has(&self, cluster: &str) -> bool {
        self.path(cluster).is_some_and(|path| path.is_file())
    }

    /// Where its keys are; `None` for what no cluster is called, and what would lead elsewhere.
    fn path(&self, cluster: &str) -> Option<PathBuf> {
        cluster.parse::<Name>().ok().map(|_| self.folder.join(cluster))
    }

    fn tell(&self, cluster: &str, path: &Path, why: String) {
        // Anybody may ask for what is not there.
        if !path.is_file() {
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.get(cluster) != Some(&why) {
            tracing::warn!(cluster, "{}: {why}; nobody can speak for it", path.display());
            told.insert(cluster.to_owned(), why);
        }
    }
}

/// Reads the keys of a file.
pub(crate) async fn read(path: &Path) -> Result<Vec<Key>, String> {
    let mut text = Vec::new();
    let file = File::open(path).await.map_err(|error| error.to_string())?;
    let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text).await;
    read.map_err(|error| error.to_string())?;
    keys(&text)
}

/// What is wrong with a file of keys.
pub(crate) fn fault(path: &Path) -> Option<String> {
    let read = std::fs::read(path).map_err(|error| error.to_string());
    read.and_then(|text| keys(&text)).err()
}

fn keys(text: &[u8]) -> Result<Vec<Key>, String> {
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("it is longer than {FILE_BYTES_MAX} bytes"));
    }
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let lines: Vec<&[u8]> = lines.filter(|line| !line.is_empty()).collect();
    if lines.len() > KEYS_MAX {
        return Err(format!("{} keys are more than {KEYS_MAX}", lines.len()));
    }
    let keys = lines.into_iter().map(|line| {
        let short =
            || format!("a key of {} characters is shorter than {KEY_BYTES_MIN}", line.len());
        Key::new(line).ok_or_else(short)
    });
    let keys: Vec<Key> = keys.collect::<Result<_, _>>()?;
    if keys.is_empty() { Err("it is empty".to_owned()) } else { Ok(keys) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_file_has_one_key_or_two() {
        let counted = |text: &str| keys(text.as_bytes()).map(|keys| keys.len());
        assert_eq!(counted(LONG), Ok(1));
        assert_eq!(counted(&format!("  {LONG} \r\n\n{LONG}2\n")), Ok(2));
        for wrong in ["", "\n", "short", &format!("{LONG}\nshort"), &[LONG; 3].join("\n")] {
            assert!(counted(wrong).is_err(), "{wrong}");
        }
        assert!(counted(&"x".repeat(5_000)).is_err());
        assert_eq!(format!("{:?}", keys(LONG.as_bytes()).unwrap()), "[Key]");
    }

    #[tokio::test]
    async fn keys_are_what_the_file_of_a_cluster_says_now() {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyFolder::new(folder.path().join("keys"));
        std::fs::create_dir(folder.path().join("keys")).unwrap();
        std::fs::write(folder.path().join("secret"), LONG).unwrap();
        assert!(keys.of("edge").await.is_empty() && !keys.has("edge"));
        std::fs::write(folder.path().join("keys/edge"), format!("{LONG}\n")).unwrap();
        assert_eq!((keys.of("edge").await.len(), keys.has("edge")), (1, true));
        std::fs::write(folder.path().join("keys/edge"), format!("{LONG}\n{LONG}2\n")).unwrap();
        assert_eq!(keys.of("edge").await.len(), 2);
        std::fs::write(folder.path().join("keys/edge"), "short").unwrap();
        assert!(keys.of("edge").await.is_empty());
        for elsewhere in ["../secret", "/etc/passwd", "", ".", "..", "edge/", "EDGE"] {
            assert!(keys.of(elsewhere).await.is_empty() && !keys.has(elsewhere), "{elsewhere}");
        }
    }
}

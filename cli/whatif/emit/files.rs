//! The files of a scenario, as they are to lie elsewhere: each where it lies here, from the deepest folder that
//! has them all.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value};

use super::yaml::map;
use crate::failure::Failure;
use crate::render::grouped;

/// What a `ConfigMap` may hold: <https://kubernetes.io/docs/concepts/configuration/configmap/>.
const CONFIG_MAP_BYTES_MAX: usize = 1 << 20;

/// A scenario's files.
pub(super) struct Files {
    /// Where the scenario lies, from the folder that has all files.
    pub(super) scenario: String,
    files: Vec<File>,
}

struct File {
    /// Its name in a flat list.
    key: String,
    /// Where it lies, from the folder that has all files.
    path: String,
    full: PathBuf,
}

impl Files {
    /// The files that were read for a scenario.
    ///
    /// # Errors
    /// Their folder cannot be found any more, or has a name that is no text.
    pub(super) fn new(scenario: &Path, read: &BTreeSet<PathBuf>) -> Result<Self, Failure> {
        let parent = scenario.parent().unwrap_or(Path::new(""));
        let here = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        let home = here.canonicalize().map_err(|error| Failure::io("find", here, &error))?;
        let places = read.iter().map(|full| {
            let path =
                full.strip_prefix(parent).expect("files are named from the scenario's folder");
            (full, joined(&home, path))
        });
        let places: Vec<(&PathBuf, PathBuf)> = places.collect();
        let common = places.iter().fold(home.clone(), |common, (_, place)| shared(&common, place));
        let mut files: Vec<File> = Vec::new();
        for (full, place) in &places {
            let path = named(place, &common)?;
            let key = key_of(&path, &files);
            files.push(File { key, path, full: (*full).clone() });
        }
        let name = Path::new(scenario.file_name().unwrap_or_default());
        Ok(Self { scenario: named(&home.join(name), &common)?, files })
    }

    /// A log's folder, which lies on a volume under its own name.
    ///
    /// # Errors
    /// It cannot be found any more, or has a name that is no text.
    pub(super) fn of_log(log: &Path) -> Result<Self, Failure> {
        let full = log.canonicalize().map_err(|error| Failure::io("find", log, &error))?;
        let above = full.parent().unwrap_or(Path::new("/"));
        Ok(Self { scenario: named(&full, above)?, files: Vec::new() })
    }

    /// The fields of a `ConfigMap` that holds all files.
    ///
    /// # Errors
    /// They are too large together, or cannot be read.
    pub(super) fn data(&self) -> Result<Value, Failure> {
        let mut data = Map::new();
        let mut bytes = 0;
        for file in &self.files {
            let text = std::fs::read_to_string(&file.full);
            let text = text.map_err(|error| Failure::io("read", &file.full, &error))?;
            bytes += file.key.len() + text.len();
            data.insert(file.key.clone(), text.into());
        }
        if bytes > CONFIG_MAP_BYTES_MAX {
            return Err(Failure::Usage {
                message: format!(
                    "the scenario's files have {} bytes together; a ConfigMap holds {}",
                    grouped(bytes as u64),
                    grouped(CONFIG_MAP_BYTES_MAX as u64)
                ),
                hint: format!(
                    "put them on a volume, with {} in it, and name its claim with `--scenario-claim`",
                    self.scenario
                ),
            });
        }
        Ok(Value::Object(data))
    }

    /// Where each entry of that `ConfigMap` goes.
    pub(super) fn items(&self) -> Value {
        let item = |file: &File| {
            map([("key", file.key.as_str().into()), ("path", file.path.as_str().into())])
        };
        Value::Array(self.files.iter().map(item).collect())
    }
}

/// A path without detours from a folder without links.
fn joined(folder: &Path, path: &Path) -> PathBuf {
    path.components().fold(folder.to_owned(), |mut joined, component| {
        match component {
            Component::ParentDir => drop(joined.pop()),
            Component::CurDir => {}
            Component::Normal(name) => joined.push(name),
            Component::RootDir | Component::Prefix(_) => joined = component.as_os_str().into(),
        }
        joined
    })
}

/// The deepest folder that a folder and a file have in common.
fn shared(folder: &Path, file: &Path) -> PathBuf {
    let inside = file.parent().unwrap_or(Path::new(""));
    let both = folder.components().zip(inside.components());
    both.take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
}

fn named(place: &Path, common: &Path) -> Result<String, Failure> {
    let path = place.strip_prefix(common).expect("it lies in what all have in common");
    path.to_str().map(str::to_owned).ok_or_else(|| Failure::Usage {
        message: format!("{} has a name that is no text", path.display()),
        hint: "rename it".into(),
    })
}

/// A key that no other file has: <https://kubernetes.io/docs/concepts/configuration/configmap/> says of what.
fn key_of(path: &str, others: &[File]) -> String {
    let fit = |letter: char| match letter {
        '/' => '.',
        letter if letter.is_ascii_alphanumeric() || "-_.".contains(letter) => letter,
        _ => '-',
    };
    let plain: String = path.chars().map(fit).collect();
    let taken = |key: &String| others.iter().any(|other| other.key == *key);
    let more = (2..).map(|number| format!("{plain}-{number}"));
    let mut keys = std::iter::once(plain.clone()).chain(more);
    keys.find(|key| !taken(key)).expect("there is always one more number")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid(scenario: &str, read: &[&str]) -> (String, String, Vec<String>) {
        let dir = tempfile::TempDir::new().unwrap();
        let scenario = dir.path().join(scenario);
        std::fs::create_dir_all(scenario.parent().unwrap()).unwrap();
        let read = read.iter().map(|path| scenario.parent().unwrap().join(path)).collect();
        let files = Files::new(&scenario, &read).unwrap();
        let paths = files.files.iter().map(|file| format!("{} {}", file.key, file.path));
        (files.scenario.clone(), files.items().to_string(), paths.collect())
    }

    #[test]
    fn files_keep_their_places_from_the_deepest_folder_that_has_them_all() {
        let (scenario, _, files) = laid("a/s.yaml", &["s.yaml", "data/x.csv"]);
        assert_eq!(scenario, "s.yaml");
        assert_eq!(files, ["data.x.csv data/x.csv", "s.yaml s.yaml"]);
        let (scenario, _, files) =
            laid("a/b/s.yaml", &["s.yaml", "../../data/x.csv", "../b/fleet.yaml"]);
        assert_eq!(scenario, "a/b/s.yaml");
        assert_eq!(
            files,
            ["data.x.csv data/x.csv", "a.b.fleet.yaml a/b/fleet.yaml", "a.b.s.yaml a/b/s.yaml"]
        );
    }

    #[test]
    fn keys_are_fit_and_different() {
        let (_, items, files) = laid("s.yaml", &["a/b.csv", "a.b.csv", "ä b.csv"]);
        assert_eq!(files, ["a.b.csv a/b.csv", "a.b.csv-2 a.b.csv", "--b.csv ä b.csv"]);
        assert!(items.contains(r#"{"key":"--b.csv","path":"ä b.csv"}"#), "{items}");
    }
}

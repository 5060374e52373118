//! The sources of a log: the files that it was made from, kept in its folder, so that a log alone can be asked what
//! would have been.
//!
//! They stand in `sources/` as they stood beside each other, with an index that names the scenario among them. What
//! reads a log passes over them; without them it still verifies, folds and explains.

use std::path::{Component, Path, PathBuf};

use periplus_spec::Loaded;
use periplus_spec::scenario::Scenario;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::failure::Failure;

/// The folder of the sources in the folder of a log.
const SOURCES: &str = "sources";
const INDEX: &str = "index.json";

/// The version of the index.
const VERSION: u16 = 1;

/// The name of a folder that stands for one which is not kept, only files above it.
const WITHIN: &str = "in";

/// What the sources are.
#[derive(Debug, Serialize, Deserialize)]
struct Index {
    version: u16,
    /// The scenario's file, from the folder of the sources.
    scenario: PathBuf,
    /// The seed that the run was made with.
    seed: u64,
}

/// The sources of a log.
#[derive(Debug)]
pub(crate) struct Sources {
    pub(crate) scenario: PathBuf,
    pub(crate) seed: u64,
    grown: Option<TempDir>,
}

/// Keeps the files of a scenario in the folder of its log.
///
/// # Errors
/// A file cannot be read or written.
pub(crate) fn keep(log: &Path, path: &Path, loaded: &Loaded) -> Result<(), Failure> {
    let root = path.parent().unwrap_or(Path::new(""));
    let names: Vec<PathBuf> =
        loaded.files.iter().map(|file| file.strip_prefix(root).unwrap_or(file).into()).collect();
    // As many folders as the files that lie highest are above the scenario's own.
    let above =
        |name: &PathBuf| name.components().take_while(|part| *part == Component::ParentDir).count();
    let depth = names.iter().map(above).max().unwrap_or(0);
    let within: PathBuf = std::iter::repeat_n(WITHIN, depth).collect();
    let kept = log.join(SOURCES);
    for (file, name) in loaded.files.iter().zip(&names) {
        let up = above(name);
        let inner: PathBuf = within.components().take(depth - up).collect();
        let rest: PathBuf = name.components().skip(up).collect();
        let to = kept.join(inner).join(rest);
        let folder = to.parent().unwrap_or(&kept);
        std::fs::create_dir_all(folder).map_err(|error| Failure::io("make", folder, &error))?;
        std::fs::copy(file, &to).map_err(|error| Failure::io("write", &to, &error))?;
    }
    let scenario = within.join(path.file_name().unwrap_or_default());
    let index = Index { version: VERSION, scenario, seed: loaded.scenario.seed };
    let path = kept.join(INDEX);
    let text = serde_json::to_string_pretty(&index).expect("an index is JSON");
    std::fs::write(&path, text + "\n").map_err(|error| Failure::io("write", &path, &error))
}

/// The sources that a log carries; those of a service are what it keeps beside its log.
///
/// # Errors
/// It carries none, or they cannot be read.
pub(crate) fn of(log: &Path) -> Result<Sources, Failure> {
    let kept = log.join(SOURCES);
    let path = kept.join(INDEX);
    if !path.exists() {
        if let Some(grown) = grown(log)? {
            return Ok(grown);
        }
        return Err(Failure::Usage {
            message: format!("{} does not carry the files that it was made from", log.display()),
            hint: "name its scenario with `--scenario FILE`; logs that `sim --out` writes carry it in `sources/`"
                .into(),
        });
    }
    let text = std::fs::read_to_string(&path);
    let text = text.map_err(|error| Failure::io("read", &path, &error))?;
    let damaged = |why: String| Failure::Environment {
        message: format!("{}: {why}", path.display()),
        hint: Some("restore it from a copy, or name the scenario with `--scenario FILE`".into()),
    };
    let index: Index = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
    if index.version != VERSION {
        return Err(damaged(format!("version {} is not known to this release", index.version)));
    }
    let leaves = index.scenario.components().any(|part| !matches!(part, Component::Normal(_)));
    if leaves {
        return Err(damaged("the scenario lies outside of the sources".into()));
    }
    Ok(Sources { scenario: kept.join(index.scenario), seed: index.seed, grown: None })
}

/// What a service was told so far, as the files of a scenario that grew with its log.
#[cfg(feature = "live")]
fn grown(log: &Path) -> Result<Option<Sources>, Failure> {
    use periplus_live::intents::IntentsFile;

    let Some(beside) = log.parent() else { return Ok(None) };
    let kept = IntentsFile::below(beside)
        .read()
        .map_err(|fault| Failure::Environment { message: fault.to_string(), hint: None })?;
    let Some(intents) = kept else { return Ok(None) };
    let fault = |error| Failure::io("make a folder in", &std::env::temp_dir(), &error);
    let folder = TempDir::new().map_err(fault)?;
    for (name, text) in intents.bundle().files(GROWN) {
        let file = folder.path().join(name);
        let write = || {
            std::fs::create_dir_all(file.parent().unwrap_or(folder.path()))?;
            std::fs::write(&file, text)
        };
        write().map_err(|error| Failure::io("write", &file, &error))?;
    }
    let (scenario, seed) = (folder.path().join(GROWN), intents.scenario().seed);
    Ok(Some(Sources { scenario, seed, grown: Some(folder) }))
}

#[cfg(feature = "live")]
const GROWN: &str = "live.yaml";

#[cfg(not(feature = "live"))]
fn grown(_: &Path) -> Result<Option<Sources>, Failure> {
    Ok(None)
}

impl Sources {
    /// Refuses a scenario that a log was not made from. One that grew with its log is another one now than at first.
    ///
    /// # Errors
    /// It is another one.
    pub(crate) fn require(
        &self,
        log: &Path,
        hash: u128,
        scenario: &Scenario,
    ) -> Result<(), Failure> {
        match self.grown {
            Some(_) => Ok(()),
            None => require(log, hash, &self.scenario, scenario),
        }
    }
}

/// Refuses a scenario that a log was not made from.
///
/// # Errors
/// It is another one.
pub(crate) fn require(
    log: &Path,
    hash: u128,
    path: &Path,
    scenario: &Scenario,
) -> Result<(), Failure> {
    if scenario.hash == hash {
        return Ok(());
    }
    Err(Failure::Usage {
        message: format!("{} was not made from {}", log.display(), path.display()),
        hint: format!(
            "the log says {hash:032x}, the files say {:032x}: they may have been changed since",
            scenario.hash
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_as_they_were_from_wherever_they_are_kept() {
        let place = TempDir::new().unwrap();
        let here = place.path();
        let write = |name: &str, text: &str| {
            let path = here.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let head = "apiVersion: periplus.dev/v1alpha1\nkind:";
        write(
            "days/hot/day.yaml",
            &format!(
                "{head} Scenario\nmetadata: {{name: day}}\nspec: {{story: s, include: [../../fleet/all.yaml, near.yaml]}}\n"
            ),
        );
        let cluster = |name: &str| {
            format!(
                "{head} Cluster\nmetadata: {{name: {name}}}\nspec: {{nodePools: [{{nodes: 1, capacity: {{cpu: 4, memory: 8Gi}}}}]}}\n"
            )
        };
        write("fleet/all.yaml", &cluster("far"));
        write("days/hot/near.yaml", &cluster("near"));
        let path = here.join("days/hot/day.yaml");
        let loaded = periplus_spec::load(&path).unwrap();
        let log = here.join("run.log");
        keep(&log, &path, &loaded).unwrap();
        assert!(
            log.join("sources/in/in/day.yaml").exists()
                && log.join("sources/fleet/all.yaml").exists()
        );
        std::fs::remove_dir_all(here.join("days")).unwrap();
        let sources = of(&log).unwrap();
        let again = periplus_spec::load(&sources.scenario).unwrap();
        assert_eq!((again.scenario.hash, sources.seed), (loaded.scenario.hash, 1));
        require(&log, loaded.scenario.hash, &path, &again.scenario).unwrap();
        assert!(require(&log, 7, &path, &again.scenario).is_err());
    }

    #[test]
    fn what_is_no_index_is_told() {
        let place = TempDir::new().unwrap();
        let said = |text: Option<&str>| {
            if let Some(text) = text {
                std::fs::create_dir_all(place.path().join(SOURCES)).unwrap();
                std::fs::write(place.path().join(SOURCES).join(INDEX), text).unwrap();
            }
            of(place.path()).unwrap_err().brief()
        };
        assert!(said(None).contains("does not carry the files"));
        assert!(said(Some("{")).contains("index.json: "));
        assert!(said(Some(r#"{"version": 9, "scenario": "a", "seed": 1}"#)).contains("version 9"));
        let outside = r#"{"version": 1, "scenario": "../../a.yaml", "seed": 1}"#;
        assert!(said(Some(outside)).contains("outside"));
    }
}

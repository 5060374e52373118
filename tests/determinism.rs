//! Equal inputs give equal bytes: in this process, in another one, alone or among others, wherever it runs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use periplus_journal::{Fsync, Header, Options, Writer};
use periplus_sim::run;
use tempfile::TempDir;

/// All files of a log by name, and the digest of the state that it leads to.
#[derive(Debug, PartialEq, Eq)]
struct Kept {
    files: BTreeMap<String, Vec<u8>>,
    digest: String,
}

#[test]
fn every_scenario_gives_the_same_log_alone_among_others_and_elsewhere() {
    let scenarios = scenarios();
    let alone: Vec<Kept> = scenarios.iter().map(|file| here(file)).collect();
    let among_others: Vec<Kept> = thread::scope(|scope| {
        let threads: Vec<_> =
            scenarios.iter().map(|file| scope.spawn(move || here(file))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for ((file, alone), among_others) in scenarios.iter().zip(&alone).zip(&among_others) {
        same(file, "among others", alone, among_others);
        same(file, "elsewhere", alone, &elsewhere(file));
    }
}

fn same(file: &Path, how: &str, one: &Kept, other: &Kept) {
    assert_eq!(one.digest, other.digest, "{}: the state differs {how}", file.display());
    let names = |kept: &Kept| kept.files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(one), names(other), "{}: the log has other files {how}", file.display());
    for (name, bytes) in &one.files {
        let equal = *bytes == other.files[name];
        assert!(equal, "{}: {name} differs {how}", file.display());
    }
}

/// Every scenario of the project, but for those in `scenarios/quality`: each of them plans eight hundred users
/// at once, which takes minutes without optimization, and nothing happens in them that does not in others.
fn scenarios() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found =
        periplus::case::find(&[root.join("scenarios"), root.join("docs/guide")]).unwrap();
    found.retain(|file| !file.starts_with(root.join("scenarios/quality")));
    assert!(found.len() >= 2);
    found
}

/// Runs a scenario in this process.
fn here(file: &Path) -> Kept {
    let folder = TempDir::new().unwrap();
    let scenario = periplus_spec::load(file).unwrap().scenario;
    let maker = format!("periplus {}", env!("CARGO_PKG_VERSION"));
    let header = Header::new(scenario.hash, scenario.epoch_unix_ms, &maker);
    let options = Options { fsync: Fsync::Never, ..Options::default() };
    let mut writer = Writer::create(folder.path(), header, options).unwrap();
    let outcome = run(&scenario, &mut writer, &mut ()).unwrap();
    writer.finish(&outcome.state).unwrap();
    Kept { files: files(folder.path()), digest: outcome.digest.to_string() }
}

/// Runs a scenario in another process, with another language, time zone and folder.
fn elsewhere(file: &Path) -> Kept {
    let folder = TempDir::new().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_periplus"))
        .arg("sim")
        .arg(file)
        .args(["--out", "run", "--format", "json"])
        .current_dir(folder.path())
        .env_clear()
        .envs([("LC_ALL", "tr_TR.UTF-8"), ("LANG", "tr_TR.UTF-8"), ("TZ", "Pacific/Chatham")])
        .output()
        .unwrap();
    let told: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    Kept {
        files: files(&folder.path().join("run/run.log")),
        digest: told["digest"].as_str().unwrap().to_owned(),
    }
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let entries = entries.filter(|path| path.is_file());
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let found: BTreeMap<_, _> =
        entries.map(|path| (name(&path), fs::read(&path).unwrap())).collect();
    assert!(found.len() >= 2, "{:?}", found.keys());
    found
}

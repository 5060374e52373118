//! What holds the house together: who may know whom, and what every package and file keeps to.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use periplus_core::decision::{Guard, ReasonCode};
use serde_json::Value;
use tree::{files, root};

/// Every package of ours, its folder, and the packages of ours that it uses. A package or an edge that is not
/// here is a change of the architecture: draw it in `docs/ARCHITECTURE.md` too.
const PACKAGES: [(&str, &str, &[&str]); 9] = [
    (
        "periplus",
        "",
        &[
            "periplus-core",
            "periplus-emit",
            "periplus-git",
            "periplus-journal",
            "periplus-live",
            "periplus-sim",
            "periplus-spec",
        ],
    ),
    ("periplus-core", "core", &[]),
    ("periplus-emit", "live/emit", &["periplus-core", "periplus-spec"]),
    ("periplus-git", "live/git", &["periplus-emit"]),
    ("periplus-journal", "journal", &["periplus-core"]),
    (
        "periplus-live",
        "live/hub",
        &["periplus-core", "periplus-emit", "periplus-git", "periplus-journal", "periplus-spec"],
    ),
    ("periplus-sim", "sim", &["periplus-core", "periplus-spec"]),
    ("periplus-spec", "spec", &["periplus-core"]),
    ("periplus-support", "tests/support", &[]),
];

/// All that the machine is built of, near and far. None of these reads a clock, a file or a source of luck.
const CORE_IS_BUILT_OF: [&str; 13] = [
    "bincode",
    "periplus-core",
    "proc-macro2",
    "quote",
    "serde",
    "serde_core",
    "serde_derive",
    "syn",
    "thiserror",
    "thiserror-impl",
    "unicode-ident",
    "unty",
    "xxhash-rust",
];

/// What waits for networks, and the files that may name any of it: object stores, git over HTTP, and the service with
/// its clients and what its tests stand on. All else is synchronous.
const NETWORKS: [&str; 4] = ["object_store", "reqwest", "rustls", "tokio"];
const WAIT_FOR_NETWORKS: [&str; 12] = [
    "benches/live",
    "cli/client",
    "cli/commands/adopt",
    "cli/commands/live",
    "cli/commands/report",
    "cli/delivery/http",
    "cli/whatif/objects",
    "live/hub",
    "tests/lockstep",
    "tests/replicas",
    "tests/story",
    "tests/support",
];
/// The packages that may use any of it.
const ON_NETWORKS: [&str; 3] = ["periplus", "periplus-live", "periplus-support"];

/// One of each, so that nothing is fetched, encrypted or trusted in two ways.
const ONE_STACK: [&str; 5] = ["hyper", "hyper-rustls", "ring", "rustls", "tokio"];
/// What would be a second one.
const OTHER_STACKS: [&str; 8] = [
    "aws-lc-rs",
    "curl",
    "curl-sys",
    "libssh2-sys",
    "native-tls",
    "openssl",
    "openssl-sys",
    "ureq",
];

/// A longer file is two files.
const LINES_MAX: usize = 500;

#[test]
fn packages_use_each_other_as_drawn_and_not_otherwise() {
    let drawn: BTreeMap<String, BTreeSet<String>> = PACKAGES
        .iter()
        .map(|(name, _, uses)| {
            ((*name).to_owned(), uses.iter().map(|used| (*used).to_owned()).collect())
        })
        .collect();
    assert_eq!(Graph::read().between_ours(), drawn);
}

#[test]
fn packages_lie_where_they_are_drawn() {
    let graph = Graph::read();
    for (name, folder, _) in PACKAGES {
        let manifest = root().join(folder).join("Cargo.toml");
        assert_eq!(graph.manifests[name], manifest, "{name}");
    }
}

#[test]
fn the_machine_is_built_of_nothing_that_could_surprise_it() {
    let allowed: BTreeSet<&str> = CORE_IS_BUILT_OF.into_iter().collect();
    let graph = Graph::read();
    let reached = graph.reached_from("periplus-core");
    let found: BTreeSet<&str> = reached.iter().map(String::as_str).collect();
    assert_eq!(found, allowed);
}

#[test]
fn the_simulated_world_and_the_live_one_never_see_each_other() {
    let graph = Graph::read();
    let live: BTreeSet<&String> = graph
        .manifests
        .iter()
        .filter(|(_, manifest)| manifest.starts_with(root().join("live")))
        .map(|(name, _)| name)
        .collect();
    let seen = graph.reached_from("periplus-sim");
    assert!(live.iter().all(|name| !seen.contains(*name)), "the simulated world sees {live:?}");
    for name in live {
        let seen = graph.reached_from(name);
        assert!(!seen.contains("periplus-sim"), "{name} sees the simulated world");
    }
}

#[test]
fn few_places_wait_for_networks() {
    let graph = Graph::read();
    for (name, _, _) in PACKAGES {
        let near: Vec<&str> =
            NETWORKS.into_iter().filter(|used| graph.uses[name].contains(*used)).collect();
        assert!(ON_NETWORKS.contains(&name) || near.is_empty(), "{name} uses {near:?}");
    }
    for file in sources() {
        let path = file.strip_prefix(root()).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        let waits = NETWORKS.iter().any(|used| text.contains(&format!("{used}::")));
        let waits = waits || text.contains("async ") || text.contains(".await");
        let listed =
            |folder: &str| path.starts_with(folder) || path.with_extension("") == Path::new(folder);
        let may = WAIT_FOR_NETWORKS.into_iter().any(listed) || path == Path::new(file!());
        assert!(may || !waits, "{} waits for networks", path.display());
    }
}

#[test]
fn there_is_one_http_and_one_tls_stack() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let count = |package: &str| lock.matches(&format!("name = \"{package}\"\n")).count();
    for package in ONE_STACK {
        assert_eq!(count(package), 1, "{package}");
    }
    for package in OTHER_STACKS {
        assert_eq!(count(package), 0, "{package}");
    }
}

#[test]
fn every_package_keeps_the_lints_of_the_house() {
    for (name, folder, _) in PACKAGES {
        let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        let lints = manifest.split("[lints]\n").nth(1).unwrap_or("");
        assert!(lints.starts_with("workspace = true"), "{name} has no `[lints] workspace = true`");
    }
}

#[test]
fn every_file_begins_by_saying_what_it_owns() {
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//! "), "{} does not begin with `//!`", file.display());
    }
}

#[test]
fn no_file_is_longer_than_a_person_reads() {
    for file in sources() {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines, not {LINES_MAX}", file.display());
    }
}

#[test]
fn every_reason_has_its_page_and_no_page_is_left_over() {
    let folder = root().join("docs/reasons");
    let index = fs::read_to_string(folder.join("README.md")).unwrap();
    let mut pages: BTreeSet<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(pages.remove("README.md"));
    let guards = fs::read_to_string(folder.join("guards.md")).unwrap();
    assert!(pages.remove("guards.md"));
    for slug in Guard::ALL.map(Guard::slug) {
        assert!(guards.contains(&format!("\n| `{slug}` |")), "{slug} is not in guards.md");
    }
    for slug in ReasonCode::ALL.map(ReasonCode::slug) {
        let page = format!("{slug}.md");
        assert!(pages.remove(&page), "docs/reasons/{page} is missing");
        assert!(index.contains(&format!("[`{slug}`]({page})")), "{page} is not in the index");
        let text = fs::read_to_string(folder.join(&page)).unwrap();
        assert!(text.starts_with(&format!("# {slug}\n")), "{page} is about something else");
    }
    assert_eq!(pages, BTreeSet::new(), "pages about reasons that do not exist");
}

/// All Rust files of the project.
fn sources() -> Vec<PathBuf> {
    let found = files("rs");
    assert!(found.len() > 100, "only {} files were found", found.len());
    found
}

/// Packages and what they use, as Cargo resolves them for this machine. What only tests use is left out.
struct Graph {
    /// Our packages, and their manifests.
    manifests: BTreeMap<String, PathBuf>,
    /// What each package uses.
    uses: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    fn read() -> Self {
        let host = run(&["rustc", "-vV"]);
        let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
        let cargo = env!("CARGO");
        let told = run(&[
            cargo,
            "metadata",
            "--format-version=1",
            "--locked",
            "--offline",
            "--filter-platform",
            host,
        ]);
        let told: Value = serde_json::from_str(&told).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let list = |value: &Value| value.as_array().unwrap().clone();

        let names: BTreeMap<String, String> = list(&told["packages"])
            .iter()
            .map(|package| (text(&package["id"]), text(&package["name"])))
            .collect();
        let ours: BTreeSet<String> = list(&told["workspace_members"]).iter().map(text).collect();
        let manifests = list(&told["packages"])
            .iter()
            .filter(|package| ours.contains(&text(&package["id"])))
            .map(|package| (text(&package["name"]), text(&package["manifest_path"]).into()))
            .collect();
        let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for node in list(&told["resolve"]["nodes"]) {
            let used = uses.entry(names[&text(&node["id"])].clone()).or_default();
            for edge in list(&node["deps"]) {
                let kinds = list(&edge["dep_kinds"]);
                if kinds.iter().any(|kind| kind["kind"] != "dev") {
                    used.insert(names[&text(&edge["pkg"])].clone());
                }
            }
        }
        Self { manifests, uses }
    }

    /// Our packages, and which of ours they use.
    fn between_ours(&self) -> BTreeMap<String, BTreeSet<String>> {
        let ours = |used: &&String| self.manifests.contains_key(*used);
        self.manifests
            .keys()
            .map(|name| (name.clone(), self.uses[name].iter().filter(ours).cloned().collect()))
            .collect()
    }

    /// A package and all that it uses, near and far.
    fn reached_from(&self, package: &str) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut next = vec![package];
        while let Some(package) = next.pop() {
            if reached.insert(package.to_owned()) {
                next.extend(self.uses[package].iter().map(String::as_str));
            }
        }
        reached
    }
}

/// What a program says.
fn run(command: &[&str]) -> String {
    let (program, args) = command.split_first().unwrap();
    let output = Command::new(program).args(args).current_dir(root()).output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}\n`cargo fetch` brings what is missing.",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

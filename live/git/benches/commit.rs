//! What a commit costs in a repository of ten thousand clusters, beside git's own command line.
//!
//! `cargo bench -p periplus-git`. One run: the same repository, the same change (the twenty files of one cluster, and the
//! list of what is ours), the same remote on the same disk. `CLUSTERS=100` makes it small.
#![expect(clippy::print_stdout, reason = "a bench tells its figures")]

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use periplus_emit::{Bytes, Change, FilePath};
use periplus_git::{Author, Commit, Options, Outcome, Target, Writer};

/// Files of each cluster.
const FILES: usize = 20;
/// How often one change is committed.
const COMMITS: u64 = 60;
/// How often it is committed by git's command line.
const BY_HAND: u64 = 7;

fn main() {
    let clusters: usize =
        env::var("CLUSTERS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let home = tempfile::tempdir().expect("a temporary folder");
    let home = home.path();
    git(home, &["init", "--quiet", "--bare", "--initial-branch=main", "remote.git"], "");
    let mut writer = open(home);

    let all: Change = (0..clusters).flat_map(|cluster| files(cluster, 0)).collect();
    let count = all.len();
    let began = Instant::now();
    done(&writer.write(&commit(1, all)));
    let took = began.elapsed();
    println!("{count} files of {clusters} clusters, and their lists, in one commit");
    println!(
        "{:<58}{:>10.1} s{:>12.0} files/s",
        "  all of it, pushed",
        took.as_secs_f64(),
        count as f64 / took.as_secs_f64()
    );
    drop(writer);
    git(&home.join("remote.git"), &["repack", "-a", "-d", "-q", "--window=0"], "");

    let began = Instant::now();
    let mut writer = open(home);
    writer.refresh().expect("a sound remote");
    tell("  a writer that starts again", &mut [began.elapsed()]);
    let began = Instant::now();
    done(&writer.write(&commit(2, files(0, 2).collect())));
    tell("  its first commit", &mut [began.elapsed()]);

    println!("one cluster: {FILES} files and its list");
    let mut number = 2;
    let mut ours = times(COMMITS, || {
        number += 1;
        done(&writer.write(&commit(number, files(cluster(number, clusters), number).collect())));
    });
    let per_second = COMMITS as f64 / ours.iter().sum::<Duration>().as_secs_f64();
    tell("  committed and pushed", &mut ours);
    println!("{:<58}{per_second:>10.0} commits/s", "");
    git(&home.join("remote.git"), &["config", "receive.autogc", "false"], "");
    let mut received = times(BY_HAND, || {
        number += 1;
        done(&writer.write(&commit(number, files(cluster(number, clusters), number).collect())));
    });
    tell("  the same where git receives (it walks all trees)", &mut received);
    println!("one file");
    git(&home.join("remote.git"), &["config", "--unset", "receive.autogc"], "");
    let mut one = times(COMMITS, || {
        number += 1;
        done(
            &writer
                .write(&commit(number, files(cluster(number, clusters), number).take(1).collect())),
        );
    });
    tell("  committed and pushed", &mut one);
    drop(writer);

    println!("one cluster, by git's command line");
    git(home, &["clone", "--quiet", "--bare", "remote.git", "plumbing.git"], "");
    let mut plumbing = times(BY_HAND, || {
        number += 1;
        by_plumbing(&home.join("plumbing.git"), cluster(number, clusters), number);
    });
    tell("  hash-object, mktree, commit-tree, update-ref", &mut plumbing);
    git(home, &["clone", "--quiet", "remote.git", "work"], "");
    let work = home.join("work");
    let mut pushes = Vec::new();
    let mut by_work_tree = times(BY_HAND, || {
        number += 1;
        write_files(&work, cluster(number, clusters), number);
        git(&work, &["add", "--all"], "");
        git(&work, &["commit", "--quiet", "-m", "change"], "");
    });
    tell("  files written, add --all, commit in a work tree", &mut by_work_tree);
    let mut narrow = times(BY_HAND, || {
        number += 1;
        let cluster = cluster(number, clusters);
        write_files(&work, cluster, number);
        git(&work, &["add", &format!("deploy/{}", name(cluster))], "");
        git(&work, &["commit", "--quiet", "-m", "change"], "");
        let began = Instant::now();
        git(&work, &["push", "--quiet"], "");
        pushes.push(began.elapsed());
    });
    for (all, push) in narrow.iter_mut().zip(&pushes) {
        *all -= *push;
    }
    tell("  the same, add of that cluster only", &mut narrow);
    tell("  push of one such commit", &mut pushes);
}

fn cluster(number: u64, clusters: usize) -> usize {
    usize::try_from(number.wrapping_mul(2_654_435_761) >> 3).unwrap_or(0) % clusters
}

fn name(cluster: usize) -> String {
    format!("edge-{cluster:05}")
}

fn path(cluster: usize, file: usize) -> String {
    let kind = ["configmap", "deployment", "service", "secret", "networkpolicy"][file % 5];
    format!("deploy/{}/shop/{file:02}-{kind}-web-{file}.yaml", name(cluster))
}

/// About a kilobyte, as manifests are.
fn text(cluster: usize, file: usize, version: u64) -> String {
    let mut text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web-{file}\n  namespace: shop\ndata:\n"
    );
    for line in 0..22 {
        let value = (cluster * 31 + file * 7 + line) as u64 ^ version.wrapping_mul(0x9e37_79b9);
        let _ = writeln!(text, "  setting-{line}: value of it {value:08x}");
    }
    text
}

fn files(cluster: usize, version: u64) -> impl Iterator<Item = (FilePath, Option<Bytes>)> {
    (0..FILES).map(move |file| {
        let bytes: Bytes = Arc::from(text(cluster, file, version).into_bytes());
        (FilePath::new(path(cluster, file)).expect("a path"), Some(bytes))
    })
}

fn commit(number: u64, change: Change) -> Commit {
    Commit {
        change,
        message: format!("change {number}"),
        trailers: vec![("Periplus-Seq".to_owned(), number.to_string())],
        author: Author { name: "Bench".to_owned(), email: "bench@example".to_owned() },
        time: 1_700_000_000 + number,
    }
}

fn open(home: &Path) -> Writer {
    let url = home.join("remote.git");
    let target = Target::new(&url.to_string_lossy(), "main").expect("a path");
    Writer::open(&home.join("cache"), target, Options::default()).expect("a new cache")
}

fn done(outcome: &Outcome) {
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
}

fn times(count: u64, mut act: impl FnMut()) -> Vec<Duration> {
    (0..count)
        .map(|_| {
            let began = Instant::now();
            act();
            began.elapsed()
        })
        .collect()
}

fn tell(what: &str, times: &mut [Duration]) {
    times.sort();
    let ms = |at: usize| times[at.min(times.len() - 1)].as_secs_f64() * 1e3;
    println!("{what:<58}{:>10.1} ms median{:>10.1} ms worst", ms(times.len() / 2), ms(times.len()));
}

fn git(folder: &Path, args: &[&str], input: &str) -> String {
    let mut command = Command::new("git");
    command.args([
        "-c",
        "user.name=Bench",
        "-c",
        "user.email=bench@example",
        "-c",
        "gc.auto=0",
        "-c",
        "maintenance.auto=false",
    ]);
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .current_dir(folder);
    let child = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.expect("git is installed");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("git listens");
    let output = child.wait_with_output().expect("git ends");
    assert!(output.status.success(), "git {args:?}");
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

fn write_files(work: &Path, cluster: usize, version: u64) {
    for file in 0..FILES {
        fs::write(work.join(path(cluster, file)), text(cluster, file, version))
            .expect("room on the disk");
    }
}

/// What a script would do that keeps no work tree.
fn by_plumbing(bare: &Path, cluster: usize, version: u64) {
    let drafts = bare.join("drafts");
    fs::create_dir_all(&drafts).expect("a folder");
    let mut paths = String::new();
    for file in 0..FILES {
        let draft = drafts.join(file.to_string());
        fs::write(&draft, text(cluster, file, version)).expect("room on the disk");
        let _ = writeln!(paths, "{}", draft.display());
    }
    let blobs = git(bare, &["hash-object", "-w", "--stdin-paths"], &paths);
    let mut app = String::new();
    for (file, blob) in blobs.lines().enumerate() {
        let path = path(cluster, file);
        let _ = writeln!(app, "100644 blob {blob}\t{}", path.rsplit('/').next().unwrap_or(""));
    }
    let app = git(bare, &["mktree"], &app);
    let folder = git(bare, &["mktree"], &format!("040000 tree {app}\tshop\n"));
    let replaced = |tree: &str, name: &str, with: &str| {
        let listed = git(bare, &["ls-tree", tree], "");
        let end = format!("\t{name}");
        let lines = listed.lines().map(|line| {
            if line.ends_with(&end) {
                format!("040000 tree {with}{end}\n")
            } else {
                format!("{line}\n")
            }
        });
        git(bare, &["mktree"], &lines.collect::<String>())
    };
    let deploy = replaced("main:deploy", &name(cluster), &folder);
    let root = replaced("main^{tree}", "deploy", &deploy);
    let commit = git(bare, &["commit-tree", "-p", "main", "-m", "change", &root], "");
    git(bare, &["update-ref", "refs/heads/main", &commit], "");
}

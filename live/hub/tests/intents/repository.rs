//! A branch of a bare repository is followed, over bad commits, rewound ones and a repository that goes away.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use periplus_git::{Options, Target};
use periplus_live::intents::{IntentsFrom, ReadFault, Repository};
use periplus_support::real::until;
use tempfile::TempDir;

use crate::fleet::{Fleet, SOON};

const CLUSTER: &str = "
apiVersion: periplus.dev/v1alpha1
kind: Cluster
metadata: {name: edge-1, labels: {tier: edge}}
spec:
  location: {latitude: -37.80, longitude: 144.96}
  nodePools: [{nodes: 3, capacity: {cpu: 4, memory: 16Gi}}]
  power: {carbon: {trace: {file: ../tables/carbon.csv, column: vic, step: 1h}}}
";

const ZONE: &str = "
apiVersion: periplus.dev/v1alpha1
kind: Zone
metadata: {name: south}
spec: {location: {latitude: -37.85, longitude: 144.97}, users: 400}
";

fn app(image: &str) -> String {
    format!(
        "
apiVersion: periplus.dev/v1alpha1
kind: Application
metadata: {{name: shop}}
spec:
  components: [{{name: web, serviceTime: 4ms, image: \"{image}\"}}]
"
    )
}

/// A bare repository, and somebody who writes to it.
struct Hosted {
    home: TempDir,
}

impl Hosted {
    fn new() -> Self {
        let hosted = Self { home: TempDir::new().unwrap() };
        hosted.git(&["init", "--quiet", "--bare", "--initial-branch=main", "intents.git"]);
        hosted.git(&["clone", "--quiet", "intents.git", "work"]);
        fs::create_dir_all(hosted.work().join("fleet")).unwrap();
        fs::create_dir_all(hosted.work().join("tables")).unwrap();
        fs::write(hosted.work().join("README.md"), "apiVersion: periplus.dev is no file of ours\n")
            .unwrap();
        hosted.write("tables/carbon.csv", "hour,vic\n0,400\n1,500\n");
        hosted.write("fleet/clusters.yaml", CLUSTER);
        hosted.write("fleet/zones.yaml", ZONE);
        hosted
    }

    fn remote(&self) -> PathBuf {
        self.home.path().join("intents.git")
    }

    fn work(&self) -> PathBuf {
        self.home.path().join("work")
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.work().join(path), text).unwrap();
    }

    fn git(&self, args: &[&str]) -> String {
        git(self.home.path(), args)
    }

    /// Commits all that was written, and pushes it. Gives the commit.
    fn commit(&self) -> String {
        let work = self.work();
        git(&work, &["add", "--all", "."]);
        git(&work, &["commit", "--quiet", "-m", "next"]);
        git(&work, &["push", "--quiet", "--force", "origin", "HEAD:main"]);
        git(&work, &["rev-parse", "HEAD"])
    }

    fn from(&self, path: &str) -> IntentsFrom {
        IntentsFrom::Repository(Box::new(Repository {
            target: Target::new(self.remote().to_str().unwrap(), "main").unwrap(),
            path: path.to_owned(),
            access: Options::default(),
            cache: self.home.path().join("cache"),
        }))
    }
}

fn git(folder: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Somebody");
        command.env(format!("GIT_{who}_EMAIL"), "somebody@localhost");
    }
    let done = command.args(args).output().unwrap();
    assert!(done.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_branch_is_followed_over_bad_commits_and_back() {
    let hosted = Hosted::new();
    hosted.write("fleet/shop.yaml", &app("shop/web:1"));
    let first = hosted.commit();
    let fleet = Fleet::start(hosted.from("fleet")).await;
    until("the first commit", SOON, async || revision(&fleet).filter(|at| *at == first)).await;
    assert_eq!(fleet.declared().await, ["Application/shop", "Cluster/edge-1", "Zone/south"]);
    assert_eq!(fleet.status().changes, 0);

    hosted.write("fleet/shop.yaml", &app("shop/web:2"));
    let second = hosted.commit();
    until("the second commit", SOON, async || revision(&fleet).filter(|at| *at == second)).await;
    assert_eq!(fleet.image("shop").await.unwrap(), "shop/web:2");

    // Nothing of a bad commit is taken in, also what is right in it.
    hosted.write("fleet/shop.yaml", &app("shop/web:3"));
    hosted.write("fleet/zones.yaml", &ZONE.replace("users: 400", "users: many"));
    let bad = hosted.commit();
    let wrong =
        until("a complaint", SOON, async || fleet.status().complaints.first().cloned()).await;
    assert_eq!(fleet.status().revision.unwrap(), bad);
    assert!(wrong.at.starts_with("fleet/zones.yaml:5:"), "{wrong:?}");
    assert_eq!(fleet.image("shop").await.unwrap(), "shop/web:2");
    assert_eq!(revision(&fleet).unwrap(), second);
    assert!(!fleet.status().is_current());

    hosted.write("fleet/zones.yaml", ZONE);
    let mended = hosted.commit();
    until("the mended commit", SOON, async || revision(&fleet).filter(|at| *at == mended)).await;
    assert!(fleet.status().is_current(), "{:?}", fleet.status());
    assert_eq!(fleet.image("shop").await.unwrap(), "shop/web:3");

    // Who takes the branch back takes back what it declared.
    git(&hosted.work(), &["reset", "--quiet", "--hard", &first]);
    git(&hosted.work(), &["push", "--quiet", "--force", "origin", "HEAD:main"]);
    until("the first commit again", SOON, async || revision(&fleet).filter(|at| *at == first))
        .await;
    assert_eq!(fleet.image("shop").await.unwrap(), "shop/web:1");

    // An app whose file goes is withdrawn; a folder without any declaration is taken for a mistake.
    git(&hosted.work(), &["rm", "--quiet", "fleet/shop.yaml"]);
    let without = hosted.commit();
    until("no shop", SOON, async || revision(&fleet).filter(|at| *at == without)).await;
    assert_eq!(fleet.declared().await, ["Cluster/edge-1", "Zone/south"]);
    git(&hosted.work(), &["rm", "-r", "--quiet", "fleet"]);
    hosted.commit();
    let wrong =
        until("a complaint", SOON, async || fleet.status().complaints.first().cloned()).await;
    assert_eq!(wrong.code, "no-scenario");
    assert_eq!(fleet.declared().await, ["Cluster/edge-1", "Zone/south"]);
    fleet.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_reached_changes_nothing() {
    let hosted = Hosted::new();
    hosted.write("fleet/shop.yaml", &app("shop/web:1"));
    hosted.commit();
    let fleet = Fleet::start(hosted.from("")).await;
    until("it to be read", SOON, async || fleet.status().read_unix_ms).await;
    let away = hosted.home.path().join("away.git");
    fs::rename(hosted.remote(), &away).unwrap();
    let (since, _) = until("it to be missed", SOON, async || fleet.status().failed).await;
    assert!(fleet.status().complaints.is_empty());
    assert_eq!(fleet.declared().await.len(), 3);
    assert!(fleet.status().failed.unwrap().0 == since);

    fs::rename(&away, hosted.remote()).unwrap();
    hosted.write("fleet/shop.yaml", &app("shop/web:2"));
    let next = hosted.commit();
    until("it to be there again", SOON, async || revision(&fleet).filter(|at| *at == next)).await;
    assert!(fleet.status().is_current(), "{:?}", fleet.status());
    fleet.stop().await;
}

#[tokio::test]
async fn no_document_leads_out_of_the_repository() {
    let hosted = Hosted::new();
    let secret = hosted.home.path().join("secret.csv");
    fs::write(&secret, "hour,vic\n0,1\n").unwrap();
    let out = ["../../secret.csv", "../../../../../../../../etc/passwd", secret.to_str().unwrap()];
    for path in out.into_iter().chain(["../tables/link.csv", "/etc/passwd"]) {
        hosted.write("fleet/clusters.yaml", &CLUSTER.replace("../tables/carbon.csv", path));
        let link = hosted.work().join("tables/link.csv");
        let _ = std::os::unix::fs::symlink(&secret, link);
        hosted.commit();
        let read = hosted.from("fleet").read().await;
        let Err(ReadFault::Wrong(wrong)) = read else { panic!("{path}: {read:?}") };
        let codes: Vec<&str> = wrong.iter().map(|one| one.code.slug()).collect();
        assert!(codes == ["include-escapes"] || codes == ["unreadable-file"], "{path}: {wrong:?}");
    }
}

#[tokio::test]
async fn a_scenario_in_a_repository_is_read_as_one() {
    let hosted = Hosted::new();
    let scenario = "
apiVersion: periplus.dev/v1alpha1
kind: Scenario
metadata: {name: all}
spec:
  story: All of it.
  duration: 1h
  include: [clusters.yaml, zones.yaml]
  demand: []
";
    hosted.write("fleet/all.yaml", &format!("{scenario}---{}", app("shop/web:1")));
    hosted.commit();
    let read = hosted.from("fleet/all.yaml").read().await.unwrap();
    assert_eq!(read.documents.len(), 3);
    assert_eq!(read.tables.keys().collect::<Vec<_>>(), ["carbon.csv"]);
    let faults = hosted.from("elsewhere").read().await;
    assert!(matches!(faults, Err(ReadFault::Wrong(_))), "{faults:?}");
}

fn revision(fleet: &Fleet) -> Option<String> {
    fleet.status().accepted?.revision
}

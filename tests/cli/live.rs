//! `live` without clusters: what it says of its configuration, and what its modes write.

use std::net::TcpListener;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use insta::assert_snapshot;

use crate::place::Place;

/// How long anything may take on a machine that has much else to do.
pub(crate) const SOON: Duration = Duration::from_secs(120);

/// A folder with declarations and an empty repository, and with the file that says how the service runs.
pub(crate) fn configured(mode: &str) -> (Place, String) {
    let place = Place::new();
    std::fs::create_dir(place.path("intents")).unwrap();
    std::fs::rename(place.path("harbour.yaml"), place.path("intents/harbour.yaml")).unwrap();
    periplus_git::make_bare(&place.path("fleet.git"), "main").unwrap();
    let address = configure(&place, mode);
    (place, address)
}

/// Writes `live.yaml`, and gives the address of the API.
fn configure(place: &Place, mode: &str) -> String {
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    place.write("token", "the-token-of-an-operator\n");
    place.write(
        "live.yaml",
        &format!(
            "state: state\nmode: {mode}\nintents: {{path: intents, every: 1s}}\ngit: {{url: fleet.git, window: 100ms}}\n\
             api: {{listen: '127.0.0.1:{port}', tokens: [{{name: tester, role: operate, file: token}}]}}\n"
        ),
    );
    format!("http://127.0.0.1:{port}")
}

/// A service that runs until it is let go.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the service and waits until it answers.
pub(crate) fn start(place: &Place, address: &str) -> Running {
    begun(place, address, place.start(&["live"]))
}

/// Waits until a service that was started answers.
pub(crate) fn begun(place: &Place, address: &str, process: Child) -> Running {
    let mut running = Running(process);
    let begun = Instant::now();
    while !ask(place, address, &["get", "state"]).contains("exit 0") {
        assert_eq!(running.0.try_wait().unwrap(), None, "it has ended");
        assert!(begun.elapsed() < SOON, "it does not answer");
    }
    running
}

pub(crate) fn ask(place: &Place, address: &str, words: &[&str]) -> String {
    place.periplus(&[words, &["--api", address, "--token-file", "token"]].concat())
}

/// The number of commits of a branch.
pub(crate) fn commits(place: &Place, branch: &str) -> usize {
    let mut git = Command::new("git");
    git.arg("-C").arg(place.path("fleet.git")).args(["rev-list", "--count", branch, "--"]);
    let counted = git.env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
    String::from_utf8(counted.stdout).unwrap().trim().parse().unwrap_or(0)
}

#[test]
fn what_is_wrong_with_its_configuration_is_told_at_once() {
    let place = Place::new();
    place.write(
        "live.yaml",
        "state: state
mode: acts
intents: {path: intents, git: {url: a b}}
git: {url: fleet.git, windw: 5s, access: {user: me}}
signals:
- {name: edge, every: 1s, staleAfter: 1s, csv: {file: demand.csv}}
",
    );
    let first = place.periplus(&["live", "--check"]);
    let text = place.read("live.yaml").replace("acts", "act").replace(", windw: 5s", "");
    place.write("live.yaml", &text);
    let second = place.periplus(&["live", "--check"]);
    assert_snapshot!(format!("{first}\n{second}"));
}

#[test]
fn what_is_declared_is_checked_with_it() {
    let (place, _) = configured("act");
    assert!(place.periplus(&["live", "--check"]).ends_with("exit 0\n"));
    place.write("intents/more.yaml", "apiVersion: periplus.dev/v1alpha1\nkind: Zone\n");
    let told = place.periplus(&["live", "--check"]);
    assert!(told.contains("more.yaml") && told.ends_with("exit 2\n"), "{told}");
}

#[test]
fn a_service_that_has_never_written_removes_nothing_of_another() {
    let (place, address) = configured("act");
    let told = place.periplus(&["sim", "intents/harbour.yaml", "--git", "fleet.git"]);
    assert!(told.ends_with("exit 0\n"), "{told}");
    let before = commits(&place, "main");
    let refused = place.periplus(&["live"]);
    assert!(refused.contains("this service has never written"), "{refused}");
    assert!(refused.contains("--replace-files") && refused.ends_with("exit 4\n"), "{refused}");
    assert_eq!(commits(&place, "main"), before);
    // Whoever only observes may look.
    let observed = configure(&place, "observe");
    drop(start(&place, &observed));
    assert_eq!(commits(&place, "main"), before);
    assert_ne!(address, observed);
}

#[test]
fn who_observes_is_paused_until_the_mode_is_another() {
    let (place, address) = configured("observe");
    let running = start(&place, &address);
    let told = ask(&place, &address, &["get", "state"]);
    assert!(told.contains("mode observe") && told.contains("paused"), "{told}");
    let refused = ask(&place, &address, &["resume"]);
    assert!(refused.contains("mode: act") && refused.ends_with("exit 2\n"), "{refused}");
    assert_eq!(commits(&place, "main"), 0);
    drop(running);

    let address = configure(&place, "act");
    let running = start(&place, &address);
    assert!(!ask(&place, &address, &["get", "state"]).contains("paused"));
    wait(&place, "main");
    assert!(ask(&place, &address, &["pause"]).ends_with("exit 0\n"));
    drop(running);
    // What an operator said holds.
    let running = start(&place, &address);
    assert!(ask(&place, &address, &["get", "state"]).contains("paused"));
    drop(running);
}

#[test]
fn proposals_begin_at_the_branch_that_clusters_pull() {
    let (place, address) = configured("act");
    drop((start(&place, &address), wait(&place, "main")));
    let before = commits(&place, "main");
    let address = configure(&place, "propose");
    let running = start(&place, &address);
    assert!(ask(&place, &address, &["cordon", "cloud"]).ends_with("exit 0\n"));
    let told = ask(&place, &address, &["get", "clusters"]);
    assert!(told.contains("cordoned"), "{told}");
    // What a new cluster pulls is written to the branch for proposals, on top of what is there.
    place.write(
        "intents/more.yaml",
        "apiVersion: periplus.dev/v1alpha1\nkind: Cluster\nmetadata: {name: more}\nspec:\n  location: {latitude: 43, longitude: 5}\n  \
         nodePools: [{nodes: 1, capacity: {cpu: 4, memory: 8Gi}}]\n",
    );
    wait(&place, "periplus");
    assert_eq!(commits(&place, "main"), before);
    assert!(commits(&place, "periplus") > before);
    drop(running);
}

/// Waits until a branch has a commit.
fn wait(place: &Place, branch: &str) {
    let begun = Instant::now();
    while commits(place, branch) == 0 {
        assert!(begun.elapsed() < SOON, "{branch} has no commit");
        std::thread::yield_now();
    }
}

#[test]
fn what_reports_on_a_cluster_may_read_and_change_nothing() {
    let place = Place::new();
    let asked = ["bootstrap", "harbour.yaml", "--cluster", "edge-harbour", "--reporter"];
    let told = place.periplus(&asked);
    let yaml = told.lines().filter(|line| !line.starts_with("$ ") && !line.starts_with("exit "));
    let yaml: String = yaml.map(|line| format!("{line}\n")).collect();
    let objects: Vec<serde_json::Value> = serde_saphyr::from_multiple(&yaml).unwrap();
    let of = |kind: &str| objects.iter().find(|object| object["kind"] == kind).unwrap();
    let rules = of("ClusterRole")["rules"].as_array().unwrap();
    for rule in rules {
        let verbs = rule["verbs"].as_array().unwrap();
        assert!(
            verbs.iter().all(|verb| ["list", "watch", "get"].contains(&verb.as_str().unwrap()))
        );
        assert!(!rule.to_string().contains("secrets"), "{rule}");
    }
    // Each is called as the others call it.
    let pod = &of("Deployment")["spec"]["template"]["spec"];
    let account = &of("ServiceAccount")["metadata"];
    assert_eq!(of("ClusterRoleBinding")["subjects"][0]["name"], account["name"]);
    assert_eq!(of("ClusterRoleBinding")["roleRef"]["name"], of("ClusterRole")["metadata"]["name"]);
    assert_eq!(pod["serviceAccountName"], account["name"]);
    assert_eq!(pod["volumes"][0]["secret"]["secretName"], of("Secret")["metadata"]["name"]);
    assert_eq!(of("Alert")["spec"]["providerRef"]["name"], of("Provider")["metadata"]["name"]);
    let address = of("Provider")["spec"]["address"].as_str().unwrap();
    assert!(address.ends_with("/v1/alerts/edge-harbour"), "{address}");
    // What it is begun with is understood, and the key that is to be replaced is none.
    let args = pod["containers"][0]["args"].as_array().unwrap();
    place.write("key", of("Secret")["stringData"]["key"].as_str().unwrap());
    let key = format!("--key-file={}", place.path("key").display());
    let args = args.iter().map(|arg| arg.as_str().unwrap());
    let args: Vec<&str> =
        args.map(|arg| if arg.starts_with("--key-file") { &key } else { arg }).collect();
    let refused = place.periplus(&args);
    assert!(refused.contains("holds no key") && refused.ends_with("exit 2\n"), "{refused}");
    let open = [&args[..2], &["--hub", "http://hub.example", &key]].concat();
    let refused = place.periplus(&open);
    assert!(refused.contains("no address that reports go to"), "{refused}");
}

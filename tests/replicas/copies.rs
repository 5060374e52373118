//! Replicas with folders of their own: the leader is killed at many points, and what showed of its log is in that of who goes on.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use periplus_core::Record;
use periplus_core::units::Span;
use periplus_emit::Renderer;
use periplus_emit::Repository;
use periplus_git::files;
use periplus_journal::Reader;
use periplus_live::delivery::Routes;
use periplus_live::desk::{Desk, Setup};
use periplus_support::real::until;
use serde_json::Value;

use crate::world::{Replica, SOON, STARTS, World, ask, configuration, free_port, replay};

/// Two replicas, each of which has a folder.
struct Pair {
    world: World,
    ports: [u16; 2],
    replication: &'static str,
}

const NAMES: [&str; 2] = ["one", "two"];

/// A commit, as its trailers have it.
#[derive(Debug)]
struct Commit {
    epoch: u64,
    seq: u64,
    digest: Option<(String, usize)>,
    decisions: Vec<usize>,
}

impl Pair {
    fn new(replication: &'static str) -> Self {
        let world = World::new();
        // One second, so that there is much to write at any time.
        let file = world.home.path().join("intents/harbour.yaml");
        let text = fs::read_to_string(&file).unwrap();
        let quick = text.replace("dwell: 30s", "dwell: 1s").replace(
            "{dwell: 5m, scaleInAfter: 5m, reconsiderAfter: 5m}",
            "{dwell: 1s, scaleInAfter: 1s, reconsiderAfter: 1s}",
        );
        assert!(quick.matches("1s").count() > 3, "{quick}");
        fs::write(file, quick).unwrap();
        Self { world, ports: [free_port(), free_port()], replication }
    }

    fn start(&self, which: usize) -> Replica {
        let [one, two] = self.ports;
        let leader = format!(
            "  replication:
    replicas: ['http://127.0.0.1:{one}', 'http://127.0.0.1:{two}']
    tokenFile: ../token
    {}
",
            self.replication
        );
        let configured = |name: &str, port| configuration(name, port, "state", &leader);
        Replica::start_at(&self.world, configured, NAMES[which], self.ports[which])
    }

    fn state(&self, which: usize) -> PathBuf {
        self.world.home.path().join(NAMES[which]).join("state")
    }

    fn marks(&self) -> Value {
        let lease = self.world.hub.get("leases", "default", "periplus");
        lease.map(|lease| lease["metadata"]["annotations"].clone()).unwrap_or_default()
    }

    /// How many replicas are listed in the lease.
    fn listed(&self) -> usize {
        let marks = self.marks();
        let listed = marks["periplus.dev/whole"].as_str().unwrap_or_default();
        listed.split(',').filter(|name| !name.is_empty()).count()
    }

    async fn both_are_listed(&self) {
        until("both to be listed", SOON, async || (self.listed() == 2).then_some(())).await;
    }

    fn commits(&self) -> Vec<Commit> {
        let key = |key: &str| format!("%(trailers:key=Periplus-{key},valueonly,separator=%x2C)");
        let keys = ["Epoch", "Seq", "Digest", "Decision"].map(key).join("|");
        let told = self.world.git(&["log", "--reverse", &format!("--format={keys}"), "main"]);
        let told = String::from_utf8(told.stdout).unwrap();
        let commits = told.lines().filter(|line| !line.starts_with('|')).map(|line| {
            let [epoch, seq, digest, decisions] = line.split('|').collect::<Vec<_>>()[..] else {
                unreachable!("{line}")
            };
            let digest = digest.split_once('@');
            let decisions = decisions.split(' ').filter_map(|number| number.parse().ok());
            Commit {
                epoch: epoch.parse().unwrap(),
                seq: seq.parse().unwrap(),
                digest: digest.map(|(hash, at)| (hash.to_owned(), at.parse().unwrap())),
                decisions: decisions.collect(),
            }
        });
        commits.collect()
    }

    /// Each commit is of records that are in the log of a folder.
    fn each_commit_is_of_records(&self, which: usize) {
        let (log, began) = (records(&self.state(which)), epochs(&self.state(which)));
        for commit in self.commits() {
            let next = began.range(commit.epoch + 1..).next();
            let end = next.map_or(log.len() as u64, |next| *next.1);
            assert!(commit.seq <= end, "{commit:?} {began:?}");
            for decision in commit.decisions {
                assert!((decision as u64) < end && !log[decision].effects.is_empty(), "{decision}");
            }
            if let Some((digest, at)) = commit.digest {
                assert_eq!(log[at].digest.unwrap().to_string(), digest, "{at}");
            }
        }
    }

    /// The files in git are those that are decided in the log of a folder in which no service runs.
    fn writes_what_it_decided(&self, which: usize) {
        let url = self.world.home.path().join("fleet.git");
        let repository = Repository { url: url.display().to_string(), branch: "main".into() };
        let routes = Routes { pulled: repository.clone(), written: repository.clone(), base: None };
        let setup = Setup {
            intents: None,
            routes,
            window: Span(50),
            narrator: Box::new(()),
            made_by: String::new(),
        };
        let desk = Desk::open(&self.state(which), setup, 0).unwrap();
        let decided = Renderer::new(desk.intents().delivery(), &repository);
        let decided = decided.tree(desk.state()).unwrap();
        let mut written = files(&url, "main").unwrap();
        written.retain(|path, _| !path.starts_with(".owned/"));
        assert!(written.keys().any(|path| path.contains("/shop/")), "{:?}", written.keys());
        assert_eq!(written, decided);
    }
}

fn records(state: &Path) -> Vec<Record> {
    let log = Reader::open(&state.join("live.log")).unwrap();
    log.records().map(Result::unwrap).collect()
}

/// With which record each epoch of a log began.
fn epochs(state: &Path) -> BTreeMap<u64, u64> {
    let kept = fs::read(state.join("replica.json")).unwrap();
    let kept: Value = serde_json::from_slice(&kept).unwrap();
    let began = kept["epochs"].as_array().unwrap();
    began
        .iter()
        .map(|one| (one["epoch"].as_u64().unwrap(), one["from"].as_u64().unwrap()))
        .collect()
}

/// How far a log of a service that runs goes, by its metrics.
fn metric(replica: &Replica, name: &str) -> Option<f64> {
    let page = ask(replica.port, "GET", "/metrics", "").ok()?;
    let mut lines = page.lines().filter(|line| !line.starts_with('#'));
    lines.find_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        (series.split('{').next() == Some(name)).then(|| value.parse().ok())?
    })
}

async fn has_written_all(replica: &Replica) {
    let names = [
        "periplus_effects_outstanding",
        "periplus_repositories_flying",
        "periplus_repositories_waiting",
        "periplus_copies_held_records",
    ];
    let mut calm = 0;
    until("everything to be written", SOON, async || {
        let is_calm = names.iter().all(|name| metric(replica, name) == Some(0.0));
        calm = if is_calm { calm + 1 } else { 0 };
        (calm > 5).then_some(())
    })
    .await;
}

fn drain(port: u16, is_on: bool) -> bool {
    let word = if is_on { "drain" } else { "undrain" };
    let body = format!("{{\"command\":\"{word}\",\"cluster\":\"edge-harbour\"}}");
    let answer = ask(port, "POST", "/v1/commands", &body);
    answer.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

fn is_drained(replica: &Replica) -> bool {
    replica.answers("/v1/clusters/edge-harbour").contains("\"draining\":true")
}

/// Milliseconds from when there is much to do until the leader is killed.
const KILLED_AFTER: [u64; 8] = [0, 250, 500, 700, 900, 1_100, 1_400, 2_000];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_showed_of_a_killed_leader_is_in_the_log_of_the_next() {
    let pair = Pair::new("confirm: sync");
    pair.world.demand("harbour", 40);
    let mut leads = pair.start(0);
    leads.tells(STARTS, 1).await;
    let mut waits = pair.start(1);
    waits.tells("the leader's log is copied", 1).await;
    let ready = waits.answers("/readyz");
    assert!(ready.contains(" 503 ") && ready.contains("its copy has"), "{ready}");
    let metrics = waits.answers("/metrics");
    for told in ["{mode=\"standby\"} 1", "standby_records", "standby_whole 1", "standby_copying 1"]
    {
        assert!(metrics.contains(told), "{metrics}");
    }

    let mut who = 0;
    for (round, after) in KILLED_AFTER.into_iter().enumerate() {
        pair.both_are_listed().await;
        if round % 2 == 1 {
            // The standby is killed while it copies, and goes on from what it has.
            pair.world.demand("harbour", 300 + u32::try_from(after).unwrap());
            tokio::time::sleep(Duration::from_millis(after)).await;
            waits.child.kill().unwrap();
            waits.child.wait().unwrap();
            waits = pair.start(1 - who);
            has_written_all(&leads).await;
            pair.both_are_listed().await;
        }
        let starts = waits.log().matches(STARTS).count();
        pair.world.demand("harbour", if round % 2 == 0 { 400 } else { 40 });
        pair.world.demand("island", if round % 3 == 0 { 15 } else { 0 });
        let (port, is_on) = (leads.port, round % 2 == 0);
        let before = is_drained(&leads);
        let told = thread::spawn(move || drain(port, is_on));
        tokio::time::sleep(Duration::from_millis(after)).await;
        leads.child.kill().unwrap();
        leads.child.wait().unwrap();
        let killed = Instant::now();
        let is_told = told.join().unwrap();
        waits.tells(STARTS, starts + 1).await;
        let took = killed.elapsed();
        assert!(took < Duration::from_secs(30), "killed after {after} ms, led on after {took:?}");
        let is_now = until("an answer", SOON, async || {
            let ready = waits.answers("/healthz").contains(" 200 ");
            ready.then(|| is_drained(&waits))
        })
        .await;
        assert!(is_now == is_on || (!is_told && is_now == before), "{is_told} {is_now} {before}");
        // Who was killed keeps a copy from now on.
        who = 1 - who;
        let back = pair.start(1 - who);
        leads = std::mem::replace(&mut waits, back);
    }
    pair.both_are_listed().await;
    has_written_all(&leads).await;

    // A clean stop lets the other one go on at once, with everything.
    leads.signal("-TERM");
    assert!(leads.ends().await.success(), "{}", leads.log());
    let log = waits.log();
    waits.tells(STARTS, log.matches(STARTS).count() + 1).await;
    let ended = records(&pair.state(who)).len() as u64;
    assert_eq!(epochs(&pair.state(1 - who)).last_key_value().unwrap().1, &ended);
    has_written_all(&waits).await;
    waits.signal("-TERM");
    assert!(waits.ends().await.success(), "{}", waits.log());

    // Each epoch begins with a commit; others were made of what there was to do when a leader was killed.
    assert!(pair.commits().len() > KILLED_AFTER.len() + 4, "{:?}", pair.commits());
    pair.each_commit_is_of_records(1 - who);
    let (ours, theirs) = (records(&pair.state(who)), records(&pair.state(1 - who)));
    assert!(ours == theirs[..ours.len()], "one log is the beginning of the other");
    for which in [0, 1] {
        replay(&pair.state(which));
    }
    pair.writes_what_it_decided(1 - who);
    let checked = pair.world.git(&["fsck", "--strict", "--no-dangling"]);
    assert!(checked.status.success(), "{checked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_shows_that_a_listed_standby_has_not() {
    let pair = Pair::new("confirm: sync\n    aloneAfter: 60s");
    pair.world.demand("harbour", 40);
    let mut one = pair.start(0);
    one.tells(STARTS, 1).await;
    let mut two = pair.start(1);
    pair.both_are_listed().await;
    has_written_all(&one).await;

    two.signal("-STOP");
    until("it to be silent", SOON, async || {
        (metric(&one, "periplus_copy_connected") == Some(0.0)).then_some(())
    })
    .await;
    let before = pair.commits().len();
    pair.world.demand("harbour", 400);
    pair.world.demand("island", 15);
    let port = one.port;
    let told = thread::spawn(move || drain(port, true));
    let end = metric(&one, "periplus_log_next_record").unwrap();
    until("it to decide", SOON, async || {
        let now = metric(&one, "periplus_log_next_record").unwrap();
        (now > end + 60.0 && is_drained(&one)).then_some(())
    })
    .await;
    assert_eq!(pair.commits().len(), before);
    assert!(metric(&one, "periplus_copies_held_records") > Some(60.0));
    let ready = one.answers("/readyz");
    assert!(ready.contains(" 200 ") && ready.contains("waits for a standby"), "{ready}");

    one.child.kill().unwrap();
    one.child.wait().unwrap();
    assert!(!told.join().unwrap(), "a command is answered once a standby has it");
    let lost = records(&pair.state(0)).len();
    two.signal("-CONT");
    two.tells(STARTS, 1).await;
    assert_eq!(metric(&two, "periplus_stray_commits_total"), Some(0.0));
    let mut one = pair.start(0);
    one.tells("the log is set aside", 1).await;
    pair.both_are_listed().await;
    has_written_all(&two).await;
    two.signal("-TERM");
    assert!(two.ends().await.success(), "{}", two.log());
    one.tells(STARTS, 2).await;
    one.signal("-TERM");
    assert!(one.ends().await.success(), "{}", one.log());
    assert!(lost > 60, "{lost}");
    pair.each_commit_is_of_records(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_copied_of_a_killed_leader_is_set_aside_when_it_comes_back() {
    let pair = Pair::new("confirm: async");
    pair.world.demand("harbour", 40);
    let mut one = pair.start(0);
    one.tells(STARTS, 1).await;
    let mut two = pair.start(1);
    two.tells("the copy can be gone on with", 1).await;
    until("a commit", SOON, async || (!pair.commits().is_empty()).then_some(())).await;
    assert!(pair.marks()["periplus.dev/whole"].is_null(), "{}", pair.marks());

    // The standby stands still, and the leader goes on and writes.
    two.signal("-STOP");
    // The last answer to it is on its way, and is taken in when it goes on.
    until("it to be silent", SOON, async || {
        (metric(&one, "periplus_copy_connected") == Some(0.0)).then_some(())
    })
    .await;
    let has = metric(&one, "periplus_copy_acknowledged_record").unwrap();
    let before = pair.commits().len();
    pair.world.demand("harbour", 400);
    pair.world.demand("island", 15);
    assert!(drain(one.port, true));
    until("commits", SOON, async || (pair.commits().len() > before).then_some(())).await;
    until("many records", SOON, async || {
        let end = metric(&one, "periplus_log_next_record").unwrap();
        (end > has + 20.0).then_some(())
    })
    .await;
    one.child.kill().unwrap();
    one.child.wait().unwrap();
    let lost = records(&pair.state(0));
    two.signal("-CONT");
    two.tells(STARTS, 1).await;
    let from = *epochs(&pair.state(1)).last_key_value().unwrap().1;
    assert!(from + 20 < lost.len() as u64, "{from} {}", lost.len());
    assert!(!is_drained(&two), "the command was lost");
    until("it to be told in git", SOON, async || pair.world.epochs().contains(&2).then_some(()))
        .await;

    two.tells("a commit was made of records that were never copied here", 1).await;
    assert!(metric(&two, "periplus_stray_commits_total") > Some(0.0));

    // Who led comes back, with records that nobody else has.
    let mut one = pair.start(0);
    one.tells("the log is set aside", 1).await;
    one.tells("the copy can be gone on with", 1).await;
    let aside = pair.state(0).join(format!("parted/epoch-1-records-{from}-to-{}", lost.len() - 1));
    assert_eq!(records(&aside), lost);
    replay(&aside);
    assert!(aside.join("intents.json").exists());

    // It leads again, when the other one is killed.
    has_written_all(&two).await;
    two.child.kill().unwrap();
    two.child.wait().unwrap();
    let starts = one.log().matches(STARTS).count();
    one.tells(STARTS, starts + 1).await;
    has_written_all(&one).await;
    one.signal("-TERM");
    assert!(one.ends().await.success(), "{}", one.log());
    replay(&pair.state(0));
    pair.writes_what_it_decided(0);
    assert!(pair.world.epochs().is_sorted());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_went_on_alone_is_the_only_one_that_may_lead_again() {
    let pair = Pair::new("confirm: sync\n    aloneAfter: 2s");
    pair.world.demand("harbour", 40);
    let mut one = pair.start(0);
    one.tells(STARTS, 1).await;
    assert_eq!(metric(&one, "periplus_copies_alone"), Some(1.0));
    let mut two = pair.start(1);
    pair.both_are_listed().await;
    assert_eq!(metric(&one, "periplus_copies_alone"), Some(0.0));

    two.signal("-STOP");
    let asked = Instant::now();
    let port = one.port;
    let told = thread::spawn(move || drain(port, true));
    one.tells("it is waited for no more", 1).await;
    assert!(told.join().unwrap() && asked.elapsed() > Duration::from_millis(1_500));
    assert_eq!((pair.listed(), metric(&one, "periplus_copies_alone")), (1, Some(1.0)));
    let ready = one.answers("/readyz");
    assert!(ready.contains("only this one may lead again"), "{ready}");

    // The other one has less than what shows: it does not lead, however long nobody does.
    one.child.kill().unwrap();
    one.child.wait().unwrap();
    two.signal("-CONT");
    two.tells("nobody leads, and this one may not", 1).await;
    assert!(two.log().contains("has all that shows outside"), "{}", two.log());
    let mut one = pair.start(0);
    one.tells(STARTS, 2).await;
    assert!(!two.log().contains(STARTS));
    assert!(is_drained(&one));
    pair.both_are_listed().await;
}

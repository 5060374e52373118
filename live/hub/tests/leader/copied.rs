//! A copy of a leader's log, answer by answer: whatever breaks on the way, it is a beginning of the leader's that can be gone on
//! with, or it says that it cannot.

use std::fs;
use std::path::Path;
use std::time::Duration;

use periplus_core::units::Span;
use periplus_emit::Repository;
use periplus_journal::Reader;
use periplus_live::copy::{Confirm, Copies, Copy, Ledger, Refused, ReplicaFile, Standing, Taken};
use periplus_live::delivery::Routes;
use periplus_live::desk::{Desk, Setup};
use periplus_live::intents::{self, Intents};
use periplus_live::leader::{Began, Board};
use periplus_live::remembered::RememberedFile;
use periplus_live::sighting::{Measures, Rate, Sight, Sighting};
use tempfile::TempDir;

const HARBOUR: &str = include_str!("../../../../docs/guide/voyage/harbour.yaml");
/// When it begins, in milliseconds since 1970-01-01 UTC.
const NOW: i64 = 1_800_000_000_000;

/// A replica that leads.
struct Leader {
    home: TempDir,
    desk: Desk,
    copies: Copies,
    now: i64,
}

fn declared(home: &Path, now: i64) -> Intents {
    fs::create_dir_all(home.join("intents")).unwrap();
    fs::write(home.join("intents/harbour.yaml"), HARBOUR).unwrap();
    Intents::begin(intents::read(&home.join("intents")).unwrap(), now).unwrap()
}

fn setup(intents: Option<Intents>) -> Setup {
    let repository = Repository { url: "/fleet.git".into(), branch: "main".into() };
    let routes = Routes { pulled: repository.clone(), written: repository, base: None };
    let (narrator, made_by) = (Box::new(()), "a test".into());
    Setup { intents, routes, window: Span(50), narrator, made_by }
}

impl Leader {
    /// Leads in an epoch by what is in a folder.
    fn of(home: TempDir, name: &str, epoch: u64, now: i64) -> Self {
        let state = home.path();
        let memory = RememberedFile::below(state);
        memory.write(memory.read().unwrap().lead(epoch, Began::Expired).unwrap()).unwrap();
        let intents = (!Desk::has_begun(state)).then(|| declared(state, now));
        let file = ReplicaFile::below(state);
        let mut replica = file.open(name).unwrap();
        let log = Desk::log(state);
        let records = Reader::open(&log)
            .map_or(0, |log| log.last_seq().unwrap().map_or(0, |last| last.0 + 1));
        replica.epochs.begin(epoch, records);
        file.write(&replica).unwrap();
        let desk = Desk::open(state, setup(intents), now).unwrap();
        let end = desk.state().seq().0;
        let board = Board::default();
        let ledger = Ledger::new(Confirm::Async, Duration::from_secs(9), &replica.id, board, end);
        let copies = Copies::begin(state, replica, epoch, ledger, &desk).unwrap();
        Self { home, desk, copies, now }
    }

    /// Some more happens: so many times, users of a zone ask for so much.
    fn goes_on(&mut self, times: u32, rps: u64) {
        for step in 0..times {
            self.now += 1_000;
            let (app, zone) = ("shop".to_owned(), "harbour".to_owned());
            let rate = Rate { app, zone, milli_rps: (rps + u64::from(step)) * 1_000 };
            let (source, rates) = (format!("s{}", step % 3), vec![rate]);
            let sight = Sight::Demand { source, rates, measures: Measures::Offered };
            self.desk.see(&Sighting { as_of_unix_ms: self.now, sight }, self.now).unwrap();
            let _ = self.desk.turn(self.now).unwrap();
        }
        self.copies.publish(&self.desk).unwrap();
    }

    /// Something else is declared.
    fn declares(&mut self, from: &str, to: &str) {
        self.now += 1_000;
        let folder = self.home.path().join("intents");
        let text = fs::read_to_string(folder.join("harbour.yaml")).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(folder.join("harbour.yaml"), text.replacen(from, to, 1)).unwrap();
        let changed = self.desk.declare(intents::read(&folder).unwrap(), self.now).unwrap();
        assert!(!changed.unwrap().is_empty());
        let _ = self.desk.turn(self.now).unwrap();
        self.copies.publish(&self.desk).unwrap();
    }

    /// It is stopped in order, and leads again in another epoch.
    fn again(self, epoch: u64) -> Self {
        let Self { home, desk, copies, now } = self;
        desk.finish().unwrap();
        drop(copies);
        Self::of(home, "a", epoch, now)
    }

    fn answer(&self, copy: &Copy) -> Vec<u8> {
        let asked = copy.asks();
        let parted = self.copies.hear(&asked).unwrap();
        self.copies.answer(&asked, parted).unwrap()
    }

    /// Everything is copied.
    fn gives(&self, copy: &mut Copy) {
        while !matches!(copy.take(&self.answer(copy)).unwrap(), Taken::Records(0)) {}
    }
}

fn open(state: &Path, name: &str) -> Copy {
    Copy::open(state, name, &Standing::default()).unwrap()
}

/// A service that is started with what is in a folder now believes what the leader believes.
fn believes_the_same(state: &Path, leader: &Leader) {
    let elsewhere = TempDir::new().unwrap();
    let copied = std::process::Command::new("cp")
        .args(["-r", &format!("{}/.", state.display())])
        .arg(elsewhere.path())
        .status();
    assert!(copied.unwrap().success());
    let mut desk = Desk::open(elsewhere.path(), setup(None), leader.now).unwrap();
    assert_eq!(desk.identity(), leader.desk.identity());
    assert_eq!(desk.state().seq(), leader.desk.state().seq());
    let digest = |desk: &Desk| desk.state().clone().digest();
    assert_eq!(digest(&desk), digest(&leader.desk));
    assert_eq!(desk.intents().declared().len(), leader.desk.intents().declared().len());
    let _ = desk.turn(leader.now).unwrap();
}

fn bytes(state: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    let log = Reader::open(&Desk::log(state)).unwrap();
    let mut records = log.records_from(log.begins().unwrap());
    while records.frame(&mut all).unwrap() {}
    all
}

#[test]
fn a_copy_is_the_same_log_whatever_is_cut_off_or_changed_on_the_way() {
    let mut leader = Leader::of(TempDir::new().unwrap(), "a", 1, NOW);
    let home = TempDir::new().unwrap();
    let mut copy = open(home.path(), "b");
    for round in 0..6_u32 {
        leader.goes_on(5 + round * 7, u64::from(40 + round * 60));
        // What clusters report is taken beside the desk.
        fs::write(leader.home.path().join("reports.json"), format!("{{\"round\":{round}}}"))
            .unwrap();
        leader.goes_on(1, 55);
        if round > 1 {
            let (from, to) = (format!("dwell: {}s", 28 + round), format!("dwell: {}s", 29 + round));
            leader.declares(&from, &to);
            leader.goes_on(3, 70);
        }
        let (answer, had) = (leader.answer(&copy), copy.records());
        for cut in (0..answer.len()).step_by(1 + answer.len() / 50) {
            assert!(matches!(copy.take(&answer[..cut]), Err(Refused::Unfit(_))), "{cut}");
        }
        let head = answer.iter().position(|byte| *byte == b'\n').unwrap();
        for at in (head..answer.len()).step_by(1 + answer.len() / 50) {
            let mut changed = answer.clone();
            changed[at] ^= 4;
            assert!(matches!(copy.take(&changed), Err(Refused::Unfit(_))), "{at}");
        }
        assert_eq!(copy.records(), had);
        if round % 2 == 1 {
            // The standby was started anew.
            drop(copy);
            copy = open(home.path(), "b");
        }
        let taken = copy.take(&answer).unwrap();
        assert_eq!(taken, Taken::Records(leader.desk.state().seq().0 - had));
        // The same once more does not go on from where the copy is.
        assert!(matches!(copy.take(&answer), Err(Refused::Unfit(_))));
        assert_eq!(bytes(home.path()), bytes(leader.home.path()));
        for file in ["intents.json", "sources.json", "remembered.json", "reports.json"] {
            let read = |home: &Path| fs::read(home.join(file)).unwrap();
            assert_eq!(read(home.path()), read(leader.home.path()), "{file}");
        }
        assert_eq!(copy.replica().whole_from, 0);
        believes_the_same(home.path(), &leader);
    }
    // It has confirmed what it had when it asked last.
    let _ = leader.answer(&copy);
    let known = leader.copies.ledger().known(std::time::Instant::now());
    assert_eq!((known.len(), known[0].lacks), (1, 0));
}

#[test]
fn several_changes_of_what_is_declared_come_with_all_their_records() {
    let mut leader = Leader::of(TempDir::new().unwrap(), "a", 1, NOW);
    let home = TempDir::new().unwrap();
    let mut copy = open(home.path(), "b");
    leader.goes_on(4, 40);
    leader.gives(&mut copy);
    for second in 30..33 {
        leader.declares(&format!("dwell: {second}s"), &format!("dwell: {}s", second + 1));
        leader.goes_on(2, 50);
    }
    leader.gives(&mut copy);
    believes_the_same(home.path(), &leader);
}

#[test]
fn a_copy_of_a_log_that_let_go_of_its_first_records_begins_where_that_does() {
    let mut leader = Leader::of(TempDir::new().unwrap(), "a", 1, NOW);
    let (early, late) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut left_behind = open(early.path(), "b");
    leader.goes_on(12, 40);
    leader.gives(&mut left_behind);
    let had = bytes(early.path());
    for epoch in 2..5 {
        leader.goes_on(9, epoch * 50);
        leader.declares(&format!("dwell: {}s", 28 + epoch), &format!("dwell: {}s", 29 + epoch));
        leader = leader.again(epoch);
    }
    leader.goes_on(3, 40);
    let let_go = leader.desk.keeper().forget(periplus_core::units::Tick(u64::MAX)).unwrap();
    assert!(let_go.segments > 1, "{let_go:?}");
    let begins = Reader::open(&Desk::log(leader.home.path())).unwrap().begins().unwrap().0;
    assert!(begins > left_behind.records());

    let mut copy = open(late.path(), "c");
    leader.gives(&mut copy);
    assert_eq!(bytes(late.path()), bytes(leader.home.path()));
    believes_the_same(late.path(), &leader);
    // It is opened again, and goes on.
    drop(copy);
    let mut copy = open(late.path(), "c");
    leader.goes_on(5, 90);
    leader.gives(&mut copy);
    assert_eq!(bytes(late.path()), bytes(leader.home.path()));

    // What comes after the records of one that was away for long is kept no more.
    let Taken::Aside(aside) = left_behind.take(&leader.answer(&left_behind)).unwrap() else {
        unreachable!()
    };
    assert!(aside.display().to_string().contains("before-record"), "{}", aside.display());
    assert_eq!(bytes(&aside), had);
    leader.gives(&mut left_behind);
    assert_eq!(bytes(early.path()), bytes(leader.home.path()));
    believes_the_same(early.path(), &leader);
}

#[test]
fn records_that_nobody_else_has_are_set_aside_for_a_later_leader_only() {
    let mut first = Leader::of(TempDir::new().unwrap(), "a", 1, NOW);
    let home = TempDir::new().unwrap();
    let mut copy = open(home.path(), "b");
    first.goes_on(20, 40);
    first.gives(&mut copy);
    let shared = copy.records();
    first.goes_on(30, 400);
    first.declares("dwell: 30s", "dwell: 45s");
    let now = first.now;

    // The second one goes on with what it has.
    drop(copy);
    let mut second = Leader::of(home, "b", 2, now);
    second.goes_on(7, 90);
    assert_eq!(second.desk.state().is_paused(), first.desk.state().is_paused());

    // Who follows the second one takes nothing from the first any more, and sets nothing aside for it.
    let other = TempDir::new().unwrap();
    let mut third = open(other.path(), "c");
    second.gives(&mut third);
    let old = first.answer(&third);
    assert!(matches!(third.take(&old), Err(Refused::Old { epoch: 1, known: 2 })));

    // The first one comes back.
    let Leader { home: back, desk, copies, now: _ } = first;
    let before = bytes(back.path());
    desk.finish().unwrap();
    drop(copies);
    let standing = Standing::default();
    let mut copy = Copy::open(back.path(), "a", &standing).unwrap();
    let Taken::Aside(aside) = copy.take(&second.answer(&copy)).unwrap() else { unreachable!() };
    assert!(aside.display().to_string().contains(&format!("epoch-1-records-{shared}-to-")));
    assert_eq!(bytes(&aside), before);
    assert!(aside.join("intents.json").exists());
    assert_eq!(copy.records(), 0);
    // It is of no use until it has everything, also after a restart and without a lease.
    drop(copy);
    let mut copy = Copy::open(back.path(), "a", &standing).unwrap();
    let may = standing.may(Confirm::Async);
    assert!(may(&periplus_live::leader::Marks::default()).unwrap_err().contains("needs"));
    second.gives(&mut copy);
    may(&periplus_live::leader::Marks::default()).unwrap();
    assert_eq!(bytes(back.path()), bytes(second.home.path()));
    believes_the_same(back.path(), &second);
}

#[test]
fn a_log_of_something_else_is_neither_copied_nor_confirmed_nor_touched() {
    let mut leader = Leader::of(TempDir::new().unwrap(), "a", 5, NOW);
    leader.goes_on(9, 40);
    let other = Leader::of(TempDir::new().unwrap(), "b", 1, NOW + 77_000);
    let Leader { home, desk, copies, .. } = other;
    desk.finish().unwrap();
    drop(copies);
    let before = bytes(home.path());
    let mut copy = open(home.path(), "b");
    let taken = copy.take(&leader.answer(&copy));
    assert!(matches!(&taken, Err(Refused::Other { ours, theirs }) if ours != theirs), "{taken:?}");
    assert!(leader.copies.ledger().known(std::time::Instant::now()).is_empty());
    assert_eq!(bytes(home.path()), before);
}

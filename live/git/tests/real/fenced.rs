//! A writer whose epoch is over, in every order in which its pushes and those of who leads now may come.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use periplus_git::{Commit, Fault, Fence, Leads, Options, Outcome, RUN, Writer};

use crate::common::{Home, change, done, failed, git, numbered, options, said};

/// Our run, as commits say it.
const OURS: &str = "a-run";

fn fence(epoch: u64, leads: Leads) -> Fence {
    Fence { run: OURS.to_owned(), epoch, announce_below: epoch, leads, found: None }
}

fn always() -> Leads {
    Arc::new(|| true)
}

/// The writer of a process of its own: it shares nothing with others but the remote.
fn writer(home: &Home, fence: Fence) -> Writer {
    let cache = home.path().join(format!("cache-{}", fence.epoch));
    let options = Options { fence: Some(fence), ..options() };
    Writer::open(&cache, home.target(), options).unwrap()
}

/// What a run commits: a file that says who wrote it.
fn commit(number: u64, text: &str) -> Commit {
    let path = "deploy/edge-1/shop/0000-configmap-x.yaml";
    let mut commit = numbered(number, change(&[(path, Some(text))]));
    commit.trailers.insert(0, (RUN.to_owned(), OURS.to_owned()));
    commit
}

/// The epochs of our commits, the oldest first.
fn epochs(home: &Home) -> Vec<u64> {
    let format = "--format=%(trailers:key=Periplus-Epoch,valueonly,separator=%x2C)";
    let log = said(&git(&home.remote(), &["log", "--topo-order", "--reverse", format, "main"]));
    log.lines().filter(|line| !line.is_empty()).map(|line| line.parse().unwrap()).collect()
}

fn head(home: &Home) -> String {
    said(&git(&home.remote(), &["rev-parse", "main"]))
}

fn is_deposed(outcome: &Outcome) {
    assert!(matches!(failed(outcome), Fault::Deposed { .. }), "{outcome:?}");
}

/// Does something once: in the first push of who is asked whether it leads, between its look and its push. A writer asks
/// once when it has looked, and once more right before it pushes.
fn once_before_the_push(act: impl FnOnce() + Send + 'static) -> Leads {
    let (asked, act) = (AtomicBool::new(false), Mutex::new(Some(act)));
    Arc::new(move || {
        if asked.swap(true, Ordering::SeqCst) {
            let act = act.lock().unwrap_or_else(PoisonError::into_inner).take();
            act.into_iter().for_each(|act| act());
        }
        true
    })
}

/// A remote that is a folder to us, and one in which git itself takes what is pushed.
fn homes() -> [Arc<Home>; 2] {
    [Arc::new(Home::new()), Arc::new(Home::new().with_rules())]
}

#[test]
fn commits_say_their_epoch() {
    let home = Home::new();
    let mut first = writer(&home, fence(1, always()));
    let written = commit(1, "a");
    let out = done(&first.write(&written));
    assert_eq!(first.landed(&written).unwrap().commit, out);
    assert_eq!(done(&first.write(&written)), out, "it is not written again");
    done(&first.write(&commit(2, "b")));
    assert_eq!(epochs(&home), [1, 1]);
    home.is_sound();
}

#[test]
fn who_led_before_does_not_push_after_a_commit_of_who_leads_now() {
    for home in homes() {
        let mut old = writer(&home, fence(1, always()));
        done(&old.write(&commit(1, "a")));
        done(&writer(&home, fence(2, always())).write(&commit(2, "b")));
        let before = head(&home);
        is_deposed(&old.write(&commit(3, "c")));
        is_deposed(&old.write(&commit(1, "a")));
        assert_eq!(head(&home), before);
        // Not even when somebody takes away what it was told by.
        git(&home.remote(), &["update-ref", "refs/heads/main", "main~1"]);
        is_deposed(&old.write(&commit(4, "d")));
        assert_eq!(epochs(&home), [1]);
        home.is_sound();
    }
}

#[test]
fn nor_when_that_commit_comes_between_its_look_and_its_push() {
    for home in homes() {
        done(&writer(&home, fence(1, always())).write(&commit(1, "a")));
        let there = Arc::clone(&home);
        let leads = once_before_the_push(move || {
            done(&writer(&there, fence(2, always())).write(&commit(2, "b")));
        });
        is_deposed(&writer(&home, fence(1, leads)).write(&commit(3, "c")));
        assert_eq!(epochs(&home), [1, 2]);
        home.is_sound();
    }
}

#[test]
fn a_branch_that_needs_no_change_tells_that_another_leads() {
    for home in homes() {
        let mut old = writer(&home, fence(1, always()));
        done(&old.write(&commit(1, "a")));
        let files = home.files("main");
        let mut new = writer(&home, fence(2, always()));
        done(&new.write(&commit(2, "a")));
        assert_eq!(home.files("main"), files);
        let told = said(&git(&home.remote(), &["log", "-1", "--format=%s", "main"]));
        assert_eq!(told, "Epoch 2 begins");
        is_deposed(&old.write(&commit(3, "c")));
        // Once is enough.
        assert!(matches!(new.write(&commit(4, "a")), Outcome::Unchanged { .. }));
        assert_eq!(epochs(&home), [1, 2]);
        home.is_sound();
    }
}

#[test]
fn where_nobody_is_to_be_kept_out_nothing_is_told_without_need() {
    let home = Home::new();
    done(&writer(&home, fence(1, always())).write(&commit(1, "a")));
    // Who led in epoch 1 has ended in order.
    let quiet = Fence { announce_below: 0, ..fence(2, always()) };
    let mut next = writer(&home, quiet);
    assert!(matches!(next.write(&commit(2, "a")), Outcome::Unchanged { .. }));
    assert_eq!(epochs(&home), [1]);
    // A branch that we never wrote to is left alone as well.
    let other = Home::new();
    git(other.path(), &["clone", "--quiet", "remote.git", "clone"]);
    let clone = other.path().join("clone");
    git(&clone, &["commit", "--quiet", "--allow-empty", "-m", "begin"]);
    git(&clone, &["push", "--quiet", "origin", "HEAD:main"]);
    let nothing = Commit { change: change(&[]), ..commit(1, "") };
    let outcome = writer(&other, fence(2, always())).write(&nothing);
    assert!(matches!(outcome, Outcome::Unchanged { .. }), "{outcome:?}");
}

#[test]
fn a_push_that_comes_before_the_look_of_who_leads_now_is_put_right() {
    for home in homes() {
        let mut old = writer(&home, fence(1, always()));
        done(&old.write(&commit(1, "a")));
        let mut new = writer(&home, fence(2, always()));
        done(&old.write(&commit(2, "late")));
        done(&new.write(&commit(3, "b")));
        assert_eq!(home.files("main").values().next_back().unwrap(), b"b");
        is_deposed(&old.write(&commit(4, "c")));
        assert_eq!(epochs(&home), [1, 1, 2]);
    }
}

#[test]
fn a_push_that_comes_after_the_look_of_who_leads_now_is_found_and_put_right_by_the_next() {
    for home in homes() {
        let mut old = writer(&home, fence(1, always()));
        done(&old.write(&commit(1, "a")));
        let mut new = writer(&home, fence(2, always()));
        // What is to go was settled by what it saw here.
        let _ = new.owned().unwrap();
        done(&old.write(&commit(2, "late")));
        is_deposed(&new.write(&commit(3, "b")));
        done(&writer(&home, fence(3, always())).write(&commit(3, "b")));
        is_deposed(&old.write(&commit(4, "c")));
        assert_eq!(epochs(&home), [1, 1, 3]);
        home.is_sound();
    }
}

#[test]
fn a_push_that_comes_between_the_look_and_the_push_of_who_leads_now_is_found_too() {
    for home in homes() {
        done(&writer(&home, fence(1, always())).write(&commit(1, "a")));
        let there = Arc::clone(&home);
        let leads = once_before_the_push(move || {
            done(&writer(&there, fence(1, always())).write(&commit(2, "late")));
        });
        is_deposed(&writer(&home, fence(2, leads)).write(&commit(3, "b")));
        assert_eq!(epochs(&home), [1, 1]);
        home.is_sound();
    }
}

#[test]
fn who_is_told_that_it_leads_no_more_pushes_nothing() {
    for home in homes() {
        done(&writer(&home, fence(1, always())).write(&commit(1, "a")));
        let before = head(&home);
        is_deposed(&writer(&home, fence(2, Arc::new(|| false))).write(&commit(2, "b")));
        // It is told after it has looked.
        let asked = AtomicBool::new(false);
        let leads: Leads = Arc::new(move || !asked.swap(true, Ordering::SeqCst));
        is_deposed(&writer(&home, fence(3, leads)).write(&commit(2, "b")));
        assert_eq!(head(&home), before);
    }
}

#[test]
fn commits_of_others_and_rewritten_branches_do_not_end_an_epoch() {
    let home = Home::new();
    let mut ours = writer(&home, fence(2, always()));
    done(&ours.write(&commit(1, "a")));
    done(&ours.write(&commit(2, "b")));
    git(home.path(), &["clone", "--quiet", "remote.git", "clone"]);
    let clone = home.path().join("clone");
    git(&clone, &["commit", "--quiet", "--allow-empty", "-m", "somebody else's"]);
    // Somebody brings back what we wrote before, trailers included.
    git(&clone, &["cherry-pick", "--allow-empty", "--keep-redundant-commits", "HEAD~1"]);
    git(&clone, &["push", "--quiet", "origin", "HEAD:main"]);
    done(&ours.write(&commit(3, "c")));
    git(&clone, &["fetch", "--quiet"]);
    git(&clone, &["reset", "--quiet", "--hard", "HEAD~2"]);
    git(&clone, &["commit", "--quiet", "--amend", "-m", "all of it in one"]);
    git(&clone, &["push", "--quiet", "--force", "origin", "HEAD:main"]);
    done(&ours.write(&commit(4, "d")));
    home.is_sound();
}

#[test]
fn two_who_write_at_once_never_come_back_to_an_earlier_epoch() {
    for round in 0..12 {
        let home = Home::new();
        done(&writer(&home, fence(1, always())).write(&commit(1, "a")));
        let outcomes = std::thread::scope(|scope| {
            let all: Vec<_> = (1..=3)
                .map(|epoch| {
                    let home = &home;
                    scope.spawn(move || {
                        let mut writer = writer(home, fence(epoch, always()));
                        let number = |push: u64| 10 * epoch + push;
                        let text = |push| format!("{epoch} {push} {round}");
                        let write = |push| writer.write(&commit(number(push), &text(push)));
                        (1..=6).map(write).collect::<Vec<_>>()
                    })
                })
                .collect();
            all.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
        });
        let landed = outcomes.iter().flatten().filter(|one| matches!(one, Outcome::Done { .. }));
        let epochs = epochs(&home);
        assert_eq!(epochs.len(), 1 + landed.count());
        assert!(epochs.is_sorted(), "{epochs:?}");
        for outcome in outcomes.iter().flatten() {
            if !matches!(outcome, Outcome::Done { .. }) {
                is_deposed(outcome);
            }
        }
        home.is_sound();
    }
}

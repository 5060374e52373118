//! Replicas that share a folder.

use periplus_support::real::until;

use crate::world::{Replica, SOON, STARTS, World, replay, shared};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_stood_still_ends_and_has_pushed_nothing() {
    let world = World::new();
    world.demand("harbour", 40);
    let mut first = Replica::start(&world, shared, "first");
    first.tells(STARTS, 1).await;
    until("a commit", SOON, async || (!world.epochs().is_empty()).then_some(())).await;
    let mut second = Replica::start(&world, shared, "second");
    second.tells("waiting to lead", 1).await;
    assert!(second.answers("/healthz").contains(" 200 "));
    assert!(second.answers("/readyz").contains(" 503 "));
    assert_eq!(world.leader().as_deref(), Some("first"));

    // It stands still with much to do, and another leads meanwhile.
    first.signal("-STOP");
    let before = world.epochs();
    assert!(before.iter().all(|epoch| *epoch == 1), "{before:?}");
    world.demand("harbour", 400);
    world.demand("island", 15);
    second.tells("another process holds the log", 1).await;
    assert_eq!(world.leader().as_deref(), Some("second"));
    assert!(!second.log().contains(STARTS));
    assert!(second.answers("/readyz").contains(" 503 "));

    first.signal("-CONT");
    let ended = first.ends().await;
    assert_eq!(ended.code(), Some(4), "{}", first.log());
    assert!(first.log().contains("leads no more"), "{}", first.log());
    second.tells(STARTS, 1).await;
    until("a commit of who leads now", SOON, async || world.epochs().contains(&2).then_some(()))
        .await;
    let epochs = world.epochs();
    assert_eq!(epochs.iter().filter(|epoch| **epoch == 1).count(), before.len(), "{epochs:?}");

    // Who leads now is killed, and the one before leads again.
    let mut third = Replica::start(&world, shared, "third");
    third.tells("waiting to lead", 1).await;
    second.child.kill().unwrap();
    third.tells(STARTS, 1).await;
    until("it to be told in git", SOON, async || world.epochs().contains(&3).then_some(())).await;
    assert!(world.epochs().is_sorted());

    // A clean stop lets the next one lead at once, and makes no commit.
    let mut fourth = Replica::start(&world, shared, "fourth");
    fourth.tells("waiting to lead", 1).await;
    third.signal("-TERM");
    let ended = third.ends().await;
    assert!(ended.success(), "{}", third.log());
    fourth.tells(STARTS, 1).await;
    assert!(fourth.log().contains("Released"), "{}", fourth.log());
    fourth.signal("-TERM");
    assert!(fourth.ends().await.success(), "{}", fourth.log());
    assert_eq!(world.leader(), None);

    replay(&world.home.path().join("state"));
    let checked = world.git(&["fsck", "--strict", "--no-dangling"]);
    assert!(checked.status.success(), "{checked:?}");
}

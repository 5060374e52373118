//! Two replicas: one leads, and one that stood still while the other took over ends, and has written nothing.

use std::time::Duration;

use periplus_support::real::until;

use crate::fleet::Fleet;
use crate::hub::{Hub, SOON};

/// Longer than a push takes, and shorter than others wait for a leader.
const LANDED: Duration = Duration::from_secs(3);

pub(crate) async fn fight(fleet: &Fleet) {
    eprintln!("two replicas fight");
    let mut first = fleet.start_replica("first");
    leads(&mut first).await;
    let mut second = fleet.start_replica("second");
    fleet.front.leads_to(first.port());
    tells(&mut second, "waiting to lead").await;
    fleet.demand(40, 0);
    crate::serves(fleet, &mut first).await;

    // It stands still with much to do.
    first.signal("-STOP");
    // What was on its way to the repository lands, by programs that it has started.
    tokio::time::sleep(LANDED).await;
    let before = fleet.epochs();
    fleet.demand(0, 30);
    tells(&mut second, "another process holds the log").await;
    first.signal("-CONT");
    let ended = first.ends().await;
    assert_eq!(ended.code(), Some(4), "{}", first.log());
    leads(&mut second).await;
    fleet.front.leads_to(second.port());
    crate::gone_from("edge-harbour", fleet, &mut second).await;
    let after = fleet.epochs();
    assert!(after.is_sorted() && after.len() > before.len(), "{before:?}, {after:?}");
    let (old, new) = after.split_at(before.len());
    assert_eq!(old, before);
    assert!(new.iter().all(|epoch| Some(epoch) > old.last()), "{before:?}, {after:?}");

    // Another waits, and the one that leads goes.
    let mut third = fleet.start_replica("third");
    tells(&mut third, "waiting to lead").await;
    fleet.demand(0, 0);
    second.stop().await;
    leads(&mut third).await;
    crate::gone(fleet, &mut third).await;
    third.stop().await;
}

async fn leads(hub: &mut Hub) {
    tells(hub, "the service starts").await;
}

async fn tells(hub: &mut Hub, words: &str) {
    until(words, SOON, async || {
        hub.is_there();
        hub.told(words).then_some(())
    })
    .await;
}

//! Two who may lead, and an API that fails in every way: one leads at most, at any time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use kube::Config;
use periplus_live::clusters::Source;
use periplus_live::leader::{Began, Election, Elector, Leadership, Lost, Spans};
use periplus_live::service::{Clock, Wall};
use periplus_support::emulated::{Cluster, Emulator};
use periplus_support::real::until;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::line::{Line, State};
use crate::timeline::Timeline;

/// Long enough for a busy machine to renew in, short enough to be waited for.
pub(crate) const SPANS: Spans = Spans {
    lease: Duration::from_secs(3),
    renew: Duration::from_secs(2),
    retry: Duration::from_millis(100),
};
/// How long anything may take on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(60);
const NAMESPACE: &str = "default";
const NAME: &str = "periplus";

pub(crate) fn election(config: Config, who: &str) -> Election {
    Election {
        source: Source::Loaded(Arc::new(move || Ok(config.clone()))),
        namespace: NAMESPACE.to_owned(),
        name: NAME.to_owned(),
        identity: who.to_owned(),
        spans: SPANS,
    }
}

pub(crate) fn elector(config: Config, who: &str) -> Elector {
    Elector::new(election(config, who), Arc::new(|| 0), Arc::new(Wall))
}

pub(crate) async fn leads(elector: Elector) -> Leadership {
    timeout(SOON, elector.run()).await.expect("it leads")
}

async fn lost(leadership: &mut Leadership) -> Lost {
    timeout(SOON, leadership.lost()).await.expect("it is lost")
}

fn lease(cluster: &Cluster) -> Value {
    cluster.get("leases", NAMESPACE, NAME).unwrap()
}

fn holder(cluster: &Cluster) -> String {
    lease(cluster)["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned()
}

/// Writes to the spec of the lease, as somebody does with `kubectl edit`.
fn edit(cluster: &Cluster, change: impl FnOnce(&mut Value)) {
    let mut there = lease(cluster);
    change(&mut there);
    cluster.put(there);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_first_leads_and_who_comes_next_waits_until_it_is_released() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster("hub");
    let timeline = Timeline::new();
    let first = elector(cluster.config(), "first");
    let identity = first.identity().to_owned();
    let first = leads(first).await;
    timeline.watch("first", &first);
    assert_eq!((first.epoch(), first.began()), (1, Began::Made));
    let spec = &lease(&cluster)["spec"];
    assert_eq!(spec["holderIdentity"], json!(identity));
    assert_eq!(spec["leaseDurationSeconds"], json!(3));
    assert_eq!(spec["leaseTransitions"], json!(0));

    let mut second = tokio::spawn(elector(cluster.config(), "second").run());
    assert!(timeout(SPANS.lease * 2, &mut second).await.is_err(), "one leads already");
    assert!(first.leads()() && holder(&cluster) == identity);

    let before = Instant::now();
    let asks = first.leads();
    first.release().await;
    assert!(!asks());
    let second = timeout(SOON, second).await.unwrap().unwrap();
    timeline.watch("second", &second);
    let took = before.elapsed();
    assert!(took < SPANS.renew, "what is released is free at once, not after {took:?}");
    assert_eq!((second.epoch(), second.began()), (2, Began::Released));
    assert_eq!(lease(&cluster)["spec"]["leaseTransitions"], json!(1));
    timeline.holds();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_come_and_go_never_lead_together_and_every_epoch_is_new() {
    const TERMS: u64 = 4;
    let emulator = Emulator::start();
    let cluster = emulator.cluster("hub");
    let timeline = Arc::new(Timeline::new());
    let all = (0..3_u64).map(|who| {
        let (cluster, timeline) = (cluster.clone(), Arc::clone(&timeline));
        tokio::spawn(async move {
            let mut epochs = Vec::new();
            for term in 0..TERMS {
                let name = format!("replica-{who}");
                let leadership = elector(cluster.config(), &name).run().await;
                timeline.watch(&name, &leadership);
                epochs.push(leadership.epoch());
                sleep(Duration::from_millis(37 * (1 + (term + who) % 4))).await;
                if (term + who) % 3 == 0 {
                    // As a crash does it: nobody is told.
                    drop(leadership);
                } else {
                    leadership.release().await;
                }
            }
            epochs
        })
    });
    let epochs = timeout(SOON * 2, join_all(all)).await.unwrap();
    let mut epochs: Vec<u64> = epochs.into_iter().flat_map(Result::unwrap).collect();
    epochs.sort_unstable();
    assert_eq!(epochs, (1..=3 * TERMS).collect::<Vec<_>>());
    assert_eq!(lease(&cluster)["spec"]["leaseTransitions"], json!(3 * TERMS - 1));
    Arc::into_inner(timeline).unwrap().holds();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_reach_the_api_leads_no_more_before_its_lease_is_over() {
    type Trouble = fn(&Cluster);
    let troubles: [(&str, Trouble); 5] = [
        ("silent", Cluster::silence),
        ("cut", Cluster::cut),
        ("refusing", Cluster::refuse),
        ("throttled", |cluster| cluster.throttle(u32::MAX)),
        ("stranger", |cluster| cluster.set_token("another")),
    ];
    let emulator = Emulator::start();
    let all = troubles.map(|(name, trouble)| {
        let cluster = emulator.cluster(name);
        async move {
            let (config, token, timeline) = (cluster.config(), cluster.token(), Timeline::new());
            let mut first = leads(elector(config.clone(), "first")).await;
            timeline.watch("first", &first);
            let asks = first.leads();
            // Some renewals go well.
            sleep(SPANS.retry * 5).await;
            trouble(&cluster);
            let since = Instant::now();
            let why = lost(&mut first).await;
            let took = since.elapsed();
            assert!(!asks(), "{name}");
            assert!(
                matches!(&why, Lost::Silence { within, .. } if *within == SPANS.renew),
                "{why}"
            );
            assert!(took <= SPANS.renew + SPANS.margin() / 2, "{name}: {took:?}");
            let second = tokio::spawn(elector(config, "second").run());
            cluster.heal();
            cluster.set_token(&token);
            let second = timeout(SOON, second).await.unwrap().unwrap();
            timeline.watch("second", &second);
            assert_eq!((second.epoch(), second.began()), (2, Began::Expired), "{name}");
            timeline.holds();
        }
    });
    join_all(all).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_cut_off_alone_stops_before_another_leads() {
    let emulator = Emulator::start();
    let all = [State::Cut, State::Held, State::Mute].map(|state| {
        let cluster = emulator.cluster(&format!("{state:?}").to_lowercase());
        async move {
            let timeline = Timeline::new();
            let (line, config) = Line::to(cluster.config()).await;
            let mut first = leads(elector(config, "first")).await;
            timeline.watch("first", &first);
            let second = tokio::spawn(elector(cluster.config(), "second").run());
            sleep(SPANS.retry * 3).await;
            line.is(state);
            assert!(matches!(lost(&mut first).await, Lost::Silence { .. }), "{state:?}");
            let second = timeout(SOON, second).await.unwrap().unwrap();
            timeline.watch("second", &second);
            assert_eq!((second.epoch(), second.began()), (2, Began::Expired));
            // What was held arrives late, and changes nothing.
            let there = holder(&cluster);
            line.is(State::Well);
            sleep(SPANS.retry * 5).await;
            assert_eq!(holder(&cluster), there);
            assert!(second.leads()());
            timeline.holds();
        }
    });
    join_all(all).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_trouble_ends_no_term() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster("hub");
    let leadership = leads(elector(cluster.config(), "first")).await;
    let asks = leadership.leads();
    cluster.throttle(3);
    sleep(SPANS.retry * 10).await;
    cluster.silence();
    sleep(SPANS.renew / 4).await;
    cluster.heal();
    // Somebody else writes something to the lease.
    edit(&cluster, |lease| lease["metadata"]["annotations"] = json!({ "note": "a" }));
    sleep(SPANS.lease * 2).await;
    assert!(asks());
    assert_eq!(lease(&cluster)["metadata"]["annotations"]["note"], json!("a"));
}

/// A clock that somebody sets again and again.
#[derive(Debug)]
struct Jumping(AtomicI64);

impl Clock for Jumping {
    fn now_unix_ms(&self) -> i64 {
        const YEAR_MS: i64 = 365 * 24 * 3_600_000;
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        Wall.now_unix_ms() + [-40, 90, 0, 7][usize::try_from(number % 4).unwrap()] * YEAR_MS
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_may_be_wrong_and_jump() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster("hub");
    let timeline = Timeline::new();
    let elector = |who, jump| {
        let clock = Arc::new(Jumping(AtomicI64::new(jump)));
        Elector::new(election(cluster.config(), who), Arc::new(|| 0), clock)
    };
    let first = leads(elector("first", 0)).await;
    timeline.watch("first", &first);
    let mut second = tokio::spawn(elector("second", 1).run());
    assert!(timeout(SPANS.lease * 2, &mut second).await.is_err());
    assert!(first.leads()());
    drop(first);
    let second = timeout(SOON, second).await.unwrap().unwrap();
    timeline.watch("second", &second);
    assert_eq!(second.epoch(), 2);
    timeline.holds();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_is_deleted_is_not_free_before_its_holder_has_stopped() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster("hub");
    let timeline = Timeline::new();
    let mut first = leads(elector(cluster.config(), "first")).await;
    timeline.watch("first", &first);
    // It knows from elsewhere that epoch 7 was there already.
    let second = Elector::new(election(cluster.config(), "second"), Arc::new(|| 7), Arc::new(Wall));
    let second = tokio::spawn(second.run());
    until("the second to look", SOON, async || (cluster.asked("get", "leases") > 4).then_some(()))
        .await;
    assert!(cluster.delete("leases", NAMESPACE, NAME));
    assert_eq!(lost(&mut first).await, Lost::Gone);
    let second = timeout(SOON, second).await.unwrap().unwrap();
    timeline.watch("second", &second);
    assert_eq!((second.epoch(), second.began()), (8, Began::Made));
    assert_eq!(lease(&cluster)["spec"]["leaseTransitions"], json!(7));
    timeline.holds();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sees_another_in_its_lease_leads_no_more() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster("hub");
    let mut first = leads(elector(cluster.config(), "first")).await;
    edit(&cluster, |lease| lease["spec"]["holderIdentity"] = json!("somebody"));
    assert_eq!(lost(&mut first).await, Lost::Taken("somebody".to_owned()));
    assert!(!first.leads()());
    // It does not give back what is another's.
    first.release().await;
    assert_eq!(holder(&cluster), "somebody");
    let mut second = leads(elector(cluster.config(), "second")).await;
    assert_eq!(second.epoch(), 2);
    edit(&cluster, |lease| drop(lease["spec"].as_object_mut().unwrap().remove("holderIdentity")));
    assert_eq!(lost(&mut second).await, Lost::Gone);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_taken_the_lease_without_hearing_so_finds_it_out() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster("hub");
    let (line, config) = Line::to(cluster.config()).await;
    // The question whether there is a lease is answered; the one to make it is heard, and its answer does not come.
    cluster.slow(Duration::from_millis(300));
    let waits = tokio::spawn(elector(config, "first").run());
    until("the lease to be asked for", SOON, async || {
        (cluster.asked("create", "leases") > 0).then_some(())
    })
    .await;
    line.is(State::Mute);
    let asked = cluster.asked("get", "leases");
    until("the first to ask again", SOON, async || {
        (cluster.asked("get", "leases") > asked).then_some(())
    })
    .await;
    assert!(cluster.get("leases", NAMESPACE, NAME).is_some());
    line.is(State::Well);
    let first = timeout(SOON, waits).await.unwrap().unwrap();
    assert_eq!((first.epoch(), first.began()), (1, Began::Made));
    assert_eq!(cluster.asked("create", "leases"), 1);
    assert!(first.leads()());
}

//! Copies of the log over real sockets: with TLS and a token, along a way that breaks again and again.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use periplus_journal::Reader;
use periplus_live::Feed;
use periplus_live::api::{self, Api, Limits, Parts, Situation, config::Draft};
use periplus_live::copy::{
    Confirm, Copies, Copy, Ledger, Peers, ReplicaFile, Replication, Standing, follow,
};
use periplus_live::desk::Desk;
use periplus_live::leader::Board;
use periplus_live::reports::{KeyFolders, Reports};
use periplus_live::service::{Beside, Clock, Order, Service, Wall};
use periplus_live::sighting::{Measures, Rate, Sight, Sighting};
use periplus_live::signals::Statuses;
use periplus_live::traces::Traces;
use periplus_support::real::until;
use reqwest::Url;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

use super::rig::{OPERATE, READ, SOON, opened};
use super::tls::{Silent, certify};

/// Tells the feed that users ask for so much.
async fn demand(feed: &Feed<Order>, rps: u64) {
    let (app, zone) = ("shop".to_owned(), "harbour".to_owned());
    let rates = vec![Rate { app, zone, milli_rps: rps * 1_000 }];
    let sight = Sight::Demand { source: "s".into(), rates, measures: Measures::Offered };
    feed.tell(Sighting { as_of_unix_ms: Wall.now_unix_ms(), sight }).await;
}

/// A way to a port that breaks after so many bytes of answers, each time after some more; it gives how often it broke.
async fn breaking_way(to: u16) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let broken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&broken);
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
            let most = 700 + 1_300 * count.load(Ordering::SeqCst);
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let (mut from_near, mut to_near) = near.into_split();
                let (from_far, mut to_far) = far.into_split();
                let asks = tokio::spawn(async move { copy(&mut from_near, &mut to_far).await });
                let mut answers = from_far.take(most as u64);
                let _ = copy(&mut answers, &mut to_near).await;
                let _ = to_near.shutdown().await;
                count.fetch_add(1, Ordering::SeqCst);
                asks.abort();
            });
        }
    });
    (port, broken)
}

fn bytes(log: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    let mut records = Reader::open(log).unwrap().records();
    while records.frame(&mut all).unwrap() {}
    all
}

fn peers(home: &Path, ports: &[u16], token: &str) -> Peers {
    let url = |port: &u16| Url::parse(&format!("https://127.0.0.1:{port}")).unwrap();
    fs::write(home.join("shown.token"), token).unwrap();
    Peers::new(&Replication {
        replicas: ports.iter().map(url).collect(),
        confirm: Confirm::Async,
        alone_after: Duration::from_secs(9),
        token_file: home.join("shown.token"),
        ca_file: Some(home.join("ca.pem")),
    })
}

/// A leader with an API over TLS, on this port.
async fn leader(home: &Path) -> (u16, Feed<Order>, Service, Arc<Copies>) {
    certify(home, &[]);
    fs::write(home.join("operate.token"), OPERATE).unwrap();
    fs::write(home.join("read.token"), READ).unwrap();
    let config = "tls: {certFile: server.pem, keyFile: server.key}\ntokens: [{name: replica, role: operate, file: \
                  operate.token}, {name: eye, role: read, file: read.token}]\n";
    let draft: Draft = serde_saphyr::from_str(config).unwrap();
    let (desk, post) = opened(home);
    let state = home.join("state");
    let mut replica = ReplicaFile::below(&state).open("leader").unwrap();
    replica.epochs.begin(1, 0);
    let end = desk.state().seq().0;
    let long = Duration::from_secs(60);
    let ledger = Ledger::new(Confirm::Async, long, &replica.id, Board::default(), end);
    let copies = Arc::new(Copies::begin(&state, replica, 1, ledger, &desk).unwrap());
    let feed = Feed::default();
    let beside = Beside { copies: Some(Arc::clone(&copies)), ..Beside::default() };
    let service = Service::start_beside(desk, post, feed.clone(), Arc::new(Wall), beside);
    let api = Api::new(Parts {
        config: api::read(&draft, home).unwrap(),
        feed: feed.clone(),
        signals: Statuses::default(),
        clusters: None,
        applied: periplus_live::apply::Statuses::default(),
        reports: Arc::new(Reports::open(&state, KeyFolders::default()).unwrap()),
        clock: Arc::new(Wall),
        situation: watch::Sender::new(Situation::default()).subscribe(),
        explain: Arc::new(Silent),
        copies: Some(Arc::clone(&copies)),
        traces: Traces::default(),
        limits: Limits::default(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(api::serve(listener, api, std::future::pending()));
    (port, feed, service, copies)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_kept_over_tls_along_a_way_that_breaks_again_and_again() {
    let home = TempDir::with_prefix("periplus-copies-").unwrap();
    let home = home.path();
    let (port, feed, service, copies) = leader(home).await;
    let (way, broken) = breaking_way(port).await;
    // The first of the addresses leads nowhere.
    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();

    // Without the right to it, nothing is copied, and that is told.
    let copied: PathBuf = home.join("standby");
    fs::create_dir(&copied).unwrap();
    let standing = Standing::default();
    let begun = Copy::open(&copied, "standby", &standing).unwrap();
    let (stop, stopped) = oneshot::channel();
    let refused =
        tokio::spawn(follow(begun, peers(home, &[port], READ), standing.clone(), stopped));
    until("a refusal", SOON, async || standing.words().contains("may not do this").then_some(()))
        .await;
    drop(stop);
    let copy = refused.await.unwrap().unwrap();
    assert_eq!(copy.records(), 0);

    let (stop, stopped) = oneshot::channel();
    let follows = tokio::spawn(follow(
        copy,
        peers(home, &[nowhere, way], OPERATE),
        standing.clone(),
        stopped,
    ));
    let mut rps = 40;
    until("many breaks", SOON, async || {
        rps = if rps > 900 { 40 } else { rps + 60 };
        demand(&feed, rps).await;
        (broken.load(Ordering::SeqCst) >= 12).then_some(())
    })
    .await;
    until("the rest", SOON, async || {
        let known = copies.ledger().known(std::time::Instant::now());
        let (end, _) = copies.ledger().ends();
        known.iter().any(|one| one.has == end && end > 20).then_some(())
    })
    .await;
    drop(stop);
    let copy = follows.await.unwrap().unwrap();
    assert!(standing.words().starts_with(&format!("its copy has {}", copy.records())));
    drop(copy);
    tokio::task::spawn_blocking(move || service.stop()).await.unwrap().unwrap();
    let (ours, theirs) = (bytes(&Desk::log(&home.join("state"))), bytes(&Desk::log(&copied)));
    assert!(ours.starts_with(&theirs) && !theirs.is_empty());
}

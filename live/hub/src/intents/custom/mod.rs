//! Intents as custom resources of a hub cluster: the same documents as in files, applied with `kubectl`.
//!
//! [`crds`] has the kinds (`definitions`, `schema`). What lies in the hub (`shelf`, `profiles`) is told to the desk when all of it was
//! read, and whenever it changes (`settle`); what became of it is written back (`write`, `places`). What must not be in
//! here: which documents are right; the loader of files says that.

mod definitions;
mod places;
mod profiles;
mod schema;
mod settle;
mod shelf;
mod write;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{BoxStream, SelectAll, select_all};
use kube::api::{DynamicObject, ListParams};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Client};
use periplus_spec::Bundle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};

pub use self::definitions::{crds, rules};
use self::places::{Places, places};
pub use self::profiles::Profiles;
use self::settle::{ask, settle, sift};
use self::shelf::{Key, List, Shelf};
use self::write::{Judged, write};
use super::follow::{ReadFault, Teller};
use crate::clusters::{Beat, Books, Source, backoff, beat, full};

/// A cluster whose custom resources are intents.
#[derive(Clone, Debug)]
pub struct Hub {
    /// What it is called, for people.
    pub name: String,
    /// How it is reached. The account needs what [`rules`] say.
    pub source: Source,
    /// How long nothing must change before changes are taken in together; ten times as long at most.
    pub gather: Duration,
    /// Where clusters come from an inventory too.
    pub profiles: Option<Profiles>,
    /// How often it is looked where apps are, and whether the hub answers.
    pub look_every: Duration,
}

impl Hub {
    /// Gathers changes for half a second, and looks every ten seconds.
    #[must_use]
    pub fn new(name: &str, source: Source) -> Self {
        let (gather, look_every) = (Duration::from_millis(500), Duration::from_secs(10));
        Self { name: name.to_owned(), source, gather, profiles: None, look_every }
    }
}

impl fmt::Display for Hub {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "custom resources of {}", self.name)
    }
}

/// How long a connection may take to be made.
const CONNECTS_WITHIN: Duration = Duration::from_secs(60);
/// How many objects a page of a list has.
const PAGE: u32 = 500;
/// How long a server lets a watch run, in seconds.
const WATCH_S: u32 = 240;
/// How many times as long as it should changes are gathered while more come.
const GATHERS_MAX: u32 = 10;
/// A watch that has not failed for so long works: longer than any pause before it is tried again.
const WORKS_AFTER: Duration = Duration::from_secs(45);

/// Reads what lies in a hub once. Documents that are wrong are left out.
pub(super) async fn read(hub: &Hub) -> Result<Bundle, ReadFault> {
    let client = connect(hub, &Arc::default()).await.map_err(ReadFault::Unreachable)?.0;
    let mut shelf = Shelf::new(hub.profiles.clone());
    for list in shelf.lists() {
        let api = api(hub, &client, list);
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let listed = api.list(&page).await;
            let listed = listed.map_err(|error| ReadFault::Unreachable(told(list, &error)))?;
            shelf.put(list, &listed.items);
            match listed.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => break,
            }
        }
    }
    let texts = shelf.texts().into_iter().map(|(key, text)| (key, Some(text)));
    match sift(&texts.collect(), &BTreeMap::new(), BTreeMap::new()).await {
        Ok(sifted) => {
            for ((kind, name), wrong) in &sifted.refused {
                tracing::error!(code = wrong.code, "{kind}/{name} is left out: {}", wrong.message);
            }
            Ok(sifted.bundle)
        }
        Err((wrong, _)) => Err(ReadFault::Wrong(wrong)),
    }
}

/// Follows what lies in a hub for as long as there is a desk.
pub(super) async fn follow(hub: Hub, teller: Teller) {
    let books = Arc::default();
    let mut shelf = Shelf::new(hub.profiles.clone());
    let mut failures = 0;
    loop {
        match Session::begin(&hub, &books, &teller, &mut shelf).await {
            End::Over => return,
            End::Changed => failures = 0,
            End::Fault(why) => {
                teller.failed(&why);
                sleep(backoff(failures, SEED)).await;
                failures = failures.saturating_add(1);
            }
        }
    }
}

/// There is one hub, and no other to keep apart from.
const SEED: u64 = 0;

/// Why a connection is given up.
enum End {
    /// There is no desk any more.
    Over,
    /// What it was made of has changed.
    Changed,
    /// The hub cannot be reached, or does not know us.
    Fault(String),
}

type News = (List, watcher::Result<Event<DynamicObject>>);

/// A connection to a hub.
struct Session<'s> {
    hub: &'s Hub,
    books: &'s Arc<Books>,
    teller: &'s Teller,
    shelf: &'s mut Shelf,
    client: Client,
    mark: u64,
    /// When watches failed last.
    failed: BTreeMap<List, Instant>,
    judged: BTreeMap<Key, Judged>,
    places: Option<BTreeMap<String, Places>>,
    settle_at: Option<Instant>,
    /// When it is taken in, even if more changes come.
    latest: Option<Instant>,
}

async fn connect(hub: &Hub, books: &Arc<Books>) -> Result<(Client, u64), String> {
    let connecting = timeout(CONNECTS_WITHIN, hub.source.connect(books)).await;
    connecting.unwrap_or_else(|_| Err(format!("not connected within {CONNECTS_WITHIN:?}")))
}

impl<'s> Session<'s> {
    async fn begin(
        hub: &'s Hub,
        books: &'s Arc<Books>,
        teller: &'s Teller,
        shelf: &'s mut Shelf,
    ) -> End {
        let (client, mark) = match connect(hub, books).await {
            Ok(connected) => connected,
            Err(why) => return End::Fault(why),
        };
        shelf.begin();
        let session = Self {
            hub,
            books,
            teller,
            shelf,
            client,
            mark,
            failed: BTreeMap::new(),
            judged: BTreeMap::new(),
            places: None,
            settle_at: None,
            latest: None,
        };
        session.run().await
    }

    async fn run(mut self) -> End {
        let mut news = self.watches();
        let mut looks = interval(self.hub.look_every);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let settle_at = self.settle_at.unwrap_or_else(Instant::now);
            let end = tokio::select! {
                heard = news.next() => match heard {
                    Some((list, event)) => self.hear(list, event),
                    None => Some(End::Fault("all watches have ended".to_owned())),
                },
                () = sleep_until(settle_at), if self.settle_at.is_some() => self.settle().await,
                _ = looks.tick() => self.look().await,
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    fn hear(&mut self, list: List, event: watcher::Result<Event<DynamicObject>>) -> Option<End> {
        match event {
            Ok(event) => {
                self.failed.remove(&list);
                if self.shelf.hear(list, event) && self.shelf.is_complete() {
                    let (now, gather) = (Instant::now(), self.hub.gather);
                    // Whoever writes without end does not hold it up.
                    let latest = *self.latest.get_or_insert(now + gather * GATHERS_MAX);
                    self.settle_at = Some(latest.min(now + gather));
                }
                if self.shelf.is_complete() && self.failed.is_empty() {
                    self.teller.reached();
                }
                None
            }
            Err(error) => {
                self.failed.insert(list, Instant::now());
                self.teller.failed(&told(list, &error));
                None
            }
        }
    }

    /// Tells the desk what is declared, and writes back what became of it.
    async fn settle(&mut self) -> Option<End> {
        (self.settle_at, self.latest) = (None, None);
        let generations: BTreeMap<Key, i64> =
            self.shelf.own().map(|(key, held)| (key, held.generation)).collect();
        let settled = settle(self.shelf.texts(), self.teller).await;
        let Some(verdicts) = settled else { return Some(End::Over) };
        let judged = |(key, verdict): (Key, _)| {
            let generation = *generations.get(&key)?;
            Some((key, (generation, verdict)))
        };
        self.judged = verdicts.into_iter().filter_map(judged).collect();
        self.write().await;
        None
    }

    /// Looks where apps are, and whether the hub answers.
    async fn look(&mut self) -> Option<End> {
        match beat(&self.client).await {
            Beat::Alive => {
                self.failed.retain(|_, at| at.elapsed() < WORKS_AFTER);
                if self.shelf.is_complete() && self.failed.is_empty() {
                    self.teller.reached();
                }
            }
            Beat::Unauthorized(why) => return Some(End::Fault(why)),
            Beat::Failed(why) => self.teller.failed(&why),
        }
        // What is wrong with a file that is just being written mends itself.
        if self.hub.source.mark(self.books).await.is_ok_and(|mark| mark != self.mark) {
            return Some(End::Changed);
        }
        if self.judged.is_empty() {
            return None;
        }
        let Some(places) = ask(&self.teller.feed, places).await else { return Some(End::Over) };
        self.places = Some(places);
        self.write().await;
        None
    }

    fn watches(&self) -> SelectAll<BoxStream<'static, News>> {
        let all = self.shelf.lists().into_iter().map(|list| {
            let config = watcher::Config {
                timeout: Some(WATCH_S),
                page_size: Some(PAGE),
                ..watcher::Config::default()
            };
            let events = watch(api(self.hub, &self.client, list), config).default_backoff();
            events.map(move |event| (list, event)).boxed()
        });
        select_all(all)
    }

    async fn write(&mut self) {
        let faults = write(&self.client, self.shelf, &self.judged, self.places.as_ref()).await;
        if let Some(first) = faults.first() {
            tracing::warn!(count = faults.len(), "something could not be written back: {first}");
        }
    }
}

fn api(hub: &Hub, client: &Client, list: List) -> Api<DynamicObject> {
    let namespace = match list {
        List::Own(_) => None,
        List::Profiles => hub.profiles.as_ref().and_then(|profiles| profiles.namespace.as_ref()),
    };
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &list.resource()),
        None => Api::all_with(client.clone(), &list.resource()),
    }
}

/// What went wrong with a list, and what to do.
fn told(list: List, error: &dyn std::error::Error) -> String {
    let why = full(error);
    let help = if why.contains("404") {
        match list {
            List::Own(_) => ". Apply what `periplus crds` prints to the hub",
            List::Profiles => ". Install the inventory's definitions, or do not read profiles",
        }
    } else if why.contains("403") || why.contains("forbidden") {
        ". Let the account list and watch it"
    } else {
        ""
    };
    format!("{}: {why}{help}", list.resource().plural)
}

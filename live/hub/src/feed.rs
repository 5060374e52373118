//! The feed: where everything that comes from outside waits for the desk.
//!
//! It is bounded. What is newer replaces what waits of the same kind from the same source, so a slow desk sees the newest
//! instead of all; what must not be lost makes its sender wait.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::sighting::{Rate, Sight, Sighting};

/// How many arrivals may wait.
const WAITING_MAX: usize = 65_536;
/// Of how many kinds and sources it is known what came last, before those that wait no more are forgotten.
const KEYS_MAX: usize = 2 * WAITING_MAX;

/// The end into which sources put what they see. Cheap to clone.
#[derive(Debug)]
pub struct Feed<O> {
    shared: Arc<Shared<O>>,
}

/// Something that came from outside.
#[derive(Debug)]
pub enum Arrival<O> {
    /// What was seen.
    Sighting(Sighting),
    /// What was asked, or how something that was asked of others went.
    Order(O),
}

#[derive(Debug)]
struct Shared<O> {
    waiting: Mutex<Waiting<O>>,
    /// The desk waits for something to come.
    came: Condvar,
    /// Sources wait for room.
    room: Notify,
}

#[derive(Debug)]
struct Waiting<O> {
    arrivals: VecDeque<Arrival<O>>,
    /// How many were taken out before them.
    taken: u64,
    /// The number of the last arrival of each kind and source; it may have been taken out.
    last: BTreeMap<Key, u64>,
    /// Sightings that a newer one has replaced.
    replaced: u64,
    closed: bool,
}

impl<O> Clone for Feed<O> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<O> Default for Feed<O> {
    fn default() -> Self {
        let waiting = Waiting {
            arrivals: VecDeque::new(),
            taken: 0,
            last: BTreeMap::new(),
            replaced: 0,
            closed: false,
        };
        let (came, room) = (Condvar::new(), Notify::new());
        Self { shared: Arc::new(Shared { waiting: Mutex::new(waiting), came, room }) }
    }
}

impl<O> Feed<O> {
    /// Tells what was seen. Waits where the desk is far behind.
    pub async fn tell(&self, sighting: Sighting) {
        self.put(Arrival::Sighting(sighting)).await;
    }

    /// Asks for something that must not be lost.
    pub async fn ask(&self, order: O) {
        self.put(Arrival::Order(order)).await;
    }

    async fn put(&self, mut arrival: Arrival<O>) {
        loop {
            let room = self.shared.room.notified();
            match self.try_put(arrival) {
                Ok(()) => return,
                Err(back) => arrival = back,
            }
            room.await;
        }
    }

    /// Puts something in without waiting; gives it back where there is no room.
    ///
    /// # Errors
    /// There is no room.
    pub fn try_put(&self, arrival: Arrival<O>) -> Result<(), Arrival<O>> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Ok(());
        }
        let key = match &arrival {
            Arrival::Sighting(sighting) => key(sighting),
            Arrival::Order(_) => None,
        };
        if let (Some(key), Arrival::Sighting(new)) = (&key, &arrival)
            && let Some(old) = waiting.last(key)
            && replaces(new, old)
        {
            old.clone_from(new);
            waiting.replaced += 1;
            return Ok(());
        }
        if waiting.arrivals.len() >= WAITING_MAX {
            return Err(arrival);
        }
        if let Some(key) = key {
            if waiting.last.len() >= KEYS_MAX {
                let taken = waiting.taken;
                waiting.last.retain(|_, number| *number >= taken);
            }
            let number = waiting.taken + waiting.arrivals.len() as u64;
            waiting.last.insert(key, number);
        }
        waiting.arrivals.push_back(arrival);
        drop(waiting);
        self.shared.came.notify_one();
        Ok(())
    }

    /// Puts something in however many wait: for answers, of which there are no more than questions.
    pub fn put_now(&self, arrival: Arrival<O>) {
        let mut waiting = self.lock();
        if !waiting.closed {
            waiting.arrivals.push_back(arrival);
            drop(waiting);
            self.shared.came.notify_one();
        }
    }

    /// Takes up to `most` of what waits; waits itself until something comes or `patience` is over.
    #[must_use]
    pub fn take(&self, most: usize, patience: Duration) -> Vec<Arrival<O>> {
        let waiting = self.lock();
        let nothing = |waiting: &mut Waiting<O>| waiting.arrivals.is_empty() && !waiting.closed;
        let came = self.shared.came.wait_timeout_while(waiting, patience, nothing);
        let (mut waiting, _) = came.unwrap_or_else(PoisonError::into_inner);
        let count = most.min(waiting.arrivals.len());
        let taken = waiting.arrivals.drain(..count).collect();
        waiting.taken += count as u64;
        drop(waiting);
        self.shared.room.notify_waiters();
        taken
    }

    /// Nothing more is taken in. What waits already can still be taken out.
    pub fn close(&self) {
        self.lock().closed = true;
        self.shared.came.notify_all();
        self.shared.room.notify_waiters();
    }

    /// Whether it is closed and empty.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let waiting = self.lock();
        waiting.closed && waiting.arrivals.is_empty()
    }

    /// How many wait, and how many sightings were replaced by newer ones before anybody looked.
    #[must_use]
    pub fn lengths(&self) -> (usize, u64) {
        let waiting = self.lock();
        (waiting.arrivals.len(), waiting.replaced)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<O>> {
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What replaces what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Alive(String),
    Room(String),
    /// The source, and the first app and zone: what is measured at once may be many batches.
    Demand(String, Option<(String, String)>),
}

/// Of which kind and from whom a sighting is, if newer ones may replace it.
fn key(sighting: &Sighting) -> Option<Key> {
    match &sighting.sight {
        Sight::Alive { cluster } => Some(Key::Alive(cluster.clone())),
        Sight::Room { cluster, .. } => Some(Key::Room(cluster.clone())),
        Sight::Demand { source, rates, .. } => {
            let first = rates.first().map(|rate| (rate.app.clone(), rate.zone.clone()));
            Some(Key::Demand(source.clone(), first))
        }
        // Each tells of some workloads or clusters only.
        Sight::Workloads { .. } | Sight::Carbon { .. } | Sight::Prices { .. } => None,
    }
}

impl<O> Waiting<O> {
    /// The last sighting under a key, if it still waits.
    fn last(&mut self, key: &Key) -> Option<&mut Sighting> {
        let place = self.last.get(key)?.checked_sub(self.taken)?;
        match self.arrivals.get_mut(usize::try_from(place).ok()?)? {
            Arrival::Sighting(sighting) => Some(sighting),
            Arrival::Order(_) => None,
        }
    }
}

/// Whether who knows the new one needs the old one of the same key no more.
fn replaces(new: &Sighting, old: &Sighting) -> bool {
    if new.as_of_unix_ms < old.as_of_unix_ms {
        return false;
    }
    let (Sight::Demand { rates: newer, .. }, Sight::Demand { rates: older, .. }) =
        (&new.sight, &old.sight)
    else {
        return true;
    };
    // One may be about other series.
    let same = |(a, b): (&Rate, &Rate)| a.app == b.app && a.zone == b.zone;
    newer.len() == older.len() && newer.iter().zip(older).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sighting::Measures;

    fn alive(cluster: &str, at: i64) -> Sighting {
        Sighting { as_of_unix_ms: at, sight: Sight::Alive { cluster: cluster.to_owned() } }
    }

    #[test]
    fn newer_sightings_replace_older_ones_that_wait() {
        let feed: Feed<u32> = Feed::default();
        for (cluster, at) in [("hill", 1), ("sea", 2), ("hill", 3), ("hill", 2)] {
            feed.try_put(Arrival::Sighting(alive(cluster, at))).unwrap();
        }
        feed.try_put(Arrival::Order(7)).unwrap();
        assert_eq!(feed.lengths(), (4, 1));
        let taken = feed.take(10, Duration::ZERO);
        let told: Vec<String> = taken.iter().map(|one| format!("{one:?}")).collect();
        assert!(told[0].contains("hill") && told[0].contains("as_of_unix_ms: 3"), "{told:?}");
        assert!(told[2].contains("as_of_unix_ms: 2") && told[3] == "Order(7)", "{told:?}");
    }

    #[test]
    fn batches_of_demand_replace_older_ones_of_the_same_series() {
        let batch = |at: i64, zones: [&str; 2]| {
            let rate = |zone: &str| Rate { app: "a".into(), zone: zone.into(), milli_rps: 1 };
            let rates = zones.map(rate).to_vec();
            let sight = Sight::Demand { source: "s".into(), measures: Measures::Offered, rates };
            Arrival::Sighting(Sighting { as_of_unix_ms: at, sight })
        };
        let feed: Feed<u32> = Feed::default();
        for at in [1, 2] {
            feed.try_put(batch(at, ["a", "b"])).unwrap();
            feed.try_put(batch(at, ["c", "d"])).unwrap();
        }
        assert_eq!(feed.lengths(), (2, 2));
        feed.try_put(batch(3, ["a", "d"])).unwrap();
        assert_eq!(feed.lengths(), (3, 2));
        feed.try_put(batch(4, ["a", "d"])).unwrap();
        assert_eq!(feed.lengths(), (3, 3));
    }

    #[tokio::test]
    async fn who_finds_no_room_waits_for_it_and_loses_nothing() {
        let feed: Feed<usize> = Feed::default();
        for number in 0..WAITING_MAX {
            feed.try_put(Arrival::Order(number)).unwrap();
        }
        let late = feed.clone();
        let late = tokio::spawn(async move { late.ask(WAITING_MAX).await });
        tokio::task::yield_now().await;
        assert_eq!(feed.take(1, Duration::ZERO).len(), 1);
        late.await.unwrap();
        assert_eq!(feed.take(usize::MAX, Duration::ZERO).len(), WAITING_MAX);
    }

    #[test]
    fn a_closed_feed_is_emptied_and_takes_no_more() {
        let feed: Feed<u32> = Feed::default();
        feed.try_put(Arrival::Order(1)).unwrap();
        feed.close();
        feed.try_put(Arrival::Order(2)).unwrap();
        assert!(!feed.is_over());
        assert_eq!(feed.take(10, Duration::from_secs(60)).len(), 1);
        assert!(feed.is_over() && feed.take(10, Duration::from_secs(60)).is_empty());
    }
}

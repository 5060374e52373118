//! Signals: what reads demand and carbon from outside, and tells the feed.
//!
//! Each signal has a task of its own that looks, again and again, and tells what it found as of when that was true
//! (`samples`), then what its fallback says of series that have gone silent (`fallback`). What cannot be reached, read or
//! understood is a fault of the signal ([`Status`]) and never a rate. Measured rates are told by the source `<name>`, and
//! what is told in their place by `<name>/fallback`, so that a log shows which is which.
//!
//! Not here: which apps and zones there are (the desk leaves out what was not declared), and demand that is pushed to us.

mod carbon;
mod checked;
pub mod config;
mod csv;
mod fallback;
mod fault;
mod http;
mod prices;
mod prometheus;
mod samples;
mod signal;
mod status;

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use periplus_core::input::BATCH_MAX;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

pub use self::checked::read;
pub use self::samples::Refused;
pub(crate) use self::signal::NamedBy;
pub use self::signal::Signal;
pub use self::status::{Status, Statuses};
pub use crate::complaint::Complaint;

use self::carbon::Grids;
use self::csv::Tail;
use self::fallback::Book;
use self::fault::Fault;
use self::prices::{Seen, Tariffs};
use self::prometheus::Source;
use self::samples::Found;
use self::signal::{DemandFrom, Kind};
use crate::feed::Feed;
use crate::sighting::{Measures, Rate, Sight, Sighting};
use crate::traces::{Done, Parent, Traces};

/// What says which time it is. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

/// The longest time that the first look waits, so that not all look at once.
const FIRST_WAIT_MAX: Duration = Duration::from_secs(5);

impl Clock {
    /// A clock that says milliseconds since 1970-01-01 UTC.
    pub fn new(now: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// That of the machine.
    #[must_use]
    pub fn system() -> Self {
        Self::new(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
    }

    fn now(&self) -> i64 {
        self.0()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Clock")
    }
}

/// Looks at all signals until the shutdown comes.
///
/// # Panics
/// If one of the tasks does.
pub async fn run<O: Send + 'static>(
    signals: Vec<Signal>,
    feed: Feed<O>,
    clock: Clock,
    (statuses, traces): (Statuses, Traces),
    shutdown: impl Future<Output = ()>,
) {
    let begin = |signal: &Signal| Status {
        name: signal.name.clone(),
        stale_after_ms: signal.stale_after_ms,
        ..Status::default()
    };
    statuses.begin(signals.iter().map(begin).collect());
    let mut tasks = JoinSet::new();
    for (place, signal) in signals.into_iter().enumerate() {
        let told = (statuses.clone(), traces.clone());
        let task = Task::new(place, signal, feed.clone(), clock.clone(), told);
        tasks.spawn(task.run());
    }
    let ended = async {
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap_or_else(|fault| std::panic::resume_unwind(fault.into_panic()));
        }
        // Without signals there is nothing to do but to wait.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = shutdown => {}
        () = ended => {}
    }
    tasks.shutdown().await;
}

/// One signal.
struct Task<O> {
    place: usize,
    name: String,
    every: Duration,
    reads: Reads,
    feed: Feed<O>,
    clock: Clock,
    statuses: Statuses,
    traces: Traces,
}

/// What a signal reads.
enum Reads {
    Demand { from: From, measures: Measures, book: Book },
    Carbon(Grids),
    Prices(Tariffs),
}

/// Where demand is read from.
enum From {
    Prometheus(Source),
    /// Not here while the disk is waited for.
    Csv(Option<Tail>),
}

impl<O: Send + 'static> Task<O> {
    fn new(
        place: usize,
        signal: Signal,
        feed: Feed<O>,
        clock: Clock,
        (statuses, traces): (Statuses, Traces),
    ) -> Self {
        let Signal { name, every, stale_after_ms, kind } = signal;
        let reads = match kind {
            Kind::Demand { measures, fallback, from } => {
                let from = match from {
                    DemandFrom::Prometheus(asked) => From::Prometheus(Source::new(*asked)),
                    DemandFrom::Csv(file) => From::Csv(Some(Tail::new(file))),
                };
                Reads::Demand { from, measures, book: Book::new(fallback, stale_after_ms) }
            }
            Kind::Carbon(from) => Reads::Carbon(Grids::new(from)),
            Kind::Prices(from) => Reads::Prices(Tariffs::new(from)),
        };
        Self { place, name, every, reads, feed, clock, statuses, traces }
    }

    async fn run(mut self) {
        sleep((self.every / 4).min(FIRST_WAIT_MAX).mul_f64(luck())).await;
        let mut often = interval(self.every);
        often.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            often.tick().await;
            let Self { place, name, reads, feed, clock, statuses, traces, .. } = &mut self;
            let (place, began) = (*place, SystemTime::now());
            let teller = Teller { place, name, feed, statuses, traces, began };
            match reads {
                Reads::Demand { from, measures, book } => {
                    look_at_demand(from, book, &teller, *measures, clock).await;
                }
                Reads::Carbon(grids) => look_at_carbon(grids, &teller, clock).await,
                Reads::Prices(tariffs) => look_at_prices(tariffs, &teller, clock).await,
            }
        }
    }
}

async fn look_at_demand<O>(
    from: &mut From,
    book: &mut Book,
    teller: &Teller<'_, O>,
    measures: Measures,
    clock: &Clock,
) {
    let looked = from.look(clock.now(), book.told_unix_ms()).await;
    // An answer may have taken its time.
    let now = clock.now();
    let looked = match looked {
        Ok((found, warning)) => {
            let (moments, refused) = book.measured(now, found);
            for moment in moments {
                let count = moment.rates.len() as u64;
                teller.demand(teller.name, measures, moment.as_of_unix_ms, moment.rates).await;
                teller.change(|status| status.told += count);
            }
            teller.change(|status| status.refused.add(refused));
            Ok(warning)
        }
        Err(fault) => Err(fault),
    };
    let (instead, silent) = book.silent(now);
    teller.change(|status| {
        (status.series, status.silent) = (book.len(), silent);
        status.newest_unix_ms = book.told_unix_ms();
        status.told_instead += instead.len() as u64;
    });
    teller.ended(now, looked);
    let source = format!("{}/fallback", teller.name);
    teller.demand(&source, measures, now, instead).await;
}

async fn look_at_carbon<O>(grids: &mut Grids, teller: &Teller<'_, O>, clock: &Clock) {
    let seen = grids.look(|| clock.now()).await;
    for (as_of_unix_ms, intensities) in seen.moments {
        teller.change(|status| {
            status.told += intensities.len() as u64;
            status.newest_unix_ms = status.newest_unix_ms.max(Some(as_of_unix_ms));
        });
        let mut intensities = intensities.into_iter();
        while let batch @ [_, ..] = &intensities.by_ref().take(BATCH_MAX).collect::<Vec<_>>()[..] {
            let sight = Sight::Carbon { intensities: batch.to_vec() };
            teller.feed.tell(Sighting { as_of_unix_ms, sight }).await;
        }
    }
    teller.change(|status| status.series = grids.clusters());
    teller.ended(clock.now(), seen.fault.map_or(Ok(None), Err));
}

async fn look_at_prices<O>(tariffs: &mut Tariffs, teller: &Teller<'_, O>, clock: &Clock) {
    let looked = tariffs.look(clock.now()).await;
    let now = clock.now();
    let looked = match looked {
        Ok(Seen { as_of_unix_ms, prices, warning }) => {
            // What is of a time to come was true now at the latest.
            let as_of_unix_ms = as_of_unix_ms.min(now);
            teller.change(|status| {
                status.series = prices.len();
                status.told += prices.len() as u64;
                status.newest_unix_ms = status.newest_unix_ms.max(Some(as_of_unix_ms));
            });
            for batch in prices.chunks(BATCH_MAX) {
                let sight = Sight::Prices { prices: batch.to_vec() };
                teller.feed.tell(Sighting { as_of_unix_ms, sight }).await;
            }
            Ok(warning)
        }
        Err(fault) => Err(fault),
    };
    teller.ended(now, looked);
}

impl From {
    async fn look(
        &mut self,
        now: i64,
        told: Option<i64>,
    ) -> Result<(Found, Option<String>), Fault> {
        match self {
            Self::Prometheus(source) => source.look(now, told).await,
            Self::Csv(place) => {
                let mut tail = place.take().expect("it is back from the last look");
                let looked = tokio::task::spawn_blocking(move || (tail.look(), tail)).await;
                let (looked, tail) =
                    looked.unwrap_or_else(|fault| std::panic::resume_unwind(fault.into_panic()));
                *place = Some(tail);
                looked
            }
        }
    }
}

/// What a signal tells with.
struct Teller<'a, O> {
    place: usize,
    name: &'a str,
    feed: &'a Feed<O>,
    statuses: &'a Statuses,
    traces: &'a Traces,
    began: SystemTime,
}

impl<O> Teller<'_, O> {
    /// Tells rates, in as many batches as it takes.
    async fn demand(&self, source: &str, measures: Measures, as_of_unix_ms: i64, rates: Vec<Rate>) {
        let mut rates = rates.into_iter();
        loop {
            let batch: Vec<Rate> = rates.by_ref().take(BATCH_MAX).collect();
            if batch.is_empty() {
                return;
            }
            let sight = Sight::Demand { source: source.to_owned(), measures, rates: batch };
            self.feed.tell(Sighting { as_of_unix_ms, sight }).await;
        }
    }

    fn change(&self, change: impl FnOnce(&mut Status)) {
        self.statuses.change(self.place, change);
    }

    /// A look is over; says so once when it begins to fail, and once when it works again.
    fn ended(&self, now: i64, looked: Result<Option<String>, Fault>) {
        let name = self.name;
        if self.traces.is_on() {
            let why = looked.as_ref().err().map(ToString::to_string);
            let done = Done::new("signal.read", self.began).of_another();
            let done = done.with("periplus.signal", name.to_owned());
            let outcome = if why.is_some() { "failed" } else { "done" };
            let done = done.with("periplus.outcome", outcome).failed(why);
            self.traces.tell(done, &Parent::default());
        }
        self.change(|status| {
            let failed_before = status.fault().is_some();
            status.looks += 1;
            match looked {
                Ok(warning) => {
                    if failed_before {
                        tracing::info!(signal = name, "answers again");
                    }
                    if let Some(warning) = warning.as_ref().filter(|_| status.warning.is_none()) {
                        tracing::warn!(signal = name, "{warning}");
                    }
                    status.succeeded_unix_ms = Some(now);
                    status.warning = warning;
                }
                Err(fault) => {
                    let why = fault.to_string();
                    if status.fault() != Some(why.as_str()) {
                        tracing::warn!(signal = name, "{why}");
                    }
                    status.failures += 1;
                    status.failed = Some((now, why));
                }
            }
        });
    }
}

/// A number from 0 to 1, by which those that would act at the same time do not. Nothing that is decided rests on it.
fn luck() -> f64 {
    let drawn = RandomState::new().hash_one(0_u8) >> 40;
    #[expect(clippy::cast_precision_loss, reason = "24 bits are exact")]
    let drawn = drawn as f64;
    drawn / f64::from(1_u32 << 24)
}

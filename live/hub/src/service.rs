//! The service: the desk's thread, and what stands around it.
//!
//! One thread takes turns at the [`Desk`] with whatever the [`Feed`] brings; the [`Post`] writes on another, and an
//! [`Applier`] applies where there are clusters without an agent. Whoever wants to
//! know something asks at the feed as well, and is answered between two turns, so that what is told is of one instant.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use periplus_core::input::Command;
use periplus_git::{Outcome, TargetId};
use periplus_spec::Bundle;
use periplus_spec::diagnostic::Diagnostic;
use tokio::sync::oneshot;

use crate::apply::{self, Applier};
use crate::copy::Copies;
use crate::delivery::{Answer, Outgoing, Post, PostOptions};
use crate::desk::{Desk, DeskFault};
use crate::feed::{Arrival, Feed};
use crate::traces::{Parent, Traces, Turns};

/// What is asked of the desk.
pub enum Order {
    /// What is declared now. The answer says what changed, or what is wrong.
    Declare(Box<Bundle>, oneshot::Sender<Result<Vec<String>, Vec<Diagnostic>>>),
    /// An operator's command. It is answered once the disk has it.
    Command(Command, oneshot::Sender<()>, Parent),
    /// A repository answered, or a cluster that is applied to.
    Settled(TargetId, Answer),
    /// Somebody wants to know something.
    Ask(Box<dyn FnOnce(&Desk) + Send>),
}

impl fmt::Debug for Order {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Declare(..) => "Declare",
            Self::Command(..) => "Command",
            Self::Settled(..) => "Settled",
            Self::Ask(_) => "Ask",
        })
    }
}

/// What time it is.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Milliseconds since 1970-01-01 UTC.
    fn now_unix_ms(&self) -> i64;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wall;

impl Clock for Wall {
    fn now_unix_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

/// How many arrivals one turn takes in: the disk is waited for once for all of them.
const TURN_MAX: usize = 4_096;
/// The longest that the desk waits for something to come.
const PATIENCE: Duration = Duration::from_secs(1);

/// What not every service has.
#[derive(Debug, Default)]
pub struct Beside {
    /// Standbys keep copies of the log: what waits for those shows only then.
    pub copies: Option<Arc<Copies>>,
    /// How clusters without an agent are applied to.
    pub apply: Option<apply::Options>,
    /// Where traces are sent.
    pub traces: Traces,
}

/// A running service.
#[derive(Debug)]
pub struct Service {
    feed: Feed<Order>,
    desk: JoinHandle<Result<(), DeskFault>>,
}

impl Service {
    /// Starts the desk and the post.
    #[must_use]
    pub fn start(desk: Desk, post: PostOptions, feed: Feed<Order>, clock: Arc<dyn Clock>) -> Self {
        Self::start_beside(desk, post, feed, clock, Beside::default())
    }

    /// Starts them with what not every service has.
    #[must_use]
    pub fn start_beside(
        desk: Desk,
        post: PostOptions,
        feed: Feed<Order>,
        clock: Arc<dyn Clock>,
        beside: Beside,
    ) -> Self {
        let taken = feed.clone();
        let thread = thread::spawn(move || run(desk, post, &taken, &*clock, beside));
        Self { feed, desk: thread }
    }

    /// Where everything that comes from outside goes.
    #[must_use]
    pub fn feed(&self) -> &Feed<Order> {
        &self.feed
    }

    /// Whether the desk has ended by itself.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.desk.is_finished()
    }

    /// Takes nothing more in, and waits until what waits is taken in, and what was sent is answered.
    ///
    /// # Errors
    /// Why the desk ended before.
    ///
    /// # Panics
    /// Panics if the desk did.
    pub fn stop(self) -> Result<(), DeskFault> {
        self.feed.close();
        match self.desk.join() {
            Ok(ended) => ended,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

fn run(
    mut desk: Desk,
    post: PostOptions,
    feed: &Feed<Order>,
    clock: &dyn Clock,
    beside: Beside,
) -> Result<(), DeskFault> {
    let Beside { copies, apply, traces } = beside;
    let mut turns = Turns::new(traces);
    let settled = |feed: &Feed<Order>| {
        let feed = feed.clone();
        move |target, answer| feed.put_now(Arrival::Order(Order::Settled(target, answer)))
    };
    let (answer, air) = (settled(feed), turns.air());
    let post = Post::start(post, move |target, outcome, spent| {
        air.answered(&target, &outcome, spent);
        answer(target, Answer::Written(outcome));
    });
    let (answer, air) = (settled(feed), turns.air());
    let applier = apply.map(|options| {
        Applier::start(options, move |target, applied| {
            air.applied(&target, &applied);
            answer(target, Answer::Applied(applied));
        })
    });
    let mut out = Out { post, applier };
    let ended = take_turns(&mut desk, &mut out, feed, clock, copies.as_deref(), &mut turns);
    // Whoever asks now, and who still waits, is told at once that nobody is there.
    feed.close();
    drop(feed.take(usize::MAX, Duration::ZERO));
    // Answers that still come are for the next start, which finds what is out.
    let Out { post, applier } = out;
    if let Some(applier) = applier {
        applier.finish();
    }
    post.finish();
    ended?;
    desk.finish()
}

/// Who brings out what was decided.
struct Out {
    post: Post,
    applier: Option<Applier>,
}

impl Out {
    fn send(&mut self, outgoing: Outgoing) {
        let Outgoing { letters, applies } = outgoing;
        self.post.send(letters);
        if let Some(applier) = &mut self.applier {
            applier.send(applies);
        }
    }
}

fn take_turns(
    desk: &mut Desk,
    out: &mut Out,
    feed: &Feed<Order>,
    clock: &dyn Clock,
    copies: Option<&Copies>,
    turns: &mut Turns,
) -> Result<(), DeskFault> {
    let mut held = Held::default();
    while !feed.is_over() {
        let now = clock.now_unix_ms();
        let due = desk.due_unix_ms().map_or(PATIENCE, |due| {
            Duration::from_millis(u64::try_from(due.saturating_sub(now)).unwrap_or(0))
        });
        let arrivals = feed.take(TURN_MAX, due.min(PATIENCE));
        let turn = turns.begin(desk, &arrivals);
        let mut told = Vec::new();
        for arrival in arrivals {
            take_in(desk, arrival, clock.now_unix_ms(), &mut told)?;
        }
        let parcels = desk.turn(clock.now_unix_ms())?;
        let outgoing = Outgoing::of(desk, parcels);
        turns.end(turn, desk, &outgoing);
        let Some(copies) = copies else {
            told.into_iter().for_each(|tell| tell());
            turns.sent(&outgoing);
            out.send(outgoing);
            continue;
        };
        copies.publish(desk).map_err(DeskFault::Copies)?;
        held.put(desk.state().seq().0, told, outgoing);
        for (told, outgoing) in held.take(copies.ledger().shows(Instant::now())) {
            told.into_iter().for_each(|tell| tell());
            turns.copied(&outgoing);
            turns.sent(&outgoing);
            out.send(outgoing);
        }
    }
    Ok(())
}

/// What is answered once the disk has it.
type Tell = Box<dyn FnOnce()>;

/// What waits until other replicas have the records that it follows from, each with how many those are.
#[derive(Default)]
struct Held(VecDeque<(u64, Vec<Tell>, Outgoing)>);

impl Held {
    fn put(&mut self, records: u64, told: Vec<Tell>, outgoing: Outgoing) {
        if !(told.is_empty() && outgoing.is_empty()) {
            self.0.push_back((records, told, outgoing));
        }
    }

    /// What waits no more.
    fn take(&mut self, shows: u64) -> Vec<(Vec<Tell>, Outgoing)> {
        let count = self.0.partition_point(|(records, ..)| *records <= shows);
        self.0.drain(..count).map(|(_, told, outgoing)| (told, outgoing)).collect()
    }
}

fn take_in(
    desk: &mut Desk,
    arrival: Arrival<Order>,
    now: i64,
    told: &mut Vec<Tell>,
) -> Result<(), DeskFault> {
    match arrival {
        Arrival::Sighting(sighting) => desk.see(&sighting, now),
        Arrival::Order(Order::Settled(target, answer)) => {
            // Nothing of it is taken in: who leads now finds what is out.
            if let Some(deposed) = answer.deposed() {
                return Err(DeskFault::Deposed(deposed));
            }
            if let Answer::Written(Outcome::Failed(fault) | Outcome::Unknown(fault)) = &answer {
                tracing::warn!(%target, %fault, "a repository did not take a commit");
            }
            desk.settle(&target, answer.outcome(), now)
        }
        Arrival::Order(Order::Declare(bundle, reply)) => {
            let changed = desk.declare(*bundle, now)?;
            // Who asked may be gone.
            told.push(Box::new(move || {
                let _ = reply.send(changed);
            }));
            Ok(())
        }
        Arrival::Order(Order::Command(command, reply, _)) => {
            desk.command(command, now)?;
            told.push(Box::new(move || {
                let _ = reply.send(());
            }));
            Ok(())
        }
        Arrival::Order(Order::Ask(question)) => {
            question(desk);
            Ok(())
        }
    }
}

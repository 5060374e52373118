//! What the desk does, as traces: from a decision to its commits and back.
//!
//! A trace begins with the first turn that decided something, and goes on with all that goes out in the same window: later turns, the
//! rendering, the disk, copies, a commit for each repository, what is applied to clusters directly, and reports. All of it is told once it is over, so that turns
//! in which nothing was decided cost nothing and leave nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::{Array, StringValue, Value};
use periplus_emit::Repository;
use periplus_git::{Outcome, Spent, TargetId};

use super::{Done, Parent, Traces, number};
use crate::apply;
use crate::delivery::{Outgoing, Parcel, Part, Place};
use crate::desk::{Counts, Desk};
use crate::feed::Arrival;
use crate::service::Order;

/// What the desk's thread tells of its turns.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    traces: Traces,
    /// The trace of the window that is open.
    open: Parent,
    /// That of the last one that was closed.
    last: Parent,
    air: Air,
}

/// A turn that was begun.
#[derive(Debug)]
pub(crate) struct Turn {
    began: SystemTime,
    before: Counts,
    next: u64,
    arrivals: usize,
    /// Commands and declarations.
    asked: usize,
    asked_by: Vec<Parent>,
    settled: Vec<TargetId>,
}

/// What is on its way to repositories and clusters. It is answered on other threads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Air(Arc<Mutex<Flights>>);

#[derive(Debug, Default)]
struct Flights {
    traces: Traces,
    flying: BTreeMap<TargetId, Flight>,
    /// Who has answered, and how.
    landed: BTreeMap<TargetId, (Parent, &'static str)>,
    /// What goes out again, because it was not taken.
    again: BTreeMap<TargetId, Parent>,
}

/// A parcel on its way.
#[derive(Debug)]
struct Flight {
    under: Parent,
    /// When it could have been sent, but for others' copies.
    ready: SystemTime,
    sent: Option<SystemTime>,
    /// None for a cluster that is applied to.
    repository: Option<Repository>,
    seq: u64,
    decisions: Vec<i64>,
    files: usize,
}

/// Less is the time that the desk itself takes.
const WAITED_MIN: Duration = Duration::from_millis(1);
/// How many decisions a commit's span names; its trailers name all.
const DECISIONS_MAX: usize = 32;

impl Turns {
    pub(crate) fn new(traces: Traces) -> Self {
        let flights = Flights { traces: traces.clone(), ..Flights::default() };
        Self { traces, air: Air(Arc::new(Mutex::new(flights))), ..Self::default() }
    }

    /// What is on its way, for who is answered.
    pub(crate) fn air(&self) -> Air {
        self.air.clone()
    }

    /// A turn begins, with what has arrived; nothing where nobody traces.
    pub(crate) fn begin<'a>(
        &self,
        desk: &Desk,
        arrivals: impl IntoIterator<Item = &'a Arrival<Order>>,
    ) -> Option<Turn> {
        if !self.traces.is_on() {
            return None;
        }
        let mut turn = Turn {
            began: SystemTime::now(),
            before: desk.counts(),
            next: desk.state().seq().0,
            arrivals: 0,
            asked: 0,
            asked_by: Vec::new(),
            settled: Vec::new(),
        };
        for arrival in arrivals {
            turn.arrivals += 1;
            match arrival {
                Arrival::Sighting(_) | Arrival::Order(Order::Ask(_)) => {}
                Arrival::Order(Order::Declare(..)) => turn.asked += 1,
                Arrival::Order(Order::Command(_, _, parent)) => {
                    turn.asked += 1;
                    turn.asked_by.extend(parent.0.is_some().then(|| parent.clone()));
                }
                Arrival::Order(Order::Settled(target, _)) => turn.settled.push(target.clone()),
            }
        }
        Some(turn)
    }

    /// A turn is over, and this is to be sent.
    pub(crate) fn end(&mut self, turn: Option<Turn>, desk: &Desk, out: &Outgoing) {
        let Some(turn) = turn else { return };
        let ended = SystemTime::now();
        let landed = self.reports(&turn, ended);
        let (before, now) = (turn.before, desk.counts());
        let closes = now.windows > before.windows;
        let decides = now.effects > before.effects;
        let asked = turn.asked > 0 && now.records > before.records;
        if !(decides || closes || asked || !out.is_empty()) {
            return;
        }
        let mut parents = Vec::new();
        parents.extend(self.open.0.is_some().then(|| self.open.clone()));
        {
            let mut flights = self.air.lock();
            parents.extend(out.parcels().filter_map(|(one, _)| flights.again.remove(&one.target)));
        }
        if !closes && !out.is_empty() {
            parents.extend(self.last.0.is_some().then(|| self.last.clone()));
        }
        parents.extend(turn.asked_by.iter().cloned());
        let parent = if parents.is_empty() { Parent::default() } else { parents.remove(0) };
        let next = desk.state().seq().0;
        let mut done = Done::new("desk.turn", turn.began)
            .until(ended)
            .with("periplus.turn.arrivals", number(turn.arrivals))
            .with("periplus.turn.orders", number(turn.asked))
            .with("periplus.turn.records", number(now.records - before.records))
            .with("periplus.turn.effects", number(now.effects - before.effects))
            .with("periplus.turn.commits", number(out.letters.len()))
            .with("periplus.turn.applies", number(out.applies.len()))
            .linked(parents)
            .linked(landed);
        if next > turn.next {
            done = done.with("periplus.log.first_seq", number(turn.next));
            done = done.with("periplus.log.seq", number(next - 1));
        }
        let told = self.traces.tell(done, &parent);
        self.parts(&turn, ended, now, &told);
        if desk.state().is_paused() {
            // No window closes, and what is decided in years would be one trace.
            self.open = Parent::default();
        } else if decides && self.open.0.is_none() {
            self.open = told.clone();
        }
        if closes {
            let open = std::mem::take(&mut self.open);
            self.last = if open.0.is_some() { open } else { told.clone() };
        }
        let mut flights = self.air.lock();
        for (parcel, place) in out.parcels() {
            let flight = Flight::new(parcel, place, told.clone(), ended);
            flights.flying.insert(parcel.target.clone(), flight);
        }
    }

    /// What a turn's time went to.
    fn parts(&self, turn: &Turn, ended: SystemTime, now: Counts, told: &Parent) {
        let before = turn.before;
        let synced = back(ended, now.syncing.saturating_sub(before.syncing));
        let decided = turn.began + now.deciding.saturating_sub(before.deciding);
        self.traces.tell(Done::new("desk.decide", turn.began).until(decided), told);
        if now.windows > before.windows {
            let rendering = now.rendering.saturating_sub(before.rendering);
            let rendered = Done::new("desk.render", back(synced, rendering)).until(synced);
            self.traces.tell(rendered, told);
        }
        self.traces.tell(Done::new("desk.sync", synced).until(ended), told);
    }

    /// What repositories and clusters answered is in the log now.
    fn reports(&self, turn: &Turn, ended: SystemTime) -> Vec<Parent> {
        let mut told = Vec::new();
        for target in &turn.settled {
            let Some((parent, outcome)) = self.air.lock().landed.remove(target) else { continue };
            let done = Done::new("desk.report", turn.began)
                .until(ended)
                .with("periplus.target", target.to_string())
                .with("periplus.outcome", outcome);
            self.traces.tell(done, &parent);
            told.push(parent);
        }
        told
    }

    /// Standbys have what this follows from.
    pub(crate) fn copied(&self, out: &Outgoing) {
        let first = out.parcels().next().filter(|_| self.traces.is_on());
        let Some((first, _)) = first else { return };
        let flights = self.air.lock();
        let flight = flights.flying.get(&first.target);
        let waited = |flight: &&Flight| flight.ready.elapsed().is_ok_and(|span| span >= WAITED_MIN);
        if let Some(flight) = flight.filter(waited) {
            let done = Done::new("desk.copies", flight.ready);
            self.traces.tell(done, &flight.under);
        }
    }

    /// This goes out now.
    pub(crate) fn sent(&self, out: &Outgoing) {
        if out.is_empty() || !self.traces.is_on() {
            return;
        }
        let mut flights = self.air.lock();
        for (parcel, _) in out.parcels() {
            if let Some(flight) = flights.flying.get_mut(&parcel.target) {
                flight.sent = Some(SystemTime::now());
            }
        }
    }
}

impl Air {
    fn lock(&self) -> MutexGuard<'_, Flights> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A repository has answered.
    pub(crate) fn answered(&self, target: &TargetId, outcome: &Outcome, spent: Option<Spent>) {
        let mut flights = self.lock();
        let Some(flight) = flights.flying.remove(target) else { return };
        let (word, why) = match outcome {
            Outcome::Done { .. } => ("done", None),
            Outcome::Unchanged { .. } => ("unchanged", None),
            Outcome::Failed(fault) => ("failed", Some(fault.to_string())),
            Outcome::Unknown(fault) => ("unknown", Some(fault.to_string())),
        };
        let ended = spent.map_or_else(SystemTime::now, |spent| wall(spent.ended));
        let mut done = flight.over("git.commit", target, word, ended);
        if let Some(Repository { url, branch }) = &flight.repository {
            done = done
                .with("vcs.repository.url.full", url.clone())
                .with("vcs.ref.head.name", branch.clone());
        }
        if let Outcome::Done { commit, attempts, conflicts, .. } = outcome {
            done = done
                .with("vcs.ref.head.revision", StringValue::from(commit.to_string()))
                .with("periplus.git.attempts", i64::from(*attempts))
                .with("periplus.git.conflicts", number(conflicts.len()));
        }
        let told = flights.land(target, flight.under, done, word, why);
        if let Some(spent) = spent {
            legs(&flights.traces, spent, &told);
        }
    }

    /// A cluster that is applied to has answered for a part of it.
    pub(crate) fn applied(&self, target: &TargetId, applied: &Result<(), apply::Fault>) {
        let mut flights = self.lock();
        let Some(flight) = flights.flying.remove(target) else { return };
        let (word, why) = match applied {
            Ok(()) => ("done", None),
            Err(fault) => ("failed", Some(fault.to_string())),
        };
        let mut done = flight.over("cluster.apply", target, word, SystemTime::now());
        if let Some(Part { cluster, app }) = Part::of(target) {
            done = done.with("k8s.cluster.name", cluster);
            if let Some(app) = app {
                done = done.with("periplus.app", app);
            }
        }
        flights.land(target, flight.under, done, word, why);
    }
}

impl Flights {
    /// Something has landed, or failed to. Gives its span.
    fn land(
        &mut self,
        target: &TargetId,
        under: Parent,
        done: Done,
        word: &'static str,
        why: Option<String>,
    ) -> Parent {
        let again = why.is_some();
        let told = self.traces.tell(done.failed(why), &under);
        if again {
            self.again.insert(target.clone(), under);
        }
        self.landed.insert(target.clone(), (told.clone(), word));
        told
    }
}

/// What the time of a commit went to. Several attempts are told as one.
fn legs(traces: &Traces, spent: Spent, told: &Parent) {
    let Spent { began, ended, fetching, making, pushing } = spent;
    let (began, ended) = (wall(began), wall(ended));
    let fetched = began + fetching;
    traces.tell(Done::new("git.fetch", began).until(fetched), told);
    traces.tell(Done::new("git.make", fetched).until(fetched + making), told);
    if !pushing.is_zero() {
        traces.tell(Done::new("git.push", back(ended, pushing)).until(ended), told);
    }
}

impl Flight {
    fn new(parcel: &Parcel, place: Option<&Place>, under: Parent, ready: SystemTime) -> Self {
        let draft = &parcel.draft;
        let decisions = draft.decisions.iter().take(DECISIONS_MAX).map(|seq| number(seq.0));
        Self {
            under,
            ready,
            sent: None,
            repository: place.map(|place| place.repository.clone()),
            seq: draft.seq.0,
            decisions: decisions.collect(),
            files: draft.change.len(),
        }
    }

    /// The span of it, once it is answered.
    fn over(
        &self,
        name: &'static str,
        target: &TargetId,
        word: &'static str,
        ended: SystemTime,
    ) -> Done {
        let began = self.sent.unwrap_or(self.ready);
        Done::new(name, began)
            .until(ended.max(began))
            .of_another()
            .with("periplus.target", target.to_string())
            .with("periplus.outcome", word)
            .with("periplus.files", number(self.files))
            .with("periplus.log.seq", number(self.seq))
            .with("periplus.decisions", Value::Array(Array::I64(self.decisions.clone())))
    }
}

fn back(from: SystemTime, span: Duration) -> SystemTime {
    from.checked_sub(span).unwrap_or(from)
}

/// A time on the wall's clock.
fn wall(at: Instant) -> SystemTime {
    back(SystemTime::now(), at.elapsed())
}

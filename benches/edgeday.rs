//! edgeday-v1 on three engines in one run, and what an event queue costs by the number of pending events.
//!
//! `cargo bench --bench edgeday`, and `-- --largest` for 10,000 sites as well. The engines take turns and
//! the best of three rounds counts, because a shared machine only ever makes a round slower. Outcomes are
//! compared with the published ones; the workload is described in `sim/tests/edgeday/day.rs`.

#![expect(clippy::print_stdout, reason = "the answer of a benchmark")]
#![expect(clippy::cast_precision_loss, reason = "rates are printed with three digits")]

#[path = "../sim/tests/edgeday/day.rs"]
mod day;

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use day::{Agenda, Day, Event, Outcome, PUBLISHED};
use periplus_sim::queue::Queue;
use serde::Serialize;
use simcore::{Simulation, SimulationContext};

/// Rounds per engine; the best counts.
const ROUNDS: u32 = 3;

/// The number of events and the checksum for 10,000 sites; nothing more was published.
const LARGEST: (u64, u64) = (206_688_876, 0xb58d_a348_2896_3559);

/// What it is called, and how it runs the day.
type Engine = (&'static str, fn(u32) -> Outcome);

const ENGINES: [Engine; 3] =
    [("periplus timing wheel", on_wheel), ("std BinaryHeap", on_heap), ("simcore 0.1", on_simcore)];

fn main() {
    // `cargo test --benches` builds and starts this as well; it then only has to be alive.
    let flags: Vec<String> = std::env::args().skip(1).collect();
    let asked = |flag: &str| flags.iter().any(|given| given == flag);
    if !asked("--bench") {
        return;
    }
    println!("edgeday-v1, best of {ROUNDS} rounds\n");
    println!(
        "{:>6}  {:<22} {:>11} {:>9} {:>9} {:>9} {:>10}  {:<16} {:>8} {:>12}",
        "sites",
        "engine",
        "events",
        "moves",
        "ups",
        "downs",
        "bursts",
        "checksum",
        "seconds",
        "M events/s"
    );
    for (sites, published) in PUBLISHED {
        compare(sites, |outcome| assert_eq!(outcome, published, "{sites} sites"));
    }
    if asked("--largest") {
        compare(10_000, |outcome| {
            assert_eq!((outcome.events, outcome.checksum), LARGEST);
        });
    }
    println!("\nqueue alone: one pop and one push up to a minute ahead, M/s\n");
    println!("{:>10}  {:>22} {:>16}", "pending", "periplus timing wheel", "std BinaryHeap");
    for pending in [1_000, 100_000, 1_000_000] {
        let (wheel, heap) =
            (hold(&mut Wheel::default(), pending), hold(&mut Heap::default(), pending));
        println!("{pending:>10}  {wheel:>22.1} {heap:>16.1}");
    }
}

fn compare(sites: u32, check: impl Fn(Outcome)) {
    let mut best = [Duration::MAX; ENGINES.len()];
    let mut outcomes = [Outcome::default(); ENGINES.len()];
    for _ in 0..ROUNDS {
        for (place, (_, run)) in ENGINES.iter().enumerate() {
            let start = Instant::now();
            outcomes[place] = black_box(run(sites));
            best[place] = best[place].min(start.elapsed());
            check(outcomes[place]);
        }
    }
    for (place, (name, _)) in ENGINES.iter().enumerate() {
        let Outcome { events, moves, ups, downs, bursts, checksum } = outcomes[place];
        let seconds = best[place].as_secs_f64();
        let rate = events as f64 / seconds / 1e6;
        println!(
            "{sites:>6}  {name:<22} {events:>11} {moves:>9} {ups:>9} {downs:>9} {bursts:>10}  {checksum:016x} {seconds:>8.3} {rate:>12.1}"
        );
    }
}

/// The simulator's own queue.
#[derive(Default)]
struct Wheel(Queue<Event>);

/// The standard library's heap, with a sequence number for events of one time.
#[derive(Default)]
struct Heap {
    heap: BinaryHeap<Reverse<Entry>>,
    pushed: u64,
}

struct Entry {
    at: u64,
    number: u64,
    event: Event,
}

/// What gives its events back in order.
trait Queued: Agenda {
    fn take(&mut self) -> Option<(u64, Event)>;
}

fn on_wheel(sites: u32) -> Outcome {
    drive(sites, Wheel::default())
}

fn on_heap(sites: u32) -> Outcome {
    drive(sites, Heap::default())
}

fn drive(sites: u32, mut queue: impl Queued) -> Outcome {
    let mut day = Day::begin(sites, &mut queue);
    while let Some((at, event)) = queue.take() {
        day.happen(at, event, &mut queue);
    }
    day.outcome()
}

/// M/s of popping an entry and pushing it up to a minute ahead, `pending` entries waiting.
fn hold(queue: &mut impl Queued, pending: u32) -> f64 {
    let mut luck = 42_u64;
    let mut ahead = || {
        luck = luck.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (luck >> 33) % 60_000
    };
    (0..pending).for_each(|number| queue.put(ahead(), Event::Update(number)));
    let turns = 5_000_000;
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..turns {
            let (at, event) = queue.take().expect("as many are put as taken");
            queue.put(at + ahead(), event);
        }
        best = best.min(start.elapsed());
    }
    f64::from(turns) / best.as_secs_f64() / 1e6
}

impl Agenda for Wheel {
    #[inline]
    fn put(&mut self, at: u64, event: Event) {
        self.0.push(at, event);
    }
}

impl Queued for Wheel {
    #[inline]
    fn take(&mut self) -> Option<(u64, Event)> {
        self.0.pop()
    }
}

impl Agenda for Heap {
    #[inline]
    fn put(&mut self, at: u64, event: Event) {
        let number = self.pushed;
        self.pushed += 1;
        self.heap.push(Reverse(Entry { at, number, event }));
    }
}

impl Queued for Heap {
    #[inline]
    fn take(&mut self) -> Option<(u64, Event)> {
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.event))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// The day as a component of simcore, which keeps time in seconds. All times are quarters of a second, so
/// they are exact.
struct Component {
    day: Option<Day>,
    context: SimulationContext,
}

#[derive(Clone, Serialize)]
struct Due {
    #[serde(skip)]
    event: Event,
}

fn on_simcore(sites: u32) -> Outcome {
    let mut simulation = Simulation::new(42);
    let context = simulation.create_context("day");
    let component = Rc::new(RefCell::new(Component { day: None, context }));
    simulation.add_handler("day", component.clone());
    let day = Day::begin(sites, &mut component.borrow_mut().context);
    component.borrow_mut().day = Some(day);
    simulation.step_until_no_events();
    component.borrow().day.as_ref().map_or_else(Outcome::default, Day::outcome)
}

impl simcore::EventHandler for Component {
    fn on(&mut self, event: simcore::Event) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a time of day"
        )]
        let at = (event.time * 1e3) as u64;
        if let (Ok(due), Some(day)) = (event.data.downcast::<Due>(), &mut self.day) {
            day.happen(at, due.event, &mut self.context);
        }
    }
}

impl Agenda for SimulationContext {
    fn put(&mut self, at: u64, event: Event) {
        let delay = at as f64 / 1e3 - self.time();
        self.emit_self(Due { event }, delay);
    }
}

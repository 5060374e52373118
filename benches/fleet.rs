//! A made fleet for as long as asked for: what a day of it costs.
//!
//! ```text
//! cargo bench --bench fleet -- --clusters 1000 --series 10000 --minutes 1440
//! ```
//!
//! By default the machine alone, driven by made inputs and a world that obeys after fixed delays
//! (`made/drive.rs`); with `--world` in the simulated world, which packs pods, serves users and meters them.
//! Every record is encoded as for the log, and its bytes counted. With `--replay` the records are kept and
//! then folded and verified from nothing; both must give the digest of the run. With `--changes N` the
//! fleet goes on with N single changes of demand, one a second, each to three times what it was.

#![expect(clippy::print_stdout, reason = "the answer of a benchmark")]
#![expect(clippy::cast_precision_loss, reason = "rates are printed with three digits")]

mod made;

use std::time::{Duration, Instant};

use clap::Parser;
use made::drive::{Costs, Drive, Family, Nanos};
use made::{Size, mix, scenario};
use periplus_core::digest::Digest;
use periplus_core::ids::SeriesId;
use periplus_core::units::Span;
use periplus_core::{Outbox, Record, RecordRef, Sink, SinkFault, State, codec};
use periplus_spec::scenario::Scenario;

/// Run a made fleet and tell what it cost.
#[derive(Parser)]
struct Args {
    /// Clusters; every hundred are a metro with a cloud region of its own
    #[arg(long, default_value_t = 1_000)]
    clusters: u32,
    /// Demand series, reported once a minute
    #[arg(long, default_value_t = 10_000)]
    series: u32,
    /// Simulated minutes
    #[arg(long, default_value_t = 60)]
    minutes: u32,
    /// Apps [default: one for every ten clusters, at least twenty, at most 1,000]
    #[arg(long)]
    apps: Option<u32>,
    /// The seed that the fleet and its demand follow from
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Run in the simulated world
    #[arg(long, conflicts_with_all = ["replay", "changes"])]
    world: bool,
    /// Keep the records, then fold and verify them
    #[arg(long)]
    replay: bool,
    /// Afterwards, so many single changes of demand
    #[arg(long, default_value_t = 0)]
    changes: u32,
    /// What cargo adds
    #[arg(long, hide = true)]
    bench: bool,
}

/// Encodes every record, counts the bytes, and keeps the records if asked to.
#[derive(Default)]
struct Log {
    buffer: Vec<u8>,
    bytes: u64,
    inputs: u64,
    records: u64,
    decisions: u64,
    kept: Option<Vec<Record>>,
}

fn main() {
    // `cargo test --benches` builds and starts this as well; it then only has to be alive.
    if !std::env::args().any(|given| given == "--bench") {
        return;
    }
    let args = Args::parse();
    let size = Size {
        clusters: args.clusters,
        series: args.series,
        apps: args.apps.unwrap_or((args.clusters / 10).clamp(20, 1_000)),
        duration: Span(u64::from(args.minutes) * Span::MINUTE.0),
        seed: args.seed,
    };
    let scenario = scenario(&size);
    println!(
        "{} clusters, {} series, {} apps, {} minutes, seed {}\n",
        size.clusters, size.series, size.apps, args.minutes, size.seed
    );
    if args.world {
        in_the_world(&scenario);
    } else {
        alone(&scenario, &args);
    }
}

fn alone(scenario: &Scenario, args: &Args) {
    let kept = args.replay.then(Vec::new);
    let start = Instant::now();
    let mut drive = Drive::new(scenario, Log { kept, ..Log::default() });
    drive.run_for(scenario.duration);
    let wall = start.elapsed();
    let digest = drive.state.digest();
    tell(wall, &drive.sink, digest);
    tell_costs(wall, &drive.costs);
    if let Some(records) = drive.sink.kept.take() {
        replay(&records, drive.sink.inputs, digest);
    }
    if args.changes > 0 {
        change(&mut drive, args);
    }
}

fn in_the_world(scenario: &Scenario) {
    let mut log = Log::default();
    let start = Instant::now();
    let outcome = periplus_sim::run(scenario, &mut log, &mut ()).expect("the sink takes all");
    tell(start.elapsed(), &log, outcome.digest);
    let all = outcome.summary.all;
    line("SLO attainment", format!("{:.2} %", 100.0 * all.slo.attainment));
    line("unserved", format!("{:.3} %", 100.0 * all.requests.unserved / all.requests.offered));
}

fn tell(wall: Duration, log: &Log, digest: Digest) {
    let inputs = log.inputs as f64;
    let busy = cpu_time();
    line("wall time", seconds(wall));
    line("CPU time", seconds(busy));
    line("inputs", millions(inputs));
    line("inputs per CPU second", millions(inputs / busy.as_secs_f64()));
    line("records", log.records);
    line("decisions", log.decisions);
    line("log, bytes per input", format!("{:.2}", log.bytes as f64 / inputs));
    line("peak memory", format!("{} MiB", peak_mib()));
    line("digest", digest);
}

fn tell_costs(wall: Duration, costs: &Costs) {
    let made = wall.saturating_sub(costs.took() + costs.sink);
    line("first plan", seconds(costs.first_plan));
    line("a step that decides", quantiles(&costs.deciding));
    line("in steps", seconds(costs.took()));
    line("encoding", seconds(costs.sink));
    line("making inputs", seconds(made));
    println!("\n{:<16}{:>12}{:>14}{:>10}   a step", "steps", "number", "inputs", "seconds");
    for (name, family) in Family::NAMES.iter().zip(&costs.families) {
        println!(
            "{name:<16}{:>12}{:>14}{:>10.3}   {}",
            family.steps.0.len(),
            family.inputs,
            family.took.as_secs_f64(),
            quantiles(&family.steps)
        );
    }
}

fn replay(records: &[Record], inputs: u64, digest: Digest) {
    let told = |what, start: Duration| {
        let busy = (cpu_time() - start).as_secs_f64();
        line(what, format!("{} per CPU second", millions(inputs as f64 / busy)));
    };
    println!();
    let (mut state, start) = (State::default(), cpu_time());
    records.iter().for_each(|record| state.fold(record));
    told("fold", start);
    assert_eq!(state.digest(), digest, "folding gives the same state");
    let (mut state, mut out, start) = (State::default(), Outbox::default(), cpu_time());
    for record in records {
        state.verify(record, &mut out).expect("equal inputs give equal decisions");
    }
    told("verify", start);
    assert_eq!(state.digest(), digest, "verifying gives the same state");
}

fn change(drive: &mut Drive<'_, Log>, args: &Args) {
    let mut steps = Nanos::default();
    let before = drive.costs.decisions;
    let mut decided = 0;
    for turn in 0..u64::from(args.changes) {
        let drawn = mix(turn, args.seed) % u64::from(args.series);
        let series = SeriesId(u32::try_from(drawn).expect("below the number of series"));
        steps.add(drive.spike(series, 3_000));
        decided += u64::from(!drive.out.decisions.is_empty());
        drive.run_for(Span::SECOND);
    }
    let all = drive.costs.decisions - before;
    println!();
    line("single changes", format!("{}, of which {decided} decided at once", args.changes));
    line("a step", quantiles(&steps));
    line("decisions meanwhile", all);
}

impl Sink for Log {
    fn accept(&mut self, record: &RecordRef<'_>, _: &State) -> Result<(), SinkFault> {
        self.buffer.clear();
        codec::encode(record, &mut self.buffer);
        self.bytes += self.buffer.len() as u64;
        self.inputs += record.input.weight();
        self.records += 1;
        self.decisions += record.decisions.len() as u64;
        if let Some(kept) = &mut self.kept {
            kept.push(record.to_record());
        }
        Ok(())
    }
}

fn line(what: &str, value: impl std::fmt::Display) {
    println!("{what:<24}{value}");
}

fn seconds(span: Duration) -> String {
    format!("{:.2} s", span.as_secs_f64())
}

fn millions(number: f64) -> String {
    format!("{:.2} M", number / 1e6)
}

fn quantiles(steps: &Nanos) -> String {
    let [p50, p99, max] = [0.5, 0.99, 1.0].map(|quantile| steps.micros(quantile));
    format!("p50 {p50:.1} µs, p99 {p99:.1} µs, max {max:.0} µs")
}

/// What this process has had of a core so far; waiting for one on a shared machine does not count.
fn cpu_time() -> Duration {
    let told = std::fs::read_to_string("/proc/self/schedstat").expect("Linux tells in nanoseconds");
    let nanos = told.split_whitespace().next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.expect("the first of three numbers"))
}

/// The most memory that this process has held, where the system tells.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) / 1_024
}

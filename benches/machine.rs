//! What the machine's own work costs: `step`, `fold`, `verify`, and the records' encoding.
//!
//! `cargo bench --bench machine`, and `-- NAME` for some of it. Elements are single observations
//! ([`Input::weight`]), so throughput is in observations a second. Made fleets (`made/mod.rs`) are driven for
//! some time first, so that everything is placed and ready. What the log costs on disk is measured by
//! `cargo bench -p periplus-journal`.

#![expect(clippy::print_stdout, reason = "what criterion does not count")]
#![expect(clippy::cast_precision_loss, reason = "a ratio is printed with two digits")]

mod made;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use made::drive::Drive;
use made::{Size, mix, scenario};
use periplus_core::ids::{ClusterId, SeriesId};
use periplus_core::input::{BATCH_MAX, Observation, Sight, SourceId, TimerFired};
use periplus_core::units::{MilliRps, Span};
use periplus_core::{Input, Outbox, Record, State, codec, step};
use periplus_spec::scenario::Scenario;

/// How long a fleet runs before anything is measured: all is placed and ready then.
const WARM: Span = Span(15 * Span::MINUTE.0);
/// How long the log is that is folded and verified: all that happens regularly happens in it.
const LOGGED: Span = Span(60 * Span::MINUTE.0);

fn main() {
    // `cargo test --benches` builds and starts this as well; it then only has to be alive.
    if !std::env::args().any(|given| given == "--bench") {
        return;
    }
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let small = fleet(1_000, 10_000);
    let mut drive = warmed(&small);
    steps(&mut criterion, &mut drive);
    change(&mut criterion, "one change, 1,000 clusters", &mut drive);
    logs(&mut criterion, &small);
    let large = fleet(10_000, 100_000);
    change(&mut criterion, "one change, 10,000 clusters", &mut warmed(&large));
    criterion.final_summary();
}

fn fleet(clusters: u32, series: u32) -> Scenario {
    scenario(&Size { clusters, series, apps: 1_000, duration: WARM, seed: 42 })
}

fn warmed(scenario: &Scenario) -> Drive<'_, ()> {
    let mut drive = Drive::new(scenario, ());
    drive.run_for(WARM);
    drive
}

/// Steps that decide nothing.
fn steps(criterion: &mut Criterion, drive: &mut Drive<'_, ()>) {
    let mut group = criterion.benchmark_group("step");
    let within: Vec<Input> = (0..64).map(|round| wander(drive, round)).collect();
    run(&mut group, "demand within its bands", drive, &within);
    let heard = (0..drive.state.clusters().len()).map(ClusterId::from_index).collect();
    run(&mut group, "heartbeats", drive, &[see(drive, Sight::Heartbeats(heard))]);
    let early = Input::Timer(TimerFired { due: drive.now });
    run(&mut group, "a timer with nothing due", drive, &[early]);
    group.finish();
}

/// A batch of rates within a thousandth of what they are.
fn wander(drive: &Drive<'_, ()>, round: u64) -> Input {
    let series = drive.state.series().iter().zip(0..).take(BATCH_MAX);
    let rates = series.map(|(series, id)| {
        let rate = series.flow.rate.0;
        let drawn = mix((u64::from(id) << 8) | round, 0) % 1_000;
        (SeriesId(id), MilliRps(rate + rate * drawn / 1_000_000))
    });
    see(drive, Sight::Demand { source: SourceId(0), rates: rates.collect() })
}

fn see(drive: &Drive<'_, ()>, sight: Sight) -> Input {
    Input::Observation(Observation { as_of: drive.now, sight })
}

/// Steps over `inputs` in turn, again and again.
fn run(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    drive: &mut Drive<'_, ()>,
    inputs: &[Input],
) {
    // What the first of them stirs is stirred; the measured ones state the bare fact.
    inputs.iter().for_each(|input| take(drive, input));
    group.throughput(Throughput::Elements(inputs[0].weight()));
    let mut turn = inputs.iter().cycle();
    group.bench_function(name, |bencher| {
        bencher.iter(|| turn.by_ref().take(1).for_each(|input| take(drive, input)));
    });
}

fn take(drive: &mut Drive<'_, ()>, input: &Input) {
    step(&mut drive.state, drive.now, input, &mut drive.out).expect("time only goes forward");
    assert!(drive.out.decisions.is_empty(), "nothing is decided");
}

/// One zone's users of one app are suddenly three times as many, in a fleet that goes on otherwise.
fn change(criterion: &mut Criterion, name: &str, drive: &mut Drive<'_, ()>) {
    let series = drive.state.series().len() as u64;
    let mut turn = 0;
    let mut group = criterion.benchmark_group("step");
    group.throughput(Throughput::Elements(1)).sample_size(10);
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|rounds| {
            let once = |_| {
                turn += 1;
                drive.run_for(Span(100));
                let drawn = usize::try_from(mix(turn, 0) % series).expect("an id");
                drive.spike(SeriesId::from_index(drawn), 3_000)
            };
            (0..rounds).map(once).sum()
        });
    });
    group.finish();
}

/// What can be done with the log of a regular hour.
fn logs(criterion: &mut Criterion, scenario: &Scenario) {
    let mut drive = Drive::new(scenario, Vec::new());
    drive.run_for(WARM);
    drive.sink.clear();
    let begun = drive.state.clone();
    drive.run_for(LOGGED);
    let records = drive.sink;
    let weight = records.iter().map(|record| record.input.weight()).sum();
    let mut group = criterion.benchmark_group("log");
    group.throughput(Throughput::Elements(weight)).sample_size(10);
    group.bench_function("fold", |bencher| {
        let fold = |mut state: State| {
            records.iter().for_each(|record| state.fold(record));
            state
        };
        bencher.iter_batched(|| begun.clone(), fold, BatchSize::PerIteration);
    });
    group.bench_function("verify", |bencher| {
        let mut out = Outbox::default();
        let verify = |mut state: State| {
            let verified = |record| state.verify(record, &mut out).expect("the same decisions");
            records.iter().for_each(verified);
            state
        };
        bencher.iter_batched(|| begun.clone(), verify, BatchSize::PerIteration);
    });
    let encoded: Vec<Vec<u8>> = records.iter().map(encode).collect();
    let bytes: usize = encoded.iter().map(Vec::len).sum();
    println!("log: {:.2} bytes per observation\n", bytes as f64 / weight as f64);
    group.bench_function("encode", |bencher| {
        let mut buffer = Vec::new();
        bencher.iter(|| {
            for record in &records {
                buffer.clear();
                codec::encode(&record.as_ref(), &mut buffer);
            }
            black_box(buffer.len())
        });
    });
    group.bench_function("decode", |bencher| {
        let decode = |bytes: &Vec<u8>| codec::decode::<Record>(bytes).expect("a record");
        bencher
            .iter(|| encoded.iter().map(decode).map(|record| record.events.len()).sum::<usize>());
    });
    group.finish();
}

fn encode(record: &Record) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(&record.as_ref(), &mut bytes);
    bytes
}

//! Steps allocate nothing in the steady state: demand that stays within its bands.

mod support;

use periplus_core::ids::*;
use periplus_core::input::*;
use periplus_core::units::*;
use periplus_core::{Input, Outbox, step};
use support::*;

#[global_allocator]
static COUNTED: dhat::Alloc = dhat::Alloc;

#[test]
fn demand_within_its_bands_allocates_nothing() {
    let mut bench = Bench::new(plain_policy());
    for _ in 0..4 {
        bench.cluster(Nodes::default());
    }
    for zone in 0..40 {
        let rtts: Vec<u32> = (0..4).map(|cluster| 2 + (zone % 4_u32).abs_diff(cluster)).collect();
        bench.zone(&rtts);
    }
    let app = bench.app(|_| {});
    bench.series(app);
    let all: Vec<(u32, u64)> = (0..40).map(|series| (series, 3)).collect();
    bench.demand(&all);
    bench.run_for(Span(1_200_000));

    // Rates that move, by little.
    let batches: Vec<Input> = (0..100_u64)
        .map(|round| {
            let rate = |series: u64| MilliRps(2_990 + (series * 7 + round * 3) % 10);
            let rates = (0..40).map(|id| (SeriesId(id), rate(u64::from(id)))).collect();
            let sight = Sight::Demand { source: SourceId(0), rates };
            Input::Observation(Observation { as_of: bench.now, sight })
        })
        .collect();
    let mut out = Outbox::default();
    // The first step sizes the outbox and stirs the app.
    step(&mut bench.state, bench.now, &batches[0], &mut out).unwrap();

    let _profiler = dhat::Profiler::builder().testing().build();
    for batch in &batches[1..] {
        step(&mut bench.state, bench.now, batch, &mut out).unwrap();
        assert_eq!(out.events.len(), 1, "{:?}", out.events);
    }
    let stats = dhat::HeapStats::get();
    dhat::assert_eq!(stats.total_blocks, 0);
}

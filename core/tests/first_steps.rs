//! The machine from the outside: small fleets, a world that obeys, one need at a time.

mod support;

use periplus_core::ids::*;
use periplus_core::state::Phase;
use periplus_core::units::*;
use support::*;

#[test]
fn an_app_comes_up_near_its_users_and_goes_when_they_go() {
    let mut bench = Bench::new(plain_policy());
    bench.cluster(Nodes::default());
    bench.cluster(Nodes::default());
    bench.zone(&[5, 60]);
    let app = bench.app(|_| {});
    let series = bench.series(app);
    assert_eq!(bench.berths_of(0), []);

    bench.demand(&[(series, 15)]);
    assert_eq!(bench.berths_of(0), [0]);
    assert_eq!(bench.phases_in(0, 0), [Phase::Waiting]);
    assert_eq!(bench.routes_of(series), []);
    bench.run_for(Span(3_000));
    assert_eq!(bench.phases_in(0, 0), [Phase::Primed]);
    bench.run_for(Span(20_000));
    assert_eq!(bench.phases_in(0, 0), [Phase::Applied]);
    bench.run_for(Span(60_000));
    assert_eq!(bench.phases_in(0, 0), [Phase::Ready]);
    assert_eq!(bench.routes_of(series), [(0, 1_000)]);
    assert_eq!(bench.state.berth(BerthId(0)).replicas(), 2);

    bench.demand(&[(series, 0)]);
    bench.run_for(Span(3_600_000));
    assert_eq!(bench.berths_of(0), []);
    assert_eq!(bench.state.berths().count(), 0);
    assert_eq!(bench.state.bindings(), 0);
    bench.verify();
}

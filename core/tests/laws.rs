//! The laws under any sequence of inputs, sensible or not.

mod support;

use periplus_core::adoption::{Adopted, Adoption, Sender, Sent};
use periplus_core::fleet::*;
use periplus_core::ids::*;
use periplus_core::input::*;
use periplus_core::intent::*;
use periplus_core::policy::Preemption;
use periplus_core::units::*;
use periplus_core::{Input, State, step};
use proptest::prelude::*;
use support::*;

const CLUSTERS: u32 = 4;
const ZONES: u32 = 3;
const APPS: u32 = 3;

/// What may happen. Ids may be wrong on purpose.
#[derive(Clone, Debug)]
enum Action {
    Demand(Vec<(u32, u64)>),
    Wait(u64),
    Mark(u32, u8),
    Capacity(u32, u32, u32),
    Price(u32, i64),
    Silence(u32, bool),
    Break(u32, bool),
    Redeclare(u32, u16, i32, Content),
    Withdraw(u32),
    Pin(u32, Option<u32>),
    Approve(u32),
    Pause(bool),
    Repeat(usize),
    Report(usize, u8),
    Adopt(u32, u32, u16, u32),
    Garbage(u8),
}

/// What is declared of an app's content, and how it is rolled out.
#[derive(Clone, Copy, Debug)]
struct Content {
    revision: u64,
    cpu: u32,
    /// Whether the second component is part of it.
    second: bool,
    rollout: RolloutRules,
}

fn content() -> impl Strategy<Value = Content> {
    let approval = prop_oneof![3 => Just(Approval::Never), 1 => Just(Approval::AfterFirst)];
    let rollout = (1_u16..4, prop_oneof![Just(0_u64), Just(90_000)], approval, 0..5_u8);
    let rollout = rollout.prop_map(|(max_unavailable, soak, approval, paused)| RolloutRules {
        max_unavailable,
        soak: Span(soak),
        approval,
        paused: paused == 0,
    });
    let cpu = prop_oneof![3 => Just(1_000_u32), 1 => Just(500)];
    (1_u64..4, cpu, prop::bool::weighted(0.8), rollout)
        .prop_map(|(revision, cpu, second, rollout)| Content { revision, cpu, second, rollout })
}

fn action() -> impl Strategy<Value = Action> {
    let rate = prop_oneof![Just(0), 1_u64..60, 60_u64..400];
    prop_oneof![
        6 => prop::collection::vec((0..ZONES * APPS, rate), 1..6).prop_map(|mut rates| {
            rates.sort_unstable();
            rates.dedup_by_key(|rate| rate.0);
            Action::Demand(rates)
        }),
        8 => (1_u64..900).prop_map(Action::Wait),
        2 => (0..CLUSTERS + 1, 0_u8..5).prop_map(|(cluster, mark)| Action::Mark(cluster, mark)),
        2 => (0..CLUSTERS, 0_u32..4, 500_u32..6_000).prop_map(|(c, n, m)| Action::Capacity(c, n, m)),
        1 => (0..CLUSTERS, 0_i64..200_000).prop_map(|(cluster, price)| Action::Price(cluster, price)),
        2 => (0..CLUSTERS, any::<bool>()).prop_map(|(cluster, on)| Action::Silence(cluster, on)),
        1 => (0..CLUSTERS, any::<bool>()).prop_map(|(cluster, on)| Action::Break(cluster, on)),
        2 => (0..APPS, 1_u16..4, -2_i32..3, content())
            .prop_map(|(app, min, priority, content)| Action::Redeclare(app, min, priority, content)),
        1 => (0..APPS + 1).prop_map(Action::Withdraw),
        1 => (0..APPS, prop::option::of(0..CLUSTERS)).prop_map(|(a, to)| Action::Pin(a, to)),
        1 => (0_u32..4).prop_map(Action::Approve),
        1 => any::<bool>().prop_map(Action::Pause),
        2 => any::<usize>().prop_map(Action::Repeat),
        2 => (any::<usize>(), 0_u8..3).prop_map(|(which, how)| Action::Report(which, how)),
        1 => (0..APPS, 0..CLUSTERS, 0_u16..5, 0..ZONES * APPS)
            .prop_map(|(app, cluster, replicas, series)| Action::Adopt(app, cluster, replicas, series)),
        1 => (0_u8..6).prop_map(Action::Garbage),
    ]
}

/// Four clusters, three zones, three apps: a plain one, one with gates, one that calls its data.
fn fleet(step: u16, breaker_floor: u32) -> Bench {
    let mut policy = plain_policy();
    policy.traffic.step = Permille(step);
    policy.breaker.floor = breaker_floor;
    policy.preemption = Preemption::LowerPriority;
    let mut bench = Bench::new(policy);
    for index in 0..CLUSTERS {
        bench.cluster(Nodes { core_price: 30_000 + 5_000 * i64::from(index), ..Nodes::default() });
    }
    for from in 0..CLUSTERS {
        let rtts: Vec<u32> = (0..CLUSTERS).map(|to| from.abs_diff(to) * 8).collect();
        bench.reach(Place::Cluster(ClusterId(from)), &rtts);
    }
    for zone in 0..ZONES {
        let rtts: Vec<u32> = (0..CLUSTERS).map(|to| 2 + zone.abs_diff(to) * 12).collect();
        bench.zone(&rtts);
    }
    bench.app(|intent| intent.priority = 1);
    bench.app(gated_app);
    bench.app(split_app);
    for app in 0..APPS {
        bench.series(AppId(app));
    }
    bench
}

fn gated_app(intent: &mut Intent) {
    let mut second = component(intent.name);
    second.after.push(Gate {
        app: AppId(1),
        component: ComponentId(0),
        until: Milestone::Ready,
        hold: Span(5_000),
        scope: Scope::Same,
        deadline: Some(Span(200_000)),
        otherwise: Otherwise::Abort,
    });
    second.scaling = Scaling::Hpa { min: 1, max: 5 };
    intent.components.push(second);
    intent.groups = vec![group(intent.name, &[0, 1])];
    intent.rules.max_clusters = Some(2);
}

fn split_app(intent: &mut Intent) {
    intent.components.push(component(intent.name));
    let data = Group { stateful: true, standing: 1, ..group(intent.name, &[1]) };
    intent.groups = vec![group(intent.name, &[0]), data];
    intent.rules.avoid = vec![AppId(1)];
    intent.calls = vec![GroupCall {
        from: GroupId(0),
        to: GroupId(1),
        share: Permille(600),
        round_trips: 1_500,
        bytes: Bytes(2_000),
    }];
}

fn act(bench: &mut Bench, action: &Action) {
    match action {
        Action::Demand(rates) => bench.demand(rates),
        Action::Wait(seconds) => bench.run_for(Span(seconds * 1_000)),
        Action::Mark(cluster, mark) => {
            let cluster = ClusterId(*cluster);
            bench.command(match mark {
                0 => Command::Cordon(cluster),
                1 => Command::Uncordon(cluster),
                2 => Command::Drain(cluster),
                3 => Command::Undrain(cluster),
                _ => Command::DeclareLost(cluster),
            });
        }
        Action::Capacity(cluster, nodes, cpu) => {
            // Others may take room, but never what our pods run on: nodes do not shrink below it.
            let held = bench.state.cluster(ClusterId(*cluster)).held.cpu;
            if u64::from(*nodes) * u64::from(*cpu / 1_000) * 1_000 >= held && *cpu >= 1_000 {
                bench.capacity(ClusterId(*cluster), *nodes, *cpu);
            }
        }
        Action::Price(cluster, price) => {
            let prices = Prices { core: MicroUsdPerHour(*price), ..Prices::default() };
            bench.see(Sight::Prices(vec![(ClusterId(*cluster), prices)]));
        }
        Action::Silence(cluster, on) => set(&mut bench.silent, ClusterId(*cluster), *on),
        Action::Break(cluster, on) => set(&mut bench.broken, ClusterId(*cluster), *on),
        Action::Redeclare(app, min, priority, content) => {
            let mut intent = bench.state.intent(AppId(*app)).clone();
            intent.generation += 1;
            intent.priority = *priority;
            let Content { revision, cpu, second, rollout } = *content;
            intent.components[0].revision = revision;
            intent.components[0].request.cpu = MilliCpu(cpu);
            if *app == 1 {
                intent.groups[0].components = vec![ComponentId(0)];
                intent.groups[0].components.extend(second.then_some(ComponentId(1)));
            }
            intent.rollout = rollout;
            intent.components[0].scaling = Scaling::Fixed { min: *min };
            bench.command(Command::DeclareApp(AppId(*app), Box::new(intent)));
        }
        Action::Withdraw(app) => bench.command(Command::WithdrawApp(AppId(*app))),
        Action::Pin(app, to) => bench.command(match to {
            Some(to) => {
                Command::Pin { app: AppId(*app), group: GroupId(0), cluster: ClusterId(*to) }
            }
            None => Command::Unpin { app: AppId(*app), group: GroupId(0) },
        }),
        Action::Approve(hold) => bench.command(Command::Approve(HoldId(*hold))),
        Action::Pause(true) => bench.command(Command::Pause),
        Action::Pause(false) => bench.command(Command::Resume),
        Action::Repeat(which) => {
            // A report or reading that comes again, or late.
            let input = bench.log[which % bench.log.len()].input.clone();
            if matches!(input, Input::Report(_) | Input::Observation(_)) && !is_capacity(&input) {
                bench.feed(&input);
            }
        }
        Action::Report(which, how) => {
            let outstanding: Vec<_> = bench.state.outstanding().map(|issued| issued.key).collect();
            if let Some(key) = outstanding.get(which % outstanding.len().max(1)) {
                let outcome = match how {
                    0 => Outcome::Failed(Fault::GitRejected),
                    1 => Outcome::Unknown,
                    _ => Outcome::Done,
                };
                bench.feed(&Input::Report(EffectReport { key: *key, outcome }));
            }
        }
        Action::Adopt(app, cluster, replicas, series) => {
            let (app, cluster) = (AppId(*app), ClusterId(*cluster));
            let components = bench.state.intent(app).group(GroupId(0)).components.len();
            let replicas = vec![*replicas; components];
            let berths = vec![Adopted { app, group: GroupId(0), cluster, replicas }];
            let to = vec![(cluster, Permille::WHOLE)];
            let flows = vec![Sent { from: Sender::Users(SeriesId(*series)), to }];
            bench.command(Command::Adopt(Box::new(Adoption { berths, flows })));
        }
        Action::Garbage(kind) => garbage(bench, *kind),
    }
}

fn is_capacity(input: &Input) -> bool {
    matches!(input, Input::Observation(Observation { sight: Sight::Capacity { .. }, .. }))
}

fn set(list: &mut Vec<ClusterId>, cluster: ClusterId, on: bool) {
    list.retain(|other| *other != cluster);
    if on {
        list.push(cluster);
    }
}

/// Inputs that no border would send.
fn garbage(bench: &mut Bench, kind: u8) {
    let far = u32::MAX - 7;
    match kind {
        0 => bench.demand(&[(far, 10)]),
        1 => bench.see(Sight::Heartbeats(vec![ClusterId(far)])),
        2 => bench.see(Sight::Reach { from: Place::Zone(ZoneId(far)), rtts: Vec::new() }),
        3 => bench.command(Command::RetireCluster(ClusterId(far))),
        4 => {
            let mut intent = intent(Symbol(0));
            intent.groups[0].components = vec![ComponentId(9)];
            bench.command(Command::DeclareApp(AppId(0), Box::new(intent)));
        }
        _ => bench.see(Sight::Carbon(vec![(ClusterId(far), GramsPerKwh(1))])),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Law 1 and the room invariant are checked after every record by `feed`; laws 2 and 3 here.
    #[test]
    fn the_laws_hold_under_any_inputs(
        step in prop_oneof![Just(1_000_u16), Just(300)],
        floor in prop_oneof![Just(1_u32), Just(1_000)],
        actions in prop::collection::vec(action(), 1..60),
    ) {
        let mut bench = fleet(step, floor);
        for action in &actions {
            act(&mut bench, action);
        }
        bench.verify();
        let snapshot = bench.state.to_snapshot();
        let mut restored = State::from_snapshot(&snapshot).unwrap();
        prop_assert_eq!(&restored, &bench.state);
        prop_assert_eq!(restored.digest(), bench.state.digest());
        // A restored state decides the same.
        let due = bench.now;
        let mut out = periplus_core::Outbox::default();
        let mut twin = periplus_core::Outbox::default();
        let input = Input::Timer(TimerFired { due });
        step_both(&mut restored, &mut bench.state, due, &input, &mut out, &mut twin);
        prop_assert_eq!(out.events, twin.events);
        prop_assert_eq!(restored.digest(), bench.state.digest());
    }
}

fn step_both(
    a: &mut State,
    b: &mut State,
    at: Tick,
    input: &Input,
    out: &mut periplus_core::Outbox,
    twin: &mut periplus_core::Outbox,
) {
    step(a, at, input, out).expect("time passes");
    step(b, at, input, twin).expect("time passes");
}

#[test]
fn time_that_goes_backwards_is_refused_and_nothing_changes() {
    let mut bench = fleet(1_000, 10);
    bench.run_for(Span(1_000));
    bench.demand(&[(0, 10)]);
    let before = bench.state.clone();
    let input = Input::Timer(TimerFired { due: Tick(0) });
    let refused = step(&mut bench.state, Tick(999), &input, &mut bench.out);
    assert_eq!(refused.unwrap_err().last, Tick(1_000));
    assert_eq!(bench.state, before);
}

/// `PERIPLUS_CASES` asks for a longer search.
fn cases() -> u32 {
    std::env::var("PERIPLUS_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64)
}

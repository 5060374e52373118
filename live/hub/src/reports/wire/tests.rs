//! What is written is read as it was, whatever it is; and whatever comes is answered.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::json;

use super::*;

const WRITTEN: &str = r#"{"version":1,"cluster":"edge","begins":true,"aliveAtUnixMs":30,"room":{"asOfUnixMs":20,"pools":[{"name":"a","nodes":[{"cpuMilli":1,"memoryBytes":2,"pods":3,"extended":{"nvidia.com/gpu":4}}]}]},"workloads":[{"app":"shop","component":"web","decision":7,"asOfUnixMs":10,"state":{"ready":2}},{"app":"shop","component":"cart","asOfUnixMs":10,"state":{"failed":"imagePull"}},{"app":"shop","component":"old","asOfUnixMs":99,"state":"gone"}],"whole":{"asOfUnixMs":30,"components":[{"app":"shop","component":"web"},{"app":"shop","component":"cart"}]}}"#;

fn workload(component: &str, decision: Option<u64>, state: WorkloadState) -> Workload {
    Workload { app: "shop".into(), component: component.into(), decision, state }
}

#[test]
fn the_form_is_this_and_stays_so() {
    let read: Report = serde_json::from_str(WRITTEN).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), WRITTEN);
    assert_eq!((read.fault("edge"), read.part()), (None, Part::All));
    let expected = ["cart", "web", "lost"].map(|name| ("shop".to_owned(), name.to_owned()));
    // The clock of the service is a second ahead.
    let told = read.sightings(Came { sent_unix_ms: 50, at_unix_ms: 1_050 }, expected.into());
    let cluster = || "edge".to_owned();
    let workloads = |as_of_unix_ms, workloads| Sighting {
        as_of_unix_ms,
        sight: Sight::Workloads { cluster: cluster(), workloads },
    };
    let extended = [("nvidia.com/gpu".to_owned(), 4)].into();
    let node = Node { cpu_milli: 1, memory_bytes: 2, pods: 3, extended };
    let pools = vec![Pool { name: "a".into(), nodes: vec![node] }];
    let wanted = [
        workloads(
            1_010,
            vec![
                workload("web", Some(7), WorkloadState::Ready(2)),
                workload("cart", None, WorkloadState::Failed(Fault::ImagePull)),
            ],
        ),
        // Nothing is of a time to come.
        workloads(1_050, vec![workload("old", None, WorkloadState::Gone)]),
        workloads(1_030, vec![workload("lost", None, WorkloadState::Gone)]),
        Sighting { as_of_unix_ms: 1_020, sight: Sight::Room { cluster: cluster(), pools } },
        Sighting { as_of_unix_ms: 1_030, sight: Sight::Alive { cluster: cluster() } },
    ];
    assert_eq!(told, wanted);
}

#[test]
fn what_a_later_version_adds_is_passed_over_and_another_form_is_refused() {
    let more = json!({"version": 1, "cluster": "edge", "new": [1], "aliveAtUnixMs": 3});
    let read: Report = serde_json::from_value(more).unwrap();
    assert_eq!((read.alive_at_unix_ms, read.fault("edge")), (Some(3), None));
    assert!(read.fault("sea").unwrap().contains("another cluster"));
    let other = Report { version: 2, ..read };
    assert!(other.fault("edge").unwrap().contains("version is 2"));
}

/// A report that came at once.
fn at_once(unix_ms: i64) -> Came {
    Came { sent_unix_ms: unix_ms, at_unix_ms: unix_ms }
}

#[test]
fn what_is_not_all_takes_nothing_for_gone() {
    let expected = || vec![("shop".to_owned(), "web".to_owned())];
    let some = Report { cluster: "edge".into(), ..Report::default() };
    assert_eq!(some.clone().sightings(at_once(9), expected()), []);
    let whole = Some(Whole { as_of_unix_ms: 5, components: None });
    assert_eq!(Report { whole, ..some.clone() }.sightings(at_once(9), expected()), []);
    let whole = Some(Whole { as_of_unix_ms: 5, components: Some(Vec::new()) });
    assert_eq!(Report { whole, ..some }.sightings(at_once(9), expected()).len(), 1);
}

#[test]
fn more_than_may_be_is_refused() {
    let one = Component::new(0, &workload("web", None, WorkloadState::Ready(1)));
    let many =
        Report { version: VERSION, workloads: vec![one; WORKLOADS_MAX + 1], ..Report::default() };
    assert!(many.fault("").unwrap().contains("1025 workloads"));
    let name = ComponentName { app: "a".into(), component: "c".into() };
    let components = Some(vec![name; COMPONENTS_MAX + 1]);
    let whole = Some(Whole { as_of_unix_ms: 0, components });
    let many = Report { version: VERSION, whole, ..Report::default() };
    assert!(many.fault("").unwrap().contains("16385 components"));
}

/// The longest report that a reporter makes of a cluster of so many nodes is not longer than may be.
#[test]
fn the_largest_report_is_not_too_long() {
    let name = || "n".repeat(63);
    let mut long = workload("", Some(u64::MAX), WorkloadState::Failed(Fault::Unschedulable));
    (long.app, long.component) = (name(), name());
    let node = Node { cpu_milli: 1 << 20, memory_bytes: 1 << 45, pods: 250, ..Node::default() };
    let pool = Pool { name: name(), nodes: vec![node; 5_000] };
    let named = ComponentName { app: name(), component: name() };
    let report = Report {
        version: VERSION,
        cluster: name(),
        begins: true,
        alive_at_unix_ms: Some(i64::MIN),
        room: Some(Room { as_of_unix_ms: i64::MIN, pools: vec![pool.into()] }),
        workloads: vec![Component::new(i64::MIN, &long); WORKLOADS_MAX],
        whole: Some(Whole { as_of_unix_ms: 0, components: Some(vec![named; COMPONENTS_MAX]) }),
    };
    assert_eq!(report.fault(&name()), None);
    let bytes = serde_json::to_vec(&report).unwrap().len();
    assert!(bytes < REPORT_BYTES_MAX, "{bytes}");
}

fn faults() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::GitRejected),
        Just(Fault::ApplyFailed),
        Just(Fault::ImagePull),
        Just(Fault::PodFailed),
        Just(Fault::Unschedulable),
        Just(Fault::TimedOut),
        Just(Fault::Unreachable),
    ]
}

fn workloads() -> impl Strategy<Value = Workload> {
    let state = prop_oneof![
        any::<u16>().prop_map(WorkloadState::Ready),
        faults().prop_map(WorkloadState::Failed),
        Just(WorkloadState::Gone),
    ];
    (".{0,8}", ".{0,8}", any::<Option<u64>>(), state)
        .prop_map(|(app, component, decision, state)| Workload { app, component, decision, state })
}

fn pools() -> impl Strategy<Value = Pool> {
    let extended = btree_map(".{0,8}", any::<u64>(), 0..3);
    let node = (any::<u64>(), any::<u64>(), any::<u32>(), extended).prop_map(
        |(cpu_milli, memory_bytes, pods, extended)| Node {
            cpu_milli,
            memory_bytes,
            pods,
            extended,
        },
    );
    (".{0,8}", vec(node, 0..4)).prop_map(|(name, nodes)| Pool { name, nodes })
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_it_was(
        seen in vec(workloads(), 0..6),
        pools in vec(pools(), 0..3),
        at in any::<[i64; 3]>(),
        there in proptest::option::of(vec(("[a-z]{1,3}", "[a-z]{1,3}"), 0..4)),
    ) {
        let there = there.map(|there| {
            there.into_iter().map(|(app, component)| ComponentName { app, component }).collect()
        });
        let report = Report {
            version: VERSION,
            cluster: "edge".into(),
            begins: at[0] > 0,
            alive_at_unix_ms: Some(at[0]),
            room: Some(Room {
                as_of_unix_ms: at[1],
                pools: pools.iter().cloned().map(PoolRoom::from).collect(),
            }),
            workloads: seen.iter().map(|one| Component::new(at[2], one)).collect(),
            whole: Some(Whole { as_of_unix_ms: at[0], components: there }),
        };
        let read: Report = serde_json::from_slice(&serde_json::to_vec(&report).unwrap()).unwrap();
        prop_assert_eq!(&read, &report);
        for told in read.sightings(at_once(i64::MAX), Vec::new()) {
            match told.sight {
                Sight::Workloads { workloads, .. } => prop_assert_eq!(&workloads, &seen),
                Sight::Room { pools: told, .. } => prop_assert_eq!(&told, &pools),
                Sight::Alive { cluster } => prop_assert_eq!(cluster, "edge"),
                Sight::Demand { .. } | Sight::Carbon { .. } | Sight::Prices { .. } => prop_assert!(false),
            }
        }
    }

    #[test]
    fn whatever_comes_is_read_or_refused(
        cut in 0..WRITTEN.len(),
        stuffed in vec(any::<u8>(), 0..6),
        skipped in 0..9_usize,
    ) {
        let mut bytes = WRITTEN.as_bytes()[..cut].to_vec();
        bytes.extend(stuffed);
        bytes.extend_from_slice(WRITTEN.as_bytes().get(cut + skipped..).unwrap_or_default());
        if let Ok(read) = serde_json::from_slice::<Report>(&bytes) {
            let _ = read.fault("edge");
            for told in read.sightings(Came { sent_unix_ms: i64::MIN, at_unix_ms: 0 }, Vec::new()) {
                prop_assert!(told.as_of_unix_ms <= 0);
            }
        }
    }
}

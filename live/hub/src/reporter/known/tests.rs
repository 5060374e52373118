//! Whatever is lost on the way, whoever takes what comes knows what is known.

use proptest::prelude::*;

use super::*;
use crate::reports::wire::Came;
use crate::sighting::Node;

/// Times stay as they are.
const AT_ONCE: Came = Came { sent_unix_ms: i64::MAX, at_unix_ms: i64::MAX };

fn seen(at: i64, sight: Sight) -> Sighting {
    Sighting { as_of_unix_ms: at, sight }
}

fn alive(at: i64) -> Sighting {
    seen(at, Sight::Alive { cluster: "hill".into() })
}

fn room(at: i64, cpu_milli: u64) -> Sighting {
    let nodes = vec![Node { cpu_milli, ..Node::default() }];
    let pools = vec![Pool { name: "p".into(), nodes }];
    seen(at, Sight::Room { cluster: "hill".into(), pools })
}

fn is(at: i64, component: &str, state: WorkloadState) -> Sighting {
    let (app, component) = ("a".to_owned(), component.to_owned());
    let workloads = vec![Workload { app, component, decision: Some(1), state }];
    seen(at, Sight::Workloads { cluster: "hill".into(), workloads })
}

fn present(components: &[&str]) -> View {
    let named = components.iter().map(|name| ("a".to_owned(), (*name).to_owned()));
    View::Clear { present: Some(named.collect()) }
}

/// What a report says, in short.
fn short(report: &Report) -> String {
    let mut words: Vec<String> =
        report.alive_at_unix_ms.map(|at| format!("alive {at}")).into_iter().collect();
    words.extend(report.room.as_ref().map(|room| format!("room {}", room.as_of_unix_ms)));
    for sighting in report.clone().sightings(AT_ONCE, Vec::new()) {
        if let Sight::Workloads { workloads, .. } = sighting.sight {
            let at = sighting.as_of_unix_ms;
            words.extend(
                workloads.iter().map(|one| format!("{} {:?} {at}", one.component, one.state)),
            );
        }
    }
    words.extend(report.whole.as_ref().map(|whole| match &whole.components {
        Some(components) => format!("whole of {}", components.len()),
        None => "whole".to_owned(),
    }));
    words.join(", ")
}

#[test]
fn all_is_told_once_and_then_what_is_new() {
    let mut known = Known::new("hill");
    assert_eq!(known.next(View::Blind), None);
    known.hear(alive(1));
    assert_eq!(short(&known.next(View::Blind).unwrap()), "alive 1");
    known.taken();
    for sighting in [is(2, "web", WorkloadState::Ready(1)), room(3, 7), alive(5)] {
        known.hear(sighting);
    }
    // What is told with all is of when the API answered last.
    let told = short(&known.next(present(&["web"])).unwrap());
    assert_eq!(told, "alive 5, room 5, web Ready(1) 5, whole of 1");
    known.taken();
    assert_eq!(known.next(present(&["web"])), None);
    known.hear(is(9, "web", WorkloadState::Ready(2)));
    assert_eq!(short(&known.next(present(&["web"])).unwrap()), "web Ready(2) 9");
    known.taken();
    known.again();
    let told = short(&known.next(View::Clear { present: None }).unwrap());
    assert_eq!(told, "alive 5, room 5, web Ready(2) 9, whole");
}

#[test]
fn what_was_lost_is_told_again_as_it_is_then() {
    let mut known = Known::new("hill");
    known.hear(alive(1));
    known.hear(is(1, "web", WorkloadState::Ready(1)));
    known.next(present(&["web"])).unwrap();
    known.hear(is(2, "web", WorkloadState::Gone));
    known.lost();
    let told = short(&known.next(present(&[])).unwrap());
    assert_eq!(told, "alive 1, web Gone 2, whole of 0");
    // It came back while that was on its way.
    known.hear(is(3, "web", WorkloadState::Ready(3)));
    known.taken();
    assert_eq!(short(&known.next(present(&["web"])).unwrap()), "web Ready(3) 3");
    known.hear(is(4, "web", WorkloadState::Gone));
    known.taken();
    known.next(present(&[])).unwrap();
    known.taken();
    assert!(known.workloads.is_empty() && !known.has_news());
}

#[test]
fn many_are_told_in_parts_and_the_last_one_ends_it() {
    let mut known = Known::new("hill");
    known.hear(alive(1));
    let names: Vec<String> = (0..2 * WORKLOADS_MAX + 5).map(|at| format!("c{at:05}")).collect();
    for name in &names {
        known.hear(is(1, name, WorkloadState::Ready(1)));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut counts = Vec::new();
    while let Some(report) = known.next(present(&names)) {
        assert_eq!(report.fault("hill"), None);
        counts.push((report.workloads.len(), report.part()));
        // The first is lost once.
        if counts.len() == 1 { known.lost() } else { known.taken() }
    }
    let (first, some, last) = (Part::First, Part::Some, Part::Last);
    let most = WORKLOADS_MAX;
    assert_eq!(counts, [(most, first), (most, first), (most, some), (5, last)]);
}

#[test]
fn what_went_while_nobody_listened_takes_no_room_for_ever() {
    let mut known = Known::new("hill");
    known.hear(alive(1));
    for at in 0..3 * GONE_MAX {
        known.hear(is(1, &format!("c{at}"), WorkloadState::Gone));
    }
    assert!(known.workloads.len() <= GONE_MAX && known.news.workloads.len() <= GONE_MAX);
    assert_eq!(known.whole, Telling::Owed);
}

#[derive(Clone, Debug)]
enum Act {
    Alive,
    Room(u64),
    Is(usize, Option<u16>),
    Again,
    Send { clear: bool, arrives: bool, answered: bool },
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        Just(Act::Alive),
        any::<u64>().prop_map(Act::Room),
        (0..5_usize, any::<Option<u16>>()).prop_map(|(at, ready)| Act::Is(at, ready)),
        Just(Act::Again),
        any::<[bool; 3]>().prop_map(|[clear, arrives, answered]| Act::Send {
            clear,
            arrives,
            answered
        }),
    ]
}

/// What is believed where reports come to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Believed {
    alive: Option<i64>,
    cpu: Option<u64>,
    workloads: BTreeMap<String, u16>,
}

impl Believed {
    fn take(&mut self, report: Report) {
        let expected = self.workloads.keys().map(|name| ("a".to_owned(), name.clone())).collect();
        for Sighting { as_of_unix_ms, sight } in report.sightings(AT_ONCE, expected) {
            match sight {
                Sight::Alive { .. } => self.alive = self.alive.max(Some(as_of_unix_ms)),
                Sight::Room { pools, .. } => self.cpu = Some(pools[0].nodes[0].cpu_milli),
                Sight::Workloads { workloads, .. } => {
                    for one in workloads {
                        match one.state {
                            WorkloadState::Ready(ready) => {
                                self.workloads.insert(one.component, ready);
                            }
                            WorkloadState::Gone => {
                                self.workloads.remove(&one.component);
                            }
                            WorkloadState::Failed(_) => unreachable!("nobody told so"),
                        }
                    }
                }
                Sight::Demand { .. } | Sight::Carbon { .. } | Sight::Prices { .. } => {
                    unreachable!("nobody told so")
                }
            }
        }
    }
}

proptest! {
    /// Reports are lost, or taken and their answers are lost; the service forgets all, or the reporter does. In the end both
    /// know the same.
    #[test]
    fn whatever_is_lost_in_the_end_all_is_known(acts in proptest::collection::vec(acts(), 0..60), restarts in any::<bool>()) {
        let names = ["c0", "c1", "c2", "c3", "c4"];
        let mut truth = Believed::default();
        let mut believed = Believed::default();
        let mut known = Known::new("hill");
        let view = |truth: &Believed| {
            present(&names.into_iter().filter(|name| truth.workloads.contains_key(*name)).collect::<Vec<_>>())
        };
        let mut at = 0;
        for act in acts {
            at += 1;
            match act {
                Act::Alive => {
                    truth.alive = Some(at);
                    known.hear(alive(at));
                }
                Act::Room(cpu) => {
                    truth.cpu = Some(cpu);
                    known.hear(room(at, cpu));
                }
                Act::Is(place, ready) => {
                    let name = names[place];
                    let was = truth.workloads.remove(name);
                    if let Some(ready) = ready {
                        truth.workloads.insert(name.to_owned(), ready);
                        known.hear(is(at, name, WorkloadState::Ready(ready)));
                    } else if was.is_some() {
                        known.hear(is(at, name, WorkloadState::Gone));
                    }
                }
                Act::Again => known.again(),
                Act::Send { clear, arrives, answered } => {
                    let view = if clear { view(&truth) } else { View::Blind };
                    let Some(report) = known.next(view) else { continue };
                    if arrives {
                        believed.take(report);
                    }
                    if arrives && answered { known.taken() } else { known.lost() }
                }
            }
        }
        if restarts {
            // A new reporter reads all of its cluster again; what went meanwhile it never knew.
            known = Known::new("hill");
            for (name, ready) in &truth.workloads {
                known.hear(is(at, name, WorkloadState::Ready(*ready)));
            }
            if let Some(cpu) = truth.cpu {
                known.hear(room(at, cpu));
            }
        }
        at += 1;
        truth.alive = Some(at);
        known.hear(alive(at));
        known.again();
        while let Some(report) = known.next(view(&truth)) {
            believed.take(report);
            known.taken();
        }
        prop_assert_eq!(&believed, &truth);
        prop_assert!(known.workloads.len() <= truth.workloads.len());
    }
}

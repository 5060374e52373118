//! What clusters show becomes what is told of components, over drawn histories.

use proptest::prelude::*;

use super::super::agent::{AgentState, Tried};
use super::super::pod::Readiness;
use super::super::work::{Role, Status};
use super::*;

const PATIENCE: Duration = Duration::from_secs(60);
const NOW: i64 = 1_000_000;

fn name(component: &str) -> Name {
    Name { app: "shop".into(), component: component.into() }
}

fn id(uid: Uid) -> Id {
    Id { list: 2, seen_in: 0, uid }
}

fn work(decision: u64, wanted: u32, ready: u32) -> Work {
    Work {
        name: "web".into(),
        role: Role::Main,
        decision: Some(decision),
        status: Status::Fresh,
        wanted,
        ready,
        updated: wanted,
        revision: None,
        fault: None,
    }
}

fn agent(state: AgentState) -> Agent {
    Agent { decision: Some(7), state, tried: Tried::Same, wanted: Some(2), failed: Vec::new() }
}

fn pod(made_ms: i64, revision: u64, trouble: Option<Trouble>) -> PodState {
    let ready = if trouble.is_none() { Readiness::Ready } else { Readiness::Not };
    PodState { ready, made_ms, revision, trouble }
}

/// What is told, in short.
fn told(workloads: &mut Workloads, now_ms: i64) -> Vec<String> {
    let changes = workloads.changes(now_ms).into_iter();
    let short = |Workload { app, component, decision, state }| {
        let decision = decision.map_or_else(String::new, |decision| format!(" of {decision}"));
        format!("{app}/{component} {state:?}{decision}")
    };
    changes.map(short).collect()
}

fn new() -> Workloads {
    Workloads::new(PATIENCE)
}

#[test]
fn a_component_becomes_ready_and_is_told_once() {
    let mut all = new();
    all.object(id(1), &name("web"), Says::Work(work(5, 3, 0)), 1, NOW);
    assert_eq!(told(&mut all, NOW), ["shop/web Ready(0) of 5"]);
    all.object(id(1), &name("web"), Says::Work(work(5, 3, 0)), 1, NOW);
    assert_eq!(told(&mut all, NOW), [""; 0]);
    all.object(id(1), &name("web"), Says::Work(work(5, 3, 3)), 1, NOW);
    assert_eq!(told(&mut all, NOW), ["shop/web Ready(3) of 5"]);
    all.again();
    assert_eq!(told(&mut all, NOW), ["shop/web Ready(3) of 5"]);
}

#[test]
fn a_status_of_older_content_says_nothing_of_the_newer() {
    let mut all = new();
    all.object(id(1), &name("web"), Says::Work(work(5, 3, 3)), 1, NOW);
    assert_eq!(told(&mut all, NOW).len(), 1);
    let stale = Work { status: Status::Stale, ..work(6, 4, 3) };
    all.object(id(1), &name("web"), Says::Work(stale), 1, NOW);
    assert_eq!(told(&mut all, NOW), [""; 0]);
    all.object(id(1), &name("web"), Says::Work(work(6, 4, 3)), 1, NOW);
    assert_eq!(told(&mut all, NOW), ["shop/web Ready(3) of 6"]);
}

#[test]
fn it_is_gone_when_its_last_pod_is() {
    let mut all = new();
    all.object(id(1), &name("web"), Says::Work(work(5, 1, 1)), 1, NOW);
    all.pod(9, &name("web"), pod(0, 1, None), NOW);
    assert_eq!(told(&mut all, NOW).len(), 1);
    all.forget(id(1));
    assert_eq!(told(&mut all, NOW), [""; 0]);
    // A folder of it may outlast it.
    all.object(id(2), &name("web"), Says::Folder(agent(AgentState::Waiting)), 1, NOW);
    all.forget_pod(9);
    assert_eq!(told(&mut all, NOW), ["shop/web Gone"]);
    all.again();
    assert_eq!(told(&mut all, NOW), [""; 0]);
    assert_eq!(all.present().count(), 0);
}

#[test]
fn what_was_in_no_list_is_gone_after_it_and_not_before() {
    let mut all = new();
    for uid in [1, 2] {
        all.object(id(uid), &name(&format!("c{uid}")), Says::Work(work(5, 1, 1)), 1, NOW);
    }
    let elsewhere = Id { seen_in: 1, ..id(3) };
    all.object(elsewhere, &name("c3"), Says::Source(agent(AgentState::Ready)), 1, NOW);
    assert_eq!(told(&mut all, NOW).len(), 3);
    all.object(id(2), &name("c2"), Says::Work(work(5, 1, 1)), 2, NOW);
    assert_eq!(told(&mut all, NOW), [""; 0]);
    assert_eq!(all.sweep(2, 0, 2), [1]);
    assert_eq!(told(&mut all, NOW), ["shop/c1 Gone"]);
}

#[test]
fn pods_of_the_newest_content_tell_why_it_does_not_become_ready() {
    let mut all = new();
    all.object(id(1), &name("web"), Says::Work(work(5, 2, 0)), 1, NOW);
    // An old pod crashes while a new one comes up.
    all.pod(8, &name("web"), pod(10, 1, Some(Trouble::Failing)), NOW);
    all.pod(9, &name("web"), pod(20, 2, None), NOW);
    assert_eq!(told(&mut all, NOW), ["shop/web Ready(0) of 5"]);
    all.pod(9, &name("web"), pod(20, 2, Some(Trouble::ImagePull)), NOW);
    assert_eq!(told(&mut all, NOW), ["shop/web Failed(ImagePull) of 5"]);
    all.pod(9, &name("web"), pod(20, 2, None), NOW);
    assert_eq!(told(&mut all, NOW), ["shop/web Ready(0) of 5"]);
    let late = Work { fault: Some(Fault::TimedOut), ..work(5, 2, 1) };
    all.object(id(1), &name("web"), Says::Work(late), 1, NOW);
    assert_eq!(told(&mut all, NOW), ["shop/web Ready(1) of 5", "shop/web Failed(TimedOut) of 5"]);
    // A `StatefulSet` says which content is the newest.
    let numbered = Work { revision: Some(1), ..work(5, 2, 1) };
    all.object(id(1), &name("web"), Says::Work(numbered), 1, NOW);
    assert_eq!(told(&mut all, NOW), ["shop/web Failed(PodFailed) of 5"]);
}

#[test]
fn what_may_pass_by_itself_is_told_when_it_has_lasted() {
    let mut all = new();
    all.object(id(1), &name("web"), Says::Work(work(5, 1, 0)), 1, NOW);
    all.pod(9, &name("web"), pod(10, 1, Some(Trouble::Unschedulable)), NOW);
    assert_eq!(told(&mut all, NOW), ["shop/web Ready(0) of 5"]);
    all.pod(9, &name("web"), pod(10, 1, Some(Trouble::Unschedulable)), NOW + 30_000);
    assert_eq!(told(&mut all, NOW + 59_999), [""; 0]);
    assert_eq!(told(&mut all, NOW + 60_000), ["shop/web Failed(Unschedulable) of 5"]);
    all.pod(9, &name("web"), pod(10, 1, None), NOW + 60_001);
    assert_eq!(told(&mut all, NOW + 60_002), ["shop/web Ready(0) of 5"]);
}

#[test]
fn pods_that_are_refused_are_told_when_that_has_lasted() {
    let mut all = new();
    let refused = || Work { fault: Some(Fault::ApplyFailed), ..work(5, 1, 0) };
    all.object(id(1), &name("web"), Says::Work(refused()), 1, NOW);
    assert_eq!(told(&mut all, NOW), ["shop/web Ready(0) of 5"]);
    all.object(id(1), &name("web"), Says::Work(refused()), 1, NOW + 30_000);
    assert_eq!(told(&mut all, NOW + 59_999), [""; 0]);
    assert_eq!(told(&mut all, NOW + 60_000), ["shop/web Failed(ApplyFailed) of 5"]);
}

#[test]
fn what_cannot_be_applied_is_told_of_no_decision() {
    let mut all = new();
    let failed = || agent(AgentState::Failed(Fault::ApplyFailed));
    all.object(id(1), &name("web"), Says::Folder(failed()), 1, NOW);
    assert_eq!(told(&mut all, NOW), [""; 0]);
    assert_eq!(told(&mut all, NOW + 60_000), ["shop/web Failed(ApplyFailed)"]);
    // All that was there before serves, and this failure is not about what is new.
    all.object(id(2), &name("web"), Says::Work(work(5, 3, 3)), 1, NOW);
    assert_eq!(told(&mut all, NOW + 60_000), ["shop/web Ready(3) of 5"]);
    let newer = Agent { tried: Tried::Other, ..failed() };
    all.object(id(1), &name("web"), Says::Folder(newer), 1, NOW);
    assert_eq!(told(&mut all, NOW + 60_000), ["shop/web Failed(ApplyFailed)"]);
}

#[test]
fn an_app_that_fails_in_part_fails_where_it_does() {
    let mut all = new();
    all.object(id(1), &name("web"), Says::Work(work(5, 1, 0)), 1, NOW);
    all.object(id(2), &name("db"), Says::Work(Work { name: "db".into(), ..work(5, 1, 0) }), 1, NOW);
    let state = AgentState::Failed(Fault::ApplyFailed);
    let failed = Agent { failed: vec!["web".into(), "new".into()], ..agent(state) };
    all.app(id(3), "shop", failed, 1, NOW);
    assert_eq!(told(&mut all, NOW).len(), 2);
    let later = told(&mut all, NOW + 60_000);
    assert_eq!(later, ["shop/new Failed(ApplyFailed)", "shop/web Failed(ApplyFailed)"]);
}

#[test]
fn a_chart_is_as_its_agent_says_with_the_pods_that_it_claims() {
    let mut all = new();
    let says = |state| Says::Source(agent(state));
    all.object(id(1), &name("web"), says(AgentState::Waiting), 1, NOW);
    assert_eq!(told(&mut all, NOW), ["shop/web Ready(0) of 7"]);
    all.object(id(1), &name("web"), says(AgentState::Ready), 1, NOW);
    assert_eq!(told(&mut all, NOW), ["shop/web Ready(2) of 7"]);
    all.pod(9, &name("web"), pod(1, 1, None), NOW);
    all.pod(10, &name("web"), pod(1, 1, Some(Trouble::Failing)), NOW);
    assert_eq!(told(&mut all, NOW), ["shop/web Ready(1) of 7"]);
    all.object(id(1), &name("web"), says(AgentState::Waiting), 1, NOW);
    assert_eq!(told(&mut all, NOW), [""; 0]);
    all.object(id(1), &name("web"), says(AgentState::Failed(Fault::TimedOut)), 1, NOW);
    assert_eq!(told(&mut all, NOW + 60_000), ["shop/web Failed(PodFailed) of 7"]);
}

#[derive(Clone, Debug)]
enum Happens {
    Work(u8, u64, u32, u32, bool),
    Gone(u8),
    Pod(u8, u8, Option<u8>),
    PodGone(u8),
    Relist(Vec<u8>),
    Again,
    Tell,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        (0..3_u8, 0..3_u64, 0..4_u32, 0..4_u32, any::<bool>())
            .prop_map(|(c, d, w, r, s)| Happens::Work(c, d, w, r, s)),
        (0..3_u8).prop_map(Happens::Gone),
        (0..3_u8, 0..6_u8, prop::option::of(0..3_u8)).prop_map(|(c, p, t)| Happens::Pod(c, p, t)),
        (0..6_u8).prop_map(Happens::PodGone),
        prop::collection::vec(0..3_u8, 0..3).prop_map(Happens::Relist),
        Just(Happens::Again),
        Just(Happens::Tell),
    ]
}

proptest! {
    /// Whoever believes all that is told knows at the end what is there, and nothing was told that was not so.
    #[test]
    fn what_is_told_adds_up_to_what_is(history in prop::collection::vec(happens(), 0..80)) {
        let troubles = [Trouble::ImagePull, Trouble::Failing, Trouble::Unschedulable];
        let mut all = Workloads::new(Duration::ZERO);
        let mut works: BTreeMap<u8, Work> = BTreeMap::new();
        let mut pods: BTreeMap<u8, u8> = BTreeMap::new();
        let mut believed: BTreeMap<String, (Option<u64>, u16)> = BTreeMap::new();
        let mut round = 1;
        let settled = history.into_iter().chain([Happens::Tell]);
        for one in settled {
            match one {
                Happens::Work(component, decision, wanted, ready, stale) => {
                    let status = if stale { Status::Stale } else { Status::Fresh };
                    let work = Work { status, ..work(decision, wanted, ready.min(wanted)) };
                    let says = Says::Work(work.clone());
                    all.object(id(component.into()), &name(&format!("c{component}")), says, round, NOW);
                    works.insert(component, work);
                }
                Happens::Gone(component) => {
                    all.forget(id(component.into()));
                    works.remove(&component);
                }
                Happens::Pod(component, uid, trouble) => {
                    let trouble = trouble.map(|at| troubles[usize::from(at)]);
                    all.pod(uid.into(), &name(&format!("c{component}")), pod(uid.into(), 1, trouble), NOW);
                    pods.insert(uid, component);
                }
                Happens::PodGone(uid) => {
                    all.forget_pod(uid.into());
                    pods.remove(&uid);
                }
                Happens::Relist(listed) => {
                    round += 1;
                    works.retain(|component, _| listed.contains(component));
                    for (component, work) in &works {
                        let says = Says::Work(work.clone());
                        all.object(id((*component).into()), &name(&format!("c{component}")), says, round, NOW);
                    }
                    all.sweep(2, 0, round);
                }
                Happens::Again => all.again(),
                Happens::Tell => {
                    for change in all.changes(NOW) {
                        let at: u8 = change.component[1..].parse().unwrap();
                        match change.state {
                            WorkloadState::Ready(ready) => {
                                let work = &works[&at];
                                prop_assert_eq!(work.status, Status::Fresh);
                                prop_assert_eq!((work.decision, work.ready), (change.decision, u32::from(ready)));
                                believed.insert(change.component, (change.decision, ready));
                            }
                            WorkloadState::Failed(_) => {
                                prop_assert!(works[&at].ready < works[&at].wanted);
                            }
                            WorkloadState::Gone => {
                                prop_assert!(!works.contains_key(&at));
                                prop_assert!(pods.values().all(|component| *component != at));
                                prop_assert!(believed.remove(&change.component).is_some());
                            }
                        }
                    }
                    for (at, work) in works.iter().filter(|(_, work)| work.status == Status::Fresh) {
                        let ready = u16::try_from(work.ready).unwrap();
                        prop_assert_eq!(believed.get(&format!("c{at}")), Some(&(work.decision, ready)));
                    }
                    for component in believed.keys() {
                        let at: u8 = component[1..].parse().unwrap();
                        prop_assert!(works.contains_key(&at) || pods.values().any(|one| *one == at));
                    }
                }
            }
        }
        prop_assert_eq!(all.count_objects(), works.len());
    }
}

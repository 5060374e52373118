//! What happened, told from a record.
//!
//! Only what a person would tell: readings, reports and timers are passed over.

use periplus_core::decision::{Closing, Decision, Subject, Verdict};
use periplus_core::event::{Event, RolloutFact};
use periplus_core::fleet::Place;
use periplus_core::ids::{AppId, BerthId, BindingId, ClusterId, ComponentId};
use periplus_core::input::{Command, EffectReport, Input, Observation, Outcome, Sight};
use periplus_core::state::{Berth, FlowId, Health, HoldKind, Marks, Phase};
use periplus_core::units::{Permille, Tick};
use periplus_core::{RecordRef, State};

use super::reasons::{closing, fault, guard, refusal};
use super::rollouts;
use super::values::{clock, cost, dollars, listed, part, rate};
use crate::names::Names;

/// What a record says to people, line by line. `state` is what it led to.
pub fn tell(record: &RecordRef<'_>, state: &State, lines: &mut Vec<String>) {
    lines.extend(record.events.iter().filter_map(|event| fact(event, record, state)));
    tell_decisions(record, state, lines);
}

/// What was decided in a record, line by line.
pub fn tell_decisions(record: &RecordRef<'_>, state: &State, lines: &mut Vec<String>) {
    for decision in record.decisions {
        let leaves = |other: &Decision| {
            let whose = |one: &Decision| (one.app, one.group, one.subject);
            matches!(other.verdict, Verdict::Closed(_)) && whose(other) == whose(decision)
        };
        let scaled = matches!(decision.verdict, Verdict::Scaled { .. });
        // How many replicas wait for the last users to be gone is no story.
        if !(scaled && record.decisions.iter().any(leaves)) {
            lines.extend(decided(decision, state));
        }
    }
}

/// What came from outside, in a word or two.
#[must_use]
pub fn kind(input: &Input) -> String {
    match input {
        Input::Observation(Observation { sight, .. }) => match sight {
            Sight::Heartbeats(clusters) => format!("heartbeats of {}", clusters.len()),
            Sight::Capacity { cluster, .. } => format!("room of cluster {}", cluster.0),
            Sight::Demand { rates, .. } => format!("demand in {} series", rates.len()),
            Sight::Readiness { cluster, readings } => {
                format!("{} readings of cluster {}", readings.len(), cluster.0)
            }
            Sight::Prices(prices) => format!("prices in {} clusters", prices.len()),
            Sight::Carbon(intensities) => format!("carbon in {} clusters", intensities.len()),
            Sight::Reach { rtts, .. } => format!("ways to {} clusters", rtts.len()),
        },
        Input::Command(command) => format!("command {}", command_name(command)),
        Input::Report(EffectReport { key, outcome }) => {
            let outcome = match outcome {
                Outcome::Done => "done",
                Outcome::Failed(_) => "failed",
                Outcome::Unknown => "unknown",
            };
            format!("effect {}.{} {outcome}", key.seq.0, key.ordinal)
        }
        Input::Timer(_) => "deadline".into(),
    }
}

fn command_name(command: &Command) -> &'static str {
    match command {
        Command::Name { .. } => "name",
        Command::DeclarePolicy(_) => "declare policy",
        Command::DeclareTenant(..) => "declare tenant",
        Command::DeclareCluster(..) => "declare cluster",
        Command::DeclareZone(..) => "declare zone",
        Command::DeclareApp(..) => "declare app",
        Command::DeclareSeries { .. } => "declare series",
        Command::WithdrawApp(_) => "withdraw app",
        Command::RetireCluster(_) => "retire cluster",
        Command::Cordon(_) => "cordon",
        Command::Uncordon(_) => "uncordon",
        Command::Drain(_) => "drain",
        Command::Undrain(_) => "undrain",
        Command::DeclareLost(_) => "declare lost",
        Command::Pin { .. } => "pin",
        Command::Unpin { .. } => "unpin",
        Command::Approve(_) => "approve",
        Command::Pause => "pause",
        Command::Resume => "resume",
        Command::Adopt(_) => "adopt",
    }
}

/// A fact, if it is worth telling.
#[must_use]
pub fn fact(event: &Event, record: &RecordRef<'_>, state: &State) -> Option<String> {
    let names = Names(state);
    let cluster = |cluster| names.cluster(cluster);
    match event {
        Event::PolicyDeclared
        | Event::ClusterJoined
        | Event::ClusterChanged
        | Event::AppDeclared
        | Event::PricesAccepted
        | Event::CarbonAccepted => declared(record, state),
        Event::ClusterRetired { cluster: gone } => Some(format!("{} is retired", cluster(*gone))),
        Event::AppWithdrawn { app } => Some(format!("{} is withdrawn", names.app(*app))),
        Event::GroupPinned { app, group, to } => Some(match to {
            Some(to) => format!("{} is pinned to {}", names.group(*app, *group), cluster(*to)),
            None => format!("{} may run anywhere again", names.group(*app, *group)),
        }),
        Event::ClusterMarked { cluster: marked, marks } => {
            let Marks { cordoned, draining } = *marks;
            let now = match (cordoned, draining) {
                (_, true) => "is being drained",
                (true, false) => "is cordoned",
                (false, false) => "is open again",
            };
            Some(format!("{} {now}", cluster(*marked)))
        }
        Event::PauseSet { paused: true } => Some("all changes are paused".into()),
        Event::PauseSet { paused: false } => Some("changes go on".into()),
        Event::CommandRefused { refusal: why } => Some(format!("refused: {}", refusal(state, why))),
        Event::ClusterUnknown { cluster: silent } => {
            Some(format!("{} is silent: it keeps what it has", cluster(*silent)))
        }
        Event::ClusterLost { cluster: lost } => {
            Some(format!("{} counts as lost: its users are served elsewhere", cluster(*lost)))
        }
        Event::ClusterReturned { cluster: back, stable_at } if *stable_at > record.at => {
            Some(format!("{} is back; trusted again at {}", cluster(*back), clock(*stable_at)))
        }
        Event::ClusterReturned { cluster: back, .. } => {
            Some(format!("{} is heard of again", cluster(*back)))
        }
        // What runs already is told when it is adopted.
        Event::BerthOpened { .. } | Event::SeriesAwoke { .. }
            if matches!(record.input, Input::Command(Command::Adopt(_))) =>
        {
            None
        }
        Event::SeriesAwoke { series } => {
            let entry = &state.series()[series.index()];
            let (zone, app) = (names.zone(entry.spec.zone), names.app(entry.spec.app));
            Some(format!("{zone} asks for {app}: {}", rate(entry.flow.rate)))
        }
        Event::BerthOpened { berth, app, group, cluster: there } => Some(format!(
            "{} starts in {}{}",
            names.group(*app, *group),
            cluster(*there),
            with_replicas(state, *berth)
        )),
        Event::BerthAdopted { berth, .. } => {
            let runs = here(state, *berth, "runs already in")?;
            Some(runs + &with_replicas(state, *berth))
        }
        // What yields and comes back at once into the room that is left is told by its decisions.
        Event::BerthReopened { berth }
            if record.events.iter().any(|other| closes(other, *berth)) =>
        {
            None
        }
        Event::BerthReopened { berth } => {
            Some(format!("{} after all", here(state, *berth, "stays in")?))
        }
        Event::BerthCapped { berth, until, .. } => Some(format!(
            "{} no further before {}",
            here(state, *berth, "grows in")?,
            clock(*until)
        )),
        Event::ClusterAvoided { app, cluster: left, until } => {
            let (app, left) = (names.app(*app), cluster(*left));
            Some(format!("{app} leaves {left} alone until {}", clock(*until)))
        }
        Event::BindingReady { binding } => became_ready(state, *binding),
        Event::BindingFailed { binding, fault: why } => {
            Some(format!("{}: {}", component(state, *binding, "fails in")?, fault(*why)))
        }
        Event::PrimeIssued { binding, .. } => {
            let berth = state.try_berth(binding.berth)?;
            let (binding_now, app) = (berth.binding(binding.component)?, berth.app);
            let fresh = !binding_now.served && binding_now.phase == Phase::Waiting;
            if is_anew(record, app, berth.cluster) && !fresh {
                component(state, *binding, "is rolled out anew in")
            } else if fresh && is_in_order(state, app, binding.component) {
                component(state, *binding, "is written for")
            } else {
                None
            }
        }
        Event::WithdrawIssued { binding, .. } => {
            let app = state.try_berth(binding.berth)?.app;
            let told = is_in_order(state, app, binding.component);
            if told { component(state, *binding, "is removed from") } else { None }
        }
        Event::Rollout { app, fact } => rollouts::fact(state, *app, fact),
        Event::GateOverdue { binding } => {
            Some(format!("{} longer than it should", component(state, *binding, "waits in")?))
        }
        Event::GateWaved { binding } => Some(format!(
            "{} without waiting any longer",
            component(state, *binding, "goes ahead in")?
        )),
        Event::RouteIssued { flow, weights, .. } => Some(routed(state, *flow, weights)),
        Event::EffectPostponed { until, .. } => match record.input {
            Input::Report(EffectReport { outcome: Outcome::Failed(why), .. }) => {
                Some(format!("{}; tried again at {}", fault(*why), clock(*until)))
            }
            Input::Report(EffectReport { outcome: Outcome::Unknown, .. }) => {
                Some(format!("nobody knows how a write went; done again at {}", clock(*until)))
            }
            Input::Report(_) | Input::Observation(_) | Input::Command(_) | Input::Timer(_) => None,
        },
        Event::HoldPlaced { hold, kind } => Some(match kind {
            HoldKind::Blind { silent, clusters } => format!(
                "held: {silent} of {clusters} clusters are silent at once; approve hold {} to replace them",
                hold.0
            ),
            HoldKind::MassDrain { removals, bindings } => format!(
                "held: {removals} of {bindings} bindings would go; approve hold {} to let them",
                hold.0
            ),
            HoldKind::Rollout { app, pending, .. } => rollouts::held(state, *hold, *app, *pending),
        }),
        Event::HoldApproved { hold } => Some(format!("hold {} is approved", hold.0)),
        Event::HoldLifted { hold } => Some(format!("hold {} is over", hold.0)),
        Event::Named
        | Event::AlertIssued { .. }
        | Event::TenantDeclared
        | Event::ZoneDeclared
        | Event::SeriesDeclared
        | Event::HeartbeatsAccepted
        | Event::CapacityAccepted
        | Event::DemandAccepted { .. }
        | Event::ReachAccepted
        | Event::ObservationOutdated
        | Event::SeriesRising { .. }
        | Event::SeriesIdling { .. }
        | Event::SeriesSlept { .. }
        | Event::SeriesHeld { .. }
        | Event::AppStirred { .. }
        | Event::AppConsidered { .. }
        | Event::ReviewTimed { .. }
        | Event::AppShort { .. }
        | Event::MovesCounted { .. }
        | Event::Assigned { .. }
        | Event::Staffed { .. }
        | Event::FlowAdopted { .. }
        | Event::ScaleInPending { .. }
        | Event::ScaleInDropped { .. }
        | Event::BerthTimed { .. }
        | Event::BerthUncapped { .. }
        | Event::BerthClosing { .. }
        | Event::BerthLeaving { .. }
        | Event::BerthRemoved { .. }
        | Event::BindingAdded { .. }
        | Event::RescaleIssued { .. }
        | Event::GateTimed { .. }
        | Event::BindingPrimed { .. }
        | Event::BindingApplied { .. }
        | Event::ReplicasSeen { .. }
        | Event::BindingUnready { .. }
        | Event::BindingRemoved { .. }
        | Event::RouteDone { .. }
        | Event::RouteTimed { .. }
        | Event::EffectDone { .. }
        | Event::EffectRepeated { .. }
        | Event::ReportIgnored
        | Event::RemovalsCounted { .. }
        | Event::Rang { .. }
        | Event::SilenceTimed { .. } => None,
    }
}

fn with_replicas(state: &State, berth: BerthId) -> String {
    match state.try_berth(berth).map_or(0, Berth::replicas) {
        0 => String::new(),
        1 => " with 1 replica".into(),
        replicas => format!(" with {replicas} replicas"),
    }
}

fn closes(event: &Event, berth: BerthId) -> bool {
    matches!(event, Event::BerthClosing { berth: closing, .. } if *closing == berth)
}

/// What was declared or seen anew after the start.
fn declared(record: &RecordRef<'_>, state: &State) -> Option<String> {
    if record.at == Tick::ZERO {
        return None;
    }
    let names = Names(state);
    let of = |clusters: Vec<String>| {
        if clusters.len() > 4 { format!("{} clusters", clusters.len()) } else { listed(&clusters) }
    };
    match record.input {
        Input::Command(Command::DeclarePolicy(_)) => Some("the policy changes".into()),
        Input::Command(Command::DeclareCluster(cluster, _)) => {
            let joined = record.events.contains(&Event::ClusterJoined);
            let what = if joined { "joins" } else { "changes" };
            Some(format!("{} {what}", names.cluster(*cluster)))
        }
        Input::Command(Command::DeclareApp(app, intent)) => {
            Some(format!("{} is declared, generation {}", names.app(*app), intent.generation))
        }
        Input::Observation(Observation { sight: Sight::Prices(prices), .. }) => {
            let clusters = prices.iter().map(|(cluster, _)| names.cluster(*cluster).to_string());
            Some(format!("prices change in {}", of(clusters.collect())))
        }
        Input::Observation(Observation { sight: Sight::Carbon(intensities), .. }) => {
            let told = |(cluster, carbon): &(_, periplus_core::units::GramsPerKwh)| {
                format!("{} ({} g/kWh)", names.cluster(*cluster), carbon.0)
            };
            Some(format!("the grid changes in {}", of(intensities.iter().map(told).collect())))
        }
        Input::Observation(_) | Input::Command(_) | Input::Report(_) | Input::Timer(_) => None,
    }
}

/// A decision, if it is worth telling.
#[must_use]
pub fn decided(decision: &Decision, state: &State) -> Option<String> {
    let names = Names(state);
    let whose = names.group(decision.app, decision.group);
    match (decision.verdict, decision.subject) {
        (Verdict::Assigned | Verdict::Split { .. }, Subject::Flow(place)) => {
            let from = names.place(place);
            let served = assigned(state, decision);
            let mut line = format!("{whose} is to serve {from} from {}", listed(&served));
            if let Some(winner) = decision.winner {
                line += &format!(" at {}", cost(winner.total));
            }
            if let (Some(next), Some(margin)) = (decision.runner_up, decision.margin()) {
                let next = names.cluster(next.cluster);
                line += &match margin.0 {
                    0 => format!("; {next} would cost the same"),
                    1.. => format!("; {next} would cost {} more", dollars(margin)),
                    _ => format!("; {next} would cost {} less", dollars(-margin)),
                };
            }
            if !decision.refusals.is_empty() {
                line += &format!("; refused: {}", refused(decision));
            }
            Some(line)
        }
        (Verdict::Unserved, Subject::Flow(place)) => {
            let why = if decision.refusals.is_empty() {
                "it is not worth it".into()
            } else {
                format!("refused: {}", refused(decision))
            };
            Some(format!("{whose} cannot serve {}; {why}", names.place(place)))
        }
        (Verdict::Scaled { from, to }, Subject::Berth(cluster)) => {
            let way = if to > from { "grows" } else { "shrinks" };
            Some(format!(
                "{whose} {way} in {} from {from} to {to} replicas",
                names.cluster(cluster)
            ))
        }
        (Verdict::Closed(cause), Subject::Berth(cluster)) => {
            let verb = if cause == Closing::Preempted { "yields in" } else { "leaves" };
            Some(format!("{whose} {verb} {}: {}", names.cluster(cluster), closing(cause)))
        }
        (Verdict::Held, subject) => {
            let held = decision.held.as_ref()?;
            // What is kept back of a rollout is told of all clusters together.
            if rollouts::keeps_back(held.guard) {
                return None;
            }
            let what = match subject {
                Subject::Flow(place) => format!("{} of {whose}", names.place(place)),
                Subject::Berth(cluster) => format!("{whose} in {}", names.cluster(cluster)),
            };
            Some(format!("{what} stays as it is: {}", guard(held)))
        }
        (Verdict::Assigned | Verdict::Split { .. } | Verdict::Unserved, Subject::Berth(_))
        | (Verdict::Scaled { .. } | Verdict::Closed(_), Subject::Flow(_)) => None,
    }
}

/// The flow that a decision about `place` is about.
pub(crate) fn flow_of(state: &State, place: Place, decision: &Decision) -> Option<FlowId> {
    let subject = (place, decision.app, decision.group);
    let is_it = |flow: &FlowId| state.endpoints(*flow) == subject;
    match place {
        Place::Zone(zone) => {
            let series = state.zone(zone).series.iter();
            series.map(|series| FlowId::Series(*series)).find(is_it)
        }
        Place::Cluster(cluster) => {
            let berths = state.cluster(cluster).berths.iter();
            let calls = berths.flat_map(|berth| {
                let made = state.berth(*berth).calls.iter();
                made.map(|(call, _)| FlowId::Call(*berth, *call))
            });
            calls.into_iter().find(is_it)
        }
    }
}

/// Who the flow of a decision is assigned to now, with their parts if they are several.
fn assigned(state: &State, decision: &Decision) -> Vec<String> {
    let names = Names(state);
    let Subject::Flow(place) = decision.subject else { return Vec::new() };
    let Some(flow) = flow_of(state, place, decision) else { return Vec::new() };
    let shares = state.flow(flow).map(|flow| flow.shares).unwrap_or_default();
    let served: Vec<_> = shares.iter().filter(|share| share.assigned > Permille::ZERO).collect();
    let whole = served.len() == 1 && served[0].assigned == Permille::WHOLE;
    let told = |share: &&periplus_core::state::Share| {
        let name = names.cluster(state.berth(share.berth).cluster);
        if whole { name.to_string() } else { format!("{name} ({})", part(share.assigned)) }
    };
    served.iter().map(told).collect()
}

/// Whether what is written for an app in a cluster now is not what was written before.
fn is_anew(record: &RecordRef<'_>, app: AppId, cluster: ClusterId) -> bool {
    let gets = |fact| record.events.contains(&Event::Rollout { app, fact });
    matches!(record.input, Input::Command(Command::DeclareApp(..)))
        || gets(RolloutFact::Advanced(cluster))
        || gets(RolloutFact::Bypassed(cluster))
}

/// Whether a component waits for others, or others for it.
fn is_in_order(state: &State, app: AppId, component: ComponentId) -> bool {
    let intents = state.apps().iter().map(|entry| &entry.intent);
    let mut gates = intents.flat_map(|intent| &intent.components).flat_map(|other| &other.after);
    let waits = !state.intent(app).component(component).after.is_empty();
    waits || gates.any(|gate| (gate.app, gate.component) == (app, component))
}

/// How many clusters were refused, by code.
fn refused(decision: &Decision) -> String {
    let codes = decision.refusals.iter();
    codes.map(|(code, count)| format!("{count} {}", code.slug())).collect::<Vec<_>>().join(", ")
}

fn routed(state: &State, flow: FlowId, weights: &[(BerthId, Permille)]) -> String {
    let names = Names(state);
    let (from, whose) = match state.flow(flow) {
        Some(_) => {
            let (place, app, group) = state.endpoints(flow);
            (names.place(place), names.group(app, group))
        }
        None => ("?", "?".into()),
    };
    let whole = weights.len() == 1 && weights[0].1 == Permille::WHOLE;
    let told = |(berth, weight): &(BerthId, Permille)| {
        let name = state.try_berth(*berth).map_or("?", |berth| names.cluster(berth.cluster));
        if whole { name.to_string() } else { format!("{name} ({})", part(*weight)) }
    };
    let to: Vec<String> = weights.iter().map(told).collect();
    if to.is_empty() {
        format!("{from} is sent nowhere for {whose}")
    } else {
        format!("{from} is sent to {} for {whose}", listed(&to))
    }
}

fn became_ready(state: &State, binding: BindingId) -> Option<String> {
    let berth = state.try_berth(binding.berth)?;
    let first = berth.is_ready()
        && !berth.sources.iter().any(|flow| has_routes(state, *flow, binding.berth));
    let fresh = matches!(state.cluster(berth.cluster).health, Health::Fresh);
    (first && fresh).then_some(())?;
    here(state, binding.berth, "is ready in")
}

fn has_routes(state: &State, flow: FlowId, berth: BerthId) -> bool {
    state.flow(flow).is_some_and(|flow| flow.shares.of(berth).routed > Permille::ZERO)
}

fn here(state: &State, berth: BerthId, verb: &str) -> Option<String> {
    let names = Names(state);
    let entry = state.try_berth(berth)?;
    Some(format!("{} {verb} {}", names.group(entry.app, entry.group), names.cluster(entry.cluster)))
}

fn component(state: &State, binding: BindingId, verb: &str) -> Option<String> {
    let names = Names(state);
    let berth = state.try_berth(binding.berth)?;
    let component = names.component(berth.app, binding.component);
    Some(format!("{}/{component} {verb} {}", names.app(berth.app), names.cluster(berth.cluster)))
}

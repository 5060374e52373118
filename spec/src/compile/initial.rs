//! The initial state: what runs already becomes what the machine adopts.

use std::collections::BTreeMap;

use periplus_core::Input;
use periplus_core::adoption::{Adopted, Adoption, Sender, Sent};
use periplus_core::fleet::{NodeCount, PoolReport};
use periplus_core::ids::{AppId, ClusterId, ComponentId, GroupId, KindId, SeriesId};
use periplus_core::input::{BATCH_MAX, Command, Observation, Sight, SourceId};
use periplus_core::intent::Intent;
use periplus_core::staffing::Staffing;
use periplus_core::state::ASSIGNED_MAX;
use periplus_core::units::{MilliRps, Permille, Tick};

use crate::book::Page;
use crate::code::Code;
use crate::compile::context::Context;
use crate::compile::roll::unknown;
use crate::compile::timeline::{self, Known};
use crate::draft::{CallsDraft, InitialStateDraft, RunningDraft, SelectionDraft, UsersDraft};
use crate::scenario::{ClusterTruth, Demand, SeriesTruth};
use crate::values::{Name, Percentage};
use crate::yaml::Cursor;

/// What is known of the scenario that a state is the beginning of.
struct Beginning<'k> {
    known: &'k Known<'k>,
    /// The intents that hold from the start.
    intents: BTreeMap<AppId, &'k Intent>,
    /// The kinds of the clusters that are there from the start.
    kinds: BTreeMap<ClusterId, KindId>,
}

/// What the machine is told of what runs already, after `setup`: the room that it runs in, what operators have
/// commanded, what to adopt, and what users ask for.
pub(crate) fn inputs(
    context: &mut Context<'_>,
    known: &Known<'_>,
    (clusters, setup): (&[ClusterTruth], &[Input]),
    pages: &[Page<InitialStateDraft>],
) -> Vec<Input> {
    let Some(page) = pages.first() else { return Vec::new() };
    if let Some(second) = pages.get(1) {
        let here = second.here().key("metadata");
        let message = "a scenario begins once; this is the second initial state";
        let wrong = here.error(Code::DuplicateName, message);
        context.complaints.push(page.here().key("metadata").remark(wrong, "first here"));
    }
    let (mut intents, mut kinds) = (BTreeMap::new(), BTreeMap::new());
    let mut series = 0;
    for input in setup {
        let Input::Command(command) = input else { continue };
        if let Command::DeclareApp(app, intent) = command {
            intents.insert(*app, &**intent);
        }
        if let Command::DeclareCluster(cluster, spec) = command {
            kinds.insert(*cluster, spec.kind);
        }
        if let Command::DeclareSeries { series: declared, .. } = command {
            series += declared.len();
        }
    }
    let beginning = Beginning { known, intents, kinds };
    let adoption = adoption(context, &beginning, page);
    let mut inputs = first_rooms(context, clusters);
    inputs.extend(commanded(context, &beginning, page).into_iter().map(Input::Command));
    let adopt = |adoption| Input::Command(Command::Adopt(Box::new(adoption)));
    inputs.extend(batches(adoption).map(adopt));
    inputs.extend(first_demand(&known.series[..series]));
    inputs
}

/// Groups first, then who goes to them.
fn batches(adoption: Adoption) -> impl Iterator<Item = Adoption> {
    let Adoption { berths, flows } = adoption;
    if berths.len() + flows.len() <= BATCH_MAX {
        return vec![Adoption { berths, flows }].into_iter();
    }
    let berths = berths.chunks(BATCH_MAX);
    let berths = berths.map(|berths| Adoption { berths: berths.to_vec(), flows: Vec::new() });
    let flows = flows.chunks(BATCH_MAX);
    let flows = flows.map(|flows| Adoption { berths: Vec::new(), flows: flows.to_vec() });
    berths.chain(flows).collect::<Vec<_>>().into_iter()
}

/// What clusters have when it begins: whoever runs apps in them has heard of that.
fn first_rooms(context: &mut Context<'_>, clusters: &[ClusterTruth]) -> Vec<Input> {
    let present = clusters.iter().enumerate().filter(|(_, truth)| truth.joins == Tick::ZERO);
    let inputs = present.map(|(place, truth)| {
        let pools = truth.pools.iter().map(|pool| {
            let grown = pool.autoscaler.map_or(0, |scaler| scaler.max);
            let nodes = NodeCount { room: pool.room, nodes: pool.nodes.max(grown) };
            PoolReport { pool: context.names.symbol(&pool.name), nodes: vec![nodes] }
        });
        let cluster = ClusterId::from_index(place);
        let sight = Sight::Capacity { cluster, pools: pools.collect() };
        Input::Observation(Observation { as_of: Tick::ZERO, sight })
    });
    inputs.collect()
}

/// A command about one cluster.
type OfCluster = fn(ClusterId) -> Command;

/// What operators have commanded before it begins, and still holds.
fn commanded(
    context: &mut Context<'_>,
    beginning: &Beginning<'_>,
    page: &Page<InitialStateDraft>,
) -> Vec<Command> {
    let draft = &page.object.spec;
    let here = page.here().key("spec");
    let mut commands = Vec::new();
    let marks: [(&str, _, OfCluster); 3] = [
        ("cordoned", &draft.cordoned, Command::Cordon),
        ("draining", &draft.draining, Command::Drain),
        ("lost", &draft.lost, Command::DeclareLost),
    ];
    for (field, selection, command) in marks {
        let Some(selection) = selection else { continue };
        let clusters = context.clusters(selection, here.key(field)).into_iter();
        commands.extend(clusters.map(ClusterId::from_index).map(command));
    }
    for (index, pin) in draft.pins.iter().enumerate() {
        let here = here.key("pins").item(index);
        let group = timeline::group(context, beginning.known, &pin.app, pin.group.as_deref(), here);
        let cluster = present(context, &pin.cluster, here.key("cluster"));
        if let (Some((app, group)), Some(cluster)) = (group, cluster) {
            commands.push(Command::Pin { app, group, cluster });
        }
    }
    commands.extend(draft.paused.then_some(Command::Pause));
    commands
}

/// What users ask for when it begins.
fn first_demand(series: &[SeriesTruth]) -> Vec<Input> {
    let batches = series.chunks(BATCH_MAX).enumerate();
    let inputs = batches.map(|(number, batch)| {
        let rate = |(place, truth): (usize, &SeriesTruth)| {
            let Demand { base, shape, .. } = &truth.demand;
            let rate = base.0 * u64::from(shape.at(Tick::ZERO)) / 1_000;
            (SeriesId::from_index(number * BATCH_MAX + place), MilliRps(rate))
        };
        let rates = batch.iter().enumerate().map(rate).collect();
        let source = SourceId(u16::try_from(number).expect("collectors are few"));
        let sight = Sight::Demand { source, rates };
        Input::Observation(Observation { as_of: Tick::ZERO, sight })
    });
    inputs.collect()
}

/// What is to be adopted; complaints about what cannot be.
fn adoption(
    context: &mut Context<'_>,
    beginning: &Beginning<'_>,
    page: &Page<InitialStateDraft>,
) -> Adoption {
    let draft = &page.object.spec;
    let here = page.here().key("spec");
    let mut adoption = Adoption::default();
    for (index, running) in draft.running.iter().enumerate() {
        let here = here.key("running").item(index);
        adoption.berths.extend(berth(context, beginning, running, here));
    }
    adoption.berths.sort_by_key(|berth| (berth.app, berth.group, berth.cluster));
    for (index, users) in draft.users.iter().enumerate() {
        let here = here.key("users").item(index);
        adoption.flows.extend(users_of(context, beginning, users, &adoption, here));
    }
    for (index, calls) in draft.calls.iter().enumerate() {
        let here = here.key("calls").item(index);
        adoption.flows.extend(calls_of(context, beginning, calls, &adoption, here));
    }
    adoption.flows.sort_by_key(|flow| flow.from);
    complain_of_repetitions(context, &adoption, here);
    adoption
}

fn complain_of_repetitions(context: &mut Context<'_>, adoption: &Adoption, here: Cursor<'_>) {
    let same = |one: &Adopted, other: &Adopted| {
        (one.app, one.group, one.cluster) == (other.app, other.group, other.cluster)
    };
    if adoption.berths.windows(2).any(|pair| same(&pair[0], &pair[1])) {
        let message = "a group runs in a cluster twice";
        context.complain(here.key("running"), Code::DuplicateName, message);
    }
    if adoption.flows.windows(2).any(|pair| pair[0].from == pair[1].from) {
        let message = "the same users, or the same calls, are sent twice";
        context.complain(here.key("users"), Code::DuplicateName, message);
    }
}

fn berth(
    context: &mut Context<'_>,
    beginning: &Beginning<'_>,
    draft: &RunningDraft,
    here: Cursor<'_>,
) -> Option<Adopted> {
    let (app, group) =
        timeline::group(context, beginning.known, &draft.app, draft.group.as_deref(), here)?;
    let cluster = present(context, &draft.cluster, here.key("cluster"))?;
    let intent = beginning.intents.get(&app).copied().or_else(|| {
        let message = format!("the app `{}` is declared only later", draft.app);
        context.complain(here.key("app"), Code::OutOfTime, message);
        None
    })?;
    let names: BTreeMap<&str, ComponentId> = component_names(context, app);
    let components = &intent.group(group).components;
    let mut replicas = vec![None; components.len()];
    for (name, count) in &draft.replicas {
        let here = here.key("replicas").key(name);
        let place = names.get(&**name).and_then(|id| components.binary_search(id).ok());
        match place {
            Some(place) => replicas[place] = Some(*count),
            None => {
                let here_too = names.iter().filter(|(_, id)| components.contains(id));
                let here_too: Vec<&str> = here_too.map(|(name, _)| *name).collect();
                let wrong = unknown(timeline::COMPONENT, name, here_too.iter(), here);
                context.complaints.push(wrong);
            }
        }
    }
    let name_of = |component: &ComponentId| {
        names.iter().find(|(_, id)| *id == component).map_or("", |(name, _)| name)
    };
    let missing = components.iter().zip(&replicas).find(|(_, count)| count.is_none());
    if let Some((component, _)) = missing {
        let message = format!("it is not said how many replicas `{}` has", name_of(component));
        context.complain(here.key("replicas"), Code::MissingField, message);
        return None;
    }
    let none = components.iter().zip(&replicas).find(|(_, count)| **count == Some(0));
    if let Some((component, _)) = none {
        let message = format!("a group whose `{}` has no replica does not run", name_of(component));
        context.complain(here.key("replicas"), Code::OutOfRange, message);
        return None;
    }
    let replicas: Vec<u16> = replicas.into_iter().flatten().collect();
    let staffing = Staffing::merge(intent, group, *beginning.kinds.get(&cluster)?);
    if !staffing.is_ok_and(|staffing| staffing.step_within(&replicas).is_some()) {
        let message = "these are fewer replicas than its scaling allows there";
        context.complain(here.key("replicas"), Code::OutOfRange, message);
        return None;
    }
    Some(Adopted { app, group, cluster, replicas })
}

fn component_names<'a>(context: &Context<'a>, app: AppId) -> BTreeMap<&'a str, ComponentId> {
    let components = &context.rolls.apps.entities[app.index()].first().spec().components;
    let names = components.iter().enumerate();
    names.map(|(place, draft)| (&*draft.name, ComponentId::from_index(place))).collect()
}

fn users_of(
    context: &mut Context<'_>,
    beginning: &Beginning<'_>,
    draft: &UsersDraft,
    adoption: &Adoption,
    here: Cursor<'_>,
) -> Vec<Sent> {
    let Some(app) = timeline::app(context, &draft.app, here.key("app")) else { return Vec::new() };
    let zones = match &draft.zones {
        Some(selection) => context.zones(selection, here.key("zones")),
        None => (0..context.rolls.zones.entities.len()).collect(),
    };
    let asks = |zone: &usize| {
        let mut series = beginning.known.series.iter();
        series.position(|series| series.spec.app == app && series.spec.zone.index() == *zone)
    };
    if let Some(SelectionDraft::Names(_)) = &draft.zones
        && let Some(silent) = zones.iter().find(|zone| asks(zone).is_none())
    {
        let name = context.rolls.zones.entities[*silent].name;
        let message = format!("no demand for `{}` comes from `{name}`", draft.app);
        context.complain(here.key("zones"), Code::NothingSelected, message);
        return Vec::new();
    }
    let to = shares(context, adoption, (app, GroupId::FRONT), &draft.to, here.key("to"));
    let Some(to) = to else { return Vec::new() };
    let series = zones.iter().filter_map(asks).map(SeriesId::from_index);
    series.map(|series| Sent { from: Sender::Users(series), to: to.clone() }).collect()
}

fn calls_of(
    context: &mut Context<'_>,
    beginning: &Beginning<'_>,
    draft: &CallsDraft,
    adoption: &Adoption,
    here: Cursor<'_>,
) -> Option<Sent> {
    let known = beginning.known;
    let from = draft.from.as_deref();
    let (app, from) = timeline::group(context, known, &draft.app, from, here)?;
    let (_, to) = timeline::group(context, known, &draft.app, Some(&draft.group), here)?;
    let cluster = present(context, &draft.cluster, here.key("cluster"))?;
    if !runs(adoption, app, from, cluster) {
        let message = format!("the calling group does not run in `{}`", draft.cluster);
        context.complain(here.key("cluster"), Code::NothingSelected, message);
        return None;
    }
    let mut calls = beginning.intents.get(&app)?.calls.iter();
    let Some(call) = calls.position(|call| (call.from, call.to) == (from, to)) else {
        let message = format!("these groups of `{}` do not call each other", draft.app);
        context.complain(here.key("group"), Code::NothingSelected, message);
        return None;
    };
    let to = shares(context, adoption, (app, to), &draft.to, here.key("to"))?;
    let call = u16::try_from(call).expect("calls are few");
    Some(Sent { from: Sender::Group { app, cluster, call }, to })
}

/// Clusters and their parts, ascending.
fn shares(
    context: &mut Context<'_>,
    adoption: &Adoption,
    (app, group): (AppId, GroupId),
    draft: &BTreeMap<Name, Percentage>,
    here: Cursor<'_>,
) -> Option<Vec<(ClusterId, Permille)>> {
    let mut shares: Vec<(ClusterId, Permille)> = Vec::new();
    for (name, part) in draft {
        let cluster = present(context, name, here.key(name))?;
        if !runs(adoption, app, group, cluster) {
            let message = format!("nothing that could serve them is said to run in `{name}`");
            context.complain(here.key(name), Code::NothingSelected, message);
            return None;
        }
        shares.push((cluster, part.0));
    }
    shares.sort_unstable();
    let sum: u32 = shares.iter().map(|share| u32::from(share.1.0)).sum();
    let all = (1..=ASSIGNED_MAX).contains(&shares.len())
        && shares.iter().all(|share| share.1.0 > 0)
        && sum <= u32::from(Permille::WHOLE.0);
    if !all {
        let message =
            format!("these are not the parts of one to {ASSIGNED_MAX} clusters in a whole");
        context.complain(here, Code::OutOfRange, message);
        return None;
    }
    Some(shares)
}

fn runs(adoption: &Adoption, app: AppId, group: GroupId, cluster: ClusterId) -> bool {
    let key = |berth: &Adopted| (berth.app, berth.group, berth.cluster);
    adoption.berths.binary_search_by_key(&(app, group, cluster), key).is_ok()
}

const _: () = assert!(ASSIGNED_MAX == 3, "complaints say three");

/// A cluster that is there from the start.
fn present(context: &mut Context<'_>, name: &Name, here: Cursor<'_>) -> Option<ClusterId> {
    let cluster = timeline::cluster(context, name, here)?;
    let born = context.rolls.clusters.entities[cluster.index()].born().at;
    if born.0 > 0 {
        let message = format!("the cluster `{name}` joins only later");
        context.complain(here, Code::OutOfTime, message);
        return None;
    }
    Some(cluster)
}

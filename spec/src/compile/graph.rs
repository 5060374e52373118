//! The call graph of an app: who is called how often, and how groups call each other.

use std::collections::BTreeMap;

use periplus_core::intent::GroupCall;

use crate::border::traffic::{Calls, Loop};
use crate::border::{float, groups};
use crate::code::Code;
use crate::compile::context::Context;
use crate::compile::roll::{Noun, unknown};
use crate::draft::{ApplicationDraft, GroupDraft, SelectorDraft};
use crate::scenario::AppTruth;
use crate::yaml::Cursor;

/// The call graph of an app.
pub(crate) struct Graph {
    /// How often one user request visits each component.
    pub(crate) visits: Vec<f64>,
    /// Names of groups, as declared.
    pub(crate) names: Vec<String>,
    /// The components of each declared group, ascending.
    pub(crate) members: Vec<Vec<usize>>,
    /// The declared groups in the order of their ids.
    pub(crate) order: Vec<usize>,
    /// The calls between groups, by ids.
    pub(crate) calls: Vec<GroupCall>,
    /// The group that holds everything where none is declared.
    whole: Option<GroupDraft>,
}

const COMPONENT: Noun = Noun { name: "component", unknown: Code::UnknownComponent };

/// The name of the group that holds everything where none is declared.
const WHOLE: &str = "main";

/// The call graph of `draft`, if it can be told.
pub(crate) fn graph(
    context: &mut Context<'_>,
    draft: &ApplicationDraft,
    here: Cursor<'_>,
    before: Option<&AppTruth>,
) -> Option<Graph> {
    let components = components(context, draft, here, before);
    let calls = calls(context, draft, &components, here);
    let entry = match &draft.entry {
        None => Some(0),
        Some(name) => find(context, &components, name, here.key("entry")),
    };
    let placed = groups_of(context, draft, &components, here);
    let (entry, calls, placed) = (entry?, calls?, placed?);
    let visits = calls.visits(entry).map_err(|circle| {
        complain_of_circle(context, draft, &circle, here);
    });
    let visits = visits.ok()?;
    let visits = refuse_floods(context, draft, visits, here)?;

    let crossings = crossings(draft, &calls, &placed, &visits);
    let front = placed.of[entry];
    let mut order = groups::order(placed.members.len(), front, &crossings);
    if let Some(before) = before {
        // Groups keep their ids for ever: known ones stay where they are, new ones follow.
        let rank =
            |group: &usize| before.groups.iter().position(|name| *name == placed.names[*group]);
        order.sort_by_key(|group| rank(group).unwrap_or(usize::MAX));
    }
    let calls = groups::calls(&order, &crossings);
    let Placed { names, members, whole, .. } = placed;
    Some(Graph { visits, names, members, order, calls, whole })
}

impl Graph {
    /// What was declared of a group, and where.
    pub(crate) fn group<'a>(
        &'a self,
        draft: &'a ApplicationDraft,
        declared: usize,
        here: Cursor<'a>,
    ) -> (&'a GroupDraft, Cursor<'a>) {
        match &self.whole {
            Some(whole) => (whole, here),
            None => (&draft.groups[declared], here.key("groups").item(declared)),
        }
    }
}

type Places<'d> = BTreeMap<&'d str, usize>;

fn find(
    context: &mut Context<'_>,
    components: &Places<'_>,
    name: &str,
    here: Cursor<'_>,
) -> Option<usize> {
    let found = components.get(name).copied();
    if found.is_none() {
        context.complaints.push(unknown(COMPONENT, name, components.keys(), here));
    }
    found
}

/// The components by name. A changed app keeps those that it has, in their order.
fn components<'d>(
    context: &mut Context<'_>,
    draft: &'d ApplicationDraft,
    here: Cursor<'_>,
    before: Option<&AppTruth>,
) -> Places<'d> {
    let all = here.key("components");
    let mut places = Places::new();
    for (index, component) in draft.components.iter().enumerate() {
        let here = all.item(index).key("name");
        if let Some(first) = places.insert(&*component.name, index) {
            let message = format!("the component `{}` is declared twice", component.name);
            let wrong = here.error(Code::DuplicateName, message);
            let first = all.item(first).key("name");
            context.complaints.push(first.remark(wrong, "first here"));
        }
        let known = before.and_then(|before| before.components.get(index));
        if let Some(known) = known.filter(|known| known.name != *component.name) {
            let message = format!(
                "component {} was `{}` before; it cannot become `{}`",
                index + 1,
                known.name,
                component.name
            );
            let help = "keep the components in their order, and put new ones behind them";
            context.complaints.push(here.error(Code::ShapeChanged, message).with_help(help));
        }
    }
    places
}

fn calls(
    context: &mut Context<'_>,
    draft: &ApplicationDraft,
    components: &Places<'_>,
    here: Cursor<'_>,
) -> Option<Calls> {
    let here = here.key("calls");
    let mut calls = Calls { nodes: draft.components.len(), edges: Vec::new() };
    for (index, call) in draft.calls.iter().enumerate() {
        let here = here.item(index);
        let from = find(context, components, &call.from, here.key("from"));
        let to = find(context, components, &call.to, here.key("to"));
        if let (Some(from), Some(to)) = (from, to) {
            calls.edges.push((from, to, call.per_request.float()));
        }
    }
    (calls.edges.len() == draft.calls.len()).then_some(calls)
}

/// Which component is in which group.
struct Placed {
    names: Vec<String>,
    members: Vec<Vec<usize>>,
    /// The group of each component.
    of: Vec<usize>,
    whole: Option<GroupDraft>,
}

fn groups_of(
    context: &mut Context<'_>,
    draft: &ApplicationDraft,
    components: &Places<'_>,
    here: Cursor<'_>,
) -> Option<Placed> {
    let count = draft.components.len();
    if draft.groups.is_empty() {
        let whole = GroupDraft {
            name: WHOLE.parse().expect("a valid name"),
            components: Vec::new(),
            selector: SelectorDraft::default(),
            stateful: false,
            standing: None,
            cluster: None,
        };
        return Some(Placed {
            names: vec![WHOLE.to_owned()],
            members: vec![(0..count).collect()],
            of: vec![0; count],
            whole: Some(whole),
        });
    }
    let here = here.key("groups");
    let mut of: Vec<Option<usize>> = vec![None; count];
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); draft.groups.len()];
    let mut names: Vec<String> = Vec::new();
    let mut sound = true;
    for (group, said) in draft.groups.iter().enumerate() {
        if names.iter().any(|name| **name == *said.name) {
            let message = format!("the group `{}` is declared twice", said.name);
            context.complain(here.item(group).key("name"), Code::DuplicateName, message);
        }
        names.push(said.name.to_string());
        for (place, name) in said.components.iter().enumerate() {
            let here = here.item(group).key("components").item(place);
            let Some(component) = find(context, components, name, here) else {
                sound = false;
                continue;
            };
            if let Some(other) = of[component] {
                let message = format!("`{name}` is in the group `{}` already", names[other]);
                context.complain(here, Code::GroupRepeats, message);
                continue;
            }
            of[component] = Some(group);
            members[group].push(component);
        }
        members[group].sort_unstable();
    }
    for (component, _) in of.iter().enumerate().filter(|(_, group)| group.is_none()) {
        let name = &draft.components[component].name;
        let message = format!("`{name}` is in no group");
        let wrong = here.error(Code::GroupMisses, message);
        context.complaints.push(wrong.with_help(format!(
            "add it to the `components` of {}",
            listed(&names).replace(", ", " or ")
        )));
    }
    let of: Option<Vec<usize>> = of.into_iter().collect();
    let filled = members.iter().all(|members| !members.is_empty());
    Some(Placed { names, members, of: of.filter(|_| sound && filled)?, whole: None })
}

fn listed(names: &[String]) -> String {
    crate::schema::listed(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

fn crossings(
    draft: &ApplicationDraft,
    calls: &Calls,
    placed: &Placed,
    visits: &[f64],
) -> Vec<groups::Crossing> {
    let inside = |edge: &&(usize, usize, f64)| placed.of[edge.0] == placed.of[edge.1];
    let within =
        Calls { nodes: calls.nodes, edges: calls.edges.iter().filter(inside).copied().collect() };
    let service = draft.components.iter().map(super::component::service_micros).collect();
    // The calls inside of groups are some of all calls; where those end, these do too.
    let caused = within.caused(service).unwrap_or_else(|_| vec![0.0; calls.nodes]);
    let crossing = calls.edges.iter().zip(&draft.calls).filter(|(edge, _)| !inside(edge));
    let crossing = crossing.map(|((from, to, per_visit), call)| {
        let calls = visits[*from] * per_visit;
        groups::Crossing {
            from: placed.of[*from],
            to: placed.of[*to],
            calls,
            bytes: calls * float(call.bytes.units()),
            work: calls * caused[*to],
        }
    });
    crossing.collect()
}

/// The most visits of one component that one user request may cause.
const VISITS_MAX: f64 = 1e6;

fn refuse_floods(
    context: &mut Context<'_>,
    draft: &ApplicationDraft,
    visits: Vec<f64>,
    here: Cursor<'_>,
) -> Option<Vec<f64>> {
    let flooded = draft.components.iter().zip(&visits).enumerate();
    for (index, (component, _)) in flooded.filter(|(_, (_, visits))| **visits > VISITS_MAX) {
        let message =
            format!("one user request calls `{}` more than {VISITS_MAX} times", component.name);
        let here = here.key("components").item(index).key("name");
        context.complain(here, Code::OutOfRange, message);
    }
    let flooded = visits.iter().any(|visits| *visits > VISITS_MAX);
    (!flooded).then_some(visits)
}

fn complain_of_circle(
    context: &mut Context<'_>,
    draft: &ApplicationDraft,
    circle: &Loop,
    here: Cursor<'_>,
) {
    let name = |node: &usize| &*draft.components[*node].name;
    let round = circle.nodes.iter().chain(circle.nodes.first()).map(name);
    let round = round.collect::<Vec<_>>().join(" → ");
    let back = format!("{:.3}", circle.gain);
    let back = back.trim_end_matches('0').trim_end_matches('.');
    let others = if circle.gain >= 1.0 { "" } else { ", and more on other ways round" };
    let message = format!(
        "calls grow without end: of one request that goes {round}, {back} come back{others}"
    );
    let inside =
        |name: &str| circle.nodes.iter().any(|node| *draft.components[*node].name == *name);
    let first = draft.calls.iter().position(|call| inside(&call.from) && inside(&call.to));
    let here = here.key("calls").item(first.unwrap_or(0));
    let wrong = here.error(Code::TrafficCycle, message);
    context.complaints.push(
        wrong.with_help("lower `perRequest` on the way, so that each round has fewer requests"),
    );
}

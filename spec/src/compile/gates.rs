//! Gates: who waits for whom, and that nobody waits for ever in a circle.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use periplus_core::ids::{AppId, ComponentId};
use periplus_core::intent::{Gate, Milestone, Otherwise, Scope};

use crate::code::Code;
use crate::compile::context::{Complaints, Context};
use crate::compile::roll::{APP, Noun, Roll, Version, When, unknown};
use crate::draft::{ApplicationDraft, ComponentDraft, OtherwiseDraft, ScopeDraft, UntilDraft};
use crate::yaml::Cursor;

const COMPONENT: Noun = Noun { name: "component", unknown: Code::UnknownComponent };

/// What a component waits for.
pub(crate) fn gates(
    context: &mut Context<'_>,
    version: &Version<'_, ApplicationDraft>,
    draft: &ComponentDraft,
    here: Cursor<'_>,
) -> Vec<Gate> {
    let here = here.key("after");
    let mut gates = Vec::with_capacity(draft.after.len());
    for (index, after) in draft.after.iter().enumerate() {
        let here = here.item(index);
        let name = after.app.as_deref().unwrap_or(&version.object.metadata.name);
        let Some(app) =
            context.rolls.apps.find(APP, name, here.key("app"), &mut context.complaints)
        else {
            continue;
        };
        // Components keep their places, so that the last declaration knows all of them.
        let components = &context.rolls.apps.entities[app].last().object.spec.components;
        let place = components.iter().position(|other| other.name == after.component);
        let Some(component) = place else {
            let names: Vec<&str> = components.iter().map(|other| &*other.name).collect();
            let wrong = unknown(COMPONENT, &after.component, names.iter(), here.key("component"));
            context.complaints.push(wrong);
            continue;
        };
        gates.push(Gate {
            app: AppId::from_index(app),
            component: ComponentId::from_index(component),
            until: match after.until {
                UntilDraft::Deployed => Milestone::Deployed,
                UntilDraft::Ready => Milestone::Ready,
            },
            hold: after.hold.0,
            scope: match after.scope {
                ScopeDraft::Same => Scope::Same,
                ScopeDraft::Any => Scope::Any,
                ScopeDraft::Every => Scope::Every,
                ScopeDraft::Nearest => Scope::Nearest,
            },
            deadline: after.deadline.map(|deadline| deadline.0),
            otherwise: match after.otherwise {
                OtherwiseDraft::Hold => Otherwise::Hold,
                OtherwiseDraft::Abort => Otherwise::Abort,
                OtherwiseDraft::Proceed => Otherwise::Proceed,
            },
        });
    }
    gates
}

/// Complains of components that wait for each other in a circle, as things are declared at `when`.
pub(crate) fn refuse_cycles(
    apps: &Roll<'_, ApplicationDraft>,
    when: When,
    complaints: &mut Complaints,
) {
    let mut graph = DiGraph::<Waiting<'_>, Cursor<'_>>::new();
    let mut nodes: BTreeMap<(&str, &str), NodeIndex> = BTreeMap::new();
    let declared = || {
        let born = apps.entities.iter().filter(move |app| app.born() <= when);
        born.flat_map(move |app| {
            let version = app.version(when);
            let components = version.object.spec.components.iter().enumerate();
            components.map(move |(index, component)| (app.name, version, index, component))
        })
    };
    for (app, _, _, component) in declared() {
        let node = graph.add_node(Waiting { app, component: &component.name });
        nodes.insert((app, &component.name), node);
    }
    for (app, version, index, component) in declared() {
        let here = version.here.path(&["spec", "components"]).item(index).key("after");
        for (place, after) in component.after.iter().enumerate() {
            let on = (after.app.as_deref().unwrap_or(app), &*after.component);
            if let (Some(from), Some(to)) = (nodes.get(&(app, &*component.name)), nodes.get(&on)) {
                graph.add_edge(*from, *to, here.item(place));
            }
        }
    }
    let mut circles: Vec<Vec<NodeIndex>> = tarjan_scc(&graph)
        .into_iter()
        .filter_map(|members| shortest_circle(&graph, &members))
        .collect();
    circles.sort();
    let apps_in =
        |circle: &[NodeIndex]| circle.iter().any(|node| graph[*node].app != graph[circle[0]].app);
    for circle in circles {
        let across = apps_in(&circle);
        let name = |node: &NodeIndex| match across {
            true => format!("{}/{}", graph[*node].app, graph[*node].component),
            false => graph[*node].component.to_owned(),
        };
        let round: Vec<_> = circle.iter().chain(circle.first()).map(name).collect();
        let edge = graph.find_edge(circle[0], circle[1 % circle.len()]);
        let here = edge.map(|edge| graph[edge]).unwrap_or_default();
        let message = format!("{} wait for each other for ever", round.join(" → "));
        complaints.push(
            here.error(Code::DependencyCycle, message).with_help("remove one of these `after`"),
        );
    }
}

#[derive(Debug)]
struct Waiting<'a> {
    app: &'a str,
    component: &'a str,
}

/// A shortest circle through the lowest node of a strongly connected component, if it has any.
fn shortest_circle<N, E>(graph: &DiGraph<N, E>, members: &[NodeIndex]) -> Option<Vec<NodeIndex>> {
    let members: BTreeSet<_> = members.iter().copied().collect();
    let start = *members.first()?;
    let mut from: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
    let mut frontier = vec![start];
    while !frontier.is_empty() {
        let mut next = Vec::new();
        for node in frontier {
            let mut followers: Vec<_> =
                graph.neighbors(node).filter(|to| members.contains(to)).collect();
            followers.sort_unstable();
            for to in followers {
                if to == start {
                    let mut circle = vec![node];
                    while let Some(previous) = from.get(&circle[circle.len() - 1]) {
                        circle.push(*previous);
                    }
                    circle.reverse();
                    return Some(circle);
                }
                from.entry(to).or_insert_with(|| {
                    next.push(to);
                    node
                });
            }
        }
        frontier = next;
    }
    None
}

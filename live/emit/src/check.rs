//! Checking: what could not be rendered, found when an intent is read, for every cluster that an app may run in.
//!
//! Each component is rendered for each cluster of the fleet that its selectors allow; clusters that no customization
//! and no agent tells apart are rendered once.

use std::collections::{BTreeMap, BTreeSet};

use periplus_spec::draft::{AgentType, ApplicationDraft};
use periplus_spec::scenario::{AppVersion, ClusterFacts, Delivery};

use crate::binding::{Binding, Storage};
use crate::component::customized;
use crate::customize;
use crate::fault::Fault;
use crate::lint::refuse_secrets;
use crate::render::Problem;

/// Names that agents know other objects by: those of namespaces, of networks and of the bootstrap.
const RESERVED: [&str; 3] = ["net", "ns", "periplus"];

/// Everything that could not be rendered of what is declared.
#[must_use]
pub fn problems(delivery: &Delivery) -> Vec<Problem> {
    let mut problems = Vec::new();
    for version in delivery.apps.iter().flatten() {
        if RESERVED.contains(&&*version.name) {
            let fault = Fault::Reserved { name: version.name.to_string() };
            problems.push(problem("all clusters".into(), &version.name, fault));
        }
        let before = problems.len();
        let mut found = BTreeSet::new();
        let mut meant = BTreeSet::new();
        for cluster in representatives(delivery, version) {
            let entries = version.draft.customize.iter().enumerate();
            meant.extend(
                entries
                    .filter(|(_, entry)| entry.clusters.takes(&cluster.name, &cluster.labels))
                    .map(|(place, _)| place),
            );
            for fault in faults(delivery, version, cluster, &mut found) {
                let cluster = cluster.name.to_string();
                problems.push(problem(cluster, &version.name, fault));
            }
        }
        // Where something fails, what comes after it was not looked for.
        let sound = problems.len() == before;
        for place in (0..version.draft.customize.len()).filter(|_| sound) {
            let why = match (meant.contains(&place), found.contains(&place)) {
                (_, true) => continue,
                (true, false) => "its `target` finds no object",
                (false, false) => "its `clusters` finds no cluster that the app may run in",
            };
            let fault = Fault::Customize { place, at: String::new(), why: why.into() };
            let cluster = "all clusters".to_owned();
            problems.push(problem(cluster, &version.name, fault));
        }
    }
    problems.extend(twice(delivery));
    problems
}

fn problem(cluster: String, app: &str, fault: Fault) -> Problem {
    Problem { cluster, app: app.to_owned(), fault: Box::new(fault) }
}

/// Clusters that the app may run in, one for each way in which they differ for it.
fn representatives<'d>(delivery: &'d Delivery, version: &AppVersion) -> Vec<&'d ClusterFacts> {
    let mut seen = BTreeSet::new();
    let clusters = delivery.clusters.iter().flatten().map(|version| &*version.facts);
    let allowed =
        clusters.filter(|cluster| version.draft.placement.selector.takes(&cluster.labels));
    allowed.filter(|cluster| seen.insert(signature(&version.draft, cluster))).collect()
}

/// What of a cluster makes a difference for an app: its agent, which customizations mean it, and what these say of it.
fn signature(draft: &ApplicationDraft, cluster: &ClusterFacts) -> (bool, Vec<usize>, Vec<String>) {
    let entries = draft.customize.iter().enumerate();
    let meant: Vec<usize> = entries
        .filter(|(_, entry)| entry.clusters.takes(&cluster.name, &cluster.labels))
        .map(|(place, _)| place)
        .collect();
    let labels = meant.iter().flat_map(|place| {
        let text = serde_json::to_string(&draft.customize[*place]).expect("what was read is JSON");
        let keys = text
            .split("${cluster.labels.")
            .skip(1)
            .map(|rest| rest.split('}').next().unwrap_or("").to_owned());
        keys.filter(|key| !cluster.labels.contains_key(key.as_str())).collect::<Vec<_>>()
    });
    let missing = labels.collect();
    (cluster.agent == AgentType::Argocd, meant, missing)
}

fn faults(
    delivery: &Delivery,
    version: &AppVersion,
    cluster: &ClusterFacts,
    found: &mut BTreeSet<usize>,
) -> Vec<Fault> {
    let mut faults = Vec::new();
    let tenant = delivery.tenant(version.tenant, version.from);
    for (place, component) in version.draft.components.iter().enumerate() {
        let stateful = version
            .draft
            .groups
            .iter()
            .any(|group| group.stateful && group.components.contains(&component.name));
        let binding = Binding {
            cluster,
            app: version,
            component,
            manifests: &version.manifests[place],
            namespace: customize::namespace(version, &component.name, cluster),
            tenant: &tenant.name,
            storage: if stateful { Storage::Stateful } else { Storage::None },
            replicas: 1,
            decision: None,
            wave: 0,
        };
        match customized(&binding) {
            Ok((objects, places)) => {
                found.extend(places);
                faults.extend(objects.iter().filter_map(|object| refuse_secrets(object).err()));
                let mut names = BTreeSet::new();
                for object in &objects {
                    let id = (object.kind(), object.namespace(), object.name());
                    if !names.insert(id) {
                        let by = component.name.to_string();
                        faults.push(again(
                            object.kind(),
                            object.name(),
                            object.namespace(),
                            &by,
                            &by,
                        ));
                    }
                }
            }
            Err(fault) => faults.push(fault),
        }
    }
    faults
}

fn again(kind: &str, name: &str, namespace: &str, first: &str, second: &str) -> Fault {
    Fault::Twice {
        kind: kind.into(),
        name: name.into(),
        namespace: namespace.into(),
        first: first.into(),
        second: second.into(),
    }
}

/// Components of different apps whose objects would have the same names in a namespace that they share.
fn twice(delivery: &Delivery) -> Vec<Problem> {
    let mut owners: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let mut problems = Vec::new();
    for versions in &delivery.apps {
        let mut own = BTreeSet::new();
        for version in versions {
            let made =
                version.draft.components.iter().filter(|component| component.source.is_none());
            for component in made {
                own.insert((&*version.namespace, &*component.name, &*version.name));
            }
        }
        for (namespace, component, app) in own {
            match owners.insert((namespace, component), app) {
                Some(first) if first != app => problems.push(problem(
                    "all clusters".into(),
                    app,
                    again("Deployment", component, namespace, first, app),
                )),
                Some(_) | None => {}
            }
        }
    }
    problems
}

//! What the world of a scenario does, told from its timeline.

use periplus_core::ids::ClusterId;
use periplus_core::units::Span;
use periplus_spec::scenario::{Act, Fleet, Scenario};

use super::reasons::fault;
use super::values::listed;

/// What an act does, if it is not an input that the log tells of anyway.
#[must_use]
pub fn act(act: &Act, scenario: &Scenario) -> Option<String> {
    let fleet = &scenario.fleet;
    let text = match act {
        Act::Command(_)
        | Act::Approve
        | Act::Inputs(_)
        | Act::AppChanged { .. }
        | Act::ClusterChanged { .. }
        | Act::Price { .. }
        | Act::Carbon { .. } => return None,
        Act::Outage { clusters, lasts } => {
            let verb = verb(clusters, "goes", "go");
            format!("{} {verb} down{}", of(fleet, clusters), time(*lasts))
        }
        Act::Partition { clusters, lasts } => {
            let verb = verb(clusters, "is", "are");
            format!("{} {verb} cut off{}", of(fleet, clusters), time(*lasts))
        }
        Act::NodeLoss { cluster, nodes, lasts } => {
            let what = if *nodes == 1 { "a node".into() } else { format!("{nodes} nodes") };
            format!("{} loses {what}{}", of(fleet, &[*cluster]), time(*lasts))
        }
        Act::Drift { clusters, used, lasts } => {
            format!("others use {} of {}{}", super::part(*used), of(fleet, clusters), time(*lasts))
        }
        Act::Surge { factor, lasts, .. } => {
            format!("demand is ×{}{}", times(*factor), time(*lasts))
        }
        Act::Sensor { shows: None, lasts, .. } => format!("sensors fall silent{}", time(*lasts)),
        Act::Sensor { shows: Some(shows), lasts, .. } => {
            format!("sensors show the truth ×{}{}", times(*shows), time(*lasts))
        }
        Act::GitOutage { lasts } => format!("git refuses pushes{}", time(*lasts)),
        Act::PodFailure { app, component, clusters, fault: why, lasts } => {
            let entry = &fleet.apps[app.index()];
            let component = &entry.components[component.index()].name;
            let place = if clusters.is_empty() { "everywhere".into() } else { of(fleet, clusters) };
            format!(
                "{}/{component} cannot run in {place}: {}{}",
                entry.name,
                fault(*why),
                time(*lasts)
            )
        }
        Act::LateReports { clusters, by, lasts } => {
            format!("reports from {} take {by} longer{}", of(fleet, clusters), time(*lasts))
        }
    };
    Some(text)
}

fn of(fleet: &Fleet, clusters: &[ClusterId]) -> String {
    if clusters.len() > 4 {
        return format!("{} clusters", clusters.len());
    }
    let names: Vec<String> =
        clusters.iter().map(|cluster| fleet.clusters[cluster.index()].name.clone()).collect();
    listed(&names)
}

fn verb<'a>(clusters: &[ClusterId], one: &'a str, several: &'a str) -> &'a str {
    if clusters.len() == 1 { one } else { several }
}

fn time(lasts: Option<Span>) -> String {
    lasts.map_or_else(|| " for good".into(), |lasts| format!(" for {lasts}"))
}

fn times(thousandths: u32) -> String {
    let text = format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

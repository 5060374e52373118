//! What the desk says for metrics: everything of one instant, in one answer.

use std::collections::BTreeMap;

use periplus_core::ids::AppId;
use periplus_core::state::Health;

use crate::api::words::{ContentWord, Known, hold_word, rps, unix_ms};
use crate::desk::{Counts, Desk};

/// What the desk says.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) counts: Counts,
    pub(super) seq: u64,
    pub(super) at_unix_ms: i64,
    pub(super) is_paused: bool,
    pub(super) outstanding: usize,
    pub(super) tray: (usize, usize),
    /// Of these, parts of clusters that are applied to directly.
    pub(super) applied: (usize, usize),
    /// By kind and whether they are approved.
    pub(super) holds: BTreeMap<(&'static str, bool), u64>,
    /// By content and whether they are ready.
    pub(super) bindings: BTreeMap<(&'static str, bool), u64>,
    pub(super) known: BTreeMap<&'static str, u64>,
    pub(super) clusters: Vec<Cluster>,
    pub(super) apps: Vec<App>,
}

/// What is told of each cluster of the fleet.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) name: String,
    pub(super) last_heard_unix_ms: i64,
    pub(super) cordoned: bool,
    pub(super) draining: bool,
    pub(super) free_cores: f64,
    pub(super) free_bytes: u64,
    pub(super) held_cores: f64,
    pub(super) held_bytes: u64,
}

/// What is told of each app that is declared.
#[derive(Debug)]
pub(super) struct App {
    pub(super) name: String,
    pub(super) rps: f64,
    pub(super) clusters: usize,
}

impl Gathered {
    pub(super) fn of(desk: &Desk) -> Self {
        let state = desk.state();
        // What may be there is told of also while there is none.
        let both = |word: &'static str| [((word, false), 0), ((word, true), 0)];
        let mut holds: BTreeMap<_, _> =
            ["blind", "mass_drain", "rollout"].into_iter().flat_map(both).collect();
        for (_, hold) in state.holds() {
            *holds.entry((hold_word(hold.kind), hold.approved)).or_default() += 1;
        }
        let mut bindings: BTreeMap<_, _> =
            ContentWord::ALL.iter().flat_map(|word| both(word.as_str())).collect();
        for binding in state.berths().flat_map(|(_, berth)| &berth.bindings) {
            let content = ContentWord::from(binding.content).as_str();
            *bindings.entry((content, binding.is_ready())).or_default() += 1;
        }
        let mut known: BTreeMap<_, _> = Known::ALL.iter().map(|word| (word.as_str(), 0)).collect();
        for cluster in state.clusters() {
            *known.entry(Known::from(cluster.health).as_str()).or_default() += 1;
        }
        Self {
            counts: desk.counts(),
            seq: state.seq().0,
            at_unix_ms: unix_ms(desk, state.at()),
            is_paused: state.is_paused(),
            outstanding: state.outstanding().count(),
            tray: desk.tray().lengths(),
            applied: desk.tray().lengths_applied(),
            holds,
            bindings,
            known,
            clusters: clusters(desk),
            apps: apps(desk),
        }
    }
}

fn clusters(desk: &Desk) -> Vec<Cluster> {
    let state = desk.state();
    let there = state.clusters().iter().filter(|cluster| cluster.health != Health::Retired);
    there
        .map(|cluster| Cluster {
            name: state.name(cluster.spec.name).to_owned(),
            last_heard_unix_ms: unix_ms(desk, cluster.last_seen),
            cordoned: cluster.marks.cordoned,
            draining: cluster.marks.draining,
            free_cores: cluster.room.cpu as f64 / 1_000.0,
            free_bytes: cluster.room.memory << 20,
            held_cores: cluster.held.cpu as f64 / 1_000.0,
            held_bytes: cluster.held.memory << 20,
        })
        .collect()
}

fn apps(desk: &Desk) -> Vec<App> {
    let state = desk.state();
    let declared = state.apps().iter().enumerate().filter(|(_, app)| !app.withdrawn);
    declared
        .map(|(place, app)| {
            let mut clusters: Vec<_> = app.berths.iter().flatten().map(|held| held.0).collect();
            clusters.sort_unstable();
            clusters.dedup();
            App {
                name: state.name(app.intent.name).to_owned(),
                rps: rps(state.demand(AppId::from_index(place))),
                clusters: clusters.len(),
            }
        })
        .collect()
}

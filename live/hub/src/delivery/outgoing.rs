//! What goes out after a turn: letters to repositories, and parcels for clusters that are applied to directly.

use std::collections::{BTreeMap, BTreeSet};

use periplus_git::TargetId;

use super::direct::Part;
use super::post::Letter;
use super::routes::Place;
use super::tray::Parcel;
use crate::desk::Desk;

/// What is to be brought out.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    /// For repositories.
    pub(crate) letters: Vec<Letter>,
    /// For clusters that are applied to directly.
    pub(crate) applies: Vec<Parcel>,
}

impl Outgoing {
    /// Parcels of a desk, with where they go.
    pub(crate) fn of(desk: &Desk, parcels: Vec<Parcel>) -> Self {
        let is_applied = |parcel: &Parcel| Part::of(&parcel.target).is_some();
        let (applies, parcels): (Vec<Parcel>, Vec<Parcel>) =
            parcels.into_iter().partition(is_applied);
        Self { letters: letters(desk, parcels), applies }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.letters.is_empty() && self.applies.is_empty()
    }

    /// All parcels; those for a repository with where that is.
    pub(crate) fn parcels(&self) -> impl Iterator<Item = (&Parcel, Option<&Place>)> {
        let letters = self.letters.iter().map(|letter| (&letter.parcel, Some(&letter.to)));
        letters.chain(self.applies.iter().map(|parcel| (parcel, None)))
    }
}

fn letters(desk: &Desk, parcels: Vec<Parcel>) -> Vec<Letter> {
    if parcels.is_empty() {
        return Vec::new();
    }
    let targets = desk.targets();
    let mut clusters: BTreeMap<&TargetId, BTreeSet<String>> = BTreeMap::new();
    for cluster in &desk.intents().scenario().fleet.clusters {
        if let Some(target) = targets.divider.target(&cluster.name) {
            clusters.entry(target).or_default().insert(cluster.name.clone());
        }
    }
    let letters = parcels.into_iter().filter_map(|parcel| {
        let to = targets.places.get(&parcel.target)?.clone();
        let clusters = clusters.get(&parcel.target).cloned().unwrap_or_default();
        Some(Letter { parcel, to, clusters })
    });
    letters.collect()
}

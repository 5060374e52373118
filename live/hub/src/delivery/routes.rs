//! Which repository each cluster pulls from, as a template with its labels says.

use std::collections::BTreeMap;

use periplus_emit::{Repository, Unnamed};
use periplus_git::{Divider, TargetId};
use periplus_spec::scenario::Delivery;

/// How what is written gets to repositories.
#[derive(Clone, Debug)]
pub struct Routes {
    /// What agents are told to pull from; clusters' names and labels may stand in it as variables.
    pub pulled: Repository,
    /// What is written to, as we reach it.
    pub written: Repository,
}

/// The repositories of a fleet.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    /// Which of them each cluster pulls from.
    pub divider: Divider,
    /// Where each of them is.
    pub places: BTreeMap<TargetId, Repository>,
}

impl Routes {
    /// The repositories of all clusters that are declared.
    ///
    /// # Errors
    /// A cluster has no such label.
    pub fn targets(&self, delivery: &Delivery) -> Result<Targets, Unnamed> {
        let mut targets = Targets::default();
        for version in delivery.clusters.iter().filter_map(|versions| versions.last()) {
            let place = self.written.of(&version.facts)?;
            let id = TargetId(format!("{} ({})", place.url, place.branch));
            targets.places.insert(id.clone(), place);
            targets.divider.set(version.facts.name.to_string(), id);
        }
        Ok(targets)
    }
}

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
    /// The branch at which what is written begins while it is not made yet.
    pub base: Option<String>,
}

/// A repository that is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where it is, and its branch.
    pub repository: Repository,
    /// The branch at which that one begins.
    pub base: Option<String>,
}

/// The repositories of a fleet.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    /// Which of them each cluster pulls from.
    pub divider: Divider,
    /// Where each of them is.
    pub places: BTreeMap<TargetId, Place>,
}

impl Routes {
    /// The repositories of all clusters that are declared.
    ///
    /// # Errors
    /// A cluster has no such label.
    pub fn targets(&self, delivery: &Delivery) -> Result<Targets, Unnamed> {
        let mut targets = Targets::default();
        for version in delivery.clusters.iter().filter_map(|versions| versions.last()) {
            let repository = self.written.of(&version.facts)?;
            let id = TargetId(format!("{} ({})", repository.url, repository.branch));
            let base = match &self.base {
                Some(branch) => {
                    let begins = Repository { branch: branch.clone(), ..self.written.clone() };
                    Some(begins.of(&version.facts)?.branch)
                }
                None => None,
            };
            targets.places.insert(id.clone(), Place { repository, base });
            targets.divider.set(version.facts.name.to_string(), id);
        }
        Ok(targets)
    }
}

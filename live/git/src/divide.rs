//! Which repository takes which file.

use std::collections::{BTreeMap, BTreeSet};

use periplus_emit::Change;

use crate::fleet::TargetId;
use crate::ownership::place;

/// Divides changes between repositories.
#[derive(Clone, Debug, Default)]
pub struct Divider {
    /// The repository of each cluster, by its name.
    of_cluster: BTreeMap<String, TargetId>,
    /// What is for people in every repository, and goes with the next commit of each.
    pending: BTreeMap<TargetId, Change>,
}

impl Divider {
    /// Each cluster, by its name, pulls from a repository.
    #[must_use]
    pub fn new(of_cluster: BTreeMap<String, TargetId>) -> Self {
        Self { of_cluster, pending: BTreeMap::new() }
    }

    /// Takes over which cluster pulls from which repository.
    pub fn renew(&mut self, other: Self) {
        self.of_cluster = other.of_cluster;
    }

    /// A cluster pulls from a repository from now on.
    pub fn set(&mut self, cluster: String, target: TargetId) {
        self.of_cluster.insert(cluster, target);
    }

    /// The repository of a cluster.
    #[must_use]
    pub fn target(&self, cluster: &str) -> Option<&TargetId> {
        self.of_cluster.get(cluster)
    }

    /// All of the repositories, each once.
    #[must_use]
    pub fn targets(&self) -> BTreeSet<TargetId> {
        self.of_cluster.values().cloned().collect()
    }

    /// A change by the repository that takes it. What is about the whole fleet goes to every one of them, with what is
    /// its own: nobody is woken for it.
    pub fn divide(&mut self, change: &Change) -> BTreeMap<TargetId, Change> {
        let mut parts: BTreeMap<TargetId, Change> = BTreeMap::new();
        let all = self.targets();
        for (path, bytes) in change {
            match place(path).and_then(|name| self.of_cluster.get(name)) {
                Some(id) => {
                    parts.entry(id.clone()).or_default().insert(path.clone(), bytes.clone());
                }
                None => {
                    for id in &all {
                        let kept = if all.len() == 1 { &mut parts } else { &mut self.pending };
                        let kept = kept.entry(id.clone()).or_default();
                        kept.insert(path.clone(), bytes.clone());
                    }
                }
            }
        }
        for (id, part) in &mut parts {
            part.extend(self.pending.remove(id).unwrap_or_default());
        }
        parts
    }
}

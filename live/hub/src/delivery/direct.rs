//! Clusters that are applied to directly: which of them takes what of a change, app by app.
//!
//! Each app in such a cluster is a target of its own, and so is what belongs to the cluster as a whole. So an app whose
//! objects are refused keeps no other one waiting. What tells agents of folders goes to repositories only.

use std::collections::{BTreeMap, BTreeSet};

use periplus_emit::Change;
use periplus_git::TargetId;
use periplus_spec::draft::AgentType;
use periplus_spec::scenario::Delivery;

/// The clusters that are applied to directly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Direct(BTreeSet<String>);

/// What is answered for by itself: an app in a cluster, or what belongs to a cluster as a whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// The cluster.
    pub cluster: String,
    /// The app; none for namespaces, and for what connects and protects the cluster.
    pub app: Option<String>,
}

/// What targets of ours begin with. No repository does: a URL has no space.
const PREFIX: &str = "cluster ";
const APP: &str = ", app ";

impl Part {
    /// The part that a file belongs to, if it is one that is applied.
    #[must_use]
    pub fn of_file(path: &str) -> Option<Self> {
        let mut words = path.strip_prefix("deploy/")?.split('/');
        let cluster = words.next()?.to_owned();
        let app = match words.next()? {
            "_namespaces" => None,
            "_net" => words.next().filter(|name| *name != "_site"),
            app => Some(app),
        };
        Some(Self { cluster, app: app.map(str::to_owned) })
    }

    /// Its name among targets.
    #[must_use]
    pub fn target(&self) -> TargetId {
        let Self { cluster, app } = self;
        TargetId(match app {
            Some(app) => format!("{PREFIX}{cluster}{APP}{app}"),
            None => format!("{PREFIX}{cluster}"),
        })
    }

    /// The part of a name; none if it is that of a repository.
    #[must_use]
    pub fn of(target: &TargetId) -> Option<Self> {
        let rest = target.0.strip_prefix(PREFIX)?;
        let (cluster, app) =
            rest.split_once(APP).map_or((rest, None), |(one, app)| (one, Some(app)));
        Some(Self { cluster: cluster.to_owned(), app: app.map(str::to_owned) })
    }
}

impl Direct {
    /// Those of these names.
    #[must_use]
    pub fn new(clusters: BTreeSet<String>) -> Self {
        Self(clusters)
    }

    /// Whether a cluster is among them.
    #[must_use]
    pub fn has(&self, cluster: &str) -> bool {
        self.0.contains(cluster)
    }

    /// Their names.
    pub fn clusters(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// A change by the target that takes it.
    #[must_use]
    pub fn divide(&self, change: &Change) -> BTreeMap<TargetId, Change> {
        let mut parts: BTreeMap<TargetId, Change> = BTreeMap::new();
        for (path, bytes) in change {
            if let Some(part) = Part::of_file(path).filter(|part| self.has(&part.cluster)) {
                parts.entry(part.target()).or_default().insert(path.clone(), bytes.clone());
            }
        }
        parts
    }

    /// The target of what belongs to a cluster as a whole.
    #[must_use]
    pub fn whole(&self, cluster: &str) -> Option<TargetId> {
        self.target(cluster, None)
    }

    /// The targets that an app in a cluster waits for: its own, and the cluster's.
    pub fn targets(&self, cluster: &str, app: &str) -> impl Iterator<Item = TargetId> + use<> {
        let own = self.target(cluster, Some(app));
        own.into_iter().chain(self.whole(cluster))
    }

    /// What is declared of these clusters that an API server cannot do: the files of Argo CD's `Application`s are objects of
    /// another cluster.
    #[must_use]
    pub fn contradictions(&self, delivery: &Delivery) -> Vec<String> {
        let declared = delivery.clusters.iter().filter_map(|versions| versions.last());
        let wrong = declared.filter(|version| {
            self.has(&version.facts.name) && version.facts.agent == AgentType::Argocd
        });
        let told = wrong.map(|version| {
            format!(
                "{} is applied to directly (`apply.clusters`), and is declared to have Argo CD. Leave `agent` out in its declaration, or the cluster out there.",
                version.facts.name
            )
        });
        told.collect()
    }

    fn target(&self, cluster: &str, app: Option<&str>) -> Option<TargetId> {
        let part = || Part { cluster: cluster.to_owned(), app: app.map(str::to_owned) };
        self.has(cluster).then(|| part().target())
    }
}

#[cfg(test)]
mod tests {
    use periplus_emit::FilePath;

    use super::*;

    #[test]
    fn a_file_belongs_to_an_app_or_to_the_cluster_or_to_repositories_only() {
        let part = |path: &str| Part::of_file(path).map(|part| part.target().0);
        for (path, target) in [
            ("deploy/a/shop/web/50-deployment-web.yaml", Some("cluster a, app shop")),
            ("deploy/a/_net/shop/guard/40-networkpolicy-x.yaml", Some("cluster a, app shop")),
            ("deploy/a/_net/_site/40-firewallrule-x.yaml", Some("cluster a")),
            ("deploy/a/_namespaces/shop/00-namespace-shop.yaml", Some("cluster a")),
            ("clusters/a/50-kustomization-shop.web.yaml", None),
            ("argocd/a/50-application-shop.yaml", None),
            ("decisions/shop.json", None),
        ] {
            assert_eq!(part(path).as_deref(), target, "{path}");
        }
    }

    #[test]
    fn parts_have_names_that_no_repository_has() {
        for app in [None, Some("shop".to_owned())] {
            let part = Part { cluster: "edge-1".to_owned(), app };
            assert_eq!(Part::of(&part.target()), Some(part));
        }
        assert_eq!(Part::of(&TargetId("/srv/cluster a (main)".into())), None);
    }

    #[test]
    fn each_cluster_gets_its_own_and_others_nothing() {
        let direct = Direct::new(["a".to_owned()].into());
        let change: Change = ["deploy/a/shop/web/x.yaml", "deploy/b/shop/web/x.yaml"]
            .into_iter()
            .map(|path| (FilePath::new(path).unwrap(), None))
            .collect();
        let parts = direct.divide(&change);
        assert_eq!(parts.keys().map(|id| &*id.0).collect::<Vec<_>>(), ["cluster a, app shop"]);
        assert_eq!(direct.whole("b"), None);
        assert_eq!(direct.targets("a", "shop").count(), 2);
    }
}

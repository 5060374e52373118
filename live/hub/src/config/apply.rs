//! What live.yaml says of clusters that are applied to directly, checked.

use std::collections::BTreeSet;
use std::time::Duration;

use super::draft::ApplyDraft;
use super::settings::{Checker, Reached};
use crate::apply::{EVERY, Force};

/// Which clusters are applied to directly, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplySettings {
    /// Their names.
    pub clusters: BTreeSet<String>,
    /// What becomes of fields that somebody else manages.
    pub force: Force,
    /// How often everything is applied again.
    pub every: Duration,
}

impl Checker<'_> {
    pub(super) fn apply(&mut self, draft: &ApplyDraft, reached: &Reached) -> ApplySettings {
        let ApplyDraft { clusters, force, every } = draft;
        let clusters: BTreeSet<String> = clusters.iter().map(ToString::to_string).collect();
        if !clusters.is_empty() {
            match reached.contexts() {
                Err(why) => {
                    let what = format!("the kubeconfig cannot be read: {why}");
                    self.complain("clusters.kubeconfig", what, "mend it, or name another one");
                }
                Ok(contexts) => {
                    let unreached =
                        clusters.iter().filter(|name| reached.source(name, &contexts).is_none());
                    for name in unreached {
                        let what = format!("nothing says how the service reaches `{name}`");
                        let help = "give the kubeconfig a context that is called so, or say `clusters.contexts` or `clusters.inCluster`; a cluster that only reports itself needs an agent";
                        self.complain("apply.clusters", what, help);
                    }
                }
            }
        }
        ApplySettings {
            clusters,
            force: if *force { Force::Yes } else { Force::No },
            every: self.every("apply.every", *every, EVERY),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    use periplus_spec::Sheet;

    use super::ApplySettings;
    use crate::apply::Force;
    use crate::config::Settings;

    const KUBECONFIG: &str = "apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: 'https://localhost:1'}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: edge-1, context: {cluster: c, user: u}}]
";

    fn read(folder: &Path, apply: &str) -> Result<ApplySettings, String> {
        fs::write(folder.join("kubeconfig"), KUBECONFIG).unwrap();
        let text = format!(
            "state: state\nintents: {{path: intents}}\ngit: {{url: fleet.git}}\nclusters: {{kubeconfig: kubeconfig, inCluster: hub}}\napply: {apply}\n"
        );
        let told = |wrong: Vec<periplus_spec::diagnostic::Diagnostic>| {
            wrong.into_iter().map(|one| one.message).collect::<Vec<_>>().join("; ")
        };
        let sheet = Sheet::of_text("live.yaml", &text).map_err(told)?;
        Settings::of(&sheet, folder).map(|settings| settings.apply).map_err(told)
    }

    #[test]
    fn clusters_that_the_service_reaches_can_be_applied_to_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let said = read(folder.path(), "{clusters: [edge-1, hub]}").unwrap();
        let usual = (said.force, said.every);
        assert_eq!((said.clusters.len(), usual), (2, (Force::No, Duration::from_mins(10))));
        let said = read(folder.path(), "{clusters: [hub], force: true, every: 1h}").unwrap();
        assert_eq!((said.force, said.every), (Force::Yes, Duration::from_hours(1)));
        let told = read(folder.path(), "{clusters: [edge-1, behind-nat]}").unwrap_err();
        assert!(told.contains("`behind-nat`") && !told.contains("edge-1"), "{told}");
        assert!(read(folder.path(), "{}").unwrap().clusters.is_empty());
    }
}

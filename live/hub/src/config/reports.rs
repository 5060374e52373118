//! What live.yaml says of clusters that report themselves, checked.

use std::path::PathBuf;

use super::draft::{ClustersDraft, KeysDraft};
use super::settings::Checker;
use crate::reports::KeyFolders;

impl Checker<'_> {
    pub(super) fn reports(&mut self, draft: &ClustersDraft) -> KeyFolders {
        KeyFolders {
            reports: self.keys("clusters.reports.keys", draft.reports.as_ref()),
            alerts: self.keys("clusters.alerts.keys", draft.alerts.as_ref()),
        }
    }

    fn keys(&mut self, place: &str, said: Option<&KeysDraft>) -> Option<PathBuf> {
        let path = self.folder.join(&said?.keys);
        if !path.is_dir() {
            let what = format!("there is no folder {}", path.display());
            let help = "make it, with a file in it for each cluster, called as the cluster is";
            self.complain(place, what, help);
        }
        Some(path)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use periplus_spec::Sheet;

    use crate::config::Settings;
    use crate::reports::KeyFolders;

    fn read(folder: &Path, clusters: &str) -> Result<KeyFolders, String> {
        let text = format!(
            "state: state\nintents: {{path: intents}}\ngit: {{url: fleet.git}}\nclusters: {clusters}\n"
        );
        let told = |wrong: Vec<periplus_spec::diagnostic::Diagnostic>| {
            wrong.into_iter().map(|one| one.message).collect::<Vec<_>>().join("; ")
        };
        let sheet = Sheet::of_text("live.yaml", &text).map_err(told)?;
        Settings::of(&sheet, folder).map(|settings| settings.reports).map_err(told)
    }

    #[test]
    fn keys_lie_in_folders_that_are_there() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path(), "{}").unwrap(), KeyFolders::default());
        let said = "{reports: {keys: keys}, alerts: {keys: alerts}}";
        let wrong = read(folder.path(), said).unwrap_err();
        assert!(wrong.matches("there is no folder").count() == 2, "{wrong}");
        for name in ["keys", "alerts"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let folders = read(folder.path(), said).unwrap();
        assert_eq!(folders.reports, Some(folder.path().join("keys")));
        assert_eq!(folders.alerts, Some(folder.path().join("alerts")));
        assert!(read(folder.path(), "{reports: {}}").is_err());
    }
}

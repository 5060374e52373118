//! What live.yaml says of copies, checked.

use std::time::Duration;

use reqwest::Url;

use super::draft::{LeaderDraft, ReplicationDraft};
use super::settings::Checker;
use crate::copy::Replication;

const ALONE_AFTER: Duration = Duration::from_secs(10);
/// What to write where an address is meant.
const HELP: &str = "write the address of a replica's API, as `https://periplus-0.periplus:8443`";

impl Checker<'_> {
    pub(super) fn replication(&mut self, leader: Option<&LeaderDraft>) -> Option<Replication> {
        let ReplicationDraft { replicas, confirm, alone_after, token_file, ca_file } =
            leader?.replication.as_ref()?;
        let mut urls = Vec::with_capacity(replicas.len());
        for (place, said) in replicas.iter().enumerate() {
            let place = format!("leader.replication.replicas[{place}]");
            match Url::parse(said) {
                Ok(url) if url.has_host() && matches!(url.scheme(), "http" | "https") => {
                    urls.push(url);
                }
                Ok(_) | Err(_) => {
                    self.complain(&place, format!("`{}` is no address", said.escape_debug()), HELP);
                }
            }
        }
        if replicas.is_empty() {
            let what = "without other replicas there is nobody to copy from";
            self.complain("leader.replication.replicas", what, HELP);
        }
        let token_file = self.file("leader.replication.tokenFile", Some(token_file))?;
        let ca_file = self.file("leader.replication.caFile", ca_file.as_ref());
        let alone_after = self.every("leader.replication.aloneAfter", *alone_after, ALONE_AFTER);
        let confirm = *confirm;
        Some(Replication { replicas: urls, confirm, alone_after, token_file, ca_file })
    }
}

#[cfg(test)]
mod tests {
    use periplus_spec::Sheet;

    use super::*;
    use crate::config::Settings;
    use crate::copy::Confirm;

    fn read(replication: &str) -> Result<Option<Replication>, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("t"), "").unwrap();
        let text = format!(
            "state: state\nintents: {{path: intents}}\ngit: {{url: fleet.git}}\nleader:\n  namespace: p\n  name: h\n  \
             replication: {replication}\n"
        );
        let told = |wrong: Vec<periplus_spec::diagnostic::Diagnostic>| {
            wrong.into_iter().map(|one| one.message).collect::<Vec<_>>().join("; ")
        };
        let sheet = Sheet::of_text("live.yaml", &text).map_err(told)?;
        Settings::of(&sheet, folder.path()).map(|settings| settings.replication).map_err(told)
    }

    #[test]
    fn replicas_have_addresses_and_nothing_waits_unless_it_is_said() {
        let said = read("{replicas: ['https://a:8443', 'http://127.0.0.1:8080'], tokenFile: t}")
            .unwrap()
            .unwrap();
        assert_eq!((said.replicas.len(), said.confirm), (2, Confirm::Async));
        assert_eq!(said.alone_after, ALONE_AFTER);
        let said = "{replicas: ['https://a'], confirm: strict, aloneAfter: 3s, tokenFile: t}";
        let said = read(said).unwrap().unwrap();
        assert_eq!((said.confirm, said.alone_after), (Confirm::Strict, Duration::from_secs(3)));
        assert!(read("null").unwrap().is_none());
        assert!(read("{replicas: [], tokenFile: t}").unwrap_err().contains("nobody to copy from"));
        for wrong in ["a:8443", "periplus-0", "file:///a", "ssh://a"] {
            let wrong = read(&format!("{{replicas: ['{wrong}'], tokenFile: t}}")).unwrap_err();
            assert!(wrong.contains("is no address"), "{wrong}");
        }
        assert!(read("{replicas: ['https://a']}").is_err());
        let missing = read("{replicas: ['https://a'], tokenFile: nowhere}").unwrap_err();
        assert!(missing.contains("there is no file"), "{missing}");
    }
}

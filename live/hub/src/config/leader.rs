//! What live.yaml says of the election, checked.

use super::draft::{ClustersDraft, LeaderDraft};
use super::settings::Checker;
use crate::leader::{Election, Spans};

/// The longest identity, in characters: something is added to it.
const IDENTITY_MAX: usize = 200;

impl Checker<'_> {
    pub(super) fn leader(
        &mut self,
        draft: &LeaderDraft,
        clusters: &ClustersDraft,
    ) -> Option<Election> {
        let LeaderDraft {
            context,
            namespace,
            name,
            identity,
            lease_duration,
            renew_deadline,
            retry_period,
            replication: _,
        } = draft;
        let usual = Spans::default();
        let spans = Spans {
            lease: self.every("leader.leaseDuration", *lease_duration, usual.lease),
            renew: self.every("leader.renewDeadline", *renew_deadline, usual.renew),
            retry: self.every("leader.retryPeriod", *retry_period, usual.retry),
        };
        if let Some((field, what, help)) = spans.fault() {
            self.complain(&format!("leader.{field}"), what, help);
        }
        let identity = identity.clone().unwrap_or_else(host);
        let is_plain = !identity.trim().is_empty() && !identity.contains(char::is_control);
        if !is_plain || identity.chars().count() > IDENTITY_MAX {
            let what = format!(
                "`{}` is empty, longer than {IDENTITY_MAX} characters, or not one line",
                identity.escape_debug()
            );
            self.complain("leader.identity", what, "write the name of the pod, or leave it out");
        }
        let source = self.source("leader.context", context.as_ref(), clusters)?;
        let (namespace, name) = (namespace.to_string(), name.to_string());
        Some(Election { source, namespace, name, identity, spans })
    }
}

/// The name of the host, which in a pod is that of the pod.
fn host() -> String {
    let said = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let said = said.trim();
    if said.is_empty() { "periplus".to_owned() } else { said.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use periplus_spec::Sheet;

    use crate::clusters::Source;
    use crate::config::Settings;
    use crate::leader::{Election, Spans};

    fn read(leader: &str) -> Result<Option<Election>, String> {
        let text = format!(
            "state: state\nintents: {{path: intents}}\ngit: {{url: fleet.git}}\nleader: {leader}\n"
        );
        let told = |wrong: Vec<periplus_spec::diagnostic::Diagnostic>| {
            wrong.into_iter().map(|one| one.message).collect::<Vec<_>>().join("; ")
        };
        let sheet = Sheet::of_text("live.yaml", &text).map_err(told)?;
        Settings::of(&sheet, Path::new("")).map(|settings| settings.leader).map_err(told)
    }

    #[test]
    fn what_is_not_said_is_as_usual() {
        let election = read("{namespace: periplus, name: hub}").unwrap().unwrap();
        assert_eq!(election.source, Source::InCluster);
        assert_eq!(election.spans, Spans::default());
        assert_eq!(election.to_string(), "lease periplus/hub");
        assert!(!election.identity.is_empty());
        let said = "{namespace: p, name: h, identity: one, leaseDuration: 30s, renewDeadline: 20s, retryPeriod: 5s}";
        let election = read(said).unwrap().unwrap();
        assert_eq!((&*election.identity, election.spans.renew), ("one", Duration::from_secs(20)));
        assert!(read("null").unwrap().is_none());
    }

    #[test]
    fn what_would_let_two_lead_is_told_with_the_rest() {
        let wrong = read("{namespace: p, name: h, renewDeadline: 15s, context: hub}").unwrap_err();
        assert!(wrong.contains("before others take over"), "{wrong}");
        assert!(wrong.contains("`hub` is a context"), "{wrong}");
        let wrong = read("{namespace: p, name: h, retryPeriod: 6s}").unwrap_err();
        assert!(wrong.contains("one failure"), "{wrong}");
        assert!(read("{namespace: p, name: h, identity: ' '}").unwrap_err().contains("is empty"));
        assert!(read("{name: h}").is_err());
    }
}

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

//! What the service of the story is told: what is declared, what is measured, and how it runs.

use std::path::Path;

const HARBOUR: &str = include_str!("../../docs/guide/voyage/harbour.yaml");

/// So many bindings may go unasked: more than do however often the service is killed.
pub(crate) const UNASKED: u32 = 1_000;

/// The harbour, quick enough for tests, where up to so many bindings may go unasked.
pub(crate) fn intents(floor: u32) -> String {
    let mut text = HARBOUR.to_owned();
    for (slow, quick) in [
        (
            "dwell: 30s, idleBelow: 500m, idleAfter: 10m",
            "dwell: 1s, idleBelow: 500m, idleAfter: 4s",
        ),
        (
            "pace: {dwell: 5m, scaleInAfter: 5m, reconsiderAfter: 5m}",
            "pace: {dwell: 5s, scaleInAfter: 5s, reconsiderAfter: 5s}\n  traffic: {drain: 3s}",
        ),
        (
            "trust: {staleAfter: 90s, lostAfter: 3m, failbackAfter: 10m}",
            "trust: {staleAfter: 15s, lostAfter: 30s, failbackAfter: 5s}",
        ),
    ] {
        assert!(text.contains(slow), "{slow}");
        text = text.replace(slow, quick);
    }
    format!("{text}  breaker: {{floor: {floor}}}\n")
}

pub(crate) fn metrics(harbour: u32, island: u32) -> String {
    format!(
        "# TYPE edge_rps gauge\nedge_rps{{app=\"shop\",zone=\"harbour\"}} {harbour}\nedge_rps{{app=\"shop\",zone=\"island\"}} {island}\n"
    )
}

/// How the service comes to the repository.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    /// The URL.
    pub(crate) url: String,
    /// Who it is there.
    pub(crate) access: String,
}

impl Way {
    /// With a token, to a web server below a certificate that only we trust.
    pub(crate) fn https(port: u16) -> Self {
        Self {
            url: format!("https://127.0.0.1:{port}/git/fleet.git"),
            access: "{user: periplus, tokenFile: git-token}".into(),
        }
    }

    /// With a key, to OpenSSH.
    pub(crate) fn ssh(url: String, key: &Path, known_hosts: &Path) -> Self {
        let (key, known_hosts) = (key.display(), known_hosts.display());
        Self { url, access: format!("{{sshKeyFile: {key}, knownHostsFile: {known_hosts}}}") }
    }
}

/// How many replicas there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replicas {
    One,
    /// They share a folder, and a lease in the cloud settles who leads.
    Several,
}

/// What agents pull from, whatever the service writes to.
pub(crate) const PULLED: &str = "https://git.example.net/fleet.git";

pub(crate) fn configuration(
    name: &str,
    prometheus: &str,
    port: u16,
    way: &Way,
    replicas: Replicas,
) -> String {
    let Way { url, access } = way;
    let leader = match replicas {
        Replicas::One => String::new(),
        Replicas::Several => format!(
            "leader:
  context: cloud
  namespace: default
  name: periplus
  identity: {name}
  leaseDuration: 15s
  renewDeadline: 10s
  retryPeriod: 500ms
"
        ),
    };
    format!(
        "state: state
mode: act
intents: {{path: intents, every: 2s}}
git:
  url: {url}
  access: {access}
  pulled: {PULLED}
  window: 500ms
  pushesPerMinute: 600
clusters:
  kubeconfig: kubeconfig
  heartbeat: 2s
  roomEvery: 1s
  patience: 20s
  reports: {{keys: keys}}
signals:
- name: edge
  every: 1s
  measures: offered
  staleAfter: 6s
  prometheus:
    url: {prometheus}
    query: edge_rps
    labels: {{app: app, zone: zone}}
api:
  listen: 127.0.0.1:{port}
  tokens: [{{name: tester, role: operate, file: token}}]
{leader}"
    )
}

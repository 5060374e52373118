//! Who of several replicas leads: one of them, by a `Lease` of Kubernetes, for as long as it can renew it.
//!
//! [`Elector::run`] waits until it leads. It takes after client-go's `leaderelection`, and differs where fencing asks for it:
//! an identity is never used twice, so every term has an epoch of its own; a lease that somebody has deleted is not taken for
//! free before the time is over that its holder thinks it has; who finds its own lease gone leads no more. The clocks of
//! machines need not agree: a lease has expired when *we* have seen no change of it for long enough (`view`), and a
//! leader counts from before it asked to renew (`term`).
//! Where replicas have folders of their own, the lease also says who has all that shows, and nobody else takes it (`marks`).
//! What must not be in here: what a leader does. What keeps an old leader out of repositories is [`periplus_git::Fence`].

mod elector;
mod hold;
mod lease;
mod marks;
mod steady;
mod term;
mod view;

use std::fmt;
use std::time::Duration;

use k8s_openapi::api::rbac::v1::PolicyRule;

pub use self::elector::{Elector, Floor};
pub use self::hold::{log_is_free, surrender};
pub use self::marks::{Board, Marks, May};
pub use self::term::{Leadership, Lost};
pub use self::view::Began;
use crate::clusters::Source;

/// Which lease is led by, and how.
#[derive(Clone, Debug)]
pub struct Election {
    /// How the cluster is reached that has the lease. The account needs what [`rules`] say.
    pub source: Source,
    /// The namespace of the lease; it must be there.
    pub namespace: String,
    /// The name of the lease; it is made if it is not there.
    pub name: String,
    /// Who we are, for people. Something that nobody else has is added.
    pub identity: String,
    /// What the terms are like.
    pub spans: Spans,
}

/// How long a term holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spans {
    /// How long others wait after the last renewal that they saw.
    pub lease: Duration,
    /// How long a leader leads without having renewed; shorter than the lease, by what it takes to stop.
    pub renew: Duration,
    /// How often is tried to take or to renew.
    pub retry: Duration,
}

impl Default for Spans {
    /// As client-go's: 15 s, 10 s, 2 s.
    fn default() -> Self {
        let (lease, renew) = (Duration::from_secs(15), Duration::from_secs(10));
        Self { lease, renew, retry: Duration::from_secs(2) }
    }
}

impl Spans {
    /// What is wrong with them: the field, what, and what would be right.
    pub(crate) fn fault(self) -> Option<(&'static str, String, &'static str)> {
        let Self { lease, renew, retry } = self;
        if renew >= lease {
            let what = format!("a leader must stop before others take over, after {lease:?}");
            Some(("renewDeadline", what, "make it shorter than `leaseDuration`, as `10s` of `15s`"))
        } else if retry * 2 > renew {
            let what = format!("one failure in {renew:?} would already end the term");
            Some(("retryPeriod", what, "make it half of `renewDeadline` at most, as `2s` of `10s`"))
        } else {
            None
        }
    }

    /// How long a leader that has lost may take to end.
    #[must_use]
    pub fn margin(self) -> Duration {
        self.lease.saturating_sub(self.renew)
    }
}

impl fmt::Display for Election {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "lease {}/{}", self.namespace, self.name)
    }
}

/// What the account that leads by the lease of this name must be allowed to do in its namespace: a role there is enough.
#[must_use]
pub fn rules(name: &str) -> Vec<PolicyRule> {
    let rule = |names: Option<Vec<String>>, verbs: &[&str]| PolicyRule {
        api_groups: Some(vec!["coordination.k8s.io".to_owned()]),
        resources: Some(vec!["leases".to_owned()]),
        resource_names: names,
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        ..PolicyRule::default()
    };
    // What is not there yet has no name that a rule could ask for.
    vec![rule(None, &["create"]), rule(Some(vec![name.to_owned()]), &["get", "update"])]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_that_would_let_two_lead_are_refused() {
        let seconds = Duration::from_secs;
        assert_eq!(Spans::default().fault(), None);
        assert_eq!(Spans::default().margin(), seconds(5));
        let equal = Spans { renew: seconds(15), ..Spans::default() };
        assert_eq!(equal.fault().unwrap().0, "renewDeadline");
        let seldom = Spans { retry: seconds(6), ..Spans::default() };
        assert_eq!(seldom.fault().unwrap().0, "retryPeriod");
    }
}

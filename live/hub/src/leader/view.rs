//! What can be told of a lease by looking at it again and again: whose it is, and since when nothing has changed.
//!
//! No time that stands in it is believed; only changes count, by our own clock.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};

/// How a term began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Began {
    /// There was no lease. Somebody may have led before it was deleted.
    Made,
    /// Who led before has said that it leads no more.
    Released,
    /// Who led before was silent for too long. It may not know yet.
    Expired,
}

/// What may be done with a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Take it.
    Take(Began),
    /// It is ours: we have taken it, and have not heard so.
    Resume,
    /// Somebody holds it, for so long at least.
    Wait { holder: String, left: Duration },
}

/// What was seen of a lease.
#[derive(Debug)]
pub(super) struct View {
    identity: String,
    /// The least time that others have.
    span: Duration,
    last: Option<LeaseSpec>,
    /// Until when it may not be taken.
    held_until: Duration,
    holder: String,
}

impl View {
    pub(super) fn new(identity: &str, span: Duration) -> Self {
        let (identity, holder) = (identity.to_owned(), "nobody".to_owned());
        Self { identity, span, last: None, held_until: Duration::ZERO, holder }
    }

    /// Looks at it at a time of our clock. It was so at that time or before.
    pub(super) fn look(&mut self, lease: Option<&Lease>, now: Duration) -> Choice {
        // A lease that somebody has deleted is still counted on by who held it.
        let Some(lease) = lease else { return self.free(Began::Made, now) };
        let spec = lease.spec.clone().unwrap_or_default();
        let Some(holder) = holder(lease) else { return Choice::Take(Began::Released) };
        if holder == self.identity {
            return Choice::Resume;
        }
        if self.last.as_ref() != Some(&spec) {
            let said = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
            let said = Duration::from_secs(said.unwrap_or(0));
            self.held_until = now.saturating_add(self.span.max(said));
            holder.clone_into(&mut self.holder);
            self.last = Some(spec);
        }
        self.free(Began::Expired, now)
    }

    fn free(&self, began: Began, now: Duration) -> Choice {
        match self.held_until.checked_sub(now).filter(|left| !left.is_zero()) {
            Some(left) => Choice::Wait { holder: self.holder.clone(), left },
            None => Choice::Take(began),
        }
    }
}

/// Who holds it, if anybody does.
pub(super) fn holder(lease: &Lease) -> Option<&str> {
    let spec = lease.spec.as_ref()?;
    spec.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    const SPAN: Duration = Duration::from_secs(15);

    fn at(second: u64) -> Duration {
        Duration::from_secs(1_000 + second)
    }

    fn lease(holder: &str, renewed_s: i64, seconds: i32) -> Lease {
        let spec = LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            renew_time: Some(MicroTime(Timestamp::from_second(renewed_s).unwrap())),
            lease_duration_seconds: Some(seconds),
            ..LeaseSpec::default()
        };
        Lease { spec: Some(spec), ..Lease::default() }
    }

    fn left(choice: &Choice) -> u64 {
        let Choice::Wait { left, .. } = choice else { unreachable!("{choice:?}") };
        left.as_secs()
    }

    #[test]
    fn only_changes_count_and_no_time_that_is_written_there() {
        let mut view = View::new("we", SPAN);
        // A clock that goes wrong by half a century says nothing.
        assert_eq!(left(&view.look(Some(&lease("a", 7, 15)), at(0))), 15);
        assert_eq!(left(&view.look(Some(&lease("a", 7, 15)), at(14))), 1);
        assert_eq!(left(&view.look(Some(&lease("a", 3, 15)), at(14))), 15);
        assert_eq!(view.look(Some(&lease("a", 3, 15)), at(29)), Choice::Take(Began::Expired));
    }

    #[test]
    fn the_longer_of_both_times_is_waited_for() {
        let mut view = View::new("we", SPAN);
        assert_eq!(left(&view.look(Some(&lease("a", 7, 60)), at(0))), 60);
        let mut view = View::new("we", SPAN);
        assert_eq!(left(&view.look(Some(&lease("a", 7, 1)), at(0))), 15);
        let mut view = View::new("we", SPAN);
        assert_eq!(left(&view.look(Some(&lease("a", 7, -1)), at(0))), 15);
    }

    #[test]
    fn what_is_released_is_free_and_what_is_deleted_is_not_at_once() {
        let mut view = View::new("we", SPAN);
        assert_eq!(view.look(None, at(0)), Choice::Take(Began::Made));
        let _ = view.look(Some(&lease("a", 7, 15)), at(1));
        assert_eq!(left(&view.look(None, at(2))), 14);
        assert_eq!(view.look(None, at(16)), Choice::Take(Began::Made));
        assert_eq!(view.look(Some(&lease("", 8, 1)), at(3)), Choice::Take(Began::Released));
        assert_eq!(view.look(Some(&Lease::default()), at(3)), Choice::Take(Began::Released));
        assert_eq!(view.look(Some(&lease("we", 8, 15)), at(3)), Choice::Resume);
    }
}

//! Explanations: every candidate's bill, line by line, and every refusal.
//!
//! A record keeps a summary. An [`Outbox`](crate::Outbox) made to explain also collects these, worked out
//! from the very problem that was solved, with everything else placed as it ended up.

use alloc::vec::Vec;

use crate::decision::{Bill, Choice, Reason};
use crate::ids::ClusterId;
use crate::units::MicrosRtt;

/// The full reasons of one decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The decision, by its place in the record.
    pub decision: usize,
    /// Every cluster that was looked at, nearest first.
    pub candidates: Vec<Candidate>,
}

/// One cluster that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The cluster.
    pub cluster: ClusterId,
    /// How far it is.
    pub rtt: MicrosRtt,
    /// What serving all of the flow there would cost, or why it cannot.
    pub outcome: Result<Bill, Reason>,
}

impl Candidate {
    /// The candidate as a choice, if it can serve.
    #[must_use]
    pub fn choice(&self) -> Option<Choice> {
        let bill = self.outcome.as_ref().ok()?;
        Some(Choice { cluster: self.cluster, total: bill.total() })
    }
}

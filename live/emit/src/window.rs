//! Windows: what changed is gathered for a while and becomes one draft of a commit.
//!
//! The first change opens a window. The first record at or after its end closes it: the draft holds everything up to
//! and with the records of that time, so that it is just what rendering that instant gives. Nothing changed, no draft.

use periplus_core::digest::Digest;
use periplus_core::ids::Seq;
use periplus_core::units::{Span, Tick};
use periplus_core::{RecordRef, State};

use crate::files::Change;
use crate::follow::Follower;
use crate::render::Problem;

/// What is to be committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The instant that it brings the tree to.
    pub at: Tick,
    /// The last record that is in it.
    pub seq: Seq,
    /// The newest digest of a state that the log knew by then, and after which record.
    pub digest: Option<(Seq, Digest)>,
    /// Records that asked for what is in it, ascending.
    pub decisions: Vec<Seq>,
    /// What becomes of the files.
    pub change: Change,
}

/// Gathers what records change into drafts.
#[derive(Debug)]
pub struct Windows {
    follower: Follower,
    window: Span,
    /// When the open window ends.
    due: Option<Tick>,
    /// The draft of a window that has ended, until its time has passed.
    closed: Option<Draft>,
    decisions: Vec<Seq>,
    digest: Option<(Seq, Digest)>,
    last: (Tick, Seq),
}

impl Windows {
    /// Gathers what a follower finds for at least as long as `window`.
    #[must_use]
    pub fn new(follower: Follower, window: Span) -> Self {
        Self {
            follower,
            window,
            due: None,
            closed: None,
            decisions: Vec::new(),
            digest: None,
            last: (Tick::ZERO, Seq(0)),
        }
    }

    /// What stands in the tree once everything that was drafted is committed.
    #[must_use]
    pub fn follower(&self) -> &Follower {
        &self.follower
    }

    /// Takes a record and the state that it led to. Gives the draft of a window that is over.
    ///
    /// # Errors
    /// Something cannot be rendered.
    pub fn accept(
        &mut self,
        record: &RecordRef<'_>,
        state: &State,
    ) -> Result<Option<Draft>, Problem> {
        let over = self.closed.take_if(|draft| draft.at < record.at);
        self.follower.note(record);
        self.last = (record.at, record.seq);
        if !record.effects.is_empty() {
            self.decisions.push(record.seq);
        }
        if let Some(digest) = record.digest {
            self.digest = Some((record.seq, digest));
        }
        if self.follower.is_stirred() {
            let due = *self.due.get_or_insert(record.at.after(self.window));
            if due <= record.at || self.closed.is_some() {
                self.close(state)?;
            }
        }
        if let Some(closed) = &mut self.closed {
            closed.seq = record.seq;
            closed.digest = self.digest;
        }
        Ok(over)
    }

    /// What is left when there are no more records.
    ///
    /// # Errors
    /// Something cannot be rendered.
    pub fn finish(&mut self, state: &State) -> Result<Option<Draft>, Problem> {
        if self.follower.is_stirred() {
            self.close(state)?;
        }
        Ok(self.closed.take())
    }

    fn close(&mut self, state: &State) -> Result<(), Problem> {
        self.due = None;
        let change = self.follower.take(state)?;
        if change.is_empty() && self.closed.is_none() {
            self.decisions.clear();
            return Ok(());
        }
        let (at, seq) = self.last;
        let empty =
            || Draft { at, seq, digest: None, decisions: Vec::new(), change: Change::new() };
        let draft = self.closed.get_or_insert_with(empty);
        draft.change.extend(change);
        draft.decisions.append(&mut self.decisions);
        draft.seq = seq;
        draft.digest = self.digest;
        Ok(())
    }
}

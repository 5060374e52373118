//! Replay: a log is gone through again, and where it differs it says so.
//!
//! *Folding* trusts the recorded events and gives the state. *Verifying* trusts only the inputs: `step` runs
//! again and everything that it gives must equal what was recorded.

use alloc::format;
use alloc::string::String;
use core::fmt::Debug;

use thiserror::Error;

use crate::ids::Seq;
use crate::record::Record;
use crate::state::State;
use crate::step::{Outbox, step};

/// Where a log differs from what this machine gives, or from itself.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("record {} differs in {what}: expected {expected}, got {got}", seq.0)]
pub struct Divergence {
    /// The record.
    pub seq: Seq,
    /// Which part of it.
    pub what: &'static str,
    /// What the log says.
    pub expected: String,
    /// What came out.
    pub got: String,
}

impl State {
    /// Steps again over a recorded input and compares what follows with what was recorded.
    ///
    /// # Errors
    /// The first difference. The state has then followed the step, not the record.
    pub fn verify(&mut self, record: &Record, out: &mut Outbox) -> Result<(), Divergence> {
        let seq = self.seq();
        let differs = |what, expected: &dyn Debug, got: &dyn Debug| Divergence {
            seq,
            what,
            expected: format!("{expected:?}"),
            got: format!("{got:?}"),
        };
        if record.seq != seq {
            return Err(differs("position", &seq, &record.seq));
        }
        if let Err(backwards) = step(self, record.at, &record.input, out) {
            return Err(differs("time", &backwards.at, &backwards.last));
        }
        compare("event", &record.events, &out.events, &differs)?;
        compare("effect", &record.effects, &out.effects, &differs)?;
        compare("decision", &record.decisions, &out.decisions, &differs)?;
        if record.digest != out.digest {
            return Err(differs("digest", &record.digest, &out.digest));
        }
        Ok(())
    }

    /// Folds a record like [`fold`](Self::fold), and compares its position and digest.
    ///
    /// # Errors
    /// The first difference.
    pub fn fold_checked(&mut self, record: &Record) -> Result<(), Divergence> {
        let seq = self.seq();
        let differs = |what, expected: &dyn Debug, got: &dyn Debug| Divergence {
            seq,
            what,
            expected: format!("{expected:?}"),
            got: format!("{got:?}"),
        };
        if record.seq != seq {
            return Err(differs("position", &seq, &record.seq));
        }
        if record.at < self.at() {
            return Err(differs("time", &self.at(), &record.at));
        }
        self.fold(record);
        match record.digest.map(|digest| (digest, self.digest())) {
            Some((expected, got)) if expected != got => Err(differs("digest", &expected, &got)),
            _ => Ok(()),
        }
    }
}

/// Names the first entry in which two lists differ.
fn compare<T: PartialEq + Debug>(
    what: &'static str,
    expected: &[T],
    got: &[T],
    differs: &dyn Fn(&'static str, &dyn Debug, &dyn Debug) -> Divergence,
) -> Result<(), Divergence> {
    if expected == got {
        return Ok(());
    }
    let both = expected.iter().zip(got);
    let same = both.take_while(|(expected, got)| expected == got).count();
    let entry = |list: &[T]| match list.get(same) {
        Some(entry) => format!("#{same} {entry:?}"),
        None => format!("no #{same}"),
    };
    let (expected, got) = (entry(expected), entry(got));
    Err(differs(what, &format_args!("{expected}"), &format_args!("{got}")))
}

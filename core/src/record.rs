//! Records: what one step took and gave, as it stands in the log.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::error::Error;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::decision::Decision;
use crate::digest::Digest;
use crate::effect::Issued;
use crate::event::Event;
use crate::ids::Seq;
use crate::input::Input;
use crate::state::State;
use crate::units::Tick;

/// The version of the log's format. Logs of every released format fold for ever.
pub const FORMAT_VERSION: u16 = 1;

/// The version of the decider: grows whenever the same inputs may lead to another decision.
pub const DECIDER_VERSION: u16 = 1;

/// What one step took and gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its position in the log.
    pub seq: Seq,
    /// When we learned of the input.
    pub at: Tick,
    /// The input.
    pub input: Input,
    /// The facts that followed.
    pub events: Vec<Event>,
    /// The effects that were asked for.
    pub effects: Vec<Issued>,
    /// Why.
    pub decisions: Vec<Decision>,
    /// The state's digest after this record, on every so many records.
    pub digest: Option<Digest>,
}

/// A record that is still where the step left it. Encodes to the same bytes as a [`Record`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each field is the `Record` field of the same name")]
pub struct RecordRef<'a> {
    pub seq: Seq,
    pub at: Tick,
    pub input: &'a Input,
    pub events: &'a [Event],
    pub effects: &'a [Issued],
    pub decisions: &'a [Decision],
    pub digest: Option<Digest>,
}

/// What takes records in the order in which they were made: a journal, a writer to git, a narrator.
pub trait Sink {
    /// Takes one record; `state` is what it led to.
    ///
    /// # Errors
    /// [`SinkFault`] if the environment failed; the run stops.
    fn accept(&mut self, record: &RecordRef<'_>, state: &State) -> Result<(), SinkFault>;
}

/// The environment failed a sink.
#[derive(Debug)]
pub struct SinkFault(pub Box<dyn Error + Send + Sync>);

impl Record {
    /// This record, borrowed.
    #[must_use]
    pub fn as_ref(&self) -> RecordRef<'_> {
        let Self { seq, at, input, events, effects, decisions, digest } = self;
        RecordRef { seq: *seq, at: *at, input, events, effects, decisions, digest: *digest }
    }
}

impl RecordRef<'_> {
    /// This record, owned.
    #[must_use]
    pub fn to_record(&self) -> Record {
        let Self { seq, at, input, events, effects, decisions, digest } = *self;
        Record {
            seq,
            at,
            input: input.clone(),
            events: events.to_vec(),
            effects: effects.to_vec(),
            decisions: decisions.to_vec(),
            digest,
        }
    }
}

/// Takes nothing in.
impl Sink for () {
    fn accept(&mut self, _: &RecordRef<'_>, _: &State) -> Result<(), SinkFault> {
        Ok(())
    }
}

/// Takes everything in, one after the other.
impl<A: Sink, B: Sink> Sink for (A, B) {
    fn accept(&mut self, record: &RecordRef<'_>, state: &State) -> Result<(), SinkFault> {
        self.0.accept(record, state)?;
        self.1.accept(record, state)
    }
}

impl<S: Sink + ?Sized> Sink for &mut S {
    fn accept(&mut self, record: &RecordRef<'_>, state: &State) -> Result<(), SinkFault> {
        (**self).accept(record, state)
    }
}

/// Keeps every record.
impl Sink for Vec<Record> {
    fn accept(&mut self, record: &RecordRef<'_>, _: &State) -> Result<(), SinkFault> {
        self.push(record.to_record());
        Ok(())
    }
}

impl fmt::Display for SinkFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a record could not be kept")
    }
}

impl Error for SinkFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.0.as_ref())
    }
}

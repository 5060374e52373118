//! `step`: the only function that decides.
//!
//! Takes an input apart into facts, plans what they touched, and moves on whatever can move. Each file
//! beside this one takes one family of inputs; `decide` plans; `progress` moves on.

mod adopt;
mod command;
mod demand;
mod observation;
mod readiness;
mod report;
mod timer;
mod work;

use alloc::vec::Vec;

use thiserror::Error;

pub(crate) use self::work::{Work, take_sorted};

use crate::decide::{self, Scratch};
use crate::decision::{Decision, Trigger};
use crate::digest::Digest;
use crate::effect::{Alert, EffectKey, Issued};
use crate::event::Event;
use crate::explain::Explained;
use crate::ids::Seq;
use crate::input::Input;
use crate::progress;
use crate::record::RecordRef;
use crate::state::State;
use crate::units::Tick;

/// After every so many records the state's digest stands in the log.
pub const DIGEST_EVERY: u64 = 1_024;

/// What a step gives. Reused from step to step, so that the steady state allocates nothing.
#[derive(Debug, Default)]
pub struct Outbox {
    /// The facts that followed, in order.
    pub events: Vec<Event>,
    /// What the shell must do, in order.
    pub effects: Vec<Issued>,
    /// Why.
    pub decisions: Vec<Decision>,
    /// The state's digest, after every [`DIGEST_EVERY`]th record.
    pub digest: Option<Digest>,
    /// The full bills, if this outbox was made to [explain](Self::explaining).
    pub explained: Option<Vec<Explained>>,
    seq: Seq,
    at: Tick,
    work: Work,
    scratch: Scratch,
}

/// Time went backwards. The state has not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("time went backwards: the last record was made at {last}, this input came at {at}")]
pub struct TickBackwards {
    /// When the last record was made.
    pub last: Tick,
    /// When the input came.
    pub at: Tick,
}

/// Takes `input` at `at` and decides: changes `state` and fills `out`.
///
/// # Errors
/// [`TickBackwards`] if `at` is before the last record; nothing has changed then.
pub fn step(
    state: &mut State,
    at: Tick,
    input: &Input,
    out: &mut Outbox,
) -> Result<(), TickBackwards> {
    if at < state.at() {
        return Err(TickBackwards { last: state.at(), at });
    }
    out.clear(state.seq(), at);
    let mut work = core::mem::take(&mut out.work);
    let mut scratch = core::mem::take(&mut out.scratch);
    let mut step = Step { state, at, input, out, work: &mut work };
    let trigger = match input {
        Input::Observation(observation) => step.observe(observation),
        Input::Command(command) => step.command(command),
        Input::Report(report) => step.report(*report),
        Input::Timer(fired) => step.fire(*fired),
    };
    step.look_around();
    decide::decide(&mut step, trigger, &mut scratch);
    progress::progress(&mut step, &mut scratch);
    assert!(work.is_done(), "a step leaves no work behind");
    state.advance(at);
    out.work = work;
    out.scratch = scratch;
    if state.seq().0.is_multiple_of(DIGEST_EVERY) {
        out.digest = Some(state.digest());
    }
    Ok(())
}

/// One step on its way.
pub(crate) struct Step<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) at: Tick,
    pub(crate) input: &'a Input,
    pub(crate) out: &'a mut Outbox,
    pub(crate) work: &'a mut Work,
}

impl Step<'_> {
    /// Sees who has fallen silent and who is no longer needed, before anything is planned.
    fn look_around(&mut self) {
        if core::mem::take(&mut self.work.silence) {
            self.see_silence();
            // What it did may have set it again; the clusters have been looked at.
            self.work.silence = false;
        }
        if core::mem::take(&mut self.work.releases) {
            self.release();
        }
    }

    /// States a fact: the state follows it, and the record will hold it.
    pub(crate) fn emit(&mut self, event: Event) {
        self.state.apply(self.at, self.input, &event);
        self.out.events.push(event);
    }

    /// Asks for an effect. `fact` makes the event that puts the effect under its key into the state.
    pub(crate) fn issue(&mut self, fact: impl FnOnce(EffectKey) -> Event) {
        let ordinal = u32::try_from(self.out.effects.len()).expect("effects are counted by u32");
        let key = EffectKey { seq: self.state.seq(), ordinal };
        self.emit(fact(key));
        let effect = self.state.outstanding[&key].effect.clone();
        self.out.effects.push(Issued { key, effect });
    }

    pub(crate) fn alert(&mut self, alert: Alert) {
        self.issue(|key| Event::AlertIssued { key, alert });
    }
}

impl Outbox {
    /// An outbox that also collects the full bills of every decision.
    #[must_use]
    pub fn explaining() -> Self {
        Self { explained: Some(Vec::new()), ..Self::default() }
    }

    /// The record of the last step, which took `input`.
    #[must_use]
    pub fn record<'a>(&'a self, input: &'a Input) -> RecordRef<'a> {
        RecordRef {
            seq: self.seq,
            at: self.at,
            input,
            events: &self.events,
            effects: &self.effects,
            decisions: &self.decisions,
            digest: self.digest,
        }
    }

    fn clear(&mut self, seq: Seq, at: Tick) {
        self.events.clear();
        self.effects.clear();
        self.decisions.clear();
        self.digest = None;
        if let Some(explained) = &mut self.explained {
            explained.clear();
        }
        self.seq = seq;
        self.at = at;
    }
}

impl Trigger {
    /// The trigger of an input that changed nothing worth planning for.
    pub(crate) const NOTHING: Self = Self::Timer;
}

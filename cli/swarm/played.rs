//! A voyage's log, played with nothing changed: it must come out again, record by record.

use periplus_core::record::SinkFault;
use periplus_core::units::Tick;
use periplus_core::{Record, RecordRef, Sink, State};
use periplus_sim::{Fork, Past, Twins, rerun};
use periplus_spec::scenario::Scenario;

/// The record from which on a log comes out otherwise, and how.
///
/// A log that does not begin as its scenario does (a hub died over its first commands) cannot be played.
pub(super) fn differs(scenario: &Scenario, log: &[Record]) -> Option<(Tick, String)> {
    let begins = scenario.setup.iter().zip(log).all(|(told, record)| *told == record.input);
    if !begins {
        return None;
    }
    let mut past = Past::new(scenario);
    let mut state = State::default();
    for record in log {
        state.fold(record);
        past.read(&record.as_ref(), &state);
    }
    past.finish();
    let fork = Fork::new(&past, scenario, scenario, Tick::ZERO);
    let mut again = Again { log: log.iter(), other: None };
    let tape = Box::new(log.iter().cloned().map(Ok));
    let run = rerun(&fork, &past, tape, Twins::Followed, &mut again, &mut ());
    if let Some(other) = again.other {
        return Some(other);
    }
    if let Err(fault) = run {
        return Some((state.at(), fault.to_string()));
    }
    let missing = again.log.next()?;
    Some((missing.at, format!("it ends before record {}", missing.seq.0)))
}

/// Compares records with those of a log.
struct Again<'a> {
    log: std::slice::Iter<'a, Record>,
    other: Option<(Tick, String)>,
}

impl Sink for Again<'_> {
    fn accept(&mut self, record: &RecordRef<'_>, _: &State) -> Result<(), SinkFault> {
        let recorded = self.log.next();
        if recorded.is_none_or(|recorded| recorded.as_ref() != *record) && self.other.is_none() {
            let was = recorded.map(|recorded| (recorded.at, &recorded.input));
            let found = format!("{:?} came at {} instead of {was:?}", record.input, record.at);
            self.other = Some((record.at, found));
        }
        Ok(())
    }
}

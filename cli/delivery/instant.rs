//! An instant of a run: what was declared, and the state that it came to.

use std::path::Path;

use periplus_core::ids::Seq;
use periplus_core::units::Tick;
use periplus_core::{Record, RecordRef, Sink, SinkFault, State};
use periplus_sim::run as simulate;
use periplus_spec::scenario::Scenario;

use crate::failure::Failure;
use crate::opened::{self, LOG};
use crate::sources;
use crate::time::Moment;

/// An instant of a run.
pub(crate) struct Instant {
    pub(crate) scenario: Scenario,
    pub(crate) state: State,
}

/// What can be asked for instants: a scenario that is run, or a run that was kept.
pub(crate) enum Source<'p> {
    /// A scenario's file.
    Scenario(&'p Path),
    /// A log's folder.
    Log(Box<Path>),
}

impl<'p> Source<'p> {
    /// What is meant by a path: a file is a scenario, a folder is a run or a log.
    pub(crate) fn of(path: &'p Path) -> Self {
        let inside = path.join(LOG);
        if inside.is_dir() {
            Self::Log(inside.into())
        } else if path.is_dir() {
            Self::Log(path.into())
        } else {
            Self::Scenario(path)
        }
    }

    /// The state after the last record up to `at`; after the last one of all where it is not given.
    ///
    /// # Errors
    /// The scenario is wrong, or the log cannot be read or does not carry what it was made from.
    pub(crate) fn at(&self, at: Option<Moment>) -> Result<Instant, Failure> {
        match self {
            Self::Scenario(path) => {
                let scenario = periplus_spec::load(path).map_err(Failure::Files)?.scenario;
                let until = at.map(|at| at.tick(scenario.epoch_unix_ms));
                let mut folded = Folded { state: State::default(), until };
                simulate(&scenario, &mut folded, &mut ())?;
                Ok(Instant { scenario, state: folded.state })
            }
            Self::Log(log) => {
                let reader = opened::log(log)?;
                let sources = sources::of(log)?;
                let loaded = periplus_spec::load(&sources.scenario).map_err(Failure::Files)?;
                let scenario = loaded.scenario;
                sources.require(log, reader.header().scenario, &scenario)?;
                let until = at.map(|at| at.tick(reader.header().epoch_unix_ms));
                let (mut state, records) = opened::kept(&reader)?;
                if until.is_some_and(|until| state.seq() > Seq(0) && until < state.at()) {
                    return Err(Failure::Usage {
                        message: format!(
                            "{} no longer keeps what was before {}",
                            log.display(),
                            state.at()
                        ),
                        hint: "name a later time with `--at`".into(),
                    });
                }
                for record in records {
                    let record: Record = record?;
                    if until.is_some_and(|until| record.at > until) {
                        break;
                    }
                    state.fold(&record);
                }
                Ok(Instant { scenario, state })
            }
        }
    }
}

/// Folds records up to an instant.
struct Folded {
    state: State,
    until: Option<Tick>,
}

impl Sink for Folded {
    fn accept(&mut self, record: &RecordRef<'_>, _: &State) -> Result<(), SinkFault> {
        if self.until.is_none_or(|until| record.at <= until) {
            self.state.fold(&record.to_record());
        }
        Ok(())
    }
}

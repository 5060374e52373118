//! What was recorded: a log, and what another run needs to begin as it does.

use std::path::{Path, PathBuf};

use periplus_core::units::Tick;
use periplus_core::{Sink, SinkFault};
use periplus_journal::Reader;
use periplus_sim::{Fork, Outcome, Past, Tape, Twins, Watch, rerun};
use periplus_spec::scenario::Scenario;
use periplus_spec::{Forked, Setting};

use crate::failure::Failure;
use crate::opened;
use crate::sources::{self, Sources};
use crate::time::Moment;

/// A log, and what it says.
pub(crate) struct Recorded {
    pub(crate) log: PathBuf,
    pub(crate) reader: Reader,
    pub(crate) past: Past,
    /// The file that it was made from, and what that says.
    pub(crate) path: PathBuf,
    /// Files that are there for as long as this.
    _kept: Option<Sources>,
    pub(crate) before: Scenario,
    /// From when on variants go another way.
    pub(crate) from: Tick,
    /// When the records begin that are kept.
    pub(crate) begins: Tick,
    /// What stands for all of its records.
    digest: String,
}

impl Recorded {
    /// Reads a log, and the scenario that it was made from: the one that it carries, unless another file is named.
    ///
    /// # Errors
    /// The log cannot be read, or was not made from that scenario.
    pub(crate) fn open(
        log: &Path,
        scenario: Option<&Path>,
        from: Option<Moment>,
    ) -> Result<Self, Failure> {
        let reader = opened::log(log)?;
        let kept = if scenario.is_none() { Some(sources::of(log)?) } else { None };
        let path = scenario.or(kept.as_ref().map(|kept| &*kept.scenario));
        let path = path.expect("one of them is there").to_owned();
        let mut before = periplus_spec::load(&path).map_err(Failure::Files)?.scenario;
        let hash = reader.header().scenario;
        match &kept {
            Some(kept) => {
                kept.require(log, hash, &before)?;
                before.seed = kept.seed;
            }
            None => sources::require(log, hash, &path, &before)?,
        }
        let mut past = Past::new(&before);
        let (mut state, records) = opened::kept(&reader)?;
        let began = state.seq().0;
        let begins = if began == 0 { Tick::ZERO } else { state.at() };
        past.begin(&state);
        for record in records {
            let record = record?;
            let place = usize::try_from(record.seq.0).unwrap_or(usize::MAX);
            if before.setup.get(place).is_some_and(|told| *told != record.input) {
                return Err(Failure::Usage {
                    message: format!(
                        "{} begins otherwise than {} says, at record {place}",
                        log.display(),
                        path.display()
                    ),
                    hint: "it was written by another release; take the release that wrote it"
                        .into(),
                });
            }
            state.fold(&record);
            past.read(&record.as_ref(), &state);
        }
        past.finish();
        let from = from.map_or(begins, |from| from.tick(reader.header().epoch_unix_ms));
        if from < begins {
            return Err(Failure::Usage {
                message: format!("{} no longer keeps what was before {begins}", log.display()),
                hint: "name a later time with `--from`".into(),
            });
        }
        if from > past.end() {
            return Err(Failure::Usage {
                message: format!("{} ends at {}, before {from}", log.display(), past.end()),
                hint: "name an earlier time with `--from`".into(),
            });
        }
        let digest = state.digest().to_string();
        Ok(Self {
            log: log.to_owned(),
            reader,
            past,
            path,
            _kept: kept,
            before,
            from,
            begins,
            digest,
        })
    }

    /// What the log becomes if settings take effect at the time that was named, and what stands for that.
    ///
    /// # Errors
    /// A setting is wrong, or says what holds before anything is recorded.
    pub(crate) fn fork(&self, settings: &[Setting]) -> Result<(Fork, String), Failure> {
        let forked = periplus_spec::load_forked(&self.path, settings, self.from);
        let Forked { mut after, .. } = forked.map_err(Failure::Files)?;
        if after.scenario.setup != self.before.setup {
            return Err(Failure::Usage {
                message: format!(
                    "{} changes how a log begins, which cannot be otherwise any more",
                    settings.iter().map(Setting::text).collect::<Vec<_>>().join(", ")
                ),
                hint: "set it for the scenario instead of for the log".into(),
            });
        }
        after.scenario.seed = self.before.seed;
        let fork = Fork::new(&self.past, &self.before, &after.scenario, self.from);
        Ok((fork, format!("{:032x}.{}", after.scenario.hash, self.digest)))
    }

    /// Runs what a log becomes.
    ///
    /// # Errors
    /// The log cannot be read any more.
    pub(crate) fn run<S: Sink + ?Sized>(
        &self,
        fork: &Fork,
        twins: Twins,
        sink: &mut S,
        watcher: &mut dyn Watch,
    ) -> Result<Outcome, Failure> {
        Ok(rerun(fork, &self.past, self.tape(), twins, sink, watcher)?)
    }

    fn tape(&self) -> Tape<'_> {
        let records = self.reader.records();
        Box::new(records.map(|record| record.map_err(|fault| SinkFault(Box::new(fault)))))
    }

    /// The log's name for people.
    pub(crate) fn name(&self) -> String {
        self.log.display().to_string()
    }
}

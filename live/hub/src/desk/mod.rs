//! The desk: the one place where what comes from outside becomes records.
//!
//! A [turn](Desk::turn) takes in what has arrived, one after the other: [`step`], the journal, the [`Tray`]. Then it waits for
//! the disk, and only then is anything of it sent. Nothing here waits for a network, and nothing else touches the state.

mod counts;
mod fault;
mod names;
mod past;
mod sources;
mod translate;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use periplus_core::ids::Seq;
use periplus_core::input::{Command, EffectReport, Observation, Outcome, TimerFired};
use periplus_core::units::{Span, Tick};
use periplus_core::{Input, Outbox, RecordRef, Sink, State, step};
use periplus_emit::check::problems;
use periplus_emit::{Follower, Problem, Renderer};
use periplus_git::{Line, TargetId};
use periplus_journal::{Header, Keeper, Writer};
use periplus_spec::Bundle;
use periplus_spec::code::Code;
use periplus_spec::diagnostic::Diagnostic;
use periplus_spec::scenario::Delivery;

pub use self::counts::Counts;
pub use self::fault::DeskFault;
use self::names::Names;
use self::past::told_at;
pub(crate) use self::past::{identity, log_options, state_of};
use self::sources::Sources;
use crate::delivery::{Direct, Parcel, Part, Routes, Targets, Tray};
use crate::intents::{Intents, IntentsFile, Told};
use crate::sighting::{Sight, Sighting};

/// The one place where what comes from outside becomes records.
#[derive(Debug)]
pub struct Desk {
    state: State,
    out: Outbox,
    journal: Writer,
    tray: Tray,
    names: Names,
    sources: Sources,
    intents: Intents,
    kept: IntentsFile,
    routes: Routes,
    targets: Targets,
    direct: Direct,
    narrator: Box<dyn Narrator>,
    epoch_unix_ms: i64,
    counts: Counts,
    kept_as: Kept,
    /// When what is on its way was sent.
    sent: BTreeMap<TargetId, Instant>,
}

/// Who tells people what happens, for commits' messages.
pub trait Narrator: fmt::Debug + Send {
    /// Hears of a record, and of the state that it led to.
    fn hear(&mut self, record: &RecordRef<'_>, state: &State);
    /// What happened since this was asked last.
    fn lines(&mut self) -> Vec<Line>;
}

/// Tells nothing.
impl Narrator for () {
    fn hear(&mut self, _: &RecordRef<'_>, _: &State) {}
    fn lines(&mut self) -> Vec<Line> {
        Vec::new()
    }
}

/// Which files stand beside the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// How often what is declared was kept.
    pub(crate) declared: u64,
    /// What is declared goes with a log of so many records or more: they hold all of the changes before the last one.
    pub(crate) from: Seq,
    /// How many sources have a number.
    pub(crate) sources: usize,
}

/// So many timers may fire at one time.
const TIMERS_AT_ONCE_MAX: u32 = 100_000;

/// What a desk is opened with besides its folder.
#[derive(Debug)]
pub struct Setup {
    /// What is declared, for a first start; later ones know it.
    pub intents: Option<Intents>,
    /// How what is written gets to repositories.
    pub routes: Routes,
    /// How long changes are gathered before they are written.
    pub window: Span,
    /// Who tells people what happens.
    pub narrator: Box<dyn Narrator>,
    /// What made the log, for people.
    pub made_by: String,
}

/// The folder of the log in that of the service.
const LOG: &str = "live.log";

impl Desk {
    /// The folder of the log in the folder of a service.
    #[must_use]
    pub fn log(folder: &Path) -> PathBuf {
        folder.join(LOG)
    }

    /// Whether a desk was ever opened in a folder.
    #[must_use]
    pub fn has_begun(folder: &Path) -> bool {
        Self::log(folder).is_dir()
    }

    /// Opens the desk in a folder, at its first start or after a stop or a crash.
    ///
    /// # Errors
    /// The log or the file of intents cannot be used.
    pub fn open(folder: &Path, setup: Setup, now_unix_ms: i64) -> Result<Self, DeskFault> {
        let kept = IntentsFile::below(folder);
        let log = Self::log(folder);
        let options = log_options();
        let Setup { intents, routes, window, narrator, made_by } = setup;
        let known = kept.read()?;
        let (journal, state, intents) = match known {
            // The file is written before the log begins.
            Some(intents) if Self::has_begun(folder) => {
                let (journal, _) = Writer::open(&log, options)?;
                (journal, state_of(&log)?, intents)
            }
            Some(_) | None => {
                let intents =
                    intents.ok_or_else(|| DeskFault::NothingDeclared(folder.to_owned()))?;
                if let Some(problem) = unfit(&intents).into_iter().next() {
                    return Err(problem.into());
                }
                kept.write(&intents)?;
                let epoch = intents.scenario().epoch_unix_ms;
                let header = Header::new(intents.scenario().hash, epoch, &made_by);
                (Writer::create(&log, header, options)?, State::default(), intents)
            }
        };
        let sources = Sources::open(folder)
            .map_err(|error| DeskFault::Sources { path: folder.join(sources::FILE), error })?;
        let epoch_unix_ms = intents.scenario().epoch_unix_ms;
        let renderer = Renderer::new(intents.delivery(), &routes.pulled);
        let targets = routes.targets(intents.delivery())?;
        let tray = Tray::new(Follower::new(renderer), targets.divider.clone(), window);
        let kept_as = Kept { declared: 0, from: state.seq(), sources: 0 };
        let mut desk = Self {
            state,
            out: Outbox::default(),
            journal,
            tray,
            names: Names::default(),
            sources,
            intents,
            kept,
            routes,
            targets,
            direct: Direct::default(),
            narrator,
            epoch_unix_ms,
            counts: Counts::default(),
            kept_as,
            sent: BTreeMap::new(),
        };
        desk.catch_up(&log)?;
        desk.names.read(&desk.state);
        let at = desk.tick(now_unix_ms);
        desk.tray.resume(&desk.state, at);
        desk.journal.sync()?;
        Ok(desk)
    }

    /// Tells the machine what it was not told any more of the last change before the desk stopped.
    fn catch_up(&mut self, log: &Path) -> Result<(), DeskFault> {
        let Told { at, inputs, .. } = self.intents.last();
        if at < self.state.at() {
            return Ok(());
        }
        let first = self.state.seq() == Seq(0);
        let told = if first || at > self.state.at() { 0 } else { told_at(log, at, &inputs)? };
        for input in &inputs[told..] {
            self.take_in(at, input)?;
        }
        Ok(())
    }

    /// Somebody else tells people what happens from now on.
    pub fn set_narrator(&mut self, narrator: Box<dyn Narrator>) {
        self.narrator = narrator;
    }

    /// These clusters are applied to directly from now on, besides what is written for them. Gives what is declared of them
    /// that an API server cannot do.
    #[must_use]
    pub fn apply_to(&mut self, direct: Direct) -> Vec<String> {
        let wrong = direct.contradictions(self.intents.delivery());
        self.tray.apply_to(direct.clone());
        self.direct = direct;
        wrong
    }

    /// Takes in what is declared now. Gives what changed, for people.
    ///
    /// # Errors
    /// The outer error ends the desk; the inner one says what is wrong with what was declared, and nothing has changed.
    pub fn declare(
        &mut self,
        declared: Bundle,
        now_unix_ms: i64,
    ) -> Result<Result<Vec<String>, Vec<Diagnostic>>, DeskFault> {
        // No other input has its time, so that a restart can tell whether all of it was told.
        let at = self.tick(now_unix_ms).max(self.state.at().after(Span(1)));
        let (intents, told) = match self.intents.change(declared, at) {
            Ok(Some(changed)) => changed,
            Ok(None) => return Ok(Ok(Vec::new())),
            Err(wrong) => return Ok(Err(wrong)),
        };
        let wrong = |told: String| Diagnostic::error(Code::Undeliverable, told);
        // What cannot be written must not be decided on: it would stop everything else.
        let problems = unfit(&intents);
        let contradictions = self.direct.contradictions(intents.delivery());
        if !problems.is_empty() || !contradictions.is_empty() {
            let all = problems.iter().map(ToString::to_string).chain(contradictions);
            return Ok(Err(all.map(wrong).collect()));
        }
        let targets = match self.routes.targets(intents.delivery()) {
            Ok(targets) => targets,
            Err(unnamed) => return Ok(Err(vec![wrong(unnamed.to_string())])),
        };
        // Of all changes that the file has, only the last may not be in the log.
        self.journal.sync()?;
        self.kept.write(&intents)?;
        self.kept_as.declared += 1;
        self.kept_as.from = self.state.seq();
        self.intents = intents;
        let renderer = Renderer::new(self.intents.delivery(), &self.routes.pulled);
        self.tray.renew(renderer, targets.divider.clone());
        self.targets = targets;
        for input in &told.inputs {
            self.take_in(at, input)?;
        }
        self.names.read(&self.state);
        Ok(Ok(told.changes))
    }

    /// Takes in what was seen.
    ///
    /// # Errors
    /// The desk cannot go on.
    pub fn see(&mut self, sighting: &Sighting, now_unix_ms: i64) -> Result<(), DeskFault> {
        let at = self.tick(now_unix_ms);
        // What claims to be from the future was seen now at the latest.
        let as_of = self.ticks(sighting.as_of_unix_ms).min(at);
        let mut numbered = None;
        if let Sight::Demand { source, .. } = &sighting.sight {
            let path = self.sources.file().to_owned();
            let given = self.sources.number(source);
            numbered = given.map_err(|error| DeskFault::Sources { path, error })?;
        }
        let extended = &self.intents.scenario().fleet.extended;
        let (sight, names) = (&sighting.sight, &self.names);
        let translated = translate::translate(sight, as_of, names, numbered, extended, &self.state);
        self.counts.unknown += translated.unknown as u64;
        for Observation { as_of, sight } in translated.observations {
            self.take_in(at, &Input::Observation(Observation { as_of, sight }))?;
        }
        Ok(())
    }

    /// Takes in a command.
    ///
    /// # Errors
    /// The desk cannot go on.
    pub fn command(&mut self, command: Command, now_unix_ms: i64) -> Result<(), DeskFault> {
        let at = self.tick(now_unix_ms);
        self.take_in(at, &Input::Command(command))
    }

    /// Takes in how a repository answered.
    ///
    /// # Errors
    /// The desk cannot go on.
    pub fn settle(
        &mut self,
        target: &TargetId,
        outcome: Outcome,
        now_unix_ms: i64,
    ) -> Result<(), DeskFault> {
        if let Some(sent) = self.sent.remove(target) {
            let (count, time) = match Part::of(target) {
                None => (&mut self.counts.pushes, &mut self.counts.pushing),
                Some(_) => (&mut self.counts.applies, &mut self.counts.applying),
            };
            *count += 1;
            *time += sent.elapsed();
        }
        let at = self.tick(now_unix_ms);
        let reports = self.tray.settle(target, outcome, at);
        self.report(at, reports)
    }

    /// Ends a turn: timers that are due fire, a window that is over is closed, and the disk has everything. Gives what may
    /// be sent now. While an operator stopped everything, nothing is.
    ///
    /// # Errors
    /// The desk cannot go on.
    pub fn turn(&mut self, now_unix_ms: i64) -> Result<Vec<Parcel>, DeskFault> {
        let at = self.tick(now_unix_ms);
        self.fire(at)?;
        let paused = self.state.is_paused();
        if self.tray.is_over(at) && !paused {
            let began = Instant::now();
            let reports = self.tray.close(&self.state, &self.narrator.lines())?;
            self.counts.rendering += began.elapsed();
            self.counts.windows += 1;
            self.report(at, reports)?;
            self.fire(at)?;
        }
        let began = Instant::now();
        self.journal.sync()?;
        self.counts.syncing += began.elapsed();
        self.counts.turns += 1;
        let parcels = if paused { Vec::new() } else { self.tray.send(at) };
        let now = Instant::now();
        self.sent.extend(parcels.iter().map(|parcel| (parcel.target.clone(), now)));
        Ok(parcels)
    }

    /// When the next turn is due, if nothing comes before, in milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn due_unix_ms(&self) -> Option<i64> {
        let tray = self.tray.due().filter(|_| !self.state.is_paused());
        let due = self.state.next_deadline().into_iter().chain(tray).min()?;
        Some(self.epoch_unix_ms.saturating_add_unsigned(due.0))
    }

    /// Closes the log.
    ///
    /// # Errors
    /// The log cannot be closed; what was acknowledged is in it.
    pub fn finish(self) -> Result<(), DeskFault> {
        Ok(self.journal.finish(&self.state)?)
    }

    /// What the machine believes.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What tells its log from others, in few letters.
    #[must_use]
    pub fn identity(&self) -> String {
        identity(self.journal.header())
    }

    /// Who lets go of old records.
    #[must_use]
    pub fn keeper(&self) -> Keeper {
        self.journal.keeper()
    }

    /// What was declared.
    #[must_use]
    pub fn intents(&self) -> &Intents {
        &self.intents
    }

    /// The repositories of the fleet.
    #[must_use]
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// What is on its way to repositories.
    #[must_use]
    pub fn tray(&self) -> &Tray {
        &self.tray
    }

    /// What was done so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Which files stand beside the log.
    pub(crate) fn kept(&self) -> Kept {
        Kept { sources: self.sources.count(), ..self.kept_as }
    }

    /// Whether users of a zone are declared to ask for an app.
    pub(crate) fn has_demand(&self, app: &str, zone: &str) -> bool {
        self.names.series(app, zone).is_some()
    }

    fn report(&mut self, at: Tick, reports: Vec<EffectReport>) -> Result<(), DeskFault> {
        reports.into_iter().try_for_each(|report| self.take_in(at, &Input::Report(report)))
    }

    /// Fires timers that are due.
    fn fire(&mut self, at: Tick) -> Result<(), DeskFault> {
        for _ in 0..TIMERS_AT_ONCE_MAX {
            match self.state.next_deadline().filter(|due| *due <= at) {
                Some(due) => self.take_in(at, &Input::Timer(TimerFired { due }))?,
                None => return Ok(()),
            }
        }
        Err(DeskFault::Stuck)
    }

    fn take_in(&mut self, at: Tick, input: &Input) -> Result<(), DeskFault> {
        let began = Instant::now();
        step(&mut self.state, at, input, &mut self.out)?;
        let record: RecordRef<'_> = self.out.record(input);
        self.journal.accept(&record, &self.state)?;
        self.tray.note(&record);
        self.narrator.hear(&record, &self.state);
        self.counts.records += 1;
        self.counts.effects += record.effects.len() as u64;
        self.counts.deciding += began.elapsed();
        Ok(())
    }

    /// The machine's time. It never goes back, whatever the clock does.
    fn tick(&mut self, now_unix_ms: i64) -> Tick {
        let now = self.ticks(now_unix_ms);
        if now < self.state.at() {
            self.counts.clamped += 1;
        }
        now.max(self.state.at())
    }

    fn ticks(&self, unix_ms: i64) -> Tick {
        Tick(u64::try_from(unix_ms.saturating_sub(self.epoch_unix_ms)).unwrap_or(0))
    }
}

/// What could not be rendered of what is declared now.
fn unfit(intents: &Intents) -> Vec<Problem> {
    fn last<T: Clone>(histories: &[Vec<T>]) -> Vec<Vec<T>> {
        histories.iter().map(|history| history.last().cloned().into_iter().collect()).collect()
    }
    let Delivery { apps, clusters, tenants } = &**intents.delivery();
    let now = Delivery { apps: last(apps), clusters: last(clusters), tenants: last(tenants) };
    problems(&now)
}

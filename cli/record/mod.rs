//! Recording: a part of a log as a scenario, in which the same happens and anything may be changed.
//!
//! What was declared stays as it is; demand, prices and carbon are those that were reported; delays are those of the
//! [fitted](Fork) world; what ran when the part begins is its initial state; commands, silences and outages happen
//! again at their times. Drawn luck is not the log's: a recorded scenario is a model of it, not a replay.
//!
//! | file | what it owns |
//! |---|---|
//! | `declared` | what had been declared when the part begins, and what is declared later |
//! | `initial` | what ran when it begins, and what operators had commanded |
//! | `measured` | demand, prices, carbon and delays |
//! | `happened` | commands, and what befell the world |
//! | `naming` | ids as names in documents |

mod declared;
mod happened;
mod initial;
mod measured;
mod naming;

use std::path::Path;

use periplus_core::event::Event;
use periplus_core::ids::{AppId, ClusterId};
use periplus_core::input::Command;
use periplus_core::units::{Span, Tick};
use periplus_core::{Input, Record, State};
use periplus_journal::Reader;
use periplus_sim::Fork;
use periplus_spec::Bundle;
use periplus_spec::draft::{Document, LastsDraft, Object, ScenarioDraft, SourceDraft};
use periplus_spec::scenario::Scenario;
use periplus_spec::values::{Duration, Name, Timestamp};

use crate::failure::Failure;
use crate::opened;

use self::naming::Naming;

/// A part of a log.
pub(crate) struct Part<'l> {
    /// The file that the log was made from, and what it says.
    pub(crate) path: &'l Path,
    pub(crate) scenario: &'l Scenario,
    /// A world that takes as long as the log shows.
    pub(crate) fork: &'l Fork,
    pub(crate) from: Tick,
    pub(crate) to: Tick,
}

/// What a log has beside what the fitted world knows.
pub(crate) struct Read {
    /// The state when the part begins.
    pub(crate) state: State,
    /// What was commanded in it.
    pub(crate) commands: Vec<(Tick, Command)>,
    /// What was declared before it and refused.
    pub(crate) refused: Vec<(Tick, Declared)>,
}

/// Something that is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Declared {
    App(AppId),
    Cluster(ClusterId),
}

impl Read {
    /// Reads what a part of a log needs.
    ///
    /// # Errors
    /// The log cannot be read.
    pub(crate) fn new(reader: &Reader, from: Tick, to: Tick) -> Result<Self, Failure> {
        let (mut state, records) = opened::kept(reader)?;
        let (mut commands, mut refused) = (Vec::new(), Vec::new());
        for record in records {
            let record = record?;
            if record.at >= to && record.at > Tick::ZERO {
                break;
            }
            if record.at < from || record.at == Tick::ZERO {
                state.fold(&record);
                refused.extend(refusal(&record).map(|what| (record.at, what)));
            } else if let Input::Command(command) = record.input {
                commands.push((record.at, command));
            }
        }
        Ok(Self { state, commands, refused })
    }
}

/// What a record refuses to declare.
fn refusal(record: &Record) -> Option<Declared> {
    let is_refusal = |event: &Event| matches!(event, Event::CommandRefused { .. });
    match &record.input {
        Input::Command(_) if !record.events.iter().any(is_refusal) => None,
        Input::Command(Command::DeclareApp(app, _)) => Some(Declared::App(*app)),
        Input::Command(Command::DeclareCluster(cluster, _)) => Some(Declared::Cluster(*cluster)),
        Input::Command(_) | Input::Observation(_) | Input::Report(_) | Input::Timer(_) => None,
    }
}

impl Part<'_> {
    /// The part as a scenario called `name`.
    ///
    /// # Errors
    /// The log's files cannot be read.
    pub(crate) fn scenario(&self, name: Name, read: &Read) -> Result<Bundle, Failure> {
        let Bundle { scenario, documents, mut tables } =
            Bundle::read(self.path).map_err(Failure::Files)?;
        let naming = Naming::new(self.scenario);
        let mut kept = kept_tables(&scenario.spec);
        kept.extend(manifests(&documents));
        tables.retain(|table, _| kept.contains(&table.as_str()));
        let mut bundle = Bundle { scenario: self.frame(name, &scenario), documents, tables };
        self.declare(&mut bundle, &scenario.spec, read);
        bundle.scenario.spec.timeline = self.declared_later(&scenario.spec);
        self.measure(&mut bundle, &naming);
        let mut moments = std::mem::take(&mut bundle.scenario.spec.timeline);
        moments.extend(self.commanded(&read.commands, &naming));
        moments.extend(self.befell(&scenario.spec, &naming));
        moments.sort_by_key(|moment| moment.at);
        bundle.scenario.spec.timeline = moments;
        bundle.documents.extend(self.initial_state(&read.state, &naming));
        Ok(bundle)
    }

    /// The scenario itself, in which nothing happens yet.
    fn frame(&self, name: Name, recorded: &Object<ScenarioDraft>) -> Object<ScenarioDraft> {
        let spec = &recorded.spec;
        let start = Timestamp(spec.start.0 + i64::try_from(self.from.0).unwrap_or(0));
        let lasts = Duration(self.to.since(self.from));
        let story = format!(
            "What happened from {start} on for {lasts}, recorded from a run of `{}`.",
            recorded.metadata.name
        );
        let mut framed = ScenarioDraft {
            story,
            seed: self.scenario.seed,
            start,
            duration: lasts,
            timeline: Vec::new(),
            expect: Vec::new(),
            ..spec.clone()
        };
        let blocks = &mut framed.ensemble.demand;
        // What was recorded for less than two seasons cannot be put together anew.
        *blocks = blocks.filter(|blocks| lasts.0.0 >= 2 * blocks.season.0.0);
        Object { metadata: recorded.metadata.clone(), spec: framed }.named(name)
    }

    /// A time of the log as it is counted in the part.
    fn shifted(&self, at: Tick) -> Duration {
        Duration(at.since(self.from))
    }

    /// When something begins and how long it lasts, as far as it lies in the part.
    fn within(&self, at: Tick, lasts: Option<Span>) -> Option<(Duration, Option<Duration>)> {
        let ends = lasts.map(|lasts| at.after(lasts));
        let begins = at.max(self.from);
        let over = ends.is_some_and(|ends| ends <= self.from) || at >= self.to;
        let lasts = ends.filter(|ends| *ends < self.to).map(|ends| Duration(ends.since(begins)));
        (!over).then(|| (self.shifted(begins), lasts))
    }
}

/// The files that apps bring.
fn manifests(documents: &[Document]) -> Vec<&str> {
    let apps = documents.iter().filter_map(|document| match document {
        Document::Application(app) => Some(&app.spec),
        Document::Cluster(_)
        | Document::InitialState(_)
        | Document::Policy(_)
        | Document::Scenario(_)
        | Document::Tenant(_)
        | Document::Zone(_) => None,
    });
    let sources = apps.flat_map(|app| &app.components).filter_map(|one| one.source.as_ref());
    let paths = sources.flat_map(|source| match source {
        SourceDraft::Files(files) => files.paths.as_slice(),
        SourceDraft::Helm(_) | SourceDraft::Kustomize(_) => &[],
    });
    paths.map(String::as_str).collect()
}

/// The tables that are not measured anew.
fn kept_tables(spec: &ScenarioDraft) -> Vec<&str> {
    let ways = spec.reach.table.iter().map(|table| table.file.as_str());
    let failures = spec.ensemble.failures.iter().filter_map(|failure| match &failure.lasts {
        LastsDraft::Recorded(recorded) => Some(recorded.file.as_str()),
        LastsDraft::Delay(_) => None,
    });
    ways.chain(failures).collect()
}

/// A document under another name.
trait Named {
    fn named(self, name: Name) -> Self;
}

impl<S> Named for Object<S> {
    fn named(mut self, name: Name) -> Self {
        self.metadata.name = name;
        self
    }
}

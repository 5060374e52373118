//! What a service answers about its own log: the sentences and the forms that the command line has for them.

use std::collections::VecDeque;
use std::path::PathBuf;

use periplus_core::State;
use periplus_core::ids::{AppId, Seq};
use periplus_core::record::Record;
use periplus_journal::Reader;
use periplus_live::api::{Explain, Refused, When, WhyQuestion};
use periplus_spec::values::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::args::{Format, IdentityArgs, WhyArgs};
use crate::commands::{log, why};
use crate::failure::Failure;
use crate::names::Names;
use crate::opened;
use crate::time::Moment;
use crate::wording::events;

/// How many of the last records are looked through for the last decisions.
const BACK_MAX: u64 = 50_000;

/// Reads the log of a service while that writes it.
#[derive(Debug)]
pub(crate) struct Explainer {
    log: PathBuf,
}

/// The decisions of one record.
#[derive(Serialize)]
struct Decided {
    seq: u64,
    at: String,
    /// What is said of them.
    lines: Vec<String>,
    decisions: Value,
}

impl Explainer {
    /// Explains what stands in a log.
    pub(crate) fn new(log: PathBuf) -> Self {
        Self { log }
    }

    fn reader(&self) -> Result<Reader, Refused> {
        opened::log(&self.log).map_err(refused)
    }

    fn decided(
        &self,
        record: &Record,
        state: &State,
        epoch: i64,
        app: Option<AppId>,
    ) -> Option<Decided> {
        let about = |one: &&periplus_core::decision::Decision| app.is_none_or(|app| one.app == app);
        let decisions: Vec<_> = record.decisions.iter().filter(about).collect();
        if decisions.is_empty() {
            return None;
        }
        let lines = decisions.iter().filter_map(|one| events::decided(one, state));
        Some(Decided {
            seq: record.seq.0,
            at: Timestamp(epoch.saturating_add_unsigned(record.at.0)).to_string(),
            lines: lines.collect(),
            decisions: serde_json::to_value(&decisions).unwrap_or_default(),
        })
    }
}

impl Explain for Explainer {
    fn why(&self, question: &WhyQuestion) -> Result<Value, Refused> {
        let WhyQuestion { app, cluster, zone, when } = question.clone();
        let (at, seq) = match when {
            When::Last => (None, None),
            When::At(unix_ms) => (Some(Moment::Calendar(unix_ms)), None),
            When::Record(seq) => (None, Some(seq)),
        };
        let log = self.log.clone();
        let client = IdentityArgs::default();
        let format = Format::Json;
        why::json(&WhyArgs { log, app, cluster, zone, at, seq, client, format }).map_err(refused)
    }

    fn decisions(
        &self,
        from: Option<u64>,
        limit: usize,
        app: Option<&str>,
    ) -> Result<Value, Refused> {
        let reader = self.reader()?;
        let log_fault = |fault: periplus_journal::Fault| refused(fault.into());
        let last = reader.last_seq().map_err(log_fault)?.map_or(0, |last| last.0);
        let begins = reader.beginning().map_err(log_fault)?.seq.0;
        let first = from.unwrap_or(last.saturating_sub(BACK_MAX).max(begins));
        let start = reader.nearest_snapshot(Seq(first)).map_err(log_fault)?;
        let epoch = reader.header().epoch_unix_ms;
        let mut state = start.state;
        let mut found = VecDeque::new();
        for record in reader.records_from(start.seq) {
            let record = record.map_err(log_fault)?;
            state.fold(&record);
            if record.seq < Seq(first) || record.decisions.is_empty() {
                continue;
            }
            // The app may be declared later than where this begins.
            let meant = match app {
                Some(name) => match Names(&state).find_app(name) {
                    Some(app) => Some(app),
                    None => continue,
                },
                None => None,
            };
            found.extend(self.decided(&record, &state, epoch, meant));
            if found.len() > limit {
                if from.is_some() {
                    found.pop_back();
                    break;
                }
                found.pop_front();
            }
        }
        if let Some(name) = app.filter(|name| Names(&state).find_app(name).is_none()) {
            return Err(refused(why::no_such_app(&state, name)));
        }
        Ok(serde_json::to_value(&found).unwrap_or_default())
    }

    fn log(&self, from: u64, limit: usize) -> Result<Vec<String>, Refused> {
        let mut lines = Vec::new();
        for record in self.reader()?.records_from(Seq(from)).take(limit) {
            let record = record.map_err(|fault| refused(fault.into()))?;
            lines.push(log::line(&record).map_err(refused)?);
        }
        Ok(lines)
    }
}

fn refused(failure: Failure) -> Refused {
    match failure {
        Failure::Usage { message, hint } => Refused::Unknown { message, hint },
        other @ (Failure::Files(_)
        | Failure::Diverged { .. }
        | Failure::DeciderRetired { .. }
        | Failure::Environment { .. }) => Refused::Failed {
            message: other.brief(),
            hint: "look at the log of the service, and at its folder with `periplus log info`"
                .into(),
        },
    }
}

//! `upgrade-check`: what this version would have decided otherwise in the last hours of a log, and what it would write
//! otherwise now.
//!
//! Each record is decided again from just the state in which it was decided: a difference says what this version does in that
//! situation, and hides none of those after it.

use std::collections::{BTreeMap, BTreeSet};

use periplus_core::ids::Seq;
use periplus_core::record::DECIDER_VERSION;
use periplus_core::replay::Divergence;
use periplus_core::units::{Span, Tick};
use periplus_core::{Outbox, Record, State};
use periplus_emit::{Files, Renderer, change};
use periplus_journal::Reader;
use periplus_spec::values::Timestamp;
use serde::Serialize;

use crate::args::{Format, UpgradeCheckArgs};
use crate::delivery::instant::{Instant, Source};
use crate::delivery::written::Revision;
use crate::failure::{Exit, Failure};
use crate::names::Names;
use crate::opened;
use crate::render::{self, counted, grouped, table};
use crate::wording::events;

/// The version of this answer's shape.
const VERSION: u16 = 1;

/// How many differences people are told.
const TOLD: usize = 20;
/// How many differences programs are told.
const TOLD_TO_PROGRAMS: usize = 10_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    version: u16,
    /// Which deciders made the records, and which one is asked.
    deciders: Vec<u16>,
    decider: u16,
    from: String,
    to: String,
    records: u64,
    differences: Vec<Difference>,
    differences_not_listed: u64,
    /// Records of which nothing differs but how what was decided is reckoned.
    reckoned_otherwise: u64,
    /// By app, how many records are decided otherwise.
    apps: BTreeMap<String, u64>,
    /// Files that differ from those that are written; nothing if nobody asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<String>>,
}

/// A record that this version decides otherwise.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Difference {
    seq: u64,
    at: String,
    /// What came.
    input: String,
    /// What was decided then and would not be now.
    recorded: Vec<String>,
    /// What would be decided now and was not then.
    now: Vec<String>,
}

pub(super) fn run(args: &UpgradeCheckArgs) -> Result<Exit, Failure> {
    let reader = opened::log(&args.log)?;
    let mut checked = Checked::new(&reader, args.since.0)?;
    let mut records = reader.records_from(checked.state.seq());
    while let Some(record) = records.next() {
        let record = record?;
        let decider = records.header().map_or(DECIDER_VERSION, |header| header.decider);
        checked.take(&record, decider).map_err(|divergence| {
            let (log, at) = (args.log.clone(), record.at);
            Failure::Diverged { log, at, divergence }
        })?;
    }
    let files = match &args.written[..] {
        [] => None,
        written => Some(files_otherwise(args, written)?),
    };
    let most = match args.format {
        Format::Human => TOLD,
        Format::Json => TOLD_TO_PROGRAMS,
    };
    let answer = checked.answer(files, most);
    let differs = !answer.differences.is_empty()
        || answer.reckoned_otherwise > 0
        || answer.files.as_ref().is_some_and(|files| !files.is_empty());
    match args.format {
        Format::Json => render::json(&answer)?,
        Format::Human => tell(&answer),
    }
    Ok(if differs { Exit::Diverged } else { Exit::Held })
}

/// A log as far as it was decided again.
struct Checked {
    epoch_unix_ms: i64,
    from: Tick,
    state: State,
    /// What this version's decisions led to, as long as they are those of the log.
    now: Option<State>,
    out: Outbox,
    deciders: Vec<u16>,
    records: u64,
    differences: Vec<Difference>,
    reckoned_otherwise: u64,
    apps: BTreeMap<String, u64>,
}

impl Checked {
    /// Begins before the last hours of a log.
    fn new(reader: &Reader, since: Span) -> Result<Self, Failure> {
        let from = match reader.last_seq()? {
            Some(last) => reader
                .records_from(last)
                .next()
                .transpose()?
                .map_or(Tick::ZERO, |record| Tick(record.at.0.saturating_sub(since.0))),
            None => Tick::ZERO,
        };
        Ok(Self {
            epoch_unix_ms: reader.header().epoch_unix_ms,
            from,
            state: state_before(reader, from)?,
            now: None,
            out: Outbox::default(),
            deciders: Vec::new(),
            records: 0,
            differences: Vec::new(),
            reckoned_otherwise: 0,
            apps: BTreeMap::new(),
        })
    }

    fn take(&mut self, record: &Record, decider: u16) -> Result<(), Divergence> {
        if record.at < self.from {
            return self.state.fold_checked(record);
        }
        self.records += 1;
        if !self.deciders.contains(&decider) {
            self.deciders.push(decider);
        }
        let mut now = self.now.take().unwrap_or_else(|| self.state.clone());
        let verdict = now.verify(record, &mut self.out);
        self.state.fold_checked(record)?;
        match verdict {
            Ok(()) => self.now = Some(now),
            Err(_) => self.differ(record, &now),
        }
        Ok(())
    }

    /// Keeps what differs. The next record is decided from where the log went.
    fn differ(&mut self, record: &Record, now: &State) {
        let (mut then, mut today) = (Vec::new(), Vec::new());
        events::tell(&record.as_ref(), &self.state, &mut then);
        events::tell(&self.out.record(&record.input), now, &mut today);
        let only_in = |lines: &[String], others: &[String]| -> Vec<String> {
            lines.iter().filter(|line| !others.contains(line)).cloned().collect()
        };
        let (recorded, added) = (only_in(&then, &today), only_in(&today, &then));
        let acts_alike = record.events == self.out.events && record.effects == self.out.effects;
        if recorded.is_empty() && added.is_empty() && acts_alike {
            self.reckoned_otherwise += 1;
            return;
        }
        let apps = record.decisions.iter().chain(&self.out.decisions).map(|one| one.app);
        for app in apps.collect::<BTreeSet<_>>() {
            *self.apps.entry(Names(now).app(app).to_owned()).or_default() += 1;
        }
        self.differences.push(Difference {
            seq: record.seq.0,
            at: self.calendar(record.at),
            input: events::kind(&record.input),
            recorded,
            now: added,
        });
    }

    fn calendar(&self, at: Tick) -> String {
        Timestamp(self.epoch_unix_ms.saturating_add_unsigned(at.0)).to_string()
    }

    fn answer(mut self, files: Option<Vec<String>>, most: usize) -> Answer {
        let not_listed = self.differences.len().saturating_sub(most);
        self.differences.truncate(most);
        Answer {
            version: VERSION,
            decider: DECIDER_VERSION,
            from: self.calendar(self.from),
            to: self.calendar(self.state.at()),
            deciders: self.deciders,
            records: self.records,
            differences: self.differences,
            differences_not_listed: not_listed as u64,
            reckoned_otherwise: self.reckoned_otherwise,
            apps: self.apps,
            files,
        }
    }
}

/// A state from before a time, not long before if snapshots allow it.
fn state_before(reader: &Reader, from: Tick) -> Result<State, Failure> {
    let begins = reader.beginning()?.seq;
    let end = reader.last_seq()?.unwrap_or(begins);
    let mut back = 1;
    loop {
        let start = reader.nearest_snapshot(Seq(end.0.saturating_sub(back)).max(begins))?;
        if start.seq == begins || start.state.at() < from {
            return Ok(start.state);
        }
        back = 2 * (end.0 - start.seq.0).max(back);
    }
}

/// Files that this version would write otherwise than they are written.
fn files_otherwise(args: &UpgradeCheckArgs, written: &[Revision]) -> Result<Vec<String>, Failure> {
    let Instant { scenario, state } = Source::of(&args.log).at(None)?;
    let repository = args.repository.repository(None);
    let files = Renderer::new(&scenario.delivery, &repository).tree(&state)?;
    let mut there = Files::new();
    for revision in written {
        there.extend(revision.files()?);
    }
    Ok(change(&there, &files).keys().map(ToString::to_string).collect())
}

fn tell(answer: &Answer) {
    let Answer { deciders, decider, from, to, records, .. } = answer;
    for Difference { seq, at, input, recorded, now } in &answer.differences {
        render::line(&format!("record {seq}, {at}: {input}"));
        for line in recorded {
            render::line(&format!("  - {line}"));
        }
        for line in now {
            render::line(&format!("  + {line}"));
        }
        if recorded.is_empty() && now.is_empty() {
            render::line("  other effects, of which there is nothing to tell");
        }
    }
    if answer.differences_not_listed > 0 {
        render::line(&format!("… and {} records more", grouped(answer.differences_not_listed)));
    }
    if !answer.apps.is_empty() {
        let rows =
            answer.apps.iter().map(|(app, count)| vec![app.clone(), grouped(*count)]).collect();
        render::line(&format!("\n{}\n", table(&["app", "decided otherwise"], rows).trim_end()));
    }
    let made_by: Vec<String> = deciders.iter().map(ToString::to_string).collect();
    render::line(&format!(
        "{} records from {from} to {to}, made by decider {}, asked of decider {decider}",
        grouped(*records),
        made_by.join(", ")
    ));
    let otherwise = answer.differences.len() as u64 + answer.differences_not_listed;
    render::line(&match (otherwise, answer.reckoned_otherwise) {
        (0, 0) => "all of them are decided alike".into(),
        (0, reckoned) => {
            format!("all of them do the same; {} reckoned otherwise", grouped(reckoned))
        }
        (otherwise, 0) => format!("{} of them decided otherwise", grouped(otherwise)),
        (otherwise, reckoned) => format!(
            "{} of them decided otherwise, {} more only reckoned otherwise",
            grouped(otherwise),
            grouped(reckoned)
        ),
    });
    if let Some(files) = &answer.files {
        for path in files.iter().take(TOLD) {
            render::line(&format!("  {path}"));
        }
        let said = match files.len() {
            0 => "all files are as this version writes them".into(),
            count => format!("{} would be written otherwise", counted(count, "file")),
        };
        render::line(&said);
    }
}

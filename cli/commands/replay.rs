//! `replay`: go through a log again, verify it or fold it.

use std::time::Instant;

use periplus_core::ids::Seq;
use periplus_core::record::DECIDER_VERSION;
use periplus_core::replay::Divergence;
use periplus_core::{Outbox, Record, State};
use periplus_journal::End;
use serde::Serialize;

use crate::args::{Format, ReplayArgs};
use crate::failure::{Exit, Failure};
use crate::opened;
use crate::render::{self, grouped};

/// The version of this answer's shape.
const VERSION: u16 = 1;

/// How many differences `--redecide` names.
const DIFFERENCES_LISTED: usize = 20;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    version: u16,
    mode: &'static str,
    /// The first record, where those before it are no longer kept.
    #[serde(skip_serializing_if = "is_zero")]
    first: u64,
    records: u64,
    inputs: u64,
    digest: String,
    torn_bytes: u64,
    inputs_per_second: f64,
    differences: Vec<Difference>,
    #[serde(skip_serializing_if = "is_zero")]
    differences_not_listed: u64,
}

#[derive(Serialize)]
struct Difference {
    seq: u64,
    what: &'static str,
    expected: String,
    got: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

pub(super) fn run(args: &ReplayArgs) -> Result<Exit, Failure> {
    let reader = opened::log(&args.log)?;
    let (state, mut records) = opened::kept(&reader)?;
    let mut replayed = Replayed { first: state.seq(), state, ..Replayed::default() };
    let started = Instant::now();
    while let Some(record) = records.next() {
        let record = record?;
        if args.until.is_some_and(|until| record.seq >= Seq(until)) {
            break;
        }
        let decider = records.header().map_or(DECIDER_VERSION, |header| header.decider);
        if decider != DECIDER_VERSION && !args.apply && !args.redecide {
            return Err(Failure::DeciderRetired { log: args.log.clone(), decider });
        }
        if let Err(divergence) = replayed.take(&record, args) {
            if args.format == Format::Json {
                replayed.differences.push(divergence.clone());
                render::json(&replayed.answer(args, 0, started.elapsed().as_secs_f64()))?;
            }
            return Err(Failure::Diverged { log: args.log.clone(), at: record.at, divergence });
        }
    }
    let torn_bytes = match records.end() {
        Some(End::Torn { bytes }) => bytes,
        Some(End::Clean) | None => 0,
    };
    let seconds = started.elapsed().as_secs_f64();
    let answer = replayed.answer(args, torn_bytes, seconds);
    let differs = !answer.differences.is_empty();
    match args.format {
        Format::Json => render::json(&answer)?,
        Format::Human => tell(&answer),
    }
    if torn_bytes > 0 {
        render::error(&format!(
            "{} ends with {torn_bytes} bytes of a record that was never finished",
            args.log.display()
        ));
        render::hint("`periplus log mend` cuts them; all records before them are whole");
        return Ok(Exit::Environment);
    }
    Ok(if differs { Exit::Diverged } else { Exit::Held })
}

/// A log as far as it has been replayed.
#[derive(Default)]
struct Replayed {
    /// The first record that is kept.
    first: Seq,
    state: State,
    out: Outbox,
    /// What today's decider would have led to, if it has not been set back by a difference.
    redecided: Option<State>,
    records: u64,
    inputs: u64,
    differences: Vec<Divergence>,
    not_listed: u64,
}

impl Replayed {
    fn take(&mut self, record: &Record, args: &ReplayArgs) -> Result<(), Divergence> {
        self.records += 1;
        self.inputs += record.input.weight();
        if args.redecide {
            let mut today = self.redecided.take().unwrap_or_else(|| self.state.clone());
            let verdict = today.verify(record, &mut self.out);
            self.state.fold_checked(record)?;
            match verdict {
                Ok(()) => self.redecided = Some(today),
                // From here on it goes on from what was recorded.
                Err(divergence) if self.differences.len() < DIFFERENCES_LISTED => {
                    self.differences.push(divergence);
                }
                Err(_) => self.not_listed += 1,
            }
            return Ok(());
        }
        if args.apply {
            self.state.fold_checked(record)
        } else {
            self.state.verify(record, &mut self.out)
        }
    }

    fn answer(mut self, args: &ReplayArgs, torn_bytes: u64, seconds: f64) -> Answer {
        let mode = match (args.apply, args.redecide) {
            (false, true) => "redecided",
            _ if !self.differences.is_empty() => "diverged",
            (true, _) => "folded",
            (false, false) => "verified",
        };
        let told = |Divergence { seq, what, expected, got }: Divergence| Difference {
            seq: seq.0,
            what,
            expected,
            got,
        };
        Answer {
            version: VERSION,
            mode,
            first: self.first.0,
            records: self.records,
            inputs: self.inputs,
            digest: self.state.digest().to_string(),
            torn_bytes,
            inputs_per_second: self.inputs as f64 / seconds.max(1e-9),
            differences: self.differences.into_iter().map(told).collect(),
            differences_not_listed: self.not_listed,
        }
    }
}

fn tell(answer: &Answer) {
    for Difference { seq, what, expected, got } in &answer.differences {
        let (expected, got) = render::parting(expected, got);
        render::line(&format!(
            "record {seq}: another {what}\n  expected: {expected}\n  got:      {got}"
        ));
    }
    if answer.differences_not_listed > 0 {
        render::line(&format!("… and {} differences more", answer.differences_not_listed));
    }
    let first = match answer.first {
        0 => String::new(),
        first => format!(" from record {} on", grouped(first)),
    };
    render::line(&format!(
        "{} {} records{first}, {} inputs\nstate digest {}",
        answer.mode,
        grouped(answer.records),
        grouped(answer.inputs),
        answer.digest
    ));
    render::note(&format!("{:.2} M inputs/s", answer.inputs_per_second / 1e6));
}

//! `why`: a decision, with every candidate's bill and every refusal.
//!
//! The log keeps summaries. The bills are worked out again: the nearest snapshot is loaded, the records up
//! to the decision are folded, and the step is taken again by an outbox that explains.

mod find;

use std::path::Path;

use periplus_core::decision::{Bill, Choice, Decision, Subject};
use periplus_core::explain::{Candidate, Explained};
use periplus_core::ids::{ClusterId, Seq};
use periplus_core::record::DECIDER_VERSION;
use periplus_core::{Outbox, Record, State};
use periplus_journal::Reader;
use serde::Serialize;

use self::find::find;
#[cfg(feature = "live")]
pub(crate) use self::find::no_such_app;
use crate::args::{Format, WhyArgs};
#[cfg(feature = "live")]
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::names::Names;
use crate::opened;
use crate::render::{self, strong, table};
#[cfg(feature = "live")]
use crate::time::Moment;
use crate::wording::{bills, cost, cure, events, reason, reasons, rtt};

/// The version of this answer's shape.
const VERSION: u16 = 1;

pub(super) fn run(args: &WhyArgs) -> Result<Exit, Failure> {
    #[cfg(feature = "live")]
    if let Some(address) = args.log.to_str().filter(|log| log.contains("://")) {
        return ask(args, address);
    }
    with_told(args, |told| {
        match args.format {
            Format::Json => render::json(&told.answer())?,
            Format::Human => told.tell(),
        }
        Ok(Exit::Held)
    })
}

/// Asks a running service about its log.
#[cfg(feature = "live")]
fn ask(args: &WhyArgs, address: &str) -> Result<Exit, Failure> {
    let client = Client::new(&args.client.at(address))?;
    let WhyArgs { log: _, app, cluster, zone, at, seq, format, client: _ } = args;
    let at = match at {
        Some(at @ Moment::Calendar(_)) => Some(at.to_string()),
        Some(Moment::After(_)) => {
            return Err(Failure::Usage {
                message: "a service has no start from which people count".into(),
                hint: "name a date and a time, such as `2026-11-27T10:00:00Z`".into(),
            });
        }
        None => None,
    };
    let query = [
        ("app", Some(app.clone())),
        ("cluster", cluster.clone()),
        ("zone", zone.clone()),
        ("at", at),
        ("seq", seq.map(|seq| seq.to_string())),
    ];
    let query: Vec<(&str, String)> =
        query.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let answer = client.get(&["v1", "why"], &query)?;
    match format {
        Format::Json => render::json(&answer["why"])?,
        Format::Human => {
            let lines = answer["why"]["lines"].as_array().into_iter().flatten();
            lines.filter_map(serde_json::Value::as_str).for_each(render::line);
        }
    }
    Ok(Exit::Held)
}

/// The answer for programs.
///
/// # Errors
/// The log cannot be read, or nothing was decided about what is asked.
#[cfg(feature = "live")]
pub(crate) fn json(args: &WhyArgs) -> Result<serde_json::Value, Failure> {
    with_told(args, |told| {
        let mut answer = serde_json::to_value(told.answer()).expect("an answer is JSON");
        answer["lines"] = told.lines().into();
        Ok(answer)
    })
}

fn with_told<T>(
    args: &WhyArgs,
    tell: impl FnOnce(&Told<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let reader = opened::log(&args.log)?;
    let sought = find(&reader, args)?;
    let (state, record, out) = take_again(&reader, sought.seq, &args.log)?;
    let decision = &out.decisions[sought.decision];
    let explained = out
        .explained
        .as_ref()
        .and_then(|all| all.iter().find(|explained| explained.decision == sought.decision));
    tell(&Told { state: &state, record: &record, decision, explained, asked: sought.cluster })
}

/// The state after a record, the record, and the step that it recorded, taken again and explained.
fn take_again(reader: &Reader, seq: Seq, log: &Path) -> Result<(State, Record, Outbox), Failure> {
    let start = reader.nearest_snapshot(seq)?;
    let mut state = start.state;
    let mut records = reader.records_from(start.seq);
    while let Some(record) = records.next() {
        let record = record?;
        if record.seq < seq {
            state.fold(&record);
            continue;
        }
        let mut out = Outbox::explaining();
        if let Err(divergence) = state.verify(&record, &mut out) {
            let decider = records.header().map_or(DECIDER_VERSION, |header| header.decider);
            if decider != DECIDER_VERSION {
                return Err(Failure::DeciderRetired { log: log.to_owned(), decider });
            }
            return Err(Failure::Diverged { log: log.to_owned(), at: record.at, divergence });
        }
        return Ok((state, record, out));
    }
    Err(Failure::Usage { message: format!("the log has no record {}", seq.0), hint: String::new() })
}

/// A decision to be told.
struct Told<'a> {
    state: &'a State,
    record: &'a Record,
    decision: &'a Decision,
    explained: Option<&'a Explained>,
    asked: Option<ClusterId>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    version: u16,
    seq: u64,
    at: u64,
    app: String,
    group: String,
    subject: String,
    trigger: &'static str,
    followed_from: String,
    verdict: Option<String>,
    winner: Option<Chosen>,
    runner_up: Option<Chosen>,
    margin_micro_usd_per_hour: Option<i64>,
    held: Option<Guarded>,
    candidates: Vec<Priced>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Chosen {
    cluster: String,
    total_micro_usd_per_hour: i64,
}

#[derive(Serialize)]
struct Guarded {
    guard: &'static str,
    until: Option<u64>,
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Priced {
    cluster: String,
    rtt_micros: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    bill_micro_usd_per_hour: Option<Lines>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Refused>,
}

#[derive(Serialize)]
struct Lines {
    compute: i64,
    fixed: i64,
    carbon: i64,
    latency: i64,
    egress: i64,
    moving: i64,
    preference: i64,
    unserved: i64,
    total: i64,
}

#[derive(Serialize)]
struct Refused {
    code: &'static str,
    text: String,
    cure: &'static str,
}

impl Told<'_> {
    fn names(&self) -> Names<'_> {
        Names(self.state)
    }

    fn subject(&self) -> String {
        match self.decision.subject {
            Subject::Berth(cluster) => self.names().cluster(cluster).into(),
            Subject::Flow(place) => self.names().place(place).into(),
        }
    }

    fn candidates(&self) -> &[Candidate] {
        self.explained.map_or(&[], |explained| &explained.candidates)
    }

    fn answer(&self) -> Answer {
        let Decision { app, group, trigger, winner, runner_up, held, .. } = self.decision;
        let chosen = |choice: &Choice| Chosen {
            cluster: self.names().cluster(choice.cluster).into(),
            total_micro_usd_per_hour: choice.total.0,
        };
        Answer {
            version: VERSION,
            seq: self.record.seq.0,
            at: self.record.at.0,
            app: self.names().app(*app).into(),
            group: self.names().group(*app, *group),
            subject: self.subject(),
            trigger: reasons::trigger(*trigger),
            followed_from: events::kind(&self.record.input),
            verdict: events::decided(self.decision, self.state),
            winner: winner.as_ref().map(chosen),
            runner_up: runner_up.as_ref().map(chosen),
            margin_micro_usd_per_hour: self.decision.margin().map(|margin| margin.0),
            held: held.as_ref().map(|held| Guarded {
                guard: held.guard.slug(),
                until: held.until.map(|until| until.0),
                text: reasons::guard(held),
            }),
            candidates: self.candidates().iter().map(|candidate| self.priced(candidate)).collect(),
        }
    }

    fn priced(&self, candidate: &Candidate) -> Priced {
        let Candidate { cluster, rtt, outcome } = candidate;
        Priced {
            cluster: self.names().cluster(*cluster).into(),
            rtt_micros: rtt.0,
            bill_micro_usd_per_hour: outcome.as_ref().ok().map(lines),
            refusal: outcome.as_ref().err().map(|why| Refused {
                code: why.code().slug(),
                text: reason(self.state, self.decision.app, why),
                cure: cure(why.code()),
            }),
        }
    }

    fn tell(&self) {
        let lines = self.lines();
        for (place, line) in lines.iter().enumerate() {
            render::line(&if place == 0 { strong(line) } else { line.clone() });
        }
    }

    /// The answer for people.
    fn lines(&self) -> Vec<String> {
        let verdict = events::decided(self.decision, self.state);
        let mut lines = vec![verdict.unwrap_or_else(|| self.subject())];
        let because = bills::because(self.decision, &self.record.input);
        let (seq, at) = (self.record.seq.0, self.record.at);
        lines.push(format!("record {seq} at {at}, looked at {because}"));
        if let Some(held) = &self.decision.held {
            lines.push(format!("held back: {}", reasons::guard(held)));
        }
        self.tell_bills(&mut lines);
        self.tell_refusals(&mut lines);
        self.tell_asked(&mut lines);
        if let (Some(next), Some(margin)) = (self.decision.runner_up, self.decision.margin()) {
            let next = self.names().cluster(next.cluster);
            lines.push(format!("\nrunner-up {next}, {} from the winner", cost(margin)));
        }
        lines
    }

    /// The bills, cheapest first.
    fn tell_bills(&self, lines: &mut Vec<String>) {
        let mut billed: Vec<(&Candidate, Bill)> =
            self.candidates().iter().filter_map(|one| Some((one, one.outcome.ok()?))).collect();
        if billed.is_empty() {
            return;
        }
        billed.sort_by_key(|(candidate, bill)| (bill.total(), candidate.cluster));
        let winner = self.decision.winner.map(|winner| winner.cluster);
        let shown = billed.iter().enumerate().filter(|(place, (candidate, _))| {
            let named = Some(candidate.cluster) == self.asked || Some(candidate.cluster) == winner;
            *place < BILLS_SHOWN || named
        });
        let rows = shown.map(|(_, (candidate, bill))| {
            let mark = if Some(candidate.cluster) == winner { "▸ " } else { "  " };
            let name = format!("{mark}{}", self.names().cluster(candidate.cluster));
            let mut row = vec![name, rtt(candidate.rtt)];
            row.extend(bills::lines(bill));
            row
        });
        let head: Vec<&str> = ["  candidate, $/h", "rtt"].into_iter().chain(bills::LINES).collect();
        lines.push(String::new());
        lines.push(table(&head, rows.collect()).trim_end().to_owned());
        if billed.len() > BILLS_SHOWN {
            lines.push(format!("  {} candidates have bills", billed.len()));
        }
    }

    /// Refusals, gathered by code; each code with one example.
    fn tell_refusals(&self, lines: &mut Vec<String>) {
        let refused = bills::refused(self.candidates());
        if !refused.is_empty() {
            lines.push(String::new());
        }
        for (code, group) in refused {
            let asked = group.iter().find(|one| Some(one.cluster) == self.asked);
            let shown = asked.unwrap_or(&group[0]);
            lines.push(format!(
                "  {:>3} × {:<20} {}: {}; {}",
                group.len(),
                code.slug(),
                self.names().cluster(shown.cluster),
                bills::refusal(self.state, self.decision, shown).unwrap_or_default(),
                cure(code)
            ));
        }
    }

    /// A cluster that was asked about and never came up.
    fn tell_asked(&self, lines: &mut Vec<String>) {
        let Some(asked) = self.asked else { return };
        let known = self.candidates().iter().any(|candidate| candidate.cluster == asked);
        let about = self.decision.subject == Subject::Berth(asked);
        if !known && !about && self.explained.is_some() {
            let name = self.names().cluster(asked);
            let code = periplus_core::decision::ReasonCode::OutOfReach;
            lines.push(format!(
                "\n{name}: {}, no known way from {}; {}",
                code.slug(),
                self.subject(),
                cure(code)
            ));
        }
    }
}

/// How many bills are listed beside those that were asked for.
const BILLS_SHOWN: usize = 8;

fn lines(bill: &Bill) -> Lines {
    let Bill { compute, fixed, carbon, latency, egress, moving, preference, unserved } = bill;
    Lines {
        compute: compute.0,
        fixed: fixed.0,
        carbon: carbon.0,
        latency: latency.0,
        egress: egress.0,
        moving: moving.0,
        preference: preference.0,
        unserved: unserved.0,
        total: bill.total().0,
    }
}

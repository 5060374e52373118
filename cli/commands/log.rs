//! `log`: look into a log, and mend what a crash left.

use std::path::Path;

use periplus_core::ids::Seq;
use periplus_core::{Record, State};
use periplus_journal::{End, Options, SegmentInfo, SegmentState, Writer};
use serde::Serialize;

use crate::args::{Format, LogCommand, LogShowArgs};
use crate::failure::{Exit, Failure};
use crate::opened;
use crate::render::{self, grouped, table};
use crate::wording::events;

/// The version of these answers' shapes.
const VERSION: u16 = 1;

pub(super) fn run(command: LogCommand) -> Result<Exit, Failure> {
    match command {
        LogCommand::Show(args) => show(&args),
        LogCommand::Info { log, format } => info(&log, format),
        LogCommand::Mend { log } => mend(&log),
    }
}

/// A record as programs get it, one per line.
#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    at: u64,
    input: &'a periplus_core::Input,
    events: &'a [periplus_core::event::Event],
    effects: &'a [periplus_core::effect::Issued],
    decisions: &'a [periplus_core::decision::Decision],
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
}

fn show(args: &LogShowArgs) -> Result<Exit, Failure> {
    let reader = opened::log(&args.log)?;
    let from = Seq(args.from).max(reader.beginning()?.seq);
    if from > Seq(args.from) {
        render::note(&format!("what was before record {} is no longer kept", grouped(from.0)));
    }
    let start = reader.nearest_snapshot(from)?;
    let mut state = start.state;
    let mut records = reader.records_from(start.seq);
    for record in records.by_ref() {
        let record = record?;
        if args.to.is_some_and(|to| record.seq >= Seq(to)) {
            return Ok(Exit::Held);
        }
        state.fold(&record);
        if record.seq >= from {
            print(&record, &state, args)?;
        }
    }
    if let Some(End::Torn { bytes }) = records.end() {
        render::error(&format!(
            "the log ends with {bytes} bytes of a record that was never finished"
        ));
        return Ok(Exit::Environment);
    }
    Ok(Exit::Held)
}

/// A record for programs, in one line.
///
/// # Errors
/// It cannot be written as JSON.
pub(crate) fn line(record: &Record) -> Result<String, Failure> {
    let Record { seq, at, input, events, effects, decisions, digest } = record;
    let line = Line {
        seq: seq.0,
        at: at.0,
        input,
        events,
        effects,
        decisions,
        digest: digest.map(|digest| digest.to_string()),
    };
    serde_json::to_string(&line).map_err(|error| Failure::Environment {
        message: format!("record {} cannot be written as JSON: {error}", seq.0),
        hint: None,
    })
}

fn print(record: &Record, state: &State, args: &LogShowArgs) -> Result<(), Failure> {
    let mut story = Vec::new();
    events::tell(&record.as_ref(), state, &mut story);
    if args.notable && story.is_empty() {
        return Ok(());
    }
    if args.format == Format::Json {
        render::line(&line(record)?);
        return Ok(());
    }
    let at = record.at.to_string();
    let head = format!(
        "{:>8}  {at:<12}  {:<24} {:>3} events {:>3} effects",
        record.seq.0,
        events::kind(&record.input),
        record.events.len(),
        record.effects.len()
    );
    render::line(&head);
    for line in story {
        render::line(&format!("{:>24}{line}", ""));
    }
    Ok(())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    version: u16,
    format: u16,
    decider: u16,
    scenario: String,
    epoch_unix_ms: i64,
    made_by: String,
    /// The first record that is kept.
    first: u64,
    /// How many are.
    records: u64,
    segments: Vec<Segment>,
}

#[derive(Serialize)]
struct Segment {
    file: String,
    first: u64,
    bytes: u64,
    sealed: bool,
}

fn info(log: &Path, format: Format) -> Result<Exit, Failure> {
    let reader = opened::log(log)?;
    let header = reader.header();
    let first = reader.beginning()?.seq.0;
    let next = reader.last_seq()?.map_or(0, |last| last.0 + 1);
    let info = Info {
        version: VERSION,
        format: header.format,
        decider: header.decider,
        scenario: format!("{:032x}", header.scenario),
        epoch_unix_ms: header.epoch_unix_ms,
        made_by: header.made_by().into(),
        first,
        records: next - first,
        segments: reader.segments()?.iter().map(segment).collect(),
    };
    if format == Format::Json {
        render::json(&info)?;
        return Ok(Exit::Held);
    }
    let Info { format, decider, scenario, made_by, records, segments, .. } = info;
    let since = match first {
        0 => String::new(),
        first => format!("; those before record {} are no longer kept", grouped(first)),
    };
    render::line(&format!(
        "format {format}, decider {decider}, made by {made_by}\nscenario {scenario}\n{} records{since}",
        grouped(records)
    ));
    let rows = segments.into_iter().map(|segment| {
        let state = if segment.sealed { "sealed" } else { "open" };
        vec![segment.file, segment.first.to_string(), grouped(segment.bytes), state.into()]
    });
    render::line(table(&["segment", "from", "bytes", ""], rows.collect()).trim_end());
    Ok(Exit::Held)
}

fn segment(info: &SegmentInfo) -> Segment {
    let name = info.file.file_name().map(|name| name.to_string_lossy().into_owned());
    Segment {
        file: name.unwrap_or_default(),
        first: info.first.0,
        bytes: info.bytes,
        sealed: matches!(info.state, SegmentState::Sealed { .. }),
    }
}

fn mend(log: &Path) -> Result<Exit, Failure> {
    opened::log(log)?;
    let (_, recovered) = Writer::open(log, Options::default())?;
    render::line(&match recovered.cut_bytes {
        0 => format!("nothing to mend: {} whole records", grouped(recovered.next.0)),
        cut => format!("cut {cut} bytes behind {} whole records", grouped(recovered.next.0)),
    });
    Ok(Exit::Held)
}

#[cfg(test)]
mod tests {
    use periplus_core::ids::{ClusterId, SeriesId};
    use periplus_core::input::{Sight, SourceId};
    use periplus_core::units::MilliRps;

    #[test]
    fn programs_get_ids_and_not_the_differences_between_them() {
        let heard = Sight::Heartbeats(vec![ClusterId(3), ClusterId(5)]);
        let rates = vec![(SeriesId(7), MilliRps(250)), (SeriesId(9), MilliRps(0))];
        let asked = Sight::Demand { source: SourceId(1), rates };
        let json = |sight: &Sight| serde_json::to_string(sight).expect("it has no odd keys");
        assert_eq!(json(&heard), r#"{"Heartbeats":[3,5]}"#);
        assert_eq!(json(&asked), r#"{"Demand":{"source":1,"rates":[[7,250],[9,0]]}}"#);
        for sight in [heard, asked] {
            assert_eq!(serde_json::from_str::<Sight>(&json(&sight)).expect("as written"), sight);
        }
    }
}

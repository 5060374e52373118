//! `diff`: where two logs part, and where that led.

use std::collections::BTreeMap;

use periplus_core::units::Permille;
use periplus_core::{Record, State};
use periplus_journal::Records;
use serde::Serialize;

use crate::args::{DiffArgs, Format};
use crate::failure::{Exit, Failure};
use crate::names::Names;
use crate::opened;
use crate::render::{self, table};
use crate::wording::{events, part};

/// The version of this answer's shape.
const VERSION: u16 = 1;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    version: u16,
    equal: bool,
    first_difference: Option<First>,
    placements: Vec<Change>,
    routes: Vec<Change>,
}

#[derive(Serialize)]
struct First {
    seq: u64,
    at: u64,
    what: &'static str,
    a: String,
    b: String,
}

/// Something that is otherwise at the end of both logs.
#[derive(Serialize)]
struct Change {
    what: String,
    a: String,
    b: String,
}

pub(super) fn run(args: &DiffArgs) -> Result<Exit, Failure> {
    let mut a = Side::open(&args.a)?;
    let mut b = Side::open(&args.b)?;
    let mut first = None;
    loop {
        let (left, right) = (a.next()?, b.next()?);
        match (&left, &right) {
            (None, None) => break,
            _ if first.is_some() => {}
            (Some(left), Some(right)) => first = difference(left, right, &a.state, &b.state),
            (left, right) => first = Some(end(left.as_ref(), right.as_ref())),
        }
    }
    let answer = Answer {
        version: VERSION,
        equal: first.is_none(),
        first_difference: first,
        placements: changes(&placements(&a.state), &placements(&b.state)),
        routes: changes(&routes(&a.state), &routes(&b.state)),
    };
    match args.format {
        Format::Json => render::json(&answer)?,
        Format::Human => tell(&answer),
    }
    Ok(if answer.equal { Exit::Held } else { Exit::Failed })
}

struct Side {
    records: Records,
    state: State,
}

impl Side {
    fn open(log: &std::path::Path) -> Result<Self, Failure> {
        let (state, records) = opened::kept(&opened::log(log)?)?;
        Ok(Self { records, state })
    }

    /// The next record, folded into the state.
    fn next(&mut self) -> Result<Option<Record>, Failure> {
        let Some(record) = self.records.next().transpose()? else { return Ok(None) };
        self.state.fold(&record);
        Ok(Some(record))
    }
}

fn difference(a: &Record, b: &Record, left: &State, right: &State) -> Option<First> {
    let what = if a.at != b.at {
        "time"
    } else if a.input != b.input {
        "input"
    } else if a.events != b.events {
        "events"
    } else if a.effects != b.effects {
        "effects"
    } else if a.decisions != b.decisions {
        "decisions"
    } else {
        return None;
    };
    let (mut left, mut right) = (told(a, left), told(b, right));
    if left == right {
        // In words there is no difference: only the record itself shows it.
        (left, right) = render::parting(&format!("{a:?}"), &format!("{b:?}"));
    }
    Some(First { seq: a.seq.0, at: a.at.0, what, a: left, b: right })
}

/// A record in words: when it was made, its input, and what followed.
fn told(record: &Record, state: &State) -> String {
    let mut lines = Vec::new();
    events::tell(&record.as_ref(), state, &mut lines);
    lines.insert(0, format!("{} {}", record.at, events::kind(&record.input)));
    lines.join("; ")
}

/// One log ends before the other.
fn end(a: Option<&Record>, b: Option<&Record>) -> First {
    let told = |record: Option<&Record>| {
        record.map_or("(the end)".into(), |record| events::kind(&record.input))
    };
    let longer = a.or(b);
    First {
        seq: longer.map_or(0, |record| record.seq.0),
        at: longer.map_or(0, |record| record.at.0),
        what: "length",
        a: told(a),
        b: told(b),
    }
}

/// What runs where: group and cluster, with replicas.
fn placements(state: &State) -> BTreeMap<String, String> {
    let names = Names(state);
    let live = state.berths().filter(|(_, berth)| berth.is_live());
    live.map(|(_, berth)| {
        let what =
            format!("{} in {}", names.group(berth.app, berth.group), names.cluster(berth.cluster));
        (what, format!("{} replicas", berth.replicas()))
    })
    .collect()
}

/// Who is sent where.
fn routes(state: &State) -> BTreeMap<String, String> {
    let names = Names(state);
    let mut routes = BTreeMap::new();
    for series in state.series() {
        let what = format!("{} of {}", names.zone(series.spec.zone), names.app(series.spec.app));
        let routed = series.flow.shares.iter().filter(|share| share.routed > Permille::ZERO);
        let to: Vec<String> = routed
            .map(|share| {
                let cluster = names.cluster(state.berth(share.berth).cluster);
                format!("{cluster} {}", part(share.routed))
            })
            .collect();
        if !to.is_empty() {
            routes.insert(what, to.join(", "));
        }
    }
    routes
}

fn changes(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>) -> Vec<Change> {
    let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let side = |map: &BTreeMap<String, String>, key: &String| {
        map.get(key).map_or("—".into(), Clone::clone)
    };
    keys.into_iter()
        .filter(|key| a.get(*key) != b.get(*key))
        .map(|key| Change { what: key.clone(), a: side(a, key), b: side(b, key) })
        .collect()
}

fn tell(answer: &Answer) {
    let Some(first) = &answer.first_difference else {
        render::line("the logs are equal");
        return;
    };
    let First { seq, at, what, a, b } = first;
    let at = periplus_core::units::Tick(*at);
    render::line(&format!("first difference: record {seq} at {at}, {what}\n  a: {a}\n  b: {b}"));
    for (title, changes) in [("placement", &answer.placements), ("route", &answer.routes)] {
        if !changes.is_empty() {
            let rows = changes
                .iter()
                .map(|Change { what, a, b }| vec![what.clone(), a.clone(), b.clone()]);
            render::line("");
            render::line(table(&[title, "a", "b"], rows.collect()).trim_end());
        }
    }
}

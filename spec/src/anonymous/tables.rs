//! Tables: of each CSV file the columns that are used, with numbers as they are and names as they are called now.

use std::collections::BTreeMap;

use super::words::Words;
use crate::bundle::Bundle;
use crate::draft::{CarbonDraft, Document, LastsDraft, ModelDraft, ShareDraft};
use crate::values::Bound;

/// A place that names a table, and what it takes from it.
struct Use<'b> {
    file: &'b str,
    columns: Vec<Column<'b>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Column<'b> {
    Numbers(&'b str),
    /// Names of clusters and zones, or values of their labels.
    Places(&'b str),
    /// Numbers, in columns that are called like zones.
    Zones,
}

/// The columns of a table as they become.
type Columns = Vec<(String, Vec<String>)>;

/// The tables of `after`, from those of `before`, which says the same under its own names.
pub(super) fn replaced(before: &Bundle, after: &Bundle, words: &Words) -> BTreeMap<String, String> {
    let mut tables: BTreeMap<&str, Columns> = BTreeMap::new();
    for (old, new) in uses(before).iter().zip(&uses(after)) {
        let Some(text) = before.tables.get(old.file) else { continue };
        let taken = taken(&rows(text), old, new, words);
        let table = tables.entry(new.file).or_default();
        for (name, cells) in taken {
            if table.iter().all(|(known, _)| *known != name) {
                table.push((name, cells));
            }
        }
    }
    tables.into_iter().map(|(file, columns)| (file.to_owned(), written(&columns))).collect()
}

/// What one place takes from a table: rows that are about places which do not exist are left out.
fn taken(rows: &[Vec<String>], old: &Use<'_>, new: &Use<'_>, words: &Words) -> Columns {
    let Some((heads, rows)) = rows.split_first() else { return Columns::new() };
    let mut columns: Vec<(String, usize, Column<'_>)> = Vec::new();
    for (from, to) in old.columns.iter().zip(&new.columns) {
        let all = heads.iter().enumerate();
        match (from, to) {
            (
                Column::Numbers(name) | Column::Places(name),
                Column::Numbers(to) | Column::Places(to),
            ) => {
                let found = all.clone().find(|(_, head)| head == name);
                columns.extend(found.map(|(place, _)| ((*to).to_owned(), place, *from)));
            }
            (Column::Zones, _) | (_, Column::Zones) => columns.extend(
                all.filter_map(|(place, head)| Some((words.known(head)?.into(), place, *from))),
            ),
        }
    }
    let is_known = |row: &&Vec<String>| {
        let mut places =
            columns.iter().filter(|(_, _, column)| matches!(column, Column::Places(_)));
        places.all(|(_, place, _)| words.known(&row[*place]).is_some())
    };
    let kept: Vec<&Vec<String>> = rows.iter().filter(is_known).collect();
    let cells = |place: usize, column: Column<'_>| {
        let cells = kept.iter().map(|row| row[place].as_str());
        let cells = cells.map(|cell| match column {
            Column::Places(_) => words.known(cell).unwrap_or(""),
            Column::Numbers(_) | Column::Zones if cell.parse::<Bound>().is_ok() => cell,
            Column::Numbers(_) | Column::Zones => "",
        });
        cells.map(str::to_owned).collect()
    };
    columns.into_iter().map(|(name, place, column)| (name, cells(place, column))).collect()
}

/// Every place that names a table, in the order of the documents.
fn uses(bundle: &Bundle) -> Vec<Use<'_>> {
    let spec = &bundle.scenario.spec;
    let demand = spec.demand.iter().filter_map(|demand| {
        let ModelDraft::Trace(trace) = &demand.model else { return None };
        let columns = match (demand.share, &trace.column) {
            (ShareDraft::Column, _) => vec![Column::Zones],
            (_, column) => column.iter().map(|column| Column::Numbers(column)).collect(),
        };
        Some(Use { file: &trace.file, columns })
    });
    let ways = spec.reach.table.iter().map(|table| Use {
        file: &table.file,
        columns: vec![
            Column::Places(&table.from),
            Column::Places(&table.to),
            Column::Numbers(&table.ms),
        ],
    });
    let failures = spec.ensemble.failures.iter().filter_map(|failure| {
        let LastsDraft::Recorded(recorded) = &failure.lasts else { return None };
        Some(Use { file: &recorded.file, columns: vec![Column::Numbers(&recorded.column)] })
    });
    let declared = spec.timeline.iter().filter_map(|moment| moment.declare.as_ref()).flatten();
    let carbon = declared.chain(&bundle.documents).filter_map(|document| {
        let Document::Cluster(cluster) = document else { return None };
        let CarbonDraft::Trace(trace) = &cluster.spec.power.carbon else { return None };
        Some(Use { file: &trace.file, columns: vec![Column::Numbers(&trace.column)] })
    });
    demand.chain(ways).chain(failures).chain(carbon).collect()
}

/// The cells of a CSV file, the first line among them.
fn rows(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new();
    let reader = reader.trim(csv::Trim::All).has_headers(false).from_reader(text.as_bytes());
    let rows = reader.into_records().flatten();
    rows.map(|row| row.iter().map(str::to_owned).collect()).collect()
}

fn written(columns: &[(String, Vec<String>)]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let count = columns.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
    let heads = columns.iter().map(|(name, _)| name.as_str());
    let mut all = vec![heads.collect::<Vec<_>>()];
    all.extend((0..count).map(|row| {
        columns.iter().map(|(_, cells)| cells.get(row).map_or("", String::as_str)).collect()
    }));
    for row in all {
        writer.write_record(row).expect("memory takes every row");
    }
    let bytes = writer.into_inner().expect("memory takes every row");
    String::from_utf8(bytes).expect("texts are UTF-8")
}

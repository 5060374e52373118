//! The summary of a run: a page for people, JSON for programs.

use std::fmt::Write as _;
use std::time::Duration;

use periplus_sim::summary::{Account, Waits};
use periplus_sim::{Outcome, Summary};
use periplus_spec::scenario::Scenario;
use serde::Serialize;

use crate::render::{grouped, percent, strong, table};

/// A summary as programs get it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    digest: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    clocked: Option<Clocked>,
}

/// How fast a run was. Not part of what is kept: equal runs are equal to the byte.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Clocked {
    wall_seconds: f64,
    inputs_per_second: f64,
}

impl Clocked {
    pub(crate) fn new(took: Duration, inputs: u64) -> Self {
        let seconds = took.as_secs_f64();
        Self { wall_seconds: seconds, inputs_per_second: inputs as f64 / seconds.max(1e-9) }
    }
}

impl<'a> Answer<'a> {
    pub(crate) fn new(outcome: &'a Outcome, clocked: Option<Clocked>) -> Self {
        Self { summary: &outcome.summary, digest: outcome.digest.to_string(), clocked }
    }
}

/// The summary as people read it.
pub(crate) fn page(scenario: &Scenario, outcome: &Outcome, clocked: &Clocked) -> String {
    let summary = &outcome.summary;
    let mut text = String::new();
    let title = format!(
        "{}: {} of {}, {}, {}",
        summary.scenario,
        hours(summary.hours),
        counted(scenario.fleet.clusters.len(), "cluster"),
        counted(scenario.fleet.zones.len(), "zone"),
        counted(scenario.fleet.apps.len(), "app")
    );
    writeln!(text, "{}\n", strong(&title)).expect(FITS);
    text += &promise(&summary.all);
    text.push('\n');
    text += &table(
        &[],
        vec![
            row("placements", count(summary.placements), "removals", count(summary.removals)),
            row("moves", count(summary.moves), "bursts", count(summary.bursts)),
            row(
                "preemptions",
                count(summary.preemptions),
                "cold starts",
                count(summary.all.cold_starts),
            ),
            row("commits", count(summary.commits), "alerts", count(summary.alerts)),
        ],
    );
    writeln!(text, "\ndemand to ready  {}", waits(&summary.demand_to_ready)).expect(FITS);
    if summary.apps.len() > 1 {
        text.push('\n');
        text += &by_app(summary);
    }
    if let Some(worst) = summary.worst_zones.first().filter(|zone| zone.slo.attainment < 0.999) {
        writeln!(
            text,
            "\nworst zone       {} at {} of its promise, p99 {}",
            worst.zone,
            percent(worst.slo.attainment),
            millis(worst.latency.p99_ms)
        )
        .expect(FITS);
    }
    writeln!(text, "\nstate digest     {}", outcome.digest).expect(FITS);
    write!(
        text,
        "{} inputs in {} records, {} inputs/s",
        grouped(summary.machine.inputs),
        grouped(summary.machine.records),
        compact(clocked.inputs_per_second)
    )
    .expect(FITS);
    text
}

const FITS: &str = "a string takes every character";

/// How the promise was kept, and what that cost.
fn promise(all: &Account) -> String {
    let Account { requests, slo, latency, cost, energy, carbon, cold_starts: _ } = all;
    let part = |amount: f64| {
        let whole = requests.offered.max(1.0);
        format!("{} ({})", big(amount), percent(amount / whole))
    };
    let mut rows = vec![
        vec!["promise kept".into(), percent(slo.attainment), String::new()],
        vec![
            "requests".into(),
            big(requests.offered),
            format!("unserved {}", part(requests.unserved)),
        ],
    ];
    if requests.dormant > 0.0 {
        rows.push(vec![
            String::new(),
            String::new(),
            format!("of these dormant {}", big(requests.dormant)),
        ]);
    }
    rows.extend([
        vec![
            "latency".into(),
            format!("p50 {}", millis(latency.p50_ms)),
            format!("p95 {}  p99 {}", millis(latency.p95_ms), millis(latency.p99_ms)),
        ],
        vec![
            "cost".into(),
            dollars(cost.total),
            format!(
                "compute {}  active {}  egress {}",
                dollars(cost.compute),
                dollars(cost.fixed),
                dollars(cost.egress)
            ),
        ],
        vec![
            "energy".into(),
            format!("{:.2} kWh", energy.kwh),
            format!("{:.2} kg CO2e", carbon.kg),
        ],
    ]);
    left(&rows)
}

fn by_app(summary: &Summary) -> String {
    let rows = summary.apps.iter().map(|(name, account)| {
        vec![
            name.clone(),
            percent(account.slo.attainment),
            big(account.requests.offered),
            big(account.requests.unserved),
            millis(account.latency.p95_ms),
            dollars(account.cost.total),
        ]
    });
    table(&["app", "promise kept", "requests", "unserved", "p95", "cost"], rows.collect())
}

/// Columns to the left, two spaces between them.
fn left(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        writeln!(text, "{}", line.trim_end()).expect(FITS);
    }
    text
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

fn row(name: &str, value: String, other: &str, amount: String) -> Vec<String> {
    vec![name.into(), value, other.into(), amount]
}

fn count(count: u64) -> String {
    grouped(count)
}

fn waits(waits: &Waits) -> String {
    if waits.count == 0 {
        return "nobody had to wait".into();
    }
    format!("p50 {:.0} s  p95 {:.0} s  longest {:.0} s", waits.p50_s, waits.p95_s, waits.max_s)
}

fn hours(hours: f64) -> String {
    if hours >= 1.0 { format!("{hours:.0} h") } else { format!("{:.0} min", hours * 60.0) }
}

fn millis(millis: f64) -> String {
    if millis < 100.0 { format!("{millis:.1} ms") } else { format!("{millis:.0} ms") }
}

fn dollars(dollars: f64) -> String {
    if dollars.abs() < 1.0 { format!("${dollars:.4}") } else { format!("${dollars:.2}") }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, rounded")]
fn big(amount: f64) -> String {
    grouped(amount.max(0.0).round() as u64)
}

fn compact(rate: f64) -> String {
    match rate {
        rate if rate >= 1e6 => format!("{:.2} M", rate / 1e6),
        rate if rate >= 1e3 => format!("{:.0} k", rate / 1e3),
        rate => format!("{rate:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_keep_their_digits() {
        assert_eq!([0.25, 3.5, 48.0].map(hours), ["15 min", "4 h", "48 h"]);
        assert_eq!([2.049, 99.94, 250.4].map(millis), ["2.0 ms", "99.9 ms", "250 ms"]);
        assert_eq!([0.012_34, 1.256, -3.0].map(dollars), ["$0.0123", "$1.26", "$-3.00"]);
        assert_eq!([12.0, 4_500.0, 2.5e6].map(compact), ["12", "4 k", "2.50 M"]);
        assert_eq!(
            [(1, "1 app"), (2, "2 apps")].map(|(n, told)| counted(n, "app") == told),
            [true; 2]
        );
    }

    #[test]
    fn columns_stand_to_the_left() {
        let rows = [["a", "1"], ["long", "22"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(left(&rows), "a     1\nlong  22\n");
    }
}

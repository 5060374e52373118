//! The hours of a run: what a story says where there is too much to tell it line by line.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use periplus_core::State;
use periplus_core::event::Event;
use periplus_core::state::FlowId;
use periplus_core::units::Tick;

use crate::names::Names;
use crate::wording::clock;

/// How many names a line has at the most.
const NAMES_MAX: usize = 4;

const HOUR_MS: u64 = 3_600_000;

/// What happened, hour by hour.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hours(BTreeMap<u64, Hour>);

/// What happened within one hour.
#[derive(Clone, Debug, Default)]
struct Hour {
    /// Whose users have become enough to be served, and whose are no longer.
    woke: usize,
    slept: usize,
    /// Groups that were running before anything was known.
    ran: usize,
    /// Where groups started, and which they left.
    started: BTreeMap<String, Vec<String>>,
    left: BTreeMap<String, Vec<String>>,
    /// Flows that were sent another way, and those of them that went to several clusters.
    sent: usize,
    split: usize,
    told: Vec<String>,
}

impl Hours {
    /// Takes in a fact, if it counts.
    #[expect(clippy::wildcard_enum_match_arm, reason = "these few facts say how much happened")]
    pub(crate) fn follow(&mut self, at: Tick, event: &Event, state: &State) {
        let names = Names(state);
        match event {
            Event::SeriesAwoke { .. } => self.at(at).woke += 1,
            Event::SeriesSlept { .. } => self.at(at).slept += 1,
            Event::BerthOpened { app, group, cluster, .. } => {
                let started = &mut self.at(at).started;
                let there = started.entry(names.group(*app, *group)).or_default();
                there.push(names.cluster(*cluster).to_owned());
            }
            // It was not opened, nor did its users only wake: they were there before.
            Event::BerthAdopted { berth, .. } => {
                let Some(entry) = state.try_berth(*berth) else { return };
                let hour = self.at(at);
                hour.ran += 1;
                let group = names.group(entry.app, entry.group);
                if let Some(there) = hour.started.get_mut(&group) {
                    there.pop();
                    if there.is_empty() {
                        hour.started.remove(&group);
                    }
                }
            }
            Event::FlowAdopted { flow: FlowId::Series(_) } => self.at(at).woke -= 1,
            Event::BerthLeaving { berth, .. } => {
                let Some(entry) = state.try_berth(*berth) else { return };
                let left = &mut self.at(at).left;
                let there = left.entry(names.group(entry.app, entry.group)).or_default();
                there.push(names.cluster(entry.cluster).to_owned());
            }
            Event::RouteIssued { weights, .. } => {
                let hour = self.at(at);
                hour.sent += 1;
                hour.split += usize::from(weights.len() > 1);
            }
            _ => {}
        }
    }

    /// Takes in a line that stands for itself.
    pub(crate) fn tell(&mut self, at: Tick, line: String) {
        self.at(at).told.push(line);
    }

    fn at(&mut self, at: Tick) -> &mut Hour {
        self.0.entry(at.0 / HOUR_MS).or_default()
    }

    /// One line for each hour in which something happened.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (hour, happened) in &self.0 {
            let at = clock(Tick(hour * HOUR_MS));
            for line in happened.told.iter().cloned().chain(happened.line()) {
                writeln!(text, "{at:>8}  {line}").expect("a string takes every character");
            }
        }
        text
    }
}

impl Hour {
    fn line(&self) -> Option<String> {
        let Self { woke, slept, ran, started, left, sent, split, told: _ } = self;
        let mut parts = Vec::new();
        let mut count = |count: usize, what: &str| {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        };
        count(*ran, "groups run already");
        count(*woke, "zones wake");
        count(*slept, "zones fall asleep");
        count(*sent, "flows are sent another way");
        count(*split, "of them in parts");
        parts.extend(
            started.iter().map(|(group, there)| format!("{group} starts in {}", few(there))),
        );
        parts.extend(left.iter().map(|(group, there)| format!("{group} leaves {}", few(there))));
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// The first few names, and how many more there are.
fn few(names: &[String]) -> String {
    match names.len().saturating_sub(NAMES_MAX) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names[..NAMES_MAX].join(", ")),
    }
}

//! The story of a run: what happened, as lines that people read. Goldens are made of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::vec::Drain;

use periplus_core::event::Event;
use periplus_core::ids::{BerthId, SeriesId};
use periplus_core::units::Tick;
use periplus_core::{RecordRef, Sink, SinkFault, State};

use crate::hours::Hours;
use crate::names::Names;
use crate::wording::{clock, events, rate};

/// What happened, line by line.
#[derive(Clone, Debug, Default)]
pub struct Story {
    lines: Vec<(Tick, String)>,
    teller: Teller,
    /// The same in short.
    hours: Hours,
}

/// Tells of records, one after the other. It remembers no more than it needs for that.
#[derive(Clone, Debug, Default)]
pub(crate) struct Teller {
    told: Vec<String>,
    /// What is said when a berth has gone: the state has forgotten it by then.
    berths: BTreeMap<BerthId, String>,
    /// Whose users are being served or to be.
    awake: BTreeSet<SeriesId>,
}

impl Story {
    /// The lines and when they happened.
    #[must_use]
    pub fn lines(&self) -> &[(Tick, String)] {
        &self.lines
    }

    /// Hands over the lines that have come up and forgets them.
    pub fn take(&mut self, mut each: impl FnMut(Tick, &str)) {
        self.lines.drain(..).for_each(|(at, line)| each(at, &line));
    }

    /// Puts in what the world did, which no log says.
    pub fn interject(&mut self, at: Tick, line: String) {
        self.hours.tell(at, line.clone());
        let place = self.lines.partition_point(|(when, _)| *when < at);
        self.lines.insert(place, (at, line));
    }

    /// The lines as text; hour by hour, if there are more than `limit`.
    #[must_use]
    pub fn text(&self, limit: usize) -> String {
        if self.lines.len() > limit {
            return self.hours.text();
        }
        let mut text = String::new();
        for (at, line) in &self.lines {
            let at = clock(*at);
            writeln!(text, "{at:>8}  {line}").expect("a string takes every character");
        }
        text
    }
}

impl Teller {
    /// The lines of a record.
    pub(crate) fn tell(&mut self, record: &RecordRef<'_>, state: &State) -> Drain<'_, String> {
        for event in record.events {
            self.follow(event, state);
            self.told.extend(events::fact(event, record, state));
        }
        events::tell_decisions(record, state, &mut self.told);
        self.told.drain(..)
    }

    /// Tells of an end that only those know who have seen the beginning.
    #[expect(clippy::wildcard_enum_match_arm, reason = "users and berths begin and end with these")]
    fn follow(&mut self, event: &Event, state: &State) {
        let names = Names(state);
        match event {
            Event::SeriesAwoke { series } => {
                self.awake.insert(*series);
            }
            // Users who were about to be enough, and then were not, are no story.
            Event::SeriesSlept { series } if self.awake.remove(series) => {
                let entry = &state.series()[series.index()];
                let (zone, app) = (names.zone(entry.spec.zone), names.app(entry.spec.app));
                let rate = rate(entry.flow.rate);
                self.told.push(format!("{zone} asks for {app} no more: {rate}"));
            }
            Event::AppWithdrawn { app } => {
                state.app(*app).series.iter().for_each(|series| {
                    self.awake.remove(series);
                });
            }
            Event::BerthOpened { berth, app, group, cluster } => {
                let (group, cluster) = (names.group(*app, *group), names.cluster(*cluster));
                self.berths.insert(*berth, format!("{group} is gone from {cluster}"));
            }
            Event::BerthRemoved { berth } => self.told.extend(self.berths.remove(berth)),
            _ => {}
        }
    }
}

impl Sink for Story {
    fn accept(&mut self, record: &RecordRef<'_>, state: &State) -> Result<(), SinkFault> {
        for event in record.events {
            self.hours.follow(record.at, event, state);
        }
        for line in self.teller.tell(record, state) {
            let line = (record.at, line);
            // Several pushes may fail at once for the same reason.
            if self.lines.last() != Some(&line) {
                self.lines.push(line);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn story() -> Story {
        let lines = [(1_000, "a"), (1_000, "b"), (3_500, "c")];
        let lines = lines.map(|(at, line)| (Tick(at), line.to_owned()));
        Story { lines: lines.into(), ..Story::default() }
    }

    #[test]
    fn what_the_world_did_comes_before_what_followed_at_the_same_time() {
        let mut story = story();
        story.interject(Tick(1_000), "-- cut".into());
        story.interject(Tick(9_000), "-- end".into());
        let told: Vec<&str> = story.lines().iter().map(|(_, line)| line.as_str()).collect();
        assert_eq!(told, ["-- cut", "a", "b", "c", "-- end"]);
    }

    #[test]
    fn a_story_that_is_short_enough_is_told_line_by_line() {
        assert_eq!(story().text(3), "00:00:01  a\n00:00:01  b\n00:00:03  c\n");
    }

    #[test]
    fn lines_are_handed_over_once() {
        let mut story = story();
        let mut told = Vec::new();
        story.take(|at, line| told.push(format!("{at} {line}")));
        story.take(|_, line| told.push(line.into()));
        assert_eq!(told, ["00:00:01 a", "00:00:01 b", "00:00:03.500 c"]);
    }
}

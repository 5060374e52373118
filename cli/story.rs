//! The story of a run: what happened, as lines that people read. Goldens are made of it.

use std::fmt::Write as _;

use periplus_core::units::Tick;
use periplus_core::{RecordRef, Sink, SinkFault, State};

use crate::wording::events;

/// What happened, line by line.
#[derive(Clone, Debug, Default)]
pub struct Story {
    lines: Vec<(Tick, String)>,
    /// Room for the lines of one record.
    told: Vec<String>,
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
        let place = self.lines.partition_point(|(when, _)| *when < at);
        self.lines.insert(place, (at, line));
    }

    /// The first `limit` lines as text, and how many more there are.
    #[must_use]
    pub fn text(&self, limit: usize) -> String {
        let mut text = String::new();
        for (at, line) in self.lines.iter().take(limit) {
            let at = at.to_string();
            writeln!(text, "{at:<12}  {line}").expect("a string takes every character");
        }
        if let Some(more) = self.lines.len().checked_sub(limit).filter(|more| *more > 0) {
            writeln!(text, "{:<12}  … and {more} lines more", "").expect("as above");
        }
        text
    }
}

impl Sink for Story {
    fn accept(&mut self, record: &RecordRef<'_>, state: &State) -> Result<(), SinkFault> {
        events::tell(record, state, &mut self.told);
        self.lines.extend(self.told.drain(..).map(|line| (record.at, line)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn story() -> Story {
        let lines = [(1_000, "a"), (1_000, "b"), (3_500, "c")];
        let lines = lines.map(|(at, line)| (Tick(at), line.to_owned()));
        Story { lines: lines.into(), told: Vec::new() }
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
    fn a_long_story_is_cut_and_says_so() {
        let told = "00:00:01      a\n00:00:01      b\n              … and 1 lines more\n";
        assert_eq!(story().text(2), told);
        assert_eq!(story().text(3).lines().last(), Some("00:00:03.500  c"));
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

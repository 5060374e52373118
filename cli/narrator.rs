//! What a service tells of what happens: each line goes into its own log at once, and into the next commit's message.

use std::collections::VecDeque;

use periplus_core::{RecordRef, State};
use periplus_git::Line;
use periplus_live::desk::Narrator;
use periplus_spec::values::Timestamp;

use crate::story::Teller;

/// How many lines are kept until somebody asks; where nothing is committed for long, the oldest go.
const LINES_MAX: usize = 1_000;

/// Tells what happens, by the calendar.
#[derive(Debug)]
pub(crate) struct Voice {
    teller: Teller,
    lines: VecDeque<Line>,
    epoch_unix_ms: i64,
}

impl Voice {
    /// Begins to tell of a log whose tick 0 is `epoch_unix_ms`.
    pub(crate) fn new(epoch_unix_ms: i64) -> Self {
        Self { teller: Teller::default(), lines: VecDeque::new(), epoch_unix_ms }
    }
}

impl Narrator for Voice {
    fn hear(&mut self, record: &RecordRef<'_>, state: &State) {
        let at = self.epoch_unix_ms.saturating_add_unsigned(record.at.0);
        for text in self.teller.tell(record, state) {
            let line = Line { clock: Timestamp(at).to_string(), text };
            // Several pushes may fail at once for the same reason.
            if self.lines.back() == Some(&line) {
                continue;
            }
            tracing::info!(record = record.seq.0, "{}", line.text);
            if self.lines.len() == LINES_MAX {
                self.lines.pop_front();
            }
            self.lines.push_back(line);
        }
    }

    fn lines(&mut self) -> Vec<Line> {
        self.lines.drain(..).collect()
    }
}

//! The bar of a study on a terminal.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use crate::whatif::runs::Watch;

/// Runs done, and an estimate of what remains.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    pub(crate) fn new() -> Self {
        let hidden = !std::io::stderr().is_terminal();
        let bar = if hidden { ProgressBar::hidden() } else { ProgressBar::new(0) };
        let style = ProgressStyle::with_template("{pos:>5} of {len} runs {wide_bar} {eta} left");
        bar.set_style(style.expect("the template is right").progress_chars("━╸─"));
        Self(bar)
    }

    /// Everything is done.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

impl Watch for Bar {
    fn done(&mut self, runs: usize, of: usize) {
        self.0.set_length(of as u64);
        self.0.set_position(runs as u64);
    }
}

//! `completions` and `man`: what shells and `man` know of the command line.

use std::path::Path;

use clap_complete::Shell;

use crate::args::command;
use crate::failure::{Exit, Failure};
use crate::render;

pub(super) fn completions(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "periplus", &mut script);
    render::line(String::from_utf8_lossy(&script).trim_end());
    Ok(Exit::Held)
}

pub(super) fn pages(out: &Path) -> Result<Exit, Failure> {
    let failed = |error: std::io::Error| Failure::io("write manual pages to", out, &error);
    std::fs::create_dir_all(out).map_err(failed)?;
    clap_mangen::generate_to(command(), out).map_err(failed)?;
    Ok(Exit::Held)
}

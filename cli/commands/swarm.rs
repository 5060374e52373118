//! `swarm`: worlds drawn from seeds, troubled, and checked.

use crate::args::SwarmArgs;
use crate::failure::{Exit, Failure};

pub(super) fn run(_: &SwarmArgs) -> Result<Exit, Failure> {
    Ok(Exit::Held)
}

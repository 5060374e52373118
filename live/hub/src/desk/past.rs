//! The log of a desk as it was left: what tells it from others, the state at its end, and how much of a change it has.

use std::path::Path;

use periplus_core::ids::Seq;
use periplus_core::replay::Divergence;
use periplus_core::units::Tick;
use periplus_core::{Input, State};
use periplus_journal::{Fsync, Header, Options, Reader};

use super::DeskFault;

/// How the log of a service is written.
pub(crate) fn log_options() -> Options {
    Options { fsync: Fsync::OnSeal, ..Options::default() }
}

/// What tells a log from others, in few letters.
pub(crate) fn identity(header: &Header) -> String {
    let Header { scenario, epoch_unix_ms, .. } = header;
    format!("{:08x}-{epoch_unix_ms:x}", scenario >> 96)
}

/// The state at the end of a log: the last snapshot, and what came after it.
pub(crate) fn state_of(log: &Path) -> Result<State, DeskFault> {
    let reader = Reader::open(log)?;
    let Some(last) = reader.last_seq()? else { return Ok(State::default()) };
    let start = reader.nearest_snapshot(last)?;
    let mut state = start.state;
    for record in reader.records_from(start.seq) {
        let record = record?;
        let at = record.seq;
        let why = |divergence: Divergence| DeskFault::State { at, why: divergence.to_string() };
        state.fold_checked(&record).map_err(why)?;
    }
    Ok(state)
}

/// How many of these inputs a log has at a time.
pub(super) fn told_at(log: &Path, at: Tick, inputs: &[Input]) -> Result<usize, DeskFault> {
    let reader = Reader::open(log)?;
    let mut told = 0;
    let from = reader.last_seq()?.map_or(Seq(0), |last| {
        // It is among the last records, or in them: nothing else has its time.
        Seq(last.0.saturating_sub(inputs.len() as u64))
    });
    let from = from.max(reader.beginning()?.seq);
    for record in reader.records_from(from) {
        let record = record?;
        if record.at == at && inputs.get(told) == Some(&record.input) {
            told += 1;
        }
    }
    Ok(told)
}

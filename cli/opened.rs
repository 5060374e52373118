//! Opening a log that was named on the command line, or saying what is there instead.

use std::path::Path;

use periplus_core::State;
use periplus_journal::{Fault, NotALog, Reader, Records};

use crate::failure::Failure;

/// The folder of the log in the folder of a run.
pub(crate) const LOG: &str = "run.log";

/// Opens the log in `folder` for reading.
pub(crate) fn log(folder: &Path) -> Result<Reader, Failure> {
    if !folder.is_dir() {
        let there = if folder.exists() { "is a file" } else { "is not there" };
        return Err(Failure::Usage {
            message: format!("{} {there}", folder.display()),
            hint: format!("name the folder of a log, such as DIR/{LOG}"),
        });
    }
    let inside = folder.join(LOG);
    Reader::open(folder).map_err(|fault| {
        let empty = matches!(fault, Fault::NotALog { what: NotALog::NoSegments, .. });
        if empty && inside.is_dir() {
            let message = format!("{} is a run; its log is a folder in it", folder.display());
            let hint = format!("did you mean `{}`?", inside.display());
            return Failure::Usage { message, hint };
        }
        fault.into()
    })
}

/// All records that a log keeps, and the state that they begin with: nothing, unless the first are no longer kept.
pub(crate) fn kept(reader: &Reader) -> Result<(State, Records), Failure> {
    let start = reader.beginning()?;
    Ok((start.state, reader.records_from(start.seq)))
}

//! Opening a log that was named on the command line, or saying what is there instead.

use std::path::Path;

use periplus_journal::{Fault, NotALog, Reader};

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

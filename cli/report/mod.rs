//! Reports: a study as one page that opens offline.
//!
//! The page gets everything as JSON and draws it by itself. Differences are those of all runs. What happened hour by
//! hour is told of one seed, the first, which is run again for it.
//!
//! | file | what it owns |
//! |---|---|
//! | `data` | what the page is told |
//! | `gather` | from a study to that |
//! | `follow` | some runs again, each beside the first |
//! | `course` | one run, looked at closely |
//! | `series`, `hours` | its intervals; where its users were served, hour by hour |
//! | `flows`, `parting` | who served whom, and where two runs part |
//! | `bills` | why, in both |
//! | `sentence` | what came out, in words |
//! | `short` | numbers and names of few letters |
//! | `page` | the file |
//! | `page.html`, `*.css`, `*.js`, `vendor/` | what is in it |

mod bills;
mod course;
mod data;
mod flows;
mod follow;
mod gather;
mod hours;
mod page;
mod parting;
mod sentence;
mod series;
mod short;

use std::path::Path;

pub(crate) use self::gather::{Asked, Planned, gather};

use self::data::ReportData;
use crate::failure::Failure;

/// Writes the page to `path`.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write(path: &Path, data: &ReportData) -> Result<(), Failure> {
    std::fs::write(path, page::html(data)).map_err(|error| Failure::io("write", path, &error))
}

//! Traces: a column of a CSV file as a series of numbers in equal steps.

use std::sync::Arc;

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::files::{Files, relative};
use crate::values::{Bound, Duration};
use crate::yaml::Cursor;

/// Which column of which file, and where the scenario starts in it.
pub(crate) struct Trace<'a> {
    pub(crate) file: &'a str,
    pub(crate) column: &'a str,
    pub(crate) step: Duration,
    pub(crate) skip: Duration,
}

/// The numbers of a column, beginning where the scenario starts and going round. An empty cell repeats the
/// one before it; what comes before the first number is 0.
pub(crate) fn cells(
    files: &mut Files,
    trace: &Trace<'_>,
    path: &str,
    here: Cursor<'_>,
) -> Result<Arc<[f64]>, Vec<Diagnostic>> {
    if trace.step.0.0 == 0 {
        let wrong = here.key("step").error(Code::OutOfRange, "a step must be longer than nothing");
        return Err(vec![wrong]);
    }
    let named = here.key("file");
    let path = relative(path, trace.file, named).map_err(|wrong| vec![wrong])?;
    let table = files.table(&path, named).map_err(|wrong| vec![wrong])?;
    let column = table.column(trace.column, here.key("column")).map_err(|wrong| vec![wrong])?;
    let mut values = Vec::with_capacity(table.rows.len());
    let mut wrong = Vec::new();
    for (row, cells) in table.rows.iter().enumerate() {
        let cell = cells.get(column).unwrap_or("");
        let value = match cell {
            "" => values.last().copied(),
            cell => match cell.parse::<Bound>() {
                Ok(Bound(value)) if value >= 0.0 => Some(value),
                Ok(_) | Err(_) => {
                    let what =
                        format!("`{cell}` under `{}` is not a number of at least 0", trace.column);
                    wrong.push(table.bad_row(row, &what, named));
                    None
                }
            },
        };
        values.push(value.unwrap_or(0.0));
    }
    if values.is_empty() {
        wrong.push(named.error(Code::BadRow, format!("`{}` has no rows", table.name)));
    }
    if !wrong.is_empty() {
        wrong.truncate(BAD_ROWS_MAX);
        return Err(wrong);
    }
    let steps = trace.skip.0.0 / trace.step.0.0 % values.len() as u64;
    values.rotate_left(usize::try_from(steps).unwrap_or(0));
    Ok(values.into())
}

/// One wrong row is usually followed by others that are wrong in the same way.
const BAD_ROWS_MAX: usize = 3;

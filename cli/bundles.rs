//! Scenarios in one piece on disk: named, written whole or not at all.

use std::path::{Path, PathBuf};

use periplus_spec::Bundle;
use periplus_spec::values::Name;

use crate::failure::Failure;
use crate::render::{grouped, table};

/// What becomes of a scenario that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    Kept,
    WrittenOver,
}

/// The name that a scenario in the file at `path` has.
///
/// # Errors
/// The file is not called as a scenario can be.
pub(crate) fn name(path: &Path) -> Result<Name, Failure> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let is_yaml = path.extension().is_some_and(|end| end == "yaml");
    match stem.parse::<Name>() {
        Ok(name) if is_yaml => Ok(name),
        Ok(_) | Err(_) => Err(Failure::Usage {
            message: format!("{} is no name for a scenario's file", path.display()),
            hint: "name it in small letters, digits and dashes, as in `evening-peak.yaml`".into(),
        }),
    }
}

/// Refuses to write over what is there.
///
/// # Errors
/// Something is.
pub(crate) fn require_free(path: &Path, existing: Existing) -> Result<(), Failure> {
    if path.exists() && existing == Existing::Kept {
        return Err(Failure::Usage {
            message: format!("{} is there already", path.display()),
            hint: "name another file, or write over it with `--force`".into(),
        });
    }
    Ok(())
}

/// Writes a scenario: its tables first, so that it is there once all of it is. Gives what was written, and how many
/// bytes each has.
///
/// # Errors
/// A file cannot be written, or the scenario does not say what it said in memory.
pub(crate) fn write(bundle: &Bundle, path: &Path) -> Result<Vec<(PathBuf, usize)>, Failure> {
    let beside = path.parent().unwrap_or(Path::new(""));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let files = bundle.files(&name);
    let mut written = Vec::new();
    for (file, text) in files.iter().rev() {
        let to = beside.join(file);
        let folder = to.parent().unwrap_or(beside);
        if !folder.as_os_str().is_empty() {
            std::fs::create_dir_all(folder).map_err(|error| Failure::io("make", folder, &error))?;
        }
        let aside = to.with_extension("tmp");
        std::fs::write(&aside, text).map_err(|error| Failure::io("write", &aside, &error))?;
        std::fs::rename(&aside, &to).map_err(|error| Failure::io("write", &to, &error))?;
        written.push((to, text.len()));
    }
    written.reverse();
    Ok(written)
}

/// Removes tables that a scenario no longer has, and the folder that they were in once it is empty.
///
/// # Errors
/// A file cannot be removed.
pub(crate) fn remove<'p>(files: impl Iterator<Item = &'p PathBuf>) -> Result<(), Failure> {
    for file in files {
        std::fs::remove_file(file).map_err(|error| Failure::io("remove", file, &error))?;
        // A folder that holds something else stays.
        file.parent().map(std::fs::remove_dir);
    }
    Ok(())
}

/// What was written, for people.
pub(crate) fn told(files: &[(PathBuf, usize)]) -> String {
    let rows = files.iter().map(|(path, bytes)| {
        vec![path.display().to_string(), format!("{} bytes", grouped(*bytes as u64))]
    });
    table(&[], rows.collect()).trim_end().to_owned()
}

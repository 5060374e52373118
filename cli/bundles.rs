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

/// Makes sure that nothing is written over: neither the scenario nor anything in the folder that its tables go into.
/// Gives the tables of the scenario that may be written over.
///
/// # Errors
/// Something is there that is not to be lost.
pub(crate) fn make_room(path: &Path, existing: Existing) -> Result<Vec<PathBuf>, Failure> {
    let tables = path.with_extension("");
    match existing {
        Existing::Kept => match [path, &tables].into_iter().find(|there| there.exists()) {
            None => Ok(Vec::new()),
            Some(there) => Err(Failure::Usage {
                message: format!("{} is there already", there.display()),
                hint: "name another file, or write over it with `--force`".into(),
            }),
        },
        Existing::WrittenOver => {
            // What cannot be read has no tables that anybody would know.
            let before = Bundle::read(path).ok();
            let beside = path.parent().unwrap_or(Path::new(""));
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let files = before.map_or_else(Vec::new, |before| before.files(&name));
            let files = files.into_iter().map(|(file, _)| beside.join(file));
            Ok(files.filter(|file| file.starts_with(&tables) && file.exists()).collect())
        }
    }
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
        let called = to.file_name().unwrap_or_default().to_string_lossy();
        let aside = to.with_file_name(format!(".{called}.{}.tmp", std::process::id()));
        std::fs::write(&aside, text).map_err(|error| Failure::io("write", &aside, &error))?;
        std::fs::rename(&aside, &to).map_err(|error| Failure::io("write", &to, &error))?;
        written.push((to, text.len()));
    }
    written.reverse();
    Ok(written)
}

/// Removes those of the tables before that a scenario no longer has, and the folder that they were in once it is empty.
///
/// # Errors
/// A file cannot be removed.
pub(crate) fn remove(before: &[PathBuf], written: &[(PathBuf, usize)]) -> Result<(), Failure> {
    for file in before.iter().filter(|file| written.iter().all(|(kept, _)| kept != *file)) {
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

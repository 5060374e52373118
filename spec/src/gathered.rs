//! A folder as a scenario: which of its files declare something of ours.

use std::fs;
use std::io;
use std::path::Path;

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::draft::API_VERSION;
use crate::fetched;

/// How many folders may lie in each other.
const FOLDERS_DEEP_MAX: usize = 16;

/// The files of a folder and of those below it that declare something of ours, from the folder, in order.
pub(crate) fn files(folder: &Path) -> Result<Vec<String>, Diagnostic> {
    let mut found = Vec::new();
    look(folder, "", 0, &mut found).map_err(|error| {
        let message = format!("cannot read `{}`: {}", folder.display(), error.kind());
        Diagnostic::error(Code::UnreadableFile, message)
    })?;
    found.sort();
    Ok(found)
}

fn look(folder: &Path, below: &str, depth: usize, found: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder.join(below))? {
        let entry = entry?;
        let name = entry.file_name();
        // What git and what mounted ConfigMaps keep for themselves begins with a dot.
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
        let path = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
        // Files of a ConfigMap are links.
        let kind = fs::metadata(entry.path())?;
        if kind.is_dir() {
            if name != fetched::FOLDER && depth < FOLDERS_DEEP_MAX {
                look(folder, &path, depth + 1, found)?;
            }
        } else if (name.ends_with(".yaml") || name.ends_with(".yml")) && is_ours(&entry.path())? {
            found.push(path);
        }
    }
    Ok(())
}

/// Whether a document of a file says that it is ours.
fn is_ours(path: &Path) -> io::Result<bool> {
    let group = API_VERSION.split('/').next().unwrap_or(API_VERSION);
    let bytes = fs::read(path)?;
    let ours = |line: &str| {
        let value = line.trim_start_matches(['{', ' ']).strip_prefix("apiVersion:");
        value.is_some_and(|value| value.trim().trim_matches(['"', '\'']).starts_with(group))
    };
    Ok(String::from_utf8_lossy(&bytes).lines().any(ours))
}

/// A scenario that includes these files and never ends.
pub(crate) fn scenario(files: &[String]) -> String {
    let spec = serde_json::json!({
        "apiVersion": API_VERSION,
        "kind": "Scenario",
        "metadata": {"name": "gathered"},
        "spec": {"story": "What a folder declares.", "duration": "36500d", "include": files},
    });
    spec.to_string()
}

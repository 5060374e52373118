//! A folder as a scenario: which of its files declare something of ours.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

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
        } else if may_be_ours(name) && is_ours(&fs::read(entry.path())?) {
            found.push(path);
        }
    }
    Ok(())
}

/// The same of files that are in memory, below `folder` (empty for all of them) and counted from it.
pub(crate) fn held(files: &BTreeMap<String, Arc<[u8]>>, folder: &str) -> Vec<String> {
    let below = |path: &str| match folder {
        "" => Some(path.to_owned()),
        _ => path.strip_prefix(folder)?.strip_prefix('/').map(str::to_owned),
    };
    let mut found = Vec::new();
    for (path, bytes) in files {
        let Some(path) = below(path) else { continue };
        let mut folders: Vec<&str> = path.split('/').collect();
        let Some(name) = folders.pop() else { continue };
        let hidden = name.starts_with('.') || folders.iter().any(|one| one.starts_with('.'));
        let deep = folders.len() > FOLDERS_DEEP_MAX || folders.contains(&fetched::FOLDER);
        if !hidden && !deep && may_be_ours(name) && is_ours(bytes) {
            found.push(path);
        }
    }
    found
}

fn may_be_ours(name: &str) -> bool {
    name.ends_with(".yaml") || name.ends_with(".yml")
}

/// Whether a document of a file says that it is ours.
fn is_ours(bytes: &[u8]) -> bool {
    let group = API_VERSION.split('/').next().unwrap_or(API_VERSION);
    let ours = |line: &str| {
        // The key may be quoted, and stand in the first line of a mapping.
        let key = line.trim_start_matches(['{', ' ', '"', '\'']).strip_prefix("apiVersion");
        let value =
            key.and_then(|rest| rest.trim_start_matches(['"', '\'', ' ']).strip_prefix(':'));
        value.is_some_and(|value| value.trim().trim_matches(['"', '\'']).starts_with(group))
    };
    String::from_utf8_lossy(bytes).lines().any(ours)
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

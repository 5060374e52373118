//! Files by path, and how one set of them becomes another.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::path::FilePath;

/// The bytes of a file.
pub type Bytes = Arc<[u8]>;

/// Files by path.
pub type Files = BTreeMap<FilePath, Bytes>;

/// What becomes of files, by path: new bytes, or nothing where the file goes.
pub type Change = BTreeMap<FilePath, Option<Bytes>>;

/// What makes `after` of `before`.
#[must_use]
pub fn change(before: &Files, after: &Files) -> Change {
    let gone = before.keys().filter(|path| !after.contains_key(*path));
    let written = after.iter().filter(|(path, bytes)| before.get(*path) != Some(bytes));
    gone.map(|path| (path.clone(), None))
        .chain(written.map(|(path, bytes)| (path.clone(), Some(Arc::clone(bytes)))))
        .collect()
}

/// Makes of `files` what a change says.
pub fn apply(files: &mut Files, change: &Change) {
    for (path, bytes) in change {
        match bytes {
            Some(bytes) => files.insert(path.clone(), Arc::clone(bytes)),
            None => files.remove(path),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_makes_one_set_of_files_of_another() {
        let files = |said: &[(&str, &str)]| -> Files {
            let file = |(path, text): &(&str, &str)| {
                (FilePath::new(*path).unwrap(), Bytes::from(text.as_bytes()))
            };
            said.iter().map(file).collect()
        };
        let before = files(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let after = files(&[("b", "2"), ("c", "4"), ("d", "5")]);
        let change = change(&before, &after);
        assert_eq!(change.keys().map(|path| &**path).collect::<Vec<_>>(), ["a", "c", "d"]);
        let mut made = before;
        apply(&mut made, &change);
        assert_eq!(made, after);
    }
}

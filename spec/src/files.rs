//! Files: what is read, from where it may be read, and the fingerprint of all of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3;

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Source};
use crate::yaml::Cursor;

/// The files of one load, named from one folder.
#[derive(Debug)]
pub(crate) struct Files {
    root: PathBuf,
    /// Whether they may lie outside of the folder.
    open: bool,
    /// What stands for files.
    held: BTreeMap<String, Arc<[u8]>>,
    /// Whether there are no other files than those.
    alone: bool,
    sources: BTreeMap<String, Arc<Source>>,
    tables: BTreeMap<String, Arc<Csv>>,
    hash: Hash,
}

/// A CSV file.
#[derive(Debug)]
pub(crate) struct Csv {
    pub(crate) name: String,
    pub(crate) headers: Vec<String>,
    pub(crate) rows: Vec<csv::StringRecord>,
}

struct Hash(Box<Xxh3>);

/// The most rows that one CSV file may have.
pub const ROWS_MAX: usize = 2_000_000;

impl Files {
    /// Files that may lie anywhere.
    pub(crate) fn open(root: impl Into<PathBuf>) -> Self {
        Self { open: true, ..Self::within(root) }
    }

    /// Files that lie in the folder `root` or below it.
    pub(crate) fn within(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            open: false,
            held: BTreeMap::new(),
            alone: false,
            sources: BTreeMap::new(),
            tables: BTreeMap::new(),
            hash: Hash(Box::default()),
        }
    }

    /// Files that are in memory. There are no others.
    pub(crate) fn held(held: BTreeMap<String, Arc<[u8]>>) -> Self {
        Self { held, alone: true, ..Self::within("") }
    }

    /// The same with a file that need not be on disk.
    pub(crate) fn with_text(mut self, path: &str, text: &str) -> Self {
        self.held.insert(path.to_owned(), text.as_bytes().into());
        self
    }

    /// A fingerprint of everything that was read so far, in order.
    pub(crate) fn fingerprint(&self) -> u128 {
        self.hash.0.digest128()
    }

    /// Whether there is such a file, where it may be read.
    pub(crate) fn has(&self, path: &str) -> bool {
        let may = self.open || !path.starts_with("..");
        may && (self.held.contains_key(path) || (!self.alone && self.full(path).is_file()))
    }

    /// Where a file is.
    pub(crate) fn full(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The paths of everything that was read so far.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let sources = self.sources.keys().chain(self.tables.keys());
        sources.map(|name| self.root.join(name)).collect()
    }

    /// The text of a file; `named` is the place that names it.
    pub(crate) fn text(
        &mut self,
        path: &str,
        named: Cursor<'_>,
    ) -> Result<Arc<Source>, Diagnostic> {
        if let Some(known) = self.sources.get(path) {
            return Ok(Arc::clone(known));
        }
        let source = Arc::new(self.read(path, named)?);
        self.sources.insert(path.to_owned(), Arc::clone(&source));
        Ok(source)
    }

    /// The rows of a CSV file.
    pub(crate) fn table(&mut self, path: &str, named: Cursor<'_>) -> Result<Arc<Csv>, Diagnostic> {
        if let Some(known) = self.tables.get(path) {
            return Ok(Arc::clone(known));
        }
        let source = self.read(path, named)?;
        let table = Arc::new(Csv::parse(&source, named)?);
        self.tables.insert(path.to_owned(), Arc::clone(&table));
        Ok(table)
    }

    fn read(&mut self, path: &str, named: Cursor<'_>) -> Result<Source, Diagnostic> {
        if !self.open && path.starts_with("..") {
            let message = format!("`{path}` leads out of the folder that files are read from");
            let help = "move the file into that folder, or one below it";
            return Err(named.error(Code::IncludeEscapes, message).with_help(help));
        }
        let full = self.full(path);
        let held = self.held.get(path);
        let name = if held.is_some() { path.to_owned() } else { full.display().to_string() };
        let unreadable =
            |why: &str| named.error(Code::UnreadableFile, format!("cannot read `{name}`: {why}"));
        let bytes = match held {
            Some(bytes) => bytes.to_vec(),
            None if self.alone => return Err(unreadable("entity not found")),
            None => fs::read(&full).map_err(|error| unreadable(&reason(&error)))?,
        };
        self.hash.feed(path.as_bytes());
        self.hash.feed(&bytes);
        let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8 text"))?;
        let text = match text.strip_prefix('\u{feff}') {
            Some(text) => text.to_owned(),
            None => text,
        };
        Ok(Source { name, text })
    }
}

/// The kind of failure, without the number and wording that differ between systems.
fn reason(error: &std::io::Error) -> String {
    error.kind().to_string()
}

/// The path from the root to `path`, which stands in the file `from`. Only forward slashes, no detours.
pub(crate) fn relative(from: &str, path: &str, named: Cursor<'_>) -> Result<String, Diagnostic> {
    let unfit = || {
        let message = format!("`{path}` is not a path relative to this file");
        let help = "name it from here, with forward slashes, so that the folder can be moved";
        named.error(Code::IncludeEscapes, message).with_help(help)
    };
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for component in Path::new(path).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if parts.last().is_some_and(|part| *part != "..") => {
                parts.pop();
            }
            Component::ParentDir => parts.push(".."),
            Component::Normal(name) => parts.push(name.to_str().ok_or_else(unfit)?),
            Component::RootDir | Component::Prefix(_) => return Err(unfit()),
        }
    }
    Ok(parts.join("/"))
}

impl Csv {
    fn parse(source: &Source, named: Cursor<'_>) -> Result<Self, Diagnostic> {
        let bad = |error: &csv::Error| {
            let line = error.position().map_or(1, csv::Position::line);
            let what = match error.kind() {
                csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                    format!("it has {len} cells; the first line has {expected_len}")
                }
                csv::ErrorKind::Io(_)
                | csv::ErrorKind::Utf8 { .. }
                | csv::ErrorKind::Seek
                | csv::ErrorKind::Serialize(_)
                | csv::ErrorKind::Deserialize { .. }
                | _ => error.to_string(),
            };
            named.error(Code::BadRow, format!("line {line} of `{}`: {what}", source.name))
        };
        let mut reader =
            csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(source.text.as_bytes());
        let headers = reader.headers().map_err(|error| bad(&error))?;
        let headers = headers.iter().map(str::to_owned).collect();
        let mut rows = Vec::new();
        for row in reader.records() {
            rows.push(row.map_err(|error| bad(&error))?);
            if rows.len() > ROWS_MAX {
                let message = format!("`{}` has more than {ROWS_MAX} rows", source.name);
                return Err(named.error(Code::TooLarge, message));
            }
        }
        Ok(Self { name: source.name.clone(), headers, rows })
    }

    /// The place of a column.
    pub(crate) fn column(&self, name: &str, named: Cursor<'_>) -> Result<usize, Diagnostic> {
        let known = || self.headers.iter().map(String::as_str);
        known().position(|header| header == name).ok_or_else(|| {
            let message = format!("`{}` has no column `{name}`", self.name);
            let all: Vec<_> = known().collect();
            let help = crate::schema::did_you_mean(name, &all)
                .unwrap_or_else(|| format!("its columns are {}", crate::schema::listed(&all)));
            named.error(Code::UnknownColumn, message).with_help(help)
        })
    }

    /// A complaint about a row, counted from 0.
    pub(crate) fn bad_row(&self, row: usize, what: &str, named: Cursor<'_>) -> Diagnostic {
        let message = format!("row {} of `{}`: {what}", row + 1, self.name);
        named.error(Code::BadRow, message)
    }
}

impl Hash {
    /// Takes bytes and their number, so that they cannot run into the next ones.
    fn feed(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Hash")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_counted_from_the_file_that_names_them() {
        let here = Cursor::default();
        let from = |path: &str| relative("a/b.yaml", path, here);
        assert_eq!(from("c.csv").as_deref(), Ok("a/c.csv"));
        assert_eq!(from("../c.csv").as_deref(), Ok("c.csv"));
        assert_eq!(from("./x/../c.csv").as_deref(), Ok("a/c.csv"));
        assert_eq!(from("../../c.csv").as_deref(), Ok("../c.csv"));
        assert_eq!(from("../../../c.csv").as_deref(), Ok("../../c.csv"));
        assert_eq!(from("/etc/passwd").map_err(|wrong| wrong.code), Err(Code::IncludeEscapes));
    }
}

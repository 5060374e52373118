//! Loading: from a path to a scenario, through every file that belongs to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use periplus_core::Input;
use periplus_core::input::Sight;
use periplus_core::units::{Span, Tick};
use serde::de::DeserializeOwned;

use crate::book::{Book, Place};
use crate::code::Code;
use crate::compile::{Complaints, Coverage, compile};
use crate::diagnostic::{DIAGNOSTICS_MAX, Diagnostic};
use crate::draft::{Document, Kind, MomentDraft, ScenarioDraft};
use crate::files::{Files, relative};
use crate::scenario::{Delivery, Scenario};
use crate::schema::{Header, document_kind, validate};
use crate::setting::{Setting, Settings};
use crate::table;
use crate::values::Duration;
use crate::yaml::{self, Cursor, Misfit, Node, Origin, deserialize};

/// A scenario, and what came up while it was loaded.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The scenario.
    pub scenario: Scenario,
    /// What looks wrong in it.
    pub warnings: Vec<Diagnostic>,
    /// Every file that was read for it.
    pub files: Vec<PathBuf>,
}

/// The most files that may include each other in a chain.
pub const INCLUDES_MAX: usize = 16;

/// The scenario in the file at `path`.
///
/// # Errors
/// Everything that is wrong, by file and place, with the warnings.
pub fn load(path: &Path) -> Result<Loaded, Vec<Diagnostic>> {
    let (root, name) = split(path);
    load_from(Reader::new(Files::open(root)), &name)
}

/// The same with some of its fields set otherwise, those of included files and of tables among them.
///
/// # Errors
/// Everything that is wrong, by file and place, with the warnings; also what a setting does not find.
pub fn load_with(path: &Path, settings: &[Setting]) -> Result<Loaded, Vec<Diagnostic>> {
    let (root, name) = split(path);
    let mut reader = Reader::new(Files::open(root));
    reader.settings = Settings::new(settings);
    load_from(reader, &name)
}

/// A scenario, and the same with some of its fields set otherwise from a later time on.
#[derive(Clone, Debug)]
pub struct Forked {
    /// As it is.
    pub before: Loaded,
    /// What was declared otherwise is declared again in its timeline, so that everything up to that time is as
    /// before, ids and symbols included. Fields of the scenario itself are set from the start.
    pub after: Loaded,
}

/// The scenario in the file at `path`, and what it becomes if `settings` take effect at `at`.
///
/// # Errors
/// Everything that is wrong, by file and place, with the warnings; also what a setting does not find.
pub fn load_forked(path: &Path, settings: &[Setting], at: Tick) -> Result<Forked, Vec<Diagnostic>> {
    let (root, name) = split(path);
    let before = load(path)?;
    let read = |settings: &[Setting]| {
        let mut reader = Reader::new(Files::open(&root));
        reader.settings = Settings::new(settings);
        reader.read(&name, Cursor::default(), Role::Main);
        reader.complete().map(|()| reader)
    };
    let mut forked = read(settings)?;
    forked.fork_at(read(&[])?, at);
    forked.settings.fork_at(at);
    let mut after = forked.finish(Coverage::Whole)?;
    // What was seen when it began does not change with what is said of it later.
    for (after, before) in after.scenario.setup.iter_mut().zip(&before.scenario.setup) {
        if let (Input::Observation(after), Input::Observation(before)) = (after, before)
            && matches!(before.sight, Sight::Demand { .. } | Sight::Capacity { .. })
        {
            *after = before.clone();
        }
    }
    Ok(Forked { before, after })
}

/// The same for a file that a stranger may have written: it is named from the folder `root`, which no file that
/// it names may leave.
///
/// # Errors
/// Everything that is wrong, by file and place, with the warnings.
pub fn load_within(root: &Path, path: &str) -> Result<Loaded, Vec<Diagnostic>> {
    load_from(Reader::new(Files::within(root)), path)
}

pub(crate) fn load_from(mut reader: Reader, path: &str) -> Result<Loaded, Vec<Diagnostic>> {
    reader.read(path, Cursor::default(), Role::Main);
    if reader.complaints.is_empty() && reader.book.scenarios.is_empty() {
        reader.complaints.push(reader.no_scenario(path));
    }
    reader.finish(Coverage::Whole)
}

/// What is wrong with a file of any kinds, or looks wrong. What it refers to may stand in other files, unless
/// it holds a scenario.
#[must_use]
pub fn check(path: &Path) -> Vec<Diagnostic> {
    let (root, name) = split(path);
    Reader::new(Files::open(root)).check(&name)
}

/// The same for a text that stands in no file yet, as editors need it. Files that it names are looked for
/// below the current folder.
#[must_use]
pub fn check_text(name: &str, text: &str) -> Vec<Diagnostic> {
    Reader::new(Files::open("").with_text(name, text)).check(name)
}

/// What a file of any kinds says of how apps get into clusters. What it refers to must stand in it or in files that it
/// includes.
///
/// # Errors
/// Everything that is wrong, by file and place.
pub fn delivery(path: &Path) -> Result<Arc<Delivery>, Vec<Diagnostic>> {
    let (root, name) = split(path);
    let mut reader = Reader::new(Files::open(root));
    reader.read(&name, Cursor::default(), Role::Main);
    Ok(reader.finish(Coverage::Whole)?.scenario.delivery)
}

/// The documents in a file, each valid by itself.
///
/// # Errors
/// What is wrong with them.
pub fn documents(path: &Path) -> Result<Vec<Document>, Vec<Diagnostic>> {
    let (root, name) = split(path);
    let mut reader = Reader::new(Files::open(root));
    reader.read(&name, Cursor::default(), Role::Main);
    if reader.complaints.is_empty() { Ok(reader.documents) } else { Err(sorted(reader.complaints)) }
}

/// The same of a text that stands in no file.
///
/// # Errors
/// What is wrong with them.
pub fn documents_in(name: &str, text: &str) -> Result<Vec<Document>, Vec<Diagnostic>> {
    let held = BTreeMap::from([(name.to_owned(), text.as_bytes().into())]);
    let mut reader = Reader::new(Files::held(held));
    reader.read(name, Cursor::default(), Role::Main);
    if reader.complaints.is_empty() { Ok(reader.documents) } else { Err(sorted(reader.complaints)) }
}

pub(crate) fn split(path: &Path) -> (PathBuf, String) {
    let root = path.parent().unwrap_or(Path::new("")).to_owned();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    (root, name)
}

/// What a file is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The file that was asked for.
    Main,
    /// A file that another one includes.
    Included,
}

/// Reads files into a book.
pub(crate) struct Reader {
    pub(crate) files: Files,
    pub(crate) book: Book,
    pub(crate) documents: Vec<Document>,
    complaints: Vec<Diagnostic>,
    pub(crate) settings: Settings,
    /// The files that are being read, each included by the one before it.
    chain: Vec<String>,
    /// The files that were read.
    read: Vec<String>,
}

impl Reader {
    pub(crate) fn new(files: Files) -> Self {
        Self {
            files,
            book: Book::default(),
            documents: Vec::new(),
            complaints: Vec::new(),
            settings: Settings::default(),
            chain: Vec::new(),
            read: Vec::new(),
        }
    }

    pub(crate) fn read(&mut self, path: &str, named: Cursor<'_>, role: Role) {
        if let Some(first) = self.chain.iter().position(|open| open == path) {
            let mut round: Vec<&str> = self.chain[first..].iter().map(String::as_str).collect();
            round.push(path);
            let message = format!("files include each other: {}", round.join(" → "));
            return self.complaints.push(named.error(Code::IncludeCycle, message));
        }
        if self.chain.len() == INCLUDES_MAX {
            let message = format!("more than {INCLUDES_MAX} files include each other in a chain");
            return self.complaints.push(named.error(Code::TooDeep, message));
        }
        if self.read.iter().any(|done| done == path) {
            return;
        }
        self.read.push(path.to_owned());
        let source = match self.files.text(path, named) {
            Ok(source) => source,
            Err(wrong) => return self.complaints.push(wrong),
        };
        let trees = match yaml::parse(&source) {
            Ok(trees) => trees,
            Err(wrong) => return self.complaints.extend(wrong),
        };
        self.chain.push(path.to_owned());
        let origin = Arc::new(Origin { source, row: None });
        for tree in trees {
            let place =
                Place { origin: Arc::clone(&origin), tree: Arc::new(tree), path: path.into() };
            self.document(place, role);
        }
        self.chain.pop();
    }

    fn document(&mut self, mut place: Place, role: Role) {
        let kind = match document_kind(&place.origin, &place.tree, Header::Outer) {
            Ok(kind) => kind,
            Err(wrong) => return self.complaints.extend(wrong),
        };
        let set = self.settings.apply(kind, Arc::make_mut(&mut place.tree), &place.origin);
        let document = match set.and_then(|()| read_document(kind, &place.origin, &place.tree)) {
            Ok(document) => document,
            Err(wrong) => return self.complaints.extend(wrong),
        };
        if let Document::Scenario(object) = &document {
            if role == Role::Main && !self.book.scenarios.is_empty() {
                let here = Cursor::new(&place.origin, &place.tree).key("kind");
                let message = "this is the second scenario of the file; a file holds one";
                self.complaints.push(here.error(Code::DuplicateName, message));
                return;
            }
            let (spec, own) = (object.spec.clone(), place.clone());
            self.keep(document, place);
            self.belongings(&spec, &own);
        } else {
            self.keep(document, place);
        }
    }

    fn keep(&mut self, document: Document, place: Place) {
        self.documents.push(document.clone());
        self.book.add(document, Some(place));
    }

    /// Reads what a scenario includes, and its tables.
    fn belongings(&mut self, scenario: &ScenarioDraft, place: &Place) {
        let here = Cursor::new(&place.origin, &place.tree).key("spec");
        for (index, include) in scenario.include.iter().enumerate() {
            let named = here.key("include").item(index);
            match relative(&place.path, include, named) {
                Ok(path) => self.read(&path, named, Role::Included),
                Err(wrong) => self.complaints.push(wrong),
            }
        }
        for (index, table) in scenario.tables.iter().enumerate() {
            let named = here.key("tables").item(index);
            let Some(tree) = item(&place.tree, index) else { continue };
            let settings = &mut self.settings;
            match table::rows(&mut self.files, settings, table, tree, place, named) {
                Ok(rows) => {
                    for (document, place) in rows {
                        self.keep(document, place);
                    }
                }
                Err(wrong) => self.complaints.extend(wrong),
            }
        }
    }

    fn check(mut self, path: &str) -> Vec<Diagnostic> {
        self.read(path, Cursor::default(), Role::Main);
        let whole = !self.book.scenarios.is_empty();
        match self.finish(if whole { Coverage::Whole } else { Coverage::Part }) {
            Ok(loaded) => loaded.warnings,
            Err(wrong) => wrong,
        }
    }

    /// There is no scenario in the file at `path`.
    pub(crate) fn no_scenario(&self, path: &str) -> Diagnostic {
        let message = format!("`{}` holds no scenario", self.files.full(path).display());
        let wrong = Diagnostic::error(Code::NoScenario, message);
        wrong.with_help("add a document of kind `Scenario`")
    }

    fn finish(mut self, coverage: Coverage) -> Result<Loaded, Vec<Diagnostic>> {
        self.complete()?;
        let (scenario, Complaints { list, .. }) = compile(&self.book, &mut self.files, coverage);
        let list = sorted(list);
        let files = self.files.paths();
        let scenario = scenario.map(|mut scenario| {
            scenario.hash = self.settings.fingerprint(scenario.hash);
            Loaded { scenario, warnings: list.clone(), files }
        });
        scenario.ok_or(list)
    }

    /// Everything has been read, and what was to be set has been.
    pub(crate) fn complete(&mut self) -> Result<(), Vec<Diagnostic>> {
        if let Some(policy) = self.settings.policy().filter(|_| self.book.policies.is_empty()) {
            self.document(policy, Role::Included);
        }
        if self.complaints.is_empty() {
            self.complaints.extend(self.settings.idle());
        }
        let complaints = std::mem::take(&mut self.complaints);
        if complaints.is_empty() { Ok(()) } else { Err(sorted(complaints)) }
    }

    /// What is declared otherwise than in `before` is declared again at `at`, instead of from the start.
    fn fork_at(&mut self, before: Self, at: Tick) {
        let mut moments: BTreeMap<Tick, Vec<Document>> = BTreeMap::new();
        let known = |document: &Document| {
            let name = &document.metadata().name;
            let same = |known: &&Document| {
                known.kind() == document.kind() && known.metadata().name == *name
            };
            before.documents.iter().find(same)
        };
        for document in &self.documents {
            let joins = match document {
                // What ran before anything was recorded cannot be otherwise any more.
                Document::Scenario(_) | Document::InitialState(_) => continue,
                Document::Cluster(object) => Tick(object.spec.joins_at.0.0),
                Document::Application(_)
                | Document::Policy(_)
                | Document::Tenant(_)
                | Document::Zone(_) => Tick::ZERO,
            };
            if known(document) != Some(document) {
                moments.entry(at.max(joins)).or_default().push(document.clone());
            }
        }
        let scenarios = std::mem::take(&mut self.book.scenarios);
        self.book = Book { scenarios, ..before.book };
        if let Some(main) = self.book.scenarios.first_mut() {
            let moments = moments.into_iter().map(|(at, declare)| MomentDraft {
                at: Duration(Span(at.0)),
                declare: Some(declare),
                ..MomentDraft::default()
            });
            // Behind what stands there, whose places in the file are counted.
            main.object.spec.timeline.extend(moments);
        }
    }
}

fn item(tree: &Node, table: usize) -> Option<&Node> {
    tree.get("spec")?.get("tables")?.items().get(table)
}

/// The document that a tree of this kind says.
pub(crate) fn read_document(
    kind: Kind,
    origin: &Origin,
    tree: &Node,
) -> Result<Document, Vec<Diagnostic>> {
    let wrong = validate(kind, origin, tree);
    if !wrong.is_empty() {
        return Err(wrong);
    }
    Ok(match kind {
        Kind::Application => Document::Application(fitting(origin, tree)?),
        Kind::Cluster => Document::Cluster(fitting(origin, tree)?),
        Kind::InitialState => Document::InitialState(fitting(origin, tree)?),
        Kind::Policy => Document::Policy(fitting(origin, tree)?),
        Kind::Scenario => Document::Scenario(fitting(origin, tree)?),
        Kind::Tenant => Document::Tenant(fitting(origin, tree)?),
        Kind::Zone => Document::Zone(fitting(origin, tree)?),
    })
}

/// What a tree says that the validator has seen.
pub(crate) fn fitting<T: DeserializeOwned>(
    origin: &Origin,
    tree: &Node,
) -> Result<T, Vec<Diagnostic>> {
    // The validator has seen all that serde asks for, so that this is for what both forgot.
    deserialize(tree).map_err(|Misfit { message, span }| {
        let span = span.unwrap_or(tree.span);
        let wrong = Diagnostic::error(Code::WrongType, message);
        vec![wrong.with_label(&origin.source, span, "")]
    })
}

/// Diagnostics by file and place, errors and warnings together, no more than people can read.
pub(crate) fn sorted(mut list: Vec<Diagnostic>) -> Vec<Diagnostic> {
    list.sort_by(|a, b| a.order().cmp(&b.order()));
    list.dedup();
    if list.len() > DIAGNOSTICS_MAX {
        let more = list.len() - DIAGNOSTICS_MAX;
        // Errors matter more than warnings, if not all can be shown.
        list.sort_by_key(|wrong| wrong.severity);
        list.truncate(DIAGNOSTICS_MAX);
        let message = format!("{more} more complaints are not shown");
        list.push(Diagnostic::error(Code::TooMany, message));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::to_yaml;

    #[test]
    fn documents_read_again_what_they_write() {
        let first = documents(Path::new("tests/valid/everything.yaml")).unwrap();
        assert!(first.len() > 10);
        for mut document in first {
            if let Document::Scenario(object) = &mut document {
                // These are read together with it.
                object.spec.include.clear();
                object.spec.tables.clear();
            }
            for text in [serde_json::to_string_pretty(&document).unwrap(), to_yaml([&document])] {
                let mut reader = Reader::new(Files::open("").with_text("again", &text));
                reader.read("again", Cursor::default(), Role::Main);
                assert_eq!(reader.complaints, [], "{text}");
                assert_eq!(reader.documents, [document.clone()]);
            }
        }
    }

    #[test]
    fn too_many_complaints_are_counted() {
        let wrong = |number: usize| Diagnostic::error(Code::BadName, format!("{number:03}"));
        let shown = sorted((0..150).map(wrong).collect());
        assert_eq!(shown.len(), DIAGNOSTICS_MAX + 1);
        assert_eq!(shown[DIAGNOSTICS_MAX].message, "50 more complaints are not shown");
    }
}

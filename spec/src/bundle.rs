//! Bundles: a scenario in one piece, to be changed and written again.
//!
//! What it includes and the rows of its tables become documents of its own; the files that remain, those of
//! traces, of measured ways and of manifests, are held beside them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;
use xxhash_rust::xxh3::xxh3_64;

use crate::code::Code;
use crate::compile::{demands, said_first};
use crate::diagnostic::Diagnostic;
use crate::draft::{
    ApplicationDraft, CarbonDraft, ClusterDraft, DemandDraft, Document, FailureDraft, LastsDraft,
    ModelDraft, Object, ScenarioDraft, SourceDraft,
};
use crate::fetched;
use crate::files::{Files, relative};
use crate::gathered;
use crate::load::{Loaded, Reader, Role, split};
use crate::setting::{Setting, Settings};
use crate::write::{to_json, to_yaml};
use crate::yaml::Cursor;

/// A scenario in one piece.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    /// The scenario itself: it includes nothing and has no tables.
    pub scenario: Object<ScenarioDraft>,
    /// Everything else that is declared, in the order in which it was read.
    pub documents: Vec<Document>,
    /// The files that traces, ways and manifests come from, by the names that the documents have for them.
    pub tables: BTreeMap<String, String>,
}

/// What the file of a bundle is called while it is in memory.
const FILE: &str = "scenario.yaml";
/// What includes all files of a folder, in memory only.
const GATHERED: &str = ".gathered.yaml";

impl Bundle {
    /// The scenario in the file at `path`, with everything that belongs to it.
    ///
    /// # Errors
    /// Everything that is wrong, by file and place.
    pub fn read(path: &Path) -> Result<Self, Vec<Diagnostic>> {
        let (root, name) = split(path);
        Self::gather(Reader::new(Files::open(root)), &name)
    }

    /// Everything that is declared in the files of a folder and of those below it, as one scenario that never ends. Files
    /// that declare nothing of ours are left to those that name them.
    ///
    /// # Errors
    /// Everything that is wrong, by file and place.
    pub fn read_folder(folder: &Path) -> Result<Self, Vec<Diagnostic>> {
        let files = gathered::files(folder).map_err(|wrong| vec![wrong])?;
        if files.is_empty() {
            return Err(vec![emptied(&folder.display().to_string())]);
        }
        let text = gathered::scenario(&files);
        Self::gather(Reader::new(Files::open(folder).with_text(GATHERED, &text)), GATHERED)
    }

    /// The same of files that are in memory, by their paths: what is declared below the folder `place` (empty for all of
    /// them), or the scenario in the file `place`. There are no other files than these, whatever they name. It must be right
    /// as a whole, so that complaints name the files and not the bundle.
    ///
    /// # Errors
    /// Everything that is wrong, by file and place.
    pub fn read_held(
        files: &BTreeMap<String, Arc<[u8]>>,
        place: &str,
    ) -> Result<Self, Vec<Diagnostic>> {
        let reader = |name: &str, text: Option<&str>| {
            let held = Files::held(files.clone());
            Reader::new(match text {
                Some(text) => held.with_text(name, text),
                None => held,
            })
        };
        let (name, text) = if files.contains_key(place) {
            (place.to_owned(), None)
        } else {
            let found = gathered::held(files, place);
            if found.is_empty() {
                return Err(vec![emptied(place)]);
            }
            let name =
                if place.is_empty() { GATHERED.to_owned() } else { format!("{place}/{GATHERED}") };
            (name, Some(gathered::scenario(&found)))
        };
        crate::load::load_from(reader(&name, text.as_deref()), &name)?;
        Self::gather(reader(&name, text.as_deref()), &name)
    }

    fn gather(mut reader: Reader, name: &str) -> Result<Self, Vec<Diagnostic>> {
        reader.read(name, Cursor::default(), Role::Main);
        reader.complete()?;
        let Some(main) = reader.book.scenarios.first() else {
            return Err(vec![reader.no_scenario(name)]);
        };
        let files = &mut reader.files;
        let mut tables = Tables { files, names: BTreeMap::new(), texts: BTreeMap::new() };
        let mut scenario = main.object.clone();
        let spec = &mut scenario.spec;
        spec.include.clear();
        spec.tables.clear();
        spec.demand.clear();
        for said in demands(&reader.book, main) {
            let mut demand = said.draft.clone();
            tables.take(said.path, trace_of(&mut demand))?;
            spec.demand.push(demand);
        }
        let (reach, _, from) = said_first(&reader.book, main, "reach");
        spec.reach = reach.reach.clone();
        tables.take(from, spec.reach.table.as_mut().map(|table| &mut table.file))?;
        let (ensemble, _, from) = said_first(&reader.book, main, "ensemble");
        spec.ensemble = ensemble.ensemble.clone();
        for failure in &mut spec.ensemble.failures {
            tables.take(from, recorded_of(failure))?;
        }
        spec.world = said_first(&reader.book, main, "world").0.world.clone();
        let declared = spec.timeline.iter_mut().filter_map(|moment| moment.declare.as_mut());
        for document in declared.flatten() {
            tables.take_all(main.path(), document)?;
        }
        let mut documents = Vec::new();
        for (mut document, path) in reader.book.documents() {
            tables.take_all(path, &mut document)?;
            documents.push(document);
        }
        let tables = tables.texts;
        Ok(Self { scenario, documents, tables })
    }

    /// The scenario that the bundle says.
    ///
    /// # Errors
    /// Everything that is wrong, by place.
    pub fn load(&self) -> Result<Loaded, Vec<Diagnostic>> {
        self.load_with(&[])
    }

    /// The same with some of its fields set otherwise.
    ///
    /// # Errors
    /// Everything that is wrong, by place; also what a setting does not find.
    pub fn load_with(&self, settings: &[Setting]) -> Result<Loaded, Vec<Diagnostic>> {
        let files = self.files(FILE).into_iter();
        let files =
            files.fold(Files::within(""), |files, (name, text)| files.with_text(&name, &text));
        let mut reader = Reader::new(files);
        reader.settings = Settings::new(settings);
        crate::load::load_from(reader, FILE)
    }

    /// The files that say it, the scenario's own `name` first and its tables in a folder called like it.
    #[must_use]
    pub fn files(&self, name: &str) -> Vec<(String, String)> {
        let folder = name.strip_suffix(".yaml").unwrap_or(name);
        let folder = folder.rsplit('/').next().unwrap_or(folder);
        let mut placed = self.clone();
        for file in placed.named() {
            *file = format!("{folder}/{file}");
        }
        let main = Document::Scenario(placed.scenario);
        let text = to_yaml(std::iter::once(&main).chain(&placed.documents));
        let beside =
            name.rsplit_once('/').map_or(String::new(), |(beside, _)| format!("{beside}/"));
        let tables = self.tables.iter();
        let tables =
            tables.map(|(table, text)| (format!("{beside}{folder}/{table}"), text.clone()));
        std::iter::once((name.to_owned(), text)).chain(tables).collect()
    }

    /// All documents as they are written, the scenario first.
    #[must_use]
    pub fn to_json(&self) -> Vec<Json> {
        let main = Document::Scenario(self.scenario.clone());
        std::iter::once(&main).chain(&self.documents).map(to_json).collect()
    }

    /// The bundle that documents say, the scenario first.
    ///
    /// # Errors
    /// Everything that is wrong with them, by place.
    pub fn from_json(
        documents: &[Json],
        tables: BTreeMap<String, String>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let texts: Vec<String> = documents.iter().map(Json::to_string).collect();
        let files = Files::within("").with_text(FILE, &texts.join("\n---\n"));
        let mut reader = Reader::new(files);
        reader.read(FILE, Cursor::default(), Role::Main);
        reader.complete()?;
        let mut documents = std::mem::take(&mut reader.documents);
        let place = documents.iter().position(|one| matches!(one, Document::Scenario(_)));
        match place.map(|place| documents.remove(place)) {
            Some(Document::Scenario(scenario)) => Ok(Self { scenario, documents, tables }),
            Some(_) | None => Err(vec![reader.no_scenario(FILE)]),
        }
    }

    /// The same with tables that are named by what stands in them, so that equal documents mean the same.
    #[must_use]
    pub fn named_by_content(mut self) -> Self {
        let named = |file: &str, text: &str| {
            let (stem, end) = file.rsplit_once('.').unwrap_or((file, "csv"));
            format!("{stem}-{:016x}.{end}", xxh3_64(text.as_bytes()))
        };
        let tables = std::mem::take(&mut self.tables);
        for file in self.named() {
            if let Some(text) = tables.get(file) {
                *file = named(file, text);
            }
        }
        let tables = tables.into_iter();
        self.tables = tables.map(|(file, text)| (named(&file, &text), text)).collect();
        self
    }

    /// Leaves out tables that nothing names.
    pub fn drop_tables(&mut self) {
        let named: Vec<String> = self.named().into_iter().map(|file| file.clone()).collect();
        self.tables.retain(|file, _| named.contains(file));
    }

    /// Every place that names a table.
    fn named(&mut self) -> Vec<&mut String> {
        let spec = &mut self.scenario.spec;
        let declared = spec.timeline.iter_mut().filter_map(|moment| moment.declare.as_mut());
        let others = declared.flatten().chain(&mut self.documents).flat_map(files_of);
        let ways = spec.reach.table.as_mut().map(|table| &mut table.file);
        let failures = spec.ensemble.failures.iter_mut().filter_map(recorded_of);
        let demand = spec.demand.iter_mut().filter_map(trace_of);
        demand.chain(ways).chain(failures).chain(others).collect()
    }
}

/// A folder declares nothing.
fn emptied(folder: &str) -> Diagnostic {
    let message = format!("no file in `{folder}` declares anything of ours");
    let help =
        "an emptied folder is taken for a mistake; to withdraw apps, leave the clusters there";
    Diagnostic::error(Code::NoScenario, message).with_help(help)
}

/// The tables of a scenario that is being put into one piece.
struct Tables<'f> {
    files: &'f mut Files,
    /// The names that files have in the bundle, by their paths.
    names: BTreeMap<String, String>,
    texts: BTreeMap<String, String>,
}

impl Tables<'_> {
    /// Takes the files of a document that stands in the file `from`.
    fn take_all(&mut self, from: &str, document: &mut Document) -> Result<(), Vec<Diagnostic>> {
        self.bring(from, document)?;
        files_of(document).into_iter().try_for_each(|named| self.take(from, Some(named)))
    }

    /// Names what was fetched by where it lies, so that the bundle needs no repository.
    fn bring(&mut self, from: &str, document: &mut Document) -> Result<(), Vec<Diagnostic>> {
        let Document::Application(Object { spec: app, .. }) = document else { return Ok(()) };
        for component in &mut app.components {
            let Some(SourceDraft::Files(said)) = &mut component.source else { continue };
            let Some(git) = said.git.take() else { continue };
            let here = Cursor::default();
            for path in &mut said.paths {
                *path = fetched::beside(self.files, from, &git, path, here)
                    .map_err(|wrong| vec![wrong])?;
            }
        }
        Ok(())
    }

    /// Takes the file that is named in the file `from`, and names it as the bundle does.
    fn take(&mut self, from: &str, named: Option<&mut String>) -> Result<(), Vec<Diagnostic>> {
        let Some(named) = named else { return Ok(()) };
        let here = Cursor::default();
        let path = relative(from, named, here).map_err(|wrong| vec![wrong])?;
        if let Some(known) = self.names.get(&path) {
            named.clone_from(known);
            return Ok(());
        }
        let text = self.files.text(&path, here).map_err(|wrong| vec![wrong])?.text.clone();
        let last = path.rsplit('/').next().unwrap_or(&path);
        let (stem, end) = last.rsplit_once('.').unwrap_or((last, "csv"));
        let mut names = std::iter::once(last.to_owned())
            .chain((2..).map(|number: u32| format!("{stem}-{number}.{end}")));
        let free = names.find(|name| !self.texts.contains_key(name)).expect("numbers do not end");
        self.texts.insert(free.clone(), text);
        named.clone_from(&free);
        self.names.insert(path, free);
        Ok(())
    }
}

fn trace_of(demand: &mut DemandDraft) -> Option<&mut String> {
    match &mut demand.model {
        ModelDraft::Trace(trace) => Some(&mut trace.file),
        ModelDraft::Constant(_)
        | ModelDraft::Diurnal(_)
        | ModelDraft::Steps(_)
        | ModelDraft::FlashCrowd(_)
        | ModelDraft::Commuters(_) => None,
    }
}

fn recorded_of(failure: &mut FailureDraft) -> Option<&mut String> {
    match &mut failure.lasts {
        LastsDraft::Recorded(recorded) => Some(&mut recorded.file),
        LastsDraft::Delay(_) => None,
    }
}

/// The files that a document names.
fn files_of(document: &mut Document) -> Vec<&mut String> {
    match document {
        Document::Application(Object { spec: ApplicationDraft { components, .. }, .. }) => {
            let sources = components.iter_mut().filter_map(|one| one.source.as_mut());
            let paths = sources.map(|source| match source {
                SourceDraft::Files(files) => files.paths.as_mut_slice(),
                SourceDraft::Kustomize(_) | SourceDraft::Helm(_) => &mut [],
            });
            paths.flatten().collect()
        }
        Document::Cluster(Object { spec: ClusterDraft { power, .. }, .. }) => {
            match &mut power.carbon {
                CarbonDraft::Trace(trace) => vec![&mut trace.file],
                CarbonDraft::GramsPerKwh(_) => Vec::new(),
            }
        }
        Document::InitialState(_)
        | Document::Policy(_)
        | Document::Scenario(_)
        | Document::Tenant(_)
        | Document::Zone(_) => Vec::new(),
    }
}

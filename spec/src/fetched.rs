//! Manifests that lie in git repositories: what is wanted, what was fetched, and where it lies.
//!
//! They are read from the folder `fetched` beside the document that names them. Its lock says which commit a branch or a
//! tag was, and the files lie in a folder called like the commit. So no run needs a server, and each says the same
//! tomorrow. Who fetches is elsewhere: [`needs`] says what there is to do, [`Needs::write`] takes what was found.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::book::Book;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::draft::{ApplicationDraft, Document, FilesDraft, GitDraft, SourceDraft};
use crate::files::{Files, relative};
use crate::load::{Reader, Role, split};
use crate::yaml::{Cursor, deserialize, parse};

/// The folder of what was fetched.
pub const FOLDER: &str = "fetched";
/// The file in it that says which commit each revision was.
const LOCK: &str = "lock.yaml";
/// What its first line says.
const LOCK_HEAD: &str =
    "# Which commit each revision was when it was fetched, by `periplus fetch`.\n";

/// Which commit a revision was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Locked {
    repository: String,
    revision: String,
    commit: String,
}

/// What the documents of one folder want from repositories.
#[derive(Clone, Debug)]
pub struct Needs {
    folder: PathBuf,
    wanted: BTreeMap<GitDraft, BTreeSet<String>>,
    locked: Vec<Locked>,
}

/// What was found of a revision.
#[derive(Clone, Debug)]
pub struct Found {
    /// The repository and the revision.
    pub origin: GitDraft,
    /// The commit that it is.
    pub commit: String,
    /// The wanted files.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// What a file and those that belong to it want from repositories, folder by folder.
///
/// # Errors
/// What is wrong with the documents, by file and place.
pub fn needs(path: &Path) -> Result<Vec<Needs>, Vec<Diagnostic>> {
    let (root, name) = split(path);
    let mut reader = Reader::new(Files::open(&root));
    reader.read(&name, Cursor::default(), Role::Main);
    reader.complete()?;
    let mut all: BTreeMap<PathBuf, BTreeMap<GitDraft, BTreeSet<String>>> = BTreeMap::new();
    for (app, file) in apps(&reader.book) {
        let folder = root.join(file).parent().unwrap_or(Path::new("")).to_owned();
        for (git, paths) in sources(app) {
            if let Some(path) = paths.iter().find(|path| !is_plain(path)) {
                return Err(vec![not_plain(path, Cursor::default())]);
            }
            let wanted = all.entry(folder.clone()).or_default().entry(git.clone()).or_default();
            wanted.extend(paths.iter().cloned());
        }
    }
    all.into_iter()
        .map(|(folder, wanted)| {
            let mut files = Files::open(&folder);
            let locked = lock(&mut files, LOCK_PATH, Cursor::default())?;
            Ok(Needs { folder, wanted, locked })
        })
        .collect()
}

/// The lock from the folder of a document.
const LOCK_PATH: &str = "fetched/lock.yaml";

/// Every app that is declared at any time, and the file that it stands in.
fn apps(book: &Book) -> impl Iterator<Item = (&ApplicationDraft, &str)> {
    let later = book.scenarios.iter().flat_map(|page| {
        let declared =
            page.object.spec.timeline.iter().filter_map(|moment| moment.declare.as_ref());
        declared.flatten().filter_map(|document| match document {
            Document::Application(object) => Some((&object.spec, page.path())),
            Document::Cluster(_)
            | Document::InitialState(_)
            | Document::Policy(_)
            | Document::Scenario(_)
            | Document::Tenant(_)
            | Document::Zone(_) => None,
        })
    });
    book.applications.iter().map(|page| (&page.object.spec, page.path())).chain(later)
}

fn sources(app: &ApplicationDraft) -> impl Iterator<Item = (&GitDraft, &[String])> {
    app.components.iter().filter_map(|component| match &component.source {
        Some(SourceDraft::Files(FilesDraft { git: Some(git), paths, .. })) => {
            Some((git, paths.as_slice()))
        }
        Some(SourceDraft::Files(_) | SourceDraft::Kustomize(_) | SourceDraft::Helm(_)) | None => {
            None
        }
    })
}

impl Needs {
    /// Everything that is wanted, with the commit that it was the last time.
    pub fn wanted(&self) -> impl Iterator<Item = (&GitDraft, &BTreeSet<String>, Option<&str>)> {
        self.wanted.iter().map(|(git, paths)| (git, paths, commit_of(git, &self.locked)))
    }

    /// Whether all files of a commit are here.
    #[must_use]
    pub fn has(&self, commit: &str, paths: &BTreeSet<String>) -> bool {
        let folder = self.fetched().join(commit);
        paths.iter().all(|path| folder.join(path).is_file())
    }

    /// The folder that is written.
    #[must_use]
    pub fn fetched(&self) -> PathBuf {
        self.folder.join(FOLDER)
    }

    /// Writes what was found, then the lock, and then takes away what no document wants any more. What is wanted and not in
    /// `found` stays as it was.
    ///
    /// # Errors
    /// A file cannot be written; the lock is then as it was, and so is every file that it leads to.
    pub fn write(&self, found: &[Found]) -> io::Result<()> {
        let folder = self.fetched();
        for Found { commit, files, .. } in found {
            for (path, bytes) in files {
                replace(&folder.join(commit).join(path), bytes)?;
            }
        }
        let mut locked = Vec::with_capacity(self.wanted.len());
        for git in self.wanted.keys() {
            let new = found.iter().find(|found| found.origin == *git);
            let commit = new.map(|found| &*found.commit).or_else(|| commit_of(git, &self.locked));
            if let Some(commit) = commit {
                let (repository, revision) = (git.repository.clone(), git.revision.clone());
                locked.push(Locked { repository, revision, commit: commit.to_owned() });
            }
        }
        let text = serde_saphyr::to_string(&locked).map_err(io::Error::other)?;
        replace(&folder.join(LOCK), format!("{LOCK_HEAD}{text}").as_bytes())?;
        let kept: BTreeSet<&str> = locked.iter().map(|one| one.commit.as_str()).collect();
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let left = name.to_str().is_some_and(|name| is_commit(name) && !kept.contains(name));
            if left {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}

/// Writes a file as a whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut draft = path.as_os_str().to_owned();
    draft.push(".draft");
    fs::write(&draft, bytes)?;
    fs::rename(&draft, path)
}

/// Where a file lies that a document wants.
pub(crate) fn place(
    files: &mut Files,
    document: &str,
    git: &GitDraft,
    path: &str,
    here: Cursor<'_>,
) -> Result<String, Diagnostic> {
    let beside = beside(files, document, git, path, here)?;
    relative(document, &beside, here)
}

/// The same by the path from the document.
pub(crate) fn beside(
    files: &mut Files,
    document: &str,
    git: &GitDraft,
    path: &str,
    here: Cursor<'_>,
) -> Result<String, Diagnostic> {
    if !is_plain(path) {
        return Err(not_plain(path, here));
    }
    let lock_path = relative(document, LOCK_PATH, here)?;
    let locked = lock(files, &lock_path, here).map_err(|mut wrong| wrong.swap_remove(0))?;
    let missing = |what: String| {
        let help = "run `periplus fetch` on this file, and keep the folder with it";
        here.error(Code::UnreadableFile, what).with_help(help)
    };
    let GitDraft { repository, revision } = git;
    let Some(commit) = commit_of(git, &locked) else {
        return Err(missing(format!("revision `{revision}` of {repository} was not fetched")));
    };
    let beside = format!("{FOLDER}/{commit}/{path}");
    if files.has(&relative(document, &beside, here)?) {
        Ok(beside)
    } else {
        Err(missing(format!("`{path}` of revision `{revision}` of {repository} was not fetched")))
    }
}

/// Whether a path stays in the folder that it is counted from.
fn is_plain(path: &str) -> bool {
    path.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains('\\'))
}

fn not_plain(path: &str, here: Cursor<'_>) -> Diagnostic {
    let message = format!("`{path}` is not a path from the root of a repository");
    let help = "write it with forward slashes, without `..` and without a slash at its start";
    here.error(Code::IncludeEscapes, message).with_help(help)
}

/// What the lock at `path` says; nothing where there is none.
fn lock(files: &mut Files, path: &str, here: Cursor<'_>) -> Result<Vec<Locked>, Vec<Diagnostic>> {
    if !files.has(path) {
        return Ok(Vec::new());
    }
    let source = files.text(path, here).map_err(|wrong| vec![wrong])?;
    let help = "remove the file and run `periplus fetch` again";
    let unfit = |what: String| vec![here.error(Code::YamlSyntax, what).with_help(help)];
    let mut locked = Vec::new();
    for node in parse(&source)? {
        let said: Vec<Locked> = deserialize(&node)
            .map_err(|misfit| unfit(format!("`{}`: {}", source.name, misfit.message)))?;
        locked.extend(said);
    }
    match locked.iter().find(|one| !is_commit(&one.commit)) {
        Some(one) => Err(unfit(format!("`{}`: `{}` is no commit", source.name, one.commit))),
        None => Ok(locked),
    }
}

fn commit_of<'l>(git: &'l GitDraft, locked: &'l [Locked]) -> Option<&'l str> {
    if is_commit(&git.revision) {
        return Some(&git.revision);
    }
    let same = |one: &&Locked| one.repository == git.repository && one.revision == git.revision;
    locked.iter().find(same).map(|one| one.commit.as_str())
}

/// Whether a revision is a commit's full name, which says for ever the same.
#[must_use]
pub fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

//! Adopting: a fleet that runs already gets a log, from what its repositories say of it.
//!
//! For a service whose folder is lost. Repositories hold what runs where and who is served by it (`decisions/<app>.json`), so a
//! new log begins with that, paused: nothing is written, and above all nothing removed, before an operator resumes it.

mod changes;
mod demand;
mod running;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use periplus_core::units::Span;
use periplus_emit::{Decision, Renderer};
use periplus_git::{Fault, Options, Target, read_all};
use periplus_spec::diagnostic::Diagnostic;

pub use self::changes::Changes;
pub use self::running::{Running, Unfit};
use crate::delivery::{Place, Routes};
use crate::desk::{Desk, DeskFault, Setup};
use crate::intents::Intents;
use crate::remembered::{Remembered, RememberedFile};
use crate::sighting::Sighting;

/// Files of a repository by their paths.
type Found = BTreeMap<String, Arc<[u8]>>;

/// What is needed to adopt a fleet.
#[derive(Debug)]
pub struct Adoption {
    /// What is declared, from its start.
    pub intents: Intents,
    /// How what is written gets to repositories.
    pub routes: Routes,
    /// Who we are there.
    pub access: Options,
    /// What will make the log, for people.
    pub made_by: String,
}

/// A fleet that was adopted.
#[derive(Debug)]
pub struct Adopted {
    /// The repositories that were read, each with the branch, and how many of their files are ours.
    pub repositories: BTreeMap<String, usize>,
    /// By app, the clusters that it runs in.
    pub apps: BTreeMap<String, Vec<String>>,
    /// What runs according to the repositories and could not be adopted.
    pub unfit: Vec<Unfit>,
    /// What becomes of files when changes begin.
    pub changes: Changes,
}

/// Why nothing was adopted.
#[derive(Debug, thiserror::Error)]
pub enum AdoptFault {
    /// The service has a log.
    #[error("{} holds a log already", .0.display())]
    Begun(PathBuf),
    /// What was found does not fit what is declared.
    #[error("what runs does not fit what is declared")]
    Unfit(Vec<Diagnostic>),
    /// A repository cannot be read.
    #[error("{repository} cannot be read: {fault}")]
    Repository {
        /// Which.
        repository: String,
        /// Why.
        fault: Fault,
    },
    /// A file of ours cannot be read.
    #[error("{repository} holds something else than we wrote: {why}")]
    Garbled {
        /// Where.
        repository: String,
        /// Which file, and what is wrong with it.
        why: String,
    },
    /// Nothing of ours is there.
    #[error("nothing of Periplus is in {0}")]
    Nothing(String),
    /// The desk cannot begin.
    #[error(transparent)]
    Desk(#[from] DeskFault),
    /// The folder cannot be written.
    #[error("{} cannot be written: {error}", .path.display())]
    Folder {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
}

impl Adoption {
    /// Begins a log in `folder` with what the repositories say, paused. `cache` may be lost at any time. Waits for networks.
    ///
    /// # Errors
    /// Nothing was adopted then. Repositories are as they were in any case.
    pub fn adopt(
        self,
        folder: &Path,
        cache: &Path,
        now_unix_ms: i64,
    ) -> Result<Adopted, AdoptFault> {
        if Desk::has_begun(folder) {
            return Err(AdoptFault::Begun(folder.to_owned()));
        }
        let places = self.routes.targets(self.intents.delivery()).map_err(DeskFault::from)?.places;
        let mut repositories = BTreeMap::new();
        let mut found = Found::new();
        for place in places.values() {
            let (name, files) = read(place, cache, &self.access)?;
            let ours = periplus_git::owned_among(&files);
            let ours =
                ours.map_err(|why| AdoptFault::Garbled { repository: name.clone(), why })?.len();
            repositories.insert(name, ours);
            found.extend(files);
        }
        let named = || repositories.keys().cloned().collect::<Vec<_>>().join(", ");
        if repositories.values().all(|ours| *ours == 0) {
            return Err(AdoptFault::Nothing(named()));
        }
        let garbled = |why| AdoptFault::Garbled { repository: named(), why };
        let decisions = found.iter().filter(|(path, _)| Decision::is_at(path));
        let decisions = decisions.map(|(path, bytes)| {
            Decision::read(bytes).map_err(|why| garbled(format!("`{path}`: {why}")))
        });
        let decisions = decisions.collect::<Result<Vec<_>, _>>()?;
        let Running { state, apps, unfit } = Running::of(&decisions, &self.intents);
        let intents = self.intents.beginning_with(state).map_err(AdoptFault::Unfit)?;
        let renderer = Renderer::new(intents.delivery(), &self.routes.pulled);
        let setup = Setup {
            intents: Some(intents),
            routes: self.routes,
            window: Span(0),
            narrator: Box::new(()),
            made_by: self.made_by,
        };
        let memory = RememberedFile::below(folder);
        let error = |error| AdoptFault::Folder { path: memory.path().to_owned(), error };
        std::fs::create_dir_all(folder).map_err(error)?;
        let mut desk = Desk::open(folder, setup, now_unix_ms)?;
        if let Some(sight) = demand::implied(desk.state()) {
            desk.see(&Sighting { as_of_unix_ms: now_unix_ms, sight }, now_unix_ms)?;
        }
        let files = renderer.tree(desk.state()).map_err(DeskFault::from)?;
        let changes = Changes::of(&found, &files).map_err(garbled)?;
        desk.finish()?;
        // Its files are ours: the service may go on with them.
        memory.write(Remembered { wrote: true, ..Remembered::default() }).map_err(error)?;
        Ok(Adopted { repositories, apps, unfit, changes })
    }
}

/// The files that clusters pull from a repository; none where it is empty.
fn read(place: &Place, cache: &Path, access: &Options) -> Result<(String, Found), AdoptFault> {
    let Place { repository, base } = place;
    let branch = base.as_ref().unwrap_or(&repository.branch);
    let name = format!("the branch {branch} of {}", repository.url);
    let fault = |fault| AdoptFault::Repository { repository: name.clone(), fault };
    let target = Target::new(&repository.url, branch).map_err(|bad| fault(bad.into()))?;
    let files = match read_all(cache, &target, access, None) {
        Ok(read) => read.map_or_else(Found::new, |read| read.files),
        Err(Fault::Absent { .. }) => Found::new(),
        Err(other) => return Err(fault(other)),
    };
    Ok((name, files))
}

//! Following what is declared, wherever it stands: in files, in a git repository, or in a hub cluster.
//!
//! What is wrong is told to people, once, and leaves everything as it is; so does what cannot be reached.

use std::path::PathBuf;
use std::time::Duration;

use periplus_git::Oid;
use periplus_spec::Bundle;
use periplus_spec::diagnostic::Diagnostic;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::custom::{self, Hub};
use super::repository::Repository;
use super::standing::{Accepted, Complaint, Standing};
use crate::Feed;
use crate::clusters::full;
use crate::service::{Clock, Order, Wall};

/// Where what is declared stands.
#[derive(Clone, Debug)]
pub enum IntentsFrom {
    /// In a folder, or in the file of a scenario.
    Files(PathBuf),
    /// In a git repository.
    Repository(Box<Repository>),
    /// In custom resources of a cluster.
    Hub(Hub),
}

/// Why what is declared cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadFault {
    /// It can be reached, and is wrong.
    #[error("what is declared is wrong: {} complaints, the first is: {}", .0.len(), .0.first().map_or("", |one| &one.message))]
    Wrong(Vec<Diagnostic>),
    /// It cannot be reached.
    #[error("{0}")]
    Unreachable(String),
}

impl IntentsFrom {
    /// Reads it once, for a first start.
    ///
    /// # Errors
    /// It cannot be reached, or is wrong. Of custom resources, those that are wrong are left out.
    pub async fn read(&self) -> Result<Bundle, ReadFault> {
        let wrong = ReadFault::Wrong;
        match self {
            Self::Files(path) => {
                let path = path.clone();
                let read = spawn_blocking(move || super::read(&path)).await;
                read.map_err(|error| ReadFault::Unreachable(full(&error)))?.map_err(wrong)
            }
            Self::Repository(repository) => {
                let repository = repository.clone();
                let read = spawn_blocking(move || repository.read(None)).await;
                let read = read.map_err(|error| ReadFault::Unreachable(full(&error)))?;
                match read {
                    Ok(Some(read)) => read.bundle.map_err(wrong),
                    // Only what is known already is not read.
                    Ok(None) => Err(ReadFault::Unreachable("nothing was read".to_owned())),
                    Err(fault) => Err(ReadFault::Unreachable(fault.to_string())),
                }
            }
            Self::Hub(hub) => custom::read(hub).await,
        }
    }

    /// Where it is, for people.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Files(path) => path.display().to_string(),
            Self::Repository(repository) => repository.to_string(),
            Self::Hub(hub) => hub.to_string(),
        }
    }
}

/// Looks at what is declared, every so often or as it changes, and tells the desk for as long as there is one. `standing`
/// says how it stands.
pub async fn follow(from: IntentsFrom, every: Duration, feed: Feed<Order>, standing: Standing) {
    standing.change(|status| status.source = from.place());
    let teller = Teller { feed, standing };
    match from {
        IntentsFrom::Files(path) => follow_files(path, every, teller).await,
        IntentsFrom::Repository(repository) => follow_repository(repository, every, teller).await,
        IntentsFrom::Hub(hub) => custom::follow(hub, teller).await,
    }
}

async fn follow_files(path: PathBuf, every: Duration, teller: Teller) {
    loop {
        let place = path.clone();
        let Ok(read) = spawn_blocking(move || super::read(&place)).await else { return };
        teller.reached();
        let Some(()) = teller.tell(read, None).await else { return };
        tokio::time::sleep(every).await;
    }
}

async fn follow_repository(repository: Box<Repository>, every: Duration, teller: Teller) {
    // Bad or good, a commit is looked at once: it stays what it is.
    let mut known: Option<Oid> = None;
    loop {
        let place = repository.clone();
        let Ok(read) = spawn_blocking(move || place.read(known)).await else { return };
        match read {
            Ok(None) => teller.reached(),
            Ok(Some(read)) => {
                teller.reached();
                known = Some(read.commit);
                let commit = read.commit.to_string();
                let Some(()) = teller.tell(read.bundle, Some(commit)).await else { return };
            }
            Err(fault) => teller.failed(&fault.to_string()),
        }
        tokio::time::sleep(every).await;
    }
}

/// Who tells the desk what is declared, and people how that went.
#[derive(Clone, Debug)]
pub(super) struct Teller {
    pub(super) feed: Feed<Order>,
    pub(super) standing: Standing,
}

impl Teller {
    /// Tells the desk what was read. `None` if there is no desk any more.
    async fn tell(
        &self,
        read: Result<Bundle, Vec<Diagnostic>>,
        revision: Option<String>,
    ) -> Option<()> {
        let wrong = match read {
            Ok(bundle) => {
                let documents = bundle.documents.len();
                match self.declare(bundle).await? {
                    Ok(changes) => {
                        self.accepted(&changes, revision.clone(), documents);
                        Vec::new()
                    }
                    Err(wrong) => wrong,
                }
            }
            Err(wrong) => wrong,
        };
        let complaints: Vec<Complaint> = wrong.iter().map(Complaint::of).collect();
        self.complain(&complaints, revision.as_deref());
        Some(())
    }

    /// Asks the desk to take in a bundle. `None` if there is no desk any more.
    pub(super) async fn declare(
        &self,
        bundle: Bundle,
    ) -> Option<Result<Vec<String>, Vec<Diagnostic>>> {
        let (reply, answer) = oneshot::channel();
        self.feed.ask(Order::Declare(Box::new(bundle), reply)).await;
        answer.await.ok()
    }

    /// It was taken in.
    pub(super) fn accepted(&self, changes: &[String], revision: Option<String>, documents: usize) {
        for change in changes {
            tracing::info!(%change, commit = revision, "what is declared has changed");
        }
        let accepted = Accepted { revision, unix_ms: Wall.now_unix_ms(), documents };
        self.standing.change(|status| {
            status.changes += u64::from(!changes.is_empty());
            status.accepted = Some(accepted);
        });
    }

    /// What is wrong now. It is told once.
    pub(super) fn complain(&self, complaints: &[Complaint], revision: Option<&str>) {
        let known = self.standing.change(|status| {
            status.revision = revision.map(str::to_owned);
            std::mem::replace(&mut status.complaints, complaints.to_vec())
        });
        for Complaint { code, at, message } in complaints.iter().filter(|one| !known.contains(one))
        {
            tracing::error!(code, at, commit = revision, "what is declared is wrong: {message}");
        }
    }

    /// It cannot be read.
    pub(super) fn failed(&self, why: &str) {
        let now = Wall.now_unix_ms();
        let is_new = self.standing.change(|status| {
            let since = status.failed.take().map(|(since, _)| since);
            status.failed = Some((since.unwrap_or(now), why.to_owned()));
            since.is_none()
        });
        if is_new {
            tracing::warn!("what is declared cannot be read, and stays as it was: {why}");
        }
    }

    /// It was read to its end.
    pub(super) fn reached(&self) {
        let failed = self.standing.change(|status| {
            status.read_unix_ms = Some(Wall.now_unix_ms());
            status.failed.take()
        });
        if failed.is_some() {
            tracing::info!("what is declared can be read again");
        }
    }
}

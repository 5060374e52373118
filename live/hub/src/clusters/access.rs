//! How clusters are reached: contexts of kubeconfigs, the account of the pod that we run in, or a configuration of the
//! caller's.
//!
//! A kubeconfig is read once for all of its contexts, and again when it has changed. Tokens in files are read anew by
//! kube itself, every minute.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::objects::hash;
use super::watch::full;

/// How a cluster is reached.
#[derive(Clone)]
pub enum Source {
    /// As a pod of it is: the account in `/var/run/secrets/kubernetes.io/serviceaccount`.
    InCluster,
    /// As a context of a kubeconfig says.
    Context {
        /// The file.
        file: PathBuf,
        /// The context; the current one if it is empty.
        context: String,
    },
    /// As the caller says, each time that a connection begins.
    Loaded(Load),
}

/// Tells how a cluster is reached.
pub type Load = Arc<dyn Fn() -> Result<Config, String> + Send + Sync>;

/// Kubeconfigs that were read.
#[derive(Default)]
pub(crate) struct Books(Mutex<BTreeMap<PathBuf, Book>>);

struct Book {
    stamp: Stamp,
    read: Arc<Kubeconfig>,
}

/// When a file was written, and how long it is.
type Stamp = Option<(SystemTime, u64)>;

impl fmt::Debug for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InCluster => out.write_str("InCluster"),
            Self::Context { file, context } => {
                out.debug_struct("Context").field("file", file).field("context", context).finish()
            }
            Self::Loaded(_) => out.write_str("Loaded"),
        }
    }
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::InCluster, Self::InCluster) => true,
            (Self::Context { file, context }, Self::Context { file: other, context: name }) => {
                file == other && context == name
            }
            (Self::Loaded(load), Self::Loaded(other)) => Arc::ptr_eq(load, other),
            (Self::InCluster | Self::Context { .. } | Self::Loaded(_), _) => false,
        }
    }
}

impl fmt::Debug for Books {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Books")
    }
}

/// The names of all contexts of a kubeconfig.
///
/// # Errors
/// It cannot be read.
pub fn contexts(file: &Path) -> Result<Vec<String>, String> {
    let read = Kubeconfig::read_from(file).map_err(|error| full(&error))?;
    Ok(read.contexts.into_iter().map(|one| one.name).collect())
}

impl Source {
    /// A client, made anew of what files say now, and what [`mark`](Self::mark) said of them.
    pub(crate) async fn connect(&self, books: &Arc<Books>) -> Result<(Client, u64), String> {
        let mark = self.mark(books).await?;
        let mut config = match self {
            Self::InCluster => Config::incluster().map_err(|error| full(&error))?,
            Self::Context { file, context } => {
                let picked = pick(&*books.read(file).await?, context)
                    .ok_or_else(|| format!("{} has no context `{context}`", file.display()))?;
                let options = KubeConfigOptions::default();
                let config = Config::from_custom_kubeconfig(picked, &options);
                config.await.map_err(|error| full(&error))?
            }
            Self::Loaded(load) => load()?,
        };
        // Each watch waits in its own way, and heartbeats must not be repeated.
        config.default_retry = false;
        // A plugin that fetches credentials is run here.
        let client = tokio::task::spawn_blocking(move || Client::try_from(config)).await;
        let client = client.map_err(|error| full(&error))?.map_err(|error| full(&error))?;
        Ok((client, mark))
    }

    /// A number that changes when what a connection was made of has changed.
    pub(crate) async fn mark(&self, books: &Arc<Books>) -> Result<u64, String> {
        match self {
            Self::InCluster | Self::Loaded(_) => Ok(0),
            Self::Context { file, context } => {
                let book = books.read(file).await?;
                let picked = pick(&book, context)
                    .ok_or_else(|| format!("{} has no context `{context}`", file.display()))?;
                let text = serde_json::to_string(&picked).map_err(|error| full(&error))?;
                let files = picked.auth_infos.iter().filter_map(|user| user.auth_info.as_ref());
                let files = files.flat_map(|user| [&user.client_certificate, &user.client_key]);
                let authorities = picked.clusters.iter().filter_map(|one| one.cluster.as_ref());
                let files = files.chain(authorities.map(|one| &one.certificate_authority));
                let stamps: Vec<Stamp> =
                    files.flatten().map(|file| stamp(Path::new(file))).collect();
                Ok(hash(&(text, stamps)))
            }
        }
    }
}

impl Books {
    async fn read(self: &Arc<Self>, file: &Path) -> Result<Arc<Kubeconfig>, String> {
        let (books, file) = (Arc::clone(self), file.to_owned());
        let read = tokio::task::spawn_blocking(move || books.read_now(&file)).await;
        read.map_err(|error| full(&error))?
    }

    /// Whoever comes while a file is read waits for it.
    fn read_now(&self, file: &Path) -> Result<Arc<Kubeconfig>, String> {
        let mut books = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = stamp(file);
        if let Some(book) = books.get(file).filter(|book| book.stamp == stamp && stamp.is_some()) {
            return Ok(Arc::clone(&book.read));
        }
        let read = Kubeconfig::read_from(file).map_err(|error| full(&error))?;
        let read = Arc::new(read);
        books.insert(file.to_owned(), Book { stamp, read: Arc::clone(&read) });
        Ok(read)
    }
}

fn stamp(file: &Path) -> Stamp {
    let metadata = fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// A kubeconfig with one context only, and what it names.
fn pick(book: &Kubeconfig, context: &str) -> Option<Kubeconfig> {
    let name = if context.is_empty() { book.current_context.as_deref()? } else { context };
    let found = book.contexts.iter().find(|one| one.name == name)?.clone();
    let inner = found.context.clone()?;
    let clusters = book.clusters.iter().filter(|one| one.name == inner.cluster).cloned().collect();
    let user = inner.user.unwrap_or_default();
    let auth_infos = book.auth_infos.iter().filter(|one| one.name == user).cloned().collect();
    Some(Kubeconfig {
        clusters,
        auth_infos,
        contexts: vec![found],
        current_context: Some(name.to_owned()),
        ..Kubeconfig::default()
    })
}

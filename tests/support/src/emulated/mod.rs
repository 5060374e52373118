//! The Kubernetes API of up to thousands of clusters, emulated by one listener on loopback: lists with pages, watches
//! with bookmarks and 410 Gone, patches, server-side apply with conflicts, status, tokens, throttling, cuts.
//!
//! Objects are generic JSON. What is absent: validation beyond names, most defaults, admission, conversion between
//! versions, controllers of any kind (but a deleted namespace takes its contents along), graceful deletion of pods,
//! protobuf, YAML that is not JSON, `exec`, `log`, `eviction`, TLS. It takes after Kubernetes 1.20.
//!
//! Read [`Emulator`] and [`Cluster`] first, then `serve` for the way of a request, `store` for what is kept, `write` for
//! what may be changed, and `compare` for how its answers are held against those of a real server.

mod call;
mod cluster;
pub mod compare;
mod discovery;
mod fields;
mod kinds;
mod managed;
mod object;
mod read;
mod rules;
mod scale;
mod select;
mod serve;
mod status;
mod store;
mod strategic;
mod table;
mod typed;
mod watch;
mod wire;
mod write;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use tokio::task::JoinHandle;

use cluster::Shard;
pub use cluster::{Cluster, Counts, Happened, Happenings, Missed};
pub use kinds::{Kind, Traits};
use store::Store;
use wire::{Switch, Wires};

/// Changes that each cluster remembers, unless told otherwise: what a watch may lag behind.
pub const HISTORY: usize = 1024;

/// All emulated clusters of a test. When it is dropped, they are gone.
#[derive(Debug)]
pub struct Emulator {
    world: Arc<World>,
    server: JoinHandle<()>,
}

/// What the server shares with those who hold it.
#[derive(Debug)]
struct World {
    address: SocketAddr,
    history: usize,
    clusters: Mutex<BTreeMap<String, Arc<Shard>>>,
    kinds: Mutex<Arc<Vec<Arc<Kind>>>>,
}

impl Emulator {
    /// Starts it on a free port of 127.0.0.1, in the tokio runtime of the caller.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, or if there is no port.
    #[must_use]
    pub fn start() -> Self {
        Self::remembering(HISTORY)
    }

    /// Starts one whose clusters remember so many changes each.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, or if there is no port.
    #[must_use]
    pub fn remembering(history: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| {
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok((tokio::net::TcpListener::from_std(listener)?, address))
        });
        let (listener, address) = match listener {
            Ok(bound) => bound,
            Err(error) => panic!("no port on loopback: {error}"),
        };
        let kinds = kinds::known().into_iter().map(Arc::new).collect();
        let world = Arc::new(World {
            address,
            history,
            clusters: Mutex::default(),
            kinds: Mutex::new(Arc::new(kinds)),
        });
        let router = Router::new().fallback(serve::answer).with_state(Arc::clone(&world));
        let service = router.into_make_service_with_connect_info::<Switch>();
        let server = tokio::spawn(async move {
            // It ends only with its task.
            let _ = axum::serve(Wires(listener), service).await;
        });
        Self { world, server }
    }

    /// The cluster of that name, made if it is new.
    ///
    /// # Panics
    ///
    /// If the name cannot stand in a path.
    #[must_use]
    pub fn cluster(&self, name: &str) -> Cluster {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        assert!(!name.is_empty() && name.chars().all(plain), "{name:?} cannot stand in a path");
        let mut clusters = self.world.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        let next = clusters.len();
        let made = || {
            let kinds = self.world.kinds.lock().unwrap_or_else(PoisonError::into_inner);
            let url = format!("http://{}/c/{name}", self.world.address);
            let store = Store::new(Arc::clone(&kinds), next, self.world.history);
            Arc::new(Shard::new(name, url, store))
        };
        Cluster(Arc::clone(clusters.entry(name.to_owned()).or_insert_with(made)))
    }

    /// All clusters so far, by name.
    #[must_use]
    pub fn clusters(&self) -> Vec<Cluster> {
        let clusters = self.world.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        clusters.values().map(|shard| Cluster(Arc::clone(shard))).collect()
    }

    /// Serves one more kind, in all clusters there are and will be.
    pub fn register(&self, kind: &Kind) {
        for cluster in self.clusters() {
            cluster.register(kind.clone());
        }
        let mut kinds = self.world.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut kinds).push(Arc::new(kind.clone()));
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.server.abort();
        for cluster in self.clusters() {
            cluster.cut();
        }
    }
}

impl World {
    /// The cluster that a path is about, and what follows its prefix.
    fn find<'a>(&self, path: &'a str) -> Option<(Arc<Shard>, &'a str)> {
        let rest = path.strip_prefix("/c/")?;
        let (name, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        Some((Arc::clone(clusters.get(name)?), rest))
    }
}

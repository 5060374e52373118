//! The API: what people and programs ask and command over HTTP, as JSON, and `/metrics`.
//!
//! Everything about the state is asked of the desk, and answered between two of its turns (`asking`). `routes` is the one
//! table of what there is: the router and the `OpenAPI` document are both made of it. `access` says who may, `guard` holds the
//! limits, `server` the connections. Sentences and the log's encoding are the program's around it ([`Explain`]).

mod access;
mod apps;
mod asking;
mod checked;
mod clusters;
mod commands;
pub mod config;
mod copies;
mod demand;
mod explain;
mod extract;
mod guard;
mod health;
mod log;
mod metrics;
mod openapi;
mod otlp;
mod problem;
mod questions;
mod reports;
mod routes;
mod server;
mod standby;
mod state;
mod tls;
mod words;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

pub use self::checked::{Config, read};
pub use self::explain::{Explain, Refused, When, WhyQuestion};
pub use self::server::{ServeFault, serve};
pub use self::standby::stand_by;
pub use self::tls::TlsFault;

use self::access::Keys;
use self::demand::Sources;
use self::guard::Traffic;
use self::log::Pulse;
use crate::apply;
use crate::clusters::Clusters;
use crate::copy::Copies;
use crate::feed::Feed;
use crate::reports::Reports;
use crate::service::{Clock, Order};
use crate::signals::Statuses;
use crate::traces::Traces;

/// The version of the form of answers. It grows when something that was there goes, or means something else.
pub const VERSION: u32 = 1;

/// What the API is made of.
pub struct Parts {
    /// Where it listens, and who may ask.
    pub config: Config,
    /// Where the desk is asked.
    pub feed: Feed<Order>,
    /// How signals are.
    pub signals: Statuses,
    /// How the watching of clusters goes, if they are watched.
    pub clusters: Option<Arc<Clusters>>,
    /// How the applying to clusters without an agent goes.
    pub applied: apply::Statuses,
    /// What is known of clusters that report themselves.
    pub reports: Arc<Reports>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// How the program around it is.
    pub situation: watch::Receiver<Situation>,
    /// What the program around it answers.
    pub explain: Arc<dyn Explain>,
    /// What standbys get a copy of, where they have folders of their own.
    pub copies: Option<Arc<Copies>>,
    /// Where requests are traced.
    pub traces: Traces,
    /// What is too much, and too long.
    pub limits: Limits,
}

/// How the program around the API is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Situation {
    /// What it does, in one word: `live`, `shadow`.
    pub mode: String,
    /// What it waits for until it is ready, for people; empty once it is.
    pub missing: Vec<String>,
}

/// What is too much, and too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at the same time; more wait to be accepted.
    pub connections: usize,
    /// Requests at the same time; more are told to come again.
    pub requests: usize,
    /// Streams of the log at the same time.
    pub streams: usize,
    /// How long a request's head, or TLS, may take; and how long a connection may be idle.
    pub head: Duration,
    /// How long a request's body may take.
    pub body: Duration,
    /// How long the desk may take.
    pub desk: Duration,
    /// How long an answer may take in all.
    pub request: Duration,
    /// How long requests that were begun are waited for when the API stops.
    pub end: Duration,
    /// After which time clusters whose first lists are not there do not keep the service from being ready.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            requests: 64,
            streams: 8,
            head: Duration::from_secs(15),
            body: Duration::from_secs(10),
            desk: Duration::from_secs(5),
            request: Duration::from_secs(30),
            end: Duration::from_secs(10),
            grace: Duration::from_mins(2),
        }
    }
}

/// The API. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    shared: Arc<Shared>,
}

struct Shared {
    parts: Parts,
    keys: Keys,
    traffic: Traffic,
    sources: Sources,
    pulse: Pulse,
    requests: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    stopping: watch::Sender<bool>,
    began: Instant,
    /// Whether the first lists of all clusters were there once, or are waited for no more.
    listed: AtomicBool,
}

impl fmt::Debug for Api {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Api").field("config", self.config()).finish_non_exhaustive()
    }
}

impl Api {
    /// An API that [`serve`] can be called with.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let shared = Shared {
            keys: Keys::new(parts.config.tokens.clone()),
            traffic: Traffic::default(),
            sources: Sources::default(),
            pulse: Pulse::default(),
            requests: Arc::new(Semaphore::new(parts.limits.requests)),
            streams: Arc::new(Semaphore::new(parts.limits.streams)),
            stopping: watch::Sender::new(false),
            began: Instant::now(),
            listed: AtomicBool::new(false),
            parts,
        };
        Self { shared: Arc::new(shared) }
    }

    /// The `OpenAPI` document.
    #[must_use]
    pub fn document() -> serde_json::Value {
        openapi::document(&routes::table())
    }

    fn parts(&self) -> &Parts {
        &self.shared.parts
    }

    fn config(&self) -> &Config {
        &self.parts().config
    }

    fn limits(&self) -> &Limits {
        &self.parts().limits
    }

    fn keys(&self) -> &Keys {
        &self.shared.keys
    }

    fn traffic(&self) -> &Traffic {
        &self.shared.traffic
    }

    fn traces(&self) -> &Traces {
        &self.parts().traces
    }

    fn request_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.shared.requests).try_acquire_owned().ok()
    }

    fn now_unix_ms(&self) -> i64 {
        self.parts().clock.now_unix_ms()
    }

    /// Streams end.
    fn stop(&self) {
        self.shared.stopping.send_replace(true);
    }
}

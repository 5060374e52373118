//! One emulated cluster as a test holds it: how to reach it, what is in it, what happens in it, and its faults.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::config::AuthInfo;
use kube::{Client, Config};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::kinds::Kind;
use super::managed::Writer;
use super::object::{metadata, text};
use super::rules::{self, Part};
use super::store::{Store, key, parts};
use super::write::{self, Target};

/// How often what was asked: by verb (`get`, `list`, `watch`, `create`, `update`, `patch`, `delete`,
/// `deletecollection`) and resource (`pods`, `deployments/status`).
pub type Counts = BTreeMap<(&'static str, String), u64>;

/// What all users of one cluster share.
#[derive(Debug)]
pub(super) struct Shard {
    /// The name in its path.
    pub(super) name: String,
    /// Tells everyone who waits that something is new.
    pub(super) signal: watch::Sender<Signal>,
    store: Mutex<Store>,
    counts: Mutex<Counts>,
    token: Mutex<String>,
    throttled: AtomicU32,
    delay_ms: AtomicU64,
    url: String,
}

/// What a watch must know besides the changes themselves. Numbers count how often something happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Signal {
    /// The newest version.
    pub(super) version: u64,
    /// Times the cluster was cut off.
    pub(super) cuts: u64,
    /// Times its history was dropped.
    pub(super) compactions: u64,
    /// Times bookmarks were sent.
    pub(super) bookmarks: u64,
    /// How it answers now.
    pub(super) manner: Manner,
    /// Whether watches may begin with what is there (`sendInitialEvents`).
    pub(super) streaming: bool,
}

/// How a cluster answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Manner {
    /// As it should.
    #[default]
    Well,
    /// It resets connections.
    Cut,
    /// It says 503.
    Refusing,
    /// It says nothing and holds the connection.
    Silent,
}

impl Shard {
    /// A cluster at `url`, with the namespaces that every cluster has.
    pub(super) fn new(name: &str, url: String, store: Store) -> Self {
        let shard = Self {
            name: name.to_owned(),
            signal: watch::Sender::new(Signal::default()),
            store: Mutex::new(store),
            counts: Mutex::default(),
            token: Mutex::new(format!("token-of-{name}")),
            throttled: AtomicU32::new(0),
            delay_ms: AtomicU64::new(0),
            url,
        };
        for namespace in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            let object = json!({
                "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace },
            });
            put(&mut shard.store(), object);
        }
        shard
    }

    /// The state.
    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes watches after a change.
    pub(super) fn tell(&self) {
        let version = self.store().version();
        self.signal.send_if_modified(|signal| {
            let newer = version > signal.version;
            signal.version = signal.version.max(version);
            newer
        });
    }

    /// Counts a request.
    pub(super) fn count(&self, verb: &'static str, resource: String) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((verb, resource)).or_default() += 1;
    }

    /// Whether this `Authorization` opens the cluster.
    pub(super) fn admits(&self, authorization: &str) -> bool {
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        authorization.strip_prefix("Bearer ") == Some(token.as_str())
    }

    /// Whether this request is one too many.
    pub(super) fn throttles(&self) -> bool {
        let less = |left: u32| left.checked_sub(1);
        self.throttled.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    /// How long an answer takes.
    pub(super) fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms.load(Ordering::Relaxed))
    }
}

/// A handle on one emulated cluster. Clones are the same cluster.
#[derive(Clone, Debug)]
pub struct Cluster(pub(super) Arc<Shard>);

/// Something that happened to one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Happened {
    /// `ADDED`, `MODIFIED` or `DELETED`.
    pub what: &'static str,
    /// `deployments`.
    pub plural: String,
    /// The version it made.
    pub version: u64,
    /// The object, as it is now or was at last.
    pub object: Value,
}

/// More happened than was remembered: what is there must be listed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed;

/// All that happens in one cluster from a moment on.
#[derive(Debug)]
pub struct Happenings {
    shard: Arc<Shard>,
    signal: watch::Receiver<Signal>,
    cursor: u64,
}

impl Cluster {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// The token it admits now.
    #[must_use]
    pub fn token(&self) -> String {
        self.0.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How a client reaches it now: a later token needs a new one.
    ///
    /// # Panics
    ///
    /// If its own address is none, which is a bug.
    #[must_use]
    pub fn config(&self) -> Config {
        let Ok(url) = self.0.url.parse() else { panic!("{} is no address", self.0.url) };
        let mut config = Config::new(url);
        // Nothing is encrypted. Without this each client would read all that the machine trusts.
        config.root_cert = Some(Vec::new());
        config.auth_info = AuthInfo { token: Some(self.token().into()), ..AuthInfo::default() };
        config
    }

    /// A client of it.
    ///
    /// # Panics
    ///
    /// If no client can be made at all, which is a bug.
    #[must_use]
    pub fn client(&self) -> Client {
        match Client::try_from(self.config()) {
            Ok(client) => client,
            Err(error) => panic!("no client for {}: {error}", self.0.url),
        }
    }

    /// Serves one more kind here.
    pub fn register(&self, kind: Kind) {
        self.0.store().register(kind);
    }

    /// Makes or replaces a whole object, its status included, as if it had always been so: nobody manages its fields.
    ///
    /// # Panics
    ///
    /// If it has no name or its kind is not served.
    pub fn put(&self, object: impl Serialize) -> Value {
        let Ok(object) = serde_json::to_value(object) else { panic!("this is no JSON") };
        let written = put(&mut self.0.store(), object);
        self.0.tell();
        written
    }

    /// Deletes an object as a client would: finalizers hold it. Whether it was there.
    pub fn delete(&self, plural: &str, namespace: &str, name: &str) -> bool {
        let mut store = self.0.store();
        let target = target(&store, plural, namespace, name);
        let deleted = write::delete(&mut store, &target, &Value::Null).is_ok();
        drop(store);
        self.0.tell();
        deleted
    }

    /// One object.
    #[must_use]
    pub fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        let store = self.0.store();
        store.value(table(&store, plural), &key(namespace, name))
    }

    /// All objects of a kind, in one namespace or in all if that is empty.
    #[must_use]
    pub fn list(&self, plural: &str, namespace: &str) -> Vec<Value> {
        let store = self.0.store();
        let table = table(&store, plural);
        let prefix = key(namespace, "");
        let rows = store.table(table).keys().filter(|key| key.starts_with(&*prefix));
        rows.filter_map(|key| store.value(table, key)).collect()
    }

    /// The newest resourceVersion.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.0.store().version()
    }

    /// All that happens from now on, without HTTP and untouched by faults: for robots that play controllers.
    #[must_use]
    pub fn subscribe(&self) -> Happenings {
        let signal = self.0.signal.subscribe();
        Happenings { shard: Arc::clone(&self.0), signal, cursor: self.version() }
    }

    /// Forgets history: older versions are 410 Gone, and watches that run end with that.
    pub fn compact(&self) {
        self.0.store().compact();
        self.0.signal.send_modify(|signal| signal.compactions += 1);
    }

    /// Resets all watches and, until [`Cluster::heal`], every connection that asks for something.
    pub fn cut(&self) {
        self.0.signal.send_modify(|signal| {
            signal.cuts += 1;
            signal.manner = Manner::Cut;
        });
    }

    /// Resets all watches and answers everything with 503 until [`Cluster::heal`].
    pub fn refuse(&self) {
        self.0.signal.send_modify(|signal| {
            signal.cuts += 1;
            signal.manner = Manner::Refusing;
        });
    }

    /// Keeps connections open and says nothing on them until [`Cluster::heal`].
    pub fn silence(&self) {
        self.0.signal.send_modify(|signal| signal.manner = Manner::Silent);
    }

    /// Ends every fault.
    pub fn heal(&self) {
        self.0.throttled.store(0, Ordering::Relaxed);
        self.0.delay_ms.store(0, Ordering::Relaxed);
        self.0.signal.send_modify(|signal| signal.manner = Manner::Well);
    }

    /// Answers the next `requests` with 429 and `Retry-After: 1`.
    pub fn throttle(&self, requests: u32) {
        self.0.throttled.store(requests, Ordering::Relaxed);
    }

    /// Lets every answer take this long, in whole milliseconds.
    pub fn slow(&self, delay: Duration) {
        let delay = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.0.delay_ms.store(delay, Ordering::Relaxed);
    }

    /// Sends a bookmark on every watch that allows them.
    pub fn bookmark(&self) {
        self.0.signal.send_modify(|signal| signal.bookmarks += 1);
    }

    /// Allows `sendInitialEvents`, as servers newer than the one this takes after do.
    pub fn stream_lists(&self) {
        self.0.signal.send_modify(|signal| signal.streaming = true);
    }

    /// Admits this token only.
    pub fn set_token(&self, token: &str) {
        token.clone_into(&mut self.0.token.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What was asked so far, refused requests included.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often one thing was asked.
    #[must_use]
    pub fn asked(&self, verb: &'static str, resource: &str) -> u64 {
        self.counts().get(&(verb, resource.to_owned())).copied().unwrap_or(0)
    }

    /// Watches that run now, and subscriptions.
    #[must_use]
    pub fn watchers(&self) -> usize {
        self.0.signal.receiver_count()
    }

    /// Bytes that its objects and their history take, about.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.0.store().weight()
    }
}

impl Happenings {
    /// The next thing that happens.
    ///
    /// # Errors
    ///
    /// If more happened at once than the cluster remembers.
    pub async fn next(&mut self) -> Result<Happened, Missed> {
        loop {
            self.signal.borrow_and_update();
            if let Some(happened) = self.ready()? {
                return Ok(happened);
            }
            // The sender is part of the cluster, which is held here.
            self.signal.changed().await.map_err(|_| Missed)?;
        }
    }

    /// The next thing that has happened already, if any.
    ///
    /// # Errors
    ///
    /// If more happened at once than the cluster remembers.
    pub fn ready(&mut self) -> Result<Option<Happened>, Missed> {
        let store = self.shard.store();
        let Some(change) = store.since(self.cursor).ok_or(Missed)?.next() else {
            return Ok(None);
        };
        let kind = &store.kinds[change.table];
        self.cursor += 1;
        let what = match (&change.before, change.gone) {
            (_, true) => "DELETED",
            (None, false) => "ADDED",
            (Some(_), false) => "MODIFIED",
        };
        let object = change.after.value(&kind.api_version(), &kind.kind);
        let version = change.after.version;
        Ok(Some(Happened { what, plural: kind.plural.clone(), version, object }))
    }
}

fn table(store: &Store, plural: &str) -> usize {
    match store.plural(plural) {
        Some(table) => table,
        None => panic!("{plural} are not served: register their kind first"),
    }
}

fn target(store: &Store, plural: &str, namespace: &str, name: &str) -> Target {
    let table = table(store, plural);
    let kind = Arc::clone(&store.kinds[table]);
    let by = Writer { manager: String::new(), api_version: kind.api_version(), now: rules::now() };
    let (namespace, name) = (namespace.to_owned(), name.to_owned());
    Target { table, kind, namespace, name, part: Part::Main, by, dry: false }
}

/// Writes an object past all rules but those that make it one.
fn put(store: &mut Store, mut object: Value) -> Value {
    let Some(table) = store.kind_of(&object) else {
        panic!("its kind is not served: {} {}", object["apiVersion"], object["kind"])
    };
    let kind = Arc::clone(&store.kinds[table]);
    let name = text(&object, "/metadata/name").to_owned();
    assert!(!name.is_empty(), "an object needs a name: {object}");
    let mut namespace = text(&object, "/metadata/namespace").to_owned();
    if kind.namespaced && namespace.is_empty() {
        namespace = "default".to_owned();
        metadata(&mut object).insert("namespace".to_owned(), json!(namespace));
    }
    let key = key(&namespace, &name);
    assert_eq!(parts(&key), (namespace.as_str(), name.as_str()), "a name has no slash");
    rules::defaults(&kind, &mut object);
    let status = object.get("status").cloned();
    match store.value(table, &key) {
        Some(live) => {
            rules::kept(&kind, Part::Main, &live, &mut object);
            if object.pointer("/metadata/managedFields").is_none() {
                let owners = live.pointer("/metadata/managedFields").cloned();
                rules::put(&mut object["metadata"], "managedFields", owners);
            }
        }
        None => {
            let (_, uid) = store.uid();
            rules::born(&kind, &mut object, &uid);
        }
    }
    if let Some(status) = status {
        object["status"] = status;
    }
    store.write(table, &key, object)
}

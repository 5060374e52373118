//! Watches: a stream of changes from a version on, with bookmarks, timeouts, and the ways in which it may end.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use futures::Stream;
use futures::stream::unfold;
use serde_json::json;
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, timeout_at};

use super::call::Call;
use super::cluster::{Manner, Shard, Signal};
use super::kinds::api_version;
use super::object::{Shape, Stored, head};
use super::read::number;
use super::select::Selector;
use super::status::Refused;
use super::store::{Change, Store, key};

/// One watch.
pub(super) struct Watching {
    shard: Arc<Shard>,
    signal: Receiver<Signal>,
    begun: Signal,
    table: usize,
    prefix: String,
    selector: Selector,
    shape: Shape,
    head: String,
    bookmarks: bool,
    deadline: Option<Instant>,
    cursor: u64,
    /// What is to be sent before anything else.
    first: Option<Vec<u8>>,
    ended: bool,
}

/// A watch was cut: the connection ends in the middle of a body.
#[derive(Debug)]
pub(super) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the cluster was cut off")
    }
}

impl std::error::Error for Cut {}

impl Watching {
    /// Begins a watch, or refuses it.
    pub(super) fn begin(
        shard: &Arc<Shard>,
        store: &Store,
        table: usize,
        call: &Call,
    ) -> Result<Self, Refused> {
        let mut fields = call.asked("fieldSelector").to_owned();
        if !call.name.is_empty() {
            fields = format!("metadata.name={}", call.name);
        }
        let selector = Selector::read(&store.kinds[table], call.asked("labelSelector"), &fields)?;
        let signal = shard.signal.subscribe();
        let begun = signal.borrow().clone();
        let initial = call.is("sendInitialEvents");
        let streaming = initial && begun.streaming;
        if !streaming && !call.asked("resourceVersionMatch").is_empty() {
            let complaint = |said: &str| {
                let said = format!("Forbidden: resourceVersionMatch is forbidden {said}");
                ("FieldValueForbidden", "resourceVersionMatch", said)
            };
            let mut complaints = vec![complaint("for watch")];
            if call.asked("resourceVersion").is_empty() {
                complaints.push(complaint("unless resourceVersion is provided"));
            }
            return Err(Refused::invalid("ListOptions", "meta.k8s.io", "", &complaints));
        }
        let kind = &store.kinds[table];
        let seconds = call.asked("timeoutSeconds").parse().ok().filter(|seconds| *seconds > 0);
        let head = head(&api_version(&call.group, &call.version), &kind.kind);
        let prefix =
            if call.namespace.is_empty() { String::new() } else { key(&call.namespace, "") };
        let mut watching = Self {
            shard: Arc::clone(shard),
            signal,
            begun,
            table,
            prefix,
            selector,
            shape: call.shape,
            head,
            bookmarks: call.is("allowWatchBookmarks"),
            deadline: seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds)),
            cursor: store.version(),
            first: None,
            ended: false,
        };
        let version = call.asked("resourceVersion");
        if ["", "0"].contains(&version) || streaming {
            let mut first = Vec::new();
            for (key, stored) in store.table(table) {
                if watching.sees(key, stored) {
                    watching.event("ADDED", stored, &mut first);
                }
            }
            if streaming {
                watching.bookmark(&json!({ "k8s.io/initial-events-end": "true" }), &mut first);
            }
            watching.first = Some(first);
        } else {
            watching.cursor = number(version).map_err(Refused::unexpected)?;
        }
        Ok(watching)
    }

    /// The body: lines of JSON.
    pub(super) fn stream(self) -> impl Stream<Item = Result<Bytes, Cut>> {
        unfold(self, |mut watching| async move {
            let chunk = watching.next().await?;
            Some((chunk, watching))
        })
    }

    async fn next(&mut self) -> Option<Result<Bytes, Cut>> {
        if let Some(first) = self.first.take().filter(|first| !first.is_empty()) {
            return Some(Ok(first.into()));
        }
        loop {
            if self.ended {
                return None;
            }
            let now = self.signal.borrow_and_update().clone();
            if now.cuts != self.begun.cuts {
                self.ended = true;
                return Some(Err(Cut));
            }
            if now.manner != Manner::Silent {
                let mut chunk = Vec::new();
                self.collect(&now, &mut chunk);
                if !chunk.is_empty() {
                    return Some(Ok(chunk.into()));
                }
            }
            let changed = match self.deadline {
                None => self.signal.changed().await.is_ok(),
                Some(deadline) => match timeout_at(deadline, self.signal.changed()).await {
                    Ok(changed) => changed.is_ok(),
                    Err(_) => return self.time_is_up(),
                },
            };
            if !changed {
                return None;
            }
        }
    }

    fn time_is_up(&mut self) -> Option<Result<Bytes, Cut>> {
        self.ended = true;
        let mut last = Vec::new();
        if self.bookmarks {
            self.bookmark(&json!(null), &mut last);
        }
        (!last.is_empty()).then(|| Ok(last.into()))
    }

    /// Appends all that happened since the cursor.
    fn collect(&mut self, now: &Signal, chunk: &mut Vec<u8>) {
        let shard = Arc::clone(&self.shard);
        let store = shard.store();
        let compacted = now.compactions != self.begun.compactions;
        let (newest, floor) = (store.version(), store.floor());
        let Some(changes) = store.since(self.cursor).filter(|_| !compacted) else {
            let said = format!("too old resource version: {} ({})", self.cursor, floor + 1);
            let status = Refused::expired(said).status();
            chunk.extend_from_slice(
                format!("{{\"type\":\"ERROR\",\"object\":{status}}}\n").as_bytes(),
            );
            self.ended = true;
            return;
        };
        for change in changes.filter(|change| change.table == self.table) {
            self.change(change, chunk);
        }
        self.cursor = self.cursor.max(newest);
        if now.bookmarks != self.begun.bookmarks {
            self.begun.bookmarks = now.bookmarks;
            if self.bookmarks {
                self.bookmark(&json!(null), chunk);
            }
        }
    }

    /// What a change is to those who see only what they selected.
    fn change(&self, change: &Change, chunk: &mut Vec<u8>) {
        let before = change.before.as_ref().is_some_and(|old| self.sees(&change.key, old));
        let after = !change.gone && self.sees(&change.key, &change.after);
        match (before, after) {
            (false, true) => self.event("ADDED", &change.after, chunk),
            (true, true) => self.event("MODIFIED", &change.after, chunk),
            (true, false) if change.gone => self.event("DELETED", &change.after, chunk),
            // It went out of sight: the last that was seen of it, as of now.
            (true, false) => {
                let old = change.before.as_ref().map(|old| old.value("", ""));
                let last = Stored::new(old.unwrap_or_default(), change.after.version);
                self.event("DELETED", &last, chunk);
            }
            (false, false) => {}
        }
    }

    fn sees(&self, key: &str, stored: &Arc<Stored>) -> bool {
        key.starts_with(&self.prefix) && self.selector.matches(key, stored)
    }

    fn event(&self, kind: &str, stored: &Stored, chunk: &mut Vec<u8>) {
        chunk.extend_from_slice(format!("{{\"type\":\"{kind}\",\"object\":").as_bytes());
        stored.write(&self.head, self.shape, chunk);
        chunk.extend_from_slice(b"}\n");
    }

    fn bookmark(&self, annotations: &serde_json::Value, chunk: &mut Vec<u8>) {
        let mut metadata = json!({ "resourceVersion": self.cursor.to_string() });
        metadata["creationTimestamp"] = json!(null);
        if !annotations.is_null() {
            metadata["annotations"] = annotations.clone();
        }
        let head = match self.shape {
            Shape::Full => self.head.clone(),
            Shape::Metadata => head("meta.k8s.io/v1", "PartialObjectMetadata"),
        };
        let line =
            format!("{{\"type\":\"BOOKMARK\",\"object\":{{{head},\"metadata\":{metadata}}}}}\n");
        chunk.extend_from_slice(line.as_bytes());
    }
}

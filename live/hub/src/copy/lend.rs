//! The leader's side: what it has on its disk, and what a standby gets that asks for it.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use periplus_journal::{Fault, Header, Reader};
use tokio::sync::watch;
use tokio::time::timeout;

use super::batch::{Begun, Cursor};
use super::files::{self, BEGINNING, INTENTS, OTHERS, REPORTS};
use super::ledger::Ledger;
use super::replica::Replica;
use super::strays::Strays;
use super::wire::{Asked, Head, LogHead, Sent, VERSION, encode};
use crate::desk::{self, Desk, Kept};

/// What a leader gives to standbys.
pub struct Copies {
    folder: PathBuf,
    log: PathBuf,
    header: Header,
    replica: Replica,
    epoch: u64,
    ledger: Ledger,
    strays: Strays,
    on_disk: Mutex<OnDisk>,
    grown: watch::Sender<u64>,
    /// Where those who ask again and again read.
    cursors: Mutex<BTreeMap<String, Cursor>>,
}

/// What is on our disk at one instant.
#[derive(Clone, Default)]
struct OnDisk {
    end: u64,
    kept: Option<Kept>,
    intents: File,
    others: [File; 3],
    /// Which file of reports is among them, and when it was written.
    reported: Option<(u64, i64, i64)>,
}

#[derive(Clone, Default)]
struct File {
    content: Arc<Vec<u8>>,
    tag: String,
}

/// A question that nothing can be answered to is held for so long.
const HELD: Duration = Duration::from_secs(2);
/// So many standbys are read for at once; others begin anew.
const CURSORS_MAX: usize = 16;

impl Copies {
    /// Those of a leader, whose desk is open.
    ///
    /// # Errors
    /// The log or a file beside it cannot be read.
    pub fn begin(
        folder: &Path,
        replica: Replica,
        epoch: u64,
        ledger: Ledger,
        desk: &Desk,
    ) -> Result<Self, Fault> {
        let log = Desk::log(folder);
        let header = Reader::open(&log)?.header().clone();
        let copies = Self {
            folder: folder.to_owned(),
            log,
            header,
            replica,
            epoch,
            strays: Strays::new(ledger.ends().0),
            ledger,
            on_disk: Mutex::default(),
            grown: watch::Sender::default(),
            cursors: Mutex::default(),
        };
        copies.publish(desk).map_err(|source| Fault::Io {
            path: folder.to_owned(),
            action: "read the files beside the log",
            source,
        })?;
        Ok(copies)
    }

    /// What was found in repositories is told together with them.
    #[must_use]
    pub fn beside(self, strays: Strays) -> Self {
        Self { strays, ..self }
    }

    /// Commits of records that are not here.
    #[must_use]
    pub fn strays(&self) -> &Strays {
        &self.strays
    }

    /// How far each standby is.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Everything that the desk has taken in is on the disk now.
    ///
    /// # Errors
    /// A file beside the log cannot be read.
    pub fn publish(&self, desk: &Desk) -> io::Result<()> {
        let (end, kept) = (desk.state().seq().0, desk.kept());
        let mut on_disk = lock(&self.on_disk);
        let reported = fs::metadata(self.folder.join(REPORTS));
        let reported = reported.ok().map(|file| (file.ino(), file.mtime(), file.mtime_nsec()));
        if on_disk.kept != Some(kept) || on_disk.reported != reported {
            let read = |name| {
                let content = files::read(&self.folder, name)?;
                let tag = files::tag(content.as_deref());
                io::Result::Ok(File { content: Arc::new(content.unwrap_or_default()), tag })
            };
            let [sources, remembered, reports] = OTHERS;
            if on_disk.kept != Some(kept) {
                on_disk.intents = read(INTENTS)?;
            }
            on_disk.others = [read(sources)?, read(remembered)?, read(reports)?];
            (on_disk.kept, on_disk.reported) = (Some(kept), reported);
        }
        on_disk.end = end;
        drop(on_disk);
        self.ledger.grow(end, Instant::now());
        self.grown.send_replace(end);
        Ok(())
    }

    /// Waits a moment for what follows what a standby has.
    pub async fn wait(&self, asked: &Asked) {
        let mut grown = self.grown.subscribe();
        let more = grown.wait_for(|end| *end > asked.from);
        // Who asks hears that we are there, also when nothing has come.
        let _ = timeout(HELD, more).await;
    }

    /// Whether what a standby has is the beginning of what we have: then it has confirmed it. Otherwise, with how many records
    /// both logs begin.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn hear(&self, asked: &Asked) -> Result<Option<u64>, Fault> {
        if asked.log.as_ref().is_some_and(|log| *log != desk::identity(&self.header)) {
            return Ok(Some(0));
        }
        let end = lock(&self.on_disk).end;
        let shared = asked.epochs.shared(asked.from, &self.replica.epochs, end);
        if shared < asked.from {
            return Ok(Some(shared));
        }
        let known = lock(&self.cursors).get(&asked.replica).map(Cursor::next);
        if known != Some(asked.from) {
            match Cursor::begin(&self.log, asked.from)? {
                Begun::There(_, Some(before)) if Some(before) != asked.last => {
                    return Ok(Some(asked.from.saturating_sub(1)));
                }
                Begun::There(cursor, _) => self.remember(asked, cursor),
                Begun::Later(..) => {}
                Begun::Behind => return Ok(Some(asked.from)),
            }
        }
        if asked.replica != self.replica.id {
            self.ledger.hear(&asked.replica, asked.from, Instant::now());
        }
        Ok(None)
    }

    /// The answer to a question that was heard.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn answer(&self, asked: &Asked, parted: Option<u64>) -> Result<Vec<u8>, Fault> {
        let on_disk = lock(&self.on_disk).clone();
        let end = on_disk.end;
        let mut head = Head {
            version: VERSION,
            leader: self.replica.id.clone(),
            epoch: self.epoch,
            log: LogHead::of(&self.header),
            epochs: self.replica.epochs.clone(),
            end,
            from: asked.from,
            parted,
            whole_from: 0,
            files: Vec::new(),
            bytes: 0,
            hash: String::new(),
        };
        if parted.is_some() {
            return Ok(encode(head, &[], &[]));
        }
        let known = lock(&self.cursors).remove(&asked.replica);
        let mut beginning = None;
        let mut cursor = match known.filter(|cursor| cursor.next() == asked.from) {
            Some(cursor) => cursor,
            None => match Cursor::begin(&self.log, asked.from)? {
                Begun::There(cursor, _) => cursor,
                Begun::Later(cursor, state) => {
                    beginning = Some(state);
                    cursor
                }
                Begun::Behind => {
                    head.parted = Some(asked.from);
                    return Ok(encode(head, &[], &[]));
                }
            },
        };
        head.from = cursor.next();
        let from = head.from;
        let batch = cursor.read(end)?;
        if let Some(header) = &batch.header {
            head.log = LogHead::of(header);
        }
        let mut contents = Vec::new();
        let mut send = |name: &str, content: &[u8], at| {
            head.files.push(Sent { name: name.to_owned(), at, bytes: content.len() });
            contents.push(content.to_vec());
        };
        if let Some(state) = beginning {
            send(BEGINNING, state.to_snapshot().as_slice(), from);
        }
        let is_new = |name: &str, file: &File| asked.files.get(name) != Some(&file.tag);
        for (name, file) in OTHERS.into_iter().zip(&on_disk.others) {
            if is_new(name, file) && !file.tag.is_empty() {
                send(name, &file.content, from);
            }
        }
        if let Some(kept) = on_disk.kept.filter(|_| is_new(INTENTS, &on_disk.intents)) {
            if kept.from.0 <= batch.next {
                send(INTENTS, &on_disk.intents.content, kept.from.0.max(from));
            }
            head.whole_from = kept.from.0;
        }
        self.remember(asked, cursor);
        Ok(encode(head, &contents, &batch.frames))
    }

    fn remember(&self, asked: &Asked, cursor: Cursor) {
        let mut cursors = lock(&self.cursors);
        if cursors.len() >= CURSORS_MAX {
            cursors.clear();
        }
        cursors.insert(asked.replica.clone(), cursor);
    }

    /// Waits until everybody who is connected has everything, or for so long.
    pub async fn drained(&self, within: Duration) {
        let all = async {
            loop {
                let known = self.ledger.known(Instant::now());
                if known.iter().all(|one| !one.connected || one.lacks == 0) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if timeout(within, all).await.is_err() {
            tracing::warn!(
                "a standby does not have all of the log yet, and gets no more of it from here"
            );
        }
    }
}

impl fmt::Debug for Copies {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Copies")
            .field("replica", &self.replica)
            .field("epoch", &self.epoch)
            .field("ledger", &self.ledger)
            .finish_non_exhaustive()
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

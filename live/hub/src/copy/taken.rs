//! A standby's copy: what becomes of an answer.
//!
//! An answer is checked as a whole before a byte of it is kept. Then, in this order: what only may be newer than the log; that the
//! copy does for nobody, where that is so until later; the records before the last change of what is declared; what is
//! declared; the other records; the disk. So a crash at any instant leaves a copy that can be gone on with, or says that it
//! cannot, and is only ever asked for more.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use periplus_core::ids::Seq;
use periplus_core::record::FORMAT_VERSION;
use periplus_core::units::Span;
use periplus_core::{Sink, State};
use periplus_journal::{Fault, Header, Reader, Writer, received, tag};

use super::aside::set_aside;
use super::files::{self, BEGINNING, INTENTS, OTHERS};
use super::replica::{Replica, ReplicaFile};
use super::standing::Standing;
use super::wire::{Asked, Head, decode};
use crate::desk::{self, Desk, DeskFault};
use crate::remembered::RememberedFile;
use crate::retention::Retention;
use crate::service::{Clock, Wall};

/// How often it is looked whether any record is too old.
const LOOK_EVERY: Duration = Duration::from_mins(10);

/// A standby's copy of a leader's log.
#[derive(Debug)]
pub struct Copy {
    folder: PathBuf,
    file: ReplicaFile,
    replica: Replica,
    log: Option<Log>,
    /// What tells the content of the files beside the log.
    tags: BTreeMap<String, String>,
    standing: Standing,
    /// How long records are kept, and when it was looked last whether any are older.
    keep: Option<Span>,
    looked: Option<Instant>,
}

/// The log that is copied into.
#[derive(Debug)]
struct Log {
    writer: Writer,
    /// What the last record led to.
    state: State,
    /// The checksum of the last record.
    last: Option<u32>,
}

/// What became of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// So many records were added.
    Records(u64),
    /// The log had others than the leader's, and was set aside there. The copy begins anew.
    Aside(PathBuf),
}

/// Why an answer is not taken. Nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is not what it says.
    #[error("what came cannot be used: {0}")]
    Unfit(String),
    /// Who answers has led before another did.
    #[error("it answers for epoch {epoch}, and epoch {known} has begun")]
    Old {
        /// Its epoch.
        epoch: u64,
        /// The one that is known.
        known: u64,
    },
    /// The folder holds a log of something else.
    #[error(
        "its log is {theirs}, and the one in this folder is {ours}. If this folder is to become a copy of it, move its log away"
    )]
    Other {
        /// What tells its log.
        theirs: String,
        /// What tells ours.
        ours: String,
    },
    /// Our own disk does not take it.
    #[error(transparent)]
    Disk(#[from] CopyFault),
}

/// Why a copy cannot be gone on with.
#[derive(Debug, thiserror::Error)]
pub enum CopyFault {
    /// The log.
    #[error(transparent)]
    Log(#[from] Fault),
    /// The state that the log leads to.
    #[error(transparent)]
    State(#[from] DeskFault),
    /// A file beside it.
    #[error("{} cannot be used: {error}", .path.display())]
    File {
        /// The file, or its folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl Copy {
    /// The copy in the folder of the replica of this name, as it is.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn open(folder: &Path, name: &str, standing: &Standing) -> Result<Self, CopyFault> {
        let file = ReplicaFile::below(folder);
        let replica = file.open(name);
        let replica = replica.map_err(|error| CopyFault::File { path: file.path(), error })?;
        let log = Desk::has_begun(folder).then(|| Log::open(&Desk::log(folder))).transpose()?;
        let (folder, standing) = (folder.to_owned(), standing.clone());
        let (tags, keep, looked) = (BTreeMap::new(), None, None);
        let mut copy = Self { folder, file, replica, log, tags, standing, keep, looked };
        for name in OTHERS.into_iter().chain([INTENTS]) {
            let content = copy.on_file(name, files::read(&copy.folder, name))?;
            copy.tags.insert(name.to_owned(), files::tag(content.as_deref()));
        }
        copy.tell();
        Ok(copy)
    }

    /// Records are kept for so long; for ever where nothing is said.
    #[must_use]
    pub fn keeping(self, keep: Option<Span>) -> Self {
        Self { keep, ..self }
    }

    /// What is kept about the folder.
    #[must_use]
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// How many records it has.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.log.as_ref().map_or(0, |log| log.writer.next_seq().0)
    }

    /// What there is to ask a leader for.
    #[must_use]
    pub fn asks(&self) -> Asked {
        let from = self.records();
        Asked {
            replica: self.replica.id.clone(),
            log: self.log.as_ref().map(|log| desk::identity(log.writer.header())),
            from,
            last: self.log.as_ref().and_then(|log| log.last),
            epochs: self.replica.epochs.of(from),
            files: self.tags.clone(),
        }
    }

    /// Takes an answer in. Once this returns, the disk has it.
    ///
    /// # Errors
    /// Why not; only [`Refused::Disk`] will not pass by itself.
    pub fn take(&mut self, answer: &[u8]) -> Result<Taken, Refused> {
        let answer = decode(answer).map_err(Refused::Unfit)?;
        let head = answer.head;
        self.check(&head)?;
        let header = head.log.header();
        let header = header.ok_or_else(|| Refused::Unfit("the log's header is none".to_owned()))?;
        self.check_log(&header)?;
        if let Some(shared) = head.parted {
            return self.part(&head, shared);
        }
        let beginning = answer.files.iter().find(|(sent, _)| sent.name == BEGINNING);
        let beginning = beginning.map(|(_, content)| self.beginning(&head, content)).transpose()?;
        let from = beginning.as_ref().map_or(self.records(), |state| state.seq().0);
        if head.from != from {
            return Err(Refused::Unfit(format!("it goes on from {}, not {from}", head.from)));
        }
        let records = received(head.log.format(), answer.frames, Seq(from));
        let records = records.map_err(|fault| Refused::Unfit(fault.to_string()))?;
        let end = from + records.len() as u64;
        let known = |name: &str| OTHERS.contains(&name) || name == INTENTS || name == BEGINNING;
        for (sent, _) in &answer.files {
            if !known(&sent.name) || !(from..=end).contains(&sent.at) {
                return Err(Refused::Unfit(format!("nobody asked for {}", sent.name)));
            }
        }

        let (intents, others): (Vec<_>, Vec<_>) =
            answer.files.iter().partition(|(sent, _)| sent.name == INTENTS);
        for (sent, content) in others.into_iter().filter(|(sent, _)| sent.name != BEGINNING) {
            self.put(&sent.name, content)?;
        }
        let needs = match self.log {
            // One that was only begun is of no use to anybody.
            None => head.end.max(head.whole_from),
            Some(_) => self.replica.whole_from.max(head.whole_from),
        };
        // While what is declared is not that which the records speak of, nobody goes on with it.
        let is_behind = head.whole_from > 0;
        let whole_from = if is_behind { needs.max(end + 1) } else { needs };
        self.keep(Replica { epochs: head.epochs, whole_from, ..self.replica.clone() })?;
        let at = intents.first().map_or(end, |(sent, _)| sent.at);
        let (before, after) = records.split_at(usize::try_from(at - from).unwrap_or(records.len()));
        if !records.is_empty() || beginning.is_some() {
            self.log_under(&header, beginning)?;
        }
        self.append(before)?;
        let is_behind = is_behind && intents.is_empty();
        for (sent, content) in intents {
            self.put(&sent.name, content)?;
        }
        self.append(after)?;
        if let Some(log) = &mut self.log {
            log.writer.sync().map_err(CopyFault::from)?;
            log.last = last_tag(answer.frames).or(log.last);
        }
        if !is_behind {
            let was_whole = needs == 0;
            let whole_from = if self.records() >= needs { 0 } else { needs };
            self.keep(Replica { whole_from, ..self.replica.clone() })?;
            if whole_from == 0 && !was_whole {
                tracing::info!(records = self.records(), "the copy can be gone on with");
            }
        }
        self.let_go();
        self.tell();
        self.standing.change(|stands| stands.end = Some(head.end));
        Ok(Taken::Records(end - from))
    }

    fn check(&self, head: &Head) -> Result<(), Refused> {
        let memory = RememberedFile::below(&self.folder);
        let remembered = self.on_file("remembered.json", memory.read())?.epoch;
        let known = self.replica.epochs.last().unwrap_or(0).max(remembered);
        if head.epoch < known {
            return Err(Refused::Old { epoch: head.epoch, known });
        }
        Ok(())
    }

    fn check_log(&self, header: &Header) -> Result<(), Refused> {
        let Some(log) = &self.log else { return Ok(()) };
        let (ours, theirs) = (desk::identity(log.writer.header()), desk::identity(header));
        if ours == theirs { Ok(()) } else { Err(Refused::Other { theirs, ours }) }
    }

    /// Sets our log aside, which has more records than the `shared` ones that the leader's log begins with as well.
    fn part(&mut self, head: &Head, shared: u64) -> Result<Taken, Refused> {
        let records = self.records();
        let ours = self.replica.epochs.of(records).last().unwrap_or(0);
        let is_behind = shared == records;
        if head.epoch <= ours && !is_behind {
            return Err(Refused::Old { epoch: head.epoch, known: ours });
        }
        // Nobody goes on with what is there from here on, whatever happens.
        let whole_from = head.end.max(head.whole_from).max(1);
        self.keep(Replica { whole_from, ..self.replica.clone() })?;
        self.log = None;
        let aside = self.on_file("live.log", set_aside(&self.folder, ours, shared, records))?;
        self.keep(Replica { epochs: super::Epochs::default(), ..self.replica.clone() })?;
        if is_behind {
            tracing::warn!(
                aside = %aside.display(),
                records,
                "the leader keeps no records as old as those that the copy lacks: it is set aside, and begins anew"
            );
            self.tell();
            return Ok(Taken::Aside(aside));
        }
        tracing::warn!(
            aside = %aside.display(),
            "records {shared} to {} of epoch {ours} were never copied, and another has led since: the log is set aside, and the \
             leader's is copied from its beginning. Commands among them hold no more; everything else is seen again",
            records.saturating_sub(1)
        );
        self.tell();
        Ok(Taken::Aside(aside))
    }

    /// What a copy begins with that has nothing yet.
    fn beginning(&self, head: &Head, content: &[u8]) -> Result<State, Refused> {
        if self.log.is_some() || head.log.format() != FORMAT_VERSION {
            return Err(Refused::Unfit("it begins anew, in the middle".to_owned()));
        }
        State::from_snapshot(content).map_err(|fault| Refused::Unfit(fault.to_string()))
    }

    fn log_under(&mut self, header: &Header, beginning: Option<State>) -> Result<(), CopyFault> {
        match &mut self.log {
            Some(log) => log.writer.go_on_as(header)?,
            None => {
                let (log, state) = (Desk::log(&self.folder), beginning.unwrap_or_default());
                let options = desk::log_options();
                let writer = Writer::create_with(&log, header.clone(), &state, options)?;
                self.log = Some(Log { writer, state, last: None });
            }
        }
        Ok(())
    }

    /// Lets go of what is old, beside everything else.
    fn let_go(&mut self) {
        let Some(log) = &self.log else { return };
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK_EVERY) {
            return;
        }
        self.looked = Some(Instant::now());
        let epoch_unix_ms = log.writer.header().epoch_unix_ms;
        let retention = Retention { keeper: log.writer.keeper(), keep: self.keep, epoch_unix_ms };
        thread::spawn(move || {
            if let Err(fault) = retention.look(Wall.now_unix_ms()) {
                tracing::warn!("the copy lets go of nothing more: {fault}");
            }
        });
    }

    fn append(&mut self, records: &[periplus_core::Record]) -> Result<(), Refused> {
        let Some(log) = &mut self.log else { return Ok(()) };
        for record in records {
            if let Err(divergence) = log.state.fold_checked(record) {
                // What the state is now is not known: it is read again with the log.
                self.log = None;
                self.log = Some(Log::open(&Desk::log(&self.folder))?);
                return Err(Refused::Unfit(divergence.to_string()));
            }
            let kept = log.writer.accept(&record.as_ref(), &log.state);
            kept.map_err(|fault| CopyFault::State(fault.into()))?;
        }
        Ok(())
    }

    fn put(&mut self, name: &str, content: &[u8]) -> Result<(), CopyFault> {
        self.on_file(name, files::write(&self.folder, name, content))?;
        self.tags.insert(name.to_owned(), files::tag(Some(content)));
        Ok(())
    }

    fn keep(&mut self, replica: Replica) -> Result<(), CopyFault> {
        if self.replica != replica {
            self.on_file("replica.json", self.file.write(&replica))?;
            self.replica = replica;
        }
        Ok(())
    }

    fn on_file<T>(&self, name: &str, done: io::Result<T>) -> Result<T, CopyFault> {
        done.map_err(|error| CopyFault::File { path: self.folder.join(name), error })
    }

    fn tell(&self) {
        let log = self.log.as_ref().map(|log| desk::identity(log.writer.header()));
        self.standing.change(|stands| {
            stands.replica.clone_from(&self.replica.id);
            (stands.log, stands.records) = (log, self.records());
            stands.whole_from = self.replica.whole_from;
        });
    }
}

impl Log {
    fn open(log: &Path) -> Result<Self, CopyFault> {
        let (writer, _) = Writer::open_copy(log, desk::log_options())?;
        let mut last = None;
        let (reader, next) = (Reader::open(log)?, writer.next_seq());
        if next > reader.begins()? {
            let mut frame = Vec::new();
            reader.records_from(Seq(next.0 - 1)).frame(&mut frame)?;
            last = tag(&frame);
        }
        Ok(Self { writer, state: desk::state_of(log)?, last })
    }
}

/// The checksum of the last of these frames, which were read without a fault.
fn last_tag(mut frames: &[u8]) -> Option<u32> {
    let mut last = None;
    while let Some((length, _)) = frames.split_first_chunk::<4>() {
        last = tag(frames);
        let length = u32::from_le_bytes(*length) as usize;
        frames = frames.get(periplus_journal::FRAME_HEAD_BYTES + length..).unwrap_or_default();
    }
    last
}

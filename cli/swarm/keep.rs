//! The log of a voyage: every record before anything that it asks for is done, and what a crash leaves of it.

use std::any::Any;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use periplus_core::ids::Seq;
use periplus_core::units::Tick;
use periplus_core::{Input, Record, RecordRef, State, codec};
use periplus_journal::{Fsync, Header, Options, Reader, Writer};
use periplus_spec::scenario::Scenario;

use super::Breach;
use super::dice::Dice;
use crate::failure::Failure;

/// Small, so that drawn logs have several segments and snapshots.
const SEGMENT_BYTES: u64 = 64 << 10;
const SNAPSHOT_EVERY: u64 = 700;

/// The log of one voyage.
#[derive(Debug)]
pub(super) struct Keep {
    /// Encoded records.
    bytes: Vec<u8>,
    /// Where each begins.
    starts: Vec<usize>,
    /// Up to here, what was asked for has been done: a crash cannot take it back.
    durable: usize,
    header: Header,
    disk: Option<Disk>,
    /// The input that is being taken.
    taking: Option<(Tick, String)>,
}

/// The same log, by the journal.
#[derive(Debug)]
struct Disk {
    dir: PathBuf,
    writer: Option<Writer>,
}

impl Keep {
    pub(super) fn new(seed: u64, scenario: &Scenario, journal: bool) -> Result<Self, Failure> {
        let header = Header::new(scenario.hash, scenario.epoch_unix_ms, "periplus swarm");
        let disk = journal.then(|| {
            let name = format!("periplus-swarm-{}-{seed}", std::process::id());
            let dir = std::env::temp_dir().join(name);
            let writer = Writer::create(&dir, header.clone(), options())?;
            Ok::<_, Failure>(Disk { dir, writer: Some(writer) })
        });
        let disk = disk.transpose()?;
        let (bytes, starts) = (Vec::new(), Vec::new());
        Ok(Self { bytes, starts, durable: 0, header, disk, taking: None })
    }

    /// Notes which input is about to be taken.
    pub(super) fn take(&mut self, at: Tick, input: &Input) {
        self.taking = Some((at, format!("{input:?}")));
    }

    /// Keeps a record, and gives it as it will be read again.
    ///
    /// # Errors
    /// It is not read as it was written, or the disk failed.
    pub(super) fn append(&mut self, record: &RecordRef<'_>) -> Result<Record, String> {
        let start = self.bytes.len();
        self.starts.push(start);
        codec::encode(record, &mut self.bytes);
        if let Some(writer) = self.disk.as_mut().and_then(|disk| disk.writer.as_mut()) {
            writer.append(record).map_err(|fault| fault.to_string())?;
        }
        let read: Record =
            codec::decode(&self.bytes[start..]).map_err(|fault| fault.to_string())?;
        if read.as_ref() == *record { Ok(read) } else { Err(format!("{read:?} was read")) }
    }

    /// Takes a snapshot now and then, as a hub would.
    pub(super) fn snapshot(&mut self, state: &State) -> Result<(), String> {
        let due = state.seq().0.is_multiple_of(SNAPSHOT_EVERY);
        match self.disk.as_mut().and_then(|disk| disk.writer.as_mut()).filter(|_| due) {
            Some(writer) => writer.snapshot(state).map_err(|fault| fault.to_string()),
            None => Ok(()),
        }
    }

    /// What was asked for so far is about to be done: the log must have it.
    pub(super) fn sync(&mut self) -> Result<(), String> {
        self.durable = self.starts.len();
        match self.disk.as_mut().and_then(|disk| disk.writer.as_mut()) {
            Some(writer) => writer.sync().map_err(|fault| fault.to_string()),
            None => Ok(()),
        }
    }

    pub(super) fn records(&self) -> usize {
        self.starts.len()
    }

    /// All records.
    pub(super) fn read(&self) -> impl Iterator<Item = Record> + '_ {
        (0..self.starts.len()).map(|place| self.record(place))
    }

    fn record(&self, place: usize) -> Record {
        let end = self.starts.get(place + 1).copied().unwrap_or(self.bytes.len());
        let record = codec::decode(&self.bytes[self.starts[place]..end]);
        record.expect("it was read when it was written")
    }

    /// The hub dies. Gives the state that the log still holds, and the records that are lost, oldest first.
    ///
    /// # Errors
    /// What is left is not a log, or does not fold to what it should.
    pub(super) fn crash(&mut self, dice: &mut Dice) -> Result<(State, Vec<Record>), String> {
        let mut kept = self.durable + dice.below(self.starts.len() - self.durable + 1);
        let on_disk = match &mut self.disk {
            Some(disk) => {
                let state = disk.crash(dice)?;
                kept = usize::try_from(state.seq().0).map_err(|error| error.to_string())?;
                Some(state)
            }
            None => None,
        };
        if !(self.durable..=self.starts.len()).contains(&kept) {
            return Err(format!("{kept} records were read, {} are durable", self.durable));
        }
        let lost = (kept..self.starts.len()).map(|place| self.record(place)).collect();
        if let Some(end) = self.starts.get(kept) {
            self.bytes.truncate(*end);
            self.starts.truncate(kept);
        }
        // What is recovered is synced: others will build on it.
        self.durable = self.starts.len();
        let mut state = State::default();
        for record in self.read() {
            state.fold_checked(&record).map_err(|divergence| divergence.to_string())?;
        }
        match on_disk.filter(|on_disk| *on_disk != state) {
            Some(_) => Err("the snapshot and the records on disk fold to another state".into()),
            None => Ok((state, lost)),
        }
    }

    /// Writes the log as a folder that every command reads.
    pub(super) fn write(&self, dir: &Path) -> Result<(), Failure> {
        std::fs::create_dir_all(dir).map_err(|error| Failure::io("make", dir, &error))?;
        let options = Options { fsync: Fsync::OnSeal, ..Options::default() };
        let mut writer = Writer::create(dir, self.header.clone(), options)?;
        for record in self.read() {
            writer.append(&record.as_ref())?;
        }
        Ok(writer.sync()?)
    }

    /// A bug stopped the machine or the world while it took an input.
    pub(super) fn panicked(&self, panic: &(dyn Any + Send)) -> Breach {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words");
        let (at, input) = self.taking.clone().unwrap_or_default();
        let input: String = input.chars().take(200).collect();
        let found = format!("it says `{text}` on {input}");
        Breach { seq: Seq(self.starts.len() as u64), at, rule: "nothing panics", found }
    }
}

impl Disk {
    /// The process dies, and with it what it had not handed over; what it had, is cut anywhere behind what
    /// was synced.
    fn crash(&mut self, dice: &mut Dice) -> Result<State, String> {
        let told = |error: std::io::Error| error.to_string();
        let open = self.open_segment()?;
        let synced = std::fs::metadata(&open).map_err(told)?.len();
        // Dropping hands over the rest, which a crash then takes a part of.
        drop(self.writer.take());
        let length = std::fs::metadata(&open).map_err(told)?.len();
        let cut = synced + dice.from(0, length - synced.min(length));
        let file = OpenOptions::new().write(true).open(&open).map_err(told)?;
        file.set_len(cut.min(length)).map_err(told)?;
        drop(file);
        let (writer, _) = Writer::open(&self.dir, options()).map_err(|fault| fault.to_string())?;
        let next = writer.next_seq();
        self.writer = Some(writer);
        let reader = Reader::open(&self.dir).map_err(|fault| fault.to_string())?;
        let start = reader.nearest_snapshot(next).map_err(|fault| fault.to_string())?;
        let mut state = start.state;
        for record in reader.records_from(state.seq()) {
            let record = record.map_err(|fault| fault.to_string())?;
            state.fold_checked(&record).map_err(|divergence| divergence.to_string())?;
        }
        Ok(state)
    }

    /// The segment that is being written: the last one that is not sealed.
    fn open_segment(&self) -> Result<PathBuf, String> {
        let files = std::fs::read_dir(&self.dir).map_err(|error| error.to_string())?;
        let paths = files.filter_map(|file| Some(file.ok()?.path()));
        let open = paths.filter(|path| path.extension().is_some_and(|end| end == "seg")).max();
        open.ok_or_else(|| format!("{} has no open segment", self.dir.display()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.writer = None;
        // Nothing depends on it: the system cleans its folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn options() -> Options {
    Options { segment_bytes: SEGMENT_BYTES, snapshot_every: None, fsync: Fsync::Never }
}

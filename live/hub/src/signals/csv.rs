//! Demand from a file that somebody writes on, with the columns `time,app,zone,rps` in any order and others beside them.
//!
//! What is in the file at first counts only as far as it says how it is now: the newest line of each series. What is written
//! later is told line by line. A file that is cut off, written anew or replaced is read from its beginning; what was told is
//! not told again. A line counts once its end is there.

use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, ReaderBuilder};
use periplus_spec::values::Timestamp;

use super::fault::Fault;
use super::samples::{Found, Samples, Twice};

/// A file that is followed.
#[derive(Debug)]
pub(super) struct Tail {
    file: PathBuf,
    open: Option<Open>,
}

/// How far a file was read. While it is held open, no other file gets its number.
#[derive(Debug)]
struct Open {
    handle: File,
    offset: u64,
    /// The last bytes before `offset`: if they are others, it is no longer the same text.
    before: Vec<u8>,
    /// What was read of a line that has no end yet.
    begun: Vec<u8>,
    /// A line that is too long is passed over up to its end.
    skips_line: bool,
    columns: Option<Columns>,
}

/// Where in a line everything is.
#[derive(Clone, Copy, Debug)]
struct Columns {
    time: usize,
    app: usize,
    zone: usize,
    rps: usize,
}

/// How much one look reads; what is beyond waits for the next.
const READ_BYTES_MAX: usize = 16 << 20;
/// A longer line is none of ours.
const LINE_BYTES_MAX: usize = 4_096;
const BEFORE_BYTES: usize = 64;
/// Unix times in seconds end here, in the year 5138, so that milliseconds are not taken for them.
const SECONDS_MAX: f64 = 1e11;

impl Tail {
    pub(super) const fn new(file: PathBuf) -> Self {
        Self { file, open: None }
    }

    /// Reads what was written since the last look. Waits for the disk.
    pub(super) fn look(&mut self) -> Result<(Found, Option<String>), Fault> {
        let mut samples = Samples::new(Twice::Corrections);
        let Some(open) = &mut self.open else {
            let mut open = self.begin()?;
            open.skip_history().map_err(|fault| Fault::file(&self.file, fault))?;
            open.read(&self.file, &mut samples)?;
            self.open = Some(open);
            return Ok((samples.found().newest_only(), None));
        };
        // What was still written on the old file comes first.
        if open.read(&self.file, &mut samples)? == READ_BYTES_MAX {
            return Ok((samples.found(), None));
        }
        let there = match fs::metadata(&self.file) {
            Ok(there) => there,
            Err(fault) if fault.kind() == ErrorKind::NotFound => {
                let warning = format!("{} is gone", self.file.display());
                return Ok((samples.found(), Some(warning)));
            }
            Err(fault) => return Err(Fault::file(&self.file, fault)),
        };
        if !open.is(&there).map_err(|fault| Fault::file(&self.file, fault))? {
            let mut open = self.begin()?;
            open.read(&self.file, &mut samples)?;
            self.open = Some(open);
        }
        Ok((samples.found(), None))
    }

    fn begin(&self) -> Result<Open, Fault> {
        let handle = File::open(&self.file).map_err(|fault| Fault::file(&self.file, fault))?;
        Ok(Open {
            handle,
            offset: 0,
            before: Vec::new(),
            begun: Vec::new(),
            skips_line: false,
            columns: None,
        })
    }
}

impl Open {
    fn is(&self, there: &Metadata) -> std::io::Result<bool> {
        let this = self.handle.metadata()?;
        Ok((this.dev(), this.ino()) == (there.dev(), there.ino()))
    }

    /// Goes to the last part of a long file. Its first line is read before.
    fn skip_history(&mut self) -> std::io::Result<()> {
        let length = self.handle.metadata()?.len();
        if length <= READ_BYTES_MAX as u64 {
            return Ok(());
        }
        let mut head = vec![0; LINE_BYTES_MAX];
        let read = self.handle.read_at(&mut head, 0)?;
        let Some(end) = head[..read].iter().position(|byte| *byte == b'\n') else { return Ok(()) };
        self.columns = Columns::of(&head[..end]).ok();
        if self.columns.is_some() {
            self.offset = length - READ_BYTES_MAX as u64;
            // Most likely it is in the middle of one.
            self.skips_line = true;
        }
        Ok(())
    }

    /// Gives how many bytes there were.
    fn read(&mut self, file: &Path, samples: &mut Samples) -> Result<usize, Fault> {
        let fault = |fault| Fault::file(file, fault);
        if !self.is_as_it_was().map_err(fault)? {
            (self.offset, self.columns, self.skips_line) = (0, None, false);
            self.before.clear();
            self.begun.clear();
        }
        self.handle.seek(SeekFrom::Start(self.offset)).map_err(fault)?;
        let mut text = std::mem::take(&mut self.begun);
        let known = text.len();
        let read =
            (&self.handle).take(READ_BYTES_MAX as u64).read_to_end(&mut text).map_err(fault)?;
        self.offset += read as u64;
        self.before.extend_from_slice(&text[known..][read.saturating_sub(BEFORE_BYTES)..]);
        let excess = self.before.len().saturating_sub(BEFORE_BYTES);
        self.before.drain(..excess);

        let Some(end) = text.iter().rposition(|byte| *byte == b'\n') else {
            self.keep(&text, samples);
            return Ok(read);
        };
        let (mut lines, rest) = text.split_at(end + 1);
        if self.skips_line {
            let first = lines.iter().position(|byte| *byte == b'\n').unwrap_or(0);
            lines = &lines[first + 1..];
            self.skips_line = false;
        }
        self.keep(rest, samples);
        if self.columns.is_none() {
            let first = lines.iter().position(|byte| *byte == b'\n').unwrap_or(0);
            let columns = Columns::of(&lines[..first]);
            match columns {
                Ok(columns) => self.columns = Some(columns),
                Err(why) => {
                    // Whoever mends it writes it anew.
                    self.before = vec![0];
                    return Err(Fault::content(file, why));
                }
            }
            lines = &lines[first + 1..];
        }
        if let Some(columns) = self.columns {
            columns.read(lines, samples);
        }
        Ok(read)
    }

    /// Whether what was read last is still there.
    fn is_as_it_was(&self) -> std::io::Result<bool> {
        let Some(start) = self.offset.checked_sub(self.before.len() as u64) else {
            return Ok(false);
        };
        let mut found = vec![0; self.before.len()];
        match self.handle.read_exact_at(&mut found, start) {
            Ok(()) => Ok(found == self.before),
            Err(fault) if fault.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    /// Keeps the beginning of a line, unless it is too long for one.
    fn keep(&mut self, rest: &[u8], samples: &mut Samples) {
        if rest.len() > LINE_BYTES_MAX {
            samples.refused.unreadable += u64::from(!self.skips_line);
            self.skips_line = true;
        }
        if !self.skips_line {
            self.begun = rest.to_vec();
        }
    }
}

impl Columns {
    fn of(line: &[u8]) -> Result<Self, String> {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let mut record = ByteRecord::new();
        let mut reader = ReaderBuilder::new().has_headers(false).from_reader(line);
        let _ = reader.read_byte_record(&mut record);
        let place = |name: &str| {
            let is = |found: &[u8]| found.trim_ascii() == name.as_bytes();
            let missing = || {
                format!("there is no column `{name}`: its first line must name `time,app,zone,rps`")
            };
            record.iter().position(is).ok_or_else(missing)
        };
        Ok(Self {
            time: place("time")?,
            app: place("app")?,
            zone: place("zone")?,
            rps: place("rps")?,
        })
    }

    fn read(self, lines: &[u8], samples: &mut Samples) {
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(lines);
        let mut record = ByteRecord::new();
        loop {
            match reader.read_byte_record(&mut record) {
                Ok(true) => {
                    if self.add(&record, samples).is_none() {
                        samples.refused.unreadable += 1;
                    }
                }
                Ok(false) => return,
                Err(_) => samples.refused.unreadable += 1,
            }
        }
    }

    fn add(self, record: &ByteRecord, samples: &mut Samples) -> Option<()> {
        let field = |place| std::str::from_utf8(record.get(place)?).ok().map(str::trim);
        let (time, app, zone) = (field(self.time)?, field(self.app)?, field(self.zone)?);
        let rps: f64 = field(self.rps)?.parse().ok()?;
        let at = when(time)?;
        match samples.series(app, zone) {
            Some(series) => samples.add(series, at, rps),
            None => samples.refused.unnamed += 1,
        }
        Some(())
    }
}

/// A time as RFC 3339 writes it, or in seconds since 1970.
fn when(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        let fits = (0.0..SECONDS_MAX).contains(&seconds);
        #[expect(clippy::cast_possible_truncation, reason = "just compared")]
        return fits.then_some((seconds * 1_000.0).round() as i64);
    }
    text.parse::<Timestamp>().ok().map(|time| time.0)
}

#[cfg(test)]
mod tests;

//! A folder in which commands run, with logs that are sound, damaged or changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use periplus_core::Record;
use periplus_journal::{Fsync, Header, Options, Reader, Writer};
use tempfile::TempDir;

/// The scenario of the first voyage: three clusters, two zones, three hours.
pub(crate) const HARBOUR: &str = include_str!("../../docs/guide/voyage/harbour.yaml");

/// A folder with `harbour.yaml` in it.
pub(crate) struct Place {
    dir: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self { dir: TempDir::new().unwrap() };
        place.write("harbour.yaml", HARBOUR);
        place
    }

    /// A folder in which the scenario has been run into `run`.
    pub(crate) fn after_a_run() -> Self {
        let place = Self::new();
        let told = place.periplus(&["sim", "harbour.yaml", "--out", "run"]);
        assert!(told.ends_with("exit 0\n"), "{told}");
        place
    }

    /// A folder with a log of the run in `cut.log` that was never finished: all of it is in open segments.
    pub(crate) fn with_an_open_log() -> (Self, Vec<Record>) {
        let place = Self::after_a_run();
        let records = place.records("run/run.log");
        place.write_log("cut.log", &records);
        (place, records)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The records of a log.
    pub(crate) fn records(&self, log: &str) -> Vec<Record> {
        let reader = Reader::open(&self.path(log)).unwrap();
        reader.records().collect::<Result<_, _>>().unwrap()
    }

    /// Writes a log of `records` as a service leaves it that is killed.
    pub(crate) fn write_log(&self, name: &str, records: &[Record]) {
        let header = Reader::open(&self.path("run/run.log")).unwrap().header().clone();
        self.write_log_of(name, records, header);
    }

    pub(crate) fn write_log_of(&self, name: &str, records: &[Record], header: Header) {
        let dir = self.path(name);
        fs::create_dir(&dir).unwrap();
        let options =
            Options { segment_bytes: u64::MAX, snapshot_every: None, fsync: Fsync::Never };
        let mut writer = Writer::create(&dir, header, options).unwrap();
        for record in records {
            writer.append(&record.as_ref()).unwrap();
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_periplus"));
        command.args(args).current_dir(self.dir.path()).env_clear();
        command.env("NO_COLOR", "1").env("COLUMNS", "100");
        command
    }

    /// Starts a command here, whose answer nobody reads.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// The same with these variables in its environment, and what it says on stderr in a file.
    pub(crate) fn start_with(
        &self,
        variables: &[(&str, &str)],
        args: &[&str],
        said: &str,
    ) -> Child {
        let said = fs::File::create(self.path(said)).unwrap();
        let mut command = self.command(args);
        command.envs(variables.iter().copied()).stdout(Stdio::null()).stderr(said);
        command.spawn().unwrap()
    }

    /// Runs a command here. Gives the command, what it said, and how it ended.
    pub(crate) fn periplus(&self, args: &[&str]) -> String {
        self.periplus_with(&[], args)
    }

    /// The same with these variables in its environment.
    pub(crate) fn periplus_with(&self, variables: &[(&str, &str)], args: &[&str]) -> String {
        let output = self.command(args).envs(variables.iter().copied()).output().unwrap();
        let mut told = format!("$ periplus {}\n", args.join(" "));
        told += &String::from_utf8(output.stdout).unwrap();
        let aside = String::from_utf8(output.stderr).unwrap();
        if !aside.is_empty() {
            told += "--- stderr\n";
            told += &aside;
        }
        told += &match output.status.code() {
            Some(code) => format!("exit {code}\n"),
            None => "killed\n".to_owned(),
        };
        without_clocks(&told.replace(&format!("{}/", self.dir.path().display()), ""))
    }
}

/// The only open segment of a log.
pub(crate) fn segment(log: &Path) -> PathBuf {
    log.join("00000000000000000000.seg")
}

/// Where the head of an open segment ends and its frames begin: at the length that the head says of itself.
pub(crate) fn frames(segment: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut from = usize::from(u16::from_le_bytes([segment[10], segment[11]]));
    let mut frames = Vec::new();
    while from < segment.len() {
        let length = u32::from_le_bytes(segment[from..from + 4].try_into().unwrap());
        let end = from + 12 + usize::try_from(length).unwrap();
        frames.push(from..end);
        from = end;
    }
    frames
}

/// Leaves out what the clock on the wall says.
fn without_clocks(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", without_clock(line))).collect()
}

fn without_clock(line: &str) -> String {
    let key = line.trim_start();
    if key.starts_with("\"inputsPerSecond\"") || key.starts_with("\"wallSeconds\"") {
        let comma = if line.ends_with(',') { "," } else { "" };
        let (name, _) = line.split_once(':').unwrap();
        return format!("{name}: [clock]{comma}");
    }
    if let Some(before) = line.strip_suffix(" inputs/s") {
        let kept = before.rfind(", ").map_or("", |end| &before[..end + 2]);
        return format!("{kept}[clock] inputs/s");
    }
    if (line.starts_with("ok ") || line.starts_with("FAIL ")) && line.contains(" s  ") {
        let (start, file) = line.split_once(" s  ").unwrap();
        let word = start.split_whitespace().next().unwrap();
        return format!("{word}  [clock] s  {file}");
    }
    line.to_owned()
}

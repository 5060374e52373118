//! A program of others that runs for us, with a deadline after which it and all it has started are killed.

use std::io::{self, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::secret::SAID_MAX;

/// A program that runs.
#[derive(Debug)]
pub(crate) struct Running {
    /// What it reads; gone once it has been told all.
    pub(crate) stdin: Option<ChildStdin>,
    /// What it answers.
    pub(crate) stdout: BufReader<ChildStdout>,
    end: Receiver<(bool, Vec<u8>)>,
    late: Arc<AtomicBool>,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Whether it says that all went well.
    pub(crate) well: bool,
    /// Whether it was killed at its deadline.
    pub(crate) late: bool,
    /// What it complained of.
    pub(crate) said: Vec<u8>,
}

impl Running {
    /// Starts a program that may run for so long.
    pub(crate) fn start(command: &mut Command, deadline: Duration) -> io::Result<Self> {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own, so that what it starts can be killed with it, and Ctrl-C does not cut a push.
        let mut child = piped.process_group(0).spawn()?;
        let pipe_gone = || io::Error::other("a pipe of the program is missing");
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().ok_or_else(pipe_gone)?);
        let mut stderr = child.stderr.take().ok_or_else(pipe_gone)?;
        let group = Pid::from_child(&child);
        let late = Arc::new(AtomicBool::new(false));
        let alive = Arc::new(Mutex::new(true));
        let (told, end) = mpsc::channel();
        let (over, watched) = mpsc::channel::<()>();

        let waits_for = Arc::clone(&alive);
        thread::spawn(move || {
            let said = bounded(&mut stderr);
            let well = reap(&mut child, group, &waits_for);
            let _ = told.send((well, said));
            drop(over);
        });
        let was_late = Arc::clone(&late);
        thread::spawn(move || {
            if watched.recv_timeout(deadline) == Err(RecvTimeoutError::Timeout) {
                let alive = alive.lock().unwrap_or_else(PoisonError::into_inner);
                if *alive {
                    was_late.store(true, Ordering::SeqCst);
                    let _ = kill_process_group(group, Signal::KILL);
                }
            }
        });
        Ok(Self { stdin, stdout, end, late })
    }

    /// Waits for its end, which comes at the deadline at the latest.
    pub(crate) fn end(mut self) -> End {
        drop(self.stdin.take());
        drop(self.stdout);
        let (well, said) = self.end.recv().unwrap_or_default();
        End { well, late: self.late.load(Ordering::SeqCst), said }
    }
}

/// What it complains of, up to a limit; the rest is read and forgotten, so that it does not wait for us.
fn bounded(from: &mut impl Read) -> Vec<u8> {
    let mut said = Vec::new();
    let _ = from.by_ref().take(SAID_MAX as u64).read_to_end(&mut said);
    let _ = io::copy(from, &mut io::sink());
    said
}

/// Waits for the end, and lets nobody kill the number afterwards: it may be another's by then.
fn reap(child: &mut Child, pid: Pid, alive: &Mutex<bool>) -> bool {
    while let Err(rustix::io::Errno::INTR) =
        waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
    {}
    let mut alive = alive.lock().unwrap_or_else(PoisonError::into_inner);
    *alive = false;
    child.wait().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn shell(script: &str, deadline: Duration) -> Running {
        Running::start(Command::new("sh").args(["-c", script]), deadline).unwrap()
    }

    #[test]
    fn a_program_is_fed_heard_and_waited_for() {
        let mut running = shell("cat; echo odd >&2; exit 3", Duration::from_secs(60));
        running.stdin.take().unwrap().write_all(b"hello").unwrap();
        let mut heard = String::new();
        running.stdout.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "hello");
        assert_eq!(running.end(), End { well: false, late: false, said: b"odd\n".to_vec() });
    }

    #[test]
    fn what_hangs_is_killed_with_all_it_started() {
        let mut running = shell("sleep 600 & echo up; wait", Duration::from_millis(200));
        let mut heard = String::new();
        running.stdout.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "up\n");
        let end = running.end();
        assert!(end.late && !end.well);
    }
}

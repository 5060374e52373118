//! Programs that end with the test that started them: by their number when they are let go, and by the kernel when the
//! process of the test ends without letting go.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;

/// A program that runs.
pub(crate) struct Process {
    program: &'static str,
    child: Child,
    log: PathBuf,
}

/// How much of what a program said is shown when it failed.
const LINES_SHOWN: usize = 15;

impl Process {
    /// Starts a program that writes what it does to `<program>.log` in this folder.
    pub(crate) fn start(program: &'static str, command: &Command, folder: &Path) -> Self {
        let log = folder.join(program).with_extension("log");
        let written = File::create(&log).expect("a log can be made");
        let also = written.try_clone().expect("and be written in two ways");
        // The kernel tells nobody when a process ends, unless it was asked to. Asking needs unsafe code, or this.
        let mut ends_with_us = Command::new("setpriv");
        ends_with_us.args(["--pdeathsig", "KILL", "--"]);
        ends_with_us.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            ends_with_us.env(name, value.unwrap_or_default());
        }
        ends_with_us.current_dir(folder).stdin(Stdio::null()).stdout(written).stderr(also);
        let child = spawn(ends_with_us).unwrap_or_else(|fault| panic!("{program}: {fault}"));
        Self { program, child, log }
    }

    pub(crate) fn program(&self) -> &'static str {
        self.program
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    pub(crate) fn said_last(&self) -> String {
        let said = fs::read(&self.log).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<&str> = said.lines().collect();
        let last = &lines[lines.len().saturating_sub(LINES_SHOWN)..];
        format!("-- {}\n{}\n", self.program, last.join("\n"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a certificate for loopback that nobody else has signed, and its key, in a folder.
pub(crate) fn certify(folder: &Path, certificate: &str, key: &str) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-nodes", "-newkey", "ec"])
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2"])
        .args(["-subj", "/CN=loopback", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", key, "-out", certificate])
        .current_dir(folder)
        .output()
        .expect("openssl can be run");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// What a program says in its last line.
pub(crate) fn output(script: &Path) -> String {
    let output = Command::new(script).stderr(Stdio::inherit()).output();
    let output = output.unwrap_or_else(|fault| panic!("{}: {fault}", script.display()));
    assert!(output.status.success(), "{} failed", script.display());
    let said = String::from_utf8(output.stdout).expect("it speaks UTF-8");
    said.lines().last().expect("it says something").to_owned()
}

type Order = (Command, mpsc::Sender<io::Result<Child>>);

/// Starts a program from a thread that never ends. To the kernel the parent of a process is a thread, and threads of
/// tests and runtimes end before the process does.
fn spawn(command: Command) -> io::Result<Child> {
    static ORDERS: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let orders = ORDERS.get_or_init(|| {
        let (orders, taken) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, answer) in taken {
                let _ = answer.send(command.spawn());
            }
        });
        orders
    });
    let (answer, answered) = mpsc::channel();
    orders.send((command, answer)).expect("the thread never ends");
    answered.recv().expect("it answers every order")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};
    use std::{env, process};

    use super::*;

    /// Names the folder of the process that is to die.
    const DIES_IN: &str = "PERIPLUS_SUPPORT_DIES_IN";
    const SOON: Duration = Duration::from_secs(60);

    #[test]
    fn a_program_outlives_the_thread_that_asked_for_it_but_not_the_process() {
        if let Some(folder) = env::var_os(DIES_IN) {
            die_in(Path::new(&folder));
        }
        let folder = tempfile::tempdir().expect("a folder can be made");
        let this = thread::current().name().expect("a test has a name").to_owned();
        let died = Command::new(env::current_exe().expect("it has a path"))
            .args(["--exact", &this])
            .env(DIES_IN, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(!died.expect("it starts").success());
        let id = fs::read_to_string(folder.path().join("id")).expect("the program had started");
        wait_until(|| matches!(state(&id), None | Some('Z')));
    }

    /// Starts a program from a thread that ends, and ends without letting go of it.
    fn die_in(folder: &Path) -> ! {
        let mut command = Command::new("sleep");
        command.arg("600");
        let place = folder.to_owned();
        let asked = thread::spawn(move || Process::start("sleep", &command, &place));
        let mut program = asked.join().expect("it starts");
        let id = program.id().to_string();
        wait_until(|| name(&id) == "sleep");
        assert!(!program.has_ended());
        fs::write(folder.join("id"), id).expect("it is written");
        process::abort();
    }

    fn wait_until(holds: impl Fn() -> bool) {
        let began = Instant::now();
        while !holds() {
            assert!(began.elapsed() < SOON, "waited {SOON:?}");
            thread::yield_now();
        }
    }

    fn name(id: &str) -> String {
        let name = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
        name.trim().to_owned()
    }

    /// `Z` for one that has ended and that nobody has asked about.
    fn state(id: &str) -> Option<char> {
        let told = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        told.rsplit_once(") ")?.1.chars().next()
    }
}

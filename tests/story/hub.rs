//! The service as its users run it: a process with a configuration, a folder and a repository.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use periplus_support::real::until;

/// A service that runs. It is killed when it is let go.
pub(crate) struct Hub {
    home: PathBuf,
    child: Child,
}

/// How long anything may take on a machine that has much else to do.
pub(crate) const SOON: Duration = Duration::from_secs(180);

const PROGRAM: &str = env!("CARGO_BIN_EXE_periplus");

impl Hub {
    /// Starts it in the folder that has its `live.yaml`.
    pub(crate) fn start(home: &Path) -> Self {
        let log = OpenOptions::new().create(true).append(true).open(home.join("hub.log")).unwrap();
        // It ends with the test, in whatever way that ends.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", PROGRAM, "live"])
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(File::create(home.join("hub.out")).unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { home: home.to_owned(), child }
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) async fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let ended =
            until("the service to stop", SOON, async || self.child.try_wait().unwrap()).await;
        assert!(ended.success(), "{ended}: {}", self.log());
    }

    /// Fails if it has ended by itself.
    pub(crate) fn is_there(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "{ended:?}: {}", self.log());
    }

    /// Whether it has ever written this.
    pub(crate) fn told(&self, words: &str) -> bool {
        fs::read_to_string(self.home.join("hub.log")).unwrap().contains(words)
    }

    /// The end of what it has written.
    pub(crate) fn log(&self) -> String {
        let text = fs::read_to_string(self.home.join("hub.log")).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs another command of the program.
pub(crate) fn periplus(home: &Path, words: &[&str]) -> Output {
    Command::new(PROGRAM).args(words).current_dir(home).output().unwrap()
}

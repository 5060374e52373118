//! The service as its users run it: a process with a configuration, a folder and a repository.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use periplus_support::real::until;

/// A service that runs. It is killed when it is let go.
pub(crate) struct Hub {
    home: PathBuf,
    name: String,
    port: u16,
    child: Child,
}

/// How long anything may take on a machine that has much else to do.
pub(crate) const SOON: Duration = Duration::from_secs(180);

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_periplus");

impl Hub {
    /// Starts it in a folder that has its configuration, by the name of that. Its API is at this port, and this is who signs
    /// certificates.
    pub(crate) fn start(home: &Path, name: &str, port: u16, authority: &Path) -> Self {
        let log = home.join(name).with_extension("log");
        let log = OpenOptions::new().create(true).append(true).open(log).unwrap();
        let configuration = format!("{name}.yaml");
        // It ends with the test, in whatever way that ends.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", PROGRAM, "live", "--config", &configuration])
            .env("SSL_CERT_FILE", authority)
            .env("RUST_LOG", "info,periplus_live::clusters=debug")
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(File::create(home.join(name).with_extension("out")).unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { home: home.to_owned(), name: name.to_owned(), port, child }
    }

    /// Asks it, or tells it something, with the program's own client.
    pub(crate) fn client(&self, words: &[&str]) -> Output {
        let api = format!("http://127.0.0.1:{}", self.port);
        periplus(&self.home, &[words, &["--api", &api, "--token-file", "token"]].concat())
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) async fn stop(mut self) {
        self.signal("-TERM");
        let ended = self.ends().await;
        assert!(ended.success(), "{ended}: {}", self.log());
    }

    /// Waits until it has ended.
    pub(crate) async fn ends(&mut self) -> ExitStatus {
        until("the service to end", SOON, async || self.child.try_wait().unwrap()).await
    }

    /// Fails if it has ended by itself.
    pub(crate) fn is_there(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "{ended:?}: {}", self.log());
    }

    /// Whether it has ever written this.
    pub(crate) fn told(&self, words: &str) -> bool {
        self.text().contains(words)
    }

    /// The end of what it has written.
    pub(crate) fn log(&self) -> String {
        let text = self.text();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// The port of its API.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    fn text(&self) -> String {
        fs::read_to_string(self.home.join(&self.name).with_extension("log")).unwrap()
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

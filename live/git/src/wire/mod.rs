//! What carries git's protocol: programs on this machine, OpenSSH, or somebody's HTTP client.
//!
//! A [`Session`] is one conversation with one service of a remote: what it says first, then one question.

pub(crate) mod auth;
pub(crate) mod http;
pub(crate) mod library;
pub(crate) mod program;

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Command as Process;
use std::sync::Arc;
use std::time::Duration;

use git2::Repository;

pub use self::auth::Auth;
use self::http::Web;
pub use self::http::{Http, HttpFault, Method, Request, Response};
use self::program::{End, Running};
use crate::fault::Fault;
use crate::pack::{Bases, Item, pack};
use crate::protocol::advert::Advert;
use crate::protocol::fetch::Question;
use crate::protocol::pkt::PktFault;
use crate::protocol::push::{Command, Report};
use crate::protocol::{Broken, fetch, push};
use crate::secret::{Secret, plain};
use crate::target::Remote;

/// Whether what was asked may have come to the server as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Surely not.
    No,
    /// Perhaps: it may have been done.
    Perhaps,
}

/// An answer, or why there is none.
pub(crate) type Call<T> = Result<T, (Sent, Fault)>;

/// How OpenSSH is called. Who has an agent names it in the environment, as always.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ssh {
    /// The program.
    pub program: PathBuf,
    /// A private key; then no other is tried.
    pub key: Option<PathBuf>,
    /// The keys of hosts; then no other file is believed.
    pub known_hosts: Option<PathBuf>,
}

impl Default for Ssh {
    fn default() -> Self {
        Self { program: PathBuf::from("ssh"), key: None, known_hosts: None }
    }
}

/// What a remote is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// To send what it has.
    Upload,
    /// To take what we have.
    Receive,
}

impl Service {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Upload => "git-upload-pack",
            Self::Receive => "git-receive-pack",
        }
    }
}

/// How to come to a remote.
pub(crate) struct Route {
    pub(crate) remote: Remote,
    pub(crate) auth: Auth,
    pub(crate) ssh: Ssh,
    pub(crate) http: Option<Arc<dyn Http>>,
    pub(crate) deadline: Duration,
}

/// One conversation.
pub(crate) struct Session {
    pub(crate) advert: Advert,
    line: Line,
    remote: String,
    deadline: Duration,
}

enum Line {
    Program(Running),
    Web(Web),
    Library(Repository),
}

impl Route {
    /// Opens a conversation, and hears what is said first.
    pub(crate) fn open(&self, service: Service, reference: &str) -> Result<Session, Fault> {
        let remote = self.remote.to_string();
        let deadline = self.deadline;
        let (line, advert) = match &self.remote {
            Remote::Http(url) => {
                let http = self.http.clone().ok_or_else(|| Fault::Program {
                    program: "HTTP".to_owned(),
                    why: "no client for it was built into this program".to_owned(),
                })?;
                let web =
                    Web { http, url: url.clone(), credentials: self.auth.read(url)?, deadline };
                let advert = web.advert(service, reference)?;
                (Line::Web(web), advert)
            }
            Remote::Local(path) => {
                let library = (service == Service::Receive).then(|| library::plain(path)).flatten();
                match library {
                    Some(repository) => {
                        let at = library::at(&repository, reference).map_err(|fault| {
                            Fault::Protocol {
                                remote: remote.clone(),
                                what: fault.message().to_owned(),
                            }
                        })?;
                        (Line::Library(repository), Advert::of(at))
                    }
                    None => {
                        let name = service.name().trim_start_matches("git-");
                        let mut git = clean("git".as_ref());
                        git.arg(name).arg(path);
                        self.program(&mut git, reference)?
                    }
                }
            }
            Remote::Ssh { user, host, port, path } => {
                let mut ssh = self.ssh(host, user.as_deref(), *port);
                ssh.arg(format!("{} {}", service.name(), quoted(path)));
                self.program(&mut ssh, reference)?
            }
        };
        Ok(Session { advert, line, remote, deadline })
    }

    fn ssh(&self, host: &str, user: Option<&str>, port: Option<u16>) -> Process {
        let Ssh { program, key, known_hosts } = &self.ssh;
        let mut ssh = clean(program.as_os_str());
        ssh.args(["-T", "-x", "-a", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]);
        ssh.args(["-o", "ClearAllForwardings=yes", "-o", "UpdateHostKeys=no"]);
        ssh.arg("-o").arg(format!("ConnectTimeout={}", self.deadline.as_secs().max(1)));
        let mut file = |option: &str, path: &PathBuf| {
            let mut text = std::ffi::OsString::from(option);
            text.push(path);
            ssh.arg("-o").arg(text);
        };
        if let Some(path) = known_hosts {
            file("UserKnownHostsFile=", path);
            file("GlobalKnownHostsFile=", &PathBuf::from("/dev/null"));
        }
        if let Some(path) = key {
            ssh.arg("-i").arg(path).args(["-o", "IdentitiesOnly=yes"]);
        }
        if let Some(port) = port {
            ssh.arg("-p").arg(port.to_string());
        }
        if let Some(user) = user {
            ssh.arg("-l").arg(user);
        }
        ssh.arg("--").arg(host);
        ssh
    }

    fn program(&self, command: &mut Process, reference: &str) -> Result<(Line, Advert), Fault> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut running = Running::start(command, self.deadline)
            .map_err(|fault| Fault::Program { program, why: fault.to_string() })?;
        match Advert::read(&mut running.stdout, reference) {
            Ok(advert) => Ok((Line::Program(running), advert)),
            Err(broken) => {
                Err(explain(&self.remote.to_string(), self.deadline, running.end(), &broken))
            }
        }
    }
}

impl Session {
    /// Asks the remote to take objects and to move a reference.
    pub(crate) fn push(self, command: &Command<'_>, items: &[Item]) -> Call<Report> {
        let Self { advert, line, remote, deadline } = self;
        let bytes = || {
            let bases = if advert.can("no-thin") { Bases::Within } else { Bases::Elsewhere };
            [push::request(command, &advert), pack(items.iter(), bases)].concat()
        };
        match line {
            Line::Library(repository) => library::push(&repository, command, items, deadline),
            Line::Web(web) => {
                let mut answer = web.call(Service::Receive, &bytes())?;
                let report = push::report(&mut answer, command.reference, &advert);
                let report = report.map_err(|broken| (Sent::Perhaps, web.explain(&broken)))?;
                Ok(hidden(report, &web.credentials.secrets))
            }
            Line::Program(mut running) => {
                // Without its last byte, no server does anything with a pack.
                let sent = match running.stdin.as_mut().map(|stdin| tell(stdin, &bytes())) {
                    Some(Ok(())) => Sent::Perhaps,
                    Some(Err(_)) | None => Sent::No,
                };
                match push::report(&mut running.stdout, command.reference, &advert) {
                    Ok(report) => Ok(report),
                    Err(broken) => Err((sent, explain(&remote, deadline, running.end(), &broken))),
                }
            }
        }
    }

    /// Asks the remote for objects, and hands its pack on.
    pub(crate) fn fetch(
        self,
        question: &Question<'_>,
        piece: impl FnMut(&[u8]) -> Result<(), Broken>,
    ) -> Result<(), Fault> {
        let Self { advert, line, remote, deadline } = self;
        let request = fetch::request(question, &advert);
        match line {
            Line::Web(web) => {
                let mut answer = web.call(Service::Upload, &request).map_err(|(_, fault)| fault)?;
                fetch::pack(&mut answer, question, &advert, piece)
                    .map_err(|broken| web.explain(&broken))
            }
            Line::Program(mut running) => {
                let told = running.stdin.as_mut().map(|stdin| tell(stdin, &request));
                let read = match told {
                    Some(Ok(())) | None => {
                        fetch::pack(&mut running.stdout, question, &advert, piece)
                    }
                    Some(Err(fault)) => Err(PktFault::Io(fault).into()),
                };
                read.map_err(|broken| explain(&remote, deadline, running.end(), &broken))
            }
            Line::Library(_) => {
                Err(Fault::Protocol { remote, what: "a folder was asked without git".to_owned() })
            }
        }
    }

    /// Takes leave without a question.
    pub(crate) fn leave(self) {
        if let Line::Program(mut running) = self.line {
            let _ = running.stdin.take().map(|mut stdin| stdin.write_all(b"0000"));
        }
    }
}

fn tell(stdin: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    stdin.write_all(bytes)?;
    stdin.flush()
}

/// A program that knows nothing of a repository that we may have been started in, and speaks the protocol that we do.
fn clean(program: &OsStr) -> Process {
    let mut command = Process::new(program);
    for name in [
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PROTOCOL",
        "GIT_QUARANTINE_PATH",
        "GIT_WORK_TREE",
    ] {
        command.env_remove(name);
    }
    // What a program complains of is understood in English only.
    command.env("LC_ALL", "C");
    command
}

/// A word that a shell takes as it is.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn hidden(report: Report, secrets: &[Secret]) -> Report {
    let Report { moved, told } = report;
    let moved = moved.map_err(|reason| plain(reason.as_bytes(), secrets));
    Report { moved, told: plain(&told, secrets).into_bytes() }
}

/// What is behind an answer that broke off, as far as the program at the other end tells.
fn explain(remote: &str, deadline: Duration, end: End, broken: &Broken) -> Fault {
    let End { well: _, late, said } = end;
    let remote = remote.to_owned();
    if late {
        let after_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        return Fault::Deadline { remote, after_ms };
    }
    if matches!(broken, Broken::Limit { .. }) || said.is_empty() {
        return from_broken(remote, broken, &[]);
    }
    let why = plain(&said, &[]);
    let says = |texts: &[&str]| texts.iter().any(|text| why.contains(text));
    if says(&[
        "Host key verification failed",
        "HOST IDENTIFICATION HAS CHANGED",
        "host key is known",
    ]) {
        Fault::HostKey { remote, why }
    } else if says(&[
        "Permission denied",
        "not allowed",
        "access denied",
        "Access denied",
        "dubious ownership",
    ]) {
        Fault::Denied { remote, why }
    } else if says(&[
        "not appear to be a git repository",
        "not found",
        "does not exist",
        "No such file",
    ]) {
        Fault::Missing { remote, why }
    } else {
        Fault::Unreachable { remote, why }
    }
}

pub(crate) fn from_broken(remote: String, broken: &Broken, secrets: &[Secret]) -> Fault {
    let what = plain(broken.to_string().as_bytes(), secrets);
    match broken {
        Broken::Limit { what, limit } => Fault::Limit { remote, what, limit: *limit },
        Broken::Told(_) => Fault::Denied { remote, why: what },
        Broken::Pkt(PktFault::Io(_) | PktFault::Ended) => Fault::Unreachable { remote, why: what },
        Broken::Pkt(PktFault::Length(_)) | Broken::Odd(_) => Fault::Protocol { remote, what },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> End {
        End { well: false, late: false, said: text.as_bytes().to_vec() }
    }

    #[test]
    fn what_programs_complain_of_is_understood() {
        let explained = |end: End| {
            explain("ssh://h/r", Duration::from_secs(1), end, &Broken::Odd("x".to_owned()))
        };
        assert!(matches!(
            explained(said("Host key verification failed.\n")),
            Fault::HostKey { .. }
        ));
        assert!(matches!(
            explained(said("git@h: Permission denied (publickey).\n")),
            Fault::Denied { .. }
        ));
        assert!(matches!(
            explained(said("fatal: '/r' does not appear to be a git repository\n")),
            Fault::Missing { .. }
        ));
        assert!(matches!(
            explained(said("ssh: connect to host h port 1: Connection refused\n")),
            Fault::Unreachable { .. }
        ));
        assert!(matches!(explained(said("")), Fault::Protocol { .. }));
        let late = End { late: true, ..said("x") };
        assert_eq!(
            explained(late),
            Fault::Deadline { remote: "ssh://h/r".to_owned(), after_ms: 1_000 }
        );
    }

    #[test]
    fn a_path_of_a_remote_means_nothing_to_its_shell() {
        assert_eq!(quoted("/a'; rm -rf x; '"), "'/a'\\''; rm -rf x; '\\'''");
    }

    #[test]
    fn ssh_asks_nobody_and_believes_no_unknown_host() {
        let ssh = Ssh { known_hosts: Some("/kh".into()), key: Some("/k".into()), ..Ssh::default() };
        let remote =
            Remote::Ssh { user: None, host: "h".to_owned(), port: None, path: "/r".to_owned() };
        let route =
            Route { remote, auth: Auth::None, ssh, http: None, deadline: Duration::from_secs(9) };
        let command = format!("{:?}", route.ssh("h", Some("git"), Some(22)));
        for part in [
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            "UserKnownHostsFile=/kh",
            "\"-i\" \"/k\"",
            "IdentitiesOnly=yes",
            "\"--\" \"h\"",
        ] {
            assert!(command.contains(part), "{part} is not in {command}");
        }
    }
}

//! Servers of git as they are on loopback: Debian's lighttpd with git's own program behind it, and OpenSSH.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use std::thread;

use crate::process::{self, Process};

/// A server; it ends when it is let go, and with the test in whatever way.
pub struct Server {
    _process: Process,
    port: u16,
}

impl Server {
    /// The port of loopback that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// How often a port is tried that somebody else took meanwhile.
const PORTS_MAX: usize = 10;

/// Installs what is missing.
fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../git/install");
        let installed = Command::new(script).status();
        assert!(installed.is_ok_and(|ended| ended.success()), "tests/git/install failed");
    });
}

/// Starts a server on a free port.
fn start(program: &'static str, folder: &Path, command: impl Fn(u16) -> Command) -> Server {
    install();
    let mut said = String::new();
    for _ in 0..PORTS_MAX {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|held| held.local_addr());
        let port = free.expect("a port is free").port();
        let mut process = Process::start(program, &command(port), folder);
        while !process.has_ended() {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Server { _process: process, port };
            }
            thread::yield_now();
        }
        said = process.said_last();
    }
    panic!("no {program} came up on {PORTS_MAX} ports: {said}");
}

/// The repositories of a folder below `/git/`, for one user.
///
/// # Panics
/// If it does not come up.
#[must_use]
pub fn web(folder: &Path, user: &str, password: &str) -> Server {
    served(folder, user, password, "")
}

/// The same over TLS. Its certificate is `authority.pem` of the folder, which nobody else has signed.
///
/// # Panics
/// If it does not come up.
#[must_use]
pub fn web_over_tls(folder: &Path, user: &str, password: &str) -> Server {
    process::certify(folder, "authority.pem", "authority.key");
    let home = folder.display();
    let tls = format!(
        r#"server.modules += ("mod_openssl")
ssl.engine = "enable"
ssl.pemfile = "{home}/authority.pem"
ssl.privkey = "{home}/authority.key"
"#
    );
    served(folder, user, password, &tls)
}

fn served(folder: &Path, user: &str, password: &str, tls: &str) -> Server {
    write(&folder.join("users"), &format!("{user}:{password}\n"));
    let exec = Command::new("git").arg("--exec-path").output().expect("git can be run");
    let exec = String::from_utf8(exec.stdout).expect("it speaks UTF-8");
    start("lighttpd", folder, |port| {
        let conf = folder.join("lighttpd.conf");
        let text = format!(
            r#"server.modules = ("mod_auth", "mod_authn_file", "mod_alias", "mod_setenv", "mod_cgi")
{tls}server.document-root = "{home}"
server.bind = "127.0.0.1"
server.port = {port}
server.upload-dirs = ("{home}")
alias.url = ("/git/" => "{exec}/git-http-backend/")
cgi.assign = ("" => "")
setenv.set-environment = ("GIT_PROJECT_ROOT" => "{home}", "GIT_HTTP_EXPORT_ALL" => "1")
auth.backend = "plain"
auth.backend.plain.userfile = "{home}/users"
auth.require = ("/git/" => ("method" => "basic", "realm" => "git", "require" => "valid-user"))
"#,
            home = folder.display(),
            exec = exec.trim(),
        );
        write(&conf, &text);
        let mut command = Command::new("/usr/sbin/lighttpd");
        command.arg("-D").arg("-f").arg(conf);
        command
    })
}

/// OpenSSH with a key of its own, for whoever runs the test.
pub struct Sshd {
    server: Server,
    /// The private key that it lets in.
    pub key: PathBuf,
    /// A file with its own key.
    pub known_hosts: PathBuf,
    user: String,
}

impl Sshd {
    /// The port of loopback that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// How a repository of this machine is reached.
    #[must_use]
    pub fn url(&self, repository: &Path) -> String {
        format!("ssh://{}@127.0.0.1:{}{}", self.user, self.port(), repository.display())
    }
}

/// Makes a key, and beside it what is public of it.
///
/// # Panics
/// If that cannot be done.
pub fn keygen(path: &Path) {
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path).status();
    assert!(made.is_ok_and(|made| made.success()), "ssh-keygen makes no {}", path.display());
}

/// Starts OpenSSH with all that it needs in a folder; who is let in stands in `authorized`.
///
/// # Panics
/// If it does not come up.
#[must_use]
pub fn sshd(folder: &Path) -> Sshd {
    install();
    let (host, key) = (folder.join("host-key"), folder.join("user-key"));
    keygen(&host);
    keygen(&key);
    fs::copy(key.with_extension("pub"), folder.join("authorized")).expect("a key can be copied");
    let server = start("sshd", folder, |port| {
        let conf = folder.join("sshd.conf");
        let text = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {host}\nAuthorizedKeysFile {home}/authorized\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n",
            host = host.display(),
            home = folder.display(),
        );
        write(&conf, &text);
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f"]).arg(conf);
        command
    });
    let public = fs::read_to_string(host.with_extension("pub")).expect("its key can be read");
    let known_hosts = folder.join("known_hosts");
    write(&known_hosts, &format!("[127.0.0.1]:{} {public}", server.port));
    let user = Command::new("id").arg("-un").output().expect("id can be run");
    let user = String::from_utf8(user.stdout).expect("it speaks UTF-8").trim().to_owned();
    Sshd { server, key, known_hosts, user }
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
}

//! Servers of others, started by the tests that need them and ended by their number.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::thread;

/// A server; it ends when it is let go.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How often a port is tried that somebody else took meanwhile.
const PORTS_MAX: usize = 10;

/// Installs what is missing.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // From this package, and from the command line's tests, which have this file too.
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let places = ["../../tests/git/install", "tests/git/install"].map(|path| here.join(path));
        let script = places.iter().find(|path| path.exists()).unwrap();
        assert!(Command::new(script).status().unwrap().success(), "tests/git/install failed");
    });
}

/// Starts a server on a free port.
pub(crate) fn start(mut command: impl FnMut(u16) -> Command) -> Server {
    for _ in 0..PORTS_MAX {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = command(port).stdin(Stdio::null()).spawn().unwrap();
        let mut server = Server { child, port };
        loop {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return server;
            }
            if server.child.try_wait().unwrap().is_some() {
                break;
            }
            thread::yield_now();
        }
    }
    unreachable!("no server came up on {PORTS_MAX} ports")
}

/// Debian's lighttpd with git's own program behind it, for one user.
pub(crate) fn web(folder: &Path, user: &str, password: &str) -> Server {
    install();
    let exec = Command::new("git").arg("--exec-path").output().unwrap();
    let exec = String::from_utf8(exec.stdout).unwrap();
    fs::write(folder.join("users"), format!("{user}:{password}\n")).unwrap();
    start(|port| {
        let conf = folder.join("lighttpd.conf");
        let text = format!(
            r#"server.modules = ("mod_auth", "mod_authn_file", "mod_alias", "mod_setenv", "mod_cgi")
server.document-root = "{home}"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "{home}/lighttpd.log"
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
        fs::write(&conf, text).unwrap();
        let mut command = Command::new("/usr/sbin/lighttpd");
        command.arg("-D").arg("-f").arg(conf);
        command
    })
}

/// OpenSSH with a key of its own.
pub(crate) struct Sshd {
    pub(crate) server: Server,
    pub(crate) key: PathBuf,
    pub(crate) known_hosts: PathBuf,
    pub(crate) user: String,
}

pub(crate) fn keygen(path: &Path) {
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path).status();
    assert!(made.unwrap().success());
}

pub(crate) fn sshd(folder: &Path) -> Sshd {
    install();
    let (host, key) = (folder.join("host-key"), folder.join("user-key"));
    keygen(&host);
    keygen(&key);
    fs::copy(key.with_extension("pub"), folder.join("authorized")).unwrap();
    let server = start(|port| {
        let conf = folder.join("sshd.conf");
        let text = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {host}\nAuthorizedKeysFile {home}/authorized\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n",
            host = host.display(),
            home = folder.display(),
        );
        fs::write(&conf, text).unwrap();
        let mut command = Command::new("/usr/sbin/sshd");
        command.arg("-D").arg("-f").arg(conf).arg("-E").arg(folder.join("sshd.log"));
        command
    });
    let public = fs::read_to_string(host.with_extension("pub")).unwrap();
    let known_hosts = folder.join("known_hosts");
    fs::write(&known_hosts, format!("[127.0.0.1]:{} {public}", server.port)).unwrap();
    let user = Command::new("id").arg("-un").output().unwrap();
    let user = String::from_utf8(user.stdout).unwrap().trim().to_owned();
    Sshd { server, key, known_hosts, user }
}

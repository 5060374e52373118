//! A Prometheus on loopback, and what it scrapes.

use std::fs::{self, File};
use std::net::TcpListener as PortFinder;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::process;
use crate::real::until;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How long anything may take on a machine that has much else to do.
pub const SOON: Duration = Duration::from_secs(90);
/// How often a Prometheus is tried on other ports, as somebody else may take one meanwhile.
const TRIES_MAX: usize = 5;

/// A Prometheus that scrapes one exporter every second. It ends when it is let go, and with the test in whatever way.
pub struct Prometheus {
    folder: TempDir,
    port: u16,
    child: Child,
    transport: Transport,
}

/// What a Prometheus speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// HTTP.
    Plain,
    /// With the certificate `certificate.pem` of its folder, which nobody else has signed.
    Tls,
}

impl Prometheus {
    /// Starts one that scrapes this exporter.
    ///
    /// # Panics
    /// If that cannot be done.
    pub async fn start(exporter: &Exporter) -> Self {
        Self::start_on(exporter, Transport::Plain).await
    }

    /// The same, by what it is to speak.
    ///
    /// # Panics
    /// If that cannot be done.
    pub async fn start_on(exporter: &Exporter, transport: Transport) -> Self {
        install();
        for _ in 0..TRIES_MAX {
            let folder =
                TempDir::with_prefix("periplus-prometheus-").expect("a folder can be made");
            let config = format!(
                "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
                 scrape_configs: [{{job_name: exporter, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}]\n",
                exporter.port
            );
            fs::write(folder.path().join("prometheus.yml"), config)
                .expect("the folder can be written to");
            if transport == Transport::Tls {
                certify(folder.path());
            }
            let port = free_port();
            let child = spawn(folder.path(), port, transport);
            let mut started = Self { folder, port, child, transport };
            if started.is_ready().await {
                return started;
            }
        }
        panic!("Prometheus did not start in {TRIES_MAX} tries");
    }

    /// Where it is, without `/api/v1`.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = match self.transport {
            Transport::Plain => "http",
            Transport::Tls => "https",
        };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends it as a crash does.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it where it was, with what it knew.
    ///
    /// # Panics
    /// If that cannot be done.
    pub async fn start_again(&mut self) {
        self.child = spawn(self.folder.path(), self.port, self.transport);
        assert!(self.is_ready().await, "it does not start again: {}", self.log());
    }

    /// `false` if it ended at once, as it does when its port is taken.
    async fn is_ready(&mut self) -> bool {
        let address = ("127.0.0.1", self.port);
        until("Prometheus to listen", SOON, async || {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return Some(false);
            }
            TcpStream::connect(address).await.ok().map(|_| true)
        })
        .await
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("prometheus.log")).unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.kill();
    }
}

fn install() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../prometheus/install");
    assert!(
        Command::new(script).status().expect("the script can be run").success(),
        "{script} failed"
    );
}

fn free_port() -> u16 {
    PortFinder::bind(("127.0.0.1", 0))
        .expect("a port is free")
        .local_addr()
        .expect("it is bound")
        .port()
}

fn certify(folder: &Path) {
    process::certify(folder, "certificate.pem", "key.pem");
    let web = "tls_server_config: {cert_file: certificate.pem, key_file: key.pem}\n";
    fs::write(folder.join("web.yml"), web).expect("the folder can be written to");
}

fn spawn(folder: &Path, port: u16, transport: Transport) -> Child {
    let log = File::create(folder.join("prometheus.log")).expect("the folder can be written to");
    let web: &[&str] = match transport {
        Transport::Plain => &[],
        Transport::Tls => &["--web.config.file=web.yml"],
    };
    // The kernel tells it when the thread of the test ends; letting go of it does so earlier.
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--", "prometheus"])
        .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=warn"])
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .args(web)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a file can be held twice"))
        .stderr(log)
        .spawn()
        .expect("setpriv can be run")
}

/// What is scraped: a text that the test may change.
pub struct Exporter {
    port: u16,
    text: Arc<Mutex<String>>,
    serves: JoinHandle<()>,
}

impl Exporter {
    /// Serves this text on a port of its own.
    ///
    /// # Panics
    /// If that cannot be done.
    pub async fn start(text: &str) -> Self {
        let text = Arc::new(Mutex::new(text.to_owned()));
        let (port, serves) = Self::serve(0, Arc::clone(&text)).await;
        Self { port, text, serves }
    }

    /// Says something else from now on.
    ///
    /// # Panics
    /// If that cannot be done.
    pub fn say(&self, text: &str) {
        text.clone_into(&mut self.text.lock().expect("no thread has panicked with it"));
    }

    /// Nobody listens any more.
    pub async fn stop(&mut self) {
        self.serves.abort();
        let _ = (&mut self.serves).await;
    }

    /// Somebody listens again, on the same port.
    ///
    /// # Panics
    /// If that cannot be done.
    pub async fn start_again(&mut self) {
        let (_, serves) = Self::serve(self.port, Arc::clone(&self.text)).await;
        self.serves = serves;
    }

    async fn serve(port: u16, text: Arc<Mutex<String>>) -> (u16, JoinHandle<()>) {
        let say = |State(text): State<Arc<Mutex<String>>>| async move {
            text.lock().expect("no thread has panicked with it").clone()
        };
        serve(port, Router::new().route("/metrics", get(say)).with_state(text)).await
    }
}

/// Serves on loopback, on any port if it is 0.
///
/// # Panics
/// If it cannot.
pub async fn serve(port: u16, router: Router) -> (u16, JoinHandle<()>) {
    let listener = until("the port to be free", SOON, async || {
        TcpListener::bind(("127.0.0.1", port)).await.ok()
    })
    .await;
    let port = listener.local_addr().expect("it is bound").port();
    (
        port,
        tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves until it is aborted");
        }),
    )
}

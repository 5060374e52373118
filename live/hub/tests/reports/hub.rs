//! A whole service that speaks HTTPS and reaches no cluster.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use periplus_live::api::{Explain, Refused, WhyQuestion};
use periplus_live::config::Settings;
use periplus_live::hub::{self, Found, Parts};
use periplus_support::real::until;
use reqwest::{Certificate, Client};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::SOON;
use crate::edge::NAME;

const HARBOUR: &str = include_str!("../../../../docs/guide/voyage/harbour.yaml");
const TOKEN: &str = "the-token-of-an-operator";
const KEY: &str = "the-key-of-the-harbour-0123456789";

pub(crate) struct Hub {
    home: TempDir,
    port: u16,
    client: Client,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

struct Silent;

impl Explain for Silent {
    fn why(&self, _: &WhyQuestion) -> Result<Value, Refused> {
        Ok(Value::Null)
    }

    fn decisions(&self, _: Option<u64>, _: usize, _: Option<&str>) -> Result<Value, Refused> {
        Ok(Value::Null)
    }

    fn log(&self, _: u64, _: usize) -> Result<Vec<String>, Refused> {
        Ok(Vec::new())
    }
}

impl Hub {
    pub(crate) fn prepare() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let home = TempDir::with_prefix("periplus-reports-").unwrap();
        let path = home.path();
        certify(path);
        fs::create_dir(path.join("intents")).unwrap();
        fs::write(path.join("intents/harbour.yaml"), intents()).unwrap();
        periplus_git::make_bare(&path.join("fleet.git"), "main").unwrap();
        fs::create_dir(path.join("keys")).unwrap();
        fs::write(path.join("keys").join(NAME), format!("{KEY}\n")).unwrap();
        fs::write(path.join("key"), format!("{KEY}\n")).unwrap();
        fs::write(path.join("token"), TOKEN).unwrap();
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let configured = format!(
            "state: state
mode: act
intents: {{path: intents, every: 1s}}
git: {{url: fleet.git, window: 100ms, pushesPerMinute: 600}}
clusters:
  reports: {{keys: keys}}
api:
  listen: 127.0.0.1:{port}
  tls: {{certFile: server.pem, keyFile: server.key}}
  tokens: [{{name: tester, role: operate, file: token}}]
"
        );
        fs::write(path.join("live.yaml"), configured).unwrap();
        let trusted = Certificate::from_pem(&fs::read(path.join("ca.pem")).unwrap()).unwrap();
        let client = Client::builder().no_proxy().tls_certs_only([trusted]).build().unwrap();
        Self { home, port, client, running: None }
    }

    pub(crate) fn start(&mut self) {
        let settings = Settings::read(&self.home.path().join("live.yaml")).unwrap();
        let parts = Parts {
            narrator: |_| Box::new(()),
            made_by: "a test".into(),
            http: None,
            found: Found::Refuse,
            explain: |_| Arc::new(Silent),
        };
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            let _ = stopped.await;
        };
        // It runs on the thread that began it, as a program does.
        let ran = thread::spawn(move || {
            let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
            let ended = runtime.unwrap().block_on(hub::run(settings, parts, stopped));
            ended.unwrap();
        });
        self.running = Some((stop, ran));
    }

    pub(crate) async fn stop(&mut self) {
        let (stop, ran) = self.running.take().unwrap();
        let _ = stop.send(());
        tokio::task::spawn_blocking(move || ran.join().unwrap()).await.unwrap();
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// A file of the reporter's: its key, or the authority that has signed the service's certificate.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn forget_key(&self) {
        fs::write(self.file("keys").join(NAME), "another-key-of-the-harbour-0123456789\n").unwrap();
    }

    /// Asks again and again until the answer is what is waited for.
    pub(crate) async fn until<T>(
        &self,
        what: &str,
        path: &str,
        is: impl Fn(&Value) -> Option<T>,
    ) -> T {
        until(what, SOON, async || {
            let asked = self.client.get(format!("{}/v1/{path}", self.url())).bearer_auth(TOKEN);
            let told: Value = asked.send().await.ok()?.json().await.ok()?;
            is(&told)
        })
        .await
    }

    /// Tells how much users ask for.
    pub(crate) async fn demand(&self, rates: Value) {
        let as_of = jiff::Timestamp::now().to_string();
        let batch = json!({"source": "test", "asOf": as_of, "measures": "offered", "rates": rates});
        let sent = self.client.post(format!("{}/v1/demand", self.url())).bearer_auth(TOKEN);
        assert_eq!(sent.json(&batch).send().await.unwrap().status(), 202);
    }

    /// The objects that are written for the cluster.
    pub(crate) fn written(&self) -> Vec<Value> {
        let files = periplus_git::files(&self.file("fleet.git"), "main").unwrap_or_default();
        let ours: BTreeMap<_, _> = files
            .iter()
            .filter(|(path, _)| periplus_git::place(path) == Some(NAME) && path.ends_with(".yaml"))
            .collect();
        let read = |bytes: &[u8]| -> Vec<Value> {
            serde_saphyr::from_multiple(std::str::from_utf8(bytes).unwrap()).unwrap()
        };
        ours.values().flat_map(|bytes| read(bytes)).collect()
    }
}

/// The harbour, quick enough for tests.
fn intents() -> String {
    let mut text = HARBOUR.to_owned();
    for (slow, quick) in [
        ("dwell: 30s", "dwell: 1s"),
        ("staleAfter: 90s, lostAfter: 3m", "staleAfter: 8s, lostAfter: 30m"),
    ] {
        assert!(text.contains(slow), "{slow}");
        text = text.replace(slow, quick);
    }
    text
}

/// An authority, and a certificate of the server that it has signed.
fn certify(folder: &Path) {
    let new = "req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -days 2";
    let end = "-addext basicConstraints=critical,CA:FALSE -CA ca.pem -CAkey ca.key";
    for args in [
        format!("{new} -subj /CN=authority -keyout ca.key -out ca.pem"),
        format!(
            "{new} -subj /CN=server {end} -addext subjectAltName=IP:127.0.0.1 -keyout server.key -out server.pem"
        ),
    ] {
        let mut openssl = Command::new("openssl");
        let made = openssl.args(args.split(' ')).current_dir(folder).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
}

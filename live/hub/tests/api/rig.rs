//! A service with an API on loopback, in a folder of its own.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use periplus_core::ids::Seq;
use periplus_core::units::Span;
use periplus_emit::Repository;
use periplus_git::{Author, FleetOptions, Options, make_bare};
use periplus_journal::Reader;
use periplus_live::Feed;
use periplus_live::api::{
    self, Api, Explain, Limits, Parts, Refused, ServeFault, Situation, WhyQuestion, config::Draft,
};
use periplus_live::clusters::Clusters;
use periplus_live::delivery::{PostOptions, Routes};
use periplus_live::desk::{Desk, Setup};
use periplus_live::intents::{self, Intents};
use periplus_live::reports::{KeyFolders, Reports};
use periplus_live::service::{Beside, Clock, Order, Service, Wall};
use periplus_live::signals::Statuses;
use periplus_live::traces::Traces;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// How long anything may take on a machine that has much else to do.
pub(crate) const SOON: Duration = Duration::from_secs(60);

const HARBOUR: &str = include_str!("../../../../docs/guide/voyage/harbour.yaml");

/// A service with an API. It ends when it is let go.
pub(crate) struct Rig {
    pub(crate) home: TempDir,
    pub(crate) at: String,
    pub(crate) client: Client,
    service: Option<Service>,
    pub(crate) feed: Feed<Order>,
    pub(crate) situation: watch::Sender<Situation>,
    pub(crate) gate: Arc<Gate>,
    stop: Option<oneshot::Sender<()>>,
    serves: Option<JoinHandle<Result<(), ServeFault>>>,
    draft: Draft,
    traces: Traces,
    limits: Limits,
    clusters: Option<Arc<Clusters>>,
}

/// How a rig is made. What is not said is as usual.
pub(crate) struct Made {
    pub(crate) config: &'static str,
    pub(crate) limits: Limits,
    pub(crate) traces: Traces,
    pub(crate) tokens: &'static [(&'static str, &'static str)],
    pub(crate) behind: Behind,
    pub(crate) clusters: Option<Arc<Clusters>>,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            config: "{}",
            traces: Traces::default(),
            limits: Limits::default(),
            tokens: &[],
            behind: Behind::ADesk,
            clusters: None,
        }
    }
}

/// What is behind the API.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behind {
    ADesk,
    Nothing,
}

/// A token of each role, and the configuration that names them.
pub(crate) const READ: &str = "read-0123456789abcdef";
pub(crate) const DEMAND: &str = "demand-0123456789abcdef";
pub(crate) const OPERATE: &str = "operate-0123456789abcdef";
pub(crate) const TOKENS: &[(&str, &str)] =
    &[("read.token", READ), ("demand.token", DEMAND), ("operate.token", OPERATE)];
pub(crate) const ROLES: &str = "tokens: [{name: eye, role: read, file: read.token}, {name: cdn, role: demand, file: \
                                demand.token}, {name: hand, role: operate, file: operate.token}]";

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::made(Made { config: ROLES, tokens: TOKENS, ..Made::default() }).await
    }

    pub(crate) async fn made(made: Made) -> Self {
        let Made { config, limits, traces, tokens, behind, clusters } = made;
        let home = TempDir::with_prefix("periplus-api-").unwrap();
        for (file, token) in tokens {
            fs::write(home.path().join(file), format!("{token}\n")).unwrap();
        }
        let draft: Draft = serde_saphyr::from_str(config).unwrap();
        for folder in ["keys", "alert-keys"] {
            fs::create_dir(home.path().join(folder)).unwrap();
        }
        let feed = Feed::default();
        let service =
            (behind == Behind::ADesk).then(|| start(home.path(), feed.clone(), traces.clone()));
        let gate = Arc::new(Gate { closed: Mutex::new(true), opened: Condvar::new() });
        let situation = watch::Sender::new(Situation { mode: "live".into(), missing: vec![] });
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().build().unwrap();
        let (at, stop, serves) = (String::new(), None, None);
        let mut rig = Self {
            home,
            at,
            client,
            service,
            feed,
            situation,
            gate,
            stop,
            serves,
            draft,
            traces,
            limits,
            clusters,
        };
        rig.serve().await;
        rig
    }

    /// The API begins, with nothing but what is on the disk.
    async fn serve(&mut self) {
        let home = self.home.path();
        let folders =
            KeyFolders { reports: Some(home.join("keys")), alerts: Some(home.join("alert-keys")) };
        let state = home.join("state");
        fs::create_dir_all(&state).unwrap();
        let api = Api::new(Parts {
            config: api::read(&self.draft, home).unwrap(),
            feed: self.feed.clone(),
            signals: Statuses::default(),
            clusters: self.clusters.clone(),
            applied: periplus_live::apply::Statuses::default(),
            reports: Arc::new(Reports::open(&state, folders).unwrap()),
            clock: Arc::new(Wall),
            situation: self.situation.subscribe(),
            explain: Arc::new(StandIn {
                gate: Arc::clone(&self.gate),
                log: state.join("live.log"),
            }),
            copies: None,
            traces: self.traces.clone(),
            limits: self.limits.clone(),
        });
        let asked = self.at.strip_prefix("http://").unwrap_or("127.0.0.1:0");
        let listener = TcpListener::bind(asked).await.unwrap();
        self.at = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            let _ = stopped.await;
        };
        self.serves = Some(tokio::spawn(api::serve(listener, api, stopped)));
        self.stop = Some(stop);
    }

    /// The API ends, and begins again at the same place with nothing but what is on the disk.
    pub(crate) async fn restart(&mut self) {
        self.stop().await.unwrap();
        self.serve().await;
    }

    pub(crate) fn asked(&self, method: Method, path: &str, token: &str) -> RequestBuilder {
        let asked = self.client.request(method, format!("{}{path}", self.at)).timeout(SOON);
        if token.is_empty() { asked } else { asked.bearer_auth(token) }
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        said(self.asked(Method::GET, path, OPERATE).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        said(self.asked(Method::POST, path, OPERATE).json(&body).send().await.unwrap()).await
    }

    pub(crate) async fn status(&self, method: Method, path: &str, token: &str) -> u16 {
        let asked = self.asked(method.clone(), path, token);
        let asked = if method == Method::POST { asked.json(&json!({})) } else { asked };
        asked.send().await.unwrap().status().as_u16()
    }

    /// The API stops, and says how.
    pub(crate) async fn stop(&mut self) -> Result<(), ServeFault> {
        let _ = self.stop.take().unwrap().send(());
        self.serves.take().unwrap().await.unwrap()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.gate.open();
        if let Some(serves) = &self.serves {
            serves.abort();
        }
        if let Some(service) = self.service.take() {
            let ended = service.stop();
            assert!(std::thread::panicking() || ended.is_ok());
        }
    }
}

/// What an answer says. All that is JSON has a version.
pub(crate) async fn said(answer: Response) -> (u16, Value) {
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    let said: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: {text}"));
    assert_eq!(said["version"], 1, "{said}");
    let is_problem = said.get("error").is_some();
    assert!(
        !is_problem || (said["error"]["message"].is_string() && said["error"]["hint"].is_string())
    );
    (status, said)
}

fn start(home: &Path, feed: Feed<Order>, traces: Traces) -> Service {
    let (desk, post) = opened(home);
    Service::start_beside(desk, post, feed, Arc::new(Wall), Beside { traces, ..Beside::default() })
}

/// A desk in the folder `state`, and who writes for it.
pub(crate) fn opened(home: &Path) -> (Desk, PostOptions) {
    for folder in ["intents", "state"] {
        fs::create_dir(home.join(folder)).unwrap();
    }
    let quick = HARBOUR.replace("dwell: 30s", "dwell: 1s");
    fs::write(home.join("intents/harbour.yaml"), quick).unwrap();
    make_bare(&home.join("fleet.git"), "main").unwrap();
    let now = Wall.now_unix_ms();
    let intents = Intents::begin(intents::read(&home.join("intents")).unwrap(), now).unwrap();
    let url = home.join("fleet.git").display().to_string();
    let repository = Repository { url, branch: "main".into() };
    let routes = Routes { pulled: repository.clone(), written: repository, base: None };
    let narrator = Box::new(());
    let made_by = "a test".into();
    let setup = Setup { intents: Some(intents), routes, window: Span(50), narrator, made_by };
    let desk = Desk::open(&home.join("state"), setup, now).unwrap();
    let post = PostOptions {
        cache: home.join("cache"),
        access: Options::default(),
        fleet: FleetOptions::default(),
        author: Author { name: "Periplus".into(), email: "periplus@localhost".into() },
        run: "a-test".into(),
        epoch_unix_ms: desk.intents().scenario().epoch_unix_ms,
    };
    (desk, post)
}

/// Keeps those who ask for the app `waits` waiting.
pub(crate) struct Gate {
    closed: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    pub(crate) fn open(&self) {
        *self.closed.lock().unwrap() = false;
        self.opened.notify_all();
    }
}

/// Reads the log as it is on the disk, and has a word or two for every question.
struct StandIn {
    gate: Arc<Gate>,
    log: std::path::PathBuf,
}

impl Explain for StandIn {
    fn why(&self, question: &WhyQuestion) -> Result<Value, Refused> {
        match question.app.as_str() {
            "panics" => panic!("it was asked to"),
            "waits" => {
                let closed = self.gate.closed.lock().unwrap();
                drop(self.gate.opened.wait_timeout_while(closed, SOON, |closed| *closed));
                Ok(Value::Null)
            }
            "shop" => Ok(json!({"question": format!("{question:?}")})),
            other => {
                let message = format!("no app is called `{other}`");
                Err(Refused::Unknown { message, hint: "there is `shop`".into() })
            }
        }
    }

    fn decisions(
        &self,
        from: Option<u64>,
        limit: usize,
        app: Option<&str>,
    ) -> Result<Value, Refused> {
        Ok(json!([{"from": from, "limit": limit, "app": app}]))
    }

    fn log(&self, from: u64, limit: usize) -> Result<Vec<String>, Refused> {
        let failed = |fault: periplus_journal::Fault| Refused::Failed {
            message: fault.to_string(),
            hint: "look at it".into(),
        };
        let reader = Reader::open(&self.log).map_err(failed)?;
        // What is being written is not whole yet.
        let Ok(Some(last)) = reader.last_seq() else { return Ok(Vec::new()) };
        if from > last.0 {
            return Ok(Vec::new());
        }
        let records = reader.records_from(Seq(from)).map_while(Result::ok).take(limit);
        Ok(records
            .map(|record| {
                json!({"seq": record.seq.0, "input": format!("{:?}", record.input)}).to_string()
            })
            .collect())
    }
}

//! A service with a desk and no fleet, which takes in what is declared.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use periplus_core::units::Span;
use periplus_emit::Repository;
use periplus_git::{Author, FleetOptions, Options};
use periplus_live::Feed;
use periplus_live::delivery::{PostOptions, Routes};
use periplus_live::desk::{Desk, Setup};
use periplus_live::intents::{Intents, IntentsFrom, Standing, Status, follow};
use periplus_live::service::{Clock, Order, Service, Wall};
use periplus_live::sighting::{Sight, Sighting};
use periplus_spec::Bundle;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long a busy machine may take.
pub(crate) const SOON: Duration = Duration::from_secs(60);
/// The same where the policy waits by itself.
pub(crate) const LONG: Duration = Duration::from_secs(120);
/// How often a source is looked at.
pub(crate) const OFTEN: Duration = Duration::from_millis(50);

/// A service, and a source that it follows.
pub(crate) struct Fleet {
    service: Service,
    followed: JoinHandle<()>,
    pub(crate) standing: Standing,
    _state: TempDir,
}

impl Fleet {
    /// Starts with what the source has.
    pub(crate) async fn start(from: IntentsFrom) -> Self {
        let first = from.read().await.unwrap();
        Self::with(first, from)
    }

    /// Starts with something else.
    pub(crate) fn with(first: Bundle, from: IntentsFrom) -> Self {
        let state = TempDir::new().unwrap();
        let service = service(state.path(), first);
        let standing = Standing::default();
        let followed = follow(from, OFTEN, service.feed().clone(), standing.clone());
        Self { service, followed: tokio::spawn(followed), standing, _state: state }
    }

    pub(crate) fn status(&self) -> Status {
        self.standing.read()
    }

    pub(crate) fn feed(&self) -> &Feed<Order> {
        self.service.feed()
    }

    /// What is declared, in words: `Application/shop`.
    pub(crate) async fn declared(&self) -> Vec<String> {
        let declared = self.ask(|desk| desk.intents().declared()).await;
        declared.into_keys().map(|(kind, name)| format!("{kind}/{name}")).collect()
    }

    /// The first image of an app.
    pub(crate) async fn image(&self, app: &str) -> Option<String> {
        let app = app.to_owned();
        self.ask(move |desk| {
            let declared = desk.intents().declared();
            let found = declared.into_iter().find(|((_, name), _)| name.to_string() == app)?.1;
            let found = serde_json::to_value(found).unwrap();
            Some(found.pointer("/spec/components/0/image")?.as_str()?.to_owned())
        })
        .await
    }

    /// Tells what somebody saw just now.
    pub(crate) async fn see(&self, sight: Sight) {
        self.feed().tell(Sighting { as_of_unix_ms: Wall.now_unix_ms(), sight }).await;
    }

    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Desk) -> T + Send + 'static,
    ) -> T {
        let (reply, answer) = oneshot::channel();
        let ask = Box::new(move |desk: &Desk| drop(reply.send(question(desk))));
        self.feed().ask(Order::Ask(ask)).await;
        answer.await.unwrap()
    }

    pub(crate) async fn stop(self) {
        self.followed.abort();
        tokio::task::spawn_blocking(move || self.service.stop()).await.unwrap().unwrap();
    }
}

fn service(home: &Path, first: Bundle) -> Service {
    std::fs::create_dir(home.join("state")).unwrap();
    let now = Wall.now_unix_ms();
    let fleet =
        Repository { url: home.join("fleet.git").display().to_string(), branch: "main".into() };
    let setup = Setup {
        intents: Some(Intents::begin(first, now).unwrap()),
        routes: Routes { pulled: fleet.clone(), written: fleet, base: None },
        window: Span(50),
        narrator: Box::new(()),
        made_by: "a test".into(),
    };
    let desk = Desk::open(&home.join("state"), setup, now).unwrap();
    let post = PostOptions {
        cache: home.join("cache"),
        access: Options::default(),
        fleet: FleetOptions::default(),
        author: Author { name: "Periplus".into(), email: "periplus@localhost".into() },
        run: "a-test".into(),
        epoch_unix_ms: desk.intents().scenario().epoch_unix_ms,
    };
    Service::start(desk, post, Feed::default(), Arc::new(Wall))
}

//! What the service's own log says of who asks.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use reqwest::Method;
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::rig::{OPERATE, READ, Rig};

/// Keeps what is logged, line by line.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<(Level, String)>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

impl Subscriber for Kept {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push((*event.metadata().level(), line.0));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn commands_are_logged_with_who_gave_them_and_no_token_ever_is() {
    let kept = Kept::default();
    let _here = tracing::subscriber::set_default(kept.clone());
    let rig = Rig::start().await;
    let wrong = "wrong-0123456789abcdef";
    assert_eq!(rig.status(Method::GET, "/v1/state", wrong).await, 401);
    assert_eq!(rig.status(Method::GET, "/v1/state", READ).await, 200);
    let cordon = json!({"command": "cordon", "cluster": "cloud"});
    assert_eq!(rig.post("/v1/commands", cordon).await.0, 200);
    let nowhere = json!({"command": "cordon", "cluster": "nowhere"});
    assert_eq!(rig.post("/v1/commands", nowhere).await.0, 404);

    let lines = kept.0.lock().unwrap().clone();
    let given: Vec<&str> = lines
        .iter()
        .filter(|(level, line)| *level == Level::INFO && line.contains("a command is given"))
        .map(|(_, line)| line.as_str())
        .collect();
    assert_eq!(given.len(), 1, "{given:?}");
    for part in ["who=\"hand\"", "Cordon { cluster: \"cloud\" }", "127.0.0.1:"] {
        assert!(given[0].contains(part), "{}", given[0]);
    }
    let answered = |part: &str| lines.iter().any(|(_, line)| line.contains(part));
    assert!(answered("route=\"/v1/state\" method=\"GET\" status=401"), "{lines:?}");
    for token in [READ, OPERATE, wrong] {
        assert!(!answered(token), "{token} is in the log");
    }
}

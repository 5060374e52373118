//! A service that is in no mood: it answers with all that may come of a request, and keeps what it was sent.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::edge::NAME;

/// It ends when it is let go.
pub(crate) struct Moody {
    pub(crate) url: String,
    shared: Arc<Shared>,
    serves: JoinHandle<()>,
}

struct Shared {
    moods: Mutex<Vec<Mood>>,
    sent: Mutex<Vec<Sent>>,
}

/// How a request is answered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mood {
    Busy,
    Garbage,
    Elsewhere,
    Endless,
    /// Reports of a much later epoch were taken.
    Ahead,
    Takes,
    Asks,
}

/// What came, and how it was answered.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) epoch: u64,
    pub(crate) number: u64,
    pub(crate) report: Value,
    pub(crate) mood: Mood,
}

impl Moody {
    /// It answers in these moods, the last one for ever.
    pub(crate) async fn start(moods: &[Mood]) -> Self {
        let moods = Mutex::new(moods.iter().rev().copied().collect());
        let shared = Arc::new(Shared { moods, sent: Mutex::default() });
        let router = Router::new()
            .route(&format!("/hub/v1/reports/{NAME}"), post(answer))
            .with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hub/", listener.local_addr().unwrap());
        let serves = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, shared, serves }
    }

    /// All that came so far.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.shared.sent.lock().unwrap().clone()
    }
}

impl Drop for Moody {
    fn drop(&mut self) {
        self.serves.abort();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let header = headers["periplus-report"].to_str().unwrap();
    let field = |name: &str| {
        let (_, rest) = header.split_once(&format!("{name}=")).unwrap();
        rest.split(',').next().unwrap().parse::<u64>().unwrap()
    };
    let (epoch, number) = (field("epoch"), field("number"));
    let mood = {
        let mut moods = shared.moods.lock().unwrap();
        if moods.len() > 1 { moods.pop().unwrap() } else { moods[0] }
    };
    let report = serde_json::from_slice(&body).unwrap();
    shared.sent.lock().unwrap().push(Sent { epoch, number, report, mood });
    let taken = |again: bool| {
        let answer = json!({"version": 1, "again": again, "more": "later versions say"});
        (StatusCode::ACCEPTED, answer.to_string()).into_response()
    };
    match mood {
        Mood::Busy => (StatusCode::SERVICE_UNAVAILABLE, "{}").into_response(),
        Mood::Garbage => (StatusCode::OK, "<html>").into_response(),
        Mood::Elsewhere => {
            (StatusCode::FOUND, [("location", "http://127.0.0.1:1/")]).into_response()
        }
        Mood::Endless => (StatusCode::OK, " ".repeat(1 << 20)).into_response(),
        Mood::Ahead => {
            let taken = format!("epoch={}, number=7", epoch + 1_000_000);
            (StatusCode::CONFLICT, [("periplus-report-taken", taken)]).into_response()
        }
        Mood::Takes => taken(false),
        Mood::Asks => taken(true),
    }
}

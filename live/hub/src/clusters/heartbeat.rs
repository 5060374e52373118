//! Heartbeats: whether a cluster's API answers just now.
//!
//! Only an answer counts: an open connection may lead nowhere. Nothing is said where there is none; what silence means is
//! the machine's to say.

use std::time::Duration;

use axum::http::Request;
use futures::StreamExt;
use futures::stream::{BoxStream, unfold};
use kube::Client;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::watch::full;

/// How a heartbeat went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Beat {
    /// The API answered.
    Alive,
    /// It does not know us.
    Unauthorized(String),
    /// It did not answer, or said that it cannot.
    Failed(String),
}

/// What is asked. Everybody who is known may ask it, and it costs nothing.
pub(super) const ASKED: &str = "/livez";
/// How long an answer may take.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// Asks once.
pub(crate) async fn beat(client: &Client) -> Beat {
    let Ok(request) = Request::get(ASKED).body(Vec::new()) else {
        return Beat::Failed(format!("`{ASKED}` is no path"));
    };
    match timeout(ANSWERS_WITHIN, client.request_text(request)).await {
        Ok(Ok(_)) => Beat::Alive,
        // It is busy, and says so.
        Ok(Err(kube::Error::Api(status))) if status.code == 429 => Beat::Alive,
        // Some providers hide it; who refuses answers.
        Ok(Err(kube::Error::Api(status))) if [403, 404].contains(&status.code) => Beat::Alive,
        Ok(Err(kube::Error::Api(status))) if status.code == 401 => {
            Beat::Unauthorized(format!("{ASKED}: {status}"))
        }
        Ok(Err(error)) => Beat::Failed(format!("{ASKED}: {}", full(&error))),
        Err(_) => Beat::Failed(format!("{ASKED}: no answer within {ANSWERS_WITHIN:?}")),
    }
}

/// Asks again and again, for the first time after a part of `every` that `seed` tells.
pub(crate) fn beats(client: Client, every: Duration, seed: u64) -> BoxStream<'static, Beat> {
    const PARTS: u32 = 256;
    let part = u32::try_from(seed % u64::from(PARTS)).unwrap_or(0);
    let mut often = interval_at(Instant::now() + every * part / PARTS, every);
    often.set_missed_tick_behavior(MissedTickBehavior::Delay);
    unfold((client, often), |(client, mut often)| async move {
        often.tick().await;
        let beat = beat(&client).await;
        Some((beat, (client, often)))
    })
    .boxed()
}

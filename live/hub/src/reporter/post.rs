//! The way of reports to the service: HTTPS, and nothing that repeats by itself.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, StatusCode, Url};
use serde::Deserialize;
use serde_json::Value;

use crate::clusters::full;
use crate::reports::keys;
use crate::reports::signature::{HEADER, Mark, Stamp, TAKEN};
use crate::reports::wire::{ANSWER_BYTES_MAX, Answered, Report};
use crate::web::Web;

/// Where reports go.
#[derive(Debug)]
pub(super) struct Post {
    url: Url,
    key_file: PathBuf,
    web: Web,
}

/// Why a report was not taken, as far as is known.
#[derive(Debug)]
pub(super) enum Lost {
    /// It may have been taken. It is told again.
    Unanswered(String),
    /// The service says no, and why.
    Refused(String),
    /// Reports up to this one were taken already.
    Behind(Mark),
}

/// How long a connection may take to be made.
const CONNECTS_WITHIN: Duration = Duration::from_secs(10);
/// How long all of it may take. The service would not take it later.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);

impl fmt::Display for Lost {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unanswered(why) | Self::Refused(why) => out.write_str(why),
            Self::Behind(taken) => write!(out, "reports up to {taken} were taken already"),
        }
    }
}

impl Post {
    pub(super) fn new(
        hub: &Url,
        cluster: &str,
        key_file: PathBuf,
        ca_file: Option<PathBuf>,
    ) -> Self {
        let mut url = hub.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["v1", "reports", cluster]);
        }
        let web = Web::new(ca_file, |plain| {
            let timed = plain.connect_timeout(CONNECTS_WITHIN).timeout(ANSWERS_WITHIN);
            // Connections of thousands of clusters would take all that the service has, most of the time for nothing.
            timed.pool_max_idle_per_host(0)
        });
        Self { url, key_file, web }
    }

    /// Sends a report.
    pub(super) async fn send(&mut self, report: &Report, stamp: Stamp) -> Result<Answered, Lost> {
        let refused = |why: String| Lost::Refused(why);
        let body = serde_json::to_vec(report).map_err(|error| refused(error.to_string()))?;
        let path = self.key_file.display();
        let keys =
            keys::read(&self.key_file).await.map_err(|why| refused(format!("{path}: {why}")))?;
        let signed = keys.first().and_then(|key| stamp.sign(key, &report.cluster, &body));
        let signed = signed.ok_or_else(|| refused("this cannot be signed".to_owned()))?;
        let client = self.web.client().map_err(refused)?;
        let sent = client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(HEADER, signed.to_string())
            .body(body);
        match sent.send().await {
            Ok(answer) => read(answer).await,
            Err(error) => {
                self.web.forget();
                Err(Lost::Unanswered(full(&error.without_url())))
            }
        }
    }
}

async fn read(mut answer: Response) -> Result<Answered, Lost> {
    let status = answer.status();
    let taken = answer.headers().get(TAKEN).and_then(|said| said.to_str().ok()?.parse().ok());
    if let (StatusCode::CONFLICT, Some(taken)) = (status, taken) {
        return Err(Lost::Behind(taken));
    }
    let mut body = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(part)) if body.len() + part.len() <= ANSWER_BYTES_MAX => {
                body.extend_from_slice(&part);
            }
            Ok(Some(_)) => return Err(Lost::Refused(format!("its answer ({status}) is too long"))),
            Ok(None) => break,
            Err(error) => return Err(Lost::Unanswered(full(&error.without_url()))),
        }
    }
    let said: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    if status.is_success() {
        let other = |_| Lost::Refused(format!("its answer ({status}) is not that of the service"));
        return Answered::deserialize(said).map_err(other);
    }
    let text = |path: &str| said.pointer(path).and_then(Value::as_str);
    let why = match (text("/error/message"), text("/error/hint")) {
        (Some(message), Some(hint)) => format!("{status}: {message}; {hint}"),
        _ => format!("{status}"),
    };
    Err(if status.is_server_error() { Lost::Unanswered(why) } else { Lost::Refused(why) })
}

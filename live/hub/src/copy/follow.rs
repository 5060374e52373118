//! Asking for what the leader has, again and again, until this replica leads itself.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::options::Replication;
use super::standing::Standing;
use super::taken::{Copy, CopyFault, Refused};
use super::wire::{Asked, MEDIA_TYPE};
use crate::web::Web;

/// The replicas that may give a copy, and how they are asked.
#[derive(Debug)]
pub struct Peers {
    urls: Vec<Url>,
    token_file: PathBuf,
    web: Web,
}

/// How long a connection may take to be there.
const CONNECT: Duration = Duration::from_secs(2);
/// How long an answer may take in all; a question is held for two seconds.
const ANSWER: Duration = Duration::from_secs(60);
/// So many bytes of an answer are taken: a record of the largest size, and what was declared in a large fleet.
const ANSWER_BYTES_MAX: usize = 512 << 20;
/// How long is waited after nobody gave anything.
const PAUSE: Duration = Duration::from_millis(500);
/// The path of the question.
pub(crate) const PATH: &str = "/v1/copy";

impl Peers {
    /// Those of a configuration.
    #[must_use]
    pub fn new(replication: &Replication) -> Self {
        let Replication { replicas, token_file, ca_file, confirm: _, alone_after: _ } = replication;
        let web = Web::new(ca_file.clone(), |plain| {
            plain.no_proxy().connect_timeout(CONNECT).timeout(ANSWER)
        });
        Self { urls: replicas.clone(), token_file: token_file.clone(), web }
    }

    async fn ask(&mut self, url: &Url, asked: &Asked) -> Result<Vec<u8>, String> {
        let client = self.web.client()?;
        let body = serde_json::to_vec(asked).map_err(|fault| fault.to_string())?;
        let token = fs::read_to_string(&self.token_file);
        let token = token.map_err(|fault| format!("{}: {fault}", self.token_file.display()))?;
        let question = client.post(url.clone()).header(CONTENT_TYPE, "application/json");
        let answered = question.bearer_auth(token.trim()).body(body).send().await;
        let mut answered = answered.map_err(|fault| {
            self.web.forget();
            innermost(&fault.without_url())
        })?;
        let status = answered.status();
        let is_copy = answered.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == MEDIA_TYPE);
        let mut bytes = Vec::new();
        while let Some(part) = answered.chunk().await.map_err(|fault| innermost(&fault))? {
            if bytes.len() + part.len() > ANSWER_BYTES_MAX {
                return Err(format!("the answer has more than {ANSWER_BYTES_MAX} bytes"));
            }
            bytes.extend_from_slice(&part);
        }
        if status.is_success() && is_copy {
            return Ok(bytes);
        }
        let said: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let said = said.pointer("/error/message").and_then(serde_json::Value::as_str);
        Err(format!("it answers {}: {}", status.as_u16(), said.unwrap_or("and nothing more")))
    }
}

/// Keeps a copy up with whoever leads, until it is told to stop; gives the copy back then.
///
/// # Errors
/// The copy cannot be gone on with.
pub async fn follow(
    mut copy: Copy,
    mut peers: Peers,
    standing: Standing,
    mut stop: oneshot::Receiver<()>,
) -> Result<Copy, CopyFault> {
    let mut urls = peers.urls.clone();
    let mut told: Option<Url> = None;
    let mut trouble: Option<String> = None;
    loop {
        let mut why = Vec::new();
        // Whoever led last is asked first: others may not even say that they do not.
        urls.sort_by_key(|url| told.as_ref() != Some(url));
        for url in &urls {
            let mut at = url.clone();
            at.set_path(&format!("{}{PATH}", url.path().trim_end_matches('/')));
            loop {
                let asked = copy.asks();
                let answered = tokio::select! {
                    _ = &mut stop => return Ok(copy),
                    answered = peers.ask(&at, &asked) => answered,
                };
                // What was begun on the disk is ended, whatever else happens.
                let taken = match answered {
                    Ok(answer) => {
                        let done = spawn_blocking(move || {
                            let taken = copy.take(&answer);
                            (copy, taken)
                        });
                        let (back, taken) = match done.await {
                            Ok(done) => done,
                            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
                        };
                        copy = back;
                        taken.map_err(Some)
                    }
                    Err(unanswered) => {
                        why.push(format!("{url}: {unanswered}"));
                        Err(None)
                    }
                };
                match taken {
                    Ok(_) => {
                        standing.change(|stands| stands.trouble = None);
                        if trouble.take().is_some() || told.as_ref() != Some(url) {
                            tracing::info!(from = %url, "the leader's log is copied");
                            told = Some(url.clone());
                        }
                    }
                    Err(Some(Refused::Disk(fault))) => return Err(fault),
                    Err(Some(refused)) => {
                        why.push(format!("{url}: {refused}"));
                        break;
                    }
                    Err(None) => break,
                }
            }
        }
        let now = why.join("; ");
        if trouble.as_ref() != Some(&now) {
            tracing::warn!("no replica gives a copy: {now}");
        }
        standing.change(|stands| stands.trouble = Some(now.clone()));
        trouble = Some(now);
        tokio::select! {
            _ = &mut stop => return Ok(copy),
            () = sleep(PAUSE) => {}
        }
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}

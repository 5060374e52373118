//! How traces are sent: by the HTTP client that the rest of the service has.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use tokio::runtime::Handle;

use super::queue::Tally;
use crate::clusters::full;
use crate::web::Web;

/// What a collector is sent to with.
pub(super) struct Outlet {
    pub(super) runtime: Handle,
    pub(super) headers_file: Option<PathBuf>,
    pub(super) timeout: Duration,
    pub(super) tally: Arc<Tally>,
    pub(super) web: Mutex<Web>,
}

/// Who sends, before what the library calls itself.
const US: &str = concat!("periplus/", env!("CARGO_PKG_VERSION"));
/// What a collector answers is short: what it did not take.
const ANSWER_BYTES_MAX: usize = 64 << 10;

#[async_trait]
impl HttpClient for Outlet {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.send(request).await;
        match &sent {
            // What a collector says may repeat what was sent to it.
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => self.tally.note_fault(format!("it answered {}", answer.status())),
            Err(why) => {
                self.web().forget();
                self.tally.note_fault(why.clone());
            }
        }
        sent.map_err(HttpError::from)
    }
}

impl Outlet {
    /// The thread that asks is none of the runtime's, on which all networks are waited for.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let client = self.web().client()?;
        let mut request = reqwest::Request::try_from(request).map_err(|fault| full(&fault))?;
        *request.timeout_mut() = Some(self.timeout);
        if let Some(library) = request.headers().get(USER_AGENT).and_then(|by| by.to_str().ok())
            && let Ok(both) = format!("{US} {library}").parse()
        {
            request.headers_mut().insert(USER_AGENT, both);
        }
        if let Some(file) = &self.headers_file {
            request.headers_mut().extend(headers(file)?);
        }
        let sent = self.runtime.spawn(async move {
            let told = |fault: reqwest::Error| full(&fault.without_url());
            let mut answered = client.execute(request).await.map_err(told)?;
            let mut body = Vec::new();
            while let Some(part) = answered.chunk().await.map_err(told)? {
                if body.len() + part.len() > ANSWER_BYTES_MAX {
                    return Err(format!("it answered more than {ANSWER_BYTES_MAX} bytes"));
                }
                body.extend_from_slice(&part);
            }
            let mut answer = Response::new(Bytes::from(body));
            *answer.status_mut() = answered.status();
            *answer.headers_mut() = answered.headers().clone();
            Ok(answer)
        });
        sent.await.map_err(|_| "the service has stopped".to_owned())?
    }

    fn web(&self) -> MutexGuard<'_, Web> {
        self.web.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Outlet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Outlet").field("headers_file", &self.headers_file).finish_non_exhaustive()
    }
}

/// The headers of a file: a line each, as `authorization: Bearer …`. What is wrong is told by its line and not repeated.
pub(crate) fn headers(file: &Path) -> Result<HeaderMap, String> {
    let told = |what: String| format!("{}: {what}", file.display());
    let text = fs::read_to_string(file).map_err(|fault| told(fault.to_string()))?;
    let mut headers = HeaderMap::new();
    for (place, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let header = line.split_once(':').and_then(|(name, value)| {
            let name: HeaderName = name.trim().parse().ok()?;
            let mut value = HeaderValue::from_str(value.trim()).ok()?;
            value.set_sensitive(true);
            Some((name, value))
        });
        let Some((name, value)) = header else {
            return Err(told(format!("line {} is no header such as `name: value`", place + 1)));
        };
        headers.insert(name, value);
    }
    Ok(headers)
}

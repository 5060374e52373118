//! What carries git's protocol over HTTP. gitprotocol-http(5), with the client left to who builds the program.

use std::fmt;
use std::io::{BufReader, Read};
use std::sync::Arc;
use std::time::Duration;

use super::{Call, Sent, Service};
use crate::fault::Fault;
use crate::protocol::Broken;
use crate::protocol::advert::{Advert, skip_service};
use crate::secret::{SAID_MAX, Secret, plain};
use crate::wire::auth::Credentials;

/// An HTTP client. It follows no redirects, and repeats nothing by itself.
pub trait Http: Send + Sync {
    /// Sends a request and reads the head of its answer.
    ///
    /// # Errors
    /// There is no answer; the fault says whether the server may have got the request.
    fn send(&self, request: &Request<'_>) -> Result<Response, HttpFault>;
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Read.
    Get,
    /// Do.
    Post,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request<'r> {
    /// What to do.
    pub method: Method,
    /// Where; no user stands in it.
    pub url: &'r str,
    /// What the header `Accept` says.
    pub accept: &'r str,
    /// What the header `Content-Type` says, if there is a body.
    pub content_type: Option<&'r str>,
    /// What the header `Authorization` says.
    pub authorization: Option<&'r Secret>,
    /// The body.
    pub body: &'r [u8],
    /// How long all of it may take, the body of the answer included.
    pub deadline: Duration,
}

/// The head of an answer, and its body as it comes.
pub struct Response {
    /// The status.
    pub status: u16,
    /// What the header `Content-Type` says; empty if it is not there.
    pub content_type: String,
    /// The body. It ends in an error if the connection breaks or the deadline passes before its end.
    pub body: Box<dyn Read + Send>,
}

impl fmt::Debug for Response {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, content_type, body: _ } = self;
        out.debug_struct("Response")
            .field("status", status)
            .field("content_type", content_type)
            .finish_non_exhaustive()
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct HttpFault {
    /// Whether the whole request may have come to the server.
    pub sent: Sent,
    /// What is known, without secrets.
    pub why: String,
}

/// A repository behind a web server.
pub(crate) struct Web {
    pub(crate) http: Arc<dyn Http>,
    pub(crate) url: String,
    pub(crate) credentials: Credentials,
    pub(crate) deadline: Duration,
}

impl Web {
    pub(crate) fn advert(&self, service: Service, reference: &str) -> Result<Advert, Fault> {
        let name = service.name();
        let url = format!("{}/info/refs?service={name}", self.url);
        let response =
            self.send(Method::Get, &url, "*/*", None, &[]).map_err(|(_, fault)| fault)?;
        if !response.content_type.starts_with(&format!("application/x-{name}-advertisement")) {
            let what = format!("its answer is `{}`, not git's", shown(&response.content_type));
            return Err(Fault::Protocol { remote: self.url.clone(), what });
        }
        let mut body = BufReader::new(response.body);
        let read = skip_service(&mut body, name).and_then(|()| Advert::read(&mut body, reference));
        read.map_err(|broken| self.explain(&broken))
    }

    /// Sends a body to a service, and gives its answer.
    pub(crate) fn call(&self, service: Service, body: &[u8]) -> Call<Box<dyn Read + Send>> {
        let name = service.name();
        let url = format!("{}/{name}", self.url);
        let (accept, content_type) =
            (format!("application/x-{name}-result"), format!("application/x-{name}-request"));
        let response = self.send(Method::Post, &url, &accept, Some(&content_type), body)?;
        if !response.content_type.starts_with(&accept) {
            let what = format!("its answer is `{}`, not git's", shown(&response.content_type));
            return Err((Sent::Perhaps, Fault::Protocol { remote: self.url.clone(), what }));
        }
        Ok(Box::new(BufReader::new(response.body)))
    }

    fn send(
        &self,
        method: Method,
        url: &str,
        accept: &str,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Call<Response> {
        let authorization = self.credentials.header.as_ref();
        let request = Request {
            method,
            url,
            accept,
            content_type,
            authorization,
            body,
            deadline: self.deadline,
        };
        let response = self.http.send(&request).map_err(|HttpFault { sent, why }| {
            let why = plain(why.as_bytes(), &self.credentials.secrets);
            (sent, Fault::Unreachable { remote: self.url.clone(), why })
        })?;
        if response.status == 200 { Ok(response) } else { Err(self.refusal(response)) }
    }

    fn refusal(&self, response: Response) -> (Sent, Fault) {
        let mut said = Vec::new();
        let _ = response.body.take(SAID_MAX as u64).read_to_end(&mut said);
        let remote = self.url.clone();
        let status = response.status;
        let why =
            format!("{status} {}", plain(&said, &self.credentials.secrets)).trim_end().to_owned();
        let fault = match status {
            401 | 403 => Fault::Denied { remote, why },
            404 | 410 => Fault::Missing { remote, why },
            300..=399 => {
                let what = format!(
                    "it sends us elsewhere ({status}). Name the repository where it is now."
                );
                Fault::Protocol { remote, what }
            }
            _ => Fault::Unreachable { remote, why },
        };
        // A gateway may give up while the server behind it goes on.
        (if (300..500).contains(&status) { Sent::No } else { Sent::Perhaps }, fault)
    }

    pub(crate) fn explain(&self, broken: &Broken) -> Fault {
        super::from_broken(self.url.clone(), broken, &self.credentials.secrets)
    }
}

fn shown(text: &str) -> String {
    plain(&text.as_bytes()[..text.len().min(100)], &[])
}

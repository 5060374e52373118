//! HTTP for git, by the client that the rest of the program has.

use std::time::Duration;

use periplus_git::{Http, HttpFault, Method, Request, Response, Sent};
use reqwest::blocking::Client;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};

use crate::failure::Failure;

/// An HTTP client, with the proxies of the environment and the certificates of the system.
pub(crate) struct Web(Client);

/// Most often it is that. A container may have none.
pub(crate) const NO_AUTHORITIES: &str = "install the certificates of authorities (`ca-certificates`), or name a file with those that you trust in the \
     environment, as SSL_CERT_FILE";

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(20);

impl Web {
    /// # Errors
    /// TLS cannot be set up.
    pub(crate) fn new() -> Result<Self, Failure> {
        // Whoever was first has chosen the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("periplus/", env!("CARGO_PKG_VERSION")))
            .build();
        client.map(Self).map_err(|error| Failure::Environment {
            message: format!("cannot set up HTTP: {}", chain(&error)),
            hint: Some(NO_AUTHORITIES.into()),
        })
    }
}

impl Http for Web {
    fn send(&self, request: &Request<'_>) -> Result<Response, HttpFault> {
        let mut sent = match request.method {
            Method::Get => self.0.get(request.url),
            Method::Post => self.0.post(request.url).body(request.body.to_vec()),
        };
        sent = sent.header(ACCEPT, request.accept).timeout(request.deadline);
        if let Some(kind) = request.content_type {
            sent = sent.header(CONTENT_TYPE, kind);
        }
        if let Some(secret) = request.authorization {
            let unfit =
                |_| HttpFault { sent: Sent::No, why: "the token holds what no header can".into() };
            let mut value = HeaderValue::from_str(secret.expose()).map_err(unfit)?;
            value.set_sensitive(true);
            sent = sent.header(AUTHORIZATION, value);
        }
        let answered = sent.send().map_err(|error| {
            let may =
                if error.is_connect() || error.is_builder() { Sent::No } else { Sent::Perhaps };
            // The URL stands in the fault that this becomes a part of.
            HttpFault { sent: may, why: chain(&error.without_url()) }
        })?;
        let kind = answered.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        Ok(Response {
            status: answered.status().as_u16(),
            content_type: kind.unwrap_or("").to_owned(),
            body: Box::new(answered),
        })
    }
}

/// An error with what caused it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
